// SPDX-License-Identifier: GPL-2.0
#include "dev/dev.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "vm.h"

void dev_irq_vm(void *ctx, uint32_t line, int level)
{
	vm_irq(ctx, line, level);
}

void out_write(const struct out *o, const void *buf, uint32_t len)
{
	const char *p = buf;

	while (len) {
		ssize_t n = write(o->fd, p, len);

		if (n > 0) {
			p += n;
			len -= (uint32_t)n;
			continue;
		}
		if (o->stop && atomic_load(o->stop))
			return;
		if (n < 0 && errno == EAGAIN) {
			struct pollfd f = { .fd = o->fd, .events = POLLOUT };

			poll(&f, 1, 100);
		} else if (n < 0 && errno != EINTR) {
			return;
		}
	}
}
