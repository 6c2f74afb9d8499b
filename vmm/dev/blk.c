// SPDX-License-Identifier: GPL-2.0-only
/* virtio-blk on a file or block device. Source: Virtual I/O Device 1.2, 5.2. */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dev/device.h"
#include "io.h"

#define SECTOR		512ULL
#define BOUNCE		(64UL << 10)
#define PIECE		(1UL << 20)	/* moved before a look at the clock */
#define DISCARD_MAX	(1U << 22)	/* sectors of a request: 2 GiB */
#define SEGS_MAX	16

enum { T_IN, T_OUT, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_ZEROES = 13 };
enum { S_OK, S_IOERR, S_UNSUPP };

#define F_SEG_MAX	(1ULL << 2)
#define F_RO		(1ULL << 5)
#define F_BLK_SIZE	(1ULL << 6)
#define F_FLUSH		(1ULL << 9)
#define F_DISCARD	(1ULL << 13)
#define F_ZEROES	(1ULL << 14)

struct blk_config {
	uint64_t capacity;		/* sectors of 512 bytes */
	uint32_t size_max, seg_max;
	uint8_t geometry[4];
	uint32_t blk_size;
	uint8_t topology[8];
	uint8_t writeback, unused;
	uint16_t num_queues;
	uint32_t max_discard_sectors, max_discard_seg, discard_alignment;
	uint32_t max_zeroes_sectors, max_zeroes_seg;
	uint8_t zeroes_may_unmap, pad[3];
} __attribute__((packed));

struct blk {
	struct virtio v;
	struct blk_config config;
	int fd;
	bool readonly, direct, lock;
	const char *path;
	uint8_t *bounce;		/* O_DIRECT wants alignment */
};

struct request {
	uint32_t type, reserved;
	uint64_t sector;
};

struct range {
	uint64_t sector;
	uint32_t count, flags;
};

static bool inside(const struct blk *b, uint64_t sector, uint64_t sectors)
{
	return sector <= b->config.capacity && sectors <= b->config.capacity - sector;
}

/* Through an aligned buffer, where O_DIRECT refuses the guest's. */
static ssize_t bounced(struct blk *b, const struct iovec *v, bool write, uint64_t off)
{
	uint64_t done = 0;

	if (!b->bounce && posix_memalign((void **)&b->bounce, 4096, BOUNCE))
		return -1;
	while (done < v->iov_len) {
		size_t n = v->iov_len - done < BOUNCE ? v->iov_len - done : BOUNCE;
		uint8_t *p = (uint8_t *)v->iov_base + done;
		ssize_t r;

		if (write)
			memcpy(b->bounce, p, n);
		r = write ? pwrite(b->fd, b->bounce, n, (off_t)(off + done)) :
			pread(b->fd, b->bounce, n, (off_t)(off + done));
		if (r <= 0)
			return r;
		if (!write)
			memcpy(p, b->bounce, (size_t)r);
		done += (uint64_t)r;
	}
	return (ssize_t)done;
}

/* What of @c is left, of @len bytes of @buf after @skip, to or from @off on. */
static int transfer(struct blk *b, struct virtq_chain *c, const struct iovec *buf,
		    unsigned int nbuf, uint64_t skip, uint64_t len, bool write, uint64_t off)
{
	struct iovec v[VIRTQ_IOV];

	while (c->done < len) {
		uint64_t part = len - c->done < PIECE ? len - c->done : PIECE;
		int n = (int)virtq_slice(buf, nbuf, skip + c->done, part, v);
		off_t at = (off_t)(off + c->done);
		ssize_t r = write ? pwritev(b->fd, v, n, at) : preadv(b->fd, v, n, at);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && errno == EINVAL && b->direct)
			r = bounced(b, v, write, off + c->done);
		if (r <= 0)		/* 0: the file shrank */
			return S_IOERR;
		c->done += (uint64_t)r;
		if (c->done < len && virtio_turn_over(&b->v)) {
			c->again = true;
			break;
		}
	}
	return S_OK;
}

static int read_write(struct blk *b, struct virtq_chain *c, const struct request *r,
		      uint32_t *written)
{
	bool write = r->type == T_OUT;
	uint64_t len = write ? c->out_len - sizeof(*r) : c->in_len - 1;
	int s;

	if (len % SECTOR || !inside(b, r->sector, len / SECTOR) || (write && b->readonly))
		return S_IOERR;
	s = write ? transfer(b, c, c->iov, c->nout, sizeof(*r), len, true, r->sector * SECTOR) :
		transfer(b, c, c->iov + c->nout, c->nin, 0, len, false, r->sector * SECTOR);
	if (s == S_OK && !write)
		*written = (uint32_t)len;
	return s;
}

static int zero_range(const struct blk *b, const struct range *r, bool discard)
{
	int mode = discard ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
	off_t off = (off_t)(r->sector * SECTOR), len = (off_t)(r->count * SECTOR);

	if (!inside(b, r->sector, r->count) || r->count > DISCARD_MAX || b->readonly)
		return S_IOERR;
	if (!r->count || !fallocate(b->fd, mode | FALLOC_FL_KEEP_SIZE, off, len))
		return S_OK;
	if (errno != EOPNOTSUPP)
		return S_IOERR;
	/* Holes read as zeroes too; a discard is a hint that may be ignored. */
	if (!discard && !fallocate(b->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len))
		return S_OK;
	return discard ? S_OK : S_UNSUPP;
}

static int ranges(struct blk *b, const struct virtq_chain *c, bool discard)
{
	uint64_t n = (c->out_len - sizeof(struct request)) / sizeof(struct range);
	struct range r;
	uint64_t i;
	int s = S_OK;

	if (n > SEGS_MAX)
		return S_IOERR;
	for (i = 0; i < n && s == S_OK; i++) {
		virtq_read(c, sizeof(struct request) + i * sizeof(r), &r, sizeof(r));
		s = zero_range(b, &r, discard);
	}
	return s;
}

static int get_id(const struct virtq_chain *c, uint32_t *written)
{
	static const char id[20] = "kvm-vmm";

	if (c->in_len < sizeof(id) + 1)
		return S_IOERR;
	*written = (uint32_t)virtq_write(c, 0, id, sizeof(id));
	return S_OK;
}

static int request(struct blk *b, struct virtq_chain *c, uint32_t *written)
{
	struct request r;

	if (virtq_read(c, 0, &r, sizeof(r)) != sizeof(r))
		return S_IOERR;
	switch (r.type) {
	case T_IN:
	case T_OUT:
		return read_write(b, c, &r, written);
	case T_FLUSH:
		return fdatasync(b->fd) ? S_IOERR : S_OK;
	case T_GET_ID:
		return get_id(c, written);
	case T_DISCARD:
	case T_ZEROES:
		return ranges(b, c, r.type == T_DISCARD);
	default:
		return S_UNSUPP;
	}
}

static uint32_t blk_request(struct virtio *v, struct virtq_chain *c)
{
	uint32_t written = 0;
	uint8_t s;

	if (!c->in_len) {	/* nowhere to put the status */
		v->q[c->q].r.broken = true;
		return 0;
	}
	s = (uint8_t)request((struct blk *)v, c, &written);	/* v is its first member */
	if (c->again)
		return 0;
	virtq_write(c, c->in_len - 1, &s, 1);
	return written + 1;
}

static const struct virtio_ops blk_ops = {
	.name = "blk", .id = 2, .nqueues = 1, .request = blk_request, .served = 1, .slow = true,
	.features = F_SEG_MAX | F_BLK_SIZE | F_FLUSH,
};

/* Formats that are not raw, by what they have at an offset; from the end, if negative. */
static const struct {
	const char *name;
	off_t at;
	const char *magic;
} formats[] = {
	{ "qcow", 0, "QFI\xfb" }, { "QED", 0, "QED" }, { "VMDK", 0, "KDMV" }, { "VMDK", 0, "COWD" },
	{ "VMDK", 0, "# Disk DescriptorFile" }, { "VDI", 64, "\x7f\x10\xda\xbe" },
	{ "VHD", 0, "conectix" }, { "VHD", -512, "conectix" }, { "VHDX", 0, "vhdxfile" },
	{ "Parallels", 0, "WithoutFreeSpace" }, { "Parallels", 0, "WithouFreSpacExt" },
};

/* Taken as raw, the guest would destroy what its metadata say. */
static int check_format(const struct blk *b, off_t size, struct err *e)
{
	char head[512] __attribute__((aligned(512))), tail[512] __attribute__((aligned(512)));
	unsigned int i;

	/* Whole sectors, for O_DIRECT; what cannot be read is no magic. */
	memset(head, 0, sizeof(head));
	memset(tail, 0, sizeof(tail));
	io_read(b->fd, head, sizeof(head), 0);
	io_read(b->fd, tail, sizeof(tail), ((uint64_t)size & ~511ULL) - 512);
	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const char *p = formats[i].at < 0 ? tail : head + formats[i].at;

		if (!memcmp(p, formats[i].magic, strlen(formats[i].magic)))
			return err_set(e, -EINVAL,
				       "%s: a disk image in %s format, and only raw ones are understood: convert it (qemu-img convert -O raw), or insist by --disk-format raw",
				       b->path, formats[i].name);
	}
	return 0;
}

/*
 * Two that write would destroy it, and one that reads sees it change. Of block
 * devices the kernel knows who has them, a mounted file system, too (O_EXCL).
 */
static int lock_disk(const struct blk *b, struct err *e)
{
	if (!flock(b->fd, (b->readonly ? LOCK_SH : LOCK_EX) | LOCK_NB))
		return 0;
	if (errno != EWOULDBLOCK)	/* a file system without locks */
		return 0;
	return err_set(e, -EBUSY,
		       "%s: in use as a disk: given twice, or another VM has it; several can have it with ,ro",
		       b->path);
}

/* What was written must be on the disk before another host reads it. */
static int own(void *dev, bool take, struct err *e)
{
	struct blk *b = dev;

	if (!b->lock)
		return 0;
	if (take)
		return lock_disk(b, e);
	if (!b->readonly && fdatasync(b->fd))
		return err_set(e, -errno, "%s: %m", b->path);
	flock(b->fd, LOCK_UN);
	return 0;
}

static int check_disk(struct blk *b, const struct devices *d, struct err *e)
{
	struct stat st;
	off_t size;
	int rc;

	if (fstat(b->fd, &st) < 0 || (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)))
		return err_set(e, -EINVAL, "%s: neither a file nor a block device", b->path);
	size = lseek(b->fd, 0, SEEK_END);
	if (size < (off_t)SECTOR)
		return err_set(e, -EINVAL, "%s: a disk of %ld bytes has no whole sector",
			       b->path, size);
	b->config.capacity = (uint64_t)size / SECTOR;
	b->lock = S_ISREG(st.st_mode);
	if (b->lock || ioctl(b->fd, BLKSSZGET, &b->config.blk_size) < 0)
		b->config.blk_size = SECTOR;	/* 4Kn disks: their own */
	rc = b->lock && !d->incoming ? lock_disk(b, e) : 0;
	return rc || d->raw ? rc : check_format(b, size, e);
}

/* FILE[,ro][,direct]; cuts it at commas. */
static int parse(struct device_arg *a, char *s, struct err *e)
{
	char *word, *save = NULL;

	a->text = strtok_r(s, ",", &save);
	while ((word = strtok_r(NULL, ",", &save))) {
		if (!strcmp(word, "ro"))
			a->readonly = true;
		else if (!strcmp(word, "direct"))
			a->direct = true;
		else
			return err_set(e, -EINVAL,
				"--disk %s: unknown word \"%s\", expected ro or direct",
				a->text, word);
	}
	return a->text ? 0 : err_set(e, -EINVAL, "--disk: expected a file");
}

static int add(struct devices *d, struct device *x, struct err *e)
{
	const struct device_arg *a = x->arg;
	int flags = (a->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK;
	struct blk *b = x->dev;
	struct stat st;
	int rc;

	b->path = a->text;
	b->readonly = a->readonly;
	b->direct = a->direct;
	if (!b->readonly && !d->incoming && !stat(b->path, &st) && S_ISBLK(st.st_mode))
		flags |= O_EXCL;
	b->fd = open(b->path, flags | (b->direct ? O_DIRECT : 0));
	if (b->fd < 0)
		return err_set(e, -errno, "%s: cannot open the disk%s: %m",
			       b->path, b->readonly ? "" : " for writing");
	rc = check_disk(b, d, e);
	if (!rc)
		rc = virtio_init(&b->v, &blk_ops, &d->vm->mem, &b->config, sizeof(b->config), e);
	if (rc)
		return rc;
	b->v.offered |= b->readonly ? F_RO : F_DISCARD | F_ZEROES;
	b->config.seg_max = VIRTQ_IOV - 2;
	b->config.num_queues = 1;
	b->config.max_discard_sectors = b->config.max_zeroes_sectors = DISCARD_MAX;
	b->config.max_discard_seg = b->config.max_zeroes_seg = SEGS_MAX;
	b->config.discard_alignment = 8;
	b->config.zeroes_may_unmap = 1;
	return device_attach(d, x, e);
}

static void blk_free(void *dev)
{
	struct blk *b = dev;

	free(b->bounce);
	if (b->fd >= 0)
		close(b->fd);
}

const struct device_type blk_device = {
	.option = "disk", .help = " FILE[,ro][,direct]   virtio-blk; again for more", .max = 26,
	.image = true, .virtio = true, .role = SANDBOX_DISK,
	.size = sizeof(struct blk), .parse = parse, .add = add, .free = blk_free, .own = own,
};
