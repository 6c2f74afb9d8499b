// SPDX-License-Identifier: GPL-2.0-only
/* vm: flushes that one vCPU asks another for by its steal time record. Documentation/virt/kvm/x86/cpuid.rst, msr.rst. */
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#define REPORT_PLACE 112
#include "lab/stats.h"
#include "vm/vm.h"

#define MSR_STEAL	0x4b564d03u
#define STEAL		0x6000u		/* the record; its 'preempted' is at 16: 1 preempted, 2 flush the TLB */

/* Does this KVM offer its guests KVM_FEATURE_PV_TLB_FLUSH? */
static int offers_tlb_flush(struct lab *l)
{
	struct { struct kvm_cpuid2 c; struct kvm_cpuid_entry2 e[256]; } all = { .c.nent = 256 };
	uint32_t i;

	if (lab_ioctl(l->t, l->kvm, KVM_GET_SUPPORTED_CPUID, "KVM_GET_SUPPORTED_CPUID", (unsigned long)&all) < 0)
		return -1;
	for (i = 0; i < all.c.nent; i++)
		if (all.e[i].function == 0x40000001 && all.e[i].eax & 1 << 9)
			return 0;
	return t_skip(l->t, "this KVM flushes no TLB for other vCPUs (KVM_FEATURE_PV_TLB_FLUSH, 4.16)");
}

static long switched(void)
{
	struct rusage u = { .ru_nivcsw = 0 };

	getrusage(RUSAGE_THREAD, &u);
	return u.ru_nivcsw;
}

/* While the vCPU is out, its page becomes another and @mark its 'preempted': it must see the new one if that asks for a flush. 1: nothing can be said. */
static int run_marked(struct lab *l, uint8_t mark, unsigned int i)
{
	volatile uint8_t *preempted = l->ram + STEAL + 16;
	uint64_t *pde = (void *)(l->ram + 0x12000);
	long switches = switched();
	struct kvm_regs r;

	if (mark & 2)
		pde[2] = (i & 1 ? 3ull : 2ull) << 21 | 0x87;
	*preempted = mark;
	if (lab_step_to(l, KVM_EXIT_IO, "the guest's OUT") || lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	/* If the host's scheduler stepped in, KVM may have put its own mark in place of this one. */
	if (switched() != switches)
		return 1;
	REQUIRE(l->t, !(*preempted & 2), "the vCPU ran, but its 'preempted' still asks for a flush of its TLB: 0x%x", *preempted);
	REQUIRE(l->t, (r.rax & 0xff) == (i & 1 && mark & 2 ? 0x33 : 0x22),
		"the vCPU reads 0x%llx through a translation that another vCPU asked to flush", r.rax & 0xff);
	return 0;
}

/* How often this vCPU flushed its TLB, as far as this KVM counts it (since 5.14). */
static int flushes(const struct stats *s, uint64_t *n)
{
	return s->fd >= 0 ? stats_get(s, "tlb_flush", n) : 0;
}

LAB_CHECK(vm, pv_tlb_flush, LAB(), "a vCPU that did not run flushes its TLB when another asked for it, and only then",
	  ADVICE_MEM, NEED_KVM | NEED_HW)
{
	/* 1: mov 0x400000,%al; out %al,$0x10; jmp 1b */
	static const uint8_t code[] = { 0x8a, 0x04, 0x25, 0, 0, 0x40, 0, 0xe6, 0x10, 0xeb, 0xf5 };
	uint64_t v = STEAL | 1, n[3] = { 0 };
	struct stats s = { .fd = -1 };
	unsigned int i, sure = 0;
	int rc = -1;

	if (offers_tlb_flush(l) || lab_code_long(l, code, sizeof(code)))
		return -1;
	l->ram[0x400000] = 0x22;
	l->ram[0x600000] = 0x33;
	if (lab_msr(l, KVM_SET_MSRS, MSR_STEAL, &v) != 1)
		return t_skip(l->t, "this KVM has no steal time (MSR 0x%x; CONFIG_SCHED_INFO)", MSR_STEAL);
	if (lab_cap(l, KVM_CAP_BINARY_STATS_FD) > 0 && stats_open(l->t, &s, l->cpu[0].fd, "vCPU"))
		goto out;
	for (i = 0; i < 40; i++) {
		if (!(i % 20) && flushes(&s, &n[i / 20]))
			goto out;
		rc = run_marked(l, i < 20 ? 1 : 3, i);
		if (rc < 0)
			goto out;
		sure += i >= 20 && !rc;
	}
	rc = -1;
	if (flushes(&s, &n[2]))
		goto out;
	rc = 0;
	if (s.fd >= 0 && (n[2] - n[1] < sure || n[1] - n[0] >= 20))
		rc = t_fail(l->t, "%u entries with a request flushed %llu times, 20 without %llu times", sure,
			    (unsigned long long)(n[2] - n[1]), (unsigned long long)(n[1] - n[0]));
out:
	stats_close(&s);
	return rc;
}
