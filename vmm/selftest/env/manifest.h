/* SPDX-License-Identifier: GPL-2.0-only */
/* The package's manifest of the running kernel, and JSON by path. */
#ifndef SELFTEST_MANIFEST_H
#define SELFTEST_MANIFEST_H

#include "env/env.h"

/* manifest_load - fill env->manifest*, never fails: the check reports it */
void manifest_load(struct env *env);
/* manifest_str - a string at "a.b.c", NULL if it is not there */
const char *manifest_str(const struct env *env, const char *path);
/* manifest_no_patch - built without any of the package's patches, on request */
bool manifest_no_patch(const struct env *env);

struct json_object *json_load(const char *path, char *err, size_t errlen);
struct json_object *json_path(struct json_object *o, const char *path);
const char *json_str(struct json_object *o, const char *path);

#endif
