// SPDX-License-Identifier: GPL-2.0
/* perf: how fast. */
#include "selftest.h"

const struct check checks_perf[] = {
	{ 0 }
};
