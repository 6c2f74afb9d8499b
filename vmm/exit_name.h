/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VMM_EXIT_NAME_H
#define VMM_EXIT_NAME_H

#include <stdint.h>

/* exit_name - "KVM_EXIT_HLT" of a reason; "an unknown exit" beyond the table */
const char *exit_name(uint32_t reason);

#endif
