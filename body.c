/* SPDX-License-Identifier: MIT */
/*
 * body: the request's body comes in, and one look is cast over it while it
 * does: all of the JSON is checked, and the members that routing needs are
 * found. It is kept as it was received; every change is an edit of the attempt
 * that needs it.
 */
#include "request.h"

#include <string.h>

#define READ_STEP 131072 /* bytes that are read and looked at at once */
#define BODY_RATE 1      /* bytes a millisecond after body_timeout: 1 KiB/s */

/* ---- one look over the body ---- */

/* A look over the body that goes on while it comes. */
struct look {
	struct json j, key;
	unsigned seen;
	bool begun, after_key, whole, wrong;
	bool no_object;    /* wrong: it is something else */
	const char *twice; /* wrong: this member is there twice */
};

/* A member that llmux reads may stand there once only: two readers could
 * choose differently. False: it was there before. */
static bool
note_member(struct request *r, struct look *l)
{
	static const char *const read[] = { "model", "stream", "max_tokens",
		"metadata" };
	struct json_value name = { .type = JSON_KEY, .text = l->key.text,
		.escaped = l->key.escaped };
	const struct json *v = &l->j;
	/* the last two are dropped from a counting request only */
	size_t i, n = r->ep == EP_COUNT ? 4 : 2;

	for (i = 0; i < n; i++) {
		if (!json_is(name, str_of(read[i])))
			continue;
		if ((l->seen & 1u << i) != 0) {
			l->twice = read[i];
			return false;
		}
		l->seen |= 1u << i;
		if (i == 0)
			r->model_value = (struct json_value){ .type = v->type,
				.raw = str_sub(r->body, v->start,
				v->end - v->start), .text = v->text,
				.escaped = v->escaped };
		else if (i == 1)
			r->stream = v->type == JSON_TRUE;
	}
	return true;
}

static void
look_begin(struct look *l)
{
	memset(l, 0, sizeof(*l));
	json_init(&l->j);
}

/* The next token, as far as the body is there. */
static enum parse
look_next(struct request *r, struct look *l, bool final)
{
	enum parse got = json_next(&l->j, r->body, final);

	if (got != PARSE_OK)
		return got;
	l->no_object = !l->begun && l->j.type != JSON_OBJECT;
	l->begun = true;
	l->whole = l->j.type == JSON_END;
	if (l->no_object || (l->after_key && !note_member(r, l)))
		return PARSE_BAD;
	l->after_key = l->j.type == JSON_KEY && l->j.depth == 1;
	if (l->after_key)
		l->key = l->j;
	return PARSE_OK;
}

/* Look at what has come meanwhile: it is still in the cache. What is wrong is
 * said when all of it is there. */
static void
look_on(struct request *r, struct look *l, bool final)
{
	enum parse got = PARSE_OK;

	while (got == PARSE_OK && !l->whole && !l->wrong)
		got = look_next(r, l, final);
	l->wrong = l->wrong || got == PARSE_BAD;
}

/* All of it was checked, and the two members that routing needs are known; or
 * it is said what is wrong. */
static int
look_over(struct request *r, struct look *l)
{
	look_on(r, l, true);
	if (l->twice != NULL)
		return reply_deny(r, 400, WHY_BAD_REQUEST, "duplicate_field",
		    "field \"%s\" stands in the body twice", l->twice);
	if (l->no_object)
		return reply_deny(r, 400, WHY_BAD_REQUEST, "invalid_json",
		    "the body must be a JSON object");
	if (l->wrong)
		return reply_deny(r, 400, WHY_BAD_REQUEST, "invalid_json",
		    "the body is not valid JSON: byte %zu: expected %s",
		    l->j.pos, l->j.why);
	r->root = json_root(r->body);
	return 0;
}

/* ---- the body ---- */

/* There is no block for a body of n bytes: 413 when it can never fit, 503 when
 * it does not fit now. */
static int
no_body_room(struct request *r, size_t n)
{
	uint64_t total = mem_total();

	if (total > 0 && n > total)
		return reply_deny(r, 413, WHY_LIMIT, "request_too_large",
		    "the body does not fit into max_memory (%llu bytes)",
		    (unsigned long long)total);
	buf_addz(&r->fields, "retry-after: 1\r\n");
	return reply_deny(r, 503, WHY_LIMIT, "overloaded",
	    "no memory is free for a body of %zu bytes; try again", n);
}

static int
body_failed(struct request *r, const struct err *e)
{
	if (e->kind == ERR_TIME)
		return reply_deny(r, 408, WHY_CLIENT_SLOW, "request_timeout",
		    "the body came too slowly");
	if (e->kind == ERR_INPUT || e->kind == ERR_PEER)
		return reply_deny(r, 400, WHY_BAD_REQUEST, "bad_request",
		    "the body is broken: %s", e->text);
	r->keep = false;
	r->why = WHY_CLIENT_LEFT;
	return -1;
}

/* When the body must have got to n bytes: body_timeout, then at least
 * 1 KiB/s. */
static int64_t
body_due(const struct request *r, int64_t begin, size_t n)
{
	if (r->conf->body_ms <= 0)
		return DUE_NEVER;
	return begin + r->conf->body_ms + (int64_t)(n / BODY_RATE);
}

/* A body of declared length: reserved whole before it is read. One that is in
 * the input buffer already stays there. */
static int
read_sized(struct request *r, struct look *l)
{
	size_t length = (size_t)r->head.length, have = 0;
	int64_t begin = now_ms();
	struct err e;

	if (net_peek(r->client).n >= length) {
		r->body = str_sub(net_peek(r->client), 0, length);
		r->body_take = length;
		return 0;
	}
	r->body_mem = mem_block(length, &r->body_size);
	if (r->body_mem == NULL)
		return no_body_room(r, length);
	while (have < length) {
		size_t step = length - have < READ_STEP ? length - have :
		    READ_STEP;
		ssize_t n = net_read(r->client, r->body_mem + have, step,
		    body_due(r, begin, have), &e);

		if (n == 0)
			n = err_set(&e, ERR_GONE, "closed");
		if (n < 0)
			return body_failed(r, &e);
		have += (size_t)n;
		r->body = (struct str){ r->body_mem, have };
		look_on(r, l, have == length);
	}
	return 0;
}

/* By how much the room of a chunked body grows: doubled, or by what is
 * needed when max_memory has no more. */
static size_t
grow_by(const struct request *r, size_t cap, size_t need)
{
	uint64_t total = mem_total(), used = mem_reserved();
	size_t most = (size_t)r->conf->max_body - cap;

	if (cap <= need || (total > 0 && total - used < cap))
		return need;
	return cap < most ? cap : most;
}

/* A chunked body grows by reservation. */
static int
read_chunked(struct request *r)
{
	struct http_body body;
	struct str piece;
	size_t cap = 0, have = 0, max = (size_t)r->conf->max_body;
	int64_t begin = now_ms();
	struct err e = { .kind = ERR_NONE };
	int rc;

	http_body_init(&body, &r->head);
	while ((rc = http_body_next(r->client, &body, &piece,
	    body_due(r, begin, have), &e)) > 0) {
		if (piece.n > max - have)
			return reply_deny(r, 413, WHY_LIMIT, "request_too_large",
			    "the body is over max_body (%zu bytes)", max);
		if (have + piece.n > cap) {
			size_t more = grow_by(r, cap, have + piece.n - cap);
			size_t size;
			char *p = mem_block(cap + more, &size);

			if (p == NULL)
				return no_body_room(r, cap + more);
			memcpy(p, r->body_mem == NULL ? "" : r->body_mem,
			    have);
			mem_block_free(r->body_mem, r->body_size);
			r->body_mem = p;
			r->body_size = size;
			cap = size < max ? size : max;
		}
		memcpy(r->body_mem + have, piece.p, piece.n);
		have += piece.n;
	}
	if (rc < 0)
		return body_failed(r, &e);
	r->body = (struct str){ r->body_mem == NULL ? "" : r->body_mem,
		have };
	return 0;
}

static int
read_all(struct request *r, struct look *l)
{
	struct failure f;
	int rc;

	if (gate_body(r, &f) < 0) {
		reply_failure(r, &f, f.status == 413 ? WHY_LIMIT :
		    WHY_REFUSED);
		return -1;
	}
	if (r->head.expect_continue && net_peek(r->client).n == 0 &&
	    net_send_str(r->client, STR("HTTP/1.1 100 Continue\r\n\r\n"),
	    r->conf->send_ms, NULL) < 0) {
		r->keep = false;
		r->why = WHY_CLIENT_LEFT;
		return -1;
	}
	rc = r->head.framing == HTTP_LENGTH ? read_sized(r, l) :
	    read_chunked(r);
	if (rc == 0)
		r->body_unread = false;
	return rc;
}

int
body_read(struct request *r)
{
	struct look l;

	look_begin(&l);
	return read_all(r, &l) < 0 || look_over(r, &l) < 0 ? -1 : 0;
}
