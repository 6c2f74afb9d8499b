// SPDX-License-Identifier: GPL-2.0-only
/*
 * ELF images: load the PT_LOAD segments at their physical addresses, find the
 * PVH entry note or the multiboot header, and hand over to that protocol.
 * Source: System V gABI ch. 5; Xen's public/elfnote.h for the note.
 */
#include <elf.h>
#include <string.h>

#include "boot/loaders.h"

#define PHDRS_MAX	64
#define NOTES_MAX	(64U << 10)	/* bytes of PT_NOTE that we look at */
#define XEN_PHYS32_ENTRY 18

/* A program header of either class. */
struct seg {
	uint32_t type;
	uint64_t off, paddr, filesz, memsz;
};

struct elf {
	bool is64;
	unsigned int n;
	uint64_t entry;		/* e_entry; of a 32-bit image physical */
	struct seg seg[PHDRS_MAX];
};

static int check_ident(const struct boot_file *f, const Elf64_Ehdr *h, struct err *e)
{
	uint8_t cls = h->e_ident[EI_CLASS];

	/* Type and machine lie at the same place in both classes. */
	if ((cls != ELFCLASS32 && cls != ELFCLASS64) || h->e_ident[EI_DATA] != ELFDATA2LSB)
		return err_set(e, -ENOEXEC, "%s: not a little-endian ELF file", f->name);
	if (h->e_type != ET_EXEC || (h->e_machine != EM_386 && h->e_machine != EM_X86_64))
		return err_set(e, -ENOEXEC,
			       "%s: ELF, but not an x86 executable (type %u, machine %u)",
			       f->name, h->e_type, h->e_machine);
	return 0;
}

static int read_phdrs(const struct boot_file *f, struct elf *x, uint64_t off,
		      unsigned int size, unsigned int n, struct err *e)
{
	unsigned int want = x->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	unsigned int i;
	int rc = 0;

	if (!n || n > PHDRS_MAX || size != want)
		return err_set(e, -ENOEXEC,
			       "%s: %u program headers of %u bytes: 1 to %d of %u are possible",
			       f->name, n, size, PHDRS_MAX, want);
	for (i = 0; i < n && !rc; i++) {
		struct seg *s = &x->seg[i];
		union {
			Elf32_Phdr p32;
			Elf64_Phdr p64;
		} u;

		rc = boot_read(f, off + (uint64_t)i * want, &u, want, "program header", e);
		if (rc)
			break;
		if (x->is64)
			*s = (struct seg){ u.p64.p_type, u.p64.p_offset,
				u.p64.p_paddr, u.p64.p_filesz, u.p64.p_memsz };
		else
			*s = (struct seg){ u.p32.p_type, u.p32.p_offset,
				u.p32.p_paddr, u.p32.p_filesz, u.p32.p_memsz };
	}
	x->n = n;
	return rc;
}

static int read_elf(const struct boot_file *f, struct elf *x, struct err *e)
{
	union {
		Elf32_Ehdr h32;
		Elf64_Ehdr h64;
	} u = { .h64.e_phnum = 0 };
	int rc = boot_read(f, 0, &u, sizeof(u.h32), "ELF header", e);

	if (!rc)
		rc = check_ident(f, &u.h64, e);
	if (rc)
		return rc;
	x->is64 = u.h64.e_ident[EI_CLASS] == ELFCLASS64;
	if (!x->is64) {
		x->entry = u.h32.e_entry;
		return read_phdrs(f, x, u.h32.e_phoff, u.h32.e_phentsize, u.h32.e_phnum, e);
	}
	rc = boot_read(f, 0, &u, sizeof(u.h64), "ELF header", e);
	x->entry = u.h64.e_entry;
	return rc ? rc : read_phdrs(f, x, u.h64.e_phoff, u.h64.e_phentsize, u.h64.e_phnum, e);
}

static int load_segments(struct boot *b, const struct elf *x, struct err *e)
{
	unsigned int i, loaded = 0;
	int rc = 0;

	for (i = 0; i < x->n && !rc; i++) {
		const struct seg *s = &x->seg[i];

		if (s->type != PT_LOAD || !s->memsz)
			continue;
		if (s->filesz > s->memsz)
			return err_set(e, -ENOEXEC,
				       "%s: segment %u has %lu bytes in the file, %lu in memory",
				       b->kernel.name, i, s->filesz, s->memsz);
		rc = boot_claim(b, s->paddr, s->memsz, "ELF segment", e);
		if (!rc && s->filesz)	/* the rest is zero: fresh memory */
			rc = mem_load(b->mem, s->paddr, b->kernel.fd, s->off,
				      s->filesz, b->kernel.name, e);
		loaded++;
	}
	if (!rc && !loaded)
		return err_set(e, -ENOEXEC, "%s: ELF with nothing to load", b->kernel.name);
	return rc;
}

/* Look for the note "Xen" type 18 in @n bytes at @p. */
static bool scan_notes(const uint8_t *p, uint64_t n, uint64_t *entry)
{
	while (n >= sizeof(Elf32_Nhdr)) {
		Elf32_Nhdr h;
		uint64_t name, all;

		memcpy(&h, p, sizeof(h));
		name = ((uint64_t)h.n_namesz + 3) & ~3ULL;
		all = sizeof(h) + name + (((uint64_t)h.n_descsz + 3) & ~3ULL);
		if (all > n)
			return false;
		if (h.n_type == XEN_PHYS32_ENTRY && h.n_namesz == 4 &&
		    !memcmp(p + sizeof(h), "Xen", 4) && h.n_descsz >= 4) {
			*entry = 0;
			memcpy(entry, p + sizeof(h) + name, h.n_descsz >= 8 ? 8 : 4);
			return true;
		}
		p += all;
		n -= all;
	}
	return false;
}

static bool pvh_entry(const struct boot_file *f, const struct elf *x, uint8_t *buf, uint64_t *entry)
{
	unsigned int i;

	for (i = 0; i < x->n; i++) {
		const struct seg *s = &x->seg[i];
		uint64_t n = s->filesz < NOTES_MAX ? s->filesz : NOTES_MAX;

		if (s->type == PT_NOTE && !boot_read(f, s->off, buf, n, "notes", NULL) &&
		    scan_notes(buf, n, entry))
			return true;
	}
	return false;
}

int elf_boot(struct boot *b, struct boot_entry *out, struct err *e)
{
	struct elf x = { 0 };
	uint8_t notes[NOTES_MAX];
	uint64_t entry = 0;
	bool pvh;
	int rc = read_elf(&b->kernel, &x, e);

	if (rc)
		return rc;
	pvh = pvh_entry(&b->kernel, &x, notes, &entry);
	if (!pvh && !multiboot_find(&b->kernel))
		return err_set(e, -ENOEXEC,
			       "%s: ELF with neither a PVH entry note (CONFIG_PVH) nor a multiboot header: use the bzImage",
			       b->kernel.name);
	rc = load_segments(b, &x, e);
	if (!rc)
		rc = pvh ? pvh_info(b, entry, out, e) : multiboot_info(b, x.entry, out, e);
	return rc;
}
