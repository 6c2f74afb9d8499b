/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest of this guest (L2) on VMX, which shares our page tables, segments and IDT:
 * Intel SDM vol. 3, "Virtual Machine Extensions" (VMCS fields: app. B, exit reasons:
 * app. C, errors: "VMX instruction reference").
 */
#ifndef GUEST_VMX_H
#define GUEST_VMX_H

#include "nested.h"

#define FEAT_CTL	0x3a
#define VMX_BASIC	0x480
#define CR0_NE		0x20
#define CR4_VMXE	0x2000

enum { EXIT_EXCEPTION, EXIT_INTR, EXIT_TRIPLE_FAULT, EXIT_INTR_WINDOW = 7, EXIT_NMI_WINDOW, EXIT_CPUID = 10,
	EXIT_HLT = 12, EXIT_VMCALL = 18, EXIT_CR = 28, EXIT_DR, EXIT_IO, EXIT_RDMSR, EXIT_WRMSR, EXIT_BAD_STATE,
	EXIT_MTF = 37, EXIT_EPT_VIOLATION = 48, EXIT_EPT_MISCONFIG, EXIT_TIMER = 52 };
enum { E_LAUNCH_NOT_CLEAR = 4, E_RESUME_NOT_LAUNCHED, E_CONTROLS = 7, E_HOST, E_REVISION = 11, E_FIELD, E_READ_ONLY,
	E_INV_OPERAND = 28 };

enum { G_ES = 0x800, H_ES = 0xc00, H_CS = 0xc02, H_SS = 0xc04, H_DS = 0xc06, H_TR = 0xc0c,
	IO_BITMAP_A = 0x2000, IO_BITMAP_B = 0x2002, MSR_BITMAP = 0x2004, EXIT_STORE = 0x2006, EXIT_LOAD = 0x2008,
	ENTRY_LOAD = 0x200a, TSC_OFFSET = 0x2010, EPTP = 0x201a,
	GUEST_PA = 0x2400, LINK = 0x2800, DEBUGCTL = 0x2802, G_PDPTE0 = 0x280a, PIN = 0x4000, PROC = 0x4002, EXCEPTIONS = 0x4004,
	PF_MASK = 0x4006, PF_MATCH = 0x4008, CR3_COUNT = 0x400a, EXIT_CTL = 0x400c, EXIT_STORES = 0x400e, EXIT_LOADS = 0x4010,
	ENTRY_LOADS = 0x4014, ENTRY_CTL = 0x4012, ENTRY_INFO = 0x4016, ENTRY_ERROR = 0x4018, PROC2 = 0x401e, ERROR = 0x4400, REASON = 0x4402,
	EXIT_INFO = 0x4404, EXIT_ERROR = 0x4406, VECTORING = 0x4408, LENGTH = 0x440c, G_ES_LIMIT = 0x4800, G_GDT_LIMIT = 0x4810,
	G_IDT_LIMIT = 0x4812, G_ES_RIGHTS = 0x4814, G_BLOCKED = 0x4824, G_ACTIVITY = 0x4826, G_SYSENTER_CS = 0x482a, TIMER = 0x482e, CR0_MASK = 0x6000,
	CR4_MASK = 0x6002, CR0_SHADOW = 0x6004, CR4_SHADOW = 0x6006, QUALIFICATION = 0x6400, G_CR0 = 0x6800,
	G_CR3 = 0x6802, G_CR4 = 0x6804, G_ES_BASE = 0x6806, G_GDT_BASE = 0x6816, G_IDT_BASE = 0x6818,
	G_DR7 = 0x681a, G_RSP = 0x681c, G_RIP = 0x681e, G_RFLAGS = 0x6820, G_SYSENTER_ESP = 0x6824, G_SYSENTER_EIP = 0x6826, H_CR0 = 0x6c00,
	H_CR3 = 0x6c02, H_CR4 = 0x6c04, H_TR_BASE = 0x6c0a, H_GDT_BASE = 0x6c0c, H_IDT_BASE = 0x6c0e };

/* L2's registers across exits, which VMX does not save */
extern volatile u64 l2_rax, l2_rbx, l2_rcx, l2_rdx;
extern volatile u32 l2_launched, l2_refused;

/* VMXON, VMCLEAR or VMPTRLD of the region at @pa; true: it failed. */
#define VMX_REGION(insn, pa) ({ \
	u64 pa_ = (pa); \
	u8 bad_; \
	asm volatile(insn " %1; setbe %0" : "=q"(bad_) : "m"(pa_) : "cc", "memory"); \
	bad_; })

/* need_vmx - skip the test if the guest has no VMX; vmx_on - allow it, VMXON in scratch(0) */
void need_vmx(void);
void vmx_on(void);
/* vmread, vmwrite - a field of the current VMCS, which must exist */
u64 vmread(u64 field);
void vmwrite(u64 field, u64 v);
/* control - @want, plus the bits that the CPU requires, minus those it does not support, by the MSR @msr */
u64 control(u32 msr, u64 want);
/* fill_vmcs - a VMCS in scratch(1): L2 is like us, starts at @rip, exits at HLT and #UD */
void fill_vmcs(u64 rip);
/* vmx_at - let L2 continue at @fn, with an empty stack */
void vmx_at(void (*fn)(void));
/* vmx_enter - VMLAUNCH or VMRESUME; l2_refused tells whether it failed */
void vmx_enter(void);
/* vmx_until - run L2 until an exit, whose reason must be @want; vmx_skip - go past the instruction */
void vmx_until(u64 want, const char *what);
void vmx_skip(void);

#endif
