// SPDX-License-Identifier: GPL-2.0-only
/* The first tests: that C code runs at all, and how the harness ends. */
#include "lib.h"

TEST(nothing)
{
}

/* What the harness makes of failure, skip, hang, crash: tests/selftest. */
TEST(self_fail)
{
	fail("asked to fail: %d %u 0x%lx %s", -1, 2, 3UL, "four");
}

TEST(self_skip)
{
	skip("asked to skip");
}

TEST(self_hang)
{
	step("hanging on purpose");
	for (;;)
		pause();
}

TEST(self_spin)
{
	step("spinning on purpose");
	for (;;)
		asm volatile("");
}

TEST(self_flood)
{
	step("flooding on purpose");
	for (;;)
		outb(UNIT_PORT_TEXT, 'x');
}

TEST(self_trap)
{
	*(volatile u64 *)0x8000000000UL = 0;	/* not mapped */
}
