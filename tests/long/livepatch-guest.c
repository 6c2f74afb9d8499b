// SPDX-License-Identifier: GPL-2.0-only
/*
 * The init of a Linux guest that counts for ever: a line for each second of its clock, with
 * how often it woke up so far; the longest step of its clock from one wake-up to the next,
 * in us; and the longest difference of such a step to what the TSC says of it. A vCPU that
 * stands still is a long step, and so is a busy machine; a clock that jumps is a difference.
 * With an argument it does the same on the host, to stdout.
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t tsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi));
	return (int64_t)((uint64_t)hi << 32 | lo);
}

int main(int argc, char **argv)
{
	const struct timespec nap = { .tv_nsec = 5000000 };
	int64_t last = now_us(), said = last, now, step = 0, jump = 0, d;
	int64_t tsc_last = tsc(), tsc_now, us0 = last, tsc0 = tsc_last;
	double per_us = 0;
	unsigned long count = 0;

	(void)argv;
	if (argc < 2) {
		mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
		if (!freopen("/dev/ttyS0", "w", stdout))
			return 1;
	}
	for (;;) {
		nanosleep(&nap, NULL);
		now = now_us();
		tsc_now = tsc();
		count++;
		if (now - last > step)
			step = now - last;
		if (per_us > 0) {
			d = (now - last) - (int64_t)((double)(tsc_now - tsc_last) / per_us);
			d = d < 0 ? -d : d;
			jump = d > jump ? d : jump;
		}
		last = now;
		tsc_last = tsc_now;
		if (now - said < 1000000)
			continue;
		/* Its rate is taken from the first second. */
		if (per_us <= 0)
			per_us = (double)(tsc_now - tsc0) / (double)(now - us0);
		printf("tick %lu %lld %lld\n", count, (long long)step, (long long)jump);
		fflush(stdout);
		said = now;
		step = 0;
		jump = 0;
	}
}
