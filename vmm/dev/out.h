/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a console's characters go. */
#ifndef VMM_OUT_H
#define VMM_OUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct out {
	int fd;
	const atomic_bool *stop;	/* given up when set, or NULL */
	bool ask;			/* wait by poll(2): no signal ends a write(2)
					 * of this thread */
};

/*
 * out_write - write all of it; a reader that went away, or a full pipe when
 * the VM is being stopped, swallows the rest
 */
void out_write(const struct out *o, const void *buf, uint32_t len);

#endif
