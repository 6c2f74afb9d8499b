// SPDX-License-Identifier: GPL-2.0-only
#include "dev/out.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define ASK_MS		100
#define ASK_LEN		4096U	/* what a pipe that is ready takes at once */

static bool out_ready(const struct out *o)
{
	struct pollfd f = { .fd = o->fd, .events = POLLOUT };

	return poll(&f, 1, ASK_MS) != 0;
}

void out_write(const struct out *o, const void *buf, uint32_t len)
{
	const char *p = buf;

	while (len && o->fd >= 0) {	/* poll(2) would wait for -1 for ever */
		uint32_t part = o->ask && len > ASK_LEN ? ASK_LEN : len;
		ssize_t n = 0;

		if (!o->ask || out_ready(o))
			n = write(o->fd, p, part);
		if (n > 0) {
			p += n;
			len -= (uint32_t)n;
			continue;
		}
		if (o->stop && atomic_load(o->stop))
			return;
		if (n < 0 && errno == EAGAIN)
			out_ready(o);
		else if (n < 0 && errno != EINTR)
			return;
	}
}
