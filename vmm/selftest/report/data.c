// SPDX-License-Identifier: GPL-2.0-only
/* Reports for machines, written after the run: json, junit, prometheus. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "env/facts.h"
#include "env/manifest.h"
#include "report/report.h"

static void add_str(struct json_object *o, const char *key, const char *s)
{
	json_object_object_add(o, key, json_object_new_string(s ? s : ""));
}

static struct json_object *metric_json(const struct metric *m)
{
	struct json_object *o = json_object_new_object(), *h = json_object_new_array();
	unsigned int i, last = 0;

	add_str(o, "name", m->name);
	add_str(o, "unit", m->unit);
	json_object_object_add(o, "value", json_object_new_double(m->value));
	json_object_object_add(o, "noise", json_object_new_double(m->noise));
	for (i = 0; i < HIST_BUCKETS; i++)
		if (m->hist[i])
			last = i + 1;
	for (i = 0; i < last; i++)
		json_object_array_add(h, json_object_new_int64(m->hist[i]));
	json_object_object_add(o, "log2_histogram", h);
	return o;
}

static struct json_object *check_json(const struct check *c, const struct result *res)
{
	struct json_object *o = json_object_new_object(), *ms = json_object_new_array();
	unsigned int i;

	add_str(o, "name", c->name);
	add_str(o, "status", status_name(res->status));
	add_str(o, "purpose", c->purpose);
	if (res->why[0])
		add_str(o, "why", res->why);
	if (res->status >= ST_ERROR)
		add_str(o, "advice", advice_for(c, res));
	add_str(o, "notes", res->notes);
	json_object_object_add(o, "ms", json_object_new_double(res->ms));
	for (i = 0; i < res->metrics; i++)
		json_object_array_add(ms, metric_json(&res->metric[i]));
	json_object_object_add(o, "metrics", ms);
	return o;
}

static void now_text(char *buf, size_t size)
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

struct json_object *report_to_json(struct report *r, const struct totals *tot)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	struct json_object *page = json_object_new_object();
	char host[256] = "", when[32], gap[400], text[600];
	unsigned int i;

	gethostname(host, sizeof(host) - 1);
	now_text(when, sizeof(when));
	json_object_object_add(o, "schema", json_object_new_int(1));
	add_str(o, "version", VMM_VERSION);
	add_str(o, "host", host);
	add_str(o, "time", when);
	add_str(o, "kernel", r->env->uname_r);
	add_str(o, "backend", r->env->backend);
	add_str(o, "build_id", manifest_str(r->env, "build_id"));
	for (i = 0; i < r->env->facts; i++)
		add_str(page, r->env->page[i].name, r->env->page[i].value);
	json_object_object_add(o, "page", page);
	json_object_object_add(o, "exit_status", json_object_new_int(verdict(r, tot)));
	verdict_text(r, tot, text, sizeof(text));
	add_str(o, "verdict", text);
	add_str(o, "level", level_name(reach(r, tot, gap, sizeof(gap))));
	add_str(o, "gap", gap);
	json_object_object_add(o, "pass", json_object_new_int((int)tot->pass));
	json_object_object_add(o, "warn", json_object_new_int((int)tot->warn));
	json_object_object_add(o, "fail", json_object_new_int((int)tot->fail));
	json_object_object_add(o, "error", json_object_new_int((int)tot->error));
	json_object_object_add(o, "skip", json_object_new_int((int)tot->skip));
	json_object_object_add(o, "facts", facts_json(r->env));
	for (i = 0; i < totals_done(tot); i++)
		json_object_array_add(list, check_json(r->list[i], r->res[i]));
	json_object_object_add(o, "checks", list);
	return o;
}

static void json_end(struct report *r, const struct totals *tot)
{
	struct json_object *o = report_to_json(r, tot);

	fprintf(r->out, "%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

const struct report_ops report_json = {
	.name = "json", .end = json_end,
};

/* --- JUnit --- */

void xml_text(FILE *f, const char *s)
{
	for (; *s; s++) {
		switch (*s) {
		case '<': fputs("&lt;", f); break;
		case '>': fputs("&gt;", f); break;
		case '&': fputs("&amp;", f); break;
		case '"': fputs("&quot;", f); break;
		default:
			/* A byte beyond ASCII may not be valid UTF-8. */
			fputc((unsigned char)*s >= 0x80 ? '?' : *s, f);
		}
	}
}

static void junit_end(struct report *r, const struct totals *tot)
{
	unsigned int i, done = totals_done(tot);

	fprintf(r->out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<testsuite name=\"kvm-selftest\" tests=\"%u\" failures=\"%u\" skipped=\"%u\" errors=\"%u\">\n",
		done, tot->fail, tot->skip, tot->error);
	fputs("  <properties>\n", r->out);
	for (i = 0; i < r->env->facts; i++) {
		fprintf(r->out, "    <property name=\"%s\" value=\"", r->env->page[i].name);
		xml_text(r->out, r->env->page[i].value);
		fputs("\"/>\n", r->out);
	}
	fputs("  </properties>\n", r->out);
	for (i = 0; i < done; i++) {
		const char *name = r->list[i]->name, *slash = strchr(name, '/');
		const struct result *res = r->res[i];

		fprintf(r->out, "  <testcase classname=\"kvm.%.*s\" name=\"%s\" time=\"%.3f\">",
			(int)(slash - name), name, slash + 1, res->ms / 1e3);
		if (res->status >= ST_SKIP) {
			fprintf(r->out, "<%s message=\"", res->status == ST_FAIL ? "failure" : res->status == ST_ERROR ? "error" : "skipped");
			xml_text(r->out, res->why);
			fputs("\"/>", r->out);
		}
		if (res->notes[0]) {
			fputs("<system-out>", r->out);
			xml_text(r->out, res->notes);
			fputs("</system-out>", r->out);
		}
		fputs("</testcase>\n", r->out);
	}
	fputs("</testsuite>\n", r->out);
}

const struct report_ops report_junit = {
	.name = "junit", .end = junit_end,
};

/* --- Prometheus: the text format of node_exporter's textfile collector --- */

/* A label's value: backslash, quote and newline are escaped. */
static void label(FILE *f, const char *s)
{
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', f);
		fputc(*s == '\n' ? ' ' : *s, f);
	}
}

static void prometheus_end(struct report *r, const struct totals *tot)
{
	unsigned int i, k, done = totals_done(tot);
	char gap[400];

	fprintf(r->out, "# HELP kvm_selftest_fact What shapes KVM on this host.\n"
		"# TYPE kvm_selftest_fact gauge\n");
	for (i = 0; i < r->env->facts; i++) {
		fprintf(r->out, "kvm_selftest_fact{name=\"%s\",value=\"", r->env->page[i].name);
		label(r->out, r->env->page[i].value);
		fputs("\"} 1\n", r->out);
	}
	fprintf(r->out, "# HELP kvm_selftest_check Result of a check: 1 passed, 0 failed, -1 skipped, -2 could not be done.\n"
		"# TYPE kvm_selftest_check gauge\n");
	for (i = 0; i < done; i++)
		fprintf(r->out, "kvm_selftest_check{check=\"%s\"} %d\n", r->list[i]->name,
			r->res[i]->status == ST_FAIL ? 0 : r->res[i]->status == ST_SKIP ? -1 : r->res[i]->status == ST_ERROR ? -2 : 1);
	fprintf(r->out, "# HELP kvm_selftest_metric A figure that a check measured.\n"
		"# TYPE kvm_selftest_metric gauge\n");
	for (i = 0; i < done; i++)
		for (k = 0; k < r->res[i]->metrics; k++)
			fprintf(r->out, "kvm_selftest_metric{check=\"%s\",metric=\"%s\",unit=\"%s\"} %.9g\n",
				r->list[i]->name, r->res[i]->metric[k].name,
				r->res[i]->metric[k].unit, r->res[i]->metric[k].value);
	fprintf(r->out, "# HELP kvm_selftest_failed Number of failed checks.\n"
		"# TYPE kvm_selftest_failed gauge\nkvm_selftest_failed %u\n"
		"# HELP kvm_selftest_undone Number of checks that could not be done.\n"
		"# TYPE kvm_selftest_undone gauge\nkvm_selftest_undone %u\n"
		"# HELP kvm_selftest_level What the run covers: 0 nothing of KVM, 1 its interface, 2 guests, in part, 3 all of it.\n"
		"# TYPE kvm_selftest_level gauge\nkvm_selftest_level %d\n"
		"# HELP kvm_selftest_exit_status What kvm-selftest exited with.\n"
		"# TYPE kvm_selftest_exit_status gauge\nkvm_selftest_exit_status %d\n"
		"# HELP kvm_selftest_time_seconds When it ran.\n"
		"# TYPE kvm_selftest_time_seconds gauge\nkvm_selftest_time_seconds %lld\n",
		tot->fail, tot->error, reach(r, tot, gap, sizeof(gap)), verdict(r, tot), (long long)time(NULL));
}

const struct report_ops report_prometheus = {
	.name = "prometheus", .end = prometheus_end,
};
