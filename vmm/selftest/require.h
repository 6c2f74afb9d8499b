/* SPDX-License-Identifier: GPL-2.0-only */
/* --require: checks that must be done; if one cannot be done, it fails. */
#ifndef SELFTEST_REQUIRE_H
#define SELFTEST_REQUIRE_H

#include "check.h"

/*
 * require_checks - mark the checks of @list that @what requires
 * @what: a list of "host", "linux", "cloud", "container", names and globs of
 * checks, separated by commas. It is modified.
 * 0, or -1 and @err: no such name, or a check that is not in @list.
 */
int require_checks(char *what, const struct check *const *list, unsigned int n, char *err, size_t size);

#endif
