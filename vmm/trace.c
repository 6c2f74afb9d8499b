// SPDX-License-Identifier: GPL-2.0-only
#include "trace.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exit_name.h"

#define ROWS	512U		/* a power of 2; what finds no place is counted together */
#define BITS	40		/* 2^40 ns are 18 minutes */

struct trace_row {
	uint64_t addr, count;
	uint32_t reason;
	bool used, write;
	uint32_t times[BITS];	/* [i]: from 2^i ns on */
};

int trace_start(struct vm *vm, struct err *e)
{
	unsigned int i;

	for (i = 0; i < vm->ncpus; i++) {
		vm->vcpus[i].trace = calloc(ROWS + 1, sizeof(struct trace_row));
		if (!vm->vcpus[i].trace)
			return err_set(e, -ENOMEM, "no memory for --trace");
	}
	return 0;
}

uint64_t trace_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static struct trace_row key(const struct kvm_run *r)
{
	struct trace_row k = { .reason = r->exit_reason, .used = true };

	if (k.reason == KVM_EXIT_IO) {
		k.addr = r->io.port;
		k.write = r->io.direction == KVM_EXIT_IO_OUT;
	} else if (k.reason == KVM_EXIT_MMIO) {
		k.addr = r->mmio.phys_addr;
		k.write = r->mmio.is_write;
	}
	return k;
}

/* Bounded: a guest may use any number of addresses. The last row takes the rest. */
static struct trace_row *find(struct trace_row *t, const struct trace_row *k)
{
	uint64_t h = (k->addr ^ (uint64_t)k->reason << 40 ^ (uint64_t)k->write << 39) *
		0x9e3779b97f4a7c15ULL >> 55;
	unsigned int i;

	for (i = 0; i < 16; i++) {
		struct trace_row *x = &t[(h + i) % ROWS];

		if (!x->used)
			*x = *k;
		if (x->reason == k->reason && x->addr == k->addr && x->write == k->write)
			return x;
	}
	return &t[ROWS];
}

void trace_exit(struct vcpu *v, uint64_t start)
{
	struct trace_row k = key(v->run), *x = find(v->trace, &k);
	uint64_t ns = trace_now() - start;
	int bit = 63 - __builtin_clzll(ns | 1);

	x->count++;
	x->times[bit < BITS ? bit : BITS - 1]++;
}

/* The largest that is left; qsort(3) would open files, which the sandbox forbids. */
static struct trace_row *largest(struct trace_row *t)
{
	struct trace_row *x = t;
	unsigned int i;

	for (i = 1; i <= ROWS; i++)
		if (t[i].count > x->count)
			x = &t[i];
	return x;
}

static void write_row(FILE *out, unsigned int cpu, const struct trace_row *x)
{
	unsigned int i;

	fprintf(out, "vcpu %u %lu %s", cpu, x->count, x->used ? exit_name(x->reason) : "others");
	if (x->used && (x->reason == KVM_EXIT_IO || x->reason == KVM_EXIT_MMIO))
		fprintf(out, " %s %#lx", x->write ? "write" : "read", x->addr);
	fputs(" ns", out);
	for (i = 0; i < BITS; i++)
		if (x->times[i])
			fprintf(out, " %lu:%u", 1UL << i, x->times[i]);
	fputc('\n', out);
}

int trace_write(struct vm *vm, FILE *out, struct err *e)
{
	struct trace_row *x;
	unsigned int cpu;

	for (cpu = 0; cpu < vm->ncpus; cpu++)
		while ((x = largest(vm->vcpus[cpu].trace))->count) {
			write_row(out, cpu, x);
			x->count = 0;
		}
	return fflush(out) || ferror(out) ? err_set(e, -EIO, "--trace: cannot write: %m") : 0;
}
