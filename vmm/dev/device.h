/* SPDX-License-Identifier: GPL-2.0 */
/* The devices of a machine, and where they find each other. */
#ifndef VMM_DEVICE_H
#define VMM_DEVICE_H

#include <stdbool.h>

#include "dev/pci.h"
#include "dev/virtio.h"
#include "kvm.h"

struct devices {
	struct vm *vm;
	const struct virtio_transport *transport;
	bool acpi;		/* the guest finds devices by ACPI */
	struct pci_bus *pci;
	struct virtio *virtio[VIRTIO_MAX];	/* all, in their order */
	struct virtio_place place[VIRTIO_MAX];
	unsigned int nvirtio;
};

/*
 * device_attach - give virtio device @v the next place of the transport
 * @loop: serves its kicks; NULL: who serves it has the eventfds
 */
int device_attach(struct devices *d, struct virtio *v, struct loop *loop,
		  struct err *e);

#endif
