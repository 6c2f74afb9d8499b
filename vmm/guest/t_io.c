// SPDX-License-Identifier: GPL-2.0-only
/* Port and memory-mapped I/O, by plain and string instructions. selftest/flat/io.c answers. */
#include "lib.h"

/* The byte that the host returns for a read of port or address @a. */
static u8 io_byte(u64 a)
{
	return (u8)(a * 37 + 11);
}

TEST(pio_width)
{
	u32 i;

	/* IN must not change the other bits of RAX. */
	for (i = 0; i < 8; i++) {
		u64 rax = 0xa5a5a5a5a5a5a5a5ULL;
		u16 port = (u16)(UNIT_PORT_IO + i);

		asm volatile("inb %%dx, %%al" : "+a"(rax) : "d"(port));
		check_eq(rax, 0xa5a5a5a5a5a5a500ULL | io_byte(port), "RAX after IN AL");
		rax = 0xa5a5a5a5a5a5a5a5ULL;
		asm volatile("inw %%dx, %%ax" : "+a"(rax) : "d"(port));
		check_eq(rax, 0xa5a5a5a5a5a50000ULL | io_byte(port) |
			 (u64)io_byte(port + 1) << 8, "RAX after IN AX");
		rax = 0xa5a5a5a5a5a5a5a5ULL;
		asm volatile("inl %%dx, %%eax" : "+a"(rax) : "d"(port));
		check_eq(rax, (u64)io_byte(port) | (u64)io_byte(port + 1) << 8 |
			 (u64)io_byte(port + 2) << 16 | (u64)io_byte(port + 3) << 24,
			 "RAX after IN EAX");
		outb(port, (u8)(0x41 + i));
		outw(port, (u16)(0x4241 + i));
		outl(port, 0x44434241 + i);
	}
	asm volatile("outb %%al, $0xe0" : : "a"(0x99));
	sync_host(1);
}

/* REP INS and OUTS in both directions, across pages; the host logs what it saw. */
#define REP_IO(name, insn, reg, what, ptr) \
static void name(void *at, u32 n, u32 size, bool down) \
{ \
	u64 p = (u64)at, cx = n; \
	if (down) \
		asm volatile("std" : : : "cc"); \
	if (size == 1) \
		asm volatile("rep " insn "b" : reg(p), "+c"(cx) : "d"(UNIT_PORT_IO) : "memory"); \
	else if (size == 2) \
		asm volatile("rep " insn "w" : reg(p), "+c"(cx) : "d"(UNIT_PORT_IO) : "memory"); \
	else \
		asm volatile("rep " insn "l" : reg(p), "+c"(cx) : "d"(UNIT_PORT_IO) : "memory"); \
	asm volatile("cld" : : : "cc"); \
	check_eq(cx, 0, "RCX after REP " what); \
	check_eq(p, down ? (u64)at - n * size : (u64)at + n * size, ptr " after REP " what); \
}
REP_IO(outs, "outs", "+S", "OUTS", "RSI")
REP_IO(ins, "ins", "+D", "INS", "RDI")

TEST(pio_string)
{
	static const u32 counts[] = { 1, 2, 7, 33, 600 };
	u8 *page = scratch(2);
	u32 c, s, d, i, k;

	for (i = 0; i < 8192; i++)
		page[i] = (u8)(i * 7 + (i >> 8));
	for (c = 0; c < array_size(counts); c++) {
		for (s = 1; s <= 4; s *= 2) {
			for (d = 0; d < 2; d++) {
				/* the middle of the buffer is on a page boundary */
				u8 *at = page + 4096 - counts[c] / 2 * s;

				if (d)
					at += (counts[c] - 1) * s;
				shared->arg[0] = counts[c] * s;
				shared->arg[1] = (u64)(d ? at - (counts[c] - 1) * s : at);
				shared->arg[2] = s;
				shared->arg[3] = d;
				sync_host(1);
				outs(at, counts[c], s, d);
				sync_host(2);
			}
		}
	}
	for (c = 0; c < array_size(counts); c++) {
		for (s = 1; s <= 4; s *= 2) {
			for (d = 0; d < 2; d++) {
				u32 n = counts[c];
				u8 *at = page + 4096 - n / 2 * s, *low = at;

				memset(page, 0xee, 8192);
				if (d)
					at += (n - 1) * s;
				sync_host(3);	/* the host counts bytes from 0 */
				ins(at, n, s, d);
				for (i = 0; i < n; i++) {
					u8 *e = d ? at - i * s : at + i * s;

					for (k = 0; k < s; k++)
						check_eq(e[k], io_byte(i * s + k) & 0xff,
							 d ? "byte read by REP INS with DF=1" :
							     "byte read by REP INS");
				}
				check_eq(low[-1], 0xee, "byte before REP INS's buffer");
				check_eq(low[n * s], 0xee, "byte after REP INS's buffer");
			}
		}
	}
}

/* 16 bytes, which KVM splits into two exits. */
static void mmio_wide_read(u8 *wide)
{
	u32 k;

	asm volatile("movdqu (%1), %%xmm0; movups %%xmm0, (%0)" : : "r"(wide), "r"(UNIT_MMIO + 0x20UL) : "memory");
	for (k = 0; k < 16; k++)
		check_eq(wide[k], io_byte(0x20 + k), "byte of a 16-byte MMIO read");
}

static void mmio_wide_write(const u8 *wide)
{
	asm volatile("movups (%0), %%xmm0; movdqu %%xmm0, (%1)" : : "r"(wide), "r"(UNIT_MMIO + 0x40UL) : "memory");
	memcpy((void *)&shared->arg[0], wide, 16);
	sync_host(10);
}

TEST(mmio_width)
{
	static const u32 at[] = { 0, 1, 3, 4, 0x7f8, 0xffc, 0xffd, 0xfff };
	u8 wide[16];
	u64 want, v;
	u32 i, k;

	for (i = 0; i < array_size(at); i++) {
		u64 a = UNIT_MMIO + at[i];

		for (want = 0, k = 0; k < 8; k++)
			want |= (u64)io_byte(at[i] + k) << (8 * k);
		v = 0xa5a5a5a5a5a5a5a5ULL;
		asm volatile("movb (%1), %b0" : "+q"(v) : "r"(a) : "memory");
		check_eq(v, 0xa5a5a5a5a5a5a500ULL | (want & 0xff), "register after a 1-byte MMIO read");
		v = 0xa5a5a5a5a5a5a5a5ULL;
		asm volatile("movw (%1), %w0" : "+q"(v) : "r"(a) : "memory");
		check_eq(v, 0xa5a5a5a5a5a50000ULL | (want & 0xffff), "register after a 2-byte MMIO read");
		v = 0xa5a5a5a5a5a5a5a5ULL;
		asm volatile("movl (%1), %k0" : "+q"(v) : "r"(a) : "memory");
		check_eq(v, want & 0xffffffff, "register after a 4-byte MMIO read");
		asm volatile("movq (%1), %q0" : "=q"(v) : "r"(a) : "memory");
		check_eq(v, want, "register after an 8-byte MMIO read");
		asm volatile("movzbl (%1), %k0" : "=r"(v) : "r"(a) : "memory");
		check_eq(v, want & 0xff, "MOVZX of 1 byte from MMIO");
		asm volatile("movsbq (%1), %0" : "=r"(v) : "r"(a) : "memory");
		check_eq(v, (u64)(int64_t)(int8_t)want, "MOVSX of 1 byte from MMIO");
		asm volatile("movswq (%1), %0" : "=r"(v) : "r"(a) : "memory");
		check_eq(v, (u64)(int64_t)(int16_t)want, "MOVSX of 2 bytes from MMIO");
		asm volatile("movslq (%1), %0" : "=r"(v) : "r"(a) : "memory");
		check_eq(v, (u64)(int64_t)(int32_t)want, "MOVSXD from MMIO");
	}
	mmio_wide_read(wide);
	sync_host(1);			/* from here on writes are kept */
	for (i = 0; i < array_size(at); i++) {
		u64 a = UNIT_MMIO + at[i];

		writeb(a, 0x11);
		sync_host(2);
		writew(a, 0x2221);
		sync_host(3);
		writel(a, 0x44434241);
		sync_host(4);
		writeq(a, 0x8887868584838281ULL);
		sync_host(5);
	}
	mmio_wide_write(wide);
}

/* MOVS from RAM to MMIO and back, with DF=0 and DF=1, and from MMIO to MMIO; STOS. */
TEST(mmio_string)
{
	u8 *buf = scratch(1);
	u64 si, di, cx, fs;
	u32 i;

	for (i = 0; i < 64; i++)
		buf[i] = (u8)(i * 5 + 1);
	sync_host(8);			/* MMIO window := 0 */
	si = (u64)buf; di = UNIT_MMIO; cx = 64;
	asm volatile("rep movsb" : "+S"(si), "+D"(di), "+c"(cx) : : "memory");
	check_eq(cx, 0, "RCX after REP MOVSB to MMIO");
	check_eq(di, UNIT_MMIO + 64, "RDI after REP MOVSB to MMIO");
	memset(buf + 64, 0, 64);
	si = UNIT_MMIO; di = (u64)buf + 64; cx = 16;
	asm volatile("rep movsl" : "+S"(si), "+D"(di), "+c"(cx) : : "memory");
	check_eq(si, UNIT_MMIO + 64, "RSI after REP MOVSL from MMIO");
	check(!memcmp(buf, buf + 64, 64), "REP MOVS to MMIO and back changed the data");
	memset(buf + 64, 0, 64);
	si = UNIT_MMIO + 56; di = (u64)buf + 120; cx = 8;
	asm volatile("std; rep movsq; cld" : "+S"(si), "+D"(di), "+c"(cx) : : "memory", "cc");
	check_eq(si, UNIT_MMIO - 8, "RSI after REP MOVSQ with DF=1");
	check(!memcmp(buf, buf + 64, 64), "REP MOVSQ with DF=1 from MMIO moved wrong data");
	/* FS replaces DS as the source's segment, and its base counts. */
	fs = rdmsr(0xc0000100);
	wrmsr(0xc0000100, 0x1000);
	si = (u64)buf - 0x1000; di = UNIT_MMIO + 0x300; cx = 8;
	asm volatile("rep movsb %%fs:(%%rsi), (%%rdi)" : "+S"(si), "+D"(di), "+c"(cx) : : "memory");
	wrmsr(0xc0000100, fs);
	for (i = 0; i < 8; i++)
		check_eq(readb(UNIT_MMIO + 0x300 + i), buf[i], "byte copied through FS to MMIO");
	si = UNIT_MMIO; di = UNIT_MMIO + 0x100; cx = 64;
	asm volatile("rep movsb" : "+S"(si), "+D"(di), "+c"(cx) : : "memory");
	for (i = 0; i < 64; i++)
		check_eq(readb(UNIT_MMIO + 0x100 + i), buf[i], "byte copied from MMIO to MMIO");
	di = UNIT_MMIO + 0x200; cx = 8;
	asm volatile("rep stosq" : "+D"(di), "+c"(cx) : "a"(0x0102030405060708ULL) : "memory");
	for (i = 0; i < 64; i++)
		check_eq(readb(UNIT_MMIO + 0x200 + i), 8 - i % 8, "byte stored to MMIO by STOSQ");
	check_eq(readb(UNIT_MMIO + 0x240), 0, "byte after the last one that STOSQ stored");
}

/* All general registers and CF must survive each kind of exit. */
static u64 regs_in[15] __attribute__((used)), regs_out[15] __attribute__((used));

static void regs_across(u32 kind, const char *what)
{
	volatile u64 *in = regs_in, *out = regs_out;
	u64 f;
	u32 i;

	for (i = 0; i < 15; i++)
		in[i] = 0x0101010101010101ULL * (i + 1) ^ 0xf0f0f0f000000000ULL;
	in[0] = kind;			/* RAX chooses the kind; it is not compared */
	asm volatile(
		"push %%rbp; pushq $regs_out; mov $regs_in, %%rax\n\t"
		GPRS_LOAD
		"stc; cmp $1, %%al; je 1f; cmp $2, %%al; je 2f; stc; outb %%al, $0xe1; jmp 3f\n"
		"1: stc; movb %%al, 0x10000080; jmp 3f\n"
		"2: stc; movb 0x10000080, %%al; stc\n"
		"3: pushf; xchg 8(%%rsp), %%rax\n\t"
		GPRS_STORE
		"pop (%%rax); add $8, %%rsp; pop %%rbp"
		: : : GPRS_LOST);
	f = out[0];
	check(f & 1, "CF was lost across %s", what);
	for (i = 1; i < 15; i++)
		check(in[i] == out[i], "general register %u changed across %s: 0x%lx is now 0x%lx",
		      i, what, LU(in[i]), LU(out[i]));
}

TEST(regs_exit)
{
	u32 i;

	for (i = 0; i < 8; i++) {
		regs_across(0, "a port exit");
		regs_across(1, "an MMIO write");
		regs_across(2, "an MMIO read");
	}
}

TEST(xsave_exit)
{
	static u8 want[64] __attribute__((aligned(64))), got[64] __attribute__((aligned(64)));
	bool avx = cpuid(1, 0).c >> 26 & 1 && cpuid(1, 0).c >> 28 & 1;
	u32 i, n, mxcsr = 0x1f81, mx2 = 0;
	u16 fcw = 0x27f, fcw2 = 0;

	if (avx) {
		/* The host has set XCR0 to 7: this does not test XSETBV. */
		write_cr4(read_cr4() | 1 << 18);
	}
	for (n = 0; n < 6; n++) {
		for (i = 0; i < 64; i++)
			want[i] = (u8)(i * 3 + n);
		asm volatile("fninit; fldcw %0; ldmxcsr %1" : : "m"(fcw), "m"(mxcsr));
		if (avx)
			asm volatile("vmovdqu (%0), %%ymm0; vmovdqu 32(%0), %%ymm15" : : "r"(want) : "memory");
		else
			asm volatile("movups (%0), %%xmm0; movups 32(%0), %%xmm15" : : "r"(want) : "memory");
		if (n % 3 == 0)
			outb(0xe1, 0);
		else if (n % 3 == 1)
			writeb(UNIT_MMIO, 1);
		else
			sync_host(9);		/* the host uses its vector registers */
		if (avx)
			asm volatile("vmovdqu %%ymm0, (%0); vmovdqu %%ymm15, 32(%0)" : : "r"(got) : "memory");
		else
			asm volatile("movups %%xmm0, (%0); movups %%xmm15, 32(%0)" : : "r"(got) : "memory");
		asm volatile("fnstcw %0; stmxcsr %1" : "=m"(fcw2), "=m"(mx2));
		for (i = 0; i < 64; i++) {
			if (!avx && i % 32 >= 16)
				continue;
			check(got[i] == want[i], "byte %u of the vector registers changed across an exit: 0x%x is now 0x%x",
			      i, want[i], got[i]);
		}
		check_eq(fcw2, fcw, "x87 control word after an exit");
		check_eq(mx2, mxcsr, "MXCSR after an exit");
	}
}

TEST(xsetbv)
{
	u32 a, d;

	if (!(cpuid(1, 0).c >> 26 & 1))
		skip("the CPU has no XSAVE");
	check(!(cpuid(1, 0).c >> 27 & 1), "CPUID says OSXSAVE before CR4.OSXSAVE is set");
	check(TRY_IO("xgetbv", "=a"(a) COMMA "=d"(d), "c"(0)) == 6, "XGETBV without CR4.OSXSAVE raised no #UD");
	write_cr4(read_cr4() | 1 << 18);
	check(cpuid(1, 0).c >> 27 & 1, "CPUID does not say OSXSAVE after CR4.OSXSAVE was set");
	asm volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	check_eq(a | (u64)d << 32, 1, "XCR0 after reset");
	asm volatile("xsetbv" : : "c"(0), "a"(3), "d"(0));
	asm volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	check_eq(a, 3, "XCR0 after XSETBV of 3");
	/* The size of what XCR0 enables: x87 and SSE, and the header; then AVX. */
	check_eq(cpuid(0xd, 0).b, 576, "EBX of CPUID 0xd with x87 and SSE in XCR0");
	if (cpuid(0xd, 0).a & 4) {
		asm volatile("xsetbv" : : "c"(0), "a"(7), "d"(0));
		check_eq(cpuid(0xd, 0).b, 832, "EBX of CPUID 0xd with AVX in XCR0");
		asm volatile("xsetbv" : : "c"(0), "a"(3), "d"(0));
		check_eq(cpuid(0xd, 0).b, 576, "EBX of CPUID 0xd after AVX was taken from XCR0");
	}
	outb(0xe1, 0);
	asm volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	check_eq(a, 3, "XCR0 after an exit");
	check(TRY_IO("xsetbv", NONE, "c"(0) COMMA "a"(6) COMMA "d"(0)) == 13,
	      "XSETBV without x87 raised no #GP");
	check(TRY_IO("xsetbv", NONE, "c"(0) COMMA "a"(5) COMMA "d"(0)) == 13,
	      "XSETBV of AVX without SSE raised no #GP");
	check(TRY_IO("xsetbv", NONE, "c"(1) COMMA "a"(1) COMMA "d"(0)) == 13,
	      "XSETBV of XCR1 raised no #GP");
}
