/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A debugger's way into the guest: GDB's remote serial protocol (GDB manual,
 * appendix E) on a UNIX socket. A vCPU is a thread.
 */
#ifndef VMM_GDB_H
#define VMM_GDB_H

#include "gdb_target.h"

#define GDB_PACKET	4096	/* characters, with all that is around them */

struct gdb {
	struct target t;
	int listen_fd, fd;	/* fd -1: no debugger is there */
	pthread_t thread;
	bool threaded;
	char in[GDB_PACKET];
	unsigned int n;
};

/*
 * gdb_open - listen at socket @path, which only this user may connect to
 * gdb_start - serve debuggers, on a thread of its own
 * gdb_stop - after the run; false: that thread is stuck
 * gdb_close - after all; @g may be zeroed still
 *
 * The guest stands as long as a debugger is there and has not let it go.
 */
int gdb_open(struct gdb *g, struct vm *vm, const char *path, struct err *e);
int gdb_start(struct gdb *g, struct err *e);
bool gdb_stop(struct gdb *g);

/* gdb_input - characters came from the debugger, whoever that is */
void gdb_input(struct gdb *g, const char *s, size_t len);
void gdb_close(struct gdb *g);

#endif
