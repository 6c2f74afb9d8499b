/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Statistics of a run as JSON: KVM's own (KVM_GET_STATS_FD), exits that came
 * to us, memory, dirty pages. Source: Documentation/virt/kvm/api.rst, 4.133.
 */
#ifndef VMM_STATS_H
#define VMM_STATS_H

#include <stdio.h>

#include "err.h"
#include "kvm.h"

/*
 * stats_write - one JSON object on @out
 * @status: the run's
 * @dirty:  pages that the guest wrote, -1 without a dirty log
 * @wall_ms: length of the run
 */
int stats_write(struct vm *vm, FILE *out, int status, long dirty,
		double wall_ms, struct err *e);

#endif
