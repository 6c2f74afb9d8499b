/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The sandbox: before the first guest instruction, the process gives up what
 * it does not need. A guest that takes over the VMM finds no new privileges,
 * no capabilities, and a short list of system calls.
 */
#ifndef VMM_SANDBOX_H
#define VMM_SANDBOX_H

#include <linux/filter.h>

#include "err.h"

/* Filters in the kernel's form: 0 for the main and I/O threads, 1 for vCPUs. */
struct sandbox {
	struct sock_fprog prog[2];
};

/*
 * sandbox_prepare - build the filters (libseccomp); sandbox_free when done
 *
 * Apart from their use, so that starting a vCPU thread costs one system call.
 */
int sandbox_prepare(struct sandbox *s, struct err *e);
void sandbox_free(struct sandbox *s);

/*
 * sandbox_process - no new privileges, no capabilities, and the I/O threads'
 * system calls only
 *
 * Call when all files are open and before threads start: they inherit it.
 */
int sandbox_process(const struct sandbox *s, struct err *e);

/* sandbox_vcpu - narrow the calling vCPU thread further */
int sandbox_vcpu(const struct sandbox *s, struct err *e);

#endif
