// SPDX-License-Identifier: GPL-2.0-only
/* vm: KVM_RUN must preserve the state of the VMM's own thread. */
#include <asm/prctl.h>
#include <cpuid.h>
#include <errno.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REPORT_PLACE 148
#include "vm/vm.h"

#define ADVICE_HOST "KVM_RUN changes the state of the VMM's own thread: any program that runs guests can crash or leak data. Run no guests; suspect this kernel's patches to the switch of host state (vmenter.S, FPU, MSRs)."

/* State that a system call preserves: vector registers, control words, bases, PKRU. */
struct host_regs {
	uint8_t xmm[16][16];
	uint64_t callee[6];		/* RBX, RBP, R12 to R15 */
	uint32_t mxcsr, pkru;
	uint16_t fcw;
	uint64_t fs, gs, rflags;
};

static bool has_pkru(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && c & 1u << 4;	/* OSPKE */
}

static uint32_t read_pkru(void)
{
	uint32_t a, d;

	__asm__ volatile("rdpkru" : "=a"(a), "=d"(d) : "c"(0));
	return a;
}

/*
 * Fill every vector and callee-saved register and call KVM_RUN by a bare system call,
 * so that nothing else changes them. @r: their values afterwards.
 */
static long run_and_look(int fd, const uint8_t (*fill)[16], struct host_regs *r)
{
	long rc = SYS_ioctl;
	register struct host_regs *out __asm__("r9") = r;
	register const uint8_t (*in)[16] __asm__("r8") = fill;

#define LOAD(n) "movups 16*" #n "(%%r8), %%xmm" #n "\n\t"
#define STORE(n) "movups %%xmm" #n ", 16*" #n "(%%r9)\n\t"
#define ALL(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14) DO(15)
	/* Below the red zone */
	__asm__ volatile("lea -128(%%rsp), %%rsp; push %%rbp\n\t"
		ALL(LOAD)
		"mov $0x1111, %%ebx; mov $0x2222, %%ebp; mov $0x3333, %%r12d; mov $0x4444, %%r13d\n\t"
		"mov $0x5555, %%r14d; mov $0x6666, %%r15d\n\t"
		"syscall\n\t"
		ALL(STORE)
		"mov %%rbx, 256(%%r9); mov %%rbp, 264(%%r9); mov %%r12, 272(%%r9); mov %%r13, 280(%%r9)\n\t"
		"mov %%r14, 288(%%r9); mov %%r15, 296(%%r9)\n\t"
		"pop %%rbp; lea 128(%%rsp), %%rsp"
		: "+a"(rc), "+r"(out), "+r"(in)
		: "D"((long)fd), "S"((long)KVM_RUN), "d"(0L)
		: "rbx", "rcx", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc",
		  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
		  "xmm12", "xmm13", "xmm14", "xmm15");
#undef ALL
#undef STORE
#undef LOAD
	return rc;
}

static void look(struct host_regs *r)
{
	__asm__ volatile("fnstcw %0; stmxcsr %1; pushf; pop %2" : "=m"(r->fcw), "=m"(r->mxcsr), "=r"(r->rflags));
	syscall(SYS_arch_prctl, ARCH_GET_FS, &r->fs);
	syscall(SYS_arch_prctl, ARCH_GET_GS, &r->gs);
	r->pkru = has_pkru() ? read_pkru() : 0;
}

/*
 * The guest sets all state that a thread can see to other values (CR4.OSFXSR is on),
 * then exits with OUT.
 */
static const uint8_t guest[] = {
	0xdb, 0xe3,						/* fninit */
	0xc7, 0x04, 0x25, 0, 0x20, 0, 0, 0x80, 0x3f, 0, 0,	/* movl $0x3f80, 0x2000 */
	0x0f, 0xae, 0x14, 0x25, 0, 0x20, 0, 0,			/* ldmxcsr 0x2000 */
	0x66, 0x0f, 0x76, 0xc0, 0x66, 0x0f, 0x76, 0xff,		/* pcmpeqd %xmm0, %xmm0; %xmm7, %xmm7 */
	0x66, 0x45, 0x0f, 0x76, 0xff,				/* pcmpeqd %xmm15, %xmm15 */
	0xb9, 0, 1, 0, 0xc0, 0xb8, 0, 0, 0x12, 0, 0x31, 0xd2, 0x0f, 0x30,	/* FS.base = 0x120000 */
	0xb9, 1, 1, 0, 0xc0, 0x0f, 0x30,			/* GS.base */
	0xbb, 9, 9, 9, 9, 0xbd, 9, 9, 9, 9,			/* mov $0x9090909, %ebx; %ebp */
	0x41, 0xbc, 9, 9, 9, 9, 0x41, 0xbf, 9, 9, 9, 9,		/* %r12d; %r15d */
	0xfd, 0xe6, 0x50, 0xf4,					/* std; out %al, $0x50; hlt */
};

LAB_CHECK(vm, host_registers, LAB(), "after KVM_RUN the VMM's thread has its own registers, not the guest's",
	  ADVICE_HOST, NEED_KVM | NEED_HW)
{
	static const uint64_t callee[] = { 0x1111, 0x2222, 0x3333, 0x4444, 0x5555, 0x6666 };
	const uint16_t fcw = 0x27f, usual = 0x37f;
	const uint32_t mxcsr = 0x5f80, mxcsr_usual = 0x1f80;
	struct host_regs before = { .fcw = 0 }, after = before;
	uint8_t fill[16][16];
	unsigned int i, k;
	long rc;

	for (i = 0; i < 16; i++)
		for (k = 0; k < 16; k++)
			fill[i][k] = (uint8_t)(i * 16 + k + 1);
	if (lab_code_long(l, guest, sizeof(guest)))
		return -1;
	__asm__ volatile("fldcw %0; ldmxcsr %1" : : "m"(fcw), "m"(mxcsr));
	look(&before);
	rc = run_and_look(l->cpu[0].fd, fill, &after);
	look(&after);
	__asm__ volatile("fldcw %0; ldmxcsr %1" : : "m"(usual), "m"(mxcsr_usual));
	REQUIRE(l->t, !rc && l->cpu[0].run->exit_reason == KVM_EXIT_IO, "KVM_RUN returned %ld, exit %s, expected an OUT", rc,
		exit_name(l->cpu[0].run->exit_reason));
	for (i = 0; i < 16; i++)
		REQUIRE(l->t, !memcmp(fill[i], after.xmm[i], 16), "KVM_RUN changed XMM%u of the VMM's thread", i);
	for (i = 0; i < 6; i++)
		REQUIRE(l->t, after.callee[i] == callee[i], "a general register of the VMM's thread was 0x%llx, is 0x%llx after KVM_RUN",
			(unsigned long long)callee[i], (unsigned long long)after.callee[i]);
	REQUIRE(l->t, after.fcw == fcw && after.mxcsr == mxcsr, "the thread's x87 control word and MXCSR were 0x%x and 0x%x, are 0x%x and 0x%x after KVM_RUN",
		fcw, mxcsr, after.fcw, after.mxcsr);
	REQUIRE(l->t, after.fs == before.fs && after.gs == before.gs, "the thread's FS and GS bases were 0x%llx and 0x%llx, are 0x%llx and 0x%llx after KVM_RUN",
		(unsigned long long)before.fs, (unsigned long long)before.gs, (unsigned long long)after.fs, (unsigned long long)after.gs);
	REQUIRE(l->t, after.pkru == before.pkru, "the thread's PKRU was 0x%x, is 0x%x after KVM_RUN", before.pkru, after.pkru);
	REQUIRE(l->t, !(after.rflags & 0x400), "the thread's direction flag is set after KVM_RUN");
	return 0;
}

/* --- the host's debug registers --- */

/* Count writes to @var by this thread, with a debug register; -errno: not possible here */
static int watch(volatile uint64_t *var)
{
	struct perf_event_attr a = { .type = PERF_TYPE_BREAKPOINT, .size = sizeof(a), .bp_type = HW_BREAKPOINT_W,
		.bp_addr = (uintptr_t)var, .bp_len = HW_BREAKPOINT_LEN_8, .exclude_kernel = 1, .exclude_hv = 1 };
	long fd = syscall(SYS_perf_event_open, &a, 0, -1, -1, 0UL);

	return fd < 0 ? -errno : (int)fd;
}

static uint64_t written(int fd, volatile uint64_t *var)
{
	uint64_t n = 0;

	*var = 1;
	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

/* The guest clears the debug registers, for which KVM gives it the CPU's own. */
static int breakpoint_kept(struct lab *l, int fd, volatile uint64_t *var)
{
	/* 1: xor %eax,%eax; mov %rax,%dr0; mov %rax,%dr3; mov $0x402,%eax; mov %rax,%dr7; out; jmp 1b */
	static const uint8_t code[] = { 0x31, 0xc0, 0x0f, 0x23, 0xc0, 0x0f, 0x23, 0xd8, 0xb8, 0x02, 0x04, 0, 0, 0x0f, 0x23, 0xf8,
		0xe6, 0x50, 0xeb, 0xec };
	uint64_t i, n = written(fd, var);

	if (n != 1)
		return t_skip(l->t, "a breakpoint of this program counted %llu writes of 1: this CPU or its emulator has none",
			(unsigned long long)n);
	if (lab_code_long(l, code, sizeof(code)))
		return -1;
	for (i = 2; i < 10; i++) {
		if (lab_step_to(l, KVM_EXIT_IO, "OUT of a guest that uses debug registers"))
			return -1;
		n = written(fd, var);
		REQUIRE(l->t, n == i, "a breakpoint of the VMM's thread counted %llu writes of %llu: KVM_RUN loses the host's debug registers",
			(unsigned long long)n, (unsigned long long)i);
	}
	return 0;
}

LAB_CHECK(vm, host_breakpoints, LAB(), "after KVM_RUN the VMM's own breakpoints work",
	  ADVICE_HOST, NEED_KVM | NEED_HW)
{
	volatile uint64_t var = 0;
	int fd = watch(&var), rc;

	if (fd < 0)
		return t_skip(l->t, "perf_event_open of a breakpoint: %s", strerror(-fd));
	rc = breakpoint_kept(l, fd, &var);
	close(fd);
	return rc;
}

/* --- XCR0, TSC_AUX --- */

static uint64_t read_xcr0(void)
{
	uint32_t a, d;

	__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return a | (uint64_t)d << 32;
}

static uint32_t read_tsc_aux(void)
{
	uint32_t a, d, c;

	__asm__ volatile("rdtscp" : "=a"(a), "=d"(d), "=c"(c));
	return c;
}

/* OUT for ever */
static const uint8_t outs[] = { 0xe6, 0x50, 0xeb, 0xfc };

/* A guest that has 0 there must not see the host's. */
static int tsc_aux_of_guest(struct lab *l)
{
	/* rdtscp; out; jmp */
	static const uint8_t code[] = { 0x0f, 0x01, 0xf9, 0xe6, 0x50, 0xeb, 0xf9 };
	struct kvm_regs r;
	uint64_t v = 0;
	uint32_t i;

	if (!read_tsc_aux())
		t_note(l->t, "the host's TSC_AUX is 0 on its only CPU: whether a guest sees it was not tried");
	if (lab_msr(l, KVM_SET_MSRS, 0xc0000103, &v) != 1 || lab_code_long(l, code, sizeof(code)))
		return -1;
	for (i = 0; i < 8; i++) {
		if (lab_step_to(l, KVM_EXIT_IO, "the guest's OUT") || lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
			return -1;
		REQUIRE(l->t, !(uint32_t)r.rcx, "the guest's TSC_AUX is 0, but its RDTSCP gives 0x%x, the host's", (uint32_t)r.rcx);
	}
	return 0;
}

LAB_CHECK(vm, host_xcr0, LAB(), "after KVM_RUN the VMM's thread has the host's XCR0",
	  ADVICE_HOST, NEED_KVM | NEED_HW)
{
	struct kvm_xcrs x = { .nr_xcrs = 1 };
	unsigned int a, b, c, d, i;
	struct kvm_sregs s;
	uint64_t before, after;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(read_xcr0() & 4))
		return t_skip(l->t, "the host has no XSAVE with AVX");
	before = read_xcr0();
	x.xcrs[0].value = 3;		/* x87 and SSE alone */
	if (lab_code_long(l, outs, sizeof(outs)) || lab_cpu_ioctl(l, 0, KVM_GET_SREGS, &s) < 0)
		return -1;
	s.cr4 |= 1 << 18;
	if (lab_cpu_ioctl(l, 0, KVM_SET_SREGS, &s) < 0 || lab_cpu_ioctl(l, 0, KVM_SET_XCRS, &x) < 0)
		return -1;
	for (i = 0; i < 8; i++) {
		if (lab_step_to(l, KVM_EXIT_IO, "the guest's OUT"))
			return -1;
		after = read_xcr0();
		REQUIRE(l->t, after == before, "the host's XCR0 was 0x%llx, is 0x%llx after KVM_RUN", (unsigned long long)before,
			(unsigned long long)after);
	}
	return 0;
}

/* Linux keeps the number of the CPU there, which programs read by RDTSCP. */
static int tsc_aux_kept(struct lab *l)
{
	uint32_t before = read_tsc_aux(), after, i;
	uint64_t v = before ^ 0x5a5;

	if (lab_msr(l, KVM_SET_MSRS, 0xc0000103, &v) != 1)
		return t_skip(l->t, "KVM_SET_MSRS refuses TSC_AUX (0xc0000103)");
	if (lab_code_long(l, outs, sizeof(outs)))
		return -1;
	for (i = 0; i < 8; i++) {
		if (lab_step_to(l, KVM_EXIT_IO, "the guest's OUT"))
			return -1;
		after = read_tsc_aux();
		REQUIRE(l->t, after == before, "the host's TSC_AUX was 0x%x, is 0x%x after KVM_RUN of a guest with 0x%llx", before, after,
			(unsigned long long)v);
	}
	return tsc_aux_of_guest(l);
}

/* The last CPU of @all, whose TSC_AUX is not 0 if it is not the only one. */
static int last_cpu(const cpu_set_t *all)
{
	int i = CPU_SETSIZE - 1;

	while (i && !CPU_ISSET(i, all))
		i--;
	return i;
}

LAB_CHECK(vm, host_tsc_aux, LAB(), "after KVM_RUN the VMM's thread has the host's TSC_AUX",
	  ADVICE_HOST, NEED_KVM | NEED_HW)
{
	unsigned int a, b, c, d;
	cpu_set_t all, one;
	int rc;

	if (!__get_cpuid(0x80000001, &a, &b, &c, &d) || !(d & 1u << 27))
		return t_skip(l->t, "the host has no RDTSCP");
	if (sched_getaffinity(0, sizeof(all), &all))
		return t_fail(l->t, "sched_getaffinity: %s", strerror(errno));
	CPU_ZERO(&one);
	CPU_SET(last_cpu(&all), &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		return t_skip(l->t, "sched_setaffinity to one CPU: %s", strerror(errno));
	rc = tsc_aux_kept(l);
	sched_setaffinity(0, sizeof(all), &all);
	return rc;
}

/* --- PKRU, which the guest has when it enters, or when it exits --- */

/* mov $A,%eax; wrpkru; out; mov $B,%eax; wrpkru; out; jmp; with ECX and EDX 0 */
static int write_pkru(struct lab *l, uint32_t first, uint32_t second)
{
	uint8_t code[] = { 0x31, 0xc9, 0x31, 0xd2, 0xb8, 0, 0, 0, 0, 0x0f, 0x01, 0xef, 0xe6, 0x50,
		0xb8, 0, 0, 0, 0, 0x0f, 0x01, 0xef, 0xe6, 0x50, 0xeb, 0xea };
	struct kvm_sregs s;

	memcpy(code + 5, &first, 4);
	memcpy(code + 15, &second, 4);
	if (lab_code_long(l, code, sizeof(code)) || lab_cpu_ioctl(l, 0, KVM_GET_SREGS, &s) < 0)
		return -1;
	s.cr4 |= 1 << 22;
	if (ioctl(l->cpu[0].fd, KVM_SET_SREGS, &s) < 0)
		return t_skip(l->t, "guests have no protection keys here");
	return 0;
}

/* The guest changes between the host's value and another: it enters with each and exits with each. */
LAB_CHECK(vm, host_pkru, LAB(), "after KVM_RUN the VMM's thread has the host's PKRU",
	  ADVICE_HOST, NEED_KVM | NEED_HW)
{
	uint32_t before, after;
	unsigned int i;
	int rc;

	if (!has_pkru())
		return t_skip(l->t, "the host has no protection keys");
	before = read_pkru();
	rc = write_pkru(l, before, before ^ 0xc0000000);
	for (i = 0; !rc && i < 6; i++) {
		if (lab_step_to(l, KVM_EXIT_IO, "the guest's OUT"))
			return -1;
		after = read_pkru();
		REQUIRE(l->t, after == before, "the host's PKRU was 0x%x, is 0x%x after KVM_RUN of a guest that changed its own", before, after);
	}
	return rc;
}
