// SPDX-License-Identifier: GPL-2.0-only
/* The host's half of guest/t_nested*.c: did the guest or its guest exit? */
#include <sys/ioctl.h>

#define REPORT_PLACE 50
#include "flat/flat.h"

/* KVM_RUN_X86_GUEST_MODE is set if the guest's own guest ran at the exit. */
static int on_exit_nested(struct lab *l, unsigned int cpu, void *arg)
{
	const struct kvm_run *run = l->cpu[cpu].run;
	bool l2;

	(void)arg;
	/* Ports that L2 may use. */
	if (run->exit_reason == KVM_EXIT_IO && run->io.port >= UNIT_PORT_IO && run->io.port < UNIT_PORT_IO + 16)
		return 1;
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
		return t_skip(l->t, "in this KVM a guest and its guest always share the PAT (quirk NESTED_SVM_SHARED_PAT, after Linux 6.12)");
	return lab_vm_ioctl(l, KVM_ENABLE_CAP, &c) < 0 ? -1 : 0;
}

/* arg[0]: does KVM request no interrupt window where L2 has no say? arg[1]: does each PAUSE of L2 exit? */
static int tell_age(struct lab *l)
{
	unit_shared(l)->arg[0] = env_kernel(l->t->env) >= KERNEL(6, 7);
	unit_shared(l)->arg[1] = env_kernel(l->t->env) >= KERNEL(5, 18);
	return 0;
}

static int nested(struct t *t, const char *test, int (*pre)(struct lab *l))
{
	return unit_test(t, &(struct unit){ .test = test, .lab = { .pre = pre }, .on_exit = on_exit_nested });
}

/* sync 1 empties the dirty log; 2: out[0] := is page arg[0] in it? */
static int on_exit_dirty(struct lab *l, unsigned int cpu, void *arg)
{
	uint64_t *bits = arg;
	struct kvm_dirty_log log = { .dirty_bitmap = bits };
	struct unit_shared *sh = unit_shared(l);
	uint32_t n;

	if (!sync_number(l->cpu[cpu].run, &n))
		return lab_odd_exit(l, cpu);
	if (lab_vm_ioctl(l, KVM_GET_DIRTY_LOG, &log) < 0)
		return -1;
	REQUIRE(l->t, sh->arg[0] < UNIT_RAM / 4096, "the guest's own figures are damaged");
	sh->out[0] = bits[sh->arg[0] / 64] >> sh->arg[0] % 64 & 1;
	return 1;
}

static int nested_dirty(struct t *t)
{
	uint64_t bits[UNIT_RAM / 4096 / 64];

	return unit_test(t, &(struct unit){ .test = "nested_dirty", .lab = { .ram_flags = KVM_MEM_LOG_DIRTY_PAGES },
		.on_exit = on_exit_dirty, .arg = bits });
}

FLAT(nested_svm, nested(t, "nested_svm", NULL),
     "a guest runs its own guest (SVM), if nested is on", ADVICE_NESTED, HW)
FLAT(nested_exits, unit_test(t, &(struct unit){ .test = "nested_exits", .prepare = tell_age }),
     "a guest's own guest (SVM) exits at what is intercepted, and only there", ADVICE_NESTED, HW)
FLAT(nested_maps, nested(t, "nested_maps", NULL),
     "the permission maps of a guest's own guest (SVM): MSRs, ports", ADVICE_NESTED, HW)
FLAT(nested_invalid, unit_check(t, "nested_invalid"),
     "VMRUN rejects an invalid VMCB of a guest", ADVICE_NESTED, HW)
FLAT(nested_state, unit_check(t, "nested_state"),
     "a guest and its own guest (SVM) keep their own registers", ADVICE_NESTED, HW)
FLAT(nested_events, unit_check(t, "nested_events"),
     "a guest injects interrupts and exceptions into its own guest (SVM)", ADVICE_NESTED, HW)
FLAT(nested_interrupts, unit_test(t, &(struct unit){ .test = "nested_interrupts", .lab = { .irqchip = true },
	.prepare = tell_age }),
     "interrupts and NMIs reach the guest or its own guest (SVM), whichever they should", ADVICE_NESTED, HW)
FLAT(nested_gif, unit_test(t, &(struct unit){ .test = "nested_gif", .lab = { .irqchip = true } }),
     "NMIs and interrupts wait while a guest hypervisor (SVM) has GIF clear", ADVICE_NESTED, HW)
FLAT(nested_gif_exit, unit_test(t, &(struct unit){ .test = "nested_gif_exit", .lab = { .irqchip = true } }),
     "a guest hypervisor (SVM) has GIF clear after each exit of its guest", ADVICE_NESTED, HW)
FLAT(nested_dirty, nested_dirty(t),
     "the dirty log has the VMCBs that KVM writes for a guest (SVM)", ADVICE_NESTED, HW)
FLAT(nested_vmsave, unit_check(t, "nested_vmsave"),
     "VMSAVE and VMLOAD move each of their registers", ADVICE_NESTED, HW)
FLAT(nested_npt, unit_check(t, "nested_npt"),
     "a guest translates its own guest's addresses (SVM's nested paging)", ADVICE_NESTED, HW)
FLAT(nested_pat, nested(t, "nested_pat", own_pat),
     "a guest's own guest has its own PAT, if the VMM turned that quirk off", ADVICE_NESTED, HW)
FLAT(nested_vmx, nested(t, "nested_vmx", NULL),
     "a guest runs its own guest (VMX), if nested is on", ADVICE_NESTED, HW)
FLAT(nested_vmx_exits, unit_check(t, "nested_vmx_exits"),
     "a guest's own guest (VMX) exits at what is intercepted, and only there", ADVICE_NESTED, HW)
FLAT(nested_vmx_maps, unit_check(t, "nested_vmx_maps"),
     "the bitmaps of a guest's own guest (VMX): MSRs, ports; lists of MSRs", ADVICE_NESTED, HW)
FLAT(nested_vmx_invalid, unit_check(t, "nested_vmx_invalid"),
     "VMLAUNCH and VMWRITE reject what is invalid", ADVICE_NESTED, HW)
FLAT(nested_vmx_events, unit_check(t, "nested_vmx_events"),
     "a guest injects interrupts and exceptions into its own guest (VMX)", ADVICE_NESTED, HW)
FLAT(nested_vmx_interrupts, unit_test(t, &(struct unit){ .test = "nested_vmx_interrupts", .lab = { .irqchip = true } }),
     "interrupts reach the guest or its own guest (VMX), whichever they should", ADVICE_NESTED, HW)
FLAT(nested_ept, unit_check(t, "nested_ept"),
     "a guest translates its own guest's addresses (VMX's EPT)", ADVICE_NESTED, HW)
