// SPDX-License-Identifier: GPL-2.0-only
/*
 * PVH: start an ELF kernel in 32-bit protected mode with EBX pointing to a
 * start info. Source: Xen's docs/misc/pvh.pandoc and
 * public/arch-x86/hvm/start_info.h.
 */
#include <stddef.h>

#include "boot/loaders.h"

#define PVH_MAGIC	0x336ec578

struct pvh_start {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist, cmdline, rsdp;
	uint64_t memmap;	/* version 1 from here */
	uint32_t memmap_entries, reserved;
};

struct pvh_module {
	uint64_t addr, size, cmdline, reserved;
};

struct pvh_map {
	uint64_t addr, size;
	uint32_t type, reserved;
};

/* All of it, in one page. */
struct pvh_page {
	struct pvh_start start;
	struct pvh_module module;
	struct pvh_map map[BOOT_E820_MAX];
};

int pvh_info(struct boot *b, uint64_t entry, struct boot_entry *out, struct err *e)
{
	struct pvh_page p = { .start = { .magic = PVH_MAGIC, .version = 1 } };
	struct boot_e820 map[BOOT_E820_MAX];
	uint64_t initrd = 0;
	unsigned int i;
	int rc = boot_info(b, "PVH start info", b->linux_cmdline, &initrd, e);

	if (rc)
		return rc;
	if (entry > UINT32_MAX || !mem_at(b->mem, entry, 1))
		return err_set(e, -ENOEXEC, "%s: PVH entry %#lx is outside RAM",
			       b->kernel.name, entry);
	if (initrd) {
		p.start.nr_modules = 1;
		p.start.modlist = BOOT_INFO + offsetof(struct pvh_page, module);
		p.module.addr = initrd;
		p.module.size = b->initrd.size;
	}
	p.start.cmdline = BOOT_CMDLINE;
	p.start.rsdp = b->rsdp;
	p.start.memmap = BOOT_INFO + offsetof(struct pvh_page, map);
	p.start.memmap_entries = boot_e820(b->mem, map);
	for (i = 0; i < p.start.memmap_entries; i++)
		p.map[i] = (struct pvh_map){ map[i].addr, map[i].size, map[i].type, 0 };
	if (mem_write(b->mem, BOOT_INFO, &p, sizeof(p)))
		return err_set(e, -EFAULT, "PVH start info does not fit");
	*out = (struct boot_entry){
		.mode = BOOT_PROT, .ip = entry, .sp = BOOT_TABLES,
		.tables = BOOT_TABLES, .rbx = BOOT_INFO, .protocol = "PVH",
	};
	return 0;
}
