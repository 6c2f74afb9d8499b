/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The life of a virtual machine: made, run, paused, ended.
 *
 * Order of calls: vm_create; add devices to the buses, load an image,
 * boot_start (or restore a snapshot); vm_start, vm_run; vm_destroy. One thread
 * makes them all. Any thread may call vm_stop, vm_irq and vm_msi.
 */
#ifndef VMM_VM_H
#define VMM_VM_H

#include "kvm.h"

/*
 * vm_create - open KVM, make a VM with RAM, interrupt controller and vCPUs
 * @vm: overwritten; after a failure there is nothing to destroy
 *
 * The order of the ioctls is the fastest one: memory slots before the
 * interrupt controller (vm_set_slot).
 * Fails with -ENOENT, -EACCES (message says what to do), -ENODEV (API version
 * is not 12), -EOPNOTSUPP (a capability is missing), or the ioctl's error.
 */
int vm_create(struct vm *vm, const struct vm_config *cfg, struct err *e);

/* vm_destroy - close descriptors, unmap memory; no vCPU thread runs any more */
void vm_destroy(struct vm *vm);

/*
 * vm_start - start the vCPU threads; none runs after a failure
 * vm_run - serve the loop until vm_stop
 * @watchdog_ms: the longest time without an exit to us; 0: any
 * vm_cancel - after vm_start, instead of vm_run: the caller cannot go on
 *
 * vm_run returns the status given to vm_stop (vm->why holds the words), or
 * -errno if the loop fails. After vm_run and vm_cancel all vCPU threads have
 * ended, or vm->stuck is set.
 */
int vm_start(struct vm *vm, struct err *e);
int vm_run(struct vm *vm, unsigned int watchdog_ms, struct err *e);
void vm_cancel(struct vm *vm);

/*
 * vm_pause - bring every vCPU out of KVM_RUN and hold it; vm_resume lets go
 *
 * After vm_pause any thread can read the vCPUs' state. From any thread but theirs;
 * the guest goes on when each vm_pause that worked has its vm_resume.
 * -ETIMEDOUT if a vCPU does not come out in 5 s; -ECANCELED if the run ends.
 */
int vm_pause(struct vm *vm, struct err *e);
void vm_resume(struct vm *vm);

#endif
