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

struct vcpu;
struct vm;

/* Bytes that x86_long() and x86_prot() write at their @tables. */
#define X86_TABLES_SIZE	0x8000ULL

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
 * x86_real - real mode at @cs:@ip, DS = ES = SS = 0, SP = @sp, flags 2
 */
int x86_real(struct vcpu *v, uint16_t cs, uint16_t ip, uint16_t sp,
	     struct err *e);

/*
 * x86_prot - 32-bit protected mode, no paging, flat segments CS 0x10, DS 0x18
 * @tables: guest address, page aligned, for a GDT (X86_TABLES_SIZE is plenty)
 */
int x86_prot(struct vcpu *v, uint32_t entry, uint32_t sp, uint64_t tables,
	     struct err *e);

/*
 * x86_long - 64-bit mode, first 4 GiB mapped one to one by 2 MiB pages
 * @tables: guest address, page aligned, of X86_TABLES_SIZE bytes for GDT and
 *          page tables
 */
int x86_long(struct vcpu *v, uint64_t entry, uint64_t sp, uint64_t tables,
	     struct err *e);

#endif
