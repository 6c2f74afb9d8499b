// SPDX-License-Identifier: GPL-2.0-only
#include <stddef.h>
#include <string.h>

#include "boot/boot.h"
#include "boot/tables.h"

#define ISA_IRQS	16
#define MP_MAX		2048

/*
 * Where a guest jumps that wants the firmware to restart the machine:
 * movb $0xfe, %al; outb %al, $0x64; cli; hlt
 */
static const uint8_t reset_vector[] = { 0xb0, 0xfe, 0xe6, 0x64, 0xfa, 0xf4 };

struct floating {
	char signature[4];
	uint32_t table;
	uint8_t length, revision, checksum, features[5];
};

struct config {
	char signature[4];
	uint16_t length;
	uint8_t revision, checksum;
	char oem[8], product[12];
	uint32_t oem_table;
	uint16_t oem_size, entries;
	uint32_t lapic;
	uint16_t ext_length;
	uint8_t ext_checksum, reserved;
};

struct cpu {
	uint8_t type, apic_id, version, flags;
	uint32_t signature, features, reserved[2];
};

struct entry8 {			/* bus, I/O APIC, interrupts */
	uint8_t b[8];
};

struct out_buf {
	uint8_t p[MP_MAX];
	uint32_t n;
	uint16_t entries;
};

static void add(struct out_buf *o, const void *p, uint32_t len)
{
	if (len > MP_MAX - o->n)
		return;		/* 64 CPUs take 1,280 bytes: cannot be */
	memcpy(o->p + o->n, p, len);
	o->n += len;
	o->entries++;
}

static void add_interrupts(struct out_buf *o, uint8_t ioapic)
{
	uint8_t i;

	for (i = 0; i < ISA_IRQS; i++)
		add(o, &(struct entry8){ { 3, 0, 0, 0, 0, i, ioapic, i } }, 8);
	add(o, &(struct entry8){ { 4, 3, 0, 0, 0, 0, 0, 0 } }, 8);	/* ExtINT */
	add(o, &(struct entry8){ { 4, 1, 0, 0, 0, 0, 0xff, 1 } }, 8);	/* NMI */
}

int mptable_write(const struct mem *m, unsigned int cpus, struct err *e)
{
	struct floating f = { .length = 1, .revision = 4,
			      .table = TABLES_MP + sizeof(f) };
	struct config c = { .revision = 4, .lapic = LAPIC_ADDR };
	struct entry8 ioapic = { { 2, (uint8_t)cpus, 0x11, 1 } };
	struct out_buf o = { .n = sizeof(c) };
	uint32_t addr = IOAPIC_ADDR;
	unsigned int i;

	for (i = 0; i < cpus; i++)
		add(&o, &(struct cpu){ .apic_id = (uint8_t)i, .version = 0x14,
				       .flags = i ? 1 : 3, .signature = 0x600,
				       .features = 0x201 }, sizeof(struct cpu));
	add(&o, "\1\0ISA   ", 8);
	memcpy(ioapic.b + 4, &addr, 4);
	add(&o, &ioapic, 8);
	add_interrupts(&o, (uint8_t)cpus);
	memcpy(c.signature, "PCMP", 4);
	memcpy(c.oem, "KVMVMM  ", 8);
	memcpy(c.product, "KVM         ", 12);
	c.length = (uint16_t)o.n;
	c.entries = o.entries;
	memcpy(o.p, &c, sizeof(c));
	o.p[offsetof(struct config, checksum)] = table_sum(o.p, o.n);
	memcpy(f.signature, "_MP_", 4);
	f.checksum = table_sum(&f, sizeof(f));
	if (mem_write(m, TABLES_MP, &f, sizeof(f)) ||
	    mem_write(m, TABLES_MP + sizeof(f), o.p, o.n) ||
	    mem_write(m, TABLES_RESET, reset_vector, sizeof(reset_vector)))
		return err_set(e, -EFAULT,
			"no RAM at %#lx for the MP table: give the guest at least 1 MiB (--mem)",
			TABLES_MP);
	return 0;
}
