// SPDX-License-Identifier: GPL-2.0
/* The transport of devices that are found by ACPI or the command line. */
#include "dev/virtio.h"

#include <string.h>

#include "kvm.h"

int virtio_mmio_attach(struct virtio *v, struct vm *vm, uint64_t base,
		       uint32_t gsi, struct loop *loop, struct err *e)
{
	unsigned int i;
	int rc = bus_add(&vm->mmio, base, VIRTIO_MMIO_LEN, v->ops->name, virtio_mmio, v, e);

	if (!rc)
		rc = vm_irqfd(vm, v->irq_fd, gsi, e);
	if (!rc && vm->regs) {
		v->page = (atomic_uint *)(vm->regs + (base - vm->cfg.regs_gpa));
		v->isr = &v->page[VIRTIO_R_ISR / 4];
		virtio_publish(v);
		rc = vm_swallow(vm, base + VIRTIO_R_ISR_ACK, VIRTIO_ISR_QUEUE, e);
	}
	for (i = 0; i < v->ops->nqueues && !rc; i++)
		rc = virtio_doorbell(v, i, vm, base + VIRTIO_R_QUEUE_NOTIFY, 4, loop, e);
	return rc;
}

void virtio_publish(struct virtio *v)
{
	uint32_t off, word, len;

	if (!v->page)
		return;
	for (off = 0; off < VIRTIO_MMIO_CONFIG; off += 4)
		if (off != VIRTIO_R_ISR)
			atomic_store_explicit(&v->page[off / 4], virtio_read(v, (uint32_t)off),
					      memory_order_relaxed);
	for (off = 0; off < v->config_len; off += len) {
		len = v->config_len - off < 4 ? v->config_len - off : 4;
		word = 0;
		memcpy(&word, (uint8_t *)v->config + off, len);
		atomic_store_explicit(&v->page[(VIRTIO_MMIO_CONFIG + off) / 4], word,
				      memory_order_relaxed);
	}
}

void virtio_mmio(void *dev, uint64_t off, void *data, uint32_t len, bool is_write)
{
	struct virtio *v = dev;
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
		virtio_publish(v);
	pthread_mutex_unlock(&v->lock);
}
