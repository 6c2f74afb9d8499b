// SPDX-License-Identifier: GPL-2.0-only
/* Guest images, each verified by its checksum in SUMS. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "env/files.h"
#include "lab/image.h"

#define IMAGES	"host/guest-images"

/*
 * Only host/guest-images fails for a bad image. Checks that would run the image
 * are skipped.
 */
static int __attribute__((format(printf, 2, 3))) bad(struct t *t, const char *fmt, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return strcmp(t->check->name, IMAGES) ? t_because(t, IMAGES, "%s", why) : t_fail(t, "%s", why);
}

#define GOOD(t, cond, ...) do { \
	if (!(cond)) \
		return bad(t, __VA_ARGS__); \
} while (0)

/* Find the line for @name in SUMS: 0, or -1 after bad(). */
static int sums_find(struct t *t, const char *name, uint32_t *crc, uint64_t *len)
{
	const char *dir = t->env->guest_dir;
	char text[4096], found[256];
	unsigned long c, l;
	char *line, *save;
	long n = read_filef(text, sizeof(text), "%s/SUMS", dir);

	GOOD(t, n >= 0, "%s/SUMS: %s: the guest images are not installed there", dir, strerror((int)-n));
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "%lu %lu %255s", &c, &l, found) == 3 && !strcmp(found, name)) {
			*crc = (uint32_t)c;
			*len = l;
			return 0;
		}
	}
	return bad(t, "%s/SUMS has no line for %s: it is damaged, or of another version", dir, name);
}

long guest_load(struct t *t, const char *name, void *buf, size_t max)
{
	char path[PATH_MAX];
	struct stat st;
	uint64_t want = 0;
	uint32_t crc = 0, got;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", t->env->guest_dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
		return t_lacks(t, errno, path);
	GOOD(t, fd >= 0, "%s: %s", path, strerror(errno));
	if (sums_find(t, name, &crc, &want)) {
		close(fd);
		return -1;
	}
	if (fstat(fd, &st) || (uint64_t)st.st_size != want || want > max) {
		close(fd);
		return bad(t, "%s: %s: %lld bytes, expected %llu", path,
			   (uint64_t)st.st_size < want ? "truncated" : "wrong size",
			   (long long)st.st_size, (unsigned long long)want);
	}
	n = read(fd, buf, want);
	close(fd);
	GOOD(t, n >= 0 && (uint64_t)n == want, "%s: read failed: %s", path, strerror(errno));
	got = cksum_buf(buf, want);
	GOOD(t, got == crc, "%s: corrupt: cksum %u, expected %u", path, got, crc);
	return (long)want;
}
