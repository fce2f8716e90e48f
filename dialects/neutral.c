/* SPDX-License-Identifier: MIT */
/*
 * neutral: what translation needs of no single dialect. It sends each question
 * to the dialect's file, and holds what those have in common: the lists of
 * turns, parts and tools, the report of what was lost, texts between escaped
 * and plain, names and ids that the target takes, and the count of tokens.
 *
 * Deliberately not here: field names of any dialect, opaque reasoning (seal.c),
 * a provider's errors (neutral_error.c).
 *
 * Limits: the arena's max for all that a request needs; LOSS_MAX bytes of the
 * loss report.
 */
#include "ops.h"

#include <string.h>

#define LOSS_MAX 1024 /* then "..." (docs/design.md 6) */
#define MESSAGE_MAX 1024
#define NAME_TAIL 9 /* "_" and 8 hex digits */

/* The estimate of input tokens: rather too high, since a client that compacts
 * too late loses its conversation. */
#define TEXT_BYTES 3     /* a token; plain English has 4, code about 3 */
#define TURN_TOKENS 4
#define TOOL_TOKENS 12
#define IMAGE_TOKENS 1600
#define DOCUMENT_BYTES 20 /* base64 of a PDF: about 2,000 tokens a page */

/* ---- memory and refusals ---- */

int
neutral_no_memory(struct neutral *q, struct failure *f)
{
	q->bad = true;
	*f = (struct failure){ .status = 503, .code = "overloaded",
		.message = STR("no memory is free for the translation of the "
		    "request") };
	return -1;
}

int
neutral_refuse(struct neutral *q, struct failure *f, const char *code,
    const char *param, const char *fmt, ...)
{
	char text[MESSAGE_MAX];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = vfmt_to(text, sizeof(text), fmt, ap);
	va_end(ap);
	*f = (struct failure){ .status = 400, .code = code,
		.message = arena_dup(q->a, (struct str){ text, n }) };
	if (param != NULL) /* callers build it on their stack */
		f->param = arena_dup(q->a, str_of(param));
	return f->message.p == NULL || (param != NULL && f->param.p == NULL) ?
	    neutral_no_memory(q, f) : -1;
}

/* n zeroed bytes of the arena; NULL and q->bad. */
static void *
room(struct neutral *q, size_t n)
{
	void *p = arena_alloc(q->a, n);

	if (p == NULL)
		q->bad = true;
	else
		memset(p, 0, n);
	return p;
}

/* ---- the three steps ---- */

int
neutral_read(struct neutral *q, struct failure *f)
{
	struct neutral fresh = { .from = q->from, .body = q->body,
		.root = q->root, .a = q->a, .loss.list = q->loss.list };

	*q = fresh;
	q->loss.list.max = LOSS_MAX + 16;
	buf_clear(&q->loss.list);
	if (ops_of(q->from)->read(q, f) < 0)
		return -1;
	return q->bad ? neutral_no_memory(q, f) : 0;
}

int
neutral_fit(struct neutral *q, const struct target *to, struct failure *f)
{
	q->to = *to;
	q->wire_model = text_escaped(q, to->model);
	if (q->bad)
		return neutral_no_memory(q, f);
	if (ops_of(to->d)->fit(q, f) < 0)
		return -1;
	return q->bad ? neutral_no_memory(q, f) : 0;
}

void
neutral_write(const struct neutral *q, struct json_out *o)
{
	ops_of(q->to.d)->write(q, o);
}

void
neutral_free(struct neutral *q)
{
	buf_free(&q->loss.list);
}

/* ---- lists ---- */

struct turn *
neutral_turn(struct neutral *q, enum role role, unsigned item)
{
	struct turn *t = room(q, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->role = role;
	t->at = (struct at){ item, AT_NONE, AT_NONE };
	if (q->last_turn == NULL)
		q->turns = t;
	else
		q->last_turn->next = t;
	q->last_turn = t;
	return t;
}

struct part *
neutral_part(struct neutral *q, struct part **list, enum part_kind kind,
    struct at at)
{
	struct part *p = room(q, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->kind = kind;
	p->at = at;
	while (*list != NULL)
		list = &(*list)->next;
	*list = p;
	return p;
}

struct tool *
neutral_tool(struct neutral *q, unsigned index)
{
	struct tool *t = room(q, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->at = (struct at){ index, AT_NONE, AT_NONE };
	if (q->last_tool == NULL)
		q->tools = t;
	else
		q->last_tool->next = t;
	q->last_tool = t;
	return t;
}

/* ---- what was lost ---- */

static void
lose(struct neutral *q, struct str pointer)
{
	struct buf *b = &q->loss.list;
	size_t i;

	if (b->max == 0) /* read did not come by here */
		b->max = LOSS_MAX + 16;
	q->loss.n++;
	if (str_ends(buf_str(b), STR("...")))
		return;
	if (b->len > 0)
		buf_addz(b, ", ");
	if (b->len + pointer.n > LOSS_MAX) {
		buf_addz(b, "...");
		return;
	}
	/* It becomes a field of HTTP: names of members may hold anything. */
	for (i = 0; i < pointer.n; i++)
		buf_addc(b, pointer.p[i] > ' ' && pointer.p[i] <= '~' &&
		    pointer.p[i] != ',' ? pointer.p[i] : '?');
}

void
loss_add(struct neutral *q, const char *pointer)
{
	lose(q, str_of(pointer));
}

void
loss_at(struct neutral *q, struct at at)
{
	struct buf b;

	buf_init(&b, LOSS_MAX);
	ops_of(q->from)->pointer(at, &b);
	lose(q, buf_str(&b));
	buf_free(&b);
}

void
loss_tool(struct neutral *q, const struct tool *t)
{
	char text[64];
	size_t n;

	n = fmt_to(text, sizeof(text), t->at.part == AT_NONE ?
	    "/tools/%u" : "/tools/%u/tools/%u", t->at.item, t->at.part);
	lose(q, (struct str){ text, n });
}

struct str
neutral_lost(const struct neutral *q)
{
	return q->loss.n == 0 ? (struct str){ NULL, 0 } :
	    q->loss.list.bad ? STR("...") : buf_str(&q->loss.list);
}

/* ---- texts ---- */

struct str
text_of(struct json_value v)
{
	return v.type == JSON_STRING ? v.text : (struct str){ NULL, 0 };
}

bool
data_url(struct str text, struct str *media, struct str *data)
{
	struct str head = str_sub(text, 0, 256);
	ssize_t comma = str_chr(head, ',');

	if (!str_ieq(str_sub(text, 0, 5), STR("data:")) || comma < 0)
		return false;
	head = str_sub(text, 5, (size_t)comma - 5);
	if (!str_ends(head, STR(";base64")))
		return false;
	*data = str_sub(text, (size_t)comma + 1, text.n);
	return str_cut(&head, ';', media);
}

/* What b holds, moved into the arena. */
static struct str
settle(struct neutral *q, struct buf *b)
{
	struct str s = { NULL, 0 };

	if (!b->bad)
		s = arena_dup(q->a, b->len > 0 ? buf_str(b) : STR(""));
	buf_free(b);
	if (s.p == NULL)
		q->bad = true;
	return s;
}

struct str
text_decoded(struct neutral *q, struct str text)
{
	struct buf b;

	if (text.p == NULL || str_chr(text, '\\') < 0)
		return text;
	buf_init(&b, text.n + 16);
	json_decode(text, &b);
	return settle(q, &b);
}

struct str
text_escaped(struct neutral *q, struct str plain)
{
	struct buf b;

	buf_init(&b, 6 * plain.n + 16);
	json_escape(&b, plain);
	return settle(q, &b);
}

struct str
text_object(struct neutral *q, struct str text)
{
	struct str plain = text_decoded(q, text);

	if (plain.n == 0 || json_check(plain, NULL) < 0 ||
	    json_root(plain).type != JSON_OBJECT)
		return (struct str){ NULL, 0 };
	return json_root(plain).raw;
}

bool
text_blank(struct str text)
{
	size_t i;

	for (i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '\\' && i + 1 < text.n &&
		    memchr("ntrf", text.p[i + 1], 4) != NULL)
			i++;
		else if (c != ' ')
			return false;
	}
	return true;
}

/* ---- names and ids ---- */

static bool
is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* 32 bits of FNV-1a: a short mark of a name, no protection of anything. */
static unsigned
mark_of(struct str s)
{
	uint32_t h = 2166136261u;
	size_t i;

	for (i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 16777619u;
	return h;
}

/* Is it taken as it is? */
static bool
is_legal(struct str name, size_t max)
{
	size_t i;

	for (i = 0; i < name.n && is_plain(name.p[i]); i++)
		continue;
	return i == name.n && name.n > 0 && name.n <= max;
}

/*
 * name with "_" for every byte that is not allowed. marked, or over max: cut,
 * with a mark of the whole name behind it.
 */
static struct str
legal(struct neutral *q, struct str name, size_t max, bool marked)
{
	struct str plain = text_decoded(q, name);
	size_t i, n = plain.n;
	struct buf b;

	buf_init(&b, n + 64);
	marked = marked || n > max || n == 0;
	if (marked && n > max - NAME_TAIL)
		n = max - NAME_TAIL;
	for (i = 0; i < n; i++)
		buf_addc(&b, is_plain(plain.p[i]) ? plain.p[i] : '_');
	if (marked)
		buf_fmt(&b, "%s_%08x", n == 0 ? "x" : "", mark_of(plain));
	return settle(q, &b);
}

/* A tool's name with its namespace. */
static struct str
full_name(struct neutral *q, struct str namespace, struct str name)
{
	struct buf b;

	if (namespace.n == 0)
		return name;
	buf_init(&b, namespace.n + name.n + 16);
	buf_adds(&b, namespace);
	buf_addz(&b, "__");
	buf_adds(&b, name);
	return settle(q, &b);
}

static struct tool *
tool_called(const struct neutral *q, struct str name, struct str namespace)
{
	struct tool *t;

	for (t = q->tools; t != NULL; t = t->next)
		if (t->hosted.n == 0 && str_eq(t->name, name) &&
		    str_eq(t->namespace, namespace))
			break;
	return t;
}

static bool
is_taken(const struct neutral *q, struct str wire)
{
	const struct tool *t;

	for (t = q->tools; t != NULL && !str_eq(t->wire_name, wire);)
		t = t->next;
	return t != NULL;
}

/* Tools get their names in two rounds, so that one which needs no change never
 * loses its name to one that does. */
static void
name_tools(struct neutral *q, size_t max, bool as_it_is)
{
	struct tool *t, *first;
	struct str full, wire;

	for (t = q->tools; t != NULL && !q->bad; t = t->next) {
		if (t->hosted.n > 0 || t->dropped || t->wire_name.n > 0)
			continue;
		full = full_name(q, t->namespace, t->name);
		if (is_legal(full, max) != as_it_is)
			continue;
		first = tool_called(q, t->name, t->namespace);
		if (first != t && !first->dropped) {
			t->dropped = true; /* no API takes it twice */
			loss_tool(q, t);
			continue;
		}
		if (!as_it_is) {
			wire = legal(q, full, max, false);
			full = is_taken(q, wire) ?
			    legal(q, full, max, true) : wire;
		}
		t->wire_name = full;
	}
}

static struct str
wire_name_of(struct neutral *q, struct str name, struct str namespace,
    size_t max)
{
	const struct tool *t = tool_called(q, name, namespace);
	struct str full;

	if (t != NULL && t->wire_name.n > 0)
		return t->wire_name;
	full = full_name(q, namespace, name);
	return is_legal(full, max) ? full : legal(q, full, max, false);
}

int
neutral_names(struct neutral *q, size_t max)
{
	struct turn *t;
	struct part *p;

	name_tools(q, max, true);
	name_tools(q, max, false);
	for (t = q->turns; t != NULL && !q->bad; t = t->next)
		for (p = t->parts; p != NULL; p = p->next)
			if (p->kind == PART_CALL)
				p->wire_name = wire_name_of(q, p->name,
				    p->namespace, max);
	if (q->choice == CHOICE_TOOL)
		q->wire_choice = wire_name_of(q, q->choice_name,
		    q->choice_namespace, max);
	return q->bad ? -1 : 0;
}

/* The calls met so far, by their id: the last one of each, and how many. */
struct calls {
	struct call {
		struct part *part;
		unsigned n;
	} *slot;
	size_t mask;
};

/* Room for all calls of q. -1: q->bad. */
static int
calls_begin(struct neutral *q, struct calls *c)
{
	const struct turn *t;
	const struct part *p;
	size_t n = 8;

	for (t = q->turns; t != NULL; t = t->next)
		for (p = t->parts; p != NULL; p = p->next)
			n += p->kind == PART_CALL ? 2 : 0;
	c->mask = 15;
	while (c->mask < n)
		c->mask = 2 * c->mask + 1;
	c->slot = room(q, (c->mask + 1) * sizeof(*c->slot));
	return c->slot == NULL ? -1 : 0;
}

static struct call *
calls_at(const struct calls *c, struct str id)
{
	size_t i;

	for (i = mark_of(id) & c->mask; c->slot[i].part != NULL &&
	    !str_eq(c->slot[i].part->id, id); i = (i + 1) & c->mask)
		continue;
	return &c->slot[i];
}

/* An id that came before (some servers count from 0 in every answer) gets a
 * number: Anthropic wants them unique. */
static struct str
wire_id_of(struct neutral *q, struct str id, unsigned n, size_t max)
{
	struct buf b;

	if (n > 0) {
		buf_init(&b, id.n + 32);
		buf_adds(&b, id);
		buf_fmt(&b, "_%u", n);
		id = settle(q, &b);
	}
	return is_legal(id, max) ? id : legal(q, id, max, true);
}

int
neutral_ids(struct neutral *q, size_t max)
{
	struct calls c;
	struct turn *t;
	struct part *p;

	if (calls_begin(q, &c) < 0)
		return -1;
	for (t = q->turns; t != NULL; t = t->next)
		for (p = t->parts; p != NULL && !q->bad; p = p->next) {
			struct call *call;

			if (p->kind != PART_CALL && p->kind != PART_RESULT)
				continue;
			call = calls_at(&c, p->id);
			if (p->kind == PART_RESULT && call->part != NULL) {
				p->wire_id = call->part->wire_id;
				continue;
			}
			p->wire_id = wire_id_of(q, p->id, call->n, max);
			if (p->kind == PART_CALL)
				*call = (struct call){ p, call->n + 1 };
		}
	return q->bad ? -1 : 0;
}

void
neutral_orphans(struct neutral *q)
{
	struct calls c;
	struct turn *t;
	struct part *p;

	if (calls_begin(q, &c) < 0)
		return;
	for (t = q->turns; t != NULL; t = t->next)
		for (p = t->parts; p != NULL; p = p->next)
			if (p->kind == PART_CALL)
				calls_at(&c, p->id)->part = p;
			else if (p->kind == PART_RESULT)
				p->orphan = calls_at(&c, p->id)->part == NULL;
}

void
neutral_name_back(const struct neutral *q, struct str wire,
    struct event *ev)
{
	const struct tool *t = q == NULL ? NULL : q->tools;

	ev->name = wire;
	ev->namespace = (struct str){ NULL, 0 };
	while (t != NULL && !str_eq(t->wire_name, wire))
		t = t->next;
	if (t == NULL || wire.n == 0)
		return;
	ev->name = t->name;
	ev->namespace = t->namespace;
	ev->kind = t->custom ? BLOCK_CUSTOM : BLOCK_TOOL;
}

/* ---- the estimate ---- */

struct sum {
	uint64_t bytes, tokens;
};

static void
count_part(struct sum *s, const struct part *p)
{
	s->bytes += p->text.n + p->raw.n + p->name.n + p->filename.n;
	if (p->kind == PART_IMAGE)
		s->tokens += IMAGE_TOKENS;
	else if (p->kind == PART_DOCUMENT && p->plain)
		s->bytes += p->data.n;
	else if (p->kind == PART_DOCUMENT)
		s->tokens += IMAGE_TOKENS + p->data.n / DOCUMENT_BYTES;
}

uint64_t
neutral_estimate(const struct neutral *q)
{
	struct sum s = { q->schema.n, 0 };
	const struct turn *turn;
	const struct part *p, *inner;
	const struct tool *t;

	for (turn = q->turns; turn != NULL; turn = turn->next) {
		s.tokens += TURN_TOKENS;
		for (p = turn->parts; p != NULL; p = p->next) {
			count_part(&s, p);
			for (inner = p->parts; inner != NULL;
			    inner = inner->next)
				count_part(&s, inner);
		}
	}
	for (t = q->tools; t != NULL; t = t->next) {
		s.tokens += TOOL_TOKENS;
		s.bytes += t->name.n + t->description.n + t->schema.n +
		    t->format.n + t->hosted.n;
	}
	return s.tokens + (s.bytes + TEXT_BYTES - 1) / TEXT_BYTES;
}

/* ---- reading an answer ---- */

int
reader_init(struct reader *r, enum dialect d, const struct neutral *q,
    size_t max, int (*emit)(void *, const struct event *), void *arg)
{
	*r = (struct reader){ .d = d, .q = q, .max = max, .emit = emit,
		.arg = arg };
	r->own = mem_calloc(ops_of(d)->reader_size);
	return r->own == NULL ? -1 : 0;
}

int
reader_event(struct reader *r, struct str name, struct str data)
{
	if (r->bad)
		return -1;
	if (r->done || data.n == 0)
		return 0;
	return ops_of(r->d)->feed(r, name, data) < 0 || r->bad ? -1 : 0;
}

int
reader_end(struct reader *r)
{
	if (r->bad)
		return -1;
	return ops_of(r->d)->finish(r) < 0 || r->bad ? -1 : 0;
}

int
reader_answer(struct reader *r, struct str body)
{
	struct json_value root;

	if (r->bad || json_check(body, NULL) < 0)
		return -1;
	root = json_root(body);
	if (root.type != JSON_OBJECT)
		return -1;
	return ops_of(r->d)->whole(r, root) < 0 || r->bad ? -1 : 0;
}

void
reader_free(struct reader *r)
{
	if (r->own != NULL)
		ops_of(r->d)->drop(r);
	mem_free(r->own);
	r->own = NULL;
}
