// SPDX-License-Identifier: GPL-2.0-only
#include "exit_name.h"

/* By number, other architectures' too; the kernel's ABI never renames one. */
static const char names[][25] = {
#define N(x)	"KVM_EXIT_" #x
	N(UNKNOWN), N(EXCEPTION), N(IO), N(HYPERCALL), N(DEBUG), N(HLT), N(MMIO),
	N(IRQ_WINDOW_OPEN), N(SHUTDOWN), N(FAIL_ENTRY), N(INTR), N(SET_TPR), N(TPR_ACCESS),
	N(S390_SIEIC), N(S390_RESET), N(DCR), N(NMI), N(INTERNAL_ERROR), N(OSI), N(PAPR_HCALL),
	N(S390_UCONTROL), N(WATCHDOG), N(S390_TSCH), N(EPR), N(SYSTEM_EVENT), N(S390_STSI),
	N(IOAPIC_EOI), N(HYPERV), N(ARM_NISV), N(X86_RDMSR), N(X86_WRMSR), N(DIRTY_RING_FULL),
	N(AP_RESET_HOLD), N(X86_BUS_LOCK), N(XEN), N(RISCV_SBI), N(RISCV_CSR), N(NOTIFY),
	N(LOONGARCH_IOCSR), N(MEMORY_FAULT), N(TDX), N(ARM_SEA), N(ARM_LDST64B), N(SNP_REQ_CERTS),
#undef N
};

const char *exit_name(uint32_t reason)
{
	return reason < sizeof(names) / sizeof(names[0]) ? names[reason] : "an unknown exit";
}
