// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm: KVM's quirks. Each is on by default; KVM_CAP_DISABLE_QUIRKS2 turns it off. Those
 * that do not need one vendor's CPU are tried both ways.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define REPORT_PLACE 40
#include "vm/vm.h"

#define APIC_PAGE	0xfee00000u
#define LVT0		0x350

/* A probe saw what the manual says, or the quirk. */
enum { PROPER, QUIRKY };

static const char *const words[] = { "as the manual says", "as the quirk has it" };

/* LVT0 after reset: ExtINT, not masked */
static int lint0(struct lab *l)
{
	struct kvm_lapic_state a;
	uint32_t v;

	if (lab_cpu_ioctl(l, 0, KVM_GET_LAPIC, &a) < 0)
		return -1;
	memcpy(&v, a.regs + LVT0, sizeof(v));
	return v == 0x700 ? QUIRKY : v == 0x10000 ? PROPER : t_fail(l->t, "LVT0 after reset is 0x%x", v);
}

/* In x2APIC mode the APIC's page should be ordinary memory; with the quirk it reads as ones. */
static int apic_page(struct lab *l)
{
	static const uint8_t code[] = {		/* mov $0xfee00030, %edi; mov (%rdi), %eax; out %eax, $0x600 */
		0xbf, 0x30, 0x00, 0xe0, 0xfe, 0x8b, 0x07, 0x66, 0xba, 0x00, 0x06, 0xef,
	};
	uint64_t base = APIC_PAGE | 0xd00;
	const struct kvm_run *run = l->cpu[0].run;

	REQUIRE(l->t, lab_msr(l, KVM_SET_MSRS, 0x1b, &base) == 1, "KVM_SET_MSRS refuses x2APIC mode");
	if (lab_code_long(l, code, sizeof(code)))
		return -1;
	if (lab_next(l))
		return -1;
	if (run->exit_reason == KVM_EXIT_IO)
		return QUIRKY;
	return run->exit_reason == KVM_EXIT_MMIO && run->mmio.phys_addr == APIC_PAGE + 0x30 ? PROPER : lab_odd_exit(l, 0);
}

/* RIP at the exit of OUT to port 0x7e */
static int out_7e(struct lab *l)
{
	static const uint8_t code[] = { 0xe6, 0x7e, 0xf4 };
	struct kvm_regs r;

	if (lab_code_real(l, code, sizeof(code)) || lab_step_to(l, KVM_EXIT_IO, "OUT to port 0x7e") ||
	    lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	return r.rip == 0x1002 ? QUIRKY : r.rip == 0x1000 ? PROPER : t_fail(l->t, "RIP at the exit of OUT, at 0x1000, is 0x%llx", r.rip);
}

/* Run a 3-byte instruction, then OUT to UNIT_PORT_IO. Without an IDT, #UD is a triple fault. */
static int faults(struct lab *l, const uint8_t *insn)
{
	uint8_t code[] = { insn[0], insn[1], insn[2], 0x66, 0xba, 0x00, 0x06, 0xee };
	const struct kvm_run *run = l->cpu[0].run;

	if (lab_code_long(l, code, sizeof(code)) || lab_no_idt(l) || lab_next(l))
		return -1;
	if (run->exit_reason == KVM_EXIT_SHUTDOWN)
		return PROPER;
	return run->exit_reason == KVM_EXIT_IO && run->io.port == UNIT_PORT_IO ? QUIRKY : lab_odd_exit(l, 0);
}

/* MONITOR, which the guest's CPUID does not have */
static int monitor(struct lab *l)
{
	return faults(l, (const uint8_t[]){ 0x0f, 0x01, 0xc8 });
}

/* The other vendor's hypercall instruction, which KVM rewrites */
static int hypercall(struct lab *l)
{
	return faults(l, !strcmp(l->t->env->backend, "kvm_amd") ? (const uint8_t[]){ 0x0f, 0x01, 0xc1 } :
		      (const uint8_t[]){ 0x0f, 0x01, 0xd9 });
}

/* Set MONITOR in MISC_ENABLE: the manual says that CPUID's MONITOR bit follows. */
static int misc_enable(struct lab *l)
{
	enum { MAX = 256 };
	static uint64_t buf[(sizeof(struct kvm_cpuid2) + MAX * sizeof(struct kvm_cpuid_entry2)) / 8 + 1];
	struct kvm_cpuid2 *c = (void *)buf;
	uint64_t v = 0;
	unsigned int i;

	REQUIRE(l->t, lab_msr(l, KVM_GET_MSRS, 0x1a0, &v) == 1, "KVM_GET_MSRS refuses IA32_MISC_ENABLE");
	v |= 1 << 18;
	REQUIRE(l->t, lab_msr(l, KVM_SET_MSRS, 0x1a0, &v) == 1, "KVM_SET_MSRS refuses IA32_MISC_ENABLE with MONITOR set");
	c->nent = MAX;
	if (lab_cpu_ioctl(l, 0, KVM_GET_CPUID2, c) < 0)
		return -1;
	for (i = 0; i < c->nent; i++)
		if (c->entries[i].function == 1)
			return c->entries[i].ecx & 8 ? PROPER : QUIRKY;
	return t_fail(l->t, "KVM_GET_CPUID2 has no leaf 1");
}

/* With the quirk, MSRs that describe the CPU have the host's values before anybody sets them. */
static int feature_msrs(struct lab *l)
{
	uint64_t v = 0;

	REQUIRE(l->t, lab_msr(l, KVM_GET_MSRS, 0xce, &v) == 1, "KVM_GET_MSRS refuses MSR_PLATFORM_INFO");
	return v ? QUIRKY : PROPER;
}

static const struct quirk {
	const char *name;
	int (*probe)(struct lab *l);	/* PROPER, QUIRKY, or -1 after t_fail(); NULL: cannot be tried */
	bool irqchip;
} quirks[] = {
	{ "LINT0_REENABLED", lint0, true },
	{ "CD_NW_CLEARED", NULL, false },
	{ "LAPIC_MMIO_HOLE", apic_page, true },
	{ "OUT_7E_INC_RIP", out_7e, false },
	{ "MISC_ENABLE_NO_MWAIT", misc_enable, false },
	{ "FIX_HYPERCALL_INSN", hypercall, false },
	{ "MWAIT_NEVER_UD_FAULTS", monitor, false },
	{ "SLOT_ZAP_ALL", NULL, false },
	{ "STUFF_FEATURE_MSRS", feature_msrs, false },
	{ "IGNORE_GUEST_PAT", NULL, false },
	{ "VMCS12_ALLOW_FREEZE_IN_SMM", NULL, false },
	{ "NESTED_SVM_SHARED_PAT", NULL, false },	/* flat/nested-pat */
};

#define QUIRKS	(sizeof(quirks) / sizeof(quirks[0]))

static uint64_t turn_off;	/* for disable(); a process has one lab at a time */

/* By either capability. After 6.12 another call that turns off nothing more leaves the first as it is. */
static int disable(struct lab *l)
{
	static const uint32_t by[] = { KVM_CAP_DISABLE_QUIRKS2, KVM_CAP_DISABLE_QUIRKS2, KVM_CAP_DISABLE_QUIRKS };
	const size_t n = env_kernel(l->t->env) >= KERNEL(7, 2) ? 3 : 1;
	struct kvm_enable_cap c = { .args = { turn_off } };
	size_t i;

	for (i = 0; turn_off && i < n; i++) {
		c.cap = by[i];
		if (lab_vm_ioctl(l, KVM_ENABLE_CAP, &c) < 0)
			return -1;
		c.args[0] = 0;
	}
	return 0;
}

static int see(struct t *t, const struct quirk *q, uint64_t off, int want)
{
	struct lab l;
	int got;

	turn_off = off;
	got = lab_open(&l, t, LAB(.irqchip = q->irqchip, .pre = disable)) ? -1 : q->probe(&l);
	lab_close(&l);
	if (got < 0) {
		t_note(t, "this was quirk %s, turned %s", q->name, off ? "off" : "on");
		return -1;
	}
	REQUIRE(t, got == want, "quirk %s is %s, but KVM behaves %s", q->name, off ? "turned off" : "on, the default", words[got]);
	return 0;
}

/* A quirk that KVM does not offer must be refused; all that it offers can be turned off. */
static int unknown_refused(struct lab *l)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_DISABLE_QUIRKS2 };
	int offered = lab_cap(l, KVM_CAP_DISABLE_QUIRKS2);

	c.args[0] = 1ull << 30;
	REQUIRE(l->t, ioctl(l->vm, KVM_ENABLE_CAP, &c) < 0, "KVM turned off a quirk that it does not offer (0x%llx of 0x%x)",
		(unsigned long long)c.args[0], (unsigned int)offered);
	c.args[0] = (uint64_t)offered;
	return lab_vm_ioctl(l, KVM_ENABLE_CAP, &c) < 0 ? -1 : 0;
}

static int offered_quirks(struct lab *l)
{
	return lab_cap(l, KVM_CAP_DISABLE_QUIRKS2);
}

CHECK(vm, quirks, "KVM's quirks are on by default, and a VMM can turn them off",
      ADVICE_API, NEED_KVM | NEED_HW)
{
	char list[400] = "", unknown[60] = "";
	struct lab l;
	size_t i, n = 0;
	int mask = lab_open(&l, t, LAB()) ? -1 : offered_quirks(&l);
	int rc = mask > 0 ? unknown_refused(&l) : mask;

	lab_close(&l);
	if (rc < 0)
		return -1;
	if (!mask)
		return t_skip(t, "this KVM does not list its quirks (KVM_CAP_DISABLE_QUIRKS2, Linux 5.18)");
	for (i = 0; i < QUIRKS; i++) {
		if (!(mask & 1 << i))
			continue;
		n += (size_t)snprintf(list + n, sizeof(list) - n, " %s%s", quirks[i].name, quirks[i].probe ? "" : " (not tried)");
		n = n < sizeof(list) ? n : sizeof(list) - 1;
		if (quirks[i].probe && (see(t, &quirks[i], 0, QUIRKY) || see(t, &quirks[i], 1u << i, PROPER)))
			return -1;
	}
	if ((unsigned int)mask >> QUIRKS)
		snprintf(unknown, sizeof(unknown), ", and 0x%x, which this program does not know", (unsigned int)mask >> QUIRKS << QUIRKS);
	t_note(t, "quirks that can be turned off:%s%s", list, unknown);
	return 0;
}

/* --- exits turned off --- */

static int exits_pre(struct lab *l)
{
	const uint32_t cap = KVM_CAP_X86_DISABLE_EXITS;
	int offered = lab_cap(l, cap), rc;

	if (offered <= 0)
		return t_skip(l->t, "this KVM cannot turn exits off (KVM_CAP_X86_DISABLE_EXITS)");
	REQUIRE(l->t, lab_enable(l, cap, 1u << 30) < 0, "KVM turned off exits that it does not offer (0x40000000 of 0x%x)", (unsigned int)offered);
	rc = lab_enable(l, cap, (uint64_t)offered);
	REQUIRE(l->t, !rc, "exits 0x%x cannot be turned off, though KVM offers that: %s", (unsigned int)offered, strerror(-rc));
	t_note(l->t, "exits that can be turned off:%s%s%s%s%s", offered & KVM_X86_DISABLE_EXITS_MWAIT ? " MWAIT" : "",
	       offered & KVM_X86_DISABLE_EXITS_HLT ? " HLT" : "", offered & KVM_X86_DISABLE_EXITS_PAUSE ? " PAUSE" : "",
	       offered & KVM_X86_DISABLE_EXITS_CSTATE ? " C-states" : "", offered & KVM_X86_DISABLE_EXITS_APERFMPERF ? " APERF and MPERF" : "");
	return 0;
}

/* Exits that were not turned off must still happen. */
LAB_CHECK(vm, disable_exits, LAB(.pre = exits_pre), "a VMM can turn off the exits that KVM offers, before it creates vCPUs, and no others",
	  ADVICE_API, NEED_KVM | NEED_HW)
{
	static const uint8_t code[] = { 0xf3, 0x90, 0xe6, 0x10, 0xf4 };	/* PAUSE; OUT; HLT */

	if (env_kernel(l->t->env) >= KERNEL(7, 2))
		REQUIRE(l->t, lab_enable(l, KVM_CAP_X86_DISABLE_EXITS, KVM_X86_DISABLE_EXITS_PAUSE) < 0,
			"exits can be turned off after a vCPU was created");
	return lab_code_real(l, code, sizeof(code)) || lab_step_to(l, KVM_EXIT_IO, "OUT with other exits turned off") ? -1 : 0;
}
