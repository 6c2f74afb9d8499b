// SPDX-License-Identifier: GPL-2.0-only
/* See facts.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <json-c/json.h>

#include "compat.h"
#include "env/facts.h"
#include "env/files.h"

#define LEAVES_MAX 256

/* Numbers and versions: Documentation/virt/kvm/api.rst. */
#define V(major, minor)	KERNEL(major, minor)
/* "since" is 0: no VMM of today starts without it. All of these are older than 3.10. */
#define REQUIRED(n)	{ KVM_CAP_##n, "KVM_CAP_" #n, 0, true }
#define EXPECTED(nr, n, since) { nr, "KVM_CAP_" #n, since, true }
/* Only listed among the facts. */
#define LISTED(nr, n)	{ nr, "KVM_CAP_" #n, 0, false }

const struct cap caps[] = {
	REQUIRED(IRQCHIP), REQUIRED(HLT), REQUIRED(USER_MEMORY), REQUIRED(SET_TSS_ADDR),
	REQUIRED(EXT_CPUID), REQUIRED(CLOCKSOURCE), REQUIRED(NR_VCPUS), REQUIRED(NR_MEMSLOTS),
	REQUIRED(PIT2), REQUIRED(MP_STATE), REQUIRED(COALESCED_MMIO), REQUIRED(IRQ_ROUTING),
	REQUIRED(DESTROY_MEMORY_REGION_WORKS), REQUIRED(JOIN_MEMORY_REGIONS_WORKS), REQUIRED(MCE),
	REQUIRED(IRQFD), REQUIRED(IOEVENTFD), REQUIRED(SET_IDENTITY_MAP_ADDR),
	REQUIRED(ADJUST_CLOCK), REQUIRED(VCPU_EVENTS), REQUIRED(DEBUGREGS),
	REQUIRED(X86_ROBUST_SINGLESTEP), REQUIRED(XSAVE), REQUIRED(XCRS), REQUIRED(GET_TSC_KHZ),
	REQUIRED(MAX_VCPUS), REQUIRED(SIGNAL_MSI), REQUIRED(READONLY_MEM),
	REQUIRED(TSC_DEADLINE_TIMER),
	EXPECTED(100, IOEVENTFD_NO_LENGTH, V(3, 15)), EXPECTED(121, SPLIT_IRQCHIP, V(4, 4)),
	EXPECTED(122, IOEVENTFD_ANY_LENGTH, V(4, 4)), EXPECTED(128, MAX_VCPU_ID, V(4, 6)),
	EXPECTED(129, X2APIC_API, V(4, 7)), EXPECTED(136, IMMEDIATE_EXIT, V(4, 11)),
	EXPECTED(153, GET_MSR_FEATURES, V(4, 16)), EXPECTED(162, COALESCED_PIO, V(4, 20)),
	EXPECTED(164, EXCEPTION_PAYLOAD, V(4, 20)), EXPECTED(168, MANUAL_DIRTY_LOG_PROTECT2, V(5, 2)),
	EXPECTED(182, HALT_POLL, V(5, 8)), EXPECTED(184, LAST_CPU, V(5, 9)),
	EXPECTED(187, STEAL_TIME, V(5, 10)), EXPECTED(188, X86_USER_SPACE_MSR, V(5, 10)),
	EXPECTED(189, X86_MSR_FILTER, V(5, 10)), EXPECTED(190, ENFORCE_PV_FEATURE_CPUID, V(5, 10)),
	EXPECTED(195, SET_GUEST_DEBUG2, V(5, 13)), EXPECTED(200, SREGS2, V(5, 14)),
	EXPECTED(201, EXIT_HYPERCALL, V(5, 14)), EXPECTED(203, BINARY_STATS_FD, V(5, 14)),
	EXPECTED(204, EXIT_ON_EMULATION_FAILURE, V(5, 15)), EXPECTED(208, XSAVE2, V(5, 17)),
	EXPECTED(209, SYS_ATTRIBUTES, V(5, 17)), EXPECTED(213, DISABLE_QUIRKS2, V(5, 18)),
	EXPECTED(218, X86_TRIPLE_FAULT_EVENT, V(6, 1)), EXPECTED(231, USER_MEMORY2, V(6, 8)),
	EXPECTED(232, MEMORY_FAULT_INFO, V(6, 8)), EXPECTED(235, VM_TYPES, V(6, 8)),
	EXPECTED(237, X86_APIC_BUS_CYCLES_NS, V(6, 11)), EXPECTED(238, X86_GUEST_MODE, V(6, 11)),
	EXPECTED(KVM_CAP_ONE_REG, ONE_REG, V(7, 2)),
	LISTED(60, TSC_CONTROL), LISTED(44, HYPERV), LISTED(38, XEN_HVM), LISTED(59, ASYNC_PF), LISTED(117, X86_SMM),
	LISTED(143, X86_DISABLE_EXITS), LISTED(157, NESTED_STATE), LISTED(163, HYPERV_ENLIGHTENED_VMCS),
	LISTED(173, PMU_EVENT_FILTER), LISTED(183, ASYNC_PF_INT), LISTED(185, SMALLER_MAXPHYADDR),
	LISTED(192, DIRTY_LOG_RING), LISTED(193, X86_BUS_LOCK_EXIT), LISTED(196, SGX_ATTRIBUTE),
	LISTED(198, PTP_KVM), LISTED(212, PMU_CAPABILITY), LISTED(214, VM_TSC_CONTROL),
	LISTED(219, X86_NOTIFY_VMEXIT), LISTED(220, VM_DISABLE_NX_HUGE_PAGES), LISTED(223, DIRTY_LOG_RING_ACQ_REL),
	LISTED(226, PMU_EVENT_MASKED_EVENTS), LISTED(233, MEMORY_ATTRIBUTES), LISTED(234, GUEST_MEMFD),
	LISTED(236, PRE_FAULT_MEMORY), LISTED(244, GUEST_MEMFD_FLAGS),
	{ 0, NULL, 0, false }
};

static struct json_object *capabilities(int kvm)
{
	struct json_object *o = json_object_new_object();
	const struct cap *c;

	for (c = caps; kvm >= 0 && c->name; c++)
		json_object_object_add(o, c->name, json_object_new_int(ioctl(kvm, KVM_CHECK_EXTENSION, c->nr)));
	return o;
}

/*
 * Is this leaf a property of guests? Leaf 0xd has sizes; 0xb and 0x1f name the
 * host CPU that was asked; 0x4, 0x18 and 0x8000001d describe its caches. These
 * differ from call to call.
 */
static bool of_guests(uint32_t leaf)
{
	return leaf != 0xd && leaf != 0xb && leaf != 0x1f && leaf != 4 && leaf != 0x18 && leaf != 0x8000001d;
}

/* "0x7.0": "eax ebx ecx edx" of what KVM supports. */
static struct json_object *cpuid_leaves(int kvm)
{
	struct json_object *o = json_object_new_object();
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + LEAVES_MAX * sizeof(c->entries[0]));
	char key[32], v[48];
	uint32_t i;

	if (c)
		c->nent = LEAVES_MAX;
	if (c && kvm >= 0 && ioctl(kvm, KVM_GET_SUPPORTED_CPUID, c) == 0) {
		for (i = 0; i < c->nent; i++) {
			const struct kvm_cpuid_entry2 *e = &c->entries[i];
			/* In leaf 1 the upper byte of EBX names the host CPU that was asked. */
			uint32_t ebx = e->function == 1 ? e->ebx & 0x00ffffff : e->ebx;

			if (!of_guests(e->function))
				continue;
			snprintf(key, sizeof(key), "0x%x.%u", e->function, e->index);
			snprintf(v, sizeof(v), "%08x %08x %08x %08x", e->eax, ebx, e->ecx, e->edx);
			json_object_object_add(o, key, json_object_new_string(v));
		}
	}
	free(c);
	return o;
}

static struct json_object *parameters(const struct env *env)
{
	static const char *const modules[] = { "kvm", "kvm_amd", "kvm_intel", "kvm_pvm" };
	struct json_object *o = json_object_new_object();
	char path[PATH_MAX], key[512], v[256];
	struct dirent *e;
	size_t i;
	DIR *d;

	for (i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		snprintf(path, sizeof(path), "%s/module/%s/parameters", env->sys, modules[i]);
		d = opendir(path);
		while (d && (e = readdir(d))) {
			/* build_id changes with every build. */
			if (e->d_name[0] == '.' || !strcmp(e->d_name, "build_id") ||
			    read_filef(v, sizeof(v), "%s/%s", path, e->d_name) < 0)
				continue;
			snprintf(key, sizeof(key), "%s.%s", modules[i], e->d_name);
			json_object_object_add(o, key, json_object_new_string(v));
		}
		if (d)
			closedir(d);
	}
	return o;
}

struct json_object *facts_json(const struct env *env)
{
	struct json_object *o = json_object_new_object();
	int kvm = open(env->kvm_path, O_RDWR | O_CLOEXEC);

	json_object_object_add(o, "capabilities", capabilities(kvm));
	json_object_object_add(o, "cpuid", cpuid_leaves(kvm));
	json_object_object_add(o, "parameters", parameters(env));
	if (kvm >= 0)
		close(kvm);
	return o;
}
