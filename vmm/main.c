// SPDX-License-Identifier: GPL-2.0-only
/* kvm-vmm: options in, a machine run, its verdict out. */
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "machine.h"
#include "opts.h"
#include "say.h"

/* We touched a page of a file that is mapped, and the file ends before it. */
static void on_sigbus(int sig)
{
	static const char msg[] =
		"kvm-vmm: a file that guest memory is mapped from (--restore) was cut short\n";
	struct pollfd f = { .fd = STDERR_FILENO, .events = POLLOUT };
	ssize_t n = poll(&f, 1, SAY_MS) > 0 ? write(STDERR_FILENO, msg, sizeof(msg) - 1) : 0;

	(void)sig;
	_exit(n < 0 ? VM_HOST : VM_IMAGE);
}

/* @leave: what is to be done before the process is ended by force, or NULL */
static int run(const struct opts *o, void (*leave)(void))
{
	static struct machine m;	/* much of it stays untouched */
	struct err e = { "" };
	int rc, status = VM_HOST;

	signal(SIGBUS, on_sigbus);
	m.ender.leave = leave;
	rc = machine_make(&m, o, &status, &e);
	if (rc) {
		say("%s", e.msg);
		return status;
	}
	rc = machine_run(&m, &e);
	if (rc < 0) {
		say("%s", e.msg);
		rc = VM_HOST;
	} else if (m.vm.why[0]) {
		say("%s", m.vm.why);
	}
	if (m.vm.stuck) {	/* a thread is still in there: leave now */
		if (leave)
			leave();
		_exit(rc);
	}
	machine_free(&m);
	return rc;
}

/*
 * On a terminal, raw while the guest runs. The VM is a child, so that the terminal
 * is put right whatever becomes of it, SIGKILL included; the process that the user
 * sees passes signals on. If that one is killed, the child ends and does it.
 */
static struct termios cooked, raw;

static void put_right(void)
{
	tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
}

static int run_child(const struct opts *o, pid_t parent, sigset_t *signals)
{
	int rc;

	sigaddset(signals, SIGTTOU);	/* put_right() from the background, at the end */
	sigprocmask(SIG_SETMASK, signals, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		return VM_KILLED;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	rc = run(o, put_right);
	put_right();
	return rc;
}

/* The child stopped: so do we, with the terminal as it was, until SIGCONT. */
static void stop_too(void)
{
	put_right();
	raise(SIGSTOP);
}

static void pass_on(pid_t pid, const siginfo_t *s)
{
	if (s->si_signo == SIGCONT)
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	if (s->si_code != SI_KERNEL)	/* the terminal's: the child has it */
		kill(pid, s->si_signo);
}

static int run_on_tty(const struct opts *o)
{
	sigset_t all, old;
	siginfo_t s;
	pid_t pid, self = getpid();
	int st = 0;

	raw = cooked;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST;	/* messages of ours end in \n alone */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid < 0) {
		say("fork: %s", strerror(errno));
		return VM_HOST;
	}
	if (!pid)
		exit(run_child(o, self, &old));
	for (;;) {
		if (sigwaitinfo(&all, &s) < 0)
			continue;
		if (s.si_signo != SIGCHLD)
			pass_on(pid, &s);
		else if (waitpid(pid, &st, WNOHANG | WUNTRACED) != pid)
			continue;
		else if (WIFSTOPPED(st))
			stop_too();
		else
			break;
	}
	put_right();
	if (WIFEXITED(st))
		return WEXITSTATUS(st);
	say("killed by signal %d", WTERMSIG(st));
	return VM_KILLED;
}

int main(int argc, char **argv)
{
	struct opts o;
	struct err e;
	int rc;

	/* One heap for all threads: small, and no mapping after the sandbox. */
	mallopt(M_ARENA_MAX, 1);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);	/* EFBIG says it, and where */
	rc = opts_parse(&o, argc, argv, &e);
	if (rc < 0)
		say("%s\n    see kvm-vmm --help", e.msg);
	if (rc)
		return rc < 0 ? VM_USAGE : 0;
	if (isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &cooked) &&
	    tcgetpgrp(STDIN_FILENO) == getpgrp())
		return run_on_tty(&o);
	return run(&o, NULL);
}
