// SPDX-License-Identifier: GPL-2.0
/* What the loaders share. */
#include "boot/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vcpu.h"
#include "x86.h"

int boot_open(struct boot_file *f, const char *path, struct err *e)
{
	struct stat st;

	f->name = path;
	f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (f->fd < 0)
		return err_set(e, -errno, "%s: cannot open: %s", path,
			       strerror(errno));
	if (fstat(f->fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0) {
		close(f->fd);
		f->fd = -1;
		return err_set(e, -EINVAL, "%s: %s", path,
			S_ISREG(st.st_mode) ? "the file is empty" :
			"not a regular file");
	}
	f->size = (uint64_t)st.st_size;
	return 0;
}

int boot_read(const struct boot_file *f, uint64_t off, void *buf, uint64_t len,
	      const char *what, struct err *e)
{
	uint8_t *p = buf;
	uint64_t done = 0;

	if (off > f->size || len > f->size - off)
		return err_set(e, -ENODATA,
			"%s: truncated: %s ends at offset %llu, the file at %llu",
			f->name, what, (unsigned long long)(off + len),
			(unsigned long long)f->size);
	while (done < len) {
		ssize_t n = pread(f->fd, p + done, len - done, (off_t)(off + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set(e, n ? -errno : -ENODATA, "%s: %s: %s", f->name,
				what, n ? strerror(errno) : "the file shrank");
		done += (uint64_t)n;
	}
	return 0;
}

int boot_claim(struct boot *b, uint64_t base, uint64_t len, const char *what,
	       struct err *e)
{
	unsigned int i;

	if (!len)
		return 0;
	if (!mem_at(b->mem, base, len))
		return err_set(e, -EFAULT,
			"%s: %s (%llu KiB at %#llx) is outside the guest's RAM (%llu MiB): give it more (--mem)",
			b->kernel.name, what, (unsigned long long)(len >> 10),
			(unsigned long long)base,
			(unsigned long long)((mem_ram_low(b->mem) +
					      mem_ram_high(b->mem)) >> 20));
	for (i = 0; i < b->nclaims; i++)
		if (mem_overlaps(base, len, b->claim[i].base, b->claim[i].len))
			return err_set(e, -EEXIST,
				"%s: %s (%#llx-%#llx) overlaps %s (%#llx-%#llx)",
				b->kernel.name, what, (unsigned long long)base,
				(unsigned long long)(base + len - 1),
				b->claim[i].what,
				(unsigned long long)b->claim[i].base,
				(unsigned long long)(b->claim[i].base +
						     b->claim[i].len - 1));
	if (b->nclaims == BOOT_CLAIMS_MAX)
		return err_set(e, -ENOSPC, "%s: more than %d pieces",
			       b->kernel.name, BOOT_CLAIMS_MAX);
	b->claim[b->nclaims].base = base;
	b->claim[b->nclaims].len = len;
	b->claim[b->nclaims++].what = what;
	return 0;
}

/* Highest page-aligned free place for @len bytes in [lo, hi); 0: none. */
static uint64_t find_place(const struct boot *b, uint64_t lo, uint64_t hi,
			   uint64_t len)
{
	uint64_t at;
	unsigned int i;

	while (hi > lo && hi - lo >= len) {
		at = (hi - len) & ~(MEM_PAGE - 1);
		if (at < lo)
			return 0;
		for (i = 0; i < b->nclaims; i++)
			if (mem_overlaps(at, len, b->claim[i].base,
					 b->claim[i].len))
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
		at = find_place(b, MEM_HIGH_BASE, MEM_HIGH_BASE + high,
				b->initrd.size);
	}
	if (!at)
		return err_set(e, -EFAULT,
			"%s: initrd of %llu MiB does not fit into the %llu MiB of RAM beside the kernel: give the guest more (--mem)",
			b->initrd.name,
			(unsigned long long)((b->initrd.size + 0xfffff) >> 20),
			(unsigned long long)((low + mem_ram_high(b->mem)) >> 20));
	rc = boot_claim(b, at, b->initrd.size, "initrd", e);
	if (!rc)
		rc = mem_load(b->mem, at, b->initrd.fd, 0, b->initrd.size,
			      b->initrd.name, e);
	*addr = at;
	return rc;
}

int boot_cmdline(struct boot *b, const char *prefix, uint64_t max,
		 struct err *e)
{
	const char *c = b->cmdline ? b->cmdline : "";
	uint64_t np = strlen(prefix), nc = strlen(c) + 1;
	int rc;

	if (max > BOOT_CMDLINE_MAX)
		max = BOOT_CMDLINE_MAX;
	if (np + nc > max)
		return err_set(e, -E2BIG,
			"command line of %llu bytes: this kernel takes %llu",
			(unsigned long long)(np + nc - 1),
			(unsigned long long)(max - 1));
	rc = boot_claim(b, BOOT_CMDLINE, BOOT_CMDLINE_MAX, "command line", e);
	if (!rc && (mem_write(b->mem, BOOT_CMDLINE, prefix, np) ||
		    mem_write(b->mem, BOOT_CMDLINE + np, c, nc)))
		rc = err_set(e, -EFAULT, "command line does not fit");
	return rc;
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

int boot_kernel(struct boot *b, struct boot_entry *out, struct err *e)
{
	uint8_t head[4] = { 0 };
	int rc = boot_read(&b->kernel, 0, head, sizeof(head), "kernel image", e);

	if (rc)
		return rc;
	memset(out, 0, sizeof(*out));
	rc = boot_claim(b, BOOT_TABLES, X86_TABLES_SIZE, "boot tables", e);
	if (rc)
		return rc;
	if (!memcmp(head, "\177ELF", 4))
		return elf_boot(b, out, e);
	return bzimage_load(b, out, e);
}

int boot_start(struct vcpu *v, const struct boot_entry *in, struct err *e)
{
	struct kvm_regs r;
	int rc;

	switch (in->mode) {
	case BOOT_REAL:
		rc = x86_real(v, in->cs, (uint16_t)in->ip, (uint16_t)in->sp, e);
		break;
	case BOOT_PROT:
		rc = x86_prot(v, (uint32_t)in->ip, (uint32_t)in->sp, in->tables, e);
		break;
	default:
		rc = x86_long(v, in->ip, in->sp, in->tables, e);
		break;
	}
	if (rc || (!in->rax && !in->rbx && !in->rsi))
		return rc;
	if (ioctl(v->fd, KVM_GET_REGS, &r) < 0)
		return err_set(e, -errno, "KVM_GET_REGS: %s", strerror(errno));
	r.rax = in->rax;
	r.rbx = in->rbx;
	r.rsi = in->rsi;
	if (ioctl(v->fd, KVM_SET_REGS, &r) < 0)
		return err_set(e, -errno, "KVM_SET_REGS: %s", strerror(errno));
	return 0;
}
