/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A check: one named thing that kvm-selftest verifies. Everything about it is in
 * one place, in the folder of its group:
 *
 *	CHECK(vm, dirty_log, "the dirty log has exactly the pages that were written",
 *	      ADVICE_MEM, NEED_KVM | NEED_HW)
 *	{
 *		REQUIRE(t, ..., "expected this, found that");
 *		return 0;
 *	}
 *
 * defines vm/dirty-log. Its file and line give its place in the report.
 */
#ifndef SELFTEST_CHECK_H
#define SELFTEST_CHECK_H

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

#include "env/env.h"

/*
 * ST_ERROR: the check could not be done, because memory, threads or images were
 * missing. That says nothing about KVM.
 */
enum status { ST_NONE, ST_PASS, ST_WARN, ST_SKIP, ST_ERROR, ST_FAIL };

#define METRICS_MAX	24
#define HIST_BUCKETS	40

/* A figure that a check measured; hist[i] counts values in [2^i, 2^(i+1)). */
struct metric {
	char name[40];
	char unit[8];
	double value;		/* the one to compare: the median */
	double noise;		/* half the spread of repeated measurements */
	uint32_t hist[HIST_BUCKETS];	/* all zero: no histogram */
};

/*
 * The outcome of a check, in memory shared with the runner: it outlives a check
 * that crashes or is killed.
 */
struct result {
	int status;			/* enum status */
	char why[1024];			/* one sentence: failed, skipped, warned */
	char advice[512];		/* what to do about this cause; "": the check's advice */
	char notes[6144];		/* lines for people, '\n' after each */
	uint32_t notes_len;
	struct metric metric[METRICS_MAX];
	uint32_t metrics;
	double ms;			/* wall time, measured by the runner */
	char dump[8192];		/* for the bundle: registers, exits */
};

/* One run of one check. */
struct t {
	const struct check *check;
	const struct env *env;
	struct result *res;
};

enum need {
	NEED_KVM	= 1 << 0,	/* /dev/kvm can be opened */
	NEED_ROOT	= 1 << 1,
	NEED_MANIFEST	= 1 << 2,
	NEED_VMM	= 1 << 3,	/* kvm-vmm */
	/*
	 * Required only of a back end that runs every guest instruction with
	 * the CPU's own virtualization. On another (kvm_pvm) a failure becomes
	 * a skip that quotes the failure.
	 */
	NEED_HW		= 1 << 4,
	ALONE		= 1 << 5,	/* nothing may run beside it */
	NOT_DEFAULT	= 1 << 6,	/* only if --only names it */
	NEED_BASELINE	= 1 << 7,	/* --baseline, whose report has facts */
};

#define DEADLINE_MS	15000

struct check {
	char name[80];			/* group/name: an interface */
	const char *purpose;		/* "X does Y", shown by --list */
	const char *advice;		/* what to do if it fails */
	unsigned int needs;
	unsigned int deadline_ms;	/* 0: DEADLINE_MS */
	int (*fn)(struct t *t);		/* 0: passed; else t_fail() etc. */
	unsigned int order;		/* in its group */
	const void *row;		/* data of a check that was made at run time */
	const char *settings;		/* module parameters it depends on: env/settings.h; NULL: none */
	bool chosen;			/* it is part of this run */
	bool required;			/* --require: it must not be left out */
};

/*
 * CHECK - define a check and put it into the report
 * @group, @id: group/id, with '-' for '_'
 * Further arguments are members of struct check: .deadline_ms = 30000
 *
 * Before it includes this header, a file of checks defines its place within the
 * group's report: #define REPORT_PLACE 40. Its checks appear in line order.
 */
#define CHECK(group, id, purpose_, advice_, needs_, ...) \
	static int check_##group##_##id(struct t *t); \
	static struct check row_##group##_##id = { \
		.name = #group "/" #id, .purpose = purpose_, .advice = advice_, .needs = needs_, \
		.fn = check_##group##_##id, .order = REPORT_PLACE * 10000 + __LINE__, __VA_ARGS__ }; \
	/* A pointer: the compiler may pad and align structures as it likes. */ \
	static struct check *const listed_##group##_##id \
		__attribute__((used, section("checks"))) = &row_##group##_##id; \
	static int check_##group##_##id(struct t *t)

/* checks - all of them in the report's order, until NULL */
const struct check *const *checks(void);
#define CHECKS_MAX	1024
/* check_add - add a check made at run time: a patch, a foreign test */
void check_add(struct check *c);
/* check_find - by name, or NULL */
const struct check *check_find(const char *name);
/* check_chosen - is the check of this name part of this run? */
bool check_chosen(const char *name);
/* check_choose, check_require - @c is part of this run; it must not be left out */
void check_choose(const struct check *c);
void check_require(const struct check *c);

/* advice_for - what to do about the failure @res of @c */
const char *advice_for(const struct check *c, const struct result *res);
const char *status_name(int status);
/* deadline_ms - the deadline of @t's check, scaled by --timeout-scale */
unsigned int deadline_ms(const struct t *t);

/*
 * t_fail, t_error, t_skip, t_warn - end a check: `return t_fail(t, "...")`
 *
 * The first t_fail() or t_error() wins. t_error: the check could not be done.
 * t_warn passes with a warning and goes on. t_note adds a line for people.
 */
int t_fail(struct t *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int t_error(struct t *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int t_skip(struct t *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int t_warn(struct t *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void t_note(struct t *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* t_advise - replace the check's advice by what to do about the cause that was found */
void t_advise(struct t *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/*
 * t_because - the check cannot run, for a reason that the check @name reports
 * Skips and names that check. If that check is not part of this run, nobody else
 * reports the reason: t_error().
 */
int t_because(struct t *t, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/*
 * t_lacks - @what could not be allocated, opened or started: errno @err
 * A shortage (EAGAIN, ENOMEM, EMFILE, ...) is a t_error() that names the limits
 * that may have been hit; any other error is a t_fail().
 */
int t_lacks(struct t *t, int err, const char *what);
/* t_thread - pthread_create(3): 0, or -1 after t_lacks() */
int t_thread(struct t *t, pthread_t *thread, void *(*body)(void *), void *arg);
/* t_note_text - every line of @text, control characters replaced */
void t_note_text(struct t *t, const char *text, size_t len);
/* t_metric - keep a figure; returns where a histogram can be added, or NULL */
struct metric *t_metric(struct t *t, const char *name, const char *unit,
			double value, double noise);

/* Leave the check as t_lacks() does unless @cond; errno says why. */
#define NEED(t, cond, what) do { \
	if (!(cond)) \
		return t_lacks(t, errno, what); \
} while (0)

/* Leave the check with a failure unless @cond. */
#define REQUIRE(t, cond, ...) do { \
	if (!(cond)) \
		return t_fail(t, __VA_ARGS__); \
} while (0)

#endif
