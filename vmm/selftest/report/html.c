// SPDX-License-Identifier: GPL-2.0-only
/* The HTML report: a single file that loads nothing and prints well. */
#include <math.h>
#include <string.h>
#include <time.h>

#include "env/manifest.h"
#include "report/report.h"

static const char style[] =
	"body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem;color:#222;background:#fff}"
	"h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}h3{font-size:1rem;margin:1.2rem 0 0}"
	"table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #ddd;vertical-align:top}"
	".s{font-weight:600;white-space:nowrap;width:3.2rem}.pass{color:#176f2c}.fail{color:#b3261e}.skip,.warn{color:#8a5a00}.error{color:#7b3fa0}"
	".verdict{padding:.8rem 1rem;border-left:6px solid;background:#f6f6f6;margin:1rem 0}"
	".why{color:#444}.ms{text-align:right;width:5rem;color:#666;white-space:nowrap}pre{white-space:pre-wrap;font-size:12px;margin:.3rem 0}"
	"svg{max-width:100%;height:auto}@media print{body{margin:0;max-width:none}.verdict{background:none}tr{break-inside:avoid}}";

/* A histogram over powers of two as SVG bars, with a label on each. */
static void histogram(FILE *f, const struct metric *m)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	const int h = 120, w = 40;
	int first = HIST_BUCKETS, last = -1, i;
	uint32_t max = 0;

	for (i = 0; i < HIST_BUCKETS; i++) {
		if (!m->hist[i])
			continue;
		first = i < first ? i : first;
		last = i;
		max = m->hist[i] > max ? m->hist[i] : max;
	}
	if (last < 0)
		return;
	fprintf(f, "<svg viewBox=\"0 0 %d %d\" width=\"%d\" role=\"img\" aria-label=\"histogram of %s\">",
		(last - first + 1) * w + 10, h + 40, (last - first + 1) * w + 10, m->name);
	for (i = first; i <= last; i++) {
		/* Logarithmic height, to show the few slow ones that matter. */
		int bar = m->hist[i] ? (int)(log2(m->hist[i] + 1.0) / log2(max + 1.0) * h) : 0;
		int x = 5 + (i - first) * w;

		fprintf(f, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#3567b0\"/>"
			"<text x=\"%d\" y=\"%d\" font-size=\"9\" text-anchor=\"middle\">%u</text>"
			"<text x=\"%d\" y=\"%d\" font-size=\"9\" text-anchor=\"middle\">",
			x, h - bar + 14, w - 4, bar, x + w / 2 - 2, h - bar + 11, m->hist[i],
			x + w / 2 - 2, h + 28);
		/* For bars that double, 2^10 ns is close enough to a microsecond. */
		fprintf(f, "%d %s</text>", 1 << i % 10, units[i / 10]);
	}
	fputs("</svg><div class=\"why\">from this time up to twice as long; heights are logarithmic</div>", f);
}

static void row(struct report *r, unsigned int i)
{
	const struct result *res = r->res[i];
	FILE *f = r->out;

	fprintf(f, "<tr><td class=\"s %s\">%s</td><td><b>%s</b><br>", status_name(res->status),
		status_name(res->status), r->list[i]->name);
	xml_text(f, r->list[i]->purpose);
	if (res->why[0]) {
		fputs("<div class=\"why\">", f);
		xml_text(f, res->why);
		fputs("</div>", f);
	}
	if (res->status >= ST_ERROR) {
		fputs("<div><b>What to do:</b> ", f);
		xml_text(f, advice_for(r->list[i], res));
		fputs("</div>", f);
	}
	if (res->notes[0]) {
		fputs("<pre>", f);
		xml_text(f, res->notes);
		fputs("</pre>", f);
	}
	fprintf(f, "</td><td class=\"ms\">%.0f ms</td></tr>\n", res->ms);
}

/* 2331 ns as "2.33 us"; other units as they are. */
static void figure(FILE *f, const struct metric *m, double v)
{
	static const char *const up[] = { "ns", "us", "ms", "s" };
	unsigned int k = 0;

	if (strcmp(m->unit, "ns")) {
		fprintf(f, "%.4g %s", v, m->unit);
		return;
	}
	while (v >= 1000 && k < 3) {
		v /= 1000;
		k++;
	}
	fprintf(f, "%.*f %s", v < 10 ? 2 : v < 100 ? 1 : 0, v, up[k]);
}

static void figures(struct report *r, unsigned int done)
{
	FILE *f = r->out;
	unsigned int i, k;
	bool any = false;

	for (i = 0; i < done; i++) {
		const struct result *res = r->res[i];

		if (!res->metrics)
			continue;
		fprintf(f, "%s<h3>%s</h3>\n<div>", any ? "" : "<h2>Figures</h2>\n", r->list[i]->name);
		any = true;
		xml_text(f, r->list[i]->purpose);
		for (k = 0; k < res->metrics; k++) {
			const struct metric *m = &res->metric[k];

			fprintf(f, "; <b>%s ", m->name);
			figure(f, m, m->value);
			fputs("</b>", f);
			if (m->noise > 0) {
				fputs(" &plusmn; ", f);
				figure(f, m, m->noise);
			}
		}
		fputs("</div>\n", f);
		for (k = 0; k < res->metrics; k++)
			histogram(f, &res->metric[k]);
	}
}

static void table(struct report *r, unsigned int done, const char *title, bool all)
{
	unsigned int i;

	fprintf(r->out, "<h2>%s</h2>\n<table>\n", title);
	for (i = 0; i < done; i++)
		if (all || r->res[i]->status >= ST_ERROR)
			row(r, i);
	fputs("</table>\n", r->out);
}

static void end(struct report *r, const struct totals *tot)
{
	unsigned int done = totals_done(tot), i;
	const char *id = manifest_str(r->env, "build_id");
	int v = verdict(r, tot);
	const char *cls = v == 0 ? "pass" : v == EXIT_NOT_TRIED ? "skip" : v == EXIT_NOT_DONE ? "error" : "fail";
	char text[600];
	time_t now = time(NULL);
	char when[64] = "";
	struct tm tm;
	FILE *f = r->out;

	strftime(when, sizeof(when), "%Y-%m-%d %H:%M UTC", gmtime_r(&now, &tm));
	fprintf(f, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
		"<meta name=\"viewport\" content=\"width=device-width\">"
		"<title>kvm-selftest</title><style>%s</style></head><body>\n", style);
	fprintf(f, "<h1>kvm-selftest: kernel %s, back end %s</h1>\n", r->env->uname_r,
		r->env->backend[0] ? r->env->backend : "none");
	fprintf(f, "<div class=\"why\">%s; kvm-selftest %s; build ", when, VMM_VERSION);
	xml_text(f, id ? id : "unknown: no manifest of this kernel");
	if (manifest_no_patch(r->env))
		fputs(", without any patch (ALLOW_NO_PATCH=1)", f);
	fputs("</div>\n", f);
	verdict_text(r, tot, text, sizeof(text));
	fprintf(f, "<div class=\"verdict %s\"><b>", cls);
	xml_text(f, text);
	fprintf(f, ".</b> %u passed (%u with a warning), %u failed, %u could not be done, %u skipped.</div>\n",
		tot->pass, tot->warn, tot->fail, tot->error, tot->skip);
	fputs("<table>\n", f);
	for (i = 0; i < r->env->facts; i++) {
		fprintf(f, "<tr><td class=\"s\">%s</td><td>", r->env->page[i].name);
		xml_text(f, r->env->page[i].value);
		fputs("</td></tr>\n", f);
	}
	fputs("</table>\n", f);
	/* Failures first: a reader may stop there. */
	if (tot->fail || tot->error)
		table(r, done, tot->error ? "Failed, or could not be done" : "Failed", false);
	table(r, done, "All checks", true);
	figures(r, done);
	fputs("</body></html>\n", f);
}

const struct report_ops report_html = {
	.name = "html", .end = end,
};
