// SPDX-License-Identifier: GPL-2.0
/*
 * self: how the runner takes a check that fails, skips, hangs, crashes. Only
 * for its own tests: never run unless --only names them.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab/lab.h"

static int self_pass(struct t *t)
{
	t_note(t, "all is well");
	return 0;
}

static int self_fail(struct t *t)
{
	return t_fail(t, "asked to fail\twith \033[31mcontrol\033[0m characters");
}

static int self_warn(struct t *t)
{
	return t_warn(t, "asked to warn");
}

static int self_skip(struct t *t)
{
	return t_skip(t, "asked to skip");
}

static int self_crash(struct t *t)
{
	(void)t;
	if (write(2, "last words\n", 11) != 11)
		return -1;
	return raise(SIGSEGV);
}

static int __attribute__((noreturn)) self_hang(struct t *t)
{
	(void)t;
	for (;;)
		pause();
}

static int __attribute__((noreturn)) self_silent(struct t *t)
{
	(void)t;
	_exit(0);
}

static int __attribute__((noreturn)) self_exit(struct t *t)
{
	(void)t;
	_exit(3);
}

/* Leaves a process that would outlive it. */
static int self_orphan(struct t *t)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			pause();
	}
	t_note(t, "orphan %d", (int)pid);
	return 0;
}

/* Takes memory until there is none; what then comes is the runner's. */
static int self_memory(struct t *t)
{
	const size_t step = 1 << 20;
	unsigned int mib = 0;
	char *p;

	while ((p = malloc(step)) && mib < 4096) {
		memset(p, 1, step);
		mib++;
	}
	return t_fail(t, "out of memory after %u MiB", mib);
}

/* Switch the clocksource of --sys, as a host does when its TSC drifts. */
static int switch_clock(struct t *t)
{
	char path[4096], v[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/devices/system/clocksource/clocksource0/current_clocksource", t->env->sys);
	read_file(path, v, sizeof(v));
	f = strcmp(t->env->sys, "/sys") ? fopen(path, "w") : NULL;
	REQUIRE(t, f, "%s: give a --sys with it", path);
	fputs(strcmp(v, "tsc") ? "tsc" : "hpet", f);
	fclose(f);
	return t_fail(t, "the clock jumped");
}

/* An event at the first try; the second is undisturbed. */
static int self_event(struct t *t)
{
	char v[32] = "";

	host_clocksource_now(t->env, v, sizeof(v));
	if (!strcmp(v, "tsc"))
		return switch_clock(t);
	return t->check->arg ? t_fail(t, "broken by %s, too", v) : 0;
}

#define SELF(n, fn) { "self/" n, "the runner takes it as it should", "None.", \
	NOT_DEFAULT, 500, fn, 0 }
#define SELF_UNIT(n, test) { "self/" n, "the runner takes it as it should", "None.", \
	NOT_DEFAULT | NEED_KVM, 500, unit_check, \
	(uintptr_t)&(const struct unit_row){ test, 1, false } }

const struct check checks_self[] = {
	SELF("pass", self_pass),
	SELF("fail", self_fail),
	SELF("warn", self_warn),
	SELF("skip", self_skip),
	SELF("crash", self_crash),
	SELF("hang", self_hang),
	SELF("silent", self_silent),
	SELF("exit", self_exit),
	SELF("orphan", self_orphan),
	SELF("memory", self_memory),
	SELF("event", self_event),
	{ "self/event-and-fault", "the runner takes it as it should", "None.", NOT_DEFAULT, 500, self_event, 1 },
	SELF("event-always", switch_clock),
	SELF_UNIT("guest-fail", "self_fail"),
	SELF_UNIT("guest-skip", "self_skip"),
	SELF_UNIT("guest-hang", "self_hang"),
	SELF_UNIT("guest-spin", "self_spin"),
	SELF_UNIT("guest-flood", "self_flood"),
	SELF_UNIT("guest-trap", "self_trap"),
	SELF_UNIT("guest-unknown", "no_such_test"),
	{ 0 }
};
