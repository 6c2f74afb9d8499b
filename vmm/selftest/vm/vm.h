/* SPDX-License-Identifier: GPL-2.0-only */
/* Advice shared by the checks of the vm group. */
#ifndef SELFTEST_VM_H
#define SELFTEST_VM_H

#include "lab/lab.h"

#define ADVICE_API "KVM's interface is not what VMMs expect: they will fail to start guests. Compare with the distribution's kernel."
#define ADVICE_BASE "Guests of the old kernel may not run here or migrate to this host. Known causes: another config, a module parameter, new microcode or CPU mitigations, a patch that was dropped."
#define ADVICE_CPU "The firmware left virtualization off on that CPU (a known firmware bug), or the module failed there: see dmesg. Update the firmware, or take the CPU offline."
#define ADVICE_MEM "KVM handles guests' memory wrongly: data can be lost, above all in live migration. Suspect this kernel's patches to virt/kvm/kvm_main.c and arch/x86/kvm/mmu/."
#define ADVICE_RUN "VMMs depend on this to control guests. Suspect this kernel's patches to arch/x86/kvm/x86.c, virt/kvm/ and the back end."
#define ADVICE_IRQ "Guests with several CPUs will not start, or hang. Suspect this kernel's patches to arch/x86/kvm/lapic.c, and to KVM_HC_* and kvm_vcpu_reset() in x86.c."
#define ADVICE_STATE "Snapshots and live migration would lose state. Suspect this kernel's patches to the KVM_GET_* and KVM_SET_* ioctls in arch/x86/kvm/."
#define ADVICE_STAT "Monitoring would be wrong, or exits take the wrong path. Suspect this kernel's patches to the exit handling."
#define ADVICE_LEAK "After many guests the host will run out of memory, or KVM can never be unloaded. Look for a reference that is taken and not dropped."

#endif
