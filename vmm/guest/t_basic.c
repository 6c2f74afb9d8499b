// SPDX-License-Identifier: GPL-2.0-only
/* The first tests: does C code run at all? And tests that end in every possible way. */
#include "lib.h"

TEST(nothing)
{
}

/* These fail, skip, hang or crash on purpose, for tests/selftest. */
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
