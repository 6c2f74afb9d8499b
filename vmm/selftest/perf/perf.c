// SPDX-License-Identifier: GPL-2.0-only
/*
 * perf: how long exits, interrupts and faults take, in three rounds each. The
 * figure is the median of the best round, the noise half the rounds' spread. With
 * --baseline, a figure that is clearly worse fails: see compare().
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPORT_PLACE 10
#include "baseline.h"
#include "lab/linux.h"
#include "lab/unit.h"

#define ROUNDS	3
#define SAMPLES	2000
/* Slower by more than this share of the baseline, and than twice the noise, is a regression. */
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

/* One round: sorted samples in ns; returns their number, or -1. */
static int measure(struct t *t, const struct unit *u, double *ns)
{
	uint32_t s[SAMPLES];
	struct lab l;
	int rc = unit_open(&l, t, u) ? -1 : unit_run(&l), i, n = -1;
	double khz = 1;

	if (!rc) {
		n = (int)unit_shared(&l)->out[0];
		khz = (double)unit_shared(&l)->arg[0];
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

/* Fail if @value is worse than the baseline's figure of this name, beyond tolerance and noise. */
static int compare(struct t *t, const char *name, double value, double noise)
{
	double old_noise = 0, old = baseline_figure(t->env, t->check->name, name, &old_noise);

	if (old <= 0)
		return 0;
	t_note(t, "baseline %.0f ns, now %.0f ns (noise %.0f and %.0f)", old, value, old_noise, noise);
	REQUIRE(t, value <= old * (1 + TOLERANCE) + 2 * (noise + old_noise),
		"%.0f ns, but %.0f ns in the baseline: %.0f %% slower. Known causes: new CPU mitigations, nested paging off, a debug kernel, another clocksource, power saving",
		value, old, (value / old - 1) * 100);
	return 0;
}

/* Three rounds of the guest's test perf_@name. */
static int perf(struct t *t, const char *name, const struct unit *u)
{
	double *ns = calloc(SAMPLES, sizeof(*ns)), med, p99 = 0, best = 0, worst = 0, noise;
	struct metric *m, all = { .value = 0 };
	int i, n = -1;

	NEED(t, ns, "memory");
	if (u->lab.cpus > 1 && sysconf(_SC_NPROCESSORS_ONLN) < (long)u->lab.cpus) {
		free(ns);
		return t_skip(t, "the host has fewer than %u CPUs: the guest's CPUs would wait for their turn, not for each other",
			      u->lab.cpus);
	}
	for (i = 0; i < ROUNDS; i++) {
		n = measure(t, u, ns);
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
	m = t_metric(t, name, "ns", best, noise);
	if (m)
		memcpy(m->hist, all.hist, sizeof(m->hist));
	t_metric(t, "p99", "ns", p99, 0);
	return compare(t, name, best, noise);
}

#define ADVICE_PERF "Compare host/parameters, host/mitigations and host/clocksource with the host of the baseline; then bisect the patches."
#define PERF(id, name, purpose, ...) \
	CHECK(perf, id, purpose, ADVICE_PERF, NEED_KVM | NEED_HW | ALONE, .deadline_ms = 20000) \
	{ \
		return perf(t, name, &(struct unit){ .test = "perf_" name, .on_exit = on_exit_perf, \
			.prepare = unit_times, .lab = { __VA_ARGS__ } }); \
	}

PERF(exit_kernel, "cpuid", "time of an exit that KVM handles (CPUID)", .cpus = 1)
PERF(exit_user, "pio", "time of an exit to user space (OUT)", .cpus = 1)
PERF(exit_mmio, "mmio", "time of an emulated MMIO write to user space", .cpus = 1)
PERF(page_fault, "fault", "time of the first write to a page", .cpus = 1)
PERF(timer, "timer", "how late the timer wakes a halted CPU", .cpus = 1, .irqchip = true)
PERF(ipi, "ipi", "time for an IPI to wake a halted CPU", .cpus = 2, .irqchip = true)

/* From the start of kvm-vmm to its end, with a guest that boots and powers off. */
CHECK(perf, boot, "time of a Linux guest from start to power-off",
      ADVICE_PERF, NEED_KVM | NEED_VMM | NEED_HW | ALONE, .deadline_ms = 60000)
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
