/* SPDX-License-Identifier: MIT */
/*
 * builtin: what llmux answers without asking a provider: health, metrics, the
 * list of models, the state of the accounts, preflights, and the model `echo`.
 */
#include "request.h"

#include "admin/status.h"
#include "admin/usage.h"

#define ANSWER_MAX (256 * 1024)
#define ECHO_TEXT_MAX (1024 * 1024)

/* What b holds, and its end; one that is not whole is never sent. */
static void
answer_buf(struct request *r, const char *type, struct buf *b)
{
	if (b->bad)
		reply_deny_memory(r);
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
		reply_deny_memory(r);
		return;
	}
	buf_init(&b, ANSWER_MAX);
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
		reply_deny(r, 404, WHY_NO_ROUTE, "model_not_found",
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

static void
answer_accounts(struct request *r)
{
	struct buf b;

	buf_init(&b, ANSWER_MAX);
	auth_status_json(r->conf, &b);
	answer_buf(r, "application/json", &b);
}

/* Anthropic's own account of the subscription's windows. */
static void
answer_quota(struct request *r)
{
	const struct provider *p = NULL;
	struct err e = { .kind = ERR_NONE };
	struct buf b;
	size_t i;

	for (i = 0; i < r->conf->n_providers && p == NULL; i++)
		if (r->conf->providers[i].enabled &&
		    r->conf->providers[i].type == PROVIDER_ANTHROPIC)
			p = &r->conf->providers[i];
	if (p == NULL) {
		reply_deny(r, 404, WHY_NO_ROUTE, "no_provider", "there is no "
		    "provider of type anthropic");
		return;
	}
	buf_init(&b, ANSWER_MAX);
	if (oauth_usage_json(r->conf, p, &b, &e) == 0) {
		answer_buf(r, "application/json", &b);
		return;
	}
	buf_free(&b);
	reply_deny(r, e.kind == ERR_AUTH ? 401 : e.kind == ERR_MEM ? 503 : 502,
	    WHY_NO_ROUTE, e.kind == ERR_AUTH ? "provider_login_needed" :
	    "upstream_unreachable", "%s", e.text);
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

bool
builtin_answer(struct request *r)
{
	if (str_eq(r->head.method, STR("OPTIONS")))
		answer_options(r);
	else if (str_eq(r->head.method, STR("HEAD")) || r->ep == EP_HELLO)
		reply_whole(r, 200, "", STR(""));
	else if (r->ep == EP_HEALTHZ || r->ep == EP_HEALTH)
		answer_health(r);
	else if (r->ep == EP_METRICS)
		answer_metrics(r);
	else if (r->ep == EP_AUTH_STATUS)
		answer_accounts(r);
	else if (r->ep == EP_OAUTH_USAGE)
		answer_quota(r);
	else if (r->ep == EP_MODELS || r->ep == EP_MODEL)
		answer_models(r);
	else
		return false;
	return true;
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

enum outcome
builtin_echo(struct request *r, const struct candidate *c)
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
		reply_deny(r, 400, WHY_BAD_REQUEST, "unsupported_endpoint",
		    "model \"echo\" answers on /v1/chat/completions, "
		    "/v1/responses and /v1/messages only");
		return FORWARD_DONE;
	}
	run = arena_alloc(&r->arena, sizeof(*run));
	if (run == NULL) {
		reply_deny_memory(r);
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
		reply_deny(r, 400, WHY_BAD_REQUEST, "invalid_request", "%s",
		    e.text);
	else if (rc < 0 && r->why == NULL)
		reply_deny(r, 503, WHY_LIMIT, "overloaded",
		    "the answer is too large for the echo model");
	else if (rc == 0 && r->stream)
		reply_end(r);
	else if (rc == 0)
		reply_whole(r, 200, "application/json", buf_str(&run->out));
	answer_free(&run->a);
	buf_free(&run->out);
	return FORWARD_DONE;
}
