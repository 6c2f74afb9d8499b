// SPDX-License-Identifier: GPL-2.0
/* vm: what a VMM may turn on for a VM by KVM_ENABLE_CAP, and what follows from it. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vm/vmchecks.h"

static int enable(const struct lab *l, uint32_t cap, uint64_t arg)
{
	struct kvm_enable_cap c = { .cap = cap, .args = { arg } };

	return ioctl(l->vm, KVM_ENABLE_CAP, &c) < 0 ? -errno : 0;
}

static uint32_t apic_get(const struct kvm_lapic_state *s, unsigned int reg)
{
	uint32_t v;

	memcpy(&v, s->regs + reg, sizeof(v));
	return v;
}

static void apic_put(struct kvm_lapic_state *s, unsigned int reg, uint32_t v)
{
	memcpy(s->regs + reg, &v, sizeof(v));
}

/* --- the APIC timer's clock --- */

#define BUS_NS		25		/* a tick: 40 MHz, as Intel's core crystal clock often has */
#define BUS_TICKS	200000000u	/* 5 s */

static int bus_pre(struct lab *l)
{
	const uint32_t cap = KVM_CAP_X86_APIC_BUS_CYCLES_NS;
	int rc;

	if (lab_cap(l, cap) <= 0)
		return t_skip(l->t, "this KVM's APIC timer has one frequency (KVM_CAP_X86_APIC_BUS_CYCLES_NS, Linux 6.11)");
	REQUIRE(l->t, enable(l, cap, 0) < 0, "an APIC bus cycle of 0 ns was not refused");
	REQUIRE(l->t, enable(l, cap, 1ull << 62) < 0, "an APIC bus cycle of 2^62 ns was not refused");
	rc = enable(l, cap, BUS_NS);
	REQUIRE(l->t, !rc, "an APIC bus cycle of %d ns: %s", BUS_NS, strerror(-rc));
	return 0;
}

/* The timer counts by the cycle that was set, from a count that the VMM restores. */
static int bus_body(struct lab *l)
{
	struct kvm_lapic_state a;
	double t0, t1, t2, t3, least, most, ticks;

	REQUIRE(l->t, enable(l, KVM_CAP_X86_APIC_BUS_CYCLES_NS, BUS_NS) < 0, "the APIC bus cycle can be set after a vCPU was made");
	if (lab_cpu_ioctl(l, 0, KVM_GET_LAPIC, &a) < 0)
		return -1;
	apic_put(&a, 0xf0, 0x1ff);		/* SVR */
	apic_put(&a, 0x320, 0x10060);		/* LVT timer: once, masked */
	apic_put(&a, 0x3e0, 0xb);		/* divide by 1 */
	apic_put(&a, 0x380, BUS_TICKS);		/* initial and current count */
	apic_put(&a, 0x390, BUS_TICKS);
	t0 = now_ms();
	if (lab_cpu_ioctl(l, 0, KVM_SET_LAPIC, &a) < 0)
		return -1;
	t1 = now_ms();
	while (now_ms() - t1 < 10)
		;
	t2 = now_ms();
	if (lab_cpu_ioctl(l, 0, KVM_GET_LAPIC, &a) < 0)
		return -1;
	t3 = now_ms();
	ticks = (double)BUS_TICKS - apic_get(&a, 0x390);
	least = (t2 - t1) * 1e6 / BUS_NS;
	most = (t3 - t0) * 1e6 / BUS_NS;
	/* Longer than the count: the host was away. */
	if (most > BUS_TICKS)
		return t_skip(l->t, "the host was away for %.0f ms while the timer counted", t3 - t0);
	REQUIRE(l->t, ticks >= least * 0.95 - 100 && ticks <= most * 1.05 + 100,
		"with an APIC bus cycle of %d ns the timer counted %.0f in %.2f to %.2f ms, expected %.0f to %.0f",
		BUS_NS, ticks, t2 - t1, t3 - t0, least, most);
	return 0;
}

int vm_apic_bus(struct t *t)
{
	return lab_with(t, &(struct lab_opts){ .irqchip = true, .pre = bus_pre }, bus_body);
}

/* --- exits turned off --- */

static int exits_pre(struct lab *l)
{
	const uint32_t cap = KVM_CAP_X86_DISABLE_EXITS;
	int offered = lab_cap(l, cap), rc;

	if (offered <= 0)
		return t_skip(l->t, "this KVM turns no exits off (KVM_CAP_X86_DISABLE_EXITS)");
	REQUIRE(l->t, enable(l, cap, 1u << 30) < 0, "KVM turned off exits that it does not offer (0x40000000 of 0x%x)", (unsigned int)offered);
	rc = enable(l, cap, (uint64_t)offered);
	REQUIRE(l->t, !rc, "exits 0x%x cannot be turned off, though KVM offers it: %s", (unsigned int)offered, strerror(-rc));
	t_note(l->t, "exits that can be turned off:%s%s%s%s%s", offered & KVM_X86_DISABLE_EXITS_MWAIT ? " MWAIT" : "",
	       offered & KVM_X86_DISABLE_EXITS_HLT ? " HLT" : "", offered & KVM_X86_DISABLE_EXITS_PAUSE ? " PAUSE" : "",
	       offered & KVM_X86_DISABLE_EXITS_CSTATE ? " C-states" : "", offered & KVM_X86_DISABLE_EXITS_APERFMPERF ? " APERF and MPERF" : "");
	return 0;
}

/* What the VMM did not turn off exits as ever. */
static int exits_body(struct lab *l)
{
	static const uint8_t code[] = { 0xf3, 0x90, 0xe6, 0x10, 0xf4 };	/* PAUSE; OUT; HLT */

	if (env_kernel(l->t->env) >= KERNEL(7, 2))
		REQUIRE(l->t, enable(l, KVM_CAP_X86_DISABLE_EXITS, KVM_X86_DISABLE_EXITS_PAUSE) < 0,
			"exits can be turned off after a vCPU was made");
	return lab_code_real(l, code, sizeof(code)) || lab_step_to(l, KVM_EXIT_IO, "OUT with other exits turned off") ? -1 : 0;
}

int vm_disable_exits(struct t *t)
{
	return lab_with(t, &(struct lab_opts){ .pre = exits_pre }, exits_body);
}

/* --- x2APIC's flags --- */

#define EOI_ON	KVM_X2APIC_ENABLE_SUPPRESS_EOI_BROADCAST
#define EOI_OFF	KVM_X2APIC_DISABLE_SUPPRESS_EOI_BROADCAST

static uint64_t x2_flags;	/* for x2_pre */

static int x2_pre(struct lab *l)
{
	int rc = enable(l, KVM_CAP_X2APIC_API, x2_flags);

	REQUIRE(l->t, !rc, "flags 0x%llx of KVM_CAP_X2APIC_API: %s", (unsigned long long)x2_flags, strerror(-rc));
	return 0;
}

/* Does the APIC's version register offer to suppress the broadcast of EOIs? -1 after t_fail() */
static int offers_eoi(struct t *t, bool split, uint64_t flags)
{
	struct lab_opts o = { .irqchip = !split, .split = split, .pre = flags ? x2_pre : NULL };
	struct kvm_lapic_state a;
	struct lab l;
	int rc;

	x2_flags = flags;
	rc = lab_open(&l, t, &o) || lab_cpu_ioctl(&l, 0, KVM_GET_LAPIC, &a) < 0 ? -1 : (int)(apic_get(&a, 0x30) >> 24 & 1);
	lab_close(&l);
	return rc;
}

static int eoi_offered(struct t *t, bool split, uint64_t flags, int want)
{
	int got = offers_eoi(t, split, flags);

	if (got < 0)
		return -1;
	REQUIRE(t, got == want, "with %s and flags 0x%llx of KVM_CAP_X2APIC_API the guest is %soffered to suppress the broadcast of EOIs",
		split ? "a split irqchip" : "KVM's IOAPIC", (unsigned long long)flags, got ? "" : "not ");
	return 0;
}

/* What all know, and what must be refused: flags that are unknown, contradict, or lack a split irqchip. */
static int x2_rules(struct lab *l)
{
	const uint32_t cap = KVM_CAP_X2APIC_API;
	int all = ioctl(l->kvm, KVM_CHECK_EXTENSION, cap);	/* a VM leaves out what it cannot have */

	REQUIRE(l->t, (all & 3) == 3, "KVM_CAP_X2APIC_API is 0x%x, expected flags 1 and 2 in it", (unsigned int)all);
	REQUIRE(l->t, enable(l, cap, 1ull << 30) < 0, "an unknown flag of KVM_CAP_X2APIC_API was not refused");
	if (!(all & (int)EOI_ON))
		return 0;
	REQUIRE(l->t, enable(l, cap, EOI_ON | EOI_OFF) < 0, "suppressed EOI broadcasts can be turned on and off at once");
	REQUIRE(l->t, enable(l, cap, EOI_ON) < 0, "suppressed EOI broadcasts can be turned on without a split irqchip");
	return 1;
}

int vm_x2apic_flags(struct t *t)
{
	struct lab_opts o = { .irqchip = true };
	struct lab l;
	int rc = lab_open(&l, t, &o) ? -1 : x2_rules(&l);

	lab_close(&l);
	if (rc <= 0) {
		if (!rc)
			t_note(t, "this KVM leaves the suppression of EOI broadcasts as it ever was (flags for it: after Linux 6.12)");
		return rc;
	}
	return eoi_offered(t, true, EOI_ON, 1) || eoi_offered(t, true, EOI_OFF, 0) || eoi_offered(t, false, EOI_OFF, 0) ||
		eoi_offered(t, true, 0, 1) || eoi_offered(t, false, 0, 0) ? -1 : 0;
}

/* --- hypercalls that come to the VMM --- */

#define HC_MAP_GPA_RANGE	12

static int hypercall_pre(struct lab *l)
{
	const uint64_t mask = 1 << HC_MAP_GPA_RANGE;
	int rc;

	if (!(lab_cap(l, KVM_CAP_EXIT_HYPERCALL) & (int)mask))
		return t_skip(l->t, "this KVM keeps hypercalls to itself (KVM_CAP_EXIT_HYPERCALL, Linux 5.14)");
	REQUIRE(l->t, enable(l, KVM_CAP_EXIT_HYPERCALL, 1 << 1) < 0, "KVM_HC_VAPIC_POLL_IRQ can be sent to the VMM, which KVM does not offer");
	rc = enable(l, KVM_CAP_EXIT_HYPERCALL, mask);
	REQUIRE(l->t, !rc, "KVM_CAP_EXIT_HYPERCALL: %s", strerror(-rc));
	return 0;
}

/* Let the guest call with these, up to the first exit. */
static int call(struct lab *l, uint64_t gpa, uint64_t pages, uint64_t attributes)
{
	struct kvm_regs r = { .rip = 0x1000, .rsp = 0x8000, .rflags = 2, .rax = HC_MAP_GPA_RANGE,
		.rbx = gpa, .rcx = pages, .rdx = attributes };
	int rc;

	if (lab_cpu_ioctl(l, 0, KVM_SET_REGS, &r) < 0)
		return -1;
	do {
		rc = lab_step(l, 0);
	} while (rc == -EINTR);
	return rc;
}

static int answered(struct lab *l, uint64_t want)
{
	struct kvm_regs r;

	if (lab_step_to(l, KVM_EXIT_HLT, "HLT after a hypercall") || lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	REQUIRE(l->t, r.rax == want, "the VMM answered a hypercall with 0x%llx, the guest got 0x%llx", (unsigned long long)want, r.rax);
	return 0;
}

static int hypercall_body(struct lab *l)
{
	const uint64_t gpa = 0x200000, pages = 4, attributes = 0x10;
	struct kvm_run *run = l->cpu[0].run;
	uint8_t code[] = { 0x0f, 0x01, 0xc1, 0xf4 };	/* VMCALL; HLT */
	struct kvm_regs r;
	uint64_t ret;

	if (!strcmp(l->t->env->backend, "kvm_amd"))
		code[2] = 0xd9;				/* VMMCALL */
	if (lab_code_long(l, code, sizeof(code)))
		return -1;
	for (ret = 0; ret <= 22; ret += 22) {		/* done, EINVAL */
		if (call(l, gpa, pages, attributes))
			return -1;
		if (run->exit_reason != KVM_EXIT_HYPERCALL)
			return lab_odd_exit(l, 0);
		REQUIRE(l->t, run->hypercall.nr == HC_MAP_GPA_RANGE && run->hypercall.args[0] == gpa &&
			run->hypercall.args[1] == pages && run->hypercall.args[2] == attributes,
			"KVM_EXIT_HYPERCALL: call %llu with 0x%llx, 0x%llx, 0x%llx, the guest made 12 with 0x200000, 4, 0x10",
			run->hypercall.nr, run->hypercall.args[0], run->hypercall.args[1], run->hypercall.args[2]);
		run->hypercall.ret = ret;
		if (answered(l, ret))
			return -1;
	}
	/* Nonsense is KVM's to refuse. */
	if (call(l, gpa + 1, pages, attributes))
		return -1;
	REQUIRE(l->t, run->exit_reason == KVM_EXIT_HLT, "a hypercall for an address that is not a page's came as %s", exit_name(run->exit_reason));
	if (lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	REQUIRE(l->t, r.rax == (uint64_t)-22, "a hypercall for an address that is not a page's gave 0x%llx, expected -KVM_EINVAL", r.rax);
	return 0;
}

int vm_exit_hypercall(struct t *t)
{
	return lab_with(t, &(struct lab_opts){ .pre = hypercall_pre }, hypercall_body);
}

/* --- instructions that KVM cannot emulate --- */

static bool fail_to_vmm;	/* for failure_pre */

static int failure_pre(struct lab *l)
{
	int rc = fail_to_vmm ? enable(l, KVM_CAP_EXIT_ON_EMULATION_FAILURE, 1) : 0;

	REQUIRE(l->t, !rc, "KVM_CAP_EXIT_ON_EMULATION_FAILURE: %s", strerror(-rc));
	return 0;
}

/* PSHUFB of MMIO in ring 3: to the VMM if that was asked for, else #UD, here without a handler. */
static int failure_body(struct lab *l)
{
	static const uint8_t code[] = { 0x66, 0x0f, 0x38, 0x00, 0x07, 0xf4 };	/* pshufb (%rdi), %xmm0 */
	struct kvm_run *run = l->cpu[0].run;
	const uint8_t *bytes = (const uint8_t *)&run->internal.data[1];
	struct kvm_regs r = { .rip = 0x1000, .rsp = 0x8000, .rflags = 2, .rdi = UNIT_MMIO };
	struct kvm_sregs s;

	if (lab_code_long(l, code, sizeof(code)) || lab_cpu_ioctl(l, 0, KVM_GET_SREGS, &s) < 0)
		return -1;
	s.cs.dpl = s.ss.dpl = s.ds.dpl = s.es.dpl = 3;
	s.cs.selector |= 3;
	s.ss.selector = s.ds.selector = s.es.selector |= 3;
	s.idt.limit = 0;
	if (lab_cpu_ioctl(l, 0, KVM_SET_SREGS, &s) < 0 || lab_cpu_ioctl(l, 0, KVM_SET_REGS, &r) < 0)
		return -1;
	if (!fail_to_vmm)
		return lab_step_to(l, KVM_EXIT_SHUTDOWN, "an instruction in ring 3 that KVM cannot emulate");
	do {
	} while (lab_step(l, 0) == -EINTR);
	REQUIRE(l->t, run->exit_reason == KVM_EXIT_INTERNAL_ERROR && run->internal.suberror == 1,
		"an instruction that KVM cannot emulate: %s, expected KVM_EXIT_INTERNAL_ERROR with suberror 1", exit_name(run->exit_reason));
	/* Flags and, if bit 0 of them is set, the number of bytes and the instruction's. */
	REQUIRE(l->t, run->internal.ndata >= 3 && run->internal.data[0] & 1 && bytes[0] >= 5 && !memcmp(bytes + 1, code, 5),
		"an instruction that KVM cannot emulate: the exit does not have its bytes (%u words, flags 0x%llx, %u bytes: %02x %02x %02x)",
		run->internal.ndata, run->internal.data[0], bytes[0], bytes[1], bytes[2], bytes[3]);
	return 0;
}

int vm_emulation_failure(struct t *t)
{
	struct lab_opts o = { .pre = failure_pre };
	struct lab l;
	int rc = lab_open(&l, t, &(struct lab_opts){ 0 });

	if (!rc && lab_cap(&l, KVM_CAP_EXIT_ON_EMULATION_FAILURE) <= 0)
		rc = t_skip(t, "this KVM gives no exit for such an instruction (KVM_CAP_EXIT_ON_EMULATION_FAILURE, Linux 5.15)");
	lab_close(&l);
	for (fail_to_vmm = false; !rc; fail_to_vmm = true) {
		rc = lab_with(t, &o, failure_body);
		if (fail_to_vmm)
			break;
	}
	return rc;
}
