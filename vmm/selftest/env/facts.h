/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Facts that a kernel upgrade must not change unnoticed: KVM's capabilities, the
 * CPU that its guests see, its module parameters. Every json report has them;
 * --baseline compares the host with the facts of that report.
 */
#ifndef SELFTEST_FACTS_H
#define SELFTEST_FACTS_H

#include "env/env.h"

/* A capability. If @needed and missing, @since 0 is a failure, a later one a warning. */
struct cap {
	int nr;
	const char *name;
	unsigned int since;		/* KERNEL() */
	bool needed;
};
extern const struct cap caps[];		/* ends with a NULL name */

/* facts_json - capabilities, CPUID of guests, module parameters */
struct json_object *facts_json(const struct env *env);

#endif
