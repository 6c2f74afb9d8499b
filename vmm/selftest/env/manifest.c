// SPDX-License-Identifier: GPL-2.0-only
/* The manifest: the only thing that passes between packaging and selftest. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "env/files.h"
#include "env/manifest.h"

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

bool manifest_no_patch(const struct env *env)
{
	struct json_object *o = env->manifest ? json_path(env->manifest, "no_patch") : NULL;

	return json_object_is_type(o, json_type_boolean) && json_object_get_boolean(o);
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

/* Load a manifest and verify the members that every check relies on; NULL and why. */
static struct json_object *load(const char *path, char *err, size_t len)
{
	static const char *const need[] = { "kverrel", "build_id", "series" };
	struct json_object *o = json_load(path, err, len), *schema;
	size_t i;

	if (!o)
		return NULL;
	schema = json_path(o, "schema");
	if (!json_object_is_type(schema, json_type_int) || json_object_get_int(schema) != 1) {
		snprintf(err, len, "%.256s: \"schema\" is %s, this program knows 1", path,
			 schema ? json_object_to_json_string(schema) : "missing");
		json_object_put(o);
		return NULL;
	}
	for (i = 0; i < sizeof(need) / sizeof(need[0]); i++) {
		if (json_str(o, need[i]))
			continue;
		snprintf(err, len, "%.256s: \"%s\" is missing or not a string", path, need[i]);
		json_object_put(o);
		return NULL;
	}
	return o;
}

/* Is the loaded kvm.ko the one that @o describes? */
static bool kvm_is_of(const struct env *env, struct json_object *o)
{
	const char *src = json_str(o, "modules.kvm.srcversion");
	char got[256];

	return read_filef(got, sizeof(got), "%s/module/kvm/parameters/build_id", env->sys) >= 0 &&
		!strcmp(got, json_str(o, "build_id")) &&
		(!src || !src[0] ||
		 read_filef(got, sizeof(got), "%s/module/kvm/srcversion", env->sys) < 0 ||
		 !strcmp(got, src));
}

/*
 * Load the manifest @name in the directory of the kernel's with load() or json_load()
 * NULL: it is not there, or env->manifest_err says why not. Fills @path in any case.
 */
static struct json_object *beside(struct env *env, const char *name, char *path, size_t size,
				  struct json_object *(*fn)(const char *path, char *err, size_t len))
{
	const char *slash = strrchr(env->manifest_file, '/');

	snprintf(path, size, "%.*s%s", slash ? (int)(slash + 1 - env->manifest_file) : 0,
		 env->manifest_file, name);
	return file_exists("%s", path) ? fn(path, env->manifest_err, sizeof(env->manifest_err)) : NULL;
}

/*
 * kernel-kvm-kmod installs its own manifest beside the kernel's. That one is used
 * if its kvm.ko is the one that is loaded.
 */
static void load_kmod(struct env *env)
{
	char path[sizeof(env->manifest_file) + 32];
	struct json_object *o = beside(env, "manifest-kmod.json", path, sizeof(path), load);

	if (!o)
		return;
	snprintf(env->kmod, sizeof(env->kmod), "%.250s", json_str(o, "kmod") ? json_str(o, "kmod") : path);
	env->kmod_live = kvm_is_of(env, o);
	if (env->kmod_live) {
		json_object_put(env->manifest);
		env->manifest = o;
	} else {
		json_object_put(o);
	}
}

/*
 * kernel-kvm-livepatch's manifest adds its patches to the kernel's. Without the kernel's
 * own it says nothing.
 */
static void load_livepatch(struct env *env)
{
	char path[sizeof(env->manifest_file) + 32], got[64];
	struct json_object *o = beside(env, "manifest-livepatch.json", path, sizeof(path), json_load);
	const char *module, *of;

	if (!o)
		return;
	module = json_str(o, "module");
	of = json_str(o, "kverrel");
	if (!module || !of || !json_str(o, "livepatch")) {
		snprintf(env->manifest_err, sizeof(env->manifest_err),
			 "%.256s: \"module\", \"kverrel\" or \"livepatch\" is missing or not a string", path);
		json_object_put(o);
		return;
	}
	env->livepatch = o;
	env->livepatch_live = !strcmp(of, env->uname_r) &&
		read_filef(got, sizeof(got), "%s/kernel/livepatch/%s/enabled", env->sys, module) >= 0 &&
		!strcmp(got, "1") &&
		read_filef(got, sizeof(got), "%s/kernel/livepatch/%s/transition", env->sys, module) >= 0 &&
		!strcmp(got, "0");
}

void manifest_load(struct env *env)
{
	if (env->manifest_path)
		snprintf(env->manifest_file, sizeof(env->manifest_file), "%s", env->manifest_path);
	else
		snprintf(env->manifest_file, sizeof(env->manifest_file),
			 SHARE "/%s/manifest.json", env->uname_r);
	env->manifest_installed = any_installed();
	if (!env->manifest_path && !file_exists("%s", env->manifest_file))
		return;
	env->manifest = load(env->manifest_file, env->manifest_err, sizeof(env->manifest_err));
	if (env->manifest) {
		load_kmod(env);
		load_livepatch(env);
	}
}
