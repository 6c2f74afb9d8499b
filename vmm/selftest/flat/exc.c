// SPDX-License-Identifier: GPL-2.0-only
/* flat: exceptions, faults and traps (guest/t_exc.c). */
#define REPORT_PLACE 30
#include "flat/flat.h"

FLAT(exception_vectors, unit_check(t, "exc_vectors"),
     "faults arrive with their vector, error code and RIP", ADVICE_CPU, HW)
FLAT(exception_selectors, unit_check(t, "exc_selectors"),
     "bad selectors fault with the selector as error code", ADVICE_CPU, HW)
FLAT(exception_user, flat_io(t, "exc_user", NO_IRQCHIP),
     "ring 3 cannot do what only ring 0 may", ADVICE_CPU, HW)
FLAT(exception_fpu, unit_check(t, "exc_fp"),
     "floating-point exceptions arrive", ADVICE_CPU, HW)
FLAT(exception_paged_out, flat_io(t, "exc_paged_out", IRQCHIP),
     "exceptions, interrupts and NMIs arrive on a stack that the host paged out", ADVICE_CPU, HW)
FLAT(exception_alignment, unit_check(t, "exc_alignment"),
     "an SSE access that is not aligned faults", ADVICE_CPU, NEED_KVM)
FLAT(double_fault, unit_check(t, "exc_double_fault"),
     "a fault that cannot be delivered is a double fault", ADVICE_CPU, NEED_KVM)
FLAT(control_registers, flat_io(t, "exc_control_regs", IRQCHIP),
     "CR0, CR3, CR4 and CR8 reject reserved bits and keep the others", ADVICE_CPU, HW)
FLAT(single_step, flat_io(t, "exc_single_step", NO_IRQCHIP),
     "TF traps after each instruction, emulated ones too", ADVICE_CPU, HW)
FLAT(breakpoints, flat_io(t, "exc_breakpoints", NO_IRQCHIP),
     "debug registers trap, and survive exits", ADVICE_CPU, HW)
