// SPDX-License-Identifier: GPL-2.0
/* The host's half of the MSR filter: KVM_X86_SET_MSR_FILTER, since 5.10. */
#include <string.h>

#include "flat/flat.h"
#include "lab/msrfilter.h"

/* kvm_run.msr; at the start of the union of all exits' data */
struct msr_exit {
	uint8_t error, pad[7];
	uint32_t reason, index;
	uint64_t data;
};

#define READ_GIVES	0x1122334455667788ull
#define HELD_175	0x4321ull

static int set_filter(struct lab *l)
{
	struct kvm_enable_cap cap = { .cap = CAP_USER_SPACE_MSR, .args = { EXIT_REASON_FILTER } };
	uint8_t none = 0;
	struct msr_filter f = { .range = {
		{ FILTER_READ, 1, 0x174, &none }, { FILTER_WRITE, 1, 0x175, &none },
		{ FILTER_READ | FILTER_WRITE, 1, 0x176, &none },
	} };

	return lab_vm_ioctl(l, KVM_ENABLE_CAP, &cap) < 0 || lab_vm_ioctl(l, SET_MSR_FILTER, &f) < 0 ? -1 : 0;
}

static int on_exit_msr(struct lab *l, unsigned int cpu, void *arg)
{
	struct kvm_run *run = l->cpu[cpu].run;
	struct msr_exit *m = (struct msr_exit *)(void *)&run->io;
	struct unit_shared *sh = unit_shared(l);
	bool write = run->exit_reason == KVM_EXIT_X86_WRMSR;

	(void)arg;
	if (!write && run->exit_reason != KVM_EXIT_X86_RDMSR)
		return lab_odd_exit(l, cpu);
	REQUIRE(l->t, m->index == 0x176 || m->index == (write ? 0x175 : 0x174),
		"%s of MSR 0x%x came to user space, which the filter does not name",
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

int flat_msr_filter(struct t *t)
{
	const struct unit_row *row = unit_row(t);
	struct lab_opts o = { 0 };
	uint64_t v = HELD_175;
	struct lab l;
	int rc = unit_open(&l, t, &o, row->test);

	l.on_exit = on_exit_msr;
	if (!rc && (lab_cap(&l, CAP_MSR_FILTER) <= 0 || lab_cap(&l, CAP_USER_SPACE_MSR) <= 0))
		rc = t_skip(t, "KVM has no MSR filter (before 5.10)");
	if (!rc && lab_msr(&l, KVM_SET_MSRS, 0x175, &v) != 1)
		rc = t_fail(t, "KVM_SET_MSRS refuses SYSENTER_ESP (0x175)");
	if (!rc) {
		unit_shared(&l)->arg[1] = READ_GIVES;
		unit_shared(&l)->arg[2] = HELD_175;
		rc = set_filter(&l) ? -1 : unit_run(&l);
	}
	lab_close(&l);
	return rc;
}
