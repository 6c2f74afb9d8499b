// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM's emulator: every addressing form of an emulated access, and KVM's own walk of
 * the guest's page tables, which replaces the CPU's for string I/O and MMIO.
 * SDM vol. 2 ch. 2, vol. 3 ch. 4.
 */
#include "lib.h"

#define WIN	((u64)UNIT_MMIO)

static u8 io_byte(u64 a)
{
	return (u8)(a * 37 + 11);
}

static u64 io_bytes(u64 a, u32 n)
{
	u64 v = 0;

	while (n--)
		v = v << 8 | io_byte(a + n);
	return v;
}

/* Read the window at @off, by the one addressing form that is known to work. */
static u64 seen(u64 off)
{
	return readq(WIN + off);
}

static void expect_write(u64 off, u64 want, const char *what)
{
	check(seen(off) == want, "%s: found 0x%lx at the address, expected 0x%lx", what, LU(seen(off)), LU(want));
	writeq(WIN + off, 0);
	writeq(WIN + off + 8, 0);
}

/* --- each register as a base, with displacements of 1 and 4 bytes (RSP and R12 need a SIB byte) --- */

#define AS_BASE(reg, in) do { \
	u64 got = 0, far = 0; \
	step("base " reg); \
	asm volatile("movq %%rsp, %%mm0; movq %%" reg ", %%mm1; mov %2, %%" reg "\n\t" \
		     "movl $0x11223344, 0x10(%%" reg "); movb $0x5a, 0x220(%%" reg ")\n\t" \
		     "movq 0x10(%%" reg "), %%mm2; movq 0x220(%%" reg "), %%mm3\n\t" \
		     "movq %%mm1, %%" reg "; movq %%mm0, %%rsp\n\t" \
		     "movq %%mm2, %0; movq %%mm3, %1" \
		     : "=r"(got), "=r"(far) : in(WIN + 0x100) : "memory"); \
	check_eq(got, 0x11223344, "read with base " reg " and a short displacement"); \
	check_eq(far, 0x5a, "read with base " reg " and a long displacement"); \
	expect_write(0x110, 0x11223344, "write with base " reg " and a short displacement"); \
	expect_write(0x320, 0x5a, "write with base " reg " and a long displacement"); \
} while (0)

static void bases(void)
{
	AS_BASE("rax", "c"); AS_BASE("rcx", "a"); AS_BASE("rdx", "a"); AS_BASE("rbx", "a");
	AS_BASE("rsp", "a"); AS_BASE("rbp", "a"); AS_BASE("rsi", "a"); AS_BASE("rdi", "a");
	AS_BASE("r8", "a"); AS_BASE("r9", "a"); AS_BASE("r10", "a"); AS_BASE("r11", "a");
	AS_BASE("r12", "a"); AS_BASE("r13", "a"); AS_BASE("r14", "a"); AS_BASE("r15", "a");
}

/* --- each register as an index with every scale, alone and with a base --- */

#define INDEX(reg, in, base) do { \
	u64 a = WIN / 8 + 0x20, b = 0x20; \
	step("index " reg); \
	asm volatile("movq %%" reg ", %%mm1; mov %0, %%" reg "\n\t" \
		     "movw $0x1234, 0x10(,%%" reg ",8)\n\t" \
		     "shl $1, %%" reg "; movw $0x1235, 0x20(,%%" reg ",4)\n\t" \
		     "shl $1, %%" reg "; movw $0x1236, 0x30(,%%" reg ",2)\n\t" \
		     "shl $1, %%" reg "; movw $0x1237, 0x40(,%%" reg ",1)\n\t" \
		     "mov %1, %%" reg "; mov %2, %0; movw $0x1238, 0x8(%0,%%" reg ",4)\n\t" \
		     "movq %%mm1, %%" reg \
		     : "+" in(a) : base(b), "i"(UNIT_MMIO + 0x400) : "memory", "cc"); \
	expect_write(0x110, 0x1234, "write with index " reg " times 8"); \
	expect_write(0x120, 0x1235, "write with index " reg " times 4"); \
	expect_write(0x130, 0x1236, "write with index " reg " times 2"); \
	expect_write(0x140, 0x1237, "write with index " reg " times 1"); \
	expect_write(0x488, 0x1238, "write with a base and index " reg " times 4"); \
} while (0)

static void indices(void)
{
	INDEX("rax", "c", "d"); INDEX("rcx", "a", "d"); INDEX("rdx", "a", "c"); INDEX("rbx", "a", "c");
	INDEX("rbp", "a", "c"); INDEX("rsi", "a", "c"); INDEX("rdi", "a", "c");
	INDEX("r8", "a", "c"); INDEX("r9", "a", "c"); INDEX("r10", "a", "c"); INDEX("r11", "a", "c");
	INDEX("r12", "a", "c"); INDEX("r13", "a", "c"); INDEX("r14", "a", "c"); INDEX("r15", "a", "c");
}

/* --- RIP-relative: relative to the end of the instruction, immediate included --- */

/* win_500 etc. are in unit.ld: the assembler would encode an absolute symbol of this file as a bare displacement. */

static void rip_relative(void)
{
	u64 v, f;

	step("RIP-relative addresses");
	asm volatile("movl $0x12345678, win_500(%%rip); movb $0x7f, win_510(%%rip); movw $0x1122, win_520(%%rip)\n\t"
		     "movq $-2, win_530(%%rip)" : : : "memory");
	expect_write(0x500, 0x12345678, "MOV of an immediate of 4 bytes, RIP-relative");
	expect_write(0x510, 0x7f, "MOV of an immediate of 1 byte, RIP-relative");
	expect_write(0x520, 0x1122, "MOV of an immediate of 2 bytes, RIP-relative");
	expect_write(0x530, ~1ULL, "MOV of an immediate of 4 bytes to 8, RIP-relative");
	writeq(WIN + 0x500, 0x100);
	asm volatile("addl $0x10, win_500(%%rip); orl $0x10000001, win_500(%%rip); shll $4, win_500(%%rip)\n\t"
		     "btsl $1, win_500(%%rip); notl win_510(%%rip); incb win_520(%%rip)" : : : "memory", "cc");
	expect_write(0x500, 0x1112, "ADD, OR, SHL, BTS of immediates, RIP-relative");
	expect_write(0x510, 0xffffffff, "NOT, RIP-relative");
	expect_write(0x520, 1, "INC, RIP-relative");
	writeq(WIN + 0x500, 7);
	asm volatile("imull $100, win_500(%%rip), %k0" : "=r"(v) : : "memory", "cc");
	check_eq(v, 700, "IMUL of an immediate, RIP-relative");
	asm volatile("imull $100000, win_500(%%rip), %k0" : "=r"(v) : : "memory", "cc");
	check_eq(v, 700000, "IMUL of a long immediate, RIP-relative");
	asm volatile("testl $4, win_500(%%rip); pushf; pop %0; cmpb $7, win_500(%%rip); pushf; pop %1" : "=r"(v), "=r"(f) : : "memory", "cc");
	check(!(v & 0x40) && f & 0x40, "TEST and CMP of immediates, RIP-relative: flags 0x%lx and 0x%lx", LU(v), LU(f));
	asm volatile("movzbl win_500(%%rip), %k0; addr32 movl win_500(%%eip), %k1" : "=&r"(v), "=r"(f) : : "memory");
	check(v == 7 && f == 7, "MOVZX, and MOV by EIP: 0x%lx and 0x%lx, expected 7", LU(v), LU(f));
	writeq(WIN + 0x500, 0);
}

/* --- address size, segment bases, absolute addresses --- */

static void other_forms(void)
{
	u64 v = 0, fs = rdmsr(0xc0000100), gs = rdmsr(0xc0000101);

	step("other forms of addresses");
	/* 32-bit addresses wrap at 4 GiB and ignore the upper bits. */
	asm volatile("addr32 movl $0x77, 0x20(%k0)" : : "r"((WIN + 0x600) | 0xabcd00000000ULL) : "memory");
	expect_write(0x620, 0x77, "MOV with a 32-bit address, upper bits set");
	asm volatile("addr32 movl $0x78, (%k0,%k1)" : : "r"(0xfffffff0UL), "r"(WIN + 0x650) : "memory");
	expect_write(0x640, 0x78, "MOV with a 32-bit address that wraps around");
	wrmsr(0xc0000100, WIN + 0x700);
	wrmsr(0xc0000101, WIN + 0x780);
	asm volatile("movl $0x79, %%fs:0x10; movl $0x7a, %%gs:(%0)" : : "r"(0x18UL) : "memory");
	wrmsr(0xc0000100, fs);
	wrmsr(0xc0000101, gs);
	expect_write(0x710, 0x79, "MOV through FS");
	expect_write(0x798, 0x7a, "MOV through GS");
	/* Negative displacements; -128 still fits in one byte. */
	asm volatile("movl $0x7b, -0x80(%0); movl $0x7c, -0x800(%0)" : : "r"(WIN + 0xa00) : "memory");
	expect_write(0x980, 0x7b, "MOV with a displacement of -128");
	expect_write(0x200, 0x7c, "MOV with a displacement of -2048");
	asm volatile("movabs %%al, 0x10000640; movabs %%ax, 0x10000650; movabs %%eax, 0x10000660; movabs %%rax, 0x10000670"
		     : : "a"(0x8877665544332211ULL) : "memory");
	check_eq(seen(0x640), 0x11, "MOV of AL to an absolute address");
	check_eq(seen(0x650), 0x2211, "MOV of AX to an absolute address");
	check_eq(seen(0x660), 0x44332211, "MOV of EAX to an absolute address");
	check_eq(seen(0x670), 0x8877665544332211ULL, "MOV of RAX to an absolute address");
	asm volatile("movabs 0x10000670, %%rax" : "=a"(v) : : "memory");
	check_eq(v, 0x8877665544332211ULL, "MOV of an absolute address to RAX");
	/* AH and, with REX, SPL have the same register number. */
	writeq(WIN + 0x640, 0xee);
	asm volatile("mov %1, %%rax; movb 0x10000640, %%ah; mov %%rax, %0" : "=r"(v) : "r"(0x1111UL) : "rax", "memory");
	check_eq(v, 0xee11, "MOV of a byte to AH");
	asm volatile("mov %1, %%rax; mov %%ah, 0x10000640" : "=m"(v) : "r"(0x2233UL) : "rax", "memory");
	check_eq(seen(0x640), 0x22, "MOV of AH to memory");
	asm volatile("movq %%rsi, %%mm0; mov $0x4455, %%esi; movb %%sil, 0x10000640; movq %%mm0, %%rsi" : : : "memory");
	check_eq(seen(0x640), 0x55, "MOV of SIL to memory");
	for (v = 0x640; v < 0x680; v += 8)
		writeq(WIN + v, 0);
}

TEST(mmio_addressing)
{
	u32 i;

	/* At first a read returns a value that depends on the address. */
	for (i = 0; i < 8; i++)
		check_eq(readq(WIN + 0x100 * i), io_bytes(0x100 * i, 8), "an MMIO read");
	sync_host(8);				/* from here on the window is memory */
	asm volatile("emms");
	bases();
	indices();
	rip_relative();
	other_forms();
	asm volatile("emms");
}

/* --- KVM's walk of the page tables --- */

#define V0	(VA_BASE + 0x1000)
enum { E_P = 1, E_W = 2, E_U = 4, E_PK = 0x20 };
#define CR0_WP	0x10000ULL
#define CR4_SMAP 0x200000ULL
#define CR4_PKE	0x400000ULL
#define OSPKE	0x10		/* CPUID 7, ECX */
#define NONE_ERR ~0ULL

/* Instructions that KVM emulates, with one operand in ordinary memory. */
enum { INS, OUTS, MOVS_FROM_MMIO, MOVS_TO_MMIO };
static const char *const insn_names[] = { "INS", "OUTS", "MOVS from MMIO", "MOVS to MMIO" };

static u64 carry_out(u32 insn, u64 va, u32 ac)
{
	u64 v, flags = ac ? 0x40002 : 2;

	switch (insn) {
	case INS:
		v = TRY_IO("push %[f]; popf; insb; push $2; popf", NONE, "D"(va) COMMA "d"(UNIT_PORT_IO) COMMA [f] "r"(flags));
		break;
	case OUTS:
		v = TRY_IO("push %[f]; popf; outsb; push $2; popf", NONE, "S"(va) COMMA "d"(UNIT_PORT_IO) COMMA [f] "r"(flags));
		break;
	case MOVS_FROM_MMIO:
		v = TRY_IO("push %[f]; popf; movsb; push $2; popf", NONE, "D"(va) COMMA "S"(WIN) COMMA [f] "r"(flags));
		break;
	default:
		v = TRY_IO("push %[f]; popf; movsb; push $2; popf", NONE, "S"(va) COMMA "D"(WIN) COMMA [f] "r"(flags));
	}
	return v;
}

static bool writes(u32 insn)
{
	return insn == INS || insn == MOVS_FROM_MMIO;
}

/*
 * Let KVM access a page with @flags. Expect a #PF with @err; or, if that is NONE_ERR,
 * no fault, and the right A and D bits.
 */
static void walk(u32 insn, u64 flags, u32 ac, u64 err, const char *what)
{
	volatile u64 *pte = page_map(V0, (u64)scratch(0), flags);
	u64 v, now;

	step(what);
	v = carry_out(insn, V0 + 0x10, ac);
	now = *pte;
	if (err == NONE_ERR) {
		check(v == NO_TRAP, "%s, %s: vector %d, error 0x%lx, expected no fault", insn_names[insn], what, (int)v, LU(last_trap.error));
		check(now & PT_A, "%s, %s: the entry has no A bit", insn_names[insn], what);
		check(!!(now & PT_D) == writes(insn), "%s, %s: the entry has %s D bit", insn_names[insn], what, now & PT_D ? "a" : "no");
		return;
	}
	if (writes(insn))
		err |= E_W;
	check(v == 14 && last_trap.error == err, "%s, %s: vector %d, error 0x%lx, expected #PF with 0x%lx", insn_names[insn], what,
	      v == NO_TRAP ? -1 : (int)v, LU(last_trap.error), LU(err));
	check(last_trap.cr2 == V0 + 0x10, "%s, %s: CR2 is 0x%lx, expected 0x%lx", insn_names[insn], what, LU(last_trap.cr2), V0 + 0x10);
	check(!(now & PT_D), "%s, %s: the entry has a D bit after a fault", insn_names[insn], what);
}

/* A page table above the page is missing. */
static void walk_missing_level(u32 insn)
{
	u64 v = carry_out(insn, V0 + 0x10, 0), err = writes(insn) ? E_W : 0;

	check(v == 14 && last_trap.error == err, "%s under a table that is not present: vector %d, error 0x%lx, expected #PF with 0x%lx",
	      insn_names[insn], v == NO_TRAP ? -1 : (int)v, LU(last_trap.error), LU(err));
}

static void walk_kernel(u32 insn)
{
	bool w = writes(insn);

	walk(insn, 0, 0, 0, "a page that is not present");
	walk(insn, PT_P | PT_W, 0, NONE_ERR, "a page");
	walk(insn, PT_P | PT_W | PT_A, 0, NONE_ERR, "a page that was accessed before");
	walk(insn, PT_P | PT_W | PT_NX, 0, NONE_ERR, "a no-execute page");
	walk(insn, PT_P, 0, w ? E_P : NONE_ERR, "a read-only page");
	walk(insn, PT_P | PT_W | PT_U, 0, NONE_ERR, "a user page");
	write_cr0(read_cr0() & ~CR0_WP);
	walk(insn, PT_P, 0, NONE_ERR, "a read-only page with CR0.WP=0");
	write_cr0(read_cr0() | CR0_WP);
	walk(insn, PT_P, 0, w ? E_P : NONE_ERR, "a read-only page with CR0.WP set again");
	/* The CPU reads the source of MOVS itself. */
	if (insn != MOVS_TO_MMIO && (cpuid(0x80000008, 0).a & 0xff) < 52)
		walk(insn, PT_P | PT_W | 1ULL << 51, 0, E_P | 8, "an entry with a reserved bit");
	/* The upper levels count, too. */
	*page_entry(V0, 2) &= ~(u64)PT_W;
	invlpg(V0);
	walk(insn, PT_P | PT_W, 0, w ? E_P : NONE_ERR, "a page under a read-only directory");
	*page_entry(V0, 2) |= PT_W;
	*page_entry(V0, 3) &= ~(u64)PT_P;
	write_cr3(read_cr3());
	walk_missing_level(insn);
	*page_entry(V0, 3) |= PT_P;
	write_cr3(read_cr3());
}

/* Make the guest's own code, stack and data user pages, as at the start, or supervisor pages. */
static void own_pages(bool user)
{
	u64 i;

	for (i = 0; i < 2048; i++) {
		volatile u64 *e = page_entry(i << 21, 2);

		*e = user ? *e | PT_U : *e & ~(u64)PT_U;
	}
	write_cr3(read_cr3());
}

static void walk_smap(u32 insn)
{
	if (!(cpuid(7, 0).b >> 20 & 1))
		return;
	/* With SMAP the running code needs supervisor pages. */
	own_pages(false);
	write_cr4(read_cr4() | CR4_SMAP);
	walk(insn, PT_P | PT_W | PT_U, 0, E_P, "a user page under SMAP");
	walk(insn, PT_P | PT_W | PT_U, 1, NONE_ERR, "a user page under SMAP with EFLAGS.AC");
	walk(insn, PT_P | PT_W, 0, NONE_ERR, "a supervisor page under SMAP");
	write_cr4(read_cr4() & ~CR4_SMAP);
	own_pages(true);
	walk(insn, PT_P | PT_W | PT_U, 0, NONE_ERR, "a user page after SMAP was turned off");
}

/* Protection keys: PKRU has two bits per key, AD and WD. For a supervisor WD counts only with CR0.WP. */
static void walk_keys(u32 insn)
{
	const u64 key1 = 1ULL << 59;
	bool w = writes(insn);

	if (!(cpuid(7, 0).c >> 3 & 1))
		return;
	check(!(cpuid(7, 0).c & OSPKE), "CPUID says OSPKE before CR4.PKE is set");
	write_cr4(read_cr4() | CR4_PKE);
	check(cpuid(7, 0).c & OSPKE, "CPUID does not say OSPKE after CR4.PKE was set");
	asm volatile("wrpkru" : : "a"(1 << 2), "c"(0), "d"(0));
	walk(insn, PT_P | PT_W | PT_U | key1, 0, E_P | E_PK, "a user page whose key allows no access");
	walk(insn, PT_P | PT_W | PT_U, 0, NONE_ERR, "a user page with another key");
	walk(insn, PT_P | PT_W | key1, 0, NONE_ERR, "a supervisor page whose key allows no access");
	asm volatile("wrpkru" : : "a"(2 << 2), "c"(0), "d"(0));
	walk(insn, PT_P | PT_W | PT_U | key1, 0, w ? E_P | E_PK : NONE_ERR, "a user page whose key allows no write");
	asm volatile("wrpkru" : : "a"(0), "c"(0), "d"(0));
	walk(insn, PT_P | PT_W | PT_U | key1, 0, NONE_ERR, "a user page whose key allows everything");
	write_cr4(read_cr4() & ~CR4_PKE);
	check(!(cpuid(7, 0).c & OSPKE), "CPUID says OSPKE after CR4.PKE was cleared");
}

/* Ring 3 with IOPL 3, which may use the ports. */
static void user_ins(void) { asm volatile("insb; int $0x80" : : "D"(V0 + 0x10), "d"(UNIT_PORT_IO) : "memory"); }
static void user_outs(void) { asm volatile("outsb; int $0x80" : : "S"(V0 + 0x10), "d"(UNIT_PORT_IO)); }
static void user_from(void) { asm volatile("movsb; int $0x80" : : "D"(V0 + 0x10), "S"(WIN) : "memory"); }
static void user_to(void) { asm volatile("movsb; int $0x80" : : "S"(V0 + 0x10), "D"(WIN) : "memory"); }

static void walk_user(u32 insn)
{
	static void (*const fn[])(void) = { user_ins, user_outs, user_from, user_to };
	static const struct { u64 flags; bool ok; const char *what; } rows[] = {
		{ PT_P | PT_W | PT_U, true, "a user page" }, { PT_P | PT_W, false, "a supervisor page" },
		{ PT_P | PT_U, false, "a read-only user page" }, { 0, false, "a page that is not present" },
	};
	u64 err;
	u32 i;

	for (i = 0; i < array_size(rows); i++) {
		bool ok = rows[i].ok || (rows[i].flags == (PT_P | PT_U) && !writes(insn));

		page_map(V0, (u64)scratch(0), rows[i].flags);
		step(rows[i].what);
		user_call_iopl(fn[insn]);
		if (ok) {
			check(last_trap.vector == NO_TRAP, "%s in ring 3, %s: vector %d, error 0x%lx", insn_names[insn], rows[i].what,
			      (int)last_trap.vector, LU(last_trap.error));
			continue;
		}
		err = E_U | (rows[i].flags ? E_P : 0) | (writes(insn) ? E_W : 0);
		check(last_trap.vector == 14 && last_trap.error == err, "%s in ring 3, %s: vector %d, error 0x%lx, expected #PF with 0x%lx",
		      insn_names[insn], rows[i].what, last_trap.vector == NO_TRAP ? -1 : (int)last_trap.vector, LU(last_trap.error), LU(err));
	}
}

/* --- the ports that a TSS allows ring 3: SDM vol. 1, 19.5.2 --- */

static u16 user_port;
static u8 user_data[4];
static void user_outsb(void) { asm volatile("outsb; int $0x80" : : "S"(user_data), "d"(user_port)); }
static void user_outsw(void) { asm volatile("outsw; int $0x80" : : "S"(user_data), "d"(user_port)); }
static void user_outsl(void) { asm volatile("outsl; int $0x80" : : "S"(user_data), "d"(user_port)); }
static void user_insb(void) { asm volatile("insb; int $0x80" : : "D"(user_data), "d"(user_port) : "memory"); }
static void user_insw(void) { asm volatile("insw; int $0x80" : : "D"(user_data), "d"(user_port) : "memory"); }
static void user_inw(void) { asm volatile("inw %%dx, %%ax; int $0x80" : : "d"(user_port) : "rax"); }

static void user_ports(u32 first, u32 last)
{
	static const struct { const char *name; void (*fn)(void); u32 bytes; } ops[] = {
		{ "OUTSB", user_outsb, 1 }, { "OUTSW", user_outsw, 2 }, { "OUTSD", user_outsl, 4 },
		{ "INSB", user_insb, 1 }, { "INSW", user_insw, 2 }, { "IN of 2 bytes", user_inw, 2 },
	};
	u32 i;

	for (i = 0; i < array_size(ops); i++)
		for (user_port = UNIT_PORT_IO + 4; user_port < UNIT_PORT_IO + 11; user_port++) {
			bool ok = user_port >= first && user_port + ops[i].bytes - 1 <= last;

			step(ops[i].name);
			user_call(ops[i].fn);
			check(last_trap.vector == (ok ? NO_TRAP : 13), "%s in ring 3, port 0x%x, of which the TSS allows 0x%x to 0x%x: vector %d, expected %s",
			      ops[i].name, user_port, first, last, last_trap.vector == NO_TRAP ? -1 : (int)last_trap.vector,
			      ok ? "none" : "#GP");
		}
}

TEST(io_bitmap)
{
	u8 *tss = scratch(0x30), *map = tss + 104;
	struct { u16 limit; u64 base; } __attribute__((packed)) d;
	u64 *gdt, was, old;
	u32 i;

	asm volatile("sgdt %0" : "=m"(d));
	gdt = (u64 *)d.base;
	was = gdt[6];
	old = (was >> 16 & 0xffffff) | (was >> 56 & 0xff) << 24 | gdt[7] << 32;
	memset(tss, 0xff, 4096);
	memcpy(tss, (void *)old, 104);
	*(u16 *)(tss + 102) = 104;
	/* The limit leaves room for the last byte of the map and the one that must follow it. */
	gdt[6] = 0x0000890000000000ULL | (u64)tss << 16 | (104 + (UNIT_PORT_IO + 8) / 8 + 1);
	asm volatile("ltr %w0" : : "r"(0x30));
	/* Two ports in two bytes of the map; then four in one. */
	for (i = 7; i <= 8; i++)
		map[(UNIT_PORT_IO + i) / 8] &= (u8)~(1 << i % 8);
	user_ports(UNIT_PORT_IO + 7, UNIT_PORT_IO + 8);
	map[(UNIT_PORT_IO + 8) / 8] = 0xff;
	map[UNIT_PORT_IO / 8] = 0x0f;
	user_ports(UNIT_PORT_IO + 4, UNIT_PORT_IO + 7);
	gdt[6] = was & ~(2ULL << 40);
	asm volatile("ltr %w0" : : "r"(0x30));
}

TEST(emulated_walk)
{
	u32 i;

	for (i = INS; i <= MOVS_TO_MMIO; i++) {
		walk_kernel(i);
		walk_smap(i);
		walk_keys(i);
		walk_user(i);
	}
}
