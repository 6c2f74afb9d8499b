// SPDX-License-Identifier: GPL-2.0
/* Small files, and guest images with their checksums. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "selftest.h"

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

long read_filef(char *buf, size_t size, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	buf[0] = '\0';
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	return read_file(path, buf, size);
}

bool file_exists(const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	return n > 0 && (size_t)n < sizeof(path) && access(path, F_OK) == 0;
}

/* POSIX cksum: CRC-32 with polynomial 0x04c11db7, most significant bit first,
 * over the bytes and then the length, inverted. By a table, as every check that
 * runs a guest sums its image up.
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

int cksum_file(const char *path, uint32_t *crc, uint64_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct crc_table t;
	uint8_t buf[16384];
	uint32_t c = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	crc_init(&t);
	*len = 0;
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		c = crc_add(&t, c, buf, (size_t)n);
		*len += (uint64_t)n;
	}
	close(fd);
	*crc = crc_end(&t, c, *len);
	return n < 0 ? -EIO : 0;
}

/* The line of SUMS for @name: 0, or -1 after t_fail(). */
static int sums_find(struct t *t, const char *name, uint32_t *crc, uint64_t *len)
{
	const char *dir = t->env->guest_dir;
	char text[4096], found[256];
	unsigned long c, l;
	char *line, *save;
	long n = read_filef(text, sizeof(text), "%s/SUMS", dir);

	REQUIRE(t, n >= 0, "%s/SUMS: %s: the guest images are not installed there; reinstall the selftest package or give --guest-dir",
		dir, strerror((int)-n));
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "%lu %lu %255s", &c, &l, found) == 3 && !strcmp(found, name)) {
			*crc = (uint32_t)c;
			*len = l;
			return 0;
		}
	}
	return t_fail(t, "%s/SUMS has no line for %s: damaged, or of another version; reinstall the selftest package",
		      dir, name);
}

long guest_load(struct t *t, const char *name, void *buf, size_t max)
{
	char path[PATH_MAX];
	struct stat st;
	uint64_t want = 0;
	uint32_t crc = 0, got;
	ssize_t n;
	int fd;

	t->res->broken_test = true;	/* until the image is known to be good */
	snprintf(path, sizeof(path), "%s/%s", t->env->guest_dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	REQUIRE(t, fd >= 0, "%s: %s: reinstall the selftest package or give --guest-dir",
		path, strerror(errno));
	if (sums_find(t, name, &crc, &want)) {
		close(fd);
		return -1;
	}
	if (fstat(fd, &st) || (uint64_t)st.st_size != want || want > max) {
		close(fd);
		return t_fail(t, "%s: %s: %lld bytes, expected %llu; reinstall the selftest package",
			      path, (uint64_t)st.st_size < want ? "truncated" : "wrong size",
			      (long long)st.st_size, (unsigned long long)want);
	}
	n = read(fd, buf, want);
	close(fd);
	REQUIRE(t, n >= 0 && (uint64_t)n == want, "%s: read failed: %s", path, strerror(errno));
	got = cksum_buf(buf, want);
	REQUIRE(t, got == crc, "%s: corrupt: cksum %u, expected %u; reinstall the selftest package",
		path, got, crc);
	t->res->broken_test = false;
	return (long)want;
}
