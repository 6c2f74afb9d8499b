// SPDX-License-Identifier: GPL-2.0-only
/* See require.h. */
#include <fnmatch.h>
#include <string.h>

#include "require.h"

/* The checks that each kind of host must pass. */
static const struct profile {
	const char *name, *checks[8];
} profiles[] = {
	/* The package's kernel on your own hardware */
	{ "host", { "host/kernel", "host/modules", "host/module-origin", "vm/device", "flat/real-greeting", "flat/long-mode", "linux/boot" } },
	{ "linux", { "vm/device", "flat/long-mode", "linux/boot" } },
	/* A guest that runs guests, with whatever kernel the cloud provides */
	{ "cloud", { "host/modules", "vm/device", "flat/long-mode", "linux/boot" } },
	/* /sys may be hidden, and guest kernels may be missing */
	{ "container", { "vm/device", "flat/long-mode" } },
};

/* Mark the checks that one glob names: -1 if it names none, or one outside @list. */
static int require_one(const char *glob, const struct check *const *list, unsigned int n, char *err, size_t size)
{
	const struct check *const *c;
	unsigned int i, hits = 0;

	for (c = checks(); *c; c++) {
		if (fnmatch(glob, (*c)->name, 0) || (*c)->needs & NOT_DEFAULT)
			continue;
		hits++;
		for (i = 0; i < n && list[i] != *c; i++)
			;
		if (i == n) {
			snprintf(err, size, "%s is required, but --only or --skip excludes it", (*c)->name);
			return -1;
		}
		check_require(*c);
	}
	if (hits)
		return 0;
	snprintf(err, size, "'%.100s' names no check and is not host, linux, cloud or container", glob);
	return -1;
}

int require_checks(char *what, const struct check *const *list, unsigned int n, char *err, size_t size)
{
	char *save, *p;
	size_t i, k;

	for (p = strtok_r(what, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
		for (i = 0; i < sizeof(profiles) / sizeof(profiles[0]) && strcmp(profiles[i].name, p); i++)
			;
		if (i == sizeof(profiles) / sizeof(profiles[0])) {
			if (require_one(p, list, n, err, size))
				return -1;
			continue;
		}
		for (k = 0; k < 8 && profiles[i].checks[k]; k++)
			if (require_one(profiles[i].checks[k], list, n, err, size))
				return -1;
	}
	return 0;
}
