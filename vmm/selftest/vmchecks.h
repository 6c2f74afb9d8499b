/* SPDX-License-Identifier: GPL-2.0 */
/* The vm group's functions, for its table. */
#ifndef SELFTEST_VMCHECKS_H
#define SELFTEST_VMCHECKS_H

#include "lab.h"

int vm_device(struct t *t);
int vm_api_version(struct t *t);
int vm_caps_required(struct t *t);

#endif
