// SPDX-License-Identifier: GPL-2.0-only
#include "gdb_target.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "say.h"
#include "vm.h"

#define DB		1	/* vectors of exceptions */
#define BP		3
#define DR6_STEP	(1U << 14)

int target_init(struct target *t, struct vm *vm, struct err *e)
{
	t->vm = vm;
	t->cpu = vm->vcpus;
	vm->trap_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return vm->trap_fd < 0 ? err_set(e, -errno, "eventfd: %m") : 0;
}

/* ---- memory, registers ---- */

/* What is at linear address @addr; @n, bytes wanted, becomes those of the page. */
static uint8_t *memory(const struct target *t, uint64_t addr, size_t *n)
{
	struct kvm_translation x = { .linear_address = addr };
	uint64_t page = MEM_PAGE - addr % MEM_PAGE;

	if (ioctl(t->cpu->fd, KVM_TRANSLATE, &x) < 0 || !x.valid)
		return NULL;
	*n = *n < page ? *n : page;
	return mem_at(&t->vm->mem, x.physical_address, *n);
}

size_t target_copy(const struct target *t, uint64_t addr, void *buf, size_t len, bool write)
{
	size_t done, n;
	uint8_t *p, *b = buf;

	for (done = 0; done < len; done += n) {
		n = len - done;
		p = memory(t, addr + done, &n);
		if (!p)
			break;
		memcpy(write ? p : b + done, write ? b + done : p, n);
		if (write)
			mem_mark(&t->vm->mem, p, n);
	}
	return done;
}

bool target_get(const struct target *t, struct target_regs *x)
{
	struct kvm_regs r;
	struct kvm_sregs s;
	const struct kvm_segment *const seg[] = { &s.cs, &s.ss, &s.ds, &s.es, &s.fs, &s.gs };
	unsigned int i;

	if (ioctl(t->cpu->fd, KVM_GET_REGS, &r) < 0 || ioctl(t->cpu->fd, KVM_GET_SREGS, &s) < 0)
		return false;
	memcpy(x->r, &r, sizeof(x->r));
	x->r[6] = r.rbp;	/* the one pair that KVM has the other way round */
	x->r[7] = r.rsp;
	x->flags = (uint32_t)r.rflags;
	for (i = 0; i < 6; i++)
		x->seg[i] = seg[i]->selector;
	return true;
}

bool target_set(const struct target *t, const struct target_regs *x)
{
	struct target_regs old;
	struct kvm_regs r;

	/* A selector alone: which base and limit would the segment have? */
	if (!target_get(t, &old) || memcmp(x->seg, old.seg, sizeof(old.seg)))
		return false;
	memcpy(&r, x->r, sizeof(x->r));
	r.rbp = x->r[6];
	r.rsp = x->r[7];
	r.rflags = x->flags;
	return !ioctl(t->cpu->fd, KVM_SET_REGS, &r);
}

/* ---- breakpoints ---- */

static int soft_at(const struct target *t, uint64_t addr)
{
	unsigned int i;

	for (i = 0; i < t->nsoft; i++)
		if (t->soft[i].addr == addr)
			return (int)i;
	return -1;
}

static bool set_soft(struct target *t, uint64_t addr, bool on)
{
	uint8_t int3 = 0xcc;
	int i = soft_at(t, addr);

	if (on && i < 0) {
		if (t->nsoft == TARGET_SOFT_MAX ||
		    target_copy(t, addr, &t->soft[t->nsoft].byte, 1, false) != 1 ||
		    target_copy(t, addr, &int3, 1, true) != 1)
			return false;
		t->soft[t->nsoft++].addr = addr;
	} else if (!on && i >= 0) {
		/* Not mapped any more: there is nothing to put right. */
		target_copy(t, addr, &t->soft[i].byte, 1, true);
		t->soft[i] = t->soft[--t->nsoft];
	}
	return true;
}

bool target_break(struct target *t, char type, uint64_t addr, unsigned int len, bool on)
{
	unsigned int i;

	if (type == '0')
		return set_soft(t, addr, on);
	len = type == '1' ? 1 : len;	/* code: that of the instruction is given */
	if ((len != 1 && len != 2 && len != 4 && len != 8) || addr % len)
		return !on;
	for (i = 0; i < 4; i++) {
		bool same = t->hard[i].type == type && t->hard[i].addr == addr &&
			t->hard[i].len == len;

		if (on ? !t->hard[i].type : same) {
			t->hard[i].addr = addr;
			t->hard[i].len = (uint8_t)len;
			t->hard[i].type = type;
			if (!on)
				t->hard[i].type = 0;
			return true;
		}
	}
	return !on;
}

/* DR7 (SDM vol. 3, 18.2.4): enable, kind of access, length of four breakpoints. */
static uint64_t dr7(const struct target *t)
{
	uint64_t x = 0, kind;
	unsigned int i;

	for (i = 0; i < 4; i++)
		if (t->hard[i].type) {
			kind = t->hard[i].type == '1' ? 0 : t->hard[i].type == '2' ? 1 : 3;
			kind |= (uint64_t)(t->hard[i].len == 8 ? 2 : t->hard[i].len - 1) << 2;
			x |= kind << (16 + 4 * i) | 2ULL << 2 * i;
		}
	return x;
}

/* How @v runs on. @inject: KVM_GUESTDBG_INJECT_*, the guest's own exception, or 0. */
static bool set_debug(const struct target *t, const struct vcpu *v, bool step, uint32_t inject)
{
	struct kvm_guest_debug d = { .control = 0 };
	unsigned int i;

	if (t->attached)
		d.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP | inject;
	if (step)		/* and not into the handler of each tick of a timer */
		d.control |= KVM_GUESTDBG_SINGLESTEP | (KVM_GUESTDBG_BLOCKIRQ &
			(uint32_t)vm_check_cap(t->vm, KVM_CAP_SET_GUEST_DEBUG2));
	for (i = 0; i < 4; i++)
		d.arch.debugreg[i] = t->hard[i].addr;
	d.arch.debugreg[7] = dr7(t);
	if (d.arch.debugreg[7])
		d.control |= KVM_GUESTDBG_USE_HW_BP;
	return !ioctl(v->fd, KVM_SET_GUEST_DEBUG, &d);
}

/* ---- run and stop ---- */

void target_hold(struct target *t)
{
	unsigned int i;

	t->held = true;
	atomic_fetch_add(&t->vm->pausing, 1);
	for (i = 0; i < t->vm->ncpus; i++)
		t->vm->vcpus[i].run->immediate_exit = 1;
}

int target_halt(struct target *t)
{
	unsigned int i;
	struct err e;
	int rc;

	t->stepping = false;
	for (i = 0; i < t->vm->ncpus; i++)
		atomic_store(&t->vm->vcpus[i].alone, false);
	rc = vm_pause(t->vm, &e);
	if (!rc && t->held)
		vm_resume(t->vm);	/* we had paused it: that counts once */
	if (!rc)
		t->held = true;
	else if (rc != -ECANCELED)
		say("--gdb: %s", e.msg);
	return rc;
}

/* vCPUs that trapped go on; @alone: only that one, while the others stand. */
static void release(struct target *t, struct vcpu *alone)
{
	struct vm *vm = t->vm;
	unsigned int i;

	pthread_mutex_lock(&vm->lock);
	for (i = 0; i < vm->ncpus; i++)
		if (!alone || alone == &vm->vcpus[i])
			atomic_store(&vm->vcpus[i].trapped, false);
	if (alone)
		atomic_store(&alone->alone, true);
	pthread_cond_broadcast(&vm->cond);
	pthread_mutex_unlock(&vm->lock);
}

bool target_run(struct target *t, bool step)
{
	struct vm *vm = t->vm;
	unsigned int i;

	for (i = 0; i < vm->ncpus; i++)
		if (!set_debug(t, &vm->vcpus[i], step && &vm->vcpus[i] == t->cpu, 0))
			return false;
	t->stepping = step;
	release(t, step ? t->cpu : NULL);
	if (!step && t->held) {
		t->held = false;
		vm_resume(vm);
	}
	return true;
}

void target_detach(struct target *t)
{
	while (t->nsoft)
		set_soft(t, t->soft[0].addr, false);
	memset(t->hard, 0, sizeof(t->hard));
	t->attached = false;
	target_run(t, false);
}

/* Why @v trapped; NULL: by an exception that is the guest's own. */
static const char *reason(const struct target *t, const struct vcpu *v, char *s, size_t len)
{
	const struct kvm_debug_exit_arch *a = &v->run->debug.arch;
	unsigned int i;

	if (a->exception == BP)
		return soft_at(t, a->pc) < 0 ? NULL : "swbreak:;";
	for (i = 0; i < 4; i++) {
		if (!(a->dr6 >> i & 1) || !t->hard[i].type)
			continue;
		if (t->hard[i].type == '1')
			return "hwbreak:;";
		snprintf(s, len, "%swatch:%lx;", t->hard[i].type == '4' ? "a" : "", t->hard[i].addr);
		return s;
	}
	return a->dr6 & DR6_STEP && t->stepping && v == t->cpu ? "" : NULL;
}

/* A breakpoint or a step of the guest's own: it gets its exception, as without us. */
static void give_back(const struct target *t, const struct vcpu *v)
{
	const struct kvm_debug_exit_arch *a = &v->run->debug.arch;
	struct kvm_debugregs d;

	if (a->exception == DB && !ioctl(v->fd, KVM_GET_DEBUGREGS, &d)) {
		d.dr6 = a->dr6;
		ioctl(v->fd, KVM_SET_DEBUGREGS, &d);
	}
	set_debug(t, v, t->stepping && v == t->cpu, a->exception == BP ?
		  KVM_GUESTDBG_INJECT_BP : KVM_GUESTDBG_INJECT_DB);
}

const char *target_trapped(struct target *t, char *s, size_t len)
{
	struct vcpu *v, *end = t->vm->vcpus + t->vm->ncpus;
	const char *why = NULL;

	/* Stopped, or nobody is there: a trap still holds when its vCPU goes on. */
	if (target_stopped(t) || !t->attached)
		return NULL;
	for (v = t->vm->vcpus; v < end; v++) {
		if (!atomic_load(&v->trapped))
			continue;
		why = reason(t, v, s, len);
		if (why)
			break;
		give_back(t, v);
	}
	if (!why) {
		release(t, t->stepping ? t->cpu : NULL);
		return NULL;
	}
	t->cpu = v;
	return target_halt(t) ? NULL : why;
}
