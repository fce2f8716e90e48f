/* SPDX-License-Identifier: MIT */
/*
 * relay: the plot. One request from its first byte to its log line, read from
 * top to bottom in serve_one(): who is it, what does it want, read the body,
 * look once over it, route it, try each candidate, count, log one line.
 *
 * The body is immutable: it is kept as it was received, and every change is an
 * edit of the attempt that needs it.
 * Deliberately not here: HTTP framing (http.c), admission (gate.c), providers
 * (forward.c, pass.c), words to the client (reply.c).
 */
#include "relay.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/usage.h"
#include "clients.h"
#include "request.h"

#define ARENA_MAX (256 * 1024)
#define LINGER_MAX 65536 /* bytes drained after an early refusal */
#define LINGER_MS 1000
#define BODY_RATE 1      /* bytes a millisecond after body_timeout: 1 KiB/s */
#define OUT_MAX 65536
#define ECHO_TEXT_MAX (1024 * 1024)

/* ---- small answers of our own ---- */

/* A refusal with a sentence; -1, so that a caller can return it. */
static int
deny(struct request *r, int status, const char *why, const char *code,
    const char *fmt, ...)
{
	struct failure f = { .status = status, .code = code };
	char text[512];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = vfmt_to(text, sizeof(text), fmt, ap);
	va_end(ap);
	f.message = (struct str){ text, n };
	reply_failure(r, &f, why);
	return -1;
}

static int
deny_memory(struct request *r)
{
	return deny(r, 503, WHY_LIMIT, "overloaded", "no memory is free");
}

/* What b holds, and its end; one that is not whole is never sent. */
static void
answer_buf(struct request *r, const char *type, struct buf *b)
{
	if (b->bad)
		deny_memory(r);
	else
		reply_whole(r, 200, type, buf_str(b));
	buf_free(b);
}

static void
answer_health(struct request *r)
{
	char time[21];
	struct buf b;

	time_rfc3339(wall_s(), time);
	buf_init(&b, 200);
	buf_fmt(&b, "{\"status\":\"%s\",\"timestamp\":\"%s\"}\n",
	    r->ep == EP_HEALTHZ ? "ok" : "healthy", time);
	answer_buf(r, "application/json", &b);
}

static void
answer_models(struct request *r)
{
	bool anthropic = r->dialect == DIALECT_MESSAGES;
	struct model_entry *m;
	struct buf b;
	size_t n, i;

	m = route_models(r->conf, &r->arena, &n);
	if (m == NULL) {
		deny_memory(r);
		return;
	}
	buf_init(&b, ARENA_MAX);
	if (r->ep == EP_MODELS) {
		models_list(anthropic, m, n, &b);
		answer_buf(r, "application/json", &b);
		return;
	}
	for (i = 0; i < n && !str_eq(m[i].id, r->item); i++)
		continue;
	if (i == n) {
		struct buf q;

		buf_init(&q, 500);
		buf_add_quoted(&q, r->item, 100);
		deny(r, 404, WHY_NO_ROUTE, "model_not_found",
		    "model \"%.*s\" is not in the list of /v1/models",
		    STR_ARG(buf_str(&q)));
		buf_free(&q);
	} else {
		models_one(anthropic, &m[i], &b);
		answer_buf(r, "application/json", &b);
	}
}

static void
answer_metrics(struct request *r)
{
	struct buf b;

	buf_init(&b, 1024 * 1024);
	usage_metrics(&b);
	answer_buf(r, "text/plain; version=0.0.4", &b);
}

/* A preflight is answered without a key (Fetch sends none); whether the page
 * may go on stands in the fields that reply.c adds for an allowed origin. */
static void
answer_options(struct request *r)
{
	buf_addz(&r->fields, "allow: GET, HEAD, POST, OPTIONS\r\n");
	if (r->origin.n > 0)
		buf_addz(&r->fields,
		    "access-control-allow-methods: GET, POST\r\n"
		    "access-control-allow-headers: authorization, x-api-key, "
		    "content-type, anthropic-version, anthropic-beta\r\n"
		    "access-control-max-age: 600\r\n");
	reply_whole(r, 200, "", STR(""));
}

/* Everything that needs no body. False: the request is for a provider. */
static bool
answered_here(struct request *r)
{
	if (str_eq(r->head.method, STR("OPTIONS")))
		answer_options(r);
	else if (str_eq(r->head.method, STR("HEAD")) || r->ep == EP_HELLO)
		reply_whole(r, 200, "", STR(""));
	else if (r->ep == EP_HEALTHZ || r->ep == EP_HEALTH)
		answer_health(r);
	else if (r->ep == EP_METRICS)
		answer_metrics(r);
	else if (r->ep == EP_MODELS || r->ep == EP_MODEL)
		answer_models(r);
	else
		return false;
	return true;
}

/* ---- the body ---- */

/* Reserve n more bytes for the body: 413 when it can never fit, 503 when it
 * does not fit now. */
static int
reserve_body(struct request *r, size_t n)
{
	uint64_t total = mem_total();

	if (mem_reserve(n)) {
		r->body_reserved += n;
		return 0;
	}
	if (r->body_reserved + n > total)
		return deny(r, 413, WHY_LIMIT, "request_too_large",
		    "the body does not fit into max_memory (%llu bytes)",
		    (unsigned long long)total);
	buf_addz(&r->fields, "retry-after: 1\r\n");
	return deny(r, 503, WHY_LIMIT, "overloaded",
	    "no memory is free for a body of %zu bytes; try again",
	    r->body_reserved + n);
}

static int
body_failed(struct request *r, const struct err *e)
{
	if (e->kind == ERR_TIME)
		return deny(r, 408, WHY_CLIENT_SLOW, "request_timeout",
		    "the body came too slowly");
	if (e->kind == ERR_INPUT || e->kind == ERR_PEER)
		return deny(r, 400, WHY_BAD_REQUEST, "bad_request",
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
read_sized(struct request *r)
{
	size_t length = (size_t)r->head.length, have = 0;
	int64_t begin = now_ms();
	struct err e;

	if (net_peek(r->client).n >= length) {
		r->body = str_sub(net_peek(r->client), 0, length);
		r->body_take = length;
		return 0;
	}
	if (reserve_body(r, length) < 0)
		return -1;
	r->body_mem = mem_alloc(length);
	if (r->body_mem == NULL)
		return deny(r, 503, WHY_LIMIT, "overloaded",
		    "no memory is free for a body of %zu bytes", length);
	while (have < length) {
		ssize_t n = net_read(r->client, r->body_mem + have,
		    length - have, body_due(r, begin, have), &e);

		if (n == 0)
			n = err_set(&e, ERR_GONE, "closed");
		if (n < 0)
			return body_failed(r, &e);
		have += (size_t)n;
	}
	r->body = (struct str){ r->body_mem, length };
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
			return deny(r, 413, WHY_LIMIT, "request_too_large",
			    "the body is over max_body (%zu bytes)", max);
		if (have + piece.n > cap) {
			size_t more = grow_by(r, cap, have + piece.n - cap);
			char *p;

			if (reserve_body(r, more) < 0)
				return -1;
			p = mem_realloc(r->body_mem, cap + more);
			if (p == NULL)
				return deny(r, 503, WHY_LIMIT, "overloaded",
				    "no memory is free for the body");
			r->body_mem = p;
			cap += more;
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
read_body(struct request *r)
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
	rc = r->head.framing == HTTP_LENGTH ? read_sized(r) :
	    read_chunked(r);
	if (rc == 0)
		r->body_unread = false;
	return rc;
}

/* ---- one look over the body ---- */

/* A member that llmux reads may stand there once only: two readers could
 * choose differently. */
static int
note_member(struct request *r, const struct json *key, const struct json *v,
    unsigned *seen)
{
	static const char *const read[] = { "model", "stream", "max_tokens",
		"metadata" };
	struct json_value name = { .type = JSON_KEY, .text = key->text,
		.escaped = key->escaped };
	/* the last two are dropped from a counting request only */
	size_t i, n = r->ep == EP_COUNT ? 4 : 2;

	for (i = 0; i < n; i++) {
		if (!json_is(name, str_of(read[i])))
			continue;
		if ((*seen & 1u << i) != 0)
			return deny(r, 400, WHY_BAD_REQUEST,
			    "duplicate_field", "field \"%s\" stands in the "
			    "body twice", read[i]);
		*seen |= 1u << i;
		if (i == 0)
			r->model_value = (struct json_value){ .type = v->type,
				.raw = str_sub(r->body, v->start,
				v->end - v->start), .text = v->text,
				.escaped = v->escaped };
		else if (i == 1)
			r->stream = v->type == JSON_TRUE;
	}
	return 0;
}

static int
bad_json(struct request *r, const struct json *j)
{
	return deny(r, 400, WHY_BAD_REQUEST, "invalid_json",
	    "the body is not valid JSON: byte %zu: expected %s", j->pos,
	    j->why);
}

/* Check all of it, and take the two members that routing needs. */
static int
look_over(struct request *r)
{
	struct json j, key;
	unsigned seen = 0;
	bool after_key = false;

	json_init(&j);
	if (json_next(&j, r->body, true) != PARSE_OK)
		return bad_json(r, &j);
	if (j.type != JSON_OBJECT)
		return deny(r, 400, WHY_BAD_REQUEST, "invalid_json",
		    "the body must be a JSON object");
	while (j.type != JSON_END) {
		if (json_next(&j, r->body, true) != PARSE_OK)
			return bad_json(r, &j);
		if (after_key && note_member(r, &key, &j, &seen) < 0)
			return -1;
		after_key = j.type == JSON_KEY && j.depth == 1;
		if (after_key)
			key = j;
	}
	r->root = json_root(r->body);
	return 0;
}

static int
read_model(struct request *r)
{
	struct buf b;

	if (r->model_value.type == JSON_NONE)
		return 0;
	if (r->model_value.type == JSON_NULL) /* as if absent */
		return 0;
	if (r->model_value.type != JSON_STRING)
		return deny(r, 400, WHY_BAD_REQUEST, "invalid_type",
		    "field \"model\" must be a string");
	if (r->model_value.text.n > 512)
		return deny(r, 400, WHY_BAD_REQUEST, "invalid_value",
		    "field \"model\" is longer than 512 bytes");
	buf_init(&b, 2048);
	json_decode(r->model_value.text, &b);
	if (!b.bad)
		r->model = arena_dup(&r->arena, buf_str(&b));
	buf_free(&b);
	/* Absent would mean the default model. */
	return r->model.p == NULL ? deny_memory(r) : 0;
}

/* ---- the built-in model ---- */

struct echo_run {
	struct request *r;
	struct answer a;
	struct buf out;
};

static int
echo_emit(void *arg, const struct event *ev)
{
	struct echo_run *run = arg;
	struct request *r = run->r;
	int rc;

	if (ev->type == EV_USAGE || ev->type == EV_STOP)
		r->tap.usage = ev->usage.known ? ev->usage : r->tap.usage;
	answer_event(&run->a, ev);
	if (run->a.bad || run->out.bad) /* out may hold half an event */
		return -1;
	if (!r->stream || run->out.len == 0)
		return 0;
	if (!r->committed) {
		buf_addz(&r->fields, "cache-control: no-cache\r\n"
		    "x-accel-buffering: no\r\n");
		reply_begin(r, 200, STR("text/event-stream"), -1);
	}
	rc = reply_piece(r, buf_str(&run->out), STR(""));
	buf_clear(&run->out);
	return rc;
}

static void
echo_count_answer(struct request *r)
{
	struct buf b;

	buf_init(&b, 100);
	buf_addz(&r->fields, "x-llmux-estimate: 1\r\n");
	buf_fmt(&b, "{\"input_tokens\":%llu}",
	    (unsigned long long)echo_count(r->dialect, r->body));
	answer_buf(r, "application/json", &b);
}

static bool
wants_usage(const struct request *r)
{
	return json_true(json_at(r->root, "stream_options/include_usage"));
}

static enum outcome
serve_echo(struct request *r, const struct candidate *c)
{
	struct echo_run *run;
	struct err e = { .kind = ERR_NONE };
	int rc;

	r->upstream_model = c->model;
	if (r->ep == EP_COUNT) {
		echo_count_answer(r);
		return FORWARD_DONE;
	}
	if (r->ep == EP_COMPLETIONS || r->ep == EP_EMBEDDINGS) {
		deny(r, 400, WHY_BAD_REQUEST, "unsupported_endpoint",
		    "model \"echo\" answers on /v1/chat/completions, "
		    "/v1/responses and /v1/messages only");
		return FORWARD_DONE;
	}
	run = arena_alloc(&r->arena, sizeof(*run));
	if (run == NULL) {
		deny_memory(r);
		return FORWARD_DONE;
	}
	run->r = r;
	buf_init(&run->out, 2 * ECHO_TEXT_MAX);
	answer_init(&run->a, r->dialect, r->stream, ECHO_TEXT_MAX);
	run->a.id = str_sub(str_of(r->id), 4, 20);
	run->a.model = r->model_value.type == JSON_STRING ?
	    r->model_value.text : STR("echo");
	run->a.created = wall_s();
	run->a.include_usage = wants_usage(r);
	run->a.out = &run->out;
	rc = echo_answer(r->dialect, r->body, echo_emit, run, &e);
	if (rc < 0 && e.kind == ERR_INPUT)
		deny(r, 400, WHY_BAD_REQUEST, "invalid_request", "%s",
		    e.text);
	else if (rc < 0 && r->why == NULL)
		deny(r, 503, WHY_LIMIT, "overloaded",
		    "the answer is too large for the echo model");
	else if (rc == 0 && r->stream)
		reply_end(r);
	else if (rc == 0)
		reply_whole(r, 200, "application/json", buf_str(&run->out));
	answer_free(&run->a);
	buf_free(&run->out);
	return FORWARD_DONE;
}

/* ---- the plot ---- */

static void
try_candidates(struct request *r)
{
	size_t i;

	for (i = 0; i < r->route.n; i++) {
		const struct candidate *c = &r->route.c[i];
		enum outcome done = c->provider == NULL ? serve_echo(r, c) :
		    forward(r, c, i + 1 == r->route.n);

		if (done == FORWARD_DONE)
			return;
	}
}

/* The model's name carried a suffix that nothing acts on yet: say so. */
static void
report_dropped(struct request *r)
{
	if (!r->route.stripped)
		return;
	buf_addz(&r->fields, "x-llmux-dropped: /model\r\n");
	r->dropped = 1;
}

static void
serve_one(struct request *r)
{
	struct failure f;

	if (gate_endpoint(r, &f) < 0 || gate_who(r, &f) < 0) {
		reply_failure(r, &f, WHY_REFUSED);
		return;
	}
	if (answered_here(r))
		return;
	if (read_body(r) < 0 || look_over(r) < 0 || read_model(r) < 0)
		return;
	if (route_find(r->conf, r->model, &r->route, &r->arena, &f) < 0) {
		reply_failure(r, &f, WHY_NO_ROUTE);
		return;
	}
	report_dropped(r);
	try_candidates(r);
}

static void
log_request(struct request *r)
{
	struct str provider = r->provider != NULL ? r->provider->name :
	    r->upstream_model.n > 0 ? STR("echo") : STR("-");
	struct buf b;

	if (!log_on(LOG_INFO))
		return;
	buf_init(&b, 1024);
	buf_fmt(&b, "req=%s key=%s %.*s ", r->id, r->good_key ? "config" :
	    "-", STR_ARG(r->head.method));
	buf_add_quoted(&b, r->path, 80);
	buf_fmt(&b, " %s>%.*s/", dialect_name(r->dialect),
	    STR_ARG(provider));
	buf_add_quoted(&b, r->upstream_model, 80);
	buf_fmt(&b, " %d first=%lldms total=%lldms in=%zu out=%llu",
	    r->status, (long long)r->first_ms,
	    (long long)(now_ms() - r->start_ms), r->body.n,
	    (unsigned long long)r->bytes_out);
	if (r->tap.usage.known)
		buf_fmt(&b, " tokens=%llu/%llu/%llu",
		    (unsigned long long)r->tap.usage.input,
		    (unsigned long long)r->tap.usage.cached,
		    (unsigned long long)r->tap.usage.output);
	if (r->why != NULL) {
		buf_fmt(&b, " reason=%s: ", r->why);
		buf_add_quoted(&b, str_of(r->detail), sizeof(r->detail));
	}
	log_put(LOG_INFO, "%.*s", STR_ARG(buf_str(&b)));
	buf_free(&b);
}

static void
count_request(struct request *r)
{
	struct usage_sample s = { .provider = r->provider != NULL ?
		r->provider->name : r->upstream_model.n > 0 ? STR("echo") :
		STR(""), .status = r->status, .reason = r->why,
		.first_ms = r->first_ms, .bytes_in = r->body.n,
		.bytes_out = r->bytes_out, .tokens = r->tap.usage,
		.dropped = r->dropped };

	if (r->status == 0)
		r->status = s.status = 499; /* it left before any answer */
	if (r->streaming)
		usage_stream(-1);
	usage_add(&s);
	log_request(r);
}

/* ---- a connection ---- */

/* Everything of the request before goes; buffers that grew large are freed. */
static void
forget(struct request *r)
{
	if (r->conf != NULL)
		conf_unref(r->conf);
	r->conf = NULL;
	mem_free(r->body_mem);
	r->body_mem = NULL;
	mem_release(r->body_reserved + r->part_reserved);
	r->body_reserved = r->part_reserved = 0;
	if (r->part.cap > 4096)
		buf_free(&r->part);
	if (r->hold.cap > 4096)
		buf_free(&r->hold);
	sse_free(&r->sse);
	arena_reset(&r->arena);
}

static void
prepare(struct request *r)
{
	/* Unique: random for the connection, counted within it. */
	fmt_to(r->id, sizeof(r->id), "req_%08x%04x%06x", r->id_seed[0],
	    r->id_seed[1] & 0xffff, r->id_count++ & 0xffffff);
	r->ep = EP_NONE;
	r->dialect = DIALECT_CHAT;
	r->path = r->item = r->origin = r->body = r->model =
	    r->upstream_model = (struct str){ NULL, 0 };
	r->good_key = r->stream = r->committed = r->content = r->chunked =
	    r->streaming = r->abort = false;
	r->body_take = r->dropped = 0;
	r->root = r->model_value = (struct json_value){ .type = JSON_NONE };
	r->route.n = 0;
	r->provider = NULL;
	r->status = 0;
	r->why = NULL;
	r->detail[0] = '\0';
	r->first_ms = -1;
	r->bytes_out = 0;
	buf_clear(&r->fields);
	buf_clear(&r->out);
	buf_clear(&r->part);
	buf_clear(&r->hold);
	tap_init(&r->tap, DIALECT_CHAT);
}

/* A head that could not be read: say why, in the dialect of nobody. */
static void
refuse_head(struct request *r, const struct http_bad *bad)
{
	r->head.n = 0;
	r->head.minor = 1;
	r->head.method = STR("-");
	r->keep = false;
	r->start_ms = now_ms();
	deny(r, bad->status, WHY_BAD_REQUEST, "bad_request", "%s", bad->why);
	count_request(r);
}

/* The next request of this connection: false when there is none. */
static bool
next_request(struct request *r)
{
	struct http_bad bad = { 0, NULL };
	struct err e = { .kind = ERR_NONE };
	struct conf *fresh;
	int64_t idle, head_ms;

	if (!clients_idle(r->slot) && net_peek(r->client).n == 0)
		return false;
	r->conf = conf_current();
	if (r->conf == NULL) /* stopped, and nobody waits any more */
		return false;
	idle = due_in(r->conf->idle_ms);
	head_ms = r->conf->header_ms;
	r->copy.max = (size_t)r->conf->max_head;
	prepare(r);
	if (http_read_request(r->client, &r->copy, &r->head, idle, head_ms,
	    &bad, &e) < 0) {
		clients_busy(r->slot);
		r->body_unread = true;
		if (bad.status != 0)
			refuse_head(r, &bad);
		return false;
	}
	clients_busy(r->slot);
	/* A reload may have come while nobody spoke: it counts. */
	fresh = conf_current();
	if (fresh != NULL) {
		conf_unref(r->conf);
		r->conf = fresh;
	}
	r->start_ms = now_ms();
	r->keep = r->head.keep_alive;
	r->body_unread = r->head.framing != HTTP_NONE &&
	    !(r->head.framing == HTTP_LENGTH && r->head.length == 0);
	return true;
}

/* The last words of a connection. The slot goes first: its descriptor number
 * may be given out again as soon as it is closed. */
static void
hang_up(struct request *r)
{
	clients_leave(r->slot);
	if (r->abort)
		net_abort(r->client);
	else if (r->body_unread)
		net_linger_close(r->client, LINGER_MAX,
		    now_ms() + LINGER_MS);
	else
		net_close(r->client);
}

static struct request *
request_new(struct net_conn *client, int slot, bool local)
{
	struct request *r;

	if (!mem_reserve(relay_cost()))
		return NULL;
	r = mem_alloc(sizeof(*r));
	if (r == NULL) {
		mem_release(relay_cost());
		return NULL;
	}
	memset(r, 0, offsetof(struct request, head));
	r->head.n = r->up_head.n = 0;
	r->client = client;
	r->slot = slot;
	r->local = local;
	random_fill(r->id_seed, sizeof(r->id_seed));
	arena_init(&r->arena, ARENA_MAX);
	buf_init(&r->copy, 0);
	buf_init(&r->up_copy, OUT_MAX);
	buf_init(&r->fields, OUT_MAX);
	buf_init(&r->out, OUT_MAX);
	buf_init(&r->part, 0);
	buf_init(&r->hold, 0);
	return r;
}

static void
request_free(struct request *r)
{
	arena_free(&r->arena);
	buf_wipe(&r->copy); /* holds the client's key */
	buf_free(&r->up_copy);
	buf_free(&r->fields);
	buf_free(&r->out);
	buf_free(&r->part);
	buf_free(&r->hold);
	mem_free(r);
	mem_release(relay_cost());
}

void
relay_serve(struct net_conn *client, int slot, bool local)
{
	struct request *r = request_new(client, slot, local);

	if (r == NULL) {
		clients_leave(slot);
		net_close(client);
		return;
	}
	do {
		r->keep = false;
		if (!next_request(r)) {
			forget(r);
			break;
		}
		serve_one(r);
		count_request(r);
		net_take(r->client, r->body_take);
		forget(r);
	} while (r->keep);
	hang_up(r);
	request_free(r);
}

size_t
relay_cost(void)
{
	return sizeof(struct request) + 8192; /* and its small buffers */
}

void
relay_refuse(int fd)
{
	static const char body[] =
	    "{\"error\":{\"message\":\"max_clients is reached; try again "
	    "in a moment\",\"type\":\"server_error\",\"param\":null,"
	    "\"code\":\"overloaded\"}}";
	char text[1024];
	size_t n, sum = 0;
	ssize_t got = 0;

	n = fmt_to(text, sizeof(text), "HTTP/1.1 503 Service Unavailable\r\n"
	    "content-type: application/json\r\nretry-after: 1\r\n"
	    "connection: close\r\ncontent-length: %zu\r\n\r\n%s",
	    sizeof(body) - 1, body);
	(void)!send(fd, text, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(fd, SHUT_WR);
	/* What is here already is drained; nobody can wait for the rest. */
	do {
		sum += (size_t)got;
		got = recv(fd, text, sizeof(text), MSG_DONTWAIT);
	} while (got > 0 && sum < LINGER_MAX);
	close(fd);
}
