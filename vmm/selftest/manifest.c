// SPDX-License-Identifier: GPL-2.0
/* The manifest: the only thing that passes between packaging and selftest. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "selftest.h"

#define SHARE		"/usr/share/kernel-kvm"
#define JSON_MAX	(4u << 20)

struct json_object *json_load(const char *path, char *err, size_t errlen)
{
	struct json_tokener *tok = json_tokener_new_ex(32);
	struct json_object *o = NULL;
	char *text = malloc(JSON_MAX);
	long n;

	if (!tok || !text) {
		snprintf(err, errlen, "out of memory");
		goto out;
	}
	n = read_file(path, text, JSON_MAX);
	if (n < 0) {
		snprintf(err, errlen, "%s: %s", path, strerror((int)-n));
	} else if (n >= (long)JSON_MAX - 2) {
		snprintf(err, errlen, "%s: larger than %u MiB", path, JSON_MAX >> 20);
	} else {
		o = json_tokener_parse_ex(tok, text, (int)n + 1);
		if (!o || json_tokener_get_error(tok) != json_tokener_success) {
			snprintf(err, errlen, "%s: not JSON: %s at byte %zu of %ld", path,
				 json_tokener_error_desc(json_tokener_get_error(tok)),
				 (size_t)json_tokener_get_parse_end(tok), n);
			json_object_put(o);
			o = NULL;
		}
	}
	if (o && !json_object_is_type(o, json_type_object)) {
		snprintf(err, errlen, "%s: not a JSON object", path);
		json_object_put(o);
		o = NULL;
	}
out:
	free(text);
	if (tok)
		json_tokener_free(tok);
	return o;
}

struct json_object *json_path(struct json_object *o, const char *path)
{
	char part[128];

	while (o && *path) {
		size_t n = strcspn(path, ".");

		if (n >= sizeof(part) || !json_object_is_type(o, json_type_object))
			return NULL;
		memcpy(part, path, n);
		part[n] = '\0';
		if (!json_object_object_get_ex(o, part, &o))
			return NULL;
		path += n + (path[n] == '.');
	}
	return o;
}

const char *json_str(struct json_object *o, const char *path)
{
	o = json_path(o, path);
	return json_object_is_type(o, json_type_string) ? json_object_get_string(o) : NULL;
}

const char *manifest_str(const struct env *env, const char *path)
{
	return env->manifest ? json_str(env->manifest, path) : NULL;
}

/* Is there a manifest of any kernel below SHARE? */
static bool any_installed(void)
{
	DIR *d = opendir(SHARE);
	struct dirent *e;
	bool any = false;

	while (d && !any && (e = readdir(d)))
		any = e->d_name[0] != '.' &&
			file_exists(SHARE "/%s/manifest.json", e->d_name);
	if (d)
		closedir(d);
	return any;
}

void manifest_load(struct env *env)
{
	static const char *const need[] = { "kverrel", "build_id", "series" };
	struct json_object *o, *schema;
	size_t i;

	if (env->manifest_path)
		snprintf(env->manifest_file, sizeof(env->manifest_file), "%s", env->manifest_path);
	else
		snprintf(env->manifest_file, sizeof(env->manifest_file),
			 SHARE "/%s/manifest.json", env->uname_r);
	env->manifest_given = env->manifest_path;
	env->manifest_installed = any_installed();
	if (!env->manifest_given && !file_exists("%s", env->manifest_file))
		return;
	o = json_load(env->manifest_file, env->manifest_err, sizeof(env->manifest_err));
	if (!o)
		return;
	schema = json_path(o, "schema");
	if (!json_object_is_type(schema, json_type_int) || json_object_get_int(schema) != 1) {
		snprintf(env->manifest_err, sizeof(env->manifest_err),
			 "%.256s: \"schema\" is %s, this program knows 1", env->manifest_file,
			 schema ? json_object_to_json_string(schema) : "missing");
		json_object_put(o);
		return;
	}
	for (i = 0; i < sizeof(need) / sizeof(need[0]); i++) {
		if (json_str(o, need[i]))
			continue;
		snprintf(env->manifest_err, sizeof(env->manifest_err),
			 "%.256s: \"%s\" is missing or not a string", env->manifest_file, need[i]);
		json_object_put(o);
		return;
	}
	env->manifest = o;
}
