/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hardware task switches in 32-bit protected mode, which KVM emulates: by JMP and
 * CALL to a TSS, by a task gate in the IDT, back by JMP and by IRET. SDM vol. 3 ch. 8.
 * The code is loaded at 0x1000 and entered there in real mode; it prints the result to
 * port 0x10 and halts.
 */
#define AT(x)	((x) - _start + 0x1000)
#define CODE	0x08
#define DATA	0x10
#define TSS_A	0x18
#define TSS_B	0x20
#define TSS_C	0x28
#define TSS_D	0x30
#define BUSY	2			/* in a TSS descriptor's type */
#define NT	0x4000

	.code16
	.globl	_start
_start:
	cli
	cld
	xorw	%ax, %ax
	movw	%ax, %ds
	lgdtl	AT(gdt_desc)
	lidtl	AT(idt_desc)
	/* Clear CD and NW, as every OS does; then reading CR0 does not exit. */
	movl	%cr0, %eax
	andl	$~0x60000000, %eax
	orl	$1, %eax
	movl	%eax, %cr0
	ljmpl	$CODE, $AT(start32)

/* Print @text as the error and halt, unless the flags say "equal". */
	.macro	expect text
	je	8f
	movl	$AT(9f), %esi
	jmp	say
9:	.asciz	"\text\n"
8:
	.endm

	.code32
start32:
	movl	$DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	%eax, %fs
	movl	%eax, %gs
	movl	$0x7000, %esp
	movl	$TSS_A, %eax
	ltr	%ax

	/* JMP to B and back: A's registers are kept, no task is nested. */
	movl	$0xa1a2a3a4, %ebx
	movl	$0xa5a6a7a8, %ebp
	ljmp	$TSS_B, $0
	cmpl	$0xa1a2a3a4, %ebx
	expect	"EBX was lost over two task switches by JMP"
	cmpl	$0xa5a6a7a8, %ebp
	expect	"EBP was lost over two task switches by JMP"
	cmpl	$0x7000, %esp
	expect	"ESP was lost over two task switches by JMP"
	testb	$BUSY, AT(gdt + TSS_B + 5)
	sete	%al
	cmpb	$1, %al
	expect	"the TSS that was left by JMP is still busy"

	/* CALL nests the task; IRET returns to the instruction after the CALL. */
	movl	$1, AT(calls)
	lcall	$TSS_C, $0
	pushfl
	popl	%eax
	testl	$NT, %eax
	expect	"NT is set after IRET from the called task"
	cmpl	$2, AT(calls)
	expect	"the called task did not run once"

	/* A task gate, by INT. */
	int	$0x40
	cmpl	$3, AT(calls)
	expect	"the task gate's task did not run once"
	/* Another one, by an exception with an error code: a selector beyond the GDT. */
	movl	$0x1000, %eax
	movl	%eax, %gs
	cmpl	$4, AT(calls)
	expect	"the task of #GP's gate did not run once"
	str	%ax
	cmpw	$TSS_A, %ax
	expect	"TR is not the first task's after all switches"
	movl	$AT(hello), %esi
say:
	lodsb
	testb	%al, %al
	jz	1f
	outb	%al, $0x10
	jmp	say
1:	hlt
	jmp	1b

task_b:
	cmpl	$0xb1b2b3b4, %ebx
	expect	"EBX of the new task is not what its TSS has"
	str	%ax
	cmpw	$TSS_B, %ax
	expect	"TR does not name the new task"
	testb	$BUSY, AT(gdt + TSS_A + 5)
	expect	"the old task is still busy after JMP"
	pushfl
	popl	%eax
	testl	$NT, %eax
	expect	"JMP nested the task"
	movl	%cr0, %eax
	testl	$8, %eax
	setne	%al
	cmpb	$1, %al
	expect	"CR0.TS is not set after a task switch"
	ljmp	$TSS_A, $0

task_c:
	pushfl
	popl	%eax
	andl	$NT, %eax
	cmpl	$NT, %eax
	expect	"CALL or INT did not nest the task (NT)"
	cmpw	$TSS_A, AT(tss_c)
	expect	"the nested task's back link is not the caller"
	testb	$BUSY, AT(gdt + TSS_A + 5)
	setne	%al
	cmpb	$1, %al
	expect	"the caller is not busy while it waits"
	incl	AT(calls)
	iret
	jmp	task_c			/* the next call enters here */

task_d:
	cmpl	$0x6400 - 4, %esp
	expect	"the task of #GP's gate has no error code on its stack"
	cmpl	$0x1000, (%esp)
	expect	"the error code of #GP is not the selector"
	addl	$4, %esp
	incl	AT(calls)
	addl	$2, AT(tss_a) + 0x20	/* go past the MOV */
	iret

hello:	.asciz	"Hello from three tasks\n"

	.balign	8
calls:	.long	0
gdt:	.quad	0
	.quad	0x00cf9b000000ffff
	.quad	0x00cf93000000ffff
	.irp	t, tss_a, tss_b, tss_c, tss_d	/* base below 64 KiB, limit 0x67, type 9 */
	.word	0x67, AT(\t)
	.byte	0, 0x89, 0, 0
	.endr
gdt_desc:
	.word	gdt_desc - gdt - 1
	.long	AT(gdt)
	.balign	8
idt:	.skip	8 * 13			/* any other fault ends in a triple fault */
	.word	0, TSS_D
	.byte	0, 0x85, 0, 0
	.skip	8 * (0x40 - 14)
	.word	0, TSS_C
	.byte	0, 0x85, 0, 0
idt_desc:
	.word	idt_desc - idt - 1
	.long	AT(idt)

	.macro	tss eip, esp, ebx
	.long	0, 0, 0, 0, 0, 0, 0, 0
	.long	\eip, 2, 0, 0, 0, \ebx, \esp, 0, 0, 0
	.long	DATA, CODE, DATA, DATA, DATA, DATA, 0, 0x680000
	.endm
	.balign	128
tss_a:	tss	0, 0, 0
	.balign	128
tss_b:	tss	AT(task_b), 0x6800, 0xb1b2b3b4
	.balign	128
tss_c:	tss	AT(task_c), 0x6000, 0
	.balign	128
tss_d:	tss	AT(task_d), 0x6400, 0
	.section .note.GNU-stack, "", @progbits
