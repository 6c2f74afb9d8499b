// SPDX-License-Identifier: GPL-2.0-only
/* See files.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "env/files.h"

long read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	size_t got = 0;
	ssize_t n = 0;
	int err = 0;

	if (fd < 0)
		return -errno;
	while (got < size - 1) {
		n = read(fd, buf + got, size - 1 - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	if (n < 0)
		err = -errno;
	close(fd);
	if (err)
		return err;
	if (got && buf[got - 1] == '\n')
		got--;
	buf[got] = '\0';
	return (long)got;
}

/* The path that the caller's format makes: does it fit? */
#define PATH_OF(path, fmt) ({ \
	va_list ap_; \
	int n_; \
	va_start(ap_, fmt); \
	n_ = vsnprintf(path, sizeof(path), fmt, ap_); \
	va_end(ap_); \
	n_ >= 0 && (size_t)n_ < sizeof(path); \
})

long read_filef(char *buf, size_t size, const char *fmt, ...)
{
	char path[PATH_MAX];

	buf[0] = '\0';
	return PATH_OF(path, fmt) ? read_file(path, buf, size) : -ENAMETOOLONG;
}

bool file_exists(const char *fmt, ...)
{
	char path[PATH_MAX];

	return PATH_OF(path, fmt) && access(path, F_OK) == 0;
}

/*
 * POSIX cksum: CRC-32 with polynomial 0x04c11db7, most significant bit first,
 * over the bytes and then the length, inverted. It uses a table, because every
 * check that runs a guest sums up the guest's image.
 */
struct crc_table {
	uint32_t of[256];
};

static void crc_init(struct crc_table *t)
{
	for (uint32_t b = 0; b < 256; b++) {
		uint32_t crc = b << 24;

		for (int i = 0; i < 8; i++)
			crc = crc & 0x80000000u ? crc << 1 ^ 0x04c11db7u : crc << 1;
		t->of[b] = crc;
	}
}

static uint32_t crc_add(const struct crc_table *t, uint32_t crc, const void *buf,
			size_t len)
{
	const uint8_t *p = buf;
	size_t i;

	for (i = 0; i < len; i++)
		crc = crc << 8 ^ t->of[crc >> 24 ^ p[i]];
	return crc;
}

static uint32_t crc_end(const struct crc_table *t, uint32_t crc, uint64_t len)
{
	for (; len; len >>= 8)
		crc = crc_add(t, crc, &(uint8_t){ (uint8_t)len }, 1);
	return ~crc;
}

uint32_t cksum_buf(const void *buf, size_t len)
{
	struct crc_table t;

	crc_init(&t);
	return crc_end(&t, crc_add(&t, 0, buf, len), len);
}
