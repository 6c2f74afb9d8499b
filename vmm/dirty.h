/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The dirty-page log's inner side; vm.h has the API. KVM writes the frames a
 * vCPU dirties into that vCPU's ring; we gather them in bitmaps per region.
 * Source: Documentation/virt/kvm/api.rst, KVM_CAP_DIRTY_LOG_RING.
 */
#ifndef VMM_DIRTY_H
#define VMM_DIRTY_H

#include "err.h"

struct vcpu;

/* dirty_ring_map - map @v's ring; the VM was made with cfg.dirty_ring */
int dirty_ring_map(struct vcpu *v, struct err *e);
void dirty_ring_unmap(struct vcpu *v);

/* dirty_ring_harvest - move @v's ring to the bitmaps; on @v's thread or paused */
void dirty_ring_harvest(struct vcpu *v);

#endif
