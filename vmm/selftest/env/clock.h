/* SPDX-License-Identifier: GPL-2.0-only */
/* This process's clocks, and the clocksource of the host's kernel. */
#ifndef SELFTEST_CLOCK_H
#define SELFTEST_CLOCK_H

#include <stdint.h>

#include "env/env.h"

double now_ms(void);			/* CLOCK_MONOTONIC */
/*
 * wall_offset_ms - how far the wall clock is ahead of now_ms()
 * Constant to within 1 ms, unless somebody sets the clock.
 */
double wall_offset_ms(void);

/*
 * host_clocksource_now - read the host's clocksource; returns as read_file()
 * tsc-early is temporary: waits at most 5 s for its successor.
 */
long host_clocksource_now(const struct env *env, char *v, size_t size);
/*
 * host_tsc_listed - is the TSC still a clocksource of this kernel?
 * A TSC that is marked unstable is gone from the list at once, well before the
 * kernel has another clocksource.
 */
bool host_tsc_listed(const struct env *env);
/*
 * host_master_clock - can KVM derive its guests' clocks from the TSC alone?
 * Yes if the host's own clock is the TSC, read by RDTSC or through Hyper-V's TSC
 * page (arch/x86/kvm/x86.c). No if it is kvm-clock, though that is a function of
 * the TSC, too.
 */
bool host_master_clock(const struct env *env);
/* host_tsc_stable - does this kernel trust its TSC? */
bool host_tsc_stable(const struct env *env);
/* host_tsc - read the TSC, after everything before it */
uint64_t host_tsc(void);
/*
 * tsc_khz_measured - the TSC's rate by CLOCK_MONOTONIC, to within 1 %
 * 0: something took the CPU too often. If the clocksource is tsc, both are one clock.
 */
unsigned int tsc_khz_measured(void);
/*
 * tsc_khz_booted - the rate that this kernel calibrated at boot, 0: not to be had
 * /proc/cpuinfo's bogomips are that rate times 2 (tsc_init() sets lpj_fine).
 */
unsigned int tsc_khz_booted(const struct env *env);
/* khz_differ - by more than what tsc_khz_measured() may be wrong by? */
bool khz_differ(unsigned int a, unsigned int b);

#endif
