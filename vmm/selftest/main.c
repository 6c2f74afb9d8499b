// SPDX-License-Identifier: GPL-2.0-only
/* kvm-selftest: does KVM on this host work, and is it the KVM that was built? */
#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compat.h"
#include "env/clock.h"
#include "env/manifest.h"
#include "env/settings.h"
#include "patch/patch.h"
#include "require.h"
#include "run.h"
#include "suite/suite.h"

#define PATTERNS_MAX	64
#define EXIT_USAGE	2

struct options {
	const char *only[PATTERNS_MAX], *skip[PATTERNS_MAX];
	unsigned int nonly, nskip, jobs;
	const struct report_ops *format;
	const char *output, *explain, *bundle, *save, *baseline;
	char *require;
	bool list, list_settings, quiet;
};

static const struct report_ops *const formats[] = {
	&report_human, &report_tap, &report_junit, &report_json,
	&report_prometheus, &report_html,
};

static void help(void)
{
	puts("Usage: kvm-selftest [OPTION]...\n"
	     "       kvm-selftest merge [--format html] REPORT.json...\n"
	     "Checks that KVM on this host works and is the KVM that was built: compares the\n"
	     "kernel with the package's manifest, tries every ioctl of /dev/kvm, runs guests\n"
	     "in real, protected and long mode, and a Linux guest.\n\n"
	     "  --list               list the checks and their purposes, one per line\n"
	     "  --list-settings      list the module parameters it reads, and since when KVM has them\n"
	     "  --only GLOB[,GLOB]   run only these: 'vm/*', flat/timer-pit\n"
	     "  --skip GLOB[,GLOB]   do not run these\n"
	     "  --format F           human (default), tap, junit, json, prometheus, html\n"
	     "  --output FILE        write the report there (default: standard output)\n"
	     "  --explain CHECK      what a check does and what to do when it fails\n"
	     "  --bundle FILE        on failure, write a tar.gz for whoever debugs it\n"
	     "  --save-baseline FILE save this run's figures (a json report)\n"
	     "  --baseline FILE      compare with saved figures: slower fails\n"
	     "  --quiet              human: print only failures and the verdict\n"
	     "  --jobs N             run N checks at a time (default: CPUs, at most 4)\n"
	     "  --timeout-scale X    multiply every deadline, for slow machines\n"
	     "  --allow-missing      a missing /dev/kvm is not a failure (exit 4)\n"
	     "  --require WHAT       fail if one of these could not be done: host, linux, cloud,\n"
	     "                       container, or checks by GLOB[,GLOB]\n"
	     "  --suite kernel[=DIR] run the kernel's own KVM selftests, too\n"
	     "  --suite kvm-unit-tests=DIR  run a built kvm-unit-tests, too\n"
	     "  --manifest FILE      (default: /usr/share/kernel-kvm/$(uname -r)/manifest.json)\n"
	     "  --guest-dir DIR      guest images (default: /usr/share/kernel-kvm/guest)\n"
	     "  --vmm FILE           kvm-vmm (default: beside this program, or in PATH)\n"
	     "  --kvm FILE           the KVM device (default: /dev/kvm)\n"
	     "  --version, --help\n\n"
	     "Exit: 0 all passed, 1 something failed (a missing /dev/kvm too), 2 usage or\n"
	     "internal error, 3 nothing failed, but some checks could not be done (memory,\n"
	     "threads), 4 KVM was not tried, 128 + N ended by signal N.");
}

static int __attribute__((format(printf, 1, 2))) usage(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "kvm-selftest: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nTry 'kvm-selftest --help'.\n");
	return EXIT_USAGE;
}

/* Split "a,b" into patterns; 0 or -1 if too many. */
static int patterns(char *s, const char **list, unsigned int *n)
{
	char *save, *p;

	for (p = strtok_r(s, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
		if (*n == PATTERNS_MAX)
			return -1;
		list[(*n)++] = p;
	}
	return 0;
}

static bool matches(const char *const *list, unsigned int n, const char *name)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (!fnmatch(list[i], name, 0))
			return true;
	return false;
}

/* The checks chosen by --only and --skip, in the report's order. */
static unsigned int select_checks(const struct options *o, const struct check **list)
{
	const struct check *const *c;
	unsigned int n = 0;

	for (c = checks(); *c; c++) {
		if (o->nonly ? !matches(o->only, o->nonly, (*c)->name) : (*c)->needs & NOT_DEFAULT)
			continue;
		if (matches(o->skip, o->nskip, (*c)->name))
			continue;
		check_choose(*c);
		list[n++] = *c;
	}
	return n;
}

/* A pattern that matches no check is probably a typing error. */
static const char *useless_pattern(const char *const *list, unsigned int n)
{
	const struct check *const *c;
	unsigned int i;

	for (i = 0; i < n; i++) {
		for (c = checks(); *c && fnmatch(list[i], (*c)->name, 0); c++)
			;
		if (!*c)
			return list[i];
	}
	return NULL;
}

enum { OPT_LIST = 256, OPT_SETTINGS, OPT_ONLY, OPT_SKIP, OPT_FORMAT, OPT_OUTPUT, OPT_QUIET,
	OPT_EXPLAIN, OPT_BUNDLE, OPT_SAVE, OPT_BASELINE, OPT_JOBS, OPT_SCALE, OPT_ALLOW, OPT_REQUIRE, OPT_MANIFEST, OPT_GUEST, OPT_VMM,
	OPT_KVM, OPT_SUITE, OPT_SYS, OPT_PROC, OPT_MODULES, OPT_VERSION, OPT_HELP };

static const struct option longopts[] = {
	{ "list", no_argument, NULL, OPT_LIST },
	{ "list-settings", no_argument, NULL, OPT_SETTINGS },
	{ "only", required_argument, NULL, OPT_ONLY },
	{ "skip", required_argument, NULL, OPT_SKIP },
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "output", required_argument, NULL, OPT_OUTPUT },
	{ "explain", required_argument, NULL, OPT_EXPLAIN },
	{ "bundle", required_argument, NULL, OPT_BUNDLE },
	{ "save-baseline", required_argument, NULL, OPT_SAVE },
	{ "baseline", required_argument, NULL, OPT_BASELINE },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "jobs", required_argument, NULL, OPT_JOBS },
	{ "timeout-scale", required_argument, NULL, OPT_SCALE },
	{ "allow-missing", no_argument, NULL, OPT_ALLOW },
	{ "require", required_argument, NULL, OPT_REQUIRE },
	{ "manifest", required_argument, NULL, OPT_MANIFEST },
	{ "guest-dir", required_argument, NULL, OPT_GUEST },
	{ "vmm", required_argument, NULL, OPT_VMM },
	{ "kvm", required_argument, NULL, OPT_KVM },
	{ "suite", required_argument, NULL, OPT_SUITE },
	{ "sys", required_argument, NULL, OPT_SYS },
	{ "proc", required_argument, NULL, OPT_PROC },
	{ "modules", required_argument, NULL, OPT_MODULES },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 }
};

static int parse_number(const char *s, double min, double max, double *v)
{
	char *end;

	errno = 0;
	*v = strtod(s, &end);
	return errno || end == s || *end || !(*v >= min && *v <= max) ? -1 : 0;
}

static const struct report_ops *find_format(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(formats[i]->name, name))
			return formats[i];
	return NULL;
}

/* Handle one option: -1 to go on, or else the exit status. */
static int option(int opt, struct options *o, struct env *env)
{
	char err[512];
	double v;

	switch (opt) {
	case OPT_LIST: o->list = true; break;
	case OPT_SETTINGS: o->list_settings = true; break;
	case OPT_QUIET: o->quiet = true; break;
	case OPT_ALLOW: env->allow_missing = true; break;
	case OPT_REQUIRE: o->require = optarg; break;
	case OPT_EXPLAIN: o->explain = optarg; break;
	case OPT_BUNDLE: o->bundle = optarg; break;
	case OPT_SAVE: o->save = optarg; break;
	case OPT_BASELINE: o->baseline = optarg; break;
	case OPT_OUTPUT: o->output = optarg; break;
	case OPT_MANIFEST: env->manifest_path = optarg; break;
	case OPT_GUEST: env->guest_dir = optarg; break;
	case OPT_VMM: env->vmm = optarg; break;
	case OPT_KVM: env->kvm_path = optarg; break;
	case OPT_SYS: env->sys = optarg; break;
	case OPT_PROC: env->proc = optarg; break;
	case OPT_MODULES: env->modules = optarg; break;
	case OPT_ONLY:
	case OPT_SKIP:
		if (opt == OPT_ONLY ? patterns(optarg, o->only, &o->nonly) :
				      patterns(optarg, o->skip, &o->nskip))
			return usage("--only and --skip take at most %d patterns each", PATTERNS_MAX);
		break;
	case OPT_SUITE:
		if (suite_add(optarg, err, sizeof(err)))
			return usage("--suite: %s", err);
		break;
	case OPT_FORMAT:
		o->format = find_format(optarg);
		if (!o->format)
			return usage("--format %s: unknown", optarg);
		break;
	case OPT_JOBS:
		if (parse_number(optarg, 1, 16, &v))
			return usage("--jobs %s: expected 1 to 16", optarg);
		o->jobs = (unsigned int)v;
		break;
	case OPT_SCALE:
		if (parse_number(optarg, 0.1, 100, &env->scale))
			return usage("--timeout-scale %s: expected 0.1 to 100", optarg);
		break;
	case OPT_VERSION:
		puts("kvm-selftest " VMM_VERSION);
		return 0;
	case OPT_HELP:
		help();
		return 0;
	default:
		fprintf(stderr, "Try 'kvm-selftest --help'.\n");
		return EXIT_USAGE;
	}
	return -1;
}

static int explain(const char *name)
{
	const struct check *c = check_find(name);

	if (!c)
		return usage("no check is named '%s' (see --list)", name);
	printf("%s\n  what:      %s\n  if it fails: %s\n", c->name, c->purpose, c->advice);
	if (c->settings)
		printf("  settings:  %s\n", c->settings);
	printf("  deadline:  %.1f s\n  needs:    %s%s%s%s%s%s%s\n",
	       (c->deadline_ms ? c->deadline_ms : DEADLINE_MS) / 1e3,
	       c->needs & NEED_KVM ? " /dev/kvm" : "",
	       c->needs & NEED_ROOT ? " root" : "",
	       c->needs & NEED_MANIFEST ? " the package's manifest" : "",
	       c->needs & NEED_BASELINE ? " --baseline" : "",
	       c->needs & NEED_VMM ? " kvm-vmm" : "",
	       c->needs & NEED_HW ? " a hardware back end (else a failure is a skip)" : "",
	       c->needs ? "" : " nothing");
	return 0;
}

/*
 * A file that appears complete or not at all: written under another name, then
 * renamed. An existing file that is not regular (/dev/stdout) is written directly.
 */
struct outfile {
	char path[PATH_MAX];
	char tmp[PATH_MAX + 8];
	FILE *f;
};

/* @shared: others (node_exporter) must be able to read it, whatever the umask. */
static int out_open(struct outfile *of, const char *path, bool shared)
{
	struct stat st;
	bool there = stat(path, &st) == 0, plain = !there || S_ISREG(st.st_mode);

	/* Keep a symbolic link: replace the file that it names. */
	if (!plain || !realpath(path, of->path))
		snprintf(of->path, sizeof(of->path), "%s", path);
	snprintf(of->tmp, sizeof(of->tmp), "%s%s", of->path, plain ? ".tmp" : "");
	of->f = fopen(of->tmp, "we");
	if (of->f && plain && (there || shared))
		(void)!fchmod(fileno(of->f), there ? st.st_mode & 07777 : 0644);
	if (of->f)
		return 0;
	fprintf(stderr, "kvm-selftest: %s: %s\n", of->tmp, strerror(errno));
	return EXIT_USAGE;
}

static int out_close(struct outfile *of)
{
	bool bad = fflush(of->f) || ferror(of->f);

	bad |= fclose(of->f) != 0;
	if (!bad && strcmp(of->path, of->tmp))
		bad = rename(of->tmp, of->path) != 0;
	if (!bad)
		return 0;
	fprintf(stderr, "kvm-selftest: %s: the report could not be written: %s\n", of->path,
		strerror(errno));
	if (strcmp(of->path, of->tmp))
		unlink(of->tmp);
	return EXIT_USAGE;
}

/* Write the bundle and the baseline. */
static int extras(const struct options *o, struct report *rep, const struct totals *tot,
		  double since_s)
{
	struct report base = *rep;
	struct outfile of;
	int rc;

	if (o->bundle && (tot->fail || tot->error)) {
		rc = bundle_write(o->bundle, rep, tot, since_s);
		if (rc) {
			fprintf(stderr, "kvm-selftest: %s: %s\n", o->bundle, strerror(-rc));
			return EXIT_USAGE;
		}
	}
	if (!o->save)
		return 0;
	if (out_open(&of, o->save, false))
		return EXIT_USAGE;
	base.out = of.f;
	report_json.end(&base, tot);
	return out_close(&of);
}

static int run(const struct options *o, struct env *env, const struct check **list,
	       unsigned int n)
{
	struct result *results[CHECKS_MAX];
	struct totals tot = { 0 };
	struct report rep = { .ops = o->format, .out = stdout, .env = env,
		.quiet = o->quiet, .list = list, .res = results, .n = n };
	struct run_opts ro = { .list = list, .n = n, .jobs = o->jobs, .report = &rep };
	struct outfile of = { .f = NULL };
	double since_s = now_ms() / 1e3;
	int rc;

	if (o->output) {
		if (out_open(&of, o->output, o->format == &report_prometheus))
			return EXIT_USAGE;
		rep.out = of.f;
	}
	rep.tty = isatty(fileno(rep.out));
	rep.color = rep.tty && !getenv("NO_COLOR");
	/* A terminal that knows no escape sequences gets none. */
	if (!getenv("TERM") || !strcmp(getenv("TERM"), "dumb"))
		rep.tty = rep.color = false;
	rc = run_checks(env, &ro, results, &tot);
	if (rc) {
		fprintf(stderr, "kvm-selftest: cannot run the checks: %s\n", strerror(-rc));
		return EXIT_USAGE;
	}
	rc = extras(o, &rep, &tot, since_s);
	if (of.f && out_close(&of))
		return EXIT_USAGE;
	if (!of.f && (fflush(stdout) || ferror(stdout))) {
		fprintf(stderr, "kvm-selftest: the report could not be written: %s\n",
			strerror(errno));
		return EXIT_USAGE;
	}
	return rc ? rc : verdict(&rep, &tot);
}

int main(int argc, char **argv)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct options o = { .format = &report_human,
		.jobs = cpus < 1 ? 1 : cpus > 4 ? 4 : (unsigned int)cpus };
	struct env env = { .guest_dir = "/usr/share/kernel-kvm/guest",
		.kvm_path = "/dev/kvm", .sys = "/sys", .proc = "/proc",
		.modules = "/lib/modules", .scale = 1 };
	const struct check *list[CHECKS_MAX];
	const char *bad;
	char vmm[PATH_MAX], err[512];
	unsigned int n, i;
	int opt, rc;

	if (argc > 1 && !strcmp(argv[1], "merge"))
		return merge(argc - 2, argv + 2);
	while ((opt = getopt_long(argc, argv, "h", longopts, NULL)) != -1) {
		rc = option(opt == 'h' ? OPT_HELP : opt, &o, &env);
		if (rc >= 0)
			return rc;
	}
	if (o.list_settings) {
		for (i = 0; settings[i].name; i++)
			printf("%s %u.%u %u.%u\n", settings[i].name, settings[i].since / 1000, settings[i].since % 1000,
			       settings[i].until / 1000, settings[i].until % 1000);
		return 0;
	}
	if (optind < argc)
		return usage("%s: unexpected argument", argv[optind]);
	env_fill(&env, vmm, sizeof(vmm));
	patch_checks(&env);
	if (o.baseline) {
		env.baseline = json_load(o.baseline, err, sizeof(err));
		if (!env.baseline)
			return usage("--baseline: %s", err);
	}
	bad = useless_pattern(o.only, o.nonly);
	if (!bad)
		bad = useless_pattern(o.skip, o.nskip);
	if (bad)
		return usage("no check is named '%s' (see --list)", bad);
	n = select_checks(&o, list);
	if (!n)
		return usage("--only and --skip leave nothing to run");
	if (o.explain)
		return explain(o.explain);
	if (o.list) {
		for (i = 0; i < n; i++)
			printf("%-28s %s\n", list[i]->name, list[i]->purpose);
		return 0;
	}
	if (o.require && require_checks(o.require, list, n, err, sizeof(err)))
		return usage("--require: %s", err);
	env.scale *= env_slowness();
	return run(&o, &env, list, n);
}
