// SPDX-License-Identifier: GPL-2.0
/*
 * Facts that a kernel upgrade must not change unnoticed: what KVM offers, which
 * CPU its guests see, how its modules are set. Kept in every json report; with
 * --baseline the host is held against the facts of that report.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <json-c/json.h>

#include "host/host.h"
#include "vm/vmchecks.h"

#define LEAVES_MAX 256

static struct json_object *capabilities(int kvm)
{
	struct json_object *o = json_object_new_object();
	const struct cap *c;

	for (c = caps; kvm >= 0 && c->name; c++)
		json_object_object_add(o, c->name, json_object_new_int(ioctl(kvm, KVM_CHECK_EXTENSION, c->nr)));
	return o;
}

/*
 * Leaf 0xd tells sizes, 0xb and 0x1f tell the host CPU that was asked, 0x4,
 * 0x18 and 0x8000001d of its caches: they differ between two calls.
 */
static bool of_guests(uint32_t leaf)
{
	return leaf != 0xd && leaf != 0xb && leaf != 0x1f && leaf != 4 && leaf != 0x18 && leaf != 0x8000001d;
}

/* "0x7.0": "eax ebx ecx edx" of what KVM supports. */
static struct json_object *cpuid_leaves(int kvm)
{
	struct json_object *o = json_object_new_object();
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + LEAVES_MAX * sizeof(c->entries[0]));
	char key[32], v[48];
	uint32_t i;

	if (c)
		c->nent = LEAVES_MAX;
	if (c && kvm >= 0 && ioctl(kvm, KVM_GET_SUPPORTED_CPUID, c) == 0) {
		for (i = 0; i < c->nent; i++) {
			const struct kvm_cpuid_entry2 *e = &c->entries[i];
			/* The upper byte of EBX of leaf 1 is the CPU that was asked. */
			uint32_t ebx = e->function == 1 ? e->ebx & 0x00ffffff : e->ebx;

			if (!of_guests(e->function))
				continue;
			snprintf(key, sizeof(key), "0x%x.%u", e->function, e->index);
			snprintf(v, sizeof(v), "%08x %08x %08x %08x", e->eax, ebx, e->ecx, e->edx);
			json_object_object_add(o, key, json_object_new_string(v));
		}
	}
	free(c);
	return o;
}

static struct json_object *parameters(const struct env *env)
{
	static const char *const modules[] = { "kvm", "kvm_amd", "kvm_intel", "kvm_pvm" };
	struct json_object *o = json_object_new_object();
	char path[PATH_MAX], key[512], v[256];
	struct dirent *e;
	size_t i;
	DIR *d;

	for (i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		snprintf(path, sizeof(path), "%s/module/%s/parameters", env->sys, modules[i]);
		d = opendir(path);
		while (d && (e = readdir(d))) {
			/* It names the build: of course it changes. */
			if (e->d_name[0] == '.' || !strcmp(e->d_name, "build_id") ||
			    read_filef(v, sizeof(v), "%s/%s", path, e->d_name) < 0)
				continue;
			snprintf(key, sizeof(key), "%s.%s", modules[i], e->d_name);
			json_object_object_add(o, key, json_object_new_string(v));
		}
		if (d)
			closedir(d);
	}
	return o;
}

struct json_object *facts_json(const struct env *env)
{
	struct json_object *o = json_object_new_object();
	int kvm = open(env->kvm_path, O_RDWR | O_CLOEXEC);

	json_object_object_add(o, "capabilities", capabilities(kvm));
	json_object_object_add(o, "cpuid", cpuid_leaves(kvm));
	json_object_object_add(o, "parameters", parameters(env));
	if (kvm >= 0)
		close(kvm);
	return o;
}

/* --- held against a baseline --- */

struct compared {
	struct t *t;
	unsigned int worse, other;
	char first[400];		/* the first that is worse, else that is other */
};

static void differs(struct compared *c, bool worse, const char *line)
{
	t_note(c->t, "%s", line);
	if (worse ? !c->worse : !c->worse && !c->other)
		snprintf(c->first, sizeof(c->first), "%s", line);
	if (worse)
		c->worse++;
	else
		c->other++;
}

static int outcome(const struct compared *c, const char *what)
{
	if (c->worse)
		return t_fail(c->t, "%u %s less than in the baseline: %s", c->worse, what, c->first);
	if (c->other)
		return t_warn(c->t, "%u %s differ from the baseline: %s", c->other, what, c->first);
	return 0;
}

/* Baseline's and this host's objects of one kind; false: the baseline has none. */
static bool both(struct t *t, const char *kind, struct json_object **old, struct json_object **now)
{
	struct json_object *facts = json_path(t->env->baseline, "facts"), *all;

	*old = json_path(facts, kind);
	if (!json_object_is_type(*old, json_type_object))
		return false;
	all = facts_json(t->env);
	*now = json_object_get(json_path(all, kind));
	json_object_put(all);
	return true;
}

int vm_baseline_caps(struct t *t)
{
	struct compared c = { .t = t };
	struct json_object *old, *now;
	char line[200];
	int rc;

	REQUIRE(t, both(t, "capabilities", &old, &now), "the baseline has no \"capabilities\" in its facts");
	json_object_object_foreach(old, name, val) {
		int a = json_object_get_int(val), b = json_object_get_int(json_path(now, name));

		if (a == b)
			continue;
		snprintf(line, sizeof(line), "%.60s was %d, is %d", name, a, b);
		/* Of some the number is a size or a set of flags; gone is gone. */
		differs(&c, a > 0 && b <= 0, line);
	}
	rc = outcome(&c, "capabilities");
	json_object_put(now);
	return rc;
}

static int parse_leaf(struct json_object *o, uint32_t v[4])
{
	const char *s = json_object_is_type(o, json_type_string) ? json_object_get_string(o) : "";

	return sscanf(s, "%8x %8x %8x %8x", &v[0], &v[1], &v[2], &v[3]) == 4 ? 0 : -1;
}

/* Leaves whose registers are sets of features: a bit that is gone is worse. */
static bool is_flags(const char *leaf, int reg)
{
	if (!strcmp(leaf, "0x1.0") || !strcmp(leaf, "0x80000001.0"))
		return reg >= 2;
	if (!strcmp(leaf, "0x7.0"))
		return reg >= 1;
	return !strcmp(leaf, "0x40000001.0") ? reg == 0 : !strcmp(leaf, "0x80000008.0") && reg == 1;
}

int vm_baseline_cpuid(struct t *t)
{
	static const char *const reg[] = { "EAX", "EBX", "ECX", "EDX" };
	struct compared c = { .t = t };
	struct json_object *old, *now, *o;
	uint32_t a[4], b[4];
	char line[200];
	int i, rc;

	REQUIRE(t, both(t, "cpuid", &old, &now), "the baseline has no \"cpuid\" in its facts");
	json_object_object_foreach(old, leaf, val) {
		/* Not json_path(): a leaf's name has a dot. */
		if (!json_object_object_get_ex(now, leaf, &o))
			o = NULL;
		if (parse_leaf(val, a))
			continue;
		if (parse_leaf(o, b)) {
			snprintf(line, sizeof(line), "leaf %.20s is gone", leaf);
			differs(&c, a[0] || a[1] || a[2] || a[3], line);
			continue;
		}
		for (i = 0; i < 4; i++) {
			uint32_t gone = a[i] & ~b[i];

			if (a[i] == b[i])
				continue;
			snprintf(line, sizeof(line), "leaf %.20s %s was %08x, is %08x", leaf, reg[i], a[i], b[i]);
			differs(&c, is_flags(leaf, i) && gone, line);
		}
	}
	rc = outcome(&c, "CPUID registers");
	json_object_put(now);
	return rc;
}

/* Was on and is off, or was a number and is 0. */
static bool turned_off(const char *a, const char *b)
{
	return (!strcmp(a, "Y") && !strcmp(b, "N")) || (strtol(a, NULL, 10) > 0 && !strcmp(b, "0"));
}

int host_baseline_parameters(struct t *t)
{
	struct compared c = { .t = t };
	struct json_object *old, *now, *o;
	char line[300];
	int rc;

	REQUIRE(t, both(t, "parameters", &old, &now), "the baseline has no \"parameters\" in its facts");
	json_object_object_foreach(old, name, val) {
		const char *a = json_object_get_string(val), *b = NULL;

		if (json_object_object_get_ex(now, name, &o))
			b = json_object_get_string(o);
		if (b && !strcmp(a, b))
			continue;
		snprintf(line, sizeof(line), "%.80s was '%.80s', is %s%.80s%s", name, a, b ? "'" : "",
			 b ? b : "not there", b ? "'" : "");
		differs(&c, b && turned_off(a, b), line);
	}
	rc = outcome(&c, "module parameters");
	json_object_put(now);
	return rc;
}
