// SPDX-License-Identifier: GPL-2.0-only
/* Which CPU a saved guest may go on with. */
#include "tests.h"

#include <string.h>

#include "compat.h"
#include "x86.h"

/* Leaf 0 with a vendor, leaves 1 and 7, XSAVE's. */
struct table {
	struct kvm_cpuid2 h;
	struct kvm_cpuid_entry2 room[5];
};

static void make(struct table *t, const char *vendor)
{
	struct kvm_cpuid_entry2 *x = t->h.entries;

	memset(t, 0, sizeof(*t));
	t->h.nent = 5;
	memcpy(&x[0].ebx, vendor, 12);
	x[1] = (struct kvm_cpuid_entry2){ .function = 1, .ecx = 1 << 26 | 1 << 21, .edx = 0xff };
	x[2] = (struct kvm_cpuid_entry2){ .function = 7, .ebx = 1 << 5, .ecx = 1 << 3 };
	x[3] = (struct kvm_cpuid_entry2){ .function = 7, .index = 1, .eax = 1 << 4 };
	x[4] = (struct kvm_cpuid_entry2){ .function = 0xd, .eax = 7 };
}

static void a_guest_goes_where_its_features_are(void **state)
{
	struct table saw, here;
	struct err e;

	(void)state;
	make(&saw, "GenuntelineI");
	make(&here, "GenuntelineI");
	assert_int_equal(x86_cpuid_fits(&saw.h, &here.h, "f", &e), 0);
	/* What follows CR4 and XCR0 is no feature that a host could lack. */
	saw.h.entries[1].ecx |= 1 << 27;
	saw.h.entries[2].ecx |= 1 << 4;
	saw.h.entries[1].ebx = 5 << 24;
	assert_int_equal(x86_cpuid_fits(&saw.h, &here.h, "f", &e), 0);
	/* More here is no harm: the guest goes on to see what it saw. */
	here.h.entries[2].ebx |= 1U << 31;
	assert_int_equal(x86_cpuid_fits(&saw.h, &here.h, "f", &e), 0);
	saw.h.entries[3].eax |= 1 << 5;
	assert_int_equal(x86_cpuid_fits(&saw.h, &here.h, "f", &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.msg, "f: the guest may use features"));
	assert_non_null(strstr(e.msg, "CPUID 0x7.1 EAX, bits 0x20"));
	saw.h.entries[3].eax &= ~(1U << 5);
	here.h.nent = 4;		/* a leaf that is not there */
	assert_int_equal(x86_cpuid_fits(&saw.h, &here.h, "f", &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.msg, "CPUID 0xd.0 EAX, bits 0x7"));
	make(&here, "AuthcAMDenti");
	assert_int_equal(x86_cpuid_fits(&saw.h, &here.h, "f", &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.msg, "another vendor"));
}

void x86_tests(struct tests *all)
{
	static const struct CMUnitTest t[] = {
		cmocka_unit_test(a_guest_goes_where_its_features_are),
	};

	ADD_TESTS(all, t);
}
