/* SPDX-License-Identifier: MIT */
/*
 * Tests of jsondoc.c: cursor and strings by tables, on copies that end at a
 * page without access; edit lists by a table and by all short sequences of
 * edits, compared with a list of members that is edited the plain way.
 */
#include "check.h"
#include "guard.h"
#include "json.h"

#define IN(lit) { lit, sizeof(lit) - 1 }

/* ---- cursor ---- */

#define DOC "{\"a\":{\"b\":[10,{\"c\":\"x\"},[true]]},\"\\u0061b\":2," \
	"\"e\":\"}]\\\"\\\\\",\"dup\":1,\"dup\":2,\"\":{\"\":null}," \
	"\"arr\":[],\"obj\":{ }, \"f\" : false , \"n\":-1.5e3}"

static const struct {
	const char *path;
	struct str raw;
	enum json_type type;
} paths[] = {
	{ "a/b/0", IN("10"), JSON_NUMBER },
	{ "a/b/1", IN("{\"c\":\"x\"}"), JSON_OBJECT },
	{ "a/b/1/c", IN("\"x\""), JSON_STRING },
	{ "a/b/2", IN("[true]"), JSON_ARRAY },
	{ "a/b/2/0", IN("true"), JSON_TRUE },
	{ "a/b/3", IN(""), JSON_NONE },
	{ "a/b/x", IN(""), JSON_NONE },
	{ "a/b/-1", IN(""), JSON_NONE },
	{ "a/b/99999999999999999999", IN(""), JSON_NONE },
	{ "a/c", IN(""), JSON_NONE },
	{ "a/b/0/c", IN(""), JSON_NONE },
	{ "x/y/z", IN(""), JSON_NONE },
	{ "ab", IN("2"), JSON_NUMBER },
	{ "e", IN("\"}]\\\"\\\\\""), JSON_STRING },
	{ "dup", IN("1"), JSON_NUMBER },
	{ "arr", IN("[]"), JSON_ARRAY },
	{ "arr/0", IN(""), JSON_NONE },
	{ "obj", IN("{ }"), JSON_OBJECT },
	{ "f", IN("false"), JSON_FALSE },
	{ "n", IN("-1.5e3"), JSON_NUMBER },
	{ "", IN(DOC), JSON_OBJECT },
};

static void
test_paths(void)
{
	struct str doc = guard_copy(STR(" \t" DOC)), spaced;
	struct json_value v, root = json_root(doc);
	size_t i;

	CHECK(json_check(doc, NULL) == 0);
	for (i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		v = json_at(root, paths[i].path);
		CHECK_STR_IN(paths[i].path, v.raw, paths[i].raw);
		CHECK_INT_IN(paths[i].path, v.type, paths[i].type);
	}
	v = json_get(json_get(root, ""), "");
	CHECK_INT(v.type, JSON_NULL);
	v = json_get(root, "e");
	CHECK_STR(v.text, STR("}]\\\"\\\\"));
	CHECK(v.escaped);
	v = json_get(root, "n");
	CHECK_STR(v.text, STR("-1.5e3"));
	CHECK(json_get(v, "x").type == JSON_NONE);
	CHECK(json_get(json_get(root, "arr"), "x").type == JSON_NONE);
	guard_free(doc);
	spaced = guard_copy(STR("\n[1] \r\n"));
	CHECK_STR(json_root(spaced).raw, STR("[1]"));
	guard_free(spaced);
	CHECK_STR(json_root(STR(" \"a\" ")).text, STR("a"));
	CHECK_STR(json_root(STR(" 12 ")).text, STR("12"));
	CHECK_INT(json_root(STR("null")).type, JSON_NULL);
	CHECK_INT(json_root(STR("")).type, JSON_NONE);
	CHECK_INT(json_root(STR("  ")).type, JSON_NONE);
	CHECK_INT(json_root((struct str){ NULL, 0 }).type, JSON_NONE);
}

static void
test_walk(void)
{
	static const struct {
		const char *name;
		struct str doc;
		const char *want;
	} walks[] = {
		{ "object", IN("{\"a\":1 , \"b\\n\":[2, 3],\"a\":{}}"),
		    "0:\"a\"=1 1:\"b\\n\"=[2, 3] 2:\"a\"={} " },
		{ "array", IN("[ 1,[],\"x,]\" ,null]"),
		    "0:=1 1:=[] 2:=\"x,]\" 3:=null " },
		{ "empty", IN("{}"), "" }, { "blank", IN("[ \n]"), "" },
		{ "no container", IN("12"), "" }, { "text", IN("\"[1]\""), "" },
	};
	struct json_walk w;
	struct buf got;
	size_t i;

	buf_init(&got, 10000);
	for (i = 0; i < sizeof(walks) / sizeof(*walks); i++) {
		struct str doc = guard_copy(walks[i].doc);

		buf_clear(&got);
		json_walk(&w, json_root(doc));
		while (json_step(&w)) {
			buf_fmt(&got, "%zu:%.*s=%.*s ", w.index,
			    STR_ARG(w.key.raw), STR_ARG(w.value.raw));
			CHECK_INT(w.key.type,
			    walks[i].doc.p[0] == '{' ? JSON_KEY : JSON_NONE);
		}
		CHECK(!json_step(&w));
		CHECK(w.value.type == JSON_NONE && w.key.type == JSON_NONE);
		CHECK_STR_IN(walks[i].name, buf_str(&got),
		    str_of(walks[i].want));
		guard_free(doc);
	}
	buf_free(&got);
}

/* Bytes that json_check would refuse must do no harm. */
static void
test_unchecked(void)
{
	static const char *const docs[] = { "{", "[", "{\"", "{\"a", "{\"a\"",
		"{\"a\":", "{\"a\":\"", "{\"a\":1", "[\"\\", "[1", "[[", "}",
		"]]", "{]", "[}", "{1:2}", "{\"a\"}", "[\"a\\\"", "\"\\", "\"",
		"-", "{:}", "{,}", "[,", "tru", "{\"a\":\"\\u12" };
	struct json_walk w, in;
	size_t i, n;
	struct buf b;

	json_walk(&w, json_root(STR("{1 :2,\"a\":3}")));
	CHECK(!json_step(&w));
	buf_init(&b, 1000);
	for (i = 0; i < sizeof(docs) / sizeof(*docs); i++) {
		struct str doc = guard_copy(str_of(docs[i]));

		n = 0;
		json_walk(&w, json_root(doc));
		while (json_step(&w)) {
			json_decode(w.key.text, &b);
			json_decode(w.value.text, &b);
			json_walk(&in, w.value);
			while (json_step(&in))
				n++;
		}
		json_at(json_root(doc), "a/0/b");
		json_decode(json_root(doc).text, &b);
		CHECK(n < 3);
		guard_free(doc);
	}
	buf_free(&b);
}

/* ---- strings and scalars ---- */

static const struct {
	struct str text, plain;
} texts[] = {
	{ IN(""), IN("") },
	{ IN("abc"), IN("abc") },
	{ IN("\\u0061"), IN("a") },
	{ IN("\\\"\\\\\\/\\b\\f\\n\\r\\t"), IN("\"\\/\b\f\n\r\t") },
	{ IN("a\\u0000b"), IN("a\0b") },
	{ IN("\\u00e4\\u00E4\xc3\xa4"), IN("\xc3\xa4\xc3\xa4\xc3\xa4") },
	{ IN("\\u07ff\\u0800"), IN("\xdf\xbf\xe0\xa0\x80") },
	{ IN("\\uffff"), IN("\xef\xbf\xbf") },
	{ IN("\\ud83d\\ude00"), IN("\xf0\x9f\x98\x80") },
	{ IN("\\uD800\\uDC00"), IN("\xf0\x90\x80\x80") },
	{ IN("\\udbff\\udfff"), IN("\xf4\x8f\xbf\xbf") },
	{ IN("\\ud83d"), IN("\xef\xbf\xbd") },
	{ IN("x\\ude00y"), IN("x\xef\xbf\xbdy") },
	{ IN("\\ud83d\\ud83d\\ude00"), IN("\xef\xbf\xbd\xf0\x9f\x98\x80") },
	{ IN("\\ude00\\ud83d"), IN("\xef\xbf\xbd\xef\xbf\xbd") },
	{ IN("\\ude00\\ude00"), IN("\xef\xbf\xbd\xef\xbf\xbd") },
	{ IN("\\ud83d\\n"), IN("\xef\xbf\xbd\n") },
	{ IN("\\ud83d\\u0041"), IN("\xef\xbf\xbd" "A") },
	{ IN("\\\\u0061"), IN("\\u0061") },
	/* no escapes of a checked document */
	{ IN("\\"), IN("\xef\xbf\xbd") },
	{ IN("\\u12"), IN("\xef\xbf\xbdu12") },
	{ IN("\\x"), IN("\xef\xbf\xbdx") },
	{ IN("\\ud83d\\u12"), IN("\xef\xbf\xbd\xef\xbf\xbdu12") },
};

static void
test_texts(void)
{
	struct json_value v = { .type = JSON_STRING };
	struct buf b;
	size_t i, k;

	buf_init(&b, 100);
	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct str text = guard_copy(texts[i].text);
		struct str plain = guard_copy(texts[i].plain);

		buf_clear(&b);
		json_decode(text, &b);
		CHECK_STR(buf_str(&b), plain);
		v.text = text;
		v.escaped = str_chr(text, '\\') >= 0;
		v.type = i % 2 == 0 ? JSON_STRING : JSON_KEY;
		CHECK_IN(texts[i].text.p, json_is(v, plain));
		for (k = 0; k < plain.n; k++) {
			struct str less = guard_copy(str_sub(plain, 0, k));

			CHECK(!json_is(v, less));
			guard_free(less);
		}
		buf_addc(&b, 'x');
		CHECK(!json_is(v, buf_str(&b)));
		v.type = JSON_NUMBER;
		CHECK(!json_is(v, plain));
		guard_free(text);
		guard_free(plain);
	}
	v = (struct json_value){ .type = JSON_NONE };
	CHECK(!json_is(v, STR("")));
	json_decode(v.text, &b);
	buf_free(&b);
}

static void
test_scalars(void)
{
	static const struct {
		struct str doc;
		uint64_t want;
		int r;
	} numbers[] = {
		{ IN("0"), 0, 0 }, { IN("17"), 17, 0 },
		{ IN("9223372036854775807"), INT64_MAX, 0 },
		{ IN("9223372036854775808"), 0, -1 },
		{ IN("99999999999999999999999"), 0, -1 },
		{ IN("-1"), 0, -1 }, { IN("-0"), 0, -1 },
		{ IN("1.0"), 0, -1 }, { IN("1e2"), 0, -1 },
		{ IN("\"1\""), 0, -1 }, { IN("true"), 0, -1 },
		{ IN("[1]"), 0, -1 }, { IN(""), 0, -1 },
	};
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		uint64_t n = 0;

		CHECK_INT_IN(numbers[i].doc.p,
		    json_u64(json_root(numbers[i].doc), &n), numbers[i].r);
		CHECK_INT_IN(numbers[i].doc.p, n, numbers[i].want);
	}
	CHECK(json_true(json_root(STR("true"))));
	CHECK(!json_true(json_root(STR("false"))));
	CHECK(!json_true(json_root(STR("\"true\""))));
	CHECK(!json_true(json_root(STR(""))));
}

/* The n-th allocation fails: what was decoded is a beginning of it. */
static void
test_starved(void)
{
	static const char text[] = "some words\\n\\u00e4 and \\ud83d\\ude00"
	    "more of them\\t\\t\\t";
	struct buf b, whole;
	long n = 0;
	bool bad;

	buf_init(&whole, 1000);
	json_decode(str_of(text), &whole);
	do {
		buf_init(&b, 1000);
		mem_fail_after(n++);
		json_decode(str_of(text), &b);
		mem_fail_after(-1);
		bad = b.bad;
		CHECK(str_starts(buf_str(&whole), buf_str(&b)));
		CHECK(bad || b.len == whole.len);
		buf_free(&b);
	} while (bad && n < 1000);
	CHECK(n > 1 && !bad);
	buf_free(&whole);
}

/* ---- edit lists ---- */

enum { EDITS_MAX = 40 };

static void
join(const struct json_edits *l, struct str doc, struct buf *out)
{
	size_t i;

	buf_clear(out);
	for (i = 0; i <= 2 * l->n; i++)
		buf_adds(out, json_edits_piece(l, doc, i));
	CHECK_INT(json_edits_len(l, doc), out->len);
	CHECK_INT(json_edits_piece(l, doc, 2 * l->n + 1).n, 0);
}

/* One operation by its letters: digit N drops member N of the value at the
 * path, r and a digit replaces its value, F and L insert as first and last. */
static int
apply(struct json_edits *l, struct str doc, struct json_value obj,
    const char *op, struct str ins)
{
	struct json_walk w;
	unsigned at;

	if (*op == 'F' || *op == 'L')
		return json_edit_insert(l, doc, obj, *op == 'F', ins);
	at = (unsigned)(op[*op == 'r'] - '0');
	json_walk(&w, obj);
	while (json_step(&w) && w.index < at)
		;
	if (*op == 'r')
		return json_edit_replace(l, doc, w.value, ins);
	return json_edit_drop(l, doc, obj, &w);
}

static const struct {
	const char *name;
	struct str doc;
	const char *path, *ops; /* with blanks between */
	const char *want;
} edits[] = {
	{ "replace", IN("{ \"a\" : 1 , \"b\":[2] }"), "", "r0 r1",
	    "{ \"a\" : \"i\":9 , \"b\":\"i\":9 }" },
	{ "into empty", IN("{}"), "", "L", "{\"i\":9}" },
	{ "into blank", IN(" { \n} "), "", "F", " {\"i\":9 \n} " },
	{ "first", IN("{ \"a\":1 }"), "", "F", "{\"i\":9, \"a\":1 }" },
	{ "last", IN("{ \"a\":1 \n}"), "", "L", "{ \"a\":1,\"i\":9 \n}" },
	{ "both", IN("{\"a\":1}"), "", "L F",
	    "{\"i\":9,\"a\":1,\"i\":9}" },
	{ "drop only", IN("{ \"a\":1 }"), "", "0", "{  }" },
	{ "drop first", IN("{ \"a\":1 , \"b\":2 }"), "", "0",
	    "{  \"b\":2 }" },
	{ "drop last", IN("{ \"a\":1 , \"b\":2 }"), "", "1",
	    "{ \"a\":1  }" },
	{ "drop middle", IN("{\"a\":1,\"b\":2,\"c\":3}"), "", "1",
	    "{\"a\":1,\"c\":3}" },
	{ "drop two first", IN("{\"a\":1, \"b\":2, \"c\":3}"), "", "0 1",
	    "{  \"c\":3}" },
	{ "drop two last", IN("{\"a\":1, \"b\":2, \"c\":3}"), "", "1 2",
	    "{\"a\":1}" },
	{ "drop ends", IN("{\"a\":1, \"b\":2, \"c\":3}"), "", "0 2",
	    "{ \"b\":2}" },
	{ "drop all", IN("{\"a\":1, \"b\":2, \"c\":3}"), "", "0 1 2",
	    "{  }" },
	{ "drop backwards", IN("{\"a\":1, \"b\":2, \"c\":3}"), "", "1 0",
	    "{ \"c\":3}" },
	{ "nested", IN("{\"a\":{\"b\":[1,2]},\"c\":0}"), "a/b", "0",
	    "{\"a\":{\"b\":[2]},\"c\":0}" },
	{ "comma in text", IN("{\"a\":\",\",\"b\":\"}\"}"), "", "0 L",
	    "{\"b\":\"}\",\"i\":9}" },
};

static void
test_edit_table(void)
{
	struct json_edit room[EDITS_MAX];
	struct buf got;
	size_t i;

	buf_init(&got, 1000);
	for (i = 0; i < sizeof(edits) / sizeof(*edits); i++) {
		struct str doc = guard_copy(edits[i].doc);
		struct json_edits l = { room, 0, EDITS_MAX };
		struct str ops = str_of(edits[i].ops), op;

		while (str_cut(&ops, ' ', &op))
			CHECK_INT_IN(edits[i].name, apply(&l, doc,
			    json_at(json_root(doc), edits[i].path), op.p,
			    STR("\"i\":9")), 0);
		join(&l, doc, &got);
		CHECK_STR_IN(edits[i].name, buf_str(&got),
		    str_of(edits[i].want));
		guard_free(doc);
	}
	buf_free(&got);
}

static void
test_edit_refused(void)
{
	struct str doc = STR("{\"a\":{\"b\":1,\"c\":2},\"d\":3}");
	struct json_value root = json_root(doc), a = json_get(root, "a");
	struct json_value none = { .type = JSON_NONE };
	struct json_edit room[3];
	struct json_edits l = { room, 0, 3 };
	struct json_walk w;
	struct buf got;

	buf_init(&got, 1000);
	json_walk(&w, root);
	CHECK(json_edit_replace(&l, doc, none, STR("1")) < 0);
	CHECK(json_edit_replace(&l, doc, a, STR("")) < 0);
	CHECK(json_edit_insert(&l, doc, none, true, STR("\"x\":1")) < 0);
	CHECK(json_edit_insert(&l, doc, json_get(root, "d"), true,
	    STR("\"x\":1")) < 0);
	CHECK(json_edit_insert(&l, doc, root, true, STR("")) < 0);
	CHECK(json_edit_drop(&l, doc, root, &w) < 0); /* before a step */
	CHECK_INT(l.n, 0);
	CHECK(apply(&l, doc, a, "0", STR("")) == 0);
	CHECK(json_edit_replace(&l, doc, a, STR("1")) < 0);
	CHECK(apply(&l, doc, root, "0", STR("")) < 0);
	CHECK(apply(&l, doc, a, "0", STR("")) < 0);
	CHECK(apply(&l, doc, a, "r0", STR("1")) < 0);
	CHECK_INT(l.n, 1);
	CHECK(apply(&l, doc, a, "r1", STR("7")) == 0);
	CHECK(apply(&l, doc, a, "1", STR("")) < 0);
	CHECK(apply(&l, doc, root, "F", STR("\"x\":1")) < 0); /* takes two */
	CHECK_INT(l.n, 2);
	CHECK(apply(&l, doc, root, "1", STR("")) == 0);
	CHECK(apply(&l, doc, a, "F", STR("\"x\":1")) < 0); /* full */
	join(&l, doc, &got);
	CHECK_STR(buf_str(&got), STR("{\"a\":{\"c\":7}}"));
	doc = STR("[1,2,3]");
	l = (struct json_edits){ room, 0, 2 };
	CHECK(apply(&l, doc, json_root(doc), "1", STR("")) == 0);
	CHECK(apply(&l, doc, json_root(doc), "0", STR("")) < 0); /* two */
	CHECK_INT(l.n, 1);
	buf_free(&got);
}

/* The plain way: a list of items. */
struct model {
	char items[16][12];
	size_t n;
	bool gone[4], changed[4];
};

static void
model_put(struct model *m, size_t at, const char *item)
{
	memmove(m->items + at + 1, m->items + at,
	    (m->n - at) * sizeof(*m->items));
	fmt_to(m->items[at], sizeof(*m->items), "%s", item);
	m->n++;
}

/* What the operation should give, applied to the model if it is 0. */
static int
model_apply(struct model *m, const char *op, const char *ins, bool object)
{
	char old[12];
	unsigned at;
	size_t i;

	if (*op == 'F' || *op == 'L') {
		model_put(m, *op == 'F' ? 0 : m->n, ins);
		return 0;
	}
	at = (unsigned)(op[*op == 'r'] - '0');
	if (m->gone[at] || m->changed[at])
		return -1;
	fmt_to(old, sizeof(old), object ? "\"%c\":%u" : "%c%u",
	    object ? 'a' + (int)at : '1', at);
	for (i = 0; i < m->n && strcmp(m->items[i], old) != 0; i++)
		;
	CHECK(i < m->n);
	if (*op == 'r') {
		m->changed[at] = true;
		fmt_to(m->items[i], sizeof(*m->items),
		    object ? "\"%c\":77" : "77", 'a' + (int)at);
		return 0;
	}
	m->gone[at] = true;
	m->n--;
	memmove(m->items + i, m->items + i + 1,
	    (m->n - i) * sizeof(*m->items));
	return 0;
}

static void
check_model(const char *name, struct str got, const struct model *m)
{
	struct json_walk w;
	struct buf item;
	size_t i = 0;

	buf_init(&item, 100);
	CHECK_INT_IN(name, json_check(got, NULL), 0);
	json_walk(&w, json_root(got));
	for (; json_step(&w) && i < m->n; i++) {
		buf_clear(&item);
		if (w.object)
			buf_fmt(&item, "%.*s:", STR_ARG(w.key.raw));
		buf_adds(&item, w.value.raw);
		CHECK_STR_IN(name, buf_str(&item), str_of(m->items[i]));
	}
	CHECK_INT_IN(name, i, m->n);
	CHECK(w.value.type == JSON_NONE);
	buf_free(&item);
}

/* One sequence of operations on a document of n members. */
static void
check_sequence(struct str doc, size_t n, bool object, const char *const *ops,
    size_t count, struct buf *got)
{
	struct json_edit room[EDITS_MAX];
	struct json_edits l = { room, 0, EDITS_MAX };
	struct model m = { .n = 0 };
	char ins[4][12], name[100];
	size_t i, len = 0;

	for (i = 0; i < n; i++) {
		fmt_to(m.items[i], sizeof(*m.items), object ? "\"%c\":%u" :
		    "%c%u", object ? 'a' + (int)i : '1', (unsigned)i);
		m.n++;
	}
	len = fmt_to(name, sizeof(name), "%.*s", STR_ARG(doc));
	for (i = 0; i < count; i++) {
		int want, r;

		len += fmt_to(name + len, sizeof(name) - len, " %s", ops[i]);
		if (*ops[i] == 'r')
			fmt_to(ins[i], sizeof(ins[i]), "77");
		else
			fmt_to(ins[i], sizeof(ins[i]), object ?
			    "\"i%u\":%u" : "%u%u", 3 + (unsigned)i, 3u);
		want = model_apply(&m, ops[i], ins[i], object);
		r = apply(&l, doc, json_root(doc), ops[i], str_of(ins[i]));
		CHECK_INT_IN(name, r, want);
	}
	join(&l, doc, got);
	check_model(name, buf_str(got), &m);
	for (i = 1; i < l.n; i++)
		CHECK_IN(name, l.e[i - 1].off + l.e[i - 1].del <=
		    l.e[i].off);
}

/* All sequences of up to four operations on objects and arrays of up to three
 * members, with white space at every place and without. */
static void
test_edit_sequences(void)
{
	static const char *const all[] = { "F", "L", "0", "r0", "1", "r1", "2",
		"r2" };
	static const struct {
		struct str doc;
		size_t n;
	} docs[] = {
		{ IN("{}"), 0 }, { IN("[ ]"), 0 }, { IN("{\"a\":0}"), 1 },
		{ IN("[ 10 ]"), 1 }, { IN("[10,11]"), 2 },
		{ IN("{ \"a\":0 ,\n\t\"b\":1\n}"), 2 },
		{ IN("{\"a\":0,\"b\":1,\"c\":2}"), 3 },
		{ IN("[ 10 , 11\t,\n12 ]"), 3 },
	};
	const char *ops[4];
	struct buf got;
	size_t d, count, k, rest, total;

	buf_init(&got, 1000);
	for (d = 0; d < sizeof(docs) / sizeof(*docs); d++) {
		size_t kinds = 2 + 2 * docs[d].n;

		for (count = 0, total = 1; count <= 4; count++) {
			for (k = 0; k < total; k++) {
				size_t i;

				for (i = 0, rest = k; i < count; i++) {
					ops[i] = all[rest % kinds];
					rest /= kinds;
				}
				check_sequence(docs[d].doc, docs[d].n,
				    docs[d].doc.p[0] == '{', ops, count, &got);
			}
			total *= kinds;
		}
	}
	CHECK(!got.bad);
	buf_free(&got);
}

int
main(void)
{
	alarm(300);
	test_paths();
	test_walk();
	test_unchecked();
	test_texts();
	test_scalars();
	test_starved();
	test_edit_table();
	test_edit_refused();
	test_edit_sequences();
	return check_done();
}
