/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sandbox: before the first guest instruction, the process gives up what
 * it does not need. A guest that takes over the VMM finds no new privileges,
 * no capabilities, and a short list of system calls.
 */
#ifndef VMM_SANDBOX_H
#define VMM_SANDBOX_H

#include "err.h"

/*
 * sandbox_process - no new privileges, no capabilities, and the I/O threads'
 * system calls only
 *
 * Call when all files are open and before threads start: they inherit it.
 */
int sandbox_process(struct err *e);

/* sandbox_vcpu - narrow the calling vCPU thread further */
int sandbox_vcpu(struct err *e);

#endif
