/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the small devices of a PC (pc.c) are.
 */
#ifndef VMM_PC_H
#define VMM_PC_H

/* ACPI registers of the FADT: sleep control, sleep status, reset. */
#define PC_ACPI_PORT	0x600
#define PC_ACPI_LEN	4
#define PC_SLEEP_CONTROL (PC_ACPI_PORT + 0)
#define PC_SLEEP_STATUS	(PC_ACPI_PORT + 1)
#define PC_RESET_REG	(PC_ACPI_PORT + 2)
#define PC_RESET_VALUE	1
#define PC_SLP_TYP_S5	5
#define PC_CMOS_PORT	0x70
#define PC_CMOS_LEN	2
#define PC_CENTURY	0x32	/* of the CMOS clock */

/* The test device's bytes that are only reached by emulated instructions. */
#define PC_IORAM	0xff000000UL
#define PC_IORAM_LEN	0x10000UL

#endif
