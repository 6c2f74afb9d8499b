// SPDX-License-Identifier: GPL-2.0-only
/* flat: several CPUs (guest/t_smp.c). */
#define REPORT_PLACE 110
#include "env/clock.h"
#include "flat/flat.h"

FLAT(smp_start, flat_irq(t, "smp_start", 4),
     "INIT and SIPI start every CPU, once", ADVICE_IRQ, HW, .deadline_ms = SMP_MS)
FLAT(smp_init_again, flat_irq(t, "init_again", 2),
     "INIT and SIPI restart a CPU", ADVICE_IRQ, HW, .deadline_ms = SMP_MS)
FLAT(smp_ipi, flat_irq(t, "ipi", 2),
     "every IPI arrives", ADVICE_IRQ, HW, .deadline_ms = SMP_MS)
FLAT(smp_ipi_destinations, flat_irq(t, "ipi", 3),
     "IPIs reach their destination, for each kind of destination", ADVICE_IRQ, HW, .deadline_ms = SMP_MS)
FLAT(smp_ipi_x2apic, flat_irq(t, "ipi_x2apic", 3),
     "IPIs in x2APIC mode reach their destination, and no other CPU", ADVICE_IRQ, HW, .deadline_ms = SMP_MS)
FLAT(smp_ipi_halted, flat_irq(t, "ipi_halted", 2),
     "IPIs and NMIs wake halted CPUs, every time", ADVICE_IRQ, HW, .deadline_ms = SMP_MS)
FLAT(smp_pv_unhalt, flat_irq(t, "pv_unhalt", 2),
     "KVM_HC_KICK_CPU ends one halt of a CPU that has interrupts off", ADVICE_IRQ, HW, .deadline_ms = SMP_MS)
FLAT(smp_atomic, flat_irq(t, "atomics", 3),
     "LOCK and XCHG are atomic across CPUs", ADVICE_IRQ, HW, .deadline_ms = SMP_MS)
FLAT(smp_memory, flat_irq(t, "smp_memory", 2),
     "one CPU reads what the other writes", ADVICE_IRQ, HW, .deadline_ms = SMP_MS)
FLAT(smp_tlb, flat_irq(t, "tlb_shootdown", 2),
     "no CPU uses a translation after it flushed it", ADVICE_IRQ, HW, .deadline_ms = SMP_MS)

CHECK(flat, smp_tsc, "the TSC is monotonic across CPUs",
      ADVICE_IRQ, HW, .deadline_ms = SMP_MS)
{
	/* If the kernel does not trust the TSC, KVM does not keep vCPUs' TSCs in step. */
	if (!host_tsc_stable(t->env))
		return t_skip(t, "the host does not trust its TSC (clocksource is not tsc): neither can a guest");
	return flat_irq(t, "smp_tsc", 2);
}
