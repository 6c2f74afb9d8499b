// SPDX-License-Identifier: GPL-2.0
/* vm: /dev/kvm and what it says of itself. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmchecks.h"

int vm_device(struct t *t)
{
	const struct env *env = t->env;
	struct stat st;
	int fd = open(env->kvm_path, O_RDWR | O_CLOEXEC), err = errno, rc;

	if (fd < 0 && env->allow_missing && (err == ENOENT || err == ENODEV || err == ENXIO))
		return t_skip(t, "%s: %s", env->kvm_path, strerror(err));
	if (fd < 0 && err == EACCES)
		return t_fail(t, "no permission to open %s: add this user to the group that owns it (usually kvm), or run as root",
			      env->kvm_path);
	if (fd < 0 && err == ENOENT)
		return t_fail(t, "%s is not there: no KVM back end is loaded", env->kvm_path);
	REQUIRE(t, fd >= 0, "%s: %s", env->kvm_path, strerror(err));
	rc = ioctl(fd, KVM_GET_API_VERSION, 0);
	err = errno;
	if (!fstat(fd, &st))
		t_note(t, "%s: mode %04o, owner %u, group %u", env->kvm_path,
		       st.st_mode & 07777, st.st_uid, st.st_gid);
	close(fd);
	REQUIRE(t, rc >= 0, "%s is not a KVM device: KVM_GET_API_VERSION: %s",
		env->kvm_path, strerror(err));
	return 0;
}

int vm_api_version(struct t *t)
{
	int fd = open(t->env->kvm_path, O_RDWR | O_CLOEXEC), v;

	REQUIRE(t, fd >= 0, "%s: %s", t->env->kvm_path, strerror(errno));
	v = ioctl(fd, KVM_GET_API_VERSION, 0);
	close(fd);
	REQUIRE(t, v == 12, "KVM_GET_API_VERSION gave %d, expected 12", v);
	return 0;
}

/* A number and its name, so that nobody has to look it up. */
#define CAP(c) { c, #c }
struct cap {
	int nr;
	const char *name;
};

int vm_caps_required(struct t *t)
{
	/* Without these no VMM of today starts. All are older than 3.10. */
	static const struct cap need[] = {
		CAP(KVM_CAP_IRQCHIP), CAP(KVM_CAP_HLT), CAP(KVM_CAP_USER_MEMORY),
		CAP(KVM_CAP_SET_TSS_ADDR), CAP(KVM_CAP_EXT_CPUID),
		CAP(KVM_CAP_CLOCKSOURCE), CAP(KVM_CAP_NR_VCPUS),
		CAP(KVM_CAP_NR_MEMSLOTS), CAP(KVM_CAP_PIT2), CAP(KVM_CAP_MP_STATE),
		CAP(KVM_CAP_COALESCED_MMIO), CAP(KVM_CAP_IRQ_ROUTING),
		CAP(KVM_CAP_DESTROY_MEMORY_REGION_WORKS),
		CAP(KVM_CAP_JOIN_MEMORY_REGIONS_WORKS), CAP(KVM_CAP_MCE),
		CAP(KVM_CAP_IRQFD), CAP(KVM_CAP_IOEVENTFD),
		CAP(KVM_CAP_SET_IDENTITY_MAP_ADDR), CAP(KVM_CAP_ADJUST_CLOCK),
		CAP(KVM_CAP_VCPU_EVENTS), CAP(KVM_CAP_DEBUGREGS),
		CAP(KVM_CAP_X86_ROBUST_SINGLESTEP), CAP(KVM_CAP_XSAVE),
		CAP(KVM_CAP_XCRS), CAP(KVM_CAP_TSC_CONTROL),
		CAP(KVM_CAP_GET_TSC_KHZ), CAP(KVM_CAP_MAX_VCPUS),
		CAP(KVM_CAP_SIGNAL_MSI), CAP(KVM_CAP_READONLY_MEM),
		CAP(KVM_CAP_TSC_DEADLINE_TIMER),
	};
	int fd = open(t->env->kvm_path, O_RDWR | O_CLOEXEC);
	size_t i;

	REQUIRE(t, fd >= 0, "%s: %s", t->env->kvm_path, strerror(errno));
	for (i = 0; i < sizeof(need) / sizeof(need[0]); i++) {
		int v = ioctl(fd, KVM_CHECK_EXTENSION, need[i].nr);

		/* TSC scaling is the CPU's; all else is software's. */
		if (v <= 0 && need[i].nr == KVM_CAP_TSC_CONTROL) {
			t_note(t, "no TSC scaling");
			continue;
		}
		if (v <= 0) {
			close(fd);
			return t_fail(t, "%s (%d) is missing", need[i].name, need[i].nr);
		}
	}
	close(fd);
	return 0;
}
