// SPDX-License-Identifier: GPL-2.0
#include "opts.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MEM_MIB_MAX	(1ULL << 20)	/* 1 TiB */
#define DEADLINE_S	300

enum {
	O_MEM = 256, O_CPUS, O_DEADLINE, O_WATCHDOG, O_KERNEL, O_INITRD,
	O_APPEND, O_FLAT, O_MODE, O_LOAD, O_ENTRY, O_DISK, O_NET, O_RNG,
	O_BALLOON, O_CONSOLE, O_VSOCK, O_NO_ACPI, O_NO_SANDBOX, O_STATS,
	O_SNAPSHOT, O_RESTORE, O_DIRTY, O_IRQCHIP, O_KVM, O_VERSION,
};

static const struct option longopts[] = {
	{ "mem", required_argument, NULL, O_MEM },
	{ "cpus", required_argument, NULL, O_CPUS },
	{ "deadline", required_argument, NULL, O_DEADLINE },
	{ "watchdog", required_argument, NULL, O_WATCHDOG },
	{ "kernel", required_argument, NULL, O_KERNEL },
	{ "initrd", required_argument, NULL, O_INITRD },
	{ "append", required_argument, NULL, O_APPEND },
	{ "flat", required_argument, NULL, O_FLAT },
	{ "mode", required_argument, NULL, O_MODE },
	{ "load", required_argument, NULL, O_LOAD },
	{ "entry", required_argument, NULL, O_ENTRY },
	{ "disk", required_argument, NULL, O_DISK },
	{ "net", required_argument, NULL, O_NET },
	{ "rng", no_argument, NULL, O_RNG },
	{ "balloon", required_argument, NULL, O_BALLOON },
	{ "console", required_argument, NULL, O_CONSOLE },
	{ "vsock", required_argument, NULL, O_VSOCK },
	{ "no-acpi", no_argument, NULL, O_NO_ACPI },
	{ "no-sandbox", no_argument, NULL, O_NO_SANDBOX },
	{ "stats", required_argument, NULL, O_STATS },
	{ "snapshot", required_argument, NULL, O_SNAPSHOT },
	{ "restore", required_argument, NULL, O_RESTORE },
	{ "dirty-log", required_argument, NULL, O_DIRTY },
	{ "irqchip", required_argument, NULL, O_IRQCHIP },
	{ "kvm", required_argument, NULL, O_KVM },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, O_VERSION },
	{ NULL, 0, NULL, 0 },
};

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
"On a terminal, Ctrl-A x ends the run. See kvm-vmm(1).\n", out);
}

static int number(const char *opt, const char *s, uint64_t min, uint64_t max,
		  uint64_t *v, struct err *e)
{
	char *end;

	errno = 0;
	*v = strtoull(s, &end, 0);
	if (errno || end == s || *end || *s == '-' || *v < min || *v > max)
		return err_set(e, -EINVAL, "--%s %s: expected a number from %llu to %llu",
			       opt, s, (unsigned long long)min,
			       (unsigned long long)max);
	return 0;
}

static int seconds(const char *opt, const char *s, unsigned int *ms,
		   struct err *e)
{
	char *end;
	double v;

	errno = 0;
	v = strtod(s, &end);
	if (errno || end == s || *end || !(v >= 0 && v <= 1e6))
		return err_set(e, -EINVAL, "--%s %s: expected seconds from 0 to 1000000",
			       opt, s);
	*ms = (unsigned int)(v * 1000 + 0.5);
	return 0;
}

/* One of the words of @list (NULL-terminated); its index, or -EINVAL. */
static int choice(const char *opt, const char *s, const char *const *list,
		  struct err *e)
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

static int entry(struct opts *o, const char *s, struct err *e)
{
	const char *colon = strchr(s, ':');
	char seg[16];
	uint64_t v;
	int rc;

	o->entry_set = true;
	if (!colon)
		return number("entry", s, 0, UINT64_MAX, &o->flat_opts.entry, e);
	snprintf(seg, sizeof(seg), "%.*s", (int)(colon - s), s);
	rc = number("entry", seg, 0, 0xffff, &v, e);
	o->flat_opts.has_seg = true;
	o->flat_opts.seg = (uint16_t)v;
	return rc ? rc : number("entry", colon + 1, 0, 0xffff,
				&o->flat_opts.entry, e);
}

static int disk(struct opts *o, const char *s, struct err *e)
{
	struct opt_disk *d = &o->disk[o->ndisks];
	char *copy, *word, *save = NULL;

	if (o->ndisks == OPT_DISKS_MAX)
		return err_set(e, -EINVAL, "more than %d disks", OPT_DISKS_MAX);
	copy = strdup(s);
	if (!copy)
		return err_set(e, -ENOMEM, "no memory");
	d->path = copy;
	o->ndisks++;
	strtok_r(copy, ",", &save);
	while ((word = strtok_r(NULL, ",", &save))) {
		if (!strcmp(word, "ro"))
			d->readonly = true;
		else if (!strcmp(word, "direct"))
			d->direct = true;
		else
			return err_set(e, -EINVAL, "--disk %s: unknown word \"%s\", expected ro or direct",
				       s, word);
	}
	return 0;
}

static int net(struct opts *o, const char *s, struct err *e)
{
	if (strcmp(s, "loop") && (strncmp(s, "tap:", 4) || !s[4]))
		return err_set(e, -EINVAL, "--net %s: expected tap:NAME or loop", s);
	if (o->nnets == OPT_NETS_MAX)
		return err_set(e, -EINVAL, "more than %d --net", OPT_NETS_MAX);
	o->net[o->nnets] = strdup(s);
	return o->net[o->nnets++] ? 0 : err_set(e, -ENOMEM, "no memory");
}

static int dirty(struct opts *o, const char *s, struct err *e)
{
	uint64_t v = 0;
	int rc = 0;

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

static int one_machine(struct opts *o, int c, const char *s, struct err *e)
{
	static const char *const chips[] = { "none", "full", "split", NULL };
	static const char *const consoles[] = { "serial", "virtio", NULL };
	uint64_t v = 0;
	int rc = 0;

	switch (c) {
	case O_MEM:
		return number("mem", s, 1, MEM_MIB_MAX, &o->mem_mib, e);
	case O_CPUS:
		rc = number("cpus", s, 1, VM_CPUS_MAX, &v, e);
		o->cpus = (unsigned int)v;
		return rc;
	case O_IRQCHIP:
		rc = choice("irqchip", s, chips, e);
		o->irqchip_set = true;
		o->irqchip = rc < 0 ? VM_IRQCHIP_NONE : (enum vm_irqchip)rc;
		break;
	case O_CONSOLE:
		rc = choice("console", s, consoles, e);
		o->virtio_console = rc == 1;
		break;
	case O_DISK:
		return disk(o, s, e);
	case O_NET:
		return net(o, s, e);
	case O_VSOCK:
		return number("vsock", s, 3, UINT32_MAX - 1, &o->vsock_cid, e);
	case O_RNG:
		o->rng = true;
		break;
	case O_BALLOON:
		o->balloon = true;
		return number("balloon", s, 0, MEM_MIB_MAX, &o->balloon_mib, e);
	default:
		o->no_acpi = true;
		break;
	}
	return rc < 0 ? rc : 0;
}

static int one_image(struct opts *o, int c, const char *s, struct err *e)
{
	static const char *const modes[] = { "real", "prot", "long", NULL };
	int rc;

	switch (c) {
	case O_KERNEL:
		o->kernel = s;
		return 0;
	case O_INITRD:
		o->initrd = s;
		return 0;
	case O_APPEND:
		o->append = s;
		return 0;
	case O_FLAT:
		o->flat = s;
		return 0;
	case O_MODE:
		rc = choice("mode", s, modes, e);
		o->flat_opts.mode = rc < 0 ? BOOT_REAL : (enum boot_mode)rc;
		return rc < 0 ? rc : 0;
	case O_LOAD:
		return number("load", s, 0, UINT64_MAX, &o->flat_opts.load, e);
	default:
		return entry(o, s, e);
	}
}

static int one_run(struct opts *o, int c, const char *s, struct err *e)
{
	switch (c) {
	case O_DEADLINE:
		return seconds("deadline", s, &o->deadline_ms, e);
	case O_WATCHDOG:
		return seconds("watchdog", s, &o->watchdog_ms, e);
	case O_NO_SANDBOX:
		o->no_sandbox = true;
		return 0;
	case O_STATS:
		o->stats = s;
		return 0;
	case O_SNAPSHOT:
		o->snapshot = s;
		return 0;
	case O_RESTORE:
		o->restore = s;
		return 0;
	case O_DIRTY:
		return dirty(o, s, e);
	case O_KVM:
		o->kvm_path = s;
		return 0;
	case 'v':
		o->verbose = true;
		return 0;
	case 'h':
		opts_help(stdout);
		return 1;
	case O_VERSION:
		puts("kvm-vmm " VMM_VERSION);
		return 1;
	default:
		return err_set(e, -EINVAL, "unknown option, or one without its argument");
	}
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
	if (!o->irqchip_set)
		o->irqchip = o->flat && o->cpus == 1 ? VM_IRQCHIP_NONE :
			VM_IRQCHIP_FULL;
	if (o->cpus > 1 && o->irqchip == VM_IRQCHIP_NONE)
		return err_set(e, -EINVAL, "--cpus %u needs an --irqchip", o->cpus);
	if (!o->append)
		o->append = o->virtio_console ? "console=hvc0 panic=-1" :
			"console=ttyS0 panic=-1";
	return 0;
}

int opts_parse(struct opts *o, int argc, char **argv, struct err *e)
{
	int c, rc = 0;

	memset(o, 0, sizeof(*o));
	o->cpus = 1;
	o->deadline_ms = DEADLINE_S * 1000;
	o->flat_opts.load = 0x1000;
	opterr = 0;
	optind = 1;
	while (!rc && (c = getopt_long(argc, argv, ":hv", longopts, NULL)) != -1) {
		if (c == '?' || c == ':')
			return err_set(e, -EINVAL, c == ':' ?
				"%s needs an argument" : "%s: unknown option",
				argv[optind - 1]);
		if (c >= O_KERNEL && c <= O_ENTRY)
			rc = one_image(o, c, optarg, e);
		else if (c == O_MEM || c == O_CPUS || c == O_IRQCHIP ||
			 (c >= O_DISK && c <= O_NO_ACPI))
			rc = one_machine(o, c, optarg, e);
		else
			rc = one_run(o, c, optarg, e);
	}
	if (rc)
		return rc;
	if (optind < argc)
		return err_set(e, -EINVAL, "%s: unexpected argument", argv[optind]);
	return check(o, e);
}

void opts_free(struct opts *o)
{
	while (o->ndisks)
		free(o->disk[--o->ndisks].path);
	while (o->nnets)
		free(o->net[--o->nnets]);
}
