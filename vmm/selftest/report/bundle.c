// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bundle: a tar.gz for the person who debugs a failure. It has the report,
 * registers of failed checks, versions, and the kernel's log since the run began,
 * but no host name, addresses or command lines.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <unistd.h>
#include <zlib.h>

#include <json-c/json.h>

#include "report/report.h"

/* One file in ustar form (POSIX.1-1988): a header of 512 bytes, then blocks. */
static int add_file(gzFile f, const char *name, const char *data, size_t len)
{
	static const char pad[512];
	char h[512] = "";
	unsigned int sum = 0, i;

	snprintf(h, 100, "kvm-selftest/%s", name);
	snprintf(h + 100, 8, "%07o", 0644u);
	snprintf(h + 108, 8, "%07o", 0u);
	snprintf(h + 116, 8, "%07o", 0u);
	snprintf(h + 124, 12, "%011lo", (unsigned long)len);
	snprintf(h + 136, 12, "%011lo", 0ul);
	h[156] = '0';
	memcpy(h + 257, "ustar", 6);
	h[263] = h[264] = '0';
	memset(h + 148, ' ', 8);
	for (i = 0; i < 512; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	if (gzwrite(f, h, 512) != 512 || (len && gzwrite(f, data, (unsigned int)len) != (int)len))
		return -EIO;
	len = (512 - len % 512) % 512;
	return len && gzwrite(f, pad, (unsigned int)len) != (int)len ? -EIO : 0;
}

/* Is this line about KVM, or part of an oops? Other lines are private. */
static bool of_interest(const char *line)
{
	static const char *const words[] = { "kvm", "KVM", "SVM", "VMX", "BUG:", "WARNING:",
		"RIP:", "Call Trace", "Oops", "</TASK>", "? ", "+0x" };
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(line, words[i]))
			return true;
	return false;
}

/* Add the kernel log's lines about KVM since @since_s (CLOCK_MONOTONIC). */
static int add_log(gzFile f, double since_s)
{
	const int max = 1 << 20;
	char *log = malloc((size_t)max + 1), *out, *line, *save;
	size_t n = 0;
	int len, rc;

	if (!log)
		return -ENOMEM;
	len = klogctl(3, log, max);
	if (len < 0) {
		free(log);
		return add_file(f, "kernel-log.txt", "not readable\n", 13);
	}
	log[len] = '\0';
	out = calloc(1, (size_t)len + 2);
	for (line = out ? strtok_r(log, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
		const char *stamp = strchr(line, '[');

		if (!stamp || strtod(stamp + 1, NULL) < since_s || !of_interest(line))
			continue;
		n += (size_t)sprintf(out + n, "%s\n", line);
	}
	rc = out ? add_file(f, "kernel-log.txt", out, n) : -ENOMEM;
	free(out);
	free(log);
	return rc;
}

int bundle_write(const char *path, struct report *r, const struct totals *tot, double since_s)
{
	unsigned int i, done = totals_done(tot);
	struct json_object *o = report_to_json(r, tot);
	static const char end[1024];
	char tmp[4096], name[128];
	const char *text;
	gzFile f;
	int rc = 0;

	json_object_object_del(o, "host");
	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY);
	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	f = gzopen(tmp, "wbe");
	if (!f) {
		json_object_put(o);
		return errno ? -errno : -ENOMEM;
	}
	rc = add_file(f, "report.json", text, strlen(text));
	for (i = 0; !rc && i < done; i++) {
		if (!r->res[i]->dump[0])
			continue;
		snprintf(name, sizeof(name), "registers/%.90s.txt", r->list[i]->name);
		*strchr(name + 10, '/') = '-';
		rc = add_file(f, name, r->res[i]->dump, strlen(r->res[i]->dump));
	}
	if (!rc)
		rc = add_log(f, since_s);
	if (!rc && gzwrite(f, end, sizeof(end)) != sizeof(end))
		rc = -EIO;
	if (gzclose(f) != Z_OK && !rc)
		rc = -EIO;
	if (!rc && rename(tmp, path))
		rc = -errno;
	if (rc)
		unlink(tmp);
	json_object_put(o);
	return rc;
}
