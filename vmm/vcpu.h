/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual CPU: making it, its thread, the KVM_RUN loop and what to do with
 * each exit.
 */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include "kvm.h"

/* vcpu_create - make vCPU @id of @vm; CPUID and LAPIC as x86.h says */
int vcpu_create(struct vcpu *v, struct vm *vm, unsigned int id, struct err *e);
void vcpu_destroy(struct vcpu *v);

/* vcpu_start - KVM_RUN and exits until the VM stops, on a thread of its own */
int vcpu_start(struct vcpu *v, struct err *e);

/* vcpu_kick - bring it out of KVM_RUN soon; from any thread */
void vcpu_kick(struct vcpu *v);

/*
 * vcpu_dump - registers and the code bytes around RIP, to standard error
 * vcpu_dump_text - the same as a string of @len characters, for free(); NULL: no memory
 *
 * It says of registers or memory that they are unreadable. From
 * the vCPU's own thread, or while it is paused.
 */
void vcpu_dump(struct vcpu *v);
char *vcpu_dump_text(struct vcpu *v, size_t *len);

/* vcpu_signal_init - install the handler vcpu_kick() relies on; once */
void vcpu_signal_init(void);

#endif
