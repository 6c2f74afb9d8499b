// SPDX-License-Identifier: GPL-2.0-only
#include "dev/virtio.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BASE_FEATURES	(VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT | \
			 VIRTIO_F_EVENT_IDX)
/* A device's lock is held so long at most; its registers, a snapshot wait. */
#define TURN_US		10000

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

	v->ops = ops;
	v->r.id = ops->id;
	v->mem = mem;
	v->config = config;
	v->config_len = config_len;
	v->offered = ops->features | BASE_FEATURES;
	v->turn_us = TURN_US;
	v->isr = &v->own_isr;
	pthread_mutex_init(&v->lock, NULL);
	reset_queues(v);
	for (i = 0; i < VIRTIO_QUEUES_MAX; i++)
		v->kick_fd[i] = i < ops->nqueues ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
	for (i = 0; i < ops->nqueues; i++)
		if (v->kick_fd[i] < 0)
			return err_set(e, -EMFILE, "virtio-%s: no eventfd: %m", ops->name);
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
	if (v->transport && v->transport->detach)
		v->transport->detach(v);
	free(v->link);
	pthread_mutex_destroy(&v->lock);
	v->ops = NULL;
}

int virtio_doorbell(struct virtio *v, unsigned int q, struct vm *vm,
		    uint64_t gpa, uint32_t len, struct loop *loop, struct err *e)
{
	int rc = vm_ioeventfd(vm, v->kick_fd[q], gpa, len, q, e);

	return rc || !loop ? rc : loop_add(loop, v->kick_fd[q],
		EPOLLIN | EPOLLET, virtio_kicked, v, e);
}

void virtio_interrupt(struct virtio *v, unsigned int q)
{
	v->transport->interrupt(v, VIRTIO_ISR_QUEUE, q);
}

void virtio_signal(struct virtio *v, unsigned int q)
{
	if (virtq_signal(&v->q[q]))
		virtio_interrupt(v, q);
}

void virtio_config_changed(struct virtio *v)
{
	v->r.generation++;
	if (v->transport->publish)
		v->transport->publish(v->link);
	if (v->r.status & VIRTIO_S_DRIVER_OK)
		v->transport->interrupt(v, VIRTIO_ISR_CONFIG, VIRTIO_QUEUES_MAX);
}

void virtio_fail(struct virtio *v)
{
	v->r.status |= VIRTIO_S_NEEDS_RESET;
	virtio_config_changed(v);
}

static bool stopped(const struct virtio *v)
{
	return v->stop && atomic_load_explicit(v->stop, memory_order_relaxed);
}

bool virtio_turn_over(const struct virtio *v)
{
	return stopped(v) || now_us() >= v->turn_end;
}

/* Have the device answer one request; false if there is none. */
static bool serve_one(struct virtio *v, struct virtq *vq, struct virtq_chain *c)
{
	uint32_t len;

	if (virtq_pop(vq, c) <= 0)
		return false;
	c->done = vq->done;
	c->again = false;
	len = v->ops->request(v, c);
	vq->done = c->again ? c->done : 0;
	if (c->again)
		virtq_unpop(vq);
	else if (!vq->r.broken)
		virtq_push(vq, c->head, len);
	if (v->ops->slow && !vq->r.broken)
		virtio_signal(v, c->q);
	return true;
}

static void serve(struct virtio *v, unsigned int q)
{
	struct virtq *vq = &v->q[q];
	struct virtq_chain c;
	bool over = stopped(v), more;

	if (!(v->r.status & VIRTIO_S_DRIVER_OK) || (v->r.status & VIRTIO_S_NEEDS_RESET))
		return;
	if (v->ops->kick)
		v->ops->kick(v, q);
	if (!(v->ops->served >> q & 1))
		return;
	c.q = q;
	v->turn_end = now_us() + v->turn_us;
	do {
		while (!over && serve_one(v, vq, &c))
			over = virtio_turn_over(v);
		virtio_signal(v, q);
		more = virtq_more(vq);
	} while (more && !over);
	if (vq->r.broken)
		virtio_fail(v);
	else if (more && !stopped(v))
		event_ring(v->kick_fd[q]);	/* another turn */
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
	bool was = v->r.status & VIRTIO_S_DRIVER_OK;

	if (!s) {			/* reset */
		if (v->ops->stop)
			v->ops->stop(v);
		reset_queues(v);
		v->r.status = 0;
		v->r.features = 0;
		atomic_store(v->isr, 0);
		return;
	}
	/* A subset of what we offer, and a driver of this century. */
	if ((s & VIRTIO_S_FEATURES_OK) && ((v->r.features & ~v->offered) ||
	    !(v->r.features & VIRTIO_F_VERSION_1)))
		s &= ~(uint32_t)VIRTIO_S_FEATURES_OK;
	v->r.status = (s & 0xff) | (v->r.status & VIRTIO_S_NEEDS_RESET);
	if (!was && (s & VIRTIO_S_DRIVER_OK)) {
		unsigned int i;

		for (i = 0; i < VIRTIO_QUEUES_MAX; i++)
			v->q[i].event_idx = v->r.features & VIRTIO_F_EVENT_IDX;
		if (v->ops->start)
			v->ops->start(v);
	}
}

static void set_ready(struct virtio *v, struct virtq *q, uint32_t on)
{
	if (!on)
		q->r.ready = false;
	else if (!q->r.ready && virtq_enable(q))
		virtio_fail(v);
}

static void half(uint64_t *x, uint32_t val, bool high)
{
	*x = high ? (*x & 0xffffffff) | (uint64_t)val << 32 : (*x & ~0xffffffffULL) | val;
}

/* Where the ring addresses of 4.2.2 are kept; each has a low and a high half. */
static uint64_t *ring_gpa(struct virtq *q, uint32_t reg)
{
	if (reg < VIRTIO_R_AVAIL_LOW)
		return &q->r.desc_gpa;
	return reg < VIRTIO_R_USED_LOW ? &q->r.avail_gpa : &q->r.used_gpa;
}

/* Registers of the selected queue; not to be changed while it is in use. */
static void write_queue(struct virtio *v, struct virtq *q, uint32_t reg, uint32_t val)
{
	if (reg == VIRTIO_R_QUEUE_READY)
		set_ready(v, q, val & 1);
	else if (q->r.ready)
		return;
	else if (reg == VIRTIO_R_QUEUE_NUM)
		q->r.size = (uint16_t)(val > VIRTQ_SIZE_MAX ? 0 : val);
	else
		half(ring_gpa(q, reg), val, reg & 4);
}

static bool of_queue(uint32_t reg)
{
	return reg == VIRTIO_R_QUEUE_NUM || reg == VIRTIO_R_QUEUE_READY ||
		(reg >= VIRTIO_R_DESC_LOW && reg <= VIRTIO_R_USED_HIGH && !(reg & 0xb));
}

void virtio_write(struct virtio *v, uint32_t reg, uint32_t val)
{
	switch (reg) {
	case VIRTIO_R_DEV_FEATURES_SEL:
		v->r.dev_sel = val;
		break;
	case VIRTIO_R_DRV_FEATURES:
		if (v->r.drv_sel < 2 && !(v->r.status & VIRTIO_S_FEATURES_OK))
			half(&v->r.features, val, v->r.drv_sel);
		break;
	case VIRTIO_R_DRV_FEATURES_SEL:
		v->r.drv_sel = val;
		break;
	case VIRTIO_R_QUEUE_SEL:
		v->r.queue_sel = val;
		break;
	case VIRTIO_R_QUEUE_NOTIFY:	/* only where no ioeventfd takes it first */
		if (val < v->ops->nqueues)
			event_ring(v->kick_fd[val]);	/* never on a vCPU */
		break;
	case VIRTIO_R_ISR_ACK:
		atomic_fetch_and(v->isr, ~val);
		break;
	case VIRTIO_R_STATUS:
		set_status(v, val);
		break;
	default:
		if (v->r.queue_sel < v->ops->nqueues && of_queue(reg))
			write_queue(v, &v->q[v->r.queue_sel], reg, val);
		break;
	}
}

static uint32_t read_queue(struct virtq *q, uint32_t reg)
{
	switch (reg) {
	case VIRTIO_R_QUEUE_NUM_MAX:
		return VIRTQ_SIZE_MAX;
	case VIRTIO_R_QUEUE_NUM:
		return q->r.size;
	case VIRTIO_R_QUEUE_READY:
		return q->r.ready;
	default:
		return (uint32_t)(*ring_gpa(q, reg) >> (reg & 4 ? 32 : 0));
	}
}

uint32_t virtio_read(struct virtio *v, uint32_t reg)
{
	switch (reg) {
	case VIRTIO_R_MAGIC:
		return 0x74726976;
	case VIRTIO_R_VERSION:
		return 2;
	case VIRTIO_R_DEVICE_ID:
		return v->ops->id;
	case VIRTIO_R_VENDOR_ID:
		return 0x4d4d564b;
	case VIRTIO_R_DEV_FEATURES:
		return v->r.dev_sel > 1 ? 0 : (uint32_t)(v->offered >> (32 * v->r.dev_sel));
	case VIRTIO_R_DEV_FEATURES_SEL:
		return v->r.dev_sel;
	case VIRTIO_R_DRV_FEATURES:
		return v->r.drv_sel > 1 ? 0 : (uint32_t)(v->r.features >> (32 * v->r.drv_sel));
	case VIRTIO_R_DRV_FEATURES_SEL:
		return v->r.drv_sel;
	case VIRTIO_R_QUEUE_SEL:
		return v->r.queue_sel;
	case VIRTIO_R_ISR:
		return atomic_load(v->isr);
	case VIRTIO_R_STATUS:
		return v->r.status;
	case VIRTIO_R_GENERATION:
		return v->r.generation;
	default:
		return v->r.queue_sel < v->ops->nqueues && (of_queue(reg) ||
			reg == VIRTIO_R_QUEUE_NUM_MAX) ? read_queue(&v->q[v->r.queue_sel], reg) : 0;
	}
}

void virtio_config(struct virtio *v, uint64_t off, void *data, uint32_t len, bool is_write)
{
	uint8_t *c = v->config;

	if (off >= v->config_len || len > v->config_len - off) {
		if (!is_write)
			memset(data, 0, len);
	} else if (!is_write) {
		memcpy(data, c + off, len);
	} else if (off >= v->config_len - v->config_rw) {
		memcpy(c + off, data, len);
	}
}

/* ---- snapshots; what comes from one is checked like a guest's writes ---- */

struct state {
	struct virtio_regs r;
	struct virtq_regs q[VIRTIO_QUEUES_MAX];
	uint32_t isr;
	uint8_t config[4];	/* what the driver may write of it */
};

static uint8_t *written(const struct virtio *v)
{
	return (uint8_t *)v->config + v->config_len - v->config_rw;
}

void virtio_save(const struct virtio *v, uint32_t index, struct records *r)
{
	struct state s;
	unsigned int i;

	memset(&s, 0, sizeof(s));
	s.r = v->r;
	s.isr = atomic_load(v->isr);
	if (v->config_rw)
		memcpy(s.config, written(v), v->config_rw);
	for (i = 0; i < VIRTIO_QUEUES_MAX; i++)
		s.q[i] = v->q[i].r;
	record_put(r, "virtio", index, &s, sizeof(s));
	if (v->transport->save)
		v->transport->save(v, index, r);
}

static int load_queue(struct virtio *v, unsigned int i, const struct virtq_regs *r)
{
	struct virtq *q = &v->q[i];

	virtq_reset(q, v->mem);
	q->r = *r;
	q->r.ready = false;
	q->event_idx = v->r.features & VIRTIO_F_EVENT_IDX;
	if (!r->ready)
		return 0;
	if (i >= v->ops->nqueues || virtq_enable(q))
		return -EINVAL;
	event_ring(v->kick_fd[i]);	/* a kick may have been under way */
	return 0;
}

int virtio_load(struct virtio *v, uint32_t index, const struct records *r, struct err *e)
{
	struct state s;
	unsigned int i;
	int rc = record_get(r, "virtio", index, &s, sizeof(s), e);

	if (rc)
		return rc;
	if (s.r.id != v->ops->id || (s.r.features & ~v->offered))
		return err_set(e, -EBADMSG,
			       "%s: virtio device %u was of type %u with features %#lx, here it is virtio-%s with %#lx: give the devices as for --snapshot",
			       r->name, index, s.r.id, s.r.features, v->ops->name, v->offered);
	v->r = s.r;
	v->r.status &= 0xff;
	atomic_store(v->isr, s.isr & 3);
	if (v->config_rw)
		memcpy(written(v), s.config, v->config_rw);
	for (i = 0; i < VIRTIO_QUEUES_MAX; i++)
		if (load_queue(v, i, &s.q[i]))
			return err_set(e, -EBADMSG,
				       "%s: virtio device %u: queue %u is not in memory",
				       r->name, index, i);
	if ((v->r.status & VIRTIO_S_DRIVER_OK) && v->ops->start)
		v->ops->start(v);
	if (v->transport->publish)
		v->transport->publish(v->link);
	if (atomic_load(v->isr))	/* an interrupt may have been under way */
		v->transport->interrupt(v, 0, VIRTIO_QUEUES_MAX);
	return v->transport->load ? v->transport->load(v, index, r, e) : 0;
}
