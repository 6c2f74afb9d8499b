// SPDX-License-Identifier: GPL-2.0
/* vm: the statistics count what happens. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vm/vmchecks.h"

/* For patch probes: is @name in the statistics of VM or vCPU? */
int stat_exists(struct t *t, const char *kind, const char *name)
{
	struct lab_opts o = { 0 };
	struct stats s = { .fd = -1 };
	struct lab l;
	int rc = lab_open(&l, t, &o);

	if (!rc && lab_cap(&l, KVM_CAP_BINARY_STATS_FD) <= 0)
		rc = t_fail(t, "KVM has no binary statistics, so no '%s'", name);
	if (!rc)
		rc = stats_open(t, &s, strcmp(kind, "vm") ? l.cpu[0].fd : l.vm, kind);
	if (!rc && !stats_find(&s, name))
		rc = t_fail(t, "the %s's statistics have no '%s': the patch is not in the running kvm.ko", kind, name);
	stats_close(&s);
	lab_close(&l);
	return rc;
}

/* The vCPU's statistics, where KVM has them: 0, or -1 after t_skip() or t_fail() */
static int vcpu_stats(struct lab *l, struct stats *s)
{
	s->fd = -1;
	s->desc = NULL;
	if (lab_cap(l, KVM_CAP_BINARY_STATS_FD) <= 0)
		return t_skip(l->t, "KVM has no binary statistics (before 5.14)");
	return stats_open(l->t, s, l->cpu[0].fd, "vCPU");
}

#define PORT_EXITS	200
#define MMIO_EXITS	100
#define CPUID_EXITS	3000

struct counts {
	uint64_t io, mmio, hlt, all;
};

static int get_counts(struct t *t, const struct stats *s, struct counts *c)
{
	REQUIRE(t, !stats_get(s, "io_exits", &c->io) && !stats_get(s, "mmio_exits", &c->mmio) &&
		!stats_get(s, "halt_exits", &c->hlt) && !stats_get(s, "exits", &c->all),
		"the vCPU's statistics lack io_exits, mmio_exits, halt_exits or exits");
	return 0;
}

/*
 * A guest makes exactly so many exits: so must the figures. Of all exits there
 * are more, by what interrupts the host: by the least of a few runs.
 */
static int count_exits(struct lab *l, const struct stats *s)
{
	/* mov $200,%ecx; 1: out %al,$0xe1; loop 1b; mov $100,%ecx; 2: mov %al,0x10000000; loop 2b; */
	static const uint8_t code[] = {
		0xb9, PORT_EXITS, 0, 0, 0, 0xe6, 0xe1, 0xe2, 0xfc,
		0xb9, MMIO_EXITS, 0, 0, 0, 0x88, 0x04, 0x25, 0, 0, 0, 0x10, 0xe2, 0xf7,
		/* mov $3000,%edi; 3: xor %eax,%eax; cpuid; dec %edi; jnz 3b; hlt */
		0xbf, CPUID_EXITS & 0xff, CPUID_EXITS >> 8, 0, 0, 0x31, 0xc0, 0x0f, 0xa2, 0xff, 0xcf, 0x75, 0xf8, 0xf4,
	};
	const uint64_t made = PORT_EXITS + MMIO_EXITS + CPUID_EXITS + 1;
	struct counts a, b;
	uint64_t least = UINT64_MAX;
	int i, rc;

	for (i = 0; i < 3; i++) {
		if (lab_code_long(l, code, sizeof(code)) || get_counts(l->t, s, &a))
			return -1;
		do {
			rc = lab_step(l, 0);
		} while (rc == -EINTR || (!rc && l->cpu[0].run->exit_reason != KVM_EXIT_HLT));
		if (rc || get_counts(l->t, s, &b))
			return -1;
		REQUIRE(l->t, b.io - a.io == PORT_EXITS, "%d port exits, io_exits counted %llu",
			PORT_EXITS, (unsigned long long)(b.io - a.io));
		REQUIRE(l->t, b.mmio - a.mmio == MMIO_EXITS, "%d MMIO exits, mmio_exits counted %llu",
			MMIO_EXITS, (unsigned long long)(b.mmio - a.mmio));
		REQUIRE(l->t, b.hlt - a.hlt == 1, "1 HLT, halt_exits counted %llu", (unsigned long long)(b.hlt - a.hlt));
		least = b.all - a.all < least ? b.all - a.all : least;
	}
	t_note(l->t, "%llu exits counted for %llu made", (unsigned long long)least, (unsigned long long)made);
	REQUIRE(l->t, least >= made, "%llu exits at least, exits counted %llu",
		(unsigned long long)made, (unsigned long long)least);
	REQUIRE(l->t, least < made + made * 3 / 4,
		"a guest that makes %llu exits made %llu: something counts or makes every exit twice",
		(unsigned long long)made, (unsigned long long)least);
	return 0;
}

static int stats_body(struct lab *l)
{
	struct stats s;
	int rc = vcpu_stats(l, &s);

	if (!rc)
		rc = count_exits(l, &s);
	stats_close(&s);
	return rc;
}

int vm_stats(struct t *t)
{
	return lab_with(t, &(struct lab_opts){ 0 }, stats_body);
}

#define NEW_PAGES	256
/* The host may fault a page in now and then; not in each of three rounds. */
#define FEW_FAULTS	16
#define FEW_EXITS	100

/* Write to the same pages five times; what was counted in each round. */
static int fault_rounds(struct lab *l, const struct stats *s, uint64_t faults[5], uint64_t exits[5])
{
	uint64_t f0, e0, f, e;
	struct kvm_regs r;
	int i;

	for (i = 0; i < 5; i++) {
		REQUIRE(l->t, !stats_get(s, "pf_fixed", &f0) && !stats_get(s, "exits", &e0),
			"the vCPU's statistics lack pf_fixed or exits");
		if (lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
			return -1;
		r.rip = 0x1000;
		r.rdi = UNIT_SCRATCH;
		if (lab_cpu_ioctl(l, 0, KVM_SET_REGS, &r) < 0 || lab_to_hlt(l) ||
		    stats_get(s, "pf_fixed", &f) || stats_get(s, "exits", &e))
			return -1;
		faults[i] = f - f0;
		exits[i] = e - e0;
	}
	return 0;
}

/* Pages that are mapped are not faulted in again. */
static int refault(struct lab *l)
{
	/* rdi: start; mov $256,%ecx; 1: mov %al,(%rdi); add $4096,%rdi; loop; hlt */
	static const uint8_t code[] = {
		0xb9, 0, 1, 0, 0, 0x88, 0x07, 0x48, 0x81, 0xc7, 0, 0x10, 0, 0, 0xe2, 0xf5, 0xf4,
	};
	uint64_t n[5], ex[5];
	struct stats s;
	int rc = vcpu_stats(l, &s) || lab_code_long(l, code, sizeof(code)) ||
		fault_rounds(l, &s, n, ex) ? -1 : 0;

	stats_close(&s);
	if (rc)
		return -1;
	REQUIRE(l->t, n[0] >= NEW_PAGES, "%d new pages were written, pf_fixed counted %llu",
		NEW_PAGES, (unsigned long long)n[0]);
	REQUIRE(l->t, n[1] <= FEW_FAULTS || n[2] <= FEW_FAULTS || n[3] <= FEW_FAULTS,
		"%d mapped pages were written again, and again faulted in: %llu times: every guest is slow",
		NEW_PAGES, (unsigned long long)n[3]);
	REQUIRE(l->t, ex[1] <= FEW_EXITS || ex[2] <= FEW_EXITS || ex[3] <= FEW_EXITS,
		"writing %d mapped pages costs %llu exits: every guest is slow",
		NEW_PAGES, (unsigned long long)ex[3]);
	return 0;
}

int vm_refault(struct t *t)
{
	return lab_with(t, &(struct lab_opts){ 0 }, refault);
}
