/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The classic KVM demo: real mode at 0x1000, bytes out of port 0x10, halt.
 * Everything is relative, so any load address below 64 KiB does.
 */
	.code16
	.globl	_start
_start:
	cli
	call	1f
1:	popw	%si
	addw	$(text - 1b), %si
	movw	$0x10, %dx
	cld
2:	cs lodsb
	testb	%al, %al
	jz	3f
	outb	%al, %dx
	jmp	2b
3:	hlt
	jmp	3b
text:
	.asciz	"Hello from real mode\n"
