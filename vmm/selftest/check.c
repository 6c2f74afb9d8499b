// SPDX-License-Identifier: GPL-2.0
/* What a check says: outcome, notes, figures. And the list of tables. */
#include <stdarg.h>
#include <string.h>

#include "selftest.h"

static const struct check *const tables[] = {
	checks_host, checks_vm, checks_flat, checks_linux, checks_patch,
	checks_perf, checks_suite, checks_self, NULL,
};

const struct check *const *check_tables(void)
{
	return tables;
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

int t_fail(struct t *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(t, ST_FAIL, fmt, ap);
	va_end(ap);
	return -1;
}

int t_skip(struct t *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(t, ST_SKIP, fmt, ap);
	va_end(ap);
	return -1;
}

int t_warn(struct t *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(t, ST_WARN, fmt, ap);
	va_end(ap);
	return 0;
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

	/* Where a hang is no failure, it need not be waited for as long. */
	if (t->check->needs & NEED_HW && t->env->backend[0] && !t->env->hw_backend && ms > 3000)
		ms = 3000;
	return (unsigned int)(ms * t->env->scale);
}
