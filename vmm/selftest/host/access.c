// SPDX-License-Identifier: GPL-2.0
/* host: who may use /dev/kvm: owner, mode, ACL, SELinux label. */
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "host/host.h"

/* An ACL's users and groups: linux/posix_acl_xattr.h; only how many is told. */
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
 * @size bytes of @name: the group @gid by /etc/group, where udev looks too. Not
 * getgrgid(3): a static program would load the host's own NSS modules for it.
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

int host_kvm_access(struct t *t)
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
		return t_warn(t, "SELinux enforces, and %s is labelled %s, not kvm_device_t: libvirt's guests are refused it",
			      path, type);
	if (!(st.st_mode & 022) && !acl)
		return t_warn(t, "only root may use %s (mode %04o): VMMs that do not run as root cannot", path,
			      st.st_mode & 07777);
	return 0;
}
