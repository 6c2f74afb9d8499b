// SPDX-License-Identifier: GPL-2.0-only
/* virtio-blk, driven like by a guest. */
#include "tests.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "driver.h"

#define NEXT		1
#define WRITE		2
#define SECTORS		64

struct fixture {
	struct driver d;
	char path[32], arg[64];
};

static const struct out nowhere = { .fd = -1 };

/* The disk has SECTORS sectors, each filled with its number, from 1 on. */
static struct fixture *blk_begin_as(bool readonly, bool direct)
{
	struct fixture *f = calloc(1, sizeof(*f));
	uint8_t data[512];
	int fd, i;

	assert_non_null(f);
	assert_int_equal(driver_begin(&f->d, 4 << 20, &nowhere), 0);
	strcpy(f->path, "/tmp/vmm-test-XXXXXX");
	fd = mkstemp(f->path);
	assert_true(fd >= 0);
	for (i = 0; i < SECTORS; i++) {
		memset(data, i + 1, sizeof(data));
		assert_int_equal(write(fd, data, 512), 512);
	}
	close(fd);
	snprintf(f->arg, sizeof(f->arg), "%s%s%s", f->path, readonly ? ",ro" : "",
		 direct ? ",direct" : "");
	/* The option's text must outlive the device. */
	assert_int_equal(driver_device(&f->d, "disk", f->arg, NULL), 0);
	driver_start(&f->d, 0);
	return f;
}

static struct fixture *blk_begin(bool readonly)
{
	return blk_begin_as(readonly, false);
}

static void blk_end(struct fixture *f)
{
	driver_end(&f->d);
	unlink(f->path);
	free(f);
}

/* Make a request with @len data bytes at BUFS + 0x1000; returns its status byte. */
static int blk_request(struct fixture *f, uint32_t type, uint64_t sector,
		       uint32_t len, bool device_writes)
{
	struct {
		uint32_t type, reserved;
		uint64_t sector;
	} r = { type, 0, sector };
	uint8_t *s = mem_at(f->d.mem, BUFS + 0x800, 1);

	mem_write(f->d.mem, BUFS, &r, sizeof(r));
	*s = 0xee;
	put_desc(&f->d, 0, 0, BUFS, 16, NEXT, len ? 1 : 2);
	put_desc(&f->d, 0, 1, BUFS + 0x1000, len, NEXT | (device_writes ? WRITE : 0), 2);
	put_desc(&f->d, 0, 2, BUFS + 0x800, 1, WRITE, 0);
	offer(&f->d, 0, 0);
	kick(&f->d, 0);
	return *s;
}

static void blk_reads_and_writes(void **state)
{
	struct fixture *f = blk_begin(false);
	uint8_t *p = mem_at(f->d.mem, BUFS + 0x1000, 4096);

	(void)state;
	assert_int_equal(reg_read(&f->d, 0x100), SECTORS);
	assert_int_equal(blk_request(f, 0, 2, 1024, true), 0);
	assert_int_equal(p[0], 3);
	assert_int_equal(p[1023], 4);
	assert_int_equal(used_len(&f->d, 0, 0), 1025);
	memset(p, 0x99, 512);
	assert_int_equal(blk_request(f, 1, SECTORS - 1, 512, false), 0);
	assert_int_equal(blk_request(f, 4, 0, 0, false), 0);
	memset(p, 0, 512);
	assert_int_equal(blk_request(f, 0, SECTORS - 1, 512, true), 0);
	assert_int_equal(p[511], 0x99);
	assert_int_equal(blk_request(f, 8, 0, 20, true), 0);
	assert_string_equal((char *)p, "kvm-vmm");
	blk_end(f);
}

static void blk_rejects_requests_beyond_the_disk(void **state)
{
	struct fixture *f = blk_begin(false);

	(void)state;
	assert_int_equal(blk_request(f, 0, SECTORS, 512, true), 1);
	assert_int_equal(blk_request(f, 0, SECTORS - 1, 1024, true), 1);
	assert_int_equal(blk_request(f, 0, UINT64_MAX, 512, true), 1);
	assert_int_equal(blk_request(f, 1, UINT64_MAX / 512, 512, false), 1);
	assert_int_equal(blk_request(f, 0, 0, 511, true), 1);
	assert_int_equal(blk_request(f, 77, 0, 512, true), 2);
	assert_int_equal(blk_request(f, 8, 0, 19, true), 1);
	assert_false(device_failed(&f->d));
	blk_end(f);
}

static void blk_read_only_is_not_written(void **state)
{
	struct fixture *f = blk_begin(true);

	(void)state;
	reg_write(&f->d, 0x14, 0);
	assert_true(reg_read(&f->d, 0x10) & (1 << 5));
	assert_int_equal(blk_request(f, 1, 0, 512, false), 1);
	assert_int_equal(blk_request(f, 0, 0, 512, true), 0);
	blk_end(f);
}

/* Find our file descriptor of the disk. */
static int disk_fd(const struct fixture *f)
{
	char name[32], target[64] = "";
	int fd = 2;

	while (strcmp(target, f->path)) {
		memset(target, 0, sizeof(target));
		snprintf(name, sizeof(name), "/proc/self/fd/%d", ++fd);
		assert_true(fd < 1000);
		if (readlink(name, target, sizeof(target) - 1) < 0)
			continue;
	}
	return fd;
}

/* If the host refuses O_DIRECT at an odd address, the device uses another buffer. */
static void blk_direct_accepts_any_buffer(void **state)
{
	struct fixture *f;
	uint8_t *p;

	(void)state;
	f = blk_begin_as(false, true);
	assert_true(fcntl(disk_fd(f), F_GETFL) & O_DIRECT);
	p = mem_at(f->d.mem, BUFS + 0x1000, 4096);
	memset(p, 0x5a, 1024);
	assert_int_equal(blk_request(f, 1, 2, 1024, false), 0);
	memset(p, 0, 1024);
	assert_int_equal(blk_request(f, 0, 2, 1024, true), 0);
	assert_int_equal(p[0] & p[1023], 0x5a);
	/* The same sectors and their neighbours, into a buffer three bytes past a sector. */
	put_desc(&f->d, 0, 1, BUFS + 0x1003, 2048, NEXT | WRITE, 2);
	*(uint32_t *)mem_at(f->d.mem, BUFS, 4) = 0;
	*(uint64_t *)mem_at(f->d.mem, BUFS + 8, 8) = 1;
	offer(&f->d, 0, 0);
	kick(&f->d, 0);
	assert_int_equal(*(uint8_t *)mem_at(f->d.mem, BUFS + 0x800, 1), 0);
	assert_int_equal(p[3], 2);
	assert_int_equal(p[3 + 512] & p[3 + 1535], 0x5a);
	assert_int_equal(p[3 + 2047], 5);
	blk_end(f);
}

static void blk_discards_and_zeroes(void **state)
{
	struct fixture *f = blk_begin(false);
	struct {
		uint64_t sector;
		uint32_t count, flags;
	} r[2] = { { 8, 8, 0 }, { 0, 1, 0 } };
	uint8_t *p = mem_at(f->d.mem, BUFS + 0x1000, 4096);

	(void)state;
	memcpy(p, r, sizeof(r));
	assert_int_equal(blk_request(f, 13, 0, 32, false), 0);
	assert_int_equal(blk_request(f, 0, 15, 512, true), 0);
	assert_int_equal(p[0] | p[511], 0);
	assert_int_equal(blk_request(f, 0, 16, 512, true), 0);
	assert_int_equal(p[0], 17);
	r[0].sector = SECTORS - 1;
	r[0].count = 2;
	memcpy(p, r, sizeof(r));
	assert_int_equal(blk_request(f, 11, 0, 16, false), 1);
	r[0].count = UINT32_MAX;
	memcpy(p, r, sizeof(r));
	assert_int_equal(blk_request(f, 13, 0, 16, false), 1);
	blk_end(f);
}

static void blk_survives_a_shrinking_disk(void **state)
{
	struct fixture *f = blk_begin(false);

	(void)state;
	assert_int_equal(truncate(f->path, 512), 0);
	assert_int_equal(blk_request(f, 0, 1, 512, true), 1);
	assert_int_equal(blk_request(f, 0, 0, 1024, true), 1);
	assert_int_equal(blk_request(f, 0, 0, 512, true), 0);
	blk_end(f);
}

static void blk_requires_a_header_and_a_status_byte(void **state)
{
	struct fixture *f = blk_begin(false);
	uint8_t *s = mem_at(f->d.mem, BUFS + 0x800, 1);

	(void)state;
	*s = 0xee;
	put_desc(&f->d, 0, 0, BUFS, 15, NEXT, 1);
	put_desc(&f->d, 0, 1, BUFS + 0x800, 1, WRITE, 0);
	offer(&f->d, 0, 0);
	kick(&f->d, 0);
	assert_int_equal(*s, 1);
	put_desc(&f->d, 0, 0, BUFS, 16, 0, 0);
	offer(&f->d, 0, 0);
	kick(&f->d, 0);
	assert_true(device_failed(&f->d));
	blk_end(f);
}

static void blk_rejects_what_is_not_a_disk(void **state)
{
	static const char *const bad[][2] = {
		{ "/proc/nonexistent", "/proc/nonexistent: cannot open the disk" },
		{ "/dev/null", "/dev/null: neither a file nor a block device" },
		{ "/tmp", "/tmp: neither a file nor a block device" },
	};
	struct driver d;
	char arg[32];
	struct err e;
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		assert_int_equal(driver_begin(&d, 1 << 20, &nowhere), 0);
		snprintf(arg, sizeof(arg), "%s,ro", bad[i][0]);
		assert_int_equal(driver_device(&d, "disk", arg, &e), i ? -EINVAL : -ENOENT);
		assert_non_null(strstr(e.msg, bad[i][1]));
		driver_end(&d);
	}
}

/* A request that takes more than a turn must continue in the next one where it was. */
static void blk_large_requests_continue_in_another_turn(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	uint8_t zero[16] = { 0 };	/* the header: read, from sector 0 on */
	uint64_t len = 96ULL << 20;
	unsigned int turns = 1, i;
	struct loop *l;
	uint8_t *s, *p;

	(void)state;
	assert_non_null(f);
	assert_int_equal(driver_begin(&f->d, 128 << 20, &nowhere), 0);
	strcpy(f->path, "/tmp/vmm-test-XXXXXX");
	close(mkstemp(f->path));
	assert_int_equal(truncate(f->path, (off_t)len), 0);
	snprintf(f->arg, sizeof(f->arg), "%s", f->path);
	assert_int_equal(driver_device(&f->d, "disk", f->arg, NULL), 0);
	driver_start(&f->d, 0);
	f->d.v->turn_us = 0;		/* every look at the clock ends a turn */
	l = &f->d.all.dev[0].loop;
	p = mem_at(f->d.mem, BUFS + 0x1000, len);
	s = mem_at(f->d.mem, BUFS + 0x800, 1);
	memset(p, 0x55, len);
	*s = 0xee;
	mem_write(f->d.mem, BUFS, zero, sizeof(zero));
	put_desc(&f->d, 0, 0, BUFS, 16, NEXT, 1);
	put_desc(&f->d, 0, 1, BUFS + 0x1000, (uint32_t)len, NEXT | WRITE, 2);
	put_desc(&f->d, 0, 2, BUFS + 0x800, 1, WRITE, 0);
	offer(&f->d, 0, 0);
	kick(&f->d, 0);
	for (; *s == 0xee; turns++)
		assert_true(loop_once(l, 60000) > 0);
	assert_int_equal(*s, 0);
	assert_int_equal(used_idx(&f->d, 0), 1);
	assert_int_equal(used_len(&f->d, 0, 0), len + 1);
	for (i = 0; i < len; i += 4096)
		assert_int_equal(p[i], 0);
	assert_int_equal(turns, len >> 20);	/* a piece is 1 MiB */
	blk_end(f);
}

static void write_at(const char *path, off_t at, const char *s, size_t n)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(pwrite(fd, s, n, at), n);
	close(fd);
}

static void blk_refuses_images_of_other_formats(void **state)
{
	static const struct {
		const char *name;
		off_t at;
		const char *magic;
	} t[] = {
		{ "qcow", 0, "QFI\xfb" }, { "VMDK", 0, "KDMV" }, { "VMDK", 0, "# Disk DescriptorFile" },
		{ "VDI", 64, "\x7f\x10\xda\xbe" }, { "VHD", 4096 - 512, "conectix" },
		{ "VHD", 0, "conectix" }, { "VHDX", 0, "vhdxfile" }, { "QED", 0, "QED" },
		{ "Parallels", 0, "WithouFreSpacExt" }, { NULL, 1, "QFI\xfb" },
	};
	char path[] = "/tmp/vmm-test-XXXXXX", arg[64];
	struct driver d;
	struct err e;
	unsigned int i, raw;

	(void)state;
	close(mkstemp(path));
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		for (raw = 0; raw < 2; raw++) {
			write_at(path, t[i].at, t[i].magic, strlen(t[i].magic));
			assert_int_equal(driver_begin(&d, 1 << 20, &nowhere), 0);
			d.all.raw = raw;
			strcpy(arg, path);
			assert_int_equal(driver_device(&d, "disk", arg, &e),
					 t[i].name && !raw ? -EINVAL : 0);
			if (t[i].name && !raw) {
				assert_non_null(strstr(e.msg, t[i].name));
				assert_non_null(strstr(e.msg, "--disk-format raw"));
			}
			driver_end(&d);
		}
	unlink(path);
}

static void blk_is_locked_by_one_writer_or_by_readers(void **state)
{
	static const struct {
		const char *first, *second;
		int rc;
	} t[] = { { "", "", -EBUSY }, { "", ",ro", -EBUSY }, { ",ro", "", -EBUSY }, { ",ro", ",ro", 0 } };
	char path[] = "/tmp/vmm-test-XXXXXX", arg[2][64];
	struct driver d[2];
	struct err e;
	unsigned int i;

	(void)state;
	close(mkstemp(path));
	assert_int_equal(truncate(path, 4096), 0);
	for (i = 0; i < 4; i++) {
		snprintf(arg[0], sizeof(arg[0]), "%s%s", path, t[i].first);
		snprintf(arg[1], sizeof(arg[1]), "%s%s", path, t[i].second);
		assert_int_equal(driver_begin(&d[0], 1 << 20, &nowhere), 0);
		assert_int_equal(driver_begin(&d[1], 1 << 20, &nowhere), 0);
		assert_int_equal(driver_device(&d[0], "disk", arg[0], NULL), 0);
		assert_int_equal(driver_device(&d[1], "disk", arg[1], &e), t[i].rc);
		if (t[i].rc)
			assert_non_null(strstr(e.msg, "in use as a disk"));
		driver_end(&d[0]);
		driver_end(&d[1]);
	}
	unlink(path);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(blk_large_requests_continue_in_another_turn),
	cmocka_unit_test(blk_refuses_images_of_other_formats),
	cmocka_unit_test(blk_is_locked_by_one_writer_or_by_readers),
	cmocka_unit_test(blk_reads_and_writes),
	cmocka_unit_test(blk_rejects_requests_beyond_the_disk),
	cmocka_unit_test(blk_read_only_is_not_written),
	cmocka_unit_test(blk_discards_and_zeroes),
	cmocka_unit_test(blk_direct_accepts_any_buffer),
	cmocka_unit_test(blk_survives_a_shrinking_disk),
	cmocka_unit_test(blk_requires_a_header_and_a_status_byte),
	cmocka_unit_test(blk_rejects_what_is_not_a_disk),
};

void blk_tests(struct tests *all)
{
	ADD_TESTS(all, tests);
}
