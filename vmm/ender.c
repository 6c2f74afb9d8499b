// SPDX-License-Identifier: GPL-2.0-only
#include "ender.h"

#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "sandbox.h"
#include "say.h"

/* Milliseconds to @until, for poll(2). */
static int left(uint64_t until)
{
	uint64_t now = now_us() / 1000;

	if (now >= until)
		return 0;
	return until - now > INT_MAX ? INT_MAX : (int)(until - now);
}

static void on_signal(struct ender *x)
{
	struct signalfd_siginfo s;

	if (read(x->signal_fd, &s, sizeof(s)) == sizeof(s))
		vm_stop(x->vm, VM_KILLED, "killed by signal %u (%s)", s.ssi_signo,
			strsignal((int)s.ssi_signo));
}

/* Wait for the end of the run, or bring it about. */
static void wait_for_end(struct ender *x)
{
	struct pollfd f[] = {
		/* Closed at the end of all? Then poll(2) says so, and stopping is set. */
		{ .fd = x->vm->stop_fd, .events = POLLIN },
		{ .fd = x->signal_fd, .events = POLLIN },
	};
	uint64_t until = x->start + x->deadline_ms;

	while (!atomic_load(&x->vm->stopping)) {
		int n = poll(f, 2, x->deadline_ms ? left(until) : -1);

		if (n > 0 && f[1].revents)
			on_signal(x);
		if (x->deadline_ms && !left(until))
			vm_stop(x->vm, VM_DEADLINE, "deadline: the guest did not end in %u.%03u s",
				x->deadline_ms / 1000, x->deadline_ms % 1000);
	}
}

static void *ender_thread(void *arg)
{
	struct ender *x = arg;
	struct err e;
	uint64_t until;
	int ms;

	if (x->vm->cfg.sandbox && sandbox_enter(SANDBOX_ENDER, &e))
		vm_stop(x->vm, VM_HOST, "%s", e.msg);
	wait_for_end(x);
	until = now_us() / 1000 + x->grace_ms;
	while ((ms = left(until)))
		poll(NULL, 0, ms);
	say("%s%sa thread would not end: left without it", x->vm->why, x->vm->why[0] ? "; " : "");
	if (x->leave)
		x->leave();
	_exit(x->vm->status);
}

int ender_start(struct ender *x, struct err *e)
{
	pthread_t t;

	x->start = now_us() / 1000;
	return thread_start(&t, ender_thread, x, 0, e);
}
