// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nothing can delay the end of a run. Each case is a process with a device that a
 * hostile guest keeps busy, or whose output nobody reads. The run is ended in each
 * possible way.
 */
#include "tests.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver.h"
#include "ender.h"
#include "say.h"
#include "vm.h"

#define NEXT		1
#define WRITE		2
#define INDIRECT	4
#define TABLE		0x80000ULL
#define RAM		(16U << 20)
#define HUGE		(12U << 20)
/* A run that has not ended after this time is killed, and the test fails. */
#define HANG_MS		60000

/* ---- the guest ---- */

/* A chain of @n buffers of HUGE bytes; @disk: between a header and a status. */
static void huge_chain(struct driver *d, unsigned int q, unsigned int n, bool disk)
{
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} t[130];
	uint16_t i = 0;

	memset(t, 0, sizeof(t));
	if (disk)	/* all zero: read from sector 0 on */
		t[i++] = (typeof(t[0])){ BUFS, 16, NEXT, 1 };
	for (; n--; i++)
		t[i] = (typeof(t[0])){ BUFS + 4096, HUGE, NEXT | (disk ? WRITE : 0),
				       (uint16_t)(i + 1) };
	if (disk)
		t[i++] = (typeof(t[0])){ 0x1000, 1, WRITE, 0 };
	t[i - 1].flags &= (uint16_t)~NEXT;
	mem_write(d->mem, TABLE, t, sizeof(t[0]) * i);
	put_desc(d, q, 0, TABLE, 16U * i, INDIRECT, 0);
}

static void huge_balloon(struct driver *d)
{
	huge_chain(d, 0, 128, false);
}

static void huge_read(struct driver *d)
{
	huge_chain(d, 0, 127, true);
}

static void huge_output(struct driver *d)
{
	huge_chain(d, 1, 128, false);
}

static void many_bytes(struct driver *d)
{
	put_desc(d, 0, 0, BUFS, 4096, WRITE, 0);
}

static void many_frames(struct driver *d)
{
	put_desc(d, 1, 0, BUFS, 1500, 0, 0);
}

struct guest {
	struct driver d;
	unsigned int q;
};

/* Offer the same chain forever, and ring the doorbell for each. */
static void *run_guest(void *arg)
{
	struct guest *g = arg;

	for (;;) {
		while ((uint16_t)(g->d.avail[g->q] - used_idx(&g->d, g->q)) < QSIZE)
			offer(&g->d, g->q, 0);
		event_ring(g->d.v->kick_fd[g->q]);
		sched_yield();
	}
	return NULL;
}

/* ---- the process ---- */

static int result_fd;		/* the first number: it runs; a second: it was ended by force */

enum { OUT_FULL = 1, ERR_FULL = 2, MAIN_HANGS = 4, FORCED = 8 };

struct fill {
	const char *name;
	unsigned int flags;
	const char *option, *arg;	/* of the device; NULL: none */
	unsigned int q;
	void (*request)(struct driver *d);	/* makes the chain that is offered again and again */
};

enum way { DEADLINE, TERM, WATCHDOG };

static int full_pipe(void)
{
	char buf[4096] = "";
	int p[2];

	if (pipe(p) < 0)
		_exit(99);
	fcntl(p[1], F_SETFL, O_NONBLOCK);
	while (write(p[1], buf, sizeof(buf)) > 0)
		;
	fcntl(p[1], F_SETFL, 0);
	return p[1];		/* the other end stays open, too */
}

static void hang(void *arg, int fd, uint32_t events)
{
	(void)arg;
	(void)fd;
	(void)events;
	event_ring(result_fd);
	for (;;)
		pause();
}

static void left_by_force(void)
{
	event_ring(result_fd);
}

static int signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool make(struct guest *g, const struct fill *f, const struct out *out, const char *disk)
{
	static char arg[64];

	if (driver_begin(&g->d, RAM, out))
		return false;
	g->d.vm.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&g->d.vm.lock, NULL);
	pthread_cond_init(&g->d.vm.cond, NULL);
	if (!f->option)
		return true;
	snprintf(arg, sizeof(arg), "%s", f->arg ? f->arg : disk);
	if (driver_device(&g->d, f->option, arg, NULL))
		return false;
	driver_start(&g->d, VIRTIO_F_INDIRECT);
	g->q = f->q;
	f->request(&g->d);
	return true;
}

/* Do what machine_run() and main() do, without KVM. Does not return. */
static void run(const struct fill *f, enum way way, const char *disk)
{
	static struct guest g;
	static struct ender end;
	struct out out = {
		.fd = f->flags & OUT_FULL ? full_pipe() : open("/dev/null", O_WRONLY),
		.stop = &g.d.vm.stopping,
	};
	pthread_t t;
	int rc;

	if (!make(&g, f, &out, disk))
		_exit(98);
	if (f->flags & MAIN_HANGS && loop_add(&g.d.vm.loop, eventfd(1, 0), EPOLLIN, hang, NULL, NULL))
		_exit(97);
	end = (struct ender){ .vm = &g.d.vm, .deadline_ms = way == DEADLINE ? 200 : 0,
			      .grace_ms = f->flags & FORCED ? 500 : ENDER_GRACE_MS,
			      .signal_fd = signals(), .leave = left_by_force };
	g.d.vm.cfg.irqchip = VM_IRQCHIP_NONE;	/* there is no vCPU that could be idle */
	if (f->flags & ERR_FULL)
		dup2(full_pipe(), STDERR_FILENO);
	if (vm_start(&g.d.vm, NULL) || ender_start(&end, NULL) || devices_start(&g.d.all, NULL))
		_exit(96);
	if (f->option && pthread_create(&t, NULL, run_guest, &g))
		_exit(95);
	if (!(f->flags & MAIN_HANGS))
		event_ring(result_fd);		/* it runs */
	rc = vm_run(&g.d.vm, way == WATCHDOG ? 200 : 0, NULL);
	if (!devices_stop(&g.d.all))
		rc = 94;
	say("%s", g.d.vm.why);
	_exit(rc);
}

/* Wait for @pid; returns its status, or -1 if it had to be killed. */
static int ended(pid_t pid, int fd)
{
	struct pollfd p = { .fd = fd, .events = 0 };
	bool hangs = poll(&p, 1, HANG_MS) == 0;
	int st;

	if (hangs)
		kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &st, 0), pid);
	return hangs || !WIFEXITED(st) ? -1 : WEXITSTATUS(st);
}

static void one(const struct fill *f, enum way way, const char *disk)
{
	static const int status[] = { VM_DEADLINE, VM_KILLED, VM_KILLED };
	uint64_t one;
	int p[2], rc;
	pid_t pid;
	bool forced;

	assert_int_equal(pipe(p), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(p[0]);
		result_fd = p[1];
		run(f, way, disk);
	}
	close(p[1]);
	if (read(p[0], &one, 8) == 8 && way == TERM)
		kill(pid, SIGTERM);
	rc = ended(pid, p[0]);
	forced = read(p[0], &one, 8) == 8;
	close(p[0]);
	if (rc != status[way] || forced != !!(f->flags & FORCED))
		fail_msg("%s, ended by %d: status %d, expected %d; %sforced", f->name, way, rc,
			 status[way], forced ? "" : "not ");
}

static void a_run_ends_whatever_is_full(void **state)
{
	static const struct fill fills[] = {
		{ "nothing", 0, NULL, NULL, 0, NULL },
		{ "standard error", ERR_FULL, NULL, NULL, 0, NULL },
		{ "standard output", OUT_FULL, "console", "virtio", 1, huge_output },
		{ "both", OUT_FULL | ERR_FULL, "console", "virtio", 1, huge_output },
		{ "console", 0, "console", "virtio", 1, huge_output },
		{ "balloon", 0, "balloon", "1", 0, huge_balloon },
		{ "disk", 0, "disk", NULL, 0, huge_read },
		{ "rng", 0, "rng", "", 0, many_bytes },
		{ "network", 0, "net", "loop", 1, many_frames },
	};
	char disk[] = "/tmp/vmm-test-XXXXXX";
	int fd = mkstemp(disk);
	unsigned int i;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 2LL << 30), 0);
	close(fd);
	for (i = 0; i < sizeof(fills) / sizeof(fills[0]); i++) {
		one(&fills[i], DEADLINE, disk);
		one(&fills[i], TERM, disk);
		one(&fills[i], WATCHDOG, disk);
	}
	unlink(disk);
}

/* A hanging main loop cannot end the run, and neither can the watchdog, which the loop serves. */
static void a_run_ends_even_if_the_main_loop_hangs(void **state)
{
	static const struct fill hung = { "main loop", MAIN_HANGS | FORCED, NULL, NULL, 0, NULL };
	static const struct fill both = { "main loop, standard error",
					  MAIN_HANGS | ERR_FULL | FORCED, NULL, NULL, 0, NULL };

	(void)state;
	one(&hung, DEADLINE, NULL);
	one(&hung, TERM, NULL);
	one(&both, DEADLINE, NULL);
	one(&both, TERM, NULL);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_run_ends_whatever_is_full),
	cmocka_unit_test(a_run_ends_even_if_the_main_loop_hangs),
};

void end_tests(struct tests *all)
{
	ADD_TESTS(all, tests);
}
