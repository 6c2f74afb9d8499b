// SPDX-License-Identifier: GPL-2.0-only
/* Does a .config hold what the fragments require, and if not, why? */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"

#define STALE_MAX 5

static void report(const struct setting *s, const char *got)
{
	printf("%s: CONFIG_%s: wanted %s, got %s\n", s->where, s->name, s->value, got);
}

static bool is_number(const char *text, int base)
{
	char *end;

	if (!*text)
		return false;
	errno = 0;
	strtoll(text, &end, base);
	return !*end && !errno;
}

/* What is wrong with VALUE for a symbol of TYPE; NULL: nothing. */
static const char *type_error(enum symbol_type type, const char *value)
{
	switch (type) {
	case S_BOOLEAN:
		return strcmp(value, "y") && strcmp(value, "n") ? "a bool is y or n" : NULL;
	case S_TRISTATE:
		return strcmp(value, "y") && strcmp(value, "m") && strcmp(value, "n") ?
			"a tristate is y, m or n" : NULL;
	case S_INT:
		return is_number(value, 10) ? NULL : "an int is a decimal number, without quotes";
	case S_HEX:
		return is_number(value, 16) ? NULL : "a hex is a hexadecimal number, without quotes";
	case S_STRING:
		return *value == '"' ? NULL : "a string is written in double quotes";
	default:
		return NULL;
	}
}

static bool same_value(enum symbol_type type, const char *a, const char *b)
{
	if (type == S_HEX || type == S_INT) {
		int base = type == S_HEX ? 16 : 10;

		return is_number(a, base) && is_number(b, base) &&
		       strtoll(a, NULL, base) == strtoll(b, NULL, base);
	}
	return strcmp(a, b) == 0;
}

/* Does GOT satisfy the value that a setting requires? "m|y" is m, or y. */
static bool meets(const struct setting *s, const char *got)
{
	if (s->or_y && strcmp(got, "y") == 0)
		return true;
	return same_value(s->sym->type, got, s->value);
}

/* Returns the number of problems with one setting: 0 or 1. */
static int check_setting(const struct setting *s, const struct config_text *text)
{
	const char *got, *error;
	struct menu *menu;

	if (!s->sym) {
		if (s->optional)
			return 0;
		report(s, "nothing");
		indent(1);
		printf("this tree does not know CONFIG_%s\n", s->name);
		names_nearest(s->name, 1);
		indent(1);
		printf("a line for other trees only ends in \" # optional\"\n");
		return 1;
	}
	got = config_get(text, s->name);
	if (!got)
		got = kc_is_logic(s->sym) ? "n" : "nothing";
	error = type_error(s->sym->type, s->value);
	if (error) {
		menu = kc_menu_of(s->sym);
		report(s, got);
		indent(1);
		printf("%s (%s:%d)\n", error, menu ? FILE_OF(menu) : "?",
		       menu ? menu->lineno : 0);
		return 1;
	}
	if (meets(s, got))
		return 0;
	report(s, got);
	reason_print(s->sym, s->value, 1);
	return 1;
}

/* A choice with two y's: the tree would silently take one of them. */
static int check_choices(const struct setting_list *list)
{
	int bad = 0;

	for (size_t i = 0; i < list->nr; i++) {
		const struct setting *a = &list->entry[i];
		struct menu *choice;

		if (!a->sym || strcmp(a->value, "y"))
			continue;
		choice = kc_choice_of(a->sym);
		if (!choice)
			continue;
		for (size_t j = i + 1; j < list->nr; j++) {
			const struct setting *b = &list->entry[j];

			if (!b->sym || strcmp(b->value, "y") ||
			    kc_choice_of(b->sym) != choice)
				continue;
			printf("%s: CONFIG_%s=y and\n%s: CONFIG_%s=y exclude each other\n",
			       a->where, a->name, b->where, b->name);
			indent(1);
			printf("both are of the choice at %s:%d\n",
			       FILE_OF(choice), choice->lineno);
			bad++;
		}
	}
	return bad;
}

/*
 * The build runs the text through the parser again: where the parser's value
 * differs, the text is not what will be built. Symbols without a prompt are
 * calculated again in any case, and some depend on the order of calculation.
 */
static int check_stale(const struct config_text *text)
{
	int bad = 0;

	for (size_t i = 0; i < text->nr; i++) {
		struct symbol *sym = kc_find(text->entry[i].name);
		const char *value = text->entry[i].value;

		if (!sym || !kc_is_logic(sym) || !kc_has_prompt(sym) ||
		    strcmp(kc_value(sym), value) == 0)
			continue;
		if (bad++ >= STALE_MAX)
			continue;
		printf("CONFIG_%s: the .config says %s, the build would make it %s\n",
		       sym->name, value, kc_value(sym));
		reason_print(sym, value, 1);
	}
	if (bad > STALE_MAX)
		printf("... and %d more\n", bad - STALE_MAX);
	return bad;
}

/* Write the settings whose symbols the tree has to PATH: what must hold. */
static int write_required(const struct setting_list *list,
			  const struct config_text *text, const char *path)
{
	FILE *f = fopen(path, "w");
	int bad;

	if (!f) {
		perror(path);
		return -1;
	}
	for (size_t i = 0; i < list->nr; i++) {
		const struct setting *s = &list->entry[i];
		const char *value = s->value, *got;

		if (!s->sym)
			continue;
		got = config_get(text, s->name);
		if (s->or_y && got && strcmp(got, "y") == 0)
			value = got;
		if (strcmp(value, "n") == 0)
			fprintf(f, "# CONFIG_%s is not set\n", s->name);
		else
			fprintf(f, "CONFIG_%s=%s\n", s->name, value);
	}
	bad = ferror(f);
	if (fclose(f) || bad) {
		perror(path);
		return -1;
	}
	return 0;
}

int verb_check(const char *config, const char *settings, const char *required)
{
	struct setting_list list = { 0 };
	struct config_text text = { 0 };
	int bad = 0, ret = 1;

	if (config_read(config, &text) || settings_read(settings, &list))
		goto out;
	if (required && write_required(&list, &text, required))
		goto out;
	for (size_t i = 0; i < list.nr; i++)
		bad += check_setting(&list.entry[i], &text);
	bad += check_choices(&list);
	if (!bad)
		bad = check_stale(&text);
	ret = bad ? 1 : 0;
out:
	settings_free(&list);
	config_free(&text);
	return ret;
}
