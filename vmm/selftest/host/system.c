// SPDX-License-Identifier: GPL-2.0-only
/* host: what guests use besides KVM: devices, cgroups, memory, clock, limits. */
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define REPORT_PLACE 40
#include "check.h"
#include "env/clock.h"
#include "env/files.h"

static int device(struct t *t, const char *path, const char *module, const char *what)
{
	if (access(path, F_OK))
		return t_skip(t, "%s is not there (modprobe %s): no %s", path, module, what);
	if (access(path, R_OK | W_OK))
		return t_warn(t, "%s cannot be opened by this user: no %s", path, what);
	return 0;
}

CHECK(host, vhost_net, "vhost-net is there",
      "modprobe vhost_net; without it guests' network traffic goes through user space, which is slower.",
      0)
{
	return device(t, "/dev/vhost-net", "vhost_net", "networking in the kernel for guests");
}

CHECK(host, tun, "tun is there",
      "modprobe tun; without it there are no tap devices to connect guests to the host's network.",
      0)
{
	return device(t, "/dev/net/tun", "tun", "tap devices for guests");
}

static unsigned int entries(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	unsigned int n = 0;

	while (d && (e = readdir(d)))
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

CHECK(host, iommu, "devices can be assigned to guests",
      "intel_iommu=on on the kernel's command line; VT-d or AMD-Vi in the firmware.",
      0)
{
	char path[PATH_MAX];
	unsigned int n;

	snprintf(path, sizeof(path), "%s/kernel/iommu_groups", t->env->sys);
	n = entries(path);
	if (!n)
		return t_skip(t, "no IOMMU groups: no device can be assigned to a guest (intel_iommu=on, or firmware)");
	t_note(t, "%u IOMMU groups, vfio %s", n, access("/dev/vfio/vfio", F_OK) ? "not loaded" : "there");
	return 0;
}

CHECK(host, cgroups, "the cgroup controllers that libvirt uses are there",
      "Check the kernel's config (CONFIG_CGROUPS, CONFIG_MEMCG).",
      0)
{
	static const char *const need[] = { "cpu", "cpuset", "memory", "pids" };
	char text[512], padded[520], word[32];
	size_t i;

	if (read_filef(text, sizeof(text), "%s/fs/cgroup/cgroup.controllers", t->env->sys) < 0)
		return t_skip(t, "no cgroup v2 hierarchy at %s/fs/cgroup", t->env->sys);
	t_note(t, "controllers: %s", text);
	snprintf(padded, sizeof(padded), " %s ", text);
	for (i = 0; i < sizeof(need) / sizeof(need[0]); i++) {
		/* A whole word: "cpuset" is no "cpu". */
		snprintf(word, sizeof(word), " %s ", need[i]);
		if (!strstr(padded, word))
			return t_warn(t, "cgroup controller %s is missing: libvirt cannot limit guests with it", need[i]);
	}
	return 0;
}

CHECK(host, memory, "huge pages and KSM are set with care",
      "If guests have different owners: echo 0 > /sys/kernel/mm/ksm/run. Reserve huge pages at boot (hugepages=).",
      0)
{
	char v[128];

	if (read_filef(v, sizeof(v), "%s/sys/vm/nr_hugepages", t->env->proc) >= 0)
		t_note(t, "huge pages reserved: %s", v);
	if (read_filef(v, sizeof(v), "%s/kernel/mm/transparent_hugepage/enabled", t->env->sys) >= 0)
		t_note(t, "transparent huge pages: %s", v);
	if (read_filef(v, sizeof(v), "%s/kernel/mm/ksm/run", t->env->sys) >= 0) {
		t_note(t, "KSM run: %s", v);
		if (v[0] == '1')
			return t_warn(t, "KSM merges guests' pages: it saves memory, but lets guests spy on each other by timing");
	}
	return 0;
}

CHECK(host, clocksource, "the host's clocksource is tsc",
      "dmesg says why the kernel gave up the TSC. Update the firmware, or boot with tsc=reliable if you know that it is.",
      0)
{
	char v[64];

	if (host_clocksource_now(t->env, v, sizeof(v)) < 0)
		return t_skip(t, "the clocksource cannot be read");
	t_note(t, "clocksource %s", v);
	/* Hyper-V's TSC page is the scaled TSC: KVM can derive its clocks from it. */
	if (!host_master_clock(t->env) && strcmp(v, "tsc") && strcmp(v, "kvm-clock"))
		return t_warn(t, "the clocksource is %s, not tsc: guests' clocks are slower and less exact", v);
	if (!strcmp(v, "kvm-clock"))
		t_note(t, "this host is a guest itself: KVM's clocks are derived from kvm-clock, not from the TSC alone");
	return 0;
}

/*
 * Does the text of a file in vulnerabilities/ report a hole that guests can use?
 * Semicolons separate its parts: "Vulnerable", "KVM: Vulnerable", "VMX: vulnerable",
 * "SMT vulnerable". If a part mentions KVM, as "BHI: Vulnerable, KVM: SW loop"
 * does, only its words on KVM count (arch/x86/kernel/cpu/bugs.c).
 */
static bool vulnerable(char *text)
{
	char *save, *part, *kvm;

	for (part = strtok_r(text, ";", &save); part; part = strtok_r(NULL, ";", &save)) {
		kvm = strstr(part, "KVM: ");
		if (strstr(kvm ? kvm : part, "ulnerable"))
			return true;
	}
	return false;
}

CHECK(host, mitigations, "CPU vulnerabilities that matter to guests are mitigated",
      "Update the microcode; remove mitigations=off; if SMT leaks, use core scheduling or nosmt. See Documentation/admin-guide/hw-vuln/.",
      0)
{
	char path[PATH_MAX], v[256], copy[256], bad[512] = "";
	unsigned int seen = 0;
	struct dirent *e;
	size_t n = 0;
	DIR *d;

	/* Every file that this kernel has: it knows more names than we do. */
	snprintf(path, sizeof(path), "%s/devices/system/cpu/vulnerabilities", t->env->sys);
	d = opendir(path);
	if (!d)
		return t_skip(t, "%s is not there: this kernel does not say", path);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.' || read_filef(v, sizeof(v), "%s/%s", path, e->d_name) < 0)
			continue;
		seen++;
		snprintf(copy, sizeof(copy), "%s", v);
		if (!vulnerable(copy))
			continue;
		t_note(t, "%s: %s", e->d_name, v);
		if (n < sizeof(bad))
			n += (size_t)snprintf(bad + n, sizeof(bad) - n, "%s%s", n ? ", " : "", e->d_name);
	}
	closedir(d);
	if (n)
		return t_warn(t, "guests could read the host's or each other's data: the CPU is vulnerable to %s", bad);
	if (!seen)
		return t_skip(t, "%s is empty: this kernel does not say", path);
	return 0;
}

CHECK(host, limits, "this process's resource limits suit a VMM",
      "Raise them in /etc/security/limits.d or the service's unit.",
      0)
{
	struct rlimit mem, fds;

	getrlimit(RLIMIT_MEMLOCK, &mem);
	getrlimit(RLIMIT_NOFILE, &fds);
	t_note(t, "locked memory %llu KiB, files %llu", (unsigned long long)mem.rlim_cur >> 10, (unsigned long long)fds.rlim_cur);
	if (fds.rlim_cur < 256)
		return t_warn(t, "only %llu open files are allowed: a VMM needs more", (unsigned long long)fds.rlim_cur);
	return 0;
}
