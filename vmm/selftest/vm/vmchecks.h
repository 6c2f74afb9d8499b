/* SPDX-License-Identifier: GPL-2.0 */
/* The vm group's functions, for its table and for patch probes. */
#ifndef SELFTEST_VMCHECKS_H
#define SELFTEST_VMCHECKS_H

#include "lab/lab.h"

/* lab_to_hlt - run CPU 0 to HLT; reads of UNIT_PORT_IO give 0x5a */
int lab_to_hlt(struct lab *l);
/* one_life - create a VM, run it to its first exit, destroy it; 0, or -1 after t_fail() */
int one_life(struct t *t, bool irqchip, size_t touch);
/* stat_exists - fail unless @name is in the "vm" or "vcpu" statistics */
int stat_exists(struct t *t, const char *kind, const char *name);

/* A capability: missing fails if @needed since version 0, warns if since later. */
struct cap {
	int nr;
	const char *name;
	unsigned int since;		/* major * 1000 + minor */
	bool needed;
};
extern const struct cap caps[];		/* ends with a NULL name */

int vm_device(struct t *t);
int vm_api_version(struct t *t);
int vm_caps_required(struct t *t);
int vm_baseline_caps(struct t *t);
int vm_baseline_cpuid(struct t *t);
int vm_limits(struct t *t);
int vm_many_vcpus(struct t *t);
int vm_every_cpu(struct t *t);
int vm_memslot_rules(struct t *t);
int vm_memslot_change(struct t *t);
int vm_mmu_notifier(struct t *t);
int vm_memory_fault(struct t *t);
int vm_pre_fault(struct t *t);
int vm_region2(struct t *t);
int vm_guest_memfd(struct t *t);
int vm_guest_memfd_mmap(struct t *t);
int vm_memory_attributes(struct t *t);
int vm_types(struct t *t);
int vm_confidential(struct t *t);
int vm_one_reg(struct t *t);
int vm_quirks(struct t *t);
int vm_apic_bus(struct t *t);
int vm_disable_exits(struct t *t);
int vm_x2apic_flags(struct t *t);
int vm_exit_hypercall(struct t *t);
int vm_emulation_failure(struct t *t);
int vm_dirty_log(struct t *t);
int vm_dirty_log_kvm(struct t *t);
int vm_dirty_log_clear(struct t *t);
int vm_dirty_ring(struct t *t);
int vm_dirty_ring_full(struct t *t);
int vm_hlt(struct t *t);
int vm_triple_fault(struct t *t);
int vm_immediate_exit(struct t *t);
int vm_signal(struct t *t);
int vm_signal_mask(struct t *t);
int vm_guest_debug(struct t *t);
int vm_interrupt(struct t *t);
int vm_set_tpr(struct t *t);
int vm_sync_regs(struct t *t);
int vm_translate(struct t *t);
int vm_halt_idle(struct t *t);
int vm_smm(struct t *t);
int vm_init_state(struct t *t);
int vm_pv_ipi(struct t *t);
int vm_pv_kick(struct t *t);
int vm_x2apic_ids(struct t *t);
int vm_ioeventfd(struct t *t);
int vm_ioeventfd_mmio(struct t *t);
int vm_ioeventfd_any(struct t *t);
int vm_coalesced_mmio(struct t *t);
int vm_coalesced_full(struct t *t);
int vm_state(struct t *t);
int vm_msr_list(struct t *t);
int vm_cpuid_set(struct t *t);
int vm_lives(struct t *t);
int vm_cgroup(struct t *t);
int vm_leak_vm(struct t *t);
int vm_leak_vcpu(struct t *t);
int vm_leak_memory(struct t *t);
int vm_leak_log(struct t *t);
int vm_leak_msr_filter(struct t *t);
int vm_leak_eventfd(struct t *t);
int vm_stats(struct t *t);
int vm_refault(struct t *t);

#endif
