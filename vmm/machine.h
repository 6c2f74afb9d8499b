/* SPDX-License-Identifier: GPL-2.0-only */
/* A whole machine: a VM with its devices and its image, made from options. */
#ifndef VMM_MACHINE_H
#define VMM_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "boot/boot.h"
#include "dev/device.h"
#include "ender.h"
#include "gdb.h"
#include "helper.h"
#include "input.h"
#include "migrate.h"
#include "opts.h"
#include "snapshot.h"
#include "vm.h"

struct machine {
	const struct opts *o;
	struct vm vm;
	struct devices dev;
	int signal_fd;			/* SIGUSR1, SIGUSR2 */
	struct ender ender;
	struct helper helper;		/* with --snapshot */
	FILE *stats, *trace;
	struct snapshot restore;	/* with --restore */
	struct input input;
	bool paused;
	struct migrate move;		/* with --migrate-to, on its way: move.vm is set */
	int step_fd;			/* eventfd: its next part */
	char cmdline[OPT_APPEND_MAX];
	struct gdb gdb;			/* with --gdb */
	struct watch watch;		/* of a Linux guest's consoles */
	struct boot_entry entry;
};

/*
 * machine_make - open files, make the VM and devices, load the image
 * @m:      zeroed; most of it stays untouched, and so costs no memory. The
 *          caller may have set m->ender.leave
 * @status: on failure, the exit status that fits (enum vm_status)
 */
int machine_make(struct machine *m, const struct opts *o, int *status,
		 struct err *e);

/* machine_run - sandbox, run, and what is to be done at the end; exit status */
int machine_run(struct machine *m, struct err *e);
void machine_free(struct machine *m);

#endif
