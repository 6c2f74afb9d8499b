// SPDX-License-Identifier: GPL-2.0-only
#include "helper.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sock.h"

enum { RENAME = 'r', CONNECT = 'c', END = 'e' };

/* What the process knows. */
struct names {
	char path[PATH_MAX], part[PATH_MAX], dir[PATH_MAX];
};

static int put_in_place(struct names *n)
{
	int rc = rename(n->part, n->path) < 0 ? -errno : 0;
	int dir = rc ? -1 : open(n->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir >= 0) {
		rc = fsync(dir) < 0 && errno != EINVAL ? -errno : 0;
		n->part[0] = '\0';
	}
	return rc;
}

static void serve(int fd, struct names *n, const char *socket)
{
	int rc, s;
	char c;

	while (read(fd, &c, 1) == 1 && c != END) {
		s = c == CONNECT ? sock_connect(socket) : -1;
		rc = c == CONNECT ? (s < 0 ? s : 0) : put_in_place(n);
		if (sock_pass(fd, &rc, sizeof(rc), s) < 0)
			break;
		if (s >= 0)
			close(s);
	}
	if (n->part[0])
		unlink(n->part);
}

/* Of the VM's descriptors it keeps none: whoever reads its output sees the end. */
static void run(int fd, struct names *n, const char *socket)
{
	sigset_t all;
	int i;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (i = 0; i < fd; i++)
		close(i);
	serve(fd, n, socket);
	_exit(0);
}

/* A new file in the same directory, so that rename(2) is one step. */
static int make_part(struct helper *h, struct names *n, struct err *e)
{
	char copy[PATH_MAX];
	struct stat st;

	if (!realpath(h->path, n->path))
		snprintf(n->path, sizeof(n->path), "%s", h->path);
	else if (!stat(n->path, &st) && !S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "%s: cannot write: not a file", h->path);
	memcpy(copy, n->path, sizeof(copy));
	snprintf(n->dir, sizeof(n->dir), "%s", dirname(copy));
	if (snprintf(n->part, sizeof(n->part), "%s.XXXXXX", n->path) < (int)sizeof(n->part))
		h->file = mkostemp(n->part, O_CLOEXEC);
	if (h->file < 0)
		return err_set(e, -errno, "%s: cannot write: %m", h->path);
	return 0;
}

int helper_start(struct helper *h, struct err *e)
{
	struct names n = { .part = "" };
	int fd[2], rc;
	pid_t pid;

	h->fd = h->file = -1;
	rc = h->path ? make_part(h, &n, e) : 0;
	if (rc)
		return rc;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) < 0) {
		rc = err_set(e, -errno, "socketpair: %m");
	} else {
		pid = fork();
		if (!pid)
			run(fd[1], &n, h->socket);
		rc = pid < 0 ? err_set(e, -errno, "fork: %m") : 0;
		close(fd[1]);
		h->fd = fd[0];
	}
	if (rc && h->path)
		unlink(n.part);
	return rc;
}

/* Ask, and wait for the answer; @s: the descriptor that comes with it. */
static int ask(struct helper *h, char what, int *s)
{
	int rc = -EIO;

	*s = -1;
	if (write(h->fd, &what, 1) == 1 && sock_take(h->fd, &rc, sizeof(rc), s) != sizeof(rc))
		rc = -EIO;
	return rc;
}

int helper_rename(struct helper *h, struct err *e)
{
	int s, rc = ask(h, RENAME, &s);

	return rc ? err_set(e, rc, "%s: cannot put it in place: %s", h->path, strerror(-rc)) : 0;
}

int helper_connect(struct helper *h, struct err *e)
{
	int s, rc = ask(h, CONNECT, &s);

	return rc ? err_set(e, rc, "%s: cannot connect: %s", h->socket, strerror(-rc)) : s;
}

void helper_stop(struct helper *h)
{
	int s;

	if (h->fd >= 0) {
		/* It gives no answer, but ends: then the unfinished file is gone. */
		ask(h, END, &s);
		close(h->fd);
	}
	if (h->file >= 0)
		close(h->file);
}
