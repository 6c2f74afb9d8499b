/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTEST_EVENT_H
#define SELFTEST_EVENT_H

#include "check.h"

/*
 * check_run - run @t->check, as its fn(). A failure during which the host changed
 * (its clocksource, TSC, CPUs, a suspend) is void: again, and in the end a skip.
 */
int check_run(struct t *t);

#endif
