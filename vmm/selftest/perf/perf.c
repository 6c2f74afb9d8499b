// SPDX-License-Identifier: GPL-2.0
/*
 * perf: how long exits, interrupts and faults take. Three rounds each; the
 * figure is the median of the best round, the noise what the rounds differ.
 * With --baseline a figure that is worse by more than both noises fails.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "lab/lab.h"
#include "lab/linux.h"

#define ROUNDS	3
#define SAMPLES	2000
/* Worse than this share of the baseline, and than the noise, is a regression. */
#define TOLERANCE 0.25

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int on_exit_perf(struct lab *l, unsigned int cpu, void *arg)
{
	struct kvm_run *run = l->cpu[cpu].run;

	(void)arg;
	if ((run->exit_reason == KVM_EXIT_IO && run->io.port == 0xe1) ||
	    run->exit_reason == KVM_EXIT_MMIO)
		return 1;
	return lab_odd_exit(l, cpu);
}

/* One round: samples in ns, sorted; their number, or -1. */
static int measure(struct t *t, const struct unit_row *row, double *ns)
{
	struct lab_opts o = { .cpus = row->cpus, .irqchip = row->irqchip };
	uint32_t s[SAMPLES];
	struct lab l;
	int rc = unit_open(&l, t, &o, row->test), khz, i, n = -1;

	l.on_exit = on_exit_perf;
	khz = rc ? 0 : lab_cpu_ioctl(&l, 0, KVM_GET_TSC_KHZ, 0);
	if (!rc && khz > 0) {
		unit_shared(&l)->arg[0] = (uint64_t)khz;
		rc = unit_run(&l);
		n = rc ? -1 : (int)unit_shared(&l)->out[0];
	}
	if (n > SAMPLES || n == 0)
		n = t_fail(t, "the guest took %d samples", n);
	if (n > 0)
		memcpy(s, l.ram + UNIT_SCRATCH, (size_t)n * 4);
	lab_close(&l);
	if (n > 0)
		qsort(s, (size_t)n, 4, by_value);
	for (i = 0; i < n; i++)
		ns[i] = s[i] * 1e6 / khz;
	return n;
}

static void histogram(struct metric *m, const double *ns, int n)
{
	int i, b;

	for (i = 0; i < n; i++) {
		uint64_t v = (uint64_t)ns[i];

		for (b = 0; v > 1 && b < HIST_BUCKETS - 1; b++)
			v >>= 1;
		m->hist[b]++;
	}
}

/* The figure of this check in the baseline: 0 if it has none. */
static double baseline(const struct env *env, const char *check, const char *metric, double *noise)
{
	struct json_object *list = json_path(env->baseline, "checks"), *c, *ms, *m;
	size_t i, k;

	if (!json_object_is_type(list, json_type_array))
		return 0;
	for (i = 0; i < (size_t)json_object_array_length(list); i++) {
		c = json_object_array_get_idx(list, i);
		if (!json_str(c, "name") || strcmp(json_str(c, "name"), check))
			continue;
		ms = json_path(c, "metrics");
		for (k = 0; json_object_is_type(ms, json_type_array) && k < (size_t)json_object_array_length(ms); k++) {
			m = json_object_array_get_idx(ms, k);
			if (!json_str(m, "name") || strcmp(json_str(m, "name"), metric))
				continue;
			*noise = json_object_get_double(json_path(m, "noise"));
			return json_object_get_double(json_path(m, "value"));
		}
	}
	return 0;
}

/* Is @value worse than the baseline's figure of this name, and beyond both noises? */
static int compare(struct t *t, const char *name, double value, double noise)
{
	double old_noise = 0, old = baseline(t->env, t->check->name, name, &old_noise);

	if (old <= 0)
		return 0;
	t_note(t, "baseline %.0f ns, now %.0f ns (noise %.0f and %.0f)", old, value, old_noise, noise);
	REQUIRE(t, value <= old * (1 + TOLERANCE) + 2 * (noise + old_noise),
		"%.0f ns, in the baseline %.0f ns: %.0f %% slower. Known causes: new CPU mitigations, nested paging off, a debug kernel, another clocksource, power saving",
		value, old, (value / old - 1) * 100);
	return 0;
}

static int perf(struct t *t)
{
	const struct unit_row *row = unit_row(t);
	double *ns = calloc(SAMPLES, sizeof(*ns)), med, p99 = 0, best = 0, worst = 0, noise;
	struct metric *m, all = { .value = 0 };
	int i, n = -1;

	REQUIRE(t, ns, "out of memory");
	if (row->cpus > 1 && sysconf(_SC_NPROCESSORS_ONLN) < (long)row->cpus) {
		free(ns);
		return t_skip(t, "the host has fewer than %u CPUs: the guest's would wait for their turn, not for each other",
			      row->cpus);
	}
	for (i = 0; i < ROUNDS; i++) {
		n = measure(t, row, ns);
		if (n < 0)
			break;
		med = ns[n / 2];
		if (!i || med < best) {
			best = med;
			p99 = ns[n * 99 / 100];
		}
		worst = med > worst ? med : worst;
		histogram(&all, ns, n);
	}
	free(ns);
	if (n < 0)
		return -1;
	noise = (worst - best) / 2;
	m = t_metric(t, row->test + 5, "ns", best, noise);
	if (m)
		memcpy(m->hist, all.hist, sizeof(m->hist));
	t_metric(t, "p99", "ns", p99, 0);
	return compare(t, row->test + 5, best, noise);
}

/* From the start of kvm-vmm to its end, with a guest that boots and powers off. */
static int perf_boot(struct t *t)
{
	double best = 0, worst = 0, ns;
	struct proc_out o;
	int i, rc;

	if (linux_own(t) || linux_images(t))
		return -1;
	for (i = 0; i < ROUNDS; i++) {
		rc = linux_run(t, &(struct boot){ .append = "" }, &o);
		free(o.text);
		if (rc)
			return -1;
		ns = o.ms * 1e6;
		best = !i || ns < best ? ns : best;
		worst = ns > worst ? ns : worst;
	}
	t_metric(t, "boot", "ns", best, (worst - best) / 2);
	return compare(t, "boot", best, (worst - best) / 2);
}

#define ADVICE_PERF "Compare host/parameters, host/mitigations and host/clocksource with the host of the baseline; then bisect the patches."
#define PERF(name_, test_, cpus_, irq_, purpose_) \
	{ "perf/" name_, purpose_, \
	  ADVICE_PERF, \
	  NEED_KVM | NEED_HW | ALONE, 20000, perf, \
	  (uintptr_t)&(const struct unit_row){ test_, cpus_, irq_ } }

const struct check checks_perf[] = {
	PERF("exit-kernel", "perf_cpuid", 1, false, "time of an exit that KVM handles (CPUID)"),
	PERF("exit-user", "perf_pio", 1, false, "time of an exit to user space (OUT)"),
	PERF("exit-mmio", "perf_mmio", 1, false, "time of an emulated MMIO write to user space"),
	PERF("page-fault", "perf_fault", 1, false, "time of the first write to a page"),
	PERF("timer", "perf_timer", 1, true, "how late the timer wakes a halted CPU"),
	PERF("ipi", "perf_ipi", 2, true, "time until an IPI has woken a halted CPU"),
	{ "perf/boot", "time of a Linux guest from start to power-off", ADVICE_PERF,
	  NEED_KVM | NEED_VMM | NEED_HW | ALONE, 60000, perf_boot, 0 },
	{ 0 }
};
