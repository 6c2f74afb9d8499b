// SPDX-License-Identifier: GPL-2.0-only
#include "x86.h"

#include <stdlib.h>
#include <string.h>

#define CPUID_MAX	256
#define CPUID_SIZE	(sizeof(struct kvm_cpuid2) + \
			 CPUID_MAX * sizeof(struct kvm_cpuid_entry2))

#define MSR_MISC_ENABLE	0x1a0
#define MISC_FAST_STRING 1
#define MSR_MTRR_DEF_TYPE 0x2ff
#define MTRR_ENABLE_WB	((1 << 11) | 6)

#define APIC_LVT0	0x350
#define APIC_LVT1	0x360
#define APIC_MODE_NMI	(4 << 8)
#define APIC_MODE_EXTINT (7 << 8)

/* ---- CPUID ---- */

/* Bits of an APIC id that number the CPUs of the one package. */
static unsigned int id_bits(unsigned int cpus)
{
	unsigned int bits = 0;

	while ((1U << bits) < cpus)
		bits++;
	return bits;
}

/* Leaf 0xb (SDM vol. 2, CPUID): one thread a core, one package. */
static void cpuid_topology(struct kvm_cpuid2 *c, unsigned int id, unsigned int cpus)
{
	struct kvm_cpuid_entry2 t = {
		.function = 0xb, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		.ebx = 1, .ecx = 1 << 8, .edx = id,
	};

	c->entries[c->nent++] = t;
	t.index = 1;
	t.eax = id_bits(cpus);
	t.ebx = cpus;
	t.ecx = (2 << 8) | 1;
	c->entries[c->nent++] = t;
}

static void cpuid_patch(struct kvm_cpuid_entry2 *x, unsigned int id,
			unsigned int cpus, const struct vm *vm)
{
	unsigned int ids = 1U << id_bits(cpus);

	switch (x->function) {
	case 1:
		x->ebx = (x->ebx & 0xffff) | (ids << 16) | (id << 24);
		if (cpus > 1)
			x->edx |= 1U << 28;		/* HTT */
		x->ecx |= 1U << 31;	/* a hypervisor: look at 0x40000000 */
		if (vm->cfg.irqchip == VM_IRQCHIP_NONE)
			break;
		x->ecx |= 1U << 21;			/* x2APIC */
		if (vm_check_cap(vm, KVM_CAP_TSC_DEADLINE_TIMER))
			x->ecx |= 1U << 24;
		break;
	case 4:		/* caches: L3 shared by all, others by one */
	case 0x8000001d:	/* AMD's, without the number of cores */
		x->eax &= 0x3fff;
		x->eax |= x->function == 4 ? (ids - 1) << 26 : 0;
		if (((x->eax >> 5) & 7) >= 3)
			x->eax |= (ids - 1) << 14;
		break;
	case 7:		/* no shadow stacks: snapshots do not hold their pointer */
		x->ecx &= x->index ? ~0U : ~(1U << 7);
		break;
	case 0x80000008:
		x->ecx = (cpus - 1) | (id_bits(cpus) << 12);
		break;
	case 0x8000001e:
		x->eax = id;
		x->ebx = id;
		x->ecx = 0;
		break;
	default:
		break;
	}
}

/* What KVM supports, without the leaves that we make ourselves. */
static int cpuid_fetch(struct vm *vm, struct err *e)
{
	struct kvm_cpuid2 *c = calloc(1, CPUID_SIZE);
	unsigned int i, k = 0;
	int rc;

	if (!c)
		return err_set(e, -ENOMEM, "no memory for the CPUID table");
	vm->cpuid = c;
	c->nent = CPUID_MAX - 4;
	rc = KVM_DO(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, c, e);
	for (i = 0; !rc && i < c->nent; i++)
		if (c->entries[i].function != 0xb && c->entries[i].function != 0x1f)
			c->entries[k++] = c->entries[i];
	c->nent = k;
	return rc;
}

int x86_cpuid(struct vcpu *v, struct err *e)
{
	struct vm *vm = v->vm;
	unsigned int i, cpus = vm->cfg.cpus;
	struct kvm_cpuid2 *c;
	int rc = vm->cpuid ? 0 : cpuid_fetch(vm, e);

	if (rc || !vm->cpuid)
		return rc;
	c = malloc(CPUID_SIZE);
	if (!c)
		return err_set(e, -ENOMEM, "no memory for the CPUID table");
	memcpy(c, vm->cpuid, CPUID_SIZE);
	for (i = 0; i < c->nent; i++)
		cpuid_patch(&c->entries[i], v->id, cpus, vm);
	if (c->nent && c->entries[0].function == 0 && c->entries[0].eax >= 0xb)
		cpuid_topology(c, v->id, cpus);
	rc = KVM_DO(v->fd, KVM_SET_CPUID2, c, e);
	free(c);
	return rc;
}

static struct kvm_cpuid2 *cpuid_get(const struct vcpu *v)
{
	struct kvm_cpuid2 *c = calloc(1, CPUID_SIZE);

	if (c) {
		c->nent = CPUID_MAX;
		if (ioctl(v->fd, KVM_GET_CPUID2, c) < 0)
			c->nent = 0;
	}
	return c;
}

void x86_cpuid_save(const struct vcpu *v, struct records *r)
{
	struct kvm_cpuid2 *c = cpuid_get(v);

	if (c)
		record_put(r, "CPUID", v->id, c->entries,
			   c->nent * (uint32_t)sizeof(c->entries[0]));
	else
		r->rc = -ENOMEM;
	free(c);
}

/* One of CPUID's four registers. */
static uint32_t cpuid_reg(const struct kvm_cpuid2 *c, uint32_t leaf, uint32_t index, int reg)
{
	const struct kvm_cpuid_entry2 *x;

	for (x = c->entries; x < c->entries + c->nent; x++)
		if (x->function == leaf && x->index == index)
			return (&x->eax)[reg];
	return 0;
}

/* SDM vol. 2 and APM vol. 3, CPUID; Documentation/virt/kvm/x86/cpuid.rst */
int x86_cpuid_fits(const struct kvm_cpuid2 *saw, const struct kvm_cpuid2 *here,
		   const char *name, struct err *e)
{
	enum { EAX, EBX, ECX, EDX };
	static const struct {
		uint32_t leaf, index;
		int reg;
		uint32_t own;		/* bits that follow the guest's own registers */
	} words[] = {
		{ 1, 0, ECX, 1U << 27 | 1 << 3 }, { 1, 0, EDX, 0 }, { 6, 0, EAX, 0 },
		{ 7, 0, EBX, 0 }, { 7, 0, ECX, 1 << 4 }, { 7, 0, EDX, 0 },
		{ 7, 1, EAX, 0 }, { 7, 1, EBX, 0 }, { 7, 1, ECX, 0 }, { 7, 1, EDX, 0 },
		{ 7, 2, EDX, 0 }, { 0xd, 0, EAX, 0 }, { 0xd, 0, EDX, 0 }, { 0xd, 1, EAX, 0 },
		{ 0xd, 1, ECX, 0 }, { 0x40000001, 0, EAX, 0 }, { 0x80000001, 0, ECX, 0 },
		{ 0x80000001, 0, EDX, 0 }, { 0x80000007, 0, EDX, 0 }, { 0x80000008, 0, EBX, 0 },
		{ 0x8000000a, 0, EDX, 0 }, { 0x80000021, 0, EAX, 0 },
	};
	unsigned int i;
	uint32_t lack;

	if (memcmp(&saw->entries[0].ebx, &here->entries[0].ebx, 12))
		return err_set(e, -EOPNOTSUPP, "%s: it ran on a CPU of another vendor", name);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		lack = cpuid_reg(saw, words[i].leaf, words[i].index, words[i].reg) &
			~cpuid_reg(here, words[i].leaf, words[i].index, words[i].reg) &
			~words[i].own;
		if (lack)
			return err_set(e, -EOPNOTSUPP,
				"%s: the guest may use features that this host or its KVM lacks: CPUID %#x.%u E%cX, bits %#x",
				name, words[i].leaf, words[i].index, "ABCD"[words[i].reg], lack);
	}
	return 0;
}

int x86_cpuid_load(const struct vcpu *v, const struct records *r, struct err *e)
{
	uint32_t len = 0, n;
	const void *p = record_find(r, "CPUID", v->id, &len);
	struct kvm_cpuid2 *saw = calloc(1, CPUID_SIZE), *here = cpuid_get(v);
	int rc;

	n = len / (uint32_t)sizeof(saw->entries[0]);
	if (!saw || !here) {
		rc = err_set(e, -ENOMEM, "no memory for the CPUID table");
	} else if (!p || !n || n > CPUID_MAX || len % sizeof(saw->entries[0])) {
		rc = err_set(e, -EBADMSG, "%s: vCPU %u: %u bytes of CPUID", r->name, v->id, len);
	} else {
		saw->nent = n;
		memcpy(saw->entries, p, len);
		rc = x86_cpuid_fits(saw, here, r->name, e);
		if (!rc)
			rc = KVM_DO(v->fd, KVM_SET_CPUID2, saw, e);
	}
	free(saw);
	free(here);
	return rc;
}

/* ---- LAPIC, MSRs ---- */

int x86_lapic(struct vcpu *v, struct err *e)
{
	struct kvm_lapic_state l;
	int rc = KVM_DO(v->fd, KVM_GET_LAPIC, &l, e);
	uint32_t x;

	if (rc)
		return rc;
	x = APIC_MODE_EXTINT;
	memcpy(l.regs + APIC_LVT0, &x, sizeof(x));
	x = APIC_MODE_NMI;
	memcpy(l.regs + APIC_LVT1, &x, sizeof(x));
	return KVM_DO(v->fd, KVM_SET_LAPIC, &l, e);
}

/* One MSR; KVM's structure ends in an array of as many as there are. */
union one_msr {
	struct kvm_msrs h;
	uint64_t room[(sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)) / 8];
};

bool x86_msr_read(const struct vcpu *v, uint32_t index, uint64_t *data)
{
	union one_msr u = { .h.nmsrs = 1 };

	u.h.entries[0].index = index;
	if (ioctl(v->fd, KVM_GET_MSRS, &u) != 1)
		return false;
	*data = u.h.entries[0].data;
	return true;
}

bool x86_msr_write(const struct vcpu *v, uint32_t index, uint64_t data)
{
	union one_msr u = { .h.nmsrs = 1 };

	u.h.entries[0].index = index;
	u.h.entries[0].data = data;
	return ioctl(v->fd, KVM_SET_MSRS, &u) == 1;
}

void x86_msrs(const struct vcpu *v)
{
	/* A host that refuses one is no reason to stop: guests live without. */
	x86_msr_write(v, MSR_MTRR_DEF_TYPE, MTRR_ENABLE_WB);
	x86_msr_write(v, MSR_MISC_ENABLE, MISC_FAST_STRING);
}
