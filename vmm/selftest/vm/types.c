// SPDX-License-Identifier: GPL-2.0-only
/* vm: types of VM, and which confidential VMs this host can really start. */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REPORT_PLACE 30
#include "env/files.h"
#include "vm/vm.h"

static const char *const type_names[] = { "default", "SW_PROTECTED", "SEV", "SEV-ES", "SEV-SNP", "TDX" };
#define TYPES	(sizeof(type_names) / sizeof(type_names[0]))

static int create_vm(int kvm, unsigned long type)
{
	int vm;

	do {
		vm = ioctl(kvm, KVM_CREATE_VM, type);
	} while (vm < 0 && errno == EINTR);
	return vm < 0 ? -errno : vm;
}

static int types_body(struct t *t, int kvm)
{
	int offered = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_VM_TYPES);
	char list[200] = "";
	unsigned int i;

	if (offered <= 0)
		return t_skip(t, "this KVM does not list its VM types (KVM_CAP_VM_TYPES, Linux 6.8)");
	REQUIRE(t, offered & 1 << KVM_X86_DEFAULT_VM, "KVM_CAP_VM_TYPES is 0x%x: ordinary VMs are not in it", (unsigned int)offered);
	for (i = 0; i < 31; i++) {
		int vm = create_vm(kvm, i);
		const char *name = i < TYPES ? type_names[i] : "unknown";
		size_t n = strlen(list);

		if (vm >= 0)
			close(vm);
		if (!(offered & 1 << i)) {
			REQUIRE(t, vm < 0, "KVM created a VM of type %u (%s), which it does not offer", i, name);
			continue;
		}
		REQUIRE(t, vm >= 0, "KVM offers VMs of type %u (%s), but cannot create one: %s", i, name, strerror(-vm));
		snprintf(list + n, sizeof(list) - n, "%s %u (%s)", n ? "," : "", i, name);
	}
	t_note(t, "VM types:%s", list);
	return 0;
}

static int with_kvm(struct t *t, int (*body)(struct t *t, int kvm))
{
	int kvm = open(t->env->kvm_path, O_RDWR | O_CLOEXEC), rc;

	REQUIRE(t, kvm >= 0, "%s: %s", t->env->kvm_path, strerror(errno));
	rc = body(t, kvm);
	close(kvm);
	return rc;
}

CHECK(vm, vm_types, "KVM creates VMs of the types that it offers, and of no other",
      ADVICE_API, NEED_KVM)
{
	return with_kvm(t, types_body);
}

/* --- confidential VMs --- */

/* Commands of KVM_MEMORY_ENCRYPT_OP: x86/amd-memory-encryption.rst, x86/intel-tdx.rst */
struct sev_cmd {
	uint32_t id, pad;
	uint64_t data;
	uint32_t error, fd;
};

struct sev_init {
	uint64_t features;
	uint32_t flags;
	uint16_t ghcb, pad1;
	uint32_t pad2[8];
};

#define SEV_INIT2	22
struct tdx_cmd {
	uint32_t id, flags;
	uint64_t data, error;
};

#define TDX_CAPABILITIES 0
#define TDX_CPUIDS	256

static int start_sev(int vm, char *why, size_t size)
{
	struct sev_init init = { 0 };
	struct sev_cmd c = { .id = SEV_INIT2, .data = (uintptr_t)&init };
	int fd = open("/dev/sev", O_RDWR | O_CLOEXEC), rc, err;

	c.fd = (uint32_t)fd;
	rc = ioctl(vm, KVM_MEMORY_ENCRYPT_OP, &c);
	err = errno;
	if (rc < 0)
		snprintf(why, size, "KVM_SEV_INIT2: %s, firmware error 0x%x%s", strerror(err), c.error,
			 fd < 0 ? ", /dev/sev cannot be opened" : "");
	if (fd >= 0)
		close(fd);
	return rc;
}

static int start_tdx(int vm, char *why, size_t size)
{
	/* struct kvm_tdx_capabilities: 256 words, then a struct kvm_cpuid2 */
	const size_t bytes = 256 * sizeof(uint64_t) + sizeof(struct kvm_cpuid2) + TDX_CPUIDS * sizeof(struct kvm_cpuid_entry2);
	uint64_t *answer = calloc(1, bytes);
	struct tdx_cmd c = { .id = TDX_CAPABILITIES, .data = (uintptr_t)answer };
	int rc = -1;

	if (answer) {
		((struct kvm_cpuid2 *)(void *)(answer + 256))->nent = TDX_CPUIDS;
		rc = ioctl(vm, KVM_MEMORY_ENCRYPT_OP, &c);
	}
	if (rc < 0)
		snprintf(why, size, "KVM_TDX_CAPABILITIES: %s, TDX module error 0x%llx", strerror(errno), (unsigned long long)c.error);
	free(answer);
	return rc;
}

static bool cpu_has_sev(unsigned int bit)
{
	unsigned int a, b, c, d;

	return __get_cpuid(0x8000001f, &a, &b, &c, &d) && a >> bit & 1;
}

static bool cpu_has_tdx(const struct t *t)
{
	static char text[65536];

	return read_filef(text, sizeof(text), "%s/cpuinfo", t->env->proc) > 0 && strstr(text, " tdx_host_platform");
}

static const struct tech {
	unsigned int type, bit;		/* of CPUID 8000001FH, EAX; TDX: none */
	const char *param;
	int (*start)(int vm, char *why, size_t size);
} techs[] = {
	{ KVM_X86_SEV_VM, 1, "kvm_amd/parameters/sev", start_sev },
	{ KVM_X86_SEV_ES_VM, 3, "kvm_amd/parameters/sev_es", start_sev },
	{ KVM_X86_SNP_VM, 4, "kvm_amd/parameters/sev_snp", start_sev },
	{ KVM_X86_TDX_VM, 0, "kvm_intel/parameters/tdx", start_tdx },
};

/*
 * Note for each technology whether the CPU has it, whether KVM offers it, and whether
 * it is usable: a VM was created and its firmware answered. No guest runs.
 */
static int confidential_body(struct t *t, int kvm)
{
	int offered = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_VM_TYPES), vm;
	char why[200], param[16], broken[300] = "";
	unsigned int there = 0, i;

	for (i = 0; i < sizeof(techs) / sizeof(techs[0]); i++) {
		const struct tech *x = &techs[i];
		const char *name = type_names[x->type];
		bool cpu = x->bit ? cpu_has_sev(x->bit) : cpu_has_tdx(t);

		there += cpu;
		if (offered <= 0 || !(offered & 1 << x->type)) {
			if (read_filef(param, sizeof(param), "%s/module/%s", t->env->sys, x->param) < 0)
				strcpy(param, "not there");
			t_note(t, cpu ? "%s: the CPU has it, but KVM does not offer it (%s is %s)" : "%s: the CPU does not have it, or the firmware left it off", name, x->param, param);
			continue;
		}
		there += !cpu;
		vm = create_vm(kvm, x->type);
		snprintf(why, sizeof(why), "KVM_CREATE_VM: %s", strerror(vm < 0 ? -vm : 0));
		if (vm >= 0 && x->start(vm, why, sizeof(why)) >= 0) {
			t_note(t, "%s: usable, a VM was created and the firmware answered", name);
		} else {
			t_note(t, "%s: KVM offers it, but no VM of it starts: %s", name, why);
			snprintf(broken, sizeof(broken), "%s: %s", name, why);
		}
		if (vm >= 0)
			close(vm);
	}
	if (broken[0])
		return t_warn(t, "KVM offers confidential VMs that do not start; %s", broken);
	return there ? 0 : t_skip(t, "the CPU has none of SEV, SEV-ES, SEV-SNP (AMD) and TDX (Intel), or the firmware left them off");
}

CHECK(vm, confidential, "KVM can start VMs with SEV, SEV-ES, SEV-SNP and TDX, if it offers them",
      "Confidential guests will not start. Look for 'sev', 'ccp' or 'tdx' in dmesg, and at the firmware's settings and version. Ordinary guests are not affected.",
      NEED_KVM)
{
	return with_kvm(t, confidential_body);
}
