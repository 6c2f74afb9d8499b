/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTEST_EVENT_H
#define SELFTEST_EVENT_H

#include "check.h"

/*
 * check_run - run @t->check; returns as its fn(). If the host changed meanwhile
 * (clocksource, TSC, CPUs, a suspend), a failure or warning does not count: run
 * the check again, and skip it if the host keeps changing.
 */
int check_run(struct t *t);

#endif
