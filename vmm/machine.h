/* SPDX-License-Identifier: GPL-2.0 */
/* A whole machine: a VM with its devices and its image, made from options. */
#ifndef VMM_MACHINE_H
#define VMM_MACHINE_H

#include <signal.h>

#include "boot/boot.h"
#include "dev/pc.h"
#include "dev/serial.h"
#include "opts.h"
#include "sandbox.h"
#include "vm.h"

struct machine {
	const struct opts *o;
	struct vm vm;
	struct pc pc;
	struct serial serial;
	struct sandbox sandbox;
	int signal_fd;
	bool escape;		/* Ctrl-A was typed on the terminal */
	bool tty;
	struct boot_entry entry;
};

/*
 * machine_make - open files, make the VM and devices, load the image
 * @status: on failure, the exit status that fits (enum vm_status)
 */
int machine_make(struct machine *m, const struct opts *o, int *status,
		 struct err *e);

/* machine_run - sandbox, run, and what is to be done at the end; exit status */
int machine_run(struct machine *m, struct err *e);
void machine_free(struct machine *m);

#endif
