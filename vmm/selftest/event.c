// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events on the host that make a measurement worthless. KVM behaves as documented
 * when they happen, but a check that compares two clocks sees a jump.
 */
#include <string.h>
#include <time.h>

#include "env/clock.h"
#include "env/files.h"
#include "event.h"

#define TRIES		3

/* The state that is compared. A member that cannot be read is empty each time. */
struct host_state {
	char source[32];		/* the clocksource */
	bool tsc;			/* the TSC is among the available ones */
	char cpus[128];			/* that are online */
	double asleep_lo, asleep_hi;	/* bounds of the ms suspended since boot */
};

static double clock_ms(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void look(const struct env *env, struct host_state *h)
{
	double before = clock_ms(CLOCK_MONOTONIC), boot = clock_ms(CLOCK_BOOTTIME);

	memset(h, 0, sizeof(*h));
	h->asleep_lo = boot - clock_ms(CLOCK_MONOTONIC);
	h->asleep_hi = boot - before;
	host_clocksource_now(env, h->source, sizeof(h->source));
	h->tsc = host_tsc_listed(env);
	read_filef(h->cpus, sizeof(h->cpus), "%s/devices/system/cpu/online", env->sys);
}

/* What happened since @was, in words; false: nothing. */
static bool happened(const struct env *env, const struct host_state *was, char *what, size_t size)
{
	struct host_state is;

	look(env, &is);
	if (was->tsc && !is.tsc)
		snprintf(what, size, "the host marked its TSC unstable");
	else if (strcmp(was->source, is.source))
		snprintf(what, size, "the host's clocksource changed from %s to %s", was->source, is.source);
	else if (is.asleep_lo > was->asleep_hi + 1)
		snprintf(what, size, "the host was suspended");
	else if (strcmp(was->cpus, is.cpus))
		snprintf(what, size, "the host's online CPUs changed from %s to %s", was->cpus, is.cpus);
	else
		return false;
	return true;
}

/* Discard the result, so that the check can run again. */
static void forget(struct result *r)
{
	r->status = ST_NONE;
	r->why[0] = r->advice[0] = r->notes[0] = r->dump[0] = '\0';
	r->notes_len = r->metrics = 0;
}

int check_run(struct t *t)
{
	double start = now_ms();
	struct host_state was;
	char what[320];
	unsigned int i;
	int rc;

	for (i = 1;; i++) {
		look(t->env, &was);
		rc = t->check->fn(t);
		if (t->res->status != ST_FAIL && t->res->status != ST_WARN)
			return rc;
		if (!happened(t->env, &was, what, sizeof(what)))
			return rc;
		forget(t->res);
		/* The runner kills the check 2 s after its deadline. */
		if (i == TRIES || (now_ms() - start) * 3 > deadline_ms(t))
			return t_skip(t, "%s while the check ran, after %u tries: the result says nothing about KVM", what, i);
		t_note(t, "%s while the check ran: the check was run again", what);
	}
}
