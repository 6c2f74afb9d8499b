// SPDX-License-Identifier: GPL-2.0
#include "dev/small.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

/* ---- rng ---- */

#define RNG_MAX		256U	/* bytes a request: getrandom gives these whole */

static void rng_kick(struct virtio *v, unsigned int q)
{
	struct virtq_chain c;
	uint8_t buf[RNG_MAX];

	do {
		while (virtq_pop(&v->q[q], &c) > 0) {
			uint64_t n = c.in_len < RNG_MAX ? c.in_len : RNG_MAX;
			ssize_t r = getrandom(buf, n, 0);

			r = r > 0 ? r : 0;
			virtq_write(&c, 0, buf, (uint64_t)r);
			virtq_push(&v->q[q], c.head, (uint32_t)r);
		}
		virtio_signal(v, q);
	} while (virtq_more(&v->q[q]));
}

static const struct virtio_ops rng_ops = {
	.name = "rng", .id = 4, .nqueues = 1, .kick = rng_kick,
};

int rng_init(struct rng *r, const struct mem *mem, struct err *e)
{
	return virtio_init(&r->v, &rng_ops, mem, NULL, 0, e);
}

/* ---- console ---- */

enum { RX, TX };

static void console_kick(struct virtio *v, unsigned int q)
{
	struct console *con = (struct console *)v;
	struct virtq_chain c;
	unsigned int i;

	if (q == RX)	/* new room for input; console_input() finds it */
		return;
	do {
		while (virtq_pop(&v->q[TX], &c) > 0) {
			for (i = 0; i < c.nout; i++)
				out_write(&con->out, c.iov[i].iov_base, (uint32_t)c.iov[i].iov_len);
			virtq_push(&v->q[TX], c.head, 0);
		}
		virtio_signal(v, TX);
	} while (virtq_more(&v->q[TX]));
}

uint32_t console_input(struct console *con, const uint8_t *buf, uint32_t len)
{
	struct virtq_chain c;
	uint32_t n = 0;

	if (pthread_mutex_trylock(&con->v.lock))
		return 0;
	if (con->v.r.status & VIRTIO_S_DRIVER_OK)
		while (n < len && virtq_pop(&con->v.q[RX], &c) > 0) {
			uint32_t k = (uint32_t)virtq_write(&c, 0, buf + n, len - n);

			virtq_push(&con->v.q[RX], c.head, k);
			n += k;
			if (!k)
				break;
		}
	virtio_signal(&con->v, RX);
	if (con->v.q[RX].r.broken)
		virtio_fail(&con->v);
	pthread_mutex_unlock(&con->v.lock);
	return n;
}

static const struct virtio_ops console_ops = {
	.name = "console", .id = 3, .nqueues = 2, .kick = console_kick,
};

int console_init(struct console *c, const struct mem *mem, const struct out *out, struct err *e)
{
	int rc;

	memset(c->config, 0, sizeof(c->config));
	c->out = *out;
	c->out.ask = true;
	rc = virtio_init(&c->v, &console_ops, mem, c->config, sizeof(c->config), e);
	if (rc)
		return rc;
	rc = loop_init(&c->loop, e);
	if (rc)
		virtio_free(&c->v);
	return rc;
}

void console_free(struct console *c)
{
	loop_join(&c->loop);
	if (c->v.ops)
		loop_free(&c->loop);
	virtio_free(&c->v);
}

/* ---- balloon ---- */

enum { INFLATE, DEFLATE };
#define F_DEFLATE_ON_OOM (1ULL << 2)
#define PFN_SHIFT	12

static void balloon_kick(struct virtio *v, unsigned int q)
{
	struct virtq_chain c;

	do {
		while (virtq_pop(&v->q[q], &c) > 0) {
			uint64_t off;
			uint32_t pfn;

			/* Given back pages need nothing: touched, they are there. */
			for (off = 0; q == INFLATE && off + 4 <= c.out_len; off += 4) {
				void *p;

				virtq_read(&c, off, &pfn, 4);
				p = mem_at(v->mem, (uint64_t)pfn << PFN_SHIFT, MEM_PAGE);
				if (p)
					madvise(p, MEM_PAGE, MADV_DONTNEED);
			}
			virtq_push(&v->q[q], c.head, 0);
		}
		virtio_signal(v, q);
	} while (virtq_more(&v->q[q]));
}

static const struct virtio_ops balloon_ops = {
	.name = "balloon", .id = 5, .nqueues = 2, .kick = balloon_kick,
	.features = F_DEFLATE_ON_OOM,
};

int balloon_init(struct balloon *b, const struct mem *mem, uint32_t pages, struct err *e)
{
	int rc;

	b->config.num_pages = pages;
	b->config.actual = 0;
	rc = virtio_init(&b->v, &balloon_ops, mem, &b->config, sizeof(b->config), e);
	b->v.config_rw = sizeof(b->config.actual);
	return rc;
}
