// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm: what KVM does for guests of Xen. Documentation/virt/kvm/api.rst, KVM_XEN_*; the
 * layouts are those of Xen's public headers (xen.h, vcpu.h) for 64-bit guests.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REPORT_PLACE 198
#include "env/clock.h"
#include "vm/vm.h"

#define ADVICE_XEN "Guests of Xen that moved to KVM would hang or lose time. Suspect this kernel's patches to arch/x86/kvm/xen.c."

/* What <linux/kvm.h> of EL 8 lacks; the numbers are KVM's ABI. */
#define CAP_XEN_HVM		38
#define XEN_INTERCEPT		2	/* KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL: 5.12 */
#define XEN_RUNSTATE		8	/* KVM_XEN_HVM_CONFIG_RUNSTATE: 5.12 */
#define XEN_EVENTS		0x20	/* KVM_XEN_HVM_CONFIG_EVTCHN_SEND: 5.18 */
#define EXIT_XEN		34
#define ROUTE_XEN		5	/* KVM_IRQ_ROUTING_XEN_EVTCHN */
#define TWO_LEVELS		0xffffffffu	/* KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL */
struct xen_exit {			/* kvm_run.xen */
	uint32_t type, pad, longmode, cpl;
	uint64_t input, result, params[6];
};
struct xen_attr {			/* kvm_xen_hvm_attr, kvm_xen_vcpu_attr */
	uint16_t type, pad[3];
	union {
		uint8_t byte;
		uint32_t word;
		uint64_t v[8];
		struct {
			uint32_t port, priority;
			uint64_t at;
		} timer;
	} u;
};
struct xen_event {
	uint32_t port, vcpu, priority;
};
#define XEN_GET			_IOWR(KVMIO, 0xc8, struct xen_attr)
#define XEN_SET			_IOW(KVMIO, 0xc9, struct xen_attr)
#define XEN_CPU_GET		_IOWR(KVMIO, 0xca, struct xen_attr)
#define XEN_CPU_SET		_IOW(KVMIO, 0xcb, struct xen_attr)
#define XEN_SEND		_IOW(KVMIO, 0xd0, struct xen_event)
enum { LONG_MODE, SHARED_INFO, UPCALL_VECTOR, EVTCHN, XEN_VERSION };
enum { CPU_INFO, CPU_TIME, RUNSTATE_ADDR, RUNSTATE_CURRENT, RUNSTATE_DATA, RUNSTATE_ADJUST, CPU_ID, CPU_TIMER };

#define DONE		0xe1		/* the port at which the guests below are done */
#define SHARED		0x5000u		/* shared_info; vcpu_info; vcpu_runstate_info */
#define INFO		0x6000u
#define RUNSTATE	0x7000u
#define VECTOR		0x40

/* 0, or a skip: this KVM lacks one of @flags, which came with Linux @since */
static int xen_needs(struct lab *l, int flags, const char *since)
{
	int has = lab_cap(l, CAP_XEN_HVM);

	return has > 0 && (has & flags) == flags ? 0 :
		t_skip(l->t, "this KVM lacks a part of the interface for guests of Xen (CONFIG_KVM_XEN, %s)", since);
}

/* The guest's write of an MSR of the VMM's choice makes a page of hypercalls, 32 bytes each, of which it makes number 17. */
LAB_CHECK(vm, xen_hypercall, LAB(), "a Xen guest's hypercalls reach the VMM",
	  ADVICE_XEN, NEED_KVM | NEED_HW)
{
	static const uint8_t code[] = {
		0xb9, 0, 2, 0, 0x40, 0xb8, 0, 0x30, 0, 0, 0x31, 0xd2, 0x0f, 0x30,	/* WRMSR 0x40000200: page 0x3000 */
		0xbf, 0x77, 0, 0, 0, 0xbe, 0x88, 0, 0, 0,				/* mov $0x77, %edi; $0x88, %esi */
		0xbb, 0x20, 0x32, 0, 0, 0xff, 0xd3,					/* mov $0x3220, %ebx; call *%rbx */
		0xe7, DONE,								/* out %eax */
	};
	struct kvm_xen_hvm_config c = { .flags = XEN_INTERCEPT, .msr = 0x40000200 };
	struct kvm_run *run = l->cpu[0].run;
	struct xen_exit x;
	uint32_t got;

	if (xen_needs(l, XEN_INTERCEPT, "5.12"))
		return -1;
	if (lab_vm_ioctl(l, KVM_XEN_HVM_CONFIG, &c) < 0 || lab_code_long(l, code, sizeof(code)) ||
	    lab_step_to(l, EXIT_XEN, "the guest's hypercall"))
		return -1;
	memcpy(&x, &run->io, sizeof(x));
	REQUIRE(l->t, x.type == 1 && x.input == 17 && x.longmode == 1 && !x.cpl && x.params[0] == 0x77 && x.params[1] == 0x88,
		"hypercall 17 (0x77, 0x88) came as type %u, number %llu, long mode %u, CPL %u, parameters 0x%llx 0x%llx", x.type,
		(unsigned long long)x.input, x.longmode, x.cpl, (unsigned long long)x.params[0], (unsigned long long)x.params[1]);
	x.result = 0x12345678;
	memcpy(&run->io, &x, sizeof(x));
	if (lab_step_to(l, KVM_EXIT_IO, "the guest's OUT"))
		return -1;
	memcpy(&got, (uint8_t *)run + run->io.data_offset, 4);
	REQUIRE(l->t, got == 0x12345678, "the VMM's result of the hypercall is 0x%x in the guest, expected 0x12345678", got);
	return 0;
}

/* Sets an attribute and reads it back. */
static int attr_kept(struct lab *l, bool cpu, uint16_t type, uint64_t v, const char *what)
{
	struct xen_attr a = { .type = type, .u.v[0] = v }, b = { .type = type };
	int fd = cpu ? l->cpu[0].fd : l->vm;

	if (lab_ioctl(l->t, fd, cpu ? XEN_CPU_SET : XEN_SET, what, (unsigned long)&a) < 0 ||
	    lab_ioctl(l->t, fd, cpu ? XEN_CPU_GET : XEN_GET, what, (unsigned long)&b) < 0)
		return -1;
	REQUIRE(l->t, a.u.v[0] == b.u.v[0], "%s: 0x%llx was set, but 0x%llx reads back", what,
		(unsigned long long)a.u.v[0], (unsigned long long)b.u.v[0]);
	return 0;
}

static int xen_on(struct lab *l)
{
	struct kvm_xen_hvm_config c = { .flags = XEN_INTERCEPT | XEN_EVENTS, .msr = 0x40000200 };

	return xen_needs(l, XEN_INTERCEPT | XEN_RUNSTATE | XEN_EVENTS, "5.18") ||
		lab_vm_ioctl(l, KVM_XEN_HVM_CONFIG, &c) < 0 ||
		attr_kept(l, false, LONG_MODE, 1, "long mode") ||
		attr_kept(l, false, UPCALL_VECTOR, VECTOR, "the vector of upcalls") ||
		attr_kept(l, false, SHARED_INFO, SHARED >> 12, "the page of shared_info") ||
		attr_kept(l, true, CPU_INFO, INFO, "the address of vcpu_info");
}

/* shared_info's wall clock at 0xc00 says when the VM's clock was 0; vcpu_info has a clock like kvmclock's at 32. */
static int xen_times(struct lab *l)
{
	static const uint8_t code[] = { 0xe7, DONE };
	struct kvm_clock_data now = { 0 };
	uint32_t wc[4], clock[8];
	double wall, ms;

	if (lab_code_real(l, code, sizeof(code)) || lab_step_to(l, KVM_EXIT_IO, "the guest's OUT") ||
	    lab_vm_ioctl(l, KVM_GET_CLOCK, &now) < 0)
		return -1;
	wall = now_ms() + wall_offset_ms();
	memcpy(wc, l->ram + SHARED + 0xc00, sizeof(wc));
	memcpy(clock, l->ram + INFO + 32, sizeof(clock));
	ms = ((double)wc[1] + (double)wc[3] * 4294967296.0) * 1e3 + (double)(wc[2] + now.clock) / 1e6;
	REQUIRE(l->t, wc[0] && !(wc[0] & 1) && ms > wall - 1000 && ms < wall + 1000,
		"the wall clock in shared_info (version %u) and the VM's clock say %.0f ms, the host's clock %.0f ms", wc[0], ms, wall);
	REQUIRE(l->t, clock[0] && !(clock[0] & 1) && clock[6],
		"the clock in vcpu_info has version %u and a factor of 0x%x", clock[0], clock[6]);
	return 0;
}

LAB_CHECK(vm, xen_attributes, LAB(.irqchip = true), "a Xen guest's attributes are kept, and its clocks are right",
	  ADVICE_XEN, NEED_KVM | NEED_HW)
{
	struct xen_attr bad = { .type = UPCALL_VECTOR, .u.byte = 15 }, none = { .type = 99 };

	if (xen_on(l) || attr_kept(l, false, XEN_VERSION, 0x40011, "Xen's version") ||
	    attr_kept(l, true, CPU_ID, 7, "Xen's number of the vCPU") ||
	    attr_kept(l, true, RUNSTATE_ADDR, RUNSTATE, "the address of the runstate") ||
	    lab_refused(l->t, l->vm, XEN_SET, &bad, "a vector of upcalls below 16") ||
	    lab_refused(l->t, l->vm, XEN_SET, &none, "an attribute that does not exist"))
		return -1;
	return xen_times(l);
}

/* The guest halts; the vector's handler says so by DONE, and takes the upcall back. */
static int xen_guest(struct lab *l)
{
	static const uint8_t code[] = { 0xfb, 0xf4, 0xeb, 0xfd };
	static const uint8_t handler[] = { 0xc6, 0x06, 0x00, INFO >> 8, 0x00, 0xe7, DONE, 0xcf };
	static const uint16_t ivt[2] = { 0x2000, 0 };

	lab_code(l, 0x2000, handler, sizeof(handler));
	lab_code(l, VECTOR * 4, ivt, sizeof(ivt));
	return lab_code_real(l, code, sizeof(code));
}

/* The event of @port must be pending, and interrupt the guest. */
static int upcall(struct lab *l, uint32_t port, const char *what)
{
	uint64_t *pending = (void *)(l->ram + SHARED + 0x800), *sel = (void *)(l->ram + INFO + 8);

	if (lab_step_to(l, KVM_EXIT_IO, what))
		return -1;
	REQUIRE(l->t, l->cpu[0].run->io.port == DONE, "%s: the guest's OUT is to port 0x%x", what, l->cpu[0].run->io.port);
	REQUIRE(l->t, pending[port / 64] == 1ull << port % 64 && *sel == 1ull << port / 64,
		"%s: word %u of the pending events is 0x%llx and the selector 0x%llx, expected 0x%llx and 0x%llx", what, port / 64,
		(unsigned long long)pending[port / 64], (unsigned long long)*sel, 1ull << port % 64, 1ull << port / 64);
	pending[port / 64] = *sel = 0;
	return 0;
}

/* A masked event is noted, but is no reason for an upcall; neither is one that is pending already. */
static int no_upcall(struct lab *l, uint32_t port)
{
	uint64_t *pending = (void *)(l->ram + SHARED + 0x800), *mask = (void *)(l->ram + SHARED + 0xa00);
	struct xen_event e = { .port = port, .priority = TWO_LEVELS };

	mask[port / 64] = 1ull << port % 64;
	if (lab_vm_ioctl(l, XEN_SEND, &e) < 0)
		return -1;
	REQUIRE(l->t, pending[port / 64] == 1ull << port % 64 && !l->ram[INFO],
		"a masked event left 0x%llx in its word of the pending events, and %u for the upcall", (unsigned long long)pending[port / 64],
		l->ram[INFO]);
	mask[port / 64] = 0;
	if (lab_vm_ioctl(l, XEN_SEND, &e) < 0)
		return -1;
	REQUIRE(l->t, !l->ram[INFO], "an event that is pending already causes another upcall");
	pending[port / 64] = 0;
	return 0;
}

/* A 32-bit guest has words of 32 events, and its selector at another place. */
static int narrow_event(struct lab *l, uint32_t port)
{
	uint32_t *pending = (void *)(l->ram + SHARED + 0x800), *sel = (void *)(l->ram + INFO + 4);
	struct xen_event e = { .port = port, .priority = TWO_LEVELS };

	if (attr_kept(l, false, LONG_MODE, 0, "long mode") || lab_vm_ioctl(l, XEN_SEND, &e) < 0)
		return -1;
	REQUIRE(l->t, pending[port / 32] == 1u << port % 32 && *sel == 1u << port / 32,
		"event %u for a 32-bit guest: its word of the pending events is 0x%x and the selector 0x%x, expected 0x%x and 0x%x", port,
		pending[port / 32], *sel, 1u << port % 32, 1u << port / 32);
	pending[port / 32] = *sel = l->ram[INFO] = 0;
	return attr_kept(l, false, LONG_MODE, 1, "long mode");
}

static int by_irqfd(struct lab *l, uint32_t port)
{
	struct { struct kvm_irq_routing r; struct kvm_irq_routing_entry e; } routes = {
		.r.nr = 1, .e = { .gsi = 5, .type = ROUTE_XEN } };
	struct xen_event e = { .port = port, .priority = TWO_LEVELS };
	struct kvm_irqfd f = { .gsi = 5 };
	int fd = eventfd(1, EFD_CLOEXEC), rc;

	f.fd = (uint32_t)fd;
	memcpy(&routes.e.u, &e, sizeof(e));
	rc = fd < 0 ? t_fail(l->t, "eventfd: %s", strerror(errno)) :
		lab_vm_ioctl(l, KVM_SET_GSI_ROUTING, &routes) < 0 || lab_vm_ioctl(l, KVM_IRQFD, &f) < 0 ? -1 :
		upcall(l, port, "an event by irqfd");
	if (fd >= 0)
		close(fd);
	return rc;
}

LAB_CHECK(vm, xen_events, LAB(.irqchip = true), "events from the VMM and by irqfd interrupt a Xen guest",
	  ADVICE_XEN, NEED_KVM | NEED_HW)
{
	struct xen_event e = { .port = 100, .priority = TWO_LEVELS }, none = { .port = 4096, .priority = TWO_LEVELS };

	if (xen_on(l) || xen_guest(l) || lab_vm_ioctl(l, XEN_SEND, &e) < 0 || upcall(l, 100, "an event from the VMM") ||
	    lab_refused(l->t, l->vm, XEN_SEND, &none, "KVM_XEN_HVM_EVTCHN_SEND of port 4096") || no_upcall(l, 70) ||
	    narrow_event(l, 40))
		return -1;
	return by_irqfd(l, 101);
}

LAB_CHECK(vm, xen_timer, LAB(.irqchip = true), "a Xen guest's timer fires, and not early", ADVICE_XEN, NEED_KVM | NEED_HW)
{
	struct xen_attr a = { .type = CPU_TIMER, .u.timer = { .port = 65, .priority = TWO_LEVELS } }, b = { .type = CPU_TIMER };
	struct kvm_clock_data now = { 0 };

	if (xen_on(l) || xen_guest(l) || lab_vm_ioctl(l, KVM_GET_CLOCK, &now) < 0)
		return -1;
	a.u.timer.at = now.clock + 20000000;
	if (lab_cpu_ioctl(l, 0, XEN_CPU_SET, &a) < 0 || lab_cpu_ioctl(l, 0, XEN_CPU_GET, &b) < 0)
		return -1;
	REQUIRE(l->t, b.u.timer.port == 65 && (b.u.timer.at == a.u.timer.at || !b.u.timer.at),
		"a timer at %llu for port 65 reads back as %llu for port %u", (unsigned long long)a.u.timer.at,
		(unsigned long long)b.u.timer.at, b.u.timer.port);
	if (upcall(l, 65, "the timer's event") || lab_vm_ioctl(l, KVM_GET_CLOCK, &now) < 0)
		return -1;
	REQUIRE(l->t, now.clock + 1000000 >= a.u.timer.at, "a timer at %llu fired at %llu ns of the VM's clock",
		(unsigned long long)a.u.timer.at, now.clock);
	return 0;
}

/* The four times (running, runnable, blocked, offline) are all the time there was. */
LAB_CHECK(vm, xen_runstate, LAB(.irqchip = true), "a Xen guest's runstate adds up the time that it ran",
	  ADVICE_XEN, NEED_KVM | NEED_HW)
{
	struct xen_attr a = { .type = RUNSTATE_DATA };
	struct kvm_clock_data now = { 0 };
	uint64_t *v = a.u.v, r[6], start;
	double until;

	if (xen_on(l) || attr_kept(l, true, RUNSTATE_ADDR, RUNSTATE, "the address of the runstate") ||
	    lab_vm_ioctl(l, KVM_GET_CLOCK, &now) < 0)
		return -1;
	start = now.clock;
	v[1] = v[2] = start;				/* entered at that time; it ran until then */
	if (lab_cpu_ioctl(l, 0, XEN_CPU_SET, &a) < 0)
		return -1;
	for (until = now_ms() + 3; now_ms() < until;)
		;
	if (xen_times(l) || lab_cpu_ioctl(l, 0, XEN_CPU_GET, &a) < 0)
		return -1;
	REQUIRE(l->t, v[1] >= start + 2000000 && v[2] + v[3] + v[4] + v[5] == v[1] && v[2] >= start,
		"3 ms after %llu the runstate was entered at %llu, with %llu ns running, %llu runnable, %llu blocked, %llu offline",
		(unsigned long long)start, (unsigned long long)v[1], (unsigned long long)v[2], (unsigned long long)v[3],
		(unsigned long long)v[4], (unsigned long long)v[5]);
	memcpy(r, l->ram + RUNSTATE, sizeof(r));
	REQUIRE(l->t, r[1] >= start + 2000000 && !(r[1] >> 63) && r[2] + r[3] + r[4] + r[5] == r[1],
		"the guest's runstate was entered at %llu, with %llu ns running, %llu runnable, %llu blocked, %llu offline",
		(unsigned long long)r[1], (unsigned long long)r[2], (unsigned long long)r[3], (unsigned long long)r[4],
		(unsigned long long)r[5]);
	return 0;
}
