/* SPDX-License-Identifier: MIT */
/*
 * text: slices that borrow bytes and buffers that own them, with formatting
 * and encodings. Included by base.h; nobody else needs to name it.
 */
#ifndef LLMUX_TEXT_H
#define LLMUX_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#if defined(__GNUC__)
#define FMT_LIKE(f, a) __attribute__((format(printf, f, a)))
#else
#define FMT_LIKE(f, a)
#endif

/* ---- slices ---- */

/* Borrowed bytes; may hold NUL; never freed. Lives as long as what it points
 * into. An absent value is {NULL, 0}. */
struct str {
	const char *p;
	size_t n;
};

#define STR(lit) ((struct str){(lit), sizeof(lit) - 1})
#define STR_INIT(lit) { (lit), sizeof(lit) - 1 } /* in static tables */
/* For "%.*s" of buf_fmt; slices in messages are shorter than INT_MAX. */
#define STR_ARG(s) (int)(s).n, (s).p

struct str str_of(const char *z); /* NULL gives the absent slice */
struct str str_sub(struct str s, size_t from, size_t n); /* clamped */
bool str_eq(struct str a, struct str b);
bool str_ieq(struct str a, struct str b); /* ASCII letters fold */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/* Offset of the first occurrence, or -1. */
ssize_t str_find(struct str s, struct str needle);
ssize_t str_chr(struct str s, char c);
/* Without leading and trailing blanks and tabs (OWS of RFC 9110). */
struct str str_trim(struct str s);
/* The part before the first sep; *s becomes the rest (absent when there is no
 * sep). False when *s is absent already. */
bool str_cut(struct str *s, char sep, struct str *part);
/* The place of s among words, "a|b|c", or -1; ASCII letters fold. */
ssize_t str_place(struct str s, const char *words);
/* All of s must be decimal digits, no sign, no overflow: 0, else -1. */
int str_u64(struct str s, uint64_t *v);

/* ---- buffers ---- */

/* Owned bytes, kept NUL-terminated beyond len. max is demanded at init.
 * Failure is sticky: bad means over max or no memory, further additions do
 * nothing, so write twenty fields and look once. */
struct buf {
	char *p;
	size_t len, cap, max;
	bool bad;
};

void buf_init(struct buf *b, size_t max);
void buf_free(struct buf *b); /* a zeroed buf is fine */
void buf_wipe(struct buf *b); /* for secrets: zero, then free */
void buf_clear(struct buf *b); /* len 0, not bad; keeps the memory */
struct str buf_str(const struct buf *b);
/* n writable bytes behind len, or NULL and bad. Advance len yourself. */
char *buf_room(struct buf *b, size_t n);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_adds(struct buf *b, struct str s);
void buf_addz(struct buf *b, const char *z);
void buf_addc(struct buf *b, char c);
void buf_addu(struct buf *b, uint64_t v);
void buf_cut(struct buf *b, size_t n); /* drop the first n bytes */
/* Formatter of our own, without stdio and floating point. Knows %s %.*s %c
 * %d %u %x with the lengths l ll z, field width for numbers (%02x), and %%;
 * anything else is a programming error and is written as "%?". */
void buf_fmt(struct buf *b, const char *fmt, ...) FMT_LIKE(2, 3);
void buf_vfmt(struct buf *b, const char *fmt, va_list ap);
/* s with control bytes, quotes and bytes over 0x7e as \xNN, cut after max
 * bytes with "...": what messages quote. */
void buf_add_quoted(struct buf *b, struct str s, size_t max);
void buf_add_hex(struct buf *b, const void *p, size_t n);
void buf_add_b64(struct buf *b, const void *p, size_t n); /* with padding */
void buf_add_b64url(struct buf *b, const void *p, size_t n); /* without */
/* Base64 in either alphabet, padding optional, blanks and line ends skipped.
 * 0, or -1 on a foreign character or an impossible length. */
int buf_add_unb64(struct buf *b, struct str s);

/* Formatted text into a fixed array, always terminated; gives its length. */
size_t fmt_to(char *dst, size_t cap, const char *fmt, ...) FMT_LIKE(3, 4);
size_t vfmt_to(char *dst, size_t cap, const char *fmt, va_list ap);

#endif
