/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Settings of this host that change what KVM does as documented: parameters of
 * its modules. Read once, before the checks. A check that depends on one says so
 * in its row (.settings), so that no setting is taken for a fault.
 */
#ifndef SELFTEST_SETTINGS_H
#define SELFTEST_SETTINGS_H

#include "env/env.h"

struct setting {
	const char *name;		/* MODULE.PARAMETER, as in sysfs */
	unsigned int since, until;	/* KERNEL(): in [since, until) it is there; 0: no bound */
	const char *usual;		/* its default, where that is the same everywhere; NULL: not so */
};

/* settings - all of them, until a NULL name */
extern const struct setting settings[];

/* setting - the value of a parameter; "" where this kernel or host has none */
const char *setting(const struct env *env, const char *name);
/* setting_on - is it Y, or a number but 0? */
bool setting_on(const struct env *env, const char *name);

/*
 * settings_unmet - is a setting otherwise than a check needs it?
 * @list: "kvm.x kvm_amd.npt=1 ...". NAME=VALUE must be so where this host has it
 * (Y and 1, N and 0 are the same); a NAME alone is only declared. True, and why.
 */
bool settings_unmet(const struct env *env, const char *list, char *why, size_t size);

/* settings_unusual - those of @list that are not at their default, "a=b, c=d"; "" if none */
void settings_unusual(const struct env *env, const char *list, char *text, size_t size);

/* settings_text - all that this host has of @module: "x=1 y=N" */
void settings_text(const struct env *env, const char *module, char *text, size_t size);

/* settings_read - fill env->settings */
void settings_read(struct env *env);

#endif
