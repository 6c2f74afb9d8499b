/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state of a VM as records: a name, an index (of vCPU, chip or device)
 * and bytes. Devices and vCPUs write and read them; snapshot.h keeps them in
 * a file.
 */
#ifndef VMM_RECORDS_H
#define VMM_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct records {
	const char *name;	/* of the file, for messages */
	uint8_t *p;		/* freed by the owner */
	uint32_t n, size;	/* bytes in it, bytes allocated */
	int rc;			/* -ENOMEM once a record was lost, or 0 */
};

/* record_put - add a record; a failure is remembered in @r->rc */
void record_put(struct records *r, const char *name, uint32_t index,
		const void *data, uint32_t len);

/* records_fit - do records fill @r exactly? Check what comes from a file. */
bool records_fit(const struct records *r);

/* record_find - the bytes of a record, and their number; NULL: there is none */
const void *record_find(const struct records *r, const char *name,
			uint32_t index, uint32_t *len);

/* record_get - a record of exactly @len bytes, copied; -EBADMSG otherwise */
int record_get(const struct records *r, const char *name, uint32_t index,
	       void *data, uint32_t len, struct err *e);

#endif
