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
#include <sys/mman.h>
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

#define LIVES 30

int vm_lives(struct t *t)
{
	unsigned int fds = count_dir("/proc/self/fd"), threads = count_dir("/proc/self/task"), i;
	pthread_t self = pthread_self(), th;
	double start = now_ms();
	int rc = one_life(t, true, 0);	/* sets the signal handlers */

	kicking = 1;
	if (rc || pthread_create(&th, NULL, kick_main, &self))
		return rc ? rc : t_fail(t, "no thread");
	for (i = 0; !rc && i < LIVES; i++)
		rc = one_life(t, i % 4 == 3, 0);
	kicking = 0;
	pthread_join(th, NULL);
	if (rc)
		return rc;
	t_note(t, "%u VMs under signals, %.1f ms each", LIVES, (now_ms() - start) / LIVES);
	REQUIRE(t, count_dir("/proc/self/fd") == fds, "file descriptors: %u before, %u after %u VMs",
		fds, count_dir("/proc/self/fd"), LIVES);
	REQUIRE(t, count_dir("/proc/self/task") == threads, "threads: %u before, %u after %u VMs",
		threads, count_dir("/proc/self/task"), LIVES);
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

static long mem_free_kb(const struct env *env)
{
	char text[4096];
	const char *p;

	if (read_filef(text, sizeof(text), "%s/meminfo", env->proc) < 0)
		return -1;
	p = strstr(text, "MemFree:");
	return p ? strtol(p + 8, NULL, 10) : -1;
}

#define LEAK_MIB 24

/*
 * Guest memory comes back. Measured three times: what others take or give
 * meanwhile does not repeat, a leak does.
 */
int vm_leak_memory(struct t *t)
{
	long before, after, lost = 0, least = LONG_MAX;
	int i, rc;

	if (mem_free_kb(t->env) < 8L * LEAK_MIB * 1024)
		return t_skip(t, "less than %d MiB free", 8 * LEAK_MIB);
	rc = one_life(t, false, (size_t)LEAK_MIB << 20);
	for (i = 0; !rc && i < 3; i++) {
		before = mem_free_kb(t->env);
		rc = one_life(t, i & 1, (size_t)LEAK_MIB << 20);
		after = mem_free_kb(t->env);
		lost = before - after;
		if (lost < least)
			least = lost;
	}
	if (rc)
		return rc;
	t_note(t, "at least %ld KiB less free memory after each VM of %d MiB", least, LEAK_MIB);
	REQUIRE(t, least < LEAK_MIB * 1024L / 2,
		"each VM of %d MiB leaves %ld KiB less free memory: guest pages are leaked", LEAK_MIB, least);
	return 0;
}

/* --- statistics --- */

struct stats {
	int fd;
	struct kvm_stats_header h;
	uint8_t *desc;
	size_t stride;
};

static int stats_open(struct t *t, struct stats *s, int fd, const char *what)
{
	memset(s, 0, sizeof(*s));
	s->fd = ioctl(fd, KVM_GET_STATS_FD, NULL);
	REQUIRE(t, s->fd >= 0, "KVM_GET_STATS_FD of the %s: %s", what, strerror(errno));
	REQUIRE(t, pread(s->fd, &s->h, sizeof(s->h), 0) == sizeof(s->h), "the header of the %s's statistics cannot be read", what);
	REQUIRE(t, s->h.num_desc > 0 && s->h.num_desc < 1000 && s->h.name_size > 0 && s->h.name_size <= 256,
		"the %s's statistics: %u descriptors, names of %u bytes", what, s->h.num_desc, s->h.name_size);
	s->stride = sizeof(struct kvm_stats_desc) + s->h.name_size;
	s->desc = calloc(s->h.num_desc, s->stride);
	REQUIRE(t, s->desc, "out of memory");
	REQUIRE(t, pread(s->fd, s->desc, s->h.num_desc * s->stride, s->h.desc_offset) == (ssize_t)(s->h.num_desc * s->stride),
		"the descriptors of the %s's statistics cannot be read", what);
	return 0;
}

static void stats_close(struct stats *s)
{
	free(s->desc);
	if (s->fd >= 0)
		close(s->fd);
}

static const struct kvm_stats_desc *stats_find(const struct stats *s, const char *name)
{
	uint32_t i;

	for (i = 0; s->desc && i < s->h.num_desc; i++) {
		const struct kvm_stats_desc *d = (const void *)(s->desc + i * s->stride);

		if (!strncmp(d->name, name, s->h.name_size))
			return d;
	}
	return NULL;
}

static int stats_get(const struct stats *s, const char *name, uint64_t *v)
{
	const struct kvm_stats_desc *d = stats_find(s, name);

	return d && pread(s->fd, v, 8, s->h.data_offset + d->offset) == 8 ? 0 : -1;
}

/* stat_exists - for patch probes: is @name in the statistics of VM or vCPU? */
int stat_exists(struct t *t, const char *kind, const char *name)
{
	struct lab_opts o = { 0 };
	struct stats s = { .fd = -1 };
	struct lab l;
	int rc = lab_open(&l, t, &o);

	if (!rc && lab_cap(&l, KVM_CAP_BINARY_STATS_FD) <= 0)
		rc = t_fail(t, "KVM has no binary statistics, so no '%s'", name);
	if (!rc)
		rc = stats_open(t, &s, strcmp(kind, "vm") ? l.cpu[0].fd : l.vm, kind);
	if (!rc && !stats_find(&s, name))
		rc = t_fail(t, "the %s's statistics have no '%s': the patch is not in the running kvm.ko", kind, name);
	stats_close(&s);
	lab_close(&l);
	return rc;
}

/* A guest makes exactly N port exits, M MMIO exits: so must the figures. */
int vm_stats(struct t *t)
{
	/* mov $200,%ecx; 1: out %al,$0xe1; loop 1b; mov $100,%ecx; 2: mov %al,0x10000000; loop 2b; hlt */
	static const uint8_t code[] = {
		0xb9, 200, 0, 0, 0, 0xe6, 0xe1, 0xe2, 0xfc,
		0xb9, 100, 0, 0, 0, 0x88, 0x04, 0x25, 0, 0, 0, 0x10, 0xe2, 0xf7, 0xf4,
	};
	uint64_t io0 = 0, mm0 = 0, ex0 = 0, io1, mm1, ex1;
	struct lab_opts o = { 0 };
	struct stats s = { .fd = -1 };
	struct lab l;
	int rc = lab_open(&l, t, &o);

	if (!rc && lab_cap(&l, KVM_CAP_BINARY_STATS_FD) <= 0)
		rc = t_skip(t, "KVM has no binary statistics (before 5.14)");
	if (!rc)
		rc = stats_open(t, &s, l.cpu[0].fd, "vCPU");
	if (!rc) {
		lab_code(&l, 0x1000, code, sizeof(code));
		rc = lab_long(&l, 0, 0x1000, 0x8000);
	}
	if (!rc && (stats_get(&s, "io_exits", &io0) || stats_get(&s, "mmio_exits", &mm0) || stats_get(&s, "exits", &ex0)))
		rc = t_fail(t, "the vCPU's statistics lack io_exits, mmio_exits or exits");
	while (!rc) {
		rc = lab_step(&l, 0);
		if (rc == -EINTR)
			rc = 0;
		else if (!rc && l.cpu[0].run->exit_reason == KVM_EXIT_HLT)
			break;
	}
	if (!rc && !stats_get(&s, "io_exits", &io1) && !stats_get(&s, "mmio_exits", &mm1) && !stats_get(&s, "exits", &ex1)) {
		if (io1 - io0 != 200)
			rc = t_fail(t, "200 port exits, io_exits counted %llu", (unsigned long long)(io1 - io0));
		else if (mm1 - mm0 != 100)
			rc = t_fail(t, "100 MMIO exits, mmio_exits counted %llu", (unsigned long long)(mm1 - mm0));
		else if (ex1 - ex0 < 301)
			rc = t_fail(t, "301 exits at least, exits counted %llu", (unsigned long long)(ex1 - ex0));
		else if (ex1 - ex0 > 301 + 400)
			rc = t_fail(t, "a guest that makes 301 exits made %llu: something sends every exit twice, or takes a slow path", (unsigned long long)(ex1 - ex0));
	}
	stats_close(&s);
	lab_close(&l);
	return rc;
}

/* Pages that are mapped are not faulted in again. */
int vm_refault(struct t *t)
{
	/* rdi: start; mov $256,%ecx; 1: mov %al,(%rdi); add $4096,%rdi; loop; hlt */
	static const uint8_t code[] = {
		0xb9, 0, 1, 0, 0, 0x88, 0x07, 0x48, 0x81, 0xc7, 0, 0x10, 0, 0, 0xe2, 0xf5, 0xf4,
	};
	struct lab_opts o = { 0 };
	struct stats s = { .fd = -1 };
	uint64_t n[5] = { 0 }, ex[5] = { 0 };
	struct kvm_regs r;
	struct lab l;
	int rc = lab_open(&l, t, &o), i;

	if (!rc && lab_cap(&l, KVM_CAP_BINARY_STATS_FD) <= 0)
		rc = t_skip(t, "KVM has no binary statistics (before 5.14)");
	if (!rc)
		rc = stats_open(t, &s, l.cpu[0].fd, "vCPU");
	if (!rc) {
		lab_code(&l, 0x1000, code, sizeof(code));
		rc = lab_long(&l, 0, 0x1000, 0x8000);
	}
	for (i = 0; !rc && i < 5; i++) {
		if (stats_get(&s, "pf_fixed", &n[i]) || stats_get(&s, "exits", &ex[i])) {
			rc = t_fail(t, "the vCPU's statistics lack pf_fixed or exits");
			break;
		}
		if (lab_cpu_ioctl(&l, 0, KVM_GET_REGS, &r) < 0) {
			rc = -1;
			break;
		}
		r.rip = 0x1000;
		r.rdi = UNIT_SCRATCH;
		if (lab_cpu_ioctl(&l, 0, KVM_SET_REGS, &r) < 0 || lab_to_hlt(&l))
			rc = -1;
	}
	if (!rc && n[1] - n[0] < 256)
		rc = t_fail(t, "256 new pages were written, pf_fixed counted %llu", (unsigned long long)(n[1] - n[0]));
	/* The host may take a page now and then; not in each of three rounds. */
	if (!rc && n[2] - n[1] > 16 && n[3] - n[2] > 16 && n[4] - n[3] > 16)
		rc = t_fail(t, "256 mapped pages were written again, and again faulted in: %llu times: every guest is slow",
			    (unsigned long long)(n[4] - n[3]));
	if (!rc && ex[4] - ex[3] > 100 && ex[3] - ex[2] > 100 && ex[2] - ex[1] > 100)
		rc = t_fail(t, "writing 256 mapped pages costs %llu exits: every guest is slow", (unsigned long long)(ex[4] - ex[3]));
	stats_close(&s);
	lab_close(&l);
	return rc;
}
