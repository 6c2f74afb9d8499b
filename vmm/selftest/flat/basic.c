// SPDX-License-Identifier: GPL-2.0-only
/* flat: guests without an OS. */
#include <string.h>

#define REPORT_PLACE 10
#include "flat/flat.h"
#include "lab/image.h"

static int greeting(struct lab *l, const char *image, bool long_mode, const char *want)
{
	struct kvm_run *run = l->cpu[0].run;

	if (guest_load(l->t, image, l->ram + 0x1000, 0x1000) < 0 ||
	    (long_mode ? lab_long(l, 0, 0x1000, 0x8000) : lab_real(l, 0, 0x1000)))
		return -1;
	for (;;) {
		if (lab_next(l))
			return -1;
		if (run->exit_reason == KVM_EXIT_HLT)
			break;
		if (run->exit_reason != KVM_EXIT_IO || run->io.port != UNIT_PORT_TEXT ||
		    run->io.size != 1 || run->io.count != 1 || run->io.direction != KVM_EXIT_IO_OUT ||
		    l->text_len == sizeof(l->text) - 1) {
			lab_dump(l, 0);
			return t_fail(l->t, "expected byte writes to port 0x10 and then HLT, got %s",
				      exit_name(run->exit_reason));
		}
		l->text[l->text_len++] = *((char *)run + run->io.data_offset);
	}
	REQUIRE(l->t, !strcmp(l->text, want), "the guest should have said '%.*s', but said '%s'",
		(int)strlen(want) - 1, want, l->text);
	return 0;
}

int flat_greeting(struct t *t, const char *image, bool long_mode, const char *want)
{
	struct lab l;
	int rc = lab_open(&l, t, LAB()) ? -1 : greeting(&l, image, long_mode, want);

	lab_close(&l);
	return rc;
}

FLAT(real_greeting, flat_greeting(t, "real.bin", false, "Hello from real mode\n"),
     "a real-mode guest runs, writes to a port and halts", ADVICE_RUN, NEED_KVM)
FLAT(long_mode, flat_greeting(t, "long.bin", true, "Hello from long mode\n"),
     "a 64-bit guest runs, writes to a port and halts", ADVICE_RUN, NEED_KVM)
FLAT(mode_switch, unit_check(t, "nothing"),
     "a guest switches itself from real to protected to long mode", ADVICE_RUN, NEED_KVM)
