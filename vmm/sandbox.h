/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sandbox: before the first guest instruction, the process gives up what
 * it does not need. A guest that takes over the VMM finds no new privileges,
 * no capabilities, and a short list of system calls.
 */
#ifndef VMM_SANDBOX_H
#define VMM_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

/* What a thread does, and so may. gen/sandbox_gen.c has the tables. */
enum sandbox_role {
	SANDBOX_PROCESS,	/* all of them, and what starts threads */
	SANDBOX_MAIN, SANDBOX_VCPU, SANDBOX_DISK, SANDBOX_NET, SANDBOX_CONSOLE,
	SANDBOX_DEVICE,		/* any other device */
	SANDBOX_ENDER, SANDBOX_GDB,
};

/* Stands for the process's number in the tables. */
#define SANDBOX_PID	0x5a17b0a7U

/* What the process keeps for itself. */
struct sandbox_user {
	bool set;		/* become this user, with this group and no other */
	uint32_t uid, gid;
};

/*
 * sandbox_process - another user, no new privileges, no capabilities, Landlock
 * where the kernel has it, limits, and all roles' system calls only
 * @user: NULL: who it is
 * @file_max: no file grows beyond so many bytes (RLIMIT_FSIZE); 0: as it was
 *
 * Call when all files are open and before threads start: they inherit it.
 */
int sandbox_process(const struct sandbox_user *user, uint64_t file_max, struct err *e);

/* sandbox_landlock - nothing can be opened by name; 0, too, where the kernel lacks it */
int sandbox_landlock(struct err *e);

/* sandbox_enter - narrow the calling thread to its role */
int sandbox_enter(enum sandbox_role role, struct err *e);

#endif
