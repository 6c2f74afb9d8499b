/* SPDX-License-Identifier: GPL-2.0 */
/* A whole machine: a VM with its devices and its image, made from options. */
#ifndef VMM_MACHINE_H
#define VMM_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "boot/boot.h"
#include "boot/tables.h"
#include "dev/blk.h"
#include "dev/device.h"
#include "dev/net.h"
#include "dev/pc.h"
#include "dev/serial.h"
#include "dev/small.h"
#include "dev/vsock.h"
#include "opts.h"
#include "snapshot.h"
#include "vm.h"

struct machine {
	const struct opts *o;
	struct vm vm;
	struct pc pc;
	struct serial serial;
	struct rng rng;			/* v.ops is NULL: not asked for */
	struct console console;
	struct balloon balloon;
	struct vsock vsock;
	struct blk blk[OPT_DISKS_MAX];
	struct net net[2 * OPT_NETS_MAX];
	unsigned int nblk, nnet;
	struct pci pci;
	struct devices dev;
	int signal_fd;
	int snapshot_fd;
	FILE *stats;
	struct snapshot restore;	/* with --restore */
	bool escape;			/* Ctrl-A was typed on the terminal */
	bool tty;
	bool paused;
	bool flat;			/* port 0x10 writes to stdout */
	char cmdline[4096];
	struct boot_entry entry;
};

/*
 * machine_make - open files, make the VM and devices, load the image
 * @m:      zeroed; most of it stays untouched, and so costs no memory
 * @status: on failure, the exit status that fits (enum vm_status)
 */
int machine_make(struct machine *m, const struct opts *o, int *status,
		 struct err *e);

/* machine_run - sandbox, run, and what is to be done at the end; exit status */
int machine_run(struct machine *m, struct err *e);
void machine_free(struct machine *m);

/* machine_add_devices - devices.c: all that the options ask for */
int machine_add_devices(struct machine *m, int *status, struct err *e);
void machine_free_devices(struct machine *m);

/* machine_input - console characters from outside; returns how many it took */
uint32_t machine_input(struct machine *m, const uint8_t *buf, uint32_t len);

#endif
