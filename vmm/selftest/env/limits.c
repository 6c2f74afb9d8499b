// SPDX-License-Identifier: GPL-2.0-only
/* See limits.h: getrlimit(2), cgroups(7), Documentation/admin-guide/cgroup-v2.rst. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "env/files.h"
#include "env/limits.h"

/* A limit that makes calls fail with one of these errors; { 0 }: it is only reported. */
struct limit {
	int err[2];
	int resource;			/* RLIMIT_*, or -1 */
	const char *cgroup;		/* its file, or NULL */
	const char *name;		/* as people set it */
	unsigned int unit;		/* of the figure in @name, in bytes */
	const char *raise;
};

static const struct limit limits[] = {
	{ { EAGAIN }, RLIMIT_NPROC, NULL, "ulimit -u", 1, "ulimit -u (LimitNPROC= of a unit)" },
	{ { EAGAIN }, RLIMIT_SIGPENDING, NULL, "ulimit -i", 1, "ulimit -i (LimitSIGPENDING=)" },
	{ { EAGAIN }, -1, "pids.max", "pids.max", 1, "TasksMax= of the unit, --pids-limit of the container" },
	{ { EMFILE }, RLIMIT_NOFILE, NULL, "ulimit -n", 1, "ulimit -n (LimitNOFILE=)" },
	{ { ENOMEM, EAGAIN }, RLIMIT_AS, NULL, "ulimit -v", 1024, "ulimit -v (LimitAS=)" },
	{ { ENOMEM }, RLIMIT_DATA, NULL, "ulimit -d", 1024, "ulimit -d (LimitDATA=)" },
	{ { 0 }, RLIMIT_MEMLOCK, NULL, "ulimit -l", 1024, NULL },
	{ { ENOMEM }, -1, "memory.max", "memory.max", 1, "MemoryMax= of the unit, --memory of the container" },
};
#define NLIMITS	(sizeof(limits) / sizeof(limits[0]))

/* An appending snprintf(): what does not fit is cut. */
static void __attribute__((format(printf, 4, 5))) add(char *s, size_t size, const char *between, const char *fmt, ...)
{
	size_t n = strlen(s);
	va_list ap;

	if (n)
		n += (size_t)snprintf(s + n, size - n, "%s", between);
	if (n >= size)
		return;
	va_start(ap, fmt);
	vsnprintf(s + n, size - n, fmt, ap);
	va_end(ap);
}

/* The smallest value of @file ("pids.max") in this process's cgroup and above; -1: no limit */
static long long limits_cgroup(const struct env *env, const char *file)
{
	char text[4096], path[PATH_MAX], v[64], *line, *slash;
	long long least = -1, n;

	/* "0::/PATH" is the unified hierarchy's line. */
	if (read_filef(text, sizeof(text), "%s/self/cgroup", env->proc) < 0)
		return -1;
	line = !strncmp(text, "0::", 3) ? text : strstr(text, "\n0::");
	if (!line)
		return -1;
	line += *line == '\n';
	line[strcspn(line, "\n")] = '\0';
	for (snprintf(path, sizeof(path), "%s", line + 3);; *slash = '\0') {
		if (read_filef(v, sizeof(v), "%s/fs/cgroup%s/%s", env->sys, path, file) > 0 && strcmp(v, "max")) {
			n = strtoll(v, NULL, 10);
			least = least < 0 || n < least ? n : least;
		}
		slash = strrchr(path, '/');
		if (!slash)
			return least;
	}
}

/* The value in the limit's unit; -1: no limit. */
static long long value(const struct env *env, const struct limit *l)
{
	struct rlimit r;

	if (l->cgroup)
		return limits_cgroup(env, l->cgroup);
	if (getrlimit((__rlimit_resource_t)l->resource, &r) || r.rlim_cur == RLIM_INFINITY)
		return -1;
	return (long long)(r.rlim_cur / l->unit);
}

bool limits_explain(const struct env *env, int err, char *why, size_t why_size, char *advice, size_t advice_size)
{
	char names[256] = "", raise[320] = "";
	size_t i;

	if (err != EAGAIN && err != ENOMEM && err != EMFILE && err != ENFILE && err != ENOSPC && err != EDQUOT)
		return false;
	for (i = 0; i < NLIMITS; i++) {
		const struct limit *l = &limits[i];
		long long v = l->err[0] == err || l->err[1] == err ? value(env, l) : -1;

		if (v < 0)
			continue;
		add(names, sizeof(names), ", ", "%s is %lld", l->name, v);
		add(raise, sizeof(raise), "; ", "%s", l->raise);
	}
	snprintf(why, why_size, "%s%s%s%s", strerror(err), names[0] ? " (" : "", names, names[0] ? ")" : "");
	if (raise[0])
		snprintf(advice, advice_size, "The check could not be done; that says nothing about KVM. Raise the limits it may have hit: %s.", raise);
	else
		snprintf(advice, advice_size, "The check could not be done; that says nothing about KVM. Run it again when the host has free %s.",
			 err == ENFILE ? "file handles (sysctl fs.file-max)" : err == EAGAIN ? "threads" : "memory and file system space");
	return true;
}

void limits_text(const struct env *env, char *text, size_t size)
{
	size_t i;

	text[0] = '\0';
	for (i = 0; i < NLIMITS; i++) {
		long long v = value(env, &limits[i]);

		if (v >= 0)
			add(text, size, ", ", "%s %lld", limits[i].name, v);
	}
	if (!text[0])
		add(text, size, "", "none");
}
