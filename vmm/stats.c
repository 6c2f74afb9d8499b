// SPDX-License-Identifier: GPL-2.0-only
#include "stats.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define NAME_MAX_LEN	256U
#define DESCS_MAX	1024U

/* The kernel's own strings, and yet: nothing but identifier characters. */
static void put_name(FILE *out, const char *s, size_t max)
{
	size_t i;

	fputc('"', out);
	for (i = 0; i < max && s[i]; i++)
		fputc(s[i] >= ' ' && s[i] < 0x7f && s[i] != '"' && s[i] != '\\' ? s[i] : '_', out);
	fputc('"', out);
}

static void put_values(FILE *out, int fd, uint64_t off, unsigned int n)
{
	uint64_t v;
	unsigned int i;

	fputs(n != 1 ? "[" : "", out);
	for (i = 0; i < n; i++) {
		if (pread(fd, &v, sizeof(v), (off_t)(off + 8ULL * i)) != sizeof(v))
			v = 0;
		fprintf(out, "%s%lu", i ? "," : "", v);
	}
	fputs(n != 1 ? "]" : "", out);
}

/* All statistics of one descriptor (a VM's or a vCPU's), as an object. */
static int put_object(FILE *out, int fd)
{
	struct kvm_stats_header h;
	union {
		struct kvm_stats_desc d;
		char bytes[sizeof(struct kvm_stats_desc) + NAME_MAX_LEN];
	} u;
	size_t len;
	unsigned int i;

	if (pread(fd, &h, sizeof(h), 0) != sizeof(h) ||
	    h.name_size > NAME_MAX_LEN || h.num_desc > DESCS_MAX)
		return -EBADMSG;
	len = sizeof(u.d) + h.name_size;
	fputc('{', out);
	for (i = 0; i < h.num_desc; i++) {
		if (pread(fd, &u, len, (off_t)(h.desc_offset + i * len)) != (ssize_t)len)
			return -EBADMSG;
		fputs(i ? "," : "", out);
		put_name(out, u.d.name, h.name_size);
		fputc(':', out);
		put_values(out, fd, (uint64_t)h.data_offset + u.d.offset, u.d.size);
	}
	fputc('}', out);
	return 0;
}

static int put_kvm(FILE *out, int of)
{
	int fd = ioctl(of, KVM_GET_STATS_FD, 0), rc;

	if (fd < 0) {
		fputs("null", out);	/* before Linux 5.14 */
		return 0;
	}
	rc = put_object(out, fd);
	close(fd);
	return rc;
}

int stats_write(struct vm *vm, FILE *out, int status, long dirty, double wall_ms, struct err *e)
{
	struct rusage ru;
	unsigned int i;
	int rc;

	errno = 0;
	getrusage(RUSAGE_SELF, &ru);
	fprintf(out, "{\"schema\":1,\"status\":%d,\"wall_ms\":%.3f,\"cpus\":%u,"
		"\"max_rss_kib\":%ld,", status, wall_ms, vm->ncpus, ru.ru_maxrss);
	if (dirty >= 0)
		fprintf(out, "\"dirty_pages\":%ld,", dirty);
	fputs("\"vm\":", out);
	rc = put_kvm(out, vm->fd);
	fputs(",\"vcpus\":[", out);
	for (i = 0; i < vm->ncpus && !rc; i++) {
		fprintf(out, "%s{\"exits_to_user\":%lu,\"kvm\":", i ? "," : "",
			atomic_load(&vm->vcpus[i].exits));
		rc = put_kvm(out, vm->vcpus[i].fd);
		fputc('}', out);
	}
	fputs("]}\n", out);
	/* fflush() says nothing of what failed to leave before. */
	if ((fflush(out) || ferror(out)) && !rc)
		rc = errno ? -errno : -EIO;
	return rc ? err_set(e, rc, "statistics: %s", strerror(-rc)) : 0;
}
