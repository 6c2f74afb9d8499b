// SPDX-License-Identifier: GPL-2.0-only
/* Reports that are printed while checks run: for people, and TAP. */
#include <string.h>
#include <unistd.h>

#include "env/manifest.h"
#include "report/report.h"

/* What a reader must know about the kernel besides its name. */
static const char *no_patch_text(const struct env *env)
{
	return manifest_no_patch(env) ? " (without any patch: ALLOW_NO_PATCH=1)" : "";
}

static void page(const struct report *r, const char *indent)
{
	unsigned int i;

	for (i = 0; i < r->env->facts; i++)
		fprintf(r->out, "%s%s: %s\n", indent, r->env->page[i].name, r->env->page[i].value);
}

/* --- TAP, as the kernel's selftests print it: plan first, flat --- */

static void tap_begin(struct report *r)
{
	fprintf(r->out, "TAP version 13\n1..%u\n", r->n);
	fprintf(r->out, "# kernel %s%s, back end %s, deadlines x %.1f\n", r->env->uname_r,
		no_patch_text(r->env), r->env->backend[0] ? r->env->backend : "none", r->env->scale);
	page(r, "# ");
	fflush(r->out);
}

static void tap_notes(struct report *r, const char *notes)
{
	while (*notes) {
		size_t n = strcspn(notes, "\n");

		fprintf(r->out, "# %.*s\n", (int)n, notes);
		notes += n + (notes[n] == '\n');
	}
}

static void tap_result(struct report *r, unsigned int i)
{
	const struct check *c = r->list[i];
	const struct result *res = r->res[i];
	unsigned int m;

	tap_notes(r, res->notes);
	for (m = 0; m < res->metrics; m++)
		fprintf(r->out, "# %s: %.6g %s\n", res->metric[m].name,
			res->metric[m].value, res->metric[m].unit);
	if (res->status == ST_WARN)
		fprintf(r->out, "# warning: %s\n", res->why);
	if (res->status >= ST_ERROR)
		fprintf(r->out, "# %s: %s%s\n# advice: %s\n", c->name, res->status == ST_ERROR ? "could not be done: " : "",
			res->why, advice_for(c, res));
	fprintf(r->out, "%s %u %s%s%s\n", res->status >= ST_ERROR ? "not ok" : "ok",
		i + 1, c->name, res->status == ST_SKIP ? " # SKIP " : "",
		res->status == ST_SKIP ? res->why : "");
	fflush(r->out);
}

static void tap_end(struct report *r, const struct totals *tot)
{
	char text[600];

	verdict_text(r, tot, text, sizeof(text));
	fprintf(r->out, "# verdict: %s\n", text);
	if (tot->signal)
		fprintf(r->out, "Bail out! ended by signal %d (%s)\n", tot->signal,
			strsignal(tot->signal));
	fprintf(r->out, "# Totals: pass:%u fail:%u xfail:0 xpass:0 skip:%u error:%u\n",
		tot->pass, tot->fail, tot->skip, tot->error);
	fflush(r->out);
}

const struct report_ops report_tap = {
	.name = "tap", .begin = tap_begin, .result = tap_result, .end = tap_end,
};

/* --- for people --- */

static const char *color(const struct report *r, const char *code)
{
	return r->color ? code : "";
}

#define RED	"\033[31m"
#define GREEN	"\033[32m"
#define YELLOW	"\033[33m"
#define MAGENTA	"\033[35m"
#define BOLD	"\033[1m"
#define OFF	"\033[0m"

static void human_begin(struct report *r)
{
	fprintf(r->out, "kvm-selftest %s, kernel %s%s, KVM back end %s%s%s: %u checks\n",
		VMM_VERSION, r->env->uname_r, no_patch_text(r->env),
		r->env->backend[0] ? r->env->backend : "none",
		r->env->kmod_live ? " of " : "", r->env->kmod_live ? r->env->kmod : "", r->n);
	if (!r->quiet)
		page(r, "  ");
	fflush(r->out);
}

static void human_running(struct report *r, unsigned int i)
{
	if (!r->tty || r->quiet)
		return;
	fprintf(r->out, "\r\033[K[%u/%u] %s ...", i + 1, r->n, r->list[i]->name);
	fflush(r->out);
}

static void human_result(struct report *r, unsigned int i)
{
	static const char *const word[] = { "?", "ok", "warn", "skip", "ERR", "FAIL" };
	static const char *const col[] = { RED, GREEN, YELLOW, YELLOW, MAGENTA, RED };
	const struct check *c = r->list[i];
	const struct result *res = r->res[i];
	const char *notes = res->notes;
	unsigned int m;

	if (r->tty && !r->quiet)
		fprintf(r->out, "\r\033[K");
	if (r->quiet && res->status < ST_ERROR)
		return;
	fprintf(r->out, "  %s%-4s%s %-28s %7.0f ms  %s\n", color(r, col[res->status]),
		word[res->status], color(r, OFF), c->name, res->ms, c->purpose);
	if (res->why[0])
		fprintf(r->out, "       %s\n", res->why);
	for (m = 0; m < res->metrics; m++)
		fprintf(r->out, "       %-28s %10.4g %s\n", res->metric[m].name,
			res->metric[m].value, res->metric[m].unit);
	while (*notes && res->status >= ST_ERROR) {
		size_t n = strcspn(notes, "\n");

		fprintf(r->out, "       | %.*s\n", (int)n, notes);
		notes += n + (notes[n] == '\n');
	}
	if (res->status >= ST_ERROR)
		fprintf(r->out, "       %s->%s %s\n", color(r, BOLD), color(r, OFF),
			advice_for(c, res));
	fflush(r->out);
}

/* The first three different pieces of advice: what to do next. */
static void human_advice(struct report *r)
{
	const char *said[3] = { NULL }, *advice;
	unsigned int n = 0, i, k;

	for (i = 0; i < r->n && n < 3; i++) {
		if (r->res[i]->status < ST_ERROR)
			continue;
		advice = advice_for(r->list[i], r->res[i]);
		for (k = 0; k < n && strcmp(said[k], advice); k++)
			;
		if (k < n)
			continue;
		said[n++] = advice;
		fprintf(r->out, "%s  %u. %s (%s)\n", n == 1 ? "What to do:\n" : "", n,
			advice, r->list[i]->name);
	}
}

static void human_end(struct report *r, const struct totals *tot)
{
	int v = verdict(r, tot);
	char text[600], undone[48] = "";

	if (r->tty)
		fprintf(r->out, "\r\033[K");
	if (tot->error)
		snprintf(undone, sizeof(undone), ", %u could not be done", tot->error);
	fprintf(r->out, "%u passed, %u failed%s, %u skipped, %u warnings\n", tot->pass,
		tot->fail, undone, tot->skip, tot->warn);
	verdict_text(r, tot, text, sizeof(text));
	fprintf(r->out, "%s%s%s\n", color(r, v == 0 ? GREEN : v == EXIT_FAILED ? RED : v == EXIT_NOT_DONE ? MAGENTA : YELLOW),
		text, color(r, OFF));
	human_advice(r);
	fflush(r->out);
}

const struct report_ops report_human = {
	.name = "human", .begin = human_begin, .running = human_running,
	.result = human_result, .end = human_end,
};
