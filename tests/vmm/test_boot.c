// SPDX-License-Identifier: GPL-2.0-only
/* Image loaders: good images and bad ones of every kind, made here. */
#include "tests.h"

#include <asm/bootparam.h>
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "boot/loaders.h"
#include "boot/tables.h"

#define MIB		(1ULL << 20)
#define SETUP		1024U		/* bytes: one setup sector and the boot sector */
#define PAYLOAD		4096U
#define BZ_SIZE		(SETUP + PAYLOAD)
#define ELF_SIZE	0x2000U

struct fixture {
	struct mem mem;
	struct boot b;
	struct boot_entry out;
	struct err e;
};

static void begin(struct fixture *f, uint64_t ram, const void *img, size_t len)
{
	memset(f, 0, sizeof(*f));
	assert_int_equal(mem_add_ram(&f->mem, ram, NULL), 0);
	f->b.mem = &f->mem;
	f->b.cmdline = "console=ttyS0";
	f->b.initrd.fd = -1;
	f->b.kernel = (struct boot_file){ memory_file(img, len), "img", len };
	assert_true(f->b.kernel.fd >= 0);
}

static void end(struct fixture *f)
{
	close(f->b.kernel.fd);
	if (f->b.initrd.fd >= 0)
		close(f->b.initrd.fd);
	mem_free(&f->mem);
}

static struct setup_header *bz_make(uint8_t *img)
{
	struct setup_header *h = (void *)(img + 0x1f1);

	memset(img, 0, BZ_SIZE);
	h->setup_sects = 1;
	h->syssize = PAYLOAD / 16;
	h->boot_flag = 0xaa55;
	h->jump = 0x66eb;
	h->header = 0x53726448;
	h->version = 0x020f;
	h->loadflags = LOADED_HIGH;
	h->initrd_addr_max = 0x7fffffff;
	h->kernel_alignment = 0x200000;
	h->relocatable_kernel = 1;
	h->xloadflags = XLF_KERNEL_64;
	h->cmdline_size = 2047;
	h->payload_offset = 16;
	h->payload_length = 64;
	h->pref_address = 0x1000000;
	h->init_size = 0x400000;
	memset(img + SETUP, 0xcc, PAYLOAD);
	return h;
}

static void bzimage_boots_by_its_64_bit_entry(void **state)
{
	uint8_t img[BZ_SIZE];
	struct boot_params *p;
	struct fixture f;

	(void)state;
	bz_make(img);
	begin(&f, 64 * MIB, img, sizeof(img));
	f.b.rsdp = 0xe0000;
	f.b.initrd = (struct boot_file){ memory_file("initrd", 6), "i", 6 };
	assert_int_equal(boot_kernel(&f.b, &f.out, &f.e), 0);
	assert_int_equal(f.out.mode, BOOT_LONG);
	assert_int_equal(f.out.ip, 0x1000200);
	assert_int_equal(f.out.rsi, BOOT_PARAMS);
	assert_memory_equal(mem_at(&f.mem, 0x1000000, PAYLOAD), img + SETUP, PAYLOAD);
	p = mem_at(&f.mem, BOOT_PARAMS, sizeof(*p));
	assert_int_equal(p->hdr.type_of_loader, 0xff);
	assert_int_equal(p->hdr.ramdisk_size, 6);
	assert_int_equal(p->hdr.ramdisk_image, 64 * MIB - MEM_PAGE);
	assert_memory_equal(mem_at(&f.mem, p->hdr.ramdisk_image, 6), "initrd", 6);
	assert_string_equal(mem_at(&f.mem, p->hdr.cmd_line_ptr, 14), "console=ttyS0");
	assert_memory_equal((uint8_t *)p + 0x70, "\0\0\x0e\0\0\0\0\0", 8);
	assert_int_equal(p->e820_entries, 4);
	assert_int_equal(p->e820_table[3].addr, MIB);
	assert_int_equal(p->e820_table[3].size, 63 * MIB);
	end(&f);
}

static void old_bzimage_boots_by_its_32_bit_entry(void **state)
{
	uint8_t img[BZ_SIZE];
	struct setup_header *h = bz_make(img);
	struct fixture f;

	(void)state;
	h->version = 0x0206;
	h->xloadflags = 0;
	begin(&f, 64 * MIB, img, sizeof(img));
	assert_int_equal(boot_kernel(&f.b, &f.out, &f.e), 0);
	assert_int_equal(f.out.mode, BOOT_PROT);
	assert_int_equal(f.out.ip, 0x100000);
	end(&f);
}

static void relocatable_kernel_is_loaded_low_if_ram_is_short(void **state)
{
	uint8_t img[BZ_SIZE];
	struct setup_header *h = bz_make(img);
	struct fixture f;

	(void)state;
	begin(&f, 8 * MIB, img, sizeof(img));
	assert_int_equal(boot_kernel(&f.b, &f.out, &f.e), 0);
	assert_int_equal(f.out.ip, 0x200200);
	end(&f);
	h->relocatable_kernel = 0;
	begin(&f, 8 * MIB, img, sizeof(img));
	assert_int_equal(boot_kernel(&f.b, &f.out, &f.e), -EFAULT);
	assert_non_null(strstr(f.e.msg, "outside the guest's RAM (8 MiB)"));
	end(&f);
}

static void bzimage_truncated_anywhere_is_an_error(void **state)
{
	uint8_t img[BZ_SIZE];
	struct fixture f;
	size_t n;

	(void)state;
	bz_make(img);
	for (n = 1; n < BZ_SIZE - 15; n += n < 0x280 ? 1 : 61) {
		begin(&f, 32 * MIB, img, n);
		assert_true(boot_kernel(&f.b, &f.out, &f.e) < 0);
		assert_true(f.e.msg[0]);
		end(&f);
	}
}

/* Set each field to its extremes: the result must be an error or a boot, not a crash. */
static void bzimage_header_bytes_at_their_extremes(void **state)
{
	uint8_t img[BZ_SIZE];
	struct fixture f;
	size_t i;
	int v;

	(void)state;
	for (i = 0x1f1; i < 0x268; i++)
		for (v = 0; v < 2; v++) {
			bz_make(img);
			memset(img + i, v ? 0xff : 0, 4);
			begin(&f, 32 * MIB, img, sizeof(img));
			boot_kernel(&f.b, &f.out, &f.e);
			end(&f);
		}
}

static void initrd_larger_than_ram_is_an_error(void **state)
{
	uint8_t img[BZ_SIZE];
	struct fixture f;

	(void)state;
	bz_make(img);
	begin(&f, 32 * MIB, img, sizeof(img));
	f.b.initrd = (struct boot_file){ memory_file("x", 1), "big.img", 33 * MIB };
	assert_int_equal(boot_kernel(&f.b, &f.out, &f.e), -EFAULT);
	assert_non_null(strstr(f.e.msg, "big.img: initrd of 33 MiB does not fit"));
	f.b.nclaims = 0;
	f.b.initrd.size = UINT64_MAX;
	assert_int_equal(boot_kernel(&f.b, &f.out, &f.e), -EFAULT);
	f.b.nclaims = 0;	/* fits, but the file has become shorter */
	f.b.initrd.size = MIB;
	assert_int_equal(boot_kernel(&f.b, &f.out, &f.e), -ENODATA);
	assert_non_null(strstr(f.e.msg, "big.img: truncated"));
	end(&f);
}

static void initrd_goes_above_4_gib_if_the_kernel_allows_it(void **state)
{
	uint8_t img[BZ_SIZE];
	struct setup_header *h = bz_make(img);
	struct boot_params *p;
	struct fixture f;
	int rc, above;

	(void)state;
	for (above = 0; above < 2; above++) {
		if (above)
			h->xloadflags |= XLF_CAN_BE_LOADED_ABOVE_4G;
		begin(&f, 32 * MIB, img, sizeof(img));
		assert_int_equal(mem_add(&f.mem, MEM_HIGH_BASE, 64 * MIB, NULL), 0);
		f.b.initrd = (struct boot_file){ memory_file("high", 4), "i", 40 * MIB };
		assert_int_equal(ftruncate(f.b.initrd.fd, 40 * MIB), 0);
		rc = boot_kernel(&f.b, &f.out, &f.e);
		assert_int_equal(rc, above ? 0 : -EFAULT);
		p = mem_at(&f.mem, BOOT_PARAMS, sizeof(*p));
		if (above) {
			uint64_t at = MEM_HIGH_BASE + 24 * MIB;

			assert_int_equal(p->hdr.ramdisk_image, (uint32_t)at);
			assert_int_equal(p->ext_ramdisk_image, at >> 32);
			assert_int_equal(p->hdr.ramdisk_size, 40 * MIB);
			assert_memory_equal(mem_at(&f.mem, at, 4), "high", 4);
		}
		end(&f);
	}
}

static void initrd_goes_below_a_kernel_at_the_top(void **state)
{
	uint8_t img[BZ_SIZE];
	struct fixture f;
	struct boot_params *p;

	(void)state;
	bz_make(img)->init_size = 0x1000000;	/* 16 to 32 MiB: all of the top */
	begin(&f, 32 * MIB, img, sizeof(img));
	f.b.initrd = (struct boot_file){ memory_file("x", 1), "i", 1 };
	assert_int_equal(boot_kernel(&f.b, &f.out, &f.e), 0);
	p = mem_at(&f.mem, BOOT_PARAMS, sizeof(*p));
	assert_int_equal(p->hdr.ramdisk_image, 0x1000000 - MEM_PAGE);
	end(&f);
}

static void command_line_too_long_is_an_error(void **state)
{
	uint8_t img[BZ_SIZE];
	char line[300];
	struct fixture f;

	(void)state;
	bz_make(img)->cmdline_size = 255;
	memset(line, 'a', sizeof(line) - 1);
	line[299] = '\0';
	begin(&f, 32 * MIB, img, sizeof(img));
	f.b.cmdline = line;
	assert_int_equal(boot_kernel(&f.b, &f.out, &f.e), -E2BIG);
	assert_string_equal(f.e.msg, "command line of 299 bytes: this kernel takes 255");
	end(&f);
}

static void elf_make(uint8_t *img);

/* The words put before the command line are for Linux: a test kernel counts its words. */
static void linux_gets_extra_words_multiboot_does_not(void **state)
{
	uint8_t img[BZ_SIZE], elf[ELF_SIZE];
	struct fixture f;

	(void)state;
	bz_make(img);
	begin(&f, 32 * MIB, img, sizeof(img));
	f.b.linux_cmdline = "panic=-1 ";
	assert_int_equal(boot_kernel(&f.b, &f.out, &f.e), 0);
	assert_string_equal(mem_at(&f.mem, BOOT_CMDLINE, 64), "panic=-1 console=ttyS0");
	end(&f);
	elf_make(elf);
	begin(&f, 32 * MIB, elf, sizeof(elf));
	f.b.linux_cmdline = "panic=-1 ";
	assert_int_equal(boot_kernel(&f.b, &f.out, &f.e), 0);
	assert_string_equal(mem_at(&f.mem, BOOT_CMDLINE, 64), "panic=-1 console=ttyS0");
	end(&f);
	memset(elf + 0x200, 0, 20);
	memcpy(elf + 0x300, "\x02\xb0\xad\x1b\0\0\0\0\xfe\x4f\x52\xe4", 12);
	begin(&f, 32 * MIB, elf, sizeof(elf));
	f.b.linux_cmdline = "panic=-1 ";
	assert_int_equal(boot_kernel(&f.b, &f.out, &f.e), 0);
	assert_string_equal(f.out.protocol, "multiboot");
	assert_string_equal(mem_at(&f.mem, BOOT_CMDLINE, 64), "kernel console=ttyS0");
	end(&f);
}

static void other_files_are_rejected_as_not_a_kernel(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 32 * MIB, "#!/bin/sh\necho hello\n", 21);
	assert_int_equal(boot_kernel(&f.b, &f.out, &f.e), -ENOEXEC);
	assert_non_null(strstr(f.e.msg, "img: not a kernel this VMM can boot"));
	end(&f);
	begin(&f, 32 * MIB, "x", 1);
	assert_int_equal(boot_kernel(&f.b, &f.out, &f.e), -ENODATA);
	end(&f);
}

/* An ELF64 image: header, a note at 0x200, code at 0x1000 for 1 MiB. */
static void elf_make(uint8_t *img)
{
	Elf64_Ehdr h = {
		.e_ident = "\177ELF\2\1\1", .e_type = ET_EXEC,
		.e_machine = EM_X86_64, .e_phoff = 64, .e_phnum = 2,
		.e_phentsize = sizeof(Elf64_Phdr), .e_entry = 0x100000,
	};
	Elf64_Phdr p[2] = {
		{ .p_type = PT_LOAD, .p_offset = 0x1000, .p_paddr = 0x100000,
		  .p_filesz = 0x1000, .p_memsz = 0x3000 },
		{ .p_type = PT_NOTE, .p_offset = 0x200, .p_filesz = 20 },
	};
	const uint32_t note[5] = { 4, 4, 18, 0x006e6558, 0x100010 };

	memset(img, 0, ELF_SIZE);
	memcpy(img, &h, sizeof(h));
	memcpy(img + 64, p, sizeof(p));
	memcpy(img + 0x200, note, sizeof(note));
	memset(img + 0x1000, 0x90, 0x1000);
}

static void elf_with_a_pvh_note_boots_by_it(void **state)
{
	uint8_t img[ELF_SIZE];
	struct fixture f;
	uint32_t start[4];

	(void)state;
	elf_make(img);
	begin(&f, 32 * MIB, img, sizeof(img));
	f.b.initrd = (struct boot_file){ memory_file("abc", 3), "i", 3 };
	assert_int_equal(boot_kernel(&f.b, &f.out, &f.e), 0);
	assert_string_equal(f.out.protocol, "PVH");
	assert_int_equal(f.out.ip, 0x100010);
	assert_int_equal(f.out.rbx, BOOT_INFO);
	assert_int_equal(*(uint8_t *)mem_at(&f.mem, 0x100fff, 1), 0x90);
	assert_int_equal(mem_read(&f.mem, BOOT_INFO, start, sizeof(start)), 0);
	assert_int_equal(start[0], 0x336ec578);
	assert_int_equal(start[3], 1);
	end(&f);
}

static void elf_with_a_multiboot_header_boots_by_it(void **state)
{
	const uint32_t header[3] = { 0x1badb002, 0, -0x1badb002U };
	uint8_t img[ELF_SIZE];
	struct fixture f;
	uint32_t info[13];

	(void)state;
	elf_make(img);
	memset(img + 0x200, 0, 20);
	memcpy(img + 0x1004, header, sizeof(header));
	begin(&f, 32 * MIB, img, sizeof(img));
	assert_int_equal(boot_kernel(&f.b, &f.out, &f.e), 0);
	assert_int_equal(f.out.rax, 0x2badb002);
	assert_int_equal(f.out.ip, 0x100000);
	assert_int_equal(mem_read(&f.mem, f.out.rbx, info, sizeof(info)), 0);
	assert_int_equal(info[2], 31 * 1024);
	assert_string_equal(mem_at(&f.mem, info[4], 21), "kernel console=ttyS0");
	end(&f);
}

static void elf_errors(void **state)
{
	Elf64_Phdr *p;
	Elf64_Ehdr *h;
	uint8_t img[ELF_SIZE];
	struct fixture f;
	int i;
	static const char *const want[] = {
		"neither a PVH entry note", "overlaps boot tables",
		"outside the guest's RAM", "in the file", "truncated",
		"program headers", "not an x86 executable", "nothing to load",
		"little-endian", "PVH entry",
	};

	(void)state;
	for (i = 0; i < 10; i++) {
		elf_make(img);
		h = (void *)img;
		p = (void *)(img + 64);
		switch (i) {
		case 0: p[1].p_type = PT_NULL; break;
		case 1: p[0].p_paddr = BOOT_TABLES - 0x1000; break;
		case 2: p[0].p_paddr = UINT64_MAX - 0x1000; break;
		case 3: p[0].p_memsz = 0x800; break;
		case 4: p[0].p_offset = 0x1800; break;
		case 5: h->e_phnum = 0xffff; break;
		case 6: h->e_machine = EM_ARM; break;
		case 7: p[0].p_memsz = p[0].p_filesz = 0; break;
		case 8: img[EI_DATA] = ELFDATA2MSB; break;
		default: img[0x213] = 0xff; break;
		}
		begin(&f, 32 * MIB, img, sizeof(img));
		assert_true(boot_kernel(&f.b, &f.out, &f.e) < 0);
		if (!strstr(f.e.msg, want[i]))
			fail_msg("case %d: \"%s\" in \"%s\"", i, want[i], f.e.msg);
		end(&f);
	}
}

static void overlapping_segments_are_an_error(void **state)
{
	Elf64_Ehdr *h;
	Elf64_Phdr *p;
	uint8_t img[ELF_SIZE];
	struct fixture f;

	(void)state;
	elf_make(img);
	h = (void *)img;
	p = (void *)(img + 64);
	p[2] = p[0];
	p[2].p_paddr += 0x2fff;
	h->e_phnum = 3;
	begin(&f, 32 * MIB, img, sizeof(img));
	assert_int_equal(boot_kernel(&f.b, &f.out, &f.e), -EEXIST);
	assert_non_null(strstr(f.e.msg, "overlaps ELF segment"));
	end(&f);
}

static void elf_truncated_anywhere_is_an_error(void **state)
{
	uint8_t img[ELF_SIZE];
	struct fixture f;
	size_t n;

	(void)state;
	elf_make(img);
	for (n = 1; n < ELF_SIZE; n += n < 0x220 ? 1 : 97) {
		begin(&f, 32 * MIB, img, n);
		assert_true(boot_kernel(&f.b, &f.out, &f.e) < 0);
		end(&f);
	}
}

static void flat_images_load_and_start_at_the_given_addresses(void **state)
{
	struct flat_opts o = { .load = 0x1000, .entry = 0x1000 };
	struct fixture f;

	(void)state;
	begin(&f, 16 * MIB, "\xf4", 1);
	assert_int_equal(flat_load(&f.b, &o, &f.out, &f.e), 0);
	assert_int_equal(f.out.cs, 0);
	assert_int_equal(f.out.ip, 0x1000);
	assert_int_equal(*(uint8_t *)mem_at(&f.mem, 0x1000, 1), 0xf4);
	o.entry = 0x12345;
	assert_int_equal(flat_load(&f.b, &o, &f.out, &f.e), -EEXIST);
	f.b.nclaims = 0;
	assert_int_equal(flat_load(&f.b, &o, &f.out, &f.e), 0);
	assert_int_equal(f.out.cs * 16 + f.out.ip, 0x12345);
	o = (struct flat_opts){ .load = 0x1000, .has_seg = true, .seg = 0x100 };
	f.b.nclaims = 0;
	assert_int_equal(flat_load(&f.b, &o, &f.out, &f.e), 0);
	assert_int_equal(f.out.cs, 0x100);
	assert_int_equal(f.out.ip, 0);
	o = (struct flat_opts){ .load = 0x1000, .entry = 0x100000 };
	f.b.nclaims = 0;
	assert_int_equal(flat_load(&f.b, &o, &f.out, &f.e), -EINVAL);
	o = (struct flat_opts){ .load = 16 * MIB, .mode = BOOT_LONG };
	f.b.nclaims = 0;
	assert_int_equal(flat_load(&f.b, &o, &f.out, &f.e), -EFAULT);
	o.load = 16 * MIB - 0x1000;	/* the page tables are there */
	f.b.nclaims = 0;
	assert_int_equal(flat_load(&f.b, &o, &f.out, &f.e), -EEXIST);
	o = (struct flat_opts){ .entry = 1ULL << 32, .mode = BOOT_PROT };
	f.b.nclaims = 0;
	assert_int_equal(flat_load(&f.b, &o, &f.out, &f.e), -EINVAL);
	end(&f);
}

static void acpi_tables_are_linked_and_sum_to_zero(void **state)
{
	struct virtio_place dev[32];
	struct mem m = { .n = 0 };
	uint64_t rsdp, xsdt, t;
	uint32_t len, i, n = 0;
	char sig[5] = "";

	(void)state;
	for (i = 0; i < 32; i++)
		dev[i] = (struct virtio_place){ 0xd0000000 + i * 0x1000ULL, 0x200, 16 };
	assert_int_equal(mem_add_ram(&m, 2 * MIB, NULL), 0);
	assert_int_equal(acpi_write(&m, 64, dev, 32, &rsdp, NULL), 0);
	assert_memory_equal(mem_at(&m, rsdp, 8), "RSD PTR ", 8);
	assert_int_equal(table_sum(mem_at(&m, rsdp, 20), 20), 0);
	assert_int_equal(table_sum(mem_at(&m, rsdp, 36), 36), 0);
	assert_int_equal(mem_read(&m, rsdp + 24, &xsdt, 8), 0);
	assert_int_equal(mem_read(&m, xsdt + 4, &len, 4), 0);
	assert_int_equal(table_sum(mem_at(&m, xsdt, len), len), 0);
	for (i = 36; i < len; i += 8, n++) {
		uint32_t tl;

		assert_int_equal(mem_read(&m, xsdt + i, &t, 8), 0);
		assert_int_equal(mem_read(&m, t, sig, 4), 0);
		assert_true(!strcmp(sig, "FACP") || !strcmp(sig, "APIC"));
		assert_int_equal(mem_read(&m, t + 4, &tl, 4), 0);
		assert_int_equal(table_sum(mem_at(&m, t, tl), tl), 0);
	}
	assert_int_equal(n, 2);
	/* The clock, as PNP0B00. */
	assert_non_null(memmem(mem_at(&m, rsdp, 0x1000), 0x1000, "\x0c\x41\xd0\x0b\x00", 5));
	/* With devices on PCI, the tables have its host bridge instead of the devices. */
	assert_int_equal(acpi_write(&m, 1, NULL, TABLES_PCI, &rsdp, NULL), 0);
	assert_non_null(memmem(mem_at(&m, rsdp, 0x1000), 0x1000, "\x0c\x41\xd0\x0a\x03", 5));
	mem_free(&m);
	assert_int_equal(mem_add_ram(&m, MIB / 2, NULL), 0);
	assert_int_equal(acpi_write(&m, 1, dev, 1, &rsdp, NULL), -EFAULT);
	assert_int_equal(mptable_write(&m, 1, NULL), -EFAULT);
	mem_free(&m);
}

static void mp_table_sums_to_zero_and_names_all_cpus(void **state)
{
	struct mem m = { .n = 0 };
	uint16_t len, entries;

	(void)state;
	assert_int_equal(mem_add_ram(&m, 2 * MIB, NULL), 0);
	assert_int_equal(mptable_write(&m, 64, NULL), 0);
	assert_memory_equal(mem_at(&m, TABLES_MP, 4), "_MP_", 4);
	assert_int_equal(table_sum(mem_at(&m, TABLES_MP, 16), 16), 0);
	assert_int_equal(mem_read(&m, TABLES_MP + 16 + 4, &len, 2), 0);
	assert_int_equal(table_sum(mem_at(&m, TABLES_MP + 16, len), len), 0);
	assert_int_equal(mem_read(&m, TABLES_MP + 16 + 34, &entries, 2), 0);
	assert_int_equal(entries, 64 + 1 + 1 + 16 + 2);
	assert_int_equal(*(uint8_t *)mem_at(&m, TABLES_RESET, 1), 0xb0);
	mem_free(&m);
}

static void images_must_be_regular_files_and_not_empty(void **state)
{
	struct boot_file f;
	struct err e;

	(void)state;
	assert_int_equal(boot_open(&f, "/proc/nonexistent", &e), -ENOENT);
	assert_string_equal(e.msg, "/proc/nonexistent: cannot open: No such file or directory");
	assert_int_equal(boot_open(&f, "/tmp", &e), -EINVAL);
	assert_string_equal(e.msg, "/tmp: not a regular file");
	assert_int_equal(boot_open(&f, "/dev/null", &e), -EINVAL);
	assert_int_equal(f.fd, -1);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(bzimage_boots_by_its_64_bit_entry),
	cmocka_unit_test(old_bzimage_boots_by_its_32_bit_entry),
	cmocka_unit_test(relocatable_kernel_is_loaded_low_if_ram_is_short),
	cmocka_unit_test(bzimage_truncated_anywhere_is_an_error),
	cmocka_unit_test(bzimage_header_bytes_at_their_extremes),
	cmocka_unit_test(initrd_larger_than_ram_is_an_error),
	cmocka_unit_test(initrd_goes_above_4_gib_if_the_kernel_allows_it),
	cmocka_unit_test(initrd_goes_below_a_kernel_at_the_top),
	cmocka_unit_test(command_line_too_long_is_an_error),
	cmocka_unit_test(other_files_are_rejected_as_not_a_kernel),
	cmocka_unit_test(linux_gets_extra_words_multiboot_does_not),
	cmocka_unit_test(elf_with_a_pvh_note_boots_by_it),
	cmocka_unit_test(elf_with_a_multiboot_header_boots_by_it),
	cmocka_unit_test(elf_errors),
	cmocka_unit_test(overlapping_segments_are_an_error),
	cmocka_unit_test(elf_truncated_anywhere_is_an_error),
	cmocka_unit_test(flat_images_load_and_start_at_the_given_addresses),
	cmocka_unit_test(acpi_tables_are_linked_and_sum_to_zero),
	cmocka_unit_test(mp_table_sums_to_zero_and_names_all_cpus),
	cmocka_unit_test(images_must_be_regular_files_and_not_empty),
};

void boot_tests(struct tests *all)
{
	ADD_TESTS(all, tests);
}
