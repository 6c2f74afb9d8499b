// SPDX-License-Identifier: GPL-2.0-only
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
#define CALL SCMP_SYS
static const int common_calls[] = {
	CALL(read), CALL(write), CALL(readv), CALL(writev),	/* eventfds, console, frames, stdio */
	CALL(pread64), CALL(pwrite64), CALL(preadv), CALL(pwritev),	/* disk, snapshot */
	CALL(futex), CALL(sched_yield),				/* locks */
	CALL(brk), CALL(munmap), CALL(madvise),			/* malloc, balloon, thread end */
	CALL(clock_gettime), CALL(clock_nanosleep),		/* where the vDSO cannot */
	CALL(rt_sigreturn), CALL(rt_sigprocmask), CALL(restart_syscall),
	CALL(getpid), CALL(gettid), CALL(tgkill),		/* kicks */
	CALL(exit), CALL(exit_group), CALL(close), CALL(lseek), CALL(poll),
	CALL(getrandom),					/* rng, malloc's seed */
	CALL(rseq), CALL(set_robust_list),
};

/* And of the main and I/O threads. */
static const int process_calls[] = {
	CALL(epoll_wait), CALL(epoll_pwait), CALL(epoll_ctl),
	CALL(clone3), CALL(seccomp),				/* threads */
	CALL(rt_sigaction), CALL(sched_getaffinity), CALL(fstat), CALL(newfstatat),
	CALL(fdatasync), CALL(fsync), CALL(fallocate), CALL(ftruncate),	/* blk, snapshot */
	CALL(getrusage),					/* --stats */
	CALL(mremap),						/* realloc of what is large */
};

/* KVM and vhost ioctls that happen after start; KVM_RUN first, it is hot. */
static const unsigned long vcpu_ioctls[] = {
	KVM_RUN, KVM_SIGNAL_MSI, KVM_IRQ_LINE, KVM_GET_REGS, KVM_GET_SREGS, KVM_TRANSLATE,
	KVM_GET_MP_STATE, KVM_RESET_DIRTY_RINGS, VHOST_SET_FEATURES, VHOST_SET_VRING_NUM,
	VHOST_SET_VRING_BASE, VHOST_SET_VRING_ADDR, VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL,
	VHOST_VSOCK_SET_RUNNING, TUNSETOFFLOAD,
};

static const unsigned long process_ioctls[] = {
	KVM_GET_LAPIC, KVM_GET_MSRS, KVM_GET_XSAVE, KVM_GET_XSAVE2, KVM_GET_XCRS,
	KVM_GET_VCPU_EVENTS, KVM_GET_DEBUGREGS, KVM_GET_IRQCHIP, KVM_GET_PIT2, KVM_GET_CLOCK,
	KVM_GET_DIRTY_LOG, KVM_GET_MSR_INDEX_LIST, KVM_CHECK_EXTENSION, KVM_GET_STATS_FD,
	KVM_KVMCLOCK_CTRL,	/* resume */
	TCGETS,			/* stdio asks whether stdout is a terminal */
	TCSETS, 0x402c542b,	/* terminal put right at the end; newer C libraries: TCSETS2 */
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
