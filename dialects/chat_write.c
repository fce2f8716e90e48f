/* SPDX-License-Identifier: MIT */
/*
 * chat_write: a neutral request for an OpenAI-compatible server: what does not
 * fit, and the body of /chat/completions (protocols/openai.md 6.1 to 6.4).
 *
 * Written is what most servers take: max_tokens, system (never developer),
 * texts of the system, the assistant and tools as one string, no reasoning of
 * earlier turns, always streamed, with usage. Neighbours of one role are one
 * message. The results of tools stand directly behind their calls, and the
 * pictures in them in the user message that follows. A result without its call
 * is user text. A custom tool is a function with one string `input`.
 *
 * Left out and reported: what fit_hints and fit_effort name, tools that a
 * provider runs itself, grammars of custom tools, links to documents (they stay
 * as text). 400: files by the id of another provider, a forced tool that is not
 * there.
 */
#include "chat.h"

#define ID_MAX 40   /* of a call; longer ones api.openai.com refuses */
#define NAME_MAX 64 /* of a tool */
#define USER_MAX 64 /* of `user`; longer ones are no plain ids */

/* ---- fitting ---- */

/* names: the member's pointer in chat, responses, messages; "" = that dialect
 * has none. */
static void
lose(struct neutral *q, const char *names)
{
	struct str rest = str_of(names), name = { NULL, 0 };
	char pointer[48];
	int i;

	for (i = 0; i <= (int)q->from; i++)
		str_cut(&rest, '|', &name);
	fmt_to(pointer, sizeof(pointer), "%.*s", STR_ARG(name));
	if (name.n > 0)
		loss_add(q, pointer);
}

static void
fit_effort(struct neutral *q)
{
	enum effort e = q->to.effort;

	if (e == EFFORT_UNSET)
		e = q->effort;
	if (e == EFFORT_UNSET && q->budget > 0)
		e = budget_effort(q->budget);
	q->wire_effort = EFFORT_UNSET;
	if (e == EFFORT_UNSET)
		return;
	if (q->to.caps->efforts != 0)
		q->wire_effort = caps_effort(q->to.caps, e);
	else if (q->to.effort == EFFORT_UNSET)
		lose(q, q->effort != EFFORT_UNSET ?
		    "/reasoning_effort|/reasoning/effort|"
		    "/output_config/effort" : "/reasoning||/thinking");
}

/* Ids of end users that are documents (as Claude Code's, with its account) or
 * addresses are nobody else's business. */
static bool
is_plain_id(struct str s)
{
	return s.n > 0 && s.n <= USER_MAX && str_chr(s, '{') < 0 &&
	    str_chr(s, '@') < 0;
}

static void
fit_hints(struct neutral *q)
{
	if (q->top_k.n > 0)
		lose(q, "/top_k||/top_k");
	if (q->verbosity.n > 0)
		lose(q, "/verbosity|/text/verbosity|");
	if (q->cache_key.n > 0)
		lose(q, "/prompt_cache_key|/prompt_cache_key|");
	if (q->service_tier.n > 0)
		lose(q, "/service_tier|/service_tier|/service_tier");
	if (q->user.n > 0 && !is_plain_id(q->user)) {
		lose(q, "/user|/user|/metadata/user_id");
		q->user = (struct str){ NULL, 0 };
	}
	if (q->to.caps->sampling)
		return;
	if (q->temperature.n > 0)
		lose(q, "/temperature|/temperature|/temperature");
	if (q->top_p.n > 0)
		lose(q, "/top_p|/top_p|/top_p");
	q->temperature = q->top_p = (struct str){ NULL, 0 };
}

static int
fit_tools(struct neutral *q, struct failure *f)
{
	struct tool *t;
	bool any = false, chosen = false;

	if (neutral_names(q, NAME_MAX) < 0)
		return neutral_no_memory(q, f);
	for (t = q->tools; t != NULL; t = t->next) {
		if (t->dropped)
			continue;
		if (t->hosted.n > 0) {
			t->dropped = true;
			loss_tool(q, t);
			continue;
		}
		if (str_find(t->format, STR("definition")) >= 0)
			loss_tool(q, t); /* its grammar */
		any = true;
		chosen = chosen || str_eq(t->wire_name, q->wire_choice);
	}
	if (q->choice == CHOICE_TOOL ? !chosen : q->choice == CHOICE_ANY && !any)
		return neutral_refuse(q, f, "unsupported_parameter",
		    "tool_choice", "tool_choice: the model has no such tool");
	return 0;
}

static int
fit_part(struct neutral *q, struct failure *f, struct part *p, bool user)
{
	bool media = p->kind == PART_IMAGE || p->kind == PART_DOCUMENT;

	if (p->kind == PART_REASONING || (media && !user)) {
		p->dropped = true;
		loss_at(q, p->at);
	} else if (media && p->data.n == 0 && p->url.n == 0 &&
	    (p->kind == PART_IMAGE || q->from == DIALECT_MESSAGES)) {
		/* openai.md 6.2: ids of another account are useless */
		return neutral_refuse(q, f, "unsupported_content", "file_id",
		    "file_id: the file %.*s is not known to this provider",
		    STR_ARG(str_sub(p->file_id, 0, 64)));
	} else if (p->kind == PART_DOCUMENT && p->url.n > 0) {
		loss_at(q, p->at); /* its link stays, as text */
	}
	return 0;
}

/* A result must follow a message with calls. */
static int
fit_parts(struct neutral *q, struct failure *f)
{
	bool said = false, calls = false, user;
	struct part *p, *inner;
	struct turn *t;

	neutral_orphans(q);
	for (t = q->turns; t != NULL; t = t->next) {
		user = t->role != ROLE_ASSISTANT;
		if (!user && !said)
			calls = false;
		said = !user;
		for (p = t->parts; p != NULL; p = p->next) {
			calls = calls || p->kind == PART_CALL;
			if (p->kind == PART_RESULT && !calls)
				p->orphan = true;
			if (fit_part(q, f, p, user) < 0)
				return -1;
			for (inner = p->parts; inner != NULL;
			    inner = inner->next)
				if (fit_part(q, f, inner, user) < 0)
					return -1;
		}
	}
	return 0;
}

int
chat_fit(struct neutral *q, struct failure *f)
{
	uint64_t most = q->to.caps->max_output;

	q->wire_max = most > 0 && q->max_tokens > most ? most :
	    q->max_tokens;
	fit_effort(q);
	fit_hints(q);
	if (fit_parts(q, f) < 0 || fit_tools(q, f) < 0)
		return -1;
	return neutral_ids(q, ID_MAX) < 0 || q->bad ?
	    neutral_no_memory(q, f) : 0;
}

/* ---- writing: parts ---- */

/* Does it go into a string? */
static bool
is_textual(const struct part *p)
{
	return p->kind == PART_TEXT || p->kind == PART_REFUSAL ||
	    (p->kind == PART_DOCUMENT && (p->plain || p->url.n > 0));
}

static bool
is_media(const struct part *p)
{
	return !p->dropped && !is_textual(p) &&
	    (p->kind == PART_IMAGE || p->kind == PART_DOCUMENT);
}

static bool
has_text(const struct part *p)
{
	return !p->dropped && is_textual(p) &&
	    (p->kind == PART_DOCUMENT || p->text.n > 0);
}

static void
text_piece(struct json_out *o, const struct part *p)
{
	if (p->kind != PART_DOCUMENT) {
		json_str_text(o, p->text);
	} else if (p->url.n == 0) {
		json_str_text(o, p->data);
	} else {
		json_str_plain(o, STR("[document: "));
		json_str_text(o, p->url);
		json_str_plain(o, STR("]"));
	}
}

/* The texts of a list within a string, with an empty line before the first one
 * (if any were there already) and, when apart, between them. True: there is
 * text now. */
static bool
texts(struct json_out *o, const struct part *p, bool any, bool apart)
{
	bool gap = any;

	for (; p != NULL; p = p->next) {
		if (!has_text(p))
			continue;
		if (gap)
			json_str_plain(o, STR("\n\n"));
		text_piece(o, p);
		gap = apart;
		any = true;
	}
	return any;
}

static bool
result_media(const struct part *result)
{
	const struct part *p;

	for (p = result->parts; p != NULL; p = p->next)
		if (is_media(p))
			return true;
	return false;
}

/* What a tool gave, within a string. */
static void
result_texts(struct json_out *o, const struct part *p)
{
	if (p->error) /* openai.md 6.2 */
		json_str_plain(o, STR("Error: "));
	texts(o, p->parts, false, true);
}

static void
type_open(struct json_out *o, const char *type)
{
	json_open(o, '{');
	json_key(o, "type");
	json_str(o, str_of(type));
}

static void
source(struct json_out *o, const char *key, const struct part *p,
    const char *media)
{
	json_key(o, key);
	json_str_begin(o);
	if (p->url.n > 0) {
		json_str_text(o, p->url);
	} else {
		json_str_plain(o, STR("data:"));
		if (p->media.n > 0)
			json_str_text(o, p->media);
		else
			json_str_plain(o, str_of(media));
		json_str_plain(o, STR(";base64,"));
		json_str_text(o, p->data);
	}
	json_str_end(o);
}

static void
media_part(struct json_out *o, const struct part *p)
{
	const char *kind = p->kind == PART_IMAGE ? "image_url" : "file";

	type_open(o, kind);
	json_key(o, kind);
	json_open(o, '{');
	if (p->kind == PART_IMAGE) {
		source(o, "url", p, "image/png");
		if (p->detail.n > 0)
			put_member(o, "detail", p->detail);
	} else if (p->data.n == 0) {
		put_member(o, "file_id", p->file_id);
	} else {
		put_member(o, "filename", p->filename.n > 0 ? p->filename :
		    STR("document.pdf"));
		source(o, "file_data", p, "application/pdf");
	}
	json_close(o, '}');
	json_close(o, '}');
}

static void
text_part_open(struct json_out *o)
{
	type_open(o, "text");
	json_key(o, "text");
	json_str_begin(o);
}

static void
text_part_close(struct json_out *o)
{
	json_str_end(o);
	json_close(o, '}');
}

/* What a user message has of a result: its pictures, and all of an orphan. */
static void
result_part(struct json_out *o, const struct part *result)
{
	const struct part *p;

	if (!result->orphan && !result_media(result))
		return;
	text_part_open(o);
	json_str_plain(o, STR("[result of tool call "));
	json_str_text(o, result->wire_id);
	json_str_plain(o, STR("]"));
	if (result->orphan) {
		json_str_plain(o, STR("\n"));
		result_texts(o, result);
	}
	text_part_close(o);
	for (p = result->parts; p != NULL; p = p->next)
		if (is_media(p))
			media_part(o, p);
}

/* ---- writing: messages ---- */

static void
message_open(struct json_out *o, const char *role)
{
	json_open(o, '{');
	json_key(o, "role");
	json_str(o, str_of(role));
	json_key(o, "content");
}

/* A run of system and developer turns. */
static void
system_message(struct json_out *o, const struct turn *t,
    const struct turn *end)
{
	bool any = false;

	message_open(o, "system");
	json_str_begin(o);
	for (; t != end; t = t->next)
		any = texts(o, t->parts, any, true);
	json_str_end(o);
	json_close(o, '}');
}

/* Parts of a user message; *text is the last one with text. results: none but
 * pictures of results and orphans count. */
static size_t
user_parts(const struct turn *t, const struct turn *end,
    const struct part **text, bool *results)
{
	const struct part *p;
	size_t n = 0;

	for (; t != end; t = t->next)
		for (p = t->parts; p != NULL; p = p->next) {
			if (has_text(p)) {
				*text = p;
				n++;
			} else if (p->kind == PART_RESULT) {
				*results = true;
				n += p->orphan || result_media(p) ? 2 : 0;
			} else if (is_media(p)) {
				n += 2; /* no string can hold it */
			}
		}
	return n;
}

static void
user_message(struct json_out *o, const struct turn *t, const struct turn *end)
{
	const struct part *text = NULL, *p;
	bool results = false;
	size_t n = user_parts(t, end, &text, &results);

	if (n == 0 && results)
		return;
	message_open(o, "user");
	if (n <= 1) {
		json_str_begin(o);
		if (text != NULL)
			text_piece(o, text);
		json_str_end(o);
		json_close(o, '}');
		return;
	}
	json_open(o, '[');
	for (; t != end; t = t->next)
		for (p = t->parts; p != NULL; p = p->next) {
			if (p->kind == PART_RESULT) {
				result_part(o, p);
			} else if (has_text(p)) {
				text_part_open(o);
				text_piece(o, p);
				text_part_close(o);
			} else if (is_media(p)) {
				media_part(o, p);
			}
		}
	json_close(o, ']');
	json_close(o, '}');
}

static void
put_call(struct json_out *o, const struct part *p)
{
	json_open(o, '{');
	put_member(o, "id", p->wire_id);
	json_key(o, "type");
	json_str(o, STR("function"));
	json_key(o, "function");
	json_open(o, '{');
	put_member(o, "name", p->wire_name);
	json_key(o, "arguments");
	json_str_begin(o);
	if (p->custom) {
		/* Escaped once more: JSON in a string. */
		json_str_plain(o, STR("{\"input\":\""));
		json_str_plain(o, p->text);
		json_str_plain(o, STR("\"}"));
	} else if (p->raw.n > 0) {
		json_str_plain(o, p->raw);
	} else if (text_blank(p->text)) {
		json_str_plain(o, STR("{}"));
	} else {
		json_str_text(o, p->text);
	}
	json_str_end(o);
	json_close(o, '}');
	json_close(o, '}');
}

static void
put_calls(struct json_out *o, const struct turn *t, const struct turn *end)
{
	const struct part *p;

	json_key(o, "tool_calls");
	json_open(o, '[');
	for (; t != end; t = t->next)
		for (p = t->parts; p != NULL; p = p->next)
			if (p->kind == PART_CALL && !p->dropped)
				put_call(o, p);
	json_close(o, ']');
}

static void
assistant_message(struct json_out *o, const struct turn *first,
    const struct turn *end)
{
	const struct turn *t;
	const struct part *p;
	bool text = false, calls = false, any = false;

	for (t = first; t != end; t = t->next)
		for (p = t->parts; p != NULL; p = p->next) {
			text = text || has_text(p);
			calls = calls || (p->kind == PART_CALL &&
			    !p->dropped);
		}
	if (!text && !calls)
		return;
	message_open(o, "assistant");
	if (text) {
		json_str_begin(o);
		for (t = first; t != end; t = t->next)
			any = texts(o, t->parts, any, false);
		json_str_end(o);
	} else {
		json_null(o);
	}
	if (calls)
		put_calls(o, first, end);
	json_close(o, '}');
}

/* All results up to the next assistant turn. */
static void
tool_messages(struct json_out *o, const struct turn *t)
{
	const struct part *p;

	for (; t != NULL && t->role != ROLE_ASSISTANT; t = t->next)
		for (p = t->parts; p != NULL; p = p->next) {
			if (p->kind != PART_RESULT || p->orphan || p->dropped)
				continue;
			message_open(o, "tool");
			json_str_begin(o);
			result_texts(o, p);
			if (result_media(p))
				json_str_plain(o, STR("\n\n[more in the "
				    "following user message]"));
			json_str_end(o);
			put_member(o, "tool_call_id", p->wire_id);
			json_close(o, '}');
		}
}

static bool
is_system(const struct turn *t)
{
	return t->role == ROLE_SYSTEM || t->role == ROLE_DEVELOPER;
}

static void
put_messages(const struct neutral *q, struct json_out *o)
{
	const struct turn *t, *end;

	json_key(o, "messages");
	json_open(o, '[');
	for (t = q->turns; t != NULL; t = end) {
		for (end = t->next; end != NULL && (end->role == t->role ||
		    (is_system(end) && is_system(t)));)
			end = end->next;
		if (is_system(t)) {
			system_message(o, t, end);
		} else if (t->role == ROLE_USER) {
			user_message(o, t, end);
		} else {
			assistant_message(o, t, end);
			tool_messages(o, end);
		}
	}
	json_close(o, ']');
}

/* ---- writing: the rest ---- */

static void
put_tri(struct json_out *o, const char *key, enum tri v)
{
	if (v == TRI_UNSET)
		return;
	json_key(o, key);
	json_bool(o, v == TRI_YES);
}

static void
put_tool(struct json_out *o, const struct tool *t)
{
	type_open(o, "function");
	json_key(o, "function");
	json_open(o, '{');
	put_member(o, "name", t->wire_name);
	if (t->description.n > 0)
		put_member(o, "description", t->description);
	json_key(o, "parameters");
	if (t->custom)
		json_raw(o, STR("{\"type\":\"object\",\"properties\":{"
		    "\"input\":{\"type\":\"string\"}},"
		    "\"required\":[\"input\"]}"));
	else
		json_raw(o, t->schema.n > 0 ? t->schema :
		    STR("{\"type\":\"object\",\"properties\":{}}"));
	if (!t->custom)
		put_tri(o, "strict", t->strict);
	json_close(o, '}');
	json_close(o, '}');
}

static void
put_choice(const struct neutral *q, struct json_out *o)
{
	static const char *const modes[] = { "", "auto", "none", "required" };

	if (q->choice == CHOICE_UNSET)
		return;
	json_key(o, "tool_choice");
	if (q->choice != CHOICE_TOOL) {
		json_str(o, str_of(modes[q->choice]));
		return;
	}
	type_open(o, "function");
	json_key(o, "function");
	json_open(o, '{');
	put_member(o, "name", q->wire_choice);
	json_close(o, '}');
	json_close(o, '}');
}

/* Servers refuse an empty list, and choices without one. */
static void
put_tools(const struct neutral *q, struct json_out *o)
{
	const struct tool *t = q->tools;

	while (t != NULL && t->dropped)
		t = t->next;
	if (t == NULL)
		return;
	json_key(o, "tools");
	json_open(o, '[');
	for (; t != NULL; t = t->next)
		if (!t->dropped)
			put_tool(o, t);
	json_close(o, ']');
	put_choice(q, o);
	put_tri(o, "parallel_tool_calls", q->parallel);
}

static void
put_format(const struct neutral *q, struct json_out *o)
{
	if (q->output == OUTPUT_TEXT)
		return;
	json_key(o, "response_format");
	if (q->output == OUTPUT_JSON) {
		type_open(o, "json_object");
		json_close(o, '}');
		return;
	}
	type_open(o, "json_schema");
	json_key(o, "json_schema");
	json_open(o, '{');
	put_member(o, "name", q->schema_name.n > 0 ? q->schema_name :
	    STR("answer"));
	if (q->schema_description.n > 0)
		put_member(o, "description", q->schema_description);
	json_key(o, "schema");
	json_raw(o, q->schema);
	put_tri(o, "strict", q->schema_strict);
	json_close(o, '}');
	json_close(o, '}');
}

static void
put_limits(const struct neutral *q, struct json_out *o)
{
	const struct text_list *s;

	if (q->wire_max > 0)
		put_count(o, "max_tokens", q->wire_max);
	put_number(o, "temperature", q->temperature);
	put_number(o, "top_p", q->top_p);
	if (q->stop != NULL) {
		json_key(o, "stop");
		json_open(o, '[');
		for (s = q->stop; s != NULL; s = s->next)
			json_text(o, s->text);
		json_close(o, ']');
	}
	if (q->wire_effort != EFFORT_UNSET) {
		json_key(o, "reasoning_effort");
		json_str(o, str_of(effort_name(q->wire_effort)));
	}
	if (q->user.n > 0)
		put_member(o, "user", q->user);
}

void
chat_write(const struct neutral *q, struct json_out *o)
{
	json_open(o, '{');
	put_member(o, "model", q->wire_model);
	put_messages(q, o);
	put_tools(q, o);
	put_format(q, o);
	put_limits(q, o);
	/* Always streamed, so that silence is seen and a cut is told from an
	 * end; usage comes only when asked for. */
	json_key(o, "stream");
	json_bool(o, true);
	json_key(o, "stream_options");
	json_open(o, '{');
	json_key(o, "include_usage");
	json_bool(o, true);
	json_close(o, '}');
	json_close(o, '}');
}
