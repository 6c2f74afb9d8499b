// SPDX-License-Identifier: GPL-2.0-only
#include "loop.h"

#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* Small: of the default 8 MiB, huge pages would make 2 MiB resident each. */
#define THREAD_STACK	(256UL << 10)

void loop_free(struct loop *l)
{
	if (l->epfd >= 0)
		close(l->epfd);
	if (l->stop_fd >= 0)
		close(l->stop_fd);
	l->epfd = l->stop_fd = -1;
}

int loop_add(struct loop *l, int fd, uint32_t events, loop_fn fn, void *arg, struct err *e)
{
	struct epoll_event ev = { .events = events, .data.u32 = l->n };

	if (l->n == LOOP_FDS_MAX)
		return err_set(e, -ENOSPC, "more than %d descriptors to wait for", LOOP_FDS_MAX);
	if (events && epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return err_set(e, -errno, "epoll_ctl: %m");
	l->e[l->n++] = (struct loop_entry){ fd, fn, arg };
	return 0;
}

void loop_enable(struct loop *l, int fd, uint32_t events)
{
	unsigned int i;

	for (i = 0; i < l->n; i++) {
		struct epoll_event ev = { .events = events, .data.u32 = i };

		if (l->e[i].fd != fd)
			continue;
		if (!events)
			epoll_ctl(l->epfd, EPOLL_CTL_DEL, fd, NULL);
		else if (epoll_ctl(l->epfd, EPOLL_CTL_MOD, fd, &ev) < 0 && errno == ENOENT)
			epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &ev);
	}
}

int loop_once(struct loop *l, int timeout_ms)
{
	struct epoll_event ev[8];
	int i, n = epoll_wait(l->epfd, ev, 8, timeout_ms);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (i = 0; i < n; i++) {
		struct loop_entry *x = &l->e[ev[i].data.u32];

		if (x->fn)
			x->fn(x->arg, x->fd, ev[i].events);
	}
	return n;
}

static void *loop_thread(void *arg)
{
	struct loop *l = arg;

	if (l->enter)
		l->enter(l->arg);
	while (!atomic_load(&l->done) && loop_once(l, -1) >= 0)
		;
	return NULL;
}

int loop_init(struct loop *l, struct err *e)
{
	int rc;

	memset(l, 0, sizeof(*l));
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	l->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->epfd < 0 || l->stop_fd < 0)
		rc = err_set(e, -errno, "no descriptor for an event loop: %m");
	else
		rc = loop_add(l, l->stop_fd, EPOLLIN, NULL, NULL, e);
	if (rc)
		loop_free(l);
	return rc;
}

uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

int thread_start(pthread_t *t, void *(*fn)(void *), void *arg, int sig, struct err *e)
{
	pthread_attr_t attr;
	sigset_t set, old;
	int rc;

	sigfillset(&set);
	if (sig)
		sigdelset(&set, sig);
	/* A fault of ours must stay fatal, and the sandbox's verdict heard. */
	sigdelset(&set, SIGSEGV);
	sigdelset(&set, SIGBUS);
	sigdelset(&set, SIGSYS);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	pthread_sigmask(SIG_SETMASK, &set, &old);
	rc = pthread_create(t, &attr, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return rc ? err_set(e, -rc, "cannot start a thread: %s", strerror(rc)) : 0;
}

bool thread_join(pthread_t t, unsigned int ms)
{
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_nsec += (long)(ms % 1000) * 1000000;
	at.tv_sec += ms / 1000 + at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	return !pthread_timedjoin_np(t, NULL, &at);
}

void event_ring(int fd)
{
	uint64_t one = 1;
	ssize_t n = write(fd, &one, sizeof(one));

	(void)n;	/* EAGAIN: enough are pending */
}

int loop_start(struct loop *l, struct err *e)
{
	int rc = thread_start(&l->thread, loop_thread, l, 0, e);

	l->threaded = !rc;
	return rc;
}

void loop_stop(struct loop *l)
{
	atomic_store(&l->done, true);
	event_ring(l->stop_fd);
}

bool loop_join(struct loop *l, unsigned int ms)
{
	if (l->threaded && thread_join(l->thread, ms))
		l->threaded = false;
	return !l->threaded;
}
