// SPDX-License-Identifier: GPL-2.0-only
/* vm: the CPUID that KVM offers, takes and gives. Documentation/virt/kvm/api.rst, 4.20, 4.46, 4.88. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define REPORT_PLACE 172
#include "env/files.h"
#include "vm/vm.h"

/* The leaf of @c that @want names; NULL: @c does not have it. */
static const struct kvm_cpuid_entry2 *leaf(const struct kvm_cpuid2 *c, const struct kvm_cpuid_entry2 *want)
{
	unsigned int i;

	for (i = 0; i < c->nent; i++)
		if (c->entries[i].function == want->function && c->entries[i].index == want->index &&
		    c->entries[i].flags == want->flags)
			return &c->entries[i];
	return NULL;
}

/* KVM_GET_CPUID2 must return what KVM_SET_CPUID2 set. */
static int cpuid_held(struct lab *l, struct kvm_cpuid2 *a, struct kvm_cpuid2 *b)
{
	unsigned int i;

	if (lab_ioctl(l->t, l->kvm, KVM_GET_SUPPORTED_CPUID, "KVM_GET_SUPPORTED_CPUID", (uintptr_t)a) < 0 ||
	    lab_cpu_ioctl(l, 0, KVM_SET_CPUID2, a) < 0 || lab_cpu_ioctl(l, 0, KVM_GET_CPUID2, b) < 0)
		return -1;
	REQUIRE(l->t, a->nent >= 10, "KVM supports only %u CPUID leaves", a->nent);
	REQUIRE(l->t, b->nent == a->nent || env_kernel(l->t->env) < KERNEL(6, 3), "KVM_GET_CPUID2 says %u leaves, set were %u", b->nent, a->nent);
	for (i = 0; i < a->nent; i++) {
		const struct kvm_cpuid_entry2 *x = &a->entries[i], *y = leaf(b, x);

		REQUIRE(l->t, y, "CPUID 0x%x.%u was set, but is missing", x->function, x->index);
		/* Leaves 1, 7 and 0xd depend on CR4, XCR0 and the APIC base. */
		if (x->function == 1 || x->function == 7 || x->function == 0xd)
			continue;
		REQUIRE(l->t, x->eax == y->eax && x->ebx == y->ebx && x->ecx == y->ecx && x->edx == y->edx,
			"CPUID 0x%x.%u: set %x %x %x %x, got %x %x %x %x", x->function, x->index,
			x->eax, x->ebx, x->ecx, x->edx, y->eax, y->ebx, y->ecx, y->edx);
	}
	return 0;
}

/* CR4 must reject a feature that the guest's CPUID lacks, even if the host's CPU has it. */
static int cr4_by_cpuid(struct lab *l, struct kvm_cpuid2 *c)
{
	struct kvm_sregs s;
	unsigned int i;

	for (i = 0; i < c->nent; i++)
		if (c->entries[i].function == 1)
			c->entries[i].ecx &= ~(1u << 26);	/* XSAVE */
	if (lab_cpu_ioctl(l, 0, KVM_SET_CPUID2, c) < 0 || lab_cpu_ioctl(l, 0, KVM_GET_SREGS, &s) < 0)
		return -1;
	s.cr4 |= 1 << 18;
	return lab_refused(l->t, l->cpu[0].fd, KVM_SET_SREGS, &s, "CR4.OSXSAVE for a guest without XSAVE in its CPUID");
}

LAB_CHECK(vm, cpuid_set, LAB(.no_cpuid = true), "KVM keeps the CPUID it is given",
	  ADVICE_STATE, NEED_KVM | NEED_HW)
{
	enum { MAX = 256 };
	const size_t size = sizeof(struct kvm_cpuid2) + MAX * sizeof(struct kvm_cpuid_entry2);
	struct kvm_cpuid2 *a = calloc(1, size), *b = calloc(1, size);
	int rc = -1;

	if (a && b) {
		a->nent = b->nent = MAX;
		rc = cpuid_held(l, a, b) || cr4_by_cpuid(l, a) ? -1 : 0;
	}
	free(a);
	free(b);
	return rc;
}

/* Leaf 0xb beyond its last level: no CPUs, the level asked for, and the x2APIC ID all the same. SDM vol. 2, CPUID. */
LAB_CHECK(vm, cpuid_beyond, LAB(.no_cpuid = true), "CPUID 0xb beyond its last level says the x2APIC ID",
	  ADVICE_CPU, NEED_KVM | NEED_HW)
{
	/* mov $0xb,%eax; mov $5,%ecx; cpuid; out %al,$0xe1 */
	static const uint8_t code[] = { 0x66, 0xb8, 0xb, 0, 0, 0, 0x66, 0xb9, 5, 0, 0, 0, 0x0f, 0xa2, 0xe6, 0xe1 };
	struct { struct kvm_cpuid2 h; struct kvm_cpuid_entry2 e[3]; } c = { { .nent = 3 }, {
		{ .function = 0, .eax = 0xd },
		{ .function = 0xb, .index = 0, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .eax = 1, .ebx = 2, .ecx = 0x100, .edx = 7 },
		{ .function = 0xb, .index = 1, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .eax = 4, .ebx = 8, .ecx = 0x201, .edx = 7 },
	} };
	struct kvm_regs r;

	if (lab_cpu_ioctl(l, 0, KVM_SET_CPUID2, &c) < 0 || lab_code_real(l, code, sizeof(code)) ||
	    lab_step_to(l, KVM_EXIT_IO, "OUT after CPUID") || lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	REQUIRE(l->t, !(uint32_t)r.rax && !(uint32_t)r.rbx && (uint32_t)r.rcx == 5 && (uint32_t)r.rdx == 7,
		"CPUID 0xb.5 of a vCPU whose last level is 1 gives %x %x %x %x, expected 0 0 5 7", (uint32_t)r.rax, (uint32_t)r.rbx,
		(uint32_t)r.rcx, (uint32_t)r.rdx);
	return 0;
}

/* KVM_SET_CPUID has no sub-leaves; the entries read back with index 0. */
LAB_CHECK(vm, cpuid_old, LAB(.no_cpuid = true), "KVM_SET_CPUID, and what KVM_GET_EMULATED_CPUID offers",
	  ADVICE_STATE, NEED_KVM)
{
	static const struct kvm_cpuid_entry want[2] = {
		{ .function = 0, .eax = 1, .ebx = 0x656e7552, .ecx = 0x70692054, .edx = 0x20746f6e },
		{ .function = 0x40000000, .eax = 0x40000001, .ebx = 0x11111111, .ecx = 0x22222222, .edx = 0x33333333 },
	};
	struct { struct kvm_cpuid h; struct kvm_cpuid_entry e[2]; } old = { .h.nent = 2 };
	struct { struct kvm_cpuid2 h; struct kvm_cpuid_entry2 e[16]; } now = { .h.nent = 16 };
	uint32_t i;

	memcpy(old.e, want, sizeof(want));
	if (lab_cpu_ioctl(l, 0, KVM_SET_CPUID, &old) < 0 || lab_cpu_ioctl(l, 0, KVM_GET_CPUID2, &now) < 0)
		return -1;
	for (i = 0; i < 2; i++)
		REQUIRE(l->t, now.e[i].function == want[i].function && !now.e[i].index && now.e[i].eax == want[i].eax &&
			now.e[i].ebx == want[i].ebx && now.e[i].ecx == want[i].ecx && now.e[i].edx == want[i].edx,
			"KVM_SET_CPUID of leaf 0x%x reads back as leaf 0x%x: %x %x %x %x", want[i].function, now.e[i].function,
			now.e[i].eax, now.e[i].ebx, now.e[i].ecx, now.e[i].edx);
	if (lab_cap(l, KVM_CAP_EXT_EMUL_CPUID) <= 0)
		return 0;
	now.h.nent = 1;
	REQUIRE(l->t, ioctl(l->kvm, KVM_GET_EMULATED_CPUID, &now) < 0 && errno == E2BIG,
		"KVM_GET_EMULATED_CPUID into one entry: %s, expected E2BIG", strerror(errno));
	now.h.nent = 16;
	REQUIRE(l->t, !ioctl(l->kvm, KVM_GET_EMULATED_CPUID, &now), "KVM_GET_EMULATED_CPUID: %s", strerror(errno));
	for (i = 0; i < now.h.nent && i < 16 && now.e[i].function != 1; i++)
		;
	REQUIRE(l->t, i < now.h.nent && now.e[i].ecx & 1u << 22, "KVM_GET_EMULATED_CPUID does not offer MOVBE, which KVM emulates");
	return 0;
}

/* --- the size of the XSAVE area, which depends on XCR0 --- */

static int xsave_size(struct lab *l, uint64_t xcr0, uint32_t *now, uint32_t *most)
{
	/* mov $0xd,%eax; xor %ecx,%ecx; cpuid; out %al,$0xe1 */
	static const uint8_t code[] = { 0xb8, 0xd, 0, 0, 0, 0x31, 0xc9, 0x0f, 0xa2, 0xe6, 0xe1 };
	struct kvm_xcrs x = { .nr_xcrs = 1 };
	struct kvm_regs r;

	x.xcrs[0].value = xcr0;
	if (lab_cpu_ioctl(l, 0, KVM_SET_XCRS, &x) < 0 || lab_code_long(l, code, sizeof(code)) ||
	    lab_step_to(l, KVM_EXIT_IO, "OUT after CPUID") || lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	*now = (uint32_t)r.rbx;
	*most = (uint32_t)r.rcx;
	return 0;
}

/* The parts of XCR0 that KVM offers. */
static int offered_xcr0(struct lab *l, uint64_t *xcr0)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + 256 * sizeof(c->entries[0]));
	uint32_t i;
	int rc;

	NEED(l->t, c, "memory");
	c->nent = 256;
	rc = lab_ioctl(l->t, l->kvm, KVM_GET_SUPPORTED_CPUID, "KVM_GET_SUPPORTED_CPUID", (unsigned long)c);
	for (*xcr0 = 0, i = 0; rc >= 0 && i < c->nent; i++)
		if (c->entries[i].function == 0xd && !c->entries[i].index)
			*xcr0 = c->entries[i].eax | (uint64_t)c->entries[i].edx << 32;
	free(c);
	return rc < 0 ? -1 : 0;
}

LAB_CHECK(vm, cpuid_xsave, LAB(), "CPUID gives the size of the XSAVE area for XCR0 as it is",
	  ADVICE_STATE, NEED_KVM | NEED_HW)
{
	uint64_t all = 0;
	uint32_t now, most, i;

	if (offered_xcr0(l, &all))
		return -1;
	if (all <= 3)
		return t_skip(l->t, "KVM offers no more than x87 and SSE in XCR0");
	for (i = 0; i < 3; i++) {
		if (xsave_size(l, 3, &now, &most))
			return -1;
		REQUIRE(l->t, now == 576, "with XCR0 3, CPUID 0xd says %u bytes, expected 576", now);
		if (xsave_size(l, all, &now, &most))
			return -1;
		REQUIRE(l->t, now == most, "with all of XCR0 (0x%llx), CPUID 0xd says %u bytes, expected the most that it names, %u",
			(unsigned long long)all, now, most);
	}
	return 0;
}

/* Features that KVM passes through: by name in /proc/cpuinfo, and where CPUID has them. */
static const struct feature {
	const char *name;
	uint32_t function;
	char reg;
	uint8_t bit;
} features[] = {
	{ "pni", 1, 'c', 0 }, { "pclmulqdq", 1, 'c', 1 }, { "ssse3", 1, 'c', 9 }, { "fma", 1, 'c', 12 }, { "cx16", 1, 'c', 13 },
	{ "sse4_1", 1, 'c', 19 }, { "sse4_2", 1, 'c', 20 }, { "movbe", 1, 'c', 22 }, { "popcnt", 1, 'c', 23 }, { "aes", 1, 'c', 25 },
	{ "xsave", 1, 'c', 26 }, { "avx", 1, 'c', 28 }, { "f16c", 1, 'c', 29 }, { "rdrand", 1, 'c', 30 },
	{ "fpu", 1, 'd', 0 }, { "tsc", 1, 'd', 4 }, { "cx8", 1, 'd', 8 }, { "sep", 1, 'd', 11 }, { "pge", 1, 'd', 13 },
	{ "cmov", 1, 'd', 15 }, { "pat", 1, 'd', 16 }, { "clflush", 1, 'd', 19 }, { "mmx", 1, 'd', 23 }, { "fxsr", 1, 'd', 24 },
	{ "sse", 1, 'd', 25 }, { "sse2", 1, 'd', 26 },
	{ "fsgsbase", 7, 'b', 0 }, { "bmi1", 7, 'b', 3 }, { "avx2", 7, 'b', 5 }, { "smep", 7, 'b', 7 }, { "bmi2", 7, 'b', 8 },
	{ "erms", 7, 'b', 9 }, { "avx512f", 7, 'b', 16 }, { "rdseed", 7, 'b', 18 }, { "adx", 7, 'b', 19 }, { "smap", 7, 'b', 20 },
	{ "clflushopt", 7, 'b', 23 }, { "clwb", 7, 'b', 24 }, { "sha_ni", 7, 'b', 29 },
	{ "lahf_lm", 0x80000001, 'c', 0 }, { "abm", 0x80000001, 'c', 5 }, { "sse4a", 0x80000001, 'c', 6 },
	{ "syscall", 0x80000001, 'd', 11 }, { "nx", 0x80000001, 'd', 20 },
	{ "lm", 0x80000001, 'd', 29 },
};

static uint32_t register_of(const struct kvm_cpuid2 *c, const struct feature *f)
{
	uint32_t i;

	for (i = 0; i < c->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &c->entries[i];

		if (e->function == f->function && !e->index)
			return f->reg == 'b' ? e->ebx : f->reg == 'c' ? e->ecx : e->edx;
	}
	return 0;
}

static int offered(struct t *t, const struct kvm_cpuid2 *c, const char *flags)
{
	unsigned int n = 0;
	char word[32];
	size_t i;

	for (i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		const struct feature *f = &features[i];

		snprintf(word, sizeof(word), " %s ", f->name);
		if (!strstr(flags, word))
			continue;
		n++;
		REQUIRE(t, register_of(c, f) >> f->bit & 1, "the host has %s, but KVM does not offer it to guests (CPUID 0x%x, E%cX bit %u)",
			f->name, f->function, f->reg - 'a' + 'A', f->bit);
	}
	t_note(t, "%u of the host's features are offered to guests", n);
	return 0;
}

LAB_CHECK(vm, cpuid_supported, LAB(.no_cpuid = true), "KVM offers guests the features that the host has",
	  ADVICE_API, NEED_KVM | NEED_HW)
{
	static char text[16384];
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + 256 * sizeof(c->entries[0]));
	char *flags = NULL;
	int rc;

	NEED(l->t, c, "memory");
	c->nent = 256;
	rc = lab_ioctl(l->t, l->kvm, KVM_GET_SUPPORTED_CPUID, "KVM_GET_SUPPORTED_CPUID", (unsigned long)c);
	if (read_filef(text, sizeof(text), "%s/cpuinfo", l->t->env->proc) > 0)
		flags = strstr(text, "\nflags");
	if (rc >= 0 && flags) {
		/* This line alone, with a space after its last flag */
		memcpy(flags + 1 + strcspn(flags + 1, "\n"), " ", 2);
		rc = offered(l->t, c, flags);
	} else if (rc >= 0) {
		rc = t_skip(l->t, "%s/cpuinfo has no flags", l->t->env->proc);
	}
	free(c);
	return rc < 0 ? -1 : rc;
}
