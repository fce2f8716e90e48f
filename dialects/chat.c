/* SPDX-License-Identifier: MIT */
/*
 * chat: OpenAI Chat Completions. Error bodies and records, a look at chunks
 * that pass, and the writer of answers (openai.md 1.3 and 1.4 of the OpenAI
 * API reference as of November 2026: chat.completion, chat.completion.chunk).
 *
 * Rules kept: id, created, model and object are constant; the first delta
 * carries the role; tool calls count from 0; one finish_reason; a usage chunk
 * only when asked for; `[DONE]` last, and never after an error record.
 * Reasoning goes out as reasoning_content.
 */
#include "ops.h"

static const char *
finish_reason(const struct answer *a, enum stop_kind stop)
{
	if (stop == STOP_LENGTH)
		return "length";
	if (stop == STOP_FILTER)
		return "content_filter";
	return stop == STOP_TOOL || a->tools > 0 ? "tool_calls" : "stop";
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
read_usage(struct tap *t, struct json_value answer)
{
	struct json_value u = json_get(answer, "usage");

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

enum { SAW_ERROR = 1, SAW_USAGE = 2, SAW_FINISH = 4, SAW_MORE = 8 };

/* Is the key that ends before rest followed by something that is not null
 * and not ""? */
static bool
has_value(struct str rest)
{
	while (rest.n > 0 && (rest.p[0] == ' ' || rest.p[0] == ':'))
		rest = str_sub(rest, 1, rest.n);
	return rest.n > 0 && rest.p[0] != 'n' &&
	    !str_starts(rest, STR("\"\"")) && !str_starts(rest, STR("[]"));
}

/* One pass from quote to quote: which of the keys that matter stand in this
 * chunk. A quote inside of a string is escaped, so a key is never mistaken. */
static int
scan(struct str data)
{
	static const struct {
		struct str key;
		int saw;
	} keys[] = {
		{ STR_INIT("\"error\""), SAW_ERROR },
		{ STR_INIT("\"usage\""), SAW_USAGE },
		{ STR_INIT("\"finish_reason\""), SAW_FINISH },
		{ STR_INIT("\"content\""), SAW_MORE },
		{ STR_INIT("\"text\""), SAW_MORE },
		{ STR_INIT("\"tool_calls\""), SAW_MORE },
		{ STR_INIT("\"refusal\""), SAW_MORE },
		{ STR_INIT("\"reasoning_content\""), SAW_MORE },
		{ STR_INIT("\"reasoning\""), SAW_MORE },
		{ STR_INIT("\"reasoning_details\""), SAW_MORE },
		{ STR_INIT("\"function_call\""), SAW_MORE },
	};
	int saw = 0;
	ssize_t at;
	size_t i;

	while ((at = str_chr(data, '"')) >= 0) {
		data = str_sub(data, (size_t)at, data.n);
		if (data.n > 1 && (data.p[1] == 'e' || data.p[1] == 'u' ||
		    data.p[1] == 'f' || data.p[1] == 'c' ||
		    data.p[1] == 't' || data.p[1] == 'r'))
			for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
				if (str_starts(data, keys[i].key) &&
				    has_value(str_sub(data, keys[i].key.n,
				    data.n)))
					saw |= keys[i].saw;
		data = str_sub(data, 1, data.n);
	}
	return saw;
}

/* Did every choice of this chunk get its finish_reason? One is enough. */
static bool
finishes(struct json_value root)
{
	struct json_walk w;

	for (json_walk(&w, json_get(root, "choices")); json_step(&w);)
		if (json_get(w.value, "finish_reason").type == JSON_STRING)
			return true;
	return false;
}

static enum tap_kind
look(struct tap *t, struct str name, struct str data)
{
	struct json_value root, e;
	int saw;

	(void)name;
	if (str_eq(str_trim(data), STR("[DONE]"))) {
		t->finished = t->done = true;
		return TAP_END;
	}
	saw = scan(data);
	if ((saw & (SAW_ERROR | SAW_USAGE | SAW_FINISH)) != 0 &&
	    json_check(data, NULL) == 0) {
		root = json_root(data);
		e = json_get(root, "error");
		if (e.type == JSON_OBJECT)
			return tap_failed(t, json_get(e, "code"),
			    json_get(e, "type"), json_get(e, "message"));
		if (e.type == JSON_STRING)
			return tap_failed(t, json_get(e, "code"),
			    json_get(e, "code"), e);
		if ((saw & SAW_USAGE) != 0)
			read_usage(t, root);
		if (finishes(root)) {
			t->finished = true;
			return TAP_END;
		}
	}
	return t->begun || (saw & SAW_MORE) != 0 ? TAP_CONTENT :
	    TAP_PREAMBLE;
}

/* ---- writing ---- */

static void
put_head(struct answer *a, struct json_out *o, const char *object)
{
	json_open(o, '{');
	json_key(o, "id");
	json_str_begin(o);
	json_str_plain(o, STR("chatcmpl-"));
	json_str_text(o, a->id);
	json_str_end(o);
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
	json_key(o, "index");
	json_num(o, 0);
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
	json_key(o, "prompt_tokens");
	json_num(o, (int64_t)u->input);
	json_key(o, "completion_tokens");
	json_num(o, (int64_t)u->output);
	json_key(o, "total_tokens");
	json_num(o, (int64_t)(u->input + u->output));
	json_key(o, "prompt_tokens_details");
	json_open(o, '{');
	json_key(o, "cached_tokens");
	json_num(o, (int64_t)u->cached);
	json_close(o, '}');
	json_key(o, "completion_tokens_details");
	json_open(o, '{');
	json_key(o, "reasoning_tokens");
	json_num(o, (int64_t)u->reasoning);
	json_close(o, '}');
	json_close(o, '}');
}

static void
put_tool(const struct answer *a, struct json_out *o, struct str arguments)
{
	put_member(o, "id", buf_str(&a->tool_id));
	json_key(o, "type");
	json_str(o, STR("function"));
	json_key(o, "function");
	json_open(o, '{');
	put_member(o, "name", buf_str(&a->tool_name));
	put_member(o, "arguments", arguments);
	json_close(o, '}');
}

static const char *
delta_key(enum block_kind kind)
{
	return kind == BLOCK_REASONING ? "reasoning_content" :
	    kind == BLOCK_REFUSAL ? "refusal" : "content";
}

static void
tool_delta(struct answer *a, const struct event *ev)
{
	struct json_out o;

	delta_open(a, &o);
	json_key(&o, "tool_calls");
	json_open(&o, '[');
	json_open(&o, '{');
	json_key(&o, "index");
	json_num(&o, (int64_t)a->tools);
	if (ev->type == EV_OPEN) {
		put_tool(a, &o, STR(""));
	} else {
		json_key(&o, "function");
		json_open(&o, '{');
		put_member(&o, "arguments", ev->text);
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
		if (a->kind == BLOCK_TOOL)
			tool_delta(a, ev);
		break;
	case EV_DELTA:
		if (a->kind == BLOCK_TOOL) {
			tool_delta(a, ev);
			break;
		}
		delta_open(a, &o);
		put_member(&o, delta_key(a->kind), ev->text);
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

	if (a->kind == BLOCK_TOOL) {
		block_begin(a, &o);
		json_open(&o, '{');
		put_tool(a, &o, buf_str(&a->text));
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
	json_key(&o, "index");
	json_num(&o, 0);
	json_key(&o, "message");
	json_open(&o, '{');
	json_key(&o, "role");
	json_str(&o, STR("assistant"));
	if (a->content.len == 0 && a->blocks.len == 0 && a->refusal.len == 0)
		put_member(&o, "content", STR(""));
	else
		put_text_or_null(&o, "content", &a->content);
	put_text_or_null(&o, "refusal", &a->refusal);
	if (a->reasoning.len > 0)
		put_member(&o, "reasoning_content", buf_str(&a->reasoning));
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
};
