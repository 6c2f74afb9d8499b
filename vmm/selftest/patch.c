// SPDX-License-Identifier: GPL-2.0
/* patch: each patch of the manifest, live or not. */
#include "selftest.h"

const struct check checks_patch[] = {
	{ 0 }
};
