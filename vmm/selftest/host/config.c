// SPDX-License-Identifier: GPL-2.0-only
/* host: is the kernel's config the manifest's, and are the guest images intact? */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <json-c/json.h>

#define REPORT_PLACE 20
#include "env/manifest.h"
#include "lab/image.h"

/* The running kernel's config as text; NULL if it is not found. */
static char *kernel_config(const struct env *env)
{
	const size_t max = 2 << 20;
	char *text = calloc(1, max), path[PATH_MAX];
	gzFile f;
	int i, n;

	for (i = 0; text && i < 3; i++) {
		if (i == 0)
			snprintf(path, sizeof(path), "%s/config.gz", env->proc);
		else if (i == 1)
			snprintf(path, sizeof(path), "/boot/config-%s", env->uname_r);
		else
			snprintf(path, sizeof(path), "%s/%s/config", env->modules, env->uname_r);
		if (access(path, R_OK))
			continue;
		f = gzopen(path, "rb");
		n = f ? gzread(f, text, (unsigned int)max - 1) : -1;
		if (f)
			gzclose(f);
		if (n > 0)
			return text;
	}
	free(text);
	return NULL;
}

/* Copy the value of @sym in @text to @v; "n" if it is not set. */
static void config_value(const char *text, const char *sym, char *v, size_t size)
{
	size_t n = strlen(sym);
	const char *p;

	snprintf(v, size, "n");
	for (p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (!strncmp(p, sym, n) && p[n] == '=') {
			snprintf(v, size, "%.*s", (int)strcspn(p + n + 1, "\n"), p + n + 1);
			return;
		}
	}
}

CHECK(host, config, "the running kernel's config is the manifest's",
      "The running kernel was built with another config: boot the one that was installed.",
      NEED_MANIFEST)
{
	struct json_object *want = json_path(t->env->manifest, "config");
	unsigned int n = 0, bad = 0;
	char *text, first[256] = "", v[256];

	REQUIRE(t, json_object_is_type(want, json_type_object), "the manifest has no \"config\" object");
	text = kernel_config(t->env);
	if (!text)
		return t_skip(t, "the running kernel's config is neither in /proc/config.gz nor in /boot");
	json_object_object_foreach(want, sym, val) {
		const char *w = json_object_get_string(val);

		n++;
		config_value(text, sym, v, sizeof(v));
		if (!strcmp(v, w))
			continue;
		if (!bad++)
			snprintf(first, sizeof(first), "%.80s is %.60s, the manifest says %.60s", sym, v, w);
	}
	free(text);
	REQUIRE(t, !bad, "%u of %u config symbols differ from the manifest: %s", bad, n, first);
	t_note(t, "%u symbols hold", n);
	return 0;
}

/* Every image that the flat and linux checks load. */
CHECK(host, guest_images, "the guest images are installed and intact",
      "Reinstall the selftest package, or give --guest-dir.",
      0)
{
	static const char *const names[] = { "real.bin", "long.bin", "task.bin", "unit.bin", "initramfs.img" };
	const size_t max = 1 << 20;
	void *buf = malloc(max);
	size_t i;
	int rc = 0;

	NEED(t, buf, "memory for a guest image");
	for (i = 0; !rc && i < sizeof(names) / sizeof(names[0]); i++)
		rc = guest_load(t, names[i], buf, max) < 0 ? -1 : 0;
	free(buf);
	return rc;
}
