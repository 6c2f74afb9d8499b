// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sandbox: what each role may call is this list and nothing else, by the
 * programs' own words (they are run here) and by the kernel's; and every device
 * works with no more.
 */
#include "tests.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver.h"	/* before <linux/vhost.h>, which has some names, too */
#include "ender.h"
#include "sandbox.h"
#include "sandbox_bpf.h"
#include "say.h"
#include "vm.h"

#include <linux/vhost.h>

#define NR_MAX	600
#define PROGRAM(name)	{ #name, name##_filter, sizeof(name##_filter) / sizeof(name##_filter[0]) }

static const struct program {
	const char *name;
	const struct sock_filter *f;
	size_t n;
} programs[] = {
	[SANDBOX_PROCESS] = PROGRAM(process), [SANDBOX_MAIN] = PROGRAM(main),
	[SANDBOX_VCPU] = PROGRAM(vcpu), [SANDBOX_DISK] = PROGRAM(disk),
	[SANDBOX_NET] = PROGRAM(net), [SANDBOX_CONSOLE] = PROGRAM(console),
	[SANDBOX_DEVICE] = PROGRAM(device), [SANDBOX_ENDER] = PROGRAM(ender),
};

/* ---- the programs' words ---- */

static uint32_t word_at(const struct seccomp_data *d, uint32_t off)
{
	uint32_t v;

	assert_true(off + 4 <= sizeof(*d));
	memcpy(&v, (const uint8_t *)d + off, 4);
	return v;
}

/* The verdict of @p; the few kinds of instructions that libseccomp writes. */
static uint32_t verdict(const struct program *p, const struct seccomp_data *d)
{
	uint32_t a = 0;
	size_t pc;

	for (pc = 0; pc < p->n; pc++) {
		const struct sock_filter *i = &p->f[pc];
		bool yes;

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			a = word_at(d, i->k);
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			continue;
		case BPF_RET | BPF_K:
			return i->k;
		case BPF_JMP | BPF_JA:
			pc += i->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = a == i->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = a >= i->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			yes = a > i->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			yes = a & i->k;
			break;
		default:
			fail_msg("%s: instruction %#x", p->name, i->code);
			return 0;
		}
		pc += yes ? i->jt : i->jf;
	}
	fail_msg("%s: no verdict", p->name);
	return 0;
}

static bool allowed(const struct program *p, int nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	struct seccomp_data d = { .nr = nr, .arch = AUDIT_ARCH_X86_64, .args = { a0, a1, a2 } };

	return verdict(p, &d) == SECCOMP_RET_ALLOW;
}

/* mmap and mprotect have no PROT_EXEC here, that is, arguments of 0. */
#define EVERYBODY SYS_write, SYS_poll, SYS_getrandom, SYS_futex, SYS_sched_yield, SYS_brk, \
	SYS_munmap, SYS_madvise, SYS_clock_gettime, SYS_clock_nanosleep, SYS_rt_sigreturn, \
	SYS_restart_syscall, SYS_rt_sigprocmask, SYS_exit, SYS_exit_group, SYS_mmap, SYS_mprotect
#define A_DEVICE EVERYBODY, SYS_epoll_wait, SYS_epoll_pwait

static const int may[][48] = {
	[SANDBOX_MAIN] = { EVERYBODY, SYS_read, SYS_writev, SYS_pread64, SYS_pwrite64,
		SYS_fdatasync, SYS_ftruncate, SYS_lseek, SYS_fstat, SYS_newfstatat, SYS_close,
		SYS_recvmsg, SYS_getrusage, SYS_mremap, SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_ctl,
		SYS_getpid, SYS_gettid, -1 },
	[SANDBOX_VCPU] = { EVERYBODY, -1 },
	[SANDBOX_DISK] = { A_DEVICE, SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev,
		SYS_fdatasync, SYS_fallocate, -1 },
	[SANDBOX_NET] = { A_DEVICE, SYS_read, SYS_writev, SYS_epoll_ctl, -1 },
	[SANDBOX_CONSOLE] = { A_DEVICE, -1 },
	[SANDBOX_DEVICE] = { A_DEVICE, SYS_read, -1 },
	[SANDBOX_ENDER] = { EVERYBODY, SYS_read, -1 },
};

/* A role's own; and those of thread start, which the first filter has for all. */
static bool listed(unsigned int role, int nr)
{
	static const int start[] = { SYS_seccomp, SYS_sched_getaffinity, SYS_rt_sigaction };
	unsigned int i, r;

	if (role == SANDBOX_PROCESS) {
		for (i = 0; i < 3; i++)
			if (start[i] == nr)
				return true;
		for (r = SANDBOX_MAIN; r <= SANDBOX_ENDER; r++)
			if (listed(r, nr))
				return true;
	}
	if (role != SANDBOX_MAIN && (nr == SYS_rseq || nr == SYS_set_robust_list))
		return true;
	for (i = 0; role && may[role][i] >= 0; i++)
		if (may[role][i] == nr)
			return true;
	return false;
}

static void each_role_has_its_calls_and_no_others(void **state)
{
	unsigned int role;
	int nr;

	(void)state;
	for (role = 0; role <= SANDBOX_ENDER; role++)
		for (nr = 0; nr < NR_MAX; nr++)
			if (allowed(&programs[role], nr, 0, 0, 0) != listed(role, nr))
				fail_msg("%s: system call %d is %sallowed", programs[role].name, nr,
					 listed(role, nr) ? "not " : "");
}

/* Arguments count: no code, no signal to others, threads alone, few ioctls. */
static void arguments_are_looked_at(void **state)
{
	const struct program *p;
	struct seccomp_data d = { .nr = SYS_write, .arch = AUDIT_ARCH_I386 };
	unsigned int role;

	(void)state;
	for (role = 0; role <= SANDBOX_ENDER; role++) {
		bool has_main = role <= SANDBOX_MAIN;

		p = &programs[role];
		assert_false(allowed(p, SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC));
		assert_false(allowed(p, SYS_mprotect, 0, 4096, PROT_EXEC));
		assert_true(allowed(p, SYS_tgkill, SANDBOX_PID, 1, 1) == has_main);
		assert_false(allowed(p, SYS_tgkill, SANDBOX_PID + 1ULL, 1, 1));
		assert_false(allowed(p, SYS_tgkill, SANDBOX_PID + (1ULL << 32), 1, 1));
		assert_true(allowed(p, SYS_clone, 0x10000, 0, 0) == !role);
		assert_false(allowed(p, SYS_clone, SIGCHLD, 0, 0));
		assert_false(allowed(p, SYS_clone, 0x10000000, 0, 0));	/* CLONE_NEWUSER */
		assert_true(allowed(p, SYS_ioctl, 0, KVM_RUN, 0) == (!role || role == SANDBOX_VCPU));
		assert_true(allowed(p, SYS_ioctl, 0, TUNSETOFFLOAD, 0) ==
			    (!role || role == SANDBOX_VCPU));
		assert_true(allowed(p, SYS_ioctl, 0, KVM_SIGNAL_MSI, 0) == (role != SANDBOX_ENDER));
		assert_true(allowed(p, SYS_ioctl, 0, KVM_GET_LAPIC, 0) == has_main);
		assert_false(allowed(p, SYS_ioctl, 0, TIOCSTI, 0));
		assert_false(allowed(p, SYS_ioctl, 0, KVM_SET_USER_MEMORY_REGION, 0));
		assert_false(allowed(p, SYS_ioctl, 0, VHOST_SET_MEM_TABLE, 0));
		assert_int_equal(verdict(p, &d), SECCOMP_RET_KILL_PROCESS);
		assert_false(allowed(p, SYS_write | 0x40000000, 0, 0, 0));	/* x32 */
	}
	d = (struct seccomp_data){ .nr = SYS_clone3, .arch = AUDIT_ARCH_X86_64 };
	assert_int_equal(verdict(&programs[SANDBOX_PROCESS], &d), SECCOMP_RET_ERRNO | ENOSYS);
}

/* ---- the kernel's ---- */

static int child(void (*fn)(unsigned int role, unsigned int i), unsigned int role, unsigned int i)
{
	pid_t pid = fork();
	int st;

	assert_true(pid >= 0);
	if (!pid) {
		if (sandbox_process(NULL) || (role && sandbox_enter(role, NULL)))
			_exit(99);
		fn(role, i);
		syscall(SYS_exit_group, 0);	/* LeakSanitizer looks about in _exit() */
	}
	assert_int_equal(waitpid(pid, &st, 0), pid);
	return st;
}

static pid_t parent;

static void try_one(unsigned int role, unsigned int i)
{
	static const int nr[] = {
		SYS_openat, SYS_socket, SYS_execve, SYS_ptrace, SYS_kill, SYS_tgkill, SYS_setns,
		SYS_process_vm_writev, SYS_unshare, SYS_mount, SYS_bpf, SYS_io_uring_setup,
	};

	(void)role;
	syscall(nr[i], parent, parent, 0, 0, 0, 0);
}

static void harmless(unsigned int role, unsigned int i)
{
	(void)i;
	if (role <= SANDBOX_MAIN && syscall(SYS_tgkill, getpid(), getpid(), 0))
		_exit(1);
	if (!role && (syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS))
		_exit(2);
	if (write(-1, "", 1) != -1 || errno != EBADF)
		_exit(3);
}

static void the_kernel_says_the_same(void **state)
{
	unsigned int role, i;
	int st;

	(void)state;
	parent = getpid();
	for (role = 0; role <= SANDBOX_ENDER; role++) {
		st = child(harmless, role, 0);
		if (!WIFEXITED(st) || WEXITSTATUS(st))
			fail_msg("%s: what is allowed gave %#x", programs[role].name, st);
		for (i = 0; i < 12; i++) {
			st = child(try_one, role, i);
			if (!WIFSIGNALED(st) || WTERMSIG(st) != SIGSYS)
				fail_msg("%s: call %u gave %#x", programs[role].name, i, st);
		}
	}
}

/* ---- every device works ---- */

#ifndef __SANITIZE_ADDRESS__
#define NEXT	1
#define WRITE	2

struct job {
	const char *option, *arg;
	unsigned int q;
	void (*request)(struct driver *d, unsigned int i);
	unsigned int n;		/* requests */
};

static void blk(struct driver *d, unsigned int i)
{
	static const uint32_t type[] = { 0, 1, 4, 8, 11, 13 };	/* all that there are */
	const struct {
		uint32_t type, reserved;
		uint64_t sector;
		struct {
			uint64_t sector;
			uint32_t count, flags;
		} range;
	} r = { type[i], 0, 0, { 0, 1, 0 } };
	bool out = i == 1 || i > 3;

	mem_write(d->mem, BUFS, &r, sizeof(r));
	put_desc(d, 0, 0, BUFS, i > 3 ? 32 : 16, NEXT, 1);
	/* An odd address: O_DIRECT takes the bounce buffer. */
	put_desc(d, 0, 1, BUFS + 0x1001, i > 3 ? 0 : 512, NEXT | (out ? 0 : WRITE), 2);
	put_desc(d, 0, 2, BUFS + 0x800, 1, WRITE, 0);
}

static void to_device(struct driver *d, unsigned int i)
{
	(void)i;
	put_desc(d, d->v->ops->id == 5 ? 0 : 1, 0, BUFS, 64, 0, 0);
}

static void from_device(struct driver *d, unsigned int i)
{
	(void)i;
	put_desc(d, 0, 0, BUFS, 64, WRITE, 0);
}

static void work(const struct job *j, char *arg)
{
	static struct driver d;
	static struct ender end;
	struct out out = { .fd = open("/dev/null", O_WRONLY), .stop = &d.vm.stopping };
	unsigned int i;

	if (driver_begin(&d, 16 << 20, &out) || driver_device(&d, j->option, arg, NULL))
		_exit(98);
	d.vm.stop_fd = eventfd(0, EFD_NONBLOCK);
	d.vm.cfg.irqchip = VM_IRQCHIP_NONE;
	d.vm.cfg.sandbox = true;
	pthread_mutex_init(&d.vm.lock, NULL);
	pthread_cond_init(&d.vm.cond, NULL);
	driver_start(&d, 0);
	end = (struct ender){ .vm = &d.vm, .grace_ms = ENDER_GRACE_MS, .signal_fd = -1 };
	if (sandbox_process(NULL) || vm_start(&d.vm, NULL) || ender_start(&end, NULL) ||
	    devices_start(&d.all, NULL) || sandbox_enter(SANDBOX_MAIN, NULL))
		_exit(97);
	for (i = 0; i < j->n; i++) {
		j->request(&d, i);
		offer(&d, j->q, 0);
		event_ring(d.v->kick_fd[j->q]);
		while (used_idx(&d, j->q) != i + 1 && !device_failed(&d))
			sched_yield();
	}
	if (d.all.input.put)
		d.all.input.put(d.all.input.dev, (const uint8_t *)"x", 1);
	vm_stop(&d.vm, VM_SHUTDOWN, NULL);
	i = (unsigned int)vm_run(&d.vm, 0, NULL) || !devices_stop(&d.all) || device_failed(&d);
	driver_end(&d);
	exit((int)i);
}
#endif

static void every_device_works_with_no_more(void **state)
{
	(void)state;
#ifdef __SANITIZE_ADDRESS__
	print_message("AddressSanitizer's own system calls are no part of the sandbox\n");
	skip();
#else
	static const struct job jobs[] = {
		{ "disk", "", 0, blk, 6 }, { "disk", ",direct", 0, blk, 6 },
		{ "net", "loop", 1, to_device, 3 }, { "console", "virtio", 1, to_device, 3 },
		{ "rng", "", 0, from_device, 3 }, { "balloon", "1", 0, to_device, 3 },
	};
	char path[] = "/tmp/vmm-test-XXXXXX", arg[64];
	unsigned int i;

	close(mkstemp(path));
	assert_int_equal(truncate(path, 1 << 20), 0);
	for (i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
		int st;
		pid_t pid;

		snprintf(arg, sizeof(arg), "%s%s", jobs[i].request == blk ? path : "", jobs[i].arg);
		pid = fork();
		assert_true(pid >= 0);
		if (!pid)
			work(&jobs[i], arg);
		assert_int_equal(waitpid(pid, &st, 0), pid);
		if (!WIFEXITED(st) || WEXITSTATUS(st))
			fail_msg("%s%s: %#x", jobs[i].option, jobs[i].arg, st);
	}
	unlink(path);
#endif
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_role_has_its_calls_and_no_others),
	cmocka_unit_test(arguments_are_looked_at),
	cmocka_unit_test(the_kernel_says_the_same),
	cmocka_unit_test(every_device_works_with_no_more),
};

void sandbox_tests(struct tests *all)
{
	ADD_TESTS(all, tests);
}
