/* SPDX-License-Identifier: GPL-2.0-only */
/* What the flat group's files share: guests without an OS, most of them tests of the unit guest. */
#ifndef SELFTEST_FLAT_H
#define SELFTEST_FLAT_H

#include <string.h>

#include "lab/unit.h"

#define ADVICE_RUN "KVM cannot run guest code on this host: dmesg, then the host/ and vm/ checks above."
#define ADVICE_CPU "A guest's CPU behaves as no CPU does: suspect arch/x86/kvm/{svm,vmx,x86,cpuid}.c of this kernel's patches."
#define ADVICE_NESTED "Guests that are hypervisors themselves will fail: turn nesting off (nested=0 of kvm_amd, kvm_intel), or suspect arch/x86/kvm/{svm,vmx}/nested.c of this kernel's patches."
#define ADVICE_MMU "A guest's memory is translated wrongly: data can be corrupted. Suspect arch/x86/kvm/mmu/ of this kernel's patches; run no guests."
#define ADVICE_APF "Guests whose memory the host pages or migrates will stall or hang: suspect async_pf in this kernel's patches; no-kvmapf on a guest's command line turns it off."
#define ADVICE_HV "Windows guests will hang, lose time or crash: start them without hv_* flags, or suspect arch/x86/kvm/hyperv.c of this kernel's patches."
#define ADVICE_TIME "Guests' time is wrong: look at the host's clocksource and dmesg for 'TSC', then at the TSC and pvclock code of this kernel's patches."
#define ADVICE_IRQ "Guests lose or get false interrupts: they will hang or misbehave. Suspect arch/x86/kvm/{lapic,ioapic,i8259,i8254,irq*}.c of this kernel's patches."
#define ADVICE_EMUL "A guest's I/O is carried out wrongly: suspect arch/x86/kvm/emulate.c and x86.c of this kernel's patches."

#define HW	(NEED_KVM | NEED_HW)
#define SMP_MS	30000		/* deadline with several CPUs */

/* FLAT - a CHECK() whose body is one call */
#define FLAT(id, call, purpose, advice, needs, ...) \
	CHECK(flat, id, purpose, advice, needs, __VA_ARGS__) { return call; }

/* Does the guest have PIC, IOAPIC, LAPIC and PIT? */
enum { NO_IRQCHIP, IRQCHIP };

/* sync_number - is this exit the guest's sync_host(@n)? */
static inline bool sync_number(const struct kvm_run *run, uint32_t *n)
{
	if (run->exit_reason != KVM_EXIT_IO || run->io.direction != KVM_EXIT_IO_OUT ||
	    run->io.port != UNIT_PORT_SYNC)
		return false;
	memcpy(n, (const uint8_t *)run + run->io.data_offset, sizeof(*n));
	return true;
}

/* set_xcr0 - x87, SSE and, where the CPU has it, AVX; XCR0, or -1 after t_fail() (io.c) */
int set_xcr0(struct lab *l);
/* flat_greeting - @image says @want on its port and halts (basic.c) */
int flat_greeting(struct t *t, const char *image, bool long_mode, const char *want);
/* flat_io - a test whose ports and MMIO io.c answers */
int flat_io(struct t *t, const char *test, bool irqchip);
/* flat_irq - a test whose interrupts irq.c makes */
int flat_irq(struct t *t, const char *test, unsigned int cpus);
int flat_irq_with(struct t *t, const char *test, const struct lab_opts *o);

#endif
