// SPDX-License-Identifier: GPL-2.0-only
/* IOAPIC and MSIs, driven by the host. 82093AA; SDM vol. 3 ch. 11. */
#include "irq.h"

static volatile u32 level_seen, lower_after, rewrite, to_edge;

static void on_level(struct regs *r)
{
	level_seen++;
	check(apic_bit(APIC_TMR, (u8)r->vector), "TMR does not show the level interrupt");
	if (rewrite) {
		/* Remote IRR is read-only: writing the entry must not make the line interrupt again. */
		ioapic_set(9, 0x8000 | 0x71, 0);
		check(ioapic_read(0x10 + 18) & 0x4000, "writing the entry cleared Remote IRR before EOI");
	}
	if (level_seen == lower_after)
		sync_host(60 + 9);
	if (to_edge) {
		/* Linux does this to end a level interrupt whose EOI was lost. */
		ioapic_set(9, 0x10000 | 0x71, 0);
		check(!(ioapic_read(0x10 + 18) & 0x4000), "Remote IRR stays set when the entry is changed to edge");
		ioapic_set(9, 0x8000 | 0x71, 0);
		check(!(ioapic_read(0x10 + 18) & 0x4000), "Remote IRR is set again when the entry is changed back to level, its line low");
	}
	apic_write(APIC_EOI, 0);
}

static void ioapic_registers(void)
{
	u32 i;

	ioapic_write(0, 5 << 24);
	check_eq(ioapic_read(0), 5 << 24, "id of the IOAPIC");
	check_eq(ioapic_read(2), 5 << 24, "arbitration id of the IOAPIC");
	ioapic_write(0, 0);
	check_eq(ioapic_read(1) >> 16 & 0xff, 23, "highest pin of the IOAPIC");
	for (i = 0; i < 24; i++) {
		ioapic_set(i, 0x10000 | (0x40 + i), i);
		check_eq(ioapic_read(0x10 + 2 * i) & ~0x5000u, 0x10000 | (0x40 + i), "redirection entry");
		check_eq(ioapic_read(0x11 + 2 * i) >> 24, i, "destination of a redirection entry");
	}
}

/* Edges on pin 5: masked, then unmasked. */
static void ioapic_edges(void)
{
	u32 v, i;

	sync_host(40 + 5);
	sync_host(60 + 5);
	expect_count(VEC, 0, "masked IOAPIC pin");
	ioapic_set(5, VEC, 0);
	chances();
	v = irq_counts[VEC];		/* an edge while masked may be kept or dropped */
	check(v <= 1, "one edge on a masked pin raised %u interrupts", v);
	for (i = 1; i <= 10; i++) {
		sync_host(40 + 5);
		irq_wait(VEC, v + i, "waiting for an edge by the IOAPIC");
		expect_count(VEC, v + i, "IOAPIC edge");
		sync_host(60 + 5);
		expect_count(VEC, v + i, "falling edge on an IOAPIC pin");
	}
	ioapic_set(5, 0x10000, 0);
}

/* Pin 9 is raised: it must interrupt until the handler lowers it, at the @n'th interrupt. */
static void levels(u32 n, const char *what)
{
	step(what);
	sti();
	while (level_seen < n)
		pause();
	cli();
	chances();
	check(level_seen == n, "%s: a level that is lowered at interrupt %u raised %u interrupts", what, n, level_seen);
}

static void ioapic_levels(void)
{
	u32 i;

	irq_handler(0x71, on_level);
	lower_after = 4;
	ioapic_set(9, 0x8000 | 0x71, 0);
	sync_host(40 + 9);
	levels(4, "waiting for a level interrupt");
	check(!(ioapic_read(0x10 + 18) & 0x4000), "Remote IRR is set after EOI");
	/* Raised while masked: pending until the pin is unmasked. */
	ioapic_set(9, 0x18000 | 0x71, 0);
	level_seen = 0;
	lower_after = 1;
	sync_host(40 + 9);
	chances();
	check(level_seen == 0, "a level interrupt came through the mask");
	ioapic_set(9, 0x8000 | 0x71, 0);
	levels(1, "waiting for a level interrupt that was raised while masked");
	level_seen = 0;
	rewrite = 1;
	sync_host(40 + 9);
	levels(1, "waiting for a level interrupt whose handler writes its entry");
	rewrite = 0;
	to_edge = 1;
	for (i = 0; i < 3 && shared->arg[4]; i++) {
		level_seen = 0;
		sync_host(40 + 9);
		levels(1, "waiting for a level interrupt whose handler changes its entry to edge");
	}
	to_edge = 0;
}

/* Set pin 5's entry to @low and @dest: an edge must raise @n interrupts here. */
static void edge_to(u32 low, u32 dest, u32 n, const char *what)
{
	u32 v = irq_counts[VEC];

	ioapic_set(5, low, dest);
	sync_host(40 + 5);
	sync_host(60 + 5);
	expect_count(VEC, v + n, what);
}

static volatile u32 nmis;

static void on_nmi(struct regs *r)
{
	(void)r;
	nmis++;
}

/* Delivery modes and destinations. */
static void ioapic_deliveries(void)
{
	edge_to(VEC, 0x33, 0, "IOAPIC pin to a destination that does not exist");
	edge_to(VEC, 0xff, 1, "IOAPIC pin to all CPUs");
	apic_write(APIC_DFR, 0xffffffff);
	apic_write(APIC_LDR, 0x04000000);
	edge_to(0x800 | VEC, 0x06, 1, "IOAPIC pin to a logical destination");
	edge_to(0x800 | VEC, 0x02, 0, "IOAPIC pin to another logical destination");
	edge_to(0x900 | VEC, 0x04, 1, "IOAPIC pin with lowest priority to a logical destination");
	/* The cluster model: four bits of cluster, a bit for each member. */
	apic_write(APIC_DFR, 0x0fffffff);
	apic_write(APIC_LDR, 0x12000000);
	edge_to(0x800 | VEC, 0x12, 1, "IOAPIC pin to a member of a cluster");
	edge_to(0x800 | VEC, 0x13, 1, "IOAPIC pin to two members of a cluster");
	edge_to(0x800 | VEC, 0x11, 0, "IOAPIC pin to another member of the cluster");
	edge_to(0x800 | VEC, 0x22, 0, "IOAPIC pin to a member of another cluster");
	apic_write(APIC_DFR, 0xffffffff);
	irq_handler(2, on_nmi);
	edge_to(0x400 | VEC, 0, 0, "IOAPIC pin that delivers an NMI: as an interrupt");
	check_eq(nmis, 1, "NMIs of an IOAPIC pin");
}

TEST(ioapic)
{
	lapic_on();
	pics_mask();
	ioapic_registers();
	ioapic_edges();
	ioapic_levels();
	ioapic_deliveries();
}

/* The host sends MSIs: sync 82 VEC to this CPU, 83 logical destination, 84 by irqfd, 85 to no CPU, 97 an NMI. */
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
	expect_count(VEC, 11, "MSI to a destination that does not exist");
	irq_handler(2, on_nmi);
	sync_host(97);
	expect_count(VEC, 11, "MSI that delivers an NMI: as an interrupt");
	check_eq(nmis, 1, "NMIs of an MSI");
	for (i = 1; i <= 10; i++) {
		sync_host(84);
		irq_wait(VEC + 1, i, "waiting for an MSI by irqfd");
		expect_count(VEC + 1, i, "MSI by irqfd");
	}
	irq_handler(0x73, irq_counting);
	sync_host(90);				/* change that irqfd's route to vector 0x73 */
	sync_host(84);
	irq_wait(0x73, 1, "waiting for an MSI by irqfd whose route was changed");
	expect_count(VEC + 1, 10, "the old route of an irqfd");
	sync_host(86);				/* an irqfd on pin 5 of the IOAPIC */
	ioapic_set(5, 0x72, 0);
	irq_handler(0x72, irq_counting);
	for (i = 1; i <= 10; i++) {
		sync_host(87);
		irq_wait(0x72, i, "waiting for an irqfd on an IOAPIC pin");
		expect_count(0x72, i, "irqfd on an IOAPIC pin");
	}
	sync_host(88);				/* remove it */
	sync_host(87);
	expect_count(0x72, 10, "irqfd that was removed");
}

/* Two sources raise the line: EOI lowers the irqfd's, the second interrupt's handler the host's. */
static void on_shared(struct regs *r)
{
	irq_counts[r->vector]++;
	if (irq_counts[r->vector] == lower_after)
		sync_host(60 + 9);
	apic_write(APIC_EOI, 0);
}

/* sync 91: a level irqfd on pin 9; 92: raise it; 93: arg[1] := EOIs that it reported. */
TEST(irqfd_level)
{
	u32 i;

	lapic_on();
	pics_mask();
	sync_host(91);
	irq_handler(0x74, irq_counting);
	ioapic_set(9, 0x8000 | 0x74, 0);
	for (i = 1; i <= 5; i++) {
		sync_host(92);
		irq_wait(0x74, i, "waiting for a level irqfd");
		expect_count(0x74, i, "level irqfd, lowered by its EOI");
		sync_host(93);
		check_eq(shared->arg[1], 1, "EOIs that KVM reported for a level irqfd");
	}
	irq_handler(0x74, on_shared);
	irq_counts[0x74] = 0;
	lower_after = 2;
	/* KVM raises a level irqfd later, from a worker: wait for it, or the line is raised a third time. */
	sync_host(92);
	step("waiting for a level irqfd that shares its line");
	while (!apic_bit(APIC_IRR, 0x74))
		outb(UNIT_PORT_IDLE, 0);
	sync_host(40 + 9);
	irq_wait(0x74, 2, "waiting for the second source of a shared line");
	expect_count(0x74, 2, "a shared line, lowered by one source after the first interrupt and by the other after the second");
}

/*
 * KVM has the LAPIC, the VMM the IOAPIC: KVM must report EOIs of the IOAPIC's level
 * interrupts to the VMM, and no others. sync 94: set the VMM's route, level, 0x75;
 * 95: raise it; 96: arg[1] := EOIs so far, arg[2] := the last one's vector; arg[5]: the pin.
 */
TEST(ioapic_split)
{
	u32 i, pin;

	lapic_on();
	irq_handler(0x75, irq_counting);
	shared->arg[5] = 5;
	sync_host(94);
	for (i = 1; i <= 5; i++) {
		sync_host(95);
		irq_wait(0x75, i, "waiting for a level interrupt of the VMM's IOAPIC");
		sync_host(82);				/* an MSI that is not the IOAPIC's */
		irq_wait(VEC, i, "waiting for an MSI");
		expect_count(0x75, i, "level interrupt of the VMM's IOAPIC");
		sync_host(96);
		check_eq(shared->arg[1], i, "EOIs that KVM reported to the VMM");
		check_eq(shared->arg[2], 0x75, "vector of the EOI that KVM reported to the VMM");
	}
	/* The first and the last of the VMM's 24 pins. */
	for (pin = 0; pin < 24; pin += 23, i++) {
		shared->arg[5] = pin;
		sync_host(94);
		sync_host(95);
		irq_wait(0x75, i, "waiting for a level interrupt of the first or the last pin of the VMM's IOAPIC");
		sync_host(96);
		check(shared->arg[1] == i, "EOIs that KVM reported to the VMM for its IOAPIC's pin %u: %lu, expected %u", pin, LU(shared->arg[1]), i);
	}
}

/* By a bit in SVR the guest suppresses EOI broadcasts: SDM vol. 3, 11.8.5. */
TEST(ioapic_split_eoi)
{
	const u32 suppress = 1 << 12;

	lapic_on();
	irq_handler(0x75, irq_counting);
	sync_host(94);
	check(apic_read(APIC_VER) >> 24 & 1, "the host enabled suppressed EOI broadcasts, but the APIC's version 0x%x does not offer them",
	      apic_read(APIC_VER));
	apic_write(APIC_SVR, 0x1ff | suppress);
	check_eq(apic_read(APIC_SVR), 0x1ff | suppress, "SVR");
	sync_host(95);
	irq_wait(0x75, 1, "waiting for a level interrupt of the VMM's IOAPIC");
	expect_count(0x75, 1, "level interrupt of the VMM's IOAPIC");
	sync_host(96);
	check_eq(shared->arg[1], 0, "EOIs that KVM reported to the VMM, though the guest suppresses them");
	apic_write(APIC_SVR, 0x1ff);
	sync_host(95);
	irq_wait(0x75, 2, "waiting for another level interrupt of the VMM's IOAPIC");
	sync_host(96);
	check_eq(shared->arg[1], 1, "EOIs that KVM reported to the VMM after the guest stopped suppressing them");
}
