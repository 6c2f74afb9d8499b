// SPDX-License-Identifier: GPL-2.0-only
/* Reading a .config and a list of settings. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"

/* Calls fn with every line of PATH, without its newline, until fn fails. */
static int for_each_line(const char *path,
			 int (*fn)(void *data, char *line, size_t nr),
			 void *data)
{
	char *line = NULL;
	size_t size = 0, nr = 0;
	ssize_t len;
	int ret = 0;
	FILE *f;

	f = fopen(path, "r");
	if (!f) {
		ret = -errno;
		fprintf(stderr, "kconfig: error: %s: %s\n", path, strerror(errno));
		return ret;
	}
	while (ret == 0 && (len = getline(&line, &size, f)) >= 0) {
		nr++;
		if (len > LINE_MAX_LEN) {
			fprintf(stderr, "kconfig: error: %s:%zu: line longer than %d bytes\n",
				path, nr, LINE_MAX_LEN);
			ret = -EINVAL;
			break;
		}
		line[strcspn(line, "\n")] = '\0';
		ret = fn(data, line, nr);
	}
	if (ret == 0 && ferror(f)) {
		fprintf(stderr, "kconfig: error: %s: cannot be read\n", path);
		ret = -EIO;
	}
	free(line);
	fclose(f);
	return ret;
}

/* Room for one more element: doubles the array at every power of two. */
static int grow(void **array, size_t nr, size_t size)
{
	void *bigger;

	if (nr & (nr - 1))
		return 0;
	bigger = realloc(*array, (nr ? 2 * nr : 1) * size);
	if (!bigger)
		return -ENOMEM;
	*array = bigger;
	return 0;
}

static int config_line(void *data, char *line, size_t nr)
{
	static const char suffix[] = " is not set";
	struct config_text *text = data;
	struct config_entry *entry;
	char *name, *value, *end;

	(void)nr;
	if (strncmp(line, "CONFIG_", 7) == 0) {
		name = line + 7;
		value = strchr(name, '=');
		if (!value)
			return 0;
		*value++ = '\0';
	} else if (strncmp(line, "# CONFIG_", 9) == 0) {
		name = line + 9;
		end = strchr(name, ' ');
		if (!end || strcmp(end, suffix))
			return 0;
		*end = '\0';
		value = (char *)"n";
	} else {
		return 0;
	}
	if (grow((void **)&text->entry, text->nr, sizeof(*text->entry)))
		return -ENOMEM;
	entry = &text->entry[text->nr];
	entry->name = strdup(name);
	entry->value = strdup(value);
	text->nr++;
	return entry->name && entry->value ? 0 : -ENOMEM;
}

static int by_name(const void *a, const void *b)
{
	const struct config_entry *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int config_read(const char *path, struct config_text *out)
{
	int ret;

	*out = (struct config_text){ 0 };
	ret = for_each_line(path, config_line, out);
	if (ret) {
		config_free(out);
		return ret;
	}
	if (out->nr)
		qsort(out->entry, out->nr, sizeof(*out->entry), by_name);
	return 0;
}

void config_free(struct config_text *text)
{
	for (size_t i = 0; i < text->nr; i++) {
		free(text->entry[i].name);
		free(text->entry[i].value);
	}
	free(text->entry);
	*text = (struct config_text){ 0 };
}

const char *config_get(const struct config_text *text, const char *name)
{
	const struct config_entry key = { .name = (char *)name }, *hit;

	if (!text->nr)
		return NULL;
	hit = bsearch(&key, text->entry, text->nr, sizeof(key), by_name);
	return hit ? hit->value : NULL;
}

static int setting_line(void *data, char *line, size_t nr)
{
	struct setting_list *list = data;
	struct setting *s;
	char *field[6];
	int i;

	for (i = 0; i < 6; i++)
		field[i] = strsep(&line, "\t");
	if (!field[5] || strncmp(field[0], "CONFIG_", 7)) {
		fprintf(stderr, "kconfig: error: setting %zu: expected six fields, the first a CONFIG_ symbol\n",
			nr);
		return -EINVAL;
	}
	if (grow((void **)&list->entry, list->nr, sizeof(*list->entry)))
		return -ENOMEM;
	s = &list->entry[list->nr];
	*s = (struct setting){
		.name = strdup(field[0] + 7),
		.value = strdup(field[1]),
		.optional = *field[4] == '1',
	};
	list->nr++;
	if (!s->name || !s->value)
		return -ENOMEM;
	s->or_y = strcmp(s->value, "m|y") == 0;
	if (s->or_y)
		s->value[1] = '\0';
	if (asprintf(&s->where, "%s%s%s", field[2],
		     *field[2] == '-' ? "" : ":", *field[2] == '-' ? "" : field[3]) < 0) {
		s->where = NULL;
		return -ENOMEM;
	}
	s->sym = kc_find(s->name);
	return 0;
}

int settings_read(const char *path, struct setting_list *out)
{
	int ret;

	*out = (struct setting_list){ 0 };
	ret = for_each_line(path, setting_line, out);
	if (ret)
		settings_free(out);
	return ret;
}

void settings_free(struct setting_list *list)
{
	for (size_t i = 0; i < list->nr; i++) {
		free(list->entry[i].name);
		free(list->entry[i].value);
		free(list->entry[i].where);
	}
	free(list->entry);
	*list = (struct setting_list){ 0 };
}
