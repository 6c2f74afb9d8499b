// SPDX-License-Identifier: GPL-2.0-only
/* linux: a whole Linux guest on kvm-vmm. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define REPORT_PLACE 10
#include "lab/linux.h"

CHECK(linux, vmm, "kvm-vmm is installed and starts",
      "Reinstall kernel-kvm-selftest, or give --vmm.", 0)
{
	const char *const argv[] = { t->env->vmm, "--version", NULL };
	struct proc_out o = { .cue = NULL };
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

CHECK(linux, boot, "a Linux guest boots to its init, has the host's time and powers off",
      ADVICE_LINUX, LINUX, .deadline_ms = 30000)
{
	return linux_boot(t, &(struct boot){ .append = "st.cpus=1" });
}

static int smp(struct t *t, long n)
{
	char append[32], cpus[8];

	snprintf(cpus, sizeof(cpus), "%ld", n);
	snprintf(append, sizeof(append), "st.cpus=%s", cpus);
	return linux_boot(t, &(struct boot){ .cpus = cpus, .append = append });
}

CHECK(linux, smp_2, "a Linux guest has 2 CPUs, and both work",
      ADVICE_LINUX, LINUX, .deadline_ms = 30000)
{
	return smp(t, 2);
}

CHECK(linux, smp_host, "a Linux guest has as many CPUs as the host, up to 8",
      ADVICE_LINUX, LINUX, .deadline_ms = 60000)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	if (n <= 2)
		return t_skip(t, "the host has %ld CPUs: linux/smp-2 checks the same", n);
	return smp(t, n > 8 ? 8 : n);
}

CHECK(linux, reboot, "a Linux guest reboots",
      ADVICE_LINUX, LINUX, .deadline_ms = 30000)
{
	return linux_boot(t, &(struct boot){ .append = "st.reboot=1", .status = 8 });
}

/* A file without a name, which needs no clean-up. @path: how other processes open it. */
static int nameless(struct t *t, off_t size, char *path, size_t len)
{
	int fd = memfd_create("kvm-selftest", 0);

	if (fd >= 0 && ftruncate(fd, size) == 0) {
		snprintf(path, len, "/proc/%d/fd/%d", (int)getpid(), fd);
		return fd;
	}
	t_lacks(t, errno, "a file in memory");
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Boot @b with a disk added as its first option; the guest must have written to the disk. */
static int blk(struct t *t, struct boot *b)
{
	/* The first word that the generator in guest/init.c makes */
	const uint64_t x = 42 * 6364136223846793005ull + 1442695040888963407ull;
	uint64_t first = 0;
	char disk[64];
	int fd, rc;

	if (linux_own(t))
		return -1;
	fd = nameless(t, 4 << 20, disk, sizeof(disk));
	if (fd < 0)
		return -1;
	b->extra[0] = "--disk";
	b->extra[1] = disk;
	rc = linux_boot(t, b);
	if (!rc && (pread(fd, &first, 8, 0) != 8 || first != x))
		rc = t_fail(t, "the disk's first word is 0x%llx, the guest wrote 0x%llx",
			    (unsigned long long)first, (unsigned long long)x);
	close(fd);
	return rc;
}

/* On MMIO, with an irqfd */
CHECK(linux, virtio_blk, "a Linux guest writes a disk and reads it back",
      ADVICE_LINUX, LINUX, .deadline_ms = 30000)
{
	return blk(t, &(struct boot){ .append = "st.blk=1" });
}

CHECK(linux, virtio_net, "frames from one network card arrive intact at the other",
      ADVICE_LINUX, LINUX, .deadline_ms = 30000)
{
	return linux_own(t) ? -1 :
		linux_boot(t, &(struct boot){ .append = "st.net=1", .extra = { "--net", "loop" } });
}

/* On PCI, with MSIs, beside other devices */
CHECK(linux, virtio_pci, "a disk, network cards and random numbers work on PCI, by MSI-X",
      ADVICE_LINUX, LINUX, .deadline_ms = 30000)
{
	return blk(t, &(struct boot){ .append = "st.blk=1 st.net=1 st.rng=1",
		.extra = { [2] = "--net", "loop", "--rng", "--pci" } });
}

/* Without PIC, IOAPIC and PIT in KVM the serial port has no interrupt: only MSIs work. */
CHECK(linux, split_irqchip, "a Linux guest with 2 CPUs works with KVM's local APICs alone",
      ADVICE_LINUX, LINUX, .deadline_ms = 30000)
{
	return linux_own(t) ? -1 : linux_boot(t, &(struct boot){ .cpus = "2",
		.append = "console=hvc0 st.cpus=2 st.net=1",
		.extra = { "--irqchip", "split", "--pci", "--console", "virtio", "--net", "loop" } });
}

CHECK(linux, virtio_rng, "a Linux guest gets random numbers from its host",
      ADVICE_LINUX, LINUX, .deadline_ms = 30000)
{
	return linux_own(t) ? -1 : linux_boot(t, &(struct boot){ .append = "st.rng=1", .extra = { "--rng" } });
}

CHECK(linux, virtio_console, "a Linux guest writes to a virtio console",
      ADVICE_LINUX, LINUX, .deadline_ms = 30000)
{
	struct proc_out o = { .text = NULL };
	int rc = -1;

	if (!linux_own(t) && !linux_images(t))
		rc = linux_run(t, &(struct boot){ .append = "st.console=1", .extra = { "--console", "virtio" } }, &o);
	if (!rc && !strstr(o.text, "kvm-selftest on hvc0"))
		rc = t_fail(t, "the guest's output to hvc0 did not come out of kvm-vmm");
	free(o.text);
	return rc;
}

/* The host asks for 48 of 128 MiB: at most 80 are left. */
CHECK(linux, virtio_balloon, "a Linux guest gives memory back to its host",
      ADVICE_LINUX, LINUX, .deadline_ms = 30000)
{
	return linux_own(t) ? -1 :
		linux_boot(t, &(struct boot){ .append = "st.balloon=80", .extra = { "--balloon", "48" } });
}

/* --- snapshot --- */

/* The number of the last, or first, "# tick N" in @text; 0: none */
static unsigned long tick(const char *text, bool last)
{
	unsigned long n = 0;
	const char *p;

	for (p = strstr(text, "# tick "); p; p = last ? strstr(p + 7, "# tick ") : NULL)
		n = strtoul(p + 7, NULL, 10);
	return n;
}

/* Save a guest in the middle of its work; it must continue in another process. */
static int snapshot_body(struct t *t, const char *file)
{
	struct boot save = { .mem = "64", .append = "st.ticks=40", .extra = { "--snapshot", file },
		.cue = "# tick 5\r", .part = true };
	struct boot restore = { .restore = file, .part = true };
	struct proc_out a, b = { .text = NULL };
	unsigned long before, after;
	int rc = linux_run(t, &save, &a);

	if (!rc)
		rc = linux_run(t, &restore, &b);
	if (!rc) {
		before = tick(a.text, true);
		after = tick(b.text, false);
		t_note(t, "tick %lu before the snapshot, %lu after", before, after);
		/* A part of its current line may have come out before the snapshot. */
		if (before < 5 || after < before || after > before + 1)
			rc = t_fail(t, "the guest was at tick %lu when it was saved, but continued at %lu", before, after);
		else if (!strstr(b.text, "# guest: all well"))
			rc = t_fail(t, "the restored guest did not finish");
	}
	if (rc && b.text)
		t_note_text(t, b.text, b.len > 2000 ? 2000 : b.len);
	free(a.text);
	free(b.text);
	return rc;
}

CHECK(linux, snapshot, "a Linux guest continues from a snapshot where it was saved",
      ADVICE_LINUX, LINUX, .deadline_ms = 30000)
{
	char dir[PATH_MAX], file[PATH_MAX + 8];

	if (linux_own(t) || linux_images(t))
		return -1;
	/* kvm-vmm renames a finished snapshot: that needs a directory. */
	scratch_path(t->env, (int)getpid(), dir, sizeof(dir));
	NEED(t, !mkdir(dir, 0700), dir);
	snprintf(file, sizeof(file), "%s/%s", dir, SCRATCH_FILE);
	return snapshot_body(t, file);
}

/* --- many at once --- */

#define MANY		8
#define MANY_MIB	"48"

struct guest {
	struct t t;
	struct result res;
	pthread_t thread;
	bool started;
};

static void *guest_main(void *arg)
{
	struct guest *g = arg;
	struct proc_out o;

	linux_run(&g->t, &(struct boot){ .mem = MANY_MIB, .append = "st.cpus=1" }, &o);
	free(o.text);
	return NULL;
}

CHECK(linux, eight_at_once, "8 Linux guests run side by side",
      ADVICE_LINUX, LINUX, .deadline_ms = 60000)
{
	struct guest *g = calloc(MANY, sizeof(*g));
	struct sysinfo si;
	unsigned int i;

	NEED(t, g, "memory");
	/* Other guests may run on this host: start only if memory is plentiful. */
	if (!sysinfo(&si) && (double)(si.freeram + si.bufferram) * si.mem_unit < 600e6) {
		free(g);
		return t_skip(t, "less than 600 MB are free");
	}
	if (linux_own(t) || linux_images(t)) {
		free(g);
		return -1;
	}
	for (i = 0; i < MANY; i++) {
		g[i].t = (struct t){ .check = t->check, .env = t->env, .res = &g[i].res };
		g[i].started = !t_thread(t, &g[i].thread, guest_main, &g[i]);
	}
	for (i = 0; i < MANY; i++) {
		if (g[i].started)
			pthread_join(g[i].thread, NULL);
		if (t->res->status == ST_NONE && g[i].res.status != ST_NONE) {
			t_note_text(t, g[i].res.notes, g[i].res.notes_len);
			if (g[i].res.status == ST_ERROR)
				t_error(t, "guest %u of %u at once: %.900s", i + 1, MANY, g[i].res.why);
			else
				t_fail(t, "guest %u of %u at once: %.900s", i + 1, MANY, g[i].res.why);
			memcpy(t->res->advice, g[i].res.advice, sizeof(t->res->advice));
		}
	}
	free(g);
	return t->res->status == ST_NONE ? 0 : -1;
}
