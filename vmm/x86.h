/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state an x86 vCPU starts in: CPUID, MSRs, LAPIC, and registers for each
 * way of starting. Sources: Intel SDM vol. 3 ch. 9-10, kernel
 * Documentation/virt/kvm/api.rst.
 */
#ifndef VMM_X86_H
#define VMM_X86_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "memory.h"

struct boot_entry;
struct vcpu;

/* Bytes that x86_start() writes at its @in->tables. */
#define X86_TABLES_SIZE	0x8000UL

/*
 * x86_cpuid - KVM_GET_SUPPORTED_CPUID, with topology and APIC id of @v, set
 *
 * vcpu_create() calls it. Needs no LAPIC; with one, adds x2APIC and
 * TSC-deadline.
 */
int x86_cpuid(struct vcpu *v, struct err *e);

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

/*
 * x86_start - set registers to @in: real mode at cs:ip with DS = ES = SS = 0;
 * 32-bit protected mode with flat segments CS 0x10, DS 0x18, without paging;
 * or 64-bit mode with the first 4 GiB mapped one to one by 2 MiB pages
 *
 * The latter two write X86_TABLES_SIZE bytes at @in->tables, page aligned.
 */
int x86_start(struct vcpu *v, const struct boot_entry *in, struct err *e);

#endif
