// SPDX-License-Identifier: GPL-2.0-only
/* The PCI transport, driven through its configuration space and its BAR. */
#include "tests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dev/virtio_pci.h"
#include "driver.h"

#define WRITE		2
#define BAR		0xd0003000U
#define SLOT		3

struct fixture {
	struct driver d;
	struct virtio_pci *p;
	struct pci_bus bus;
	unsigned int sent;		/* how many MSIs; then the last one's address and data */
	uint64_t addr;
	uint32_t data;
	uint32_t cap[6], msix;		/* offsets of its capabilities, by type */
};

static void count_msi(void *ctx, uint64_t addr, uint32_t data)
{
	struct fixture *f = ctx;

	f->sent++;
	f->addr = addr;
	f->data = data;
}

static uint32_t cfg_read(struct fixture *f, uint32_t reg, uint32_t len)
{
	uint32_t v = 0;

	pci_config(&f->bus, 0x80000000 | SLOT << 11 | reg, &v, len, false);
	return v;
}

static void cfg_write(struct fixture *f, uint32_t reg, uint32_t v, uint32_t len)
{
	pci_config(&f->bus, 0x80000000 | SLOT << 11 | reg, &v, len, true);
}

/* Read the BAR at offset @off of the structure of capability @type. */
static uint32_t bar_read(struct fixture *f, unsigned int type, uint32_t off, uint32_t len)
{
	uint32_t v = 0;

	virtio_pci_bar(f->p, cfg_read(f, f->cap[type] + 8, 4) + off, &v, len, false);
	return v;
}

static void bar_write(struct fixture *f, unsigned int type, uint32_t off, uint32_t v,
		      uint32_t len)
{
	virtio_pci_bar(f->p, cfg_read(f, f->cap[type] + 8, 4) + off, &v, len, true);
}

static void find_capabilities(struct fixture *f)
{
	uint32_t at = cfg_read(f, 0x34, 1), n = 0;

	for (; at; at = cfg_read(f, at + 1, 1)) {
		uint32_t type = cfg_read(f, at + 3, 1);

		assert_true(at >= 0x40 && at % 4 == 0 && n++ < 10);
		if (cfg_read(f, at, 1) == 0x11) {
			f->msix = at;
			continue;
		}
		assert_int_equal(cfg_read(f, at, 1), 9);
		assert_true(type >= 1 && type <= 5);
		f->cap[type] = at;
		assert_int_equal(cfg_read(f, at + 4, 1), 0);		/* BAR 0 */
		assert_true(cfg_read(f, at + 8, 4) + cfg_read(f, at + 12, 4) <= PCI_BAR_LEN);
		/* Linux accepts no structure of length 0; the driver sets the window's length. */
		assert_true(type == 5 || cfg_read(f, at + 12, 4));
	}
	assert_int_equal(n, 6);
}

static int attach(struct devices *d, struct virtio *v, struct loop *loop, struct err *e)
{
	(void)d;
	(void)loop;
	return virtio_pci_link(v, BAR, e);
}

/* On no bus, without KVM. */
static const struct virtio_transport pci_only = { .max = 1, .attach = attach };

/* Create a device whose driver is ready: queue 0 has vector 1, configuration changes 0. */
static struct fixture *begin(void)
{
	struct fixture *f = calloc(1, sizeof(*f));
	uint32_t at;

	assert_non_null(f);
	assert_int_equal(driver_begin(&f->d, 4 << 20, &(struct out){ .fd = -1 }), 0);
	f->d.all.transport = &pci_only;
	assert_int_equal(device_add(&f->d.all, &serial_device, NULL, NULL), 0);
	assert_int_equal(driver_device(&f->d, "rng", NULL, NULL), 0);
	f->p = f->d.v->link;
	f->p->msi = count_msi;
	f->p->ctx = f;
	f->bus.slot[SLOT] = &f->p->f;
	find_capabilities(f);
	cfg_write(f, f->msix + 2, 0x8000, 2);
	for (at = 0; at < 2; at++) {
		bar_write(f, 1, 0x200 + 16 * at, 0xfee00000, 4);
		bar_write(f, 1, 0x204 + 16 * at, at, 4);
		bar_write(f, 1, 0x208 + 16 * at, 0x40 + at, 4);
	}
	bar_write(f, 1, 0x20c, 0, 4);
	bar_write(f, 1, 0x21c, 0, 4);
	bar_write(f, 1, 0x14, 3, 1);
	bar_write(f, 1, 0x08, 1, 4);
	bar_write(f, 1, 0x0c, 1, 4);			/* VERSION_1 */
	bar_write(f, 1, 0x14, 11, 1);
	bar_write(f, 1, 0x10, 0, 2);
	bar_write(f, 1, 0x16, 0, 2);
	bar_write(f, 1, 0x18, QSIZE, 2);
	bar_write(f, 1, 0x1a, 1, 2);
	bar_write(f, 1, 0x20, RING(0), 4);
	bar_write(f, 1, 0x28, RING(0) + RING_AVAIL, 4);
	bar_write(f, 1, 0x30, RING(0) + RING_USED, 4);
	bar_write(f, 1, 0x1c, 1, 2);
	bar_write(f, 1, 0x14, 15, 1);
	put_desc(&f->d, 0, 0, BUFS, 64, WRITE, 0);
	return f;
}

static void end(struct fixture *f)
{
	driver_end(&f->d);
	free(f);
}

/* After a doorbell: do what the device's thread does. */
static void served(struct fixture *f)
{
	uint64_t n;

	assert_int_equal(read(f->d.v->kick_fd[0], &n, 8), 8);
	virtio_kicked(f->d.v, f->d.v->kick_fd[0], 0);
}

static void ask(struct fixture *f)
{
	offer(&f->d, 0, 0);
	bar_write(f, 2, 0, 0, 2);
	served(f);
}

static void the_bus_has_a_bridge_and_its_functions(void **state)
{
	struct fixture *f = begin();
	uint32_t v = ~0U;

	(void)state;
	pci_config(&f->bus, 0x80000000, &v, 4, false);
	assert_int_equal(v, 0x00081b36);
	pci_config(&f->bus, 0x80000008, &v, 4, false);
	assert_int_equal(v >> 16, 0x0600);
	v = ~0U;
	pci_config(&f->bus, 0x80000000 | 2 << 11, &v, 4, false);	/* empty slot */
	pci_config(&f->bus, 0x80010000 | SLOT << 11, &v, 4, false);	/* bus 1 */
	pci_config(&f->bus, 0x80000100 | SLOT << 11, &v, 4, false);	/* function 1 */
	pci_config(&f->bus, SLOT << 11, &v, 4, false);			/* disabled */
	assert_int_equal(v, ~0U);
	assert_int_equal(cfg_read(f, 0, 4), 0x10441af4);		/* entropy */
	assert_int_equal(cfg_read(f, 8, 4), 0xff000001);
	cfg_write(f, 0, 0, 4);
	assert_int_equal(cfg_read(f, 0, 4), 0x10441af4);
	assert_int_equal(cfg_read(f, 0x3d, 1), 0);			/* no INTx */
	end(f);
}

static void the_bar_reports_its_size_and_cannot_move(void **state)
{
	struct fixture *f = begin();

	(void)state;
	assert_int_equal(cfg_read(f, 0x10, 4), BAR);
	cfg_write(f, 0x10, ~0U, 4);
	assert_int_equal(cfg_read(f, 0x10, 4), 0xfffff000);
	cfg_write(f, 0x10, BAR, 4);
	assert_int_equal(cfg_read(f, 0x10, 4), BAR);
	cfg_write(f, 0x10, 0xe0000000, 4);
	assert_int_equal(cfg_read(f, 0x10, 4), BAR);
	cfg_write(f, 0x14, ~0U, 4);
	assert_int_equal(cfg_read(f, 0x14, 4), 0);
	end(f);
}

static void registers_can_be_read_back(void **state)
{
	struct fixture *f = begin();

	(void)state;
	assert_int_equal(bar_read(f, 1, 0x00, 4), 0);
	bar_write(f, 1, 0x00, 1, 4);
	assert_int_equal(bar_read(f, 1, 0x04, 4), 1);
	assert_int_equal(bar_read(f, 1, 0x0c, 4), 1);
	assert_int_equal(bar_read(f, 1, 0x12, 2), 1);		/* queues */
	assert_int_equal(bar_read(f, 1, 0x14, 1), 15);
	assert_int_equal(bar_read(f, 1, 0x18, 2), QSIZE);
	assert_int_equal(bar_read(f, 1, 0x1c, 2), 1);
	assert_int_equal(bar_read(f, 1, 0x28, 4), RING(0) + RING_AVAIL);
	assert_int_equal(bar_read(f, 1, 0x2c, 4), 0);
	bar_write(f, 1, 0x1a, 2, 2);				/* only vectors 0 and 1 exist */
	assert_int_equal(bar_read(f, 1, 0x1a, 2), 0xffff);
	bar_write(f, 1, 0x16, 1, 2);
	assert_int_equal(bar_read(f, 1, 0x18, 2), 0);		/* no such queue */
	bar_write(f, 1, 0x14, 0, 1);				/* reset */
	assert_int_equal(bar_read(f, 1, 0x14, 1), 0);
	assert_int_equal(bar_read(f, 1, 0x10, 2), 0xffff);
	bar_write(f, 1, 0x16, 0, 2);
	assert_int_equal(bar_read(f, 1, 0x18, 2), VIRTQ_SIZE_MAX);
	end(f);
}

static void a_request_sends_the_message_of_its_queue(void **state)
{
	struct fixture *f = begin();

	(void)state;
	ask(f);
	assert_int_equal(used_idx(&f->d, 0), 1);
	assert_int_equal(f->sent, 1);
	assert_true(f->addr == 0x1fee00000 && f->data == 0x41);
	virtio_config_changed(f->d.v);
	assert_int_equal(f->sent, 2);
	assert_true(f->addr == 0xfee00000 && f->data == 0x40);
	assert_int_equal(bar_read(f, 3, 0, 1), 2);
	assert_int_equal(bar_read(f, 3, 0, 1), 0);
	/* A queue without a vector is silent. */
	bar_write(f, 1, 0x1a, 0xffff, 2);
	ask(f);
	assert_int_equal(used_idx(&f->d, 0), 2);
	assert_int_equal(f->sent, 2);
	end(f);
}

static void a_masked_message_stays_pending(void **state)
{
	struct fixture *f = begin();

	(void)state;
	bar_write(f, 1, 0x21c, 1, 4);
	ask(f);
	ask(f);
	assert_int_equal(f->sent, 0);
	assert_int_equal(bar_read(f, 1, 0x300, 4), 2);
	bar_write(f, 1, 0x218, 0x51, 4);
	bar_write(f, 1, 0x21c, 0, 4);
	assert_int_equal(f->sent, 1);
	assert_int_equal(f->data, 0x51);
	assert_int_equal(bar_read(f, 1, 0x300, 4), 0);
	cfg_write(f, f->msix + 2, 0xc000, 2);		/* mask all vectors of the function */
	ask(f);
	assert_int_equal(f->sent, 1);
	cfg_write(f, f->msix + 2, 0x8000, 2);
	assert_int_equal(f->sent, 2);
	end(f);
}

static void without_msix_the_isr_reports(void **state)
{
	struct fixture *f = begin();

	(void)state;
	cfg_write(f, f->msix + 2, 0, 2);
	ask(f);
	assert_int_equal(f->sent, 0);
	assert_int_equal(bar_read(f, 3, 0, 1), 1);
	assert_int_equal(bar_read(f, 3, 0, 1), 0);	/* read clears it */
	end(f);
}

static void the_bar_can_be_accessed_through_configuration_space(void **state)
{
	struct fixture *f = begin();
	uint32_t w = f->cap[5];

	(void)state;
	cfg_write(f, w + 8, 0x14, 4);
	cfg_write(f, w + 12, 1, 4);
	assert_int_equal(cfg_read(f, w + 16, 1), 15);
	cfg_write(f, w + 16, 0, 1);
	assert_int_equal(bar_read(f, 1, 0x14, 1), 0);
	offer(&f->d, 0, 0);
	cfg_write(f, w + 8, cfg_read(f, f->cap[2] + 8, 4), 4);
	cfg_write(f, w + 16, 0, 1);			/* a doorbell */
	served(f);
	cfg_write(f, w + 8, PCI_BAR_LEN, 4);
	cfg_write(f, w + 12, 4, 4);
	cfg_write(f, w + 16, ~0U, 4);			/* nowhere */
	cfg_write(f, w + 8, ~0U, 4);
	cfg_write(f, w + 16, ~0U, 4);
	cfg_write(f, w + 8, 0x15, 4);
	assert_int_equal(cfg_read(f, w + 16, 4), ~0U);	/* unaligned: reads nothing */
	end(f);
}

static void odd_accesses_are_harmless(void **state)
{
	struct fixture *f = begin();
	uint8_t data[8];
	uint32_t off, len;
	int wr;

	(void)state;
	for (off = 0; off < PCI_BAR_LEN; off++)
		for (len = 1; len <= 8; len *= 2)
			for (wr = 1; wr >= 0 && off + len <= PCI_BAR_LEN; wr--) {
				memset(data, 0xff, sizeof(data));
				virtio_pci_bar(f->p, off, data, len, wr);
			}
	for (off = 0; off < 256; off++)
		for (len = 1; len <= 4; len *= 2)
			for (wr = 1; wr >= 0; wr--) {
				memset(data, 0xff, sizeof(data));
				pci_config(&f->bus, 0x80000000 | SLOT << 11 | off, data, len, wr);
				pci_config(&f->bus, 0x80000000 | off, data, len, wr);
			}
	end(f);
}

static void snapshot_contents_are_checked(void **state)
{
	struct fixture *f = begin();
	struct virtio_pci_regs r = f->p->r;
	struct records all = { .name = "s" };
	uint8_t *p;

	(void)state;
	virtio_pci_transport.save(f->d.v, 0, &all);
	p = all.p + all.n - sizeof(r);
	f->p->r.vector[0] = 0;
	assert_int_equal(virtio_pci_transport.load(f->d.v, 0, &all, NULL), 0);
	assert_memory_equal(&f->p->r, &r, sizeof(r));
	memset(p, 0xee, sizeof(r));
	assert_int_equal(virtio_pci_transport.load(f->d.v, 0, &all, NULL), 0);
	assert_int_equal(cfg_read(f, 0, 4), 0x10441af4);
	assert_int_equal(cfg_read(f, 0x10, 4), BAR);
	assert_int_equal(bar_read(f, 1, 0x1a, 2), 0xffff);
	ask(f);
	free(all.p);
	end(f);
}

/* Save, reset, restore: the driver's queue and vectors must be as before. */
static void a_device_is_restored_from_a_snapshot(void **state)
{
	struct fixture *f = begin();
	struct devices *d = &f->d.all;
	struct records r = { .name = "s" };
	struct err e;

	(void)state;
	d->pci = true;
	ask(f);
	assert_int_equal(devices_lock(d, &e), 0);
	devices_save(d, &r);
	devices_unlock(d);
	assert_int_equal(r.rc, 0);
	assert_true(records_fit(&r));
	bar_write(f, 1, 0x14, 0, 1);
	cfg_write(f, f->msix + 2, 0, 2);
	assert_int_equal(devices_load(d, &r, &e), 0);
	assert_int_equal(bar_read(f, 1, 0x14, 1), 15);
	assert_int_equal(bar_read(f, 1, 0x1a, 2), 1);
	ask(f);
	assert_int_equal(used_idx(&f->d, 0), 2);
	assert_int_equal(f->sent, 2);
	/* If the device is no longer on PCI, the message must say so. */
	d->pci = false;
	assert_int_equal(devices_load(d, &r, &e), -EBADMSG);
	assert_non_null(strstr(e.msg, "give --pci"));
	free(r.p);
	end(f);
}

void virtio_pci_tests(struct tests *all)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(the_bus_has_a_bridge_and_its_functions),
		cmocka_unit_test(the_bar_reports_its_size_and_cannot_move),
		cmocka_unit_test(registers_can_be_read_back),
		cmocka_unit_test(a_request_sends_the_message_of_its_queue),
		cmocka_unit_test(a_masked_message_stays_pending),
		cmocka_unit_test(without_msix_the_isr_reports),
		cmocka_unit_test(the_bar_can_be_accessed_through_configuration_space),
		cmocka_unit_test(odd_accesses_are_harmless),
		cmocka_unit_test(snapshot_contents_are_checked),
		cmocka_unit_test(a_device_is_restored_from_a_snapshot),
	};

	ADD_TESTS(all, t);
}
