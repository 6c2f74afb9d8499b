/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest as a debugger sees it: memory by a vCPU's own page tables, registers,
 * breakpoints, running and stopping, by KVM_SET_GUEST_DEBUG. One thread calls all
 * of it; what reads or changes the guest wants it stopped (target_stopped).
 */
#ifndef VMM_GDB_TARGET_H
#define VMM_GDB_TARGET_H

#include "kvm.h"

#define TARGET_SOFT_MAX	64

struct target {
	struct vm *vm;
	bool attached;
	struct vcpu *cpu;	/* the one that registers, memory and steps are of */
	bool held, stepping;	/* held: this is one of those who pause the VM */
	struct {
		uint64_t addr;	/* linear */
		uint8_t byte;	/* that the breakpoint replaced */
	} soft[TARGET_SOFT_MAX];
	unsigned int nsoft;
	struct {
		uint64_t addr;
		char type;	/* as in a Z packet; 0: free */
		uint8_t len;
	} hard[4];
};

/* rax to rdi, rbp, rsp, r8 to r15, rip; eflags; cs, ss, ds, es, fs, gs: as GDB has them */
struct target_regs {
	uint64_t r[17];
	uint32_t flags, seg[6];
} __attribute__((packed));

/* target_init - @vm is made; its vCPUs' traps come to vm->trap_fd */
int target_init(struct target *t, struct vm *vm, struct err *e);

/* target_hold - before the vCPUs start: they stand at their first instruction */
void target_hold(struct target *t);

/* target_copy - bytes that could be copied; fewer: the next one is not mapped, or no RAM */
size_t target_copy(const struct target *t, uint64_t addr, void *buf, size_t len, bool write);

/* target_get, target_set - false if KVM refuses; selectors cannot be changed */
bool target_get(const struct target *t, struct target_regs *x);
bool target_set(const struct target *t, const struct target_regs *x);

/*
 * target_break - set or remove a breakpoint
 * @type: as in a Z packet: '0' software, '1' hardware, '2' write, '4' access
 *
 * false: it cannot be set.
 */
bool target_break(struct target *t, char type, uint64_t addr, unsigned int len, bool on);

/* target_run - let all go on; or, alone and one instruction, t->cpu */
bool target_run(struct target *t, bool step);

/* target_halt - stop all: 0; -ECANCELED: the run ends; -ETIMEDOUT: a vCPU does not */
int target_halt(struct target *t);
static inline bool target_stopped(const struct target *t)
{
	return t->held && !t->stepping;
}

/*
 * target_trapped - vm->trap_fd rang: stop all if it is for the debugger
 *
 * Why, as GDB's stop reply has it ("swbreak:;", "watch:1000;", "" for a step), in
 * @s; t->cpu is the vCPU. NULL: nothing for it; the guest got its own exception.
 */
const char *target_trapped(struct target *t, char *s, size_t len);

/* target_detach - no breakpoints, and all go on */
void target_detach(struct target *t);

#endif
