/* SPDX-License-Identifier: MIT */
/*
 * The whole test framework: CHECK and friends print file, line and values, go
 * on, and make check_done() answer 1. Silent when all is well.
 */
#ifndef LLMUX_TESTS_CHECK_H
#define LLMUX_TESTS_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base.h"

static unsigned check_failed, check_count;

#define CHECK(cond) check_that((cond) != 0, #cond, "", __FILE__, __LINE__)
/* The same with the name of a table's row. */
#define CHECK_IN(row, cond) \
	check_that((cond) != 0, #cond, row, __FILE__, __LINE__)
#define CHECK_STR(got, want) check_str(got, want, "", __FILE__, __LINE__)
#define CHECK_STR_IN(row, got, want) \
	check_str(got, want, row, __FILE__, __LINE__)
#define CHECK_INT(got, want) \
	check_int((long long)(got), (long long)(want), #got, "", __FILE__, \
	    __LINE__)
#define CHECK_INT_IN(row, got, want) \
	check_int((long long)(got), (long long)(want), #got, row, __FILE__, \
	    __LINE__)

static inline void
check_that(int ok, const char *what, const char *row, const char *file,
    int line)
{
	check_count++;
	if (ok)
		return;
	check_failed++;
	fprintf(stderr, "%s:%d: %s%sfailed: %s\n", file, line, row,
	    *row == '\0' ? "" : ": ", what);
}

static inline void
check_str(struct str got, struct str want, const char *row, const char *file,
    int line)
{
	check_count++;
	if (str_eq(got, want))
		return;
	check_failed++;
	fprintf(stderr, "%s:%d: %s%sgot  \"%.*s\"\n%s:%d: want \"%.*s\"\n",
	    file, line, row, *row == '\0' ? "" : ": ", STR_ARG(got), file,
	    line, STR_ARG(want));
}

static inline void
check_int(long long got, long long want, const char *what, const char *row,
    const char *file, int line)
{
	check_count++;
	if (got == want)
		return;
	check_failed++;
	fprintf(stderr, "%s:%d: %s%s%s is %lld, want %lld\n", file, line, row,
	    *row == '\0' ? "" : ": ", what, got, want);
}

/* The value of main(). A program that checked nothing has failed. */
static inline int
check_done(void)
{
	if (check_count == 0)
		fprintf(stderr, "no check was made\n");
	return check_failed > 0 || check_count == 0;
}

#endif
