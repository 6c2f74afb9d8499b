// SPDX-License-Identifier: GPL-2.0-only
#include "args.h"

#include <stdlib.h>
#include <string.h>

int arg_number(const char *opt, const char *s, uint64_t min, uint64_t max,
	       uint64_t *v, struct err *e)
{
	char *end;

	errno = 0;
	*v = strtoull(s, &end, 0);
	if (errno || end == s || *end || *s == '-' || *v < min || *v > max)
		return err_set(e, -EINVAL, "--%s %s: expected a number from %lu to %lu", opt, s,
			       min, max);
	return 0;
}

int arg_choice(const char *opt, const char *s, const char *const *list, struct err *e)
{
	char all[64] = "";
	int i;

	for (i = 0; list[i]; i++) {
		if (!strcmp(s, list[i]))
			return i;
		strncat(all, i ? ", " : "", sizeof(all) - strlen(all) - 1);
		strncat(all, list[i], sizeof(all) - strlen(all) - 1);
	}
	return err_set(e, -EINVAL, "--%s %s: expected one of %s", opt, s, all);
}
