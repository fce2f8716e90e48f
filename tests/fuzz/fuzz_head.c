/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target for heads. The first byte: bit 0 = answer, bit 1 = to HEAD; the
 * rest is the head. Properties: slices within the input; every beginning of a
 * good head is PARSE_MORE, of a bad one PARSE_MORE or refused with the same
 * status; the answer depends on no byte behind the head; the head written
 * anew from its slices reads back the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define MUST(cond) do { if (!(cond)) abort(); } while (0)

static enum parse
parse(struct http_head *h, struct str s, unsigned mode, size_t *used,
    struct http_bad *bad)
{
	/* A copy of just this size, so that reading over its end is seen. */
	char *p = malloc(s.n + 1);
	enum parse r;

	MUST(p != NULL);
	memcpy(p, s.p, s.n);
	p = realloc(p, s.n > 0 ? s.n : 1);
	MUST(p != NULL);
	r = mode & 1 ?
	    http_parse_answer(h, (struct str){ p, s.n }, mode & 2, used, bad) :
	    http_parse_request(h, (struct str){ p, s.n }, used, bad);
	free(p);
	return r;
}

static void
within(struct str part, struct str s)
{
	MUST(part.n == 0 || (part.p >= s.p && part.p + part.n <= s.p + s.n));
}

static void
write_again(struct buf *b, const struct http_head *h, unsigned mode)
{
	size_t i;

	if (mode & 1)
		buf_fmt(b, "HTTP/1.%d %d %.*s\r\n", h->minor, h->status,
		    STR_ARG(h->reason));
	else
		buf_fmt(b, "%.*s %.*s HTTP/1.%d\r\n", STR_ARG(h->method),
		    STR_ARG(h->target), h->minor);
	for (i = 0; i < h->n; i++)
		buf_fmt(b, "%.*s: %.*s\r\n", STR_ARG(h->f[i].name),
		    STR_ARG(h->f[i].value));
	buf_addz(b, "\r\n");
}

static void
check_good(struct http_head *h, struct str s, unsigned mode, size_t used)
{
	static struct http_head again;
	struct http_bad bad;
	struct buf b;
	size_t i, n;

	MUST(used <= s.n && used == http_head_end(s, 0));
	within(h->method, s);
	within(h->reason, s);
	if (!h->absolute || h->target.n > 1)
		within(h->target, s);
	MUST((mode & 1) != 0 || h->target.n > 0);
	MUST(h->n <= HTTP_FIELDS_MAX);
	for (i = 0; i < h->n; i++) {
		within(h->f[i].name, s);
		within(h->f[i].value, s);
		MUST(h->f[i].name.n > 0);
		http_hop_field(h, h->f[i].name);
	}
	MUST((mode & 1) != 0 || h->framing != HTTP_CLOSE);
	MUST(!(h->keep_alive && h->framing == HTTP_CLOSE));
	buf_init(&b, SIZE_MAX / 2);
	write_again(&b, h, mode);
	MUST(!b.bad);
	MUST((mode & 1 ?
	    http_parse_answer(&again, buf_str(&b), mode & 2, &n, &bad) :
	    http_parse_request(&again, buf_str(&b), &n, &bad)) == PARSE_OK);
	MUST(n == b.len && again.n == h->n && again.framing == h->framing);
	MUST(again.length == h->length && again.status == h->status);
	MUST(again.keep_alive == h->keep_alive);
	MUST(again.expect_continue == h->expect_continue);
	MUST(str_eq(again.target, h->target));
	for (i = 0; i < h->n; i++)
		MUST(str_eq(again.f[i].value, h->f[i].value));
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct http_head h, part;
	struct http_bad bad = { 0, NULL }, early;
	unsigned mode;
	struct str s;
	size_t i, used = 0, ignored, end;
	enum parse r;

	if (n < 1)
		return 0;
	mode = p[0];
	s = (struct str){ (const char *)p + 1, n - 1 };
	r = parse(&h, s, mode, &used, &bad);
	MUST(r != PARSE_BAD || (bad.status >= 400 && bad.why != NULL));
	end = http_head_end(s, 0);
	for (i = 0; i <= s.n && i < 300; i++) {
		enum parse q = parse(&part, str_sub(s, 0, i), mode, &ignored,
		    &early);

		MUST(q != PARSE_OK || (r == PARSE_OK && i >= used));
		MUST(q != PARSE_BAD || (r == PARSE_BAD &&
		    early.status == bad.status));
		MUST(q != PARSE_MORE || end == 0 || i < end);
		if (end == 0 || i < end)
			MUST(http_head_end(s, i) == end);
	}
	if (r != PARSE_OK)
		return 0;
	MUST((mode & 1 ?
	    http_parse_answer(&h, s, mode & 2, &used, &bad) :
	    http_parse_request(&h, s, &used, &bad)) == PARSE_OK);
	check_good(&h, s, mode, used);
	return 0;
}
