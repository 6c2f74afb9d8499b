/* SPDX-License-Identifier: GPL-2.0-only */
/* The runner: each check in a process of its own, with a deadline. */
#ifndef SELFTEST_RUN_H
#define SELFTEST_RUN_H

#include "check.h"
#include "report/report.h"

struct run_opts {
	const struct check **list;	/* what to run, in order */
	unsigned int n;
	unsigned int jobs;
	struct report *report;
};

int run_checks(struct env *env, const struct run_opts *o,
	       struct result **results, struct totals *tot);

#endif
