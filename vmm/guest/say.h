/* SPDX-License-Identifier: GPL-2.0-only */
/* say - print the text at RSI, fetched by @load, to port 0x10; then halt forever */
	.macro	say load:vararg
	movw	$0x10, %dx
	cld
2:	\load
	testb	%al, %al
	jz	3f
	outb	%al, %dx
	jmp	2b
3:	hlt
	jmp	3b
	.endm
