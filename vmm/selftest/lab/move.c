// SPDX-License-Identifier: GPL-2.0-only
/* See move.h. The order of the ioctls is QEMU's and kvm-vmm's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lab/move.h"

#define CPUID_MAX	256
#define MSRS_MAX	512
#define XSAVE_MAX	65536
#define NESTED_MAX	65536
#define MSR_TSC		0x10
#define MSR_TSC_DEADLINE 0x6e0

struct state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_xcrs xcrs;
	struct kvm_debugregs debugregs;
	struct kvm_vcpu_events events;
	struct kvm_mp_state mp;
	struct kvm_lapic_state lapic;
	struct kvm_irqchip chip[3];
	struct kvm_pit_state2 pit;
	struct kvm_clock_data clock;
	int tsc_khz;
	struct kvm_msr_entry msr[MSRS_MAX];
	uint32_t msrs;
	uint8_t xsave[XSAVE_MAX] __attribute__((aligned(64)));
	uint8_t nested[NESTED_MAX] __attribute__((aligned(64))), nested2[NESTED_MAX] __attribute__((aligned(64)));
	uint64_t cpuid[1 + CPUID_MAX * sizeof(struct kvm_cpuid_entry2) / 8];
};

static int get_msrs(struct lab *l, struct state *s)
{
	union {
		struct kvm_msr_list h;
		uint32_t room[MSRS_MAX + 1];
	} list = { .h.nmsrs = MSRS_MAX };
	/* MTRRs, which KVM's list leaves out and each VMM saves: variable, fixed, default. */
	static const struct { uint32_t from, to; } more[] = {
		{ 0x200, 0x20f }, { 0x250, 0x250 }, { 0x258, 0x259 }, { 0x268, 0x26f }, { 0x2ff, 0x2ff },
	};
	uint32_t i, m;
	uint64_t v;

	if (lab_ioctl(l->t, l->kvm, KVM_GET_MSR_INDEX_LIST, "KVM_GET_MSR_INDEX_LIST", (uintptr_t)&list) < 0)
		return -1;
	for (i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		for (m = more[i].from; m <= more[i].to && list.h.nmsrs < MSRS_MAX; m++)
			list.h.indices[list.h.nmsrs++] = m;
	for (i = 0; i < list.h.nmsrs; i++) {
		v = 0;
		/* MSRs of features that this guest lacks cannot be read. */
		if (lab_msr(l, KVM_GET_MSRS, list.h.indices[i], &v) == 1)
			s->msr[s->msrs++] = (struct kvm_msr_entry){ .index = list.h.indices[i], .data = v };
	}
	return 0;
}

/*
 * Set the TSC before the LAPIC and the PIT; get_cpu() reads it after the LAPIC. Then
 * no timer is early by the guest's clock, however long the host pauses between two
 * ioctls.
 */
static void set_tsc(struct lab *l, const struct state *s)
{
	uint32_t i;
	uint64_t v;

	if (s->tsc_khz > 0 && s->tsc_khz != ioctl(l->cpu[0].fd, KVM_GET_TSC_KHZ, 0))
		ioctl(l->cpu[0].fd, KVM_SET_TSC_KHZ, (unsigned long)s->tsc_khz);
	for (i = 0; i < s->msrs; i++) {
		v = s->msr[i].data;
		if (s->msr[i].index == MSR_TSC)
			lab_msr(l, KVM_SET_MSRS, MSR_TSC, &v);
	}
}

/* Set the TSC deadline last: it starts a timer that depends on the TSC and the LAPIC's mode. */
static void set_msrs(struct lab *l, const struct state *s)
{
	uint32_t i, last;
	uint64_t v;

	for (last = 0; last < 2; last++) {
		for (i = 0; i < s->msrs; i++) {
			v = s->msr[i].data;
			if (s->msr[i].index != MSR_TSC && (s->msr[i].index == MSR_TSC_DEADLINE) == last)
				lab_msr(l, KVM_SET_MSRS, s->msr[i].index, &v);
		}
	}
}

/* State that takes one ioctl to get and one to set. */
#define EACH_PART(DO) \
	DO(REGS, regs) DO(XCRS, xcrs) DO(DEBUGREGS, debugregs)

static int get_cpu(struct lab *l, struct state *s)
{
	struct kvm_cpuid2 *c = (void *)s->cpuid;
	struct kvm_nested_state *n = (void *)s->nested;

	c->nent = CPUID_MAX;
	n->size = NESTED_MAX;
	s->tsc_khz = ioctl(l->cpu[0].fd, KVM_GET_TSC_KHZ, 0);
#define GET(NAME, member) lab_cpu_ioctl(l, 0, KVM_GET_##NAME, &s->member) < 0 ||
	return lab_cpu_ioctl(l, 0, KVM_GET_CPUID2, c) < 0 || lab_cpu_ioctl(l, 0, KVM_GET_SREGS, &s->sregs) < 0 ||
		EACH_PART(GET)
		lab_cpu_ioctl(l, 0, lab_cap(l, KVM_CAP_XSAVE2) > 0 ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, s->xsave) < 0 ||
		(lab_cap(l, KVM_CAP_NESTED_STATE) > 0 && lab_cpu_ioctl(l, 0, KVM_GET_NESTED_STATE, n) < 0) ||
		(l->irqchip && (lab_cpu_ioctl(l, 0, KVM_GET_MP_STATE, &s->mp) < 0 ||
				lab_cpu_ioctl(l, 0, KVM_GET_LAPIC, &s->lapic) < 0)) ||
		get_msrs(l, s) || lab_cpu_ioctl(l, 0, KVM_GET_VCPU_EVENTS, &s->events) < 0 ? -1 : 0;
#undef GET
}

/* What describes the nested state, as struct kvm_nested_state does, must read back as it was set. */
static int set_nested(struct lab *l, struct state *s)
{
	struct kvm_nested_state *a = (void *)s->nested, *b = (void *)s->nested2;
	const uint8_t *x = (void *)&a->hdr, *y = (void *)&b->hdr;
	size_t i;

	if (lab_cap(l, KVM_CAP_NESTED_STATE) <= 0)
		return 0;
	b->size = NESTED_MAX;
	if (lab_cpu_ioctl(l, 0, KVM_SET_NESTED_STATE, a) < 0 || lab_cpu_ioctl(l, 0, KVM_GET_NESTED_STATE, b) < 0)
		return -1;
	REQUIRE(l->t, a->flags == b->flags && a->format == b->format, "nested state with flags 0x%x was set, reads back with 0x%x", a->flags, b->flags);
	for (i = 0; i < sizeof(a->hdr) && x[i] == y[i]; i++)
		;
	REQUIRE(l->t, i == sizeof(a->hdr), "the header of the nested state reads back differently from byte %zu on: set 0x%02x, got 0x%02x", i, x[i], y[i]);
	return 0;
}

static int set_cpu(struct lab *l, struct state *s)
{
	struct kvm_cpuid2 *c = (void *)s->cpuid;

	/* Before 6.3 KVM_GET_CPUID2 did not change nent: empty entries follow. */
	while (c->nent > 1 && !c->entries[c->nent - 1].function && !c->entries[c->nent - 1].eax)
		c->nent--;
#define SET(NAME, member) lab_cpu_ioctl(l, 0, KVM_SET_##NAME, &s->member) < 0 ||
	if (lab_cpu_ioctl(l, 0, KVM_SET_CPUID2, c) < 0 || lab_cpu_ioctl(l, 0, KVM_SET_SREGS, &s->sregs) < 0 ||
	    lab_cpu_ioctl(l, 0, KVM_SET_XSAVE, s->xsave) < 0 ||
	    EACH_PART(SET)
	    (l->irqchip && lab_cpu_ioctl(l, 0, KVM_SET_LAPIC, &s->lapic) < 0))
		return -1;
	set_msrs(l, s);
	return	/* After SREGS and MSRs, which KVM_SET_NESTED_STATE depends on; before the events. */
		set_nested(l, s) || lab_cpu_ioctl(l, 0, KVM_SET_VCPU_EVENTS, &s->events) < 0 ||
		(l->irqchip && lab_cpu_ioctl(l, 0, KVM_SET_MP_STATE, &s->mp) < 0) ? -1 : 0;
#undef SET
}

static int get_chips(struct lab *l, struct state *s)
{
	uint32_t i;

	for (i = 0; i < 3; i++) {
		s->chip[i].chip_id = i;
		if (lab_vm_ioctl(l, KVM_GET_IRQCHIP, &s->chip[i]) < 0)
			return -1;
	}
	return lab_vm_ioctl(l, KVM_GET_PIT2, &s->pit) < 0 ? -1 : 0;
}

/*
 * Set these after the LAPIC. Without one nobody acknowledges a tick of the PIT, and
 * KVM, which reinjects missed ticks, sends no further tick before that.
 */
static int set_chips(struct lab *l, struct state *s)
{
	uint32_t i;

	for (i = 0; i < 3; i++)
		if (lab_vm_ioctl(l, KVM_SET_IRQCHIP, &s->chip[i]) < 0)
			return -1;
	return lab_vm_ioctl(l, KVM_SET_PIT2, &s->pit) < 0 ? -1 : 0;
}

/*
 * The next KVM_RUN completes what the last exit left open: the data of an IN, the
 * end of an instruction. With immediate_exit it does no more than that.
 */
static int complete(struct lab *l)
{
	struct lab_cpu *c = &l->cpu[0];
	int rc, err;

	c->run->immediate_exit = 1;
	rc = ioctl(c->fd, KVM_RUN, 0);
	err = errno;
	c->run->immediate_exit = 0;
	REQUIRE(l->t, rc < 0 && err == EINTR, "KVM_RUN with immediate_exit gave %d (%s), expected EINTR", rc,
		rc < 0 ? strerror(err) : exit_name(c->run->exit_reason));
	return 0;
}

static int move(struct lab *l, struct state *s)
{
	if (complete(l) || get_cpu(l, s) || (l->opts.irqchip && get_chips(l, s)) ||
	    lab_vm_ioctl(l, KVM_GET_CLOCK, &s->clock) < 0 || lab_remake(l))
		return -1;
	set_tsc(l, s);
	/* KVM_SET_CLOCK accepts only the flag of a realtime, which we do not give. */
	s->clock.flags = 0;
	/* Without a LAPIC in KVM, KVM_RUN takes CR8 from here. */
	l->cpu[0].run->cr8 = s->sregs.cr8;
	return lab_vm_ioctl(l, KVM_SET_CLOCK, &s->clock) < 0 || set_cpu(l, s) ||
		(l->opts.irqchip && set_chips(l, s)) ? -1 : 0;
}

int lab_move(struct lab *l)
{
	struct state *s;
	int rc;

	REQUIRE(l->t, l->ncpus == 1, "only a VM of one vCPU can be moved");
	s = aligned_alloc(64, (sizeof(*s) + 63) & ~63ul);
	NEED(l->t, s, "memory");
	memset(s, 0, sizeof(*s));
	rc = move(l, s);
	free(s);
	l->moves++;
	return rc;
}
