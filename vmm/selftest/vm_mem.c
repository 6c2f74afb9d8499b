// SPDX-License-Identifier: GPL-2.0
/* vm: memory slots and what KVM keeps account of. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmchecks.h"

#define SLOT1	0x4000000ULL	/* where slot 1 is put, beyond RAM */
#define PG	((size_t)4096)
#define PAGES	256u
#define LIST	0x20000u	/* the guest's list of addresses */

/* for each address in the list at RDI, up to a 0: write or read it; HLT */
static const uint8_t code_write[] = {
	0x48, 0x8b, 0x07, 0x48, 0x85, 0xc0, 0x74, 0x09, 0xc6, 0x00, 0x01,
	0x48, 0x83, 0xc7, 0x08, 0xeb, 0xef, 0xf4,
};
static const uint8_t code_read[] = {
	0x48, 0x8b, 0x07, 0x48, 0x85, 0xc0, 0x74, 0x09, 0x8a, 0x00, 0x90,
	0x48, 0x83, 0xc7, 0x08, 0xeb, 0xef, 0xf4,
};
/* mov $0x600, %dx; mov (%rdi), %rdi; insb; hlt */
static const uint8_t code_ins[] = { 0x66, 0xba, 0x00, 0x06, 0x48, 0x8b, 0x3f, 0x6c, 0xf4 };

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

/* Let the guest touch @n pages from @gpa as @pages says, by @code. */
static int touch(struct lab *l, const uint8_t *code, size_t len, uint64_t gpa,
		 const bool *pages, unsigned int n)
{
	uint64_t *list = (uint64_t *)(void *)(l->ram + LIST);
	struct kvm_regs r;
	unsigned int i, k = 0;

	for (i = 0; i < n; i++)
		if (pages[i])
			list[k++] = gpa + i * PG + (i * 64) % 4096;
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
#define TOUCH(l, code, gpa, pages, n) touch(l, code, sizeof(code), gpa, pages, n)

/* A long-mode lab with slot 1 of PAGES pages at SLOT1. */
static int open_with_slot(struct lab *l, struct t *t, uint32_t flags, void **host,
			  int (*pre)(struct lab *l))
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

static void close_with_slot(struct lab *l, void *host)
{
	lab_close(l);
	if (host != MAP_FAILED)
		munmap(host, PAGES * PG);
}

static int get_log(struct lab *l, uint64_t *bits)
{
	struct kvm_dirty_log d = { .slot = 1, .dirty_bitmap = bits };

	memset(bits, 0x5a, PAGES / 8);
	return lab_vm_ioctl(l, KVM_GET_DIRTY_LOG, &d);
}

static int compare_log(struct lab *l, const uint64_t *bits, const bool *want, const char *when)
{
	unsigned int i, missed = 0, extra = 0, first = PAGES;

	for (i = 0; i < PAGES; i++) {
		bool got = bits[i / 64] >> i % 64 & 1;

		if (got == want[i])
			continue;
		missed += want[i];
		extra += got;
		if (first == PAGES)
			first = i;
	}
	REQUIRE(l->t, !missed, "%s: %u written pages are missing in the dirty log, the first is page %u: live migration would corrupt guests",
		when, missed, first);
	REQUIRE(l->t, !extra, "%s: %u pages are in the dirty log that were not written, the first is page %u",
		when, extra, first);
	return 0;
}

static void pattern(bool *p, unsigned int round)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		p[i] = round == 0 || (i * 7 + round * 13) % (round + 2) == 0;
	p[0] = round & 1;
	p[PAGES - 1] = !(round & 1);
}

static const bool none[PAGES];

int vm_dirty_log(struct t *t)
{
	uint64_t bits[PAGES / 64];
	bool pages[PAGES] = { false };
	struct lab l;
	void *host;
	unsigned int i;
	int rc = open_with_slot(&l, t, KVM_MEM_LOG_DIRTY_PAGES, &host, NULL);

	for (i = 0; !rc && i < 6; i++) {
		pattern(pages, i);
		/* What was written; then nothing new; and reads are nothing new either. */
		if (TOUCH(&l, code_write, SLOT1, pages, PAGES) || get_log(&l, bits) ||
		    compare_log(&l, bits, pages, "after writes") ||
		    get_log(&l, bits) || compare_log(&l, bits, none, "after nothing") ||
		    TOUCH(&l, code_read, SLOT1, pages, PAGES) || get_log(&l, bits) ||
		    compare_log(&l, bits, none, "after reads"))
			rc = -1;
	}
	close_with_slot(&l, host);
	return rc;
}

/* Pages that KVM writes itself: by an emulated string input, by kvmclock. */
int vm_dirty_log_kvm(struct t *t)
{
	uint64_t bits[PAGES / 64];
	bool pages[PAGES] = { [5] = true };
	uint64_t clock_page = (SLOT1 + 9ull * PG) | 1;
	struct lab l;
	void *host;
	int rc = open_with_slot(&l, t, KVM_MEM_LOG_DIRTY_PAGES, &host, NULL);

	if (!rc && (TOUCH(&l, code_ins, SLOT1, pages, PAGES) || get_log(&l, bits) ||
		    compare_log(&l, bits, pages, "after INS, which KVM carries out")))
		rc = -1;
	if (!rc && ((uint8_t *)host)[5 * PG + (size_t)5 * 64] != 0x5a)
		rc = t_fail(t, "INS did not store what the port gave");
	if (!rc && lab_cap(&l, KVM_CAP_CLOCKSOURCE) > 0) {
		pages[5] = false;
		pages[9] = true;
		if (lab_msr(&l, KVM_SET_MSRS, 0x4b564d01, &clock_page) != 1)
			rc = t_fail(t, "KVM_SET_MSRS of the kvmclock MSR failed");
		else if (TOUCH(&l, code_read, SLOT1, none, PAGES) || get_log(&l, bits) ||
			 compare_log(&l, bits, pages, "after KVM wrote its clock page"))
			rc = -1;
	}
	close_with_slot(&l, host);
	return rc;
}

static int want_manual(struct lab *l)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = { 1 } };

	if (lab_cap(l, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2) <= 0)
		return t_skip(l->t, "KVM has no KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2");
	return lab_vm_ioctl(l, KVM_ENABLE_CAP, &c) < 0 ? -1 : 0;
}

/* GET only reads; CLEAR takes exactly the range and bits it is given. */
int vm_dirty_log_clear(struct t *t)
{
	uint64_t bits[PAGES / 64], clear[1] = { 0xff00ff00ff00ff00ull };
	struct kvm_clear_dirty_log c = { .slot = 1, .num_pages = 64, .first_page = 64,
		.dirty_bitmap = clear };
	bool pages[PAGES] = { false }, rest[PAGES] = { false };
	struct lab l;
	void *host;
	unsigned int i;
	int rc = open_with_slot(&l, t, KVM_MEM_LOG_DIRTY_PAGES, &host, want_manual);

	if (!rc) {
		pattern(pages, 0);
		if (TOUCH(&l, code_write, SLOT1, pages, PAGES) || get_log(&l, bits) ||
		    compare_log(&l, bits, pages, "after writes") || get_log(&l, bits) ||
		    compare_log(&l, bits, pages, "read again before KVM_CLEAR_DIRTY_LOG") ||
		    lab_vm_ioctl(&l, KVM_CLEAR_DIRTY_LOG, &c) < 0)
			rc = -1;
	}
	for (i = 0; !rc && i < PAGES; i++)
		rest[i] = pages[i] && !(i >= 64 && i < 128 && clear[0] >> (i - 64) & 1);
	if (!rc && (get_log(&l, bits) || compare_log(&l, bits, rest, "after KVM_CLEAR_DIRTY_LOG of some")))
		rc = -1;
	/* What was cleared must be noticed when it is written again. */
	if (!rc && (TOUCH(&l, code_write, SLOT1, pages, PAGES) || get_log(&l, bits) ||
		    compare_log(&l, bits, pages, "after what was cleared was written again")))
		rc = -1;
	close_with_slot(&l, host);
	return rc;
}

static int want_ring(struct lab *l)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_DIRTY_LOG_RING, .args = { 4096 * sizeof(struct kvm_dirty_gfn) } };
	int max = lab_cap(l, KVM_CAP_DIRTY_LOG_RING);

	if (max <= 0)
		return t_skip(l->t, "KVM has no dirty ring");
	if ((uint64_t)max < c.args[0])
		c.args[0] = (uint64_t)max;
	return lab_vm_ioctl(l, KVM_ENABLE_CAP, &c) < 0 ? -1 : 0;
}

/* Take what is in the ring: each page of slot 1 once. */
static int reap_ring(struct lab *l, struct kvm_dirty_gfn *ring, unsigned int *next,
		     bool *got)
{
	unsigned int n = 0;
	int rc;

	memset(got, 0, PAGES);
	while (__atomic_load_n(&ring[*next % 4096].flags, __ATOMIC_ACQUIRE) & KVM_DIRTY_GFN_F_DIRTY) {
		struct kvm_dirty_gfn *e = &ring[*next % 4096];

		if (e->slot == 1) {
			REQUIRE(l->t, e->offset < PAGES, "dirty ring: page %llu of a slot of %u", e->offset, PAGES);
			REQUIRE(l->t, !got[e->offset], "dirty ring: page %llu is there twice", e->offset);
			got[e->offset] = true;
		}
		__atomic_store_n(&e->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
		(*next)++;
		n++;
	}
	rc = lab_vm_ioctl(l, KVM_RESET_DIRTY_RINGS, 0);
	REQUIRE(l->t, rc == (int)n, "KVM_RESET_DIRTY_RINGS took %d entries, %u were given back", rc, n);
	return 0;
}

int vm_dirty_ring(struct t *t)
{
	struct kvm_dirty_gfn *ring = MAP_FAILED;
	bool pages[PAGES] = { false }, got[PAGES];
	size_t size = 4096 * sizeof(*ring);
	unsigned int i, k, next = 0;
	struct lab l;
	void *host;
	int rc = open_with_slot(&l, t, KVM_MEM_LOG_DIRTY_PAGES, &host, want_ring);

	if (!rc) {
		ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, l.cpu[0].fd,
			    KVM_DIRTY_LOG_PAGE_OFFSET * sysconf(_SC_PAGESIZE));
		if (ring == MAP_FAILED)
			rc = t_fail(t, "mmap of the dirty ring: %s", strerror(errno));
	}
	for (i = 0; !rc && i < 4; i++) {
		pattern(pages, i);
		if (TOUCH(&l, code_write, SLOT1, pages, PAGES) || reap_ring(&l, ring, &next, got))
			rc = -1;
		for (k = 0; !rc && k < PAGES; k++)
			if (pages[k] != got[k])
				rc = t_fail(t, "round %u: page %u was %swritten and is %sin the dirty ring",
					    i, k, pages[k] ? "" : "not ", got[k] ? "" : "not ");
	}
	if (ring != MAP_FAILED)
		munmap(ring, size);
	close_with_slot(&l, host);
	return rc;
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
	int rc = open_with_slot(&l, t, 0, &host, NULL);
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
	close_with_slot(&l, host);
	return rc;
}

/* A write of one byte by the guest: 0 done, 1 came as MMIO, -1 failed. */
static int poke(struct lab *l, uint64_t gpa, bool write)
{
	struct kvm_run *run = l->cpu[0].run;
	uint64_t *list = (uint64_t *)(void *)(l->ram + LIST);
	struct kvm_regs r;
	int rc;

	/* touch() runs to HLT; here the first exit counts */
	list[0] = gpa;
	list[1] = 0;
	lab_code(l, 0x1000, write ? code_write : code_read, sizeof(code_write));
	if (lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	r.rip = 0x1000;
	r.rdi = LIST;
	if (lab_cpu_ioctl(l, 0, KVM_SET_REGS, &r) < 0)
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
	int rc = open_with_slot(&l, t, 0, &host, NULL);
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
	close_with_slot(&l, host);
	return rc;
}

/* The guest sees what the host does to its memory, at once. */
int vm_mmu_notifier(struct t *t)
{
	struct lab l;
	void *host;
	unsigned int i;
	int rc = open_with_slot(&l, t, 0, &host, NULL);
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
	close_with_slot(&l, host);
	return rc;
}
