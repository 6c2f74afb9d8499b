// SPDX-License-Identifier: GPL-2.0-only
#include "machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot/loaders.h"
#include "boot/start.h"
#include "boot/tables.h"
#include "control.h"
#include "dev/virtio_mmio.h"
#include "devices.h"
#include "dirty.h"
#include "sandbox.h"
#include "say.h"
#include "stats.h"
#include "trace.h"
#include "vcpu.h"

#define OUTPUT_MAX	(1ULL << 30)	/* bytes that consoles add to a file */

/* ---- image ---- */

/* Does one of the words begin with @key? */
static bool has_word(const char *s, const char *key)
{
	const char *at = s;

	while ((at = strstr(at, key)) && at != s && at[-1] != ' ')
		at++;
	return at;
}

/*
 * What a Linux guest is told besides. One that panics would spin to its
 * deadline. One on an AMD CPU looks for an AGP bridge at 8,192 places on the
 * PCI bus, which takes two exits each.
 */
static const char *linux_words(const struct opts *o)
{
	bool panic = !has_word(o->append, "panic="), pci = !o->pci && !has_word(o->append, "pci=");

	if (panic && pci)
		return "panic=-1 pci=off ";
	return panic ? "panic=-1 " : pci ? "pci=off " : NULL;
}

static bool is_linux(const struct machine *m)
{
	return m->entry.protocol && strcmp(m->entry.protocol, "multiboot") &&
		strcmp(m->entry.protocol, "flat");
}

/* A guest without ACPI is told of the devices on its command line. */
static int make_cmdline(struct machine *m, struct boot *b, struct err *e)
{
	size_t n = strlen(m->o->append), size = sizeof(m->cmdline);
	unsigned int i;

	memcpy(m->cmdline, m->o->append, n + 1);
	for (i = 0; m->o->no_acpi && !m->o->pci && i < m->dev.nvirtio && n < size; i++)
		n += (size_t)snprintf(m->cmdline + n, size - n, " virtio_mmio.device=%u@%#lx:%u",
			m->dev.place[i].len, m->dev.place[i].base, m->dev.place[i].gsi);
	if (n >= size)
		return err_set(e, -E2BIG, "--append: no room for %u devices", i);
	b->cmdline = m->cmdline;
	b->linux_cmdline = linux_words(m->o);
	return 0;
}

static int load_kernel(struct machine *m, struct boot *b, struct err *e)
{
	struct vm *vm = &m->vm;
	int rc = 0;

	if (m->o->initrd)
		rc = boot_open(&b->initrd, m->o->initrd, e);
	if (!rc && !m->o->no_acpi)
		rc = acpi_write(&vm->mem, vm->cfg.cpus, m->dev.place,
				m->o->pci ? TABLES_PCI : m->dev.nvirtio, &b->rsdp, e);
	if (!rc)
		rc = mptable_write(&vm->mem, vm->cfg.cpus, e);
	if (!rc)
		rc = boot_claim(b, BOOT_ROM, TABLES_END - BOOT_ROM, "ACPI and MP tables", e);
	if (!rc)
		rc = make_cmdline(m, b, e);
	if (!rc)
		rc = boot_kernel(b, &m->entry, e);
	if (!rc && b->linux_cmdline && is_linux(m))
		say("added to the command line: %.*s", (int)strlen(b->linux_cmdline) - 1,
		    b->linux_cmdline);
	return rc;
}

static int load_image(struct machine *m, struct err *e)
{
	const struct opts *o = m->o;
	struct boot b = { .mem = &m->vm.mem, .kernel.fd = -1, .initrd.fd = -1,
			  .cmdline = o->append };
	int rc = boot_open(&b.kernel, o->flat ? o->flat : o->kernel, e);

	if (!rc)
		rc = o->flat ? flat_load(&b, &o->flat_opts, &m->entry, e) : load_kernel(m, &b, e);
	if (b.kernel.fd >= 0)
		close(b.kernel.fd);
	if (b.initrd.fd >= 0)
		close(b.initrd.fd);
	return rc;
}

/* ---- the whole ---- */

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	if (!a || !b)
		return false;
	return !strcmp(a, b) || (!stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev &&
				 x.st_ino == y.st_ino && !S_ISCHR(x.st_mode));
}

/* No output may destroy an input, nor another output. */
static int check_outputs(const struct opts *o, struct err *e)
{
	const struct {
		const char *option, *path;
	} f[] = {
		{ "snapshot", o->snapshot }, { "stats", o->stats }, { "trace", o->trace },
		{ "kernel", o->kernel }, { "initrd", o->initrd }, { "flat", o->flat },
		{ "restore", o->restore },
	};
	unsigned int i, k;

	for (i = 0; i < 3; i++) {	/* those that are written */
		for (k = i + 1; k < sizeof(f) / sizeof(f[0]); k++)
			if (same_file(f[i].path, f[k].path))
				return err_set(e, -EINVAL, "--%s %s: is the file of --%s, too",
					       f[i].option, f[i].path, f[k].option);
		for (k = 0; k < o->ndevs; k++)
			if (o->dev[k].type == &blk_device && same_file(f[i].path, o->dev[k].text))
				return err_set(e, -EINVAL, "--%s %s: is a --disk, too",
					       f[i].option, f[i].path);
	}
	return 0;
}

static int open_out(const char *path, FILE **out, struct err *e)
{
	if (path) {
		*out = strcmp(path, "-") ? fopen(path, "we") : stdout;
		if (!*out)
			return err_set(e, -errno, "%s: cannot write: %m", path);
	}
	return 0;
}

/* A console's characters got lost: a disk is full, or the reader went away. */
static void output_failed(void *vm, int error)
{
	vm_stop(vm, VM_HOST, "standard output: %s%s", strerror(error),
		error == EPIPE ? " (whoever reads it went away)" :
		error == EFBIG ? " (a guest may add 1 GiB to a file, and not exceed ulimit -f)" : "");
}

static void guest_panicked(void *vm, const char *panic)
{
	vm_stop(vm, VM_PANIC, "the guest panicked: %s", panic);
}

static int start_state(struct machine *m, int *status, struct err *e)
{
	int rc;

	*status = VM_IMAGE;
	if (m->o->listen) {
		rc = migrate_receive(&m->restore, &m->vm.mem, e);
		if (!rc)
			rc = snapshot_restore(&m->vm, &m->dev, &m->restore, e);
		if (!rc)
			rc = devices_own(&m->dev, true, e);
		return rc ? rc : migrate_ready(&m->restore, e);
	}
	if (m->o->restore)
		return snapshot_restore(&m->vm, &m->dev, &m->restore, e);
	rc = load_image(m, e);
	if (rc)
		return rc;
	*status = VM_HOST;
	return boot_start(&m->vm.vcpus[0], &m->entry, e);
}

static void free_files(struct machine *m)
{
	if (m->dev.input_fd >= 0)
		close(m->dev.input_fd);
	helper_stop(&m->helper);
	snapshot_close(&m->restore);
}

static void configure(struct machine *m)
{
	const struct opts *o = m->o;

	m->ender.vm = &m->vm;
	m->ender.deadline_ms = o->deadline_ms;
	m->ender.grace_ms = ENDER_GRACE_MS;
	m->dev.vm = &m->vm;
	m->dev.out = (struct out){ .fd = STDOUT_FILENO, .stop = &m->vm.stopping,
				   .failed = output_failed, .ctx = &m->vm };
	if (!o->flat) {
		pthread_mutex_init(&m->watch.lock, NULL);
		m->watch.panicked = guest_panicked;
		m->watch.ctx = &m->vm;
		m->dev.out.watch = &m->watch;
	}
	m->dev.flat = o->flat;
	m->dev.acpi = !o->no_acpi;
	m->dev.pci = o->pci;
	m->dev.raw = o->disk_format;
	m->dev.incoming = o->listen;
}

/* Open the snapshot, or accept the migration, from which the VM is made; it says what the VM is like. */
static int open_source(struct machine *m, struct vm_config *cfg, struct err *e)
{
	int rc = m->o->listen ? migrate_accept(&m->restore, m->o->listen, e) :
		snapshot_open(&m->restore, m->o->restore, e);

	if (rc)
		return rc;
	m->dev.flat = m->restore.h.flat;
	cfg->cpus = m->restore.h.cpus;
	cfg->irqchip = (enum vm_irqchip)m->restore.h.irqchip;
	cfg->add_memory = m->o->listen ? migrate_memory : snapshot_memory;
	cfg->add_memory_ctx = &m->restore;
	return 0;
}

/* Add to the VM all that belongs to it. */
static int complete(struct machine *m, int *status, struct err *e)
{
	const struct opts *o = m->o;
	int rc = o->gdb ? gdb_open(&m->gdb, &m->vm, o->gdb, e) : 0;

	if (!rc)
		rc = open_out(o->stats, &m->stats, e);
	if (!rc)
		rc = open_out(o->trace, &m->trace, e);
	if (!rc && o->trace)
		rc = trace_start(&m->vm, e);
	if (!rc)
		rc = devices_add(&m->dev, o->dev, o->ndevs, status, e);
	if (!rc)
		rc = control_start(m, e);
	if (!rc)
		rc = start_state(m, status, e);
	if (!rc && o->dirty_log)
		rc = dirty_start(&m->vm, e);
	return rc;
}

int machine_make(struct machine *m, const struct opts *o, int *status, struct err *e)
{
	struct vm_config cfg = {
		.mem_size = o->mem_mib << 20, .cpus = (unsigned int)o->cpus,
		.irqchip = (enum vm_irqchip)o->irqchip, .dirty_ring = o->dirty_ring,
		.regs_gpa = VIRTIO_MMIO_BASE, .regs_size = !o->pci && o->ndevs ? VIRTIO_MAX * VIRTIO_MMIO_STRIDE : 0,
		.sandbox = !o->no_sandbox, .hugepages = o->hugepages, .kvm_path = o->kvm_path,
	};
	int rc;

	m->o = o;
	m->signal_fd = m->restore.fd = m->step_fd = m->ender.signal_fd = m->dev.input_fd = -1;
	m->helper = (struct helper){ .fd = -1, .file = -1, .path = o->snapshot,
				     .socket = o->migrate_to };
	*status = VM_USAGE;
	rc = check_outputs(o, e);
	if (rc)
		return rc;
	*status = VM_HOST;
	if (o->snapshot || o->migrate_to)
		rc = helper_start(&m->helper, e);
	if (rc)
		return rc;
	configure(m);
	m->dev.input_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->dev.input_fd < 0)
		rc = err_set(e, -errno, "eventfd: %m");
	if (!rc && (o->restore || o->listen)) {
		*status = VM_IMAGE;
		rc = open_source(m, &cfg, e);
	}
	if (!rc) {
		*status = VM_HOST;
		rc = vm_create(&m->vm, &cfg, e);
	}
	if (rc) {
		free_files(m);
		return rc;
	}
	rc = complete(m, status, e);
	if (rc)
		machine_free(m);
	return rc;
}

/* What a Linux guest wrote last says more than how it ended. */
static int explain(struct machine *m, int status)
{
	const char *panic = watch_panic(&m->watch), *last = watch_last(&m->watch);
	struct vm *vm = &m->vm;
	size_t n = strlen(vm->why), left = sizeof(vm->why) - n;

	if (panic && (status == VM_RESET || status == VM_TRIPLE || status == VM_DEADLINE)) {
		snprintf(vm->why, sizeof(vm->why), "the guest panicked: %s", panic);
		return VM_PANIC;
	}
	if (status != VM_DEADLINE)
		return status;
	if (last)
		snprintf(vm->why + n, left, "; its last line: %s", last);
	else if (is_linux(m))
		snprintf(vm->why + n, left, "; it never wrote to a console: is %.*s on its command line?",
			 (int)strcspn(opts_console(m->o), " "), opts_console(m->o));
	return status;
}

/* Where did it hang, and what did it do? */
static int report(struct machine *m, int status, double wall_ms, struct err *e)
{
	unsigned int i;
	long dirty;
	int rc;

	if ((status == VM_DEADLINE || status == VM_KILLED) && m->o->verbose)
		for (i = 0; i < m->vm.ncpus; i++)
			vcpu_dump(&m->vm.vcpus[i]);
	rc = m->trace ? trace_write(&m->vm, m->trace, e) : 0;
	if (rc || !m->stats)
		return rc ? rc : status;
	dirty = m->o->dirty_log ? dirty_count(&m->vm, e) : -1;
	if (m->o->dirty_log && dirty < 0)
		return (int)dirty;
	rc = stats_write(&m->vm, m->stats, status, dirty, wall_ms, e);
	return rc ? rc : status;
}

static uint64_t size_of(const struct stat *st)
{
	return S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
}

/*
 * The largest file that there may be: a disk as it is, the snapshot, or what a
 * console prints into a file.
 */
static uint64_t file_max(const struct machine *m)
{
	uint64_t max = OUTPUT_MAX, snapshot = 2ULL * SNAP_STATE_MAX;
	struct stat st;
	unsigned int i;
	int fd;

	for (fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		if (!fstat(fd, &st) && size_of(&st) + OUTPUT_MAX > max)
			max = size_of(&st) + OUTPUT_MAX;
	for (i = 0; i < m->o->ndevs; i++)
		if (m->o->dev[i].type == &blk_device && !stat(m->o->dev[i].text, &st) &&
		    size_of(&st) > max)
			max = size_of(&st);
	for (i = 0; i < m->vm.mem.n; i++)
		snapshot += m->vm.mem.r[i].size;
	return m->o->snapshot && snapshot > max ? snapshot : max;
}

int machine_run(struct machine *m, struct err *e)
{
	uint64_t start = now_us();
	int rc = 0;

	if (m->o->verbose)
		say("%s, %u vCPUs, %u virtio devices",
			m->restore.fd >= 0 ? "snapshot" : m->entry.protocol,
			m->vm.ncpus, m->dev.nvirtio);
	if (!m->o->no_sandbox)
		rc = sandbox_process(&m->o->user, file_max(m), e);
	if (m->o->gdb_wait)
		target_hold(&m->gdb.t);
	/* The guest first: its devices' threads start while it does. */
	if (!rc)
		rc = vm_start(&m->vm, e);
	if (rc)
		return rc;
	if (m->o->listen)
		migrate_running(&m->restore);
	rc = ender_start(&m->ender, e);
	if (!rc)
		rc = devices_start(&m->dev, e);
	if (!rc && m->o->gdb)
		rc = gdb_start(&m->gdb, e);
	if (!rc && !m->o->no_sandbox)
		rc = sandbox_enter(SANDBOX_MAIN, e);
	if (rc)
		vm_cancel(&m->vm);
	else
		rc = vm_run(&m->vm, m->o->watchdog_ms, e);
	m->vm.stuck |= !gdb_stop(&m->gdb);
	m->vm.stuck |= !devices_stop(&m->dev);
	rc = rc < 0 ? rc : explain(m, rc);
	if (rc >= 0 && !m->vm.stuck)
		rc = report(m, rc, (double)(now_us() - start) / 1e3, e);
	return rc;
}

void machine_free(struct machine *m)
{
	if (m->signal_fd >= 0)
		close(m->signal_fd);
	if (m->step_fd >= 0)
		close(m->step_fd);
	if (m->move.vm)
		migrate_end(&m->move);
	if (m->stats && m->stats != stdout)
		fclose(m->stats);
	if (m->trace && m->trace != stdout)
		fclose(m->trace);
	gdb_close(&m->gdb);
	devices_free(&m->dev);
	vm_destroy(&m->vm);
	free_files(m);
}
