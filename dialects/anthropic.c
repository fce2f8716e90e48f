/* SPDX-License-Identifier: MIT */
/*
 * anthropic: Anthropic Messages. Error bodies and events, a look at events
 * that pass, and the writer of answers (Messages API, versions 2023-06-01 and
 * 2026-10-21, which do not differ in what is written here).
 *
 * Rules kept: event name equals the JSON type; one message_start, first, with
 * the input counts; blocks one at a time, index from 0; message_delta with the
 * usage before message_stop; nothing behind an error. A refusal's words are a
 * text block. A thinking block's signature is what its maker sealed, wrapped
 * (neutral.h) unless that is Anthropic; redacted thinking is a block of its
 * own.
 *
 * Requests: anthropic_request.c, anthropic_fit.c, anthropic_write.c. Answers of
 * providers: anthropic_reader.c.
 */
#include "anthropic.h"

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
	case 409:
		return "conflict_error";
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
		/* Calls decide, not what the upstream said. */
		return a->tools > 0 ? "tool_use" : "end_turn";
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

struct str
text_in(struct json_value v, const char *name)
{
	return text_of(json_get(v, name));
}

/* input_tokens is without the cached parts. */
void
messages_usage(struct usage *to, struct json_value u)
{
	uint64_t fresh = to->input - to->cached - to->written;

	if (u.type != JSON_OBJECT)
		return;
	json_u64(json_get(u, "input_tokens"), &fresh);
	json_u64(json_get(u, "cache_read_input_tokens"), &to->cached);
	json_u64(json_get(u, "cache_creation_input_tokens"), &to->written);
	json_u64(json_get(u, "output_tokens"), &to->output);
	json_u64(json_at(u, "output_tokens_details/thinking_tokens"),
	    &to->reasoning);
	to->input = fresh + to->cached + to->written;
	to->known = true;
}

static void
read_usage(struct tap *t, struct json_value answer)
{
	messages_usage(&t->usage, json_get(answer, "usage"));
}

/* The events that hold what the relay wants to know. */
static enum tap_kind
look_closer(struct tap *t, struct str type, struct json_value root)
{
	if (str_eq(type, STR("message_start"))) {
		read_usage(t, json_get(root, "message"));
		return TAP_PREAMBLE;
	}
	if (str_eq(type, STR("error")))
		return tap_error(t, json_get(root, "error"));
	read_usage(t, root); /* message_delta */
	return TAP_CONTENT;
}

static enum tap_kind
look(struct tap *t, struct str name, struct str data)
{
	struct json_value root = { .type = JSON_NONE };
	struct str type = event_type(name, data);

	if (str_eq(type, STR("content_block_delta")))
		return TAP_CONTENT;
	if (str_eq(type, STR("ping")))
		return TAP_NONE;
	if (str_eq(type, STR("message_stop"))) {
		t->finished = t->done = true;
		return TAP_END;
	}
	if (!str_eq(type, STR("message_start")) &&
	    !str_eq(type, STR("message_delta")) &&
	    !str_eq(type, STR("error")))
		return TAP_CONTENT;
	if (json_check(data, NULL) == 0)
		root = json_root(data);
	return look_closer(t, type, root);
}

/* ---- writing ---- */

static void
put_usage(const struct answer *a, struct json_out *o, bool final)
{
	const struct usage *u = &a->usage;
	uint64_t cached = u->cached + u->written;

	json_key(o, "usage");
	json_open(o, '{');
	put_count(o, "input_tokens", u->input < cached ? 0 :
	    u->input - cached);
	put_count(o, "cache_creation_input_tokens", u->written);
	put_count(o, "cache_read_input_tokens", u->cached);
	put_count(o, "output_tokens", final ? u->output : 0);
	json_close(o, '}');
}

/* The members that message_start and a whole answer have in common. */
static void
put_message(struct answer *a, struct json_out *o)
{
	put_id(o, "id", "msg_", a->id);
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

/* The arguments as a value. What is no object (the model was stopped inside
 * of it) cannot stand there: {}. */
static void
put_input(struct answer *a, struct json_out *o)
{
	struct buf plain;
	struct str input;

	buf_init(&plain, a->text.max);
	json_decode(buf_str(&a->text), &plain);
	input = buf_str(&plain);
	if (plain.bad)
		a->bad = true;
	if (json_check(input, NULL) < 0 ||
	    json_root(input).type != JSON_OBJECT)
		input = STR("{}");
	json_raw(o, input);
	buf_free(&plain);
}

/* What is sealed, as it stands in a field of this dialect. */
static void
put_sealed(struct answer *a, struct json_out *o, const char *key,
    const struct event *ev)
{
	struct str text = ev->sealed;
	struct buf b;

	buf_init(&b, text.n + 128);
	if (str_starts(text, STR(REDACTED)))
		text = str_sub(text, sizeof(REDACTED) - 1, text.n);
	seal_put(DIALECT_MESSAGES, ev->maker, a->seal_tag, text, &b);
	put_member(o, key, buf_str(&b));
	a->bad = a->bad || b.bad;
	buf_free(&b);
}

/* Is there anything sealed that may be shown? */
static bool
has_seal(const struct answer *a, const struct event *ev)
{
	return ev->maker == SEAL_ANTHROPIC ||
	    (ev->maker == SEAL_OPENAI && a->seal_tag.n > 0);
}

/* The block as it begins, or (whole) as it is at its end. */
static void
put_block(struct answer *a, struct json_out *o, const struct event *ev,
    bool whole)
{
	struct str text = whole ? buf_str(&a->text) : STR("");

	json_open(o, '{');
	json_key(o, "type");
	if (a->kind == BLOCK_TOOL) {
		json_str(o, STR("tool_use"));
		put_member(o, "id", buf_str(&a->tool_id));
		put_member(o, "name", buf_str(&a->tool_name));
		json_key(o, "input");
		if (whole)
			put_input(a, o);
		else
			json_raw(o, STR("{}"));
	} else if (a->kind == BLOCK_REASONING && ev->redacted) {
		json_str(o, STR("redacted_thinking"));
		put_sealed(a, o, "data", ev);
	} else if (a->kind == BLOCK_REASONING) {
		json_str(o, STR("thinking"));
		put_member(o, "thinking", text);
		if (whole && has_seal(a, ev))
			put_sealed(a, o, "signature", ev);
		else
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

/* An event of the open block. */
static void
block_open(const struct answer *a, struct json_out *o, const char *type)
{
	sse_open(o, a->out, type);
	put_count(o, "index", a->index);
}

static void
stream_start(struct answer *a)
{
	struct json_out o;

	sse_open(&o, a->out, "message_start");
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
	sse_close(&o, a->out);
}

static void
stream_stop(struct answer *a, const struct event *ev)
{
	struct json_out o;

	sse_open(&o, a->out, "message_delta");
	json_key(&o, "delta");
	json_open(&o, '{');
	put_stop(a, &o, ev);
	json_close(&o, '}');
	put_usage(a, &o, true);
	sse_close(&o, a->out);
	sse_open(&o, a->out, "message_stop");
	sse_close(&o, a->out);
}

static void
stream_signature(struct answer *a, const struct event *ev)
{
	struct json_out o;

	block_open(a, &o, "content_block_delta");
	json_key(&o, "delta");
	json_open(&o, '{');
	json_key(&o, "type");
	json_str(&o, STR("signature_delta"));
	put_sealed(a, &o, "signature", ev);
	json_close(&o, '}');
	sse_close(&o, a->out);
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
		block_open(a, &o, "content_block_start");
		json_key(&o, "content_block");
		put_block(a, &o, ev, false);
		sse_close(&o, a->out);
		break;
	case EV_DELTA:
		block_open(a, &o, "content_block_delta");
		put_delta(a, &o, ev->text);
		sse_close(&o, a->out);
		break;
	case EV_CLOSE:
		if (a->kind == BLOCK_REASONING && !ev->redacted &&
		    has_seal(a, ev))
			stream_signature(a, ev);
		block_open(a, &o, "content_block_stop");
		sse_close(&o, a->out);
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
		put_block(a, &o, ev, true);
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
	.read = messages_read,
	.fit = messages_fit,
	.write = messages_write,
	.pointer = messages_pointer,
	.reader_size = sizeof(struct messages_reader),
	.feed = messages_feed,
	.finish = messages_finish,
	.whole = messages_whole,
	.drop = messages_drop,
};
