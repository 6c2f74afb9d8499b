// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm: what KVM does to CPUs that an APIC id names: INIT, IPIs by hypercall. Only
 * the first CPU runs; the state of the others is read by ioctls.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REPORT_PLACE 130
#include "env/clock.h"
#include "vm/vm.h"

/* Registers: SDM vol. 3, table 11-1. */
enum { APIC_ID = 0x20, APIC_TPR = 0x80, APIC_LDR = 0xd0, APIC_SVR = 0xf0, APIC_IRR = 0x200, APIC_LVTT = 0x320 };

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

#define FD_IOCTL(t, fd, req, arg) lab_ioctl(t, fd, req, #req, (uintptr_t)(arg))

/* --- INIT --- */

/* Put a value into every register that INIT must clear. SDM vol. 3, table 9-1. */
static int fill_cpu(struct lab *l, unsigned int cpu)
{
	struct kvm_mp_state mp = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct kvm_regs r = { .rax = 1, .rbx = 2, .rsi = 3, .r8 = 4, .r15 = 5, .rip = 0x1234, .rflags = 0x246 };
	struct kvm_debugregs d = { .db = { 0x1000, 0x2000, 0x3000, 0x4000 }, .dr6 = 0xffff0ff0, .dr7 = 0x455 };
	struct kvm_lapic_state a;

	if (lab_long(l, cpu, 0x1000, 0x8000) || lab_cpu_ioctl(l, cpu, KVM_SET_REGS, &r) < 0 ||
	    lab_cpu_ioctl(l, cpu, KVM_SET_DEBUGREGS, &d) < 0 || lab_cpu_ioctl(l, cpu, KVM_GET_LAPIC, &a) < 0)
		return -1;
	apic_put(&a, APIC_SVR, 0x1ff);
	apic_put(&a, APIC_TPR, 0x50);
	apic_put(&a, APIC_LVTT, 0x61);
	apic_put(&a, APIC_IRR + 0x30, 1 << 2);		/* vector 0x62 */
	if (lab_cpu_ioctl(l, cpu, KVM_SET_LAPIC, &a) < 0)
		return -1;
	return lab_cpu_ioctl(l, cpu, KVM_SET_MP_STATE, &mp) < 0 ? -1 : 0;
}

static int registers_after_init(struct lab *l, unsigned int cpu)
{
	struct kvm_debugregs d;
	struct kvm_sregs s;
	struct kvm_regs r;
	unsigned int i;

	if (lab_cpu_ioctl(l, cpu, KVM_GET_REGS, &r) < 0 || lab_cpu_ioctl(l, cpu, KVM_GET_SREGS, &s) < 0 ||
	    lab_cpu_ioctl(l, cpu, KVM_GET_DEBUGREGS, &d) < 0)
		return -1;
	REQUIRE(l->t, r.rip == 0xfff0 && s.cs.selector == 0xf000 && s.cs.base == 0xffff0000,
		"after INIT: CS:RIP %x (%llx):%llx, expected f000 (ffff0000):fff0", s.cs.selector, s.cs.base, r.rip);
	REQUIRE(l->t, r.rflags == 2 && !(r.rax | r.rbx | r.rsi | r.r8 | r.r15),
		"INIT leaves general registers or flags: rflags 0x%llx, rax 0x%llx, rbx 0x%llx, rsi 0x%llx",
		r.rflags, r.rax, r.rbx, r.rsi);
	REQUIRE(l->t, !(s.cr0 & 0x80000001) && !s.efer, "INIT leaves CR0 0x%llx, EFER 0x%llx", s.cr0, s.efer);
	/* Up to 5.15, kvm_amd did not clear CR4. */
	REQUIRE(l->t, !s.cr4 || lab_cap(l, KVM_CAP_XSAVE2) <= 0, "INIT leaves CR4 0x%llx", s.cr4);
	for (i = 0; i < 4; i++)
		REQUIRE(l->t, !d.db[i], "INIT leaves DR%u 0x%llx", i, d.db[i]);
	REQUIRE(l->t, d.dr7 == 0x400, "INIT leaves DR7 0x%llx", d.dr7);
	return 0;
}

static int lapic_after_init(struct lab *l, unsigned int cpu)
{
	struct kvm_lapic_state a;
	unsigned int i;

	if (lab_cpu_ioctl(l, cpu, KVM_GET_LAPIC, &a) < 0)
		return -1;
	for (i = 0; i < 8; i++)
		REQUIRE(l->t, !apic_get(&a, APIC_IRR + 16 * i), "INIT leaves interrupts pending: IRR %u is 0x%x", i,
			apic_get(&a, APIC_IRR + 16 * i));
	REQUIRE(l->t, apic_get(&a, APIC_ID) == cpu << 24, "INIT made APIC id 0x%x of %u", apic_get(&a, APIC_ID), cpu << 24);
	REQUIRE(l->t, apic_get(&a, APIC_SVR) == 0xff && apic_get(&a, APIC_TPR) == 0 && apic_get(&a, APIC_LVTT) == 0x10000,
		"INIT leaves the LAPIC at SVR 0x%x, TPR 0x%x, LVT timer 0x%x", apic_get(&a, APIC_SVR),
		apic_get(&a, APIC_TPR), apic_get(&a, APIC_LVTT));
	return 0;
}

LAB_CHECK(vm, init_state, LAB(.irqchip = true, .cpus = 2), "INIT leaves a CPU in the state that the manual specifies",
	  ADVICE_IRQ, NEED_KVM | NEED_HW)
{
	/* An MSI can deliver INIT like an IPI: mode 5, edge, to APIC id 1. */
	struct kvm_msi m = { .address_lo = 0xfee00000 | 1 << 12, .data = 5 << 8 | 1 << 14 };
	struct kvm_mp_state mp;

	if (fill_cpu(l, 1))
		return -1;
	REQUIRE(l->t, ioctl(l->vm, KVM_SIGNAL_MSI, &m) > 0, "an MSI that delivers INIT reached no CPU");
	if (lab_cpu_ioctl(l, 1, KVM_GET_MP_STATE, &mp) < 0)
		return -1;
	REQUIRE(l->t, mp.mp_state == KVM_MP_STATE_INIT_RECEIVED, "mp_state after INIT is %u, expected INIT_RECEIVED (2)",
		mp.mp_state);
	return registers_after_init(l, 1) || lapic_after_init(l, 1) ? -1 : 0;
}

/* --- CPUs with ids beyond the lab's --- */

struct extra {
	unsigned int id;
	int fd;
};

static int extra_open(struct lab *l, struct extra *x, unsigned int n)
{
	struct kvm_lapic_state a;
	unsigned int i;

	for (i = 0; i < n; i++)
		x[i].fd = -1;
	for (i = 0; i < n; i++) {
		x[i].fd = lab_vm_ioctl(l, KVM_CREATE_VCPU, x[i].id);
		if (x[i].fd < 0 || FD_IOCTL(l->t, x[i].fd, KVM_GET_LAPIC, &a) < 0)
			return -1;
		apic_put(&a, APIC_SVR, 0x1ff);
		if (FD_IOCTL(l->t, x[i].fd, KVM_SET_LAPIC, &a) < 0)
			return -1;
	}
	return 0;
}

static void extra_close(const struct extra *x, unsigned int n)
{
	while (n--)
		if (x[n].fd >= 0)
			close(x[n].fd);
}

/* with_extra - create the @n CPUs of @x in addition to the first, and call @fn */
static int with_extra(struct t *t, struct extra *x, unsigned int n,
		      int (*fn)(struct lab *l, const struct extra *x, unsigned int n))
{
	struct lab l;
	int rc = lab_open(&l, t, LAB(.irqchip = true));

	if (!rc && (extra_open(&l, x, n) || fn(&l, x, n)))
		rc = -1;
	extra_close(x, n);
	lab_close(&l);
	return rc;
}

/* An x2APIC's logical id is derived from its id: SDM vol. 3, 11.12.10.2. */
static int x2apic_ids(struct lab *l, const struct extra *x, unsigned int n)
{
	uint64_t buf[(sizeof(struct kvm_cpuid2) + sizeof(struct kvm_cpuid_entry2)) / 8 + 1] = { 0 };
	struct kvm_cpuid2 *c = (void *)buf;
	struct kvm_lapic_state a;
	struct kvm_sregs s;
	unsigned int i;

	c->nent = 1;
	c->entries[0].function = 1;
	c->entries[0].ecx = 1 << 21;
	for (i = 0; i < n; i++) {
		uint32_t ldr = x[i].id >> 4 << 16 | 1u << (x[i].id & 15);

		if (FD_IOCTL(l->t, x[i].fd, KVM_SET_CPUID2, c) < 0 || FD_IOCTL(l->t, x[i].fd, KVM_GET_SREGS, &s) < 0)
			return -1;
		s.apic_base |= 0x400;
		if (FD_IOCTL(l->t, x[i].fd, KVM_SET_SREGS, &s) < 0 || FD_IOCTL(l->t, x[i].fd, KVM_GET_LAPIC, &a) < 0)
			return -1;
		REQUIRE(l->t, apic_get(&a, APIC_LDR) == ldr, "the x2APIC of CPU %u has logical id 0x%x, expected 0x%x", x[i].id,
			apic_get(&a, APIC_LDR), ldr);
	}
	return 0;
}

CHECK(vm, x2apic_ids, "an x2APIC's logical id is derived from its id",
      ADVICE_IRQ, NEED_KVM | NEED_HW)
{
	struct extra x[] = { { 9, -1 }, { 0x23, -1 }, { 0x4f, -1 } };

	return with_extra(t, x, 3, x2apic_ids);
}

/* @vec must be pending at exactly the CPUs of @x whose bits are set in @want. */
static int pending_at(struct lab *l, const struct extra *x, unsigned int n, unsigned int vec, unsigned int want)
{
	struct kvm_lapic_state a;
	unsigned int i;

	for (i = 0; i < n; i++) {
		bool got;

		if (FD_IOCTL(l->t, x[i].fd, KVM_GET_LAPIC, &a) < 0)
			return -1;
		got = apic_get(&a, APIC_IRR + vec / 32 * 16) >> vec % 32 & 1;
		REQUIRE(l->t, got == (want >> i & 1), "an IPI by hypercall %s CPU %u", got ? "went to" : "did not reach", x[i].id);
	}
	return 0;
}

/* Let CPU 0 run 32-bit code, as a part of long mode. */
static int narrow(struct lab *l)
{
	struct kvm_sregs s;

	if (lab_cpu_ioctl(l, 0, KVM_GET_SREGS, &s) < 0)
		return -1;
	s.cs.l = 0;
	s.cs.db = 1;
	return lab_cpu_ioctl(l, 0, KVM_SET_SREGS, &s) < 0 ? -1 : 0;
}

/* CPU 0 makes a hypercall: @a has number and arguments. Documentation/virt/kvm/x86/hypercalls.rst */
static int hypercall_of(struct lab *l, unsigned int bits, const uint64_t a[5], int64_t *ret)
{
	/* vmcall or vmmcall; out %al,$0xe1 */
	uint8_t code[] = { 0x0f, 0x01, strcmp(l->t->env->backend, "kvm_amd") ? 0xc1 : 0xd9, 0xe6, 0xe1 };
	struct kvm_regs r;

	if (lab_code_long(l, code, sizeof(code)) || (bits == 32 && narrow(l)) || lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	r.rax = a[0];
	r.rbx = a[1];
	r.rcx = a[2];
	r.rdx = a[3];
	r.rsi = a[4];
	if (lab_cpu_ioctl(l, 0, KVM_SET_REGS, &r) < 0 || lab_step_to(l, KVM_EXIT_IO, "OUT after a hypercall") ||
	    lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	REQUIRE(l->t, bits == 64 || !(r.rax >> 32), "a hypercall of 32-bit code returned 0x%llx: the upper half is not 0", r.rax);
	*ret = bits == 32 ? (int32_t)r.rax : (int64_t)r.rax;
	return 0;
}

static int hypercall(struct lab *l, const uint64_t a[5], int64_t *ret)
{
	return hypercall_of(l, 64, a, ret);
}

#define HC_KICK_CPU	5
#define HC_SEND_IPI	10
#define KVM_ENOSYS	1000

static int send_ipis(struct lab *l, const struct extra *x, unsigned int n)
{
	/* The caller's code, bitmaps of that width, the APIC id of their first bit, vector, and the CPUs of @x that they name. */
	static const struct { unsigned int bits; uint64_t low, high, min; unsigned int vec, want; } ipi[] = {
		{ 64, 1, 0, 3, 0x62, 1 }, { 64, 0, 2, 0, 0x63, 4 }, { 64, 4, 1, 1, 0x84, 5 },
		{ 32, 1, 0, 3, 0x85, 1 }, { 32, 0, 2, 32, 0x86, 4 }, { 32, 4, 1, 1, 0x87, 1 },
	};
	unsigned int i;
	int64_t ret;

	for (i = 0; i < sizeof(ipi) / sizeof(ipi[0]); i++) {
		uint64_t a[5] = { HC_SEND_IPI, ipi[i].low, ipi[i].high, ipi[i].min, ipi[i].vec };

		if (hypercall_of(l, ipi[i].bits, a, &ret))
			return -1;
		if (ret == -KVM_ENOSYS)
			return t_skip(l->t, "KVM has no KVM_HC_SEND_IPI (before 4.19)");
		if (pending_at(l, x, n, ipi[i].vec, ipi[i].want))
			return -1;
		REQUIRE(l->t, ret == __builtin_popcount(ipi[i].want), "KVM_HC_SEND_IPI to %d CPUs, by %u-bit code, says that it reached %lld",
			__builtin_popcount(ipi[i].want), ipi[i].bits, (long long)ret);
	}
	return 0;
}

/* KVM_HC_KICK_CPU must wake the CPU that waits for a lock, and no other. */
static int kick(struct lab *l, const struct extra *x, unsigned int n)
{
	struct kvm_mp_state mp = { .mp_state = KVM_MP_STATE_HALTED };
	unsigned int i;
	int64_t ret;

	for (i = 0; i < n; i++)
		if (FD_IOCTL(l->t, x[i].fd, KVM_SET_MP_STATE, &mp) < 0)
			return -1;
	if (hypercall(l, (uint64_t[5]){ HC_KICK_CPU, 0, x[1].id }, &ret))
		return -1;
	REQUIRE(l->t, !ret, "KVM_HC_KICK_CPU returned %lld", (long long)ret);
	for (i = 0; i < n; i++) {
		if (FD_IOCTL(l->t, x[i].fd, KVM_GET_MP_STATE, &mp) < 0)
			return -1;
		REQUIRE(l->t, (mp.mp_state == KVM_MP_STATE_RUNNABLE) == (i == 1), "KVM_HC_KICK_CPU of CPU %u: CPU %u is in mp_state %u",
			x[1].id, x[i].id, mp.mp_state);
	}
	return 0;
}

CHECK(vm, pv_ipi, "KVM_HC_SEND_IPI reaches the CPUs that it names, and no others",
      ADVICE_IRQ, NEED_KVM | NEED_HW)
{
	struct extra x[] = { { 3, -1 }, { 64, -1 }, { 65, -1 } };

	return with_extra(t, x, 3, send_ipis);
}

CHECK(vm, pv_kick, "KVM_HC_KICK_CPU wakes the CPU that it names, and no other",
      ADVICE_IRQ, NEED_KVM | NEED_HW)
{
	struct extra x[] = { { 3, -1 }, { 7, -1 }, { 64, -1 } };

	return with_extra(t, x, 3, kick);
}

/* --- x2APIC's flags --- */

#define EOI_ON	KVM_X2APIC_ENABLE_SUPPRESS_EOI_BROADCAST
#define EOI_OFF	KVM_X2APIC_DISABLE_SUPPRESS_EOI_BROADCAST

static uint64_t x2_flags;	/* for x2_pre */

static int x2_pre(struct lab *l)
{
	int rc = lab_enable(l, KVM_CAP_X2APIC_API, x2_flags);

	REQUIRE(l->t, !rc, "flags 0x%llx of KVM_CAP_X2APIC_API: %s", (unsigned long long)x2_flags, strerror(-rc));
	return 0;
}

/* Does the APIC's version register offer to suppress the broadcast of EOIs? -1 after t_fail() */
static int offers_eoi(struct t *t, bool split, uint64_t flags)
{
	struct kvm_lapic_state a;
	struct lab l;
	int rc;

	x2_flags = flags;
	rc = lab_open(&l, t, LAB(.irqchip = !split, .split = split, .pre = flags ? x2_pre : NULL)) ||
		lab_cpu_ioctl(&l, 0, KVM_GET_LAPIC, &a) < 0 ? -1 : (int)(apic_get(&a, 0x30) >> 24 & 1);
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

/* Flags 1 and 2 must be offered; unknown or contradictory flags, or EOI_ON without a split irqchip, are errors. */
static int x2_rules(struct lab *l)
{
	const uint32_t cap = KVM_CAP_X2APIC_API;
	int all = ioctl(l->kvm, KVM_CHECK_EXTENSION, cap);	/* a VM would report only the flags it can have */

	REQUIRE(l->t, (all & 3) == 3, "KVM_CAP_X2APIC_API is 0x%x, expected flags 1 and 2 in it", (unsigned int)all);
	REQUIRE(l->t, lab_enable(l, cap, 1ull << 30) < 0, "an unknown flag of KVM_CAP_X2APIC_API was not refused");
	if (!(all & (int)EOI_ON))
		return 0;
	REQUIRE(l->t, lab_enable(l, cap, EOI_ON | EOI_OFF) < 0, "suppressed EOI broadcasts can be turned on and off at the same time");
	REQUIRE(l->t, lab_enable(l, cap, EOI_ON) < 0, "suppressed EOI broadcasts can be turned on without a split irqchip");
	return 1;
}

CHECK(vm, x2apic_flags, "KVM_CAP_X2APIC_API rejects bad flags, and guests see the EOI broadcast setting",
      ADVICE_IRQ, NEED_KVM | NEED_HW)
{
	struct lab l;
	int rc = lab_open(&l, t, LAB(.irqchip = true)) ? -1 : x2_rules(&l);

	lab_close(&l);
	if (rc <= 0) {
		if (!rc)
			t_note(t, "this KVM has no flags for EOI broadcasts (they came after Linux 6.12)");
		return rc;
	}
	return eoi_offered(t, true, EOI_ON, 1) || eoi_offered(t, true, EOI_OFF, 0) || eoi_offered(t, false, EOI_OFF, 0) ||
		eoi_offered(t, true, 0, 1) || eoi_offered(t, false, 0, 0) ? -1 : 0;
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
	REQUIRE(l->t, lab_enable(l, cap, 0) < 0, "an APIC bus cycle of 0 ns was not refused");
	REQUIRE(l->t, lab_enable(l, cap, 1ull << 62) < 0, "an APIC bus cycle of 2^62 ns was not refused");
	rc = lab_enable(l, cap, BUS_NS);
	REQUIRE(l->t, !rc, "an APIC bus cycle of %d ns: %s", BUS_NS, strerror(-rc));
	return 0;
}

/* The timer must count in cycles of the length set, from a count that the VMM restores. */
LAB_CHECK(vm, apic_bus_frequency, LAB(.irqchip = true, .pre = bus_pre), "the APIC timer counts at the frequency that the VMM set",
	  ADVICE_IRQ, NEED_KVM | NEED_HW)
{
	struct kvm_lapic_state a;
	double t0, t1, t2, t3, least, most, ticks;

	REQUIRE(l->t, lab_enable(l, KVM_CAP_X86_APIC_BUS_CYCLES_NS, BUS_NS) < 0, "the APIC bus cycle can be set after a vCPU was created");
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
	/* Longer than the whole count: the host paused. */
	if (most > BUS_TICKS)
		return t_skip(l->t, "the host paused while the timer counted: %.0f ms", t3 - t0);
	REQUIRE(l->t, ticks >= least * 0.95 - 100 && ticks <= most * 1.05 + 100,
		"with an APIC bus cycle of %d ns the timer counted %.0f in %.2f to %.2f ms, expected %.0f to %.0f",
		BUS_NS, ticks, t2 - t1, t3 - t0, least, most);
	return 0;
}
