// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linux bzImage. Source: Documentation/arch/x86/boot.rst of the kernel
 * (offsets below are its names).
 */
#include <asm/bootparam.h>
#include <stddef.h>
#include <string.h>

#include "boot/loaders.h"

#define HEADER		0x1f1		/* setup_header in file and zero page */
#define SECTOR		512ULL
#define PROTO_CMDLINE	0x0206		/* has cmdline_size */
#define PROTO_RELOC	0x0205		/* has relocatable_kernel */
#define PROTO_PAYLOAD	0x0208
#define PROTO_INIT_SIZE	0x020a		/* has pref_address, init_size */
#define PROTO_64	0x020c		/* has xloadflags, 64-bit entry */
#define ACPI_RSDP_OFFSET 0x70		/* boot_params.acpi_rsdp_addr, 5.0 */
#define ENTRY64		0x200
#define LOAD_SLACK	(16ULL << 20)	/* unpacked size if the header is mute */

static int check_header(const struct boot *b, const struct setup_header *h,
			uint64_t *setup, uint64_t *payload, struct err *e)
{
	const char *name = b->kernel.name;
	uint64_t sys = (uint64_t)h->syssize * 16;

	if (h->boot_flag != 0xaa55 || h->header != 0x53726448)
		return err_set(e, -ENOEXEC,
			       "%s: not a kernel this VMM can boot: neither a bzImage (no \"HdrS\" at offset 0x202) nor ELF; --flat runs a raw image",
			       name);
	if (h->version < PROTO_CMDLINE || !(h->loadflags & LOADED_HIGH))
		return err_set(e, -ENOEXEC,
			       "%s: boot protocol %u.%02u, or a zImage: 2.06 (Linux 2.6.22) or newer is needed",
			       name, h->version >> 8, h->version & 0xff);
	*setup = ((h->setup_sects ? h->setup_sects : 4) + 1) * SECTOR;
	if (*setup >= b->kernel.size)
		return err_set(e, -ENODATA,
			       "%s: truncated: the kernel proper starts at offset %lu, the file ends at %lu",
			       name, *setup, b->kernel.size);
	*payload = b->kernel.size - *setup;
	if (*payload + 15 < sys || (h->version >= PROTO_PAYLOAD &&
	    (uint64_t)h->payload_offset + h->payload_length > *payload))
		return err_set(e, -ENODATA,
			       "%s: truncated: the header promises %lu bytes after offset %lu, there are %lu",
			       name, sys, *setup, *payload);
	if (sys)	/* beyond it: a signature, which stays out */
		*payload = *payload < sys ? *payload : sys;
	return 0;
}

/* Where the kernel goes, and how much room it needs there to unpack itself. */
static int place(struct boot *b, const struct setup_header *h,
		 uint64_t payload, uint64_t *load, struct err *e)
{
	uint64_t room = payload + LOAD_SLACK, align = h->kernel_alignment;
	struct err first;
	int rc;

	*load = BOOT_HIGH;
	if (h->version >= PROTO_INIT_SIZE) {
		room = h->init_size > payload ? h->init_size : payload;
		*load = h->pref_address;
	}
	rc = boot_claim(b, *load, room, "kernel", &first);
	if (!rc || h->version < PROTO_RELOC || !h->relocatable_kernel) {
		if (rc && e)
			*e = first;
		return rc;
	}
	/* It prefers 16 MiB; where RAM is short, low down will do as well. */
	if (!align || align & (align - 1) || align > (1U << 30))
		return err_set(e, -EINVAL, "%s: kernel_alignment %#lx is no power of 2",
			       b->kernel.name, align);
	*load = (BOOT_HIGH + align - 1) & ~(align - 1);
	return boot_claim(b, *load, room, "kernel", e);
}

static int zero_page(struct boot *b, const uint8_t *head, uint64_t load,
		     uint64_t initrd, struct err *e)
{
	struct boot_params *p = mem_at(b->mem, BOOT_PARAMS, sizeof(*p));
	const struct setup_header *h = (const void *)(head + HEADER);
	/* The header's end: a jump at 0x200 tells. */
	uint64_t n = 0x202 + (uint64_t)head[0x201] - HEADER;
	struct boot_e820 map[BOOT_E820_MAX];	/* as the kernel has it */

	if (!p)
		return err_set(e, -EFAULT, "zero page does not fit");
	memset(p, 0, sizeof(*p));
	if (n > sizeof(p->hdr))
		n = sizeof(p->hdr);
	memcpy(&p->hdr, h, n);
	p->hdr.type_of_loader = 0xff;
	p->hdr.code32_start = (uint32_t)load;
	p->hdr.vid_mode = 0xffff;
	p->hdr.cmd_line_ptr = BOOT_CMDLINE;
	p->hdr.ramdisk_image = (uint32_t)initrd;
	p->ext_ramdisk_image = (uint32_t)(initrd >> 32);
	if (initrd) {
		p->hdr.ramdisk_size = (uint32_t)b->initrd.size;
		p->ext_ramdisk_size = (uint32_t)(b->initrd.size >> 32);
	}
	p->alt_mem_k = (uint32_t)((mem_ram_low(b->mem) - BOOT_HIGH) >> 10);
	memcpy((uint8_t *)p + ACPI_RSDP_OFFSET, &b->rsdp, sizeof(b->rsdp));
	p->e820_entries = (uint8_t)boot_e820(b->mem, map);
	memcpy(p->e820_table, map, p->e820_entries * sizeof(map[0]));
	return 0;
}

static int load_all(struct boot *b, const uint8_t *head, struct boot_entry *out, struct err *e)
{
	const struct setup_header *h = (const void *)(head + HEADER);
	uint64_t setup = 0, payload = 0, load = 0, initrd = 0;
	uint64_t max = h->initrd_addr_max + 1ULL;
	int rc = check_header(b, h, &setup, &payload, e);

	if (!rc)
		rc = boot_claim(b, BOOT_PARAMS, MEM_PAGE, "zero page", e);
	if (!rc)
		rc = boot_cmdline(b, b->linux_cmdline, h->cmdline_size + 1ULL, e);
	if (!rc)
		rc = place(b, h, payload, &load, e);
	if (rc)
		return rc;
	if (h->version >= PROTO_64 &&
	    (h->xloadflags & (XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G)) ==
	    (XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G))
		max = UINT64_MAX;
	rc = mem_load(b->mem, load, b->kernel.fd, setup, payload, b->kernel.name, e);
	if (!rc)
		rc = boot_initrd(b, max, &initrd, e);
	if (!rc)
		rc = zero_page(b, head, load, initrd, e);
	if (rc)
		return rc;
	out->tables = BOOT_TABLES;
	out->sp = BOOT_TABLES;
	out->rsi = BOOT_PARAMS;
	if (h->version >= PROTO_64 && (h->xloadflags & XLF_KERNEL_64)) {
		out->mode = BOOT_LONG;
		out->ip = load + ENTRY64;
		out->protocol = "bzImage, 64-bit entry";
	} else {
		out->mode = BOOT_PROT;
		out->ip = load;
		out->protocol = "bzImage, 32-bit entry";
	}
	return 0;
}

int bzimage_load(struct boot *b, struct boot_entry *out, struct err *e)
{
	uint8_t head[HEADER + sizeof(struct setup_header)] __attribute__((aligned(16)));
	uint64_t n = b->kernel.size < sizeof(head) ? b->kernel.size : sizeof(head);
	int rc;

	memset(head, 0, sizeof(head));
	rc = boot_read(&b->kernel, 0, head, n, "kernel header", e);
	return rc ? rc : load_all(b, head, out, e);
}
