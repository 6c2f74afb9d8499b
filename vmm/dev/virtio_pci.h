/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtio over PCI: a bus of functions that are each one virtio device, with one
 * BAR and an interrupt (MSI-X) a queue; no INTx. Sources: Virtual I/O Device
 * 1.2, 4.1; PCI Local Bus 3.0, 3.2.2.3.2 (configuration mechanism #1), 6.1,
 * 6.2.5 (BARs), 6.8.2 (MSI-X).
 */
#ifndef VMM_VIRTIO_PCI_H
#define VMM_VIRTIO_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "dev/virtio.h"

#define PCI_PORT	0xcf8	/* address; data at + 4 */
#define PCI_SLOTS	32	/* slot 0 is the host bridge */
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
	struct virtio *v;
	/* Sends an MSI. Devices know no KVM; tests put their own function here. */
	void (*msi)(void *ctx, uint64_t addr, uint32_t data);
	void *ctx;
	uint32_t bar;			/* gpa; stays, whatever a guest writes */
	/*
	 * Guards r. Inside v->lock, and often without: a device that waits for
	 * its disk or pipe must not hold up who looks for PCI devices.
	 */
	pthread_mutex_t lock;
	struct virtio_pci_regs r;
};

/* All functions of bus 0, by slot; NULL: nobody there. */
struct pci_bus {
	struct virtio_pci *slot[PCI_SLOTS];
};

/* virtio_pci_init - make @v a function of @p, BAR at @bar; tests need no more */
void virtio_pci_init(struct virtio_pci *p, struct virtio *v, uint32_t bar);

/* virtio_pci_attach - the same, on @vm's buses, its kicks served by @loop */
int virtio_pci_attach(struct virtio_pci *p, struct virtio *v, struct vm *vm,
		      uint32_t bar, struct loop *loop, struct err *e);

/* virtio_pci_load - take over registers of a snapshot, as far as they are writable */
void virtio_pci_load(struct virtio_pci *p, const struct virtio_pci_regs *r);

/*
 * virtio_pci_interrupt - send the MSI of @source, a queue or
 * VIRTIO_QUEUES_MAX (configuration), or leave it pending; v->lock held
 *
 * False if the driver has not turned MSI-X on: the ISR register then says it all.
 */
bool virtio_pci_interrupt(struct virtio_pci *p, unsigned int source);

/* virtio_pci_bar - a bus_fn: what is behind the BAR */
void virtio_pci_bar(void *dev, uint64_t off, void *data, uint32_t len,
		    bool is_write);

/*
 * pci_config - an access of @len bytes to configuration space
 * @address: as in port 0xcf8, bits 0 and 1 from the data port's
 */
void pci_config(struct pci_bus *b, uint32_t address, void *data, uint32_t len,
		bool is_write);

#endif
