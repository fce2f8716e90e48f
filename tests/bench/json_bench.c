/* SPDX-License-Identifier: MIT */
/*
 * Speed of the JSON modules on one core, on bodies of 1 MB made here, each a
 * kind of its own (the table at the end). Prints for each body and operation
 * the best run in ns per byte and GB/s (10^9 bytes a second).
 *
 *   json_bench [SECONDS [BODY]]     seconds per figure (0.3); one body or all
 *
 * check: json_check. walk: a member behind all messages, then each member of
 * each message, then again the one behind: four times over most bytes.
 * write: all its strings, decoded before, escaped again by a writer that only
 * counts; per byte of plain text.
 * Read it with budgets in mind: 2 GB/s are demanded and 4 wanted for check on
 * the rows prose and image, which stand for request bodies.
 */
#include "../check.h"
#include "json.h"

#define BODY_SIZE 1000000

static unsigned seed;

/* Numbers that are the same in each run. */
static unsigned
draw(unsigned below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 10) % below;
}

static void
add_word(struct buf *b)
{
	static const char *const words[] = { "the", "router", "keeps", "a",
		"list", "of", "streams", "and", "answers", "each", "client",
		"in", "order", "while", "tokens", "arrive", "slowly", "from",
		"upstream", "connections" };

	buf_addz(b, words[draw(20)]);
}

/* Messages of some hundred words; a line end about every 70 bytes, a quoted
 * word now and then. */
static void
add_prose(struct buf *b)
{
	unsigned i, n = 100 + draw(300);

	buf_addz(b, "{\"role\":\"user\",\"content\":\"");
	for (i = 0; i < n; i++) {
		if (draw(40) == 0)
			buf_addz(b, "\\\"so\\\" ");
		add_word(b);
		buf_addz(b, draw(12) == 0 ? "\\n" : " ");
	}
	buf_addz(b, "\"}");
}

/* Source code in a string: an escape about every 12 bytes. */
static void
add_code(struct buf *b)
{
	unsigned i;

	buf_addz(b, "{\"type\":\"text\",\"text\":\"");
	for (i = 0; i < 40; i++) {
		buf_addz(b, draw(2) == 0 ? "\\n\\t" : "\\n\\t\\t");
		add_word(b);
		buf_addz(b, "(\\\"");
		add_word(b);
		buf_addz(b, "\\\", ");
		add_word(b);
		buf_addz(b, ");");
	}
	buf_addz(b, "\"}");
}

static void
add_image(struct buf *b)
{
	unsigned char bytes[1500];
	size_t i;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)draw(256);
	buf_addz(b, "{\"type\":\"image\",\"data\":\"");
	for (i = 0; i < 100; i++)
		buf_add_b64url(b, bytes, sizeof(bytes));
	buf_addz(b, "\"}");
}

/* Tool descriptions: names and short strings, little else. */
static void
add_tool(struct buf *b)
{
	buf_addz(b, "{\"type\":\"function\",\"name\":\"");
	add_word(b);
	buf_addz(b, "\",\"parameters\":{\"type\":\"object\",\"properties\":{\"");
	add_word(b);
	buf_addz(b, "\":{\"type\":\"string\",\"description\":\"");
	add_word(b);
	buf_addc(b, ' ');
	add_word(b);
	buf_addz(b, "\"}},\"required\":[\"");
	add_word(b);
	buf_addz(b, "\"]}}");
}

static void
add_cjk(struct buf *b)
{
	unsigned i, n = 200 + draw(400), code;
	char c[3];

	buf_addz(b, "{\"role\":\"user\",\"content\":\"");
	for (i = 0; i < n; i++) {
		code = 0x4e00 + draw(0x5000);
		c[0] = (char)(0xe0 | code >> 12);
		c[1] = (char)(0x80 | (code >> 6 & 0x3f));
		c[2] = (char)(0x80 | (code & 0x3f));
		buf_add(b, c, 3);
		if (draw(15) == 0)
			buf_addz(b, "\xe3\x80\x82\\n");
	}
	buf_addz(b, "\"}");
}

/* Letters whose lead byte restricts the second, as in Thai. */
static void
add_thai(struct buf *b)
{
	unsigned i, n = 200 + draw(400);
	char c[3] = { (char)0xe0, (char)0xb8 };

	buf_addz(b, "{\"role\":\"user\",\"content\":\"");
	for (i = 0; i < n; i++) {
		c[2] = (char)(0x81 + draw(46));
		buf_add(b, c, 3);
		if (draw(20) == 0)
			buf_addc(b, ' ');
	}
	buf_addz(b, "\"}");
}

/* What encoders write that keep to ASCII. */
static void
add_escaped(struct buf *b)
{
	unsigned i, n = 200 + draw(400);

	buf_addz(b, "{\"role\":\"user\",\"content\":\"");
	for (i = 0; i < n; i++) {
		buf_fmt(b, "\\u%04x", 0x4e00 + draw(0x5000));
		if (draw(15) == 0)
			buf_addz(b, "\\u3002\\n");
	}
	buf_addz(b, "\"}");
}

/* Letters of two bytes in words, with blanks of one byte between. */
static void
add_cyrillic(struct buf *b)
{
	unsigned i, n = 400 + draw(600);
	char c[2] = { (char)0xd0 };

	buf_addz(b, "{\"role\":\"user\",\"content\":\"");
	for (i = 0; i < n; i++) {
		c[1] = (char)(0xb0 + draw(16));
		buf_add(b, c, 2);
		if (draw(6) == 0)
			buf_addc(b, ' ');
	}
	buf_addz(b, "\"}");
}

/* ASCII with a letter of two bytes in every third word. */
static void
add_umlauts(struct buf *b)
{
	unsigned i, n = 100 + draw(300);

	buf_addz(b, "{\"role\":\"user\",\"content\":\"");
	for (i = 0; i < n; i++) {
		add_word(b);
		buf_addz(b, draw(3) == 0 ? "\xc3\xbc " : " ");
	}
	buf_addz(b, "\"}");
}

static void
add_numbers(struct buf *b)
{
	unsigned i;

	buf_addc(b, '[');
	for (i = 0; i < 100; i++)
		buf_fmt(b, "%s%s%u.%u%s", i == 0 ? "" : ",",
		    draw(3) == 0 ? "-" : "", draw(10), 100000 + draw(900000),
		    draw(8) == 0 ? "e-05" : "");
	buf_addc(b, ']');
}

static void
add_nested(struct buf *b)
{
	unsigned i, n = 50 + draw(60);

	for (i = 0; i < n; i++)
		buf_addz(b, i % 2 == 0 ? "[1," : "{\"k\":");
	buf_addz(b, "null");
	while (i-- > 0)
		buf_addc(b, i % 2 == 0 ? ']' : '}');
}

static void
add_pretty(struct buf *b)
{
	buf_addz(b, "\n    {\n        \"role\": \"user\",\n        "
	    "\"content\": [\n            {\n                \"type\": "
	    "\"text\",\n                \"text\": \"");
	add_word(b);
	buf_addz(b, "\"\n            }\n        ]\n    }");
}

static const struct {
	const char *name;
	void (*add)(struct buf *);
} bodies[] = {
	{ "prose", add_prose },
	{ "image", add_image },
	{ "code", add_code },
	{ "tools", add_tool },
	{ "cjk", add_cjk },
	{ "cyrillic", add_cyrillic },
	{ "umlauts", add_umlauts },
	{ "thai", add_thai },
	{ "escaped", add_escaped },
	{ "numbers", add_numbers },
	{ "nested", add_nested },
	{ "pretty", add_pretty },
};

static void
make_body(struct buf *b, void (*add)(struct buf *))
{
	seed = 1;
	buf_addz(b, "{\"model\":\"bench\",\"messages\":[");
	add(b);
	while (b->len < BODY_SIZE) {
		buf_addc(b, ',');
		add(b);
	}
	buf_addz(b, "],\"stream\":true}");
}

static void
run_check(struct str body)
{
	struct err e;

	if (json_check(body, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		exit(1);
	}
}

static void
run_walk(struct str body)
{
	struct json_walk w, in;
	size_t n = 0;

	json_walk(&w, json_get(json_root(body), "messages"));
	while (json_step(&w)) {
		json_walk(&in, w.value);
		while (json_step(&in))
			n++;
	}
	if (n == 0 || !json_true(json_get(json_root(body), "stream")))
		exit(1);
}

static void
run_write(struct str plain)
{
	struct json_out o;

	json_out_init(&o, NULL, 0, NULL, NULL);
	json_str(&o, plain);
	if (o.bad)
		exit(1);
}

/* All strings of body, decoded, one after the other. */
static void
plain_of(struct str body, struct buf *b)
{
	struct json j;

	json_init(&j);
	while (json_next(&j, body, true) == PARSE_OK && j.type != JSON_END)
		if (j.type == JSON_STRING)
			json_decode(j.text, b);
}

static void
measure(const char *name, const char *what, void (*run)(struct str),
    struct str s, int64_t total_us)
{
	int64_t began = now_us(), start, took, best = INT64_MAX;
	double ns;

	if (s.n < BODY_SIZE / 10)
		return;
	do {
		start = now_us();
		run(s);
		took = now_us() - start;
		if (took < best)
			best = took;
	} while (now_us() - began < total_us);
	ns = (double)(best < 1 ? 1 : best) * 1000 / (double)s.n;
	printf("%-9s %-6s %6.3f ns/byte %6.2f GB/s\n", name, what, ns,
	    1 / ns);
}

int
main(int argc, char **argv)
{
	int64_t total_us = (int64_t)((argc > 1 ? atof(argv[1]) : 0.3) * 1e6);
	struct buf body, plain;
	size_t i;

	for (i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		if (argc > 2 && strcmp(argv[2], bodies[i].name) != 0)
			continue;
		buf_init(&body, 2 * BODY_SIZE);
		buf_init(&plain, 2 * BODY_SIZE);
		make_body(&body, bodies[i].add);
		plain_of(buf_str(&body), &plain);
		measure(bodies[i].name, "check", run_check, buf_str(&body),
		    total_us);
		measure(bodies[i].name, "walk", run_walk, buf_str(&body),
		    total_us);
		measure(bodies[i].name, "write", run_write, buf_str(&plain),
		    total_us);
		if (body.bad || plain.bad)
			return 1;
		buf_free(&body);
		buf_free(&plain);
	}
	return 0;
}
