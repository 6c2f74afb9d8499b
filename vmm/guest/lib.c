// SPDX-License-Identifier: GPL-2.0-only
/* The unit guest's library: C entry, messages, traps, CPUs, APIC, paging. */
#include <stdarg.h>

#include "lib.h"

extern const struct unit_test unit_tests[], unit_tests_end[];
extern u32 cpu_count;
extern u8 stacks[], isr_stubs[];
extern u64 boot_pml4[];

struct trap_info last_trap;
volatile u64 catch_rip, catch_rsp;
volatile u32 irq_counts[256];
static irq_fn irq_fns[256];

struct cpu {
	u64 gdt[8];
	u8 tss[104] __attribute__((aligned(8)));
	u8 df_stack[1024] __attribute__((aligned(16)));
	void (*volatile fn)(u64);
	volatile u64 arg;
};
static struct cpu cpus[UNIT_CPUS_MAX];
static struct { u16 off0, sel, attr, off1; u32 off2, zero; } idt[256];
static u64 user_rsp;

void *memcpy(void *d, const void *s, size_t n)
{
	void *r = d;

	asm volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
	return r;
}

void *memset(void *d, int c, size_t n)
{
	void *r = d;

	asm volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
	return r;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

/* --- messages --- */

struct out {
	volatile char *p, *end;
};

static void put(struct out *o, char c)
{
	if (o->p < o->end)
		*o->p++ = c;
}

static void put_num(struct out *o, u64 v, u32 base, bool neg)
{
	char b[24];
	int n = 0;

	if (neg && (int64_t)v < 0) {
		put(o, '-');
		v = -v;
	}
	do {
		b[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	while (n)
		put(o, b[--n]);
}

static void vformat(struct out *o, const char *f, va_list ap)
{
	for (; *f; f++) {
		bool l = false;

		if (*f != '%') {
			put(o, *f);
			continue;
		}
		while (*++f == 'l')
			l = true;
		switch (*f) {
		case 's':
			for (const char *s = va_arg(ap, const char *); *s; s++)
				put(o, *s);
			break;
		case 'd':
			put_num(o, l ? va_arg(ap, u64) : (u64)va_arg(ap, int), 10, true);
			break;
		case 'u':
			put_num(o, l ? va_arg(ap, u64) : va_arg(ap, u32), 10, false);
			break;
		case 'x':
			put_num(o, l ? va_arg(ap, u64) : va_arg(ap, u32), 16, false);
			break;
		default:
			put(o, *f);
		}
	}
	put(o, '\0');
}

static void __attribute__((noreturn)) finish(u8 code)
{
	for (;;) {
		outb(UNIT_PORT_EXIT, code);
		asm volatile("cli; hlt");
	}
}

static volatile u32 msg_taken;

static void __attribute__((noreturn)) vfinish(u8 code, const char *fmt, va_list ap)
{
	struct out o = { shared->msg, shared->msg + sizeof(shared->msg) - 1 };

	/* Only the first CPU that ends the test leaves its message; the others stop. */
	if (!__atomic_exchange_n(&msg_taken, 1, __ATOMIC_SEQ_CST))
		vformat(&o, fmt, ap);
	else
		for (;;)
			pause();
	finish(code);
}

void fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfinish(UNIT_FAIL, fmt, ap);
}

void skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfinish(UNIT_SKIP, fmt, ap);
}

void step(const char *what)
{
	u32 i;

	for (i = 0; what[i] && i < sizeof(shared->step) - 1; i++)
		shared->step[i] = what[i];
	shared->step[i] = '\0';
}

void left_out(const char *what)
{
	u32 at = 0, i;

	while (at < sizeof(shared->left_out) - 3 && shared->left_out[at])
		at++;
	for (i = 0; at && i < 2; i++)
		shared->left_out[at++] = "; "[i];
	for (i = 0; what[i] && at < sizeof(shared->left_out) - 1; i++)
		shared->left_out[at++] = what[i];
	shared->left_out[at] = '\0';
}

void sync_host(u32 n)
{
	outl(UNIT_PORT_SYNC, n);
}

/* --- exceptions and interrupts --- */

static const char *const trap_names[32] = {
	"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "9",
	"#TS", "#NP", "#SS", "#GP", "#PF", "15", "#MF", "#AC", "#MC", "#XM",
	"#VE", "#CP", "22", "23", "24", "25", "26", "27", "#HV", "#VC", "#SX", "31",
};

void trap(struct regs *r)
{
	u64 dr6;

	if (r->vector == 0x80 && user_rsp) {	/* the way back from ring 3 */
		r->rip = catch_rip;
		r->cs = 0x18;
		r->ss = 0;
		r->rsp = user_rsp;
		r->rflags &= ~0x200ULL;
		return;
	}
	if (irq_fns[r->vector]) {
		irq_fns[r->vector](r);
		return;
	}
	if (r->vector < 32 && catch_rip) {
		asm volatile("mov %%dr6, %0" : "=r"(dr6));
		last_trap.vector = r->vector;
		last_trap.error = r->error;
		last_trap.rip = r->rip;
		last_trap.rflags = r->rflags;
		last_trap.dr6 = dr6;
		last_trap.cr2 = read_cr2();
		last_trap.count++;
		r->rip = catch_rip;
		r->rflags &= ~0x40100ULL;	/* AC, TF */
		r->rsp = user_rsp && (r->cs & 3) ? user_rsp : catch_rsp;
		r->cs = 0x18;
		r->ss = 0;
		return;
	}
	if (r->vector < 32)
		fail("unexpected %s, error 0x%lx, at rip 0x%lx, cr2 0x%lx, CPU %u, during: %s",
		     trap_names[r->vector], LU(r->error), LU(r->rip), LU(read_cr2()),
		     cpu_id(), (const char *)shared->step);
	fail("unexpected interrupt, vector 0x%lx, at rip 0x%lx, CPU %u, during: %s",
	     LU(r->vector), LU(r->rip), cpu_id(), (const char *)shared->step);
}

void irq_handler(u8 vector, irq_fn fn)
{
	irq_fns[vector] = fn;
}

void irq_counting(struct regs *r)
{
	__atomic_add_fetch(&irq_counts[r->vector], 1, __ATOMIC_SEQ_CST);
	apic_write(APIC_EOI, 0);
}

void irq_wait(u8 vector, u32 n, const char *what)
{
	step(what);
	sti();
	while (irq_counts[vector] < n)
		pause();
	cli();
}

/* --- CPUs --- */

static void gate_init(void)
{
	u32 i;

	for (i = 0; i < 256; i++) {
		u64 a = (u64)isr_stubs + 16 * i;

		idt[i].off0 = (u16)a;
		idt[i].off1 = (u16)(a >> 16);
		idt[i].sel = 0x18;
		/* present, interrupt gate; ring 3 may use 0x80 and 3 */
		idt[i].attr = i == 0x80 || i == 3 ? 0xee00 : 0x8e00;
		if (i == 8)
			idt[i].attr |= 1;	/* #DF has its own stack */
	}
}

static void cpu_init(u32 id)
{
	struct cpu *c = &cpus[id];
	u64 tss = (u64)c->tss, rsp0 = (u64)stacks + 8192 * (id + 1) - 4096;
	u64 ist1 = (u64)c->df_stack + sizeof(c->df_stack);
	struct { u16 limit; u64 base; } __attribute__((packed)) d;

	c->gdt[1] = 0x00cf9b000000ffffULL;	/* 08: code 32 */
	c->gdt[2] = 0x00cf93000000ffffULL;	/* 10: data */
	c->gdt[3] = 0x00af9b000000ffffULL;	/* 18: code 64 */
	c->gdt[4] = 0x00cff3000000ffffULL;	/* 20: user data */
	c->gdt[5] = 0x00affb000000ffffULL;	/* 28: user code 64 */
	c->gdt[6] = 0x0000890000000067ULL | (tss & 0xffffff) << 16 |
		    (tss >> 24 & 0xff) << 56;	/* 30: TSS */
	c->gdt[7] = tss >> 32;
	memcpy(c->tss + 4, &rsp0, 8);
	memcpy(c->tss + 36, &ist1, 8);
	c->tss[102] = 104;			/* no I/O bitmap: ring 3 has no ports */
	d.limit = sizeof(c->gdt) - 1;
	d.base = (u64)c->gdt;
	asm volatile("lgdt %0" : : "m"(d));
	asm volatile("ltr %w0" : : "r"(0x30));
	d.limit = sizeof(idt) - 1;
	d.base = (u64)idt;
	asm volatile("lidt %0" : : "m"(d));
}

u32 cpu_id(void)
{
	u64 rsp;

	asm volatile("mov %%rsp, %0" : "=r"(rsp));
	if (rsp < (u64)stacks || rsp > (u64)stacks + 8192 * UNIT_CPUS_MAX)
		return 0;
	return (u32)((rsp - (u64)stacks - 1) / 8192);
}

void cpus_start(u32 n)
{
	step("waiting for the other CPUs to come up (INIT, SIPI)");
	apic_enable();
	if (apic_x2()) {
		wrmsr(0x830, 0xc4500);
		wrmsr(0x830, 0xc4600 | UNIT_LOAD >> 12);
	} else {
		apic_write(APIC_ICR, 0xc4500);	/* INIT, all but self */
		apic_write(APIC_ICR, 0xc4600 | UNIT_LOAD >> 12);
	}
	while (__atomic_load_n(&shared->online, __ATOMIC_SEQ_CST) < n)
		pause();
	step("");
}

void cpu_run(u32 cpu, void (*fn)(u64), u64 arg)
{
	cpus[cpu].arg = arg;
	barrier();
	cpus[cpu].fn = fn;
}

void cpu_wait(u32 cpu)
{
	while (cpus[cpu].fn)
		pause();
}

static void ap_main(u32 id)
{
	struct cpu *c = &cpus[id];

	apic_enable();
	__atomic_add_fetch(&shared->online, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		if (c->fn) {
			c->fn(c->arg);
			barrier();
			c->fn = NULL;
		}
		pause();
	}
}

static bool name_is(const char *n)
{
	u32 i;

	for (i = 0; n[i] && n[i] == shared->test[i]; i++)
		;
	return n[i] == shared->test[i];
}

void cmain(u32 id);
void cmain(u32 id)
{
	const struct unit_test *t;

	if (id == 0)
		gate_init();
	cpu_init(id);
	if (id)
		ap_main(id);
	if (shared->magic != GUEST_MAGIC)
		fail("the shared memory is not valid: magic 0x%lx", LU(shared->magic));
	shared->online = 1;
	for (t = unit_tests; t < unit_tests_end; t++) {
		if (name_is(t->name)) {
			t->fn();
			finish(UNIT_PASS);
		}
	}
	fail("no test of this name in unit.bin: it is not from the same build as kvm-selftest");
}

/* --- local APIC --- */

bool apic_x2(void)
{
	return (rdmsr(0x1b) & 0xc00) == 0xc00;
}

u32 apic_read(u32 reg)
{
	return apic_x2() ? (u32)rdmsr(0x800 + reg / 16) : readl(APIC_BASE_PA + reg);
}

void apic_write(u32 reg, u32 v)
{
	if (apic_x2())
		wrmsr(0x800 + reg / 16, v);
	else
		writel(APIC_BASE_PA + reg, v);
}

void apic_icr(u32 dest, u32 low)
{
	if (apic_x2()) {
		wrmsr(0x830, (u64)dest << 32 | low);
	} else {
		apic_write(APIC_ICR2, dest << 24);
		apic_write(APIC_ICR, low);
	}
}

void apic_enable(void)
{
	apic_write(APIC_SVR, 0x1ff);
}

bool apic_bit(u32 reg, u8 vec)
{
	return apic_read(reg + vec / 32 * 16) >> vec % 32 & 1;
}

/* --- paging --- */

static u64 page_pool[16][512] __attribute__((aligned(4096)));
static u32 page_pool_used;

volatile u64 *page_entry(u64 va, int level)
{
	u64 *t = (u64 *)(read_cr3() & ~0xfffULL);
	int l;

	for (l = 4; l > level; l--) {
		u64 *e = &t[va >> (12 + 9 * (l - 1)) & 511];

		if (!(*e & PT_P)) {
			check(page_pool_used < array_size(page_pool), "the guest is out of page tables");
			*e = (u64)page_pool[page_pool_used++] | PT_P | PT_W | PT_U;
		}
		t = (u64 *)(*e & 0xffffffffff000ULL);
	}
	return &t[va >> (12 + 9 * (level - 1)) & 511];
}

volatile u64 *page_map(u64 va, u64 pa, u64 flags)
{
	volatile u64 *e = page_entry(va, 1);

	*e = pa | flags;
	invlpg(va);
	return e;
}

/* --- user mode --- */

static u8 user_stack[4096] __attribute__((aligned(16)));

static u64 user_flags;		/* in memory, because ring 3 changes every register */

static void user_enter(void (*fn)(void), u64 flags)
{
	user_flags = flags;
	last_trap.vector = NO_TRAP;
	asm volatile("push %%rbp; push %%rbx\n\t"
		     "movq $1f, catch_rip(%%rip)\n\t"
		     "movq %%rsp, %0\n\t"
		     "movq %%rsp, catch_rsp(%%rip)\n\t"
		     "pushq $0x23; pushq %1; pushq %3; pushq $0x2b; pushq %2\n\t"
		     "iretq\n"
		     "1: movq $0, catch_rip(%%rip)\n\t"
		     "pop %%rbx; pop %%rbp"
		     : "=m"(user_rsp)
		     : "r"(user_stack + sizeof(user_stack) - 8), "r"(fn), "m"(user_flags)
		     : "memory", "cc", "rax", "rcx", "rdx", "rsi", "rdi", "r8",
		       "r9", "r10", "r11", "r12", "r13", "r14", "r15");
	user_rsp = 0;
}

void user_call(void (*fn)(void))
{
	user_enter(fn, 2);
}

void user_call_iopl(void (*fn)(void))
{
	user_enter(fn, 0x3002);
}
