// SPDX-License-Identifier: GPL-2.0-only
/* vm: KVM_GET_ONE_REG and KVM_SET_ONE_REG (on x86 after Linux 6.12), MSR list. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define REPORT_PLACE 170
#include "env/settings.h"
#include "vm/vm.h"

/* Ids: Documentation/virt/kvm/api.rst, 4.68 */
#define X86_U64		0x2030000000000000ull
#define REG_MSR(msr)	(X86_U64 | 2ull << 32 | (msr))
#define REG_SSP		(X86_U64 | 3ull << 32)
#define LIST_MAX	64

static int one_reg(struct lab *l, unsigned long req, uint64_t id, uint64_t *v)
{
	struct kvm_one_reg r = { .id = id, .addr = (uintptr_t)v };

	return ioctl(l->cpu[0].fd, req, &r) < 0 ? -errno : 0;
}

/* Both interfaces must access the same register. */
static int same_msr(struct lab *l, uint32_t msr, uint64_t a, uint64_t b, const char *name)
{
	uint64_t v = a;
	int rc = one_reg(l, KVM_SET_ONE_REG, REG_MSR(msr), &v);

	REQUIRE(l->t, !rc, "KVM_SET_ONE_REG of MSR %s: %s", name, strerror(-rc));
	v = 0;
	REQUIRE(l->t, lab_msr(l, KVM_GET_MSRS, msr, &v) == 1 && v == a,
		"KVM_SET_ONE_REG set MSR %s to 0x%llx, but KVM_GET_MSRS says 0x%llx", name,
		(unsigned long long)a, (unsigned long long)v);
	v = b;
	REQUIRE(l->t, lab_msr(l, KVM_SET_MSRS, msr, &v) == 1, "KVM_SET_MSRS refuses %s", name);
	v = 0;
	rc = one_reg(l, KVM_GET_ONE_REG, REG_MSR(msr), &v);
	REQUIRE(l->t, !rc && v == b, "KVM_SET_MSRS set MSR %s to 0x%llx, but KVM_GET_ONE_REG says 0x%llx (%s)", name,
		(unsigned long long)b, (unsigned long long)v, rc ? strerror(-rc) : "done");
	return 0;
}

static int refusals(struct lab *l)
{
	static const struct { uint64_t id; const char *what; } bad[] = {
		{ REG_MSR(0x12345678), "an MSR that does not exist" },
		{ REG_MSR(0xc0000102) - (1ull << 52), "an MSR of 32 bits" },
		{ REG_MSR(0xc0000102) | 1ull << 40, "an MSR with a reserved bit set" },
		{ X86_U64 | 9ull << 32, "a type of register that does not exist" },
		{ 0x6030000000000000ull, "an arm64 register" },
	};
	uint64_t v = 0;
	unsigned int i;

	/* With kvm.ignore_msrs an unknown MSR reads as 0 (vm/state-msrs): leave out the first row. */
	for (i = setting_on(l->t->env, "kvm.ignore_msrs"); i < sizeof(bad) / sizeof(bad[0]); i++)
		REQUIRE(l->t, one_reg(l, KVM_GET_ONE_REG, bad[i].id, &v) && one_reg(l, KVM_SET_ONE_REG, bad[i].id, &v),
			"KVM_GET_ONE_REG or KVM_SET_ONE_REG accepted %s", bad[i].what);
	return 0;
}

/* The shadow stack's pointer (SSP) exists and is listed only if the guest's CPUID has shadow stacks. */
static int listed(struct lab *l)
{
	uint64_t buf[1 + LIST_MAX] = { LIST_MAX }, i, v = 0x7000, got = 0;
	struct kvm_reg_list *list = (void *)buf;
	bool ssp = false;

	if (lab_cpu_ioctl(l, 0, KVM_GET_REG_LIST, list) < 0)
		return -1;
	REQUIRE(l->t, list->n <= LIST_MAX, "KVM_GET_REG_LIST returned %llu registers for an array of %d", (unsigned long long)list->n, LIST_MAX);
	for (i = 0; i < list->n; i++) {
		ssp |= list->reg[i] == REG_SSP;
		REQUIRE(l->t, !one_reg(l, KVM_GET_ONE_REG, list->reg[i], &got), "register 0x%llx is in KVM_GET_REG_LIST, but cannot be read",
			(unsigned long long)list->reg[i]);
	}
	t_note(l->t, "%llu registers are listed, %s", (unsigned long long)list->n, ssp ? "SSP among them" : "not SSP (no shadow stacks)");
	if (!ssp) {
		REQUIRE(l->t, one_reg(l, KVM_GET_ONE_REG, REG_SSP, &got), "SSP can be read, though it is not listed");
		return 0;
	}
	REQUIRE(l->t, !one_reg(l, KVM_SET_ONE_REG, REG_SSP, &v) && !one_reg(l, KVM_GET_ONE_REG, REG_SSP, &got) && got == v,
		"SSP was set to 0x%llx, but KVM_GET_ONE_REG says 0x%llx", (unsigned long long)v, (unsigned long long)got);
	return 0;
}

LAB_CHECK(vm, one_register, LAB(), "KVM_GET_ONE_REG and KVM_GET_MSRS access the same registers",
	  ADVICE_STATE, NEED_KVM | NEED_HW, .settings = "kvm.ignore_msrs")
{
	if (lab_cap(l, KVM_CAP_ONE_REG) <= 0)
		return t_skip(l->t, "this KVM has no KVM_GET_ONE_REG (KVM_CAP_ONE_REG, on x86 after Linux 6.12)");
	return same_msr(l, 0xc0000102, 0xffff888000001000ull, 0xffff888000002000ull, "KERNEL_GS_BASE") ||
		same_msr(l, 0xc0000082, 0xffffffff81000000ull, 0xffffffff81000100ull, "LSTAR") ||
		same_msr(l, 0x277, 0x0007010600070106ull, 0x0007040600070406ull, "PAT") ||
		refusals(l) || listed(l) ? -1 : 0;
}

/* These MSRs KVM has listed since before 4.18: for SYSCALL, time and KVM's own interface. */
static int msrs_listed(struct t *t, const struct kvm_msr_list *list)
{
	/* Since 5.8: TSC_ADJUST, TSC_DEADLINE, MISC_ENABLE, machine checks, features, polling, async page faults */
	static const uint32_t newer[] = { 0x3b, 0x6e0, 0x1a0, 0x17a, 0x17b, 0xce, 0x140, 0x4b564d05, 0x4b564d06, 0x4b564d07 };
	static const uint32_t need[] = { 0x10, 0x174, 0x175, 0x176, 0x277, 0xc0000081, 0xc0000082, 0xc0000083,
		0xc0000084, 0xc0000102, 0x4b564d00, 0x4b564d01, 0x4b564d02, 0x4b564d03, 0x4b564d04 };
	unsigned int i, k;

	for (i = 0; i < sizeof(need) / sizeof(need[0]); i++) {
		for (k = 0; k < list->nmsrs && list->indices[k] != need[i]; k++)
			;
		REQUIRE(t, k < list->nmsrs, "MSR 0x%x is not in the list: a migration would lose it", need[i]);
	}
	for (i = 0; !env_old_kvm(t->env) && i < sizeof(newer) / sizeof(newer[0]); i++) {
		for (k = 0; k < list->nmsrs && list->indices[k] != newer[i]; k++)
			;
		REQUIRE(t, k < list->nmsrs, "MSR 0x%x is not in the list: a migration would lose it", newer[i]);
	}
	return 0;
}

/* An MSR that is listed but cannot be read is only noted. */
CHECK(vm, msr_list, "KVM lists the MSRs that a migration must carry",
      ADVICE_STATE, NEED_KVM)
{
	uint64_t v;
	struct kvm_msr_list *list = calloc(1, sizeof(*list) + sizeof(uint32_t[1024]));
	unsigned int i, bad = 0;
	struct lab l;
	int rc = lab_open(&l, t, LAB(.irqchip = true));

	if (!rc && list) {
		list->nmsrs = 1024;
		rc = lab_ioctl(t, l.kvm, KVM_GET_MSR_INDEX_LIST, "KVM_GET_MSR_INDEX_LIST", (uintptr_t)list) < 0 ? -1 : 0;
	}
	for (i = 0; !rc && list && i < list->nmsrs; i++) {
		v = 0;
		if (lab_msr(&l, KVM_GET_MSRS, list->indices[i], &v) == 1)
			continue;
		bad++;
		t_note(t, "MSR 0x%x is in the list, but cannot be read", list->indices[i]);
	}
	if (!rc && list && t->env->hw_backend)
		rc = msrs_listed(t, list);
	if (!rc && list && list->nmsrs < 20)
		rc = t_fail(t, "KVM lists only %u MSRs to save", list->nmsrs);
	if (!rc && bad)
		t_note(t, "%u of %u cannot be read: they belong to features that this guest does not have", bad, list->nmsrs);
	free(list);
	lab_close(&l);
	return rc;
}
