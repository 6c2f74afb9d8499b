/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The end of a run, whatever its other threads do. A thread with nothing else
 * to do waits for the deadline, a signal or vm_stop(). Then the process has
 * ENDER_GRACE_MS to end by itself; after that, the thread ends it.
 */
#ifndef VMM_ENDER_H
#define VMM_ENDER_H

#include "kvm.h"

/* More than the VMM's own waits at the end (vm.c, device.c, say.h) together. */
#define ENDER_GRACE_MS	12000

struct ender {
	struct vm *vm;
	unsigned int deadline_ms;	/* 0: none */
	unsigned int grace_ms;
	int signal_fd;		/* signals that end the run; -1: none */
	void (*leave)(void);	/* optional: called before _exit() */
	uint64_t start;		/* its own */
};

/*
 * ender_start - start the thread; @x stays until the process ends, and so does
 * the thread
 */
int ender_start(struct ender *x, struct err *e);

#endif
