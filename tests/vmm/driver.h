/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver's side of virtio, for tests and fuzzing: a machine without KVM, rings
 * in guest memory, and a device that is accessed only through its MMIO registers.
 */
#ifndef VMM_DRIVER_H
#define VMM_DRIVER_H

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "dev/virtio_mmio.h"
#include "devices.h"

#define RING(q)		(0x10000ULL + (q) * 0x4000)	/* desc, avail, used */
#define RING_AVAIL	0x1000
#define RING_USED	0x2000
#define BUFS		0x100000ULL
#define QSIZE		8

struct driver {
	struct vm vm;
	struct devices all;
	struct mem *mem;
	struct virtio *v;
	struct virtio_mmio *mmio;
	uint16_t avail[VIRTIO_QUEUES_MAX];
};

/* Attach @v to MMIO without a bus; its doorbells are served by @loop. */
static inline int driver_attach(struct devices *d, struct virtio *v, struct loop *loop,
				struct err *e)
{
	unsigned int q;
	int rc = virtio_mmio_link(v, e);

	(void)d;
	for (q = 0; q < v->ops->nqueues && loop && !rc; q++)
		rc = loop_add(loop, v->kick_fd[q], EPOLLIN | EPOLLET, virtio_kicked, v, e);
	return rc;
}

static const struct virtio_transport driver_transport = {
	.max = VIRTIO_MAX, .attach = driver_attach,
};

/* Create a machine with @ram bytes, whose consoles write to @out. */
static inline int driver_begin(struct driver *d, uint64_t ram, const struct out *out)
{
	memset(d, 0, sizeof(*d));
	d->vm.fd = d->vm.stop_fd = -1;
	d->vm.cfg.irqchip = VM_IRQCHIP_FULL;
	d->mem = &d->vm.mem;
	d->all.vm = &d->vm;
	d->all.out = *out;
	d->all.input_fd = -1;
	d->all.transport = &driver_transport;
	return loop_init(&d->vm.loop, NULL) || mem_add_ram(d->mem, ram, NULL) ? -1 : 0;
}

/* Add the device of --@option @arg and drive it. Parsing modifies @arg. */
static inline int driver_device(struct driver *d, const char *option, char *arg, struct err *e)
{
	const struct device_type *const *t = device_types;
	struct device_arg a = { .text = NULL };
	int rc;

	while (!(*t)->option || strcmp((*t)->option, option))
		t++;
	a.type = *t;
	rc = (*t)->parse && arg ? (*t)->parse(&a, arg, e) : 0;
	if (!rc)
		rc = device_add(&d->all, *t, &a, e);
	if (rc)
		return rc;
	d->v = d->all.virtio[0];
	d->mmio = d->v->link;
	return 0;
}

static inline void driver_end(struct driver *d)
{
	devices_free(&d->all);
	loop_free(&d->vm.loop);
	mem_free(d->mem);
}

static inline void reg_write(struct driver *d, uint32_t off, uint32_t v)
{
	virtio_mmio(d->mmio, off, &v, 4, true);
}

static inline uint32_t reg_read(struct driver *d, uint32_t off)
{
	uint32_t v = 0;

	virtio_mmio(d->mmio, off, &v, 4, false);
	return v;
}

/* Does the device need a reset after an error of its driver (virtio 1.2, 2.1.2)? */
static inline bool device_failed(struct driver *d)
{
	return reg_read(d, 0x70) & VIRTIO_S_NEEDS_RESET;
}

/* Reset, negotiate @features and VERSION_1, set up the queues, set DRIVER_OK. */
static inline void driver_start(struct driver *d, uint64_t features)
{
	unsigned int q;

	features |= VIRTIO_F_VERSION_1;
	memset(d->avail, 0, sizeof(d->avail));
	reg_write(d, 0x70, 0);
	reg_write(d, 0x70, 3);
	reg_write(d, 0x24, 0);
	reg_write(d, 0x20, (uint32_t)features);
	reg_write(d, 0x24, 1);
	reg_write(d, 0x20, (uint32_t)(features >> 32));
	reg_write(d, 0x70, 3 | VIRTIO_S_FEATURES_OK);
	for (q = 0; q < d->v->ops->nqueues; q++) {
		memset(mem_at(d->mem, RING(q), 0x4000), 0, 0x4000);
		reg_write(d, 0x30, q);
		reg_write(d, 0x38, QSIZE);
		reg_write(d, 0x80, (uint32_t)RING(q));
		reg_write(d, 0x84, 0);
		reg_write(d, 0x90, (uint32_t)RING(q) + RING_AVAIL);
		reg_write(d, 0x94, 0);
		reg_write(d, 0xa0, (uint32_t)RING(q) + RING_USED);
		reg_write(d, 0xa4, 0);
		reg_write(d, 0x44, 1);
	}
	reg_write(d, 0x70, 7 | VIRTIO_S_FEATURES_OK);
}

static inline void put_desc(struct driver *d, unsigned int q, unsigned int i,
			    uint64_t addr, uint32_t len, uint16_t flags,
			    uint16_t next)
{
	uint8_t x[16];

	memcpy(x, &addr, 8);
	memcpy(x + 8, &len, 4);
	memcpy(x + 12, &flags, 2);
	memcpy(x + 14, &next, 2);
	mem_write(d->mem, RING(q) + 16ULL * i, x, 16);
}

/* Offer the chain that begins at @head, without a kick. */
static inline void offer(struct driver *d, unsigned int q, uint16_t head)
{
	mem_write(d->mem, RING(q) + RING_AVAIL + 4 + 2ULL * (d->avail[q] % QSIZE),
		  &head, 2);
	d->avail[q]++;
	mem_write(d->mem, RING(q) + RING_AVAIL + 2, &d->avail[q], 2);
}

static inline void kick(struct driver *d, unsigned int q)
{
	if (q < d->v->ops->nqueues)
		virtio_kicked(d->v, d->v->kick_fd[q], 0);
}

static inline uint16_t used_idx(struct driver *d, unsigned int q)
{
	uint16_t v = 0;

	mem_read(d->mem, RING(q) + RING_USED + 2, &v, 2);
	return v;
}

static inline uint32_t used_len(struct driver *d, unsigned int q, unsigned int i)
{
	uint32_t v = 0;

	mem_read(d->mem, RING(q) + RING_USED + 8 + 8ULL * (i % QSIZE), &v, 4);
	return v;
}

#endif
