// SPDX-License-Identifier: GPL-2.0-only
/* vm: state that is set in a vCPU or VM can be read back, on which live migration depends. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REPORT_PLACE 160
#include "env/clock.h"
#include "env/settings.h"
#include "vm/vm.h"

#define SAME(t, what, a, b) \
	REQUIRE(t, !memcmp(&(a), &(b), sizeof(a)), "%s: what was set reads back differently, first at byte %zu", \
		what, first_diff(&(a), &(b), sizeof(a)))

static size_t first_diff(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;
	size_t i;

	for (i = 0; i < n && x[i] == y[i]; i++)
		;
	return i;
}

LAB_CHECK(vm, state_registers, LAB(.irqchip = true), "general and special registers can be set and read back",
	  ADVICE_STATE, NEED_KVM)
{
	struct kvm_regs a, b;
	struct kvm_sregs s, s2;
	uint64_t *p = (uint64_t *)(void *)&a;
	size_t i;

	for (i = 0; i < sizeof(a) / 8; i++)
		p[i] = 0x1111111111111111ull * (i % 15 + 1);
	a.rflags = 0x246;
	if (lab_cpu_ioctl(l, 0, KVM_SET_REGS, &a) < 0 || lab_cpu_ioctl(l, 0, KVM_GET_REGS, &b) < 0)
		return -1;
	SAME(l->t, "KVM_SET_REGS", a, b);
	if (lab_long(l, 0, 0x1000, 0x8000) || lab_cpu_ioctl(l, 0, KVM_GET_SREGS, &s) < 0)
		return -1;
	s.cr2 = 0xdeadbeefcafeull;
	s.fs.base = 0x7fff12345678ull;
	s.gdt.base = 0x5000;
	s.gdt.limit = 0x7f;
	s.idt.base = 0x6000;
	s.idt.limit = 0xfff;
	s.cr8 = 3;
	s.ds.avl = s.gs.avl = 1;
	s.ldt = (struct kvm_segment){ .base = 0x7000, .limit = 0x67, .selector = 0x28, .type = 2, .present = 1 };
	if (lab_cpu_ioctl(l, 0, KVM_SET_SREGS, &s) < 0 || lab_cpu_ioctl(l, 0, KVM_GET_SREGS, &s2) < 0)
		return -1;
	SAME(l->t, "KVM_SET_SREGS", s, s2);
	/* Old KVMs check only a few bits of what a VMM sets. */
	s.cr4 |= 1ull << 31;
	REQUIRE(l->t, env_old_kvm(l->t->env) || ioctl(l->cpu[0].fd, KVM_SET_SREGS, &s) < 0,
		"KVM_SET_SREGS accepted a reserved bit of CR4");
	return 0;
}

static int set_fpu(struct lab *l, struct kvm_fpu *a)
{
	struct kvm_fpu b;
	unsigned int i;

	if (lab_cpu_ioctl(l, 0, KVM_GET_FPU, a) < 0)
		return -1;
	for (i = 0; i < sizeof(a->xmm); i++)
		((uint8_t *)a->xmm)[i] = (uint8_t)(i + 3);
	for (i = 0; i < 8; i++)
		a->fpr[i][0] = (uint8_t)(i + 1);
	a->fcw = 0x27f;
	a->ftwx = 0xff;
	a->fsw = 0x3800;
	a->last_ip = 0x1234;
	a->last_dp = 0x5678;
	a->last_opcode = 0x123;
	if (lab_cpu_ioctl(l, 0, KVM_SET_FPU, a) < 0 || lab_cpu_ioctl(l, 0, KVM_GET_FPU, &b) < 0)
		return -1;
	REQUIRE(l->t, !memcmp(a->xmm, b.xmm, sizeof(b.xmm)) && !memcmp(a->fpr, b.fpr, sizeof(b.fpr)) &&
		a->fcw == b.fcw && a->fsw == b.fsw && a->ftwx == b.ftwx &&
		a->last_ip == b.last_ip && a->last_dp == b.last_dp && a->last_opcode == b.last_opcode,
		"KVM_SET_FPU: what was set reads back differently");
	return 0;
}

/* XMM0-15 are at byte 160 of the legacy area, XSTATE_BV at byte 512, AVX's at 576. */
static int set_xsave(struct lab *l, const struct kvm_fpu *fpu)
{
	static uint8_t a[4 * sizeof(struct kvm_xsave)], b[sizeof(a)];
	bool avx = __builtin_cpu_supports("avx");

	if (lab_cpu_ioctl(l, 0, KVM_GET_XSAVE, a) < 0)
		return -1;
	memcpy(a + 160, fpu->xmm, sizeof(fpu->xmm));
	a[160] ^= 0xff;
	a[512] |= 3;
	if (avx) {
		memcpy(a + 576, fpu->xmm, sizeof(fpu->xmm));
		a[512] |= 4;
	}
	if (lab_cpu_ioctl(l, 0, KVM_SET_XSAVE, a) < 0 || lab_cpu_ioctl(l, 0, KVM_GET_XSAVE, b) < 0)
		return -1;
	REQUIRE(l->t, !memcmp(a + 160, b + 160, 256), "KVM_SET_XSAVE: the XMM registers read back differently");
	REQUIRE(l->t, !avx || !memcmp(a + 576, b + 576, 256),
		"KVM_SET_XSAVE: the upper halves of the YMM registers read back differently");
	return 0;
}

static int set_xcrs(struct lab *l)
{
	struct kvm_xcrs a, b;

	if (lab_cpu_ioctl(l, 0, KVM_GET_XCRS, &a) < 0)
		return -1;
	a.xcrs[0].value = 3;
	if (lab_cpu_ioctl(l, 0, KVM_SET_XCRS, &a) < 0 || lab_cpu_ioctl(l, 0, KVM_GET_XCRS, &b) < 0)
		return -1;
	REQUIRE(l->t, b.xcrs[0].value == 3, "KVM_SET_XCRS of 3: got 0x%llx", b.xcrs[0].value);
	a.xcrs[0].value = 2;
	if (lab_refused(l->t, l->cpu[0].fd, KVM_SET_XCRS, &a, "an XCR0 without x87"))
		return -1;
	a.xcrs[0].value = 7;
	if (ioctl(l->cpu[0].fd, KVM_SET_XCRS, &a) < 0)
		return 0;			/* no AVX */
	if (lab_cpu_ioctl(l, 0, KVM_GET_XCRS, &b) < 0)
		return -1;
	REQUIRE(l->t, b.xcrs[0].value == 7, "KVM_SET_XCRS of 7: got 0x%llx", b.xcrs[0].value);
	a.xcrs[0].value = 5;
	return lab_refused(l->t, l->cpu[0].fd, KVM_SET_XCRS, &a, "an XCR0 with AVX and without SSE");
}

LAB_CHECK(vm, state_fpu, LAB(.irqchip = true), "FPU, XSAVE and XCR state can be set and read back",
	  ADVICE_STATE, NEED_KVM)
{
	struct kvm_fpu fpu;

	return set_fpu(l, &fpu) || set_xsave(l, &fpu) || set_xcrs(l) ? -1 : 0;
}

LAB_CHECK(vm, state_msrs, LAB(.irqchip = true), "MSRs can be set and read back",
	  ADVICE_STATE, NEED_KVM | NEED_HW, .settings = "kvm.ignore_msrs")
{
	static const struct { uint32_t msr; uint64_t v; const char *name; } list[] = {
		{ 0xc0000081, 0x0023001000000000ull, "STAR" },
		{ 0xc0000082, 0xffffffff81000000ull, "LSTAR" },
		{ 0xc0000083, 0xffffffff81000100ull, "CSTAR" },
		{ 0xc0000084, 0x47700, "SFMASK" },
		{ 0xc0000102, 0xffff888000001000ull, "KERNEL_GS_BASE" },
		{ 0x174, 0x10, "SYSENTER_CS" }, { 0x175, 0x1234, "SYSENTER_ESP" },
		{ 0x176, 0x5678, "SYSENTER_EIP" }, { 0x277, 0x0007010600070106ull, "PAT" },
		{ 0x10, 0x123456789000ull, "TSC" },
		{ 0x4b564d01, 0x100000, "KVM system time" }, { 0x4b564d03, 0, "KVM steal time" },
		{ 0x1d9, 0, "DEBUGCTL" }, { 0x2ff, 0xc06, "MTRR_DEF_TYPE" },
		{ 0x200, 6, "MTRR_PHYSBASE0" },
	};
	const int ignore = setting_on(l->t->env, "kvm.ignore_msrs");
	uint64_t v = 0;
	size_t i;
	int n;

	for (i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		v = list[i].v;
		REQUIRE(l->t, lab_msr(l, KVM_SET_MSRS, list[i].msr, &v) == 1,
			"KVM_SET_MSRS refuses %s (0x%x) = 0x%llx", list[i].name, list[i].msr,
			(unsigned long long)list[i].v);
		v = 0;
		REQUIRE(l->t, lab_msr(l, KVM_GET_MSRS, list[i].msr, &v) == 1,
			"KVM_GET_MSRS refuses %s (0x%x)", list[i].name, list[i].msr);
		if (list[i].msr == 0x10)
			REQUIRE(l->t, v >= list[i].v && v < list[i].v + (1ull << 40),
				"TSC was set to 0x%llx and is 0x%llx", (unsigned long long)list[i].v, (unsigned long long)v);
		else
			REQUIRE(l->t, v == list[i].v, "%s (0x%x) was set to 0x%llx and is 0x%llx",
				list[i].name, list[i].msr, (unsigned long long)list[i].v, (unsigned long long)v);
	}
	/* With kvm.ignore_msrs an unknown MSR accepts writes and reads as 0. */
	v = 1;
	n = lab_msr(l, KVM_SET_MSRS, 0x12345678, &v);
	REQUIRE(l->t, n == ignore, "KVM_SET_MSRS %s an MSR that does not exist%s", n ? "accepted" : "refused",
		ignore ? ", though kvm.ignore_msrs is on" : "");
	n = lab_msr(l, KVM_GET_MSRS, 0x12345678, &v);
	REQUIRE(l->t, n == ignore && (!n || !v), "KVM_GET_MSRS of an MSR that does not exist returned %d, 0x%llx%s", n, (unsigned long long)v,
		ignore ? ", though kvm.ignore_msrs is on" : "");
	return 0;
}

LAB_CHECK(vm, state_events, LAB(.irqchip = true), "debug registers, events and mp_state can be set and read back",
	  ADVICE_STATE, NEED_KVM | NEED_HW)
{
	struct kvm_vcpu_events a, b;
	struct kvm_debugregs d, e;
	struct kvm_mp_state mp;
	unsigned int i;

	if (lab_cpu_ioctl(l, 0, KVM_GET_DEBUGREGS, &d) < 0)
		return -1;
	for (i = 0; i < 4; i++)
		d.db[i] = 0x1000ull * (i + 1);
	d.dr7 = 0x455;
	if (lab_cpu_ioctl(l, 0, KVM_SET_DEBUGREGS, &d) < 0 || lab_cpu_ioctl(l, 0, KVM_GET_DEBUGREGS, &e) < 0)
		return -1;
	REQUIRE(l->t, !memcmp(d.db, e.db, sizeof(d.db)) && d.dr7 == e.dr7,
		"KVM_SET_DEBUGREGS: what was set reads back differently");
	if (lab_cpu_ioctl(l, 0, KVM_GET_VCPU_EVENTS, &a) < 0)
		return -1;
	a.nmi.pending = 1;
	a.nmi.masked = 1;
	a.flags = KVM_VCPUEVENT_VALID_NMI_PENDING;
	a.interrupt.shadow = 0;
	if (lab_cpu_ioctl(l, 0, KVM_SET_VCPU_EVENTS, &a) < 0 || lab_cpu_ioctl(l, 0, KVM_GET_VCPU_EVENTS, &b) < 0)
		return -1;
	REQUIRE(l->t, b.nmi.pending == 1 && b.nmi.masked == 1,
		"a pending and masked NMI was set, got pending %u, masked %u", b.nmi.pending, b.nmi.masked);
	a.nmi.pending = a.nmi.masked = 0;
	a.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
	a.interrupt.shadow = KVM_X86_SHADOW_INT_STI;
	a.exception.injected = a.exception.has_error_code = 1;
	a.exception.nr = 14;
	a.exception.error_code = 6;
	if (lab_cpu_ioctl(l, 0, KVM_SET_VCPU_EVENTS, &a) < 0 || lab_cpu_ioctl(l, 0, KVM_GET_VCPU_EVENTS, &b) < 0)
		return -1;
	REQUIRE(l->t, b.interrupt.shadow, "the interrupt shadow of STI was set, but does not read back");
	REQUIRE(l->t, b.exception.injected && b.exception.nr == 14 && b.exception.error_code == 6,
		"#PF with error code 6 was set, got vector %u, error code 0x%x, injected %u", b.exception.nr,
		b.exception.error_code, b.exception.injected);
	a.interrupt.shadow = a.exception.injected = 0;
	if (lab_cpu_ioctl(l, 0, KVM_SET_VCPU_EVENTS, &a) < 0)
		return -1;
	mp.mp_state = KVM_MP_STATE_HALTED;
	if (lab_cpu_ioctl(l, 0, KVM_SET_MP_STATE, &mp) < 0)
		return -1;
	mp.mp_state = 99;
	if (lab_cpu_ioctl(l, 0, KVM_GET_MP_STATE, &mp) < 0)
		return -1;
	REQUIRE(l->t, mp.mp_state == KVM_MP_STATE_HALTED, "mp_state was set to HALTED (3) and is %u", mp.mp_state);
	mp.mp_state = KVM_MP_STATE_RUNNABLE;
	return lab_cpu_ioctl(l, 0, KVM_SET_MP_STATE, &mp) < 0 ? -1 : 0;
}

/* A timer that was stopped half way goes on from there. */
static int timer_goes_on(struct lab *l)
{
	static const struct { uint16_t at; uint32_t v; } set[] = {
		{ 0xf0, 0x1ff }, { 0x320, 0x10040 }, { 0x3e0, 0xb }, { 0x380, 4000000000u }, { 0x390, 1000000000u },
	};
	struct kvm_lapic_state a;
	uint32_t now;
	size_t i;

	if (lab_cpu_ioctl(l, 0, KVM_GET_LAPIC, &a) < 0)
		return -1;
	for (i = 0; i < sizeof(set) / sizeof(set[0]); i++)
		memcpy(a.regs + set[i].at, &set[i].v, 4);
	if (lab_cpu_ioctl(l, 0, KVM_SET_LAPIC, &a) < 0 || lab_cpu_ioctl(l, 0, KVM_GET_LAPIC, &a) < 0)
		return -1;
	memcpy(&now, a.regs + 0x390, 4);
	REQUIRE(l->t, now <= 1000000000u, "KVM_SET_LAPIC of a timer at 1000000000 of 4000000000: it goes on at %u", now);
	return 0;
}

LAB_CHECK(vm, state_irqchips, LAB(.irqchip = true), "LAPIC, PIC, IOAPIC and PIT can be set and read back",
	  ADVICE_STATE, NEED_KVM)
{
	struct kvm_lapic_state a, b;
	struct kvm_irqchip c, d;
	struct kvm_pit_state2 p, q;
	unsigned int i;

	if (lab_cpu_ioctl(l, 0, KVM_GET_LAPIC, &a) < 0)
		return -1;
	a.regs[0x80] = 0x20;			/* TPR */
	a.regs[0xf0] = (char)0xff;		/* SVR */
	a.regs[0xf1] = 0x01;
	a.regs[0x210] = 0x04;			/* IRR: vector 0x22 */
	if (lab_cpu_ioctl(l, 0, KVM_SET_LAPIC, &a) < 0 || lab_cpu_ioctl(l, 0, KVM_GET_LAPIC, &b) < 0)
		return -1;
	for (i = 0; i < 0x400; i += 16) {
		if (i == 0xa0 || i == 0x390)	/* PPR and the timer's count change by themselves */
			continue;
		REQUIRE(l->t, !memcmp(a.regs + i, b.regs + i, 4), "KVM_SET_LAPIC: register 0x%x is not what was set", i);
	}
	for (i = 0; i < 3; i++) {
		memset(&c, 0, sizeof(c));
		c.chip_id = i;
		if (lab_vm_ioctl(l, KVM_GET_IRQCHIP, &c) < 0)
			return -1;
		if (i == KVM_IRQCHIP_IOAPIC) {
			c.chip.ioapic.redirtbl[4].bits = 0x0200000000010055ull;
			c.chip.ioapic.redirtbl[5].bits = 0x0000000000018056ull;
			c.chip.ioapic.irr = 1 << 5;
		} else {
			c.chip.pic.imr = 0x5a;
		}
		d = c;
		if (lab_vm_ioctl(l, KVM_SET_IRQCHIP, &c) < 0)
			return -1;
		memset(&c.chip, 0, sizeof(c.chip));
		if (lab_vm_ioctl(l, KVM_GET_IRQCHIP, &c) < 0)
			return -1;
		REQUIRE(l->t, i == KVM_IRQCHIP_IOAPIC ?
			c.chip.ioapic.redirtbl[4].bits == d.chip.ioapic.redirtbl[4].bits :
			c.chip.pic.imr == d.chip.pic.imr,
			"KVM_SET_IRQCHIP of chip %u: what was set reads back differently", i);
		REQUIRE(l->t, i != KVM_IRQCHIP_IOAPIC || c.chip.ioapic.irr & 1 << 5,
			"KVM_SET_IRQCHIP lost a masked interrupt that was pending in the IOAPIC");
	}
	if (lab_vm_ioctl(l, KVM_GET_PIT2, &p) < 0)
		return -1;
	p.channels[2].mode = 3;
	p.channels[2].count = 0x1234;
	p.flags |= KVM_PIT_FLAGS_HPET_LEGACY;
	if (lab_vm_ioctl(l, KVM_SET_PIT2, &p) < 0 || lab_vm_ioctl(l, KVM_GET_PIT2, &q) < 0)
		return -1;
	REQUIRE(l->t, q.channels[2].mode == 3 && q.channels[2].count == 0x1234,
		"KVM_SET_PIT2 set mode 3 and count 0x1234, but they read back as %u and 0x%x", q.channels[2].mode, q.channels[2].count);
	REQUIRE(l->t, q.flags & KVM_PIT_FLAGS_HPET_LEGACY, "KVM_SET_PIT2 lost the flag that an HPET replaces the PIT");
	return env_old_kvm(l->t->env) ? 0 : timer_goes_on(l);
}

/* kvm_clock_data, of which <linux/kvm.h> before 5.16 lacks members */
struct clock_data {
	uint64_t clock;
	uint32_t flags, pad0;
	uint64_t realtime, host_tsc;
	uint32_t pad[4];
};
#define CLOCK_REALTIME_FLAG	4	/* KVM_CLOCK_REALTIME */

/* A clock that was read at @ago before now by the wall clock advances by as much, but never goes back. */
static int clock_since(struct lab *l, int64_t ago)
{
	const uint64_t then = 7000000000000ull;
	struct clock_data a = { .clock = then, .flags = CLOCK_REALTIME_FLAG }, b = { 0 };
	uint64_t least = then + (ago > 0 ? (uint64_t)ago - 100000000 : 0);

	a.realtime = (uint64_t)((now_ms() + wall_offset_ms()) * 1e6) - (uint64_t)ago;
	if (lab_vm_ioctl(l, KVM_SET_CLOCK, &a) < 0 || lab_vm_ioctl(l, KVM_GET_CLOCK, &b) < 0)
		return -1;
	REQUIRE(l->t, b.clock >= least && b.clock < least + 5000000000ull,
		"a clock of %llu ns, %lld ns ago by the wall clock, was set and is %llu ns", (unsigned long long)then, (long long)ago,
		(unsigned long long)b.clock);
	return 0;
}

LAB_CHECK(vm, state_clocks, LAB(.irqchip = true), "the VM's clock and TSC rate can be set and read back",
	  ADVICE_STATE, NEED_KVM)
{
	struct kvm_clock_data a = { .clock = 5000000000000ull }, b = { 0 };
	double before = now_ms(), start, ms;
	unsigned int real, booted;
	int khz;

	if (lab_vm_ioctl(l, KVM_SET_CLOCK, &a) < 0)
		return -1;
	/* KVM may have set it at any time since `before`. */
	start = now_ms();
	while (now_ms() - start < 5)
		;
	if (lab_vm_ioctl(l, KVM_GET_CLOCK, &b) < 0)
		return -1;
	ms = now_ms() - before;
	REQUIRE(l->t, b.clock >= a.clock + 4000000 && (double)(b.clock - a.clock) < (ms + 100) * 1e6,
		"the VM's clock was set to %llu and is %llu ns %.1f ms later", a.clock, b.clock, ms);
	if (lab_cap(l, KVM_CAP_ADJUST_CLOCK) & CLOCK_REALTIME_FLAG &&
	    (clock_since(l, 20000000000ll) || clock_since(l, -20000000000ll)))
		return -1;
	khz = lab_cpu_ioctl(l, 0, KVM_GET_TSC_KHZ, 0);
	REQUIRE(l->t, khz > 0, "KVM_GET_TSC_KHZ returned %d", khz);
	real = tsc_khz_measured();
	booted = tsc_khz_booted(l->t->env);
	REQUIRE(l->t, !real || !khz_differ((unsigned int)khz, real) || !khz_differ((unsigned int)khz, booted),
		"KVM_GET_TSC_KHZ says %d, but the TSC runs at %u kHz, and this kernel calibrated it to %u", khz, real, booted);
	if (real && khz_differ((unsigned int)khz, real)) {
		t_advise(l->t, "The kernel calibrated its TSC wrong at boot: the machine was too busy, or the firmware is wrong. Guests' time will be wrong. Boot again.");
		t_warn(l->t, "this kernel and KVM take the TSC for one of %d kHz, but it runs at %u kHz", khz, real);
	}
	/* Old KVMs refuse the maximum frequency, which is the only one without TSC scaling. */
	if (env_old_kvm(l->t->env) && lab_cap(l, KVM_CAP_TSC_CONTROL) <= 0)
		return 0;
	return lab_cpu_ioctl(l, 0, KVM_SET_TSC_KHZ, (unsigned long)khz) < 0 ? -1 : 0;
}

/* --- GIF, which a guest hypervisor on SVM has (AMD64 manual vol. 2, 15.17) --- */

static int gif_read(struct lab *l, bool *set)
{
	struct kvm_nested_state n = { .size = sizeof(n) };

	if (lab_cpu_ioctl(l, 0, KVM_GET_NESTED_STATE, &n) < 0)
		return -1;
	*set = n.flags & KVM_STATE_NESTED_GIF_SET;
	return 0;
}

LAB_CHECK(vm, state_gif, LAB(.irqchip = true), "GIF can be set and read back, and an NMI waits until it is set",
	  ADVICE_STATE, NEED_KVM | NEED_HW)
{
	/* out %al,$0xe1; stgi; out %al,$0xe2 */
	static const uint8_t code[] = { 0xe6, 0xe1, 0x0f, 0x01, 0xdc, 0xe6, 0xe2 };
	struct kvm_nested_state n = { .format = KVM_STATE_NESTED_FORMAT_SVM, .size = sizeof(n) };
	uint64_t efer;
	bool set;
	int i;

	if (lab_cap(l, KVM_CAP_NESTED_STATE) <= 0 || strcmp(l->t->env->backend, "kvm_amd"))
		return t_skip(l->t, "only KVM on AMD's CPUs, since 5.8, has GIF in its nested state");
	if (lab_code_long(l, code, sizeof(code)) || lab_no_idt(l))
		return -1;
	efer = 0x500 | 0x1000;
	if (lab_msr(l, KVM_SET_MSRS, 0xc0000080, &efer) != 1)
		return t_skip(l->t, "guests cannot have SVM: nested virtualization is off (kvm_amd.nested)");
	for (i = 0; i < 4; i++) {
		n.flags = i & 1 ? 0 : KVM_STATE_NESTED_GIF_SET;
		if (lab_cpu_ioctl(l, 0, KVM_SET_NESTED_STATE, &n) < 0 || gif_read(l, &set))
			return -1;
		REQUIRE(l->t, set == !(i & 1), "GIF was set to %d, but reads back as %d", !(i & 1), set);
	}
	/* GIF is clear. Without an IDT the NMI ends the guest when it comes. */
	if (lab_cpu_ioctl(l, 0, KVM_NMI, 0) < 0 || lab_step_to(l, KVM_EXIT_IO, "OUT with GIF clear and an NMI pending"))
		return -1;
	return lab_step_to(l, KVM_EXIT_SHUTDOWN, "STGI with an NMI pending, without an IDT");
}

/* --- CR4 by KVM_SET_SREGS: KVM's own walk of the guest's tables obeys it at once --- */

#define CR4_SMAP	(1u << 21)

/* INS to a user page: @reason is HLT, or SHUTDOWN, as a fault ends a guest without an IDT. */
static int ins_with_cr4(struct lab *l, uint64_t cr4, uint32_t reason, const char *what)
{
	/* mov $0x50,%edx; mov $0x400000,%edi; insb; hlt */
	static const uint8_t code[] = { 0xba, 0x50, 0, 0, 0, 0xbf, 0, 0, 0x40, 0, 0x6c, 0xf4 };
	struct kvm_sregs s;

	if (lab_code_long(l, code, sizeof(code)) || lab_no_idt(l) || lab_cpu_ioctl(l, 0, KVM_GET_SREGS, &s) < 0)
		return -1;
	/* The same vCPU goes on from here: only CR4 changes. */
	if (lab_step_to(l, KVM_EXIT_IO, "INS"))
		return -1;
	s.cr4 |= cr4;
	if (ioctl(l->cpu[0].fd, KVM_SET_SREGS, &s) < 0)
		return t_skip(l->t, "guests have no SMAP here");
	return lab_step_to(l, reason, what);
}

LAB_CHECK(vm, sregs_cr4, LAB(), "CR4 set by KVM_SET_SREGS holds for what KVM does on the guest's behalf",
	  ADVICE_STATE, NEED_KVM | NEED_HW)
{
	int rc = ins_with_cr4(l, 0, KVM_EXIT_HLT, "INS to a user page");

	if (!rc)
		rc = ins_with_cr4(l, CR4_SMAP, KVM_EXIT_SHUTDOWN, "INS to a user page after KVM_SET_SREGS set CR4.SMAP");
	return rc;
}
