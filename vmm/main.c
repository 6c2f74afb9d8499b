// SPDX-License-Identifier: GPL-2.0-only
/* kvm-vmm: options in, a machine run, its verdict out. */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

	(void)sig;
	say_text(msg, sizeof(msg) - 1);
	_exit(VM_IMAGE);
}

static int run(const struct opts *o)
{
	static struct machine m;	/* much of it stays untouched */
	struct err e = { "" };
	int rc, status = VM_HOST;

	signal(SIGBUS, on_sigbus);
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
	if (m.vm.stuck)		/* a thread is still in there: leave now */
		_exit(rc);
	machine_free(&m);
	return rc;
}

/*
 * On a terminal: raw while the guest runs. The run is in a child, so that the
 * terminal is put right whatever becomes of it, SIGKILL included.
 */
static int run_on_tty(const struct opts *o, const struct termios *old)
{
	struct termios raw = *old;
	pid_t pid;
	int st;

	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	pid = fork();
	if (pid < 0) {
		say("fork: %s", strerror(errno));
		return VM_HOST;
	}
	if (!pid) {
		signal(SIGINT, SIG_DFL);
		signal(SIGQUIT, SIG_DFL);
		cfmakeraw(&raw);
		raw.c_oflag |= OPOST;	/* messages of ours end in \n alone */
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
		exit(run(o));
	}
	while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
		;
	tcsetattr(STDIN_FILENO, TCSANOW, old);
	if (WIFEXITED(st))
		return WEXITSTATUS(st);
	say("killed by signal %d", WTERMSIG(st));
	return VM_KILLED;
}

int main(int argc, char **argv)
{
	struct termios old;
	struct opts o;
	struct err e;
	int rc;

	/* One heap for all threads: small, and no mapping after the sandbox. */
	mallopt(M_ARENA_MAX, 1);
	signal(SIGPIPE, SIG_IGN);
	rc = opts_parse(&o, argc, argv, &e);
	if (rc < 0)
		say("%s\n    see kvm-vmm --help", e.msg);
	if (rc)
		return rc < 0 ? VM_USAGE : 0;
	if (isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &old) &&
	    tcgetpgrp(STDIN_FILENO) == getpgrp())
		return run_on_tty(&o, &old);
	return run(&o);
}
