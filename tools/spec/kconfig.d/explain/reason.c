// SPDX-License-Identifier: GPL-2.0-only
/* Why a symbol does not have the value that somebody wanted. */

#include <stdlib.h>
#include <string.h>

#include "explain.h"

/* The chain of symbols being explained: no symbol is explained inside itself. */
struct chain {
	const struct chain *up;
	const struct symbol *sym;
};

static void explain_low(struct symbol *sym, tristate want,
			const struct chain *up, int level);

static bool in_chain(const struct chain *chain, const struct symbol *sym)
{
	int depth = 0;

	for (; chain; chain = chain->up) {
		if (chain->sym == sym || ++depth >= DEPTH_MAX)
			return true;
	}
	return false;
}

static bool is_constant(const struct symbol *sym)
{
	return sym == &symbol_yes || sym == &symbol_mod || sym == &symbol_no ||
	       sym->flags & SYMBOL_CONST;
}

/* One line per part of E that keeps it below WANT, each followed by its cause. */
static void unmet(struct expr *e, tristate want, const struct chain *up,
		  int level)
{
	if (!e || expr_calc_value(e) >= want)
		return;
	switch (e->type) {
	case E_AND:
		unmet(e->left.expr, want, up, level);
		unmet(e->right.expr, want, up, level);
		return;
	case E_SYMBOL:
		indent(level);
		if (is_constant(e->left.sym)) {
			printf("needs %s: this tree rules it out\n", e->left.sym->name);
			return;
		}
		printf("needs ");
		print_symbol(e->left.sym);
		putchar('\n');
		if (!in_chain(up, e->left.sym))
			explain_low(e->left.sym, want, up, level + 1);
		return;
	case E_OR:
		indent(level);
		printf("needs one of: ");
		print_expr(e);
		putchar('\n');
		return;
	default:
		indent(level);
		printf("needs ");
		print_expr(e);
		putchar('\n');
		return;
	}
}

int reason_selectors(struct symbol *sym, enum prop_type type, bool in_force,
		     int level)
{
	struct menu *menu = NULL;
	int n = 0;

	while ((menu = kc_next_menu(menu))) {
		struct symbol *by = menu->sym;

		if (!by || !by->name)
			continue;
		for (struct property *p = by->prop; p; p = p->next) {
			if (p->type != type || !p->expr || p->expr->left.sym != sym)
				continue;
			if (menu != kc_menu_of(by))
				break;	/* each symbol once */
			sym_calc_value(by);
			if (in_force && (by->curr.tri == no ||
					 expr_calc_value(p->visible.expr) == no))
				continue;
			indent(level);
			printf("%s by %s [=%s] (%s:%d)",
			       type == P_SELECT ? "selected" : "implied",
			       by->name, kc_value(by), FILE_OF(p), p->lineno);
			if (p->visible.expr && !expr_is_yes(p->visible.expr)) {
				printf(" if ");
				print_expr(p->visible.expr);
			}
			putchar('\n');
			n++;
			/* What turned on a symbol that nobody can set? */
			if (in_force && !kc_has_prompt(by) && level < DEPTH_MAX)
				reason_selectors(by, type, true, level + 1);
		}
	}
	return n;
}

/* The default in force, if one is. */
static void explain_default(struct symbol *sym, int level)
{
	for (struct property *p = sym->prop; p; p = p->next) {
		if (p->type != P_DEFAULT || expr_calc_value(p->visible.expr) == no)
			continue;
		indent(level);
		printf("its default is ");
		print_expr(p->expr);
		printf(" (%s:%d)\n", FILE_OF(p), p->lineno);
		return;
	}
}

/* What keeps each prompt of SYM from offering WANT. */
static void explain_prompts(struct symbol *sym, tristate want,
			    const struct chain *up, int level)
{
	for (struct property *p = sym->prop; p; p = p->next) {
		if (p->text && (p->type == P_PROMPT || p->type == P_MENU))
			unmet(p->visible.expr, want, up, level);
	}
}

static void explain_choice(struct symbol *sym, int level)
{
	struct menu *choice = kc_choice_of(sym);
	struct symbol *chosen;

	if (!choice)
		return;
	chosen = kc_chosen(choice);
	if (!chosen || chosen == sym)
		return;
	indent(level);
	printf("one of a choice (%s:%d%s%s%s) in which %s is y\n",
	       FILE_OF(choice), choice->lineno, choice->prompt ? ", \"" : "",
	       choice->prompt && choice->prompt->text ? choice->prompt->text : "",
	       choice->prompt ? "\"" : "", chosen->name);
}

/* SYM is lower than WANT. */
static void explain_low(struct symbol *sym, tristate want,
			const struct chain *up, int level)
{
	struct chain chain = { .up = up, .sym = sym };
	/* A bool can be y as soon as its dependencies are m. */
	tristate need = sym->type == S_BOOLEAN && want == yes ? mod : want;

	if (!kc_is_logic(sym) || !kc_menu_of(sym))
		return;
	sym_calc_value(sym);
	if (!kc_has_prompt(sym)) {
		indent(level);
		printf("%s has no prompt: the tree sets it, not a fragment\n", sym->name);
		if (expr_calc_value(sym->dir_dep.expr) < need)
			unmet(sym->dir_dep.expr, need, &chain, level);
		if (!reason_selectors(sym, P_SELECT, false, level))
			explain_default(sym, level);
		return;
	}
	if (want == mod && sym->curr.tri == no && sym->type == S_TRISTATE &&
	    modules_sym && modules_sym->curr.tri == no) {
		indent(level);
		printf("m needs CONFIG_MODULES=y\n");
	}
	explain_choice(sym, level);
	if (sym->visible < need)
		explain_prompts(sym, need, &chain, level);
}

/* SYM is higher than WANT. */
static void explain_high(struct symbol *sym, int level)
{
	struct chain chain = { .sym = sym };
	int n = reason_selectors(sym, P_SELECT, true, level);

	explain_choice(sym, level);
	if (sym->visible == no) {
		indent(level);
		if (!kc_has_prompt(sym)) {
			printf("%s has no prompt: the tree sets it, not a fragment\n", sym->name);
		} else {
			printf("its prompt is not visible, so a fragment cannot set it:\n");
			explain_prompts(sym, mod, &chain, level + 1);
		}
		if (!n)
			explain_default(sym, level);
	}
}

/* int, hex, string: the value is outside the range, or not ours to give. */
static void explain_text(struct symbol *sym, int level)
{
	struct chain chain = { .sym = sym };

	for (struct property *p = sym->prop; p; p = p->next) {
		if (p->type != P_RANGE || expr_calc_value(p->visible.expr) == no)
			continue;
		indent(level);
		printf("the range is ");
		print_expr(p->expr);
		printf(" (%s:%d)\n", FILE_OF(p), p->lineno);
	}
	if (!kc_has_prompt(sym)) {
		indent(level);
		printf("%s has no prompt: the tree sets it, not a fragment\n", sym->name);
		explain_default(sym, level);
	} else if (sym->visible == no) {
		explain_prompts(sym, mod, &chain, level);
	}
}

void reason_print(struct symbol *sym, const char *want, int level)
{
	tristate wanted = *want == 'y' ? yes : *want == 'm' ? mod : no;

	sym_calc_value(sym);
	if (!kc_is_logic(sym))
		explain_text(sym, level);
	else if (sym->curr.tri < wanted)
		explain_low(sym, wanted, NULL, level);
	else if (sym->curr.tri > wanted)
		explain_high(sym, level);
}
