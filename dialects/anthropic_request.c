/* SPDX-License-Identifier: MIT */
/*
 * anthropic_request: a Messages client's request, read into a neutral one
 * (Messages API, versions 2023-06-01 and 2026-10-21; protocols/anthropic.md
 * 2.4, and what Claude Code sends, clients.md 4). anthropic_fit.c is the
 * other direction.
 *
 * Read: system (also as a message's role), text, images and documents in all
 * forms, tool_use and tool_result, thinking, search results (as text), tools,
 * tool_choice, thinking and effort, output_config.format, limits, sampling.
 * cache_control, citations and a document's citations switch are passed over
 * in silence: other providers cache and cite by themselves. A tool with
 * defer_loading counts as any other: nobody else can look for it.
 *
 * Dropped with a report: blocks and results of tools that the provider ran,
 * unknown blocks, unknown members. 400: container and mcp_servers (server
 * state), and values of a wrong type. Agents answer a 400 with more and larger
 * requests, so what cannot be carried is dropped where that is honest.
 *
 * max_tokens may be absent here. Without memory q->bad is set and reading goes
 * on; neutral_read makes a 503 of it.
 */
#include "anthropic.h"

/* Places that are no message: struct at's item. */
#define AT_SYSTEM 0xfffffffeu
#define AT_TOOLS 0xfffffffdu

struct reading {
	struct neutral *q;
	struct failure *f;
	struct at at;       /* of the block or tool at hand */
	struct part **tail; /* where the next part goes */
};

/* ---- places ---- */

/* The place as "messages[3].content[1]" or "/messages/3/content/1". */
static void
put_place(struct at at, bool pointer, struct buf *out)
{
	const char *slash = pointer ? "/" : "", *end = pointer ? "" : "]";
	bool message = at.item < AT_TOOLS;

	if (at.item == AT_NONE)
		return;
	buf_fmt(out, "%s%s", slash, message ? "messages" :
	    at.item == AT_SYSTEM ? "system" : "tools");
	if (message)
		buf_fmt(out, pointer ? "/%u%s" : "[%u%s", at.item, end);
	if (at.part != AT_NONE)
		buf_fmt(out, pointer ? "%s/%u%s" : "%s[%u%s", !message ? "" :
		    pointer ? "/content" : ".content", at.part, end);
	if (at.sub != AT_NONE)
		buf_fmt(out, pointer ? "/content/%u%s" : ".content[%u%s",
		    at.sub, end);
}

void
messages_pointer(struct at at, struct buf *out)
{
	put_place(at, true, out);
}

/* 400 for a member of what stands at r->at. */
static int
wrong(struct reading *r, const char *member, const char *want)
{
	struct buf b;
	char *place;

	buf_init(&b, 256);
	put_place(r->at, false, &b);
	buf_fmt(&b, "%s%s", b.len > 0 && *member != '\0' ? "." : "", member);
	place = b.bad ? NULL : arena_z(r->q->a, buf_str(&b));
	buf_free(&b);
	if (place == NULL)
		return neutral_no_memory(r->q, r->f);
	return neutral_refuse(r->q, r->f, NULL, place, "%s: expected %s",
	    place, want);
}

static bool
is_null(struct json_value v)
{
	return v.type == JSON_NONE || v.type == JSON_NULL;
}

/* ---- blocks ---- */

static struct part *
add(struct reading *r, enum part_kind kind)
{
	struct part *p = neutral_part(r->q, r->tail, kind, r->at);

	if (p != NULL)
		r->tail = &p->next;
	return p;
}

static void
add_text(struct reading *r, struct str text)
{
	struct part *p = text.n == 0 ? NULL : add(r, PART_TEXT);

	if (p != NULL)
		p->text = text;
}

static int
read_text(struct reading *r, struct json_value v)
{
	struct json_value text = json_get(v, "text");

	if (text.type != JSON_STRING)
		return wrong(r, "text", "a string");
	add_text(r, text.text);
	return 0;
}

/* Where the bytes of an image or a document are. */
static int
read_source(struct reading *r, enum part_kind kind, struct json_value v)
{
	static const struct {
		const char *place;
		struct str name;
	} kinds[] = {
		{ "source.data", STR_INIT("data") },
		{ "source.url", STR_INIT("url") },
		{ "source.file_id", STR_INIT("file_id") },
		{ "source.data", STR_INIT("data") },
		{ "source.content", STR_INIT("content") },
	};
	struct json_value s = json_get(v, "source"), value;
	ssize_t i = str_place(text_in(s, "type"),
	    kind == PART_IMAGE ? "base64|url|file" :
	    "base64|url|file|text|content");
	struct part *p;

	if (i < 0)
		return wrong(r, "source.type", "base64, url, file, or (in a "
		    "document) text or content");
	value = json_get(s, kinds[i].name.p);
	if (value.type != JSON_STRING)
		return wrong(r, kinds[i].place, "a string");
	p = add(r, kind);
	if (p == NULL)
		return 0;
	p->media = text_in(s, "media_type");
	p->plain = i >= 3;
	if (p->plain)
		p->media = STR("text/plain");
	*(i == 1 ? &p->url : i == 2 ? &p->file_id : &p->data) = value.text;
	p->filename = text_in(v, "title");
	return 0;
}

static int
read_image(struct reading *r, struct json_value v)
{
	return read_source(r, PART_IMAGE, v);
}

/* A document may be made of text and images: they stand for themselves. */
static int
read_document(struct reading *r, struct json_value v)
{
	struct json_value list = json_at(v, "source/content");
	struct json_walk w;

	add_text(r, text_in(v, "context"));
	if (list.type != JSON_ARRAY)
		return read_source(r, PART_DOCUMENT, v);
	add_text(r, text_in(v, "title"));
	for (json_walk(&w, list); json_step(&w);)
		if ((json_is(json_get(w.value, "type"), STR("image")) ?
		    read_image(r, w.value) : read_text(r, w.value)) < 0)
			return -1;
	return 0;
}

static int
read_search(struct reading *r, struct json_value v)
{
	struct json_walk w;

	add_text(r, text_in(v, "title"));
	add_text(r, text_in(v, "source"));
	for (json_walk(&w, json_get(v, "content")); json_step(&w);)
		if (read_text(r, w.value) < 0)
			return -1;
	return 0;
}

static int
read_call(struct reading *r, struct json_value v)
{
	struct json_value id = json_get(v, "id"), name = json_get(v, "name");
	struct json_value input = json_get(v, "input");
	struct part *p;

	if (id.type != JSON_STRING || id.text.n == 0)
		return wrong(r, "id", "an id");
	if (name.type != JSON_STRING || name.text.n == 0)
		return wrong(r, "name", "a name");
	p = add(r, PART_CALL);
	if (p == NULL)
		return 0;
	p->id = id.text;
	p->name = name.text;
	p->raw = input.type == JSON_OBJECT ? input.raw : STR("{}");
	return 0;
}

static int
read_thinking(struct reading *r, struct json_value v)
{
	struct json_value data = json_get(v, "data");
	struct part *p = add(r, PART_REASONING);

	if (p == NULL)
		return 0;
	p->redacted = data.type == JSON_STRING;
	p->text = text_in(v, "thinking");
	if (!seal_open(DIALECT_MESSAGES, p->redacted ? data.text :
	    text_in(v, "signature"), &p->seal))
		loss_at(r->q, r->at);
	return 0;
}

enum { IN_SYSTEM = 1, IN_USER = 2, IN_ASSISTANT = 4, IN_RESULT = 8 };

static int read_result(struct reading *r, struct json_value v);

static const struct block_type {
	struct str type;
	unsigned where;
	int (*read)(struct reading *r, struct json_value v);
} block_types[] = {
	/* read_result takes only those before its own row */
	{ STR_INIT("text"), IN_SYSTEM | IN_USER | IN_ASSISTANT | IN_RESULT,
	    read_text },
	{ STR_INIT("image"), IN_USER | IN_RESULT, read_image },
	{ STR_INIT("document"), IN_USER | IN_ASSISTANT | IN_RESULT,
	    read_document },
	{ STR_INIT("search_result"), IN_USER | IN_RESULT, read_search },
	{ STR_INIT("tool_result"), IN_USER, read_result },
	{ STR_INIT("tool_use"), IN_ASSISTANT, read_call },
	{ STR_INIT("thinking"), IN_ASSISTANT, read_thinking },
	{ STR_INIT("redacted_thinking"), IN_ASSISTANT, read_thinking },
};

/* How a block there is read. NULL: not at all, and *why is the failure or 0
 * (then it is reported). */
static const struct block_type *
block_type(struct reading *r, struct json_value v, unsigned where, int *why)
{
	struct json_value type = json_get(v, "type");
	size_t i;

	*why = 0;
	for (i = 0; i < sizeof(block_types) / sizeof(block_types[0]); i++)
		if ((block_types[i].where & where) != 0 &&
		    json_is(type, block_types[i].type))
			return &block_types[i];
	if (type.type != JSON_STRING)
		*why = wrong(r, "type", "a block with a type");
	else
		loss_at(r->q, r->at);
	return NULL;
}

static int
read_result(struct reading *r, struct json_value v)
{
	struct json_value id = json_get(v, "tool_use_id");
	struct json_value content = json_get(v, "content");
	const struct block_type *t;
	struct json_walk w;
	struct part *p;
	int bad = 0;

	if (id.type != JSON_STRING || id.text.n == 0)
		return wrong(r, "tool_use_id", "an id");
	if (!is_null(content) && content.type != JSON_STRING &&
	    content.type != JSON_ARRAY)
		return wrong(r, "content", "a string or an array of blocks");
	p = add(r, PART_RESULT);
	if (p == NULL)
		return 0;
	p->id = id.text;
	p->error = json_true(json_get(v, "is_error"));
	r->tail = &p->parts;
	add_text(r, text_of(content));
	for (json_walk(&w, content); bad == 0 && content.type == JSON_ARRAY &&
	    json_step(&w);) {
		r->at.sub = (unsigned)w.index;
		t = block_type(r, w.value, IN_RESULT, &bad);
		if (t != NULL)
			bad = t->read(r, w.value);
	}
	r->at.sub = AT_NONE;
	r->tail = &p->next;
	return bad;
}

/* The content of a turn, or the system text. */
static int
read_content(struct reading *r, struct json_value v, unsigned where)
{
	const struct block_type *t;
	struct json_walk w;
	int bad = 0;

	if (v.type == JSON_STRING) {
		add_text(r, v.text);
		return 0;
	}
	if (v.type != JSON_ARRAY)
		return wrong(r, where == IN_SYSTEM ? "" : "content",
		    "a string or an array of blocks");
	for (json_walk(&w, v); bad == 0 && json_step(&w);) {
		r->at.part = (unsigned)w.index;
		t = block_type(r, w.value, where, &bad);
		if (t != NULL)
			bad = t->read(r, w.value);
	}
	r->at.part = AT_NONE;
	return bad;
}

static int
read_turn(struct reading *r, enum role role, struct json_value content)
{
	struct turn *t = neutral_turn(r->q, role, r->at.item);

	if (t == NULL)
		return 0;
	r->tail = &t->parts;
	return read_content(r, content, role == ROLE_USER ? IN_USER :
	    role == ROLE_ASSISTANT ? IN_ASSISTANT : IN_SYSTEM);
}

/* Claude Code puts notes with the role system between the turns. */
static int
read_messages(struct reading *r, struct json_value v)
{
	static const enum role roles[] = { ROLE_USER, ROLE_ASSISTANT,
		ROLE_SYSTEM };
	struct json_walk w;
	ssize_t role;
	int bad = 0;

	for (json_walk(&w, v); bad == 0 && json_step(&w);) {
		r->at.item = (unsigned)w.index;
		role = str_place(text_in(w.value, "role"),
		    "user|assistant|system");
		bad = role < 0 ?
		    wrong(r, "role", "user, assistant or system") :
		    read_turn(r, roles[role], json_get(w.value, "content"));
	}
	r->at.item = AT_NONE;
	return bad;
}

/* ---- tools ---- */

static int
read_tool(struct reading *r, struct json_value v)
{
	struct json_value type = json_get(v, "type");
	struct json_value name = json_get(v, "name");
	struct json_value schema = json_get(v, "input_schema");
	struct json_value strict = json_get(v, "strict");
	struct tool *t;

	if (v.type != JSON_OBJECT)
		return wrong(r, "", "an object");
	t = neutral_tool(r->q, r->at.part);
	if (t == NULL)
		return 0;
	t->name = text_of(name);
	if (!is_null(type) && !json_is(type, STR("custom"))) {
		t->hosted = v.raw;
		t->web_search = str_starts(text_of(type), STR("web_search"));
		return 0;
	}
	if (t->name.n == 0)
		return wrong(r, "name", "a name");
	t->description = text_in(v, "description");
	if (schema.type == JSON_OBJECT)
		t->schema = schema.raw;
	t->strict = strict.type == JSON_TRUE ? TRI_YES :
	    strict.type == JSON_FALSE ? TRI_NO : TRI_UNSET;
	return 0;
}

static int
read_tools(struct reading *r, struct json_value v)
{
	struct json_walk w;
	int bad = 0;

	if (v.type != JSON_ARRAY)
		return wrong(r, "tools", "an array");
	for (json_walk(&w, v); bad == 0 && json_step(&w);) {
		r->at = (struct at){ AT_TOOLS, (unsigned)w.index, AT_NONE };
		bad = read_tool(r, w.value);
	}
	r->at = (struct at){ AT_NONE, AT_NONE, AT_NONE };
	return bad;
}

static int
read_choice(struct reading *r, struct json_value v)
{
	static const enum choice choices[] = { CHOICE_AUTO, CHOICE_ANY,
		CHOICE_TOOL, CHOICE_NONE };
	ssize_t i = str_place(text_in(v, "type"),
	    "auto|any|tool|none");

	if (i < 0)
		return wrong(r, "tool_choice.type",
		    "auto, any, tool or none");
	r->q->choice = choices[i];
	r->q->choice_name = text_in(v, "name");
	if (i == 2 && r->q->choice_name.n == 0)
		return wrong(r, "tool_choice.name", "a name");
	if (json_true(json_get(v, "disable_parallel_tool_use")))
		r->q->parallel = TRI_NO;
	return 0;
}

/* ---- the other members ---- */

static int
read_system(struct reading *r, struct json_value v)
{
	int bad;

	r->at.item = AT_SYSTEM;
	bad = read_turn(r, ROLE_SYSTEM, v);
	r->at.item = AT_NONE;
	return bad;
}

static int
read_limit(struct reading *r, struct json_value v)
{
	if (json_u64(v, &r->q->max_tokens) < 0)
		return wrong(r, "max_tokens", "a number");
	/* 0 only fills Anthropic's cache; elsewhere the least that can be. */
	if (r->q->max_tokens == 0)
		r->q->max_tokens = 1;
	return 0;
}

static int
read_stream(struct reading *r, struct json_value v)
{
	r->q->stream = json_true(v);
	return 0;
}

static int
read_how_to_think(struct reading *r, struct json_value v)
{
	struct neutral *q = r->q;

	switch (str_place(text_in(v, "type"),
	    "enabled|adaptive|disabled")) {
	case 0:
		json_u64(json_get(v, "budget_tokens"), &q->budget);
		break;
	case 1:
		q->adaptive = true;
		break;
	case 2:
		q->effort = EFFORT_NONE;
		break;
	default:
		loss_add(q, "/thinking");
	}
	if (json_is(json_get(v, "display"), STR("summarized")))
		q->summary = STR("auto");
	return 0;
}

/* The form of the answer; output_format is the older place of it. */
static int
read_format(struct reading *r, struct json_value v)
{
	struct json_value schema = json_get(v, "schema");

	if (is_null(v))
		return 0;
	if (!json_is(json_get(v, "type"), STR("json_schema")) ||
	    schema.type != JSON_OBJECT)
		return wrong(r, "output_config.format",
		    "json_schema with a schema");
	r->q->output = OUTPUT_SCHEMA;
	r->q->schema = schema.raw;
	return 0;
}

static int
read_output(struct reading *r, struct json_value v)
{
	struct json_value effort = json_get(v, "effort");
	enum effort e = effort_of(text_of(effort));

	if (e == EFFORT_UNSET && !is_null(effort))
		loss_add(r->q, "/output_config/effort");
	/* Thinking that is switched off stays off. */
	else if (r->q->effort != EFFORT_NONE)
		r->q->effort = e;
	return read_format(r, json_get(v, "format"));
}

static int
read_stop(struct reading *r, struct json_value v)
{
	struct text_list **tail = &r->q->stop;
	struct json_walk w;
	bool good = v.type == JSON_ARRAY;

	for (json_walk(&w, v); good && json_step(&w);) {
		good = w.value.type == JSON_STRING;
		*tail = arena_alloc(r->q->a, sizeof(**tail));
		if (*tail == NULL)
			return neutral_no_memory(r->q, r->f);
		**tail = (struct text_list){ .text = w.value.text };
		tail = &(*tail)->next;
	}
	return good ? 0 : wrong(r, "stop_sequences", "an array of strings");
}

static int
read_user(struct reading *r, struct json_value v)
{
	r->q->user = text_in(v, "user_id");
	return 0;
}

/* OpenAI's word for what Anthropic calls standard_only. */
static int
read_tier(struct reading *r, struct json_value v)
{
	r->q->service_tier = json_is(v, STR("standard_only")) ?
	    STR("default") : text_of(v);
	return 0;
}

static int
read_temperature(struct reading *r, struct json_value v)
{
	r->q->temperature = v.text;
	return 0;
}

static int
read_top_p(struct reading *r, struct json_value v)
{
	r->q->top_p = v.text;
	return 0;
}

static int
read_top_k(struct reading *r, struct json_value v)
{
	r->q->top_k = v.text;
	return 0;
}

/* State of the server's side. Lists of nothing are common, and harmless. */
static int
refuse_state(struct reading *r, struct json_value v, const char *name)
{
	if (v.raw.n == 2 && v.type != JSON_NUMBER)
		return 0;
	return neutral_refuse(r->q, r->f, "unsupported_parameter", name,
	    "%s: this provider keeps no such state", name);
}

static int
read_container(struct reading *r, struct json_value v)
{
	return refuse_state(r, v, "container");
}

static int
read_servers(struct reading *r, struct json_value v)
{
	return refuse_state(r, v, "mcp_servers");
}

static const struct {
	const char *name;
	int (*read)(struct reading *r, struct json_value v); /* NULL: known,
	                                                      * no use */
	enum json_type type; /* NONE: any; else others are lost */
} members[] = {
	{ "model", NULL, JSON_NONE },
	{ "messages", read_messages, JSON_NONE },
	{ "tools", read_tools, JSON_NONE },
	{ "tool_choice", read_choice, JSON_NONE },
	{ "max_tokens", read_limit, JSON_NONE },
	{ "stream", read_stream, JSON_NONE },
	{ "thinking", read_how_to_think, JSON_NONE },
	{ "output_config", read_output, JSON_OBJECT },
	{ "output_format", read_format, JSON_NONE },
	{ "stop_sequences", read_stop, JSON_NONE },
	{ "metadata", read_user, JSON_OBJECT },
	{ "service_tier", read_tier, JSON_STRING },
	{ "temperature", read_temperature, JSON_NUMBER },
	{ "top_p", read_top_p, JSON_NUMBER },
	{ "top_k", read_top_k, JSON_NUMBER },
	{ "cache_control", NULL, JSON_NONE },
	{ "container", read_container, JSON_NONE },
	{ "mcp_servers", read_servers, JSON_NONE },
};

/* A member that has no place. The report makes its text fit for a header. */
static void
lose_member(struct neutral *q, struct json_value key)
{
	char pointer[80];

	fmt_to(pointer, sizeof(pointer), "/%.*s", STR_ARG(str_sub(key.text, 0,
	    64)));
	loss_add(q, pointer);
}

int
messages_read(struct neutral *q, struct failure *f)
{
	struct reading r = { .q = q, .f = f,
		.at = { AT_NONE, AT_NONE, AT_NONE } };
	struct json_value messages = json_get(q->root, "messages");
	struct json_walk w;
	size_t i;

	if (messages.type != JSON_ARRAY || messages.raw.n == 2)
		return wrong(&r, "messages", "an array of messages");
	/* The system text stands before the turns, wherever it is written. */
	if (!is_null(json_get(q->root, "system")) &&
	    read_system(&r, json_get(q->root, "system")) < 0)
		return -1;
	q->include_usage = true;
	for (json_walk(&w, q->root); json_step(&w);) {
		if (is_null(w.value) || json_is(w.key, STR("system")))
			continue;
		for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
			if (json_is(w.key, str_of(members[i].name)))
				break;
		if (i == sizeof(members) / sizeof(members[0]) ||
		    (members[i].type != JSON_NONE &&
		    members[i].type != w.value.type))
			lose_member(q, w.key);
		else if (members[i].read != NULL &&
		    members[i].read(&r, w.value) < 0)
			return -1;
	}
	return 0;
}
