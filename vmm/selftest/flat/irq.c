// SPDX-License-Identifier: GPL-2.0-only
/* The host's half of guest/t_apic.c, t_pic.c, t_pit.c, t_irqchip.c and t_smp.c: lines, MSIs, NMIs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REPORT_PLACE 100
#include "env/clock.h"
#include "flat/flat.h"

#define VEC	0x60		/* as in the guest */
#define MSI_GSI	30

static int set_line(struct lab *l, uint32_t gsi, uint32_t level)
{
	struct kvm_irq_level irq = { .irq = gsi, .level = level };

	return lab_vm_ioctl(l, KVM_IRQ_LINE, &irq) < 0 ? -1 : 1;
}

/* Address and data: SDM vol. 3, 11.11. @logical: destination mode. */
static int send_msi(struct lab *l, uint32_t dest, bool logical, uint32_t vec, int want)
{
	struct kvm_msi m = { .address_lo = 0xfee00000 | dest << 12 | (logical ? 4 : 0), .data = vec };
	int rc = lab_vm_ioctl(l, KVM_SIGNAL_MSI, &m);

	if (rc < 0)
		return -1;
	REQUIRE(l->t, (rc > 0) == (want > 0), "KVM_SIGNAL_MSI returned %d, expected %s", rc,
		want ? "a delivery" : "none");
	return 1;
}

/* Set the IOAPIC's default routes, and MSI_GSI as an MSI with vector @vec. */
static int route_msi(struct lab *l, uint32_t vec)
{
	struct kvm_irq_routing *r = calloc(1, sizeof(*r) + 64 * sizeof(r->entries[0]));
	uint32_t i;
	int rc;

	NEED(l->t, r, "memory");
	for (i = 0; i < 24; i++) {
		struct kvm_irq_routing_entry *e = &r->entries[r->nr++];

		e->gsi = i;
		e->type = KVM_IRQ_ROUTING_IRQCHIP;
		e->u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		e->u.irqchip.pin = i == 0 ? 2 : i;
	}
	r->entries[r->nr].gsi = MSI_GSI;
	r->entries[r->nr].type = KVM_IRQ_ROUTING_MSI;
	r->entries[r->nr].u.msi.address_lo = 0xfee00000;
	r->entries[r->nr++].u.msi.data = vec;
	rc = lab_vm_ioctl(l, KVM_SET_GSI_ROUTING, r);
	free(r);
	return rc < 0 ? -1 : 0;
}

static int irqfd(struct lab *l, int fd, uint32_t gsi, uint32_t flags)
{
	struct kvm_irqfd f = { .fd = (uint32_t)fd, .gsi = gsi, .flags = flags };

	return lab_vm_ioctl(l, KVM_IRQFD, &f) < 0 ? -1 : 1;
}

struct irq_state {
	int msi_fd, pin_fd, level_fd, eoi_fd;
	uint64_t eois, eoi_vector;	/* KVM_EXIT_IOAPIC_EOI */
};

/* Act as the VMM's IOAPIC for guest/t_irqchip.c: pin arg[5], level, vector 0x75. */
static int split_sync(struct lab *l, struct irq_state *s, uint32_t n)
{
	struct kvm_msi m = { .address_lo = 0xfee00000, .data = 0x75 | 1 << 14 | 1 << 15 };
	struct kvm_irq_routing *r;
	int rc;

	if (n == 95)
		return lab_vm_ioctl(l, KVM_SIGNAL_MSI, &m) < 0 ? -1 : 1;
	if (n == 96) {
		unit_shared(l)->arg[1] = s->eois;
		unit_shared(l)->arg[2] = s->eoi_vector;
		return 1;
	}
	r = calloc(1, sizeof(*r) + sizeof(r->entries[0]));
	NEED(l->t, r, "memory");
	r->nr = 1;
	r->entries[0].gsi = (uint32_t)unit_shared(l)->arg[5];
	r->entries[0].type = KVM_IRQ_ROUTING_MSI;
	r->entries[0].u.msi.address_lo = m.address_lo;
	r->entries[0].u.msi.data = m.data;
	rc = lab_vm_ioctl(l, KVM_SET_GSI_ROUTING, r);
	free(r);
	return rc < 0 ? -1 : 1;
}

/* The level irqfd of guest/t_irqchip.c. */
static int level_sync(struct lab *l, struct irq_state *s, uint32_t n)
{
	struct kvm_irqfd f = { .gsi = 9, .flags = KVM_IRQFD_FLAG_RESAMPLE };
	uint64_t v = 1;

	if (n == 91) {
		s->level_fd = eventfd(0, EFD_CLOEXEC);
		s->eoi_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		f.fd = (uint32_t)s->level_fd;
		f.resamplefd = (uint32_t)s->eoi_fd;
		return lab_vm_ioctl(l, KVM_IRQFD, &f) < 0 ? -1 : 1;
	}
	if (n == 92)
		return write(s->level_fd, &v, 8) == 8 ? 1 : t_fail(l->t, "write to a level irqfd: %s", strerror(errno));
	if (read(s->eoi_fd, &v, 8) != 8)
		v = 0;
	unit_shared(l)->arg[1] = v;
	return 1;
}

/* For pit_replaced in guest/t_pit.c: tell KVM that an HPET ticks in place of the PIT's channel 0. */
static int hpet_legacy(struct lab *l, bool on)
{
	struct kvm_pit_state2 p;

	if (lab_vm_ioctl(l, KVM_GET_PIT2, &p) < 0)
		return -1;
	p.flags = on ? p.flags | KVM_PIT_FLAGS_HPET_LEGACY : p.flags & ~(uint32_t)KVM_PIT_FLAGS_HPET_LEGACY;
	return lab_vm_ioctl(l, KVM_SET_PIT2, &p) < 0 ? -1 : 1;
}

static int irq_sync(struct lab *l, struct irq_state *s, uint32_t n)
{
	uint64_t one = 1;

	if (n >= 40 && n < 60)
		return set_line(l, n - 40, 1);
	if (n >= 60 && n < 80)
		return set_line(l, n - 60, 0);
	switch (n) {
	case 80:
	case 81:
		return lab_cpu_ioctl(l, 0, KVM_NMI, 0) < 0 ? -1 : 1;
	case 82: return send_msi(l, 0, false, VEC, 1);
	case 83: return send_msi(l, 1, true, VEC, 1);
	case 85: return send_msi(l, 0x33, false, VEC, 0);
	case 84:
		if (s->msi_fd < 0) {
			s->msi_fd = eventfd(0, EFD_CLOEXEC);
			if (route_msi(l, VEC + 1) || irqfd(l, s->msi_fd, MSI_GSI, 0) < 0)
				return -1;
		}
		return write(s->msi_fd, &one, 8) == 8 ? 1 : t_fail(l->t, "write to an irqfd: %s", strerror(errno));
	case 86:
		s->pin_fd = eventfd(0, EFD_CLOEXEC);
		return irqfd(l, s->pin_fd, 5, 0);
	case 87:
		return write(s->pin_fd, &one, 8) == 8 ? 1 : t_fail(l->t, "write to an irqfd: %s", strerror(errno));
	case 88:
		return irqfd(l, s->pin_fd, 5, KVM_IRQFD_FLAG_DEASSIGN);
	case 90:
		return route_msi(l, 0x73) ? -1 : 1;
	case 91:
	case 92:
	case 93:
		return level_sync(l, s, n);
	case 94:
	case 95:
	case 96:
		return split_sync(l, s, n);
	case 97: return send_msi(l, 0, false, 0x400, 1);
	case 98: return lab_vm_ioctl(l, KVM_REINJECT_CONTROL, &(struct kvm_reinject_control){ 0 }) < 0 ? -1 : 1;
	case 99: return hpet_legacy(l, true);
	case 100: return hpet_legacy(l, false);
	}
	return t_fail(l->t, "the guest requested step %u, which this program does not know", n);
}

static int on_exit_irq(struct lab *l, unsigned int cpu, void *arg)
{
	struct kvm_run *run = l->cpu[cpu].run;
	struct irq_state *s = arg;
	uint32_t n;

	if (sync_number(run, &n))
		return irq_sync(l, s, n);
	if (run->exit_reason == KVM_EXIT_IOAPIC_EOI) {
		s->eois++;
		s->eoi_vector = run->eoi.vector;
		return 1;
	}
	return lab_odd_exit(l, cpu);
}

/* For ioapic_split_eoi in guest/t_irqchip.c. */
static int suppress_eoi(struct lab *l)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_X2APIC_API, .args = { KVM_X2APIC_ENABLE_SUPPRESS_EOI_BROADCAST } };

	if (!(lab_cap(l, KVM_CAP_X2APIC_API) & (int)KVM_X2APIC_ENABLE_SUPPRESS_EOI_BROADCAST))
		return t_skip(l->t, "this KVM cannot suppress EOI broadcasts (a flag of KVM_CAP_X2APIC_API, after Linux 6.12)");
	return lab_vm_ioctl(l, KVM_ENABLE_CAP, &c) < 0 ? -1 : 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* arg[3]: may the guest compare timers with its TSC? arg[4]: does leaving level mode clear Remote IRR? */
static int tell_irq(struct lab *l)
{
	unit_shared(l)->arg[3] = host_tsc_stable(l->t->env);
	unit_shared(l)->arg[4] = env_kernel(l->t->env) >= KERNEL(4, 16);
	return unit_tell_khz(l);
}

/* For tests whose subject is time. */
static int tell_timer(struct lab *l)
{
	int rc = unit_times(l);

	return rc ? rc : tell_irq(l);
}

static int irq_test(struct t *t, const char *test, const struct lab_opts *o, int (*prepare)(struct lab *l))
{
	struct irq_state s = { -1, -1, -1, -1, 0, 0 };
	int rc = unit_test(t, &(struct unit){ .test = test, .lab = *o, .on_exit = on_exit_irq, .arg = &s,
		.prepare = prepare });

	close_fd(s.msi_fd);
	close_fd(s.pin_fd);
	close_fd(s.level_fd);
	close_fd(s.eoi_fd);
	return rc;
}

int flat_irq_with(struct t *t, const char *test, const struct lab_opts *o)
{
	return irq_test(t, test, o, tell_irq);
}

int flat_irq(struct t *t, const char *test, unsigned int cpus)
{
	return flat_irq_with(t, test, LAB(.irqchip = true, .cpus = cpus));
}

static int flat_timer(struct t *t, const char *test)
{
	return irq_test(t, test, LAB(.irqchip = true), tell_timer);
}

/* A split irqchip: KVM has only the LAPIC. */
static int with_split(struct t *t, const char *test, int (*pre)(struct lab *l))
{
	return flat_irq_with(t, test, LAB(.split = true, .pre = pre));
}

FLAT(lapic_registers, flat_irq(t, "lapic_registers", 1),
     "the local APIC's registers read as written, masks included", ADVICE_IRQ, HW)
FLAT(lapic_priority, flat_irq(t, "lapic_priority", 1),
     "priority, TPR and CR8 decide which interrupts nest and which wait", ADVICE_IRQ, HW)
FLAT(lapic_timer, flat_timer(t, "lapic_timer"),
     "the LAPIC timer counts, fires once or periodically, not early, and stops", ADVICE_IRQ, HW)
FLAT(lapic_errors, flat_irq(t, "lapic_errors", 1),
     "the LAPIC reports no error when there is none", ADVICE_IRQ, HW)
FLAT(timer_tsc_deadline, flat_timer(t, "tsc_deadline"),
     "the TSC-deadline timer fires once, not early, and can be disarmed", ADVICE_IRQ, HW)
FLAT(timer_pit, flat_timer(t, "pit"),
     "the PIT counts, and interrupts at its rate unless masked", ADVICE_IRQ, HW)
FLAT(pit_modes, flat_timer(t, "pit_modes"),
     "the PIT's modes, gate, output, latches and access to single bytes; ticks that were held back", ADVICE_IRQ, HW)
FLAT(pic, flat_irq(t, "pic", 1),
     "the PIC delivers edges of every line and obeys mask and priority", ADVICE_IRQ, HW)
FLAT(pic_modes, flat_irq(t, "pic_modes", 1),
     "the PIC's kinds of EOI, its rotation, polling and cascade", ADVICE_IRQ, HW)
FLAT(ioapic, flat_irq(t, "ioapic", 1),
     "the IOAPIC delivers edges and levels and obeys mask and destination", ADVICE_IRQ, HW)
FLAT(ioapic_split, with_split(t, "ioapic_split", NULL),
     "a VMM with its own IOAPIC gets its EOIs, and no others", ADVICE_IRQ, HW)
FLAT(ioapic_split_eoi, with_split(t, "ioapic_split_eoi", suppress_eoi),
     "a guest can suppress EOI broadcasts to the VMM's IOAPIC", ADVICE_IRQ, HW)
FLAT(x2apic, flat_irq(t, "x2apic", 1),
     "x2APIC mode has its MSRs and rejects invalid accesses", ADVICE_IRQ, HW)
FLAT(nmi, flat_irq(t, "nmi", 1),
     "NMIs arrive, one at a time", ADVICE_IRQ, HW)
FLAT(msi, flat_irq(t, "msi", 1),
     "MSIs by ioctl and by irqfd arrive, and only at their destination", ADVICE_IRQ, HW)
FLAT(irqfd_level, flat_irq(t, "irqfd_level", 1),
     "EOI lowers a level irqfd and notifies the VMM; shared lines stay raised", ADVICE_IRQ, HW)
FLAT(pv_eoi, flat_irq(t, "pv_eoi", 1),
     "a PV EOI ends the interrupt without an exit, and no other interrupt", ADVICE_IRQ, HW)
FLAT(hlt_wake, flat_irq(t, "hlt_wake", 1),
     "an interrupt wakes a halted CPU, even if it was already pending", ADVICE_IRQ, HW)
FLAT(interrupt_shadow, flat_irq(t, "interrupt_shadow", 1),
     "no interrupt arrives right after STI", ADVICE_IRQ, HW)
