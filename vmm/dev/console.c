// SPDX-License-Identifier: GPL-2.0-only
/* virtio-console. Source: Virtual I/O Device 1.2, 5.3. */
#include <sched.h>

#include "args.h"
#include "dev/device.h"

struct console {
	struct virtio v;
	struct out out;
	int wake_fd;			/* rung when it takes input again */
	atomic_bool writing;		/* for long, maybe, and with the lock held */
	atomic_bool refused;		/* input waits */
	uint32_t config[3];		/* size, ports, emergency write: unused */
};

enum { RX, TX };

static void wake(struct console *con)
{
	if (atomic_exchange(&con->refused, false))
		event_ring(con->wake_fd);
}

static uint32_t console_request(struct virtio *v, struct virtq_chain *c)
{
	struct console *con = (struct console *)v;
	unsigned int i;

	atomic_store(&con->writing, true);
	for (i = 0; i < c->nout; i++)
		if (!out_write(&con->out, c->iov[i].iov_base, (uint32_t)c->iov[i].iov_len))
			break;
	atomic_store(&con->writing, false);
	wake(con);
	return 0;
}

static void console_kick(struct virtio *v, unsigned int q)
{
	if (q == RX)
		wake((struct console *)v);
}

static void console_start(struct virtio *v)
{
	wake((struct console *)v);
}

/* Take nothing while output is stuck, rather than being stuck, too. */
static uint32_t input(void *dev, const uint8_t *buf, uint32_t len)
{
	struct console *con = dev;
	struct virtq *rx = &con->v.q[RX];
	struct virtq_chain c;
	uint32_t n = 0;

	/* First: whoever ends its writing after that rings. */
	atomic_store(&con->refused, true);
	while (pthread_mutex_trylock(&con->v.lock)) {
		if (atomic_load(&con->writing))
			return 0;
		sched_yield();	/* others hold it for moments */
	}
	while (n < len && (con->v.r.status & VIRTIO_S_DRIVER_OK) &&
	       (virtq_pop(rx, &c) > 0 || (virtq_more(rx) && virtq_pop(rx, &c) > 0))) {
		uint32_t k = (uint32_t)virtq_write(&c, 0, buf + n, len - n);

		virtq_push(rx, c.head, k);
		n += k;
		if (!k)
			break;
	}
	if (n == len)
		atomic_store(&con->refused, false);
	virtio_signal(&con->v, RX);
	if (con->v.q[RX].r.broken)
		virtio_fail(&con->v);
	pthread_mutex_unlock(&con->v.lock);
	return n;
}

static const struct virtio_ops console_ops = {
	.name = "console", .id = 3, .nqueues = 2, .request = console_request,
	.kick = console_kick, .start = console_start,
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
	c->wake_fd = d->input_fd;
	d->input = (struct device_input){ c, input };
	return rc ? rc : device_attach(d, x, e);
}

const struct device_type console_device = {
	.option = "console", .help = " virtio   stdin and stdout on hvc0 rather than on ttyS0",
	.max = 1, .append = "console=hvc0 panic=-1", .virtio = true, .role = SANDBOX_CONSOLE,
	.size = sizeof(struct console), .parse = parse, .add = add,
};
