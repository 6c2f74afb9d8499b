// SPDX-License-Identifier: GPL-2.0-only
/* vm: do closed VMs, vCPUs and files leave anything behind in the kernel? */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPORT_PLACE 210
#include "lab/leak.h"
#include "lab/msrfilter.h"
#include "lab/slot.h"
#include "vm/vm.h"

/* LIFE - BODY_life(t): BODY in N labs with these options, one after another */
#define LIFE(body, n, ...) \
	static int body##_life(struct t *t) \
	{ \
		int i, rc = 0; \
		for (i = 0; !rc && i < (n); i++) \
			rc = lab_with(t, LAB(__VA_ARGS__), body); \
		return rc; \
	}

/* The kernel frees a VM some time after its last reference is gone. */
#define SETTLE_MS 2000

/* A statistics file holds a reference to the VM. */
static int open_stats(struct lab *l)
{
	int vm, cpu;

	if (lab_cap(l, KVM_CAP_BINARY_STATS_FD) <= 0)
		return 0;
	vm = lab_vm_ioctl(l, KVM_GET_STATS_FD, 0);
	cpu = lab_cpu_ioctl(l, 0, KVM_GET_STATS_FD, 0);
	if (vm >= 0)
		close(vm);
	if (cpu >= 0)
		close(cpu);
	return vm < 0 || cpu < 0 ? -1 : 0;
}

#define LEAK_LIVES	20

CHECK(vm, leak_vm, "a closed VM is gone from the kernel",
      ADVICE_LEAK, NEED_KVM, .deadline_ms = 30000)
{
	long before = held_module(t->env), after, left;
	int i, rc = 0;

	for (i = 0; !rc && i < LEAK_LIVES; i++)
		rc = lab_life(t, i & 1, 0) || lab_with(t, LAB(), open_stats) ? -1 : 0;
	if (rc)
		return rc;
	left = held_below(t->env, held_vms, 1, SETTLE_MS);
	REQUIRE(t, left <= 0, "%ld VMs are still in KVM's debugfs after they were closed: a reference to the VM is leaked", left);
	/* Other VMs may start meanwhile, but not one for each of ours. */
	after = held_below(t->env, held_module, before + LEAK_LIVES, SETTLE_MS);
	REQUIRE(t, before < 0 || after < before + LEAK_LIVES,
		"the use count of %s went from %ld to %ld over %d VMs: a reference to the VM is leaked",
		t->env->backend, before, after, 2 * LEAK_LIVES);
	if (left < 0 && before < 0)
		return t_skip(t, "neither debugfs nor a module use count can be read");
	return 0;
}

#define CROWDS	16
#define CROWD	16

/* Create many vCPUs in a VM and close them. */
static int crowd(struct lab *l)
{
	int fds[CROWD], n, rc = 0;

	for (n = 0; !rc && n < CROWD; n++) {
		fds[n] = ioctl(l->vm, KVM_CREATE_VCPU, n + 1);
		if (fds[n] < 0)
			rc = t_fail(l->t, "KVM_CREATE_VCPU of id %d: %s", n + 1, strerror(errno));
	}
	while (n)
		close(fds[--n]);
	return rc;
}
LIFE(crowd, CROWDS, .irqchip = true)

/* A vCPU has several pages; this fails if more than one of them stays. */
CHECK(vm, leak_vcpu, "a closed vCPU's memory is freed",
      ADVICE_LEAK, NEED_KVM | ALONE, .deadline_ms = 30000)
{
	return leaks(t, crowd_life, CROWDS * CROWD * 4 * 3 / 2, "a part of every vCPU is");
}

/* --- what a vCPU has while EFER.SVME is set, on AMD: a second VMCB, a map of MSRs --- */

#define EFER		0xc0000080u
#define EFER_SVME	0x1000u
#define SVME_TOGGLES	512
#define NESTED_KB	4L		/* the smaller of them */

static int toggle_svme(struct lab *l)
{
	uint64_t v;
	int i;

	for (i = 0; i < 2 * SVME_TOGGLES; i++) {
		v = i & 1 ? 0 : EFER_SVME;
		if (lab_msr(l, KVM_SET_MSRS, EFER, &v) != 1)
			return t_skip(l->t, "guests cannot have SVM: nested virtualization is off (kvm_amd.nested), or the CPU is not AMD's");
	}
	return 0;
}
LIFE(toggle_svme, 1)

CHECK(vm, leak_nested, "what a vCPU needs for a guest's own guests is freed",
      ADVICE_LEAK, NEED_KVM | ALONE, .deadline_ms = 30000)
{
	return leaks(t, toggle_svme_life, SVME_TOGGLES * NESTED_KB, "the pages for nested guests are");
}

/* --- threads of the kernel --- */

static int see_thread(struct lab *l)
{
	if (held_pit_threads(l->t->env) <= 0)
		return t_skip(l->t, "no thread in %s is named kvm-pit/%d: another PID namespace, or not this KVM's way", l->t->env->proc, (int)getpid());
	return open_stats(l);
}
LIFE(see_thread, 4, .irqchip = true)

CHECK(vm, leak_thread, "a closed VM's kernel threads end",
      ADVICE_LEAK, NEED_KVM, .deadline_ms = 30000)
{
	long left;

	if (see_thread_life(t))
		return -1;
	left = held_below(t->env, held_pit_threads, 1, SETTLE_MS);
	REQUIRE(t, !left, "%ld threads of closed VMs still run: kvm-pit/%d", left, (int)getpid());
	return 0;
}

#define LEAK_MIB 24

static int big_life(struct t *t)
{
	return lab_life(t, true, (size_t)LEAK_MIB << 20);
}

CHECK(vm, leak_memory, "a closed VM's memory is freed",
      ADVICE_LEAK, NEED_KVM | ALONE, .deadline_ms = 30000)
{
	struct sysinfo si;

	if (!sysinfo(&si) && (double)si.freeram * si.mem_unit < 4.0 * (LEAK_MIB << 20))
		return t_skip(t, "less than %d MiB free", 4 * LEAK_MIB);
	return leaks(t, big_life, LEAK_MIB * 1024L, "guest pages are");
}

/* --- the dirty log, its ring, MSR filters --- */

#define BIG_SLOT	(4ull << 30)	/* never touched */
#define TOGGLES		12
#define RING_ENTRIES	4096u

/* Turn the log of a big slot on and off: two bitmaps of 128 KiB each time. */
static int toggle_log(struct lab *l)
{
	void *host = mmap(NULL, BIG_SLOT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int i, rc = 0;

	if (host == MAP_FAILED)
		return t_skip(l->t, "no address space of 4 GiB: %s", strerror(errno));
	for (i = 0; !rc && i < 2 * TOGGLES; i++)
		rc = lab_slot(l, 1, i & 1 ? KVM_MEM_LOG_DIRTY_PAGES : 0, 1ull << 32, BIG_SLOT, host);
	if (rc)
		rc = t_fail(l->t, "turning the log of a 4 GiB slot %s: %s", i & 1 ? "off" : "on", strerror(-rc));
	munmap(host, BIG_SLOT);
	return rc;
}

static int maybe_ring(struct lab *l)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_DIRTY_LOG_RING, .args = { RING_ENTRIES * sizeof(struct kvm_dirty_gfn) } };

	if (lab_cap(l, KVM_CAP_DIRTY_LOG_RING) < (int)c.args[0])
		return 0;
	return lab_vm_ioctl(l, KVM_ENABLE_CAP, &c) < 0 ? -1 : 0;
}

static int log_life(struct t *t)
{
	int i, rc = lab_with(t, LAB(), toggle_log);

	for (i = 0; !rc && i < 2; i++)
		rc = lab_with(t, LAB(.pre = maybe_ring), crowd);
	return rc;
}

CHECK(vm, leak_dirty_log, "the memory of dirty bitmaps and rings is freed",
      ADVICE_LEAK, NEED_KVM | ALONE, .deadline_ms = 30000)
{
	return leaks(t, log_life, TOGGLES * 256L + 2 * CROWD * 64L, "dirty bitmaps or rings are");
}

#define FILTERS		48

/* Each filter has the maximum of 16 ranges, of 2 KiB each. */
static int set_filters(struct lab *l)
{
	static uint8_t all[MSR_FILTER_BYTES];
	struct msr_filter f = { 0 };
	unsigned int i;

	if (lab_cap(l, CAP_MSR_FILTER) <= 0)
		return t_skip(l->t, "KVM has no MSR filter (before 5.10)");
	memset(all, 0xff, sizeof(all));
	for (i = 0; i < MSR_FILTER_RANGES; i++)
		f.range[i] = (struct msr_range){ FILTER_READ, MSR_FILTER_BYTES * 8, 0x1000000 * (i + 1), all };
	for (i = 0; i < FILTERS; i++)
		if (lab_vm_ioctl(l, SET_MSR_FILTER, &f) < 0)
			return -1;
	/* Refused for its last range, after KVM has copied the others. */
	f.range[MSR_FILTER_RANGES - 1].nmsrs *= 2;
	for (i = 0; i < FILTERS; i++)
		if (lab_refused(l->t, l->vm, SET_MSR_FILTER, &f, "an MSR filter with a range of 4 KiB"))
			return -1;
	return 0;
}
LIFE(set_filters, 1)

CHECK(vm, leak_msr_filter, "a replaced MSR filter's memory is freed",
      ADVICE_LEAK, NEED_KVM | ALONE, .deadline_ms = 30000)
{
	return leaks(t, set_filters_life, FILTERS * MSR_FILTER_RANGES * 2L, "MSR filters, replaced or refused, are");
}

#define GMEM_MIB	8

static int fill_gmem(struct lab *l)
{
	struct kvm_create_guest_memfd g = { .size = (uint64_t)GMEM_MIB << 20 };
	int fd, rc;

	if (lab_cap(l, KVM_CAP_GUEST_MEMFD) <= 0)
		return t_skip(l->t, "VMs of the default type have no guest_memfd here (after Linux 6.12)");
	fd = lab_vm_ioctl(l, KVM_CREATE_GUEST_MEMFD, &g);
	if (fd < 0)
		return -1;
	rc = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)g.size);
	close(fd);
	REQUIRE(l->t, !rc, "fallocate of a guest_memfd: %s", strerror(errno));
	return 0;
}
LIFE(fill_gmem, 1)

CHECK(vm, leak_guest_memfd, "the pages of a closed guest_memfd are freed",
      ADVICE_LEAK, NEED_KVM | ALONE, .deadline_ms = 30000)
{
	return leaks(t, fill_gmem_life, GMEM_MIB * 1024L, "pages of a guest_memfd are");
}

#define ROUTES		500
#define TABLES		60

static int set_routes(struct lab *l)
{
	struct kvm_irq_routing *r = calloc(1, sizeof(*r) + ROUTES * sizeof(r->entries[0]));
	uint32_t i;
	int rc = 0;

	NEED(l->t, r, "memory");
	for (r->nr = 0; r->nr < ROUTES; r->nr++) {
		r->entries[r->nr].gsi = 24 + r->nr;
		r->entries[r->nr].type = KVM_IRQ_ROUTING_MSI;
		r->entries[r->nr].u.msi.address_lo = 0xfee00000;
	}
	for (i = 0; i < TABLES && rc >= 0; i++)
		rc = lab_vm_ioctl(l, KVM_SET_GSI_ROUTING, r);
	free(r);
	return rc < 0 ? -1 : 0;
}
LIFE(set_routes, 1, .irqchip = true)

CHECK(vm, leak_routes, "the memory of a replaced interrupt routing table is freed",
      ADVICE_LEAK, NEED_KVM | ALONE, .deadline_ms = 30000)
{
	return leaks(t, set_routes_life, TABLES * ROUTES * 64L / 1024, "interrupt routes are");
}

/* --- processes that had a VM --- */

#define PROCESSES	64

static int fork_owners(struct lab *l)
{
	int i, st;
	pid_t pid;

	for (i = 0; i < PROCESSES; i++) {
		pid = fork();
		if (!pid)
			_exit(ioctl(l->kvm, KVM_CREATE_VM, 0) < 0);
		NEED(l->t, pid > 0, "a process");
		REQUIRE(l->t, waitpid(pid, &st, 0) == pid && !st, "KVM_CREATE_VM failed in a child process");
	}
	return 0;
}
LIFE(fork_owners, 1)

/* As with memory: other processes come and go, but not that many in every round. */
CHECK(vm, leak_process, "a process that ends with an open VM leaves no address space behind",
      ADVICE_LEAK, NEED_KVM | ALONE, .deadline_ms = 30000)
{
	long least;

	if (held_address_spaces(t->env) < 0)
		return t_skip(t, "%s/slabinfo cannot be read, or does not name mm_struct (CONFIG_SLUB_DEBUG; root)", t->env->proc);
	if (held_growth(t, held_address_spaces, fork_owners_life, PROCESSES / 2, LATE_MS, &least))
		return -1;
	REQUIRE(t, least < PROCESSES / 2, "every %d processes that end with an open VM leave at least %ld address spaces in the kernel",
		PROCESSES, least);
	return 0;
}

/* --- eventfds --- */

#define EVENTFD_LIVES	8

/* Assign eventfds of each kind to KVM; deassign half of them, leave the others to the VM's end. */
static int use_eventfds(struct lab *l)
{
	int fd[HELD_EVENTFDS], i, rc = 0;

	for (i = 0; i < HELD_EVENTFDS; i++)
		fd[i] = eventfd(0, EFD_CLOEXEC);
	for (i = 0; !rc && i < 2; i++) {
		struct kvm_irqfd f = { .fd = (uint32_t)fd[0], .gsi = 5 + (uint32_t)i, .flags = i ? KVM_IRQFD_FLAG_RESAMPLE : 0,
			.resamplefd = (uint32_t)fd[1] };
		struct kvm_ioeventfd e = { .fd = fd[2], .addr = 0x50 + (uint64_t)i, .len = 1, .flags = KVM_IOEVENTFD_FLAG_PIO };

		/* An eventfd can have only one irqfd at a time. */
		if (lab_vm_ioctl(l, KVM_IRQFD, &f) < 0 || lab_vm_ioctl(l, KVM_IOEVENTFD, &e) < 0)
			rc = -1;
		f.flags |= KVM_IRQFD_FLAG_DEASSIGN;
		e.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
		if (!rc && !i && (lab_vm_ioctl(l, KVM_IRQFD, &f) < 0 || lab_vm_ioctl(l, KVM_IOEVENTFD, &e) < 0))
			rc = -1;
	}
	for (i = 0; i < HELD_EVENTFDS; i++)
		close(fd[i]);
	return rc;
}
LIFE(use_eventfds, EVENTFD_LIVES, .irqchip = true)

/* As with memory: others may open eventfds meanwhile, but not that many in every round. */
CHECK(vm, leak_eventfd, "eventfds that were assigned to KVM are freed when they are closed",
      ADVICE_LEAK, NEED_KVM | ALONE, .deadline_ms = 30000)
{
	long least;

	if (held_eventfds(t->env) < 0)
		return t_skip(t, "the kernel does not number eventfds (before 5.2)");
	if (held_growth(t, held_eventfds, use_eventfds_life, EVENTFD_LIVES, 0, &least))
		return -1;
	REQUIRE(t, least < EVENTFD_LIVES, "every %d VMs with irqfds and ioeventfds leave %ld eventfds in the kernel",
		EVENTFD_LIVES, least);
	return 0;
}
