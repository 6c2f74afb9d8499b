// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run a fuzz target on every file of its corpus, without libFuzzer. This is part of
 * `make check`, so that every past finding stays a test.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX	(1U << 20)

static int replay(const char *dir, const char *name, uint8_t *buf)
{
	char path[4096];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "rb");
	if (!f) {
		perror(path);
		return 1;
	}
	n = fread(buf, 1, INPUT_MAX, f);
	fclose(f);
	LLVMFuzzerTestOneInput(buf, n);
	return 0;
}

int main(int argc, char **argv)
{
	DIR *d = argc == 2 ? opendir(argv[1]) : NULL;
	uint8_t *buf = malloc(INPUT_MAX);
	struct dirent *e;
	int n = 0, bad = 0;

	if (!d || !buf) {
		fprintf(stderr, "usage: %s CORPUS_DIR\n", argv[0]);
		return 2;
	}
	while ((e = readdir(d)))
		if (e->d_name[0] != '.') {
			bad += replay(argv[1], e->d_name, buf);
			n++;
		}
	closedir(d);
	free(buf);
	printf("# replayed %d inputs of %s\n", n, argv[1]);
	return bad || !n;
}
