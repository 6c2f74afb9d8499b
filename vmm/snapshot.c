// SPDX-License-Identifier: GPL-2.0-only
/* The file: header, records, memory. */
#include "snapshot.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot/boot.h"
#include "io.h"
#include "snapshot_cpu.h"

#define CHUNK_MAX	(1U << 20)	/* bytes of memory in one write */

/* ---- writing ---- */

static int write_all(int fd, const void *data, uint64_t len, uint64_t off)
{
	return io_write(fd, data, len, off) == len ? 0 : -errno;
}

bool snap_zero(const uint8_t *page)
{
	const uint64_t *p = (const void *)page;
	unsigned int i;

	for (i = 0; i < MEM_PAGE / 8; i++)
		if (p[i])
			return false;
	return true;
}

uint64_t snap_sum(uint64_t h, const void *p, uint64_t len)
{
	uint64_t word, n;

	for (; len; len -= n, p = (const uint8_t *)p + n) {
		n = len < sizeof(word) ? len : sizeof(word);
		word = 0;
		memcpy(&word, p, n);
		h = (h ^ word) * 0x100000001b3ULL;
		h ^= h >> 32;
	}
	return h;
}

/* The header and the state, from which the pages' sum goes on. */
static uint64_t sum_head(const struct snap_header *h, const struct records *r)
{
	struct snap_header copy = *h;

	copy.sum = 0;
	return snap_sum(snap_sum(SNAP_SUM_0, &copy, sizeof(copy)), r->p, r->n);
}

/* Pages that are not zero, each with its place in the file. */
static void sum_pages(uint64_t *sum, const uint8_t *p, uint64_t len, uint64_t off)
{
	uint64_t at, place;

	for (at = 0; at < len; at += MEM_PAGE) {
		place = off + at;
		if (!snap_zero(p + at))
			*sum = snap_sum(snap_sum(*sum, &place, sizeof(place)), p + at, MEM_PAGE);
	}
}

/* Only pages with something in them: the rest stays a hole. */
static int write_region(int fd, const struct mem_region *r, uint64_t off, uint64_t *sum)
{
	uint64_t at = 0, end;
	int rc = 0;

	while (at < r->size && !rc) {
		if (snap_zero(r->host + at)) {
			at += MEM_PAGE;
			continue;
		}
		for (end = at + MEM_PAGE; end < r->size && end - at < CHUNK_MAX &&
		     !snap_zero(r->host + end); end += MEM_PAGE)
			;
		rc = write_all(fd, r->host + at, end - at, off + at);
		sum_pages(sum, r->host + at, end - at, off + at);
		at = end;
	}
	return rc;
}

static int write_file(const struct mem *mem, int fd, struct snap_header *h,
		      const struct records *r)
{
	uint64_t off = (sizeof(*h) + r->n + MEM_PAGE - 1) & ~(MEM_PAGE - 1), sum;
	unsigned int i;
	int rc;

	off = off < MEM_PAGE ? MEM_PAGE : off;
	for (i = 0; i < mem->n; i++) {
		h->region[i].gpa = mem->r[i].gpa;
		h->region[i].size = mem->r[i].size;
		h->region[i].offset = off;
		off += mem->r[i].size;
	}
	if (ftruncate(fd, 0) < 0 || ftruncate(fd, (off_t)off) < 0)
		return -errno;
	rc = write_all(fd, r->p, r->n, sizeof(*h));
	sum = sum_head(h, r);
	for (i = 0; i < mem->n && !rc; i++)
		rc = write_region(fd, &mem->r[i], h->region[i].offset, &sum);
	h->sum = sum;
	if (!rc)	/* only now is it a snapshot */
		rc = write_all(fd, h, sizeof(*h), 0);
	if (!rc && fdatasync(fd) < 0)
		rc = -errno;
	return rc;
}

int snapshot_write(const struct mem *mem, int fd, struct snap_header *h,
		   const struct records *r, struct err *e)
{
	int rc = write_file(mem, fd, h, r);

	if (rc) {
		err_set(e, rc, "%s: snapshot not written: %s", r->name, strerror(-rc));
		rc = ftruncate(fd, 0) < 0 ? -errno : rc;
	}
	return rc;
}

int snapshot_take(struct vm *vm, struct devices *d, const char *name, snap_fn use,
		  void *ctx, struct err *e)
{
	struct snap_header h = {
		.version = SNAP_VERSION, .cpus = vm->ncpus, .irqchip = vm->cfg.irqchip,
		.nregions = vm->mem.n, .flat = d->flat,
	};
	struct records r = { .name = name };
	unsigned int i;
	int rc;

	memcpy(h.magic, SNAP_MAGIC, sizeof(h.magic));
	rc = devices_lock(d, e);
	if (rc)
		return rc;
	for (i = 0; i < vm->ncpus && !rc; i++)
		rc = snap_save_cpu(&vm->vcpus[i], &r, e);
	snap_save_chips(vm, &r);
	devices_save(d, &r);
	h.state_len = r.n;
	if (!rc && r.rc)
		rc = err_set(e, r.rc, "%s: no state to save: %s", name, strerror(-r.rc));
	if (!rc)
		rc = use(ctx, vm, &h, &r, e);
	devices_unlock(d);
	free(r.p);
	return rc;
}

/* ---- reading ---- */

int snapshot_check(const struct snapshot *s, const char *magic, uint64_t size, struct err *e)
{
	const struct snap_header *h = &s->h;
	uint32_t i;

	if (memcmp(h->magic, magic, sizeof(h->magic)))
		return err_set(e, -EBADMSG, "%s: not a snapshot, or one that was not finished",
			       s->state.name);
	if (h->version != SNAP_VERSION)
		return err_set(e, -EBADMSG, "%s: snapshot version %u, this build knows %d",
			       s->state.name, h->version, SNAP_VERSION);
	if (!h->cpus || h->cpus > VM_CPUS_MAX || h->irqchip > VM_IRQCHIP_SPLIT ||
	    h->nregions > MEM_REGIONS_MAX || !h->nregions || h->state_len > SNAP_STATE_MAX)
		return err_set(e, -EBADMSG,
			       "%s: header out of bounds: %u CPUs, irqchip %u, %u regions, %u bytes of state",
			       s->state.name, h->cpus, h->irqchip, h->nregions,
			       h->state_len);
	for (i = 0; i < h->nregions; i++)
		if (h->region[i].offset % MEM_PAGE || !h->region[i].size ||
		    h->region[i].size % MEM_PAGE ||
		    h->region[i].offset > size || h->region[i].size > size - h->region[i].offset)
			return err_set(e, -EBADMSG,
				       "%s: truncated: memory region %u ends beyond the file",
				       s->state.name, i);
	return 0;
}

int snapshot_open_fd(struct snapshot *s, int fd, const char *name, struct err *e)
{
	struct stat st;
	uint64_t len;
	int rc;

	memset(s, 0, sizeof(*s));
	s->fd = fd;
	s->state.name = name;
	if (fstat(fd, &st) < 0 || io_read(fd, &s->h, sizeof(s->h), 0) != sizeof(s->h))
		rc = err_set(e, -EBADMSG, "%s: shorter than a snapshot's header", name);
	else
		rc = snapshot_check(s, SNAP_MAGIC, (uint64_t)st.st_size, e);
	if (!rc) {
		len = s->h.state_len;
		s->state.p = malloc(len + 1);
		s->state.n = s->h.state_len;
		if (!s->state.p)
			rc = err_set(e, -ENOMEM, "no memory for a snapshot's state");
		else if (io_read(fd, s->state.p, len, sizeof(s->h)) != len ||
			 !records_fit(&s->state))
			rc = err_set(e, -EBADMSG,
				"%s: the state's records do not fit its length of %lu bytes",
				name, len);
	}
	if (rc)
		snapshot_close(s);
	return rc;
}

/* Data from @at on; what has no holes is data. */
static uint64_t data_from(int fd, uint64_t at, uint64_t end)
{
	off_t d = lseek(fd, (off_t)at, SEEK_DATA);

	if (d < 0)
		return errno == ENXIO ? end : at;
	return (uint64_t)d & ~(MEM_PAGE - 1);
}

int snapshot_sum(const struct snapshot *s, uint64_t *sum)
{
	uint8_t *buf = malloc(CHUNK_MAX);
	uint64_t at, end, n;
	uint32_t i;
	int rc = buf ? 0 : -ENOMEM;

	*sum = sum_head(&s->h, &s->state);
	for (i = 0; i < s->h.nregions && !rc; i++) {
		end = s->h.region[i].offset + s->h.region[i].size;
		at = s->h.region[i].offset;
		while ((at = data_from(s->fd, at, end)) < end && !rc) {
			n = end - at < CHUNK_MAX ? end - at : CHUNK_MAX;
			if (io_read(s->fd, buf, n, at) != n)
				rc = -EIO;
			else
				sum_pages(sum, buf, n, at);
			at += n;
		}
	}
	free(buf);
	return rc;
}

int snapshot_open(struct snapshot *s, const char *path, struct err *e)
{
	struct boot_file f;
	uint64_t sum = 0;
	int rc = boot_open(&f, path, e);

	s->fd = -1;
	s->state.p = NULL;
	if (!rc)
		rc = snapshot_open_fd(s, f.fd, path, e);
	if (rc)
		return rc;
	rc = snapshot_sum(s, &sum);
	if (rc)
		err_set(e, rc, "%s: cannot read it whole: %s", path, strerror(-rc));
	else if (sum != s->h.sum)
		rc = err_set(e, -EBADMSG, "%s: damaged: its checksum is %#lx, it says %#lx",
			     path, sum, s->h.sum);
	if (rc)
		snapshot_close(s);
	return rc;
}

void snapshot_close(struct snapshot *s)
{
	free(s->state.p);
	if (s->fd >= 0)
		close(s->fd);
	s->state.p = NULL;
	s->fd = -1;
}

int snapshot_memory(struct mem *m, void *snapshot, struct err *e)
{
	const struct snapshot *s = snapshot;
	uint32_t i;
	int rc = 0;

	for (i = 0; i < s->h.nregions && !rc; i++)
		rc = mem_add_file(m, s->h.region[i].gpa, s->h.region[i].size,
				  s->fd, s->h.region[i].offset, e);
	return rc ? err_set(e, rc, "%s: %s", s->state.name, e ? e->msg : "") : 0;
}

int snapshot_restore(struct vm *vm, struct devices *d, const struct snapshot *s, struct err *e)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; i < vm->ncpus && !rc; i++)
		rc = snap_load_cpu(&vm->vcpus[i], &s->state, e);
	/*
	 * After the LAPICs: a tick of the PIT that finds none is never acknowledged,
	 * and KVM's PIT waits for that before it sends the next.
	 */
	if (!rc)
		rc = snap_load_chips(vm, &s->state, e);
	return rc ? rc : devices_load(d, &s->state, e);
}
