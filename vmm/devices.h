/* SPDX-License-Identifier: GPL-2.0-only */
/* From options to devices. */
#ifndef VMM_DEVICES_H
#define VMM_DEVICES_H

#include "dev/device.h"

/* All types, in the order in which a machine adds its devices; ends in NULL. */
extern const struct device_type *const device_types[];

/*
 * devices_add - add what every machine has, and the @n devices of @a
 * @d:      zero but for vm, out, flat, acpi and pci; vm_create() has made the VM
 * @status: on failure, the exit status that fits (enum vm_status)
 *
 * Call devices_free() even after a failure.
 */
int devices_add(struct devices *d, const struct device_arg *a, unsigned int n,
		int *status, struct err *e);

#endif
