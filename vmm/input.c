// SPDX-License-Identifier: GPL-2.0-only
#include "input.h"

#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define CTRL_A		1

/* Ctrl-A x ends the run, Ctrl-A twice sends one; in place, new length. */
static uint32_t escapes(struct input *in, uint8_t *buf, uint32_t len)
{
	uint32_t i, n = 0;

	for (i = 0; i < len; i++) {
		if (in->escape && buf[i] == 'x')
			vm_stop(in->to->vm, VM_KILLED, "ended from the terminal");
		if (!in->escape && buf[i] == CTRL_A) {
			in->escape = true;
			continue;
		}
		in->escape = false;
		buf[n++] = buf[i];
	}
	return n;
}

/* Give the console what is here, and wait: for more, or for it to take more. */
static void pass_on(struct input *in)
{
	const struct device_input *to = &in->to->input;
	uint32_t n = to->put(to->dev, in->buf, in->len);

	in->len -= n;
	memmove(in->buf, in->buf + n, in->len);
	if (in->over)
		return;
	if (!in->file)
		loop_enable(&in->to->vm->loop, in->fd, in->tty || !in->len ? EPOLLIN : 0);
	else if (!in->len)
		event_ring(in->to->input_fd);
}

static void on_input(void *arg, int fd, uint32_t events)
{
	struct input *in = arg;
	uint8_t part[INPUT_PART];
	uint32_t len, room = sizeof(in->buf) - in->len;
	ssize_t n = read(fd, part, sizeof(part));

	(void)events;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		in->over = true;
		loop_enable(&in->to->vm->loop, fd, 0);
	}
	if (n <= 0)
		return;
	len = in->tty ? escapes(in, part, (uint32_t)n) : (uint32_t)n;
	len = len < room ? len : room;
	memcpy(in->buf + in->len, part, len);
	in->len += len;
	pass_on(in);
}

/* The console takes more, or a file may be read on. */
static void on_room(void *arg, int fd, uint32_t events)
{
	struct input *in = arg;
	uint64_t n;

	if (read(fd, &n, sizeof(n)) != sizeof(n))
		return;
	if (in->len)
		pass_on(in);
	else if (in->file && !in->over)
		on_input(in, in->fd, events);
}

int input_start(struct input *in, struct devices *d, int fd, struct err *e)
{
	int rc = loop_add(&d->vm->loop, d->input_fd, EPOLLIN, on_room, in, e);

	in->to = d;
	in->fd = fd;
	in->tty = isatty(fd);
	if (rc)
		return rc;
	rc = loop_add(&d->vm->loop, fd, EPOLLIN, on_input, in, e);
	in->file = rc == -EPERM;	/* /dev/null, too */
	if (in->file)
		event_ring(d->input_fd);
	return in->file || rc == -EBADF ? 0 : rc;
}
