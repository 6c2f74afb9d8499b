// SPDX-License-Identifier: GPL-2.0-only
/* See page.h. */
#include <cpuid.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "env/clock.h"
#include "env/files.h"
#include "env/limits.h"
#include "env/page.h"
#include "env/settings.h"

static void __attribute__((format(printf, 3, 4))) fact(struct env *env, const char *name, const char *fmt, ...)
{
	struct fact *f;
	va_list ap;

	if (env->facts == FACTS_MAX)
		return;
	f = &env->page[env->facts++];
	snprintf(f->name, sizeof(f->name), "%s", name);
	va_start(ap, fmt);
	vsnprintf(f->value, sizeof(f->value), fmt, ap);
	va_end(ap);
}

const char *page_fact(const struct env *env, const char *name)
{
	unsigned int i;

	for (i = 0; i < env->facts; i++)
		if (!strcmp(env->page[i].name, name))
			return env->page[i].value;
	return "";
}

static void cpu(struct env *env)
{
	unsigned int r[12] = { 0 }, a, b, c, d, i;
	char online[128];
	const char *model = (char *)r;

	/* The brand string, CPUID 80000002H to 80000004H */
	for (i = 0; i < 3; i++)
		__get_cpuid(0x80000002 + i, &r[4 * i], &r[4 * i + 1], &r[4 * i + 2], &r[4 * i + 3]);
	r[11] &= 0x00ffffff;
	read_filef(online, sizeof(online), "%s/devices/system/cpu/online", env->sys);
	fact(env, "cpu", "%s, online %s", model + strspn(model, " "), online[0] ? online : "unknown");
	__cpuid(1, a, b, c, d);
	if (!(c >> 31)) {
		fact(env, "virtualized", "no hypervisor is visible");
		return;
	}
	/* The hypervisor's signature: CPUID 40000000H */
	__cpuid(0x40000000, a, b, c, d);
	memcpy(r, (unsigned int[]){ b, c, d, 0 }, 16);
	for (i = 0; i < 12; i++)
		if (((char *)r)[i] && (((char *)r)[i] < ' ' || ((char *)r)[i] > '~'))
			((char *)r)[i] = '?';
	fact(env, "virtualized", "this host is a guest itself, of %s", model[0] ? model : "an unnamed hypervisor");
}

static void clocks(struct env *env)
{
	char source[64] = "";

	host_clocksource_now(env, source, sizeof(source));
	fact(env, "clock", "%s; KVM's clocks %s", source[0] ? source : "unknown",
	     host_master_clock(env) ? "run by the TSC (master clock)" : "do not run by the TSC alone (no master clock)");
}

/* Stolen time as a share of all CPUs' time since boot: the eighth figure of proc_stat(5). */
static void steal(struct env *env)
{
	unsigned long long v[8] = { 0 }, all = 0;
	char text[4096], *p = text;
	int i;

	if (read_filef(text, sizeof(text), "%s/stat", env->proc) < 0 || strncmp(text, "cpu ", 4))
		return;
	for (i = 0, p += 4; i < 8; i++) {
		v[i] = strtoull(p, &p, 10);
		all += v[i];
	}
	fact(env, "steal", "%.1f %% of the CPUs' time since boot", all ? (double)v[7] * 100 / (double)all : 0.0);
}

static void container(struct env *env)
{
	char text[4096] = "", *p;
	const char *what = "none";

	/* systemd's CONTAINER_INTERFACE, and what podman and docker leave */
	if (read_filef(text, sizeof(text), "%s/1/environ", env->proc) > 0) {
		for (p = text; p < text + sizeof(text) - 10 && *p; p += strlen(p) + 1)
			if (!strncmp(p, "container=", 10))
				what = p + 10;
	}
	if (!strcmp(what, "none") && file_exists("%s/../run/.containerenv", env->proc))
		what = "podman";
	else if (!strcmp(what, "none") && file_exists("%s/../.dockerenv", env->proc))
		what = "docker";
	fact(env, "container", "%.100s", what);
}

static void lockdown(struct env *env)
{
	char text[128], *from, *to;

	if (read_filef(text, sizeof(text), "%s/kernel/security/lockdown", env->sys) <= 0) {
		fact(env, "lockdown", "unknown");
		return;
	}
	from = strchr(text, '[');
	to = from ? strchr(from, ']') : NULL;
	if (to)
		*to = '\0';
	fact(env, "lockdown", "%s", to ? from + 1 : text);
}

void page_read(struct env *env)
{
	char text[384];

	env->facts = 0;
	cpu(env);
	clocks(env);
	steal(env);
	container(env);
	lockdown(env);
	limits_text(env, text, sizeof(text));
	fact(env, "limits", "%s", text);
	settings_text(env, "kvm", text, sizeof(text));
	fact(env, "kvm", "%s", text[0] ? text : "not loaded, or its parameters cannot be read");
	settings_text(env, env->backend[0] ? env->backend : "none", text, sizeof(text));
	if (text[0])
		fact(env, env->backend, "%s", text);
}
