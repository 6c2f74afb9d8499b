// SPDX-License-Identifier: GPL-2.0-only
#include "devices.h"

#include "dev/virtio_mmio.h"
#include "dev/virtio_pci.h"

#define ROW(name)	&name##_device,
const struct device_type *const device_types[] = { DEVICES(ROW) NULL };

int devices_add(struct devices *d, const struct device_arg *a, unsigned int n,
		int *status, struct err *e)
{
	const struct device_type *const *t;
	unsigned int i;
	int rc = 0;

	d->transport = d->pci ? &virtio_pci_transport : &virtio_mmio_transport;
	for (t = device_types; *t && !rc; t++) {
		*status = (*t)->image ? VM_IMAGE : VM_HOST;
		if (!(*t)->option)
			rc = device_add(d, *t, NULL, e);
		for (i = 0; i < n && !rc; i++)
			if (a[i].type == *t)
				rc = device_add(d, *t, &a[i], e);
	}
	return rc;
}
