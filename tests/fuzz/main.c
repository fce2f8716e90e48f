/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target over the files of directories, without a fuzzer: so that
 * each corpus is a test on every compiler.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static unsigned ran;

static void
run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	uint8_t *p;
	size_t n;

	if (f == NULL || fstat(fileno(f), &st) < 0 || !S_ISREG(st.st_mode)) {
		fprintf(stderr, "%s: cannot be read\n", path);
		exit(1);
	}
	p = malloc((size_t)st.st_size + 1);
	if (p == NULL)
		exit(1);
	n = fread(p, 1, (size_t)st.st_size, f);
	fclose(f);
	LLVMFuzzerTestOneInput(p, n);
	free(p);
	ran++;
}

int
main(int argc, char **argv)
{
	char path[4096];
	int i;

	for (i = 1; i < argc; i++) {
		DIR *d = opendir(argv[i]);
		struct dirent *de;

		if (d == NULL) {
			run_file(argv[i]);
			continue;
		}
		while ((de = readdir(d)) != NULL) {
			if (de->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s", argv[i],
			    de->d_name);
			run_file(path);
		}
		closedir(d);
	}
	if (ran == 0) {
		fprintf(stderr, "no input was run\n");
		return 1;
	}
	return 0;
}
