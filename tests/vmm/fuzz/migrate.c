// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz the target of a migration. The input is the stream; its magic and version are
 * corrected, so that no time is spent on those. snapshot.c fuzzes the devices' state.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "migrate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem mem = { .n = 0 };
	struct snapshot s;
	struct err e;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0)
		return 0;
	if (pwrite(fd, data, size, 0) != (ssize_t)size ||
	    (size > 64 && pwrite(fd, SNAP_MAGIC_LIVE "\5\0\0\0", 20, 0) != 20)) {
		close(fd);
		return 0;
	}
	if (migrate_open_fd(&s, fd, "fuzz", &e))	/* closes it */
		return 0;
	if (!migrate_memory(&mem, &s, &e))
		migrate_receive(&s, &mem, &e);
	mem_free(&mem);
	snapshot_close(&s);
	return 0;
}
