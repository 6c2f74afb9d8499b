// SPDX-License-Identifier: GPL-2.0-only
/* See slot.h. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "env/clock.h"
#include "lab/slot.h"

#define LIST	0x20000u	/* the guest's list of addresses */

/* For each address in the list at RDI, up to a 0: write or read it. Then HLT. */
const uint8_t slot_write[18] = {
	0x48, 0x8b, 0x07, 0x48, 0x85, 0xc0, 0x74, 0x09, 0xc6, 0x00, 0x01,
	0x48, 0x83, 0xc7, 0x08, 0xeb, 0xef, 0xf4,
};

const uint8_t slot_read[18] = {
	0x48, 0x8b, 0x07, 0x48, 0x85, 0xc0, 0x74, 0x09, 0x8a, 0x18, 0x90,
	0x48, 0x83, 0xc7, 0x08, 0xeb, 0xef, 0xf4,
};

int slot_touch(struct lab *l, const uint8_t *code, size_t len, const bool *pages)
{
	uint64_t *list = (uint64_t *)(void *)(l->ram + LIST);
	struct kvm_regs r;
	unsigned int i, k = 0;

	for (i = 0; i < PAGES; i++)
		if (pages[i])
			list[k++] = SLOT1 + i * PG + (i * 64) % 4096;
	list[k] = 0;
	lab_code(l, 0x1000, code, len);
	if (lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	r.rip = 0x1000;
	r.rdi = LIST;
	if (lab_cpu_ioctl(l, 0, KVM_SET_REGS, &r) < 0)
		return -1;
	return lab_to_hlt(l);
}

int slot_open(struct lab *l, struct t *t, uint32_t flags, void **host, int (*pre)(struct lab *l))
{
	int rc;

	*host = MAP_FAILED;
	if (lab_open(l, t, LAB(.pre = pre)))
		return -1;
	*host = mmap(NULL, PAGES * PG, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(t, *host != MAP_FAILED, "memory of a slot");
	madvise(*host, PAGES * PG, MADV_NOHUGEPAGE);
	rc = lab_slot(l, 1, flags, SLOT1, PAGES * PG, *host);
	REQUIRE(t, !rc, "memory slot 1 of %u pages at 0x%llx: %s", PAGES, SLOT1, strerror(-rc));
	return lab_long(l, 0, 0x1000, 0x8000);
}

void slot_close(struct lab *l, void *host)
{
	lab_close(l);
	if (host != MAP_FAILED)
		munmap(host, PAGES * PG);
}

int slot_with(struct t *t, uint32_t flags, int (*pre)(struct lab *l), int (*body)(struct lab *l, uint8_t *host))
{
	struct lab l;
	void *host;
	int rc = slot_open(&l, t, flags, &host, pre) ? -1 : body(&l, host);

	slot_close(&l, host);
	return rc;
}

int slot_aim(struct lab *l, uint64_t gpa, bool write)
{
	uint64_t *list = (uint64_t *)(void *)(l->ram + LIST);
	struct kvm_regs r;

	list[0] = gpa;
	list[1] = 0;
	lab_code(l, 0x1000, write ? slot_write : slot_read, sizeof(slot_write));
	if (lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	r.rip = 0x1000;
	r.rdi = LIST;
	return lab_cpu_ioctl(l, 0, KVM_SET_REGS, &r) < 0 ? -1 : 0;
}

int slot_peek(struct lab *l, uint64_t gpa)
{
	struct kvm_regs r;

	if (slot_aim(l, gpa, false) || lab_to_hlt(l) || lab_cpu_ioctl(l, 0, KVM_GET_REGS, &r) < 0)
		return -1;
	return (int)(r.rbx & 0xff);
}

int run_to_fault(struct lab *l, uint64_t gpa, uint64_t flags, const char *what)
{
	const struct kvm_run *run = l->cpu[0].run;
	const struct compat_memory_fault *f = run_memory_fault(run);
	int rc, err;

	l->cpu[0].run->exit_reason = KVM_EXIT_UNKNOWN;
	do {
		rc = ioctl(l->cpu[0].fd, KVM_RUN, 0);
		err = errno;
	} while (rc < 0 && err == EINTR && now_ms() < l->deadline);
	REQUIRE(l->t, rc < 0, "%s: KVM_RUN ended with %s, expected an error (EFAULT)", what, exit_name(run->exit_reason));
	REQUIRE(l->t, err == EFAULT, "%s: KVM_RUN: %s, expected EFAULT", what, strerror(err));
	if (run->exit_reason != KVM_EXIT_MEMORY_FAULT)
		return 0;
	REQUIRE(l->t, f->gpa == (gpa & ~0xfffull) && f->size == PG && f->flags == flags,
		"%s at 0x%llx: KVM_EXIT_MEMORY_FAULT says 0x%llx, %llu bytes, flags 0x%llx, expected the page and flags 0x%llx",
		what, (unsigned long long)gpa, (unsigned long long)f->gpa, (unsigned long long)f->size,
		(unsigned long long)f->flags, (unsigned long long)flags);
	return 1;
}
