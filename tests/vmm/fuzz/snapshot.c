// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz the snapshot reader, memory map and devices. The input is the file; if it is
 * long enough, its magic and version are corrected, so that no time is spent on those.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dev/virtio_mmio.h"
#include "dev/virtio_pci.h"
#include "snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int attach(struct devices *d, struct virtio *v, struct loop *loop, struct err *e)
{
	struct virtio_pci *p;
	int rc = d->pci ? virtio_pci_link(v, PCI_BASE, e) : virtio_mmio_link(v, e);

	(void)loop;
	if (!rc && d->pci) {
		p = v->link;
		p->msi = vm_msi;
		p->ctx = d->vm;
	}
	return rc;
}

static const struct virtio_transport on_no_bus = { .max = 2, .attach = attach };

static void try_devices(struct devices *d, const struct snapshot *s)
{
	const struct device_type *const types[] = {
		&serial_device, &pc_device, &pci_device, &rng_device, &balloon_device,
	};
	struct device_arg a = { .number = 1 };
	uint8_t v[4] = { 0 };
	struct err e;
	unsigned int i;

	for (i = 0; i < 5; i++)
		if (device_add(d, types[i], &a, &e))
			return;
	if (devices_load(d, &s->state, &e))
		return;
	for (i = 0; i < 2; i++)
		virtio_kicked(d->virtio[i], d->virtio[i]->kick_fd[0], 0);
	if (!d->pci)
		virtio_mmio(d->virtio[1]->link, 0x70, v, 4, true);
	bus_access(&d->vm->pio, 0x71, v, 1, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vm vm;
	struct devices d = { .vm = &vm, .out = { .fd = -1 }, .input_fd = -1,
			     .transport = &on_no_bus };
	struct snapshot s;
	struct err e;
	uint64_t sum;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0)
		return 0;
	if (pwrite(fd, data, size, 0) != (ssize_t)size ||
	    (size > 64 && pwrite(fd, SNAP_MAGIC "\5\0\0\0", 20, 0) != 20)) {
		close(fd);
		return 0;
	}
	if (snapshot_open_fd(&s, fd, "fuzz", &e))	/* closes it */
		return 0;
	snapshot_sum(&s, &sum);		/* its value does not matter here */
	memset(&vm, 0, sizeof(vm));
	vm.fd = vm.stop_fd = -1;
	vm.cfg.irqchip = VM_IRQCHIP_FULL;
	pthread_mutex_init(&vm.lock, NULL);
	pthread_cond_init(&vm.cond, NULL);
	d.pci = s.h.flat;	/* any bit of the input will do */
	if (!snapshot_memory(&vm.mem, &s, &e))
		try_devices(&d, &s);
	devices_free(&d);
	mem_free(&vm.mem);
	snapshot_close(&s);
	return 0;
}
