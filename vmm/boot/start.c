// SPDX-License-Identifier: GPL-2.0-only
/* The boot CPU's registers. */
#include "boot/start.h"

#define CR0_PE		(1ULL << 0)
#define CR0_ET		(1ULL << 4)
#define CR0_PG		(1ULL << 31)
#define CR4_PAE		(1ULL << 5)
#define EFER_LME	(1ULL << 8)
#define EFER_LMA	(1ULL << 10)

#define GDT_CODE32	0x00cf9b000000ffffULL
#define GDT_CODE64	0x00af9b000000ffffULL
#define GDT_DATA	0x00cf93000000ffffULL

static struct kvm_segment flat_segment(uint16_t sel, bool code, bool l)
{
	return (struct kvm_segment){
		.base = 0, .limit = 0xffffffff, .selector = sel,
		.type = code ? 11 : 3, .present = 1, .s = 1,
		.db = !l, .l = l, .g = 1,
	};
}

static int load_gdt(struct vcpu *v, struct kvm_sregs *s, uint64_t tables, bool l, struct err *e)
{
	const uint64_t gdt[4] = { 0, 0, l ? GDT_CODE64 : GDT_CODE32, GDT_DATA };

	if (mem_write(&v->vm->mem, tables, gdt, sizeof(gdt)))
		return err_set(e, -EFAULT, "GDT at %#lx is outside guest memory", tables);
	s->gdt.base = tables;
	s->gdt.limit = sizeof(gdt) - 1;
	s->cs = flat_segment(0x10, true, l);
	s->ds = s->es = s->fs = s->gs = s->ss = flat_segment(0x18, false, false);
	s->cr0 = CR0_PE | CR0_ET;
	return 0;
}

/* PML4, PDPT and four page directories of 2 MiB pages, after the GDT's page. */
static int load_paging(struct vcpu *v, struct kvm_sregs *s, uint64_t tables, struct err *e)
{
	uint64_t *t = mem_at(&v->vm->mem, tables, BOOT_TABLES_SIZE);
	uint64_t i;

	if (!t || tables % MEM_PAGE)
		return err_set(e, -EFAULT,
			"page tables at %#lx (%lu bytes) are outside guest memory: give it more (--mem)",
			tables, BOOT_TABLES_SIZE);
	t += 512;
	t[0] = (tables + 0x2000) | 3;
	for (i = 0; i < 4; i++)
		t[512 + i] = (tables + 0x3000 + i * 0x1000) | 3;
	for (i = 0; i < 2048; i++)
		t[1024 + i] = (i << 21) | 0x83;
	s->cr0 |= CR0_PG;
	s->cr3 = tables + 0x1000;
	s->cr4 = CR4_PAE;
	s->efer = EFER_LME | EFER_LMA;
	return 0;
}

int boot_start(struct vcpu *v, const struct boot_entry *in, struct err *e)
{
	struct kvm_regs r = { .rip = in->ip, .rsp = in->sp, .rflags = 2,
			      .rax = in->rax, .rbx = in->rbx, .rsi = in->rsi };
	struct kvm_sregs s;
	int rc = KVM_DO(v->fd, KVM_GET_SREGS, &s, e);

	if (rc)
		return rc;
	if (in->mode == BOOT_REAL) {
		s.cs.selector = in->cs;
		s.cs.base = (uint32_t)in->cs << 4;
	} else {
		rc = load_gdt(v, &s, in->tables, in->mode == BOOT_LONG, e);
	}
	if (!rc && in->mode == BOOT_LONG)
		rc = load_paging(v, &s, in->tables, e);
	if (!rc)
		rc = KVM_DO(v->fd, KVM_SET_SREGS, &s, e);
	return rc ? rc : KVM_DO(v->fd, KVM_SET_REGS, &r, e);
}
