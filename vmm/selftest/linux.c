// SPDX-License-Identifier: GPL-2.0
/* linux: a whole Linux guest, by kvm-vmm. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "selftest.h"

#define OUTPUT_MAX	65536
#define GUEST_MIB	"128"
#define ARGS_MAX	24

/*
 * The guest's kernel: the package's small one, else the host's own.
 * 0, or -1 after t_skip().
 */
static int guest_kernel(struct t *t, char *path, size_t size)
{
	const struct env *env = t->env;

	snprintf(path, size, "%s/bzImage", env->guest_dir);
	if (!access(path, R_OK))
		return 0;
	snprintf(path, size, "%s/%s/vmlinuz", env->modules, env->uname_r);
	if (!access(path, R_OK))
		return 0;
	snprintf(path, size, "/boot/vmlinuz-%s", env->uname_r);
	if (!access(path, R_OK))
		return 0;
	return t_skip(t, "no guest kernel: neither %s/bzImage nor %s/%s/vmlinuz nor %s can be read",
		      env->guest_dir, env->modules, env->uname_r, path);
}

/* The guest's TAP: every line "ok", the plan there and right; else why not. */
static int judge_tap(struct t *t, const char *text)
{
	unsigned int ok = 0, plan = 0;
	const char *p;

	for (p = text; p; p = strchr(p, '\n')) {
		while (*p == '\n' || *p == '\r')
			p++;
		if (!strncmp(p, "ok ", 3))
			ok++;
		else if (!strncmp(p, "not ok ", 7))
			return t_fail(t, "the Linux guest: %.*s", (int)strcspn(p, "\r\n"), p);
		else if (!strncmp(p, "1..", 3))
			plan = (unsigned int)strtoul(p + 3, NULL, 10);
	}
	REQUIRE(t, strstr(text, "TAP version"), "the Linux guest did not reach its init");
	REQUIRE(t, plan, "the Linux guest stopped in the middle of its tests, after %u of them", ok);
	REQUIRE(t, ok == plan, "the Linux guest planned %u tests and did %u", plan, ok);
	t_note(t, "%u tests in the guest", ok);
	return 0;
}

/* kvm-vmm's exit status in words (its man page has the list). */
static const char *vmm_status(int status)
{
	switch (status) {
	case 0: return "the guest shut down";
	case 2: return "kvm-vmm did not understand its options";
	case 4: return "the host or KVM failed it";
	case 6: return "a guest image is bad";
	case 8: return "the guest reset";
	case 10: return "triple fault in the guest";
	case 12: return "KVM internal error or failed entry";
	case 14: return "the guest did not end in time";
	case 16: return "killed";
	}
	return status > 128 ? "kvm-vmm died of a signal" : "an unknown status";
}

struct boot {
	const char *cpus, *mem;
	const char *append;		/* beyond the console */
	const char *extra[8];		/* further options of kvm-vmm */
	int status;			/* expected */
};

static int boot(struct t *t, const struct boot *b)
{
	char kernel[PATH_MAX], initrd[PATH_MAX], append[512], deadline[16];
	const char *argv[ARGS_MAX];
	unsigned int n = 0, i, ms = deadline_ms(t);
	struct proc_out o;
	void *image;
	int rc;

	if (guest_kernel(t, kernel, sizeof(kernel)))
		return -1;
	snprintf(initrd, sizeof(initrd), "%s/initramfs.img", t->env->guest_dir);
	image = malloc(1 << 20);
	REQUIRE(t, image, "out of memory");
	rc = guest_load(t, "initramfs.img", image, 1 << 20) < 0;
	free(image);
	if (rc)
		return -1;
	snprintf(append, sizeof(append), "console=ttyS0 quiet panic=-1 %s", b->append);
	snprintf(deadline, sizeof(deadline), "%u", (ms - 1500) / 1000);
	argv[n++] = t->env->vmm;
	argv[n++] = "--kernel";
	argv[n++] = kernel;
	argv[n++] = "--initrd";
	argv[n++] = initrd;
	argv[n++] = "--mem";
	argv[n++] = b->mem ? b->mem : GUEST_MIB;
	argv[n++] = "--cpus";
	argv[n++] = b->cpus;
	argv[n++] = "--deadline";
	argv[n++] = deadline;
	argv[n++] = "--append";
	argv[n++] = append;
	for (i = 0; i < 8 && b->extra[i]; i++)
		argv[n++] = b->extra[i];
	argv[n] = NULL;
	t_note(t, "guest kernel %s", kernel);
	rc = proc_run(argv, ms, OUTPUT_MAX, &o);
	REQUIRE(t, !rc && o.text, "%s: %s", t->env->vmm, strerror(-rc));
	t_note(t, "kvm-vmm ended with %d after %.0f ms", o.status, o.ms);
	if (o.timed_out)
		rc = t_fail(t, "kvm-vmm itself did not end in time: killed");
	else if (o.status != b->status)
		rc = t_fail(t, "kvm-vmm ended with %d: %s", o.status, vmm_status(o.status));
	else
		rc = judge_tap(t, o.text);
	if (rc)
		t_note_text(t, o.text + (o.len > 4000 ? o.len - 4000 : 0),
			    o.len > 4000 ? 4000 : o.len);
	free(o.text);
	return rc;
}

static int linux_vmm(struct t *t)
{
	const char *const argv[] = { t->env->vmm, "--version", NULL };
	struct proc_out o;
	int rc;

	REQUIRE(t, t->env->vmm, "kvm-vmm is neither beside kvm-selftest nor in PATH");
	rc = proc_run(argv, 5000, 4096, &o);
	REQUIRE(t, !rc, "%s: %s", t->env->vmm, strerror(-rc));
	if (o.status)
		rc = t_fail(t, "%s --version ended with %d", t->env->vmm, o.status);
	t_note_text(t, o.text, o.len);
	free(o.text);
	return rc;
}

static int linux_boot(struct t *t)
{
	return boot(t, &(struct boot){ .cpus = "1", .append = "st.cpus=1" });
}

static int linux_smp(struct t *t)
{
	char append[32], cpus[8];
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	/* The rows' argument: 2, or 0 for as many as the host has, up to 8 */
	if (!t->check->arg && n <= 2)
		return t_skip(t, "the host has %ld CPUs: linux/smp-2 is the same", n);
	snprintf(cpus, sizeof(cpus), "%ld", t->check->arg ? (long)t->check->arg : n < 1 ? 1 : n > 8 ? 8 : n);
	snprintf(append, sizeof(append), "st.cpus=%s", cpus);
	return boot(t, &(struct boot){ .cpus = cpus, .append = append });
}

static int linux_reboot(struct t *t)
{
	return boot(t, &(struct boot){ .cpus = "1", .append = "st.reboot=1", .status = 8 });
}

/* Does this guest kernel know virtio? The package's own does. */
static bool own_kernel(struct t *t)
{
	return file_exists("%s/bzImage", t->env->guest_dir);
}

static int linux_blk(struct t *t)
{
	int fd = memfd_create("disk", 0), rc;	/* nothing to clean up */
	char disk[64];

	if (!own_kernel(t)) {
		close(fd);
		return t_skip(t, "the guest kernel is the host's own, whose virtio may be modules");
	}
	REQUIRE(t, fd >= 0 && !ftruncate(fd, 4 << 20), "no memory for a disk of 4 MiB: %s", strerror(errno));
	snprintf(disk, sizeof(disk), "/proc/%d/fd/%d", (int)getpid(), fd);
	rc = boot(t, &(struct boot){ .cpus = "1", .append = "st.blk=1", .extra = { "--disk", disk } });
	if (!rc) {
		uint64_t x = 42 * 6364136223846793005ull + 1442695040888963407ull, first = 0;

		/* The guest's first word, by the generator of guest/init.c */
		if (pread(fd, &first, 8, 0) != 8 || first != x)
			rc = t_fail(t, "the disk's first word is 0x%llx, the guest wrote 0x%llx",
				    (unsigned long long)first, (unsigned long long)x);
	}
	close(fd);
	return rc;
}

static int linux_rng(struct t *t)
{
	if (!own_kernel(t))
		return t_skip(t, "the guest kernel is the host's own, whose virtio may be modules");
	return boot(t, &(struct boot){ .cpus = "1", .append = "st.rng=1", .extra = { "--rng" } });
}

#define ADVICE_LINUX "If the flat/ checks pass, look at the guest's console in the notes; try kvm-vmm by hand."
#define LINUX	(NEED_KVM | NEED_VMM | NEED_HW)

const struct check checks_linux[] = {
	{ "linux/vmm", "kvm-vmm is there and starts",
	  "Install kernel-kvm-selftest whole, or give --vmm.", 0, 0, linux_vmm, 0 },
	{ "linux/boot", "a Linux guest boots to its init and powers off",
	  ADVICE_LINUX, LINUX, 30000, linux_boot, 0 },
	{ "linux/smp-2", "a Linux guest has 2 CPUs and all work",
	  ADVICE_LINUX, LINUX, 30000, linux_smp, 2 },
	{ "linux/smp-host", "a Linux guest has as many CPUs as the host, up to 8",
	  ADVICE_LINUX, LINUX, 60000, linux_smp, 0 },
	{ "linux/reboot", "a Linux guest reboots",
	  ADVICE_LINUX, LINUX, 30000, linux_reboot, 0 },
	{ "linux/virtio-blk", "a Linux guest writes a disk and reads it back",
	  ADVICE_LINUX, LINUX, 30000, linux_blk, 0 },
	{ "linux/virtio-rng", "a Linux guest gets random numbers from its host",
	  ADVICE_LINUX, LINUX, 30000, linux_rng, 0 },
	{ 0 }
};
