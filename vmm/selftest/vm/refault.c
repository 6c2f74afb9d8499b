// SPDX-License-Identifier: GPL-2.0-only
/* vm: mapped pages must not fault again. */
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REPORT_PLACE 100
#include "lab/stats.h"
#include "vm/vm.h"

#define NEW_PAGES	256
/* The host may fault a page in now and then; not in each of three rounds. */
#define FEW_FAULTS	16
#define FEW_EXITS	100

/* Write to the same pages five times and count each round's faults and exits. */
static int fault_rounds(struct lab *l, const struct stats *s, uint64_t faults[5], uint64_t exits[5])
{
	uint64_t f0, e0, f, e;
	struct kvm_regs r;
	int i;

	for (i = 0; i < 5; i++) {
		REQUIRE(l->t, !stats_get(s, "pf_fixed", &f0) && !stats_get(s, "exits", &e0),
			"the vCPU's statistics lack pf_fixed or exits");
		if (lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
			return -1;
		r.rip = 0x1000;
		r.rdi = UNIT_SCRATCH;
		if (lab_cpu_ioctl(l, 0, KVM_SET_REGS, &r) < 0 || lab_to_hlt(l) ||
		    stats_get(s, "pf_fixed", &f) || stats_get(s, "exits", &e))
			return -1;
		faults[i] = f - f0;
		exits[i] = e - e0;
	}
	return 0;
}

LAB_CHECK(vm, page_refault, LAB(), "mapped pages do not fault again",
	  ADVICE_MEM, NEED_KVM | NEED_HW)
{
	/* rdi: start; mov $256,%ecx; 1: mov %al,(%rdi); add $4096,%rdi; loop; hlt */
	static const uint8_t code[] = {
		0xb9, 0, 1, 0, 0, 0x88, 0x07, 0x48, 0x81, 0xc7, 0, 0x10, 0, 0, 0xe2, 0xf5, 0xf4,
	};
	uint64_t n[5], ex[5];
	struct stats s;
	int rc = stats_of_vcpu(l, &s) || lab_code_long(l, code, sizeof(code)) ||
		fault_rounds(l, &s, n, ex) ? -1 : 0;

	stats_close(&s);
	if (rc)
		return -1;
	REQUIRE(l->t, n[0] >= NEW_PAGES, "%d new pages were written, pf_fixed counted %llu",
		NEW_PAGES, (unsigned long long)n[0]);
	REQUIRE(l->t, n[1] <= FEW_FAULTS || n[2] <= FEW_FAULTS || n[3] <= FEW_FAULTS,
		"%d mapped pages were written again and faulted again, %llu times: every guest is slow",
		NEW_PAGES, (unsigned long long)n[3]);
	REQUIRE(l->t, ex[1] <= FEW_EXITS || ex[2] <= FEW_EXITS || ex[3] <= FEW_EXITS,
		"writing %d mapped pages costs %llu exits: every guest is slow",
		NEW_PAGES, (unsigned long long)ex[3]);
	return 0;
}
