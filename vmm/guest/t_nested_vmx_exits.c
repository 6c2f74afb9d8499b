// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nested VMX: what makes L2 exit, and what must not; VMCSs that VMLAUNCH rejects;
 * whose registers are whose. SDM vol. 3, "VMX non-root operation", "VM entries", "VM exits".
 */
#include "vmx.h"

/* L2: @prepare, the instruction, HLT. */
#define L2(id, prepare, insn) \
	void vl2_##id(void); \
	void vat_##id(void); \
	asm(".pushsection .text\nvl2_" #id ":\n\t" prepare "\nvat_" #id ":\n\t" insn "\n\thlt\n.popsection");

static struct { u16 limit; u64 base; } __attribute__((packed)) vl2_desc __attribute__((used));
static u64 vl2_region __attribute__((used));

L2(invlpg, "", "invlpg (%rsp)")
L2(rdpmc, "xor %ecx, %ecx", "rdpmc")
L2(rdtsc, "", "rdtsc")
L2(to_cr3, "mov %cr3, %rax", "mov %rax, %cr3")
L2(from_cr3, "", "mov %cr3, %rax")
L2(to_cr8, "xor %eax, %eax", "mov %rax, %cr8")
L2(from_cr8, "", "mov %cr8, %rdx")
L2(to_dr0, "xor %eax, %eax", "mov %rax, %dr0")
L2(from_dr7, "", "mov %dr7, %rbx")
L2(pause, "", "pause")
L2(sgdt, "", "sgdt l2_stack(%rip)")
L2(lidt, "", "lidt vl2_desc(%rip)")
L2(str, "", "str %eax")
L2(wbinvd, "", "wbinvd")
L2(invd, "", "invd")
L2(vmclear, "", "vmclear vl2_region(%rip)")
L2(vmread, "mov $0x4402, %eax", "vmread %rax, %rdx")
L2(vmresume, "", "vmresume")
L2(vmxoff, "", "vmxoff")
L2(rdrand, "", "rdrand %eax")
L2(rdseed, "", "rdseed %eax")

/* @bit of PROC (or, from 32 on, of PROC2) makes it exit for @reason; -1: always. */
static const struct row {
	const char *name;
	void (*fn)(void), (*insn)(void);
	int bit;
	u32 reason;
	u64 qualification;		/* ANY: not compared */
	bool both;			/* L2 may execute it without the control */
} rows[] = {
#define ANY	~0ULL
#define ROW(id, bit, reason, q, both) { #id, vl2_##id, vat_##id, bit, reason, q, both }
	ROW(invlpg, 9, 14, ANY, true), ROW(rdpmc, 11, 15, 0, false), ROW(rdtsc, 12, 16, 0, true),
	/* Bits 3:0 the register, 5:4 from (1) or to (0), 11:8 the general register */
	ROW(to_cr3, 15, EXIT_CR, 0x3, true), ROW(from_cr3, 16, EXIT_CR, 0x13, true),
	ROW(to_cr8, 19, EXIT_CR, 0x8, true), ROW(from_cr8, 20, EXIT_CR, 0x218, true),
	/* Bits 2:0 the register, 4 from (1) or to (0), 11:8 the general register */
	ROW(to_dr0, 23, EXIT_DR, 0, true), ROW(from_dr7, 23, EXIT_DR, 0x317, true),
	ROW(pause, 30, 40, 0, true),
	ROW(sgdt, 32 + 2, 46, ANY, true), ROW(lidt, 32 + 2, 46, ANY, true), ROW(str, 32 + 2, 47, ANY, true),
	ROW(wbinvd, 32 + 6, 54, 0, true), ROW(rdrand, 32 + 11, 57, ANY, false), ROW(rdseed, 32 + 16, 61, ANY, false),
	ROW(invd, -1, 13, 0, false), ROW(vmclear, -1, 19, ANY, false), ROW(vmread, -1, 23, ANY, false),
	ROW(vmresume, -1, 24, 0, false), ROW(vmxoff, -1, 26, 0, false),
};

static bool turn_on(int bit)
{
	u64 proc = 1 << 3 | 1 << 7, two = 0;

	if (bit >= 32) {
		proc |= 1u << 31;
		two = 1ULL << (bit - 32);
	} else if (bit >= 0) {
		proc |= 1ULL << bit;
	}
	if ((control(0x482, proc) & proc) != proc || (two && !(control(0x48b, two) & two)))
		return false;
	/* The bits of CR3 and CR8 may be fixed to 1 in the plain MSR; the "true" one has them free. */
	vmwrite(PROC, control(rdmsr(VMX_BASIC) >> 55 & 1 ? 0x48e : 0x482, proc));
	if (two)
		vmwrite(PROC2, control(0x48b, two));
	return true;
}

static void vl2_exits(const struct row *r)
{
	step(r->name);
	fill_vmcs((u64)r->fn);
	if (!turn_on(r->bit))
		return;
	vmx_until(r->reason, r->name);
	check(vmread(G_RIP) == (u64)r->insn, "exit of L2's %s: RIP is 0x%lx, expected 0x%lx", r->name, LU(vmread(G_RIP)), LU(r->insn));
	check(r->qualification == ANY || vmread(QUALIFICATION) == r->qualification, "exit of L2's %s: qualification 0x%lx, expected 0x%lx",
	      r->name, LU(vmread(QUALIFICATION)), LU(r->qualification));
	if (r->fn == vl2_invlpg)
		check_eq(vmread(QUALIFICATION), (u64)l2_stack + sizeof(l2_stack) - 8, "qualification of L2's INVLPG: the address");
	vmx_skip();
	if (r->both) {
		vmx_until(EXIT_HLT, r->name);
		fill_vmcs((u64)r->fn);
		turn_on(-1);
		vmx_until(EXIT_HLT, r->name);
	}
}

/* L2's accesses to CR0 and CR4: bits of the mask are ours. */
L2(read_cr0, "", "mov %cr0, %rax")
L2(am_on, "mov %cr0, %rax; bts $18, %rax", "mov %rax, %cr0")
L2(am_off, "mov %cr0, %rax; btr $18, %rax", "mov %rax, %cr0")
L2(clts, "", "clts")
L2(read_cr4, "", "mov %cr4, %rax")
L2(lmsw, "xor %eax, %eax", "lmsw %ax")
L2(lmsw_mp, "mov $3, %eax", "lmsw %ax")
L2(pce_on, "mov %cr4, %rax; bts $8, %rax", "mov %rax, %cr4")

static void cr_until(void (*fn)(void), u32 reason, const char *what)
{
	step(what);
	vmx_at(fn);
	vmx_until(reason, what);
}

static void cr_masks(void)
{
	const u64 am = 1 << 18, pce = 1 << 8, ts = 8;

	fill_vmcs(0);
	turn_on(-1);
	vmwrite(CR0_MASK, am);
	vmwrite(CR0_SHADOW, am);
	vmwrite(CR4_MASK, pce);
	vmwrite(CR4_SHADOW, pce);
	cr_until(vl2_read_cr0, EXIT_HLT, "a read of CR0");
	check_eq(l2_rax & am, am, "CR0's bit that is ours, read by L2");
	cr_until(vl2_am_on, EXIT_HLT, "a write of CR0 that leaves our bits as L2 sees them");
	check_eq(vmread(G_CR0) & am, 0, "our bit of CR0, after L2 wrote it unchanged");
	cr_until(vl2_am_off, EXIT_CR, "a write of CR0 that changes a bit of ours");
	check_eq(vmread(QUALIFICATION), 0, "qualification of a write of CR0 from RAX");
	vmwrite(CR0_MASK, am | ts);
	vmwrite(CR0_SHADOW, am | ts);
	cr_until(vl2_clts, EXIT_CR, "CLTS of a bit of ours");
	check_eq(vmread(QUALIFICATION), 0x20, "qualification of CLTS");
	/* LMSW cannot clear PE, so it may change MP, which is L2's. */
	vmwrite(CR0_MASK, 1);
	vmwrite(CR0_SHADOW, 1);
	cr_until(vl2_lmsw, EXIT_HLT, "LMSW that changes only bits of L2's");
	check_eq(vmread(G_CR0) & 3, 1, "CR0.PE and MP after LMSW of 0");
	cr_until(vl2_lmsw_mp, EXIT_HLT, "LMSW of PE, which is set, and MP");
	check_eq(vmread(G_CR0) & 3, 3, "CR0.PE and MP after LMSW of both");
	cr_until(vl2_read_cr4, EXIT_HLT, "a read of CR4");
	check_eq(l2_rax & pce, pce, "CR4's bit that is ours, read by L2");
	vmwrite(CR4_SHADOW, 0);
	cr_until(vl2_pce_on, EXIT_CR, "a write of CR4 that changes a bit of ours");
	check_eq(vmread(QUALIFICATION), 4, "qualification of a write of CR4 from RAX");
	vmwrite(CR4_MASK, 0);
	cr_until(vl2_pce_on, EXIT_HLT, "a write of CR4 that is L2's");
	check_eq(vmread(G_CR4) & pce, pce, "CR4 of L2 after it changed it");
	check_eq(read_cr4() & pce, 0, "our CR4 after L2 changed its own");
}

TEST(nested_vmx_exits)
{
	u32 i;

	need_vmx();
	vmx_on();
	asm volatile("sidt vl2_desc" : : : "memory");	/* for L2's LIDT */
	for (i = 0; i < array_size(rows); i++)
		vl2_exits(&rows[i]);
	cr_masks();
}

/* --- the MSR bitmap, the lists of MSRs, the port bitmap --- */

static u32 vl2_index __attribute__((used));
L2(rdmsr, "movl vl2_index(%rip), %ecx", "rdmsr")
L2(wrmsr, "movl vl2_index(%rip), %ecx; xor %eax, %eax; xor %edx, %edx", "wrmsr")

/* 1 KiB each: reads and writes of the MSRs from 0 on and from 0xc0000000 on, in this order: r0, rc, w0, wc. */
static void vl2_msr(u32 msr, u32 bit, bool exits, bool write)
{
	u8 *map = scratch(4);

	memset(map, 0, 4096);
	map[bit / 8] = (u8)(1 << bit % 8);
	fill_vmcs((u64)(write ? vl2_wrmsr : vl2_rdmsr));
	turn_on(28);
	vmwrite(MSR_BITMAP, (u64)map);
	vl2_index = msr;
	step(write ? "a write of an MSR" : "a read of an MSR");
	vmx_until(!exits ? EXIT_HLT : write ? EXIT_WRMSR : EXIT_RDMSR, write ? "WRMSR" : "RDMSR");
}

static void msr_bitmap(void)
{
	static const struct { u32 msr, read, write; } list[] = {
		{ 0x174, 0x174, 0x4174 }, { 0xc0000082, 0x2082, 0x6082 },
	};
	u32 i;

	for (i = 0; i < array_size(list); i++) {
		u32 msr = list[i].msr;

		vl2_msr(msr, list[i].read, true, false);
		vl2_msr(msr, list[i].read, false, true);
		vl2_msr(msr, list[i].write, true, true);
		vl2_msr(msr, list[i].write, false, false);
		vl2_msr(msr, list[i].read + 1, false, false);
	}
	vl2_msr(0x4b564d01, 0, true, false);			/* beyond the bitmap */
}

/* Lists of MSRs that an entry loads, and that an exit stores and loads. */
static void msr_lists(void)
{
	struct { u32 msr, pad; u64 v; } *enter = scratch(6), *store = scratch(7), *leave = scratch(8);

	fill_vmcs((u64)vl2_rdmsr);
	turn_on(28);
	memset(scratch(4), 0, 4096);
	vmwrite(MSR_BITMAP, (u64)scratch(4));
	enter->msr = store->msr = leave->msr = vl2_index = 0xc0000082;
	enter->pad = store->pad = leave->pad = 0;
	enter->v = 0x11223344;
	leave->v = 0x55667788;
	vmwrite(ENTRY_LOAD, (u64)enter);
	vmwrite(EXIT_STORE, (u64)store);
	vmwrite(EXIT_LOAD, (u64)leave);
	vmwrite(ENTRY_LOADS, 1);
	vmwrite(EXIT_STORES, 1);
	vmwrite(EXIT_LOADS, 1);
	vmx_until(EXIT_HLT, "HLT after an entry that loads an MSR");
	check_eq(l2_rax, 0x11223344, "the MSR that the entry loaded, read by L2");
	check_eq(store->v, 0x11223344, "the MSR that the exit stored");
	check_eq(rdmsr(0xc0000082), 0x55667788, "the MSR that the exit loaded");
	/* An entry cannot load this one: SDM, "Loading MSRs". */
	enter->msr = 0xc0000100;
	vmwrite(G_RIP, (u64)vl2_rdmsr);
	vmx_until(EXIT_BAD_STATE + 1 + (1u << 31), "the failure of an entry that loads FS.base by its list");
	check_eq(vmread(QUALIFICATION), 1, "which entry of the list made the VM entry fail");
}

L2(sysenter, "mov $0x174, %ecx; mov $0x18, %eax; xor %edx, %edx; wrmsr; mov $0x175, %ecx; mov $0x1234, %eax; wrmsr; mov $0x176, %ecx", "wrmsr")

/* What L2 writes to the MSRs that the VMCS has as fields is in the VMCS at its exit. */
static void msr_fields(void)
{
	memset(scratch(4), 0, 4096);
	fill_vmcs((u64)vl2_sysenter);
	turn_on(28);
	vmwrite(MSR_BITMAP, (u64)scratch(4));
	vmwrite(G_SYSENTER_CS, 8);
	vmx_until(EXIT_HLT, "HLT after WRMSR of SYSENTER's MSRs");
	check_eq(vmread(G_SYSENTER_CS), 0x18, "SYSENTER_CS of L2 after it wrote it");
	check_eq(vmread(G_SYSENTER_ESP), 0x1234, "SYSENTER_ESP of L2 after it wrote it");
	check_eq(vmread(G_SYSENTER_EIP), 0x1234, "SYSENTER_EIP of L2 after it wrote it");
}

L2(inb, "", "inb $0xe9, %al")
L2(outw_across, "mov $0xe8, %edx", "outw %ax, %dx")
L2(rep_outs, "mov $0xe9, %edx; mov $3, %ecx; lea l2_stack(%rip), %rsi", "rep outsb")
L2(insw, "mov $0xe9, %edx; lea l2_stack(%rip), %rdi", "insw")
L2(high, "mov $0x8009, %edx", "outb %al, %dx")
L2(beyond, "mov $0xfffe, %edx", "inl %dx, %eax")

static void port_bitmap(void)
{
	/* Qualification: size - 1, 8 IN, 0x10 string, 0x20 REP, 0x40 immediate, port << 16 */
	static const struct { const char *name; void (*fn)(void); u64 q; } list[] = {
		{ "IN of 1 byte", vl2_inb, 0xe90048 }, { "OUT of 2 bytes, the second intercepted", vl2_outw_across, 0xe80001 },
		{ "REP OUTSB", vl2_rep_outs, 0xe90030 }, { "INSW", vl2_insw, 0xe90019 },
		{ "OUT to a port of bitmap B", vl2_high, 0x80090000 },
		{ "IN of 4 bytes that goes beyond the last port", vl2_beyond, 0xfffe000b },
	};
	u32 i;

	memset(scratch(4), 0, 2 * 4096);
	((u8 *)scratch(4))[0xe9 / 8] = 1 << (0xe9 % 8);
	((u8 *)scratch(5))[1] = 1 << 1;
	for (i = 0; i < array_size(list); i++) {
		step(list[i].name);
		fill_vmcs((u64)list[i].fn);
		turn_on(25);
		vmwrite(IO_BITMAP_A, (u64)scratch(4));
		vmwrite(IO_BITMAP_B, (u64)scratch(5));
		vmx_until(EXIT_IO, list[i].name);
		check_eq(vmread(QUALIFICATION), list[i].q, list[i].name);
	}
}

TEST(nested_vmx_maps)
{
	need_vmx();
	vmx_on();
	msr_bitmap();
	msr_lists();
	msr_fields();
	port_bitmap();
}

/* --- what VMLAUNCH and VMWRITE reject: SDM, "Checks on VMX controls", "Checks on guest state" --- */

TEST(nested_vmx_invalid)
{
	/* error: VMfailValid; 0: an exit for an invalid guest state */
	static const struct { const char *what; u32 field, error; u64 clear, set; } list[] = {
		{ "an unsupported control", PIN, E_CONTROLS, 0, 1 << 30 },
		{ "an odd address of the MSR list", ENTRY_LOAD, E_CONTROLS, 0, 1 },
		{ "an injection of a reserved type", ENTRY_INFO, E_CONTROLS, 0, 1u << 31 | 1 << 8 | 0x55 },
		{ "a host CS of 0", H_CS, E_HOST, ~0ULL, 0 }, { "a host TR of 0", H_TR, E_HOST, ~0ULL, 0 },
		{ "a host CR4 without PAE", H_CR4, E_HOST, 1 << 5, 0 }, { "a host CR3 beyond physical memory", H_CR3, E_HOST, 0, 1ULL << 55 },
		{ "RFLAGS without its bit 1", G_RFLAGS, 0, 2, 0 }, { "CR0.PG without PE", G_CR0, 0, 1, 0 },
		{ "an unusable TR", G_ES_RIGHTS + 14, 0, 0, 0x10000 }, { "a link pointer", LINK, 0, ~0ULL, 0x123 },
		{ "an activity state that does not exist", G_ACTIVITY, 0, 0, 7 },
		{ "CR4 without PAE", G_CR4, 0, 1 << 5, 0 },
	};
	u8 bad;
	u32 i;

	need_vmx();
	if (shared->old_kvm)
		skip("KVM before Linux 5.14 does not check all of a guest's VMCS");
	vmx_on();
	for (i = 0; i < array_size(list); i++) {
		step(list[i].what);
		fill_vmcs((u64)l2_halt);
		if (list[i].field == ENTRY_LOAD)
			vmwrite(ENTRY_LOADS, 1);
		vmwrite(list[i].field, (vmread(list[i].field) & ~list[i].clear) | list[i].set);
		vmx_enter();
		if (list[i].error)
			check(l2_refused && vmread(ERROR) == list[i].error, "VMLAUNCH with %s: %s %lu, expected error %u", list[i].what,
			      l2_refused ? "error" : "exit reason", LU(vmread(l2_refused ? ERROR : REASON)), list[i].error);
		else
			check(!l2_refused && vmread(REASON) == (1u << 31 | EXIT_BAD_STATE), "VMLAUNCH with %s: %s 0x%lx, expected exit reason 0x80000021",
			      list[i].what, l2_refused ? "error" : "exit reason", LU(vmread(l2_refused ? ERROR : REASON)));
	}
	fill_vmcs((u64)l2_halt);
	vmx_until(EXIT_HLT, "HLT, after many invalid VMCSs");
	for (i = 0; i < 8; i++) {
		vmwrite(G_ES_RIGHTS + 2 * i, 0xffffffff);
		check(vmread(G_ES_RIGHTS + 2 * i) == 0x1f0ff || vmread(G_ES_RIGHTS + 2 * i) == 0xffffffff,
		      "access rights %u, after a VMWRITE of 0xffffffff: 0x%lx, expected 0x1f0ff or all", i, LU(vmread(G_ES_RIGHTS + 2 * i)));
		check(i == 0 || vmread(G_ES_RIGHTS + 2 * i) == vmread(G_ES_RIGHTS), "access rights %u keep reserved bits that those of ES do not", i);
	}
	asm volatile("vmwrite %2, %1; setz %0" : "=q"(bad) : "r"(0x7ffeULL), "r"(0ULL) : "cc");
	check(bad && vmread(ERROR) == E_FIELD, "VMWRITE of a field that does not exist: error %lu", LU(vmread(ERROR)));
	*(u32 *)scratch(9) = ((u32)rdmsr(VMX_BASIC) & 0x7fffffff) + 1;
	check(VMX_REGION("vmptrld", (u64)scratch(9)) && vmread(ERROR) == E_REVISION, "VMPTRLD of another revision: error %lu", LU(vmread(ERROR)));
}
