/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line of kvm-vmm. */
#ifndef VMM_OPTS_H
#define VMM_OPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/loaders.h"
#include "dev/device.h"
#include "sandbox.h"

#define OPT_DEVICES_MAX	40
#define OPT_APPEND_MAX	4096	/* bytes of --append, with the final NUL */

struct opts {
	uint64_t mem_mib, cpus;
	int irqchip;			/* enum vm_irqchip */
	int disk_format;		/* 0: refuse others than raw ones; 1: all are raw */
	uint64_t given;			/* by index in the table of options */
	unsigned int deadline_ms, watchdog_ms;
	const char *kernel, *initrd, *append;
	const char *flat;
	struct flat_opts flat_opts;
	bool entry_set;
	struct device_arg dev[OPT_DEVICES_MAX];	/* type NULL: none */
	unsigned int ndevs;
	bool pci, no_acpi, no_sandbox, hugepages, verbose, help, version;
	struct sandbox_user user;
	const char *stats, *trace, *snapshot, *restore, *listen, *migrate_to, *gdb, *kvm_path;
	bool gdb_wait;
	unsigned int dirty_ring;	/* entries; with dirty_log */
	bool dirty_log;
};

/*
 * opts_parse - 0, or -EINVAL with a message; 1 if all is done (--help)
 *
 * The strings are @argv's, which it cuts at commas.
 */
int opts_parse(struct opts *o, int argc, char **argv, struct err *e);

/* opts_console - the default of --append, which begins with the console's name */
const char *opts_console(const struct opts *o);

#endif
