/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target for the chunk decoder. The first two bytes say how to split and
 * how to encode. Properties: decoding in pieces gives what decoding at once
 * does; counts stay within the input; bytes behind the end are left alone;
 * what is encoded, with extensions and trailers, decodes to itself.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define MUST(cond) do { if (!(cond)) abort(); } while (0)

/* Decode s in pieces of 1 to step bytes into out; *end = input bytes eaten. */
static enum parse
decode(struct str s, size_t step, struct buf *out, size_t *end)
{
	struct http_chunks d = { .state = 0 };
	enum parse r = PARSE_MORE;
	size_t at = 0, piece = step;

	while (r == PARSE_MORE && at < s.n) {
		size_t n = piece < s.n - at ? piece : s.n - at;
		size_t count = n, used, i;
		char *p = malloc(n);

		MUST(p != NULL);
		memcpy(p, s.p + at, n);
		r = http_dechunk(&d, p, &count, &used);
		MUST(used <= n && count <= used);
		MUST(r != PARSE_MORE || used == n);
		buf_add(out, p, count);
		for (i = used; i < n; i++)
			MUST(p[i] == s.p[at + i]);
		free(p);
		at += used;
		piece = piece == 1 ? step : piece - 1;
	}
	*end = at;
	return r;
}

static void
encode(struct str s, size_t size, unsigned how, struct buf *b)
{
	size_t i;

	while (s.n > 0) {
		size_t n = size < s.n ? size : s.n;

		for (i = 0; i < (how & 3); i++)
			buf_addc(b, '0');
		buf_fmt(b, "%x%s\r\n", (unsigned)n,
		    how & 4 ? " ;a=\"b;c\"" : how & 8 ? ";x" : "");
		buf_add(b, s.p, n);
		buf_addz(b, "\r\n");
		s = str_sub(s, n, s.n);
		size = size * 7 % 5000 + 1;
	}
	buf_fmt(b, "0%s\r\n%s%s\r\n", how & 16 ? ";last" : "",
	    how & 32 ? "Trailer-One: 1\r\n" : "", how & 64 ? "t:\r\n" : "");
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf whole, pieces, coded;
	struct str s;
	size_t step, end, end2;
	enum parse r;

	if (n < 2)
		return 0;
	step = p[0] + (size_t)1;
	s = (struct str){ (const char *)p + 2, n - 2 };
	buf_init(&whole, n);
	buf_init(&pieces, n);
	buf_init(&coded, 300 * n + 300);
	r = decode(s, s.n, &whole, &end);
	MUST(decode(s, step, &pieces, &end2) == r && end2 == end);
	MUST(str_eq(buf_str(&whole), buf_str(&pieces)));

	encode(s, step, p[1], &coded);
	end = coded.len;
	buf_addz(&coded, "HTTP/1.1 200");
	MUST(!coded.bad);
	buf_clear(&whole);
	buf_clear(&pieces);
	MUST(decode(buf_str(&coded), coded.len, &whole, &end2) == PARSE_OK);
	MUST(end2 == end && str_eq(buf_str(&whole), s));
	MUST(decode(buf_str(&coded), step, &pieces, &end2) == PARSE_OK);
	MUST(end2 == end && str_eq(buf_str(&pieces), s));
	buf_free(&whole);
	buf_free(&pieces);
	buf_free(&coded);
	return 0;
}
