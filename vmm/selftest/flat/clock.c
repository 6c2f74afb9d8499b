// SPDX-License-Identifier: GPL-2.0-only
/* flat: compare the guest's clocks with the host's (guest/t_cpu.c). */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#define REPORT_PLACE 70
#include "env/clock.h"
#include "flat/flat.h"

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

struct clocks {
	uint64_t before;		/* TSC or kvmclock at the first sync */
	uint64_t wall_before;		/* the wall clock before the guest read its own */
	int64_t off_lo, off_hi;		/* bounds of guest TSC - host TSC */
	bool have_off, stable;
	double wall;			/* wall_offset_ms() at the start */
	unsigned int round;
};

/* Move to the next host CPU, if there is more than one. */
static void move(unsigned int round)
{
	cpu_set_t all, one;
	int n, cpu, k = 0;

	if (sched_getaffinity(0, sizeof(all), &all))
		return;
	n = CPU_COUNT(&all);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all) || k++ != (int)round % n)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		sched_setaffinity(0, sizeof(all), &all);
	}
}

static int tsc_sync(struct lab *l, struct clocks *c, uint32_t n)
{
	uint64_t guest = unit_shared(l)->out[0], now = host_tsc();
	int64_t lo = (int64_t)(guest - now), hi = (int64_t)(guest - c->before);

	if (n == 20) {
		double until = now_ms() + 10;

		while (now_ms() < until)
			;
		move(c->round++);
		c->before = host_tsc();
		return 1;
	}
	if (!c->stable)
		return 1;
	if (!c->have_off) {
		c->off_lo = lo;
		c->off_hi = hi;
		c->have_off = true;
	}
	/* The offset is constant: all intervals around it must overlap. */
	if (lo > c->off_lo)
		c->off_lo = lo;
	if (hi < c->off_hi)
		c->off_hi = hi;
	REQUIRE(l->t, c->off_lo <= c->off_hi,
		"the guest's TSC drifts from the host's: off by %lld cycles after %u readings 10 ms apart",
		(long long)(c->off_lo - c->off_hi), c->round);
	return 1;
}

static int kvm_clock(struct lab *l, uint64_t *ns)
{
	struct kvm_clock_data d = { 0 };

	if (lab_vm_ioctl(l, KVM_GET_CLOCK, &d) < 0)
		return -1;
	*ns = d.clock;
	return 0;
}

/*
 * In ns. If the host does not trust its TSC, kvmclock's rate may be a few per cent
 * off, and KVM corrects the clock from time to time.
 */
#define CLOCK_SLACK(c)	((c)->stable ? 2000000ull : 100000000ull)

#define WALL_SLACK	500000000ull	/* ns: the host's clock is slewed now and then */

static volatile int others_done, others_ran;

static void *other_main(void *arg)
{
	(void)arg;
	while (!others_done)
		others_ran = 1;
	return NULL;
}

/* Give this CPU to another thread for a part of @ms. */
static int share_cpu(struct lab *l, double ms)
{
	double until = now_ms() + ms;
	cpu_set_t all, one;
	pthread_t th;

	if (sched_getaffinity(0, sizeof(all), &all))
		return t_fail(l->t, "sched_getaffinity: %s", strerror(errno));
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one))	/* the new thread's, too */
		return t_skip(l->t, "sched_setaffinity to one CPU: %s", strerror(errno));
	others_done = 0;
	if (t_thread(l->t, &th, other_main, NULL))
		return -1;
	others_ran = 0;
	/* The other thread has only this CPU: when it has run, this thread has waited. */
	while (now_ms() < until || (!others_ran && now_ms() < l->deadline))
		;
	others_done = 1;
	pthread_join(th, NULL);
	sched_setaffinity(0, sizeof(all), &all);
	return 1;
}

/* The syncs that do not read the clock: 27 its flags, 28 stopped, 29 steal time. */
static int flag_sync(struct lab *l, uint32_t n)
{
	struct kvm_clock_data d = { 0 };

	unit_shared(l)->arg[0] = 0;
	if (n == 29)
		return share_cpu(l, 20);
	if (n == 27) {
		if (lab_vm_ioctl(l, KVM_GET_CLOCK, &d) < 0)
			return -1;
		unit_shared(l)->arg[0] = d.flags;
	} else if (lab_cap(l, KVM_CAP_KVMCLOCK_CTRL) > 0) {
		if (lab_cpu_ioctl(l, 0, KVM_KVMCLOCK_CTRL, 0) < 0)
			return -1;
		unit_shared(l)->arg[0] = 1;
	}
	return 1;
}

static int clock_sync(struct lab *l, struct clocks *c, uint32_t n)
{
	uint64_t guest = unit_shared(l)->out[0], now, host;

	if (n > 26)
		return flag_sync(l, n);
	if (n == 26) {
		/* Boot time by the wall clock, plus the time since then. */
		guest += unit_shared(l)->out[1];
		host = clock_ns(CLOCK_REALTIME);
		if (fabs(wall_offset_ms() - c->wall) > 100) {
			t_note(l->t, "the host's clock was set meanwhile: the guest's clock was not compared with it");
			return 1;
		}
		REQUIRE(l->t, guest + WALL_SLACK >= c->wall_before && guest <= host + WALL_SLACK,
			"the guest's wall clock says %llu ns, while the host's went from %llu to %llu",
			(unsigned long long)guest, (unsigned long long)c->wall_before, (unsigned long long)host);
		return 1;
	}
	if (kvm_clock(l, &now))
		return -1;
	if (n == 22) {
		c->before = now;
		return 1;
	}
	if (n == 24) {
		uint64_t until = clock_ns(CLOCK_MONOTONIC) + 30000000;

		while (clock_ns(CLOCK_MONOTONIC) < until)
			;
		c->before += 30000000;		/* at least this much has passed */
		return 1;
	}
	REQUIRE(l->t, guest + CLOCK_SLACK(c) >= c->before && guest <= now + CLOCK_SLACK(c),
		"kvmclock in the guest says %llu ns, while KVM_GET_CLOCK went from %llu to %llu",
		(unsigned long long)guest, (unsigned long long)c->before,
		(unsigned long long)now);
	c->wall_before = clock_ns(CLOCK_REALTIME);
	return 1;
}

static int on_exit_clock(struct lab *l, unsigned int cpu, void *arg)
{
	struct kvm_run *run = l->cpu[cpu].run;
	struct clocks *c = arg;
	uint32_t n;

	if (sync_number(run, &n))
		return n < 22 ? tsc_sync(l, c, n) : clock_sync(l, c, n);
	return lab_odd_exit(l, cpu);
}

static int with_clocks(struct t *t, const char *test, bool irqchip, int (*prepare)(struct lab *l), struct clocks *c)
{
	*c = (struct clocks){ .wall = wall_offset_ms(), .stable = host_tsc_stable(t->env) };
	return unit_test(t, &(struct unit){ .test = test, .lab = { .irqchip = irqchip },
		.on_exit = on_exit_clock, .arg = c, .prepare = prepare });
}

FLAT(hypercalls, unit_test(t, &(struct unit){ .test = "hypercalls", .lab = { .irqchip = true } }),
     "KVM answers hypercalls, and refuses ring 3 and unknown numbers", ADVICE_CPU, HW)

CHECK(flat, tsc, "the TSC runs forward, can be set and does not drift from the host's",
      ADVICE_TIME, HW)
{
	struct clocks c;
	int rc = with_clocks(t, "tsc", NO_IRQCHIP, NULL, &c);

	if (!rc && !c.stable)
		t_note(t, "the host does not trust its TSC: the guest's TSC was not compared with it");
	return rc;
}

/* As after a migration: the VM's clock is ahead of the host's uptime. */
static int older(struct lab *l)
{
	if (lab_vm_ioctl(l, KVM_SET_CLOCK, &(struct kvm_clock_data){ .clock = 1000000000000ull }) < 0)
		return -1;
	return unit_times(l);
}

CHECK(flat, kvmclock, "kvmclock runs forward and agrees with the host's clocks",
      ADVICE_TIME, HW)
{
	struct clocks c;

	return with_clocks(t, "kvmclock", IRQCHIP, older, &c);
}

CHECK(flat, steal_time, "steal time adds up the time that others had the CPU",
      ADVICE_TIME, HW)
{
	struct clocks c;

	return with_clocks(t, "steal_time", IRQCHIP, NULL, &c);
}
