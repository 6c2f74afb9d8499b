/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * 16550A UART. Source: National Semiconductor PC16550D data sheet.
 */
#ifndef VMM_SERIAL_H
#define VMM_SERIAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "dev/out.h"

#define SERIAL_PORT	0x3f8
#define SERIAL_LEN	8
#define SERIAL_IRQ	4
#define SERIAL_FIFO	256	/* bytes; more than the chip's 16, none lost */

/* An interrupt line. The chip knows no KVM; tests put their own function here. */
struct irq {
	void (*set)(void *ctx, uint32_t line, int level);
	void *ctx;
	uint32_t line;
};

/* What a snapshot keeps. */
struct serial_regs {
	uint8_t ier, lcr, mcr, scr, fcr, dll, dlm;
	uint8_t thre;		/* transmitter-empty interrupt pending */
	uint32_t head, count;
	uint8_t fifo[SERIAL_FIFO];
};

struct serial {
	pthread_mutex_t lock;
	struct irq irq;
	struct out out;
	int level;		/* of the interrupt line */
	int wake_fd;		/* eventfd, rung when it takes input again; -1: none */
	bool refused;		/* input waits for that */
	struct serial_regs r;
};

void serial_init(struct serial *s, const struct irq *irq, const struct out *out);

/* serial_io - a bus_fn; SERIAL_LEN registers of a byte */
void serial_io(void *dev, uint64_t off, void *data, uint32_t len,
	       bool is_write);

/*
 * serial_input - characters from outside; returns how many it took
 *
 * Of struct device_input; @dev: struct serial. Flow control as a modem has it: it
 * takes none while the guest keeps RTS low. A guest that never wrote that register,
 * or that wants the interrupt, takes them all the same.
 */
uint32_t serial_input(void *dev, const uint8_t *buf, uint32_t len);

#endif
