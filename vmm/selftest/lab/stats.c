// SPDX-License-Identifier: GPL-2.0-only
/* KVM's binary statistics (KVM_GET_STATS_FD, since 5.14). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lab/stats.h"

int stats_open(struct t *t, struct stats *s, int fd, const char *what)
{
	memset(s, 0, sizeof(*s));
	s->fd = ioctl(fd, KVM_GET_STATS_FD, NULL);
	REQUIRE(t, s->fd >= 0, "KVM_GET_STATS_FD of the %s: %s", what, strerror(errno));
	REQUIRE(t, pread(s->fd, &s->h, sizeof(s->h), 0) == sizeof(s->h), "the header of the %s's statistics cannot be read", what);
	REQUIRE(t, s->h.num_desc > 0 && s->h.num_desc < 1000 && s->h.name_size > 0 && s->h.name_size <= 256,
		"the %s's statistics: %u descriptors, names of %u bytes", what, s->h.num_desc, s->h.name_size);
	s->stride = sizeof(struct kvm_stats_desc) + s->h.name_size;
	s->desc = calloc(s->h.num_desc, s->stride);
	NEED(t, s->desc, "memory");
	REQUIRE(t, pread(s->fd, s->desc, s->h.num_desc * s->stride, s->h.desc_offset) == (ssize_t)(s->h.num_desc * s->stride),
		"the descriptors of the %s's statistics cannot be read", what);
	return 0;
}

void stats_close(struct stats *s)
{
	free(s->desc);
	if (s->fd >= 0)
		close(s->fd);
}

static const struct kvm_stats_desc *find(const struct stats *s, const char *name)
{
	uint32_t i;

	for (i = 0; s->desc && i < s->h.num_desc; i++) {
		const struct kvm_stats_desc *d = (const void *)(s->desc + i * s->stride);

		if (!strncmp(d->name, name, s->h.name_size))
			return d;
	}
	return NULL;
}

int stats_get(const struct stats *s, const char *name, uint64_t *v)
{
	const struct kvm_stats_desc *d = find(s, name);

	return d && pread(s->fd, v, 8, s->h.data_offset + d->offset) == 8 ? 0 : -1;
}

void stats_text(int fd, char *buf, size_t size)
{
	struct result none = { .status = ST_NONE };
	struct t quiet = { .res = &none };
	struct stats s = { .fd = -1 };
	size_t n = 0;
	uint32_t i;

	buf[0] = '\0';
	if (!stats_open(&quiet, &s, fd, "vCPU")) {
		for (i = 0; i < s.h.num_desc && n < size; i++) {
			const struct kvm_stats_desc *d = (const void *)(s.desc + i * s.stride);
			uint64_t v = 0;

			if (d->size != 1 || pread(s.fd, &v, 8, s.h.data_offset + d->offset) != 8 || !v)
				continue;
			n += (size_t)snprintf(buf + n, size - n, "%s%.60s %llu", n ? ", " : "",
					      d->name, (unsigned long long)v);
		}
	}
	stats_close(&s);
}

int stats_of_vcpu(struct lab *l, struct stats *s)
{
	s->fd = -1;
	s->desc = NULL;
	if (lab_cap(l, KVM_CAP_BINARY_STATS_FD) <= 0)
		return t_skip(l->t, "KVM has no binary statistics (before 5.14)");
	return stats_open(l->t, s, l->cpu[0].fd, "vCPU");
}

int stat_exists(struct t *t, const char *kind, const char *name)
{
	struct stats s = { .fd = -1 };
	struct lab l;
	int rc = lab_open(&l, t, LAB());

	if (!rc && lab_cap(&l, KVM_CAP_BINARY_STATS_FD) <= 0)
		rc = t_fail(t, "KVM has no binary statistics, so no '%s'", name);
	if (!rc)
		rc = stats_open(t, &s, strcmp(kind, "vm") ? l.cpu[0].fd : l.vm, kind);
	if (!rc && !find(&s, name))
		rc = t_fail(t, "the %s's statistics have no '%s': the patch is not in the running kvm.ko", kind, name);
	stats_close(&s);
	lab_close(&l);
	return rc;
}
