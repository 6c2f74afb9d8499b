// SPDX-License-Identifier: GPL-2.0
/* flat: guests without an OS. */
#include <errno.h>
#include <string.h>

#include "flat.h"

#define ADVICE_RUN "KVM cannot run guest code on this host: dmesg, then the host/ and vm/ checks above."

/* The two demo images say one line each and halt. */
static int greeting(struct t *t, const char *image, bool long_mode, const char *want)
{
	struct lab_opts o = { 0 };
	struct lab l;
	int rc = -1;

	if (lab_open(&l, t, &o) || guest_load(t, image, l.ram + 0x1000, 0x1000) < 0 ||
	    (long_mode ? lab_long(&l, 0, 0x1000, 0x8000) : lab_real(&l, 0, 0x1000)))
		goto out;
	for (;;) {
		struct kvm_run *run = l.cpu[0].run;

		rc = lab_step(&l, 0);
		if (rc == -EINTR)
			continue;
		if (rc || run->exit_reason == KVM_EXIT_HLT)
			break;
		if (run->exit_reason != KVM_EXIT_IO || run->io.port != UNIT_PORT_TEXT ||
		    run->io.size != 1 || run->io.count != 1 ||
		    run->io.direction != KVM_EXIT_IO_OUT ||
		    l.text_len == sizeof(l.text) - 1) {
			lab_dump(&l, 0);
			rc = t_fail(t, "expected byte writes to port 0x10 and then HLT, got %s",
				    exit_name(run->exit_reason));
			break;
		}
		l.text[l.text_len++] = *((char *)run + run->io.data_offset);
	}
	if (!rc && strcmp(l.text, want))
		rc = t_fail(t, "the guest should have said '%.*s', it said '%s'",
			    (int)strlen(want) - 1, want, l.text);
out:
	lab_close(&l);
	return rc;
}

static int real_greeting(struct t *t)
{
	return greeting(t, "real.bin", false, "Hello from real mode\n");
}

static int long_mode(struct t *t)
{
	return greeting(t, "long.bin", true, "Hello from long mode\n");
}

#define ROW(name_, fn_, test_, cpus_, irq_, needs_, purpose_, advice_) \
	{ "flat/" name_, purpose_, advice_, NEED_KVM | (needs_), 0, fn_, \
	  (uintptr_t)&(const struct unit_row){ test_, cpus_, irq_ } }
#define ADVICE_EMUL "A guest's I/O is carried out wrongly: suspect arch/x86/kvm/emulate.c and x86.c of this kernel's patches."

const struct check checks_flat[] = {
	{ "flat/real-greeting", "a real-mode guest runs, writes to a port, halts",
	  ADVICE_RUN, NEED_KVM, 0, real_greeting, 0 },
	{ "flat/long-mode", "a 64-bit guest runs, writes to a port, halts",
	  ADVICE_RUN, NEED_KVM, 0, long_mode, 0 },
	ROW("mode-switch", unit_check, "nothing", 1, false, 0,
	    "a guest goes from real to protected to long mode by itself", ADVICE_RUN),
	ROW("port-width", flat_io, "pio_width", 1, false, 0,
	    "IN and OUT of 1, 2, 4 bytes arrive as they were made", ADVICE_EMUL),
	ROW("port-string", flat_io, "pio_string", 1, false, 0,
	    "REP INS and OUTS move the right bytes, in both directions", ADVICE_EMUL),
	ROW("mmio-width", flat_io, "mmio_width", 1, false, 0,
	    "MMIO of 1, 2, 4, 8 bytes arrives as it was made, across pages too", ADVICE_EMUL),
	ROW("mmio-string", flat_io, "mmio_string", 1, false, 0,
	    "string instructions on MMIO move the right bytes", ADVICE_EMUL),
	ROW("mmio-instructions", flat_io, "mmio_emulate", 1, false, 0,
	    "instructions emulated on MMIO do what the CPU does on RAM", ADVICE_EMUL),
	ROW("exit-registers", flat_io, "regs_exit", 1, false, 0,
	    "general registers and flags survive exits", ADVICE_EMUL),
	ROW("exit-fpu", flat_io, "xsave_exit", 1, false, NEED_HW,
	    "x87, SSE and AVX state survives exits", ADVICE_EMUL),
	{ 0 }
};
