// SPDX-License-Identifier: GPL-2.0-only
#include "vm.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "vcpu.h"

/* Three pages that VMX needs for real mode, just under the 4 GiB ROM area. */
#define TSS_ADDR	0xfffbd000UL
#define IDENTITY_ADDR	0xfffbc000ULL
/* How often the loop looks whether all vCPUs are idle for good: soon, later seldom. */
#define TICK_MS		20
#define TICK_MAX_MS	500
#define JOIN_MS		5000

/* ---- making ---- */

/*
 * A slot that is read-only to the guest: it reads what we put there, and a write
 * is an exit as if there were no memory (KVM_CAP_READONLY_MEM).
 */
static int add_regs(struct vm *vm, struct err *e)
{
	struct mem_region r = { vm->cfg.regs_gpa, vm->cfg.regs_size, NULL };
	void *p;

	if (!r.size || !vm_check_cap(vm, KVM_CAP_READONLY_MEM))
		return 0;
	p = mmap(NULL, r.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return err_set(e, -errno, "no memory for device registers: %m");
	vm->regs = r.host = p;
	return vm_set_slot(vm, MEM_REGIONS_MAX, &r, KVM_MEM_READONLY, e);
}

static int vm_cap(struct vm *vm, uint32_t cap, uint64_t arg, const char *name, struct err *e)
{
	struct kvm_enable_cap c = { .cap = cap, .args = { arg } };

	if (ioctl(vm->fd, KVM_ENABLE_CAP, &c) < 0)
		return err_set(e, -EOPNOTSUPP, "%s: this KVM lacks it: %m", name);
	return 0;
}

static int make_irqchip(struct vm *vm, struct err *e)
{
	/* Port 0x61 (speaker gate) is emulated by KVM with the PIT. */
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	int rc;

	if (vm->cfg.irqchip == VM_IRQCHIP_SPLIT)
		return vm_cap(vm, KVM_CAP_SPLIT_IRQCHIP, 24, "split irqchip", e);
	rc = KVM_DO(vm->fd, KVM_CREATE_IRQCHIP, 0, e);
	return rc ? rc : KVM_DO(vm->fd, KVM_CREATE_PIT2, &pit, e);
}

static int make_chips(struct vm *vm, struct err *e)
{
	uint64_t identity = IDENTITY_ADDR;
	unsigned int i;
	int rc;

	/* Both are no-ops on AMD; on Intel real mode needs them. */
	rc = KVM_DO(vm->fd, KVM_SET_TSS_ADDR, TSS_ADDR, e);
	if (!rc && vm_check_cap(vm, KVM_CAP_SET_IDENTITY_MAP_ADDR))
		rc = KVM_DO(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity, e);
	if (!rc && vm->cfg.dirty_ring)
		rc = vm_cap(vm, KVM_CAP_DIRTY_LOG_RING, vm->cfg.dirty_ring *
			    sizeof(struct kvm_dirty_gfn), "dirty ring", e);
	if (!rc && vm->cfg.irqchip != VM_IRQCHIP_NONE)
		rc = make_irqchip(vm, e);
	for (i = 0; !rc && i < vm->cfg.cpus; i++) {
		rc = vcpu_create(&vm->vcpus[i], vm, i, e);
		if (!rc)
			vm->ncpus++;
	}
	return rc;
}

static int make_all(struct vm *vm, struct err *e)
{
	unsigned int i;
	int rc = kvm_open(vm, e);

	if (!rc && vm->cfg.add_memory)
		rc = vm->cfg.add_memory(&vm->mem, vm->cfg.add_memory_ctx, e);
	else if (!rc && vm->cfg.mem_size)
		rc = mem_add_ram(&vm->mem, vm->cfg.mem_size, e);
	for (i = 0; !rc && i < vm->mem.n; i++)
		rc = vm_set_slot(vm, i, &vm->mem.r[i], 0, e);
	if (!rc)
		rc = add_regs(vm, e);
	if (!rc)
		rc = make_chips(vm, e);
	if (!rc)
		rc = loop_init(&vm->loop, e);
	if (rc)
		return rc;
	vm->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return vm->stop_fd < 0 ? err_set(e, -errno, "eventfd: %m") : 0;
}

int vm_create(struct vm *vm, const struct vm_config *cfg, struct err *e)
{
	int rc;

	memset(vm, 0, sizeof(*vm));
	vm->kvm_fd = vm->fd = vm->stop_fd = vm->trap_fd = vm->loop.epfd = vm->loop.stop_fd = -1;
	vm->cfg = *cfg;
	vm->mem.huge = cfg->hugepages;
	if (!cfg->cpus || cfg->cpus > VM_CPUS_MAX)
		return err_set(e, -EINVAL, "%u vCPUs: 1 to %d are possible",
			       cfg->cpus, VM_CPUS_MAX);
	if (cfg->cpus > 1 && cfg->irqchip == VM_IRQCHIP_NONE)
		return err_set(e, -EINVAL,
			"%u vCPUs need an interrupt controller to start each other", cfg->cpus);
	vm->vcpus = calloc(cfg->cpus, sizeof(*vm->vcpus));
	if (!vm->vcpus)
		return err_set(e, -ENOMEM, "no memory for %u vCPUs", cfg->cpus);
	pthread_mutex_init(&vm->lock, NULL);
	pthread_cond_init(&vm->cond, NULL);
	rc = make_all(vm, e);
	if (rc)
		vm_destroy(vm);
	return rc;
}

void vm_destroy(struct vm *vm)
{
	unsigned int i;

	if (vm->stuck)
		return;
	for (i = 0; i < vm->ncpus; i++)
		vcpu_destroy(&vm->vcpus[i]);
	for (i = 0; i < MEM_REGIONS_MAX; i++)
		free(vm->dirty[i]);
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->kvm_fd >= 0)
		close(vm->kvm_fd);
	if (vm->stop_fd >= 0)
		close(vm->stop_fd);
	loop_free(&vm->loop);
	mem_free(&vm->mem);
	if (vm->regs)
		munmap(vm->regs, vm->cfg.regs_size);
	free(vm->vcpus);
	free(vm->cpuid);
	pthread_mutex_destroy(&vm->lock);
	pthread_cond_destroy(&vm->cond);
}

/* ---- running, ending ---- */

static unsigned long exits_sum(const struct vm *vm)
{
	unsigned long sum = 0;
	unsigned int i;

	for (i = 0; i < vm->ncpus; i++)
		sum += atomic_load(&vm->vcpus[i].exits);
	return sum;
}

/*
 * With a LAPIC in the kernel, HLT does not come back to us, so a guest that
 * halts for good looks like one that sleeps. Once it has been quiet for a
 * tick, ask each vCPU; all idle at two ticks running is the end.
 */
static void check_idle(struct vm *vm)
{
	unsigned int i, idle = 0;

	for (i = 0; i < vm->ncpus; i++)
		idle += (unsigned int)atomic_load(&vm->vcpus[i].idle);
	if (idle == vm->ncpus) {
		vm_stop(vm, VM_SHUTDOWN, NULL);
		return;
	}
	for (i = 0; i < vm->ncpus; i++) {
		atomic_store(&vm->vcpus[i].idle, 0);
		atomic_store(&vm->vcpus[i].probe, true);
		vcpu_kick(&vm->vcpus[i]);
	}
}

static void tick(struct vm *vm, unsigned int watchdog_ms, uint64_t now,
		 unsigned long *seen, uint64_t *since)
{
	unsigned long sum = exits_sum(vm);
	unsigned int i;

	if (sum != *seen || atomic_load(&vm->pausing)) {
		*seen = sum;
		*since = now;
		for (i = 0; i < vm->ncpus; i++)
			atomic_store(&vm->vcpus[i].idle, 0);
		return;
	}
	if (watchdog_ms && now - *since >= watchdog_ms) {
		vm_stop(vm, VM_KILLED, "watchdog: no sign of life from the guest for %u ms",
			watchdog_ms);
		return;
	}
	if (vm->cfg.irqchip != VM_IRQCHIP_NONE)
		check_idle(vm);
}

static int serve(struct vm *vm, unsigned int watchdog_ms, struct err *e)
{
	uint64_t now = now_us() / 1000, tick_ms = TICK_MS, next = now + tick_ms, since = now;
	unsigned long seen = 0;
	int rc;

	while (!atomic_load(&vm->stopping)) {
		now = now_us() / 1000;
		rc = loop_once(&vm->loop, next > now ? (int)(next - now) : 0);
		if (rc < 0)
			return err_set(e, rc, "epoll_wait: %s", strerror(-rc));
		now = now_us() / 1000;
		if (now >= next) {
			tick(vm, watchdog_ms, now, &seen, &since);
			tick_ms = tick_ms * 2 < TICK_MAX_MS ? tick_ms * 2 : TICK_MAX_MS;
			next = now + tick_ms;
		}
	}
	return 0;
}

/* Kick until each thread has ended: one may sit in a write to a full pipe. */
static void join_all(struct vm *vm)
{
	uint64_t end = now_us() / 1000 + JOIN_MS;
	unsigned int i;

	for (i = 0; i < vm->ncpus; i++)
		if (vm->vcpus[i].started)
			vcpu_kick(&vm->vcpus[i]);
	for (i = 0; i < vm->ncpus; i++) {
		struct vcpu *v = &vm->vcpus[i];

		while (v->started) {
			if (thread_join(v->thread, 20)) {
				v->started = false;
			} else if (now_us() / 1000 > end) {
				vm->stuck = true;
				return;
			} else {
				vcpu_kick(v);
			}
		}
	}
}

int vm_start(struct vm *vm, struct err *e)
{
	unsigned int i;
	int rc;

	vcpu_signal_init();
	rc = loop_add(&vm->loop, vm->stop_fd, EPOLLIN, NULL, NULL, e);
	for (i = 0; !rc && i < vm->ncpus; i++)
		rc = vcpu_start(&vm->vcpus[i], e);
	if (rc)
		vm_cancel(vm);
	return rc;
}

void vm_cancel(struct vm *vm)
{
	vm_stop(vm, VM_HOST, NULL);
	join_all(vm);
}

int vm_run(struct vm *vm, unsigned int watchdog_ms, struct err *e)
{
	int rc = serve(vm, watchdog_ms, e);

	vm_cancel(vm);		/* after a vm_stop it only joins */
	return rc ? rc : vm->status;
}

int vm_pause(struct vm *vm, struct err *e)
{
	uint64_t end = now_us() / 1000 + JOIN_MS;
	unsigned int i;
	int rc = 0;

	atomic_fetch_add(&vm->pausing, 1);
	for (i = 0; i < vm->ncpus; i++)
		vcpu_kick(&vm->vcpus[i]);
	pthread_mutex_lock(&vm->lock);
	while (vm->parked < vm->ncpus && !rc) {
		struct timespec t;

		clock_gettime(CLOCK_REALTIME, &t);
		t.tv_sec += 1;
		if (atomic_load(&vm->stopping))
			rc = err_set(e, -ECANCELED, "the run is ending");
		else if (now_us() / 1000 > end)
			rc = err_set(e, -ETIMEDOUT, "a vCPU does not leave KVM_RUN");
		else
			pthread_cond_timedwait(&vm->cond, &vm->lock, &t);
	}
	pthread_mutex_unlock(&vm->lock);
	if (rc)
		vm_resume(vm);
	return rc;
}

void vm_resume(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	atomic_fetch_sub(&vm->pausing, 1);
	pthread_cond_broadcast(&vm->cond);
	pthread_mutex_unlock(&vm->lock);
}
