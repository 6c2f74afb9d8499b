// SPDX-License-Identifier: GPL-2.0-only
#include "tests.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void add_tests(struct tests *all, const struct CMUnitTest *t, size_t n)
{
	if (all->n + n > TESTS_MAX) {
		fprintf(stderr, "vmm-tests: raise TESTS_MAX\n");
		_exit(2);
	}
	memcpy(all->t + all->n, t, n * sizeof(*t));
	all->n += n;
}

int memory_file(const void *data, size_t len)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	if (fd >= 0 && len && pwrite(fd, data, len, 0) != (ssize_t)len) {
		close(fd);
		return -1;
	}
	return fd;
}

/* vmm-tests [PATTERN]: run all tests, or those whose names match (* and ?). */
int main(int argc, char **argv)
{
	static struct tests all;

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	signal(SIGPIPE, SIG_IGN);	/* as kvm-vmm does */
	memory_tests(&all);
	boot_tests(&all);
	pc_tests(&all);
	virtio_tests(&all);
	virtio_pci_tests(&all);
	blk_tests(&all);
	opts_tests(&all);
	end_tests(&all);
	input_tests(&all);
	sandbox_tests(&all);
	gdb_tests(&all);
	x86_tests(&all);
	migrate_tests(&all);
	return _cmocka_run_group_tests("vmm", all.t, all.n, NULL, NULL) != 0;
}
