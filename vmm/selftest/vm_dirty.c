// SPDX-License-Identifier: GPL-2.0
/* vm: the dirty log and the dirty ring: live migration's account of writes. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmslot.h"

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
	int rc = slot_open(&l, t, KVM_MEM_LOG_DIRTY_PAGES, &host, NULL);

	for (i = 0; !rc && i < 6; i++) {
		pattern(pages, i);
		/* What was written; then nothing new; and reads are nothing new either. */
		if (TOUCH(&l, slot_write, pages) || get_log(&l, bits) ||
		    compare_log(&l, bits, pages, "after writes") ||
		    get_log(&l, bits) || compare_log(&l, bits, none, "after nothing") ||
		    TOUCH(&l, slot_read, pages) || get_log(&l, bits) ||
		    compare_log(&l, bits, none, "after reads"))
			rc = -1;
	}
	slot_close(&l, host);
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
	int rc = slot_open(&l, t, KVM_MEM_LOG_DIRTY_PAGES, &host, NULL);

	if (!rc && (TOUCH(&l, code_ins, pages) || get_log(&l, bits) ||
		    compare_log(&l, bits, pages, "after INS, which KVM carries out")))
		rc = -1;
	if (!rc && ((uint8_t *)host)[5 * PG + (size_t)5 * 64] != 0x5a)
		rc = t_fail(t, "INS did not store what the port gave");
	if (!rc && lab_cap(&l, KVM_CAP_CLOCKSOURCE) > 0) {
		pages[5] = false;
		pages[9] = true;
		if (lab_msr(&l, KVM_SET_MSRS, 0x4b564d01, &clock_page) != 1)
			rc = t_fail(t, "KVM_SET_MSRS of the kvmclock MSR failed");
		else if (TOUCH(&l, slot_read, none) || get_log(&l, bits) ||
			 compare_log(&l, bits, pages, "after KVM wrote its clock page"))
			rc = -1;
	}
	slot_close(&l, host);
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
	int rc = slot_open(&l, t, KVM_MEM_LOG_DIRTY_PAGES, &host, want_manual);

	if (!rc) {
		pattern(pages, 0);
		if (TOUCH(&l, slot_write, pages) || get_log(&l, bits) ||
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
	if (!rc && (TOUCH(&l, slot_write, pages) || get_log(&l, bits) ||
		    compare_log(&l, bits, pages, "after what was cleared was written again")))
		rc = -1;
	slot_close(&l, host);
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
	int rc = slot_open(&l, t, KVM_MEM_LOG_DIRTY_PAGES, &host, want_ring);

	if (!rc) {
		ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, l.cpu[0].fd,
			    KVM_DIRTY_LOG_PAGE_OFFSET * sysconf(_SC_PAGESIZE));
		if (ring == MAP_FAILED)
			rc = t_fail(t, "mmap of the dirty ring: %s", strerror(errno));
	}
	for (i = 0; !rc && i < 4; i++) {
		pattern(pages, i);
		if (TOUCH(&l, slot_write, pages) || reap_ring(&l, ring, &next, got))
			rc = -1;
		for (k = 0; !rc && k < PAGES; k++)
			if (pages[k] != got[k])
				rc = t_fail(t, "round %u: page %u was %swritten and is %sin the dirty ring",
					    i, k, pages[k] ? "" : "not ", got[k] ? "" : "not ");
	}
	if (ring != MAP_FAILED)
		munmap(ring, size);
	slot_close(&l, host);
	return rc;
}
