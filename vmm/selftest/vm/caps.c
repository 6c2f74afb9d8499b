// SPDX-License-Identifier: GPL-2.0-only
/* vm: KVM's capabilities and limits. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <json-c/json.h>

#define REPORT_PLACE 20
#include "baseline.h"
#include "env/facts.h"
#include "env/manifest.h"
#include "vm/vm.h"

CHECK(vm, capabilities, "the capabilities that every VMM needs are there",
      "The kernel's config lacks a KVM part, or a patch broke it: compare CONFIG_KVM* with the manifest.",
      NEED_KVM)
{
	int fd = open(t->env->kvm_path, O_RDWR | O_CLOEXEC);
	unsigned int now = env_kernel(t->env), there = 0;
	const char *missing = NULL;
	char not[450] = "";
	size_t n = 0;
	const struct cap *c;

	REQUIRE(t, fd >= 0, "%s: %s", t->env->kvm_path, strerror(errno));
	for (c = caps; c->name; c++) {
		int v = ioctl(fd, KVM_CHECK_EXTENSION, c->nr);

		there += v > 0;
		if (v > 0)
			continue;
		if (!c->needed) {
			n += (size_t)snprintf(not + n, sizeof(not) - n, " %s", c->name + 8);
			n = n < sizeof(not) ? n : sizeof(not) - 1;
		} else if (!c->since) {
			close(fd);
			return t_fail(t, "%s (%d) is missing", c->name, c->nr);
		} else if (now >= c->since) {
			t_note(t, "%s (%d) is missing, though Linux %u.%u and later have it", c->name, c->nr,
			       c->since / 1000, c->since % 1000);
			missing = c->name;
		}
	}
	close(fd);
	if (n)
		t_note(t, "not offered:%s", not);
	t_note(t, "%u of %u capabilities", there, (unsigned int)(c - caps));
	if (missing)
		return t_warn(t, "%s is missing, though this kernel's version should have it; the notes list all such", missing);
	return 0;
}

CHECK(vm, baseline_capabilities, "no capability of the baseline is missing",
      ADVICE_BASE, NEED_KVM | NEED_BASELINE)
{
	struct compared c = { .t = t };
	struct json_object *old, *now;
	char line[200];
	int rc;

	REQUIRE(t, baseline_both(t, "capabilities", &old, &now), "the baseline has no \"capabilities\" in its facts");
	json_object_object_foreach(old, name, val) {
		int a = json_object_get_int(val), b = json_object_get_int(json_path(now, name));

		if (a == b)
			continue;
		snprintf(line, sizeof(line), "%.60s was %d, is %d", name, a, b);
		/* The number may be a size or a set of flags: only a missing one is worse. */
		baseline_differs(&c, a > 0 && b <= 0, line);
	}
	rc = baseline_outcome(&c, "capabilities");
	json_object_put(now);
	return rc;
}

static int parse_leaf(struct json_object *o, uint32_t v[4])
{
	const char *s = json_object_is_type(o, json_type_string) ? json_object_get_string(o) : "";

	return sscanf(s, "%8x %8x %8x %8x", &v[0], &v[1], &v[2], &v[3]) == 4 ? 0 : -1;
}

/* Is the register a set of features? Then a bit that is gone is worse. */
static bool is_flags(const char *leaf, int reg)
{
	if (!strcmp(leaf, "0x1.0") || !strcmp(leaf, "0x80000001.0"))
		return reg >= 2;
	if (!strcmp(leaf, "0x7.0"))
		return reg >= 1;
	return !strcmp(leaf, "0x40000001.0") ? reg == 0 : !strcmp(leaf, "0x80000008.0") && reg == 1;
}

CHECK(vm, baseline_cpuid, "no CPU feature of the baseline's guests is missing",
      ADVICE_BASE, NEED_KVM | NEED_BASELINE)
{
	static const char *const reg[] = { "EAX", "EBX", "ECX", "EDX" };
	struct compared c = { .t = t };
	struct json_object *old, *now, *o;
	uint32_t a[4], b[4];
	char line[200];
	int i, rc;

	REQUIRE(t, baseline_both(t, "cpuid", &old, &now), "the baseline has no \"cpuid\" in its facts");
	json_object_object_foreach(old, leaf, val) {
		/* Not json_path(), because a leaf's name has a dot. */
		if (!json_object_object_get_ex(now, leaf, &o))
			o = NULL;
		if (parse_leaf(val, a))
			continue;
		if (parse_leaf(o, b)) {
			snprintf(line, sizeof(line), "leaf %.20s is gone", leaf);
			baseline_differs(&c, a[0] || a[1] || a[2] || a[3], line);
			continue;
		}
		for (i = 0; i < 4; i++) {
			uint32_t gone = a[i] & ~b[i];

			if (a[i] == b[i])
				continue;
			snprintf(line, sizeof(line), "leaf %.20s %s was %08x, is %08x", leaf, reg[i], a[i], b[i]);
			baseline_differs(&c, is_flags(leaf, i) && gone, line);
		}
	}
	rc = baseline_outcome(&c, "CPUID registers");
	json_object_put(now);
	return rc;
}

/* KVM_CREATE_VCPU of @id must fail with @want (EEXIST or EINVAL), or with @or_else. */
static int vcpu_refused(struct lab *l, int id, int want, int or_else, const char *what)
{
	int fd = ioctl(l->vm, KVM_CREATE_VCPU, id), err = errno;

	if (fd >= 0)
		close(fd);
	REQUIRE(l->t, fd < 0 && (err == want || err == or_else), "%s: %s, expected %s", what,
		fd >= 0 ? "created" : strerror(err), want == EEXIST ? "EEXIST" : "EINVAL");
	return 0;
}

LAB_CHECK(vm, limits, LAB(), "KVM's limits make sense and are enforced",
	  ADVICE_API, NEED_KVM)
{
	int nr = lab_cap(l, KVM_CAP_NR_VCPUS), max = lab_cap(l, KVM_CAP_MAX_VCPUS);
	int id = lab_cap(l, KVM_CAP_MAX_VCPU_ID), slots = lab_cap(l, KVM_CAP_NR_MEMSLOTS);

	t_note(l->t, "vCPUs: %d recommended, at most %d, ids below %d; %d memory slots", nr, max, id, slots);
	REQUIRE(l->t, nr >= 1 && max >= nr && (!id || id >= max),
		"vCPU limits make no sense: recommended %d, at most %d, ids below %d", nr, max, id);
	REQUIRE(l->t, slots >= 32, "only %d memory slots", slots);
	/* Old KVMs create a directory in debugfs first, and report ENOMEM if that fails. */
	return vcpu_refused(l, 0, EEXIST, env_old_kvm(l->t->env) ? ENOMEM : EEXIST, "a second vCPU with id 0") ||
		vcpu_refused(l, id ? id : max, EINVAL, EINVAL, "a vCPU whose id is at the limit") ? -1 : 0;
}
