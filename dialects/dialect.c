/* SPDX-License-Identifier: MIT */
/*
 * dialect: the same question to any of the three dialects, and what they have
 * in common: OpenAI's error object, the statuses of error names, the order of
 * neutral events, and the care for lone surrogates.
 */
#include "ops.h"

#include <string.h>

static const struct dialect_ops *
ops(enum dialect d)
{
	switch (d) {
	case DIALECT_RESPONSES:
		return &responses_ops;
	case DIALECT_MESSAGES:
		return &messages_ops;
	default:
		return &chat_ops;
	}
}

const char *
dialect_name(enum dialect d)
{
	return ops(d)->name;
}

const char *
dialect_error_type(enum dialect d, int status)
{
	return ops(d)->error_type(status);
}

void
dialect_error(enum dialect d, const struct failure *f, struct buf *out)
{
	ops(d)->error(f, out);
}

void
dialect_stream_error(enum dialect d, const struct failure *f, uint64_t seq,
    struct str response_id, struct buf *out)
{
	ops(d)->stream_error(f, seq, response_id, out);
}

struct str
dialect_ping(enum dialect d)
{
	return ops(d)->ping;
}

/* ---- failures ---- */

const char *
openai_error_type(int status)
{
	if (status == 429)
		return "rate_limit_error";
	if (status == 403)
		return "permission_error";
	return status >= 500 ? "server_error" : "invalid_request_error";
}

void
put_openai_error(struct json_out *o, const struct failure *f)
{
	json_open(o, '{');
	json_key(o, "message");
	json_str(o, f->message);
	json_key(o, "type");
	json_str(o, f->type.n > 0 ? f->type :
	    str_of(openai_error_type(f->status)));
	json_key(o, "param");
	if (f->param.n > 0)
		json_str(o, f->param);
	else
		json_null(o);
	json_key(o, "code");
	if (f->code != NULL)
		json_str(o, str_of(f->code));
	else
		json_null(o);
	json_close(o, '}');
}

/* Names that vendors give to failures, and the HTTP status of each. */
static const struct {
	const char *name;
	int status;
} error_names[] = {
	{ "invalid_request_error", 400 },
	{ "invalid_prompt", 400 },
	{ "context_length_exceeded", 400 },
	{ "authentication_error", 401 },
	{ "invalid_api_key", 401 },
	{ "billing_error", 402 },
	{ "permission_error", 403 },
	{ "not_found_error", 404 },
	{ "model_not_found", 404 },
	{ "request_too_large", 413 },
	{ "rate_limit_error", 429 },
	{ "rate_limit_exceeded", 429 },
	{ "insufficient_quota", 429 },
	{ "usage_limit_reached", 429 },
	{ "api_error", 500 },
	{ "server_error", 500 },
	{ "overloaded", 503 },
	{ "server_is_overloaded", 503 },
	{ "timeout_error", 504 },
	{ "overloaded_error", 529 },
};

static int
named_status(struct json_value v)
{
	size_t i;

	for (i = 0; i < sizeof(error_names) / sizeof(error_names[0]); i++)
		if (json_is(v, str_of(error_names[i].name)))
			return error_names[i].status;
	return 0;
}

/* Decoded and cut, so that it fits into a fixed array. */
static void
keep(char *dst, size_t cap, struct json_value v)
{
	struct buf b;

	dst[0] = '\0';
	if (v.type != JSON_STRING)
		return;
	buf_init(&b, 8192);
	json_decode(str_sub(v.text, 0, 1024), &b);
	fmt_to(dst, cap, "%.*s", STR_ARG(buf_str(&b)));
	buf_free(&b);
}

enum tap_kind
tap_failed(struct tap *t, struct json_value code, struct json_value type,
    struct json_value message)
{
	t->status = named_status(code);
	if (t->status == 0)
		t->status = named_status(type);
	if (t->status == 0)
		t->status = 502;
	keep(t->code, sizeof(t->code), code.type == JSON_STRING ? code :
	    type);
	keep(t->message, sizeof(t->message), message);
	if (t->message[0] == '\0')
		fmt_to(t->message, sizeof(t->message),
		    "the upstream failed without a reason");
	return TAP_ERROR;
}

/* ---- tap ---- */

void
tap_init(struct tap *t, enum dialect d)
{
	*t = (struct tap){ .d = d };
}

enum tap_kind
tap_event(struct tap *t, struct str name, struct str data)
{
	enum tap_kind k;

	if (data.p == NULL)
		return TAP_NONE;
	k = ops(t->d)->tap(t, name, data);
	if (k == TAP_CONTENT)
		t->begun = true;
	return k;
}

void
tap_answer(struct tap *t, struct str body)
{
	if (json_check(body, NULL) == 0)
		ops(t->d)->usage(t, json_root(body));
}

uint64_t
number_at(struct json_value v, const char *path)
{
	uint64_t n = 0;

	return json_u64(json_at(v, path), &n) == 0 ? n : 0;
}

/* ---- writing ---- */

void
answer_init(struct answer *a, enum dialect d, bool stream, size_t max)
{
	*a = (struct answer){ .d = d, .stream = stream };
	buf_init(&a->blocks, 2 * max);
	buf_init(&a->text, max);
	buf_init(&a->content, max);
	buf_init(&a->reasoning, max);
	buf_init(&a->refusal, max);
	buf_init(&a->tool_id, 4096);
	buf_init(&a->tool_name, 4096);
}

void
answer_free(struct answer *a)
{
	buf_free(&a->blocks);
	buf_free(&a->text);
	buf_free(&a->content);
	buf_free(&a->reasoning);
	buf_free(&a->refusal);
	buf_free(&a->tool_id);
	buf_free(&a->tool_name);
}

/* May ev come now? */
static bool
in_order(const struct answer *a, const struct event *ev)
{
	if (a->ended)
		return false;
	switch (ev->type) {
	case EV_START:
		return !a->started;
	case EV_OPEN:
		return a->started && !a->open;
	case EV_DELTA:
	case EV_CLOSE:
		return a->open;
	case EV_STOP:
		return a->started && !a->open;
	default:
		return true;
	}
}

static void
before(struct answer *a, const struct event *ev)
{
	if (ev->usage.known)
		a->usage = ev->usage;
	if (ev->type == EV_OPEN) {
		a->kind = ev->kind;
		buf_clear(&a->text);
		buf_clear(&a->tool_id);
		buf_clear(&a->tool_name);
		add_text(&a->tool_id, ev->id);
		add_text(&a->tool_name, ev->name);
	} else if (ev->type == EV_DELTA) {
		add_text(&a->text, ev->text);
	} else if (ev->type == EV_CLOSE && a->kind == BLOCK_TOOL &&
	    a->text.len == 0) {
		/* Clients parse the arguments: nothing means no argument. */
		struct event empty = { .type = EV_DELTA, .kind = BLOCK_TOOL,
			.text = STR("{}") };

		answer_event(a, &empty);
	}
}

static void
after(struct answer *a, const struct event *ev)
{
	a->started = true;
	if (ev->type == EV_OPEN) {
		a->open = true;
	} else if (ev->type == EV_CLOSE) {
		a->open = false;
		a->index++;
		if (a->kind == BLOCK_TOOL)
			a->tools++;
	} else if (ev->type == EV_STOP || ev->type == EV_ERROR) {
		a->ended = true;
	}
	a->bad = a->bad || a->text.bad || a->blocks.bad || a->content.bad ||
	    a->reasoning.bad || a->refusal.bad || a->tool_id.bad ||
	    a->tool_name.bad || a->out->bad;
}

void
answer_event(struct answer *a, const struct event *ev)
{
	struct event clean = *ev;
	size_t had = a->text.len;

	if (a->bad || !in_order(a, ev)) {
		a->bad = true;
		return;
	}
	before(a, ev);
	if (ev->type == EV_DELTA)
		clean.text = str_sub(buf_str(&a->text), had, a->text.len);
	ops(a->d)->event(a, &clean);
	after(a, ev);
}

void
block_begin(struct answer *a, struct json_out *o)
{
	if (a->blocks.len > 0)
		buf_addc(&a->blocks, ',');
	json_out_buf(o, &a->blocks);
}

void
put_member(struct json_out *o, const char *key, struct str text)
{
	json_key(o, key);
	json_text(o, text);
}

/* ---- lone surrogates ---- */

/* The code unit of a "\uXXXX" at the beginning of s, or -1. */
static int
unit_at(struct str s)
{
	int v = 0, i;

	if (s.n < 6 || s.p[0] != '\\' || s.p[1] != 'u')
		return -1;
	for (i = 2; i < 6; i++) {
		char c = s.p[i];

		v = v * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return v;
}

static bool
is_high(int unit)
{
	return unit >= 0xd800 && unit <= 0xdbff;
}

static bool
is_low(int unit)
{
	return unit >= 0xdc00 && unit <= 0xdfff;
}

void
add_text(struct buf *b, struct str text)
{
	size_t from = 0, i = 0;

	while (i < text.n) {
		struct str rest = str_sub(text, i, text.n);
		ssize_t at = str_chr(rest, '\\');
		int unit;

		if (at < 0)
			break;
		i += (size_t)at;
		unit = unit_at(str_sub(text, i, 6));
		if (is_high(unit) && is_low(unit_at(str_sub(text, i + 6,
		    6)))) {
			i += 12;
		} else if (is_high(unit) || is_low(unit)) {
			buf_adds(b, str_sub(text, from, i - from));
			buf_addz(b, "\\ufffd");
			i += 6;
			from = i;
		} else {
			i += unit >= 0 ? 6 : 2;
		}
	}
	buf_adds(b, str_sub(text, from, text.n));
}
