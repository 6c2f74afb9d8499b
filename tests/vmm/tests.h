/* SPDX-License-Identifier: GPL-2.0-only */
/* Every file of unit tests adds a table; main.c runs all of them as one plan. */
#ifndef VMM_TESTS_H
#define VMM_TESTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define TESTS_MAX	200

struct tests {
	struct CMUnitTest t[TESTS_MAX];
	size_t n;
};

void add_tests(struct tests *all, const struct CMUnitTest *t, size_t n);
#define ADD_TESTS(all, array) \
	add_tests(all, array, sizeof(array) / sizeof((array)[0]))

void memory_tests(struct tests *all);
void boot_tests(struct tests *all);
void pc_tests(struct tests *all);
void virtio_tests(struct tests *all);
void virtio_pci_tests(struct tests *all);
void blk_tests(struct tests *all);
void opts_tests(struct tests *all);
void end_tests(struct tests *all);
void input_tests(struct tests *all);
void sandbox_tests(struct tests *all);
void gdb_tests(struct tests *all);
void x86_tests(struct tests *all);
void migrate_tests(struct tests *all);

/* Create a file in memory with these bytes; -1 if that is not possible here. */
int memory_file(const void *data, size_t len);

#endif
