// SPDX-License-Identifier: GPL-2.0-only
/* vm: as many vCPUs as KVM recommends, and guests on every CPU of the host. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define REPORT_PLACE 50
#include "vm/vm.h"

/* At most 64, with sparse ids. */
CHECK(vm, many_vcpus, "as many vCPUs as KVM recommends can be created",
      ADVICE_API, NEED_KVM)
{
	int fds[64], i, n = 0, rc, want, fd;
	struct lab l;

	rc = lab_open(&l, t, LAB(.irqchip = true));
	want = rc ? 0 : lab_cap(&l, KVM_CAP_NR_VCPUS);
	if (want > 64)
		want = 64;
	for (i = 1; !rc && i < want; i++) {
		fd = ioctl(l.vm, KVM_CREATE_VCPU, i * 2);
		if (fd < 0)
			rc = t_fail(t, "KVM_CREATE_VCPU of id %d, the %dth of %d recommended: %s", i * 2, i + 1, want, strerror(errno));
		else
			fds[n++] = fd;
	}
	t_note(t, "%d vCPUs", n + 1);
	while (n)
		close(fds[--n]);
	lab_close(&l);
	return rc;
}

/* KVM_CREATE_VCPU fails because the process may open no more files. KVM must forget the attempt. */
static int fail_once(struct t *t, int vm)
{
	int next = dup(vm), fd, err;
	struct rlimit was, full;

	NEED(t, next >= 0, "dup");
	close(next);
	NEED(t, !getrlimit(RLIMIT_NOFILE, &was), "getrlimit of RLIMIT_NOFILE");
	full = was;
	full.rlim_cur = (rlim_t)next;
	NEED(t, !setrlimit(RLIMIT_NOFILE, &full), "setrlimit of RLIMIT_NOFILE");
	fd = ioctl(vm, KVM_CREATE_VCPU, 0);
	err = errno;
	NEED(t, !setrlimit(RLIMIT_NOFILE, &was), "setrlimit of RLIMIT_NOFILE to what it was");
	if (fd >= 0) {
		close(fd);
		return t_skip(t, "KVM_CREATE_VCPU cannot be made to fail: RLIMIT_NOFILE has no effect");
	}
	/* The interrupt controllers can be created only while a VM has no vCPU. */
	REQUIRE(t, !ioctl(vm, KVM_CREATE_IRQCHIP, 0), "after a KVM_CREATE_VCPU that failed (%s), KVM_CREATE_IRQCHIP says: %s",
		strerror(err), strerror(errno));
	fd = ioctl(vm, KVM_CREATE_VCPU, 0);
	REQUIRE(t, fd >= 0, "KVM_CREATE_VCPU after one that failed: %s", strerror(errno));
	close(fd);
	return 0;
}

CHECK(vm, create_failed, "a KVM_CREATE_VCPU that fails leaves nothing in the VM",
      ADVICE_API, NEED_KVM)
{
	int kvm = open(t->env->kvm_path, O_RDWR | O_CLOEXEC), vm, rc;

	NEED(t, kvm >= 0, t->env->kvm_path);
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	rc = vm < 0 ? t_lacks(t, errno, "KVM_CREATE_VM") : fail_once(t, vm);
	if (vm >= 0)
		close(vm);
	close(kvm);
	return rc;
}

/* Run a guest on each host CPU in turn, to find one that cannot. */
LAB_CHECK(vm, every_cpu, LAB(), "every CPU of the host runs guests",
	  ADVICE_CPU, NEED_KVM)
{
	static const uint8_t code[] = { 0xb0, 7, 0xe6, 0xe1, 0xf4 };
	struct kvm_regs r = { .rip = 0x1000, .rflags = 2 };
	cpu_set_t all, one;
	unsigned int n = 0;
	char why[900];
	int cpu;

	if (lab_code_real(l, code, sizeof(code)))
		return -1;
	REQUIRE(l->t, !sched_getaffinity(0, sizeof(all), &all), "sched_getaffinity: %s", strerror(errno));
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (sched_setaffinity(0, sizeof(one), &one))
			continue;
		if (lab_cpu_ioctl(l, 0, KVM_SET_REGS, &r) < 0 ||
		    lab_step_to(l, KVM_EXIT_IO, "OUT") || lab_step_to(l, KVM_EXIT_HLT, "HLT")) {
			snprintf(why, sizeof(why), "%.899s", l->t->res->why);
			l->t->res->status = ST_NONE;
			return t_fail(l->t, "host CPU %d does not run guests: %s", cpu, why);
		}
		n++;
	}
	t_note(l->t, "%u host CPUs", n);
	return 0;
}
