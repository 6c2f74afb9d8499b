// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sandbox: what can a compromised thread do, by role? And does every device work
 * in the sandbox?
 */
#include "tests.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver.h"	/* before <linux/vhost.h>, which has some names, too */
#include "ender.h"
#include "sandbox.h"
#include "say.h"
#include "vm.h"

#include <linux/vhost.h>

#define BIT(role)	(1U << (role))
#define ALL		(BIT(SANDBOX_GDB + 1) - 1)
/* What a role may do, the process may do, too, because it starts the roles. */
#define ONLY(role)	(BIT(SANDBOX_PROCESS) | BIT(role))
#define DISK_MAIN	(ONLY(SANDBOX_DISK) | BIT(SANDBOX_MAIN))
#define EPOLLERS		(ONLY(SANDBOX_DISK) | BIT(SANDBOX_NET) | BIT(SANDBOX_CONSOLE) | \
			 BIT(SANDBOX_DEVICE))
#define READERS		(ONLY(SANDBOX_MAIN) | BIT(SANDBOX_NET) | BIT(SANDBOX_DEVICE) | \
			 BIT(SANDBOX_ENDER) | BIT(SANDBOX_GDB))
#define MAIN_GDB		(ONLY(SANDBOX_MAIN) | BIT(SANDBOX_GDB))

static const char *const role_names[] = {
	[SANDBOX_PROCESS] = "process", [SANDBOX_MAIN] = "main", [SANDBOX_VCPU] = "vcpu",
	[SANDBOX_DISK] = "disk", [SANDBOX_NET] = "net", [SANDBOX_CONSOLE] = "console",
	[SANDBOX_DEVICE] = "device", [SANDBOX_ENDER] = "ender",
	[SANDBOX_GDB] = "gdb",
};

/* ---- what a compromised thread can do ---- */

/* Arguments that are known only when the attempt is made. */
enum { FD = -1000, DIR, PARENT, SELF, PAGE, TEXT };

#define NOBODY	0U
static const struct attempt {
	const char *what;
	unsigned int roles;	/* for which it is allowed */
	long nr, arg[4];
} attempts[] = {
	{ "open a file", NOBODY, SYS_openat, { DIR, TEXT, 0 } },
	{ "open a file by open(2)", NOBODY, SYS_open, { TEXT, 0 } },
	{ "remove a file", NOBODY, SYS_unlinkat, { DIR, TEXT } },
	{ "rename a file", NOBODY, SYS_renameat2, { DIR, TEXT, DIR, TEXT } },
	{ "link a file", NOBODY, SYS_linkat, { DIR, TEXT, DIR, TEXT } },
	{ "change a file's mode", NOBODY, SYS_fchmod, { FD, 0777 } },
	{ "create a socket", NOBODY, SYS_socket, { 1, 1 } },
	{ "connect", NOBODY, SYS_connect, { FD, TEXT, 8 } },
	{ "listen", NOBODY, SYS_listen, { FD, 1 } },
	{ "send a descriptor", NOBODY, SYS_sendmsg, { FD } },
	{ "execute a program", NOBODY, SYS_execve, { TEXT } },
	{ "fork", NOBODY, SYS_fork, { 0 } },
	{ "create a process", NOBODY, SYS_clone, { SIGCHLD } },
	{ "create a user namespace", NOBODY, SYS_clone, { 0x10000000 } },
	{ "leave its namespaces", NOBODY, SYS_unshare, { 0x10000000 } },
	{ "enter a namespace", NOBODY, SYS_setns, { FD } },
	{ "trace a process", NOBODY, SYS_ptrace, { 16, PARENT } },
	{ "read a process's memory", NOBODY, SYS_process_vm_readv, { PARENT } },
	{ "kill a process", NOBODY, SYS_kill, { PARENT, 0 } },
	{ "signal another process's thread", NOBODY, SYS_tgkill, { PARENT, PARENT, 0 } },
	{ "signal any thread", NOBODY, SYS_tkill, { SELF, 0 } },
	{ "become another user", NOBODY, SYS_setuid, { 1 } },
	{ "mount", NOBODY, SYS_mount, { TEXT, TEXT, TEXT } },
	{ "change its root", NOBODY, SYS_chroot, { TEXT } },
	{ "load a program into the kernel", NOBODY, SYS_bpf, { 0 } },
	{ "use io_uring", NOBODY, SYS_io_uring_setup, { 1 } },
	{ "watch page faults", NOBODY, SYS_userfaultfd, { 0 } },
	{ "use keys", NOBODY, SYS_keyctl, { 0 } },
	{ "raise its limits", NOBODY, SYS_prlimit64, { 0, 1 } },
	{ "map code", NOBODY, SYS_mmap, { 0, 4096, PROT_READ | PROT_EXEC, 0x22 } },
	{ "make data executable", NOBODY, SYS_mprotect, { PAGE, 4096, PROT_READ | PROT_EXEC } },
	{ "type into the terminal", NOBODY, SYS_ioctl, { FD, TIOCSTI, TEXT } },
	{ "give vhost other memory", NOBODY, SYS_ioctl, { FD, VHOST_SET_MEM_TABLE, TEXT } },
	{ "create a vCPU", NOBODY, SYS_ioctl, { FD, KVM_CREATE_VCPU, 0 } },
	{ "use an x32 system call", NOBODY, SYS_write | 0x40000000, { FD, TEXT, 1 } },

	{ "map memory", ALL, SYS_mmap, { 0, 4096, PROT_READ, 0x22 } },
	{ "write", ALL, SYS_write, { FD, TEXT, 1 } },
	{ "read", READERS, SYS_read, { FD, PAGE, 1 } },
	{ "wait for descriptors", EPOLLERS | BIT(SANDBOX_MAIN), SYS_epoll_wait, { FD, PAGE, 1, 0 } },
	{ "read at an offset", DISK_MAIN, SYS_pread64, { FD, PAGE, 1, 0 } },
	{ "write at an offset", DISK_MAIN, SYS_pwrite64, { FD, TEXT, 1, 0 } },
	{ "grow a file", ONLY(SANDBOX_DISK), SYS_fallocate, { FD, 0, 0, 4096 } },
	{ "truncate a file", ONLY(SANDBOX_MAIN), SYS_ftruncate, { FD, 0 } },
	{ "accept", ONLY(SANDBOX_GDB), SYS_accept4, { FD } },
	{ "close a descriptor", MAIN_GDB, SYS_close, { FD } },
	{ "receive a descriptor", ONLY(SANDBOX_MAIN), SYS_recvmsg, { FD, TEXT } },
	{ "lock a file", ONLY(SANDBOX_MAIN), SYS_flock, { FD, 8 } },
	{ "give KVM other memory", ONLY(SANDBOX_MAIN), SYS_ioctl,
	  { FD, KVM_SET_USER_MEMORY_REGION, PAGE } },
	{ "signal its own threads", MAIN_GDB, SYS_tgkill, { SELF, SELF, 0 } },
	{ "start a thread", ONLY(SANDBOX_PROCESS), SYS_clone, { 0x10000 | 0x800 } },
	{ "run a vCPU", ONLY(SANDBOX_VCPU), SYS_ioctl, { FD, KVM_RUN } },
	{ "start vhost", ONLY(SANDBOX_VCPU), SYS_ioctl, { FD, VHOST_SET_VRING_ADDR, TEXT } },
	{ "set a tap's offloads", ONLY(SANDBOX_VCPU), SYS_ioctl, { FD, TUNSETOFFLOAD } },
	{ "read a LAPIC", ONLY(SANDBOX_MAIN), SYS_ioctl, { FD, KVM_GET_LAPIC, PAGE } },
	{ "set the terminal", ONLY(SANDBOX_MAIN) | BIT(SANDBOX_ENDER), SYS_ioctl,
	  { FD, TCSETS, PAGE } },
	{ "ask what the terminal is, by TCGETS2", ONLY(SANDBOX_MAIN) | BIT(SANDBOX_ENDER), SYS_ioctl,
	  { FD, 0x802c542a, PAGE } },
	{ "set registers", ONLY(SANDBOX_GDB), SYS_ioctl, { FD, KVM_SET_REGS, PAGE } },
	{ "set breakpoints", ONLY(SANDBOX_GDB), SYS_ioctl, { FD, KVM_SET_GUEST_DEBUG, PAGE } },
	{ "interrupt the guest", ALL & ~BIT(SANDBOX_ENDER) & ~BIT(SANDBOX_GDB), SYS_ioctl,
	  { FD, KVM_SIGNAL_MSI, PAGE } },
};

static long argument(long a, int fd, pid_t parent)
{
	static char text[4096] __attribute__((aligned(4096))) = "/tmp/.";

	switch (a) {
	case FD:
		return fd;
	case DIR:
		return AT_FDCWD;
	case PARENT:
		return parent;
	case SELF:
		return getpid();
	case PAGE:
	case TEXT:
		return (long)(uintptr_t)text;
	default:
		return a;
	}
}

/* Make the attempt as @role in a new process; returns its status as of wait(2). */
static int attempt(const struct attempt *t, unsigned int role)
{
	pid_t parent = getpid(), pid = fork();
	int fd, st, i;
	long a[4];

	assert_true(pid >= 0);
	if (!pid) {
		signal(SIGILL, SIG_DFL);	/* cmocka has a handler */
		fd = memfd_create("attempt", 0);
		for (i = 0; i < 4; i++)
			a[i] = argument(t->arg[i], fd, parent);
		if (sandbox_process(NULL, 0, NULL) || (role && sandbox_enter(role, NULL)))
			_exit(99);
		syscall(t->nr, a[0], a[1], a[2], a[3], 0, 0);
		syscall(SYS_exit_group, 0);	/* not _exit(), where LeakSanitizer runs */
	}
	assert_int_equal(waitpid(pid, &st, 0), pid);
	return st;
}

static void a_role_can_do_only_what_it_needs(void **state)
{
	const struct attempt *t;
	unsigned int role;
	bool may;
	int st;

	(void)state;
	for (t = attempts; t < attempts + sizeof(attempts) / sizeof(attempts[0]); t++)
		for (role = 0; role <= SANDBOX_GDB; role++) {
			may = t->roles & BIT(role);
			st = attempt(t, role);
			if (may ? !WIFEXITED(st) || WEXITSTATUS(st) :
			    !WIFSIGNALED(st) || WTERMSIG(st) != SIGSYS)
				fail_msg("%s: to %s is %s, but the status is %#x", role_names[role],
					 t->what, may ? "allowed" : "forbidden", st);
		}
}

/* Try every system call, even future ones, with invalid arguments, and count those that are not fatal. */
static void no_role_has_many_system_calls(void **state)
{
	static const unsigned int most[] = {
		[SANDBOX_PROCESS] = 42, [SANDBOX_MAIN] = 31, [SANDBOX_VCPU] = 14,
		[SANDBOX_DISK] = 22, [SANDBOX_NET] = 19, [SANDBOX_CONSOLE] = 16,
		[SANDBOX_DEVICE] = 17, [SANDBOX_ENDER] = 15,
		[SANDBOX_GDB] = 19,
	};
	struct attempt t = { .arg = { -1, -1, -1, -1 } };
	unsigned int role, n;
	int st;

	(void)state;
	for (role = 0; role <= SANDBOX_GDB; role++) {
		for (t.nr = n = 0; t.nr < 500; t.nr++) {
			/* All roles have these, but they do not return. */
			if (t.nr == SYS_exit || t.nr == SYS_exit_group || t.nr == SYS_rt_sigreturn ||
			    t.nr == SYS_restart_syscall)
				continue;
			st = attempt(&t, role);
			n += WIFEXITED(st);	/* uretprobe(2) is always a SIGILL, even if a filter allows it */
		}
		if (n > most[role])
			fail_msg("%s: %u system calls, expected at most %u", role_names[role], n,
				 most[role]);
	}
}

static void landlock_forbids_opening_by_name(void **state)
{
	bool there = syscall(444, NULL, 0, 1) > 0;	/* landlock_create_ruleset(2) */
	pid_t pid = fork();
	int st;

	(void)state;
	if (!pid) {
		st = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || sandbox_landlock(NULL) ||
			(open("/etc/passwd", O_RDONLY) < 0) != there || (there && errno != EACCES);
		syscall(SYS_exit_group, st);
	}
	assert_int_equal(waitpid(pid, &st, 0), pid);
	assert_int_equal(st, 0);
	if (!there) {
		print_message("this kernel has no Landlock\n");
		skip();
	}
}

static void clone3_seems_not_implemented(void **state)
{
	pid_t pid = fork();
	int st;

	(void)state;
	if (!pid) {
		st = sandbox_process(NULL, 0, NULL) || syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS;
		syscall(SYS_exit_group, st);
	}
	assert_int_equal(waitpid(pid, &st, 0), pid);
	assert_int_equal(st, 0);
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
	static const uint32_t type[] = { 0, 1, 4, 8, 11, 13 };	/* all types */
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
	/* An odd address, for which O_DIRECT needs the bounce buffer. */
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
	if (sandbox_process(NULL, 0, NULL) || vm_start(&d.vm, NULL) || ender_start(&end, NULL) ||
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

static void every_device_works_in_the_sandbox(void **state)
{
	(void)state;
#ifdef __SANITIZE_ADDRESS__
	print_message("the sandbox forbids AddressSanitizer's system calls\n");
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
			fail_msg("--%s %s: %s %d (%s)", jobs[i].option, jobs[i].arg,
				 WIFSIGNALED(st) ? "killed by signal" : "exit status",
				 WIFSIGNALED(st) ? WTERMSIG(st) : WEXITSTATUS(st),
				 WIFSIGNALED(st) ? strsignal(WTERMSIG(st)) : "98, 97: it could not begin");
	}
	unlink(path);
#endif
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_role_can_do_only_what_it_needs),
	cmocka_unit_test(no_role_has_many_system_calls),
	cmocka_unit_test(clone3_seems_not_implemented),
	cmocka_unit_test(landlock_forbids_opening_by_name),
	cmocka_unit_test(every_device_works_in_the_sandbox),
};

void sandbox_tests(struct tests *all)
{
	ADD_TESTS(all, tests);
}
