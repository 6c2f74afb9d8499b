// SPDX-License-Identifier: GPL-2.0-only
#include "err.h"

#include <stdarg.h>
#include <stdio.h>

int err_set(struct err *e, int code, const char *fmt, ...)
{
	struct err x;
	va_list ap;

	if (!e)
		return code;
	va_start(ap, fmt);
	vsnprintf(x.msg, sizeof(x.msg), fmt, ap);
	va_end(ap);
	*e = x;		/* now: its old message may be one of the arguments */
	return code;
}
