// SPDX-License-Identifier: GPL-2.0-only
#include "dirty.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int dirty_ring_map(struct vcpu *v, struct err *e)
{
	size_t size = v->vm->cfg.dirty_ring * sizeof(struct kvm_dirty_gfn);
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd,
		       KVM_DIRTY_LOG_PAGE_OFFSET * 4096L);

	if (p == MAP_FAILED)
		return err_set(e, -errno, "cannot map the dirty ring of vCPU %u: %m", v->id);
	v->ring = p;
	return 0;
}

void dirty_ring_unmap(struct vcpu *v)
{
	if (v->ring)
		munmap(v->ring, v->vm->cfg.dirty_ring * sizeof(*v->ring));
	v->ring = NULL;
}

static uint64_t words(const struct vm *vm, unsigned int i)
{
	return (vm->mem.r[i].size / MEM_PAGE + 63) / 64;
}

static void mark(struct vm *vm, uint32_t slot, uint64_t page)
{
	if (slot < vm->mem.n && page < vm->mem.r[slot].size / MEM_PAGE)
		vm->dirty[slot][page / 64] |= 1ULL << (page % 64);
}

void dirty_ring_harvest(struct vcpu *v)
{
	struct vm *vm = v->vm;
	uint32_t n, max = vm->cfg.dirty_ring;

	pthread_mutex_lock(&vm->lock);
	for (n = 0; n < max; n++) {
		struct kvm_dirty_gfn *g = &v->ring[v->ring_next % max];

		/* Pairs with the kernel's release of the entry. */
		if (__atomic_load_n(&g->flags, __ATOMIC_ACQUIRE) != KVM_DIRTY_GFN_F_DIRTY)
			break;
		if (vm->dirty[0])
			mark(vm, g->slot & 0xffff, g->offset);
		__atomic_store_n(&g->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
		v->ring_next++;
	}
	ioctl(vm->fd, KVM_RESET_DIRTY_RINGS, 0);
	pthread_mutex_unlock(&vm->lock);
}

int dirty_start(struct vm *vm, struct err *e)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; !rc && i < vm->mem.n; i++) {
		vm->dirty[i] = vm->dirty[i] ? vm->dirty[i] : calloc(words(vm, i), 8);
		rc = vm->dirty[i] ? vm_set_slot(vm, i, &vm->mem.r[i], KVM_MEM_LOG_DIRTY_PAGES, e) :
			err_set(e, -ENOMEM, "no memory for dirty bitmaps");
	}
	return rc;
}

void dirty_stop(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->mem.n; i++) {
		if (vm->dirty[i])
			vm_set_slot(vm, i, &vm->mem.r[i], 0, NULL);
		free(vm->dirty[i]);
		vm->dirty[i] = NULL;
	}
}

/* KVM's log of region @i, and the devices', added to vm->dirty. */
static int fetch(struct vm *vm, unsigned int i, struct err *e)
{
	struct kvm_dirty_log log = { .slot = i };
	uint64_t w, *from = vm->mem.log[i], *new;
	int rc = 0;

	if (!vm->dirty[i])
		return err_set(e, -EINVAL, "memory region %u has no dirty log", i);
	for (w = 0; from && w < words(vm, i); w++)
		vm->dirty[i][w] |= __atomic_exchange_n(&from[w], 0, __ATOMIC_RELAXED);
	if (vm->cfg.dirty_ring)
		return 0;
	new = log.dirty_bitmap = calloc(words(vm, i) + 1, 8);
	if (!new)
		return err_set(e, -ENOMEM, "no memory for dirty bitmaps");
	if (ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log) < 0)
		rc = err_set(e, -errno, "KVM_GET_DIRTY_LOG of region %u: %m", i);
	for (w = 0; !rc && w < words(vm, i); w++)
		vm->dirty[i][w] |= new[w];
	free(new);
	return rc;
}

long dirty_fetch(struct vm *vm, struct err *e)
{
	uint64_t w;
	unsigned int i;
	long n = 0;
	int rc;

	for (i = 0; vm->cfg.dirty_ring && i < vm->ncpus; i++)
		dirty_ring_harvest(&vm->vcpus[i]);
	for (i = 0; i < vm->mem.n; i++) {
		rc = fetch(vm, i, e);
		if (rc)
			return rc;
		for (w = 0; w < words(vm, i); w++)
			n += __builtin_popcountll(vm->dirty[i][w]);
	}
	return n;
}

long dirty_count(struct vm *vm, struct err *e)
{
	long n = dirty_fetch(vm, e);
	unsigned int i;

	for (i = 0; n >= 0 && i < vm->mem.n; i++)
		memset(vm->dirty[i], 0, words(vm, i) * 8);
	return n;
}
