/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The laboratory: a small VM on raw ioctls, whose checks see every exit. It is
 * deliberately not kvm-vmm: a check must not depend on what it helps to test.
 */
#ifndef SELFTEST_LAB_H
#define SELFTEST_LAB_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "check.h"
#include "compat.h"
#include "exit_name.h"
#include "guest/abi.h"

#define LAB_CPUS_MAX	UNIT_CPUS_MAX
#define LAB_HISTORY	32

struct lab;

struct lab_opts {
	unsigned long type;		/* of KVM_CREATE_VM */
	size_t ram;			/* 0: UNIT_RAM */
	unsigned int cpus;		/* 0: 1 */
	unsigned int ram_flags;		/* KVM_MEM_LOG_DIRTY_PAGES ... */
	bool irqchip;			/* PIC, IOAPIC, LAPIC, PIT in the kernel */
	bool split;			/* only the LAPIC in the kernel */
	bool no_cpuid;			/* leave the vCPUs without CPUID */
	/* Called between creation of the VM and of its vCPUs; may be NULL. */
	int (*pre)(struct lab *l);
};

/*
 * lab_exit_fn - handles an exit that lab_run() does not handle itself
 * Returns 1: go on; 0: the run is over; negative: failed, after t_fail().
 */
typedef int (*lab_exit_fn)(struct lab *l, unsigned int cpu, void *arg);

struct lab_cpu {
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool started;
	unsigned int id;
	struct lab *lab;
	uint64_t exits;
	uint32_t last[LAB_HISTORY];	/* exit reasons, a ring by exits */
};

struct lab {
	struct t *t;
	int kvm, vm;
	struct lab_opts opts;
	timer_t timer;			/* of the deadline */
	bool armed;
	uint8_t *ram;			/* slot 0, from guest address 0 */
	size_t ram_size;
	struct lab_cpu cpu[LAB_CPUS_MAX];
	unsigned int ncpus;
	size_t run_size;
	bool irqchip;
	lab_exit_fn on_exit;
	void *arg;
	char text[1024];		/* what came out of UNIT_PORT_TEXT */
	unsigned int text_len;
	bool yield;			/* the guest has nothing to do */
	bool move_soon;			/* move at the next signal: UNIT_MOVE_SOON */
	timer_t mover;			/* sends that signal */
	unsigned int moves;		/* by lab_move() */
	pthread_mutex_t lock;		/* on_exit and text, with several CPUs */
	atomic_int done;		/* the run is over */
	int code;			/* what came out of UNIT_PORT_EXIT, or -1 */
	double deadline;		/* now_ms() at which a run is given up */
};

/* lab_open - create the VM; 0, or -1 after t_fail(). lab_close - needed after both. */
int lab_open(struct lab *l, struct t *t, const struct lab_opts *o);
void lab_close(struct lab *l);
/* lab_remake - replace the VM and its vCPUs by new ones with the same options; RAM stays */
int lab_remake(struct lab *l);
/* lab_with - lab_open(), @body if that worked, lab_close() */
int lab_with(struct t *t, const struct lab_opts *o, int (*body)(struct lab *l));
/* LAB - struct lab_opts for these: LAB(.irqchip = true) */
#define LAB(...) (&(const struct lab_opts){ __VA_ARGS__ })
/* LAB_CHECK - a CHECK() with the body of lab_with(): it has @l, not @t */
#define LAB_CHECK(group, id, opts, purpose, advice, needs, ...) \
	static int lab_##group##_##id(struct lab *l); \
	CHECK(group, id, purpose, advice, needs, __VA_ARGS__) \
	{ \
		return lab_with(t, opts, lab_##group##_##id); \
	} \
	static int lab_##group##_##id(struct lab *l)

/* lab_ioctl - an ioctl that must succeed; its value, or -1 after t_fail() */
#define lab_vm_ioctl(l, req, arg) \
	lab_ioctl((l)->t, (l)->vm, req, #req, (unsigned long)(arg))
#define lab_cpu_ioctl(l, n, req, arg) \
	lab_ioctl((l)->t, (l)->cpu[n].fd, req, #req, (unsigned long)(arg))
int lab_ioctl(struct t *t, int fd, unsigned long req, const char *name,
	      unsigned long arg);

/* lab_refused - an ioctl that must fail; 0, or -1 after t_fail() */
int lab_refused(struct t *t, int fd, unsigned long req, const void *arg, const char *what);

/* lab_slot - set memory slot @slot; 0 or -errno, no t_fail() */
int lab_slot(struct lab *l, unsigned int slot, uint32_t flags, uint64_t gpa,
	     uint64_t size, void *host);
/* lab_msr - KVM_GET_MSRS or KVM_SET_MSRS of one MSR: 1, or as the ioctl */
int lab_msr(struct lab *l, unsigned long req, uint32_t msr, uint64_t *v);
/* lab_enable - KVM_ENABLE_CAP of the VM: 0 or -errno, no t_fail() */
int lab_enable(const struct lab *l, uint32_t cap, uint64_t arg);
/* lab_cap - KVM_CHECK_EXTENSION on the VM */
int lab_cap(struct lab *l, unsigned int cap);

/* lab_real - put @cpu into real mode at @ip; CS base and the other segments are 0, flags 2 */
int lab_real(struct lab *l, unsigned int cpu, uint16_t ip);
/* lab_long - put @cpu into long mode; 4 GiB mapped one to one by tables at 0x10000 of RAM */
int lab_long(struct lab *l, unsigned int cpu, uint64_t ip, uint64_t sp);
/* lab_no_idt - take CPU 0's IDT away: any fault is a triple fault */
int lab_no_idt(struct lab *l);
/* lab_code_real, lab_code_long - put code at 0x1000 and let CPU 0 start there */
int lab_code_real(struct lab *l, const void *code, size_t len);
int lab_code_long(struct lab *l, const void *code, size_t len);

/*
 * lab_step - run one CPU until an exit
 * 0 and run->exit_reason, -EINTR, or -1 after t_fail() (also at the deadline,
 * with registers in the result).
 */
int lab_step(struct lab *l, unsigned int cpu);
/* lab_next - run CPU 0 to its next exit: 0, or -1 after t_fail() */
int lab_next(struct lab *l);
/* lab_step_to - lab_next(), whose exit must be @reason; @what begins the message if not */
int lab_step_to(struct lab *l, uint32_t reason, const char *what);
/*
 * lab_run - run all CPUs (the first on this thread) until one writes to
 * UNIT_PORT_EXIT or on_exit() ends it
 * 0 (l->code), or -1 after t_fail().
 */
int lab_run(struct lab *l);
/* lab_odd_exit - for a lab_exit_fn: fail, with the exit in words */
int lab_odd_exit(struct lab *l, unsigned int cpu);
/* lab_code - put bytes into RAM */
void lab_code(struct lab *l, uint64_t gpa, const void *code, size_t len);
/* lab_dump - add registers, code, exits and statistics of @cpu to the result's dump */
void lab_dump(struct lab *l, unsigned int cpu);
/* lab_to_hlt - run CPU 0 to HLT; reads of UNIT_PORT_IO give 0x5a */
int lab_to_hlt(struct lab *l);
/* lab_life - create a VM, run it to its first exit, destroy it; 0, or -1 after t_fail() */
int lab_life(struct t *t, bool irqchip, size_t touch);

#endif
