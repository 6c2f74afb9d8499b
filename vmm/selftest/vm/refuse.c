// SPDX-License-Identifier: GPL-2.0-only
/* vm: state that a VMM must not be able to set. Documentation/virt/kvm/api.rst. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REPORT_PLACE 195
#include "vm/vm.h"

/* KVM_SET_MSRS must reject each of these. */
static int refuse_msrs(struct lab *l)
{
	static const struct { uint32_t msr; uint64_t v; const char *what; } rows[] = {
		{ 0xc0000082, 0x4000000000000000ull, "LSTAR that is not canonical" },
		{ 0xc0000083, 0x8000000000000000ull, "CSTAR that is not canonical" },
		{ 0xc0000102, 0x4000000000000000ull, "KERNEL_GS_BASE that is not canonical" },
		{ 0xc0000100, 0x4000000000000000ull, "FS.base that is not canonical" },
		{ 0xc0000080, 1ull << 40, "EFER with a reserved bit" },
		{ 0x277, 0x02, "PAT with type 2" },
		{ 0x2ff, 0x802, "MTRR_DEF_TYPE with type 2" },
		{ 0x2ff, 0x106, "MTRR_DEF_TYPE with reserved bit 8" },
		{ 0x200, 0x2, "MTRR_PHYSBASE0 with type 2" },
		{ 0x250, 0x0200000000000000ull, "MTRR_FIX64K with type 2" },
		{ 0x4b564d02, 0x6031, "async page faults with a reserved bit" },
		{ 0x4b564d03, 0x6003, "a steal time record with a reserved bit" },
		{ 0x1b, 1ull << 62 | 0xfee00900, "APIC_BASE with a reserved bit" },
	};
	uint64_t v;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		v = rows[i].v;
		REQUIRE(l->t, lab_msr(l, KVM_SET_MSRS, rows[i].msr, &v) == 0, "KVM_SET_MSRS accepted %s (0x%x = 0x%llx)",
			rows[i].what, rows[i].msr, (unsigned long long)rows[i].v);
	}
	return 0;
}

/* KVM_SET_SREGS with one member changed to a value that no CPU can have. */
static int refuse_sregs(struct lab *l)
{
	struct kvm_sregs good, bad;

	if (lab_long(l, 0, 0x1000, 0x8000) || lab_cpu_ioctl(l, 0, KVM_GET_SREGS, &good) < 0)
		return -1;
#define REFUSE(change, what) do { \
	bad = good; \
	change; \
	if (lab_refused(l->t, l->cpu[0].fd, KVM_SET_SREGS, &bad, what)) \
		return -1; \
} while (0)
	REFUSE(bad.cr4 |= 1ull << 31, "SREGS with a reserved bit of CR4");
	REFUSE(bad.cr4 &= ~(1ull << 5), "SREGS of long mode without CR4.PAE");
	REFUSE(bad.efer &= ~0x400ull, "SREGS with EFER.LME and CR0.PG, but not EFER.LMA");
	REFUSE(bad.cr0 &= ~0x80000000ull, "SREGS with EFER.LMA, but not CR0.PG");
	REFUSE(bad.apic_base |= 1ull << 62, "SREGS with a reserved bit of APIC_BASE");
#undef REFUSE
	return lab_cpu_ioctl(l, 0, KVM_SET_SREGS, &good) < 0 ? -1 : 0;
}

static int refuse_state(struct lab *l)
{
	struct kvm_debugregs d;
	struct kvm_vcpu_events e;
	struct kvm_mp_state m = { .mp_state = 77 };
	int fd = l->cpu[0].fd;

	if (lab_cpu_ioctl(l, 0, KVM_GET_DEBUGREGS, &d) < 0 || lab_cpu_ioctl(l, 0, KVM_GET_VCPU_EVENTS, &e) < 0)
		return -1;
	d.dr7 |= 1ull << 40;
	if (lab_refused(l->t, fd, KVM_SET_DEBUGREGS, &d, "a DR7 with bits above 31"))
		return -1;
	e.exception.injected = 1;
	e.exception.nr = 77;
	if (lab_refused(l->t, fd, KVM_SET_VCPU_EVENTS, &e, "an exception of vector 77"))
		return -1;
	e.exception.injected = 0;
	e.exception.nr = 0;
	e.flags |= 1u << 31;
	if (lab_refused(l->t, fd, KVM_SET_VCPU_EVENTS, &e, "vCPU events with an unknown flag"))
		return -1;
	/* 5.10 still accepts any number. */
	return env_kernel(l->t->env) >= KERNEL(6, 1) ? lab_refused(l->t, fd, KVM_SET_MP_STATE, &m, "mp_state 77") : 0;
}

/* KVM_SET_XSAVE, at byte 24 MXCSR, at byte 512 XSTATE_BV */
static int refuse_xsave(struct lab *l)
{
	struct kvm_xsave *x = calloc(1, 4 * sizeof(*x));
	int rc = -1;

	NEED(l->t, x, "memory");
	if (lab_cpu_ioctl(l, 0, KVM_GET_XSAVE, x) >= 0) {
		x->region[128] |= 2;		/* SSE's part is there */
		x->region[6] |= 0xffff0000;
		rc = lab_refused(l->t, l->cpu[0].fd, KVM_SET_XSAVE, x, "an MXCSR with reserved bits");
		x->region[6] &= 0xffff;
		x->region[129] |= 1u << 30;
		if (!rc)
			rc = lab_refused(l->t, l->cpu[0].fd, KVM_SET_XSAVE, x, "an XSTATE_BV with bit 62");
	}
	free(x);
	return rc;
}

/* What is assigned already, and what does not exist */
static int refuse_twice(struct lab *l, int fd)
{
	struct kvm_ioeventfd e = { .addr = 0x60, .len = 1, .flags = KVM_IOEVENTFD_FLAG_PIO, .fd = fd };
	struct kvm_irqfd f = { .fd = (uint32_t)fd, .gsi = 5 };
	struct { struct kvm_irq_routing h; struct kvm_irq_routing_entry e; } r = { .h.nr = 1,
		.e = { .gsi = 5, .type = KVM_IRQ_ROUTING_IRQCHIP, .u.irqchip = { KVM_IRQCHIP_IOAPIC, 24 } } };
	struct kvm_irqchip chip = { .chip_id = 7 };
	struct kvm_create_device device = { .type = 9999 };
	struct kvm_dirty_log log = { .dirty_bitmap = l->ram };
	struct kvm_interrupt irq = { 300 };

	if (lab_vm_ioctl(l, KVM_IOEVENTFD, &e) < 0 || lab_vm_ioctl(l, KVM_IRQFD, &f) < 0)
		return -1;
	REQUIRE(l->t, lab_enable(l, 9999, 0) < 0, "KVM_ENABLE_CAP accepted capability 9999");
	return lab_refused(l->t, l->vm, KVM_IOEVENTFD, &e, "the same ioeventfd twice") ||
		lab_refused(l->t, l->vm, KVM_IRQFD, &f, "the same irqfd twice") ||
		lab_refused(l->t, l->vm, KVM_SET_GSI_ROUTING, &r, "a route to pin 24 of the IOAPIC") ||
		lab_refused(l->t, l->vm, KVM_SET_IRQCHIP, &chip, "the state of chip 7") ||
		lab_refused(l->t, l->vm, KVM_CREATE_DEVICE, &device, "a device of type 9999") ||
		lab_refused(l->t, l->vm, KVM_GET_DIRTY_LOG, &log, "the dirty log of a slot that has none") ||
		lab_refused(l->t, l->cpu[0].fd, KVM_INTERRUPT, &irq, "an interrupt of vector 300") ? -1 : 0;
}

/* Devices and vCPUs that exist already, and files that do not. */
static int refuse_vm(struct lab *l)
{
	struct kvm_pit_config pit = { 0 };
	struct kvm_irqfd f = { .fd = 1u << 20, .gsi = 5 };
	struct kvm_ioeventfd e = { .addr = 0x50, .len = 3, .flags = KVM_IOEVENTFD_FLAG_PIO, .fd = eventfd(0, EFD_CLOEXEC) };
	int rc;

	NEED(l->t, e.fd >= 0, "an eventfd");
	rc = lab_refused(l->t, l->vm, KVM_CREATE_VCPU, NULL, "a second vCPU of the same id") ||
		lab_refused(l->t, l->vm, KVM_CREATE_IRQCHIP, NULL, "a second irqchip") ||
		lab_refused(l->t, l->vm, KVM_CREATE_PIT2, &pit, "a second PIT") ||
		lab_refused(l->t, l->vm, KVM_IRQFD, &f, "an irqfd of no file") ||
		lab_refused(l->t, l->vm, KVM_IOEVENTFD, &e, "an ioeventfd of 3 bytes") ||
		refuse_twice(l, e.fd) ? -1 : 0;
	close(e.fd);
	return rc;
}

LAB_CHECK(vm, refusals, LAB(.irqchip = true), "KVM refuses states that no CPU can have, and devices that exist already",
	  ADVICE_API, NEED_KVM | NEED_HW)
{
	return refuse_msrs(l) || refuse_sregs(l) || refuse_state(l) || refuse_xsave(l) || refuse_vm(l) ? -1 : 0;
}

/* After a vCPU has run, its CPUID is fixed: KVM's MMU and the guest rely on it. */
LAB_CHECK(vm, cpuid_after_run, LAB(), "the CPUID of a vCPU that has run cannot be changed, but set to the same",
	  ADVICE_API, NEED_KVM)
{
	static const uint8_t hlt = 0xf4;
	union {
		struct kvm_cpuid2 h;
		uint8_t room[sizeof(struct kvm_cpuid2) + 256 * sizeof(struct kvm_cpuid_entry2)];
	} c = { .h.nent = 256 };
	uint32_t i;

	if (env_kernel(l->t->env) < KERNEL(6, 1))
		return t_skip(l->t, "this kernel is older than 6.1: KVM may accept any CPUID at any time");
	if (lab_code_real(l, &hlt, 1) || lab_step_to(l, KVM_EXIT_HLT, "HLT") ||
	    lab_cpu_ioctl(l, 0, KVM_GET_CPUID2, &c) < 0)
		return -1;
	/* Before 6.3 KVM_GET_CPUID2 did not change nent: empty entries follow. */
	while (c.h.nent > 1 && !c.h.entries[c.h.nent - 1].function && !c.h.entries[c.h.nent - 1].eax)
		c.h.nent--;
	if (lab_cpu_ioctl(l, 0, KVM_SET_CPUID2, &c) < 0)
		return -1;
	for (i = 0; i < c.h.nent && c.h.entries[i].function != 1; i++)
		;
	REQUIRE(l->t, i < c.h.nent, "the vCPU's CPUID has no leaf 1");
	c.h.entries[i].ecx ^= 1u << 30;			/* RDRAND */
	return lab_refused(l->t, l->cpu[0].fd, KVM_SET_CPUID2, &c, "another CPUID for a vCPU that has run");
}
