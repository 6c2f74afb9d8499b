// SPDX-License-Identifier: GPL-2.0-only
/* The PICs, whose lines the host raises: sync 40 + n, and lowers: sync 60 + n. Intel 8259A. */
#include "irq.h"

static volatile u32 pic_seen[16], pic_first, pic_nest, pic_levels;

/* In the handler of line 5 a line of higher priority comes at once, one of lower priority waits. */
static void pic_nested(void)
{
	pic_nest = 0;
	sync_host(47);
	sync_host(43);
	sti_nop_cli();
	outb(UNIT_PORT_IDLE, 0);
	sti_nop_cli();
	check(pic_seen[3] == 1, "PIC line 3 did not interrupt the handler of line 5");
	check(pic_seen[7] == 0, "PIC line 7 interrupted the handler of line 5");
}

static void on_pic(struct regs *r)
{
	u32 line = (u32)r->vector - 0x20;

	pic_seen[line]++;
	if (line == 5 && pic_nest)
		pic_nested();
	if (pic_levels && pic_seen[line] == pic_levels)
		sync_host(60 + line);
	if (!pic_first)
		pic_first = line;
	outb(0x20, 0x0b);				/* read ISR */
	check(line >= 8 || inb(0x20) >> line & 1, "the PIC's ISR does not show line %u", line);
	if (line >= 8)
		outb(0xa0, 0x20);
	outb(0x20, line == 5 ? 0x65 : 0x20);		/* 65: a specific EOI */
}

static void pic_on(void)
{
	u32 i;

	pics_init();
	outb(0x21, 0xfb);
	outb(0xa1, 0xff);
	for (i = 0; i < 16; i++)
		irq_handler((u8)(0x20 + i), on_pic);
	lapic_on();
	apic_write(APIC_LVT0, 0x700);			/* ExtINT */
}

static void pic_more(void)
{
	u32 i;

	/* One handler within another. */
	for (i = 0; i < 16; i++)
		pic_seen[i] = 0;
	outb(0x21, 0xfb & ~(1 << 3) & ~(1 << 5) & ~(1 << 7));
	pic_nest = 1;
	sync_host(45);
	chances();
	check(pic_seen[5] == 1 && !pic_nest, "PIC line 5 raised %u interrupts, expected 1", pic_seen[5]);
	check(pic_seen[7] == 1, "PIC line 7 raised %u interrupts after the handler of line 5, expected 1", pic_seen[7]);
	for (i = 3; i <= 7; i += 2)
		sync_host(60 + i);
	/* The PIC reaches the CPU through the LAPIC's LINT0. */
	apic_write(APIC_LVT0, 0x10700);
	pic_seen[3] = 0;
	sync_host(43);
	chances();
	check(pic_seen[3] == 0, "the PIC came through a masked LINT0");
	/* KVM checks the PIC again when its output rises. */
	outb(0x21, 0xff);
	apic_write(APIC_LVT0, 0x700);
	outb(0x21, 0xfb & ~(1 << 3) & ~(1 << 5));
	chances();
	check(pic_seen[3] == 1, "PIC line 3, raised while LINT0 was masked, raised %u interrupts, expected 1", pic_seen[3]);
	sync_host(63);
	/* A level interrupts again and again until it is lowered. Port 0x4d0 is the edge/level register. */
	outb(0x4d0, 1 << 5);
	pic_seen[5] = 0;
	pic_levels = 3;
	sync_host(45);
	chances();
	check(pic_seen[5] == 3, "a level on the PIC, lowered in its third handler, raised %u interrupts, expected 3", pic_seen[5]);
	pic_levels = 0;
	outb(0x4d0, 0);
}

/* Each line: masked, an edge, a falling edge. */
static void pic_edges(void)
{
	static const u32 lines[] = { 1, 3, 5, 7, 8, 10, 12, 15 };
	u32 i, k, n;

	for (i = 0; i < array_size(lines); i++) {
		n = lines[i];
		sync_host(40 + n);
		sync_host(60 + n);
		chances();
		check(pic_seen[n] == 0, "PIC line %u came through its mask", n);
		if (n < 8)
			outb(0x21, (u8)(0xfb & ~(1 << n)));
		else
			outb(0xa1, (u8)~(1 << (n - 8)));
		chances();
		k = pic_seen[n];
		sync_host(40 + n);
		step("waiting for an interrupt by the PIC");
		sti();
		while (pic_seen[n] == k)
			pause();
		cli();
		chances();
		check(pic_seen[n] == k + 1, "an edge on PIC line %u raised %u interrupts, expected 1", n, pic_seen[n] - k);
		sync_host(60 + n);
		chances();
		check(pic_seen[n] == k + 1, "a falling edge on PIC line %u raised an interrupt", n);
		outb(0x21, 0xfb);
		outb(0xa1, 0xff);
	}
}

/* Without a LAPIC the PIC is wired to the CPU, whatever LVT0 says. */
static void pic_alone(void)
{
	u64 base = rdmsr(0x1b);
	u32 i, k;

	apic_write(APIC_LVT0, 0x10000);
	wrmsr(0x1b, base & ~0x800ULL);
	outb(0x21, 0xfb & ~(1 << 5));
	k = pic_seen[5];
	sync_host(45);
	for (i = 0; i < 100 && pic_seen[5] == k; i++)
		sti_nop_cli();
	check(pic_seen[5] == k + 1, "the PIC's line 5, with the LAPIC disabled, raised %u interrupts", pic_seen[5] - k);
	sync_host(65);
	wrmsr(0x1b, base);
	lapic_on();
	apic_write(APIC_LVT0, 0x700);
}

/* Of two lines at once, the lower one comes first. */
static void pic_two(void)
{
	outb(0x21, 0xfb & ~(1 << 5) & ~(1 << 3));
	pic_seen[3] = pic_seen[5] = pic_first = 0;
	sync_host(45);
	sync_host(43);
	outb(0x20, 0x0a);
	check_eq(inb(0x20) & 0x28, 0x28, "PIC IRR with lines 3 and 5 up");
	chances();
	check(pic_seen[3] == 1 && pic_seen[5] == 1, "PIC lines 3 and 5 at once raised %u and %u interrupts", pic_seen[3], pic_seen[5]);
	check(pic_first == 3, "PIC lines 3 and 5 at once: %u came first", pic_first);
	sync_host(63);
	sync_host(65);
}

TEST(pic)
{
	pic_on();
	check_eq(inb(0x21), 0xfb, "PIC mask register");
	pic_edges();
	pic_alone();
	pic_two();
	pic_more();
}

/* --- ends of interrupt, rotation, polling --- */

static volatile u32 line_order[16], line_n, line_seen[16];
static volatile u8 line_eoi;		/* OCW2 that the handler writes; 0: none; its line is added to a specific one */

static void on_line(struct regs *r)
{
	u32 line = (u32)r->vector - 0x20;

	line_order[line_n++ & 15] = line;
	line_seen[line]++;
	if (line >= 8)
		outb(0xa0, 0x20);
	else if (line_eoi)
		outb(0x20, (u8)(line_eoi & 0x40 ? line_eoi | line : line_eoi));
}

/* Initialize both PICs, with only @lines unmasked; @icw4: 1, or 3 with automatic EOI. */
static void pics_reset(u8 icw4, u32 lines, u8 eoi)
{
	u32 i;

	pic_on();
	pic_init(icw4);
	outb(0x21, (u8)~lines);
	outb(0xa1, (u8)~(lines >> 8));
	for (i = 0; i < 16; i++) {
		irq_handler((u8)(0x20 + i), on_line);
		line_seen[i] = 0;
	}
	line_n = 0;
	line_eoi = eoi;
}

static u8 in_service(void)
{
	outb(0x20, 0x0b);
	return inb(0x20);
}

/* An edge on a line. */
static void edge(u32 line)
{
	sync_host(40 + line);
	chances();
	sync_host(60 + line);
}

/* Lines 3 and 5 at once: which interrupts first? */
static void comes_first(u32 want, const char *what)
{
	line_n = 0;
	sync_host(43);
	sync_host(45);
	chances();
	check(line_n == 2 && line_order[0] == want, "PIC lines 3 and 5 at once, %s: %u interrupts, line %u came first, expected line %u",
	      what, line_n, line_order[0], want);
	sync_host(63);
	sync_host(65);
}

/* ICW1 drops requests by edges, and keeps those of level lines that are still raised. */
static void pic_restarts(void)
{
	pics_reset(1, 0, 0x20);
	outb(0x4d0, 1 << 5);
	sync_host(43);
	sync_host(63);
	sync_host(45);
	outb(0x20, 0x0a);
	check_eq(inb(0x20) & 0x28, 0x28, "the PIC's IRR with an edge on line 3 and level line 5 raised");
	pic_init(1);
	outb(0x20, 0x0a);
	check_eq(inb(0x20) & 0x28, 0x20, "the PIC's IRR after ICW1: only level line 5");
	sync_host(65);
	outb(0x4d0, 0);
	outb(0x21, 0xff);
}

static void pic_eois(void)
{
	pics_reset(1, 1 << 3, 0);
	edge(3);
	check_eq(in_service(), 1 << 3, "the PIC's ISR before EOI");
	edge(3);
	check_eq(line_seen[3], 1, "interrupts of a PIC line before EOI");
	outb(0x20, 0x20);
	chances();
	check_eq(line_seen[3], 2, "interrupts of a PIC line after EOI");
	outb(0x20, 0x20);
	/* Automatic EOI. */
	pics_reset(3, 1 << 3, 0);
	edge(3);
	check_eq(in_service(), 0, "the PIC's ISR with automatic EOI");
	edge(3);
	check_eq(line_seen[3], 2, "interrupts of a PIC line with automatic EOI");
}

static void pic_rotates(void)
{
	const u32 lines = 1 << 3 | 1 << 5;

	pics_reset(1, lines, 0x20);
	comes_first(3, "by default");
	outb(0x20, 0xc3);
	comes_first(5, "after line 3 was made the lowest");
	outb(0x20, 0xc7);
	comes_first(3, "after line 7 was made the lowest");
	line_eoi = 0xe0;
	edge(3);
	line_eoi = 0x20;
	comes_first(5, "after a specific EOI of line 3 with rotation");
	outb(0x20, 0xc7);
	line_eoi = 0xa0;
	edge(3);
	line_eoi = 0x20;
	comes_first(5, "after an EOI of line 3 with rotation");
	pics_reset(3, lines, 0);
	outb(0x20, 0x80);
	edge(3);
	comes_first(5, "after an automatic EOI of line 3 with rotation");
	outb(0x20, 0);
	outb(0x20, 0xc7);
	edge(3);
	comes_first(3, "after an automatic EOI of line 3 without rotation");
}

/* The poll command takes a request without an interrupt. */
static void pic_polls(void)
{
	u8 v;

	pics_reset(1, 1 << 5, 0x20);
	outb(0x20, 0x0c);
	v = inb(0x20);
	check(!(v & 0x80), "the PIC's poll gives 0x%x without a request", v);
	sync_host(45);
	outb(0x20, 0x0c);
	v = inb(0x20);
	/* Bit 7 should be set, but KVM leaves it 0. */
	check_eq(v & 0x7f, 5, "the PIC's poll with a request of line 5");
	outb(0x20, 0x20);
	chances();
	check_eq(line_seen[5], 0, "interrupts of a request that was polled");
	sync_host(65);
}

/* Lines 8 to 15 need an EOI of each PIC: until the first one's, lower lines wait. */
static void pic_cascades(void)
{
	pics_reset(1, 1 << 2 | 1 << 5 | 1 << 10, 0x20);
	edge(10);
	check_eq(line_seen[10], 1, "interrupts of PIC line 10");
	check_eq(in_service(), 1 << 2, "the first PIC's ISR after the second one's EOI");
	edge(5);
	check_eq(line_seen[5], 0, "interrupts of PIC line 5 before the first PIC's EOI");
	outb(0x20, 0x20);
	chances();
	check_eq(line_seen[5], 1, "interrupts of PIC line 5 after the first PIC's EOI");
}

TEST(pic_modes)
{
	pic_restarts();
	pic_eois();
	pic_rotates();
	pic_polls();
	pic_cascades();
}
