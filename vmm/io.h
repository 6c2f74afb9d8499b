/* SPDX-License-Identifier: GPL-2.0-only */
/* Whole reads and writes: short ones go on, signals do not end them. */
#ifndef VMM_IO_H
#define VMM_IO_H

#include <stdint.h>

#define IO_STREAM	UINT64_MAX

/*
 * io_read, io_write - @len bytes of @fd at @off, or IO_STREAM: where it is
 *
 * Returns how many it did. Fewer: errno says why; 0 is the end of the file.
 */
uint64_t io_read(int fd, void *buf, uint64_t len, uint64_t off);
uint64_t io_write(int fd, const void *buf, uint64_t len, uint64_t off);

#endif
