// SPDX-License-Identifier: GPL-2.0-only
/* virtio-vsock by the kernel's vhost. Source: Virtual I/O Device 1.2, 5.10. */
#include "dev/vhost.h"

#include <linux/vhost.h>
#include <sys/ioctl.h>

#include "args.h"

struct vsock {
	struct virtio v;
	uint64_t cid;			/* configuration space */
	struct vhost h;
	bool running;
};

static void set_running(struct vsock *s, int on)
{
	s->running = !ioctl(s->h.fd, VHOST_VSOCK_SET_RUNNING, &on) && on;
}

static void vsock_start(struct virtio *v)
{
	struct vsock *s = (struct vsock *)v;

	if (!vhost_start(&s->h))
		set_running(s, 1);
	if (!s->running)
		virtio_fail(v);
}

static void vsock_stop(struct virtio *v)
{
	if (((struct vsock *)v)->running)
		set_running((struct vsock *)v, 0);
}

static const struct virtio_ops vsock_ops = {
	.name = "vsock", .id = 19, .nqueues = 3,	/* the third is for events: we send none */
	.start = vsock_start, .stop = vsock_stop,
	.unsaved = "its connections are the host's",
};

static int parse(struct device_arg *a, char *s, struct err *e)
{
	return arg_number("vsock", s, 3, UINT32_MAX - 1, &a->number, e);
}

static int add(struct devices *d, struct device *x, struct err *e)
{
	struct vsock *s = x->dev;
	int rc;

	s->h.fd = -1;
	s->cid = x->arg->number;
	rc = virtio_init(&s->v, &vsock_ops, &d->vm->mem, &s->cid, sizeof(s->cid), e);
	if (!rc)
		rc = vhost_open(&s->h, &s->v, "/dev/vhost-vsock", "vhost_vsock", e);
	if (!rc && ioctl(s->h.fd, VHOST_VSOCK_SET_GUEST_CID, &s->cid) < 0)
		rc = err_set(e, -errno, "vsock: CID %lu: %m", s->cid);
	s->v.offered &= s->h.features;
	if (!rc)
		rc = device_attach(d, x, e);
	return rc ? rc : vhost_attach(&s->h, x, e);
}

static void vsock_free(void *dev)
{
	vhost_close(&((struct vsock *)dev)->h);
}

const struct device_type vsock_device = {
	.option = "vsock", .help = " CID        virtio-vsock by /dev/vhost-vsock, CID 3 or more",
	.max = 1, .virtio = true, .role = SANDBOX_DEVICE, .size = sizeof(struct vsock),
	.parse = parse, .add = add, .free = vsock_free,
};
