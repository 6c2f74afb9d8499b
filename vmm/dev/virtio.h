/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtio device apart from what it does: status, features, queues,
 * configuration; and its one transport, MMIO version 2. Source: Virtual I/O
 * Device 1.2, 2.1-2.3, 3.1 and 4.2.
 *
 * A device is a struct virtio_ops and a struct virtio in a structure of its
 * own. It knows nothing of the transport: it pops requests, pushes them back,
 * and calls virtio_signal().
 */
#ifndef VMM_VIRTIO_H
#define VMM_VIRTIO_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dev/virtq.h"
#include "err.h"
#include "loop.h"

struct vm;
struct virtio;

#define VIRTIO_QUEUES_MAX	4

#define VIRTIO_F_INDIRECT	(1ULL << 28)
#define VIRTIO_F_EVENT_IDX	(1ULL << 29)
#define VIRTIO_F_VERSION_1	(1ULL << 32)

#define VIRTIO_S_DRIVER_OK	4
#define VIRTIO_S_FEATURES_OK	8
#define VIRTIO_S_NEEDS_RESET	64

struct virtio_ops {
	const char *name;
	uint32_t id;		/* 1 net, 2 blk, 3 console, 4 rng, 5 balloon, 19 vsock */
	uint64_t features;	/* offered beside the three above */
	unsigned int nqueues;
	/* Queue @q was kicked: serve it. On the device's loop, v->lock held. */
	void (*kick)(struct virtio *v, unsigned int q);
	/* Optional: the driver is ready (features, queues set); lock held. */
	void (*start)(struct virtio *v);
	/* Optional: the driver reset the device; lock held. */
	void (*stop)(struct virtio *v);
	/* Optional: the driver wrote configuration space; lock held. */
	void (*config_written)(struct virtio *v);
};

struct virtio {
	const struct virtio_ops *ops;
	const struct mem *mem;
	pthread_mutex_t lock;
	struct virtq q[VIRTIO_QUEUES_MAX];
	int kick_fd[VIRTIO_QUEUES_MAX];	/* eventfds, rung by the guest */
	int irq_fd;		/* eventfd; a write interrupts the guest */
	void *config;		/* configuration space */
	uint32_t config_len;
	uint32_t config_rw;	/* bytes of it the driver may write, at the end */
	uint64_t offered, features;
	uint32_t status;
	/*
	 * The registers as the guest sees them without an exit, or NULL. Then ISR
	 * is kept there, and its queue bit stays once it is set: the driver's
	 * acknowledgement does not reach us. It only makes the driver look at
	 * rings that have nothing new.
	 */
	atomic_uint *page;
	atomic_uint *isr, own_isr;
	uint32_t generation;
	/* Transport state: what the selector registers select. */
	uint32_t dev_sel, drv_sel, queue_sel;
};

#define VIRTIO_MMIO_BASE	0xd0000000UL
#define VIRTIO_MMIO_STRIDE	0x1000UL
#define VIRTIO_MMIO_LEN		0x200U
#define VIRTIO_MMIO_CONFIG	0x100U
#define VIRTIO_MMIO_NOTIFY	0x50U

/* virtio_init - make @v, without a transport; tests need no more */
int virtio_init(struct virtio *v, const struct virtio_ops *ops,
		const struct mem *mem, void *config, uint32_t config_len,
		struct err *e);
void virtio_free(struct virtio *v);

/*
 * virtio_attach - put @v on the MMIO bus at @base, interrupt line @gsi, its
 * kicks served by @loop
 */
int virtio_attach(struct virtio *v, struct vm *vm, uint64_t base, uint32_t gsi,
		  struct loop *loop, struct err *e);

/* virtio_mmio - a bus_fn: the registers */
void virtio_mmio(void *dev, uint64_t off, void *data, uint32_t len,
		 bool is_write);

/* virtio_publish - registers were changed by other than virtio_mmio: show them */
void virtio_publish(struct virtio *v);

/* virtio_signal - interrupt the driver if queue @q has news it wants */
void virtio_signal(struct virtio *v, unsigned int q);

/* virtio_config_changed - tell the driver to read configuration space again */
void virtio_config_changed(struct virtio *v);

/* virtio_fail - the driver broke the rules: it has to reset the device */
void virtio_fail(struct virtio *v);

/*
 * virtio_kicked - a loop_fn: serve the queue
 *
 * For EPOLLET: the eventfd's count is never taken, which saves a system call.
 */
void virtio_kicked(void *arg, int fd, uint32_t events);

#endif
