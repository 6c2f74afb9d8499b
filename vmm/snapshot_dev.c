// SPDX-License-Identifier: GPL-2.0
/* Devices to records and back. What comes back is checked like a guest's. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"

static int load_serial(struct serial *s, const struct records *snap, struct err *e)
{
	struct serial_regs *r = &s->r;
	int rc = record_get(snap, "serial", 0, r, sizeof(*r), e);

	if (rc)
		return rc;
	if (r->head >= SERIAL_FIFO || r->count > SERIAL_FIFO)
		return err_set(e, -EBADMSG, "%s: serial FIFO at %u with %u bytes",
			       snap->name, r->head, r->count);
	r->ier &= 0xf;
	r->mcr &= 0x1f;
	serial_input(s, NULL, 0);	/* set the interrupt line */
	return 0;
}

static int load_pc(struct pc *p, const struct records *snap, struct err *e)
{
	int rc = record_get(snap, "pc", 0, &p->r, sizeof(p->r), e);

	p->r.i8042_full &= 1;
	p->r.cmos_index &= 0x7f;
	p->r.shutdown_pos &= 7;		/* 8 letters */
	return rc;
}

/* What a restored machine must have, too. */
struct record_devices {
	uint32_t virtio, pci, pci_address;
};

void snap_save_devices(struct machine *m, struct records *r)
{
	struct record_devices n = { m->dev.nvirtio, m->pci.on, m->pci.address };
	uint32_t i;

	record_put(r, "devices", 0, &n, sizeof(n));
	record_put(r, "serial", 0, &m->serial.r, sizeof(m->serial.r));
	record_put(r, "pc", 0, &m->pc.r, sizeof(m->pc.r));
	for (i = 0; i < m->dev.nvirtio; i++)
		virtio_save(m->dev.virtio[i], i, r);
}

int snap_load_devices(struct machine *m, const struct records *s, struct err *e)
{
	struct record_devices n;
	unsigned int i;
	int rc = record_get(s, "devices", 0, &n, sizeof(n), e);

	if (rc)
		return rc;
	if (n.virtio != m->dev.nvirtio)
		return err_set(e, -EBADMSG,
			       "%s: has %u virtio devices, here are %u: give the devices as for --snapshot",
			       s->name, n.virtio, m->dev.nvirtio);
	if (n.virtio && !n.pci != !m->pci.on)
		return err_set(e, -EBADMSG, "%s: its virtio devices are%s on PCI: %s --pci",
			       s->name, n.pci ? "" : " not", n.pci ? "give" : "leave out");
	m->pci.address = n.pci_address;
	rc = load_serial(&m->serial, s, e);
	if (!rc)
		rc = load_pc(&m->pc, s, e);
	for (i = 0; i < m->dev.nvirtio && !rc; i++)
		rc = virtio_load(m->dev.virtio[i], i, s, e);
	return rc;
}
