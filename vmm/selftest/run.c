// SPDX-License-Identifier: GPL-2.0-only
/*
 * The runner: starts each check in its own process group, with a deadline, several
 * at a time; reports the results in the order of the list.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "env/clock.h"
#include "env/manifest.h"
#include "env/settings.h"
#include "event.h"
#include "run.h"

#define JOBS_MAX	16
#define STDERR_KEPT	2000

enum state { WAITING, RUNNING, DONE };

struct job {
	enum state state;
	pid_t pid;
	double start, until;
	int err_fd;		/* what the check's process printed */
};

struct runner {
	struct env *env;
	const struct run_opts *o;
	struct job *job;
	struct result **res;
	struct totals *tot;
	unsigned int running, reported;
	bool alone;		/* the check that runs must be alone */
	int sigfd;
};

/* The check's process: without a terminal, and the first to be killed when memory is short. */
static void __attribute__((noreturn)) child(struct runner *r, unsigned int i)
{
	const struct check *c = r->o->list[i];
	struct t t = { .check = c, .env = r->env, .res = r->res[i] };
	struct rlimit no_core = { 0, 0 };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC), fd, rc;
	sigset_t none;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, strchr(c->name, '/') + 1);
	setrlimit(RLIMIT_CORE, &no_core);
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (write(fd, "1000", 4) != 4)
			t_note(&t, "oom_score_adj could not be set");
		close(fd);
	}
	dup2(null, 0);
	dup2(r->job[i].err_fd, 1);
	dup2(r->job[i].err_fd, 2);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	rc = check_run(&t);
	if (rc == 0 && t.res->status == ST_NONE)
		t.res->status = ST_PASS;
	else if (rc != 0 && t.res->status < ST_SKIP)
		t_fail(&t, "the check ended with %d and gave no reason", rc);
	_exit(0);
}

/* Why a check cannot run here, or NULL. */
static const char *unmet(const struct env *env, const struct check *c, char *buf, size_t size)
{
	if (c->needs & NEED_KVM && env->kvm_err)
		return "/dev/kvm cannot be opened (see vm/device)";
	if (c->needs & NEED_MANIFEST && !env->manifest)
		return "no valid manifest of the running kernel (see host/kernel)";
	if (c->needs & NEED_VMM && !env->vmm)
		return "kvm-vmm is not beside kvm-selftest nor in PATH (see linux/vmm)";
	if (c->needs & NEED_BASELINE && !env->baseline)
		return "no --baseline was given";
	if (c->needs & NEED_BASELINE && !json_path(env->baseline, "facts"))
		return "the baseline has no facts: an older kvm-selftest wrote it";
	if (c->needs & NEED_ROOT && !env->root)
		return "needs root";
	if (c->settings && settings_unmet(env, c->settings, buf, size))
		return buf;
	return NULL;
}

/* Remove what a check may have left in the file system, however it ended. */
static void sweep(struct runner *r, pid_t pid)
{
	char path[PATH_MAX], file[PATH_MAX + 8];

	cgroup_path(r->env, (int)pid, path, sizeof(path));
	rmdir(path);
	scratch_path(r->env, (int)pid, path, sizeof(path));
	snprintf(file, sizeof(file), "%s/%s", path, SCRATCH_FILE);
	unlink(file);
	rmdir(path);
}

static void settle(struct runner *r, unsigned int i, int status)
{
	const struct check *c = r->o->list[i];
	struct t t = { .check = c, .env = r->env, .res = r->res[i] };
	struct result *res = r->res[i];
	bool hw_only = c->needs & NEED_HW && r->env->backend[0] && !r->env->hw_backend, died;

	sweep(r, r->job[i].pid);
	res->ms = now_ms() - r->job[i].start;
	died = WIFSIGNALED(status) || WEXITSTATUS(status);
	if (died) {
		char text[STDERR_KEPT + 1];
		off_t end = lseek(r->job[i].err_fd, 0, SEEK_END);
		off_t from = end > STDERR_KEPT ? end - STDERR_KEPT : 0;
		ssize_t n = pread(r->job[i].err_fd, text, STDERR_KEPT, from);

		if (n > 0)
			t_note_text(&t, text, (size_t)n);
		t_advise(&t, "A check that crashes says nothing about KVM. Run it alone; if it crashes again, reinstall kernel-kvm-selftest or report it with --bundle.");
		res->status = ST_NONE;
	}
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
		/* We did not kill it: deadlines() settles with status 0. */
		t_advise(&t, "See dmesg: when memory is short, the kernel kills a check first. Run it again when more memory is free.");
		t_error(&t, "the check was killed (signal 9)");
	} else if (WIFSIGNALED(status)) {
		t_fail(&t, "the check crashed: signal %d (%s)", WTERMSIG(status),
		       strsignal(WTERMSIG(status)));
	} else if (died) {
		t_fail(&t, "the check's process ended with %d", WEXITSTATUS(status));
	} else if (res->status == ST_NONE) {
		t_fail(&t, "the check ended without a result");
	}
	if (res->status == ST_FAIL && c->settings) {
		char unusual[256];

		settings_unusual(r->env, c->settings, unusual, sizeof(unusual));
		if (unusual[0])
			t_note(&t, "this check depends on a parameter that is not at its default here: %s", unusual);
	}
	if (hw_only && res->status == ST_FAIL && !died) {
		char why[sizeof(res->why)];

		memcpy(why, res->why, sizeof(why));
		res->status = ST_NONE;
		t_skip(&t, "not required of back end %s: %.900s", r->env->backend, why);
	}
}

/* --require: a check that was skipped or could not be done has failed. */
static void must_be_done(const struct check *c, struct result *res)
{
	struct t t = { .check = c, .res = res };
	char why[sizeof(res->why)];

	if (res->status != ST_SKIP && res->status != ST_ERROR)
		return;
	memcpy(why, res->why, sizeof(why));
	res->status = ST_NONE;
	t_fail(&t, "required, but it could not be done: %.900s", why);
}

static void finish(struct runner *r, unsigned int i)
{
	r->job[i].state = DONE;
	if (r->job[i].err_fd >= 0)
		close(r->job[i].err_fd);
	r->job[i].err_fd = -1;
	while (r->reported < r->o->n && r->job[r->reported].state == DONE) {
		struct result *res = r->res[r->reported];
		const struct check *c = r->o->list[r->reported];

		if (c->required)
			must_be_done(c, res);
		switch (res->status) {
		case ST_PASS:
		case ST_WARN:
			r->tot->pass++;
			r->tot->warn += res->status == ST_WARN;
			break;
		case ST_SKIP:
			r->tot->skip++;
			break;
		case ST_ERROR:
			r->tot->error++;
			break;
		default:
			r->tot->fail++;
		}
		if (r->o->report->ops->result)
			r->o->report->ops->result(r->o->report, r->reported);
		r->reported++;
	}
}

static void launch(struct runner *r, unsigned int i)
{
	const struct check *c = r->o->list[i];
	char buf[160];
	const char *why = unmet(r->env, c, buf, sizeof(buf));
	struct t t = { .check = c, .env = r->env, .res = r->res[i] };
	struct job *j = &r->job[i];

	if (why) {
		t_skip(&t, "%s", why);
		finish(r, i);
		return;
	}
	if (r->o->report->ops->running)
		r->o->report->ops->running(r->o->report, i);
	j->err_fd = memfd_create("check", MFD_CLOEXEC);
	j->start = now_ms();
	/* The check gives up first and says where it hung; we kill it 2 s later. */
	j->until = j->start + deadline_ms(&t) + 2000;
	fflush(NULL);
	j->pid = j->err_fd < 0 ? -1 : fork();
	if (j->pid < 0) {
		t_lacks(&t, errno, "no process for the check");
		finish(r, i);
		return;
	}
	if (j->pid == 0)
		child(r, i);
	setpgid(j->pid, j->pid);	/* the child does so, too: either may come first */
	j->state = RUNNING;
	r->running++;
	r->alone = c->needs & ALONE;
}

static void reap(struct runner *r)
{
	unsigned int i;
	int status;

	for (i = 0; i < r->o->n; i++) {
		if (r->job[i].state != RUNNING)
			continue;
		if (waitpid(r->job[i].pid, &status, WNOHANG) != r->job[i].pid)
			continue;
		kill(-r->job[i].pid, SIGKILL);	/* the processes it left behind */
		r->running--;
		settle(r, i, status);
		finish(r, i);
	}
}

/* Kill the checks that are past their deadlines. Returns the ms until the next deadline, at most 1000. */
static int deadlines(struct runner *r)
{
	double now = now_ms(), next = 1000;
	unsigned int i;

	for (i = 0; i < r->o->n; i++) {
		struct job *j = &r->job[i];
		struct t t = { .res = r->res[i] };

		if (j->state != RUNNING)
			continue;
		if (now >= j->until) {
			kill(-j->pid, SIGKILL);
			while (waitpid(j->pid, NULL, 0) < 0 && errno == EINTR)
				;
			r->running--;
			t_fail(&t, "no end after %.1f s: killed", (now - j->start) / 1e3);
			settle(r, i, 0);
			finish(r, i);
		} else if (j->until - now < next) {
			next = j->until - now;
		}
	}
	return (int)next + 1;
}

static void stop_all(struct runner *r)
{
	unsigned int i;

	for (i = 0; i < r->o->n; i++) {
		if (r->job[i].state != RUNNING)
			continue;
		kill(-r->job[i].pid, SIGKILL);
		while (waitpid(r->job[i].pid, NULL, 0) < 0 && errno == EINTR)
			;
		sweep(r, r->job[i].pid);
	}
}

static void wait_some(struct runner *r)
{
	struct pollfd p = { .fd = r->sigfd, .events = POLLIN };
	struct signalfd_siginfo si;
	int ms = deadlines(r);

	if (!r->running || poll(&p, 1, ms) <= 0)
		return;
	while (read(r->sigfd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo != SIGCHLD)
			r->tot->signal = (int)si.ssi_signo;
	}
	reap(r);
}

static int prepare(struct runner *r)
{
	unsigned int i, n = r->o->n;
	struct result *shm = mmap(NULL, n * sizeof(*shm), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	sigset_t set;

	if (shm == MAP_FAILED)
		return -ENOMEM;
	r->job = calloc(n, sizeof(*r->job));
	if (!r->job)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		r->res[i] = &shm[i];
		r->job[i].err_fd = -1;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	r->sigfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return r->sigfd < 0 ? -errno : 0;
}

int run_checks(struct env *env, const struct run_opts *o,
	       struct result **results, struct totals *tot)
{
	struct runner r = { .env = env, .o = o, .res = results, .tot = tot };
	unsigned int next = 0, jobs = o->jobs < JOBS_MAX ? o->jobs : JOBS_MAX;
	int rc = prepare(&r);

	if (rc) {
		free(r.job);
		return rc;
	}
	if (o->report->ops->begin)
		o->report->ops->begin(o->report);
	while (!tot->signal && (next < o->n || r.running)) {
		while (next < o->n && r.running < jobs && !(r.running && r.alone) &&
		       !(r.running && o->list[next]->needs & ALONE))
			launch(&r, next++);
		wait_some(&r);
	}
	if (tot->signal)
		stop_all(&r);
	o->report->ops->end(o->report, tot);
	close(r.sigfd);
	free(r.job);
	return 0;
}
