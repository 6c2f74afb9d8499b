// SPDX-License-Identifier: GPL-2.0-only
/* The host's half of guest/t_io.c, t_insn.c and t_emul.c: verifies every port and MMIO access. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define REPORT_PLACE 20
#include "flat/flat.h"

#define LOG_MAX	8192
#define WINDOW	8192

struct io {
	uint8_t win[WINDOW];		/* behind UNIT_MMIO */
	bool keep;			/* win is memory: reads return what was written */
	uint8_t log[LOG_MAX];		/* bytes written to the ports, in order */
	unsigned int log_len;
	struct { uint16_t port; uint8_t size; uint32_t val; } out[64];
	unsigned int outs;
	uint64_t wr_first, wr_next;	/* MMIO bytes written since the last sync */
	bool stream;			/* IN gives bytes counted from 0 */
	unsigned int stream_pos;
	unsigned int round;
};

static uint8_t io_byte(uint64_t a)
{
	return (uint8_t)(a * 37 + 11);
}

static int port_exit(struct lab *l, struct io *s, struct kvm_run *run)
{
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	uint32_t n = (uint32_t)run->io.size * run->io.count, i, v = 0;

	REQUIRE(l->t, run->io.size == 1 || run->io.size == 2 || run->io.size == 4,
		"a port access of %u bytes", run->io.size);
	if (run->io.port == 0xe0 || run->io.port == 0xe1) {
		REQUIRE(l->t, run->io.direction == KVM_EXIT_IO_OUT && n == 1,
			"OUT of 1 byte to port 0x%x arrived as %u bytes", run->io.port, n);
		return 1;
	}
	REQUIRE(l->t, run->io.port >= UNIT_PORT_IO && run->io.port < UNIT_PORT_IO + 16,
		"an access to port 0x%x came, but the guest made none", run->io.port);
	if (run->io.direction == KVM_EXIT_IO_IN) {
		for (i = 0; i < n; i++)
			data[i] = s->stream ? io_byte(s->stream_pos + i) :
				io_byte(run->io.port + i % run->io.size);
		s->stream_pos += n;
		return 1;
	}
	for (i = 0; i < n && s->log_len < LOG_MAX; i++)
		s->log[s->log_len++] = data[i];
	memcpy(&v, data, run->io.size);
	if (s->outs < 64) {
		s->out[s->outs].port = run->io.port;
		s->out[s->outs].size = run->io.size;
		s->out[s->outs++].val = v;
	}
	return 1;
}

static int mmio_exit(struct lab *l, struct io *s, struct kvm_run *run)
{
	uint64_t off = run->mmio.phys_addr - UNIT_MMIO;
	uint32_t i;

	REQUIRE(l->t, run->mmio.len >= 1 && run->mmio.len <= 8, "an MMIO access of %u bytes",
		run->mmio.len);
	REQUIRE(l->t, off < WINDOW - 8, "MMIO at 0x%llx came, but the guest made no access there",
		run->mmio.phys_addr);
	if (!run->mmio.is_write) {
		for (i = 0; i < run->mmio.len; i++)
			run->mmio.data[i] = s->keep ? s->win[off + i] : io_byte(off + i);
		return 1;
	}
	memcpy(s->win + off, run->mmio.data, run->mmio.len);
	if (s->wr_first == s->wr_next)
		s->wr_first = s->wr_next = off;
	REQUIRE(l->t, off == s->wr_next || !s->keep,
		"one MMIO write came in pieces that are not adjacent: 0x%llx, then 0x%llx",
		(unsigned long long)(UNIT_MMIO + s->wr_next - 1), run->mmio.phys_addr);
	s->wr_next = off + run->mmio.len;
	return 1;
}

/* pio_width: compare the guest's OUTs with those expected. */
static int check_widths(struct lab *l, const struct io *s)
{
	static const struct { uint8_t size; uint32_t val; } want[] = {
		{ 1, 0x41 }, { 2, 0x4241 }, { 4, 0x44434241 },
	};
	unsigned int i;

	REQUIRE(l->t, s->outs == 24, "the guest made 24 OUTs, but %u came", s->outs);
	for (i = 0; i < s->outs; i++) {
		uint32_t val = want[i % 3].val + i / 3;

		REQUIRE(l->t, s->out[i].size == want[i % 3].size && s->out[i].val == val &&
			s->out[i].port == UNIT_PORT_IO + i / 3,
			"OUT of %u bytes 0x%x to port 0x%x came as %u bytes 0x%x to port 0x%x",
			want[i % 3].size, val, UNIT_PORT_IO + i / 3, s->out[i].size,
			s->out[i].val, s->out[i].port);
	}
	return 1;
}

static int check_outs(struct lab *l, struct io *s)
{
	struct unit_shared *sh = unit_shared(l);
	uint64_t len = sh->arg[0], at = sh->arg[1], size = sh->arg[2];
	uint64_t i;

	REQUIRE(l->t, at + len <= l->ram_size && size && len <= LOG_MAX,
		"the guest's own figures are damaged");
	REQUIRE(l->t, s->log_len == len, "REP OUTS of %llu bytes (elements of %llu) sent %u bytes",
		(unsigned long long)len, (unsigned long long)size, s->log_len);
	for (i = 0; i < len; i++) {
		/* With DF=1 the last element comes first. */
		uint64_t from = sh->arg[3] ? len - size - i / size * size + i % size : i;

		REQUIRE(l->t, s->log[i] == l->ram[at + from],
			"REP OUTS%s: byte %llu is 0x%02x, memory has 0x%02x",
			sh->arg[3] ? " with DF=1" : "", (unsigned long long)i, s->log[i],
			l->ram[at + from]);
	}
	return 1;
}

/* mmio_width: the guest's next write, of @size bytes. */
static int check_mmio_write(struct lab *l, struct io *s, unsigned int size)
{
	static const uint32_t at[] = { 0, 1, 3, 4, 0x7f8, 0xffc, 0xffd, 0xfff };
	static const uint64_t val[9] = { [1] = 0x11, [2] = 0x2221, [4] = 0x44434241,
		[8] = 0x8887868584838281ULL };
	uint32_t a = at[s->round / 4 % 8];
	uint64_t got = 0;

	REQUIRE(l->t, s->wr_first == a && s->wr_next - s->wr_first == size,
		"a write of %u bytes at 0x%x came as bytes 0x%llx to 0x%llx", size,
		UNIT_MMIO + a, (unsigned long long)(UNIT_MMIO + s->wr_first),
		(unsigned long long)(UNIT_MMIO + s->wr_next - 1));
	memcpy(&got, s->win + a, size);
	REQUIRE(l->t, got == val[size], "a write of 0x%llx at 0x%x came as 0x%llx",
		(unsigned long long)val[size], UNIT_MMIO + a, (unsigned long long)got);
	s->round++;
	s->wr_first = s->wr_next = 0;
	return 1;
}

/* A write of 16 bytes, which is two exits. */
static int check_mmio_wide(struct lab *l, struct io *s)
{
	REQUIRE(l->t, s->wr_first == 0x40 && s->wr_next == 0x50,
		"a write of 16 bytes at 0x%x came as bytes 0x%llx to 0x%llx", UNIT_MMIO + 0x40,
		(unsigned long long)(UNIT_MMIO + s->wr_first), (unsigned long long)(UNIT_MMIO + s->wr_next - 1));
	REQUIRE(l->t, !memcmp(s->win + 0x40, (const void *)&unit_shared(l)->arg[0], 16),
		"a write of 16 bytes came with other data");
	return 1;
}

/* Take a page away: the next access is a fault that KVM must serve. */
static int take_page(struct lab *l, uint64_t gpa)
{
	REQUIRE(l->t, gpa < l->ram_size && !madvise(l->ram + gpa, 4096, MADV_DONTNEED),
		"madvise of guest page 0x%llx: %s", (unsigned long long)gpa, strerror(errno));
	return 1;
}

/* Fill the vector registers with values that the guest does not use. */
static void use_fpu(void)
{
#define ONES(n) "pcmpeqd %%xmm" #n ", %%xmm" #n "\n\t"
	__asm__ volatile(ONES(0) ONES(1) ONES(2) ONES(7) ONES(14) ONES(15)
			 : : : "xmm0", "xmm1", "xmm2", "xmm7", "xmm14", "xmm15");
#undef ONES
}

static int sync_exit(struct lab *l, struct io *s, uint32_t n)
{
	struct unit_shared *sh = unit_shared(l);
	const char *test = sh->test;

	if (!strcmp(test, "pio_width"))
		return check_widths(l, s);
	if (!strcmp(test, "pio_string")) {
		s->stream = n == 3;
		s->stream_pos = 0;
		if (n == 2)
			return check_outs(l, s);
		s->log_len = 0;
		return 1;
	}
	if (!strcmp(test, "exc_paged_out"))
		return take_page(l, sh->arg[0]);
	if (n == 10)
		return check_mmio_wide(l, s);
	if (n == 9)
		use_fpu();	/* the guest must keep its own values */
	else if (n == 8 || n == 1)
		memset(s->win, n == 1 ? 0xee : 0, sizeof(s->win));
	else if (n >= 2 && n <= 5)
		return check_mmio_write(l, s, 1u << (n - 2));
	else if (n == 6)
		memcpy(s->win, (const void *)&sh->arg[0], 16);
	else if (n == 7)
		memcpy((void *)&sh->out[0], s->win, 16);
	/* After sync 1 the window is memory; mmio_width also watches the order of writes. */
	s->keep = n == 1;
	if (n == 6 || n == 8)
		s->stream = true;
	return 1;
}

static int on_exit_io(struct lab *l, unsigned int cpu, void *arg)
{
	struct kvm_run *run = l->cpu[cpu].run;
	struct io *s = arg;
	uint32_t n;

	if (run->exit_reason == KVM_EXIT_MMIO) {
		bool memory = s->stream && strncmp(unit_shared(l)->test, "mmio_", 5) == 0;

		if (!memory)
			return mmio_exit(l, s, run);
		s->keep = true;
		s->wr_first = s->wr_next = run->mmio.phys_addr - UNIT_MMIO;
		return mmio_exit(l, s, run);
	}
	if (sync_number(run, &n))
		return sync_exit(l, s, n);
	if (run->exit_reason == KVM_EXIT_IO)
		return port_exit(l, s, run);
	return lab_odd_exit(l, cpu);
}

int set_xcr0(struct lab *l)
{
	struct kvm_xcrs x = { .nr_xcrs = 1 };

	x.xcrs[0].value = __builtin_cpu_supports("avx") ? 7 : 3;
	return lab_cpu_ioctl(l, 0, KVM_SET_XCRS, &x) < 0 ? -1 : (int)x.xcrs[0].value;
}

static int with_io(struct t *t, const char *test, bool irqchip, int (*prepare)(struct lab *l))
{
	struct io *s = calloc(1, sizeof(*s));
	int rc;

	NEED(t, s, "memory");
	rc = unit_test(t, &(struct unit){ .test = test, .lab = { .irqchip = irqchip },
		.on_exit = on_exit_io, .arg = s, .prepare = prepare });
	free(s);
	return rc;
}

int flat_io(struct t *t, const char *test, bool irqchip)
{
	return with_io(t, test, irqchip, NULL);
}

FLAT(port_width, flat_io(t, "pio_width", NO_IRQCHIP),
     "IN and OUT of 1, 2, 4 bytes arrive as they were made", ADVICE_EMUL, NEED_KVM)
FLAT(port_string, flat_io(t, "pio_string", NO_IRQCHIP),
     "REP INS and OUTS move the right bytes, in both directions", ADVICE_EMUL, NEED_KVM)
FLAT(port_bitmap, flat_io(t, "io_bitmap", NO_IRQCHIP),
     "ring 3 can use exactly the ports that the TSS allows", ADVICE_EMUL, HW)
FLAT(port_segments, flat_io(t, "io_segments", NO_IRQCHIP),
     "string I/O in 32-bit code keeps to its segment's limit and rights", ADVICE_EMUL, HW)
FLAT(mmio_width, flat_io(t, "mmio_width", NO_IRQCHIP),
     "MMIO of 1, 2, 4, 8, 16 bytes arrives as it was made, across pages, too", ADVICE_EMUL, NEED_KVM)
FLAT(mmio_string, flat_io(t, "mmio_string", NO_IRQCHIP),
     "string instructions on MMIO move the right bytes", ADVICE_EMUL, NEED_KVM)
FLAT(mmio_instructions, flat_io(t, "mmio_emulate", NO_IRQCHIP),
     "instructions that KVM emulates on MMIO do what the CPU does on RAM", ADVICE_EMUL, NEED_KVM)
FLAT(mmio_addressing, flat_io(t, "mmio_addressing", NO_IRQCHIP),
     "MMIO hits the right address for every combination of registers and displacement", ADVICE_EMUL, NEED_KVM)
FLAT(mmio_stack, flat_io(t, "mmio_stack", NO_IRQCHIP),
     "a stack in MMIO works for PUSH, POP, CALL, RET, ENTER and LEAVE", ADVICE_EMUL, NEED_KVM)
FLAT(emulated_page_walk, flat_io(t, "emulated_walk", NO_IRQCHIP),
     "KVM's accesses on a guest's behalf obey the guest's page tables, SMAP and protection keys", ADVICE_EMUL, HW)
FLAT(exit_registers, flat_io(t, "regs_exit", NO_IRQCHIP),
     "general registers and flags survive exits", ADVICE_EMUL, NEED_KVM)

static int with_avx(struct lab *l)
{
	return set_xcr0(l) < 0 ? -1 : 0;
}

FLAT(exit_fpu, with_io(t, "xsave_exit", NO_IRQCHIP, with_avx),
     "x87, SSE and AVX state survives exits", ADVICE_EMUL, HW)

/* QEMU's emulation of SVM does not intercept XSETBV: KVM never sees it. */
CHECK(flat, xsetbv, "XCR0 takes valid values and rejects others",
      ADVICE_CPU, HW)
{
	if (host_is_tcg())
		return t_skip(t, "QEMU's TCG, under which this host runs, does not intercept XSETBV");
	return flat_io(t, "xsetbv", NO_IRQCHIP);
}
