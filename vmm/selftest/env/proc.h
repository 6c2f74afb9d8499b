/* SPDX-License-Identifier: GPL-2.0-only */
/* Run a program with a deadline and keep the end of what it prints. */
#ifndef SELFTEST_PROC_H
#define SELFTEST_PROC_H

#include <stdbool.h>
#include <stddef.h>

struct proc_out {
	int status;			/* exit status, or 128 + signal */
	bool timed_out;			/* killed by us */
	char *text;			/* stdout and stderr; NUL-terminated */
	size_t len;
	bool flooded;			/* more came than was kept */
	double ms;
	/* Set by the caller: send @signal when @cue is in the output. */
	const char *cue;
	int signal;
};

/*
 * proc_run - run a program and gather the last @max bytes that it prints
 * @argv: NULL-terminated
 * @out: cue and signal are read, all else is filled in
 * 0, or -errno if it could not be started. The caller frees out->text.
 */
int proc_run(const char *const *argv, unsigned int deadline_ms, size_t max, struct proc_out *out);

#endif
