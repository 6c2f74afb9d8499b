/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bus is a table of address ranges with a function each. There are two in a
 * VM: ports (addresses 0-0xffff) and MMIO (guest physical addresses).
 */
#ifndef VMM_BUS_H
#define VMM_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

#define BUS_RANGES_MAX	80

/*
 * bus_fn - a device's register access
 * @dev:      what was given to bus_add()
 * @off:      offset into the range; @off + @len is inside it
 * @data:     bytes written by the guest, or to be filled in (preset to 0xff)
 * @len:      1, 2, 4 or 8
 * @is_write: direction
 *
 * Called from vCPU threads, several at once: the device does its locking.
 */
typedef void (*bus_fn)(void *dev, uint64_t off, void *data, uint32_t len,
		       bool is_write);

struct bus_range {
	uint64_t base;
	uint64_t len;
	bus_fn fn;
	void *dev;
	const char *name;
};

/* Sorted by base. Filled before the vCPUs start, read only after. */
struct bus {
	struct bus_range r[BUS_RANGES_MAX];
	unsigned int n;
};

/*
 * bus_add - claim [@base, @base + @len) for @fn
 * @name: a string that outlives the bus
 *
 * -EEXIST if it overlaps a range that is there, -EINVAL if empty or wrapping,
 * -ENOSPC if the table is full.
 */
int bus_add(struct bus *b, uint64_t base, uint64_t len, const char *name,
	    bus_fn fn, void *dev, struct err *e);

/*
 * bus_access - give an access to the device that claims it
 *
 * False if no device claims all of it: reads then give all ones, writes go
 * nowhere, as on a PC.
 */
bool bus_access(const struct bus *b, uint64_t addr, void *data, uint32_t len,
		bool is_write);

#endif
