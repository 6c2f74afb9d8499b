// SPDX-License-Identifier: GPL-2.0
/*
 * Run at build time: turns the tables below into seccomp programs (C source,
 * on stdout). So libseccomp does the hard part, and starting a VM costs
 * neither its loading nor its work: 0.4 ms of 1.3 were saved by that.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "compat.h"

/*
 * System calls of every thread, and why. What a vCPU thread does when a guest
 * misbehaves (dump, stop) is in here too.
 */
static const int common_calls[] = {
	SCMP_SYS(read), SCMP_SYS(write),	/* eventfds, console */
	SCMP_SYS(readv), SCMP_SYS(writev),	/* network frames, stdio */
	SCMP_SYS(pread64), SCMP_SYS(pwrite64),	/* disk, snapshot */
	SCMP_SYS(preadv), SCMP_SYS(pwritev),
	SCMP_SYS(futex), SCMP_SYS(sched_yield),	/* locks */
	SCMP_SYS(brk), SCMP_SYS(munmap),	/* malloc */
	SCMP_SYS(madvise),			/* balloon, malloc, thread end */
	SCMP_SYS(clock_gettime),		/* where the vDSO cannot */
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(tgkill), /* kicks */
	SCMP_SYS(exit), SCMP_SYS(exit_group),
	SCMP_SYS(close), SCMP_SYS(lseek), SCMP_SYS(poll),
	SCMP_SYS(getrandom),			/* rng, malloc's seed */
	SCMP_SYS(rseq), SCMP_SYS(set_robust_list),
};

/* And of the main and I/O threads. */
static const int process_calls[] = {
	SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl),
	SCMP_SYS(clone3), SCMP_SYS(seccomp),	/* vCPU threads */
	SCMP_SYS(rt_sigaction), SCMP_SYS(sched_getaffinity),
	SCMP_SYS(fdatasync), SCMP_SYS(fsync), SCMP_SYS(fallocate), /* blk */
	SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(ftruncate),
	SCMP_SYS(getrusage),			/* --stats */
	SCMP_SYS(mremap),			/* realloc of what is large */
};

/* KVM and vhost ioctls that happen after start; KVM_RUN first, it is hot. */
static const unsigned long vcpu_ioctls[] = {
	KVM_RUN, KVM_SIGNAL_MSI, KVM_IRQ_LINE, KVM_GET_REGS, KVM_GET_SREGS, KVM_TRANSLATE,
	KVM_GET_MP_STATE, KVM_RESET_DIRTY_RINGS,
	VHOST_SET_FEATURES, VHOST_SET_VRING_NUM, VHOST_SET_VRING_BASE,
	VHOST_SET_VRING_ADDR, VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL,
	VHOST_VSOCK_SET_RUNNING, TUNSETOFFLOAD,
};

static const unsigned long process_ioctls[] = {
	KVM_GET_LAPIC, KVM_GET_MSRS, KVM_GET_XSAVE, KVM_GET_XSAVE2,
	KVM_GET_XCRS, KVM_GET_VCPU_EVENTS, KVM_GET_DEBUGREGS,
	KVM_GET_IRQCHIP, KVM_GET_PIT2, KVM_GET_CLOCK, KVM_GET_DIRTY_LOG,
	TCGETS,			/* stdio asks whether stdout is a terminal */
	KVM_KVMCLOCK_CTRL,	/* resume */
	KVM_GET_MSR_INDEX_LIST, KVM_CHECK_EXTENSION, KVM_GET_STATS_FD,
};

#define N(a)	(sizeof(a) / sizeof((a)[0]))

static int allow_calls(scmp_filter_ctx c, const int *calls, size_t n)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < n && !rc; i++)
		rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, calls[i], 0);
	return rc;
}

static int allow_ioctls(scmp_filter_ctx c, const unsigned long *req, size_t n)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < n && !rc; i++)
		rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				      SCMP_A1(SCMP_CMP_EQ, req[i], 0));
	return rc;
}

/* malloc may map memory, never executable; threads need stacks likewise. */
static int allow_mappings(scmp_filter_ctx c)
{
	int rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

	return rc ? rc : seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mprotect),
			1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

static int add_rules(scmp_filter_ctx c, bool process)
{
	int rc = allow_ioctls(c, vcpu_ioctls, N(vcpu_ioctls));

	if (!rc)
		rc = allow_calls(c, common_calls, N(common_calls));
	if (!rc)
		rc = allow_mappings(c);
	if (rc || !process)
		return rc;
	rc = allow_calls(c, process_calls, N(process_calls));
	if (!rc)
		rc = allow_ioctls(c, process_ioctls, N(process_ioctls));
	if (!rc)	/* threads only: glibc before 2.34 */
		rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
			SCMP_A0(SCMP_CMP_MASKED_EQ, 0x10000, 0x10000));
	return rc;
}

/* libseccomp writes the program to a descriptor. */
static int print(scmp_filter_ctx c, const char *name)
{
	FILE *f = tmpfile();
	struct sock_filter x;
	int rc;

	if (!f)
		return -errno;
	rc = seccomp_export_bpf(c, fileno(f));
	rewind(f);
	printf("static const struct sock_filter %s[] = {\n", name);
	while (!rc && fread(&x, sizeof(x), 1, f) == 1)
		printf("\t{ %#x, %u, %u, %#x },\n", x.code, x.jt, x.jf, x.k);
	puts("};");
	fclose(f);
	return rc;
}

int main(void)
{
	int i, rc = 0;

	puts("/* Made by gen/sandbox_gen.c, where the rules are. */");
	for (i = 0; i < 2 && !rc; i++) {
		scmp_filter_ctx c = seccomp_init(SCMP_ACT_KILL_PROCESS);

		rc = c ? seccomp_attr_set(c, SCMP_FLTATR_CTL_OPTIMIZE, 2) : -ENOMEM;
		if (rc == -EOPNOTSUPP || rc == -EEXIST || rc == -EINVAL)
			rc = 0;		/* before libseccomp 2.5: a linear list */
		if (!rc)
			rc = add_rules(c, i == 0);
		if (!rc)
			rc = print(c, i ? "vcpu_filter" : "process_filter");
		if (c)
			seccomp_release(c);
	}
	if (rc)
		fprintf(stderr, "sandbox_gen: libseccomp: error %d\n", -rc);
	return rc != 0;
}
