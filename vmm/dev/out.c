// SPDX-License-Identifier: GPL-2.0-only
#include "dev/out.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define ASK_MS		100
#define ASK_LEN		4096U	/* what a pipe that is ready takes at once */

static bool out_ready(const struct out *o, bool stopping)
{
	struct pollfd f = { .fd = o->fd, .events = POLLOUT };

	return poll(&f, 1, stopping ? 0 : ASK_MS) != 0;
}

bool out_write(const struct out *o, const void *buf, uint32_t len)
{
	const char *p = buf;
	uint32_t last = OUT_LAST;

	if (o->watch)
		watch_put(o->watch, buf, len);
	while (len && o->fd >= 0) {	/* poll(2) would wait for -1 for ever */
		uint32_t part = o->ask && len > ASK_LEN ? ASK_LEN : len;
		bool stopping = o->stop && atomic_load(o->stop);
		ssize_t n = 0;

		if (!o->ask || out_ready(o, stopping))
			n = write(o->fd, p, part);
		if (n > 0) {
			p += n;
			len -= (uint32_t)n;
			last -= stopping ? (uint32_t)n : 0;
		} else if (n < 0 && errno == EAGAIN) {
			out_ready(o, stopping);
		} else if (n < 0 && errno != EINTR) {
			if (o->failed)
				o->failed(o->ctx, errno);
			return false;
		}
		if (stopping && (n <= 0 || last < ASK_LEN))
			return !len;
	}
	return true;
}
