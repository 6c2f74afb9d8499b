// SPDX-License-Identifier: GPL-2.0
#include "dev/virtio.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vm.h"

/* Registers (4.2.2). */
enum {
	MAGIC = 0x00, VERSION = 0x04, DEVICE_ID = 0x08, VENDOR_ID = 0x0c,
	DEV_FEATURES = 0x10, DEV_FEATURES_SEL = 0x14,
	DRV_FEATURES = 0x20, DRV_FEATURES_SEL = 0x24,
	QUEUE_SEL = 0x30, QUEUE_NUM_MAX = 0x34, QUEUE_NUM = 0x38,
	QUEUE_READY = 0x44, QUEUE_NOTIFY = VIRTIO_MMIO_NOTIFY,
	ISR = 0x60, ISR_ACK = 0x64, STATUS = 0x70,
	DESC_LOW = 0x80, DESC_HIGH = 0x84, AVAIL_LOW = 0x90, AVAIL_HIGH = 0x94,
	USED_LOW = 0xa0, USED_HIGH = 0xa4, GENERATION = 0xfc,
};

#define ISR_QUEUE	1
#define ISR_CONFIG	2
#define BASE_FEATURES	(VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT | \
			 VIRTIO_F_EVENT_IDX)

static void reset_queues(struct virtio *v)
{
	unsigned int i;

	for (i = 0; i < VIRTIO_QUEUES_MAX; i++)
		virtq_reset(&v->q[i], v->mem);
}

int virtio_init(struct virtio *v, const struct virtio_ops *ops,
		const struct mem *mem, void *config, uint32_t config_len,
		struct err *e)
{
	unsigned int i;

	memset(v, 0, sizeof(*v));
	v->ops = ops;
	v->mem = mem;
	v->config = config;
	v->config_len = config_len;
	v->offered = ops->features | BASE_FEATURES;
	v->isr = &v->own_isr;
	pthread_mutex_init(&v->lock, NULL);
	reset_queues(v);
	v->irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (i = 0; i < VIRTIO_QUEUES_MAX; i++)
		v->kick_fd[i] = i < ops->nqueues ?
			eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
	for (i = 0; i < ops->nqueues; i++)
		if (v->irq_fd < 0 || v->kick_fd[i] < 0) {
			virtio_free(v);
			return err_set(e, -EMFILE, "virtio-%s: no eventfd: %m",
				       ops->name);
		}
	return 0;
}

void virtio_free(struct virtio *v)
{
	unsigned int i;

	if (!v->ops)
		return;
	for (i = 0; i < v->ops->nqueues; i++)
		if (v->kick_fd[i] >= 0)
			close(v->kick_fd[i]);
	if (v->irq_fd >= 0)
		close(v->irq_fd);
	pthread_mutex_destroy(&v->lock);
	v->ops = NULL;
}

int virtio_attach(struct virtio *v, struct vm *vm, uint64_t base, uint32_t gsi,
		  struct loop *loop, struct err *e)
{
	unsigned int i;
	int rc = bus_add(&vm->mmio, base, VIRTIO_MMIO_LEN, v->ops->name,
			 virtio_mmio, v, e);

	if (!rc)
		rc = vm_irqfd(vm, v->irq_fd, gsi, e);
	if (!rc && vm->regs) {
		v->page = (atomic_uint *)(vm->regs + (base - vm->cfg.regs_gpa));
		v->isr = &v->page[ISR / 4];
		virtio_publish(v);
		rc = vm_swallow(vm, base + ISR_ACK, ISR_QUEUE, e);
	}
	for (i = 0; i < v->ops->nqueues && !rc; i++) {
		rc = vm_ioeventfd(vm, v->kick_fd[i], base + QUEUE_NOTIFY, i, e);
		if (!rc && loop)
			rc = loop_add(loop, v->kick_fd[i], EPOLLIN | EPOLLET,
				      virtio_kicked, v, e);
	}
	return rc;
}

static void interrupt(struct virtio *v, unsigned int why)
{
	uint64_t one = 1;

	atomic_fetch_or(v->isr, why);
	if (write(v->irq_fd, &one, sizeof(one)) < 0)
		return;		/* EAGAIN: 2^64 are pending, that will do */
}

void virtio_signal(struct virtio *v, unsigned int q)
{
	if (virtq_signal(&v->q[q]))
		interrupt(v, ISR_QUEUE);
}

void virtio_config_changed(struct virtio *v)
{
	v->generation++;
	virtio_publish(v);
	if (v->status & VIRTIO_S_DRIVER_OK)
		interrupt(v, ISR_CONFIG);
}

void virtio_fail(struct virtio *v)
{
	v->status |= VIRTIO_S_NEEDS_RESET;
	virtio_config_changed(v);
}

static void serve(struct virtio *v, unsigned int q)
{
	if (!(v->status & VIRTIO_S_DRIVER_OK) ||
	    (v->status & VIRTIO_S_NEEDS_RESET))
		return;
	v->ops->kick(v, q);
	if (v->q[q].broken)
		virtio_fail(v);
}

void virtio_kicked(void *arg, int fd, uint32_t events)
{
	struct virtio *v = arg;
	unsigned int q;

	(void)events;
	for (q = 0; v->kick_fd[q] != fd; q++)
		;
	pthread_mutex_lock(&v->lock);
	serve(v, q);
	pthread_mutex_unlock(&v->lock);
}

/* ---- registers ---- */

static void set_status(struct virtio *v, uint32_t s)
{
	bool was = v->status & VIRTIO_S_DRIVER_OK;

	if (!s) {			/* reset */
		if (v->ops->stop)
			v->ops->stop(v);
		reset_queues(v);
		v->status = 0;
		v->features = 0;
		atomic_store(v->isr, 0);
		return;
	}
	/* A subset of what we offer, and a driver of this century. */
	if ((s & VIRTIO_S_FEATURES_OK) && ((v->features & ~v->offered) ||
	    !(v->features & VIRTIO_F_VERSION_1)))
		s &= ~(uint32_t)VIRTIO_S_FEATURES_OK;
	v->status = (s & 0xff) | (v->status & VIRTIO_S_NEEDS_RESET);
	if (!was && (s & VIRTIO_S_DRIVER_OK)) {
		unsigned int i;

		for (i = 0; i < VIRTIO_QUEUES_MAX; i++)
			v->q[i].event_idx = v->features & VIRTIO_F_EVENT_IDX;
		if (v->ops->start)
			v->ops->start(v);
	}
}

static void set_ready(struct virtio *v, struct virtq *q, uint32_t on)
{
	if (!on)
		q->ready = false;
	else if (!q->ready && virtq_enable(q))
		virtio_fail(v);
}

static void half(uint64_t *x, uint32_t val, bool high)
{
	*x = high ? (*x & 0xffffffff) | (uint64_t)val << 32 :
		(*x & ~0xffffffffULL) | val;
}

/* Registers of the selected queue; not to be changed while it is in use. */
static void write_queue(struct virtio *v, uint64_t off, uint32_t val)
{
	struct virtq *q;

	if (v->queue_sel >= v->ops->nqueues)
		return;
	q = &v->q[v->queue_sel];
	if (off == QUEUE_READY) {
		set_ready(v, q, val & 1);
		return;
	}
	if (q->ready)
		return;
	switch (off) {
	case QUEUE_NUM:
		q->size = (uint16_t)(val > VIRTQ_SIZE_MAX ? 0 : val);
		break;
	case DESC_LOW:
	case DESC_HIGH:
		half(&q->desc_gpa, val, off == DESC_HIGH);
		break;
	case AVAIL_LOW:
	case AVAIL_HIGH:
		half(&q->avail_gpa, val, off == AVAIL_HIGH);
		break;
	default:
		half(&q->used_gpa, val, off == USED_HIGH);
		break;
	}
}

static void write_reg(struct virtio *v, uint64_t off, uint32_t val)
{
	switch (off) {
	case DEV_FEATURES_SEL:
		v->dev_sel = val;
		break;
	case DRV_FEATURES:
		if (v->drv_sel < 2 && !(v->status & VIRTIO_S_FEATURES_OK))
			half(&v->features, val, v->drv_sel);
		break;
	case DRV_FEATURES_SEL:
		v->drv_sel = val;
		break;
	case QUEUE_SEL:
		v->queue_sel = val;
		break;
	case QUEUE_NOTIFY:	/* only where no ioeventfd takes it first */
		if (val < v->ops->nqueues)
			serve(v, val);
		break;
	case ISR_ACK:
		atomic_fetch_and(v->isr, ~val);
		break;
	case STATUS:
		set_status(v, val);
		break;
	case QUEUE_NUM:
	case QUEUE_READY:
	case DESC_LOW:
	case DESC_HIGH:
	case AVAIL_LOW:
	case AVAIL_HIGH:
	case USED_LOW:
	case USED_HIGH:
		write_queue(v, off, val);
		break;
	default:
		break;
	}
}

static uint32_t read_reg(struct virtio *v, uint64_t off)
{
	bool valid = v->queue_sel < v->ops->nqueues;

	switch (off) {
	case MAGIC:
		return 0x74726976;
	case VERSION:
		return 2;
	case DEVICE_ID:
		return v->ops->id;
	case VENDOR_ID:
		return 0x4d4d564b;
	case DEV_FEATURES:
		return v->dev_sel > 1 ? 0 :
			(uint32_t)(v->offered >> (32 * v->dev_sel));
	case QUEUE_NUM_MAX:
		return valid ? VIRTQ_SIZE_MAX : 0;
	case QUEUE_READY:
		return valid && v->q[v->queue_sel].ready;
	case ISR:
		return atomic_load(v->isr);
	case STATUS:
		return v->status;
	case GENERATION:
		return v->generation;
	default:
		return 0;
	}
}

static void config_access(struct virtio *v, uint64_t off, void *data,
			  uint32_t len, bool is_write)
{
	uint8_t *c = v->config;

	if (off >= v->config_len || len > v->config_len - off) {
		if (!is_write)
			memset(data, 0, len);
	} else if (!is_write) {
		memcpy(data, c + off, len);
	} else if (off >= v->config_len - v->config_rw) {
		memcpy(c + off, data, len);
		if (v->ops->config_written)
			v->ops->config_written(v);
	}
}

void virtio_publish(struct virtio *v)
{
	uint32_t off, word, len;

	if (!v->page)
		return;
	for (off = 0; off < VIRTIO_MMIO_CONFIG; off += 4)
		if (off != ISR)
			atomic_store_explicit(&v->page[off / 4], read_reg(v, off),
					      memory_order_relaxed);
	for (off = 0; off < v->config_len; off += len) {
		len = v->config_len - off < 4 ? v->config_len - off : 4;
		word = 0;
		memcpy(&word, (uint8_t *)v->config + off, len);
		atomic_store_explicit(&v->page[(VIRTIO_MMIO_CONFIG + off) / 4], word,
				      memory_order_relaxed);
	}
}

void virtio_mmio(void *dev, uint64_t off, void *data, uint32_t len,
		 bool is_write)
{
	struct virtio *v = dev;
	uint32_t val;

	pthread_mutex_lock(&v->lock);
	if (off >= VIRTIO_MMIO_CONFIG) {
		config_access(v, off - VIRTIO_MMIO_CONFIG, data, len, is_write);
	} else if (len == 4 && is_write) {
		memcpy(&val, data, 4);
		write_reg(v, off, val);
	} else if (len == 4) {
		val = read_reg(v, off);
		memcpy(data, &val, 4);
	}
	if (is_write)
		virtio_publish(v);
	pthread_mutex_unlock(&v->lock);
}
