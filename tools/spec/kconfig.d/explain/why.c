// SPDX-License-Identifier: GPL-2.0-only
/* Everything about one symbol. */

#include <string.h>

#include "explain.h"

static void print_definitions(const struct symbol *sym)
{
	struct menu *menu = NULL;
	char path[1024];

	while ((menu = kc_next_menu(menu))) {
		if (menu->sym != sym)
			continue;
		printf("  defined  %s:%d\n", FILE_OF(menu), menu->lineno);
		if (!menu->prompt || !menu->prompt->text)
			continue;
		kc_menu_path(menu, path, sizeof(path));
		printf("  prompt   \"%s\"\n  menu     %s\n", menu->prompt->text, path);
	}
	if (!kc_has_prompt(sym))
		printf("  prompt   none: the tree sets it\n");
}

static void print_property(const struct property *p, const char *title)
{
	printf("  %-8s ", title);
	print_expr(p->expr);
	if (p->visible.expr && !expr_is_yes(p->visible.expr)) {
		printf("  if ");
		print_expr(p->visible.expr);
	}
	printf("  (%s:%d)\n", FILE_OF(p), p->lineno);
}

static void print_properties(const struct symbol *sym, enum prop_type type,
			     const char *title)
{
	for (const struct property *p = sym->prop; p; p = p->next) {
		if (p->type == type)
			print_property(p, title);
	}
}

static void why_one(struct symbol *sym)
{
	struct menu *choice;

	printf("CONFIG_%s=%s  (%s)\n", sym->name, kc_value(sym), sym_type_name(sym->type));
	print_definitions(sym);
	choice = kc_choice_of(sym);
	if (choice)
		printf("  choice   %s:%d\n", FILE_OF(choice), choice->lineno);
	if (sym->dir_dep.expr && !expr_is_yes(sym->dir_dep.expr)) {
		printf("  depends  ");
		print_expr(sym->dir_dep.expr);
		putchar('\n');
	}
	print_properties(sym, P_RANGE, "range");
	print_properties(sym, P_DEFAULT, "default");
	print_properties(sym, P_SELECT, "selects");
#ifdef KC_IMPLY
	print_properties(sym, P_IMPLY, "implies");
#endif
	reason_selectors(sym, P_SELECT, false, 1);
#ifdef KC_IMPLY
	reason_selectors(sym, P_IMPLY, false, 1);
#endif
	if (kc_is_logic(sym) && sym->curr.tri == no) {
		printf("  to have it:\n");
		reason_print(sym, sym->type == S_TRISTATE ? "m" : "y", 1);
		if (sym->visible != no)
			printf("    nothing prevents it: set it in a fragment\n");
	}
}

int verb_why(const char *config, char **names)
{
	struct config_text text;
	int ret = 0;

	if (config_read(config, &text))
		return 1;
	config_free(&text);
	for (; *names; names++) {
		const char *name = *names;
		struct symbol *sym;

		if (strncmp(name, "CONFIG_", 7) == 0)
			name += 7;
		sym = kc_find(name);
		if (sym) {
			why_one(sym);
			continue;
		}
		printf("CONFIG_%s: this tree does not know it\n", name);
		names_nearest(name, 1);
		ret = 1;
	}
	return ret;
}
