// SPDX-License-Identifier: GPL-2.0-only
/* Nested paging of SVM: our tables translate L2's physical addresses. AMD64 manual vol. 2, 15.25. */
#include "svm.h"

#define RWU	(PT_P | PT_W | PT_U)	/* every nested access counts as a user access */

enum { NPF_P = 1, NPF_W = 2, NPF_U = 4, NPF_ID = 0x10 };
#define NPF_FINAL	(1ULL << 32)	/* in the access itself */
#define NPF_TABLE	(1ULL << 33)	/* in the walk of L2's own tables */

/* L2 reads the PAT and writes another value. */
#define PAT_L1	0x0007040600070406ULL
#define PAT_L2	0x0006040600070407ULL
#define PAT_NEW	0x0000040600070406ULL
void l2_pat(void);
static volatile u64 l2_pat_read;
asm(".pushsection .text\n"
    "l2_pat:\n"
    "	movl	$0x277, %ecx\n"
    "	rdmsr\n"
    "	shlq	$32, %rdx\n"
    "	orq	%rdx, %rax\n"
    "	movq	%rax, l2_pat_read(%rip)\n"
    "	movl	$0x00070406, %eax\n"
    "	movl	$0x00000406, %edx\n"
    "	wrmsr\n"
    "1:	hlt\n"
    "	jmp	1b\n"
    ".popsection");

static struct tables npt;

static void npt_on(void)
{
	need_svm();
	if (!(cpuid(0x8000000a, 0).d & 1))
		skip("the guest's SVM has no nested paging (npt=0 of kvm_amd)");
	svm_on();
	fill_vmcb();
	npt = tables_fill(RWU, RWU, PT_PS);
	npt.pt[1] &= ~(u64)PT_W;
	npt.pt[2] = 0;
	npt.pt[3] |= PT_NX;
	*(u8 *)scratch(0x23) = 0xc3;			/* RET */
	*v64(C_NESTED) = 1;
	*v64(C_NCR3) = (u64)scratch(0x10);
}

/* Let L2 run @fn on address @at next, with its TLB flushed, so that our changed tables count. */
static void l2_start(void (*fn)(void), u64 at)
{
	l2_at = at;
	svm_at(fn);
	*(volatile u8 *)(vmcb + C_TLB) = 1;
}

static u64 l2_loads(u64 at, const char *what)
{
	l2_start(l2_load, at);
	svm_until(EXIT_HLT, what);
	return l2_value;
}

/* L2 makes an access that our tables do not allow. */
static void l2_npf(void (*fn)(void), u64 at, u64 info, const char *what)
{
	l2_start(fn, at);
	svm_until(EXIT_NPF, what);
	check_eq(*v64(C_INFO1), info, what);
	check_eq(*v64(C_INFO2), at, what);
}

static void npt_faults(void)
{
	u64 page = WINDOW + 0x1000;

	check_eq(l2_loads(page, "a load from a read-only page"), 0x2222, "what L2 loaded from a read-only page");
	l2_npf(l2_store, page + 8, NPF_FINAL | NPF_P | NPF_W | NPF_U, "#NPF of a store to a read-only page");
	l2_npf(l2_load, page + 0x1010, NPF_FINAL | NPF_U, "#NPF of a load from a missing page");
	l2_value = 0x77;
	l2_npf(l2_store, page + 0x1018, NPF_FINAL | NPF_W | NPF_U, "#NPF of a store to a missing page");
	npt.pt[2] = (u64)scratch(0x22) | RWU;
	l2_start(l2_store, page + 0x1018);
	svm_until(EXIT_HLT, "the store again, after the page was mapped");
	check_eq(((u64 *)scratch(0x22))[3], 0x77, "what L2 stored after the page was mapped");
	l2_npf(l2_call, page + 0x2000, NPF_FINAL | NPF_P | NPF_U | NPF_ID, "#NPF of a call into an NX page");
	npt.pt[3] &= ~PT_NX;
	l2_start(l2_call, page + 0x2000);
	svm_until(EXIT_HLT, "the call, after NX was cleared");
	npt.pd[LARGE >> 21] &= ~(u64)PT_W;
	l2_npf(l2_store, LARGE + 0x30010, NPF_FINAL | NPF_P | NPF_W | NPF_U, "#NPF of a store to a read-only large page");
}

static void npt_accessed_dirty(void)
{
	check(npt.pt[0] & PT_A, "L2 loaded from a page, but our entry has no A bit");
	check(!(npt.pt[0] & PT_D), "L2 only loaded from a page, but our entry has the D bit");
	l2_value = 0x99;
	l2_start(l2_store, WINDOW + 8);
	svm_until(EXIT_HLT, "a store");
	check_eq(((u64 *)scratch(0x20))[1], 0x99, "what L2 stored");
	check(npt.pt[0] & PT_D, "L2 stored to a page, but our entry has no D bit");
}

/* With nested paging L2 has the VMCB's PAT, and ours does not change: ch. 15.25.8. */
TEST(nested_pat)
{
	npt_on();
	wrmsr(0x277, PAT_L1);
	*v64(S_PAT) = PAT_L2;
	*v64(S_RIP) = (u64)l2_pat;
	svm_until(EXIT_HLT, "HLT");
	check_eq(l2_pat_read, PAT_L2, "the PAT from our VMCB, read by L2");
	check_eq(*v64(S_PAT), PAT_NEW, "PAT in our VMCB after L2 wrote it");
	check_eq(rdmsr(0x277), PAT_L1, "our PAT after L2 wrote its own");
}

TEST(nested_npt)
{
	u64 i;

	npt_on();
	check_eq(l2_loads(WINDOW, "a load"), 0x1111, "what L2 loaded");
	npt_accessed_dirty();
	*(u64 *)scratch(0x30) = 0x4444;
	check_eq(l2_loads(LARGE + 0x30000, "a load from a large page"), 0x4444, "what L2 loaded from a large page");
	/* Map another page at the same address each time, with a flush and another ASID. */
	for (i = 0; i < 8; i++) {
		*(u64 *)scratch(0x28 + (u32)i) = 0x5550 + i;
		npt.pt[0] = (u64)scratch(0x28 + (u32)i) | RWU;
		*v32(C_ASID) = 1 + (i & 1);
		check_eq(l2_loads(WINDOW, "a load from a page that was changed"), 0x5550 + i,
			 "what L2 loaded from a page that we changed");
	}
	npt_faults();
	npt.pt[0] = 0;
	*v64(S_CR3) = WINDOW;
	l2_start(l2_load, WINDOW);
	svm_until(EXIT_NPF, "#NPF in L2's own page tables");
	check(*v64(C_INFO1) & NPF_TABLE && !(*v64(C_INFO1) & (NPF_FINAL | NPF_P)),
	      "#NPF in L2's own page tables: EXITINFO1 is 0x%lx, expected bit 33 set, 32 and 0 clear", LU(*v64(C_INFO1)));
	check_eq(*v64(C_INFO2) & ~0xfffULL, WINDOW, "#NPF in L2's own page tables: EXITINFO2");
}
