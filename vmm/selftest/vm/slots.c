// SPDX-License-Identifier: GPL-2.0
/* vm: memory slots, and what the guest sees of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm/slot.h"

#define LIST	0x20000u	/* the guest's list of addresses */

/* for each address in the list at RDI, up to a 0: write or read it; HLT */
const uint8_t slot_write[18] = {
	0x48, 0x8b, 0x07, 0x48, 0x85, 0xc0, 0x74, 0x09, 0xc6, 0x00, 0x01,
	0x48, 0x83, 0xc7, 0x08, 0xeb, 0xef, 0xf4,
};
const uint8_t slot_read[18] = {
	0x48, 0x8b, 0x07, 0x48, 0x85, 0xc0, 0x74, 0x09, 0x8a, 0x18, 0x90,
	0x48, 0x83, 0xc7, 0x08, 0xeb, 0xef, 0xf4,
};

int lab_to_hlt(struct lab *l)
{
	struct kvm_run *run = l->cpu[0].run;
	int rc;

	for (;;) {
		rc = lab_step(l, 0);
		if (rc == -EINTR)
			continue;
		if (rc || run->exit_reason == KVM_EXIT_HLT)
			return rc;
		if (run->exit_reason != KVM_EXIT_IO || run->io.port != UNIT_PORT_IO)
			return lab_odd_exit(l, 0);
		*((uint8_t *)run + run->io.data_offset) = 0x5a;
	}
}

int slot_touch(struct lab *l, const uint8_t *code, size_t len, const bool *pages)
{
	uint64_t *list = (uint64_t *)(void *)(l->ram + LIST);
	struct kvm_regs r;
	unsigned int i, k = 0;

	for (i = 0; i < PAGES; i++)
		if (pages[i])
			list[k++] = SLOT1 + i * PG + (i * 64) % 4096;
	list[k] = 0;
	lab_code(l, 0x1000, code, len);
	if (lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	r.rip = 0x1000;
	r.rdi = LIST;
	if (lab_cpu_ioctl(l, 0, KVM_SET_REGS, &r) < 0)
		return -1;
	return lab_to_hlt(l);
}

int slot_open(struct lab *l, struct t *t, uint32_t flags, void **host, int (*pre)(struct lab *l))
{
	struct lab_opts o = { .pre = pre };
	int rc;

	*host = MAP_FAILED;
	if (lab_open(l, t, &o))
		return -1;
	*host = mmap(NULL, PAGES * PG, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(t, *host != MAP_FAILED, "mmap: %s", strerror(errno));
	madvise(*host, PAGES * PG, MADV_NOHUGEPAGE);
	rc = lab_slot(l, 1, flags, SLOT1, PAGES * PG, *host);
	REQUIRE(t, !rc, "memory slot 1 of %u pages at 0x%llx: %s", PAGES, SLOT1, strerror(-rc));
	return lab_long(l, 0, 0x1000, 0x8000);
}

void slot_close(struct lab *l, void *host)
{
	lab_close(l);
	if (host != MAP_FAILED)
		munmap(host, PAGES * PG);
}

/* --- memory slots --- */

static int refused(struct lab *l, unsigned int slot, uint32_t flags, uint64_t gpa,
		   uint64_t size, void *host, int want, const char *what)
{
	int rc = lab_slot(l, slot, flags, gpa, size, host);

	REQUIRE(l->t, rc == want, "%s: %s, expected %s", what, rc ? strerror(-rc) : "accepted",
		strerror(-want));
	return 0;
}

int vm_memslot_rules(struct t *t)
{
	struct lab l;
	void *host;
	int rc = slot_open(&l, t, 0, &host, NULL);
	uint8_t *h = host;

	if (!rc && (refused(&l, 2, 0, SLOT1, 4096, h, -EEXIST, "a slot over another's start") ||
		    refused(&l, 2, 0, SLOT1 + (PAGES - 1) * PG, 8192, h, -EEXIST, "a slot over another's end") ||
		    refused(&l, 2, 0, SLOT1 - 4096, 8192, h, -EEXIST, "a slot over another's first page") ||
		    refused(&l, 2, 0, SLOT1 + 0x1000001, 4096, h, -EINVAL, "a slot whose address is not a page's") ||
		    refused(&l, 2, 0, SLOT1 + 0x1000000, 100, h, -EINVAL, "a slot of 100 bytes") ||
		    refused(&l, 2, 0, SLOT1 + 0x1000000, 4096, h + 1, -EINVAL, "a slot with odd host memory") ||
		    refused(&l, 2, 0, ~0ull << 12, 8192, h, -EINVAL, "a slot that wraps around") ||
		    refused(&l, 2, 1u << 30, SLOT1 + 0x1000000, 4096, h, -EINVAL, "a slot with unknown flags") ||
		    refused(&l, 1, 0, SLOT1, 8192, h, -EINVAL, "a change of a slot's size")))
		rc = -1;
	if (!rc && lab_slot(&l, 2, 0, SLOT1 + PAGES * PG, 4096, h))
		rc = t_fail(t, "a slot right behind another was refused");
	slot_close(&l, host);
	return rc;
}

int slot_aim(struct lab *l, uint64_t gpa, bool write)
{
	uint64_t *list = (uint64_t *)(void *)(l->ram + LIST);
	struct kvm_regs r;

	list[0] = gpa;
	list[1] = 0;
	lab_code(l, 0x1000, write ? slot_write : slot_read, sizeof(slot_write));
	if (lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	r.rip = 0x1000;
	r.rdi = LIST;
	return lab_cpu_ioctl(l, 0, KVM_SET_REGS, &r) < 0 ? -1 : 0;
}

int slot_peek(struct lab *l, uint64_t gpa)
{
	struct kvm_regs r;

	if (slot_aim(l, gpa, false) || lab_to_hlt(l) || lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	return (int)(r.rbx & 0xff);
}

/* A write of one byte by the guest: 0 done, 1 came as MMIO, -1 failed. */
static int poke(struct lab *l, uint64_t gpa, bool write)
{
	struct kvm_run *run = l->cpu[0].run;
	int rc;

	/* touch() runs to HLT; here the first exit counts */
	if (slot_aim(l, gpa, write))
		return -1;
	do {
		rc = lab_step(l, 0);
	} while (rc == -EINTR);
	if (rc)
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

/* poke() and what it must be */
static int expect_poke(struct lab *l, uint64_t gpa, bool write, int want, const char *what)
{
	int rc = poke(l, gpa, write);

	if (rc < 0)
		return -1;
	REQUIRE(l->t, rc == want, "%s: %s, expected %s", what, rc ? "came as MMIO" : "went to memory",
		want ? "MMIO" : "memory");
	return 0;
}

int vm_memslot_change(struct t *t)
{
	const uint64_t moved = SLOT1 + 0x1000000;
	struct kvm_regs r;
	struct lab l;
	void *host;
	int rc = slot_open(&l, t, 0, &host, NULL);
	uint8_t *h = host;

	if (rc || expect_poke(&l, SLOT1, true, 0, "write to a slot") ||
	    expect_poke(&l, SLOT1 + PAGES * PG, true, 1, "write behind a slot") ||
	    expect_poke(&l, SLOT1 - 1, false, 1, "read before a slot"))
		rc = -1;
	if (!rc && h[0] != 1)
		rc = t_fail(t, "the guest's write is not in the host's memory");
	/* moved */
	if (!rc && lab_slot(&l, 1, 0, moved, PAGES * PG, h))
		rc = t_fail(t, "moving a slot was refused");
	if (!rc && (expect_poke(&l, SLOT1, true, 1, "write where a slot was before it moved") ||
		    expect_poke(&l, moved + 3 * PG, true, 0, "write where a slot was moved to")))
		rc = -1;
	if (!rc && h[3 * PG] != 1)
		rc = t_fail(t, "after a move the guest's write is not in the host's memory");
	/* deleted, and made again over other memory */
	if (!rc && lab_slot(&l, 1, 0, moved, 0, h))
		rc = t_fail(t, "deleting a slot was refused");
	if (!rc && (expect_poke(&l, moved + 3 * PG, true, 1, "write to a deleted slot") ||
		    expect_poke(&l, moved, false, 1, "read of a deleted slot")))
		rc = -1;
	if (!rc && lab_slot(&l, 1, 0, moved, 4096, h + 8 * PG))
		rc = t_fail(t, "making a slot again was refused");
	if (!rc)
		rc = expect_poke(&l, moved, true, 0, "write to a slot that was made again");
	if (!rc && h[8 * PG] != 1)
		rc = t_fail(t, "a slot made again leads to its old memory");
	/* read-only */
	h[8 * PG] = 0x42;
	if (!rc && (lab_slot(&l, 1, 0, moved, 0, h) || lab_slot(&l, 1, KVM_MEM_READONLY, moved, 4096, h + 8 * PG)))
		rc = t_fail(t, "a read-only slot was refused");
	if (!rc && (expect_poke(&l, moved, false, 0, "read of a read-only slot") ||
		    lab_cpu_ioctl(&l, 0, KVM_GET_REGS, &r) < 0))
		rc = -1;
	if (!rc && expect_poke(&l, moved, true, 1, "write to a read-only slot"))
		rc = -1;
	if (!rc && h[8 * PG] != 0x42)
		rc = t_fail(t, "a write to a read-only slot changed it");
	slot_close(&l, host);
	return rc;
}

/* The guest sees what the host does to its memory, at once. */
int vm_mmu_notifier(struct t *t)
{
	struct lab l;
	void *host;
	unsigned int i;
	int rc = slot_open(&l, t, 0, &host, NULL);
	volatile uint8_t *h = host;
	struct kvm_regs r;

	for (i = 0; !rc && i < 20; i++) {
		uint64_t page = i * PG;

		/* the guest writes, the host reads; and the other way */
		if (expect_poke(&l, SLOT1 + page, true, 0, "write"))
			rc = -1;
		else if (h[page] != 1)
			rc = t_fail(t, "the host does not see the guest's write");
		h[page] = (uint8_t)(0x80 + i);
		if (!rc && (expect_poke(&l, SLOT1 + page, false, 0, "read") ||
			    lab_cpu_ioctl(&l, 0, KVM_GET_REGS, &r) < 0))
			rc = -1;
		/* the page goes away under the guest: it must see a new, zero one */
		if (!rc && madvise((uint8_t *)host + page, 4096, MADV_DONTNEED))
			rc = t_fail(t, "madvise: %s", strerror(errno));
		if (!rc && i & 1)
			h[page] = 0x33;		/* the host has a new page already */
		if (!rc) {
			static const uint8_t load[] = { 0x48, 0x8b, 0x07, 0x0f, 0xb6, 0x18, 0xf4 };

			*(uint64_t *)(void *)(l.ram + LIST) = SLOT1 + page;
			lab_code(&l, 0x1000, load, sizeof(load));
			r.rip = 0x1000;
			r.rdi = LIST;
			if (lab_cpu_ioctl(&l, 0, KVM_SET_REGS, &r) < 0 || lab_to_hlt(&l) ||
			    lab_cpu_ioctl(&l, 0, KVM_GET_REGS, &r) < 0)
				rc = -1;
			else if (r.rbx != (i & 1 ? 0x33 : 0))
				rc = t_fail(t, "the host replaced a page, the guest still reads the old one: 0x%llx: memory that was freed is in a guest's hands",
					    r.rbx);
		}
	}
	slot_close(&l, host);
	return rc;
}
