// SPDX-License-Identifier: GPL-2.0-only
#include "memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "io.h"

#define HUGE_PAGE	(2ULL << 20)
/* Below this, zeroing whole huge pages costs more than their faults save. */
#define HUGE_MIN	(64ULL << 20)

static int check_region(const struct mem *m, uint64_t gpa, uint64_t size, struct err *e)
{
	unsigned int i;

	if (!size || size % MEM_PAGE || gpa % MEM_PAGE || gpa + size < gpa ||
	    size > MEM_MIB_MAX << 20)
		return err_set(e, -EINVAL,
			       "memory of %#lx bytes at %#lx: both must be multiples of %lu, the size from that to %lu MiB",
			       size, gpa, MEM_PAGE, MEM_MIB_MAX);
	if (m->n == MEM_REGIONS_MAX)
		return err_set(e, -ENOSPC, "more than %d memory regions", MEM_REGIONS_MAX);
	for (i = 0; i < m->n; i++)
		if (mem_overlaps(gpa, size, m->r[i].gpa, m->r[i].size))
			return err_set(e, -EINVAL, "memory at %#lx overlaps the region at %#lx",
				       gpa, m->r[i].gpa);
	return 0;
}

/* Address space aligned to a huge page, so that KVM can map huge pages. */
static uint8_t *map_aligned(uint64_t size)
{
	uint64_t want = size + HUGE_PAGE;
	uint64_t skip;
	uint8_t *p, *q;

	if (size < HUGE_MIN)
		want = size;
	p = mmap(NULL, want, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED || want == size)
		return p == MAP_FAILED ? NULL : p;
	skip = -(uintptr_t)p % HUGE_PAGE;
	q = p + skip;
	if (skip)
		munmap(p, skip);
	if (skip < HUGE_PAGE)
		munmap(q + size, HUGE_PAGE - skip);
	madvise(q, size, MADV_HUGEPAGE);	/* a wish, not a need */
	return q;
}

/* Reserved here and now: what the pool lacks is an error, and no SIGBUS later. */
static uint8_t *map_huge(uint64_t size)
{
	const int huge = MAP_HUGETLB | 21 << MAP_HUGE_SHIFT;	/* log2 of 2 MiB */
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | huge, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int add_region(struct mem *m, uint64_t gpa, uint64_t size, uint8_t *p)
{
	/* A core dump of ours is not the place for the guest's secrets. */
	madvise(p, size, MADV_DONTDUMP);
	m->r[m->n++] = (struct mem_region){ gpa, size, p };
	return 0;
}

int mem_add(struct mem *m, uint64_t gpa, uint64_t size, struct err *e)
{
	int rc = check_region(m, gpa, size, e);
	uint8_t *p = rc ? NULL : m->huge ? map_huge(size) : map_aligned(size);

	if (!rc && !p && m->huge)
		rc = err_set(e, -ENOMEM, "no %lu huge pages of 2 MiB (%m): see HugePages_Free in /proc/meminfo, and raise /proc/sys/vm/nr_hugepages",
			     (unsigned long)((size + HUGE_PAGE - 1) / HUGE_PAGE));
	else if (!rc && !p)
		rc = err_set(e, -ENOMEM, "the host gives no %lu MiB of memory for the guest: %m",
			     size >> 20);
	return rc ? rc : add_region(m, gpa, size, p);
}

int mem_add_file(struct mem *m, uint64_t gpa, uint64_t size, int fd, uint64_t offset, struct err *e)
{
	int rc = check_region(m, gpa, size, e);
	void *p = rc ? NULL : mmap(NULL, size, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_NORESERVE, fd, (off_t)offset);

	if (p == MAP_FAILED)
		rc = err_set(e, -errno, "cannot map guest memory from the file: %m");
	return rc ? rc : add_region(m, gpa, size, p);
}

int mem_add_ram(struct mem *m, uint64_t size, struct err *e)
{
	uint64_t low = size < MEM_LOW_MAX ? size : MEM_LOW_MAX;
	int rc = mem_add(m, 0, low, e);

	if (!rc && size > low)
		rc = mem_add(m, MEM_HIGH_BASE, size - low, e);
	return rc;
}

void mem_free(struct mem *m)
{
	mem_log(m, false, NULL);
	while (m->n) {
		struct mem_region *r = &m->r[--m->n];

		munmap(r->host, r->size);
	}
}

static const struct mem_region *region(const struct mem *m, uint64_t gpa)
{
	unsigned int i;

	for (i = 0; i < m->n; i++)
		if (gpa >= m->r[i].gpa && gpa - m->r[i].gpa < m->r[i].size)
			return &m->r[i];
	return NULL;
}

uint64_t mem_span(const struct mem *m, uint64_t gpa)
{
	const struct mem_region *r = region(m, gpa);

	return r ? r->size - (gpa - r->gpa) : 0;
}

void *mem_at(const struct mem *m, uint64_t gpa, uint64_t len)
{
	const struct mem_region *r = region(m, gpa);

	return r && len <= r->size - (gpa - r->gpa) ? r->host + (gpa - r->gpa) : NULL;
}

int mem_log(struct mem *m, bool on, struct err *e)
{
	unsigned int i;

	for (i = 0; i < m->n; i++) {
		free(m->log[i]);
		m->log[i] = on ? calloc(m->r[i].size / MEM_PAGE / 64 + 1, 8) : NULL;
		if (on && !m->log[i])
			return err_set(e, -ENOMEM, "no memory for dirty bitmaps");
	}
	return 0;
}

static void mark_pages(uint64_t *log, uint64_t from, uint64_t to)
{
	uint64_t next, bits;

	for (; from < to; from = next) {
		next = (from | 63) + 1;
		bits = ~0ULL << from % 64;
		if (next > to)
			bits &= ~0ULL >> (next - to);
		__atomic_fetch_or(&log[from / 64], bits, __ATOMIC_RELAXED);
	}
}

void mem_mark(const struct mem *m, const void *p, uint64_t len)
{
	const uint8_t *h = p;
	unsigned int i;

	for (i = 0; i < m->n && m->log[i]; i++) {
		const struct mem_region *r = &m->r[i];

		if (len && h >= r->host && h < r->host + r->size)
			mark_pages(m->log[i], (uint64_t)(h - r->host) / MEM_PAGE,
				   ((uint64_t)(h - r->host) + len - 1) / MEM_PAGE + 1);
	}
}

/* All of [gpa, gpa + len) in memory, be it in several regions? */
static bool covered(const struct mem *m, uint64_t gpa, uint64_t len)
{
	uint64_t span;

	while ((span = mem_span(m, gpa)) && span < len) {
		gpa += span;
		len -= span;
	}
	return span || !len;
}

/* Copy between guest memory and @buf, which may be in several regions. */
static int copy(const struct mem *m, uint64_t gpa, uint8_t *buf, uint64_t len, bool to_guest)
{
	if (!covered(m, gpa, len))
		return -EFAULT;
	while (len) {
		uint64_t span = mem_span(m, gpa);
		uint64_t n = span < len ? span : len;
		void *p = mem_at(m, gpa, n);

		memcpy(to_guest ? p : buf, to_guest ? buf : p, n);
		buf += n;
		gpa += n;
		len -= n;
	}
	return 0;
}

int mem_read(const struct mem *m, uint64_t gpa, void *buf, uint64_t len)
{
	return copy(m, gpa, buf, len, false);
}

int mem_write(const struct mem *m, uint64_t gpa, const void *buf, uint64_t len)
{
	return copy(m, gpa, (uint8_t *)buf, len, true);
}

int mem_load(const struct mem *m, uint64_t gpa, int fd, uint64_t off,
	     uint64_t len, const char *name, struct err *e)
{
	uint8_t *p = mem_at(m, gpa, len);
	uint64_t done;

	if (!p)
		return err_set(e, -EFAULT,
			"%s: %lu bytes do not fit into guest memory at %#lx: give it more (--mem) or load it elsewhere",
			name, len, gpa);
	done = io_read(fd, p, len, off);
	if (done == len)
		return 0;
	if (errno)
		return err_set(e, -errno, "%s: read at offset %lu: %m", name, off + done);
	return err_set(e, -ENODATA,
		"%s: truncated: ends at offset %lu, expected %lu bytes from offset %lu",
		name, off + done, len, off);
}
