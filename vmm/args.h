/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arguments of command-line options. 0, or -EINVAL and a message that names
 * the option (@opt, without "--").
 */
#ifndef VMM_ARGS_H
#define VMM_ARGS_H

#include <stdint.h>

#include "err.h"

/* arg_number - a number from @min to @max, in any base that C has */
int arg_number(const char *opt, const char *s, uint64_t min, uint64_t max,
	       uint64_t *v, struct err *e);

/* arg_choice - one of the words of @list (NULL-terminated); returns its index */
int arg_choice(const char *opt, const char *s, const char *const *list,
	       struct err *e);

#endif
