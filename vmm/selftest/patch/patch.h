/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTEST_PATCH_H
#define SELFTEST_PATCH_H

#include "check.h"

/* patch_checks - add a check for each patch of the manifest; once, from main */
void patch_checks(const struct env *env);

#endif
