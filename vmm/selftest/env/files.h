/* SPDX-License-Identifier: GPL-2.0-only */
/* Small files as strings, and POSIX checksums. */
#ifndef SELFTEST_FILES_H
#define SELFTEST_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * read_file - a small file as a string without its last newline
 * Returns its length, or -errno; longer files are cut at size - 1.
 */
long read_file(const char *path, char *buf, size_t size);
long read_filef(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool file_exists(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* cksum_buf - POSIX cksum(1) of @len bytes */
uint32_t cksum_buf(const void *buf, size_t len);

#endif
