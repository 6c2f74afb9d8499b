// SPDX-License-Identifier: GPL-2.0-only
/* A guest's standard input: no byte is lost, nothing spins, the terminal's keys work. */
#include "tests.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dev/serial.h"
#include "driver.h"
#include "input.h"
#include "vm.h"

#define MANY	(4U << 20)

struct fixture {
	struct driver d;
	struct input in;
	struct serial *s;
};

static const struct out nowhere = { .fd = -1 };

/* Create a machine with a serial port and the input @fd. */
static struct fixture *begin(int fd, bool tty)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(driver_begin(&f->d, 1 << 20, &nowhere), 0);
	pthread_mutex_init(&f->d.vm.lock, NULL);
	pthread_cond_init(&f->d.vm.cond, NULL);
	f->d.vm.cfg.irqchip = VM_IRQCHIP_NONE;
	f->d.vm.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->d.all.input_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_int_equal(device_add(&f->d.all, &serial_device, NULL, NULL), 0);
	f->s = f->d.all.dev[0].dev;
	assert_int_equal(input_start(&f->in, &f->d.all, fd, NULL), 0);
	f->in.tty = tty;
	return f;
}

static void end(struct fixture *f)
{
	close(f->d.all.input_fd);
	close(f->d.vm.stop_fd);
	driver_end(&f->d);
	free(f);
}

static uint8_t in(struct fixture *f, uint64_t reg)
{
	uint8_t v;

	serial_io(f->s, reg, &v, 1, false);
	return v;
}

static void out(struct fixture *f, uint64_t reg, uint8_t v)
{
	serial_io(f->s, reg, &v, 1, true);
}

static uint8_t pattern(unsigned int i)
{
	return (uint8_t)(i * 2654435761U >> 24);
}

/* Serve until nothing is ready. */
static void settle(struct fixture *f)
{
	unsigned int i;

	for (i = 0; i < 1000 && loop_once(&f->d.vm.loop, 0) > 0; i++)
		;
	assert_true(i < 1000);
}

static void *write_pattern(void *arg)
{
	static uint8_t buf[MANY];
	unsigned int i;
	size_t done = 0;
	int fd = *(int *)arg;

	for (i = 0; i < MANY; i++)
		buf[i] = pattern(i);
	while (done < MANY) {
		ssize_t n = write(fd, buf + done, MANY - done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	close(fd);
	return NULL;
}

/* The guest probes the chip as Linux does, is busy for a while, then reads everything. */
static void take_it_all(struct fixture *f)
{
	unsigned int i = 0;

	settle(f);
	out(f, 4, 0x1a);
	out(f, 4, 0);
	out(f, 2, 7);
	in(f, 0);
	settle(f);
	out(f, 4, 3);
	for (;;) {
		for (; in(f, 5) & 1; i++)
			if (in(f, 0) != pattern(i))
				fail_msg("byte %u is not what was sent", i);
		if (i == MANY)
			break;
		assert_true(loop_once(&f->d.vm.loop, 60000) > 0);
	}
	settle(f);
	assert_int_equal(in(f, 5) & 1, 0);
	assert_true(f->in.over);
}

static void a_pipe_arrives_whole(void **state)
{
	struct fixture *f;
	pthread_t t;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	f = begin(p[0], false);
	assert_int_equal(pthread_create(&t, NULL, write_pattern, &p[1]), 0);
	take_it_all(f);
	pthread_join(t, NULL);
	end(f);
	close(p[0]);
}

static void a_regular_file_arrives_whole(void **state)
{
	struct fixture *f;
	char path[] = "/tmp/vmm-test-XXXXXX";
	int fd = mkstemp(path), w;

	(void)state;
	assert_true(fd >= 0);
	w = open(path, O_WRONLY);
	unlink(path);
	write_pattern(&w);
	f = begin(fd, false);
	take_it_all(f);
	end(f);
	close(fd);
}

/* epoll cannot mask a hang-up: after an end of input it must not wake us again. */
static void an_end_of_input_does_not_spin(void **state)
{
	static const char *const files[] = { NULL, "/dev/null", "/" };
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct fixture *f;
		int p[2] = { -1, -1 };

		if (files[i])
			p[0] = open(files[i], O_RDONLY | O_CLOEXEC);
		else
			assert_int_equal(pipe(p), 0);
		if (p[1] >= 0) {
			assert_int_equal(write(p[1], "x", 1), 1);
			close(p[1]);
		}
		f = begin(p[0], false);
		settle(f);
		assert_int_equal(in(f, 5) & 1, !files[i]);
		assert_true(f->in.over);
		end(f);
		close(p[0]);
	}
}

/* Ctrl-A x works even if the guest reads nothing. In a pipe it has no meaning. */
static void keys_of_a_terminal(void **state)
{
	static uint8_t buf[8192];
	struct fixture *f;
	int p[2], tty;

	(void)state;
	for (tty = 0; tty < 2; tty++) {
		assert_int_equal(pipe(p), 0);
		f = begin(p[0], tty);
		assert_int_equal(write(p[1], "a\1\1b", 4), 4);
		settle(f);
		assert_int_equal(in(f, 0), 'a');
		assert_int_equal(in(f, 0), 1);
		assert_int_equal(in(f, 0), tty ? 'b' : 1);
		assert_int_equal(write(p[1], buf, sizeof(buf)), sizeof(buf));
		assert_int_equal(write(p[1], "\1x", 2), 2);
		settle(f);
		assert_int_equal(atomic_load(&f->d.vm.stopping), tty);
		end(f);
		close(p[0]);
		close(p[1]);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_pipe_arrives_whole),
	cmocka_unit_test(a_regular_file_arrives_whole),
	cmocka_unit_test(an_end_of_input_does_not_spin),
	cmocka_unit_test(keys_of_a_terminal),
};

void input_tests(struct tests *all)
{
	ADD_TESTS(all, tests);
}
