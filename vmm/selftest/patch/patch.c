// SPDX-License-Identifier: GPL-2.0-only
/*
 * patch: is each patch of the manifest live? The manifest gives the checks; a
 * patch's Probe: trailer says how to prove it live.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <json-c/json.h>

#define REPORT_PLACE 10
#include "env/files.h"
#include "env/manifest.h"
#include "lab/stats.h"
#include "patch/patch.h"

#define ADVICE_PATCH "The manifest says that this patch is in: find which kvm.ko is loaded (host/build-id, host/module-origin), then rebuild or reinstall."

/* param MODULE.PARAMETER: the loaded module has it. */
static int probe_param(struct t *t, const char *what)
{
	const char *dot = strchr(what, '.');
	char text[256];
	long n;

	REQUIRE(t, dot, "probe 'param %s': expected MODULE.PARAMETER", what);
	n = read_filef(text, sizeof(text), "%s/module/%.*s/parameters/%s", t->env->sys,
		       (int)(dot - what), what, dot + 1);
	if (n == -EACCES)
		return t_skip(t, "only root can read parameter %s", what);
	REQUIRE(t, n >= 0, "module parameter %s: %s: the patch is not in the loaded module", what,
		strerror((int)-n));
	t_note(t, "%s is '%s'", what, text);
	return 0;
}

static int probe_cap(struct t *t, const char *what)
{
	struct lab l;
	char *end;
	unsigned long nr = strtoul(what, &end, 0);
	int rc;

	REQUIRE(t, !*end && end != what, "probe 'cap %s': expected a number", what);
	rc = lab_open(&l, t, LAB());
	if (!rc) {
		rc = lab_cap(&l, (unsigned int)nr);
		t_note(t, "capability %lu is %d", nr, rc);
		rc = rc > 0 ? 0 : t_fail(t, "KVM_CHECK_EXTENSION of %lu gives %d: the patch is not in the running kvm.ko", nr, rc);
	}
	lab_close(&l);
	return rc;
}

static int probe_stat(struct t *t, const char *what)
{
	const char *name = strchr(what, ' ');

	REQUIRE(t, name && (!strncmp(what, "vm ", 3) || !strncmp(what, "vcpu ", 5)),
		"probe 'stat %s': expected vm NAME or vcpu NAME", what);
	return stat_exists(t, what[1] == 'm' ? "vm" : "vcpu", name + 1);
}

static int probe_file(struct t *t, const char *root, const char *what)
{
	if (!file_exists("%s/kernel/%s", t->env->sys, root))
		return t_skip(t, "%s/kernel/%s is not mounted, or this user cannot read it", t->env->sys, root);
	REQUIRE(t, file_exists("%s/kernel/%s/%s", t->env->sys, root, what),
		"%s/kernel/%s/%s is not there: the patch is not in the running kernel", t->env->sys, root, what);
	return 0;
}

static int probe_symbol(struct t *t, const char *what)
{
	char path[4096], line[512], name[256];
	bool found = false, any = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/kallsyms", t->env->proc);
	f = fopen(path, "re");
	if (!f)
		return t_skip(t, "%s: %s", path, strerror(errno));
	while (!found && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %*s %255s", name) != 1)
			continue;
		any = true;
		found = !strcmp(name, what);
	}
	fclose(f);
	if (!any)
		return t_skip(t, "%s shows no symbols", path);
	REQUIRE(t, found, "symbol %s is not in the running kernel: the patch is missing", what);
	return 0;
}

/* check NAME: a guest's behaviour proves the patch. */
static int probe_check(struct t *t, const char *what)
{
	struct t sub = { .check = check_find(what), .env = t->env, .res = t->res };

	if (sub.check && sub.check->fn != t->check->fn)
		return sub.check->fn(&sub);
	return t_fail(t, "probe 'check %s': this program has no such check", what);
}

static int probe(struct t *t, const char *p)
{
	static const struct {
		const char *kind;
		int (*fn)(struct t *t, const char *what);
		bool kvm;
	} kinds[] = {
		{ "param ", probe_param, false }, { "cap ", probe_cap, true },
		{ "stat ", probe_stat, true }, { "symbol ", probe_symbol, false },
		{ "check ", probe_check, true },
	};
	size_t i, n;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		n = strlen(kinds[i].kind);
		if (strncmp(p, kinds[i].kind, n))
			continue;
		if (kinds[i].kvm && t->env->kvm_err)
			return t_skip(t, "/dev/kvm cannot be opened (see vm/device)");
		return kinds[i].fn(t, p + n);
	}
	if (!strncmp(p, "debugfs ", 8))
		return probe_file(t, "debug", p + 8);
	if (!strncmp(p, "tracepoint ", 11)) {
		char path[300];

		snprintf(path, sizeof(path), "events/%.256s", p + 11);
		return probe_file(t, "tracing", path);
	}
	return t_fail(t, "probe '%s': this program knows param, cap, stat, symbol, debugfs, tracepoint, check", p);
}

#define ADVICE_LIVE "systemctl restart 'kernel-kvm-livepatch-*', and read what it says; host/livepatch names the tasks that hold a transition."

/* A patch that kernel-kvm-livepatch brings, not the kernel or its modules. */
static int one_live(struct t *t)
{
	struct json_object *p = (struct json_object *)t->check->row, *o = t->env->livepatch;
	const char *pr = json_str(p, "probe");

	t_note(t, "%s", json_str(p, "file") ? json_str(p, "file") : "(no file name)");
	t_note(t, "a live patch, of %s", json_str(o, "livepatch"));
	REQUIRE(t, t->env->livepatch_live, "%s is installed, but not live: module %s is not loaded, or not every task runs its functions (see host/livepatch)",
		json_str(o, "livepatch"), json_str(o, "module"));
	if (!pr || !*pr)
		return t_skip(t, "live, but it has no probe: the running kernel was not examined");
	t_note(t, "probe: %s", pr);
	return probe(t, pr);
}

static int one_patch(struct t *t)
{
	struct json_object *p = (struct json_object *)t->check->row;
	const char *status = json_str(p, "status"), *pr = json_str(p, "probe");
	const char *reason = json_str(p, "reason");

	t_note(t, "%s", json_str(p, "file") ? json_str(p, "file") : "(no file name)");
	if (status && strcmp(status, "applied"))
		return t_skip(t, "%s: %s", status, reason ? reason : "the manifest gives no reason");
	if (!pr || !*pr)
		return t_skip(t, "applied, but it has no probe: the running kernel was not examined");
	if (t->env->kmod_live)
		t_note(t, "in the modules of %s", t->env->kmod);
	else
		t_note(t, "compiled into the kernel or its modules");
	t_note(t, "probe: %s", pr);
	return probe(t, pr);
}

/* kvm.ko's build_id ends in the series' hash. */
CHECK(patch, series, "the loaded kvm.ko has the package's patch series", ADVICE_PATCH, NEED_MANIFEST)
{
	const char *want = manifest_str(t->env, "series"), *plus;
	char got[256];

	if (manifest_no_patch(t->env))
		return t_skip(t, "built without any patch (ALLOW_NO_PATCH=1)");
	REQUIRE(t, read_filef(got, sizeof(got), "%s/module/kvm/parameters/build_id", t->env->sys) >= 0,
		"kvm.ko has no build_id: none of the package's patches is in it");
	plus = strrchr(got, '+');
	REQUIRE(t, plus && !strcmp(plus + 1, want),
		"the loaded kvm.ko was built with the patch series '%s', the package's is '%s'",
		plus ? plus + 1 : got, want);
	return 0;
}

#define PATCHES_MAX 64

/* Make a check of each of @o's patches, from @made[@n] on; returns how many there are then. */
static unsigned int add_checks(struct json_object *o, struct check *made, unsigned int n, int (*fn)(struct t *t), const char *advice)
{
	struct json_object *list = o ? json_path(o, "patches") : NULL, *p;
	const char *subject;
	size_t i, len;

	len = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	for (i = 0; i < len && n < PATCHES_MAX; i++) {
		p = json_object_array_get_idx(list, i);
		subject = json_str(p, "subject");
		made[n] = (struct check){ .purpose = subject ? subject : "(the manifest gives no subject)",
			.advice = advice, .needs = NEED_MANIFEST, .fn = fn, .row = p,
			.order = UINT_MAX - PATCHES_MAX + n };
		snprintf(made[n].name, sizeof(made[n].name), "patch/%d", json_object_get_int(json_path(p, "number")));
		/* A number that a kmod brings, too, is the kmod's. */
		if (!check_find(made[n].name))
			check_add(&made[n++]);
	}
	return n;
}

void patch_checks(const struct env *env)
{
	static struct check made[PATCHES_MAX];
	unsigned int n;

	n = add_checks(env->manifest, made, 0, one_patch, ADVICE_PATCH);
	add_checks(env->livepatch, made, n, one_live, ADVICE_LIVE);
}
