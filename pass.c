/* SPDX-License-Identifier: MIT */
/*
 * pass: an answer's way back to the client, its bytes unchanged. Streams go by
 * whole events: a piece of an event waits for its rest, so a cut stream never
 * shows half an event. Status and preamble wait for the first content, but not
 * longer than ping_interval: an early failure keeps its status, and the next
 * provider of a chain can still be asked. Whole answers are held until they
 * are whole (up to WHOLE_MAX), for the same reason.
 *
 * A stream that ends without its dialect's end gets the dialect's error
 * record, never a made-up end.
 */
#include "attempt.h"

#include <string.h>

#include "admin/usage.h"
#include "clients.h"
#include "pool.h"
#include "translate.h"

#define HOLD_MAX 65536   /* preamble held back */
#define WHOLE_MAX 262144 /* whole answers held back */
#define ERROR_MAX 65536  /* error bodies that are looked into */
#define PART_STEP 65536  /* growth of an unfinished event, as reserved */
#define TAIL_MS 2000     /* from the dialect's end to the body's end */

/* ---- failures ---- */

/* The failure goes out; its sentence lives for this call only. */
static enum outcome
tell(struct attempt *a, int status, const char *why, const char *code,
    const char *text, size_t n)
{
	struct failure f = { .status = status, .code = code,
		.message = { text, n } };

	reply_failure(a->r, &f, why);
	return FORWARD_DONE;
}

enum outcome
attempt_fail(struct attempt *a, int status, const char *why, const char *code,
    const char *fmt, ...)
{
	struct request *r = a->r;
	char text[400];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = vfmt_to(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (a->last || r->content)
		return tell(a, status, why, code, text, n);
	log_put(LOG_WARN, "req=%s %.*s/%.*s: %s; trying the next", r->id,
	    STR_ARG(a->p->name), STR_ARG(a->model), text);
	return FORWARD_NEXT;
}

/* A refusal that another provider is not asked about. */
static enum outcome
refusal(struct attempt *a, int status, const char *code, const char *fmt, ...)
{
	char text[1200];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = vfmt_to(text, sizeof(text), fmt, ap);
	va_end(ap);
	return tell(a, status, WHY_UPSTREAM, code, text, n);
}

/* The client is not there any more: nothing can be said. When llmux itself is
 * stopping, its read side was shut and an error record still gets through. */
static enum outcome
client_left(struct attempt *a)
{
	struct request *r = a->r;
	struct failure f = { .status = 503, .code = "stopping",
		.message = STR("llmux is stopping") };

	if (clients_stopping()) {
		reply_failure(r, &f, WHY_STOPPING);
		r->keep = false;
		return FORWARD_DONE;
	}
	r->keep = false;
	/* Codex closes right behind the last event: nothing was lost. */
	if (!r->tap.done && r->why == NULL)
		r->why = WHY_CLIENT_LEFT;
	return FORWARD_DONE;
}

/* An error of net or http while dealing with the upstream. */
enum outcome
attempt_fail_err(struct attempt *a, const struct err *e)
{
	switch (e->kind) {
	case ERR_GONE:
		return client_left(a);
	case ERR_TIME:
		return attempt_fail(a, 504, WHY_SILENT, "upstream_timeout",
		    "provider \"%.*s\": %s", STR_ARG(a->p->name), e->text);
	case ERR_MEM:
		return attempt_fail(a, 503, WHY_LIMIT, "overloaded",
		    "no memory is free for provider \"%.*s\"; try again",
		    STR_ARG(a->p->name));
	case ERR_PEER:
	case ERR_LIMIT:
		return attempt_fail(a, 502, WHY_CUT, "upstream_broken",
		    "provider \"%.*s\": %s", STR_ARG(a->p->name), e->text);
	default:
		return attempt_fail(a, 502, WHY_CONNECT, "upstream_unreachable",
		    "provider \"%.*s\": %s", STR_ARG(a->p->name), e->text);
	}
}

/* ---- keeping the client company ---- */

int64_t
attempt_due(const struct attempt *a, int64_t due)
{
	return a->r->stream && a->ping_due < due ? a->ping_due : due;
}

/* Decide for a 200: the head goes out with the next piece. */
static void
commit(struct attempt *a)
{
	struct request *r = a->r;

	if (r->committed)
		return;
	if (a->tr != NULL)
		translate_fields(a);
	buf_addz(&r->fields, "cache-control: no-cache\r\n"
	    "x-accel-buffering: no\r\n");
	reply_begin(r, 200, STR("text/event-stream"), -1);
	r->streaming = true;
	usage_stream(1);
}

int
attempt_ping(struct attempt *a)
{
	struct request *r = a->r;

	commit(a);
	/* A preamble that went out binds to this provider. */
	if (r->hold.len > 0)
		r->content = true;
	if (reply_piece(r, buf_str(&r->hold), dialect_ping(r->dialect)) < 0)
		return -1;
	buf_clear(&r->hold);
	a->ping_due = due_in(r->conf->ping_ms);
	return 0;
}

/* ---- heads ---- */

/* Fields of the upstream that the client may want; all else is dropped. */
static bool
goes_along(struct str name)
{
	static const char *const names[] = { "retry-after", "retry-after-ms",
		"x-should-retry", "request-id", "openai-processing-ms",
		"openai-version", "openai-organization", "openai-model" };
	static const char *const prefixes[] = { "anthropic-",
		"x-ratelimit-", "x-codex-" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_ieq(name, str_of(names[i])))
			return true;
	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		struct str p = str_of(prefixes[i]);

		if (name.n > p.n && str_ieq(str_sub(name, 0, p.n), p))
			return true;
	}
	return false;
}

void
attempt_fields(struct attempt *a)
{
	struct request *r = a->r;
	const struct http_head *h = &r->up_head;
	struct str id = http_get(h, "x-request-id");
	size_t i;

	for (i = 0; i < h->n; i++)
		if (goes_along(h->f[i].name))
			buf_fmt(&r->fields, "%.*s: %.*s\r\n",
			    STR_ARG(h->f[i].name), STR_ARG(h->f[i].value));
	if (id.n == 0 && a->tr != NULL)
		id = http_get(h, "request-id");
	/* x-request-id is llmux's own; the upstream's keeps another name. */
	if (id.n > 0)
		buf_fmt(&r->fields, "x-llmux-upstream-request-id: %.*s\r\n",
		    STR_ARG(id));
}

static bool
type_is(const struct http_head *h, struct str want)
{
	struct str type = http_get(h, "content-type"), media;

	return str_cut(&type, ';', &media) && str_ieq(str_trim(media), want);
}

/* Is the body in a coding, which was not asked for and cannot be read? */
static bool
is_coded(const struct http_head *h)
{
	struct str coding = http_get(h, "content-encoding");

	return coding.n > 0 && !str_ieq(coding, STR("identity"));
}

/* The connection is at the end of an answer: keep it if nothing is left. */
static void
keep_connection(struct attempt *a)
{
	if (!a->r->up_head.keep_alive || a->early || a->up->eof ||
	    a->up->write_dead || net_peek(a->up).n > 0)
		return;
	a->up->watch = NULL;
	pool_put(a->p->pool_key, a->up);
	a->up = NULL;
}

/* ---- whole answers ---- */

/* The body into r->hold until it is whole or larger than its max; gives what
 * http_body_next gave last (1: there is more, *piece is not in hold yet). */
static int
collect(struct attempt *a, struct str *piece, struct err *e)
{
	struct request *r = a->r;
	int rc;

	for (;;) {
		rc = http_body_next(a->up, &a->body, piece,
		    due_in(a->r->conf->stream_ms), e);
		if (rc <= 0)
			return rc;
		if (piece->n > r->hold.max - r->hold.len)
			return 1;
		buf_adds(&r->hold, *piece);
		if (r->hold.bad)
			return err_set(e, ERR_MEM, "no memory");
	}
}

/* The rest of a large answer, as it comes. A cut shows as a reset. */
static enum outcome
pass_large(struct attempt *a, struct str piece)
{
	struct request *r = a->r;
	int64_t length = r->up_head.framing == HTTP_LENGTH ?
	    (int64_t)r->up_head.length : -1;
	struct err e;
	int rc = 1;

	reply_begin(r, r->up_head.status, http_get(&r->up_head,
	    "content-type"), length);
	r->content = true;
	if (reply_piece(r, buf_str(&r->hold), piece) < 0)
		return FORWARD_DONE;
	while ((rc = http_body_next(a->up, &a->body, &piece,
	    due_in(r->conf->stream_ms), &e)) > 0)
		if (reply_piece(r, piece, STR("")) < 0)
			return FORWARD_DONE;
	if (rc < 0) {
		r->why = e.kind == ERR_GONE ? WHY_CLIENT_LEFT :
		    e.kind == ERR_TIME ? WHY_SILENT : WHY_CUT;
		fmt_to(r->detail, sizeof(r->detail), "%s", e.text);
		reply_abort(r);
		return FORWARD_DONE;
	}
	keep_connection(a);
	reply_end(r);
	return FORWARD_DONE;
}

static enum outcome
pass_whole(struct attempt *a)
{
	struct request *r = a->r;
	struct str piece, type = http_get(&r->up_head, "content-type");
	char type_z[128];
	struct err e = { .kind = ERR_NONE };
	int rc;

	r->hold.max = WHOLE_MAX;
	buf_clear(&r->hold);
	rc = collect(a, &piece, &e);
	if (rc < 0)
		return attempt_fail_err(a, &e);
	attempt_fields(a);
	if (rc > 0)
		return pass_large(a, piece);
	tap_answer(&r->tap, buf_str(&r->hold));
	keep_connection(a);
	fmt_to(type_z, sizeof(type_z), "%.*s", STR_ARG(type));
	if (r->up_head.status >= 400)
		r->why = WHY_UPSTREAM;
	r->content = true;
	reply_whole(r, r->up_head.status, type_z, buf_str(&r->hold));
	return FORWARD_DONE;
}

/* ---- failures of the upstream ---- */

/* Statuses after which the next provider of a chain is asked: refusal of
 * credentials, quota, outage (design.md 4). */
bool
attempt_may_switch(int status)
{
	return status == 401 || status == 403 || status == 429 ||
	    status >= 500;
}

/* The upstream's error body as a failure: its own message if it is JSON with
 * one, else the status and a little of a plain text. */
static enum outcome
retell(struct attempt *a, struct str body)
{
	struct request *r = a->r;
	int status = r->up_head.status;
	struct json_value v = { .type = JSON_NONE };
	struct buf text;
	enum outcome done;

	buf_init(&text, 1000);
	if (json_check(body, NULL) == 0) {
		v = json_at(json_root(body), "error/message");
		if (v.type != JSON_STRING)
			v = json_get(json_root(body), "message");
	}
	if (v.type == JSON_STRING)
		json_decode(str_sub(v.text, 0, 800), &text);
	else if (type_is(&r->up_head, STR("text/plain")))
		buf_add_quoted(&text, body, 200);
	if (text.bad) /* no half sentence */
		buf_clear(&text);
	done = refusal(a, status, "upstream_error", "provider \"%.*s\" answered %d%s%.*s",
	    STR_ARG(a->p->name), status, text.len > 0 ? ": " :
	    " without a JSON body", STR_ARG(buf_str(&text)));
	buf_free(&text);
	return done;
}

/* An answer that is no success: unchanged if it is the API's own JSON, else in
 * the client's dialect. */
static enum outcome
pass_error(struct attempt *a)
{
	struct request *r = a->r;
	int status = r->up_head.status;
	struct str piece, where = http_get(&r->up_head, "location");
	struct err e = { .kind = ERR_NONE };

	if (status < 400)
		return attempt_fail(a, 502, WHY_UPSTREAM, "upstream_redirect",
		    "provider \"%.*s\" answered %d and points to \"%.*s\"; "
		    "redirects are not followed: correct its base_url",
		    STR_ARG(a->p->name), status, STR_ARG(str_sub(where, 0,
		    100)));
	if (!a->last && attempt_may_switch(status))
		return attempt_fail(a, status, WHY_UPSTREAM, NULL,
		    "answered %d", status);
	if (a->tr == NULL && !r->committed && !is_coded(&r->up_head) &&
	    type_is(&r->up_head, STR("application/json")))
		return pass_whole(a);
	r->hold.max = ERROR_MAX;
	buf_clear(&r->hold);
	if (collect(a, &piece, &e) < 0)
		return attempt_fail_err(a, &e);
	if (a->tr != NULL)
		return translate_error(a, buf_str(&r->hold));
	if (!r->committed)
		attempt_fields(a);
	return retell(a, buf_str(&r->hold));
}

/* ---- streams ---- */

/* The stream broke off: its error record, or the next provider while no
 * content went out. */
static enum outcome
stream_broken(struct attempt *a, const struct err *e)
{
	struct request *r = a->r;

	if (e->kind == ERR_PEER || e->kind == ERR_SYS)
		return attempt_fail(a, 502, WHY_CUT, "upstream_cut",
		    "provider \"%.*s\" ended the stream too early (%s)",
		    STR_ARG(a->p->name), e->text);
	if (e->kind == ERR_TIME)
		return attempt_fail(a, 504, WHY_SILENT, "upstream_timeout",
		    "provider \"%.*s\" sent nothing for %lld s",
		    STR_ARG(a->p->name),
		    (long long)(r->conf->stream_ms / 1000));
	return attempt_fail_err(a, e);
}

/* An error event before any content: a real status for it. data is in the
 * form of an error body in two of the dialects, and passes unchanged. */
static enum outcome
early_error(struct attempt *a, struct str data)
{
	struct request *r = a->r;

	if (a->tr != NULL)
		return translate_failed(a);
	if (!a->last && attempt_may_switch(r->tap.status))
		return attempt_fail(a, r->tap.status, WHY_UPSTREAM, NULL,
		    "failed at once: %s", r->tap.message);
	if (r->dialect == DIALECT_RESPONSES)
		return refusal(a, r->tap.status, r->tap.code[0] == '\0' ?
		    NULL : r->tap.code, "%s", r->tap.message);
	attempt_fields(a);
	r->why = WHY_UPSTREAM;
	fmt_to(r->detail, sizeof(r->detail), "%s", r->tap.message);
	reply_whole(r, r->tap.status, "application/json", data);
	return FORWARD_DONE;
}

/* Reserve n bytes for an unfinished event, in steps; given back when the
 * request ends. */
static bool
part_room(struct request *r, size_t n)
{
	while (n > r->part_reserved) {
		if (!mem_reserve(PART_STEP))
			return false;
		r->part_reserved += PART_STEP;
	}
	return true;
}

/* rest, the begin of an event, waits in r->part (where it may be already). */
static bool
keep_part(struct request *r, struct str rest)
{
	if (rest.n > 0 && r->part.len > 0 && rest.p >= r->part.p &&
	    rest.p < r->part.p + r->part.len) {
		buf_cut(&r->part, (size_t)(rest.p - r->part.p));
		return true;
	}
	buf_clear(&r->part);
	if (rest.n > 0 && !part_room(r, rest.n))
		return false;
	buf_adds(&r->part, rest);
	return !r->part.bad;
}

/* What a piece of the stream led to. */
enum step { STEP_ON, STEP_DONE, STEP_NEXT };

static enum step
step_of(enum outcome o)
{
	return o == FORWARD_NEXT ? STEP_NEXT : STEP_DONE;
}

static enum outcome
no_memory(struct attempt *a)
{
	return attempt_fail(a, 503, WHY_LIMIT, "overloaded",
	    "no memory for an answer of provider \"%.*s\"",
	    STR_ARG(a->p->name));
}

static enum step
no_room(struct attempt *a)
{
	return step_of(no_memory(a));
}

/* Look at the whole events at the beginning of in; *used: their bytes. */
static enum step
look(struct attempt *a, struct str in, size_t *used, bool *show)
{
	struct request *r = a->r;
	struct sse_event ev;
	size_t n;

	*used = 0;
	for (;;) {
		enum parse got = sse_next(&r->sse, str_sub(in, *used, in.n),
		    false, &ev, &n);
		enum tap_kind kind;

		if (got == PARSE_MORE)
			return STEP_ON;
		if (got == PARSE_BAD && r->sse.joined.bad)
			return no_room(a);
		if (got == PARSE_BAD)
			return step_of(attempt_fail(a, 502, WHY_LIMIT,
			    "event_too_large", "provider \"%.*s\" sent an "
			    "event over %llu bytes", STR_ARG(a->p->name),
			    (unsigned long long)r->conf->max_body));
		kind = a->tr != NULL ? translate_event(a, ev.name, ev.data) :
		    tap_event(&r->tap, ev.name, ev.data);
		if (kind == TAP_ERROR && !r->content && !*show &&
		    (!r->committed || (!a->last &&
		    attempt_may_switch(r->tap.status))))
			return step_of(early_error(a, ev.data));
		if (kind == TAP_ERROR && a->tr != NULL)
			translate_put_error(a);
		/* A whole answer is shown when it is whole. */
		if (r->stream && (kind == TAP_CONTENT || kind == TAP_END ||
		    kind == TAP_ERROR))
			*show = true;
		*used += n;
		if (*used == in.n)
			return STEP_ON;
	}
}

/* Send the whole events, or hold them back while they are preamble. */
static int
show_events(struct attempt *a, struct str whole, bool show)
{
	struct request *r = a->r;

	if (whole.n == 0)
		return 0;
	if (!show && !r->content && r->hold.len + whole.n <= HOLD_MAX) {
		buf_adds(&r->hold, whole);
		if (!r->hold.bad)
			return 0;
		r->hold.bad = false; /* what it held before stays */
	}
	if (!r->committed)
		attempt_fields(a);
	commit(a);
	r->content = true;
	if (reply_piece(r, buf_str(&r->hold), whole) < 0)
		return -1;
	buf_clear(&r->hold);
	a->ping_due = due_in(r->conf->ping_ms);
	return 0;
}

/* One piece of the body, joined with what was left of the one before. */
static enum step
pass_piece(struct attempt *a, struct str piece)
{
	struct request *r = a->r;
	struct str in = piece, whole;
	bool show = r->content;
	enum step step;
	size_t used;

	if (r->part.len > 0) {
		if (!part_room(r, r->part.len + piece.n))
			return no_room(a);
		buf_adds(&r->part, piece);
		if (r->part.bad)
			return no_room(a);
		in = buf_str(&r->part);
	}
	step = look(a, in, &used, &show);
	if (step != STEP_ON)
		return step;
	whole = str_sub(in, 0, used);
	if (a->tr != NULL)
		whole = r->stream ? translate_out(a) : STR("");
	if (show_events(a, whole, show) < 0)
		return STEP_DONE;
	if (a->tr != NULL && r->stream)
		translate_sent(a);
	return keep_part(r, str_sub(in, used, in.n)) ? STEP_ON : no_room(a);
}

/* The body is whole, but for the blank line of its last event. Where that
 * event is all there it gets its line (readers would drop it); half of one
 * is never shown. */
static enum step
pass_last(struct attempt *a)
{
	struct request *r = a->r;
	struct sse_event ev;
	size_t n;

	if (sse_next(&r->sse, buf_str(&r->part), true, &ev, &n) != PARSE_OK ||
	    (json_check(ev.data, NULL) < 0 &&
	    !str_eq(str_trim(ev.data), STR("[DONE]"))))
		return STEP_ON;
	return pass_piece(a, STR("\n\n"));
}

/* What the translation wrote is the whole answer. */
static enum outcome
reply_translated(struct attempt *a)
{
	struct request *r = a->r;

	attempt_fields(a);
	translate_fields(a);
	r->content = true;
	reply_whole(r, 200, "application/json", translate_out(a));
	return FORWARD_DONE;
}

/* The provider's whole answer, read as one; it may be as large as max_body. */
static enum outcome
translate_document(struct attempt *a)
{
	struct request *r = a->r;
	struct err e = { .kind = ERR_NONE };
	struct str piece;
	int rc;

	r->hold.max = WHOLE_MAX;
	buf_clear(&r->hold);
	while ((rc = collect(a, &piece, &e)) > 0) {
		if (r->hold.max > r->conf->max_body ||
		    !part_room(r, r->hold.max))
			return no_memory(a);
		r->hold.max += WHOLE_MAX;
		buf_adds(&r->hold, piece);
	}
	if (rc < 0)
		return attempt_fail_err(a, &e);
	if (translate_whole(a, buf_str(&r->hold)) != TAP_END)
		return early_error(a, STR(""));
	keep_connection(a);
	buf_clear(&r->hold);
	if (!r->stream)
		return reply_translated(a);
	if (show_events(a, translate_out(a), true) == 0)
		reply_end(r);
	return FORWARD_DONE;
}

/* The body is at its end (whole, or cut with e behind the dialect's end). */
static enum outcome
stream_end(struct attempt *a, bool whole)
{
	struct request *r = a->r;
	struct err e = { .kind = ERR_PEER,
		.text = "no closing event" };

	if (whole && r->part.len > 0) {
		enum step step = pass_last(a);

		if (step != STEP_ON)
			return step == STEP_NEXT ? FORWARD_NEXT : FORWARD_DONE;
	}
	if (a->tr != NULL && translate_end(a) == TAP_ERROR)
		return early_error(a, STR(""));
	if (!r->tap.finished && r->tap.status == 0)
		return stream_broken(a, &e);
	if (whole)
		keep_connection(a);
	if (a->tr != NULL && !r->stream)
		return reply_translated(a);
	if (show_events(a, a->tr != NULL ? translate_out(a) : STR(""),
	    true) < 0)
		return FORWARD_DONE;
	if (r->tap.status != 0 && r->why == NULL) {
		r->why = WHY_UPSTREAM;
		fmt_to(r->detail, sizeof(r->detail), "%s", r->tap.message);
	}
	reply_end(r);
	return FORWARD_DONE;
}

static enum outcome
pass_stream(struct attempt *a)
{
	struct request *r = a->r;
	struct str piece;
	struct err e = { .kind = ERR_NONE };
	enum step step;
	int64_t due, last = 0;
	int rc;

	r->hold.max = HOLD_MAX;
	buf_clear(&r->hold);
	buf_clear(&r->part);
	/* What an attempt before this one left half read is void. */
	sse_free(&r->sse);
	sse_init(&r->sse, (size_t)r->conf->max_body);
	r->part.max = (size_t)r->conf->max_body + 4096;
	a->stream_due = due_in(r->conf->stream_ms);
	for (;;) {
		/* Behind the dialect's end only the body's end is awaited. */
		if ((r->tap.done || r->tap.status != 0) && last == 0)
			last = now_ms() + TAIL_MS;
		due = last != 0 ? last : attempt_due(a, a->stream_due);
		rc = http_body_next(a->up, &a->body, &piece, due, &e);
		if (rc > 0) {
			a->stream_due = due_in(r->conf->stream_ms);
			step = pass_piece(a, piece);
			if (step != STEP_ON)
				return step == STEP_NEXT ? FORWARD_NEXT :
				    FORWARD_DONE;
			continue;
		}
		if (rc == 0)
			return stream_end(a, true);
		if (last != 0 && e.kind != ERR_GONE)
			return stream_end(a, false);
		if (e.kind != ERR_TIME || due == a->stream_due)
			return stream_broken(a, &e);
		if (!r->committed)
			attempt_fields(a);
		if (attempt_ping(a) < 0)
			return FORWARD_DONE;
	}
}

enum outcome
pass_answer(struct attempt *a)
{
	struct request *r = a->r;

	http_body_init(&a->body, &r->up_head);
	if (r->up_head.status >= 300)
		return pass_error(a);
	if (is_coded(&r->up_head))
		return attempt_fail(a, 502, WHY_UPSTREAM, "upstream_broken",
		    "provider \"%.*s\" answered with a content coding that "
		    "was not asked for", STR_ARG(a->p->name));
	if ((r->stream || a->tr != NULL) &&
	    type_is(&r->up_head, STR("text/event-stream")))
		return pass_stream(a);
	if (a->tr != NULL)
		return translate_document(a);
	if (r->committed)
		return attempt_fail(a, 502, WHY_UPSTREAM, "upstream_broken",
		    "provider \"%.*s\" did not answer with an event stream",
		    STR_ARG(a->p->name));
	return pass_whole(a);
}
