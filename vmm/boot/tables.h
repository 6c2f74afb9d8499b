/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What firmware would leave in memory for the guest to find its hardware:
 * ACPI tables, and an MP table for guests without ACPI.
 */
#ifndef VMM_TABLES_H
#define VMM_TABLES_H

#include <stdint.h>

#include "err.h"
#include "memory.h"

#define TABLES_MP	0xf0000UL
#define TABLES_RESET	0xffff0UL	/* the CPU's reset vector, in real mode */
#define IOAPIC_ADDR	0xfec00000U
#define LAPIC_ADDR	0xfee00000U

/* A virtio-mmio device, for the DSDT. */
struct table_dev {
	uint64_t base;		/* below 4 GiB */
	uint32_t len;
	uint32_t gsi;
};

/* In place of a number of those: they are on PCI, whose host bridge is there. */
#define TABLES_PCI	(~0U)
#define TABLES_PCI_BASE	0xd0000000U	/* its window for BARs */
#define TABLES_PCI_LEN	0x00100000U

/*
 * acpi_write - RSDP, XSDT, FADT (hardware reduced), MADT and DSDT
 * @ndev: virtio-mmio devices in @dev; or TABLES_PCI, @dev is not looked at then
 * @rsdp: the RSDP's guest physical address, BOOT_ROM
 *
 * Source: ACPI specification 6.5, 5.2 and 20.2 (AML).
 */
int acpi_write(const struct mem *m, unsigned int cpus,
	       const struct table_dev *dev, unsigned int ndev, uint64_t *rsdp,
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
