// SPDX-License-Identifier: GPL-2.0-only
#include "boot/loaders.h"

#include <string.h>

int boot_kernel(struct boot *b, struct boot_entry *out, struct err *e)
{
	uint8_t head[4] = { 0 };
	int rc = boot_read(&b->kernel, 0, head, sizeof(head), "kernel image", e);

	if (rc)
		return rc;
	memset(out, 0, sizeof(*out));
	rc = boot_claim(b, BOOT_TABLES, BOOT_TABLES_SIZE, "boot tables", e);
	if (rc)
		return rc;
	if (!memcmp(head, "\177ELF", 4))
		return elf_boot(b, out, e);
	return bzimage_load(b, out, e);
}
