// SPDX-License-Identifier: GPL-2.0-only
/* The command line: what it accepts, and the messages for what it does not. */
#include "tests.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "opts.h"

static int parse(struct opts *o, struct err *e, const char *line)
{
	static char buf[1024];
	char *argv[64] = { "kvm-vmm" }, *save = NULL;
	int argc = 1;

	snprintf(buf, sizeof(buf), "%s", line);
	for (char *w = strtok_r(buf, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	e->msg[0] = '\0';
	return opts_parse(o, argc, argv, e);
}

static void flat_guests_have_their_own_defaults(void **state)
{
	struct opts o;
	struct err e;

	(void)state;
	assert_int_equal(parse(&o, &e, "--flat x.bin --load 0x7c00"), 0);
	assert_int_equal(o.mem_mib, 16);
	assert_int_equal(o.irqchip, VM_IRQCHIP_NONE);
	assert_int_equal(o.flat_opts.load, 0x7c00);
	assert_int_equal(o.flat_opts.entry, 0x7c00);
	assert_int_equal(o.flat_opts.mode, BOOT_REAL);
	assert_int_equal(parse(&o, &e, "--flat x --entry 0x100:0x10 --mode real"), 0);
	assert_int_equal(o.flat_opts.seg, 0x100);
	assert_int_equal(o.flat_opts.entry, 0x10);
	assert_int_equal(parse(&o, &e, "--flat x --cpus 2"), 0);
	assert_int_equal(o.irqchip, VM_IRQCHIP_FULL);
}

static void kernels_have_their_own_defaults(void **state)
{
	struct opts o;
	struct err e;

	(void)state;
	assert_int_equal(parse(&o, &e, "--kernel k --disk a,ro --disk b,direct "
			       "--net loop --net tap:t0 --deadline 1.5 --cpus 64"), 0);
	assert_int_equal(o.mem_mib, 128);
	assert_int_equal(o.irqchip, VM_IRQCHIP_FULL);
	assert_int_equal(o.ndevs, 4);
	assert_ptr_equal(o.dev[0].type, &blk_device);
	assert_string_equal(o.dev[0].text, "a");
	assert_true(o.dev[0].readonly && !o.dev[0].direct);
	assert_true(!o.dev[1].readonly && o.dev[1].direct);
	assert_ptr_equal(o.dev[2].type, &net_device);
	assert_string_equal(o.dev[3].text, "tap:t0");
	assert_int_equal(o.deadline_ms, 1500);
	assert_string_equal(o.append, "console=ttyS0 panic=-1");
}

/* For a device that can exist only once, the last option counts. */
static void the_last_use_of_an_option_counts(void **state)
{
	struct opts o;
	struct err e;

	(void)state;
	assert_int_equal(parse(&o, &e, "--kernel k --balloon 1 --rng --balloon=0x20 --rng"), 0);
	assert_int_equal(o.ndevs, 2);
	assert_ptr_equal(o.dev[0].type, &balloon_device);
	assert_int_equal(o.dev[0].number, 32);
	assert_int_equal(parse(&o, &e, "--kernel k --console virtio"), 0);
	assert_string_equal(o.append, "console=hvc0 panic=-1");
	assert_int_equal(parse(&o, &e, "--kernel k --console virtio --console serial"), 0);
	assert_string_equal(o.append, "console=ttyS0 panic=-1");
	assert_null(o.dev[0].type);
	assert_int_equal(parse(&o, &e, "--kernel k --append x --console virtio"), 0);
	assert_string_equal(o.append, "x");
}

static void mistakes_are_named(void **state)
{
	static const char *const bad[][2] = {
		{ "", "one of --kernel, --flat, --restore" },
		{ "--kernel a --flat b", "one of --kernel, --flat, --restore" },
		{ "--flat a --initrd b", "--initrd goes with --kernel" },
		{ "--kernel a --mem 0", "--mem 0: expected a number from 1" },
		{ "--kernel a --mem 12x", "--mem 12x" },
		{ "--kernel a --mem -5", "--mem -5" },
		{ "--kernel a --mem 99999999999999999999", "--mem 9999" },
		{ "--kernel a --cpus 65", "from 1 to 64" },
		{ "--kernel a --deadline soon", "--deadline soon: expected seconds" },
		{ "--kernel a --deadline nan", "--deadline nan: expected seconds" },
		{ "--kernel a --deadline -1", "expected seconds" },
		{ "--flat a --mode virtual", "expected one of real, prot, long" },
		{ "--flat a --entry 0x10000:0", "--entry 0x10000" },
		{ "--flat a --entry 1:", "--entry" },
		{ "--kernel a --disk b,rw", "unknown word \"rw\"" },
		{ "--kernel a --net bridge", "expected tap:NAME[,vhost] or loop" },
		{ "--kernel a --net tap:", "expected tap:NAME[,vhost] or loop" },
		{ "--kernel a --net loop,vhost", "expected tap:NAME[,vhost] or loop" },
		{ "--kernel a --net tap:t0,vhos", "expected tap:NAME[,vhost] or loop" },
		{ "--kernel a --net tap:a234567890123456", "the name is too long" },
		{ "--kernel a --dirty-log ring=1000", "--dirty-log" },
		{ "--kernel a --dirty-log ring=1025", "power of 2" },
		{ "--kernel a --irqchip half", "expected one of none, full, split" },
		{ "--kernel a --irqchip none --cpus 2", "needs an --irqchip" },
		{ "--kernel a --vsock 2", "--vsock 2" },
		{ "--kernel a --mode prot", "--mode goes with --flat" },
		{ "--kernel a --load 0", "--load goes with --flat" },
		{ "--restore a --entry 0", "--entry goes with --flat" },
		{ "--flat a --append x", "--append goes with --kernel" },
		{ "--restore a --append x", "--append goes with --kernel" },
		{ "--flat a --mem 3 --hugepages", "--mem 3 is odd" },
		{ "--restore a --hugepages", "a snapshot's memory is its file" },
		{ "--listen a --mem 1", "--mem goes with --kernel or --flat; a snapshot has its own" },
		{ "--listen a --restore b", "give one of --kernel, --flat, --restore, --listen" },
		{ "--flat a --migrate-to s --snapshot t", "SIGUSR1 is for one of them" },
		{ "--flat a --migrate-to s --dirty-log bitmap", "it needs KVM's log for itself" },
		{ "--restore a --mem 1", "--mem goes with --kernel or --flat; a snapshot has its own" },
		{ "--restore a --cpus 1", "--cpus goes with --kernel or --flat" },
		{ "--restore a --irqchip full", "--irqchip goes with --kernel or --flat" },
		{ "--flat a --load 0x100000", "0x100000 cannot be reached in real mode" },
		{ "--flat a --mode prot --entry 1:0", "goes with real mode" },
		{ "--flat a --mode prot --entry 0x100000000", "beyond 32 bits" },
		{ "--flat a --rng", "virtio devices need --irqchip full" },
		{ "--kernel a --rng --irqchip split", "virtio devices need --irqchip full" },
		{ "--kernel a --disk b --disk-format qcow2", "expected one of auto, raw" },
		{ "--kernel a --net loop --net loop --net loop --net loop --net loop --net loop "
		  "--net loop --net loop --disk a --disk a --disk a --disk a --disk a --disk a "
		  "--disk a --disk a --disk a --disk a --disk a --disk a --disk a --disk a "
		  "--disk a --disk a --rng", "more than 32 virtio devices" },
		{ "--kernel", "--kernel needs an argument" },
		{ "--kernel a --frobnicate", "--frobnicate: unknown option" },
		{ "--kernel a b", "b: unexpected argument" },
		{ "--kernel a --rng=1", "--rng=1: unknown option" },
		{ "--kernel a --mem=0", "--mem 0: expected a number from 1" },
		{ "-kernel a", "-kernel: unknown option" },
		{ "--kernel a --disk ,", "--disk: expected a file" },
		{ "--kernel a --console tty", "expected one of serial, virtio" },
		{ "--flat a --net loop --net loop --net loop --net loop --net loop --net loop "
		  "--net loop --net loop --net loop", "more than 8 --net" },
		{ "--kernel a --balloon", "--balloon needs an argument" },
	};
	struct opts o;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(&o, &e, bad[i][0]), -EINVAL);
		if (!strstr(e.msg, bad[i][1]))
			fail_msg("\"%s\" says \"%s\"", bad[i][0], e.msg);
	}
}

static void a_command_line_has_a_maximum_length(void **state)
{
	static char append[OPT_APPEND_MAX + 1];
	char name[] = "kvm-vmm", kernel[] = "--kernel=k", opt[] = "--append";
	char *argv[] = { name, kernel, opt, append };
	struct opts o;
	struct err e;

	(void)state;
	memset(append, 'a', OPT_APPEND_MAX - 1);
	assert_int_equal(opts_parse(&o, 4, argv, &e), 0);
	append[OPT_APPEND_MAX - 1] = 'a';
	assert_int_equal(opts_parse(&o, 4, argv, &e), -EINVAL);
	assert_string_equal(e.msg, "--append: 4096 bytes, 4095 are possible");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_command_line_has_a_maximum_length),
	cmocka_unit_test(flat_guests_have_their_own_defaults),
	cmocka_unit_test(kernels_have_their_own_defaults),
	cmocka_unit_test(the_last_use_of_an_option_counts),
	cmocka_unit_test(mistakes_are_named),
};

void opts_tests(struct tests *all)
{
	ADD_TESTS(all, tests);
}
