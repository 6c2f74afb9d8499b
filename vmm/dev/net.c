// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-net on a descriptor that carries frames, each with a virtio-net
 * header before it: a tap device, or one end of a socket pair. Source:
 * Virtual I/O Device 1.2, 5.1; Documentation/networking/tuntap.rst.
 */
#include "dev/vhost.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>


enum { RX, TX };

#define HDR		12U		/* struct virtio_net_hdr_mrg_rxbuf */
#define HDR_BUFFERS	10U		/* its num_buffers */
#define FRAME_MAX	(HDR + 65550U)
#define BURST		64		/* frames received before others' turn */

#define F_CSUM		(1ULL << 0)
#define F_GUEST_CSUM	(1ULL << 1)
#define F_MAC		(1ULL << 5)
#define F_GUEST_TSO4	(1ULL << 7)
#define F_GUEST_TSO6	(1ULL << 8)
#define F_HOST_TSO4	(1ULL << 11)
#define F_HOST_TSO6	(1ULL << 12)
#define F_MRG_RXBUF	(1ULL << 15)
#define F_STATUS	(1ULL << 16)

/* The tap's part of it; the rest is the queues', and vhost must know it. */
#define TAP_FEATURES	(F_CSUM | F_GUEST_CSUM | F_MAC | F_GUEST_TSO4 | F_GUEST_TSO6 | \
			 F_HOST_TSO4 | F_HOST_TSO6 | F_STATUS)
#define NET_FEATURES	(TAP_FEATURES | F_MRG_RXBUF)

struct net {
	struct virtio v;
	struct {
		uint8_t mac[6];
		uint16_t status;
	} __attribute__((packed)) config;
	int fd;
	bool tap;
	struct vhost h;
	bool starved;			/* no receive buffers: not waiting on fd */
	bool gone;			/* its other end hung up: nothing more comes */
	struct loop *loop;		/* the device's, which serves kicks and fd */
	uint8_t *frame;			/* one, being received */
};

static uint32_t send_frame(struct virtio *v, struct virtq_chain *c)
{
	ssize_t r = 0;

	if (c->out_len >= HDR && c->out_len <= FRAME_MAX)
		r = writev(((struct net *)v)->fd, c->iov, (int)c->nout);
	(void)r;	/* a full backend loses the frame, as a wire does */
	return 0;
}

/* Spread a frame over as many requests as it takes. False: no room now. */
static bool deliver(struct net *n, uint64_t len)
{
	struct virtq *q = &n->v.q[RX];
	struct virtq_chain c;
	struct iovec hdr[VIRTQ_IOV];
	bool merge = n->v.r.features & F_MRG_RXBUF;
	unsigned int i, nhdr = 0;
	uint16_t count = 0;
	uint64_t done = 0;

	while (done < len) {
		uint64_t part;

		if (virtq_pop(q, &c) <= 0) {
			/* Take back what was popped: nothing is published yet. */
			while (count--)
				virtq_unpop(q);
			return false;
		}
		if (!count)
			nhdr = virtq_slice(c.iov + c.nout, c.nin, HDR_BUFFERS, 2, hdr);
		part = virtq_write(&c, 0, n->frame + done, len - done);
		done += part;
		virtq_stage(q, count++, c.head, (uint32_t)part);
		if (!part || (!merge && done < len))
			break;	/* too small for the frame: it is cut off */
	}
	for (i = 0; i < nhdr; i++)	/* its bytes may lie apart */
		memcpy(hdr[i].iov_base, (uint8_t *)&count + i, hdr[i].iov_len);
	virtq_publish(q, count);
	return true;
}

static void receive(struct net *n)
{
	struct virtq *q = &n->v.q[RX];
	int i;

	for (i = 0; i < BURST; i++) {
		ssize_t len;

		if (!virtq_has(q) && !virtq_more(q)) {
			n->starved = true;
			loop_enable(n->loop, n->fd, 0);
			break;
		}
		len = read(n->fd, n->frame, FRAME_MAX);
		if (len <= 0)
			break;
		if (len >= (ssize_t)HDR && !deliver(n, (uint64_t)len))
			break;
	}
	virtio_signal(&n->v, RX);
}

static void on_frame(void *arg, int fd, uint32_t events)
{
	struct net *n = arg;

	(void)fd;
	pthread_mutex_lock(&n->v.lock);
	n->gone = events & (EPOLLHUP | EPOLLERR);
	if (n->gone)
		loop_enable(n->loop, n->fd, 0);
	else
		receive(n);
	if (n->v.q[RX].r.broken)
		virtio_fail(&n->v);
	pthread_mutex_unlock(&n->v.lock);
}

static void net_kick(struct virtio *v, unsigned int q)
{
	struct net *n = (struct net *)v;

	if (q == RX && n->starved && !n->gone) {
		n->starved = false;
		loop_enable(n->loop, n->fd, EPOLLIN);
	}
}

static void net_start(struct virtio *v)
{
	struct net *n = (struct net *)v;
	unsigned int offload = 0;

	if (v->r.features & F_GUEST_CSUM)
		offload |= TUN_F_CSUM;
	if (v->r.features & F_GUEST_TSO4)
		offload |= TUN_F_TSO4;
	if (v->r.features & F_GUEST_TSO6)
		offload |= TUN_F_TSO6;
	if (n->tap)
		ioctl(n->fd, TUNSETOFFLOAD, offload);
}

static const struct virtio_ops net_ops = {
	.name = "net", .id = 1, .nqueues = 2, .kick = net_kick,
	.request = send_frame, .served = 1 << TX, .start = net_start,
	.features = NET_FEATURES,
};

/* Who moves the frames: the kernel, between queue and tap, or nobody (@on: false). */
static bool set_backend(struct net *n, bool on)
{
	struct vhost_vring_file f = { RX, on ? n->fd : -1 };
	bool good = !ioctl(n->h.fd, VHOST_NET_SET_BACKEND, &f);

	f.index = TX;
	return !ioctl(n->h.fd, VHOST_NET_SET_BACKEND, &f) && good;
}

static void vhost_net_start(struct virtio *v)
{
	struct net *n = (struct net *)v;

	net_start(v);
	if (vhost_start(&n->h) || !set_backend(n, true))
		virtio_fail(v);
}

static void vhost_net_stop(struct virtio *v)
{
	set_backend((struct net *)v, false);
}

static const struct virtio_ops vhost_net_ops = {
	.name = "net", .id = 1, .nqueues = 2, .start = vhost_net_start, .stop = vhost_net_stop,
	.features = NET_FEATURES, .unsaved = "vhost has its queues",
};

static int open_tap(const char *name, int *fd, struct err *e)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int size = HDR;

	memcpy(r.ifr_name, name, strnlen(name, sizeof(r.ifr_name) - 1));
	*fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0)
		return err_set(e, -errno, "/dev/net/tun: %s (modprobe tun?)", strerror(errno));
	if (ioctl(*fd, TUNSETIFF, &r) < 0 || ioctl(*fd, TUNSETVNETHDRSZ, &size) < 0) {
		int rc = err_set(e, -errno,
				 "tap:%s: %m: make it first: ip tuntap add %s mode tap user $USER; ip link set %s up",
				 name, name, name);

		close(*fd);
		*fd = -1;
		return rc;
	}
	return 0;
}

static int parse(struct device_arg *a, char *s, struct err *e)
{
	char *comma = strrchr(s, ',');

	a->vhost = comma && !strcmp(comma, ",vhost") && strncmp(s, "loop", 4);
	if (a->vhost)
		*comma = '\0';
	if (strcmp(s, "loop") && (strncmp(s, "tap:", 4) || !s[4] || strchr(s, ',')))
		return err_set(e, -EINVAL, "--net %s: expected tap:NAME[,vhost] or loop", s);
	if (strlen(s) - 4 >= IFNAMSIZ && strcmp(s, "loop"))
		return err_set(e, -EINVAL, "--net %s: the name is too long", s);
	a->text = s;
	return 0;
}

/* Open what carries the frames; @peer: the other end of a pair, or -1. */
static int open_backend(struct net *n, const struct device_arg *a, int *peer, struct err *e)
{
	int fd[2];

	*peer = -1;
	n->fd = (int)a->number;
	if (!a->text)
		return 0;
	n->fd = -1;
	n->tap = strcmp(a->text, "loop");
	if (n->tap)
		return open_tap(a->text + 4, &n->fd, e);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) < 0)
		return err_set(e, -errno, "socketpair: %m");
	n->fd = fd[0];
	*peer = fd[1];
	return 0;
}

/* Without text, the argument's number is a descriptor: the end of a pair. */
static int add(struct devices *d, struct device *x, struct err *e)
{
	static const uint8_t mac[] = { 2, 'k', 'v', 'm', 0 };
	struct net *n = x->dev;
	unsigned int i;
	int peer, rc = open_backend(n, x->arg, &peer, e);

	memcpy(n->config.mac, mac, sizeof(mac));
	for (i = 0; i < d->n - 1; i++)	/* its number among the network cards */
		n->config.mac[5] += d->dev[i].type == &net_device;
	n->config.status = 1;		/* link up */
	n->loop = &x->loop;
	n->starved = true;		/* until the driver gives buffers */
	n->frame = malloc(FRAME_MAX);
	if (!rc && !n->frame)
		rc = err_set(e, -ENOMEM, "virtio-net: no memory");
	if (!rc)
		rc = virtio_init(&n->v, x->arg->vhost ? &vhost_net_ops : &net_ops, &d->vm->mem,
				 &n->config, sizeof(n->config), e);
	n->h.fd = -1;
	if (!rc && x->arg->vhost) {
		rc = vhost_open(&n->h, &n->v, "/dev/vhost-net", "vhost_net", e);
		n->v.offered &= TAP_FEATURES | n->h.features;
	}
	if (!rc)
		rc = device_attach(d, x, e);
	if (!rc)
		rc = x->arg->vhost ? vhost_attach(&n->h, x, e) :
			loop_add(n->loop, n->fd, 0, on_frame, n, e);
	if (rc && peer >= 0)
		close(peer);
	if (rc || peer < 0)
		return rc;
	return device_add(d, &net_device, &(struct device_arg){ .number = (uint64_t)peer }, e);
}

static void net_free(void *dev)
{
	struct net *n = dev;

	free(n->frame);
	vhost_close(&n->h);
	if (n->fd >= 0)
		close(n->fd);
}

const struct device_type net_device = {
	.option = "net",
	.help = " tap:NAME[,vhost]  virtio-net on a tap device that is there; vhost: the kernel serves it\n"
		"  --net loop         two virtio-net devices wired to each other",
	.max = 8, .virtio = true, .role = SANDBOX_NET, .size = sizeof(struct net),
	.parse = parse, .add = add, .free = net_free,
};
