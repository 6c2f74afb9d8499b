// SPDX-License-Identifier: GPL-2.0-only
/* The LAPIC's timers, and halted CPUs that they wake. SDM vol. 3 ch. 11. */
#include "timer.h"

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

/* A new divisor changes how long a running timer takes, not its count. */
static void divisor_changed(void)
{
	u64 t0;
	u32 n;

	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVTT, VEC);
	t0 = rdtsc();
	apic_write(APIC_TMICT, 4000000000u);
	apic_write(APIC_TDCR, 0x0);		/* divide by 2 */
	n = apic_read(APIC_TMCCT);
	check(rdtsc() - t0 > 1000 * tsc_ms() || (n > 2900000000u && n <= 4000000000u),
	      "the timer's count is %u soon after 4000000000, when its divisor became 2", n);
	apic_write(APIC_TMICT, 0);
	apic_write(APIC_TDCR, 0xb);
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
	divisor_changed();
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

/*
 * Set a timer of 2 ms in one mode and change to another at once: it must not fire. The
 * other mode's registers have no effect. Try again if the host paused in between.
 */
static void mode_switch(void)
{
	u64 t0;
	u32 i;

	for (i = 0; i < 20; i++) {
		t0 = rdtsc();
		apic_write(APIC_LVTT, VEC);
		apic_write(APIC_TMICT, 2000000);
		apic_write(APIC_LVTT, 0x40000 | VEC);
		if (rdtsc() - t0 < tsc_ms()) {
			quiet(VEC, "a one-shot timer fired after its mode was changed to TSC deadline");
			break;
		}
		chances();
	}
	wrmsr(0x6e0, rdtsc() + 10000 * tsc_ms());
	apic_write(APIC_LVTT, VEC);
	apic_write(APIC_LVTT, 0x40000 | VEC);
	check_eq(rdmsr(0x6e0), 0, "a TSC deadline after another mode and back");
	apic_write(APIC_TMICT, 2000000);
	quiet(VEC, "a count started the timer in TSC-deadline mode");
	check_eq(apic_read(APIC_TMCCT), 0, "current count in TSC-deadline mode");
	apic_write(APIC_LVTT, VEC);
	wrmsr(0x6e0, rdtsc() + 2 * tsc_ms());
	check_eq(rdmsr(0x6e0), 0, "TSC deadline in one-shot mode");
	quiet(VEC, "a TSC deadline fired in one-shot mode");
	apic_write(APIC_LVTT, 0x40000 | VEC);
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
	apic_write(APIC_TDCR, 0xb);
	mode_switch();
	irq_counts[VEC] = 0;
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
	if (shared->sticky_shadow)
		left_out("interrupts pending before STI; HLT: this KVM leaves the shadow of an instruction that it skips");
	/* An interrupt that is pending before STI; HLT must wake the CPU. */
	for (i = 0; i < 50 && !shared->sticky_shadow; i++) {
		u32 n = irq_counts[VEC + 1];

		step("halted with an interrupt pending");
		apic_icr(0, 0x40000 | (VEC + 1));
		sti_hlt_cli();
		check_eq(irq_counts[VEC + 1], n + 1, "pending interrupts taken by STI; HLT");
	}
}
