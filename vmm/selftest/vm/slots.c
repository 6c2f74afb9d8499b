// SPDX-License-Identifier: GPL-2.0-only
/* vm: memory slots, and how changes to them appear in the guest. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define REPORT_PLACE 60
#include "lab/slot.h"
#include "vm/vm.h"

/* --- memory slots --- */

static int refused(struct lab *l, unsigned int slot, uint32_t flags, uint64_t gpa,
		   uint64_t size, void *host, int want, const char *what)
{
	int rc = lab_slot(l, slot, flags, gpa, size, host);

	REQUIRE(l->t, rc == want, "%s: %s, expected %s", what, rc ? strerror(-rc) : "accepted",
		strerror(-want));
	return 0;
}

SLOT_CHECK(vm, memslot_rules, 0, NULL, "memory slots that overlap or make no sense are refused",
	   ADVICE_MEM, NEED_KVM)
{
	if (refused(l, 2, 0, SLOT1, 4096, host, -EEXIST, "a slot over another's start") ||
	    refused(l, 2, 0, SLOT1 + (PAGES - 1) * PG, 8192, host, -EEXIST, "a slot over another's end") ||
	    refused(l, 2, 0, SLOT1 - 4096, 8192, host, -EEXIST, "a slot over another's first page") ||
	    refused(l, 2, 0, SLOT1 + 0x1000001, 4096, host, -EINVAL, "a slot with an unaligned address") ||
	    refused(l, 2, 0, SLOT1 + 0x1000000, 100, host, -EINVAL, "a slot of 100 bytes") ||
	    refused(l, 2, 0, SLOT1 + 0x1000000, 4096, host + 1, -EINVAL, "a slot with unaligned host memory") ||
	    refused(l, 2, 0, ~0ull << 12, 8192, host, -EINVAL, "a slot that wraps around") ||
	    refused(l, 2, 1u << 30, SLOT1 + 0x1000000, 4096, host, -EINVAL, "a slot with unknown flags") ||
	    refused(l, 1, 0, SLOT1, 8192, host, -EINVAL, "a change of a slot's size"))
		return -1;
	REQUIRE(l->t, !lab_slot(l, 2, 0, SLOT1 + PAGES * PG, 4096, host), "a slot right behind another was refused");
	return 0;
}

/* The guest accesses one byte: 0 it was memory, 1 it came as MMIO, -1 failed. */
static int poke(struct lab *l, uint64_t gpa, bool write)
{
	struct kvm_run *run = l->cpu[0].run;

	/* slot_peek() would run to HLT; here the first exit counts. */
	if (slot_aim(l, gpa, write))
		return -1;
	if (lab_next(l))
		return -1;
	if (run->exit_reason == KVM_EXIT_MMIO) {
		REQUIRE(l->t, run->mmio.phys_addr == gpa && run->mmio.len == 1 &&
			!!run->mmio.is_write == write, "MMIO %s of %u bytes at 0x%llx, the guest made a %s of 1 at 0x%llx",
			run->mmio.is_write ? "write" : "read", run->mmio.len, run->mmio.phys_addr,
			write ? "write" : "read", (unsigned long long)gpa);
		run->mmio.data[0] = 0x77;
		return lab_to_hlt(l) ? -1 : 1;
	}
	return run->exit_reason == KVM_EXIT_HLT ? 0 : lab_odd_exit(l, 0);
}

/* poke(), whose result must be @want. */
static int expect_poke(struct lab *l, uint64_t gpa, bool write, int want, const char *what)
{
	int rc = poke(l, gpa, write);

	if (rc < 0)
		return -1;
	REQUIRE(l->t, rc == want, "%s: %s, expected %s", what, rc ? "came as MMIO" : "went to memory",
		want ? "MMIO" : "memory");
	return 0;
}

SLOT_CHECK(vm, memslot_change, 0, NULL, "slots can be moved, deleted and made read-only, and the guest sees it",
	   ADVICE_MEM, NEED_KVM | NEED_HW)
{
	const uint64_t moved = SLOT1 + 0x1000000;

	if (expect_poke(l, SLOT1, true, 0, "write to a slot") ||
	    expect_poke(l, SLOT1 + PAGES * PG, true, 1, "write behind a slot") ||
	    expect_poke(l, SLOT1 - 1, false, 1, "read before a slot"))
		return -1;
	REQUIRE(l->t, host[0] == 1, "the guest's write is not in the host's memory");
	/* moved */
	REQUIRE(l->t, !lab_slot(l, 1, 0, moved, PAGES * PG, host), "moving a slot was refused");
	if (expect_poke(l, SLOT1, true, 1, "write where a slot was before it moved") ||
	    expect_poke(l, moved + 3 * PG, true, 0, "write where a slot was moved to"))
		return -1;
	REQUIRE(l->t, host[3 * PG] == 1, "after a move the guest's write is not in the host's memory");
	/* deleted, and created again over other memory */
	REQUIRE(l->t, !lab_slot(l, 1, 0, moved, 0, host), "deleting a slot was refused");
	if (expect_poke(l, moved + 3 * PG, true, 1, "write to a deleted slot") ||
	    expect_poke(l, moved, false, 1, "read of a deleted slot"))
		return -1;
	REQUIRE(l->t, !lab_slot(l, 1, 0, moved, 4096, host + 8 * PG), "creating a slot again was refused");
	if (expect_poke(l, moved, true, 0, "write to a slot that was created again"))
		return -1;
	REQUIRE(l->t, host[8 * PG] == 1, "a slot that was created again still maps its old memory");
	/* read-only */
	host[8 * PG] = 0x42;
	REQUIRE(l->t, !lab_slot(l, 1, 0, moved, 0, host) && !lab_slot(l, 1, KVM_MEM_READONLY, moved, 4096, host + 8 * PG),
		"a read-only slot was refused");
	if (expect_poke(l, moved, false, 0, "read of a read-only slot") ||
	    expect_poke(l, moved, true, 1, "write to a read-only slot"))
		return -1;
	REQUIRE(l->t, host[8 * PG] == 0x42, "a write to a read-only slot changed it");
	REQUIRE(l->t, lab_slot(l, 1, 0, moved, 4096, host + 8 * PG) == -EINVAL, "a read-only slot was made writable without being deleted");
	REQUIRE(l->t, !lab_slot(l, 1, 0, moved, 0, host) && !lab_slot(l, 1, 0, moved, 4096, host + 8 * PG) &&
		lab_slot(l, 1, KVM_MEM_READONLY, moved, 4096, host + 8 * PG) == -EINVAL,
		"a writable slot was made read-only without being deleted");
	return 0;
}

SLOT_CHECK(vm, host_memory, 0, NULL, "a guest sees at once what the host does to its memory",
	   ADVICE_MEM, NEED_KVM | NEED_HW)
{
	volatile uint8_t *h = host;
	unsigned int i;

	for (i = 0; i < 20; i++) {
		uint64_t page = i * PG;
		int got;

		/* the guest writes and the host reads, and vice versa */
		if (expect_poke(l, SLOT1 + page, true, 0, "write"))
			return -1;
		REQUIRE(l->t, h[page] == 1, "the host does not see the guest's write");
		h[page] = (uint8_t)(0x80 + i);
		if (expect_poke(l, SLOT1 + page, false, 0, "read"))
			return -1;
		/* the host drops the page: the guest must see a new page of zeroes */
		REQUIRE(l->t, !madvise(host + page, 4096, MADV_DONTNEED), "madvise: %s", strerror(errno));
		if (i & 1)
			h[page] = 0x33;		/* the host has a new page already */
		got = slot_peek(l, SLOT1 + page);
		if (got < 0)
			return -1;
		REQUIRE(l->t, got == (i & 1 ? 0x33 : 0), "the host replaced a page, but the guest still reads the old one (0x%x): it can access freed memory",
			(unsigned int)got);
	}
	return 0;
}
