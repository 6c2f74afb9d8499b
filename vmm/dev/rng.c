// SPDX-License-Identifier: GPL-2.0-only
/* virtio-rng. Source: Virtual I/O Device 1.2, 5.4. */
#include <sys/random.h>

#include "dev/device.h"

#define RNG_MAX		256U	/* bytes a request: getrandom gives these whole */

static uint32_t rng_request(struct virtio *v, struct virtq_chain *c)
{
	uint8_t buf[RNG_MAX];
	ssize_t r = getrandom(buf, c->in_len < RNG_MAX ? c->in_len : RNG_MAX, 0);

	(void)v;
	return (uint32_t)virtq_write(c, 0, buf, r > 0 ? (uint64_t)r : 0);
}

static const struct virtio_ops rng_ops = {
	.name = "rng", .id = 4, .nqueues = 1, .request = rng_request, .served = 1,
};

static int add(struct devices *d, struct device *x, struct err *e)
{
	int rc = virtio_init(x->dev, &rng_ops, &d->vm->mem, NULL, 0, e);

	return rc ? rc : device_attach(d, x, e);
}

const struct device_type rng_device = {
	.option = "rng", .help = "              virtio-rng", .max = 1,
	.virtio = true, .role = SANDBOX_DEVICE, .size = sizeof(struct virtio), .add = add,
};
