// SPDX-License-Identifier: GPL-2.0-only
/* Virtqueues, the MMIO transport and each device, driven like by a guest. */
#include "tests.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "driver.h"

#define NEXT		1
#define WRITE		2
#define INDIRECT	4

struct fixture {
	struct driver d;
};

/* A machine with the device of --@option @arg. */
static struct fixture *begin(const char *option, const char *arg, const struct out *out)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char word[16];

	assert_non_null(f);
	snprintf(word, sizeof(word), "%s", arg ? arg : "");
	assert_int_equal(driver_begin(&f->d, 4 << 20, out), 0);
	assert_int_equal(driver_device(&f->d, option, word, NULL), 0);
	return f;
}

static void end(struct fixture *f)
{
	driver_end(&f->d);
	free(f);
}

static uint32_t input(struct fixture *f, const char *s)
{
	return f->d.all.input.put(f->d.all.input.dev, (const uint8_t *)s, (uint32_t)strlen(s));
}

/* ---- queue and transport, on the simplest device ---- */

static const struct out nowhere = { .fd = -1 };

static struct fixture *rng_begin(uint64_t features)
{
	struct fixture *f = begin("rng", NULL, &nowhere);

	driver_start(&f->d, features);
	return f;
}

static void registers_identify_the_device(void **state)
{
	struct fixture *f = rng_begin(0);

	(void)state;
	assert_int_equal(reg_read(&f->d, 0), 0x74726976);
	assert_int_equal(reg_read(&f->d, 4), 2);
	assert_int_equal(reg_read(&f->d, 8), 4);
	reg_write(&f->d, 0x14, 1);
	assert_int_equal(reg_read(&f->d, 0x10), 1);	/* VERSION_1 */
	reg_write(&f->d, 0x14, 2);
	assert_int_equal(reg_read(&f->d, 0x10), 0);
	reg_write(&f->d, 0x30, 0);
	assert_int_equal(reg_read(&f->d, 0x34), VIRTQ_SIZE_MAX);
	reg_write(&f->d, 0x30, 1);
	assert_int_equal(reg_read(&f->d, 0x34), 0);
	reg_write(&f->d, 0x30, UINT32_MAX);
	reg_write(&f->d, 0x44, 1);
	assert_int_equal(reg_read(&f->d, 0x44), 0);
	kick(&f->d, UINT32_MAX);
	assert_false(device_failed(&f->d));
	/* The registers next to the rings' addresses are not implemented. */
	reg_write(&f->d, 0x30, 0);
	reg_write(&f->d, 0x44, 0);
	reg_write(&f->d, 0x88, 1);
	assert_int_equal(reg_read(&f->d, 0x88), 0);
	assert_int_equal(reg_read(&f->d, 0x80), RING(0));
	end(f);
}

/* What the guest reads without an exit must equal what it would read with one. */
static void the_page_equals_the_registers(void **state)
{
	static atomic_uint page[VIRTIO_MMIO_LEN / 4];
	struct fixture *f = begin("console", "virtio", &nowhere);
	struct driver *d = &f->d;
	uint32_t off;
	int step;

	(void)state;
	d->mmio->page = page;
	d->v->isr = &page[0x60 / 4];
	driver_start(d, 0);
	for (step = 0; step < 5; step++) {
		if (step == 1)
			reg_write(d, 0x14, 1);
		else if (step == 2)
			reg_write(d, 0x30, UINT32_MAX);
		else if (step == 3)
			virtio_fail(d->v);
		else if (step == 4)
			reg_write(d, 0x70, 0);
		for (off = 0; off < VIRTIO_MMIO_LEN; off += 4)
			assert_int_equal(atomic_load(&page[off / 4]), reg_read(d, off));
		assert_int_equal(atomic_load(&page[0x60 / 4]), step == 3 ? 2 : 0);
	}
	end(f);
}

static void features_must_be_offered_and_modern(void **state)
{
	struct fixture *f = rng_begin(1ULL << 27);

	(void)state;
	assert_int_equal(reg_read(&f->d, 0x70) & VIRTIO_S_FEATURES_OK, 0);
	reg_write(&f->d, 0x70, 0);
	reg_write(&f->d, 0x70, 3 | VIRTIO_S_FEATURES_OK);
	assert_int_equal(reg_read(&f->d, 0x70) & VIRTIO_S_FEATURES_OK, 0);
	driver_start(&f->d, 0);
	assert_true(reg_read(&f->d, 0x70) & VIRTIO_S_FEATURES_OK);
	end(f);
}

static void a_request_is_served_and_signalled(void **state)
{
	struct fixture *f = rng_begin(0);
	uint8_t zero[64] = { 0 };
	uint64_t n;

	(void)state;
	put_desc(&f->d, 0, 3, BUFS, 32, WRITE | NEXT, 5);
	put_desc(&f->d, 0, 5, BUFS + 32, 32, WRITE, 0);
	offer(&f->d, 0, 3);
	kick(&f->d, 0);
	assert_int_equal(used_idx(&f->d, 0), 1);
	assert_int_equal(used_len(&f->d, 0, 0), 64);
	assert_memory_not_equal(mem_at(f->d.mem, BUFS, 64), zero, 64);
	assert_int_equal(read(f->d.mmio->irq_fd, &n, 8), 8);
	assert_int_equal(reg_read(&f->d, 0x60), 1);
	reg_write(&f->d, 0x64, 1);
	assert_int_equal(reg_read(&f->d, 0x60), 0);
	kick(&f->d, 0);					/* nothing new */
	assert_int_equal(used_idx(&f->d, 0), 1);
	assert_int_equal(read(f->d.mmio->irq_fd, &n, 8), -1);
	end(f);
}

static void a_driver_can_suppress_interrupts(void **state)
{
	struct fixture *f = rng_begin(0);
	uint16_t no = 1, event = 1;
	uint64_t n;

	(void)state;
	mem_write(f->d.mem, RING(0) + RING_AVAIL, &no, 2);
	put_desc(&f->d, 0, 0, BUFS, 8, WRITE, 0);
	offer(&f->d, 0, 0);
	kick(&f->d, 0);
	assert_int_equal(used_idx(&f->d, 0), 1);
	assert_int_equal(read(f->d.mmio->irq_fd, &n, 8), -1);
	/* With the event index: only when the used index passes it. */
	driver_start(&f->d, VIRTIO_F_EVENT_IDX);
	mem_write(f->d.mem, RING(0) + RING_AVAIL + 4 + 2 * QSIZE, &event, 2);
	put_desc(&f->d, 0, 0, BUFS, 8, WRITE, 0);
	offer(&f->d, 0, 0);
	kick(&f->d, 0);
	assert_int_equal(read(f->d.mmio->irq_fd, &n, 8), -1);
	offer(&f->d, 0, 0);
	kick(&f->d, 0);
	assert_int_equal(used_idx(&f->d, 0), 2);
	assert_int_equal(read(f->d.mmio->irq_fd, &n, 8), 8);
	end(f);
}

static void indirect_tables_work(void **state)
{
	struct fixture *f = rng_begin(VIRTIO_F_INDIRECT);

	(void)state;
	/* The table is in place of ring 1: RING(1) has two descriptors. */
	put_desc(&f->d, 1, 0, BUFS, 16, WRITE | NEXT, 1);
	put_desc(&f->d, 1, 1, BUFS + 16, 16, WRITE, 0);
	put_desc(&f->d, 0, 0, RING(1), 32, INDIRECT, 0);
	offer(&f->d, 0, 0);
	kick(&f->d, 0);
	assert_int_equal(used_len(&f->d, 0, 0), 32);
	end(f);
}

/* Every kind of broken chain: the device must ask for a reset. */
static void broken_chains_stop_the_device(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 12; i++) {
		struct fixture *f = rng_begin(VIRTIO_F_INDIRECT);
		struct driver *d = &f->d;
		uint16_t head = 0, k;

		switch (i) {
		case 0:	/* loop */
			put_desc(d, 0, 0, BUFS, 1, WRITE | NEXT, 1);
			put_desc(d, 0, 1, BUFS, 1, WRITE | NEXT, 0);
			break;
		case 1:	/* next out of the table */
			put_desc(d, 0, 0, BUFS, 1, WRITE | NEXT, QSIZE);
			break;
		case 2:	/* head out of the table */
			head = QSIZE;
			break;
		case 3:	/* buffer outside memory */
			put_desc(d, 0, 0, 1ULL << 40, 1, WRITE, 0);
			break;
		case 4:	/* buffer running out of memory */
			put_desc(d, 0, 0, (4 << 20) - 4, 5, WRITE, 0);
			break;
		case 5:	/* wrapping */
			put_desc(d, 0, 0, UINT64_MAX, UINT32_MAX, WRITE, 0);
			break;
		case 6:	/* readable after writable */
			put_desc(d, 0, 0, BUFS, 1, WRITE | NEXT, 1);
			put_desc(d, 0, 1, BUFS, 1, 0, 0);
			break;
		case 7:	/* indirect in indirect */
			put_desc(d, 0, 0, RING(1), 16, INDIRECT, 0);
			put_desc(d, 1, 0, RING(2), 16, INDIRECT, 0);
			break;
		case 8:	/* indirect table whose length is not a multiple of 16 */
			put_desc(d, 0, 0, RING(1), 17, INDIRECT, 0);
			break;
		case 9:	/* indirect with a next */
			put_desc(d, 0, 0, RING(1), 16, INDIRECT | NEXT, 1);
			break;
		case 10: /* indirect table outside memory, and empty */
			put_desc(d, 0, 0, 1ULL << 40, 16, INDIRECT, 0);
			break;
		default: /* more pending than the ring has */
			for (k = 0; k < QSIZE + 1; k++)
				offer(d, 0, 0);
			break;
		}
		offer(d, 0, head);
		kick(d, 0);
		if (!device_failed(&f->d))
			fail_msg("case %d was accepted", i);
		assert_int_equal(used_idx(d, 0), 0);
		assert_true(reg_read(d, 0x60) & 2);	/* configuration change */
		driver_start(d, 0);			/* after a reset it works again */
		assert_false(device_failed(&f->d));
		put_desc(d, 0, 0, BUFS, 8, WRITE, 0);
		offer(d, 0, 0);
		kick(d, 0);
		assert_int_equal(used_idx(d, 0), 1);
		end(f);
	}
}

static void rings_must_be_in_memory_and_aligned(void **state)
{
	static const struct {
		uint32_t reg, val;
	} bad[] = {
		{ 0x38, 0 }, { 0x38, 3 }, { 0x38, 512 }, { 0x38, UINT32_MAX },
		{ 0x80, 8 }, { 0x84, 1 }, { 0x90, 1 }, { 0x94, UINT32_MAX },
		{ 0xa0, 2 }, { 0xa0, (4 << 20) - 4 }, { 0xa4, 0x80000000 },
	};
	struct fixture *f = rng_begin(0);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		driver_start(&f->d, 0);
		reg_write(&f->d, 0x30, 0);
		reg_write(&f->d, 0x44, 0);
		reg_write(&f->d, bad[i].reg, bad[i].val);
		reg_write(&f->d, 0x44, 1);
		if (!device_failed(&f->d))
			fail_msg("register %#x accepts %#x", bad[i].reg, bad[i].val);
		kick(&f->d, 0);
	}
	end(f);
}

static void odd_accesses_are_harmless(void **state)
{
	struct fixture *f = rng_begin(0);
	uint8_t d[8];
	uint64_t off;
	uint32_t len;

	(void)state;
	for (off = 0; off < VIRTIO_MMIO_LEN; off++)
		for (len = 1; len <= 8; len *= 2)
			if (off + len <= VIRTIO_MMIO_LEN) {
				memset(d, 0xff, sizeof(d));
				virtio_mmio(f->d.mmio, off, d, len, true);
				virtio_mmio(f->d.mmio, off, d, len, false);
			}
	end(f);
}

/* ---- console, balloon, net ---- */

static void console_carries_characters_both_ways(void **state)
{
	struct fixture *f;
	int p[2];
	char buf[8] = "";

	(void)state;
	assert_int_equal(pipe(p), 0);
	f = begin("console", "virtio", &(struct out){ .fd = p[1] });
	assert_int_equal(input(f, "x"), 0);
	driver_start(&f->d, 0);
	put_desc(&f->d, 1, 0, BUFS, 5, 0, 0);
	mem_write(f->d.mem, BUFS, "hello", 5);
	offer(&f->d, 1, 0);
	kick(&f->d, 1);
	assert_int_equal(read(p[0], buf, 8), 5);
	assert_string_equal(buf, "hello");
	put_desc(&f->d, 0, 0, BUFS, 3, WRITE, 0);
	offer(&f->d, 0, 0);
	assert_int_equal(input(f, "abcdef"), 3);
	assert_int_equal(used_len(&f->d, 0, 0), 3);
	assert_memory_equal(mem_at(f->d.mem, BUFS, 3), "abc", 3);
	end(f);
	close(p[0]);
	close(p[1]);
}

/* After the console refused input, it asks for more when there is a driver and room. */
static void console_reports_when_it_accepts_input_again(void **state)
{
	static const uint64_t features[] = { 0, VIRTIO_F_EVENT_IDX };
	unsigned int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct fixture *f = calloc(1, sizeof(*f));
		char word[] = "virtio";
		uint16_t event = 1;
		uint64_t n;

		assert_non_null(f);
		assert_int_equal(driver_begin(&f->d, 4 << 20, &nowhere), 0);
		f->d.all.input_fd = eventfd(0, EFD_NONBLOCK);
		assert_int_equal(driver_device(&f->d, "console", word, NULL), 0);
		assert_int_equal(input(f, "x"), 0);
		driver_start(&f->d, features[i]);
		assert_int_equal(read(f->d.all.input_fd, &n, 8), 8);
		put_desc(&f->d, 0, 0, BUFS, 1, WRITE, 0);
		offer(&f->d, 0, 0);
		assert_int_equal(input(f, "xy"), 1);
		mem_read(f->d.mem, RING(0) + RING_USED + 4 + 8 * QSIZE, &event, 2);
		assert_int_equal(event, i);	/* the doorbell is armed */
		assert_int_equal(read(f->d.all.input_fd, &n, 8), -1);
		offer(&f->d, 0, 0);
		kick(&f->d, 0);
		assert_int_equal(read(f->d.all.input_fd, &n, 8), 8);
		assert_int_equal(input(f, "y"), 1);
		kick(&f->d, 0);
		assert_int_equal(read(f->d.all.input_fd, &n, 8), -1);
		close(f->d.all.input_fd);
		end(f);
	}
}

/* Nobody reads, so the thread is stuck in output: input and stop must still work. */
static void a_stuck_console_can_be_stopped(void **state)
{
	struct fixture *f;
	atomic_bool stop = false;
	int p[2], n = 0;

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_true(fcntl(p[1], F_SETPIPE_SZ, 4096) >= 4096);
	f = begin("console", "virtio", &(struct out){ .fd = p[1], .stop = &stop });
	driver_start(&f->d, 0);
	assert_int_equal(devices_start(&f->d.all, NULL), 0);
	put_desc(&f->d, 1, 0, BUFS, 0x10000, 0, 0);
	offer(&f->d, 1, 0);
	assert_int_equal(write(f->d.v->kick_fd[1], "\1\0\0\0\0\0\0", 8), 8);
	/* Bytes in the pipe: the thread is writing, and holds the lock. */
	while (ioctl(p[0], FIONREAD, &n) || !n)
		sched_yield();
	assert_int_equal(input(f, "x"), 0);
	assert_int_equal(used_idx(&f->d, 1), 0);
	stop = true;
	end(f);					/* joins the thread; if it cannot, the test hangs */
	close(p[0]);
	close(p[1]);
}

static void balloon_takes_only_pages_of_ram(void **state)
{
	struct fixture *f = begin("balloon", "5", &nowhere);
	uint32_t pfn[3] = { 0x200, UINT32_MAX, 0x400 }, v = 7;

	(void)state;
	driver_start(&f->d, 0);
	memset(mem_at(f->d.mem, 0x200000, 0x2000), 0x55, 0x2000);
	mem_write(f->d.mem, BUFS, pfn, sizeof(pfn));
	put_desc(&f->d, 0, 0, BUFS, 12, 0, 0);
	offer(&f->d, 0, 0);
	kick(&f->d, 0);
	assert_int_equal(used_idx(&f->d, 0), 1);
	assert_int_equal(*(uint8_t *)mem_at(f->d.mem, 0x200fff, 1), 0);
	assert_int_equal(*(uint8_t *)mem_at(f->d.mem, 0x201000, 1), 0x55);
	assert_int_equal(reg_read(&f->d, 0x100), 5 << 8);
	reg_write(&f->d, 0x104, v);
	assert_int_equal(reg_read(&f->d, 0x104), 7);
	reg_write(&f->d, 0x100, v);		/* not the driver's to write */
	assert_int_equal(reg_read(&f->d, 0x100), 5 << 8);
	end(f);
}

static void net_frames_cross_a_pair(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct loop *l = &f->d.all.dev[0].loop;
	struct device_arg a = { .type = &net_device };
	uint8_t *p;
	int fd[2], i;

	(void)state;
	assert_non_null(f);
	assert_int_equal(driver_begin(&f->d, 4 << 20, &nowhere), 0);
	p = mem_at(f->d.mem, BUFS, 0x10000);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fd), 0);
	a.number = (uint64_t)fd[0];
	assert_int_equal(device_add(&f->d.all, &net_device, &a, NULL), 0);
	f->d.v = f->d.all.virtio[0];
	f->d.mmio = f->d.v->link;
	driver_start(&f->d, 1 << 15);			/* MRG_RXBUF */
	/* Out: header and data become one frame. */
	memset(p, 0xab, 112);
	put_desc(&f->d, 1, 0, BUFS, 12, NEXT, 1);
	put_desc(&f->d, 1, 1, BUFS + 12, 100, 0, 0);
	offer(&f->d, 1, 0);
	kick(&f->d, 1);
	assert_int_equal(recv(fd[1], p + 0x8000, 0x1000, 0), 112);
	/* In: 112 bytes over two buffers of 64. */
	for (i = 0; i < 2; i++) {
		put_desc(&f->d, 0, (unsigned int)i, BUFS + 0x1000 + 0x100U * i, 64, WRITE, 0);
		offer(&f->d, 0, (uint16_t)i);
	}
	assert_int_equal(send(fd[1], p, 112, 0), 112);
	kick(&f->d, 0);
	assert_int_equal(loop_once(l, 1000), 1);
	assert_int_equal(used_idx(&f->d, 0), 2);
	assert_int_equal(used_len(&f->d, 0, 0), 64);
	assert_int_equal(used_len(&f->d, 0, 1), 48);
	assert_int_equal(p[0x1000 + 10], 2);		/* num_buffers */
	/* A frame that is too large for the buffers is dropped completely. */
	put_desc(&f->d, 0, 0, BUFS + 0x1000, 64, WRITE, 0);
	offer(&f->d, 0, 0);
	kick(&f->d, 0);
	assert_int_equal(send(fd[1], p, 112, 0), 112);
	assert_int_equal(loop_once(l, 1000), 1);
	assert_int_equal(used_idx(&f->d, 0), 2);
	assert_int_equal(send(fd[1], p, 60, 0), 60);
	assert_int_equal(loop_once(l, 1000), 1);
	assert_int_equal(used_idx(&f->d, 0), 3);
	end(f);
	close(fd[1]);
}

/* --net loop makes two cards, both attached, with their numbers in their addresses. */
static void net_loop_is_a_pair(void **state)
{
	struct fixture *f = begin("net", "loop", &nowhere);

	(void)state;
	assert_int_equal(f->d.all.nvirtio, 2);
	assert_int_equal(reg_read(&f->d, 0x100), 0x6d766b02);
	assert_int_equal(reg_read(&f->d, 0x104) & 0xffff, 0);
	f->d.mmio = f->d.all.virtio[1]->link;
	assert_int_equal(reg_read(&f->d, 0x104) & 0xffff, 0x100);
	end(f);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(registers_identify_the_device),
	cmocka_unit_test(the_page_equals_the_registers),
	cmocka_unit_test(features_must_be_offered_and_modern),
	cmocka_unit_test(a_request_is_served_and_signalled),
	cmocka_unit_test(a_driver_can_suppress_interrupts),
	cmocka_unit_test(indirect_tables_work),
	cmocka_unit_test(broken_chains_stop_the_device),
	cmocka_unit_test(rings_must_be_in_memory_and_aligned),
	cmocka_unit_test(odd_accesses_are_harmless),
	cmocka_unit_test(console_carries_characters_both_ways),
	cmocka_unit_test(console_reports_when_it_accepts_input_again),
	cmocka_unit_test(a_stuck_console_can_be_stopped),
	cmocka_unit_test(balloon_takes_only_pages_of_ram),
	cmocka_unit_test(net_frames_cross_a_pair),
	cmocka_unit_test(net_loop_is_a_pair),
};

void virtio_tests(struct tests *all)
{
	ADD_TESTS(all, tests);
}
