/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the loaders of boot protocols (loaders.h) share: the image file, claims
 * on guest memory, the state in which the boot CPU starts.
 */
#ifndef VMM_BOOT_H
#define VMM_BOOT_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "memory.h"

/* Where boot data lies in low memory; all below the EBDA, none at 0x8000. */
#define BOOT_TABLES	0x80000UL	/* GDT, page tables */
#define BOOT_TABLES_SIZE 0x8000UL
#define BOOT_PARAMS	0x90000UL	/* Linux zero page */
#define BOOT_INFO	0x91000UL	/* PVH start info, multiboot info */
#define BOOT_CMDLINE	0x92000UL
#define BOOT_CMDLINE_MAX 0x8000UL	/* bytes, with the final NUL */
#define BOOT_EBDA	0x9fc00UL
#define BOOT_ROM	0xe0000UL	/* ACPI tables; MP table at 0xf0000 */
#define BOOT_HIGH	0x100000UL

struct boot_file {
	int fd;			/* -1: none */
	const char *name;
	uint64_t size;		/* bytes */
};

/* boot_open - open an image; a regular, non-empty file */
int boot_open(struct boot_file *f, const char *path, struct err *e);

/* boot_read - exactly @len bytes at @off; -ENODATA if the file is shorter */
int boot_read(const struct boot_file *f, uint64_t off, void *buf, uint64_t len,
	      const char *what, struct err *e);

enum boot_mode { BOOT_REAL, BOOT_PROT, BOOT_LONG };

/* The state the boot CPU starts in. */
struct boot_entry {
	enum boot_mode mode;
	uint16_t cs;		/* BOOT_REAL */
	uint64_t ip;
	uint64_t sp;
	uint64_t tables;	/* BOOT_PROT, BOOT_LONG: see start.h */
	uint64_t rax, rbx, rsi;
	const char *protocol;	/* for people: "bzImage, 64-bit entry" */
};

#define BOOT_CLAIMS_MAX	80

struct boot {
	struct mem *mem;
	struct boot_file kernel;
	struct boot_file initrd;
	const char *cmdline;
	const char *linux_cmdline;	/* put before it, for Linux; NULL: nothing */
	uint64_t rsdp;		/* of the ACPI tables, 0: none */
	struct {
		uint64_t base, len;
		const char *what;
	} claim[BOOT_CLAIMS_MAX];	/* memory given away so far */
	unsigned int nclaims;
};

/*
 * boot_claim - take [@base, @base + @len) for @what
 *
 * -EFAULT if it is not all RAM, -EEXIST if it overlaps an earlier claim.
 */
int boot_claim(struct boot *b, uint64_t base, uint64_t len, const char *what,
	       struct err *e);

/*
 * boot_initrd - load the initrd as high as possible, ending at @max or below
 * @addr: where to, page aligned; 0 without an initrd
 *
 * Claim what the kernel needs first.
 */
int boot_initrd(struct boot *b, uint64_t max, uint64_t *addr, struct err *e);

/*
 * boot_cmdline - put the command line at BOOT_CMDLINE; at most @max bytes
 * @prefix: goes before it, or NULL
 */
int boot_cmdline(struct boot *b, const char *prefix, uint64_t max,
		 struct err *e);

/* boot_info - command line, a page at BOOT_INFO for @what, initrd below 4 GiB */
int boot_info(struct boot *b, const char *what, const char *prefix,
	      uint64_t *initrd, struct err *e);

/* One entry of the memory map; the layout is E820's and PVH's beginning. */
struct boot_e820 {
	uint64_t addr;
	uint64_t size;
	uint32_t type;		/* 1 RAM, 2 reserved */
} __attribute__((packed));
#define BOOT_E820_MAX	8

/* boot_e820 - the guest's memory map; returns the number of entries */
unsigned int boot_e820(const struct mem *m, struct boot_e820 *t);

#endif
