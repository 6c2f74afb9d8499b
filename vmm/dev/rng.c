// SPDX-License-Identifier: GPL-2.0
/* virtio-rng. Source: Virtual I/O Device 1.2, 5.4. */
#include <sys/random.h>

#include "dev/device.h"

#define RNG_MAX		256U	/* bytes a request: getrandom gives these whole */

static uint32_t rng_request(struct virtio *v, unsigned int q, struct virtq_chain *c)
{
	uint8_t buf[RNG_MAX];
	ssize_t r = getrandom(buf, c->in_len < RNG_MAX ? c->in_len : RNG_MAX, 0);

	(void)v;
	(void)q;
	return (uint32_t)virtq_write(c, 0, buf, r > 0 ? (uint64_t)r : 0);
}

static const struct virtio_ops rng_ops = {
	.name = "rng", .id = 4, .nqueues = 1, .request = rng_request,
};

static int add(struct devices *d, void *dev, const struct device_arg *a, struct err *e)
{
	int rc = virtio_init(dev, &rng_ops, &d->vm->mem, NULL, 0, e);

	(void)a;
	return rc ? rc : device_attach(d, dev, e);
}

const struct device_type rng_device = {
	.option = "rng", .help = "              virtio-rng", .max = 1,
	.virtio = true, .size = sizeof(struct virtio), .add = add,
};
