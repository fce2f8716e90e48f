/* SPDX-License-Identifier: MIT */
/*
 * anthropic_reader: what an Anthropic provider answers, streamed or whole, as
 * neutral events (Messages API, protocols/anthropic.md 2.5 and 3).
 *
 * Blocks come one after another, so nothing has to be put in order; only the
 * arguments of custom tools wait for their end, as their text stands inside of
 * them. Signatures go on at the end of their block. Passed over: pings,
 * citations, tools that the provider runs and their results, blocks and events
 * that nobody knows. A whole answer is read as if its blocks were streamed.
 *
 * Limits: r->max bytes of a block's arguments, signature, stop sequence each.
 */
#include "anthropic.h"

/* Blocks that go on; others are skipped. */
#define BLOCK_TYPES "text|tool_use|thinking|redacted_thinking"

static struct messages_reader *
own_of(struct reader *r)
{
	struct messages_reader *m = r->own;

	if (m->input.max == 0) {
		buf_init(&m->input, r->max);
		buf_init(&m->sealed, r->max);
		buf_init(&m->sequence, r->max);
		m->tap.d = DIALECT_CHAT; /* statuses as struct failure's */
	}
	return m;
}

void
messages_drop(struct reader *r)
{
	struct messages_reader *m = r->own;

	buf_free(&m->input);
	buf_free(&m->sealed);
	buf_free(&m->sequence);
}

static int
emit(struct reader *r, const struct event *ev)
{
	struct messages_reader *m = r->own;

	r->bad = r->bad || m->input.bad || m->sealed.bad || m->sequence.bad;
	return r->bad ? -1 : r->emit(r->arg, ev);
}

/* ---- failures ---- */

static int
failed(struct reader *r)
{
	const struct tap *t = &own_of(r)->tap;
	struct event ev = { .type = EV_ERROR, .failure = {
		.status = t->status,
		.code = t->code[0] != '\0' ? t->code : NULL,
		.message = str_of(t->message) } };

	r->failed = r->done = true;
	return emit(r, &ev);
}

static int
broken(struct reader *r)
{
	struct tap *t = &own_of(r)->tap;

	t->status = 502;
	fmt_to(t->code, sizeof(t->code), "server_error");
	fmt_to(t->message, sizeof(t->message),
	    "the upstream sent an event that is no JSON");
	return failed(r);
}

/* ---- blocks ---- */

static int
emit_text(struct reader *r, struct str text)
{
	struct event ev = { .type = EV_DELTA, .text = text,
		.kind = own_of(r)->block.kind };

	if (text.n == 0)
		return 0;
	own_of(r)->filled = true;
	return emit(r, &ev);
}

static int
start(struct reader *r, struct json_value message)
{
	struct messages_reader *m = own_of(r);
	struct event ev = { .type = EV_START };

	messages_usage(&r->usage, json_get(message, "usage"));
	if (m->started)
		return 0;
	m->started = true;
	ev.usage = r->usage;
	return emit(r, &ev);
}

/* The text of a custom call: the string `input` of its arguments, which are
 * kept as escaped text. What is no such object (it was cut) goes on as it
 * is. */
static int
emit_custom(struct reader *r)
{
	struct str text = buf_str(&own_of(r)->input), inner = { NULL, 0 };
	struct buf plain;
	int bad;

	buf_init(&plain, r->max);
	json_decode(text, &plain);
	r->bad = r->bad || plain.bad;
	if (plain.len > 0 && json_check(buf_str(&plain), NULL) == 0)
		inner = text_of(json_get(json_root(buf_str(&plain)),
		    "input"));
	bad = emit_text(r, inner.p != NULL ? inner : text);
	buf_free(&plain);
	return bad;
}

/* Arguments that came with the block's begin, and no delta after them. */
static int
emit_input(struct reader *r)
{
	struct messages_reader *m = own_of(r);

	if (m->block.kind == BLOCK_CUSTOM)
		return emit_custom(r);
	return m->filled ? 0 : emit_text(r, buf_str(&m->input));
}

static int
close_block(struct reader *r)
{
	struct messages_reader *m = own_of(r);
	struct event ev = { .type = EV_CLOSE, .kind = m->block.kind };

	if (!m->open)
		return 0;
	m->open = false;
	if (m->skip)
		return 0;
	if (is_call(m->block.kind) && emit_input(r) < 0)
		return -1;
	if (m->sealed.len > 0) {
		ev.maker = SEAL_ANTHROPIC;
		ev.sealed = buf_str(&m->sealed);
		ev.redacted = m->block.redacted;
	}
	return emit(r, &ev);
}

/* What of a block is there at its begin; for a whole answer that is all. */
static int
open_block(struct reader *r, struct json_value block)
{
	static const enum block_kind kinds[] = { BLOCK_TEXT, BLOCK_TOOL,
		BLOCK_REASONING, BLOCK_REASONING };
	struct messages_reader *m = own_of(r);
	struct event *ev = &m->block;
	struct json_value input = json_get(block, "input");
	ssize_t i = str_place(text_in(block, "type"), BLOCK_TYPES);

	if (close_block(r) < 0)
		return -1;
	m->open = true;
	m->skip = i < 0;
	if (m->skip)
		return 0;
	m->filled = false;
	buf_clear(&m->input);
	buf_clear(&m->sealed);
	*ev = (struct event){ .type = EV_OPEN, .kind = kinds[i] };
	if (i == 1) {
		ev->id = text_in(block, "id");
		neutral_name_back(r->q, text_in(block, "name"), ev);
		m->calls = true;
		if (input.type == JSON_OBJECT && input.raw.n > 2)
			json_escape(&m->input, input.raw);
	} else if (i == 3) {
		ev->redacted = true;
		ev->maker = SEAL_ANTHROPIC;
		buf_addz(&m->sealed, REDACTED);
		buf_adds(&m->sealed, text_in(block, "data"));
		ev->sealed = buf_str(&m->sealed);
	}
	r->content = true;
	if (emit(r, ev) < 0)
		return -1;
	buf_adds(&m->sealed, text_in(block, "signature"));
	return emit_text(r, text_of(json_get(block, i == 0 ? "text" :
	    "thinking")));
}

static int
delta(struct reader *r, struct json_value d)
{
	struct messages_reader *m = own_of(r);
	struct str text;

	if (!m->open || m->skip)
		return 0;
	switch (str_place(text_in(d, "type"), "text_delta|"
	    "thinking_delta|input_json_delta|signature_delta")) {
	case 0:
		return emit_text(r, text_in(d, "text"));
	case 1:
		return emit_text(r, text_in(d, "thinking"));
	case 2:
		text = text_in(d, "partial_json");
		if (m->block.kind != BLOCK_CUSTOM)
			return emit_text(r, text);
		/* the begin's arguments stand only if no delta comes */
		if (!m->filled && text.n > 0) {
			m->filled = true;
			buf_clear(&m->input);
		}
		buf_adds(&m->input, text);
		return 0;
	case 3:
		buf_adds(&m->sealed, text_in(d, "signature"));
		return 0;
	default:
		return 0;
	}
}

/* ---- the end ---- */

static enum stop_kind
stop_of(struct str reason)
{
	static const enum stop_kind stops[] = { STOP_SEQUENCE, STOP_TOOL,
		STOP_LENGTH, STOP_LENGTH, STOP_FILTER };
	ssize_t i = str_place(reason, "stop_sequence|tool_use|max_tokens|"
	    "model_context_window_exceeded|refusal");

	/* end_turn, pause_turn, and what is new */
	return i < 0 ? STOP_END : stops[i];
}

/* from: what has stop_reason and stop_sequence. */
static void
take_stop(struct reader *r, struct json_value from)
{
	struct messages_reader *m = own_of(r);
	struct json_value reason = json_get(from, "stop_reason");

	if (reason.type != JSON_STRING)
		return;
	m->stopped = true;
	m->stop = stop_of(reason.text);
	buf_clear(&m->sequence);
	buf_adds(&m->sequence, text_in(from, "stop_sequence"));
}

static int
stop(struct reader *r)
{
	struct messages_reader *m = own_of(r);
	struct event ev = { .type = EV_STOP, .usage = r->usage };

	if (close_block(r) < 0)
		return -1;
	ev.stop = m->stopped ? m->stop : m->calls ? STOP_TOOL : STOP_END;
	ev.stop_sequence = buf_str(&m->sequence);
	r->ended = r->done = true;
	return emit(r, &ev);
}

/* ---- the hooks ---- */

int
messages_feed(struct reader *r, struct str name, struct str data)
{
	const struct messages_reader *m = own_of(r);
	struct json_value root, type;
	ssize_t i;

	if (json_check(data, NULL) < 0)
		return broken(r);
	root = json_root(data);
	type = json_get(root, "type");
	i = str_place(type.type == JSON_STRING ? type.text : name,
	    "error|message_start|content_block_start|content_block_delta|"
	    "content_block_stop|message_delta|message_stop");
	if (i < 0)
		return 0;
	if (i == 0) {
		tap_error(&own_of(r)->tap, json_get(root, "error"));
		return failed(r);
	}
	if (!m->started && start(r, json_get(root, "message")) < 0)
		return -1;
	switch (i) {
	case 2:
		return open_block(r, json_get(root, "content_block"));
	case 3:
		return delta(r, json_get(root, "delta"));
	case 4:
		return close_block(r);
	case 5:
		take_stop(r, json_get(root, "delta"));
		messages_usage(&r->usage, json_get(root, "usage"));
		return 0;
	case 6:
		return stop(r);
	default:
		return 0;
	}
}

/* All that there is came as events. */
int
messages_finish(struct reader *r)
{
	(void)r;
	return 0;
}

int
messages_whole(struct reader *r, struct json_value root)
{
	struct json_walk w;

	if (!json_is(json_get(root, "type"), STR("message")) ||
	    json_get(root, "content").type != JSON_ARRAY)
		return -1;
	if (start(r, root) < 0)
		return -1;
	for (json_walk(&w, json_get(root, "content")); json_step(&w);)
		if (open_block(r, w.value) < 0)
			return -1;
	take_stop(r, root);
	return stop(r);
}
