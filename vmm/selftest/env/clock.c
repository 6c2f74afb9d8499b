// SPDX-License-Identifier: GPL-2.0-only
/* See clock.h. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "env/clock.h"
#include "env/files.h"

double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

double wall_offset_ms(void)
{
	double before, after, offset;
	struct timespec ts;
	int i = 0;

	/* Two clocks: read again if something took the CPU between the readings. */
	do {
		before = now_ms();
		clock_gettime(CLOCK_REALTIME, &ts);
		after = now_ms();
		offset = (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6 - after;
	} while (after - before > 1 && ++i < 100);
	return offset;
}

long host_clocksource_now(const struct env *env, char *v, size_t size)
{
	double until = now_ms() + 5000;
	long n;

	/* In its first seconds the kernel calibrates the TSC against another clock. */
	do {
		n = read_filef(v, size, "%s/devices/system/clocksource/clocksource0/current_clocksource", env->sys);
	} while (n > 0 && !strcmp(v, "tsc-early") && now_ms() < until && !usleep(20000));
	return n;
}

bool host_tsc_listed(const struct env *env)
{
	char list[256] = "", padded[260];

	if (read_filef(list, sizeof(list), "%s/devices/system/clocksource/clocksource0/available_clocksource",
		       env->sys) < 0)
		return false;
	snprintf(padded, sizeof(padded), " %s ", list);
	return strstr(padded, " tsc ");
}

bool host_clock_is_tsc(const struct env *env)
{
	char source[64] = "";

	host_clocksource_now(env, source, sizeof(source));
	return !strcmp(source, "tsc") && host_tsc_listed(env);
}

bool host_master_clock(const struct env *env)
{
	char source[64] = "";

	host_clocksource_now(env, source, sizeof(source));
	return host_clock_is_tsc(env) || !strcmp(source, "hyperv_clocksource_tsc_page");
}

bool host_tsc_stable(const struct env *env)
{
	char source[64] = "";

	host_clocksource_now(env, source, sizeof(source));
	return host_clock_is_tsc(env) || !strcmp(source, "kvm-clock");
}
