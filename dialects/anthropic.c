/* SPDX-License-Identifier: MIT */
/*
 * anthropic: Anthropic Messages. Error bodies and events, a look at events
 * that pass, and the writer of answers (Messages API, versions 2023-06-01 and
 * 2026-10-21, which do not differ in what is written here).
 *
 * Rules kept: event name equals the JSON type; one message_start, first;
 * blocks one at a time, index from 0; message_delta with the usage before
 * message_stop; nothing behind an error.
 */
#include "ops.h"

static const char *
error_type(int status)
{
	switch (status) {
	case 401:
		return "authentication_error";
	case 402:
		return "billing_error";
	case 403:
		return "permission_error";
	case 404:
		return "not_found_error";
	case 413:
		return "request_too_large";
	case 429:
		return "rate_limit_error";
	case 503:
	case 529:
		return "overloaded_error";
	case 504:
		return "timeout_error";
	default:
		return status >= 500 ? "api_error" : "invalid_request_error";
	}
}

static const char *
stop_reason(const struct answer *a, enum stop_kind stop)
{
	switch (stop) {
	case STOP_LENGTH:
		return "max_tokens";
	case STOP_FILTER:
		return "refusal";
	case STOP_SEQUENCE:
		return "stop_sequence";
	default:
		return stop == STOP_TOOL || a->tools > 0 ? "tool_use" :
		    "end_turn";
	}
}

/* ---- errors ---- */

static void
write_error(const struct failure *f, struct buf *out)
{
	struct json_out o;

	json_out_buf(&o, out);
	json_open(&o, '{');
	json_key(&o, "type");
	json_str(&o, STR("error"));
	json_key(&o, "error");
	json_open(&o, '{');
	json_key(&o, "type");
	json_str(&o, f->type.n > 0 ? f->type :
	    str_of(error_type(f->status)));
	json_key(&o, "message");
	json_str(&o, f->message);
	json_close(&o, '}');
	json_key(&o, "request_id");
	if (f->request_id.n > 0)
		json_str(&o, f->request_id);
	else
		json_null(&o);
	json_close(&o, '}');
	json_out_flush(&o);
}

static void
write_stream_error(const struct failure *f, uint64_t seq,
    struct str response_id, struct buf *out)
{
	(void)seq;
	(void)response_id;
	buf_addz(out, "event: error\ndata: ");
	write_error(f, out);
	buf_addz(out, "\n\n");
}

/* ---- looking ---- */

/* Input counts come in message_start, the final output in message_delta; each
 * later value replaces the earlier one, they are never added. */
static void
merge_usage(struct tap *t, struct json_value u)
{
	uint64_t fresh = 0, read = 0, write = 0, out = 0;
	bool counts;

	if (u.type != JSON_OBJECT)
		return;
	counts = json_u64(json_get(u, "input_tokens"), &fresh) == 0;
	if (json_u64(json_get(u, "cache_read_input_tokens"), &read) < 0)
		read = counts ? 0 : t->usage.cached;
	if (json_u64(json_get(u, "cache_creation_input_tokens"), &write) < 0)
		write = counts ? 0 : t->usage.written;
	if (counts) {
		t->usage.cached = read;
		t->usage.written = write;
		t->usage.input = fresh + read + write;
	}
	if (json_u64(json_get(u, "output_tokens"), &out) == 0)
		t->usage.output = out;
	t->usage.known = true;
}

static void
read_usage(struct tap *t, struct json_value answer)
{
	merge_usage(t, json_get(answer, "usage"));
}

static bool
is(struct str name, struct json_value type, const char *want)
{
	return name.n > 0 ? str_eq(name, str_of(want)) :
	    json_is(type, str_of(want));
}

static enum tap_kind
look(struct tap *t, struct str name, struct str data)
{
	struct json_value type = { .type = JSON_NONE }, e;

	if (str_eq(name, STR("content_block_delta")))
		return TAP_CONTENT;
	if (json_check(data, NULL) < 0)
		return TAP_CONTENT;
	type = json_get(json_root(data), "type");
	if (is(name, type, "message_start")) {
		merge_usage(t, json_at(json_root(data), "message/usage"));
		return TAP_PREAMBLE;
	}
	if (is(name, type, "ping"))
		return TAP_NONE;
	if (is(name, type, "message_delta")) {
		merge_usage(t, json_get(json_root(data), "usage"));
		return TAP_CONTENT;
	}
	if (is(name, type, "message_stop")) {
		t->finished = t->done = true;
		return TAP_END;
	}
	if (is(name, type, "error")) {
		e = json_get(json_root(data), "error");
		return tap_failed(t, json_get(e, "code"),
		    json_get(e, "type"), json_get(e, "message"));
	}
	return TAP_CONTENT;
}

/* ---- writing ---- */

static void
event_open(struct answer *a, struct json_out *o, const char *type)
{
	buf_fmt(a->out, "event: %s\ndata: ", type);
	json_out_buf(o, a->out);
	json_open(o, '{');
	json_key(o, "type");
	json_str(o, str_of(type));
}

static void
event_close(struct answer *a, struct json_out *o)
{
	json_close(o, '}');
	json_out_flush(o);
	buf_addz(a->out, "\n\n");
}

static void
put_usage(const struct answer *a, struct json_out *o, bool final)
{
	const struct usage *u = &a->usage;
	uint64_t cached = u->cached + u->written;

	json_key(o, "usage");
	json_open(o, '{');
	json_key(o, "input_tokens");
	json_num(o, (int64_t)(u->input < cached ? 0 : u->input - cached));
	json_key(o, "cache_creation_input_tokens");
	json_num(o, (int64_t)u->written);
	json_key(o, "cache_read_input_tokens");
	json_num(o, (int64_t)u->cached);
	json_key(o, "output_tokens");
	json_num(o, final ? (int64_t)u->output : 0);
	json_close(o, '}');
}

/* The members that message_start and a whole answer have in common. */
static void
put_message(struct answer *a, struct json_out *o)
{
	json_key(o, "id");
	json_str_begin(o);
	json_str_plain(o, STR("msg_"));
	json_str_text(o, a->id);
	json_str_end(o);
	json_key(o, "type");
	json_str(o, STR("message"));
	json_key(o, "role");
	json_str(o, STR("assistant"));
	put_member(o, "model", a->model);
}

static void
put_stop(const struct answer *a, struct json_out *o, const struct event *ev)
{
	json_key(o, "stop_reason");
	json_str(o, str_of(stop_reason(a, ev->stop)));
	json_key(o, "stop_sequence");
	if (ev->stop == STOP_SEQUENCE && ev->stop_sequence.n > 0)
		json_text(o, ev->stop_sequence);
	else
		json_null(o);
}

/* The block as it begins (text empty) or as it is at its end. */
static void
put_block(const struct answer *a, struct json_out *o, struct str text,
    bool whole)
{
	json_open(o, '{');
	json_key(o, "type");
	if (a->kind == BLOCK_TOOL) {
		json_str(o, STR("tool_use"));
		put_member(o, "id", buf_str(&a->tool_id));
		put_member(o, "name", buf_str(&a->tool_name));
		json_key(o, "input");
		if (whole) {
			struct buf plain;

			buf_init(&plain, a->text.max);
			json_decode(text, &plain);
			json_raw(o, json_check(buf_str(&plain), NULL) == 0 ?
			    buf_str(&plain) : STR("{}"));
			buf_free(&plain);
		} else {
			json_raw(o, STR("{}"));
		}
	} else if (a->kind == BLOCK_REASONING) {
		json_str(o, STR("thinking"));
		put_member(o, "thinking", text);
		put_member(o, "signature", STR(""));
	} else {
		json_str(o, STR("text"));
		put_member(o, "text", text);
	}
	json_close(o, '}');
}

static void
put_delta(const struct answer *a, struct json_out *o, struct str text)
{
	json_key(o, "delta");
	json_open(o, '{');
	json_key(o, "type");
	if (a->kind == BLOCK_TOOL) {
		json_str(o, STR("input_json_delta"));
		put_member(o, "partial_json", text);
	} else if (a->kind == BLOCK_REASONING) {
		json_str(o, STR("thinking_delta"));
		put_member(o, "thinking", text);
	} else {
		json_str(o, STR("text_delta"));
		put_member(o, "text", text);
	}
	json_close(o, '}');
}

static void
put_index(const struct answer *a, struct json_out *o)
{
	json_key(o, "index");
	json_num(o, (int64_t)a->index);
}

static void
stream_start(struct answer *a)
{
	struct json_out o;

	event_open(a, &o, "message_start");
	json_key(&o, "message");
	json_open(&o, '{');
	put_message(a, &o);
	json_key(&o, "content");
	json_raw(&o, STR("[]"));
	json_key(&o, "stop_reason");
	json_null(&o);
	json_key(&o, "stop_sequence");
	json_null(&o);
	put_usage(a, &o, false);
	json_close(&o, '}');
	event_close(a, &o);
}

static void
stream_stop(struct answer *a, const struct event *ev)
{
	struct json_out o;

	event_open(a, &o, "message_delta");
	json_key(&o, "delta");
	json_open(&o, '{');
	put_stop(a, &o, ev);
	json_close(&o, '}');
	put_usage(a, &o, true);
	event_close(a, &o);
	event_open(a, &o, "message_stop");
	event_close(a, &o);
}

static void
stream_event(struct answer *a, const struct event *ev)
{
	struct json_out o;

	switch (ev->type) {
	case EV_START:
		stream_start(a);
		break;
	case EV_OPEN:
		event_open(a, &o, "content_block_start");
		put_index(a, &o);
		json_key(&o, "content_block");
		put_block(a, &o, STR(""), false);
		event_close(a, &o);
		break;
	case EV_DELTA:
		event_open(a, &o, "content_block_delta");
		put_index(a, &o);
		put_delta(a, &o, ev->text);
		event_close(a, &o);
		break;
	case EV_CLOSE:
		event_open(a, &o, "content_block_stop");
		put_index(a, &o);
		event_close(a, &o);
		break;
	case EV_STOP:
		stream_stop(a, ev);
		break;
	case EV_ERROR:
		write_stream_error(&ev->failure, 0, STR(""), a->out);
		break;
	default:
		break;
	}
}

static void
whole_stop(struct answer *a, const struct event *ev)
{
	struct json_out o;

	json_out_buf(&o, a->out);
	json_open(&o, '{');
	put_message(a, &o);
	json_key(&o, "content");
	json_open(&o, '[');
	if (a->blocks.len > 0)
		json_raw(&o, buf_str(&a->blocks));
	json_close(&o, ']');
	put_stop(a, &o, ev);
	put_usage(a, &o, true);
	json_close(&o, '}');
	json_out_flush(&o);
}

static void
write_event(struct answer *a, const struct event *ev)
{
	struct json_out o;

	if (a->stream) {
		stream_event(a, ev);
	} else if (ev->type == EV_CLOSE) {
		block_begin(a, &o);
		put_block(a, &o, buf_str(&a->text), true);
		json_out_flush(&o);
	} else if (ev->type == EV_STOP) {
		whole_stop(a, ev);
	} else if (ev->type == EV_ERROR) {
		write_error(&ev->failure, a->out);
	}
}

const struct dialect_ops messages_ops = {
	.name = "messages",
	.ping = STR_INIT("event: ping\ndata: {\"type\":\"ping\"}\n\n"),
	.error_type = error_type,
	.error = write_error,
	.stream_error = write_stream_error,
	.tap = look,
	.usage = read_usage,
	.event = write_event,
};
