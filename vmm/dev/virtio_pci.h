/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio over PCI: each device is a function with one BAR and one interrupt
 * (MSI-X) a queue; no INTx. Sources: Virtual I/O Device 1.2, 4.1; PCI Local Bus
 * 3.0, 6.1, 6.2.5 (BARs), 6.8.2 (MSI-X).
 */
#ifndef VMM_VIRTIO_PCI_H
#define VMM_VIRTIO_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "dev/pci.h"
#include "dev/virtio.h"

#define PCI_BAR_LEN	0x1000U

#define VIRTIO_VECTORS	(VIRTIO_QUEUES_MAX + 1)

/* What a snapshot keeps. */
struct virtio_pci_regs {
	uint8_t cfg[256];		/* configuration space */
	struct {
		uint32_t addr, addr_high, data, control;
	} msix[VIRTIO_VECTORS];		/* as the guest sees it */
	uint32_t pending;		/* a bit a vector */
	uint16_t vector[VIRTIO_VECTORS]; /* of a queue; the last: of configuration */
};

struct virtio_pci {
	struct pci_function f;
	struct virtio *v;
	/* Sends an MSI. Devices know no KVM; tests put their own function here. */
	void (*msi)(void *ctx, uint64_t addr, uint32_t data);
	void *ctx;
	uint32_t bar;			/* gpa; stays, whatever a guest writes */
	/*
	 * Guards r. Taken inside v->lock, and often without it: a device that
	 * waits for its disk or pipe must not hold up a guest that looks for PCI
	 * devices.
	 */
	pthread_mutex_t lock;
	struct virtio_pci_regs r;
};

extern const struct virtio_transport virtio_pci_transport;

/* virtio_pci_link - make @v a PCI function, BAR at @bar, on no bus yet */
int virtio_pci_link(struct virtio *v, uint32_t bar, struct err *e);

/* virtio_pci_bar - a bus_fn: what is behind the BAR; @dev: struct virtio_pci */
void virtio_pci_bar(void *dev, uint64_t off, void *data, uint32_t len,
		    bool is_write);

#endif
