/* SPDX-License-Identifier: GPL-2.0-only */
/* This process's clocks, and which clock the host's kernel keeps. */
#ifndef SELFTEST_CLOCK_H
#define SELFTEST_CLOCK_H

#include "env/env.h"

double now_ms(void);			/* CLOCK_MONOTONIC */
/*
 * wall_offset_ms - what the wall clock is ahead of now_ms(): the same all the
 * time, to within 1 ms, unless somebody sets the clock
 */
double wall_offset_ms(void);

/*
 * host_clocksource_now - the host's clocksource, as read_file()
 * Waits, 5 s at most, while it is tsc-early, which another one follows.
 */
long host_clocksource_now(const struct env *env, char *v, size_t size);
/*
 * host_tsc_listed - is the TSC still a clocksource of this kernel?
 * A TSC that is marked unstable is gone from the list at once, well before the
 * kernel has another clocksource.
 */
bool host_tsc_listed(const struct env *env);
/* host_clock_is_tsc - does this kernel keep its time by the TSC? KVM's clocks are then functions of it. */
bool host_clock_is_tsc(const struct env *env);
/*
 * host_master_clock - can KVM derive its guests' clocks from the TSC alone?
 * It does where the host's own clock is the TSC, read by RDTSC or through
 * Hyper-V's TSC page (arch/x86/kvm/x86.c); not where it is kvm-clock, itself a
 * function of the TSC.
 */
bool host_master_clock(const struct env *env);
/* host_tsc_stable - does this kernel trust its TSC? */
bool host_tsc_stable(const struct env *env);

#endif
