/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The library for the unit guest's tests. A test is a function that returns if all
 * is well, and calls fail() or skip() if not.
 */
#ifndef GUEST_LIB_H
#define GUEST_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define shared ((volatile struct unit_shared *)UNIT_SHARED)
#define array_size(a) (sizeof(a) / sizeof((a)[0]))

/* TEST(name) { ... } puts a test in the table that cmain searches. */
struct unit_test {
	const char *name;
	void (*fn)(void);
};
#define TEST(id) \
	static void test_##id(void); \
	__attribute__((used, section(".tests"))) \
	static const struct unit_test entry_##id = { #id, test_##id }; \
	static void test_##id(void)

/* fail, skip - end the run; %d %u %x (64 bits each) and %s */
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *fmt, ...);
__attribute__((noreturn, format(printf, 1, 2))) void skip(const char *fmt, ...);
/* step - say what the test does next; shown if the guest hangs there */
void step(const char *what);
/* left_out - a part of the test is not tried; the check says which, and why */
void left_out(const char *what);
/* sync_host - let the host do its part @n of the test */
void sync_host(u32 n);

#define check(cond, ...) do { if (!(cond)) fail(__VA_ARGS__); } while (0)
#define LU(x) ((unsigned long)(x))
#define check_eq(got, want, what) do { \
	u64 g_ = (u64)(got), w_ = (u64)(want); \
	if (g_ != w_) \
		fail("%s: got 0x%lx, expected 0x%lx", what, LU(g_), LU(w_)); \
} while (0)

/* --- exceptions and interrupts --- */
struct regs {
	u64 rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
	u64 vector, error, rip, cs, rflags, rsp, ss;
};

struct trap_info {
	volatile u32 count;	/* exceptions since catch_begin */
	u64 vector, error, rip, cr2, rflags, dr6;
};
extern struct trap_info last_trap;
extern volatile u64 catch_rip;

#define NO_TRAP 0xffffULL
/*
 * TRY - run instructions that may fault; returns the vector, or NO_TRAP
 *
 * Details are in last_trap. Operands are those of asm volatile; RAX is lost unless
 * it is an operand.
 */
#define TRY_IO(text, outs, ins, ...) ({ \
	last_trap.vector = NO_TRAP; last_trap.error = 0; \
	asm volatile("movq $9f, catch_rip(%%rip)\n\t" \
		     "movq %%rsp, catch_rsp(%%rip)\n\t" text "\n9:\n\t" \
		     "movq $0, catch_rip(%%rip)" \
		     : outs : ins : "memory", "cc", ##__VA_ARGS__); \
	last_trap.vector; })
#define COMMA ,
#define NONE
#define TRY(text, ...) TRY_IO(text, NONE, NONE, ##__VA_ARGS__)

typedef void (*irq_fn)(struct regs *r);
/* irq_handler - call @fn on @vector (also 0-31); NULL: the vector is unexpected again */
void irq_handler(u8 vector, irq_fn fn);
/* irq_counting - a handler that counts in irq_counts and does EOI */
extern volatile u32 irq_counts[256];
void irq_counting(struct regs *r);
/* irq_wait - wait with interrupts on until irq_counts[vector] reaches n */
void irq_wait(u8 vector, u32 n, const char *what);

/* --- CPUs --- */
u32 cpu_id(void);
/* cpus_start - send INIT and SIPI to all others, wait until @n are online */
void cpus_start(u32 n);
/* cpu_run - run fn(arg) on CPU @cpu; cpu_wait - wait until it has returned */
void cpu_run(u32 cpu, void (*fn)(u64), u64 arg);
void cpu_wait(u32 cpu);

/* --- local APIC, in xAPIC or x2APIC mode --- */
#define APIC_BASE_PA	0xfee00000UL
enum { APIC_ID = 0x20, APIC_VER = 0x30, APIC_TPR = 0x80, APIC_PPR = 0xa0,
	APIC_EOI = 0xb0, APIC_LDR = 0xd0, APIC_DFR = 0xe0, APIC_SVR = 0xf0,
	APIC_ISR = 0x100, APIC_TMR = 0x180, APIC_IRR = 0x200, APIC_ESR = 0x280,
	APIC_ICR = 0x300, APIC_ICR2 = 0x310, APIC_LVTT = 0x320,
	APIC_LVT0 = 0x350, APIC_LVT1 = 0x360, APIC_LVTERR = 0x370,
	APIC_TMICT = 0x380, APIC_TMCCT = 0x390, APIC_TDCR = 0x3e0,
	APIC_SELF = 0x3f0 };
u32 apic_read(u32 reg);
void apic_write(u32 reg, u32 v);
void apic_icr(u32 dest, u32 low);
void apic_enable(void);
/* apic_bit - bit @vec of the 256-bit register ISR, TMR or IRR */
bool apic_bit(u32 reg, u8 vec);
bool apic_x2(void);

/* --- memory --- */
/* page_map - map 4 KiB at virtual @va (from VA_BASE up) to @pa with @flags */
#define VA_BASE 0x10000000000UL
enum { PT_P = 1, PT_W = 2, PT_U = 4, PT_PCD = 0x10, PT_A = 0x20, PT_D = 0x40,
	PT_PS = 0x80, PT_G = 0x100 };
#define PT_NX (1ULL << 63)
volatile u64 *page_map(u64 va, u64 pa, u64 flags);
/* page_entry - the entry that page_map wrote; level 1 = PTE, 2 = PDE ... */
volatile u64 *page_entry(u64 va, int level);
/* scratch - page @n of UNIT_SCRATCH */
static inline void *scratch(u32 n)
{
	return (void *)(unsigned long)(UNIT_SCRATCH + n * 4096UL);
}

void *memcpy(void *d, const void *s, size_t n);
void *memset(void *d, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* --- user mode --- */
/* user_call - fn() in ring 3, until it does int $0x80 or faults */
void user_call(void (*fn)(void));
/* user_call_iopl - the same with IOPL 3: ring 3 may use ports */
void user_call_iopl(void (*fn)(void));

/* --- instructions --- */
/*
 * GPRS_LOAD, GPRS_STORE - for asm: the general registers but RSP, from or to the table of 15
 * at RAX, in the order RAX RCX RDX RBX RSI RDI RBP R8 to R15. RAX is loaded last, and not
 * stored. GPRS_LOST - the clobbers; RBP is the caller's to save.
 */
#define GPRS_LOAD \
	"mov 8(%%rax), %%rcx; mov 16(%%rax), %%rdx; mov 24(%%rax), %%rbx\n\t" \
	"mov 32(%%rax), %%rsi; mov 40(%%rax), %%rdi; mov 48(%%rax), %%rbp\n\t" \
	"mov 56(%%rax), %%r8; mov 64(%%rax), %%r9; mov 72(%%rax), %%r10\n\t" \
	"mov 80(%%rax), %%r11; mov 88(%%rax), %%r12; mov 96(%%rax), %%r13\n\t" \
	"mov 104(%%rax), %%r14; mov 112(%%rax), %%r15; mov (%%rax), %%rax\n\t"
#define GPRS_STORE \
	"mov %%rcx, 8(%%rax); mov %%rdx, 16(%%rax); mov %%rbx, 24(%%rax)\n\t" \
	"mov %%rsi, 32(%%rax); mov %%rdi, 40(%%rax); mov %%rbp, 48(%%rax)\n\t" \
	"mov %%r8, 56(%%rax); mov %%r9, 64(%%rax); mov %%r10, 72(%%rax)\n\t" \
	"mov %%r11, 80(%%rax); mov %%r12, 88(%%rax); mov %%r13, 96(%%rax)\n\t" \
	"mov %%r14, 104(%%rax); mov %%r15, 112(%%rax)\n\t"
#define GPRS_LOST "rax", "rcx", "rdx", "rbx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc"

#define IO(sz, suf, reg) \
static inline void out##suf(u16 port, u##sz v) \
{ asm volatile("out" #suf " %" reg "0, %1" : : "a"(v), "Nd"(port) : "memory"); } \
static inline u##sz in##suf(u16 port) \
{ u##sz v; asm volatile("in" #suf " %1, %" reg "0" : "=a"(v) : "Nd"(port) : "memory"); return v; }
IO(8, b, "b")
IO(16, w, "w")
IO(32, l, "k")

#define MMIO(sz, suf, reg, con) \
static inline void write##suf(u64 a, u##sz v) \
{ asm volatile("mov %" reg "0, (%1)" : : con(v), "r"(a) : "memory"); } \
static inline u##sz read##suf(u64 a) \
{ u##sz v; asm volatile("mov (%1), %" reg "0" : "=" con(v) : "r"(a) : "memory"); return v; }
MMIO(8, b, "b", "q")
MMIO(16, w, "w", "r")
MMIO(32, l, "k", "r")
MMIO(64, q, "q", "r")

static inline u64 rdmsr(u32 m)
{
	u32 a, d;

	asm volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(m));
	return a | (u64)d << 32;
}
static inline void wrmsr(u32 m, u64 v)
{
	asm volatile("wrmsr" : : "c"(m), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}
/* rdmsr_try, wrmsr_try - the vector of the fault, or NO_TRAP */
static inline u64 rdmsr_try(u32 m, u64 *v)
{
	u32 a = 0, d = 0;
	u64 t = TRY_IO("rdmsr", "+a"(a) COMMA "+d"(d), "c"(m));

	*v = a | (u64)d << 32;
	return t;
}
static inline u64 wrmsr_try(u32 m, u64 v)
{
	return TRY_IO("wrmsr", NONE, "c"(m) COMMA "a"((u32)v) COMMA "d"((u32)(v >> 32)));
}
struct cpuid { u32 a, b, c, d; };
static inline struct cpuid cpuid(u32 leaf, u32 sub)
{
	struct cpuid r;

	asm volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
		     : "a"(leaf), "c"(sub));
	return r;
}
/* kvm_features - KVM's features for guests: Documentation/virt/kvm/x86/cpuid.rst */
#define KVM_LEAF	0x40000000
#define KVM_FEATURES	0x40000001
static inline u32 kvm_features(void)
{
	struct cpuid c = cpuid(KVM_LEAF, 0);

	if (c.b != 0x4b4d564b || c.c != 0x564b4d56 || c.d != 0x4d)
		return 0;
	return cpuid(KVM_FEATURES, 0).a;
}
static inline u64 rdtsc(void)
{
	u32 a, d;

	asm volatile("lfence; rdtsc" : "=a"(a), "=d"(d) : : "memory");
	return a | (u64)d << 32;
}
#define CR(n) \
static inline u64 read_cr##n(void) \
{ u64 v; asm volatile("mov %%cr" #n ", %0" : "=r"(v)); return v; } \
static inline void write_cr##n(u64 v) \
{ asm volatile("mov %0, %%cr" #n : : "r"(v) : "memory"); }
CR(0) CR(2) CR(3) CR(4) CR(8)
static inline void invlpg(u64 va) { asm volatile("invlpg (%0)" : : "r"(va) : "memory"); }
static inline void cli(void) { asm volatile("cli" : : : "memory"); }
static inline void sti(void) { asm volatile("sti" : : : "memory"); }
static inline void sti_hlt_cli(void) { asm volatile("sti; hlt; cli" : : : "memory"); }
static inline void sti_nop_cli(void) { asm volatile("sti; nop; cli" : : : "memory"); }
/*
 * pause - for every loop that waits for another CPU
 *
 * Sometimes it exits to the host, which lets others run: if the host has fewer CPUs,
 * the CPU that the guest waits for may need its turn.
 */
static inline void pause(void)
{
	static u32 n;

	asm volatile("pause" : : : "memory");
	if (!(++n & 63))
		outb(UNIT_PORT_IDLE, 0);
}
static inline void barrier(void) { asm volatile("" : : : "memory"); }

#endif
