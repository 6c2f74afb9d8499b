// SPDX-License-Identifier: GPL-2.0-only
#include "dev/pci.h"

#include <stddef.h>
#include <string.h>

#include "dev/device.h"

void pci_config(struct pci_bus *b, uint32_t address, void *data, uint32_t len, bool is_write)
{
	/* The host bridge: QEMU's, by its IDs; class 06.00. */
	static const uint8_t bridge[16] = { 0x36, 0x1b, 0x08, 0, [11] = 6 };
	uint32_t slot = address >> 11 & (PCI_SLOTS - 1), reg = address & 0xff;

	/* Enabled, bus 0, function 0, an access of one dword at most */
	if ((address & 0xffff0700) != 0x80000000 || (reg & 3) + len > 4)
		return;
	if (b->slot[slot]) {
		b->slot[slot]->config(b->slot[slot], reg, data, len, is_write);
	} else if (!slot && !is_write) {
		memset(data, 0, len);
		if (reg < sizeof(bridge))
			memcpy(data, bridge + reg, len);
	}
}

struct pci {
	struct vm *vm;
	bool on;		/* else only the reset port works */
	uint32_t address;	/* port 0xcf8 */
	struct pci_bus bus;
};

/* Port 0xcf9 lies between address and data: 0x06 and 0x0e reset, as in PCI chipsets. */
static void ports(void *dev, uint64_t off, void *data, uint32_t len, bool wr)
{
	struct pci *p = dev;

	if (off == 1 && len == 1 && wr && (*(uint8_t *)data & 4))
		vm_stop(p->vm, VM_RESET, "guest reset itself (port 0xcf9)");
	else if (p->on && !off && len == 4)
		memcpy(wr ? &p->address : data, wr ? data : &p->address, 4);
	else if (p->on && off >= 4)
		pci_config(&p->bus, (p->address & ~3U) | (off & 3), data, len, wr);
}

static int add(struct devices *d, struct device *x, struct err *e)
{
	struct pci *p = x->dev;

	p->vm = d->vm;
	p->on = d->pci;
	d->bus = &p->bus;
	return bus_add(&d->vm->pio, PCI_PORT, PCI_PORT_LEN, "PCI", ports, p, e);
}

const struct device_type pci_device = {
	.size = sizeof(struct pci), .add = add, .state = "pci",
	.state_at = offsetof(struct pci, address), .state_len = sizeof(uint32_t),
};
