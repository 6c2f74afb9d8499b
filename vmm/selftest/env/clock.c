// SPDX-License-Identifier: GPL-2.0-only
/* See clock.h. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Does this kernel keep time by the TSC? If so, KVM's clocks are functions of the TSC. */
static bool host_clock_is_tsc(const struct env *env)
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

uint64_t host_tsc(void)
{
	uint32_t a, d;

	__asm__ volatile("lfence; rdtsc" : "=a"(a), "=d"(d) : : "memory");
	return a | (uint64_t)d << 32;
}

/* The TSC and CLOCK_MONOTONIC at one moment, to within @width ms, on one CPU. */
struct moment {
	uint64_t tsc;
	double ms, width;
	int cpu;
};

static struct moment moment_now(void)
{
	struct moment m, best = { .width = 1e9 };
	double before;
	int i;

	for (i = 0; i < 20; i++) {
		before = now_ms();
		m.tsc = host_tsc();
		m.ms = now_ms();
		m.width = m.ms - before;
		m.cpu = sched_getcpu();
		if (m.width < best.width)
			best = m;
	}
	return best;
}

unsigned int tsc_khz_measured(void)
{
	struct moment a, b;
	int i;

	for (i = 0; i < 10; i++) {
		a = moment_now();
		usleep(10000);
		b = moment_now();
		if (a.cpu == b.cpu && a.width + b.width < (b.ms - a.ms) / 100)
			return (unsigned int)((double)(b.tsc - a.tsc) / (b.ms - a.ms));
	}
	return 0;
}

unsigned int tsc_khz_booted(const struct env *env)
{
	char text[8192], *p;

	if (read_filef(text, sizeof(text), "%s/cpuinfo", env->proc) < 0)
		return 0;
	p = strstr(text, "\nbogomips");
	p = p ? strchr(p, ':') : NULL;
	return p ? (unsigned int)(strtod(p + 1, NULL) * 500) : 0;
}

bool khz_differ(unsigned int a, unsigned int b)
{
	return a > b + b / 50 || b > a + a / 50;
}
