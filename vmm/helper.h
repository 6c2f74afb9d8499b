/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process beside the VM for what the sandbox forbids. It starts first, and
 * knows its one file and its one socket by then: a VMM that was taken over can
 * only ask it to do what the command line says.
 */
#ifndef VMM_HELPER_H
#define VMM_HELPER_H

#include "err.h"

struct helper {
	int fd;			/* to the process; -1: there is none */
	int file;		/* the new file, open for reading and writing; -1 */
	const char *path;	/* what it will be called */
	const char *socket;
};

/*
 * helper_start - make a new file beside @h->path (NULL: none), and the process
 *
 * The process removes the file when this one ends, unless helper_rename() was
 * called. A link at @h->path is followed; what is no file is refused.
 */
int helper_start(struct helper *h, struct err *e);

/* helper_rename - put the new file in the place of @h->path; it is on the disk then */
int helper_rename(struct helper *h, struct err *e);

/* helper_connect - a new connection to UNIX socket @h->socket, or -errno */
int helper_connect(struct helper *h, struct err *e);

/* helper_stop - end the process, and wait for it: its unfinished file is gone */
void helper_stop(struct helper *h);

#endif
