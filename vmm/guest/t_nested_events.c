// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nested SVM: interrupts and exceptions that we inject, that are ours, that are L2's.
 * AMD64 manual vol. 2, 15.7, 15.13, 15.14, 15.17, 15.20, 15.21.
 */
#include "irq.h"
#include "svm.h"

#define INJECT(vector, type)	(1u << 31 | (type) << 8 | (vector))
enum { T_INTR, T_NMI = 2, T_EXCEPTION };
#define INJECT_ERROR		(1u << 11)	/* with an error code, in the upper half */

/* C_VINTR */
#define V_TPR(n)	((u64)(n))
#define V_IRQ		(1ULL << 8)
#define V_PRIO(n)	((u64)(n) << 16)
#define V_IGN_TPR	(1ULL << 20)
#define V_MASKING	(1ULL << 24)
#define V_VECTOR(n)	((u64)(n) << 32)

#define IRQ2	0x57			/* L2's */

static void new_l2(u64 flags)
{
	fill_vmcb();
	*v64(S_RFLAGS) = 2 | flags;
	taken.count = 0;
}

static void injections(void)
{
	u32 i;

	new_l2(0);
	*v64(C_INJECT) = INJECT(13, T_EXCEPTION) | INJECT_ERROR | 0x1234ULL << 32;
	svm_until(EXIT_HLT, "HLT after an injected #GP");
	took(1, 13, "an injected #GP");
	check_eq(taken.error, 0x1234, "error code of an injected #GP");
	check(!(*v32(C_INJECT) >> 31), "the injection is still valid after the exit: 0x%x", *v32(C_INJECT));
	new_l2(0);
	*v64(C_INJECT) = INJECT(14, T_EXCEPTION) | INJECT_ERROR | 2ULL << 32;
	*v64(S_CR2) = 0xabcdef123000;
	svm_until(EXIT_HLT, "HLT after an injected #PF");
	took(1, 14, "an injected #PF");
	check_eq(taken.error, 2, "error code of an injected #PF");
	check_eq(taken.cr2, 0xabcdef123000, "CR2 of an injected #PF");
	new_l2(0);
	*v64(C_INJECT) = INJECT(2, T_NMI);
	svm_until(EXIT_HLT, "HLT after an injected NMI");
	took(1, 2, "an injected NMI");
	for (i = 0; i < 3; i++) {
		new_l2(0x200);
		*v64(C_INJECT) = INJECT(IRQ2, T_INTR);
		svm_until(EXIT_HLT, "HLT after an injected interrupt");
		took(1, IRQ2, "an injected interrupt");
		/* The interrupt comes before L2's first instruction. */
		check_eq(taken.rip, (u64)l2_halt, "where an injected interrupt came");
	}
}

/* The delivery itself faults: the exit must tell what was to be delivered. */
static void lost_delivery(void)
{
	new_l2(0);
	*v32(S_IDTR + 4) = IRQ2 * 16 - 1;		/* IRQ2 is beyond the limit */
	*v32(C_EXCEPTIONS) |= 1u << 13;
	*v64(C_INJECT) = INJECT(IRQ2, T_INTR);
	svm_until(EXIT_EXCP + 13, "#GP at the delivery of an injected interrupt");
	took(0, 0, "an interrupt beyond the limit of the IDT");
	check_eq(*v32(C_EXITINT), INJECT(IRQ2, T_INTR), "EXITINTINFO: the event whose delivery faulted");
	/* QEMU before 10 has 16 instead of 8 here. */
	if (!shared->tcg || *v64(C_INFO1) >> 1 != IRQ2 * 8 + 1)
		check_eq(*v64(C_INFO1) & ~1ULL, IRQ2 * 8 + 2, "error code of a #GP at the delivery of an interrupt");
}

static void virtual_interrupts(void)
{
	const u64 irq = V_IRQ | V_VECTOR(IRQ2);

	new_l2(0x200);
	*v64(C_VINTR) = irq | V_IGN_TPR;
	svm_until(EXIT_HLT, "HLT after a virtual interrupt");
	took(1, IRQ2, "a virtual interrupt");
	check(!(*v64(C_VINTR) & V_IRQ), "a virtual interrupt that L2 took is still pending: 0x%lx", LU(*v64(C_VINTR)));
	new_l2(0);
	*v64(C_VINTR) = irq | V_IGN_TPR;
	svm_until(EXIT_HLT, "HLT with a virtual interrupt pending");
	took(0, 0, "a virtual interrupt with IF=0");
	check(*v64(C_VINTR) & V_IRQ, "a virtual interrupt that L2 could not take is gone: 0x%lx", LU(*v64(C_VINTR)));
	new_l2(0x200);
	*v64(C_VINTR) = irq | V_IGN_TPR;
	*v32(C_MISC1) |= 1 << 4;
	svm_until(EXIT_VINTR, "an intercepted virtual interrupt");
	took(0, 0, "an intercepted virtual interrupt");
	new_l2(0x200);
	*v64(C_VINTR) = irq | V_PRIO(5) | V_TPR(8) | V_MASKING;
	svm_until(EXIT_HLT, "HLT with a virtual interrupt of too low a priority");
	took(0, 0, "a virtual interrupt of a priority below V_TPR");
	new_l2(0x200);
	*v64(C_VINTR) = irq | V_PRIO(5) | V_TPR(4) | V_MASKING;
	svm_until(EXIT_HLT, "HLT after a virtual interrupt of high priority");
	took(1, IRQ2, "a virtual interrupt of a priority above V_TPR");
}

/* L2 triple-faults. */
static void shutdown(void)
{
	new_l2(0);
	*v32(S_IDTR + 4) = 0;
	*v32(C_EXCEPTIONS) = 0;
	*v32(C_MISC1) |= 1u << 31;
	svm_at((void (*)(void))VA_BASE);		/* nothing is mapped there */
	svm_until(EXIT_SHUTDOWN, "a triple fault");
}

TEST(nested_events)
{
	need_svm();
	svm_on();
	irq_handler(2, on_taken);
	irq_handler(13, on_taken);
	irq_handler(14, on_taken);
	irq_handler(IRQ2, on_taken);
	injections();
	virtual_interrupts();
	lost_delivery();
	shutdown();
}

/* --- interrupts of the machine --- */

/* VMRUN with IF set or clear in our RFLAGS: GIF keeps interrupts away from us. */
static u64 vmrun_if(bool enabled)
{
	asm volatile("clgi");
	if (enabled)
		sti();
	vmrun();
	cli();
	asm volatile("stgi");
	return *v64(C_EXIT);
}

static void pending(u64 l2_flags, u32 intercepts, u64 vintr)
{
	new_l2(l2_flags);
	*v32(C_MISC1) = (*v32(C_MISC1) & ~1u) | intercepts;
	*v64(C_VINTR) = vintr;
	apic_icr(0, 0x40000 | VEC);
}

static void interrupts(void)
{
	u32 n = irq_counts[VEC];

	/* V_INTR_MASKING: our IF decides. */
	pending(0, 1, V_MASKING);
	check_eq(vmrun_if(true), EXIT_INTR, "exit of L2 with an interrupt pending, V_INTR_MASKING and our IF set");
	check_eq(*v64(S_RIP), (u64)l2_halt, "RIP of L2 at an interrupt before its first instruction");
	check_eq(irq_counts[VEC], n, "interrupts that we took while GIF was clear");
	expect_count(VEC, ++n, "interrupt that made L2 exit");
	/* Before Linux 6.7 KVM gave L2 a virtual interrupt of vector 0 here. */
	if (shared->arg[0]) {
		pending(0x200, 1, V_MASKING);
		check_eq(vmrun_if(false), EXIT_HLT, "exit of L2 with an interrupt pending, V_INTR_MASKING and our IF clear");
		expect_count(VEC, ++n, "interrupt that waited while L2 ran");
	}
	/* Without it, L2's IF decides. */
	pending(0x200, 1, 0);
	check_eq(vmrun_if(false), EXIT_INTR, "exit of L2 with an interrupt pending and its IF set");
	expect_count(VEC, ++n, "interrupt that made L2 exit, by its own IF");
	pending(0, 1, 0);
	check_eq(vmrun_if(true), EXIT_HLT, "exit of L2 with an interrupt pending and its IF clear");
	expect_count(VEC, ++n, "interrupt that waited while L2 ran with IF clear");
	/* Not intercepted: L2 takes it. */
	pending(0x200, 0, 0);
	check_eq(vmrun_if(false), EXIT_HLT, "exit of L2 that takes an interrupt itself");
	check_eq(irq_counts[VEC], ++n, "interrupts that L2 took itself");
	expect_count(VEC, n, "interrupt that L2 took itself");
}

static void nmis(void)
{
	new_l2(0);
	*v32(C_MISC1) |= 1 << 1;
	asm volatile("clgi");
	apic_icr(0, 0x400);
	check_eq(vmrun_if(false), EXIT_NMI, "exit of L2 with an NMI pending");
	outb(0xe1, 0);
	took(1, 2, "an NMI that made L2 exit (taken by us after STGI)");
	new_l2(0);
	asm volatile("clgi");
	apic_icr(0, 0x400);
	check_eq(vmrun_if(false), EXIT_HLT, "exit of L2 that takes an NMI itself");
	took(1, 2, "an NMI that is not intercepted");
	check_eq(taken.rip, (u64)l2_halt, "where L2 took an NMI");
}

TEST(nested_interrupts)
{
	need_svm();
	svm_on();
	lapic_on();
	irq_handler(2, on_taken);
	interrupts();
	nmis();
}
