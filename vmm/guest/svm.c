// SPDX-License-Identifier: GPL-2.0-only
/* What the tests of nested SVM share: svm.h. */
#include "svm.h"

u8 *vmcb;

static void segment(u32 off, u16 sel, u16 attr, u32 limit, u64 base)
{
	*(volatile u16 *)(vmcb + off) = sel;
	*(volatile u16 *)(vmcb + off + 2) = attr;
	*v32(off + 4) = limit;
	*v64(off + 8) = base;
}

void vmrun_only(void)
{
	asm volatile("push %%rbp; push %%rbx; vmrun; pop %%rbx; pop %%rbp"
		     : : "a"(vmcb) : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
		       "r12", "r13", "r14", "r15", "memory", "cc");
}

void vmrun(void)
{
	vmload(vmcb);
	vmrun_only();
	vmsave(vmcb);
}

void fill_vmcb(void)
{
	struct { u16 limit; u64 base; } __attribute__((packed)) g, i;

	vmcb = scratch(0);
	memset(vmcb, 0, 4096);
	asm volatile("sgdt %0; sidt %1" : "=m"(g), "=m"(i));
	*v32(C_EXCEPTIONS) = 1u << 6;
	*v32(C_MISC1) = 1u << 0 | 1u << 18 | 1u << 24;	/* INTR, CPUID, HLT */
	*v32(C_MISC2) = 3;				/* VMRUN, VMMCALL */
	*v32(C_ASID) = 1;
	segment(S_CS, 0x18, 0xa9b, 0xffffffff, 0);
	segment(S_DS, 0x10, 0xc93, 0xffffffff, 0);
	segment(S_ES, 0x10, 0xc93, 0xffffffff, 0);
	segment(S_SS, 0x10, 0xc93, 0xffffffff, 0);
	segment(S_GDTR, 0, 0, g.limit, g.base);
	segment(S_IDTR, 0, 0, i.limit, i.base);
	*v64(S_EFER) = rdmsr(EFER);
	*v64(S_CR0) = read_cr0();
	*v64(S_CR3) = read_cr3();
	*v64(S_CR4) = read_cr4();
	*v64(S_DR7) = 0x400;
	*v64(S_DR6) = 0xffff0ff0;
	*v64(S_PAT) = rdmsr(0x277);
	*v64(S_RFLAGS) = 2;
	svm_at(l2_halt);
}

void svm_at(void (*fn)(void))
{
	*v64(S_RIP) = (u64)fn;
	*v64(S_RSP) = (u64)l2_stack + sizeof(l2_stack) - 8;
}

u64 svm_exit(void)
{
	u64 code;

	do {
		vmrun();
		code = *v64(C_EXIT);
	} while (code == EXIT_INTR);
	return code;
}

void svm_until(u64 want, const char *what)
{
	u64 got = svm_exit();

	check(got == want, "L2: exit 0x%lx at rip 0x%lx, expected %s (0x%lx)", LU(got),
	      LU(*v64(S_RIP)), what, LU(want));
}

void svm_on(void)
{
	wrmsr(EFER, rdmsr(EFER) | 0x1000);
	wrmsr(HSAVE_PA, (u64)scratch(1));
}

void need_svm(void)
{
	if (!(cpuid(0x80000001, 0).c >> 2 & 1))
		skip("the guest has no SVM: nested virtualization is off (kvm_amd.nested), or the CPU is not AMD's");
}
