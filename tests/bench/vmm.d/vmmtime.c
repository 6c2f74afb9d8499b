// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmmtime first-run RAM_MIB RUNS COMMAND...
 * vmmtime lines RAM_MIB SECONDS COMMAND...
 *
 * How long a VMM, any VMM, takes; all times in microseconds from just before
 * its execve().
 *
 * first-run: to its first KVM_RUN, which the kernel reports through a seccomp
 * filter that knows only that ioctl. So the VMM needs no change, whatever its
 * libraries and threads. Then vmmtime ends it. Prints the median and the least
 * of RUNS runs, and for the last one the resident memory and its private part,
 * in KiB, without the guest's RAM.
 *
 * lines: for every line of its output that begins with "BENCH ", prints the
 * time, KVM's count of exits on this host (0 without debugfs), resident and
 * private KiB as above, and the line. At "BENCH end" vmmtime ends the VMM.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS_MAX	1000
#define RUN_MS		30000	/* a first KVM_RUN later than this: a failure */

static void fail(const char *what)
{
	fprintf(stderr, "vmmtime: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

/* ---- resident memory ---- */

struct memory {
	unsigned long rss, private;	/* KiB, the guest's RAM left out */
};

/* Of all mappings except the guest's RAM, which is recognized by its size. */
static struct memory memory_of(pid_t pid, unsigned long ram_mib)
{
	struct memory m = { 0, 0 };
	unsigned long from, to, kib;
	char path[32], line[512];
	int ram = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			ram = to - from >= ram_mib * (3UL << 18);
		else if (!ram && sscanf(line, "Rss: %lu", &kib) == 1)
			m.rss += kib;
		else if (!ram && (sscanf(line, "Private_Clean: %lu", &kib) == 1 ||
				  sscanf(line, "Private_Dirty: %lu", &kib) == 1))
			m.private += kib;
	}
	if (f)
		fclose(f);
	return m;
}

/* ---- the child ---- */

/* A filter that reports KVM_RUN, and a descriptor on which it does. */
static int report_runs(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, KVM_RUN, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	};
	struct sock_fprog p = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			    SECCOMP_FILTER_FLAG_NEW_LISTENER |
			    SECCOMP_FILTER_FLAG_SPEC_ALLOW, &p);
}

/* One 8-byte number and one descriptor, over a socket; 0 or -1. */
static int pass(int sock, uint64_t *value, int *fd, int sending)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} u = { .h = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
		       .cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct iovec v = { value, sizeof(*value) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1,
			    .msg_control = u.room, .msg_controllen = sizeof(u.room) };

	if (sending) {
		memcpy(CMSG_DATA(&u.h), fd, sizeof(int));
		return sendmsg(sock, &m, 0) == sizeof(*value) ? 0 : -1;
	}
	if (recvmsg(sock, &m, MSG_CMSG_CLOEXEC) != sizeof(*value) ||
	    m.msg_controllen < CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(fd, CMSG_DATA(&u.h), sizeof(int));
	return 0;
}

/* Its output goes to @out; its input is a pipe from which nothing comes. */
static pid_t start(char **argv, int out, int sock, int never)
{
	pid_t pid = fork();
	uint64_t began;
	int fd = -1;

	if (pid)
		return pid;
	setpgid(0, 0);
	dup2(never, 0);
	dup2(out, 1);
	if (sock >= 0) {
		fd = report_runs();
		if (fd < 0)
			fail("seccomp listener");
		began = now_ns();
		if (pass(sock, &began, &fd, 1))
			fail("sendmsg");
	}
	execvp(argv[0], argv);
	fail(argv[0]);
	return -1;
}

static void end(pid_t pid)
{
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* ---- first-run ---- */

static uint64_t one_run(char **argv, unsigned long ram, int out, struct memory *mem)
{
	uint64_t began = 0, ended;
	int sock[2], never[2], fd = -1;
	struct pollfd p;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) < 0 ||
	    pipe(never) < 0)
		fail("socketpair");
	pid = start(argv, out, sock[1], never[0]);
	close(sock[1]);
	if (pid < 0 || pass(sock[0], &began, &fd, 0))
		fail("fork");
	p = (struct pollfd){ .fd = fd, .events = POLLIN };
	if (poll(&p, 1, RUN_MS) != 1 || !(p.revents & POLLIN)) {
		errno = ETIMEDOUT;
		end(pid);
		fail("no KVM_RUN came");
	}
	ended = now_ns();
	*mem = memory_of(pid, ram);
	end(pid);
	close(fd);
	close(sock[0]);
	close(never[0]);
	close(never[1]);
	return ended - began;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int first_run(unsigned long ram, unsigned long runs, char **argv)
{
	static uint64_t t[RUNS_MAX];
	struct memory mem = { 0, 0 };
	FILE *null = fopen("/dev/null", "r+e");
	unsigned long i;

	if (!null || !runs || runs > RUNS_MAX)
		fail("RUNS");
	for (i = 0; i < runs; i++)
		t[i] = one_run(argv, ram, fileno(null), &mem);
	qsort(t, runs, sizeof(t[0]), by_value);
	printf("%lu %lu %lu %lu\n", t[runs / 2] / 1000, t[0] / 1000, mem.rss,
	       mem.private);
	return 0;
}

/* ---- lines ---- */

static unsigned long exits(void)
{
	FILE *f = fopen("/sys/kernel/debug/kvm/exits", "re");
	unsigned long n = 0;

	if (f && fscanf(f, "%lu", &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n;
}

static int lines(unsigned long ram, unsigned long seconds, char **argv)
{
	uint64_t began = now_ns(), limit = seconds * 1000000000ULL;
	int out[2], never[2], rc = 1;
	char line[512];
	size_t n = 0;
	pid_t pid;

	if (pipe(out) < 0 || pipe(never) < 0)
		fail("pipe");
	pid = start(argv, out[1], -1, never[0]);
	close(out[1]);
	while (rc && now_ns() - began < limit) {
		struct pollfd p = { .fd = out[0], .events = POLLIN };
		char *at;

		/* A byte at a time, so that a line's time is its end's. */
		if (poll(&p, 1, 1000) != 1)
			continue;
		if (read(out[0], line + n, 1) != 1)
			break;
		if (line[n] != '\n') {
			n += n < sizeof(line) - 2;
			continue;
		}
		line[n] = '\0';
		at = strstr(line, "BENCH ");
		n = 0;
		if (at) {
			uint64_t t = now_ns() - began;
			struct memory mem = memory_of(pid, ram);

			at[strcspn(at, "\r")] = '\0';
			printf("%lu %lu %lu %lu %s\n", t / 1000, exits(), mem.rss,
			       mem.private, at + strlen("BENCH "));
			rc = strcmp(at, "BENCH end") != 0;
		}
	}
	end(pid);
	if (rc)
		fprintf(stderr, "vmmtime: %s: no \"BENCH end\"\n", argv[0]);
	return rc;
}

int main(int argc, char **argv)
{
	unsigned long a, b;

	if (argc < 5) {
		fputs("usage: vmmtime first-run RAM_MIB RUNS COMMAND...\n"
		      "       vmmtime lines RAM_MIB SECONDS COMMAND...\n", stderr);
		return 2;
	}
	a = strtoul(argv[2], NULL, 10);
	b = strtoul(argv[3], NULL, 10);
	return strcmp(argv[1], "lines") ? first_run(a, b, argv + 4) :
		lines(a, b, argv + 4);
}
