/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * explain - what a kernel tree's own Kconfig parser knows about a config.
 *
 * Compiled against scripts/kconfig of the tree and linked with the objects of
 * its conf program, so every answer is that very tree's. The
 * layouts of 3.10, 4.18, 5.14, 6.1, 6.12 and 7.2 differ; tree.sh looks at the
 * tree's expr.h and sets what the preprocessor cannot see by itself:
 *
 *   KC_FILENAME  struct property and struct menu name their file directly
 *   KC_IMPLY     there is "imply"
 *   KC_COMPARE   there are < <= > >=
 */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <lkc.h>

#define DEPTH_MAX	8	/* how far a chain of dependencies is followed */
#define LINE_MAX_LEN	65536	/* of any input file */

#ifdef KC_FILENAME
#define FILE_OF(x)	((x)->filename)
#else
#define FILE_OF(x)	((x)->file ? (x)->file->name : "?")
#endif

/*
 * The text of a .config: every symbol that it sets or unsets.
 * name: without CONFIG_; value: as written, "n" for "is not set".
 */
struct config_entry {
	char *name;
	char *value;
};

struct config_text {
	struct config_entry *entry;	/* sorted by name */
	size_t nr;
};

/*
 * One line of a fragment that must hold, as fragments.sh hands it over:
 * SYMBOL VALUE FILE LINE OPTIONAL RANK, separated by tabs.
 */
struct setting {
	struct symbol *sym;	/* NULL: unknown to the tree */
	char *name;		/* without CONFIG_ */
	char *value;
	char *where;		/* FILE:LINE */
	bool optional;
	bool or_y;		/* VALUE was "m|y": y will do, too */
};

struct setting_list {
	struct setting *entry;
	size_t nr;
};

/* --- input.c ------------------------------------------------------------- */

/**
 * config_read() - read the text of a .config.
 * Returns 0, or -errno with a message on stderr. config_free() releases it.
 */
int config_read(const char *path, struct config_text *out);
void config_free(struct config_text *text);

/** config_get() - what the text says of NAME; NULL: nothing. */
const char *config_get(const struct config_text *text, const char *name);

/**
 * settings_read() - read settings and look their symbols up; conf_parse() must
 * have run. Returns 0, or -errno with a message on stderr.
 */
int settings_read(const char *path, struct setting_list *out);
void settings_free(struct setting_list *list);

/* --- kconfig.c: what the layouts of scripts/kconfig have in common --------- */

/** kc_find() - the symbol NAME if the tree defines it, else NULL. */
struct symbol *kc_find(const char *name);

/** kc_value() - the calculated value, "n" for an empty bool or tristate. */
const char *kc_value(struct symbol *sym);

/** kc_next_menu() - walk the whole menu tree; start with NULL, ends with NULL. */
struct menu *kc_next_menu(struct menu *menu);

/** kc_menu_of() - the first place that defines SYM, with a prompt if any has. */
struct menu *kc_menu_of(const struct symbol *sym);

/** kc_choice_of() - the choice that SYM is a member of, or NULL. */
struct menu *kc_choice_of(const struct symbol *sym);

/** kc_chosen() - the member of CHOICE that is y, or NULL. */
struct symbol *kc_chosen(const struct menu *choice);

/** kc_has_prompt() - can a person set SYM, in some config? */
bool kc_has_prompt(const struct symbol *sym);

/** kc_menu_path() - "Device Drivers / Network device support" into BUF. */
void kc_menu_path(const struct menu *menu, char *buf, size_t size);

static inline bool kc_is_logic(const struct symbol *sym)
{
	return sym->type == S_BOOLEAN || sym->type == S_TRISTATE;
}

/* --- print.c ------------------------------------------------------------- */

/** print_expr() - an expression with the value of every term in it. */
void print_expr(struct expr *e);

/** print_symbol() - NAME [=value] (type, FILE:LINE, "prompt"). */
void print_symbol(struct symbol *sym);

/** indent() - four spaces per level. */
void indent(int level);

/* --- reason.c ------------------------------------------------------------ */

/**
 * reason_print() - why SYM does not have the value WANT: one line per cause,
 * each with the Kconfig file and line that says so.
 */
void reason_print(struct symbol *sym, const char *want, int level);

/** reason_selectors() - who selects (or implies) SYM; only those in force? */
int reason_selectors(struct symbol *sym, enum prop_type type, bool in_force,
		     int level);

/* --- names.c ------------------------------------------------------------- */

/** names_nearest() - print up to three symbols of the tree that resemble NAME. */
void names_nearest(const char *name, int level);

/* --- the verbs: return the program's exit status --------------------------- */
/* required: file to write what must hold to, or NULL. */
int verb_check(const char *config, const char *settings, const char *required);
int verb_why(const char *config, char **names);
int verb_diff(const char *old_path, const char *new_path, bool all);
int verb_changed(const char *old_path, const char *new_path, const char *keep);

#endif /* EXPLAIN_H */
