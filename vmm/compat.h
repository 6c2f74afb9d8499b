/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What <linux/kvm.h> of Linux 4.18 (EL 8) lacks and we use. Values are the
 * kernel's ABI; the version that brought each is noted.
 */
#ifndef VMM_COMPAT_H
#define VMM_COMPAT_H

#include <linux/kvm.h>

#ifndef KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2
#define KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 168	/* 5.3 */
#endif
#ifndef KVM_EXIT_X86_RDMSR			/* 5.10 */
#define KVM_EXIT_X86_RDMSR	29
#define KVM_EXIT_X86_WRMSR	30
#endif
#ifndef KVM_EXIT_DIRTY_RING_FULL		/* 5.11 */
#define KVM_EXIT_DIRTY_RING_FULL 31
#define KVM_CAP_DIRTY_LOG_RING	192
#define KVM_RESET_DIRTY_RINGS	_IO(KVMIO, 0xc7)
#define KVM_DIRTY_LOG_PAGE_OFFSET 64
#define KVM_DIRTY_GFN_F_DIRTY	1
#define KVM_DIRTY_GFN_F_RESET	2
struct kvm_dirty_gfn {
	__u32 flags;
	__u32 slot;
	__u64 offset;
};
#endif
#ifndef KVM_EXIT_X86_BUS_LOCK			/* 5.12 */
#define KVM_EXIT_X86_BUS_LOCK	33
#define KVM_EXIT_XEN		34
#endif
#ifndef KVM_EXIT_NOTIFY
#define KVM_EXIT_NOTIFY		37		/* 6.0 */
#endif
#ifndef KVM_EXIT_MEMORY_FAULT
#define KVM_EXIT_MEMORY_FAULT	39		/* 6.8 */
#endif
#ifndef KVM_CAP_XSAVE2				/* 5.17 */
#define KVM_CAP_XSAVE2		208
#define KVM_GET_XSAVE2		_IOR(KVMIO, 0xcf, struct kvm_xsave)
#endif
#ifndef KVM_CAP_BINARY_STATS_FD			/* 5.14 */
#define KVM_CAP_BINARY_STATS_FD	203
#define KVM_GET_STATS_FD	_IO(KVMIO, 0xce)
#define KVM_STATS_TYPE_MASK	0xf
#define KVM_STATS_UNIT_SHIFT	4
#define KVM_STATS_UNIT_MASK	(0xf << KVM_STATS_UNIT_SHIFT)
struct kvm_stats_header {
	__u32 flags;
	__u32 name_size;
	__u32 num_desc;
	__u32 id_offset;
	__u32 desc_offset;
	__u32 data_offset;
};
struct kvm_stats_desc {
	__u32 flags;
	__s16 exponent;
	__u16 size;
	__u32 offset;
	__u32 bucket_size;
	char name[];
};
#endif

#endif
