// SPDX-License-Identifier: GPL-2.0-only
#include "snapshot_cpu.h"

#include <stdlib.h>
#include <string.h>

#include "x86.h"

#define MSRS_MAX	512
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_FEAT_CTL	0x3a
#define XSAVE_MAX	(64U << 10)
#define CR4_VMXE	(1ULL << 13)
#define EFER_SVME	(1ULL << 12)

/* State that is one ioctl each way. */
struct part {
	const char *name;	/* of the ioctl; of the record, after KVM_SET_ and cut */
	unsigned long get, set;
	uint32_t index, len;
	bool irqchip;		/* of a vCPU: with any irqchip; of the VM: with a full one */
};
#define PART(NAME, what, index, type, irqchip) { "KVM_SET_" #NAME what, \
	KVM_GET_##NAME, KVM_SET_##NAME, index, sizeof(struct kvm_##type), irqchip }
#define RECORD(p)	((p)->name + sizeof("KVM_SET_") - 1)
#define END(parts)	((parts) + sizeof(parts) / sizeof((parts)[0]))

/* In the order in which they are set. */
static const struct part cpu_parts[] = {
	PART(SREGS, "", 0, sregs, false), PART(REGS, "", 0, regs, false),
	PART(XCRS, "", 0, xcrs, false), PART(DEBUGREGS, "", 0, debugregs, false),
	PART(LAPIC, "", 0, lapic_state, true), PART(VCPU_EVENTS, "", 0, vcpu_events, false),
	PART(MP_STATE, "", 0, mp_state, true),
}, vm_parts[] = {
	PART(IRQCHIP, " (first PIC)", KVM_IRQCHIP_PIC_MASTER, irqchip, true),
	PART(IRQCHIP, " (second PIC)", KVM_IRQCHIP_PIC_SLAVE, irqchip, true),
	PART(IRQCHIP, " (IOAPIC)", KVM_IRQCHIP_IOAPIC, irqchip, true),
	PART(PIT2, "", 0, pit_state2, true), PART(CLOCK, "", 0, clock_data, false),
};

union any {
	struct kvm_irqchip irqchip;
	struct kvm_clock_data clock;
	uint64_t room[1024];
};

static void save_part(int fd, const struct part *p, uint32_t index, struct records *r)
{
	union any u;

	memset(&u, 0, p->len);
	if (p->get == KVM_GET_IRQCHIP)
		u.irqchip.chip_id = index;
	if (!ioctl(fd, p->get, &u))
		record_put(r, RECORD(p), index, &u, p->len);
}

static int load_part(int fd, const struct part *p, uint32_t index, const struct records *r,
		     struct err *e)
{
	union any u;
	int rc = record_get(r, RECORD(p), index, &u, p->len, e);

	if (p->get == KVM_GET_IRQCHIP)
		u.irqchip.chip_id = index;
	if (p->get == KVM_GET_CLOCK)
		u.clock.flags = 0;
	return rc ? rc : kvm_do(fd, p->set, (unsigned long)&u, p->name, e);
}

/* Which MSRs there are to save; the ones that cannot be read are left out. */
static uint32_t read_msrs(const struct vcpu *v, struct kvm_msr_entry *out)
{
	union {
		struct kvm_msr_list h;
		uint32_t room[MSRS_MAX + 1];
	} list = { .h.nmsrs = MSRS_MAX };
	/* MTRRs, which KVM's list leaves out: variable, fixed, default type. */
	static const struct {
		uint32_t from, to;
	} mtrrs[] = {
		{ 0x200, 0x20f }, { 0x250, 0x250 }, { 0x258, 0x259 }, { 0x268, 0x26f }, { 0x2ff, 0x2ff },
	};
	uint32_t i, m, n = 0;
	uint64_t data;

	if (ioctl(v->vm->kvm_fd, KVM_GET_MSR_INDEX_LIST, &list) < 0)
		return 0;
	for (i = 0; i < sizeof(mtrrs) / sizeof(mtrrs[0]); i++)
		for (m = mtrrs[i].from; m <= mtrrs[i].to && list.h.nmsrs < MSRS_MAX; m++)
			list.h.indices[list.h.nmsrs++] = m;
	for (i = 0; i < list.h.nmsrs; i++)
		if (x86_msr_read(v, list.h.indices[i], &data))
			out[n++] = (struct kvm_msr_entry){
				.index = list.h.indices[i], .data = data };
	return n;
}

/* Is it a host of guests itself? Off, there is no state but what it starts with. */
static bool is_host(const struct vcpu *v)
{
	struct kvm_sregs s;

	return !ioctl(v->fd, KVM_GET_SREGS, &s) && (s.cr4 & CR4_VMXE || s.efer & EFER_SVME);
}

static int save_nested(struct vcpu *v, struct records *r, struct err *e)
{
	int size = vm_check_cap(v->vm, KVM_CAP_NESTED_STATE);
	struct kvm_nested_state *n;

	if (!is_host(v))
		return 0;
	if (!size)
		return err_set(e, -EOPNOTSUPP,
			"vCPU %u has VMX or SVM on, whose state this KVM does not give (KVM_CAP_NESTED_STATE)",
			v->id);
	n = calloc(1, (size_t)size);
	if (n)
		n->size = (uint32_t)size;
	if (!n || ioctl(v->fd, KVM_GET_NESTED_STATE, n) < 0)
		r->rc = n ? -errno : -ENOMEM;
	else
		record_put(r, "NESTED", v->id, n, n->size);
	free(n);
	return 0;
}

static int load_nested(struct vcpu *v, const struct records *r, struct err *e)
{
	struct kvm_nested_state *n;
	uint32_t len = 0;
	const void *p = record_find(r, "NESTED", v->id, &len);
	int rc;

	if (!p)
		return 0;
	n = len < sizeof(*n) ? NULL : malloc(len);
	if (!n)
		return err_set(e, -EBADMSG, "%s: vCPU %u: %u bytes of nested state", r->name,
			       v->id, len);
	memcpy(n, p, len);
	n->size = len;
	rc = KVM_DO(v->fd, KVM_SET_NESTED_STATE, n, e);
	free(n);
	return rc;
}

int snap_save_cpu(struct vcpu *v, struct records *r, struct err *e)
{
	struct kvm_msr_entry *msrs = calloc(MSRS_MAX, sizeof(*msrs));
	int size = vm_check_cap(v->vm, KVM_CAP_XSAVE2);
	void *xsave = calloc(1, XSAVE_MAX);
	const struct part *p;
	int khz;

	if (!msrs || !xsave || size > (int)XSAVE_MAX) {
		r->rc = -ENOMEM;
	} else {
		x86_cpuid_save(v, r);
		khz = ioctl(v->fd, KVM_GET_TSC_KHZ, 0);
		record_put(r, "TSC_KHZ", v->id, &khz, sizeof(khz));
		for (p = cpu_parts; p < END(cpu_parts); p++)
			save_part(v->fd, p, v->id, r);
		if (!ioctl(v->fd, size ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, xsave))
			record_put(r, "XSAVE", v->id, xsave,
				   size ? (uint32_t)size : sizeof(struct kvm_xsave));
		record_put(r, "MSRS", v->id, msrs, read_msrs(v, msrs) * (uint32_t)sizeof(*msrs));
	}
	free(msrs);
	free(xsave);
	return save_nested(v, r, e);
}

static int load_xsave(struct vcpu *v, const struct records *r, struct err *e)
{
	uint32_t len = 0;
	const void *p = record_find(r, "XSAVE", v->id, &len);
	void *x;
	int rc;

	if (!p || len < sizeof(struct kvm_xsave) || len > XSAVE_MAX)
		return err_set(e, -EBADMSG, "%s: vCPU %u: %u bytes of XSAVE", r->name, v->id, len);
	x = calloc(1, XSAVE_MAX);	/* aligned, and as long as KVM may read */
	if (!x)
		return err_set(e, -ENOMEM, "no memory for XSAVE");
	memcpy(x, p, len);
	rc = KVM_DO(v->fd, KVM_SET_XSAVE, x, e);
	free(x);
	return rc;
}

/* Nested state wants the lock of VMX first; the TSC deadline the TSC and LAPIC. */
enum { FIRST, OTHERS, LAST };

static int msr_turn(uint32_t index)
{
	return index == MSR_FEAT_CTL ? FIRST : index == MSR_TSC_DEADLINE ? LAST : OTHERS;
}

/* Some that KVM gives it will not take back: those are left as they are. */
static int load_msrs(struct vcpu *v, const struct records *r, int turn, struct err *e)
{
	uint32_t len = 0, i, n;
	const uint8_t *p = record_find(r, "MSRS", v->id, &len);
	struct kvm_msr_entry m;

	n = len / (uint32_t)sizeof(m);
	if (!p || n > MSRS_MAX || len % sizeof(m))
		return err_set(e, -EBADMSG, "%s: vCPU %u: %u bytes of MSRs", r->name, v->id, len);
	for (i = 0; i < n; i++) {
		memcpy(&m, p + i * sizeof(m), sizeof(m));
		if (msr_turn(m.index) == turn)
			x86_msr_write(v, m.index, m.data);
	}
	return 0;
}

/* A guest that measured its TSC goes by that, on a faster host, too. */
static int load_tsc_khz(struct vcpu *v, const struct records *r, struct err *e)
{
	int khz, here = ioctl(v->fd, KVM_GET_TSC_KHZ, 0);
	int rc = record_get(r, "TSC_KHZ", v->id, &khz, sizeof(khz), e);

	if (rc || khz <= 0 || khz == here)
		return rc;
	if (ioctl(v->fd, KVM_SET_TSC_KHZ, (unsigned long)khz) < 0)
		return err_set(e, -EOPNOTSUPP,
			"%s: the guest's TSC runs at %d kHz, this host's at %d and does not scale",
			r->name, khz, here);
	return 0;
}

int snap_load_cpu(struct vcpu *v, const struct records *r, struct err *e)
{
	bool irqchip = v->vm->cfg.irqchip != VM_IRQCHIP_NONE;
	const struct part *p;
	uint32_t len;
	int rc = x86_cpuid_load(v, r, e);

	if (!rc)
		rc = load_tsc_khz(v, r, e);
	if (!rc)
		rc = load_msrs(v, r, FIRST, e);
	for (p = cpu_parts; p < END(cpu_parts) && !rc; p++) {
		if (p->set == KVM_SET_REGS)	/* EFER and CR4 are there */
			rc = load_nested(v, r, e);
		/* XSAVE before its XCRs' use, MSRs before LAPIC timers run. */
		if (p->set == KVM_SET_XCRS)
			rc = load_xsave(v, r, e);
		if (!rc && (irqchip || !p->irqchip) && record_find(r, RECORD(p), v->id, &len))
			rc = load_part(v->fd, p, v->id, r, e);
		if (!rc && p->set == KVM_SET_LAPIC)
			rc = load_msrs(v, r, OTHERS, e);
		if (!rc && p->set == KVM_SET_LAPIC)
			rc = load_msrs(v, r, LAST, e);
	}
	/* Tells a paravirtual clock that it was stopped; old guests have none. */
	ioctl(v->fd, KVM_KVMCLOCK_CTRL, 0);
	return rc;
}

void snap_save_chips(struct vm *vm, struct records *r)
{
	const struct part *p;

	for (p = vm_parts; p < END(vm_parts); p++)
		if (!p->irqchip || vm->cfg.irqchip == VM_IRQCHIP_FULL)
			save_part(vm->fd, p, p->index, r);
}

int snap_load_chips(struct vm *vm, const struct records *r, struct err *e)
{
	const struct part *p;
	int rc = 0;

	for (p = vm_parts; p < END(vm_parts) && !rc; p++)
		if (!p->irqchip || vm->cfg.irqchip == VM_IRQCHIP_FULL)
			rc = load_part(vm->fd, p, p->index, r, e);
	return rc;
}
