// SPDX-License-Identifier: GPL-2.0-only
/* flat: a guest moves to another VM and goes on there (guest/t_moved.c). */

#define REPORT_PLACE 130
#include "flat/flat.h"

#define ADVICE_MOVED "Guests that are migrated or restored from a snapshot will hang or lose data: suspect what KVM_GET_* and KVM_SET_* do in this kernel's patches; do not migrate guests to or from this host."

static int moved(struct t *t, const char *test, bool irqchip)
{
	struct lab_opts o = { .irqchip = irqchip };

	return flat_irq_with(t, test, &o);
}

FLAT(moved_cpu, moved(t, "moved_cpu", true),
     "a guest that moves to another VM keeps its registers, MSRs, FPU and debug state", ADVICE_MOVED, HW)
FLAT(moved_lapic, moved(t, "moved_lapic", true),
     "a guest that moves takes the interrupts and NMIs that were waiting, in their order", ADVICE_MOVED, HW)
FLAT(moved_chips, moved(t, "moved_chips", true),
     "a guest that moves finds PIC and IOAPIC as they were, in the middle of an interrupt too", ADVICE_MOVED, HW)
FLAT(moved_timers, moved(t, "moved_timers", true),
     "timers that were under way go on after a move, and wake a CPU that was halted", ADVICE_MOVED, HW)
FLAT(moved_clocks, moved(t, "moved_clocks", true),
     "kvmclock, steal time and PV EOI go on after a move", ADVICE_MOVED, HW)
FLAT(moved_nested_svm, moved(t, "moved_nested_svm", false),
     "a guest moves while its own guest (SVM) runs, and both go on", ADVICE_MOVED, HW)
FLAT(moved_nested_vmx, moved(t, "moved_nested_vmx", false),
     "a guest moves while its own guest (VMX) runs, and both go on", ADVICE_MOVED, HW)
