// SPDX-License-Identifier: GPL-2.0
#include "dev/device.h"

#include <errno.h>

int device_attach(struct devices *d, struct virtio *v, struct loop *loop, struct err *e)
{
	const struct virtio_transport *t = d->transport;
	enum vm_irqchip chip = d->vm->cfg.irqchip;
	int rc;

	if (d->nvirtio == t->max)
		return err_set(e, -ENOSPC, "more than %u virtio devices", t->max);
	if (chip == VM_IRQCHIP_NONE || (chip == VM_IRQCHIP_SPLIT && t->lines))
		return err_set(e, -EINVAL,
			       "virtio devices need --irqchip full, or split with --pci");
	rc = t->attach(d, v, loop, e);
	if (!rc)
		d->virtio[d->nvirtio++] = v;
	return rc;
}
