// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-vsock with the kernel's vhost as its back end. Source: Virtual I/O
 * Device 1.2, 5.10; <linux/vhost.h>.
 */
#include "dev/device.h"	/* before <linux/vhost.h>, which has some names, too */

#include <fcntl.h>
#include <linux/vhost.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "args.h"

struct vsock {
	struct virtio v;
	uint64_t cid;			/* configuration space */
	int fd;				/* /dev/vhost-vsock */
	int call_fd[2];			/* vhost rings these: receive, transmit */
	bool running;
};

static int set_memory(int fd, const struct mem *m, struct err *e)
{
	struct vhost_memory *t;
	unsigned int i;
	int rc = 0;

	t = calloc(1, sizeof(*t) + m->n * sizeof(t->regions[0]));
	if (!t)
		return err_set(e, -ENOMEM, "vsock: no memory");
	t->nregions = m->n;
	for (i = 0; i < m->n; i++)
		t->regions[i] = (struct vhost_memory_region){ m->r[i].gpa, m->r[i].size,
			(uintptr_t)m->r[i].host, 0 };
	if (ioctl(fd, VHOST_SET_MEM_TABLE, t) < 0)
		rc = err_set(e, -errno, "VHOST_SET_MEM_TABLE: %m");
	free(t);
	return rc;
}

/* One queue, as the driver set it up; its rings were checked. */
static int set_queue(struct vsock *s, unsigned int i)
{
	const struct virtq *q = &s->v.q[i];
	struct vhost_vring_state num = { i, q->r.size }, base = { i, 0 };
	struct vhost_vring_addr addr = {
		.index = i, .desc_user_addr = (uintptr_t)q->desc,
		.avail_user_addr = (uintptr_t)q->avail, .used_user_addr = (uintptr_t)q->used,
	};
	struct vhost_vring_file kick = { i, s->v.kick_fd[i] };
	struct vhost_vring_file call = { i, s->call_fd[i] };

	return q->r.ready && !ioctl(s->fd, VHOST_SET_VRING_NUM, &num) &&
		!ioctl(s->fd, VHOST_SET_VRING_BASE, &base) &&
		!ioctl(s->fd, VHOST_SET_VRING_ADDR, &addr) &&
		!ioctl(s->fd, VHOST_SET_VRING_CALL, &call) &&
		!ioctl(s->fd, VHOST_SET_VRING_KICK, &kick) ? 0 : -1;
}

static void vsock_start(struct virtio *v)
{
	struct vsock *s = (struct vsock *)v;
	uint64_t features = v->r.features;
	int on = 1;

	if (ioctl(s->fd, VHOST_SET_FEATURES, &features) < 0 || set_queue(s, 0) || set_queue(s, 1) ||
	    ioctl(s->fd, VHOST_VSOCK_SET_RUNNING, &on) < 0)
		virtio_fail(v);
	else
		s->running = true;
}

static void vsock_stop(struct virtio *v)
{
	struct vsock *s = (struct vsock *)v;
	int off = 0;

	if (s->running)
		ioctl(s->fd, VHOST_VSOCK_SET_RUNNING, &off);
	s->running = false;
}

static const struct virtio_ops vsock_ops = {
	.name = "vsock", .id = 19, .nqueues = 3,	/* the third is for events: we send none */
	.start = vsock_start, .stop = vsock_stop,
	.unsaved = "its connections are the host's",
};

/*
 * vhost could ring KVM's irqfd itself, but then the ISR register would say
 * nothing, and an MMIO driver believes that; nor does it know MSI-X.
 */
static void on_call(void *arg, int fd, uint32_t events)
{
	struct vsock *s = arg;
	uint64_t n;

	(void)events;
	if (read(fd, &n, sizeof(n)) != sizeof(n))
		return;
	pthread_mutex_lock(&s->v.lock);
	virtio_interrupt(&s->v, fd == s->call_fd[1]);
	pthread_mutex_unlock(&s->v.lock);
}

static int parse(struct device_arg *a, char *s, struct err *e)
{
	return arg_number("vsock", s, 3, UINT32_MAX - 1, &a->number, e);
}

/* Open vhost-vsock and give it the guest's memory. */
static int open_vhost(struct vsock *s, const struct mem *mem, uint64_t *features, struct err *e)
{
	s->fd = open("/dev/vhost-vsock", O_RDWR | O_CLOEXEC);
	if (s->fd < 0)
		return err_set(e, -errno, "/dev/vhost-vsock: %s (modprobe vhost_vsock?)",
			       strerror(errno));
	if (ioctl(s->fd, VHOST_SET_OWNER, 0) < 0 || ioctl(s->fd, VHOST_GET_FEATURES, features) < 0)
		return err_set(e, -errno, "vhost-vsock: %m");
	if (ioctl(s->fd, VHOST_VSOCK_SET_GUEST_CID, &s->cid) < 0)
		return err_set(e, -errno, "vsock: CID %lu: %m", s->cid);
	return set_memory(s->fd, mem, e);
}

static int add(struct devices *d, struct device *x, struct err *e)
{
	struct vsock *s = x->dev;
	uint64_t have = 0;
	int i, rc;

	s->cid = x->arg->number;
	s->call_fd[0] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->call_fd[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = open_vhost(s, &d->vm->mem, &have, e);
	if (!rc)
		rc = virtio_init(&s->v, &vsock_ops, &d->vm->mem, &s->cid, sizeof(s->cid), e);
	s->v.offered &= have;
	if (!rc)
		rc = device_attach(d, x, e);
	for (i = 0; i < 2 && !rc; i++)	/* vhost's calls, passed on as interrupts */
		rc = loop_add(&x->loop, s->call_fd[i], EPOLLIN, on_call, s, e);
	return rc;
}

static void vsock_free(void *dev)
{
	struct vsock *s = dev;

	if (s->fd >= 0)
		close(s->fd);
	close(s->call_fd[0]);
	close(s->call_fd[1]);
}

const struct device_type vsock_device = {
	.option = "vsock", .help = " CID        virtio-vsock by /dev/vhost-vsock, CID 3 or more",
	.max = 1, .virtio = true, .role = SANDBOX_DEVICE, .vhost = true, .size = sizeof(struct vsock),
	.parse = parse, .add = add, .free = vsock_free,
};
