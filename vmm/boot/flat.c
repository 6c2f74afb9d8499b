// SPDX-License-Identifier: GPL-2.0-only
/* A raw image with no headers: loaded at an address, entered at another. */

#include "boot/loaders.h"

static int real_entry(const struct flat_opts *o, struct boot_entry *out, struct err *e)
{
	if (o->has_seg) {
		out->cs = o->seg;
		out->ip = o->entry;
	} else if (o->entry <= 0xffff) {
		out->ip = o->entry;
	} else if (o->entry <= 0xfffff) {
		out->cs = (uint16_t)((o->entry >> 4) & 0xf000);
		out->ip = o->entry & 0xffff;
	} else {
		out->ip = 0x10000;
	}
	if (out->ip > 0xffff)
		return err_set(e, -EINVAL,
			       "entry %#lx cannot be reached in real mode: it must be below 1 MiB, or SEGMENT:OFFSET",
			       o->entry);
	out->sp = 0xfffe;
	return 0;
}

int flat_load(struct boot *b, const struct flat_opts *o, struct boot_entry *out, struct err *e)
{
	uint64_t top = mem_ram_low(b->mem);
	int rc;

	*out = (struct boot_entry){ .mode = o->mode, .protocol = "flat" };
	rc = boot_claim(b, o->load, b->kernel.size, "flat image", e);
	if (!rc)
		rc = mem_load(b->mem, o->load, b->kernel.fd, 0, b->kernel.size, b->kernel.name, e);
	if (rc || o->mode == BOOT_REAL)
		return rc ? rc : real_entry(o, out, e);
	/* Descriptor and page tables at the top of low RAM, the stack below. */
	if (top < 2 * BOOT_TABLES_SIZE)
		return err_set(e, -EFAULT, "%lu KiB of RAM are too few for this mode", top >> 10);
	out->tables = top - BOOT_TABLES_SIZE;
	rc = boot_claim(b, out->tables, BOOT_TABLES_SIZE, "descriptor and page tables", e);
	out->ip = o->entry;
	out->sp = out->tables;
	if (!rc && o->mode == BOOT_PROT && o->entry > UINT32_MAX)
		rc = err_set(e, -EINVAL, "entry %#lx is beyond 32 bits", o->entry);
	return rc;
}
