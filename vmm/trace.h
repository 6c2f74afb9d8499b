/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What came out of KVM_RUN: how often by reason, direction and address, and how
 * long we took, as a histogram by powers of 2. Each vCPU has a table of its own,
 * so that counting needs no lock.
 */
#ifndef VMM_TRACE_H
#define VMM_TRACE_H

#include <stdio.h>

#include "kvm.h"

/* trace_start - before vm_start(); vm_destroy() frees it */
int trace_start(struct vm *vm, struct err *e);

/* trace_now - nanoseconds; trace_exit - the exit in @v->run was served since @start */
uint64_t trace_now(void);
void trace_exit(struct vcpu *v, uint64_t start);

/* trace_write - all tables, as text, the most frequent rows first; empties them */
int trace_write(struct vm *vm, FILE *out, struct err *e);

#endif
