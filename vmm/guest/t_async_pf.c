// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asynchronous page faults: KVM tells the guest that a page is missing, and later
 * that it is there. Documentation/virt/kvm/x86/msr.rst (the three MSRs).
 */
#include "irq.h"

enum { MSR_APF_EN = 0x4b564d02, MSR_APF_INT = 0x4b564d06, MSR_APF_ACK = 0x4b564d07 };
enum { APF_ENABLED = 1, APF_ALWAYS = 2, APF_BY_INT = 8 };
enum { HOLD = 100, RELEASE, AT_ONCE };		/* sync_host(): how the host serves pages from now on */
#define PAGES	0x100				/* the first scratch page that the host takes away */
#define WAKE_ALL 0xffffffffu

static volatile struct {
	u32 flags, token;
	u8 pad[56];
} apf __attribute__((aligned(64)));

static struct {
	u32 token;
	volatile u32 ready;			/* how often KVM said that the page is there */
} fault[4];
static volatile u32 faults, wake_alls;
static u32 nest;				/* the handler of this fault touches another page */

static u32 page(u32 n)
{
	return *(volatile u32 *)scratch(PAGES + n);
}

/* Behave like a task that sleeps until its page is there. */
static void on_fault(struct regs *r)
{
	u32 n = faults;

	check(apf.flags == 1, "#PF at 0x%lx, flags %u: expected 1, KVM's flag for a missing page",
	      LU(read_cr2()), apf.flags);
	check(r->rflags & 0x200, "KVM reported a missing page while interrupts were off");
	check(n < array_size(fault), "KVM reported more missing pages than there were");
	fault[n].token = (u32)read_cr2();
	check(fault[n].token, "a missing page's token is 0");
	apf.flags = 0;
	faults++;
	if (n == nest) {
		asm volatile("sti; nop; nop" : : : "memory");
		check_eq(page(2), 0xa2a2a2a2, "a page that was missing while another was missing");
		cli();
		check(faults == n + 2, "KVM did not report a second missing page");
	} else {
		sync_host(RELEASE);
	}
	step("waiting for KVM to say that a missing page is there");
	while (!fault[n].ready) {
		sti_nop_cli();
		outb(UNIT_PORT_IDLE, 0);
	}
}

static void on_ready(struct regs *r)
{
	u32 token = apf.token, missing = 0, i;

	for (i = 0; i < faults; i++)
		missing += !fault[i].ready;
	/* Let the host get another page, too: KVM must tell us after our ACK, not before. */
	for (i = 0; i < (missing > 1 ? 100 : 4); i++)
		outb(UNIT_PORT_IDLE, 0);
	check(apf.token == token, "token 0x%x was overwritten with 0x%x before the guest took it", token, apf.token);
	for (i = 0; i < faults && fault[i].token != token; i++)
		;
	if (token == WAKE_ALL)
		wake_alls++;
	else if (i < faults)
		fault[i].ready++;
	else
		fail("KVM said that page 0x%x is there, but never that it was missing", token);
	apf.token = 0;
	wrmsr(MSR_APF_ACK, 1);
	apic_write(APIC_EOI, 0);
}

/* When the guest enables the events, or enables them again, KVM must send one that wakes all tasks. */
static void enable(u64 how)
{
	u32 n = wake_alls + 1;

	wrmsr(MSR_APF_EN, (u64)&apf | how);
	check_eq(rdmsr(MSR_APF_EN), (u64)&apf | how, "MSR_KVM_ASYNC_PF_EN");
	step("waiting for the event that wakes all");
	while (wake_alls < n) {
		sti_nop_cli();
		outb(UNIT_PORT_IDLE, 0);
	}
	check_eq(wake_alls, n, "events that wake all");
}

/* No event for page @n: KVM must block the CPU until the page is there. */
static void waits(u32 n, bool interrupts, const char *what)
{
	u32 before = faults, v;

	sync_host(AT_ONCE);
	if (interrupts)
		asm volatile("sti; nop; nop" : : : "memory");
	v = page(n);
	cli();
	check_eq(v, 0xa0a0a0a0 + n * 0x01010101, what);
	check(faults == before, "%s: KVM reported a missing page", what);
}

TEST(async_pf)
{
	u32 i;

	if (!(kvm_features() >> 14 & 1))
		skip("KVM does not report pages by interrupt (before 5.8)");
	lapic_on();
	irq_handler(14, on_fault);
	irq_handler(VEC, on_ready);
	nest = 1;
	check_eq(wrmsr_try(MSR_APF_INT, 0x100), 13, "a vector of 9 bits to MSR_KVM_ASYNC_PF_INT");
	check_eq(wrmsr_try(MSR_APF_EN, (u64)&apf | 0x10), 13, "a reserved bit to MSR_KVM_ASYNC_PF_EN");
	wrmsr(MSR_APF_INT, VEC);
	check_eq(rdmsr(MSR_APF_INT), VEC, "MSR_KVM_ASYNC_PF_INT");
	enable(APF_ENABLED | APF_ALWAYS | APF_BY_INT);

	for (i = 0; i < 2; i++) {		/* the handler of the second touches another page */
		sync_host(HOLD);
		asm volatile("sti; nop; nop" : : : "memory");
		check_eq(page(i), 0xa0a0a0a0 + i * 0x01010101, "a page that was missing");
		cli();
		check(faults == 1 + 2 * i, "KVM reported %u missing pages, expected %u", faults, 1 + 2 * i);
	}
	waits(3, false, "a missing page, interrupts off");
	enable(APF_ENABLED | APF_BY_INT);
	waits(4, true, "a missing page in ring 0, with events enabled for ring 3 only");
	wrmsr(MSR_APF_EN, 0);
	waits(5, true, "a missing page after the guest disabled the events");
	chances();
	for (i = 0; i < faults; i++)
		check_eq(fault[i].ready, 1, "how often KVM said that a page is there");
}
