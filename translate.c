/* SPDX-License-Identifier: MIT */
/*
 * translate: a request and its answer between two dialects. The request is
 * read into slices, fitted to the provider, written once to count it and once
 * to send it, 8 kB at a time. The answer's events go through the provider's
 * reader into the client's writer; its bytes go out by pass.c.
 *
 * Also here: the estimate for count_tokens where the provider cannot count,
 * and the reasoning that Chat clients have no field for (recall.c).
 *
 * Deliberately not here: any field of any dialect (dialects/), waiting and
 * sending to the client (pass.c, reply.c).
 * Limits: ARENA_MAX for a request's structure, max_body for one event and for
 * a whole answer.
 */
#include "translate.h"

#include <string.h>

#include "dialects/chatgpt.h"
#include "recall.h"

#define ARENA_MAX (8u << 20)
#define SEND_MAX 8192
#define THOUGHT_MAX 65536 /* reasoning kept for a Chat client */
#define ROOM_STEP 65536   /* growth of what is held, as reserved */

struct translation {
	struct arena arena;
	struct neutral q;
	char tag[9];
	char id[24]; /* stem of the answer's ids */
	size_t length;
	bool differs; /* the second run gave another length */

	bool reading; /* reader and answer are initialised */
	struct reader reader;
	struct answer answer;
	struct buf out;
	size_t reserved;
	enum tap_kind kind; /* the weightiest of the last event */
	struct failure failure;
	int64_t retry_s;
	bool fields; /* went into r->fields */
	bool native_record; /* the error's own record is in out already */

	/* A Responses client at ChatGPT: no neutral middle, its own items go
	 * through (dialects/chatgpt.h). */
	bool native;
	struct chatgpt_opts opts;
	struct chatgpt_back back;
	char session[37]; /* chatgpt: of the conversation */

	struct buf thought; /* text of the open block of reasoning */
	struct buf kept;    /* records for recall.c, until a call comes */
};

/* ---- reasoning for Chat clients ---- */

/* In kept: this, then the tag, the text and the sealed text. */
struct record {
	enum seal_maker maker;
	bool redacted;
	size_t text_n, sealed_n;
};

#define TAG_SIZE 8

static struct str
who_asks(const struct request *r)
{
	return r->good_key ? str_of(r->key.name) : STR("-");
}

/* Watch the answer of a Chat client for reasoning, and keep it under the call
 * that follows. */
static void
keep_reasoning(struct attempt *a, const struct event *ev)
{
	struct translation *t = a->tr;
	struct record rec;

	switch (ev->type) {
	case EV_OPEN:
		buf_clear(&t->thought);
		if ((ev->kind == BLOCK_TOOL || ev->kind == BLOCK_CUSTOM) &&
		    t->kept.len > 0 && !t->kept.bad) {
			recall_put(who_asks(a->r), ev->id, buf_str(&t->kept),
			    now_ms());
			buf_clear(&t->kept);
		}
		break;
	case EV_DELTA:
		if (t->answer.kind == BLOCK_REASONING)
			buf_adds(&t->thought, ev->text);
		break;
	case EV_CLOSE:
		if (ev->maker == SEAL_NONE || ev->sealed.n == 0 ||
		    t->thought.bad)
			break;
		rec = (struct record){ ev->maker, ev->redacted,
			t->thought.len, ev->sealed.n };
		buf_add(&t->kept, &rec, sizeof(rec));
		buf_add(&t->kept, t->tag, TAG_SIZE);
		buf_adds(&t->kept, buf_str(&t->thought));
		buf_adds(&t->kept, ev->sealed);
		break;
	default:
		break;
	}
}

/* Put the records in data before *at, as parts of a turn. Gives the place
 * behind them. */
static struct part **
put_back(struct translation *t, struct part **at, struct str data,
    struct at where)
{
	struct record rec;

	while (data.n >= sizeof(rec) + TAG_SIZE) {
		struct part *p = NULL;
		struct str tag;

		memcpy(&rec, data.p, sizeof(rec));
		data = str_sub(data, sizeof(rec), data.n);
		tag = str_sub(data, 0, TAG_SIZE);
		data = str_sub(data, TAG_SIZE, data.n);
		if (neutral_part(&t->q, &p, PART_REASONING, where) == NULL)
			return at;
		p->text = str_sub(data, 0, rec.text_n);
		data = str_sub(data, rec.text_n, data.n);
		p->redacted = rec.redacted;
		p->seal = (struct seal){ rec.maker, true, tag,
			str_sub(data, 0, rec.sealed_n) };
		data = str_sub(data, rec.sealed_n, data.n);
		p->next = *at;
		*at = p;
		at = &p->next;
	}
	return at;
}

/* Readable reasoning only, as a client may send it back: the kept one, which
 * is the same with its seal, takes its place. */
static void
drop_unsealed(struct turn *turn)
{
	struct part **at = &turn->parts;

	while (*at != NULL)
		if ((*at)->kind == PART_REASONING &&
		    (*at)->seal.maker == SEAL_NONE)
			*at = (*at)->next;
		else
			at = &(*at)->next;
}

static void
recall_turn(struct attempt *a, struct turn *turn)
{
	struct translation *t = a->tr;
	struct part **at = &turn->parts;
	bool first = true;

	while (*at != NULL) {
		struct part *p = *at;
		struct str data = { NULL, 0 };

		if (p->kind == PART_CALL)
			data = recall_get(who_asks(a->r), p->id, &t->arena,
			    now_ms());
		if (data.n > 0 && first) {
			/* It came before the text, too. */
			drop_unsealed(turn);
			put_back(t, &turn->parts, data, p->at);
		} else if (data.n > 0) {
			put_back(t, at, data, p->at);
		}
		first = first && p->kind != PART_CALL;
		at = &p->next;
	}
}

static void
recall_all(struct attempt *a)
{
	struct turn *turn;

	if (a->r->dialect != DIALECT_CHAT)
		return;
	for (turn = a->tr->q.turns; turn != NULL; turn = turn->next)
		if (turn->role == ROLE_ASSISTANT)
			recall_turn(a, turn);
}

/* ---- the request ---- */

static enum dialect
dialect_of(const struct provider *p)
{
	if (p->type == PROVIDER_ANTHROPIC)
		return DIALECT_MESSAGES;
	return p->type == PROVIDER_CHATGPT || p->wire == WIRE_RESPONSES ?
	    DIALECT_RESPONSES : DIALECT_CHAT;
}

/* The effort that the model's name asks for: its suffix, or its alias's. */
static enum effort
named_effort(const struct request *r)
{
	const struct model_alias *m = conf_alias(r->conf, r->model);
	ssize_t at = str_find(r->model, STR("-reasoning-"));

	if (m != NULL)
		return effort_of(m->reasoning);
	return at < 0 ? EFFORT_UNSET : effort_of(str_sub(r->model,
	    (size_t)at + 11, r->model.n));
}

static void
set_target(const struct attempt *a, struct target *to)
{
	const struct conf *c = a->r->conf;

	seal_tag(a->p->name, a->model, a->tr->tag);
	*to = (struct target){ .d = dialect_of(a->p),
		.chatgpt = a->p->type == PROVIDER_CHATGPT, .model = a->model,
		.tag = str_of(a->tr->tag), .effort = named_effort(a->r),
		.cache = c->prompt_cache, .cache_ttl = c->cache_ttl,
		.effort_default = c->chatgpt_effort,
		.summary_default = c->chatgpt_summary };
	to->caps = models_caps(to->d, a->model);
}

/* The request cannot go to this provider; a later one of a chain may take what
 * this one does not. */
static int
refuse(struct attempt *a, const struct failure *f, bool by_provider,
    enum outcome *done)
{
	*done = FORWARD_DONE;
	if (by_provider && !a->last)
		*done = attempt_fail(a, f->status, WHY_BAD_REQUEST, f->code,
		    "%.*s", STR_ARG(f->message));
	else
		reply_failure(a->r, f, f->status >= 500 ? WHY_LIMIT :
		    WHY_BAD_REQUEST);
	return -1;
}

static int
answer_count(struct attempt *a, enum outcome *done)
{
	struct request *r = a->r;
	char text[64];
	size_t n;

	buf_addz(&r->fields, "x-llmux-estimate: 1\r\n");
	n = fmt_to(text, sizeof(text), "{\"input_tokens\":%llu}",
	    (unsigned long long)neutral_estimate(&a->tr->q));
	reply_whole(r, 200, "application/json", (struct str){ text, n });
	*done = FORWARD_DONE;
	return -1;
}

/* Nothing may be lost when the client says so. */
static int
check_strict(struct attempt *a, struct failure *f)
{
	struct neutral *q = &a->tr->q;

	if (q->loss.n == 0 || !str_eq(http_get(&a->r->head,
	    "x-llmux-strict"), STR("1")))
		return 0;
	return neutral_refuse(q, f, "unsupported_parameter", NULL,
	    "x-llmux-strict: the provider cannot be given %.*s",
	    STR_ARG(neutral_lost(q)));
}

static void
note_lost(void *arg, const char *pointer)
{
	loss_add(arg, pointer);
}

/* A Responses body for the ChatGPT backend. */
static int
prepare_native(struct attempt *a, struct failure *f)
{
	struct translation *t = a->tr;
	const struct target *to = &t->q.to;

	t->opts = (struct chatgpt_opts){ to->caps, to->effort,
		to->effort_default, to->summary_default };
	return chatgpt_check(a->r->root, note_lost, &t->q, f);
}

/* The conversation's id, the same in each of its turns. */
static void
make_session(struct attempt *a)
{
	struct translation *t = a->tr;
	struct str own = http_get(&a->r->head, "session-id");
	char text[128];
	size_t n;

	if (own.n == 0)
		own = http_get(&a->r->head, "session_id");
	if (own.n > 0 && own.n < sizeof(t->session)) {
		fmt_to(t->session, sizeof(t->session), "%.*s", STR_ARG(own));
		return;
	}
	n = fmt_to(text, sizeof(text), "{\"prompt_cache_key\":\"%.*s\"}",
	    STR_ARG(t->q.wire_cache_key));
	chatgpt_session(t->native ? a->r->root :
	    json_root((struct str){ text, n }), a->cred.account_id, a->model,
	    t->session);
}

static void
write_body(const struct attempt *a, struct json_out *o)
{
	const struct translation *t = a->tr;

	if (t->native)
		chatgpt_write(a->r->root, a->model, &t->opts, o);
	else
		neutral_write(&t->q, o);
}

/* All that has to be decided before the first byte goes out. */
static int
prepare(struct attempt *a, enum outcome *done)
{
	struct translation *t = a->tr;
	struct request *r = a->r;
	struct target to;
	struct json_out o;
	struct failure f;
	int rc;

	t->q = (struct neutral){ .from = r->dialect, .body = r->body,
		.root = r->root, .a = &t->arena, .stream = r->stream };
	set_target(a, &to);
	t->native = to.chatgpt && r->dialect == DIALECT_RESPONSES;
	if (!t->native && neutral_read(&t->q, &f) < 0)
		return refuse(a, &f, false, done);
	if (r->ep == EP_COUNT)
		return answer_count(a, done);
	recall_all(a);
	if (t->native) {
		t->q.to = to;
		buf_init(&t->q.loss.list, 1024);
		rc = prepare_native(a, &f);
	} else {
		rc = neutral_fit(&t->q, &to, &f);
	}
	if (rc < 0 || check_strict(a, &f) < 0)
		return refuse(a, &f, true, done);
	json_out_init(&o, NULL, 0, NULL, NULL);
	write_body(a, &o);
	if (o.bad) {
		f = (struct failure){ .status = 500, .message = STR("the "
		    "request could not be written for the provider") };
		return refuse(a, &f, true, done);
	}
	t->length = (size_t)o.total;
	return 0;
}

int
translate_begin(struct attempt *a, enum outcome *done)
{
	struct request *r = a->r;

	if (r->ep == EP_COMPLETIONS || r->ep == EP_EMBEDDINGS) {
		*done = attempt_fail(a, 400, WHY_NO_ROUTE,
		    "unsupported_endpoint", "model \"%.*s\" is served by "
		    "provider \"%.*s\", which does not have this endpoint",
		    STR_ARG(a->model), STR_ARG(a->p->name));
		return -1;
	}
	a->tr = mem_calloc(sizeof(*a->tr));
	if (a->tr == NULL) {
		struct err e = { .kind = ERR_MEM };

		*done = attempt_fail_err(a, &e);
		return -1;
	}
	arena_init(&a->tr->arena, ARENA_MAX);
	buf_init(&a->tr->thought, THOUGHT_MAX);
	buf_init(&a->tr->kept, THOUGHT_MAX);
	if (prepare(a, done) == 0)
		return 0;
	translate_free(a);
	return -1;
}

void
translate_free(struct attempt *a)
{
	struct translation *t = a->tr;

	if (t == NULL)
		return;
	if (t->reading && t->native)
		chatgpt_back_free(&t->back);
	if (t->reading && !t->native) {
		reader_free(&t->reader);
		answer_free(&t->answer);
	}
	buf_free(&t->out);
	buf_free(&t->thought);
	buf_free(&t->kept);
	mem_release(t->reserved);
	neutral_free(&t->q);
	arena_free(&t->arena);
	mem_free(t);
	a->tr = NULL;
}

const char *
translate_session(struct attempt *a)
{
	make_session(a);
	return a->tr->session;
}

enum endpoint
translate_endpoint(const struct attempt *a)
{
	enum dialect d = a->tr->q.to.d;

	return d == DIALECT_MESSAGES ? EP_MESSAGES :
	    d == DIALECT_RESPONSES ? EP_RESPONSES : EP_CHAT;
}

size_t
translate_length(const struct attempt *a)
{
	return a->tr->length;
}

bool
translate_streams(const struct attempt *a)
{
	const struct target *to = &a->tr->q.to;

	/* The writers of these two always ask for one. */
	return a->tr->q.stream || to->chatgpt || to->d == DIALECT_CHAT;
}

/* Where the second run's bytes go. */
struct sending {
	struct attempt *a;
	struct str head; /* goes out with the first bytes */
	size_t sent;
	struct err *e;
};

static int
send_bytes(void *arg, const char *p, size_t n)
{
	struct sending *s = arg;
	struct attempt *a = s->a;
	struct iovec iov[2] = {
		{ (void *)(uintptr_t)s->head.p, s->head.n },
		{ (void *)(uintptr_t)p, n } };
	size_t skip = s->head.n > 0 ? 0 : 1;

	s->head.n = 0;
	s->sent += n;
	/* The answer came first: nobody wants the rest. */
	if (a->early)
		return 0;
	return net_send(a->up, iov + skip, 2 - skip, a->r->conf->send_ms,
	    &a->early, s->e);
}

int
translate_send(struct attempt *a, struct str head, struct err *e)
{
	struct sending s = { a, head, 0, e };
	struct json_out o;
	char *room = mem_alloc(SEND_MAX);

	if (room == NULL)
		return err_set(e, ERR_MEM, "no memory");
	e->kind = ERR_NONE;
	a->early = false;
	json_out_init(&o, room, SEND_MAX, send_bytes, &s);
	write_body(a, &o);
	json_out_flush(&o);
	mem_free(room);
	if (e->kind != ERR_NONE)
		return -1;
	if (o.bad || s.sent != a->tr->length)
		return err_set(e, ERR_INPUT, "the translated body has %zu "
		    "bytes instead of %zu", s.sent, a->tr->length);
	return 0;
}

/* ---- the answer ---- */

/* Everything that is held of an answer counts in max_memory. */
static bool
hold_room(struct translation *t)
{
	const struct answer *w = &t->answer;
	size_t held = t->out.cap + w->blocks.cap + w->text.cap +
	    w->content.cap + w->reasoning.cap + w->refusal.cap +
	    (t->native ? t->back.held : 0);

	while (held > t->reserved + ROOM_STEP) {
		if (!mem_reserve(ROOM_STEP))
			return false;
		t->reserved += ROOM_STEP;
	}
	return true;
}

static void
fail(struct translation *t, int status, const char *code,
    struct str message)
{
	t->kind = TAP_ERROR;
	t->failure = (struct failure){ .status = status, .code = code,
		.message = message };
}

/* f with texts that live as long as the attempt. */
static void
keep_failure(struct translation *t, const struct failure *f)
{
	struct str code = str_of(f->code);

	/* Overload has several names, and its own status with Anthropic. */
	if (f->status == 503)
		code = STR("overloaded");
	fail(t, f->status, code.n > 0 ? arena_z(&t->arena, code) : NULL,
	    arena_dup(&t->arena, f->message));
	if (f->type.n > 0)
		t->failure.type = arena_dup(&t->arena, f->type);
}

static void
weigh(struct translation *t, const struct event *ev)
{
	if (ev->type == EV_STOP)
		t->kind = TAP_END;
	else if (t->kind == TAP_PREAMBLE && ((ev->type == EV_DELTA &&
	    ev->text.n > 0) || (ev->type == EV_OPEN &&
	    (ev->kind == BLOCK_TOOL || ev->kind == BLOCK_CUSTOM))))
		t->kind = TAP_CONTENT;
}

static int
on_event(void *arg, const struct event *ev)
{
	struct attempt *a = arg;
	struct translation *t = a->tr;

	if (ev->usage.known)
		a->r->tap.usage = ev->usage;
	if (ev->type == EV_ERROR) {
		keep_failure(t, &ev->failure);
		return -1;
	}
	weigh(t, ev);
	if (a->r->dialect == DIALECT_CHAT)
		keep_reasoning(a, ev);
	answer_event(&t->answer, ev);
	if (!t->answer.bad && hold_room(t))
		return 0;
	if (t->out.bad || !t->answer.bad)
		fail(t, 503, "overloaded", STR("no memory is free for the "
		    "answer"));
	else
		fail(t, 502, "upstream_broken", STR("the upstream's events "
		    "are out of order, or its answer is too large"));
	return -1;
}

static const char *
reasoning_field(const struct conf *c)
{
	return c->reasoning_field == REASONING_NONE ? NULL :
	    c->reasoning_field == REASONING_PLAIN ? "reasoning" :
	    "reasoning_content";
}

static int
begin_answer(struct attempt *a)
{
	struct translation *t = a->tr;
	struct request *r = a->r;
	size_t max = (size_t)r->conf->max_body;
	struct answer *w = &t->answer;

	if (t->reading)
		return 0;
	if (t->native) {
		chatgpt_back_init(&t->back, r->root, r->stream, max);
		buf_init(&t->out, 2 * max + 65536);
		t->reading = true;
		return 0;
	}
	answer_init(w, r->dialect, r->stream, max);
	t->reading = true;
	buf_init(&t->out, 2 * max + 65536);
	fmt_to(t->id, sizeof(t->id), "%s", r->id + 4); /* without "req_" */
	w->id = str_of(t->id);
	w->model = r->model_value.type == JSON_STRING ? r->model_value.text :
	    t->q.wire_model;
	w->created = wall_s();
	w->include_usage = t->q.include_usage;
	w->out = &t->out;
	w->seal_tag = str_of(t->tag);
	w->reasoning_field = reasoning_field(r->conf);
	return reader_init(&t->reader, t->q.to.d, &t->q, max, on_event, a);
}

/* After the reader: what pass.c wants to know. */
static enum tap_kind
settle(struct attempt *a, int rc)
{
	struct translation *t = a->tr;
	struct tap *tap = &a->r->tap;

	if (rc < 0 && t->kind != TAP_ERROR)
		fail(t, 502, "upstream_broken", STR("the upstream's answer "
		    "is none of its API, or too large"));
	tap->next_seq = t->answer.seq;
	if (t->answer.started && tap->response_id[0] == '\0')
		fmt_to(tap->response_id, sizeof(tap->response_id), "resp_%s",
		    t->id);
	if (t->kind == TAP_ERROR) {
		tap->status = t->failure.status;
		fmt_to(tap->message, sizeof(tap->message), "%.*s",
		    STR_ARG(t->failure.message));
		return TAP_ERROR;
	}
	/* The stop may still wait for its usage. */
	tap->finished = t->answer.ended || t->reader.ended;
	tap->done = t->reader.done;
	return t->kind;
}

/* An event that stays in its dialect. */
static enum tap_kind
native_event(struct attempt *a, struct str name, struct str data)
{
	struct translation *t = a->tr;
	struct tap *tap = &a->r->tap;
	struct failure f = { .status = 0 };

	t->kind = tap_event(tap, name, data);
	if (chatgpt_back_event(&t->back, name, data, &t->out) < 0 ||
	    !hold_room(t)) {
		fail(t, 502, "upstream_broken", STR("the upstream's events "
		    "are none of its API, or its answer is too large"));
		tap->status = t->failure.status;
		fmt_to(tap->message, sizeof(tap->message), "%.*s",
		    STR_ARG(t->failure.message));
		t->native_record = false;
		return TAP_ERROR;
	}
	tap->next_seq = t->back.seq;
	if (t->kind == TAP_ERROR) {
		f.status = tap->status;
		f.code = tap->code[0] == '\0' ? NULL : tap->code;
		f.message = str_of(tap->message);
		keep_failure(t, &f);
		t->native_record = true;
	}
	return t->kind;
}

enum tap_kind
translate_event(struct attempt *a, struct str name, struct str data)
{
	struct translation *t = a->tr;

	if (data.n == 0 || t->kind == TAP_ERROR)
		return TAP_NONE;
	t->kind = TAP_PREAMBLE;
	if (begin_answer(a) < 0) {
		fail(t, 503, "overloaded", STR("no memory is free"));
		return settle(a, 0);
	}
	if (t->native)
		return native_event(a, name, data);
	return settle(a, reader_event(&t->reader, name, data));
}

enum tap_kind
translate_end(struct attempt *a)
{
	struct translation *t = a->tr;

	if (!t->reading || t->kind == TAP_ERROR)
		return TAP_NONE;
	if (t->native) {
		if (!a->r->stream && t->back.ended &&
		    chatgpt_back_whole(&t->back, &t->out) < 0)
			fail(t, 503, "overloaded", STR("no memory is free for "
			    "the answer"));
		return t->kind == TAP_ERROR ? TAP_ERROR : TAP_NONE;
	}
	t->kind = TAP_PREAMBLE;
	settle(a, reader_end(&t->reader));
	a->r->tap.finished = t->answer.ended;
	return t->kind;
}

enum tap_kind
translate_whole(struct attempt *a, struct str body)
{
	struct translation *t = a->tr;

	t->kind = TAP_PREAMBLE;
	if (t->native) {
		fail(t, 502, "upstream_broken", STR("the upstream did not "
		    "answer with an event stream"));
		a->r->tap.status = t->failure.status;
		return TAP_ERROR;
	}
	if (begin_answer(a) < 0) {
		fail(t, 503, "overloaded", STR("no memory is free"));
		return settle(a, 0);
	}
	if (reader_answer(&t->reader, body) < 0 || !t->answer.ended)
		return settle(a, -1);
	return settle(a, 0);
}

struct str
translate_out(const struct attempt *a)
{
	return a->tr->reading ? buf_str(&a->tr->out) : STR("");
}

void
translate_sent(struct attempt *a)
{
	if (a->tr->reading)
		buf_clear(&a->tr->out);
}

/* ---- failures ---- */

/* In the words of the client's dialect. */
static void
in_dialect(struct attempt *a)
{
	struct failure *f = &a->tr->failure;

	if (a->r->dialect == DIALECT_MESSAGES)
		f->type.n = 0; /* OpenAI's names mean nothing there */
	if (f->message.n == 0)
		f->message = STR("the upstream failed without a reason");
	f->request_id = str_of(a->r->id);
}

enum outcome
translate_failed(struct attempt *a)
{
	struct translation *t = a->tr;
	struct failure *f = &t->failure;
	struct request *r = a->r;

	in_dialect(a);
	if (!a->last && attempt_may_switch(f->status))
		return attempt_fail(a, f->status, WHY_UPSTREAM, NULL, "%.*s",
		    STR_ARG(f->message));
	if (!r->committed)
		attempt_fields(a);
	if (!r->committed && t->retry_s > 0 &&
	    http_get(&r->up_head, "retry-after").n == 0)
		buf_fmt(&r->fields, "retry-after: %lld\r\n",
		    (long long)t->retry_s);
	/* Not to be repeated for hours (clients.md 7.4). */
	if (!r->committed && str_eq(str_of(f->code),
	    STR("usage_limit_reached")) &&
	    http_get(&r->up_head, "x-should-retry").n == 0)
		buf_addz(&r->fields, "x-should-retry: false\r\n");
	reply_failure(r, f, WHY_UPSTREAM);
	return FORWARD_DONE;
}

void
translate_put_error(struct attempt *a)
{
	const struct request *r = a->r;

	if (a->tr->native_record || begin_answer(a) < 0)
		return;
	in_dialect(a);
	dialect_stream_error(r->dialect, &a->tr->failure, r->tap.next_seq,
	    str_of(r->tap.response_id), &a->tr->out);
}

enum outcome
translate_error(struct attempt *a, struct str body)
{
	struct translation *t = a->tr;

	neutral_error(t->q.to.d, t->q.to.chatgpt, a->r->up_head.status, body,
	    &t->arena, &t->failure, wall_s(), &t->retry_s);
	return translate_failed(a);
}

void
translate_fields(struct attempt *a)
{
	struct translation *t = a->tr;
	struct str lost = neutral_lost(&t->q);

	if (t->fields)
		return;
	t->fields = true;
	if (lost.n == 0)
		return;
	buf_fmt(&a->r->fields, "x-llmux-dropped: %.*s\r\n", STR_ARG(lost));
	a->r->dropped += t->q.loss.n;
}
