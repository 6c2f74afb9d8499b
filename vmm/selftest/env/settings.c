// SPDX-License-Identifier: GPL-2.0-only
/* See settings.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "env/files.h"
#include "env/settings.h"

/*
 * When the package is built, tools/spec/settings-in-tree looks for these names in
 * the tree. A name that the tree lacks stops the build.
 */
#define V(major, minor)	KERNEL(major, minor)
const struct setting settings[] = {
	{ "kvm.ignore_msrs", 0, 0, "N" },
	{ "kvm.report_ignored_msrs", V(4, 15), 0, "Y" },
	{ "kvm.tdp_mmu", V(5, 10), 0, NULL },
	{ "kvm.mmio_caching", V(5, 19), 0, "Y" },
	{ "kvm.halt_poll_ns", V(4, 0), 0, NULL },
	{ "kvm.nx_huge_pages", V(5, 4), 0, NULL },
	{ "kvm.flush_on_reuse", V(5, 9), 0, "N" },
	{ "kvm.eager_page_split", V(5, 18), 0, "Y" },
	{ "kvm.enable_pmu", V(5, 17), 0, NULL },
	{ "kvm.enable_vmware_backdoor", V(4, 17), 0, "N" },
	{ "kvm.force_emulation_prefix", V(4, 20), 0, "0" },
	{ "kvm.pi_inject_timer", V(5, 4), 0, NULL },
	{ "kvm.min_timer_period_us", V(3, 15), 0, "200" },
	{ "kvm.lapic_timer_advance", V(6, 11), 0, NULL },
	{ "kvm.vector_hashing", V(4, 6), 0, "Y" },
	{ "kvm.mitigate_smt_rsb", V(6, 2), 0, NULL },
	{ "kvm.enable_virt_at_load", V(6, 12), 0, "Y" },
	{ "kvm_amd.npt", 0, 0, NULL },
	{ "kvm_amd.nested", 0, 0, NULL },
	{ "kvm_amd.avic", V(4, 7), 0, NULL },
	{ "kvm_amd.force_avic", V(5, 17), 0, "N" },
	{ "kvm_amd.nrips", V(4, 20), 0, NULL },
	{ "kvm_amd.vls", V(4, 13), 0, NULL },
	{ "kvm_amd.vgif", V(4, 14), 0, NULL },
	{ "kvm_amd.lbrv", V(5, 18), 0, NULL },
	{ "kvm_amd.tsc_scaling", V(5, 18), 0, NULL },
	{ "kvm_amd.vnmi", V(6, 4), 0, NULL },
	{ "kvm_amd.intercept_smi", V(5, 15), 0, "Y" },
	{ "kvm_amd.pause_filter_count", V(4, 17), 0, NULL },
	{ "kvm_amd.sev", V(4, 16), 0, NULL },
	{ "kvm_intel.ept", 0, 0, NULL },
	{ "kvm_intel.eptad", 0, 0, NULL },
	{ "kvm_intel.vpid", 0, 0, NULL },
	{ "kvm_intel.nested", 0, 0, NULL },
	{ "kvm_intel.enable_apicv", V(3, 10), 0, NULL },
	{ "kvm_intel.enable_ipiv", V(5, 19), 0, NULL },
	{ "kvm_intel.unrestricted_guest", 0, 0, NULL },
	{ "kvm_intel.emulate_invalid_guest_state", 0, 0, "Y" },
	{ "kvm_intel.flexpriority", 0, 0, NULL },
	{ "kvm_intel.vnmi", V(4, 15), 0, NULL },
	{ "kvm_intel.pml", V(4, 0), 0, NULL },
	{ "kvm_intel.preemption_timer", V(4, 8), 0, NULL },
	{ "kvm_intel.fasteoi", 0, 0, NULL },
	{ "kvm_intel.ple_gap", 0, 0, NULL },
	{ "kvm_intel.allow_smaller_maxphyaddr", V(5, 9), 0, "N" },
	{ NULL, 0, 0, NULL }
};
_Static_assert(sizeof(settings) / sizeof(settings[0]) <= SETTINGS_MAX + 1, "SETTINGS_MAX");

void settings_read(struct env *env)
{
	unsigned int i;

	for (i = 0; settings[i].name; i++) {
		const char *dot = strchr(settings[i].name, '.');

		read_filef(env->setting[i], sizeof(env->setting[i]), "%s/module/%.*s/parameters/%s", env->sys,
			   (int)(dot - settings[i].name), settings[i].name, dot + 1);
	}
}

/* The index of the setting whose name is the @len bytes at @name, or -1. */
static int find(const char *name, size_t len)
{
	int i;

	for (i = 0; settings[i].name; i++)
		if (strlen(settings[i].name) == len && !strncmp(settings[i].name, name, len))
			return i;
	return -1;
}

const char *setting(const struct env *env, const char *name)
{
	int i = find(name, strlen(name));

	return i < 0 ? "" : env->setting[i];
}

/* sysfs shows a bool as Y or N, an int as 1 or 0. Some parameters were both over time. */
static const char *plain(const char *v)
{
	return !strcmp(v, "Y") ? "1" : !strcmp(v, "N") ? "0" : v;
}

bool setting_on(const struct env *env, const char *name)
{
	return atol(plain(setting(env, name))) != 0;
}

/* Take one word of a list: returns its setting or -1, puts the value after '=' into @want. */
static int word(const char **list, char *want, size_t size)
{
	size_t len, name;
	int i;

	*list += strspn(*list, " ");
	len = strcspn(*list, " ");
	name = strcspn(*list, "= ");
	i = len ? find(*list, name) : -1;
	want[0] = '\0';
	if (name < len)
		snprintf(want, size, "%.*s", (int)(len - name - 1), *list + name + 1);
	*list += len;
	return i;
}

bool settings_unmet(const struct env *env, const char *list, char *why, size_t size)
{
	char want[32];

	while (*list) {
		int i = word(&list, want, sizeof(want));

		if (i < 0 || !want[0] || !env->setting[i][0] || !strcmp(plain(env->setting[i]), plain(want)))
			continue;
		snprintf(why, size, "%s is %s here, the check needs %s", settings[i].name, env->setting[i], want);
		return true;
	}
	return false;
}

void settings_unusual(const struct env *env, const char *list, char *text, size_t size)
{
	char want[32];
	size_t n = 0;

	text[0] = '\0';
	while (*list && n < size) {
		int i = word(&list, want, sizeof(want));

		if (i < 0 || !env->setting[i][0] || !settings[i].usual ||
		    !strcmp(plain(env->setting[i]), plain(settings[i].usual)))
			continue;
		n += (size_t)snprintf(text + n, size - n, "%s%s=%s", n ? ", " : "", settings[i].name, env->setting[i]);
	}
}

void settings_text(const struct env *env, const char *module, char *text, size_t size)
{
	size_t n = 0, len = strlen(module);
	unsigned int i;

	text[0] = '\0';
	for (i = 0; settings[i].name && n < size; i++)
		if (!strncmp(settings[i].name, module, len) && settings[i].name[len] == '.' && env->setting[i][0])
			n += (size_t)snprintf(text + n, size - n, "%s%s=%s", n ? " " : "",
					      settings[i].name + len + 1, env->setting[i]);
}
