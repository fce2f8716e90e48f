/* SPDX-License-Identifier: MIT */
/*
 * Copies that end at a page without access: the first byte read behind the
 * slice ends the program.
 */
#ifndef LLMUX_TESTS_GUARD_H
#define LLMUX_TESTS_GUARD_H

#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

#ifndef MAP_ANONYMOUS
#ifdef __mips__ /* hidden by _POSIX_C_SOURCE; Linux values */
#define MAP_ANONYMOUS 0x800
#else
#define MAP_ANONYMOUS 0x20
#endif
#endif

static inline size_t
guard_span(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (n + page - 1) / page * page + page;
}

/* A writable copy of s whose last byte is the last of its page. */
static inline struct str
guard_copy(struct str s)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), span = guard_span(s.n);
	char *map = mmap(NULL, span, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *p;

	if (map == MAP_FAILED ||
	    mprotect(map + span - page, page, PROT_NONE) < 0) {
		perror("guard_copy");
		exit(1);
	}
	p = map + span - page - s.n;
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return (struct str){ p, s.n };
}

static inline void
guard_free(struct str s)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), span = guard_span(s.n);

	munmap((char *)(uintptr_t)s.p + s.n + page - span, span);
}

#endif
