// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM's interface for Hyper-V guests, above all Windows: Hyper-V Top Level Functional
 * Specification 6.0b; Linux's include/asm-generic/hyperv-tlfs.h.
 */
#include "irq.h"

enum { GUEST_OS_ID = 0x40000000, HYPERCALL, VP_INDEX, VP_RUNTIME = 0x40000010,
	TIME_REF_COUNT = 0x40000020, REFERENCE_TSC, TSC_FREQUENCY, HV_EOI = 0x40000070,
	HV_ICR, HV_TPR, SCONTROL = 0x40000080, SVERSION, SIEFP, SIMP, EOM, SINT0 = 0x40000090,
	STIMER0_CONFIG = 0x400000b0, STIMER0_COUNT };

/* Hypercalls, a flag, a result */
enum { HC_FLUSH = 2, HC_SPIN_WAIT = 8, HC_SEND_IPI = 0xb, HC_SEND_IPI_EX = 0x15, HC_FAST = 1 << 16 };
#define HC_INVALID_CODE	2
/* STIMER0_CONFIG: with AUTO a count starts it */
enum { ST_ENABLE = 1, ST_PERIODIC = 2, ST_AUTO = 8, ST_DIRECT = 1 << 12 };
#define MS	10000UL			/* of TIME_REF_COUNT, which counts 100 ns */
#define TIMER_EXPIRED 0x80000010u

static u64 hypercall(u64 input, u64 in, u64 out)
{
	register u64 r8 asm("r8") = out;
	u64 ret;

	asm volatile("call *%[page]" : "=a"(ret), "+c"(input), "+d"(in), "+r"(r8)
		     : [page] "r"(scratch(0)) : "r9", "r10", "r11", "memory", "cc");
	return ret & 0xffff;
}

static void hv_on(void)
{
	struct cpuid c = cpuid(0x40000001, 0);
	const u8 *page = scratch(0);

	check(c.a == 0x31237648, "leaf 0x40000001 is 0x%x, but the host set Hv#1", c.a);
	wrmsr(HYPERCALL, (u64)page | 1);
	check(!(rdmsr(HYPERCALL) & 1), "a hypercall page was enabled before HV_X64_MSR_GUEST_OS_ID was set");
	wrmsr(GUEST_OS_ID, 0x8100000000000001);
	check_eq(rdmsr(GUEST_OS_ID), 0x8100000000000001, "HV_X64_MSR_GUEST_OS_ID");
	wrmsr(HYPERCALL, (u64)page | 1);
	check_eq(rdmsr(HYPERCALL), (u64)page | 1, "HV_X64_MSR_HYPERCALL");
	check(page[0] == 0x0f && page[1] == 1 && (page[2] == 0xc1 || page[2] == 0xd9) && page[3] == 0xc3,
	      "the hypercall page begins with %x %x %x %x, expected VMCALL or VMMCALL, and RET",
	      page[0], page[1], page[2], page[3]);
}

/* A reading of the counter, and the TSC before and after it. */
struct reading {
	u64 count, before, after;
};

/* Take the best of some readings: one that the host did not interrupt for long. */
static struct reading read_counter(void)
{
	struct reading r, best = { 0, 0, ~0ULL };
	u32 i;

	for (i = 0; i < 20 && best.after - best.before > shared->arg[0] / 20; i++) {
		r.before = rdtsc();
		r.count = rdmsr(TIME_REF_COUNT);
		r.after = rdtsc();
		if (r.after - r.before < best.after - best.before)
			best = r;
	}
	return best;
}

/* The counter must never go back, and run as fast as the TSC, which is read before and after it. */
static void reference_counter(void)
{
	u64 ms = shared->arg[0], a = rdmsr(TIME_REF_COUNT), b, least, most;
	/* If the host does not trust its TSC, the counter uses another clock. */
	u64 slack = shared->arg[1] ? 50 : 10;
	struct reading from, to;
	u32 i;

	for (i = 0; i < 200; i++) {
		b = rdmsr(TIME_REF_COUNT);
		check(b >= a, "the reference counter went back from 0x%lx to 0x%lx", LU(a), LU(b));
		a = b;
	}
	from = read_counter();
	while (rdtsc() - from.after < 5 * ms)
		;
	to = read_counter();
	b = to.count - from.count;
	least = (to.before - from.after) * MS / ms;
	most = (to.after - from.before) * MS / ms;
	check(b + least / slack >= least && b <= most + most / slack,
	      "the reference counter advanced by %lu (100 ns each) while the TSC advanced by %lu to %lu", LU(b), LU(least), LU(most));
	check_eq(wrmsr_try(TIME_REF_COUNT, 1), 13, "a write of the reference counter");
}

/* The page gives the time without an exit; it must agree with the counter. */
static void reference_page(void)
{
	volatile struct { u32 sequence, pad; u64 scale; u64 offset; } *p = scratch(1);
	u64 ms = shared->arg[0], t0 = rdtsc(), before = rdmsr(TIME_REF_COUNT), a, b, t, hi;
	u32 i;

	wrmsr(REFERENCE_TSC, (u64)p | 1);
	check_eq(rdmsr(REFERENCE_TSC), (u64)p | 1, "HV_X64_MSR_REFERENCE_TSC");
	a = rdmsr(TIME_REF_COUNT);
	t = (rdtsc() - t0) * MS / ms;
	check(a + MS / 10 >= before && a <= before + t + MS / 10,
	      "with the reference TSC page on, the counter went from %lu to %lu, but by the TSC %lu passed", LU(before), LU(a), LU(t));
	if (!p->sequence) {
		check(!shared->arg[1], "the reference TSC page is not valid, though the host keeps its time by the TSC");
		return;
	}
	for (i = 0; i < 50; i++) {
		asm volatile("mulq %2" : "=d"(hi), "=a"(t) : "rm"(p->scale), "a"(rdtsc()) : "cc");
		t = hi + p->offset;
		b = rdmsr(TIME_REF_COUNT);
		check(t + 2 >= a && t <= b + 2, "the reference TSC page says %lu, but the counter went from %lu to %lu",
		      LU(t), LU(a), LU(b));
		a = b;
	}
	wrmsr(REFERENCE_TSC, 0);
}

TEST(hyperv)
{
	u64 v, freq;

	hv_on();
	check_eq(hypercall(0x7fff, 0, 0), HC_INVALID_CODE, "result of an unknown hypercall");
	check_eq(hypercall(HC_SPIN_WAIT | HC_FAST, 1000, 0), 0, "result of HvNotifyLongSpinWait");
	check_eq(rdmsr(VP_INDEX), 0, "HV_X64_MSR_VP_INDEX");
	check_eq(wrmsr_try(VP_INDEX, 1), 13, "a write of HV_X64_MSR_VP_INDEX");
	v = rdmsr(VP_RUNTIME);
	check(rdmsr(VP_RUNTIME) >= v, "HV_X64_MSR_VP_RUNTIME went back");
	freq = rdmsr(TSC_FREQUENCY);
	check(freq / 1000 == shared->arg[0], "HV_X64_MSR_TSC_FREQUENCY is %lu, but the host says %lu kHz", LU(freq),
	      LU(shared->arg[0]));
	reference_counter();
	reference_page();
	wrmsr(HYPERCALL, 0);
	check_eq(rdmsr(HYPERCALL), 0, "HV_X64_MSR_HYPERCALL turned off");
}

/* --- the local APIC by MSRs, SynIC and its timers --- */

#define SINT	2
static volatile struct message {
	u32 type;
	u8 size, pending, pad[2];
	u64 sender;
	u32 timer, pad2;
	u64 expiry, delivery;
	u8 rest[256 - 40];
} *messages;

static void on_hv_irq(struct regs *r)
{
	irq_counts[r->vector]++;
	wrmsr(HV_EOI, 0);
}

static void apic_msrs(void)
{
	u32 i;

	wrmsr(HV_TPR, 0x50);
	check_eq(read_cr8(), 5, "CR8 after 0x50 was written to HV_X64_MSR_TPR");
	write_cr8(0);
	check_eq(rdmsr(HV_TPR), 0, "HV_X64_MSR_TPR after CR8 was cleared");
	for (i = 0; i < 5; i++) {
		wrmsr(HV_ICR, VEC);			/* to APIC 0 */
		irq_wait(VEC, i + 1, "an IPI by HV_X64_MSR_ICR");
		check(!apic_bit(APIC_ISR, VEC), "HV_X64_MSR_EOI did not end the interrupt");
	}
	expect_count(VEC, 5, "IPIs by HV_X64_MSR_ICR");
}

static void synic_on(void)
{
	messages = scratch(2);
	memset((void *)messages, 0, 2 * 4096);
	check_eq(rdmsr(SVERSION), 1, "HV_X64_MSR_SVERSION");
	wrmsr(SIMP, (u64)messages | 1);
	wrmsr(SIEFP, (u64)scratch(3) | 1);
	check_eq(wrmsr_try(SINT0 + SINT, 3), 13, "vector 3, not masked, to a SINT");
	wrmsr(SINT0 + SINT, VEC);
	check_eq(rdmsr(SINT0 + SINT), VEC, "the SINT's MSR");
	wrmsr(SCONTROL, 1);
	check_eq(rdmsr(SCONTROL), 1, "HV_X64_MSR_SCONTROL");
}

/* Take the message of a timer that was set to @count from its slot. */
static void take_message(u64 count, const char *what)
{
	volatile struct message *m = &messages[SINT];

	check(m->type == TIMER_EXPIRED && m->size == 24 && !m->timer,
	      "%s: message type 0x%x of %u bytes of timer %u", what, m->type, m->size, m->timer);
	check(m->expiry == count && m->delivery >= count,
	      "%s: the timer was set to %lu, but the message says %lu, delivered at %lu", what, LU(count), LU(m->expiry), LU(m->delivery));
	m->type = 0;
	wrmsr(EOM, 0);
}

static void timer_messages(void)
{
	u32 n = irq_counts[VEC];
	u64 at, second;

	wrmsr(STIMER0_CONFIG, SINT << 16 | ST_AUTO);
	at = rdmsr(TIME_REF_COUNT) + 2 * MS;
	wrmsr(STIMER0_COUNT, at);
	check_eq(rdmsr(STIMER0_COUNT), at, "HV_X64_MSR_STIMER0_COUNT");
	irq_wait(VEC, ++n, "the interrupt of a synthetic timer's message");
	check(rdmsr(TIME_REF_COUNT) >= at, "a synthetic timer fired early");
	check(!(rdmsr(STIMER0_CONFIG) & ST_ENABLE), "a synthetic timer that fired once is still enabled");
	/* The slot is not free: the next message must wait until this one is taken. */
	second = rdmsr(TIME_REF_COUNT) + MS;
	wrmsr(STIMER0_COUNT, second);
	step("waiting for a second message to be pending");
	while (!(messages[SINT].pending & 1)) {
		sti_nop_cli();
		outb(UNIT_PORT_IDLE, 0);
	}
	check_eq(irq_counts[VEC], n, "interrupts while the slot was not free");
	messages[SINT].pending = 0;
	take_message(at, "the first message");
	irq_wait(VEC, ++n, "the interrupt of the message that waited");
	take_message(second, "the message that waited");
	expect_count(VEC, n, "a synthetic timer's messages");
}

static void timer_direct(void)
{
	u32 n = irq_counts[VEC + 1];
	u64 at;

	wrmsr(STIMER0_CONFIG, ST_DIRECT | (VEC + 1) << 4 | ST_AUTO);
	at = rdmsr(TIME_REF_COUNT) + 2 * MS;
	wrmsr(STIMER0_COUNT, at);
	irq_wait(VEC + 1, ++n, "the interrupt of a synthetic timer in direct mode");
	check(rdmsr(TIME_REF_COUNT) >= at, "a synthetic timer in direct mode fired early");
	wrmsr(STIMER0_CONFIG, ST_DIRECT | (VEC + 1) << 4 | ST_PERIODIC | ST_AUTO);
	at = rdmsr(TIME_REF_COUNT);
	wrmsr(STIMER0_COUNT, MS);
	irq_wait(VEC + 1, n + 10, "10 periods of a synthetic timer");
	check(rdmsr(TIME_REF_COUNT) - at >= 9 * MS, "10 periods of 1 ms of a synthetic timer took less than 9 ms");
	wrmsr(STIMER0_CONFIG, 0);
	n = irq_counts[VEC + 1];
	at = rdmsr(TIME_REF_COUNT);
	sti_nop_cli();					/* one may be pending already */
	while (rdmsr(TIME_REF_COUNT) - at < 3 * MS)
		sti_nop_cli();
	check(irq_counts[VEC + 1] <= n + 1, "a synthetic timer that was turned off still fired");
}

TEST(hyperv_timer)
{
	hv_on();
	lapic_on();
	irq_handler(VEC, on_hv_irq);
	irq_handler(VEC + 1, on_hv_irq);
	apic_msrs();
	check_eq(wrmsr_try(STIMER0_COUNT, 0), NO_TRAP, "a write of HV_X64_MSR_STIMER0_COUNT");
	synic_on();
	timer_messages();
	if (cpuid(0x40000003, 0).d >> 19 & 1)
		timer_direct();
}

/* --- what a guest tells its host: a crash, a reset, an event; changes of the TSC's rate --- */

enum { HV_RESET = 0x40000003, CRASH_P0 = 0x40000100, CRASH_CTL = 0x40000105, REENLIGHTEN, TSC_EMULATION, TSC_EMULATED };
#define HC_SIGNAL_EVENT	0x5d
#define CONNECTION	5		/* the host has an eventfd for it */
#define SYSTEM_RESET	2		/* KVM_SYSTEM_EVENT_* */
#define SYSTEM_CRASH	3

/* The host counts its exits in out[type]. */
static void system_event(u32 msr, u64 v, u32 type, const char *what)
{
	u64 n = shared->out[type];

	wrmsr(msr, v);
	outb(UNIT_PORT_IDLE, 0);
	check_eq(shared->out[type], n + 1, what);
}

TEST(hyperv_events)
{
	struct cpuid c = cpuid(0x40000003, 0);
	u32 i;

	hv_on();
	if (c.d >> 10 & 1) {
		for (i = 0; i < 5; i++)
			wrmsr(CRASH_P0 + i, 0x1111 * (i + 1));
		for (i = 0; i < 5; i++)
			check_eq(rdmsr(CRASH_P0 + i), 0x1111 * (i + 1), "a parameter of a crash");
		system_event(CRASH_CTL, 1ULL << 63, SYSTEM_CRASH, "exits for a crash that the guest reported");
	}
	if (c.a >> 7 & 1)
		system_event(HV_RESET, 1, SYSTEM_RESET, "exits for a reset that the guest requested");
	if (c.a >> 13 & 1) {
		wrmsr(REENLIGHTEN, 1 << 16 | VEC);
		check_eq(rdmsr(REENLIGHTEN), 1 << 16 | VEC, "HV_X64_MSR_REENLIGHTENMENT_CONTROL");
		wrmsr(TSC_EMULATION, 1);
		check_eq(rdmsr(TSC_EMULATION), 1, "HV_X64_MSR_TSC_EMULATION_CONTROL");
		check_eq(rdmsr(TSC_EMULATED), 0, "HV_X64_MSR_TSC_EMULATION_STATUS");
	}
	if (!shared->arg[2])
		return;
	for (i = 1; i <= 3; i++)
		check_eq(hypercall(HC_SIGNAL_EVENT | HC_FAST, CONNECTION, 0), 0, "result of HvCallSignalEvent");
	sync_host(1);				/* out[0] := events that arrived */
	check_eq(shared->out[0], 3, "events signalled by HvCallSignalEvent");
}

/* --- several CPUs --- */

static volatile u32 rounds, seen, vp_index, stop;

static void looks(u64 va)
{
	irq_handler(VEC, irq_counting);
	vp_index = (u32)rdmsr(VP_INDEX);
	while (!stop) {
		seen = *(volatile u32 *)va;
		barrier();
		rounds++;
		sti_nop_cli();
		pause();
	}
}

static void wait_rounds(u32 n)
{
	u32 r = rounds;

	while (rounds - r < n)
		pause();
}

/*
 * IPIs to sets of VP indexes, TLFS 7.8.7.3: a mask of the banks of 64 that follow, then those
 * alone. The host gives this CPU the index 70, in bank 1; the other CPU has 1.
 */
static void sparse_sets(void)
{
	static const struct { u64 banks, first, second; u32 want; } sets[] = {
		{ 2, 1 << 6, 0, 1 }, { 3, 0, 1 << 6, 1 }, { 3, 1 << 6, 0, 0 }, { 4, 1 << 6, 0, 0 },
		{ 6, 1 << 6, 0, 1 }, { 6, 0, 1 << 6, 0 },
	};
	volatile u64 *in = scratch(4);
	u32 i, n;

	sync_host(2);
	check_eq(rdmsr(VP_INDEX), 70, "HV_X64_MSR_VP_INDEX that the host set");
	irq_handler(VEC + 2, irq_counting);
	for (i = 0; i < array_size(sets); i++) {
		n = irq_counts[VEC + 2];
		in[0] = VEC + 2;
		in[1] = 0;				/* a sparse set */
		in[2] = sets[i].banks;
		in[3] = sets[i].first;
		in[4] = sets[i].second;
		check_eq(hypercall(HC_SEND_IPI_EX | (sets[i].banks & (sets[i].banks - 1) ? 2u : 1u) << 17, (u64)in, 0), 0,
			 "result of HvCallSendSyntheticClusterIpiEx");
		sti_nop_cli();
		check(irq_counts[VEC + 2] == n + sets[i].want, "an IPI to banks 0x%lx, 0x%lx, 0x%lx of VP indexes: %u came to index 70, expected %u",
		      LU(sets[i].banks), LU(sets[i].first), LU(sets[i].second), irq_counts[VEC + 2] - n, sets[i].want);
	}
}

TEST(hyperv_smp)
{
	volatile u64 *flush = scratch(4);
	u32 i;

	hv_on();
	lapic_on();
	cpus_start(2);
	for (i = 0; i < 2; i++)
		*(u32 *)scratch(8 + i) = 100 + i;
	page_map(VA_BASE, (u64)scratch(8), PT_P | PT_W);
	cpu_run(1, looks, VA_BASE);
	step("waiting for the other CPU");
	wait_rounds(2);
	check_eq(vp_index, 1, "HV_X64_MSR_VP_INDEX of the second CPU");
	for (i = 0; i < 20; i++) {
		step("waiting for an IPI by HvCallSendSyntheticClusterIpi");
		check_eq(hypercall(HC_SEND_IPI | HC_FAST, VEC, 2), 0, "result of HvCallSendSyntheticClusterIpi");
		while (irq_counts[VEC] < i + 1)
			pause();
	}
	wait_rounds(5);
	check_eq(irq_counts[VEC], 20, "IPIs by HvCallSendSyntheticClusterIpi");
	check(hypercall(HC_SEND_IPI | HC_FAST, 3, 2), "a hypercall for an IPI of vector 3 was not refused");
	for (i = 1; i < 20; i++) {
		*page_entry(VA_BASE, 1) = (u64)scratch(8 + (i & 1)) | PT_P | PT_W;
		flush[0] = 0;
		flush[1] = 2;				/* all address spaces */
		flush[2] = 3;				/* of CPUs 0 and 1 */
		check_eq(hypercall(HC_FLUSH, (u64)flush, 0), 0, "result of HvCallFlushVirtualAddressSpace");
		step("waiting for the other CPU to look");
		wait_rounds(2);
		check_eq(seen, 100 + (i & 1), "what a CPU read after a hypercall flushed its TLB");
	}
	stop = 1;
	cpu_wait(1);
	sparse_sets();
}
