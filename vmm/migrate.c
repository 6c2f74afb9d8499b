// SPDX-License-Identifier: GPL-2.0-only
#include "migrate.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dirty.h"
#include "io.h"
#include "sock.h"

#define STATE		UINT64_MAX	/* the address of the last frame */
#define PAGES		256U		/* of one frame */
#define SCAN		8192U		/* looked at in one step */
#define FEW		256		/* pages: the rest, when so few are left, ... */
#define REST_US		20000		/* or when they take so long ... */
#define ROUNDS_MAX	30		/* or when it does not get less */

enum { READY = 'r', GO = 'g', RUNNING = 'R' };

struct frame {
	uint64_t gpa, len;
};

/* ---- the source ---- */

static int put(struct migrate *m, const void *p, uint64_t len, struct err *e)
{
	m->sum = snap_sum(m->sum, p, len);
	if (io_write(m->fd, p, len, IO_STREAM) == len)
		return 0;
	return err_set(e, -errno, "%s: %s", m->name, errno == EAGAIN ?
		       "the target takes nothing any more" : strerror(errno));
}

static int await(int fd, const char *name, char word, struct err *e)
{
	char c = 0;

	if (io_read(fd, &c, 1, IO_STREAM) == 1 && c == word)
		return 0;
	return err_set(e, -EPROTO, "%s: the other side gave up, or says nothing: its messages say why",
		       name);
}

static int tell(int fd, const char *name, char word, struct err *e)
{
	if (io_write(fd, &word, 1, IO_STREAM) == 1)
		return 0;
	return err_set(e, -errno, "%s: %m", name);
}

/* What devices wrote is complete only while they stand still. */
static long fetch(struct migrate *m, struct err *e)
{
	int rc = devices_lock(m->dev, e);
	long n;

	if (rc)
		return rc;
	n = dirty_fetch(m->vm, e);
	devices_unlock(m->dev);
	return n;
}

static void next_round(struct migrate *m)
{
	m->round++;
	m->region = 0;
	m->page = m->sent = 0;
	m->began_us = now_us();
}

/* The first round takes all pages, but those that are zero here as there. */
int migrate_begin(struct migrate *m, struct err *e)
{
	struct mem *mem = &m->vm->mem;
	struct snap_header h = {
		.version = SNAP_VERSION, .cpus = m->vm->ncpus,
		.irqchip = m->vm->cfg.irqchip, .flat = m->dev->flat, .nregions = mem->n,
	};
	unsigned int i;
	int rc = devices_lock(m->dev, e);

	if (rc)
		return rc;
	memcpy(h.magic, SNAP_MAGIC_LIVE, sizeof(h.magic));
	rc = mem_log(mem, true, e);
	devices_unlock(m->dev);
	m->buf = malloc(sizeof(struct frame) + PAGES * MEM_PAGE);
	if (!rc && !m->buf)
		rc = err_set(e, -ENOMEM, "no memory for a migration");
	if (!rc)
		rc = dirty_start(m->vm, e);
	for (i = 0; i < mem->n && !rc; i++) {
		h.region[i].gpa = mem->r[i].gpa;
		h.region[i].size = mem->r[i].size;
		memset(m->vm->dirty[i], 0xff, (mem->r[i].size / MEM_PAGE + 7) / 8);
	}
	m->sum = SNAP_SUM_0;
	next_round(m);
	return rc ? rc : put(m, &h, sizeof(h), e);
}

/* Copy the page that @m is at to @to and take it out of the log; false: not in it. */
static bool take_page(struct migrate *m, uint8_t *to)
{
	uint64_t bit = 1ULL << m->page % 64, *word = &m->vm->dirty[m->region][m->page / 64];

	if (!(*word & bit))
		return false;
	*word &= ~bit;
	memcpy(to, m->vm->mem.r[m->region].host + m->page * MEM_PAGE, MEM_PAGE);
	return m->round > 1 || !snap_zero(to);
}

/* Send the next pages in a row. A copy: the guest may write them meanwhile. 1: more */
static int send_some(struct migrate *m, struct err *e)
{
	uint8_t *data = m->buf + sizeof(struct frame);
	const struct mem *mem = &m->vm->mem;
	struct frame f = { .len = 0 };
	unsigned int scanned = 0;
	int rc = 0;

	while (m->region < mem->n && f.len < PAGES * MEM_PAGE && scanned++ < SCAN) {
		const struct mem_region *r = &mem->r[m->region];

		if (m->page * MEM_PAGE >= r->size) {
			m->page = 0;
			m->region++;
		} else if (take_page(m, data + f.len)) {
			f.gpa = f.len ? f.gpa : r->gpa + m->page * MEM_PAGE;
			f.len += MEM_PAGE;
			m->page++;
			continue;
		} else {
			/* Much of a log is zero: a word at once. */
			m->page += m->page % 64 || m->vm->dirty[m->region][m->page / 64] ? 1 : 64;
		}
		if (f.len)
			break;
	}
	memcpy(m->buf, &f, sizeof(f));
	if (f.len)
		rc = put(m, m->buf, sizeof(f) + f.len, e);
	m->sent += f.len / MEM_PAGE;
	m->total += f.len / MEM_PAGE;
	return rc ? rc : m->region < mem->n;
}

/* Pages a second that a vCPU may write, where this project's KVM can limit it. */
static void limit(const struct migrate *m, uint64_t rate)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_X86_DIRTY_RATE_LIMIT, .args = { rate } };

	ioctl(m->vm->fd, KVM_ENABLE_CAP, &c);
}

int migrate_step(struct migrate *m, struct err *e)
{
	uint64_t us = now_us() - m->began_us + 1;
	long left;
	int rc = m->region < m->vm->mem.n ? send_some(m, e) : 0;

	if (rc)
		return rc;
	left = fetch(m, e);
	if (left < 0)
		return (int)left;
	if (left <= FEW || (uint64_t)left * us / (m->sent + 1) <= REST_US || m->round >= ROUNDS_MAX)
		return 0;
	if (m->round > 2)	/* half of what the socket takes */
		limit(m, m->sent * 500000 / us / m->vm->ncpus + 1);
	next_round(m);
	return 1;
}

static int send_rest(struct migrate *m, const struct records *r, struct err *e)
{
	struct frame f = { STATE, r->n };
	long left = dirty_fetch(m->vm, e);
	uint64_t sum;
	int rc = left < 0 ? (int)left : 1;

	next_round(m);
	while (rc > 0)
		rc = send_some(m, e);
	if (!rc)
		rc = put(m, &f, sizeof(f), e);
	if (!rc)
		rc = put(m, r->p, r->n, e);
	sum = m->sum;
	return rc ? rc : put(m, &sum, sizeof(sum), e);
}

int migrate_finish(void *migrate, struct vm *vm, struct snap_header *h,
		   const struct records *r, struct err *e)
{
	struct migrate *m = migrate;
	int rc = devices_own(m->dev, false, e);
	uint64_t us;

	(void)h;
	if (!rc)
		rc = send_rest(m, r, e);
	if (!rc)
		rc = await(m->fd, m->name, READY, e);
	if (!rc)
		rc = tell(m->fd, m->name, GO, e);
	if (rc) {
		devices_own(m->dev, true, NULL);
		return rc;
	}
	rc = await(m->fd, m->name, RUNNING, NULL);
	us = now_us() - m->paused_us;
	if (rc)
		vm_stop(vm, VM_HOST, "%s: the target was ready and got the VM, but does not say that it runs: it does not go on here, lest there be two",
			m->name);
	else
		vm_stop(vm, VM_SHUTDOWN, "moved to %s: downtime %lu.%03lu ms, %lu MiB in %u rounds",
			m->name, us / 1000, us % 1000, m->total * MEM_PAGE >> 20, m->round);
	return 0;
}

void migrate_end(struct migrate *m)
{
	limit(m, 0);
	dirty_stop(m->vm);
	if (!devices_lock(m->dev, NULL)) {
		mem_log(&m->vm->mem, false, NULL);
		devices_unlock(m->dev);
	}
	free(m->buf);
	m->buf = NULL;
	close(m->fd);
}

/* ---- the target; what comes is checked like a file that anybody wrote ---- */

static int get(struct snapshot *s, void *p, uint64_t len, struct err *e)
{
	if (io_read(s->fd, p, len, IO_STREAM) != len)
		return err_set(e, errno ? -errno : -EBADMSG, "%s: the stream ends early: %s",
			       s->state.name, errno ? strerror(errno) : "the source gave up");
	s->h.sum = snap_sum(s->h.sum, p, len);
	return 0;
}

int migrate_open_fd(struct snapshot *s, int fd, const char *name, struct err *e)
{
	struct snap_header h = { .magic = "" };
	uint64_t sum;
	int rc;

	memset(s, 0, sizeof(*s));
	s->fd = fd;
	s->state.name = name;
	s->h.sum = SNAP_SUM_0;
	rc = get(s, &h, sizeof(h), e);
	sum = s->h.sum;
	s->h = h;
	if (!rc)
		rc = snapshot_check(s, SNAP_MAGIC_LIVE, UINT64_MAX, e);
	s->h.sum = sum;
	if (rc)
		snapshot_close(s);
	return rc;
}

int migrate_accept(struct snapshot *s, const char *path, struct err *e)
{
	int fd = sock_listen(path, e), c;

	if (fd < 0)
		return fd;
	c = sock_accept(fd);
	if (c < 0)
		err_set(e, c, "%s: accept: %s", path, strerror(-c));
	close(fd);
	unlink(path);
	return c < 0 ? c : migrate_open_fd(s, c, path, e);
}

int migrate_memory(struct mem *m, void *snapshot, struct err *e)
{
	const struct snapshot *s = snapshot;
	uint32_t i;
	int rc = 0;

	for (i = 0; i < s->h.nregions && !rc; i++)
		rc = mem_add(m, s->h.region[i].gpa, s->h.region[i].size, e);
	return rc;
}

static int get_state(struct snapshot *s, uint64_t len, struct err *e)
{
	uint64_t sum, expected = 0;
	int rc;

	if (len > SNAP_STATE_MAX)
		return err_set(e, -EBADMSG, "%s: %lu bytes of state", s->state.name, len);
	s->state.p = malloc(len + 1);
	s->state.n = (uint32_t)len;
	rc = s->state.p ? get(s, s->state.p, len, e) : err_set(e, -ENOMEM, "no memory");
	sum = s->h.sum;
	if (!rc)
		rc = get(s, &expected, sizeof(expected), e);
	if (!rc && (sum != expected || !records_fit(&s->state)))
		rc = err_set(e, -EBADMSG, "%s: damaged: its checksum is %#lx, it says %#lx",
			     s->state.name, sum, expected);
	return rc;
}

int migrate_receive(struct snapshot *s, const struct mem *m, struct err *e)
{
	struct frame f;
	void *p;
	int rc;

	while (!(rc = get(s, &f, sizeof(f), e)) && f.gpa != STATE) {
		p = f.len && f.len <= PAGES * MEM_PAGE ? mem_at(m, f.gpa, f.len) : NULL;
		if (!p)
			return err_set(e, -EBADMSG, "%s: %lu bytes for address %#lx, which is not memory",
				       s->state.name, f.len, f.gpa);
		rc = get(s, p, f.len, e);
		if (rc)
			return rc;
	}
	return rc ? rc : get_state(s, f.len, e);
}

int migrate_ready(const struct snapshot *s, struct err *e)
{
	int rc = tell(s->fd, s->state.name, READY, e);

	return rc ? rc : await(s->fd, s->state.name, GO, e);
}

void migrate_running(const struct snapshot *s)
{
	tell(s->fd, s->state.name, RUNNING, NULL);
}
