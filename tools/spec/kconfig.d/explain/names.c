// SPDX-License-Identifier: GPL-2.0-only
/* "Did you mean": symbols whose names resemble a misspelt one. */

#include <string.h>

#include "explain.h"

#define NAME_MAX_LEN 64
#define NEAREST 3

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/*
 * Optimal string alignment distance: insertions, deletions, substitutions and
 * swaps of neighbours. Names longer than NAME_MAX_LEN resemble nothing.
 */
static size_t distance(const char *a, const char *b)
{
	size_t row[3][NAME_MAX_LEN + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > NAME_MAX_LEN || lb > NAME_MAX_LEN)
		return NAME_MAX_LEN;
	for (size_t j = 0; j <= lb; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *now = row[i % 3], *prev = row[(i + 2) % 3];
		const size_t *before = row[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			now[j] = min3(prev[j] + 1, now[j - 1] + 1,
				      prev[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
	}
	return row[la % 3][lb];
}

void names_nearest(const char *name, int level)
{
	struct { const struct symbol *sym; size_t dist; } best[NEAREST] = { 0 };
	size_t limit = strlen(name) / 4 + 1;
	struct menu *menu = NULL;
	int n = 0;

	while ((menu = kc_next_menu(menu))) {
		const struct symbol *sym = menu->sym;
		size_t d;
		int at;

		if (!sym || !sym->name)
			continue;
		d = distance(name, sym->name);
		if (d > limit)
			continue;
		for (at = 0; at < n && best[at].sym != sym; at++)
			;
		if (at < n)
			continue;	/* defined more than once */
		for (at = n; at > 0 && best[at - 1].dist > d; at--) {
			if (at < NEAREST)
				best[at] = best[at - 1];
		}
		if (at == NEAREST)
			continue;
		best[at].sym = sym;
		best[at].dist = d;
		if (n < NEAREST)
			n++;
	}
	if (!n)
		return;
	indent(level);
	printf("did you mean");
	for (int i = 0; i < n; i++)
		printf("%s CONFIG_%s", i ? "," : "", best[i].sym->name);
	printf("?\n");
}
