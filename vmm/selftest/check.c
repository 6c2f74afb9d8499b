// SPDX-License-Identifier: GPL-2.0-only
/* The list of checks; what a check says: outcome, notes, figures. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

/* Where CHECK() puts its pointers; the linker gives the ends. */
extern struct check *const __start_checks[], *const __stop_checks[];

static const struct check *all[CHECKS_MAX + 1];
static unsigned int nall;

/* Of a group, in the report: foreign suites have groups of their own. */
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
	const struct check *x = *(const struct check *const *)a, *y = *(const struct check *const *)b;

	if (rank(x) != rank(y))
		return rank(x) < rank(y) ? -1 : 1;
	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* What CHECK() has put into the program: names have no underscores. */
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
	return all;
}

const struct check *check_find(const char *name)
{
	const struct check *const *c;

	for (c = checks(); *c; c++)
		if (!strcmp((*c)->name, name))
			return *c;
	return NULL;
}

const char *status_name(int status)
{
	static const char *const names[] = { "none", "pass", "warn", "skip", "fail" };

	return status >= 0 && status <= ST_FAIL ? names[status] : "none";
}

const char *advice_for(const struct check *c, const struct result *res)
{
	if (!res->broken_test)
		return c->advice;
	return "The test could not be done, which says nothing of KVM: reinstall kernel-kvm-selftest; if that does not help, report it with --bundle.";
}

/* No control characters in what we print: a guest may have chosen the words. */
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

	if (r->status == ST_FAIL || (r->status == ST_SKIP && status == ST_WARN))
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
SAYS(t_skip, ST_SKIP, -1)
SAYS(t_warn, ST_WARN, 0)

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

	/* Where a hang is no failure, it need not be waited for as long. */
	if (t->check->needs & NEED_HW && t->env->backend[0] && !t->env->hw_backend && ms > 3000)
		ms = 3000;
	return (unsigned int)(ms * t->env->scale);
}
