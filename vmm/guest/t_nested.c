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

static void only_vmsave(void)
{
	vmsave(scratch(3));
}

TEST(nested_dirty)
{
	need_svm();
	svm_on();
	fill_vmcb();
	written_by_kvm(vmcb, vmrun_only, "a VMCB in which KVM stored L2's exit is in the dirty log");
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

TEST(nested_vmsave)
{
	u8 *own = scratch(2), *page = scratch(3);
	u64 round, got[array_size(vm_fields)];
	u16 tr;
	u32 i;

	need_svm();
	svm_on();
	vmsave(own);
	asm volatile("str %0" : "=r"(tr));
	check_eq(*(volatile u16 *)(own + 0x490), tr, "selector of TR that VMSAVE wrote");
	for (round = 1; round <= 4; round++) {
		for (i = 0; i < array_size(vm_fields); i++)
			wrmsr(vm_fields[i].msr, vm_value(i, round));
		memset(page, 0xaa, 4096);
		vmsave(page);
		for (i = 0; i < array_size(vm_fields); i++)
			got[i] = *(volatile u64 *)(page + vm_fields[i].off);
		/* Load other values from the page. */
		for (i = 0; i < array_size(vm_fields); i++)
			*(volatile u64 *)(page + vm_fields[i].off) = vm_value(i, round + 8);
		vmload(page);
		for (i = 0; i < array_size(vm_fields); i++) {
			u64 v = rdmsr(vm_fields[i].msr);

			if (v == vm_value(i, round + 8) && got[i] == vm_value(i, round))
				continue;
			vmload(own);
			fail("%s: VMSAVE of 0x%lx wrote 0x%lx; VMLOAD of 0x%lx loaded 0x%lx", vm_fields[i].name,
			     LU(vm_value(i, round)), LU(got[i]), LU(vm_value(i, round + 8)), LU(v));
		}
		vmload(own);
		check_eq(*(volatile u64 *)(page + S_RIP), 0xaaaaaaaaaaaaaaaaULL, "RIP in the page, which VMSAVE does not write");
		check_eq(*(volatile u64 *)(page + S_CS), 0xaaaaaaaaaaaaaaaaULL, "CS in the page, which VMSAVE does not write");
	}
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
