// SPDX-License-Identifier: GPL-2.0-only
/* vm: guest_memfd, and private and shared memory. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPORT_PLACE 80
#include "lab/slot.h"
#include "vm/vm.h"

#define SIZE	(PAGES * PG)
#define FAR	(SLOT1 + 0x1000000)	/* an address in no slot */

/* As lab_slot(), but by KVM_SET_USER_MEMORY_REGION2; @gmem -1: no guest_memfd */
static int slot2(struct lab *l, unsigned int slot, uint32_t flags, uint64_t gpa, uint64_t size,
		 void *host, int gmem, uint64_t offset)
{
	struct kvm_userspace_memory_region2 r = {
		.slot = slot, .flags = flags, .guest_phys_addr = gpa, .memory_size = size,
		.userspace_addr = (uintptr_t)host, .guest_memfd = (uint32_t)gmem, .guest_memfd_offset = offset,
	};
	int rc;

	do {
		rc = ioctl(l->vm, KVM_SET_USER_MEMORY_REGION2, &r);
	} while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : 0;
}

/* Create a guest_memfd; returns it, or -errno. */
static int gmem_create(const struct lab *l, uint64_t size, uint64_t flags)
{
	struct kvm_create_guest_memfd g = { .size = size, .flags = flags };
	int fd = ioctl(l->vm, KVM_CREATE_GUEST_MEMFD, &g);

	return fd < 0 ? -errno : fd;
}

/* The guest's read must end in KVM_EXIT_MEMORY_FAULT, because only the VMM can resolve it. */
static int named_fault(struct lab *l, uint64_t gpa, uint64_t flags, const char *what)
{
	int rc = slot_aim(l, gpa, false) ? -1 : run_to_fault(l, gpa, flags, what);

	REQUIRE(l->t, rc, "%s: KVM_RUN: EFAULT, exit reason %s, expected KVM_EXIT_MEMORY_FAULT", what,
		exit_name(l->cpu[0].run->exit_reason));
	return rc < 0 ? -1 : 0;
}

/* --- KVM_SET_USER_MEMORY_REGION2 --- */

SLOT_CHECK(vm, memory_region2, 0, NULL, "KVM_SET_USER_MEMORY_REGION2 makes slots like the older ioctl",
	   ADVICE_MEM, NEED_KVM | NEED_HW)
{
	uint64_t log[PAGES / 64] = { 0 };
	struct kvm_dirty_log d = { .slot = 1, .dirty_bitmap = log };
	bool pages[PAGES] = { [3] = true };
	const uint8_t *written = host + 3 * (PG + 64);	/* see slot_touch() */

	if (lab_cap(l, KVM_CAP_USER_MEMORY2) <= 0)
		return t_skip(l->t, "this KVM has no KVM_SET_USER_MEMORY_REGION2 (Linux 6.8)");
	REQUIRE(l->t, slot2(l, 2, 1u << 30, FAR, PG, host, -1, 0) == -EINVAL,
		"KVM_SET_USER_MEMORY_REGION2 with an unknown flag was not refused");
	REQUIRE(l->t, slot2(l, 2, 0, SLOT1, PG, host, -1, 0) == -EEXIST,
		"KVM_SET_USER_MEMORY_REGION2 over another slot was not refused");
	REQUIRE(l->t, !slot2(l, 1, 0, SLOT1, 0, host, -1, 0) &&
		!slot2(l, 1, KVM_MEM_LOG_DIRTY_PAGES, SLOT1, SIZE, host, -1, 0),
		"KVM_SET_USER_MEMORY_REGION2 cannot create the slot again after its removal: %s", strerror(errno));
	if (TOUCH(l, slot_write, pages) || lab_vm_ioctl(l, KVM_GET_DIRTY_LOG, &d) < 0)
		return -1;
	REQUIRE(l->t, *written == 1, "the guest's write to a slot made by KVM_SET_USER_MEMORY_REGION2 is not in the host's memory");
	REQUIRE(l->t, log[0] == 1 << 3, "the guest wrote page 3, but the dirty log says 0x%llx", (unsigned long long)log[0]);
	return 0;
}

/* --- guest_memfd --- */

/* KVM's VM types as bits (KVM_CAP_VM_TYPES, since Linux 6.8); 0: KVM does not list them. */
static int kvm_types(struct lab *l)
{
	int types = ioctl(l->kvm, KVM_CHECK_EXTENSION, KVM_CAP_VM_TYPES);

	return types > 0 ? types : 0;
}

static int no_type(struct t *t, int types, const char *what)
{
	return types ? t_skip(t, "no type of VM that can be tried here has %s: CONFIG_KVM_SW_PROTECTED_VM is off", what) :
		       t_skip(t, "%s needs Linux 6.8", what);
}

/* Find the type of VM that can have a guest_memfd here: the default (0) or the one for tests; -1: none of *types. */
static int find_type(struct t *t, long *type, int *types)
{
	struct lab l;
	int rc = lab_open(&l, t, LAB());

	*type = -1;
	if (!rc) {
		*types = kvm_types(&l);
		if (lab_cap(&l, KVM_CAP_GUEST_MEMFD) > 0)
			*type = KVM_X86_DEFAULT_VM;
		else if (*types & 1 << KVM_X86_SW_PROTECTED_VM)
			*type = KVM_X86_SW_PROTECTED_VM;
	}
	lab_close(&l);
	return rc;
}

static int gmem_sizes_and_flags(struct lab *l)
{
	/* Linux 6.8 had neither the capability nor flags. */
	int flags = lab_cap(l, KVM_CAP_GUEST_MEMFD_FLAGS), fd, i;

	REQUIRE(l->t, gmem_create(l, 0, 0) == -EINVAL, "a guest_memfd of no bytes was not refused");
	REQUIRE(l->t, gmem_create(l, PG + 1, 0) == -EINVAL, "a guest_memfd of 4097 bytes was not refused");
	for (i = 0; i < 31; i++) {
		bool offered = flags > 0 && flags & 1 << i;

		fd = gmem_create(l, PG, 1ull << i);
		if (fd >= 0)
			close(fd);
		REQUIRE(l->t, offered || fd < 0, "KVM created a guest_memfd with flag 0x%x, which it does not offer (0x%x)",
			1u << i, (unsigned int)(flags > 0 ? flags : 0));
		REQUIRE(l->t, !offered || fd >= 0, "a guest_memfd with flag 0x%x, which KVM offers: %s", 1u << i, strerror(-fd));
	}
	return 0;
}

/* The file itself: its size is fixed, it cannot be read or written, its pages can be allocated and freed. */
static int gmem_file(struct lab *l, int fd)
{
	const int keep = FALLOC_FL_KEEP_SIZE, punch = keep | FALLOC_FL_PUNCH_HOLE;
	struct stat st;
	char c = 0;

	REQUIRE(l->t, !fstat(fd, &st) && st.st_size == (off_t)SIZE, "a guest_memfd of %zu bytes has the size %lld",
		SIZE, (long long)st.st_size);
	REQUIRE(l->t, pread(fd, &c, 1, 0) < 0 && pwrite(fd, &c, 1, 0) < 0, "a guest_memfd can be read or written as a file");
	REQUIRE(l->t, ftruncate(fd, PG) < 0, "a guest_memfd can be truncated");
	REQUIRE(l->t, mmap(NULL, PG, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED, "a guest_memfd without GUEST_MEMFD_FLAG_MMAP can be mapped");
	REQUIRE(l->t, !fallocate(fd, keep, 0, SIZE), "fallocate of a guest_memfd: %s", strerror(errno));
	REQUIRE(l->t, !fallocate(fd, punch, PG, PG), "punching a hole in a guest_memfd: %s", strerror(errno));
	REQUIRE(l->t, fallocate(fd, keep, 0, SIZE + PG) < 0, "fallocate beyond a guest_memfd's size was not refused");
	REQUIRE(l->t, fallocate(fd, punch, 1, PG) < 0, "a hole at byte 1 of a guest_memfd was not refused");
	return 0;
}

struct refusal {
	uint32_t flags;
	int fd;
	uint64_t gpa, size, offset;
	int want;
	const char *what;
};

static int gmem_bindings(struct lab *l, int fd, int other, void *host)
{
	const uint32_t gm = KVM_MEM_GUEST_MEMFD;
	const struct refusal bad[] = {
		{ gm, -1, FAR, PG, 0, -EBADF, "no file" },
		{ gm, l->kvm, FAR, PG, 0, -EINVAL, "/dev/kvm" },
		{ gm, other, FAR, PG, 0, -EINVAL, "another VM's guest_memfd" },
		{ gm, fd, FAR, PG, 1, -EINVAL, "offset 1" },
		{ gm, fd, FAR, 2 * PG, SIZE - PG, -EINVAL, "a range beyond the file" },
		{ gm, fd, FAR, PG, ~0ull << 12, -EINVAL, "an offset that wraps around" },
		{ gm | KVM_MEM_READONLY, fd, FAR, PG, 0, -EINVAL, "read-only" },
		{ gm | KVM_MEM_LOG_DIRTY_PAGES, fd, FAR, PG, 0, -EINVAL, "with a dirty log" },
	};
	unsigned int i;
	int rc;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rc = slot2(l, 2, bad[i].flags, bad[i].gpa, bad[i].size, host, bad[i].fd, bad[i].offset);
		/* Only that it fails: the error differs between kernels. */
		REQUIRE(l->t, rc < 0, "a slot with a guest_memfd, %s: accepted, expected %s", bad[i].what, strerror(-bad[i].want));
	}
	rc = slot2(l, 2, gm, FAR, 4 * PG, host, fd, PG);
	REQUIRE(l->t, !rc, "a slot of a guest_memfd: %s", strerror(-rc));
	rc = slot2(l, 3, gm, FAR + SIZE, 2 * PG, host, fd, 4 * PG);
	REQUIRE(l->t, rc == -EEXIST, "a second slot of the same pages of a guest_memfd: %s, expected %s",
		rc ? strerror(-rc) : "accepted", strerror(EEXIST));
	REQUIRE(l->t, slot2(l, 2, gm, FAR + SIZE, 4 * PG, host, fd, PG) < 0, "a slot of a guest_memfd was moved");
	REQUIRE(l->t, !slot2(l, 2, 0, FAR, 0, host, -1, 0), "a slot of a guest_memfd cannot be deleted: %s", strerror(errno));
	rc = slot2(l, 3, gm, FAR + SIZE, 2 * PG, host, fd, 4 * PG);
	REQUIRE(l->t, !rc, "pages of a guest_memfd whose slot was deleted, in another slot: %s", strerror(-rc));
	/* The pages right before and after those. */
	rc = slot2(l, 2, gm, FAR, 2 * PG, host, fd, 2 * PG);
	REQUIRE(l->t, !rc, "the pages of a guest_memfd before those of another slot: %s", strerror(-rc));
	rc = slot2(l, 4, gm, FAR + 2 * SIZE, PG, host, fd, 6 * PG);
	REQUIRE(l->t, !rc, "the page of a guest_memfd after those of another slot: %s", strerror(-rc));
	return 0;
}

static int gmem_body(struct lab *l)
{
	struct lab second;
	int fd, other = -1, rc = -1;

	if (gmem_sizes_and_flags(l))
		return -1;
	fd = gmem_create(l, SIZE, 0);
	REQUIRE(l->t, fd >= 0, "KVM_CREATE_GUEST_MEMFD of %zu bytes: %s", SIZE, strerror(-fd));
	second = *l;
	second.vm = ioctl(l->kvm, KVM_CREATE_VM, l->opts.type);
	if (second.vm < 0)
		t_fail(l->t, "a second VM of type %lu: %s", l->opts.type, strerror(errno));
	else
		other = gmem_create(&second, PG, 0);
	if (other < 0 && second.vm >= 0)
		t_fail(l->t, "a second VM's guest_memfd: %s", strerror(-other));
	if (other >= 0)
		rc = gmem_file(l, fd) || gmem_bindings(l, fd, other, l->ram) ? -1 : 0;
	if (other >= 0)
		close(other);
	if (second.vm >= 0)
		close(second.vm);
	close(fd);
	return rc;
}

CHECK(vm, guest_memfd, "guest_memfd: invalid sizes, flags, holes and slots are refused",
      ADVICE_MEM, NEED_KVM | NEED_HW)
{
	long type;
	int types;

	if (find_type(t, &type, &types))
		return -1;
	if (type < 0)
		return no_type(t, types, "a guest_memfd");
	return lab_with(t, LAB(.type = (unsigned long)type), gmem_body);
}

/* --- guest_memfd that its VMM maps --- */

/* Can this process read the byte at @p? Let write(2) try: it fails where an access would be a SIGBUS. */
static bool readable(const void *p)
{
	int fds[2];
	bool ok;

	if (pipe2(fds, O_CLOEXEC))
		return false;
	ok = write(fds[1], p, 1) == 1;
	close(fds[0]);
	close(fds[1]);
	return ok;
}

static int gmem_mmap_rules(struct lab *l, int fd)
{
	int private = gmem_create(l, PG, GUEST_MEMFD_FLAG_MMAP);
	void *p;
	bool seen;

	REQUIRE(l->t, mmap(NULL, PG, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED, "a guest_memfd can be mapped with MAP_PRIVATE");
	REQUIRE(l->t, private >= 0, "a guest_memfd that can be mapped and starts private: %s", strerror(-private));
	p = mmap(NULL, PG, PROT_READ, MAP_SHARED, private, 0);
	close(private);
	REQUIRE(l->t, p != MAP_FAILED, "mmap of a guest_memfd that starts private: %s", strerror(errno));
	seen = readable(p);
	munmap(p, PG);
	REQUIRE(l->t, !seen, "the host can read private memory of a guest_memfd");
	p = mmap(NULL, SIZE + PG, PROT_READ, MAP_SHARED, fd, 0);
	REQUIRE(l->t, p != MAP_FAILED, "mmap of a guest_memfd: %s", strerror(errno));
	seen = readable((char *)p + SIZE);
	munmap(p, SIZE + PG);
	REQUIRE(l->t, !seen, "the host can read beyond the end of a guest_memfd");
	return 0;
}

/* Host and guest must see each other's writes, and both read zeroes from a hole. */
static int gmem_shared(struct lab *l, int fd, volatile uint8_t *h)
{
	bool pages[PAGES] = { [2] = true, [9] = true };
	int rc;

	if (TOUCH(l, slot_write, pages))
		return -1;
	REQUIRE(l->t, h[2 * (PG + 64)] == 1 && h[9 * (PG + 64)] == 1, "the host does not see the guest's writes to a guest_memfd");
	h[20 * PG] = 0x77;
	rc = slot_peek(l, SLOT1 + 20 * PG);
	REQUIRE(l->t, rc == 0x77, "the host wrote 0x77 to a guest_memfd, but the guest reads 0x%x", (unsigned int)rc);
	REQUIRE(l->t, !fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 20 * (off_t)PG, PG), "punching a hole in a guest_memfd: %s", strerror(errno));
	rc = slot_peek(l, SLOT1 + 20 * PG);
	REQUIRE(l->t, rc == 0, "the guest reads 0x%x from a hole in the guest_memfd: it can still access freed memory", (unsigned int)rc);
	REQUIRE(l->t, h[20 * PG] == 0, "the host reads 0x%x from a hole in the guest_memfd", h[20 * PG]);
	h[20 * PG] = 0x78;
	rc = slot_peek(l, SLOT1 + 20 * PG);
	REQUIRE(l->t, rc == 0x78, "the host wrote 0x78 to a former hole in a guest_memfd, but the guest reads 0x%x", (unsigned int)rc);
	return 0;
}

static int gmem_mmap_body(struct lab *l)
{
	const uint64_t flags = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED;
	int fd = gmem_create(l, SIZE, flags), rc;
	void *h;

	REQUIRE(l->t, fd >= 0, "KVM_CREATE_GUEST_MEMFD with MMAP and INIT_SHARED: %s", strerror(-fd));
	h = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	rc = h == MAP_FAILED ? t_fail(l->t, "mmap of a guest_memfd: %s", strerror(errno)) : 0;
	/* The slot has no host address: KVM must not depend on the VMM's mapping. */
	if (!rc && slot2(l, 1, KVM_MEM_GUEST_MEMFD, SLOT1, SIZE, NULL, fd, 0))
		rc = t_fail(l->t, "a slot of a guest_memfd that is mapped: %s", strerror(errno));
	if (!rc)
		rc = lab_long(l, 0, 0x1000, 0x8000) || gmem_mmap_rules(l, fd) || gmem_shared(l, fd, h) ? -1 : 0;
	if (h != MAP_FAILED)
		munmap(h, SIZE);
	close(fd);
	/* The last reference is gone, and so is the guest's memory. */
	return rc ? rc : named_fault(l, SLOT1 + 2 * PG, 0, "an access to a guest_memfd that was closed");
}

CHECK(vm, guest_memfd_mmap, "guest and VMM share the memory of a mapped guest_memfd",
      ADVICE_MEM, NEED_KVM | NEED_HW)
{
	const int need = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED;
	struct lab l;
	int rc = lab_open(&l, t, LAB()), flags = 0;

	if (!rc) {
		flags = lab_cap(&l, KVM_CAP_GUEST_MEMFD_FLAGS);
		rc = flags > 0 && (flags & need) == need ? gmem_mmap_body(&l) :
			t_skip(t, "this KVM has no guest_memfd that a VMM can map (KVM_CAP_GUEST_MEMFD_FLAGS, after Linux 6.12)");
	}
	lab_close(&l);
	return rc;
}

/* --- memory attributes --- */

static int set_attributes(const struct lab *l, uint64_t gpa, uint64_t size, uint64_t attributes, uint64_t flags)
{
	struct kvm_memory_attributes a = { .address = gpa, .size = size, .attributes = attributes, .flags = flags };

	return ioctl(l->vm, KVM_SET_MEMORY_ATTRIBUTES, &a) < 0 ? -errno : 0;
}

static int attribute_rules(struct lab *l)
{
	const uint64_t private = KVM_MEMORY_ATTRIBUTE_PRIVATE;

	REQUIRE(l->t, set_attributes(l, SLOT1, 0, private, 0) == -EINVAL, "attributes of no bytes were not refused");
	REQUIRE(l->t, set_attributes(l, SLOT1 + 1, PG, private, 0) == -EINVAL, "attributes at an unaligned address were not refused");
	REQUIRE(l->t, set_attributes(l, SLOT1, 100, private, 0) == -EINVAL, "attributes of 100 bytes were not refused");
	REQUIRE(l->t, set_attributes(l, ~0ull << 12, 2 * PG, private, 0) == -EINVAL, "attributes of a range that wraps around were not refused");
	REQUIRE(l->t, set_attributes(l, SLOT1, PG, 1ull << 40, 0) == -EINVAL, "an attribute that KVM does not offer was not refused");
	REQUIRE(l->t, set_attributes(l, SLOT1, PG, private, 1) == -EINVAL, "attributes with an unknown flag were not refused");
	return 0;
}

/* Private and shared memory at one address: each must keep its contents while the other is visible. */
static int private_and_shared(struct lab *l, uint8_t *h)
{
	const uint64_t at = SLOT1 + 4 * PG;
	int rc;

	h[4 * PG] = 0x42;
	rc = slot_peek(l, at);
	REQUIRE(l->t, rc == 0x42, "the host wrote 0x42 to shared memory, but the guest reads 0x%x", (unsigned int)rc);
	REQUIRE(l->t, !set_attributes(l, at, PG, KVM_MEMORY_ATTRIBUTE_PRIVATE, 0), "a page cannot be made private: %s", strerror(errno));
	rc = slot_peek(l, at);
	REQUIRE(l->t, rc == 0, "the guest reads 0x%x from a new private page, expected 0: it sees the host's memory", (unsigned int)rc);
	if (slot_aim(l, at, true) || lab_to_hlt(l))
		return -1;
	REQUIRE(l->t, h[4 * PG] == 0x42, "the guest's write to private memory went to shared memory: 0x%x", h[4 * PG]);
	rc = slot_peek(l, at + PG);
	REQUIRE(l->t, rc == h[5 * PG], "the page after a private one is not shared: it reads 0x%x", (unsigned int)rc);
	REQUIRE(l->t, !set_attributes(l, at, PG, 0, 0), "a page cannot be made shared again: %s", strerror(errno));
	rc = slot_peek(l, at);
	REQUIRE(l->t, rc == 0x42, "the guest reads 0x%x from a page made shared again, but the host has 0x42", (unsigned int)rc);
	return 0;
}

static int attributes_body(struct lab *l, uint8_t *host, int fd)
{
	const uint64_t bare = 0x300000;		/* in slot 0, which has no guest_memfd */
	int rc;

	REQUIRE(l->t, lab_cap(l, KVM_CAP_MEMORY_ATTRIBUTES) & KVM_MEMORY_ATTRIBUTE_PRIVATE,
		"a VM with private memory does not offer the attribute PRIVATE");
	rc = slot2(l, 1, KVM_MEM_GUEST_MEMFD, SLOT1, SIZE, host, fd, 0);
	REQUIRE(l->t, !rc, "a slot of a guest_memfd: %s", strerror(-rc));
	if (lab_long(l, 0, 0x1000, 0x8000) || attribute_rules(l) || private_and_shared(l, host))
		return -1;
	REQUIRE(l->t, !set_attributes(l, bare, PG, KVM_MEMORY_ATTRIBUTE_PRIVATE, 0), "a page cannot be made private: %s", strerror(errno));
	return named_fault(l, bare, KVM_MEMORY_EXIT_FLAG_PRIVATE, "an access to a private page whose slot has no guest_memfd");
}

CHECK(vm, memory_attributes, "private and shared memory at one address are separate, and both keep their contents",
      ADVICE_MEM, NEED_KVM | NEED_HW)
{
	struct lab l;
	void *host = MAP_FAILED;
	int rc = lab_open(&l, t, LAB()), types, fd = -1;

	if (!rc && lab_cap(&l, KVM_CAP_MEMORY_ATTRIBUTES) <= 0 &&
	    !set_attributes(&l, 0, PG, KVM_MEMORY_ATTRIBUTE_PRIVATE, 0))
		rc = t_fail(t, "a VM without private memory accepted the attribute PRIVATE");
	types = rc ? 0 : kvm_types(&l);
	lab_close(&l);
	if (rc)
		return rc;
	if (!(types & 1 << KVM_X86_SW_PROTECTED_VM))
		return no_type(t, types, "private memory");
	rc = lab_open(&l, t, LAB(.type = KVM_X86_SW_PROTECTED_VM));
	if (!rc) {
		fd = gmem_create(&l, SIZE, 0);
		host = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		rc = fd < 0 ? t_fail(t, "KVM_CREATE_GUEST_MEMFD: %s", strerror(-fd)) :
			host == MAP_FAILED ? t_fail(t, "mmap: %s", strerror(errno)) : attributes_body(&l, host, fd);
	}
	if (fd >= 0)
		close(fd);
	lab_close(&l);
	if (host != MAP_FAILED)
		munmap(host, SIZE);
	return rc;
}
