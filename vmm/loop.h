/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An event loop: descriptors and a function each (epoll). The main thread
 * serves one; a device that may block has another on a thread of its own.
 */
#ifndef VMM_LOOP_H
#define VMM_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "err.h"

#define LOOP_FDS_MAX	96

/* loop_fn - @events: EPOLLIN etc. that are ready on @fd */
typedef void (*loop_fn)(void *arg, int fd, uint32_t events);

struct loop_entry {
	int fd;			/* -1: free */
	loop_fn fn;
	void *arg;
};

struct loop {
	int epfd;
	int stop_fd;		/* eventfd: a write ends it */
	atomic_bool done;
	struct loop_entry e[LOOP_FDS_MAX];
	unsigned int n;
	void (*enter)(void *arg);	/* optional: called first, on the loop's thread */
	void *arg;
	pthread_t thread;
	bool threaded;
};

int loop_init(struct loop *l, struct err *e);
void loop_free(struct loop *l);

/* loop_add - as loop_enable(), and call @fn (NULL: just wake); before the loop runs */
int loop_add(struct loop *l, int fd, uint32_t events, loop_fn fn, void *arg,
	     struct err *e);

/*
 * loop_enable - change the events waited for; from any thread
 *
 * With 0, @fd leaves the epoll set: a hang-up or an error would wake the loop
 * for no events, too, and for ever.
 */
void loop_enable(struct loop *l, int fd, uint32_t events);

/* loop_once - wait up to @timeout_ms (-1: for ever) and serve what is ready */
int loop_once(struct loop *l, int timeout_ms);

/* now_us - a clock that only runs on (CLOCK_MONOTONIC), in microseconds */
uint64_t now_us(void);

/*
 * thread_start - start a small-stack thread
 *
 * All signals stay blocked (the main thread handles them) except @sig, if
 * non-zero.
 */
int thread_start(pthread_t *t, void *(*fn)(void *), void *arg, int sig,
		 struct err *e);

/* event_ring - add 1 to an eventfd; from any thread */
void event_ring(int fd);

/* thread_join - wait for the end of @t, @ms at most; false: it goes on */
bool thread_join(pthread_t t, unsigned int ms);

/*
 * loop_start - serve the loop on a thread
 * loop_stop - ask that thread to end
 * loop_join - wait for its end, @ms at most; false: it is stuck. True if there is none
 */
int loop_start(struct loop *l, struct err *e);
void loop_stop(struct loop *l);
bool loop_join(struct loop *l, unsigned int ms);

#endif
