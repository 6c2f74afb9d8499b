// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz every image loader. Byte 0 chooses kernel or flat, the mode and the size of
 * RAM; bytes 1-4 are the address of a flat image; the rest is the file.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "boot/loaders.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file_of(const void *data, size_t len)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd >= 0 && pwrite(fd, data, len, 0) != (ssize_t)len) {
		close(fd);
		return -1;
	}
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem mem = { .n = 0 };
	struct boot_entry out;
	struct flat_opts flat = { .mode = BOOT_REAL };
	struct boot b = { .mem = &mem, .cmdline = "console=ttyS0" };
	struct err e;
	uint32_t where;

	if (size < 6)
		return 0;
	memcpy(&where, data + 1, 4);
	b.kernel = (struct boot_file){ file_of(data + 5, size - 5), "fuzz", size - 5 };
	b.initrd = (struct boot_file){ -1, "initrd", 0 };
	if (data[0] & 2)
		b.initrd = (struct boot_file){ file_of(data, size), "initrd", size };
	if (b.kernel.fd >= 0 && !mem_add_ram(&mem, data[0] & 4 ? 2 << 20 : 24 << 20, &e)) {
		flat.mode = (enum boot_mode)((data[0] >> 4) % 3);
		flat.load = flat.entry = where;
		flat.has_seg = data[0] & 8;
		flat.seg = (uint16_t)where;
		if (data[0] & 1)
			flat_load(&b, &flat, &out, &e);
		else
			boot_kernel(&b, &out, &e);
	}
	if (b.kernel.fd >= 0)
		close(b.kernel.fd);
	if (b.initrd.fd >= 0)
		close(b.initrd.fd);
	mem_free(&mem);
	return 0;
}
