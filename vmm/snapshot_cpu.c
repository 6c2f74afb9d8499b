// SPDX-License-Identifier: GPL-2.0
#include "snapshot_cpu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "x86.h"

#define MSRS_MAX	512
#define MSR_TSC_DEADLINE 0x6e0
#define XSAVE_MAX	(64U << 10)

/* State that is one ioctl each way, in the order it is to be set. */
static const struct {
	const char *name;	/* of the ioctl; of the record, after KVM_SET_ */
	unsigned long get, set;
	uint32_t len;
	bool lapic;		/* needs an irqchip */
} fixed[] = {
#define FIXED(NAME, type, lapic) { "KVM_SET_" #NAME, KVM_GET_##NAME, KVM_SET_##NAME, \
		sizeof(struct kvm_##type), lapic }
	FIXED(REGS, regs, false),
	FIXED(SREGS, sregs, false),
	FIXED(XCRS, xcrs, false),
	FIXED(DEBUGREGS, debugregs, false),
	FIXED(LAPIC, lapic_state, true),
	FIXED(VCPU_EVENTS, vcpu_events, false),
	FIXED(MP_STATE, mp_state, true),
#undef FIXED
};
#define RECORD(i) (fixed[i].name + sizeof("KVM_SET_") - 1)
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

void snap_save_cpu(struct vcpu *v, struct records *r)
{
	uint64_t buf[FIXED_MAX / 8];
	struct kvm_msr_entry *msrs = calloc(MSRS_MAX, sizeof(*msrs));
	int size = vm_check_cap(v->vm, KVM_CAP_XSAVE2);
	void *xsave = calloc(1, XSAVE_MAX);
	unsigned int i;

	if (!msrs || !xsave || size > (int)XSAVE_MAX) {
		r->rc = -ENOMEM;
	} else {
		for (i = 0; i < NFIXED; i++)
			if (!ioctl(v->fd, fixed[i].get, buf))
				record_put(r, RECORD(i), v->id, buf, fixed[i].len);
		if (!ioctl(v->fd, size ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, xsave))
			record_put(r, "XSAVE", v->id, xsave,
				 size ? (uint32_t)size : sizeof(struct kvm_xsave));
		record_put(r, "MSRS", v->id, msrs, read_msrs(v, msrs) * (uint32_t)sizeof(*msrs));
	}
	free(msrs);
	free(xsave);
}

static int load_fixed(struct vcpu *v, const struct records *r, unsigned int i, struct err *e)
{
	uint64_t buf[FIXED_MAX / 8];
	uint32_t len;
	int rc;

	if ((fixed[i].lapic && v->vm->cfg.irqchip == VM_IRQCHIP_NONE) ||
	    !record_find(r, RECORD(i), v->id, &len))
		return 0;
	rc = record_get(r, RECORD(i), v->id, buf, fixed[i].len, e);
	return rc ? rc : kvm_do(v->fd, fixed[i].set, (unsigned long)buf, fixed[i].name, e);
}

static int load_xsave(struct vcpu *v, const struct records *r, struct err *e)
{
	uint32_t len = 0;
	const void *p = record_find(r, "XSAVE", v->id, &len);
	int size = vm_check_cap(v->vm, KVM_CAP_XSAVE2);
	void *x;
	int rc;

	if (!p || len < sizeof(struct kvm_xsave) || len > XSAVE_MAX ||
	    (size > 0 && len < (uint32_t)size))
		return err_set(e, -EBADMSG, "%s: vCPU %u has no XSAVE area of this host's size",
			       r->name, v->id);
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
static int load_msrs(struct vcpu *v, const struct records *r, struct err *e)
{
	uint32_t len = 0, i, n;
	const uint8_t *p = record_find(r, "MSRS", v->id, &len);
	struct kvm_msr_entry m;
	int last;

	n = len / (uint32_t)sizeof(m);
	if (!p || n > MSRS_MAX || len % sizeof(m))
		return err_set(e, -EBADMSG, "%s: vCPU %u: %u bytes of MSRs", r->name, v->id, len);
	for (last = 0; last < 2; last++)
		for (i = 0; i < n; i++) {
			memcpy(&m, p + i * sizeof(m), sizeof(m));
			if ((m.index == MSR_TSC_DEADLINE) == last)
				x86_msr_write(v, m.index, m.data);
		}
	return 0;
}

int snap_load_cpu(struct vcpu *v, const struct records *r, struct err *e)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; i < NFIXED && !rc; i++) {
		/* XSAVE before its XCRs' use, MSRs before LAPIC timers run. */
		if (fixed[i].set == KVM_SET_XCRS)
			rc = load_xsave(v, r, e);
		if (!rc)
			rc = load_fixed(v, r, i, e);
		if (!rc && fixed[i].set == KVM_SET_LAPIC)
			rc = load_msrs(v, r, e);
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
	const char *record, *name;
	uint32_t index;
	unsigned long get, set;
	uint32_t len;
} chips[] = {
#define CHIP(NAME, what, index, type) { #NAME, "KVM_SET_" #NAME what, index, \
		KVM_GET_##NAME, KVM_SET_##NAME, sizeof(struct kvm_##type) }
	CHIP(IRQCHIP, " (first PIC)", KVM_IRQCHIP_PIC_MASTER, irqchip),
	CHIP(IRQCHIP, " (second PIC)", KVM_IRQCHIP_PIC_SLAVE, irqchip),
	CHIP(IRQCHIP, " (IOAPIC)", KVM_IRQCHIP_IOAPIC, irqchip),
	CHIP(PIT2, "", 0, pit_state2),
	CHIP(CLOCK, "", 0, clock_data),
#undef CHIP
};
#define NCHIPS	(sizeof(chips) / sizeof(chips[0]))

static bool has_chip(const struct vm *vm, unsigned int i)
{
	return chips[i].set == KVM_SET_CLOCK || vm->cfg.irqchip == VM_IRQCHIP_FULL;
}

void snap_save_chips(struct vm *vm, struct records *r)
{
	union chip c;
	unsigned int i;

	for (i = 0; i < NCHIPS; i++) {
		memset(&c, 0, sizeof(c));
		if (chips[i].set == KVM_SET_IRQCHIP)
			c.irqchip.chip_id = chips[i].index;
		if (has_chip(vm, i) && !ioctl(vm->fd, chips[i].get, &c))
			record_put(r, chips[i].record, chips[i].index, &c, chips[i].len);
	}
}

int snap_load_chips(struct vm *vm, const struct records *r, struct err *e)
{
	union chip c;
	unsigned int i;
	int rc = 0;

	for (i = 0; i < NCHIPS && !rc; i++) {
		if (!has_chip(vm, i))
			continue;
		rc = record_get(r, chips[i].record, chips[i].index, &c, chips[i].len, e);
		if (chips[i].set == KVM_SET_IRQCHIP)
			c.irqchip.chip_id = chips[i].index;
		if (chips[i].set == KVM_SET_CLOCK)
			c.clock.flags = 0;
		if (!rc)
			rc = kvm_do(vm->fd, chips[i].set, (unsigned long)&c, chips[i].name, e);
	}
	return rc;
}
