/* SPDX-License-Identifier: GPL-2.0-only */
/* vCPUs and KVM's own chips (PIC, IOAPIC, PIT, clock) to records and back. */
#ifndef VMM_SNAPSHOT_CPU_H
#define VMM_SNAPSHOT_CPU_H

#include "kvm.h"
#include "records.h"

/* snap_save_cpu - -EOPNOTSUPP: it runs guests of its own, which KVM cannot save */
int snap_save_cpu(struct vcpu *v, struct records *r, struct err *e);
void snap_save_chips(struct vm *vm, struct records *r);
int snap_load_cpu(struct vcpu *v, const struct records *r, struct err *e);
int snap_load_chips(struct vm *vm, const struct records *r, struct err *e);

#endif
