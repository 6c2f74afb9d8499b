// SPDX-License-Identifier: GPL-2.0
/* The laboratory: see lab.h. KVM: Documentation/virt/kvm/api.rst. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lab.h"

/* Of the lab that runs in this process; only the signal handler reads it. */
static struct lab *alarm_lab;

/* Time is up: bring every vCPU out of KVM_RUN. */
static void on_alarm(int sig)
{
	struct lab *l = alarm_lab;
	unsigned int i;

	if (!l)
		return;
	for (i = 0; i < l->ncpus; i++) {
		if (l->cpu[i].run)
			__atomic_store_n(&l->cpu[i].run->immediate_exit, 1, __ATOMIC_SEQ_CST);
		if (sig == SIGALRM && l->cpu[i].started)
			pthread_kill(l->cpu[i].thread, SIGUSR2);
	}
}

static void on_kick(int sig)
{
	(void)sig;
}

/* The lab's time ends before the runner's, so that it can say what hung. */
static int arm(struct lab *l)
{
	unsigned int ms = deadline_ms(l->t);
	struct itimerspec it = {
		.it_value = { ms / 1000, (long)(ms % 1000) * 1000000 + 1 },
		.it_interval = { 0, 100000000 },	/* a signal can come just before KVM_RUN */
	};
	struct sigaction sa = { .sa_handler = on_alarm };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
	timer_t timer;

	sigaction(SIGALRM, &sa, NULL);
	sa.sa_handler = on_kick;
	sigaction(SIGUSR2, &sa, NULL);
	l->deadline = now_ms() + ms;
	alarm_lab = l;
	if (timer_create(CLOCK_MONOTONIC, &ev, &timer) || timer_settime(timer, 0, &it, NULL))
		return t_fail(l->t, "timer_create: %s", strerror(errno));
	return 0;
}

int lab_ioctl(struct t *t, int fd, unsigned long req, const char *name,
	      unsigned long arg)
{
	int rc;

	do {
		rc = ioctl(fd, req, arg);
	} while (rc < 0 && errno == EINTR && req != KVM_RUN);
	if (rc < 0)
		return t_fail(t, "%s: %s", name, strerror(errno));
	return rc;
}

int lab_slot(struct lab *l, unsigned int slot, uint32_t flags, uint64_t gpa,
	     uint64_t size, void *host)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot, .flags = flags, .guest_phys_addr = gpa,
		.memory_size = size, .userspace_addr = (uintptr_t)host,
	};

	int rc;

	do {
		rc = ioctl(l->vm, KVM_SET_USER_MEMORY_REGION, &r);
	} while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : 0;
}

int lab_msr(struct lab *l, unsigned long req, uint32_t msr, uint64_t *v)
{
	/* struct kvm_msrs ends in an array of unknown size. */
	uint64_t buf[(sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)) / 8] = { 0 };
	struct kvm_msrs *m = (void *)buf;
	int rc;

	m->nmsrs = 1;
	m->entries[0].index = msr;
	m->entries[0].data = *v;
	rc = ioctl(l->cpu[0].fd, req, m);
	*v = m->entries[0].data;
	return rc;
}

int lab_cap(struct lab *l, unsigned int cap)
{
	int rc = ioctl(l->vm, KVM_CHECK_EXTENSION, cap);

	/* Before 3.16 only the system descriptor knew this ioctl. */
	return rc >= 0 ? rc : ioctl(l->kvm, KVM_CHECK_EXTENSION, cap);
}

static int open_vm(struct lab *l, const struct lab_opts *o)
{
	l->kvm = open(l->t->env->kvm_path, O_RDWR | O_CLOEXEC);
	REQUIRE(l->t, l->kvm >= 0, "%s: %s", l->t->env->kvm_path, strerror(errno));
	do {
		l->vm = ioctl(l->kvm, KVM_CREATE_VM, 0);
	} while (l->vm < 0 && errno == EINTR);
	REQUIRE(l->t, l->vm >= 0, "KVM_CREATE_VM: %s", strerror(errno));
	l->ram_size = o->ram ? o->ram : UNIT_RAM;
	l->ram = mmap(NULL, l->ram_size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	REQUIRE(l->t, l->ram != MAP_FAILED, "no %zu bytes for the guest: %s",
		l->ram_size, strerror(errno));
	/* Small pages from the start: what a check sees must not depend on THP. */
	madvise(l->ram, l->ram_size, MADV_NOHUGEPAGE);
	/* Slots first: with an irqchip each costs milliseconds. */
	REQUIRE(l->t, !lab_slot(l, 0, o->ram_flags, 0, l->ram_size, l->ram),
		"KVM_SET_USER_MEMORY_REGION of %zu bytes at 0: %s", l->ram_size,
		strerror(errno));
	return 0;
}

static int open_irqchip(struct lab *l, const struct lab_opts *o)
{
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 } };
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	uint64_t ident = 0xfffbc000;

	if (!o->irqchip && !o->split)
		return 0;
	l->irqchip = true;
	if (lab_vm_ioctl(l, KVM_SET_TSS_ADDR, 0xfffbd000UL) < 0 ||
	    lab_vm_ioctl(l, KVM_SET_IDENTITY_MAP_ADDR, &ident) < 0)
		return -1;
	if (o->split)
		return lab_vm_ioctl(l, KVM_ENABLE_CAP, &split) < 0 ? -1 : 0;
	if (lab_vm_ioctl(l, KVM_CREATE_IRQCHIP, 0) < 0 ||
	    lab_vm_ioctl(l, KVM_CREATE_PIT2, &pit) < 0)
		return -1;
	return 0;
}

static int set_cpuid(struct lab *l, unsigned int id)
{
	enum { MAX = 256 };
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + MAX * sizeof(c->entries[0]));
	unsigned int i;
	int rc;

	REQUIRE(l->t, c, "out of memory");
	c->nent = MAX;
	rc = lab_ioctl(l->t, l->kvm, KVM_GET_SUPPORTED_CPUID, "KVM_GET_SUPPORTED_CPUID",
		       (uintptr_t)c);
	for (i = 0; rc >= 0 && i < c->nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];

		if (e->function == 1) {
			e->ebx = (e->ebx & 0xffffff) | id << 24;
			e->ecx |= 1u << 31;	/* a guest: KVM leaves this to us */
			/* x2APIC and TSC deadline are the in-kernel LAPIC's. */
			if (l->irqchip)
				e->ecx |= 1u << 21 | (lab_cap(l, KVM_CAP_TSC_DEADLINE_TIMER) > 0) << 24;
		} else if (e->function == 0xb || e->function == 0x1f) {
			e->edx = id;
		}
	}
	if (rc >= 0)
		rc = lab_cpu_ioctl(l, id, KVM_SET_CPUID2, c);
	free(c);
	return rc < 0 ? -1 : 0;
}

static int open_cpu(struct lab *l, unsigned int id, const struct lab_opts *o)
{
	struct lab_cpu *c = &l->cpu[id];

	c->id = id;
	c->lab = l;
	do {
		c->fd = ioctl(l->vm, KVM_CREATE_VCPU, id);
	} while (c->fd < 0 && errno == EINTR);
	REQUIRE(l->t, c->fd >= 0, "KVM_CREATE_VCPU %u: %s", id, strerror(errno));
	c->run = mmap(NULL, l->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	if (c->run == MAP_FAILED) {
		c->run = NULL;
		return t_fail(l->t, "mmap of vCPU %u, %zu bytes: %s", id, l->run_size,
			      strerror(errno));
	}
	return o->no_cpuid ? 0 : set_cpuid(l, id);
}

int lab_open(struct lab *l, struct t *t, const struct lab_opts *o)
{
	unsigned int i, cpus = o->cpus ? o->cpus : 1;
	int size;

	memset(l, 0, sizeof(*l));
	l->t = t;
	l->kvm = l->vm = l->code = -1;
	for (i = 0; i < LAB_CPUS_MAX; i++)
		l->cpu[i].fd = -1;
	pthread_mutex_init(&l->lock, NULL);
	if (arm(l) || open_vm(l, o) || open_irqchip(l, o))
		return -1;
	size = ioctl(l->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	REQUIRE(t, size >= (int)sizeof(struct kvm_run),
		"KVM_GET_VCPU_MMAP_SIZE gave %d, less than struct kvm_run", size);
	l->run_size = (size_t)size;
	if (o->pre && o->pre(l))
		return -1;
	for (i = 0; i < cpus; i++) {
		if (open_cpu(l, i, o))
			return -1;
		l->ncpus++;
	}
	return 0;
}

void lab_close(struct lab *l)
{
	unsigned int i;

	alarm_lab = NULL;
	for (i = 0; i < LAB_CPUS_MAX; i++) {
		if (l->cpu[i].run)
			munmap(l->cpu[i].run, l->run_size);
		if (l->cpu[i].fd >= 0)
			close(l->cpu[i].fd);
	}
	if (l->vm >= 0)
		close(l->vm);
	if (l->kvm >= 0)
		close(l->kvm);
	if (l->ram && l->ram != MAP_FAILED)
		munmap(l->ram, l->ram_size);
	pthread_mutex_destroy(&l->lock);
}

void lab_code(struct lab *l, uint64_t gpa, const void *code, size_t len)
{
	memcpy(l->ram + gpa, code, len);
}

int lab_real(struct lab *l, unsigned int cpu, uint16_t ip)
{
	struct kvm_regs r = { .rip = ip, .rflags = 2, .rsp = 0x7000 };
	struct kvm_sregs s;

	if (lab_cpu_ioctl(l, cpu, KVM_GET_SREGS, &s) < 0)
		return -1;
	s.cs.base = 0;
	s.cs.selector = 0;
	if (lab_cpu_ioctl(l, cpu, KVM_SET_SREGS, &s) < 0 ||
	    lab_cpu_ioctl(l, cpu, KVM_SET_REGS, &r) < 0)
		return -1;
	return 0;
}

int lab_long(struct lab *l, unsigned int cpu, uint64_t ip, uint64_t sp)
{
	struct kvm_regs r = { .rip = ip, .rflags = 2, .rsp = sp };
	uint64_t *pml4 = (void *)(l->ram + 0x10000), *pdpt = pml4 + 512, *pd = pdpt + 512;
	struct kvm_segment code = { .limit = 0xffffffff, .selector = 0x8, .type = 11,
		.present = 1, .s = 1, .l = 1, .g = 1 };
	struct kvm_segment data = code;
	struct kvm_sregs s;
	uint64_t i;

	pml4[0] = 0x11000 | 7;
	for (i = 0; i < 4; i++)
		pdpt[i] = (0x12000 + i * 4096) | 7;
	for (i = 0; i < 2048; i++)
		pd[i] = i << 21 | 0x87;
	data.selector = 0x10;
	data.type = 3;
	data.l = 0;
	data.db = 1;
	if (lab_cpu_ioctl(l, cpu, KVM_GET_SREGS, &s) < 0)
		return -1;
	s.cs = code;
	s.ds = s.es = s.ss = s.fs = s.gs = data;
	s.cr3 = 0x10000;
	s.cr4 = 1 << 5 | 1 << 9 | 1 << 10;
	s.cr0 = 0x80010033;
	s.efer = 0x500;
	if (lab_cpu_ioctl(l, cpu, KVM_SET_SREGS, &s) < 0 ||
	    lab_cpu_ioctl(l, cpu, KVM_SET_REGS, &r) < 0)
		return -1;
	return 0;
}

bool host_is_tcg(void)
{
	uint32_t a, b, c, d;

	__asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(1), "c"(0));
	if (!(c >> 31))
		return false;
	__asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(0x40000000), "c"(0));
	return b == 0x54474354 && c == 0x43544743 && d == 0x47435447;	/* TCGTCGTCGTCG */
}

static const char *const exit_names[] = {
	"KVM_EXIT_UNKNOWN", "KVM_EXIT_EXCEPTION", "KVM_EXIT_IO",
	"KVM_EXIT_HYPERCALL", "KVM_EXIT_DEBUG", "KVM_EXIT_HLT",
	"KVM_EXIT_MMIO", "KVM_EXIT_IRQ_WINDOW_OPEN", "KVM_EXIT_SHUTDOWN",
	"KVM_EXIT_FAIL_ENTRY", "KVM_EXIT_INTR", "KVM_EXIT_SET_TPR",
	"KVM_EXIT_TPR_ACCESS", "KVM_EXIT_S390_SIEIC", "KVM_EXIT_S390_RESET",
	"KVM_EXIT_DCR", "KVM_EXIT_NMI", "KVM_EXIT_INTERNAL_ERROR",
	"KVM_EXIT_OSI", "KVM_EXIT_PAPR_HCALL", "KVM_EXIT_S390_UCONTROL",
	"KVM_EXIT_WATCHDOG", "KVM_EXIT_S390_TSCH", "KVM_EXIT_EPR",
	"KVM_EXIT_SYSTEM_EVENT", "KVM_EXIT_S390_STSI", "KVM_EXIT_IOAPIC_EOI",
	"KVM_EXIT_HYPERV", "KVM_EXIT_ARM_NISV", "KVM_EXIT_X86_RDMSR",
	"KVM_EXIT_X86_WRMSR", "KVM_EXIT_DIRTY_RING_FULL",
	"KVM_EXIT_AP_RESET_HOLD", "KVM_EXIT_X86_BUS_LOCK", "KVM_EXIT_XEN",
	"KVM_EXIT_RISCV_SBI", "KVM_EXIT_RISCV_CSR", "KVM_EXIT_NOTIFY",
	"KVM_EXIT_LOONGARCH_IOCSR", "KVM_EXIT_MEMORY_FAULT",
};

const char *exit_name(uint32_t reason)
{
	return reason < sizeof(exit_names) / sizeof(exit_names[0]) ?
		exit_names[reason] : "an unknown exit reason";
}

void lab_dump(struct lab *l, unsigned int cpu)
{
	struct lab_cpu *c = &l->cpu[cpu];
	char *p = l->t->res->dump;
	size_t n = strlen(p), room = sizeof(l->t->res->dump) - n;
	struct kvm_regs r;
	struct kvm_sregs s;

	if (ioctl(c->fd, KVM_GET_REGS, &r) < 0 || ioctl(c->fd, KVM_GET_SREGS, &s) < 0)
		return;
	snprintf(p + n, room,
		 "vCPU %u: last exit %s, %llu exits to user space\n"
		 " rip %016llx rsp %016llx rflags %08llx\n"
		 " rax %016llx rbx %016llx rcx %016llx rdx %016llx\n"
		 " rsi %016llx rdi %016llx rbp %016llx r8  %016llx\n"
		 " cr0 %08llx cr2 %016llx cr3 %08llx cr4 %08llx efer %llx\n"
		 " cs %04x:%llx ss %04x ds %04x tr %04x gdt %llx+%x idt %llx+%x\n",
		 cpu, exit_name(c->run->exit_reason), (unsigned long long)c->exits,
		 r.rip, r.rsp, r.rflags, r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi,
		 r.rbp, r.r8, s.cr0, s.cr2, s.cr3, s.cr4, s.efer, s.cs.selector,
		 s.cs.base, s.ss.selector, s.ds.selector, s.tr.selector, s.gdt.base,
		 s.gdt.limit, s.idt.base, s.idt.limit);
	n = strlen(p);
	room = sizeof(l->t->res->dump) - n;
	if (s.cs.base + r.rip + 16 < l->ram_size && room > 128) {
		const uint8_t *b = l->ram + s.cs.base + r.rip;

		for (int i = 0; i < 16; i++)
			n += (size_t)snprintf(p + n, 16, i ? " %02x" : " code %02x", b[i]);
		snprintf(p + n, 2, "\n");
	}
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
	c->exits++;
	return 0;
}

/* What no test expects, in words. */
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

/* One exit: as lab_exit_fn. */
static int handle(struct lab *l, unsigned int cpu)
{
	struct kvm_run *run = l->cpu[cpu].run;
	const uint8_t *data = (const uint8_t *)run;
	uint32_t i;

	if (run->exit_reason == KVM_EXIT_IO) {
		/* A broken KVM must not lead us astray. */
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
		if (run->io.port == UNIT_PORT_IDLE) {
			l->yield = l->ncpus > 1;
			return 1;
		}
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
		if (rc == -EINTR)
			continue;
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
		if (pthread_create(&l->cpu[i].thread, NULL, cpu_thread, &l->cpu[i]))
			return t_fail(l->t, "no thread for vCPU %u", i);
		l->cpu[i].started = true;
	}
	rc = run_cpu(l, 0);
	stop(l);
	for (i = 1; i < l->ncpus; i++) {
		pthread_kill(l->cpu[i].thread, SIGUSR2);
		pthread_join(l->cpu[i].thread, NULL);
		l->cpu[i].started = false;
	}
	for (i = 0; i < l->ncpus; i++)
		l->cpu[i].run->immediate_exit = 0;
	l->done = 0;
	return rc || l->t->res->status == ST_FAIL ? -1 : 0;
}
