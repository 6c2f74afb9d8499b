// SPDX-License-Identifier: GPL-2.0-only
/* The unit guest in the laboratory: load, run one of its tests, judge. */
#include <cpuid.h>
#include <stdio.h>
#include <string.h>

#include "env/clock.h"
#include "env/settings.h"
#include "lab/image.h"
#include "lab/unit.h"

/*
 * Does this KVM leave the interrupt shadow of an instruction that it skips? Before
 * 6.1 it did on an AMD CPU that does not report the next RIP (NRIPS: CPUID
 * 8000000AH, EDX bit 3), as QEMU's TCG does not: there KVM decodes the instruction.
 */
static bool sticky_shadow(const struct env *env)
{
	unsigned int a, b, c, d;

	if (!env_kernel(env) || env_kernel(env) >= KERNEL(6, 1))
		return false;
	return __get_cpuid(0x80000001, &a, &b, &c, &d) && (c & 4) &&	/* SVM */
	       __get_cpuid(0x8000000a, &a, &b, &c, &d) && !(d & 8);
}

int unit_open(struct lab *l, struct t *t, const struct unit *u)
{
	struct unit_shared *sh;

	if (lab_open(l, t, &u->lab) ||
	    guest_load(t, "unit.bin", l->ram + UNIT_LOAD, UNIT_LOAD_MAX - UNIT_LOAD) < 0)
		return -1;
	l->on_exit = u->on_exit;
	l->arg = u->arg;
	sh = unit_shared(l);
	sh->magic = GUEST_MAGIC;
	sh->ncpus = l->ncpus;
	sh->tcg = host_is_tcg();
	sh->bochs = host_is_bochs();
	sh->sticky_shadow = sticky_shadow(t->env);
	sh->old_kvm = env_old_kvm(t->env);
	sh->kernel = env_kernel(t->env);
	sh->shadow = !strcmp(setting(t->env, "kvm_amd.npt"), "N") || !strcmp(setting(t->env, "kvm_intel.ept"), "N");
	sh->ignore_msrs = setting_on(t->env, "kvm.ignore_msrs");
	memcpy(sh->test, u->test, strnlen(u->test, sizeof(sh->test) - 1));
	if (lab_real(l, 0, UNIT_LOAD))
		return -1;
	return u->prepare ? u->prepare(l) : 0;
}

int unit_run(struct lab *l)
{
	struct unit_shared *sh = unit_shared(l);

	l->code = -1;
	if (lab_run(l))
		return -1;
	sh->msg[sizeof(sh->msg) - 1] = '\0';
	sh->left_out[sizeof(sh->left_out) - 1] = '\0';
	if (sh->left_out[0])
		t_note(l->t, "left out: %s", sh->left_out);
	switch (l->code) {
	case UNIT_PASS:
		return 0;
	case UNIT_SKIP:
		return t_skip(l->t, "%s", sh->msg);
	case UNIT_FAIL:
		if (!strncmp(sh->msg, "no test of this name", 20))
			t_advise(l->t, "The guest image is of another build; that says nothing about KVM. Reinstall kernel-kvm-selftest.");
		lab_dump(l, 0);
		return t_fail(l->t, "%s", sh->msg[0] ? sh->msg : "the guest gave no reason");
	}
	return t_fail(l->t, "the guest's verdict is %d, which is not pass, fail or skip", l->code);
}

int unit_test(struct t *t, const struct unit *u)
{
	struct lab l;
	int rc = unit_open(&l, t, u);

	if (!rc)
		rc = unit_run(&l);
	lab_close(&l);
	return rc;
}

int unit_check(struct t *t, const char *test)
{
	return unit_test(t, &(struct unit){ .test = test });
}

int unit_tell_khz(struct lab *l)
{
	int khz = lab_cpu_ioctl(l, 0, KVM_GET_TSC_KHZ, 0);

	unit_shared(l)->arg[0] = khz > 0 ? (uint64_t)khz : 0;
	return khz > 0 ? 0 : -1;
}

int unit_times(struct lab *l)
{
	unsigned int kvm, real = tsc_khz_measured();

	if (unit_tell_khz(l))
		return -1;
	kvm = (unsigned int)unit_shared(l)->arg[0];
	if (!real || !khz_differ(kvm, real) || khz_differ(kvm, tsc_khz_booted(l->t->env)))
		return 0;
	return t_skip(l->t, "this kernel calibrated its TSC to %u kHz at boot, but it runs at %u kHz: the host's error, which KVM's timers share",
		      kvm, real);
}
