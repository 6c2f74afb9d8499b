// SPDX-License-Identifier: GPL-2.0-only
/* Several CPUs: start, IPIs, atomic operations, TLB and TSC across them. */
#include "lib.h"

#define VEC 0x60
/* The guest's spinning CPUs may share host CPUs: make fewer rounds with more than two. */
#define ROUNDS (shared->ncpus > 2 ? 10 : 50)

/*
 * QEMU's TCG loses the interrupt shadow if the host's CPU is interrupted in it: the
 * interrupt may then come between STI and HLT, and HLT sleeps on. Another interrupt,
 * NUDGE, wakes the CPU.
 */
#define NUDGE 0x5f
static volatile u32 apic_of[UNIT_CPUS_MAX];

static volatile u32 ipis[UNIT_CPUS_MAX];

static void on_ipi(struct regs *r)
{
	(void)r;
	__atomic_add_fetch(&ipis[cpu_id()], 1, __ATOMIC_SEQ_CST);
	apic_write(APIC_EOI, 0);
}

static void listen(u64 arg)
{
	volatile u32 *stop = (volatile u32 *)arg;

	sti();
	while (!*stop)
		pause();
	cli();
}

static void listen_halted(u64 arg)
{
	volatile u32 *stop = (volatile u32 *)arg;

	while (!*stop)
		sti_hlt_cli();
}

static volatile u32 stop;

static void up(void)
{
	u32 i;

	cpus_start(shared->ncpus);
	check_eq(shared->online, shared->ncpus, "CPUs online");
	irq_handler(VEC, on_ipi);
	irq_handler(NUDGE, irq_counting);
	apic_write(APIC_DFR, 0xffffffff);
	for (i = 0; i < UNIT_CPUS_MAX; i++)
		ipis[i] = 0;
}

/* cpu_id() numbers CPUs in the order of their arrival: note each one's APIC id. */
static void tell_id(u64 arg)
{
	(void)arg;
	apic_of[cpu_id()] = apic_x2() ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
	apic_write(APIC_LDR, (1u << apic_of[cpu_id()]) << 24);
}

static void ids(void)
{
	u32 i, seen = 0;

	tell_id(0);
	for (i = 1; i < shared->ncpus; i++) {
		cpu_run(i, tell_id, 0);
		cpu_wait(i);
	}
	for (i = 0; i < shared->ncpus; i++)
		seen |= 1u << apic_of[i];
	check_eq(seen, (1u << shared->ncpus) - 1, "set of APIC ids");
}

TEST(smp_start)
{
	up();
	ids();
	/* A second SIPI to a running CPU is ignored. */
	apic_icr(1, 0x4600 | UNIT_LOAD >> 12);
	for (u32 i = 0; i < 100; i++)
		outb(0xe1, 0);
	check_eq(shared->online, shared->ncpus, "CPUs online after a second SIPI");
	/* So is the end of an INIT, a level that is taken back. */
	apic_icr(1, 0x8500);
	step("a CPU that was sent an INIT level de-assert");
	cpu_run(1, tell_id, 0);
	cpu_wait(1);
}

static void wait_ipi(u32 cpu, u32 n, const char *what)
{
	u32 i;

	step(what);
	for (i = 1; ipis[cpu] < n; i++) {
		pause();
		if (shared->tcg && i % 5000 == 0)
			apic_icr(apic_of[cpu], NUDGE);
	}
	check(ipis[cpu] == n, "%s: %u came, expected %u", what, ipis[cpu], n);
}

/* Send ROUNDS IPIs to each of the other CPUs, which run @fn until stop is set. */
static void ipis_in_turn(void (*fn)(u64), const char *what)
{
	u32 i, c;

	up();
	ids();
	stop = 0;
	for (c = 1; c < shared->ncpus; c++)
		cpu_run(c, fn, (u64)&stop);
	for (i = 1; i <= ROUNDS; i++)
		for (c = 1; c < shared->ncpus; c++) {
			apic_icr(apic_of[c], VEC);
			wait_ipi(c, i, what);
		}
}

TEST(ipi)
{
	u32 i, c, n = shared->ncpus;

	ipis_in_turn(listen, "waiting for an IPI to arrive");
	for (c = 0; c < UNIT_CPUS_MAX; c++)
		ipis[c] = 0;
	apic_icr(0, 0xc0000 | VEC);			/* all but self */
	for (c = 1; c < n; c++)
		wait_ipi(c, 1, "waiting for an IPI to all but self");
	sti_nop_cli();
	check_eq(ipis[0], 0, "IPIs at the sender of one to all but self");
	apic_icr(0, 0x80000 | VEC);			/* all */
	sti_nop_cli();
	for (c = 0; c < n; c++)
		wait_ipi(c, c ? 2 : 1, "waiting for an IPI to all");
	apic_icr(0xff, VEC);				/* physical broadcast */
	sti_nop_cli();
	for (c = 0; c < n; c++)
		wait_ipi(c, c ? 3 : 2, "waiting for a physical broadcast");
	for (c = 1; c < n; c++) {			/* logical, one each */
		apic_icr(1u << apic_of[c], 0x800 | VEC);
		wait_ipi(c, 4, "waiting for an IPI to a logical destination");
	}
	apic_icr((1u << n) - 2, 0x800 | VEC);		/* logical, all others */
	for (c = 1; c < n; c++)
		wait_ipi(c, 5, "waiting for an IPI to a logical group");
	sti_nop_cli();
	check_eq(ipis[0], 2, "IPIs at a CPU outside the logical group");
	/* Lowest priority: exactly one of the group. */
	for (i = 0; i < 20; i++) {
		u32 sum = 0, before = 0;

		for (c = 1; c < n; c++)
			before += ipis[c];
		apic_icr((1u << n) - 2, 0x900 | VEC);
		step("waiting for a lowest-priority IPI");
		do {
			pause();
			for (sum = 0, c = 1; c < n; c++)
				sum += ipis[c];
		} while (sum == before);
		outb(0xe1, 0);
		for (sum = 0, c = 1; c < n; c++)
			sum += ipis[c];
		check(sum == before + 1, "a lowest-priority IPI arrived %u times", sum - before);
	}
	stop = 1;
	apic_icr(0, 0xc0000 | VEC);
	for (c = 1; c < n; c++)
		cpu_wait(c);
}

static void to_x2apic(u64 arg)
{
	(void)arg;
	wrmsr(0x1b, rdmsr(0x1b) | 0x400);
}

/* Send one IPI with vector VEC to @dest, in the mode in @low: exactly the CPUs in @want must get it. */
static void x2_ipi(u32 dest, u32 low, u32 want, const char *what)
{
	u32 before[UNIT_CPUS_MAX], c, n = shared->ncpus;

	for (c = 0; c < n; c++)
		before[c] = ipis[c];
	apic_icr(dest, low | VEC);
	sti_nop_cli();
	for (c = 0; c < n; c++)
		if (want >> c & 1)
			wait_ipi(c, before[c] + 1, what);
	for (c = 0; c < 20; c++)
		outb(UNIT_PORT_IDLE, 0);
	sti_nop_cli();
	for (c = 0; c < n; c++)
		check(ipis[c] == before[c] + (want >> c & 1), "%s: CPU %u got %u", what, c, ipis[c] - before[c]);
}

TEST(ipi_x2apic)
{
	u32 c, i, n = shared->ncpus, all = (1u << n) - 1;

	up();
	ids();
	if (!(cpuid(1, 0).c >> 21 & 1))
		skip("KVM offers no x2APIC");
	for (c = 1; c < n; c++) {
		cpu_run(c, to_x2apic, 0);
		cpu_wait(c);
	}
	to_x2apic(0);
	stop = 0;
	for (c = 1; c < n; c++)
		cpu_run(c, listen, (u64)&stop);
	/* CPU numbers are in the order of arrival, so APIC ids come from apic_of. */
	for (i = 0; i < 3; i++) {
		for (c = 0; c < n; c++) {
			x2_ipi(apic_of[c], 0, 1u << c, "IPI to an x2APIC id");
			x2_ipi(1u << apic_of[c], 0x800, 1u << c, "IPI to an x2APIC logical id");
		}
		x2_ipi(all, 0x800, all, "IPI to a cluster of x2APICs");
		x2_ipi(1 << 16 | all, 0x800, 0, "IPI to a cluster without CPUs");
		x2_ipi(0xffffffff, 0, all, "IPI to all, by x2APIC broadcast");
		x2_ipi(0, 0xc0000, all & ~1u, "IPI to all but self in x2APIC mode");
	}
	stop = 1;
	apic_icr(0, 0xc0000 | VEC);
	for (c = 1; c < n; c++)
		cpu_wait(c);
}

static void on_nmi_ipi(struct regs *r)
{
	(void)r;
	__atomic_add_fetch(&ipis[cpu_id()], 1, __ATOMIC_SEQ_CST);
}

TEST(ipi_halted)
{
	u32 i, k, c, n = shared->ncpus;

	ipis_in_turn(listen_halted, "waiting for an IPI to wake a halted CPU");
	irq_handler(2, on_nmi_ipi);
	for (i = 1; i <= 10; i++)
		for (c = 1; c < n; c++) {
			for (k = 0; k < 20; k++)
				outb(UNIT_PORT_IDLE, 0);	/* let it halt */
			apic_icr(apic_of[c], 0x400);
			wait_ipi(c, ROUNDS + i, "waiting for an NMI to wake a halted CPU");
		}
	stop = 1;
	step("waiting for the halted CPUs to finish");
	for (c = 1; c < n; c++) {
		apic_icr(apic_of[c], VEC);
		cpu_wait(c);
	}
}

/* Halts for ever with interrupts off: only a kick (KVM_HC_KICK_CPU) wakes it. */
static volatile u32 wakes;

static void halts(u64 n)
{
	u32 i;

	for (i = 0; i < n; i++) {
		asm volatile("cli; hlt" : : : "memory");
		wakes++;
	}
}

static void kick(u64 id)
{
	u64 r;

	if (cpuid(0, 0).b == 0x68747541)		/* AMD's */
		asm volatile("vmmcall" : "=a"(r) : "a"(5UL), "b"(0UL), "c"(id) : "memory");
	else
		asm volatile("vmcall" : "=a"(r) : "a"(5UL), "b"(0UL), "c"(id) : "memory");
	check_eq(r, 0, "result of KVM_HC_KICK_CPU");
}

/* One kick ends one halt. */
TEST(pv_unhalt)
{
	u32 i, k;

	if (!(kvm_features() >> 7 & 1))
		skip("KVM offers no kicks (feature 7)");
	up();
	ids();
	cpu_run(1, halts, 3);
	for (i = 1; i <= 3; i++) {
		step("waiting for a kick to wake a halted CPU");
		for (k = 0; k < 50; k++)
			outb(UNIT_PORT_IDLE, 0);	/* let it halt */
		check_eq(wakes, i - 1, "how often a halted CPU woke up before it was kicked again");
		kick(apic_of[1]);
		while (wakes < i)
			pause();
	}
	cpu_wait(1);
}

/* INIT stops a CPU, SIPI starts it again from the beginning. */
TEST(init_again)
{
	extern u32 cpu_count;
	u32 c, i;

	up();
	ids();
	for (i = 1; i <= 3; i++) {
		c = shared->ncpus - 1;
		cpu_count = c;			/* let it have the same stack again */
		apic_icr(apic_of[c], 0x4500);
		apic_icr(apic_of[c], 0x4600 | UNIT_LOAD >> 12);
		step("waiting for a CPU to come up again after INIT and SIPI");
		while (shared->online < shared->ncpus + i)
			pause();
		cpu_run(c, tell_id, 0);
		cpu_wait(c);
	}
}

static volatile u64 counter, counter_b;
static volatile u32 xchg_lock;

static void add_many(u64 n)
{
	u64 i;

	for (i = 0; i < n; i++) {
		asm volatile("lock incq %0" : "+m"(counter) : : "memory");
		while (__atomic_exchange_n(&xchg_lock, 1, __ATOMIC_ACQUIRE))
			pause();
		counter_b++;
		__atomic_store_n(&xchg_lock, 0, __ATOMIC_RELEASE);
	}
}

TEST(atomics)
{
	u32 c, n = shared->ncpus;

	up();
	step("counting on all CPUs");
	for (c = 1; c < n; c++)
		cpu_run(c, add_many, 2000);
	add_many(2000);
	for (c = 1; c < n; c++)
		cpu_wait(c);
	check_eq(counter, 2000UL * n, "counter that all CPUs incremented with LOCK");
	check_eq(counter_b, 2000UL * n, "counter behind a lock of XCHG");
}

/* One CPU changes a mapping and tells the other, which must not use the old one. */
#define V0 (VA_BASE + 0x1000)
static volatile u32 flush_seq;

static void on_flush(struct regs *r)
{
	(void)r;
	invlpg(V0);
	__atomic_add_fetch(&flush_seq, 1, __ATOMIC_SEQ_CST);
	apic_write(APIC_EOI, 0);
}

static volatile u64 seen_value;
static volatile u32 look;

static void watcher(u64 arg)
{
	u32 n = 0;

	(void)arg;
	sti();
	while (!stop) {
		if (look) {
			seen_value = *(volatile u64 *)V0;
			look = 0;
		} else {
			(void)*(volatile u64 *)V0;	/* keep it in the TLB */
			/* Rarely, because an exit could hide a lost flush. */
			if (!(++n & 4095))
				outb(UNIT_PORT_IDLE, 0);
		}
	}
	cli();
}

TEST(tlb_shootdown)
{
	volatile u64 *pte;
	u32 i;

	up();
	ids();
	irq_handler(VEC, on_flush);
	*(u64 *)scratch(0) = 100;
	*(u64 *)scratch(1) = 101;
	pte = page_map(V0, (u64)scratch(0), PT_P | PT_W);
	stop = 0;
	cpu_run(1, watcher, 0);
	for (i = 0; i < 60; i++) {
		u32 k = i + 1;

		*pte = (u64)scratch(k & 1) | PT_P | PT_W;
		invlpg(V0);
		apic_icr(apic_of[1], VEC);
		step("waiting for the other CPU to flush");
		while (flush_seq < k)
			pause();
		look = 1;
		step("waiting for the other CPU to look");
		while (look)
			pause();
		check(seen_value == 100 + (k & 1), "the other CPU read %lu through a stale translation, expected %u",
		      LU(seen_value), 100 + (k & 1));
	}
	stop = 1;
	cpu_wait(1);
}

/* Two CPUs read the TSC in turn: no reading may be behind the other CPU's previous one. */
static volatile u64 last_tsc;
static volatile u32 tsc_turn;
static volatile u64 worst;

static void tsc_player(u64 me)
{
	u32 i;

	for (i = 0; i < 200; i++) {
		u64 t;

		while (tsc_turn != me)
			pause();
		t = rdtsc();
		if (t < last_tsc && last_tsc - t > worst)
			worst = last_tsc - t;
		last_tsc = t;
		__atomic_store_n(&tsc_turn, (u32)(me + 1) % 2, __ATOMIC_SEQ_CST);
	}
}

TEST(smp_tsc)
{
	up();
	step("reading the TSC on two CPUs in turn");
	cpu_run(1, tsc_player, 1);
	tsc_player(0);
	cpu_wait(1);
	check(worst == 0, "the TSC on one CPU was %lu cycles behind the other's earlier reading", LU(worst));
}

/* One CPU writes, the other reads, with exits on both. */
static volatile u64 box[64];
static void echo(u64 arg)
{
	u32 i;

	(void)arg;
	for (i = 1; i <= 50; i++) {
		while (box[0] != i)
			pause();
		outb(0xe1, 0);
		box[32] = box[1] + 1;
		__atomic_store_n(&box[33], i, __ATOMIC_SEQ_CST);
	}
}

TEST(smp_memory)
{
	u32 i;

	up();
	cpu_run(1, echo, 0);
	step("exchanging values with the other CPU");
	for (i = 1; i <= 50; i++) {
		box[1] = i * 1000;
		__atomic_store_n(&box[0], i, __ATOMIC_SEQ_CST);
		while (box[33] != i)
			pause();
		check_eq(box[32], i * 1000 + 1, "value from the other CPU");
	}
	cpu_wait(1);
}
