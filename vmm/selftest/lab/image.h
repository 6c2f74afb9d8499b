/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTEST_IMAGE_H
#define SELFTEST_IMAGE_H

#include "check.h"

/*
 * guest_load - read a guest image from env->guest_dir and verify it by SUMS there
 * Returns the length in @buf, or -1: after t_fail() in host/guest-images, after
 * t_because() it in any other check.
 */
long guest_load(struct t *t, const char *name, void *buf, size_t max);

#endif
