/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state of a VM and its vCPUs, and KVM's calls on them. vm.h makes, runs
 * and ends a VM.
 */
#ifndef VMM_KVM_H
#define VMM_KVM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "bus.h"
#include "compat.h"
#include "err.h"
#include "loop.h"
#include "memory.h"

#define VM_CPUS_MAX	64

/*
 * How a run ended; also kvm-vmm's exit status. Even: the VMM's verdict. Odd:
 * the guest's own, (code << 1) | 1, by the debug-exit port.
 */
enum vm_status {
	VM_SHUTDOWN = 0,	/* guest powered off, or halted for good */
	VM_USAGE    = 2,
	VM_HOST     = 4,	/* /dev/kvm, an ioctl, a resource */
	VM_IMAGE    = 6,	/* kernel, initrd, disk, snapshot file */
	VM_RESET    = 8,
	VM_TRIPLE   = 10,	/* triple fault (KVM_EXIT_SHUTDOWN) */
	VM_INTERNAL = 12,	/* KVM internal error, failed entry, odd exit */
	VM_DEADLINE = 14,
	VM_KILLED   = 16,	/* signal or watchdog */
	VM_PANIC    = 18,	/* a Linux guest said so on its console */
};

enum vm_irqchip {
	VM_IRQCHIP_NONE,	/* HLT comes back to us; 1 vCPU */
	VM_IRQCHIP_FULL,	/* PIC, IOAPIC, LAPIC in the kernel */
	VM_IRQCHIP_SPLIT,	/* LAPIC in the kernel; no PIC, IOAPIC, PIT */
};

struct vm_config {
	uint64_t mem_size;	/* bytes of RAM, a multiple of 4096; 0: none */
	unsigned int cpus;	/* 1 to VM_CPUS_MAX */
	enum vm_irqchip irqchip;
	uint32_t dirty_ring;	/* entries of a dirty ring per vCPU, 0: bitmap */
	/* Maps the memory, instead of mem_size bytes of RAM; NULL: RAM. */
	int (*add_memory)(struct mem *m, void *ctx, struct err *e);
	void *add_memory_ctx;
	/* Device registers that the guest reads without an exit; size 0: none. */
	uint64_t regs_gpa, regs_size;
	bool hugepages;		/* of the host's pool */
	bool sandbox;		/* threads call sandbox_enter() */
	const char *kvm_path;	/* NULL: /dev/kvm */
};

struct kvm_cpuid2;
struct trace_row;
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
	struct trace_row *trace;	/* NULL: nobody asks (trace.h) */
	atomic_int idle;	/* 1: halted with interrupts off, when probed */
	atomic_bool probe;	/* say whether you are idle, at the next kick */
	atomic_bool trapped;	/* KVM_EXIT_DEBUG: it stands until a debugger clears this */
	atomic_bool alone;	/* it runs though others are paused: a debugger's step */
};

struct vm {
	int kvm_fd;
	int fd;
	struct vm_config cfg;
	struct mem mem;
	struct kvm_cpuid2 *cpuid;	/* what KVM supports, asked once */
	struct bus pio;
	struct bus mmio;
	uint8_t *regs;		/* cfg.regs_size bytes; NULL: reads exit, too */
	struct vcpu *vcpus;	/* cfg.cpus of them */
	unsigned int ncpus;	/* created so far */
	uint64_t *dirty[MEM_REGIONS_MAX];	/* gathered from dirty rings */
	struct loop loop;	/* the thread that calls vm_run serves it */
	int stop_fd;		/* eventfd: wakes the loop */
	int trap_fd;		/* eventfd, rung when a vCPU has trapped; -1: no debugger */
	atomic_bool stopping;	/* set once, by vm_stop */
	atomic_uint pausing;	/* who wants vCPUs to wait outside KVM_RUN */
	pthread_mutex_t lock;	/* guards what follows */
	pthread_cond_t cond;
	unsigned int parked;	/* vCPU threads waiting for resume */
	bool stuck;		/* a thread would not end: leave all as it is */
	int status;		/* enum vm_status or the guest's odd code */
	char why[1024];		/* one message on how it ended, may be empty */
};

/*
 * kvm_open - open KVM and make a VM in it, with nothing in it
 *
 * Errors as for vm_create().
 */
int kvm_open(struct vm *vm, struct err *e);

/* KVM_DO - an ioctl that must work: 0, or -errno and a message that names it */
int kvm_do(int fd, unsigned long req, unsigned long arg, const char *name,
	   struct err *e);
#define KVM_DO(fd, req, arg, e) kvm_do(fd, req, (unsigned long)(arg), #req, e)

/* vm_check_cap - KVM_CHECK_EXTENSION on the VM; 0 if not there */
int vm_check_cap(const struct vm *vm, int cap);

/*
 * vm_set_slot - tell KVM of memory region @r, as slot @i
 * @flags: KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY
 *
 * vm_create() does it for RAM. A slot costs 200 times as much once there is
 * an interrupt controller.
 */
int vm_set_slot(struct vm *vm, unsigned int i, const struct mem_region *r,
		uint32_t flags, struct err *e);

/* vm_irq - set interrupt line @gsi (KVM_IRQ_LINE); from any thread */
int vm_irq(const struct vm *vm, uint32_t gsi, int level);

/* vm_irqfd - a write to eventfd @fd raises @gsi, one edge a write (KVM_IRQFD) */
int vm_irqfd(struct vm *vm, int fd, uint32_t gsi, struct err *e);

/* vm_msi - send a message-signalled interrupt (KVM_SIGNAL_MSI); from any thread */
void vm_msi(void *vm, uint64_t addr, uint32_t data);

/*
 * vm_ioeventfd - a guest write of @value in @len bytes to MMIO @gpa signals @fd
 * and does not leave the kernel (KVM_IOEVENTFD); @len 0: any write
 */
int vm_ioeventfd(struct vm *vm, int fd, uint64_t gpa, uint32_t len,
		 uint32_t value, struct err *e);

/* vm_swallow - the same for a 4-byte write that needs no answer */
int vm_swallow(struct vm *vm, uint64_t gpa, uint32_t value, struct err *e);

/*
 * vm_stop - end the run; from any thread, the first call wins
 * @status: enum vm_status or (code << 1) | 1
 * @fmt:    why, in a sentence; NULL if there is nothing to say
 */
void vm_stop(struct vm *vm, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
