// SPDX-License-Identifier: GPL-2.0-only
/* What the tests of nested VMX share: vmx.h. */
#include "vmx.h"

volatile u64 l2_rax, l2_rbx, l2_rcx, l2_rdx;
volatile u32 l2_launched, l2_refused;

u64 vmread(u64 field)
{
	u64 v = 0;

	asm volatile("vmread %1, %0" : "+r"(v) : "r"(field) : "cc");
	return v;
}

void vmwrite(u64 field, u64 v)
{
	u8 bad;

	asm volatile("vmwrite %2, %1; setbe %0" : "=q"(bad) : "r"(field), "r"(v) : "cc");
	check(!bad, "VMWRITE of field 0x%lx failed", LU(field));
}

void vmx_enter(void)
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

void vmx_until(u64 want, const char *what)
{
	vmx_enter();
	check(!l2_refused, "entering L2 failed: error %lu", LU(vmread(ERROR)));
	l2_launched = 1;
	check(vmread(REASON) == want, "L2: exit reason 0x%lx at rip 0x%lx, expected %s (%lu)",
	      LU(vmread(REASON)), LU(vmread(G_RIP)), what, LU(want));
}

void vmx_skip(void)
{
	vmwrite(G_RIP, vmread(G_RIP) + vmread(LENGTH));
}

void vmx_at(void (*fn)(void))
{
	vmwrite(G_RIP, (u64)fn);
	vmwrite(G_RSP, (u64)l2_stack + sizeof(l2_stack) - 8);
}

u64 control(u32 msr, u64 want)
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

void fill_vmcs(u64 rip)
{
	struct { u16 limit; u64 base; } __attribute__((packed)) g, i;
	u64 d, tss, *vmcs = scratch(1);
	u32 n;

	/* VMCLEAR writes the last VMCS's fields back. */
	VMX_REGION("vmclear", (u64)vmcs);
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
	vmx_at((void (*)(void))rip);
	vmwrite(H_CR0, read_cr0());
	vmwrite(H_CR3, read_cr3());
	vmwrite(H_CR4, read_cr4());
	vmwrite(H_CS, 0x18);
	vmwrite(H_TR, 0x30);
	vmwrite(H_TR_BASE, tss);
	vmwrite(H_GDT_BASE, g.base);
	vmwrite(H_IDT_BASE, i.base);
}

void need_vmx(void)
{
	if (!(cpuid(1, 0).c >> 5 & 1))
		skip("the guest has no VMX: nested virtualization is off (kvm_intel.nested), or the CPU is not Intel's");
}

void vmx_on(void)
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
