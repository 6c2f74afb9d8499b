/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a console's characters go. */
#ifndef VMM_OUT_H
#define VMM_OUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dev/watch.h"

struct out {
	int fd;
	const atomic_bool *stop;	/* given up when set, or NULL */
	bool ask;			/* wait by poll(2): no signal ends a write(2)
					 * of this thread */
	void (*failed)(void *ctx, int error);	/* told of a write that failed, or NULL */
	void *ctx;
	struct watch *watch;		/* sees all of it, or NULL */
};

/*
 * out_write - write all of it
 *
 * False, and the rest is lost: the reader went away; or the VM is being stopped
 * and the pipe is full, or has taken OUT_LAST bytes more.
 */
#define OUT_LAST	65536U
bool out_write(const struct out *o, const void *buf, uint32_t len);

#endif
