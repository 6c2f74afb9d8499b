// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions that KVM's emulator carries out because their operand, or the stack,
 * is MMIO: those that arch/x86/kvm/emulate.c has in its tables. SDM vol. 2.
 */
#include "lib.h"

/*
 * Compare the emulator with the CPU: the same instruction on RAM and on MMIO must
 * leave the same memory, registers and flags, AF included. Each row masks the flags
 * that the architecture leaves undefined.
 */
struct emul {
	const char *name;
	void (*fn)(u64 p, u64 *reg, u64 *flags);
	u64 flags;		/* those that are defined, and what follows */
};

#define ARITH	0x8d5		/* OF SF ZF AF PF CF */
#define LOGIC	0x8c5		/* AF is undefined */
#define SHIFT	0xc5		/* OF and AF are */
#define ROTATE	0x801		/* OF CF */
#define MOVBE	(1u << 30)	/* needs the instruction */
#define DIVIDES	(1u << 31)	/* not by 0 */
#define SINCE_6_12	(1u << 29)	/* KVM does not know it before Linux 6.12 */
#define EMUL(id, text) \
	static void emul_##id(u64 p, u64 *reg, u64 *flags) \
	{ \
		u64 r = *reg, f = *flags, a = *reg ^ 0x1122334455667788ULL; \
		asm volatile("push %1; popf; " text "; pushf; pop %1; cld" \
			     : "+r"(r), "+r"(f), "+a"(a) : "b"(p) : "memory", "cc", "rcx", "rdx"); \
		*reg = r ^ a; \
		*flags = f; \
	}
EMUL(addb, "addb %b0, (%%rbx)")
EMUL(addw, "addw %w0, (%%rbx)")
EMUL(addl, "addl %k0, (%%rbx)")
EMUL(addq, "addq %q0, (%%rbx)")
EMUL(add_r, "addl (%%rbx), %k0")
EMUL(adc, "adcl %k0, (%%rbx)")
EMUL(sbb, "sbbw %w0, (%%rbx)")
EMUL(sub, "subq %q0, (%%rbx)")
EMUL(sub_r, "subb (%%rbx), %b0")
EMUL(and_, "andl %k0, (%%rbx)")
EMUL(or_, "orw %w0, (%%rbx)")
EMUL(xor_, "xorb %b0, (%%rbx)")
EMUL(cmp, "cmpl %k0, (%%rbx)")
EMUL(cmp_r, "cmpq (%%rbx), %q0")
EMUL(test, "testl %k0, (%%rbx)")
EMUL(cmpi, "cmpb $0x7f, (%%rbx)")
EMUL(addi, "addw $0x7fff, (%%rbx)")
EMUL(ori, "orl $0x80000001, (%%rbx)")
EMUL(movi, "movl $0x12345678, (%%rbx)")
EMUL(moviq, "movq $-2, (%%rbx)")
EMUL(inc, "incb (%%rbx)")
EMUL(dec, "decl (%%rbx)")
EMUL(neg, "negq (%%rbx)")
EMUL(not_, "notw (%%rbx)")
EMUL(xchgb, "xchgb %b0, (%%rbx)")
EMUL(xchgl, "xchgl %k0, (%%rbx)")
EMUL(xchgq, "xchgq %q0, (%%rbx)")
EMUL(cmpxchg, "cmpxchgl %k0, (%%rbx)")
EMUL(cmpxchg_hit, "movl (%%rbx), %%eax; lock cmpxchgl %k0, (%%rbx)")
EMUL(xadd, "lock xaddl %k0, (%%rbx)")
EMUL(lock_or, "lock orl %k0, (%%rbx)")
EMUL(shl, "shll $3, (%%rbx)")
EMUL(shr, "shrw $1, (%%rbx)")
EMUL(sar, "sarq $1, (%%rbx)")
EMUL(rol, "rolb $1, (%%rbx)")
EMUL(ror, "rorl $1, (%%rbx)")
EMUL(bt, "btl $5, (%%rbx)")
EMUL(bts, "btsl $17, (%%rbx)")
EMUL(btr, "btrw $3, (%%rbx)")
EMUL(btc, "btcq $33, (%%rbx)")
EMUL(bts_below, "movl $-3, %%ecx; btsl %%ecx, 4(%%rbx)")
EMUL(btc_beyond, "movl $37, %%ecx; btcl %%ecx, (%%rbx)")
EMUL(bsf, "bsfl (%%rbx), %k0")
EMUL(bsr, "bsrq (%%rbx), %q0")
EMUL(movzx, "movzwl (%%rbx), %k0")
EMUL(movsx, "movsbl (%%rbx), %k0")
EMUL(cmov_t, "stc; cmovcl (%%rbx), %k0")
EMUL(cmov_f, "clc; cmovcl (%%rbx), %k0")
EMUL(setcc, "setz (%%rbx)")
EMUL(mul, "mov $3, %%eax; mull (%%rbx); mov %%rdx, %0")
EMUL(imul, "imull $7, (%%rbx), %k0")
EMUL(imul2, "imulw (%%rbx), %w0")
EMUL(div, "xor %%edx, %%edx; mov $0x12345, %%eax; divl (%%rbx); mov %%rdx, %0")
EMUL(bswap, "bswap %k0; movl %k0, (%%rbx)")
EMUL(stos, "mov %%rbx, %%rdx; xchg %%rdi, %%rdx; mov $5, %%ecx; cld; rep stosb; xchg %%rdi, %%rdx; sub %%rbx, %%rdx; mov %%rdx, %0")
EMUL(lods, "mov %%rbx, %%rdx; xchg %%rsi, %%rdx; lodsl; xchg %%rsi, %%rdx; sub %%rbx, %%rdx; mov %%rdx, %0")
EMUL(scas, "mov %%rbx, %%rdx; xchg %%rdi, %%rdx; movb $0x5a, %%al; mov $6, %%ecx; repne scasb; xchg %%rdi, %%rdx; mov %%rcx, %0")
EMUL(cmps, "push %%rsi; push %%rdi; mov %%rbx, %%rsi; lea 1(%%rbx), %%rdi; mov $6, %%ecx; cld; repe cmpsb; pop %%rdi; pop %%rsi; mov %%rcx, %0")
EMUL(push_m, "pushq (%%rbx); popq %0")
EMUL(pop_m, "pushq %0; popq (%%rbx)")
EMUL(adc_r, "adcq (%%rbx), %q0")
EMUL(sbb_r, "sbbl (%%rbx), %k0")
EMUL(and_r, "andb (%%rbx), %b0")
EMUL(or_r, "orq (%%rbx), %q0")
EMUL(xor_r, "xorw (%%rbx), %w0")
EMUL(cmpw, "cmpw %w0, (%%rbx)")
EMUL(testb, "testb %b0, (%%rbx)")
EMUL(adci, "adcl $-3, (%%rbx)")
EMUL(sbbi, "sbbq $0x1234567, (%%rbx)")
EMUL(subi, "subw $-1, (%%rbx)")
EMUL(andi, "andl $-16, (%%rbx)")
EMUL(xori, "xorb $0x81, (%%rbx)")
EMUL(testi, "testw $0x8001, (%%rbx)")
EMUL(movib, "movb $0x5a, (%%rbx)")
EMUL(moviw, "movw $0x1234, (%%rbx)")
EMUL(incq, "incq (%%rbx)")
EMUL(decw, "decw (%%rbx)")
EMUL(negb, "negb (%%rbx)")
EMUL(notl, "notl (%%rbx)")
EMUL(lock_inc, "lock incl (%%rbx)")
EMUL(lock_bts, "lock btsl $9, (%%rbx)")
EMUL(xchgw, "xchgw %w0, (%%rbx)")
EMUL(xaddb, "xaddb %b0, (%%rbx)")
EMUL(xaddq, "lock xaddq %q0, (%%rbx)")
EMUL(cmpxchgb, "cmpxchgb %b0, (%%rbx)")
EMUL(cmpxchgq_hit, "movq (%%rbx), %%rax; cmpxchgq %q0, (%%rbx)")
EMUL(cmpxchg8b_hit, "mov %%rbx, %%rcx; mov %%rcx, %0; movl (%0), %%eax; movl 4(%0), %%edx; push %%rbx; mov $0x5678, %%ebx; mov $0x1234, %%ecx; cmpxchg8b (%0); pop %%rbx; mov %%edx, %k0")
EMUL(cmpxchg8b_miss, "mov %%rbx, %%rcx; mov %%rcx, %0; movl $0x42, %%eax; movl 4(%0), %%edx; push %%rbx; mov $0x5678, %%ebx; mov $0x1234, %%ecx; lock cmpxchg8b (%0); pop %%rbx; mov %%edx, %k0")
EMUL(rcl, "rcll $1, (%%rbx)")
EMUL(rcr, "rcrq $1, (%%rbx)")
EMUL(rcl_5, "rclw $5, (%%rbx)")
EMUL(rcr_cl, "movb $3, %%cl; rcrb %%cl, (%%rbx)")
EMUL(shl_cl, "movb $5, %%cl; shlq %%cl, (%%rbx)")
EMUL(shr_5, "shrb $5, (%%rbx)")
EMUL(sar_cl, "movb $35, %%cl; sarl %%cl, (%%rbx)")
EMUL(rol_cl, "movb $7, %%cl; roll %%cl, (%%rbx)")
EMUL(ror_9, "rorw $9, (%%rbx)")
EMUL(shift_0, "xor %%ecx, %%ecx; stc; shll %%cl, (%%rbx)")
EMUL(shld, "shldl $5, %k0, (%%rbx)")
EMUL(shrd, "movb $9, %%cl; shrdq %%cl, %q0, (%%rbx)")
EMUL(mulb, "mulb (%%rbx)")
EMUL(mulq, "mulq (%%rbx); mov %%rdx, %0")
EMUL(imulb, "imulb (%%rbx)")
EMUL(imul1, "imull (%%rbx); mov %%rdx, %0")
EMUL(imulq, "imulq (%%rbx), %q0")
EMUL(divb, "movw $0x123, %%ax; divb (%%rbx)")
EMUL(idiv, "movl $-0x12345, %%eax; cltd; idivl (%%rbx); mov %%rdx, %0")
EMUL(bsfw, "bsfw (%%rbx), %w0")
EMUL(btq, "movl $61, %%ecx; btq %%rcx, (%%rbx)")
EMUL(movzbw, "movzbw (%%rbx), %w0")
EMUL(movswl, "movswl (%%rbx), %k0")
EMUL(movnti, "movntil %k0, (%%rbx)")
EMUL(movntiq, "movntiq %q0, (%%rbx)")
EMUL(movbe_r, "movbel (%%rbx), %k0")
EMUL(movbe_m, "movbel %k0, (%%rbx)")
EMUL(movbe_q, "movbeq %q0, (%%rbx)")
EMUL(xlat, "movb $5, %%al; xlatb")
EMUL(from_sreg, "movw %%cs, (%%rbx)")
EMUL(to_sreg, "movl $0x10, (%%rbx); movw (%%rbx), %%fs; mov %%fs, %k0; xor %%ecx, %%ecx; mov %%ecx, %%fs")
EMUL(stosw_down, "mov %%rbx, %%rdx; xchg %%rdi, %%rdx; add $4, %%rdi; mov $3, %%ecx; std; rep stosw; cld; xchg %%rdi, %%rdx; sub %%rbx, %%rdx; mov %%rdx, %0")
EMUL(lodsb, "mov %%rbx, %%rdx; xchg %%rsi, %%rdx; lodsb; xchg %%rsi, %%rdx; sub %%rbx, %%rdx; mov %%rdx, %0")
EMUL(lodsq, "mov %%rbx, %%rdx; xchg %%rsi, %%rdx; lodsq; xchg %%rsi, %%rdx; sub %%rbx, %%rdx; mov %%rdx, %0")
EMUL(scasw, "mov %%rbx, %%rdx; xchg %%rdi, %%rdx; scasw; xchg %%rdi, %%rdx; pushf; sub %%rbx, %%rdx; mov %%rdx, %0; popf")
EMUL(cmpsw, "push %%rsi; push %%rdi; mov %%rbx, %%rsi; lea 8(%%rbx), %%rdi; mov $4, %%ecx; cld; repne cmpsw; pop %%rdi; pop %%rsi; mov %%rcx, %0")
EMUL(call, "lea 1f(%%rip), %0; movq %0, (%%rbx); call *(%%rbx)\n2: jmp 3f\n1: pop %0; lea 2b(%%rip), %%rdx; sub %%rdx, %0\n3: nop")
EMUL(jmp, "lea 1f(%%rip), %0; movq %0, (%%rbx); jmp *(%%rbx)\n ud2\n1: mov $0, %k0")
EMUL(far_jmp, "movl $1f, (%%rbx); movl $0x18, 4(%%rbx); ljmpl *(%%rbx)\n ud2\n1: mov $0, %k0")
EMUL(fnstcw, "fninit; fnstcw (%%rbx)")
EMUL(fnstsw, "fninit; fnstsw (%%rbx)")
EMUL(movups_m, "movq %0, %%mm0; movq2dq %%mm0, %%xmm0; movq2dq %%mm0, %%xmm1; psllq $3, %%xmm1; punpcklqdq %%xmm1, %%xmm0; movups %%xmm0, (%%rbx)")
EMUL(movups_r, "movups (%%rbx), %%xmm1; movdq2q %%xmm1, %%mm1; movq %%mm1, %0; psrldq $8, %%xmm1; movdq2q %%xmm1, %%mm1; movq %%mm1, %%rcx; ror $7, %%rcx; xor %%rcx, %0")
EMUL(movupd_m, "movq %0, %%mm0; movq2dq %%mm0, %%xmm0; movq2dq %%mm0, %%xmm1; psllq $3, %%xmm1; punpcklqdq %%xmm1, %%xmm0; movupd %%xmm0, (%%rbx)")
EMUL(movupd_r, "movupd (%%rbx), %%xmm1; movdq2q %%xmm1, %%mm1; movq %%mm1, %0; psrldq $8, %%xmm1; movdq2q %%xmm1, %%mm1; movq %%mm1, %%rcx; ror $7, %%rcx; xor %%rcx, %0")
EMUL(movaps_m, "movq %0, %%mm0; movq2dq %%mm0, %%xmm0; movq2dq %%mm0, %%xmm1; psllq $3, %%xmm1; punpcklqdq %%xmm1, %%xmm0; movaps %%xmm0, (%%rbx)")
EMUL(movaps_r, "movaps (%%rbx), %%xmm1; movdq2q %%xmm1, %%mm1; movq %%mm1, %0; psrldq $8, %%xmm1; movdq2q %%xmm1, %%mm1; movq %%mm1, %%rcx; ror $7, %%rcx; xor %%rcx, %0")
EMUL(movapd_m, "movq %0, %%mm0; movq2dq %%mm0, %%xmm0; movq2dq %%mm0, %%xmm1; psllq $3, %%xmm1; punpcklqdq %%xmm1, %%xmm0; movapd %%xmm0, (%%rbx)")
EMUL(movapd_r, "movapd (%%rbx), %%xmm1; movdq2q %%xmm1, %%mm1; movq %%mm1, %0; psrldq $8, %%xmm1; movdq2q %%xmm1, %%mm1; movq %%mm1, %%rcx; ror $7, %%rcx; xor %%rcx, %0")
EMUL(movdqa_m, "movq %0, %%mm0; movq2dq %%mm0, %%xmm0; movq2dq %%mm0, %%xmm1; psllq $3, %%xmm1; punpcklqdq %%xmm1, %%xmm0; movdqa %%xmm0, (%%rbx)")
EMUL(movdqa_r, "movdqa (%%rbx), %%xmm1; movdq2q %%xmm1, %%mm1; movq %%mm1, %0; psrldq $8, %%xmm1; movdq2q %%xmm1, %%mm1; movq %%mm1, %%rcx; ror $7, %%rcx; xor %%rcx, %0")
EMUL(movdqu_m, "movq %0, %%mm0; movq2dq %%mm0, %%xmm0; movq2dq %%mm0, %%xmm1; psllq $3, %%xmm1; punpcklqdq %%xmm1, %%xmm0; movdqu %%xmm0, (%%rbx)")
EMUL(movdqu_r, "movdqu (%%rbx), %%xmm1; movdq2q %%xmm1, %%mm1; movq %%mm1, %0; psrldq $8, %%xmm1; movdq2q %%xmm1, %%mm1; movq %%mm1, %%rcx; ror $7, %%rcx; xor %%rcx, %0")
EMUL(movntps, "movq %0, %%mm0; movq2dq %%mm0, %%xmm0; movq2dq %%mm0, %%xmm1; psllq $3, %%xmm1; punpcklqdq %%xmm1, %%xmm0; movntps %%xmm0, (%%rbx)")
EMUL(movntpd, "movq %0, %%mm0; movq2dq %%mm0, %%xmm0; movq2dq %%mm0, %%xmm1; psllq $3, %%xmm1; punpcklqdq %%xmm1, %%xmm0; movntpd %%xmm0, (%%rbx)")
EMUL(movntdq, "movq %0, %%mm0; movq2dq %%mm0, %%xmm0; movq2dq %%mm0, %%xmm1; psllq $3, %%xmm1; punpcklqdq %%xmm1, %%xmm0; movntdq %%xmm0, (%%rbx)")
EMUL(movq_mm_m, "movq %0, %%mm0; movq %%mm0, (%%rbx)")
EMUL(movq_mm_r, "movq (%%rbx), %%mm1; movq %%mm1, %0")

EMUL(btsw_below, "movw $-16, %%cx; btsw %%cx, 4(%%rbx)")
EMUL(repne_scasl, "push %%rdi; mov %%rbx, %%rdi; mov $4, %%ecx; movl 8(%%rbx), %%eax; cld; repne scasl; pushf; sub %%rbx, %%rdi; lea (%%rdi,%%rcx,8), %%rdx; mov %%rdx, %%rcx; popf; pop %%rdi; mov %%rcx, %0")
EMUL(repe_scasw, "push %%rdi; mov %%rbx, %%rdi; mov $8, %%ecx; movw (%%rbx), %%ax; cld; repe scasw; pushf; sub %%rbx, %%rdi; lea (%%rdi,%%rcx,8), %%rdx; mov %%rdx, %%rcx; popf; pop %%rdi; mov %%rcx, %0")
EMUL(btsq_40, "movl $40, %%ecx; btsq %%rcx, (%%rbx)")
EMUL(btrw_9, "movw $9, %%cx; btrw %%cx, (%%rbx)")
EMUL(movbew_r, "movbew (%%rbx), %w0")
EMUL(movbew_m, "movbew %w0, (%%rbx)")
/*
 * RDX := an address in RAM below the stack, at the operand's offset in its page. KVM must
 * not mistake one for the other. CALL through memory is not among these: KVM 6.1 to 7.3
 * push the return address to the MMIO (its table lacks TwoMemOp).
 */
#define ALIKE "lea -0x1000(%%rsp), %%rdx; and $-0x1000, %%rdx; mov %%ebx, %%ecx; and $0xfff, %%ecx; add %%rcx, %%rdx; "
EMUL(push_m_alike, ALIKE "movq $0x55, (%%rdx); mov %%rsp, %%rcx; lea 8(%%rdx), %%rsp; pushq (%%rbx); popq %0; mov %%rcx, %%rsp")
EMUL(pop_m_alike, ALIKE "movq %0, (%%rdx); mov %%rsp, %%rcx; mov %%rdx, %%rsp; popq (%%rbx); mov %%rcx, %%rsp")
EMUL(movs_from_alike, ALIKE "push %%rsi; push %%rdi; mov %%rbx, %%rsi; mov %%rdx, %%rdi; cld; movsq; pop %%rdi; pop %%rsi; mov (%%rdx), %0")
EMUL(movs_to_alike, ALIKE "push %%rsi; push %%rdi; mov %0, (%%rdx); mov %%rdx, %%rsi; mov %%rbx, %%rdi; cld; movsq; pop %%rdi; pop %%rsi")
EMUL(cmps_alike, ALIKE "push %%rsi; push %%rdi; mov %0, (%%rdx); mov %%rdx, %%rsi; mov %%rbx, %%rdi; cld; cmpsl; pop %%rdi; pop %%rsi")

#define ROW(id, f) { #id, emul_##id, f }
static const struct emul emuls[] = {
	ROW(addb, ARITH), ROW(addw, ARITH), ROW(addl, ARITH), ROW(addq, ARITH), ROW(add_r, ARITH),
	ROW(adc, ARITH), ROW(sbb, ARITH), ROW(sub, ARITH), ROW(sub_r, ARITH), ROW(and_, LOGIC),
	ROW(or_, LOGIC), ROW(xor_, LOGIC), ROW(cmp, ARITH), ROW(cmp_r, ARITH), ROW(test, LOGIC),
	ROW(cmpi, ARITH), ROW(addi, ARITH), ROW(ori, LOGIC), ROW(movi, ARITH), ROW(moviq, ARITH),
	ROW(inc, ARITH), ROW(dec, ARITH), ROW(neg, ARITH), ROW(not_, ARITH), ROW(xchgb, ARITH),
	ROW(xchgl, ARITH), ROW(xchgq, ARITH), ROW(cmpxchg, ARITH), ROW(cmpxchg_hit, ARITH),
	ROW(xadd, ARITH), ROW(lock_or, LOGIC), ROW(shl, SHIFT), ROW(shr, LOGIC), ROW(sar, LOGIC),
	ROW(rol, ROTATE), ROW(ror, ROTATE), ROW(bt, 1), ROW(bts, 1), ROW(btr, 1), ROW(btc, 1),
	ROW(bts_below, 1), ROW(btc_beyond, 1), ROW(bsf, 0x40), ROW(bsr, 0x40), ROW(movzx, ARITH),
	ROW(movsx, ARITH), ROW(cmov_t, 1), ROW(cmov_f, 1), ROW(setcc, ARITH), ROW(mul, ROTATE),
	ROW(imul, ROTATE), ROW(imul2, ROTATE), ROW(div, DIVIDES), ROW(bswap, ARITH), ROW(stos, ARITH),
	ROW(lods, ARITH), ROW(scas, 0x40), ROW(cmps, ARITH), ROW(push_m, ARITH), ROW(pop_m, ARITH),
	ROW(adc_r, ARITH), ROW(sbb_r, ARITH), ROW(and_r, LOGIC), ROW(or_r, LOGIC), ROW(xor_r, LOGIC),
	ROW(cmpw, ARITH), ROW(testb, LOGIC), ROW(adci, ARITH), ROW(sbbi, ARITH), ROW(subi, ARITH),
	ROW(andi, LOGIC), ROW(xori, LOGIC), ROW(testi, LOGIC), ROW(movib, ARITH), ROW(moviw, ARITH),
	ROW(incq, ARITH), ROW(decw, ARITH), ROW(negb, ARITH), ROW(notl, ARITH), ROW(lock_inc, ARITH),
	ROW(lock_bts, 1), ROW(xchgw, ARITH), ROW(xaddb, ARITH), ROW(xaddq, ARITH), ROW(cmpxchgb, ARITH),
	ROW(cmpxchgq_hit, ARITH), ROW(cmpxchg8b_hit, 0x40), ROW(cmpxchg8b_miss, 0x40), ROW(rcl, ROTATE),
	ROW(rcr, ROTATE), ROW(rcl_5, 1), ROW(rcr_cl, 1), ROW(shl_cl, SHIFT), ROW(shr_5, SHIFT),
	ROW(sar_cl, SHIFT), ROW(rol_cl, 1), ROW(ror_9, 1), ROW(shift_0, 1), ROW(shld, SHIFT),
	ROW(shrd, SHIFT), ROW(mulb, ROTATE), ROW(mulq, ROTATE), ROW(imulb, ROTATE), ROW(imul1, ROTATE),
	ROW(imulq, ROTATE), ROW(divb, DIVIDES), ROW(idiv, DIVIDES), ROW(bsfw, 0x40), ROW(btq, 1),
	ROW(movzbw, ARITH), ROW(movswl, ARITH), ROW(movnti, ARITH), ROW(movntiq, ARITH),
	ROW(movbe_r, ARITH | MOVBE), ROW(movbe_m, ARITH | MOVBE), ROW(movbe_q, ARITH | MOVBE),
	ROW(xlat, ARITH), ROW(from_sreg, ARITH), ROW(to_sreg, 0), ROW(stosw_down, 0), ROW(lodsb, 0),
	ROW(lodsq, 0), ROW(scasw, ARITH), ROW(cmpsw, ARITH), ROW(call, 0), ROW(jmp, ARITH),
	ROW(far_jmp, ARITH), ROW(fnstcw, ARITH), ROW(fnstsw, ARITH), ROW(movups_m, 0),
	ROW(movups_r, 0), ROW(movupd_m, 0), ROW(movupd_r, 0), ROW(movaps_m, 0), ROW(movaps_r, 0),
	ROW(movapd_m, 0), ROW(movapd_r, 0), ROW(movdqa_m, 0), ROW(movdqa_r, 0), ROW(movdqu_m, 0),
	ROW(movdqu_r, 0), ROW(movntps, 0), ROW(movntpd, 0), ROW(movntdq, 0), ROW(movq_mm_m, 0),
	ROW(movq_mm_r, 0), ROW(btsw_below, 1), ROW(repne_scasl, ARITH), ROW(repe_scasw, ARITH),
	ROW(btsq_40, 1), ROW(btrw_9, 1), ROW(movbew_r, ARITH | MOVBE | SINCE_6_12),
	ROW(movbew_m, ARITH | MOVBE | SINCE_6_12), ROW(push_m_alike, 0), ROW(pop_m_alike, 0),
	ROW(movs_from_alike, 0), ROW(movs_to_alike, 0), ROW(cmps_alike, ARITH),
};

/* Every condition, of which SETcc stores one and CMOVcc obeys one. */
EMUL(seto, "seto (%%rbx); cmovol 4(%%rbx), %k0")
EMUL(setno, "setno (%%rbx); cmovnol 4(%%rbx), %k0")
EMUL(setb, "setb (%%rbx); cmovbl 4(%%rbx), %k0")
EMUL(setnb, "setnb (%%rbx); cmovnbl 4(%%rbx), %k0")
EMUL(setz, "setz (%%rbx); cmovzl 4(%%rbx), %k0")
EMUL(setnz, "setnz (%%rbx); cmovnzl 4(%%rbx), %k0")
EMUL(setbe, "setbe (%%rbx); cmovbel 4(%%rbx), %k0")
EMUL(seta, "seta (%%rbx); cmoval 4(%%rbx), %k0")
EMUL(sets, "sets (%%rbx); cmovsl 4(%%rbx), %k0")
EMUL(setns, "setns (%%rbx); cmovnsl 4(%%rbx), %k0")
EMUL(setp, "setp (%%rbx); cmovpl 4(%%rbx), %k0")
EMUL(setnp, "setnp (%%rbx); cmovnpl 4(%%rbx), %k0")
EMUL(setl, "setl (%%rbx); cmovll 4(%%rbx), %k0")
EMUL(setge, "setge (%%rbx); cmovgel 4(%%rbx), %k0")
EMUL(setle, "setle (%%rbx); cmovlel 4(%%rbx), %k0")
EMUL(setg, "setg (%%rbx); cmovgl 4(%%rbx), %k0")
static const struct emul conditions[] = {
	ROW(seto, ARITH), ROW(setno, ARITH), ROW(setb, ARITH), ROW(setnb, ARITH), ROW(setz, ARITH),
	ROW(setnz, ARITH), ROW(setbe, ARITH), ROW(seta, ARITH), ROW(sets, ARITH), ROW(setns, ARITH),
	ROW(setp, ARITH), ROW(setnp, ARITH), ROW(setl, ARITH), ROW(setge, ARITH), ROW(setle, ARITH),
	ROW(setg, ARITH),
};

/* sync 6: MMIO bytes 0-15 := arg[0], arg[1]; sync 7: the reverse, to out[]. */
static void compare(const struct emul *e, u64 mem, u64 reg, u64 flags)
{
	volatile u64 *ram = scratch(0);
	u64 v1 = reg, v2 = reg, f1 = flags, f2 = flags;
	u32 i;

	step(e->name);
	ram[0] = shared->arg[0] = mem;
	ram[1] = shared->arg[1] = 0x0123456789abcdefULL ^ mem;
	e->fn((u64)ram, &v1, &f1);
	sync_host(6);
	e->fn(UNIT_MMIO, &v2, &f2);
	sync_host(7);
	for (i = 0; i < 2; i++)
		check(shared->out[i] == ram[i], "emulated %s of memory 0x%lx left 0x%lx in memory (at %u), but the CPU leaves 0x%lx",
		      e->name, LU(mem), LU(shared->out[i]), 8 * i, LU(ram[i]));
	check(v1 == v2, "emulated %s of memory 0x%lx left 0x%lx in registers, but the CPU leaves 0x%lx",
	      e->name, LU(mem), LU(v2), LU(v1));
	check(!((f1 ^ f2) & e->flags & 0xffff), "emulated %s of memory 0x%lx left flags 0x%lx, but the CPU leaves 0x%lx",
	      e->name, LU(mem), LU(f2), LU(f1));
}

/*
 * A far CALL through memory pushes CS and the next address. Not compared with the CPU: QEMU's
 * pushes 32 bits by SP, not RSP, if SS is a 16-bit segment.
 */
static void far_call(void)
{
	u64 ip, cs, moved;

	step("far CALL through MMIO");
	asm volatile("movl $1f, (%[m]); movl $0x18, 4(%[m]); mov %%rsp, %%rcx; lcall *(%[m])\n"
		     "2:	ud2\n"
		     "1:	mov (%%rsp), %k[ip]; mov 4(%%rsp), %k[cs]; sub %%rsp, %%rcx; add %%rcx, %%rsp; lea 2b(%%rip), %%rdx; sub %%rdx, %[ip]"
		     : [ip] "=&r"(ip), [cs] "=&r"(cs), "=&c"(moved) : [m] "r"((u64)UNIT_MMIO) : "rdx", "memory", "cc");
	check(!ip && cs == 0x18 && moved == 8, "a far CALL through MMIO pushed %lu bytes: CS 0x%lx, and an address 0x%lx from the next one",
	      LU(moved), LU(cs), LU(ip));
}

TEST(mmio_emulate)
{
	static const u64 mem[] = { 0, 0x8000000080007f80ULL, 0x5a00ff0112345a5aULL, ~0ULL };
	static const u64 reg[] = { 1, 0x7fffffff, 0xffffffffffffff80ULL };
	static const u64 flg[] = { 0x2, 0x8d7 };
	/* None, CF, PF, ZF, SF, OF, SF and OF, all */
	static const u64 ccs[] = { 0x2, 0x3, 0x6, 0x42, 0x82, 0x802, 0x882, 0x8d7 };
	bool movbe = cpuid(1, 0).c >> 22 & 1;
	u32 i, m, f;

	for (i = 0; i < array_size(emuls); i++) {
		const struct emul *e = &emuls[i];

		if ((e->flags & MOVBE && !movbe) || (e->flags & SINCE_6_12 && shared->kernel < 6012))
			continue;
		for (m = e->flags & DIVIDES ? 1 : 0; m < array_size(mem); m++)
			for (f = 0; f < array_size(flg); f++)
				compare(e, mem[m], reg[(i + m) % array_size(reg)], flg[f]);
	}
	for (i = 0; i < array_size(conditions); i++)
		for (f = 0; f < array_size(ccs); f++)
			compare(&conditions[i], mem[2], reg[2], ccs[f]);
	far_call();
}

/* --- a stack in MMIO --- */

#define TOP	((u64)UNIT_MMIO + 0x800)

static u64 stack_end __attribute__((used));

/* Run @text with RSP = TOP; @v is RAX before and after. R14 and R15 are in use. */
#define ON_STACK(v, text) \
	asm volatile("mov %%rsp, %%r15; mov %[top], %%rsp\n\t" text "\n\tmov %%rsp, stack_end; mov %%r15, %%rsp" \
		     : "+a"(v) : [top] "r"(TOP) : "r14", "r15", "memory", "cc")

static void stack_is(long moved, const char *what)
{
	check_eq(stack_end, TOP + (u64)moved, what);
}

static void pushes(void)
{
	u64 v = 0x1122334455667788ULL, f;

	step("PUSH to MMIO");
	ON_STACK(v, "pushq %%rax");
	stack_is(-8, "RSP after PUSH of a register to MMIO");
	check_eq(readq(TOP - 8), v, "PUSH of a register to MMIO");
	ON_STACK(v, "pushw %%ax");
	stack_is(-2, "RSP after PUSH of 16 bits to MMIO");
	check_eq(readw(TOP - 2), 0x7788, "PUSH of 16 bits to MMIO");
	ON_STACK(v, "pushq $-5; pushq $0x12345678");
	stack_is(-16, "RSP after two PUSHes of immediates to MMIO");
	check_eq(readq(TOP - 8), (u64)-5, "PUSH of an 8-bit immediate to MMIO");
	check_eq(readq(TOP - 16), 0x12345678, "PUSH of a 32-bit immediate to MMIO");
	ON_STACK(v, "mov $0x10, %%eax; mov %%eax, %%fs; pushq %%fs; xor %%eax, %%eax; mov %%eax, %%fs");
	stack_is(-8, "RSP after PUSH of FS to MMIO");
	check_eq(readw(TOP - 8), 0x10, "PUSH of FS to MMIO");
	ON_STACK(v, "xor %%eax, %%eax; stc; std; pushf; cld");
	stack_is(-8, "RSP after PUSHF to MMIO");
	f = readq(TOP - 8);
	check((f & 0xcc5) == 0x445 && f & 2 && !(f & 0x30300), "PUSHF to MMIO wrote 0x%lx, expected ZF, PF, CF, DF and bit 1", LU(f));
}

static void pops(void)
{
	u64 v = 0;

	step("POP from MMIO");
	writeq(TOP, 0x8877665544332211ULL);
	ON_STACK(v, "popq %%rax");
	stack_is(8, "RSP after POP from MMIO");
	check_eq(v, 0x8877665544332211ULL, "POP from MMIO");
	v = ~0ULL;
	ON_STACK(v, "popw %%ax");
	stack_is(2, "RSP after POP of 16 bits from MMIO");
	check_eq(v, 0xffffffffffff2211ULL, "POP of 16 bits from MMIO");
	writeq(TOP, 0x8d7);
	ON_STACK(v, "popf; mov $0, %%eax; lahf; seto %%al");
	stack_is(8, "RSP after POPF from MMIO");
	check_eq(v, 0xd701, "AH and OF after POPF from MMIO");
	writeq(TOP, 0x10);
	ON_STACK(v, "popq %%fs; mov %%fs, %%eax; xor %%r14d, %%r14d; mov %%r14d, %%fs");
	stack_is(8, "RSP after POP of FS from MMIO");
	check_eq(v, 0x10, "POP of FS from MMIO");
}

static void calls(void)
{
	u64 v = 0;

	step("CALL and RET with a stack in MMIO");
	ON_STACK(v, "call 1f\n1: lea 1b(%%rip), %%rax");
	stack_is(-8, "RSP after CALL with a stack in MMIO");
	check_eq(readq(TOP - 8), v, "return address of CALL in MMIO");
	ON_STACK(v, "lea 2f(%%rip), %%rax; call *%%rax\n1: ud2\n2: lea 1b(%%rip), %%rax");
	stack_is(-8, "RSP after CALL of a register with a stack in MMIO");
	check_eq(readq(TOP - 8), v, "return address of CALL of a register in MMIO");
	ON_STACK(v, "lea 1f(%%rip), %%rax; mov %%rax, (%%rsp); ret\n ud2\n1: nop");
	stack_is(8, "RSP after RET from MMIO");
	ON_STACK(v, "lea 1f(%%rip), %%rax; mov %%rax, (%%rsp); ret $16\n ud2\n1: nop");
	stack_is(24, "RSP after RET 16 from MMIO");
	ON_STACK(v, "mov %%rbp, %%r14; mov $0x1234567, %%ebp; enter $0x20, $0; mov %%rsp, %%rax; leave; xchg %%r14, %%rbp");
	stack_is(0, "RSP after ENTER and LEAVE with a stack in MMIO");
	check_eq(v, TOP - 0x28, "RSP between ENTER and LEAVE with a stack in MMIO");
	check_eq(readq(TOP - 8), 0x1234567, "RBP that ENTER pushed to MMIO");
}

TEST(mmio_stack)
{
	sync_host(8);				/* the window is memory */
	pushes();
	pops();
	calls();
}
