/* SPDX-License-Identifier: GPL-2.0 */
/* The flat group's functions with a host's half, for its table. */
#ifndef SELFTEST_FLAT_H
#define SELFTEST_FLAT_H

#include <string.h>

#include "lab/lab.h"

/* sync_number - is this exit the guest's sync_host(@n)? */
static inline bool sync_number(const struct kvm_run *run, uint32_t *n)
{
	if (run->exit_reason != KVM_EXIT_IO || run->io.direction != KVM_EXIT_IO_OUT ||
	    run->io.port != UNIT_PORT_SYNC)
		return false;
	memcpy(n, (const uint8_t *)run + run->io.data_offset, sizeof(*n));
	return true;
}

int flat_io(struct t *t);
/* set_xcr0 - x87, SSE and, where the CPU has it, AVX; XCR0, or -1 after t_fail() */
int set_xcr0(struct lab *l);
int flat_cpu(struct t *t);
/* host_tsc_stable - does this kernel trust its TSC? */
bool host_tsc_stable(const struct env *env);
/* host_clock_is_tsc - and keep its time by it? Then KVM's clocks are functions of the TSC */
bool host_clock_is_tsc(const struct env *env);
int flat_smp_tsc(struct t *t);
int flat_irq(struct t *t);
int flat_nested(struct t *t);
int flat_xsetbv(struct t *t);
int flat_msr_filter(struct t *t);
int flat_async_pf(struct t *t);
int flat_hyperv(struct t *t);

#endif
