/* SPDX-License-Identifier: GPL-2.0-only */
/* Compare this host with the report given by --baseline. */
#ifndef SELFTEST_BASELINE_H
#define SELFTEST_BASELINE_H

#include "check.h"

struct compared {
	struct t *t;
	unsigned int worse, other;
	char first[400];		/* the first worse difference, or else the first of any kind */
};

/* baseline_both - get the facts of one kind, the baseline's and this host's; false: the baseline has none */
bool baseline_both(struct t *t, const char *kind, struct json_object **old, struct json_object **now);
/* baseline_differs - note one difference; baseline_outcome - end the check: fail if one was worse, else warn */
void baseline_differs(struct compared *c, bool worse, const char *line);
int baseline_outcome(const struct compared *c, const char *what);
/* baseline_figure - the baseline's value of @metric of @check, or 0 */
double baseline_figure(const struct env *env, const char *check, const char *metric, double *noise);

#endif
