/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The small virtio devices: rng, console, balloon. Source: Virtual I/O Device
 * 1.2, 5.4, 5.3 and 5.5.
 */
#ifndef VMM_SMALL_H
#define VMM_SMALL_H

#include "dev/dev.h"
#include "dev/virtio.h"

struct rng {
	struct virtio v;
};

int rng_init(struct rng *r, const struct mem *mem, struct err *e);

struct console {
	struct virtio v;
	struct out out;
	struct loop loop;		/* a thread: readers of ours may be slow */
	uint32_t config[3];		/* size, ports, emergency write: unused */
};

int console_init(struct console *c, const struct mem *mem,
		 const struct out *out, struct err *e);

void console_free(struct console *c);

/*
 * console_input - characters from outside; returns how many it took: none
 * while output is stuck, rather than being stuck too
 */
uint32_t console_input(struct console *c, const uint8_t *buf, uint32_t len);

struct balloon {
	struct virtio v;
	struct {
		uint32_t num_pages;	/* that we ask for */
		uint32_t actual;	/* that the guest has given */
	} config;
};

/* balloon_init - @pages: of 4 KiB, to be taken from the guest */
int balloon_init(struct balloon *b, const struct mem *mem, uint32_t pages,
		 struct err *e);

#endif
