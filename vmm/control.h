/* SPDX-License-Identifier: GPL-2.0-only */
/* What reaches a running machine from outside: signals, what they start, and input. */
#ifndef VMM_CONTROL_H
#define VMM_CONTROL_H

#include "machine.h"

/* control_start - block the signals; the main loop takes them, and standard input */
int control_start(struct machine *m, struct err *e);

#endif
