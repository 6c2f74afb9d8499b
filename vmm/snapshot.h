/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Snapshot: a whole paused VM in a file, and a VM from such a file.
 *
 * File: a header (struct snap_header), the state (records.h), and from a page
 * boundary on the memory regions, with holes where pages are zero. The header
 * is written last: a file without it is no snapshot. The format is this
 * build's own. Host and KVM must have the features that the guest saw
 * (x86_cpuid_load). Disks are not in it.
 */
#ifndef VMM_SNAPSHOT_H
#define VMM_SNAPSHOT_H

#include <stdint.h>

#include "err.h"
#include "dev/device.h"

#define SNAP_MAGIC	"KVM-VMM snapshot"
#define SNAP_MAGIC_LIVE	"KVM-VMM migrates"	/* migrate.h: no file */
#define SNAP_VERSION	5
#define SNAP_STATE_MAX	(4U << 20)	/* bytes of state we read */

struct snap_header {
	char magic[16];
	uint32_t version;
	uint32_t cpus;
	uint32_t irqchip;
	uint32_t flat;		/* it was a --flat guest: has port 0x10 */
	uint32_t nregions;
	uint32_t state_len;
	struct {
		uint64_t gpa, size, offset;
	} region[MEM_REGIONS_MAX];
	uint64_t sum;		/* of all the file; of the header itself with 0 here */
};

/* A snapshot that was opened: header and state, both checked. */
struct snapshot {
	int fd;
	struct snap_header h;
	struct records state;
};

/* snap_zero - is a page all zeroes? */
bool snap_zero(const uint8_t *page);

/*
 * snap_sum - go on with checksum @h: FNV-1a by words of 64 bits, the last one padded
 *
 * Any change of one word changes the sum. It is no signature.
 */
uint64_t snap_sum(uint64_t h, const void *p, uint64_t len);
#define SNAP_SUM_0	0xcbf29ce484222325ULL

/* What is done with the state: @h and @r are complete, memory is @vm's. */
typedef int (*snap_fn)(void *ctx, struct vm *vm, struct snap_header *h,
		       const struct records *r, struct err *e);

/*
 * snapshot_take - give the state of @vm, whose vCPUs are paused, to @use
 * @name: of where it goes, for messages
 *
 * No device does anything meanwhile. So @use ends the run if its success is the
 * end of this VM: a request served later would be served again by the other one.
 */
int snapshot_take(struct vm *vm, struct devices *d, const char *name, snap_fn use,
		  void *ctx, struct err *e);

/* snapshot_write - to @fd; after a failure the file is empty */
int snapshot_write(const struct mem *mem, int fd, struct snap_header *h,
		   const struct records *r, struct err *e);

/*
 * snapshot_open - read and check header and state, and the checksum of all
 * snapshot_open_fd - the same of a descriptor, without the checksum
 * snapshot_sum - what the checksum should be, or -errno
 *
 * -EBADMSG if it is no snapshot, of another version, truncated, or lying.
 */
int snapshot_open(struct snapshot *s, const char *path, struct err *e);
int snapshot_sum(const struct snapshot *s, uint64_t *sum);
int snapshot_open_fd(struct snapshot *s, int fd, const char *name,
		     struct err *e);
void snapshot_close(struct snapshot *s);

/* snapshot_check - is @s->h a header that begins with @magic, of a file of @size? */
int snapshot_check(const struct snapshot *s, const char *magic, uint64_t size, struct err *e);

/* snapshot_memory - vm_config.add_memory: map the file's memory, privately */
int snapshot_memory(struct mem *m, void *snapshot, struct err *e);

/* snapshot_restore - give @vm and @d, made with the same devices, their state back */
int snapshot_restore(struct vm *vm, struct devices *d, const struct snapshot *s,
		     struct err *e);

#endif
