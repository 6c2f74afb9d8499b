/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The loaders, one for each boot protocol. A loader reads an image file
 * (hostile) into guest memory and says in what state the boot CPU starts. It
 * needs no KVM, so tests and fuzzers run it on bare memory. boot_start() then
 * sets the vCPU.
 */
#ifndef VMM_LOADERS_H
#define VMM_LOADERS_H

#include "boot/boot.h"

/*
 * boot_kernel - recognize the image and load it by its best protocol
 *
 * bzImage (64-bit entry, 32-bit for old kernels), ELF with a multiboot
 * header, ELF with a PVH note. -ENOEXEC if it is none of them.
 */
int boot_kernel(struct boot *b, struct boot_entry *out, struct err *e);

/* The loaders behind it. Each returns -ENOEXEC if the image is of another kind. */
int bzimage_load(struct boot *b, struct boot_entry *out, struct err *e);
int elf_boot(struct boot *b, struct boot_entry *out, struct err *e);
int pvh_info(struct boot *b, uint64_t entry, struct boot_entry *out,
	     struct err *e);
int multiboot_info(struct boot *b, uint64_t entry, struct boot_entry *out,
		   struct err *e);

/* multiboot_find - does the file have a multiboot 1 header? */
bool multiboot_find(const struct boot_file *f);

struct flat_opts {
	enum boot_mode mode;
	uint64_t load;		/* guest physical address */
	uint64_t entry;		/* address; with seg: offset in it */
	bool has_seg;
	uint16_t seg;		/* BOOT_REAL: CS */
};

/* flat_check - are mode and entry possible together? */
int flat_check(const struct flat_opts *o, struct err *e);

/* flat_load - a raw image, whole, at a fixed address */
int flat_load(struct boot *b, const struct flat_opts *o,
	      struct boot_entry *out, struct err *e);

#endif
