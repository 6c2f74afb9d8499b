/* SPDX-License-Identifier: GPL-2.0-only */
/* What the checks know about the host: main fills it in, then it is read-only. */
#ifndef SELFTEST_ENV_H
#define SELFTEST_ENV_H

#include <stdbool.h>
#include <stddef.h>

struct json_object;

#define SETTINGS_MAX	56
#define FACTS_MAX	12

/* A line of the page of facts: env/page.h */
struct fact {
	char name[24];
	char value[400];
};

struct env {
	const char *guest_dir;
	const char *manifest_path;	/* NULL: by uname -r */
	const char *vmm;		/* kvm-vmm program, NULL: not found */
	const char *kvm_path;		/* /dev/kvm */
	const char *sys;		/* /sys and /proc, other roots in tests */
	const char *proc;
	const char *modules;		/* /lib/modules */
	char uname_r[65];
	char backend[32];		/* kvm_amd, kvm_intel, ..., "" if none */
	bool hw_backend;		/* kvm_amd or kvm_intel */
	bool root;
	int kvm_err;			/* 0 or errno of opening kvm_path */
	bool allow_missing;
	double scale;			/* of every deadline */
	struct json_object *manifest;	/* NULL: none, or it is bad */
	char manifest_file[4096];
	char manifest_err[512];
	bool manifest_installed;	/* a manifest of some kernel is installed */
	char kmod[256];			/* kernel-kvm-kmod beside the kernel, "" if none */
	bool kmod_live;			/* the kmod's kvm.ko is loaded, and manifest is the kmod's */
	struct json_object *livepatch;	/* kernel-kvm-livepatch beside the kernel, NULL: none */
	bool livepatch_live;		/* its module is loaded, and every task runs its functions */
	struct json_object *baseline;	/* NULL: none */
	char setting[SETTINGS_MAX][24];	/* by the index in settings[], "" if it is not there */
	struct fact page[FACTS_MAX];
	unsigned int facts;
};

/*
 * env_fill - find what main did not set: kernel, back end, manifest, and kvm-vmm,
 * whose path goes into @vmm_buf
 */
void env_fill(struct env *env, char *vmm_buf, size_t vmm_size);
/* env_slowness - the factor by which to extend every deadline on this host: 1 to 8 */
double env_slowness(void);

/* env_kernel - the running kernel, "6.1.192-2.kvm" as KERNEL(6, 1); 0: unknown */
#define KERNEL(major, minor)	((major) * 1000 + (minor))
unsigned int env_kernel(const struct env *env);

/*
 * env_old_kvm - is this KVM older than Linux 5.14, as EL 8's (4.18) is?
 *
 * VMMs of that time cope with its flaws. A check that tolerates one says which.
 */
bool env_old_kvm(const struct env *env);

/* host_is_tcg - does this host run in QEMU without acceleration? Used to skip. */
bool host_is_tcg(void);
/* host_is_bochs - does this host run in Bochs? Used to skip. */
bool host_is_bochs(void);

/*
 * scratch_path - the directory that the check in process @pid may create, for a
 * file that needs a name. The runner removes the directory and SCRATCH_FILE in
 * it. Root's is in /run, where nobody else can create anything.
 */
#define SCRATCH_FILE	"file"
void scratch_path(const struct env *env, int pid, char *path, size_t size);

/* cgroup_path - the cgroup that the check in process @pid may create */
void cgroup_path(const struct env *env, int pid, char *path, size_t size);

#endif
