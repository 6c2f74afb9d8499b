// SPDX-License-Identifier: GPL-2.0-only
/* vm: system management mode: KVM_SMI enters it, RSM must restore everything. */
#include <string.h>

#define REPORT_PLACE 120
#include "vm/vm.h"

#define RUNS_AT	0x7000		/* the handler's counter */

/* The same in real and long mode: out %al,$0xe1; out %al,$0xe1; hlt */
static const uint8_t code[] = { 0xe6, 0xe1, 0xe6, 0xe1, 0xf4 };

/*
 * The handler at SMBASE + 0x8000, in SMM's 16-bit mode: incl 0x7000; out %al,$0xe2;
 * mov $1 to EAX, EBX, ECX, EDX, ESI, EDI, EBP, ESP; rsm.
 */
static const uint8_t smi[] = {
	0x66, 0xff, 0x06, 0x00, 0x70, 0xe6, 0xe2,
	0x66, 0xb8, 1, 0, 0, 0, 0x66, 0xbb, 1, 0, 0, 0, 0x66, 0xb9, 1, 0, 0, 0,
	0x66, 0xba, 1, 0, 0, 0, 0x66, 0xbe, 1, 0, 0, 0, 0x66, 0xbf, 1, 0, 0, 0,
	0x66, 0xbd, 1, 0, 0, 0, 0x66, 0xbc, 1, 0, 0, 0, 0x0f, 0xaa,
};

static const char *const names[] = { "RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RSP",
	"RBP", "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15" };

/* Give every register but RSP, which is in use, a value of its own. */
static int fill(struct lab *l)
{
	struct kvm_regs r;
	uint64_t *v = (uint64_t *)(void *)&r;
	unsigned int i;

	if (lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	for (i = 0; i < 16; i++)
		if (&v[i] != (uint64_t *)(void *)&r.rsp)
			v[i] = 0x0101010101010101ull * (i + 2);
	return lab_cpu_ioctl(l, 0, KVM_SET_REGS, &r) < 0 ? -1 : 0;
}

static int same(struct t *t, const char *mode, const struct kvm_regs *a, const struct kvm_regs *b)
{
	const uint64_t *x = (const uint64_t *)(const void *)a, *y = (const uint64_t *)(const void *)b;
	unsigned int i;

	for (i = 0; i < 16; i++)
		REQUIRE(t, x[i] == y[i], "RSM to %s mode did not restore %s: 0x%llx, was 0x%llx", mode,
			names[i], (unsigned long long)y[i], (unsigned long long)x[i]);
	REQUIRE(t, a->rflags == b->rflags, "RSM to %s mode did not restore RFLAGS: 0x%llx, was 0x%llx",
		mode, b->rflags, a->rflags);
	REQUIRE(t, b->rip == a->rip + 2, "after RSM to %s mode RIP is 0x%llx, expected 0x%llx",
		mode, b->rip, a->rip + 2);
	return 0;
}

static int same_system(struct t *t, const char *mode, const struct kvm_sregs *a, const struct kvm_sregs *b)
{
	REQUIRE(t, a->cr0 == b->cr0 && a->cr3 == b->cr3 && a->cr4 == b->cr4 && a->efer == b->efer,
		"RSM to %s mode: CR0 %llx CR3 %llx CR4 %llx EFER %llx, were %llx %llx %llx %llx", mode,
		b->cr0, b->cr3, b->cr4, b->efer, a->cr0, a->cr3, a->cr4, a->efer);
	REQUIRE(t, a->cs.base == b->cs.base && a->cs.selector == b->cs.selector && a->cs.l == b->cs.l &&
		a->ss.selector == b->ss.selector && a->ds.selector == b->ds.selector,
		"RSM to %s mode: CS %x SS %x DS %x, were %x %x %x", mode, b->cs.selector, b->ss.selector,
		b->ds.selector, a->cs.selector, a->ss.selector, a->ds.selector);
	REQUIRE(t, a->gdt.base == b->gdt.base && a->gdt.limit == b->gdt.limit &&
		a->idt.base == b->idt.base && a->idt.limit == b->idt.limit,
		"RSM to %s mode: GDT %llx+%x IDT %llx+%x, were %llx+%x %llx+%x", mode, b->gdt.base,
		b->gdt.limit, b->idt.base, b->idt.limit, a->gdt.base, a->gdt.limit, a->idt.base, a->idt.limit);
	return 0;
}

/* At the handler's OUT KVM must report SMM, and NMIs must be masked. */
static int inside(struct lab *l)
{
	struct kvm_vcpu_events e;

	if (lab_step_to(l, KVM_EXIT_IO, "OUT in the SMI handler"))
		return -1;
	REQUIRE(l->t, l->cpu[0].run->io.port == 0xe2, "OUT to port 0x%x after an SMI, expected the handler's (0xe2)", l->cpu[0].run->io.port);
	if (lab_cpu_ioctl(l, 0, KVM_GET_VCPU_EVENTS, &e) < 0)
		return -1;
	REQUIRE(l->t, e.smi.smm && l->cpu[0].run->flags & KVM_RUN_X86_SMM, "in the SMI handler KVM says smm %u, flags 0x%x",
		e.smi.smm, l->cpu[0].run->flags);
	REQUIRE(l->t, e.nmi.masked, "NMIs are not masked in the SMI handler");
	return 0;
}

static int there_and_back(struct lab *l, const char *mode)
{
	volatile uint32_t *runs = (uint32_t *)(void *)(l->ram + RUNS_AT);
	struct kvm_regs a, b;
	struct kvm_sregs s, s2;

	*runs = 0;
	if (fill(l) || lab_step_to(l, KVM_EXIT_IO, "first OUT") ||
	    lab_cpu_ioctl(l, 0, KVM_GET_REGS, &a) < 0 || lab_cpu_ioctl(l, 0, KVM_GET_SREGS, &s) < 0 ||
	    lab_cpu_ioctl(l, 0, KVM_SMI, 0) < 0 || inside(l) ||
	    lab_step_to(l, KVM_EXIT_IO, "second OUT, after an SMI") ||
	    lab_cpu_ioctl(l, 0, KVM_GET_REGS, &b) < 0 || lab_cpu_ioctl(l, 0, KVM_GET_SREGS, &s2) < 0)
		return -1;
	REQUIRE(l->t, *runs == 1, "in %s mode the SMI handler ran %u times, expected once", mode, *runs);
	/* At an exit of OUT, RIP may be before or after it: only the step between exits matters. */
	if (a.rip == 0x1000)
		a.rip += 2;
	if (b.rip == 0x1002)
		b.rip += 2;
	return same(l->t, mode, &a, &b) || same_system(l->t, mode, &s, &s2) ? -1 : 0;
}

/* NMIs that were masked before an SMI still are after RSM. An SMI in SMM waits for RSM. */
static int nmi_and_second(struct lab *l)
{
	volatile uint32_t *runs = (uint32_t *)(void *)(l->ram + RUNS_AT);
	struct kvm_vcpu_events e;

	*runs = 0;
	if (lab_code_real(l, code, sizeof(code)) || lab_step_to(l, KVM_EXIT_IO, "first OUT") ||
	    lab_cpu_ioctl(l, 0, KVM_GET_VCPU_EVENTS, &e) < 0)
		return -1;
	e.nmi.masked = 1;
	if (lab_cpu_ioctl(l, 0, KVM_SET_VCPU_EVENTS, &e) < 0 || lab_cpu_ioctl(l, 0, KVM_SMI, 0) < 0 || inside(l) ||
	    lab_cpu_ioctl(l, 0, KVM_SMI, 0) < 0 || inside(l) || lab_step_to(l, KVM_EXIT_IO, "second OUT, after two SMIs") ||
	    lab_cpu_ioctl(l, 0, KVM_GET_VCPU_EVENTS, &e) < 0)
		return -1;
	REQUIRE(l->t, *runs == 2 && l->cpu[0].run->io.port == 0xe1, "an SMI came in the SMI handler: the handler ran %u times, expected twice", *runs);
	REQUIRE(l->t, e.nmi.masked && !e.smi.smm, "NMIs were masked before an SMI, but are not after RSM");
	return 0;
}

LAB_CHECK(vm, smm, LAB(.irqchip = true), "an SMI runs its handler once, and RSM restores everything",
	  ADVICE_RUN, NEED_KVM | NEED_HW)
{
	if (lab_cap(l, KVM_CAP_X86_SMM) <= 0)
		return t_skip(l->t, "KVM has no SMM");
	lab_code(l, 0x38000, smi, sizeof(smi));
	/* SMM has its own memory slots: address space 1. */
	REQUIRE(l->t, !lab_slot(l, 1 << 16, 0, 0, l->ram_size, l->ram), "a memory slot for SMM was refused");
	if (lab_code_real(l, code, sizeof(code)) || there_and_back(l, "real") ||
	    lab_code_long(l, code, sizeof(code)) || there_and_back(l, "long") || nmi_and_second(l))
		return -1;
	return 0;
}
