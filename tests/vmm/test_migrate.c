// SPDX-License-Identifier: GPL-2.0-only
/* How a VM leaves: snapshots and migration, as far as they need no KVM. */
#include "tests.h"

#include <stdlib.h>
#include <unistd.h>

#include "driver.h"
#include "snapshot.h"

static const struct out nowhere = { .fd = -1 };

/* A machine with an rng, whose driver has started and offers a request. */
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
	int lock;		/* what another thread would get */
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

/* It would be served once more by the machine that comes from the snapshot. */
static void what_a_snapshot_counts_as_open_stays_so(void **state)
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

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_a_snapshot_counts_as_open_stays_so),
};

void migrate_tests(struct tests *all)
{
	ADD_TESTS(all, tests);
}
