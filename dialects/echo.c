/* SPDX-License-Identifier: MIT */
/*
 * echo: the built-in model. It repeats the last user text word by word, calls
 * the first tool when that text holds "use the tool", and says what the tool
 * gave when its result comes back. It needs no network: the first run, the
 * tests and every client's set-up can begin with it.
 *
 * It reads just enough of each dialect's request for that; the rest of the
 * request is not looked at. Usage is one token for four bytes of text.
 */
#include "ops.h"

/* What echo wants to know of a request. */
struct wish {
	struct str text;   /* last user text, escaped */
	struct str result; /* last tool result, escaped */
	bool from_tool;    /* the conversation ends with a tool's result */
	bool any;          /* there is a message at all */
	struct json_value tool;   /* the first that can be called */
	struct json_value name, schema;
	bool custom;       /* takes one text, no JSON */
	uint64_t bytes;    /* of all text */
};

/* ---- texts ---- */

/* The last text among content parts (or of a plain string). */
static struct str
text_of(struct wish *w, struct json_value content)
{
	struct json_walk i;
	struct str last = { NULL, 0 };

	if (content.type == JSON_STRING) {
		w->bytes += content.text.n;
		return content.text;
	}
	for (json_walk(&i, content); json_step(&i);) {
		struct json_value t = json_get(i.value, "text");

		if (t.type != JSON_STRING)
			continue;
		w->bytes += t.text.n;
		last = t.text;
	}
	return last;
}

static void
note_result(struct wish *w, struct json_value content)
{
	w->result = text_of(w, content);
	w->from_tool = true;
}

static void
note_user(struct wish *w, struct json_value content)
{
	struct str text = text_of(w, content);

	if (text.p != NULL) {
		w->text = text;
		w->from_tool = false;
	}
}

/* A Messages user turn may hold tool results beside text; the results come
 * first and decide. */
static void
read_user_blocks(struct wish *w, struct json_value content)
{
	struct json_walk i;
	bool result = false;

	if (content.type != JSON_ARRAY) {
		note_user(w, content);
		return;
	}
	for (json_walk(&i, content); json_step(&i);)
		if (json_is(json_get(i.value, "type"), STR("tool_result"))) {
			note_result(w, json_get(i.value, "content"));
			result = true;
		}
	if (!result)
		note_user(w, content);
}

static void
read_messages(struct wish *w, struct json_value list)
{
	struct json_walk i;

	for (json_walk(&i, list); json_step(&i);) {
		struct json_value role = json_get(i.value, "role");
		struct json_value content = json_get(i.value, "content");

		w->any = true;
		if (json_is(role, STR("user")))
			read_user_blocks(w, content);
		else if (json_is(role, STR("tool")))
			note_result(w, content);
		else
			text_of(w, content);
	}
}

static void find_tool(struct wish *w, struct json_value tools);

static void
read_items(struct wish *w, struct json_value input)
{
	struct json_walk i;

	if (input.type == JSON_STRING) {
		w->any = true;
		note_user(w, input);
		return;
	}
	for (json_walk(&i, input); json_step(&i);) {
		struct json_value type = json_get(i.value, "type");

		w->any = true;
		if (json_is(type, STR("function_call_output")) ||
		    json_is(type, STR("custom_tool_call_output")))
			note_result(w, json_get(i.value, "output"));
		else if (json_is(type, STR("additional_tools")))
			find_tool(w, json_get(i.value, "tools"));
		else if (json_is(json_get(i.value, "role"), STR("user")))
			note_user(w, json_get(i.value, "content"));
		else
			text_of(w, json_get(i.value, "content"));
	}
}

/* ---- tools ---- */

/* One tool in any of the three shapes; a namespace gives its first one. */
static bool
take_tool(struct wish *w, struct json_value tool)
{
	struct json_value type = json_get(tool, "type"), f = tool;
	struct json_walk i;

	if (json_is(type, STR("namespace"))) {
		for (json_walk(&i, json_get(tool, "tools")); json_step(&i);) {
			struct json_value t = json_get(i.value, "type");

			if (json_is(t, STR("namespace")))
				continue; /* one level is all there is */
			if (take_tool(w, i.value))
				return true;
		}
		return false;
	}
	w->custom = json_is(type, STR("custom"));
	if (json_get(tool, "function").type == JSON_OBJECT)
		f = json_get(tool, "function");
	else if (json_get(tool, "custom").type == JSON_OBJECT)
		f = json_get(tool, "custom");
	/* Hosted tools have no name of their own, or cannot be called. */
	w->name = json_get(f, "name");
	if (w->name.type != JSON_STRING || w->name.text.n == 0)
		return false;
	w->schema = json_get(f, "parameters");
	if (w->schema.type != JSON_OBJECT)
		w->schema = json_get(f, "input_schema");
	w->tool = tool;
	return true;
}

static void
find_tool(struct wish *w, struct json_value tools)
{
	struct json_walk i;

	if (w->tool.type != JSON_NONE)
		return;
	for (json_walk(&i, tools); json_step(&i);)
		if (take_tool(w, i.value))
			return;
}

static void
put_value(struct json_out *o, struct json_value schema)
{
	struct json_value type = json_get(schema, "type");
	struct json_value choices = json_get(schema, "enum");
	struct json_walk i;

	json_walk(&i, choices);
	if (choices.type == JSON_ARRAY && json_step(&i))
		json_raw(o, i.value.raw);
	else if (json_is(type, STR("integer")) ||
	    json_is(type, STR("number")))
		json_num(o, 1);
	else if (json_is(type, STR("boolean")))
		json_bool(o, true);
	else if (json_is(type, STR("array")))
		json_raw(o, STR("[]"));
	else if (json_is(type, STR("object")))
		json_raw(o, STR("{}"));
	else
		json_str(o, STR("echo"));
}

/* Arguments that fit the schema's required members, as JSON text. */
static void
make_arguments(const struct wish *w, struct buf *out)
{
	struct json_value props = json_get(w->schema, "properties");
	struct json_walk need, have;
	struct json_out o;
	struct buf name;

	buf_init(&name, 1024);
	json_out_buf(&o, out);
	json_open(&o, '{');
	for (json_walk(&need, json_get(w->schema, "required"));
	    json_step(&need);) {
		if (need.value.type != JSON_STRING)
			continue;
		buf_clear(&name);
		json_decode(need.value.text, &name);
		json_key_str(&o, buf_str(&name));
		for (json_walk(&have, props); json_step(&have);)
			if (json_is(have.key, buf_str(&name)))
				break;
		put_value(&o, have.value);
	}
	json_close(&o, '}');
	json_out_flush(&o);
	if (name.bad)
		out->bad = true;
	buf_free(&name);
}

/* ---- the answer ---- */

static void
read_wish(struct wish *w, enum dialect d, struct str body)
{
	struct json_value root = json_root(body);

	*w = (struct wish){ .any = false };
	text_of(w, json_get(root, d == DIALECT_RESPONSES ? "instructions" :
	    "system"));
	find_tool(w, json_get(root, "tools"));
	if (d == DIALECT_RESPONSES)
		read_items(w, json_get(root, "input"));
	else
		read_messages(w, json_get(root, "messages"));
}

static uint64_t
tokens(uint64_t bytes)
{
	return bytes < 4 ? 1 : bytes / 4;
}

struct emitter {
	int (*emit)(void *, const struct event *);
	void *arg;
	uint64_t bytes; /* said so far */
	bool stopped;
};

static void
say(struct emitter *m, struct event ev)
{
	if (!m->stopped && m->emit(m->arg, &ev) < 0)
		m->stopped = true;
	m->bytes += ev.text.n;
}

/* A text block, a word a delta. An escape holds no blank, and UTF-8 neither,
 * so a cut behind a blank never cuts one. */
static void
say_words(struct emitter *m, struct str lead, struct str text)
{
	say(m, (struct event){ .type = EV_OPEN, .kind = BLOCK_TEXT });
	if (lead.n > 0)
		say(m, (struct event){ .type = EV_DELTA, .text = lead });
	while (text.n > 0 && !m->stopped) {
		ssize_t blank = str_chr(text, ' ');
		size_t n = blank < 0 ? text.n : (size_t)blank + 1;

		say(m, (struct event){ .type = EV_DELTA,
		    .text = str_sub(text, 0, n) });
		text = str_sub(text, n, text.n);
	}
	say(m, (struct event){ .type = EV_CLOSE });
}

static int
say_call(struct emitter *m, const struct wish *w, struct err *e)
{
	struct buf args, text;
	int rc = 0;

	buf_init(&args, 65536);
	buf_init(&text, 131072);
	if (w->custom)
		buf_addz(&text, "echo");
	else
		make_arguments(w, &args);
	json_escape(&text, buf_str(&args));
	if (args.bad || text.bad) {
		rc = err_set(e, ERR_INPUT,
		    "the first tool's schema is too large for echo");
	} else {
		say(m, (struct event){ .type = EV_OPEN, .kind = BLOCK_TOOL,
		    .id = STR("call_echo1"), .name = w->name.text });
		say(m, (struct event){ .type = EV_DELTA,
		    .text = buf_str(&text) });
		say(m, (struct event){ .type = EV_CLOSE });
	}
	buf_free(&args);
	buf_free(&text);
	return rc;
}

int
echo_answer(enum dialect d, struct str body,
    int (*emit)(void *arg, const struct event *ev), void *arg,
    struct err *e)
{
	struct emitter m = { .emit = emit, .arg = arg };
	struct usage u = { .known = true };
	struct wish w;
	bool call;

	read_wish(&w, d, body);
	if (!w.any)
		return err_set(e, ERR_INPUT, "field \"%s\" is missing or "
		    "empty", d == DIALECT_RESPONSES ? "input" : "messages");
	call = !w.from_tool && w.tool.type != JSON_NONE &&
	    str_find(w.text, STR("use the tool")) >= 0;
	u.input = tokens(w.bytes);
	say(&m, (struct event){ .type = EV_START, .usage = u });
	if (call) {
		if (say_call(&m, &w, e) < 0)
			return -1;
	} else if (w.from_tool) {
		say_words(&m, STR("the tool gave: "), w.result);
	} else {
		say_words(&m, STR(""), w.text);
	}
	u.output = tokens(m.bytes);
	say(&m, (struct event){ .type = EV_STOP, .usage = u,
	    .stop = call ? STOP_TOOL : STOP_END });
	return m.stopped ? -1 : 0;
}

uint64_t
echo_count(enum dialect d, struct str body)
{
	struct wish w;

	read_wish(&w, d, body);
	return tokens(w.bytes);
}
