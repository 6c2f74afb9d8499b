// SPDX-License-Identifier: GPL-2.0-only
/* The checked memory accessor, the bus, the event loop, a host without KVM. */
#include "tests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus.h"
#include "exit_name.h"
#include "loop.h"
#include "memory.h"
#include "records.h"
#include "vm.h"

#define KIB	1024ULL
#define GIB	(1ULL << 30)

static void access_is_checked_for_its_whole_length(void **state)
{
	struct mem m = { .n = 0 };

	(void)state;
	assert_int_equal(mem_add(&m, 0x10000, 64 * KIB, NULL), 0);
	assert_non_null(mem_at(&m, 0x10000, 64 * KIB));
	assert_non_null(mem_at(&m, 0x1ffff, 1));
	assert_non_null(mem_at(&m, 0x1ffff, 0));
	assert_null(mem_at(&m, 0x10000, 64 * KIB + 1));
	assert_null(mem_at(&m, 0xffff, 2));
	assert_null(mem_at(&m, 0x20000, 1));
	assert_null(mem_at(&m, 0x20000, 0));
	assert_null(mem_at(&m, 0x1ffff, 2));
	assert_null(mem_at(&m, 0x10000, UINT64_MAX));
	assert_null(mem_at(&m, UINT64_MAX, 1));
	assert_null(mem_at(&m, UINT64_MAX, UINT64_MAX));
	mem_free(&m);
}

static void regions_must_not_overlap_wrap_or_be_unaligned(void **state)
{
	struct mem m = { .n = 0 };
	struct err e;
	int i;

	(void)state;
	assert_int_equal(mem_add(&m, 0, -1024UL * KIB, &e), -EINVAL);
	assert_int_equal(mem_add(&m, 0x10000, 64 * KIB, &e), 0);
	assert_int_equal(mem_add(&m, 0x1f000, 64 * KIB, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "overlaps"));
	assert_int_equal(mem_add(&m, 0xf000, 8 * KIB, &e), -EINVAL);
	assert_int_equal(mem_add(&m, 0, 0, &e), -EINVAL);
	assert_int_equal(mem_add(&m, 1, 4 * KIB, &e), -EINVAL);
	assert_int_equal(mem_add(&m, 0, 4 * KIB + 1, &e), -EINVAL);
	assert_int_equal(mem_add(&m, ~0xfffULL, 8 * KIB, &e), -EINVAL);
	for (i = 1; i < MEM_REGIONS_MAX; i++)
		assert_int_equal(mem_add(&m, i * GIB, 4 * KIB, &e), 0);
	assert_int_equal(mem_add(&m, 100 * GIB, 4 * KIB, &e), -ENOSPC);
	mem_free(&m);
	assert_int_equal(m.n, 0);
}

static void copies_cross_touching_regions_or_do_nothing(void **state)
{
	struct mem m = { .n = 0 };
	char buf[16] = "0123456789abcde";

	(void)state;
	assert_int_equal(mem_add(&m, 0x1000, 4 * KIB, NULL), 0);
	assert_int_equal(mem_add(&m, 0x2000, 4 * KIB, NULL), 0);
	assert_int_equal(mem_write(&m, 0x1ff8, buf, 16), 0);
	memset(buf, 0, 16);
	assert_int_equal(mem_read(&m, 0x1ff8, buf, 16), 0);
	assert_string_equal(buf, "0123456789abcde");
	assert_null(mem_at(&m, 0x1ff8, 16));
	assert_int_equal(mem_write(&m, 0x2ff8, "XXXXXXXXXXXXXXXX", 16), -EFAULT);
	assert_int_equal(mem_read(&m, 0x2ff8, buf, 8), 0);
	assert_memory_equal(buf, "\0\0\0\0\0\0\0\0", 8);
	mem_free(&m);
}

static void ram_has_a_hole_for_devices(void **state)
{
	struct mem m = { .n = 0 };

	(void)state;
	assert_int_equal(mem_add_ram(&m, 4 * GIB, NULL), 0);
	assert_int_equal(mem_ram_low(&m), 3 * GIB);
	assert_int_equal(mem_ram_high(&m), GIB);
	assert_null(mem_at(&m, MEM_LOW_MAX, 1));
	assert_non_null(mem_at(&m, MEM_HIGH_BASE + GIB - 1, 1));
	mem_free(&m);
	assert_int_equal(mem_add_ram(&m, 16 * KIB, NULL), 0);
	assert_int_equal(mem_ram_low(&m), 16 * KIB);
	assert_int_equal(mem_ram_high(&m), 0);
	mem_free(&m);
}

static void load_distinguishes_truncation_from_lack_of_room(void **state)
{
	struct mem m = { .n = 0 };
	struct err e;
	int fd = memory_file("abcdef", 6);

	(void)state;
	assert_int_equal(mem_add(&m, 0, 4 * KIB, NULL), 0);
	assert_int_equal(mem_load(&m, 0xffa, fd, 0, 6, "f", &e), 0);
	assert_memory_equal(mem_at(&m, 0xffa, 6), "abcdef", 6);
	assert_int_equal(mem_load(&m, 0xffb, fd, 0, 6, "f", &e), -EFAULT);
	assert_non_null(strstr(e.msg, "do not fit"));
	assert_int_equal(mem_load(&m, 0, fd, 2, 6, "f", &e), -ENODATA);
	assert_non_null(strstr(e.msg, "f: truncated: ends at offset 6"));
	close(fd);
	mem_free(&m);
}

struct seen {
	uint64_t off;
	uint32_t len;
	int n;
};

/* At every alignment of address and offset; the guest's writes must not reach the file. */
static void load_of_a_long_file_is_exact_and_private(void **state)
{
	enum { SIZE = 600 << 10, RAM = 1 << 20 };
	static const struct { uint64_t gpa, off; } c[] = {
		{ 0x1000, 0 }, { 0x1000, 0x2000 }, { 0x1003, 3 }, { 0x1000, 5 }, { 0x2ff8, 0x1ff8 },
	};
	uint8_t *want = malloc(SIZE), *got = malloc(RAM);
	char path[] = "/tmp/vmm-memory-XXXXXX";
	int fd = mkstemp(path);
	struct err e;
	size_t i, k;

	(void)state;
	assert_true(want && got && fd >= 0);
	unlink(path);
	for (i = 0; i < SIZE; i++)
		want[i] = (uint8_t)(i * 7 + (i >> 9));
	assert_int_equal(write(fd, want, SIZE), SIZE);
	for (k = 0; k < sizeof(c) / sizeof(c[0]); k++) {
		uint64_t len = SIZE - c[k].off - 11;
		struct mem m = { .n = 0 };

		assert_int_equal(mem_add(&m, 0, RAM, &e), 0);
		assert_int_equal(mem_load(&m, c[k].gpa, fd, c[k].off, len, "f", &e), 0);
		assert_int_equal(mem_read(&m, 0, got, RAM), 0);
		assert_memory_equal(got + c[k].gpa, want + c[k].off, len);
		for (i = 0; i < RAM; i++)
			if (i < c[k].gpa || i >= c[k].gpa + len)
				assert_int_equal(got[i], 0);
		assert_int_equal(mem_write(&m, c[k].gpa, got, len), 0);
		assert_int_equal(mem_write(&m, 0x8000, "guest", 5), 0);
		assert_int_equal(pread(fd, got, SIZE, 0), SIZE);
		assert_memory_equal(got, want, SIZE);
		assert_int_equal(mem_load(&m, 0x1000, fd, 0x1000, SIZE, "f", &e), -ENODATA);
		mem_free(&m);
	}
	close(fd);
	free(got);
	free(want);
}

static void note(void *dev, uint64_t off, void *data, uint32_t len, bool wr)
{
	struct seen *s = dev;

	s->off = off;
	s->len = len;
	s->n++;
	if (!wr)
		memset(data, 0x5a, len);
}

static void bus_passes_an_access_to_the_range_that_holds_all_of_it(void **state)
{
	struct bus b = { .n = 0 };
	struct seen s[3] = { { 0, 0, 0 } };
	uint8_t d[8];

	(void)state;
	assert_int_equal(bus_add(&b, 0x100, 8, "b", note, &s[1], NULL), 0);
	assert_int_equal(bus_add(&b, 0x10, 1, "a", note, &s[0], NULL), 0);
	assert_int_equal(bus_add(&b, 0x108, 4, "c", note, &s[2], NULL), 0);
	assert_true(bus_access(&b, 0x10, d, 1, false));
	assert_int_equal(d[0], 0x5a);
	assert_true(bus_access(&b, 0x104, d, 4, true));
	assert_int_equal(s[1].off, 4);
	assert_true(bus_access(&b, 0x10b, d, 1, true));
	assert_int_equal(s[2].off, 3);
	assert_false(bus_access(&b, 0x106, d, 4, false));	/* b into c */
	assert_int_equal(d[0], 0xff);
	assert_false(bus_access(&b, 0xf, d, 2, false));
	assert_false(bus_access(&b, 0x10c, d, 1, false));
	assert_false(bus_access(&b, UINT64_MAX, d, 8, false));
	assert_int_equal(s[0].n + s[1].n + s[2].n, 3);
}

static void bus_ranges_must_not_overlap(void **state)
{
	struct bus b = { .n = 0 };
	struct err e;
	int i;

	(void)state;
	assert_int_equal(bus_add(&b, 0x100, 0x10, "one", note, NULL, &e), 0);
	assert_int_equal(bus_add(&b, 0xff, 2, "two", note, NULL, &e), -EEXIST);
	assert_string_equal(e.msg, "two at 0xff overlaps one at 0x100");
	assert_int_equal(bus_add(&b, 0x10f, 1, "two", note, NULL, &e), -EEXIST);
	assert_int_equal(bus_add(&b, 0x80, 0x1000, "two", note, NULL, &e), -EEXIST);
	assert_int_equal(bus_add(&b, 0x104, 1, "two", note, NULL, &e), -EEXIST);
	assert_int_equal(bus_add(&b, 5, 0, "none", note, NULL, &e), -EINVAL);
	assert_int_equal(bus_add(&b, UINT64_MAX, 2, "wrap", note, NULL, &e), -EINVAL);
	for (i = 1; i < BUS_RANGES_MAX; i++)
		assert_int_equal(bus_add(&b, 0x1000U * i, 1, "x", note, NULL, &e), 0);
	assert_int_equal(bus_add(&b, 0, 1, "x", note, NULL, &e), -ENOSPC);
}

static void count(void *arg, int fd, uint32_t events)
{
	char c;

	(void)events;
	if (read(fd, &c, 1) == 1)
		++*(int *)arg;
}

static void loop_serves_ready_and_enabled_descriptors(void **state)
{
	struct loop l;
	int p[2], n = 0;

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(loop_init(&l, NULL), 0);
	assert_int_equal(loop_add(&l, p[0], EPOLLIN, count, &n, NULL), 0);
	assert_int_equal(loop_once(&l, 0), 0);
	assert_int_equal(write(p[1], "ab", 2), 2);
	assert_int_equal(loop_once(&l, 1000), 1);
	assert_int_equal(n, 1);
	loop_enable(&l, p[0], 0);
	assert_int_equal(loop_once(&l, 0), 0);
	loop_enable(&l, p[0], EPOLLIN);
	assert_int_equal(loop_once(&l, 0), 1);
	assert_int_equal(n, 2);
	assert_int_equal(loop_start(&l, NULL), 0);
	loop_stop(&l);
	assert_true(loop_join(&l, 10000));
	loop_free(&l);
	close(p[0]);
	close(p[1]);
}

static void missing_kvm_is_reported_with_advice(void **state)
{
	struct vm_config cfg = { .mem_size = 1 << 20, .cpus = 1 };
	struct vm vm;
	struct err e;

	(void)state;
	cfg.kvm_path = "/proc/nonexistent/kvm";
	assert_int_equal(vm_create(&vm, &cfg, &e), -ENOENT);
	assert_non_null(strstr(e.msg, "modprobe"));
	cfg.kvm_path = "/dev/null";
	assert_int_equal(vm_create(&vm, &cfg, &e), -ENODEV);
	assert_non_null(strstr(e.msg, "not KVM"));
	cfg.cpus = 65;
	assert_int_equal(vm_create(&vm, &cfg, &e), -EINVAL);
	cfg.cpus = 2;
	assert_int_equal(vm_create(&vm, &cfg, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "interrupt controller"));
}

static void missing_permission_is_reported_with_advice(void **state)
{
	struct vm_config cfg = { .mem_size = 1 << 20, .cpus = 1 };
	char path[] = "/tmp/vmm-test-XXXXXX";
	int fd = mkstemp(path);
	struct vm vm;
	struct err e;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(chmod(path, 0), 0);
	cfg.kvm_path = path;
	if (!geteuid()) {	/* root could open the file */
		assert_int_equal(seteuid(65534), 0);
		assert_int_equal(vm_create(&vm, &cfg, &e), -EACCES);
		assert_int_equal(seteuid(0), 0);
	} else {
		assert_int_equal(vm_create(&vm, &cfg, &e), -EACCES);
	}
	unlink(path);
	assert_non_null(strstr(e.msg, "usermod -aG kvm"));
}

static void every_exit_reason_has_a_name(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i <= KVM_EXIT_MEMORY_FAULT; i++)
		assert_true(!strncmp(exit_name(i), "KVM_EXIT_", 9));
	assert_string_equal(exit_name(13), "KVM_EXIT_S390_SIEIC");
	assert_string_equal(exit_name(KVM_EXIT_HLT), "KVM_EXIT_HLT");
	assert_string_equal(exit_name(KVM_EXIT_INTERNAL_ERROR), "KVM_EXIT_INTERNAL_ERROR");
	assert_string_equal(exit_name(KVM_EXIT_SYSTEM_EVENT), "KVM_EXIT_SYSTEM_EVENT");
	assert_string_equal(exit_name(KVM_EXIT_X86_WRMSR), "KVM_EXIT_X86_WRMSR");
	assert_string_equal(exit_name(KVM_EXIT_XEN), "KVM_EXIT_XEN");
	assert_string_equal(exit_name(KVM_EXIT_NOTIFY), "KVM_EXIT_NOTIFY");
	assert_string_equal(exit_name(KVM_EXIT_MEMORY_FAULT), "KVM_EXIT_MEMORY_FAULT");
	assert_string_equal(exit_name(1000), "an unknown exit");
	assert_string_equal(exit_name(UINT32_MAX), "an unknown exit");
}

/* If the VM stops during a pause, the message must not blame a vCPU. */
static void a_pause_says_why_it_failed(void **state)
{
	struct kvm_run run = { .immediate_exit = 0 };
	struct vcpu v = { .run = &run };
	struct vm vm = { .vcpus = &v, .ncpus = 1, .stop_fd = -1 };
	struct err e;

	(void)state;
	pthread_mutex_init(&vm.lock, NULL);
	pthread_cond_init(&vm.cond, NULL);
	vm_stop(&vm, VM_SHUTDOWN, NULL);
	assert_int_equal(vm_pause(&vm, &e), -ECANCELED);
	assert_string_equal(e.msg, "the run is ending");
	assert_false(atomic_load(&vm.pausing));
	assert_int_equal(run.immediate_exit, 1);
}

static void records_are_found_by_name_and_index(void **state)
{
	struct records r = { .name = "file" };
	uint32_t v = 0, len = 0;
	struct err e;

	(void)state;
	record_put(&r, "serial", 0, "abcd", 4);
	record_put(&r, "serial", 1, "efgh", 4);
	record_put(&r, "a name that is cut", 0, "", 0);
	assert_int_equal(r.rc, 0);
	assert_true(records_fit(&r));
	assert_int_equal(record_get(&r, "serial", 1, &v, 4, &e), 0);
	assert_memory_equal(&v, "efgh", 4);
	assert_non_null(record_find(&r, "a name that is cut", 0, &len));
	assert_int_equal(len, 0);
	assert_null(record_find(&r, "serial", 2, &len));
	assert_null(record_find(&r, "seria", 0, &len));
	assert_int_equal(record_get(&r, "serial", 0, &v, 3, &e), -EBADMSG);
	assert_string_equal(e.msg, "file: record serial.0: expected 3 bytes, found 4");
	r.n--;			/* cut in the middle of a head, and at its end */
	assert_false(records_fit(&r));
	r.n -= 20;
	assert_false(records_fit(&r));
	r.n = 0;
	assert_true(records_fit(&r));
	free(r.p);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(access_is_checked_for_its_whole_length),
	cmocka_unit_test(regions_must_not_overlap_wrap_or_be_unaligned),
	cmocka_unit_test(copies_cross_touching_regions_or_do_nothing),
	cmocka_unit_test(ram_has_a_hole_for_devices),
	cmocka_unit_test(load_distinguishes_truncation_from_lack_of_room),
	cmocka_unit_test(load_of_a_long_file_is_exact_and_private),
	cmocka_unit_test(bus_passes_an_access_to_the_range_that_holds_all_of_it),
	cmocka_unit_test(bus_ranges_must_not_overlap),
	cmocka_unit_test(loop_serves_ready_and_enabled_descriptors),
	cmocka_unit_test(missing_kvm_is_reported_with_advice),
	cmocka_unit_test(missing_permission_is_reported_with_advice),
	cmocka_unit_test(every_exit_reason_has_a_name),
	cmocka_unit_test(a_pause_says_why_it_failed),
	cmocka_unit_test(records_are_found_by_name_and_index),
};

void memory_tests(struct tests *all)
{
	ADD_TESTS(all, tests);
}
