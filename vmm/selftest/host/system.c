// SPDX-License-Identifier: GPL-2.0
/* host: what surrounds KVM: CPU, firmware, config, devices, limits. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

#include <json-c/json.h>

#include "host/host.h"

/* Hints only: the verdict rests on guests that ran. */
int host_cpu(struct t *t)
{
	static char text[65536];
	const char *flag = "neither vmx nor svm";
	char *line;

	if (read_filef(text, sizeof(text), "%s/cpuinfo", t->env->proc) < 0)
		return t_skip(t, "%s/cpuinfo cannot be read", t->env->proc);
	line = strstr(text, "\nflags");
	if (line && strstr(line, " vmx"))
		flag = "vmx";
	else if (line && strstr(line, " svm"))
		flag = "svm";
	t_note(t, "CPU flags have %s, back end is %s", flag,
	       t->env->backend[0] ? t->env->backend : "none");
	if (flag[0] == 'n' && t->env->hw_backend)
		return t_warn(t, "%s is loaded, but the CPU's flags have neither vmx nor svm", t->env->backend);
	return 0;
}

static int rdmsr_host(unsigned int msr, uint64_t *v)
{
	int fd = open("/dev/cpu/0/msr", O_RDONLY | O_CLOEXEC), rc;

	if (fd < 0)
		return -errno;
	rc = pread(fd, v, 8, msr) == 8 ? 0 : -EIO;
	close(fd);
	return rc;
}

/* IA32_FEATURE_CONTROL (SDM vol. 4), VM_CR.SVMDIS (APM vol. 2, 15.30.1) */
int host_firmware(struct t *t)
{
	uint64_t v = 0;

	if (t->env->backend[0])
		return 0;		/* it would not have loaded */
	if (!rdmsr_host(0x3a, &v))
		return (v & 5) == 1 ? t_fail(t, "the firmware has locked VMX off (IA32_FEATURE_CONTROL 0x%llx)", (unsigned long long)v) : 0;
	if (!rdmsr_host(0xc0010114, &v))
		return v & 0x10 ? t_fail(t, "the firmware has locked SVM off (VM_CR 0x%llx)", (unsigned long long)v) : 0;
	return t_skip(t, "/dev/cpu/0/msr cannot be read (modprobe msr, as root)");
}

int host_parameters(struct t *t)
{
	static const char *const names[] = { "ept", "npt", "nested", "avic", "enable_apicv",
		"unrestricted_guest", "vgif", "vls", "flexpriority", "pml" };
	char v[64];
	bool slow = false;
	size_t i;

	if (!t->env->backend[0])
		return t_skip(t, "no back end is loaded");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (read_filef(v, sizeof(v), "%s/module/%s/parameters/%s", t->env->sys, t->env->backend, names[i]) < 0)
			continue;
		t_note(t, "%s.%s=%s", t->env->backend, names[i], v);
		if (i < 2 && (v[0] == 'N' || v[0] == '0'))
			slow = true;
	}
	if (slow)
		return t_warn(t, "nested paging (ept/npt) is off: guests are several times slower");
	return 0;
}

/* The running kernel's config as text, NULL if nowhere. */
static char *kernel_config(const struct env *env)
{
	const size_t max = 2 << 20;
	char *text = calloc(1, max), path[PATH_MAX];
	gzFile f;
	int i, n;

	for (i = 0; text && i < 3; i++) {
		if (i == 0)
			snprintf(path, sizeof(path), "%s/config.gz", env->proc);
		else if (i == 1)
			snprintf(path, sizeof(path), "/boot/config-%s", env->uname_r);
		else
			snprintf(path, sizeof(path), "%s/%s/config", env->modules, env->uname_r);
		if (access(path, R_OK))
			continue;
		f = gzopen(path, "rb");
		n = f ? gzread(f, text, (unsigned int)max - 1) : -1;
		if (f)
			gzclose(f);
		if (n > 0)
			return text;
	}
	free(text);
	return NULL;
}

/* The value of @sym in @text: "n" if it is not set; in @v. */
static void config_value(const char *text, const char *sym, char *v, size_t size)
{
	size_t n = strlen(sym);
	const char *p;

	snprintf(v, size, "n");
	for (p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (!strncmp(p, sym, n) && p[n] == '=') {
			snprintf(v, size, "%.*s", (int)strcspn(p + n + 1, "\n"), p + n + 1);
			return;
		}
	}
}

int host_config(struct t *t)
{
	struct json_object *want = json_path(t->env->manifest, "config");
	unsigned int n = 0, bad = 0;
	char *text, first[256] = "", v[256];

	REQUIRE(t, json_object_is_type(want, json_type_object), "the manifest has no \"config\" object");
	text = kernel_config(t->env);
	if (!text)
		return t_skip(t, "the running kernel's config is neither in /proc/config.gz nor in /boot");
	json_object_object_foreach(want, sym, val) {
		const char *w = json_object_get_string(val);

		n++;
		config_value(text, sym, v, sizeof(v));
		if (!strcmp(v, w))
			continue;
		if (!bad++)
			snprintf(first, sizeof(first), "%.80s is %.60s, the manifest says %.60s", sym, v, w);
	}
	free(text);
	REQUIRE(t, !bad, "%u of %u config symbols differ from the manifest: %s", bad, n, first);
	t_note(t, "%u symbols hold", n);
	return 0;
}

static int device(struct t *t, const char *path, const char *module, const char *what)
{
	if (access(path, F_OK))
		return t_skip(t, "%s is not there (modprobe %s): no %s", path, module, what);
	if (access(path, R_OK | W_OK))
		return t_warn(t, "%s cannot be opened by this user: no %s", path, what);
	return 0;
}

int host_vhost(struct t *t)
{
	return device(t, "/dev/vhost-net", "vhost_net", "networking in the kernel for guests");
}

int host_tun(struct t *t)
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

int host_iommu(struct t *t)
{
	char path[PATH_MAX];
	unsigned int n;

	snprintf(path, sizeof(path), "%s/kernel/iommu_groups", t->env->sys);
	n = entries(path);
	if (!n)
		return t_skip(t, "no IOMMU groups: no devices for guests (intel_iommu=on, or firmware)");
	t_note(t, "%u IOMMU groups, vfio %s", n, access("/dev/vfio/vfio", F_OK) ? "not loaded" : "there");
	return 0;
}

int host_cgroups(struct t *t)
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
			return t_warn(t, "cgroup controller %s is missing: libvirt cannot limit guests by it", need[i]);
	}
	return 0;
}

int host_memory(struct t *t)
{
	char v[128];

	if (read_filef(v, sizeof(v), "%s/sys/vm/nr_hugepages", t->env->proc) >= 0)
		t_note(t, "huge pages reserved: %s", v);
	if (read_filef(v, sizeof(v), "%s/kernel/mm/transparent_hugepage/enabled", t->env->sys) >= 0)
		t_note(t, "transparent huge pages: %s", v);
	if (read_filef(v, sizeof(v), "%s/kernel/mm/ksm/run", t->env->sys) >= 0) {
		t_note(t, "KSM run: %s", v);
		if (v[0] == '1')
			return t_warn(t, "KSM merges guests' pages: cheap, but guests can learn of each other by timing");
	}
	return 0;
}

long host_clocksource_now(const struct env *env, char *v, size_t size)
{
	double until = now_ms() + 5000;
	long n;

	/* In its first seconds a kernel measures the TSC against another clock. */
	do {
		n = read_filef(v, size, "%s/devices/system/clocksource/clocksource0/current_clocksource", env->sys);
	} while (n > 0 && !strcmp(v, "tsc-early") && now_ms() < until && !usleep(20000));
	return n;
}

int host_clocksource(struct t *t)
{
	char v[64];

	if (host_clocksource_now(t->env, v, sizeof(v)) < 0)
		return t_skip(t, "the clocksource cannot be read");
	t_note(t, "clocksource %s", v);
	if (strcmp(v, "tsc") && strcmp(v, "kvm-clock"))
		return t_warn(t, "the clocksource is %s, not tsc: guests' clocks are slower and less exact", v);
	return 0;
}

int host_mitigations(struct t *t)
{
	static const char *const names[] = { "l1tf", "mds", "itlb_multihit", "taa", "mmio_stale_data", "spectre_v2", "retbleed", "srso" };
	char v[256], bad[256] = "";
	size_t i, n = 0;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (read_filef(v, sizeof(v), "%s/devices/system/cpu/vulnerabilities/%s", t->env->sys, names[i]) < 0)
			continue;
		if (!strncmp(v, "Vulnerable", 10))
			n += (size_t)snprintf(bad + n, sizeof(bad) - n, "%s%s", n ? ", " : "", names[i]);
	}
	if (n)
		return t_warn(t, "guests could read the host's or each other's data: the CPU is vulnerable to %s", bad);
	return 0;
}

int host_limits(struct t *t)
{
	struct rlimit mem, fds;

	getrlimit(RLIMIT_MEMLOCK, &mem);
	getrlimit(RLIMIT_NOFILE, &fds);
	t_note(t, "locked memory %llu KiB, files %llu", (unsigned long long)mem.rlim_cur >> 10, (unsigned long long)fds.rlim_cur);
	if (fds.rlim_cur < 256)
		return t_warn(t, "only %llu open files are allowed: a VMM needs more", (unsigned long long)fds.rlim_cur);
	return 0;
}

/* Every image that the flat and linux checks load. */
int host_images(struct t *t)
{
	static const char *const names[] = { "real.bin", "long.bin", "task.bin", "unit.bin", "initramfs.img" };
	const size_t max = 1 << 20;
	void *buf = malloc(max);
	size_t i;
	int rc = 0;

	REQUIRE(t, buf, "out of memory");
	for (i = 0; !rc && i < sizeof(names) / sizeof(names[0]); i++)
		rc = guest_load(t, names[i], buf, max) < 0 ? -1 : 0;
	free(buf);
	return rc;
}
