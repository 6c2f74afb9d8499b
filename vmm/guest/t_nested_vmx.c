// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest of this guest (L2) on VMX: Intel SDM vol. 3, "Virtual Machine Extensions"
 * (VMCS fields: app. B, exit reasons: app. C, errors: "VMX instruction reference").
 * L2 shares our page tables and segments; we see its exits.
 */
#include "nested.h"

#define FEAT_CTL	0x3a
#define VMX_BASIC	0x480
#define CR0_NE		0x20
#define CR4_VMXE	0x2000

enum { EXIT_EXCEPTION = 0, EXIT_CPUID = 10, EXIT_HLT = 12, EXIT_VMCALL = 18, EXIT_IO = 30,
	EXIT_EPT_VIOLATION = 48, EXIT_EPT_MISCONFIG = 49 };
enum { E_LAUNCH_NOT_CLEAR = 4, E_RESUME_NOT_LAUNCHED = 5, E_CONTROLS = 7 };

enum { G_ES = 0x800, H_ES = 0xc00, H_CS = 0xc02, H_SS = 0xc04, H_DS = 0xc06, H_TR = 0xc0c,
	IO_BITMAP_A = 0x2000, IO_BITMAP_B = 0x2002, TSC_OFFSET = 0x2010, EPTP = 0x201a,
	GUEST_PA = 0x2400, LINK = 0x2800, DEBUGCTL = 0x2802, PIN = 0x4000, PROC = 0x4002, EXCEPTIONS = 0x4004, CR3_COUNT = 0x400a,
	EXIT_CTL = 0x400c, ENTRY_CTL = 0x4012, ENTRY_INFO = 0x4016, PROC2 = 0x401e, ERROR = 0x4400, REASON = 0x4402,
	EXIT_INFO = 0x4404, LENGTH = 0x440c, G_ES_LIMIT = 0x4800, G_GDT_LIMIT = 0x4810,
	G_IDT_LIMIT = 0x4812, G_ES_RIGHTS = 0x4814, QUALIFICATION = 0x6400, G_CR0 = 0x6800,
	G_CR3 = 0x6802, G_CR4 = 0x6804, G_ES_BASE = 0x6806, G_GDT_BASE = 0x6816, G_IDT_BASE = 0x6818,
	G_DR7 = 0x681a, G_RSP = 0x681c, G_RIP = 0x681e, G_RFLAGS = 0x6820, H_CR0 = 0x6c00,
	H_CR3 = 0x6c02, H_CR4 = 0x6c04, H_TR_BASE = 0x6c0a, H_GDT_BASE = 0x6c0c, H_IDT_BASE = 0x6c0e };

/* L2's registers across exits: VMX does not save them. */
static volatile u64 l2_rax, l2_rbx, l2_rcx, l2_rdx;
static volatile u32 l2_launched, l2_refused;
static volatile u64 vl2_sum;
static volatile u32 vl2_round;
static volatile u64 vl2_tsc, vl2_injected;
static u8 vl2_stack[4096] __attribute__((aligned(16)));

static u64 vmread(u64 field)
{
	u64 v = 0;

	asm volatile("vmread %1, %0" : "+r"(v) : "r"(field) : "cc");
	return v;
}

static void vmwrite(u64 field, u64 v)
{
	u8 bad;

	asm volatile("vmwrite %2, %1; setbe %0" : "=q"(bad) : "r"(field), "r"(v) : "cc");
	check(!bad, "VMWRITE of field 0x%lx failed", LU(field));
}

/* VMXON, VMCLEAR or VMPTRLD of the region at @pa; true: it failed. */
#define VMX_REGION(insn, pa) ({ \
	u64 pa_ = (pa); \
	u8 bad_; \
	asm volatile(insn " %1; setbe %0" : "=q"(bad_) : "m"(pa_) : "cc", "memory"); \
	bad_; })

static void l2_enter(void)
{
	asm volatile("push %%rbp; push %%rbx\n\t"
		     "mov $0x6c14, %%edx; vmwrite %%rsp, %%rdx\n\t"	/* host RSP, RIP */
		     "lea 2f(%%rip), %%rcx; mov $0x6c16, %%edx; vmwrite %%rcx, %%rdx\n\t"
		     "mov l2_rax(%%rip), %%rax; mov l2_rbx(%%rip), %%rbx\n\t"
		     "mov l2_rcx(%%rip), %%rcx; mov l2_rdx(%%rip), %%rdx\n\t"
		     "movl $0, l2_refused(%%rip)\n\t"
		     "cmpl $0, l2_launched(%%rip); jne 1f\n\t"
		     "vmlaunch; jmp 3f\n"
		     "1: vmresume\n"
		     "3: movl $1, l2_refused(%%rip); jmp 4f\n"
		     "2: mov %%rax, l2_rax(%%rip); mov %%rbx, l2_rbx(%%rip)\n\t"
		     "mov %%rcx, l2_rcx(%%rip); mov %%rdx, l2_rdx(%%rip)\n"
		     "4: pop %%rbx; pop %%rbp"
		     : : : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
		       "r13", "r14", "r15", "memory", "cc");
}

/* Enter L2, which must fail with VMfailValid and error @want. */
static void refused(u32 want, const char *what)
{
	l2_enter();
	check(l2_refused, "%s was not refused: exit reason 0x%lx", what, LU(vmread(REASON)));
	check(vmread(ERROR) == want, "%s: error %lu, expected %u", what, LU(vmread(ERROR)), want);
}

/* Run L2 until an exit, which must be @want. */
static void l2_until(u64 want, const char *what)
{
	l2_enter();
	check(!l2_refused, "entering L2 failed: error %lu", LU(vmread(ERROR)));
	l2_launched = 1;
	check(vmread(REASON) == want, "L2: exit reason 0x%lx at rip 0x%lx, expected %s (%lu)",
	      LU(vmread(REASON)), LU(vmread(G_RIP)), what, LU(want));
}

static void l2_skip(void)
{
	vmwrite(G_RIP, vmread(G_RIP) + vmread(LENGTH));
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
    "	.globl	vl2_halt\n"
    "vl2_halt:\n"
    "	hlt\n"
    "	jmp	vl2_halt\n"
    "	.globl	vl2_more\n"
    "vl2_more:\n"
    "	outb	%al, $0xe9\n"
    "	outb	%al, $0xe3\n"			/* UNIT_PORT_L2 */
    "	rdtsc\n"
    "	shlq	$32, %rdx\n"
    "	orq	%rdx, %rax\n"
    "	movq	%rax, vl2_tsc(%rip)\n"
    "	jmp	vl2_halt\n"
    ".popsection");
void vl2_halt(void);
void vl2_more(void);

/* @want, plus the bits that the CPU requires, minus those it does not support. */
static u64 control(u32 msr, u64 want)
{
	u64 v = rdmsr(msr);

	return (want | (u32)v) & v >> 32;
}

/* Segment @nr of ES, CS, SS, DS, FS, GS, LDTR, TR. */
static void segment(u32 nr, u16 sel, u32 rights, u32 limit, u64 base)
{
	vmwrite(G_ES + 2 * nr, sel);
	vmwrite(G_ES_LIMIT + 2 * nr, limit);
	vmwrite(G_ES_RIGHTS + 2 * nr, rights);
	vmwrite(G_ES_BASE + 2 * nr, base);
}

static void fill_vmcs(u64 rip)
{
	struct { u16 limit; u64 base; } __attribute__((packed)) g, i;
	u64 d, tss, *vmcs = scratch(1);
	u32 n;

	memset(vmcs, 0, 4096);
	*(u32 *)vmcs = (u32)rdmsr(VMX_BASIC) & 0x7fffffff;
	check(!VMX_REGION("vmclear", (u64)vmcs) && !VMX_REGION("vmptrld", (u64)vmcs),
	      "VMCLEAR or VMPTRLD of a good VMCS failed");
	l2_launched = 0;
	asm volatile("sgdt %0; sidt %1" : "=m"(g), "=m"(i));
	d = *(u64 *)(g.base + 0x30);
	tss = (d >> 16 & 0xffffff) | (d >> 56) << 24 | *(u64 *)(g.base + 0x38) << 32;
	vmwrite(PIN, control(0x481, 0));
	vmwrite(PROC, control(0x482, 1 << 3 | 1 << 7));	/* TSC offset, HLT */
	vmwrite(EXIT_CTL, control(0x483, 1 << 9));	/* we run in 64-bit mode */
	vmwrite(ENTRY_CTL, control(0x484, 1 << 9));	/* and so does L2 */
	vmwrite(EXCEPTIONS, 1 << 6);
	vmwrite(LINK, ~0ULL);
	vmwrite(DEBUGCTL, 0);
	for (n = 0; n < 8; n++)
		segment(n, 0, 0x10000, 0, 0);		/* unusable */
	segment(0, 0x10, 0xc093, 0xffffffff, 0);
	segment(1, 0x18, 0xa09b, 0xffffffff, 0);
	segment(2, 0x10, 0xc093, 0xffffffff, 0);
	segment(3, 0x10, 0xc093, 0xffffffff, 0);
	segment(7, 0x30, 0x8b, 0x67, tss);
	vmwrite(G_GDT_LIMIT, g.limit);
	vmwrite(G_GDT_BASE, g.base);
	vmwrite(G_IDT_LIMIT, i.limit);
	vmwrite(G_IDT_BASE, i.base);
	vmwrite(G_CR0, read_cr0());
	vmwrite(G_CR3, read_cr3());
	vmwrite(G_CR4, read_cr4());
	vmwrite(G_DR7, 0x400);
	vmwrite(G_RFLAGS, 2);
	vmwrite(G_RSP, (u64)vl2_stack + sizeof(vl2_stack) - 8);
	vmwrite(G_RIP, rip);
	vmwrite(H_CR0, read_cr0());
	vmwrite(H_CR3, read_cr3());
	vmwrite(H_CR4, read_cr4());
	vmwrite(H_CS, 0x18);
	vmwrite(H_TR, 0x30);
	vmwrite(H_TR_BASE, tss);
	vmwrite(H_GDT_BASE, g.base);
	vmwrite(H_IDT_BASE, i.base);
}

static void rounds(void)
{
	u32 i;

	for (i = 0; i < 20; i++) {
		l2_until(EXIT_CPUID, "CPUID");
		check_eq(l2_rax, 0x12345, "RAX of L2 at its CPUID");
		l2_rax = 7;
		l2_skip();
		l2_until(EXIT_VMCALL, "VMCALL");
		check_eq(l2_rax, i, "RAX of L2 at its VMCALL");
		l2_skip();
		check_eq(vl2_sum, 7 * (i + 1), "L2's sum in memory");
		outb(0xe1, 0);				/* exit to the host in between */
	}
	l2_until(EXIT_EXCEPTION, "#UD");
	check_eq(vmread(EXIT_INFO) & 0x800007ff, 0x80000306, "exit interruption information of L2's #UD");
	vmwrite(G_RIP, (u64)vl2_halt);
	l2_until(EXIT_HLT, "HLT");
	l2_skip();
	l2_until(EXIT_HLT, "HLT again");
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
	l2_until(EXIT_IO, "OUT to a port of the bitmap");
	check_eq(vmread(QUALIFICATION), 0xe9 << 16 | 1 << 6, "qualification of L2's OUT to an immediate port");
	l2_skip();
	a = rdtsc();
	l2_until(EXIT_HLT, "HLT");
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
	fill_vmcs((u64)vl2_halt);
	vmwrite(G_RFLAGS, 0x202);
	vmwrite(ENTRY_INFO, 1u << 31 | 0x55);
	l2_until(EXIT_HLT, "HLT after an injected interrupt");
	check_eq(vl2_injected, 0x55, "the injected vector that L2 received");
	check_eq(vmread(ENTRY_INFO) >> 31, 0, "valid bit of the injection after the entry");
}

static void need_vmx(void)
{
	if (!(cpuid(1, 0).c >> 5 & 1))
		skip("the guest has no VMX: nested virtualization is off (kvm_intel.nested), or the CPU is not Intel's");
}

static void vmx_on(void)
{
	u64 v, *on = scratch(0);

	*(u32 *)on = (u32)rdmsr(VMX_BASIC) & 0x7fffffff;
	check(TRY_IO("vmxon %0", NONE, "m"(on)) == 6, "VMXON with CR4.VMXE=0 raised no #UD");
	write_cr0(read_cr0() | CR0_NE);
	write_cr4(read_cr4() | CR4_VMXE);
	v = rdmsr(FEAT_CTL);
	if (!(v & 1)) {
		check(TRY_IO("vmxon %0", NONE, "m"(on)) == 13, "VMXON before IA32_FEATURE_CONTROL allows it raised no #GP");
		wrmsr(FEAT_CTL, v | 5);			/* locked, VMX outside SMX */
	}
	check(!VMX_REGION("vmxon", (u64)on), "VMXON failed");
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
	vmwrite(G_RIP, (u64)fn);
	vmwrite(G_RSP, (u64)vl2_stack + sizeof(vl2_stack) - 8);
}

static u64 ept_loads(u64 at, const char *what)
{
	ept_start(l2_load, at);
	l2_until(EXIT_HLT, what);
	return l2_value;
}

/* L2 makes an access that our tables do not allow. */
static void ept_violation(void (*fn)(void), u64 at, u64 info, const char *what)
{
	ept_start(fn, at);
	l2_until(EXIT_EPT_VIOLATION, what);
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
	l2_until(EXIT_HLT, "the store again, after the page was mapped");
	check_eq(((u64 *)scratch(0x22))[3], 0x77, "what L2 stored after the page was mapped");
	ept_violation(l2_call, page + 0x2000, Q_FETCH | (EPT_R | EPT_W) << 3, "EPT violation of a call into a non-executable page");
	ept.pt[3] |= EPT_X;
	ept_start(l2_call, page + 0x2000);
	l2_until(EXIT_HLT, "the call, after the page became executable");
	ept_start(l2_load, page + 0x3000);
	l2_until(EXIT_EPT_MISCONFIG, "a load through an entry that allows writes but not reads");
	check_eq(vmread(GUEST_PA), page + 0x3000, "address of an EPT misconfiguration");
	ept.pd[LARGE >> 21] &= ~(u64)EPT_W;
	ept_violation(l2_store, LARGE + 0x30010, Q_WRITE | (EPT_R | EPT_X) << 3, "EPT violation of a store to a read-only large page");
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
	l2_until(EXIT_HLT, "a store");
	check_eq(((u64 *)scratch(0x20))[1], 0x99, "what L2 stored");
	*(u64 *)scratch(0x30) = 0x4444;
	check_eq(ept_loads(LARGE + 0x30000, "a load from a large page"), 0x4444, "what L2 loaded from a large page");
	for (i = 0; i < 8; i++) {
		*(u64 *)scratch(0x28 + i) = 0x5550 + i;
		ept.pt[0] = (u64)scratch(0x28 + i) | RWX | EPT_WB;
		check_eq(ept_loads(WINDOW, "a load from a page that was changed"), 0x5550 + i,
			 "what L2 loaded from a page that we changed");
	}
	ept_violations();
	ept.pt[0] = 0;
	vmwrite(G_CR3, WINDOW);
	ept_start(l2_load, WINDOW);
	l2_until(EXIT_EPT_VIOLATION, "EPT violation in L2's own page tables");
	check_eq(vmread(QUALIFICATION) & (Q_LINEAR | Q_FINAL), Q_LINEAR, "qualification of an EPT violation in L2's own page tables");
	check_eq(vmread(GUEST_PA) & ~0xfffULL, WINDOW, "address of an EPT violation in L2's own page tables");
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
		vl2_rbx = 0;
		l2_until(EXIT_VMCALL, "VMCALL after the guest moved in L2");
		check_eq(l2_rax, UNIT_MOVE_IN, "RAX of L2 at its VMCALL, after the move");
		check_eq(vl2_rbx, 0x1122334455667788ULL, "RBX of L2 after the move");
		l2_skip();
		check_eq(inb(UNIT_PORT_MOVE), UNIT_MOVE_IN, "AL after an IN at which the guest moved");
		check_eq(vmread(REASON), EXIT_VMCALL, "the exit reason in our VMCS, after the move");
		l2_until(EXIT_VMCALL, "VMCALL after the guest moved again");
	}
	check(read_cr4() & CR4_VMXE, "CR4.VMXE was lost in the move");
}
