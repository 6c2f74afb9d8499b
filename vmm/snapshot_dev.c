// SPDX-License-Identifier: GPL-2.0
/* Devices to records and back. What comes back is checked like a guest's. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"

struct virtio_state {
	struct virtio_regs r;
	struct virtq_regs q[VIRTIO_QUEUES_MAX];
	uint32_t isr, actual;
};

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

static void save_virtio(const struct machine *m, unsigned int k, struct records *r)
{
	struct virtio *v = m->virtio[k];
	struct virtio_state x;
	unsigned int i;

	memset(&x, 0, sizeof(x));
	x.r = v->r;
	x.isr = atomic_load(v->isr);
	x.actual = v == &m->balloon.v ? m->balloon.config.actual : 0;
	for (i = 0; i < VIRTIO_QUEUES_MAX; i++)
		x.q[i] = v->q[i].r;
	record_put(r, "virtio", k, &x, sizeof(x));
	if (v->pci)
		record_put(r, "virtio-pci", k, &v->pci->r, sizeof(v->pci->r));
}

static int load_queue(struct virtio *v, unsigned int i, const struct virtq_regs *r)
{
	struct virtq *q = &v->q[i];

	virtq_reset(q, v->mem);
	q->r = *r;
	q->r.ready = false;
	q->event_idx = v->r.features & VIRTIO_F_EVENT_IDX;
	if (!r->ready)
		return 0;
	return i < v->ops->nqueues ? virtq_enable(q) : -EINVAL;
}

static int load_pci(struct virtio *v, unsigned int k, const struct records *snap, struct err *e)
{
	struct virtio_pci_regs r;
	uint32_t len;
	int rc;

	if (!v->pci != !record_find(snap, "virtio-pci", k, &len))
		return err_set(e, -EBADMSG, "%s: its virtio devices are%s on PCI: %s --pci",
			       snap->name, v->pci ? " not" : "",
			       v->pci ? "leave out" : "give");
	rc = v->pci ? record_get(snap, "virtio-pci", k, &r, sizeof(r), e) : 0;
	if (!rc && v->pci)
		virtio_pci_load(v->pci, &r);
	return rc;
}

static int load_virtio(struct machine *m, unsigned int k,
		       const struct records *snap, struct err *e)
{
	struct virtio *v = m->virtio[k];
	struct virtio_state x;
	unsigned int i;
	int rc = record_get(snap, "virtio", k, &x, sizeof(x), e);

	if (rc)
		return rc;
	if (x.r.id != v->ops->id || (x.r.features & ~v->offered))
		return err_set(e, -EBADMSG,
			       "%s: virtio device %u was of type %u with features %#lx, here it is virtio-%s with %#lx: give the devices as for --snapshot",
			       snap->name, k, x.r.id, x.r.features, v->ops->name,
			       v->offered);
	v->r = x.r;
	v->r.status &= 0xff;
	atomic_store(v->isr, x.isr & 3);
	if (v == &m->balloon.v)
		m->balloon.config.actual = x.actual;
	for (i = 0; i < VIRTIO_QUEUES_MAX; i++)
		if (load_queue(v, i, &x.q[i]))
			return err_set(e, -EBADMSG,
				       "%s: virtio device %u: queue %u is not in memory",
				       snap->name, k, i);
	if ((v->r.status & VIRTIO_S_DRIVER_OK) && v->ops->start)
		v->ops->start(v);
	virtio_publish(v);
	return load_pci(v, k, snap, e);
}

/* Doorbells and interrupts that were under way are rung again. */
static void ring_again(struct virtio *v)
{
	uint64_t one = 1;
	unsigned int i;
	ssize_t r = 0;

	for (i = 0; i < v->ops->nqueues; i++)
		if (v->q[i].r.ready)
			r |= write(v->kick_fd[i], &one, sizeof(one));
	if (atomic_load(v->isr))
		r |= write(v->irq_fd, &one, sizeof(one));
	(void)r;	/* EAGAIN: enough are pending */
}

void snap_save_devices(struct machine *m, struct records *r)
{
	uint32_t i, n = m->nvirtio;

	record_put(r, "devices", 0, &n, sizeof(n));
	record_put(r, "serial", 0, &m->serial.r, sizeof(m->serial.r));
	record_put(r, "pc", 0, &m->pc.r, sizeof(m->pc.r));
	for (i = 0; i < m->nvirtio; i++)
		save_virtio(m, i, r);
}

int snap_load_devices(struct machine *m, const struct records *s, struct err *e)
{
	uint32_t n = 0;
	unsigned int i;
	int rc = record_get(s, "devices", 0, &n, sizeof(n), e);

	if (rc)
		return rc;
	if (n != m->nvirtio)
		return err_set(e, -EBADMSG,
			       "%s: has %u virtio devices, here are %u: give the devices as for --snapshot",
			       s->name, n, m->nvirtio);
	rc = load_serial(&m->serial, s, e);
	if (!rc)
		rc = load_pc(&m->pc, s, e);
	for (i = 0; i < m->nvirtio && !rc; i++)
		rc = load_virtio(m, i, s, e);
	for (i = 0; i < m->nvirtio && !rc; i++)
		ring_again(m->virtio[i]);
	return rc;
}
