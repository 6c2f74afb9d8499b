// SPDX-License-Identifier: GPL-2.0-only
/* Paging: faults and their error codes, A/D bits, TLB, self-modified code. */
#include "lib.h"

#define V0	(VA_BASE + 0x1000)
#define V1	(VA_BASE + 0x2000)
enum { E_P = 1, E_W = 2, E_U = 4, E_R = 8, E_I = 16 };

static void expect_pf(u64 vec, u64 err, u64 cr2, const char *what)
{
	check(vec == 14, "%s: vector %d, expected 14 (#PF)", what, vec == NO_TRAP ? -1 : (int)vec);
	check(last_trap.error == err, "%s: #PF error code 0x%lx, expected 0x%lx", what,
	      LU(last_trap.error), LU(err));
	check(last_trap.cr2 == cr2, "%s: CR2 is 0x%lx, expected 0x%lx", what,
	      LU(last_trap.cr2), LU(cr2));
}

static u64 try_read(u64 va)
{
	return TRY_IO("movq (%%rcx), %%rax", NONE, "c"(va), "rax");
}
static u64 try_write(u64 va)
{
	return TRY_IO("movq %%rcx, (%%rcx)", NONE, "c"(va), "rax");
}
static u64 try_exec(u64 va)
{
	return TRY_IO("call *%%rcx", NONE, "c"(va), "rax");
}

static u64 pa(u32 n)
{
	return (u64)scratch(n);
}

TEST(pf_errors)
{
	volatile u64 *pte;
	u64 v, maxpa = cpuid(0x80000008, 0).a & 0xff;
	u64 p = shared->tcg && !shared->shadow ? 0 : E_P;	/* TCG does not set P together with RSVD */

	*(volatile u8 *)scratch(0) = 0xc3;		/* RET */
	*(volatile u8 *)scratch(1) = 0xc3;
	page_map(V0, pa(0), 0);
	expect_pf(try_read(V0 + 8), 0, V0 + 8, "read of a page that is not present");
	expect_pf(try_write(V0 + 16), E_W, V0 + 16, "write to a page that is not present");
	page_map(V0, pa(0), PT_P);
	check(try_read(V0) == NO_TRAP, "read of a read-only page faulted");
	expect_pf(try_write(V0 + 24), E_P | E_W, V0 + 24, "write to a read-only page");
	write_cr0(read_cr0() & ~0x10000ULL);
	v = try_write(V0 + 32);
	write_cr0(read_cr0() | 0x10000);
	check(v == NO_TRAP, "write to a read-only page with CR0.WP=0 gave vector %d", (int)v);
	expect_pf(try_write(V0 + 24), E_P | E_W, V0 + 24, "write to a read-only page, CR0.WP set again");
	page_map(V0, pa(0), PT_P | PT_W);
	check(try_exec(V0) == NO_TRAP, "execution of a page without NX faulted");
	page_map(V0, pa(0), PT_P | PT_W | PT_NX);
	expect_pf(try_exec(V0), E_P | E_I, V0, "execution of an NX page");
	check(try_write(V0 + 64) == NO_TRAP, "write to an NX page faulted");
	pte = page_map(V0, pa(0), 0);
	expect_pf(try_exec(V0), E_I, V0, "execution of a page that is not present");
	if (maxpa < 52) {
		*pte = pa(0) | PT_P | PT_W | 1ULL << 51;
		invlpg(V0);
		expect_pf(try_read(V0), p | E_R, V0, "read through an entry with a reserved bit");
		expect_pf(try_write(V0), p | E_R | E_W, V0, "write through an entry with a reserved bit");
	}
	/* An access that crosses into a missing page: CR2 is in that page. */
	page_map(V0, pa(0), PT_P | PT_W);
	page_map(V1, pa(1), 0);
	expect_pf(try_read(V1 - 4), 0, V1, "read that crosses into a missing page");
	expect_pf(try_write(V1 - 4), E_W, V1, "write that crosses into a missing page");
	/* The same by an instruction that KVM emulates. */
	v = TRY_IO("outsb", NONE, "S"(V1 + 0x123) COMMA "d"(UNIT_PORT_IDLE));
	expect_pf(v, 0, V1 + 0x123, "OUTS from a page that is not present");
	v = TRY_IO("outsl", NONE, "S"(V1 - 2) COMMA "d"(UNIT_PORT_IDLE));
	expect_pf(v, 0, V1, "OUTS that crosses into a missing page");
}

static void user_read(void) { asm volatile("movq (%0), %%rax; int $0x80" : : "r"(V0) : "rax"); }
static void user_write(void) { asm volatile("movq %0, (%0); int $0x80" : : "r"(V0) : "memory"); }
static void user_exec(void) { asm volatile("jmp *%0" : : "r"(V0)); }

TEST(pf_user)
{
	page_map(V0, pa(0), PT_P | PT_W);
	*(volatile u16 *)scratch(0) = 0x80cd;		/* INT 80 */
	user_call(user_read);
	expect_pf(last_trap.vector, E_P | E_U, V0, "ring 3 read of a supervisor page");
	user_call(user_write);
	expect_pf(last_trap.vector, E_P | E_U | E_W, V0, "ring 3 write to a supervisor page");
	user_call(user_exec);
	expect_pf(last_trap.vector, E_P | E_U | E_I, V0, "ring 3 execution of a supervisor page");
	page_map(V0, pa(0), 0);
	user_call(user_read);
	expect_pf(last_trap.vector, E_U, V0, "ring 3 read of a missing page");
	page_map(V0, pa(0), PT_P | PT_W | PT_U);
	user_call(user_read);
	check(last_trap.vector == NO_TRAP, "ring 3 read of a user page gave vector %d", (int)last_trap.vector);
	user_call(user_exec);
	check(last_trap.vector == NO_TRAP, "ring 3 execution of a user page gave vector %d", (int)last_trap.vector);
	page_map(V0, pa(0), PT_P | PT_U);
	write_cr0(read_cr0() & ~0x10000ULL);
	user_call(user_write);
	write_cr0(read_cr0() | 0x10000);
	expect_pf(last_trap.vector, E_P | E_U | E_W, V0, "ring 3 write to a read-only page with CR0.WP=0");
	/* The upper levels count, too. */
	page_map(V0, pa(0), PT_P | PT_W | PT_U);
	*page_entry(V0, 2) &= ~(u64)PT_U;
	write_cr3(read_cr3());
	user_call(user_read);
	*page_entry(V0, 2) |= PT_U;
	expect_pf(last_trap.vector, E_P | E_U, V0, "ring 3 read below a supervisor directory");
	*page_entry(V0, 2) &= ~(u64)PT_W;
	write_cr3(read_cr3());
	expect_pf(try_write(V0), E_P | E_W, V0, "write below a read-only directory");
	*page_entry(V0, 2) |= PT_W | PT_NX;
	write_cr3(read_cr3());
	expect_pf(try_exec(V0), E_P | E_I, V0, "execution below an NX directory");
	*page_entry(V0, 2) &= ~PT_NX;
}

TEST(smep)
{
	if (!(cpuid(7, 0).b >> 7 & 1))
		skip("the CPU has no SMEP");
	*(volatile u8 *)scratch(0) = 0xc3;
	page_map(V0, pa(0), PT_P | PT_W | PT_U);
	check(try_exec(V0) == NO_TRAP, "ring 0 execution of a user page faulted without SMEP");
	/* Our own code is on user pages: make them supervisor pages. */
	for (u32 i = 0; i < 8; i++)
		*page_entry((u64)i << 21, 2) &= ~(u64)PT_U;
	write_cr3(read_cr3());
	write_cr4(read_cr4() | 1 << 20);
	expect_pf(try_exec(V0), E_P | E_I, V0, "ring 0 execution of a user page with SMEP");
	check(try_read(V0) == NO_TRAP, "ring 0 read of a user page faulted with SMEP alone");
	write_cr4(read_cr4() & ~(1ULL << 20));
	check(try_exec(V0) == NO_TRAP, "ring 0 execution of a user page faulted after SMEP was cleared");
}

TEST(smap)
{
	u64 v;

	if (!(cpuid(7, 0).b >> 20 & 1))
		skip("the CPU has no SMAP");
	for (u32 i = 0; i < 2048; i++)
		*page_entry((u64)i << 21, 2) &= ~(u64)PT_U;
	write_cr3(read_cr3());
	page_map(V0, pa(0), PT_P | PT_W | PT_U);
	check(try_read(V0) == NO_TRAP, "ring 0 read of a user page faulted without SMAP");
	write_cr4(read_cr4() | 1 << 21);
	asm volatile("clac" : : : "cc");
	expect_pf(try_read(V0), E_P, V0, "ring 0 read of a user page with SMAP");
	expect_pf(try_write(V0), E_P | E_W, V0, "ring 0 write to a user page with SMAP");
	v = TRY_IO("stac; movq (%%rcx), %%rax; clac", NONE, "c"(V0), "rax");
	check(v == NO_TRAP, "ring 0 read of a user page with SMAP and AC=1 gave vector %d", (int)v);
	write_cr4(read_cr4() & ~(1ULL << 21));
	check(try_read(V0) == NO_TRAP, "ring 0 read of a user page faulted after SMAP was cleared");
}

TEST(accessed_dirty)
{
	volatile u64 *pte = page_map(V0, pa(0), PT_P | PT_W);

	check(!(*pte & (PT_A | PT_D)), "A or D is set before any access: 0x%lx", LU(*pte));
	(void)*(volatile u64 *)V0;
	check((*pte & (PT_A | PT_D)) == PT_A, "after a read A and D should be 1 and 0: 0x%lx", LU(*pte));
	*(volatile u64 *)V0 = 1;
	check((*pte & (PT_A | PT_D)) == (PT_A | PT_D), "after a write A and D should be 1 and 1: 0x%lx", LU(*pte));
	*pte &= ~(u64)(PT_A | PT_D);
	invlpg(V0);
	check(!(*pte & (PT_A | PT_D)), "A or D was set again without an access: 0x%lx", LU(*pte));
	*(volatile u64 *)V0 = 2;
	check((*pte & (PT_A | PT_D)) == (PT_A | PT_D), "after a first write A and D should be 1 and 1: 0x%lx", LU(*pte));
	check(*page_entry(V0, 2) & PT_A, "A of the directory entry is not set");
}

/* After each kind of flush the new mapping must count. */
TEST(tlb_flush)
{
	volatile u64 *p = (volatile u64 *)V0, *pte;
	u32 n;

	*(u64 *)scratch(0) = 100;
	*(u64 *)scratch(1) = 101;
	pte = page_map(V0, pa(0), PT_P | PT_W);
	for (n = 0; n < 20; n++) {
		check_eq(*p, 100, "the first mapping");
		*pte = pa(1) | PT_P | PT_W;
		switch (n % 4) {
		case 0: invlpg(V0); break;
		case 1: write_cr3(read_cr3()); break;
		case 2: write_cr4(read_cr4() ^ 0x80); write_cr4(read_cr4() ^ 0x80); break;
		case 3:
			if (cpuid(7, 0).b >> 10 & 1) {
				u64 d[2] = { 0, V0 };

				asm volatile("invpcid %0, %1" : : "m"(d), "r"(2UL) : "memory");
			} else {
				write_cr3(read_cr3());
			}
			break;
		}
		check(*p == 101, "stale TLB after %s: read 0x%lx from the old page",
		      n % 4 == 0 ? "INVLPG" : n % 4 == 1 ? "writing CR3" : n % 4 == 2 ? "toggling CR4.PGE" :
		      "INVPCID", LU(*p));
		*p = 101;
		*pte = pa(0) | PT_P | PT_W;
		invlpg(V0);
	}
	/* Clearing CR4.PGE must flush a global page. */
	write_cr4(read_cr4() | 0x80);
	*pte = pa(0) | PT_P | PT_W | PT_G;
	invlpg(V0);
	check_eq(*p, 100, "the global mapping");
	*pte = pa(1) | PT_P | PT_W | PT_G;
	write_cr4(read_cr4() & ~0x80ULL);
	check_eq(*p, 101, "a global page after CR4.PGE was cleared");
	/* Permissions are taken away. */
	*pte = pa(1) | PT_P | PT_W;
	invlpg(V0);
	*p = 101;
	*pte = pa(1) | PT_P;
	invlpg(V0);
	expect_pf(try_write(V0), E_P | E_W, V0, "write after the page became read-only");
	*pte = 0;
	invlpg(V0);
	expect_pf(try_read(V0), 0, V0, "read after the page was unmapped");
}

/* A large page is split and joined again. */
TEST(large_pages)
{
	volatile u64 *pde = page_entry(VA_BASE * 2, 2);
	volatile u64 *p = (volatile u64 *)(VA_BASE * 2 + 0x3000);
	volatile u64 *table = scratch(100);
	u32 i;

	*(u64 *)scratch(3) = 33;
	*(u64 *)scratch(4) = 44;
	*pde = UNIT_SCRATCH | PT_P | PT_W | PT_PS;
	check_eq(*p, 33, "a read through a 2 MiB page");
	check_eq(p[512], 44, "a read through a 2 MiB page, 4 KiB further on");
	for (i = 0; i < 512; i++)
		table[i] = (UNIT_SCRATCH + i * 4096UL) | PT_P | PT_W;
	table[3] = pa(4) | PT_P | PT_W;
	*pde = (u64)table | PT_P | PT_W;
	write_cr3(read_cr3());
	check_eq(*p, 44, "a read after the 2 MiB page was split and one page changed");
	check_eq(p[512], 44, "the neighbour after the split");
	*pde = UNIT_SCRATCH | PT_P | PT_PS;
	write_cr3(read_cr3());
	check_eq(*p, 33, "a read after the 2 MiB page was mapped again");
	check(try_write((u64)p) == 14 && last_trap.error == (E_P | E_W), "write to a read-only 2 MiB page did not fault");
	if (cpuid(0x80000001, 0).d >> 26 & 1) {
		volatile u64 *pdpte = page_entry(VA_BASE * 2 + (1UL << 30), 3);

		*pdpte = 0 | PT_P | PT_W | PT_PS;
		write_cr3(read_cr3());
		check_eq(*(volatile u64 *)(VA_BASE * 2 + (1UL << 30) + UNIT_SCRATCH + 0x3000), 33, "a read through a 1 GiB page");
	}
}

/* Code that modifies code, also through another mapping. */
TEST(self_modifying)
{
	u8 *code = scratch(5);
	u32 i, got;

	page_map(V0, pa(5), PT_P | PT_W);
	for (i = 0; i < 300; i++) {
		u8 *w = i & 1 ? (u8 *)V0 : code;
		u64 call = i & 2 ? V0 : (u64)code;

		w[0] = 0xb8;				/* MOV imm32, EAX; RET */
		memcpy(w + 1, &i, 4);
		w[5] = 0xc3;
		asm volatile("cpuid" : : "a"(0), "c"(0) : "rbx", "rdx", "memory");
		asm volatile("call *%1" : "=a"(got) : "r"(call) : "memory");
		check(got == i, "modified code returned %u, expected %u", got, i);
	}
}

/* Write to a page table that is in use. */
TEST(page_table_writes)
{
	volatile u64 *p = (volatile u64 *)V0, *pte = page_map(V0, pa(0), PT_P | PT_W);
	u32 i;

	for (i = 0; i < 64; i++)
		*(u64 *)scratch(i) = 1000 + i;
	for (i = 0; i < 64; i++) {
		*pte = pa(i) | PT_P | (i & 1 ? PT_W : 0);
		invlpg(V0);
		check_eq(*p, 1000 + i, "a read after the entry was written");
		if (!(i & 1))
			expect_pf(try_write(V0), E_P | E_W, V0, "write through a new read-only entry");
	}
}

/* With another CR3 the same address is another page. */
TEST(cr3_switch)
{
	static u64 pml4b[512] __attribute__((aligned(4096)));
	u64 a = read_cr3() & ~0xfffULL;
	volatile u64 *p = (volatile u64 *)V0;
	u32 i;

	*(u64 *)scratch(0) = 1;
	*(u64 *)scratch(1) = 2;
	page_map(V0, pa(0), PT_P | PT_W);
	memset(pml4b, 0, sizeof(pml4b));
	pml4b[0] = *(u64 *)a;
	write_cr3((u64)pml4b);
	page_map(V0, pa(1), PT_P | PT_W);
	for (i = 0; i < 100; i++) {
		write_cr3(a);
		check_eq(*p, 1, "a read with the first CR3");
		write_cr3((u64)pml4b);
		check_eq(*p, 2, "a read with the second CR3");
	}
	write_cr3(a);
}
