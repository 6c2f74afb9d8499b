// SPDX-License-Identifier: GPL-2.0-only
/* vm: /dev/kvm and what it says of itself. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPORT_PLACE 10
#include "vm/vm.h"

CHECK(vm, device, "/dev/kvm is there, may be opened, and is KVM",
      "See host/modules; without it: virtualization is off in the firmware, or in the hypervisor above (nested).",
      0)
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

CHECK(vm, api_version, "KVM speaks API version 12",
      "This is not a KVM that any VMM supports: look at what loaded it.",
      NEED_KVM)
{
	int fd = open(t->env->kvm_path, O_RDWR | O_CLOEXEC), v;

	REQUIRE(t, fd >= 0, "%s: %s", t->env->kvm_path, strerror(errno));
	v = ioctl(fd, KVM_GET_API_VERSION, 0);
	close(fd);
	REQUIRE(t, v == 12, "KVM_GET_API_VERSION gave %d, expected 12", v);
	return 0;
}
