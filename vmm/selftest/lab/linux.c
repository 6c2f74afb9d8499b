// SPDX-License-Identifier: GPL-2.0-only
/* See linux.h. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "env/clock.h"
#include "env/files.h"
#include "lab/image.h"
#include "lab/linux.h"

#define OUTPUT_MAX	65536
#define ARGS_MAX	(20 + EXTRA_MAX)
#define NOTES_LAST	4000		/* bytes of a failed guest's output */

/*
 * Find the guest's kernel: the package's small one, or else the host's own.
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

int linux_own(struct t *t)
{
	if (file_exists("%s/bzImage", t->env->guest_dir))
		return 0;
	return t_skip(t, "the guest kernel is the host's own, whose virtio drivers may be modules");
}

int linux_images(struct t *t)
{
	const size_t max = 1 << 20;
	char kernel[PATH_MAX];
	void *image;
	int rc;

	if (guest_kernel(t, kernel, sizeof(kernel)))
		return -1;
	t_note(t, "guest kernel %s", kernel);
	image = malloc(max);
	NEED(t, image, "memory");
	rc = guest_load(t, "initramfs.img", image, max) < 0 ? -1 : 0;
	free(image);
	return rc;
}

/* Fail unless every line is "ok" and their number is the plan's. */
static int judge(struct t *t, const char *text)
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
	case 4: return "an error of the host or of KVM";
	case 6: return "a guest image is bad";
	case 8: return "the guest reset";
	case 10: return "triple fault in the guest";
	case 12: return "KVM internal error or failed entry";
	case 14: return "the guest did not end in time";
	case 16: return "killed";
	case 18: return "the guest's kernel panicked";
	}
	return status > 128 ? "kvm-vmm died of a signal" : "an unknown status";
}

/* Report an unexpected end of kvm-vmm. */
static int vmm_failed(struct t *t, const struct proc_out *o)
{
	static const int shortages[] = { EAGAIN, ENOMEM, EMFILE, ENFILE };
	size_t i;

	/* kvm-vmm's message names the shortage. */
	for (i = 0; o->status == 4 && i < sizeof(shortages) / sizeof(shortages[0]); i++)
		if (strstr(o->text, strerror(shortages[i])))
			return t_lacks(t, shortages[i], "kvm-vmm could not start");
	return t_fail(t, "kvm-vmm ended with %d: %s", o->status, vmm_status(o->status));
}

#define CLOCK_SLACK_MS	2000		/* the RTC's second, and adjustments */

/* The guest's time (kvmclock) must be between the host's at start and end. */
static int judge_clock(struct t *t, const struct proc_out *o, double offset)
{
	const char *p = strstr(o->text, "# realtime: ");
	double guest, end = now_ms() + offset, start = end - o->ms;

	if (!p)
		return 0;
	if (fabs(wall_offset_ms() - offset) > 100) {
		t_note(t, "the host's clock was set meanwhile: the guest's clock was not compared with it");
		return 0;
	}
	guest = (double)strtoull(p + 12, NULL, 10) / 1e6;
	REQUIRE(t, guest >= start - CLOCK_SLACK_MS && guest <= end + CLOCK_SLACK_MS,
		"the guest's clock was %.0f ms off the host's", guest < start ? guest - start : guest - end);
	return 0;
}

/* The strings that argv points to. */
struct words {
	char kernel[PATH_MAX], initrd[PATH_MAX], append[512], deadline[16];
};

/* Build kvm-vmm's command line. */
static int command(struct t *t, const struct boot *b, struct words *w, const char **argv)
{
	unsigned int n = 0, i;

	snprintf(w->deadline, sizeof(w->deadline), "%u", (deadline_ms(t) - 1500) / 1000);
	argv[n++] = t->env->vmm;
	argv[n++] = "--deadline";
	argv[n++] = w->deadline;
	if (b->restore) {
		argv[n++] = "--restore";
		argv[n++] = b->restore;
	} else {
		if (guest_kernel(t, w->kernel, sizeof(w->kernel)))
			return -1;
		snprintf(w->initrd, sizeof(w->initrd), "%s/initramfs.img", t->env->guest_dir);
		/*
		 * Under TCG KVM never sees the guest's XSETBV, so CPUID's size of the
		 * XSAVE area stays that of x87 and SSE. Linux 7.2 panics about the
		 * difference, older kernels warn.
		 */
		snprintf(w->append, sizeof(w->append), "console=ttyS0 quiet panic=-1 %s%s",
			 host_is_tcg() ? "noxsave " : "", b->append);
		argv[n++] = "--kernel";
		argv[n++] = w->kernel;
		argv[n++] = "--initrd";
		argv[n++] = w->initrd;
		argv[n++] = "--append";
		argv[n++] = w->append;
		argv[n++] = "--mem";
		argv[n++] = b->mem ? b->mem : "128";
		argv[n++] = "--cpus";
		argv[n++] = b->cpus ? b->cpus : "1";
	}
	for (i = 0; i < EXTRA_MAX && b->extra[i]; i++)
		argv[n++] = b->extra[i];
	argv[n] = NULL;
	return 0;
}

int linux_run(struct t *t, const struct boot *b, struct proc_out *o)
{
	const char *argv[ARGS_MAX];
	struct words *w = malloc(sizeof(*w));
	double offset = wall_offset_ms();
	int rc;

	memset(o, 0, sizeof(*o));
	o->cue = b->cue;
	o->signal = SIGUSR1;
	NEED(t, w, "memory");
	rc = command(t, b, w, argv);
	if (!rc) {
		rc = proc_run(argv, deadline_ms(t), OUTPUT_MAX, o);
		if (rc || !o->text)
			rc = t_lacks(t, rc ? -rc : ENOMEM, t->env->vmm);
	}
	free(w);
	if (rc)
		return -1;
	t_note(t, "kvm-vmm ended with %d after %.0f ms", o->status, o->ms);
	if (o->timed_out)
		rc = t_fail(t, "kvm-vmm itself did not end in time: killed");
	else if (o->status != b->status)
		rc = vmm_failed(t, o);
	else if (!b->part)
		rc = judge(t, o->text) || judge_clock(t, o, offset) ? -1 : 0;
	if (rc)
		t_note_text(t, o->text + (o->len > NOTES_LAST ? o->len - NOTES_LAST : 0),
			    o->len > NOTES_LAST ? NOTES_LAST : o->len);
	return rc;
}

int linux_boot(struct t *t, const struct boot *b)
{
	struct proc_out o = { .text = NULL };
	int rc = linux_images(t) ? -1 : linux_run(t, b, &o);

	free(o.text);
	return rc;
}
