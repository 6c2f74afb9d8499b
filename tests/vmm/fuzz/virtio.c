// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz virtqueues, both transports and every device. Byte 0 chooses the device and
 * its features. Then follow operations of a hostile driver: write and read registers,
 * write guest memory, kick; and input from outside.
 */
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../driver.h"
#include "dev/virtio_pci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RAM	(2U << 20)
#define OPS_MAX	200

struct fuzzed {
	struct driver drv;
	int peer;			/* of the network card; -1: none */
	struct virtio_pci *pci;		/* the device is on both transports */
	struct virtio_mmio mmio;
	struct pci_bus bus;
};

static void no_msi(void *ctx, uint64_t addr, uint32_t data)
{
	(void)ctx;
	(void)addr;
	(void)data;
}

static int attach(struct devices *d, struct virtio *v, struct loop *loop, struct err *e)
{
	(void)d;
	(void)loop;
	return virtio_pci_link(v, PCI_BASE, e);
}

static const struct virtio_transport on_no_bus = { .max = 1, .attach = attach };

static int make_net(struct fuzzed *f)
{
	struct device_arg a = { .type = &net_device };
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd))
		return -1;
	a.number = (uint64_t)fd[0];
	f->peer = fd[1];
	return device_add(&f->drv.all, &net_device, &a, NULL);
}

/* A disk in a memory file, named through /proc because the option takes a name. */
static int make_blk(struct fuzzed *f)
{
	char path[32];
	int fd = memfd_create("disk", MFD_CLOEXEC), rc;

	if (fd < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	rc = ftruncate(fd, 64 << 10) || driver_device(&f->drv, "disk", path, NULL);
	close(fd);
	return rc;
}

static int make(struct fuzzed *f, int which)
{
	char virtio[] = "virtio", mib[] = "1";

	switch (which) {
	case 0:
		return make_blk(f);
	case 1:
		return make_net(f);
	case 2:
		return driver_device(&f->drv, "console", virtio, NULL);
	case 3:
		return driver_device(&f->drv, "balloon", mib, NULL);
	default:
		return driver_device(&f->drv, "rng", NULL, NULL);
	}
}

static void input(struct fuzzed *f, const uint8_t *p, size_t n)
{
	const struct device_input *in = &f->drv.all.input;

	if (in->put)
		in->put(in->dev, p, (uint32_t)n);
	if (f->peer >= 0 && send(f->peer, p, n, MSG_DONTWAIT) >= 0)
		loop_once(&f->drv.all.dev[0].loop, 0);
}

/* Do one operation at @p; returns how many bytes it used, 0 at the end. */
static size_t step(struct fuzzed *d, const uint8_t *p, size_t n)
{
	struct driver *drv = &d->drv;
	uint8_t buf[8];
	uint32_t at;
	size_t len;

	if (n < 8)
		return 0;
	memcpy(&at, p + 1, 4);
	switch (p[0] % 8) {
	case 0:		/* register, 4 bytes */
		memcpy(buf, p + 4, 4);
		virtio_mmio(drv->mmio, at & 0x1fc, buf, 4, true);
		return 8;
	case 1:		/* any access that fits */
		len = 1U << (p[3] & 3);
		at %= VIRTIO_MMIO_LEN - 8;
		memcpy(buf, p, 8);
		virtio_mmio(drv->mmio, at, buf, (uint32_t)len, p[3] & 4);
		return 5;
	case 2:		/* memory */
	case 3:
		len = p[5] < n - 6 ? p[5] : n - 6;
		at = p[0] % 8 == 2 ? (uint32_t)RING(0) + at % 0x10000 : at % RAM;
		mem_write(drv->mem, at, p + 6, len);
		return 6 + len;
	case 4:
		reg_write(drv, VIRTIO_R_QUEUE_NOTIFY, p[1] & 7);
		kick(drv, p[1] & 7);
		return 2;
	case 5:
		len = p[1] < n - 2 ? p[1] : n - 2;
		input(d, p + 2, len);
		return 2 + len;
	case 6:		/* any access to PCI's BAR, mostly where registers are */
		if (n < 12)
			return 0;
		memcpy(buf, p + 4, 8);
		at = (p[1] | (uint32_t)p[2] << 8) % (PCI_BAR_LEN - 8);
		virtio_pci_bar(d->pci, p[3] & 8 ? at : at & 0x73f, buf, 1U << (p[3] & 3), p[3] & 4);
		if (p[3] & 4 && at == 0x400)	/* a doorbell */
			virtio_kicked(drv->v, drv->v->kick_fd[0], 0);
		return 12;
	default:	/* any access to its configuration space */
		memcpy(buf, p + 4, 4);
		pci_config(&d->bus, 0x80000800 | p[1], buf, 1U << (p[2] & 3), p[2] & 4);
		return 8;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzzed f;
	struct driver *drv = &f.drv;
	int which, i;
	size_t took;

	if (size < 2)
		return 0;
	which = data[0] % 5;
	memset(&f, 0, sizeof(f));
	f.peer = -1;
	/* A console's writes fail, because there is no output. */
	if (driver_begin(drv, RAM, &(struct out){ .fd = -1 }))
		return 0;
	drv->all.transport = &on_no_bus;
	if (!make(&f, which)) {
		drv->v = drv->all.virtio[0];
		f.pci = drv->v->link;
		f.pci->msi = no_msi;
		f.bus.slot[1] = &f.pci->f;
		f.mmio.v = drv->v;
		f.mmio.irq_fd = -1;
		drv->mmio = &f.mmio;
		driver_start(drv, (data[0] & 0x20 ? VIRTIO_F_EVENT_IDX : 0) |
			     (data[0] & 0x40 ? VIRTIO_F_INDIRECT : 0) |
			     (which == 1 && data[0] & 0x80 ? 1 << 15 : 0));
		data++;
		size--;
		for (i = 0; i < OPS_MAX; i++) {
			took = step(&f, data, size);
			if (!took)
				break;
			data += took;
			size -= took;
		}
	}
	driver_end(drv);
	if (f.peer >= 0)
		close(f.peer);
	return 0;
}
