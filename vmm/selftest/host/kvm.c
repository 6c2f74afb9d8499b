// SPDX-License-Identifier: GPL-2.0-only
/* host: does KVM have what it needs here: CPU, firmware, access rights, parameters? */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <json-c/json.h>

#define REPORT_PLACE 30
#include "baseline.h"
#include "env/files.h"

/* Hints only: the verdict rests on guests that ran. */
CHECK(host, cpu, "CPU flags and back end agree (a hint)",
      "Nothing to do if guests run; else see host/firmware.",
      0)
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
CHECK(host, firmware, "the firmware has not locked virtualization off",
      "Turn on VT-x or SVM in the firmware's setup and switch the machine off and on.",
      0)
{
	uint64_t v = 0;

	if (t->env->backend[0])
		return 0;		/* with virtualization locked off it would not have loaded */
	if (!rdmsr_host(0x3a, &v))
		return (v & 5) == 1 ? t_fail(t, "the firmware has locked VMX off (IA32_FEATURE_CONTROL 0x%llx)", (unsigned long long)v) : 0;
	if (!rdmsr_host(0xc0010114, &v))
		return v & 0x10 ? t_fail(t, "the firmware has locked SVM off (VM_CR 0x%llx)", (unsigned long long)v) : 0;
	return t_skip(t, "/dev/cpu/0/msr cannot be read (modprobe msr, as root)");
}

/* How many users and groups an ACL names: linux/posix_acl_xattr.h */
static unsigned int acl_entries(const char *path)
{
	uint8_t buf[1024];
	ssize_t n = getxattr(path, "system.posix_acl_access", buf, sizeof(buf)), i;
	unsigned int named = 0;

	/* A header of 4 bytes, then entries of 8 that begin with a tag */
	for (i = 4; i + 8 <= n; i += 8)
		named += buf[i] == 0x02 || buf[i] == 0x08;	/* ACL_USER, ACL_GROUP */
	return named;
}

/* The type of an SELinux label, "user:role:type:level"; "" if there is none. */
static void label_type(const char *path, char *type, size_t size)
{
	char label[256] = "", *save, *p;
	ssize_t n = getxattr(path, "security.selinux", label, sizeof(label) - 1);
	int i;

	type[0] = '\0';
	if (n <= 0)
		return;
	for (i = 0, p = strtok_r(label, ":", &save); p && i < 2; i++)
		p = strtok_r(NULL, ":", &save);
	if (p)
		snprintf(type, size, "%s", p);
}

/*
 * Copy the name of group @gid to @name. It is looked up in /etc/group, as udev
 * does. getgrgid(3) would make a static program load the host's NSS modules.
 */
static void group_name(gid_t gid, char *name, size_t size)
{
	FILE *f = fopen("/etc/group", "re");
	struct group *g = NULL;

	while (f && (g = fgetgrent(f)) && g->gr_gid != gid)
		;
	if (g)
		snprintf(name, size, "%s", g->gr_name);
	else
		snprintf(name, size, "%u", gid);
	if (f)
		fclose(f);
}

CHECK(host, kvm_access, "users other than root may open /dev/kvm",
      "A udev rule: KERNEL==\"kvm\", GROUP=\"kvm\", MODE=\"0660\"; restorecon /dev/kvm for the label.",
      0)
{
	const char *path = t->env->kvm_path;
	char type[64], group[64], enforce[8] = "";
	struct stat st;
	unsigned int acl;

	if (stat(path, &st))
		return t_skip(t, "%s is not there (see vm/device)", path);
	group_name(st.st_gid, group, sizeof(group));
	acl = acl_entries(path);
	label_type(path, type, sizeof(type));
	read_filef(enforce, sizeof(enforce), "%s/fs/selinux/enforce", t->env->sys);
	t_note(t, "%s: mode %04o, owner %u, group %s, %u users or groups by ACL, SELinux %s%s", path,
	       st.st_mode & 07777, st.st_uid, group, acl,
	       type[0] ? type : "not labelled", enforce[0] == '1' ? ", enforcing" : "");
	if (enforce[0] == '1' && type[0] && strcmp(type, "kvm_device_t"))
		return t_warn(t, "SELinux is enforcing, and %s is labelled %s, not kvm_device_t: libvirt's guests cannot open it",
			      path, type);
	if (!(st.st_mode & 022) && !acl)
		return t_warn(t, "only root may open %s (mode %04o): VMMs that do not run as root cannot use KVM", path,
			      st.st_mode & 07777);
	return 0;
}

CHECK(host, parameters, "the back end's parameters are those of a fast host",
      "See modinfo of the back end; set them in /etc/modprobe.d.",
      0)
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

/* Was on and is off, or was a number and is 0. */
static bool turned_off(const char *a, const char *b)
{
	return (!strcmp(a, "Y") && !strcmp(b, "N")) || (strtol(a, NULL, 10) > 0 && !strcmp(b, "0"));
}

CHECK(host, baseline_parameters, "the KVM modules' parameters are the baseline's",
      "Set them in /etc/modprobe.d and reload the modules while no guest runs. If a parameter is gone, look for its successor: modinfo.",
      NEED_BASELINE)
{
	struct compared c = { .t = t };
	struct json_object *old, *now, *o;
	char line[300];
	int rc;

	REQUIRE(t, baseline_both(t, "parameters", &old, &now), "the baseline has no \"parameters\" in its facts");
	json_object_object_foreach(old, name, val) {
		const char *a = json_object_get_string(val), *b = NULL;

		if (json_object_object_get_ex(now, name, &o))
			b = json_object_get_string(o);
		if (b && !strcmp(a, b))
			continue;
		snprintf(line, sizeof(line), "%.80s was '%.80s', is %s%.80s%s", name, a, b ? "'" : "",
			 b ? b : "not there", b ? "'" : "");
		baseline_differs(&c, b && turned_off(a, b), line);
	}
	rc = baseline_outcome(&c, "module parameters");
	json_object_put(now);
	return rc;
}
