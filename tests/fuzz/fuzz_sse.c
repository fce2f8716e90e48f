/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target for event streams. The first byte says how to split. Properties:
 * counts and slices stay within the input; the events are those of a reader
 * that follows the letter of the standard, byte by byte and without regard to
 * speed, however the input is split.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define MUST(cond) do { if (!(cond)) abort(); } while (0)

/* Write an event down in a form that can be compared. */
static void
note(struct buf *b, bool named, struct str name, bool filled, struct str data)
{
	if (!named && !filled)
		return;
	buf_fmt(b, "%d %u ", named, (unsigned)name.n);
	buf_adds(b, name);
	buf_fmt(b, " %d %u ", filled, (unsigned)data.n);
	buf_adds(b, data);
	buf_addc(b, '\n');
}

/* ---- the plain reader: WHATWG HTML, section 9.2.6 ---- */

struct plain {
	struct buf line, name, data;
	bool named, filled;
};

static void
plain_line(struct plain *r, struct buf *out)
{
	struct str line = buf_str(&r->line), field, value = { NULL, 0 };

	if (line.n == 0) {
		note(out, r->named, buf_str(&r->name), r->filled,
		    str_sub(buf_str(&r->data), 0, r->data.len - 1));
		buf_clear(&r->name);
		buf_clear(&r->data);
		r->named = r->filled = false;
		return;
	}
	if (line.p[0] == ':')
		return;
	value = line;
	MUST(str_cut(&value, ':', &field));
	if (str_starts(value, STR(" ")))
		value = str_sub(value, 1, value.n);
	if (str_eq(field, STR("event"))) {
		r->named = true;
		buf_clear(&r->name);
		buf_adds(&r->name, value);
	} else if (str_eq(field, STR("data"))) {
		r->filled = true;
		buf_adds(&r->data, value);
		buf_addc(&r->data, '\n');
	}
}

static void
plain_read(struct str s, struct buf *out)
{
	struct plain r = { .named = false };
	size_t i;

	buf_init(&r.line, s.n + 2);
	buf_init(&r.name, s.n + 2);
	buf_init(&r.data, s.n + 2);
	if (str_starts(s, STR("\xef\xbb\xbf")))
		s = str_sub(s, 3, s.n);
	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '\n' && i > 0 && s.p[i - 1] == '\r')
			continue;
		if (s.p[i] != '\n' && s.p[i] != '\r') {
			buf_addc(&r.line, s.p[i]);
			continue;
		}
		plain_line(&r, out);
		buf_clear(&r.line);
	}
	/* Not the standard's: the last event needs no blank line. */
	if (r.line.len > 0)
		plain_line(&r, out);
	buf_clear(&r.line);
	plain_line(&r, out);
	buf_free(&r.line);
	buf_free(&r.name);
	buf_free(&r.data);
}

/* ---- sse.c, with the input in pieces ---- */

static void
within(struct str part, struct str in, const struct sse *s)
{
	struct str own = buf_str(&s->joined);

	MUST(part.n == 0 ||
	    (part.p >= in.p && part.p + part.n <= in.p + in.n) ||
	    (part.p >= own.p && part.p + part.n <= own.p + own.n));
}

static void
read_pieces(struct str in, size_t step, struct buf *out)
{
	size_t at = 0, have = 0;
	struct sse s;

	sse_init(&s, in.n + 1);
	for (;;) {
		struct str rest = { NULL, have - at };
		struct sse_event ev = { .comment = false };
		bool final = have == in.n;
		size_t used;
		enum parse r;
		char *p = malloc(rest.n > 0 ? rest.n : 1);

		MUST(p != NULL);
		memcpy(p, in.p + at, rest.n);
		rest.p = p;
		r = sse_next(&s, rest, final, &ev, &used);
		MUST(r != PARSE_BAD && used <= rest.n);
		MUST((r == PARSE_OK) == (used > 0));
		if (r == PARSE_OK) {
			within(ev.name, rest, &s);
			within(ev.data, rest, &s);
			MUST(!ev.comment || (ev.name.p == NULL &&
			    ev.data.p == NULL));
			note(out, ev.name.p != NULL, ev.name,
			    ev.data.p != NULL, ev.data);
		}
		free(p);
		at += used;
		if (r == PARSE_OK)
			continue;
		if (final)
			break;
		have = step < in.n - have ? have + step : in.n;
	}
	MUST(at == in.n);
	sse_free(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf want, got;
	struct str s;
	size_t steps[3], i;

	if (n < 1 || n > 20000)
		return 0;
	s = (struct str){ (const char *)p + 1, n - 1 };
	buf_init(&want, 40 * n + 100);
	buf_init(&got, 40 * n + 100);
	plain_read(s, &want);
	MUST(!want.bad);
	steps[0] = n;
	steps[1] = p[0] + (size_t)1;
	steps[2] = n < 400 ? 1 : n;
	for (i = 0; i < 3; i++) {
		buf_clear(&got);
		read_pieces(s, steps[i], &got);
		MUST(str_eq(buf_str(&got), buf_str(&want)));
	}
	buf_free(&want);
	buf_free(&got);
	return 0;
}
