/* SPDX-License-Identifier: GPL-2.0-only */
/* What to do when a check of the vm group fails. */
#ifndef SELFTEST_VM_H
#define SELFTEST_VM_H

#include "lab/lab.h"

#define ADVICE_API "KVM's interface is not what VMMs expect: they will fail to start guests. Compare with the distribution's kernel."
#define ADVICE_BASE "Guests of the old kernel may not run or migrate here. Known causes: another config, a module parameter, new microcode or CPU mitigations, a patch that was dropped."
#define ADVICE_CPU "On that CPU the firmware left virtualization off (a known firmware bug), or the module failed there: dmesg; update the firmware, or take the CPU offline."
#define ADVICE_MEM "Guests' memory is not kept right: data can be lost, above all in live migration. Suspect virt/kvm/kvm_main.c and arch/x86/kvm/mmu/ of this kernel's patches."
#define ADVICE_RUN "VMMs depend on this to control guests. Suspect arch/x86/kvm/x86.c, virt/kvm/ and the back end of this kernel's patches."
#define ADVICE_IRQ "Guests with several CPUs will not start, or hang: suspect arch/x86/kvm/lapic.c, and KVM_HC_* and kvm_vcpu_reset() in x86.c, of this kernel's patches."
#define ADVICE_STATE "Snapshots and live migration would lose state. Suspect the KVM_GET_* and KVM_SET_* ioctls in arch/x86/kvm/ of this kernel's patches."
#define ADVICE_STAT "Monitoring would be wrong, or exits take a path they should not. Suspect the exit handling of this kernel's patches."
#define ADVICE_LEAK "The host will run out of memory, or KVM can never be unloaded, after many guests. Look for a reference that is taken and not dropped."

#endif
