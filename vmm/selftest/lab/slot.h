/* SPDX-License-Identifier: GPL-2.0-only */
/* A lab with a second memory slot, whose pages a guest touches. */
#ifndef SELFTEST_VMSLOT_H
#define SELFTEST_VMSLOT_H

#include "lab/lab.h"

#define SLOT1	0x4000000ULL	/* the address of slot 1, beyond RAM */
#define PG	((size_t)4096)
#define PAGES	256u

/* Code for slot_touch(): write 1 to, or read into BL from, each page. */
extern const uint8_t slot_write[18], slot_read[18];

/* slot_open - a long-mode lab with slot 1 of PAGES pages at SLOT1; @pre as in lab_opts */
int slot_open(struct lab *l, struct t *t, uint32_t flags, void **host, int (*pre)(struct lab *l));
void slot_close(struct lab *l, void *host);
/* slot_with - slot_open(), @body if that worked, slot_close() */
int slot_with(struct t *t, uint32_t flags, int (*pre)(struct lab *l), int (*body)(struct lab *l, uint8_t *host));
/* SLOT_CHECK - a CHECK() with the body of slot_with(): it has @l and @host */
#define SLOT_CHECK(group, id, flags, pre, purpose, advice, needs) \
	static int slot_##group##_##id(struct lab *l, uint8_t *host); \
	CHECK(group, id, purpose, advice, needs) \
	{ \
		return slot_with(t, flags, pre, slot_##group##_##id); \
	} \
	static int slot_##group##_##id(struct lab *l, uint8_t *host)
/* slot_touch - let the guest touch, with @code, the pages of slot 1 for which @pages is true */
int slot_touch(struct lab *l, const uint8_t *code, size_t len, const bool *pages);
/* slot_aim - let CPU 0 write or read the byte at @gpa when it runs next, and halt */
int slot_aim(struct lab *l, uint64_t gpa, bool write);
/* slot_peek - the byte that the guest reads at @gpa, or -1 after t_fail() */
int slot_peek(struct lab *l, uint64_t gpa);
/*
 * run_to_fault - KVM_RUN of CPU 0, which must fail with EFAULT
 * 1: KVM_EXIT_MEMORY_FAULT named the page of @gpa, with @flags. 0: it named none,
 * as KVM may if the memory is the VMM's own. -1: after t_fail().
 */
int run_to_fault(struct lab *l, uint64_t gpa, uint64_t flags, const char *what);
#define TOUCH(l, code, pages) slot_touch(l, code, sizeof(code), pages)

#endif
