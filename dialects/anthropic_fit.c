/* SPDX-License-Identifier: MIT */
/*
 * anthropic_fit: makes a neutral request one that Anthropic Messages takes
 * (version 2023-06-01; protocols/anthropic.md 2.4 and 5, openai.md 6).
 * anthropic_write.c writes it.
 *
 * Brings the turns into the order that the API demands: all system and
 * developer text in `system`, then user and assistant in turn, a user first;
 * the results of a turn's calls at the beginning of the next turn, each once,
 * and none missing. A result without its call becomes text. Blank text is left
 * out, and the white space that ends the last assistant text.
 *
 * Thinking of earlier turns goes back only to the model that made it, and
 * never alone at a turn's end. Effort is output_config.effort with adaptive
 * thinking, a budget of tokens with older models. A forced tool choice and
 * thinking exclude each other: thinking is switched off, or the choice is auto
 * where it cannot be. So does, with older models, a last call without its
 * thinking.
 *
 * Dropped with a report: foreign reasoning, hosted tools but web search, what
 * tunes and is not taken. In silence: an image's detail, a phase, the name of
 * a schema, prompt_cache_key (the marks do its work), and strict of tools: the
 * two makers' subsets of JSON Schema differ. 400: foreign file ids, documents
 * of other types than PDF and text.
 */
#include "anthropic.h"

#define NAME_MAX_LEN 128 /* of a tool: ^[a-zA-Z0-9_-]{1,128}$ */
#define USER_MAX 256     /* of metadata.user_id */
#define BUDGET_MIN 1024  /* of thinking, and of what is left for the rest */
#define DEFAULT_MAX 32000 /* max_tokens of a model that nobody knows */

/* ---- what is lost ---- */

enum lost { LOST_EFFORT, LOST_LIMIT, LOST_USER, LOST_VERBOSITY, LOST_STOP };

/* Their names in chat, Responses, Messages. */
static const char *const lost_names[][3] = {
	{ "/reasoning_effort", "/reasoning/effort", "/thinking" },
	{ "/max_completion_tokens", "/max_output_tokens", "/max_tokens" },
	{ "/user", "/user", "/metadata/user_id" },
	{ "/verbosity", "/text/verbosity", "" },
	{ "/stop", "", "/stop_sequences" },
};

static void
lose(struct neutral *q, enum lost what)
{
	loss_add(q, lost_names[what][q->from]);
}

static void
lose_part(struct neutral *q, struct part *p)
{
	p->dropped = true;
	loss_at(q, p->at);
}

/* ---- fit: parts ---- */

static bool
is_media(const struct part *p)
{
	return p->kind == PART_IMAGE || p->kind == PART_DOCUMENT;
}

/* Text in base64 as text. -1: it is none. */
static int
unpack_text(struct neutral *q, struct part *p)
{
	struct str data = text_decoded(q, p->data);
	struct buf b;
	int bad;

	buf_init(&b, data.n + 16);
	bad = buf_add_unb64(&b, data);
	if (bad == 0 && !b.bad) {
		p->data = text_escaped(q, buf_str(&b));
		p->plain = true;
	}
	q->bad = q->bad || b.bad;
	buf_free(&b);
	return bad;
}

/* Images and PDFs go as they are; data without a type is taken for a PDF. */
static int
fit_media(struct neutral *q, struct part *p, struct failure *f)
{
	if (p->file_id.n > 0)
		return neutral_refuse(q, f, "unsupported_value", "file_id",
		    "file_id: the id of another provider's file; send the "
		    "file itself");
	if (p->url.n > 0 || p->plain)
		return 0;
	if (str_ieq(p->media, STR("image/jpg")))
		p->media = STR("image/jpeg");
	if (p->kind == PART_IMAGE)
		return 0;
	if (p->media.n == 0)
		p->media = STR("application/pdf");
	if (str_ieq(p->media, STR("application/pdf")) ||
	    ((str_starts(p->media, STR("text/")) ||
	    str_ieq(p->media, STR("application/json"))) &&
	    unpack_text(q, p) == 0))
		return 0;
	return neutral_refuse(q, f, "unsupported_value", "file_data",
	    "file_data: this model reads PDF and text only");
}

/* Thinking that this very model made, as it made it. */
static bool
is_own_thinking(struct neutral *q, struct part *p)
{
	struct seal *s = &p->seal;

	if (s->maker != SEAL_ANTHROPIC ||
	    (s->wrapped && !str_eq(s->tag, q->to.tag)))
		return false;
	if (str_starts(s->text, STR(REDACTED))) {
		p->redacted = true;
		s->text = str_sub(s->text, sizeof(REDACTED) - 1, s->text.n);
	} else if (s->wrapped) {
		p->redacted = false;
	}
	return true;
}

static int
fit_part(struct neutral *q, enum role role, struct part *p, struct failure *f)
{
	switch (p->kind) {
	case PART_TEXT:
	case PART_REFUSAL:
		p->dropped = text_blank(p->text);
		break;
	case PART_REASONING:
		if (!is_own_thinking(q, p))
			lose_part(q, p);
		break;
	case PART_CALL:
		if (!p->custom && p->raw.n == 0)
			p->raw = text_object(q, p->text);
		if (json_root(p->raw).type != JSON_OBJECT)
			p->raw = STR("{}");
		break;
	default:
		if (is_media(p) && role != ROLE_USER)
			lose_part(q, p);
		else if (is_media(p))
			return fit_media(q, p, f);
	}
	return 0;
}

static int
fit_parts(struct neutral *q, struct failure *f)
{
	struct part *p, *inner;
	struct turn *t;

	for (t = q->turns; t != NULL; t = t->next)
		for (p = t->parts; p != NULL; p = p->next) {
			if (fit_part(q, t->role, p, f) < 0)
				return -1;
			for (inner = p->parts; inner != NULL;
			    inner = inner->next)
				if (fit_part(q, ROLE_USER, inner, f) < 0)
					return -1;
		}
	return 0;
}

/* ---- fit: turns ---- */

/* Append what is not dropped to *end; gives the new end. */
static struct part **
move_parts(struct part *list, struct part **end)
{
	for (; list != NULL; list = list->next)
		if (!list->dropped) {
			*end = list;
			end = &list->next;
		}
	*end = NULL;
	return end;
}

/* A turn of one text part, at the end of the list. */
static struct turn *
add_line(struct neutral *q, enum role role, struct str text)
{
	struct turn *t = neutral_turn(q, role, AT_NONE);
	struct part *p = t == NULL ? NULL :
	    neutral_part(q, &t->parts, PART_TEXT, t->at);

	if (p != NULL)
		p->text = text;
	return t;
}

/*
 * Rebuild the list: one system turn (if there is system text), then user and
 * assistant in turn. Turns without parts vanish.
 */
static void
regroup(struct neutral *q)
{
	struct turn *t = q->turns, *next, *now = NULL, *sys = NULL, *to;
	struct turn *first = NULL;
	struct part **end = NULL, **sys_end = NULL, **tail;

	q->turns = q->last_turn = NULL;
	for (; t != NULL; t = next) {
		next = t->next;
		t->next = NULL;
		tail = move_parts(t->parts, &t->parts);
		if (t->parts == NULL)
			continue;
		if (t->role == ROLE_DEVELOPER)
			t->role = ROLE_SYSTEM;
		to = t->role == ROLE_SYSTEM ? sys :
		    now != NULL && now->role == t->role ? now : NULL;
		if (to != NULL)
			*(to == sys ? sys_end : end) = t->parts;
		else if (t->role == ROLE_SYSTEM)
			sys = t;
		else
			now = now == NULL ? (first = t) : (now->next = t);
		*(t->role == ROLE_SYSTEM ? &sys_end : &end) = tail;
	}
	if (sys != NULL)
		sys->next = first;
	q->turns = sys != NULL ? sys : first;
	q->last_turn = now != NULL ? now : sys;
}

/* The first turn that is no system text. */
static struct turn *
first_turn(const struct neutral *q)
{
	return q->turns != NULL && q->turns->role == ROLE_SYSTEM ?
	    q->turns->next : q->turns;
}

/* The API wants a user turn first, even if it says nothing. */
static void
begin_with_user(struct neutral *q)
{
	struct turn *first = first_turn(q), *last = q->last_turn, *t;

	if (first != NULL && first->role == ROLE_USER)
		return;
	t = add_line(q, ROLE_USER, STR("."));
	if (t == NULL || first == NULL)
		return;
	last->next = NULL;
	q->last_turn = last;
	t->next = first;
	if (q->turns == first)
		q->turns = t;
	else
		q->turns->next = t;
}

/* An assistant turn must not end with thinking. False: nothing to cut. */
static bool
cut_last_thinking(struct turn *t)
{
	struct part *p, *from = NULL;

	if (t->role != ROLE_ASSISTANT)
		return false;
	for (p = t->parts; p != NULL; p = p->next)
		if (p->kind != PART_REASONING)
			from = NULL;
		else if (from == NULL)
			from = p;
	for (p = from; p != NULL; p = p->next)
		p->dropped = true;
	return from != NULL;
}

/* The call of t that p answers, if none did before. hint: where to look
 * first, behind the call found last. */
static struct part *
find_call(struct turn *t, struct part *hint, struct str id)
{
	struct part *p = hint == NULL ? t->parts : hint, *stop = p;

	if (p == NULL)
		return NULL;
	do {
		if (p->kind == PART_CALL && p->orphan &&
		    str_eq(p->wire_id, id))
			return p;
		p = p->next == NULL ? t->parts : p->next;
	} while (p != stop);
	return NULL;
}

/*
 * The results of asked's calls to the front of t; others become text in their
 * place. A call that was never answered (the user broke in) gets a result that
 * says so.
 */
static void
place_results(struct neutral *q, struct turn *asked, struct turn *t)
{
	struct part *others = NULL, **end = &others, *results = NULL;
	struct part **last = &results, *p, *next, *call, *hint = NULL;

	for (p = asked->parts; p != NULL; p = p->next)
		p->orphan = p->kind == PART_CALL;
	for (p = t->parts; p != NULL; p = next) {
		next = p->next;
		p->next = NULL;
		call = p->kind != PART_RESULT ? NULL :
		    find_call(asked, hint, p->wire_id);
		if (call != NULL) {
			call->orphan = false;
			hint = call->next;
			last = move_parts(p, last);
		} else {
			end = move_parts(p->kind == PART_RESULT ? p->parts :
			    p, end);
		}
	}
	for (call = asked->parts; call != NULL; call = call->next) {
		if (!call->orphan)
			continue;
		p = neutral_part(q, last, PART_RESULT, call->at);
		if (p == NULL)
			return;
		p->wire_id = call->wire_id;
		p->error = true;
		last = &p->next;
		p = neutral_part(q, &p->parts, PART_TEXT, call->at);
		if (p != NULL)
			p->text = STR("no result");
	}
	*last = others;
	t->parts = results;
}

/* Is the last byte of s, which stands for white space, an escape? */
static bool
ends_escaped(struct str s)
{
	size_t n = s.n - 1;

	while (n > 0 && s.p[n - 1] == '\\')
		n--;
	return (s.n - 1 - n) % 2 == 1;
}

/* "final assistant content cannot end with trailing whitespace" */
static void
cut_last_space(struct turn *t)
{
	struct part *p = t->parts;
	char c;

	if (t->role != ROLE_ASSISTANT)
		return;
	while (p->next != NULL)
		p = p->next;
	while (p->kind == PART_TEXT && p->text.n > 1) {
		c = p->text.p[p->text.n - 1];
		if (c == ' ')
			p->text.n--;
		else if ((c == 'n' || c == 't' || c == 'r') &&
		    ends_escaped(p->text))
			p->text.n -= 2;
		else
			break;
	}
}

/* Bring the turns into the order of the API. */
static void
fit_turns(struct neutral *q)
{
	struct turn *t, *nobody = &(struct turn){ .parts = NULL };
	struct turn *before = nobody;
	bool again = false;

	if (q->output == OUTPUT_JSON)
		add_line(q, ROLE_SYSTEM, STR("Answer with one valid JSON "
		    "object and nothing else."));
	regroup(q);
	for (t = q->turns; t != NULL; t = t->next)
		if (cut_last_thinking(t))
			again = true;
	if (again)
		regroup(q);
	begin_with_user(q);
	for (t = first_turn(q); t != NULL; t = t->next) {
		if (t->role == ROLE_USER)
			place_results(q, before, t);
		before = t->role == ROLE_USER ? nobody : t;
	}
	/* A result without content or call may have been all of a turn. */
	for (t = first_turn(q); t != NULL && !q->bad; t = t->next)
		if (t->parts == NULL) {
			struct part *p = neutral_part(q, &t->parts,
			    PART_TEXT, t->at);

			if (p != NULL)
				p->text = STR(".");
		}
	if (!q->bad)
		cut_last_space(q->last_turn);
}

/* ---- fit: tools ---- */

static bool
is_wire_name(const struct neutral *q, struct str name)
{
	const struct tool *t;

	for (t = q->tools; t != NULL; t = t->next)
		if (!t->dropped && str_eq(t->wire_name, name))
			return true;
	return false;
}

static const struct part *
first_call(const struct neutral *q)
{
	const struct turn *t;
	const struct part *p;

	for (t = q->turns; t != NULL; t = t->next)
		for (p = t->parts; p != NULL; p = p->next)
			if (p->kind == PART_CALL)
				return p;
	return NULL;
}

/* Calls without any tool are refused: one is named, and cannot be called. */
static void
name_called(struct neutral *q)
{
	const struct part *call = first_call(q);
	struct tool *t = call == NULL ? NULL : neutral_tool(q, AT_NONE);

	q->choice = t == NULL ? CHOICE_UNSET : CHOICE_NONE;
	if (t == NULL)
		return;
	t->name = t->wire_name = call->wire_name;
	t->custom = call->custom;
}

static int
fit_tools(struct neutral *q, struct failure *f)
{
	bool search = is_wire_name(q, STR("web_search")), some = false;
	struct tool *t;

	for (t = q->tools; t != NULL; t = t->next) {
		if (t->dropped)
			continue;
		if (t->hosted.n > 0 && (!t->web_search || search)) {
			t->dropped = true;
			loss_tool(q, t);
			continue;
		}
		if (t->hosted.n > 0) {
			t->wire_name = STR("web_search");
			search = true;
		}
		some = true;
	}
	if (q->choice == CHOICE_TOOL && !is_wire_name(q, q->wire_choice))
		return neutral_refuse(q, f, "invalid_value", "tool_choice",
		    "tool_choice: no such tool can be given to this model");
	if (!some) {
		if (q->choice == CHOICE_ANY)
			loss_add(q, "/tool_choice");
		name_called(q);
	}
	return 0;
}

/* ---- fit: limits, thinking, sampling ---- */

/* Has the last assistant turn a call before any thinking? Then an older model
 * with thinking on refuses the request. */
static bool
is_thoughtless(const struct neutral *q)
{
	const struct turn *t;
	const struct part *p;
	bool thought = false, called = false, later = false;

	for (t = q->turns; t != NULL; t = t->next) {
		if (t->role == ROLE_USER)
			later = true;
		if (t->role != ROLE_ASSISTANT)
			continue;
		if (later)
			called = thought = later = false;
		for (p = t->parts; p != NULL; p = p->next)
			if (p->kind == PART_REASONING && !p->dropped)
				thought = true;
			else if (p->kind == PART_CALL && !thought)
				called = true;
	}
	return called;
}

static void
lose_effort(struct neutral *q)
{
	if (q->to.effort == EFFORT_UNSET)
		lose(q, LOST_EFFORT);
	else
		loss_add(q, "/model");
}

static void
think_adaptive(struct neutral *q, enum effort e, bool forced)
{
	const struct model_caps *caps = q->to.caps;

	if (e == EFFORT_UNSET && q->budget > 0)
		e = budget_effort(q->budget);
	if (e != EFFORT_UNSET)
		e = caps_effort(caps, e);
	if (forced && (caps->efforts & 1u << EFFORT_NONE) == 0) {
		q->choice = CHOICE_AUTO;
		loss_add(q, "/tool_choice");
	} else if (forced) {
		if (e > EFFORT_NONE || q->adaptive)
			lose_effort(q);
		e = EFFORT_NONE;
	}
	q->wire_effort = e;
	q->adaptive = e > EFFORT_NONE || (q->adaptive && e != EFFORT_NONE);
}

/* Older models: off unless a budget is given, which is part of max_tokens. */
static void
think_budget(struct neutral *q, enum effort e, bool forced)
{
	uint64_t most = q->to.caps->max_output, n = q->budget;

	if (e != EFFORT_UNSET && (n == 0 || q->to.effort != EFFORT_UNSET))
		n = effort_budget(e);
	q->adaptive = false;
	if (n == 0)
		return;
	if (forced || is_thoughtless(q)) {
		lose_effort(q);
		return;
	}
	if (n < BUDGET_MIN)
		n = BUDGET_MIN;
	if (q->wire_max <= n)
		q->wire_max = n + BUDGET_MIN;
	if (most > 0 && q->wire_max > most) {
		q->wire_max = most;
		if (n > most - BUDGET_MIN)
			n = most - BUDGET_MIN;
	}
	q->wire_budget = n;
}

/* max_tokens, thinking, effort. */
static void
fit_thinking(struct neutral *q)
{
	bool forced = q->choice == CHOICE_ANY || q->choice == CHOICE_TOOL;
	enum effort e = q->to.effort != EFFORT_UNSET ? q->to.effort :
	    q->effort;
	uint64_t most = q->to.caps->max_output, given = q->max_tokens;
	struct part *p;
	struct turn *t;

	q->wire_max = given > 0 ? given : most > 0 ? most : DEFAULT_MAX;
	if (most > 0 && given > most) {
		q->wire_max = most;
		lose(q, LOST_LIMIT);
	}
	if (q->to.caps->adaptive)
		think_adaptive(q, e, forced);
	else
		think_budget(q, e, forced);
	if (q->wire_budget == 0 && (q->wire_effort == EFFORT_NONE ||
	    !q->to.caps->adaptive))
		for (t = q->turns; t != NULL; t = t->next)
			for (p = t->parts; p != NULL; p = p->next)
				if (p->kind == PART_REASONING)
					p->dropped = true;
}

/* Take a number that the model refuses away; 1 is what it does anyway. */
static void
drop_number(struct neutral *q, struct str *s, const char *pointer)
{
	if (s->n > 0 && !str_eq(*s, STR("1")) && !str_eq(*s, STR("1.0")))
		loss_add(q, pointer);
	*s = STR("");
}

/* Is this number of JSON over 1? With an exponent: not looked at. */
static bool
is_over_one(struct str s)
{
	struct str whole;
	size_t i = 0;

	if (s.n == 0 || s.p[0] == '-' || str_chr(s, 'e') >= 0 ||
	    str_chr(s, 'E') >= 0)
		return false;
	str_cut(&s, '.', &whole);
	if (!str_eq(whole, STR("1")))
		return whole.n > 1 || whole.p[0] > '1';
	while (i < s.n && s.p[i] == '0')
		i++;
	return i < s.n;
}

static void
fit_sampling(struct neutral *q)
{
	if (!q->to.caps->sampling || q->wire_budget > 0 || q->adaptive) {
		drop_number(q, &q->temperature, "/temperature");
		drop_number(q, &q->top_p, "/top_p");
		drop_number(q, &q->top_k, "/top_k");
		return;
	}
	/* OpenAI goes to 2. */
	if (is_over_one(q->temperature)) {
		q->temperature = STR("1");
		loss_add(q, "/temperature");
	}
	/* The 4.5 models refuse both together. */
	if (q->temperature.n > 0)
		drop_number(q, &q->top_p, "/top_p");
}

/* metadata.user_id must not tell who it is. */
static void
fit_rest(struct neutral *q)
{
	struct text_list **s = &q->stop;

	if (q->user.n > USER_MAX || str_chr(q->user, '@') >= 0) {
		q->user = STR("");
		lose(q, LOST_USER);
	}
	if (q->verbosity.n > 0)
		lose(q, LOST_VERBOSITY);
	if (str_eq(q->service_tier, STR("default"))) {
		q->service_tier = STR("standard_only");
	} else if (q->service_tier.n > 0 &&
	    !str_eq(q->service_tier, STR("auto"))) {
		q->service_tier = STR("");
		loss_add(q, "/service_tier");
	}
	while (*s != NULL)
		if (text_blank((*s)->text)) {
			*s = (*s)->next;
			lose(q, LOST_STOP);
		} else {
			s = &(*s)->next;
		}
}

int
messages_fit(struct neutral *q, struct failure *f)
{
	if (neutral_names(q, NAME_MAX_LEN) < 0 ||
	    neutral_ids(q, SIZE_MAX) < 0)
		return neutral_no_memory(q, f);
	if (fit_parts(q, f) < 0 || fit_tools(q, f) < 0)
		return -1;
	fit_thinking(q);
	fit_turns(q);
	fit_sampling(q);
	fit_rest(q);
	return q->bad ? neutral_no_memory(q, f) : 0;
}
