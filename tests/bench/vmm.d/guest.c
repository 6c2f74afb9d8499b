// SPDX-License-Identifier: GPL-2.0-only
/*
 * init of the measured guest (in an initramfs; without a C library, whose start
 * would be measured, too). It reports that it runs; then it reads and writes
 * /dev/vda past the page cache, sends and exchanges frames on eth0, if these
 * exist, and reports how long that took. Lines for vmmtime begin with "BENCH ".
 * After each line it sleeps a while, so that the host's counters are read at rest.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_packet.h>
#include <linux/reboot.h>
#include <linux/sockios.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#define DISK	(32L << 20)
/* Types of frames, both local experimental: netecho sends the first kind back. */
#define ECHO	0x88b5
#define NO_ECHO	0x88b6

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

static char buf[65536] __attribute__((aligned(4096)));

static void report(const char *part, const char *what, long size, long n, long us)
{
	char line[128], *p = word(line, "BENCH");

	p = word(p, part);
	p = word(p, what);
	p = number(p, size);
	p = number(p, n);
	p = number(p, us);
	p[-1] = '\n';
	*p = '\0';
	say(line);
}

/* @n requests of @size bytes, one after the other. */
static void requests(int fd, int writing, long size, int n)
{
	long at = 0, began, i;

	say("BENCH blk begin\n");
	began = now_us();
	for (i = 0; i < n; i++, at = (at + size) % DISK)
		if (sys(writing ? SYS_pwrite64 : SYS_pread64, fd, (long)buf, size,
			at, 0) != size) {
			say("BENCH blk error\n");
			break;
		}
	report("blk", writing ? "write" : "read", size, i, now_us() - began);
}

/* A packet socket for frames of @type on eth0, and that up; or below 0. @buf
   then begins with their header, from eth0 to all. */
static int packet_socket(int type)
{
	static const struct timeval second = { .tv_sec = 1 };
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(type) };
	struct ifreq ifr = { .ifr_name = "eth0", .ifr_flags = IFF_UP };
	long fd = sys(SYS_socket, AF_PACKET, SOCK_RAW, htons(type), 0, 0);
	int i;

	if (fd < 0 || sys(SYS_ioctl, fd, SIOCSIFFLAGS, (long)&ifr, 0, 0) < 0 ||
	    sys(SYS_ioctl, fd, SIOCGIFINDEX, (long)&ifr, 0, 0) < 0)
		return -1;
	at.sll_ifindex = ifr.ifr_ifindex;
	if (sys(SYS_ioctl, fd, SIOCGIFHWADDR, (long)&ifr, 0, 0) < 0)
		return -1;
	for (i = 0; i < 6; i++) {
		buf[i] = -1;
		buf[i + 6] = ifr.ifr_hwaddr.sa_data[i];
	}
	buf[12] = (char)(type >> 8);
	buf[13] = (char)type;
	sys(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, (long)&second, sizeof(second));
	return sys(SYS_bind, fd, (long)&at, sizeof(at), 0, 0) < 0 ? -1 : (int)fd;
}

/* @n frames of @size bytes, as fast as they go; or each when the last is back. */
static void frames(int type, long size, int n)
{
	int fd = packet_socket(type);
	long began, i;

	if (fd < 0)
		return;
	say("BENCH net begin\n");
	began = now_us();
	for (i = 0; i < n; i++)
		if (sys(SYS_write, fd, (long)buf, size, 0, 0) != size ||
		    (type == ECHO && sys(SYS_read, fd, (long)buf + 4096, size, 0, 0) < size)) {
			say("BENCH net error\n");
			break;
		}
	report("net", type == ECHO ? "echo" : "send", size, i, now_us() - began);
	sys(SYS_close, fd, 0, 0, 0, 0);
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
	frames(NO_ECHO, 1514, 20000);
	frames(ECHO, 60, 2000);
	say("BENCH end\n");
	for (;;)
		sys(SYS_reboot, (long)LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
		    LINUX_REBOOT_CMD_POWER_OFF, 0, 0);
}
