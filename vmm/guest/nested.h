/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the tests of nested virtualization: SVM's (svm.h) and VMX's (vmx.h). */
#ifndef GUEST_NESTED_H
#define GUEST_NESTED_H

#include "lib.h"

#define WINDOW	0x800000UL		/* L2's, of 4 KiB pages */
#define LARGE	0xa00000UL		/* L2's, 2 MiB: our UNIT_SCRATCH */

extern u8 l2_stack[4096];		/* L2's, and a page of its own */
void l2_halt(void);			/* L2's program that does nothing: HLT for ever */
/* L2's programs: load from, store to, or call the address in l2_at, then HLT. */
extern volatile u64 l2_at, l2_value;
void l2_load(void);
void l2_store(void);
void l2_call(void);

/*
 * L2 shares our IDT, so its handlers are ours: on_taken() records the last event. took()
 * checks that there were @n, the last of them @vector.
 */
extern struct l2_event { u32 count; u64 vector, error, rip, cr2; } taken;
void on_taken(struct regs *r);
void took(u32 n, u64 vector, const char *what);

/* Our page directory and the window's page table. */
struct tables { volatile u64 *pd, *pt; };
/*
 * tables_fill - map all of RAM one to one, except for the two windows
 * @table, @page: flags of an entry for a table and for a page; @large: those of a large page
 */
static inline struct tables tables_fill(u64 table, u64 page, u64 large)
{
	u64 *top = scratch(0x10), *pdpt = scratch(0x11);
	struct tables t = { scratch(0x12), scratch(0x13) };
	u32 i;

	memset(top, 0, 4 * 4096);
	top[0] = (u64)pdpt | table;
	pdpt[0] = (u64)t.pd | table;
	for (i = 0; i < UNIT_RAM >> 21; i++)
		t.pd[i] = (u64)i << 21 | page | large;
	t.pd[WINDOW >> 21] = (u64)t.pt | table;
	t.pd[LARGE >> 21] = UNIT_SCRATCH | page | large;
	for (i = 0; i < 5; i++) {
		t.pt[i] = (u64)scratch(0x20 + i) | page;
		*(u64 *)scratch(0x20 + i) = 0x1111 * (i + 1);
	}
	return t;
}

#endif
