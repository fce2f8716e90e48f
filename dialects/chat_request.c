/* SPDX-License-Identifier: MIT */
/*
 * chat_request: a client's request of Chat Completions (OpenAI API reference
 * as of November 2026; protocols/openai.md 1.1, 1.2 and 6) as struct neutral.
 *
 * Read: messages of all roles (also the older function and function_call),
 * tools, tool_choice, response_format, limits, sampling, reasoning_effort (and
 * OpenRouter's reasoning), user, prompt_cache_key, service_tier, verbosity;
 * top_k, which is none of OpenAI's. Also flat tools, links in file_data, and
 * arguments as an object. Reasoning comes back as text only, so it has no seal.
 *
 * What only tunes and has no place is passed over and reported, as are members
 * that nobody knows. 400 with the member's name: n over 1, audio, and types
 * that the API does not have. Deliberately not here: writing (chat_write.c),
 * limits of lengths and alphabets, which are the target's.
 */
#include "chat.h"

#define ALLOWED_MAX 256 /* names in tool_choice's allowed_tools */
#define CUSTOM_MAX 128  /* calls looked through for the one of a result */

/* ---- reading ---- */

struct reading {
	struct neutral *q;
	struct failure *f;
	unsigned item;         /* index of the message at hand, or AT_NONE */
	struct part **tail;    /* where its next part goes */
	struct turn *asked;    /* the last assistant turn */
	struct part **results; /* behind the last result, if the message
	                        * before was one */
	struct str legacy;     /* made-up id of the last function_call */
	struct json_value choice, legacy_choice;
};

static struct json_value
member(const struct json_value *v, const char *name)
{
	return json_get(*v, name);
}

static enum tri
tri_of(const struct json_value *v)
{
	return v->type == JSON_TRUE ? TRI_YES :
	    v->type == JSON_FALSE ? TRI_NO : TRI_UNSET;
}

static enum tri
strict_of(const struct json_value *v)
{
	struct json_value strict = member(v, "strict");

	return tri_of(&strict);
}

/* A value that says no more than its absence. */
static bool
is_empty(const struct json_value *v)
{
	return v->type == JSON_NONE || v->type == JSON_NULL ||
	    v->type == JSON_FALSE ||
	    (v->raw.n == 2 && v->type != JSON_NUMBER);
}

static bool
is_null(const struct json_value *v)
{
	return v->type == JSON_NONE || v->type == JSON_NULL;
}

static bool
is_name_text(const struct json_value *v)
{
	return v->type == JSON_STRING && v->text.n > 0;
}

/* 400: the format gives the place. */
static int FMT_LIKE(3, 4)
wrong(struct reading *r, const char *want, const char *fmt, ...)
{
	char text[128], *where;
	va_list ap;

	va_start(ap, fmt);
	vfmt_to(text, sizeof(text), fmt, ap);
	va_end(ap);
	where = arena_z(r->q->a, str_of(text));
	return where == NULL ? neutral_no_memory(r->q, r->f) :
	    neutral_refuse(r->q, r->f, NULL, where, "%s: expected %s", where,
	    want);
}

static int
no_memory(struct reading *r)
{
	return neutral_no_memory(r->q, r->f);
}

/* A member that has no place, of the request or of the message at hand. */
static void
report(struct reading *r, const struct json_walk *w)
{
	struct str key = w->key.text.n <= 64 ? w->key.text : STR("...");
	char pointer[96];

	if (is_empty(&w->value))
		return;
	if (r->item == AT_NONE)
		fmt_to(pointer, sizeof(pointer), "/%.*s", STR_ARG(key));
	else
		fmt_to(pointer, sizeof(pointer), "/messages/%u/%.*s", r->item,
		    STR_ARG(key));
	loss_add(r->q, pointer);
}

void
chat_pointer(struct at at, struct buf *out)
{
	if (at.item == AT_NONE)
		return;
	buf_fmt(out, "/messages/%u", at.item);
	if (at.part != AT_NONE)
		buf_fmt(out, "/content/%u", at.part);
	else if (at.sub != AT_NONE)
		buf_fmt(out, "/tool_calls/%u", at.sub);
}

/* ---- reading: messages ---- */

enum {
	FOR_SYSTEM = 1,
	FOR_USER = 2,
	FOR_ASSISTANT = 4,
	FOR_TOOL = 8
};

/* The next part at r->tail; NULL: no memory. */
static struct part *
add_part(struct reading *r, enum part_kind kind, unsigned part, unsigned sub)
{
	struct part *p = neutral_part(r->q, r->tail, kind,
	    (struct at){ r->item, part, sub });

	if (p != NULL)
		r->tail = &p->next;
	return p;
}

static int
add_text(struct reading *r, enum part_kind kind, struct str text,
    unsigned part)
{
	struct part *p = add_part(r, kind, part, AT_NONE);

	if (p == NULL)
		return no_memory(r);
	p->text = text;
	return 0;
}

static int
read_image(struct reading *r, const struct json_value *v, unsigned k)
{
	struct json_value url = member(v, "image_url");
	struct part *p = add_part(r, PART_IMAGE, k, AT_NONE);

	if (p == NULL)
		return no_memory(r);
	if (url.type == JSON_OBJECT) {
		p->detail = chat_text(&url, "detail");
		url = member(&url, "url");
	}
	if (!is_name_text(&url))
		return wrong(r, "a URL",
		    "messages[%u].content[%u].image_url.url", r->item, k);
	if (!data_url(url.text, &p->media, &p->data))
		p->url = url.text;
	return 0;
}

static int
read_file(struct reading *r, const struct json_value *v, unsigned k)
{
	struct json_value file = member(v, "file");
	struct str data = chat_text(&file, "file_data");
	struct part *p = add_part(r, PART_DOCUMENT, k, AT_NONE);

	if (p == NULL)
		return no_memory(r);
	p->filename = chat_text(&file, "filename");
	p->file_id = chat_text(&file, "file_id");
	if (data.n == 0 && p->file_id.n == 0)
		return wrong(r, "file_data or file_id",
		    "messages[%u].content[%u].file", r->item, k);
	/* OpenRouter takes a link here. */
	if (str_starts(data, STR("http")))
		p->url = data;
	else if (data.n > 0 && !data_url(data, &p->media, &p->data))
		p->data = data;
	return 0;
}

/* text, and refusal: the text has the type's name. */
static int
read_text(struct reading *r, const struct json_value *v, unsigned k)
{
	bool text = json_is(member(v, "type"), STR("text"));
	const char *key = text ? "text" : "refusal";
	struct json_value t = member(v, key);

	if (t.type != JSON_STRING)
		return wrong(r, "a string", "messages[%u].content[%u].%s",
		    r->item, k, key);
	return add_text(r, text ? PART_TEXT : PART_REFUSAL, t.text, k);
}

static const struct {
	struct str type;
	unsigned roles;
	int (*read)(struct reading *r, const struct json_value *v,
	    unsigned k);
} part_types[] = {
	{ STR_INIT("text"), FOR_SYSTEM | FOR_USER | FOR_ASSISTANT | FOR_TOOL,
	    read_text },
	{ STR_INIT("refusal"), FOR_ASSISTANT, read_text },
	{ STR_INIT("image_url"), FOR_USER | FOR_TOOL, read_image },
	{ STR_INIT("file"), FOR_USER | FOR_TOOL, read_file },
};

static int
read_part(struct reading *r, const struct json_value *v, unsigned k,
    unsigned role)
{
	struct json_value type = member(v, "type");
	size_t i;

	for (i = 0; i < sizeof(part_types) / sizeof(part_types[0]); i++)
		if ((part_types[i].roles & role) != 0 &&
		    json_is(type, part_types[i].type))
			return part_types[i].read(r, v, k);
	if (v->type == JSON_STRING)
		return add_text(r, PART_TEXT, v->text, k);
	/* What a model once gave (thinking, pictures, audio) tunes only. */
	if (role == FOR_ASSISTANT && type.type == JSON_STRING) {
		loss_at(r->q, (struct at){ r->item, k, AT_NONE });
		return 0;
	}
	return wrong(r, role == FOR_SYSTEM ? "text" :
	    "text, image_url or file (audio cannot be carried)",
	    "messages[%u].content[%u].type", r->item, k);
}

static int
read_content(struct reading *r, const struct json_value *v, unsigned role)
{
	struct json_walk w;

	if (v->type == JSON_STRING)
		return v->text.n == 0 && role == FOR_ASSISTANT ? 0 :
		    add_text(r, PART_TEXT, v->text, AT_NONE);
	if (v->type != JSON_ARRAY &&
	    (!is_null(v) || (role & (FOR_ASSISTANT | FOR_TOOL)) == 0))
		return wrong(r, "a string or an array of parts",
		    "messages[%u].content", r->item);
	for (json_walk(&w, *v); json_step(&w);)
		if (read_part(r, &w.value, (unsigned)w.index, role) < 0)
			return -1;
	return 0;
}

/* Name and arguments of a call; at is its place in messages. */
static int
read_called(struct reading *r, struct part *p, const struct json_value *v,
    const char *place)
{
	struct json_value name = member(v, "name");
	struct json_value text = member(v, p->custom ? "input" :
	    "arguments");

	if (!is_name_text(&name))
		return wrong(r, "a name", "%s.name", place);
	p->name = name.text;
	if (text.type == JSON_STRING)
		p->text = text.text;
	else if (text.type == JSON_OBJECT && !p->custom)
		p->raw = text.raw;
	else if (!is_null(&text))
		return wrong(r, "a string", "%s.%s", place,
		    p->custom ? "input" : "arguments");
	return 0;
}

static int
read_call(struct reading *r, const struct json_value *v, unsigned k)
{
	struct json_value called = member(v, "function");
	struct json_value id = member(v, "id");
	struct part *p = add_part(r, PART_CALL, AT_NONE, k);
	char place[64];

	if (p == NULL)
		return no_memory(r);
	if (called.type != JSON_OBJECT) {
		called = member(v, "custom");
		p->custom = called.type == JSON_OBJECT;
	}
	fmt_to(place, sizeof(place), "messages[%u].tool_calls[%u]", r->item,
	    k);
	if (!is_name_text(&id))
		return wrong(r, "an id", "%s.id", place);
	p->id = id.text;
	if (called.type != JSON_OBJECT)
		return wrong(r, "an object", "%s.function", place);
	fmt_to(place, sizeof(place), "messages[%u].tool_calls[%u].%s",
	    r->item, k, p->custom ? "custom" : "function");
	return read_called(r, p, &called, place);
}

/* The predecessor of tool_calls: one call, without an id. */
static int
read_legacy_call(struct reading *r, const struct json_value *v)
{
	struct part *p = add_part(r, PART_CALL, AT_NONE, AT_NONE);
	char text[48];

	fmt_to(text, sizeof(text), "call_legacy_%u", r->item);
	r->legacy = arena_dup(r->q->a, str_of(text));
	if (p == NULL || r->legacy.p == NULL)
		return no_memory(r);
	p->id = r->legacy;
	fmt_to(text, sizeof(text), "messages[%u].function_call", r->item);
	return read_called(r, p, v, text);
}

static const char *const member_names[] = { "role", "content", "tool_calls",
	"tool_call_id", "function_call", "refusal", "reasoning_content",
	"reasoning", "reasoning_text" };
enum message_member {
	M_ROLE,
	M_CONTENT,
	M_CALLS,
	M_ID,
	M_LEGACY,
	M_REFUSAL,
	M_REASONING,
	M_MAX = M_REASONING + 3
};

static int
read_assistant(struct reading *r, const struct json_value *m)
{
	struct json_walk w;
	int i;

	for (i = M_CONTENT; i < M_MAX && is_empty(&m[i]);)
		i++;
	if (i == M_MAX)
		return 0;
	r->asked = neutral_turn(r->q, ROLE_ASSISTANT, r->item);
	if (r->asked == NULL)
		return no_memory(r);
	r->tail = &r->asked->parts;
	for (i = M_REASONING; i < M_MAX; i++)
		if (is_name_text(&m[i]))
			break;
	if ((i < M_MAX && add_text(r, PART_REASONING, m[i].text,
	    AT_NONE) < 0) || read_content(r, &m[M_CONTENT], FOR_ASSISTANT) < 0)
		return -1;
	if (is_name_text(&m[M_REFUSAL]) &&
	    add_text(r, PART_REFUSAL, m[M_REFUSAL].text, AT_NONE) < 0)
		return -1;
	if (!is_null(&m[M_CALLS]) && m[M_CALLS].type != JSON_ARRAY)
		return wrong(r, "an array", "messages[%u].tool_calls",
		    r->item);
	for (json_walk(&w, m[M_CALLS]); json_step(&w);)
		if (read_call(r, &w.value, (unsigned)w.index) < 0)
			return -1;
	return is_null(&m[M_LEGACY]) ? 0 : read_legacy_call(r, &m[M_LEGACY]);
}

/* Was the call of this id one of a custom tool? */
static bool
was_custom(const struct reading *r, struct str id)
{
	const struct part *p = r->asked == NULL ? NULL : r->asked->parts;
	unsigned n = 0;

	for (; p != NULL && n < CUSTOM_MAX; p = p->next, n++)
		if (p->kind == PART_CALL && p->custom && str_eq(p->id, id))
			return true;
	return false;
}

static int
read_result(struct reading *r, const struct json_value *m, bool legacy)
{
	struct part **tail = r->results, *p;
	struct turn *t;

	if (!legacy && !is_name_text(&m[M_ID]))
		return wrong(r, "an id", "messages[%u].tool_call_id",
		    r->item);
	if (tail == NULL) {
		t = neutral_turn(r->q, ROLE_USER, r->item);
		if (t == NULL)
			return no_memory(r);
		tail = &t->parts;
	}
	r->tail = tail;
	p = add_part(r, PART_RESULT, AT_NONE, AT_NONE);
	if (p == NULL)
		return no_memory(r);
	r->results = &p->next;
	p->id = !legacy ? m[M_ID].text :
	    r->legacy.n > 0 ? r->legacy : STR("call_legacy");
	p->custom = was_custom(r, p->id);
	r->tail = &p->parts;
	return read_content(r, &m[M_CONTENT], FOR_TOOL);
}

static int
read_said(struct reading *r, const struct json_value *m, enum role role)
{
	struct turn *t = neutral_turn(r->q, role, r->item);

	if (t == NULL)
		return no_memory(r);
	r->tail = &t->parts;
	return read_content(r, &m[M_CONTENT], role == ROLE_USER ? FOR_USER :
	    FOR_SYSTEM);
}

static int
read_message(struct reading *r, const struct json_value *v)
{
	/* in the order of enum role; tool and its predecessor behind */
	static const char roles[] = "system|developer|user|assistant|tool|"
	    "function";
	struct json_value m[M_MAX] = { { .type = JSON_NONE } };
	struct json_walk w;
	ssize_t role;
	size_t i;

	if (v->type != JSON_OBJECT)
		return wrong(r, "an object", "messages[%u]", r->item);
	for (json_walk(&w, *v); json_step(&w);) {
		for (i = 0; i < M_MAX; i++)
			if (json_is(w.key, str_of(member_names[i])))
				break;
		if (i < M_MAX)
			m[i] = w.value;
		else
			report(r, &w);
	}
	role = str_place(text_of(m[M_ROLE]), roles);
	if (role < 0)
		return wrong(r, "system, developer, user, assistant or tool",
		    "messages[%u].role", r->item);
	if (role > ROLE_ASSISTANT)
		return read_result(r, m, role > ROLE_ASSISTANT + 1);
	r->results = NULL;
	return role == ROLE_ASSISTANT ? read_assistant(r, m) :
	    read_said(r, m, (enum role)role);
}

static int
read_messages(struct reading *r, const struct json_value *v)
{
	struct json_walk w;

	if (v->type != JSON_ARRAY || is_empty(v))
		return wrong(r, "an array of messages", "messages");
	for (json_walk(&w, *v); json_step(&w);) {
		r->item = (unsigned)w.index;
		if (read_message(r, &w.value) < 0)
			return -1;
	}
	r->item = AT_NONE;
	return 0;
}

/* ---- reading: tools ---- */

/* A grammar stands one level higher in Responses, and so it does in struct
 * tool. */
static struct str
flat_format(struct reading *r, const struct json_value *v)
{
	struct json_value format = member(v, "format");
	struct json_value g = member(&format, "grammar");
	struct str s = { NULL, 0 };
	struct buf b;

	if (chat_text(&g, "definition").n == 0)
		return format.type == JSON_OBJECT ? format.raw : s;
	buf_init(&b, g.raw.n + 64);
	buf_addz(&b, "{\"type\":\"grammar\",");
	buf_adds(&b, str_sub(g.raw, 1, g.raw.n));
	if (!b.bad)
		s = arena_dup(r->q->a, buf_str(&b));
	if (s.p == NULL)
		r->q->bad = true;
	buf_free(&b);
	return s;
}

static int
read_function(struct reading *r, struct tool *t, const struct json_value *v,
    const char *place)
{
	struct json_value name = member(v, "name");
	struct json_value schema = member(v, "parameters");

	if (!is_name_text(&name))
		return wrong(r, "a name", "%s.name", place);
	t->name = name.text;
	t->description = chat_text(v, "description");
	t->strict = strict_of(v);
	if (t->custom)
		t->format = flat_format(r, v);
	else if (schema.type == JSON_OBJECT)
		t->schema = schema.raw;
	else if (!is_null(&schema))
		return wrong(r, "an object", "%s.parameters", place);
	return 0;
}

static int
read_tool(struct reading *r, const struct json_value *v, unsigned k,
    bool legacy)
{
	struct json_value type = member(v, "type"), body = *v;
	struct tool *t = neutral_tool(r->q, k);
	char place[48];

	if (t == NULL)
		return no_memory(r);
	t->custom = !legacy && json_is(type, STR("custom"));
	fmt_to(place, sizeof(place), "%s[%u]", legacy ? "functions" : "tools",
	    k);
	if (legacy)
		return read_function(r, t, v, place);
	if (!is_name_text(&type))
		return wrong(r, "a type", "%s.type", place);
	if (!t->custom && !json_is(type, STR("function"))) {
		t->hosted = v->raw;
		t->web_search = str_starts(type.text, STR("web_search"));
		return 0;
	}
	/* Some clients send the flat form of Responses. */
	if (member(v, "name").type == JSON_NONE) {
		body = member(v, t->custom ? "custom" : "function");
		fmt_to(place, sizeof(place), "tools[%u].%s", k,
		    t->custom ? "custom" : "function");
	}
	return read_function(r, t, &body, place);
}

static int
read_tool_list(struct reading *r, const struct json_value *v, bool legacy)
{
	struct json_walk w;

	if (v->type != JSON_ARRAY)
		return wrong(r, "an array", "%s", legacy ? "functions" :
		    "tools");
	for (json_walk(&w, *v); json_step(&w);)
		if (read_tool(r, &w.value, (unsigned)w.index, legacy) < 0)
			return -1;
	return 0;
}

static int
read_tools(struct reading *r, const struct json_value *v)
{
	return read_tool_list(r, v, false);
}

static int
read_functions(struct reading *r, const struct json_value *v)
{
	return read_tool_list(r, v, true);
}

/* The name in {"type":"function","function":{"name":".."}}, its likes, or the
 * flat form. */
static struct str
name_in(const struct json_value *v)
{
	struct str name = chat_text(v, "name");

	if (name.n == 0)
		name = text_of(json_at(*v, "function/name"));
	return name.n > 0 ? name : text_of(json_at(*v, "custom/name"));
}

static int
read_mode(struct reading *r, const struct json_value *v, const char *place)
{
	/* in the order of enum choice */
	ssize_t mode = str_place(v->type == JSON_STRING ? v->text :
	    STR(""), "auto|none|required|any");

	if (mode < 0)
		return wrong(r, "auto, none, required or a tool", "%s",
		    place);
	r->q->choice = mode == 0 ? CHOICE_AUTO :
	    mode == 1 ? CHOICE_NONE : CHOICE_ANY;
	return 0;
}

/* Only the listed tools are there: no dialect but OpenAI's own has such a
 * list, so the others are left out. */
static int
read_allowed(struct reading *r, const struct json_value *v)
{
	struct json_value list = member(v, "tools");
	struct json_walk w;
	struct tool *t;

	for (json_walk(&w, list); json_step(&w);)
		if (w.index == ALLOWED_MAX)
			return wrong(r, "at most 256 names",
			    "tool_choice.allowed_tools.tools");
	for (t = r->q->tools; t != NULL; t = t->next) {
		t->dropped = true;
		for (json_walk(&w, list); t->dropped && json_step(&w);)
			if (str_eq(name_in(&w.value), t->name))
				t->dropped = t->name.n == 0;
	}
	list = member(v, "mode");
	return read_mode(r, &list, "tool_choice.allowed_tools.mode");
}

static int
read_choice(struct reading *r, const struct json_value *v, const char *place)
{
	struct json_value allowed = member(v, "allowed_tools");

	if (is_null(v))
		return 0;
	if (v->type == JSON_STRING)
		return read_mode(r, v, place);
	if (json_is(member(v, "type"), STR("allowed_tools")))
		return read_allowed(r, allowed.type == JSON_OBJECT ?
		    &allowed : v);
	r->q->choice = CHOICE_TOOL;
	r->q->choice_name = name_in(v);
	if (r->q->choice_name.n == 0)
		return wrong(r, "auto, none, required or a tool", "%s",
		    place);
	return 0;
}

/* ---- reading: the other members ---- */

static int
read_stop(struct reading *r, const struct json_value *v)
{
	struct text_list **tail = &r->q->stop;
	struct json_walk w;
	bool many = v->type == JSON_ARRAY;

	if (!many)
		w.value = *v;
	else
		json_walk(&w, *v);
	while (!many || json_step(&w)) {
		if (w.value.type != JSON_STRING)
			return wrong(r, "a string or an array of strings",
			    "stop");
		*tail = arena_alloc(r->q->a, sizeof(**tail));
		if (*tail == NULL)
			return no_memory(r);
		**tail = (struct text_list){ .text = w.value.text };
		tail = &(*tail)->next;
		if (!many)
			break;
	}
	return 0;
}

static int
read_n(struct reading *r, const struct json_value *v)
{
	if (str_eq(v->raw, STR("1")))
		return 0;
	return neutral_refuse(r->q, r->f, "unsupported_parameter", "n",
	    "n: only one choice can be given");
}

static int
read_format(struct reading *r, const struct json_value *v)
{
	struct neutral *q = r->q;
	struct json_value s = member(v, "json_schema");
	struct json_value schema = member(&s, "schema");
	/* in the order of enum output */
	ssize_t type = str_place(chat_text(v, "type"),
	    "text|json_object|json_schema");

	if (type < 0)
		return wrong(r, "text, json_object or json_schema",
		    "response_format.type");
	q->output = (enum output)type;
	if (type != OUTPUT_SCHEMA)
		return 0;
	if (s.type != JSON_OBJECT ||
	    (schema.type != JSON_OBJECT && !is_null(&schema)))
		return wrong(r, "an object", "response_format.json_schema%s",
		    s.type == JSON_OBJECT ? ".schema" : "");
	q->schema_name = chat_text(&s, "name");
	q->schema_description = chat_text(&s, "description");
	q->schema_strict = strict_of(&s);
	if (is_null(&schema))
		q->output = OUTPUT_JSON;
	else
		q->schema = schema.raw;
	return 0;
}

static int
read_effort(struct reading *r, const struct json_value *v)
{
	if (v->type != JSON_STRING)
		return wrong(r, "a string", "reasoning_effort");
	r->q->effort = effort_of(v->text);
	if (r->q->effort == EFFORT_UNSET)
		loss_add(r->q, "/reasoning_effort");
	return 0;
}

/* OpenRouter's: {effort, max_tokens, exclude, enabled}. */
static int
read_reasoning(struct reading *r, const struct json_value *v)
{
	if (r->q->effort == EFFORT_UNSET)
		r->q->effort = effort_of(chat_text(v, "effort"));
	json_u64(member(v, "max_tokens"), &r->q->budget);
	return 0;
}

static int
read_stream_options(struct reading *r, const struct json_value *v)
{
	r->q->include_usage = json_true(member(v, "include_usage"));
	return 0;
}

static int
read_modalities(struct reading *r, const struct json_value *v)
{
	struct json_walk w;

	for (json_walk(&w, *v); json_step(&w);)
		if (!json_is(w.value, STR("text")))
			return neutral_refuse(r->q, r->f,
			    "unsupported_parameter", "modalities",
			    "modalities: only text can be given");
	return 0;
}

static int
read_tool_choice(struct reading *r, const struct json_value *v)
{
	r->choice = *v;
	return 0;
}

static int
read_function_call(struct reading *r, const struct json_value *v)
{
	r->legacy_choice = *v;
	return 0;
}

/* WEAK: stands back where another member of the same meaning is. */
enum kind { IGNORED, TEXT, WEAK_TEXT, NUMBER, COUNT, WEAK_COUNT, FLAG, TRI };

static const struct field {
	const char *name;
	unsigned short kind;
	unsigned short at; /* in struct neutral */
	int (*read)(struct reading *r, const struct json_value *v);
} fields[] = {
#define AT(member) offsetof(struct neutral, member)
	{ "model", IGNORED, 0, NULL },
	{ "messages", IGNORED, 0, read_messages },
	{ "tools", IGNORED, 0, read_tools },
	{ "functions", IGNORED, 0, read_functions },
	{ "tool_choice", IGNORED, 0, read_tool_choice },
	{ "function_call", IGNORED, 0, read_function_call },
	{ "parallel_tool_calls", TRI, AT(parallel), NULL },
	{ "stream", FLAG, AT(stream), NULL },
	{ "stream_options", IGNORED, 0, read_stream_options },
	{ "max_completion_tokens", COUNT, AT(max_tokens), NULL },
	{ "max_tokens", WEAK_COUNT, AT(max_tokens), NULL },
	{ "temperature", NUMBER, AT(temperature), NULL },
	{ "top_p", NUMBER, AT(top_p), NULL },
	{ "top_k", NUMBER, AT(top_k), NULL },
	{ "stop", IGNORED, 0, read_stop },
	{ "n", IGNORED, 0, read_n },
	{ "response_format", IGNORED, 0, read_format },
	{ "reasoning_effort", IGNORED, 0, read_effort },
	{ "reasoning", IGNORED, 0, read_reasoning },
	{ "verbosity", TEXT, AT(verbosity), NULL },
	{ "safety_identifier", TEXT, AT(user), NULL },
	{ "user", WEAK_TEXT, AT(user), NULL },
	{ "prompt_cache_key", TEXT, AT(cache_key), NULL },
	{ "service_tier", TEXT, AT(service_tier), NULL },
	{ "modalities", IGNORED, 0, read_modalities },
#undef AT
};

static int
read_text_field(struct reading *r, const struct field *f,
    const struct json_value *v, struct str *to)
{
	bool number = f->kind == NUMBER;

	if (v->type != (number ? JSON_NUMBER : JSON_STRING))
		return wrong(r, number ? "a number" : "a string", "%s",
		    f->name);
	if (f->kind != WEAK_TEXT || to->n == 0)
		*to = v->text;
	return 0;
}

static int
read_field(struct reading *r, const struct field *f, const struct json_value *v)
{
	char *to = (char *)r->q + f->at;
	uint64_t n;

	if (f->read != NULL)
		return f->read(r, v);
	switch (f->kind) {
	case TEXT:
	case WEAK_TEXT:
	case NUMBER:
		return read_text_field(r, f, v, (struct str *)(void *)to);
	case COUNT:
	case WEAK_COUNT:
		if (json_u64(*v, &n) < 0 || n == 0)
			return wrong(r, "a positive integer", "%s", f->name);
		if (f->kind == COUNT || *(uint64_t *)(void *)to == 0)
			*(uint64_t *)(void *)to = n;
		return 0;
	case FLAG:
	case TRI:
		if (tri_of(v) == TRI_UNSET)
			return wrong(r, "true or false", "%s", f->name);
		if (f->kind == TRI)
			*(enum tri *)(void *)to = tri_of(v);
		else
			*(bool *)(void *)to = v->type == JSON_TRUE;
		return 0;
	default:
		return 0;
	}
}

int
chat_read(struct neutral *q, struct failure *f)
{
	struct reading r = { .q = q, .f = f, .item = AT_NONE };
	struct json_walk w;
	size_t i, n = sizeof(fields) / sizeof(fields[0]);
	bool messages = false;

	for (json_walk(&w, q->root); json_step(&w);) {
		for (i = 0; i < n; i++)
			if (json_is(w.key, str_of(fields[i].name)))
				break;
		if (i == n)
			report(&r, &w);
		else if (!is_null(&w.value) &&
		    read_field(&r, &fields[i], &w.value) < 0)
			return -1;
		messages = messages || (i < n && !is_null(&w.value) &&
		    fields[i].read == read_messages);
	}
	if (!messages)
		return wrong(&r, "an array of messages", "messages");
	if (read_choice(&r, is_null(&r.choice) ? &r.legacy_choice : &r.choice,
	    is_null(&r.choice) ? "function_call" : "tool_choice") < 0)
		return -1;
	return q->bad ? neutral_no_memory(q, f) : 0;
}
