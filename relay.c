/* SPDX-License-Identifier: MIT */
/*
 * relay: the plot. One request from its first byte to its log line, read from
 * top to bottom in serve_one(): who is it, what does it want, read the body,
 * look once over it, route it, try each candidate, count, log one line.
 *
 * Deliberately not here: HTTP framing (http.c), admission (gate.c), the body
 * (body.c), what llmux answers itself (builtin.c), providers (forward.c,
 * pass.c), words to the client (reply.c).
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
#define OUT_MAX 65536

/* ---- what the body says ---- */

static int
read_model(struct request *r)
{
	struct buf b;

	if (r->model_value.type == JSON_NONE)
		return 0;
	if (r->model_value.type == JSON_NULL) /* as if absent */
		return 0;
	if (r->model_value.type != JSON_STRING)
		return reply_deny(r, 400, WHY_BAD_REQUEST, "invalid_type",
		    "field \"model\" must be a string");
	if (r->model_value.text.n > 512)
		return reply_deny(r, 400, WHY_BAD_REQUEST, "invalid_value",
		    "field \"model\" is longer than 512 bytes");
	buf_init(&b, 2048);
	json_decode(r->model_value.text, &b);
	if (!b.bad)
		r->model = arena_dup(&r->arena, buf_str(&b));
	buf_free(&b);
	/* Absent would mean the default model. */
	return r->model.p == NULL ? reply_deny_memory(r) : 0;
}

/* ---- the plot ---- */

static void
try_candidates(struct request *r)
{
	size_t i;

	for (i = 0; i < r->route.n; i++) {
		const struct candidate *c = &r->route.c[i];
		enum outcome done = c->provider == NULL ? builtin_echo(r, c) :
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
	if (builtin_answer(r))
		return;
	if (body_read(r) < 0 || read_model(r) < 0)
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
	buf_fmt(&b, "req=%s key=%s %.*s ", r->id, r->good_key ? r->key.name :
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
	mem_block_free(r->body_mem, r->body_size);
	r->body_mem = NULL;
	mem_release(r->part_reserved);
	r->part_reserved = 0;
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
	reply_deny(r, bad->status, WHY_BAD_REQUEST, "bad_request", "%s", bad->why);
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
