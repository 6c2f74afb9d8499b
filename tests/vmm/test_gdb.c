// SPDX-License-Identifier: GPL-2.0-only
/* The debugger's protocol, without KVM: whatever a client sends. */
#include "tests.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gdb.h"

struct client {
	struct gdb g;
	struct vm vm;
	struct vcpu vcpus[3];
	struct kvm_run run[3];
	int fd;
};

static void begin(struct client *c)
{
	unsigned int i;
	int pair[2];

	memset(c, 0, sizeof(*c));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	c->fd = pair[0];
	c->vm = (struct vm){ .vcpus = c->vcpus, .ncpus = 3, .fd = -1, .stop_fd = -1, .parked = 3 };
	pthread_mutex_init(&c->vm.lock, NULL);
	pthread_cond_init(&c->vm.cond, NULL);
	for (i = 0; i < 3; i++)
		c->vcpus[i] = (struct vcpu){ .vm = &c->vm, .id = i, .fd = -1, .run = &c->run[i] };
	assert_int_equal(target_init(&c->g.t, &c->vm, NULL), 0);
	c->g.listen_fd = -1;
	c->g.fd = pair[1];
	c->g.t.attached = true;
	assert_int_equal(target_halt(&c->g.t), 0);
}

static void end(struct client *c)
{
	close(c->fd);
	gdb_close(&c->g);
}

/* Send packet @s; what comes back, with its acknowledgement. */
static const char *ask(struct client *c, const char *s)
{
	static char got[2 * GDB_PACKET];
	char out[2 * GDB_PACKET];
	uint8_t sum = 0;
	const char *p;
	ssize_t n;

	for (p = s; *p; p++)
		sum += (uint8_t)*p;
	n = snprintf(out, sizeof(out), "$%s#%02x", s, sum);
	gdb_input(&c->g, out, (size_t)n);
	n = read(c->fd, got, sizeof(got) - 1);
	got[n < 0 ? 0 : n] = '\0';
	return got;
}

static void a_debugger_learns_what_there_is(void **state)
{
	struct client c;

	(void)state;
	begin(&c);
	assert_string_equal(ask(&c, "?"), "+$T05thread:1;#d7");
	assert_string_equal(ask(&c, "qfThreadInfo"), "+$m1,2,3#5b");
	assert_string_equal(ask(&c, "qsThreadInfo"), "+$l#6c");
	assert_string_equal(ask(&c, "Hg3"), "+$OK#9a");
	assert_string_equal(ask(&c, "qC"), "+$QC3#c7");
	assert_string_equal(ask(&c, "T2"), "+$OK#9a");	/* alive; the choice stays */
	assert_string_equal(ask(&c, "qC"), "+$QC3#c7");
	assert_string_equal(ask(&c, "Hg0"), "+$OK#9a");
	assert_string_equal(ask(&c, "Hg4"), "+$E01#a6");
	assert_string_equal(ask(&c, "T4"), "+$E01#a6");
	assert_non_null(strstr(ask(&c, "qSupported:swbreak+"), "PacketSize=fff;"));
	assert_non_null(strstr(ask(&c, "qXfer:features:read:target.xml:0,fff"), "i386:x86-64"));
	assert_non_null(strstr(ask(&c, "qRcmd,64756d70"), "+$76435055"));	/* dump: vCPU ... */
	assert_non_null(strstr(ask(&c, "qRcmd,78"), "+$6d6f6e"));		/* x: monitor dump ... */
	end(&c);
}

static void what_cannot_be_is_an_error(void **state)
{
	/* KVM answers nothing here: no register, no address. */
	static const char *const bad[] = {
		"g", "G00", "G", "m0,10", "m", "m0,ffffffff", "M0,2:11", "M0,2", "M0,2:zzzz",
		"Z0,1000,1", "Z1", "Z2,1001,2", "Z2,1000,3", "Z4,1000,0", "vCont;c", "vCont;s:9",
		"H", "Tfffffffff",
	};
	struct client c;
	unsigned int i;

	(void)state;
	begin(&c);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (strcmp(ask(&c, bad[i]), "+$E01#a6"))
			fail_msg("%s: is no error", bad[i]);
	for (i = 0; i < 4; i++)
		assert_string_equal(ask(&c, "Z1,1000,1"), "+$OK#9a");
	assert_string_equal(ask(&c, "Z1,1000,1"), "+$E01#a6");	/* the CPU has four */
	assert_string_equal(ask(&c, "z1,1000,1"), "+$OK#9a");
	assert_string_equal(ask(&c, "Z4,1008,8"), "+$OK#9a");
	assert_string_equal(ask(&c, "Z3,1000,1"), "+$#00");	/* not known */
	assert_string_equal(ask(&c, "Z"), "+$#00");
	assert_string_equal(ask(&c, ""), "+$#00");
	assert_string_equal(ask(&c, "X0,0:"), "+$#00");
	end(&c);
}

static void damaged_packets_are_asked_for_again(void **state)
{
	static char big[2 * GDB_PACKET];
	char got[64];
	struct client c;

	(void)state;
	begin(&c);
	gdb_input(&c.g, "+++--noise$qC#00", 16);
	assert_int_equal(read(c.fd, got, sizeof(got)), 1);
	assert_int_equal(got[0], '-');
	gdb_input(&c.g, "$qC#zz", 6);
	assert_int_equal(read(c.fd, got, sizeof(got)), 1);
	memset(big, '7', sizeof(big));
	big[0] = '$';
	gdb_input(&c.g, big, sizeof(big));
	assert_int_equal(read(c.fd, got, sizeof(got)), -1);
	assert_string_equal(ask(&c, "qC"), "+$QC1#c5");
	end(&c);
}

static void the_end_is_the_debuggers_too(void **state)
{
	struct client c;

	(void)state;
	begin(&c);
	assert_string_equal(ask(&c, "k"), "+");
	assert_int_equal(c.vm.status, VM_KILLED);
	assert_string_equal(c.vm.why, "the debugger ended it");
	end(&c);
	begin(&c);
	c.g.t.held = false;	/* a running guest answers nothing ... */
	assert_string_equal(ask(&c, "g"), "+");
	c.vm.parked = 3;
	gdb_input(&c.g, "\3", 1);	/* ... but stops at Ctrl-C */
	assert_string_equal(ask(&c, "qC"), "$T02thread:1;#d4+$QC1#c5");
	end(&c);
}

void gdb_tests(struct tests *all)
{
	static const struct CMUnitTest t[] = {
		cmocka_unit_test(a_debugger_learns_what_there_is),
		cmocka_unit_test(what_cannot_be_is_an_error),
		cmocka_unit_test(damaged_packets_are_asked_for_again),
		cmocka_unit_test(the_end_is_the_debuggers_too),
	};

	ADD_TESTS(all, t);
}
