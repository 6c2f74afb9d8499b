// SPDX-License-Identifier: GPL-2.0-only
#include "sandbox.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox_bpf.h"	/* made by gen/sandbox_gen.c: the rules */

#define PROGRAM(name)	{ name##_filter, sizeof(name##_filter) / sizeof(name##_filter[0]) }
#define LEN_MAX		256
#define FDS_LATER	8

static const struct {
	const struct sock_filter *f;
	size_t n;
} programs[] = {
	[SANDBOX_PROCESS] = PROGRAM(process), [SANDBOX_MAIN] = PROGRAM(main),
	[SANDBOX_VCPU] = PROGRAM(vcpu), [SANDBOX_DISK] = PROGRAM(disk),
	[SANDBOX_NET] = PROGRAM(net), [SANDBOX_CONSOLE] = PROGRAM(console),
	[SANDBOX_DEVICE] = PROGRAM(device), [SANDBOX_ENDER] = PROGRAM(ender),
	[SANDBOX_GDB] = PROGRAM(gdb),
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

/* <linux/landlock.h> has it from 5.13 on; numbers and bits are the kernel's ABI. */
int sandbox_landlock(struct err *e)
{
	enum { CREATE = 444, RESTRICT = 446, VERSION = 1, KNOWN = 6 };
	static const uint64_t files[KNOWN + 1] = { 0, 0x1fff, 0x3fff, 0x7fff, 0x7fff, 0xffff, 0xffff };
	static const uint8_t size[KNOWN + 1] = { 0, 8, 8, 8, 16, 16, 24 };
	long abi = syscall(CREATE, NULL, 0, VERSION);
	/* All of files, TCP, others' abstract sockets and processes */
	uint64_t deny[3] = { 0, 3, 3 };
	int fd, rc = 0;

	if (abi <= 0)
		return 0;
	abi = abi < KNOWN ? abi : KNOWN;
	deny[0] = files[abi];
	fd = (int)syscall(CREATE, deny, size[abi], 0);
	if (fd < 0 || syscall(RESTRICT, fd, 0) < 0)
		rc = err_set(e, -errno, "sandbox: Landlock: %m");
	if (fd >= 0)
		close(fd);
	return rc;
}

/* The death of the process that the user sees must still be heard. */
static int become(const struct sandbox_user *u, struct err *e)
{
	int sig = 0;

	prctl(PR_GET_PDEATHSIG, &sig);
	if (setgroups(0, NULL) < 0 || setresgid(u->gid, u->gid, u->gid) < 0 ||
	    setresuid(u->uid, u->uid, u->uid) < 0)
		return err_set(e, -errno, "--user %u:%u: %m: only root can become another user",
			       u->uid, u->gid);
	prctl(PR_SET_PDEATHSIG, sig);
	return 0;
}

static int limit(int what, uint64_t max, const char *name, struct err *e)
{
	struct rlimit r;

	if (getrlimit(what, &r) < 0)
		return err_set(e, -errno, "sandbox: %s: %m", name);
	r.rlim_max = r.rlim_max < max ? r.rlim_max : max;
	r.rlim_cur = r.rlim_cur < r.rlim_max ? r.rlim_cur : r.rlim_max;
	return setrlimit(what, &r) < 0 ? err_set(e, -errno, "sandbox: %s: %m", name) : 0;
}

/* Sizes of files; descriptors but for the few that come later (statistics). */
static int limits(uint64_t file_max, struct err *e)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	int rc = fd < 0 ? 0 : limit(RLIMIT_NOFILE, (uint64_t)fd + FDS_LATER, "RLIMIT_NOFILE", e);

	if (fd >= 0)
		close(fd);
	if (!rc && file_max)
		rc = limit(RLIMIT_FSIZE, file_max, "RLIMIT_FSIZE", e);
	return rc;
}

int sandbox_process(const struct sandbox_user *user, uint64_t file_max, struct err *e)
{
	int rc = user && user->set ? become(user, e) : 0;

	if (!rc && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		rc = err_set(e, -errno, "sandbox: no_new_privs: %m");
	if (!rc)
		rc = limits(file_max, e);
	if (!rc)
		rc = drop_caps(e);
	if (!rc)
		rc = sandbox_landlock(e);
	return rc ? rc : sandbox_enter(SANDBOX_PROCESS, e);
}
