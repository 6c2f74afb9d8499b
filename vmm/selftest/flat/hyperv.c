// SPDX-License-Identifier: GPL-2.0-only
/* The host's half of guest/t_hyperv.c: a CPUID like Hyper-V's, and SynIC. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REPORT_PLACE 60
#include "env/clock.h"
#include "flat/flat.h"

#define HV_LEAF		0x40000000u
#define HV_LAST		0x40000005u	/* no nested, no debugging */
#define KVM_MOVED	0x40000100u	/* KVM's own leaves are moved here */
#define ENTRIES		256
#define VP_INDEX	0x40000002u	/* HV_X64_MSR_VP_INDEX */
#define SCONTROL	0x40000080u	/* HV_X64_MSR_SCONTROL */

/* Append Hyper-V's leaves, as KVM offers them, to @c. */
static int add_leaves(struct lab *l, unsigned int id, struct kvm_cpuid2 *c)
{
	struct kvm_cpuid2 *hv = calloc(1, sizeof(*hv) + ENTRIES * sizeof(hv->entries[0]));
	unsigned int i;
	int rc;

	NEED(l->t, hv, "memory");
	hv->nent = ENTRIES;
	rc = lab_cpu_ioctl(l, id, KVM_GET_SUPPORTED_HV_CPUID, hv);
	for (i = 0; rc >= 0 && i < hv->nent && c->nent < ENTRIES; i++) {
		if (hv->entries[i].function > HV_LAST)
			continue;
		if (hv->entries[i].function == HV_LEAF)
			hv->entries[i].eax = HV_LAST;
		c->entries[c->nent++] = hv->entries[i];
	}
	free(hv);
	return rc < 0 ? -1 : 0;
}

static int hv_cpuid(struct lab *l, unsigned int id)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + ENTRIES * sizeof(c->entries[0]));
	unsigned int i, n = 0;
	int rc;

	NEED(l->t, c, "memory");
	c->nent = ENTRIES;
	rc = lab_cpu_ioctl(l, id, KVM_GET_CPUID2, c);
	/* Before 6.3 the ioctl did not change nent: empty entries follow. */
	for (i = 0; rc >= 0 && i < c->nent && (!i || c->entries[i].function || c->entries[i].index); i++)
		if ((c->entries[i].function & ~0xffu) == HV_LEAF)
			c->entries[i].function += KVM_MOVED - HV_LEAF;
	n = i;
	c->nent = n;
	if (rc >= 0 && !add_leaves(l, id, c))
		rc = lab_cpu_ioctl(l, id, KVM_SET_CPUID2, c);
	else
		rc = -1;
	free(c);
	return rc < 0 ? -1 : 0;
}

static int hv_cpu(struct lab *l, unsigned int id)
{
	struct kvm_enable_cap synic = { .cap = KVM_CAP_HYPERV_SYNIC2 };

	return hv_cpuid(l, id) || lab_cpu_ioctl(l, id, KVM_ENABLE_CAP, &synic) < 0 ? -1 : 0;
}

/* Every change of SynIC's MSRs exits. At the last one, SCONTROL, all values are there. */
static int on_exit_hv(struct lab *l, unsigned int cpu, void *arg)
{
	const struct kvm_run *run = l->cpu[cpu].run;
	const struct kvm_hyperv_exit *e = &run->hyperv;
	const uint64_t messages = UNIT_SCRATCH + 2 * 4096 + 1, events = UNIT_SCRATCH + 3 * 4096 + 1;

	(void)arg;
	if (run->exit_reason != KVM_EXIT_HYPERV || e->type != KVM_EXIT_HYPERV_SYNIC)
		return lab_odd_exit(l, cpu);
	REQUIRE(l->t, e->u.synic.msr != SCONTROL ||
		(e->u.synic.control == 1 && e->u.synic.msg_page == messages && e->u.synic.evt_page == events),
		"SynIC's exit: control 0x%llx, message page 0x%llx, event page 0x%llx; the guest set 1, 0x%llx, 0x%llx",
		e->u.synic.control, e->u.synic.msg_page, e->u.synic.evt_page,
		(unsigned long long)messages, (unsigned long long)events);
	return 1;
}

/* Sync 2: CPU 0 gets another VP index. */
static int on_exit_smp(struct lab *l, unsigned int cpu, void *arg)
{
	uint64_t index = 70;
	uint32_t n;

	if (!sync_number(l->cpu[cpu].run, &n))
		return on_exit_hv(l, cpu, arg);
	REQUIRE(l->t, lab_msr(l, KVM_SET_MSRS, VP_INDEX, &index) == 1, "the VMM cannot set HV_X64_MSR_VP_INDEX");
	return 1;
}

static int hv_open(struct lab *l)
{
	unsigned int i;

	if (lab_cap(l, KVM_CAP_HYPERV_CPUID) <= 0 || lab_cap(l, KVM_CAP_HYPERV_SYNIC2) <= 0)
		return t_skip(l->t, "this KVM has no interface for Hyper-V guests (CONFIG_KVM_HYPERV)");
	for (i = 0; i < l->ncpus; i++)
		if (hv_cpu(l, i))
			return -1;
	unit_shared(l)->arg[1] = host_master_clock(l->t->env);
	return unit_tell_khz(l);
}

/* For hyperv_events: an eventfd for the guest's connection 5, exits counted by type. */
static int events_open(struct lab *l)
{
	struct kvm_hyperv_eventfd e = { .conn_id = 5 };
	int *fd = l->arg;

	if (hv_open(l))
		return -1;
	if (lab_cap(l, KVM_CAP_HYPERV_EVENTFD) <= 0)
		return 0;
	*fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	e.fd = *fd;
	unit_shared(l)->arg[2] = 1;
	return lab_vm_ioctl(l, KVM_HYPERV_EVENTFD, &e) < 0 ? -1 : 0;
}

static int on_exit_events(struct lab *l, unsigned int cpu, void *arg)
{
	const struct kvm_run *run = l->cpu[cpu].run;
	struct unit_shared *sh = unit_shared(l);
	const int *fd = arg;
	uint64_t v = 0;
	uint32_t n;

	if (run->exit_reason == KVM_EXIT_SYSTEM_EVENT && run->system_event.type < 16) {
		sh->out[run->system_event.type]++;
		return 1;
	}
	if (!sync_number(run, &n))
		return on_exit_hv(l, cpu, arg);
	sh->out[0] = read(*fd, &v, 8) == 8 ? v : 0;
	return 1;
}

static int hyperv_events(struct t *t)
{
	int fd = -1, rc = unit_test(t, &(struct unit){ .test = "hyperv_events", .lab = { .irqchip = true },
		.on_exit = on_exit_events, .arg = &fd, .prepare = events_open });

	if (fd >= 0)
		close(fd);
	return rc;
}

static int times_open(struct lab *l)
{
	int rc = unit_times(l);

	return rc ? rc : hv_open(l);
}

static int hyperv(struct t *t, const char *test, unsigned int cpus, int (*prepare)(struct lab *l))
{
	return unit_test(t, &(struct unit){ .test = test, .lab = { .irqchip = true, .cpus = cpus },
		.on_exit = on_exit_hv, .prepare = prepare });
}

FLAT(hyperv, hyperv(t, "hyperv", 1, times_open),
     "a Hyper-V guest has its hypercalls, reference counter and TSC page", ADVICE_HV, HW)
FLAT(hyperv_timers, hyperv(t, "hyperv_timer", 1, times_open),
     "synthetic timers fire, not early, by message and directly; no message is lost", ADVICE_HV, HW)
FLAT(hyperv_events, hyperv_events(t),
     "a Hyper-V guest's crash, reset and events reach the VMM", ADVICE_HV, HW)
FLAT(hyperv_smp, unit_test(t, &(struct unit){ .test = "hyperv_smp", .lab = { .irqchip = true, .cpus = 2 },
	.on_exit = on_exit_smp, .prepare = hv_open }),
     "Hyper-V's hypercalls send IPIs and flush TLBs", ADVICE_HV, HW, .deadline_ms = SMP_MS)
