/* SPDX-License-Identifier: MIT */
/*
 * chat: OpenAI Chat Completions. Error bodies and records, a look at chunks
 * that pass, and the writer of answers (OpenAI API reference as of November
 * 2026: chat.completion, chat.completion.chunk, error).
 *
 * Rules kept: id, created, model and object are constant; the first delta
 * carries the role; tool calls count from 0, the first delta of each has id,
 * type and name; one finish_reason; a usage chunk only when asked for;
 * `[DONE]` last, and never after an error record. Reasoning goes out as text,
 * in the member that the configuration names, or not at all; what is opaque in
 * it has no place here. Always one choice.
 * The look is good for /v1/completions too. Of several choices (n over 1) the
 * first that finishes counts as the proper end.
 */
#include "chat.h"

struct str
chat_text(const struct json_value *v, const char *name)
{
	return text_of(json_get(*v, name));
}

static const char *
finish_reason(const struct answer *a, enum stop_kind stop)
{
	if (stop == STOP_LENGTH)
		return "length";
	if (stop == STOP_FILTER)
		return "content_filter";
	/* Calls decide, not what the upstream said (openai.md 6.5). */
	return a->tools > 0 ? "tool_calls" : "stop";
}

/* ---- errors ---- */

static void
write_error(const struct failure *f, struct buf *out)
{
	struct json_out o;

	json_out_buf(&o, out);
	json_open(&o, '{');
	json_key(&o, "error");
	put_openai_error(&o, f);
	json_close(&o, '}');
	json_out_flush(&o);
}

static void
write_stream_error(const struct failure *f, uint64_t seq,
    struct str response_id, struct buf *out)
{
	(void)seq;
	(void)response_id;
	buf_addz(out, "data: ");
	write_error(f, out);
	buf_addz(out, "\n\n");
}

/* ---- looking ---- */

static void
take_usage(struct tap *t, struct json_value u)
{
	if (u.type != JSON_OBJECT)
		return;
	t->usage = (struct usage){ .known = true,
		.input = number_at(u, "prompt_tokens"),
		.output = number_at(u, "completion_tokens"),
		.cached = number_at(u, "prompt_tokens_details/cached_tokens"),
		.written = number_at(u,
		    "prompt_tokens_details/cache_write_tokens"),
		.reasoning = number_at(u,
		    "completion_tokens_details/reasoning_tokens") };
}

static void
read_usage(struct tap *t, struct json_value answer)
{
	take_usage(t, json_get(answer, "usage"));
}

/* Is the value at the beginning of rest more than null or an empty one? */
static bool
has_value(struct str rest)
{
	rest = skip_space(rest);
	return rest.n > 0 && rest.p[0] != 'n' &&
	    !str_starts(rest, STR("\"\"")) &&
	    !str_starts(rest, STR("[]")) && !str_starts(rest, STR("{}"));
}

enum { SAW_ERROR = 1, SAW_USAGE = 2, SAW_FINISH = 4, SAW_CONTENT = 8 };
#define END_KEYS 3 /* the first keys of the table, which can end a stream */

/* Which of the members that matter stand in this chunk, at any depth. Once
 * there was content, only the first rows are looked for. */
static int
scan(const struct tap *t, struct str data)
{
	static const struct {
		struct str key;
		int saw;
	} keys[] = {
		{ STR_INIT("error"), SAW_ERROR },
		{ STR_INIT("usage"), SAW_USAGE },
		{ STR_INIT("finish_reason"), SAW_FINISH },
		{ STR_INIT("content"), SAW_CONTENT },
		{ STR_INIT("text"), SAW_CONTENT },
		{ STR_INIT("tool_calls"), SAW_CONTENT },
		{ STR_INIT("function_call"), SAW_CONTENT },
		{ STR_INIT("refusal"), SAW_CONTENT },
		{ STR_INIT("audio"), SAW_CONTENT },
		{ STR_INIT("images"), SAW_CONTENT },
		{ STR_INIT("reasoning_content"), SAW_CONTENT },
		{ STR_INIT("reasoning"), SAW_CONTENT },
		{ STR_INIT("reasoning_text"), SAW_CONTENT },
		{ STR_INIT("reasoning_details"), SAW_CONTENT },
		{ STR_INIT("thinking_blocks"), SAW_CONTENT },
	};
	size_t n = t->begun ? END_KEYS : sizeof(keys) / sizeof(keys[0]), i;
	struct str name;
	int saw = 0;

	while (next_name(&data, &name)) {
		char last = name.n > 0 ? name.p[name.n - 1] : '\0';

		for (i = 0; i < n; i++)
			if (keys[i].key.p[keys[i].key.n - 1] == last &&
			    is_name(name, keys[i].key) && has_value(data))
				saw |= keys[i].saw;
	}
	return saw;
}

/* Has a choice of this chunk its finish_reason? */
static bool
finishes(struct json_value choices)
{
	struct json_walk w;

	for (json_walk(&w, choices); json_step(&w);) {
		struct json_value f = json_get(w.value, "finish_reason");

		if (f.type == JSON_STRING && f.text.n > 0)
			return true;
	}
	return false;
}

/* A chunk that may hold usage, the end or an error; TAP_NONE: neither end nor
 * error. An event that is named "error" is one, whatever it holds. */
static enum tap_kind
look_closer(struct tap *t, bool named_error, struct str data)
{
	struct json_value root = { .type = JSON_NONE };
	struct json_value e = root, choices = root;
	struct json_walk w;

	if (json_check(data, NULL) == 0)
		root = json_root(data);
	for (json_walk(&w, root); json_step(&w);) {
		if (json_is(w.key, STR("error")))
			e = w.value;
		else if (json_is(w.key, STR("usage")))
			take_usage(t, w.value);
		else if (json_is(w.key, STR("choices")))
			choices = w.value;
	}
	if (e.type == JSON_OBJECT || (e.type == JSON_STRING && e.text.n > 0))
		return tap_error(t, e);
	if (named_error)
		return tap_error(t, root);
	if (!finishes(choices))
		return TAP_NONE;
	t->finished = true;
	return TAP_END;
}

static enum tap_kind
look(struct tap *t, struct str name, struct str data)
{
	bool named_error = str_eq(name, STR("error"));
	enum tap_kind kind;
	int saw;

	if (data.n < 16 && str_eq(str_trim(data), STR("[DONE]"))) {
		t->finished = t->done = true;
		return TAP_END;
	}
	saw = scan(t, data);
	if (named_error ||
	    (saw & (SAW_ERROR | SAW_USAGE | SAW_FINISH)) != 0) {
		kind = look_closer(t, named_error, data);
		if (kind != TAP_NONE)
			return kind;
	}
	return t->begun || (saw & SAW_CONTENT) != 0 ? TAP_CONTENT :
	    TAP_PREAMBLE;
}

/* ---- writing ---- */

static void
put_head(struct answer *a, struct json_out *o, const char *object)
{
	json_open(o, '{');
	put_id(o, "id", "chatcmpl-", a->id);
	json_key(o, "object");
	json_str(o, str_of(object));
	json_key(o, "created");
	json_num(o, a->created);
	put_member(o, "model", a->model);
}

static void
chunk_open(struct answer *a, struct json_out *o)
{
	buf_addz(a->out, "data: ");
	json_out_buf(o, a->out);
	put_head(a, o, "chat.completion.chunk");
	json_key(o, "choices");
	json_open(o, '[');
}

static void
delta_open(struct answer *a, struct json_out *o)
{
	chunk_open(a, o);
	json_open(o, '{');
	put_count(o, "index", 0);
	json_key(o, "delta");
	json_open(o, '{');
}

static void
chunk_close(struct answer *a, struct json_out *o)
{
	json_close(o, '}');
	json_out_flush(o);
	buf_addz(a->out, "\n\n");
}

static void
delta_close(struct answer *a, struct json_out *o, const char *finish)
{
	json_close(o, '}');
	json_key(o, "finish_reason");
	if (finish == NULL)
		json_null(o);
	else
		json_str(o, str_of(finish));
	json_close(o, '}');
	json_close(o, ']');
	chunk_close(a, o);
}

static void
put_usage(const struct answer *a, struct json_out *o)
{
	const struct usage *u = &a->usage;

	json_key(o, "usage");
	json_open(o, '{');
	put_count(o, "prompt_tokens", u->input);
	put_count(o, "completion_tokens", u->output);
	put_count(o, "total_tokens", u->input + u->output);
	json_key(o, "prompt_tokens_details");
	json_open(o, '{');
	put_count(o, "cached_tokens", u->cached);
	put_count(o, "cache_write_tokens", u->written);
	json_close(o, '}');
	json_key(o, "completion_tokens_details");
	json_open(o, '{');
	put_count(o, "reasoning_tokens", u->reasoning);
	json_close(o, '}');
	json_close(o, '}');
}

/* How a call of that kind is spelled. */
static const char *
call_type(const struct answer *a)
{
	return a->kind == BLOCK_CUSTOM ? "custom" : "function";
}

static const char *
call_text(const struct answer *a)
{
	return a->kind == BLOCK_CUSTOM ? "input" : "arguments";
}

static void
put_call(const struct answer *a, struct json_out *o, struct str text)
{
	put_member(o, "id", buf_str(&a->tool_id));
	json_key(o, "type");
	json_str(o, str_of(call_type(a)));
	json_key(o, call_type(a));
	json_open(o, '{');
	put_member(o, "name", buf_str(&a->tool_name));
	put_member(o, call_text(a), text);
	json_close(o, '}');
}

/* NULL: that kind is not shown. */
static const char *
delta_key(const struct answer *a)
{
	return a->kind == BLOCK_REASONING ? a->reasoning_field :
	    a->kind == BLOCK_REFUSAL ? "refusal" : "content";
}

static void
call_delta(struct answer *a, const struct event *ev)
{
	struct json_out o;

	delta_open(a, &o);
	json_key(&o, "tool_calls");
	json_open(&o, '[');
	json_open(&o, '{');
	put_count(&o, "index", a->tools);
	if (ev->type == EV_OPEN) {
		put_call(a, &o, STR(""));
	} else {
		json_key(&o, call_type(a));
		json_open(&o, '{');
		put_member(&o, call_text(a), ev->text);
		json_close(&o, '}');
	}
	json_close(&o, '}');
	json_close(&o, ']');
	delta_close(a, &o, NULL);
}

static void
stream_stop(struct answer *a, const struct event *ev)
{
	struct json_out o;

	delta_open(a, &o);
	delta_close(a, &o, finish_reason(a, ev->stop));
	if (a->include_usage) {
		chunk_open(a, &o);
		json_close(&o, ']');
		put_usage(a, &o);
		chunk_close(a, &o);
	}
	buf_addz(a->out, "data: [DONE]\n\n");
}

static void
stream_event(struct answer *a, const struct event *ev)
{
	struct json_out o;

	switch (ev->type) {
	case EV_START:
		delta_open(a, &o);
		json_key(&o, "role");
		json_str(&o, STR("assistant"));
		json_key(&o, "content");
		json_str(&o, STR(""));
		delta_close(a, &o, NULL);
		break;
	case EV_OPEN:
		if (is_call(a->kind))
			call_delta(a, ev);
		break;
	case EV_DELTA:
		if (is_call(a->kind)) {
			call_delta(a, ev);
			break;
		}
		if (delta_key(a) == NULL)
			break;
		delta_open(a, &o);
		put_member(&o, delta_key(a), ev->text);
		delta_close(a, &o, NULL);
		break;
	case EV_STOP:
		stream_stop(a, ev);
		break;
	case EV_ERROR:
		write_stream_error(&ev->failure, 0, STR(""), a->out);
		break;
	default:
		break;
	}
}

/* A finished block joins what the message will hold. */
static void
whole_block(struct answer *a)
{
	struct json_out o;

	if (is_call(a->kind)) {
		block_begin(a, &o);
		json_open(&o, '{');
		put_call(a, &o, buf_str(&a->text));
		json_close(&o, '}');
		json_out_flush(&o);
		return;
	}
	buf_adds(a->kind == BLOCK_REASONING ? &a->reasoning :
	    a->kind == BLOCK_REFUSAL ? &a->refusal : &a->content,
	    buf_str(&a->text));
}

static void
put_text_or_null(struct json_out *o, const char *key, const struct buf *b)
{
	json_key(o, key);
	if (b->len > 0)
		json_text(o, buf_str(b));
	else
		json_null(o);
}

static void
whole_stop(struct answer *a, const struct event *ev)
{
	struct json_out o;

	json_out_buf(&o, a->out);
	put_head(a, &o, "chat.completion");
	json_key(&o, "choices");
	json_open(&o, '[');
	json_open(&o, '{');
	put_count(&o, "index", 0);
	json_key(&o, "message");
	json_open(&o, '{');
	json_key(&o, "role");
	json_str(&o, STR("assistant"));
	if (a->content.len == 0 && a->blocks.len == 0 && a->refusal.len == 0)
		put_member(&o, "content", STR(""));
	else
		put_text_or_null(&o, "content", &a->content);
	put_text_or_null(&o, "refusal", &a->refusal);
	if (a->reasoning.len > 0 && a->reasoning_field != NULL)
		put_member(&o, a->reasoning_field, buf_str(&a->reasoning));
	if (a->blocks.len > 0) {
		json_key(&o, "tool_calls");
		json_open(&o, '[');
		json_raw(&o, buf_str(&a->blocks));
		json_close(&o, ']');
	}
	json_close(&o, '}');
	json_key(&o, "finish_reason");
	json_str(&o, str_of(finish_reason(a, ev->stop)));
	json_key(&o, "logprobs");
	json_null(&o);
	json_close(&o, '}');
	json_close(&o, ']');
	put_usage(a, &o);
	json_close(&o, '}');
	json_out_flush(&o);
}

static void
write_event(struct answer *a, const struct event *ev)
{
	if (a->stream)
		stream_event(a, ev);
	else if (ev->type == EV_CLOSE)
		whole_block(a);
	else if (ev->type == EV_STOP)
		whole_stop(a, ev);
	else if (ev->type == EV_ERROR)
		write_error(&ev->failure, a->out);
}

const struct dialect_ops chat_ops = {
	.name = "chat",
	.ping = STR_INIT(": ping\n\n"),
	.error_type = openai_error_type,
	.error = write_error,
	.stream_error = write_stream_error,
	.tap = look,
	.usage = read_usage,
	.event = write_event,
	.read = chat_read,
	.fit = chat_fit,
	.write = chat_write,
	.pointer = chat_pointer,
	.reader_size = sizeof(struct chat_reader),
	.feed = chat_feed,
	.finish = chat_finish,
	.whole = chat_whole,
	.drop = chat_drop,
};
