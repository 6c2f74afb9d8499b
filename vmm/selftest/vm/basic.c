// SPDX-License-Identifier: GPL-2.0-only
/* vm: /dev/kvm itself. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPORT_PLACE 10
#include "env/files.h"
#include "env/page.h"
#include "vm/vm.h"

#define ADVICE_GIVE "Give the container the device: --device /dev/kvm (docker, podman); DeviceAllow=/dev/kvm rw in a unit."

/* Say why @path cannot be opened, and what to do about it. */
static int not_opened(struct t *t, int err)
{
	const struct env *env = t->env;
	const char *path = env->kvm_path;
	bool sys = file_exists("%s/module", env->sys), loaded = file_exists("%s/module/kvm", env->sys);
	bool contained = strcmp(page_fact(env, "container"), "none");

	if (err == EMFILE || err == ENFILE)
		return t_lacks(t, err, path);
	if (env->allow_missing && (err == ENOENT || err == ENODEV || err == ENXIO))
		return t_skip(t, "%s: %s", path, strerror(err));
	if (err == EACCES) {
		t_advise(t, "Add this user to the group that owns the device (usermod -aG kvm USER, then log in again), or run as root.");
		return t_fail(t, "no permission to open %s", path);
	}
	if (err == EPERM) {
		t_advise(t, ADVICE_GIVE);
		return t_fail(t, "%s: %s, whatever its mode: the device cgroup of this container or unit forbids it", path, strerror(err));
	}
	if (err == ENOENT && sys && loaded && env->backend[0] && strcmp(env->backend, "unknown")) {
		t_advise(t, contained ? ADVICE_GIVE : "Let udev create it: udevadm trigger /sys/devices/virtual/misc/kvm; without udev: mknod /dev/kvm c 10 232.");
		return t_fail(t, "%s does not exist, though %s is loaded%s", path, env->backend,
			      contained ? ": this is a container that was not given the device" : "");
	}
	if ((err == ENOENT || err == ENODEV || err == ENXIO) && check_chosen("host/modules") && sys)
		return t_skip(t, "%s: %s: no KVM back end is loaded (see host/modules)", path, strerror(err));
	if (err == ENOENT && !sys) {
		t_advise(t, contained ? ADVICE_GIVE : "Mount sysfs at /sys, then look again; see host/modules.");
		return t_fail(t, "%s does not exist; whether KVM is loaded is unknown: %s/module does not exist, either", path, env->sys);
	}
	if (err == ENOENT || err == ENODEV || err == ENXIO)
		return t_fail(t, "%s: %s: no KVM back end is loaded", path, strerror(err));
	return t_fail(t, "%s: %s", path, strerror(err));
}

CHECK(vm, device, "/dev/kvm exists, can be opened, and is KVM",
      "See host/modules. If that was not run: virtualization is off in the firmware, or in the hypervisor above (nested).",
      0)
{
	const struct env *env = t->env;
	struct stat st;
	int fd = open(env->kvm_path, O_RDWR | O_CLOEXEC), err = errno, rc;

	if (fd < 0)
		return not_opened(t, err);
	rc = ioctl(fd, KVM_GET_API_VERSION, 0);
	err = errno;
	if (!fstat(fd, &st))
		t_note(t, "%s: mode %04o, owner %u, group %u", env->kvm_path,
		       st.st_mode & 07777, st.st_uid, st.st_gid);
	close(fd);
	t_advise(t, "Find out what created the file: /dev/kvm is character device 10:232; or --kvm named another file.");
	REQUIRE(t, rc >= 0, "%s is not a KVM device: KVM_GET_API_VERSION: %s",
		env->kvm_path, strerror(err));
	return 0;
}

CHECK(vm, api_version, "KVM speaks API version 12",
      "No VMM supports this KVM: find out what loaded it.",
      NEED_KVM)
{
	int fd = open(t->env->kvm_path, O_RDWR | O_CLOEXEC), v;

	REQUIRE(t, fd >= 0, "%s: %s", t->env->kvm_path, strerror(errno));
	v = ioctl(fd, KVM_GET_API_VERSION, 0);
	close(fd);
	REQUIRE(t, v == 12, "KVM_GET_API_VERSION returned %d, expected 12", v);
	return 0;
}
