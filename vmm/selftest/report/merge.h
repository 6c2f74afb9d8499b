/* SPDX-License-Identifier: GPL-2.0-only */
/* Reports of many hosts, joined check by check. */
#ifndef SELFTEST_MERGE_H
#define SELFTEST_MERGE_H

#include <stdbool.h>

#define HOSTS_MAX	512
#define ROWS_MAX	1024

struct host {
	const char *name;
	struct json_object *o;
	unsigned int column;	/* in each row's st */
	unsigned int failed;	/* checks */
	unsigned int odd;	/* checks, and versions, that are not as on most hosts */
};

struct row {
	const char *check;
	char *st;		/* one letter a host; ' ' if it has no such check */
	char most;		/* the most frequent one */
	unsigned int odd;	/* hosts that are not as most are */
	bool failed;
};

/* fleet_html - the joined reports as one page on stdout; sorts @hosts, odd ones first */
void fleet_html(struct host *hosts, unsigned int n, const struct row *rows, unsigned int nrows);

#endif
