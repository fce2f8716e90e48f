/* SPDX-License-Identifier: MIT */
/*
 * chat_reader: the answer of an OpenAI-compatible server, streamed or whole, as
 * neutral events (protocols/openai.md 1.3, 1.4, 5 and 6.5 to 6.7; what servers
 * do beyond that is known from reports).
 *
 * Taken: delta (or a whole message, when nothing came before it) with
 * reasoning_content, reasoning, reasoning_text or reasoning_details, content as
 * string or parts, refusal, tool_calls, function_call; finish_reason; usage of
 * any chunk, of which the last counts; error records; [DONE]. Choices other
 * than the first are passed over, and so are unknown members.
 *
 * Texts go out as they come, a new kind of text ends the one before. The first
 * call goes out as it comes and stays open until the answer ends; what comes
 * beside it waits in a lane each, since servers interleave. A call is opened by
 * the first piece of its arguments, as its name may come in pieces. A call of a
 * custom tool waits whole: its input is a string inside of its arguments.
 *
 * The end is [DONE], or the end of the body behind a finish_reason. Limits:
 * LANES_MAX lanes, r->max bytes that wait.
 */
#include "chat.h"

#define LANES_MAX 256 /* far over what any model calls at once */
#define NAME_MAX 4096 /* of an id or a name; some ids carry a signature */

struct chat_lane {
	struct chat_lane *next;
	enum block_kind kind;
	uint64_t index;      /* calls: as the server counts */
	struct buf id, name; /* calls, escaped */
	struct buf text;     /* what waits, escaped */
	bool open;           /* EV_OPEN went out */
	bool begun;          /* calls: arguments came, so the name is whole */
};

/* ---- lanes ---- */

static void
free_lane(struct chat_lane *l)
{
	buf_free(&l->id);
	buf_free(&l->name);
	buf_free(&l->text);
	mem_free(l);
}

/* A new one behind all others; NULL: r->bad. */
static struct chat_lane *
add_lane(struct reader *r, enum block_kind kind)
{
	struct chat_reader *s = r->own;
	struct chat_lane **end = &s->first, *l;

	l = s->lanes < LANES_MAX ? mem_calloc(sizeof(*l)) : NULL;
	if (l == NULL) {
		r->bad = true;
		return NULL;
	}
	l->kind = kind;
	buf_init(&l->id, NAME_MAX);
	buf_init(&l->name, NAME_MAX);
	buf_init(&l->text, r->max);
	while (*end != NULL)
		end = &(*end)->next;
	*end = l;
	if (s->live == NULL)
		s->live = l;
	s->lanes++;
	s->calls += is_call(kind);
	return l;
}

static int
send_event(struct reader *r, const struct event *ev)
{
	return r->emit(r->arg, ev);
}

/* Has a lane before l its id? */
static bool
id_taken(const struct chat_reader *s, const struct chat_lane *l)
{
	const struct chat_lane *k = s->first;

	while (k != l && !str_eq(buf_str(&k->id), buf_str(&l->id)))
		k = k->next;
	return k != l;
}

/* An id for a call that has none of its own: with the answer's id in it, as
 * some targets want it to be unique in the conversation. */
static void
make_id(const struct chat_reader *s, struct chat_lane *l)
{
	unsigned n = 0;

	while (l->id.len == 0 || id_taken(s, l)) {
		buf_clear(&l->id);
		buf_fmt(&l->id, "call_%s_%u", s->id, n++);
		if (l->id.bad)
			break;
	}
}

static int
open_lane(struct reader *r, struct chat_lane *l)
{
	struct event ev = { .type = EV_OPEN, .kind = l->kind };

	if (is_call(l->kind)) {
		make_id(r->own, l);
		if (l->id.bad || l->name.bad) {
			r->bad = true;
			return -1;
		}
		ev.id = buf_str(&l->id);
		ev.name = buf_str(&l->name);
		if (r->q != NULL)
			neutral_name_back(r->q, ev.name, &ev);
		l->kind = ev.kind;
	}
	l->open = r->content = true;
	return send_event(r, &ev);
}

/* The next piece of l: out, or to what waits. */
static int
put(struct reader *r, struct chat_lane *l, struct str text)
{
	struct chat_reader *s = r->own;
	struct event ev = { .type = EV_DELTA, .kind = l->kind, .text = text };

	if (l == s->live) {
		if (!l->open && open_lane(r, l) < 0)
			return -1;
		if (l->kind != BLOCK_CUSTOM)
			return send_event(r, &ev);
	}
	if (text.n > r->max - s->held) {
		r->bad = true;
		return -1;
	}
	s->held += text.n;
	buf_adds(&l->text, text);
	r->bad = r->bad || l->text.bad;
	return r->bad ? -1 : 0;
}

/* What waited of a lane. The input of a custom tool is taken out of the
 * arguments {"input":".."}; what has not that form is given as it is. */
static int
put_held(struct reader *r, struct chat_lane *l)
{
	struct event ev = { .type = EV_DELTA, .kind = l->kind,
		.text = buf_str(&l->text) };
	struct json_value input;
	struct buf plain = { 0 };
	int rc = 0;

	if (l->kind == BLOCK_CUSTOM) {
		buf_init(&plain, l->text.len + 16);
		json_decode(ev.text, &plain);
		r->bad = r->bad || plain.bad;
		if (!plain.bad && json_check(buf_str(&plain), NULL) == 0) {
			input = json_get(json_root(buf_str(&plain)), "input");
			if (input.type == JSON_STRING)
				ev.text = input.text;
		}
	}
	if (!r->bad && ev.text.n > 0)
		rc = send_event(r, &ev);
	buf_free(&plain);
	return r->bad ? -1 : rc;
}

/* End the live lane. Calls stay in the list, so that no id is given twice. */
static int
close_live(struct reader *r)
{
	struct chat_reader *s = r->own;
	struct chat_lane *l = s->live, **at = &s->first;
	struct event ev = { .type = EV_CLOSE };

	if (!l->open && open_lane(r, l) < 0)
		return -1;
	if (put_held(r, l) < 0)
		return -1;
	ev.kind = l->kind;
	s->held -= l->text.len;
	buf_free(&l->text);
	s->live = l->next;
	if (!is_call(l->kind)) {
		while (*at != l)
			at = &(*at)->next;
		*at = l->next;
		s->lanes--;
		free_lane(l);
	}
	return send_event(r, &ev);
}

/* Something else than the live lane begins: a text ends with that. */
static int
end_text(struct reader *r)
{
	struct chat_reader *s = r->own;

	return s->live == NULL || is_call(s->live->kind) ? 0 : close_live(r);
}

/* ---- texts ---- */

static int
put_text(struct reader *r, enum block_kind kind, struct str text)
{
	struct chat_reader *s = r->own;
	struct chat_lane *l = s->live;

	if (text.n == 0)
		return 0;
	while (l != NULL && l->next != NULL)
		l = l->next;
	if (l == NULL || l->kind != kind) {
		if (end_text(r) < 0)
			return -1;
		l = add_lane(r, kind);
	}
	return l == NULL ? -1 : put(r, l, text);
}

/* The texts of parts: {text}, {summary}. */
static int
put_parts(struct reader *r, enum block_kind kind,
    const struct json_value *parts)
{
	struct json_walk w;

	for (json_walk(&w, *parts); json_step(&w);)
		if (put_text(r, kind, chat_text(&w.value, "text")) < 0 ||
		    put_text(r, kind, chat_text(&w.value, "summary")) < 0)
			return -1;
	return 0;
}

/* content: a string, or parts {text}, {thinking: string or parts}. */
static int
put_content(struct reader *r, const struct json_value *v)
{
	struct json_value thinking;
	struct json_walk w;

	if (v->type == JSON_STRING)
		return put_text(r, BLOCK_TEXT, v->text);
	for (json_walk(&w, *v); json_step(&w);) {
		thinking = json_get(w.value, "thinking");
		if (put_text(r, BLOCK_REASONING, text_of(thinking)) < 0 ||
		    put_parts(r, BLOCK_REASONING, &thinking) < 0 ||
		    put_text(r, BLOCK_TEXT, chat_text(&w.value, "text")) < 0)
			return -1;
	}
	return 0;
}

/* ---- calls ---- */

/*
 * The lane of a piece of a call, NULL if it begins a new one. Servers that give
 * no index give whole calls, or pieces of the last one; some give 0 for all.
 */
static struct chat_lane *
find_call(const struct chat_reader *s, const uint64_t *index, struct str id,
    struct str name)
{
	struct chat_lane *l, *found = NULL;

	for (l = s->first; l != NULL; l = l->next)
		if (is_call(l->kind) && (index == NULL || l->index == *index))
			found = l;
	if (found == NULL || name.n == 0)
		return found;
	if (id.n > 0 && found->id.len > 0 &&
	    !str_eq(id, buf_str(&found->id)))
		return NULL;
	return index == NULL && id.n == 0 && found->begun ? NULL : found;
}

static int
put_arguments(struct reader *r, struct chat_lane *l,
    const struct json_value *v)
{
	struct buf text;
	int rc;

	if (v->type == JSON_STRING) {
		if (v->text.n == 0)
			return 0;
		l->begun = true;
		return put(r, l, v->text);
	}
	if (v->type != JSON_OBJECT)
		return 0;
	l->begun = true;
	buf_init(&text, 2 * v->raw.n + 16);
	json_escape(&text, v->raw);
	r->bad = r->bad || text.bad;
	rc = r->bad ? -1 : put(r, l, buf_str(&text));
	buf_free(&text);
	return rc;
}

/* A piece of a call; called: its name and arguments. */
static int
put_call(struct reader *r, const struct json_value *piece,
    const struct json_value *called, enum block_kind kind)
{
	struct chat_reader *s = r->own;
	struct json_value arguments = json_get(*called,
	    kind == BLOCK_CUSTOM ? "input" : "arguments");
	struct str id = chat_text(piece, "id");
	struct str name = chat_text(called, "name");
	uint64_t index = 0;
	bool counted = json_u64(json_get(*piece, "index"), &index) == 0;
	struct chat_lane *l = find_call(s, counted ? &index : NULL, id, name);

	if (l == NULL) {
		if (end_text(r) < 0)
			return -1;
		l = add_lane(r, kind);
		if (l == NULL)
			return -1;
		l->index = counted ? index : s->calls - 1;
	}
	/* A whole name that comes again has its id again. */
	if (!l->begun && (id.n == 0 || !str_eq(name, buf_str(&l->name))))
		buf_adds(&l->name, name);
	if (l->id.len == 0 && id.n <= NAME_MAX)
		buf_adds(&l->id, id);
	return put_arguments(r, l, &arguments);
}

static int
put_calls(struct reader *r, const struct json_value *calls)
{
	struct json_value called;
	struct json_walk w;

	for (json_walk(&w, *calls); json_step(&w);) {
		bool custom;

		called = json_get(w.value, "custom");
		custom = called.type == JSON_OBJECT;
		if (!custom)
			called = json_get(w.value, "function");
		if (put_call(r, &w.value, &called, custom ? BLOCK_CUSTOM :
		    BLOCK_TOOL) < 0)
			return -1;
	}
	return 0;
}

/* ---- chunks ---- */

static const char *const delta_names[] = { "content", "refusal", "tool_calls",
	"function_call", "reasoning_details", "reasoning_content",
	"reasoning", "reasoning_text" };
enum {
	D_CONTENT,
	D_REFUSAL,
	D_CALLS,
	D_LEGACY,
	D_DETAILS,
	D_REASONING,
	D_MAX = D_REASONING + 3
};

/* A delta or a message: thoughts first, then texts, then calls. The same
 * thoughts may stand in several members. */
static int
put_delta(struct reader *r, const struct json_value *v)
{
	struct json_value m[D_MAX] = { { .type = JSON_NONE } };
	struct json_walk w;
	size_t i;

	for (json_walk(&w, *v); json_step(&w);)
		for (i = 0; i < D_MAX; i++)
			if (json_is(w.key, str_of(delta_names[i])))
				m[i] = w.value;
	for (i = D_REASONING; i < D_MAX && text_of(m[i]).n == 0;)
		i++;
	if (i < D_MAX ? put_text(r, BLOCK_REASONING, m[i].text) < 0 :
	    put_parts(r, BLOCK_REASONING, &m[D_DETAILS]) < 0)
		return -1;
	if (put_content(r, &m[D_CONTENT]) < 0 ||
	    put_text(r, BLOCK_REFUSAL, text_of(m[D_REFUSAL])) < 0 ||
	    put_calls(r, &m[D_CALLS]) < 0)
		return -1;
	return m[D_LEGACY].type != JSON_OBJECT ? 0 :
	    put_call(r, &m[D_LEGACY], &m[D_LEGACY], BLOCK_TOOL);
}

static int
put_choice(struct reader *r, const struct json_value *v)
{
	struct chat_reader *s = r->own;
	struct json_value said = json_get(*v, "delta");
	struct str reason = chat_text(v, "finish_reason");

	if (put_delta(r, &said) < 0)
		return -1;
	/* Some servers repeat all of a stream in its last chunk. */
	said = json_get(*v, "message");
	if (s->first == NULL && !r->content && put_delta(r, &said) < 0)
		return -1;
	if (reason.n == 0)
		return 0;
	s->finished = true;
	s->stop = str_eq(reason, STR("length")) ? STOP_LENGTH :
	    str_eq(reason, STR("content_filter")) ? STOP_FILTER : STOP_END;
	return 0;
}

/* The failure that s->tap tells of. */
static int
put_failure(struct reader *r)
{
	struct chat_reader *s = r->own;
	struct event ev = { .type = EV_ERROR, .failure = {
		.status = s->tap.status, .message = str_of(s->tap.message),
		.code = s->tap.code[0] != '\0' ? s->tap.code : NULL } };

	r->failed = r->done = true;
	return send_event(r, &ev);
}

static void
keep_id(struct chat_reader *s, struct str id)
{
	size_t i, n = 0;

	if (s->id[0] != '\0')
		return;
	for (i = id.n < 24 ? 0 : id.n - 24; i < id.n; i++)
		if ((id.p[i] >= '0' && id.p[i] <= '9') ||
		    ((id.p[i] | 0x20) >= 'a' && (id.p[i] | 0x20) <= 'z'))
			s->id[n++] = id.p[i];
	s->id[n] = '\0';
}

/* A chunk or a whole answer; failed: it is an error whatever it holds. */
static int
put_chunk(struct reader *r, struct json_value root, bool failed)
{
	struct chat_reader *s = r->own;
	struct json_value error = { .type = JSON_NONE }, choices = error;
	struct event ev = { .type = EV_START };
	struct json_walk w;

	for (json_walk(&w, root); json_step(&w);) {
		if (json_is(w.key, STR("error")))
			error = w.value;
		else if (json_is(w.key, STR("choices")))
			choices = w.value;
		else if (json_is(w.key, STR("id")))
			keep_id(s, text_of(w.value));
		else if (json_is(w.key, STR("usage")))
			chat_ops.usage(&s->tap, root);
	}
	r->usage = s->tap.usage;
	if (error.type == JSON_OBJECT || text_of(error).n > 0 || failed) {
		tap_error(&s->tap, error.type == JSON_NONE ? root : error);
		return put_failure(r);
	}
	if (!s->started && send_event(r, &ev) < 0)
		return -1;
	s->started = true;
	for (json_walk(&w, choices); json_step(&w);)
		if (number_at(w.value, "index") == 0)
			return put_choice(r, &w.value);
	return 0;
}

/* ---- the four operations ---- */

/* Calls decide, not what the server said (openai.md 6.5). */
static int
end_answer(struct reader *r)
{
	struct chat_reader *s = r->own;
	struct event ev = { .type = EV_START };

	if (!s->started && send_event(r, &ev) < 0)
		return -1;
	while (s->live != NULL)
		if (close_live(r) < 0)
			return -1;
	r->ended = r->done = true;
	ev = (struct event){ .type = EV_STOP, .usage = s->tap.usage,
		.stop = s->stop == STOP_END && s->calls > 0 ? STOP_TOOL :
		    s->stop };
	return send_event(r, &ev);
}

int
chat_feed(struct reader *r, struct str name, struct str data)
{
	struct chat_reader *s = r->own;
	struct json_value root;

	if (data.n < 16 && str_eq(str_trim(data), STR("[DONE]")))
		return end_answer(r);
	if (json_check(data, NULL) < 0) {
		s->tap.status = 502;
		fmt_to(s->tap.message, sizeof(s->tap.message),
		    "the upstream sent an event that is not JSON");
		return put_failure(r);
	}
	root = json_root(data);
	return root.type != JSON_OBJECT ? 0 :
	    put_chunk(r, root, str_eq(name, STR("error")));
}

int
chat_finish(struct reader *r)
{
	const struct chat_reader *s = r->own;

	return r->done || !s->finished ? 0 : end_answer(r);
}

int
chat_whole(struct reader *r, struct json_value root)
{
	struct json_value error = json_get(root, "error");

	if (error.type != JSON_OBJECT && text_of(error).n == 0 &&
	    json_at(root, "choices/0/message").type != JSON_OBJECT)
		return -1;
	if (put_chunk(r, root, false) < 0)
		return -1;
	return r->failed ? 0 : end_answer(r);
}

void
chat_drop(struct reader *r)
{
	struct chat_reader *s = r->own;
	struct chat_lane *l, *next;

	for (l = s->first; l != NULL; l = next) {
		next = l->next;
		free_lane(l);
	}
	s->first = s->live = NULL;
}
