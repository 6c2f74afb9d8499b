/* SPDX-License-Identifier: GPL-2.0-only */
/* This host held against the report of --baseline. */
#ifndef SELFTEST_BASELINE_H
#define SELFTEST_BASELINE_H

#include "check.h"

struct compared {
	struct t *t;
	unsigned int worse, other;
	char first[400];		/* the first that is worse, else that is other */
};

/* baseline_both - the baseline's and this host's facts of one kind; false: the baseline has none */
bool baseline_both(struct t *t, const char *kind, struct json_object **old, struct json_object **now);
/* baseline_differs - note one difference; baseline_outcome - the check's, of all of them */
void baseline_differs(struct compared *c, bool worse, const char *line);
int baseline_outcome(const struct compared *c, const char *what);
/* baseline_figure - what @check measured there: 0 if it has no such figure */
double baseline_figure(const struct env *env, const char *check, const char *metric, double *noise);

#endif
