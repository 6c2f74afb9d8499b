/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest memory: the only code that turns a guest physical address into a
 * pointer. Every access is checked for its whole length.
 */
#ifndef VMM_MEMORY_H
#define VMM_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

#define MEM_REGIONS_MAX	8
#define MEM_PAGE	4096UL
#define MEM_MIB_MAX	(1UL << 20)	/* 1 TiB */
/* RAM ends here at the latest and goes on at 4 GiB; devices lie between. */
#define MEM_LOW_MAX	0xc0000000UL
#define MEM_HIGH_BASE	0x100000000UL

struct mem_region {
	uint64_t gpa;		/* first guest physical address, page aligned */
	uint64_t size;		/* bytes, a multiple of MEM_PAGE */
	uint8_t *host;		/* our mapping of it */
};

/* Region i is KVM memory slot i. */
struct mem {
	struct mem_region r[MEM_REGIONS_MAX];
	unsigned int n;
	bool huge;		/* mem_add() takes pages of 2 MiB, of the host's pool */
	uint64_t *log[MEM_REGIONS_MAX];	/* pages that devices wrote; NULL: nobody asks */
};

/*
 * mem_add - map @size bytes of zeroed anonymous memory at @gpa
 *
 * Fails with -EINVAL on a size or address that is not a page multiple, that
 * wraps, or that overlaps a region, -ENOSPC when the table is full, -ENOMEM
 * when the host will not give the memory. KVM knows nothing of it yet
 * (vm_create and vm_add_memory tell it).
 */
int mem_add(struct mem *m, uint64_t gpa, uint64_t size, struct err *e);

/*
 * mem_add_file - as mem_add(), but a private mapping of @fd from @offset
 *
 * Used by snapshot restore: pages are read as the guest touches them.
 */
int mem_add_file(struct mem *m, uint64_t gpa, uint64_t size, int fd,
		 uint64_t offset, struct err *e);

/* mem_add_ram - @size bytes of RAM from 0, split at MEM_LOW_MAX */
int mem_add_ram(struct mem *m, uint64_t size, struct err *e);

/* mem_free - unmap everything */
void mem_free(struct mem *m);

/*
 * mem_at - pointer to guest memory [@gpa, @gpa + @len)
 *
 * NULL unless all of it lies in one region (or @len is 0 and @gpa inside).
 * The guest can change what is behind the pointer at any time: copy before
 * checking (mem_read).
 */
void *mem_at(const struct mem *m, uint64_t gpa, uint64_t len);

/* mem_span - bytes from @gpa to the end of its region, 0 if in none */
uint64_t mem_span(const struct mem *m, uint64_t gpa);

/* mem_ram_low - bytes of RAM from address 0 up; mem_ram_high - from 4 GiB */
static inline uint64_t mem_ram_low(const struct mem *m)
{
	return mem_span(m, 0);
}

static inline uint64_t mem_ram_high(const struct mem *m)
{
	return mem_span(m, MEM_HIGH_BASE);
}

/*
 * mem_read, mem_write - copy out of, into guest memory
 *
 * May cross regions that touch. -EFAULT (and nothing copied) if any byte is
 * outside.
 */
int mem_read(const struct mem *m, uint64_t gpa, void *buf, uint64_t len);
int mem_write(const struct mem *m, uint64_t gpa, const void *buf, uint64_t len);

/*
 * mem_load - read @len bytes of file @fd from @off to guest memory at @gpa
 * @name: for the message
 *
 * A copy, not a mapping: that would be two faults, the guest's and ours, for
 * each page, and two more for one that is written, where now there are huge
 * pages.
 *
 * -EFAULT: does not fit; -ENODATA: the file ends before; -EIO and others:
 * read(2).
 */
int mem_load(const struct mem *m, uint64_t gpa, int fd, uint64_t off,
	     uint64_t len, const char *name, struct err *e);

/* mem_log - begin or end to log what devices write; they must not be at work */
int mem_log(struct mem *m, bool on, struct err *e);

/*
 * mem_mark - @len bytes at @p, a pointer from mem_at(), are written now: log it
 *
 * KVM logs the guest's writes only.
 */
void mem_mark(const struct mem *m, const void *p, uint64_t len);

/* mem_overlaps - do [a, a+alen) and [b, b+blen) share a byte? wrap-safe */
static inline bool mem_overlaps(uint64_t a, uint64_t alen, uint64_t b,
				uint64_t blen)
{
	return alen && blen && (a < b ? b - a < alen : a - b < blen);
}

#endif
