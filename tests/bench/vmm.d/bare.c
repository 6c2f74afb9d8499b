// SPDX-License-Identifier: GPL-2.0-only
/*
 * bare flat|machine: the least that starts a guest, in the fastest order (memory
 * slot before interrupt controller), to compare a VMM's start with. The guest is one HLT in real mode. "machine" adds what a
 * Linux guest needs of KVM: interrupt controllers, PIT, CPUID, 128 MiB.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define CPUID_MAX	256

static int must(int rc, const char *what)
{
	if (rc < 0) {
		perror(what);
		exit(1);
	}
	return rc;
}

static void set_cpuid(int kvm, int cpu)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + CPUID_MAX * sizeof(c->entries[0]));

	if (!c)
		exit(1);
	c->nent = CPUID_MAX;
	must(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, c), "KVM_GET_SUPPORTED_CPUID");
	must(ioctl(cpu, KVM_SET_CPUID2, c), "KVM_SET_CPUID2");
	free(c);
}

int main(int argc, char **argv)
{
	int machine = argc > 1 && !strcmp(argv[1], "machine");
	uint64_t size = machine ? 128UL << 20 : 16UL << 20;
	struct kvm_userspace_memory_region slot = { .memory_size = size };
	struct kvm_pit_config pit = { 0 };
	struct kvm_regs regs = { .rip = 0x1000, .rflags = 2 };
	struct kvm_sregs sregs;
	int kvm = must(open("/dev/kvm", O_RDWR), "/dev/kvm"), vm, cpu;
	uint8_t *ram = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct kvm_run *run;

	if (ram == MAP_FAILED)
		return 1;
	vm = must(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	slot.userspace_addr = (uintptr_t)ram;
	must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "KVM_SET_USER_MEMORY_REGION");
	must(ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000), "KVM_SET_TSS_ADDR");
	if (machine) {
		must(ioctl(vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
		must(ioctl(vm, KVM_CREATE_PIT2, &pit), "KVM_CREATE_PIT2");
	}
	cpu = must(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	run = mmap(NULL, (size_t)must(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "mmap size"),
		   PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
	if (run == MAP_FAILED)
		return 1;
	if (machine)
		set_cpuid(kvm, cpu);
	ram[0x1000] = 0xf4;
	must(ioctl(cpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.base = sregs.cs.selector = 0;
	must(ioctl(cpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	must(ioctl(cpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
	must(ioctl(cpu, KVM_RUN, 0), "KVM_RUN");
	return run->exit_reason != KVM_EXIT_HLT;
}
