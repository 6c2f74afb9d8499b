// SPDX-License-Identifier: GPL-2.0-only
/* The local APIC, NMIs, the interrupt shadow. SDM vol. 3 ch. 11. */
#include "irq.h"

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
	apic_write(APIC_LVTT, VEC);
	check_eq(apic_read(APIC_LVTT), 0x10000 | VEC, "the timer's LVT entry written while disabled");
	apic_write(APIC_SVR, 0x1ff);
}

static u8 order[8];
static u32 norder;

static void on_nested(struct regs *r)
{
	order[norder++ & 7] = (u8)r->vector;
	check(apic_bit(APIC_ISR, (u8)r->vector), "vector 0x%x is delivered, but not in ISR", (u32)r->vector);
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
	/* It must come at once, before any other exit to KVM. */
	asm volatile("sti; movq %0, %%cr8; nop; nop; cli" : : "r"(7ULL) : "memory");
	check(norder == 1, "lowering CR8 did not let vector 0x81 through");
	write_cr8(0);
	/* The same vector twice while pending is one interrupt. */
	norder = 0;
	apic_icr(0, 0x40000 | 0x81);
	apic_icr(0, 0x40000 | 0x81);
	chances();
	check(norder == 1, "a vector sent twice while pending was delivered %u times", norder);
}

/* ESR must stay 0 if there is no error. */
TEST(lapic_errors)
{
	lapic_on();
	apic_write(APIC_ESR, 0);
	apic_write(APIC_ESR, 0);
	check_eq(apic_read(APIC_ESR), 0, "ESR without an error");
	/* Reading a reserved register does not fault in xAPIC mode. */
	(void)apic_read(0x40);
	apic_write(APIC_TMICT, 1000);
	apic_write(APIC_TMICT, 0);
	check_eq(apic_read(APIC_IRR), 0, "IRR 0-31");
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
	expect_count(VEC, 3, "IPI to an id that no CPU has");
	check_eq(rdmsr(0x830), 0x77ULL << 32 | VEC, "ICR");
	irq_handler(0xe1, irq_counting);
	wrmsr(0x83f, 0xe1);
	expect_count(0xe1, 1, "self-IPI register, vector 0xe1");
	check(wrmsr_try(0x83f, 0x400 | VEC) == 13, "the self-IPI register took reserved bits, those that make an NMI in the ICR");
	check(wrmsr_try(0x1b, APIC_BASE_PA | 0x900) == 13, "x2APIC to xAPIC without disabling did not fault");
	wrmsr(0x1b, APIC_BASE_PA | 0x100);
	check(!(cpuid(1, 0).d >> 9 & 1), "CPUID says APIC while it is disabled in APIC_BASE");
	wrmsr(0x1b, APIC_BASE_PA | 0x900);
	check(cpuid(1, 0).d >> 9 & 1, "CPUID does not say APIC after it was enabled again");
}

/* --- an EOI without an exit: Documentation/virt/kvm/x86/msr.rst --- */

static volatile u32 *pv_word;

/* VEC's handler sends another interrupt: KVM must then require a real EOI. */
static void on_pv(struct regs *r)
{
	irq_counts[r->vector]++;
	if (r->vector == VEC)
		apic_icr(0, 0x40000 | (VEC + 1));
	if (!(__atomic_exchange_n(pv_word, 0, __ATOMIC_SEQ_CST) & 1))
		apic_write(APIC_EOI, 0);
}

TEST(pv_eoi)
{
	u32 i;

	if (!(kvm_features() >> 6 & 1))
		skip("KVM offers no paravirtual EOI (feature 6)");
	lapic_on();
	irq_handler(VEC, on_pv);
	irq_handler(VEC + 1, on_pv);
	pv_word = scratch(0);
	*pv_word = 0;
	wrmsr(0x4b564d04, (u64)pv_word | 1);
	for (i = 1; i <= 10; i++) {
		apic_icr(0, 0x40000 | VEC);
		expect_count(VEC, i, "interrupt with paravirtual EOI");
		expect_count(VEC + 1, i, "interrupt sent by the handler, with paravirtual EOI");
		check(!apic_bit(APIC_ISR, VEC) && !apic_bit(APIC_ISR, VEC + 1), "ISR is not clear after a paravirtual EOI");
	}
	wrmsr(0x4b564d04, 0);
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
	sync_host(81);					/* KVM_NMI */
	asm volatile("cli; nop");
	outb(0xe1, 0);
	check_eq(nmis, 5, "NMIs after the host sent another");
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
	if (shared->sticky_shadow)
		left_out("interrupts after STI; OUT: this KVM leaves the shadow of an instruction that it skips");
	/* QEMU's TCG sometimes loses a shadow, if the host is interrupted in it. */
	check(early <= (shared->tcg ? 10 : 0), "%u of 20 interrupts came right after STI", early);
	check(early_io <= (shared->sticky_shadow ? 20 : shared->tcg ? 10 : 0),
	      "%u of 20 interrupts did not come right after STI; OUT", early_io);
	check_eq(irq_counts[VEC], 40, "interrupts");
	apic_icr(0, 0x40000 | VEC);
	asm volatile("sti; cli; nop");
	chances();
	check_eq(irq_counts[VEC], 41, "interrupts after STI; CLI and then STI");
}
