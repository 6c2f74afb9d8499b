/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the flat group: guests without an OS, most of them tests of the unit guest. */
#ifndef SELFTEST_FLAT_H
#define SELFTEST_FLAT_H

#include <string.h>

#include "lab/unit.h"

#define ADVICE_RUN "KVM cannot run guest code on this host. See dmesg, then the host/ and vm/ checks above."
#define ADVICE_CPU "A guest's CPU does not behave like a CPU. Suspect this kernel's patches to arch/x86/kvm/{svm,vmx,x86,cpuid}.c."
#define ADVICE_NESTED "Guests that are hypervisors will fail. Turn nesting off (nested=0 of kvm_amd, kvm_intel), or suspect this kernel's patches to arch/x86/kvm/{svm,vmx}/nested.c."
#define ADVICE_MMU "KVM translates guest addresses wrongly: guests' data can be corrupted. Run no guests; suspect this kernel's patches to arch/x86/kvm/mmu/."
#define ADVICE_APF "Guests whose memory the host pages out or migrates will stall or hang. Suspect this kernel's patches to async_pf; no-kvmapf on a guest's command line turns it off."
#define ADVICE_HV "Windows guests will hang, lose time or crash. Start them without hv_* flags, or suspect this kernel's patches to arch/x86/kvm/hyperv.c."
#define ADVICE_TIME "Guests' time is wrong. Look at the host's clocksource and for 'TSC' in dmesg, then at this kernel's patches to the TSC and pvclock code."
#define ADVICE_IRQ "Guests lose interrupts or get false ones: they will hang or misbehave. Suspect this kernel's patches to arch/x86/kvm/{lapic,ioapic,i8259,i8254,irq*}.c."
#define ADVICE_EMUL "KVM emulates guests' I/O wrongly. Suspect this kernel's patches to arch/x86/kvm/emulate.c and x86.c."

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

/* set_xcr0 - enable x87, SSE and, if the CPU has it, AVX; returns XCR0, or -1 after t_fail() (io.c) */
int set_xcr0(struct lab *l);
/* flat_greeting - @image must print @want to its port and halt (basic.c) */
int flat_greeting(struct t *t, const char *image, bool long_mode, const char *want);
/* flat_io - run a test whose ports and MMIO io.c answers */
int flat_io(struct t *t, const char *test, bool irqchip);
/* flat_irq - run a test whose interrupts irq.c raises */
int flat_irq(struct t *t, const char *test, unsigned int cpus);
int flat_irq_with(struct t *t, const char *test, const struct lab_opts *o);

#endif
