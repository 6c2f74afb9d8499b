/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtio-blk on a file or block device. Source: Virtual I/O Device 1.2, 5.2.
 */
#ifndef VMM_BLK_H
#define VMM_BLK_H

#include "dev/virtio.h"

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
	struct virtio_ops ops;		/* blk_ops, features as the disk is */
	struct blk_config config;
	struct loop loop;		/* a thread: disks block */
	int fd;
	bool readonly, direct;
	const char *path;
	uint8_t *bounce;		/* O_DIRECT wants alignment */
};

/*
 * blk_open - open the disk and make the device
 *
 * -EINVAL if it is neither a file nor a block device, or has no whole sector.
 */
int blk_open(struct blk *b, const struct mem *mem, const char *path,
	     bool readonly, bool direct, struct err *e);
void blk_close(struct blk *b);

#endif
