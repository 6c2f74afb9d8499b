/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages to the user, on standard error. */
#ifndef VMM_SAY_H
#define VMM_SAY_H

#include <stddef.h>

/*
 * say, say_text - write to standard error; say() adds "kvm-vmm: " and a newline
 *
 * Both wait for a reader, but not for ever: SAY_MS for all messages together.
 * What nobody reads by then is dropped. No lock, so any thread may call them.
 */
#define SAY_MS	1000
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void say_text(const char *s, size_t len);

#endif
