// SPDX-License-Identifier: GPL-2.0-only
#include "io.h"

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

static uint64_t whole(int fd, char *buf, uint64_t len, uint64_t off, bool to_file)
{
	uint64_t done = 0;
	ssize_t n = 1;

	errno = 0;
	while (done < len && n) {
		if (off == IO_STREAM)
			n = to_file ? write(fd, buf + done, len - done) :
				read(fd, buf + done, len - done);
		else
			n = to_file ? pwrite(fd, buf + done, len - done, (off_t)(off + done)) :
				pread(fd, buf + done, len - done, (off_t)(off + done));
		if (n < 0 && errno != EINTR)
			break;
		done += n > 0 ? (uint64_t)n : 0;
	}
	if (!n)
		errno = 0;
	return done;
}

uint64_t io_read(int fd, void *buf, uint64_t len, uint64_t off)
{
	return whole(fd, buf, len, off, false);
}

uint64_t io_write(int fd, const void *buf, uint64_t len, uint64_t off)
{
	return whole(fd, (char *)buf, len, off, true);
}
