/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interface between kvm-selftest and its unit guest (unit.bin): addresses, the
 * memory they share, and the ports by which the guest talks to its host.
 */
#ifndef GUEST_ABI_H
#define GUEST_ABI_H

#define GUEST_MAGIC	0x31746e65476d764bULL	/* "KvmGent1" */

/* Guest physical addresses. RAM is UNIT_RAM bytes from 0. */
#define UNIT_SHARED	0x6000		/* struct unit_shared, 8 KiB */
#define UNIT_LOAD	0x8000		/* unit.bin; entry in real mode, CS:IP 0:8000 */
#define UNIT_LOAD_MAX	0x98000		/* image and bss end below this */
#define UNIT_SCRATCH	0x200000	/* 2 MiB that tests may overwrite */
#define UNIT_RAM	0x1000000
#define UNIT_MMIO	0x10000000	/* nothing is mapped here: every access exits */
#define UNIT_CPUS_MAX	8

/* Ports. */
#define UNIT_PORT_TEXT	0x10		/* bytes for people */
#define UNIT_PORT_EXIT	0xf4		/* UNIT_PASS, UNIT_FAIL, UNIT_SKIP: the end */
#define UNIT_PORT_IDLE	0xe1		/* the guest waits: others may run */
#define UNIT_PORT_L1	0xe2		/* written by a guest that runs its own guest */
#define UNIT_PORT_L2	0xe3		/* written by that guest's guest */
#define UNIT_PORT_MOVE	0xe4		/* move the guest to a new VM: now, or soon (UNIT_MOVE_SOON) */
#define UNIT_PORT_SYNC	0xf5		/* a 4-byte number: the host does that part of the test */
#define UNIT_PORT_IO	0x600		/* 16 ports for the I/O tests */

#define UNIT_MOVE_SOON	1		/* written to UNIT_PORT_MOVE: at the next signal, within milliseconds */
#define UNIT_MOVE_IN	0x5a		/* the value read from UNIT_PORT_MOVE */

#define UNIT_PASS	0
#define UNIT_FAIL	1
#define UNIT_SKIP	2

#ifndef __ASSEMBLER__
struct unit_shared {
	unsigned long long magic;	/* written by the host */
	char test[32];			/* host: which test to run */
	unsigned int ncpus;		/* host */
	/* The host's CPU is QEMU's TCG or Bochs', which do not do all that a CPU does. */
	unsigned int tcg;
	unsigned int bochs;
	unsigned int sticky_shadow;	/* STI's shadow survives an instruction that KVM skips */
	unsigned int old_kvm;		/* before Linux 5.14: env_old_kvm() */
	unsigned int kernel;		/* the host's, as env_kernel() says it: 6.12 is 6012 */
	unsigned int ignore_msrs;	/* kvm.ignore_msrs: unknown MSRs read as 0 and accept writes */
	unsigned int shadow;		/* KVM uses shadow paging: npt=0, ept=0 */
	unsigned int online;		/* guest: CPUs that reached C code */
	unsigned long long arg[16];	/* host to guest */
	unsigned long long out[16];	/* guest to host */
	char step[128];			/* guest: what it is doing or waiting for */
	char msg[512];			/* guest: why it failed or skipped */
	char left_out[256];		/* guest: parts of the test that it did not try */
	unsigned int bufs_len;
	unsigned char buf[4096];	/* in either direction */
};
#endif
#endif
