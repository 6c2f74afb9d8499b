/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log of pages that the guest writes: a bitmap of KVM's
 * (KVM_GET_DIRTY_LOG), or a ring of each vCPU's, which is gathered in bitmaps
 * here (KVM_RESET_DIRTY_RINGS). Source: Documentation/virt/kvm/api.rst,
 * KVM_CAP_DIRTY_LOG_RING.
 */
#ifndef VMM_DIRTY_H
#define VMM_DIRTY_H

#include "kvm.h"

/* dirty_start - log the guest's writes to all regions */
int dirty_start(struct vm *vm, struct err *e);

/* dirty_stop - log no more */
void dirty_stop(struct vm *vm);

/*
 * dirty_fetch - add pages of RAM that were written since dirty_start() or the last
 * call to vm->dirty; returns how many are in there, or -errno
 * dirty_count - the same, and take all out
 *
 * With rings, the vCPUs must not run.
 */
long dirty_fetch(struct vm *vm, struct err *e);
long dirty_count(struct vm *vm, struct err *e);

/* dirty_ring_map - map @v's ring; the VM was made with cfg.dirty_ring */
int dirty_ring_map(struct vcpu *v, struct err *e);
void dirty_ring_unmap(struct vcpu *v);

/* dirty_ring_harvest - move @v's ring to the bitmaps; on @v's thread or paused */
void dirty_ring_harvest(struct vcpu *v);

#endif
