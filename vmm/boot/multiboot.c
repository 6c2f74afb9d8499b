// SPDX-License-Identifier: GPL-2.0-only
/*
 * Multiboot 1, as test kernels use it: an ELF image with the header in its
 * first 8 KiB, started in 32-bit protected mode, EBX -> information.
 * Source: the Multiboot Specification 0.6.96, 3.1 and 3.3.
 */
#include <stddef.h>
#include <string.h>

#include "boot/loaders.h"

#define MB_SEARCH	8192U
#define MB_HEADER_MAGIC	0x1badb002U
#define MB_LOADER_MAGIC	0x2badb002U
#define MB_MEMORY	(1 << 0)
#define MB_CMDLINE	(1 << 2)
#define MB_MODULES	(1 << 3)
#define MB_MMAP		(1 << 6)

struct mb_info {
	uint32_t flags;
	uint32_t mem_lower;	/* KiB from 0 */
	uint32_t mem_upper;	/* KiB from 1 MiB */
	uint32_t boot_device, cmdline, mods_count, mods_addr, syms[4];
	uint32_t mmap_length, mmap_addr, rest[17];
};

struct mb_module {
	uint32_t start, end, string, reserved;
};

struct mb_map {
	uint32_t size;		/* of what follows */
	struct boot_e820 e;
} __attribute__((packed));

struct mb_page {
	struct mb_info info;
	struct mb_module module;
	struct mb_map map[BOOT_E820_MAX];
	char empty[4];		/* the module's string */
};

bool multiboot_find(const struct boot_file *f)
{
	uint32_t buf[MB_SEARCH / 4];
	uint64_t n = f->size < MB_SEARCH ? f->size & ~3ULL : MB_SEARCH;
	uint64_t i;

	if (boot_read(f, 0, buf, n, "multiboot header", NULL))
		return false;
	for (i = 0; i + 3 <= n / 4; i++)
		if (buf[i] == MB_HEADER_MAGIC && !(buf[i] + buf[i + 1] + buf[i + 2]))
			return true;
	return false;
}

int multiboot_info(struct boot *b, uint64_t entry, struct boot_entry *out, struct err *e)
{
	struct mb_page p = { .info.flags = MB_MEMORY | MB_CMDLINE | MB_MMAP };
	struct boot_e820 map[BOOT_E820_MAX];
	uint64_t initrd = 0, low = mem_ram_low(b->mem);
	unsigned int i, n;
	int rc = boot_info(b, "multiboot information", "kernel ", &initrd, e);

	if (rc)
		return rc;
	p.info.mem_lower = 639;
	p.info.mem_upper = low > BOOT_HIGH ? (uint32_t)((low - BOOT_HIGH) >> 10) : 0;
	p.info.cmdline = BOOT_CMDLINE;
	if (initrd) {
		p.info.flags |= MB_MODULES;
		p.info.mods_count = 1;
		p.info.mods_addr = BOOT_INFO + offsetof(struct mb_page, module);
		p.module.start = (uint32_t)initrd;
		p.module.end = (uint32_t)(initrd + b->initrd.size);
		p.module.string = BOOT_INFO + offsetof(struct mb_page, empty);
	}
	n = boot_e820(b->mem, map);
	for (i = 0; i < n; i++)
		p.map[i] = (struct mb_map){ sizeof(map[i]), map[i] };
	p.info.mmap_addr = BOOT_INFO + offsetof(struct mb_page, map);
	p.info.mmap_length = n * (uint32_t)sizeof(p.map[0]);
	if (mem_write(b->mem, BOOT_INFO, &p, sizeof(p)))
		return err_set(e, -EFAULT, "multiboot information does not fit");
	*out = (struct boot_entry){
		.mode = BOOT_PROT, .ip = entry, .sp = BOOT_TABLES,
		.tables = BOOT_TABLES, .rax = MB_LOADER_MAGIC, .rbx = BOOT_INFO,
		.protocol = "multiboot",
	};
	return 0;
}
