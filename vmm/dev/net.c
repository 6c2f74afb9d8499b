// SPDX-License-Identifier: GPL-2.0
#include "dev/net.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
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

int net_open_tap(const char *name, int *fd, struct err *e)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int size = HDR;

	if (strlen(name) >= sizeof(r.ifr_name))
		return err_set(e, -EINVAL, "tap:%s: the name is too long", name);
	memcpy(r.ifr_name, name, strlen(name));
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

int net_open_pair(int fd[2], struct err *e)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) < 0)
		return err_set(e, -errno, "socketpair: %m");
	return 0;
}

static void send_frame(const struct net *n, const struct virtq_chain *c)
{
	ssize_t r = 0;

	if (c->out_len >= HDR && c->out_len <= FRAME_MAX)
		r = writev(n->fd, c->iov, (int)c->nout);
	(void)r;	/* a full backend loses the frame, as a wire does */
}

static void transmit(struct net *n)
{
	struct virtq *q = &n->v.q[TX];
	struct virtq_chain c;

	do {
		while (virtq_pop(q, &c) > 0) {
			send_frame(n, &c);
			virtq_push(q, c.head, 0);
		}
		virtio_signal(&n->v, TX);
	} while (virtq_more(q));
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
	if (events & (EPOLLHUP | EPOLLERR)) {
		loop_enable(n->loop, n->fd, 0);
		return;
	}
	pthread_mutex_lock(&n->v.lock);
	receive(n);
	if (n->v.q[RX].r.broken)
		virtio_fail(&n->v);
	pthread_mutex_unlock(&n->v.lock);
}

static void net_kick(struct virtio *v, unsigned int q)
{
	struct net *n = (struct net *)v;

	if (q == TX) {
		transmit(n);
	} else if (n->starved) {
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
	.name = "net", .id = 1, .nqueues = 2, .kick = net_kick, .start = net_start,
	.features = F_CSUM | F_GUEST_CSUM | F_MAC | F_GUEST_TSO4 |
		F_GUEST_TSO6 | F_HOST_TSO4 | F_HOST_TSO6 | F_MRG_RXBUF | F_STATUS,
};

int net_init(struct net *n, const struct mem *mem, int fd, bool tap,
	     unsigned int index, struct err *e)
{
	const uint8_t mac[6] = { 2, 'k', 'v', 'm', 0, (uint8_t)index };
	int rc;

	memset(n, 0, sizeof(*n));
	n->fd = fd;
	n->tap = tap;
	n->ops = net_ops;
	memcpy(n->config.mac, mac, sizeof(mac));
	n->config.status = 1;		/* link up */
	n->frame = malloc(FRAME_MAX);
	rc = n->frame ? virtio_init(&n->v, &n->ops, mem, &n->config, sizeof(n->config), e) :
		err_set(e, -ENOMEM, "virtio-net: no memory");
	if (rc)
		net_close(n);
	return rc;
}

int net_listen(struct net *n, struct loop *loop, struct err *e)
{
	n->loop = loop;
	n->starved = true;		/* until the driver gives buffers */
	return loop_add(loop, n->fd, 0, on_frame, n, e);
}

void net_close(struct net *n)
{
	virtio_free(&n->v);
	free(n->frame);
	if (n->fd >= 0)
		close(n->fd);
	n->frame = NULL;
	n->fd = -1;
}
