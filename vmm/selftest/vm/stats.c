// SPDX-License-Identifier: GPL-2.0-only
/* vm: KVM's statistics must count correctly. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define REPORT_PLACE 180
#include "lab/stats.h"
#include "vm/vm.h"

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
 * The guest makes a known number of exits of each kind, which the figures must match.
 * The total also includes exits for host interrupts: take the lowest of a few runs.
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
		REQUIRE(l->t, b.io - a.io == PORT_EXITS, "%d port exits were made, io_exits counted %llu",
			PORT_EXITS, (unsigned long long)(b.io - a.io));
		REQUIRE(l->t, b.mmio - a.mmio == MMIO_EXITS, "%d MMIO exits were made, mmio_exits counted %llu",
			MMIO_EXITS, (unsigned long long)(b.mmio - a.mmio));
		REQUIRE(l->t, b.hlt - a.hlt == 1, "1 HLT was executed, halt_exits counted %llu", (unsigned long long)(b.hlt - a.hlt));
		least = b.all - a.all < least ? b.all - a.all : least;
	}
	t_note(l->t, "the guest made %llu exits, KVM counted %llu", (unsigned long long)made, (unsigned long long)least);
	REQUIRE(l->t, least >= made, "at least %llu exits were made, exits counted %llu",
		(unsigned long long)made, (unsigned long long)least);
	REQUIRE(l->t, least < made + made * 3 / 4,
		"the guest made %llu exits, but exits counted %llu: exits are counted or made twice",
		(unsigned long long)made, (unsigned long long)least);
	return 0;
}

/* read(2) goes on where the last one ended; the name follows the header. */
static int read_on(struct t *t, const struct stats *s)
{
	struct kvm_stats_header h = { 0 };
	char name[16] = "";

	REQUIRE(t, lseek(s->fd, 0, SEEK_SET) == 0 && read(s->fd, &h, sizeof(h)) == sizeof(h) && h.id_offset == sizeof(h),
		"read of the statistics' header: %s", strerror(errno));
	REQUIRE(t, read(s->fd, name, 4) == 4 && !memcmp(name, "kvm-", 4), "a second read of the statistics does not go on where the first ended");
	REQUIRE(t, lseek(s->fd, 0, SEEK_CUR) == (off_t)sizeof(h) + 4, "the statistics' file position is %lld after reads of %zu bytes",
		(long long)lseek(s->fd, 0, SEEK_CUR), sizeof(h) + 4);
	return 0;
}

LAB_CHECK(vm, stats, LAB(), "exit statistics count every exit once",
	  ADVICE_STAT, NEED_KVM | NEED_HW)
{
	struct stats s;
	int rc = stats_of_vcpu(l, &s);

	if (!rc)
		rc = read_on(l->t, &s) || count_exits(l, &s) ? -1 : 0;
	stats_close(&s);
	return rc;
}
