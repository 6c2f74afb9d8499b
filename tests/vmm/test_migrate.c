// SPDX-License-Identifier: GPL-2.0-only
/* Snapshots and migration, as far as they work without KVM. */
#include "tests.h"

#include <stdlib.h>
#include <unistd.h>

#include "dirty.h"
#include "driver.h"
#include "migrate.h"

static const struct out nowhere = { .fd = -1 };

/* Create a machine with an rng whose driver has started and offers a request. */
static struct driver *begin(void)
{
	struct driver *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	assert_int_equal(driver_begin(d, 4 << 20, &nowhere), 0);
	pthread_mutex_init(&d->vm.lock, NULL);
	pthread_cond_init(&d->vm.cond, NULL);
	assert_int_equal(driver_device(d, "rng", NULL, NULL), 0);
	driver_start(d, 0);
	put_desc(d, 0, 0, BUFS, 64, 2, 0);
	offer(d, 0, 0);
	return d;
}

static void end(struct driver *d)
{
	driver_end(d);
	free(d);
}

/* ---- snapshots ---- */

struct used {
	struct driver *d;
	int lock;		/* what pthread_mutex_trylock() returned */
};

static int use(void *ctx, struct vm *vm, struct snap_header *h, const struct records *r,
	       struct err *e)
{
	struct used *u = ctx;

	(void)e;
	assert_int_equal(h->state_len, r->n);
	assert_true(records_fit(r));
	u->lock = pthread_mutex_trylock(&u->d->v->lock);
	if (!u->lock)
		pthread_mutex_unlock(&u->d->v->lock);
	vm_stop(vm, VM_SHUTDOWN, NULL);
	return 0;
}

/* Otherwise the restored machine would serve the request a second time. */
static void requests_open_in_a_snapshot_stay_open(void **state)
{
	struct driver *d = begin();
	struct used u = { .d = d };

	(void)state;
	assert_int_equal(snapshot_take(&d->vm, &d->all, "s", use, &u, NULL), 0);
	assert_int_equal(u.lock, EBUSY);
	kick(d, 0);
	assert_int_equal(used_idx(d, 0), 0);
	end(d);
}

/* ---- migration ---- */

static bool logged(const struct driver *d, uint64_t gpa)
{
	return d->mem->log[0][gpa / MEM_PAGE / 64] >> gpa / MEM_PAGE % 64 & 1;
}

/* KVM does not see what devices write, so devices must log it. */
static void device_writes_are_logged(void **state)
{
	struct driver *d = begin();

	(void)state;
	put_desc(d, 0, 0, BUFS + MEM_PAGE - 1, 2, 2, 0);
	assert_int_equal(mem_log(d->mem, true, NULL), 0);
	kick(d, 0);
	assert_int_equal(used_idx(d, 0), 1);
	assert_true(logged(d, BUFS));
	assert_true(logged(d, BUFS + MEM_PAGE));
	assert_true(logged(d, RING(0) + RING_USED));
	assert_false(logged(d, BUFS + 2 * MEM_PAGE));
	assert_false(logged(d, BUFS - MEM_PAGE));
	assert_false(logged(d, RING(0)));
	end(d);
}

static void exactly_the_written_pages_are_marked(void **state)
{
	struct driver *d = begin();
	uint64_t from, n, i;
	uint8_t *p;

	(void)state;
	for (from = 60; from < 68; from++)
		for (n = 0; n < 140; n++) {
			assert_int_equal(mem_log(d->mem, true, NULL), 0);
			p = mem_at(d->mem, from * MEM_PAGE, n * MEM_PAGE);
			mem_mark(d->mem, p, n * MEM_PAGE);
			for (i = 0; i < 256; i++)
				assert_int_equal(logged(d, i * MEM_PAGE), i >= from && i < from + n);
		}
	mem_mark(d->mem, p, 0);
	mem_mark(d->mem, &from, 8);	/* not the guest's memory */
	end(d);
}

#define RAM	(1UL << 20)

/* A source's stream: 1 MiB of RAM with a page of 0x5a at 64 KiB, and one record. */
struct stream {
	struct snap_header h;
	struct {
		uint64_t gpa, len;
	} f;
	uint8_t page[MEM_PAGE];
	struct {
		uint64_t gpa, len;
	} last;
	uint8_t state[24];
	uint64_t sum;
} __attribute__((packed));

static void make_stream(struct stream *s)
{
	struct records r = { .name = "s" };

	memset(s, 0, sizeof(*s));
	s->h = (struct snap_header){ .version = SNAP_VERSION, .cpus = 1, .nregions = 1,
				     .region = { { .size = RAM } } };
	memcpy(s->h.magic, SNAP_MAGIC_LIVE, sizeof(s->h.magic));
	s->f.gpa = 0x10000;
	s->f.len = MEM_PAGE;
	memset(s->page, 0x5a, sizeof(s->page));
	record_put(&r, "x", 0, "abcd", 4);
	assert_int_equal(r.n, sizeof(s->state));
	memcpy(s->state, r.p, r.n);
	free(r.p);
	s->last.gpa = UINT64_MAX;
	s->last.len = sizeof(s->state);
	s->sum = snap_sum(SNAP_SUM_0, &s->h, sizeof(s->h));
	s->sum = snap_sum(s->sum, &s->f, sizeof(s->f));
	s->sum = snap_sum(s->sum, s->page, sizeof(s->page));
	s->sum = snap_sum(s->sum, &s->last, sizeof(s->last));
	s->sum = snap_sum(s->sum, s->state, sizeof(s->state));
}

/* Receive @len bytes of @s as a target does. */
static int receive(const struct stream *s, size_t len, struct err *e)
{
	int fd = memory_file(s, len), rc;
	struct mem m = { .n = 0 };
	struct snapshot in;
	uint32_t n;

	assert_true(fd >= 0);
	rc = migrate_open_fd(&in, fd, "s", e);
	if (rc)
		return rc;
	rc = migrate_memory(&m, &in, e);
	if (!rc)
		rc = migrate_receive(&in, &m, e);
	if (!rc) {
		assert_int_equal(m.r[0].size, RAM);
		assert_int_equal(m.r[0].host[0x10000 + MEM_PAGE - 1], 0x5a);
		assert_int_equal(m.r[0].host[0x11000], 0);
		assert_memory_equal(record_find(&in.state, "x", 0, &n), "abcd", 4);
	}
	mem_free(&m);
	snapshot_close(&in);
	return rc;
}

static void a_stream_is_accepted_complete_or_not_at_all(void **state)
{
	struct stream s;
	struct err e;
	size_t i;

	(void)state;
	make_stream(&s);
	assert_int_equal(receive(&s, sizeof(s), &e), 0);
	for (i = 0; i < sizeof(s); i += i < sizeof(s.h) + 32 || i > sizeof(s) - 64 ? 1 : 97) {
		assert_int_not_equal(receive(&s, i, &e), 0);
		((uint8_t *)&s)[i] ^= 0x10;
		assert_int_not_equal(receive(&s, sizeof(s), &e), 0);
		((uint8_t *)&s)[i] ^= 0x10;
	}
	s.h.version++;
	assert_int_equal(receive(&s, sizeof(s), &e), -EBADMSG);
	assert_non_null(strstr(e.msg, "version"));
	make_stream(&s);
	s.f.gpa = RAM - 16;
	assert_int_equal(receive(&s, sizeof(s), &e), -EBADMSG);
	assert_non_null(strstr(e.msg, "0xffff0, which is not memory"));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(device_writes_are_logged),
	cmocka_unit_test(exactly_the_written_pages_are_marked),
	cmocka_unit_test(a_stream_is_accepted_complete_or_not_at_all),
	cmocka_unit_test(requests_open_in_a_snapshot_stay_open),
};

void migrate_tests(struct tests *all)
{
	ADD_TESTS(all, tests);
}
