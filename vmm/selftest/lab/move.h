/* SPDX-License-Identifier: GPL-2.0-only */
/* Move a guest from one VM to another, as in a migration. */
#ifndef SELFTEST_MOVE_H
#define SELFTEST_MOVE_H

#include "lab/lab.h"

/*
 * lab_move - carry the VM's whole state into a new VM, which takes its place
 * For one vCPU and no memory slot but RAM, which stays where it is. The old VM is
 * closed before the new one is created: only what the ioctls returned survives.
 * 0, or -1 after t_fail().
 */
int lab_move(struct lab *l);

#endif
