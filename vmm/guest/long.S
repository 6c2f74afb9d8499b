/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Long mode, for any load address: proves that it runs 64-bit code (a carry out of
 * bit 31, a register that only long mode has), prints to port 0x10, halts.
 */
#include "say.h"

	.code64
	.globl	_start
_start:
	cli
	movl	$0xffffffff, %r8d
	incq	%r8
	shrq	$32, %r8
	leaq	bad(%rip), %rsi
	cmpq	$1, %r8
	jne	1f
	leaq	text(%rip), %rsi
1:	say lodsb
text:
	.asciz	"Hello from long mode\n"
bad:
	.asciz	"not in long mode\n"
