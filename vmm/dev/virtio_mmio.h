/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio over MMIO, version 2: registers in memory, and an interrupt line. ACPI
 * or the kernel command line says where. Source: Virtual I/O Device 1.2, 4.2.
 */
#ifndef VMM_VIRTIO_MMIO_H
#define VMM_VIRTIO_MMIO_H

#include "dev/virtio.h"

#define VIRTIO_MMIO_BASE	0xd0000000UL
#define VIRTIO_MMIO_STRIDE	0x1000UL
#define VIRTIO_MMIO_LEN		0x200U
#define VIRTIO_MMIO_CONFIG	0x100U

struct virtio_mmio {
	struct virtio *v;
	int irq_fd;		/* eventfd; a write interrupts the guest */
	/*
	 * The registers that the guest reads without an exit, or NULL. The page
	 * holds ISR, too. Its queue bit stays set, as the driver's acknowledgement
	 * does not reach us: the driver then looks at rings that have nothing new.
	 */
	atomic_uint *page;
};

extern const struct virtio_transport virtio_mmio_transport;

/* virtio_mmio_link - reach @v by MMIO, on no bus yet; tests need no more */
int virtio_mmio_link(struct virtio *v, struct err *e);

/* virtio_mmio - a bus_fn: the registers; @dev: struct virtio_mmio */
void virtio_mmio(void *dev, uint64_t off, void *data, uint32_t len,
		 bool is_write);

#endif
