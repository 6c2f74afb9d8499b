// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the layouts of scripts/kconfig have in common. Everything is found by
 * walking the menu tree: each definition of a symbol is a node of it, in every
 * version, while the symbol table itself has changed twice.
 */

#include <string.h>

#include "explain.h"

struct symbol *kc_find(const char *name)
{
	struct symbol *sym = sym_find(name);

	return sym && sym->type != S_UNKNOWN ? sym : NULL;
}

const char *kc_value(struct symbol *sym)
{
	const char *value;

	sym_calc_value(sym);
	value = sym_get_string_value(sym);
	return value ? value : "";
}

struct menu *kc_next_menu(struct menu *menu)
{
	if (!menu)
		return rootmenu.list;
	if (menu->list)
		return menu->list;
	while (menu && !menu->next)
		menu = menu->parent;
	return menu ? menu->next : NULL;
}

struct menu *kc_menu_of(const struct symbol *sym)
{
	struct menu *menu = NULL, *first = NULL;

	while ((menu = kc_next_menu(menu))) {
		if (menu->sym != sym)
			continue;
		if (menu->prompt)
			return menu;
		if (!first)
			first = menu;
	}
	return first;
}

static bool is_choice(const struct symbol *sym)
{
#ifdef SYMBOL_CHOICE
	return sym->flags & SYMBOL_CHOICE;
#else
	return !sym->name;
#endif
}

struct menu *kc_choice_of(const struct symbol *sym)
{
	struct menu *menu = NULL;

	while ((menu = kc_next_menu(menu))) {
		if (menu->sym == sym && menu->parent && menu->parent->sym &&
		    is_choice(menu->parent->sym))
			return menu->parent;
	}
	return NULL;
}

struct symbol *kc_chosen(const struct menu *choice)
{
	for (struct menu *m = choice->list; m; m = m->next) {
		if (!m->sym || is_choice(m->sym))
			continue;
		sym_calc_value(m->sym);
		if (m->sym->curr.tri == yes)
			return m->sym;
	}
	return NULL;
}

bool kc_has_prompt(const struct symbol *sym)
{
	for (struct property *p = sym->prop; p; p = p->next) {
		if (p->text && (p->type == P_PROMPT || p->type == P_MENU))
			return true;
	}
	return false;
}

void kc_menu_path(const struct menu *menu, char *buf, size_t size)
{
	const char *part[32] = { NULL };
	size_t used = 0;
	int n = 0;

	if (menu)
		menu = menu->parent;
	for (; menu && menu != &rootmenu; menu = menu->parent) {
		/* A symbol under which others are indented is no menu. */
		if (menu->sym && menu->sym->name && menu->prompt &&
		    menu->prompt->type == P_PROMPT)
			continue;
		if (menu->prompt && menu->prompt->text && n < 32)
			part[n++] = menu->prompt->text;
	}
	*buf = '\0';
	if (!n)
		snprintf(buf, size, "%s", "(top level)");
	while (n-- > 0 && used + 1 < size)
		used += (size_t)snprintf(buf + used, size - used, "%s%s",
					 used ? " / " : "", part[n]);
}
