/* SPDX-License-Identifier: MIT */
/*
 * base: the types that every module shares, and the only door to memory,
 * clock, random numbers, log lines and files.
 *
 * Return convention of the whole program: int 0 good, -1 bad with *e filled;
 * pointer or NULL; ssize_t count or -1; parsers answer enum parse; bool is for
 * questions only.
 */
#ifndef LLMUX_BASE_H
#define LLMUX_BASE_H

#include "text.h"

#define LLMUX_VERSION "0.1.0"

/* What a parser says of a slice: whole, a good beginning, or wrong. */
enum parse { PARSE_OK, PARSE_MORE, PARSE_BAD };

/* ---- errors ---- */

enum err_kind {
	ERR_NONE,
	ERR_INPUT, /* what the client or the user gave is wrong */
	ERR_LIMIT, /* over a configured limit */
	ERR_AUTH,  /* a credential is missing or refused */
	ERR_PEER,  /* the other side broke the protocol or closed too early */
	ERR_TIME,  /* the due time passed */
	ERR_SYS,   /* a system call failed; sys holds errno */
	ERR_MEM,   /* no memory, or max_memory reached */
	ERR_GONE   /* the client that waits for this has left */
};

/* The last parameter of every function that can fail in more than one way.
 * The function that notices writes it; callers may only put a prefix before. */
struct err {
	enum err_kind kind;
	int sys;
	char text[200];
};

/* Fill *e (which may be NULL) and give -1, for `return err_set(...)`.
 * Text longer than the field is cut. The format is that of buf_fmt. */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
    FMT_LIKE(3, 4);
/* The same with ERR_SYS: saves errno first, ends the text with ": " and its
 * meaning. */
int err_sys(struct err *e, const char *fmt, ...) FMT_LIKE(2, 3);
/* Put "text: " before what *e says; -1 too. */
int err_prefix(struct err *e, const char *fmt, ...) FMT_LIKE(2, 3);

/* ---- memory ---- */

/* malloc and friends, behind one door so that tests can make the n-th call
 * fail. NULL when there is none. mem_free takes NULL. */
void *mem_alloc(size_t n);
void *mem_calloc(size_t n);
void *mem_realloc(void *p, size_t n);
void mem_free(void *p);
/* Test builds (LLMUX_TEST): the n-th allocation from now fails, and all that
 * follow it; negative switches this off. */
void mem_fail_after(long n);

/* The contract max_memory: every large or lasting block is reserved here
 * before it is allocated. mem_limit sets the total (0 = none). mem_reserve is
 * false when the rest is too small. Thread-safe. */
void mem_limit(uint64_t total);
bool mem_reserve(size_t n);
void mem_release(size_t n);
uint64_t mem_reserved(void);
uint64_t mem_total(void);

/*
 * A large block for a short time: at least n bytes, *size in fact, reserved and
 * not zeroed. mem_block_free keeps it for a while for the next one (up to an
 * eighth of max_memory, at least 1 MiB, 16 blocks in all). NULL: no memory, or
 * not free in max_memory. Thread-safe.
 */
#define MEM_BLOCK(n) (((n) + 4095) / 4096 * 4096) /* what n comes to */
void *mem_block(size_t n, size_t *size);
void mem_block_free(void *p, size_t size); /* NULL is fine */
#define BLOCK_IDLE_MS 5000
/* Free what was kept for BLOCK_IDLE_MS; gives the due time of the next look,
 * DUE_NEVER when nothing is kept. */
int64_t mem_blocks_reap(int64_t now);

/* Overwrite with zeros in a way that no compiler removes. */
void mem_wipe(void *p, size_t n);
/* Compare in constant time; lengths may differ (then false). */
bool mem_same(struct str a, struct str b);

/* Chain of blocks that die together; no free inside. The first block is 2 kB;
 * larger requests get their own. max caps the sum, and the blocks count in
 * max_memory. */
struct arena_block;
struct arena {
	struct arena_block *head;
	size_t sum, max;
};

void arena_init(struct arena *a, size_t max);
void *arena_alloc(struct arena *a, size_t n); /* aligned for any type; NULL */
struct str arena_dup(struct arena *a, struct str s); /* absent when full */
char *arena_z(struct arena *a, struct str s); /* NUL-terminated copy or NULL */
/* Keep one block for the next request, free the others. */
void arena_reset(struct arena *a);
void arena_free(struct arena *a);
void arena_wipe(struct arena *a); /* zero the blocks, then free: for secrets */

/* ---- clock and chance ---- */

int64_t now_ms(void);  /* CLOCK_MONOTONIC: the clock of every due time */
int64_t now_us(void);  /* the same in microseconds, for histograms */
int64_t wall_s(void);  /* Unix seconds; for tokens, certificates and logs */
#define DUE_NEVER INT64_MAX
/* now + ms; DUE_NEVER when ms is 0 or less (0 means "no limit" in config). */
int64_t due_in(int64_t ms);
/* Seconds since 1970 as "2026-11-24T18:40:00Z"; dst holds 21 bytes. */
void time_rfc3339(int64_t s, char dst[21]);
/* Fills p from the kernel; never fails (ends the process if it does: without
 * random numbers nothing here is safe). */
void random_fill(void *p, size_t n);

/* ---- threads ---- */

/* getaddrinfo is the deepest user, 16.7 kB with glibc (docs/tls.md);
 * sanitizers need more. */
#ifdef SANITIZED
#define STACK_SIZE (256 * 1024)
#else
#define STACK_SIZE (64 * 1024)
#endif

/* Run fn in a detached thread with a stack of STACK_SIZE and all signals
 * blocked. ERR_SYS. */
int thread_start(void *(*fn)(void *), void *arg, struct err *e);

/* Test builds (LLMUX_TEST): the process kills itself at the n-th of these
 * (LLMUX_TEST_KILL=n), to prove that no login is lost at any step. */
#ifdef LLMUX_TEST
void fault_point(void);
#else
#define fault_point() ((void)0)
#endif

/* ---- log ---- */

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Lines of LOG_ERROR and LOG_WARN go to stderr, others to stdout; each line is
 * one write(2), prefixed "llmux: ". with_time puts an RFC 3339 time before
 * it (left out under a journal). Call once before threads start, and again at
 * reload. */
void log_setup(enum log_level level, bool with_time);
bool log_on(enum log_level level);
void log_put(enum log_level level, const char *fmt, ...) FMT_LIKE(2, 3);

/* ---- files ---- */

/* The whole file into b (appended). ERR_SYS; ERR_LIMIT over b->max. */
int file_read(const char *path, struct buf *b, struct err *e);
/* The only writer of files: temp file in the same directory with mode, write,
 * fsync, rename, fsync of the directory. Replaces a symbolic link rather than
 * following it. On failure the old file is untouched and no temp is left. */
int file_replace(const char *path, struct str data, unsigned mode,
    struct err *e);

#endif
