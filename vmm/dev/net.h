/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtio-net on a descriptor that carries frames, each with a virtio-net
 * header before it: a tap device, or one end of a socket pair. Source:
 * Virtual I/O Device 1.2, 5.1; Documentation/networking/tuntap.rst.
 */
#ifndef VMM_NET_H
#define VMM_NET_H

#include "dev/virtio.h"

struct net {
	struct virtio v;
	struct virtio_ops ops;		/* net_ops, features as the backend is */
	struct {
		uint8_t mac[6];
		uint16_t status;
	} __attribute__((packed)) config;
	int fd;
	bool tap;
	bool starved;			/* no receive buffers: not waiting on fd */
	struct loop *loop;
	uint8_t *frame;			/* one, being received */
};

/* net_open_tap - descriptor of the tap device @name, which must exist */
int net_open_tap(const char *name, int *fd, struct err *e);

/* net_open_pair - two descriptors wired to each other */
int net_open_pair(int fd[2], struct err *e);

/*
 * net_init - make a device on @fd, which it owns from here on
 * @index: for its MAC address, 02:6b:76:6d:00:INDEX
 */
int net_init(struct net *n, const struct mem *mem, int fd, bool tap,
	     unsigned int index, struct err *e);

/* net_listen - receive on @loop, the one its kicks are served by */
int net_listen(struct net *n, struct loop *loop, struct err *e);
void net_close(struct net *n);

#endif
