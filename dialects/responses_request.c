/* SPDX-License-Identifier: MIT */
/*
 * responses_request: a client's Responses request, read into a neutral one
 * (OpenAI API reference as of November 2026: create a response, input items;
 * what Codex sends). responses_write.c is the other direction.
 *
 * Neighbouring items of the assistant (reasoning, messages, calls) make one
 * turn, neighbouring outputs of tools make one turn of the user. Tools of an
 * additional_tools item count as tools; members of a namespace keep its name.
 * Hosted tools are kept raw; whether they can be used is up to the target.
 *
 * Refused: server state (previous_response_id, conversation, prompt,
 * background, item_reference), audio, a forced choice of a hosted tool.
 * Dropped with a report: unknown members, items and parts, what only tunes
 * and has no counterpart. Null counts as absent. Deliberately not here:
 * the way of a Responses client to the ChatGPT backend (chatgpt.c).
 */
#include "responses.h"

#include <string.h>

/* ---- shared with chatgpt.c ---- */

uint64_t
text_hash(uint64_t h, struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
	return h;
}

void
text_hash_hex(uint64_t h, char dst[17])
{
	fmt_to(dst, 17, "%08x%08x", (unsigned)(h >> 32),
	    (unsigned)(h & 0xffffffffu));
}

void
member_pointer(struct json_value key, char dst[144])
{
	struct str name = str_sub(key.text, 0, 64);
	size_t i, n = 0;

	dst[n++] = '/';
	for (i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (c == '~' || c == '/') {
			dst[n++] = '~';
			c = c == '~' ? '0' : '1';
		}
		dst[n++] = c > ' ' && c < 0x7f && c != ',' ? c : '?';
	}
	dst[n] = '\0';
}

bool
is_own_item(struct json_value root, struct str id)
{
	struct json_walk w;

	walk_at(&w, &root, "input");
	while (id.n > 0 && json_step(&w))
		if (str_eq(text_at(&w.value, "id"), id) &&
		    word_at(&w.value, "type", "item_reference") < 0)
			return true;
	return false;
}

const char *
needs_state(struct str name, struct json_value v)
{
	ssize_t i = str_place(name,
	    "previous_response_id|conversation|prompt|background");

	if (i < 0 || v.type == JSON_NULL || (i == 3 && !json_true(v)))
		return NULL;
	return i == 3 ? "answers are not kept, so none can be made in the "
	    "background" : "nothing is kept between requests; send the whole "
	    "input";
}

/* ---- members, from a pointer: many calls, few bytes ---- */

struct str
text_at(const struct json_value *v, const char *name)
{
	return text_of(json_get(*v, name));
}

ssize_t
word_at(const struct json_value *v, const char *name, const char *words)
{
	return str_place(text_at(v, name), words);
}

void
walk_at(struct json_walk *w, const struct json_value *v, const char *name)
{
	json_walk(w, json_get(*v, name));
}

/* An object's text, else absent. */
static struct str
object_at(const struct json_value *v, const char *name)
{
	struct json_value m = json_get(*v, name);

	return m.type == JSON_OBJECT ? m.raw : str_of(NULL);
}

static enum tri
tri_of(const struct json_value *v)
{
	return v->type == JSON_TRUE ? TRI_YES :
	    v->type == JSON_FALSE ? TRI_NO : TRI_UNSET;
}

static enum tri
tri_at(const struct json_value *v, const char *name)
{
	struct json_value m = json_get(*v, name);

	return tri_of(&m);
}

/* ---- the members of the body ---- */

struct body {
	struct json_value stream, input, instructions, choice,
	    parallel, reasoning, text, limit, truncation;
};

enum how {
	PASS,  /* known, and nothing to do */
	KEEP,  /* into struct body */
	TEXT,  /* text into struct neutral */
	NUMBER /* the same, as it stands */
};

static const struct member {
	const char *name;
	enum how how;
	size_t at;
} members[] = {
	{ "model", PASS, 0 },
	{ "store", PASS, 0 },
	{ "background", PASS, 0 },
	{ "stream_options", PASS, 0 },
	{ "stream", KEEP, offsetof(struct body, stream) },
	{ "input", KEEP, offsetof(struct body, input) },
	{ "instructions", KEEP, offsetof(struct body, instructions) },
	{ "tools", PASS, 0 },
	{ "tool_choice", KEEP, offsetof(struct body, choice) },
	{ "parallel_tool_calls", KEEP, offsetof(struct body, parallel) },
	{ "reasoning", KEEP, offsetof(struct body, reasoning) },
	{ "text", KEEP, offsetof(struct body, text) },
	{ "include", PASS, 0 },
	{ "max_output_tokens", KEEP, offsetof(struct body, limit) },
	{ "truncation", KEEP, offsetof(struct body, truncation) },
	{ "user", TEXT, offsetof(struct neutral, user) },
	{ "safety_identifier", TEXT, offsetof(struct neutral, user) },
	{ "prompt_cache_key", TEXT, offsetof(struct neutral, cache_key) },
	{ "service_tier", TEXT, offsetof(struct neutral, service_tier) },
	{ "temperature", NUMBER, offsetof(struct neutral, temperature) },
	{ "top_p", NUMBER, offsetof(struct neutral, top_p) },
};

/* param may be of the caller's stack. */
static int
refuse(struct neutral *q, struct failure *f, const char *code,
    const char *param, const char *why)
{
	param = arena_z(q->a, str_of(param));
	if (param == NULL)
		return neutral_no_memory(q, f);
	return neutral_refuse(q, f, code, param, "%s: %s", param, why);
}

static int
wrong(struct neutral *q, struct failure *f, const char *param,
    const char *why)
{
	return refuse(q, f, "invalid_value", param, why);
}

static int
take_member(struct neutral *q, struct body *b, const struct member *m,
    struct json_value v, struct failure *f)
{
	struct str *to = (struct str *)(void *)((char *)q + m->at);

	if (m->how == KEEP) {
		memcpy((char *)b + m->at, &v, sizeof(v));
	} else if (m->how == TEXT) {
		if (v.type != JSON_STRING)
			return wrong(q, f, m->name, "must be a string");
		*to = v.text;
	} else if (m->how == NUMBER) {
		if (v.type != JSON_NUMBER)
			return wrong(q, f, m->name, "must be a number");
		*to = v.raw;
	}
	return 0;
}

static int
read_members(struct neutral *q, struct body *b, struct failure *f)
{
	struct json_walk w;

	json_walk(&w, q->root);
	while (json_step(&w)) {
		const char *why = needs_state(w.key.text, w.value);
		char name[144];
		size_t i;

		if (w.value.type == JSON_NULL)
			continue;
		member_pointer(w.key, name);
		if (why != NULL)
			return refuse(q, f, "unsupported_parameter", name + 1,
			    why);
		for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
			if (json_is(w.key, str_of(members[i].name)))
				break;
		if (i == sizeof(members) / sizeof(members[0]))
			loss_add(q, name);
		else if (take_member(q, b, &members[i], w.value, f) < 0)
			return -1;
	}
	return 0;
}

/* ---- input items ---- */

struct reading {
	struct neutral *q;
	struct failure *f;
	unsigned item;     /* index of the item being read */
	struct turn *last; /* NULL: none may go on */
	bool results;      /* last holds outputs of tools */
};

static int
bad_item(struct reading *d, const char *member, const char *why)
{
	char param[64];

	fmt_to(param, sizeof(param), "input[%u]%s%s", d->item,
	    *member == '\0' ? "" : ".", member);
	return wrong(d->q, d->f, param, why);
}

static int
no_memory(struct reading *d)
{
	return neutral_no_memory(d->q, d->f);
}

/* The turn for the item: the last one, if that is of the same kind. */
static struct turn *
turn_for(struct reading *d, enum role role, bool result)
{
	if (d->last == NULL || d->last->role != role ||
	    d->results != result || (role != ROLE_ASSISTANT && !result))
		d->last = neutral_turn(d->q, role, d->item);
	d->results = result;
	return d->last;
}

/* A member of v that is a data URL, the address of a file, or absent. */
static bool
take_url(struct part *p, const struct json_value *v, const char *name)
{
	struct str text = text_at(v, name);

	if (!data_url(text, &p->media, &p->data))
		p->url = text;
	return text.n > 0;
}

static int
read_media(struct reading *d, struct part *p, const struct json_value *v)
{
	p->file_id = text_at(v, "file_id");
	if (p->kind == PART_IMAGE) {
		take_url(p, v, "image_url");
		p->detail = text_at(v, "detail");
	} else {
		p->filename = text_at(v, "filename");
		if (!take_url(p, v, "file_data")) {
			take_url(p, v, "file_url");
		} else if (p->data.n == 0) { /* base64 without a type */
			p->data = p->url;
			p->media = STR("application/pdf");
			p->url = str_of(NULL);
		}
	}
	if (p->url.n == 0 && p->data.n == 0 && p->file_id.n == 0)
		return bad_item(d, "content", "image or file without content");
	return 0;
}

static int
read_part(struct reading *d, struct part **list, const struct json_value *v,
    struct at at, struct str phase)
{
	static const unsigned char kinds[] = { PART_TEXT, PART_TEXT,
		PART_TEXT, PART_REFUSAL, PART_IMAGE, PART_DOCUMENT };
	ssize_t i = word_at(v, "type", "input_text|output_text|text|refusal|"
	    "input_image|input_file|input_audio");
	struct part *p;

	if (i < 0) {
		loss_at(d->q, at);
		return 0;
	}
	if (i == 6)
		return bad_item(d, "content", "audio cannot be carried");
	p = neutral_part(d->q, list, kinds[i], at);
	if (p == NULL)
		return no_memory(d);
	if (i >= 4)
		return read_media(d, p, v);
	p->text = text_at(v, i == 3 ? "refusal" : "text");
	p->phase = phase;
	return p->text.p != NULL ? 0 :
	    bad_item(d, "content", "text must be a string");
}

/* owner's member: a string, or an array of parts. */
static int
read_parts(struct reading *d, struct part **list,
    const struct json_value *owner, const char *name, struct str phase)
{
	struct at at = { d->item, AT_NONE, AT_NONE };
	struct json_value v = json_get(*owner, name);
	unsigned *index = *name == 'o' ? &at.sub : &at.part; /* "output" */
	struct json_walk w;
	struct part *p;

	if (v.type == JSON_STRING) {
		p = neutral_part(d->q, list, PART_TEXT, at);
		if (p == NULL)
			return no_memory(d);
		p->text = v.text;
		p->phase = phase;
		return 0;
	}
	if (v.type != JSON_ARRAY && v.type != JSON_NULL)
		return bad_item(d, name, "must be a string or an array");
	json_walk(&w, v);
	while (json_step(&w)) {
		*index = (unsigned)w.index;
		if (read_part(d, list, &w.value, at, phase) < 0)
			return -1;
	}
	return 0;
}

static int
read_message(struct reading *d, const struct json_value *item)
{
	static const unsigned char roles[] = { ROLE_USER, ROLE_ASSISTANT,
		ROLE_SYSTEM, ROLE_DEVELOPER };
	ssize_t i = word_at(item, "role", "user|assistant|system|developer");
	struct turn *t;

	if (i < 0)
		return bad_item(d, "role", "must be user, assistant, system "
		    "or developer");
	t = turn_for(d, roles[i], false);
	if (t == NULL)
		return no_memory(d);
	return read_parts(d, &t->parts, item, "content",
	    text_at(item, "phase"));
}

/* The texts in an array of parts, a blank line between two; absent: none, or
 * no memory (q->bad). */
static struct str
join_texts(struct neutral *q, const struct json_value *owner,
    const char *name)
{
	struct json_value list = json_get(*owner, name);
	struct str one = { NULL, 0 }, text;
	size_t parts = 0;
	struct json_walk w;
	struct buf b;

	buf_init(&b, list.raw.n);
	json_walk(&w, list);
	while (json_step(&w)) {
		text = text_at(&w.value, "text");
		if (text.n == 0)
			continue;
		if (parts++ == 0) {
			one = text; /* most often the only one */
			continue;
		}
		if (b.len == 0)
			buf_adds(&b, one);
		buf_addz(&b, "\\n\\n");
		buf_adds(&b, text);
	}
	if (parts > 1) {
		one = b.bad ? str_of(NULL) : arena_dup(q->a, buf_str(&b));
		q->bad = q->bad || one.p == NULL;
	}
	buf_free(&b);
	return one;
}

static int
read_reasoning(struct reading *d, const struct json_value *item)
{
	struct at at = { d->item, AT_NONE, AT_NONE };
	struct str text = join_texts(d->q, item, "summary");
	struct seal seal;
	struct turn *t;
	struct part *p;

	if (text.n == 0)
		text = join_texts(d->q, item, "content");
	if (!seal_open(DIALECT_RESPONSES, text_at(item, "encrypted_content"),
	    &seal))
		loss_at(d->q, at);
	if (text.n == 0 && seal.maker == SEAL_NONE)
		return 0;
	t = turn_for(d, ROLE_ASSISTANT, false);
	p = t == NULL ? NULL : neutral_part(d->q, &t->parts, PART_REASONING,
	    at);
	if (p == NULL)
		return no_memory(d);
	p->text = text;
	p->seal = seal;
	/* Only Anthropic's signatures stand beside a text; without one it is
	 * what came redacted. */
	p->redacted = seal.maker == SEAL_ANTHROPIC && text.n == 0;
	return 0;
}

/* A call, or what it gave. */
static int
read_call(struct reading *d, const struct json_value *item, bool custom,
    bool result)
{
	struct turn *t = turn_for(d, result ? ROLE_USER : ROLE_ASSISTANT,
	    result);
	struct at at = { d->item, AT_NONE, AT_NONE };
	struct part *p;

	p = t == NULL ? NULL : neutral_part(d->q, &t->parts,
	    result ? PART_RESULT : PART_CALL, at);
	if (p == NULL)
		return no_memory(d);
	p->custom = custom;
	p->id = text_at(item, "call_id");
	if (p->id.n == 0)
		return bad_item(d, "call_id", "is missing");
	if (result)
		return read_parts(d, &p->parts, item, "output",
		    str_of(NULL));
	p->name = text_at(item, "name");
	p->namespace = text_at(item, "namespace");
	if (p->name.n == 0)
		return bad_item(d, "name", "is missing");
	p->text = text_at(item, custom ? "input" : "arguments");
	if (!custom)
		p->raw = object_at(item, "arguments");
	return 0;
}

/* ---- tools ---- */

static int
bad_tool(struct neutral *q, struct failure *f, size_t i, const char *why)
{
	char param[48];

	fmt_to(param, sizeof(param), "tools[%zu]", i);
	return wrong(q, f, param, why);
}

static struct tool *
read_tool(struct neutral *q, size_t i, const struct json_value *v,
    struct failure *f)
{
	ssize_t kind = word_at(v, "type", "function|custom");
	struct tool *t = neutral_tool(q, (unsigned)i);

	if (t == NULL) {
		neutral_no_memory(q, f);
		return NULL;
	}
	if (kind < 0) {
		t->hosted = v->raw;
		t->web_search = str_starts(text_at(v, "type"),
		    STR("web_search"));
		return t;
	}
	t->custom = kind == 1;
	t->name = text_at(v, "name");
	if (t->name.n == 0) {
		bad_tool(q, f, i, "must have a name");
		return NULL;
	}
	t->description = text_at(v, "description");
	t->schema = object_at(v, "parameters");
	t->format = object_at(v, "format");
	t->strict = tri_at(v, "strict");
	return t;
}

/* owner's member "tools". */
static int
read_tools(struct neutral *q, const struct json_value *owner,
    struct failure *f)
{
	struct json_walk w, group;
	struct tool *t;

	walk_at(&w, owner, "tools");
	while (json_step(&w)) {
		if (w.value.type != JSON_OBJECT)
			return bad_tool(q, f, w.index, "must be an object");
		if (word_at(&w.value, "type", "namespace") < 0) {
			if (read_tool(q, w.index, &w.value, f) == NULL)
				return -1;
			continue;
		}
		walk_at(&group, &w.value, "tools");
		while (json_step(&group)) {
			t = read_tool(q, w.index, &group.value, f);
			if (t == NULL)
				return -1;
			t->at.part = (unsigned)group.index;
			t->namespace = text_at(&w.value, "name");
		}
	}
	return 0;
}

/* Only the tools of the list may be called. */
static void
allow_tools(struct neutral *q, const struct json_value *choice)
{
	struct json_walk w;
	struct tool *t;

	for (t = q->tools; t != NULL; t = t->next) {
		t->dropped = true;
		walk_at(&w, choice, "tools");
		while (t->dropped && json_step(&w))
			t->dropped = t->name.n == 0 ||
			    !str_eq(text_at(&w.value, "name"), t->name);
	}
}

static int
read_choice(struct neutral *q, const struct json_value *v, struct failure *f)
{
	static const unsigned char choices[] = { CHOICE_AUTO, CHOICE_NONE,
		CHOICE_ANY };
	ssize_t i = str_place(text_of(*v), "auto|none|required");

	if (i >= 0) {
		q->choice = choices[i];
		return 0;
	}
	i = word_at(v, "type", "function|custom|allowed_tools");
	if (i == 2) {
		q->choice = word_at(v, "mode", "required") == 0 ?
		    CHOICE_ANY : CHOICE_AUTO;
		allow_tools(q, v);
		return 0;
	}
	q->choice = CHOICE_TOOL;
	q->choice_name = text_at(v, "name");
	q->choice_namespace = text_at(v, "namespace");
	if (i >= 0 && q->choice_name.n > 0)
		return 0;
	return refuse(q, f, "unsupported_value", "tool_choice",
	    "a tool of this kind cannot be forced here");
}

/* ---- the other objects ---- */

static int
read_format(struct neutral *q, const struct json_value *v,
    struct failure *f)
{
	ssize_t i = word_at(v, "type", "text|json_object|json_schema");

	if (i < 0)
		return wrong(q, f, "text.format",
		    "must be of type text, json_object or json_schema");
	q->output = (enum output)i;
	if (q->output != OUTPUT_SCHEMA)
		return 0;
	q->schema = object_at(v, "schema");
	q->schema_name = text_at(v, "name");
	q->schema_description = text_at(v, "description");
	q->schema_strict = tri_at(v, "strict");
	return q->schema.n > 0 ? 0 :
	    wrong(q, f, "text.format.schema", "must be an object");
}

static void
read_reasoning_options(struct neutral *q, const struct json_value *v)
{
	struct str effort = text_at(v, "effort");

	q->effort = effort_of(effort);
	if (effort.n > 0 && q->effort == EFFORT_UNSET)
		loss_add(q, "/reasoning/effort");
	q->summary = text_at(v, "summary");
	if (q->summary.n == 0)
		q->summary = text_at(v, "generate_summary");
	if (text_at(v, "context").n > 0)
		loss_add(q, "/reasoning/context");
}

static void
read_include(struct neutral *q)
{
	struct json_walk w;
	bool others = false;

	walk_at(&w, &q->root, "include");
	while (json_step(&w)) {
		if (json_is(w.value, STR("reasoning.encrypted_content")))
			q->wants_sealed = true;
		else
			others = true;
	}
	if (others)
		loss_add(q, "/include");
}

static int
read_options(struct neutral *q, const struct body *b, struct failure *f)
{
	struct json_value format = json_get(b->text, "format");

	q->stream = json_true(b->stream);
	q->include_usage = true;
	if (b->limit.type != JSON_NONE &&
	    (json_u64(b->limit, &q->max_tokens) < 0 || q->max_tokens == 0))
		return wrong(q, f, "max_output_tokens",
		    "must be a number over 0");
	if (b->truncation.type != JSON_NONE &&
	    !json_is(b->truncation, STR("disabled")))
		loss_add(q, "/truncation");
	q->parallel = tri_of(&b->parallel);
	read_reasoning_options(q, &b->reasoning);
	q->verbosity = text_at(&b->text, "verbosity");
	read_include(q);
	if (b->choice.type != JSON_NONE && read_choice(q, &b->choice, f) < 0)
		return -1;
	return format.type == JSON_NONE || format.type == JSON_NULL ? 0 :
	    read_format(q, &format, f);
}

/* ---- the request ---- */

static int
read_item(struct reading *d, const struct json_value *item)
{
	struct at at = { d->item, AT_NONE, AT_NONE };
	struct str type = text_at(item, "type"), id;
	ssize_t i = str_place(type, "function_call|custom_tool_call|"
	    "function_call_output|custom_tool_call_output|message|reasoning|"
	    "additional_tools|item_reference");

	if (item->type != JSON_OBJECT)
		return bad_item(d, "", "must be an object");
	if (i >= 0 && i < 4)
		return read_call(d, item, i & 1, i & 2);
	if (i == 4 || type.p == NULL)
		return read_message(d, item);
	if (i == 5)
		return read_reasoning(d, item);
	if (i == 6)
		return read_tools(d->q, item, d->f);
	id = text_at(item, "id");
	if (i == 7 && !is_own_item(d->q->root, id))
		return bad_item(d, "", "nothing is kept between requests; "
		    "send the item itself");
	if (i < 0)
		loss_at(d->q, at);
	return 0;
}

static int
read_input(struct reading *d, struct json_value input)
{
	struct json_walk w;
	struct turn *t;

	if (input.type == JSON_STRING) {
		d->item = 0;
		t = neutral_turn(d->q, ROLE_USER, 0);
		return t == NULL ? no_memory(d) : read_parts(d, &t->parts,
		    &d->q->root, "input", str_of(NULL));
	}
	json_walk(&w, input);
	while (input.type == JSON_ARRAY && json_step(&w)) {
		d->item = (unsigned)w.index;
		if (read_item(d, &w.value) < 0)
			return -1;
	}
	return d->q->turns != NULL ? 0 : wrong(d->q, d->f, "input",
	    "must be a string or an array with an item");
}

int
responses_read(struct neutral *q, struct failure *f)
{
	struct body b = { .stream = { .type = JSON_NONE } };
	struct reading d = { .q = q, .f = f, .item = AT_NONE };
	struct turn *t;

	if (read_members(q, &b, f) < 0 || read_tools(q, &q->root, f) < 0)
		return -1;
	if (b.instructions.type != JSON_NONE) {
		t = neutral_turn(q, ROLE_SYSTEM, AT_NONE);
		if (t == NULL)
			return neutral_no_memory(q, f);
		if (read_parts(&d, &t->parts, &q->root, "instructions",
		    str_of(NULL)) < 0)
			return -1;
	}
	if (read_input(&d, b.input) < 0)
		return -1;
	return read_options(q, &b, f);
}

void
responses_pointer(struct at at, struct buf *out)
{
	if (at.item == AT_NONE) {
		buf_addz(out, "/instructions");
		return;
	}
	buf_fmt(out, "/input/%u", at.item);
	if (at.part != AT_NONE)
		buf_fmt(out, "/content/%u", at.part);
	else if (at.sub != AT_NONE)
		buf_fmt(out, "/output/%u", at.sub);
}
