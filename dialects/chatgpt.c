/* SPDX-License-Identifier: MIT */
/*
 * chatgpt: Responses requests rewritten for the ChatGPT backend and its events
 * made fit for Responses clients (chatgpt.md 2.2 to 2.5, openai.md 2.6).
 *
 * The backend answers 400 for members that it does not know, so only those it
 * does are written, in one fixed order. Inside of items and tools it is the
 * other way round: all passes, but for what is known to be refused (ids, the
 * role system, prompt_cache_breakpoint, names and call ids over 64 bytes,
 * reasoning of other makers). Members of these whose name has an escape are
 * left out.
 *
 * Deliberately not here: headers, tokens, retries; the ids of calls need no
 * way back, the client knows its own.
 */
#include "chatgpt.h"
#include "responses.h"

/* ---- short names and ids ---- */

/* text, or, if it is too long, its beginning and a hash, in dst. */
static struct str
short_text(struct str text, char dst[CHATGPT_ID_MAX + 1])
{
	uint64_t h = text_hash(HASH_SEED, text);
	size_t i;

	if (text.n <= CHATGPT_ID_MAX)
		return text;
	for (i = 0; i < CHATGPT_ID_MAX - 9; i++) {
		char c = text.p[i];

		dst[i] = (c >= '0' && c <= '9') || c == '-' ||
		    ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ? c : '_';
	}
	fmt_to(dst + i, 10, "_%08x", (unsigned)((h ^ h >> 32) & 0xffffffffu));
	return (struct str){ dst, CHATGPT_ID_MAX };
}

static void
put_short(struct json_out *o, struct str text)
{
	char dst[CHATGPT_ID_MAX + 1];

	json_text(o, short_text(text, dst));
}

/* The name in owner's list of tools, or in its groups, that was cut to wire. */
static struct json_value
name_in(const struct json_value *owner, struct str wire)
{
	struct json_walk w, group;
	char dst[CHATGPT_ID_MAX + 1];
	struct json_value name;

	walk_at(&w, owner, "tools");
	while (json_step(&w)) {
		name = json_get(w.value, "name");
		if (str_eq(short_text(text_of(name), dst), wire))
			return name;
		walk_at(&group, &w.value, "tools");
		while (json_step(&group)) {
			name = json_get(group.value, "name");
			if (str_eq(short_text(text_of(name), dst), wire))
				return name;
		}
	}
	return (struct json_value){ .type = JSON_NONE };
}

/* The whole name of a tool, if wire is a short one. */
static struct json_value
long_name(const struct json_value *request, struct str wire)
{
	struct json_value name = { .type = JSON_NONE };
	struct json_walk w;

	if (wire.n != CHATGPT_ID_MAX || wire.p[CHATGPT_ID_MAX - 9] != '_')
		return name;
	name = name_in(request, wire);
	walk_at(&w, request, "input");
	while (name.type == JSON_NONE && json_step(&w))
		if (word_at(&w.value, "type", "additional_tools") == 0)
			name = name_in(&w.value, wire);
	return name;
}

/* ---- what can go there ---- */

static int
refuse(struct failure *f, const char *code, struct str param,
    const char *message)
{
	*f = (struct failure){ .status = 400, .code = code,
		.message = str_of(message), .param = param };
	return -1;
}

/* Reasoning that another maker sealed, or that was altered. */
static bool
is_foreign(const struct json_value *item)
{
	struct seal s;

	return word_at(item, "type", "reasoning") == 0 &&
	    (!seal_open(DIALECT_RESPONSES, text_at(item,
	    "encrypted_content"), &s) || s.maker == SEAL_ANTHROPIC);
}

struct losses {
	void (*lost)(void *arg, const char *pointer);
	void *arg;
};

static void
lose(const struct losses *l, const char *pointer)
{
	if (l->lost != NULL)
		l->lost(l->arg, pointer);
}

static int
check_input(struct json_value root, const struct losses *l,
    struct failure *f)
{
	struct json_value input = json_get(root, "input");
	struct json_walk w;
	char place[32];

	if (input.type != JSON_STRING && input.type != JSON_ARRAY)
		return refuse(f, "invalid_value", STR("input"),
		    "input: must be a string or an array");
	json_walk(&w, input);
	while (json_step(&w)) {
		if (w.value.type != JSON_OBJECT)
			return refuse(f, "invalid_value", STR("input"),
			    "input: every item must be an object");
		if (word_at(&w.value, "type", "item_reference") == 0 &&
		    !is_own_item(root, text_at(&w.value, "id")))
			return refuse(f, "unsupported_value",
			    STR("input"), "input: item_reference: nothing "
			    "is kept between requests; send the item itself");
		if (is_foreign(&w.value)) {
			fmt_to(place, sizeof(place), "/input/%zu", w.index);
			lose(l, place);
		}
	}
	return 0;
}

static bool
only_sealed(struct json_value include)
{
	struct json_walk w;

	json_walk(&w, include);
	while (json_step(&w))
		if (!json_is(w.value, STR("reasoning.encrypted_content")))
			return false;
	return true;
}

/* Is the value of a member that is written, or need not be, lost all the
 * same? */
static bool
is_lost(struct str name, struct json_value v)
{
	switch (str_place(name, "include|service_tier|truncation|model|input|"
	    "stream|store|instructions|tools|tool_choice|"
	    "parallel_tool_calls|reasoning|text|prompt_cache_key|background|"
	    "previous_response_id|conversation|prompt|stream_options")) {
	case -1:
		return true;
	case 0:
		return !only_sealed(v);
	case 1:
		return str_place(text_of(v), "priority|fast|auto|default") <
		    0;
	case 2:
		return !json_is(v, STR("disabled"));
	default:
		return false;
	}
}

int
chatgpt_check(struct json_value root,
    void (*lost)(void *arg, const char *pointer), void *arg,
    struct failure *f)
{
	struct losses l = { lost, arg };
	struct json_walk w;
	char pointer[144];

	json_walk(&w, root);
	while (json_step(&w)) {
		const char *why = needs_state(w.key.text, w.value);

		if (why != NULL)
			return refuse(f, "unsupported_parameter", w.key.text,
			    why);
		if (w.value.type == JSON_NULL)
			continue;
		if (w.value.type != JSON_STRING &&
		    json_is(w.key, STR("instructions")))
			return refuse(f, "invalid_value", w.key.text,
			    "instructions: must be a string");
		if (is_lost(w.key.text, w.value)) {
			member_pointer(w.key, pointer);
			lose(&l, pointer);
		}
	}
	return check_input(root, &l, f);
}

/* ---- writing ---- */

/* A member as it came. */
static void
put_raw(struct json_out *o, const struct json_walk *w)
{
	if (w->key.escaped)
		return;
	json_key_str(o, w->key.text);
	json_raw(o, w->value.raw);
}

static void
put_content(struct json_out *o, const struct json_value *v, bool assistant)
{
	struct json_walk w, part;

	json_open(o, '[');
	if (v->type == JSON_STRING) {
		json_open(o, '{');
		put_word(o, "type", assistant ? "output_text" : "input_text");
		put_member(o, "text", v->text);
		json_close(o, '}');
	}
	json_walk(&w, *v);
	while (json_step(&w)) {
		if (w.value.type != JSON_OBJECT)
			continue;
		json_open(o, '{');
		json_walk(&part, w.value);
		while (json_step(&part))
			if (!json_is(part.key, STR("prompt_cache_breakpoint")))
				put_raw(o, &part);
		json_close(o, '}');
	}
	json_close(o, ']');
}

/* A member of a tool, or of the choice of one. */
static void
put_tool_member(struct json_out *o, const struct json_walk *w, bool called)
{
	if (called && json_is(w->key, STR("name"))) {
		json_key(o, "name");
		put_short(o, text_of(w->value));
	} else if (json_is(w->key, STR("type")) && str_starts(
	    text_of(w->value), STR("web_search_preview"))) {
		put_word(o, "type", "web_search");
	} else {
		put_raw(o, w);
	}
}

/* A tool without others inside. */
static void
put_tool(struct json_out *o, const struct json_value *v)
{
	bool called = word_at(v, "type", "function|custom") >= 0;
	struct json_walk w;

	if (v->type != JSON_OBJECT) {
		json_raw(o, v->raw);
		return;
	}
	json_open(o, '{');
	json_walk(&w, *v);
	while (json_step(&w))
		put_tool_member(o, &w, called);
	json_close(o, '}');
}

/* A group of tools. */
static void
put_group(struct json_out *o, const struct json_value *v)
{
	struct json_walk w, inner;

	json_open(o, '{');
	json_walk(&w, *v);
	while (json_step(&w)) {
		if (w.value.type != JSON_ARRAY ||
		    !json_is(w.key, STR("tools"))) {
			put_raw(o, &w);
			continue;
		}
		json_key(o, "tools");
		json_open(o, '[');
		json_walk(&inner, w.value);
		while (json_step(&inner))
			put_tool(o, &inner.value);
		json_close(o, ']');
	}
	json_close(o, '}');
}

static void
put_tools(struct json_out *o, const struct json_value *list)
{
	struct json_walk w;

	json_key(o, "tools");
	json_open(o, '[');
	json_walk(&w, *list);
	while (json_step(&w)) {
		if (word_at(&w.value, "type", "namespace") == 0)
			put_group(o, &w.value);
		else
			put_tool(o, &w.value);
	}
	json_close(o, ']');
}

enum item_kind { ITEM_MESSAGE, ITEM_CALL, ITEM_REASONING, ITEM_OTHER };

/* Is something else written for the member? */
static bool
put_item_member(struct json_out *o, const struct json_walk *w,
    enum item_kind kind, bool assistant)
{
	struct str text = text_of(w->value);

	switch (str_place(w->key.text, "id|type|call_id|name|tools|role|"
	    "content")) {
	case 0:
		return true;
	case 1:
		return kind == ITEM_MESSAGE; /* written already */
	case 2:
		if (text.n <= CHATGPT_ID_MAX)
			return false;
		json_key(o, "call_id");
		put_short(o, text);
		return true;
	case 3:
		if (kind != ITEM_CALL || text.n <= CHATGPT_ID_MAX)
			return false;
		json_key(o, "name");
		put_short(o, text);
		return true;
	case 4:
		if (w->value.type != JSON_ARRAY)
			return false;
		put_tools(o, &w->value);
		return true;
	case 5:
		if (kind != ITEM_MESSAGE || !str_eq(text, STR("system")))
			return false;
		put_word(o, "role", "developer");
		return true;
	case 6:
		if (kind != ITEM_MESSAGE)
			return false;
		json_key(o, "content");
		put_content(o, &w->value, assistant);
		return true;
	default:
		return false;
	}
}

static void
put_item(struct json_out *o, const struct json_value *item)
{
	static const unsigned char kinds[] = { ITEM_MESSAGE, ITEM_CALL,
		ITEM_CALL, ITEM_REASONING };
	struct str type = text_at(item, "type");
	ssize_t i = str_place(type,
	    "message|function_call|custom_tool_call|reasoning");
	enum item_kind kind = type.n == 0 ? ITEM_MESSAGE : i < 0 ?
	    ITEM_OTHER : kinds[i];
	bool assistant = word_at(item, "role", "assistant") == 0;
	struct json_walk w;

	if (word_at(item, "type", "item_reference") == 0 || is_foreign(item))
		return;
	json_open(o, '{');
	if (kind == ITEM_MESSAGE) {
		put_word(o, "type", "message");
	}
	json_walk(&w, *item);
	while (json_step(&w))
		if (!put_item_member(o, &w, kind, assistant))
			put_raw(o, &w);
	if (kind == ITEM_REASONING &&
	    json_get(*item, "summary").type == JSON_NONE) {
		json_key(o, "summary");
		json_raw(o, STR("[]"));
	}
	json_close(o, '}');
}

static void
put_input(struct json_out *o, const struct json_value *input)
{
	struct json_walk w;

	json_key(o, "input");
	json_open(o, '[');
	if (input->type == JSON_STRING) {
		json_open(o, '{');
		put_word(o, "type", "message");
		put_word(o, "role", "user");
		json_key(o, "content");
		put_content(o, input, false);
		json_close(o, '}');
	}
	json_walk(&w, *input);
	while (json_step(&w))
		put_item(o, &w.value);
	json_close(o, ']');
}

static struct str
or_else(struct str first, struct str second)
{
	return first.n > 0 ? first : second;
}

static void
put_reasoning(struct json_out *o, const struct json_value *v,
    const struct chatgpt_opts *opts)
{
	struct str text = or_else(text_at(v, "effort"),
	    opts->effort_default);
	struct str summary = or_else(or_else(text_at(v, "summary"),
	    text_at(v, "generate_summary")),
	    or_else(opts->summary_default, STR("auto")));
	enum effort e = opts->effort != EFFORT_UNSET ? opts->effort :
	    effort_of(text);

	if (e != EFFORT_UNSET && opts->caps != NULL)
		e = caps_effort(opts->caps, e);
	if (e != EFFORT_UNSET)
		text = str_of(effort_name(e));
	json_key(o, "reasoning");
	json_open(o, '{');
	if (text.n > 0) /* also one that is not known here */
		put_member(o, "effort", text);
	if (str_place(summary, "auto|concise|detailed") >= 0)
		put_member(o, "summary", summary);
	text = text_at(v, "context");
	if (text.n > 0)
		put_member(o, "context", text);
	json_close(o, '}');
}

static void
put_text(struct json_out *o, const struct json_value *v)
{
	struct json_walk w;

	if (v->type != JSON_OBJECT)
		return;
	json_key(o, "text");
	json_open(o, '{');
	json_walk(&w, *v);
	while (json_step(&w))
		if (w.value.type != JSON_NULL &&
		    str_place(w.key.text, "verbosity|format") >= 0)
			put_raw(o, &w);
	json_close(o, '}');
}

static void
put_choice(struct json_out *o, const struct json_value *v)
{
	if (v->type != JSON_STRING && v->type != JSON_OBJECT)
		return;
	json_key(o, "tool_choice");
	if (word_at(v, "type", "allowed_tools") == 0)
		put_group(o, v);
	else
		put_tool(o, v);
}

static uint64_t
hash_head(uint64_t h, struct json_value root)
{
	struct json_value input = json_get(root, "input");
	struct json_walk w;

	h = text_hash(h, text_at(&root, "instructions"));
	if (input.type == JSON_STRING)
		return text_hash(h, input.raw);
	json_walk(&w, input);
	while (json_step(&w)) {
		h = text_hash(h, json_get(w.value, "content").raw);
		if (word_at(&w.value, "role", "user") == 0)
			break;
	}
	return h;
}

static void
put_cache_key(struct json_out *o, struct json_value root)
{
	struct str key = text_at(&root, "prompt_cache_key");
	char hex[17];

	if (key.n == 0 || key.n > CHATGPT_ID_MAX) {
		text_hash_hex(key.n > 0 ? text_hash(HASH_SEED, key) :
		    hash_head(HASH_SEED, root), hex);
		key = str_of(hex);
	}
	put_member(o, "prompt_cache_key", key);
}

void
chatgpt_write(struct json_value root, struct str model,
    const struct chatgpt_opts *opts, struct json_out *o)
{
	static const char *const names[] = { "input", "tools", "tool_choice",
		"parallel_tool_calls", "reasoning", "text" };
	struct json_value v[6];
	size_t i;

	for (i = 0; i < 6; i++)
		v[i] = json_get(root, names[i]);
	json_open(o, '{');
	json_key(o, "model");
	json_str(o, model);
	put_member(o, "instructions", text_at(&root, "instructions"));
	put_input(o, &v[0]);
	json_key(o, "stream");
	json_bool(o, true);
	json_key(o, "store");
	json_bool(o, false);
	json_key(o, "include");
	json_raw(o, STR("[\"reasoning.encrypted_content\"]"));
	if (v[1].type == JSON_ARRAY && json_at(v[1], "0").type != JSON_NONE)
		put_tools(o, &v[1]);
	put_choice(o, &v[2]);
	if (v[3].type == JSON_TRUE || v[3].type == JSON_FALSE) {
		json_key(o, names[3]);
		json_raw(o, v[3].raw);
	}
	put_reasoning(o, &v[4], opts);
	put_text(o, &v[5]);
	put_cache_key(o, root);
	if (word_at(&root, "service_tier", "priority|fast") >= 0) {
		put_word(o, "service_tier", "priority");
	}
	json_close(o, '}');
}

/* ---- the conversation ---- */

static bool
is_uuid(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		char c = s.p[i] | 0x20;

		if (dash ? s.p[i] != '-' : !((c >= 'a' && c <= 'f') ||
		    (s.p[i] >= '0' && s.p[i] <= '9')))
			return false;
	}
	return s.n == 36;
}

void
chatgpt_session(struct json_value root, struct str account, struct str model,
    char dst[37])
{
	struct str key = text_at(&root, "prompt_cache_key");
	uint64_t h[2] = { HASH_SEED, ~HASH_SEED };
	size_t i;

	if (is_uuid(key)) {
		fmt_to(dst, 37, "%.*s", STR_ARG(key));
		return;
	}
	for (i = 0; i < 2; i++) {
		h[i] = text_hash(h[i], account);
		h[i] = key.n > 0 ? text_hash(h[i], key) :
		    hash_head(text_hash(h[i], model), root);
	}
	/* version 8: made by a rule of one's own (RFC 9562 5.8) */
	fmt_to(dst, 37, "%08x-%04x-8%03x-%04x-%04x%08x",
	    (unsigned)(h[0] >> 32), (unsigned)(h[0] >> 16 & 0xffff),
	    (unsigned)(h[0] & 0xfff), (unsigned)(h[1] >> 48 & 0x3fff) | 0x8000,
	    (unsigned)(h[1] >> 32 & 0xffff), (unsigned)(h[1] & 0xffffffffu));
}

/* ---- the way back ---- */

struct chatgpt_item {
	struct chatgpt_item *next;
	uint64_t index;
	struct buf text; /* JSON */
};

void
chatgpt_back_init(struct chatgpt_back *b, struct json_value request,
    bool stream, size_t max)
{
	*b = (struct chatgpt_back){ .request = request, .stream = stream,
		.max = max };
	buf_init(&b->whole, 2 * max + 4096);
}

void
chatgpt_back_free(struct chatgpt_back *b)
{
	struct chatgpt_item *i, *next;

	for (i = b->items; i != NULL; i = next) {
		next = i->next;
		buf_free(&i->text);
		mem_free(i);
	}
	b->items = NULL;
	buf_free(&b->whole);
}

/* Append doc with its edits; line ends, which JSON has between its tokens
 * only, become blanks, as an event's data is one line. */
static void
add_edited(struct buf *out, const struct json_edits *l, struct str doc)
{
	size_t from = out->len, i;

	for (i = 0; i <= 2 * l->n; i++)
		buf_adds(out, json_edits_piece(l, doc, i));
	for (i = from; i < out->len; i++)
		if (out->p[i] == '\n' || out->p[i] == '\r')
			out->p[i] = ' ';
}

/* The edit that makes the item's name whole again. 0 or -1. */
static int
name_edit(struct chatgpt_back *b, struct json_edits *l, struct str doc,
    const struct json_value *item)
{
	struct json_value name = json_get(*item, "name");
	struct json_value full = long_name(&b->request, text_of(name));

	if (full.type == JSON_NONE)
		return 0;
	b->renamed = true;
	return json_edit_replace(l, doc, name, full.raw);
}

static int
keep_item(struct chatgpt_back *b, const struct json_value *item,
    uint64_t index)
{
	struct json_edit edit[2];
	struct json_edits l = { edit, 0, 2 };
	struct chatgpt_item **at = &b->items, *i;

	if (item->type != JSON_OBJECT)
		return 0;
	b->held += sizeof(*i) + item->raw.n;
	i = b->held > b->max ? NULL : mem_calloc(sizeof(*i));
	if (i == NULL)
		return -1;
	while (*at != NULL && (*at)->index <= index)
		at = &(*at)->next;
	i->next = *at;
	i->index = index;
	*at = i; /* freed with b from here on */
	buf_init(&i->text, b->max);
	if (name_edit(b, &l, item->raw, item) < 0)
		return -1;
	add_edited(&i->text, &l, item->raw);
	return i->text.bad ? -1 : 0;
}

/* The output that the last event should have, as `"output":[...]`. */
static void
add_output(struct chatgpt_back *b, struct buf *list)
{
	const struct chatgpt_item *i;

	buf_addz(list, "\"output\":[");
	for (i = b->items; i != NULL; i = i->next) {
		if (i != b->items)
			buf_addc(list, ',');
		buf_adds(list, buf_str(&i->text));
	}
	buf_addc(list, ']');
}

/* The edit of the response's output; list is where its text lives. */
static int
output_edit(struct chatgpt_back *b, struct json_edits *l, struct str doc,
    struct json_value response, struct buf *list)
{
	struct json_value output = json_get(response, "output");
	struct str text;

	if (b->items == NULL || (!b->renamed &&
	    json_at(output, "0").type != JSON_NONE))
		return 0;
	add_output(b, list);
	text = buf_str(list);
	if (list->bad)
		return -1;
	if (output.type == JSON_NONE)
		return json_edit_insert(l, doc, response, false, text);
	return json_edit_replace(l, doc, output,
	    str_sub(text, sizeof("\"output\":") - 1, text.n));
}

/* The edit that gives the event its number; dst holds its text. */
static int
number_edit(struct chatgpt_back *b, struct json_edits *l, struct str doc,
    struct json_value root, char dst[48])
{
	static const char key[] = "\"sequence_number\":";
	struct json_value v = json_get(root, "sequence_number");
	struct str text, number;

	text.p = dst;
	text.n = fmt_to(dst, 48, "%s%llu", key, (unsigned long long)b->seq++);
	number = str_sub(text, sizeof(key) - 1, text.n);
	if (v.type == JSON_NONE)
		return json_edit_insert(l, doc, root, false, text);
	if (str_eq(v.text, number))
		return 0;
	return json_edit_replace(l, doc, v, number);
}

static bool
is_backends_own(struct str type, struct str data)
{
	return str_starts(type, STR("codex.")) ||
	    str_place(type, "response.metadata|keepalive") >= 0 ||
	    str_eq(data, STR("[DONE]"));
}

/* The end: the response for a collector. */
static int
keep_response(struct chatgpt_back *b, struct json_value response,
    struct buf *list)
{
	struct json_edit edit[2];
	struct json_edits l = { edit, 0, 2 };

	if (response.type != JSON_OBJECT ||
	    output_edit(b, &l, response.raw, response, list) < 0)
		return -1;
	buf_clear(&b->whole);
	add_edited(&b->whole, &l, response.raw);
	return b->whole.bad ? -1 : 0;
}

static int
pass(struct chatgpt_back *b, struct str type, struct str data,
    struct buf *list, struct buf *out)
{
	struct json_value root = json_root(data), item, response;
	struct json_edit edit[8];
	struct json_edits l = { edit, 0, 8 };
	char number[48];
	uint64_t index = 0;
	ssize_t i = str_place(type, "response.output_item.added|"
	    "response.output_item.done|response.completed|"
	    "response.incomplete|response.done");

	item = json_get(root, "item");
	response = json_get(root, "response");
	json_u64(json_get(root, "output_index"), &index);
	if (i == 1 && keep_item(b, &item, index) < 0)
		return -1;
	if (i == 4) {
		type = STR("response.completed");
		item = json_get(root, "type");
		if (item.type != JSON_NONE && json_edit_replace(&l, data,
		    item, STR("\"response.completed\"")) < 0)
			return -1;
	}
	b->ended = b->ended || i >= 2;
	if (!b->stream)
		return i >= 2 ? keep_response(b, response, list) : 0;
	if ((i >= 0 && i < 2 && name_edit(b, &l, data, &item) < 0) ||
	    (i >= 2 && output_edit(b, &l, data, response, list) < 0) ||
	    number_edit(b, &l, data, root, number) < 0)
		return -1;
	buf_fmt(out, "event: %.*s\ndata: ", STR_ARG(type));
	add_edited(out, &l, data);
	buf_addz(out, "\n\n");
	return out->bad ? -1 : 0;
}

int
chatgpt_back_event(struct chatgpt_back *b, struct str name, struct str data,
    struct buf *out)
{
	struct str type = event_type(name, data);
	struct buf list;

	if (b->bad)
		return -1;
	if (data.n == 0 || b->ended || is_backends_own(type, data))
		return 0;
	buf_init(&list, 2 * b->max + 64);
	b->bad = json_check(data, NULL) < 0 ||
	    json_root(data).type != JSON_OBJECT ||
	    pass(b, type, data, &list, out) < 0;
	buf_free(&list);
	return b->bad ? -1 : 0;
}

int
chatgpt_back_whole(struct chatgpt_back *b, struct buf *out)
{
	if (b->bad || !b->ended)
		return -1;
	buf_adds(out, buf_str(&b->whole));
	return out->bad ? -1 : 0;
}
