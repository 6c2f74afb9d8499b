/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the tests of interrupt controllers and timers. */
#ifndef GUEST_IRQ_H
#define GUEST_IRQ_H

#include "lib.h"

#define IOAPIC	0xfec00000UL
#define VEC	0x60

/* lapic_on - enable this CPU's APIC, mask its pins, count VEC and VEC + 1 */
static inline void lapic_on(void)
{
	apic_enable();
	apic_write(APIC_LVT0, 0x10000);
	apic_write(APIC_LVT1, 0x10000);
	irq_handler(VEC, irq_counting);
	irq_handler(VEC + 1, irq_counting);
}

static inline void ioapic_write(u32 reg, u32 v)
{
	writel(IOAPIC, reg);
	writel(IOAPIC + 0x10, v);
}

static inline u32 ioapic_read(u32 reg)
{
	writel(IOAPIC, reg);
	return readl(IOAPIC + 0x10);
}

static inline void ioapic_set(u32 pin, u32 low, u32 dest)
{
	ioapic_write(0x11 + 2 * pin, dest << 24);
	ioapic_write(0x10 + 2 * pin, low);
}

/* pic_init - ICW1 to ICW4 of the first PIC, which clear its mask; @icw4: 1, or 3 with automatic EOI */
static inline void pic_init(u8 icw4)
{
	outb(0x20, 0x11); outb(0x21, 0x20); outb(0x21, 4); outb(0x21, icw4);
}

/* pics_init - both, with vectors from 0x20 */
static inline void pics_init(void)
{
	pic_init(1);
	outb(0xa0, 0x11); outb(0xa1, 0x28); outb(0xa1, 2); outb(0xa1, 1);
}

static inline void pics_mask(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}

/* chances - give an interrupt that must not come enough opportunities to come */
static inline void chances(void)
{
	u32 i;

	for (i = 0; i < 50; i++) {
		sti_nop_cli();
		outb(0xe1, 0);
	}
}

static inline void expect_count(u8 vec, u32 n, const char *what)
{
	chances();
	check(irq_counts[vec] == n, "%s: %u interrupts came, expected %u", what, irq_counts[vec], n);
}

#endif
