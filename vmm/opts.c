// SPDX-License-Identifier: GPL-2.0-only
#include "opts.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "dev/virtio_mmio.h"
#include "dev/virtio_pci.h"
#include "devices.h"

#define DEADLINE_S	300

static int seconds(const char *opt, const char *s, unsigned int *ms, struct err *e)
{
	char *end;
	double v;

	errno = 0;
	v = strtod(s, &end);
	if (errno || end == s || *end || !(v >= 0 && v <= 1e6))
		return err_set(e, -EINVAL, "--%s %s: expected seconds from 0 to 1000000", opt, s);
	*ms = (unsigned int)(v * 1000 + 0.5);
	return 0;
}

static int entry(struct opts *o, char *s, struct err *e)
{
	char *colon = strchr(s, ':');
	uint64_t seg = 0;
	int rc;

	o->entry_set = true;
	if (!colon)
		return arg_number("entry", s, 0, UINT64_MAX, &o->flat_opts.entry, e);
	*colon = '\0';
	rc = arg_number("entry", s, 0, 0xffff, &seg, e);
	o->flat_opts.has_seg = true;
	o->flat_opts.seg = (uint16_t)seg;
	return rc ? rc : arg_number("entry", colon + 1, 0, 0xffff, &o->flat_opts.entry, e);
}

static int dirty(struct opts *o, char *s, struct err *e)
{
	uint64_t v = 0;
	int rc;

	o->dirty_log = true;
	if (!strcmp(s, "bitmap"))
		return 0;
	if (strncmp(s, "ring=", 5))
		return err_set(e, -EINVAL, "--dirty-log %s: expected bitmap or ring=ENTRIES", s);
	rc = arg_number("dirty-log ring", s + 5, 1024, 65536, &v, e);
	if (!rc && v & (v - 1))
		rc = err_set(e, -EINVAL, "--dirty-log %s: expected a power of 2", s);
	o->dirty_ring = (unsigned int)v;
	return rc;
}

/* SOCKET[,wait] */
static int gdb(struct opts *o, char *s, struct err *e)
{
	char *comma = strrchr(s, ',');

	(void)e;
	o->gdb_wait = comma && !strcmp(comma, ",wait");
	if (o->gdb_wait)
		*comma = '\0';
	o->gdb = s;
	return 0;
}

/* UID[:GID], as numbers: names are not the sandbox's to look up. */
static int user(struct opts *o, char *s, struct err *e)
{
	char *colon = strchr(s, ':');
	uint64_t uid = 0, gid = 0;
	int rc;

	if (colon)
		*colon = '\0';
	rc = arg_number("user", s, 0, UINT32_MAX - 1, &uid, e);
	if (!rc)
		rc = arg_number("user", colon ? colon + 1 : s, 0, UINT32_MAX - 1, &gid, e);
	o->user = (struct sandbox_user){ true, (uint32_t)uid, (uint32_t)gid };
	return rc;
}

/* What an option is for; one for something else was meant for another image. */
enum { KERNEL = 1, FLAT = 2, RESTORE = 4, ANY = 7 };

static const char *const formats[] = { "auto", "raw", NULL };
static const char *const modes[] = { "real", "prot", "long", NULL };
static const char *const chips[] = { "none", "full", "split", NULL };

/* Every option but the devices': where its value goes, and its line in --help. */
static const struct option {
	enum { FLAG, TEXT, NUMBER, SECONDS, WORD, OWN, HEADING, DEVICE_LINES } kind;
	unsigned int with;	/* KERNEL and so on */
	const char *name;
	size_t field;		/* bool, char *, uint64_t, unsigned int, int */
	const char *help;	/* what follows the name; NULL: see print_help() */
	uint64_t min, max;
	const char *const *words;
	int (*own)(struct opts *o, char *s, struct err *e);
} options[] = {
#define F(x)	offsetof(struct opts, x)
#define O(kind, name, to, help)	{ kind, ANY, name, F(to), help, 0, 0, NULL, NULL }
#define H(kind, title)		{ kind, ANY, NULL, 0, title, 0, 0, NULL, NULL }
	H(HEADING, "Image:"),
	O(TEXT, "kernel", kernel, " FILE      Linux bzImage, or ELF with a PVH note or multiboot header"),
	{ TEXT, KERNEL, "initrd", F(initrd), " FILE      initrd, or the module of a multiboot image",
	  0, 0, NULL, NULL },
	{ TEXT, KERNEL, "append", F(append),
	  " STRING    command line (console=ttyS0); adds panic=-1, pci=off", 0, 0, NULL, NULL },
	O(TEXT, "flat", flat, " FILE        raw image, loaded whole"),
	{ WORD, FLAT, "mode", F(flat_opts.mode),
	  " MODE        real, prot (32-bit) or long (64-bit, 4 GiB mapped) (real)", 0, 0, modes, NULL },
	{ NUMBER, FLAT, "load", F(flat_opts.load),
	  " ADDR        where a flat image goes (0x1000)", 0, UINT64_MAX, NULL, NULL },
	{ OWN, FLAT, "entry", 0,
	  " ADDR       where it starts, or SEGMENT:OFFSET in real mode (--load's)", 0, 0, NULL, entry },
	H(HEADING, "Machine:"),
	{ NUMBER, KERNEL | FLAT, "mem", F(mem_mib),
	  " MIB          RAM (128; flat images 16)", 1, MEM_MIB_MAX, NULL, NULL },
	{ NUMBER, KERNEL | FLAT, "cpus", F(cpus),
	  " N           vCPUs, 1 to 64 (1)", 1, VM_CPUS_MAX, NULL, NULL },
	{ WORD, KERNEL | FLAT, "irqchip", F(irqchip),
	  " KIND     none, full or split (full; flat images none)", 0, 0, chips, NULL },
	O(FLAG, "hugepages", hugepages, "        RAM of the host's pool of 2 MiB pages (vm.nr_hugepages)"),
	H(DEVICE_LINES, NULL),
	{ WORD, ANY, "disk-format", F(disk_format),
	  " KIND auto, which refuses qcow2 and such, or raw, which takes all as they are",
	  0, 0, formats, NULL },
	O(FLAG, "pci", pci, "              virtio on PCI, with MSI-X, rather than on MMIO"),
	O(FLAG, "no-acpi", no_acpi, "          MP table and command line tell of the devices, not ACPI"),
	H(HEADING, "Run:"),
	O(SECONDS, "deadline", deadline_ms, " SEC     end the run then, exit status 14 (300; 0: never)"),
	O(SECONDS, "watchdog", watchdog_ms, " SEC     end it when no vCPU has left to us so long, status 16"),
	O(TEXT, "snapshot", snapshot, " FILE    SIGUSR1 writes the whole VM there and ends the run"),
	O(TEXT, "restore", restore, " FILE     start from such a file; give the same devices again"),
	O(TEXT, "migrate-to", migrate_to, " SOCKET   SIGUSR1 moves the VM to the kvm-vmm that listens there"),
	O(TEXT, "listen", listen, " SOCKET   take such a VM; give the same devices"),
	O(TEXT, "stats", stats, " FILE       at the end, KVM's statistics as JSON (-: stdout)"),
	O(TEXT, "trace", trace, " FILE       at the end, exits by reason and address, and our time for them"),
	{ OWN, ANY, "gdb", 0,
	  " SOCKET[,wait]  a debugger may come there; wait: the guest starts when it says",
	  0, 0, NULL, gdb },
	{ OWN, ANY, "dirty-log", 0,
	  " KIND   count written pages: bitmap, or ring=ENTRIES; in --stats", 0, 0, NULL, dirty },
	{ OWN, ANY, "user", 0,
	  " UID[:GID]   become this user, once all files are open (needs root)", 0, 0, NULL, user },
	O(FLAG, "no-sandbox", no_sandbox, "       keep privileges and all system calls"),
	O(TEXT, "kvm", kvm_path, " PATH         device to use (/dev/kvm)"),
	O(FLAG, "verbose", verbose, NULL),
	O(FLAG, "help", help, NULL),
	O(FLAG, "version", version, NULL),
};
#define NOPTIONS	(sizeof(options) / sizeof(options[0]))

static void print_help(FILE *out)
{
	const struct device_type *const *t;
	const struct option *x;

	fputs("Usage: kvm-vmm --kernel FILE [OPTION]...    boot bzImage, PVH or multiboot\n"
"       kvm-vmm --flat FILE [OPTION]...      run a raw image\n"
"       kvm-vmm --restore FILE [OPTION]...   go on from a snapshot\n"
"       kvm-vmm --listen SOCKET [OPTION]...  take a VM over from another kvm-vmm\n\n", out);
	for (x = options; x < options + NOPTIONS; x++)
		if (x->kind == HEADING)
			fprintf(out, "%s\n", x->help);
		else if (x->help)
			fprintf(out, "  --%s%s\n", x->name, x->help);
		else for (t = device_types; x->kind == DEVICE_LINES && *t; t++)
			if ((*t)->option)
				fprintf(out, "  --%s%s\n", (*t)->option, (*t)->help);
	fputs("  -v, --verbose      say what is done, with times\n"
"  -h, --help         this; --version\n"
"\n"
"Exit status: 0 guest shut down, 2 usage, 4 host or KVM, 6 bad image, 8 guest\n"
"reset, 10 triple fault, 12 KVM internal error, 14 deadline, 16 killed, 18 panic\n"
"of the guest; odd: the guest's own by port 0xf4, (code << 1) | 1.\n"
"SIGUSR2 pauses the guest, and resumes it. On a terminal, Ctrl-A x ends the\n"
"run. See kvm-vmm(1).\n", out);
}

static int set(struct opts *o, const struct option *x, char *s, struct err *e)
{
	void *field = (char *)o + x->field;
	int rc;

	switch (x->kind) {
	case FLAG:
		*(bool *)field = true;
		return 0;
	case TEXT:
		*(const char **)field = s;
		return 0;
	case NUMBER:
		return arg_number(x->name, s, x->min, x->max, field, e);
	case SECONDS:
		return seconds(x->name, s, field, e);
	case WORD:
		rc = arg_choice(x->name, s, x->words, e);
		*(int *)field = rc;
		return rc < 0 ? rc : 0;
	default:
		return x->own(o, s, e);
	}
}

static int set_device(struct opts *o, const struct device_type *t, char *s, struct err *e)
{
	struct device_arg *a = NULL;
	unsigned int i, n = 0;
	int rc;

	for (i = 0; i < o->ndevs; i++)
		if (o->dev[i].type == t && ++n && t->max == 1)
			a = &o->dev[i];
	if (!a && (n == t->max || o->ndevs == OPT_DEVICES_MAX))
		return err_set(e, -EINVAL, "more than %u --%s", n, t->option);
	if (!a)
		a = &o->dev[o->ndevs++];
	*a = (struct device_arg){ .type = t };
	rc = t->parse ? t->parse(a, s, e) : 0;
	if (rc > 0)
		a->type = NULL;
	return rc < 0 ? rc : 0;
}

static bool named(const char *name, const char *s, size_t len)
{
	return name && strlen(name) == len && !memcmp(name, s, len);
}

static const struct option *find_option(const char *s, size_t len)
{
	const struct option *x;

	for (x = options; x < options + NOPTIONS; x++)
		if (named(x->name, s, len))
			return x;
	return NULL;
}

/* --name, --name VALUE, --name=VALUE, -h, -v; returns how many of @argv it took. */
static int one(struct opts *o, char **argv, struct err *e)
{
	const struct device_type *const *t = device_types;
	const struct option *x;
	char *s = argv[0], *value;
	size_t len;
	bool flag;
	int rc;

	s = !strcmp(s, "-h") ? "--help" : !strcmp(s, "-v") ? "--verbose" : s;
	if (s[0] != '-')
		return err_set(e, -EINVAL, "%s: unexpected argument", s);
	value = strchr(s, '=');
	len = value ? (size_t)(value - s) : strlen(s);
	if (len < 2 || s[1] != '-')
		return err_set(e, -EINVAL, "%s: unknown option", s);
	x = find_option(s + 2, len - 2);
	while (!x && *t && !named((*t)->option, s + 2, len - 2))
		t++;
	flag = x ? x->kind == FLAG : *t && !(*t)->parse;
	if ((!x && !*t) || (value && flag))
		return err_set(e, -EINVAL, "%s: unknown option", s);
	if (!flag && !value && !argv[1])
		return err_set(e, -EINVAL, "%s needs an argument", s);
	o->given |= x ? 1ULL << (x - options) : 0;
	rc = flag || value ? 1 : 2;
	value = value ? value + 1 : argv[1];
	return (x ? set(o, x, value, e) : set_device(o, *t, value, e)) ? -EINVAL : rc;
}

/* The kernel's console is the serial port, or another that was asked for. */
const char *opts_console(const struct opts *o)
{
	const char *append = serial_device.append;
	unsigned int i;

	for (i = 0; i < o->ndevs; i++)
		if (o->dev[i].type && o->dev[i].type->append)
			append = o->dev[i].type->append;
	return append;
}

/* No option was given that this image does not have. */
static int check_given(const struct opts *o, struct err *e)
{
	unsigned int i, kind = o->kernel ? KERNEL : o->flat ? FLAT : RESTORE;

	for (i = 0; i < NOPTIONS; i++)
		if (o->given >> i & 1 && !(options[i].with & kind))
			return err_set(e, -EINVAL, "--%s goes with --%s%s", options[i].name,
				       options[i].with & KERNEL ? "kernel" : "flat",
				       options[i].with == (KERNEL | FLAT) ?
				       " or --flat; a snapshot has its own" : "");
	return 0;
}

/* What device_attach() would find, but before a VM is made. */
static int check_virtio(const struct opts *o, struct err *e)
{
	const struct virtio_transport *t = o->pci ? &virtio_pci_transport : &virtio_mmio_transport;
	unsigned int i, n = 0;

	for (i = 0; i < o->ndevs; i++)
		if (o->dev[i].type && o->dev[i].type->virtio)
			n += o->dev[i].type == &net_device && !strcmp(o->dev[i].text, "loop") ? 2 : 1;
	if (n > t->max)
		return err_set(e, -EINVAL, "more than %u virtio devices", t->max);
	if (n && !o->restore && !o->listen && (o->irqchip == VM_IRQCHIP_NONE ||
				 (o->irqchip == VM_IRQCHIP_SPLIT && t->lines)))
		return err_set(e, -EINVAL,
			       "virtio devices need --irqchip full, or split with --pci");
	return 0;
}

static int check(struct opts *o, struct err *e)
{
	int rc;

	if (!!o->kernel + !!o->flat + !!o->restore + !!o->listen != 1)
		return err_set(e, -EINVAL, "give one of --kernel, --flat, --restore, --listen");
	if (o->migrate_to && (o->snapshot || o->dirty_log))
		return err_set(e, -EINVAL, "--migrate-to: leave --%s out: %s",
			       o->snapshot ? "snapshot" : "dirty-log", o->snapshot ?
			       "SIGUSR1 is for one of them" : "it needs KVM's log for itself");
	rc = check_given(o, e);
	if (rc)
		return rc;
	if (o->hugepages && (o->restore || o->mem_mib % 2))
		return err_set(e, -EINVAL, o->restore ? "--hugepages: a snapshot's memory is its file" :
			       "--hugepages: --mem %lu is odd, pages have 2 MiB", o->mem_mib);
	if (!o->entry_set)
		o->flat_opts.entry = o->flat_opts.load;
	if (!o->mem_mib)
		o->mem_mib = o->flat ? 16 : 128;
	if (o->irqchip < 0)
		o->irqchip = o->flat && o->cpus == 1 ? VM_IRQCHIP_NONE : VM_IRQCHIP_FULL;
	if (o->cpus > 1 && o->irqchip == VM_IRQCHIP_NONE)
		return err_set(e, -EINVAL, "--cpus %lu needs an --irqchip", o->cpus);
	if (o->no_sandbox && o->user.set)
		return err_set(e, -EINVAL, "--user is part of the sandbox: leave --no-sandbox out");
	if (!o->append)
		o->append = opts_console(o);
	if (strlen(o->append) >= OPT_APPEND_MAX)
		return err_set(e, -EINVAL, "--append: %zu bytes, %d are possible",
			       strlen(o->append), OPT_APPEND_MAX - 1);
	rc = o->flat ? flat_check(&o->flat_opts, e) : 0;
	return rc ? rc : check_virtio(o, e);
}

int opts_parse(struct opts *o, int argc, char **argv, struct err *e)
{
	int i = 1, took;

	memset(o, 0, sizeof(*o));
	o->cpus = 1;
	o->irqchip = -1;
	o->deadline_ms = DEADLINE_S * 1000;
	o->flat_opts.load = 0x1000;
	while (i < argc) {
		took = one(o, argv + i, e);
		if (took < 0)
			return took;
		i += took;
	}
	if (o->help)
		print_help(stdout);
	else if (o->version)
		puts("kvm-vmm " VMM_VERSION);
	return o->help || o->version ? 1 : check(o, e);
}
