// SPDX-License-Identifier: GPL-2.0-only
/* kvm-selftest merge --format html: many hosts on one page, nothing fetched. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "env/manifest.h"
#include "report/merge.h"
#include "report/report.h"

static const char style[] =
	"body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:80rem;padding:0 1rem;color:#222;background:#fff}"
	"h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}"
	"table{border-collapse:collapse}td,th{text-align:left;padding:.2rem .6rem;border-bottom:1px solid #ddd;vertical-align:top}"
	".n{text-align:right}.m td{white-space:nowrap}.odd{background:#fff3cd}.why{color:#444}ul{margin:.3rem 0;padding-left:1.2rem}summary{cursor:pointer}"
	".verdict{padding:.8rem 1rem;border-left:6px solid;background:#f6f6f6;margin:1rem 0;font-weight:600}.good{color:#176f2c}.bad{color:#b3261e}"
	".wide{overflow-x:auto}.m td.c{padding:.2rem 0;vertical-align:middle;min-width:.9rem;text-align:center;font:12px/1.4 monospace;color:#bbb}"
	".m td.F{background:#b3261e;color:#fff}.m td.E{background:#7b3fa0;color:#fff}.m td.w{background:#f4c95d;color:#222}"
	".m td.p{background:#cfe8d5;color:#176f2c}.m td.s{background:#ddd;color:#444}"
	"#q{font:inherit;padding:.3rem .5rem;width:22rem;max-width:100%}[hidden]{display:none}@media print{#q{display:none}}";

static const char script[] =
	"document.getElementById('q').oninput=function(){var q=this.value.toLowerCase();"
	"document.querySelectorAll('tr.f').forEach(function(r){r.hidden=r.textContent.toLowerCase().indexOf(q)<0})}";

/* What of a host is put beside the others'. */
static const struct {
	const char *key, *title;
} fields[] = {
	{ "kernel", "Kernel" }, { "build_id", "Build" }, { "backend", "Back end" }, { "version", "kvm-selftest" },
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static const char *field(const struct host *h, const char *key)
{
	const char *s = json_str(h->o, key);

	return s && *s ? s : "unknown";
}

/* The value of @key that most hosts have. */
static const char *usual(const struct host *hosts, unsigned int n, const char *key)
{
	const char *best = "";
	unsigned int most = 0, i, k;

	for (i = 0; i < n; i++) {
		unsigned int same = 0;

		for (k = 0; k < n; k++)
			same += !strcmp(field(&hosts[i], key), field(&hosts[k], key));
		if (same > most) {
			most = same;
			best = field(&hosts[i], key);
		}
	}
	return best;
}

static int odd_first(const void *a, const void *b)
{
	const struct host *x = a, *y = b;

	if (x->failed != y->failed)
		return x->failed > y->failed ? -1 : 1;
	if (x->odd != y->odd)
		return x->odd > y->odd ? -1 : 1;
	return strcmp(x->name, y->name);
}

static const struct row *row_of(const struct row *rows, unsigned int nrows, const char *check)
{
	unsigned int i;

	for (i = 0; i < nrows; i++)
		if (!strcmp(rows[i].check, check))
			return &rows[i];
	return NULL;
}

static const char *word(char letter)
{
	switch (letter) {
	case '+': return "passed";
	case 'w': return "warned";
	case '-': return "skipped";
	case 'E': return "could not be done";
	case 'F': return "failed";
	}
	return "not run";
}

/* What failed on @h, and what ended there as on few other hosts. */
static void details(const struct host *h, const struct row *rows, unsigned int nrows, const char **most)
{
	struct json_object *list = json_path(h->o, "checks");
	unsigned int i;

	fputs("<ul>", stdout);
	for (i = 0; i < FIELDS; i++) {
		if (!strcmp(field(h, fields[i].key), most[i]))
			continue;
		printf("<li><b>%s</b> ", fields[i].title);
		xml_text(stdout, field(h, fields[i].key));
		fputs(", most hosts: ", stdout);
		xml_text(stdout, most[i]);
		fputs("</li>", stdout);
	}
	for (i = 0; i < json_object_array_length(list); i++) {
		struct json_object *c = json_object_array_get_idx(list, i);
		const char *name = json_str(c, "name"), *why = json_str(c, "why"), *advice = json_str(c, "advice");
		const struct row *r = name ? row_of(rows, nrows, name) : NULL;
		char st = r ? r->st[h->column] : ' ';

		if (!r || (st != 'F' && st == r->most))
			continue;
		fputs("<li><b>", stdout);
		xml_text(stdout, name);
		printf("</b> %s", word(st));
		if (st != r->most)
			printf(", most hosts: %s", word(r->most));
		if (why) {
			fputs("<div class=\"why\">", stdout);
			xml_text(stdout, why);
			fputs("</div>", stdout);
		}
		if (advice) {
			fputs("<div>What to do: ", stdout);
			xml_text(stdout, advice);
			fputs("</div>", stdout);
		}
		fputs("</li>", stdout);
	}
	fputs("</ul>", stdout);
}

static void host_table(const struct host *hosts, unsigned int n, const struct row *rows, unsigned int nrows, const char **most)
{
	unsigned int i, k;

	fputs("<h2>Hosts</h2>\n<table><tr><th>Host</th>", stdout);
	for (k = 0; k < FIELDS; k++)
		printf("<th>%s</th>", fields[k].title);
	fputs("<th class=\"n\">Failed</th><th class=\"n\">Unlike most</th></tr>\n", stdout);
	for (i = 0; i < n; i++) {
		const struct host *h = &hosts[i];

		fputs("<tr class=\"f\"><td>", stdout);
		if (h->failed || h->odd) {
			fputs("<details><summary>", stdout);
			xml_text(stdout, h->name);
			fputs("</summary>", stdout);
			details(h, rows, nrows, most);
			fputs("</details>", stdout);
		} else {
			xml_text(stdout, h->name);
		}
		fputs("</td>", stdout);
		for (k = 0; k < FIELDS; k++) {
			const char *v = field(h, fields[k].key);

			fputs(strcmp(v, most[k]) ? "<td class=\"odd\">" : "<td>", stdout);
			xml_text(stdout, v);
			fputs("</td>", stdout);
		}
		printf("<td class=\"n%s\">%u</td><td class=\"n\">%u</td></tr>\n", h->failed ? " bad" : "", h->failed, h->odd);
	}
	fputs("</table>\n", stdout);
}

/* The first hosts on which @r failed, by name: the filter finds them. */
static void failed_on(const struct host *hosts, unsigned int n, const struct row *r)
{
	unsigned int i, all = 0;

	fputs("<td class=\"why\">", stdout);
	for (i = 0; i < n; i++) {
		if (r->st[hosts[i].column] != 'F' || all++ >= 3)
			continue;
		xml_text(stdout, hosts[i].name);
		fputc(' ', stdout);
	}
	if (all > 3)
		printf("and %u more", all - 3);
	fputs("</td>", stdout);
}

/* The checks that failed or differ, with a cell a host; the others in one line. */
static void matrix(const struct host *hosts, unsigned int n, const struct row *rows, unsigned int nrows)
{
	unsigned int i, k, same = 0;

	fputs("<h2>Checks that failed or differ</h2>\n<div class=\"wide\"><table class=\"m\">\n", stdout);
	for (i = 0; i < nrows; i++) {
		const struct row *r = &rows[i];

		if (!r->failed && !r->odd) {
			same++;
			continue;
		}
		fputs("<tr class=\"f\"><td>", stdout);
		xml_text(stdout, r->check);
		fputs("</td>", stdout);
		failed_on(hosts, n, r);
		for (k = 0; k < n; k++) {
			char st = r->st[hosts[k].column];

			printf("<td class=\"c %c\" title=\"", st == '+' ? 'p' : st == '-' ? 's' : st == ' ' ? 'x' : st);
			xml_text(stdout, hosts[k].name);
			printf(": %s\">%c</td>", word(st), st);
		}
		fputs("</tr>\n", stdout);
	}
	printf("</table></div>\n<p>%u more checks ended alike on every host. "
	       "+ passed, w warned, - skipped, E could not be done, F failed; one column a host, in the order below.</p>\n", same);
}

void fleet_html(struct host *hosts, unsigned int n, const struct row *rows, unsigned int nrows)
{
	const char *most[FIELDS];
	unsigned int i, k, bad = 0, failed = 0;

	for (k = 0; k < FIELDS; k++)
		most[k] = usual(hosts, n, fields[k].key);
	for (i = 0; i < n; i++) {
		hosts[i].column = i;
		for (k = 0; k < FIELDS; k++)
			hosts[i].odd += strcmp(field(&hosts[i], fields[k].key), most[k]) != 0;
		for (k = 0; k < nrows; k++) {
			hosts[i].failed += rows[k].st[i] == 'F';
			hosts[i].odd += rows[k].st[i] != rows[k].most;
		}
		bad += hosts[i].failed != 0;
	}
	for (k = 0; k < nrows; k++)
		failed += rows[k].failed;
	qsort(hosts, n, sizeof(hosts[0]), odd_first);
	printf("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	       "<meta name=\"viewport\" content=\"width=device-width\"><title>kvm-selftest: %u hosts</title>"
	       "<style>%s</style></head><body>\n<h1>kvm-selftest: %u hosts</h1>\n", n, style, n);
	if (bad)
		printf("<div class=\"verdict bad\">Hosts not in order: %u of %u. Checks that failed: %u.</div>\n", bad, n, failed);
	else
		printf("<div class=\"verdict good\">On no host did a check fail.</div>\n");
	fputs("<p><input id=\"q\" type=\"search\" placeholder=\"a host, a kernel, a check\" aria-label=\"show only rows with this text\"></p>\n", stdout);
	matrix(hosts, n, rows, nrows);
	host_table(hosts, n, rows, nrows, most);
	printf("<script>%s</script></body></html>\n", script);
}
