// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm: guest memory that the host cannot provide (KVM_EXIT_MEMORY_FAULT), and memory
 * that KVM maps before the guest uses it (KVM_PRE_FAULT_MEMORY).
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define REPORT_PLACE 70
#include "env/clock.h"
#include "lab/slot.h"
#include "lab/stats.h"
#include "vm/vm.h"

#define SIZE	(PAGES * PG)

/* The guest's access fails, the host repairs the page, and the guest's access succeeds. */
static int fault_repaired(struct lab *l, uint8_t *host, unsigned int page, bool write, int prot)
{
	const char *what = prot ? "a write to a read-only mapping" : "an access to a page that the host must not touch";
	uint64_t gpa = SLOT1 + page * PG;
	uint8_t *h = host + page * PG;
	struct kvm_regs r;

	*h = 0x42;
	REQUIRE(l->t, !mprotect(h, PG, prot), "mprotect: %s", strerror(errno));
	if (slot_aim(l, gpa, write) || run_to_fault(l, gpa, 0, what) < 0 || run_to_fault(l, gpa, 0, what) < 0)
		return -1;
	REQUIRE(l->t, !mprotect(h, PG, PROT_READ | PROT_WRITE), "mprotect: %s", strerror(errno));
	if (lab_to_hlt(l) || lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	if (write)
		REQUIRE(l->t, *h == 1, "%s, repaired: the guest's write is lost", what);
	else
		REQUIRE(l->t, (r.rbx & 0xff) == 0x42, "%s, repaired: the guest reads 0x%llx, expected 0x42", what, r.rbx & 0xff);
	return 0;
}

SLOT_CHECK(vm, memory_fault, 0, NULL, "memory that the host cannot provide ends KVM_RUN with EFAULT, and can be repaired",
	   ADVICE_MEM, NEED_KVM | NEED_HW)
{
	return fault_repaired(l, host, 5, false, PROT_NONE) || fault_repaired(l, host, 6, true, PROT_NONE) ||
		fault_repaired(l, host, 7, true, PROT_READ) ? -1 : 0;
}

/* --- KVM_PRE_FAULT_MEMORY --- */

static int pre_fault_refused(struct lab *l, uint64_t gpa, uint64_t size, uint64_t flags, int want, const char *what)
{
	struct kvm_pre_fault_memory p = { .gpa = gpa, .size = size, .flags = flags };
	int rc = ioctl(l->cpu[0].fd, KVM_PRE_FAULT_MEMORY, &p), err = errno;

	REQUIRE(l->t, rc < 0 && err == want, "KVM_PRE_FAULT_MEMORY of %s: %s, expected %s", what,
		rc < 0 ? strerror(err) : "done", strerror(want));
	return 0;
}

static int pre_fault_rules(struct lab *l)
{
	return pre_fault_refused(l, SLOT1, 0, 0, EINVAL, "no bytes") ||
		pre_fault_refused(l, SLOT1 + 1, PG, 0, EINVAL, "an unaligned address") ||
		pre_fault_refused(l, SLOT1, 100, 0, EINVAL, "100 bytes") ||
		pre_fault_refused(l, SLOT1, PG, 1, EINVAL, "a page with an unknown flag") ||
		pre_fault_refused(l, ~0ull << 12, 2 * PG, 0, EINVAL, "a range that wraps around") ||
		pre_fault_refused(l, SLOT1 + 2 * SIZE, PG, 0, ENOENT, "a page that is in no slot") ? -1 : 0;
}

/* KVM_PRE_FAULT_MEMORY may end early; the structure then has the remaining range. */
static int pre_fault(struct lab *l, uint64_t gpa, uint64_t size)
{
	struct kvm_pre_fault_memory p = { .gpa = gpa, .size = size };
	int rc, err;

	do {
		uint64_t left = p.size;

		rc = ioctl(l->cpu[0].fd, KVM_PRE_FAULT_MEMORY, &p);
		err = errno;
		REQUIRE(l->t, rc == 0 || err == EINTR || err == EAGAIN, "KVM_PRE_FAULT_MEMORY: %s", strerror(err));
		REQUIRE(l->t, p.size <= left && p.gpa + p.size == gpa + size,
			"KVM_PRE_FAULT_MEMORY of 0x%llx bytes at 0x%llx says that 0x%llx at 0x%llx are left",
			(unsigned long long)size, (unsigned long long)gpa, (unsigned long long)p.size, (unsigned long long)p.gpa);
		REQUIRE(l->t, rc || p.size < left, "KVM_PRE_FAULT_MEMORY returned 0 and did nothing");
	} while (p.size && now_ms() < l->deadline);
	return p.size ? t_fail(l->t, "KVM_PRE_FAULT_MEMORY does not finish") : 0;
}

/* Count the guest's faults while it reads every page of the slot. */
static int faults_of_reads(struct lab *l, const struct stats *s, uint64_t *faults)
{
	bool all[PAGES];
	uint64_t before;

	memset(all, true, sizeof(all));
	REQUIRE(l->t, !stats_get(s, "pf_fixed", &before), "the vCPU's statistics lack pf_fixed");
	if (TOUCH(l, slot_read, all) || stats_get(s, "pf_fixed", faults))
		return -1;
	*faults -= before;
	return 0;
}

SLOT_CHECK(vm, pre_fault, 0, NULL, "memory that the VMM mapped beforehand does not fault",
	   ADVICE_MEM, NEED_KVM | NEED_HW)
{
	struct stats s = { .fd = -1 };
	uint64_t faults = 0;
	int rc;

	if (lab_cap(l, KVM_CAP_PRE_FAULT_MEMORY) <= 0)
		return t_skip(l->t, "this KVM cannot map memory beforehand (KVM_PRE_FAULT_MEMORY: Linux 6.11 and nested paging)");
	memset(host, 0x5a, PAGES * PG);
	if (stats_open(l->t, &s, l->cpu[0].fd, "the vCPU"))
		return -1;
	rc = pre_fault_rules(l) || pre_fault(l, SLOT1, PAGES * PG) || faults_of_reads(l, &s, &faults) ? -1 : 0;
	stats_close(&s);
	if (rc)
		return -1;
	REQUIRE(l->t, faults < PAGES / 4, "%u pages were mapped beforehand, but the guest faulted %llu times while it read them",
		PAGES, (unsigned long long)faults);
	/* As with any mapping: if the host takes a page away, the guest loses it at once. */
	REQUIRE(l->t, !madvise(host, PG, MADV_DONTNEED), "madvise: %s", strerror(errno));
	rc = slot_peek(l, SLOT1);
	REQUIRE(l->t, rc <= 0, "the host replaced a page that was mapped beforehand, but the guest still reads 0x%x", (unsigned int)rc);
	return rc;
}
