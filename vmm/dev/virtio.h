/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtio device apart from what it does: status, features, queues,
 * configuration; and its transport MMIO version 2 (PCI: virtio_pci.h). Source:
 * Virtual I/O Device 1.2, 2.1-2.3, 3.1 and 4.2.
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
struct virtio_pci;

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

/* What a snapshot keeps, beside the queues'. */
struct virtio_regs {
	uint64_t features;
	uint32_t status, generation;
	uint32_t dev_sel, drv_sel, queue_sel;	/* what registers select */
	uint32_t id;		/* ops->id: it is this kind of device's */
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
	uint64_t offered;
	struct virtio_regs r;
	/*
	 * The registers as the guest sees them without an exit, or NULL. Then ISR
	 * is kept there, and its queue bit stays once it is set: the driver's
	 * acknowledgement does not reach us. It only makes the driver look at
	 * rings that have nothing new.
	 */
	atomic_uint *page;
	atomic_uint *isr, own_isr;
	struct virtio_pci *pci;	/* NULL: on MMIO */
};

/* Registers, by their offsets in MMIO (4.2.2); PCI has most of them elsewhere. */
enum {
	VIRTIO_R_MAGIC = 0x00, VIRTIO_R_VERSION = 0x04,
	VIRTIO_R_DEVICE_ID = 0x08, VIRTIO_R_VENDOR_ID = 0x0c,
	VIRTIO_R_DEV_FEATURES = 0x10, VIRTIO_R_DEV_FEATURES_SEL = 0x14,
	VIRTIO_R_DRV_FEATURES = 0x20, VIRTIO_R_DRV_FEATURES_SEL = 0x24,
	VIRTIO_R_QUEUE_SEL = 0x30, VIRTIO_R_QUEUE_NUM_MAX = 0x34,
	VIRTIO_R_QUEUE_NUM = 0x38, VIRTIO_R_QUEUE_READY = 0x44,
	VIRTIO_R_QUEUE_NOTIFY = 0x50, VIRTIO_R_ISR = 0x60,
	VIRTIO_R_ISR_ACK = 0x64, VIRTIO_R_STATUS = 0x70,
	VIRTIO_R_DESC_LOW = 0x80, VIRTIO_R_DESC_HIGH = 0x84,
	VIRTIO_R_AVAIL_LOW = 0x90, VIRTIO_R_AVAIL_HIGH = 0x94,
	VIRTIO_R_USED_LOW = 0xa0, VIRTIO_R_USED_HIGH = 0xa4,
	VIRTIO_R_GENERATION = 0xfc,
};

#define VIRTIO_ISR_QUEUE	1
#define VIRTIO_ISR_CONFIG	2

#define VIRTIO_MMIO_BASE	0xd0000000UL
#define VIRTIO_MMIO_STRIDE	0x1000UL
#define VIRTIO_MMIO_LEN		0x200U
#define VIRTIO_MMIO_CONFIG	0x100U

/* virtio_init - make @v, without a transport; tests need no more */
int virtio_init(struct virtio *v, const struct virtio_ops *ops,
		const struct mem *mem, void *config, uint32_t config_len,
		struct err *e);
void virtio_free(struct virtio *v);

/* virtio_read, virtio_write - a register of the enum; v->lock held */
uint32_t virtio_read(struct virtio *v, uint32_t reg);
void virtio_write(struct virtio *v, uint32_t reg, uint32_t val);

/* virtio_config - access configuration space at @off; v->lock held */
void virtio_config(struct virtio *v, uint64_t off, void *data, uint32_t len,
		   bool is_write);

/*
 * virtio_doorbell - let a guest's write to @gpa kick queue @q, on @loop (NULL:
 * who serves it has the eventfd)
 * @len: 4 if it has to write @q, 0 for any write
 */
int virtio_doorbell(struct virtio *v, unsigned int q, struct vm *vm,
		    uint64_t gpa, uint32_t len, struct loop *loop, struct err *e);

/*
 * virtio_mmio_attach - put @v on the MMIO bus at @base, interrupt line @gsi, its
 * kicks served by @loop
 */
int virtio_mmio_attach(struct virtio *v, struct vm *vm, uint64_t base,
		       uint32_t gsi, struct loop *loop, struct err *e);

/* virtio_mmio - a bus_fn: the registers */
void virtio_mmio(void *dev, uint64_t off, void *data, uint32_t len,
		 bool is_write);

/* virtio_publish - registers were changed by other than virtio_mmio: show them */
void virtio_publish(struct virtio *v);

/* virtio_interrupt - interrupt the driver for queue @q; v->lock held */
void virtio_interrupt(struct virtio *v, unsigned int q);

/* virtio_signal - the same, if queue @q has news that it wants */
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
