/* SPDX-License-Identifier: GPL-2.0 */
/* The host group's functions, for its table. */
#ifndef SELFTEST_HOST_H
#define SELFTEST_HOST_H

#include "selftest.h"

bool module_loaded(const struct env *env, const char *name);

int host_kernel(struct t *t);
int host_build_id(struct t *t);
int host_modules(struct t *t);
int host_module_origin(struct t *t);
int host_module_signed(struct t *t);
int host_taint(struct t *t);

#endif
