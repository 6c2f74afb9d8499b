// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nested VMX: interrupts and exceptions that we inject, that are ours, that are L2's.
 * SDM vol. 3, "Event injection", "VM exits", "VMX-preemption timer".
 */
#include "irq.h"
#include "vmx.h"

#define INJECT(vector, type)	(1u << 31 | (type) << 8 | (vector))
enum { T_INTR, T_NMI = 2, T_EXCEPTION };
#define INJECT_ERROR		(1u << 11)

#define IRQ2	0x57			/* L2's */

static void new_l2(u64 flags)
{
	fill_vmcs((u64)l2_halt);
	vmwrite(G_RFLAGS, 2 | flags);
	/* L2's handlers may use MSRs. */
	memset(scratch(4), 0, 4096);
	vmwrite(PROC, control(0x482, 1 << 3 | 1 << 7 | 1 << 28));
	vmwrite(MSR_BITMAP, (u64)scratch(4));
	taken.count = 0;
}

static void injections(void)
{
	new_l2(0);
	vmwrite(ENTRY_INFO, INJECT(13, T_EXCEPTION) | INJECT_ERROR);
	vmwrite(ENTRY_ERROR, 0x1234);
	vmx_until(EXIT_HLT, "HLT after an injected #GP");
	took(1, 13, "an injected #GP");
	check_eq(taken.error, 0x1234, "error code of an injected #GP");
	new_l2(0);
	vmwrite(ENTRY_INFO, INJECT(2, T_NMI));
	vmx_until(EXIT_HLT, "HLT after an injected NMI");
	took(1, 2, "an injected NMI");
	new_l2(0x200);
	vmwrite(ENTRY_INFO, INJECT(IRQ2, T_INTR));
	vmx_until(EXIT_HLT, "HLT after an injected interrupt");
	took(1, IRQ2, "an injected interrupt");
	check_eq(taken.rip, (u64)l2_halt, "where an injected interrupt came");
	/* The delivery itself faults: the exit must tell what was to be delivered. */
	new_l2(0x200);
	vmwrite(G_IDT_LIMIT, IRQ2 * 16 - 1);
	vmwrite(EXCEPTIONS, 1 << 13);
	vmwrite(ENTRY_INFO, INJECT(IRQ2, T_INTR));
	vmx_until(EXIT_EXCEPTION, "#GP at the delivery of an injected interrupt");
	check_eq(vmread(EXIT_INFO), INJECT(13, T_EXCEPTION) | INJECT_ERROR, "exit interruption information");
	check_eq(vmread(EXIT_ERROR) & ~1ULL, IRQ2 * 8 + 2, "error code of a #GP at the delivery of an interrupt");
	check_eq(vmread(VECTORING), INJECT(IRQ2, T_INTR), "IDT-vectoring information: the event whose delivery faulted");
}

/* Of page faults only those exit whose error code matches. */
void vl2_page_reads(void);
asm(".pushsection .text\n"
    "vl2_page_reads:\n"
    "	mov	$1, %eax\n"
    "	shl	$40, %rax\n"
    "	mov	(%rax), %ebx\n"			/* 2 bytes */
    "	mov	%ebx, (%rax)\n"
    "	hlt\n"
    ".popsection");

static void on_fault(struct regs *r)
{
	on_taken(r);
	r->rip += 2;
}

static void page_faults(void)
{
	irq_handler(14, on_fault);
	new_l2(0);
	vmwrite(EXCEPTIONS, 1 << 14);
	vmwrite(PF_MASK, 2);
	vmwrite(PF_MATCH, 2);
	vmx_at(vl2_page_reads);
	vmx_until(EXIT_EXCEPTION, "#PF of a write");
	took(1, 14, "#PF of a read, which is L2's");
	check_eq(vmread(EXIT_INFO), INJECT(14, T_EXCEPTION) | INJECT_ERROR, "exit interruption information of a #PF");
	check_eq(vmread(EXIT_ERROR), 2, "error code of L2's #PF");
	check_eq(vmread(QUALIFICATION), 1ULL << 40, "address of L2's #PF");
}

void vl2_reads_msr(void);
asm(".pushsection .text\n"
    "vl2_reads_msr:\n"
    "	rdmsr\n"				/* 2 bytes; ECX is ours to set */
    "	nop\n"
    "	nop\n"
    "1:	hlt\n"
    "	jmp	1b\n"
    ".popsection");

/* After an instruction that KVM emulates for L2 the exit comes at once, too: TSC_ADJUST is KVM's. */
static void trap_after_emulated(void)
{
	fill_vmcs((u64)vl2_reads_msr);
	memset(scratch(4), 0, 4096);
	vmwrite(PROC, control(0x482, 1 << 3 | 1 << 7 | 1 << 27 | 1 << 28));
	vmwrite(MSR_BITMAP, (u64)scratch(4));
	l2_rcx = 0x3b;
	vmx_until(EXIT_MTF, "the monitor trap flag after an emulated instruction");
	check_eq(vmread(G_RIP), (u64)vl2_reads_msr + 2, "RIP at the monitor trap after an emulated instruction");
}

/* The exit saves what is left of the preemption timer. */
static void timer_saved(void)
{
	const u32 start = 0x8000000;

	if (!(rdmsr(0x481) >> 38 & 1) || !(rdmsr(0x483) >> 54 & 1))
		return;
	new_l2(0);
	vmwrite(PIN, control(0x481, 1 << 6));
	vmwrite(EXIT_CTL, control(0x483, 1 << 9 | 1 << 22));
	vmwrite(TIMER, start);
	vmx_enter();
	/* If the host paused that long, the timer is at its end. */
	if (vmread(REASON) == EXIT_TIMER)
		return;
	check(vmread(TIMER) && vmread(TIMER) <= start, "a preemption timer of 0x%x is saved as 0x%lx", start, LU(vmread(TIMER)));
}

static void others(void)
{
	/* A triple fault */
	new_l2(0);
	vmwrite(G_IDT_LIMIT, 0);
	vmwrite(EXCEPTIONS, 0);
	vmx_at((void (*)(void))VA_BASE);
	vmx_until(EXIT_TRIPLE_FAULT, "a triple fault");
	/* The interrupt window */
	new_l2(0x200);
	vmwrite(PROC, control(0x482, 1 << 3 | 1 << 7 | 1 << 2));
	vmx_until(EXIT_INTR_WINDOW, "an exit as L2 has IF set");
	check_eq(vmread(G_RIP), (u64)l2_halt, "RIP at an interrupt window before the first instruction");
	vmwrite(G_RFLAGS, 2);
	vmx_until(EXIT_HLT, "HLT: no interrupt window with IF clear");
	/* The preemption timer, already at its end */
	if (rdmsr(0x481) >> 38 & 1) {
		new_l2(0);
		vmwrite(PIN, control(0x481, 1 << 6));
		vmwrite(TIMER, 0);
		vmx_until(EXIT_TIMER, "the preemption timer");
		check_eq(vmread(G_RIP), (u64)l2_halt, "RIP at a preemption timer of 0");
	}
	/* An exit after one instruction */
	if (rdmsr(0x482) >> 59 & 1) {
		fill_vmcs((u64)vl2_page_reads);
		vmwrite(PROC, control(0x482, 1 << 3 | 1 << 7 | 1 << 27));
		vmx_until(EXIT_MTF, "the monitor trap flag");
		check_eq(vmread(G_RIP), (u64)vl2_page_reads + 5, "RIP at the monitor trap after one instruction");
		trap_after_emulated();
	}
	timer_saved();
}

TEST(nested_vmx_events)
{
	need_vmx();
	vmx_on();
	irq_handler(2, on_taken);
	irq_handler(13, on_taken);
	irq_handler(IRQ2, on_taken);
	injections();
	page_faults();
	others();
}

/* --- interrupts of the machine --- */

static void interrupts(void)
{
	u32 n = irq_counts[VEC];

	/* Ours, and acknowledged at the exit. */
	new_l2(0);
	vmwrite(PIN, control(0x481, 1));
	vmwrite(EXIT_CTL, control(0x483, 1 << 9 | 1 << 15));
	apic_icr(0, 0x40000 | VEC);
	vmx_until(EXIT_INTR, "an interrupt that is ours");
	check_eq(vmread(EXIT_INFO), INJECT(VEC, T_INTR), "the vector of an interrupt acknowledged at the exit");
	check(apic_bit(APIC_ISR, VEC) && !apic_bit(APIC_IRR, VEC), "an interrupt acknowledged at the exit is not in service");
	apic_write(APIC_EOI, 0);
	expect_count(VEC, n, "interrupt acknowledged at the exit: in our handler");
	/* Ours, but not acknowledged. */
	new_l2(0);
	vmwrite(PIN, control(0x481, 1));
	apic_icr(0, 0x40000 | VEC);
	vmx_until(EXIT_INTR, "an interrupt that is ours");
	expect_count(VEC, ++n, "interrupt that made L2 exit");
	/* L2's: it waits for L2's IF. */
	new_l2(0);
	apic_icr(0, 0x40000 | VEC);
	vmx_until(EXIT_HLT, "HLT with an interrupt pending and IF clear");
	check_eq(irq_counts[VEC], n, "interrupts that L2 took with IF clear");
	vmwrite(G_RFLAGS, 0x202);
	vmx_until(EXIT_HLT, "HLT after an interrupt");
	check_eq(irq_counts[VEC], ++n, "interrupts that L2 took itself");
	expect_count(VEC, n, "interrupt that L2 took itself");
}

static void nmi(void)
{
	new_l2(0);
	vmwrite(PIN, control(0x481, 1 << 3));
	vmwrite(ENTRY_INFO, INJECT(2, T_NMI));
	vmx_until(EXIT_HLT, "HLT after an injected NMI, with NMIs ours");
	took(1, 2, "an injected NMI, with NMIs ours");
}

TEST(nested_vmx_interrupts)
{
	need_vmx();
	vmx_on();
	lapic_on();
	irq_handler(2, on_taken);
	interrupts();
	nmi();
}
