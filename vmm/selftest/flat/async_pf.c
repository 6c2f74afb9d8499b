// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's half of guest/t_async_pf.c: a userfaultfd holds pages back until the
 * guest says that it runs without them. userfaultfd(2), ioctl_userfaultfd(2).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#define REPORT_PLACE 80
#include "env/clock.h"
#include "flat/flat.h"

enum { HOLD = 100, RELEASE, AT_ONCE };		/* as in the guest */
#define FIRST	(UNIT_SCRATCH + 0x100 * 4096)
#define PAGES	8

struct pager {
	struct lab *lab;
	int uffd, go, stop;			/* go, stop: eventfds */
	pthread_t thread;
	bool started;
};

/* Serve one page when the guest says so, or after a time: a KVM that waits for it must not hang us. */
static void serve(struct pager *p, uint64_t addr)
{
	struct pollfd fds[] = { { .fd = p->go, .events = POLLIN }, { .fd = p->stop, .events = POLLIN } };
	unsigned int n = (unsigned int)((addr - (uintptr_t)(p->lab->ram + FIRST)) / 4096);
	double left = (p->lab->deadline - now_ms()) / 2;
	uint8_t data[4096];
	struct uffdio_copy c = { .dst = addr & ~4095ull, .src = (uintptr_t)data, .len = sizeof(data) };

	poll(fds, 2, left < 1 ? 1 : (int)left);
	memset(data, (int)(0xa0 + n), sizeof(data));
	ioctl(p->uffd, UFFDIO_COPY, &c);
}

static void *pager_main(void *arg)
{
	struct pager *p = arg;
	struct pollfd fds[] = { { .fd = p->uffd, .events = POLLIN }, { .fd = p->stop, .events = POLLIN } };
	struct uffd_msg m;

	while (poll(fds, 2, -1) > 0 && !fds[1].revents)
		if (read(p->uffd, &m, sizeof(m)) == sizeof(m) && m.event == UFFD_EVENT_PAGEFAULT)
			serve(p, m.arg.pagefault.address);
	return NULL;
}

static int pager_start(struct lab *l)
{
	struct pager *p = l->arg;
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	p->lab = l;
	p->uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (p->uffd < 0 && (errno == ENOSYS || errno == EPERM))
		return t_skip(l->t, "userfaultfd: %s (needs CONFIG_USERFAULTFD and root)", strerror(errno));
	p->go = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	REQUIRE(l->t, p->uffd >= 0 && p->go >= 0 && p->stop >= 0, "userfaultfd, eventfd: %s", strerror(errno));
	reg.range.start = (uintptr_t)(l->ram + FIRST);
	reg.range.len = PAGES * 4096;
	REQUIRE(l->t, !ioctl(p->uffd, UFFDIO_API, &api) &&
		!madvise(l->ram + FIRST, PAGES * 4096, MADV_DONTNEED) &&
		!ioctl(p->uffd, UFFDIO_REGISTER, &reg), "userfaultfd of guest RAM: %s", strerror(errno));
	if (t_thread(l->t, &p->thread, pager_main, p))
		return -1;
	p->started = true;
	return 0;
}

/* Stop before the VM ends: a vCPU or KVM's worker may still wait for a page. */
static void pager_stop(struct pager *p)
{
	uint64_t one = 1;

	if (p->started && write(p->stop, &one, sizeof(one)) == sizeof(one))
		pthread_join(p->thread, NULL);
	if (p->uffd >= 0)
		close(p->uffd);
	if (p->go >= 0)
		close(p->go);
	if (p->stop >= 0)
		close(p->stop);
}

static int on_exit_apf(struct lab *l, unsigned int cpu, void *arg)
{
	struct pager *p = arg;
	uint64_t v = 1;
	uint32_t n;

	if (!sync_number(l->cpu[cpu].run, &n))
		return lab_odd_exit(l, cpu);
	/* A readable eventfd means "serve". EAGAIN: it was not readable. */
	if (n == HOLD && read(p->go, &v, sizeof(v)) < 0 && errno != EAGAIN)
		return t_fail(l->t, "eventfd: %s", strerror(errno));
	if (n != HOLD && write(p->go, &v, sizeof(v)) < 0)
		return t_fail(l->t, "eventfd: %s", strerror(errno));
	return 1;
}

CHECK(flat, async_page_fault, "KVM tells a guest that a page is missing, lets it run, and tells it when the page is there",
      ADVICE_APF, HW)
{
	struct pager p = { .uffd = -1, .go = -1, .stop = -1 };
	struct unit u = { .test = "async_pf", .lab = { .irqchip = true }, .on_exit = on_exit_apf, .arg = &p,
		.prepare = pager_start };
	struct lab l;
	int rc = unit_open(&l, t, &u);

	if (!rc)
		rc = unit_run(&l);
	pager_stop(&p);
	lab_close(&l);
	return rc;
}
