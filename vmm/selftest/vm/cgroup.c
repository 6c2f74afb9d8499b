// SPDX-License-Identifier: GPL-2.0-only
/* vm: creating VMs in a cgroup. Its accounting costs time, and has regressed before. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPORT_PLACE 200
#include "env/clock.h"
#include "env/files.h"
#include "vm/vm.h"

#define VMS	100
/* Warn if it is slower than outside by this factor, and slower than this. */
#define FACTOR	5
#define SLOW_MS	5.0

/* Move this process to the cgroup at @dir: 0 or -errno. */
static int enter(const char *dir)
{
	char path[PATH_MAX + 16];
	FILE *f;
	int rc;

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	f = fopen(path, "we");
	if (!f)
		return -errno;
	rc = fprintf(f, "%d", (int)getpid()) < 0 ? -EIO : 0;
	return fclose(f) ? -errno : rc;
}

/* Create VMS VMs; @ms: the time of one KVM_CREATE_VM. 0, or -1 after t_fail(). */
static int create_vms(struct lab *l, double *ms)
{
	double start = now_ms();
	int i, vm;

	for (i = 0; i < VMS; i++) {
		do {
			vm = ioctl(l->kvm, KVM_CREATE_VM, 0);
		} while (vm < 0 && errno == EINTR);
		REQUIRE(l->t, vm >= 0, "KVM_CREATE_VM, the %dth: %s", i + 1, strerror(errno));
		close(vm);
	}
	*ms = (now_ms() - start) / VMS;
	return 0;
}

LAB_CHECK(vm, create_in_cgroup, LAB(), "creating VMs in a cgroup is about as fast as outside",
	  "Guests start slowly under libvirt and in containers. Suspect the memory accounting (GFP_KERNEL_ACCOUNT) or the threads that this kernel's KVM creates per VM.",
	  NEED_KVM | NEED_ROOT, .deadline_ms = 30000)
{
	char top[PATH_MAX - 64], dir[PATH_MAX];
	double outside, inside;
	int rc;

	snprintf(top, sizeof(top), "%.3000s/fs/cgroup", l->t->env->sys);
	cgroup_path(l->t->env, getpid(), dir, sizeof(dir));
	if (!file_exists("%s/cgroup.procs", top))
		return t_skip(l->t, "no cgroup v2 hierarchy at %s", top);
	if (create_vms(l, &outside))
		return -1;
	if (mkdir(dir, 0755))
		return t_skip(l->t, "%s: %s", dir, strerror(errno));
	/* The cgroup is empty when this process ends; the runner removes it. */
	rc = enter(dir);
	if (rc)
		return t_skip(l->t, "%s cannot be entered: %s", dir, strerror(-rc));
	if (create_vms(l, &inside))
		return -1;
	t_note(l->t, "KVM_CREATE_VM and close: %.2f ms, in a cgroup %.2f ms", outside, inside);
	if (inside > SLOW_MS && inside > outside * FACTOR)
		return t_warn(l->t, "creating a VM takes %.1f ms in a cgroup, %.1f ms outside", inside, outside);
	return 0;
}
