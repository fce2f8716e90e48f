/* SPDX-License-Identifier: MIT */
/* Unit tests of dialects/neutral.c, seal.c and neutral_error.c, and of
 * recall.c: what translation has in common for all dialects. */
#include "check.h"

#include "../dialects/ops.h"
#include "../recall.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

static const struct at nowhere = { 0, AT_NONE, AT_NONE };

static struct neutral *
blank(struct arena *a)
{
	static struct neutral q;

	neutral_free(&q);
	arena_init(a, 1 << 20);
	q = (struct neutral){ .from = DIALECT_CHAT, .a = a };
	return &q;
}

/* ---- opaque reasoning ---- */

static void
test_seal(void)
{
	static const struct {
		const char *name;
		enum dialect d;
		const char *text;
		bool ok;
		enum seal_maker maker;
		bool wrapped;
	} rows[] = {
		{ "absent", DIALECT_MESSAGES, "", true, SEAL_NONE, false },
		{ "own", DIALECT_MESSAGES, "EqQB/x==", true, SEAL_ANTHROPIC,
		    false },
		{ "own of openai", DIALECT_RESPONSES, "gAAAA", true,
		    SEAL_OPENAI, false },
		{ "cut", DIALECT_MESSAGES, "llmux-r1.o.0123", false,
		    SEAL_NONE, false },
		{ "foreign check", DIALECT_MESSAGES,
		    "llmux-r1.o.01234567.0123456789abcdef.gAAA", false,
		    SEAL_NONE, false },
		{ "no maker", DIALECT_MESSAGES, "llmux-r1..a.b.c", false,
		    SEAL_NONE, false },
	};
	struct seal s;
	struct buf b;
	size_t i;

	for (i = 0; i < ROWS(rows); i++) {
		CHECK_INT_IN(rows[i].name, seal_open(rows[i].d,
		    str_of(rows[i].text), &s), rows[i].ok);
		CHECK_INT_IN(rows[i].name, s.maker, rows[i].maker);
		CHECK_INT_IN(rows[i].name, s.wrapped, rows[i].wrapped);
	}
	buf_init(&b, 1000);
	seal_put(DIALECT_RESPONSES, SEAL_OPENAI, STR("01234567"),
	    STR("gAAA/x"), &b);
	CHECK_STR(buf_str(&b), STR("gAAA/x"));
	buf_clear(&b);
	seal_put(DIALECT_MESSAGES, SEAL_NONE, STR("01234567"), STR("x"), &b);
	CHECK_INT(b.len, 0);
	seal_put(DIALECT_MESSAGES, SEAL_OPENAI, STR("01234567"),
	    STR("gAAA/x.y"), &b);
	CHECK(str_starts(buf_str(&b), STR("llmux-r1.o.01234567.")));
	CHECK(seal_open(DIALECT_MESSAGES, buf_str(&b), &s));
	CHECK_INT(s.maker, SEAL_OPENAI);
	CHECK(s.wrapped);
	CHECK_STR(s.tag, STR("01234567"));
	CHECK_STR(s.text, STR("gAAA/x.y"));
	/* any byte that changes is seen */
	for (i = 9; i < b.len; i++) {
		b.p[i] ^= 1;
		CHECK(!seal_open(DIALECT_MESSAGES, buf_str(&b), &s));
		b.p[i] ^= 1;
	}
	/* as some JSON writers send a slash back */
	buf_clear(&b);
	seal_put(DIALECT_MESSAGES, SEAL_OPENAI, STR("01234567"),
	    STR("g/x"), &b);
	b.len -= 2;
	buf_addz(&b, "\\/x");
	CHECK(seal_open(DIALECT_MESSAGES, buf_str(&b), &s));
	buf_free(&b);
}

static void
test_tag(void)
{
	char a[9], b[9], c[9];

	seal_tag(STR("claude"), STR("m-1"), a);
	seal_tag(STR("claude"), STR("m-2"), b);
	seal_tag(STR("claude"), STR("m-1"), c);
	CHECK_INT(strlen(a), 8);
	CHECK(strcmp(a, b) != 0);
	CHECK(strcmp(a, c) == 0);
}

/* ---- names and ids ---- */

static void
test_names(void)
{
	static const struct {
		const char *namespace, *name, *want;
	} rows[] = {
		/* an illegal one comes first and must not take its name */
		{ "", "a.b", "a_b_" },
		{ "", "a_b", "a_b" },
		{ "", "plain-1", "plain-1" },
		{ "mcp", "get", "mcp__get" },
		{ "", "b c", "b_c" },
		{ "", "x\\u00e9", "x__" },
		{ "", "a_b", "" }, /* twice: dropped */
		{ "", "n123456789n123456789n123456789n123456789n123456789"
		    "n123456789n12345", "n123456789n123456789n123456789"
		    "n123456789n123456789n1234_" },
	};
	struct tool *tools[ROWS(rows)];
	struct arena a;
	struct neutral *q = blank(&a);
	struct turn *turn = neutral_turn(q, ROLE_ASSISTANT, 0);
	struct part *call = neutral_part(q, &turn->parts, PART_CALL, nowhere);
	struct event ev = { .kind = BLOCK_TOOL };
	size_t i;

	for (i = 0; i < ROWS(rows); i++) {
		tools[i] = neutral_tool(q, (unsigned)i);
		tools[i]->name = str_of(rows[i].name);
		tools[i]->namespace = str_of(rows[i].namespace);
	}
	tools[3]->custom = true;
	call->name = STR("a.b");
	q->choice = CHOICE_TOOL;
	q->choice_name = STR("get");
	q->choice_namespace = STR("mcp");
	CHECK_INT(neutral_names(q, 64), 0);
	for (i = 0; i < ROWS(rows); i++) {
		struct str wire = tools[i]->wire_name;

		CHECK_IN(rows[i].name, str_starts(wire,
		    str_of(rows[i].want)));
		CHECK_IN(rows[i].name, wire.n <= 64);
	}
	CHECK_INT(tools[0]->wire_name.n, 12); /* "a_b_" and its mark */
	CHECK_STR(tools[1]->wire_name, STR("a_b"));
	CHECK_STR(tools[4]->wire_name, STR("b_c"));
	CHECK_INT(tools[7]->wire_name.n, 64);
	CHECK(tools[6]->dropped);
	CHECK_STR(neutral_lost(q), STR("/tools/6"));
	CHECK_STR(call->wire_name, tools[0]->wire_name);
	CHECK_STR(q->wire_choice, STR("mcp__get"));
	neutral_name_back(q, tools[0]->wire_name, &ev);
	CHECK_STR(ev.name, STR("a.b"));
	neutral_name_back(q, STR("mcp__get"), &ev);
	CHECK_STR(ev.name, STR("get"));
	CHECK_STR(ev.namespace, STR("mcp"));
	CHECK_INT(ev.kind, BLOCK_CUSTOM);
	neutral_name_back(q, STR("unheard"), &ev);
	CHECK_STR(ev.name, STR("unheard"));
	CHECK_INT(ev.namespace.n, 0);
	neutral_name_back(NULL, STR("x"), &ev);
	CHECK_STR(ev.name, STR("x"));
	neutral_free(q);
	arena_free(&a);
}

static struct part *
add_part(struct neutral *q, enum part_kind kind, const char *id)
{
	struct turn *turn = neutral_turn(q, kind == PART_CALL ?
	    ROLE_ASSISTANT : ROLE_USER, 0);
	struct part *p = neutral_part(q, &turn->parts, kind, nowhere);

	p->id = str_of(id);
	return p;
}

static void
test_ids(void)
{
	static const char longest[] = "call_0123456789012345678901234567890123"
	    "456789012345678901234567890123456789";
	struct arena a;
	struct neutral *q = blank(&a);
	struct part *early = add_part(q, PART_RESULT, "call_0");
	struct part *c1 = add_part(q, PART_CALL, "call_0");
	struct part *r1 = add_part(q, PART_RESULT, "call_0");
	struct part *c2 = add_part(q, PART_CALL, "call_0");
	struct part *r2 = add_part(q, PART_RESULT, "call_0");
	struct part *c3 = add_part(q, PART_CALL, longest);
	struct part *r3 = add_part(q, PART_RESULT, longest);
	struct part *c4 = add_part(q, PART_CALL, "a:b|c");

	CHECK_INT(neutral_ids(q, 64), 0);
	neutral_orphans(q);
	CHECK_STR(c1->wire_id, STR("call_0"));
	CHECK_STR(r1->wire_id, STR("call_0"));
	CHECK_STR(c2->wire_id, STR("call_0_1"));
	CHECK_STR(r2->wire_id, STR("call_0_1"));
	CHECK_INT(c3->wire_id.n, 64);
	CHECK_STR(r3->wire_id, c3->wire_id);
	CHECK(str_starts(c4->wire_id, STR("a_b_c_")));
	CHECK(early->orphan && !r1->orphan && !r3->orphan);
	CHECK_INT(neutral_ids(q, SIZE_MAX), 0);
	CHECK_STR(c3->wire_id, str_of(longest));
	neutral_free(q);
	arena_free(&a);
}

/* ---- losses and texts ---- */

static void
test_loss(void)
{
	struct arena a;
	struct neutral *q = blank(&a);
	size_t i;

	CHECK(neutral_lost(q).p == NULL);
	loss_add(q, "/temperature");
	loss_add(q, "/x\r\nset-cookie: a,b");
	CHECK_STR(neutral_lost(q), STR("/temperature, /x??set-cookie:?a?b"));
	for (i = 0; i < 300; i++)
		loss_add(q, "/messages/12/content/3");
	CHECK_INT(q->loss.n, 302);
	CHECK(neutral_lost(q).n <= 1032);
	CHECK(str_ends(neutral_lost(q), STR("content/3, ...")));
	neutral_free(q);
	arena_free(&a);
}

static void
test_texts(void)
{
	static const struct {
		const char *text;
		bool blank;
	} blanks[] = {
		{ "", true }, { " \\n\\t ", true }, { "a", false },
		{ "\\\\", false }, { " \\u0041", false },
	};
	static const struct {
		const char *text;
		const char *want;
	} objects[] = {
		{ "{\\\"a\\\":1}", "{\"a\":1}" }, { " {} ", "{}" },
		{ "", NULL }, { "[1]", NULL }, { "{\\\"a\\\":", NULL },
		{ "null", NULL },
	};
	static const struct {
		const char *text;
		bool ok;
		const char *media, *data;
	} urls[] = {
		{ "data:image/png;base64,QUJD", true, "image/png", "QUJD" },
		{ "DATA:text/plain;charset=utf-8;base64,QQ==", true,
		    "text/plain", "QQ==" },
		{ "data:image/png,QUJD", false, "", "" },
		{ "https://h/x;base64,y", false, "", "" },
		{ "data:", false, "", "" },
	};
	struct str media, data;
	struct arena a;
	struct neutral *q = blank(&a);
	size_t i;

	for (i = 0; i < ROWS(blanks); i++)
		CHECK_INT_IN(blanks[i].text, text_blank(str_of(
		    blanks[i].text)), blanks[i].blank);
	for (i = 0; i < ROWS(objects); i++)
		CHECK_STR_IN(objects[i].text, text_object(q,
		    str_of(objects[i].text)), str_of(objects[i].want));
	for (i = 0; i < ROWS(urls); i++) {
		CHECK_INT_IN(urls[i].text, data_url(str_of(urls[i].text),
		    &media, &data), urls[i].ok);
		if (!urls[i].ok)
			continue;
		CHECK_STR_IN(urls[i].text, media, str_of(urls[i].media));
		CHECK_STR_IN(urls[i].text, data, str_of(urls[i].data));
	}
	CHECK_STR(text_escaped(q, STR("a\"\n")), STR("a\\\"\\n"));
	CHECK_STR(text_decoded(q, STR("a\\\"\\u00e9")), STR("a\"\xc3\xa9"));
	CHECK(!q->bad);
	neutral_free(q);
	arena_free(&a);
}

static void
test_estimate(void)
{
	struct arena a;
	struct neutral *q = blank(&a);
	uint64_t before;
	struct part *p;

	p = add_part(q, PART_TEXT, "");
	p->text = STR("0123456789"); /* 4 for the turn, 10 / 3 rounded up */
	CHECK_INT(neutral_estimate(q), 8);
	before = neutral_estimate(q);
	p = add_part(q, PART_IMAGE, "");
	CHECK_INT(neutral_estimate(q), before + 1604);
	neutral_free(q);
	arena_free(&a);
}

/* ---- a provider's errors ---- */

static void
test_errors(void)
{
	static const struct {
		const char *name;
		int status;
		const char *body;
		int want;
		const char *code, *message;
		int64_t retry;
	} rows[] = {
		{ "anthropic", 400, "{\"type\":\"error\",\"error\":{\"type\":"
		    "\"invalid_request_error\",\"message\":\"max_tokens: "
		    "\\u00e9\"},\"request_id\":\"req_1\"}", 400, NULL,
		    "max_tokens: \xc3\xa9", 0 },
		{ "too long", 400, "{\"error\":{\"type\":"
		    "\"invalid_request_error\",\"message\":\"prompt is too "
		    "long: 9 > 8\"}}", 400, "context_length_exceeded",
		    "prompt is too long: 9 > 8", 0 },
		{ "529", 529, "{\"error\":{\"type\":\"overloaded_error\","
		    "\"message\":\"Overloaded\"}}", 503, "overloaded",
		    "Overloaded", 0 },
		{ "plain 529", 529, "", 503, "overloaded", "the upstream "
		    "answered 529 without a JSON body", 0 },
		{ "openai", 404, "{\"error\":{\"message\":\"no model\","
		    "\"code\":\"model_not_found\",\"param\":null}}", 404,
		    "model_not_found", "no model", 0 },
		{ "plan window", 429, "{\"error\":{\"type\":"
		    "\"usage_limit_reached\",\"message\":\"The usage limit "
		    "has been reached\",\"resets_in_seconds\":5400}}", 429,
		    "usage_limit_reached", "The usage limit has been reached",
		    5400 },
		{ "resets_at", 429, "{\"error\":{\"type\":"
		    "\"usage_limit_reached\",\"message\":\"m\",\"resets_at\":"
		    "1700000060}}", 429, "usage_limit_reached", "m", 60 },
		{ "404 with a limit", 404, "{\"error\":{\"code\":"
		    "\"usage_limit_exceeded\",\"message\":\"m\"}}", 429,
		    "usage_limit_reached", "m", 0 },
		{ "no codex", 429, "{\"error\":{\"type\":"
		    "\"usage_not_included\",\"message\":\"m\"}}", 403,
		    "usage_not_included", "m", 0 },
		{ "invalidated", 401, "{\"error\":{\"code\":"
		    "\"token_invalidated\",\"type\":\"invalid_request_error\","
		    "\"message\":\"m\"},\"status\":401}", 401,
		    "token_invalidated", "m", 0 },
		{ "detail", 401, "{\"detail\":\"Unauthorized\"}", 401, NULL,
		    "Unauthorized", 0 },
		{ "detail array", 422, "{\"detail\":[{\"type\":\"missing\","
		    "\"msg\":\"Field required\"}]}", 422, NULL,
		    "Field required", 0 },
		{ "error is a string", 500, "{\"error\":\"boom\"}", 500, NULL,
		    "boom", 0 },
		{ "wait in the text", 429, "{\"error\":{\"code\":"
		    "\"rate_limit_exceeded\",\"message\":\"Please try again "
		    "in 1.898s. Bye\"}}", 429, "rate_limit_exceeded",
		    "Please try again in 1.898s. Bye", 2 },
		{ "ms", 429, "{\"error\":{\"message\":\"try again in 28 ms\"}"
		    "}", 429, NULL, "try again in 28 ms", 1 },
		{ "edge", 403, "<!DOCTYPE html><html>no</html>", 502,
		    "upstream_edge", "upstream edge refused the connection",
		    0 },
		{ "edge text", 403, "error code: 1010", 502, "upstream_edge",
		    "upstream edge refused the connection", 0 },
		{ "html", 500, "<html>", 500, NULL, "the upstream answered "
		    "500 without a JSON body", 0 },
		{ "text", 502, " bad\tgateway\n", 502, NULL, "the upstream "
		    "answered 502: bad\\x09gateway\\x0a", 0 },
		{ "in a stream", 0, "{\"error\":{\"type\":\"api_error\","
		    "\"message\":\"m\"}}", 500, NULL, "m", 0 },
		{ "nothing known", 0, "{}", 502, NULL,
		    "the upstream failed without a reason", 0 },
		{ "slow down", 503, "{\"error\":{\"code\":\"slow_down\","
		    "\"message\":\"m\"}}", 503, "overloaded", "m", 0 },
	};
	size_t i;

	for (i = 0; i < ROWS(rows); i++) {
		struct failure f;
		struct arena a;
		int64_t retry = -1;

		arena_init(&a, 65536);
		neutral_error(DIALECT_RESPONSES, false, rows[i].status,
		    str_of(rows[i].body), &a, &f, 1700000000, &retry);
		CHECK_INT_IN(rows[i].name, f.status, rows[i].want);
		CHECK_STR_IN(rows[i].name, str_of(f.code),
		    str_of(rows[i].code));
		CHECK_STR_IN(rows[i].name, f.message,
		    str_of(rows[i].message));
		CHECK_INT_IN(rows[i].name, retry, rows[i].retry);
		arena_free(&a);
	}
}

static void
test_long_error(void)
{
	struct failure f;
	struct arena a;
	int64_t retry;
	struct buf b;
	size_t i;

	buf_init(&b, 65536);
	buf_addz(&b, "{\"error\":{\"message\":\"x");
	for (i = 0; i < 4000; i++)
		buf_addz(&b, "\xc3\xa9");
	buf_addz(&b, "\"}}");
	arena_init(&a, 65536);
	neutral_error(DIALECT_CHAT, false, 400, buf_str(&b), &a, &f, 0,
	    &retry);
	CHECK_INT(f.message.n, 4095); /* whole characters */
	arena_free(&a);
	buf_free(&b);
}

/* ---- recall ---- */

static void
test_recall(void)
{
	static char big[8000];
	struct arena a;
	unsigned i;

	arena_init(&a, 1 << 20);
	recall_put(STR("k1"), STR("call_1"), STR("one"), 1000);
	recall_put(STR("k1"), STR("call_2"), STR("two"), 1000);
	CHECK_STR(recall_get(STR("k1"), STR("call_1"), &a, 2000),
	    STR("one"));
	CHECK(recall_get(STR("k2"), STR("call_1"), &a, 2000).p == NULL);
	CHECK(recall_get(STR("k1"), STR("call_3"), &a, 2000).p == NULL);
	recall_put(STR("k1"), STR("call_2"), STR("new"), 1000);
	CHECK_STR(recall_get(STR("k1"), STR("call_2"), &a, 2000),
	    STR("new"));
	CHECK(recall_get(STR("k1"), STR("call_1"), &a, 1001 + RECALL_MS).p ==
	    NULL);
	for (i = 0; i < 100; i++) {
		char id[16];
		size_t n = fmt_to(id, sizeof(id), "c%u", i);

		recall_put(STR("k"), (struct str){ id, n },
		    (struct str){ big, sizeof(big) }, 2000);
	}
	CHECK(recall_bytes() <= RECALL_MAX);
	CHECK(recall_bytes() > RECALL_MAX / 2);
	CHECK(recall_get(STR("k1"), STR("call_1"), &a, 2000).p == NULL);
	CHECK_INT(recall_get(STR("k"), STR("c99"), &a, 2000).n, 8000);
	recall_clear();
	CHECK_INT(recall_bytes(), 0);
	recall_put(STR("k"), STR("c"), STR("again"), 1);
	CHECK_STR(recall_get(STR("k"), STR("c"), &a, 2), STR("again"));
	recall_clear();
	arena_free(&a);
}

/* ---- no memory ---- */

static bool
try_all(void)
{
	struct part *p = NULL;
	struct failure f;
	struct arena a;
	struct neutral *q;
	struct tool *t;
	struct turn *turn;
	int64_t retry;
	bool good;

	q = blank(&a);
	t = neutral_tool(q, 0);
	if (t != NULL)
		t->name = STR("a.b\\n");
	turn = neutral_turn(q, ROLE_ASSISTANT, 0);
	if (turn != NULL)
		p = neutral_part(q, &turn->parts, PART_CALL, nowhere);
	if (p != NULL)
		p->id = p->name = STR("x y");
	neutral_names(q, 64);
	neutral_ids(q, 64);
	loss_add(q, "/a");
	recall_put(STR("k"), STR("c"), STR("d"), 1);
	neutral_error(DIALECT_CHAT, false, 400,
	    STR("{\"error\":{\"message\":\"m\",\"code\":\"c\"}}"), &a, &f, 0,
	    &retry);
	CHECK(f.message.n > 0);
	good = !q->bad && !q->loss.list.bad && f.code != NULL &&
	    recall_bytes() > 0;
	recall_clear();
	neutral_free(q);
	arena_free(&a);
	return good;
}

static void
test_memory(void)
{
	bool good = false;
	long n;

	for (n = 0; n < 200 && !good; n++) {
		mem_fail_after(n);
		good = try_all();
		mem_fail_after(-1);
	}
	CHECK(good);
	CHECK(n > 3);
}

int
main(void)
{
	test_seal();
	test_tag();
	test_names();
	test_ids();
	test_loss();
	test_texts();
	test_estimate();
	test_errors();
	test_long_error();
	test_recall();
	test_memory();
	return check_done();
}
