// SPDX-License-Identifier: GPL-2.0-only
#include "dev/virtq.h"

#include <string.h>

#define F_NEXT		1
#define F_WRITE		2
#define F_INDIRECT	4
#define AVAIL_NO_INTERRUPT 1

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

/* Fields that both sides write or read at any time; x86 needs no more. */
static uint16_t ring16(const uint8_t *p)
{
	return __atomic_load_n((const uint16_t *)p, __ATOMIC_ACQUIRE);
}

static void ring16_set(uint8_t *p, uint16_t v)
{
	__atomic_store_n((uint16_t *)p, v, __ATOMIC_RELEASE);
}

/* avail: flags, idx, ring[size], used_event; used: flags, idx, ring, avail_event */
static uint8_t *used_event(const struct virtq *q)
{
	return q->avail + 4 + 2UL * q->r.size;
}

static uint8_t *avail_event(const struct virtq *q)
{
	return q->used + 4 + 8UL * q->r.size;
}

void virtq_reset(struct virtq *q, const struct mem *m)
{
	memset(q, 0, sizeof(*q));
	q->mem = m;
	q->r.size = VIRTQ_SIZE_MAX;
}

int virtq_enable(struct virtq *q)
{
	uint32_t n = q->r.size;

	if (!n || n > VIRTQ_SIZE_MAX || n & (n - 1) || q->r.desc_gpa % 16 ||
	    q->r.avail_gpa % 2 || q->r.used_gpa % 4)
		return -EINVAL;
	q->desc = mem_at(q->mem, q->r.desc_gpa, 16ULL * n);
	q->avail = mem_at(q->mem, q->r.avail_gpa, 6 + 2ULL * n);
	q->used = mem_at(q->mem, q->r.used_gpa, 6 + 8ULL * n);
	if (!q->desc || !q->avail || !q->used)
		return -EINVAL;
	q->r.ready = true;
	return 0;
}

static int add_buffer(const struct virtq *q, struct virtq_chain *c, const struct desc *d)
{
	void *p = mem_at(q->mem, d->addr, d->len);
	struct iovec *v;

	if (!p || c->nout + c->nin == VIRTQ_IOV)
		return -EINVAL;
	v = &c->iov[c->nout + c->nin];
	v->iov_base = p;
	v->iov_len = d->len;
	if (d->flags & F_WRITE) {
		mem_mark(q->mem, p, d->len);
		c->nin++;
		c->in_len += d->len;
	} else if (c->nin) {
		return -EINVAL;		/* readable after writable */
	} else {
		c->nout++;
		c->out_len += d->len;
	}
	return 0;
}

/*
 * Walk a table of @n descriptors from @i. Bounded: no walk is longer than
 * its table, so a loop ends as an error.
 */
static int walk(const struct virtq *q, struct virtq_chain *c,
		const uint8_t *table, uint32_t n, uint16_t i, bool indirect)
{
	uint32_t steps;

	for (steps = 0; steps < n; steps++) {
		struct desc d;
		int rc;

		if (i >= n)
			return -EINVAL;
		memcpy(&d, table + 16UL * i, sizeof(d));
		if (d.flags & F_INDIRECT) {
			const uint8_t *t = mem_at(q->mem, d.addr, d.len);

			/* 2.7.5.3: no table in a table, no next beside one */
			if (indirect || (d.flags & F_NEXT) || !t || !d.len ||
			    d.len % 16 || d.len / 16 > VIRTQ_SIZE_MAX)
				return -EINVAL;
			return walk(q, c, t, d.len / 16, 0, true);
		}
		rc = add_buffer(q, c, &d);
		if (rc || !(d.flags & F_NEXT))
			return rc;
		i = d.next;
	}
	return -EINVAL;
}

int virtq_pop(struct virtq *q, struct virtq_chain *c)
{
	uint16_t idx, pending;

	if (!q->r.ready || q->r.broken)
		return q->r.broken ? -EINVAL : 0;
	idx = ring16(q->avail + 2);
	pending = (uint16_t)(idx - q->r.next_avail);
	if (!pending)
		return 0;
	c->nout = c->nin = 0;
	c->out_len = c->in_len = 0;
	c->head = ring16(q->avail + 4 + 2UL * (q->r.next_avail & (q->r.size - 1U)));
	if (pending > q->r.size || walk(q, c, q->desc, q->r.size, c->head, false)) {
		q->r.broken = true;
		return -EINVAL;
	}
	q->r.next_avail++;
	return 1;
}

void virtq_unpop(struct virtq *q)
{
	q->r.next_avail--;
}

bool virtq_has(const struct virtq *q)
{
	return q->r.ready && !q->r.broken && ring16(q->avail + 2) != q->r.next_avail;
}

void virtq_stage(struct virtq *q, uint16_t k, uint16_t head, uint32_t len)
{
	unsigned long i = (q->r.next_used + (unsigned int)k) & (q->r.size - 1U);
	uint32_t id = head;

	memcpy(q->used + 4 + 8 * i, &id, 4);
	memcpy(q->used + 8 + 8 * i, &len, 4);
}

static void mark_used(const struct virtq *q)
{
	mem_mark(q->mem, q->used, 6 + 8UL * q->r.size);
}

void virtq_publish(struct virtq *q, uint16_t n)
{
	mark_used(q);
	q->r.next_used = (uint16_t)(q->r.next_used + n);
	ring16_set(q->used + 2, q->r.next_used);	/* after the entries: release */
}

void virtq_push(struct virtq *q, uint16_t head, uint32_t len)
{
	virtq_stage(q, 0, head, len);
	virtq_publish(q, 1);
}

bool virtq_signal(struct virtq *q)
{
	uint16_t old = q->r.signalled, now = q->r.next_used, event;

	if (!q->r.ready || old == now)
		return false;
	q->r.signalled = now;
	/* The driver writes its wish and then reads used; we the reverse. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!q->event_idx)
		return !(ring16(q->avail) & AVAIL_NO_INTERRUPT);
	event = ring16(used_event(q));
	return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

bool virtq_more(struct virtq *q)
{
	if (!q->r.ready || q->r.broken)
		return false;
	if (q->event_idx) {
		mark_used(q);
		ring16_set(avail_event(q), q->r.next_avail);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return ring16(q->avail + 2) != q->r.next_avail;
}

unsigned int virtq_slice(const struct iovec *v, unsigned int n, uint64_t off,
			 uint64_t len, struct iovec *to)
{
	unsigned int i, k = 0;

	for (i = 0; i < n && len; i++) {
		uint64_t part;

		if (off >= v[i].iov_len) {
			off -= v[i].iov_len;
			continue;
		}
		part = v[i].iov_len - off;
		part = part < len ? part : len;
		to[k].iov_base = (uint8_t *)v[i].iov_base + off;
		to[k++].iov_len = part;
		len -= part;
		off = 0;
	}
	return k;
}

uint64_t virtq_read(const struct virtq_chain *c, uint64_t off, void *buf, uint64_t len)
{
	struct iovec v[VIRTQ_IOV];
	unsigned int i, n = virtq_slice(c->iov, c->nout, off, len, v);
	uint64_t done = 0;

	for (i = 0; i < n; done += v[i++].iov_len)
		memcpy((uint8_t *)buf + done, v[i].iov_base, v[i].iov_len);
	return done;
}

uint64_t virtq_write(const struct virtq_chain *c, uint64_t off, const void *buf, uint64_t len)
{
	struct iovec v[VIRTQ_IOV];
	unsigned int i, n = virtq_slice(c->iov + c->nout, c->nin, off, len, v);
	uint64_t done = 0;

	for (i = 0; i < n; done += v[i++].iov_len)
		memcpy(v[i].iov_base, (const uint8_t *)buf + done, v[i].iov_len);
	return done;
}
