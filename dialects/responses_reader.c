/* SPDX-License-Identifier: MIT */
/*
 * responses_reader: the answer of an OpenAI server or of the ChatGPT backend,
 * streamed or whole, as neutral events (OpenAI API reference as of November
 * 2026: streaming events; chatgpt.md 2.5).
 *
 * Each part of a message, each reasoning item and each call is a block. Items
 * may come interleaved: the blocks go out in the order they began in, later
 * ones wait in memory, at most r->max bytes. Deltas may be missing: from
 * `.done` events, from output_item.done, and, if no item came, from the output
 * at the end, only that is taken which was not sent yet. Encrypted reasoning
 * is taken from output_item.done alone (before it is a placeholder). A block
 * that never got a text is not shown, calls excepted.
 *
 * Deliberately not here: hosted tools' items and events, annotations,
 * logprobs; unknown events are passed over.
 */
#include "responses.h"

struct responses_block {
	struct responses_block *next;
	uint64_t item, part;  /* output_index; message: content_index */
	enum block_kind kind;
	bool open, done;
	/* reasoning: which of its two lists is shown, the first that came */
	enum { LIST_ANY, LIST_SUMMARY, LIST_CONTENT } list;
	uint64_t at;  /* index in that list of what is being sent */
	size_t sent;  /* units() of the text that was taken, of that part */
	bool filled;  /* a text was taken at all */
	struct buf wait; /* taken, but not emitted yet */
	struct buf id, name, sealed;
};

/* ---- texts, escaped in one way here and in another there ---- */

/* Length of the first character of text (or half of a pair), and the units it
 * counts: bytes of UTF-8. A pair of escapes is 2 and 2, like its 4 bytes. */
static size_t
unit_len(struct str text, size_t *units)
{
	static const char digits[] = "0123456789abcdef";
	unsigned code = 0, i;
	ssize_t d;

	*units = 1;
	if (text.p[0] != '\\')
		return 1;
	if (text.n < 6 || text.p[1] != 'u')
		return 2;
	for (i = 2; i < 6; i++) {
		d = str_chr(STR(digits), text.p[i] | (text.p[i] > '9' ? 0x20 :
		    0));
		code = code * 16 + (d < 0 ? 0 : (unsigned)d);
	}
	*units = code < 0x80 ? 1 : code < 0x800 ||
	    (code >= 0xd800 && code < 0xe000) ? 2 : 3;
	return 6;
}

/* What is behind the first n units; *all: how many there are. */
static struct str
behind(struct str text, size_t n, size_t *all)
{
	size_t units, len;
	struct str rest = { NULL, 0 };

	for (*all = 0; text.n > 0; *all += units) {
		if (*all >= n && rest.p == NULL)
			rest = text;
		len = unit_len(text, &units);
		text = str_sub(text, len, text.n);
	}
	return rest;
}

/* ---- blocks ---- */

static struct responses_reader *
own_of(struct reader *r)
{
	return r->own;
}

static int
bad(struct reader *r)
{
	r->bad = true;
	return -1;
}

static int
start(struct reader *r)
{
	struct event ev = { .type = EV_START };

	if (own_of(r)->started)
		return 0;
	own_of(r)->started = true;
	return r->emit(r->arg, &ev);
}

static bool
is_message(const struct responses_block *b)
{
	return b->kind == BLOCK_TEXT || b->kind == BLOCK_REFUSAL;
}

static struct responses_block *
find(struct reader *r, uint64_t item, uint64_t part)
{
	struct responses_block *b = own_of(r)->first;

	while (b != NULL && (b->item != item ||
	    (is_message(b) && b->part != part)))
		b = b->next;
	return b;
}

/* NULL: no memory, or over the limit. */
static struct responses_block *
add(struct reader *r, uint64_t item, uint64_t part, enum block_kind kind)
{
	struct responses_reader *own = own_of(r);
	struct responses_block *b;

	own->held += sizeof(*b); /* their number has an end too */
	b = own->held > r->max ? NULL : mem_calloc(sizeof(*b));
	if (b == NULL) {
		r->bad = true;
		return NULL;
	}
	*b = (struct responses_block){ .item = item, .part = part,
		.kind = kind };
	buf_init(&b->wait, r->max);
	buf_init(&b->id, 4096);
	buf_init(&b->name, 4096);
	buf_init(&b->sealed, r->max);
	if (own->last == NULL)
		own->first = b;
	else
		own->last->next = b;
	own->last = b;
	if (own->now == NULL)
		own->now = b;
	return b;
}

static int
emit_open(struct reader *r, struct responses_block *b)
{
	struct event ev = { .type = EV_OPEN, .kind = b->kind,
		.id = buf_str(&b->id), .name = buf_str(&b->name) };

	if (b->open)
		return 0;
	if (is_call(b->kind)) {
		neutral_name_back(r->q, ev.name, &ev);
		own_of(r)->calls = true;
	}
	if (b->kind == BLOCK_REFUSAL)
		own_of(r)->refused = true;
	b->open = r->content = true;
	b->kind = ev.kind;
	return start(r) < 0 ? -1 : r->emit(r->arg, &ev);
}

static int
emit_text(struct reader *r, struct responses_block *b, struct str text)
{
	struct event ev = { .type = EV_DELTA, .text = text };

	if (text.n == 0)
		return 0;
	if (emit_open(r, b) < 0)
		return -1;
	ev.kind = b->kind;
	return r->emit(r->arg, &ev);
}

static int
emit_close(struct reader *r, struct responses_block *b)
{
	struct event ev = { .type = EV_CLOSE, .sealed = buf_str(&b->sealed) };

	if (ev.sealed.n > 0) {
		ev.maker = SEAL_OPENAI;
		if (emit_open(r, b) < 0)
			return -1;
	}
	ev.kind = b->kind;
	return b->open ? r->emit(r->arg, &ev) : 0;
}

/* Emit all that may go out now. */
static int
flush(struct reader *r)
{
	struct responses_reader *own = own_of(r);
	struct responses_block *b;

	for (b = own->now; b != NULL; b = own->now) {
		if (b->wait.bad || b->id.bad || b->name.bad || b->sealed.bad)
			return bad(r);
		if (is_call(b->kind) && emit_open(r, b) < 0)
			return -1;
		if (emit_text(r, b, buf_str(&b->wait)) < 0)
			return -1;
		own->held -= b->wait.len;
		buf_free(&b->wait);
		buf_init(&b->wait, r->max);
		if (!b->done)
			return 0;
		if (emit_close(r, b) < 0)
			return -1;
		own->held -= b->sealed.len;
		buf_free(&b->sealed);
		own->now = b->next;
	}
	return 0;
}

/* Take text: emit it, or keep it until the blocks before are done. */
static int
take(struct reader *r, struct responses_block *b, struct str text)
{
	struct responses_reader *own = own_of(r);

	if (text.n == 0 || b->done)
		return 0;
	b->filled = true;
	if (b == own->now) /* then it has nothing waiting */
		return emit_text(r, b, text);
	own->held += text.n;
	buf_adds(&b->wait, text);
	return own->held > r->max || b->wait.bad ? bad(r) : 0;
}

/* May texts of that list and index go to b? An index that is new begins a
 * paragraph of the reasoning. */
static int
turn_to(struct reader *r, struct responses_block *b, int list, uint64_t at,
    bool *good)
{
	*good = true;
	if (b->kind != BLOCK_REASONING)
		return 0;
	if (b->list == LIST_ANY)
		b->list = list;
	*good = (int)b->list == list && at >= b->at;
	if (!*good || at == b->at)
		return 0;
	b->at = at;
	b->sent = 0;
	return b->filled ? take(r, b, STR("\\n\\n")) : 0;
}

/* text is a piece that follows, or (whole) all of it: then what lacks. */
static int
take_text(struct reader *r, struct responses_block *b, int list, uint64_t at,
    struct str text, bool whole)
{
	size_t units;
	bool good;

	if (text.n == 0)
		return 0;
	if (turn_to(r, b, list, at, &good) < 0)
		return -1;
	if (!good)
		return 0;
	text = behind(text, whole ? b->sent : 0, &units);
	if (!whole)
		b->sent += units;
	else if (units > b->sent)
		b->sent = units;
	return take(r, b, text);
}

/* ---- items ---- */

static struct responses_block *
part_of(struct reader *r, uint64_t item, uint64_t part, enum block_kind kind)
{
	struct responses_block *b = find(r, item, part);

	if (b == NULL)
		return add(r, item, part, kind);
	if (is_message(b) && !b->open && !b->filled)
		b->kind = kind; /* output_item.added could not tell */
	return b;
}

/* The block of an item that begins or, at its end, was not seen before. *b is
 * NULL for kinds that are passed over; -1: no memory. */
static int
begin_item(struct reader *r, uint64_t index, const struct json_value *item,
    struct responses_block **b)
{
	static const unsigned char kinds[] = { BLOCK_TEXT, BLOCK_REASONING,
		BLOCK_TOOL, BLOCK_CUSTOM };
	ssize_t i = word_at(item, "type",
	    "message|reasoning|function_call|custom_tool_call");
	struct str id;

	own_of(r)->items = true;
	*b = NULL;
	if (i < 0)
		return 0;
	*b = find(r, index, 0);
	if (*b != NULL)
		return 0;
	*b = add(r, index, 0, kinds[i]);
	if (*b == NULL)
		return -1;
	if (i < 2)
		return 0;
	id = text_at(item, "call_id");
	buf_adds(&(*b)->id, id.n > 0 ? id : text_at(item, "id"));
	buf_adds(&(*b)->name, text_at(item, "name"));
	return flush(r);
}

/* The parts of a list of the item, at its end. */
static int
end_list(struct reader *r, uint64_t index, const struct json_value *item,
    const char *name)
{
	int list = *name == 's' ? LIST_SUMMARY : LIST_CONTENT;
	struct responses_block *b;
	struct json_walk w;

	walk_at(&w, item, name);
	while (!w.object && json_step(&w)) {
		ssize_t refusal = word_at(&w.value, "type", "refusal");

		b = part_of(r, index, w.index, refusal == 0 ? BLOCK_REFUSAL :
		    BLOCK_TEXT);
		if (b == NULL || take_text(r, b, list, w.index,
		    text_at(&w.value, refusal == 0 ? "refusal" : "text"),
		    true) < 0)
			return -1;
	}
	return 0;
}

static int
end_item(struct reader *r, uint64_t index, const struct json_value *item)
{
	struct responses_block *b;

	if (begin_item(r, index, item, &b) < 0)
		return -1;
	if (b == NULL || (b->done && !is_message(b)))
		return 0;
	if (is_call(b->kind)) {
		struct str text = text_at(item, "arguments");

		if (take_text(r, b, 0, 0, text.n > 0 ? text :
		    text_at(item, "input"), true) < 0)
			return -1;
	} else if ((b->kind == BLOCK_REASONING &&
	    end_list(r, index, item, "summary") < 0) ||
	    end_list(r, index, item, "content") < 0) {
		return -1;
	}
	if (b->kind == BLOCK_REASONING) {
		buf_adds(&b->sealed, text_at(item, "encrypted_content"));
		own_of(r)->held += b->sealed.len;
		if (own_of(r)->held > r->max)
			return bad(r);
	}
	for (b = own_of(r)->first; b != NULL; b = b->next)
		b->done = b->done || b->item == index;
	return flush(r);
}

/* ---- the end ---- */

static int
fail(struct reader *r, int status, const char *code, const char *message)
{
	struct event ev = { .type = EV_ERROR, .failure = {
		.status = status, .message = str_of(message),
		.code = *code == '\0' ? NULL : code } };

	r->failed = r->done = true;
	return r->emit(r->arg, &ev);
}

static int
fail_from(struct reader *r, struct json_value error)
{
	struct tap t;

	tap_init(&t, DIALECT_RESPONSES);
	tap_error(&t, error);
	return fail(r, t.status, t.code, t.message);
}

static enum stop_kind
stop_of(struct reader *r, const struct json_value *response)
{
	struct json_value why = json_get(*response, "incomplete_details");

	if (word_at(response, "status", "incomplete") == 0 ||
	    why.type == JSON_OBJECT)
		return word_at(&why, "reason", "content_filter") == 0 ?
		    STOP_FILTER : STOP_LENGTH;
	return own_of(r)->calls ? STOP_TOOL : own_of(r)->refused ?
	    STOP_FILTER : STOP_END; /* openai.md 6.5 */
}

static int
end(struct reader *r, const struct json_value *response)
{
	struct event ev = { .type = EV_STOP };
	bool streamed = own_of(r)->items;
	struct responses_block *b;
	struct json_walk w;
	struct tap t;

	if (start(r) < 0)
		return -1;
	walk_at(&w, response, "output");
	while (!streamed && !w.object && json_step(&w))
		if (end_item(r, w.index, &w.value) < 0)
			return -1;
	for (b = own_of(r)->first; b != NULL; b = b->next)
		b->done = true;
	if (flush(r) < 0)
		return -1;
	tap_init(&t, DIALECT_RESPONSES);
	responses_ops.usage(&t, *response);
	r->usage = ev.usage = t.usage;
	ev.stop = stop_of(r, response);
	r->ended = r->done = true;
	return r->emit(r->arg, &ev);
}

/* ---- events ---- */

/* What counts of an event. */
struct piece {
	struct str type, delta, text;
	uint64_t item, part; /* output_index; content_index, summary_index */
	struct json_value inner, response;
};

static void
look_at(struct piece *e, struct json_value root)
{
	struct json_walk w;

	json_walk(&w, root);
	while (json_step(&w)) {
		switch (str_place(w.key.text, "type|delta|text|arguments|"
		    "input|refusal|output_index|content_index|summary_index|"
		    "item|response")) {
		case 0:
			e->type = text_of(w.value);
			break;
		case 1:
			e->delta = text_of(w.value);
			break;
		case 2:
		case 3:
		case 4:
		case 5:
			e->text = text_of(w.value);
			break;
		case 6:
			json_u64(w.value, &e->item);
			break;
		case 7:
		case 8:
			json_u64(w.value, &e->part);
			break;
		case 9:
			e->inner = w.value;
			break;
		case 10:
			e->response = w.value;
			break;
		default:
			break;
		}
	}
}

/* A delta or the `.done` of a text; kind is its name. */
static int
feed_text(struct reader *r, const struct piece *e, struct str kind,
    bool whole)
{
	static const unsigned char kinds[] = { BLOCK_TEXT, BLOCK_REFUSAL,
		BLOCK_REASONING, BLOCK_REASONING, BLOCK_TOOL, BLOCK_CUSTOM };
	ssize_t i = str_place(kind, "output_text|refusal|"
	    "reasoning_summary_text|reasoning_text|function_call_arguments|"
	    "custom_tool_call_input");
	struct responses_block *b;

	if (i < 0)
		return 0;
	/* A call whose item did not begin has no name yet. */
	b = i >= 4 ? find(r, e->item, 0) :
	    part_of(r, e->item, e->part, kinds[i]);
	if (b == NULL)
		return r->bad ? -1 : 0;
	if (take_text(r, b, i == 2 ? LIST_SUMMARY : LIST_CONTENT, e->part,
	    whole ? e->text : e->delta, whole) < 0)
		return -1;
	b->done = b->done || (whole && i < 2);
	return flush(r);
}

int
responses_feed(struct reader *r, struct str name, struct str data)
{
	struct piece e = { .type = name };
	struct responses_block *b;
	struct tap t;

	if (r->done || data.n == 0 || str_eq(data, STR("[DONE]")))
		return 0;
	if (json_check(data, NULL) < 0)
		return fail(r, 502, "", "the upstream sent an event that is "
		    "not JSON");
	look_at(&e, json_root(data));
	if (str_starts(e.type, STR("response.")))
		e.type = str_sub(e.type, 9, e.type.n);
	switch (str_place(e.type, "created|output_item.added|output_item.done|"
	    "completed|done|incomplete|failed|error")) {
	case 0:
		return start(r);
	case 1:
		return begin_item(r, e.item, &e.inner, &b);
	case 2:
		return end_item(r, e.item, &e.inner);
	case 3:
	case 4:
	case 5:
		return end(r, &e.response);
	case 6:
	case 7:
		tap_init(&t, DIALECT_RESPONSES);
		responses_ops.tap(&t, name, data);
		return fail(r, t.status, t.code, t.message);
	default:
		break;
	}
	if (str_ends(e.type, STR(".delta")))
		return feed_text(r, &e, str_sub(e.type, 0, e.type.n - 6),
		    false);
	if (str_ends(e.type, STR(".done")))
		return feed_text(r, &e, str_sub(e.type, 0, e.type.n - 5),
		    true);
	return 0;
}

/* Nothing is held back for the end: what is not ended was cut. */
int
responses_finish(struct reader *r)
{
	(void)r;
	return 0;
}

int
responses_whole(struct reader *r, struct json_value root)
{
	struct json_value error = json_get(root, "error");
	ssize_t status = word_at(&root, "status",
	    "completed|incomplete|failed|cancelled");

	if (error.type == JSON_OBJECT || error.type == JSON_STRING ||
	    status >= 2)
		return fail_from(r, error);
	if (status < 0 || json_get(root, "output").type != JSON_ARRAY)
		return -1;
	return end(r, &root);
}

void
responses_drop(struct reader *r)
{
	struct responses_block *b = own_of(r)->first, *next;

	for (; b != NULL; b = next) {
		next = b->next;
		buf_free(&b->wait);
		buf_free(&b->id);
		buf_free(&b->name);
		buf_free(&b->sealed);
		mem_free(b);
	}
}
