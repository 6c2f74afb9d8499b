/* SPDX-License-Identifier: GPL-2.0-only */
/* What limits this process: resource limits, its cgroup, the machine's memory. */
#ifndef SELFTEST_LIMITS_H
#define SELFTEST_LIMITS_H

#include "env/env.h"

/*
 * limits_explain - is @err (an errno) a shortage, and of what?
 * @why: the error and each limit that may have been hit; @advice: what to raise.
 * If it is no shortage: false, and nothing is written.
 */
bool limits_explain(const struct env *env, int err, char *why, size_t why_size, char *advice, size_t advice_size);

/* limits_text - the limits in one line, for the page of facts */
void limits_text(const struct env *env, char *text, size_t size);

#endif
