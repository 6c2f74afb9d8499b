// SPDX-License-Identifier: GPL-2.0-only
/* Expressions and symbols with their values, on stdout. */

#include <ctype.h>

#include "explain.h"

void indent(int level)
{
	printf("%*s", 4 * level, "");
}

static void print_term(struct symbol *sym)
{
	if (!sym->name)
		printf("(choice)");
	else if (sym == &symbol_yes || sym == &symbol_mod || sym == &symbol_no ||
		 sym->flags & SYMBOL_CONST)
		printf("%s", sym->name);
	else if (sym->type == S_UNKNOWN)
		/* A number is a symbol too, of no type. */
		printf(isdigit((unsigned char)*sym->name) ? "%s" : "%s [undefined]",
		       sym->name);
	else
		printf("%s [=%s]", sym->name, kc_value(sym));
}

/* How tightly an operator binds; a weaker one inside needs parentheses. */
static int binding(enum expr_type type)
{
	switch (type) {
	case E_OR:
		return 1;
	case E_AND:
		return 2;
	case E_NOT:
		return 3;
	default:
		return 4;
	}
}

static const char *operator(enum expr_type type)
{
	switch (type) {
	case E_EQUAL:
		return "=";
	case E_UNEQUAL:
		return "!=";
#ifdef KC_COMPARE
	case E_LTH:
		return "<";
	case E_LEQ:
		return "<=";
	case E_GTH:
		return ">";
	case E_GEQ:
		return ">=";
#endif
	default:
		return "..";
	}
}

static void print_inner(struct expr *e, int outer, int depth)
{
	int own;

	if (!e) {
		printf("y");
		return;
	}
	if (depth > 200) {
		printf("...");
		return;
	}
	own = binding(e->type);
	if (own < outer)
		putchar('(');
	switch (e->type) {
	case E_SYMBOL:
		print_term(e->left.sym);
		break;
	case E_NOT:
		putchar('!');
		print_inner(e->left.expr, own, depth + 1);
		break;
	case E_AND:
	case E_OR:
		print_inner(e->left.expr, own, depth + 1);
		printf(e->type == E_AND ? " && " : " || ");
		print_inner(e->right.expr, own, depth + 1);
		break;
	default:
		print_term(e->left.sym);
		printf(" %s ", operator(e->type));
		print_term(e->right.sym);
		break;
	}
	if (own < outer)
		putchar(')');
}

void print_expr(struct expr *e)
{
	print_inner(e, 0, 0);
}

void print_symbol(struct symbol *sym)
{
	struct menu *menu = kc_menu_of(sym);

	printf("%s [=%s]", sym->name, kc_value(sym));
	if (!menu) {
		printf(" (not defined in this tree)");
		return;
	}
	printf(" (%s, %s:%d", sym_type_name(sym->type), FILE_OF(menu), menu->lineno);
	if (menu->prompt && menu->prompt->text)
		printf(", \"%s\")", menu->prompt->text);
	else
		printf(", no prompt)");
}
