// SPDX-License-Identifier: GPL-2.0-only
#include "sock.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A socket, and the address of @path; -errno. */
static int sock_for(struct sockaddr_un *a, const char *path)
{
	int fd = -1;

	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	errno = ENAMETOOLONG;
	if (strlen(path) < sizeof(a->sun_path)) {
		memcpy(a->sun_path, path, strlen(path) + 1);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	}
	return fd < 0 ? -errno : fd;
}

static int patient(int fd, int seconds)
{
	const struct timeval t = { .tv_sec = seconds };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
	return fd;
}

int sock_connect(const char *path)
{
	struct sockaddr_un a;
	int fd = sock_for(&a, path), rc;

	if (fd < 0 || !connect(fd, (struct sockaddr *)&a, sizeof(a)))
		return fd < 0 ? fd : patient(fd, SOCK_WAIT_S);
	rc = -errno;
	close(fd);
	return rc;
}

int sock_accept(int fd)
{
	int c = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	return c < 0 ? -errno : patient(c, SOCK_WAIT_LONG_S);
}

int sock_listen(const char *path, struct err *e)
{
	char part[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
	struct sockaddr_un a;
	struct stat st;
	mode_t old;
	int fd, rc;

	if (!stat(path, &st) && (!S_ISSOCK(st.st_mode) || sock_connect(path) != -ECONNREFUSED))
		return err_set(e, -EADDRINUSE, "%s: cannot listen: it is there, and in use or no socket",
			       path);
	/* Who sees the name can connect: between bind(2) and listen(2) nobody could. */
	snprintf(part, sizeof(part), "%s~", path);
	fd = sock_for(&a, part);
	old = umask(0177);
	rc = fd < 0 ? fd : bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1) < 0 ||
		rename(part, path) < 0 ? -errno : 0;
	umask(old);
	if (rc)
		err_set(e, rc, "%s: cannot listen: %s", path, strerror(-rc));
	if (rc && fd >= 0)
		close(fd);
	return rc ? rc : fd;
}

ssize_t sock_pass(int to, const void *buf, size_t len, int fd)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} c = { .h = { .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET,
		       .cmsg_type = SCM_RIGHTS } };
	struct iovec v = { (void *)buf, len };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	if (fd >= 0) {
		memcpy(CMSG_DATA(&c.h), &fd, sizeof(fd));
		m.msg_control = &c;
		m.msg_controllen = sizeof(c);
	}
	return sendmsg(to, &m, MSG_NOSIGNAL) < 0 ? -errno : (ssize_t)len;
}

ssize_t sock_take(int from, void *buf, size_t len, int *fd)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} c;
	struct iovec v = { buf, len };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &c,
			    .msg_controllen = sizeof(c) };
	ssize_t n = recvmsg(from, &m, MSG_CMSG_CLOEXEC);

	*fd = -1;
	if (n > 0 && CMSG_FIRSTHDR(&m) && c.h.cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(&c.h), sizeof(*fd));
	return n < 0 ? -errno : n;
}
