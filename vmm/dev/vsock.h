/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtio-vsock with the kernel's vhost as its back end. Source: Virtual I/O
 * Device 1.2, 5.10; <linux/vhost.h>.
 */
#ifndef VMM_VSOCK_H
#define VMM_VSOCK_H

#include "dev/virtio.h"

struct vsock {
	struct virtio v;
	struct virtio_ops ops;
	uint64_t cid;			/* configuration space */
	int fd;				/* /dev/vhost-vsock */
	int call_fd[2];			/* vhost rings these: receive, transmit */
	bool running;
};

/* vsock_init - open vhost-vsock and give it the guest's memory */
int vsock_init(struct vsock *s, const struct mem *mem, uint64_t cid,
	       struct err *e);

/* vsock_listen - pass vhost's calls on as interrupts, on @loop */
int vsock_listen(struct vsock *s, struct loop *loop, struct err *e);
void vsock_close(struct vsock *s);

#endif
