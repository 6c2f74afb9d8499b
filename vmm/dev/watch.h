/* SPDX-License-Identifier: GPL-2.0-only */
/* What a Linux guest writes to its consoles, line by line: its last one, a panic. */
#ifndef VMM_WATCH_H
#define VMM_WATCH_H

#include <pthread.h>
#include <stdint.h>

#define WATCH_LINE	160

struct watch {
	pthread_mutex_t lock;	/* two consoles may write; guards what follows */
	uint32_t len;
	char line[WATCH_LINE];	/* being written; printable characters only */
	char last[WATCH_LINE];	/* the last one that was not empty */
	char panic[WATCH_LINE];	/* "Kernel panic - not syncing: ..." */
	unsigned int since;	/* lines after it */
	/* Optional: the kernel said that this was the end of its panic */
	void (*panicked)(void *ctx, const char *panic);
	void *ctx;
};

/* watch_put - characters that were written; from any thread */
void watch_put(struct watch *w, const char *p, uint32_t len);

/*
 * watch_panic - a panic that the kernel ended with, or NULL
 *
 * No more than the kernel's own lines followed it: a log that tells of one is none.
 */
const char *watch_panic(const struct watch *w);

/* watch_last - the last line, or NULL if nothing was ever written */
const char *watch_last(const struct watch *w);

#endif
