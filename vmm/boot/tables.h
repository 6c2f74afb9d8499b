/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What firmware would leave in memory for the guest to find its hardware:
 * ACPI tables, and an MP table for guests without ACPI.
 */
#ifndef VMM_TABLES_H
#define VMM_TABLES_H

#include <stdint.h>

#include "dev/virtio.h"

#define TABLES_MP	0xf0000UL
#define TABLES_END	0xf1000UL	/* of ACPI's and MP's */
#define TABLES_RESET	0xffff0UL	/* the CPU's reset vector, in real mode */
#define IOAPIC_ADDR	0xfec00000U
#define LAPIC_ADDR	0xfee00000U

/* In place of a number of virtio-mmio devices: they are on PCI. */
#define TABLES_PCI	(~0U)

/*
 * acpi_write - RSDP, XSDT, FADT (hardware reduced), MADT and DSDT
 * @ndev: virtio-mmio devices in @dev; or TABLES_PCI, which ignores @dev
 * @rsdp: the RSDP's guest physical address, BOOT_ROM
 *
 * Source: ACPI specification 6.5, 5.2 and 20.2 (AML).
 */
int acpi_write(const struct mem *m, unsigned int cpus,
	       const struct virtio_place *dev, unsigned int ndev, uint64_t *rsdp,
	       struct err *e);

/*
 * mptable_write - MP floating pointer and configuration table at TABLES_MP,
 * and code at TABLES_RESET that resets the machine
 *
 * Source: Intel MultiProcessor Specification 1.4, ch. 4.
 */
int mptable_write(const struct mem *m, unsigned int cpus, struct err *e);

/* table_sum - what makes the bytes' sum 0 modulo 256 */
uint8_t table_sum(const void *p, uint64_t len);

#endif
