// SPDX-License-Identifier: GPL-2.0-only
/* A raw image with no headers: loaded at an address, entered at another. */

#include "boot/loaders.h"

int flat_check(const struct flat_opts *o, struct err *e)
{
	if (o->mode == BOOT_REAL && (o->has_seg ? o->entry > 0xffff : o->entry > 0xfffff))
		return err_set(e, -EINVAL,
			       "entry %#lx cannot be reached in real mode: it must be below 1 MiB, or SEGMENT:OFFSET",
			       o->entry);
	if (o->mode != BOOT_REAL && o->has_seg)
		return err_set(e, -EINVAL, "entry SEGMENT:OFFSET goes with real mode");
	if (o->mode == BOOT_PROT && o->entry > UINT32_MAX)
		return err_set(e, -EINVAL, "entry %#lx is beyond 32 bits", o->entry);
	return 0;
}

static void real_entry(const struct flat_opts *o, struct boot_entry *out)
{
	if (o->has_seg) {
		out->cs = o->seg;
		out->ip = o->entry;
	} else if (o->entry <= 0xffff) {
		out->ip = o->entry;
	} else {
		out->cs = (uint16_t)((o->entry >> 4) & 0xf000);
		out->ip = o->entry & 0xffff;
	}
	out->sp = 0xfffe;
}

int flat_load(struct boot *b, const struct flat_opts *o, struct boot_entry *out, struct err *e)
{
	uint64_t top = mem_ram_low(b->mem);
	int rc;

	*out = (struct boot_entry){ .mode = o->mode, .protocol = "flat" };
	rc = flat_check(o, e);
	if (!rc)
		rc = boot_claim(b, o->load, b->kernel.size, "flat image", e);
	if (!rc)
		rc = mem_load(b->mem, o->load, b->kernel.fd, 0, b->kernel.size, b->kernel.name, e);
	if (!rc && o->mode == BOOT_REAL)
		real_entry(o, out);
	if (rc || o->mode == BOOT_REAL)
		return rc;
	/* Descriptor and page tables at the top of low RAM, the stack below. */
	if (top < 2 * BOOT_TABLES_SIZE)
		return err_set(e, -EFAULT, "%lu KiB of RAM are too few for this mode", top >> 10);
	out->tables = top - BOOT_TABLES_SIZE;
	rc = boot_claim(b, out->tables, BOOT_TABLES_SIZE, "descriptor and page tables", e);
	out->ip = o->entry;
	out->sp = out->tables;
	return rc;
}
