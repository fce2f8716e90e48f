/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target of json.c and jsondoc.c. The first byte of the input picks where
 * the text is split, the rest is the text. Properties: the pieces give the same
 * tokens as the whole; a token lies in the text and says what it holds; what
 * json_check takes can be walked, decoded, escaped again without change, copied
 * by the writer into JSON, and edited into JSON; what it refuses does the
 * cursor no harm.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

#define MUST(cond) do { if (!(cond)) abort(); } while (0)

enum { EDITS_MAX = 16 };

static void
same_token(const struct json *a, const struct json *b)
{
	MUST(a->type == b->type && a->pos == b->pos && a->depth == b->depth);
	MUST(a->start == b->start && a->end == b->end);
	MUST(a->text.n == b->text.n);
	if (a->type == JSON_KEY || a->type == JSON_STRING)
		MUST(a->escaped == b->escaped);
}

static void
check_token(const struct json *j, struct str doc)
{
	struct str raw = str_sub(doc, j->start, j->end - j->start);

	MUST(j->start <= j->end && j->end <= doc.n && j->pos == j->end);
	MUST(j->depth <= JSON_DEPTH_MAX);
	switch (j->type) {
	case JSON_KEY:
	case JSON_STRING:
		MUST(raw.p[0] == '"' && raw.p[raw.n - 1] == '"');
		MUST(j->text.p == raw.p + 1 && j->text.n == raw.n - 2);
		MUST(j->escaped == (str_chr(j->text, '\\') >= 0));
		break;
	case JSON_NUMBER:
		MUST(j->text.p == raw.p && j->text.n == raw.n);
		break;
	default:
		MUST(j->text.p == NULL && j->text.n == 0);
		break;
	}
}

/* Tokens of doc, given whole, and in pieces of step bytes, each in a block of
 * its own size. */
static void
compare_splits(struct str doc, size_t step)
{
	struct json whole, split;
	size_t have = step < doc.n ? step : doc.n;
	char *piece = malloc(have > 0 ? have : 1);
	enum parse r, s;

	MUST(piece != NULL);
	if (have > 0)
		memcpy(piece, doc.p, have);
	json_init(&whole);
	json_init(&split);
	do {
		r = json_next(&whole, doc, true);
		MUST(r != PARSE_MORE);
		for (;;) {
			s = json_next(&split, (struct str){ piece, have },
			    have == doc.n);
			if (s != PARSE_MORE)
				break;
			MUST(have < doc.n);
			have = have + step < doc.n ? have + step : doc.n;
			free(piece);
			piece = malloc(have); /* exact: no slack behind */
			MUST(piece != NULL);
			memcpy(piece, doc.p, have);
		}
		MUST(r == s);
		if (r == PARSE_BAD)
			MUST(whole.pos == split.pos && whole.pos <= doc.n &&
			    whole.why == split.why);
		else
			same_token(&whole, &split);
		if (r == PARSE_OK)
			check_token(&whole, doc);
	} while (r == PARSE_OK && whole.type != JSON_END);
	free(piece);
}

/* Decoded, escaped and decoded again it is the same, unless it had lone
 * surrogates; those come back as U+FFFD, which is the same from then on. */
static void
check_text(struct json_value v)
{
	struct buf plain, text, again;

	buf_init(&plain, 4 * v.text.n + 16);
	buf_init(&text, 16 * v.text.n + 64);
	buf_init(&again, 4 * v.text.n + 16);
	json_decode(v.text, &plain);
	MUST(json_is(v, buf_str(&plain)));
	json_escape(&text, buf_str(&plain));
	json_decode(buf_str(&text), &again);
	MUST(!plain.bad && !text.bad && !again.bad);
	MUST(str_eq(buf_str(&plain), buf_str(&again)));
	buf_free(&plain);
	buf_free(&text);
	buf_free(&again);
}

/* Every token of a checked document through the writer gives JSON with the
 * same number of bytes as a run that counts. */
static void
copy_tokens(struct str doc)
{
	struct json_out out, count;
	struct json_out *const both[] = { &out, &count };
	struct json j;
	struct buf b;
	size_t i;

	buf_init(&b, 2 * doc.n + 16);
	json_out_buf(&out, &b);
	json_out_init(&count, NULL, 0, NULL, NULL);
	json_init(&j);
	while (json_next(&j, doc, true) == PARSE_OK && j.type != JSON_END)
		for (i = 0; i < 2; i++)
			switch (j.type) {
			case JSON_OBJECT:
			case JSON_ARRAY:
				json_open(both[i], doc.p[j.start]);
				break;
			case JSON_OBJECT_END:
			case JSON_ARRAY_END:
				json_close(both[i], doc.p[j.start]);
				break;
			case JSON_KEY:
				/* any name does: the writer takes plain ones */
				json_key_str(both[i], STR("a\"\n"));
				break;
			case JSON_STRING:
				json_text(both[i], j.text);
				break;
			default:
				json_raw(both[i], str_sub(doc, j.start,
				    j.end - j.start));
				break;
			}
	json_out_flush(&out);
	MUST(!out.bad && !count.bad && !b.bad);
	MUST(out.total == b.len && count.total == b.len);
	MUST(json_check(buf_str(&b), NULL) == 0);
	buf_free(&b);
}

/* Walks the top value, goes into each member once, and edits by the bits of
 * pick. */
static void
walk_and_edit(struct str doc, unsigned pick, bool checked)
{
	struct json_edit room[EDITS_MAX];
	struct json_edits l = { room, 0, EDITS_MAX };
	struct json_value root = json_root(doc);
	struct json_walk w, in;
	struct buf out;
	size_t i;

	json_walk(&w, root);
	while (json_step(&w)) {
		if (checked && w.object)
			check_text(w.key);
		if (checked && w.value.type == JSON_STRING)
			check_text(w.value);
		json_walk(&in, w.value);
		while (json_step(&in))
			json_at(in.value, "0/a");
		if (!checked)
			continue;
		if ((pick >> w.index % 8 & 1) != 0)
			json_edit_drop(&l, doc, root, &w);
		else if ((pick >> w.index % 7 & 1) != 0)
			json_edit_replace(&l, doc, w.value, STR("null"));
	}
	if (!checked)
		return;
	for (i = 0; i < 2; i++)
		if ((pick >> i & 1) != 0)
			json_edit_insert(&l, doc, root, i == 0,
			    root.type == JSON_OBJECT ? STR("\"x\":1") :
			    STR("1"));
	buf_init(&out, doc.n + 1000);
	for (i = 0; i <= 2 * l.n; i++)
		buf_adds(&out, json_edits_piece(&l, doc, i));
	MUST(out.len == json_edits_len(&l, doc));
	MUST(json_check(buf_str(&out), NULL) == 0);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str doc;
	char *copy;
	bool checked;

	if (n < 1)
		return 0;
	copy = malloc(n - 1 > 0 ? n - 1 : 1);
	MUST(copy != NULL);
	memcpy(copy, p + 1, n - 1);
	doc = (struct str){ copy, n - 1 };
	/* Steps of one byte cost the square of the length. */
	compare_splits(doc, n < 2000 ? 1 : 1 + n / 100);
	compare_splits(doc, 1 + p[0] % 80);
	checked = json_check(doc, NULL) == 0;
	if (checked)
		copy_tokens(doc);
	walk_and_edit(doc, p[0], checked);
	if (!checked)
		json_decode(doc, &(struct buf){ .max = 0 });
	free(copy);
	return 0;
}
