// SPDX-License-Identifier: GPL-2.0-only
/* The PIT: Intel 8254; port 0x61 is the PC's. selftest/flat/irq.c is the host's half. */
#include "timer.h"

static u16 pit_read(u32 channel)
{
	u8 lo;

	outb(0x43, (u8)(channel << 6));			/* latch */
	lo = inb((u16)(0x40 + channel));
	return (u16)(lo | inb((u16)(0x40 + channel)) << 8);
}

/* Channel 0 through the IOAPIC: 10 periods of 4 ms, and no interrupt while masked. */
static void pit_irq(void)
{
	u64 t0 = rdtsc();

	pics_mask();
	ioapic_set(0, VEC, 0);				/* KVM's default route */
	pit_count(0, 2, 4773);
	irq_wait(VEC, 10, "waiting for 10 ticks of the PIT by the IOAPIC");
	not_early(t0, 40, "10 periods of 4 ms of the PIT");
	on_time("the PIT");
	ioapic_set(0, 0x10000, 0);
	chances();
	quiet(VEC, "the PIT came through a masked pin of the IOAPIC");
}

/* One-shot modes fire once; mode 3, square wave, is periodic like mode 2. */
static void pit_channel0(void)
{
	static const struct { u32 mode; const char *once; } rows[] = {
		{ 0, "the PIT in mode 0 (interrupt on terminal count) fired again" },
		{ 4, "the PIT in mode 4 (software strobe) fired again" },
	};
	u64 t0;
	u32 i, n;

	/* Let no interrupt of the previous mode be left. */
	pit_count(0, 0, 0xffff);
	ioapic_set(0, VEC, 0);
	chances();
	for (i = 0; i < array_size(rows); i++) {
		n = irq_counts[VEC];
		pit_count(0, rows[i].mode, 1193);
		irq_wait(VEC, n + 1, "waiting for one shot of 1 ms of the PIT");
		quiet(VEC, rows[i].once);
	}
	n = irq_counts[VEC];
	t0 = rdtsc();
	pit_count(0, 3, 4773);
	irq_wait(VEC, n + 10, "waiting for 10 ticks of the PIT in mode 3 (square wave)");
	not_early(t0, 40, "10 periods of 4 ms of the PIT in mode 3");
	ioapic_set(0, 0x10000, 0);
	pit_count(0, 0, 0xffff);
	chances();
}

/* A 16-bit count lasts 54.9 ms. If the host paused too long, the functions below return false. */
#define PIT_LAPSE	(40 * tsc_ms())

/* Channel 2: gate, count, output. */
static bool pit_counts(void)
{
	u64 t0 = rdtsc(), t1;
	u16 a, b;
	u8 out;

	outb(0x61, 0);
	pit_count(2, 0, 0xffff);
	outb(0x61, 1);
	a = pit_read(2);
	t1 = rdtsc();
	while (rdtsc() - t1 < tsc_ms())
		;
	b = pit_read(2);
	out = inb(0x61);
	if (rdtsc() - t0 > PIT_LAPSE)
		return false;
	check(b < a && (u16)(a - b) > 700, "PIT channel 2 counted %u in 1 ms, expected about 1193", (u16)(a - b));
	check(!(out & 0x20), "PIT output 2 is high before the end of the count");
	return true;
}

/* A latched count must not change, however late it is read. */
static bool pit_latches(void)
{
	u64 t0 = rdtsc(), t1;
	u16 a, b;

	outb(0x43, 2 << 6);
	t1 = rdtsc();
	while (rdtsc() - t1 < tsc_ms())
		;
	a = inb(0x42);
	a |= (u16)(inb(0x42) << 8);
	b = pit_read(2);
	if (rdtsc() - t0 > PIT_LAPSE)
		return false;
	check((u16)(a - b) > 700, "a latched count of the PIT is only %u above the count 1 ms later", (u16)(a - b));
	return true;
}

TEST(pit)
{
	u16 a;
	u32 i;

	lapic_on();
	pit_irq();
	pit_channel0();
	for (i = 0; i < 20 && !pit_counts(); i++)
		;
	for (i = 0; i < 20 && !pit_latches(); i++)
		;
	pit_count(2, 0, 1193);
	step("waiting for PIT output 2");
	for (i = 0; !(inb(0x61) & 0x20); i++)
		;
	/* The read-back command returns the status: mode, access, output. */
	outb(0x43, 0xe8);
	a = inb(0x42);
	check((a & 0x3f) == 0x30, "PIT status of channel 2 is 0x%x, expected mode 0, both bytes", a);
	/* Bit 2 of the mode does not count for modes 2 and 3. */
	for (i = 6; i <= 7; i++) {
		pit_count(2, i, 1193);
		outb(0x43, 0xe8);
		a = inb(0x42) & 0xe;
		check(a == (i - 4) << 1, "the PIT, set to mode %u, says that it is in mode %u, expected %u", i, a >> 1, i - 4);
	}
}

/* --- channel 2 in every mode --- */

#define PIT_KHZ		1193
#define GATE_UP()	outb(0x61, 1)

/* Load channel 2 and raise its gate, which starts modes 1 and 5. */
static void channel2(u32 mode, u16 count)
{
	outb(0x61, 0);
	pit_count(2, mode, count);
	GATE_UP();
}

static void spin_until(u64 tsc)
{
	while (rdtsc() < tsc)
		;
}

/* Mode 3 counts down by 2, the others by 1. False if the host paused too long. */
static bool pit_rate(u32 mode)
{
	u32 speed = mode == 3 ? 2 : 1, fell;
	u64 t[5], least, most;
	u16 a, b;

	t[0] = rdtsc();
	channel2(mode, 0xffff);
	t[1] = rdtsc();
	a = pit_read(2);
	t[2] = rdtsc();
	spin_until(t[2] + 2 * tsc_ms());
	t[3] = rdtsc();
	b = pit_read(2);
	t[4] = rdtsc();
	if (t[4] - t[0] > PIT_LAPSE / 2)
		return false;
	fell = (u16)(a - b);
	least = (t[3] - t[2]) * PIT_KHZ * speed / tsc_ms();
	most = (t[4] - t[1]) * PIT_KHZ * speed / tsc_ms();
	check(!shared->arg[3] || (fell + fell / 20 + 4 >= least && fell <= most + most / 20 + 4),
	      "PIT channel 2 in mode %u fell by %u from 0x%x, expected %lu to %lu", mode, fell, a, LU(least), LU(most));
	return true;
}

/* A rising edge of the gate starts modes 1, 2, 3, 5 again, but not 0 and 4. */
static bool pit_gate(u32 mode)
{
	const u16 count = 60000;
	bool again = mode != 0 && mode != 4;
	u64 t0, t1;
	u16 n;

	t0 = rdtsc();
	channel2(mode, count);
	spin_until(rdtsc() + 5 * tsc_ms());
	outb(0x61, 0);
	t1 = rdtsc();
	GATE_UP();
	n = pit_read(2);
	if (rdtsc() - t1 > tsc_ms() || rdtsc() - t0 > PIT_LAPSE / 2)
		return false;
	check((n > count - 7 * PIT_KHZ / 2) == again, "PIT channel 2 in mode %u: the count is %u of %u after the gate rose again 5 ms after the start",
	      mode, n, count);
	return true;
}

/* Mode 3: high for the first half of the period, then low. */
static bool pit_square_wave(void)
{
	const u64 period = 24000 * tsc_ms() / PIT_KHZ;
	u64 t0 = rdtsc(), t1;
	u8 first, second;

	channel2(3, 24000);
	t1 = rdtsc();
	spin_until(t1 + period * 35 / 100);
	first = inb(0x61);
	if (rdtsc() - t0 > period * 45 / 100)
		return false;
	check(first & 0x20, "PIT output 2 in mode 3 is low in the first half of its period");
	spin_until(t1 + period * 6 / 10);
	second = inb(0x61);
	if (rdtsc() - t0 > period * 9 / 10)
		return false;
	check(!(second & 0x20), "PIT output 2 in mode 3 is high in the second half of its period");
	return true;
}

/* Access to one byte alone: 1 is the low byte, 2 the high one. */
static void pit_bytes(u32 access, u8 status)
{
	u64 t0;
	u32 i;
	u8 v;

	outb(0x43, (u8)(2 << 6 | access << 4 | 2 << 1));
	outb(0x42, 0x80);
	/* The high byte falls by one in 0.2 ms. */
	for (i = 0; i < 20 && access == 2; i++) {
		t0 = rdtsc();
		outb(0x42, 0x80);
		v = inb(0x42);
		if (rdtsc() - t0 > 2 * tsc_ms())
			continue;
		check(v > 0x60 && v <= 0x80, "PIT channel 2, set to 0x80 by its high byte, reads 0x%x at once", v);
		break;
	}
	outb(0x43, 0xe8);
	v = inb(0x42);
	check((v & 0x3f) == status, "PIT status of channel 2 with access %u is 0x%x, expected 0x%x", access, v, status);
	for (i = 0; i < 20; i++) {
		v = inb(0x42);
		check(v <= 0x80, "PIT channel 2 with access %u counts from 0x80, but reads 0x%x", access, v);
	}
}

/* The read-back command latches status and count: the status comes first. */
static void pit_read_back(void)
{
	u16 n;
	u8 v;

	channel2(2, 0x1000);
	outb(0x43, 0xc8);
	v = inb(0x42);
	n = inb(0x42);
	n |= (u16)(inb(0x42) << 8);
	check((v & 0x3f) == 0x34, "PIT status of channel 2, read back with the count, is 0x%x, expected mode 2, both bytes", v);
	check(n && n <= 0x1000, "PIT count of channel 2, read back after the status, is 0x%x of 0x1000", n);
}

static void port_61(void)
{
	u32 i, seen = 0;

	for (i = 0; i < 4; i++) {
		outb(0x61, (u8)i);
		check_eq(inb(0x61) & 3, i, "gate and speaker bits of port 0x61");
	}
	step("waiting for the refresh bit of port 0x61 to change");
	while (seen != 3)
		seen |= inb(0x61) & 0x10 ? 1 : 2;
}

/*
 * Half of 24 ticks fall due while interrupts are off. KVM delivers them afterwards,
 * unless the VMM turned that off (sync 98): then at most two are kept.
 */
#define TICKS	24

/* Ticks of @ms: the time that 24 of them take, in thousandths of what they should take. */
static u64 half_held(u32 ms)
{
	u32 n = irq_counts[VEC];
	u64 t0;

	pit_count(0, 2, ms * PIT_KHZ);
	irq_wait(VEC, n + 1, "waiting for the PIT");
	t0 = rdtsc();
	spin_until(t0 + TICKS / 2 * ms * tsc_ms());
	irq_wait(VEC, n + 1 + TICKS, "waiting for 24 ticks of the PIT");
	return (rdtsc() - t0) * 1000 / (TICKS * ms * tsc_ms());
}

static void pit_reinjects(void)
{
	u64 best = ~0ULL, t = 0;
	u32 i;

	if (!shared->arg[3]) {
		left_out("ticks that KVM makes up for: the host does not trust its TSC");
		return;
	}
	pics_mask();
	ioapic_set(0, VEC, 0);
	/* A busy host takes milliseconds for each tick that it makes up for: slower ticks leave it time. */
	for (i = 0; i < 20 && best > 1250; i++) {
		t = half_held(1u << i / 4);
		best = t < best ? t : best;
	}
	check(best <= 1250, "24 ticks of the PIT took at least %lu thousandths of their time: ticks that fell due with interrupts off were lost",
	      LU(best));
	sync_host(98);
	/* If the host delays its own timer, the ticks come late instead of too early: try again. */
	for (t = 0, i = 0; i < 20 && t < 1250; i++)
		t = half_held(1);
	check(t >= 1250, "24 ticks of the PIT, half of them with interrupts off, took %lu thousandths of their time, though the VMM turned reinjection off",
	      LU(t));
	ioapic_set(0, 0x10000, 0);
}

/* While an HPET takes its place (sync 99), channel 0 sends no interrupt, in a periodic mode or not, loaded before or after. */
static void pit_replaced(void)
{
	static const u32 modes[] = { 2, 3, 0 };
	u32 n, i;

	/* A tick that KVM makes up for would come after the HPET took over. */
	sync_host(98);
	ioapic_set(0, VEC, 0);
	pit_count(0, 2, PIT_KHZ);
	sync_host(99);
	chances();
	quiet(VEC, "the PIT ticked on after the VMM had put an HPET in its place");
	for (i = 0; i < array_size(modes); i++) {
		pit_count(0, modes[i], PIT_KHZ);
		quiet(VEC, "the PIT was loaded and ticked, though the VMM had put an HPET in its place");
	}
	pit_count(0, 2, PIT_KHZ);
	n = irq_counts[VEC];
	sync_host(100);
	irq_wait(VEC, n + 3, "waiting for the PIT, which takes over from an HPET again");
	ioapic_set(0, 0x10000, 0);
	pit_count(0, 0, 0xffff);
}

TEST(pit_modes)
{
	u32 mode, i;

	lapic_on();
	for (mode = 0; mode <= 5; mode++) {
		for (i = 0; i < 20 && !pit_rate(mode); i++)
			;
		for (i = 0; i < 20 && !pit_gate(mode); i++)
			;
	}
	for (i = 0; i < 20 && !pit_square_wave(); i++)
		;
	pit_bytes(1, 0x14);
	pit_bytes(2, 0x24);
	pit_read_back();
	port_61();
	pit_reinjects();
	pit_replaced();
}
