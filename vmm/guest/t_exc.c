// SPDX-License-Identifier: GPL-2.0-only
/* Exceptions: vector, error code, saved RIP, CR2, DR6. SDM vol. 3 ch. 6. */
#include "lib.h"

/* Compare the last TRY with what is expected. @rip: the instruction's; 0: any. */
static void expect(u64 got, u32 vec, u64 err, u64 rip, const char *what)
{
	check(got == vec, "%s: vector %d, expected %u", what,
	      got == NO_TRAP ? -1 : (int)got, vec);
	check(last_trap.error == err, "%s: error code 0x%lx, expected 0x%lx", what,
	      LU(last_trap.error), LU(err));
	check(!rip || last_trap.rip == rip, "%s: saved RIP 0x%lx, but the instruction is at 0x%lx",
	      what, LU(last_trap.rip), LU(rip));
}

/* The error code of a #GP for IDT entry @vec. In QEMU before 10 it has 16 times the vector. */
static u64 idt_error(u32 vec)
{
	return shared->tcg && last_trap.error == vec * 16 + 2 ? vec * 16 + 2 : vec * 8 + 2;
}

static u64 at __attribute__((used));		/* the instruction's address, written by HERE */
#define HERE "movq $7f, %%rax; movq %%rax, at; 7: "

TEST(exc_vectors)
{
	u64 v;

	v = TRY("xorl %%ecx, %%ecx; " HERE "divl %%ecx", "rax", "rcx", "rdx");
	expect(v, 0, 0, at, "#DE by division by 0");
	v = TRY("movl $1, %%edx; xorl %%eax, %%eax; movl $1, %%ecx; movq $7f, at; 7: divl %%ecx", "rax", "rcx", "rdx");
	expect(v, 0, 0, at, "#DE by overflow of the quotient");
	v = TRY(HERE "ud2", "rax");
	expect(v, 6, 0, at, "#UD by UD2");
	v = TRY(HERE ".byte 0x06", "rax");
	expect(v, 6, 0, at, "#UD by PUSH ES in long mode");
	v = TRY(HERE "lock; nop", "rax");
	expect(v, 6, 0, at, "#UD by LOCK NOP");
	v = TRY(HERE "int3", "rax");
	expect(v, 3, 0, at + 1, "#BP by INT3");
	v = TRY_IO(HERE "movq (%%rcx), %%rax", NONE, "c"(0x8000000000000000ULL), "rax");
	expect(v, 13, 0, at, "#GP by a non-canonical address");
	v = TRY_IO(HERE "movq (%%rsp,%%rcx), %%rax", NONE, "c"(0x4000000000000000ULL), "rax");
	if (!shared->tcg)		/* it raises #GP */
		expect(v, 12, 0, at, "#SS by a non-canonical stack address");
}

TEST(exc_selectors)
{
	u64 v, gdt;
	struct { u16 limit; u64 base; } __attribute__((packed)) d;
	u64 copy[16];
	u32 i;

	asm volatile("sgdt %0" : "=m"(d));
	memcpy(copy, (void *)d.base, 64);
	gdt = d.base;
	for (i = 8; i < 16; i++)
		copy[i] = 0;
	copy[8] = 0x00cf13000000ffffULL;		/* 40: data, not present */
	copy[9] = 0x00cfb3000000ffffULL;		/* 48: data, DPL 1 */
	d.base = (u64)copy;
	d.limit = sizeof(copy) - 1;
	asm volatile("lgdt %0" : : "m"(d));
	v = TRY_IO(HERE "movl %%ecx, %%ds", NONE, "c"(0xfff8), "rax");
	expect(v, 13, 0xfff8, at, "#GP by a selector beyond the GDT");
	v = TRY_IO(HERE "movl %%ecx, %%ds", NONE, "c"(0x8c), "rax");
	expect(v, 13, 0x8c, at, "#GP by an LDT selector without LDT");
	v = TRY_IO(HERE "movl %%ecx, %%ds", NONE, "c"(0x40), "rax");
	expect(v, 11, 0x40, at, "#NP by a segment that is not present");
	v = TRY_IO(HERE "movl %%ecx, %%ss", NONE, "c"(0x48), "rax");
	expect(v, 13, 0x48, at, "#GP by SS with another DPL");
	v = TRY_IO(HERE "ltr %%cx", NONE, "c"(0x10), "rax");
	expect(v, 13, 0x10, at, "#GP by LTR of a data segment");
	v = TRY_IO(HERE "movl %%ecx, %%ds", NONE, "c"(0), "rax");
	check(v == NO_TRAP, "a null selector in DS faulted");
	d.base = gdt;
	d.limit = 63;
	asm volatile("lgdt %0" : : "m"(d));
	/* An IDT that ends early: #GP with the vector, IDT bit set. */
	asm volatile("sidt %0" : "=m"(d));
	d.limit = 16 * 0x70 - 1;
	asm volatile("lidt %0" : : "m"(d));
	v = TRY(HERE "int $0x90", "rax");
	expect(v, 13, idt_error(0x90), at, "#GP by a vector beyond the IDT");
	d.limit = 4095;
	asm volatile("lidt %0" : : "m"(d));
}

TEST(exc_control_regs)
{
	u64 v, cr0 = read_cr0(), cr3 = read_cr3(), cr4 = read_cr4(), x;

	v = TRY_IO(HERE "movq %%rcx, %%cr0", NONE, "c"(cr0 & ~1ULL), "rax");
	expect(v, 13, 0, at, "#GP by clearing CR0.PE with paging on");
	v = TRY_IO(HERE "movq %%rcx, %%cr0", NONE, "c"((cr0 | 1ULL << 29) & ~(1ULL << 30)), "rax");
	expect(v, 13, 0, at, "#GP by CR0.NW without CR0.CD");
	/* KVM leaves bits that it does not intercept to the CPU; TCG accepts them. */
	if (!shared->tcg) {
		v = TRY_IO(HERE "movq %%rcx, %%cr0", NONE, "c"(cr0 | 1ULL << 40), "rax");
		expect(v, 13, 0, at, "#GP by a bit of CR0's upper half");
	}
	v = TRY_IO(HERE "movq %%rcx, %%cr4", NONE, "c"(cr4 & ~0x20ULL), "rax");
	expect(v, 13, 0, at, "#GP by clearing CR4.PAE in long mode");
	v = TRY_IO(HERE "movq %%rcx, %%cr4", NONE, "c"(cr4 | 1ULL << 31), "rax");
	expect(v, 13, 0, at, "#GP by a reserved bit of CR4");
	if (!shared->tcg) {
		v = TRY_IO(HERE "movq %%rcx, %%cr3", NONE, "c"(cr3 | 1ULL << 62), "rax");
		expect(v, 13, 0, at, "#GP by a reserved bit of CR3");
	}
	if (!shared->tcg) {		/* it accepts what KVM does not intercept */
		v = TRY_IO(HERE "movq %%rcx, %%cr8", NONE, "c"(0x10), "rax");
		expect(v, 13, 0, at, "#GP by a reserved bit of CR8");
	}
	check_eq(read_cr0(), cr0, "CR0 after refused writes");
	check_eq(read_cr3(), cr3, "CR3 after refused writes");
	check_eq(read_cr4(), cr4, "CR4 after refused writes");
	/* Valid values must be kept. */
	write_cr0(cr0 | 8);				/* TS */
	check_eq(read_cr0(), cr0 | 8, "CR0 after setting TS");
	v = TRY(HERE "fnop", "rax");
	expect(v, 7, 0, at, "#NM by x87 with CR0.TS");
	v = TRY(HERE "movaps %%xmm0, %%xmm0", "rax");
	expect(v, 7, 0, at, "#NM by SSE with CR0.TS");
	asm volatile("clts");
	check_eq(read_cr0(), cr0, "CR0 after CLTS");
	write_cr4(cr4 | 4);				/* TSD */
	check_eq(read_cr4(), cr4 | 4, "CR4 after setting TSD");
	write_cr4(cr4);
	write_cr8(7);
	check_eq(read_cr8(), 7, "CR8");
	write_cr8(0);
	asm volatile("smsw %0" : "=r"(x));
	check_eq(x & 0xffff, cr0 & 0xffff, "SMSW");
	asm volatile("lmsw %w0" : : "r"(cr0 | 8));
	check_eq(read_cr0(), cr0 | 8, "CR0 after LMSW of TS");
	asm volatile("clts");
	write_cr2(0x123456789aULL);
	outb(0xe1, 0);
	check_eq(read_cr2(), 0x123456789aULL, "CR2 after an exit");
}

static u32 db_count;
static bool db_keeps;			/* the handler leaves DR6 as it is */
static u64 db_rip[8], db_dr6[8];

static void on_db(struct regs *r)
{
	u64 dr6;

	asm volatile("mov %%dr6, %0" : "=r"(dr6));
	if (db_count < array_size(db_rip)) {
		db_rip[db_count] = r->rip;
		db_dr6[db_count] = dr6;
	}
	db_count++;
	if (!db_keeps)
		asm volatile("mov %0, %%dr6" : : "r"(0xffff0ff0ULL));
	if (dr6 & 0xf)
		r->rflags |= 0x10000;			/* RF: over the breakpoint */
}

TEST(exc_single_step)
{
	u64 a[4];
	u32 i;

	irq_handler(1, on_db);
	/* TF takes effect after the instruction that follows POPF. CPUID and OUT
	 * exit to the host's kernel or program: each must still trap once.
	 */
	asm volatile("movq $1f, (%0); movq $2f, 8(%0); movq $3f, 16(%0); movq $4f, 24(%0)\n\t"
		     "pushf; orl $0x100, (%%rsp); popf\n\t"
		     "nop\n1: cpuid\n2: outb %%al, $0xe1\n3: nop\n4: nop\n\t"
		     "pushf; andl $~0x100, (%%rsp); popf"
		     : : "D"(a) : "rax", "rbx", "rcx", "rdx", "memory", "cc");
	check(db_count >= 4, "TF over NOP, CPUID, OUT, NOP: %u debug exceptions, expected at least 4", db_count);
	for (i = 0; i < 4; i++) {
		check(db_rip[i] == a[i], "single step %u (of NOP, CPUID, OUT, NOP): saved RIP 0x%lx, expected 0x%lx",
		      i, LU(db_rip[i]), LU(a[i]));
		/* If they emulate the step, old KVMs on AMD do not set it in the guest's DR6. */
		check(db_dr6[i] & 0x4000 || (shared->old_kvm && (i == 1 || i == 2)), "single step %u: DR6.BS is not set: 0x%lx", i, LU(db_dr6[i]));
	}
}

TEST(exc_breakpoints)
{
	static volatile u64 watched;
	u64 a, v;

	irq_handler(1, on_db);
	asm volatile("mov %0, %%dr6" : : "r"(0xffff0ff0ULL));
	asm volatile("movq $1f, %0; mov %0, %%dr0; mov %1, %%dr7\n\t"
		     "nop\n1: nop\n\tmov %2, %%dr7"
		     : "=&r"(a) : "r"(0x402ULL), "r"(0x400ULL) : "memory");
	check(db_count == 1, "an instruction breakpoint hit %u times, expected 1", db_count);
	check_eq(db_rip[0], a, "RIP of the instruction breakpoint");
	check((db_dr6[0] & 0xf) == 1, "DR6 of breakpoint 0 is 0x%lx", LU(db_dr6[0]));
	/* Bits of an old breakpoint are no part of the next exception's: SDM vol. 3, 18.2.3. */
	db_count = 0;
	db_keeps = true;
	asm volatile("mov %0, %%dr6" : : "r"(0xffff0ff5ULL));
	asm volatile("pushf; orl $0x100, (%%rsp); popf\n\tcpuid\n\tpushf; andl $~0x100, (%%rsp); popf"
		     : : : "rax", "rbx", "rcx", "rdx", "memory", "cc");
	db_keeps = false;
	check(shared->old_kvm || (db_count && !(db_dr6[0] & 0xf)), "DR6 of a single step is 0x%lx: bits of an earlier breakpoint are left", LU(db_dr6[0]));
	asm volatile("mov %0, %%dr6" : : "r"(0xffff0ff0ULL));
	/* The registers survive exits. */
	asm volatile("mov %0, %%dr1; mov %1, %%dr2; mov %2, %%dr3" : : "r"(0x1111UL), "r"(0x2222UL), "r"(0x3333UL));
	outb(0xe1, 0);
	asm volatile("mov %%dr1, %0" : "=r"(v));
	check_eq(v, 0x1111, "DR1 after an exit");
	asm volatile("mov %%dr2, %0" : "=r"(v));
	check_eq(v, 0x2222, "DR2 after an exit");
	asm volatile("mov %%dr3, %0" : "=r"(v));
	check_eq(v, 0x3333, "DR3 after an exit");
	/* TCG and Bochs arm data breakpoints only at MOV to DR, not at VM entry. */
	if (shared->tcg || shared->bochs)
		return;
	db_count = 0;
	asm volatile("mov %0, %%dr1" : : "r"(&watched));
	asm volatile("mov %0, %%dr7" : : "r"(0x400ULL | 0x8 | 0x00d00000));	/* write, 4 bytes */
	v = watched;
	check(db_count == 0, "a write watchpoint hit on a read");
	watched = v + 1;
	check(db_count == 1, "a write watchpoint hit %u times on one write", db_count);
	check((db_dr6[0] & 0xf) == 2, "DR6 of watchpoint 1 is 0x%lx", LU(db_dr6[0]));
	outb(0xe1, 0);
	asm volatile("mov %%dr0, %0" : "=r"(v));
	check_eq(v, a, "DR0 after an exit");
	asm volatile("mov %%dr7, %0" : "=r"(v));
	check_eq(v, 0x400ULL | 0x8 | 0x00d00000, "DR7 after an exit");
	watched = 7;
	check(db_count == 2, "the watchpoint was lost at an exit");
	asm volatile("mov %0, %%dr7" : : "r"(0x400ULL));
	/* General detect: access to a debug register with DR7.GD. */
	v = TRY_IO("movq %%rcx, %%dr7", NONE, "c"(1ULL << 32));
	check(v == 13, "a reserved bit of DR7: vector %d, expected #GP", v == NO_TRAP ? -1 : (int)v);
}

static void on_df_stub(struct regs *r)
{
	check(r->error == 0, "#DF with error code 0x%lx", LU(r->error));
	shared->out[0]++;
	r->rip = catch_rip;
	r->rsp = shared->out[1];
}

TEST(exc_double_fault)
{
	u64 rsp;

	/* A page fault whose frame cannot be pushed is a double fault. */
	irq_handler(8, on_df_stub);
	asm volatile("mov %%rsp, %0" : "=r"(rsp));
	asm volatile("movq $1f, catch_rip(%%rip)\n\t"
		     "movq %%rsp, %0\n\t"
		     "movq %1, %%rsp\n\t"
		     "movq (%1), %%rax\n\t"
		     "1: movq $0, catch_rip(%%rip)"
		     : "=m"(shared->out[1]) : "r"(VA_BASE * 3 + 0x1000) : "rax", "memory");
	check_eq(shared->out[0], 1, "number of double faults");
}

TEST(exc_alignment)
{
	static u8 buf[16] __attribute__((aligned(16)));
	u64 v = TRY_IO(HERE "movaps %%xmm0, 1(%%rcx)", NONE, "c"(buf), "rax");

	expect(v, 13, 0, at, "#GP by MOVAPS on an odd address");
}

static void user_ac(void)
{
	asm volatile("pushf; orl $0x40000, (%%rsp); popf; movl 1(%%rsp), %%eax; int $0x80" : : : "rax", "memory");
}

static void user_cli(void) { asm volatile("cli; int $0x80"); }
static void user_hlt(void) { asm volatile("hlt; int $0x80"); }
static void user_out(void) { asm volatile("outb %al, $0xe1; int $0x80"); }
static void user_cr0(void) { asm volatile("mov %%cr0, %%rax; int $0x80" : : : "rax"); }
static void user_rdmsr(void) { asm volatile("rdmsr; int $0x80" : : : "rax", "rdx"); }
static void user_int(void) { asm volatile("int $0x90"); }
static void user_invd(void) { asm volatile("wbinvd; int $0x80"); }
static void user_cpuid(void) { asm volatile("cpuid; int $0x80" : : "a"(0), "c"(0) : "rbx", "rdx"); }
static void user_ok(void) { asm volatile("int $0x80"); }

TEST(exc_user)
{
	static const struct { void (*fn)(void); u32 vec; u64 err; const char *what; } t[] = {
		{ user_ok, 0xffff, 0, "INT 80 from ring 3" },
		{ user_cli, 13, 0, "CLI in ring 3" },
		{ user_hlt, 13, 0, "HLT in ring 3" },
		{ user_out, 13, 0, "OUT in ring 3" },
		{ user_cr0, 13, 0, "MOV from CR0 in ring 3" },
		{ user_rdmsr, 13, 0, "RDMSR in ring 3" },
		{ user_invd, 13, 0, "WBINVD in ring 3" },
		{ user_int, 13, 0x90 * 8 + 2, "INT of a ring 0 gate in ring 3" },
	};
	u32 i;

	for (i = 0; i < array_size(t); i++) {
		u64 err = t[i].err;

		if (shared->tcg && t[i].fn == user_invd)
			continue;	/* QEMU 10 does not check CPL */
		step(t[i].what);
		user_call(t[i].fn);
		if (t[i].fn == user_int)
			err = idt_error(0x90);
		check(last_trap.vector == t[i].vec && (t[i].vec == 0xffff || last_trap.error == err),
		      "%s: vector %d, error 0x%lx; expected %u, 0x%lx", t[i].what,
		      (int)last_trap.vector, LU(last_trap.error), t[i].vec, LU(err));
	}
	if (rdmsr(0xce) >> 31 & 1) {			/* CPUID can be made to fault */
		for (i = 0; i < 2; i++) {
			wrmsr(0x140, !i);
			user_call(user_cpuid);
			check(last_trap.vector == (i ? 0xffff : 13) && (i || !last_trap.error), "CPUID in ring 3 with CPUID faulting %s: vector %d, error 0x%lx",
			      i ? "off" : "on", (int)last_trap.vector, LU(last_trap.error));
		}
	}
	write_cr0(read_cr0() | 1 << 18);		/* AM */
	if (shared->tcg)		/* it does not check alignment */
		return;
	user_call(user_ac);
	check(last_trap.vector == 17 && last_trap.error == 0,
	      "misaligned access with AC and AM in ring 3: vector %d, error 0x%lx; expected 17, 0",
	      (int)last_trap.vector, LU(last_trap.error));
}

TEST(exc_fp)
{
	u32 mxcsr = 0x1f80 & ~0x200, cw = 0x37b;	/* divide by zero not masked */
	u64 v;

	asm volatile("ldmxcsr %0" : : "m"(mxcsr));
	v = TRY("movl $0x3f800000, %%eax; movd %%eax, %%xmm0; xorps %%xmm1, %%xmm1; movq $7f, at; 7: divss %%xmm1, %%xmm0", "rax");
	if (!shared->tcg)		/* it has no SIMD exceptions */
		expect(v, 19, 0, at, "#XM by division by zero");
	asm volatile("fninit; fldcw %0" : : "m"(cw));
	v = TRY("fld1; fldz; fdivrp; movq $7f, at; 7: fwait", "rax");
	expect(v, 16, 0, at, "#MF by division by zero");
	asm volatile("fninit");
}

/*
 * The host has paged out the stack for an event: the CPU exits in the middle of the
 * delivery, and KVM must deliver the whole event again.
 */
static u64 paged_stack(void)
{
	shared->arg[0] = (u64)scratch(16);
	sync_host(31);
	return (u64)scratch(17);			/* its top */
}

static volatile u32 events;
static void on_event(struct regs *r)
{
	events++;
	if (r->vector != 2)
		apic_write(APIC_EOI, 0);
}

#define ON_STACK(text) \
	asm volatile("movq %%rsp, %%rbx; movq %0, %%rsp; " text "; movq %%rbx, %%rsp" \
		     : : "r"(paged_stack()), "c"(APIC_BASE_PA + APIC_ICR) : "rax", "rbx", "memory", "cc")

TEST(exc_paged_out)
{
	u64 v;
	u32 i;

	apic_enable();
	irq_handler(2, on_event);
	irq_handler(0x60, on_event);
	page_map(VA_BASE, (u64)scratch(0), 0);
	for (i = 1; i <= 5; i++) {
		v = TRY_IO("movq %%rdx, %%rsp; " HERE "movl %%ecx, %%ds", NONE, "c"(0xfff8) COMMA "d"(paged_stack()), "rax");
		expect(v, 13, 0xfff8, at, "#GP onto a stack that the host paged out");
		v = TRY_IO("movq %%rdx, %%rsp; " HERE "movl %%eax, 0x123(%%rcx)", NONE, "c"(VA_BASE) COMMA "d"(paged_stack()), "rax");
		expect(v, 14, 2, at, "#PF onto a stack that the host paged out");
		check_eq(last_trap.cr2, VA_BASE + 0x123, "CR2 of a #PF onto a stack that the host paged out");
		v = TRY_IO("movq %%rdx, %%rsp; " HERE "ud2", NONE, "d"(paged_stack()), "rax");
		expect(v, 6, 0, at, "#UD onto a stack that the host paged out");
		apic_icr(0, 0x40000 | 0x60);
		ON_STACK("sti; nop; nop; cli");
		check_eq(events, 2 * i - 1, "interrupts onto a stack that the host paged out");
		ON_STACK("movl $0x400, (%%rcx); nop");
		check_eq(events, 2 * i, "NMIs onto a stack that the host paged out");
	}
}

/* Run @insn (OUTS or INS) in 32-bit code at the end of the data segment @sel. */
#define AT_LIMIT(insn, sel) ({ \
	u64 si = 0xfff, di = 0xfff; \
	TRY_IO("pushq $0x08; leaq 1f(%%rip), %%rax; pushq %%rax; lretq\n" \
	       ".code32\n" \
	       "1: movl $0x10, %%eax; movl %%eax, %%ss; movl %%ecx, %%ds; movl %%ecx, %%es\n" \
	       insn "\n" \
	       "pushl $0x18; pushl $2f; lret\n" \
	       ".code64\n" \
	       "2: xorl %%eax, %%eax; movl %%eax, %%ss", \
	       "+S"(si) COMMA "+D"(di), "c"(sel) COMMA "d"(UNIT_PORT_IO), "rax"); })

/* KVM must check string I/O: it exits before the CPU checks segments. */
TEST(io_segments)
{
	struct { u16 limit; u64 base; } __attribute__((packed)) d;
	u64 copy[10], base = (u64)scratch(0);
	u64 v, seg = (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56 | 0xfff;	/* 4 KiB */

	asm volatile("sgdt %0" : "=m"(d));
	memcpy(copy, (void *)d.base, 64);
	copy[8] = seg | 0x0040930000000000ULL;		/* 40: data */
	copy[9] = seg | 0x0040910000000000ULL;		/* 48: data, read-only */
	d.base = (u64)copy;
	d.limit = sizeof(copy) - 1;
	asm volatile("lgdt %0" : : "m"(d));
	v = AT_LIMIT("outsb", 0x40);
	check(v == NO_TRAP, "OUTSB of a segment's last byte gave vector %d", (int)v);
	v = AT_LIMIT("outsw", 0x40);
	check(v == 13, "OUTSW across a segment's limit gave vector %d, expected #GP", v == NO_TRAP ? -1 : (int)v);
	v = AT_LIMIT("insb", 0x40);
	check(v == NO_TRAP, "INSB to a segment's last byte gave vector %d", (int)v);
	v = AT_LIMIT("insw", 0x40);
	check(v == 13, "INSW across a segment's limit gave vector %d, expected #GP", v == NO_TRAP ? -1 : (int)v);
	v = AT_LIMIT("insb", 0x48);
	check(v == 13, "INSB to a read-only segment gave vector %d, expected #GP", v == NO_TRAP ? -1 : (int)v);
	asm volatile("movl %0, %%ds; movl %0, %%es" : : "r"(0x10));
}
