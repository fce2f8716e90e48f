/* SPDX-License-Identifier: MIT */
/*
 * forward: one attempt at one provider: connection, request, and the answer's
 * head; pass.c brings the answer back. Client and provider speak the same
 * dialect, so the body's bytes go through, but for the edits that routing
 * needs.
 *
 * Repeats: once on a new connection when a reused idle one died before any
 * byte of an answer; once with a fresh access token behind a 401. Nothing
 * else: SDKs repeat by themselves. Redirects are never followed: credentials
 * would go with them.
 */
#include "attempt.h"

#include "admin/quota.h"
#include "pool.h"
#include "translate.h"

#define UP_HEAD_MAX 65536 /* an upstream's answer head (reliability 4) */
#define EDITS 12          /* at most 2 for the model, 2 for each drop */

/* ---- the request to the upstream ---- */

static const char *
upstream_path(enum endpoint ep)
{
	switch (ep) {
	case EP_MESSAGES:
		return "/v1/messages";
	case EP_COUNT:
		return "/v1/messages/count_tokens";
	case EP_CHAT:
		return "/chat/completions";
	case EP_RESPONSES:
		return "/responses";
	case EP_COMPLETIONS:
		return "/completions";
	case EP_EMBEDDINGS:
		return "/embeddings";
	default:
		return "/";
	}
}

/* Has list, a comma-separated one, this member? */
static bool
in_list(struct str list, struct str member)
{
	struct str part;

	while (str_cut(&list, ',', &part))
		if (str_eq(str_trim(part), member))
			return true;
	return false;
}

/* All anthropic-beta lines of the client as one, each name once, in order;
 * before them what an access token needs. */
static void
put_betas(struct buf *b, const struct http_head *h, bool oauth)
{
	struct buf all;
	size_t i;

	buf_init(&all, UP_HEAD_MAX);
	if (oauth)
		buf_addz(&all, "oauth-2025-04-20");
	for (i = 0; i < h->n; i++) {
		struct str value = h->f[i].value, name;

		if (!str_ieq(h->f[i].name, STR("anthropic-beta")))
			continue;
		while (str_cut(&value, ',', &name)) {
			name = str_trim(name);
			if (name.n > 0 && !in_list(buf_str(&all), name))
				buf_fmt(&all, "%s%.*s", all.len > 0 ? "," :
				    "", STR_ARG(name));
		}
	}
	if (all.len > 0)
		buf_fmt(b, "anthropic-beta: %.*s\r\n",
		    STR_ARG(buf_str(&all)));
	b->bad = b->bad || all.bad;
	buf_free(&all);
}

/* Fields of Anthropic's API that the client may set. */
static void
put_anthropic_fields(struct buf *b, const struct request *r, bool oauth)
{
	static const char *const along[] = { "anthropic-workspace-id",
		"anthropic-user-profile-id" };
	struct str value = http_get(&r->head, "anthropic-version");
	size_t i;

	buf_fmt(b, "anthropic-version: %.*s\r\n", STR_ARG(value.n > 0 ?
	    value : STR("2023-06-01")));
	put_betas(b, &r->head, oauth);
	for (i = 0; i < sizeof(along) / sizeof(along[0]); i++) {
		value = http_get(&r->head, along[i]);
		if (value.n > 0)
			buf_fmt(b, "%s: %.*s\r\n", along[i],
			    STR_ARG(value));
	}
}

/* Fields of the ChatGPT backend (chatgpt.md 2.1). */
static void
put_chatgpt_fields(struct buf *b, struct attempt *a)
{
	struct str turn = http_get(&a->r->head, "x-codex-turn-state");

	buf_fmt(b, "chatgpt-account-id: %.*s\r\noriginator: llmux\r\n"
	    "session-id: %s\r\n", STR_ARG(a->cred.account_id),
	    translate_session(a));
	if (a->cred.fedramp)
		buf_addz(b, "x-openai-fedramp: true\r\n");
	/* Routing within a turn: the client replays what an answer had. */
	if (turn.n > 0)
		buf_fmt(b, "x-codex-turn-state: %.*s\r\n", STR_ARG(turn));
}

static void
put_request_head(struct attempt *a, struct buf *b, size_t length)
{
	const struct request *r = a->r;
	const struct provider *p = a->p;
	bool anthropic = p->type == PROVIDER_ANTHROPIC;
	bool chatgpt = p->type == PROVIDER_CHATGPT;
	bool stream = a->tr != NULL ? translate_streams(a) : r->stream;
	size_t i;

	buf_clear(b);
	buf_fmt(b, "POST %.*s%s HTTP/1.1\r\nhost: %.*s\r\n"
	    "user-agent: llmux/" LLMUX_VERSION "\r\n"
	    "content-type: application/json\r\naccept: %s\r\n"
	    "accept-encoding: identity\r\ncontent-length: %zu\r\n",
	    STR_ARG(p->path), chatgpt ? "/backend-api/codex/responses" :
	    upstream_path(a->tr != NULL ? translate_endpoint(a) : r->ep),
	    STR_ARG(p->host_field),
	    stream && !anthropic ? "text/event-stream" :
	    "application/json", length);
	if (anthropic)
		put_anthropic_fields(b, r, a->cred.oauth);
	if (chatgpt)
		put_chatgpt_fields(b, a);
	if (a->cred.secret.n > 0)
		buf_fmt(b, "%s%.*s\r\n", anthropic && !a->cred.oauth ?
		    "x-api-key: " : "authorization: Bearer ",
		    STR_ARG(a->cred.secret));
	for (i = 0; i < p->headers.n; i++)
		buf_fmt(b, "%.*s\r\n", STR_ARG(p->headers.v[i]));
	buf_addz(b, "\r\n");
}

/* The edits that routing needs: the model's name; for count_tokens the members
 * that Anthropic refuses there (anthropic.md 2). */
static int
edit_body(struct attempt *a, struct json_edits *l, struct str *quoted)
{
	struct request *r = a->r;
	struct json_walk w;
	struct buf b;
	int rc = 0;

	buf_init(&b, 4096);
	buf_addz(&b, r->model_value.type == JSON_NONE ? "\"model\":\"" :
	    "\"");
	json_escape(&b, a->model);
	buf_addc(&b, '"');
	*quoted = b.bad ? STR("") : arena_dup(&r->arena, buf_str(&b));
	buf_free(&b);
	if (quoted->n == 0)
		return -1;
	if (r->model_value.type == JSON_NONE)
		rc = json_edit_insert(l, r->body, r->root, false, *quoted);
	else if (!json_is(r->model_value, a->model))
		rc = json_edit_replace(l, r->body, r->model_value, *quoted);
	if (rc < 0 || r->ep != EP_COUNT)
		return rc;
	for (json_walk(&w, r->root); rc == 0 && json_step(&w);)
		if (json_is(w.key, STR("max_tokens")) ||
		    json_is(w.key, STR("stream")) ||
		    json_is(w.key, STR("metadata")))
			rc = json_edit_drop(l, r->body, r->root, &w);
	return rc;
}

static int
send_request(struct attempt *a, struct err *e)
{
	struct request *r = a->r;
	struct json_edit room[EDITS];
	struct json_edits l = { room, 0, EDITS };
	struct iovec iov[2 * EDITS + 2];
	struct str text;
	struct buf head;
	size_t n = 0, i;
	int rc;

	if (a->tr == NULL && edit_body(a, &l, &text) < 0)
		return err_set(e, ERR_MEM, "no room for the edits");
	buf_init(&head, UP_HEAD_MAX);
	put_request_head(a, &head, a->tr != NULL ? translate_length(a) :
	    json_edits_len(&l, r->body));
	if (head.bad) {
		buf_wipe(&head);
		return err_set(e, ERR_MEM, "no room for the request head");
	}
	if (a->tr != NULL) {
		rc = translate_send(a, buf_str(&head), e);
		buf_wipe(&head);
		return rc;
	}
	iov[n++] = (struct iovec){ head.p, head.len };
	for (i = 0; i <= 2 * l.n; i++) {
		struct str s = json_edits_piece(&l, r->body, i);

		if (s.n > 0)
			iov[n++] = (struct iovec){ (void *)(uintptr_t)s.p,
				s.n };
	}
	a->early = false;
	rc = net_send(a->up, iov, n, r->conf->send_ms, &a->early, e);
	buf_wipe(&head);
	return rc;
}

static int
open_connection(struct attempt *a, bool fresh, struct err *e)
{
	const struct provider *p = a->p;
	const struct conf *c = a->r->conf;
	struct net_target t = { .host = p->host, .port = p->port,
		.trust = p->tls ? c->trust : NULL, .proxy = &p->proxy };

	/* Never in the clear because the roots are missing. */
	if (p->tls && c->trust == NULL)
		return err_set(e, ERR_INPUT, "no CA file could be read; set "
		    "ca_file and reload");
	a->up = fresh ? NULL : pool_get(p->pool_key);
	if (a->up == NULL)
		a->up = net_open(&t, a->r->client, due_in(c->connect_ms), e);
	if (a->up == NULL)
		return -1;
	a->up->watch = a->r->client;
	return 0;
}

/* ---- the answer's head ---- */

/*
 * Wait for the head. A stream's client hears a ping meanwhile, from
 * ping_interval on. 0, or -1 with e.
 */
static int
read_head(struct attempt *a, struct err *e)
{
	struct request *r = a->r;

	for (;;) {
		int64_t due = attempt_due(a, a->head_due);

		if (http_read_answer(a->up, &r->up_copy, &r->up_head, false,
		    due, e) == 0)
			return 0;
		if (e->kind != ERR_TIME || due == a->head_due)
			return -1;
		if (attempt_ping(a) < 0)
			return err_set(e, ERR_GONE, "the client left");
	}
}

/* Send the request and read the head, on a pooled connection if there is one.
 * One that died while it was idle is replaced once, if no byte came. */
static int
exchange(struct attempt *a, struct err *e)
{
	bool fresh = false;

	for (;;) {
		uint64_t before;
		bool again;

		if (open_connection(a, fresh, e) < 0)
			return -1;
		before = a->up->received;
		buf_clear(&a->r->up_copy);
		if (send_request(a, e) == 0 && read_head(a, e) == 0)
			return 0;
		again = !fresh && a->up->reused && a->up->received == before &&
		    (e->kind == ERR_PEER || e->kind == ERR_SYS);
		net_close(a->up);
		a->up = NULL;
		if (!again)
			return -1;
		fresh = true;
	}
}

/* A credential of an account may have to be refreshed first. -1: the failure
 * is in *done. */
static int
get_credential(struct attempt *a, enum outcome *done)
{
	struct request *r = a->r;
	struct err e = { .kind = ERR_NONE };

	if (oauth_credential(r->conf, a->p, &r->arena, r->client, a->head_due,
	    &a->cred, &e) == 0)
		return 0;
	if (e.kind == ERR_AUTH && a->last)
		buf_addz(&r->fields, "x-should-retry: false\r\n");
	*done = e.kind == ERR_AUTH || e.kind == ERR_INPUT ?
	    attempt_fail(a, 401, WHY_NO_ROUTE, "provider_login_needed", "%s",
	    e.text) : e.kind == ERR_PEER ?
	    attempt_fail(a, 503, WHY_NO_ROUTE, "provider_login_waits", "%s",
	    e.text) : attempt_fail_err(a, &e);
	return -1;
}

/* The API refused the access token: is there a fresh one to repeat the request
 * with? Only a 401 is about the token; each refresh spends one. */
static bool
again_with_fresh(struct attempt *a)
{
	struct request *r = a->r;
	struct err e = { .kind = ERR_NONE };

	if (r->up_head.status != 401 || !a->cred.oauth)
		return false;
	if (a->p->type == PROVIDER_CHATGPT &&
	    str_find(net_peek(a->up), STR("token_invalidated")) >= 0) {
		oauth_mark(r->conf, a->p, &a->cred, "ChatGPT has ended this "
		    "login (token_invalidated)");
		return false;
	}
	if (oauth_refused(r->conf, a->p, &a->cred, &r->arena, r->client,
	    a->head_due, &a->cred, &e) == 0)
		return true;
	log_put(LOG_WARN, "req=%s %s", r->id, e.text);
	return false;
}

/* The exchange, and once more with a fresh token. */
static int
exchange_twice(struct attempt *a, struct err *e)
{
	if (exchange(a, e) < 0)
		return -1;
	if (!again_with_fresh(a))
		return 0;
	net_close(a->up);
	a->up = NULL;
	return exchange(a, e);
}

/* Does this provider speak the client's dialect on the endpoint? If not, that
 * needs a translation. */
static bool
same_dialect(const struct request *r, const struct provider *p)
{
	if (p->type == PROVIDER_ANTHROPIC)
		return r->ep == EP_MESSAGES || r->ep == EP_COUNT;
	if (p->type == PROVIDER_CHATGPT) /* its own wishes, in any dialect */
		return false;
	if (r->ep == EP_CHAT || r->ep == EP_RESPONSES)
		return (r->ep == EP_CHAT) == (p->wire == WIRE_CHAT);
	return r->ep == EP_COMPLETIONS || r->ep == EP_EMBEDDINGS;
}

enum outcome
forward(struct request *r, const struct candidate *c, bool last)
{
	struct attempt a = { .r = r, .p = c->provider, .model = c->model,
		.last = last };
	struct err e = { .kind = ERR_NONE };
	enum outcome done;

	r->provider = c->provider;
	r->upstream_model = c->model;
	tap_init(&r->tap, r->dialect);
	if (!same_dialect(r, c->provider) && translate_begin(&a, &done) < 0)
		return done;
	a.head_due = due_in(r->conf->response_ms);
	a.ping_due = due_in(r->conf->ping_ms);
	if (get_credential(&a, &done) < 0) {
		translate_free(&a);
		return done;
	}
	if (exchange_twice(&a, &e) < 0) {
		done = attempt_fail_err(&a, &e);
	} else {
		quota_note(a.p, &r->up_head, wall_s());
		r->first_ms = now_ms() - r->start_ms;
		done = pass_answer(&a);
	}
	if (a.up != NULL)
		net_close(a.up);
	translate_free(&a);
	return done;
}
