// SPDX-License-Identifier: GPL-2.0
/* The host's half of guest/t_nested.c and t_nested_vmx.c: whose exit is it? */
#include <string.h>
#include <sys/ioctl.h>

#include "flat/flat.h"

/* KVM_RUN_X86_GUEST_MODE is set if the guest's own guest ran at the exit. */
static int on_exit_nested(struct lab *l, unsigned int cpu, void *arg)
{
	const struct kvm_run *run = l->cpu[cpu].run;
	bool l2;

	(void)arg;
	if (run->exit_reason != KVM_EXIT_IO || (run->io.port != UNIT_PORT_L1 && run->io.port != UNIT_PORT_L2))
		return lab_odd_exit(l, cpu);
	l2 = run->io.port == UNIT_PORT_L2;
	REQUIRE(l->t, lab_cap(l, KVM_CAP_X86_GUEST_MODE) <= 0 || !!(run->flags & KVM_RUN_X86_GUEST_MODE) == l2,
		"an exit of %s: KVM_RUN_X86_GUEST_MODE is %sset in the flags 0x%x", l2 ? "the guest's guest" : "the guest",
		l2 ? "not " : "", run->flags);
	return 1;
}

static int own_pat(struct lab *l)
{
	const uint64_t quirk = KVM_X86_QUIRK_NESTED_SVM_SHARED_PAT;
	struct kvm_enable_cap c = { .cap = KVM_CAP_DISABLE_QUIRKS2, .args = { quirk } };

	if (!((uint64_t)lab_cap(l, KVM_CAP_DISABLE_QUIRKS2) & quirk))
		return t_skip(l->t, "a guest's guest shares its PAT with it in this KVM (quirk NESTED_SVM_SHARED_PAT, after Linux 6.12)");
	return lab_vm_ioctl(l, KVM_ENABLE_CAP, &c) < 0 ? -1 : 0;
}

int flat_nested(struct t *t)
{
	const struct unit_row *row = unit_row(t);
	struct lab_opts o = { .pre = strcmp(row->test, "nested_pat") ? NULL : own_pat };
	struct lab l;
	int rc = unit_open(&l, t, &o, row->test);

	l.on_exit = on_exit_nested;
	if (!rc)
		rc = unit_run(&l);
	lab_close(&l);
	return rc;
}
