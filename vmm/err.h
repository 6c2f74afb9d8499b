/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Errors: a function that can fail returns 0 or -errno and leaves in a
 * struct err one message a person can act on. main prints it, once.
 */
#ifndef VMM_ERR_H
#define VMM_ERR_H

#include <errno.h>

struct err {
	char msg[1024];
};

/*
 * err_set - fill in the message, and return code
 * @e:    where to, or NULL if the caller does not want the words
 * @code: the negative errno that the caller returns
 *
 * The innermost function that knows file, offset, expected and found says so;
 * outer ones pass the code on, or put words before: "%s: %s", name, e->msg.
 */
int err_set(struct err *e, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
