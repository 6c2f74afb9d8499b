/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Snapshot: a whole paused VM in a file, and a VM from such a file.
 *
 * File: one page of header (struct snap_header), the state (records of type,
 * index, length, bytes), and from a page boundary on the memory regions, with
 * holes where pages are zero. The header is written last: a file without it is
 * no snapshot. The format is this build's own, for this host's CPU; not for
 * migration. Disks are not in it.
 */
#ifndef VMM_SNAPSHOT_H
#define VMM_SNAPSHOT_H

#include <stdint.h>

#include "err.h"
#include "memory.h"
#include "vm.h"

struct machine;

#define SNAP_MAGIC	"KVM-VMM snapshot"
#define SNAP_VERSION	2
#define SNAP_STATE_MAX	(4U << 20)	/* bytes of state we read */

struct snap_header {
	char magic[16];
	uint32_t version;
	uint32_t cpus;
	uint32_t irqchip;
	uint32_t nvirtio;
	uint32_t nregions;
	uint32_t state_len;
	uint32_t flat;		/* it was a --flat guest: has port 0x10 */
	uint32_t reserved;
	struct {
		uint64_t gpa, size, offset;
	} region[MEM_REGIONS_MAX];
};

/* A record of the state; its bytes follow. */
struct snap_record {
	uint32_t type;
	uint32_t index;		/* of vCPU, chip, device */
	uint32_t len;
};

/* A snapshot that was opened: header and state, both checked. */
struct snapshot {
	int fd;
	const char *name;
	struct snap_header h;
	uint8_t *state;
};

/*
 * snapshot_save - write @m, whose vCPUs are paused, to @fd
 * @name: for messages
 */
int snapshot_save(struct machine *m, int fd, const char *name, struct err *e);

/*
 * snapshot_open - read and check header and state
 *
 * -EBADMSG if it is no snapshot, of another version, truncated, or lying.
 */
int snapshot_open(struct snapshot *s, const char *path, struct err *e);
int snapshot_open_fd(struct snapshot *s, int fd, const char *name,
		     struct err *e);
void snapshot_close(struct snapshot *s);

/* snapshot_memory - vm_config.add_memory: map the file's memory, privately */
int snapshot_memory(struct mem *m, void *snapshot, struct err *e);

/* snapshot_restore - give @m, made with the same devices, its state back */
int snapshot_restore(struct machine *m, const struct snapshot *s,
		     struct err *e);

/* snapshot_devices - the devices' part of it, which needs no KVM */
int snapshot_devices(struct machine *m, const struct snapshot *s,
		     struct err *e);

/* ---- between snapshot.c and its parts ---- */

enum snap_type {
	SNAP_REGS = 1, SNAP_SREGS, SNAP_XSAVE, SNAP_XCRS, SNAP_DEBUG,
	SNAP_EVENTS, SNAP_MP, SNAP_LAPIC, SNAP_MSRS, SNAP_IRQCHIP, SNAP_PIT,
	SNAP_CLOCK, SNAP_SERIAL, SNAP_PC, SNAP_VIRTIO, SNAP_PCI,
};

struct snap_blob {
	uint8_t *p;
	uint32_t n, size;
	int rc;			/* -ENOMEM, or 0 */
};

/* snap_put - add a record; failure is remembered in @b->rc */
void snap_put(struct snap_blob *b, uint32_t type, uint32_t index,
	      const void *data, uint32_t len);

/*
 * snap_find - the bytes of record @type, @index, and their number
 *
 * NULL if there is none. The records' bounds were checked by snapshot_open.
 */
const void *snap_find(const struct snapshot *s, uint32_t type, uint32_t index,
		      uint32_t *len);

/* snap_get - a record of exactly @len bytes, copied; -EBADMSG otherwise */
int snap_get(const struct snapshot *s, uint32_t type, uint32_t index,
	     void *data, uint32_t len, struct err *e);

void snap_save_cpu(struct vcpu *v, struct snap_blob *b);
void snap_save_chips(struct vm *vm, struct snap_blob *b);
void snap_save_devices(struct machine *m, struct snap_blob *b);
int snap_load_cpu(struct vcpu *v, const struct snapshot *s, struct err *e);
int snap_load_chips(struct vm *vm, const struct snapshot *s, struct err *e);

#endif
