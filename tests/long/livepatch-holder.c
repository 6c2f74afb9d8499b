// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU that sleeps in KVM_RUN for ever: HLT with the interrupt controllers in the kernel,
 * and nobody to interrupt it. Its VMM has no timer and gets no signal, so that every function
 * of KVM on the way there stays on its stack.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define CODE 0x1000

int main(void)
{
	/* 1: hlt; jmp 1b */
	static const unsigned char code[] = { 0xf4, 0xeb, 0xfd };
	struct kvm_userspace_memory_region mem = { .memory_size = 0x10000 };
	struct kvm_regs regs = { .rip = CODE, .rflags = 2 };
	struct kvm_sregs sregs;
	int kvm, vm, cpu, rc;
	void *ram;

	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
	ram = mmap(NULL, mem.memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (vm < 0 || ram == MAP_FAILED || ioctl(vm, KVM_CREATE_IRQCHIP, 0) < 0) {
		perror("livepatch-holder: a VM");
		return 1;
	}
	memcpy((char *)ram + CODE, code, sizeof(code));
	mem.userspace_addr = (unsigned long)ram;
	cpu = ioctl(vm, KVM_SET_USER_MEMORY_REGION, &mem) < 0 ? -1 : ioctl(vm, KVM_CREATE_VCPU, 0);
	if (cpu < 0 || ioctl(cpu, KVM_GET_SREGS, &sregs) < 0) {
		perror("livepatch-holder: a vCPU");
		return 1;
	}
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(cpu, KVM_SET_SREGS, &sregs) < 0 || ioctl(cpu, KVM_SET_REGS, &regs) < 0) {
		perror("livepatch-holder: its registers");
		return 1;
	}
	puts("in KVM_RUN");
	fflush(stdout);
	/* The kernel's own signal ends a call after 15 s; a VMM goes on. */
	do
		rc = ioctl(cpu, KVM_RUN, 0);
	while (rc < 0);
	perror("livepatch-holder: left KVM_RUN");
	return 1;
}
