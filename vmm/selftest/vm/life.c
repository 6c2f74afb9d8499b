// SPDX-License-Identifier: GPL-2.0-only
/* vm: many VMs, one after the other. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define REPORT_PLACE 190
#include "env/clock.h"
#include "vm/vm.h"

static unsigned int count_dir(const char *path)
{
	DIR *d = opendir(path);
	unsigned int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static volatile int kicking;

static void *kick_main(void *arg)
{
	pthread_t *target = arg;
	useconds_t us = 1000;

	while (kicking) {
		/*
		 * KVM_CREATE_VM restarts after a signal. How long it takes depends on
		 * the host, so leave it more and more time to finish.
		 */
		pthread_kill(*target, SIGUSR2);
		usleep(us);
		us += us / 8;
	}
	return NULL;
}

/* At least LIVES, at most LIVES_MOST; on a slow host as many as LIVES_MS allows. */
#define LIVES		30
#define LIVES_MOST	100
#define LIVES_MS	3000

/* A joined thread stays in /proc until the kernel has released it. */
static unsigned int threads_left(const struct t *t, unsigned int want)
{
	double until = now_ms() + deadline_ms(t) / 4.0;
	unsigned int n;

	while ((n = count_dir("/proc/self/task")) > want && now_ms() < until)
		sched_yield();
	return n;
}

CHECK(vm, create_destroy, "many VMs can be created, run and destroyed under signals",
      ADVICE_LEAK, NEED_KVM, .deadline_ms = 30000)
{
	unsigned int fds = count_dir("/proc/self/fd"), threads = count_dir("/proc/self/task"), left, i;
	pthread_t self = pthread_self(), th;
	double start = now_ms();
	int rc = lab_life(t, true, 0);	/* sets the signal handlers */

	kicking = 1;
	if (rc || t_thread(t, &th, kick_main, &self))
		return -1;
	for (i = 0; !rc && i < LIVES_MOST && (i < LIVES || now_ms() - start < LIVES_MS); i++)
		rc = lab_life(t, i % 4 == 3, 0);
	kicking = 0;
	pthread_join(th, NULL);
	if (rc)
		return rc;
	t_note(t, "%u VMs under signals, %.1f ms each", i, (now_ms() - start) / i);
	REQUIRE(t, count_dir("/proc/self/fd") == fds, "file descriptors: %u before, %u after %u VMs",
		fds, count_dir("/proc/self/fd"), i);
	left = threads_left(t, threads);
	REQUIRE(t, left == threads, "threads: %u before, %u after %u VMs", threads, left, i);
	return 0;
}
