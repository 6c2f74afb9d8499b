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
