/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The classic KVM demo: real-mode code at 0x1000 prints bytes to port 0x10 and halts.
 * All addresses are relative: any load address below 64 KiB works.
 */
#include "say.h"

	.code16
	.globl	_start
_start:
	cli
	call	1f
1:	popw	%si
	addw	$(text - 1b), %si
	say	cs lodsb
text:
	.asciz	"Hello from real mode\n"
