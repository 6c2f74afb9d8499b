// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzzing: the snapshot reader, memory map and devices. The input is the
 * file; where it is long enough, its magic is put right, so that time goes
 * into what follows.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dev/virtio_mmio.h"
#include "dev/virtio_pci.h"
#include "machine.h"
#include "snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int link_device(struct machine *m, struct virtio *v)
{
	struct virtio_pci *p;
	int rc = m->pci.on ? virtio_pci_link(v, PCI_BASE, NULL) : virtio_mmio_link(v, NULL);

	if (!rc && m->pci.on) {
		p = v->link;
		p->msi = vm_msi;
		p->ctx = &m->vm;
	}
	m->dev.virtio[m->dev.nvirtio++] = v;
	return rc;
}

static void try_devices(struct machine *m, const struct snapshot *s)
{
	static struct rng rng;
	struct balloon *balloon = &m->balloon;
	struct irq irq = { NULL, NULL, SERIAL_IRQ };
	struct out out = { -1, NULL, false };
	struct err e;

	serial_init(&m->serial, &irq, &out);
	if (pc_init(&m->pc, &m->vm, &out, false, &e) ||
	    rng_init(&rng, &m->vm.mem, &e))
		return;
	m->pci.on = s->h.flat;	/* as good a bit as any */
	if (!balloon_init(balloon, &m->vm.mem, 1, &e) && !link_device(m, &rng.v) &&
	    !link_device(m, &balloon->v)) {
		if (!snap_load_devices(m, &s->state, &e)) {
			uint8_t v[4] = { 0 };

			virtio_kicked(&rng.v, rng.v.kick_fd[0], 0);
			virtio_kicked(&balloon->v, balloon->v.kick_fd[0], 0);
			if (!m->pci.on)
				virtio_mmio(balloon->v.link, 0x70, v, 4, true);
			bus_access(&m->vm.pio, 0x71, v, 1, false);
		}
	}
	virtio_free(&balloon->v);
	virtio_free(&rng.v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct machine m;
	struct snapshot s;
	struct err e;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0)
		return 0;
	if (pwrite(fd, data, size, 0) != (ssize_t)size ||
	    (size > 64 && pwrite(fd, SNAP_MAGIC "\3\0\0\0", 20, 0) != 20)) {
		close(fd);
		return 0;
	}
	if (snapshot_open_fd(&s, fd, "fuzz", &e))	/* closes it */
		return 0;
	memset(&m, 0, sizeof(m));
	m.vm.fd = m.vm.stop_fd = -1;
	pthread_mutex_init(&m.vm.lock, NULL);
	pthread_cond_init(&m.vm.cond, NULL);
	if (!snapshot_memory(&m.vm.mem, &s, &e))
		try_devices(&m, &s);
	mem_free(&m.vm.mem);
	snapshot_close(&s);
	return 0;
}
