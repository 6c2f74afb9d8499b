/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the tests of timers: t_timer.c, t_pit.c. */
#ifndef GUEST_TIMER_H
#define GUEST_TIMER_H

#include "irq.h"

/* These tests measure time by the TSC, whose frequency the host tells. */
static inline u64 tsc_ms(void)
{
	return shared->arg[0];			/* kHz: cycles per ms */
}

/*
 * A timer must never be early; if it is late, the host may have caused that. On a slow
 * host delivery takes time, which hides an interrupt that is only slightly early, so
 * the tests use times of about 20 ms.
 */
static inline void not_early(u64 start, u64 ms, const char *what)
{
	u64 t = rdtsc() - start;

	check(t > tsc_ms() * ms * 9 / 10, "%s came after %lu cycles, expected %lu",
	      what, LU(t), LU(tsc_ms() * ms));
}

/* No interrupt @vec must come for 3 ms. */
static inline void quiet(u8 vec, const char *what)
{
	u64 t0 = rdtsc();
	u32 n = irq_counts[vec];

	while (rdtsc() - t0 < tsc_ms() * 3)
		sti_nop_cli();
	check(irq_counts[vec] == n, "%s", what);
}

/*
 * A periodic timer must not be late on average, either: measure 25 periods of 4 ms, and
 * try again, because the host may have been late. The next tick makes up for a late
 * one, so only a wrong rate is wrong every time.
 */
static inline void on_time(const char *what)
{
	u64 t0, best = ~0ULL, want = tsc_ms() * 100;
	u32 i, n;

	if (!shared->arg[3])
		return;
	step(what);
	for (i = 0; i < 20 && best > want + want / 20; i++) {
		n = irq_counts[VEC];
		irq_wait(VEC, n + 1, what);
		t0 = rdtsc();
		irq_wait(VEC, n + 26, what);
		t0 = rdtsc() - t0;
		best = t0 < best ? t0 : best;
	}
	check(best <= want + want / 20, "%s: 25 periods of 4 ms took at least %lu cycles in %u tries, expected %lu", what,
	      LU(best), i, LU(want));
}

#endif
