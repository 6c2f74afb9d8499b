/* SPDX-License-Identifier: GPL-2.0 */
/* The flat group's functions with a host's half, for its table. */
#ifndef SELFTEST_FLAT_H
#define SELFTEST_FLAT_H

#include "lab.h"

int flat_io(struct t *t);
int flat_cpu(struct t *t);
/* host_tsc_stable - does this kernel trust its TSC? */
bool host_tsc_stable(const struct env *env);
int flat_smp_tsc(struct t *t);
int flat_irq(struct t *t);
int flat_xsetbv(struct t *t);
int flat_msr_filter(struct t *t);

#endif
