// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz every port device and the test memory, without a real VM. An operation has four
 * bytes: kind, port (or the index of an interesting one), value.
 */
#include <string.h>

#include "dev/device.h"
#include "dev/pc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint16_t ports[] = {
	0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x3ff, 0x60, 0x64,
	0x70, 0x71, 0xe0, 0xf4, 0x510, 0x511, 0x600, 0x601, 0x602, 0xcf9,
	0x2000, 0x8900, 0xcf8, 0xcfc,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vm vm;
	struct devices all = { .vm = &vm, .flat = true, .pci = true, .out = { .fd = -1 },
			       .input_fd = -1 };
	uint8_t v[8];

	memset(&vm, 0, sizeof(vm));
	vm.fd = vm.stop_fd = -1;
	vm.cfg.cpus = 1;
	pthread_mutex_init(&vm.lock, NULL);
	pthread_cond_init(&vm.cond, NULL);
	if (device_add(&all, &serial_device, NULL, NULL) ||
	    device_add(&all, &pc_device, NULL, NULL) || device_add(&all, &pci_device, NULL, NULL))
		size = 0;
	for (; size >= 4; size -= 4, data += 4) {
		uint16_t port = (uint16_t)(data[1] | data[2] << 8);
		uint32_t len = 1U << ((data[0] >> 4) & 3);

		memset(v, data[3], sizeof(v));
		if (data[0] & 2)
			port = ports[data[1] % (sizeof(ports) / sizeof(ports[0]))];
		if (data[0] & 8)
			bus_access(&vm.mmio, PC_IORAM + port, v, len, data[0] & 1);
		else if (data[0] & 4)
			all.input.put(all.input.dev, data, 4);
		else
			bus_access(&vm.pio, port, v, len, data[0] & 1);
	}
	devices_free(&all);
	return 0;
}
