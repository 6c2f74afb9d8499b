/* SPDX-License-Identifier: GPL-2.0 */
/* From options to devices. */
#ifndef VMM_DEVICES_H
#define VMM_DEVICES_H

#include "dev/device.h"

/* All types, in the order in which a machine adds its devices; ends in NULL. */
extern const struct device_type *const device_types[];

/*
 * devices_add - what every machine has, and the @n devices of @a
 * @d:      made but for its transport, and empty; the VM is there
 * @status: on failure, the exit status that fits (enum vm_status)
 *
 * devices_free() also after a failure.
 */
int devices_add(struct devices *d, const struct device_arg *a, unsigned int n,
		int *status, struct err *e);

#endif
