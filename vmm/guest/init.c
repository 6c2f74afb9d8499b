// SPDX-License-Identifier: GPL-2.0
/*
 * init of the Linux guest: no libc, nothing but system calls. Prints TAP on
 * the console and powers off. What it has to check comes on the kernel
 * command line:
 *
 *   st.cpus=N   that many CPUs are online
 *   st.blk=1    /dev/vda: pattern write, read back, checksum
 *   st.reboot=1 restart instead of powering off
 *   st.hang=1   never end;  st.flood=1  print for ever
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SYS_read = 0, SYS_write = 1, SYS_open = 2, SYS_close = 3, SYS_lseek = 8,
	SYS_fsync = 74, SYS_mkdir = 83, SYS_sync = 162, SYS_mount = 165,
	SYS_reboot = 169, SYS_nanosleep = 35, SYS_clock_gettime = 228,
	SYS_uname = 63, SYS_sched_setaffinity = 203, SYS_fadvise64 = 221,
	SYS_getrandom = 318 };
enum { O_RDONLY = 0, O_RDWR = 2, O_SYNC = 04010000, O_DIRECT = 040000 };

static long sys(long n, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long r;

	__asm__ volatile("syscall" : "=a"(r)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return r;
}
#define S1(n, a) sys(n, (long)(a), 0, 0, 0, 0)
#define S2(n, a, b) sys(n, (long)(a), (long)(b), 0, 0, 0)
#define S3(n, a, b, c) sys(n, (long)(a), (long)(b), (long)(c), 0, 0)
#define S5(n, a, b, c, d, e) sys(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))

void *memcpy(void *d, const void *s, size_t n);
void *memcpy(void *d, const void *s, size_t n)
{
	char *p = d;
	const char *q = s;

	while (n--)
		*p++ = *q++;
	return d;
}
void *memset(void *d, int c, size_t n);
void *memset(void *d, int c, size_t n)
{
	char *p = d;

	while (n--)
		*p++ = (char)c;
	return d;
}

static size_t len(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

static char line[512];
static size_t line_len;

static void add(const char *s)
{
	for (; *s && line_len < sizeof(line) - 1; s++)
		line[line_len++] = *s;
}

static void add_num(uint64_t v)
{
	char b[21];
	int i = 20;

	b[20] = '\0';
	do {
		b[--i] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	add(b + i);
}

static void flush(void)
{
	add("\n");
	S3(SYS_write, 1, line, line_len);
	line_len = 0;
}

static unsigned int tests, failed;

static void result(bool ok, const char *name, const char *why)
{
	if (!ok)
		failed++;
	add(ok ? "ok " : "not ok ");
	add_num(++tests);
	add(" ");
	add(name);
	if (!ok && why) {
		add(" # ");
		add(why);
	}
	flush();
}

/* Whole small file into buf, as a string; its length or a negative errno. */
static long slurp(const char *path, char *buf, size_t size)
{
	long fd = S3(SYS_open, path, O_RDONLY, 0), n, got = 0;

	if (fd < 0)
		return fd;
	while ((n = S3(SYS_read, fd, buf + got, size - 1 - (size_t)got)) > 0)
		got += n;
	buf[got] = '\0';
	S1(SYS_close, fd);
	return got;
}

static const char *find(const char *hay, const char *needle)
{
	size_t n = len(needle);

	for (; *hay; hay++) {
		size_t i = 0;

		while (i < n && hay[i] == needle[i])
			i++;
		if (i == n)
			return hay + n;
	}
	return NULL;
}

static char cmdline[2048], text[8192];

/* The number after "key=" on the command line, 0 if there is none. */
static uint64_t option(const char *key)
{
	const char *p = find(cmdline, key);
	uint64_t v = 0;

	while (p && *p >= '0' && *p <= '9')
		v = v * 10 + (uint64_t)(*p++ - '0');
	return v;
}

static uint64_t now_ns(int clock)
{
	int64_t t[2] = { 0, 0 };

	S2(SYS_clock_gettime, clock, t);
	return (uint64_t)t[0] * 1000000000ULL + (uint64_t)t[1];
}

/* Each online CPU in turn runs us: a dead one shows here. */
static void check_cpus(uint64_t want)
{
	uint64_t n = 0;
	uint64_t cpu;

	for (cpu = 0; cpu < 64; cpu++) {
		uint64_t mask = 1ULL << cpu;

		if (S3(SYS_sched_setaffinity, 0, sizeof(mask), &mask) == 0)
			n++;
	}
	add("# CPUs that ran us: ");
	add_num(n);
	flush();
	result(n == want, "cpus", "not as many CPUs as the VM has");
}

static void check_clock(void)
{
	int64_t nap[2] = { 0, 20000000 };
	uint64_t a = now_ns(1), b, prev, i;
	bool back = false;

	S2(SYS_nanosleep, nap, 0);
	b = now_ns(1);
	result(b - a >= 20000000 && b - a < 20000000000ULL, "sleep",
	       "20 ms of sleep took less than 20 ms or more than 20 s");
	prev = now_ns(1);
	for (i = 0; i < 20000; i++) {
		uint64_t t = now_ns(1);

		if (t < prev)
			back = true;
		prev = t;
	}
	result(!back, "clock-monotonic", "CLOCK_MONOTONIC went backwards");
	if (slurp("/sys/devices/system/clocksource/clocksource0/current_clocksource",
		  text, sizeof(text)) > 0) {
		text[len(text) - 1] = '\0';
		add("# clocksource: ");
		add(text);
		flush();
	}
	add("# realtime: ");
	add_num(now_ns(0));
	flush();
}

static uint64_t pat[64 * 1024 / 8] __attribute__((aligned(4096)));

static uint64_t next(uint64_t x)
{
	return x * 6364136223846793005ULL + 1442695040888963407ULL;
}

/* 2 MiB of pattern to the disk, past the page cache, and back. */
static void check_blk(void)
{
	long fd = S3(SYS_open, "/dev/vda", O_RDWR | O_DIRECT, 0);
	uint64_t x = 42, sum = 0, i, k;

	result(fd >= 0, "blk-open", "/dev/vda cannot be opened");
	if (fd < 0)
		return;
	for (k = 0; k < 32; k++) {
		for (i = 0; i < sizeof(pat) / 8; i++)
			pat[i] = x = next(x);
		if (S3(SYS_write, fd, pat, sizeof(pat)) != sizeof(pat)) {
			result(false, "blk-write", "write to /dev/vda failed");
			return;
		}
	}
	result(S1(SYS_fsync, fd) == 0, "blk-flush", "fsync of /dev/vda failed");
	S3(SYS_lseek, fd, 0, 0);
	x = 42;
	for (k = 0; k < 32; k++) {
		if (S3(SYS_read, fd, pat, sizeof(pat)) != sizeof(pat)) {
			result(false, "blk-read", "read of /dev/vda failed");
			return;
		}
		for (i = 0; i < sizeof(pat) / 8; i++) {
			x = next(x);
			sum |= pat[i] ^ x;
		}
	}
	result(sum == 0, "blk-compare", "data read back differs from what was written");
	S1(SYS_close, fd);
}

static void check_rng(void)
{
	long n = slurp("/sys/class/misc/hw_random/rng_current", text, sizeof(text)), fd;
	uint64_t a[4] = { 0, 0, 0, 0 };

	result(n > 0 && find(text, "virtio_rng"), "rng-driver", "virtio_rng is not the current hw_random");
	fd = S3(SYS_open, "/dev/hwrng", O_RDONLY, 0);
	n = fd < 0 ? fd : S3(SYS_read, fd, a, sizeof(a));
	result(n > 0 && (a[0] | a[1] | a[2] | a[3]), "rng-read", "/dev/hwrng gave nothing, or zeroes");
}

static void run(void)
{
	int64_t nap[2] = { 1000, 0 };

	S5(SYS_mount, "none", "/proc", "proc", 0, 0);
	S5(SYS_mount, "none", "/sys", "sysfs", 0, 0);
	S5(SYS_mount, "none", "/dev", "devtmpfs", 0, 0);
	slurp("/proc/cmdline", cmdline, sizeof(cmdline));
	add("TAP version 13");
	flush();
	if (slurp("/proc/version", text, sizeof(text)) > 0) {
		text[len(text) - 1] = '\0';
		add("# ");
		add(text);
		flush();
	}
	while (option("st.flood="))
		result(true, "flood", NULL);
	while (option("st.hang="))
		S2(SYS_nanosleep, nap, 0);
	result(true, "init", NULL);
	check_clock();
	if (option("st.cpus="))
		check_cpus(option("st.cpus="));
	if (option("st.blk="))
		check_blk();
	if (option("st.rng="))
		check_rng();
	add("1..");
	add_num(tests);
	flush();
	add(failed ? "# guest: failed" : "# guest: all well");
	flush();
}

/* At entry the stack is not aligned as a C function expects it. */
__attribute__((noreturn, used, force_align_arg_pointer)) void _start(void);
void _start(void)
{
	run();
	S1(SYS_sync, 0);
	S5(SYS_reboot, 0xfee1dead, 672274793,
	   option("st.reboot=") ? 0x01234567 : 0x4321fedc, 0, 0);
	for (;;)
		S2(SYS_nanosleep, ((int64_t[2]){ 1000, 0 }), 0);
}
