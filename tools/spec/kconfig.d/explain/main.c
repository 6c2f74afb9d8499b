// SPDX-License-Identifier: GPL-2.0-only
/*
 * explain check CONFIG SETTINGS [REQUIRED] | why CONFIG SYMBOL...
 *         | known SYMBOL... | diff OLD NEW [--all] | changed OLD NEW KEEP
 *
 * Run by tools/spec/kconfig in the build directory with the environment that the
 * tree's Makefile gives to conf. Exit: 0, or 1 if something does not hold.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "explain.h"

/*
 * Read the tree's Kconfig and a config. Hide the parser's warnings about the
 * config's lines: the verbs explain better what is wrong.
 */
static int load(const char *config)
{
	int saved, null, ret;

	conf_parse("Kconfig");
	if (access(config, R_OK)) {
		fprintf(stderr, "kconfig: error: %s: not a readable file\n", config);
		return -1;
	}
	fflush(NULL);
	saved = dup(STDERR_FILENO);
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (saved < 0 || null < 0) {
		perror("kconfig: error: /dev/null");
		return -1;
	}
	dup2(null, STDERR_FILENO);
	ret = conf_read(config);
	fflush(NULL);
	dup2(saved, STDERR_FILENO);
	close(null);
	close(saved);
	if (ret)
		fprintf(stderr, "kconfig: error: %s: the tree's Kconfig cannot read it\n", config);
	return ret;
}

/* Print those of NAMES that the tree defines. */
static int verb_known(char **names)
{
	conf_parse("Kconfig");
	for (; *names; names++) {
		if (kc_find(*names))
			puts(*names);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (strcmp(verb, "check") == 0 && (argc == 4 || argc == 5))
		return load(argv[2]) ? 1 : verb_check(argv[2], argv[3], argv[4]);
	if (strcmp(verb, "why") == 0 && argc >= 4)
		return load(argv[2]) ? 1 : verb_why(argv[2], argv + 3);
	if (strcmp(verb, "known") == 0 && argc >= 3)
		return verb_known(argv + 2);
	if (strcmp(verb, "diff") == 0 && (argc == 4 || argc == 5))
		return load(argv[3]) ? 1 : verb_diff(argv[2], argv[3], argc == 5);
	if (strcmp(verb, "changed") == 0 && argc == 5)
		return load(argv[3]) ? 1 : verb_changed(argv[2], argv[3], argv[4]);
	fprintf(stderr, "explain: wrong arguments\n");
	return 2;
}
