// SPDX-License-Identifier: GPL-2.0-only
#include "bus.h"

#include <string.h>

/* Index of the first range whose base is above @addr. */
static unsigned int bus_after(const struct bus *b, uint64_t addr)
{
	unsigned int lo = 0, hi = b->n;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		if (b->r[mid].base <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int bus_add(struct bus *b, uint64_t base, uint64_t len, const char *name,
	    bus_fn fn, void *dev, struct err *e)
{
	unsigned int i = bus_after(b, base), k;

	if (!len || base + len < base)
		return err_set(e, -EINVAL, "%s: empty or wrapping range", name);
	if (b->n == BUS_RANGES_MAX)
		return err_set(e, -ENOSPC, "%s: more than %d device ranges", name, BUS_RANGES_MAX);
	if (i && base - b->r[i - 1].base < b->r[i - 1].len)
		k = i - 1;
	else
		k = i;
	if (k < b->n && (k < i || b->r[k].base - base < len))
		return err_set(e, -EEXIST, "%s at %#lx overlaps %s at %#lx",
			       name, base, b->r[k].name, b->r[k].base);
	memmove(&b->r[i + 1], &b->r[i], (b->n - i) * sizeof(b->r[0]));
	b->r[i] = (struct bus_range){ base, len, fn, dev, name };
	b->n++;
	return 0;
}

bool bus_access(const struct bus *b, uint64_t addr, void *data, uint32_t len, bool is_write)
{
	unsigned int i = bus_after(b, addr);
	const struct bus_range *r = i ? &b->r[i - 1] : NULL;

	if (!is_write)
		memset(data, 0xff, len);
	if (!r || addr - r->base >= r->len || r->len - (addr - r->base) < len)
		return false;
	r->fn(r->dev, addr - r->base, data, len, is_write);
	return true;
}
