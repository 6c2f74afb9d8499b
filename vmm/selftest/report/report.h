/* SPDX-License-Identifier: GPL-2.0-only */
/* What a run says, in several formats. */
#ifndef SELFTEST_REPORT_H
#define SELFTEST_REPORT_H

#include "check.h"

struct totals {
	unsigned int pass, warn, fail, skip;
	int signal;			/* that ended the run, 0 */
	bool kvm_ran;			/* some check of KVM itself passed */
};

struct report {
	const struct report_ops *ops;
	FILE *out;
	const struct env *env;
	bool tty, quiet;
	const struct check **list;
	struct result **res;		/* filled one after the other */
	unsigned int n;
};

struct report_ops {
	const char *name;
	void (*begin)(struct report *r);
	void (*running)(struct report *r, unsigned int i);	/* may be NULL */
	void (*result)(struct report *r, unsigned int i);	/* in order */
	void (*end)(struct report *r, const struct totals *tot);
};
extern const struct report_ops report_human, report_tap, report_junit,
	report_json, report_prometheus, report_html;

/* verdict - the exit status of a run: 0, 1, 4, or 128 + signal */
int verdict(const struct env *env, const struct totals *tot);
/* xml_text - @s with what XML and HTML reserve escaped */
void xml_text(FILE *f, const char *s);
struct json_object *report_to_json(struct report *r, const struct totals *tot);
/* bundle_write - tar.gz of what helps to find a fault; 0 or -errno */
int bundle_write(const char *path, struct report *r, const struct totals *tot, double since_s);
/* merge - join JSON reports of many hosts; the exit status */
int merge(int argc, char **argv);

#endif
