// SPDX-License-Identifier: GPL-2.0-only
#include "vcpu.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dirty.h"
#include "exit_name.h"
#include "sandbox.h"
#include "say.h"
#include "trace.h"
#include "x86.h"

#define KICK_SIGNAL	SIGRTMIN

/* ---- making, starting ---- */

int vcpu_create(struct vcpu *v, struct vm *vm, unsigned int id, struct err *e)
{
	int size = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	bool machine = vm->cfg.irqchip != VM_IRQCHIP_NONE;
	int rc;

	memset(v, 0, sizeof(*v));
	v->vm = vm;
	v->id = id;
	if (size < (int)sizeof(struct kvm_run))
		return err_set(e, -EINVAL, "KVM_GET_VCPU_MMAP_SIZE gives %d", size);
	v->fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)id);
	if (v->fd < 0)
		return err_set(e, -errno, "KVM_CREATE_VCPU %u: %m", id);
	v->run_size = (size_t)size;
	v->run = mmap(NULL, v->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED) {
		v->run = NULL;
		rc = err_set(e, -errno, "cannot map vCPU %u: %m", id);
	} else {
		rc = x86_cpuid(v, e);
	}
	if (!rc && machine)
		rc = x86_lapic(v, e);
	if (!rc && machine)
		x86_msrs(v);
	if (!rc && vm->cfg.dirty_ring)
		rc = dirty_ring_map(v, e);
	if (rc)
		vcpu_destroy(v);
	return rc;
}

void vcpu_destroy(struct vcpu *v)
{
	dirty_ring_unmap(v);
	free(v->trace);
	if (v->run)
		munmap(v->run, v->run_size);
	if (v->fd >= 0)
		close(v->fd);
	v->run = NULL;
	v->fd = -1;
}

static void on_kick(int sig)
{
	(void)sig;	/* its arrival is all: KVM_RUN returns EINTR */
}

void vcpu_signal_init(void)
{
	struct sigaction sa = { .sa_handler = on_kick };

	sigaction(KICK_SIGNAL, &sa, NULL);
}

void vcpu_kick(struct vcpu *v)
{
	/*
	 * The flag closes the gap between the vCPU's last look at vm->stopping
	 * and its entry to KVM_RUN; the signal ends a KVM_RUN under way.
	 */
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	if (v->started)
		pthread_kill(v->thread, KICK_SIGNAL);
}

/* ---- exits ---- */

static const char *internal_error_text(uint32_t sub)
{
	static const char *const text[] = {
		"an error KVM does not name", "KVM could not emulate an instruction",
		"two exceptions at once that KVM cannot merge",
		"an exit while an event was being delivered (IDT or stack unreadable?)",
		"an exit reason of the hardware that KVM does not know",
	};

	return text[sub < sizeof(text) / sizeof(text[0]) ? sub : 0];
}

/* Entry failure of VMX (SDM vol. 3, 27.8) or SVM (APM vol. 2, VMEXIT_INVALID). */
static const char *entry_failure_text(uint64_t reason)
{
	switch (reason) {
	case 0x80000021:
		return "invalid guest state: registers that no CPU could have";
	case 0x80000022:
		return "an MSR of the entry list could not be loaded";
	case 0x80000029:
		return "machine check during entry";
	case 0xffffffff:
	case 0xffffffffffffffff:
		return "VMEXIT_INVALID: guest state or intercepts the CPU refuses";
	default:
		return "see the CPU vendor's manual for the reason";
	}
}

static void stop_with_dump(struct vcpu *v, int status, const char *what, const char *text)
{
	char why[160];	/* the dump may use strerror(), which is where @text may be from */

	snprintf(why, sizeof(why), "%s", text);
	if (!atomic_load(&v->vm->stopping))
		vcpu_dump(v);
	vm_stop(v->vm, status, "vCPU %u: %s: %s", v->id, what, why);
}

static void on_io(struct vcpu *v)
{
	struct kvm_run *r = v->run;
	uint8_t *p = (uint8_t *)r + r->io.data_offset;
	uint32_t i;

	for (i = 0; i < r->io.count; i++, p += r->io.size)
		bus_access(&v->vm->pio, r->io.port, p, r->io.size,
			   r->io.direction == KVM_EXIT_IO_OUT);
}

static const char ram_gone[] =
	"KVM cannot reach the guest's memory: was the file that it is mapped from (--restore) cut short?";

static void on_mmio(struct vcpu *v)
{
	struct kvm_run *r = v->run;

	/* KVM's emulator takes RAM that it cannot reach for a device. */
	if (mem_at(&v->vm->mem, r->mmio.phys_addr, 1))
		stop_with_dump(v, VM_INTERNAL, "KVM_EXIT_MMIO", ram_gone);
	else
		bus_access(&v->vm->mmio, r->mmio.phys_addr, r->mmio.data,
			   r->mmio.len, r->mmio.is_write);
}

static void on_system_event(struct vcpu *v)
{
	switch (v->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		vm_stop(v->vm, VM_SHUTDOWN, NULL);
		break;
	case KVM_SYSTEM_EVENT_RESET:
		vm_stop(v->vm, VM_RESET, "guest asked KVM for a reset");
		break;
	default:
		stop_with_dump(v, VM_INTERNAL, "KVM_EXIT_SYSTEM_EVENT",
			       "the guest crashed, or KVM saw it do so");
	}
}

static void on_fail_entry(struct vcpu *v)
{
	uint64_t why = v->run->fail_entry.hardware_entry_failure_reason;
	char what[64];

	snprintf(what, sizeof(what), "KVM_EXIT_FAIL_ENTRY, hardware reason %#lx", why);
	stop_with_dump(v, VM_INTERNAL, what, entry_failure_text(why));
}

static void on_internal_error(struct vcpu *v)
{
	uint32_t sub = v->run->internal.suberror;
	char what[64];

	snprintf(what, sizeof(what), "KVM_EXIT_INTERNAL_ERROR, suberror %u", sub);
	stop_with_dump(v, VM_INTERNAL, what, internal_error_text(sub));
}

/* Wait outside of KVM_RUN as long as somebody wants it. */
static void park(struct vcpu *v)
{
	struct vm *vm = v->vm;

	if (v->ring)
		dirty_ring_harvest(v);
	pthread_mutex_lock(&vm->lock);
	vm->parked++;
	pthread_cond_broadcast(&vm->cond);
	while (((atomic_load(&vm->pausing) && !atomic_load(&v->alone)) ||
		atomic_load(&v->trapped)) && !atomic_load(&vm->stopping))
		pthread_cond_wait(&vm->cond, &vm->lock);
	vm->parked--;
	pthread_mutex_unlock(&vm->lock);
}

/* A breakpoint or a step. What comes of it is the debugger's to say (gdb_target.c). */
static void on_debug(struct vcpu *v)
{
	atomic_store(&v->alone, false);
	atomic_store(&v->trapped, true);
	event_ring(v->vm->trap_fd);
	park(v);
}

static void on_exit_reason(struct vcpu *v)
{
	struct kvm_run *r = v->run;

	switch (r->exit_reason) {
	case KVM_EXIT_IO:
		on_io(v);
		break;
	case KVM_EXIT_MMIO:
		on_mmio(v);
		break;
	case KVM_EXIT_HLT:	/* only without a LAPIC: nothing can wake it */
		vm_stop(v->vm, VM_SHUTDOWN, NULL);
		break;
	case KVM_EXIT_SHUTDOWN:
		stop_with_dump(v, VM_TRIPLE, "triple fault",
			"an exception could not be delivered, nor the double fault after it");
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		on_system_event(v);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		on_fail_entry(v);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		on_internal_error(v);
		break;
	case KVM_EXIT_DIRTY_RING_FULL:
		dirty_ring_harvest(v);
		break;
	case KVM_EXIT_DEBUG:
		on_debug(v);
		break;
	case KVM_EXIT_INTR:
	case KVM_EXIT_NMI:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
	case KVM_EXIT_SET_TPR:
	case KVM_EXIT_IOAPIC_EOI:
		break;
	default:
		stop_with_dump(v, VM_INTERNAL, exit_name(r->exit_reason),
			       "an exit that this VMM does not ask for");
	}
}

/* Halted with interrupts off, or waiting for a SIPI? */
static bool vcpu_is_idle(const struct vcpu *v)
{
	struct kvm_mp_state mp;
	struct kvm_regs r;

	if (ioctl(v->fd, KVM_GET_MP_STATE, &mp) < 0)
		return false;
	if (mp.mp_state == KVM_MP_STATE_UNINITIALIZED)
		return true;
	return mp.mp_state == KVM_MP_STATE_HALTED &&
		!ioctl(v->fd, KVM_GET_REGS, &r) && !(r.rflags & 0x200);
}

/* KVM_RUN came back with EINTR: someone wants something of us. */
static void on_interrupted(struct vcpu *v)
{
	__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	if (atomic_exchange(&v->probe, false))
		atomic_store(&v->idle, vcpu_is_idle(v));
	if (atomic_load(&v->vm->pausing) && !atomic_load(&v->alone))
		park(v);
}

/* One KVM_RUN and the handling of its exit. */
static void once(struct vcpu *v)
{
	if (ioctl(v->fd, KVM_RUN, 0) == 0) {
		uint64_t start = v->trace ? trace_now() : 0;

		atomic_fetch_add_explicit(&v->exits, 1, memory_order_relaxed);
		on_exit_reason(v);
		if (v->trace)
			trace_exit(v, start);
	} else if (errno == EINTR || errno == EAGAIN) {
		on_interrupted(v);
	} else if (v->run->exit_reason == KVM_EXIT_MEMORY_FAULT) {
		stop_with_dump(v, VM_INTERNAL, "KVM_EXIT_MEMORY_FAULT", strerror(errno));
	} else {
		stop_with_dump(v, VM_INTERNAL, "KVM_RUN failed",
			       errno == EFAULT ? ram_gone : strerror(errno));
	}
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *v = arg;
	struct err e;

	if (v->vm->cfg.sandbox && sandbox_enter(SANDBOX_VCPU, &e))
		vm_stop(v->vm, VM_HOST, "%s", e.msg);
	while (!atomic_load_explicit(&v->vm->stopping, memory_order_relaxed))
		once(v);
	return NULL;
}

int vcpu_start(struct vcpu *v, struct err *e)
{
	int rc = thread_start(&v->thread, vcpu_thread, v, KICK_SIGNAL, e);

	v->started = !rc;
	return rc;
}

/* ---- the dump ---- */

static void dump_segment(FILE *out, const char *name, const struct kvm_segment *s)
{
	fprintf(out, "  %-3s %04x base %016llx limit %08x type %x%s%s%s\n", name,
		s->selector, s->base, s->limit, s->type,
		s->present ? "" : " not-present", s->l ? " 64-bit" : "",
		s->db ? " 32-bit" : "");
}

static void dump_code(struct vcpu *v, FILE *out, uint64_t rip, const struct kvm_sregs *s)
{
	struct kvm_translation t = { .linear_address = s->cs.base + rip };
	uint64_t gpa, i;
	uint8_t byte;

	if (s->efer & (1 << 10))
		t.linear_address = rip;
	if (ioctl(v->fd, KVM_TRANSLATE, &t) < 0 || !t.valid) {
		fprintf(out, "  code: linear address %#llx is not mapped\n", t.linear_address);
		return;
	}
	gpa = t.physical_address;
	fprintf(out, "  code at %#llx (guest physical %#lx):", t.linear_address, gpa);
	for (i = 0; i < 16; i++) {
		if (mem_read(&v->vm->mem, gpa + i, &byte, 1))
			break;
		fprintf(out, " %02x", byte);
	}
	fputs(i ? "\n" : " outside guest memory\n", out);
}

static void dump(struct vcpu *v, FILE *out)
{
	struct kvm_regs r;
	struct kvm_sregs s;

	if (ioctl(v->fd, KVM_GET_REGS, &r) < 0 || ioctl(v->fd, KVM_GET_SREGS, &s) < 0) {
		fprintf(out, "vCPU %u: registers unreadable: %s\n", v->id, strerror(errno));
		return;
	}
	fprintf(out, "vCPU %u:\n"
		"  rax %016llx rbx %016llx rcx %016llx rdx %016llx\n"
		"  rsi %016llx rdi %016llx rbp %016llx rsp %016llx\n"
		"  r8  %016llx r9  %016llx r10 %016llx r11 %016llx\n"
		"  r12 %016llx r13 %016llx r14 %016llx r15 %016llx\n"
		"  rip %016llx flags %08llx\n", v->id, r.rax, r.rbx, r.rcx, r.rdx,
		r.rsi, r.rdi, r.rbp, r.rsp, r.r8, r.r9, r.r10, r.r11, r.r12, r.r13,
		r.r14, r.r15, r.rip, r.rflags);
	fprintf(out, "  cr0 %llx cr2 %llx cr3 %llx cr4 %llx efer %llx\n"
		"  gdt %llx limit %x  idt %llx limit %x\n", s.cr0, s.cr2, s.cr3,
		s.cr4, s.efer, s.gdt.base, s.gdt.limit, s.idt.base, s.idt.limit);
	dump_segment(out, "cs", &s.cs);
	dump_segment(out, "ss", &s.ss);
	dump_segment(out, "ds", &s.ds);
	/* No guest of ours starts there. */
	if (r.rip == 0xfff0 && s.cs.base == 0xffff0000)
		fputs("  the state after a reset: on AMD, KVM resets a vCPU that triple-faults, and what it did is lost\n",
		      out);
	else
		dump_code(v, out, r.rip, &s);
}

char *vcpu_dump_text(struct vcpu *v, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	if (!out)
		return NULL;
	dump(v, out);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

void vcpu_dump(struct vcpu *v)
{
	size_t len = 0;
	char *text = vcpu_dump_text(v, &len);

	if (text)
		say_text(text, len);
	free(text);
}
