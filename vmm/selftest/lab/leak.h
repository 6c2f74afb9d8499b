/* SPDX-License-Identifier: GPL-2.0-only */
/* How leaks are found: what the kernel holds, and how much more after a part of a test. */
#ifndef SELFTEST_LEAK_H
#define SELFTEST_LEAK_H

#include "check.h"

/* held_fn - a number that a leak makes grow; -1: this kernel does not say, or not to this user */
typedef long held_fn(const struct env *env);

/*
 * held_kb - memory in KiB that is neither free nor in use by programs and files
 * Leaks show here; activity of other programs hardly does.
 */
held_fn held_kb;
held_fn held_vms;		/* this process's VMs, according to KVM's debugfs */
held_fn held_module;		/* the use count of KVM's module */
held_fn held_pit_threads;	/* kernel threads that KVM named after this process, for its PITs */
held_fn held_address_spaces;	/* every process's; only root can read that */
/* held_eventfds - grows by 1 with each leaked eventfd, if a test has at most HELD_EVENTFDS open at a time */
#define HELD_EVENTFDS	3
held_fn held_eventfds;

/* held_below - wait until @held is below @much, at most for @ms; returns its last value */
long held_below(const struct env *env, held_fn *held, long much, unsigned int ms);
#define LATE_MS		500		/* for RCU */
/*
 * held_growth - how much @held grows at each of several rounds of @life, at least
 * Stops after a round that adds less than @much: a leak repeats, other programs' use does
 * not. If a round adds more, waits up to @ms for what the kernel frees late.
 * Returns 0 and *least, or -1 if a round failed.
 */
int held_growth(struct t *t, held_fn *held, int (*life)(struct t *t), long much, unsigned int ms, long *least);
/*
 * leaks - fail if each round of @life leaves more than a quarter of @used_kb behind
 * Without a leak about 50 KiB are left. With one, memory of an earlier round that is
 * freed late can hide half of it.
 */
int leaks(struct t *t, int (*life)(struct t *t), long used_kb, const char *what);

#endif
