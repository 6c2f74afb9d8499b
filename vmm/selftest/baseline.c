// SPDX-License-Identifier: GPL-2.0-only
/* See baseline.h. */
#include <string.h>

#include <json-c/json.h>

#include "baseline.h"
#include "env/facts.h"
#include "env/manifest.h"

void baseline_differs(struct compared *c, bool worse, const char *line)
{
	t_note(c->t, "%s", line);
	if (worse ? !c->worse : !c->worse && !c->other)
		snprintf(c->first, sizeof(c->first), "%s", line);
	if (worse)
		c->worse++;
	else
		c->other++;
}

int baseline_outcome(const struct compared *c, const char *what)
{
	if (c->worse)
		return t_fail(c->t, "%u %s less than in the baseline: %s", c->worse, what, c->first);
	if (c->other)
		return t_warn(c->t, "%u %s differ from the baseline: %s", c->other, what, c->first);
	return 0;
}

bool baseline_both(struct t *t, const char *kind, struct json_object **old, struct json_object **now)
{
	struct json_object *facts = json_path(t->env->baseline, "facts"), *all;

	*old = json_path(facts, kind);
	if (!json_object_is_type(*old, json_type_object))
		return false;
	all = facts_json(t->env);
	*now = json_object_get(json_path(all, kind));
	json_object_put(all);
	return true;
}

double baseline_figure(const struct env *env, const char *check, const char *metric, double *noise)
{
	struct json_object *list = json_path(env->baseline, "checks"), *c, *ms, *m;
	size_t i, k;

	if (!json_object_is_type(list, json_type_array))
		return 0;
	for (i = 0; i < (size_t)json_object_array_length(list); i++) {
		c = json_object_array_get_idx(list, i);
		if (!json_str(c, "name") || strcmp(json_str(c, "name"), check))
			continue;
		ms = json_path(c, "metrics");
		for (k = 0; json_object_is_type(ms, json_type_array) && k < (size_t)json_object_array_length(ms); k++) {
			m = json_object_array_get_idx(ms, k);
			if (!json_str(m, "name") || strcmp(json_str(m, "name"), metric))
				continue;
			*noise = json_object_get_double(json_path(m, "noise"));
			return json_object_get_double(json_path(m, "value"));
		}
	}
	return 0;
}
