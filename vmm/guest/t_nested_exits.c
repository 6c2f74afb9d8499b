// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nested SVM: what makes L2 exit, and what must not; VMCBs that VMRUN rejects; which
 * registers are whose. AMD64 manual vol. 2, 15.5 to 15.15.
 */
#include "svm.h"

/* --- one instruction after another --- */

/* L2: @prepare, the instruction, HLT. */
#define L2(id, prepare, insn) \
	void l2_##id(void); \
	void at_##id(void); \
	asm(".pushsection .text\nl2_" #id ":\n\t" prepare "\nat_" #id ":\n\t" insn "\n\thlt\n.popsection");

static struct { u16 limit; u64 base; } __attribute__((packed)) l2_desc __attribute__((used));

L2(cr0_sel, "mov %cr0, %rax; btc $18, %rax", "mov %rax, %cr0")
L2(sidt, "", "sidt l2_desc(%rip)")
L2(sgdt, "", "sgdt l2_desc(%rip)")
L2(sldt, "", "sldt %eax")
L2(str, "", "str %eax")
L2(lidt, "sidt l2_desc(%rip)", "lidt l2_desc(%rip)")
L2(lgdt, "sgdt l2_desc(%rip)", "lgdt l2_desc(%rip)")
L2(lldt, "xor %eax, %eax", "lldt %ax")
L2(rdtsc, "", "rdtsc")
L2(pushf, "", "pushf")
L2(popf, "pushf", "popf")
L2(iret, "mov %rsp, %rax; mov %ss, %ecx; push %rcx; push %rax; pushf; mov %cs, %ecx; push %rcx; lea 1f(%rip), %rax; push %rax",
   "iretq\n1:")
L2(int, "", "int $0x56")
L2(invd, "", "invd")
L2(pause, "", "pause")
L2(invlpg, "", "invlpg (%rsp)")
L2(invlpga, "xor %eax, %eax; xor %ecx, %ecx", "invlpga %rax, %ecx")
L2(vmrun, "lea l2_stack(%rip), %rax", "vmrun")
L2(vmload, "lea l2_stack(%rip), %rax", "vmload")
L2(vmsave, "lea l2_stack(%rip), %rax", "vmsave")
L2(stgi, "", "stgi")
L2(clgi, "", "clgi")
L2(rdtscp, "", "rdtscp")
L2(wbinvd, "", "wbinvd")
L2(read_cr0, "", "mov %cr0, %rax")
L2(read_cr2, "", "mov %cr2, %rax")
L2(read_cr3, "", "mov %cr3, %rax")
L2(read_cr4, "", "mov %cr4, %rax")
L2(read_cr8, "", "mov %cr8, %rax")
L2(write_cr0, "mov %cr0, %rax", "mov %rax, %cr0")
L2(write_cr2, "xor %eax, %eax", "mov %rax, %cr2")
L2(write_cr3, "mov %cr3, %rax", "mov %rax, %cr3")
L2(write_cr4, "mov %cr4, %rax", "mov %rax, %cr4")
L2(write_cr8, "xor %eax, %eax", "mov %rax, %cr8")
L2(read_dr0, "", "mov %dr0, %rax")
L2(read_dr7, "", "mov %dr7, %rax")
L2(write_dr0, "xor %eax, %eax", "mov %rax, %dr0")
L2(write_dr6, "mov $0xffff0ff0, %eax", "mov %rax, %dr6")
L2(write_dr7, "mov $0x400, %eax", "mov %rax, %dr7")
L2(divides, "xor %ecx, %ecx", "div %ecx")
L2(protected, "mov $1, %eax; shl $62, %rax", "mov (%rax), %eax")
L2(faults, "mov $1, %eax; shl $40, %rax", "mov %eax, (%rax)")

/* @bit of the VMCB's word at @at intercepts it; @both: L2 may execute it without the intercept. */
struct row {
	const char *name;
	void (*fn)(void), (*insn)(void);
	u32 at, bit;
	u64 exit;
	bool both;
};
#define ROW(id, at, bit, exit, both) { #id, l2_##id, at_##id, at, 1u << (bit), exit, both }
#define ONE(id, bit, both) ROW(id, C_MISC1, bit, 0x60 + (bit), both)
#define TWO(id, bit, both) ROW(id, C_MISC2, bit, 0x80 + (bit), both)
#define CR_READ(n) ROW(read_cr##n, C_CR, n, EXIT_CR_READ + n, true)
#define CR_WRITE(n) ROW(write_cr##n, C_CR, 16 + n, EXIT_CR_WRITE + n, true)
#define DR_READ(n) ROW(read_dr##n, C_DR, n, EXIT_DR_READ + n, true)
#define DR_WRITE(n) ROW(write_dr##n, C_DR, 16 + n, EXIT_DR_WRITE + n, true)

static const struct row rows[] = {
	ONE(cr0_sel, 5, true), ONE(sidt, 6, true), ONE(sgdt, 7, true), ONE(sldt, 8, true), ONE(str, 9, true),
	ONE(lidt, 10, true), ONE(lgdt, 11, true), ONE(lldt, 12, true), ONE(rdtsc, 14, true), ONE(pushf, 16, true),
	ONE(popf, 17, true), ONE(iret, 20, true), ONE(int, 21, true), ONE(invd, 22, true), ONE(pause, 23, true),
	ONE(invlpg, 25, true), ONE(invlpga, 26, true),
	TWO(vmrun, 0, false), TWO(vmload, 2, false), TWO(vmsave, 3, true), TWO(stgi, 4, true), TWO(clgi, 5, false),
	TWO(rdtscp, 7, true), TWO(wbinvd, 9, true),
	CR_READ(0), CR_READ(2), CR_READ(3), CR_READ(4), CR_READ(8),
	CR_WRITE(0), CR_WRITE(2), CR_WRITE(3), CR_WRITE(4), CR_WRITE(8),
	DR_READ(0), DR_READ(7), DR_WRITE(0), DR_WRITE(6), DR_WRITE(7),
	ROW(divides, C_EXCEPTIONS, 0, EXIT_EXCP + 0, false), ROW(protected, C_EXCEPTIONS, 13, EXIT_EXCP + 13, false),
	ROW(faults, C_EXCEPTIONS, 14, EXIT_EXCP + 14, false),
};

static void on_soft(struct regs *r) { (void)r; }

static void l2_intercepted(const struct row *r)
{
	step(r->name);
	fill_vmcb();
	*v32(r->at) |= r->bit;
	svm_at(r->fn);
}

static void l2_exits(const struct row *r)
{
	l2_intercepted(r);
	svm_until(r->exit, r->name);
	check(*v64(S_RIP) == (u64)r->insn, "exit of L2's %s: RIP is 0x%lx, expected 0x%lx", r->name, LU(*v64(S_RIP)), LU(r->insn));
	if (r->exit == EXIT_EXCP + 13)
		check_eq(*v64(C_INFO1), 0, "error code of L2's #GP");
	if (r->exit == EXIT_EXCP + 14) {
		check_eq(*v64(C_INFO1), 2, "error code of L2's #PF");
		check_eq(*v64(C_INFO2), 1ULL << 40, "address of L2's #PF");
	}
	if (!r->both)
		return;
	fill_vmcb();
	svm_at(r->fn);
	svm_until(EXIT_HLT, r->name);
}

/* QEMU 10's TCG intercepts none of these reads; QEMU 7.2's does. */
static bool other_cr(const struct row *r)
{
	return r->at == C_CR && r->bit > 1 && r->bit < 1u << 16;
}

static bool cr_reads_exit(void)
{
	bool any = !shared->tcg;
	u32 i;

	for (i = 0; i < array_size(rows) && !any; i++) {
		if (!other_cr(&rows[i]))
			continue;
		l2_intercepted(&rows[i]);
		any = svm_exit() == rows[i].exit;
	}
	if (!any)
		left_out("this QEMU does not intercept reads of CR2, CR3, CR4 and CR8");
	return any;
}

TEST(nested_exits)
{
	bool cr_reads;
	u32 i;

	need_svm();
	svm_on();
	irq_handler(0x56, on_soft);
	cr_reads = cr_reads_exit();
	for (i = 0; i < array_size(rows); i++) {
		/* QEMU's TCG takes INVD for WBINVD here, and RDTSCP for RDTSC. */
		if (shared->tcg && (rows[i].exit == 0x76 || rows[i].exit == 0x87))
			continue;
		if (!cr_reads && other_cr(&rows[i]))
			continue;
		/* Before 5.18 KVM's own filter hid a single PAUSE. */
		if (rows[i].exit == 0x77 && !shared->arg[1])
			continue;
		if (rows[i].exit == 0x87 && !(cpuid(0x80000001, 0).d >> 27 & 1))
			continue;
		l2_exits(&rows[i]);
	}
}

/* --- the permission maps of MSRs and ports --- */

static u32 l2_index __attribute__((used));
L2(rdmsr, "movl l2_index(%rip), %ecx", "rdmsr")
L2(wrmsr, "movl l2_index(%rip), %ecx; xor %eax, %eax; xor %edx, %edx", "wrmsr")

/* L2 accesses @msr; @bits of it in the map: 1 intercepts reads, 2 writes. */
static void l2_msr(u32 msr, u32 place, u32 bits, bool write, bool exits)
{
	u8 *map = scratch(4);

	memset(map, 0, 2 * 4096);
	map[place / 4] |= (u8)(bits << place % 4 * 2);
	fill_vmcb();
	*v32(C_MISC1) |= 1u << 28;
	*v64(C_MSRPM) = (u64)map;
	l2_index = msr;
	svm_at(write ? l2_wrmsr : l2_rdmsr);
	step(write ? "a write of an MSR" : "a read of an MSR");
	svm_until(exits ? EXIT_MSR : EXIT_HLT, write ? "WRMSR" : "RDMSR");
	if (exits)
		check_eq(*v64(C_INFO1), write, "EXITINFO1 of an MSR access");
}

static void msr_map(void)
{
	/* Each range of MSRs has 2 KiB: 8,192 MSRs. */
	static const struct { u32 msr, place; } list[] = { { 0x174, 0x174 }, { 0xc0000082, 0x2082 }, { 0xc0000102, 0x2102 } };
	u32 i;

	for (i = 0; i < array_size(list); i++) {
		u32 msr = list[i].msr, place = list[i].place;

		l2_msr(msr, place, 1, false, true);
		l2_msr(msr, place, 1, true, false);
		l2_msr(msr, place, 2, true, true);
		l2_msr(msr, place, 2, false, false);
		l2_msr(msr, place + 1, 3, false, false);
		l2_msr(msr, place - 1, 3, true, false);
	}
	l2_msr(0xc0010117, 0x4117, 1, false, true);
	l2_msr(0x4b564d01, 0, 0, false, true);		/* an MSR that the map does not have */
}

L2(inb, "", "inb $0xe9, %al")
L2(outb, "", "outb %al, $0xe9")
L2(outw, "mov $0xe9, %edx", "outw %ax, %dx")
L2(inl, "mov $0xe9, %edx", "inl %dx, %eax")
L2(outw_across, "mov $0xe8, %edx", "outw %ax, %dx")
L2(outl_across, "mov $0xe6, %edx", "outl %eax, %dx")
L2(rep_outs, "mov $0xe9, %edx; mov $3, %ecx; lea l2_stack(%rip), %rsi", "rep outsb")
L2(insw, "mov $0xe9, %edx; lea l2_stack(%rip), %rdi", "insw")
L2(out_other, "", "outb %al, $0xe3")			/* UNIT_PORT_L2 */

static void port_map(void)
{
	/* EXITINFO1: the port; bit 0 IN, 2 string, 3 REP, 4 to 6 the size */
	static const struct { const char *name; void (*fn)(void); u64 info; } list[] = {
		{ "IN of 1 byte", l2_inb, 0xe90011 }, { "OUT of 1 byte", l2_outb, 0xe90010 },
		{ "OUT of 2 bytes", l2_outw, 0xe90020 }, { "IN of 4 bytes", l2_inl, 0xe90041 },
		{ "OUT of 2 bytes, the second intercepted", l2_outw_across, 0xe80020 },
		{ "OUT of 4 bytes, the last intercepted", l2_outl_across, 0xe60040 },
		{ "REP OUTSB", l2_rep_outs, 0xe9001c }, { "INSW", l2_insw, 0xe90025 },
	};
	u8 *map = scratch(4);
	u32 i;

	memset(map, 0, 3 * 4096);
	map[0xe9 / 8] = 1 << (0xe9 % 8);
	for (i = 0; i < array_size(list); i++) {
		step(list[i].name);
		fill_vmcb();
		*v32(C_MISC1) |= 1u << 27;
		*v64(C_IOPM) = (u64)map;
		svm_at(list[i].fn);
		svm_until(EXIT_IOIO, list[i].name);
		check_eq(*v64(C_INFO1) & 0xffff007d, list[i].info, list[i].name);
	}
	fill_vmcb();
	*v32(C_MISC1) |= 1u << 27;
	*v64(C_IOPM) = (u64)map;
	svm_at(l2_out_other);
	svm_until(EXIT_HLT, "OUT to a port that the map leaves alone");
}

/* L2: OUT of 1, 2 or 4 bytes to l2_port. */
static u32 l2_port __attribute__((used));
L2(outb_at, "movl l2_port(%rip), %edx", "outb %al, %dx")
L2(outw_at, "movl l2_port(%rip), %edx", "outw %ax, %dx")
L2(outl_at, "movl l2_port(%rip), %edx", "outl %eax, %dx")

/* One port is intercepted: exactly the accesses that touch it must exit, also where the map's byte ends. */
static void port_edges(void)
{
	static void (*const fn[])(void) = { l2_outb_at, l2_outw_at, l2_outl_at };
	u8 *map = scratch(4);
	u32 bit, i, size;

	for (bit = UNIT_PORT_IO + 7; bit <= UNIT_PORT_IO + 8; bit++) {
		memset(map, 0, 3 * 4096);
		map[bit / 8] = (u8)(1 << bit % 8);
		for (l2_port = UNIT_PORT_IO + 4; l2_port <= UNIT_PORT_IO + 9; l2_port++)
			for (i = 0; i < 3; i++) {
				size = 1u << i;
				fill_vmcb();
				*v32(C_MISC1) |= 1u << 27;
				*v64(C_IOPM) = (u64)map;
				svm_at(fn[i]);
				check(svm_exit() == (l2_port <= bit && bit < l2_port + size ? EXIT_IOIO : EXIT_HLT),
				      "OUT of %u bytes to port 0x%x, port 0x%x is intercepted: exit 0x%lx", size, l2_port, bit, LU(*v64(C_EXIT)));
			}
	}
}

TEST(nested_maps)
{
	need_svm();
	svm_on();
	msr_map();
	port_map();
	port_edges();
}

/* --- VMCBs that VMRUN rejects: 15.5.1 --- */

TEST(nested_invalid)
{
	static const struct { const char *what; u32 at; u64 clear, set; } list[] = {
		{ "ASID 0", C_ASID, 0xffffffff, 0 }, { "VMRUN not intercepted", C_MISC2, 1, 0 },
		{ "EFER.SVME clear", S_EFER, 0x1000, 0 }, { "a reserved bit of EFER", S_EFER, 0, 1ULL << 40 },
		{ "CR0.NW without CR0.CD", S_CR0, 1 << 30, 1 << 29 }, { "a high bit of CR0", S_CR0, 0, 1ULL << 32 },
		{ "paging without protection", S_CR0, 1, 0 }, { "long mode without CR4.PAE", S_CR4, 1 << 5, 0 },
		{ "a reserved bit of CR4", S_CR4, 0, 1ULL << 40 }, { "a high bit of DR6", S_DR6, 0, 1ULL << 40 },
		{ "a high bit of DR7", S_DR7, 0, 1ULL << 40 }, { "a CR3 beyond physical memory", S_CR3, 0, 1ULL << 55 },
		{ "an MSR map beyond physical memory", C_MSRPM, 0, 1ULL << 55 },
		{ "a port map beyond physical memory", C_IOPM, 0, 1ULL << 55 },
	};
	u32 i;

	need_svm();
	if (shared->old_kvm)
		skip("KVM before Linux 5.14 does not check all of a guest's VMCB");
	svm_on();
	for (i = 0; i < array_size(list); i++) {
		step(list[i].what);
		fill_vmcb();
		*v64(list[i].at) = (*v64(list[i].at) & ~list[i].clear) | list[i].set;
		vmrun();
		/* 64 bits, according to the manual; many KVM versions leave the upper half 0. */
		check(*v32(C_EXIT) == (u32)-1, "VMRUN of a VMCB with %s: exit 0x%lx, expected VMEXIT_INVALID", list[i].what,
		      LU(*v64(C_EXIT)));
	}
	fill_vmcb();
	svm_until(EXIT_HLT, "HLT, after many invalid VMCBs");
}

/* --- whose registers? --- */

L2(changes, "mov %cr4, %rax; xor $0x400, %eax; mov %rax, %cr4; mov %cr0, %rax; btc $18, %rax; mov %rax, %cr0\n\t"
   "mov $0xc0000080, %ecx; rdmsr; xor $1, %eax; wrmsr; mov $0x402, %eax; mov %rax, %dr7\n\t"
   "push $0x201402; popf; push %rax; mov $0x77, %eax", "nop")

L2(shadow, "sti", "cpuid")
L2(no_shadow, "sti; nop", "cpuid")

/* The exit's VMCB says whether L2 was in the shadow of STI. TCG may lose a shadow. */
static void shadows(void)
{
	u32 i, seen = 0;

	for (i = 0; i < 10; i++) {
		fill_vmcb();
		*v32(C_MISC1) &= ~1u;
		svm_at(l2_shadow);
		svm_until(EXIT_CPUID, "CPUID after STI");
		seen += *v64(C_SHADOW) & 1;
		fill_vmcb();
		*v32(C_MISC1) &= ~1u;
		svm_at(l2_no_shadow);
		svm_until(EXIT_CPUID, "CPUID");
		check(!(*v64(C_SHADOW) & 1), "the VMCB says that L2 was in an interrupt shadow, but it was not");
	}
	check(seen >= (shared->tcg ? 1 : 10), "L2 exited 10 times right after STI, but its VMCB says so %u times", seen);
}

static struct { u16 limit; u64 base; } __attribute__((packed)) l2_gdt __attribute__((used)), l2_idt __attribute__((used));
static u64 l2_es __attribute__((used));
L2(looks, "sgdt l2_gdt(%rip); sidt l2_idt(%rip); mov %es, %eax; mov %rax, l2_es(%rip)", "nop")

#define CLEAN(bit) (~(1u << (bit)) & 0x7ff)

/* The clean bits say what is unchanged since the last exit; what they leave out counts: 15.15. */
static void clean_bits(void)
{
	fill_vmcb();
	svm_at(l2_looks);
	svm_until(EXIT_HLT, "HLT");
	check_eq(l2_es, 0x10, "ES of L2");
	*v32(S_GDTR + 4) = 0x7f;
	*v64(S_IDTR + 8) = 0x123000;
	*v32(C_CLEAN) = CLEAN(7);
	svm_at(l2_looks);
	svm_until(EXIT_HLT, "HLT with another GDT and IDT");
	check(l2_gdt.limit == 0x7f && l2_idt.base == 0x123000, "GDT limit 0x%x and IDT 0x%lx of L2 after a change that the clean bits leave out, expected 0x7f and 0x123000",
	      l2_gdt.limit, LU(l2_idt.base));
	fill_vmcb();
	svm_at(l2_looks);
	svm_until(EXIT_HLT, "HLT");
	*(volatile u16 *)(vmcb + S_ES) = 0;
	*v32(C_CLEAN) = CLEAN(8);
	svm_at(l2_looks);
	svm_until(EXIT_HLT, "HLT with another ES");
	check_eq(l2_es, 0, "ES of L2 after a change that the clean bits leave out");
	*v64(S_DR6) = 0xffff4ff0;
	*v32(C_CLEAN) = CLEAN(6);
	svm_at(l2_looks);
	svm_until(EXIT_HLT, "HLT with another DR6");
	check_eq(*v64(S_DR6), 0xffff4ff0, "DR6 of L2 after its exit");
	*v32(C_CLEAN) = 0;
}

TEST(nested_state)
{
	u64 cr0 = read_cr0(), cr4 = read_cr4(), efer, flags, dr7, rsp[2];

	need_svm();
	svm_on();
	efer = rdmsr(EFER);
	fill_vmcb();
	svm_at(l2_changes);
	/* A breakpoint of ours that nothing hits: an exit turns it off. APM vol. 2, "#VMEXIT". */
	asm volatile("mov %0, %%dr0; mov %1, %%dr7" : : "r"(1ULL), "r"(0x402ULL));
	asm volatile("mov %%rsp, %0" : "=r"(rsp[0]));
	svm_until(EXIT_HLT, "HLT");
	asm volatile("mov %%rsp, %0" : "=r"(rsp[1]));
	asm volatile("pushf; pop %0; mov %%dr7, %1" : "=r"(flags), "=r"(dr7));
	check_eq(*v64(S_CR0), cr0 ^ 1 << 18, "CR0 of L2 after it changed it");
	check_eq(*v64(S_CR4), cr4 ^ 0x400, "CR4 of L2 after it changed it");
	check_eq(*v64(S_EFER), efer ^ 1, "EFER of L2 after it changed it");
	check_eq(*v64(S_DR7), 0x402, "DR7 of L2 after it changed it");
	check_eq(*v64(S_RFLAGS) & 0x201400, 0x201400, "RFLAGS of L2: ID, IOPL, DF");
	check_eq(*v64(S_RAX), 0x77, "RAX of L2");
	check_eq(*v64(S_RSP), (u64)l2_stack + sizeof(l2_stack) - 16, "RSP of L2");
	check_eq(*(volatile u16 *)(vmcb + S_CS), 0x18, "CS of L2");
	check_eq(read_cr0(), cr0, "our CR0 after L2 changed its own");
	check_eq(read_cr4(), cr4, "our CR4 after L2 changed its own");
	check_eq(rdmsr(EFER), efer, "our EFER after L2 changed its own");
	check_eq(dr7, 0x400, "our DR7 after an exit of L2");
	check_eq(flags & 0x200400, 0, "our RFLAGS after L2 changed its own: ID, DF");
	check_eq(rsp[1], rsp[0], "our RSP after an exit of L2");
	shadows();
	clean_bits();
}
