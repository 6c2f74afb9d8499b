// SPDX-License-Identifier: GPL-2.0-only
#include "dev/virtio_pci.h"

#include <stdlib.h>
#include <string.h>

#include "dev/device.h"

/* Behind the BAR. */
enum {
	COMMON = 0x000, COMMON_LEN = 0x38, ISR = 0x080, CONFIG = 0x100,
	MSIX = 0x200, PBA = 0x300, NOTIFY = 0x400, NOTIFY_LEN = 4 * VIRTIO_QUEUES_MAX,
};

/* Configuration space. */
enum {
	COMMAND = 0x04, BAR0 = 0x10, CAPS = 0x34, LINE = 0x3c,
	CAP_COMMON = 0x40, CAP_NOTIFY = 0x50, CAP_ISR = 0x64, CAP_CONFIG = 0x74,
	CAP_WINDOW = 0x84, CAP_MSIX = 0x98,
	WINDOW_BAR = CAP_WINDOW + 4, WINDOW_OFFSET = CAP_WINDOW + 8,
	WINDOW_LENGTH = CAP_WINDOW + 12, WINDOW_DATA = CAP_WINDOW + 16,
	MSIX_CONTROL = CAP_MSIX + 2,
};

#define ID_VENDOR	9	/* capability IDs */
#define ID_MSIX		0x11
#define MSIX_ENABLE	(1U << 31)	/* in the dword at CAP_MSIX */
#define MSIX_MASK_ALL	(1U << 30)
#define NO_VECTOR	0xffff

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

static void put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, 4);
}

static unsigned int vectors(const struct virtio_pci *p)
{
	return p->v->ops->nqueues + 1;
}

/* ---- MSI-X ---- */

/* Send what is pending and not masked. */
static void send(struct virtio_pci *p)
{
	unsigned int i, control = get32(p->r.cfg + CAP_MSIX);

	if (!(control & MSIX_ENABLE) || (control & MSIX_MASK_ALL))
		return;
	for (i = 0; i < vectors(p); i++) {
		if (!(p->r.pending >> i & 1) || (p->r.msix[i].control & 1))
			continue;
		p->r.pending &= ~(1U << i);
		p->msi(p->ctx, (uint64_t)p->r.msix[i].addr_high << 32 |
		       p->r.msix[i].addr, p->r.msix[i].data);
	}
}

static void interrupt(struct virtio *v, uint32_t why, unsigned int source)
{
	struct virtio_pci *p = v->link;
	unsigned int i = p->r.vector[source];
	bool on;

	pthread_mutex_lock(&p->lock);
	on = get32(p->r.cfg + CAP_MSIX) & MSIX_ENABLE;
	/* Without MSI-X the ISR has to tell all, with it configuration (4.1.4.5.1). */
	if (!on || why == VIRTIO_ISR_CONFIG)
		atomic_fetch_or(v->isr, why);
	if (on && i < vectors(p)) {
		p->r.pending |= 1U << i;
		send(p);
	}
	pthread_mutex_unlock(&p->lock);
}

static void no_vectors(struct virtio_pci *p)
{
	unsigned int i;

	for (i = 0; i < VIRTIO_VECTORS; i++)
		p->r.vector[i] = NO_VECTOR;
	pthread_mutex_lock(&p->lock);
	p->r.pending = 0;
	pthread_mutex_unlock(&p->lock);
}

/* ---- behind the BAR ---- */

/* 4.1.4.3: which of the registers that MMIO has, too, lies where. */
static const struct {
	uint8_t off, len, reg;
} common[] = {
	{ 0x00, 4, VIRTIO_R_DEV_FEATURES_SEL }, { 0x04, 4, VIRTIO_R_DEV_FEATURES },
	{ 0x08, 4, VIRTIO_R_DRV_FEATURES_SEL }, { 0x0c, 4, VIRTIO_R_DRV_FEATURES },
	{ 0x14, 1, VIRTIO_R_STATUS }, { 0x15, 1, VIRTIO_R_GENERATION },
	{ 0x16, 2, VIRTIO_R_QUEUE_SEL }, { 0x18, 2, VIRTIO_R_QUEUE_NUM },
	{ 0x1c, 2, VIRTIO_R_QUEUE_READY },
	{ 0x20, 4, VIRTIO_R_DESC_LOW }, { 0x24, 4, VIRTIO_R_DESC_HIGH },
	{ 0x28, 4, VIRTIO_R_AVAIL_LOW }, { 0x2c, 4, VIRTIO_R_AVAIL_HIGH },
	{ 0x30, 4, VIRTIO_R_USED_LOW }, { 0x34, 4, VIRTIO_R_USED_HIGH },
};

/* And those that it has not. */
enum { CONFIG_VECTOR = 0x10, NUM_QUEUES = 0x12, QUEUE_VECTOR = 0x1a, NOTIFY_OFF = 0x1e };

static uint32_t own_register(struct virtio_pci *p, uint64_t off, uint32_t val, bool is_write)
{
	uint32_t q = p->v->r.queue_sel;

	if (off == NUM_QUEUES)
		return p->v->ops->nqueues;
	if (off == CONFIG_VECTOR)
		q = VIRTIO_QUEUES_MAX;
	else if ((off != QUEUE_VECTOR && off != NOTIFY_OFF) || q >= p->v->ops->nqueues)
		return 0;
	if (off == NOTIFY_OFF)
		return q;
	if (is_write)
		p->r.vector[q] = (uint16_t)(val < vectors(p) ? val : NO_VECTOR);
	return p->r.vector[q];
}

static void common_access(struct virtio_pci *p, uint64_t off, void *data,
			  uint32_t len, bool is_write)
{
	uint32_t val = 0;
	unsigned int i;

	if (is_write)
		memcpy(&val, data, len < 4 ? len : 4);
	for (i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		if (common[i].off == off && common[i].len == len)
			break;
	if (i == sizeof(common) / sizeof(common[0])) {
		val = len == 2 ? own_register(p, off, val, is_write) : 0;
	} else if (is_write) {
		virtio_write(p->v, common[i].reg, val);
		if (common[i].reg == VIRTIO_R_STATUS && !val)
			no_vectors(p);
	} else {
		val = virtio_read(p->v, common[i].reg);
	}
	if (!is_write)
		memcpy(data, &val, len < 4 ? len : 4);
}

/* The table, then which are pending. */
static void msix_access(struct virtio_pci *p, uint64_t off, void *data, uint32_t len, bool is_write)
{
	pthread_mutex_lock(&p->lock);
	if (off == PBA - MSIX && !is_write) {
		memcpy(data, &p->r.pending, len < 4 ? len : 4);
	} else if (!(off % 4) && len >= 4 && off + len <= 16ULL * vectors(p)) {
		uint8_t *at = (uint8_t *)p->r.msix + off;

		memcpy(is_write ? at : data, is_write ? data : at, len);
		send(p);
	}
	pthread_mutex_unlock(&p->lock);
}

void virtio_pci_bar(void *dev, uint64_t off, void *data, uint32_t len, bool is_write)
{
	struct virtio_pci *p = dev;
	struct virtio *v = p->v;

	if (!is_write)
		memset(data, 0, len);
	if (off < COMMON_LEN || (off >= CONFIG && off < MSIX)) {
		pthread_mutex_lock(&v->lock);
		if (off < COMMON_LEN)
			common_access(p, off, data, len, is_write);
		else
			virtio_config(v, off - CONFIG, data, len, is_write);
		pthread_mutex_unlock(&v->lock);
	} else if (off == ISR && !is_write) {
		*(uint8_t *)data = (uint8_t)atomic_exchange(v->isr, 0);
	} else if (off >= MSIX && off < NOTIFY) {
		msix_access(p, off - MSIX, data, len, is_write);
	} else if (is_write && off >= NOTIFY && (off - NOTIFY) / 4 < v->ops->nqueues) {
		/* A notify that missed the ioeventfd (say, through the config
		 * window): wake the device's thread. */
		event_ring(v->kick_fd[(off - NOTIFY) / 4]);
	}
}

/* ---- configuration space ---- */

/* The bits of byte @i that a guest may write. */
static uint8_t writable(unsigned int i)
{
	switch (i) {
	case COMMAND:
		return 0x06;			/* memory, bus master */
	case COMMAND + 1:
		return 0x04;			/* INTx off */
	case BAR0 + 1:
		return 0xf0;			/* 4 KiB */
	case MSIX_CONTROL + 1:
		return 0xc0;
	case BAR0 + 2:
	case BAR0 + 3:
	case LINE:
	case WINDOW_BAR:
		return 0xff;
	default:
		return i >= WINDOW_OFFSET && i < WINDOW_DATA + 4 ? 0xff : 0;
	}
}

static void merge(struct virtio_pci *p, uint32_t reg, const uint8_t *data, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < len; i++) {
		uint8_t w = writable(reg + i);

		p->r.cfg[reg + i] = (uint8_t)((p->r.cfg[reg + i] & ~w) | (data[i] & w));
	}
	/* All ones ask for the size; nothing else moves it. */
	if (get32(p->r.cfg + BAR0) != ~(PCI_BAR_LEN - 1))
		put32(p->r.cfg + BAR0, p->bar);
}

/* 4.1.4.9: the BAR by configuration space, for who cannot map it. */
static void window(struct virtio_pci *p, bool is_write)
{
	uint32_t off = get32(p->r.cfg + WINDOW_OFFSET), len = get32(p->r.cfg + WINDOW_LENGTH);
	uint8_t data[4];

	if (p->r.cfg[WINDOW_BAR] || (len != 1 && len != 2 && len != 4) || off % len)
		return;
	memcpy(data, p->r.cfg + WINDOW_DATA, 4);
	pthread_mutex_unlock(&p->lock);
	virtio_pci_bar(p, off, data, len, is_write);
	pthread_mutex_lock(&p->lock);
	if (!is_write)
		memcpy(p->r.cfg + WINDOW_DATA, data, len);
}

static void config(struct pci_function *f, uint32_t reg, void *data, uint32_t len, bool is_write)
{
	struct virtio_pci *p = (struct virtio_pci *)f;

	pthread_mutex_lock(&p->lock);
	if (is_write)
		merge(p, reg, data, len);
	if (reg >= WINDOW_DATA && reg < WINDOW_DATA + 4)
		window(p, is_write);
	if (is_write)
		send(p);	/* MSI-X may be on now */
	else
		memcpy(data, p->r.cfg + reg, len);
	pthread_mutex_unlock(&p->lock);
}

/* Configuration space at first, but for what depends on the device. */
static const struct {
	uint8_t at;
	uint32_t value;
} space[] = {
/* A capability for @size bytes from @off of the BAR; the next follows it. */
#define CAP(at, type, len, off, size) \
	{ at, ID_VENDOR | ((at) + (len)) << 8 | (len) << 16 | (type) << 24 }, \
	{ (at) + 8, off }, { (at) + 12, size }
	{ COMMAND, 0x00100000 },		/* there are capabilities */
	{ CAPS, CAP_COMMON },
	CAP(CAP_COMMON, 1, 16, COMMON, COMMON_LEN), CAP(CAP_NOTIFY, 2, 20, NOTIFY, NOTIFY_LEN),
	{ CAP_NOTIFY + 16, 4 },			/* bytes from queue to queue */
	CAP(CAP_ISR, 3, 16, ISR, 1), CAP(CAP_CONFIG, 4, 16, CONFIG, MSIX - CONFIG), /* never 0 */
	CAP(CAP_WINDOW, 5, 20, 0, 0),
	{ CAP_MSIX, ID_MSIX }, { CAP_MSIX + 4, MSIX }, { CAP_MSIX + 8, PBA },
};

int virtio_pci_link(struct virtio *v, uint32_t bar, struct err *e)
{
	struct virtio_pci *p = calloc(1, sizeof(*p));
	uint32_t i, id = 0x10401af4 + (v->ops->id << 16);

	if (!p)
		return err_set(e, -ENOMEM, "virtio-%s: no memory", v->ops->name);
	pthread_mutex_init(&p->lock, NULL);
	p->f.config = config;
	p->v = v;
	p->bar = bar;
	v->transport = &virtio_pci_transport;
	v->link = p;
	no_vectors(p);
	for (i = 0; i < sizeof(space) / sizeof(space[0]); i++)
		put32(p->r.cfg + space[i].at, space[i].value);
	put32(p->r.cfg, id);
	put32(p->r.cfg + 8, v->ops->id == 1 ? 0x02000001 :	/* class, revision 1 */
	      v->ops->id == 2 ? 0x01800001 : 0xff000001);
	put32(p->r.cfg + BAR0, bar);
	put32(p->r.cfg + 0x2c, id);
	p->r.cfg[MSIX_CONTROL] = (uint8_t)v->ops->nqueues;	/* vectors, less 1 */
	for (i = 0; i < VIRTIO_VECTORS; i++)
		p->r.msix[i].control = 1;		/* masked */
	return 0;
}

static int attach(struct devices *d, struct virtio *v, struct loop *loop, struct err *e)
{
	uint32_t bar = PCI_BASE + d->nvirtio * PCI_BAR_LEN;
	struct virtio_pci *p;
	unsigned int i;
	int rc = virtio_pci_link(v, bar, e);

	if (rc)
		return rc;
	p = v->link;
	p->msi = vm_msi;
	p->ctx = d->vm;
	d->bus->slot[d->nvirtio + 1] = &p->f;
	rc = bus_add(&d->vm->mmio, bar, PCI_BAR_LEN, v->ops->name, virtio_pci_bar, p, e);
	for (i = 0; i < v->ops->nqueues && !rc; i++)
		rc = virtio_doorbell(v, i, d->vm, bar + NOTIFY + 4 * i, 0, loop, e);
	return rc;
}

static void save(const struct virtio *v, uint32_t index, struct records *r)
{
	struct virtio_pci *p = v->link;

	record_put(r, "virtio-pci", index, &p->r, sizeof(p->r));
}

/* The record is checked like a guest's writes: only what is writable changes. */
static int load(struct virtio *v, uint32_t index, const struct records *from, struct err *e)
{
	struct virtio_pci *p = v->link;
	struct virtio_pci_regs r;
	unsigned int i;
	int rc = record_get(from, "virtio-pci", index, &r, sizeof(r), e);

	if (rc)
		return rc;
	merge(p, 0, r.cfg, sizeof(r.cfg));
	memcpy(p->r.msix, r.msix, sizeof(r.msix));
	p->r.pending = r.pending;
	for (i = 0; i < VIRTIO_VECTORS; i++)
		p->r.vector[i] = r.vector[i] < vectors(p) ? r.vector[i] : NO_VECTOR;
	return 0;
}

const struct virtio_transport virtio_pci_transport = {
	.max = PCI_SLOTS - 1, .attach = attach, .interrupt = interrupt, .save = save, .load = load,
};
