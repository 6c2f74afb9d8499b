/* SPDX-License-Identifier: GPL-2.0 */
/* A lab with a second memory slot, whose pages a guest touches. */
#ifndef SELFTEST_VMSLOT_H
#define SELFTEST_VMSLOT_H

#include "vmchecks.h"

#define SLOT1	0x4000000ULL	/* where slot 1 is put, beyond RAM */
#define PG	((size_t)4096)
#define PAGES	256u

/* Code for slot_touch(): write to, or read from, each page. */
extern const uint8_t slot_write[18], slot_read[18];

/* slot_open - a long-mode lab with slot 1 of PAGES pages at SLOT1; @pre as in lab_opts */
int slot_open(struct lab *l, struct t *t, uint32_t flags, void **host, int (*pre)(struct lab *l));
void slot_close(struct lab *l, void *host);
/* slot_touch - let the guest touch those pages of slot 1 that @pages says, by @code */
int slot_touch(struct lab *l, const uint8_t *code, size_t len, const bool *pages);
#define TOUCH(l, code, pages) slot_touch(l, code, sizeof(code), pages)

#endif
