// SPDX-License-Identifier: GPL-2.0-only
/* Timers, and halted CPUs that they wake. SDM vol. 3 ch. 11; 8254. */
#include "irq.h"

/* These tests measure time by the TSC, whose frequency the host tells. */
static u64 tsc_ms(void)
{
	return shared->arg[0];			/* kHz: cycles per ms */
}

/*
 * A timer must never be early; if it is late, the host may have caused that. On a slow
 * host delivery takes time, which hides an interrupt that is only slightly early, so
 * the tests use times of about 20 ms.
 */
static void not_early(u64 start, u64 ms, const char *what)
{
	u64 t = rdtsc() - start;

	check(t > tsc_ms() * ms * 9 / 10, "%s came after %lu cycles, expected %lu",
	      what, LU(t), LU(tsc_ms() * ms));
}

/* No interrupt @vec must come for 3 ms. */
static void quiet(u8 vec, const char *what)
{
	u64 t0 = rdtsc();
	u32 n = irq_counts[vec];

	while (rdtsc() - t0 < tsc_ms() * 3)
		sti_nop_cli();
	check(irq_counts[vec] == n, "%s", what);
}

static void lapic_shot(u32 divide, u32 count, u64 ms, const char *what)
{
	u32 n = irq_counts[VEC];
	u64 t0;

	apic_write(APIC_LVTT, VEC);
	/* A new divisor makes KVM fire a finished shot again: clear the count first. */
	apic_write(APIC_TMICT, 0);
	apic_write(APIC_TDCR, divide);
	t0 = rdtsc();
	apic_write(APIC_TMICT, count);
	irq_wait(VEC, n + 1, what);
	not_early(t0, ms, what);
	expect_count(VEC, n + 1, what);
	check_eq(apic_read(APIC_TMCCT), 0, "current count after the shot");
}

/* A count of 4 s cannot end before this function does, unless the host pauses that long. */
static void counts_down(void)
{
	u64 t0;
	u32 a, b, i;

	apic_write(APIC_TDCR, 0xb);		/* divide by 1: a tick is 1 ns in KVM */
	apic_write(APIC_LVTT, VEC);
	t0 = rdtsc();
	apic_write(APIC_TMICT, 4000000000u);
	a = apic_read(APIC_TMCCT);
	for (i = 0; i < 100; i++)
		outb(0xe1, 0);
	b = apic_read(APIC_TMCCT);
	apic_write(APIC_TMICT, 0);
	if (rdtsc() - t0 > 3500 * tsc_ms()) {
		chances();
		return;
	}
	check(a <= 4000000000u && b < a, "the timer does not count down: 0x%x, then 0x%x", a, b);
	check_eq(apic_read(APIC_TMCCT), 0, "current count of a stopped timer");
	expect_count(VEC, 0, "a timer that was stopped before its end");
}

/* Start and stop a timer; try again if the host paused in between. */
static void stopped_in_time(void)
{
	u64 t0;
	u32 i;

	for (i = 0; i < 20; i++) {
		t0 = rdtsc();
		apic_write(APIC_TMICT, 2000000);
		apic_write(APIC_TMICT, 0);
		if (rdtsc() - t0 < tsc_ms()) {
			quiet(VEC, "a timer of 2 ms fired after it was stopped");
			return;
		}
		chances();			/* take the interrupt if it fired */
	}
}

/*
 * A periodic timer must not be late on average, either: measure 25 periods of 4 ms, and
 * try again, because the host may have been late. The next tick makes up for a late
 * one, so only a wrong rate is wrong every time.
 */
static void on_time(const char *what)
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

TEST(lapic_timer)
{
	u64 t0;
	u32 a;

	lapic_on();
	counts_down();
	apic_write(APIC_TDCR, 0x3);		/* divide by 16: the count is in those ticks */
	apic_write(APIC_TMICT, 100000000);
	a = apic_read(APIC_TMCCT);
	check(a <= 100000000, "the count of a timer set to 100000000, divided by 16, is %u", a);
	apic_write(APIC_TMICT, 0);
	apic_write(APIC_TDCR, 0xb);
	stopped_in_time();
	lapic_shot(0xb, 2000000, 2, "the LAPIC timer, one shot of 2 ms");
	lapic_shot(0xb, 20000000, 20, "the LAPIC timer, one shot of 20 ms");
	lapic_shot(0x3, 1250000, 20, "the LAPIC timer divided by 16, one shot of 20 ms");
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVTT, 0x20000 | VEC);
	a = irq_counts[VEC];
	t0 = rdtsc();
	apic_write(APIC_TMICT, 4000000);
	irq_wait(VEC, a + 10, "waiting for 10 ticks of the periodic LAPIC timer");
	not_early(t0, 40, "10 periods of 4 ms of the LAPIC timer");
	on_time("the periodic LAPIC timer");
	apic_write(APIC_LVTT, 0x30000 | VEC);
	chances();
	quiet(VEC, "a masked periodic timer fired");
	apic_write(APIC_TMICT, 0);
}

/* A deadline @us ahead. KVM's timer is early and spins until the deadline, to within a few cycles. */
static void deadline_shot(u64 us)
{
	u64 at, now;

	at = rdtsc() + tsc_ms() * us / 1000;
	wrmsr(0x6e0, at);
	irq_wait(VEC, irq_counts[VEC] + 1, "waiting for the TSC deadline");
	now = rdtsc();
	check(now + tsc_ms() / 50 >= at, "the TSC deadline, %lu us ahead, fired %lu cycles early",
	      LU(us), LU(at - now));
	check_eq(rdmsr(0x6e0), 0, "TSC deadline after it fired");
}

TEST(tsc_deadline)
{
	u64 t0, v;
	u32 i;

	if (!(cpuid(1, 0).c >> 24 & 1))
		skip("KVM offers no TSC-deadline timer");
	lapic_on();
	apic_write(APIC_LVTT, 0x40000 | VEC);
	for (i = 0; i < 10; i++)
		deadline_shot(500);
	for (i = 0; i < 3; i++)
		deadline_shot(20000);
	expect_count(VEC, 13, "TSC deadline");
	t0 = rdtsc() + tsc_ms() * 20;
	wrmsr(0x6e0, t0);
	v = rdmsr(0x6e0);
	check(v == t0 || rdtsc() >= t0, "a TSC deadline of 0x%lx reads 0x%lx", LU(t0), LU(v));
	wrmsr(0x6e0, 0);
	if (rdtsc() < t0) {		/* otherwise the host paused too long */
		while (rdtsc() < t0 + tsc_ms())
			sti_nop_cli();
		expect_count(VEC, 13, "a TSC deadline that was disarmed");
	}
	i = irq_counts[VEC] + 1;
	wrmsr(0x6e0, rdtsc() - 1000);
	irq_wait(VEC, i, "waiting for a TSC deadline in the past");
}

static void pit_count(u32 channel, u32 mode, u16 count)
{
	outb(0x43, (u8)(channel << 6 | 0x30 | mode << 1));
	outb((u16)(0x40 + channel), (u8)count);
	outb((u16)(0x40 + channel), (u8)(count >> 8));
}

static u16 pit_read(u32 channel)
{
	u8 lo;

	outb(0x43, (u8)(channel << 6));			/* latch */
	lo = inb((u16)(0x40 + channel));
	return (u16)(lo | inb((u16)(0x40 + channel)) << 8);
}

/* Channel 0 through the IOAPIC: 10 periods of 4 ms, and no interrupt while masked. */
static void pit_irq(void)
{
	u64 t0 = rdtsc();

	pics_mask();
	ioapic_set(0, VEC, 0);				/* KVM's default route */
	pit_count(0, 2, 4773);
	irq_wait(VEC, 10, "waiting for 10 ticks of the PIT by the IOAPIC");
	not_early(t0, 40, "10 periods of 4 ms of the PIT");
	on_time("the PIT");
	ioapic_set(0, 0x10000, 0);
	chances();
	quiet(VEC, "the PIT came through a masked pin of the IOAPIC");
}

/* One-shot modes fire once; mode 3, square wave, is periodic like mode 2. */
static void pit_modes(void)
{
	static const struct { u32 mode; const char *once; } rows[] = {
		{ 0, "the PIT in mode 0 (interrupt on terminal count) fired again" },
		{ 4, "the PIT in mode 4 (software strobe) fired again" },
	};
	u64 t0;
	u32 i, n;

	/* Let no interrupt of the previous mode be left. */
	pit_count(0, 0, 0xffff);
	ioapic_set(0, VEC, 0);
	chances();
	for (i = 0; i < array_size(rows); i++) {
		n = irq_counts[VEC];
		pit_count(0, rows[i].mode, 1193);
		irq_wait(VEC, n + 1, "waiting for one shot of 1 ms of the PIT");
		quiet(VEC, rows[i].once);
	}
	n = irq_counts[VEC];
	t0 = rdtsc();
	pit_count(0, 3, 4773);
	irq_wait(VEC, n + 10, "waiting for 10 ticks of the PIT in mode 3 (square wave)");
	not_early(t0, 40, "10 periods of 4 ms of the PIT in mode 3");
	ioapic_set(0, 0x10000, 0);
	pit_count(0, 0, 0xffff);
	chances();
}

/* A 16-bit count lasts 54.9 ms. If the host paused too long, the functions below return false. */
#define PIT_LAPSE	(40 * tsc_ms())

/* Channel 2: gate, count, output. */
static bool pit_counts(void)
{
	u64 t0 = rdtsc(), t1;
	u16 a, b;
	u8 out;

	outb(0x61, 0);
	pit_count(2, 0, 0xffff);
	outb(0x61, 1);
	a = pit_read(2);
	t1 = rdtsc();
	while (rdtsc() - t1 < tsc_ms())
		;
	b = pit_read(2);
	out = inb(0x61);
	if (rdtsc() - t0 > PIT_LAPSE)
		return false;
	check(b < a && (u16)(a - b) > 700, "PIT channel 2 counted %u in 1 ms, expected about 1193", (u16)(a - b));
	check(!(out & 0x20), "PIT output 2 is high before the end of the count");
	return true;
}

/* A latched count must not change, however late it is read. */
static bool pit_latches(void)
{
	u64 t0 = rdtsc(), t1;
	u16 a, b;

	outb(0x43, 2 << 6);
	t1 = rdtsc();
	while (rdtsc() - t1 < tsc_ms())
		;
	a = inb(0x42);
	a |= (u16)(inb(0x42) << 8);
	b = pit_read(2);
	if (rdtsc() - t0 > PIT_LAPSE)
		return false;
	check((u16)(a - b) > 700, "a latched count of the PIT is only %u above the count 1 ms later", (u16)(a - b));
	return true;
}

TEST(pit)
{
	u16 a;
	u32 i;

	lapic_on();
	pit_irq();
	pit_modes();
	for (i = 0; i < 20 && !pit_counts(); i++)
		;
	for (i = 0; i < 20 && !pit_latches(); i++)
		;
	pit_count(2, 0, 1193);
	step("waiting for PIT output 2");
	for (i = 0; !(inb(0x61) & 0x20); i++)
		;
	/* The read-back command returns the status: mode, access, output. */
	outb(0x43, 0xe8);
	a = inb(0x42);
	check((a & 0x3f) == 0x30, "PIT status of channel 2 is 0x%x, expected mode 0, both bytes", a);
}

/* --- HLT --- */

TEST(hlt_wake)
{
	u32 i;

	lapic_on();
	apic_write(APIC_TDCR, 0xb);
	/*
	 * One shot for each halt. But QEMU's TCG loses the interrupt shadow if the host's
	 * CPU is interrupted in it, and then misses the shot: use a periodic timer there.
	 */
	apic_write(APIC_LVTT, (shared->tcg ? 0x20000 : 0) | VEC);
	for (i = 1; i <= 20; i++) {
		step("halted, waiting for the LAPIC timer");
		if (!shared->tcg || i == 1)
			apic_write(APIC_TMICT, 200000);
		while (irq_counts[VEC] < i)
			sti_hlt_cli();
		check(shared->tcg || irq_counts[VEC] == i, "%u interrupts after %u halts", irq_counts[VEC], i);
	}
	if (shared->tcg)
		apic_write(APIC_TMICT, 20000000);	/* wakes a CPU that missed its interrupt */
	/* An interrupt that is pending before STI; HLT must wake the CPU. */
	for (i = 0; i < 50 && !shared->sticky_shadow; i++) {
		u32 n = irq_counts[VEC + 1];

		step("halted with an interrupt pending");
		apic_icr(0, 0x40000 | (VEC + 1));
		sti_hlt_cli();
		check_eq(irq_counts[VEC + 1], n + 1, "pending interrupts taken by STI; HLT");
	}
}
