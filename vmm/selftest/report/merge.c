// SPDX-License-Identifier: GPL-2.0-only
/* kvm-selftest merge: reports of many hosts as one table, failures and differences first. */
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "env/manifest.h"
#include "report/merge.h"
#include "report/report.h"

static char letter(const char *status)
{
	if (!status)
		return ' ';
	if (!strcmp(status, "pass"))
		return '+';
	if (!strcmp(status, "warn"))
		return 'w';
	if (!strcmp(status, "error"))
		return 'E';
	return !strcmp(status, "skip") ? '-' : 'F';
}

static struct row *find_row(struct row *rows, unsigned int *n, unsigned int hosts, const char *check)
{
	unsigned int i;

	for (i = 0; i < *n; i++)
		if (!strcmp(rows[i].check, check))
			return &rows[i];
	if (*n == ROWS_MAX)
		return NULL;
	rows[*n].st = malloc(hosts);
	if (!rows[*n].st)
		return NULL;
	for (i = 0; i < hosts; i++)
		rows[*n].st[i] = ' ';
	rows[*n].check = check;
	return &rows[(*n)++];
}

static void count_odd(struct row *r, unsigned int hosts)
{
	static const char letters[] = "+w-EF ";
	unsigned int n[6] = { 0 }, most = 0, i;
	const char *p;

	for (i = 0; i < hosts; i++) {
		p = strchr(letters, r->st[i]);
		n[p - letters]++;
		r->failed |= r->st[i] == 'F';
	}
	for (i = 0; i < 6; i++) {
		if (n[i] <= most)
			continue;
		most = n[i];
		r->most = letters[i];
	}
	r->odd = hosts - most;
}

/* Failures first, then differences, each by name. */
static int by_interest(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->failed != y->failed)
		return x->failed ? -1 : 1;
	if (!x->odd != !y->odd)
		return x->odd ? -1 : 1;
	return strcmp(x->check, y->check);
}

static int load(struct host *h, const char *path)
{
	struct json_object *schema;
	char err[512];

	h->o = json_load(path, err, sizeof(err));
	if (!h->o) {
		fprintf(stderr, "kvm-selftest: %s\n", err);
		return -1;
	}
	schema = json_path(h->o, "schema");
	if (json_object_get_int(schema) != 1 || !json_object_is_type(json_path(h->o, "checks"), json_type_array)) {
		fprintf(stderr, "kvm-selftest: %s: not a report of kvm-selftest --format json\n", path);
		return -1;
	}
	h->name = json_str(h->o, "host");
	if (!h->name || !*h->name)
		h->name = path;
	return 0;
}

int merge(int argc, char **argv)
{
	static struct host hosts[HOSTS_MAX];
	static struct row rows[ROWS_MAX];
	unsigned int n = 0, nrows = 0, i, k;
	bool html = false;
	int failed = 0;

	if (argc > 1 && !strcmp(argv[0], "--format")) {
		html = !strcmp(argv[1], "html");
		if (!html && strcmp(argv[1], "human")) {
			fprintf(stderr, "kvm-selftest: merge: --format %s: expected human or html\n", argv[1]);
			return 2;
		}
		argc -= 2;
		argv += 2;
	}
	if (argc < 1 || argc > HOSTS_MAX) {
		fprintf(stderr, "kvm-selftest: merge: expected 1 to %d reports (kvm-selftest --format json)\n", HOSTS_MAX);
		return 2;
	}
	for (; n < (unsigned int)argc; n++)
		if (load(&hosts[n], argv[n]))
			return 2;
	for (i = 0; i < n; i++) {
		struct json_object *list = json_path(hosts[i].o, "checks");

		for (k = 0; k < json_object_array_length(list); k++) {
			struct json_object *c = json_object_array_get_idx(list, k);
			const char *name = json_str(c, "name");
			struct row *r = name ? find_row(rows, &nrows, n, name) : NULL;

			if (r)
				r->st[i] = letter(json_str(c, "status"));
		}
	}
	for (i = 0; i < nrows; i++)
		count_odd(&rows[i], n);
	qsort(rows, nrows, sizeof(rows[0]), by_interest);
	if (html) {
		fleet_html(hosts, n, rows, nrows);
		return nrows && rows[0].failed ? 1 : 0;
	}
	for (i = 0; i < n; i++) {
		const char *kernel = json_str(hosts[i].o, "kernel"), *backend = json_str(hosts[i].o, "backend");

		printf("%3u  %s  %s  %s\n", i + 1, hosts[i].name, kernel ? kernel : "?", backend ? backend : "?");
	}
	printf("\n+ passed, w warned, - skipped, E could not be done, F failed; one column per host\n");
	for (i = 0; i < nrows; i++) {
		printf("%-32s ", rows[i].check);
		fwrite(rows[i].st, 1, n, stdout);
		printf("%s\n", rows[i].failed ? "  FAILED" : rows[i].odd ? "  differs" : "");
		failed += rows[i].failed;
	}
	return failed ? 1 : 0;
}
