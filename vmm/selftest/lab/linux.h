/* SPDX-License-Identifier: GPL-2.0-only */
/* Run kvm-vmm as a process with a Linux guest, and judge what the guest's init printed. */
#ifndef SELFTEST_LINUX_H
#define SELFTEST_LINUX_H

#include "check.h"
#include "env/proc.h"

#define EXTRA_MAX	8

#define ADVICE_LINUX "If the flat/ checks pass, look at the guest's console in the notes; try kvm-vmm by hand."
#define LINUX	(NEED_KVM | NEED_VMM | NEED_HW)

struct boot {
	const char *cpus;		/* NULL: 1 */
	const char *mem;		/* MiB, NULL: 128 */
	const char *append;		/* beyond the console */
	const char *extra[EXTRA_MAX];	/* further options of kvm-vmm */
	const char *restore;		/* a snapshot instead of kernel and initramfs */
	const char *cue;		/* SIGUSR1 when the guest has said this */
	int status;			/* expected of kvm-vmm */
	bool part;			/* do not expect complete TAP */
};

/* linux_run - run it and judge it by b->status and b->part; 0, or -1 after t_fail(), t_skip(). Free out->text. */
int linux_run(struct t *t, const struct boot *b, struct proc_out *out);
/* linux_boot - linux_images() and linux_run() */
int linux_boot(struct t *t, const struct boot *b);
/* linux_images - are the guest's kernel and initramfs there and intact? */
int linux_images(struct t *t);
/* linux_own - t_skip() unless the guest kernel is the package's, which has all drivers */
int linux_own(struct t *t);

#endif
