// SPDX-License-Identifier: GPL-2.0
/* From options to devices: which there are, at which address and line. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "dev/virtio_mmio.h"
#include "dev/virtio_pci.h"
#include "machine.h"

static int add_disk(struct machine *m, const struct opt_disk *d, struct err *e)
{
	struct blk *b = &m->blk[m->nblk];
	int rc = blk_open(b, &m->vm.mem, d->path, d->readonly, d->direct, e);

	if (rc)
		return rc;
	m->nblk++;
	return device_attach(&m->dev, &b->v, &b->loop, e);
}

static int add_nic(struct machine *m, int fd, bool tap, struct err *e)
{
	struct net *n = &m->net[m->nnet];
	int rc = net_init(n, &m->vm.mem, fd, tap, m->nnet, e);

	if (rc)
		return rc;
	m->nnet++;
	rc = device_attach(&m->dev, &n->v, &m->vm.loop, e);
	return rc ? rc : net_listen(n, &m->vm.loop, e);
}

static int add_net(struct machine *m, const char *spec, struct err *e)
{
	int fd[2] = { -1, -1 }, rc;

	if (!strncmp(spec, "tap:", 4)) {
		rc = net_open_tap(spec + 4, &fd[0], e);
		return rc ? rc : add_nic(m, fd[0], true, e);
	}
	rc = net_open_pair(fd, e);
	if (rc)
		return rc;
	rc = add_nic(m, fd[0], false, e);
	if (rc)
		close(fd[1]);
	return rc ? rc : add_nic(m, fd[1], false, e);
}

static int add_vsock(struct machine *m, struct err *e)
{
	struct vsock *s = &m->vsock;
	int rc = vsock_init(s, &m->vm.mem, m->o->vsock_cid, e);

	if (!rc)
		rc = device_attach(&m->dev, &s->v, NULL, e);	/* vhost is kicked, not we */
	return rc ? rc : vsock_listen(s, &m->vm.loop, e);
}

/* Those that cannot fail but for want of memory. */
static int add_small(struct machine *m, const struct out *out, struct err *e)
{
	const struct opts *o = m->o;
	const struct mem *mem = &m->vm.mem;
	int rc = 0;

	if (o->console) {
		rc = console_init(&m->console, mem, out, e);
		if (!rc)
			rc = device_attach(&m->dev, &m->console.v, &m->console.loop, e);
	}
	if (!rc && o->rng) {
		rc = rng_init(&m->rng, mem, e);
		if (!rc)
			rc = device_attach(&m->dev, &m->rng.v, &m->vm.loop, e);
	}
	if (!rc && o->balloon) {
		rc = balloon_init(&m->balloon, mem, (uint32_t)(o->balloon_mib << 8), e);
		if (!rc)
			rc = device_attach(&m->dev, &m->balloon.v, &m->vm.loop, e);
	}
	return rc;
}

int machine_add_devices(struct machine *m, int *status, struct err *e)
{
	const struct opts *o = m->o;
	struct vm *vm = &m->vm;
	struct out out = { STDOUT_FILENO, &vm->stopping, false };
	struct irq irq = { dev_irq_vm, vm, SERIAL_IRQ };
	unsigned int i;
	int rc;

	serial_init(&m->serial, &irq, &out);
	rc = bus_add(&vm->pio, SERIAL_PORT, SERIAL_LEN, "serial", serial_io, &m->serial, e);
	if (!rc)
		rc = pc_init(&m->pc, vm, &out, m->flat, e);
	if (!rc)
		rc = pci_init(&m->pci, vm, o->pci, e);
	m->dev.vm = vm;
	m->dev.transport = o->pci ? &virtio_pci_transport : &virtio_mmio_transport;
	m->dev.acpi = !o->no_acpi;
	m->dev.pci = &m->pci.bus;
	*status = VM_IMAGE;
	for (i = 0; i < o->ndisks && !rc; i++)
		rc = add_disk(m, &o->disk[i], e);
	if (rc)
		return rc;
	*status = VM_HOST;
	for (i = 0; i < o->nnets && !rc; i++)
		rc = add_net(m, o->net[i], e);
	if (!rc)
		rc = add_small(m, &out, e);
	if (!rc && o->vsock_cid)
		rc = add_vsock(m, e);
	return rc;
}

uint32_t machine_input(struct machine *m, const uint8_t *buf, uint32_t len)
{
	return m->o->console ? console_input(&m->console, buf, len) :
		serial_input(&m->serial, buf, len);
}

void machine_free_devices(struct machine *m)
{
	while (m->nblk)
		blk_close(&m->blk[--m->nblk]);
	while (m->nnet)
		net_close(&m->net[--m->nnet]);
	console_free(&m->console);
	virtio_free(&m->rng.v);
	virtio_free(&m->balloon.v);
	if (m->vsock.v.ops)
		vsock_close(&m->vsock);
}
