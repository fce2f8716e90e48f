/* SPDX-License-Identifier: MIT */
/*
 * echo: the built-in model. It repeats the last user text word by word, calls
 * the first tool when that text holds "use the tool", and says what the tool
 * gave when its result comes back. It needs no network: the first run, the
 * tests and every client's set-up can begin with it.
 *
 * It reads just enough of each dialect's request for that (texts, results and
 * tools; of Codex also additional_tools, namespaces and custom tools); the
 * rest is not looked at. Hosted tools are never called. Usage is one token for
 * four bytes of text.
 *
 * Limits: 64 kB of arguments, which are made from the tool's schema.
 */
#include "ops.h"

/* How well a tool serves: a function is what every client can run. */
enum found { NO_TOOL, CUSTOM_TOOL, FUNCTION_TOOL };

/* What echo wants to know of a request. */
struct wish {
	enum dialect d;
	struct str text;   /* last user text, escaped */
	struct str result; /* last tool result, escaped */
	unsigned results;
	bool from_tool; /* the conversation ends with a tool's result */
	bool any;       /* there is a message at all */
	enum found found;
	struct json_value name, schema, namespace; /* of the tool */
	uint64_t bytes; /* of all text */
};

/* ---- tools ---- */

/* One tool in the shape of its dialect; kept if it is the best so far. A custom
 * tool of Chat is not called: few clients can read such a call in a stream. */
static void
take_tool(struct wish *w, struct json_value tool, struct json_value namespace)
{
	bool messages = w->d == DIALECT_MESSAGES;
	struct json_value type = json_get(tool, "type"), f = tool, name;
	enum found found = FUNCTION_TOOL;

	if (w->d == DIALECT_CHAT)
		f = json_get(tool, "function");
	else if (w->d == DIALECT_RESPONSES && json_is(type, STR("custom")))
		found = CUSTOM_TOOL;
	else if (type.type == JSON_STRING &&
	    !json_is(type, messages ? STR("custom") : STR("function")))
		return; /* hosted, or of the vendor's own kind */
	name = json_get(f, "name");
	if (name.type != JSON_STRING || name.text.n == 0 || w->found >= found)
		return;
	w->found = found;
	w->name = name;
	w->namespace = namespace;
	w->schema = json_get(f, messages ? "input_schema" : "parameters");
}

/* Namespaces hold functions and custom tools, never namespaces. */
static void
find_tool(struct wish *w, struct json_value tools)
{
	const struct json_value none = { .type = JSON_NONE };
	struct json_walk i, inner;

	json_walk(&i, tools);
	while (w->found != FUNCTION_TOOL && json_step(&i)) {
		if (!json_is(json_get(i.value, "type"), STR("namespace"))) {
			take_tool(w, i.value, none);
			continue;
		}
		for (json_walk(&inner, json_get(i.value, "tools"));
		    json_step(&inner);)
			take_tool(w, inner.value, json_get(i.value, "name"));
	}
}

/* ---- texts ---- */

/* The last text among content parts (or of a plain string). */
static struct str
text_in(struct wish *w, struct json_value content)
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
	w->result = text_in(w, content);
	w->results++;
	w->from_tool = true;
}

/* A user turn. In Messages it may hold tool results too, which come first and
 * decide: texts beside them are the client's remarks. Without any text (an
 * image only) the text before stays. */
static void
note_user(struct wish *w, struct json_value content)
{
	struct str text = text_in(w, content);
	struct json_walk i;

	w->from_tool = false;
	if (w->d == DIALECT_MESSAGES && content.type == JSON_ARRAY)
		for (json_walk(&i, content); json_step(&i);)
			if (json_is(json_get(i.value, "type"),
			    STR("tool_result")))
				note_result(w, json_get(i.value, "content"));
	if (!w->from_tool && text.p != NULL)
		w->text = text;
}

/* A message of Chat or Messages, or an item of Responses. Other roles than the
 * user's may follow a tool's result without being an answer to it. */
static void
read_item(struct wish *w, struct json_value item)
{
	struct json_value type = json_get(item, "type");
	struct json_value role = json_get(item, "role");
	struct json_value content = json_get(item, "content");

	w->any = true;
	if (w->d == DIALECT_RESPONSES &&
	    (json_is(type, STR("function_call_output")) ||
	    json_is(type, STR("custom_tool_call_output"))))
		note_result(w, json_get(item, "output"));
	else if (w->d == DIALECT_RESPONSES &&
	    json_is(type, STR("additional_tools")))
		find_tool(w, json_get(item, "tools"));
	else if (w->d == DIALECT_CHAT && json_is(role, STR("tool")))
		note_result(w, content);
	else if (json_is(role, STR("user")))
		note_user(w, content);
	else
		text_in(w, content);
}

static void
read_wish(struct wish *w, enum dialect d, struct str body)
{
	bool responses = d == DIALECT_RESPONSES;
	struct json_value root = json_root(body), list;
	struct json_walk i;

	*w = (struct wish){ .d = d };
	text_in(w, json_get(root, responses ? "instructions" : "system"));
	find_tool(w, json_get(root, "tools"));
	list = json_get(root, responses ? "input" : "messages");
	if (responses && list.type == JSON_STRING) {
		w->any = true;
		note_user(w, list);
	} else if (list.type == JSON_ARRAY) {
		for (json_walk(&i, list); json_step(&i);)
			read_item(w, i.value);
	}
}

/* ---- arguments ---- */

static void
put_value(struct json_out *o, struct json_value schema)
{
	struct json_value type = json_get(schema, "type");
	struct json_value choice = json_at(schema, "enum/0");

	if (type.type == JSON_ARRAY) /* "string or null" and the like */
		type = json_at(type, "0");
	if (choice.type != JSON_NONE)
		json_raw(o, choice.raw);
	else if (json_is(type, STR("integer")) ||
	    json_is(type, STR("number")))
		json_num(o, 1);
	else if (json_is(type, STR("boolean")))
		json_bool(o, true);
	else if (json_is(type, STR("array")))
		json_raw(o, STR("[]"));
	else if (json_is(type, STR("object")))
		json_raw(o, STR("{}"));
	else if (json_is(type, STR("null")))
		json_null(o);
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
		if (name.bad)
			out->bad = true;
		json_key_str(&o, buf_str(&name));
		for (json_walk(&have, props); json_step(&have);)
			if (json_is(have.key, buf_str(&name)))
				break;
		put_value(&o, have.value);
	}
	json_close(&o, '}');
	json_out_flush(&o);
	buf_free(&name);
}

/* What the call says, escaped. */
static int
make_call(const struct wish *w, struct buf *text, struct err *e)
{
	struct buf args;

	buf_init(&args, 65536);
	if (w->found == CUSTOM_TOOL)
		buf_addz(&args, "echo");
	else
		make_arguments(w, &args);
	json_escape(text, buf_str(&args));
	if (args.bad)
		text->bad = true;
	buf_free(&args);
	return text->bad ? err_set(e, ERR_LIMIT, "no memory, or the first "
	    "tool's schema is too large for the echo model") : 0;
}

/* ---- the answer ---- */

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

/* Each call of a conversation has an id of its own: the results so far are
 * counted. */
static void
say_call(struct emitter *m, const struct wish *w, struct str text)
{
	char id[24];
	size_t n = fmt_to(id, sizeof(id), "call_echo%u", w->results + 1);

	say(m, (struct event){ .type = EV_OPEN,
	    .kind = w->found == CUSTOM_TOOL ? BLOCK_CUSTOM : BLOCK_TOOL,
	    .id = { id, n }, .name = w->name.text,
	    .namespace = w->namespace.text });
	say(m, (struct event){ .type = EV_DELTA, .text = text });
	say(m, (struct event){ .type = EV_CLOSE });
}

int
echo_answer(enum dialect d, struct str body,
    int (*emit)(void *arg, const struct event *ev), void *arg,
    struct err *e)
{
	struct emitter m = { .emit = emit, .arg = arg };
	struct usage u = { .known = true };
	struct wish w;
	struct buf text;
	bool call;
	int rc = -1;

	read_wish(&w, d, body);
	if (!w.any)
		return err_set(e, ERR_INPUT, "field \"%s\" is missing or "
		    "empty", d == DIALECT_RESPONSES ? "input" : "messages");
	call = !w.from_tool && w.found != NO_TOOL &&
	    str_find(w.text, STR("use the tool")) >= 0;
	buf_init(&text, 131072);
	if (call && make_call(&w, &text, e) < 0)
		goto out;
	u.input = tokens(w.bytes);
	say(&m, (struct event){ .type = EV_START, .usage = u });
	if (call)
		say_call(&m, &w, buf_str(&text));
	else if (w.from_tool)
		say_words(&m, STR("the tool gave: "), w.result);
	else
		say_words(&m, STR(""), w.text);
	u.output = tokens(m.bytes);
	say(&m, (struct event){ .type = EV_STOP, .usage = u,
	    .stop = call ? STOP_TOOL : STOP_END });
	rc = m.stopped ? -1 : 0;
out:
	buf_free(&text);
	return rc;
}

uint64_t
echo_count(enum dialect d, struct str body)
{
	struct wish w;

	read_wish(&w, d, body);
	return tokens(w.bytes);
}
