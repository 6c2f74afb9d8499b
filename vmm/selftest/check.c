// SPDX-License-Identifier: GPL-2.0-only
/* The list of checks; what a check says: outcome, notes, figures. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "env/limits.h"

/* The section that CHECK() puts its pointers into; the linker defines both ends. */
extern struct check *const __start_checks[], *const __stop_checks[];

static struct check *all[CHECKS_MAX + 1];
static unsigned int nall;

/* The place of a check's group in the report. Any other group is a foreign suite's. */
static unsigned int rank(const struct check *c)
{
	static const char *const groups[] = { "host/", "vm/", "flat/", "linux/", "patch/", "perf/", "", "self/" };
	unsigned int i, foreign = 0;

	for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (!groups[i][0])
			foreign = i;
		else if (!strncmp(c->name, groups[i], strlen(groups[i])))
			return i;
	}
	return foreign;
}

static int by_place(const void *a, const void *b)
{
	const struct check *x = *(struct check *const *)a, *y = *(struct check *const *)b;

	if (rank(x) != rank(y))
		return rank(x) < rank(y) ? -1 : 1;
	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* Collect what CHECK() has put into the program. A C name has '_' where a check's has '-'. */
static void collect(void)
{
	struct check *const *c;
	char *p;

	for (c = __start_checks; c < __stop_checks && nall < CHECKS_MAX; c++) {
		for (p = (*c)->name; *p; p++)
			if (*p == '_')
				*p = '-';
		all[nall++] = *c;
	}
}

void check_add(struct check *c)
{
	if (!nall)
		collect();
	if (nall < CHECKS_MAX)
		all[nall++] = c;
	qsort(all, nall, sizeof(all[0]), by_place);
}

const struct check *const *checks(void)
{
	if (!nall) {
		collect();
		qsort(all, nall, sizeof(all[0]), by_place);
	}
	return (const struct check *const *)all;
}

const struct check *check_find(const char *name)
{
	const struct check *const *c;

	for (c = checks(); *c; c++)
		if (!strcmp((*c)->name, name))
			return *c;
	return NULL;
}

/* The flags are the only members that change; everybody else sees const rows. */
static struct check *own(const struct check *c)
{
	unsigned int i;

	for (i = 0; all[i] != c; i++)
		;
	return all[i];
}

void check_choose(const struct check *c)
{
	own(c)->chosen = true;
}

void check_require(const struct check *c)
{
	own(c)->required = true;
}

bool check_chosen(const char *name)
{
	const struct check *c = check_find(name);

	return c && c->chosen;
}

const char *status_name(int status)
{
	static const char *const names[] = { "none", "pass", "warn", "skip", "error", "fail" };

	return status >= 0 && status <= ST_FAIL ? names[status] : "none";
}

const char *advice_for(const struct check *c, const struct result *res)
{
	return res->advice[0] ? res->advice : c->advice;
}

/* Replace control characters: a guest may have chosen this text. */
static void clean(char *s, bool keep_newlines)
{
	for (; *s; s++) {
		if ((unsigned char)*s < ' ' && !(keep_newlines && *s == '\n'))
			*s = ' ';
		else if (*s == 0x7f)
			*s = '?';
	}
}

static void set(struct t *t, int status, const char *fmt, va_list ap)
{
	struct result *r = t->res;

	if (r->status >= ST_ERROR || (r->status == ST_SKIP && status == ST_WARN))
		return;
	vsnprintf(r->why, sizeof(r->why), fmt, ap);
	clean(r->why, false);
	r->status = status;
}

#define SAYS(name, status, value) \
	int name(struct t *t, const char *fmt, ...) \
	{ \
		va_list ap; \
		va_start(ap, fmt); \
		set(t, status, fmt, ap); \
		va_end(ap); \
		return value; \
	}
SAYS(t_fail, ST_FAIL, -1)
SAYS(t_error, ST_ERROR, -1)
SAYS(t_skip, ST_SKIP, -1)
SAYS(t_warn, ST_WARN, 0)

void t_advise(struct t *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->res->advice, sizeof(t->res->advice), fmt, ap);
	va_end(ap);
	clean(t->res->advice, false);
}

int t_because(struct t *t, const char *name, const char *fmt, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	if (check_chosen(name))
		return t_skip(t, "%s (see %s)", why, name);
	t_advise(t, "%s", check_find(name)->advice);
	return t_error(t, "%s (%s is not part of this run)", why, name);
}

int t_lacks(struct t *t, int err, const char *what)
{
	char why[384], advice[384];

	if (!limits_explain(t->env, err, why, sizeof(why), advice, sizeof(advice)))
		return t_fail(t, "%s: %s", what, strerror(err));
	t_advise(t, "%s", advice);
	return t_error(t, "%s: %s", what, why);
}

int t_thread(struct t *t, pthread_t *thread, void *(*body)(void *), void *arg)
{
	int err = pthread_create(thread, NULL, body, arg);

	return err ? t_lacks(t, err, "a thread") : 0;
}

static void note(struct result *r, const char *line)
{
	size_t n = strlen(line);

	if (r->notes_len + n + 2 > sizeof(r->notes))
		return;
	clean(memcpy(r->notes + r->notes_len, line, n + 1), false);
	r->notes_len += (uint32_t)n;
	r->notes[r->notes_len++] = '\n';
	r->notes[r->notes_len] = '\0';
}

void t_note(struct t *t, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	note(t->res, line);
}

void t_note_text(struct t *t, const char *text, size_t len)
{
	char line[256];
	size_t n = 0, i;

	for (i = 0; i < len; i++) {
		if (text[i] == '\r')
			continue;
		if (text[i] == '\n' || n == sizeof(line) - 1) {
			line[n] = '\0';
			note(t->res, line);
			n = 0;
			if (text[i] == '\n')
				continue;
		}
		line[n++] = text[i];
		if (!text[i])
			line[n - 1] = '.';
	}
	line[n] = '\0';
	if (n)
		note(t->res, line);
}

struct metric *t_metric(struct t *t, const char *name, const char *unit,
			double value, double noise)
{
	struct metric *m;

	if (t->res->metrics == METRICS_MAX)
		return NULL;
	m = &t->res->metric[t->res->metrics++];
	snprintf(m->name, sizeof(m->name), "%s", name);
	snprintf(m->unit, sizeof(m->unit), "%s", unit);
	m->value = value;
	m->noise = noise;
	return m;
}

unsigned int deadline_ms(const struct t *t)
{
	unsigned int ms = t->check->deadline_ms ? t->check->deadline_ms : DEADLINE_MS;

	/* Where a failure is only a skip, do not wait as long for a hang. */
	if (t->check->needs & NEED_HW && t->env->backend[0] && !t->env->hw_backend && ms > 3000)
		ms = 3000;
	return (unsigned int)(ms * t->env->scale);
}
