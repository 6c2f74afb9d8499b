/* SPDX-License-Identifier: GPL-2.0-only */
/* The unit guest (guest/) in the laboratory: its tests are the flat checks. */
#ifndef SELFTEST_UNIT_H
#define SELFTEST_UNIT_H

#include "lab/lab.h"

#define unit_shared(l) ((struct unit_shared *)(void *)((l)->ram + UNIT_SHARED))

/* A test of the unit guest, and what its host does. */
struct unit {
	const char *test;		/* the guest's TEST(test) */
	struct lab_opts lab;
	lab_exit_fn on_exit;
	void *arg;
	int (*prepare)(struct lab *l);	/* before it runs: 0, else the check ends; may be NULL */
};

/* unit_test - run it and turn the guest's word into the check's: 0 passed */
int unit_test(struct t *t, const struct unit *u);
/* unit_check - a test that wants nothing of its host, on one CPU */
int unit_check(struct t *t, const char *test);
/* unit_tell_khz - for prepare: arg[0] is the TSC's frequency */
int unit_tell_khz(struct lab *l);

/* For who looks into the guest's memory after it ran, unit_test() in its parts. */
int unit_open(struct lab *l, struct t *t, const struct unit *u);
int unit_run(struct lab *l);

#endif
