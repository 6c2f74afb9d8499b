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
#include "sandbox.h"

/*
 * Who calls what, and why. The process's filter comes first, and every thread
 * inherits it; then each thread narrows itself to its role.
 */
#define CALL SCMP_SYS
enum { MAIN = 1, VCPU = 2, DISK = 4, NET = 8, CONSOLE = 16, DEVICE = 32, ENDER = 64,
	GDB = 128,
	START = 256,	/* only until all threads are in their roles */
	DEVICES = DISK | NET | CONSOLE | DEVICE,
	THREADS = VCPU | DEVICES | ENDER | GDB,
	ALL = MAIN | THREADS };

static const struct {
	const char *name;	/* of the array, before "_filter"; sandbox.c has them */
	unsigned int roles;
} filters[] = {
	{ "process", ALL | START }, { "main", MAIN }, { "vcpu", VCPU }, { "disk", DISK },
	{ "net", NET }, { "console", CONSOLE }, { "device", DEVICE }, { "ender", ENDER },
	{ "gdb", GDB },
};

static const struct {
	int nr;
	unsigned int roles;
} calls[] = {
	/* eventfds, input, frames, consoles, messages */
	{ CALL(read), MAIN | NET | DEVICE | ENDER | GDB }, { CALL(write), ALL },
	{ CALL(writev), MAIN | NET },
	{ CALL(poll), ALL },					/* say(), of SIGBUS, too; consoles */
	{ CALL(pread64), MAIN | DISK }, { CALL(pwrite64), MAIN | DISK },	/* snapshot, O_DIRECT */
	{ CALL(preadv), DISK }, { CALL(pwritev), DISK },
	{ CALL(fdatasync), MAIN | DISK }, { CALL(fallocate), DISK },
	{ CALL(ftruncate), MAIN }, { CALL(lseek), MAIN }, { CALL(fstat), MAIN },
	{ CALL(newfstatat), MAIN }, { CALL(close), MAIN | GDB },
	{ CALL(accept4), GDB },					/* debuggers that come and go */
	{ CALL(recvmsg), MAIN }, { CALL(flock), MAIN },		/* migration: socket, disks */
	{ CALL(getrusage), MAIN }, { CALL(mremap), MAIN },	/* --stats; realloc of what is large */
	{ CALL(epoll_wait), MAIN | DEVICES }, { CALL(epoll_pwait), MAIN | DEVICES },
	{ CALL(epoll_ctl), MAIN | NET },
	{ CALL(getrandom), ALL },				/* rng, malloc's seed */
	{ CALL(futex), ALL }, { CALL(sched_yield), ALL },	/* locks */
	{ CALL(brk), ALL }, { CALL(munmap), ALL }, { CALL(madvise), ALL },	/* malloc, thread end */
	{ CALL(clock_gettime), ALL }, { CALL(clock_nanosleep), ALL },	/* where the vDSO cannot */
	{ CALL(rt_sigreturn), ALL }, { CALL(restart_syscall), ALL },
	{ CALL(rt_sigprocmask), ALL },				/* thread start and end */
	{ CALL(rseq), START | THREADS }, { CALL(set_robust_list), START | THREADS },
	{ CALL(getpid), MAIN | GDB }, { CALL(gettid), MAIN | GDB },
	{ CALL(exit), ALL }, { CALL(exit_group), ALL },
	{ CALL(seccomp), START }, { CALL(sched_getaffinity), START }, { CALL(rt_sigaction), START },
};

/* KVM, vhost and terminal ioctls that happen after start; KVM_RUN first, it is hot. */
static const struct {
	unsigned long req;
	unsigned int roles;
} ioctls[] = {
	{ KVM_RUN, VCPU }, { KVM_SIGNAL_MSI, MAIN | VCPU | DEVICES }, { KVM_IRQ_LINE, MAIN | VCPU },
	{ KVM_GET_REGS, MAIN | VCPU | GDB }, { KVM_GET_SREGS, MAIN | VCPU | GDB },
	{ KVM_TRANSLATE, MAIN | VCPU | GDB },
	{ KVM_GET_MP_STATE, MAIN | VCPU }, { KVM_RESET_DIRTY_RINGS, MAIN | VCPU },
	/* A driver starts, stops a device */
	{ VHOST_SET_FEATURES, VCPU }, { VHOST_SET_VRING_NUM, VCPU }, { VHOST_SET_VRING_BASE, VCPU },
	{ VHOST_SET_VRING_ADDR, VCPU }, { VHOST_SET_VRING_KICK, VCPU },
	{ VHOST_SET_VRING_CALL, VCPU }, { VHOST_VSOCK_SET_RUNNING, VCPU },
	{ VHOST_NET_SET_BACKEND, VCPU }, { TUNSETOFFLOAD, VCPU },
	/* Snapshot, statistics, resume */
	{ KVM_GET_LAPIC, MAIN }, { KVM_GET_MSRS, MAIN }, { KVM_GET_XSAVE, MAIN },
	{ KVM_GET_XSAVE2, MAIN }, { KVM_GET_XCRS, MAIN }, { KVM_GET_VCPU_EVENTS, MAIN },
	{ KVM_GET_DEBUGREGS, MAIN | GDB }, { KVM_GET_IRQCHIP, MAIN }, { KVM_GET_PIT2, MAIN },
	{ KVM_GET_CLOCK, MAIN }, { KVM_GET_DIRTY_LOG, MAIN }, { KVM_GET_MSR_INDEX_LIST, MAIN },
	{ KVM_GET_NESTED_STATE, MAIN }, { KVM_GET_CPUID2, MAIN }, { KVM_GET_TSC_KHZ, MAIN },
	/* Migration: the dirty log of regions, its limit */
	{ KVM_SET_USER_MEMORY_REGION, MAIN }, { KVM_ENABLE_CAP, MAIN },
	{ KVM_CHECK_EXTENSION, MAIN | GDB }, { KVM_GET_STATS_FD, MAIN }, { KVM_KVMCLOCK_CTRL, MAIN },
	{ KVM_SET_GUEST_DEBUG, GDB }, { KVM_SET_REGS, GDB }, { KVM_SET_DEBUGREGS, GDB },
	/* stdio asks what stdout is; so does tcsetattr(). From glibc 2.42 on by TCGETS2. */
	{ TCGETS, MAIN | ENDER }, { 0x802c542a, MAIN | ENDER },
	/* The terminal put right at the end; likewise TCSETS2 */
	{ TCSETS, MAIN | ENDER }, { 0x402c542b, MAIN | ENDER },
};

#define N(a)	(sizeof(a) / sizeof((a)[0]))

static int add_tables(scmp_filter_ctx c, unsigned int roles)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < N(ioctls) && !rc; i++)
		if (ioctls[i].roles & roles)
			rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
					      SCMP_A1(SCMP_CMP_EQ, ioctls[i].req, 0));
	for (i = 0; i < N(calls) && !rc; i++)
		if (calls[i].roles & roles)
			rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, calls[i].nr, 0);
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

static int add_rules(scmp_filter_ctx c, unsigned int roles)
{
	int rc = add_tables(c, roles);

	if (!rc)
		rc = allow_mappings(c);
	/* Signals to threads of this process alone; sandbox.c puts its number in. */
	if (!rc && roles & (MAIN | GDB))
		rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				      SCMP_A0(SCMP_CMP_EQ, SANDBOX_PID));
	if (rc || !(roles & START))
		return rc;
	/*
	 * Threads only. clone3() has its flags in memory, where no filter sees
	 * them: the C library takes clone(), then.
	 */
	rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
			      SCMP_A0(SCMP_CMP_MASKED_EQ, 0x10000, 0x10000));
	return rc ? rc : seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
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
	if (!rc && fseek(f, 0, SEEK_SET))
		rc = -errno;
	printf("static const struct sock_filter %s_filter[] = {\n", name);
	while (!rc && fread(&x, sizeof(x), 1, f) == 1)
		printf("\t{ %#x, %u, %u, %#x },\n", x.code, x.jt, x.jf, x.k);
	puts("};");
	fclose(f);
	return rc;
}

int main(void)
{
	size_t i;
	int rc = 0;

	puts("/* Made by gen/sandbox_gen.c, where the rules are. */");
	for (i = 0; i < N(filters) && !rc; i++) {
		scmp_filter_ctx c = seccomp_init(SCMP_ACT_KILL_PROCESS);

		rc = c ? seccomp_attr_set(c, SCMP_FLTATR_CTL_OPTIMIZE, 2) : -ENOMEM;
		if (rc == -EOPNOTSUPP || rc == -EEXIST || rc == -EINVAL)
			rc = 0;		/* before libseccomp 2.5: a linear list */
		if (!rc)	/* by default 32-bit calls would end the thread alone */
			rc = seccomp_attr_set(c, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
		if (!rc)
			rc = add_rules(c, filters[i].roles);
		if (!rc)
			rc = print(c, filters[i].name);
		if (c)
			seccomp_release(c);
	}
	if (rc)
		fprintf(stderr, "sandbox_gen: libseccomp: error %d\n", -rc);
	return rc != 0;
}
