/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What firmware leaves in an x86 vCPU: CPUID, MSRs, LAPIC (boot/start.h sets
 * the registers). Sources: Intel SDM vol. 3 ch. 9-10, kernel
 * Documentation/virt/kvm/api.rst.
 */
#ifndef VMM_X86_H
#define VMM_X86_H

#include <stdbool.h>
#include <stdint.h>

#include "kvm.h"
#include "records.h"

/*
 * x86_cpuid - KVM_GET_SUPPORTED_CPUID, with topology and APIC id of @v, set
 *
 * vcpu_create() calls it. Needs no LAPIC; with one, adds x2APIC and
 * TSC-deadline.
 */
int x86_cpuid(struct vcpu *v, struct err *e);

/*
 * x86_cpuid_fits - may a guest that saw CPUID @saw run where it would see @here?
 * @name: what it comes from, for messages
 *
 * -EOPNOTSUPP: it saw a feature that is not here, or another vendor's CPU.
 */
int x86_cpuid_fits(const struct kvm_cpuid2 *saw, const struct kvm_cpuid2 *here,
		   const char *name, struct err *e);

/*
 * x86_cpuid_save - the CPUID that @v has, as the record "CPUID"
 * x86_cpuid_load - give @v, which is new, the one of @r
 *
 * A guest keeps what it saw, whatever newer KVM it comes to.
 */
void x86_cpuid_save(const struct vcpu *v, struct records *r);
int x86_cpuid_load(const struct vcpu *v, const struct records *r, struct err *e);

/*
 * x86_msrs - memory type write-back, fast strings: what firmware leaves, and
 * without which Linux is slow
 */
void x86_msrs(const struct vcpu *v);

/* x86_msr_read, x86_msr_write - one MSR; false if KVM refuses */
bool x86_msr_read(const struct vcpu *v, uint32_t index, uint64_t *data);
bool x86_msr_write(const struct vcpu *v, uint32_t index, uint64_t data);

/* x86_lapic - LINT0 ExtINT, LINT1 NMI, as firmware leaves them */
int x86_lapic(struct vcpu *v, struct err *e);

#endif
