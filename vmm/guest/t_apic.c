// SPDX-License-Identifier: GPL-2.0
/* Interrupt controllers and timers. SDM vol. 3 ch. 11; 8259A, 8254, 82093AA. */
#include "lib.h"

#define IOAPIC	0xfec00000UL
#define VEC	0x60

static void lapic_on(void)
{
	apic_enable();
	apic_write(APIC_LVT0, 0x10000);
	apic_write(APIC_LVT1, 0x10000);
	irq_handler(VEC, irq_counting);
	irq_handler(VEC + 1, irq_counting);
}

static void ioapic_write(u32 reg, u32 v)
{
	writel(IOAPIC, reg);
	writel(IOAPIC + 0x10, v);
}

static u32 ioapic_read(u32 reg)
{
	writel(IOAPIC, reg);
	return readl(IOAPIC + 0x10);
}

static void ioapic_set(u32 pin, u32 low, u32 dest)
{
	ioapic_write(0x11 + 2 * pin, dest << 24);
	ioapic_write(0x10 + 2 * pin, low);
}

/* Enough chances for an interrupt that must not come. */
static void chances(void)
{
	u32 i;

	for (i = 0; i < 50; i++) {
		sti_nop_cli();
		outb(0xe1, 0);
	}
}

static void expect_count(u8 vec, u32 n, const char *what)
{
	chances();
	check(irq_counts[vec] == n, "%s: %u interrupts came, expected %u", what, irq_counts[vec], n);
}

TEST(lapic_registers)
{
	u32 i;

	lapic_on();
	check_eq(rdmsr(0x1b) & 0xfffff000, APIC_BASE_PA, "APIC base");
	check(rdmsr(0x1b) & 0x100, "the first CPU is not marked as boot CPU in APIC_BASE");
	check_eq(apic_read(APIC_ID) >> 24, 0, "APIC id of CPU 0");
	check((apic_read(APIC_VER) & 0xff) >= 0x10 && (apic_read(APIC_VER) & 0xff) < 0x20,
	      "APIC version register is 0x%x", apic_read(APIC_VER));
	check((apic_read(APIC_VER) >> 16 & 0xff) >= 4, "the APIC has only %u LVT entries", (apic_read(APIC_VER) >> 16 & 0xff) + 1);
	for (i = 0; i < 256; i += 16) {
		apic_write(APIC_TPR, i);
		check_eq(apic_read(APIC_TPR), i, "TPR");
		check_eq(apic_read(APIC_PPR), i, "PPR follows TPR");
		check_eq(read_cr8(), i >> 4, "CR8 follows TPR");
	}
	write_cr8(5);
	check_eq(apic_read(APIC_TPR), 0x50, "TPR follows CR8");
	write_cr8(0);
	apic_write(APIC_LDR, 0x12000000);
	check_eq(apic_read(APIC_LDR), 0x12000000, "LDR");
	apic_write(APIC_DFR, 0x0fffffff);
	check_eq(apic_read(APIC_DFR), 0x0fffffff, "DFR in cluster mode");
	apic_write(APIC_DFR, 0xffffffff);
	check_eq(apic_read(APIC_DFR), 0xffffffff, "DFR in flat mode");
	apic_write(APIC_LVTT, 0x20000 | VEC);
	check_eq(apic_read(APIC_LVTT), 0x20000 | VEC, "LVT timer");
	apic_write(APIC_TDCR, 0xb);
	check_eq(apic_read(APIC_TDCR), 0xb, "divide configuration");
	apic_write(APIC_LVTT, 0x10000);
	/* Software disable masks every LVT entry, and they stay masked. */
	apic_write(APIC_LVTERR, 0x70);
	apic_write(APIC_SVR, 0xff);
	check_eq(apic_read(APIC_LVTERR) & 0x10000, 0x10000, "mask of an LVT entry after software disable");
	apic_write(APIC_LVTERR, 0x70);
	check_eq(apic_read(APIC_LVTERR) & 0x10000, 0x10000, "mask of an LVT entry written while disabled");
	apic_write(APIC_SVR, 0x1ff);
}

static u8 order[8];
static u32 norder;

static void on_nested(struct regs *r)
{
	order[norder++ & 7] = (u8)r->vector;
	check(apic_bit(APIC_ISR, (u8)r->vector), "vector 0x%x is delivered and not in ISR", (u32)r->vector);
	if (r->vector == 0x41) {
		/* A higher one nests, a lower one waits. */
		apic_icr(0, 0x40000 | 0x31);
		apic_icr(0, 0x40000 | 0x81);
		sti_nop_cli();
		outb(0xe1, 0);
		sti_nop_cli();
		check(norder == 2 && order[1] == 0x81, "in the handler of 0x41: after 0x31 and 0x81 were sent, %u handlers ran, the last 0x%x",
		      norder, order[(norder - 1) & 7]);
		check(apic_bit(APIC_IRR, 0x31), "the lower vector is not pending in IRR");
		check_eq(apic_read(APIC_PPR), 0x40, "PPR in the handler of 0x41");
	}
	apic_write(APIC_EOI, 0);
}

TEST(lapic_priority)
{
	lapic_on();
	irq_handler(0x31, on_nested);
	irq_handler(0x41, on_nested);
	irq_handler(0x81, on_nested);
	apic_icr(0, 0x40000 | 0x41);
	check(apic_bit(APIC_IRR, 0x41), "a self-IPI with interrupts off is not pending in IRR");
	chances();
	check(norder == 3 && order[0] == 0x41 && order[1] == 0x81 && order[2] == 0x31,
	      "order of handlers: %x %x %x (%u), expected 41 81 31", order[0], order[1], order[2], norder);
	check(!apic_bit(APIC_ISR, 0x41) && !apic_bit(APIC_ISR, 0x31), "ISR is not clear after EOI");
	check_eq(apic_read(APIC_PPR), 0, "PPR after the last EOI");
	/* TPR holds back its class and those below. */
	norder = 0;
	apic_write(APIC_TPR, 0x40);
	apic_icr(0, 0x40000 | 0x31);
	chances();
	check(norder == 0, "TPR 0x40 let vector 0x31 through");
	apic_icr(0, 0x40000 | 0x81);
	chances();
	check(norder == 1 && order[0] == 0x81, "TPR 0x40 held vector 0x81 back");
	apic_write(APIC_TPR, 0x30);
	chances();
	check(norder == 1, "TPR 0x30 let vector 0x31 through");
	apic_write(APIC_TPR, 0x20);
	chances();
	check(norder == 2 && order[1] == 0x31, "lowering TPR did not let the pending vector 0x31 through");
	norder = 0;
	write_cr8(8);
	apic_icr(0, 0x40000 | 0x81);
	chances();
	check(norder == 0, "CR8 8 let vector 0x81 through");
	write_cr8(7);
	chances();
	check(norder == 1, "lowering CR8 did not let vector 0x81 through");
	write_cr8(0);
	/* The same vector twice while pending is one interrupt. */
	norder = 0;
	apic_icr(0, 0x40000 | 0x81);
	apic_icr(0, 0x40000 | 0x81);
	chances();
	check(norder == 1, "a vector sent twice while pending was delivered %u times", norder);
}

/* --- timers --- */

/* kvmclock is another test's; here 1 ms is what the TSC says, by the host. */
static u64 tsc_ms(void)
{
	return shared->arg[0];			/* kHz = cycles a ms */
}

TEST(lapic_timer)
{
	u64 t0, t1;
	u32 a, b, i;

	lapic_on();
	apic_write(APIC_TDCR, 0xb);		/* divide by 1: 1 ns a tick in KVM */
	apic_write(APIC_LVTT, VEC);
	apic_write(APIC_TMICT, 4000000000u);	/* 4 s: not before we are done */
	a = apic_read(APIC_TMCCT);
	for (i = 0; i < 100; i++)
		outb(0xe1, 0);
	b = apic_read(APIC_TMCCT);
	check(a <= 4000000000u && b < a, "the timer does not count down: 0x%x, then 0x%x", a, b);
	apic_write(APIC_TMICT, 0);
	check_eq(apic_read(APIC_TMCCT), 0, "current count of a stopped timer");
	expect_count(VEC, 0, "a timer that was stopped before its end");
	t0 = rdtsc();
	apic_write(APIC_TMICT, 2000000);
	irq_wait(VEC, 1, "waiting for the one-shot LAPIC timer");
	t1 = rdtsc();
	/* Never early; KVM may be ahead by its timer advance, microseconds. */
	check(t1 - t0 > tsc_ms() * 2 * 9 / 10, "a 2 ms timer fired after %lu cycles, 1 ms is %lu", LU(t1 - t0), LU(tsc_ms()));
	expect_count(VEC, 1, "one-shot timer");
	check_eq(apic_read(APIC_TMCCT), 0, "current count after the shot");
	apic_write(APIC_LVTT, 0x20000 | VEC);
	t0 = rdtsc();
	apic_write(APIC_TMICT, 1000000);
	irq_wait(VEC, 11, "waiting for 10 ticks of the periodic LAPIC timer");
	t1 = rdtsc();
	check(t1 - t0 > tsc_ms() * 10 * 8 / 10, "10 periods of 1 ms took %lu cycles, 1 ms is %lu", LU(t1 - t0), LU(tsc_ms()));
	apic_write(APIC_LVTT, 0x30000 | VEC);
	chances();
	a = irq_counts[VEC];
	t0 = rdtsc();
	while (rdtsc() - t0 < tsc_ms() * 3)
		sti_nop_cli();
	check(irq_counts[VEC] == a, "a masked periodic timer fired");
	apic_write(APIC_TMICT, 0);
	apic_write(APIC_LVTT, VEC);
	apic_write(APIC_TDCR, 0x3);		/* divide by 16 */
	t0 = rdtsc();
	a = irq_counts[VEC];
	apic_write(APIC_TMICT, 200000);
	irq_wait(VEC, a + 1, "waiting for the LAPIC timer divided by 16");
	t1 = rdtsc();
	check(t1 - t0 > tsc_ms() * 32 * 9 / 100, "200000 ticks divided by 16 took %lu cycles, 1 ms is %lu", LU(t1 - t0), LU(tsc_ms()));
}

TEST(tsc_deadline)
{
	u64 t0, t1;
	u32 i;

	if (!(cpuid(1, 0).c >> 24 & 1))
		skip("KVM offers no TSC-deadline timer");
	lapic_on();
	apic_write(APIC_LVTT, 0x40000 | VEC);
	for (i = 1; i <= 20; i++) {
		t0 = rdtsc() + tsc_ms() / 2;
		wrmsr(0x6e0, t0);
		irq_wait(VEC, i, "waiting for the TSC deadline");
		t1 = rdtsc();
		/* KVM spins off what it is early, so this is exact but for a few cycles. */
		check(t1 + tsc_ms() / 50 >= t0, "the TSC deadline fired %lu cycles early", LU(t0 - t1));
		check_eq(rdmsr(0x6e0), 0, "TSC deadline after it fired");
	}
	expect_count(VEC, 20, "TSC deadline");
	t0 = rdtsc() + tsc_ms() * 20;
	wrmsr(0x6e0, t0);
	wrmsr(0x6e0, 0);
	if (rdtsc() < t0) {		/* else the host was away for long */
		while (rdtsc() < t0 + tsc_ms())
			sti_nop_cli();
		expect_count(VEC, 20, "a TSC deadline that was taken back");
	}
	i = irq_counts[VEC] + 1;
	wrmsr(0x6e0, rdtsc() - 1000);
	irq_wait(VEC, i, "waiting for a TSC deadline in the past");
}

static void pit_count(u32 channel, u32 mode, u16 count)
{
	outb(0x43, (u8)(channel << 6 | 0x30 | mode << 1));
	outb((u16)(0x40 + channel), (u8)count);
	outb((u16)(0x40 + channel), (u8)(count >> 8));
}

static u16 pit_read(u32 channel)
{
	u8 lo;

	outb(0x43, (u8)(channel << 6));			/* latch */
	lo = inb((u16)(0x40 + channel));
	return (u16)(lo | inb((u16)(0x40 + channel)) << 8);
}

TEST(pit)
{
	u64 t0, t1;
	u32 i, n;
	u16 a, b;

	lapic_on();
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	ioapic_set(0, VEC, 0);				/* KVM's default route */
	t0 = rdtsc();
	pit_count(0, 2, 1193);				/* 1 kHz */
	irq_wait(VEC, 20, "waiting for 20 ticks of the PIT by the IOAPIC");
	t1 = rdtsc();
	check(t1 - t0 > tsc_ms() * 20 * 7 / 10, "20 PIT periods of 1 ms took %lu cycles, 1 ms is %lu", LU(t1 - t0), LU(tsc_ms()));
	ioapic_set(0, 0x10000, 0);
	chances();
	n = irq_counts[VEC];
	t0 = rdtsc();
	while (rdtsc() - t0 < tsc_ms() * 3)
		sti_nop_cli();
	check(irq_counts[VEC] == n, "the PIT came through a masked pin of the IOAPIC");
	/* Channel 2: gate, count, output. */
	outb(0x61, 0);
	pit_count(2, 0, 0xffff);
	outb(0x61, 1);
	a = pit_read(2);
	t0 = rdtsc();
	while (rdtsc() - t0 < tsc_ms())
		;
	b = pit_read(2);
	check(b < a && (u16)(a - b) > 700, "PIT channel 2 counted %u in 1 ms, expected about 1193", (u16)(a - b));
	check(!(inb(0x61) & 0x20), "PIT output 2 is high before the count's end");
	pit_count(2, 0, 1193);
	step("waiting for PIT output 2");
	for (i = 0; !(inb(0x61) & 0x20); i++)
		;
	/* Status by read back: mode, access, output. */
	outb(0x43, 0xe8);
	a = inb(0x42);
	check((a & 0x3f) == 0x30, "PIT status of channel 2 is 0x%x, expected mode 0, both bytes", a);
}

/* --- PIC --- */

static volatile u32 pic_seen[16], pic_first;

static void on_pic(struct regs *r)
{
	u32 line = (u32)r->vector - 0x20;

	pic_seen[line]++;
	if (!pic_first)
		pic_first = line;
	outb(0x20, 0x0b);				/* read ISR */
	check(line >= 8 || inb(0x20) >> line & 1, "the PIC's ISR does not show line %u", line);
	if (line >= 8)
		outb(0xa0, 0x20);
	outb(0x20, 0x20);
}

static void pic_init(void)
{
	u32 i;

	outb(0x20, 0x11); outb(0x21, 0x20); outb(0x21, 4); outb(0x21, 1);
	outb(0xa0, 0x11); outb(0xa1, 0x28); outb(0xa1, 2); outb(0xa1, 1);
	outb(0x21, 0xfb);
	outb(0xa1, 0xff);
	for (i = 0; i < 16; i++)
		irq_handler((u8)(0x20 + i), on_pic);
	lapic_on();
	apic_write(APIC_LVT0, 0x700);			/* ExtINT */
}

/* sync 40 + n: the host raises line n; 60 + n: lowers it. */
TEST(pic)
{
	static const u32 lines[] = { 1, 3, 5, 7, 8, 10, 12, 15 };
	u32 i, k;

	pic_init();
	check_eq(inb(0x21), 0xfb, "PIC mask register");
	for (i = 0; i < array_size(lines); i++) {
		u32 n = lines[i];

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
		check(pic_seen[n] == k + 1, "an edge on PIC line %u gave %u interrupts", n, pic_seen[n] - k);
		sync_host(60 + n);
		chances();
		check(pic_seen[n] == k + 1, "a falling edge on PIC line %u gave an interrupt", n);
		outb(0x21, 0xfb);
		outb(0xa1, 0xff);
	}
	/* Two at once: the lower line first. */
	outb(0x21, 0xfb & ~(1 << 5) & ~(1 << 3));
	pic_seen[3] = pic_seen[5] = pic_first = 0;
	sync_host(45);
	sync_host(43);
	outb(0x20, 0x0a);
	check_eq(inb(0x20) & 0x28, 0x28, "PIC IRR with lines 3 and 5 up");
	chances();
	check(pic_seen[3] == 1 && pic_seen[5] == 1, "PIC lines 3 and 5 at once gave %u and %u interrupts", pic_seen[3], pic_seen[5]);
	check(pic_first == 3, "PIC lines 3 and 5 at once: %u came first", pic_first);
}

/* --- IOAPIC --- */

static volatile u32 level_seen, lower_after;

static void on_level(struct regs *r)
{
	level_seen++;
	check(apic_bit(APIC_TMR, (u8)r->vector), "TMR does not show the level interrupt");
	if (level_seen == lower_after)
		sync_host(60 + 9);
	apic_write(APIC_EOI, 0);
}

TEST(ioapic)
{
	u32 v, i;

	lapic_on();
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	v = ioapic_read(1);
	check_eq(v >> 16 & 0xff, 23, "highest pin of the IOAPIC");
	for (i = 0; i < 24; i++) {
		ioapic_set(i, 0x10000 | (0x40 + i), i);
		check_eq(ioapic_read(0x10 + 2 * i) & ~0x5000u, 0x10000 | (0x40 + i), "redirection entry");
		check_eq(ioapic_read(0x11 + 2 * i) >> 24, i, "destination of a redirection entry");
	}
	/* Edge: masked, then open. */
	sync_host(40 + 5);
	sync_host(60 + 5);
	expect_count(VEC, 0, "masked IOAPIC pin");
	ioapic_set(5, VEC, 0);
	chances();
	v = irq_counts[VEC];		/* an edge while masked may be kept, and may not */
	check(v <= 1, "one edge on a masked pin gave %u interrupts", v);
	for (i = 1; i <= 10; i++) {
		sync_host(40 + 5);
		irq_wait(VEC, v + i, "waiting for an edge by the IOAPIC");
		expect_count(VEC, v + i, "IOAPIC edge");
		sync_host(60 + 5);
		expect_count(VEC, v + i, "falling edge on an IOAPIC pin");
	}
	ioapic_set(5, 0x10000, 0);
	/* Level: again and again until it is lowered. */
	irq_handler(0x71, on_level);
	lower_after = 4;
	ioapic_set(9, 0x8000 | 0x71, 0);
	sync_host(40 + 9);
	step("waiting for a level interrupt");
	sti();
	while (level_seen < 4)
		pause();
	cli();
	chances();
	check(level_seen == 4, "a level interrupt that was lowered in its 4th run came %u times", level_seen);
	check(!(ioapic_read(0x10 + 18) & 0x4000), "Remote IRR is set after EOI");
	/* Raised while masked: pending until the pin is opened. */
	ioapic_set(9, 0x18000 | 0x71, 0);
	level_seen = 0;
	lower_after = 1;
	sync_host(40 + 9);
	chances();
	check(level_seen == 0, "a level interrupt came through the mask");
	ioapic_set(9, 0x8000 | 0x71, 0);
	step("waiting for a level interrupt that was raised under the mask");
	sti();
	while (!level_seen)
		pause();
	cli();
	chances();
	check(level_seen == 1, "came %u times, expected 1", level_seen);
	/* To an APIC that is not there: nobody's. */
	ioapic_set(5, VEC, 0x33);
	v = irq_counts[VEC];
	sync_host(40 + 5);
	sync_host(60 + 5);
	expect_count(VEC, v, "IOAPIC pin to a destination that does not exist");
	/* Logical, flat. */
	apic_write(APIC_DFR, 0xffffffff);
	apic_write(APIC_LDR, 0x04000000);
	ioapic_set(5, 0x800 | VEC, 0x06);
	sync_host(40 + 5);
	sync_host(60 + 5);
	expect_count(VEC, v + 1, "IOAPIC pin to a logical destination");
	ioapic_set(5, 0x800 | VEC, 0x02);
	sync_host(40 + 5);
	sync_host(60 + 5);
	expect_count(VEC, v + 1, "IOAPIC pin to another logical destination");
}

/* --- NMI --- */

static volatile u32 nmis, nmi_depth, nmi_max, nmi_resend;

static void on_nmi(struct regs *r)
{
	(void)r;
	nmis++;
	if (++nmi_depth > nmi_max)
		nmi_max = nmi_depth;
	if (nmi_resend) {
		nmi_resend--;
		apic_icr(0, 0x40000 | 0x400);		/* stays pending until IRET */
		outb(0xe1, 0);
		outb(0xe1, 0);
	}
	nmi_depth--;
}

TEST(nmi)
{
	lapic_on();
	irq_handler(2, on_nmi);
	apic_icr(0, 0x400);
	outb(0xe1, 0);
	check_eq(nmis, 1, "NMIs after a self-NMI, interrupts off");
	nmi_resend = 1;
	apic_icr(0, 0x400);
	outb(0xe1, 0);
	outb(0xe1, 0);
	check_eq(nmis, 3, "NMIs after one that sent another from its handler");
	check_eq(nmi_max, 1, "depth of NMI handlers (an NMI must wait for IRET)");
	sync_host(80);					/* KVM_NMI */
	outb(0xe1, 0);
	check_eq(nmis, 4, "NMIs after the host sent one");
	step("waiting in HLT for an NMI");
	sync_host(81);					/* KVM_NMI, then we halt */
	asm volatile("cli; nop");
	outb(0xe1, 0);
	check_eq(nmis, 5, "NMIs after the host sent another");
}

/* --- HLT --- */

TEST(hlt_wake)
{
	u32 i;

	lapic_on();
	apic_write(APIC_TDCR, 0xb);
	/*
	 * One shot each; but QEMU's TCG forgets the interrupt shadow if the host's
	 * CPU is interrupted in it, and then sleeps over the shot: periodic there.
	 */
	apic_write(APIC_LVTT, (shared->tcg ? 0x20000 : 0) | VEC);
	for (i = 1; i <= 20; i++) {
		step("halted, waiting for the LAPIC timer");
		if (!shared->tcg || i == 1)
			apic_write(APIC_TMICT, 200000);
		while (irq_counts[VEC] < i)
			sti_hlt_cli();
		check(shared->tcg || irq_counts[VEC] == i, "%u interrupts after %u halts", irq_counts[VEC], i);
	}
	if (shared->tcg)
		apic_write(APIC_TMICT, 20000000);	/* wakes what would sleep on */
	/* Pending before STI;HLT: must not be slept over. */
	for (i = 0; i < 50; i++) {
		u32 n = irq_counts[VEC + 1];

		step("halted with an interrupt pending");
		apic_icr(0, 0x40000 | (VEC + 1));
		sti_hlt_cli();
		check_eq(irq_counts[VEC + 1], n + 1, "pending interrupts taken by STI; HLT");
	}
}

/* The instruction after STI, and after MOV SS, runs before any interrupt. */
static u64 shadow_rip;
static void on_shadow(struct regs *r)
{
	shadow_rip = r->rip;
	irq_counts[r->vector]++;
	apic_write(APIC_EOI, 0);
}

TEST(interrupt_shadow)
{
	u32 i, early = 0, early_io = 0;
	u64 want;

	lapic_on();
	irq_handler(VEC, on_shadow);
	for (i = 0; i < 20; i++) {
		apic_icr(0, 0x40000 | VEC);
		asm volatile("leaq 1f(%%rip), %0; sti; nop\n1: nop; cli" : "=r"(want));
		early += shadow_rip != want;
		/* STI; OUT: an exit in the shadow. */
		apic_icr(0, 0x40000 | VEC);
		asm volatile("leaq 1f(%%rip), %0; sti; outb %%al, $0xe1\n1: nop; cli" : "=r"(want));
		early_io += shadow_rip != want;
	}
	/* QEMU's TCG loses a shadow now and then, when the host is interrupted in it. */
	check(early <= (shared->tcg ? 10 : 0), "%u of 20 interrupts came right after STI", early);
	check(early_io <= (shared->tcg ? 10 : 0), "%u of 20 interrupts did not come right after STI; OUT", early_io);
	check_eq(irq_counts[VEC], 40, "interrupts");
	apic_icr(0, 0x40000 | VEC);
	asm volatile("sti; cli; nop");
	chances();
	check_eq(irq_counts[VEC], 41, "interrupts after STI; CLI and then STI");
}

TEST(x2apic)
{
	u64 v;

	lapic_on();
	if (!(cpuid(1, 0).c >> 21 & 1))
		skip("KVM offers no x2APIC");
	check(rdmsr_try(0x802, &v) == 13, "an x2APIC MSR is readable in xAPIC mode");
	wrmsr(0x1b, rdmsr(0x1b) | 0x400);
	check(apic_x2(), "x2APIC mode did not stick: APIC_BASE 0x%lx", LU(rdmsr(0x1b)));
	check_eq(rdmsr(0x802), 0, "x2APIC id");
	check_eq(rdmsr(0x80d), 1, "x2APIC LDR of id 0");
	check(wrmsr_try(0x80d, 2) == 13, "LDR is writable in x2APIC mode");
	check(rdmsr_try(0x80b, &v) == 13, "EOI is readable");
	check(wrmsr_try(0x80e, 0) == 13, "DFR exists in x2APIC mode");
	wrmsr(0x83f, VEC);
	expect_count(VEC, 1, "self-IPI register");
	wrmsr(0x830, 0x40000 | VEC);
	expect_count(VEC, 2, "self-IPI by ICR");
	wrmsr(0x830, 0ULL << 32 | VEC);
	expect_count(VEC, 3, "IPI to id 0 by ICR");
	wrmsr(0x830, 0x77ULL << 32 | VEC);
	expect_count(VEC, 3, "IPI to an id that is not there");
	check(wrmsr_try(0x1b, APIC_BASE_PA | 0x900) == 13, "x2APIC to xAPIC without disabling did not fault");
	wrmsr(0x1b, APIC_BASE_PA | 0x100);
	check(!(cpuid(1, 0).d >> 9 & 1), "CPUID says APIC while it is disabled in APIC_BASE");
	wrmsr(0x1b, APIC_BASE_PA | 0x900);
	check(cpuid(1, 0).d >> 9 & 1, "CPUID does not say APIC after it was enabled again");
}

/* MSIs that the host sends: sync 82 VEC to us, 83 logical, 84 irqfd, 85 nobody. */
TEST(msi)
{
	u32 i;

	lapic_on();
	apic_write(APIC_DFR, 0xffffffff);
	apic_write(APIC_LDR, 0x01000000);
	for (i = 1; i <= 10; i++) {
		sync_host(82);
		irq_wait(VEC, i, "waiting for an MSI");
		expect_count(VEC, i, "MSI");
	}
	sync_host(83);
	irq_wait(VEC, 11, "waiting for an MSI to a logical destination");
	sync_host(85);
	expect_count(VEC, 11, "MSI to a destination that is not there");
	for (i = 1; i <= 10; i++) {
		sync_host(84);
		irq_wait(VEC + 1, i, "waiting for an MSI by irqfd");
		expect_count(VEC + 1, i, "MSI by irqfd");
	}
	sync_host(86);				/* an irqfd on pin 5 of the IOAPIC */
	ioapic_set(5, 0x72, 0);
	irq_handler(0x72, irq_counting);
	for (i = 1; i <= 10; i++) {
		sync_host(87);
		irq_wait(0x72, i, "waiting for an irqfd on an IOAPIC pin");
		expect_count(0x72, i, "irqfd on an IOAPIC pin");
	}
	sync_host(88);				/* taken away */
	sync_host(87);
	expect_count(0x72, 10, "irqfd that was taken away");
}

/* ESR: an illegal vector is noted. */
TEST(lapic_errors)
{
	lapic_on();
	apic_write(APIC_ESR, 0);
	apic_write(APIC_ESR, 0);
	check_eq(apic_read(APIC_ESR), 0, "ESR with nothing wrong");
	/* Reading below the registers gives no fault in xAPIC mode. */
	(void)apic_read(0x40);
	apic_write(APIC_TMICT, 1000);
	apic_write(APIC_TMICT, 0);
	check_eq(apic_read(APIC_IRR), 0, "IRR 0-31");
}
