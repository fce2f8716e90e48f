/* SPDX-License-Identifier: MIT */
/*
 * responses_write: a neutral request as a Responses body, for an OpenAI server
 * or for the ChatGPT backend (OpenAI API reference as of November 2026;
 * chatgpt.md 2.2 and 2.3). Tools stand at the top, never in additional_tools.
 *
 * Texts of system and developer at the beginning become `instructions`, later
 * ones stay in their place. An output of a tool that nobody called becomes a
 * message of the user. Reasoning goes along only if OpenAI made it, for this
 * very provider and model, and only before what it led to. Nothing is stored.
 *
 * The backend takes a list of members and no other: what only tunes is left
 * out and reported. Refused: files by id from another dialect.
 */
#include "responses.h"

/* ---- fitting ---- */

static void
drop(struct neutral *q, struct part *p)
{
	p->dropped = true;
	loss_at(q, p->at);
}

static bool
is_media(const struct part *p)
{
	return p->kind == PART_IMAGE || p->kind == PART_DOCUMENT;
}

/* Nothing to write. */
static bool
is_void(const struct part *p)
{
	return p->dropped || ((p->kind == PART_TEXT ||
	    p->kind == PART_REFUSAL) && p->text.n == 0);
}

/* Ids of files mean something to the one who has the files only. */
static int
fit_file(struct neutral *q, const struct part *p, struct failure *f)
{
	if (p->file_id.n == 0 ||
	    (!q->to.chatgpt && q->from != DIALECT_MESSAGES))
		return 0;
	return neutral_refuse(q, f, "unsupported_value", "file_id",
	    "file_id: the file is not known there; send its data");
}

/* Does anything but reasoning follow in the turn? OpenAI refuses reasoning
 * that led to nothing. */
static bool
led_on(const struct part *p)
{
	for (p = p->next; p != NULL; p = p->next)
		if (p->kind != PART_REASONING && !is_void(p))
			return true;
	return false;
}

static bool
may_return(const struct neutral *q, const struct part *p)
{
	return p->seal.maker == SEAL_OPENAI && led_on(p) &&
	    (!p->seal.wrapped || str_eq(p->seal.tag, q->to.tag));
}

static int
fit_parts(struct neutral *q, const struct turn *t, struct failure *f)
{
	struct part *p, *sub;

	for (p = t->parts; p != NULL; p = p->next) {
		if (p->dropped)
			continue;
		if (is_media(p) && t->role != ROLE_USER)
			drop(q, p);
		else if (p->kind == PART_REASONING && !may_return(q, p))
			drop(q, p);
		else if (is_media(p) && fit_file(q, p, f) < 0)
			return -1;
		for (sub = p->parts; sub != NULL; sub = sub->next)
			if (fit_file(q, sub, f) < 0)
				return -1;
	}
	return 0;
}

/* Hosted tools of other dialects have another shape; but searching the web
 * is the same wish in all. */
static void
fit_tools(struct neutral *q)
{
	struct tool *t;

	for (t = q->tools; t != NULL; t = t->next) {
		if (t->dropped || t->hosted.n == 0 || t->web_search ||
		    q->from == DIALECT_RESPONSES)
			continue;
		t->dropped = true;
		loss_tool(q, t);
	}
}

static bool
has_tools(const struct neutral *q)
{
	const struct tool *t = q->tools;

	while (t != NULL && t->dropped)
		t = t->next;
	return t != NULL;
}

/* "priority", "fast" is the same; all else has no place in the backend. */
static bool
is_priority(const struct neutral *q)
{
	return str_place(q->service_tier, "priority|fast") >= 0;
}

static bool
takes_sampling(const struct neutral *q)
{
	return !q->to.chatgpt &&
	    (q->to.caps == NULL || q->to.caps->sampling);
}

/* What only tunes and has no counterpart, by the names of all dialects. */
static void
fit_tuning(struct neutral *q)
{
	static const char names[] = "stop|stop_sequences|top_k|temperature|"
	    "top_p|max_tokens|max_completion_tokens|max_output_tokens|user|"
	    "safety_identifier";
	ssize_t from = takes_sampling(q) ? 5 : 3;
	struct json_walk w;

	json_walk(&w, q->root);
	while (json_step(&w)) {
		ssize_t i = str_place(w.key.text, names);
		char name[144];

		/* What this dialect does not know is reported already. */
		if (i < 0 || w.value.type == JSON_NULL ||
		    (i >= 3 && i < from) || (i >= 5 && !q->to.chatgpt) ||
		    (q->from == DIALECT_RESPONSES &&
		    (i < 3 || i == 5 || i == 6)))
			continue;
		member_pointer(w.key, name);
		loss_add(q, name);
	}
	if (!q->to.chatgpt)
		return;
	if (q->from == DIALECT_MESSAGES && q->user.n > 0)
		loss_add(q, "/metadata/user_id");
	if (q->service_tier.n > 0 && !is_priority(q) &&
	    str_place(q->service_tier, "auto|default|standard_only") < 0)
		loss_add(q, "/service_tier");
}

static enum effort
wanted_effort(const struct neutral *q)
{
	if (q->to.effort != EFFORT_UNSET)
		return q->to.effort;
	if (q->effort != EFFORT_UNSET)
		return q->effort;
	if (q->budget > 0)
		return budget_effort(q->budget);
	return q->to.chatgpt ? effort_of(q->to.effort_default) :
	    EFFORT_UNSET;
}

static uint64_t
hash_texts(uint64_t h, const struct turn *t)
{
	const struct part *p;

	for (p = t->parts; p != NULL; p = p->next)
		h = text_hash(h, p->text);
	return h;
}

/*
 * The client's key, hashed if it is too long. The backend finds its cache by
 * it, so it gets one of the texts that stay: those of the system up to and
 * with the first of the user.
 */
static int
fit_cache_key(struct neutral *q)
{
	const struct turn *t;
	uint64_t h = HASH_SEED;
	char *p;

	q->wire_cache_key = q->cache_key;
	if (q->cache_key.n > 0 ? q->cache_key.n <= CHATGPT_ID_MAX :
	    !q->to.chatgpt)
		return 0;
	h = text_hash(h, q->cache_key);
	for (t = q->cache_key.n > 0 ? NULL : q->turns; t != NULL;
	    t = t->role == ROLE_USER ? NULL : t->next)
		h = hash_texts(h, t);
	p = arena_alloc(q->a, 17);
	if (p == NULL)
		return -1;
	text_hash_hex(h, p);
	q->wire_cache_key = (struct str){ p, 16 };
	return 0;
}

int
responses_fit(struct neutral *q, struct failure *f)
{
	const struct turn *t;

	q->wire_effort = wanted_effort(q);
	if (q->wire_effort != EFFORT_UNSET && q->to.caps != NULL)
		q->wire_effort = caps_effort(q->to.caps, q->wire_effort);
	q->wire_max = q->to.chatgpt ? 0 : q->max_tokens;
	for (t = q->turns; t != NULL; t = t->next)
		if (fit_parts(q, t, f) < 0)
			return -1;
	fit_tools(q);
	fit_tuning(q);
	neutral_orphans(q);
	if (neutral_names(q, CHATGPT_ID_MAX) < 0 ||
	    neutral_ids(q, CHATGPT_ID_MAX) < 0 || fit_cache_key(q) < 0)
		return neutral_no_memory(q, f);
	return 0;
}

/* ---- writing ---- */

void
put_word(struct json_out *o, const char *key, const char *value)
{
	json_key(o, key);
	json_str(o, str_of(value));
}

static void
put_text_part(struct json_out *o, const char *type, const char *key,
    struct str text)
{
	json_open(o, '{');
	put_word(o, "type", type);
	put_member(o, key, text);
	json_close(o, '}');
}

/* An image or a document. */
static void
put_media(struct json_out *o, const struct part *p)
{
	bool image = p->kind == PART_IMAGE;

	json_open(o, '{');
	put_word(o, "type", image ? "input_image" : "input_file");
	if (image && p->detail.n > 0)
		put_member(o, "detail", p->detail);
	if (!image && p->file_id.n == 0)
		put_member(o, "filename", p->filename.n > 0 ? p->filename :
		    STR("document.pdf"));
	if (p->data.n > 0) {
		json_key(o, image ? "image_url" : "file_data");
		json_str_begin(o);
		json_str_plain(o, STR("data:"));
		json_str_text(o, p->media);
		json_str_plain(o, STR(";base64,"));
		json_str_text(o, p->data);
		json_str_end(o);
	} else if (p->url.n > 0) {
		put_member(o, image ? "image_url" : "file_url", p->url);
	} else {
		put_member(o, "file_id", p->file_id);
	}
	json_close(o, '}');
}

static void
put_part(struct json_out *o, const struct part *p, bool assistant)
{
	if (p->kind == PART_REFUSAL && assistant)
		put_text_part(o, "refusal", "refusal", p->text);
	else if (!is_media(p))
		put_text_part(o, assistant ? "output_text" : "input_text",
		    "text", p->text);
	else if (p->plain)
		put_text_part(o, "input_text", "text", p->data);
	else
		put_media(o, p);
}

static void
put_parts(struct json_out *o, const struct part *p)
{
	for (; p != NULL; p = p->next)
		if (!is_void(p))
			put_part(o, p, false);
}

static void
open_message(struct json_out *o, const char *role)
{
	json_open(o, '{');
	put_word(o, "type", "message");
	put_word(o, "role", role);
}

static const struct part *
first_of(const struct part *p)
{
	while (p != NULL && is_void(p))
		p = p->next;
	return p;
}

/* What a tool gave: a string if it is one text, else an array of parts. */
static void
put_output(struct json_out *o, const struct part *p)
{
	const struct part *one = first_of(p->parts);

	json_key(o, "output");
	if (one == NULL || (one->kind == PART_TEXT &&
	    first_of(one->next) == NULL)) {
		json_str_begin(o);
		if (p->error)
			json_str_plain(o, STR("Error: "));
		if (one != NULL)
			json_str_text(o, one->text);
		json_str_end(o);
		return;
	}
	json_open(o, '[');
	if (p->error)
		put_text_part(o, "input_text", "text", STR("Error:"));
	put_parts(o, p->parts);
	json_close(o, ']');
}

static void
put_result(struct json_out *o, const struct part *p)
{
	if (p->orphan) {
		if (first_of(p->parts) == NULL)
			return;
		open_message(o, "user");
		json_key(o, "content");
		json_open(o, '[');
		put_parts(o, p->parts);
		json_close(o, ']');
	} else {
		json_open(o, '{');
		put_word(o, "type", p->custom ? "custom_tool_call_output" :
		    "function_call_output");
		put_member(o, "call_id", p->wire_id);
		put_output(o, p);
	}
	json_close(o, '}');
}

static void
put_call(struct json_out *o, const struct part *p)
{
	json_open(o, '{');
	put_word(o, "type", p->custom ? "custom_tool_call" :
	    "function_call");
	put_member(o, "call_id", p->wire_id);
	put_member(o, "name", p->wire_name);
	json_key(o, p->custom ? "input" : "arguments");
	if (p->raw.n > 0) /* JSON in a string */
		json_str(o, p->raw);
	else
		json_text(o, p->text.n > 0 || p->custom ? p->text :
		    STR("{}"));
	json_close(o, '}');
}

static void
put_reasoning(struct json_out *o, const struct part *p)
{
	json_open(o, '{');
	put_word(o, "type", "reasoning");
	json_key(o, "summary");
	json_open(o, '[');
	if (p->text.n > 0)
		put_text_part(o, "summary_text", "text", p->text);
	json_close(o, ']');
	put_member(o, "encrypted_content", p->seal.text);
	json_close(o, '}');
}

static bool
is_content(const struct part *p)
{
	return is_media(p) || p->kind == PART_TEXT || p->kind == PART_REFUSAL;
}

/* The parts of one message, from p on; gives what stands behind it. */
static const struct part *
put_message(struct json_out *o, const char *role, const struct part *p)
{
	bool assistant = str_eq(str_of(role), STR("assistant"));
	const struct part *first = p;

	open_message(o, role);
	if (p->phase.n > 0)
		put_member(o, "phase", p->phase);
	json_key(o, "content");
	json_open(o, '[');
	for (; p != NULL && (p->dropped || (is_content(p) &&
	    p->at.item == first->at.item)); p = p->next)
		if (!is_void(p))
			put_part(o, p, assistant);
	json_close(o, ']');
	json_close(o, '}');
	return p;
}

static void
put_turn(const struct neutral *q, struct json_out *o, const struct turn *t)
{
	static const char *const roles[] = { "system", "developer", "user",
		"assistant" };
	const char *role = roles[t->role];
	const struct part *p = t->parts;

	if (t->role == ROLE_SYSTEM && q->to.chatgpt)
		role = "developer"; /* chatgpt.md 2.3: there is no system */
	while ((p = first_of(p)) != NULL) {
		if (is_content(p)) {
			p = put_message(o, role, p);
			continue;
		}
		if (p->kind == PART_CALL)
			put_call(o, p);
		else if (p->kind == PART_RESULT)
			put_result(o, p);
		else
			put_reasoning(o, p);
		p = p->next;
	}
}

/* The first turn that is not of the leading system texts; the first of all if
 * there is no other, as an input must not be empty. */
static const struct turn *
behind_system(const struct neutral *q)
{
	const struct turn *t = q->turns;

	while (t != NULL && t->role <= ROLE_DEVELOPER)
		t = t->next;
	return t == NULL ? q->turns : t;
}

static void
put_input(const struct neutral *q, struct json_out *o)
{
	const struct turn *first = behind_system(q), *t;
	const struct part *p;
	bool some = false;

	if (first != q->turns || q->to.chatgpt) {
		json_key(o, "instructions");
		json_str_begin(o);
		for (t = q->turns; t != first; t = t->next) {
			for (p = t->parts; (p = first_of(p)) != NULL;
			    p = p->next) {
				if (some)
					json_str_plain(o, STR("\n\n"));
				json_str_text(o, p->text);
				some = true;
			}
		}
		json_str_end(o);
	}
	json_key(o, "input");
	json_open(o, '[');
	for (t = first; t != NULL; t = t->next)
		put_turn(q, o, t);
	json_close(o, ']');
}

/* Chat's grammar stands one level deeper than Responses' one. */
static void
put_tool_format(struct json_out *o, struct str raw)
{
	struct json_value grammar = json_get(json_root(raw), "grammar");
	struct json_walk w;

	json_key(o, "format");
	if (grammar.type != JSON_OBJECT) {
		json_raw(o, raw);
		return;
	}
	json_open(o, '{');
	put_word(o, "type", "grammar");
	json_walk(&w, grammar);
	while (json_step(&w)) {
		ssize_t i = str_place(w.key.text, "definition|syntax");

		if (i < 0)
			continue;
		json_key(o, i == 0 ? "definition" : "syntax");
		json_raw(o, w.value.raw);
	}
	json_close(o, '}');
}

static void
put_tool(const struct neutral *q, struct json_out *o, const struct tool *t)
{
	if (t->hosted.n > 0) {
		json_raw(o, q->from == DIALECT_RESPONSES ? t->hosted :
		    STR("{\"type\":\"web_search\"}"));
		return;
	}
	json_open(o, '{');
	put_word(o, "type", t->custom ? "custom" : "function");
	put_member(o, "name", t->wire_name);
	if (t->description.n > 0)
		put_member(o, "description", t->description);
	if (!t->custom) {
		json_key(o, "parameters");
		json_raw(o, t->schema.n > 0 ? t->schema :
		    STR("{\"type\":\"object\",\"properties\":{}}"));
		json_key(o, "strict");
		json_bool(o, t->strict == TRI_YES);
	} else if (t->format.n > 0) {
		put_tool_format(o, t->format);
	}
	json_close(o, '}');
}

static void
put_choice(const struct neutral *q, struct json_out *o)
{
	static const char *const words[] = { NULL, "auto", "none",
		"required" };
	const struct tool *t = q->tools;

	if (q->choice == CHOICE_UNSET)
		return;
	json_key(o, "tool_choice");
	if (q->choice != CHOICE_TOOL) {
		json_str(o, str_of(words[q->choice]));
		return;
	}
	while (t != NULL && !str_eq(t->wire_name, q->wire_choice))
		t = t->next;
	json_open(o, '{');
	put_word(o, "type", t != NULL && t->custom ? "custom" : "function");
	put_member(o, "name", q->wire_choice);
	json_close(o, '}');
}

static void
put_tools(const struct neutral *q, struct json_out *o)
{
	const struct tool *t;

	if (!has_tools(q))
		return;
	json_key(o, "tools");
	json_open(o, '[');
	for (t = q->tools; t != NULL; t = t->next)
		if (!t->dropped)
			put_tool(q, o, t);
	json_close(o, ']');
	put_choice(q, o);
	if (q->parallel == TRI_UNSET)
		return;
	json_key(o, "parallel_tool_calls");
	json_bool(o, q->parallel == TRI_YES);
}

/* Without a summary asked for no readable reasoning comes back. */
static void
put_reasoning_options(const struct neutral *q, struct json_out *o)
{
	struct str summary = q->summary;

	if (summary.n == 0 && q->to.chatgpt)
		summary = q->to.summary_default.n > 0 ?
		    q->to.summary_default : STR("auto");
	if (str_place(summary, "auto|concise|detailed") < 0)
		summary = str_of(NULL);
	if (q->wire_effort == EFFORT_UNSET && summary.n == 0)
		return;
	json_key(o, "reasoning");
	json_open(o, '{');
	if (q->wire_effort != EFFORT_UNSET)
		put_word(o, "effort", effort_name(q->wire_effort));
	if (summary.n > 0)
		put_member(o, "summary", summary);
	json_close(o, '}');
}

static void
put_text_options(const struct neutral *q, struct json_out *o)
{
	if (q->output == OUTPUT_TEXT && q->verbosity.n == 0)
		return;
	json_key(o, "text");
	json_open(o, '{');
	if (q->verbosity.n > 0)
		put_member(o, "verbosity", q->verbosity);
	if (q->output != OUTPUT_TEXT) {
		json_key(o, "format");
		json_open(o, '{');
		put_word(o, "type", q->output == OUTPUT_JSON ?
		    "json_object" : "json_schema");
		if (q->output == OUTPUT_SCHEMA) {
			put_member(o, "name", q->schema_name.n > 0 ?
			    q->schema_name : STR("answer"));
			if (q->schema_description.n > 0)
				put_member(o, "description",
				    q->schema_description);
			json_key(o, "schema");
			json_raw(o, q->schema);
			json_key(o, "strict");
			json_bool(o, q->schema_strict == TRI_YES);
		}
		json_close(o, '}');
	}
	json_close(o, '}');
}

/* What only the public API takes. */
static void
put_tuning(const struct neutral *q, struct json_out *o)
{
	if (q->wire_max > 0)
		put_count(o, "max_output_tokens", q->wire_max);
	if (takes_sampling(q) && q->temperature.n > 0) {
		json_key(o, "temperature");
		json_raw(o, q->temperature);
	}
	if (takes_sampling(q) && q->top_p.n > 0) {
		json_key(o, "top_p");
		json_raw(o, q->top_p);
	}
	if (q->user.n > 0)
		put_member(o, "safety_identifier", q->user);
}

void
responses_write(const struct neutral *q, struct json_out *o)
{
	bool chatgpt = q->to.chatgpt;

	json_open(o, '{');
	put_member(o, "model", q->wire_model);
	put_input(q, o);
	json_key(o, "stream");
	json_bool(o, chatgpt || q->stream);
	json_key(o, "store");
	json_bool(o, false);
	/* Models without reasoning refuse this one. */
	if (chatgpt || q->wants_sealed || q->wire_effort > EFFORT_NONE) {
		json_key(o, "include");
		json_raw(o, STR("[\"reasoning.encrypted_content\"]"));
	}
	put_tools(q, o);
	put_reasoning_options(q, o);
	put_text_options(q, o);
	if (q->wire_cache_key.n > 0)
		put_member(o, "prompt_cache_key", q->wire_cache_key);
	if (chatgpt ? is_priority(q) : q->service_tier.n > 0)
		put_member(o, "service_tier", chatgpt ? STR("priority") :
		    q->service_tier);
	if (!chatgpt)
		put_tuning(q, o);
	json_close(o, '}');
}
