/* SPDX-License-Identifier: MIT */
/*
 * Tests of json.c: the rules of tests/cases/json/rules.txt and a table of
 * token sequences, each read whole, byte by byte and split at every position,
 * from copies that move at each call and end at a page without access; strings
 * against a reader that goes byte by byte; the writer. Tests of jsondoc.c are
 * in test_jsondoc.c.
 */
#include "check.h"
#include "guard.h"
#include "json.h"

#define RULES "tests/cases/json/rules.txt"
#define IN(lit) { lit, sizeof(lit) - 1 }

enum { SPLIT_MAX = 700 /* longer texts are read whole only */ };

/* ---- traces ---- */

/* One character for each type, in the order of enum json_type. */
static const char letters[] = "?{}[]ks#tfn.";

/* Reads on with the bytes of part and logs the tokens: letter, start-end,
 * text, "e" if escaped, depth. At the end "!" and the place of the fault. */
static enum parse
feed(struct json *j, struct str part, bool final, struct buf *log)
{
	struct str copy = guard_copy(part);
	enum parse r;

	do {
		r = json_next(j, copy, final);
		if (r == PARSE_OK)
			buf_fmt(log, "%c%zu-%zu'%.*s'%s%u ", letters[j->type],
			    j->start, j->end, STR_ARG(j->text),
			    j->escaped && (j->type == JSON_KEY ||
			    j->type == JSON_STRING) ? "e" : "", j->depth);
		else if (r == PARSE_BAD)
			buf_fmt(log, "!%zu %s", j->pos, j->why);
	} while (r == PARSE_OK && j->type != JSON_END);
	CHECK(r != PARSE_BAD || json_next(j, copy, true) == PARSE_BAD);
	CHECK(r != PARSE_OK || (json_next(j, copy, true) == PARSE_OK &&
	    j->type == JSON_END));
	guard_free(copy);
	return r;
}

/* In pieces that end at each of the n offsets of cuts, then the rest. */
static void
trace(struct str doc, const size_t *cuts, size_t n, struct buf *log)
{
	struct json j;
	size_t i;

	json_init(&j);
	buf_clear(log);
	for (i = 0; i < n; i++)
		if (feed(&j, str_sub(doc, 0, cuts[i]), false, log) !=
		    PARSE_MORE)
			return;
	CHECK(feed(&j, doc, true, log) != PARSE_MORE);
}

/* log holds the trace of the whole text. */
static void
check_splits(const char *name, struct str doc, const struct buf *log)
{
	static size_t each[SPLIT_MAX + 1];
	struct buf got;
	size_t i;

	if (doc.n > SPLIT_MAX)
		return;
	buf_init(&got, 100000);
	for (i = 0; i <= doc.n; i++) {
		each[i] = i;
		trace(doc, &i, 1, &got);
		CHECK_STR_IN(name, buf_str(&got), buf_str(log));
	}
	trace(doc, each, doc.n + 1, &got);
	CHECK_STR_IN(name, buf_str(&got), buf_str(log));
	buf_free(&got);
}

/* ---- rules ---- */

static void
expand(struct str in, struct buf *out)
{
	static const char hex[] = "0123456789abcdef";
	size_t i = 0;

	while (i < in.n) {
		struct str rest = str_sub(in, i, in.n);
		ssize_t colon = str_chr(rest, ':'), end = str_chr(rest, ')');

		if (in.p[i] != '~') {
			buf_addc(out, in.p[i++]);
		} else if (in.p[i + 1] != '(') {
			buf_addc(out, (char)(
			    (strchr(hex, in.p[i + 1]) - hex) << 4 |
			    (strchr(hex, in.p[i + 2]) - hex)));
			i += 3;
		} else {
			struct buf once;
			uint64_t n = 0;

			buf_init(&once, 1000);
			CHECK(str_u64(str_sub(rest, 2, (size_t)colon - 2), &n)
			    == 0);
			expand(str_sub(rest, (size_t)colon + 1,
			    (size_t)(end - colon) - 1), &once);
			for (; n > 0; n--)
				buf_adds(out, buf_str(&once));
			buf_free(&once);
			i += (size_t)end + 1;
		}
	}
}

static void
check_rule(const char *name, struct str verdict, struct str text)
{
	struct buf doc, log, want;
	struct err e = { .kind = ERR_NONE };
	struct str copy;
	bool good = str_eq(verdict, STR("y"));

	buf_init(&doc, 1000000);
	buf_init(&log, 1000000);
	buf_init(&want, 1000);
	buf_room(&doc, 300000); /* at once: bufs of tests grow by one byte */
	expand(text, &doc);
	copy = guard_copy(buf_str(&doc));
	CHECK_INT_IN(name, json_check(copy, &e), good ? 0 : -1);
	CHECK_INT_IN(name, json_check(copy, NULL), good ? 0 : -1);
	guard_free(copy);
	if (!good) {
		buf_fmt(&want, "not JSON: byte %.*s: expected ",
		    STR_ARG(str_sub(verdict, 1, verdict.n)));
		CHECK(e.kind == ERR_INPUT);
		CHECK_STR_IN(name, str_sub(str_of(e.text), 0, want.len),
		    buf_str(&want));
	}
	trace(buf_str(&doc), NULL, 0, &log);
	check_splits(name, buf_str(&doc), &log);
	CHECK(!doc.bad && !log.bad && !want.bad);
	buf_free(&doc);
	buf_free(&log);
	buf_free(&want);
}

static void
test_rules(void)
{
	struct buf file;
	struct str rest, line, verdict, name;
	struct err e;
	unsigned rows = 0;
	char label[100];

	buf_init(&file, 1000000);
	CHECK(file_read(RULES, &file, &e) == 0);
	rest = buf_str(&file);
	while (str_cut(&rest, '\n', &line)) {
		if (line.n == 0 || line.p[0] == '#')
			continue;
		CHECK(str_cut(&line, '\t', &verdict));
		CHECK(str_cut(&line, '\t', &name));
		fmt_to(label, sizeof(label), "%.*s", STR_ARG(name));
		check_rule(label, verdict, line);
		rows++;
	}
	CHECK(rows > 380);
	buf_free(&file);
}

/* ---- token sequences ---- */

static const struct {
	const char *name;
	struct str doc;
	const char *want;
} rows[] = {
	{ "number alone", IN("12"), "#0-2'12'0 .2-2''0 " },
	{ "white space", IN(" \t[ ] \n"), "[2-3''1 ]4-5''0 .7-7''0 " },
	{ "object", IN("{\"a\" : 1,\"\":null}"),
	    "{0-1''1 k1-4'a'1 #7-8'1'1 k9-11''1 n12-16''1 }16-17''0 "
	    ".17-17''0 " },
	{ "same name", IN("{\"a\":1,\"a\":2}"),
	    "{0-1''1 k1-4'a'1 #5-6'1'1 k7-10'a'1 #11-12'2'1 }12-13''0 "
	    ".13-13''0 " },
	{ "nested", IN("[{\"a\":[true,false]},{}]"),
	    "[0-1''1 {1-2''2 k2-5'a'2 [6-7''3 t7-11''3 f12-17''3 ]17-18''2 "
	    "}18-19''1 {20-21''2 }21-22''1 ]22-23''0 .23-23''0 " },
	{ "escapes", IN("[\"a\\n\",\"b\",\"\\ud83d\\ude00\"]"),
	    "[0-1''1 s1-6'a\\n'e1 s7-10'b'1 s11-25'\\ud83d\\ude00'e1 "
	    "]25-26''0 .26-26''0 " },
	{ "number ends", IN("[-0.50e+10]"),
	    "[0-1''1 #1-10'-0.50e+10'1 ]10-11''0 .11-11''0 " },
	{ "fault behind a number", IN("[01]"), "[0-1''1 #1-2'0'1 "
	    "!2 ',' or ']'" },
	{ "fault behind a member", IN("{\"a\":1]"), "{0-1''1 k1-4'a'1 "
	    "#5-6'1'1 !6 ',' or '}'" },
	{ "mark", IN("\xef\xbb\xbf{}"), "!0 a value, not a byte order mark" },
	{ "value", IN("[1,]"), "[0-1''1 #1-2'1'1 !3 a value" },
	{ "value or bracket", IN("[,"), "[0-1''1 !1 a value or ']'" },
	{ "name or brace", IN("{,"), "{0-1''1 !1 a name in quotes or '}'" },
	{ "name", IN("{\"a\":1,}"), "{0-1''1 k1-4'a'1 #5-6'1'1 "
	    "!7 a name in quotes" },
	{ "colon", IN("{\"a\"}"), "{0-1''1 k1-4'a'1 !4 ':'" },
	{ "end", IN("1 2"), "#0-1'1'0 !2 the end of the text" },
	{ "nothing", IN(" "), "!1 a value" },
	{ "literal", IN("[nuII]"), "[0-1''1 !3 null" },
	{ "digit", IN("-a"), "!1 a digit" },
	{ "sign", IN("1e"), "!2 a digit or a sign" },
	{ "quote", IN("\"a"), "!2 a quote" },
	{ "control", IN("\"\001\""),
	    "!1 an escape, not a control character" },
	{ "escape", IN("\"\\a\""), "!2 one of \"\\/bfnrtu" },
	{ "escape cut", IN("\"\\"), "!2 one of \"\\/bfnrtu" },
	{ "hex", IN("\"\\u12x\""), "!5 four hexadecimal digits" },
	{ "hex cut", IN("\"\\u12"), "!5 four hexadecimal digits" },
	{ "sequence", IN("\"\xc3(\""), "!2 well-formed UTF-8" },
	{ "sequence cut", IN("\"\xe2\x82"), "!3 well-formed UTF-8" },
	{ "depth", IN("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["), NULL },
};

static void
test_tokens(void)
{
	struct buf log;
	size_t i;

	buf_init(&log, 100000);
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		trace(rows[i].doc, NULL, 0, &log);
		if (rows[i].want != NULL)
			CHECK_STR_IN(rows[i].name, buf_str(&log),
			    str_of(rows[i].want));
		else
			CHECK(str_ends(buf_str(&log), STR("[127-128''128 "
			    "!128 at most 128 open arrays and objects")));
		check_splits(rows[i].name, rows[i].doc, &log);
	}
	buf_free(&log);
}

/* Fewer bytes than were given before are refused, not read. */
static void
test_shrunk(void)
{
	struct json j;
	struct str doc = STR("[\"abcdef");

	json_init(&j);
	CHECK(json_next(&j, doc, false) == PARSE_OK);
	CHECK(json_next(&j, doc, false) == PARSE_MORE);
	doc = guard_copy(STR("[\"a"));
	CHECK(json_next(&j, doc, false) == PARSE_BAD);
	guard_free(doc);
}

/* A million calls with one byte more each: were a token read anew each time,
 * this would not end. */
static void
test_linear(void)
{
	static const struct {
		char open[4], fill[8], close[4];
	} kinds[] = { { "\"", "a", "\"" }, { "\"", "\\n", "\"" },
		{ "\"", "\\u12ab", "\"" }, { "\"", "\xe4\xb8\x80", "\"" },
		{ "1", "2", "" }, { "0.", "2", "" }, { "", " ", "1" } };
	size_t i, n;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct buf b;
		struct json j;
		enum parse r = PARSE_MORE;

		buf_init(&b, 1000000);
		buf_room(&b, 300000);
		buf_addz(&b, kinds[i].open);
		while (b.len < 200000)
			buf_addz(&b, kinds[i].fill);
		buf_addz(&b, kinds[i].close);
		json_init(&j);
		for (n = 0; n <= b.len && r == PARSE_MORE; n++)
			r = json_next(&j, str_sub(buf_str(&b), 0, n),
			    n == b.len);
		CHECK_INT(r, PARSE_OK);
		CHECK_INT(j.end, b.len);
		buf_free(&b);
	}
}

/* ---- strings, against a reader that goes byte by byte ---- */

/* doc begins with a quote. Where its string ends (closed) or its first bad byte
 * is. */
static size_t
slow_string(struct str doc, bool *closed)
{
	const unsigned char *p = (const unsigned char *)doc.p;
	size_t i = 1, k, tails;

	*closed = false;
	while (i < doc.n && p[i] != '"') {
		unsigned char low = 0x80, high = 0xbf, c = p[i];

		if (c < 0x20)
			return i;
		i++;
		if (c == '\\') {
			if (i == doc.n || p[i] == '\0' ||
			    strchr("\"\\/bfnrtu", p[i]) == NULL)
				return i;
			for (k = p[i++] == 'u' ? 4 : 0; k > 0; k--, i++)
				if (i == doc.n || p[i] == '\0' ||
				    strchr("0123456789abcdefABCDEF", p[i]) ==
				    NULL)
					return i;
		}
		if (c < 0x80)
			continue;
		if (c < 0xc2 || c > 0xf4)
			return i - 1;
		tails = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
		low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
		high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
		for (; tails > 0; tails--, i++) {
			if (i == doc.n || p[i] < low || p[i] > high)
				return i;
			low = 0x80;
			high = 0xbf;
		}
	}
	*closed = i < doc.n;
	return i + *closed;
}

/* doc lies at the end of its page. */
static void
check_string(struct str doc)
{
	struct json j;
	enum parse r;
	bool closed;
	size_t want = slow_string(doc, &closed);

	json_init(&j);
	r = json_next(&j, doc, true);
	if (r == PARSE_OK && closed && j.end == want &&
	    j.escaped == (memchr(doc.p, '\\', want) != NULL))
		return;
	if (r == PARSE_BAD && !closed && j.pos == want)
		return;
	CHECK(!"string differs");
	fprintf(stderr, "  %d at %zu, want %zu %d in:", r,
	    r == PARSE_OK ? j.end : j.pos, want, closed);
	for (want = 0; want < doc.n; want++)
		fprintf(stderr, " %02x", (unsigned char)doc.p[want]);
	fprintf(stderr, "\n");
}

/* Every byte at every place of plain, wide and escaped text, with every
 * remainder of a word and with blocks before and behind. */
static void
test_every_byte(void)
{
	static const char *const fills[] = { "a", "n", "\xc3\xa4",
		"\xe4\xb8\x80", "\\n", "\\\"" };
	static const size_t behind[] = { 0, 1, 7, 62, 63, 64, 65, 66, 140 };
	struct str page = guard_copy((struct str){ (char[1000]){ 0 }, 1000 });
	size_t f, k, m, b, i;
	char doc[1000];

	for (f = 0; f < 6; f++)
	for (k = 0; k < 80; k++)
	for (m = 0; m < 9; m++) {
		size_t len = strlen(fills[f]), n = 0, at;

		doc[n++] = '"';
		for (i = 0; i < k; i++, n += len)
			memcpy(doc + n, fills[f], len);
		at = n++;
		for (i = 0; i < behind[m]; i++, n += len)
			memcpy(doc + n, fills[f], len);
		doc[n++] = '"';
		for (b = 0; b < 256; b++) {
			char *p = (char *)(uintptr_t)page.p + 1000 - n;

			doc[at] = (char)b;
			memcpy(p, doc, n);
			check_string((struct str){ p, n });
		}
	}
	guard_free(page);
	CHECK(true);
}

/* Two bytes of every kind, and what stands behind them, across the edges of
 * words and blocks. */
static void
test_sequences(void)
{
	static const char *const rests[] = { "", "\x80", "\xbf\x80",
		"\xbf\xbf\xbf", "\x80z" };
	struct str page = guard_copy((struct str){ (char[400]){ 0 }, 400 });
	size_t a, b, r, k, n;
	char *p;

	for (k = 56; k < 68; k++)
	for (a = 0x80; a < 256; a++)
	for (b = 0x20; b < 256; b += b < 0x70 ? 0x50 : 1)
	for (r = 0; r < 5; r++) {
		size_t rest = strlen(rests[r]);

		n = 1 + k + 2 + rest + 90 + 1;
		p = (char *)(uintptr_t)page.p + 400 - n;
		memset(p, 'x', n);
		p[0] = p[n - 1] = '"';
		p[1] = '\\';
		p[2] = 'n';
		p[1 + k] = (char)a;
		p[2 + k] = (char)b;
		memcpy(p + 3 + k, rests[r], rest);
		check_string((struct str){ p, n });
	}
	guard_free(page);
	CHECK(true);
}

static unsigned seed = 7;

static unsigned
draw(unsigned below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

static void
test_random_strings(void)
{
	static const char *const parts[] = { "plain text of some length", "a",
		"\\n", "\\\"", "\\\\", "\\u00e4", "\\ud83d\\ude00", "\xc3\xa4",
		"\xd0\xb1\xd0\xb2\xd0\xb3 ", "\xe4\xb8\x80\xe4\xb8\x81",
		"\xe0\xa4\x84", "\xed\x95\x9c", "\xf0\x9f\x98\x80", "\x7f",
		/* and from here on bad ones */
		"\xc3", "\x80", "\xe4\xb8", "\xed\xa0\x80", "\xf5\x80", "\t",
		"\\x", "\\u12g4", "\"", "\xc0\xaf", "\xe0\x80\x80" };
	struct str page = guard_copy((struct str){ (char[4000]){ 0 }, 4000 });
	unsigned round, i, n;
	struct buf b;

	buf_init(&b, 4000);
	for (round = 0; round < 40000; round++) {
		buf_clear(&b);
		buf_addc(&b, '"');
		n = draw(round % 10 == 0 ? 120 : 20);
		for (i = 0; i < n; i++)
			buf_addz(&b, parts[draw(draw(30) == 0 ? 25 : 14)]);
		if (draw(9) > 0)
			buf_addc(&b, '"');
		memcpy((char *)(uintptr_t)page.p + 4000 - b.len, b.p, b.len);
		check_string((struct str){ page.p + 4000 - b.len, b.len });
	}
	CHECK(!b.bad);
	buf_free(&b);
	guard_free(page);
}

/* ---- writer ---- */

/* A sink that takes so many bytes and then fails, and must not be called
 * again. */
struct drain {
	struct buf got;
	size_t left;
	bool dead;
};

static int
drain_put(void *arg, const char *p, size_t n)
{
	struct drain *d = arg;

	CHECK(!d->dead);
	d->dead = n > d->left;
	if (d->dead)
		return -1;
	d->left -= n;
	buf_add(&d->got, p, n);
	return 0;
}

static const char sample_want[] = "{\"model\":\"m\\\"1\\\\\",\"n\":-42,"
    "\"list\":[1,\"a\\n\\u0001\\t\xc3\xa4\xf0\x9f\x98\x80\x7f\",[],{},null,"
    "true,[false]],\"copy\":\"x\\u00e4\",\"pieces\":\"a\\nb\\\"c\","
    "\"empty\":\"\",\"raw\":{\"k\": 1},\"\":9223372036854775807,"
    "\"low\":-9223372036854775808,\"bad\":\"\xef\xbf\xbd(\xef\xbf\xbd"
    "\xef\xbf\xbd\xef\xbf\xbdz\"}";

static void
write_sample(struct json_out *o)
{
	json_open(o, '{');
	json_key(o, "model");
	json_str(o, STR("m\"1\\"));
	json_key(o, "n");
	json_num(o, -42);
	json_key(o, "list");
	json_open(o, '[');
	json_num(o, 1);
	json_str(o, STR("a\n\001\t\xc3\xa4\xf0\x9f\x98\x80\x7f"));
	json_open(o, '[');
	json_close(o, ']');
	json_open(o, '{');
	json_close(o, '}');
	json_null(o);
	json_bool(o, true);
	json_open(o, '[');
	json_bool(o, false);
	json_close(o, ']');
	json_close(o, ']');
	json_key_str(o, STR("copy"));
	json_text(o, STR("x\\u00e4"));
	json_key(o, "pieces");
	json_str_begin(o);
	json_str_text(o, STR("a\\n"));
	json_str_plain(o, STR("b\"c"));
	json_str_end(o);
	json_key(o, "empty");
	json_str(o, STR(""));
	json_key(o, "raw");
	json_raw(o, STR("{\"k\": 1}"));
	json_key(o, "");
	json_num(o, INT64_MAX);
	json_key(o, "low");
	json_num(o, INT64_MIN);
	json_key(o, "bad");
	json_str(o, STR("\xe2\x82(\xff\xc0\xf0\x9f\x98z"));
	json_close(o, '}');
}

/* The sample through a buffer of cap bytes, at the end of a page, into a sink
 * that takes left bytes. */
static void
drain_sample(struct json_out *o, struct drain *d, size_t cap, size_t left)
{
	static char zeros[600];
	struct str room = guard_copy((struct str){ zeros, cap });

	buf_clear(&d->got);
	d->left = left;
	d->dead = false;
	json_out_init(o, (char *)(uintptr_t)room.p, cap, drain_put, d);
	write_sample(o);
	json_out_flush(o);
	guard_free(room);
}

static void
test_writer(void)
{
	struct drain d = { .left = 0 };
	struct json_out o, count;
	size_t cap, left;

	CHECK(json_check(str_of(sample_want), NULL) == 0);
	json_out_init(&count, NULL, 0, NULL, NULL);
	write_sample(&count);
	json_out_flush(&count);
	CHECK(!count.bad);
	CHECK_INT(count.total, strlen(sample_want));
	buf_init(&d.got, 2000);
	for (cap = 0; cap <= 600; cap++) {
		drain_sample(&o, &d, cap, 2000);
		CHECK(!o.bad && o.total == count.total);
		CHECK_STR(buf_str(&d.got), str_of(sample_want));
	}
	for (cap = 0; cap < 100; cap = 3 * cap + 5)
		for (left = 0; left < count.total; left++) {
			drain_sample(&o, &d, cap, left);
			CHECK(o.bad);
			CHECK(str_starts(str_of(sample_want),
			    buf_str(&d.got)));
		}
	buf_clear(&d.got);
	json_out_buf(&o, &d.got);
	write_sample(&o);
	json_out_flush(&o);
	CHECK(!o.bad);
	CHECK_STR(buf_str(&d.got), str_of(sample_want));
	buf_free(&d.got);
}

/* One call for each letter: { } [ ] open and close, k a name, v a value, r a
 * raw value that is absent. */
static void
write_calls(struct json_out *o, const char *calls)
{
	for (; *calls != '\0'; calls++)
		switch (*calls) {
		case '{':
		case '[':
			json_open(o, *calls);
			break;
		case '}':
		case ']':
			json_close(o, *calls);
			break;
		case 'k':
			json_key(o, "k");
			break;
		case 'r':
			json_raw(o, (struct str){ NULL, 0 });
			break;
		default:
			json_num(o, 1);
			break;
		}
}

static void
test_misuse(void)
{
	static const struct {
		const char *calls, *want;
	} uses[] = {
		{ "v", "1" },
		{ "{k[v]kv}", "{\"k\":[1],\"k\":1}" },
		{ "kv", "\"k\":1" },
		{ "kvk", NULL }, { "[]k", NULL }, { "kvv", NULL },
		{ "vv", NULL }, { "{}v", NULL }, { "{v", NULL },
		{ "{kvv", NULL }, { "{kk", NULL }, { "{k}", NULL },
		{ "[k", NULL }, { "[}", NULL }, { "{]", NULL },
		{ "}", NULL }, { "]", NULL }, { "[]]", NULL },
		{ "[{]", NULL }, { "[r", NULL }, { "{kr", NULL },
	};
	struct json_out o;
	struct buf b;
	size_t i;

	buf_init(&b, 1000);
	for (i = 0; i < sizeof(uses) / sizeof(*uses); i++) {
		buf_clear(&b);
		json_out_buf(&o, &b);
		write_calls(&o, uses[i].calls);
		CHECK_INT_IN(uses[i].calls, o.bad, uses[i].want == NULL);
		if (uses[i].want != NULL)
			CHECK_STR_IN(uses[i].calls, buf_str(&b),
			    str_of(uses[i].want));
	}
	buf_clear(&b);
	json_out_buf(&o, &b);
	for (i = 0; i < JSON_DEPTH_MAX; i++)
		json_open(&o, '[');
	CHECK(!o.bad);
	json_open(&o, '[');
	CHECK(o.bad);
	buf_free(&b);
}

/* Any sequence of calls gives JSON (once all is closed) or bad. */
static void
test_random_calls(void)
{
	struct json_out o;
	struct buf b;
	unsigned round, i, n, good = 0;
	char calls[13];

	buf_init(&b, 1000);
	for (round = 0; round < 100000; round++) {
		n = 1 + draw(12);
		for (i = 0; i < n; i++)
			calls[i] = "{}[]kkvv"[draw(8)];
		calls[0] = "{["[draw(2)];
		calls[n] = '\0';
		buf_clear(&b);
		json_out_buf(&o, &b);
		write_calls(&o, calls);
		while (!o.bad && o.depth > 0)
			json_close(&o, (o.is_object[0] >> (o.depth - 1) & 1)
			    != 0 ? '}' : ']');
		if (o.bad)
			continue;
		good++;
		CHECK_INT_IN(calls, json_check(buf_str(&b), NULL), 0);
	}
	CHECK(good > 1000);
	buf_free(&b);
}

static void
test_escape(void)
{
	struct buf plain, text, back;
	struct json_value v = { .type = JSON_STRING };
	unsigned i, round;

	buf_init(&plain, 1000);
	buf_init(&text, 10000);
	buf_init(&back, 10000);
	for (round = 0; round < 2000; round++) {
		buf_clear(&plain);
		buf_clear(&text);
		buf_clear(&back);
		for (i = draw(100); i > 0; i--)
			if (draw(8) == 0)
				buf_addz(&plain, "\xf0\x9f\x98\x80\xe4\xb8\x80"
				    "\xc3\xa4");
			else
				buf_addc(&plain, (char)draw(128));
		json_escape(&text, buf_str(&plain));
		json_decode(buf_str(&text), &back);
		CHECK_STR(buf_str(&back), buf_str(&plain));
		v.text = buf_str(&text);
		v.escaped = true;
		CHECK(json_is(v, buf_str(&plain)));
	}
	CHECK(!plain.bad && !text.bad && !back.bad);
	buf_free(&plain);
	buf_free(&text);
	buf_free(&back);
}

/* The n-th allocation fails, for all n until none does. */
static void
test_starved(void)
{
	struct json_out o;
	struct buf b;
	long n = 0;
	bool bad;

	do {
		buf_init(&b, 2000);
		mem_fail_after(n++);
		json_out_buf(&o, &b);
		write_sample(&o);
		json_out_flush(&o);
		mem_fail_after(-1);
		bad = o.bad;
		CHECK(bad == b.bad);
		CHECK(str_starts(str_of(sample_want), buf_str(&b)));
		CHECK(bad || b.len == o.total);
		buf_free(&b);
	} while (bad && n < 5000);
	CHECK(n > 1 && !bad);
}

int
main(void)
{
	alarm(300);
	test_rules();
	test_tokens();
	test_shrunk();
	test_linear();
	test_every_byte();
	test_sequences();
	test_random_strings();
	test_writer();
	test_misuse();
	test_random_calls();
	test_escape();
	test_starved();
	return check_done();
}
