// SPDX-License-Identifier: GPL-2.0-only
#include "dev/virtio_mmio.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dev/device.h"

/*
 * Interrupt lines. With ACPI, devices get the lines above ISA's first. Without
 * ACPI, the guest knows only ISA's. Devices share lines if there are too few:
 * each interrupt is an edge, for which all drivers of the line look.
 */
static const uint8_t lines[] = {
	16, 17, 18, 19, 20, 21, 22, 23, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15,
};
#define ISA	8U	/* index of the first ISA line */

int virtio_mmio_link(struct virtio *v, struct err *e)
{
	struct virtio_mmio *m = calloc(1, sizeof(*m));

	if (!m)
		return err_set(e, -ENOMEM, "virtio-%s: no memory", v->ops->name);
	m->v = v;
	m->irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	v->transport = &virtio_mmio_transport;
	v->link = m;
	return m->irq_fd < 0 ? err_set(e, -errno, "virtio-%s: no eventfd: %m", v->ops->name) : 0;
}

static void unlink_device(struct virtio *v)
{
	struct virtio_mmio *m = v->link;

	if (m->irq_fd >= 0)
		close(m->irq_fd);
}

static void publish(void *link)
{
	struct virtio_mmio *m = link;
	struct virtio *v = m->v;
	uint32_t off, word, len;

	if (!m->page)
		return;
	for (off = 0; off < VIRTIO_MMIO_CONFIG; off += 4)
		if (off != VIRTIO_R_ISR)
			atomic_store_explicit(&m->page[off / 4], virtio_read(v, off),
					      memory_order_relaxed);
	for (off = 0; off < v->config_len; off += len) {
		len = v->config_len - off < 4 ? v->config_len - off : 4;
		word = 0;
		memcpy(&word, (uint8_t *)v->config + off, len);
		atomic_store_explicit(&m->page[(VIRTIO_MMIO_CONFIG + off) / 4], word,
				      memory_order_relaxed);
	}
}

static void interrupt(struct virtio *v, uint32_t why, unsigned int source)
{
	(void)source;
	atomic_fetch_or(v->isr, why);
	event_ring(((struct virtio_mmio *)v->link)->irq_fd);
}

static int attach(struct devices *d, struct virtio *v, struct loop *loop, struct err *e)
{
	struct virtio_place *p = &d->place[d->nvirtio];
	struct vm *vm = d->vm;
	struct virtio_mmio *m;
	unsigned int i;
	int rc = virtio_mmio_link(v, e);

	m = v->link;
	p->base = VIRTIO_MMIO_BASE + d->nvirtio * VIRTIO_MMIO_STRIDE;
	p->len = VIRTIO_MMIO_LEN;
	p->gsi = d->acpi ? lines[d->nvirtio % sizeof(lines)] :
		lines[ISA + d->nvirtio % (sizeof(lines) - ISA)];
	if (!rc)
		rc = bus_add(&vm->mmio, p->base, p->len, v->ops->name, virtio_mmio, m, e);
	if (!rc)
		rc = vm_irqfd(vm, m->irq_fd, p->gsi, e);
	if (!rc && vm->regs) {
		m->page = (atomic_uint *)(vm->regs + (p->base - vm->cfg.regs_gpa));
		v->isr = &m->page[VIRTIO_R_ISR / 4];
		publish(m);
		rc = vm_swallow(vm, p->base + VIRTIO_R_ISR_ACK, VIRTIO_ISR_QUEUE, e);
	}
	for (i = 0; i < v->ops->nqueues && !rc; i++)
		rc = virtio_doorbell(v, i, vm, p->base + VIRTIO_R_QUEUE_NOTIFY, 4, loop, e);
	return rc;
}

void virtio_mmio(void *dev, uint64_t off, void *data, uint32_t len, bool is_write)
{
	struct virtio_mmio *m = dev;
	struct virtio *v = m->v;
	uint32_t val;

	pthread_mutex_lock(&v->lock);
	if (off >= VIRTIO_MMIO_CONFIG) {
		virtio_config(v, off - VIRTIO_MMIO_CONFIG, data, len, is_write);
	} else if (len == 4 && is_write) {
		memcpy(&val, data, 4);
		virtio_write(v, (uint32_t)off, val);
	} else if (len == 4) {
		val = virtio_read(v, (uint32_t)off);
		memcpy(data, &val, 4);
	}
	if (is_write)
		publish(m);
	pthread_mutex_unlock(&v->lock);
}

const struct virtio_transport virtio_mmio_transport = {
	.max = VIRTIO_MAX, .lines = true, .attach = attach, .detach = unlink_device,
	.interrupt = interrupt, .publish = publish,
};
