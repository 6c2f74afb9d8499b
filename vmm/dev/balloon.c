// SPDX-License-Identifier: GPL-2.0-only
/* virtio-balloon. Source: Virtual I/O Device 1.2, 5.5. */
#include <sys/mman.h>

#include "args.h"
#include "dev/device.h"

enum { INFLATE, DEFLATE };
#define F_DEFLATE_ON_OOM (1ULL << 2)
#define PFN_SHIFT	12
#define PFNS		256	/* that are taken before a look at the clock; Linux sends as many */

struct balloon {
	struct virtio v;
	struct {
		uint32_t num_pages;	/* that we ask for */
		uint32_t actual;	/* that the guest has given */
	} config;
};

static uint32_t balloon_request(struct virtio *v, struct virtq_chain *c)
{
	uint32_t pfn[PFNS];

	/* Pages given back need nothing: a touch brings them back. */
	while (c->q == INFLATE && c->done + 4 <= c->out_len) {
		uint64_t i, n = virtq_read(c, c->done, pfn, sizeof(pfn)) / 4;

		for (i = 0; i < n; i++) {
			void *p = mem_at(v->mem, (uint64_t)pfn[i] << PFN_SHIFT, MEM_PAGE);

			if (p)
				madvise(p, MEM_PAGE, MADV_DONTNEED);
		}
		c->done += 4 * n;
		if (virtio_turn_over(v)) {
			c->again = c->done + 4 <= c->out_len;
			break;
		}
	}
	return 0;
}

static const struct virtio_ops balloon_ops = {
	.name = "balloon", .id = 5, .nqueues = 2, .request = balloon_request, .served = 3,
	.features = F_DEFLATE_ON_OOM,
};

static int parse(struct device_arg *a, char *s, struct err *e)
{
	return arg_number("balloon", s, 0, MEM_MIB_MAX, &a->number, e);
}

static int add(struct devices *d, struct device *x, struct err *e)
{
	struct balloon *b = x->dev;
	int rc = virtio_init(&b->v, &balloon_ops, &d->vm->mem, &b->config, sizeof(b->config), e);

	b->config.num_pages = (uint32_t)(x->arg->number << (20 - PFN_SHIFT));
	b->v.config_rw = sizeof(b->config.actual);
	return rc ? rc : device_attach(d, x, e);
}

const struct device_type balloon_device = {
	.option = "balloon", .help = " MIB      virtio-balloon that takes MIB of the guest's RAM back",
	.max = 1, .virtio = true, .role = SANDBOX_DEVICE, .size = sizeof(struct balloon),
	.parse = parse, .add = add,
};
