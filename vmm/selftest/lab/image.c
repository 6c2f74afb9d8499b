// SPDX-License-Identifier: GPL-2.0-only
/* Guest images, each held against its checksum in SUMS. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "env/files.h"
#include "lab/image.h"

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
