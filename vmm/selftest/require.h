/* SPDX-License-Identifier: GPL-2.0-only */
/* --require: checks that must pass; one that is left out is a failure. */
#ifndef SELFTEST_REQUIRE_H
#define SELFTEST_REQUIRE_H

#include "check.h"

/*
 * require_checks - mark the checks of @list that @what requires
 * @what: "host", "linux", "cloud", "container", names and globs of checks, with
 * commas between them; it is cut into pieces.
 * 0, or -1 and @err: no such name, or a check that is not in @list.
 */
int require_checks(char *what, const struct check *const *list, unsigned int n, char *err, size_t size);

#endif
