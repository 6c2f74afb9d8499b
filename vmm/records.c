// SPDX-License-Identifier: GPL-2.0-only
#include "records.h"

#include <stdlib.h>
#include <string.h>

/* Before each record's bytes. */
struct head {
	char name[12];		/* filled up with NULs */
	uint32_t index;
	uint32_t len;
};

void record_put(struct records *r, const char *name, uint32_t index,
		const void *data, uint32_t len)
{
	struct head h = { .index = index, .len = len };
	uint32_t need = r->n + (uint32_t)sizeof(h) + len;
	size_t chars = strlen(name);
	uint8_t *p;

	if (r->rc)
		return;
	if (need > r->size) {
		r->size = need * 2;
		p = realloc(r->p, r->size);
		if (!p) {
			r->rc = -ENOMEM;
			return;
		}
		r->p = p;
	}
	memcpy(h.name, name, chars < sizeof(h.name) ? chars : sizeof(h.name));
	memcpy(r->p + r->n, &h, sizeof(h));
	memcpy(r->p + r->n + sizeof(h), data, len);
	r->n = need;
}

/* Step from a record at @at to its bytes; false: they do not fit into @r. */
static bool next(const struct records *r, uint32_t *at, struct head *h)
{
	if (r->n - *at < sizeof(*h))
		return false;
	memcpy(h, r->p + *at, sizeof(*h));
	*at += (uint32_t)sizeof(*h);
	return h->len <= r->n - *at;
}

bool records_fit(const struct records *r)
{
	uint32_t at = 0;
	struct head h;

	while (at < r->n) {
		if (!next(r, &at, &h))
			return false;
		at += h.len;
	}
	return true;
}

const void *record_find(const struct records *r, const char *name, uint32_t index, uint32_t *len)
{
	uint32_t at = 0;
	struct head h;

	while (next(r, &at, &h)) {
		if (h.index == index && !strncmp(h.name, name, sizeof(h.name))) {
			*len = h.len;
			return r->p + at;
		}
		at += h.len;
	}
	return NULL;
}

int record_get(const struct records *r, const char *name, uint32_t index,
	       void *data, uint32_t len, struct err *e)
{
	uint32_t have = 0;
	const void *p = record_find(r, name, index, &have);

	if (!p || have != len)
		return err_set(e, -EBADMSG, "%s: record %s.%u: expected %u bytes, found %u",
			       r->name, name, index, len, have);
	memcpy(data, p, len);
	return 0;
}
