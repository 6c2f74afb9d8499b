// SPDX-License-Identifier: GPL-2.0-only
#include "sandbox.h"

#include <stdint.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox_bpf.h"	/* made by gen/sandbox_gen.c: the rules */

#define PROGRAM(name)	{ name##_filter, sizeof(name##_filter) / sizeof(name##_filter[0]) }
#define LEN_MAX		256

static const struct {
	const struct sock_filter *f;
	size_t n;
} programs[] = {
	[SANDBOX_PROCESS] = PROGRAM(process), [SANDBOX_MAIN] = PROGRAM(main),
	[SANDBOX_VCPU] = PROGRAM(vcpu), [SANDBOX_DISK] = PROGRAM(disk),
	[SANDBOX_NET] = PROGRAM(net), [SANDBOX_CONSOLE] = PROGRAM(console),
	[SANDBOX_DEVICE] = PROGRAM(device), [SANDBOX_ENDER] = PROGRAM(ender),
};

int sandbox_enter(enum sandbox_role role, struct err *e)
{
	struct sock_filter f[LEN_MAX];
	struct sock_fprog p = { .filter = f };
	size_t i, n = programs[role].n;

	if (n > LEN_MAX)
		return err_set(e, -E2BIG, "sandbox: a filter of %zu instructions", n);
	memcpy(f, programs[role].f, n * sizeof(f[0]));
	for (i = 0; i < n; i++)
		if (f[i].k == SANDBOX_PID)
			f[i].k = (uint32_t)getpid();
	p.len = (unsigned short)n;
	/* Without SPEC_ALLOW, kernels before 5.16 slow the vCPUs down (SSBD). */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &p) < 0)
		return err_set(e, -errno,
			       "sandbox: the kernel takes no seccomp filter: %m (--no-sandbox runs without)");
	return 0;
}

static int drop_caps(struct err *e)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { { 0 } };

	/* What may be got back stays empty: there is no execve(2) any more. */
	if (syscall(SYS_capset, &h, d) < 0)
		return err_set(e, -errno, "sandbox: capset: %m");
	return 0;
}

int sandbox_process(struct err *e)
{
	int rc;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(e, -errno, "sandbox: no_new_privs: %m");
	rc = drop_caps(e);
	return rc ? rc : sandbox_enter(SANDBOX_PROCESS, e);
}
