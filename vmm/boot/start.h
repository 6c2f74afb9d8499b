/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VMM_BOOT_START_H
#define VMM_BOOT_START_H

#include "boot/boot.h"
#include "kvm.h"

/*
 * boot_start - set the registers of @v to @in: real mode at cs:ip with DS = ES
 * = SS = 0; 32-bit protected mode with flat segments CS 0x10, DS 0x18, without
 * paging; or 64-bit mode with the first 4 GiB mapped one to one by 2 MiB pages
 *
 * The last two write BOOT_TABLES_SIZE bytes at @in->tables, page aligned.
 */
int boot_start(struct vcpu *v, const struct boot_entry *in, struct err *e);

#endif
