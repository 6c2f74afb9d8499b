/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kvm-selftest: a table of checks, a runner that gives each a process of its
 * own and a deadline, and reports in several formats.
 */
#ifndef SELFTEST_H
#define SELFTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json_object;

enum status { ST_NONE, ST_PASS, ST_WARN, ST_SKIP, ST_FAIL };

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
 * What a check leaves behind. In memory shared with the runner, so that it
 * outlives a check that crashes or is killed.
 */
struct result {
	int status;			/* enum status */
	bool broken_test;		/* the failure is not KVM's: images, harness */
	char why[1024];			/* one sentence: failed, skipped, warned */
	char notes[6144];		/* lines for people, '\n' after each */
	uint32_t notes_len;
	struct metric metric[METRICS_MAX];
	uint32_t metrics;
	double ms;			/* wall time, by the runner */
	char dump[8192];		/* for the bundle: registers, exits */
};

/* What the checks know of the world; filled by main, read only after. */
struct env {
	const char *guest_dir;
	const char *manifest_path;	/* NULL: by uname -r */
	const char *vmm;		/* kvm-vmm program, NULL: not found */
	const char *kvm_path;		/* /dev/kvm */
	const char *sys;		/* /sys and /proc, other roots in tests */
	const char *proc;
	const char *modules;		/* /lib/modules */
	char uname_r[65];
	char backend[32];		/* kvm_amd, kvm_intel, ..., "" if none */
	bool hw_backend;		/* kvm_amd or kvm_intel */
	bool root;
	int kvm_err;			/* 0 or errno of opening kvm_path */
	bool allow_missing;
	double scale;			/* of every deadline */
	bool manifest_given;
	struct json_object *manifest;	/* NULL: none, or it is bad */
	char manifest_file[4096];
	char manifest_err[512];
	bool manifest_installed;	/* some kernel's manifest is there */
	char kmod[256];			/* kernel-kvm-kmod beside the kernel, "" if none */
	bool kmod_live;			/* its kvm.ko is loaded; manifest is its */
	struct json_object *baseline;	/* NULL: none */
};

/* env_kernel - the running kernel, "6.1.192-2.kvm" as KERNEL(6, 1); 0: unknown */
#define KERNEL(major, minor)	((major) * 1000 + (minor))
unsigned int env_kernel(const struct env *env);

/*
 * env_old_kvm - a KVM before Linux 5.14, as EL 8's (4.18)
 *
 * VMMs of its time live with its habits; a check that knows one says which.
 */
bool env_old_kvm(const struct env *env);

/*
 * Fill in what is not given: kernel, back end, manifest, and kvm-vmm, whose path
 * goes into @vmm_buf.
 */
void env_fill(struct env *env, char *vmm_buf, size_t vmm_size);
/* By how much every deadline should be longer here: 1 to 8. */
double env_slowness(void);

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
	 * Only a back end that runs every guest instruction on the CPU's own
	 * virtualization is held to it. On another (kvm_pvm) a failure is a
	 * skip that quotes it.
	 */
	NEED_HW		= 1 << 4,
	ALONE		= 1 << 5,	/* nothing may run beside it */
	NOT_DEFAULT	= 1 << 6,	/* only if --only names it */
	NEED_BASELINE	= 1 << 7,	/* --baseline, and facts in it */
};

struct check {
	const char *name;		/* group/name: an interface */
	const char *purpose;		/* "X does Y", shown by --list */
	const char *advice;		/* what to do if it fails */
	unsigned int needs;
	unsigned int deadline_ms;	/* 0: DEADLINE_MS */
	int (*fn)(struct t *t);		/* 0: passed; else t_fail() etc. */
	uintptr_t arg;			/* for functions with several rows */
};

/* advice_for - what to do about the failure @res of @c */
const char *advice_for(const struct check *c, const struct result *res);

#define DEADLINE_MS	15000

/*
 * t_fail, t_skip, t_warn - end a check: `return t_fail(t, "...")`
 *
 * The first call of t_fail has the word. t_warn passes with a warning and
 * goes on. t_note adds a line for people.
 */
int t_fail(struct t *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int t_skip(struct t *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int t_warn(struct t *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void t_note(struct t *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* t_note_text - every line of @text, control characters replaced */
void t_note_text(struct t *t, const char *text, size_t len);
/* t_metric - keep a figure; returns where a histogram can be added, or NULL */
struct metric *t_metric(struct t *t, const char *name, const char *unit,
			double value, double noise);

/* Leave the check with a failure unless @cond. */
#define REQUIRE(t, cond, ...) do { \
	if (!(cond)) \
		return t_fail(t, __VA_ARGS__); \
} while (0)

/* The tables, one per group; each ends with a NULL name. */
extern const struct check checks_host[], checks_vm[], checks_flat[],
	checks_linux[], checks_perf[], checks_self[];
extern struct check checks_patch[], checks_suite[];
/* suite_add - rows for a suite, "kernel[=DIR]" or "kvm-unit-tests=DIR"; 0 or -1 and @err */
int suite_add(const char *what, char *err, size_t size);
/* patch_table - a row for each patch of the manifest; once, from main */
void patch_table(const struct env *env);
const struct check *const *check_tables(void);

/* --- files (files.c) --- */
/*
 * read_file - a small file as a string without its last newline
 * Returns its length, or -errno; longer files are cut at size - 1.
 */
long read_file(const char *path, char *buf, size_t size);
long read_filef(char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool file_exists(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/*
 * host_clocksource_now - the host's clocksource, as read_file() (host/system.c)
 * Waits, 5 s at most, while it is tsc-early, which another one follows.
 */
long host_clocksource_now(const struct env *env, char *v, size_t size);
/* host_tsc_listed - is the TSC still a clocksource of this kernel? (event.c) */
bool host_tsc_listed(const struct env *env);
/*
 * check_run - run @t->check, as its fn(). A failure during which the host changed
 * (its clocksource, TSC, CPUs, a suspend) is void: again, and in the end a skip.
 */
int check_run(struct t *t);
/*
 * guest_load - a guest image of env->guest_dir, checked against SUMS there
 * @buf, @max: where to; returns the length, or -1 after t_fail()
 */
long guest_load(struct t *t, const char *name, void *buf, size_t max);
/* cksum - POSIX cksum(1) of a file; 0 or -errno */
int cksum_file(const char *path, uint32_t *crc, uint64_t *len);
uint32_t cksum_buf(const void *buf, size_t len);

/* --- processes (proc.c) --- */
struct proc_out {
	int status;			/* exit status, or 128 + signal */
	bool timed_out;			/* killed by us */
	char *text;			/* stdout and stderr; NUL-terminated */
	size_t len;
	bool flooded;			/* more came than was kept */
	double ms;
	/* Asked for: send @signal when @cue is in the output. */
	const char *cue;
	int signal;
};
/*
 * proc_run - run a program, gather what it prints (last @max bytes)
 * @argv: NULL-terminated
 * @out: cue and signal are read, all else is filled
 * 0, or -errno if it could not be started. Free out->text.
 */
int proc_run(const char *const *argv, unsigned int deadline_ms, size_t max,
	     struct proc_out *out);

/* deadline_ms - of a check, as scaled by --timeout-scale */
unsigned int deadline_ms(const struct t *t);
double now_ms(void);			/* CLOCK_MONOTONIC */
/*
 * wall_offset_ms - what the wall clock is ahead of now_ms(): the same all the
 * time, to within 1 ms, unless somebody sets the clock
 */
double wall_offset_ms(void);

/* --- manifest (manifest.c) --- */
/* manifest_load - fill env->manifest*, never fails: the check reports it */
void manifest_load(struct env *env);
/* manifest_str - a string at "a.b.c", NULL if it is not there */
const char *manifest_str(const struct env *env, const char *path);
/* manifest_no_patch - built without any of the package's patches, on request */
bool manifest_no_patch(const struct env *env);
struct json_object *json_load(const char *path, char *err, size_t errlen);
struct json_object *json_path(struct json_object *o, const char *path);
const char *json_str(struct json_object *o, const char *path);

/* --- facts of this host, kept in reports, held against a baseline (facts.c) --- */
/* facts_json - capabilities, CPUID of guests, module parameters */
struct json_object *facts_json(const struct env *env);

/* cgroup_path - of the cgroup that the check with process @pid may have made */
void cgroup_path(const struct env *env, int pid, char *path, size_t size);

/* --- runner (run.c) --- */
struct run_opts {
	const struct check **list;	/* what to run, in order */
	unsigned int n;
	unsigned int jobs;
	struct report *report;
};
struct totals {
	unsigned int pass, warn, fail, skip;
	int signal;			/* that ended the run, 0 */
	bool kvm_ran;			/* some check of KVM itself passed */
};
int run_checks(struct env *env, const struct run_opts *o,
	       struct result **results, struct totals *tot);

/* --- reports (report*.c) --- */
struct report {
	const struct report_ops *ops;
	FILE *out;
	const struct env *env;
	bool tty, quiet;
	const struct check **list;
	struct result **res;		/* filled one after the other */
	unsigned int n;
	const char *group;		/* human: the last one printed */
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
const char *status_name(int status);
/* verdict - the exit status of a run: 0, 1, 4, or 128 + signal */
int verdict(const struct env *env, const struct totals *tot);
/* xml_text - @s with what XML and HTML reserve escaped */
void xml_text(FILE *f, const char *s);
/* bundle_write - tar.gz of what helps to find a fault; 0 or -errno */
int bundle_write(const char *path, struct report *r, const struct totals *tot, double since_s);
/* merge - join JSON reports of many hosts; the exit status */
int merge(int argc, char **argv);
struct json_object *report_to_json(struct report *r, const struct totals *tot);

#endif
