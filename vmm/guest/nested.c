// SPDX-License-Identifier: GPL-2.0-only
/* What the tests of nested SVM and nested VMX share: nested.h. */
#include "nested.h"

u8 l2_stack[4096] __attribute__((aligned(4096)));
volatile u64 l2_at, l2_value;
asm(".pushsection .text\n"
    "	.globl	l2_halt, l2_load, l2_store, l2_call\n"
    "l2_halt:\n"
    "	hlt\n"
    "	jmp	l2_halt\n"
    "l2_load:\n"
    "	movq	l2_at(%rip), %rbx\n"
    "	movq	(%rbx), %rax\n"
    "	movq	%rax, l2_value(%rip)\n"
    "	hlt\n"
    "l2_store:\n"
    "	movq	l2_at(%rip), %rbx\n"
    "	movq	l2_value(%rip), %rax\n"
    "	movq	%rax, (%rbx)\n"
    "	hlt\n"
    "l2_call:\n"
    "	movq	l2_at(%rip), %rbx\n"
    "	call	*%rbx\n"
    "	hlt\n"
    ".popsection");

struct l2_event taken;

void on_taken(struct regs *r)
{
	taken.count++;
	taken.vector = r->vector;
	taken.error = r->error;
	taken.rip = r->rip;
	taken.cr2 = read_cr2();
}

void took(u32 n, u64 vector, const char *what)
{
	check(taken.count == n, "%s: L2 took %u, expected %u", what, taken.count, n);
	if (n)
		check_eq(taken.vector, vector, what);
}
