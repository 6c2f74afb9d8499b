// SPDX-License-Identifier: GPL-2.0-only
#include "say.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "loop.h"

#define PART	4096U	/* what a pipe that is ready takes at once */

static atomic_int patience = SAY_MS;

/* Can standard error take something? Waiting uses the patience up. */
static int writable(void)
{
	struct pollfd f = { .fd = STDERR_FILENO, .events = POLLOUT };
	uint64_t start = now_us();
	int left = atomic_load(&patience);
	int rc = poll(&f, 1, left > 0 ? left : 0);

	atomic_fetch_sub(&patience, (int)((now_us() - start) / 1000));
	return rc > 0 || (rc < 0 && errno == EINTR);
}

void say_text(const char *s, size_t len)
{
	while (len && writable()) {
		ssize_t n = write(STDERR_FILENO, s, len < PART ? len : PART);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return;
		s += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
}

void say(const char *fmt, ...)
{
	static const char name[] = "kvm-vmm: ";
	char buf[1200];		/* struct err holds 1024 */
	va_list ap;
	int n;

	memcpy(buf, name, sizeof(name));
	va_start(ap, fmt);
	n = vsnprintf(buf + sizeof(name) - 1, sizeof(buf) - sizeof(name), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	n += (int)sizeof(name) - 1;
	if (n > (int)sizeof(buf) - 2)
		n = (int)sizeof(buf) - 2;
	buf[n++] = '\n';
	say_text(buf, (size_t)n);
}
