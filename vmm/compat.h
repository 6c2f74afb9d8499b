/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What <linux/kvm.h> of Linux 4.18 (EL 8) lacks and we use. Values are the
 * kernel's ABI; the version that brought each is noted.
 */
#ifndef VMM_COMPAT_H
#define VMM_COMPAT_H

#include <linux/kvm.h>

#ifndef KVM_CAP_NESTED_STATE
#define KVM_CAP_NESTED_STATE	157		/* 4.20 */
struct kvm_nested_state {
	__u16 flags, format;
	__u32 size;
	__u64 hdr[15];
	__u8 data[];
};
#define KVM_GET_NESTED_STATE	_IOWR(KVMIO, 0xbe, struct kvm_nested_state)
#define KVM_SET_NESTED_STATE	_IOW(KVMIO, 0xbf, struct kvm_nested_state)
#endif
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
#ifndef KVM_CAP_SET_GUEST_DEBUG2		/* 5.16 */
#define KVM_CAP_SET_GUEST_DEBUG2 195
#define KVM_GUESTDBG_BLOCKIRQ	0x00100000
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
#define KVM_CAP_X86_DIRTY_RATE_LIMIT	40002	/* of this project's patch */
#ifndef KVM_CAP_XSAVE2				/* 5.17 */
#define KVM_CAP_XSAVE2		208
#define KVM_GET_XSAVE2		_IOR(KVMIO, 0xcf, struct kvm_xsave)
#endif
#ifndef KVM_CAP_BINARY_STATS_FD			/* 5.14 */
#define KVM_CAP_BINARY_STATS_FD	203
#define KVM_GET_STATS_FD	_IO(KVMIO, 0xce)
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


/* --- kvm-selftest alone uses what follows --- */
#ifndef KVM_X86_DISABLE_EXITS_CSTATE		/* 5.2 */
#define KVM_X86_DISABLE_EXITS_CSTATE (1 << 3)
#endif
#ifndef KVM_CAP_EXIT_HYPERCALL			/* 5.14 */
#define KVM_CAP_EXIT_HYPERCALL	201
#endif
#ifndef KVM_CAP_EXIT_ON_EMULATION_FAILURE	/* 5.15 */
#define KVM_CAP_EXIT_ON_EMULATION_FAILURE 204
#endif
#ifndef KVM_CAP_DISABLE_QUIRKS2			/* 5.18 */
#define KVM_CAP_DISABLE_QUIRKS2	213
#endif
#ifndef KVM_X86_QUIRK_OUT_7E_INC_RIP		/* 5.5 */
#define KVM_X86_QUIRK_OUT_7E_INC_RIP (1 << 3)
#endif
#ifndef KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT	/* 5.8 */
#define KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT (1 << 4)
#endif
#ifndef KVM_X86_QUIRK_FIX_HYPERCALL_INSN	/* 5.19 */
#define KVM_X86_QUIRK_FIX_HYPERCALL_INSN (1 << 5)
#endif
#ifndef KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS	/* 6.0 */
#define KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS (1 << 6)
#endif
#ifndef KVM_X86_QUIRK_SLOT_ZAP_ALL		/* 6.12 */
#define KVM_X86_QUIRK_SLOT_ZAP_ALL (1 << 7)
#endif
#ifndef KVM_X86_QUIRK_STUFF_FEATURE_MSRS	/* 6.12 */
#define KVM_X86_QUIRK_STUFF_FEATURE_MSRS (1 << 8)
#endif
#ifndef KVM_X86_QUIRK_NESTED_SVM_SHARED_PAT	/* in 7.2, not in 6.12 */
#define KVM_X86_QUIRK_NESTED_SVM_SHARED_PAT (1 << 11)
#endif
#ifndef KVM_SET_USER_MEMORY_REGION2		/* 6.8 */
#define KVM_CAP_USER_MEMORY2	231
#define KVM_CAP_MEMORY_ATTRIBUTES 233
#define KVM_CAP_GUEST_MEMFD	234
#define KVM_CAP_VM_TYPES	235
#define KVM_MEM_GUEST_MEMFD	(1UL << 2)
struct kvm_userspace_memory_region2 {
	__u32 slot;
	__u32 flags;
	__u64 guest_phys_addr;
	__u64 memory_size;
	__u64 userspace_addr;
	__u64 guest_memfd_offset;
	__u32 guest_memfd;
	__u32 pad1;
	__u64 pad2[14];
};
#define KVM_SET_USER_MEMORY_REGION2 _IOW(KVMIO, 0x49, struct kvm_userspace_memory_region2)
struct kvm_memory_attributes {
	__u64 address;
	__u64 size;
	__u64 attributes;
	__u64 flags;
};
#define KVM_MEMORY_ATTRIBUTE_PRIVATE (1ULL << 3)
#define KVM_SET_MEMORY_ATTRIBUTES _IOW(KVMIO, 0xd2, struct kvm_memory_attributes)
struct kvm_create_guest_memfd {
	__u64 size;
	__u64 flags;
	__u64 reserved[6];
};
#define KVM_CREATE_GUEST_MEMFD	_IOWR(KVMIO, 0xd4, struct kvm_create_guest_memfd)
#endif
#ifndef KVM_MEMORY_EXIT_FLAG_PRIVATE
#define KVM_MEMORY_EXIT_FLAG_PRIVATE (1ULL << 3)
#endif
/* struct kvm_run's memory_fault, which old headers lack: it begins where hw does. */
struct compat_memory_fault {
	__u64 flags;
	__u64 gpa;
	__u64 size;
};
#define run_memory_fault(run) ((const struct compat_memory_fault *)(const void *)&(run)->hw)
#ifndef KVM_PRE_FAULT_MEMORY			/* 6.11 */
#define KVM_CAP_PRE_FAULT_MEMORY 236
#define KVM_CAP_X86_APIC_BUS_CYCLES_NS 237
#define KVM_CAP_X86_GUEST_MODE	238
#define KVM_RUN_X86_GUEST_MODE	(1 << 2)
struct kvm_pre_fault_memory {
	__u64 gpa;
	__u64 size;
	__u64 flags;
	__u64 padding[5];
};
#define KVM_PRE_FAULT_MEMORY	_IOWR(KVMIO, 0xd5, struct kvm_pre_fault_memory)
#endif
#ifndef KVM_CAP_GUEST_MEMFD_FLAGS		/* in 7.2, not in 6.12 */
#define KVM_CAP_GUEST_MEMFD_FLAGS 244
#define GUEST_MEMFD_FLAG_MMAP	(1ULL << 0)
#define GUEST_MEMFD_FLAG_INIT_SHARED (1ULL << 1)
#endif
#ifndef KVM_X86_DISABLE_EXITS_APERFMPERF	/* in 7.2, not in 6.12 */
#define KVM_X86_DISABLE_EXITS_APERFMPERF (1 << 4)
#endif
#ifndef KVM_X2APIC_ENABLE_SUPPRESS_EOI_BROADCAST	/* in 7.2, not in 6.12 */
#define KVM_X2APIC_ENABLE_SUPPRESS_EOI_BROADCAST (1ULL << 2)
#define KVM_X2APIC_DISABLE_SUPPRESS_EOI_BROADCAST (1ULL << 3)
#endif
#ifndef KVM_X86_SW_PROTECTED_VM			/* 6.8 */
#define KVM_X86_DEFAULT_VM	0
#define KVM_X86_SW_PROTECTED_VM	1
#endif
#ifndef KVM_X86_SEV_VM				/* 6.10 */
#define KVM_X86_SEV_VM		2
#define KVM_X86_SEV_ES_VM	3
#endif
#ifndef KVM_X86_SNP_VM				/* 6.11 */
#define KVM_X86_SNP_VM		4
#endif
#ifndef KVM_X86_TDX_VM				/* in 7.2, not in 6.12 */
#define KVM_X86_TDX_VM		5
#endif

#endif
