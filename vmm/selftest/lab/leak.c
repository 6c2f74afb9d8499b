// SPDX-License-Identifier: GPL-2.0-only
/* How leaks are found: see leak.h. */
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "env/clock.h"
#include "env/files.h"
#include "lab/leak.h"

#define ROUNDS	4

long held_vms(const struct env *env)
{
	char path[PATH_MAX], me[16];
	struct dirent *e;
	long n = 0;
	DIR *d;

	/* Its entries are named PID-FD. */
	snprintf(path, sizeof(path), "%s/kernel/debug/kvm", env->sys);
	snprintf(me, sizeof(me), "%d-", (int)getpid());
	d = opendir(path);
	if (!d)
		return -1;
	while ((e = readdir(d)))
		n += !strncmp(e->d_name, me, strlen(me));
	closedir(d);
	return n;
}

long held_module(const struct env *env)
{
	char text[32];

	if (read_filef(text, sizeof(text), "%s/module/%s/refcnt", env->sys, env->backend) < 0)
		return -1;
	return strtol(text, NULL, 10);
}

/* Names of threads have at most 15 bytes. */
long held_pit_threads(const struct env *env)
{
	char path[PATH_MAX], comm[32], pit[24];
	struct dirent *e;
	long n = 0;
	DIR *d = opendir(env->proc);

	if (!d)
		return -1;
	snprintf(pit, 16, "kvm-pit/%d", (int)getpid());
	while ((e = readdir(d))) {
		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "%s/%.16s/comm", env->proc, e->d_name);
		n += read_filef(comm, sizeof(comm), "%s", path) > 0 && !strcmp(comm, pit);
	}
	closedir(d);
	return n;
}

/* The number after @key in @text; -1: it is not there. */
static long number_after(const char *text, const char *key)
{
	const char *p = strstr(text, key);

	return p ? strtol(p + strlen(key), NULL, 10) : -1;
}

/* slabinfo(5): the caches of CPUs are included. */
long held_address_spaces(const struct env *env)
{
	static char text[65536];

	if (read_filef(text, sizeof(text), "%s/slabinfo", env->proc) < 0)
		return -1;
	return number_after(text, "\nmm_struct ");
}

/*
 * The kernel gives each eventfd the lowest free number: open one after HELD_EVENTFDS
 * others, and read its number. Kernels before 5.2 do not number them.
 */
long held_eventfds(const struct env *env)
{
	int fd[HELD_EVENTFDS + 1], i;
	char text[256] = "";

	(void)env;
	for (i = 0; i <= HELD_EVENTFDS; i++)
		fd[i] = eventfd(0, EFD_CLOEXEC);
	read_filef(text, sizeof(text), "/proc/self/fdinfo/%d", fd[HELD_EVENTFDS]);
	for (i = 0; i <= HELD_EVENTFDS; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	return number_after(text, "eventfd-id:");
}

/*
 * Free pages that CPUs keep for themselves, in KiB: MemFree is without them, and after
 * many pages were freed they are megabytes. proc_zoneinfo(5); 0: it cannot be read.
 */
static long percpu_free_kb(const struct env *env)
{
	static char text[262144];
	const char *p = text;
	long pages = 0;

	if (read_filef(text, sizeof(text), "%s/zoneinfo", env->proc) < 0)
		return 0;
	while ((p = strstr(p, " count:"))) {
		p += 7;
		pages += strtol(p, NULL, 10);
	}
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

long held_kb(const struct env *env)
{
	static const char *const others[] = { "MemFree:", "Buffers:", "Cached:", "SwapCached:",
		"AnonPages:", "SReclaimable:", "KernelStack:", "PageTables:" };
	char text[8192], key[24];
	long kb, n;
	size_t i;

	if (read_filef(text, sizeof(text), "%s/meminfo", env->proc) < 0)
		return -1;
	kb = number_after(text, "MemTotal:");
	if (kb < 0)
		return -1;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		/* At a line's start: SwapCached ends like Cached. */
		snprintf(key, sizeof(key), "\n%s", others[i]);
		n = number_after(text, key);
		kb -= n > 0 ? n : 0;
	}
	return kb - percpu_free_kb(env);
}

long held_below(const struct env *env, held_fn *held, long much, unsigned int ms)
{
	double until = now_ms() + ms;
	long n;

	do {
		n = held(env);
	} while (n >= much && now_ms() < until && !usleep(10000));
	return n;
}

int held_growth(struct t *t, held_fn *held, int (*life)(struct t *t), long much, unsigned int ms, long *least)
{
	long before, grown;
	int i;

	*least = LONG_MAX;
	for (i = 0; i < ROUNDS && *least >= much; i++) {
		before = held(t->env);
		if (life(t))
			return -1;
		grown = held_below(t->env, held, before + much, ms) - before;
		*least = grown < *least ? grown : *least;
	}
	return 0;
}

int leaks(struct t *t, int (*life)(struct t *t), long used_kb, const char *what)
{
	long least;

	if (held_kb(t->env) < 0)
		return t_skip(t, "%s/meminfo cannot be read", t->env->proc);
	/* The first one fills caches. */
	if (life(t) || held_growth(t, held_kb, life, used_kb / 4, LATE_MS, &least))
		return -1;
	t_note(t, "a round that uses %ld KiB leaves %ld KiB behind", used_kb, least);
	REQUIRE(t, least < used_kb / 4, "each round that uses %ld KiB leaves the kernel with at least %ld KiB more: %s leaked",
		used_kb, least, what);
	return 0;
}
