// SPDX-License-Identifier: GPL-2.0-only
/* Measure how long operations take, in TSC cycles; the host judges the samples. */
#include "lib.h"

#define VEC	0x60
#define SAMPLES	2000

/* Samples go to UNIT_SCRATCH, their number to out[0]. */
static u32 nsamples;

static void sample(u64 cycles)
{
	u32 *s = scratch(0);

	if (nsamples < SAMPLES)
		s[nsamples++] = cycles > 0xffffffff ? 0xffffffff : (u32)cycles;
}

static void done(void)
{
	shared->out[0] = nsamples;
}

TEST(perf_cpuid)
{
	u32 i;

	for (i = 0; i < SAMPLES; i++) {
		u64 t = rdtsc();

		(void)cpuid(0x40000000, 0);
		sample(rdtsc() - t);
	}
	done();
}

TEST(perf_pio)
{
	u32 i;

	for (i = 0; i < SAMPLES; i++) {
		u64 t = rdtsc();

		outb(0xe1, 0);
		sample(rdtsc() - t);
	}
	done();
}

TEST(perf_mmio)
{
	u32 i;

	for (i = 0; i < SAMPLES / 2; i++) {
		u64 t = rdtsc();

		writel(UNIT_MMIO, 0);
		sample(rdtsc() - t);
	}
	done();
}

TEST(perf_fault)
{
	u32 i;

	/* RAM that has not been touched: each write is a page fault on the host. */
	for (i = 0; i < 1024; i++) {
		u64 t = rdtsc();

		*(volatile u8 *)(0x800000UL + i * 4096) = 1;
		sample(rdtsc() - t);
	}
	done();
}

static volatile u64 arrived;

static void on_timer(struct regs *r)
{
	arrived = rdtsc();
	irq_counts[r->vector]++;
	apic_write(APIC_EOI, 0);
}

/* How late the timer wakes a halted CPU. */
TEST(perf_timer)
{
	u32 i, n;

	apic_enable();
	irq_handler(VEC, on_timer);
	if (!(cpuid(1, 0).c >> 24 & 1))
		skip("KVM offers no TSC-deadline timer");
	apic_write(APIC_LVTT, 0x40000 | VEC);
	for (i = 0; i < 200; i++) {
		u64 t = rdtsc() + shared->arg[0] / 5;		/* 0.2 ms */

		n = irq_counts[VEC];
		wrmsr(0x6e0, t);
		/* TCG may miss the wake-up (t_smp.c): do not halt there. */
		while (irq_counts[VEC] == n) {
			if (shared->tcg)
				sti_nop_cli();
			else
				sti_hlt_cli();
		}
		sample(arrived > t ? arrived - t : 0);
	}
	done();
}

static volatile u32 echo_stop, echoes;

static void on_ping(struct regs *r)
{
	(void)r;
	__atomic_add_fetch(&echoes, 1, __ATOMIC_SEQ_CST);
	apic_write(APIC_EOI, 0);
}

static void echo_halted(u64 arg)
{
	(void)arg;
	while (!echo_stop) {
		if (shared->tcg)
			sti_nop_cli();
		else
			sti_hlt_cli();
	}
}

/* The time from sending an IPI until the halted CPU has taken it. */
TEST(perf_ipi)
{
	u32 i;

	cpus_start(2);
	irq_handler(VEC, on_ping);
	cpu_run(1, echo_halted, 0);
	step("waiting for an IPI to wake the other CPU");
	for (i = 0; i < 200; i++) {
		u32 n = echoes;
		u64 t = rdtsc();

		apic_icr(1, VEC);
		while (echoes == n)
			pause();
		sample(rdtsc() - t);
	}
	echo_stop = 1;
	apic_icr(1, VEC);
	cpu_wait(1);
	done();
}
