/* SPDX-License-Identifier: GPL-2.0 */
/* What all devices share: an interrupt line, and where characters go. */
#ifndef VMM_DEV_H
#define VMM_DEV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* An interrupt line. Devices know no KVM; tests put their own function here. */
struct irq {
	void (*set)(void *ctx, uint32_t line, int level);
	void *ctx;
	uint32_t line;
};

static inline void irq_set(const struct irq *i, int level)
{
	if (i->set)
		i->set(i->ctx, i->line, level);
}

/* dev_irq_vm - irq.set that drives a VM's in-kernel controller; ctx: struct vm */
void dev_irq_vm(void *ctx, uint32_t line, int level);

/* Where a console's characters go. */
struct out {
	int fd;
	const atomic_bool *stop;	/* given up when set, or NULL */
	bool ask;			/* wait by poll(2), as no signal will end
					 * a write(2) of this thread's */
};

/*
 * out_write - write all of it; a reader that went away, or a full pipe when
 * the VM is being stopped, swallows the rest
 */
void out_write(const struct out *o, const void *buf, uint32_t len);

#endif
