// SPDX-License-Identifier: GPL-2.0-only
/* Two configs beside each other: for a reader, and for configs/local.config. */

#include <string.h>

#include "explain.h"

static const char *value_or_n(const struct config_text *text,
			      const struct symbol *sym)
{
	const char *value = config_get(text, sym->name);

	if (value)
		return value;
	return kc_is_logic(sym) ? "n" : "(none)";
}

/* The symbol of MENU if this is its first place and the two texts differ. */
static struct symbol *differs(struct menu *menu, const struct config_text *old,
			      const struct config_text *new)
{
	struct symbol *sym = menu->sym;

	if (!sym || !sym->name ||
	    strcmp(value_or_n(old, sym), value_or_n(new, sym)) == 0 ||
	    kc_menu_of(sym) != menu)
		return NULL;
	return sym;
}

int verb_diff(const char *old_path, const char *new_path, bool all)
{
	struct config_text old = { 0 }, new = { 0 };
	char path[1024], last[1024] = "";
	struct menu *menu = NULL;
	struct symbol *sym;
	int derived = 0, unknown = 0, ret = 1;

	if (config_read(old_path, &old) || config_read(new_path, &new))
		goto out;
	while ((menu = kc_next_menu(menu))) {
		sym = differs(menu, &old, &new);
		if (!sym)
			continue;
		if (!all && !kc_has_prompt(sym)) {
			derived++;
			continue;
		}
		kc_menu_path(menu, path, sizeof(path));
		if (strcmp(path, last)) {
			printf("%s%s\n", *last ? "\n" : "", path);
			strcpy(last, path);
		}
		printf("    CONFIG_%-32s %s -> %s\n", sym->name,
		       value_or_n(&old, sym), value_or_n(&new, sym));
	}
	for (size_t i = 0; i < old.nr; i++) {
		if (strcmp(old.entry[i].value, "n") && !kc_find(old.entry[i].name)) {
			if (!unknown++)
				printf("\n(not known to this tree)\n");
			printf("    CONFIG_%-32s %s\n", old.entry[i].name, old.entry[i].value);
		}
	}
	if (derived)
		printf("\n%d symbols without a prompt differ too (--all shows them)\n", derived);
	ret = 0;
out:
	config_free(&old);
	config_free(&new);
	return ret;
}

/*
 * The settings that turn OLD into NEW (which is loaded): what a person could
 * have changed, and not what follows from it. KEEP names settings that other
 * fragments require: print those even where they merely follow.
 */
int verb_changed(const char *old_path, const char *new_path, const char *keep)
{
	struct config_text old = { 0 }, new = { 0 }, kept = { 0 };
	struct menu *menu = NULL;
	struct symbol *sym;
	int ret = 1;

	if (config_read(old_path, &old) || config_read(new_path, &new) ||
	    config_read(keep, &kept))
		goto out;
	while ((menu = kc_next_menu(menu))) {
		const char *value, *fallback;

		sym = differs(menu, &old, &new);
		if (!sym)
			continue;
		value = value_or_n(&new, sym);
		if (!config_get(&kept, sym->name)) {
			fallback = sym_get_string_default(sym);
			if (sym->visible == no ||
			    (!config_get(&old, sym->name) && fallback &&
			     strcmp(kc_value(sym), fallback) == 0))
				continue;
		}
		if (strcmp(value, "(none)") == 0)
			continue;
		if (kc_is_logic(sym) && strcmp(value, "n") == 0)
			printf("# CONFIG_%s is not set\n", sym->name);
		else
			printf("CONFIG_%s=%s\n", sym->name, value);
	}
	ret = 0;
out:
	config_free(&old);
	config_free(&new);
	config_free(&kept);
	return ret;
}
