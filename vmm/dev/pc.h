/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The small devices of a PC: keyboard controller (reset), CMOS clock, ACPI
 * sleep and reset registers, debug-exit, fw_cfg, and the flat guests' output
 * port. Each is a bus_fn.
 */
#ifndef VMM_PC_H
#define VMM_PC_H

#include <stdbool.h>
#include <stdint.h>

#include "dev/dev.h"
#include "err.h"

struct vm;

/* ACPI registers of the FADT: sleep control, sleep status, reset. */
#define PC_ACPI_PORT	0x600
#define PC_ACPI_LEN	4
#define PC_SLEEP_CONTROL (PC_ACPI_PORT + 0)
#define PC_SLEEP_STATUS	(PC_ACPI_PORT + 1)
#define PC_RESET_REG	(PC_ACPI_PORT + 2)
#define PC_RESET_VALUE	1
#define PC_SLP_TYP_S5	5
#define PC_CENTURY	0x32	/* of the CMOS clock */

/* What a snapshot keeps. */
struct pc_regs {
	uint8_t i8042_cmd;	/* command awaiting its data byte */
	uint8_t i8042_out;	/* byte to be read from port 0x60 */
	uint8_t i8042_full;	/* 1: there is one */
	uint8_t cmos_index;
	uint8_t cmos[128];
	uint32_t fw_key, fw_pos;
	uint32_t shutdown_pos;	/* how much of "Shutdown" port 0x8900 has seen */
	uint32_t latch;		/* test device, port 0xe0 */
};

/* The test device's bytes that are only reached by emulated instructions. */
#define PC_IORAM	0xff000000UL
#define PC_IORAM_LEN	0x10000UL

struct pc {
	struct vm *vm;
	struct out out;
	struct pc_regs r;
	uint8_t ioram[PC_IORAM_LEN];
};

/*
 * pc_init - put the devices on @vm's buses; ioram is left as it is
 * @flat: also port 0x10, whose bytes go to @out
 */
int pc_init(struct pc *pc, struct vm *vm, const struct out *out, bool flat,
	    struct err *e);

/* The register functions, for tests. */
void pc_i8042(void *dev, uint64_t off, void *data, uint32_t len, bool wr);
void pc_cmos(void *dev, uint64_t off, void *data, uint32_t len, bool wr);
void pc_acpi(void *dev, uint64_t off, void *data, uint32_t len, bool wr);
void pc_debug_exit(void *dev, uint64_t off, void *data, uint32_t len, bool wr);
void pc_fw_cfg(void *dev, uint64_t off, void *data, uint32_t len, bool wr);
void pc_shutdown(void *dev, uint64_t off, void *data, uint32_t len, bool wr);

#endif
