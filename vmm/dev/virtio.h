/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The core of a virtio device: status, features, queues, configuration. Source:
 * Virtual I/O Device 1.2, 2.1-2.3 and 3.1.
 *
 * A device is a struct virtio_ops, and a structure whose first member is a
 * struct virtio. The core takes requests from a queue, has the device answer
 * them, and gives them back. A transport (virtio_mmio.h, virtio_pci.h) connects
 * the device to the guest. Neither device nor core knows which one.
 */
#ifndef VMM_VIRTIO_H
#define VMM_VIRTIO_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dev/virtq.h"
#include "kvm.h"
#include "records.h"

struct devices;
struct virtio;

#define VIRTIO_QUEUES_MAX	4
#define VIRTIO_MAX		32	/* devices */

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
	const char *unsaved;	/* why no snapshot can hold it; NULL: one can */
	unsigned int nqueues;
	/*
	 * Answer request @c; returns how many bytes were written to it. v->lock is
	 * held. The device's loop calls it. What may take long looks at
	 * virtio_turn_over() and then sets @c->again: it is called once more, with
	 * @c->done as it left it, and must check @c as if it were new. NULL: vhost
	 * serves the queues.
	 */
	uint32_t (*request)(struct virtio *v, struct virtq_chain *c);
	unsigned int served;	/* bit q: request() answers queue q */
	bool slow;		/* signal after each request, not after the last one */
	/* Optional: queue @q was kicked; lock held. */
	void (*kick)(struct virtio *v, unsigned int q);
	/* Optional: the driver is ready (features, queues set); lock held. */
	void (*start)(struct virtio *v);
	/* Optional: the driver reset the device; lock held. */
	void (*stop)(struct virtio *v);
};

/* Where a guest without PCI finds a device. */
struct virtio_place {
	uint64_t base;		/* below 4 GiB */
	uint32_t len;
	uint32_t gsi;
};

struct virtio_transport {
	unsigned int max;	/* devices that it can have */
	bool lines;		/* needs the interrupt lines of an IOAPIC */
	/* Put @v into place d->nvirtio; @loop serves its kicks (virtio_doorbell) */
	int (*attach)(struct devices *d, struct virtio *v, struct loop *loop,
		      struct err *e);
	/* Optional: give back what v->link holds; the core frees v->link itself */
	void (*detach)(struct virtio *v);
	/*
	 * Interrupt the driver. @why: VIRTIO_ISR_*, for the ISR register. @source: a
	 * queue, or VIRTIO_QUEUES_MAX for configuration. v->lock is held.
	 */
	void (*interrupt)(struct virtio *v, uint32_t why, unsigned int source);
	/* Optional: registers changed; show those that the guest reads without an exit */
	void (*publish)(void *link);
	/* Optional: the transport's own registers to records, and back */
	void (*save)(const struct virtio *v, uint32_t index, struct records *r);
	int (*load)(struct virtio *v, uint32_t index, const struct records *r,
		    struct err *e);
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
	void *config;		/* configuration space */
	uint32_t config_len;
	uint32_t config_rw;	/* bytes of it the driver may write, at the end */
	uint64_t offered;
	uint64_t turn_end;	/* when others are to have a turn, by now_us() */
	uint32_t turn_us;	/* how long a turn is */
	const atomic_bool *stop;	/* the run is ending; NULL: it never does */
	struct virtio_regs r;
	atomic_uint *isr, own_isr;	/* the transport may move it */
	const struct virtio_transport *transport;	/* NULL: not attached */
	void *link;			/* the transport's own, from malloc() */
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

/*
 * virtio_init - make @v, which is zeroed, without a transport
 * virtio_free - detach it, close descriptors
 *
 * Call virtio_free() even after a failure; it ignores a @v that is still zero.
 */
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
 * virtio_doorbell - for transports: a guest's write to @gpa kicks queue @q
 * @len:  4 if the guest has to write @q, 0 for any write
 * @loop: serves the kick; NULL: vhost does
 */
int virtio_doorbell(struct virtio *v, unsigned int q, struct vm *vm,
		    uint64_t gpa, uint32_t len, struct loop *loop, struct err *e);

/* virtio_save, virtio_load - to records, and back; v->lock held */
void virtio_save(const struct virtio *v, uint32_t index, struct records *r);
int virtio_load(struct virtio *v, uint32_t index, const struct records *r,
		struct err *e);

/* virtio_turn_over - leave the rest for another turn: time is up, or the run ends */
bool virtio_turn_over(const struct virtio *v);

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
