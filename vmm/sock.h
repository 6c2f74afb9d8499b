/* SPDX-License-Identifier: GPL-2.0-only */
/* UNIX sockets: a connection, and descriptors that pass through one. */
#ifndef VMM_SOCK_H
#define VMM_SOCK_H

#include <stddef.h>
#include <sys/types.h>

#include "err.h"

/*
 * sock_connect - to the socket at @path; a descriptor, or -errno
 *
 * Reads and writes fail with EAGAIN when the other side does nothing for so long.
 */
#define SOCK_WAIT_S	5
int sock_connect(const char *path);

/*
 * sock_listen - a socket at @path, which only this user may connect to
 *
 * Takes the place of a socket that nobody listens at any more.
 */
int sock_listen(const char *path, struct err *e);

/* sock_accept - wait for a connection, which is more patient; or -errno */
#define SOCK_WAIT_LONG_S 30
int sock_accept(int fd);

/* sock_pass, sock_take - a message with a descriptor (-1: none); bytes, or -errno */
ssize_t sock_pass(int to, const void *buf, size_t len, int fd);
ssize_t sock_take(int from, void *buf, size_t len, int *fd);

#endif
