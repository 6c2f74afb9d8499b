/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the tests of timers: t_timer.c, t_pit.c, t_moved.c. */
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

/* Start channel @channel of the PIT (Intel 8254): a count of two bytes. */
static inline void pit_count(u32 channel, u32 mode, u16 count)
{
	outb(0x43, (u8)(channel << 6 | 0x30 | mode << 1));
	outb((u16)(0x40 + channel), (u8)count);
	outb((u16)(0x40 + channel), (u8)(count >> 8));
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
 * How long 25 ticks of VEC take; 0 if this CPU did not run for 1 ms in between: then
 * ticks may have been lost for want of a CPU.
 */
static inline u64 ticks_25(void)
{
	u32 n = irq_counts[VEC] + 1;
	u64 from = 0, before = rdtsc(), now;
	bool paused = false;

	while (irq_counts[VEC] < n + 25) {
		sti_nop_cli();
		now = rdtsc();
		if (!from && irq_counts[VEC] >= n)
			from = now;
		else if (from && now - before > tsc_ms())
			paused = true;
		before = now;
	}
	return paused ? 0 : before - from;
}

/*
 * A periodic timer must not be late on average, either: measure 25 periods of 4 ms, and
 * try again, because the host may have been late. The next tick makes up for a late
 * one, so only a wrong rate is wrong every time. On a host that never leaves this CPU
 * alone for that long, nothing can be said.
 */
static inline void on_time(const char *what)
{
	u64 t, best = ~0ULL, want = tsc_ms() * 100;
	u32 i;

	if (!shared->arg[3]) {
		left_out("the rate of a periodic timer: the host does not trust its TSC");
		return;
	}
	step(what);
	for (i = 0; i < 20 && best > want + want / 20; i++) {
		t = ticks_25();
		best = t && t < best ? t : best;
	}
	check(best == ~0ULL || best <= want + want / 20, "%s: 25 periods of 4 ms took at least %lu cycles in %u tries, expected %lu", what,
	      LU(best), i, LU(want));
}

#endif
