/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The page of facts: what shapes KVM on this host. Read once and printed at the
 * top of every report, so that a verdict is read with its circumstances.
 */
#ifndef SELFTEST_PAGE_H
#define SELFTEST_PAGE_H

#include "env/env.h"

/* page_read - fill env->page; the settings must have been read */
void page_read(struct env *env);
/* page_fact - the value of a fact by name, or "" */
const char *page_fact(const struct env *env, const char *name);

#endif
