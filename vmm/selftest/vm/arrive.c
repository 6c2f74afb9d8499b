// SPDX-License-Identifier: GPL-2.0-only
/* vm: an event that a VMM restores must reach the guest, not only read back. */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REPORT_PLACE 165
#include "env/clock.h"
#include "vm/vm.h"

/* What <linux/kvm.h> of EL 8 lacks; the numbers are KVM's ABI. */
#define CAP_TRIPLE_FAULT	218	/* KVM_CAP_X86_TRIPLE_FAULT_EVENT: 6.0 */
#define VALID_TRIPLE_FAULT	0x20
#define TRIPLE_FAULT_AT		28	/* offset of triple_fault.pending */

#define DONE	0xe1		/* the ports that the guest writes: no event came, */
#define EVENT	0xe2		/* an event came */
#define SMBASE	0x30000ull

/* Real mode: OUT to DONE, HLT, with OUT to EVENT as the handler of @vector. */
static int ready(struct lab *l, unsigned int vector)
{
	static const uint8_t code[] = { 0xe6, DONE, 0xf4 }, handler[] = { 0xe6, EVENT, 0xcf }, smm[] = { 0xe6, EVENT, 0x0f, 0xaa };
	static const uint16_t ivt[2] = { 0x2000, 0 };

	struct kvm_regs r;

	if (lab_code_real(l, code, sizeof(code)) || lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	/* VMX injects no interrupt into a guest that has IF clear. */
	r.rflags = 0x202;
	if (lab_cpu_ioctl(l, 0, KVM_SET_REGS, &r) < 0)
		return -1;
	lab_code(l, 0x2000, handler, sizeof(handler));
	lab_code(l, vector * 4ull, ivt, sizeof(ivt));
	lab_code(l, SMBASE + 0x8000, smm, sizeof(smm));
	return 0;
}

/* The guest's next OUT must go to @port; after that to DONE it halts. */
static int next_out(struct lab *l, uint8_t port, const char *what)
{
	if (lab_step_to(l, KVM_EXIT_IO, what))
		return -1;
	REQUIRE(l->t, l->cpu[0].run->io.port == port, "%s %s", what,
		port == EVENT ? "did not reach the guest" : "reached the guest when it should not, or twice");
	return port == DONE ? lab_step_to(l, KVM_EXIT_HLT, what) : 0;
}

/* Set the events that @fill makes of those of a new guest: one must arrive, once. */
static int arrives(struct lab *l, const char *what, unsigned int vector, void (*fill)(struct kvm_vcpu_events *e))
{
	struct kvm_vcpu_events e;

	if (ready(l, vector) || lab_cpu_ioctl(l, 0, KVM_GET_VCPU_EVENTS, &e) < 0)
		return -1;
	e.flags = 0;
	fill(&e);
	if (lab_cpu_ioctl(l, 0, KVM_SET_VCPU_EVENTS, &e) < 0 || next_out(l, EVENT, what))
		return -1;
	return next_out(l, DONE, what);
}

static void interrupt(struct kvm_vcpu_events *e)
{
	e->interrupt.injected = 1;
	e->interrupt.nr = 0x20;
}

static void exception(struct kvm_vcpu_events *e)
{
	e->exception.injected = 1;
	e->exception.nr = 6;
}

static void nmi_injected(struct kvm_vcpu_events *e)
{
	e->nmi.injected = 1;
}

static void nmi_pending(struct kvm_vcpu_events *e)
{
	e->nmi.pending = 1;
	e->flags = KVM_VCPUEVENT_VALID_NMI_PENDING;
}

static void smi_pending(struct kvm_vcpu_events *e)
{
	e->smi.pending = 1;
	e->flags = KVM_VCPUEVENT_VALID_SMM;
}

/* An NMI waits while NMIs are masked. */
static int masked_nmi(struct lab *l)
{
	struct kvm_vcpu_events e;

	if (ready(l, 2) || lab_cpu_ioctl(l, 0, KVM_GET_VCPU_EVENTS, &e) < 0)
		return -1;
	nmi_pending(&e);
	e.nmi.masked = 1;
	if (lab_cpu_ioctl(l, 0, KVM_SET_VCPU_EVENTS, &e) < 0 || next_out(l, DONE, "an NMI restored as pending and masked") ||
	    lab_cpu_ioctl(l, 0, KVM_GET_VCPU_EVENTS, &e) < 0)
		return -1;
	REQUIRE(l->t, e.nmi.pending && e.nmi.masked, "an NMI restored as pending and masked is pending %u, masked %u after KVM_RUN",
		e.nmi.pending, e.nmi.masked);
	/* Leave the vCPU without it. */
	e.nmi.pending = e.nmi.masked = 0;
	e.flags = KVM_VCPUEVENT_VALID_NMI_PENDING;
	return lab_cpu_ioctl(l, 0, KVM_SET_VCPU_EVENTS, &e) < 0 ? -1 : 0;
}

static int triple_fault(struct lab *l)
{
	struct kvm_vcpu_events e;

	if (lab_cap(l, CAP_TRIPLE_FAULT) <= 0)
		return 0;
	REQUIRE(l->t, !lab_enable(l, CAP_TRIPLE_FAULT, 1), "KVM_CAP_X86_TRIPLE_FAULT_EVENT cannot be enabled");
	if (ready(l, 8) || lab_cpu_ioctl(l, 0, KVM_GET_VCPU_EVENTS, &e) < 0)
		return -1;
	e.flags = VALID_TRIPLE_FAULT;
	((uint8_t *)&e)[TRIPLE_FAULT_AT] = 1;
	if (lab_cpu_ioctl(l, 0, KVM_SET_VCPU_EVENTS, &e) < 0)
		return -1;
	return lab_step_to(l, KVM_EXIT_SHUTDOWN, "a triple fault restored as pending");
}

LAB_CHECK(vm, events_arrive, LAB(), "interrupts, exceptions, NMIs and SMIs that a VMM restores reach the guest, once",
	  ADVICE_STATE, NEED_KVM | NEED_HW)
{
	if (arrives(l, "an interrupt restored as injected", 0x20, interrupt) ||
	    arrives(l, "an exception restored as injected", 6, exception) ||
	    arrives(l, "an NMI restored as injected", 2, nmi_injected) ||
	    arrives(l, "an NMI restored as pending", 2, nmi_pending) || masked_nmi(l))
		return -1;
	if (lab_cap(l, KVM_CAP_X86_SMM) > 0) {
		/* SMM has its own memory slots: address space 1. */
		REQUIRE(l->t, !lab_slot(l, 1 << 16, 0, 0, l->ram_size, l->ram), "a memory slot for SMM was refused");
		if (arrives(l, "an SMI restored as pending", 0x20, smi_pending))
			return -1;
	}
	return triple_fault(l);
}

/* vCPU 1 was in an NMI's handler; INIT and SIPI end that. */
static int init_unmasks(struct lab *l)
{
	struct kvm_msi init = { .address_lo = 0xfee00000 | 1 << 12, .data = 5 << 8 | 1 << 14 }, sipi = init;
	struct kvm_mp_state mp;
	struct kvm_lapic_state a;
	struct kvm_vcpu_events e;

	sipi.data = 6 << 8 | 1 << 14 | 6;
	/* vCPU 1 was made after KVM had listed the LAPICs; KVM lists them again when one is set. */
	if (lab_cpu_ioctl(l, 1, KVM_GET_LAPIC, &a) < 0 || lab_cpu_ioctl(l, 1, KVM_SET_LAPIC, &a) < 0 ||
	    lab_cpu_ioctl(l, 1, KVM_GET_VCPU_EVENTS, &e) < 0)
		return -1;
	e.flags = 0;
	e.nmi.masked = 1;
	/*
	 * KVM_GET_MP_STATE has KVM take both. The mask is read before the guest runs: a VM entry of Bochs 2.7 blocks NMIs,
	 * but does not unblock what another guest left blocked.
	 */
	if (lab_cpu_ioctl(l, 1, KVM_SET_VCPU_EVENTS, &e) < 0 || lab_vm_ioctl(l, KVM_SIGNAL_MSI, &init) < 0 ||
	    lab_vm_ioctl(l, KVM_SIGNAL_MSI, &sipi) < 0 || lab_cpu_ioctl(l, 1, KVM_GET_MP_STATE, &mp) < 0 ||
	    lab_cpu_ioctl(l, 1, KVM_GET_VCPU_EVENTS, &e) < 0 || lab_step(l, 1))
		return -1;
	REQUIRE(l->t, mp.mp_state == KVM_MP_STATE_RUNNABLE && !e.nmi.masked && l->cpu[1].run->exit_reason == KVM_EXIT_IO,
		"INIT and SIPI to a vCPU in an NMI's handler: state %u, NMIs %s, exit %s", mp.mp_state,
		e.nmi.masked ? "stay masked" : "unmasked", exit_name(l->cpu[1].run->exit_reason));
	return 0;
}

/* An INIT that came while the vCPU was not in KVM_RUN is part of its state. */
static int init_waits(struct lab *l)
{
	struct kvm_msi init = { .address_lo = 0xfee00000, .data = 5 << 8 | 1 << 14 };
	struct kvm_vcpu_events e;

	if (lab_vm_ioctl(l, KVM_SIGNAL_MSI, &init) < 0 || lab_cpu_ioctl(l, 0, KVM_GET_VCPU_EVENTS, &e) < 0)
		return -1;
	REQUIRE(l->t, e.smi.latched_init, "an INIT was sent to vCPU 0, but KVM_GET_VCPU_EVENTS does not say that one waits: it would be lost in a migration");
	return 0;
}

/* The state of a CPU between INIT and its start: a VMM that restores it must not lose the vector. */
LAB_CHECK(vm, sipi_arrives, LAB(.irqchip = true, .cpus = 2), "a vCPU that is restored after its SIPI starts at the SIPI's vector",
	  ADVICE_STATE, NEED_KVM | NEED_HW)
{
	static const uint8_t code[] = { 0xe6, EVENT, 0xf4 };
	struct kvm_mp_state mp = { KVM_MP_STATE_SIPI_RECEIVED };
	struct kvm_vcpu_events e;
	struct kvm_sregs s;

	lab_code(l, 0x5000, code, sizeof(code));
	lab_code(l, 0x6000, code, sizeof(code));
	if (lab_cpu_ioctl(l, 1, KVM_GET_VCPU_EVENTS, &e) < 0)
		return -1;
	e.flags = KVM_VCPUEVENT_VALID_SIPI_VECTOR;
	e.sipi_vector = 5;
	if (lab_cpu_ioctl(l, 1, KVM_SET_VCPU_EVENTS, &e) < 0 || lab_cpu_ioctl(l, 1, KVM_SET_MP_STATE, &mp) < 0 || lab_step(l, 1))
		return -1;
	if (lab_cpu_ioctl(l, 1, KVM_GET_SREGS, &s) < 0)
		return -1;
	REQUIRE(l->t, l->cpu[1].run->exit_reason == KVM_EXIT_IO && l->cpu[1].run->io.port == EVENT && s.cs.selector == 0x500,
		"a vCPU restored with SIPI vector 5: exit %s, CS 0x%x, expected an OUT by the code at 0x5000",
		exit_name(l->cpu[1].run->exit_reason), s.cs.selector);
	/* On SVM only a vCPU's first reset unmasks NMIs. */
	return (strcmp(l->t->env->backend, "kvm_amd") && init_unmasks(l)) || init_waits(l) ? -1 : 0;
}

/* bit @pin of the IOAPIC's IRR, or -1 after t_fail() */
static int ioapic_irr(struct lab *l, unsigned int pin)
{
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC };

	return lab_vm_ioctl(l, KVM_GET_IRQCHIP, &c) < 0 ? -1 : (int)(c.chip.ioapic.irr >> pin & 1);
}

/* An eventfd for pin 10, a level: what it raised falls when it is taken away before the EOI. */
static int irqfd_gone(struct lab *l, int fd, int back)
{
	struct kvm_irqfd f = { .fd = (uint32_t)fd, .gsi = 10, .flags = KVM_IRQFD_FLAG_RESAMPLE, .resamplefd = (uint32_t)back };
	int irr;

	NEED(l->t, fd >= 0 && back >= 0, "an eventfd");
	if (lab_vm_ioctl(l, KVM_IRQFD, &f) < 0)
		return -1;
	NEED(l->t, !eventfd_write(fd, 1), "a write to an eventfd");
	while (!(irr = ioapic_irr(l, 10)) && now_ms() < l->deadline)
		usleep(500);
	REQUIRE(l->t, irr, "a write to a level irqfd raised no line of the IOAPIC");
	f.flags |= KVM_IRQFD_FLAG_DEASSIGN;
	if (irr < 0 || lab_vm_ioctl(l, KVM_IRQFD, &f) < 0)
		return -1;
	REQUIRE(l->t, !ioapic_irr(l, 10), "the line that a level irqfd raised stays up after the irqfd is gone");
	return 0;
}

LAB_CHECK(vm, ioapic_irr, LAB(.irqchip = true), "an edge that was delivered is not saved as pending; a level irqfd that goes leaves no line up",
	  ADVICE_STATE, NEED_KVM)
{
	struct kvm_irq_level line = { .irq = 9, .level = 1 };
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC };
	int fd = eventfd(0, EFD_CLOEXEC), back = eventfd(0, EFD_CLOEXEC), irr, rc;
	struct kvm_lapic_state a;

	if (lab_cpu_ioctl(l, 0, KVM_GET_LAPIC, &a) < 0 || lab_vm_ioctl(l, KVM_GET_IRQCHIP, &c) < 0)
		return -1;
	memcpy(a.regs + 0xf0, "\xff\x01", 2);
	c.chip.ioapic.redirtbl[9].bits = 0x50;
	c.chip.ioapic.redirtbl[10].bits = 0x18051;	/* masked, level */
	if (lab_cpu_ioctl(l, 0, KVM_SET_LAPIC, &a) < 0 || lab_vm_ioctl(l, KVM_SET_IRQCHIP, &c) < 0 ||
	    lab_vm_ioctl(l, KVM_IRQ_LINE, &line) < 0)
		return -1;
	irr = ioapic_irr(l, 9);
	REQUIRE(l->t, irr <= 0, "an edge that the LAPIC has taken is pending in the IOAPIC, too: it would come again after a migration");
	rc = irr < 0 ? -1 : irqfd_gone(l, fd, back);
	close(fd);
	close(back);
	return rc;
}
