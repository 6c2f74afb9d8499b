// SPDX-License-Identifier: GPL-2.0-only
/* vm: the dirty log and the dirty ring, by which live migration tracks writes. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define REPORT_PLACE 90
#include "lab/slot.h"
#include "vm/vm.h"

/* mov $0x600, %dx; mov (%rdi), %rdi; insb; hlt */
static const uint8_t code_ins[] = { 0x66, 0xba, 0x00, 0x06, 0x48, 0x8b, 0x3f, 0x6c, 0xf4 };

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
	REQUIRE(l->t, !missed, "%s: %u written pages are missing from the dirty log, the first is page %u: live migration would corrupt guests",
		when, missed, first);
	REQUIRE(l->t, !extra, "%s: the dirty log has %u pages that were not written, the first is page %u",
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

/* Turn logging on, off and on for pages that are already mapped. */
static int log_started(struct lab *l, void *host)
{
	uint64_t bits[PAGES / 64];
	bool pages[PAGES] = { false };
	unsigned int i;

	for (i = 0; i < 2; i++) {
		pattern(pages, 0);
		REQUIRE(l->t, !lab_slot(l, 1, 0, SLOT1, PAGES * PG, host), "turning dirty logging off was refused");
		if (TOUCH(l, slot_write, pages))
			return -1;
		REQUIRE(l->t, !lab_slot(l, 1, KVM_MEM_LOG_DIRTY_PAGES, SLOT1, PAGES * PG, host),
			"turning dirty logging on was refused");
		pattern(pages, 1);
		if (TOUCH(l, slot_write, pages) || get_log(l, bits) ||
		    compare_log(l, bits, pages, "after logging was turned on for mapped pages"))
			return -1;
	}
	return 0;
}

SLOT_CHECK(vm, dirty_log, KVM_MEM_LOG_DIRTY_PAGES, NULL, "the dirty log has exactly the pages that were written",
	   ADVICE_MEM, NEED_KVM | NEED_HW)
{
	uint64_t bits[PAGES / 64];
	bool pages[PAGES] = { false };
	unsigned int i;

	for (i = 0; i < 6; i++) {
		pattern(pages, i);
		/* The log has the pages written; read again, it is empty; and reads add nothing. */
		if (TOUCH(l, slot_write, pages) || get_log(l, bits) || compare_log(l, bits, pages, "after writes") ||
		    get_log(l, bits) || compare_log(l, bits, none, "after nothing") ||
		    TOUCH(l, slot_read, pages) || get_log(l, bits) || compare_log(l, bits, none, "after reads"))
			return -1;
	}
	return log_started(l, host);
}

/*
 * Let KVM write to page @n of slot 1, whose address is given to it by an MSR. If
 * KVM does not have that MSR here, there is nothing to check.
 */
static int written_by_msr(struct lab *l, uint32_t msr, unsigned int n, const char *when)
{
	uint64_t bits[PAGES / 64], at = (SLOT1 + n * PG) | 1;
	bool pages[PAGES] = { false };

	if (lab_msr(l, KVM_SET_MSRS, msr, &at) != 1)
		return 0;
	pages[n] = true;
	return TOUCH(l, slot_read, none) || get_log(l, bits) || compare_log(l, bits, pages, when);
}

/* KVM writes pages itself: for an emulated string input, and for its clocks. */
SLOT_CHECK(vm, dirty_log_by_kvm, KVM_MEM_LOG_DIRTY_PAGES, NULL, "the dirty log has the pages that KVM writes itself",
	   ADVICE_MEM, NEED_KVM | NEED_HW)
{
	uint64_t bits[PAGES / 64], off = 0;
	bool pages[PAGES] = { [5] = true };

	if (TOUCH(l, code_ins, pages) || get_log(l, bits) ||
	    compare_log(l, bits, pages, "after INS, which KVM carries out"))
		return -1;
	REQUIRE(l->t, host[5 * PG + (size_t)5 * 64] == 0x5a, "INS did not store what it read from the port");
	/* One at a time: any KVM_RUN may write to a page that is still enabled. */
	return written_by_msr(l, 0x4b564d01, 9, "after KVM wrote its clock page") ||
		lab_msr(l, KVM_SET_MSRS, 0x4b564d01, &off) < 0 ||
		written_by_msr(l, 0x4b564d03, 11, "after KVM wrote its record of steal time") ? -1 : 0;
}

static int want_manual(struct lab *l)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = { 1 } };

	if (lab_cap(l, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2) <= 0)
		return t_skip(l->t, "KVM has no KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2");
	return lab_vm_ioctl(l, KVM_ENABLE_CAP, &c) < 0 ? -1 : 0;
}

/* GET must not clear anything; CLEAR must clear exactly the range and bits it is given. */
SLOT_CHECK(vm, dirty_log_clear, KVM_MEM_LOG_DIRTY_PAGES, want_manual, "KVM_CLEAR_DIRTY_LOG clears exactly what it is given",
	   ADVICE_MEM, NEED_KVM | NEED_HW)
{
	uint64_t bits[PAGES / 64], clear[1] = { 0xff00ff00ff00ff00ull };
	struct kvm_clear_dirty_log c = { .slot = 1, .num_pages = 64, .first_page = 64,
		.dirty_bitmap = clear };
	bool pages[PAGES] = { false }, rest[PAGES] = { false };
	unsigned int i;

	(void)host;
	pattern(pages, 0);
	if (TOUCH(l, slot_write, pages) || get_log(l, bits) || compare_log(l, bits, pages, "after writes") ||
	    get_log(l, bits) || compare_log(l, bits, pages, "read again before KVM_CLEAR_DIRTY_LOG") ||
	    lab_vm_ioctl(l, KVM_CLEAR_DIRTY_LOG, &c) < 0)
		return -1;
	for (i = 0; i < PAGES; i++)
		rest[i] = pages[i] && !(i >= 64 && i < 128 && clear[0] >> (i - 64) & 1);
	if (get_log(l, bits) || compare_log(l, bits, rest, "after KVM_CLEAR_DIRTY_LOG of some pages"))
		return -1;
	/* Writes to cleared pages must be logged again. */
	return TOUCH(l, slot_write, pages) || get_log(l, bits) ||
		compare_log(l, bits, pages, "after cleared pages were written again") ? -1 : 0;
}

static int want_all_set(struct lab *l)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = { 3 } };

	if (!(lab_cap(l, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2) & 2))
		return t_skip(l->t, "KVM has no KVM_DIRTY_LOG_INITIALLY_SET (5.7)");
	return lab_vm_ioctl(l, KVM_ENABLE_CAP, &c) < 0 ? -1 : 0;
}

SLOT_CHECK(vm, dirty_log_all, KVM_MEM_LOG_DIRTY_PAGES, want_all_set, "with KVM_DIRTY_LOG_INITIALLY_SET the log begins with every page",
	   ADVICE_MEM, NEED_KVM | NEED_HW)
{
	uint64_t bits[PAGES / 64];
	bool pages[PAGES];

	(void)host;
	memset(pages, true, sizeof(pages));
	return get_log(l, bits) || compare_log(l, bits, pages, "of a new slot") ? -1 : 0;
}

/*
 * The guest reads a byte from a port to an address that only KVM translates, through
 * tables that the CPU never walks: each table in which KVM sets A must be in the log.
 */
LAB_CHECK(vm, dirty_log_tables, LAB(.ram_flags = KVM_MEM_LOG_DIRTY_PAGES), "the dirty log has the page tables in which KVM sets A and D",
	  ADVICE_MEM, NEED_KVM | NEED_HW)
{
	/* mov $0x50,%edx; movabs $0x8000000000,%rdi; out %al,$0xe1; insb; hlt */
	static const uint8_t code[] = { 0xba, 0x50, 0, 0, 0, 0x48, 0xbf, 0, 0, 0, 0, 0x80, 0, 0, 0, 0xe6, 0xe1, 0x6c, 0xf4 };
	static uint64_t bits[UNIT_RAM / 4096 / 64];
	struct kvm_dirty_log log = { .dirty_bitmap = bits };
	uint64_t *pml4 = (void *)(l->ram + 0x10000), *own = (void *)(l->ram + 0x16000);
	unsigned int i;

	if (lab_code_long(l, code, sizeof(code)))
		return -1;
	pml4[1] = 0x16000 | 7;
	own[0] = 0x17000 | 7;
	own[512] = 0x18000 | 7;
	own[1024] = 0x400000 | 7;
	if (lab_step_to(l, KVM_EXIT_IO, "OUT") || lab_vm_ioctl(l, KVM_GET_DIRTY_LOG, &log) < 0 ||
	    lab_step_to(l, KVM_EXIT_IO, "INS") || lab_step_to(l, KVM_EXIT_HLT, "HLT") ||
	    lab_vm_ioctl(l, KVM_GET_DIRTY_LOG, &log) < 0)
		return -1;
	REQUIRE(l->t, pml4[1] & 0x20, "INS left the entry of the top page table 0x%llx, without A", (unsigned long long)pml4[1]);
	REQUIRE(l->t, (own[1024] & 0x60) == 0x60, "INS to a page left its entry 0x%llx, without A and D", (unsigned long long)own[1024]);
	REQUIRE(l->t, bits[0x400 / 64] & 1ull << 0x400 % 64, "the page that INS wrote is not in the dirty log");
	for (i = 0; i < 3; i++) {
		REQUIRE(l->t, own[512 * i] & 0x20, "INS left an entry of a page table 0x%llx, without A", (unsigned long long)own[512 * i]);
		REQUIRE(l->t, bits[0] & 1ull << (0x16 + i), "a page table in which KVM set A for INS is not in the dirty log (level %u)", 3 - i);
	}
	return 0;
}

static int want_ring_of(struct lab *l, unsigned int entries)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_DIRTY_LOG_RING, .args = { entries * sizeof(struct kvm_dirty_gfn) } };
	int max = lab_cap(l, KVM_CAP_DIRTY_LOG_RING);

	if (max <= 0)
		return t_skip(l->t, "KVM has no dirty ring");
	if ((uint64_t)max < c.args[0])
		c.args[0] = (uint64_t)max;
	return lab_vm_ioctl(l, KVM_ENABLE_CAP, &c) < 0 ? -1 : 0;
}

static int want_ring(struct lab *l)
{
	return want_ring_of(l, 4096);
}

static struct kvm_dirty_gfn *map_ring(struct lab *l, unsigned int entries)
{
	void *p = mmap(NULL, entries * sizeof(struct kvm_dirty_gfn), PROT_READ | PROT_WRITE, MAP_SHARED,
		       l->cpu[0].fd, KVM_DIRTY_LOG_PAGE_OFFSET * sysconf(_SC_PAGESIZE));

	if (p == MAP_FAILED)
		t_fail(l->t, "mmap of the dirty ring: %s", strerror(errno));
	return p;
}

/* Collect the ring's entries: no page of slot 1 may be there twice. */
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
			REQUIRE(l->t, !got[e->offset], "dirty ring: page %llu is in it twice", e->offset);
			got[e->offset] = true;
		}
		__atomic_store_n(&e->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
		(*next)++;
		n++;
	}
	rc = lab_vm_ioctl(l, KVM_RESET_DIRTY_RINGS, 0);
	REQUIRE(l->t, rc == (int)n, "KVM_RESET_DIRTY_RINGS reset %d entries, but %u were given back", rc, n);
	return 0;
}

/* Entries whose pages go down must be reset as well as those whose pages go up. */
static int ring_downwards(struct lab *l, struct kvm_dirty_gfn *ring, unsigned int *next)
{
	bool pages[PAGES] = { false }, got[PAGES];
	unsigned int k;

	for (k = 40; k > 30; k--) {
		pages[k] = true;
		if (TOUCH(l, slot_write, pages))
			return -1;
		pages[k] = false;
	}
	for (k = 31; k <= 40; k++)
		pages[k] = true;
	if (reap_ring(l, ring, next, got) || TOUCH(l, slot_write, pages) || reap_ring(l, ring, next, got))
		return -1;
	for (k = 31; k <= 40; k++)
		REQUIRE(l->t, got[k], "page %u was written, collected after the one above it, and written again, but is not in the dirty ring", k);
	return 0;
}

CHECK(vm, dirty_ring, "the dirty ring has exactly the pages that were written",
      ADVICE_MEM, NEED_KVM | NEED_HW)
{
	struct kvm_dirty_gfn *ring = MAP_FAILED;
	bool pages[PAGES] = { false }, got[PAGES];
	size_t size = 4096 * sizeof(*ring);
	unsigned int i, k, next = 0;
	struct lab l;
	void *host;
	int rc = slot_open(&l, t, KVM_MEM_LOG_DIRTY_PAGES, &host, want_ring);

	if (!rc) {
		ring = map_ring(&l, 4096);
		rc = ring == MAP_FAILED ? -1 : 0;
	}
	for (i = 0; !rc && i < 4; i++) {
		pattern(pages, i);
		if (TOUCH(&l, slot_write, pages) || reap_ring(&l, ring, &next, got))
			rc = -1;
		for (k = 0; !rc && k < PAGES; k++)
			if (pages[k] != got[k])
				rc = t_fail(t, "round %u: page %u was %swritten but is %sin the dirty ring",
					    i, k, pages[k] ? "" : "not ", got[k] ? "" : "not ");
	}
	if (!rc)
		rc = ring_downwards(&l, ring, &next);
	if (ring != MAP_FAILED)
		munmap(ring, size);
	slot_close(&l, host);
	return rc;
}

/* The smallest ring that KVM accepts where VMX reserves 512 entries. */
#define SMALL_RING	1024u

static int want_small_ring(struct lab *l)
{
	return want_ring_of(l, SMALL_RING);
}

/*
 * Write to @pages pages of RAM, and collect the ring's entries whenever KVM says that
 * it is full. KVM must say so while there is room for what one more exit may write,
 * or entries are lost.
 */
static int fill_ring(struct lab *l, struct kvm_dirty_gfn *ring, uint8_t *got, unsigned int pages)
{
	/* rdi: start; 1: mov %al,(%rdi); add $4096,%rdi; dec %ecx; jnz 1b; hlt */
	static const uint8_t code[] = {
		0x88, 0x07, 0x48, 0x81, 0xc7, 0, 0x10, 0, 0, 0xff, 0xc9, 0x75, 0xf3, 0xf4,
	};
	struct kvm_run *run = l->cpu[0].run;
	unsigned int next = 0, n, full = 0;
	struct kvm_regs r;

	if (lab_code_long(l, code, sizeof(code)) || lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	r.rdi = UNIT_SCRATCH;
	r.rcx = pages;
	if (lab_cpu_ioctl(l, 0, KVM_SET_REGS, &r) < 0)
		return -1;
	do {
		if (lab_next(l))
			return -1;
		for (n = 0; n < SMALL_RING && ring[next % SMALL_RING].flags & KVM_DIRTY_GFN_F_DIRTY; n++, next++) {
			struct kvm_dirty_gfn *e = &ring[next % SMALL_RING];

			if (e->slot == 0 && e->offset >= UNIT_SCRATCH / PG && e->offset < UNIT_SCRATCH / PG + pages)
				got[e->offset - UNIT_SCRATCH / PG] = 1;
			__atomic_store_n(&e->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
		}
		full += run->exit_reason == KVM_EXIT_DIRTY_RING_FULL;
		REQUIRE(l->t, n < SMALL_RING, "KVM let the dirty ring fill up: %u of %u entries", n, SMALL_RING);
		REQUIRE(l->t, n || run->exit_reason == KVM_EXIT_HLT, "%s, but the dirty ring is empty",
			exit_name(run->exit_reason));
		if (lab_vm_ioctl(l, KVM_RESET_DIRTY_RINGS, 0) < 0)
			return -1;
	} while (run->exit_reason == KVM_EXIT_DIRTY_RING_FULL);
	if (run->exit_reason != KVM_EXIT_HLT)
		return lab_odd_exit(l, 0);
	REQUIRE(l->t, full, "%u pages were written, but KVM never said that the ring of %u entries is full", pages, SMALL_RING);
	for (n = 0; n < pages; n++)
		REQUIRE(l->t, got[n], "page %u of %u was written, but never in the dirty ring", n, pages);
	return 0;
}

#define RING_PAGES	(SMALL_RING + SMALL_RING / 4)

CHECK(vm, dirty_ring_full, "KVM says in time that the dirty ring is full, and loses nothing",
      ADVICE_MEM, NEED_KVM | NEED_HW)
{
	struct kvm_dirty_gfn *ring = MAP_FAILED;
	uint8_t got[RING_PAGES] = { 0 };
	struct lab l;
	int rc = lab_open(&l, t, LAB(.ram_flags = KVM_MEM_LOG_DIRTY_PAGES, .pre = want_small_ring));

	if (!rc) {
		ring = map_ring(&l, SMALL_RING);
		rc = ring == MAP_FAILED ? -1 : fill_ring(&l, ring, got, RING_PAGES);
	}
	if (ring != MAP_FAILED)
		munmap(ring, SMALL_RING * sizeof(*ring));
	lab_close(&l);
	return rc;
}
