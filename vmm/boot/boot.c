// SPDX-License-Identifier: GPL-2.0-only
/* What the loaders share. */
#include "boot/boot.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"

int boot_open(struct boot_file *f, const char *path, struct err *e)
{
	struct stat st;

	f->name = path;
	f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (f->fd < 0)
		return err_set(e, -errno, "%s: cannot open: %m", path);
	if (fstat(f->fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0) {
		close(f->fd);
		f->fd = -1;
		return err_set(e, -EINVAL, "%s: %s", path,
			       S_ISREG(st.st_mode) ? "the file is empty" : "not a regular file");
	}
	f->size = (uint64_t)st.st_size;
	return 0;
}

int boot_read(const struct boot_file *f, uint64_t off, void *buf, uint64_t len,
	      const char *what, struct err *e)
{
	if (off > f->size || len > f->size - off)
		return err_set(e, -ENODATA, "%s: truncated: %s ends at offset %lu, the file at %lu",
			f->name, what, off + len, f->size);
	if (io_read(f->fd, buf, len, off) == len)
		return 0;
	if (!errno)
		return err_set(e, -ENODATA, "%s: %s: the file shrank", f->name, what);
	return err_set(e, -errno, "%s: %s: %m", f->name, what);
}

int boot_claim(struct boot *b, uint64_t base, uint64_t len, const char *what, struct err *e)
{
	unsigned int i;

	if (!len)
		return 0;
	if (!mem_at(b->mem, base, len))
		return err_set(e, -EFAULT,
			       "%s: %s (%lu KiB at %#lx) is outside the guest's RAM (%lu MiB): give it more (--mem)",
			       b->kernel.name, what, len >> 10, base,
			       (mem_ram_low(b->mem) + mem_ram_high(b->mem)) >> 20);
	for (i = 0; i < b->nclaims; i++)
		if (mem_overlaps(base, len, b->claim[i].base, b->claim[i].len))
			return err_set(e, -EEXIST, "%s: %s (%#lx-%#lx) overlaps %s (%#lx-%#lx)",
				b->kernel.name, what, base, base + len - 1,
				b->claim[i].what, b->claim[i].base,
				b->claim[i].base + b->claim[i].len - 1);
	if (b->nclaims == BOOT_CLAIMS_MAX)
		return err_set(e, -ENOSPC, "%s: more than %d pieces",
			       b->kernel.name, BOOT_CLAIMS_MAX);
	b->claim[b->nclaims].base = base;
	b->claim[b->nclaims].len = len;
	b->claim[b->nclaims++].what = what;
	return 0;
}

/* Highest page-aligned free place for @len bytes in [lo, hi); 0: none. */
static uint64_t find_place(const struct boot *b, uint64_t lo, uint64_t hi, uint64_t len)
{
	uint64_t at;
	unsigned int i;

	while (hi > lo && hi - lo >= len) {
		at = (hi - len) & ~(MEM_PAGE - 1);
		if (at < lo)
			return 0;
		for (i = 0; i < b->nclaims; i++)
			if (mem_overlaps(at, len, b->claim[i].base, b->claim[i].len))
				break;
		if (i == b->nclaims)
			return at;
		hi = b->claim[i].base;	/* below it, then; hi only falls */
	}
	return 0;
}

int boot_initrd(struct boot *b, uint64_t max, uint64_t *addr, struct err *e)
{
	uint64_t low = mem_ram_low(b->mem), high = mem_ram_high(b->mem), at;
	int rc;

	*addr = 0;
	if (b->initrd.fd < 0)
		return 0;
	at = find_place(b, BOOT_HIGH, low < max ? low : max, b->initrd.size);
	if (!at && high && max > MEM_HIGH_BASE) {
		if (high > max - MEM_HIGH_BASE)
			high = max - MEM_HIGH_BASE;
		at = find_place(b, MEM_HIGH_BASE, MEM_HIGH_BASE + high, b->initrd.size);
	}
	if (!at)
		return err_set(e, -EFAULT,
			"%s: initrd of %lu MiB does not fit into the %lu MiB of RAM beside the kernel: give the guest more (--mem)",
			b->initrd.name, (b->initrd.size + 0xfffff) >> 20,
			(low + mem_ram_high(b->mem)) >> 20);
	rc = boot_claim(b, at, b->initrd.size, "initrd", e);
	if (!rc)
		rc = mem_load(b->mem, at, b->initrd.fd, 0, b->initrd.size, b->initrd.name, e);
	*addr = at;
	return rc;
}

int boot_cmdline(struct boot *b, const char *prefix, uint64_t max, struct err *e)
{
	const char *c = b->cmdline ? b->cmdline : "";
	uint64_t np = prefix ? strlen(prefix) : 0, nc = strlen(c) + 1;
	int rc;

	if (max > BOOT_CMDLINE_MAX)
		max = BOOT_CMDLINE_MAX;
	if (np + nc > max)
		return err_set(e, -E2BIG, "command line of %lu bytes: this kernel takes %lu",
			       np + nc - 1, max - 1);
	rc = boot_claim(b, BOOT_CMDLINE, BOOT_CMDLINE_MAX, "command line", e);
	if (!rc && (mem_write(b->mem, BOOT_CMDLINE, prefix, np) ||
		    mem_write(b->mem, BOOT_CMDLINE + np, c, nc)))
		rc = err_set(e, -EFAULT, "command line does not fit");
	return rc;
}

int boot_info(struct boot *b, const char *what, const char *prefix, uint64_t *initrd,
	      struct err *e)
{
	int rc = boot_cmdline(b, prefix, BOOT_CMDLINE_MAX, e);

	if (!rc)
		rc = boot_claim(b, BOOT_INFO, MEM_PAGE, what, e);
	return rc ? rc : boot_initrd(b, MEM_HIGH_BASE, initrd, e);
}

unsigned int boot_e820(const struct mem *m, struct boot_e820 *t)
{
	uint64_t low = mem_ram_low(m), high = mem_ram_high(m);
	unsigned int n = 0;

	t[n++] = (struct boot_e820){ 0, low < BOOT_EBDA ? low : BOOT_EBDA, 1 };
	t[n++] = (struct boot_e820){ BOOT_EBDA, 0xa0000 - BOOT_EBDA, 2 };
	t[n++] = (struct boot_e820){ BOOT_ROM, BOOT_HIGH - BOOT_ROM, 2 };
	if (low > BOOT_HIGH)
		t[n++] = (struct boot_e820){ BOOT_HIGH, low - BOOT_HIGH, 1 };
	if (high)
		t[n++] = (struct boot_e820){ MEM_HIGH_BASE, high, 1 };
	return n;
}
