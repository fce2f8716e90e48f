/* SPDX-License-Identifier: MIT */
/*
 * anthropic_write: a fitted request (anthropic_fit.c) as a body of Anthropic
 * Messages, version 2023-06-01 (protocols/anthropic.md 2.4 and 6).
 *
 * Marks for the prompt cache, if they are wanted: on the last block of the
 * system text and of the last two user turns, on the last tool where there is
 * no system text; at most three, so the limit of four is kept. The API takes
 * no mark on thinking and blank text: neither can stand there. Nothing that
 * varies is written, so a conversation that goes on keeps its bytes.
 *
 * A custom tool is a function with one string `input`; its grammar goes behind
 * the description. Web search is the API's own of 2025-03-05.
 */
#include "anthropic.h"

/* ---- blocks ---- */

struct writing {
	const struct neutral *q;
	struct json_out *o;
	/* the last parts of the system text and of the last two user turns:
	 * they get a mark */
	const struct part *marks[3];
};

static void
put_str(struct json_out *o, const char *key, const char *plain)
{
	json_key(o, key);
	json_str(o, str_of(plain));
}

static void
open_type(struct json_out *o, const char *type)
{
	json_open(o, '{');
	put_str(o, "type", type);
}

/* A mark for Anthropic's prompt cache (anthropic.md 6). */
static void
put_mark(struct writing *w)
{
	json_key(w->o, "cache_control");
	open_type(w->o, "ephemeral");
	if (w->q->to.cache_ttl.n > 0)
		put_member(w->o, "ttl", w->q->to.cache_ttl);
	json_close(w->o, '}');
}

static void
put_source(struct json_out *o, const struct part *p)
{
	json_key(o, "source");
	open_type(o, p->url.n > 0 ? "url" : p->plain ? "text" : "base64");
	if (p->url.n > 0) {
		put_member(o, "url", p->url);
	} else {
		put_member(o, "media_type", p->plain ? STR("text/plain") :
		    p->media);
		put_member(o, "data", p->data);
	}
	json_close(o, '}');
}

/* A block but for its end; results have their inner parts yet to come. */
static void
open_part(struct json_out *o, const struct part *p)
{
	switch (p->kind) {
	case PART_IMAGE:
		open_type(o, "image");
		put_source(o, p);
		break;
	case PART_DOCUMENT:
		open_type(o, "document");
		put_source(o, p);
		if (p->filename.n > 0)
			put_member(o, "title", p->filename);
		break;
	case PART_CALL:
		open_type(o, "tool_use");
		put_member(o, "id", p->wire_id);
		put_member(o, "name", p->wire_name);
		json_key(o, "input");
		if (!p->custom) {
			json_raw(o, p->raw);
			break;
		}
		json_open(o, '{');
		put_member(o, "input", p->text);
		json_close(o, '}');
		break;
	case PART_RESULT:
		open_type(o, "tool_result");
		put_member(o, "tool_use_id", p->wire_id);
		break;
	case PART_REASONING:
		open_type(o, p->redacted ? "redacted_thinking" : "thinking");
		if (!p->redacted)
			put_member(o, "thinking", p->text);
		put_member(o, p->redacted ? "data" : "signature",
		    p->seal.text);
		break;
	default:
		open_type(o, "text");
		put_member(o, "text", p->text);
	}
}

static void
put_result(struct json_out *o, const struct part *p)
{
	const struct part *inner = p->parts;
	bool some = false;

	for (; inner != NULL; inner = inner->next) {
		if (inner->dropped)
			continue;
		if (!some) {
			json_key(o, "content");
			json_open(o, '[');
			some = true;
		}
		open_part(o, inner);
		json_close(o, '}');
	}
	if (some)
		json_close(o, ']');
	if (p->error) {
		json_key(o, "is_error");
		json_bool(o, true);
	}
}

static void
put_parts(struct writing *w, const struct part *p)
{
	json_open(w->o, '[');
	for (; p != NULL; p = p->next) {
		open_part(w->o, p);
		if (p->kind == PART_RESULT)
			put_result(w->o, p);
		if (p == w->marks[0] || p == w->marks[1] || p == w->marks[2])
			put_mark(w);
		json_close(w->o, '}');
	}
	json_close(w->o, ']');
}

static const struct part *
last_part(const struct turn *t)
{
	const struct part *p = t->parts;

	while (p->next != NULL)
		p = p->next;
	return p;
}

static void
put_turns(struct writing *w)
{
	const struct turn *t = w->q->turns, *i;

	for (i = w->q->to.cache ? t : NULL; i != NULL; i = i->next)
		if (i->role == ROLE_SYSTEM) {
			w->marks[0] = last_part(i);
		} else if (i->role == ROLE_USER) {
			w->marks[1] = w->marks[2];
			w->marks[2] = last_part(i);
		}
	if (t->role == ROLE_SYSTEM) {
		json_key(w->o, "system");
		put_parts(w, t->parts);
		t = t->next;
	}
	json_key(w->o, "messages");
	json_open(w->o, '[');
	for (; t != NULL; t = t->next) {
		json_open(w->o, '{');
		put_str(w->o, "role", t->role == ROLE_USER ? "user" :
		    "assistant");
		json_key(w->o, "content");
		put_parts(w, t->parts);
		json_close(w->o, '}');
	}
	json_close(w->o, ']');
}

/* ---- tools ---- */

static void
put_schema(struct json_out *o, const struct tool *t)
{
	struct json_value v = json_root(t->custom ? STR("{\"properties\":"
	    "{\"input\":{\"type\":\"string\"}},\"required\":[\"input\"]}") :
	    t->schema.n > 0 ? t->schema : STR("{\"properties\":{}}"));
	struct json_walk w;

	json_key(o, "input_schema");
	if (json_is(json_get(v, "type"), STR("object"))) {
		json_raw(o, v.raw);
		return;
	}
	open_type(o, "object"); /* anything else is refused */
	for (json_walk(&w, v); json_step(&w);)
		if (!json_is(w.key, STR("type")) && !w.key.escaped) {
			json_key_str(o, w.key.text);
			json_raw(o, w.value.raw);
		}
	json_close(o, '}');
}

/* What the grammar of a custom tool says is all that its model learns of it:
 * it goes behind the description. */
static void
put_description(struct json_out *o, const struct tool *t)
{
	struct str grammar = t->format.n == 0 ? t->format :
	    text_of(json_get(json_root(t->format), "definition"));

	if (t->description.n + grammar.n == 0)
		return;
	json_key(o, "description");
	json_str_begin(o);
	json_str_text(o, t->description);
	if (grammar.n > 0)
		json_str_text(o, STR("\\n\\n"));
	json_str_text(o, grammar);
	json_str_end(o);
}

/* Anthropic's own search, with what both makers' tools have. */
static void
put_search(struct json_out *o, const struct tool *t)
{
	struct json_value v = json_root(t->hosted);
	struct json_value place = json_get(v, "user_location");
	struct json_value hosts = json_at(v, "filters/allowed_domains");

	open_type(o, "web_search_20250305");
	put_str(o, "name", "web_search");
	if (json_is(json_get(place, "type"), STR("approximate"))) {
		json_key(o, "user_location");
		json_raw(o, place.raw);
	}
	if (hosts.type == JSON_ARRAY && hosts.raw.n > 2) {
		json_key(o, "allowed_domains");
		json_raw(o, hosts.raw);
	}
}

static void
put_choice(const struct neutral *q, struct json_out *o)
{
	/* in the order of enum choice */
	static const char *const names[] = { "auto", "auto", "none", "any",
		"tool" };

	if (q->choice == CHOICE_UNSET && q->parallel != TRI_NO)
		return;
	json_key(o, "tool_choice");
	open_type(o, names[q->choice]);
	if (q->choice == CHOICE_TOOL)
		put_member(o, "name", q->wire_choice);
	if (q->parallel == TRI_NO && q->choice != CHOICE_NONE) {
		json_key(o, "disable_parallel_tool_use");
		json_bool(o, true);
	}
	json_close(o, '}');
}

static void
put_tools(struct writing *w)
{
	const struct tool *t, *last = NULL;
	struct json_out *o = w->o;

	for (t = w->q->tools; t != NULL; t = t->next)
		if (!t->dropped)
			last = t;
	if (last == NULL)
		return;
	json_key(o, "tools");
	json_open(o, '[');
	for (t = w->q->tools; t != NULL; t = t->next) {
		if (t->dropped)
			continue;
		if (t->hosted.n > 0) {
			put_search(o, t);
		} else {
			json_open(o, '{');
			put_member(o, "name", t->wire_name);
			put_description(o, t);
			put_schema(o, t);
		}
		/* The mark of the system text covers the tools. */
		if (t == last && w->q->to.cache && w->marks[0] == NULL)
			put_mark(w);
		json_close(o, '}');
	}
	json_close(o, ']');
	put_choice(w->q, o);
}

/* ---- the rest ---- */

static void
put_thinking(const struct neutral *q, struct json_out *o)
{
	if (q->wire_budget > 0) {
		json_key(o, "thinking");
		open_type(o, "enabled");
		put_count(o, "budget_tokens", q->wire_budget);
		json_close(o, '}');
	} else if (q->adaptive || q->wire_effort == EFFORT_NONE) {
		json_key(o, "thinking");
		open_type(o, q->adaptive ? "adaptive" : "disabled");
		/* Newer models show nothing unless they are asked. */
		if (q->adaptive && (q->from == DIALECT_CHAT ||
		    (q->summary.n > 0 && !str_eq(q->summary, STR("none")))))
			put_str(o, "display", "summarized");
		json_close(o, '}');
	}
	if (q->wire_effort <= EFFORT_NONE && q->output != OUTPUT_SCHEMA)
		return;
	json_key(o, "output_config");
	json_open(o, '{');
	if (q->wire_effort > EFFORT_NONE)
		put_str(o, "effort", effort_name(q->wire_effort));
	if (q->output == OUTPUT_SCHEMA) {
		json_key(o, "format");
		open_type(o, "json_schema");
		json_key(o, "schema");
		json_raw(o, q->schema);
		json_close(o, '}');
	}
	json_close(o, '}');
}

void
messages_write(const struct neutral *q, struct json_out *o)
{
	struct writing w = { .q = q, .o = o };
	const struct text_list *s = q->stop;

	json_open(o, '{');
	put_member(o, "model", q->wire_model);
	put_count(o, "max_tokens", q->wire_max);
	if (q->stream) {
		json_key(o, "stream");
		json_bool(o, true);
	}
	put_turns(&w);
	put_tools(&w);
	put_thinking(q, o);
	if (s != NULL) {
		json_key(o, "stop_sequences");
		json_open(o, '[');
		for (; s != NULL; s = s->next)
			json_text(o, s->text);
		json_close(o, ']');
	}
	if (q->user.n > 0) {
		json_key(o, "metadata");
		json_open(o, '{');
		put_member(o, "user_id", q->user);
		json_close(o, '}');
	}
	if (q->service_tier.n > 0)
		put_member(o, "service_tier", q->service_tier);
	put_number(o, "temperature", q->temperature);
	put_number(o, "top_p", q->top_p);
	put_number(o, "top_k", q->top_k);
	json_close(o, '}');
}
