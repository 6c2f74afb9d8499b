// SPDX-License-Identifier: GPL-2.0
/* vCPUs and in-kernel chips to records and back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "snapshot.h"
#include "vcpu.h"
#include "x86.h"

#define MSRS_MAX	512
#define MSR_TSC_DEADLINE 0x6e0
#define XSAVE_MAX	(64U << 10)

/* State that is one ioctl each way, in the order it is to be set. */
static const struct {
	uint32_t type;
	const char *name;
	unsigned long get, set;
	uint32_t len;
	bool lapic;		/* needs an irqchip */
} fixed[] = {
#define FIXED(snap, NAME, type, lapic) { SNAP_##snap, "KVM_SET_" #NAME, \
		KVM_GET_##NAME, KVM_SET_##NAME, sizeof(struct kvm_##type), lapic }
	FIXED(REGS, REGS, regs, false),
	FIXED(SREGS, SREGS, sregs, false),
	FIXED(XCRS, XCRS, xcrs, false),
	FIXED(DEBUG, DEBUGREGS, debugregs, false),
	FIXED(LAPIC, LAPIC, lapic_state, true),
	FIXED(EVENTS, VCPU_EVENTS, vcpu_events, false),
	FIXED(MP, MP_STATE, mp_state, true),
#undef FIXED
};
#define NFIXED	(sizeof(fixed) / sizeof(fixed[0]))
#define FIXED_MAX 8192

/* Which MSRs there are to save; the ones that cannot be read are left out. */
static uint32_t read_msrs(const struct vcpu *v, struct kvm_msr_entry *out)
{
	union {
		struct kvm_msr_list h;
		uint32_t room[MSRS_MAX + 1];
	} list = { .h.nmsrs = MSRS_MAX };
	uint32_t i, n = 0;
	uint64_t data;

	if (ioctl(v->vm->kvm_fd, KVM_GET_MSR_INDEX_LIST, &list) < 0)
		return 0;
	for (i = 0; i < list.h.nmsrs; i++)
		if (x86_msr_read(v, list.h.indices[i], &data))
			out[n++] = (struct kvm_msr_entry){
				.index = list.h.indices[i], .data = data };
	return n;
}

void snap_save_cpu(struct vcpu *v, struct snap_blob *b)
{
	uint64_t buf[FIXED_MAX / 8];
	struct kvm_msr_entry *msrs = calloc(MSRS_MAX, sizeof(*msrs));
	int size = vm_check_cap(v->vm, KVM_CAP_XSAVE2);
	void *xsave = calloc(1, XSAVE_MAX);
	unsigned int i;

	if (!msrs || !xsave || size > (int)XSAVE_MAX) {
		b->rc = -ENOMEM;
	} else {
		for (i = 0; i < NFIXED; i++)
			if (!ioctl(v->fd, fixed[i].get, buf))
				snap_put(b, fixed[i].type, v->id, buf, fixed[i].len);
		if (!ioctl(v->fd, size ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, xsave))
			snap_put(b, SNAP_XSAVE, v->id, xsave,
				 size ? (uint32_t)size : sizeof(struct kvm_xsave));
		snap_put(b, SNAP_MSRS, v->id, msrs, read_msrs(v, msrs) * (uint32_t)sizeof(*msrs));
	}
	free(msrs);
	free(xsave);
}

static int load_fixed(struct vcpu *v, const struct snapshot *s, unsigned int i, struct err *e)
{
	uint64_t buf[FIXED_MAX / 8];
	uint32_t len;
	int rc;

	if ((fixed[i].lapic && v->vm->cfg.irqchip == VM_IRQCHIP_NONE) ||
	    !snap_find(s, fixed[i].type, v->id, &len))
		return 0;
	rc = snap_get(s, fixed[i].type, v->id, buf, fixed[i].len, e);
	return rc ? rc : kvm_do(v->fd, fixed[i].set, (unsigned long)buf, fixed[i].name, e);
}

static int load_xsave(struct vcpu *v, const struct snapshot *s, struct err *e)
{
	uint32_t len = 0;
	const void *p = snap_find(s, SNAP_XSAVE, v->id, &len);
	int size = vm_check_cap(v->vm, KVM_CAP_XSAVE2);
	void *x;
	int rc;

	if (!p || len < sizeof(struct kvm_xsave) || len > XSAVE_MAX ||
	    (size > 0 && len < (uint32_t)size))
		return err_set(e, -EBADMSG, "%s: vCPU %u has no XSAVE area of this host's size",
			       s->name, v->id);
	x = calloc(1, XSAVE_MAX);	/* aligned, and as long as KVM may read */
	if (!x)
		return err_set(e, -ENOMEM, "no memory for XSAVE");
	memcpy(x, p, len);
	rc = KVM_DO(v->fd, KVM_SET_XSAVE, x, e);
	free(x);
	return rc;
}

/*
 * Some that KVM gives it will not take back: those are left as they are. The
 * TSC deadline comes last, when the TSC and LAPIC are set.
 */
static int load_msrs(struct vcpu *v, const struct snapshot *s, struct err *e)
{
	uint32_t len = 0, i, n;
	const uint8_t *p = snap_find(s, SNAP_MSRS, v->id, &len);
	struct kvm_msr_entry m;
	int last;

	n = len / (uint32_t)sizeof(m);
	if (!p || n > MSRS_MAX || len % sizeof(m))
		return err_set(e, -EBADMSG, "%s: vCPU %u: %u bytes of MSRs", s->name, v->id, len);
	for (last = 0; last < 2; last++)
		for (i = 0; i < n; i++) {
			memcpy(&m, p + i * sizeof(m), sizeof(m));
			if ((m.index == MSR_TSC_DEADLINE) == last)
				x86_msr_write(v, m.index, m.data);
		}
	return 0;
}

int snap_load_cpu(struct vcpu *v, const struct snapshot *s, struct err *e)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; i < NFIXED && !rc; i++) {
		/* XSAVE before its XCRs' use, MSRs before LAPIC timers run. */
		if (fixed[i].type == SNAP_XCRS)
			rc = load_xsave(v, s, e);
		if (!rc)
			rc = load_fixed(v, s, i, e);
		if (!rc && fixed[i].type == SNAP_LAPIC)
			rc = load_msrs(v, s, e);
	}
	/* Tells a paravirtual clock that it was stopped; old guests have none. */
	ioctl(v->fd, KVM_KVMCLOCK_CTRL, 0);
	return rc;
}

/* State of the VM that is one ioctl each way. */
union chip {
	struct kvm_irqchip irqchip;
	struct kvm_pit_state2 pit;
	struct kvm_clock_data clock;
};

static const struct {
	uint32_t type, index;
	const char *name;
	unsigned long get, set;
	uint32_t len;
} chips[] = {
#define CHIP(snap, index, NAME, what, type) { SNAP_##snap, index, "KVM_SET_" #NAME what, \
		KVM_GET_##NAME, KVM_SET_##NAME, sizeof(struct kvm_##type) }
	CHIP(IRQCHIP, KVM_IRQCHIP_PIC_MASTER, IRQCHIP, " (first PIC)", irqchip),
	CHIP(IRQCHIP, KVM_IRQCHIP_PIC_SLAVE, IRQCHIP, " (second PIC)", irqchip),
	CHIP(IRQCHIP, KVM_IRQCHIP_IOAPIC, IRQCHIP, " (IOAPIC)", irqchip),
	CHIP(PIT, 0, PIT2, "", pit_state2),
	CHIP(CLOCK, 0, CLOCK, "", clock_data),
#undef CHIP
};
#define NCHIPS	(sizeof(chips) / sizeof(chips[0]))

static bool has_chip(const struct vm *vm, unsigned int i)
{
	return chips[i].type == SNAP_CLOCK || vm->cfg.irqchip == VM_IRQCHIP_FULL;
}

void snap_save_chips(struct vm *vm, struct snap_blob *b)
{
	union chip c;
	unsigned int i;

	for (i = 0; i < NCHIPS; i++) {
		memset(&c, 0, sizeof(c));
		if (chips[i].type == SNAP_IRQCHIP)
			c.irqchip.chip_id = chips[i].index;
		if (has_chip(vm, i) && !ioctl(vm->fd, chips[i].get, &c))
			snap_put(b, chips[i].type, chips[i].index, &c, chips[i].len);
	}
}

int snap_load_chips(struct vm *vm, const struct snapshot *s, struct err *e)
{
	union chip c;
	unsigned int i;
	int rc = 0;

	for (i = 0; i < NCHIPS && !rc; i++) {
		if (!has_chip(vm, i))
			continue;
		rc = snap_get(s, chips[i].type, chips[i].index, &c, chips[i].len, e);
		if (chips[i].type == SNAP_IRQCHIP)
			c.irqchip.chip_id = chips[i].index;
		if (chips[i].type == SNAP_CLOCK)
			c.clock.flags = 0;
		if (!rc)
			rc = kvm_do(vm->fd, chips[i].set, (unsigned long)&c, chips[i].name, e);
	}
	return rc;
}
