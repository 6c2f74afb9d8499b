// SPDX-License-Identifier: GPL-2.0-only
/* What a run proves: its exit status, and its level. */
#include <string.h>

#include "report/report.h"

/* A part of KVM that a run may or may not have tried. */
struct part {
	const char *prefix, *but;	/* of the checks' names; the one that does not count */
	unsigned int chosen, passed;
	const char *why;		/* why the first one left out was left out */
};

static bool belongs(const struct part *p, const char *name)
{
	return !strncmp(name, p->prefix, strlen(p->prefix)) && strcmp(name, p->but);
}

static void count(const struct report *r, unsigned int done, struct part *p)
{
	unsigned int i;

	for (i = 0; i < done; i++) {
		const struct result *res = r->res[i];

		if (!belongs(p, r->list[i]->name))
			continue;
		p->chosen++;
		p->passed += res->status == ST_PASS || res->status == ST_WARN;
		if (!p->why && (res->status == ST_SKIP || res->status == ST_ERROR))
			p->why = res->why;
	}
}

unsigned int totals_done(const struct totals *tot)
{
	return tot->pass + tot->fail + tot->error + tot->skip;
}

const char *level_name(enum level level)
{
	static const char *const names[] = { "none", "minimal", "partial", "full" };

	return names[level];
}

enum level reach(const struct report *r, const struct totals *tot, char *gap, size_t size)
{
	struct part vm = { "vm/", "vm/device", 0, 0, NULL }, flat = { "flat/", "", 0, 0, NULL }, linux_ = { "linux/", "linux/vmm", 0, 0, NULL };
	unsigned int done = totals_done(tot);
	const struct part *miss;
	const char *what;

	count(r, done, &vm);
	count(r, done, &flat);
	count(r, done, &linux_);
	gap[0] = '\0';
	if (linux_.passed && flat.passed && vm.passed) {
		if (!tot->error && !tot->signal)
			return LEVEL_FULL;
		snprintf(gap, size, tot->signal ? "the run was ended" : "%u checks could not be done", tot->error);
		return LEVEL_PARTIAL;
	}
	miss = !flat.passed && !linux_.passed ? &flat : !linux_.passed ? &linux_ : !flat.passed ? &flat : &vm;
	what = miss == &linux_ ? "no Linux guest was tried" : miss == &vm ? "KVM's interface was not tried" :
		linux_.passed ? "no guest without an OS was tried" : "no guest code was run";
	if (!miss->chosen)
		snprintf(gap, size, "%s: %s* is not part of this run", what, miss->prefix);
	else
		snprintf(gap, size, "%s: %s", what, miss->why ? miss->why : "those checks failed");
	if (linux_.passed || flat.passed)
		return LEVEL_PARTIAL;
	return vm.passed ? LEVEL_MINIMAL : LEVEL_NONE;
}

/* Does the run include a check of KVM itself? */
static bool kvm_chosen(const struct report *r)
{
	unsigned int i;

	for (i = 0; i < r->n; i++)
		if (r->list[i]->needs & NEED_KVM)
			return true;
	return false;
}

static bool kvm_passed(const struct report *r, unsigned int done)
{
	unsigned int i;

	for (i = 0; i < done; i++)
		if (r->list[i]->needs & NEED_KVM && (r->res[i]->status == ST_PASS || r->res[i]->status == ST_WARN))
			return true;
	return false;
}

int verdict(const struct report *r, const struct totals *tot)
{
	if (tot->signal)
		return 128 + tot->signal;
	if (tot->fail)
		return EXIT_FAILED;
	if (tot->error)
		return EXIT_NOT_DONE;
	/* KVM was not tried: neither success nor failure. */
	if (!tot->pass || (r->env->kvm_err && r->env->allow_missing) ||
	    (kvm_chosen(r) && !kvm_passed(r, totals_done(tot))))
		return EXIT_NOT_TRIED;
	return 0;
}

void verdict_text(const struct report *r, const struct totals *tot, char *text, size_t size)
{
	unsigned int done = totals_done(tot);
	char gap[400];
	enum level level = reach(r, tot, gap, sizeof(gap));

	switch (verdict(r, tot)) {
	case EXIT_FAILED:
		snprintf(text, size, "this host failed the test");
		return;
	case EXIT_NOT_TRIED:
		snprintf(text, size, "KVM was not tried%s%s", gap[0] ? ": " : "", gap);
		return;
	case EXIT_NOT_DONE:
	case 0:
		break;
	default:
		snprintf(text, size, "the run was ended by signal %d (%s)", tot->signal, strsignal(tot->signal));
		return;
	}
	if (level == LEVEL_FULL)
		snprintf(text, size, "KVM works on this host: %u of %u checks passed", tot->pass, done);
	else if (level == LEVEL_NONE)
		snprintf(text, size, "%u of %u checks passed; %s", tot->pass, done, gap);
	else
		snprintf(text, size, "KVM works on this host as far as it was tried: %u of %u checks passed; %s", tot->pass, done, gap);
}
