// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest moves to another VM, as in a migration, and continues there. The vm/state-*
 * checks verify that KVM returns the state that was set; here the CPU, the interrupt
 * controllers and the timers must also work with it.
 */
#include "timer.h"

/* The host's part: selftest/lab/move.c. The old VM completes the IN. */
static void move(void)
{
	check_eq(inb(UNIT_PORT_MOVE), UNIT_MOVE_IN, "AL after an IN during which the guest moved");
}

/*
 * If the TSC is set to less than a second, KVM before 6.7 keeps it in step with the
 * value it had when the vCPU was created. A real guest that migrates is older.
 */
static void grow_old(void)
{
	wrmsr(0x10, rdtsc() + (1ULL << 40));
}

/* --- CPU --- */

static u64 gprs_in[16] __attribute__((used)), gprs_out[16] __attribute__((used));

static void moved_gprs(void)
{
	u32 i;

	for (i = 0; i < 16; i++)
		gprs_in[i] = 0x0123456789abcdefULL * (2 * i + 3);
	asm volatile(
		"push %%rbp; mov $gprs_in, %%rax\n\t"
		GPRS_LOAD
		"stc; std\n\t"
		"outb %%al, %[port]\n\t"
		"pushf; cld; push %%rax; mov $gprs_out, %%rax\n\t"
		GPRS_STORE
		"pop (%%rax); pop 120(%%rax); pop %%rbp"
		: : [port] "i"(UNIT_PORT_MOVE) : GPRS_LOST);
	for (i = 0; i < 15; i++)
		check(gprs_in[i] == gprs_out[i], "general register %u was 0x%lx before the move, is 0x%lx now", i,
		      LU(gprs_in[i]), LU(gprs_out[i]));
	check((gprs_out[15] & 0x401) == 0x401, "RFLAGS lost CF or DF in the move: 0x%lx", LU(gprs_out[15]));
}

static void moved_system_registers(void)
{
	static const struct { u32 msr; u64 v; const char *name; } msrs[] = {
		{ 0xc0000081, 0x0023001000000000ULL, "STAR" }, { 0xc0000082, 0xffffffff81234567ULL, "LSTAR" },
		{ 0xc0000083, 0xffff800012345678ULL, "CSTAR" }, { 0xc0000084, 0x47700, "SFMASK" },
		{ 0xc0000100, 0x00007f0012345678ULL, "FS.base" }, { 0xc0000101, 0xffff888000001000ULL, "GS.base" },
		{ 0xc0000102, 0xffff888000002000ULL, "KERNEL_GS.base" }, { 0x174, 0x10, "SYSENTER_CS" },
		{ 0x175, 0x12345678, "SYSENTER_ESP" }, { 0x176, 0x87654321, "SYSENTER_EIP" },
		{ 0x277, 0x0007010600070106ULL, "PAT" }, { 0x2ff, 0xc06, "MTRR_DEF_TYPE" },
		{ 0x200, 6, "MTRR_PHYSBASE0" }, { 0x250, 0x0606060606060606ULL, "MTRR_FIX64K" },
	};
	struct { u16 limit; u64 base; } __attribute__((packed)) g[2], i[2];
	u64 efer = rdmsr(0xc0000080) | 1, cr0, cr3, cr4 = read_cr4() | 0x80;
	u16 tr[2];
	u32 k;

	for (k = 0; k < array_size(msrs); k++)
		wrmsr(msrs[k].msr, msrs[k].v);
	wrmsr(0xc0000080, efer);
	write_cr4(cr4);
	cr0 = read_cr0() | 8;				/* TS */
	write_cr0(cr0);
	cr3 = read_cr3();
	asm volatile("mov %0, %%cr2" : : "r"(0x123456789000UL));
	write_cr8(3);
	asm volatile("sgdt %0; sidt %1; str %2" : "=m"(g[0]), "=m"(i[0]), "=m"(tr[0]));
	move();
	check_eq(read_cr2(), 0x123456789000, "CR2 after the move");
	check_eq(read_cr0(), cr0, "CR0 after the move");
	check_eq(read_cr3(), cr3, "CR3 after the move");
	check_eq(read_cr4(), cr4, "CR4 after the move");
	check_eq(read_cr8(), 3, "CR8 after the move");
	check_eq(rdmsr(0xc0000080), efer, "EFER after the move");
	check(TRY("fnop", "rax") == 7, "x87 after the move, with CR0.TS set, raised no #NM");
	asm volatile("clts");
	write_cr8(0);
	asm volatile("sgdt %0; sidt %1; str %2" : "=m"(g[1]), "=m"(i[1]), "=m"(tr[1]));
	check(!memcmp(&g[0], &g[1], sizeof(g[0])), "the move changed GDTR");
	check(!memcmp(&i[0], &i[1], sizeof(i[0])), "the move changed IDTR");
	check(tr[0] == tr[1], "TR was 0x%x before the move, is 0x%x now", tr[0], tr[1]);
	for (k = 0; k < array_size(msrs); k++)
		check(rdmsr(msrs[k].msr) == msrs[k].v, "MSR %s (0x%x) was 0x%lx before the move, is 0x%lx now", msrs[k].name,
		      msrs[k].msr, LU(msrs[k].v), LU(rdmsr(msrs[k].msr)));
	write_cr4(cr4 & ~0x80ULL);
}

static void moved_fpu(void)
{
	static u8 want[256] __attribute__((aligned(64))), got[256] __attribute__((aligned(64)));
	u32 i, mxcsr = 0x1f80 | 0x2000, mxcsr2 = 0;
	u16 fcw = 0x27f, fcw2 = 0;
	u64 st = 0;

	for (i = 0; i < 256; i++)
		want[i] = (u8)(i * 7 + 3);
	asm volatile("fninit; fldcw %0; ldmxcsr %1; fldpi" : : "m"(fcw), "m"(mxcsr));
#define XMM(n) "movups 16*" #n "(%0), %%xmm" #n "; "
	asm volatile(XMM(0) XMM(1) XMM(7) XMM(8) XMM(15) : : "r"(want) : "memory");
	move();
#undef XMM
#define XMM(n) "movups %%xmm" #n ", 16*" #n "(%0); "
	asm volatile(XMM(0) XMM(1) XMM(7) XMM(8) XMM(15) : : "r"(got) : "memory");
#undef XMM
	asm volatile("fnstcw %0; stmxcsr %1; fstpl %2" : "=m"(fcw2), "=m"(mxcsr2), "=m"(st));
	for (i = 0; i < 256; i++) {
		u32 n = i / 16;

		if (n == 0 || n == 1 || n == 7 || n == 8 || n == 15)
			check(got[i] == want[i], "byte %u of XMM%u was 0x%x before the move, is 0x%x now", i % 16, n, want[i], got[i]);
	}
	check_eq(fcw2, fcw, "x87 control word after the move");
	check_eq(mxcsr2, mxcsr, "MXCSR after the move");
	check_eq(st, 0x400921fb54442d18ULL, "x87's ST0 (pi) after the move");
}

static volatile u32 debug_traps;
static volatile u64 debug_dr6;

static void on_debug(struct regs *r)
{
	u64 dr6;

	asm volatile("mov %%dr6, %0" : "=r"(dr6));
	debug_dr6 = dr6;
	debug_traps++;
	asm volatile("mov %0, %%dr6" : : "r"(0xffff0ff0UL));
	r->rflags = (r->rflags & ~0x100ULL) | 0x10000;	/* clear TF; set RF to step over the breakpoint */
}

/* A breakpoint that was set before the move, and a single step over the instruction that moves. */
static void moved_debug(void)
{
	extern u8 moved_break[];

	irq_handler(1, on_debug);
	debug_traps = 0;
	asm volatile("mov %0, %%dr0; mov %1, %%dr3; mov %2, %%dr7" : : "r"(moved_break), "r"(0x1234UL), "r"(0x402UL));
	move();
	asm volatile("	.globl moved_break\nmoved_break: nop" : : : "memory");
	if (!shared->tcg)		/* it does not arm breakpoints when VMRUN loads DR7 */
		check(debug_traps == 1 && debug_dr6 & 1, "a breakpoint set before the move raised %u #DB, DR6 0x%lx",
		      debug_traps, LU(debug_dr6));
	u64 dr3;
	asm volatile("mov %%dr3, %0; mov %1, %%dr7" : "=r"(dr3) : "r"(0x400UL));
	check_eq(dr3, 0x1234, "DR3 after the move");
	debug_traps = 0;
	asm volatile("pushf; orl $0x100, (%%rsp); popf; outb %%al, %0; nop" : : "i"(UNIT_PORT_MOVE) : "cc", "memory");
	/* The step must trap once after the OUT, though the guest has moved. */
	check(debug_traps == 1 && debug_dr6 & 1 << 14, "a single step over the instruction that moved the guest raised %u #DB, DR6 0x%lx",
	      debug_traps, LU(debug_dr6));
	irq_handler(1, NULL);
}

TEST(moved_cpu)
{
	u64 t;
	u32 i;

	grow_old();
	t = rdtsc();
	for (i = 0; i < 3; i++)
		moved_gprs();
	check(rdtsc() >= t, "the TSC went back in the move");
	check(rdtsc() - t < 60000 * tsc_ms(), "the TSC jumped ahead by %lu cycles in three moves", LU(rdtsc() - t));
	moved_system_registers();
	moved_fpu();
	moved_debug();
}

/* --- local APIC --- */

static void apic_saved(u32 *v)
{
	static const u32 regs[] = { APIC_ID, APIC_VER, APIC_TPR, APIC_LDR, APIC_DFR, APIC_SVR, APIC_LVTT, APIC_LVT0,
		APIC_LVT1, APIC_LVTERR, APIC_TDCR };
	u32 i;

	for (i = 0; i < array_size(regs); i++) {
		u32 now = apic_x2() && regs[i] == APIC_DFR ? 0 : apic_read(regs[i]);

		if (v[31])
			check(now == v[i], "LAPIC register 0x%x was 0x%x before the move, is 0x%x now", regs[i], v[i], now);
		v[i] = now;
	}
	v[31] = 1;
}

static volatile u32 order[4], order_n;

static void on_low(struct regs *r)
{
	irq_counts[r->vector]++;
	order[order_n++ & 3] = 1;
	apic_write(APIC_EOI, 0);
}

/* The handler of a high vector: the guest moves in it while a lower vector is pending. */
static void on_high(struct regs *r)
{
	irq_counts[r->vector]++;
	order[order_n++ & 3] = 2;
	apic_icr(0, 0x40000 | VEC);
	move();
	check(apic_bit(APIC_ISR, (u8)r->vector), "the vector in service before the move is not in the ISR");
	check(apic_bit(APIC_IRR, VEC), "the vector that was pending before the move is not in the IRR");
	sti_nop_cli();
	sti_nop_cli();
	check(irq_counts[VEC] == 1, "a lower vector interrupted the handler after the move");
	order[order_n++ & 3] = 3;
	apic_write(APIC_EOI, 0);
}

static void moved_lapic(void)
{
	u32 saved[32] = { 0 };

	irq_counts[VEC] = irq_counts[0x90] = order_n = 0;
	irq_handler(VEC, on_low);
	irq_handler(0x90, on_high);
	apic_write(APIC_TPR, 0x20);
	if (!apic_x2())
		apic_write(APIC_LDR, 0x04000000);
	apic_write(APIC_LVTERR, 0x10077);
	apic_saved(saved);
	move();
	apic_saved(saved);
	apic_write(APIC_TPR, 0);
	/* Requested, but not yet taken. */
	apic_icr(0, 0x40000 | VEC);
	move();
	expect_count(VEC, 1, "a vector that was pending in the IRR when the guest moved");
	apic_icr(0, 0x40000 | 0x90);
	chances();
	check(irq_counts[0x90] == 1 && irq_counts[VEC] == 2 && order[0] == 1 && order[1] == 2 && order[2] == 3 && order[3] == 1,
	      "a move in a handler: the high vector came %u times, the low one %u times, or not in that order",
	      irq_counts[0x90], irq_counts[VEC]);
}

static volatile u32 nmis, nmi_depth;

static void on_nmi(struct regs *r)
{
	check(!nmi_depth, "an NMI interrupted the handler of another NMI after a move in the handler");
	nmi_depth++;
	if (nmis++ == 0) {
		apic_icr(0, 0x400);			/* one more, which stays pending */
		move();
		outb(UNIT_PORT_IDLE, 0);
	} else if (nmis == 3) {
		move();					/* NMIs blocked, none pending */
		apic_icr(0, 0x400);
		outb(UNIT_PORT_IDLE, 0);
	}
	nmi_depth--;
}

static void moved_nmi(void)
{
	irq_handler(2, on_nmi);
	nmis = 0;
	apic_icr(0, 0x400);
	chances();
	check(nmis == 2, "an NMI that was pending when the guest moved in an NMI's handler: %u NMIs came, expected 2", nmis);
	apic_icr(0, 0x400);
	chances();
	check(nmis == 4, "an NMI sent after a move in an NMI's handler: %u NMIs came, expected 4", nmis);
}

TEST(moved_lapic)
{
	lapic_on();
	moved_lapic();
	moved_nmi();
	if (!(cpuid(1, 0).c >> 21 & 1))
		return;
	wrmsr(0x1b, rdmsr(0x1b) | 0xc00);
	moved_lapic();
	check(apic_x2(), "x2APIC mode was lost in the move");
}

/* --- PIC and IOAPIC --- */

static volatile u32 pic_seen;

static void on_pic_line(struct regs *r)
{
	pic_seen++;
	if (pic_seen == 1) {
		move();
		outb(0x20, 0x0b);			/* read ISR */
		check_eq(inb(0x20) & 0x20, 0x20, "the PIC's ISR in the handler, after the move");
	}
	outb(0x20, 0x20);
}

/* sync 40 + n: the host raises line n; 60 + n: lowers it. */
static void moved_pic(void)
{
	pics_init();
	pics_mask();
	irq_handler(0x25, on_pic_line);
	apic_write(APIC_LVT0, 0x700);			/* ExtINT */
	sync_host(45);
	move();
	check_eq(inb(0x21), 0xff, "the PIC's mask after the move");
	outb(0x20, 0x0a);
	check_eq(inb(0x20) & 0x20, 0x20, "the PIC's IRR after the move, with line 5 up");
	outb(0x21, 0xdf);
	chances();
	check(pic_seen == 1, "PIC line 5, raised before the move and unmasked after it, raised %u interrupts, expected 1", pic_seen);
	sync_host(65);
	sync_host(45);
	chances();
	check(pic_seen == 2, "PIC line 5, raised after the move, raised %u interrupts, expected 1", pic_seen - 1);
	sync_host(65);
	outb(0x21, 0xff);
	apic_write(APIC_LVT0, 0x10000);
}

static volatile u32 level_seen;

static void on_level(struct regs *r)
{
	if (++level_seen == 1)
		move();					/* remote IRR is set */
	if (level_seen == 3)
		sync_host(69);
	apic_write(APIC_EOI, 0);
}

static void moved_ioapic(void)
{
	u32 i;

	pics_mask();
	for (i = 0; i < 24; i++)
		ioapic_set(i, 0x10000 | (0x30 + i), 0);
	irq_handler(0x39, on_level);
	ioapic_set(9, 0x8039, 0);			/* level, active high */
	move();
	for (i = 0; i < 24; i++)
		check_eq(ioapic_read(0x10 + 2 * i), i == 9 ? 0x8039 : 0x10000 | (0x30 + i), "an entry of the IOAPIC after the move");
	sync_host(49);
	chances();
	check(level_seen == 3, "a level on the IOAPIC, lowered in its third handler, raised %u interrupts after a move in the first, expected 3", level_seen);
	/* An edge on a masked pin may be remembered; it comes when the pin is unmasked. */
	irq_handler(0x38, irq_counting);
	sync_host(48);
	move();
	ioapic_set(8, 0x38, 0);
	sync_host(68);
	sync_host(48);
	chances();
	check(irq_counts[0x38] >= 1 && irq_counts[0x38] <= 2, "edges on the IOAPIC before and after the move raised %u interrupts, expected 1 or 2", irq_counts[0x38]);
	sync_host(68);
	ioapic_set(8, 0x10000, 0);
}

TEST(moved_chips)
{
	lapic_on();
	moved_pic();
	moved_ioapic();
}

/* --- timers --- */

static void moved_lapic_timer(void)
{
	u32 n = irq_counts[VEC];
	u64 t0;

	apic_write(APIC_TDCR, 0xb);			/* a tick is 1 ns in KVM */
	apic_write(APIC_LVTT, VEC);
	t0 = rdtsc();
	apic_write(APIC_TMICT, 20000000);
	move();
	irq_wait(VEC, n + 1, "a 20 ms one-shot LAPIC timer that was running when the guest moved");
	not_early(t0, 20, "a 20 ms one-shot LAPIC timer across a move");
	expect_count(VEC, n + 1, "a one-shot LAPIC timer across a move");
	apic_write(APIC_TMICT, 0);
	apic_write(APIC_LVTT, 0x20000 | VEC);
	n = irq_counts[VEC];
	apic_write(APIC_TMICT, 4000000);
	irq_wait(VEC, n + 3, "the periodic LAPIC timer");
	t0 = rdtsc();
	move();
	n = irq_counts[VEC];
	irq_wait(VEC, n + 12, "the periodic LAPIC timer after the move");
	not_early(t0, 40, "the 2nd to 12th period of 4 ms of the LAPIC timer after the move");	/* the first may be short */
	apic_write(APIC_TMICT, 0);
	/* The guest moves while halted: the timer must wake it in the new VM. */
	apic_write(APIC_LVTT, (shared->tcg ? 0x20000 : 0) | VEC);
	n = irq_counts[VEC];
	apic_write(APIC_TMICT, 20000000);
	outb(UNIT_PORT_MOVE, UNIT_MOVE_SOON);
	step("halted when the guest moved");
	sti_hlt_cli();
	check(irq_counts[VEC] > n, "a CPU that was halted when the guest moved continued without an interrupt");
	apic_write(APIC_TMICT, 0);
	chances();
}

static void moved_deadline(void)
{
	u32 n = irq_counts[VEC];
	u64 at;

	if (!(cpuid(1, 0).c >> 24 & 1))
		return;
	apic_write(APIC_LVTT, 0x40000 | VEC);
	at = rdtsc() + 20 * tsc_ms();
	wrmsr(0x6e0, at);
	move();
	if (rdtsc() < at)
		check(rdmsr(0x6e0) == at || rdtsc() >= at, "the TSC deadline was 0x%lx before the move, is 0x%lx now", LU(at), LU(rdmsr(0x6e0)));
	irq_wait(VEC, n + 1, "the TSC deadline after the move");
	check(rdtsc() + tsc_ms() / 50 >= at, "the TSC deadline fired early after the move");
	check_eq(rdmsr(0x6e0), 0, "TSC deadline after it fired");
	expect_count(VEC, n + 1, "the TSC deadline across a move");
}

static void moved_pit(void)
{
	u64 t0;
	u32 n, i;

	irq_counts[VEC] = 0;
	pics_mask();
	ioapic_set(0, VEC, 0);				/* KVM's default route */
	pit_count(0, 2, 4773);				/* 4 ms */
	irq_wait(VEC, 3, "3 ticks of the PIT");
	/* KVM reinjects missed ticks, so count from before the move. */
	t0 = rdtsc();
	move();
	n = irq_counts[VEC];
	irq_wait(VEC, n + 12, "ticks of the PIT after the move");
	not_early(t0, 40, "the 2nd to 12th period of 4 ms of the PIT after the move");
	ioapic_set(0, 0x10000, 0);
	pit_count(0, 4, 1);
	chances();
	/* Channel 2 with port 0x61: gate, speaker, and counting to the end. */
	outb(0x61, 0);
	pit_count(2, 0, 24000);				/* 20 ms */
	outb(0x61, 1);
	move();
	check_eq(inb(0x61) & 3, 1, "port 0x61 after the move: gate and speaker");
	step("waiting for PIT output 2 after the move");
	for (i = 0; !(inb(0x61) & 0x20); i++)
		;
	outb(0x43, 0xe8);				/* read back: status of channel 2 */
	i = inb(0x42);
	check((i & 0x3f) == 0x30, "PIT status of channel 2 after the move is 0x%x, expected mode 0, both bytes", i);
}

TEST(moved_timers)
{
	grow_old();
	lapic_on();
	moved_lapic_timer();
	moved_deadline();
	moved_pit();
}

/* --- clocks, and other records that KVM writes into the guest's memory --- */

TEST(moved_clocks)
{
	static const struct { u32 msr, feature; u64 low; const char *name; } msrs[] = {
		{ 0x4b564d01, 3, 1, "kvmclock" }, { 0x4b564d03, 5, 1, "steal time" }, { 0x4b564d04, 6, 1, "PV EOI" },
	};
	volatile struct { u32 version, pad; u64 tsc, ns; u32 mul; int8_t shift; u8 flags, pad2[2]; } *p = scratch(0);
	volatile u32 *steal = scratch(1);
	u32 features = kvm_features(), i, v;
	u64 a, b;

	grow_old();
	lapic_on();
	for (i = 0; i < array_size(msrs); i++)
		if (features >> msrs[i].feature & 1)
			wrmsr(msrs[i].msr, (u64)scratch(i) | msrs[i].low);
	outb(UNIT_PORT_IDLE, 0);
	a = p->ns;
	v = p->version;
	move();
	for (i = 0; i < array_size(msrs); i++)
		if (features >> msrs[i].feature & 1)
			check_eq(rdmsr(msrs[i].msr), (u64)scratch(i) | msrs[i].low, msrs[i].name);
	outb(UNIT_PORT_IDLE, 0);
	if (features >> 3 & 1) {
		check(p->version != v && !(p->version & 1), "KVM did not rewrite kvmclock's page after the move: version %u, then %u",
		      v, p->version);
		b = p->ns;
		check(b >= a && b - a < 60000000000ULL, "kvmclock was at %lu ns before the move, is at %lu now", LU(a), LU(b));
		check(p->mul, "kvmclock's page has no rate after the move");
	}
	if (features >> 5 & 1)
		check(!(steal[2] & 1), "the version of steal time's record is odd after the move: %u", steal[2]);
}
