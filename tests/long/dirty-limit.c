// SPDX-License-Identifier: GPL-2.0-only
/*
 * dirty-limit: does KVM_CAP_X86_DIRTY_RATE_LIMIT do what it says? For
 * patches.bats, in a machine whose time is counted in instructions. A guest
 * writes, or reads, one byte of each page of a tracked slot, over and over.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define CAP_DIRTY_RATE_LIMIT	40002
#define PAGE			4096
#define CODE			0x1000
#define DATA			0x10000
#define PAGES			128
#define NSEC			1000000000ull

/* From DATA to DATA + PAGES pages by paragraphs; then an exit, and again. */
static const unsigned char writer[] = {
	0xb8, 0x00, 0x10,		/* start: mov ax, 0x1000 */
	0x8e, 0xd8,			/* next: mov ds, ax */
	0x88, 0x1e, 0x00, 0x00,		/* mov [0], bl (reader: mov bl, [0]) */
	0x05, 0x00, 0x01,		/* add ax, 0x100 */
	0x3d, 0x00, 0x90,		/* cmp ax, 0x9000 */
	0x75, 0xf2,			/* jne next */
	0xe6, 0x10,			/* out 0x10, al */
	0xeb, 0xeb,			/* jmp start */
};
#define ACCESS	5	/* the byte that makes the access a store or a load */
#define STORE	0x88
#define LOAD	0x8a

static int vm, vcpu;
static struct kvm_run *run;
static unsigned char *code;
static int failed;

static void check(bool ok, const char *what)
{
	printf("%s %s\n", ok ? "ok" : "FAILED", what);
	failed |= !ok;
}

static unsigned long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC + ts.tv_nsec;
}

static unsigned char *slot(int n, unsigned long gpa, size_t size, int flags)
{
	unsigned char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	struct kvm_userspace_memory_region r = {
		.slot = n, .flags = flags, .guest_phys_addr = gpa,
		.memory_size = size, .userspace_addr = (unsigned long)p,
	};

	if (p == MAP_FAILED || ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r))
		err(2, "memory slot %d", n);
	return p;
}

static void make_vm(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	struct kvm_sregs sregs;
	struct kvm_regs regs = { .rip = CODE, .rflags = 2 };
	int size;

	if (kvm < 0)
		err(2, "/dev/kvm");
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (vm < 0 || vcpu < 0 || size < 0)
		err(2, "a VM with a vCPU");
	run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		err(2, "struct kvm_run");
	code = slot(0, CODE, PAGE, 0);
	memcpy(code, writer, sizeof(writer));
	slot(1, DATA, PAGES * PAGE, KVM_MEM_LOG_DIRTY_PAGES);
	if (ioctl(vcpu, KVM_GET_SREGS, &sregs))
		err(2, "KVM_GET_SREGS");
	sregs.cs.base = sregs.cs.selector = 0;
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs) || ioctl(vcpu, KVM_SET_REGS, &regs))
		err(2, "the vCPU's registers");
}

static int limit(unsigned long long pages, unsigned int flags)
{
	struct kvm_enable_cap cap = { .cap = CAP_DIRTY_RATE_LIMIT, .flags = flags, .args = { pages } };

	return ioctl(vm, KVM_ENABLE_CAP, &cap) ? -errno : 0;
}

/* Take the log, so that each page's next write is a fault again. */
static unsigned int take_log(void)
{
	unsigned long long bits[PAGES / 64];
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bits };
	unsigned int i, n = 0;

	if (ioctl(vm, KVM_GET_DIRTY_LOG, &log))
		err(2, "KVM_GET_DIRTY_LOG");
	for (i = 0; i < PAGES / 64; i++)
		n += __builtin_popcountll(bits[i]);
	return n;
}

/* Rounds of the guest for @ms: pages that it went through in a second. */
static double pages_per_s(unsigned int ms, unsigned long *dirtied)
{
	unsigned long long begin = now(), end = begin + ms * (NSEC / 1000), t;
	unsigned long pages = 0;

	*dirtied = 0;
	do {
		if (ioctl(vcpu, KVM_RUN, 0))
			err(2, "KVM_RUN");
		if (run->exit_reason != KVM_EXIT_IO)
			errx(2, "exit reason %u, expected KVM_EXIT_IO", run->exit_reason);
		pages += PAGES;
		*dirtied += take_log();
		t = now();
	} while (t < end);
	return pages * (double)NSEC / (t - begin);
}

/* The vCPU's statistic dirty_limit_wait_ns. */
static unsigned long long waited(void)
{
	int fd = ioctl(vcpu, KVM_GET_STATS_FD, NULL);
	struct kvm_stats_header h;
	unsigned long long value = 0;
	size_t size;
	char *d;
	unsigned int i;

	if (fd < 0 || pread(fd, &h, sizeof(h), 0) != sizeof(h))
		err(2, "KVM_GET_STATS_FD");
	size = sizeof(struct kvm_stats_desc) + h.name_size;
	d = malloc(size);
	for (i = 0; d && i < h.num_desc; i++) {
		struct kvm_stats_desc *desc = (void *)d;

		if (pread(fd, d, size, h.desc_offset + i * size) == (ssize_t)size &&
		    !strcmp(d + sizeof(*desc), "dirty_limit_wait_ns")) {
			if (pread(fd, &value, sizeof(value), h.data_offset + desc->offset) != sizeof(value))
				err(2, "dirty_limit_wait_ns");
			break;
		}
	}
	if (!d || i == h.num_desc)
		errx(2, "the vCPU has no statistic dirty_limit_wait_ns");
	free(d);
	close(fd);
	return value;
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* A signal must end the wait, and a limit that is lifted must be gone at once. */
static void check_signal(double free_rate)
{
	struct itimerval in50ms = { .it_value.tv_usec = 50000 };
	struct sigaction sa = { .sa_handler = on_alarm };
	unsigned long long t = now();
	unsigned long dirtied;
	int r;

	sigaction(SIGALRM, &sa, NULL);
	limit(1, 0);
	setitimer(ITIMER_REAL, &in50ms, NULL);
	r = ioctl(vcpu, KVM_RUN, 0);
	t = (now() - t) / 1000000;
	printf("at 1 page/s a signal after 50 ms ended KVM_RUN after %llu ms\n", t);
	check(r < 0 && errno == EINTR && t >= 49 && t < 75, "a signal ends the wait");
	limit(0, 0);
	check(pages_per_s(200, &dirtied) > free_rate / 2, "a lifted limit leaves no debt");
}

int main(void)
{
	unsigned long long before;
	unsigned long dirtied;
	double free_rate, rate;
	unsigned int part;

	setvbuf(stdout, NULL, _IOLBF, 0);
	make_vm();
	check(ioctl(vm, KVM_CHECK_EXTENSION, CAP_DIRTY_RATE_LIMIT) == 1, "the capability is there");
	check(limit(NSEC + 1, 0) == -EINVAL, "a limit above 10^9 is refused");
	check(limit(1, 1) == -EINVAL, "flags are refused");

	take_log();
	free_rate = pages_per_s(500, &dirtied);
	printf("without a limit: %.0f pages/s\n", free_rate);
	check(dirtied >= PAGES && waited() == 0, "without a limit pages are dirtied and nothing waits");

	for (part = 2; part <= 32; part *= 4) {
		double want = (unsigned int)(free_rate / part);

		if (limit(want, 0))
			err(2, "KVM_ENABLE_CAP %d", CAP_DIRTY_RATE_LIMIT);
		before = waited();
		rate = pages_per_s(1000, &dirtied);
		printf("limit %.0f pages/s: %.0f pages/s, waited %llu ms\n", want, rate,
		       (waited() - before) / 1000000);
		check(rate > want * 0.85 && rate < want * 1.05, "the rate is the limit");
		check(waited() > before, "dirty_limit_wait_ns counts");
	}

	check_signal(free_rate);

	/* Who only reads is not held up, however low the limit. */
	code[ACCESS] = LOAD;
	limit(0, 0);
	pages_per_s(1, &dirtied);
	take_log();
	before = waited();
	limit(1, 0);
	rate = pages_per_s(200, &dirtied);
	printf("limit 1 page/s, reading only: %.0f pages/s, %lu dirtied\n", rate, dirtied);
	check(dirtied == 0 && waited() == before && rate > free_rate, "reading is not held up");
	return failed;
}
