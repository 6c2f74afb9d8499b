// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest of this guest (L2) on SVM: AMD64 manual vol. 2 ch. 15 and appendix B.
 * L2 shares our page tables and segments; we see its exits.
 */
#include "svm.h"

static volatile u64 l2_sum;
static volatile u32 l2_round;

/*
 * L2 executes CPUID, which we answer with 7, and VMMCALL in turn, then #UD, then HLT
 * forever. It is assembly, because VMRUN switches only RAX and RSP: after each exit L2
 * finds our values in all other registers, so it keeps its own in memory.
 */
void l2_main(void);
asm(".pushsection .text\n"
    "l2_main:\n"
    "1:	movl	$0x12345, %eax\n"
    "	cpuid\n"
    "	movl	%eax, %eax\n"
    "	addq	%rax, l2_sum(%rip)\n"
    "	movl	l2_round(%rip), %eax\n"
    "	vmmcall\n"
    "	incl	l2_round(%rip)\n"
    "	cmpl	$20, l2_round(%rip)\n"
    "	jne	1b\n"
    "	ud2\n"
    "2:	hlt\n"
    "	jmp	2b\n"
    ".popsection");

/* CR2, a port that we intercept, one that we do not, the TSC. */
void l2_more(void);
static volatile u64 l2_tsc;
asm(".pushsection .text\n"
    "l2_more:\n"
    "	movl	$0xabc123, %eax\n"
    "	movq	%rax, %cr2\n"
    "	outb	%al, $0xe9\n"
    "	outb	%al, $0xe3\n"			/* UNIT_PORT_L2 */
    "	rdtsc\n"
    "	shlq	$32, %rdx\n"
    "	orq	%rdx, %rax\n"
    "	movq	%rax, l2_tsc(%rip)\n"
    "1:	hlt\n"
    "	jmp	1b\n"
    ".popsection");

static void nested_more(void)
{
	u64 a;

	fill_vmcb();
	memset(scratch(4), 0, 3 * 4096);
	((u8 *)scratch(4))[0xe9 / 8] = 1 << (0xe9 % 8);
	*v32(C_MISC1) |= 1u << 27;			/* ports, by the bitmap */
	*v64(C_IOPM) = (u64)scratch(4);
	*v64(C_TSC_OFFSET) = 1ULL << 40;
	*v64(S_RIP) = (u64)l2_more;
	svm_until(EXIT_IOIO, "OUT to a port of the bitmap");
	check_eq(*v64(C_INFO1) >> 16, 0xe9, "port of L2's OUT");
	*v64(S_RIP) = *v64(C_INFO2);
	a = rdtsc();
	svm_until(EXIT_HLT, "HLT");
	outb(UNIT_PORT_L1, 0);
	check(l2_tsc - a >= 1ULL << 40 && l2_tsc - a < (1ULL << 40) + (1ULL << 36),
	      "L2's TSC is 0x%lx ahead of ours, but the offset is 2^40", LU(l2_tsc - a));
	check_eq(*v64(S_CR2), 0xabc123, "CR2 of L2 after its exit");
}

static volatile u64 l2_injected;

static void on_injected(struct regs *r)
{
	l2_injected = r->vector;
}

static void nested_inject(void)
{
	irq_handler(0x55, on_injected);
	fill_vmcb();
	*v64(C_INJECT) = 1u << 31 | 0x55;
	svm_until(EXIT_HLT, "HLT after an injected interrupt");
	check_eq(l2_injected, 0x55, "the injected vector that L2 received");
}

TEST(nested_svm)
{
	u64 v;
	u32 i;

	need_svm();
	check(rdmsr_try(0xc0010114, &v) == NO_TRAP, "VM_CR cannot be read, though the guest has SVM");
	check(TRY_IO("vmrun", NONE, "a"(scratch(0))) == 6, "VMRUN with EFER.SVME=0 raised no #UD");
	svm_on();
	check_eq(rdmsr(HSAVE_PA), (u64)scratch(1), "VM_HSAVE_PA");
	fill_vmcb();
	*v32(C_ASID) = 0;
	vmrun();
	/* 64 bits, according to the manual; many KVM versions leave the upper half 0. */
	check_eq(*v32(C_EXIT), (u32)-1, "exit code of VMRUN with ASID 0 (VMEXIT_INVALID)");
	fill_vmcb();
	*v64(S_RIP) = (u64)l2_main;
	for (i = 0; i < 20; i++) {
		svm_until(EXIT_CPUID, "CPUID");
		check_eq(*v64(S_RAX) & 0xffffffff, 0x12345, "RAX of L2 at its CPUID");
		*v64(S_RAX) = 7;
		*v64(S_RIP) += 2;
		svm_until(EXIT_VMMCALL, "VMMCALL");
		check_eq(*v64(S_RAX), i, "RAX of L2 at its VMMCALL");
		*v64(S_RIP) += 3;
		check_eq(l2_sum, 7 * (i + 1), "L2's sum in memory");
		outb(0xe1, 0);				/* exit to the host in between */
	}
	svm_until(EXIT_EXCP_UD, "#UD");
	*v64(S_RIP) += 2;
	svm_until(EXIT_HLT, "HLT");
	*v64(S_RIP) += 1;
	svm_until(EXIT_HLT, "HLT again");
	nested_more();
	nested_inject();
	wrmsr(EFER, rdmsr(EFER) & ~0x1000ULL);
	check(TRY_IO("vmrun", NONE, "a"(vmcb)) == 6, "VMRUN after EFER.SVME was cleared raised no #UD");
}

/* --- SVM's global interrupt flag, VMSAVE and VMLOAD: ch. 15.17, 15.5.2 --- */

static volatile u32 gif_nmis;

static void on_gif_nmi(struct regs *r)
{
	(void)r;
	gif_nmis++;
}

/* While GIF is clear an NMI and an interrupt stay pending, even across exits; STGI lets them in. */
TEST(nested_gif)
{
	u32 i, n;

	need_svm();
	svm_on();
	apic_enable();
	irq_handler(2, on_gif_nmi);
	irq_handler(0x60, irq_counting);
	for (i = 0; i < 10; i++) {
		n = irq_counts[0x60];
		asm volatile("clgi");
		apic_icr(0, 0x400);			/* NMI */
		apic_icr(0, 0x40000 | 0x60);
		outb(0xe1, 0);
		asm volatile("sti; nop; nop");
		outb(0xe1, 0);
		if (gif_nmis != i || irq_counts[0x60] != n) {
			asm volatile("stgi; cli");
			fail("with GIF clear, in round %u, %u NMIs and %u interrupts came", i, gif_nmis - i,
			     irq_counts[0x60] - n);
		}
		asm volatile("stgi; nop; nop");
		outb(0xe1, 0);
		asm volatile("cli");
		check(gif_nmis == i + 1, "1 NMI was pending, but %u came after STGI", gif_nmis - i);
		check(irq_counts[0x60] == n + 1, "1 interrupt was pending, but %u came after STGI", irq_counts[0x60] - n);
	}
}

/* After #VMEXIT, GIF is clear: an interrupt waits for STGI, whether L2 ran or its VMCB was rejected. */
static void gif_after(u32 asid, bool clear, const char *what)
{
	u32 n = irq_counts[0x60], came;

	step(what);
	fill_vmcb();
	*v32(C_ASID) = asid;
	if (clear)
		asm volatile("clgi");
	vmrun();
	apic_icr(0, 0x40000 | 0x60);
	asm volatile("sti; nop; nop");
	outb(0xe1, 0);
	asm volatile("cli");
	came = irq_counts[0x60] - n;
	asm volatile("stgi");
	sti_nop_cli();
	check(*v32(C_EXIT) == (asid ? EXIT_HLT : (u32)-1), "%s: exit 0x%x", what, *v32(C_EXIT));
	check(!came, "%s: GIF is set after its exit: an interrupt came before STGI", what);
	check_eq(irq_counts[0x60], n + 1, what);
}

TEST(nested_gif_exit)
{
	need_svm();
	svm_on();
	apic_enable();
	irq_handler(0x60, irq_counting);
	gif_after(1, true, "VMRUN with GIF clear");
	gif_after(1, false, "VMRUN with GIF set");
	gif_after(0, true, "VMRUN with GIF clear, of an invalid VMCB");
}

/* sync 1: the host empties its dirty log; 2: out[0] := page @arg[0] is in it. */
static void written_by_kvm(void *page, void (*fn)(void), const char *what)
{
	shared->arg[0] = (u64)page >> 12;
	sync_host(1);
	fn();
	sync_host(2);
	check_eq(shared->out[0], 1, what);
}

static void only_vmrun(void)
{
	asm volatile("push %%rbp; push %%rbx; vmrun; pop %%rbx; pop %%rbp"
		     : : "a"(vmcb) : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
		       "r12", "r13", "r14", "r15", "memory", "cc");
}

static void only_vmsave(void)
{
	asm volatile("vmsave" : : "a"(scratch(3)) : "memory");
}

TEST(nested_dirty)
{
	need_svm();
	svm_on();
	fill_vmcb();
	written_by_kvm(vmcb, only_vmrun, "a VMCB in which KVM stored L2's exit is in the dirty log");
	check_eq(*v64(C_EXIT), EXIT_HLT, "exit of L2");
	written_by_kvm(scratch(3), only_vmsave, "a page to which VMSAVE wrote is in the dirty log");
}

/* What VMSAVE and VMLOAD move, as far as RDMSR can read it. */
static const struct { u32 off, msr; const char *name; } vm_fields[] = {
	{ 0x448, 0xc0000100, "FS.base" }, { 0x458, 0xc0000101, "GS.base" },
	{ 0x600, 0xc0000081, "STAR" }, { 0x608, 0xc0000082, "LSTAR" }, { 0x610, 0xc0000083, "CSTAR" },
	{ 0x618, 0xc0000084, "SFMASK" }, { 0x620, 0xc0000102, "KernelGSbase" },
	{ 0x628, 0x174, "SYSENTER_CS" }, { 0x630, 0x175, "SYSENTER_ESP" }, { 0x638, 0x176, "SYSENTER_EIP" },
};

static u64 vm_value(u32 i, u64 round)
{
	return vm_fields[i].msr == 0x174 || vm_fields[i].msr == 0xc0000084 ? 0x1000 * round + 0x11 * i :
		0x123450000ULL * round + 0x1110 * i;
}

static void vm_move(bool save, void *page)
{
	if (save)
		asm volatile("vmsave" : : "a"(page) : "memory");
	else
		asm volatile("vmload" : : "a"(page) : "memory");
}

TEST(nested_vmsave)
{
	u8 *own = scratch(2), *page = scratch(3);
	u64 round, got[array_size(vm_fields)];
	u16 tr;
	u32 i;

	need_svm();
	svm_on();
	vm_move(true, own);
	asm volatile("str %0" : "=r"(tr));
	check_eq(*(volatile u16 *)(own + 0x490), tr, "selector of TR that VMSAVE wrote");
	for (round = 1; round <= 4; round++) {
		for (i = 0; i < array_size(vm_fields); i++)
			wrmsr(vm_fields[i].msr, vm_value(i, round));
		memset(page, 0xaa, 4096);
		vm_move(true, page);
		for (i = 0; i < array_size(vm_fields); i++)
			got[i] = *(volatile u64 *)(page + vm_fields[i].off);
		/* Load other values from the page. */
		for (i = 0; i < array_size(vm_fields); i++)
			*(volatile u64 *)(page + vm_fields[i].off) = vm_value(i, round + 8);
		vm_move(false, page);
		for (i = 0; i < array_size(vm_fields); i++) {
			u64 v = rdmsr(vm_fields[i].msr);

			if (v == vm_value(i, round + 8) && got[i] == vm_value(i, round))
				continue;
			vm_move(false, own);
			fail("%s: VMSAVE of 0x%lx wrote 0x%lx; VMLOAD of 0x%lx loaded 0x%lx", vm_fields[i].name,
			     LU(vm_value(i, round)), LU(got[i]), LU(vm_value(i, round + 8)), LU(v));
		}
		vm_move(false, own);
		check_eq(*(volatile u64 *)(page + S_RIP), 0xaaaaaaaaaaaaaaaaULL, "RIP in the page, which VMSAVE does not write");
		check_eq(*(volatile u64 *)(page + S_CS), 0xaaaaaaaaaaaaaaaaULL, "CS in the page, which VMSAVE does not write");
	}
}

/* --- nested paging (ch. 15.25): our tables translate L2's physical addresses --- */

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

static void npt_fill(void)
{
	npt = tables_fill(RWU, RWU, PT_PS);
	npt.pt[1] &= ~(u64)PT_W;
	npt.pt[2] = 0;
	npt.pt[3] |= PT_NX;
	*(u8 *)scratch(0x23) = 0xc3;			/* RET */
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
	need_svm();
	if (!(cpuid(0x8000000a, 0).d & 1))
		skip("the guest's SVM has no nested paging (npt=0 of kvm_amd)");
	svm_on();
	wrmsr(0x277, PAT_L1);
	fill_vmcb();
	npt_fill();
	*v64(C_NESTED) = 1;
	*v64(C_NCR3) = (u64)scratch(0x10);
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

	need_svm();
	if (!(cpuid(0x8000000a, 0).d & 1))
		skip("the guest's SVM has no nested paging (npt=0 of kvm_amd)");
	svm_on();
	fill_vmcb();
	npt_fill();
	*v64(C_NESTED) = 1;
	*v64(C_NCR3) = (u64)scratch(0x10);
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

/* L2 reads UNIT_PORT_MOVE, which we do not intercept, then executes VMMCALL. RBX must be kept. */
void l2_moves(void);
static volatile u64 l2_rbx;
asm(".pushsection .text\n"
    "l2_moves:\n"
    "	movq	$0x1122334455667788, %rbx\n"
    "	inb	$0xe4, %al\n"			/* UNIT_PORT_MOVE */
    "	movq	%rbx, l2_rbx(%rip)\n"
    "	movzbl	%al, %ecx\n"
    "	rdtsc\n"
    "	shlq	$32, %rdx\n"
    "	orq	%rdx, %rax\n"
    "	movq	%rax, l2_tsc(%rip)\n"
    "	movl	%ecx, %eax\n"
    "	vmmcall\n"
    "	jmp	l2_moves\n"
    ".popsection");

/* The guest moves while L2 runs, and while our GIF is clear. */
TEST(moved_nested_svm)
{
	u32 i;

	need_svm();
	svm_on();
	for (i = 0; i < 4; i++) {
		fill_vmcb();
		*v64(S_RIP) = (u64)l2_moves;
		*v64(C_TSC_OFFSET) = 1ULL << 40;
		l2_rbx = 0;
		svm_until(EXIT_VMMCALL, "VMMCALL after the guest moved in L2");
		check_eq(*v64(S_RAX), UNIT_MOVE_IN, "RAX of L2 at its VMMCALL, after the move");
		check_eq(l2_rbx, 0x1122334455667788ULL, "RBX of L2 after the move");
		check(l2_tsc - rdtsc() + (1ULL << 36) - (1ULL << 40) < 1ULL << 37, "L2's TSC is 0x%lx ahead of ours after the move, but the offset is 2^40",
		      LU(l2_tsc - rdtsc()));
		*v64(S_RIP) += 3;
		svm_until(EXIT_VMMCALL, "VMMCALL after the guest moved in L2 again");
		check_eq(rdmsr(HSAVE_PA), (u64)scratch(1), "VM_HSAVE_PA after the move");
		asm volatile("clgi");
		inb(UNIT_PORT_MOVE);
		asm volatile("stgi");
		svm_until(EXIT_VMMCALL, "VMMCALL after the guest moved with GIF clear");
	}
	check(rdmsr(EFER) & 0x1000, "EFER.SVME was lost in the move");
}
