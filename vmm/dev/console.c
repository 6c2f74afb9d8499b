// SPDX-License-Identifier: GPL-2.0-only
/* virtio-console. Source: Virtual I/O Device 1.2, 5.3. */
#include "args.h"
#include "dev/device.h"

struct console {
	struct virtio v;
	struct out out;
	uint32_t config[3];		/* size, ports, emergency write: unused */
};

enum { RX, TX };

static uint32_t console_request(struct virtio *v, struct virtq_chain *c)
{
	unsigned int i;

	for (i = 0; i < c->nout; i++)
		if (!out_write(&((struct console *)v)->out, c->iov[i].iov_base,
			       (uint32_t)c->iov[i].iov_len))
			break;
	return 0;
}

/* Takes nothing while output is stuck, rather than being stuck, too. */
static uint32_t input(void *dev, const uint8_t *buf, uint32_t len)
{
	struct console *con = dev;
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
	.name = "console", .id = 3, .nqueues = 2, .request = console_request,
	.served = 1 << TX,	/* RX: input() takes the buffers */
};

static int parse(struct device_arg *a, char *s, struct err *e)
{
	static const char *const words[] = { "serial", "virtio", NULL };
	int rc = arg_choice("console", s, words, e);

	(void)a;
	return rc < 0 ? rc : !rc;
}

static int add(struct devices *d, struct device *x, struct err *e)
{
	struct console *c = x->dev;
	int rc = virtio_init(&c->v, &console_ops, &d->vm->mem, c->config, sizeof(c->config), e);

	c->out = d->out;
	c->out.ask = true;
	d->input = (struct device_input){ c, NULL, input };
	return rc ? rc : device_attach(d, x, e);
}

const struct device_type console_device = {
	.option = "console", .help = " virtio   stdin and stdout on hvc0 rather than on ttyS0",
	.max = 1, .append = "console=hvc0 panic=-1", .virtio = true,
	.size = sizeof(struct console), .parse = parse, .add = add,
};
