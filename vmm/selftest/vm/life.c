// SPDX-License-Identifier: GPL-2.0
/* vm: limits, many lives of a VM. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "vm/vmchecks.h"

int vm_limits(struct t *t)
{
	struct lab_opts o = { 0 };
	struct lab l;
	int rc = lab_open(&l, t, &o), nr, max, id, slots, fd;

	if (rc) {
		lab_close(&l);
		return rc;
	}
	nr = lab_cap(&l, KVM_CAP_NR_VCPUS);
	max = lab_cap(&l, KVM_CAP_MAX_VCPUS);
	id = lab_cap(&l, KVM_CAP_MAX_VCPU_ID);
	slots = lab_cap(&l, KVM_CAP_NR_MEMSLOTS);
	t_note(t, "vCPUs: %d recommended, %d at most, ids below %d; %d memory slots", nr, max, id, slots);
	if (nr < 1 || max < nr || (id && id < max))
		rc = t_fail(t, "vCPU limits make no sense: recommended %d, at most %d, ids below %d", nr, max, id);
	else if (slots < 32)
		rc = t_fail(t, "only %d memory slots", slots);
	if (!rc) {
		fd = ioctl(l.vm, KVM_CREATE_VCPU, 0);
		/* Old KVMs ask debugfs for a directory first, and blame memory. */
		if (fd >= 0 || (errno != EEXIST && !(errno == ENOMEM && env_old_kvm(t->env))))
			rc = t_fail(t, "a second vCPU with id 0: %s, expected EEXIST", fd >= 0 ? "created" : strerror(errno));
		if (fd >= 0)
			close(fd);
	}
	if (!rc) {
		fd = ioctl(l.vm, KVM_CREATE_VCPU, id ? id : max);
		if (fd >= 0 || errno != EINVAL)
			rc = t_fail(t, "a vCPU whose id is at the limit: %s, expected EINVAL", fd >= 0 ? "created" : strerror(errno));
		if (fd >= 0)
			close(fd);
	}
	lab_close(&l);
	return rc;
}

/* As many vCPUs as KVM recommends, at most 64, with sparse ids. */
int vm_many_vcpus(struct t *t)
{
	struct lab_opts o = { .irqchip = true };
	int fds[64], i, n = 0, rc, want, fd;
	struct lab l;

	rc = lab_open(&l, t, &o);
	want = rc ? 0 : lab_cap(&l, KVM_CAP_NR_VCPUS);
	if (want > 64)
		want = 64;
	for (i = 1; !rc && i < want; i++) {
		fd = ioctl(l.vm, KVM_CREATE_VCPU, i * 2);
		if (fd < 0)
			rc = t_fail(t, "KVM_CREATE_VCPU of id %d, the %dth of %d recommended: %s", i * 2, i + 1, want, strerror(errno));
		else
			fds[n++] = fd;
	}
	t_note(t, "%d vCPUs", n + 1);
	while (n)
		close(fds[--n]);
	lab_close(&l);
	return rc;
}

/* --- lives --- */

int one_life(struct t *t, bool irqchip, size_t touch)
{
	static const uint8_t code[] = { 0xb0, 7, 0xe6, 0xe1, 0xf4 };
	struct lab_opts o = { .irqchip = irqchip, .ram = touch > UNIT_RAM ? touch : 0 };
	struct lab l;
	int rc = lab_open(&l, t, &o);

	if (!rc) {
		lab_code(&l, 0x1000, code, sizeof(code));
		if (touch)
			memset(l.ram + 0x100000, 1, touch - 0x100000);
		rc = lab_real(&l, 0, 0x1000);
	}
	while (!rc) {
		rc = lab_step(&l, 0);
		if (rc == -EINTR)
			rc = 0;
		else if (!rc && l.cpu[0].run->exit_reason == KVM_EXIT_IO && l.cpu[0].run->io.port == 0xe1)
			break;
		else if (!rc)
			rc = lab_odd_exit(&l, 0);
	}
	lab_close(&l);
	return rc;
}

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
		 * KVM_CREATE_VM starts again after a signal: leave it time to end,
		 * more and more of it, for how long it takes depends on the host.
		 */
		pthread_kill(*target, SIGUSR2);
		usleep(us);
		us += us / 8;
	}
	return NULL;
}

/* At least and at most; on a slow host as many as a few seconds allow. */
#define LIVES		30
#define LIVES_MOST	300
#define LIVES_MS	3000

/* A thread that was joined is in /proc until the kernel has let go of it. */
static unsigned int threads_left(const struct t *t, unsigned int want)
{
	double until = now_ms() + deadline_ms(t) / 4.0;
	unsigned int n;

	while ((n = count_dir("/proc/self/task")) > want && now_ms() < until)
		sched_yield();
	return n;
}

int vm_lives(struct t *t)
{
	unsigned int fds = count_dir("/proc/self/fd"), threads = count_dir("/proc/self/task"), left, i;
	pthread_t self = pthread_self(), th;
	double start = now_ms();
	int rc = one_life(t, true, 0);	/* sets the signal handlers */

	kicking = 1;
	if (rc || pthread_create(&th, NULL, kick_main, &self))
		return rc ? rc : t_fail(t, "no thread");
	for (i = 0; !rc && i < LIVES_MOST && (i < LIVES || now_ms() - start < LIVES_MS); i++)
		rc = one_life(t, i % 4 == 3, 0);
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
