// SPDX-License-Identifier: GPL-2.0-only
/* Port devices: what a driver sees, and which accesses end a run. */
#include "tests.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dev/device.h"
#include "dev/pc.h"
#include "dev/serial.h"
#include "vm.h"

/* ---- serial ---- */

struct uart {
	struct serial s;
	int level, changes;
	int pipe[2];
};

static void set_level(void *ctx, uint32_t line, int level)
{
	struct uart *u = ctx;

	assert_int_equal(line, SERIAL_IRQ);
	u->level = level;
	u->changes++;
}

static void uart_begin(struct uart *u)
{
	struct irq irq = { set_level, u, SERIAL_IRQ };
	struct out out;

	memset(u, 0, sizeof(*u));
	assert_int_equal(pipe2(u->pipe, O_NONBLOCK), 0);
	out = (struct out){ .fd = u->pipe[1] };
	serial_init(&u->s, &irq, &out);
}

static void uart_end(struct uart *u)
{
	close(u->pipe[0]);
	close(u->pipe[1]);
}

static void reg_out(struct uart *u, uint64_t reg, uint8_t v)
{
	serial_io(&u->s, reg, &v, 1, true);
}

static uint8_t reg_in(struct uart *u, uint64_t reg)
{
	uint8_t v = 0xaa;

	serial_io(&u->s, reg, &v, 1, false);
	return v;
}

static void serial_sends(void **state)
{
	struct uart u;
	char buf[8] = "";

	(void)state;
	uart_begin(&u);
	assert_int_equal(reg_in(&u, 5) & 0x60, 0x60);
	reg_out(&u, 0, 'h');
	reg_out(&u, 0, 'i');
	assert_int_equal(read(u.pipe[0], buf, 8), 2);
	assert_string_equal(buf, "hi");
	uart_end(&u);
}

static void serial_divisor_latch_hides_the_data_register(void **state)
{
	struct uart u;
	char c;

	(void)state;
	uart_begin(&u);
	reg_out(&u, 3, 0x83);
	reg_out(&u, 0, 0x0c);
	reg_out(&u, 1, 0x01);
	assert_int_equal(reg_in(&u, 0), 0x0c);
	assert_int_equal(reg_in(&u, 1), 0x01);
	assert_int_equal(read(u.pipe[0], &c, 1), -1);
	reg_out(&u, 3, 0x03);
	assert_int_equal(reg_in(&u, 1), 0);
	uart_end(&u);
}

static void serial_receives_and_interrupts(void **state)
{
	struct uart u;

	(void)state;
	uart_begin(&u);
	assert_int_equal(serial_input(&u.s, (const uint8_t *)"ab", 2), 2);
	assert_int_equal(u.level, 0);		/* not enabled yet */
	reg_out(&u, 1, 1);
	assert_int_equal(u.level, 1);
	assert_int_equal(reg_in(&u, 2) & 0xf, 4);
	assert_int_equal(reg_in(&u, 5) & 1, 1);
	assert_int_equal(reg_in(&u, 0), 'a');
	assert_int_equal(u.level, 1);
	assert_int_equal(reg_in(&u, 0), 'b');
	assert_int_equal(u.level, 0);
	assert_int_equal(u.changes, 2);
	assert_int_equal(reg_in(&u, 5) & 1, 0);
	assert_int_equal(reg_in(&u, 0), 0);
	uart_end(&u);
}

static void serial_transmitter_empty_interrupt(void **state)
{
	struct uart u;

	(void)state;
	uart_begin(&u);
	reg_out(&u, 1, 2);
	assert_int_equal(u.level, 1);		/* there is room at once */
	assert_int_equal(reg_in(&u, 2) & 0xf, 2);	/* reading it clears it */
	assert_int_equal(u.level, 0);
	assert_int_equal(reg_in(&u, 2) & 0xf, 1);
	reg_out(&u, 0, 'x');
	assert_int_equal(u.level, 1);
	reg_out(&u, 1, 0);
	assert_int_equal(u.level, 0);
	uart_end(&u);
}

static void serial_fifo_is_bounded_and_wraps(void **state)
{
	struct uart u;
	uint8_t big[SERIAL_FIFO + 10];
	int i, k;

	(void)state;
	uart_begin(&u);
	for (i = 0; i < (int)sizeof(big); i++)
		big[i] = (uint8_t)i;
	assert_int_equal(serial_input(&u.s, big, sizeof(big)), SERIAL_FIFO);
	assert_int_equal(serial_input(&u.s, big, 1), 0);
	for (k = 0; k < 100; k++)
		assert_int_equal(reg_in(&u, 0), (uint8_t)k);
	assert_int_equal(serial_input(&u.s, big, 150), 100);
	for (; k < SERIAL_FIFO; k++)
		assert_int_equal(reg_in(&u, 0), (uint8_t)k);
	for (k = 0; k < 100; k++)
		assert_int_equal(reg_in(&u, 0), (uint8_t)k);
	assert_int_equal(serial_input(&u.s, big, 3), 3);
	reg_out(&u, 4, 2);			/* RTS, then clear */
	reg_out(&u, 2, 7);
	assert_int_equal(reg_in(&u, 5) & 1, 0);
	assert_int_equal(serial_input(&u.s, big, sizeof(big)), SERIAL_FIFO);
	uart_end(&u);
}

/* Linux's probing of the chip (8250_port.c) must not lose earlier input. */
static void serial_keeps_input_for_a_guest_that_is_not_ready(void **state)
{
	struct uart u;

	(void)state;
	uart_begin(&u);
	assert_int_equal(serial_input(&u.s, (const uint8_t *)"ab", 2), 2);
	reg_out(&u, 2, 3);			/* clear the FIFO first of all */
	reg_out(&u, 4, 0x1a);			/* loopback test */
	assert_int_equal(serial_input(&u.s, (const uint8_t *)"c", 1), 0);
	reg_out(&u, 4, 0);
	reg_out(&u, 2, 7);
	assert_int_equal(reg_in(&u, 5) & 1, 0);
	assert_int_equal(reg_in(&u, 0), 0);
	assert_int_equal(serial_input(&u.s, (const uint8_t *)"c", 1), 0);
	reg_out(&u, 4, 3);			/* open the port: DTR, RTS */
	assert_int_equal(reg_in(&u, 5) & 1, 1);
	assert_int_equal(reg_in(&u, 0), 'a');
	assert_int_equal(serial_input(&u.s, (const uint8_t *)"c", 1), 1);
	assert_int_equal(reg_in(&u, 0), 'b');
	assert_int_equal(reg_in(&u, 0), 'c');
	uart_end(&u);
}

static void serial_reports_when_it_accepts_input_again(void **state)
{
	struct uart u;
	uint8_t big[SERIAL_FIFO + 1] = { 0 };
	uint64_t n;
	int i;

	(void)state;
	uart_begin(&u);
	u.s.wake_fd = eventfd(0, EFD_NONBLOCK);
	assert_int_equal(serial_input(&u.s, big, sizeof(big)), SERIAL_FIFO);
	for (i = 0; i < SERIAL_FIFO / 2 - 1; i++)
		reg_in(&u, 0);
	assert_int_equal(read(u.s.wake_fd, &n, 8), -1);
	reg_in(&u, 0);
	assert_int_equal(read(u.s.wake_fd, &n, 8), 8);
	reg_in(&u, 0);
	assert_int_equal(read(u.s.wake_fd, &n, 8), -1);
	reg_out(&u, 4, 0);
	assert_int_equal(serial_input(&u.s, big, 1), 0);
	reg_out(&u, 4, 2);
	assert_int_equal(read(u.s.wake_fd, &n, 8), 8);
	close(u.s.wake_fd);
	uart_end(&u);
}

/* Input must not wait for a vCPU that waits until somebody reads the output. */
static void *write_one(void *s)
{
	char c = 'x';

	serial_io(s, 0, &c, 1, true);
	return NULL;
}

static void serial_accepts_input_while_output_is_stuck(void **state)
{
	struct uart u;
	pthread_t t;
	char buf[4096] = "";
	int fl;

	(void)state;
	uart_begin(&u);
	fl = fcntl(u.pipe[1], F_GETFL);
	fcntl(u.pipe[1], F_SETFL, fl | O_NONBLOCK);
	while (write(u.pipe[1], buf, sizeof(buf)) > 0)
		;
	fcntl(u.pipe[1], F_SETFL, fl & ~O_NONBLOCK);
	assert_int_equal(pthread_create(&t, NULL, write_one, &u.s), 0);
	alarm(60);		/* ends a hang */
	assert_int_equal(serial_input(&u.s, (const uint8_t *)"a", 1), 1);
	assert_int_equal(reg_in(&u, 0), 'a');
	while (read(u.pipe[0], buf, sizeof(buf)) > 0)
		;
	pthread_join(t, NULL);
	assert_int_equal(serial_input(&u.s, (const uint8_t *)"b", 1), 1);
	alarm(0);
	uart_end(&u);
}

static void note_output_error(void *ctx, int error)
{
	*(int *)ctx = error;
}

/* Console output is split into lines. A panic counts if only its trace follows it. */
static void told(void *ctx, const char *panic)
{
	snprintf(ctx, WATCH_LINE, "%s", panic);
}

static void consoles_are_watched(void **state)
{
	static const char panic[] = "[    1.2] Kernel panic - not syncing: VFS: no root\r\n";
	static const char end[] = "[ 1.3] ---[ end Kernel panic - not syncing: VFS: no root ]---\r\n";
	static const char other[] = "[ 1.3] ---[ end Kernel panic - not syncing: another ]---\n";
	static struct watch w;
	char seen[WATCH_LINE] = "", big[1000];
	int i;

	(void)state;
	pthread_mutex_init(&w.lock, NULL);
	w.panicked = told;
	w.ctx = seen;
	assert_null(watch_last(&w));
	watch_put(&w, "\r\n\n", 3);
	assert_null(watch_last(&w));
	for (i = 0; "hel\033lo\r\n"[i]; i++)
		watch_put(&w, "hel\033lo\r\n" + i, 1);
	watch_put(&w, "not whole", 9);
	assert_string_equal(watch_last(&w), "hello");
	assert_null(watch_panic(&w));
	watch_put(&w, "\n", 1);
	watch_put(&w, panic, sizeof(panic) - 1);
	assert_string_equal(watch_panic(&w), "Kernel panic - not syncing: VFS: no root");
	watch_put(&w, "CPU: 0\n", 7);
	assert_string_equal(seen, "");
	watch_put(&w, end, sizeof(end) - 1);
	assert_string_equal(seen, "Kernel panic - not syncing: VFS: no root");
	/* A log that mentions an old panic. */
	for (i = 0; i < 200; i++)
		watch_put(&w, "x\n", 2);
	assert_null(watch_panic(&w));
	seen[0] = '\0';
	watch_put(&w, panic, sizeof(panic) - 1);
	watch_put(&w, other, sizeof(other) - 1);
	assert_string_equal(seen, "");
	/* A line that is too long is cut. */
	memset(big, 'a', sizeof(big));
	watch_put(&w, big, sizeof(big));
	watch_put(&w, "\n", 1);
	assert_int_equal(strlen(watch_last(&w)), WATCH_LINE - 1);
}

static void output_errors_are_reported(void **state)
{
	int error = 0;
	struct out out = { .fd = open("/dev/full", O_WRONLY | O_CLOEXEC),
			   .failed = note_output_error, .ctx = &error };

	(void)state;
	assert_true(out.fd >= 0);
	assert_false(out_write(&out, "lost", 4));
	assert_int_equal(error, ENOSPC);
	close(out.fd);
}

static void serial_loopback_stays_inside(void **state)
{
	struct uart u;
	char c;

	(void)state;
	uart_begin(&u);
	assert_int_equal(reg_in(&u, 6), 0xb0);
	reg_out(&u, 4, 0x1a);
	assert_int_equal(reg_in(&u, 6), 0x90);
	reg_out(&u, 0, 'z');
	assert_int_equal(reg_in(&u, 0), 'z');
	assert_int_equal(read(u.pipe[0], &c, 1), -1);
	reg_out(&u, 7, 0x5a);
	assert_int_equal(reg_in(&u, 7), 0x5a);
	uart_end(&u);
}

static void output_to_a_full_pipe_ends_when_stopping(void **state)
{
	atomic_bool stop = true;
	char fill[4096] = { 0 };
	int p[2];
	struct out out;

	(void)state;
	assert_int_equal(pipe2(p, O_NONBLOCK), 0);
	while (write(p[1], fill, sizeof(fill)) > 0)
		;
	out = (struct out){ .fd = p[1], .stop = &stop };
	out_write(&out, "lost", 4);		/* if it does not return, the test hangs */
	close(p[0]);
	stop = false;
	out_write(&out, "lost", 4);		/* nobody reads: EPIPE */
	close(p[1]);
}

/* ---- the rest ---- */

static struct devices devs;

static void pc_begin(struct vm *vm)
{
	memset(vm, 0, sizeof(*vm));
	vm->fd = vm->stop_fd = -1;
	vm->cfg.cpus = 3;
	pthread_mutex_init(&vm->lock, NULL);
	pthread_cond_init(&vm->cond, NULL);
	assert_int_equal(mem_add_ram(&vm->mem, 32 << 20, NULL), 0);
	devs = (struct devices){ .vm = vm, .flat = true, .out = { .fd = STDOUT_FILENO },
				 .input_fd = -1 };
	assert_int_equal(device_add(&devs, &pc_device, NULL, NULL), 0);
	assert_int_equal(device_add(&devs, &pci_device, NULL, NULL), 0);
}

static void pc_end(struct vm *vm)
{
	devices_free(&devs);
	mem_free(&vm->mem);
}

static void out8(struct vm *vm, uint16_t port, uint8_t v)
{
	bus_access(&vm->pio, port, &v, 1, true);
}

static uint8_t in8(struct vm *vm, uint16_t port)
{
	uint8_t v;

	bus_access(&vm->pio, port, &v, 1, false);
	return v;
}

struct ending {
	uint16_t port;
	uint8_t val;
	int status;
};

static void ports_that_end_the_run(void **state)
{
	static const struct ending e[] = {
		{ 0x64, 0xfe, VM_RESET }, { 0xcf9, 0x06, VM_RESET },
		{ 0xcf9, 0x0e, VM_RESET }, { PC_RESET_REG, 1, VM_RESET },
		{ PC_SLEEP_CONTROL, 0x20 | 5 << 2, VM_SHUTDOWN },
		{ 0xf4, 0, 1 }, { 0xf4, 1, 3 }, { 0xf4, 21, 43 },
		{ 0xf4, 255, 255 },
	};
	struct vm vm;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(e) / sizeof(e[0]); i++) {
		pc_begin(&vm);
		out8(&vm, e[i].port, e[i].val);
		assert_true(vm.stopping);
		assert_int_equal(vm.status, e[i].status);
		pc_end(&vm);
	}
}

static void ports_that_do_not_end_the_run(void **state)
{
	static const struct ending e[] = {
		{ 0x64, 0xad, 0 }, { 0x60, 0xfe, 0 }, { 0xcf9, 2, 0 },
		{ PC_RESET_REG, 0, 0 }, { PC_SLEEP_CONTROL, 5 << 2, 0 },
		{ PC_SLEEP_CONTROL, 0x20 | 3 << 2, 0 }, { 0xf5, 1, 0 },
		{ 0x8900, 'S', 0 },
	};
	struct vm vm;
	size_t i;

	(void)state;
	pc_begin(&vm);
	for (i = 0; i < sizeof(e) / sizeof(e[0]); i++) {
		out8(&vm, e[i].port, e[i].val);
		assert_false(vm.stopping);
	}
	pc_end(&vm);
}

static void test_memory_answers_mmio(void **state)
{
	uint64_t v = 0x1122334455667788ULL;
	struct vm vm;

	(void)state;
	pc_begin(&vm);
	assert_true(bus_access(&vm.mmio, PC_IORAM + PC_IORAM_LEN - 8, &v, 8, true));
	assert_true(bus_access(&vm.mmio, PC_IORAM + PC_IORAM_LEN - 7, &v, 1, false));
	assert_int_equal((uint8_t)v, 0x77);
	assert_false(bus_access(&vm.mmio, PC_IORAM + PC_IORAM_LEN - 4, &v, 8, true));
	pc_end(&vm);
}

static void the_word_shutdown_ends_the_run(void **state)
{
	static const char text[] = "ShutSShutdow";
	struct vm vm;
	int i;

	(void)state;
	pc_begin(&vm);
	for (i = 0; text[i]; i++)
		out8(&vm, 0x8900, (uint8_t)text[i]);
	assert_false(vm.stopping);
	out8(&vm, 0x8900, 'n');
	assert_true(vm.stopping);
	assert_int_equal(vm.status, VM_SHUTDOWN);
	pc_end(&vm);
}

static void the_first_verdict_stands(void **state)
{
	struct vm vm;

	(void)state;
	pc_begin(&vm);
	vm_stop(&vm, VM_DEADLINE, "late by %d", 7);
	out8(&vm, 0x64, 0xfe);
	assert_int_equal(vm.status, VM_DEADLINE);
	assert_string_equal(vm.why, "late by 7");
	pc_end(&vm);
}

static void fw_cfg_reports_cpus_and_ram(void **state)
{
	struct vm vm;
	uint16_t key = 5;
	int i;

	(void)state;
	pc_begin(&vm);
	bus_access(&vm.pio, 0x510, &key, 2, true);
	assert_int_equal(in8(&vm, 0x511), 3);
	assert_int_equal(in8(&vm, 0x511), 0);
	key = 3;
	bus_access(&vm.pio, 0x510, &key, 2, true);
	assert_int_equal(in8(&vm, 0x511), 0);
	in8(&vm, 0x511);
	in8(&vm, 0x511);
	assert_int_equal(in8(&vm, 0x511), 2);	/* 32 MiB: 0x02000000 */
	key = 0x4242;
	bus_access(&vm.pio, 0x510, &key, 2, true);
	for (i = 0; i < 100; i++)
		assert_int_equal(in8(&vm, 0x511), 0);
	pc_end(&vm);
}

static void keyboard_controller_passes_its_self_test(void **state)
{
	struct vm vm;

	(void)state;
	pc_begin(&vm);
	assert_int_equal(in8(&vm, 0x64), 0x14);
	out8(&vm, 0x64, 0xaa);
	assert_int_equal(in8(&vm, 0x64), 0x15);
	assert_int_equal(in8(&vm, 0x60), 0x55);
	assert_int_equal(in8(&vm, 0x64), 0x14);
	pc_end(&vm);
}

static void clock_has_the_date_in_utc(void **state)
{
	time_t before = time(NULL), t;
	struct tm tm = { 0 };
	struct vm vm;
	int i, r[10];

	(void)state;
	pc_begin(&vm);
	do {	/* read again if the second changed meanwhile */
		before = time(NULL);
		for (i = 0; i < 10; i++) {
			out8(&vm, 0x70, (uint8_t)(0x80 | i));
			r[i] = in8(&vm, 0x71);
			r[i] = (r[i] >> 4) * 10 + (r[i] & 0xf);
		}
	} while (time(NULL) != before);
	tm.tm_sec = r[0];
	tm.tm_min = r[2];
	tm.tm_hour = r[4];
	tm.tm_mday = r[7];
	tm.tm_mon = r[8] - 1;
	tm.tm_year = r[9] + 100;
	t = timegm(&tm);
	assert_int_equal(t, before);
	assert_int_equal(r[6], tm.tm_wday + 1);
	out8(&vm, 0x70, 0x35);
	assert_int_equal(in8(&vm, 0x71), 1);	/* 16 MiB above 16 MiB */
	out8(&vm, 0x70, 0x7f);
	out8(&vm, 0x71, 0x77);
	assert_int_equal(in8(&vm, 0x71), 0x77);
	pc_end(&vm);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(serial_sends),
	cmocka_unit_test(serial_divisor_latch_hides_the_data_register),
	cmocka_unit_test(serial_receives_and_interrupts),
	cmocka_unit_test(serial_transmitter_empty_interrupt),
	cmocka_unit_test(serial_fifo_is_bounded_and_wraps),
	cmocka_unit_test(serial_keeps_input_for_a_guest_that_is_not_ready),
	cmocka_unit_test(serial_reports_when_it_accepts_input_again),
	cmocka_unit_test(serial_accepts_input_while_output_is_stuck),
	cmocka_unit_test(output_errors_are_reported),
	cmocka_unit_test(consoles_are_watched),
	cmocka_unit_test(serial_loopback_stays_inside),
	cmocka_unit_test(output_to_a_full_pipe_ends_when_stopping),
	cmocka_unit_test(ports_that_end_the_run),
	cmocka_unit_test(ports_that_do_not_end_the_run),
	cmocka_unit_test(test_memory_answers_mmio),
	cmocka_unit_test(the_word_shutdown_ends_the_run),
	cmocka_unit_test(the_first_verdict_stands),
	cmocka_unit_test(fw_cfg_reports_cpus_and_ram),
	cmocka_unit_test(keyboard_controller_passes_its_self_test),
	cmocka_unit_test(clock_has_the_date_in_utc),
};

void pc_tests(struct tests *all)
{
	ADD_TESTS(all, tests);
}
