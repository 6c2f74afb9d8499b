// SPDX-License-Identifier: GPL-2.0-only
/*
 * The init of a Linux guest that counts for ever: a line for each second of its clock, with
 * how often it woke up so far, and the longest step of its clock from one wake-up to the
 * next, in us. A vCPU that stands still, or a clock that jumps, is a long step.
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

int main(void)
{
	const struct timespec nap = { .tv_nsec = 5000000 };
	int64_t last = now_us(), said = last, now, step = 0;
	unsigned long count = 0;

	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	if (!freopen("/dev/ttyS0", "w", stdout))
		return 1;
	for (;;) {
		nanosleep(&nap, NULL);
		now = now_us();
		count++;
		if (now - last > step)
			step = now - last;
		/* A clock that goes back is a jump, too. */
		if (now < last)
			step = last - now;
		last = now;
		if (now - said < 1000000)
			continue;
		printf("tick %lu %lld\n", count, (long long)step);
		fflush(stdout);
		said = now;
		step = 0;
		/* Writing the line is no jump of the clock. */
		last = now_us();
	}
}
