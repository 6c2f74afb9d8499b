/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Standard input, on its way to the guest's console. What the guest does not
 * take stays where it comes from: in the pipe or in the file. A terminal is read
 * all the same, for Ctrl-A x; what is too much for the buffer is lost, as on a
 * wire.
 */
#ifndef VMM_INPUT_H
#define VMM_INPUT_H

#include "dev/device.h"

#define INPUT_PART	256U	/* read at once */

struct input {
	struct devices *to;
	int fd;
	bool tty;
	bool file;		/* cannot be waited for: read whenever there is room */
	bool over;		/* its end was seen */
	bool escape;		/* Ctrl-A was typed */
	uint32_t len;
	uint8_t buf[4096];	/* read, but not taken yet */
};

/*
 * input_start - have the main loop bring what comes from @fd to the console
 *
 * @d->input_fd is an eventfd: a console rings it when it can take more.
 */
int input_start(struct input *in, struct devices *d, int fd, struct err *e);

#endif
