// SPDX-License-Identifier: GPL-2.0-only
/* What the checks run on: the kernel, its KVM, kvm-vmm, and how slow it all is. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compat.h"
#include "env/clock.h"
#include "env/env.h"
#include "env/files.h"
#include "env/manifest.h"
#include "env/page.h"
#include "env/settings.h"

/* The back end is the one the kernel says it loaded; CPU flags are only hints. */
static void find_backend(struct env *env)
{
	static const char *const names[] = { "kvm_amd", "kvm_intel", "kvm_pvm" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!file_exists("%s/module/%s", env->sys, names[i]))
			continue;
		/* If both are built in, both are listed; only the one in use has parameters. */
		if (i < 2 && !file_exists("%s/module/%s/parameters", env->sys, names[i]))
			continue;
		snprintf(env->backend, sizeof(env->backend), "%s", names[i]);
		break;
	}
	if (!env->backend[0] && !env->kvm_err)
		snprintf(env->backend, sizeof(env->backend), "unknown");
	env->hw_backend = !strcmp(env->backend, "kvm_amd") || !strcmp(env->backend, "kvm_intel");
}

static const char *find_vmm(char *buf, size_t size)
{
	char self[PATH_MAX], *path = getenv("PATH"), *slash, *dir, *save, copy[8192];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		snprintf(buf, size, "%.*s/kvm-vmm", (int)(slash - self), self);
		if (access(buf, X_OK) == 0)
			return buf;
	}
	snprintf(copy, sizeof(copy), "%s", path ? path : "/usr/bin:/bin");
	for (dir = strtok_r(copy, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
		snprintf(buf, size, "%s/kvm-vmm", dir);
		if (access(buf, X_OK) == 0)
			return buf;
	}
	return NULL;
}

/*
 * How slow or busy is this host? Starting 64 processes takes 10 to 50 ms. Where
 * it takes more than 100 ms (emulation, other load), extend every deadline, so
 * that a slow host does not fail.
 */
double env_slowness(void)
{
	double start = now_ms(), x;
	int i;

	for (i = 0; i < 64; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		if (pid < 0)
			break;
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	x = (now_ms() - start) / 100;
	return x < 1 ? 1 : x > 8 ? 8 : x;
}

void env_fill(struct env *env, char *vmm_buf, size_t vmm_size)
{
	struct utsname u;
	int fd;

	uname(&u);
	snprintf(env->uname_r, sizeof(env->uname_r), "%s", u.release);
	env->root = geteuid() == 0;
	fd = open(env->kvm_path, O_RDWR | O_CLOEXEC);
	env->kvm_err = fd < 0 ? errno : 0;
	if (fd >= 0 && ioctl(fd, KVM_GET_API_VERSION, 0) < 0)
		env->kvm_err = errno;
	if (fd >= 0)
		close(fd);
	find_backend(env);
	if (!env->vmm)
		env->vmm = find_vmm(vmm_buf, vmm_size);
	manifest_load(env);
	settings_read(env);
	page_read(env);
}

unsigned int env_kernel(const struct env *env)
{
	char *end;
	unsigned long major = strtoul(env->uname_r, &end, 10);

	if (*end != '.')
		return 0;
	return KERNEL((unsigned int)major, (unsigned int)strtoul(end + 1, NULL, 10));
}

bool env_old_kvm(const struct env *env)
{
	return env_kernel(env) && env_kernel(env) < KERNEL(5, 14);
}

bool host_is_bochs(void)
{
	char acpi[64] = "";
	uint32_t a, b, c, d;

	__asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(1), "c"(0));
	if (c >> 31)
		return false;		/* under a hypervisor SeaBIOS's tables say BOCHS, too */
	return read_file("/sys/firmware/acpi/tables/FACP", acpi, sizeof(acpi)) > 16 &&
	       !memcmp(acpi + 10, "BOCHS ", 6);		/* OEMID, ACPI 6.5 table 5.4 */
}

bool host_is_tcg(void)
{
	uint32_t a, b, c, d;

	__asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(1), "c"(0));
	if (!(c >> 31))
		return false;
	__asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(0x40000000), "c"(0));
	return b == 0x54474354 && c == 0x43544743 && d == 0x47435447;	/* TCGTCGTCGTCG */
}

void scratch_path(const struct env *env, int pid, char *path, size_t size)
{
	const char *dir = env->root ? "/run" : getenv("XDG_RUNTIME_DIR");

	if (!dir || access(dir, W_OK))
		dir = "/tmp";
	snprintf(path, size, "%s/kvm-selftest.%d", dir, pid);
}

void cgroup_path(const struct env *env, int pid, char *path, size_t size)
{
	snprintf(path, size, "%s/fs/cgroup/kvm-selftest.%d", env->sys, pid);
}
