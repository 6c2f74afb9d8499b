/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtual CPU: its descriptor, its thread, the KVM_RUN loop and what to do
 * with each exit.
 */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "compat.h"
#include "err.h"

struct vm;

struct vcpu {
	struct vm *vm;
	int fd;
	unsigned int id;	/* also its APIC id; 0 is the boot CPU */
	struct kvm_run *run;	/* shared with the kernel */
	size_t run_size;
	struct kvm_dirty_gfn *ring;	/* NULL without a dirty ring */
	uint32_t ring_next;
	pthread_t thread;
	bool started;
	atomic_ulong exits;	/* exits that came to us */
	atomic_int idle;	/* 1: halted with interrupts off, when probed */
	atomic_bool probe;	/* say whether you are idle, at the next kick */
};

/* vcpu_create - make vCPU @id of @vm; CPUID and LAPIC as x86.h says */
int vcpu_create(struct vcpu *v, struct vm *vm, unsigned int id, struct err *e);
void vcpu_destroy(struct vcpu *v);

/* vcpu_start - run vcpu_loop() on a thread of its own */
int vcpu_start(struct vcpu *v, struct err *e);

/* vcpu_kick - bring it out of KVM_RUN soon; from any thread */
void vcpu_kick(struct vcpu *v);

/* vcpu_loop - KVM_RUN and exits until the VM stops; on the vCPU's thread */
void vcpu_loop(struct vcpu *v);

/*
 * vcpu_once - one KVM_RUN and the handling of its exit
 *
 * For callers that want to look between exits (kvm-selftest). True while the
 * VM goes on. The exit is in v->run->exit_reason, UINT32_MAX if KVM_RUN was
 * interrupted.
 */
bool vcpu_once(struct vcpu *v);

/* vcpu_exit_name - "KVM_EXIT_HLT" of a reason; "an unknown exit" beyond the table */
const char *vcpu_exit_name(uint32_t reason);

/*
 * vcpu_dump - registers and the code bytes around RIP, for people
 *
 * Never fails: what cannot be read is said to be unreadable. From the vCPU's
 * own thread, or while it is paused.
 */
void vcpu_dump(struct vcpu *v, FILE *out);

/* vcpu_signal_init - install the handler vcpu_kick() relies on; once */
void vcpu_signal_init(void);

#endif
