// SPDX-License-Identifier: GPL-2.0
/* flat: guests without an OS. */
#include <errno.h>
#include <string.h>

#include "flat/flat.h"

#define ADVICE_RUN "KVM cannot run guest code on this host: dmesg, then the host/ and vm/ checks above."

/* These images say one line each and halt. */
static int greeting(struct t *t, const char *image, bool long_mode, const char *want)
{
	struct lab_opts o = { 0 };
	struct lab l;
	int rc = -1;

	if (lab_open(&l, t, &o) || guest_load(t, image, l.ram + 0x1000, 0x1000) < 0 ||
	    (long_mode ? lab_long(&l, 0, 0x1000, 0x8000) : lab_real(&l, 0, 0x1000)))
		goto out;
	for (;;) {
		struct kvm_run *run = l.cpu[0].run;

		rc = lab_step(&l, 0);
		if (rc == -EINTR)
			continue;
		if (rc || run->exit_reason == KVM_EXIT_HLT)
			break;
		if (run->exit_reason != KVM_EXIT_IO || run->io.port != UNIT_PORT_TEXT ||
		    run->io.size != 1 || run->io.count != 1 ||
		    run->io.direction != KVM_EXIT_IO_OUT ||
		    l.text_len == sizeof(l.text) - 1) {
			lab_dump(&l, 0);
			rc = t_fail(t, "expected byte writes to port 0x10 and then HLT, got %s",
				    exit_name(run->exit_reason));
			break;
		}
		l.text[l.text_len++] = *((char *)run + run->io.data_offset);
	}
	if (!rc && strcmp(l.text, want))
		rc = t_fail(t, "the guest should have said '%.*s', it said '%s'",
			    (int)strlen(want) - 1, want, l.text);
out:
	lab_close(&l);
	return rc;
}

static int real_greeting(struct t *t)
{
	return greeting(t, "real.bin", false, "Hello from real mode\n");
}

static int long_mode(struct t *t)
{
	return greeting(t, "long.bin", true, "Hello from long mode\n");
}

static int task_switch(struct t *t)
{
	return greeting(t, "task.bin", false, "Hello from three tasks\n");
}

#define ROW(name_, fn_, test_, cpus_, irq_, needs_, purpose_, advice_) \
	{ "flat/" name_, purpose_, advice_, NEED_KVM | (needs_), \
	  (cpus_) > 1 ? 30000 : 0, fn_, \
	  (uintptr_t)&(const struct unit_row){ test_, cpus_, irq_ } }
#define ADVICE_CPU "A guest's CPU behaves as no CPU does: suspect arch/x86/kvm/{svm,vmx,x86,cpuid}.c of this kernel's patches."
#define ADVICE_NESTED "Guests that are hypervisors themselves will fail: turn nesting off (nested=0 of kvm_amd, kvm_intel), or suspect arch/x86/kvm/{svm,vmx}/nested.c of this kernel's patches."
#define ADVICE_MMU "A guest's memory is translated wrongly: data can be corrupted. Suspect arch/x86/kvm/mmu/ of this kernel's patches; run no guests."
#define ADVICE_APF "Guests whose memory the host pages or migrates will stall or hang: suspect async_pf in this kernel's patches; no-kvmapf on a guest's command line turns it off."
#define ADVICE_HV "Windows guests will hang, lose time or crash: start them without hv_* flags, or suspect arch/x86/kvm/hyperv.c of this kernel's patches."
#define ADVICE_TIME "Guests' time is wrong: look at the host's clocksource and dmesg for 'TSC', then at the TSC and pvclock code of this kernel's patches."
#define ADVICE_IRQ "Guests lose or get false interrupts: they will hang or misbehave. Suspect arch/x86/kvm/{lapic,ioapic,i8259,i8254,irq*}.c of this kernel's patches."
#define ADVICE_EMUL "A guest's I/O is carried out wrongly: suspect arch/x86/kvm/emulate.c and x86.c of this kernel's patches."

const struct check checks_flat[] = {
	{ "flat/real-greeting", "a real-mode guest runs, writes to a port, halts",
	  ADVICE_RUN, NEED_KVM, 0, real_greeting, 0 },
	{ "flat/long-mode", "a 64-bit guest runs, writes to a port, halts",
	  ADVICE_RUN, NEED_KVM, 0, long_mode, 0 },
	ROW("mode-switch", unit_check, "nothing", 1, false, 0,
	    "a guest goes from real to protected to long mode by itself", ADVICE_RUN),
	ROW("port-width", flat_io, "pio_width", 1, false, 0,
	    "IN and OUT of 1, 2, 4 bytes arrive as they were made", ADVICE_EMUL),
	ROW("port-string", flat_io, "pio_string", 1, false, 0,
	    "REP INS and OUTS move the right bytes, in both directions", ADVICE_EMUL),
	ROW("port-segments", flat_io, "io_segments", 1, false, NEED_HW,
	    "string I/O in 32-bit code keeps to its segment's limit and rights", ADVICE_EMUL),
	ROW("mmio-width", flat_io, "mmio_width", 1, false, 0,
	    "MMIO of 1, 2, 4, 8, 16 bytes arrives as it was made, across pages too", ADVICE_EMUL),
	ROW("mmio-string", flat_io, "mmio_string", 1, false, 0,
	    "string instructions on MMIO move the right bytes", ADVICE_EMUL),
	ROW("mmio-instructions", flat_io, "mmio_emulate", 1, false, 0,
	    "instructions emulated on MMIO do what the CPU does on RAM", ADVICE_EMUL),
	ROW("exit-registers", flat_io, "regs_exit", 1, false, 0,
	    "general registers and flags survive exits", ADVICE_EMUL),
	ROW("exit-fpu", flat_io, "xsave_exit", 1, false, NEED_HW,
	    "x87, SSE and AVX state survives exits", ADVICE_EMUL),
	ROW("xsetbv", flat_xsetbv, "xsetbv", 1, false, NEED_HW,
	    "XCR0 takes valid values and refuses others", ADVICE_CPU),
	ROW("exception-vectors", unit_check, "exc_vectors", 1, false, NEED_HW,
	    "faults arrive with their vector, error code and RIP", ADVICE_CPU),
	ROW("exception-selectors", unit_check, "exc_selectors", 1, false, NEED_HW,
	    "bad selectors fault with the selector as error code", ADVICE_CPU),
	ROW("exception-user", flat_io, "exc_user", 1, false, NEED_HW,
	    "ring 3 is refused what is ring 0's", ADVICE_CPU),
	ROW("exception-fpu", unit_check, "exc_fp", 1, false, NEED_HW,
	    "floating-point exceptions arrive", ADVICE_CPU),
	ROW("exception-paged-out", flat_io, "exc_paged_out", 1, true, NEED_HW,
	    "exceptions, interrupts and NMIs arrive on a stack that the host took away", ADVICE_CPU),
	ROW("exception-alignment", unit_check, "exc_alignment", 1, false, 0,
	    "an SSE access that is not aligned faults", ADVICE_CPU),
	ROW("double-fault", unit_check, "exc_double_fault", 1, false, 0,
	    "a fault that cannot be delivered is a double fault", ADVICE_CPU),
	ROW("control-registers", flat_io, "exc_control_regs", 1, true, NEED_HW,
	    "CR0, CR3, CR4, CR8 refuse reserved bits and keep the others", ADVICE_CPU),
	ROW("single-step", flat_io, "exc_single_step", 1, false, NEED_HW,
	    "TF traps after each instruction, emulated ones too", ADVICE_CPU),
	ROW("breakpoints", flat_io, "exc_breakpoints", 1, false, NEED_HW,
	    "debug registers break, and survive exits", ADVICE_CPU),
	ROW("cpuid", flat_cpu, "cpuid_kvm", 1, false, 0,
	    "CPUID says that this is a KVM guest", ADVICE_CPU),
	ROW("cpuid-leaves", flat_cpu, "cpuid_exact", 1, false, 0,
	    "every CPUID leaf reads as the host set it", ADVICE_CPU),
	ROW("msr", flat_cpu, "msr", 1, false, NEED_HW,
	    "MSRs keep valid values and refuse others", ADVICE_CPU),
	ROW("msr-filter", flat_msr_filter, "msr_filter", 1, false, NEED_HW,
	    "filtered MSRs come to user space, others do not", ADVICE_CPU),
	ROW("syscall", flat_cpu, "syscall", 1, false, NEED_HW,
	    "SYSCALL and SYSRET go by the MSRs", ADVICE_CPU),
	ROW("intercepted-instructions", flat_cpu, "intercepts", 1, false, NEED_HW,
	    "instructions that KVM decides on do what they should", ADVICE_CPU),
	ROW("compatibility-mode", flat_cpu, "compat_mode", 1, false, NEED_HW,
	    "32-bit code runs in a 64-bit guest", ADVICE_CPU),
	{ "flat/task-switch", "a 32-bit guest switches tasks: by JMP, CALL, IRET, task gate",
	  ADVICE_CPU, NEED_KVM | NEED_HW, 0, task_switch, 0 },
	ROW("nested-svm", flat_nested, "nested_svm", 1, false, NEED_HW,
	    "a guest runs a guest of its own (SVM), where nested is on", ADVICE_NESTED),
	ROW("nested-npt", unit_check, "nested_npt", 1, false, NEED_HW,
	    "a guest translates its own guest's addresses (SVM's nested paging)", ADVICE_NESTED),
	ROW("nested-pat", flat_nested, "nested_pat", 1, false, NEED_HW,
	    "a guest's own guest has a PAT of its own, where the VMM turned that quirk off", ADVICE_NESTED),
	ROW("nested-vmx", flat_nested, "nested_vmx", 1, false, NEED_HW,
	    "a guest runs a guest of its own (VMX), where nested is on", ADVICE_NESTED),
	ROW("nested-ept", unit_check, "nested_ept", 1, false, NEED_HW,
	    "a guest translates its own guest's addresses (VMX's EPT)", ADVICE_NESTED),
	ROW("hyperv", flat_hyperv, "hyperv", 1, true, NEED_HW,
	    "a guest made for Hyper-V has its hypercalls, reference counter and TSC page", ADVICE_HV),
	ROW("hyperv-timers", flat_hyperv, "hyperv_timer", 1, true, NEED_HW,
	    "synthetic timers fire, not early, by message and direct; no message is lost", ADVICE_HV),
	ROW("hyperv-smp", flat_hyperv, "hyperv_smp", 2, true, NEED_HW,
	    "IPIs and TLB flushes by Hyper-V's hypercalls do what they should", ADVICE_HV),
	ROW("hypercalls", flat_cpu, "hypercalls", 1, true, NEED_HW,
	    "KVM's hypercalls answer, refuse ring 3 and unknown numbers", ADVICE_CPU),
	ROW("tsc", flat_cpu, "tsc", 1, false, NEED_HW,
	    "the TSC runs forward, can be set, keeps its distance from the host's", ADVICE_TIME),
	ROW("kvmclock", flat_cpu, "kvmclock", 1, true, NEED_HW,
	    "kvmclock runs forward and agrees with the host's clocks", ADVICE_TIME),
	ROW("steal-time", flat_cpu, "steal_time", 1, true, NEED_HW,
	    "steal time adds up what others had of the CPU", ADVICE_TIME),
	ROW("async-page-fault", flat_async_pf, "async_pf", 1, true, NEED_HW,
	    "a guest hears that a page must be fetched, goes on, and hears that it is there", ADVICE_APF),
	ROW("page-fault-errors", unit_check, "pf_errors", 1, false, NEED_HW,
	    "page faults have the right error code and CR2 (P, W, NX, reserved)", ADVICE_MMU),
	ROW("page-fault-user", unit_check, "pf_user", 1, false, NEED_HW,
	    "user and supervisor pages are told apart at every level", ADVICE_MMU),
	ROW("smep", unit_check, "smep", 1, false, NEED_HW,
	    "SMEP keeps ring 0 from executing user pages", ADVICE_MMU),
	ROW("smap", unit_check, "smap", 1, false, NEED_HW,
	    "SMAP keeps ring 0 from user data", ADVICE_MMU),
	ROW("accessed-dirty", unit_check, "accessed_dirty", 1, false, NEED_HW,
	    "accessed and dirty bits are set by the access that should", ADVICE_MMU),
	ROW("tlb-flush", unit_check, "tlb_flush", 1, false, NEED_HW,
	    "no stale translation after INVLPG, CR3, CR4.PGE, INVPCID", ADVICE_MMU),
	ROW("large-pages", unit_check, "large_pages", 1, false, NEED_HW,
	    "2 MiB and 1 GiB pages translate, split and join", ADVICE_MMU),
	ROW("page-table-writes", unit_check, "page_table_writes", 1, false, NEED_HW,
	    "a changed page table entry counts after INVLPG", ADVICE_MMU),
	ROW("cr3-switch", unit_check, "cr3_switch", 1, false, NEED_HW,
	    "each CR3 has its own translations", ADVICE_MMU),
	ROW("self-modifying-code", unit_check, "self_modifying", 1, false, NEED_HW,
	    "changed code runs as changed", ADVICE_MMU),
	ROW("lapic-registers", flat_irq, "lapic_registers", 1, true, NEED_HW,
	    "the local APIC's registers read as written, masks included", ADVICE_IRQ),
	ROW("lapic-priority", flat_irq, "lapic_priority", 1, true, NEED_HW,
	    "interrupts nest and wait by priority, TPR and CR8", ADVICE_IRQ),
	ROW("lapic-timer", flat_irq, "lapic_timer", 1, true, NEED_HW,
	    "the LAPIC timer counts, fires once or periodically, not early, and stops", ADVICE_IRQ),
	ROW("lapic-errors", flat_irq, "lapic_errors", 1, true, NEED_HW,
	    "the LAPIC notes no errors where there are none", ADVICE_IRQ),
	ROW("timer-tsc-deadline", flat_irq, "tsc_deadline", 1, true, NEED_HW,
	    "the TSC-deadline timer fires once, not early, and can be taken back", ADVICE_IRQ),
	ROW("timer-pit", flat_irq, "pit", 1, true, NEED_HW,
	    "the PIT counts and interrupts, by mask and at its rate", ADVICE_IRQ),
	ROW("pic", flat_irq, "pic", 1, true, NEED_HW,
	    "the PIC delivers edges of every line, by mask and priority", ADVICE_IRQ),
	ROW("ioapic", flat_irq, "ioapic", 1, true, NEED_HW,
	    "the IOAPIC delivers edges and levels, by mask and destination", ADVICE_IRQ),
	ROW("ioapic-split", flat_irq, "ioapic_split", 1, false, NEED_HW,
	    "a VMM with an IOAPIC of its own hears of its EOIs, and of no others", ADVICE_IRQ),
	ROW("ioapic-split-eoi", flat_irq, "ioapic_split_eoi", 1, false, NEED_HW,
	    "EOIs that the guest keeps from the VMM's IOAPIC do not come to it", ADVICE_IRQ),
	ROW("x2apic", flat_irq, "x2apic", 1, true, NEED_HW,
	    "x2APIC mode has its MSRs and refuses what it should", ADVICE_IRQ),
	ROW("nmi", flat_irq, "nmi", 1, true, NEED_HW,
	    "NMIs arrive, one at a time", ADVICE_IRQ),
	ROW("msi", flat_irq, "msi", 1, true, NEED_HW,
	    "MSIs arrive: by ioctl, by irqfd, and only where they should", ADVICE_IRQ),
	ROW("irqfd-level", flat_irq, "irqfd_level", 1, true, NEED_HW,
	    "a level irqfd is lowered by EOI, which its VMM is told; shared lines stay", ADVICE_IRQ),
	ROW("pv-eoi", flat_irq, "pv_eoi", 1, true, NEED_HW,
	    "interrupts that the guest ends without an exit are ended, others are not", ADVICE_IRQ),
	ROW("hlt-wake", flat_irq, "hlt_wake", 1, true, NEED_HW,
	    "a halted CPU wakes by an interrupt, a pending one too", ADVICE_IRQ),
	ROW("interrupt-shadow", flat_irq, "interrupt_shadow", 1, true, NEED_HW,
	    "no interrupt comes right after STI", ADVICE_IRQ),
	ROW("smp-start", flat_irq, "smp_start", 4, true, NEED_HW,
	    "INIT and SIPI start every CPU, once", ADVICE_IRQ),
	ROW("smp-init-again", flat_irq, "init_again", 2, true, NEED_HW,
	    "INIT and SIPI restart a CPU", ADVICE_IRQ),
	ROW("smp-ipi", flat_irq, "ipi", 2, true, NEED_HW,
	    "IPIs arrive, every one", ADVICE_IRQ),
	ROW("smp-ipi-destinations", flat_irq, "ipi", 3, true, NEED_HW,
	    "IPIs arrive where they should, for each kind of destination", ADVICE_IRQ),
	ROW("smp-ipi-x2apic", flat_irq, "ipi_x2apic", 3, true, NEED_HW,
	    "IPIs in x2APIC mode arrive where they should, and only there", ADVICE_IRQ),
	ROW("smp-ipi-halted", flat_irq, "ipi_halted", 2, true, NEED_HW,
	    "IPIs and NMIs wake halted CPUs, every time", ADVICE_IRQ),
	ROW("smp-atomic", flat_irq, "atomics", 3, true, NEED_HW,
	    "LOCK and XCHG are atomic across CPUs", ADVICE_IRQ),
	ROW("smp-memory", flat_irq, "smp_memory", 2, true, NEED_HW,
	    "what one CPU writes the other reads", ADVICE_IRQ),
	ROW("smp-tlb", flat_irq, "tlb_shootdown", 2, true, NEED_HW,
	    "no CPU uses a translation after it flushed it", ADVICE_IRQ),
	ROW("smp-tsc", flat_smp_tsc, "smp_tsc", 2, true, NEED_HW,
	    "the TSC is monotonic across CPUs", ADVICE_IRQ),
	{ 0 }
};
