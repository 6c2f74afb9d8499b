/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests of nested paging share, SVM's (t_nested.c) and VMX's. */
#ifndef GUEST_NESTED_H
#define GUEST_NESTED_H

#include "lib.h"

#define WINDOW	0x800000UL		/* L2's, of 4 KiB pages */
#define LARGE	0xa00000UL		/* L2's, 2 MiB: our UNIT_SCRATCH */

/* L2's programs: load, store or call what l2_at points to, then HLT. */
extern volatile u64 l2_at, l2_value;
void l2_load(void);
void l2_store(void);
void l2_call(void);

#endif
