/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTEST_SUITE_H
#define SELFTEST_SUITE_H

#include <stddef.h>

/* suite_add - add the checks of a suite, "kernel[=DIR]" or "kvm-unit-tests=DIR"; 0, or -1 and @err */
int suite_add(const char *what, char *err, size_t size);

#endif
