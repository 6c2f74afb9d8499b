// SPDX-License-Identifier: GPL-2.0
/*
 * init of the guest that is measured (in an initramfs; without a C library,
 * whose start would be measured, too): says that it is there, then reads and
 * writes /dev/vda past the page cache and says how long that took. Lines for
 * vmmtime begin with "BENCH ". After each it sleeps a while, so that the host's
 * counters are read at rest.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/reboot.h>
#include <sys/syscall.h>
#include <time.h>

#define DISK	(32L << 20)

/* As the kernel has it: a negative errno for an error. */
static long sys(long nr, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long r;

	__asm__ volatile("syscall" : "=a"(r)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return r;
}

static long now_us(void)
{
	struct timespec t;

	sys(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&t, 0, 0, 0);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void say(const char *line)
{
	static const struct timespec rest = { .tv_nsec = 200000000 };
	long n = 0;

	while (line[n])
		n++;
	if (sys(SYS_write, 1, (long)line, n, 0, 0) < 0)
		sys(SYS_exit, 1, 0, 0, 0, 0);
	sys(SYS_nanosleep, (long)&rest, 0, 0, 0, 0);
}

static char *word(char *p, const char *w)
{
	while (*w)
		*p++ = *w++;
	*p++ = ' ';
	return p;
}

static char *number(char *p, long n)
{
	char digits[20];
	int i = 0;

	do
		digits[i++] = '0' + n % 10;
	while (n /= 10);
	while (i)
		*p++ = digits[--i];
	*p++ = ' ';
	return p;
}

/* @n requests of @size bytes, one after the other. */
static void requests(int fd, int writing, long size, int n)
{
	static char buf[65536] __attribute__((aligned(4096)));
	char line[128], *p = line;
	long at = 0, began, i;

	for (i = 0; i < size; i++)
		buf[i] = 1;
	say("BENCH blk begin\n");
	began = now_us();
	for (i = 0; i < n; i++, at = (at + size) % DISK)
		if (sys(writing ? SYS_pwrite64 : SYS_pread64, fd, (long)buf, size,
			at, 0) != size) {
			say("BENCH blk error\n");
			break;
		}
	p = word(p, "BENCH blk");
	p = word(p, writing ? "write" : "read");
	p = number(p, size);
	p = number(p, i);
	p = number(p, now_us() - began);
	p[-1] = '\n';
	*p = '\0';
	say(line);
}

/* The kernel's entry: no stack frame is above, the stack is aligned. */
__attribute__((force_align_arg_pointer, noreturn)) void _start(void)
{
	long fd;

	say("BENCH init\n");
	sys(SYS_mount, (long)"none", (long)"/dev", (long)"devtmpfs", 0, 0);
	fd = sys(SYS_openat, AT_FDCWD, (long)"/dev/vda", O_RDWR | O_DIRECT, 0, 0);
	if (fd >= 0) {
		requests((int)fd, 0, 4096, 2000);
		requests((int)fd, 1, 4096, 2000);
		requests((int)fd, 0, 65536, 500);
	}
	say("BENCH end\n");
	for (;;)
		sys(SYS_reboot, (long)LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
		    LINUX_REBOOT_CMD_POWER_OFF, 0, 0);
}
