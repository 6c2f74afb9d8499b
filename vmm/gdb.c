// SPDX-License-Identifier: GPL-2.0-only
#include "gdb.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox.h"
#include "sock.h"
#include "vcpu.h"

#define SIG_INT		2
#define SIG_TRAP	5
#define JOIN_MS		2000
#define WRITE_MS	1000	/* a debugger that takes nothing so long has gone */
#define DATA		(GDB_PACKET / 2 - 16)	/* bytes, as hexadecimal digits in a packet */

/* ---- packets ---- */

static void put(struct gdb *g, const char *s, size_t len)
{
	struct pollfd f = { .fd = g->fd, .events = POLLOUT };
	ssize_t n;

	while (len) {
		n = write(g->fd, s, len);
		if (n < 0 && errno == EAGAIN && poll(&f, 1, WRITE_MS) > 0)
			continue;
		if (n < 0)
			return;		/* the next read(2) says that it has gone */
		s += n;
		len -= (size_t)n;
	}
}

static void __attribute__((format(printf, 2, 3))) reply(struct gdb *g, const char *fmt, ...)
{
	char s[GDB_PACKET + 4] = "$";
	unsigned int sum = 0;
	size_t i, n;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s + 1, GDB_PACKET - 1, fmt, ap);
	va_end(ap);
	n = strlen(s);
	for (i = 1; i < n; i++)
		sum += (uint8_t)s[i];
	put(g, s, n + (size_t)sprintf(s + n, "#%02x", sum & 0xff));
}

static void answer(struct gdb *g, bool good)
{
	reply(g, good ? "OK" : "E01");
}

static void reply_hex(struct gdb *g, const void *data, size_t len)
{
	const uint8_t *p = data;
	char s[2 * DATA + 1] = "";
	size_t i;

	if (len > DATA)
		len = DATA;
	for (i = 0; i < len; i++)
		sprintf(s + 2 * i, "%02x", p[i]);
	reply(g, "%s", s);
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Up to @len bytes from the digits at @s; how many there were. */
static size_t from_hex(const char *s, void *data, size_t len)
{
	uint8_t *p = data;
	int high, low;
	size_t i;

	for (i = 0; i < len; i++, s += 2) {
		high = digit(s[0]);
		low = high < 0 ? -1 : digit(s[1]);
		if (low < 0)
			break;
		p[i] = (uint8_t)(high * 16 + low);
	}
	return i;
}

static void reply_stop(struct gdb *g, int sig, const char *why)
{
	reply(g, "T%02x%sthread:%x;", (unsigned int)sig, why, g->t.cpu->id + 1);
}

/* ---- requests ---- */

static void do_memory(struct gdb *g, const char *s, bool write)
{
	uint8_t buf[DATA];
	size_t len = 0;
	uint64_t addr;
	int used = 0;

	if (sscanf(s, "%lx,%zx%n", &addr, &len, &used) != 2 || len > sizeof(buf)) {
		answer(g, false);
	} else if (write) {
		answer(g, s[used] == ':' && from_hex(s + used + 1, buf, len) == len &&
		       target_copy(&g->t, addr, buf, len, true) == len);
	} else {
		used = (int)target_copy(&g->t, addr, buf, len, false);
		if (used)
			reply_hex(g, buf, (size_t)used);
		else
			answer(g, false);
	}
}

static void do_registers(struct gdb *g, const char *s)
{
	struct target_regs x;

	if (s[0] == 'G')
		answer(g, from_hex(s + 1, &x, sizeof(x)) == sizeof(x) && target_set(&g->t, &x));
	else if (target_get(&g->t, &x))
		reply_hex(g, &x, sizeof(x));
	else
		answer(g, false);
}

static void do_breakpoint(struct gdb *g, const char *s)
{
	unsigned int len;
	uint64_t addr;

	if (!s[1] || !strchr("0124", s[1]))	/* x86 stops at no read alone */
		reply(g, "%s", "");
	else
		answer(g, sscanf(s + 2, ",%lx,%x", &addr, &len) == 2 &&
		       target_break(&g->t, s[1], addr, len, s[0] == 'Z'));
}

/* A thread's vCPU; 0 and -1 are any. NULL: there is none. */
static struct vcpu *thread(struct gdb *g, const char *s)
{
	long n = strtol(s, NULL, 16);

	if (n > (long)g->t.vm->ncpus || n < -1)
		return NULL;
	return n > 0 ? &g->t.vm->vcpus[n - 1] : g->t.cpu;
}

static bool choose(struct gdb *g, const char *s)
{
	struct vcpu *v = thread(g, s);

	g->t.cpu = v ? v : g->t.cpu;
	return v;
}

/* vCont;s:1;c - actions, each for a thread or for the rest. Who steps does so alone. */
static void do_run(struct gdb *g, const char *s)
{
	const char *step = strpbrk(s, "sS");

	if (step && step[strcspn(step, ":;")] == ':')
		choose(g, strchr(step, ':') + 1);
	if (!target_run(&g->t, step))
		answer(g, false);
}

static void do_monitor(struct gdb *g, const char *hex)
{
	char s[8] = "", *text = NULL;
	size_t len = 0;

	from_hex(hex, s, sizeof(s) - 1);
	if (!strcmp(s, "dump"))
		text = vcpu_dump_text(g->t.cpu, &len);
	if (text)
		reply_hex(g, text, len);
	else
		reply_hex(g, "monitor dump: all of a vCPU's registers\n", 40);
	free(text);
}

static void list_threads(struct gdb *g)
{
	char s[VM_CPUS_MAX * 3 + 1] = "";
	unsigned int i;
	size_t n = 0;

	for (i = 0; i < g->t.vm->ncpus; i++)
		n += (size_t)snprintf(s + n, sizeof(s) - n, "%c%x", i ? ',' : 'm', i + 1);
	reply(g, "%s", s);
}

static bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

static void do_query(struct gdb *g, const char *s)
{
	if (begins(s, "qSupported"))
		reply(g, "PacketSize=%x;swbreak+;hwbreak+;vContSupported+;qXfer:features:read+",
		      GDB_PACKET - 1);
	else if (begins(s, "qXfer:features:read:target.xml:"))
		reply(g, "l<target version=\"1.0\"><architecture>i386:x86-64</architecture></target>");
	else if (begins(s, "qRcmd,"))
		do_monitor(g, s + 6);
	else if (!strcmp(s, "qfThreadInfo"))
		list_threads(g);
	else if (!strcmp(s, "qC"))
		reply(g, "QC%x", g->t.cpu->id + 1);
	else
		reply(g, "%s", !strcmp(s, "qsThreadInfo") ? "l" : !strcmp(s, "qAttached") ? "1" : "");
}

static void detach(struct gdb *g)
{
	if (g->t.attached && !target_halt(&g->t))
		target_detach(&g->t);
	g->t.attached = false;
}

static void request(struct gdb *g, const char *s)
{
	switch (s[0]) {
	case '?':
		reply_stop(g, SIG_TRAP, "");
		break;
	case 'g':
	case 'G':
		do_registers(g, s);
		break;
	case 'm':
	case 'M':
		do_memory(g, s + 1, s[0] == 'M');
		break;
	case 'Z':
	case 'z':
		do_breakpoint(g, s);
		break;
	case 'H':
		answer(g, s[1] && choose(g, s + 2));
		break;
	case 'T':
		answer(g, thread(g, s + 1));
		break;
	case 'q':
		do_query(g, s);
		break;
	case 'D':
		answer(g, true);
		detach(g);
		break;
	case 'k':
		vm_stop(g->t.vm, VM_KILLED, "the debugger ended it");
		break;
	default:
		if (begins(s, "vCont;"))
			do_run(g, s + 6);
		else
			reply(g, "%s", !strcmp(s, "vCont?") ? "vCont;c;C;s;S" : "");
	}
}

/* All of a packet, $...#xx, is there. While the guest runs, nothing is answered. */
static void packet(struct gdb *g)
{
	uint8_t sum = 0, is = 0;
	unsigned int i;
	bool good;

	for (i = 1; i < g->n - 3; i++)
		is += (uint8_t)g->in[i];
	good = from_hex(g->in + g->n - 2, &sum, 1) == 1 && sum == is;
	g->in[g->n - 3] = '\0';
	g->n = 0;
	put(g, good ? "+" : "-", 1);
	if (good && target_stopped(&g->t))
		request(g, g->in + 1);
}

/* A character of a packet, or the debugger's Ctrl-C. */
static void feed(struct gdb *g, char c)
{
	if (!g->n && c == 3 && !target_stopped(&g->t) && !target_halt(&g->t))
		reply_stop(g, SIG_INT, "");
	if (!g->n && c != '$')
		return;			/* acknowledgements: a socket loses nothing */
	g->in[g->n++] = c;
	if (g->n > 3 && g->in[g->n - 3] == '#')
		packet(g);
	else if (g->n == sizeof(g->in))
		g->n = 0;
}

/* ---- the thread ---- */

static void on_connect(struct gdb *g)
{
	g->fd = accept4(g->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (g->fd < 0)
		return;
	g->n = 0;
	g->t.attached = true;
	target_halt(&g->t);	/* if it fails, it has said why, or the run ends */
}

void gdb_input(struct gdb *g, const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		feed(g, s[i]);
}

static void on_readable(struct gdb *g)
{
	char buf[512];
	ssize_t n = read(g->fd, buf, sizeof(buf));

	if (n > 0)
		gdb_input(g, buf, (size_t)n);
	if (n > 0 || (n < 0 && errno == EAGAIN))
		return;
	detach(g);
	close(g->fd);
	g->fd = -1;
}

static void *gdb_thread(void *arg)
{
	struct gdb *g = arg;
	struct vm *vm = g->t.vm;
	char s[32];
	const char *why;
	struct err e;
	uint64_t n;

	if (vm->cfg.sandbox && sandbox_enter(SANDBOX_GDB, &e))
		vm_stop(vm, VM_HOST, "%s", e.msg);
	while (!atomic_load(&vm->stopping)) {
		struct pollfd f[] = {
			{ .fd = g->fd < 0 ? g->listen_fd : g->fd, .events = POLLIN },
			{ .fd = vm->trap_fd, .events = POLLIN }, { .fd = vm->stop_fd, .events = POLLIN },
		};

		poll(f, 3, -1);
		if (f[1].revents && read(vm->trap_fd, &n, sizeof(n)) == sizeof(n)) {
			why = target_trapped(&g->t, s, sizeof(s));
			if (why)
				reply_stop(g, SIG_TRAP, why);
		}
		if (f[0].revents && g->fd < 0)
			on_connect(g);
		else if (f[0].revents)
			on_readable(g);
	}
	if (g->fd >= 0)
		reply(g, "W%02x", (unsigned int)vm->status & 0xff);
	return NULL;
}

int gdb_open(struct gdb *g, struct vm *vm, const char *path, struct err *e)
{
	int rc = target_init(&g->t, vm, e);

	g->fd = g->listen_fd = -1;
	if (rc)
		return rc;
	g->listen_fd = sock_listen(path, e);
	return g->listen_fd < 0 ? g->listen_fd : 0;
}

int gdb_start(struct gdb *g, struct err *e)
{
	int rc = thread_start(&g->thread, gdb_thread, g, 0, e);

	g->threaded = !rc;
	return rc;
}

bool gdb_stop(struct gdb *g)
{
	if (g->threaded && thread_join(g->thread, JOIN_MS))
		g->threaded = false;
	return !g->threaded;
}

void gdb_close(struct gdb *g)
{
	if (!g->t.vm)
		return;
	if (g->fd >= 0)
		close(g->fd);
	if (g->listen_fd >= 0)
		close(g->listen_fd);
	if (g->t.vm->trap_fd >= 0)
		close(g->t.vm->trap_fd);
}
