// SPDX-License-Identifier: GPL-2.0-only
/* flat: CPUID, MSRs and instructions (guest/t_cpu.c). */
#include <cpuid.h>
#include <stdlib.h>
#include <string.h>

#define REPORT_PLACE 40
#include "flat/flat.h"
#include "lab/msrfilter.h"

/* arg[0]: XCR0, if the CPU has one, or 0. */
static int give_xcr0(struct lab *l)
{
	unsigned int a, b, c, d;
	int xcr0 = __get_cpuid(1, &a, &b, &c, &d) && c & bit_XSAVE ? set_xcr0(l) : 0;

	unit_shared(l)->arg[0] = (uint64_t)xcr0;
	return xcr0 < 0 ? -1 : 0;
}

/* Give the guest the CPUID that it should see: the one that KVM holds. */
static int give_cpuid(struct lab *l)
{
	struct unit_shared *sh = unit_shared(l);
	enum { MAX = 146 };		/* of 28 bytes, in shared->buf */
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + 256 * sizeof(c->entries[0]));
	uint32_t *out = (uint32_t *)(void *)sh->buf;
	unsigned int i, n = 0;
	int rc;

	NEED(l->t, c, "memory");
	c->nent = 256;
	rc = lab_cpu_ioctl(l, 0, KVM_GET_CPUID2, c);
	for (i = 0; rc >= 0 && i < c->nent && n < MAX; i++, n++) {
		const struct kvm_cpuid_entry2 *e = &c->entries[i];
		uint32_t v[7] = { e->function, e->index, e->flags, e->eax, e->ebx, e->ecx, e->edx };

		/* Before 6.3 the ioctl did not change nent: empty entries follow. */
		if (i && !e->function && !e->index)
			break;
		memcpy(out + (size_t)7 * n, v, sizeof(v));
	}
	sh->arg[0] = n;
	free(c);
	return rc < 0 ? -1 : 0;
}

FLAT(cpuid, unit_test(t, &(struct unit){ .test = "cpuid_kvm", .prepare = give_xcr0 }),
     "CPUID says that this is a KVM guest", ADVICE_CPU, NEED_KVM)
FLAT(cpuid_leaves, unit_test(t, &(struct unit){ .test = "cpuid_exact", .prepare = give_cpuid }),
     "every CPUID leaf reads as the VMM set it", ADVICE_CPU, NEED_KVM)
FLAT(msr, unit_check(t, "msr"),
     "MSRs keep valid values and reject others", ADVICE_CPU, HW, .settings = "kvm.ignore_msrs")

/* --- the MSR filter: KVM_X86_SET_MSR_FILTER, since 5.10 --- */

#define READ_GIVES	0x1122334455667788ull
#define HELD_175	0x4321ull

/* @lstar: filter LSTAR, too */
static int set_filter(struct lab *l, bool lstar)
{
	struct kvm_enable_cap cap = { .cap = CAP_USER_SPACE_MSR, .args = { EXIT_REASON_FILTER } };
	uint8_t none = 0, all = 0xff;
	/* The first range that has an MSR decides, so the last one has no effect. */
	struct msr_filter f = { .range = {
		{ FILTER_READ, 1, 0x174, &none }, { FILTER_WRITE, 1, 0x175, &none },
		{ FILTER_READ | FILTER_WRITE, 1, 0x176, &none }, { FILTER_READ | FILTER_WRITE, 8, 0x170, &all },
		{ FILTER_READ, lstar, 0xc0000082, &none },
	} };

	return lab_vm_ioctl(l, KVM_ENABLE_CAP, &cap) < 0 || lab_vm_ioctl(l, SET_MSR_FILTER, &f) < 0 ? -1 : 0;
}

static int on_exit_msr(struct lab *l, unsigned int cpu, void *arg)
{
	struct kvm_run *run = l->cpu[cpu].run;
	struct msr_exit *m = (struct msr_exit *)(void *)&run->io;
	struct unit_shared *sh = unit_shared(l);
	bool write = run->exit_reason == KVM_EXIT_X86_WRMSR;
	uint32_t n;

	(void)arg;
	if (sync_number(run, &n))
		return set_filter(l, true) ? -1 : 1;
	if (!write && run->exit_reason != KVM_EXIT_X86_RDMSR)
		return lab_odd_exit(l, cpu);
	REQUIRE(l->t, m->index == 0x176 || m->index == (write ? 0x175 : 0x174) || (m->index == 0xc0000082 && !write),
		"%s of MSR 0x%x, which the filter does not name, came to user space",
		write ? "WRMSR" : "RDMSR", m->index);
	REQUIRE(l->t, m->reason == EXIT_REASON_FILTER, "MSR 0x%x: exit for reason %u, expected the filter",
		m->index, m->reason);
	sh->out[1]++;
	m->error = m->index == 0x176;
	if (write && !m->error)
		sh->out[0] = m->data;
	else if (!write)
		m->data = READ_GIVES;
	return 1;
}

static int filtered(struct lab *l)
{
	uint64_t v = HELD_175;

	if (lab_cap(l, CAP_MSR_FILTER) <= 0 || lab_cap(l, CAP_USER_SPACE_MSR) <= 0)
		return t_skip(l->t, "KVM has no MSR filter (before 5.10)");
	REQUIRE(l->t, lab_msr(l, KVM_SET_MSRS, 0x175, &v) == 1, "KVM_SET_MSRS refuses SYSENTER_ESP (0x175)");
	unit_shared(l)->arg[1] = READ_GIVES;
	unit_shared(l)->arg[2] = HELD_175;
	return set_filter(l, false);
}

FLAT(msr_filter, unit_test(t, &(struct unit){ .test = "msr_filter", .on_exit = on_exit_msr, .prepare = filtered }),
     "filtered MSRs come to user space, others do not", ADVICE_CPU, HW)
FLAT(syscall, unit_check(t, "syscall"),
     "SYSCALL and SYSRET obey their MSRs", ADVICE_CPU, HW)
FLAT(intercepted_instructions, unit_check(t, "intercepts"),
     "instructions that KVM intercepts do what they should", ADVICE_CPU, HW)
FLAT(compatibility_mode, unit_check(t, "compat_mode"),
     "32-bit code runs in a 64-bit guest", ADVICE_CPU, HW)
FLAT(task_switch, flat_greeting(t, "task.bin", false, "Hello from three tasks\n"),
     "a 32-bit guest switches tasks: by JMP, CALL, IRET, task gate", ADVICE_CPU, HW)
