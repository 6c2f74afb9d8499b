/* SPDX-License-Identifier: GPL-2.0-only */
/* KVM_CAP_X86_USER_SPACE_MSR and KVM_X86_SET_MSR_FILTER. <linux/kvm.h> of EL 8 has none of this; the numbers are KVM's ABI. */
#ifndef SELFTEST_MSRFILTER_H
#define SELFTEST_MSRFILTER_H

#include <linux/kvm.h>
#include <stdint.h>

#define CAP_USER_SPACE_MSR	188
#define CAP_MSR_FILTER		189
#define EXIT_REASON_INVAL	(1 << 0)
#define EXIT_REASON_UNKNOWN	(1 << 1)
#define EXIT_REASON_FILTER	(1 << 2)
#define FILTER_READ		1
#define FILTER_WRITE		2
#define MSR_FILTER_RANGES	16
#define MSR_FILTER_BYTES	0x600	/* of a range's bitmap, at most */
struct msr_range {
	uint32_t flags, nmsrs, base;
	uint8_t *bitmap;		/* a set bit allows */
};
struct msr_filter {
	uint32_t flags;			/* 0: what is in no range is allowed */
	struct msr_range range[MSR_FILTER_RANGES];
};
#define SET_MSR_FILTER	_IOW(KVMIO, 0xc6, struct msr_filter)

/* kvm_run.msr, at the start of the union of all exits' data */
struct msr_exit {
	uint8_t error, pad[7];
	uint32_t reason, index;
	uint64_t data;
};

#endif
