// SPDX-License-Identifier: GPL-2.0
/* vm: single registers by KVM_GET_ONE_REG and KVM_SET_ONE_REG, on x86 after Linux 6.12. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vm/vmchecks.h"

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

/* By either interface it is the same register. */
static int same_msr(struct lab *l, uint32_t msr, uint64_t a, uint64_t b, const char *name)
{
	uint64_t v = a;
	int rc = one_reg(l, KVM_SET_ONE_REG, REG_MSR(msr), &v);

	REQUIRE(l->t, !rc, "KVM_SET_ONE_REG of MSR %s: %s", name, strerror(-rc));
	v = 0;
	REQUIRE(l->t, lab_msr(l, KVM_GET_MSRS, msr, &v) == 1 && v == a,
		"MSR %s was set to 0x%llx by KVM_SET_ONE_REG, KVM_GET_MSRS says 0x%llx", name,
		(unsigned long long)a, (unsigned long long)v);
	v = b;
	REQUIRE(l->t, lab_msr(l, KVM_SET_MSRS, msr, &v) == 1, "KVM_SET_MSRS refuses %s", name);
	v = 0;
	rc = one_reg(l, KVM_GET_ONE_REG, REG_MSR(msr), &v);
	REQUIRE(l->t, !rc && v == b, "MSR %s was set to 0x%llx by KVM_SET_MSRS, KVM_GET_ONE_REG says 0x%llx (%s)", name,
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

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		REQUIRE(l->t, one_reg(l, KVM_GET_ONE_REG, bad[i].id, &v) && one_reg(l, KVM_SET_ONE_REG, bad[i].id, &v),
			"KVM_GET_ONE_REG or KVM_SET_ONE_REG took %s", bad[i].what);
	return 0;
}

/* The shadow stack's pointer is listed if the guest's CPUID has shadow stacks, and is there then only. */
static int listed(struct lab *l)
{
	uint64_t buf[1 + LIST_MAX] = { LIST_MAX }, i, v = 0x7000, got = 0;
	struct kvm_reg_list *list = (void *)buf;
	bool ssp = false;

	if (lab_cpu_ioctl(l, 0, KVM_GET_REG_LIST, list) < 0)
		return -1;
	REQUIRE(l->t, list->n <= LIST_MAX, "KVM_GET_REG_LIST gives %llu registers to an array of %d", (unsigned long long)list->n, LIST_MAX);
	for (i = 0; i < list->n; i++) {
		ssp |= list->reg[i] == REG_SSP;
		REQUIRE(l->t, !one_reg(l, KVM_GET_ONE_REG, list->reg[i], &got), "register 0x%llx is in KVM_GET_REG_LIST and cannot be read",
			(unsigned long long)list->reg[i]);
	}
	t_note(l->t, "%llu registers are listed, %s", (unsigned long long)list->n, ssp ? "SSP among them" : "not SSP (no shadow stacks)");
	if (!ssp) {
		REQUIRE(l->t, one_reg(l, KVM_GET_ONE_REG, REG_SSP, &got), "SSP can be read, though it is not listed");
		return 0;
	}
	REQUIRE(l->t, !one_reg(l, KVM_SET_ONE_REG, REG_SSP, &v) && !one_reg(l, KVM_GET_ONE_REG, REG_SSP, &got) && got == v,
		"SSP was set to 0x%llx, KVM_GET_ONE_REG says 0x%llx", (unsigned long long)v, (unsigned long long)got);
	return 0;
}

static int one_reg_body(struct lab *l)
{
	if (lab_cap(l, KVM_CAP_ONE_REG) <= 0)
		return t_skip(l->t, "this KVM has no KVM_GET_ONE_REG (KVM_CAP_ONE_REG, on x86 after Linux 6.12)");
	return same_msr(l, 0xc0000102, 0xffff888000001000ull, 0xffff888000002000ull, "KERNEL_GS_BASE") ||
		same_msr(l, 0xc0000082, 0xffffffff81000000ull, 0xffffffff81000100ull, "LSTAR") ||
		same_msr(l, 0x277, 0x0007010600070106ull, 0x0007040600070406ull, "PAT") ||
		refusals(l) || listed(l) ? -1 : 0;
}

int vm_one_reg(struct t *t)
{
	return lab_with(t, &(struct lab_opts){ 0 }, one_reg_body);
}
