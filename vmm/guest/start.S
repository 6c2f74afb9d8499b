/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The unit guest's start, the same for the boot CPU (CS:IP 0:8000) and for those
 * that a SIPI with vector 8 starts (CS:IP 800:0): from real to protected to long
 * mode, set up a stack, call C. Then the interrupt entry stubs.
 */
#include "abi.h"

	.section .entry, "ax"
	.code16
	.globl	_start
_start:
	cli
	cld
	xorw	%ax, %ax
	movw	%ax, %ds
	lgdtl	boot_gdt_desc
	movl	%cr0, %eax
	orl	$1, %eax
	movl	%eax, %cr0
	ljmpl	$0x08, $start32

	.code32
start32:
	movl	$0x10, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	%eax, %fs
	movl	%eax, %gs
	movl	$0x620, %eax			/* CR4: PAE, OSFXSR, OSXMMEXCPT */
	movl	%eax, %cr4
	movl	$boot_pml4, %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx		/* EFER: LME, NXE */
	rdmsr
	orl	$0x900, %eax
	wrmsr
	movl	$0x80010033, %eax		/* CR0: PG WP NE ET MP PE */
	movl	%eax, %cr0
	ljmpl	$0x18, $start64

	.code64
start64:
	xorl	%eax, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	$1, %edi
	lock xaddl %edi, cpu_count
	movl	%edi, %eax
	incl	%eax
	shll	$13, %eax			/* 8 KiB of stack each */
	leaq	stacks(%rax), %rsp
	xorl	%ebp, %ebp
	call	cmain
1:	hlt
	jmp	1b

	/* Within the first 64 KiB, where 16-bit code can address it. */
	.balign	8
boot_gdt:
	.quad	0
	.quad	0x00cf9b000000ffff		/* 08: code 32 */
	.quad	0x00cf93000000ffff		/* 10: data */
	.quad	0x00af9b000000ffff		/* 18: code 64 */
boot_gdt_end:
boot_gdt_desc:
	.word	boot_gdt_end - boot_gdt - 1
	.long	boot_gdt

	/* Maps 4 GiB one to one with 2 MiB pages that are not global. */
	.data
	.balign	4096
	.globl	boot_pml4
boot_pml4:
	.quad	boot_pdpt + 7
	.fill	511, 8, 0
boot_pdpt:
	.quad	boot_pd + 0x0007
	.quad	boot_pd + 0x1007
	.quad	boot_pd + 0x2007
	.quad	boot_pd + 0x3007
	.fill	508, 8, 0
	.globl	boot_pd
boot_pd:
	.set	i, 0
	.rept	2048
	.quad	(i << 21) + 0x87		/* present, write, user, large */
	.set	i, i + 1
	.endr

	.bss
	.balign	4096
	.globl	stacks
stacks:
	.skip	8192 * UNIT_CPUS_MAX
	.globl	cpu_count
cpu_count:
	.long	0

	/*
	 * Interrupt entry: 256 stubs of 16 bytes. Each pushes the error code (0, if
	 * the CPU pushes none) and the vector, and jumps to the common part, which
	 * builds a struct regs (lib.h) and calls trap().
	 */
	.text
	.balign	16
	.globl	isr_stubs
isr_stubs:
	.set	i, 0
	.rept	256
	.balign	16
	.if	!(i == 8 || (i >= 10 && i <= 14) || i == 17 || i == 21 || i == 29 || i == 30)
	pushq	$0
	.endif
	pushq	$i
	jmp	isr_common
	.set	i, i + 1
	.endr

isr_common:
	pushq	%r15
	pushq	%r14
	pushq	%r13
	pushq	%r12
	pushq	%r11
	pushq	%r10
	pushq	%r9
	pushq	%r8
	pushq	%rdi
	pushq	%rsi
	pushq	%rbp
	pushq	%rbx
	pushq	%rdx
	pushq	%rcx
	pushq	%rax
	cld
	movq	%rsp, %rdi
	call	trap
	popq	%rax
	popq	%rcx
	popq	%rdx
	popq	%rbx
	popq	%rbp
	popq	%rsi
	popq	%rdi
	popq	%r8
	popq	%r9
	popq	%r10
	popq	%r11
	popq	%r12
	popq	%r13
	popq	%r14
	popq	%r15
	addq	$16, %rsp
	iretq
	.section .note.GNU-stack, "", @progbits
