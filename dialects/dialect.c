/* SPDX-License-Identifier: MIT */
/*
 * dialect: the same question to any of the three dialects, and what they have
 * in common: OpenAI's error object, the statuses of error names, a cheap look
 * at JSON text, the order of neutral events, and the care for lone surrogates
 * (an escape without its other half, which JSON allows and most readers
 * refuse, goes out as U+FFFD).
 *
 * Deliberately not here: sockets, clock, reading of requests.
 */
#include "ops.h"

#include <string.h>

const struct dialect_ops *
ops_of(enum dialect d)
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
	return ops_of(d)->name;
}

const char *
dialect_error_type(enum dialect d, int status)
{
	return ops_of(d)->error_type(status);
}

void
dialect_error(enum dialect d, const struct failure *f, struct buf *out)
{
	ops_of(d)->error(f, out);
}

void
dialect_stream_error(enum dialect d, const struct failure *f, uint64_t seq,
    struct str response_id, struct buf *out)
{
	ops_of(d)->stream_error(f, seq, response_id, out);
}

struct str
dialect_ping(enum dialect d)
{
	return ops_of(d)->ping;
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

/* Names that vendors give to failures, and the HTTP status of each
 * (anthropic.md 4.1, openai.md 4, chatgpt.md 2.7). */
static const struct {
	const char *name;
	int status;
} error_names[] = {
	{ "invalid_request_error", 400 },
	{ "context_length_exceeded", 400 },
	{ "bio_policy", 400 },
	{ "cyber_policy", 400 },
	{ "misalignment_policy_violation", 400 },
	{ "authentication_error", 401 },
	{ "invalid_api_key", 401 },
	{ "billing_error", 402 },
	{ "permission_error", 403 },
	{ "usage_not_included", 403 },
	{ "not_found_error", 404 },
	{ "model_not_found", 404 },
	{ "conflict_error", 409 },
	{ "request_too_large", 413 },
	{ "rate_limit_error", 429 },
	{ "rate_limit_exceeded", 429 },
	{ "insufficient_quota", 429 },
	{ "usage_limit_reached", 429 },
	{ "organization_spend_limit_exceeded", 429 },
	{ "api_error", 500 },
	{ "server_error", 502 },
	{ "overloaded", 503 },
	{ "overloaded_error", 503 },
	{ "server_is_overloaded", 503 },
	{ "slow_down", 503 },
	{ "timeout_error", 504 },
};

int
named_status(struct json_value v)
{
	uint64_t n;
	size_t i;

	if (json_u64(v, &n) == 0)
		return n >= 400 && n <= 599 ? (int)n : 0;
	for (i = 0; i < sizeof(error_names) / sizeof(error_names[0]); i++)
		if (json_is(v, str_of(error_names[i].name)))
			return error_names[i].status;
	/* invalid_prompt, invalid_image_format and their kind */
	return v.type == JSON_STRING && str_starts(v.text, STR("invalid_")) ?
	    400 : 0;
}

/* Decoded and cut to whole characters, so that it fits into a fixed array. */
static void
keep(char *dst, size_t cap, struct json_value v)
{
	struct buf b;
	size_t n;

	dst[0] = '\0';
	if (v.type != JSON_STRING)
		return;
	/* An escape has six bytes at most for one byte of text: what a cut
	 * here may spoil is cut off again below. */
	v.text = str_sub(v.text, 0, 6 * cap);
	buf_init(&b, v.text.n + 16);
	json_decode(v.text, &b);
	n = b.len;
	if (n >= cap)
		for (n = cap - 1; n > 0 && (b.p[n] & 0xc0) == 0x80;)
			n--;
	fmt_to(dst, cap, "%.*s", STR_ARG(str_sub(buf_str(&b), 0, n)));
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
	/* Overload has its own status with Anthropic (openai.md 6.8). */
	if (t->status == 503 && t->d == DIALECT_MESSAGES)
		t->status = 529;
	else if (t->status == 529 && t->d != DIALECT_MESSAGES)
		t->status = 503;
	keep(t->code, sizeof(t->code), code.type == JSON_STRING ? code :
	    type);
	keep(t->message, sizeof(t->message), message);
	if (t->message[0] == '\0')
		fmt_to(t->message, sizeof(t->message),
		    "the upstream failed without a reason");
	return TAP_ERROR;
}

enum tap_kind
tap_error(struct tap *t, struct json_value error)
{
	if (error.type == JSON_STRING)
		return tap_failed(t, json_get(error, "code"),
		    json_get(error, "type"), error);
	return tap_failed(t, json_get(error, "code"), json_get(error, "type"),
	    json_get(error, "message"));
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

	if (data.n == 0)
		return TAP_NONE;
	k = ops_of(t->d)->tap(t, name, data);
	if (k == TAP_CONTENT)
		t->begun = true;
	return k;
}

void
tap_answer(struct tap *t, struct str body)
{
	if (json_check(body, NULL) == 0)
		ops_of(t->d)->usage(t, json_root(body));
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

struct str
skip_space(struct str rest)
{
	while (rest.n > 0 && is_space(rest.p[0])) {
		rest.p++;
		rest.n--;
	}
	return rest;
}

bool
next_name(struct str *rest, struct str *name)
{
	const char *p = rest->p, *end = p + rest->n, *colon, *to;

	for (; p < end; p = colon + 1) {
		colon = memchr(p, ':', (size_t)(end - p));
		if (colon == NULL)
			break;
		for (to = colon; to > p && is_space(to[-1]); to--)
			continue;
		if (to == p || to[-1] != '"')
			continue;
		*name = (struct str){ p, (size_t)(to - p) - 1 };
		*rest = (struct str){ colon + 1, (size_t)(end - colon) - 1 };
		return true;
	}
	*rest = (struct str){ end, 0 };
	return false;
}

bool
is_name(struct str name, struct str want)
{
	const char *from;

	if (name.n <= want.n)
		return false;
	from = name.p + name.n - want.n;
	return from[-1] == '"' && from[0] == want.p[0] &&
	    memcmp(from, want.p, want.n) == 0;
}

struct str
event_type(struct str name, struct str data)
{
	struct str rest = data, first, type;
	struct json_value v;

	if (next_name(&rest, &first) && is_name(first, STR("type"))) {
		rest = skip_space(rest);
		if (rest.n > 0 && rest.p[0] == '"') {
			rest = str_sub(rest, 1, rest.n);
			if (str_cut(&rest, '"', &type) && rest.p != NULL)
				return type;
		}
	}
	if (name.n > 0 || json_check(data, NULL) < 0)
		return name;
	v = json_get(json_root(data), "type");
	return v.type == JSON_STRING ? v.text : name;
}

uint64_t
number_at(struct json_value v, const char *path)
{
	uint64_t n = 0;

	return json_u64(json_at(v, path), &n) == 0 ? n : 0;
}

/* ---- pieces of JSON and of events ---- */

void
put_member(struct json_out *o, const char *key, struct str text)
{
	json_key(o, key);
	json_text(o, text);
}

void
put_id(struct json_out *o, const char *key, const char *prefix,
    struct str id)
{
	json_key(o, key);
	json_str_begin(o);
	json_str_plain(o, str_of(prefix));
	json_str_text(o, id);
	json_str_end(o);
}

void
put_number(struct json_out *o, const char *key, struct str raw)
{
	if (raw.n == 0)
		return;
	json_key(o, key);
	json_raw(o, raw);
}

void
put_count(struct json_out *o, const char *key, uint64_t n)
{
	json_key(o, key);
	json_num(o, n > INT64_MAX ? INT64_MAX : (int64_t)n);
}

void
block_begin(struct answer *a, struct json_out *o)
{
	if (a->blocks.len > 0)
		buf_addc(&a->blocks, ',');
	json_out_buf(o, &a->blocks);
}

void
sse_open(struct json_out *o, struct buf *out, const char *type)
{
	buf_fmt(out, "event: %s\ndata: ", type);
	json_out_buf(o, out);
	json_open(o, '{');
	json_key(o, "type");
	json_str(o, str_of(type));
}

void
sse_close(struct json_out *o, struct buf *out)
{
	json_close(o, '}');
	json_out_flush(o);
	buf_addz(out, "\n\n");
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

/*
 * Append escaped text. A lone surrogate becomes U+FFFD; but a high one at the
 * very end is kept in half (unless that is NULL), as its other half may be the
 * begin of the next piece.
 */
static void
add_text(struct buf *b, struct str text, char half[7])
{
	size_t from = 0, i = 0;
	ssize_t at;

	while ((at = str_chr(str_sub(text, i, text.n), '\\')) >= 0) {
		int unit;

		i += (size_t)at;
		unit = unit_at(str_sub(text, i, 6));
		if (!is_high(unit) && !is_low(unit)) {
			i += unit < 0 ? 2 : 6;
			continue;
		}
		if (is_high(unit) && is_low(unit_at(str_sub(text, i + 6,
		    6)))) {
			i += 12;
			continue;
		}
		buf_adds(b, str_sub(text, from, i - from));
		if (half != NULL && is_high(unit) && i + 6 == text.n)
			memcpy(half, text.p + i, 6);
		else
			buf_addz(b, "\\ufffd");
		i += 6;
		from = i;
	}
	buf_adds(b, str_sub(text, from, text.n));
}

/* The next piece of the open block, behind the half that may wait. */
static void
add_piece(struct answer *a, struct str text)
{
	if (a->half[0] != '\0' && text.n > 0) {
		if (is_low(unit_at(text))) {
			buf_addz(&a->text, a->half);
			buf_adds(&a->text, str_sub(text, 0, 6));
			text = str_sub(text, 6, text.n);
		} else {
			buf_addz(&a->text, "\\ufffd");
		}
		a->half[0] = '\0';
	}
	add_text(&a->text, text, a->half);
}

/* ---- writing ---- */

void
answer_init(struct answer *a, enum dialect d, bool stream, size_t max)
{
	*a = (struct answer){ .d = d, .stream = stream,
		.reasoning_field = "reasoning_content" };
	buf_init(&a->blocks, 2 * max);
	buf_init(&a->text, max);
	buf_init(&a->content, max);
	buf_init(&a->reasoning, max);
	buf_init(&a->refusal, max);
	buf_init(&a->tool_id, 4096);
	buf_init(&a->tool_name, 4096);
	buf_init(&a->tool_namespace, 4096);
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
	buf_free(&a->tool_namespace);
}

bool
is_call(enum block_kind kind)
{
	return kind == BLOCK_TOOL || kind == BLOCK_CUSTOM;
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
		return a->started && !a->open && (ev->kind != BLOCK_CUSTOM ||
		    a->d != DIALECT_MESSAGES);
	case EV_DELTA:
	case EV_CLOSE:
		return a->open;
	case EV_STOP:
		return a->started && !a->open;
	default:
		return true;
	}
}

/* Take over what ev brings; its text becomes the clean text. */
static void
take(struct answer *a, struct event *ev)
{
	size_t from = 0;

	if (ev->usage.known)
		a->usage = ev->usage;
	switch (ev->type) {
	case EV_OPEN:
		a->kind = ev->kind;
		a->filled = false;
		a->half[0] = '\0';
		buf_clear(&a->text);
		buf_clear(&a->tool_id);
		buf_clear(&a->tool_name);
		buf_clear(&a->tool_namespace);
		add_text(&a->tool_id, ev->id, NULL);
		add_text(&a->tool_name, ev->name, NULL);
		add_text(&a->tool_namespace, ev->namespace, NULL);
		break;
	case EV_DELTA:
		/* Only Responses repeats the text of a stream at its end. */
		if (a->stream && a->d != DIALECT_RESPONSES)
			buf_clear(&a->text);
		from = a->text.len;
		add_piece(a, ev->text);
		ev->text = str_sub(buf_str(&a->text), from, a->text.len);
		break;
	case EV_STOP:
		buf_clear(&a->text);
		add_text(&a->text, ev->stop_sequence, NULL);
		ev->stop_sequence = buf_str(&a->text);
		break;
	default:
		break;
	}
}

/* The state behind ev. */
static void
advance(struct answer *a, const struct event *ev)
{
	switch (ev->type) {
	case EV_START:
		a->started = true;
		break;
	case EV_OPEN:
		a->open = true;
		break;
	case EV_DELTA:
		a->filled = true;
		break;
	case EV_CLOSE:
		a->open = false;
		a->index++;
		if (is_call(a->kind))
			a->tools++;
		break;
	case EV_STOP:
	case EV_ERROR:
		a->ended = true;
		break;
	default:
		break;
	}
	a->bad = a->bad || a->blocks.bad || a->text.bad || a->content.bad ||
	    a->reasoning.bad || a->refusal.bad || a->tool_id.bad ||
	    a->tool_name.bad || a->tool_namespace.bad || a->out->bad;
}

static void
apply(struct answer *a, const struct event *given)
{
	struct event ev = *given;

	take(a, &ev);
	if (ev.type == EV_DELTA && ev.text.n == 0 && !a->text.bad)
		return;
	ops_of(a->d)->event(a, &ev);
	advance(a, &ev);
}

/* What the open block still lacks at its end. */
static struct str
missing(struct answer *a)
{
	if (a->half[0] != '\0') {
		a->half[0] = '\0';
		return STR("\\ufffd");
	}
	/* Clients parse the arguments: nothing means no argument. */
	return a->kind == BLOCK_TOOL && !a->filled ? STR("{}") : STR("");
}

void
answer_event(struct answer *a, const struct event *ev)
{
	struct event last = { .type = EV_DELTA };

	if (a->bad || !in_order(a, ev)) {
		a->bad = true;
		return;
	}
	if (ev->type == EV_CLOSE) {
		last.text = missing(a);
		apply(a, &last);
	}
	apply(a, ev);
}
