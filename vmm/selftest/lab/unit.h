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

/* unit_test - run a test; the guest's verdict becomes the check's: 0 passed */
int unit_test(struct t *t, const struct unit *u);
/* unit_check - a test that needs one CPU and nothing of its host */
int unit_check(struct t *t, const char *test);
/* unit_tell_khz - for prepare: arg[0] is the TSC's frequency */
int unit_tell_khz(struct lab *l);
/*
 * unit_times - for prepare of a test that measures time by the TSC: unit_tell_khz(), or
 * a skip if this kernel calibrated its TSC wrong at boot, so that KVM's time is wrong
 */
int unit_times(struct lab *l);

/* The parts of unit_test(), for a check that reads the guest's memory afterwards. */
int unit_open(struct lab *l, struct t *t, const struct unit *u);
int unit_run(struct lab *l);

#endif
