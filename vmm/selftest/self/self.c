// SPDX-License-Identifier: GPL-2.0-only
/*
 * self: checks that fail, skip, hang or crash on purpose, to test the runner. They
 * never run unless --only names them.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPORT_PLACE 10
#include "env/clock.h"
#include "env/files.h"
#include "lab/unit.h"

#define SELF_NEEDS(id, needs) \
	CHECK(self, id, "the runner handles this outcome", "None.", NOT_DEFAULT | (needs), .deadline_ms = 500)
#define SELF(id) SELF_NEEDS(id, 0)
/* A test of the unit guest. */
#define SELF_UNIT(id, test) SELF_NEEDS(id, NEED_KVM) { return unit_check(t, test); }

SELF(pass)
{
	t_note(t, "all is well");
	return 0;
}

SELF(fail)
{
	return t_fail(t, "asked to fail\twith \033[31mcontrol\033[0m characters");
}

SELF(warn)
{
	return t_warn(t, "asked to warn");
}

SELF(skip)
{
	return t_skip(t, "asked to skip");
}

SELF(crash)
{
	(void)t;
	if (write(2, "last words\n", 11) != 11)
		return -1;
	return raise(SIGSEGV);
}

SELF(hang)
{
	for (;;)
		pause();
	return t_fail(t, "pause() loop ended");
}

static void *no_body(void *arg)
{
	return arg;
}

/* Start threads until a limit stops it. */
SELF(thread)
{
	pthread_t th[8];
	unsigned int i;

	for (i = 0; i < 8; i++)
		if (t_thread(t, &th[i], no_body, NULL))
			return -1;
	return 0;
}

SELF(silent)
{
	(void)t;
	_exit(0);
}

SELF(exit)
{
	(void)t;
	_exit(3);
}

/* Leaves a process that would outlive it. */
SELF(orphan)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			pause();
	}
	t_note(t, "orphan %d", (int)pid);
	return 0;
}

/* Allocates memory until it fails or is killed, which the runner must handle. */
SELF(memory)
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

/* The first try sees an event. The second one sees none, and fails only if @fails. */
static int event(struct t *t, bool fails)
{
	char v[32] = "";

	host_clocksource_now(t->env, v, sizeof(v));
	if (!strcmp(v, "tsc"))
		return switch_clock(t);
	return fails ? t_fail(t, "broken by %s, too", v) : 0;
}

SELF(event) { return event(t, false); }
SELF(event_and_fault) { return event(t, true); }
SELF(event_always) { return switch_clock(t); }

SELF_UNIT(guest_fail, "self_fail")
SELF_UNIT(guest_skip, "self_skip")
SELF_UNIT(guest_hang, "self_hang")
SELF_UNIT(guest_spin, "self_spin")
SELF_UNIT(guest_flood, "self_flood")
SELF_UNIT(guest_trap, "self_trap")
SELF_UNIT(guest_unknown, "no_such_test")
