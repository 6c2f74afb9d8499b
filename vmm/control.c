// SPDX-License-Identifier: GPL-2.0-only
#include "control.h"

#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "say.h"

/* ---- snapshot ---- */

/* The guest's clock learns that it stood. */
static void let_go(struct machine *m)
{
	unsigned int i;

	for (i = 0; i < m->vm.ncpus; i++)
		ioctl(m->vm.vcpus[i].fd, KVM_KVMCLOCK_CTRL, 0);
	vm_resume(&m->vm);
}

static int to_file(void *machine, struct vm *vm, struct snap_header *h,
		   const struct records *r, struct err *e)
{
	struct machine *m = machine;
	int rc = snapshot_write(&vm->mem, m->helper.file, h, r, e);

	if (!rc)
		rc = helper_rename(&m->helper, e);
	if (!rc)
		vm_stop(vm, VM_SHUTDOWN, "snapshot written to %s", m->o->snapshot);
	return rc;
}

/* One that fails is a message, and the guest goes on. */
static void take_snapshot(struct machine *m)
{
	struct err e;
	int rc = vm_pause(&m->vm, &e);

	if (!rc) {
		rc = snapshot_take(&m->vm, &m->dev, m->o->snapshot, to_file, m, &e);
		let_go(m);
	}
	if (rc)
		say("%s: the guest goes on", e.msg);
}

/* ---- migration: parts of it come between other things that the main loop does ---- */

static int hand_over(struct machine *m, struct err *e)
{
	int rc;

	m->move.paused_us = now_us();
	rc = vm_pause(&m->vm, e);
	if (rc)
		return rc;
	rc = snapshot_take(&m->vm, &m->dev, m->o->migrate_to, migrate_finish, &m->move, e);
	let_go(m);
	return rc;
}

static void end_migration(struct machine *m, int rc, const struct err *e)
{
	migrate_end(&m->move);
	m->move.vm = NULL;
	if (rc)
		say("not moved: %s: the guest goes on", e->msg);
}

static void migrate_part(void *arg, int fd, uint32_t events)
{
	struct machine *m = arg;
	struct err e;
	uint64_t n;
	int rc;

	(void)events;
	if (read(fd, &n, sizeof(n)) != sizeof(n) || !m->move.vm)
		return;
	rc = migrate_step(&m->move, &e);
	if (rc > 0) {
		event_ring(fd);
		return;
	}
	if (!rc)
		rc = hand_over(m, &e);
	end_migration(m, rc, &e);
}

static void start_migration(struct machine *m)
{
	struct err e;
	int fd = m->move.vm ? -EALREADY : helper_connect(&m->helper, &e), rc;

	if (fd < 0) {
		if (!m->move.vm)
			say("not moved: %s: the guest goes on", e.msg);
		return;
	}
	m->move = (struct migrate){ .vm = &m->vm, .dev = &m->dev, .fd = fd,
				    .name = m->o->migrate_to };
	rc = migrate_begin(&m->move, &e);
	if (rc)
		end_migration(m, rc, &e);
	else
		event_ring(m->step_fd);
}

/* ---- signals ---- */

/* SIGUSR2: hold the guest; again: let it go on. */
static void pause_or_resume(struct machine *m)
{
	struct err e;

	if (m->paused) {
		let_go(m);
	} else if (vm_pause(&m->vm, &e)) {
		say("not paused: %s", e.msg);
		return;
	}
	m->paused = !m->paused;
	say("%s", m->paused ? "paused" : "resumed");
}

static void on_signal(void *arg, int fd, uint32_t events)
{
	struct machine *m = arg;
	struct signalfd_siginfo s;

	(void)events;
	if (read(fd, &s, sizeof(s)) != sizeof(s))
		return;
	if (s.ssi_signo == SIGUSR1 && m->o->snapshot)
		take_snapshot(m);
	else if (s.ssi_signo == SIGUSR1 && m->o->migrate_to)
		start_migration(m);
	else if (s.ssi_signo == SIGUSR2)
		pause_or_resume(m);
}

/* Block @n signals, for a descriptor that gives them. */
static int signals(int *fd, const int *sig, unsigned int n, struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	while (n--)
		sigaddset(&set, sig[n]);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	*fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *fd < 0 ? err_set(e, -errno, "signalfd: %m") : 0;
}

int control_start(struct machine *m, struct err *e)
{
	static const int end[] = { SIGINT, SIGTERM, SIGHUP }, other[] = { SIGUSR1, SIGUSR2 };
	int rc = signals(&m->ender.signal_fd, end, 3, e);

	if (!rc)
		rc = signals(&m->signal_fd, other, 2, e);
	if (!rc)
		rc = loop_add(&m->vm.loop, m->signal_fd, EPOLLIN, on_signal, m, e);
	if (!rc && m->o->migrate_to) {
		m->step_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		rc = loop_add(&m->vm.loop, m->step_fd, EPOLLIN, migrate_part, m, e);
	}
	return rc ? rc : input_start(&m->input, &m->dev, STDIN_FILENO, e);
}
