// SPDX-License-Identifier: GPL-2.0-only
/* See proc.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "env/clock.h"
#include "env/proc.h"

static void __attribute__((noreturn)) exec_child(const char *const *argv, int out, int err)
{
	int null = open("/dev/null", O_RDONLY);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(127);
	/* execvp() promises to change nothing, but its type is older than const. */
	execvp(argv[0], (char *const *)argv);
	{
		int e = errno;
		ssize_t n = write(err, &e, sizeof(e));

		(void)n;
	}
	_exit(127);
}

/* Keep the last @max bytes: drop the oldest ones when the buffer is full. */
static void keep(struct proc_out *o, const char *p, size_t n, size_t max)
{
	if (n > max) {
		p += n - max;
		n = max;
		o->flooded = true;
	}
	if (o->len + n > max) {
		size_t drop = o->len + n - max;

		memmove(o->text, o->text + drop, o->len - drop);
		o->len -= drop;
		o->flooded = true;
	}
	memcpy(o->text + o->len, p, n);
	o->len += n;
	o->text[o->len] = '\0';
}

/* Read until the end of the pipe or the deadline. */
static void gather(struct proc_out *o, pid_t pid, int fd, double until, size_t max)
{
	const char *cue = o->cue;
	char buf[16384];

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		double left = until - now_ms();
		ssize_t n;

		if (left <= 0) {
			o->timed_out = true;
			return;
		}
		if (poll(&p, 1, (int)left + 1) <= 0)
			continue;
		n = read(fd, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		keep(o, buf, (size_t)n, max);
		if (cue && strstr(o->text, cue)) {
			kill(pid, o->signal);
			cue = NULL;
		}
	}
}

int proc_run(const char *const *argv, unsigned int deadline_ms, size_t max,
	     struct proc_out *o)
{
	int out[2], err[2], e = 0, status = 0;
	double start = now_ms();
	pid_t pid;

	*o = (struct proc_out){ .cue = o->cue, .signal = o->signal };
	o->text = calloc(1, max + 1);
	if (!o->text || pipe2(out, O_CLOEXEC))
		return -errno;
	if (pipe2(err, O_CLOEXEC)) {
		e = -errno;
		close(out[0]);
		close(out[1]);
		return e;
	}
	pid = fork();
	if (pid == 0)
		exec_child(argv, out[1], err[1]);
	e = pid < 0 ? errno : 0;
	close(out[1]);
	close(err[1]);
	if (pid > 0 && read(err[0], &e, sizeof(e)) != sizeof(e))
		e = 0;
	close(err[0]);
	if (pid > 0) {
		if (!e)
			gather(o, pid, out[0], start + deadline_ms, max);
		/* It has closed its output, failed to start, or run too long. */
		if (o->timed_out)
			kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	close(out[0]);
	o->ms = now_ms() - start;
	o->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return -e;
}
