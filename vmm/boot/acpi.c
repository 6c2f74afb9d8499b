// SPDX-License-Identifier: GPL-2.0-only
#include <stddef.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "boot/boot.h"
#include "boot/tables.h"
#include "dev/pc.h"
#include "dev/pci.h"
#include "dev/serial.h"

#define ACPI_MAX	0x4000U		/* bytes of all tables */
#define OEM		"KVMVMM"

struct header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem_id[6], oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

/* Generic address structure: an I/O port of one byte. */
struct gas {
	uint8_t space, width, offset, access;
	uint64_t addr;
} __attribute__((packed));
#define GAS_PORT(a)	{ 1, 8, 0, 1, (a) }

struct fadt {
	struct header h;
	uint32_t facs, dsdt;
	uint8_t reserved0, profile;
	uint16_t sci;
	uint8_t pm[60];			/* fixed hardware that we do not have */
	uint8_t century;		/* offset 108 */
	uint16_t boot_arch;
	uint8_t reserved1;
	uint32_t flags;
	struct gas reset;
	uint8_t reset_value;
	uint16_t arm_boot;
	uint8_t minor;
	uint64_t x_facs, x_dsdt;
	struct gas x_pm[8];
	struct gas sleep_control, sleep_status;
	uint64_t hypervisor;
} __attribute__((packed));
_Static_assert(sizeof(struct fadt) == 276, "FADT of ACPI 6");

#define FADT_WBINVD		(1 << 0)
#define FADT_RESET		(1 << 10)
#define FADT_HW_REDUCED		(1 << 20)
#define BOOT_NO_VGA		(1 << 2)

struct buf {
	uint8_t p[ACPI_MAX];
	uint32_t n;
	bool full;
};

uint8_t table_sum(const void *p, uint64_t len)
{
	const uint8_t *b = p;
	uint8_t sum = 0;

	while (len--)
		sum = (uint8_t)(sum + *b++);
	return (uint8_t)-sum;
}

static void put(struct buf *b, const void *p, uint32_t n)
{
	if (n > ACPI_MAX - b->n) {
		b->full = true;
		return;
	}
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

static void put8(struct buf *b, uint8_t v)
{
	put(b, &v, 1);
}

static void put32(struct buf *b, uint32_t v)
{
	put(b, &v, 4);
}

/* Begin a table; returns where. finish() fills in length and checksum. */
static uint32_t begin(struct buf *b, const char *sig, uint8_t rev)
{
	struct header h = { .revision = rev, .oem_revision = 1,
			    .creator_revision = 1 };
	uint32_t at;

	while (b->n % 16)
		put8(b, 0);
	at = b->n;
	memcpy(h.signature, sig, 4);
	memcpy(h.oem_id, OEM, 6);
	memcpy(h.oem_table_id, OEM "  ", 8);
	memcpy(h.creator_id, "KVMV", 4);
	put(b, &h, sizeof(h));
	return at;
}

static uint64_t finish(struct buf *b, uint32_t at)
{
	uint32_t len = b->n - at;

	if (!b->full) {
		memcpy(b->p + at + offsetof(struct header, length), &len, 4);
		b->p[at + offsetof(struct header, checksum)] = 0;
		b->p[at + offsetof(struct header, checksum)] = table_sum(b->p + at, len);
	}
	return BOOT_ROM + at;
}

/* ---- AML ---- */

/*
 * A package's length comes before its content and counts itself; we always
 * use its two-byte form (up to 4095 bytes).
 */
static uint32_t pkg_begin(struct buf *b)
{
	put8(b, 0);
	put8(b, 0);
	return b->n - 2;
}

static void pkg_end(struct buf *b, uint32_t at)
{
	uint32_t len = b->n - at;

	if (b->full)
		return;
	b->p[at] = (uint8_t)(0x40 | (len & 0xf));
	b->p[at + 1] = (uint8_t)(len >> 4);
}

static void name(struct buf *b, const char *n)
{
	put8(b, 0x08);
	put(b, n, 4);
}

static void name_byte(struct buf *b, const char *n, uint8_t v)
{
	name(b, n);
	put8(b, 0x0a);
	put8(b, v);
}

/* Begin a device; @hid: the AML of its ID, @len bytes. */
static uint32_t device(struct buf *b, const char *n, const char *hid, uint32_t len)
{
	uint32_t pkg;

	put8(b, 0x5b);
	put8(b, 0x82);
	pkg = pkg_begin(b);
	put(b, n, 4);
	name(b, "_HID");
	put(b, hid, len);
	return pkg;
}
#define EISAID_PNP0501	"\x0c\x41\xd0\x05\x01", 5
#define EISAID_PNP0B00	"\x0c\x41\xd0\x0b\x00", 5
#define EISAID_PNP0A03	"\x0c\x41\xd0\x0a\x03", 5
#define LNRO0005	"\x0dLNRO0005", 10

/* Name (_CRS, Buffer () { res, end tag }), and the end of the device */
static void crs(struct buf *b, uint32_t device_pkg, const uint8_t *res, uint8_t len)
{
	uint32_t pkg;

	name(b, "_CRS");
	put8(b, 0x11);
	pkg = pkg_begin(b);
	put8(b, 0x0a);
	put8(b, (uint8_t)(len + 2));
	put(b, res, len);
	put8(b, 0x79);
	put8(b, 0);
	pkg_end(b, pkg);
	pkg_end(b, device_pkg);
}

static void serial_device(struct buf *b)
{
	/* IO (Decode16, 0x3f8, 0x3f8, 1, 8); IRQNoFlags () {4} */
	static const uint8_t res[] = {
		0x47, 0x01, SERIAL_PORT & 0xff, SERIAL_PORT >> 8,
		SERIAL_PORT & 0xff, SERIAL_PORT >> 8, 1, SERIAL_LEN,
		0x22, 1 << SERIAL_IRQ, 0,
	};
	uint32_t pkg = device(b, "COM1", EISAID_PNP0501);

	name_byte(b, "_UID", 1);
	crs(b, pkg, res, sizeof(res));
}

/*
 * Without it Linux makes a device of its own for the clock, with the legacy
 * interrupt 8, which a platform of reduced hardware does not have.
 */
static void clock_device(struct buf *b)
{
	/* IO (Decode16, 0x70, 0x70, 1, 2) */
	static const uint8_t res[] = {
		0x47, 0x01, PC_CMOS_PORT, 0, PC_CMOS_PORT, 0, 1, PC_CMOS_LEN,
	};

	crs(b, device(b, "RTC0", EISAID_PNP0B00), res, sizeof(res));
}

static void virtio_device(struct buf *b, const struct virtio_place *d, unsigned int i)
{
	/* Memory32Fixed (ReadWrite); Interrupt (Consumer, Edge, ActiveHigh) */
	uint8_t res[12 + 9] = { 0x86, 9, 0, 1, [12] = 0x89, 6, 0, 0x03, 1 };
	uint32_t base = (uint32_t)d->base, pkg;
	char n[5];

	memcpy(res + 4, &base, 4);
	memcpy(res + 8, &d->len, 4);
	memcpy(res + 17, &d->gsi, 4);
	snprintf(n, sizeof(n), "VR%02X", i & 0xff);
	pkg = device(b, n, LNRO0005);
	name_byte(b, "_UID", (uint8_t)i);
	name_byte(b, "_CCA", 1);
	crs(b, pkg, res, sizeof(res));
}

/* A host bridge: bus 0, its ports, and a window in which the BARs lie. */
static void pci_device(struct buf *b)
{
	uint8_t res[16 + 8 + 26] = {
		/* WordBusNumber (ResourceProducer): 0, of 1 */
		0x88, 13, 0, 2, 0x0c, 0, [14] = 1,
		/* IO (Decode16, 0xcf8, 0xcf8, 1, 8) */
		[16] = 0x47, 1, PCI_PORT & 0xff, PCI_PORT >> 8,
		PCI_PORT & 0xff, PCI_PORT >> 8, 1, 8,
		/* DWordMemory (ResourceProducer, ReadWrite, NonCacheable) */
		[24] = 0x87, 23, 0, 0, 0x0c, 1,
	};
	const uint32_t window[] = { PCI_BASE,
		PCI_BASE + PCI_LEN - 1, 0, PCI_LEN };
	uint32_t pkg = device(b, "PCI0", EISAID_PNP0A03);

	memcpy(res + 34, window, sizeof(window));
	name_byte(b, "_CCA", 1);
	crs(b, pkg, res, sizeof(res));
}

static uint64_t dsdt(struct buf *b, const struct virtio_place *dev, unsigned int ndev)
{
	/* Name (\_S5, Package () { 5, 5, 0, 0 }) */
	static const uint8_t s5[] = {
		0x08, '\\', '_', 'S', '5', '_', 0x12, 0x08, 4,
		0x0a, PC_SLP_TYP_S5, 0x0a, PC_SLP_TYP_S5, 0, 0,
	};
	uint32_t at = begin(b, "DSDT", 2), scope;
	unsigned int i;

	put(b, s5, sizeof(s5));
	put8(b, 0x10);
	scope = pkg_begin(b);
	put(b, "\\_SB_", 5);
	serial_device(b);
	clock_device(b);
	if (ndev == TABLES_PCI)
		pci_device(b);
	else
		for (i = 0; i < ndev; i++)
			virtio_device(b, &dev[i], i);
	pkg_end(b, scope);
	return finish(b, at);
}

/* ---- the other tables ---- */

static uint64_t madt(struct buf *b, unsigned int cpus)
{
	uint32_t at = begin(b, "APIC", 5);
	unsigned int i;

	put32(b, LAPIC_ADDR);
	put32(b, 1);			/* PCAT_COMPAT: 8259s are there too */
	for (i = 0; i < cpus; i++) {
		put8(b, 0);		/* local APIC */
		put8(b, 8);
		put8(b, (uint8_t)i);
		put8(b, (uint8_t)i);
		put32(b, 1);		/* enabled */
	}
	put8(b, 1);			/* I/O APIC */
	put8(b, 12);
	put8(b, (uint8_t)cpus);
	put8(b, 0);
	put32(b, IOAPIC_ADDR);
	put32(b, 0);
	put(b, "\4\6\377\0\0\1", 6);	/* NMI on LINT1 of every CPU */
	return finish(b, at);
}

static uint64_t fadt(struct buf *b, uint64_t dsdt_at)
{
	uint32_t at = begin(b, "FACP", 6);
	struct fadt f = {
		.dsdt = (uint32_t)dsdt_at, .x_dsdt = dsdt_at, .century = PC_CENTURY, .minor = 5,
		.boot_arch = BOOT_NO_VGA, .flags = FADT_WBINVD | FADT_RESET | FADT_HW_REDUCED,
		.reset = GAS_PORT(PC_RESET_REG), .reset_value = PC_RESET_VALUE,
		.sleep_control = GAS_PORT(PC_SLEEP_CONTROL),
		.sleep_status = GAS_PORT(PC_SLEEP_STATUS),
	};

	put(b, (uint8_t *)&f + sizeof(f.h), sizeof(f) - sizeof(f.h));
	return finish(b, at);
}

/* The RSDP comes first in the buffer, and is filled in last. */
static void rsdp_fill(struct buf *b, uint64_t xsdt_at)
{
	uint32_t len = 36;

	memcpy(b->p, "RSD PTR ", 8);
	memcpy(b->p + 9, OEM, 6);
	b->p[15] = 2;
	memcpy(b->p + 20, &len, 4);
	memcpy(b->p + 24, &xsdt_at, 8);
	b->p[8] = table_sum(b->p, 20);
	b->p[32] = table_sum(b->p, 36);
}

int acpi_write(const struct mem *m, unsigned int cpus,
	       const struct virtio_place *dev, unsigned int ndev, uint64_t *rsdp,
	       struct err *e)
{
	struct buf b = { .n = 48 };
	uint64_t t[2], xsdt;
	uint32_t at;

	t[0] = fadt(&b, dsdt(&b, dev, ndev));
	t[1] = madt(&b, cpus);
	at = begin(&b, "XSDT", 1);
	put(&b, t, sizeof(t));
	xsdt = finish(&b, at);
	rsdp_fill(&b, xsdt);
	if (b.full)
		return err_set(e, -ENOSPC, "ACPI tables of %u CPUs and %u devices do not fit",
			       cpus, ndev);
	if (mem_write(m, BOOT_ROM, b.p, b.n))
		return err_set(e, -EFAULT,
			       "no RAM at %#lx for the ACPI tables: give the guest at least 1 MiB (--mem)",
			       BOOT_ROM);
	*rsdp = BOOT_ROM;
	return 0;
}
