// SPDX-License-Identifier: GPL-2.0-only
/*
 * The Linux guest's init, without libc: only system calls. It prints TAP on the
 * console and powers off. The kernel command line says what to check:
 *
 *   st.cpus=N   N CPUs are online
 *   st.blk=1    /dev/vda: pattern write, read back, checksum
 *   st.rng=1    virtio-rng is the current hw_random and returns numbers
 *   st.net=1    eth0 and eth1 are connected: send frames both ways
 *   st.balloon=N  the balloon leaves at most N MiB of memory free
 *   st.console=1  print a line to hvc0
 *   st.vsock=PORT  connect to the host, send data, receive the same data
 *   st.ticks=N  print a line every 50 ms, N times: for a snapshot
 *   st.reboot=1 restart instead of powering off
 *   st.hang=1   never end;  st.flood=1  print forever
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SYS_read = 0, SYS_write = 1, SYS_open = 2, SYS_close = 3, SYS_lseek = 8,
	SYS_fsync = 74, SYS_mkdir = 83, SYS_sync = 162, SYS_mount = 165,
	SYS_reboot = 169, SYS_nanosleep = 35, SYS_clock_gettime = 228,
	SYS_uname = 63, SYS_sched_setaffinity = 203, SYS_fadvise64 = 221,
	SYS_poll = 7, SYS_ioctl = 16, SYS_socket = 41, SYS_connect = 42,
	SYS_sendto = 44, SYS_recvfrom = 45, SYS_bind = 49 };
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

/* Read a small file into @buf as a string; its length or a negative errno. */
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

/* Run on each online CPU in turn: one that does not work shows here. */
static void check_cpus(uint64_t want)
{
	uint64_t n = 0;
	uint64_t cpu;

	for (cpu = 0; cpu < 64; cpu++) {
		uint64_t mask = 1ULL << cpu;

		if (S3(SYS_sched_setaffinity, 0, sizeof(mask), &mask) == 0)
			n++;
	}
	add("# CPUs that ran init: ");
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

/* Write 2 MiB of a pattern to the disk, bypassing the page cache, and read it back. */
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
	result(n > 0 && (a[0] | a[1] | a[2] | a[3]), "rng-read", "/dev/hwrng returned nothing, or zeroes");
}

/* The number after "key:" in /proc/meminfo, in KiB; 0 if it is missing. */
static uint64_t meminfo(const char *key)
{
	const char *p = slurp("/proc/meminfo", text, sizeof(text)) > 0 ? find(text, key) : NULL;
	uint64_t v = 0;

	while (p && *p == ' ')
		p++;
	while (p && *p >= '0' && *p <= '9')
		v = v * 10 + (uint64_t)(*p++ - '0');
	return v;
}

static void nap_ms(int64_t ms)
{
	int64_t nap[2] = { ms / 1000, ms % 1000 * 1000000 };

	S2(SYS_nanosleep, nap, 0);
}

static void check_balloon(uint64_t mib)
{
	uint64_t kib = 0;
	int i;

	for (i = 0; i < 500; i++) {
		/* MemTotal does not change, because the balloon deflates when memory runs out. */
		kib = meminfo("MemFree:");
		if (kib && kib <= mib * 1024)
			break;
		nap_ms(20);
	}
	add("# MemFree in KiB: ");
	add_num(kib);
	flush();
	result(kib && kib <= mib * 1024, "balloon", "the balloon did not take what the host requested");
}

/* --- network: AF_PACKET, no addresses --- */
enum { AF_PACKET = 17, SOCK_RAW = 3, SIOCGIFFLAGS = 0x8913, SIOCSIFFLAGS = 0x8914,
	SIOCGIFINDEX = 0x8933, IFF_UP = 1, ETH_P_TEST = 0xb588 /* 0x88b5, big-endian */ };
struct ifreq {
	char name[16];
	union { int16_t flags; int32_t index; char pad[24]; } u;
};
struct sockaddr_ll {
	uint16_t family, protocol;
	int32_t ifindex;
	uint8_t rest[12];
};

/* Bring @name up and open a socket that is bound to it; or a negative errno. */
static long net_open(const char *name)
{
	long fd = S3(SYS_socket, AF_PACKET, SOCK_RAW, ETH_P_TEST), rc;
	struct ifreq r;
	struct sockaddr_ll a;

	if (fd < 0)
		return fd;
	memset(&r, 0, sizeof(r));
	memcpy(r.name, name, len(name));
	rc = S3(SYS_ioctl, fd, SIOCGIFFLAGS, &r);
	if (rc >= 0) {
		r.u.flags |= IFF_UP;
		rc = S3(SYS_ioctl, fd, SIOCSIFFLAGS, &r);
	}
	if (rc >= 0)
		rc = S3(SYS_ioctl, fd, SIOCGIFINDEX, &r);
	if (rc >= 0) {
		memset(&a, 0, sizeof(a));
		a.family = AF_PACKET;
		a.protocol = ETH_P_TEST;
		a.ifindex = r.u.index;
		rc = S3(SYS_bind, fd, &a, sizeof(a));
	}
	return rc < 0 ? rc : fd;
}

static uint8_t sent[1514], got[1600];

/* Send a frame of @n bytes from @from: it must arrive unchanged at @to. */
static bool frame(long from, long to, size_t n, uint8_t seed)
{
	struct { int32_t fd; int16_t events, revents; } p = { (int32_t)to, 1, 0 };
	size_t i;

	memset(sent, 0xff, 12);				/* broadcast */
	sent[6] = 2;
	sent[12] = 0x88;
	sent[13] = 0xb5;
	for (i = 14; i < n; i++)
		sent[i] = (uint8_t)(i * 7 + seed);
	if (S5(SYS_sendto, from, sent, n, 0, 0) != (long)n || S3(SYS_poll, &p, 1, 5000) != 1 ||
	    S5(SYS_recvfrom, to, got, sizeof(got), 0, 0) != (long)n)
		return false;
	for (i = 0; i < n && got[i] == sent[i]; i++)
		;
	return i == n;
}

static void check_net(void)
{
	long a = net_open("eth0"), b = net_open("eth1");
	bool ok = true;
	size_t n;

	result(a >= 0 && b >= 0, "net-up", "eth0 and eth1 cannot be brought up");
	if (a < 0 || b < 0)
		return;
	for (n = 60; ok && n <= 1514; n += 97)
		ok = frame(a, b, n, 1) && frame(b, a, n, 2);
	result(ok, "net-frames", "a frame was lost or changed");
}

static void check_console(void)
{
	static const char word[] = "kvm-selftest on hvc0\n";
	long fd = S3(SYS_open, "/dev/hvc0", O_RDWR, 0);

	result(fd >= 0 && S3(SYS_write, fd, word, sizeof(word) - 1) == sizeof(word) - 1, "console",
	       "/dev/hvc0 cannot be written");
}

/* The host echoes what it receives. */
static void check_vsock(uint64_t port)
{
	struct { uint16_t family, pad; uint32_t port, cid; uint8_t rest[4]; } a = { 40, 0, (uint32_t)port, 2, { 0 } };
	long fd = S3(SYS_socket, 40, 1, 0), n;
	size_t k, i, have;
	bool ok = true;

	result(fd >= 0 && S3(SYS_connect, fd, &a, sizeof(a)) == 0, "vsock-connect", "cannot connect to the host's port");
	for (k = 0; ok && fd >= 0 && k < 64; k++) {
		for (i = 0; i < 1024; i++)
			sent[i] = (uint8_t)(i * 3 + k);
		ok = S5(SYS_sendto, fd, sent, 1024, 0, 0) == 1024;
		for (have = 0; ok && have < 1024; have += (size_t)n) {
			n = S5(SYS_recvfrom, fd, got + have, 1024 - have, 0, 0);
			if (n <= 0)
				ok = false;
			n = n < 0 ? 0 : n;
		}
		for (i = 0; ok && i < 1024; i++)
			ok = got[i] == sent[i];
	}
	result(ok, "vsock-data", "the host's echo differs from what was sent");
}

static void ticks(uint64_t n)
{
	uint64_t i;

	for (i = 1; i <= n; i++) {
		add("# tick ");
		add_num(i);
		flush();
		nap_ms(50);
	}
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
	if (option("st.net="))
		check_net();
	if (option("st.balloon="))
		check_balloon(option("st.balloon="));
	if (option("st.console="))
		check_console();
	if (option("st.vsock="))
		check_vsock(option("st.vsock="));
	ticks(option("st.ticks="));
	add("1..");
	add_num(tests);
	flush();
	add(failed ? "# guest: failed" : "# guest: all well");
	flush();
}

/* At entry the stack is not aligned as the C ABI expects. */
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
