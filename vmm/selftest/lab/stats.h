/* SPDX-License-Identifier: GPL-2.0-only */
/* KVM's binary statistics of a VM or a vCPU. */
#ifndef SELFTEST_STATS_H
#define SELFTEST_STATS_H

#include "lab/lab.h"

struct stats {
	int fd;
	struct kvm_stats_header h;
	uint8_t *desc;
	size_t stride;
};
/* stats_open - open the statistics of @fd, a VM or vCPU, called @what; 0, or -1 after t_fail() */
int stats_open(struct t *t, struct stats *s, int fd, const char *what);
void stats_close(struct stats *s);
int stats_get(const struct stats *s, const char *name, uint64_t *v);
/* stats_text - the statistics that are not 0, as "name value, ..." */
void stats_text(int fd, char *buf, size_t size);
/* stats_of_vcpu - stats_open() of CPU 0: 0, or -1 after t_skip() (KVM has none) or t_fail() */
int stats_of_vcpu(struct lab *l, struct stats *s);
/* stat_exists - fail unless @name is in the "vm" or "vcpu" statistics */
int stat_exists(struct t *t, const char *kind, const char *name);

#endif
