// SPDX-License-Identifier: GPL-2.0-only
/* vm: interfaces that few VMMs use. Documentation/virt/kvm/api.rst. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define REPORT_PLACE 197
#include "env/settings.h"
#include "lab/msrfilter.h"
#include "vm/vm.h"

/* What <linux/kvm.h> of EL 8 lacks; the numbers are KVM's ABI. */
#define CAP_MSR_PLATFORM_INFO	159
#define CAP_EXCEPTION_PAYLOAD	164
#define CAP_ENFORCE_PV		190
#define CAP_SREGS2		200
#define TSC_CTRL_GROUP		0	/* KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET: 5.16 */
#define TSC_OFFSET_ATTR		0
#define EVENT_PAYLOAD		0x10	/* KVM_VCPUEVENT_VALID_PAYLOAD */
struct sregs2 {
	struct kvm_segment seg[8];
	struct kvm_dtable gdt, idt;
	uint64_t cr0, cr2, cr3, cr4, cr8, efer, apic_base, flags, pdptrs[4];
};
#define GET_SREGS2		_IOR(KVMIO, 0xcc, struct sregs2)
#define SET_SREGS2		_IOW(KVMIO, 0xcd, struct sregs2)

#define DONE	0xe1		/* the ports of the guests below: done, */
#define FAULT	0xe2		/* or in the handler of an exception */

/* Real-mode @code, in which exception @vector leads to an OUT to FAULT; the port that it comes to, or -1 */
static int outcome(struct lab *l, const void *code, size_t len, uint8_t vector)
{
	static const uint8_t handler[] = { 0xe6, FAULT };
	static const uint16_t ivt[2] = { 0x2000, 0 };

	if (lab_code_real(l, code, len))
		return -1;
	lab_code(l, 0x2000, handler, sizeof(handler));
	lab_code(l, vector * 4ull, ivt, sizeof(ivt));
	return lab_step_to(l, KVM_EXIT_IO, "the guest's OUT") ? -1 : l->cpu[0].run->io.port;
}

/* With PAE, SREGS2 carries the page-directory pointers that the CPU has loaded, whatever is in memory since. */
LAB_CHECK(vm, sregs2, LAB(), "KVM_SET_SREGS2 keeps the page-directory pointers of a PAE guest",
	  ADVICE_STATE, NEED_KVM | NEED_HW)
{
	struct sregs2 s, got;
	unsigned int i;

	if (lab_cap(l, CAP_SREGS2) <= 0)
		return t_skip(l->t, "this KVM has no KVM_GET_SREGS2 (5.14)");
	if (lab_real(l, 0, 0x1000) || lab_cpu_ioctl(l, 0, GET_SREGS2, &s) < 0)
		return -1;
	REQUIRE(l->t, !(s.flags & 1), "KVM_GET_SREGS2 gives page-directory pointers of a guest in real mode");
	s.flags = 1;
	if (lab_refused(l->t, l->cpu[0].fd, SET_SREGS2, &s, "page-directory pointers of a guest in real mode"))
		return -1;
	s.cr0 |= 1ull << 31 | 1;
	s.cr4 |= 1 << 5;
	s.cr3 = 0x20000;		/* where memory is zero */
	for (i = 0; i < 4; i++)
		s.pdptrs[i] = 0x30001 + 0x1000 * i;
	if (lab_cpu_ioctl(l, 0, SET_SREGS2, &s) < 0 || lab_cpu_ioctl(l, 0, GET_SREGS2, &got) < 0)
		return -1;
	REQUIRE(l->t, got.flags & 1, "KVM_GET_SREGS2 gives no page-directory pointers of a PAE guest");
	for (i = 0; i < 4; i++)
		REQUIRE(l->t, got.pdptrs[i] == s.pdptrs[i], "page-directory pointer %u is 0x%llx, set was 0x%llx", i,
			(unsigned long long)got.pdptrs[i], (unsigned long long)s.pdptrs[i]);
	REQUIRE(l->t, got.cr3 == s.cr3 && got.cr0 == s.cr0 && got.cr4 == s.cr4,
		"CR0 %llx CR3 %llx CR4 %llx after KVM_SET_SREGS2 of %llx %llx %llx", (unsigned long long)got.cr0,
		(unsigned long long)got.cr3, (unsigned long long)got.cr4, (unsigned long long)s.cr0,
		(unsigned long long)s.cr3, (unsigned long long)s.cr4);
	return 0;
}

static int boot_from_1(struct lab *l)
{
	return lab_vm_ioctl(l, KVM_SET_BOOT_CPU_ID, 1) < 0 ? -1 : 0;
}

LAB_CHECK(vm, boot_cpu_id, LAB(.irqchip = true, .cpus = 2, .pre = boot_from_1),
	  "KVM_SET_BOOT_CPU_ID makes another vCPU the boot CPU", ADVICE_IRQ, NEED_KVM)
{
	struct kvm_mp_state m;
	struct kvm_sregs s;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (lab_cpu_ioctl(l, i, KVM_GET_SREGS, &s) < 0 || lab_cpu_ioctl(l, i, KVM_GET_MP_STATE, &m) < 0)
			return -1;
		REQUIRE(l->t, !!(s.apic_base & 0x100) == i, "the boot CPU is 1, and the BSP bit of vCPU %u is %u", i,
			!!(s.apic_base & 0x100));
		REQUIRE(l->t, m.mp_state == (i ? KVM_MP_STATE_RUNNABLE : KVM_MP_STATE_UNINITIALIZED),
			"the boot CPU is 1, and the mp_state of vCPU %u is %u", i, m.mp_state);
	}
	return lab_refused(l->t, l->vm, KVM_SET_BOOT_CPU_ID, NULL, "another boot CPU, though there are vCPUs");
}

/* The guest's TSC, by its own RDTSC */
static int rdtsc(struct lab *l, uint64_t *tsc)
{
	static const uint8_t code[] = { 0x0f, 0x31, 0xe6, DONE };
	struct kvm_regs r;

	if (lab_code_real(l, code, sizeof(code)) || lab_step_to(l, KVM_EXIT_IO, "OUT after RDTSC") ||
	    lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	*tsc = r.rdx << 32 | (r.rax & 0xffffffff);
	return 0;
}

/* A VMM restores TSC_ADJUST beside the TSC itself: alone it must not move the TSC. */
static int adjust_kept(struct lab *l, struct kvm_device_attr *a)
{
	uint64_t before = 0, after = 0, v = 1ull << 50;

	a->addr = (uintptr_t)&before;
	if (lab_cpu_ioctl(l, 0, KVM_GET_DEVICE_ATTR, a) < 0 || lab_msr(l, KVM_SET_MSRS, 0x3b, &v) != 1)
		return -1;
	a->addr = (uintptr_t)&after;
	if (lab_cpu_ioctl(l, 0, KVM_GET_DEVICE_ATTR, a) < 0)
		return -1;
	REQUIRE(l->t, after - before + (1ull << 49) < 1ull << 50, "KVM_SET_MSRS of TSC_ADJUST moved the TSC's offset from 0x%llx to 0x%llx",
		(unsigned long long)before, (unsigned long long)after);
	return 0;
}

LAB_CHECK(vm, tsc_offset, LAB(), "the TSC's offset can be read and set, and the guest's RDTSC follows it",
	  ADVICE_STATE, NEED_KVM | NEED_HW)
{
	const uint64_t far = 1ull << 50;	/* no host runs so long between two reads */
	uint64_t offset = 0, got = 0, before, after;
	struct kvm_device_attr a = { .group = TSC_CTRL_GROUP, .attr = TSC_OFFSET_ATTR, .addr = (uintptr_t)&offset };

	if (ioctl(l->cpu[0].fd, KVM_HAS_DEVICE_ATTR, &a) < 0)
		return t_skip(l->t, "this KVM has no KVM_VCPU_TSC_OFFSET (5.16)");
	if (rdtsc(l, &before) || lab_cpu_ioctl(l, 0, KVM_GET_DEVICE_ATTR, &a) < 0)
		return -1;
	offset += far;
	if (lab_cpu_ioctl(l, 0, KVM_SET_DEVICE_ATTR, &a) < 0 || rdtsc(l, &after))
		return -1;
	a.addr = (uintptr_t)&got;
	if (lab_cpu_ioctl(l, 0, KVM_GET_DEVICE_ATTR, &a) < 0)
		return -1;
	/* On a host whose TSC is unstable, KVM goes on adjusting it. */
	REQUIRE(l->t, got - offset + far / 2 < far, "the TSC's offset is 0x%llx, set was 0x%llx",
		(unsigned long long)got, (unsigned long long)offset);
	REQUIRE(l->t, after - before >= far && after - before < 2 * far,
		"the offset grew by 0x%llx, the guest's TSC by 0x%llx", (unsigned long long)far,
		(unsigned long long)(after - before));
	if (adjust_kept(l, &a))
		return -1;
	a.attr = 77;
	return lab_refused(l->t, l->cpu[0].fd, KVM_HAS_DEVICE_ATTR, &a, "an attribute of the TSC that does not exist");
}

/* ---- machine checks (SDM vol. 3, 16.3) ---- */

#define MCI_VAL		(1ull << 63)
#define MCI_UC		(1ull << 61)
#define MCI_EN		(1ull << 60)
#define MSR_MC(bank, i)	(0x400u + 4 * (bank) + (i))	/* 0 control, 1 status, 2 address, 3 misc */
#define BANKS		6
#define BANK		3

/* A corrected error is in its bank, and interrupts nobody. */
static int corrected(struct lab *l)
{
	const uint64_t want[] = { 0, MCI_VAL | MCI_EN | 0x150, 0x123456789000ull, 0x86 };
	struct kvm_x86_mce m = { .status = want[1], .addr = want[2], .misc = want[3], .bank = BANK };
	struct kvm_vcpu_events e;
	uint64_t v;
	uint32_t i;

	if (lab_cpu_ioctl(l, 0, KVM_X86_SET_MCE, &m) < 0 || lab_cpu_ioctl(l, 0, KVM_GET_VCPU_EVENTS, &e) < 0)
		return -1;
	for (i = 1; i < 4; i++) {
		v = 0;
		REQUIRE(l->t, lab_msr(l, KVM_GET_MSRS, MSR_MC(BANK, i), &v) == 1 && v == want[i],
			"after a corrected error MSR 0x%x is 0x%llx, expected 0x%llx", MSR_MC(BANK, i),
			(unsigned long long)v, (unsigned long long)want[i]);
	}
	REQUIRE(l->t, !e.exception.injected, "a corrected error raised exception %u", e.exception.nr);
	return 0;
}

/* One that was not corrected is #MC, if CR4.MCE is set; otherwise the CPU shuts down. */
static int uncorrected(struct lab *l, bool mce)
{
	static const uint8_t code[] = { 0xe6, DONE };
	struct kvm_x86_mce m = { .status = MCI_VAL | MCI_UC | MCI_EN | 0x135, .mcg_status = 5, .bank = 1 };
	struct kvm_sregs s;
	uint64_t zero = 0;
	int port;

	if (lab_code_real(l, code, sizeof(code)) || lab_cpu_ioctl(l, 0, KVM_GET_SREGS, &s) < 0)
		return -1;
	s.cr4 = mce ? s.cr4 | 1 << 6 : s.cr4 & ~(1ull << 6);
	if (lab_cpu_ioctl(l, 0, KVM_SET_SREGS, &s) < 0)
		return -1;
	/* MCG_STATUS: no machine check in progress; bank 1: nothing in it */
	REQUIRE(l->t, lab_msr(l, KVM_SET_MSRS, 0x17a, &zero) == 1 && lab_msr(l, KVM_SET_MSRS, MSR_MC(1, 1), &zero) == 1,
		"KVM_SET_MSRS refuses to clear the machine check's MSRs");
	if (lab_cpu_ioctl(l, 0, KVM_X86_SET_MCE, &m) < 0)
		return -1;
	if (!mce)
		return lab_step_to(l, KVM_EXIT_SHUTDOWN, "a machine check without CR4.MCE");
	lab_code(l, 0x2000, (const uint8_t[]){ 0xe6, FAULT }, 2);
	lab_code(l, 18 * 4, (const uint16_t[]){ 0x2000, 0 }, 4);
	if (lab_step_to(l, KVM_EXIT_IO, "the guest's OUT after a machine check"))
		return -1;
	port = l->cpu[0].run->io.port;
	REQUIRE(l->t, port == FAULT, "the guest got no #MC of an uncorrected error");
	return 0;
}

LAB_CHECK(vm, mce, LAB(), "machine checks that a VMM injects reach the guest",
	  "Guests will not learn of broken memory. Suspect this kernel's patches to kvm_vcpu_ioctl_x86_set_mce() and its kin in arch/x86/kvm/x86.c.",
	  NEED_KVM | NEED_HW)
{
	struct kvm_x86_mce bad = { .status = MCI_VAL, .bank = BANKS };
	uint64_t have = 0, cap;

	if (lab_ioctl(l->t, l->kvm, KVM_X86_GET_MCE_CAP_SUPPORTED, "KVM_X86_GET_MCE_CAP_SUPPORTED", (uintptr_t)&have) < 0)
		return -1;
	cap = (have & ~0xffull) | BANKS;
	if (lab_cpu_ioctl(l, 0, KVM_X86_SETUP_MCE, &cap) < 0 ||
	    lab_refused(l->t, l->cpu[0].fd, KVM_X86_SET_MCE, &bad, "an error in a bank that the guest does not have"))
		return -1;
	bad = (struct kvm_x86_mce){ .bank = 1 };
	if (lab_refused(l->t, l->cpu[0].fd, KVM_X86_SET_MCE, &bad, "an error that is not valid"))
		return -1;
	return corrected(l) || uncorrected(l, true) || uncorrected(l, false) ? -1 : 0;
}

/* ---- what a VMM asks of KVM for all of a VM ---- */

/* #DB waits with its payload: DR6 gets it when the exception is delivered, not before. */
/* KVM_SET_REGS replaces what the guest was about to do: an exception that waits is dropped. */
static int regs_drop(struct lab *l, struct kvm_vcpu_events *e)
{
	struct kvm_regs r;

	if (lab_cpu_ioctl(l, 0, KVM_SET_VCPU_EVENTS, e) < 0 || lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0 ||
	    lab_cpu_ioctl(l, 0, KVM_SET_REGS, &r) < 0 || lab_cpu_ioctl(l, 0, KVM_GET_VCPU_EVENTS, e) < 0)
		return -1;
	REQUIRE(l->t, !((uint8_t *)&e->exception)[3], "an exception that was pending before KVM_SET_REGS is pending after it");
	return 0;
}

LAB_CHECK(vm, exception_payload, LAB(), "an exception that waits delivers its payload with it",
	  ADVICE_STATE, NEED_KVM | NEED_HW)
{
	static const uint8_t code[] = { 0xe6, DONE };
	struct kvm_vcpu_events e;
	struct kvm_debugregs d;
	uint8_t *payload = (uint8_t *)&e + sizeof(e) - 8;	/* the last member, since 4.20 */
	uint64_t bs = 1 << 14, got;
	int port;

	if (lab_cap(l, CAP_EXCEPTION_PAYLOAD) <= 0)
		return t_skip(l->t, "this KVM has no KVM_CAP_EXCEPTION_PAYLOAD (4.20)");
	if (lab_code_real(l, code, sizeof(code)) || lab_cpu_ioctl(l, 0, KVM_GET_VCPU_EVENTS, &e) < 0)
		return -1;
	REQUIRE(l->t, !lab_enable(l, CAP_EXCEPTION_PAYLOAD, 1), "KVM_CAP_EXCEPTION_PAYLOAD cannot be enabled");
	lab_code(l, 0x2000, (const uint8_t[]){ 0xe6, FAULT }, 2);
	lab_code(l, 4, (const uint16_t[]){ 0x2000, 0 }, 4);
	e.exception.nr = 1;
	((uint8_t *)&e.exception)[3] = 1;	/* pending; padding in older headers */
	((uint8_t *)&e)[sizeof(e) - 9] = 1;	/* exception_has_payload */
	memcpy(payload, &bs, 8);
	e.flags = EVENT_PAYLOAD;
	if (lab_cpu_ioctl(l, 0, KVM_SET_VCPU_EVENTS, &e) < 0 || lab_cpu_ioctl(l, 0, KVM_GET_VCPU_EVENTS, &e) < 0)
		return -1;
	memcpy(&got, payload, 8);
	REQUIRE(l->t, e.exception.nr == 1 && ((uint8_t *)&e.exception)[3] == 1 && got == bs,
		"#DB was set with payload 0x%llx; KVM_GET_VCPU_EVENTS gives exception %u, payload 0x%llx",
		(unsigned long long)bs, e.exception.nr, (unsigned long long)got);
	if (lab_step_to(l, KVM_EXIT_IO, "the guest's OUT") || lab_cpu_ioctl(l, 0, KVM_GET_DEBUGREGS, &d) < 0)
		return -1;
	port = l->cpu[0].run->io.port;
	REQUIRE(l->t, port == FAULT, "the guest got no #DB");
	REQUIRE(l->t, d.dr6 & bs, "#DB was delivered, but DR6 is 0x%llx, without its payload 0x%llx", d.dr6,
		(unsigned long long)bs);
	return regs_drop(l, &e);
}

/* The guest's RDMSR of @msr must lead to @port: DONE, or FAULT for #GP; @otherwise says what is wrong if not. */
static int guest_reads(struct lab *l, uint32_t msr, int port, const char *otherwise)
{
	uint8_t code[] = { 0x66, 0xb9, 0, 0, 0, 0, 0x0f, 0x32, 0xe6, DONE };	/* mov $MSR, %ecx; rdmsr; out */
	int got;

	memcpy(code + 2, &msr, 4);
	got = outcome(l, code, sizeof(code), 13);
	if (got < 0)
		return -1;
	REQUIRE(l->t, got == port, "%s", otherwise);
	return 0;
}

LAB_CHECK(vm, platform_info, LAB(), "MSR_PLATFORM_INFO is the guest's only if the VMM leaves it",
	  ADVICE_RUN, NEED_KVM | NEED_HW, .settings = "kvm.ignore_msrs")
{
	if (lab_cap(l, CAP_MSR_PLATFORM_INFO) <= 0)
		return t_skip(l->t, "this KVM has no KVM_CAP_MSR_PLATFORM_INFO (4.19)");
	if (setting_on(l->t->env, "kvm.ignore_msrs"))
		return t_skip(l->t, "kvm.ignore_msrs is set: no RDMSR faults");
	if (guest_reads(l, 0xce, DONE, "the guest cannot read MSR_PLATFORM_INFO, which is on by default"))
		return -1;
	REQUIRE(l->t, !lab_enable(l, CAP_MSR_PLATFORM_INFO, 0), "KVM_CAP_MSR_PLATFORM_INFO cannot be turned off");
	return guest_reads(l, 0xce, FAULT, "KVM_CAP_MSR_PLATFORM_INFO is off, and the guest still reads the MSR");
}

LAB_CHECK(vm, enforce_pv, LAB(.no_cpuid = true), "KVM's own MSRs fault in a guest whose CPUID lacks them, if the VMM asks",
	  ADVICE_RUN, NEED_KVM | NEED_HW, .settings = "kvm.ignore_msrs")
{
	struct kvm_enable_cap cap = { .cap = CAP_ENFORCE_PV, .args = { 1 } };

	if (lab_cap(l, CAP_ENFORCE_PV) <= 0)
		return t_skip(l->t, "this KVM has no KVM_CAP_ENFORCE_PV_FEATURE_CPUID (5.10)");
	if (setting_on(l->t->env, "kvm.ignore_msrs"))
		return t_skip(l->t, "kvm.ignore_msrs is set: no RDMSR faults");
	if (guest_reads(l, 0x4b564d01, DONE, "the guest cannot read KVM's system time, though the VMM did not enforce CPUID") ||
	    lab_cpu_ioctl(l, 0, KVM_ENABLE_CAP, &cap) < 0)
		return -1;
	return guest_reads(l, 0x4b564d01, FAULT,
		"with KVM_CAP_ENFORCE_PV_FEATURE_CPUID the guest still reads KVM's system time, which its CPUID lacks");
}

/* An access to an MSR exits with that reason; the VMM answers with @data, or with a fault. */
static int user_msr(struct lab *l, uint32_t exit, uint32_t reason, uint32_t index, uint64_t data, bool fault)
{
	struct msr_exit *m = (struct msr_exit *)(void *)&l->cpu[0].run->io;
	bool write = exit == KVM_EXIT_X86_WRMSR;

	if (lab_step_to(l, exit, write ? "the guest's WRMSR" : "the guest's RDMSR"))
		return -1;
	REQUIRE(l->t, !m->error, "an access to MSR 0x%x exits with an error of %u, which the VMM has not set", index, m->error);
	REQUIRE(l->t, m->reason == reason && m->index == index && (!write || m->data == data),
		"%s of MSR 0x%x exits with reason %u, index 0x%x, data 0x%llx; expected reason %u%s", write ? "WRMSR" : "RDMSR", index,
		m->reason, m->index, (unsigned long long)m->data, reason, write ? " and the guest's data" : "");
	m->error = fault;
	if (!write)
		m->data = data;
	return 0;
}

/* The guest's OUT must be to @port; of all of EAX, if that is DONE: @want. */
static int user_out(struct lab *l, unsigned int port, uint32_t want, const char *what)
{
	const struct kvm_run *run = l->cpu[0].run;
	uint32_t got;

	if (lab_step_to(l, KVM_EXIT_IO, what))
		return -1;
	memcpy(&got, (const uint8_t *)run + run->io.data_offset, sizeof(got));
	REQUIRE(l->t, run->io.port == port && (port != DONE || got == want), "%s: OUT of 0x%x to port 0x%x, expected 0x%x to port 0x%x",
		what, got, run->io.port, want, port);
	return 0;
}

/* MSRs that KVM does not know, and values that it does not take, are the VMM's to answer if it asks for them. */
LAB_CHECK(vm, user_msr, LAB(), "the VMM answers for MSRs that KVM does not know, and for values that it rejects",
	  ADVICE_RUN, NEED_KVM | NEED_HW, .settings = "kvm.ignore_msrs")
{
	static const uint8_t code[] = {
		0x66, 0xb9, 0x45, 0x23, 1, 0, 0x0f, 0x32,			/* mov $0x12345, %ecx; rdmsr */
		0x66, 0xe7, DONE, 0x66, 0x89, 0xd0, 0x66, 0xe7, DONE,		/* out %eax; mov %edx, %eax; out %eax */
		0x66, 0xb9, 0x80, 0, 0, 0xc0, 0x66, 0x31, 0xc0,			/* mov $EFER, %ecx; xor %eax, %eax */
		0x66, 0xba, 0, 0, 0, 0x80, 0x0f, 0x30, 0x66, 0xe7, DONE,	/* mov $1 << 31, %edx; wrmsr; out %eax */
		0x66, 0xb9, 0x45, 0x23, 1, 0, 0x0f, 0x30, 0xe6, DONE,		/* mov $0x12345, %ecx; wrmsr: a fault */
	};
	static const uint8_t handler[] = { 0xe6, FAULT };
	static const uint16_t ivt[2] = { 0x2000, 0 };
	const uint64_t data = 0x1122334455667788ull, bad = 0x8000000000000000ull;

	if (lab_cap(l, CAP_USER_SPACE_MSR) <= 0 || lab_enable(l, CAP_USER_SPACE_MSR, EXIT_REASON_INVAL | EXIT_REASON_UNKNOWN))
		return t_skip(l->t, "this KVM leaves no MSRs to the VMM (KVM_CAP_X86_USER_SPACE_MSR, 5.10)");
	if (setting_on(l->t->env, "kvm.ignore_msrs"))
		return t_skip(l->t, "kvm.ignore_msrs is set: KVM answers for MSRs that it does not know");
	if (lab_code_real(l, code, sizeof(code)))
		return -1;
	lab_code(l, 0x2000, handler, sizeof(handler));
	lab_code(l, 13 * 4, ivt, sizeof(ivt));
	if (user_msr(l, KVM_EXIT_X86_RDMSR, EXIT_REASON_UNKNOWN, 0x12345, data, false) ||
	    user_out(l, DONE, (uint32_t)data, "the low half that the guest reads") ||
	    user_out(l, DONE, (uint32_t)(data >> 32), "the high half that the guest reads") ||
	    user_msr(l, KVM_EXIT_X86_WRMSR, EXIT_REASON_INVAL, 0xc0000080, bad, false) ||
	    user_out(l, DONE, 0, "after a WRMSR that the VMM took") ||
	    user_msr(l, KVM_EXIT_X86_WRMSR, EXIT_REASON_UNKNOWN, 0x12345, bad, true))
		return -1;
	return user_out(l, FAULT, 0, "after a WRMSR for which the VMM wants a fault");
}
