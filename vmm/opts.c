// SPDX-License-Identifier: GPL-2.0
#include "opts.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define MEM_MIB_MAX	(1UL << 20)	/* 1 TiB */
#define DEADLINE_S	300

void opts_help(FILE *out)
{
	fputs("Usage: kvm-vmm --kernel FILE [OPTION]...    boot bzImage, PVH or multiboot\n"
"       kvm-vmm --flat FILE [OPTION]...      run a raw image\n"
"       kvm-vmm --restore FILE [OPTION]...   go on from a snapshot\n"
"\n"
"Image:\n"
"  --kernel FILE      Linux bzImage, or ELF with a PVH note or multiboot header\n"
"  --initrd FILE      initrd, or the module of a multiboot image\n"
"  --append STRING    kernel command line (console=ttyS0 panic=-1)\n"
"  --flat FILE        raw image, loaded whole\n"
"  --mode MODE        real, prot (32-bit) or long (64-bit, 4 GiB mapped) (real)\n"
"  --load ADDR        where a flat image goes (0x1000)\n"
"  --entry ADDR       where it starts, or SEGMENT:OFFSET in real mode (--load's)\n"
"Machine:\n"
"  --mem MIB          RAM (128; flat images 16)\n"
"  --cpus N           vCPUs, 1 to 64 (1)\n"
"  --irqchip KIND     none, full or split (full; flat images none)\n"
"  --disk FILE[,ro][,direct]   virtio-blk; again for more\n"
"  --net tap:NAME     virtio-net on a tap device that is there\n"
"  --net loop         two virtio-net devices wired to each other\n"
"  --rng              virtio-rng\n"
"  --balloon MIB      virtio-balloon that takes MIB of the guest's RAM back\n"
"  --console virtio   stdin and stdout on hvc0 rather than on ttyS0\n"
"  --vsock CID        virtio-vsock by /dev/vhost-vsock, CID 3 or more\n"
"  --pci              virtio on PCI, with MSI-X, rather than on MMIO\n"
"  --no-acpi          MP table and command line tell of the devices, not ACPI\n"
"Run:\n"
"  --deadline SEC     end the run then, exit status 14 (300; 0: never)\n"
"  --watchdog SEC     end it when no vCPU has left to us so long, status 16\n"
"  --snapshot FILE    SIGUSR1 writes the whole VM there and ends the run\n"
"  --restore FILE     start from such a file; give the same devices again\n"
"  --stats FILE       at the end, KVM's statistics as JSON (-: stdout)\n"
"  --dirty-log KIND   count written pages: bitmap, or ring=ENTRIES; in --stats\n"
"  --no-sandbox       keep privileges and all system calls\n"
"  --kvm PATH         device to use (/dev/kvm)\n"
"  -v, --verbose      say what is done, with times\n"
"  -h, --help         this; --version\n"
"\n"
"Exit status: 0 guest shut down, 2 usage, 4 host or KVM, 6 bad image, 8 guest\n"
"reset, 10 triple fault, 12 KVM internal error, 14 deadline, 16 killed; odd:\n"
"the guest's own by port 0xf4, (code << 1) | 1.\n"
"SIGUSR2 pauses the guest, and resumes it. On a terminal, Ctrl-A x ends the\n"
"run. See kvm-vmm(1).\n", out);
}

static int number(const char *opt, const char *s, uint64_t min, uint64_t max,
		  uint64_t *v, struct err *e)
{
	char *end;

	errno = 0;
	*v = strtoull(s, &end, 0);
	if (errno || end == s || *end || *s == '-' || *v < min || *v > max)
		return err_set(e, -EINVAL, "--%s %s: expected a number from %lu to %lu", opt, s,
			       min, max);
	return 0;
}

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

/* One of the words of @list (NULL-terminated); its index, or -EINVAL. */
static int choice(const char *opt, const char *s, const char *const *list, struct err *e)
{
	char all[64] = "";
	int i;

	for (i = 0; list[i]; i++) {
		if (!strcmp(s, list[i]))
			return i;
		strncat(all, i ? ", " : "", sizeof(all) - strlen(all) - 1);
		strncat(all, list[i], sizeof(all) - strlen(all) - 1);
	}
	return err_set(e, -EINVAL, "--%s %s: expected one of %s", opt, s, all);
}

static int entry(struct opts *o, char *s, struct err *e)
{
	char *colon = strchr(s, ':');
	uint64_t seg = 0;
	int rc;

	o->entry_set = true;
	if (!colon)
		return number("entry", s, 0, UINT64_MAX, &o->flat_opts.entry, e);
	*colon = '\0';
	rc = number("entry", s, 0, 0xffff, &seg, e);
	o->flat_opts.has_seg = true;
	o->flat_opts.seg = (uint16_t)seg;
	return rc ? rc : number("entry", colon + 1, 0, 0xffff, &o->flat_opts.entry, e);
}

static int disk(struct opts *o, char *s, struct err *e)
{
	struct opt_disk *d = &o->disk[o->ndisks];
	char *word, *save = NULL;

	if (o->ndisks == OPT_DISKS_MAX)
		return err_set(e, -EINVAL, "more than %d disks", OPT_DISKS_MAX);
	o->ndisks++;
	d->path = strtok_r(s, ",", &save);
	while ((word = strtok_r(NULL, ",", &save))) {
		if (!strcmp(word, "ro"))
			d->readonly = true;
		else if (!strcmp(word, "direct"))
			d->direct = true;
		else
			return err_set(e, -EINVAL,
				"--disk %s: unknown word \"%s\", expected ro or direct",
				d->path, word);
	}
	return d->path ? 0 : err_set(e, -EINVAL, "--disk: expected a file");
}

static int net(struct opts *o, char *s, struct err *e)
{
	if (strcmp(s, "loop") && (strncmp(s, "tap:", 4) || !s[4]))
		return err_set(e, -EINVAL, "--net %s: expected tap:NAME or loop", s);
	if (o->nnets == OPT_NETS_MAX)
		return err_set(e, -EINVAL, "more than %d --net", OPT_NETS_MAX);
	o->net[o->nnets++] = s;
	return 0;
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
	rc = number("dirty-log ring", s + 5, 1024, 65536, &v, e);
	if (!rc && v & (v - 1))
		rc = err_set(e, -EINVAL, "--dirty-log %s: expected a power of 2", s);
	o->dirty_ring = (unsigned int)v;
	return rc;
}

static int balloon(struct opts *o, char *s, struct err *e)
{
	o->balloon = true;
	return number("balloon", s, 0, MEM_MIB_MAX, &o->balloon_mib, e);
}

static const char *const modes[] = { "real", "prot", "long", NULL };
static const char *const chips[] = { "none", "full", "split", NULL };
static const char *const consoles[] = { "serial", "virtio", NULL };

/* Every option: what its argument is, and where the value goes. */
static const struct option {
	const char *name;
	enum { FLAG, TEXT, NUMBER, SECONDS, WORD, OWN } kind;
	size_t field;		/* bool, char *, uint64_t, unsigned int, int */
	uint64_t min, max;
	const char *const *words;
	int (*own)(struct opts *o, char *s, struct err *e);
} options[] = {
#define F(x)	offsetof(struct opts, x)
	{ "kernel", TEXT, F(kernel), 0, 0, NULL, NULL },
	{ "initrd", TEXT, F(initrd), 0, 0, NULL, NULL },
	{ "append", TEXT, F(append), 0, 0, NULL, NULL },
	{ "flat", TEXT, F(flat), 0, 0, NULL, NULL },
	{ "mode", WORD, F(flat_opts.mode), 0, 0, modes, NULL },
	{ "load", NUMBER, F(flat_opts.load), 0, UINT64_MAX, NULL, NULL },
	{ "entry", OWN, 0, 0, 0, NULL, entry },
	{ "mem", NUMBER, F(mem_mib), 1, MEM_MIB_MAX, NULL, NULL },
	{ "cpus", NUMBER, F(cpus), 1, VM_CPUS_MAX, NULL, NULL },
	{ "irqchip", WORD, F(irqchip), 0, 0, chips, NULL },
	{ "disk", OWN, 0, 0, 0, NULL, disk },
	{ "net", OWN, 0, 0, 0, NULL, net },
	{ "rng", FLAG, F(rng), 0, 0, NULL, NULL },
	{ "balloon", OWN, 0, 0, 0, NULL, balloon },
	{ "console", WORD, F(console), 0, 0, consoles, NULL },
	{ "vsock", NUMBER, F(vsock_cid), 3, UINT32_MAX - 1, NULL, NULL },
	{ "pci", FLAG, F(pci), 0, 0, NULL, NULL },
	{ "no-acpi", FLAG, F(no_acpi), 0, 0, NULL, NULL },
	{ "deadline", SECONDS, F(deadline_ms), 0, 0, NULL, NULL },
	{ "watchdog", SECONDS, F(watchdog_ms), 0, 0, NULL, NULL },
	{ "snapshot", TEXT, F(snapshot), 0, 0, NULL, NULL },
	{ "restore", TEXT, F(restore), 0, 0, NULL, NULL },
	{ "stats", TEXT, F(stats), 0, 0, NULL, NULL },
	{ "dirty-log", OWN, 0, 0, 0, NULL, dirty },
	{ "no-sandbox", FLAG, F(no_sandbox), 0, 0, NULL, NULL },
	{ "kvm", TEXT, F(kvm_path), 0, 0, NULL, NULL },
	{ "verbose", FLAG, F(verbose), 0, 0, NULL, NULL },
	{ "help", FLAG, F(help), 0, 0, NULL, NULL },
	{ "version", FLAG, F(version), 0, 0, NULL, NULL },
#undef F
};

static const struct option *find(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (strlen(options[i].name) == len && !memcmp(options[i].name, name, len))
			return &options[i];
	return NULL;
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
		return number(x->name, s, x->min, x->max, field, e);
	case SECONDS:
		return seconds(x->name, s, field, e);
	case WORD:
		rc = choice(x->name, s, x->words, e);
		*(int *)field = rc;
		return rc < 0 ? rc : 0;
	default:
		return x->own(o, s, e);
	}
}

/* --name, --name VALUE, --name=VALUE, -h, -v; returns how many of @argv it took. */
static int one(struct opts *o, char **argv, struct err *e)
{
	char *s = argv[0], *value;
	const struct option *x;
	int rc;

	s = !strcmp(s, "-h") ? "--help" : !strcmp(s, "-v") ? "--verbose" : s;
	if (s[0] != '-')
		return err_set(e, -EINVAL, "%s: unexpected argument", s);
	value = strchr(s, '=');
	x = strncmp(s, "--", 2) ? NULL :
		find(s + 2, value ? (size_t)(value - s) - 2 : strlen(s + 2));
	if (!x || (value && x->kind == FLAG))
		return err_set(e, -EINVAL, "%s: unknown option", s);
	if (x->kind == FLAG || value) {
		rc = set(o, x, value ? value + 1 : NULL, e);
		return rc ? rc : 1;
	}
	if (!argv[1])
		return err_set(e, -EINVAL, "%s needs an argument", s);
	rc = set(o, x, argv[1], e);
	return rc ? rc : 2;
}

static int check(struct opts *o, struct err *e)
{
	if (!!o->kernel + !!o->flat + !!o->restore != 1)
		return err_set(e, -EINVAL, "give one of --kernel, --flat, --restore");
	if (o->initrd && !o->kernel)
		return err_set(e, -EINVAL, "--initrd goes with --kernel");
	if (!o->entry_set)
		o->flat_opts.entry = o->flat_opts.load;
	if (!o->mem_mib)
		o->mem_mib = o->flat ? 16 : 128;
	if (o->irqchip < 0)
		o->irqchip = o->flat && o->cpus == 1 ? VM_IRQCHIP_NONE : VM_IRQCHIP_FULL;
	if (o->cpus > 1 && o->irqchip == VM_IRQCHIP_NONE)
		return err_set(e, -EINVAL, "--cpus %lu needs an --irqchip", o->cpus);
	if (!o->append)
		o->append = o->console ? "console=hvc0 panic=-1" : "console=ttyS0 panic=-1";
	return 0;
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
		opts_help(stdout);
	else if (o->version)
		puts("kvm-vmm " VMM_VERSION);
	return o->help || o->version ? 1 : check(o, e);
}
