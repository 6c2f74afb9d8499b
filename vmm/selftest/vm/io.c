// SPDX-License-Identifier: GPL-2.0-only
/* vm: I/O that KVM handles without an exit to user space. */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REPORT_PLACE 150
#include "env/clock.h"
#include "vm/vm.h"

CHECK(vm, ioeventfd, "port writes that match signal their eventfd, others exit",
      ADVICE_RUN, NEED_KVM)
{
	/* mov $7,%al; out %al,$0x50; mov $8,%al; out %al,$0x50; out %ax,$0x50; hlt */
	static const uint8_t code[] = { 0xb0, 7, 0xe6, 0x50, 0xb0, 8, 0xe6, 0x50, 0xe7, 0x50, 0xf4 };
	struct kvm_ioeventfd e = { .datamatch = 7, .addr = 0x50, .len = 1,
		.flags = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH }, any;
	struct kvm_run *run;
	struct kvm_regs r;
	uint64_t n = 0;
	struct lab l;
	int rc = lab_open(&l, t, LAB()) || lab_code_real(&l, code, sizeof(code)) ? -1 : 0, fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	e.fd = fd;
	run = l.cpu[0].run;
	if (!rc && (lab_vm_ioctl(&l, KVM_IOEVENTFD, &e) < 0 ||
		    lab_step_to(&l, KVM_EXIT_IO, "OUT of another value than the ioeventfd's")))
		rc = -1;
	if (!rc && (*((uint8_t *)run + run->io.data_offset) != 8 || run->io.size != 1))
		rc = t_fail(t, "the OUT that matches an ioeventfd came to user space");
	if (!rc && (read(fd, &n, 8) != 8 || n != 1))
		rc = t_fail(t, "an OUT that matches an ioeventfd signalled it %llu times, expected once", (unsigned long long)n);
	if (!rc)
		rc = lab_step_to(&l, KVM_EXIT_IO, "OUT of another width than the ioeventfd's");
	if (!rc && run->io.size != 2)
		rc = t_fail(t, "OUT of 2 bytes came as %u", run->io.size);
	if (!rc && ioctl(l.vm, KVM_IOEVENTFD, &e) != -1)
		rc = t_fail(t, "KVM accepted the same ioeventfd twice");
	any = e;
	any.flags &= ~(uint32_t)KVM_IOEVENTFD_FLAG_DATAMATCH;
	if (!rc && ioctl(l.vm, KVM_IOEVENTFD, &any) != -1)
		rc = t_fail(t, "KVM accepted an ioeventfd for every value at the place of one for 7");
	e.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
	if (!rc && (lab_step_to(&l, KVM_EXIT_HLT, "HLT") || lab_vm_ioctl(&l, KVM_IOEVENTFD, &e) < 0 ||
		    lab_cpu_ioctl(&l, 0, KVM_GET_REGS, &r) < 0))
		rc = -1;
	r.rip = 0x1000;
	if (!rc && (lab_cpu_ioctl(&l, 0, KVM_SET_REGS, &r) < 0 ||
		    lab_step_to(&l, KVM_EXIT_IO, "OUT after the ioeventfd was removed")))
		rc = -1;
	if (!rc && read(fd, &n, 8) == 8)
		rc = t_fail(t, "an ioeventfd that was removed was signalled");
	close(fd);
	lab_close(&l);
	return rc;
}

/* mov %eax, addr32 in long mode; twice; hlt */
CHECK(vm, ioeventfd_mmio, "MMIO writes that match signal their eventfd, others exit",
      ADVICE_RUN, NEED_KVM | NEED_HW)
{
	static const uint8_t code[] = {
		0x89, 0x04, 0x25, 0, 0, 0, 0x10, 0x89, 0x04, 0x25, 4, 0, 0, 0x10, 0xf4,
	};
	/* no data to match */
	struct kvm_ioeventfd e = { .addr = UNIT_MMIO, .len = 4 };
	struct kvm_run *run;
	uint64_t n = 0;
	struct lab l;
	int rc = lab_open(&l, t, LAB()), fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	e.fd = fd;
	run = l.cpu[0].run;
	if (!rc)
		rc = lab_code_long(&l, code, sizeof(code));
	if (!rc && (lab_vm_ioctl(&l, KVM_IOEVENTFD, &e) < 0 ||
		    lab_step_to(&l, KVM_EXIT_MMIO, "MMIO beside the ioeventfd")))
		rc = -1;
	if (!rc && run->mmio.phys_addr != UNIT_MMIO + 4)
		rc = t_fail(t, "MMIO at the ioeventfd's address came to user space");
	if (!rc && (read(fd, &n, 8) != 8 || n != 1))
		rc = t_fail(t, "MMIO to an ioeventfd signalled it %llu times, expected once", (unsigned long long)n);
	if (!rc)
		rc = lab_step_to(&l, KVM_EXIT_HLT, "HLT");
	close(fd);
	lab_close(&l);
	return rc;
}

/* @n writes of every width must signal @e, an ioeventfd without a length, and none may exit. */
static int any_length(struct lab *l, struct kvm_ioeventfd *e, const uint8_t *code, size_t len, uint64_t n)
{
	uint64_t got = 0;

	if (lab_vm_ioctl(l, KVM_IOEVENTFD, e) < 0 || lab_code_long(l, code, len) ||
	    lab_step_to(l, KVM_EXIT_HLT, "writes of every width to an ioeventfd of any length"))
		return -1;
	REQUIRE(l->t, read(e->fd, &got, 8) == 8 && got == n, "%llu writes to an ioeventfd of any length signalled it %llu times",
		(unsigned long long)n, (unsigned long long)got);
	/* Removed, it leaves nothing behind: it can be assigned again. */
	e->flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
	if (lab_vm_ioctl(l, KVM_IOEVENTFD, e) < 0)
		return -1;
	e->flags &= ~(uint32_t)KVM_IOEVENTFD_FLAG_DEASSIGN;
	REQUIRE(l->t, !ioctl(l->vm, KVM_IOEVENTFD, e), "an ioeventfd of any length that was removed cannot be assigned again: %s", strerror(errno));
	return 0;
}

CHECK(vm, ioeventfd_any_length, "an ioeventfd without a length matches writes of every width",
      ADVICE_RUN, NEED_KVM | NEED_HW)
{
	/* mov %al, %ax, %eax, %rax to addr32; hlt */
	static const uint8_t mmio[] = {
		0x88, 0x04, 0x25, 0, 0, 0, 0x10, 0x66, 0x89, 0x04, 0x25, 0, 0, 0, 0x10,
		0x89, 0x04, 0x25, 0, 0, 0, 0x10, 0x48, 0x89, 0x04, 0x25, 0, 0, 0, 0x10, 0xf4,
	};
	/* out %al, %ax, %eax to 0x50; hlt */
	static const uint8_t pio[] = { 0xe6, 0x50, 0x66, 0xe7, 0x50, 0xe7, 0x50, 0xf4 };
	struct kvm_ioeventfd m = { .addr = UNIT_MMIO }, p = { .addr = 0x50, .flags = KVM_IOEVENTFD_FLAG_PIO };
	struct lab l;
	int rc = lab_open(&l, t, LAB());

	m.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	p.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (!rc && lab_cap(&l, KVM_CAP_IOEVENTFD_ANY_LENGTH) <= 0)
		rc = t_skip(t, "KVM has no ioeventfd of any length");
	if (!rc && (any_length(&l, &m, mmio, sizeof(mmio), 4) || any_length(&l, &p, pio, sizeof(pio), 3)))
		rc = -1;
	close(m.fd);
	close(p.fd);
	lab_close(&l);
	return rc;
}

LAB_CHECK(vm, coalesced_mmio, LAB(), "coalesced MMIO writes are in the ring, complete and in order",
	  ADVICE_RUN, NEED_KVM | NEED_HW)
{
	/* mov %eax,0x10000000; x3 to +4, +8; mov %eax,0x100000fc; mov %eax,0x10000100; hlt */
	static const uint8_t code[] = {
		0xb8, 0x78, 0x56, 0x34, 0x12,
		0x89, 0x04, 0x25, 0, 0, 0, 0x10, 0x88, 0x04, 0x25, 4, 0, 0, 0x10,
		0x66, 0x89, 0x04, 0x25, 8, 0, 0, 0x10, 0x89, 0x04, 0x25, 0xfc, 0, 0, 0x10,
		0x89, 0x04, 0x25, 0, 1, 0, 0x10, 0xf4,
	};
	static const struct { uint32_t off, len; uint64_t v; } want[] = {
		{ 0, 4, 0x12345678 }, { 4, 1, 0x78 }, { 8, 2, 0x5678 }, { 0xfc, 4, 0x12345678 },
	};
	struct kvm_coalesced_mmio_zone z = { .addr = UNIT_MMIO, .size = 0x100 };
	int page = lab_cap(l, KVM_CAP_COALESCED_MMIO);
	struct kvm_coalesced_mmio_ring *ring = (void *)((uint8_t *)l->cpu[0].run + page * sysconf(_SC_PAGESIZE));
	unsigned int i;

	if (page <= 0)
		return t_skip(l->t, "KVM has no coalesced MMIO");
	if (lab_code_long(l, code, sizeof(code)) || lab_vm_ioctl(l, KVM_REGISTER_COALESCED_MMIO, &z) < 0 ||
	    lab_step_to(l, KVM_EXIT_MMIO, "MMIO behind the coalesced zone"))
		return -1;
	REQUIRE(l->t, l->cpu[0].run->mmio.phys_addr == UNIT_MMIO + 0x100, "a coalesced write came to user space at once");
	REQUIRE(l->t, ring->last == 4, "4 coalesced writes, %u in the ring", ring->last);
	for (i = 0; i < 4; i++) {
		const struct kvm_coalesced_mmio *c = &ring->coalesced_mmio[i];
		uint64_t v = 0;

		memcpy(&v, c->data, want[i].len);
		REQUIRE(l->t, c->phys_addr == UNIT_MMIO + want[i].off && c->len == want[i].len && v == want[i].v,
			"coalesced write %u: %u bytes 0x%llx at 0x%llx, expected %u bytes 0x%llx at 0x%x",
			i, c->len, (unsigned long long)v, c->phys_addr, want[i].len,
			(unsigned long long)want[i].v, UNIT_MMIO + want[i].off);
	}
	return 0;
}

/* What <linux/kvm.h> of EL 8 lacks; the numbers are KVM's ABI. */
#define CAP_COALESCED_PIO	162
struct coalesced_zone {
	uint64_t addr;
	uint32_t size, pio;
};
struct coalesced_entry {
	uint64_t addr;
	uint32_t len, pio;
	uint8_t data[8];
};

LAB_CHECK(vm, coalesced_pio, LAB(), "coalesced port writes are in the ring, and marked as such",
	  ADVICE_RUN, NEED_KVM)
{
	/* mov $0x1234,%ax; out %al,$0x60; out %ax,$0x62; out %al,$0x70 */
	static const uint8_t code[] = { 0xb8, 0x34, 0x12, 0xe6, 0x60, 0xe7, 0x62, 0xe6, 0x70 };
	struct coalesced_zone z = { .addr = 0x60, .size = 4, .pio = 1 };
	int page = lab_cap(l, KVM_CAP_COALESCED_MMIO);
	struct kvm_coalesced_mmio_ring *ring = (void *)((uint8_t *)l->cpu[0].run + page * sysconf(_SC_PAGESIZE));
	const struct coalesced_entry *e = (const void *)ring->coalesced_mmio;

	if (page <= 0 || lab_cap(l, CAP_COALESCED_PIO) <= 0)
		return t_skip(l->t, "KVM does not coalesce port writes (5.0)");
	if (lab_code_real(l, code, sizeof(code)) || lab_vm_ioctl(l, KVM_REGISTER_COALESCED_MMIO, &z) < 0 ||
	    lab_step_to(l, KVM_EXIT_IO, "OUT behind the coalesced ports"))
		return -1;
	REQUIRE(l->t, l->cpu[0].run->io.port == 0x70 && ring->last == 2, "2 coalesced port writes: %u in the ring, and OUT to port 0x%x exits",
		ring->last, l->cpu[0].run->io.port);
	REQUIRE(l->t, e[0].addr == 0x60 && e[0].len == 1 && e[0].data[0] == 0x34 && e[1].addr == 0x62 && e[1].len == 2 &&
		!memcmp(e[1].data, "\x34\x12", 2), "coalesced port writes: %u bytes at 0x%llx and %u at 0x%llx, expected 1 at 0x60 and 2 at 0x62",
		e[0].len, (unsigned long long)e[0].addr, e[1].len, (unsigned long long)e[1].addr);
	REQUIRE(l->t, e[0].pio == 1 && e[1].pio == 1, "coalesced port writes are marked as MMIO");
	return 0;
}

/* KVM_COALESCED_MMIO_MAX, which needs the kernel's PAGE_SIZE. */
#define RING_MAX	((4096 - sizeof(struct kvm_coalesced_mmio_ring)) / sizeof(struct kvm_coalesced_mmio))
#define RING_WRITES	200u

/*
 * The guest writes numbers, down from RING_WRITES. The next ones, from @next on, must be
 * in the ring, followed by the one that came as an exit. When KVM calls the ring full is
 * not checked: before 6.12 it may be half empty.
 */
static int take_ring(struct lab *l, struct kvm_coalesced_mmio_ring *ring, uint32_t *next)
{
	uint32_t v = 0;

	REQUIRE(l->t, ring->last < RING_MAX, "the coalesced ring of %zu has its end at %u", RING_MAX, ring->last);
	for (; ring->first != ring->last; ring->first = (ring->first + 1) % (uint32_t)RING_MAX, --*next) {
		memcpy(&v, ring->coalesced_mmio[ring->first].data, 4);
		REQUIRE(l->t, v == *next, "a coalesced write is %u, but the guest wrote %u: some were lost", v, *next);
	}
	if (l->cpu[0].run->exit_reason != KVM_EXIT_MMIO)
		return 0;
	memcpy(&v, l->cpu[0].run->mmio.data, 4);
	REQUIRE(l->t, v == *next, "the write after a full coalesced ring is %u, but the guest wrote %u", v, *next);
	--*next;
	return 0;
}

LAB_CHECK(vm, coalesced_mmio_full, LAB(), "when the coalesced ring is full, writes come to user space and none is lost",
	  ADVICE_RUN, NEED_KVM | NEED_HW)
{
	/* mov $200,%ecx; 1: mov %ecx,0x10000000; loop 1b; hlt */
	static const uint8_t code[] = { 0xb9, RING_WRITES, 0, 0, 0, 0x89, 0x0c, 0x25, 0, 0, 0, 0x10, 0xe2, 0xf7, 0xf4 };
	struct kvm_coalesced_mmio_zone z = { .addr = UNIT_MMIO, .size = 0x100 };
	int page = lab_cap(l, KVM_CAP_COALESCED_MMIO);
	struct kvm_run *run = l->cpu[0].run;
	uint32_t next = RING_WRITES;

	if (page <= 0)
		return t_skip(l->t, "KVM has no coalesced MMIO");
	if (lab_vm_ioctl(l, KVM_REGISTER_COALESCED_MMIO, &z) < 0 || lab_code_long(l, code, sizeof(code)))
		return -1;
	do {
		if (lab_next(l) || take_ring(l, (void *)((uint8_t *)run + page * sysconf(_SC_PAGESIZE)), &next))
			return -1;
	} while (run->exit_reason == KVM_EXIT_MMIO);
	if (run->exit_reason != KVM_EXIT_HLT)
		return lab_odd_exit(l, 0);
	REQUIRE(l->t, !next, "%u of %u coalesced writes are missing", next, RING_WRITES);
	return 0;
}

/* After a zone is removed, every write to it comes to user space. */
LAB_CHECK(vm, coalesced_mmio_off, LAB(), "writes to a zone that is no longer coalesced come to user space",
	  ADVICE_RUN, NEED_KVM | NEED_HW)
{
	/* mov $0x55,%eax; mov %eax,0x10000000; mov %eax,0x10000200; hlt */
	static const uint8_t code[] = {
		0xb8, 0x55, 0, 0, 0, 0x89, 0x04, 0x25, 0, 0, 0, 0x10, 0x89, 0x04, 0x25, 0, 2, 0, 0x10, 0xf4,
	};
	struct kvm_coalesced_mmio_zone a = { .addr = UNIT_MMIO, .size = 0x100 }, b = { .addr = UNIT_MMIO + 0x200, .size = 0x100 };
	const struct kvm_run *run = l->cpu[0].run;

	if (lab_cap(l, KVM_CAP_COALESCED_MMIO) <= 0)
		return t_skip(l->t, "KVM has no coalesced MMIO");
	if (lab_vm_ioctl(l, KVM_REGISTER_COALESCED_MMIO, &a) < 0 || lab_vm_ioctl(l, KVM_REGISTER_COALESCED_MMIO, &b) < 0 ||
	    lab_code_long(l, code, sizeof(code)) || lab_step_to(l, KVM_EXIT_HLT, "writes to two coalesced zones"))
		return -1;
	if (lab_vm_ioctl(l, KVM_UNREGISTER_COALESCED_MMIO, &a) < 0 || lab_code_long(l, code, sizeof(code)) ||
	    lab_step_to(l, KVM_EXIT_MMIO, "a write to a zone that is no longer coalesced"))
		return -1;
	REQUIRE(l->t, run->mmio.phys_addr == UNIT_MMIO && run->mmio.is_write && run->mmio.len == 4,
		"a write of 4 bytes at 0x%x came as %u bytes at 0x%llx", UNIT_MMIO, run->mmio.len, run->mmio.phys_addr);
	/* The other zone stays. */
	return lab_step_to(l, KVM_EXIT_HLT, "a write to the zone that is still coalesced");
}

/* --- irqfd: no guest runs; the PIC's IRR, line 5, shows what was raised --- */

static int pic_irr(struct lab *l)
{
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_PIC_MASTER };

	return lab_vm_ioctl(l, KVM_GET_IRQCHIP, &c) < 0 ? -1 : c.chip.pic.irr >> 5 & 1;
}

static int pic_clear(struct lab *l)
{
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_PIC_MASTER };

	if (lab_vm_ioctl(l, KVM_GET_IRQCHIP, &c) < 0)
		return -1;
	c.chip.pic.irr = 0;
	/* KVM's worker may not have lowered the line yet: the next edge must be one all the same. */
	c.chip.pic.last_irr = 0;
	return lab_vm_ioctl(l, KVM_SET_IRQCHIP, &c) < 0 ? -1 : 0;
}

/* Wait, because KVM may raise the interrupt from a worker. */
static int wait_for_irr(struct lab *l, const char *what)
{
	int irr;

	while (!(irr = pic_irr(l)) && now_ms() < l->deadline)
		usleep(500);
	REQUIRE(l->t, irr, "%s raised no interrupt", what);
	return irr < 0 ? -1 : pic_clear(l);
}

static int assign(struct lab *l, int fd, uint32_t flags)
{
	struct kvm_irqfd f = { .fd = (uint32_t)fd, .gsi = 5, .flags = flags };

	return lab_vm_ioctl(l, KVM_IRQFD, &f) < 0 ? -1 : 0;
}

static int use_irqfd(struct lab *l, int fd)
{
	uint64_t n = 1;

	if (assign(l, fd, 0))
		return -1;
	REQUIRE(l->t, !pic_irr(l), "an irqfd whose eventfd is 0 raised an interrupt");
	if (eventfd_write(fd, 1) || wait_for_irr(l, "a write to an irqfd"))
		return -1;
	if (assign(l, fd, KVM_IRQFD_FLAG_DEASSIGN))
		return -1;
	/* KVM before 5.11 did not reset the count. */
	if (read(fd, &n, sizeof(n)) != sizeof(n) && errno != EAGAIN)
		return t_fail(l->t, "read of an eventfd: %s", strerror(errno));
	if (eventfd_write(fd, 1))
		return t_fail(l->t, "write to an eventfd: %s", strerror(errno));
	REQUIRE(l->t, !pic_irr(l), "a write to an irqfd that was removed raised an interrupt");
	/* A write before the irqfd was assigned counts: vhost and VFIO depend on that. */
	return assign(l, fd, 0) || wait_for_irr(l, "an irqfd whose eventfd was written before") ? -1 : 0;
}

LAB_CHECK(vm, irqfd, LAB(.irqchip = true), "an irqfd raises its interrupt, even for a write before it was assigned",
	  ADVICE_RUN, NEED_KVM)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), rc;

	NEED(l->t, fd >= 0, "an eventfd");
	rc = use_irqfd(l, fd);
	close(fd);
	return rc;
}

/* --- a level line with two sources: the IOAPIC's IRR, pin 10, shows it --- */

#define PIN	10

static int pin_high(struct lab *l)
{
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC };

	return lab_vm_ioctl(l, KVM_GET_IRQCHIP, &c) < 0 ? -1 : (int)(c.chip.ioapic.irr >> PIN & 1);
}

static int set_pin(struct lab *l, uint32_t level)
{
	struct kvm_irq_level irq = { .irq = PIN, .level = level };

	return lab_vm_ioctl(l, KVM_IRQ_LINE, &irq) < 0 ? -1 : 0;
}

static int use_line(struct lab *l, int fd, int ack)
{
	struct kvm_irqfd f = { .fd = (uint32_t)fd, .gsi = PIN, .flags = KVM_IRQFD_FLAG_RESAMPLE, .resamplefd = (uint32_t)ack };
	int high;

	if (lab_vm_ioctl(l, KVM_IRQFD, &f) < 0 || eventfd_write(fd, 1))
		return -1;
	while (!(high = pin_high(l)) && now_ms() < l->deadline)
		usleep(500);
	REQUIRE(l->t, high, "a write to a level irqfd did not raise its line");
	if (set_pin(l, 1) || set_pin(l, 0))
		return -1;
	REQUIRE(l->t, pin_high(l), "KVM_IRQ_LINE lowered a line that a level irqfd still raises");
	if (set_pin(l, 1))
		return -1;
	f.flags |= KVM_IRQFD_FLAG_DEASSIGN;
	if (lab_vm_ioctl(l, KVM_IRQFD, &f) < 0)
		return -1;
	REQUIRE(l->t, pin_high(l), "the removal of a level irqfd lowered a line that KVM_IRQ_LINE still raises");
	if (set_pin(l, 0))
		return -1;
	high = pin_high(l);
	REQUIRE(l->t, !high, "a level irqfd that raised its line was removed, but the line stays high");
	return high;
}

LAB_CHECK(vm, irqfd_line, LAB(.irqchip = true), "a level irqfd and KVM_IRQ_LINE share a line, which goes down with the last of them",
	  ADVICE_RUN, NEED_KVM)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), ack = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), rc;

	NEED(l->t, fd >= 0 && ack >= 0, "eventfds");
	if (lab_cap(l, KVM_CAP_IRQFD_RESAMPLE) <= 0)
		rc = t_skip(l->t, "KVM has no level irqfds");
	else
		rc = use_line(l, fd, ack);
	close(fd);
	close(ack);
	return rc;
}
