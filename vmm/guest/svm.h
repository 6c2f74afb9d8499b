/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest of this guest (L2) on SVM, which shares our page tables, segments and IDT:
 * AMD64 manual vol. 2 ch. 15 and appendix B.
 */
#ifndef GUEST_SVM_H
#define GUEST_SVM_H

#include "nested.h"

#define EFER		0xc0000080
#define HSAVE_PA	0xc0010117

/* Exit codes. Those of the bits in C_MISC1 and C_MISC2 are 0x60 + bit and 0x80 + bit. */
#define EXIT_CR_READ	0x00
#define EXIT_CR_WRITE	0x10
#define EXIT_DR_READ	0x20
#define EXIT_DR_WRITE	0x30
#define EXIT_EXCP	0x40
#define EXIT_EXCP_UD	0x46
#define EXIT_INTR	0x60
#define EXIT_NMI	0x61
#define EXIT_VINTR	0x64
#define EXIT_CPUID	0x72
#define EXIT_HLT	0x78
#define EXIT_IOIO	0x7b
#define EXIT_MSR	0x7c
#define EXIT_SHUTDOWN	0x7f
#define EXIT_VMMCALL	0x81
#define EXIT_NPF	0x400

/* Offsets in the VMCB: its control area and its save area. */
enum { C_CR = 0x00, C_DR = 0x04, C_EXCEPTIONS = 0x08, C_MISC1 = 0x0c, C_MISC2 = 0x10, C_IOPM = 0x40, C_MSRPM = 0x48,
	C_TSC_OFFSET = 0x50, C_ASID = 0x58, C_TLB = 0x5c, C_VINTR = 0x60, C_SHADOW = 0x68, C_EXIT = 0x70, C_INFO1 = 0x78,
	C_INFO2 = 0x80, C_EXITINT = 0x88, C_NESTED = 0x90, C_INJECT = 0xa8, C_NCR3 = 0xb0, C_CLEAN = 0xc0, S_ES = 0x400, S_CS = 0x410,
	S_SS = 0x420, S_DS = 0x430, S_GDTR = 0x460, S_IDTR = 0x480, S_EFER = 0x4d0, S_CR4 = 0x548, S_CR3 = 0x550,
	S_CR0 = 0x558, S_DR7 = 0x560, S_DR6 = 0x568, S_RFLAGS = 0x570, S_RIP = 0x578, S_RSP = 0x5d8,
	S_RAX = 0x5f8, S_CR2 = 0x640, S_PAT = 0x668 };

extern u8 *vmcb;

static inline volatile u32 *v32(u32 off) { return (volatile u32 *)(vmcb + off); }
static inline volatile u64 *v64(u32 off) { return (volatile u64 *)(vmcb + off); }

static inline void vmload(void *page) { asm volatile("vmload" : : "a"(page) : "memory"); }
static inline void vmsave(void *page) { asm volatile("vmsave" : : "a"(page) : "memory"); }

/* need_svm - skip the test if the guest has no SVM; svm_on - set EFER.SVME and VM_HSAVE_PA */
void need_svm(void);
void svm_on(void);
/* fill_vmcb - a VMCB in scratch(0): L2 is like us, exits at INTR, CPUID, HLT, #UD, VMRUN, VMMCALL, and runs l2_halt */
void fill_vmcb(void);
/* vmrun - enter L2 once: VMLOAD, VMRUN, VMSAVE; vmrun_only - without the other two */
void vmrun(void);
void vmrun_only(void);
/* svm_exit - run L2 until an exit that is not an interrupt's; returns its code */
u64 svm_exit(void);
/* svm_until - the same, and the exit must be @want */
void svm_until(u64 want, const char *what);
/* svm_at - let L2 continue at @fn, with an empty stack */
void svm_at(void (*fn)(void));

#endif
