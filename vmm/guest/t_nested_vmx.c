// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest of this guest (L2) on VMX: Intel SDM vol. 3, "Virtual Machine Extensions"
 * (VMCS fields: app. B, exit reasons: app. C, errors: "VMX instruction reference").
 * L2 shares our page tables and segments; we see its exits.
 */
#include "vmx.h"

static volatile u64 vl2_sum;
static volatile u32 vl2_round;
static volatile u64 vl2_tsc, vl2_injected;

/* Enter L2, which must fail with VMfailValid and error @want. */
static void refused(u32 want, const char *what)
{
	vmx_enter();
	check(l2_refused, "%s was not refused: exit reason 0x%lx", what, LU(vmread(REASON)));
	check(vmread(ERROR) == want, "%s: error %lu, expected %u", what, LU(vmread(ERROR)), want);
}

/* CPUID, whose result is ours, and VMCALL in turn, then #UD, then HLT forever. */
void vl2_main(void);
asm(".pushsection .text\n"
    "vl2_main:\n"
    "1:	movl	$0x12345, %eax\n"
    "	cpuid\n"
    "	movl	%eax, %eax\n"
    "	addq	%rax, vl2_sum(%rip)\n"
    "	movl	vl2_round(%rip), %eax\n"
    "	vmcall\n"
    "	incl	vl2_round(%rip)\n"
    "	cmpl	$20, vl2_round(%rip)\n"
    "	jne	1b\n"
    "	ud2\n"
    "	jmp	l2_halt\n"
    "	.globl	vl2_more\n"
    "vl2_more:\n"
    "	outb	%al, $0xe9\n"
    "	outb	%al, $0xe3\n"			/* UNIT_PORT_L2 */
    "	rdtsc\n"
    "	shlq	$32, %rdx\n"
    "	orq	%rdx, %rax\n"
    "	movq	%rax, vl2_tsc(%rip)\n"
    "	jmp	l2_halt\n"
    ".popsection");
void vl2_more(void);

static void rounds(void)
{
	u32 i;

	for (i = 0; i < 20; i++) {
		vmx_until(EXIT_CPUID, "CPUID");
		check_eq(l2_rax, 0x12345, "RAX of L2 at its CPUID");
		l2_rax = 7;
		vmx_skip();
		vmx_until(EXIT_VMCALL, "VMCALL");
		check_eq(l2_rax, i, "RAX of L2 at its VMCALL");
		vmx_skip();
		check_eq(vl2_sum, 7 * (i + 1), "L2's sum in memory");
		outb(0xe1, 0);				/* exit to the host in between */
	}
	vmx_until(EXIT_EXCEPTION, "#UD");
	check_eq(vmread(EXIT_INFO) & 0x800007ff, 0x80000306, "exit interruption information of L2's #UD");
	vmwrite(G_RIP, (u64)l2_halt);
	vmx_until(EXIT_HLT, "HLT");
	vmx_skip();
	vmx_until(EXIT_HLT, "HLT again");
}

/* A port that we intercept, one that we do not, the TSC. */
static void more(void)
{
	u64 a;

	fill_vmcs((u64)vl2_more);
	memset(scratch(4), 0, 2 * 4096);
	((u8 *)scratch(4))[0xe9 / 8] = 1 << (0xe9 % 8);
	vmwrite(PROC, control(0x482, 1 << 3 | 1 << 7 | 1 << 25));
	vmwrite(IO_BITMAP_A, (u64)scratch(4));
	vmwrite(IO_BITMAP_B, (u64)scratch(5));
	vmwrite(TSC_OFFSET, 1ULL << 40);
	vmx_until(EXIT_IO, "OUT to a port of the bitmap");
	check_eq(vmread(QUALIFICATION), 0xe9 << 16 | 1 << 6, "qualification of L2's OUT to an immediate port");
	vmx_skip();
	a = rdtsc();
	vmx_until(EXIT_HLT, "HLT");
	outb(UNIT_PORT_L1, 0);
	check(vl2_tsc - a >= 1ULL << 40 && vl2_tsc - a < (1ULL << 40) + (1ULL << 36),
	      "L2's TSC is 0x%lx ahead of ours, but the offset is 2^40", LU(vl2_tsc - a));
}

static void on_injected(struct regs *r)
{
	vl2_injected = r->vector;
}

static void inject(void)
{
	irq_handler(0x55, on_injected);
	fill_vmcs((u64)l2_halt);
	vmwrite(G_RFLAGS, 0x202);
	vmwrite(ENTRY_INFO, 1u << 31 | 0x55);
	vmx_until(EXIT_HLT, "HLT after an injected interrupt");
	check_eq(vl2_injected, 0x55, "the injected vector that L2 received");
	check_eq(vmread(ENTRY_INFO) >> 31, 0, "valid bit of the injection after the entry");
}

/* VMPTRST to a place that only GS's base makes right, with OF set before. */
static void operands(void)
{
	u64 flags, *at = scratch(0x30);

	at[2] = 0;
	wrmsr(0xc0000101, (u64)at);
	asm volatile("movb $0x7f, %%al; incb %%al; vmptrst %%gs:0x10; pushf; pop %0" : "=r"(flags) : : "rax", "cc", "memory");
	wrmsr(0xc0000101, 0);
	check_eq(at[2], (u64)scratch(1), "what VMPTRST stored at %gs:0x10");
	check_eq(flags & 0x8d5, 0, "CF, PF, AF, ZF, SF and OF after a VMX instruction that succeeded");
}

/* VMCLEAR of the current VMCS: it can be launched again. An exit sets both limits to 0xffff. */
static void cleared(void)
{
	struct { u16 limit; u64 base; } __attribute__((packed)) g, i;

	fill_vmcs((u64)l2_halt);
	vmx_until(EXIT_HLT, "HLT");
	asm volatile("sgdt %0; sidt %1" : "=m"(g), "=m"(i));
	check(g.limit == 0xffff && i.limit == 0xffff, "after an exit the limits of GDT and IDT are 0x%x and 0x%x, expected 0xffff", g.limit, i.limit);
	check(!VMX_REGION("vmclear", (u64)scratch(1)) && !VMX_REGION("vmptrld", (u64)scratch(1)), "VMCLEAR or VMPTRLD of the current VMCS failed");
	l2_launched = 0;
	vmx_until(EXIT_HLT, "HLT after VMCLEAR and VMLAUNCH");
}

TEST(nested_vmx)
{
	u64 v;

	need_vmx();
	vmx_on();
	fill_vmcs((u64)vl2_main);
	asm volatile("vmptrst %0" : "=m"(v));
	check_eq(v, (u64)scratch(1), "VMPTRST");
	vmwrite(CR3_COUNT, 0x1ff);
	refused(E_CONTROLS, "VMLAUNCH with 511 CR3 targets");
	vmwrite(CR3_COUNT, 0);
	l2_launched = 1;
	refused(E_RESUME_NOT_LAUNCHED, "VMRESUME of a VMCS that was not launched");
	l2_launched = 0;
	rounds();
	l2_launched = 0;
	refused(E_LAUNCH_NOT_CLEAR, "VMLAUNCH of a launched VMCS");
	more();
	inject();
	operands();
	cleared();
	asm volatile("vmxoff" : : : "cc");
	check(TRY_IO("vmptrst %0", NONE, "m"(v)) == 6, "VMPTRST after VMXOFF raised no #UD");
	write_cr4(read_cr4() & ~(u64)CR4_VMXE);
}

/* --- EPT: SDM vol. 3, "Extended page tables" --- */

enum { EPT_R = 1, EPT_W = 2, EPT_X = 4, RWX = 7, EPT_WB = 6 << 3, EPT_LARGE = 0x80 };
/* Qualification: the access; << 3: what our entry allows; bit 7: the linear address is valid; 8: it was translated. */
enum { Q_READ = 1, Q_WRITE = 2, Q_FETCH = 4, Q_LINEAR = 0x80, Q_FINAL = 0x100, Q_ALL = 0x1bf };

static struct tables ept;

static void ept_fill(void)
{
	ept = tables_fill(RWX, RWX | EPT_WB, EPT_LARGE);
	ept.pt[1] &= ~(u64)EPT_W;
	ept.pt[2] = 0;
	ept.pt[3] &= ~(u64)EPT_X;
	ept.pt[4] &= ~(u64)EPT_R;			/* write-only: a misconfiguration */
	*(u8 *)scratch(0x23) = 0xc3;			/* RET */
}

/* Let L2 run @fn on address @at next; INVEPT makes our changed tables count. */
static void ept_start(void (*fn)(void), u64 at)
{
	u64 all[2] = { 0, 0 };

	asm volatile("invept %1, %0" : : "r"(2ULL), "m"(all) : "cc", "memory");
	l2_at = at;
	vmx_at(fn);
}

static u64 ept_loads(u64 at, const char *what)
{
	ept_start(l2_load, at);
	vmx_until(EXIT_HLT, what);
	return l2_value;
}

/* L2 makes an access that our tables do not allow. */
static void ept_violation(void (*fn)(void), u64 at, u64 info, const char *what)
{
	ept_start(fn, at);
	vmx_until(EXIT_EPT_VIOLATION, what);
	check_eq(vmread(QUALIFICATION) & Q_ALL, info | Q_LINEAR | Q_FINAL, what);
	check_eq(vmread(GUEST_PA), at, what);
}

static void ept_violations(void)
{
	u64 page = WINDOW + 0x1000;

	check_eq(ept_loads(page, "a load from a read-only page"), 0x2222, "what L2 loaded from a read-only page");
	ept_violation(l2_store, page + 8, Q_WRITE | (EPT_R | EPT_X) << 3, "EPT violation of a store to a read-only page");
	ept_violation(l2_load, page + 0x1010, Q_READ, "EPT violation of a load from a missing page");
	l2_value = 0x77;
	ept_violation(l2_store, page + 0x1018, Q_WRITE, "EPT violation of a store to a missing page");
	ept.pt[2] = (u64)scratch(0x22) | RWX | EPT_WB;
	ept_start(l2_store, page + 0x1018);
	vmx_until(EXIT_HLT, "the store again, after the page was mapped");
	check_eq(((u64 *)scratch(0x22))[3], 0x77, "what L2 stored after the page was mapped");
	ept_violation(l2_call, page + 0x2000, Q_FETCH | (EPT_R | EPT_W) << 3, "EPT violation of a call into a non-executable page");
	ept.pt[3] |= EPT_X;
	ept_start(l2_call, page + 0x2000);
	vmx_until(EXIT_HLT, "the call, after the page became executable");
	ept_start(l2_load, page + 0x3000);
	vmx_until(EXIT_EPT_MISCONFIG, "a load through an entry that allows writes but not reads");
	check_eq(vmread(GUEST_PA), page + 0x3000, "address of an EPT misconfiguration");
	ept.pd[LARGE >> 21] &= ~(u64)EPT_W;
	ept_violation(l2_store, LARGE + 0x30010, Q_WRITE | (EPT_R | EPT_X) << 3, "EPT violation of a store to a read-only large page");
}

/* INVEPT of one EPTP, while another one was used last. */
static void two_epts(void)
{
	const u64 flags = 3 << 3 | 6, a = (u64)scratch(0x10) | flags, b = (u64)scratch(0x14) | flags;
	u64 one[2] = { a, 0 }, value;
	u32 i;

	if (!(rdmsr(0x48c) >> 25 & 1))
		return;
	memcpy(scratch(0x14), scratch(0x10), 4 * 4096);
	for (i = 0; i < 2; i++)
		*(u64 *)scratch(0x14 + i) += 4 * 4096;
	((u64 *)scratch(0x16))[WINDOW >> 21] += 4 * 4096;
	for (i = 0; i < 6; i++) {
		value = 0x6660 + i;
		*(u64 *)scratch(0x28 + i) = value;
		ept.pt[0] = (u64)scratch(0x28 + i) | RWX | EPT_WB;
		asm volatile("invept %1, %0" : : "r"(1ULL), "m"(one) : "cc", "memory");
		vmwrite(EPTP, a);
		l2_at = WINDOW;
		vmx_at(l2_load);
		vmx_until(EXIT_HLT, "a load by the first of two EPTs");
		check_eq(l2_value, value, "what L2 loaded by the first of two EPTs, after INVEPT of that one");
		vmwrite(EPTP, b);
		vmx_at(l2_load);
		vmx_until(EXIT_HLT, "a load by the second of two EPTs");
	}
	vmwrite(EPTP, a);
}

/* INVEPT or INVVPID of @type and @operand, which must fail with VMfailValid. */
#define INV_REFUSED(insn, type, a, b, what) do { \
	u64 operand_[2] = { a, b }; \
	u8 bad_; \
	asm volatile(insn " %1, %2; setz %0" : "=q"(bad_) : "m"(operand_), "r"((u64)(type)) : "cc", "memory"); \
	check(bad_ && vmread(ERROR) == E_INV_OPERAND, "%s: %s %lu, expected error 28", what, bad_ ? "error" : "accepted, error", LU(vmread(ERROR))); \
} while (0)

static void invalidations(void)
{
	u64 cap = rdmsr(0x48c);

	INV_REFUSED("invept", 3, 0, 0, "INVEPT of a type that does not exist");
	if (cap >> 25 & 1)
		INV_REFUSED("invept", 1, ~0ULL, 0, "INVEPT of an EPTP that cannot be");
	if (!(cap >> 32 & 1))
		return;
	INV_REFUSED("invvpid", 4, 0, 0, "INVVPID of a type that does not exist");
	if (cap >> 41 & 1) {
		INV_REFUSED("invvpid", 1, 0, 0, "INVVPID of VPID 0");
		INV_REFUSED("invvpid", 1, 0x10000, 0, "INVVPID of a VPID of 17 bits");
	}
	if (cap >> 40 & 1)
		INV_REFUSED("invvpid", 0, 0, 0x1000, "INVVPID of an address of VPID 0");
}

/* L2 in 32-bit mode with PAE: its four page-directory pointers are in the VMCS. SDM vol. 3, "PDPTE registers". */
static void pae_pointers(void)
{
	u64 *pdpt = scratch(0x34);
	u32 i;

	step("L2 with PAE paging");
	fill_vmcs((u64)l2_halt);
	vmwrite(PROC, control(0x482, 1 << 3 | 1 << 7 | 1u << 31));
	vmwrite(PROC2, control(0x48b, 1 << 1));
	vmwrite(EPTP, (u64)scratch(0x10) | 3 << 3 | 6);
	vmwrite(ENTRY_CTL, control(0x484, 0));
	vmwrite(G_ES_RIGHTS + 2, 0xc09b);
	memset(scratch(0x35), 0, 4 * 4096);
	/* 2 MiB, one to one: l2_halt, its stack, the IDT */
	*(u64 *)scratch(0x35) = 0x83;
	for (i = 0; i < 4; i++) {
		pdpt[i] = (u64)scratch(0x35 + i) | 1;
		vmwrite(G_PDPTE0 + 2 * i, pdpt[i]);
	}
	vmwrite(G_CR3, (u64)pdpt);
	vmx_until(EXIT_HLT, "HLT in 32-bit mode with PAE paging");
	for (i = 0; i < 4; i++)
		check(vmread(G_PDPTE0 + 2 * i) == pdpt[i], "page-directory pointer %u of L2 is 0x%lx after its exit, expected 0x%lx", i,
		      LU(vmread(G_PDPTE0 + 2 * i)), LU(pdpt[i]));
}

TEST(nested_ept)
{
	u32 i;

	need_vmx();
	vmx_on();
	if (!(rdmsr(0x482) >> 63 & 1) || !(rdmsr(0x48b) >> 33 & 1) || (rdmsr(0x48c) & 0x4114040) != 0x4114040)
		skip("the guest's VMX has no EPT of 4 levels, large pages and INVEPT (ept=0 of kvm_intel)");
	fill_vmcs((u64)l2_load);
	ept_fill();
	vmwrite(PROC, control(0x482, 1 << 3 | 1 << 7 | 1u << 31));
	vmwrite(PROC2, control(0x48b, 1 << 1));
	vmwrite(EPTP, (u64)scratch(0x10) | 3 << 3 | 6);
	check_eq(ept_loads(WINDOW, "a load"), 0x1111, "what L2 loaded");
	l2_value = 0x99;
	ept_start(l2_store, WINDOW + 8);
	vmx_until(EXIT_HLT, "a store");
	check_eq(((u64 *)scratch(0x20))[1], 0x99, "what L2 stored");
	*(u64 *)scratch(0x30) = 0x4444;
	check_eq(ept_loads(LARGE + 0x30000, "a load from a large page"), 0x4444, "what L2 loaded from a large page");
	for (i = 0; i < 8; i++) {
		*(u64 *)scratch(0x28 + i) = 0x5550 + i;
		ept.pt[0] = (u64)scratch(0x28 + i) | RWX | EPT_WB;
		check_eq(ept_loads(WINDOW, "a load from a page that was changed"), 0x5550 + i,
			 "what L2 loaded from a page that we changed");
	}
	two_epts();
	invalidations();
	ept_violations();
	ept.pt[0] = 0;
	vmwrite(G_CR3, WINDOW);
	ept_start(l2_load, WINDOW);
	vmx_until(EXIT_EPT_VIOLATION, "EPT violation in L2's own page tables");
	check_eq(vmread(QUALIFICATION) & (Q_LINEAR | Q_FINAL), Q_LINEAR, "qualification of an EPT violation in L2's own page tables");
	check_eq(vmread(GUEST_PA) & ~0xfffULL, WINDOW, "address of an EPT violation in L2's own page tables");
	ept_fill();
	pae_pointers();
}

/* L2 reads UNIT_PORT_MOVE, which we do not intercept, then executes VMCALL. */
void vl2_moves(void);
static volatile u64 vl2_rbx;
asm(".pushsection .text\n"
    "vl2_moves:\n"
    "	movq	$0x1122334455667788, %rbx\n"
    "	inb	$0xe4, %al\n"			/* UNIT_PORT_MOVE */
    "	movq	%rbx, vl2_rbx(%rip)\n"
    "	movzbl	%al, %eax\n"
    "	vmcall\n"
    "	jmp	vl2_moves\n"
    ".popsection");

/* The guest moves while L2 runs, and while we run with a current VMCS. */
TEST(moved_nested_vmx)
{
	u32 i;

	need_vmx();
	vmx_on();
	for (i = 0; i < 4; i++) {
		fill_vmcs((u64)vl2_moves);
		/* Half of the time with a preemption timer that runs; lab_move() compares what KVM says of it. */
		if (i & 1 && rdmsr(0x481) >> 38 & 1) {
			vmwrite(PIN, control(0x481, 1 << 6));
			vmwrite(TIMER, 0xffffffff);
		}
		vl2_rbx = 0;
		vmx_until(EXIT_VMCALL, "VMCALL after the guest moved in L2");
		check_eq(l2_rax, UNIT_MOVE_IN, "RAX of L2 at its VMCALL, after the move");
		check_eq(vl2_rbx, 0x1122334455667788ULL, "RBX of L2 after the move");
		vmx_skip();
		check_eq(inb(UNIT_PORT_MOVE), UNIT_MOVE_IN, "AL after an IN at which the guest moved");
		check_eq(vmread(REASON), EXIT_VMCALL, "the exit reason in our VMCS, after the move");
		vmx_until(EXIT_VMCALL, "VMCALL after the guest moved again");
	}
	check(read_cr4() & CR4_VMXE, "CR4.VMXE was lost in the move");
}
