// SPDX-License-Identifier: GPL-2.0-only
#include "sandbox.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox_bpf.h"	/* made by gen/sandbox_gen.c: the rules */

#define N(a)	(sizeof(a) / sizeof((a)[0]))

static int install(const struct sock_filter *f, size_t n, struct err *e)
{
	const struct sock_fprog p = {
		.len = (unsigned short)n, .filter = (struct sock_filter *)f,
	};

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
	return rc ? rc : install(process_filter, N(process_filter), e);
}

int sandbox_vcpu(struct err *e)
{
	return install(vcpu_filter, N(vcpu_filter), e);
}
