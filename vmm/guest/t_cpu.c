// SPDX-License-Identifier: GPL-2.0-only
/* CPUID, MSRs, TSC, SYSCALL, KVM's own interface for guests. */
#include "lib.h"

TEST(cpuid_kvm)
{
	struct cpuid c = cpuid(1, 0);

	check(c.c >> 31, "the hypervisor bit in CPUID leaf 1 is not set");
	check_eq(c.b >> 24, cpu_id(), "APIC id in CPUID leaf 1");
	c = cpuid(KVM_LEAF, 0);
	check(c.b == 0x4b4d564b && c.c == 0x564b4d56 && c.d == 0x4d,
	      "leaf 0x40000000 does not spell KVMKVMKVM: %x %x %x", c.b, c.c, c.d);
	check(c.a == 0 || c.a >= KVM_FEATURES, "highest KVM leaf is 0x%x", c.a);
	/* Sizes of XSAVE areas depend on XCR0, which the host has set to arg[0]. */
	check(!(shared->arg[0] & 4) || cpuid(0xd, 0).b >= 512 + 64 + 256,
	      "CPUID says that XSAVE takes %u bytes with AVX in XCR0", cpuid(0xd, 0).b);
	if (cpuid(1, 0).c >> 26 & 1) {			/* XSAVE */
		write_cr4(read_cr4() | 1 << 18);
		check(cpuid(1, 0).c >> 27 & 1, "CPUID does not say OSXSAVE after CR4.OSXSAVE was set");
		write_cr4(read_cr4() & ~(1ULL << 18));
		check(!(cpuid(1, 0).c >> 27 & 1), "CPUID says OSXSAVE after CR4.OSXSAVE was cleared");
	}
}

/* Every leaf must read exactly as the host set it; the host puts its values into buf. */
TEST(cpuid_exact)
{
	struct entry { u32 fn, idx, flags, a, b, c, d; };
	const volatile struct entry *e = (const volatile void *)shared->buf;
	u32 i, n = (u32)shared->arg[0];

	for (i = 0; i < n; i++) {
		struct cpuid c = cpuid(e[i].fn, e[i].idx);
		u32 mask_c = ~0u;

		/* OSXSAVE and OSPKE mirror CR4. */
		if (e[i].fn == 1)
			mask_c = ~(1u << 27);
		if (e[i].fn == 7 && e[i].idx == 0)
			mask_c = ~(1u << 4);
		/* Sizes of XSAVE areas depend on XCR0. */
		if (e[i].fn == 0xd && e[i].idx <= 1)
			continue;
		check(c.a == e[i].a && c.b == e[i].b && (c.c & mask_c) == (e[i].c & mask_c) && c.d == e[i].d,
		      "CPUID 0x%x.%x reads %x %x %x %x, but the host set %x %x %x %x",
		      e[i].fn, e[i].idx, c.a, c.b, c.c, c.d, e[i].a, e[i].b, e[i].c, e[i].d);
	}
}

static void keeps(u32 msr, u64 v, const char *name)
{
	u64 old = rdmsr(msr), got;

	wrmsr(msr, v);
	outb(0xe1, 0);
	got = rdmsr(msr);
	wrmsr(msr, old);
	check(got == v, "MSR %s (0x%x): wrote 0x%lx, reads 0x%lx after an exit", name, msr,
	      LU(v), LU(got));
}

static void refuses(u32 msr, u64 v, const char *name)
{
	u64 old = rdmsr(msr), t = wrmsr_try(msr, v);

	check(t == 13, "MSR %s (0x%x) accepted the invalid 0x%lx (vector %d, expected #GP)",
	      name, msr, LU(v), t == NO_TRAP ? -1 : (int)t);
	check(rdmsr(msr) == old, "a refused write changed MSR %s (0x%x)", name, msr);
}

/* #GP, unless the host's kvm.ignore_msrs makes it read as 0 and accept writes. */
static void unknown_msr(void)
{
	u64 want = shared->ignore_msrs ? NO_TRAP : 13, v = 1, t;

	t = rdmsr_try(0x12345678, &v);
	check(t == want, "RDMSR of an MSR that does not exist gave vector %d", t == NO_TRAP ? -1 : (int)t);
	check(t != NO_TRAP || v == 0, "an MSR that does not exist reads 0x%lx under kvm.ignore_msrs", LU(v));
	t = wrmsr_try(0x12345678, 1);
	check(t == want, "WRMSR of an MSR that does not exist gave vector %d", t == NO_TRAP ? -1 : (int)t);
}

TEST(msr)
{
	u64 v, t;

	keeps(0xc0000081, 0x0023001000000000ULL, "STAR");
	keeps(0xc0000082, 0xffffffff81234567ULL, "LSTAR");
	keeps(0xc0000083, 0xffff800012345678ULL, "CSTAR");
	keeps(0xc0000084, 0x47700, "SFMASK");
	keeps(0xc0000100, 0x00007f0012345678ULL, "FS.base");
	keeps(0xc0000101, 0xffff888000001000ULL, "GS.base");
	keeps(0xc0000102, 0xffff888000002000ULL, "KERNEL_GS.base");
	keeps(0x174, 0x10, "SYSENTER_CS");
	keeps(0x175, 0x12345678, "SYSENTER_ESP");
	keeps(0x176, 0x87654321, "SYSENTER_EIP");
	keeps(0x277, 0x0007010600070106ULL, "PAT");
	if (!shared->tcg) {		/* it does not check these, and KVM leaves them to the CPU */
		refuses(0xc0000082, 0x8000000000000000ULL, "LSTAR");
		refuses(0xc0000102, 0x1234567800000000ULL << 8, "KERNEL_GS.base");
	}
	refuses(0x277, 0x0207010600070106ULL, "PAT");
	refuses(0x277, 0x0007010600070108ULL, "PAT");
	refuses(0xc0000080, rdmsr(0xc0000080) | 1ULL << 40, "EFER");
	t = wrmsr_try(0xc0000080, rdmsr(0xc0000080) & ~0x100ULL);
	check(t == 13, "clearing EFER.LME with paging on gave vector %d", t == NO_TRAP ? -1 : (int)t);
	check(rdmsr(0xc0000080) & 0x400, "EFER.LMA is not set in long mode");
	unknown_msr();
	if (cpuid(0x80000001, 0).d >> 27 & 1) {
		u32 aux, a, d;

		keeps(0xc0000103, 0x55, "TSC_AUX");
		wrmsr(0xc0000103, 0x77);
		outb(0xe1, 0);
		asm volatile("rdtscp" : "=a"(a), "=d"(d), "=c"(aux));
		check_eq(aux, 0x77, "TSC_AUX by RDTSCP");
		/* AMD's ignores the upper half, Intel's refuses it. */
		if (wrmsr_try(0xc0000103, 0x1234567800000001ULL) != 13)
			check_eq(rdmsr(0xc0000103), 1, "TSC_AUX after a write with its upper half set");
	}
	/* MTRRs, which an OS reads when it sets up memory types. */
	if (cpuid(1, 0).d >> 12 & 1) {
		check((rdmsr(0xfe) & 0xff) >= 8, "MTRRCAP has %lu variable ranges", LU(rdmsr(0xfe) & 0xff));
		keeps(0x2ff, 0xc06, "MTRR_DEF_TYPE");
		keeps(0x200, 0x6, "MTRR_PHYSBASE0");
		keeps(0x250, 0x0606060606060606ULL, "MTRR_FIX64K");
		refuses(0x2ff, 0x2ULL | 0x800, "MTRR_DEF_TYPE");
	}
	/* The MSRs hold the bases of FS and GS. */
	wrmsr(0xc0000101, UNIT_SCRATCH);
	*(volatile u64 *)(UNIT_SCRATCH + 8) = 0x1234;
	outb(0xe1, 0);
	asm volatile("movq %%gs:8, %0" : "=r"(v));
	check_eq(v, 0x1234, "load through GS");
	wrmsr(0xc0000102, UNIT_SCRATCH + 4096);
	*(volatile u64 *)(UNIT_SCRATCH + 4096 + 8) = 0x4321;
	asm volatile("swapgs; outb %%al, $0xe1; movq %%gs:8, %0; swapgs" : "=r"(v));
	check_eq(v, 0x4321, "load through GS after SWAPGS");
	check_eq(rdmsr(0xc0000101), UNIT_SCRATCH, "GS.base after SWAPGS twice");
}

static volatile u64 syscall_rip, syscall_flags;
static void user_syscall(void)
{
	asm volatile("std; syscall; 1: cld; int $0x80" : : : "rcx", "r11", "memory");
}
asm(".global syscall_entry\nsyscall_entry:\n\t"
    "movq %rcx, syscall_rip(%rip)\n\tpushf\n\tpopq syscall_flags(%rip)\n\tsysretq");
extern u8 syscall_entry[];

TEST(syscall)
{
	wrmsr(0xc0000081, 0x0018ULL << 48 | 0x0018ULL << 32);
	wrmsr(0xc0000082, (u64)syscall_entry);
	wrmsr(0xc0000084, 0x400);			/* clear DF */
	wrmsr(0xc0000080, rdmsr(0xc0000080) | 1);	/* SCE */
	user_call(user_syscall);
	check(last_trap.vector == NO_TRAP, "SYSCALL and SYSRET: vector %d at 0x%lx", (int)last_trap.vector, LU(last_trap.rip));
	check(syscall_rip, "SYSCALL did not reach LSTAR");
	check(!(syscall_flags & 0x400), "SFMASK did not clear DF");
	wrmsr(0xc0000080, rdmsr(0xc0000080) & ~1ULL);
	user_call(user_syscall);
	check(last_trap.vector == 6, "SYSCALL with EFER.SCE=0 gave vector %d, expected #UD", (int)last_trap.vector);
}

/* The TSC never goes back, can be set, and runs at the host's rate (the host compares). */
TEST(tsc)
{
	u64 a, b, t;
	u32 i;

	for (a = rdtsc(), i = 0; i < 5000; i++) {
		b = rdtsc();
		check(b >= a, "the TSC went back by %lu", LU(a - b));
		a = b;
		if (i % 512 == 0)
			outb(0xe1, 0);
	}
	for (i = 0; i < 4; i++) {
		sync_host(20);
		shared->out[0] = rdtsc();
		sync_host(21);
	}
	a = rdtsc();
	wrmsr(0x10, a + (1ULL << 40));
	b = rdtsc();
	check(b - a >= 1ULL << 40 && b - a < (1ULL << 40) + (1ULL << 36),
	      "the TSC was set 2^40 ahead, but is 0x%lx ahead", LU(b - a));
	check(rdmsr(0x10) >= b, "RDMSR of the TSC is behind RDTSC");
	wrmsr(0x10, 0);
	b = rdtsc();
	check(b < 1ULL << 36, "the TSC was set to 0, but reads 0x%lx", LU(b));
	if (cpuid(7, 0).b >> 1 & 1) {
		t = rdmsr(0x3b);
		a = rdtsc();
		wrmsr(0x3b, t + (1ULL << 42));
		b = rdtsc();
		check(b - a >= 1ULL << 42 && b - a < (1ULL << 42) + (1ULL << 36),
		      "TSC_ADJUST of 2^42 moved the TSC by 0x%lx", LU(b - a));
		check_eq(rdmsr(0x3b), t + (1ULL << 42), "TSC_ADJUST");
		/* Far ahead, because the host may pause between reading and writing. */
		wrmsr(0x10, rdtsc() + (1ULL << 40));
		check(rdmsr(0x3b) > t + (1ULL << 42), "writing the TSC did not move TSC_ADJUST");
	}
}

/* --- kvmclock --- */
struct pvclock {
	u32 version, pad;
	u64 tsc, ns;
	u32 mul;
	int8_t shift;
	u8 flags, pad2[2];
};

static u64 pvclock_read(volatile struct pvclock *p)
{
	u64 ns, d;
	u32 v;

	do {
		v = p->version;
		barrier();
		d = rdtsc() - p->tsc;
		d = p->shift >= 0 ? d << p->shift : d >> -p->shift;
		ns = p->ns + (u64)((unsigned __int128)d * p->mul >> 32);
		barrier();
	} while (v & 1 || v != p->version);
	return ns;
}

TEST(kvmclock)
{
	volatile struct pvclock *p = scratch(0);
	volatile u32 *wall = scratch(1);
	u64 a, b;
	u32 i;

	if (!(kvm_features() >> 3 & 1))
		skip("KVM offers no clocksource (feature 3)");
	wrmsr(0x4b564d01, (u64)p | 1);
	outb(0xe1, 0);
	check(!(p->version & 1) && p->mul, "kvmclock's page was not filled: version %u, mul %u", p->version, p->mul);
	for (a = pvclock_read(p), i = 0; i < 5000; i++) {
		b = pvclock_read(p);
		check(b >= a, "kvmclock went back by %lu ns", LU(a - b));
		a = b;
		if (i % 512 == 0)
			outb(0xe1, 0);
	}
	sync_host(27);					/* flags of KVM_GET_CLOCK */
	check(!(shared->arg[0] & 2) || p->flags & 1,
	      "KVM_GET_CLOCK says that the clock is stable, but kvmclock's page does not: flags 0x%x", p->flags);
	sync_host(28);					/* KVM_KVMCLOCK_CTRL */
	check(!shared->arg[0] || p->flags & 2, "kvmclock's page does not say that the guest was stopped: flags 0x%x", p->flags);
	/* KVM writes the page again: the mark stays until the guest takes it away, and then stays away. */
	for (i = 0; i < 2 && shared->arg[0]; i++) {
		wrmsr(0x4b564d01, (u64)p | 1);
		outb(0xe1, 0);
		check((p->flags & 2) == (i ? 0 : 2), "the guest %s that it was stopped, but after KVM's next write the flags are 0x%x",
		      i ? "took notice" : "did not take notice", p->flags);
		p->flags &= (u8)~2;
	}
	/* The host reads its clock before and after. */
	sync_host(22);
	shared->out[0] = pvclock_read(p);
	sync_host(23);
	/* Now it lets 30 ms pass. */
	sync_host(24);
	shared->out[0] = pvclock_read(p);
	sync_host(25);
	wrmsr(0x4b564d00, (u64)wall);
	check(!(wall[0] & 1), "the wall clock's version is odd");
	shared->out[0] = wall[1] * 1000000000ULL + wall[2];
	shared->out[1] = pvclock_read(p);
	sync_host(26);
	wrmsr(0x4b564d01, 0);
	check_eq(wrmsr_try(0x4b564d01, (u64)p | 1), NO_TRAP, "turning kvmclock off and on again");
}

/* The record of steal time. ns: how long the guest waited for the host's CPU. */
struct steal {
	u64 ns;
	u32 version, flags;
};

TEST(steal_time)
{
	volatile struct steal *s = scratch(0);
	u64 a, b;
	u32 i;

	if (!(kvm_features() >> 5 & 1))
		skip("KVM offers no steal time (feature 5)");
	wrmsr(0x4b564d03, (u64)s | 1);
	outb(0xe1, 0);
	for (i = 0; i < 3; i++) {
		a = s->ns;
		sync_host(29);			/* the host lets others have this CPU */
		b = s->ns;
		check(!(s->version & 1), "the version of steal time's record is odd: %u", s->version);
		check(b > a, "another thread had the CPU for milliseconds, but steal time went from %lu to %lu ns", LU(a), LU(b));
		outb(0xe1, 0);
		check(s->ns >= b, "steal time went back from %lu to %lu ns", LU(b), LU(s->ns));
	}
	wrmsr(0x4b564d03, 0);
}

static u64 hypercall(u64 nr, u64 a, u64 b, bool vmm)
{
	u64 r;

	if (vmm)
		asm volatile("vmmcall" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(0), "S"(0) : "memory");
	else
		asm volatile("vmcall" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(0), "S"(0) : "memory");
	return r;
}

static void user_vmcall(void)
{
	asm volatile("movl $1, %%eax; vmmcall; movq %%rax, %0; int $0x80" : "=m"(shared->out[2]) : : "rax", "memory");
}

/* KVM_HC_CLOCK_PAIRING: the host's time, and this CPU's TSC at that time. */
static void clock_pairing(bool amd)
{
	volatile struct { u64 sec, ns, tsc; u32 flags, pad[9]; } *c = scratch(0);
	u64 a = rdtsc(), r = hypercall(9, (u64)c, 0, amd), b = rdtsc();

	if (r == (u64)-1000 || r == (u64)-95)		/* not implemented; not possible with the host's clock */
		return;
	check_eq(r, 0, "KVM_HC_CLOCK_PAIRING");
	check(c->tsc >= a && c->tsc <= b, "KVM_HC_CLOCK_PAIRING returned TSC 0x%lx, but it was between 0x%lx and 0x%lx",
	      LU(c->tsc), LU(a), LU(b));
	check(c->ns < 1000000000, "KVM_HC_CLOCK_PAIRING returned %lu ns of a second", LU(c->ns));
}

TEST(hypercalls)
{
	bool amd = cpuid(0, 0).c == 0x444d4163;		/* "cAMD" */

	check_eq(hypercall(1, 0, 0, amd), 0, "KVM_HC_VAPIC_POLL_IRQ");
	check_eq(hypercall(999, 0, 0, amd), (u64)-1000, "a hypercall that does not exist (-KVM_ENOSYS)");
	clock_pairing(amd);
	if (kvm_features() >> 13 & 1)
		check_eq(hypercall(11, 0, 0, amd), 0, "KVM_HC_SCHED_YIELD");
	if (amd) {
		user_call(user_vmcall);
		check(last_trap.vector == NO_TRAP, "VMMCALL in ring 3 gave vector %d", (int)last_trap.vector);
		check_eq(shared->out[2], (u64)-1, "a hypercall from ring 3 (-KVM_EPERM)");
	}
	/* KVM must accept the other vendor's instruction, too. */
	step("making a hypercall with the other vendor's instruction");
	check_eq(hypercall(1, 0, 0, !amd), 0, "KVM_HC_VAPIC_POLL_IRQ with the other vendor's instruction");
}

/* Instructions that KVM intercepts. */
TEST(intercepts)
{
	u64 v;
	u32 a, d;

	asm volatile("wbinvd" : : : "memory");
	asm volatile("invd" : : : "memory");
	v = TRY("monitor", "rax");
	(void)v;
	v = TRY_IO("rdpmc", "=a"(a) COMMA "=d"(d), "c"(0x12345));
	check(v == 13, "RDPMC of a counter that does not exist gave vector %d, expected #GP", v == NO_TRAP ? -1 : (int)v);
	if (!(cpuid(0x80000001, 0).c >> 2 & 1)) {
		v = TRY_IO("vmrun", NONE, "a"(0x1000));
		check(v == 6 || v == 13, "VMRUN without SVM gave vector %d", v == NO_TRAP ? -1 : (int)v);
	}
	for (u32 i = 0; i < 200; i++)
		pause();
}

/* Switch to 32-bit code from long mode, and back. */
TEST(compat_mode)
{
	u64 r;

	asm volatile(
		"pushq $0x08; leaq 1f(%%rip), %%rax; pushq %%rax; lretq\n"
		".code32\n"
		"1: movl $0x10, %%eax; movl %%eax, %%ds; movl %%eax, %%ss\n"
		"xorl %%eax, %%eax; decl %%eax; incl %%eax; .byte 0x40\n"	/* 40: INC EAX here, REX in 64-bit */
		"outb %%al, $0xe1\n"
		"pushl $0x18; pushl $2f; lret\n"
		".code64\n"
		"2: movl %%eax, %%eax; movq %%rax, %0"
		: "=r"(r) : : "rax", "memory", "cc");
	check_eq(r, 1, "the result of 32-bit code");
}

/*
 * The host filters reads of 0x174 and writes of 0x175, and answers them; it refuses
 * 0x176. All other accesses must work as without a filter.
 */
TEST(msr_filter)
{
	u64 v;

	wrmsr(0x174, 0x20);
	check_eq(rdmsr(0x174), shared->arg[1], "an MSR whose reads the host answers");
	wrmsr(0x175, 0x5555666677778888ULL);
	check_eq(shared->out[0], 0x5555666677778888ULL, "the value that the host got from a filtered WRMSR");
	check_eq(rdmsr(0x175), shared->arg[2], "an MSR whose filtered write the host dropped");
	check(rdmsr_try(0x176, &v) == 13, "an RDMSR that the host refused raised no #GP");
	check(wrmsr_try(0x176, 1) == 13, "a WRMSR that the host refused raised no #GP");
	wrmsr(0x277, 0x0007010600070106ULL);
	check_eq(rdmsr(0x277), 0x0007010600070106ULL, "an MSR that is not filtered");
	check_eq(shared->out[1], 4, "filtered accesses that came to the host");
	/* One that KVM leaves to the CPU, filtered from now on. */
	wrmsr(0xc0000082, UNIT_LOAD);
	check_eq(rdmsr(0xc0000082), UNIT_LOAD, "LSTAR before it was filtered");
	sync_host(1);
	check_eq(rdmsr(0xc0000082), shared->arg[1], "LSTAR, whose reads the host answers since this guest ran");
}
