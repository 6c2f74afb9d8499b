// SPDX-License-Identifier: GPL-2.0-only
#include "dev/vhost.h"	/* before <linux/vhost.h>, which has some names, too */

#include <fcntl.h>
#include <linux/vhost.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int set_memory(int fd, const struct mem *m, struct err *e)
{
	struct vhost_memory *t = calloc(1, sizeof(*t) + m->n * sizeof(t->regions[0]));
	unsigned int i;
	int rc = 0;

	if (!t)
		return err_set(e, -ENOMEM, "vhost: no memory");
	t->nregions = m->n;
	for (i = 0; i < m->n; i++)
		t->regions[i] = (struct vhost_memory_region){ m->r[i].gpa, m->r[i].size,
			(uintptr_t)m->r[i].host, 0 };
	if (ioctl(fd, VHOST_SET_MEM_TABLE, t) < 0)
		rc = err_set(e, -errno, "VHOST_SET_MEM_TABLE: %m");
	free(t);
	return rc;
}

int vhost_open(struct vhost *h, struct virtio *v, const char *path, const char *module,
	       struct err *e)
{
	unsigned int i;

	h->v = v;
	h->fd = open(path, O_RDWR | O_CLOEXEC);
	if (h->fd < 0)
		return err_set(e, -errno, "%s: %s (modprobe %s?)", path, strerror(errno), module);
	for (i = 0; i < 2; i++)
		h->call_fd[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ioctl(h->fd, VHOST_SET_OWNER, 0) < 0 ||
	    ioctl(h->fd, VHOST_GET_FEATURES, &h->features) < 0)
		return err_set(e, -errno, "%s: %m", path);
	return set_memory(h->fd, v->mem, e);
}

/*
 * vhost could ring KVM's irqfd itself, but then the ISR register would say
 * nothing, and an MMIO driver believes that; nor does it know MSI-X.
 */
static void on_call(void *arg, int fd, uint32_t events)
{
	struct vhost *h = arg;
	uint64_t n;

	(void)events;
	if (read(fd, &n, sizeof(n)) != sizeof(n))
		return;
	pthread_mutex_lock(&h->v->lock);
	virtio_interrupt(h->v, fd == h->call_fd[1]);
	pthread_mutex_unlock(&h->v->lock);
}

int vhost_attach(struct vhost *h, struct device *x, struct err *e)
{
	int i, rc = 0;

	for (i = 0; i < 2 && !rc; i++)
		rc = loop_add(&x->loop, h->call_fd[i], EPOLLIN, on_call, h, e);
	return rc;
}

/* One queue, as the driver set it up; its rings were checked. */
static int set_queue(struct vhost *h, unsigned int i)
{
	const struct virtq *q = &h->v->q[i];
	struct vhost_vring_state num = { i, q->r.size }, base = { i, 0 };
	struct vhost_vring_addr addr = {
		.index = i, .desc_user_addr = (uintptr_t)q->desc,
		.avail_user_addr = (uintptr_t)q->avail, .used_user_addr = (uintptr_t)q->used,
	};
	struct vhost_vring_file kick = { i, h->v->kick_fd[i] };
	struct vhost_vring_file call = { i, h->call_fd[i] };

	return q->r.ready && !ioctl(h->fd, VHOST_SET_VRING_NUM, &num) &&
		!ioctl(h->fd, VHOST_SET_VRING_BASE, &base) &&
		!ioctl(h->fd, VHOST_SET_VRING_ADDR, &addr) &&
		!ioctl(h->fd, VHOST_SET_VRING_CALL, &call) &&
		!ioctl(h->fd, VHOST_SET_VRING_KICK, &kick) ? 0 : -1;
}

int vhost_start(struct vhost *h)
{
	uint64_t features = h->v->r.features & h->features;

	return ioctl(h->fd, VHOST_SET_FEATURES, &features) < 0 || set_queue(h, 0) ||
		set_queue(h, 1) ? -1 : 0;
}

void vhost_close(struct vhost *h)
{
	if (h->fd < 0)
		return;
	close(h->fd);
	close(h->call_fd[0]);
	close(h->call_fd[1]);
	h->fd = -1;
}
