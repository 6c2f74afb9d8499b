// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzzing: every port device and the test memory, with a VM that is not there. Four bytes an
 * operation: kind, port (or an index of interesting ones), value.
 */
#include <string.h>

#include "dev/pc.h"
#include "dev/pci.h"
#include "dev/serial.h"
#include "vm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint16_t ports[] = {
	0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x3ff, 0x60, 0x64,
	0x70, 0x71, 0xe0, 0xf4, 0x510, 0x511, 0x600, 0x601, 0x602, 0xcf9,
	0x2000, 0x8900, 0xcf8, 0xcfc,
};

static void ignore(void *ctx, uint32_t line, int level)
{
	(void)ctx;
	(void)line;
	(void)level;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vm vm;
	static struct pc pc;
	static struct pci pci;
	static struct serial serial;
	struct irq irq = { ignore, NULL, SERIAL_IRQ };
	struct out out = { -1, NULL, false };
	uint8_t v[8];

	memset(&vm, 0, sizeof(vm));
	vm.fd = vm.stop_fd = -1;
	vm.cfg.cpus = 1;
	pthread_mutex_init(&vm.lock, NULL);
	pthread_cond_init(&vm.cond, NULL);
	serial_init(&serial, &irq, &out);
	if (bus_add(&vm.pio, SERIAL_PORT, SERIAL_LEN, "serial", serial_io, &serial, NULL) ||
	    pc_init(&pc, &vm, &out, true, NULL) || pci_init(&pci, &vm, true, NULL))
		return 0;
	for (; size >= 4; size -= 4, data += 4) {
		uint16_t port = (uint16_t)(data[1] | data[2] << 8);
		uint32_t len = 1U << ((data[0] >> 4) & 3);

		memset(v, data[3], sizeof(v));
		if (data[0] & 2)
			port = ports[data[1] % (sizeof(ports) / sizeof(ports[0]))];
		if (data[0] & 8)
			bus_access(&vm.mmio, PC_IORAM + port, v, len, data[0] & 1);
		else if (data[0] & 4)
			serial_input(&serial, data, 4);
		else
			bus_access(&vm.pio, port, v, len, data[0] & 1);
	}
	return 0;
}
