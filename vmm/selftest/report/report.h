/* SPDX-License-Identifier: GPL-2.0-only */
/* The report of a run, in several formats. */
#ifndef SELFTEST_REPORT_H
#define SELFTEST_REPORT_H

#include "check.h"

struct totals {
	unsigned int pass, warn, fail, error, skip;
	int signal;			/* that ended the run, or 0 */
};

struct report {
	const struct report_ops *ops;
	FILE *out;
	const struct env *env;
	bool tty, color, quiet;
	const struct check **list;
	struct result **res;		/* filled in as checks end */
	unsigned int n;
};

struct report_ops {
	const char *name;
	/* Those before end may be NULL. */
	void (*begin)(struct report *r);
	void (*running)(struct report *r, unsigned int i);
	void (*result)(struct report *r, unsigned int i);	/* in order */
	void (*end)(struct report *r, const struct totals *tot);
};
extern const struct report_ops report_human, report_tap, report_junit,
	report_json, report_prometheus, report_html;

/* The exit statuses of a run, besides 0 and 128 + signal */
enum { EXIT_FAILED = 1, EXIT_NOT_DONE = 3, EXIT_NOT_TRIED = 4 };
/*
 * How much of KVM a run has proven. full: its interface, guests without an OS and
 * Linux guests; partial: guests ran, but not all of these, or some checks could not
 * be done; minimal: only its interface; none: nothing.
 */
enum level { LEVEL_NONE, LEVEL_MINIMAL, LEVEL_PARTIAL, LEVEL_FULL };

/* verdict - the exit status of a run */
int verdict(const struct report *r, const struct totals *tot);
/* verdict_text - the verdict as a sentence, without a full stop */
void verdict_text(const struct report *r, const struct totals *tot, char *text, size_t size);
/* reach - the level; @gap says what is missing, "" if nothing */
enum level reach(const struct report *r, const struct totals *tot, char *gap, size_t size);
const char *level_name(enum level level);
/* totals_done - how many checks have a result */
unsigned int totals_done(const struct totals *tot);
/* xml_text - print @s with XML's and HTML's special characters escaped */
void xml_text(FILE *f, const char *s);
struct json_object *report_to_json(struct report *r, const struct totals *tot);
/* bundle_write - write a tar.gz for debugging; 0 or -errno */
int bundle_write(const char *path, struct report *r, const struct totals *tot, double since_s);
/* merge - join JSON reports of many hosts; the exit status */
int merge(int argc, char **argv);

#endif
