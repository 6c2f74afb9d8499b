/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Split virtqueues, the device's side. Source: Virtual I/O Device 1.2, 2.7.
 *
 * The rings are in the guest's memory and the guest may write anything there
 * at any time: what is read is copied, then checked, then used. Work per
 * chain is bounded by VIRTQ_IOV.
 */
#ifndef VMM_VIRTQ_H
#define VMM_VIRTQ_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "memory.h"

#define VIRTQ_SIZE_MAX	256
#define VIRTQ_IOV	130	/* buffers of a chain at most: 128 and two */

/* What a snapshot keeps. */
struct virtq_regs {
	uint64_t desc_gpa, avail_gpa, used_gpa;
	uint16_t size;		/* entries; set by the driver, a power of 2 */
	uint16_t next_avail;	/* next entry of avail we look at */
	uint16_t next_used;	/* next entry of used we write */
	uint16_t signalled;	/* next_used when we last looked for a signal */
	uint8_t ready;
	uint8_t broken;		/* the driver broke the rules: until reset */
};

struct virtq {
	const struct mem *mem;
	struct virtq_regs r;
	bool event_idx;		/* VIRTIO_F_EVENT_IDX was negotiated */
	uint8_t *desc, *avail, *used;	/* where these are, once enabled */
	uint64_t done;		/* of the next request, which was begun (virtq_chain) */
};

/* A request. Buffers that the device reads come first, then those it writes. */
struct virtq_chain {
	unsigned int q;		/* set by the core: the number of its queue */
	uint16_t head;
	unsigned int nout, nin;
	struct iovec iov[VIRTQ_IOV];	/* nout, then nin */
	uint64_t out_len, in_len;	/* bytes */
	uint64_t done;		/* of the request, in earlier turns; the device counts it */
	bool again;		/* set by the device: the rest comes in another turn */
};

/* virtq_enable - check sizes and addresses; -EINVAL if the rings are no good */
int virtq_enable(struct virtq *q);

/* virtq_reset - back to where the driver finds it first */
void virtq_reset(struct virtq *q, const struct mem *m);

/*
 * virtq_pop - next request
 *
 * 1: @c is one; 0: there is none; -EINVAL: the driver broke the rules, and
 * the queue is broken until reset.
 */
int virtq_pop(struct virtq *q, struct virtq_chain *c);

/* virtq_push - give a request back, @len bytes of it written */
void virtq_push(struct virtq *q, uint16_t head, uint32_t len);

/*
 * virtq_stage, virtq_publish - the same for several requests at once: stage
 * the @k-th, from 0, then publish all @n
 */
void virtq_stage(struct virtq *q, uint16_t k, uint16_t head, uint32_t len);
void virtq_publish(struct virtq *q, uint16_t n);

/* virtq_has - would virtq_pop find something? */
bool virtq_has(const struct virtq *q);

/* virtq_unpop - the last virtq_pop did not happen (no room for its data yet) */
void virtq_unpop(struct virtq *q);

/* virtq_signal - must the driver be told of what was pushed? */
bool virtq_signal(struct virtq *q);

/*
 * virtq_more - after popping all: arm the doorbell, then true if a request
 * came meanwhile (pop on), false if the doorbell will ring
 */
bool virtq_more(struct virtq *q);

/*
 * virtq_slice - bytes [@off, @off + @len) of @n buffers as buffers
 * @to: room for VIRTQ_IOV; returns how many it holds
 */
unsigned int virtq_slice(const struct iovec *v, unsigned int n, uint64_t off,
			 uint64_t len, struct iovec *to);

/* virtq_read, virtq_write - copy from, to the buffers; returns bytes copied */
uint64_t virtq_read(const struct virtq_chain *c, uint64_t off, void *buf,
		    uint64_t len);
uint64_t virtq_write(const struct virtq_chain *c, uint64_t off,
		     const void *buf, uint64_t len);

#endif
