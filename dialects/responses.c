/* SPDX-License-Identifier: MIT */
/*
 * responses: OpenAI Responses. Error bodies and events, a look at events that
 * pass, and the writer of answers (OpenAI API reference as of November 2026).
 *
 * Rules kept: response.created first; every event has the next
 * sequence_number; an item is added before its deltas and done before the end;
 * ids are constant and unique; `.done` repeats the deltas; the terminal event
 * carries the whole output; text deltas have `logprobs`. Opaque reasoning goes
 * out as encrypted_content when its item is done (neutral.h).
 * Requests and the reader of answers: responses_*.c.
 */
#include "responses.h"

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

/* The members of a response's error, and of an `error` event. */
static void
put_reason(struct json_out *o, const struct failure *f)
{
	json_key(o, "code");
	json_str(o, str_of(failure_code(f)));
	json_key(o, "message");
	json_str(o, f->message);
}

/* For a stream that passes, whose response is not known but for its id: that
 * must be the one that the stream has used, helpers refuse another. Without an
 * id an `error` event has to do. */
static void
write_stream_error(const struct failure *f, uint64_t seq,
    struct str response_id, struct buf *out)
{
	bool failed = response_id.n > 0;
	struct json_out o;

	sse_open(&o, out, failed ? "response.failed" : "error");
	put_count(&o, "sequence_number", seq);
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
	put_reason(&o, f);
	if (failed) {
		json_close(&o, '}');
		json_close(&o, '}');
	} else {
		json_key(&o, "param");
		json_null(&o);
	}
	sse_close(&o, out);
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

/* sequence_number of an event, found without reading all of it. */
static void
note_sequence(struct tap *t, struct str data)
{
	struct str name;
	uint64_t n = 0;

	while (next_name(&data, &name)) {
		struct str v = skip_space(data);

		if (!is_name(name, STR("sequence_number")) || v.n == 0 ||
		    v.p[0] < '0' || v.p[0] > '9')
			continue; /* also a tool's parameter of that name */
		for (; v.n > 0 && v.p[0] >= '0' && v.p[0] <= '9' &&
		    n < INT64_MAX / 100; v = str_sub(v, 1, v.n))
			n = n * 10 + (uint64_t)(v.p[0] - '0');
		t->next_seq = n + 1;
		return;
	}
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
look_failed(struct tap *t, struct json_value root)
{
	struct json_value response = json_get(root, "response");
	struct json_value e = json_get(root, "error");

	if (response.type == JSON_OBJECT)
		return tap_error(t, json_get(response, "error"));
	if (e.type == JSON_OBJECT || e.type == JSON_STRING)
		return tap_error(t, e);
	/* Flat; "type" says only that it is an error. */
	return tap_failed(t, json_get(root, "code"), e,
	    json_get(root, "message"));
}

/* An event whose JSON counts. What cannot be read ends nothing well. */
static enum tap_kind
look_closer(struct tap *t, enum tap_kind kind, struct str data)
{
	struct json_value root = { .type = JSON_NONE };
	uint64_t n;

	if (json_check(data, NULL) == 0)
		root = json_root(data);
	else if (kind == TAP_END)
		return TAP_CONTENT;
	if (json_u64(json_get(root, "sequence_number"), &n) == 0)
		t->next_seq = n + 1;
	note_id(t, json_get(root, "response"));
	read_usage(t, json_get(root, "response"));
	if (kind == TAP_ERROR)
		return look_failed(t, root);
	if (kind == TAP_END)
		t->finished = t->done = true;
	return kind;
}

/* response.done is another name of response.completed (chatgpt.md 2.5). */
static enum tap_kind
kind_of(struct str type)
{
	static const struct {
		struct str type;
		enum tap_kind kind;
	} kinds[] = {
		{ STR_INIT("response.created"), TAP_PREAMBLE },
		{ STR_INIT("response.in_progress"), TAP_PREAMBLE },
		{ STR_INIT("response.queued"), TAP_PREAMBLE },
		{ STR_INIT("response.metadata"), TAP_PREAMBLE },
		{ STR_INIT("response.completed"), TAP_END },
		{ STR_INIT("response.done"), TAP_END },
		{ STR_INIT("response.incomplete"), TAP_END },
		{ STR_INIT("response.failed"), TAP_ERROR },
		{ STR_INIT("error"), TAP_ERROR },
		{ STR_INIT("keepalive"), TAP_NONE },
	};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (str_eq(type, kinds[i].type))
			return kinds[i].kind;
	return str_starts(type, STR("codex.")) ? TAP_PREAMBLE : TAP_CONTENT;
}

static enum tap_kind
look(struct tap *t, struct str name, struct str data)
{
	enum tap_kind kind = kind_of(event_type(name, data));

	if (kind != TAP_CONTENT && kind != TAP_NONE)
		return look_closer(t, kind, data);
	note_sequence(t, data);
	return kind;
}

/* ---- writing ---- */

/* The id of the open item: of its kind and its place. */
static void
put_item_id(const struct answer *a, struct json_out *o, const char *key)
{
	static const char *const prefixes[] = {
		[BLOCK_TEXT] = "msg_",
		[BLOCK_TOOL] = "fc_",
		[BLOCK_CUSTOM] = "ctc_",
		[BLOCK_REASONING] = "rs_",
		[BLOCK_REFUSAL] = "msg_",
	};
	char place[16];

	json_key(o, key);
	json_str_begin(o);
	json_str_plain(o, str_of(prefixes[a->kind]));
	json_str_text(o, a->id);
	fmt_to(place, sizeof(place), "_%u", a->index);
	json_str_plain(o, str_of(place));
	json_str_end(o);
}

static void
put_usage(const struct answer *a, struct json_out *o)
{
	const struct usage *u = &a->usage;

	json_open(o, '{');
	put_count(o, "input_tokens", u->input);
	json_key(o, "input_tokens_details");
	json_open(o, '{');
	put_count(o, "cached_tokens", u->cached);
	put_count(o, "cache_write_tokens", u->written);
	json_close(o, '}');
	put_count(o, "output_tokens", u->output);
	json_key(o, "output_tokens_details");
	json_open(o, '{');
	put_count(o, "reasoning_tokens", u->reasoning);
	json_close(o, '}');
	put_count(o, "total_tokens", u->input + u->output);
	json_close(o, '}');
}

/* ev: the EV_STOP or EV_ERROR at the end, NULL before. */
static const char *
status_of(const struct event *ev)
{
	if (ev == NULL)
		return "in_progress";
	if (ev->type == EV_ERROR)
		return "failed";
	return ev->stop == STOP_LENGTH || ev->stop == STOP_FILTER ?
	    "incomplete" : "completed";
}

static void
put_status(struct json_out *o, const struct event *ev)
{
	bool failed = ev != NULL && ev->type == EV_ERROR;
	bool stopped = ev != NULL && ev->type == EV_STOP;

	json_key(o, "status");
	json_str(o, str_of(status_of(ev)));
	json_key(o, "error");
	if (failed) {
		json_open(o, '{');
		put_reason(o, &ev->failure);
		json_close(o, '}');
	} else {
		json_null(o);
	}
	json_key(o, "incomplete_details");
	if (stopped && ev->stop == STOP_LENGTH)
		json_raw(o, STR("{\"reason\":\"max_output_tokens\"}"));
	else if (stopped && ev->stop == STOP_FILTER)
		json_raw(o, STR("{\"reason\":\"content_filter\"}"));
	else
		json_null(o);
}

/* The response object; ev as for status_of. */
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

	json_open(o, '{');
	put_id(o, "id", "resp_", a->id);
	json_key(o, "object");
	json_str(o, STR("response"));
	json_key(o, "created_at");
	json_num(o, a->created);
	put_status(o, ev);
	put_member(o, "model", a->model);
	json_key(o, "output");
	json_open(o, '[');
	if (a->blocks.len > 0)
		json_raw(o, buf_str(&a->blocks));
	json_close(o, ']');
	for (i = 0; i < sizeof(rest) / sizeof(rest[0]); i++) {
		json_key(o, rest[i].key);
		json_raw(o, rest[i].value);
	}
	json_key(o, "usage");
	if (ev != NULL && (ev->type == EV_STOP || a->usage.known))
		put_usage(a, o);
	else
		json_null(o);
	json_close(o, '}');
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

static void
put_call(const struct answer *a, struct json_out *o, struct str text)
{
	put_member(o, "call_id", buf_str(&a->tool_id));
	put_member(o, "name", buf_str(&a->tool_name));
	if (a->tool_namespace.len > 0)
		put_member(o, "namespace", buf_str(&a->tool_namespace));
	put_member(o, a->kind == BLOCK_CUSTOM ? "input" : "arguments", text);
}

/* The open item, as it begins or (done) as it is at its end. */
static void
put_item(const struct answer *a, struct json_out *o, bool done)
{
	static const char *const types[] = {
		[BLOCK_TEXT] = "message",
		[BLOCK_TOOL] = "function_call",
		[BLOCK_CUSTOM] = "custom_tool_call",
		[BLOCK_REASONING] = "reasoning",
		[BLOCK_REFUSAL] = "message",
	};
	struct str text = done ? buf_str(&a->text) : STR("");
	bool reasoning = a->kind == BLOCK_REASONING;

	json_open(o, '{');
	put_item_id(a, o, "id");
	json_key(o, "type");
	json_str(o, str_of(types[a->kind]));
	if (!reasoning) {
		json_key(o, "status");
		json_str(o, done ? STR("completed") : STR("in_progress"));
	}
	if (is_call(a->kind)) {
		put_call(a, o, text);
		json_close(o, '}');
		return;
	}
	if (!reasoning) {
		json_key(o, "role");
		json_str(o, STR("assistant"));
	}
	json_key(o, reasoning ? "summary" : "content");
	json_open(o, '[');
	if (done && (!reasoning || text.n > 0))
		put_part(a, o, text);
	json_close(o, ']');
	if (done && reasoning && a->content.len > 0)
		put_member(o, "encrypted_content", buf_str(&a->content));
	json_close(o, '}');
}

static void
event_open(struct answer *a, struct json_out *o, const char *type)
{
	sse_open(o, a->out, type);
	put_count(o, "sequence_number", a->seq++);
}

static void
life_event(struct answer *a, const char *type, const struct event *ev)
{
	struct json_out o;

	event_open(a, &o, type);
	json_key(&o, "response");
	put_response(a, &o, ev);
	sse_close(&o, a->out);
}

static void
item_event(struct answer *a, const char *type, bool done)
{
	struct json_out o;

	event_open(a, &o, type);
	put_count(&o, "output_index", a->index);
	json_key(&o, "item");
	put_item(a, &o, done);
	sse_close(&o, a->out);
}

/* item_id, output_index, and the index of the one part. */
static void
part_open(struct answer *a, struct json_out *o, const char *type)
{
	event_open(a, o, type);
	put_item_id(a, o, "item_id");
	put_count(o, "output_index", a->index);
	if (!is_call(a->kind))
		put_count(o, a->kind == BLOCK_REASONING ? "summary_index" :
		    "content_index", 0);
}

static void
part_event(struct answer *a, const char *type, struct str text)
{
	struct json_out o;

	part_open(a, &o, type);
	json_key(&o, "part");
	put_part(a, &o, text);
	sse_close(&o, a->out);
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
	[BLOCK_CUSTOM] = { NULL, "response.custom_tool_call_input.delta",
	    "response.custom_tool_call_input.done", NULL, "input" },
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
	sse_close(&o, a->out);
}

static void
keep_block(struct answer *a)
{
	struct json_out o;

	block_begin(a, &o);
	put_item(a, &o, true);
	json_out_flush(&o);
}

/* A summary has its part only if it has a text (openai.md 2.5), so that part
 * is added with the first delta; all other parts are, with their item. */
static bool
has_part(const struct answer *a)
{
	return names[a->kind].added != NULL &&
	    (a->kind != BLOCK_REASONING || a->filled);
}

static void
open_block(struct answer *a)
{
	item_event(a, "response.output_item.added", false);
	if (has_part(a))
		part_event(a, names[a->kind].added, STR(""));
}

static void
close_block(struct answer *a)
{
	struct str text = buf_str(&a->text);

	if (has_part(a) || is_call(a->kind))
		text_event(a, names[a->kind].done, names[a->kind].key, text);
	if (has_part(a))
		part_event(a, names[a->kind].over, text);
	item_event(a, "response.output_item.done", true);
	keep_block(a);
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
		open_block(a);
		break;
	case EV_DELTA:
		if (a->kind == BLOCK_REASONING && !a->filled)
			part_event(a, names[a->kind].added, STR(""));
		text_event(a, names[a->kind].delta, "delta", ev->text);
		break;
	case EV_CLOSE:
		close_block(a);
		break;
	case EV_STOP:
		life_event(a, ev->stop == STOP_LENGTH ||
		    ev->stop == STOP_FILTER ? "response.incomplete" :
		    "response.completed", ev);
		break;
	case EV_ERROR:
		if (a->started)
			life_event(a, "response.failed", ev);
		else
			write_stream_error(&ev->failure, a->seq++, STR(""),
			    a->out);
		break;
	default:
		break;
	}
}

/* The opaque text of a reasoning item that closes, as it stands in the item;
 * a->content is Chat's otherwise. A foreign one needs a tag. */
static void
take_sealed(struct answer *a, const struct event *ev)
{
	buf_clear(&a->content);
	if (ev->sealed.n > 0 &&
	    (ev->maker == SEAL_OPENAI || a->seal_tag.n > 0))
		seal_put(DIALECT_RESPONSES, ev->maker, a->seal_tag,
		    ev->sealed, &a->content);
}

static void
write_event(struct answer *a, const struct event *ev)
{
	struct json_out o;

	if (ev->type == EV_CLOSE)
		take_sealed(a, ev);
	if (a->stream) {
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
	.read = responses_read,
	.fit = responses_fit,
	.write = responses_write,
	.pointer = responses_pointer,
	.reader_size = sizeof(struct responses_reader),
	.feed = responses_feed,
	.finish = responses_finish,
	.whole = responses_whole,
	.drop = responses_drop,
};
