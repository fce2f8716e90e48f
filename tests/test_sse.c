/* SPDX-License-Identifier: MIT */
/*
 * Tests of sse.c. Each row of the table is read whole, byte by byte and split
 * at every position, from copies that move at each call and end at a page
 * without access.
 */
#include <unistd.h>

#include "check.h"
#include "guard.h"
#include "sse.h"

#define BOM "\xef\xbb\xbf"
#define IN(lit) { lit, sizeof(lit) - 1 }

/* What the events of the input look like one behind the other: (name|data),
 * "-" = absent, "(:)" = comments only, events of no field left out; "BAD". */
static const struct {
	const char *name;
	struct str input;
	const char *want;
	size_t max;
} rows[] = {
	{ "nothing", IN(""), "", 99 },
	{ "one", IN("data: a\n\n"), "(-|a)", 99 },
	{ "name first", IN("event: e\ndata: a\n\n"), "(e|a)", 99 },
	{ "name behind", IN("data: a\nevent: e\n\n"), "(e|a)", 99 },
	{ "last name counts", IN("event: e\nevent:f\ndata:a\n\n"), "(f|a)",
	    99 },
	{ "name alone", IN("event: e\n\n"), "(e|-)", 99 },
	{ "empty name", IN("event\ndata: a\n\n"), "(|a)", 99 },
	{ "two", IN("data: a\n\ndata: b\n\n"), "(-|a)(-|b)", 99 },
	{ "crlf", IN("event: e\r\ndata: a\r\n\r\ndata: b\r\n\r\n"),
	    "(e|a)(-|b)", 99 },
	{ "cr", IN("event: e\rdata: a\r\rdata: b\r\r"), "(e|a)(-|b)", 99 },
	{ "mixed ends", IN("event: e\rdata: a\ndata: b\r\n\n"
			    "data: c\n\rdata: d\r\r\ndata: e\r\n\r"),
	    "(e|a\nb)(-|c)(-|d)(-|e)", 99 },
	{ "no blank", IN("event:e\ndata:a\n\n"), "(e|a)", 99 },
	{ "one blank only", IN("data:  a \n\n"), "(-| a )", 99 },
	{ "a tab is no blank", IN("data:\ta\n\n"), "(-|\ta)", 99 },
	{ "colons", IN("data: a: b:\n\n"), "(-|a: b:)", 99 },
	{ "empty data", IN("data:\n\n"), "(-|)", 99 },
	{ "empty data, blank", IN("data: \n\n"), "(-|)", 99 },
	{ "no colon", IN("data\n\n"), "(-|)", 99 },
	{ "two empty", IN("data\ndata\n\n"), "(-|\n)", 99 },
	{ "lines", IN("data: a\ndata:\ndata: c\n\ndata: d\n\n"),
	    "(-|a\n\nc)(-|d)", 99 },
	{ "lines, a name between", IN("data: a\nevent: e\ndata: b\n\n"),
	    "(e|a\nb)", 99 },
	{ "lines twice", IN("data: a\ndata: b\n\ndata: c\ndata: d\n\n"),
	    "(-|a\nb)(-|c\nd)", 99 },
	{ "comment", IN(": ping\n\n"), "(:)", 99 },
	{ "comments", IN(":\n: x\n\ndata: a\n\n"), "(:)(-|a)", 99 },
	{ "comment, blank lines", IN(": x\n\n\n\n"), "(:)", 99 },
	{ "comment in an event", IN("data: a\n: x\ndata: b\n\n"),
	    "(-|a\nb)", 99 },
	{ "comment with a field", IN(": x\nid: 1\n\n"), "", 99 },
	{ "other fields", IN("id: 7\nretry: 9\nfoo: x\nbar\ndata: a\n\n"),
	    "(-|a)", 99 },
	{ "nearly names", IN("datax: 1\ndat: 2\n data: 3\nDATA: 4\n"
			      "events: 5\nData: 6\n\n"), "", 99 },
	{ "blank lines", IN("\n\n\r\n\rdata: a\n\n\n\ndata: b\n\n"),
	    "(-|a)(-|b)", 99 },
	{ "NUL", IN("id: \0\ndata: a\0b\n\n"), "(-|a.b)", 99 },
	{ "other controls", IN("data: a\tb\x0b\x0c\x01\n\n"),
	    "(-|a\tb\x0b\x0c\x01)", 99 },
	{ "UTF-8", IN("data: \xc3\xa4\xe2\x80\xa8\n\n"),
	    "(-|\xc3\xa4\xe2\x80\xa8)", 99 },
	{ "mark", IN(BOM "data: a\n\n" BOM "data: b\n\n"), "(-|a)", 99 },
	{ "mark, then an end", IN(BOM "\ndata: a\n\n"), "(-|a)", 99 },
	{ "mark only", IN(BOM), "", 99 },
	{ "half a mark", IN("\xef\xbb"), "", 99 },
	{ "no mark", IN("\xef\xbb" "data: a\n\ndata: b\n\n"), "(-|b)", 99 },
	{ "no blank line", IN("data: a\n"), "(-|a)", 99 },
	{ "no blank line, CR", IN("data: a\r"), "(-|a)", 99 },
	{ "no line end", IN("event: e\ndata: a"), "(e|a)", 99 },
	{ "lines, no line end", IN("data: a\ndata: b"), "(-|a\nb)", 99 },
	{ "just fits", IN("data: 45678\n\ndata: a\n\n"),
	    "(-|45678)(-|a)", 13 },
	{ "one too many", IN("data: a\n\ndata: 456789\n\n"), "(-|a)BAD", 13 },
	{ "too many, CRLF", IN("data: 45678\r\n\r\n"), "BAD", 13 },
	{ "fits, CRLF", IN("data: 4567\r\n\r\n"), "(-|4567)", 14 },
	{ "too many lines", IN("data\ndata\ndata\n\n"), "BAD", 13 },
	{ "too long, no end", IN("data: 4567890123"), "BAD", 13 },
	{ "long, a word apart", IN("data: 0123456701234567012345670123456\n\n"),
	    "(-|0123456701234567012345670123456)", 99 },
};

static void
note(struct buf *got, const struct sse_event *ev)
{
	struct str d = ev->data;

	if (ev->comment) {
		CHECK(ev->name.p == NULL && d.p == NULL);
		buf_adds(got, STR("(:)"));
		return;
	}
	if (ev->name.p == NULL && d.p == NULL)
		return;
	buf_addc(got, '(');
	buf_adds(got, ev->name.p == NULL ? STR("-") : ev->name);
	buf_addc(got, '|');
	if (d.p == NULL)
		d = STR("-");
	for (; d.n > 0; d.p++, d.n--)
		buf_addc(got, d.p[0] == '\0' ? '.' : d.p[0]);
	buf_addc(got, ')');
}

/* All events of in: first of its first bytes, then of step more each time. */
static void
read_all(struct str in, size_t first, size_t step, size_t max, struct buf *got)
{
	size_t at = 0, have = first < in.n ? first : in.n, used;
	struct sse s;

	sse_init(&s, max);
	for (;;) {
		struct str copy = guard_copy(str_sub(in, at, have - at));
		bool final = false;
		struct sse_event ev;
		enum parse r = sse_next(&s, copy, false, &ev, &used);

		if (r == PARSE_MORE && have == in.n) {
			final = true;
			r = sse_next(&s, copy, true, &ev, &used);
		}
		if (r == PARSE_OK)
			note(got, &ev);
		if (r == PARSE_BAD)
			buf_adds(got, STR("BAD"));
		guard_free(copy);
		CHECK(used <= have - at);
		CHECK((r == PARSE_OK) == (used > 0));
		at += used;
		if (r == PARSE_BAD || (final && r == PARSE_MORE))
			break;
		if (r == PARSE_MORE)
			have = step < in.n - have ? have + step : in.n;
	}
	sse_free(&s);
}

static void
test_rows(void)
{
	struct buf got;
	size_t i, split;

	buf_init(&got, 4096);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (split = 0; split <= rows[i].input.n; split++) {
			buf_clear(&got);
			read_all(rows[i].input, split, rows[i].input.n,
			    rows[i].max, &got);
			CHECK_STR_IN(rows[i].name, buf_str(&got),
			    str_of(rows[i].want));
		}
		buf_clear(&got);
		read_all(rows[i].input, 0, 1, rows[i].max, &got);
		CHECK_STR_IN(rows[i].name, buf_str(&got),
		    str_of(rows[i].want));
	}
	buf_free(&got);
}

/* A single data line is a slice of the input: nothing is copied. */
static void
test_no_copy(void)
{
	static const char in[] = "event: e\ndata: {\"a\":1}\n\n";
	struct sse_event ev;
	struct sse s;
	size_t used;

	sse_init(&s, 99);
	mem_fail_after(0);
	CHECK(sse_next(&s, STR(in), false, &ev, &used) == PARSE_OK);
	mem_fail_after(-1);
	CHECK(ev.name.p == in + 7 && ev.data.p == in + 15);
	CHECK_INT(used, sizeof(in) - 1);
	CHECK(s.joined.p == NULL);
	sse_free(&s);
}

/* One large event, one byte more each call: ends soon only when the work is
 * linear. */
static void
test_slow_sender(void)
{
	const size_t n = 1 << 20;
	char *p = malloc(n);
	struct sse_event ev;
	struct sse s;
	size_t i, used;

	if (p == NULL)
		exit(1);
	memset(p, 'x', n);
	memcpy(p, "data: ", 6);
	for (i = 100000; i < n / 2; i += 100000)
		memcpy(p + i, "\ndata: ", 7);
	p[n - 2] = p[n - 1] = '\n';
	sse_init(&s, n);
	for (i = 0; i < n; i++)
		CHECK(sse_next(&s, (struct str){ p, i }, false, &ev,
		    &used) == PARSE_MORE);
	CHECK(sse_next(&s, (struct str){ p, n }, false, &ev, &used) ==
	    PARSE_OK);
	CHECK_INT(used, n);
	CHECK_INT(ev.data.n, n - 6 - 2 - 5 * 6);
	sse_free(&s);
	free(p);
}

static void
test_starving(void)
{
	struct str in = STR("data: a\ndata: b\nevent: e\ndata: c\n\n");
	struct sse_event ev;
	enum parse r = PARSE_BAD;
	long n;

	for (n = 0; n < 99 && r == PARSE_BAD; n++) {
		struct sse s;
		size_t used;

		sse_init(&s, 999);
		mem_fail_after(n);
		r = sse_next(&s, in, false, &ev, &used);
		mem_fail_after(-1);
		if (r == PARSE_OK)
			CHECK_STR(ev.data, STR("a\nb\nc"));
		else
			CHECK(r == PARSE_BAD && s.joined.bad);
		sse_free(&s);
	}
	CHECK(r == PARSE_OK);
	CHECK(n > 1);
	CHECK_INT(mem_reserved(), 0);
}

static void
test_max_memory(void)
{
	struct str in = STR("data: a\ndata: b\n\n");
	struct sse_event ev;
	struct sse s;
	size_t used;

	sse_init(&s, 999);
	mem_limit(10);
	CHECK(sse_next(&s, in, false, &ev, &used) == PARSE_BAD);
	CHECK(s.joined.bad);
	sse_free(&s);
	mem_limit(20);
	sse_init(&s, 999);
	CHECK(sse_next(&s, in, false, &ev, &used) == PARSE_OK);
	CHECK_STR(ev.data, STR("a\nb"));
	CHECK(mem_reserved() > 0);
	sse_free(&s);
	CHECK_INT(mem_reserved(), 0);
	mem_limit(0);
}

/* The whole blank line belongs to the event, and the mark to the first. */
static void
test_used(void)
{
	static const struct {
		struct str in;
		size_t used;
	} ends[] = {
		{ IN("data: a\n\ndata"), 9 },
		{ IN("data: a\r\n\r\ndata"), 11 },
		{ IN("data: a\r\rdata"), 9 },
		{ IN("data: a\n\r\ndata"), 10 },
		{ IN("data: a\r\n\rdata"), 10 },
		{ IN(BOM "data: a\n\n"), 12 },
		{ IN("\ndata: a\n\n"), 1 },
		{ IN("\r\ndata: a\n\n"), 2 },
	};
	struct sse_event ev;
	size_t i, used;

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct sse s;

		sse_init(&s, 99);
		CHECK(sse_next(&s, ends[i].in, false, &ev, &used) ==
		    PARSE_OK);
		CHECK_INT(used, ends[i].used);
		sse_free(&s);
	}
}

static void
test_put(void)
{
	struct buf b;

	buf_init(&b, 999);
	sse_put(&b, "ping", STR("{}"));
	sse_put(&b, NULL, STR("[DONE]"));
	CHECK_STR(buf_str(&b),
	    STR("event: ping\ndata: {}\n\ndata: [DONE]\n\n"));
	buf_free(&b);
}

int
main(void)
{
	alarm(120);
	test_rows();
	test_no_copy();
	test_slow_sender();
	test_starving();
	test_max_memory();
	test_used();
	test_put();
	return check_done();
}
