// SPDX-License-Identifier: GPL-2.0-only
/* The laboratory while a guest runs: exits, the end, what went wrong. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "env/clock.h"
#include "lab/lab.h"
#include "lab/move.h"
#include "lab/stats.h"
#include "lab/unit.h"

/* A buffer that text is added to; what does not fit is cut. */
struct text {
	char *p;
	size_t n, size;
};

static void __attribute__((format(printf, 2, 3))) add(struct text *x, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(x->p + x->n, x->size - x->n, fmt, ap);
	va_end(ap);
	x->n += n < 0 ? 0 : (size_t)n;
	if (x->n >= x->size)
		x->n = x->size - 1;
}

static void dump_regs(struct text *x, const struct kvm_regs *r, const struct kvm_sregs *s)
{
	add(x, " rip %016llx rsp %016llx rflags %08llx\n", r->rip, r->rsp, r->rflags);
	add(x, " rax %016llx rbx %016llx rcx %016llx rdx %016llx\n", r->rax, r->rbx, r->rcx, r->rdx);
	add(x, " rsi %016llx rdi %016llx rbp %016llx\n", r->rsi, r->rdi, r->rbp);
	add(x, " r8  %016llx r9  %016llx r10 %016llx r11 %016llx\n", r->r8, r->r9, r->r10, r->r11);
	add(x, " r12 %016llx r13 %016llx r14 %016llx r15 %016llx\n", r->r12, r->r13, r->r14, r->r15);
	add(x, " cr0 %08llx cr2 %016llx cr3 %08llx cr4 %08llx efer %llx\n",
	    s->cr0, s->cr2, s->cr3, s->cr4, s->efer);
	add(x, " cs %04x:%llx ss %04x ds %04x tr %04x gdt %llx+%x idt %llx+%x\n",
	    s->cs.selector, s->cs.base, s->ss.selector, s->ds.selector, s->tr.selector,
	    s->gdt.base, s->gdt.limit, s->idt.base, s->idt.limit);
}

/* The last exits, oldest first; equal ones in a row are counted. */
static void dump_exits(struct text *x, const struct lab_cpu *c)
{
	uint64_t i = c->exits > LAB_HISTORY ? c->exits - LAB_HISTORY : 0;
	unsigned int same = 0;

	add(x, " exits to user space: %llu, the last:", (unsigned long long)c->exits);
	for (; i < c->exits; i++) {
		uint32_t reason = c->last[i % LAB_HISTORY];

		same++;
		if (i + 1 < c->exits && c->last[(i + 1) % LAB_HISTORY] == reason)
			continue;
		add(x, same > 1 ? " %s x %u" : " %s", exit_name(reason), same);
		same = 0;
	}
	add(x, "\n");
}

/* The vectors that are set in the LAPIC's 256-bit register at @reg */
static void dump_vectors(struct text *x, const struct kvm_lapic_state *a, unsigned int reg, const char *name)
{
	unsigned int v;

	for (v = 0; v < 256; v++)
		if (a->regs[reg + v / 32 * 16 + v % 32 / 8] >> (v % 8) & 1)
			add(x, " %s %02x", name, v);
}

/* Where an interrupt that the guest waits for may be. */
static void dump_interrupts(struct text *x, const struct lab *l, unsigned int cpu)
{
	struct kvm_irqchip io = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct kvm_vcpu_events e;
	struct kvm_lapic_state a;
	struct kvm_pit_state2 p;

	if (ioctl(l->cpu[cpu].fd, KVM_GET_VCPU_EVENTS, &e) < 0 || ioctl(l->cpu[cpu].fd, KVM_GET_LAPIC, &a) < 0)
		return;
	add(x, " events: interrupt %u (vector %02x) shadow %u, nmi %u pending %u masked %u; LAPIC:", e.interrupt.injected, e.interrupt.nr,
	    e.interrupt.shadow, e.nmi.injected, e.nmi.pending, e.nmi.masked);
	dump_vectors(x, &a, 0x200, "IRR");
	dump_vectors(x, &a, 0x100, "ISR");
	add(x, " TPR %02x PPR %02x\n", (uint8_t)a.regs[0x80], (uint8_t)a.regs[0xa0]);
	if (!l->irqchip || ioctl(l->vm, KVM_GET_IRQCHIP, &io) < 0 || ioctl(l->vm, KVM_GET_PIT2, &p) < 0)
		return;
	add(x, " IOAPIC: IRR %x, pin 0 %llx, pin 2 %llx; PIT: mode %u count %u\n", io.chip.ioapic.irr,
	    (unsigned long long)io.chip.ioapic.redirtbl[0].bits, (unsigned long long)io.chip.ioapic.redirtbl[2].bits,
	    p.channels[0].mode, p.channels[0].count);
}

void lab_dump(struct lab *l, unsigned int cpu)
{
	struct lab_cpu *c = &l->cpu[cpu];
	char *dump = l->t->res->dump, counts[2048];
	struct text x = { dump, strlen(dump), sizeof(l->t->res->dump) };
	struct kvm_regs r;
	struct kvm_sregs s;
	int i;

	if (ioctl(c->fd, KVM_GET_REGS, &r) < 0 || ioctl(c->fd, KVM_GET_SREGS, &s) < 0)
		return;
	add(&x, "vCPU %u: last exit %s\n", cpu, exit_name(c->run->exit_reason));
	dump_regs(&x, &r, &s);
	/* A broken KVM may give any RIP. */
	if (s.cs.base < l->ram_size && r.rip < l->ram_size && s.cs.base + r.rip + 16 < l->ram_size) {
		add(&x, " code");
		for (i = 0; i < 16; i++)
			add(&x, " %02x", l->ram[s.cs.base + r.rip + (unsigned int)i]);
		add(&x, "\n");
	}
	dump_exits(&x, c);
	dump_interrupts(&x, l, cpu);
	stats_text(c->fd, counts, sizeof(counts));
	if (counts[0])
		add(&x, " statistics: %s\n", counts);
}

static int give_up(struct lab *l, unsigned int cpu)
{
	const struct unit_shared *sh = unit_shared(l);
	struct kvm_regs r = { 0 };
	unsigned int i;

	for (i = 0; i < l->ncpus; i++)
		lab_dump(l, i);
	ioctl(l->cpu[cpu].fd, KVM_GET_REGS, &r);
	if (sh->magic == GUEST_MAGIC && sh->step[0])
		return t_fail(l->t, "the guest hangs %.127s (rip 0x%llx)", sh->step, r.rip);
	return t_fail(l->t, "the guest does not end: vCPU %u at rip 0x%llx after %llu exits",
		      cpu, r.rip, (unsigned long long)l->cpu[cpu].exits);
}

int lab_step(struct lab *l, unsigned int cpu)
{
	struct lab_cpu *c = &l->cpu[cpu];
	int rc = ioctl(c->fd, KVM_RUN, 0), err = errno;

	if (now_ms() >= l->deadline)
		return give_up(l, cpu);
	if (rc < 0 && (err == EINTR || err == EAGAIN))
		return -EINTR;
	if (rc < 0) {
		lab_dump(l, cpu);
		return t_fail(l->t, "KVM_RUN: %s", strerror(err));
	}
	c->last[c->exits++ % LAB_HISTORY] = c->run->exit_reason;
	return 0;
}

int lab_next(struct lab *l)
{
	int rc;

	do {
		rc = lab_step(l, 0);
	} while (rc == -EINTR);
	return rc;
}

int lab_step_to(struct lab *l, uint32_t reason, const char *what)
{
	uint32_t got;

	if (lab_next(l))
		return -1;
	got = l->cpu[0].run->exit_reason;
	if (got == KVM_EXIT_INTERNAL_ERROR || got == KVM_EXIT_FAIL_ENTRY)
		return lab_odd_exit(l, 0);
	if (got == reason)
		return 0;
	lab_dump(l, 0);
	return t_fail(l->t, "%s: %s, expected %s", what, exit_name(got), exit_name(reason));
}

/* Fail with the exit in words. */
int lab_odd_exit(struct lab *l, unsigned int cpu)
{
	struct kvm_run *run = l->cpu[cpu].run;
	struct kvm_regs r = { 0 };

	lab_dump(l, cpu);
	ioctl(l->cpu[cpu].fd, KVM_GET_REGS, &r);
	switch (run->exit_reason) {
	case KVM_EXIT_FAIL_ENTRY:
		return t_fail(l->t, "the CPU refuses to enter the guest: KVM_EXIT_FAIL_ENTRY, hardware reason 0x%llx",
			      run->fail_entry.hardware_entry_failure_reason);
	case KVM_EXIT_INTERNAL_ERROR:
		return t_fail(l->t, "KVM_EXIT_INTERNAL_ERROR, suberror %u, at rip 0x%llx: KVM could not run or emulate the instruction",
			      run->internal.suberror, r.rip);
	case KVM_EXIT_SHUTDOWN:
		return t_fail(l->t, "triple fault in the guest near rip 0x%llx", r.rip);
	case KVM_EXIT_MMIO:
		return t_fail(l->t, "unexpected MMIO %s of %u bytes at 0x%llx, rip 0x%llx",
			      run->mmio.is_write ? "write" : "read", run->mmio.len,
			      run->mmio.phys_addr, r.rip);
	case KVM_EXIT_IO:
		return t_fail(l->t, "unexpected %s of %u bytes at port 0x%x, rip 0x%llx",
			      run->io.direction ? "write" : "read", run->io.size,
			      run->io.port, r.rip);
	}
	return t_fail(l->t, "unexpected %s (%u) at rip 0x%llx",
		      exit_name(run->exit_reason), run->exit_reason, r.rip);
}

/* Move when the next signal ends KVM_RUN: the guest is halted by then. */
static int move_soon(struct lab *l)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };
	/* Repeat the signal: the first may come just before KVM_RUN. */
	struct itimerspec in = { { 0, 3000000 }, { 0, 3000000 } };

	NEED(l->t, !timer_create(CLOCK_MONOTONIC, &ev, &l->mover), "a timer");
	timer_settime(l->mover, 0, &in, NULL);
	l->move_soon = true;
	return 1;
}

/* Handle one exit; returns as lab_exit_fn. */
static int handle(struct lab *l, unsigned int cpu)
{
	struct kvm_run *run = l->cpu[cpu].run;
	const uint8_t *data = (const uint8_t *)run;
	uint32_t i;

	if (run->exit_reason == KVM_EXIT_IO) {
		/* A broken KVM may point anywhere. */
		REQUIRE(l->t, run->io.data_offset < l->run_size &&
			(uint64_t)run->io.size * run->io.count <= l->run_size - run->io.data_offset,
			"KVM_EXIT_IO: data of %u x %u bytes at 0x%llx, beyond the vCPU's mapping",
			run->io.count, run->io.size, run->io.data_offset);
		data += run->io.data_offset;
	}
	if (run->exit_reason == KVM_EXIT_IO && run->io.direction == KVM_EXIT_IO_OUT) {
		if (run->io.port == UNIT_PORT_EXIT) {
			l->code = *data;
			return 0;
		}
		if (run->io.port == UNIT_PORT_TEXT) {
			for (i = 0; i < run->io.size * run->io.count; i++)
				if (l->text_len < sizeof(l->text) - 1)
					l->text[l->text_len++] = (char)data[i];
			return 1;
		}
		if (run->io.port == UNIT_PORT_MOVE && *data == UNIT_MOVE_SOON)
			return move_soon(l);
		if (run->io.port == UNIT_PORT_MOVE)
			return lab_move(l) ? -1 : 1;
		if (run->io.port == UNIT_PORT_IDLE) {
			l->yield = l->ncpus > 1;
			return 1;
		}
	}
	if (run->exit_reason == KVM_EXIT_IO && run->io.port == UNIT_PORT_MOVE) {
		memset((uint8_t *)run + run->io.data_offset, UNIT_MOVE_IN, run->io.size);
		return lab_move(l) ? -1 : 1;
	}
	if (l->on_exit)
		return l->on_exit(l, cpu, l->arg);
	return lab_odd_exit(l, cpu);
}

/* Run one CPU to the end of the run: 0 or -1. */
static int run_cpu(struct lab *l, unsigned int cpu)
{
	bool yield;
	int rc;

	while (!l->done) {
		rc = lab_step(l, cpu);
		if (rc == -EINTR) {
			if (l->move_soon && (timer_delete(l->mover) || lab_move(l)))
				return -1;
			l->move_soon = false;
			continue;
		}
		if (rc)
			return -1;
		pthread_mutex_lock(&l->lock);
		rc = l->done ? 0 : handle(l, cpu);
		yield = l->yield;
		l->yield = false;
		pthread_mutex_unlock(&l->lock);
		if (yield)
			sched_yield();
		if (rc <= 0)
			return rc;
	}
	return 0;
}

static void stop(struct lab *l)
{
	unsigned int i;

	l->done = 1;
	for (i = 0; i < l->ncpus; i++)
		__atomic_store_n(&l->cpu[i].run->immediate_exit, 1, __ATOMIC_SEQ_CST);
}

static void *cpu_thread(void *arg)
{
	struct lab_cpu *c = arg;

	run_cpu(c->lab, c->id);
	stop(c->lab);
	/* The first CPU may be inside KVM_RUN, on the process's main thread. */
	syscall(SYS_tgkill, getpid(), getpid(), SIGUSR2);
	return NULL;
}

int lab_run(struct lab *l)
{
	unsigned int i;
	int rc = 0;

	for (i = 1; i < l->ncpus; i++) {
		rc = t_thread(l->t, &l->cpu[i].thread, cpu_thread, &l->cpu[i]);
		if (rc)
			break;
		l->cpu[i].started = true;
	}
	if (!rc)
		rc = run_cpu(l, 0);
	stop(l);
	for (i = 1; i < l->ncpus && l->cpu[i].started; i++) {
		pthread_kill(l->cpu[i].thread, SIGUSR2);
		pthread_join(l->cpu[i].thread, NULL);
		l->cpu[i].started = false;
	}
	for (i = 0; i < l->ncpus; i++)
		l->cpu[i].run->immediate_exit = 0;
	l->done = 0;
	return rc || l->t->res->status >= ST_ERROR ? -1 : 0;
}

int lab_to_hlt(struct lab *l)
{
	struct kvm_run *run = l->cpu[0].run;

	for (;;) {
		if (lab_next(l))
			return -1;
		if (run->exit_reason == KVM_EXIT_HLT)
			return 0;
		if (run->exit_reason != KVM_EXIT_IO || run->io.port != UNIT_PORT_IO)
			return lab_odd_exit(l, 0);
		*((uint8_t *)run + run->io.data_offset) = 0x5a;
	}
}

int lab_life(struct t *t, bool irqchip, size_t touch)
{
	static const uint8_t code[] = { 0xb0, 7, 0xe6, 0xe1, 0xf4 };
	struct lab l;
	int rc = lab_open(&l, t, LAB(.irqchip = irqchip, .ram = touch > UNIT_RAM ? touch : 0));

	if (!rc) {
		lab_code(&l, 0x1000, code, sizeof(code));
		if (touch)
			memset(l.ram + 0x100000, 1, touch - 0x100000);
		rc = lab_real(&l, 0, 0x1000);
	}
	if (!rc)
		rc = lab_step_to(&l, KVM_EXIT_IO, "the first exit of a short life");
	lab_close(&l);
	return rc;
}
