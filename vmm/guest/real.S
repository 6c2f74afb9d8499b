/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The classic KVM demo: real mode at 0x1000, bytes out of port 0x10, halt.
 * Everything is relative, so any load address below 64 KiB does.
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
