// SPDX-License-Identifier: GPL-2.0-only
#include "kvm.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int open_error(const char *path, int err, struct err *e)
{
	switch (err) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return err_set(e, -err,
			       "%s: %s: KVM is not loaded: modprobe kvm_intel or kvm_amd (dmesg says why if that fails; firmware may have VT-x or SVM off)",
			       path, strerror(err));
	case EACCES:
	case EPERM:
		return err_set(e, -err,
			       "%s: no permission: add the user to its group (usermod -aG kvm USER, then log in again)",
			       path);
	default:
		return err_set(e, -err, "%s: %s", path, strerror(err));
	}
}

int kvm_open(struct vm *vm, struct err *e)
{
	const char *path = vm->cfg.kvm_path ? vm->cfg.kvm_path : "/dev/kvm";
	int version;

	vm->kvm_fd = open(path, O_RDWR | O_CLOEXEC);
	if (vm->kvm_fd < 0)
		return open_error(path, errno, e);
	version = ioctl(vm->kvm_fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION)
		return err_set(e, -ENODEV, version < 0 ? "%s: not KVM: KVM_GET_API_VERSION fails" :
			"%s: KVM API version %d, expected %d", path, version,
			KVM_API_VERSION);
	do {
		vm->fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, 0);
	} while (vm->fd < 0 && errno == EINTR);
	if (vm->fd < 0 && errno == EBUSY)
		return err_set(e, -EBUSY,
			       "KVM_CREATE_VM: the CPU's virtualization is in use by another hypervisor");
	if (vm->fd < 0)
		return err_set(e, -errno, "KVM_CREATE_VM: %m");
	return 0;
}

int kvm_do(int fd, unsigned long req, unsigned long arg, const char *name, struct err *e)
{
	return ioctl(fd, req, arg) < 0 ? err_set(e, -errno, "%s: %m", name) : 0;
}

int vm_check_cap(const struct vm *vm, int cap)
{
	int r = ioctl(vm->fd, KVM_CHECK_EXTENSION, (unsigned long)cap);

	return r > 0 ? r : 0;
}

int vm_set_slot(struct vm *vm, unsigned int i, const struct mem_region *r, uint32_t flags,
		struct err *e)
{
	struct kvm_userspace_memory_region s = {
		.slot = i, .flags = flags, .guest_phys_addr = r->gpa,
		.memory_size = r->size, .userspace_addr = (uintptr_t)r->host,
	};

	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &s) < 0)
		return err_set(e, -errno, "KVM_SET_USER_MEMORY_REGION of %lu MiB at %#lx: %m",
			       r->size >> 20, r->gpa);
	return 0;
}

/* ---- interrupts, doorbells ---- */

int vm_irq(const struct vm *vm, uint32_t gsi, int level)
{
	struct kvm_irq_level l = { .irq = gsi, .level = (uint32_t)level };

	if (vm->fd < 0 || vm->cfg.irqchip != VM_IRQCHIP_FULL)
		return -ENXIO;
	return ioctl(vm->fd, KVM_IRQ_LINE, &l) < 0 ? -errno : 0;
}

int vm_irqfd(struct vm *vm, int fd, uint32_t gsi, struct err *e)
{
	struct kvm_irqfd f = { .fd = (uint32_t)fd, .gsi = gsi };

	if (ioctl(vm->fd, KVM_IRQFD, &f) < 0)
		return err_set(e, -errno, "KVM_IRQFD for line %u: %m", gsi);
	return 0;
}

void vm_msi(void *vm, uint64_t addr, uint32_t data)
{
	int fd = ((struct vm *)vm)->fd;
	struct kvm_msi m = {
		.address_lo = (uint32_t)addr, .address_hi = (uint32_t)(addr >> 32), .data = data,
	};

	ioctl(fd, KVM_SIGNAL_MSI, &m);	/* addressed to nobody: lost, as on a bus */
}

int vm_ioeventfd(struct vm *vm, int fd, uint64_t gpa, uint32_t len, uint32_t value, struct err *e)
{
	struct kvm_ioeventfd f = {
		.datamatch = len ? value : 0, .addr = gpa, .len = len, .fd = fd,
		.flags = len ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0,
	};

	if (ioctl(vm->fd, KVM_IOEVENTFD, &f) < 0)
		return err_set(e, -errno, "KVM_IOEVENTFD at %#lx: %m", gpa);
	return 0;
}

int vm_swallow(struct vm *vm, uint64_t gpa, uint32_t value, struct err *e)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	int rc = fd < 0 ? err_set(e, -errno, "eventfd: %m") :
		vm_ioeventfd(vm, fd, gpa, 4, value, e);

	if (fd >= 0)
		close(fd);	/* KVM holds what it needs of it */
	return rc;
}

/* ---- the end ---- */

void vm_stop(struct vm *vm, int status, const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&vm->lock);
	if (!atomic_load(&vm->stopping)) {
		vm->status = status;
		vm->why[0] = '\0';
		if (fmt) {
			va_start(ap, fmt);
			vsnprintf(vm->why, sizeof(vm->why), fmt, ap);
			va_end(ap);
		}
		atomic_store(&vm->stopping, true);
		pthread_cond_broadcast(&vm->cond);
	}
	pthread_mutex_unlock(&vm->lock);
	event_ring(vm->stop_fd);
}
