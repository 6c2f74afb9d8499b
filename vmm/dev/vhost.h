/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtio device whose queues 0 and 1 the kernel serves (vhost). Source:
 * <linux/vhost.h>. A device of this kind has neither request() nor kick().
 */
#ifndef VMM_VHOST_H
#define VMM_VHOST_H

#include "dev/device.h"

struct vhost {
	struct virtio *v;
	int fd;			/* -1: it is not open */
	int call_fd[2];		/* vhost rings these */
	uint64_t features;	/* that it knows */
};

/*
 * vhost_open - take @path (/dev/vhost-net) for @v, and give it the guest's memory
 * @module: that brings @path, for the message
 *
 * vhost_close() follows even a failure; it ignores a @h with fd -1.
 */
int vhost_open(struct vhost *h, struct virtio *v, const char *path, const char *module,
	       struct err *e);

/* vhost_attach - after device_attach(): pass vhost's calls on as interrupts */
int vhost_attach(struct vhost *h, struct device *x, struct err *e);

/* vhost_start - the driver set features and queues up; -1 if vhost refuses */
int vhost_start(struct vhost *h);
void vhost_close(struct vhost *h);

#endif
