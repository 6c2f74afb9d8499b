/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PCI host bridge: configuration mechanism #1 (ports 0xcf8 and 0xcfc) of
 * one bus. Source: PCI Local Bus 3.0, 3.2.2.3.2.
 */
#ifndef VMM_PCI_H
#define VMM_PCI_H

#include <stdbool.h>
#include <stdint.h>

#define PCI_PORT	0xcf8	/* address; data at + 4 */
#define PCI_PORT_LEN	8
#define PCI_SLOTS	32	/* slot 0 is the host bridge */
#define PCI_BASE	0xd0000000U	/* the window for BARs */
#define PCI_LEN		0x00100000U

/* A function of the bus; the first member of its device's structure. */
struct pci_function {
	/* An access to configuration space, inside one dword */
	void (*config)(struct pci_function *f, uint32_t reg, void *data,
		       uint32_t len, bool is_write);
};

struct pci_bus {
	struct pci_function *slot[PCI_SLOTS];	/* NULL: empty */
};

/*
 * pci_config - an access of @len bytes to configuration space
 * @address: as in port 0xcf8, bits 0 and 1 from the data port's
 */
void pci_config(struct pci_bus *b, uint32_t address, void *data, uint32_t len,
		bool is_write);

#endif
