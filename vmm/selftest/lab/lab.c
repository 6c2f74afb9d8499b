// SPDX-License-Identifier: GPL-2.0-only
/* The laboratory: see lab.h. KVM: Documentation/virt/kvm/api.rst. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "env/clock.h"
#include "lab/lab.h"

/* The lab that runs in this process, for the signal handler. */
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

/* The lab's deadline comes before the runner's, so that the lab can say what hung. */
static int arm(struct lab *l)
{
	unsigned int ms = deadline_ms(l->t);
	struct itimerspec it = {
		.it_value = { ms / 1000, (long)(ms % 1000) * 1000000 + 1 },
		.it_interval = { 0, 100000000 },	/* a signal can come just before KVM_RUN */
	};
	struct sigaction sa = { .sa_handler = on_alarm };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };

	sigaction(SIGALRM, &sa, NULL);
	sa.sa_handler = on_kick;
	sigaction(SIGUSR2, &sa, NULL);
	l->deadline = now_ms() + ms;
	alarm_lab = l;
	if (timer_create(CLOCK_MONOTONIC, &ev, &l->timer))
		return t_lacks(l->t, errno, "a timer for the deadline");
	l->armed = true;
	if (timer_settime(l->timer, 0, &it, NULL))
		return t_fail(l->t, "timer_settime: %s", strerror(errno));
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

int lab_enable(const struct lab *l, uint32_t cap, uint64_t arg)
{
	struct kvm_enable_cap c = { .cap = cap, .args = { arg } };

	return ioctl(l->vm, KVM_ENABLE_CAP, &c) < 0 ? -errno : 0;
}

int lab_cap(struct lab *l, unsigned int cap)
{
	int rc = ioctl(l->vm, KVM_CHECK_EXTENSION, cap);

	/* Before 3.16 only the system descriptor knew this ioctl. */
	return rc >= 0 ? rc : ioctl(l->kvm, KVM_CHECK_EXTENSION, cap);
}

/* A VM with RAM as its slot 0. */
static int make_vm(struct lab *l)
{
	do {
		l->vm = ioctl(l->kvm, KVM_CREATE_VM, l->opts.type);
	} while (l->vm < 0 && errno == EINTR);
	NEED(l->t, l->vm >= 0, "KVM_CREATE_VM");
	/* Set slots first: with an irqchip each one costs milliseconds. */
	REQUIRE(l->t, !lab_slot(l, 0, l->opts.ram_flags, 0, l->ram_size, l->ram),
		"KVM_SET_USER_MEMORY_REGION of %zu bytes at 0: %s", l->ram_size,
		strerror(errno));
	return 0;
}

static int open_vm(struct lab *l, const struct lab_opts *o)
{
	l->kvm = open(l->t->env->kvm_path, O_RDWR | O_CLOEXEC);
	NEED(l->t, l->kvm >= 0, l->t->env->kvm_path);
	l->ram_size = o->ram ? o->ram : UNIT_RAM;
	l->ram = mmap(NULL, l->ram_size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	NEED(l->t, l->ram != MAP_FAILED, "memory for the guest");
	/* Small pages from the start: what a check sees must not depend on THP. */
	madvise(l->ram, l->ram_size, MADV_NOHUGEPAGE);
	return make_vm(l);
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

	NEED(l->t, c, "memory");
	c->nent = MAX;
	rc = lab_ioctl(l->t, l->kvm, KVM_GET_SUPPORTED_CPUID, "KVM_GET_SUPPORTED_CPUID",
		       (uintptr_t)c);
	for (i = 0; rc >= 0 && i < c->nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];

		if (e->function == 1) {
			e->ebx = (e->ebx & 0xffffff) | id << 24;
			e->ecx |= 1u << 31;	/* hypervisor present: KVM leaves this bit to the VMM */
			/* x2APIC and TSC deadline need KVM's LAPIC. */
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

/*
 * Old KVMs build their map of LAPIC destinations too early for a new vCPU to be in
 * it, and again when the LAPIC's state or LDR is set. VMMs set the state, guest
 * systems the LDR: do as a VMM does.
 */
static int settle_lapic(struct lab *l, unsigned int id)
{
	struct kvm_lapic_state a;

	if (!env_old_kvm(l->t->env) || ioctl(l->cpu[id].fd, KVM_GET_LAPIC, &a) < 0)
		return 0;
	return lab_cpu_ioctl(l, id, KVM_SET_LAPIC, &a) < 0 ? -1 : 0;
}

static int open_cpu(struct lab *l, unsigned int id, const struct lab_opts *o)
{
	struct lab_cpu *c = &l->cpu[id];

	c->id = id;
	c->lab = l;
	do {
		c->fd = ioctl(l->vm, KVM_CREATE_VCPU, id);
	} while (c->fd < 0 && errno == EINTR);
	NEED(l->t, c->fd >= 0, "KVM_CREATE_VCPU");
	c->run = mmap(NULL, l->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	if (c->run == MAP_FAILED) {
		c->run = NULL;
		return t_fail(l->t, "mmap of vCPU %u, %zu bytes: %s", id, l->run_size,
			      strerror(errno));
	}
	return settle_lapic(l, id) || (!o->no_cpuid && set_cpuid(l, id)) ? -1 : 0;
}

static int open_cpus(struct lab *l)
{
	unsigned int i, cpus = l->opts.cpus ? l->opts.cpus : 1;

	if (l->opts.pre && l->opts.pre(l))
		return -1;
	for (i = 0; i < cpus; i++) {
		if (open_cpu(l, i, &l->opts))
			return -1;
		l->ncpus++;
	}
	return 0;
}

static void close_cpus(struct lab *l)
{
	unsigned int i;

	l->ncpus = 0;		/* on_alarm() looks at no CPU from here on */
	for (i = 0; i < LAB_CPUS_MAX; i++) {
		if (l->cpu[i].run)
			munmap(l->cpu[i].run, l->run_size);
		if (l->cpu[i].fd >= 0)
			close(l->cpu[i].fd);
		l->cpu[i].run = NULL;
		l->cpu[i].fd = -1;
	}
}

int lab_remake(struct lab *l)
{
	close_cpus(l);
	close(l->vm);
	return make_vm(l) || open_irqchip(l, &l->opts) || open_cpus(l) ? -1 : 0;
}

int lab_open(struct lab *l, struct t *t, const struct lab_opts *o)
{
	unsigned int i;
	int size;

	memset(l, 0, sizeof(*l));
	l->t = t;
	l->opts = *o;
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
	return open_cpus(l);
}

void lab_close(struct lab *l)
{
	alarm_lab = NULL;
	if (l->armed)
		timer_delete(l->timer);
	l->armed = false;
	close_cpus(l);
	if (l->vm >= 0)
		close(l->vm);
	if (l->kvm >= 0)
		close(l->kvm);
	if (l->ram && l->ram != MAP_FAILED)
		munmap(l->ram, l->ram_size);
	pthread_mutex_destroy(&l->lock);
}

int lab_with(struct t *t, const struct lab_opts *o, int (*body)(struct lab *l))
{
	struct lab l;
	int rc = lab_open(&l, t, o);

	if (!rc)
		rc = body(&l);
	lab_close(&l);
	return rc;
}

int lab_refused(struct t *t, int fd, unsigned long req, const void *arg, const char *what)
{
	int rc = ioctl(fd, req, arg);

	REQUIRE(t, rc < 0, "KVM accepted %s, expected an error", what);
	return 0;
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

int lab_no_idt(struct lab *l)
{
	struct kvm_sregs s;

	if (lab_cpu_ioctl(l, 0, KVM_GET_SREGS, &s) < 0)
		return -1;
	s.idt.limit = 0;
	return lab_cpu_ioctl(l, 0, KVM_SET_SREGS, &s) < 0 ? -1 : 0;
}

int lab_code_real(struct lab *l, const void *code, size_t len)
{
	lab_code(l, 0x1000, code, len);
	return lab_real(l, 0, 0x1000);
}

int lab_code_long(struct lab *l, const void *code, size_t len)
{
	lab_code(l, 0x1000, code, len);
	return lab_long(l, 0, 0x1000, 0x8000);
}
