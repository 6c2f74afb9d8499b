// SPDX-License-Identifier: GPL-2.0-only
/*
 * host: which live patches are loaded, and does a transition hang?
 * Documentation/ABI/testing/sysfs-kernel-livepatch, Documentation/livepatch/livepatch.rst
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>

#define REPORT_PLACE 15
#include "check.h"
#include "env/files.h"
#include "env/manifest.h"

/* A sysfs or /proc file of one small number; -1: not there, or something else. */
static int number_in(const char *path)
{
	char text[32], *end;
	long v;

	if (read_file(path, text, sizeof(text)) <= 0)
		return -1;
	v = strtol(text, &end, 10);
	return *end || v < 0 || v > INT_MAX ? -1 : (int)v;
}

static int livepatch_file(const struct env *env, const char *patch, const char *file)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/kernel/livepatch/%s/%s", env->sys, patch, file);
	return number_in(path);
}

/* The next directory entry whose name begins with a digit, or NULL. */
static const char *next_number(DIR *d)
{
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (isdigit((unsigned char)e->d_name[0]))
			return e->d_name;
	return NULL;
}

/* Where the kernel's code of a task is: "schedule+0x2c/0xa0 kvm_vcpu_block+0x..." */
static void task_stack(const struct env *env, const char *pid, const char *tid, char *out, size_t size)
{
	char text[4096], *line, *save = NULL, *at;
	size_t n = 0;
	int lines = 0;

	out[0] = '\0';
	if (read_filef(text, sizeof(text), "%s/%s/task/%s/stack", env->proc, pid, tid) <= 0)
		return;
	for (line = strtok_r(text, "\n", &save); line && lines < 4; line = strtok_r(NULL, "\n", &save), lines++) {
		at = strstr(line, "] ");
		n += (size_t)snprintf(out + n, size - n, "%s%s", n ? " " : ", in ", at ? at + 2 : line);
		if (n >= size)
			return;
	}
}

/*
 * Note the tasks that hold the transition to @target (0: away from the patch, 1: to it),
 * and put the first one into @first. Returns how many there are.
 */
static unsigned int holders(struct t *t, int target, char *first, size_t size)
{
	char path[PATH_MAX], comm[64], stack[512];
	const char *pid, *tid;
	unsigned int n = 0;
	DIR *procs, *tasks;
	int state;

	first[0] = '\0';
	procs = opendir(t->env->proc);
	while ((pid = next_number(procs))) {
		snprintf(path, sizeof(path), "%s/%s/task", t->env->proc, pid);
		tasks = opendir(path);
		while ((tid = next_number(tasks))) {
			snprintf(path, sizeof(path), "%s/%s/task/%s/patch_state", t->env->proc, pid, tid);
			state = number_in(path);
			/* -1: it takes part in no transition. */
			if (state < 0 || state == target)
				continue;
			if (read_filef(comm, sizeof(comm), "%s/%s/task/%s/comm", t->env->proc, pid, tid) < 0)
				snprintf(comm, sizeof(comm), "?");
			task_stack(t->env, pid, tid, stack, sizeof(stack));
			if (n < 16)
				t_note(t, "task %s (%s) of process %s holds it%s", tid, comm, pid, stack);
			if (!n++)
				snprintf(first, size, "task %.10s (%.63s) of process %.10s", tid, comm, pid);
		}
		if (tasks)
			closedir(tasks);
	}
	if (procs)
		closedir(procs);
	return n;
}

/* A transition ends by itself in seconds; poll it for so long. */
#define PATIENCE_MS	10000

static int transition(struct t *t, const char *patch)
{
	const struct timespec nap = { .tv_nsec = 100000000 };
	char first[160];
	unsigned int n, ms;
	int target;

	for (ms = 0; ms < PATIENCE_MS && livepatch_file(t->env, patch, "transition") == 1; ms += 100)
		nanosleep(&nap, NULL);
	if (livepatch_file(t->env, patch, "transition") != 1)
		return 0;
	target = livepatch_file(t->env, patch, "enabled");
	n = holders(t, target, first, sizeof(first));
	if (!n)
		return t_fail(t, "the transition %s %s has not ended in %u s, and %s shows no task that holds it",
			      target ? "to" : "away from", patch, PATIENCE_MS / 1000, t->env->proc);
	return t_fail(t, "the transition %s %s has not ended in %u s: held by %s%s", target ? "to" : "away from",
		      patch, PATIENCE_MS / 1000, first, n > 1 ? " and others" : "");
}

CHECK(host, livepatch, "live patches are whole, and are the package's",
      "End or stop the tasks that hold the transition; systemctl restart 'kernel-kvm-livepatch-*' loads the package's live patch.",
      0, .deadline_ms = 30000)
{
	const struct env *env = t->env;
	const char *want = env->livepatch ? json_str(env->livepatch, "module") : NULL;
	const char *package = want ? json_str(env->livepatch, "livepatch") : NULL;
	char path[PATH_MAX], names[512] = "", foreign[128] = "";
	unsigned int n = 0;
	struct dirent *e;
	size_t used = 0;
	DIR *d;
	int rc = 0;

	snprintf(path, sizeof(path), "%s/kernel/livepatch", env->sys);
	d = opendir(path);
	if (!d) {
		REQUIRE(t, !want, "%s is installed, but this kernel accepts no live patch: %s: %s", package, path, strerror(errno));
		return t_skip(t, "this kernel accepts no live patch (CONFIG_LIVEPATCH)");
	}
	while (!rc && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		n++;
		t_note(t, "%s: enabled %d, transition %d", e->d_name, livepatch_file(env, e->d_name, "enabled"),
		       livepatch_file(env, e->d_name, "transition"));
		if (used < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "", e->d_name);
		if (!want || strcmp(e->d_name, want))
			snprintf(foreign, sizeof(foreign), "%.120s", e->d_name);
		rc = transition(t, e->d_name);
	}
	closedir(d);
	if (rc)
		return rc;
	REQUIRE(t, !want || livepatch_file(env, want, "enabled") == 1,
		"%s is installed, but its module %s is not live; loaded: %s", package, want, n ? names : "none");
	if (want)
		t_note(t, "%s is live", package);
	if (foreign[0])
		return t_warn(t, "%s is loaded, which no kernel-kvm-livepatch that is installed brought", foreign);
	if (!n)
		t_note(t, "no live patch is loaded");
	return 0;
}
