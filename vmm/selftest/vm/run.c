// SPDX-License-Identifier: GPL-2.0-only
/* vm: KVM_RUN: how it ends, and how a VMM stops and debugs it. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define REPORT_PLACE 110
#include "env/clock.h"
#include "env/files.h"
#include "env/settings.h"
#include "vm/vm.h"

LAB_CHECK(vm, halt, LAB(), "HLT ends KVM_RUN if KVM has no interrupt controller",
	  ADVICE_RUN, NEED_KVM)
{
	static const uint8_t code[] = { 0xf4, 0x90, 0xf4 };
	struct kvm_regs r;

	if (lab_code_real(l, code, sizeof(code)) ||
	    lab_step_to(l, KVM_EXIT_HLT, "HLT without an interrupt controller") ||
	    lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	REQUIRE(l->t, r.rip == 0x1001, "RIP after HLT is 0x%llx, expected 0x1001", r.rip);
	return lab_step_to(l, KVM_EXIT_HLT, "the next HLT");
}

static double cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

#define IDLE_MS		60
#define IDLE_TRIES	5

/* Halt for a while, interrupted by signals. Returns -EINTR if all is well. */
static int idle(struct lab *l, double *cpu, double *wall)
{
	double start = now_ms();
	int rc;

	*cpu = cpu_ms();
	do {
		rc = lab_step(l, 0);
		if (!rc)
			rc = lab_odd_exit(l, 0);
	} while (rc == -EINTR && now_ms() - start < IDLE_MS);
	*cpu = cpu_ms() - *cpu;
	*wall = now_ms() - start;
	return rc;
}

/*
 * A halted guest sleeps in KVM_RUN, apart from halt polling, which gives up after
 * halt_poll_ns, 0.2 ms by default. Try more than once: a host that is itself a guest
 * counts the time that its own host takes as its own.
 */
CHECK(vm, halt_idle, "a halted guest leaves the host's CPU alone",
      "Idle guests take CPU time from others. Look at kvm.halt_poll_ns, then at this kernel's patches to virt/kvm/kvm_main.c.",
      NEED_KVM)
{
	static const uint8_t code[] = { 0xf4, 0xeb, 0xfd };
	const struct itimerspec every = { .it_value = { 0, 10000000 }, .it_interval = { 0, 10000000 } };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };
	double cpu = 0, wall = 0;
	unsigned int tries = 0;
	timer_t timer;
	struct lab l;
	int rc;

	if (atol(setting(t->env, "kvm.halt_poll_ns")) > 1000000)
		return t_skip(t, "kvm.halt_poll_ns is %s: this host is set to poll for long", setting(t->env, "kvm.halt_poll_ns"));
	rc = lab_open(&l, t, LAB(.irqchip = true)) || lab_code_real(&l, code, sizeof(code)) ? -1 : 0;
	if (rc || timer_create(CLOCK_MONOTONIC, &ev, &timer)) {
		int err = errno;

		lab_close(&l);
		return rc ? rc : t_lacks(t, err, "a timer");
	}
	timer_settime(timer, 0, &every, NULL);
	do {
		rc = idle(&l, &cpu, &wall);
	} while (rc == -EINTR && cpu >= wall / 2 && ++tries < IDLE_TRIES);
	timer_delete(timer);
	lab_close(&l);
	if (rc != -EINTR)
		return rc;
	t_note(t, "%.1f ms of CPU in %.1f ms of HLT", cpu, wall);
	REQUIRE(t, cpu < wall / 2, "a halted guest took %.1f of %.1f ms of the host's CPU, %u times out of %u",
		cpu, wall, tries, IDLE_TRIES);
	return 0;
}

LAB_CHECK(vm, triple_fault, LAB(), "a triple fault ends KVM_RUN with KVM_EXIT_SHUTDOWN",
	  ADVICE_RUN, NEED_KVM | NEED_HW)
{
	static const uint8_t code[] = { 0x0f, 0x0b };

	return lab_code_real(l, code, sizeof(code)) || lab_no_idt(l) ||
		lab_step_to(l, KVM_EXIT_SHUTDOWN, "a triple fault") ? -1 : 0;
}

LAB_CHECK(vm, immediate_exit, LAB(), "immediate_exit ends KVM_RUN before guest code runs",
	  ADVICE_RUN, NEED_KVM)
{
	/* out %al,$0xe1; jmp to it: if the guest runs, KVM_RUN ends without EINTR */
	static const uint8_t code[] = { 0xe6, 0xe1, 0xeb, 0xfc };
	struct kvm_regs r;
	unsigned int i;

	if (lab_code_real(l, code, sizeof(code)))
		return -1;
	if (lab_cap(l, KVM_CAP_IMMEDIATE_EXIT) <= 0)
		return t_skip(l->t, "KVM has no immediate_exit");
	for (i = 0; i < 20; i++) {
		l->cpu[0].run->immediate_exit = 1;
		REQUIRE(l->t, ioctl(l->cpu[0].fd, KVM_RUN, 0) == -1 && errno == EINTR,
			"KVM_RUN with immediate_exit did not end with EINTR");
	}
	if (lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	REQUIRE(l->t, r.rip == 0x1000, "KVM_RUN with immediate_exit ran guest code");
	return 0;
}

struct kicker {
	pthread_t target;
	volatile int stop;
};

static void *kick(void *arg)
{
	struct kicker *k = arg;

	while (!k->stop) {
		pthread_kill(k->target, SIGUSR2);
		usleep(500);		/* let the guest make progress */
	}
	return NULL;
}

/* A signal must end KVM_RUN each time, and the registers must be intact. */
CHECK(vm, signal, "a signal ends KVM_RUN of a spinning guest, and no state is lost",
      ADVICE_RUN, NEED_KVM)
{
	/* sti (in Bochs 2.7 no host interrupt ends this without it); incl %eax; jmp to it */
	static const uint8_t code[] = { 0xfb, 0x66, 0x40, 0xeb, 0xfc };
	struct kicker k = { .target = pthread_self() };
	struct kvm_regs r = { 0 };
	unsigned long long last = 0;
	pthread_t th;
	struct lab l;
	unsigned int i;
	int rc = lab_open(&l, t, LAB()) || lab_code_real(&l, code, sizeof(code)) ? -1 : 0, n;

	if (rc || t_thread(t, &th, kick, &k)) {
		lab_close(&l);
		return -1;
	}
	for (i = 0; !rc && i < 50; i++) {
		n = lab_step(&l, 0);
		if (n != -EINTR)
			rc = n ? -1 : t_fail(t, "a signal during KVM_RUN: %s, expected EINTR",
					     exit_name(l.cpu[0].run->exit_reason));
		else if (lab_cpu_ioctl(&l, 0, KVM_GET_REGS, &r) < 0)
			rc = -1;
		else if (r.rip < 0x1000 || r.rip > 0x1003 || r.rax < last)
			rc = t_fail(t, "registers after a signal: rip 0x%llx, rax 0x%llx after 0x%llx", r.rip, r.rax, last);
		last = r.rax;
	}
	k.stop = 1;
	pthread_join(th, NULL);
	if (!rc && !last)
		rc = t_fail(t, "the guest never ran between signals");
	lab_close(&l);
	return rc;
}

#define MSR_STEAL	0x4b564d03u
#define STEAL		0x6000u		/* the record; its 'preempted' is at 16 */

/* Run until @times signals have left the vCPU marked 'preempted'; the guest must never read the mark. */
static int spin_marked(struct lab *l, unsigned int times)
{
	volatile uint8_t *preempted = l->ram + STEAL + 16;
	struct kvm_regs r;
	int n;

	while (times) {
		REQUIRE(l->t, now_ms() < l->deadline, "a vCPU that a signal interrupted was never marked 'preempted'");
		n = lab_step(l, 0);
		if (n != -EINTR)
			return n ? -1 : lab_odd_exit(l, 0);
		/* It is not marked if the signal came before the guest ran. */
		times -= *preempted & 1;
	}
	if (lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	REQUIRE(l->t, !(r.rbx & 0xff), "a running vCPU read 0x%llx as its own 'preempted', expected 0", r.rbx & 0xff);
	return 0;
}

/* Other vCPUs' spinlocks, IPIs and TLB flushes depend on this mark. */
LAB_CHECK(vm, steal_preempted, LAB(), "a vCPU is marked preempted in its steal time record while it does not run, and only then",
	  ADVICE_RUN, NEED_KVM | NEED_HW)
{
	/* sti; 1: or 0x6010,%bl; jmp 1b */
	static const uint8_t code[] = { 0xfb, 0x0a, 0x1e, 0x10, 0x60, 0xeb, 0xfa };
	struct kicker k = { .target = pthread_self() };
	uint64_t v = STEAL | 1;
	pthread_t th;
	int rc;

	if (lab_code_real(l, code, sizeof(code)))
		return -1;
	if (lab_msr(l, KVM_SET_MSRS, MSR_STEAL, &v) != 1)
		return t_skip(l->t, "this KVM has no steal time (MSR 0x%x; CONFIG_SCHED_INFO)", MSR_STEAL);
	if (t_thread(l->t, &th, kick, &k))
		return -1;
	rc = spin_marked(l, 20);
	k.stop = 1;
	pthread_join(th, NULL);
	return rc;
}

/* A signal that the thread blocks must end KVM_RUN if KVM_SET_SIGNAL_MASK unblocks it. */
CHECK(vm, signal_mask, "KVM_SET_SIGNAL_MASK lets signals end KVM_RUN",
      ADVICE_RUN, NEED_KVM)
{
	static const uint8_t code[] = { 0xeb, 0xfe }, hlt = 0xf4;
	/* struct kvm_signal_mask: a length, then that many bytes; none blocked */
	uint32_t m[3] = { 8, 0, 0 };
	sigset_t usr2, old, now;
	struct lab l;
	int rc = lab_open(&l, t, LAB()) || lab_code_real(&l, code, sizeof(code)) ? -1 : 0;

	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &usr2, &old);
	if (!rc && lab_cpu_ioctl(&l, 0, KVM_SET_SIGNAL_MASK, m) < 0)
		rc = -1;
	if (!rc) {
		pthread_kill(pthread_self(), SIGUSR2);
		rc = lab_step(&l, 0);
		if (rc == 0)
			rc = t_fail(t, "a pending signal that KVM_SET_SIGNAL_MASK lets in did not end KVM_RUN");
		else if (rc == -EINTR)
			rc = 0;
	}
	/* Without the mask the thread's own counts again, which blocks the signal that is still pending. */
	if (!rc && (lab_cpu_ioctl(&l, 0, KVM_SET_SIGNAL_MASK, NULL) < 0 || lab_code_real(&l, &hlt, 1)))
		rc = -1;
	if (!rc) {
		rc = lab_step(&l, 0);
		if (rc == -EINTR)
			rc = t_fail(t, "KVM_SET_SIGNAL_MASK(NULL) leaves the mask on: a signal that the thread blocks ended KVM_RUN");
	}
	pthread_sigmask(SIG_SETMASK, NULL, &now);
	if (!rc && !sigismember(&now, SIGUSR2))
		rc = t_fail(t, "the thread keeps the mask of KVM_SET_SIGNAL_MASK after KVM_RUN");
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	lab_close(&l);
	return rc;
}

static int debug(struct lab *l, uint32_t control, uint64_t dr0, uint64_t dr7)
{
	struct kvm_guest_debug d = { .control = control };

	d.arch.debugreg[0] = dr0;
	d.arch.debugreg[7] = dr7;
	return lab_cpu_ioctl(l, 0, KVM_SET_GUEST_DEBUG, &d) < 0 ? -1 : 0;
}

/* While a debugger uses the debug registers, and after it, the guest's own are kept for the guest. */
LAB_CHECK(vm, guest_debug_off, LAB(), "a guest's debug registers are its own again after a debugger used them",
	  ADVICE_RUN, NEED_KVM | NEED_HW)
{
	/* mov $0x1234,%eax; mov %eax,%db0; out %al,$0xe1; mov %db0,%eax; out %eax,$0xe1 */
	static const uint8_t code[] = { 0x66, 0xb8, 0x34, 0x12, 0, 0, 0x0f, 0x23, 0xc0, 0xe6, 0xe1, 0x0f, 0x21, 0xc0, 0x66, 0xe7, 0xe1 };
	struct kvm_run *run = l->cpu[0].run;
	uint32_t got;

	if (lab_code_real(l, code, sizeof(code)) || lab_step_to(l, KVM_EXIT_IO, "the guest's OUT") ||
	    debug(l, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, 0x5000, 0x402) || debug(l, 0, 0, 0) ||
	    lab_step_to(l, KVM_EXIT_IO, "the guest's second OUT"))
		return -1;
	memcpy(&got, (uint8_t *)run + run->io.data_offset, 4);
	REQUIRE(l->t, got == 0x1234, "the guest set DR0 to 0x1234, a debugger to 0x5000 and off again; the guest reads 0x%x", got);
	return 0;
}

/* DR6 after a step: BS, and the bits that are always set. SDM vol. 3, "Debug status register (DR6)". */
static int dr6_of_step(struct lab *l)
{
	unsigned long long dr6 = l->cpu[0].run->debug.arch.dr6;

	REQUIRE(l->t, dr6 & 0x4000 && (env_old_kvm(l->t->env) || (dr6 & 0xffff07f0) == 0xffff07f0),
		"DR6 of a single step is 0x%llx, expected BS (bit 14) and all of 0xffff07f0", dr6);
	return 0;
}

LAB_CHECK(vm, guest_debug, LAB(), "single steps and breakpoints of a debugger on the host work",
	  ADVICE_RUN, NEED_KVM | NEED_HW)
{
	/* 1000 nop; 1001 cpuid; 1003 out %al,$0xe1; 1005 int3; 1006 nop; 1007 hlt */
	static const uint8_t code[] = { 0x90, 0x0f, 0xa2, 0xe6, 0xe1, 0xcc, 0x90, 0xf4 };
	static const uint16_t at[] = { 0x1001, 0x1003, 0x1005 };
	struct kvm_run *run = l->cpu[0].run;
	unsigned long long pc;
	struct kvm_regs r;
	unsigned int i;

	if (lab_code_real(l, code, sizeof(code)) || debug(l, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP, 0, 0))
		return -1;
	if (host_is_bochs()) {
		if (lab_step_to(l, KVM_EXIT_DEBUG, "a single step") || dr6_of_step(l))
			return -1;
		return t_skip(l->t, "DR6 is right; the rest not tried: Bochs, in which this host runs, traps before the first step, not after it");
	}
	for (i = 0; i < 3; i++) {
		do {
			if (lab_next(l))
				return -1;
		} while (run->exit_reason == KVM_EXIT_IO && run->io.port == 0xe1);
		/* If they emulate the step, old KVMs report where stepping began. */
		pc = run->debug.arch.pc;
		if (i > 0 && pc == 0x1000 && env_old_kvm(l->t->env))
			pc = at[i];
		REQUIRE(l->t, run->exit_reason == KVM_EXIT_DEBUG && pc == at[i] && run->debug.arch.exception == 1,
			"single step %u: %s, pc 0x%llx, exception %u; expected KVM_EXIT_DEBUG at 0x%x",
			i, exit_name(run->exit_reason), run->debug.arch.pc, run->debug.arch.exception, at[i]);
		/* Before 5.8 SVM reports DR6 only for steps that KVM emulates, such as CPUID. */
		if (i == 1 && dr6_of_step(l))
			return -1;
	}
	/* QEMU's TCG treats INT3 as INT n, which KVM does not intercept, and arms no breakpoints when VMRUN loads DR7. */
	if (host_is_tcg())
		return debug(l, 0, 0, 0);
	if (debug(l, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP, 0, 0) ||
	    lab_step_to(l, KVM_EXIT_DEBUG, "INT3 with software breakpoints on"))
		return -1;
	REQUIRE(l->t, run->debug.arch.pc == 0x1005 && run->debug.arch.exception == 3,
		"software breakpoint: pc 0x%llx, exception %u", run->debug.arch.pc, run->debug.arch.exception);
	if (lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	r.rip = 0x1006;
	if (lab_cpu_ioctl(l, 0, KVM_SET_REGS, &r) < 0 ||
	    debug(l, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, 0x1007, 0x402) ||
	    lab_step_to(l, KVM_EXIT_DEBUG, "hardware breakpoint"))
		return -1;
	REQUIRE(l->t, run->debug.arch.pc == 0x1007 && run->debug.arch.dr6 & 1,
		"hardware breakpoint: pc 0x%llx, dr6 0x%llx", run->debug.arch.pc, run->debug.arch.dr6);
	return debug(l, 0, 0, 0) || lab_step_to(l, KVM_EXIT_HLT, "after debugging was turned off") ? -1 : 0;
}

/* For debuggers: KVM walks the guest's page tables. */
/* A page of 4 MiB above 4 GiB, in 32-bit paging: bits 13 and up of its entry are bits 32 and up of the address. */
static int translate_pse36(struct lab *l)
{
	struct kvm_translation tr = { .linear_address = 0x400123 };
	uint32_t *pd = (void *)(l->ram + 0x30000);
	struct kvm_sregs s;

	if (lab_real(l, 0, 0x1000) || lab_cpu_ioctl(l, 0, KVM_GET_SREGS, &s) < 0)
		return -1;
	pd[1] = 0x400000 | 1 << 13 | 0x87;
	s.cs.l = 0;
	s.efer = 0;
	s.cr3 = 0x30000;
	s.cr4 = 1 << 4;
	s.cr0 = 0x80000011;
	if (lab_cpu_ioctl(l, 0, KVM_SET_SREGS, &s) < 0 || lab_cpu_ioctl(l, 0, KVM_TRANSLATE, &tr) < 0)
		return -1;
	REQUIRE(l->t, tr.valid && tr.physical_address == 0x100400123ull,
		"KVM_TRANSLATE of 0x400123, in a page of 4 MiB at 0x100400000: valid %u, 0x%llx", tr.valid, tr.physical_address);
	return 0;
}

LAB_CHECK(vm, translate, LAB(), "KVM_TRANSLATE finds what the guest's page tables say",
	  ADVICE_RUN, NEED_KVM)
{
	struct kvm_translation tr = { .linear_address = 0x1234567 };

	if (lab_long(l, 0, 0x1000, 0x8000) || lab_cpu_ioctl(l, 0, KVM_TRANSLATE, &tr) < 0)
		return -1;
	REQUIRE(l->t, tr.valid && tr.physical_address == 0x1234567,
		"KVM_TRANSLATE of 0x1234567, mapped one to one: valid %u, 0x%llx", tr.valid, tr.physical_address);
	tr.linear_address = 1ull << 40;
	if (lab_cpu_ioctl(l, 0, KVM_TRANSLATE, &tr) < 0)
		return -1;
	REQUIRE(l->t, !tr.valid, "KVM_TRANSLATE of an address that is not mapped: 0x%llx", tr.physical_address);
	return translate_pse36(l);
}

LAB_CHECK(vm, sync_registers, LAB(), "registers can be set and read through kvm_run, without ioctls",
	  ADVICE_RUN, NEED_KVM)
{
	/* out %al,$0x51; hlt */
	static const uint8_t code[] = { 0xe6, 0x51, 0xf4 };
	struct kvm_run *run = l->cpu[0].run;
	struct kvm_sync_regs *in = &run->s.regs;
	struct kvm_regs r;
	struct kvm_sregs s;

	if ((lab_cap(l, KVM_CAP_SYNC_REGS) & 3) != 3)
		return t_skip(l->t, "KVM has no KVM_CAP_SYNC_REGS (before 4.17)");
	if (lab_code_real(l, code, sizeof(code)) || lab_cpu_ioctl(l, 0, KVM_GET_REGS, &in->regs) < 0 ||
	    lab_cpu_ioctl(l, 0, KVM_GET_SREGS, &in->sregs) < 0)
		return -1;
	in->regs.rax = 0x5a;
	in->regs.r15 = 0x1234567887654321ull;
	in->sregs.cr2 = 0xabcd000;
	run->kvm_valid_regs = run->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
	if (lab_step_to(l, KVM_EXIT_IO, "OUT"))
		return -1;
	REQUIRE(l->t, *((uint8_t *)run + run->io.data_offset) == 0x5a,
		"RAX was set to 0x5a through kvm_run, the guest has 0x%x", *((uint8_t *)run + run->io.data_offset));
	REQUIRE(l->t, !run->kvm_dirty_regs, "KVM_RUN leaves kvm_dirty_regs at 0x%llx", run->kvm_dirty_regs);
	run->kvm_valid_regs = 0;
	if (lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0 || lab_cpu_ioctl(l, 0, KVM_GET_SREGS, &s) < 0)
		return -1;
	REQUIRE(l->t, !memcmp(&r, &in->regs, sizeof(r)) && r.r15 == 0x1234567887654321ull,
		"kvm_run's registers after an exit are not those of KVM_GET_REGS");
	REQUIRE(l->t, s.cr2 == in->sregs.cr2 && s.cr2 == 0xabcd000 && s.cs.base == in->sregs.cs.base,
		"kvm_run's special registers after an exit are not those of KVM_GET_SREGS");
	return 0;
}

/* Without an interrupt controller in KVM: KVM_INTERRUPT and the interrupt window. */
LAB_CHECK(vm, interrupt, LAB(), "KVM_INTERRUPT delivers when the guest accepts interrupts",
	  ADVICE_RUN, NEED_KVM | NEED_HW)
{
	/* 1000 cli; out %al,$0xe1; sti; nop; 1005 jmp .   handler at 1100: mov $0x5a,%bl; hlt */
	static const uint8_t code[] = { 0xfa, 0xe6, 0xe1, 0xfb, 0x90, 0xeb, 0xfe };
	static const uint8_t handler[] = { 0xb3, 0x5a, 0xf4 };
	static const uint16_t vec[2] = { 0x1100, 0 };
	struct kvm_interrupt irq = { .irq = 0x40 };
	struct kvm_run *run = l->cpu[0].run;
	struct kvm_regs r;

	lab_code(l, 0x100, vec, sizeof(vec));
	lab_code(l, 0x1100, handler, sizeof(handler));
	if (lab_code_real(l, code, sizeof(code)) || lab_step_to(l, KVM_EXIT_IO, "OUT with interrupts off"))
		return -1;
	REQUIRE(l->t, !run->ready_for_interrupt_injection && !run->if_flag,
		"with IF=0 KVM says if_flag %u, ready_for_interrupt_injection %u",
		run->if_flag, run->ready_for_interrupt_injection);
	run->request_interrupt_window = 1;
	if (lab_step_to(l, KVM_EXIT_IRQ_WINDOW_OPEN, "after STI, with a window requested"))
		return -1;
	run->request_interrupt_window = 0;
	if (lab_cpu_ioctl(l, 0, KVM_INTERRUPT, &irq) < 0 || lab_step_to(l, KVM_EXIT_HLT, "the handler's HLT") ||
	    lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	REQUIRE(l->t, (r.rbx & 0xff) == 0x5a && r.rip == 0x1103,
		"after the injected interrupt: rip 0x%llx, bl 0x%llx; expected 0x1103, 0x5a", r.rip, r.rbx & 0xff);
	return 0;
}

/* A VMM that emulates the LAPIC must learn when the guest lowers the TPR. */
LAB_CHECK(vm, set_tpr, LAB(), "KVM tells a VMM that emulates the LAPIC when CR8 is lowered",
	  ADVICE_RUN, NEED_KVM | NEED_HW)
{
	/* mov $8,%eax; mov %rax,%cr8; mov $3,%al; mov %rax,%cr8; hlt */
	static const uint8_t code[] = {
		0xb8, 8, 0, 0, 0, 0x44, 0x0f, 0x22, 0xc0, 0xb0, 3, 0x44, 0x0f, 0x22, 0xc0, 0xf4,
	};

	if (lab_code_long(l, code, sizeof(code)) || lab_step_to(l, KVM_EXIT_SET_TPR, "a lower CR8"))
		return -1;
	REQUIRE(l->t, l->cpu[0].run->cr8 == 3, "CR8 was set to 3, kvm_run says %llu", l->cpu[0].run->cr8);
	return lab_step_to(l, KVM_EXIT_HLT, "HLT after a lower CR8");
}
