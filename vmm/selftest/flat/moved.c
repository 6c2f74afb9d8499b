// SPDX-License-Identifier: GPL-2.0-only
/* flat: a guest moves to another VM and continues there (guest/t_moved.c). */

#define REPORT_PLACE 130
#include "flat/flat.h"

#define ADVICE_MOVED "Guests that are migrated or restored from a snapshot will hang or lose data. Do not migrate guests to or from this host; suspect this kernel's patches to the KVM_GET_* and KVM_SET_* ioctls."

static int moved(struct t *t, const char *test, bool irqchip)
{
	struct lab_opts o = { .irqchip = irqchip };

	return flat_irq_with(t, test, &o);
}

FLAT(moved_cpu, moved(t, "moved_cpu", true),
     "a guest that moves to another VM keeps its registers, MSRs, FPU and debug state", ADVICE_MOVED, HW)
FLAT(moved_lapic, moved(t, "moved_lapic", true),
     "a guest that moves gets the interrupts and NMIs that were pending, in order", ADVICE_MOVED, HW)
FLAT(moved_chips, moved(t, "moved_chips", true),
     "a move preserves PIC and IOAPIC, even in the middle of an interrupt", ADVICE_MOVED, HW)
FLAT(moved_timers, moved(t, "moved_timers", true),
     "running timers continue after a move, and wake a halted CPU", ADVICE_MOVED, HW)
FLAT(moved_clocks, moved(t, "moved_clocks", true),
     "kvmclock, steal time and PV EOI continue after a move", ADVICE_MOVED, HW)
FLAT(moved_nested_svm, moved(t, "moved_nested_svm", false),
     "a guest moves while its own guest (SVM) runs, and both continue", ADVICE_MOVED, HW)
FLAT(moved_nested_vmx, moved(t, "moved_nested_vmx", false),
     "a guest moves while its own guest (VMX) runs, and both continue", ADVICE_MOVED, HW)
