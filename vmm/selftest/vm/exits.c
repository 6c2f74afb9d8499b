// SPDX-License-Identifier: GPL-2.0-only
/* vm: exits that a VMM can enable with KVM_ENABLE_CAP. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define REPORT_PLACE 140
#include "vm/vm.h"

/* --- hypercalls that come to the VMM --- */

#define HC_MAP_GPA_RANGE	12

static int hypercall_pre(struct lab *l)
{
	const uint64_t mask = 1 << HC_MAP_GPA_RANGE;
	int rc;

	if (!(lab_cap(l, KVM_CAP_EXIT_HYPERCALL) & (int)mask))
		return t_skip(l->t, "this KVM cannot forward hypercalls to the VMM (KVM_CAP_EXIT_HYPERCALL, Linux 5.14)");
	REQUIRE(l->t, lab_enable(l, KVM_CAP_EXIT_HYPERCALL, 1 << 1) < 0, "KVM forwards KVM_HC_VAPIC_POLL_IRQ to the VMM, though it does not offer that");
	rc = lab_enable(l, KVM_CAP_EXIT_HYPERCALL, mask);
	REQUIRE(l->t, !rc, "KVM_CAP_EXIT_HYPERCALL: %s", strerror(-rc));
	return 0;
}

/* Let the guest make a hypercall with these arguments, up to the first exit. */
static int call(struct lab *l, uint64_t gpa, uint64_t pages, uint64_t attributes)
{
	struct kvm_regs r = { .rip = 0x1000, .rsp = 0x8000, .rflags = 2, .rax = HC_MAP_GPA_RANGE,
		.rbx = gpa, .rcx = pages, .rdx = attributes };

	if (lab_cpu_ioctl(l, 0, KVM_SET_REGS, &r) < 0)
		return -1;
	return lab_next(l);
}

static int answered(struct lab *l, uint64_t want)
{
	struct kvm_regs r;

	if (lab_step_to(l, KVM_EXIT_HLT, "HLT after a hypercall") || lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	REQUIRE(l->t, r.rax == want, "the VMM answered a hypercall with 0x%llx, but the guest got 0x%llx", (unsigned long long)want, r.rax);
	return 0;
}

LAB_CHECK(vm, exit_hypercall, LAB(.pre = hypercall_pre), "a VMM gets the hypercalls that it requested, and the guest gets its answer",
	  ADVICE_RUN, NEED_KVM | NEED_HW)
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
			"KVM_EXIT_HYPERCALL: call %llu with 0x%llx, 0x%llx, 0x%llx, but the guest made 12 with 0x200000, 4, 0x10",
			run->hypercall.nr, run->hypercall.args[0], run->hypercall.args[1], run->hypercall.args[2]);
		run->hypercall.ret = ret;
		if (answered(l, ret))
			return -1;
	}
	/* KVM itself must reject an invalid call. */
	if (call(l, gpa + 1, pages, attributes))
		return -1;
	REQUIRE(l->t, run->exit_reason == KVM_EXIT_HLT, "a hypercall for an unaligned address came as %s", exit_name(run->exit_reason));
	if (lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	REQUIRE(l->t, r.rax == (uint64_t)-22, "a hypercall for an unaligned address returned 0x%llx, expected -KVM_EINVAL", r.rax);
	return 0;
}

/* --- instructions that KVM cannot emulate --- */

static bool fail_to_vmm;	/* for failure_pre */

static int failure_pre(struct lab *l)
{
	int rc = fail_to_vmm ? lab_enable(l, KVM_CAP_EXIT_ON_EMULATION_FAILURE, 1) : 0;

	REQUIRE(l->t, !rc, "KVM_CAP_EXIT_ON_EMULATION_FAILURE: %s", strerror(-rc));
	return 0;
}

/* PSHUFB of MMIO in ring 3 exits to the VMM if requested; otherwise it is #UD, which has no handler here. */
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
	if (lab_next(l))
		return -1;
	REQUIRE(l->t, run->exit_reason == KVM_EXIT_INTERNAL_ERROR && run->internal.suberror == 1,
		"an instruction that KVM cannot emulate: %s, expected KVM_EXIT_INTERNAL_ERROR with suberror 1", exit_name(run->exit_reason));
	/* The flags; if bit 0 is set, the number of instruction bytes and the bytes follow. */
	REQUIRE(l->t, run->internal.ndata >= 3 && run->internal.data[0] & 1 && bytes[0] >= 5 && !memcmp(bytes + 1, code, 5),
		"an instruction that KVM cannot emulate: the exit does not have its bytes (%u words, flags 0x%llx, %u bytes: %02x %02x %02x)",
		run->internal.ndata, run->internal.data[0], bytes[0], bytes[1], bytes[2], bytes[3]);
	return 0;
}

CHECK(vm, emulation_failure, "an instruction that KVM cannot emulate exits to a VMM that requested that, or else is #UD",
      ADVICE_RUN, NEED_KVM | NEED_HW)
{
	struct lab l;
	int rc = lab_open(&l, t, LAB());

	if (!rc && lab_cap(&l, KVM_CAP_EXIT_ON_EMULATION_FAILURE) <= 0)
		rc = t_skip(t, "this KVM gives no exit for such an instruction (KVM_CAP_EXIT_ON_EMULATION_FAILURE, Linux 5.15)");
	lab_close(&l);
	for (fail_to_vmm = false; !rc; fail_to_vmm = true) {
		rc = lab_with(t, LAB(.pre = failure_pre), failure_body);
		if (fail_to_vmm)
			break;
	}
	return rc;
}
