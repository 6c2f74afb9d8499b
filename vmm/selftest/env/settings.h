/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Module parameters, which change what KVM does, as documented. Read once, before
 * the checks. A check that depends on one says so in its row (.settings), so that
 * no setting is taken for a fault.
 */
#ifndef SELFTEST_SETTINGS_H
#define SELFTEST_SETTINGS_H

#include "env/env.h"

struct setting {
	const char *name;		/* MODULE.PARAMETER, as in sysfs */
	unsigned int since, until;	/* KERNEL(): it exists in [since, until); 0: no bound */
	const char *usual;		/* its default; NULL: that differs by host or version */
};

/* settings - all of them, until a NULL name */
extern const struct setting settings[];

/* setting - the value of a parameter; "" where this kernel or host has none */
const char *setting(const struct env *env, const char *name);
/* setting_on - is it Y, or a number other than 0? */
bool setting_on(const struct env *env, const char *name);

/*
 * settings_unmet - does a setting differ from what a check needs?
 * @list: "kvm.x kvm_amd.npt=1 ...". NAME=VALUE must hold if this host has the
 * parameter (Y equals 1, N equals 0); a NAME alone needs no value. True, and why.
 */
bool settings_unmet(const struct env *env, const char *list, char *why, size_t size);

/* settings_unusual - the settings in @list that are not at their default: "a=b, c=d", or "" */
void settings_unusual(const struct env *env, const char *list, char *text, size_t size);

/* settings_text - all settings of @module on this host: "x=1 y=N" */
void settings_text(const struct env *env, const char *module, char *text, size_t size);

/* settings_read - fill env->settings */
void settings_read(struct env *env);

#endif
