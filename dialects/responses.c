/* SPDX-License-Identifier: MIT */
/*
 * responses: OpenAI Responses. Error bodies and events, a look at events that
 * pass, and the writer of answers (OpenAI API reference as of November 2026).
 *
 * Rules kept: response.created first; every event has the next
 * sequence_number; an item is added before its deltas and done before the end;
 * ids are constant and unique; `.done` repeats the deltas; the terminal event
 * carries the whole output; text deltas have `logprobs`.
 */
#include "ops.h"

/* ---- errors ---- */

static void
write_error(const struct failure *f, struct buf *out)
{
	chat_ops.error(f, out);
}

static const char *
failure_code(const struct failure *f)
{
	if (f->code != NULL)
		return f->code;
	return f->status == 429 ? "rate_limit_exceeded" : "server_error";
}

/* response.failed repeats the id that the stream has used: helpers refuse
 * another one. Without an id an `error` event has to do. */
static void
write_stream_error(const struct failure *f, uint64_t seq,
    struct str response_id, struct buf *out)
{
	bool failed = response_id.n > 0;
	struct json_out o;

	buf_fmt(out, "event: %s\ndata: ", failed ? "response.failed" :
	    "error");
	json_out_buf(&o, out);
	json_open(&o, '{');
	json_key(&o, "type");
	json_str(&o, failed ? STR("response.failed") : STR("error"));
	json_key(&o, "sequence_number");
	json_num(&o, (int64_t)seq);
	if (failed) {
		json_key(&o, "response");
		json_open(&o, '{');
		json_key(&o, "id");
		json_str(&o, response_id);
		json_key(&o, "object");
		json_str(&o, STR("response"));
		json_key(&o, "status");
		json_str(&o, STR("failed"));
		json_key(&o, "output");
		json_raw(&o, STR("[]"));
		json_key(&o, "usage");
		json_null(&o);
		json_key(&o, "error");
		json_open(&o, '{');
	}
	json_key(&o, "code");
	json_str(&o, str_of(failure_code(f)));
	json_key(&o, "message");
	json_str(&o, f->message);
	if (failed) {
		json_close(&o, '}');
		json_close(&o, '}');
	} else {
		json_key(&o, "param");
		json_null(&o);
	}
	json_close(&o, '}');
	json_out_flush(&o);
	buf_addz(out, "\n\n");
}

/* ---- looking ---- */

static void
read_usage(struct tap *t, struct json_value response)
{
	struct json_value u = json_get(response, "usage");

	if (u.type != JSON_OBJECT)
		return;
	t->usage = (struct usage){ .known = true,
		.input = number_at(u, "input_tokens"),
		.output = number_at(u, "output_tokens"),
		.cached = number_at(u, "input_tokens_details/cached_tokens"),
		.written = number_at(u,
		    "input_tokens_details/cache_write_tokens"),
		.reasoning = number_at(u,
		    "output_tokens_details/reasoning_tokens") };
}

/* sequence_number of an event, found without reading all of it: it stands
 * near the beginning. Inside of a string its quotes would be escaped. */
static void
note_sequence(struct tap *t, struct str data)
{
	struct str key = STR("\"sequence_number\":");
	ssize_t at = str_find(data, key);
	uint64_t n = 0;

	if (at < 0)
		return;
	data = str_trim(str_sub(data, (size_t)at + key.n, data.n));
	while (data.n > 0 && data.p[0] >= '0' && data.p[0] <= '9' &&
	    n < UINT64_MAX / 100) {
		n = n * 10 + (uint64_t)(data.p[0] - '0');
		data = str_sub(data, 1, data.n);
	}
	t->next_seq = n + 1;
}

static bool
is_preamble(struct str name)
{
	return str_eq(name, STR("response.created")) ||
	    str_eq(name, STR("response.in_progress")) ||
	    str_eq(name, STR("response.queued")) ||
	    str_eq(name, STR("response.metadata")) ||
	    str_starts(name, STR("codex."));
}

static void
note_id(struct tap *t, struct json_value response)
{
	struct json_value id = json_get(response, "id");

	if (id.type == JSON_STRING && !id.escaped &&
	    id.text.n < sizeof(t->response_id))
		fmt_to(t->response_id, sizeof(t->response_id), "%.*s",
		    STR_ARG(id.text));
}

static enum tap_kind
look_closer(struct tap *t, struct str name, struct str data)
{
	struct json_value root, response, e;

	if (json_check(data, NULL) < 0)
		return TAP_CONTENT;
	root = json_root(data);
	response = json_get(root, "response");
	note_id(t, response);
	if (is_preamble(name))
		return TAP_PREAMBLE;
	if (str_eq(name, STR("error"))) {
		e = json_get(root, "error");
		if (e.type != JSON_OBJECT)
			e = root;
		return tap_failed(t, json_get(e, "code"),
		    json_get(e, "type"), json_get(e, "message"));
	}
	read_usage(t, response);
	if (str_eq(name, STR("response.failed"))) {
		e = json_get(response, "error");
		return tap_failed(t, json_get(e, "code"),
		    json_get(e, "type"), json_get(e, "message"));
	}
	t->finished = t->done = true;
	return TAP_END;
}

static enum tap_kind
look(struct tap *t, struct str name, struct str data)
{
	struct json_value type;

	if (name.n == 0 && json_check(data, NULL) == 0) {
		type = json_get(json_root(data), "type");
		if (type.type == JSON_STRING)
			name = type.text;
	}
	note_sequence(t, data);
	if (is_preamble(name) || str_eq(name, STR("error")) ||
	    str_eq(name, STR("response.failed")) ||
	    str_eq(name, STR("response.completed")) ||
	    str_eq(name, STR("response.incomplete")))
		return look_closer(t, name, data);
	if (str_eq(name, STR("keepalive")))
		return TAP_NONE;
	return TAP_CONTENT;
}

/* ---- writing ---- */

static void
put_id(const struct answer *a, struct json_out *o, const char *key,
    const char *prefix, bool indexed)
{
	char n[24];

	json_key(o, key);
	json_str_begin(o);
	json_str_plain(o, str_of(prefix));
	json_str_text(o, a->id);
	if (indexed) {
		fmt_to(n, sizeof(n), "_%u", a->index);
		json_str_plain(o, str_of(n));
	}
	json_str_end(o);
}

static void
put_usage(const struct answer *a, struct json_out *o)
{
	const struct usage *u = &a->usage;

	json_open(o, '{');
	json_key(o, "input_tokens");
	json_num(o, (int64_t)u->input);
	json_key(o, "input_tokens_details");
	json_open(o, '{');
	json_key(o, "cached_tokens");
	json_num(o, (int64_t)u->cached);
	json_key(o, "cache_write_tokens");
	json_num(o, (int64_t)u->written);
	json_close(o, '}');
	json_key(o, "output_tokens");
	json_num(o, (int64_t)u->output);
	json_key(o, "output_tokens_details");
	json_open(o, '{');
	json_key(o, "reasoning_tokens");
	json_num(o, (int64_t)u->reasoning);
	json_close(o, '}');
	json_key(o, "total_tokens");
	json_num(o, (int64_t)(u->input + u->output));
	json_close(o, '}');
}

static const char *
status_of(const struct event *ev)
{
	if (ev == NULL)
		return "in_progress";
	return ev->stop == STOP_LENGTH || ev->stop == STOP_FILTER ?
	    "incomplete" : "completed";
}

/* The response object; ev is the EV_STOP at its end, NULL before. */
static void
put_response(const struct answer *a, struct json_out *o,
    const struct event *ev)
{
	static const struct {
		const char *key;
		struct str value;
	} rest[] = {
		{ "instructions", STR_INIT("null") },
		{ "metadata", STR_INIT("{}") },
		{ "parallel_tool_calls", STR_INIT("true") },
		{ "temperature", STR_INIT("null") },
		{ "top_p", STR_INIT("null") },
		{ "tool_choice", STR_INIT("\"auto\"") },
		{ "tools", STR_INIT("[]") },
		{ "store", STR_INIT("false") },
		{ "max_output_tokens", STR_INIT("null") },
		{ "previous_response_id", STR_INIT("null") },
		{ "reasoning", STR_INIT("{\"effort\":null,"
		    "\"summary\":null}") },
		{ "text", STR_INIT("{\"format\":{\"type\":\"text\"}}") },
		{ "truncation", STR_INIT("\"disabled\"") },
	};
	size_t i;
	bool cut = ev != NULL && (ev->stop == STOP_LENGTH ||
	    ev->stop == STOP_FILTER);

	json_open(o, '{');
	put_id(a, o, "id", "resp_", false);
	json_key(o, "object");
	json_str(o, STR("response"));
	json_key(o, "created_at");
	json_num(o, a->created);
	json_key(o, "status");
	json_str(o, str_of(status_of(ev)));
	json_key(o, "error");
	json_null(o);
	json_key(o, "incomplete_details");
	if (cut) {
		json_open(o, '{');
		json_key(o, "reason");
		json_str(o, ev->stop == STOP_LENGTH ?
		    STR("max_output_tokens") : STR("content_filter"));
		json_close(o, '}');
	} else {
		json_null(o);
	}
	put_member(o, "model", a->model);
	json_key(o, "output");
	json_open(o, '[');
	if (ev != NULL && a->blocks.len > 0)
		json_raw(o, buf_str(&a->blocks));
	json_close(o, ']');
	for (i = 0; i < sizeof(rest) / sizeof(rest[0]); i++) {
		json_key(o, rest[i].key);
		json_raw(o, rest[i].value);
	}
	json_key(o, "usage");
	if (ev != NULL)
		put_usage(a, o);
	else
		json_null(o);
	json_close(o, '}');
}

static const char *
prefix_of(enum block_kind kind)
{
	return kind == BLOCK_TOOL ? "fc_" : kind == BLOCK_REASONING ? "rs_" :
	    "msg_";
}

static void
put_part(const struct answer *a, struct json_out *o, struct str text)
{
	json_open(o, '{');
	json_key(o, "type");
	if (a->kind == BLOCK_REASONING) {
		json_str(o, STR("summary_text"));
		put_member(o, "text", text);
	} else if (a->kind == BLOCK_REFUSAL) {
		json_str(o, STR("refusal"));
		put_member(o, "refusal", text);
	} else {
		json_str(o, STR("output_text"));
		put_member(o, "text", text);
		json_key(o, "annotations");
		json_raw(o, STR("[]"));
		json_key(o, "logprobs");
		json_raw(o, STR("[]"));
	}
	json_close(o, '}');
}

/* The open item, as it begins or (done) as it is at its end. */
static void
put_item(const struct answer *a, struct json_out *o, bool done)
{
	struct str text = buf_str(&a->text);

	json_open(o, '{');
	put_id(a, o, "id", prefix_of(a->kind), true);
	json_key(o, "type");
	if (a->kind == BLOCK_REASONING) {
		json_str(o, STR("reasoning"));
		json_key(o, "summary");
		json_open(o, '[');
		if (done && text.n > 0)
			put_part(a, o, text);
		json_close(o, ']');
		json_close(o, '}');
		return;
	}
	json_str(o, a->kind == BLOCK_TOOL ? STR("function_call") :
	    STR("message"));
	json_key(o, "status");
	json_str(o, done ? STR("completed") : STR("in_progress"));
	if (a->kind == BLOCK_TOOL) {
		put_member(o, "call_id", buf_str(&a->tool_id));
		put_member(o, "name", buf_str(&a->tool_name));
		put_member(o, "arguments", done ? text : STR(""));
	} else {
		json_key(o, "role");
		json_str(o, STR("assistant"));
		json_key(o, "content");
		json_open(o, '[');
		if (done)
			put_part(a, o, text);
		json_close(o, ']');
	}
	json_close(o, '}');
}

static void
event_open(struct answer *a, struct json_out *o, const char *type)
{
	buf_fmt(a->out, "event: %s\ndata: ", type);
	json_out_buf(o, a->out);
	json_open(o, '{');
	json_key(o, "type");
	json_str(o, str_of(type));
	json_key(o, "sequence_number");
	json_num(o, (int64_t)a->seq++);
}

static void
event_close(struct answer *a, struct json_out *o)
{
	json_close(o, '}');
	json_out_flush(o);
	buf_addz(a->out, "\n\n");
}

static void
life_event(struct answer *a, const char *type, const struct event *ev)
{
	struct json_out o;

	event_open(a, &o, type);
	json_key(&o, "response");
	put_response(a, &o, ev);
	event_close(a, &o);
}

static void
item_event(struct answer *a, const char *type, bool done)
{
	struct json_out o;

	event_open(a, &o, type);
	json_key(&o, "output_index");
	json_num(&o, (int64_t)a->index);
	json_key(&o, "item");
	put_item(a, &o, done);
	event_close(a, &o);
}

/* item_id, output_index, and the index of the one part. */
static void
part_open(struct answer *a, struct json_out *o, const char *type)
{
	event_open(a, o, type);
	put_id(a, o, "item_id", prefix_of(a->kind), true);
	json_key(o, "output_index");
	json_num(o, (int64_t)a->index);
	if (a->kind == BLOCK_TOOL)
		return;
	json_key(o, a->kind == BLOCK_REASONING ? "summary_index" :
	    "content_index");
	json_num(o, 0);
}

static void
part_event(struct answer *a, const char *type, struct str text)
{
	struct json_out o;

	part_open(a, &o, type);
	json_key(&o, "part");
	put_part(a, &o, text);
	event_close(a, &o);
}

/* Names of the events of each kind of block. */
static const struct {
	const char *added, *delta, *done, *over, *key;
} names[] = {
	[BLOCK_TEXT] = { "response.content_part.added",
	    "response.output_text.delta", "response.output_text.done",
	    "response.content_part.done", "text" },
	[BLOCK_TOOL] = { NULL, "response.function_call_arguments.delta",
	    "response.function_call_arguments.done", NULL, "arguments" },
	[BLOCK_REASONING] = { "response.reasoning_summary_part.added",
	    "response.reasoning_summary_text.delta",
	    "response.reasoning_summary_text.done",
	    "response.reasoning_summary_part.done", "text" },
	[BLOCK_REFUSAL] = { "response.content_part.added",
	    "response.refusal.delta", "response.refusal.done",
	    "response.content_part.done", "refusal" },
};

static void
text_event(struct answer *a, const char *type, const char *key,
    struct str text)
{
	struct json_out o;

	part_open(a, &o, type);
	put_member(&o, key, text);
	if (a->kind == BLOCK_TEXT) {
		json_key(&o, "logprobs");
		json_raw(&o, STR("[]"));
	}
	event_close(a, &o);
}

static void
keep_block(struct answer *a)
{
	struct json_out o;

	block_begin(a, &o);
	put_item(a, &o, true);
	json_out_flush(&o);
}

static void
stream_event(struct answer *a, const struct event *ev)
{
	switch (ev->type) {
	case EV_START:
		life_event(a, "response.created", NULL);
		life_event(a, "response.in_progress", NULL);
		break;
	case EV_OPEN:
		item_event(a, "response.output_item.added", false);
		if (names[a->kind].added != NULL)
			part_event(a, names[a->kind].added, STR(""));
		break;
	case EV_DELTA:
		text_event(a, names[a->kind].delta, "delta", ev->text);
		break;
	case EV_CLOSE:
		text_event(a, names[a->kind].done, names[a->kind].key,
		    buf_str(&a->text));
		if (names[a->kind].over != NULL)
			part_event(a, names[a->kind].over,
			    buf_str(&a->text));
		item_event(a, "response.output_item.done", true);
		keep_block(a);
		break;
	case EV_STOP:
		life_event(a, ev->stop == STOP_LENGTH ||
		    ev->stop == STOP_FILTER ? "response.incomplete" :
		    "response.completed", ev);
		break;
	default:
		break;
	}
}

static void
stream_failure(struct answer *a, const struct event *ev)
{
	struct buf id;

	buf_init(&id, 200);
	buf_addz(&id, "resp_");
	buf_adds(&id, a->id);
	write_stream_error(&ev->failure, a->seq++, a->started ?
	    buf_str(&id) : STR(""), a->out);
	buf_free(&id);
}

static void
write_event(struct answer *a, const struct event *ev)
{
	struct json_out o;

	if (ev->type == EV_ERROR && a->stream) {
		stream_failure(a, ev);
	} else if (a->stream) {
		stream_event(a, ev);
	} else if (ev->type == EV_CLOSE) {
		keep_block(a);
	} else if (ev->type == EV_STOP) {
		json_out_buf(&o, a->out);
		put_response(a, &o, ev);
		json_out_flush(&o);
	} else if (ev->type == EV_ERROR) {
		write_error(&ev->failure, a->out);
	}
}

const struct dialect_ops responses_ops = {
	.name = "responses",
	.ping = STR_INIT(": ping\n\n"),
	.error_type = openai_error_type,
	.error = write_error,
	.stream_error = write_stream_error,
	.tap = look,
	.usage = read_usage,
	.event = write_event,
};
