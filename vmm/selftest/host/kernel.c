// SPDX-License-Identifier: GPL-2.0-only
/* host: are the running kernel and its KVM modules the package's? */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <json-c/json.h>

#define REPORT_PLACE 10
#include "check.h"
#include "env/files.h"
#include "env/manifest.h"

CHECK(host, kernel, "the running kernel is the package's",
      "Boot the kernel that was installed (grubby --default-kernel, then reboot), or reinstall the package.",
      0)
{
	const struct env *env = t->env;
	const char *want;

	if (env->manifest_err[0])
		return t_fail(t, "the manifest is bad: %s", env->manifest_err);
	if (!env->manifest) {
		if (env->manifest_installed)
			return t_fail(t, "the running kernel %s is not the package's: there is no %s, only another kernel's manifest",
				      env->uname_r, env->manifest_file);
		return t_skip(t, "no kernel-kvm kernel is installed: nothing to compare %s with",
			      env->uname_r);
	}
	want = manifest_str(env, "kverrel");
	REQUIRE(t, !strcmp(want, env->uname_r),
		"the running kernel is %s, but the manifest %s is of %s", env->uname_r,
		env->manifest_file, want);
	return 0;
}

static bool module_loaded(const struct env *env, const char *name)
{
	return file_exists("%s/module/%s", env->sys, name);
}

CHECK(host, modules, "KVM and a back end are loaded",
      "modprobe kvm_amd or kvm_intel and read dmesg: virtualization off in the firmware, or the module of another kernel?",
      0)
{
	const struct env *env = t->env;

	if (!file_exists("%s/module", env->sys))
		return t_skip(t, "%s/module is not there: what is loaded cannot be seen", env->sys);
	if (!module_loaded(env, "kvm")) {
		if (env->allow_missing)
			return t_skip(t, "kvm is not loaded");
		t_advise(t, "modprobe kvm_amd or kvm_intel; if that fails, dmesg says why.");
		return t_fail(t, "module kvm is not loaded");
	}
	if (!env->backend[0]) {
		if (env->allow_missing)
			return t_skip(t, "no back end (kvm_amd, kvm_intel, ...) is loaded");
		return t_fail(t, "module kvm is loaded, but no back end (kvm_amd, kvm_intel, ...): the CPU or the firmware does not offer virtualization, or modprobe failed");
	}
	t_note(t, "back end %s", env->backend);
	if (!strcmp(env->backend, "unknown"))
		return t_warn(t, "/dev/kvm works, but its back end is none that this program knows");
	return 0;
}

CHECK(host, build_id, "the loaded kvm.ko has the package's build id",
      "Find where kvm.ko came from (modinfo -n kvm; lsinitrd | grep kvm.ko), then depmod -a, dracut -f and reboot.",
      NEED_MANIFEST)
{
	const struct env *env = t->env;
	const char *want = manifest_str(env, "build_id");
	char got[256];
	long n = read_filef(got, sizeof(got), "%s/module/kvm/parameters/build_id", env->sys);

	if (manifest_no_patch(env)) {
		REQUIRE(t, n < 0, "kvm.ko says build_id '%s', but this kernel was built without any patch: kvm.ko is of another build", got);
		return t_skip(t, "built without any patch (ALLOW_NO_PATCH=1), so kvm.ko has no build_id; see host/module-origin");
	}
	REQUIRE(t, n >= 0, "kvm.ko has no build_id parameter (%s): it does not come from this package, or KVM is not loaded",
		strerror((int)-n));
	REQUIRE(t, !strcmp(got, want), "kvm.ko says build_id '%s', the package's is '%s'",
		got, want);
	t_note(t, "build_id %s", got);
	if (env->kmod_live)
		t_note(t, "loaded from %s, not the kernel's own modules", env->kmod);
	else if (env->kmod[0])
		return t_warn(t, "%s is installed, but the kernel's own modules are loaded: reload kvm (modprobe -r, modprobe) or reboot", env->kmod);
	return 0;
}

/* sysfs writes the dashes of a module's name as underscores. */
static void sysfs_name(char *s)
{
	for (; *s; s++)
		if (*s == '-')
			*s = '_';
}

CHECK(host, module_origin, "the loaded KVM modules have the package's srcversion",
      "Find where they came from (modinfo -n kvm; ls /lib/modules/$(uname -r)/{extra,updates,weak-updates}).",
      NEED_MANIFEST)
{
	struct json_object *mods = json_path(t->env->manifest, "modules");
	unsigned int seen = 0, known = 0;

	REQUIRE(t, json_object_is_type(mods, json_type_object),
		"the manifest has no \"modules\" object");
	json_object_object_foreach(mods, name, val) {
		const char *want = json_str(val, "srcversion");
		char mod[64], got[128];

		snprintf(mod, sizeof(mod), "%s", name);
		sysfs_name(mod);
		known += want && want[0];
		if (!want || !want[0] || !module_loaded(t->env, mod))
			continue;
		/* A built-in module's directory in sysfs has no srcversion. */
		if (read_filef(got, sizeof(got), "%s/module/%s/srcversion", t->env->sys, mod) < 0)
			return t_fail(t, "%s shows no srcversion: it is built in, but the package has it as a module", mod);
		REQUIRE(t, !strcmp(got, want),
			"the loaded %s has srcversion %s, the package's is %s: it was loaded from elsewhere (weak-updates, initramfs, kmod package?)",
			mod, got, want);
		seen++;
	}
	if (!seen)
		return t_skip(t, known ? "none of the manifest's modules is loaded" :
			      "the package's modules have no srcversion (CONFIG_MODULE_SRCVERSION_ALL)");
	t_note(t, "%u modules have the package's srcversion", seen);
	return 0;
}

/* --- signature trailer: scripts/sign-file.c, include/linux/module_signature.h */
#define SIG_MAGIC "~Module signature appended~\n"

/* The last bytes of a module file, plain or .gz. Of .xz and .zst: of the compressed file. */
static int module_tail(const char *path, uint8_t *tail, size_t len)
{
	uint8_t buf[16384];
	size_t got = 0;
	gzFile f;
	int n;

	if (access(path, R_OK))
		return -errno;
	f = gzopen(path, "rb");		/* reads plain files too */
	if (!f)
		return -ENOMEM;
	memset(tail, 0, len);
	while ((n = gzread(f, buf, sizeof(buf))) > 0) {
		size_t m = (size_t)n;

		if (m >= len) {
			memcpy(tail, buf + m - len, len);
		} else {
			memmove(tail, tail + m, len - m);
			memcpy(tail + len - m, buf, m);
		}
		got += m;
	}
	gzclose(f);
	return n < 0 || got < len ? -EIO : 0;
}

CHECK(host, module_signed, "the KVM module files carry their signature",
      "Reinstall the package's core and modules: something stripped or replaced these files.",
      NEED_MANIFEST)
{
	struct json_object *mods = json_path(t->env->manifest, "modules");
	uint8_t tail[12 + sizeof(SIG_MAGIC) - 1] = { 0 };
	unsigned int seen = 0, not_read = 0;

	REQUIRE(t, json_object_is_type(mods, json_type_object),
		"the manifest has no \"modules\" object");
	json_object_object_foreach(mods, name, val) {
		struct json_object *sig = json_path(val, "signed");
		const char *rel = json_str(val, "path");
		char path[PATH_MAX], mod[64], taint[16];
		uint32_t len;
		int rc;

		if (!rel || !json_object_get_boolean(sig))
			continue;
		snprintf(path, sizeof(path), "%s/%s/%s", t->env->modules, t->env->uname_r, rel);
		snprintf(mod, sizeof(mod), "%s", name);
		sysfs_name(mod);
		/* E in the kernel's module_flags_taint(): loaded without a valid signature. */
		REQUIRE(t, read_filef(taint, sizeof(taint), "%s/module/%s/taint", t->env->sys, mod) <= 0 ||
			!strchr(taint, 'E'),
			"the kernel did not accept the signature of %s when it loaded it (taint %s)", name, taint);
		rc = module_tail(path, tail, sizeof(tail));
		/* A disk image may leave out the other vendor's module. */
		if (rc == -ENOENT && !module_loaded(t->env, mod)) {
			t_note(t, "%s is not there, and not loaded", path);
			continue;
		}
		REQUIRE(t, rc != -ENOENT, "%s is missing, but the package installs it", path);
		if (rc) {
			not_read++;
			continue;
		}
		if (!strcmp(strrchr(path, '.'), ".xz") || !strcmp(strrchr(path, '.'), ".zst")) {
			not_read++;
			continue;
		}
		REQUIRE(t, !memcmp(tail + 12, SIG_MAGIC, sizeof(SIG_MAGIC) - 1),
			"%s (%s) carries no signature, but the package's is signed: it was stripped or replaced",
			path, name);
		len = (uint32_t)tail[8] << 24 | (uint32_t)tail[9] << 16 |
			(uint32_t)tail[10] << 8 | tail[11];
		REQUIRE(t, tail[2] == 2 && len > 100 && len < 65536,
			"%s: the signature trailer is damaged: type %u, %u bytes", path,
			tail[2], len);
		seen++;
	}
	if (!seen)
		return t_skip(t, not_read ? "the modules are compressed or unreadable" :
			      "the package's modules are not signed");
	t_note(t, "%u modules carry a PKCS#7 signature", seen);
	return 0;
}

/* Documentation/admin-guide/tainted-kernels.rst */
CHECK(host, taint, "nothing has gone wrong in this kernel since boot",
      "dmesg shows the oops, lockup or machine check; reboot before trusting any result.",
      0)
{
	static const char *const what[] = {
		"proprietary module", "module forced in", "CPU out of specification",
		"module forced out", "machine check", "bad page", "user request",
		"kernel OOPS or BUG", "ACPI table overridden", "kernel warning",
		"staging driver", "firmware bug workaround", "out-of-tree module",
		"unsigned module", "soft lockup", "live patch", "auxiliary",
		"randstruct", "in-kernel test",
	};
	/* After one of these, no result on this kernel can be trusted. */
	const unsigned long bad = 1ul << 4 | 1ul << 5 | 1ul << 7 | 1ul << 14;
	/* What the package's own live patch sets: it is a module from outside of the tree. */
	const unsigned long live = 1ul << 12 | 1ul << 15;
	char text[64], names[512] = "";
	unsigned long v;
	size_t i, n = 0;

	if (read_filef(text, sizeof(text), "%s/sys/kernel/tainted", t->env->proc) < 0)
		return t_skip(t, "%s/sys/kernel/tainted cannot be read", t->env->proc);
	v = strtoul(text, NULL, 10);
	for (i = 0; i < sizeof(what) / sizeof(what[0]); i++)
		if (v >> i & 1)
			n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", n ? ", " : "", what[i]);
	if (v & bad)
		return t_fail(t, "the kernel is tainted (%lu): %s", v, names);
	if (v && t->env->livepatch_live && !(v & ~live))
		t_note(t, "%s, of %s", names, json_str(t->env->livepatch, "livepatch"));
	else if (v)
		return t_warn(t, "the kernel is tainted (%lu): %s", v, names);
	return 0;
}
