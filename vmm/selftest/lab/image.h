/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTEST_IMAGE_H
#define SELFTEST_IMAGE_H

#include "check.h"

/*
 * guest_load - a guest image of env->guest_dir, checked against SUMS there
 * @buf, @max: where to. Returns the length, or -1: t_fail() in host/guest-images,
 * elsewhere t_because() it.
 */
long guest_load(struct t *t, const char *name, void *buf, size_t max);

#endif
