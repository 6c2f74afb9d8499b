// SPDX-License-Identifier: GPL-2.0
/* vm: limits, many lives of a VM, what they leave behind, statistics. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "vmchecks.h"

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
		if (fd >= 0 || errno != EEXIST)
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

/* Create, run to HLT, destroy; 0 or -1 after t_fail(). */
static int one_life(struct t *t, bool irqchip, size_t touch)
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
static unsigned int threads_left(unsigned int want)
{
	double until = now_ms() + 2000;
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
	left = threads_left(threads);
	REQUIRE(t, left == threads, "threads: %u before, %u after %u VMs", threads, left, i);
	return 0;
}

/* Entries of this process in KVM's debugfs: PID-FD each. */
static int debugfs_vms(const struct env *env)
{
	char path[PATH_MAX], me[16];
	struct dirent *e;
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/kernel/debug/kvm", env->sys);
	snprintf(me, sizeof(me), "%d-", (int)getpid());
	d = opendir(path);
	if (!d)
		return -1;
	while ((e = readdir(d)))
		n += !strncmp(e->d_name, me, strlen(me));
	closedir(d);
	return n;
}

static long refcount(const struct env *env)
{
	char text[32];

	if (read_filef(text, sizeof(text), "%s/module/%s/refcnt", env->sys, env->backend) < 0)
		return -1;
	return strtol(text, NULL, 10);
}

/* The kernel lets a VM go after its last user has: give it a moment. */
#define SETTLE_MS 2000

int vm_leak_vm(struct t *t)
{
	double until;
	long before = refcount(t->env), after;
	int i, rc = 0, left;

	for (i = 0; !rc && i < 20; i++)
		rc = one_life(t, i & 1, 0);
	if (rc)
		return rc;
	until = now_ms() + SETTLE_MS;
	do {
		left = debugfs_vms(t->env);
		after = refcount(t->env);
	} while ((left > 0 || after >= before + 20) && now_ms() < until && !usleep(10000));
	REQUIRE(t, left <= 0, "%d VMs are still in KVM's debugfs after they were closed: a reference to the VM is leaked", left);
	/* Other VMs may come and go meanwhile, but not one for each of ours. */
	REQUIRE(t, before < 0 || after < before + 20,
		"the use count of %s went from %ld to %ld over 20 VMs: a reference to the VM is leaked",
		t->env->backend, before, after);
	if (left < 0 && before < 0)
		return t_skip(t, "neither debugfs nor a module use count can be read");
	return 0;
}

/*
 * Memory, in KiB, that is neither free nor anything that programs and files
 * take and give back: what the kernel holds for itself. Leaks show here, and
 * next to nothing of what others on this host do. -1: cannot be read.
 */
static long kernel_kb(const struct env *env)
{
	static const char *const others[] = { "MemFree:", "Buffers:", "Cached:", "SwapCached:",
		"AnonPages:", "SReclaimable:", "KernelStack:", "PageTables:" };
	char text[8192], key[24];
	const char *p;
	long kb;
	size_t i;

	if (read_filef(text, sizeof(text), "%s/meminfo", env->proc) < 0)
		return -1;
	p = strstr(text, "MemTotal:");
	if (!p)
		return -1;
	kb = strtol(p + 9, NULL, 10);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		/* At a line's start: SwapCached ends like Cached. */
		snprintf(key, sizeof(key), "\n%s", others[i]);
		p = strstr(text, key);
		kb -= p ? strtol(p + strlen(key), NULL, 10) : 0;
	}
	return kb;
}

/*
 * How much more the kernel holds after @life: what it gives back late (RCU) is
 * waited for, but only as long as it is more than @much.
 */
static int growth(struct t *t, int (*life)(struct t *t), long much, long *kb)
{
	long before = kernel_kb(t->env);
	double until;

	if (life(t))
		return -1;
	until = now_ms() + 500;
	do {
		*kb = kernel_kb(t->env) - before;
	} while (*kb >= much && now_ms() < until && !usleep(10000));
	return 0;
}

#define LEAK_ROUNDS	4

/*
 * What others take meanwhile does not repeat, a leak does: it fails only if
 * each of some rounds leaves more than a quarter of what was used behind. Without
 * a leak some 50 KiB are left; with one, a part of an earlier round that comes
 * back late can hide half of it.
 */
static int leaks(struct t *t, int (*life)(struct t *t), long used_kb, const char *what)
{
	long kb, least = LONG_MAX;
	int i;

	if (kernel_kb(t->env) < 0)
		return t_skip(t, "%s/meminfo cannot be read", t->env->proc);
	if (life(t))			/* caches fill */
		return -1;
	for (i = 0; i < LEAK_ROUNDS && least >= used_kb / 4; i++) {
		if (growth(t, life, used_kb / 4, &kb))
			return -1;
		least = kb < least ? kb : least;
	}
	t_note(t, "a round that uses %ld KiB leaves %ld KiB behind", used_kb, least);
	REQUIRE(t, least < used_kb / 4, "each round that uses %ld KiB leaves the kernel with at least %ld KiB more: %s leaked",
		used_kb, least, what);
	return 0;
}

#define LEAK_MIB 24

static int big_life(struct t *t)
{
	return one_life(t, true, (size_t)LEAK_MIB << 20);
}

int vm_leak_memory(struct t *t)
{
	struct sysinfo si;

	if (!sysinfo(&si) && (double)si.freeram * si.mem_unit < 4.0 * (LEAK_MIB << 20))
		return t_skip(t, "less than %d MiB free", 4 * LEAK_MIB);
	return leaks(t, big_life, LEAK_MIB * 1024L, "guest pages are");
}

#define CROWDS	16
#define CROWD	16

/* Many vCPUs, of many VMs, that live and go. */
static int crowd(struct lab *l)
{
	int fds[CROWD], n, rc = 0;

	for (n = 0; !rc && n < CROWD; n++) {
		fds[n] = ioctl(l->vm, KVM_CREATE_VCPU, n + 1);
		if (fds[n] < 0)
			rc = t_fail(l->t, "KVM_CREATE_VCPU of id %d: %s", n + 1, strerror(errno));
	}
	while (n)
		close(fds[--n]);
	return rc;
}

static int crowds(struct t *t)
{
	int i, rc = 0;

	for (i = 0; !rc && i < CROWDS; i++)
		rc = lab_with(t, &(struct lab_opts){ .irqchip = true }, crowd);
	return rc;
}

/* Each vCPU has several pages; more than one of them must stay for a failure. */
int vm_leak_vcpu(struct t *t)
{
	return leaks(t, crowds, CROWDS * CROWD * 4 * 3 / 2, "a part of every vCPU is");
}
