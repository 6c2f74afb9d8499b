// SPDX-License-Identifier: GPL-2.0-only
/* vm: host pages in two slots, slots that fit no large page, and kvmclock's page in a slot that changes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define REPORT_PLACE 65
#include "lab/slot.h"
#include "vm/vm.h"

#define SLOT2		(SLOT1 + 0x1000000)
#define MIB		(1ull << 20)
#define MSR_KVMCLOCK	0x4b564d01u

/* The guest must read @want at both addresses of host page @page. */
static int both(struct lab *l, size_t page, int want, const char *what)
{
	int a = slot_peek(l, SLOT1 + page), b = a < 0 ? -1 : slot_peek(l, SLOT2 + page);

	if (b < 0)
		return -1;
	REQUIRE(l->t, a == want && b == want, "%s: the guest reads 0x%x in the first slot and 0x%x in the second, expected 0x%x",
		what, (unsigned int)a, (unsigned int)b, (unsigned int)want);
	return 0;
}

SLOT_CHECK(vm, shared_page, 0, NULL, "a host page in two slots is one page: both show what is written or replaced",
	   ADVICE_MEM, NEED_KVM | NEED_HW)
{
	volatile uint8_t *h = host;
	uint8_t *other = mmap(NULL, PAGES * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int i;

	NEED(l->t, other != MAP_FAILED, "memory");
	REQUIRE(l->t, !lab_slot(l, 2, 0, SLOT2, PAGES * PG, host), "a second slot over the same memory was refused");
	for (i = 0; i < 20; i++) {
		size_t page = (size_t)i * PG;

		h[page] = (uint8_t)(i + 1);
		if (both(l, page, i + 1, "a page that the host wrote"))
			return -1;
		REQUIRE(l->t, !madvise(host + page, PG, MADV_DONTNEED), "madvise: %s", strerror(errno));
		other[page] = 0xee;		/* takes the page that was freed */
		h[page] = (uint8_t)(0x40 + i);
		if (both(l, page, 0x40 + i, "a page that the host replaced (if not: the guest can access freed memory)"))
			return -1;
		if (slot_aim(l, (i & 1 ? SLOT1 : SLOT2) + page, true) || lab_to_hlt(l) ||
		    both(l, page, 1, "a page that the guest wrote"))
			return -1;
	}
	munmap(other, PAGES * PG);
	return 0;
}

/* --- slots and large pages --- */

/* The guest must read 1, 2 .. @n in the pages from @gpa on. */
static int count_pages(struct lab *l, uint64_t gpa, uint64_t n, const char *what)
{
	/* 1: cmp %rbx,(%rdi); jne 2f; add $4096,%rdi; inc %rbx; dec %rcx; jnz 1b; 2: hlt */
	static const uint8_t code[] = {
		0x48, 0x39, 0x1f, 0x75, 0x0f, 0x48, 0x81, 0xc7, 0, 0x10, 0, 0, 0x48, 0xff, 0xc3,
		0x48, 0xff, 0xc9, 0x75, 0xec, 0xf4,
	};
	struct kvm_regs r;

	lab_code(l, 0x1000, code, sizeof(code));
	if (lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	r.rip = 0x1000;
	r.rdi = gpa;
	r.rbx = 1;
	r.rcx = n;
	if (lab_cpu_ioctl(l, 0, KVM_SET_REGS, &r) < 0 || lab_step_to(l, KVM_EXIT_HLT, what) ||
	    lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	REQUIRE(l->t, !r.rcx, "%s: page %llu of %llu, at 0x%llx, is not the host's: a large page was mapped where none fits",
		what, (unsigned long long)r.rbx, (unsigned long long)n, (unsigned long long)r.rdi);
	return 0;
}

/* Try a slot of @pages that begins @odd pages beyond a 2 MiB boundary; @host is at one. */
static int odd_slot(struct lab *l, uint8_t *host, uint64_t odd, uint64_t pages, const char *what)
{
	uint64_t gpa = 0x8000000 + odd * PG;
	int got, rc = lab_slot(l, 2, 0, gpa, pages * PG, host);

	REQUIRE(l->t, !rc, "%s: %s", what, strerror(-rc));
	if (count_pages(l, gpa, pages, what))
		return -1;
	/* The memory must end with the slot. */
	if (slot_aim(l, gpa + pages * PG, false) || lab_step_to(l, KVM_EXIT_MMIO, "a read behind the slot"))
		return -1;
	if (odd) {
		l->cpu[0].run->mmio.data[0] = 0;
		if (lab_to_hlt(l) || slot_aim(l, gpa - 1, false) || lab_step_to(l, KVM_EXIT_MMIO, "a read before the slot"))
			return -1;
	}
	l->cpu[0].run->mmio.data[0] = 0;
	if (lab_to_hlt(l))
		return -1;
	got = lab_slot(l, 2, 0, gpa, 0, host);
	REQUIRE(l->t, !got, "deleting a slot: %s", strerror(-got));
	return 0;
}

/* A 2 MiB page fits only if slot and host memory have the same distance from a boundary. */
SLOT_CHECK(vm, odd_slot, 0, NULL, "slots that do not begin, end or align with a large page are mapped correctly",
	   ADVICE_MEM, NEED_KVM | NEED_HW)
{
	const size_t len = 6 * MIB;
	uint8_t *room = mmap(NULL, len + 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *h;
	uint64_t i;
	int rc;

	(void)host;
	NEED(l->t, room != MAP_FAILED, "memory of 8 MiB");
	h = (uint8_t *)(((uintptr_t)room + 2 * MIB - 1) & ~(uintptr_t)(2 * MIB - 1));
	madvise(h, len, MADV_HUGEPAGE);
	for (i = 0; i < len / PG; i++)
		memcpy(h + i * PG, &(uint64_t){ i + 1 }, 8);
	rc = odd_slot(l, h, 0, 1536, "a slot of three large pages") ||
		odd_slot(l, h, 1, 1535, "a slot that begins a page after a 2 MiB boundary, over memory that begins at one") ||
		odd_slot(l, h, 511, 1025, "a slot that begins a page before a 2 MiB boundary, over memory that begins at one") ||
		odd_slot(l, h, 0, 1025, "a slot that ends a page after a 2 MiB boundary") ||
		odd_slot(l, h, 0, 1023, "a slot that ends a page before a 2 MiB boundary") ? -1 : 0;
	munmap(room, len + 2 * MIB);
	return rc;
}

/* --- pages that KVM writes for the guest: Documentation/virt/kvm/x86/msr.rst --- */

static int set_msr(struct lab *l, uint32_t msr, uint64_t v)
{
	int rc = lab_msr(l, KVM_SET_MSRS, msr, &v);

	REQUIRE(l->t, rc >= 0, "KVM_SET_MSRS of 0x%x: %s", msr, strerror(errno));
	return rc ? 0 : t_skip(l->t, "this KVM does not have MSR 0x%x", msr);
}

static uint32_t version_at(const uint8_t *page)
{
	uint32_t v;

	memcpy(&v, page, sizeof(v));
	return v;
}

/* Set the VM's clock; KVM writes the new time at the next entry. */
static int tell_time(struct lab *l)
{
	struct kvm_clock_data d = { .clock = 1000000000ull };

	return lab_vm_ioctl(l, KVM_SET_CLOCK, &d) < 0 || slot_peek(l, SLOT1 + 0x5000) < 0 ? -1 : 0;
}

SLOT_CHECK(vm, clock_page_moves, 0, NULL, "KVM writes kvmclock to the slot's current memory, not to its former memory",
	   ADVICE_MEM, NEED_KVM | NEED_HW)
{
	uint8_t *second = host + 8 * PG;
	uint32_t v;

	if (set_msr(l, MSR_KVMCLOCK, SLOT1 | 1))
		return -1;
	if (tell_time(l))
		return -1;
	v = version_at(host);
	REQUIRE(l->t, v && !(v & 1), "kvmclock's page has version %u, expected an even one other than 0", v);
	REQUIRE(l->t, !lab_slot(l, 1, 0, SLOT1, 0, host) && !lab_slot(l, 1, 0, SLOT1, 8 * PG, second), "a deleted slot cannot be created again over other memory");
	if (tell_time(l))
		return -1;
	REQUIRE(l->t, version_at(second), "kvmclock was not written to the new memory of its slot");
	REQUIRE(l->t, version_at(host) == v, "kvmclock was written to memory that is no longer the guest's");
	return 0;
}
