/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Live migration: a VM goes to another kvm-vmm through a UNIX socket.
 *
 * Stream: a struct snap_header (SNAP_MAGIC_LIVE), then frames: an address and
 * pages, sent while the guest runs, and once more what it wrote meanwhile; at the
 * end, of the paused VM, the rest, the state (records.h) and a checksum over all.
 * Then the target says that it is ready, the source that it gave the VM up, the
 * target that the guest runs. Before the second word the source can go on; after
 * it never does, so that there are never two.
 */
#ifndef VMM_MIGRATE_H
#define VMM_MIGRATE_H

#include "snapshot.h"

/* The source. Zeroed; free with migrate_end() */
struct migrate {
	struct vm *vm;
	struct devices *dev;
	int fd;
	const char *name;	/* of the socket */
	uint64_t paused_us;	/* set by the caller: when the vCPUs were asked to pause */
	/* Its own */
	uint64_t sum;
	unsigned int region, round;	/* where in vm->dirty it is */
	uint64_t page;
	uint64_t began_us, sent, total;	/* of this round, pages of it, of all */
	uint8_t *buf;
};

/* migrate_begin - log what is written, send the header */
int migrate_begin(struct migrate *m, struct err *e);

/*
 * migrate_step - send the next part of memory, while the guest runs
 *
 * 1: call it again; 0: what is left is little, or will not get less: pause the
 * vCPUs and call snapshot_take() with migrate_finish.
 */
int migrate_step(struct migrate *m, struct err *e);

/* migrate_finish - a snap_fn: send the rest, hand over, end the run */
int migrate_finish(void *migrate, struct vm *vm, struct snap_header *h,
		   const struct records *r, struct err *e);

/* migrate_end - close the socket; the VM is as it was before */
void migrate_end(struct migrate *m);

/*
 * migrate_accept - wait for a source at a new socket @path and read its header
 * migrate_open_fd - read it from @fd
 */
int migrate_accept(struct snapshot *s, const char *path, struct err *e);
int migrate_open_fd(struct snapshot *s, int fd, const char *name, struct err *e);

/* migrate_memory - vm_config.add_memory */
int migrate_memory(struct mem *m, void *snapshot, struct err *e);

/* migrate_receive - fill memory; then @s->state is all, checked */
int migrate_receive(struct snapshot *s, const struct mem *m, struct err *e);

/*
 * migrate_ready - tell the source, and wait until it gave the VM up
 * migrate_running - tell it that the guest runs
 */
int migrate_ready(const struct snapshot *s, struct err *e);
void migrate_running(const struct snapshot *s);

#endif
