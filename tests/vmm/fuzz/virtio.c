// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzzing: virtqueues, both transports, each device. Byte 0 chooses the
 * device and its features; then operations of a hostile driver: write and read
 * registers, write guest memory, kick, and input from outside.
 */
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../driver.h"
#include "dev/blk.h"
#include "dev/net.h"
#include "dev/small.h"
#include "dev/virtio_pci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RAM	(2U << 20)
#define OPS_MAX	200

struct devices {
	struct mem mem;
	struct blk blk;
	struct rng rng;
	struct console con;
	struct balloon balloon;
	struct net net;
	struct loop loop;
	int peer;
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

/* A disk that is a memory file: by /proc, blk_open wants a name. */
static struct virtio *make_blk(struct devices *d)
{
	char path[32];
	int fd = memfd_create("disk", MFD_CLOEXEC), rc;

	if (fd < 0)
		return NULL;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	rc = ftruncate(fd, 64 << 10) || blk_open(&d->blk, &d->mem, path, false, false, NULL);
	close(fd);
	return rc ? NULL : &d->blk.v;
}

static struct virtio *make_net(struct devices *d)
{
	int fd[2];

	if (net_open_pair(fd, NULL) || loop_init(&d->loop, NULL) ||
	    net_init(&d->net, &d->mem, fd[0], false, 0, NULL) ||
	    net_listen(&d->net, &d->loop, NULL))
		return NULL;
	d->peer = fd[1];
	return &d->net.v;
}

static struct virtio *make(struct devices *d, int which)
{
	struct out out = { -1, NULL, false };	/* writes fail: nobody listens */

	switch (which) {
	case 0:
		return make_blk(d);
	case 1:
		return make_net(d);
	case 2:
		return console_init(&d->con, &d->mem, &out, NULL) ? NULL : &d->con.v;
	case 3:
		return balloon_init(&d->balloon, &d->mem, 8, NULL) ? NULL : &d->balloon.v;
	default:
		return rng_init(&d->rng, &d->mem, NULL) ? NULL : &d->rng.v;
	}
}

static void input(struct devices *d, int which, const uint8_t *p, size_t n)
{
	if (which == 2)
		console_input(&d->con, p, (uint32_t)n);
	if (which == 1 && send(d->peer, p, n, MSG_DONTWAIT) >= 0)
		loop_once(&d->loop, 0);
}

static void unmake(struct devices *d, int which, struct virtio *v)
{
	if (which == 0) {
		blk_close(&d->blk);
	} else if (which == 1) {
		net_close(&d->net);
		loop_free(&d->loop);
		close(d->peer);
	} else if (which == 2) {
		console_free(&d->con);
	} else {
		virtio_free(v);
	}
}

/* One operation at @p; how many bytes it took, 0 at the end. */
static size_t step(struct devices *d, struct driver *drv, int which,
		   const uint8_t *p, size_t n)
{
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
		mem_write(&d->mem, at, p + 6, len);
		return 6 + len;
	case 4:
		reg_write(drv, VIRTIO_R_QUEUE_NOTIFY, p[1] & 7);
		return 2;
	case 5:
		len = p[1] < n - 2 ? p[1] : n - 2;
		input(d, which, p + 2, len);
		return 2 + len;
	case 6:		/* any access to PCI's BAR, mostly where something is */
		if (n < 12)
			return 0;
		memcpy(buf, p + 4, 8);
		at = (p[1] | (uint32_t)p[2] << 8) % (PCI_BAR_LEN - 8);
		virtio_pci_bar(d->pci, p[3] & 8 ? at : at & 0x73f, buf, 1U << (p[3] & 3), p[3] & 4);
		if (p[3] & 4 && at == 0x400)	/* a doorbell */
			virtio_kicked(drv->v, drv->v->kick_fd[0], 0);
		return 12;
	default:	/* and to its configuration space */
		memcpy(buf, p + 4, 4);
		pci_config(&d->bus, 0x80000800 | p[1], buf, 1U << (p[2] & 3), p[2] & 4);
		return 8;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct devices d;
	struct driver drv = { .mem = &d.mem };
	int which, i;
	size_t took;

	if (size < 2)
		return 0;
	which = data[0] % 5;
	memset(&d, 0, sizeof(d));
	if (mem_add_ram(&d.mem, RAM, NULL))
		return 0;
	drv.v = make(&d, which);
	if (drv.v && !virtio_pci_link(drv.v, PCI_BASE, NULL)) {
		d.pci = drv.v->link;
		d.pci->msi = no_msi;
		d.bus.slot[1] = &d.pci->f;
		d.mmio.v = drv.v;
		d.mmio.irq_fd = -1;
		drv.mmio = &d.mmio;
		driver_start(&drv, (data[0] & 0x20 ? VIRTIO_F_EVENT_IDX : 0) |
			     (data[0] & 0x40 ? VIRTIO_F_INDIRECT : 0) |
			     (which == 1 && data[0] & 0x80 ? 1 << 15 : 0));
		data++;
		size--;
		for (i = 0; i < OPS_MAX; i++) {
			took = step(&d, &drv, which, data, size);
			if (!took)
				break;
			data += took;
			size -= took;
		}
		unmake(&d, which, drv.v);
	}
	mem_free(&d.mem);
	return 0;
}
