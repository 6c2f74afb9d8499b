// SPDX-License-Identifier: GPL-2.0-only
/*
 * Foreign suites in the same report: the kernel's own KVM selftests, which are
 * programs in a directory (--suite kernel[=DIR]), and kvm-unit-tests, which are
 * images that kvm-vmm runs (--suite kvm-unit-tests=DIR). Their time is limited
 * here, their memory is not. guest_dir/known-failures lists known failures with
 * their reasons; these count as skipped.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "env/proc.h"
#include "suite/suite.h"

#define ROWS_MAX	320
#define OUTPUT_MAX	65536
#define KSFT_SKIP	4
#define SUITE_MS	120000
#define KERNEL_DIR	"/usr/libexec/kernel-kvm/selftests"

/* A foreign test: the check, and what it runs. */
struct row {
	struct check check;
	char file[PATH_MAX];
	char append[800];
	char needs[256];	/* "FILE=VALUE ...": skip the test unless all hold */
	char cpus[8];
	char mem[8];		/* MiB */
};

static struct row rows[ROWS_MAX];
static unsigned int nrows;

/*
 * Copy the reason in known-failures ("GLOB BACK-END REASON" per line) to @why, or
 * return false. @alone: ignore lines for several tests.
 */
static bool known(const struct t *t, bool alone, char *why, size_t size)
{
	char path[PATH_MAX], line[512], glob[100], backend[32];
	bool hit = false;
	int at;
	FILE *f;

	snprintf(path, sizeof(path), "%s/known-failures", t->env->guest_dir);
	f = fopen(path, "re");
	while (f && !hit && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || sscanf(line, "%99s %31s %n", glob, backend, &at) != 2)
			continue;
		hit = !(alone ? strcmp(glob, t->check->name) : fnmatch(glob, t->check->name, 0)) &&
			(!fnmatch(backend, t->env->backend, 0) || (!strcmp(backend, "tcg") && host_is_tcg()));
		if (hit)
			snprintf(why, size, "%s", line + at);
	}
	if (f)
		fclose(f);
	return hit;
}

static int failed(struct t *t, const struct proc_out *o, const char *what)
{
	char why[512];

	t_note_text(t, o->text + (o->len > 4000 ? o->len - 4000 : 0), o->len > 4000 ? 4000 : o->len);
	if (known(t, false, why, sizeof(why)))
		return t_skip(t, "known to fail: %s (%s)", why, what);
	return t_fail(t, "%s", what);
}

/* Warn if this test's own line is out of date, but not if it names time: the host may be fast. */
static int passed(struct t *t)
{
	char why[512];

	if (known(t, true, why, sizeof(why)) && strncmp(why, "time:", 5))
		t_warn(t, "it passes, though known-failures says: %s", why);
	return 0;
}

/* The last line that gives a reason, without the marks that TAP and kvm-unit-tests put before it. */
static const char *skip_line(char *text)
{
	static const char *const marks[] = { "1..0 ", "# SKIP ", "SKIP: ", "- " };
	char *p, *hit = NULL, *save;
	unsigned int i;

	for (p = strtok_r(text, "\r\n", &save); p; p = strtok_r(NULL, "\r\n", &save))
		if ((strcasestr(p, "skip") || strstr(p, "not supported")) && strncmp(p, "SUMMARY", 7))
			hit = p;
	for (i = 0; hit && i < sizeof(marks) / sizeof(marks[0]); i++)
		if (!strncmp(hit, marks[i], strlen(marks[i])))
			hit += strlen(marks[i]);
	return hit ? hit : "it gives no reason";
}

/* Kill a test early enough for its memory to be freed before the check's deadline. */
static unsigned int limit_ms(const struct t *t)
{
	return deadline_ms(t) / 12 * 11;
}

static int run(struct t *t, const char *const *argv, struct proc_out *o)
{
	int rc = proc_run(argv, limit_ms(t), OUTPUT_MAX, o);

	REQUIRE(t, !rc && o->text, "%s: %s", argv[0], strerror(-rc));
	return o->timed_out ? failed(t, o, "no end in time: killed") : 0;
}

/* 0 passed, 4 skipped; assertions end with 254. */
static int kernel_test(struct t *t)
{
	const struct row *r = t->check->row;
	const char *const argv[] = { r->file, NULL };
	struct proc_out o = { .cue = NULL };
	char what[64];
	int rc = run(t, argv, &o);

	if (!rc && o.status == KSFT_SKIP) {
		rc = t_skip(t, "%s", skip_line(o.text));
	} else if (!rc && o.status) {
		snprintf(what, sizeof(what), "it ended with %d", o.status);
		rc = failed(t, &o, what);
	} else if (!rc) {
		rc = passed(t);
	}
	free(o.text);
	return rc;
}

/* The first "FILE=VALUE" of @r that does not hold here, into @why. */
static bool unmet(const struct t *t, const struct row *r, char *why, size_t size)
{
	char words[sizeof(r->needs)], path[PATH_MAX], is[64], *w, *want, *save;
	FILE *f;

	strcpy(words, r->needs);
	for (w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		want = strchr(w, '=');
		if (!want)
			continue;
		*want++ = '\0';
		if (!strncmp(w, "/sys/", 5))
			snprintf(path, sizeof(path), "%s/%s", t->env->sys, w + 5);
		else if (!strncmp(w, "/proc/", 6))
			snprintf(path, sizeof(path), "%s/%s", t->env->proc, w + 6);
		else
			snprintf(path, sizeof(path), "%s", w);
		is[0] = '\0';
		f = fopen(path, "re");
		if (f && !fgets(is, sizeof(is), f))
			is[0] = '\0';
		if (f)
			fclose(f);
		is[strcspn(is, "\n")] = '\0';
		if (!strcmp(is, want))
			continue;
		snprintf(why, size, "it needs %.200s=%.64s; %s%s", w, want, f ? "it is " : "there is no such file", is);
		return true;
	}
	return false;
}

/* The guest's command line. kvm-unit-tests' own runner is a shell, which expands `date`. */
static void words_now(const struct row *r, char *out, size_t size)
{
	static const char date[] = "`date +%s`";
	const char *p = strstr(r->append, date);

	if (p)
		snprintf(out, size, "%.*s%lld%s", (int)(p - r->append), r->append, (long long)time(NULL),
			 p + strlen(date));
	else
		snprintf(out, size, "%s", r->append);
}

/*
 * The guest writes its status to port 0xf4, and kvm-vmm exits with (status << 1) | 1
 * in 8 bits. 1: passed; 77: all skipped, for which the guest writes 77 >> 1; else failed.
 */
static int image_test(struct t *t)
{
	const struct row *r = t->check->row;
	char seconds[16], what[400], words[sizeof(r->append) + 32];
	const char *const argv[] = { t->env->vmm, "--kernel", r->file, "--mem", r->mem, "--cpus", r->cpus,
		"--deadline", seconds, "--append", words, NULL };
	struct proc_out o = { .cue = NULL };
	int rc;

	if (unmet(t, r, what, sizeof(what)))
		return t_skip(t, "%s", what);
	words_now(r, words, sizeof(words));
	snprintf(seconds, sizeof(seconds), "%u", limit_ms(t) / 1000 - 1);
	rc = run(t, argv, &o);
	if (!rc && o.status == 77) {
		rc = t_skip(t, "%s", skip_line(o.text));
	} else if (!rc && o.status != 1) {
		snprintf(what, sizeof(what), o.status & 1 ? "it failed, status %d" : "kvm-vmm ended with %d",
			 o.status & 1 ? o.status >> 1 : o.status);
		rc = failed(t, &o, what);
	} else if (!rc) {
		rc = passed(t);
	}
	free(o.text);
	return rc;
}

/* A row for the caller to fill in; add() makes it a check. NULL: there are too many. */
static struct row *new_row(const char *suite, const char *name, const struct check *like)
{
	struct row *r = &rows[nrows];
	char *p;

	if (nrows == ROWS_MAX)
		return NULL;
	memset(r, 0, sizeof(*r));
	r->check = *like;
	r->check.deadline_ms = SUITE_MS;
	r->check.row = r;
	r->check.order = nrows;
	snprintf(r->check.name, sizeof(r->check.name), "%s/%.48s", suite, name);
	for (p = strchr(r->check.name, '/') + 1; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_' && *p != '.')
			*p = '_';
	return r;
}

static void add(struct row *r)
{
	check_add(&r->check);
	nrows++;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static const struct check kernel_check = {
	.purpose = "the kernel's own selftest of this name passes",
	.advice = "Read its source in tools/testing/selftests/kvm; run it by hand.",
	.needs = NEED_KVM, .fn = kernel_test,
};

static int add_kernel(const char *dir, char *err, size_t size)
{
	struct dirent **list;
	unsigned int before = nrows;
	int n = scandir(dir, &list, NULL, by_name), i;
	struct stat st;
	struct row *r;

	if (n < 0) {
		snprintf(err, size, "%s: %s; install kernel-kvm-selftests-internal, or build the programs (tools/spec/kernel-selftests) and give --suite kernel=DIR",
			 dir, strerror(errno));
		return -1;
	}
	for (i = 0; i < n; i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
		if (!stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK)) {
			r = new_row("kernel", list[i]->d_name, &kernel_check);
			if (r) {
				snprintf(r->file, sizeof(r->file), "%s", path);
				add(r);
			}
		}
		free(list[i]);
	}
	free(list);
	if (nrows > before)
		return 0;
	snprintf(err, size, "%s: no programs in it", dir);
	return -1;
}

/* The words behind @opt in @s, without quotes, into @out. */
static void option_of(const char *s, const char *opt, char *out, size_t size)
{
	const char *p = strstr(s, opt);
	char end = ' ';
	size_t n = 0;

	out[0] = '\0';
	if (!p)
		return;
	p += strlen(opt);
	while (*p == ' ')
		p++;
	if (*p == '\'' || *p == '"')
		end = *p++;
	while (p[n] && p[n] != end && n < size - 1)
		n++;
	memcpy(out, p, n);
	out[n] = '\0';
}

/* One "key = value" of unittests.cfg for the row that its section made. */
static void cfg_line(struct row *r, const char *dir, const char *key, const char *value)
{
	char word[16], *unit;
	unsigned long n;

	if (!strcmp(key, "file"))
		snprintf(r->file, sizeof(r->file), "%.3000s/%s", dir, value);
	else if (!strcmp(key, "smp"))
		snprintf(r->cpus, sizeof(r->cpus), "%ld", strtol(value, NULL, 10));
	else if (!strcmp(key, "check"))
		snprintf(r->needs, sizeof(r->needs), "%.255s", value);
	else if (!strcmp(key, "test_args"))
		option_of(value, "", r->append, sizeof(r->append));
	if (!strcmp(key, "timeout")) {
		n = strtoul(value, NULL, 10);
		if (n > SUITE_MS / 1000 && n < 3600)
			r->check.deadline_ms = (unsigned int)n * 1000;
	}
	if (strcmp(key, "extra_params") && strcmp(key, "qemu_params"))
		return;
	option_of(value, "-append", r->append + strlen(r->append), sizeof(r->append) - strlen(r->append));
	option_of(value, "-m ", word, sizeof(word));
	n = strtoul(word, &unit, 10);
	if (*unit == 'g' || *unit == 'G')
		n *= 1024;
	/* Only if that is more than the default. */
	if (n > 256 && n <= 65536)
		snprintf(r->mem, sizeof(r->mem), "%lu", n);
}

static const struct check image_check = {
	.purpose = "this image of kvm-unit-tests passes on kvm-vmm",
	.advice = "Read its source in kvm-unit-tests/x86; run it by hand: kvm-vmm --kernel.",
	.needs = NEED_KVM | NEED_VMM | NEED_HW, .fn = image_test,
};

/* An image that was not built (32-bit only, EFI) is missing: the next row replaces it. */
static void add_built(struct row *r)
{
	if (r && !access(r->file, R_OK))
		add(r);
}

static void add_cfg(FILE *f, const char *dir)
{
	char line[1024], key[32], value[900];
	struct row *r = NULL;

	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\r\n")] = '\0';
		if (line[0] == '[' && strchr(line, ']')) {
			add_built(r);
			*strchr(line, ']') = '\0';
			r = new_row("kvm-unit-tests", line + 1, &image_check);
			if (r) {
				strcpy(r->cpus, "1");
				strcpy(r->mem, "256");
			}
		} else if (r && sscanf(line, " %31[a-z_] = %899[^\n]", key, value) == 2) {
			cfg_line(r, dir, key, value);
		}
	}
	add_built(r);
}

static int add_unit_tests(const char *top, char *err, size_t size)
{
	unsigned int before = nrows;
	char dir[PATH_MAX], path[PATH_MAX + 16];
	FILE *f;

	snprintf(dir, sizeof(dir), "%s/x86", top);
	if (access(dir, R_OK))
		snprintf(dir, sizeof(dir), "%s", top);
	snprintf(path, sizeof(path), "%s/unittests.cfg", dir);
	f = fopen(path, "re");
	if (!f) {
		snprintf(err, size, "%s: %s; give the directory of a built kvm-unit-tests", path, strerror(errno));
		return -1;
	}
	add_cfg(f, dir);
	fclose(f);
	if (nrows > before)
		return 0;
	snprintf(err, size, "%s: none of its images is built; run ./configure && make there", dir);
	return -1;
}

int suite_add(const char *what, char *err, size_t size)
{
	const char *dir = strchr(what, '=');
	size_t n = dir ? (size_t)(dir++ - what) : strlen(what);

	if (n == 6 && !strncmp(what, "kernel", n))
		return add_kernel(dir ? dir : KERNEL_DIR, err, size);
	if (n == 14 && !strncmp(what, "kvm-unit-tests", n) && dir)
		return add_unit_tests(dir, err, size);
	snprintf(err, size, "expected kernel, kernel=DIR or kvm-unit-tests=DIR");
	return -1;
}
