/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Facts that a kernel upgrade must not change unnoticed: what KVM offers, which
 * CPU its guests see, how its modules are set. Kept in every json report; with
 * --baseline the host is held against the facts of that report.
 */
#ifndef SELFTEST_FACTS_H
#define SELFTEST_FACTS_H

#include "env/env.h"

/* A capability: missing fails if @needed since version 0, warns if since later. */
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
