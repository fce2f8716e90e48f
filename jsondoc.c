/* SPDX-License-Identifier: MIT */
/*
 * jsondoc: what is done with a document that json_check has passed: find and
 * walk, compare and decode strings, and edit without touching other bytes.
 *
 * Everything here trusts the grammar (RFC 8259), which lets it skip fast, but
 * not the bounds: whatever the bytes are, none outside the slice is read.
 * Deliberately not here: a tree or an index. A walk skips what lies inside a
 * value each time; callers that need many members walk once.
 * Limits: none; no memory but the buf that json_decode is given and the array
 * of edits that the caller owns.
 */
#include "json.h"

#include <string.h>

static bool
is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool
is_digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}

/* ---- cursor ---- */

static const char *
skip_space(const char *p, const char *end)
{
	while (p < end && is_space(*p))
		p++;
	return p;
}

/* The closing quote of the string whose contents begin at p, or end: the first
 * quote with an even number of backslashes before it. */
static const char *
string_end(const char *p, const char *end)
{
	const char *from = p, *quote, *q;

	while ((quote = memchr(from, '"', (size_t)(end - from))) != NULL) {
		for (q = quote; q > p && q[-1] == '\\'; q--)
			;
		if ((quote - q) % 2 == 0)
			return quote;
		from = quote + 1;
	}
	return end;
}

/* Behind the bracket that closes the one at p, or end. Which kind it is does
 * not matter where brackets are known to match: with bit 5 set, each is a
 * brace, and '|' stands between the two. */
static const char *
bracket_end(const char *p, const char *end)
{
	int open = 0, c;

	for (; p < end; p++) {
		c = *p | 0x20;
		if (c != '"' && ((c - '{') & ~2) != 0)
			continue;
		if (c == '"') {
			p = string_end(p + 1, end);
			if (p == end)
				break;
		} else {
			open += '|' - c;
			if (open <= 0)
				return p + 1;
		}
	}
	return end;
}

static enum json_type
type_of(char c)
{
	switch (c) {
	case '{':
		return JSON_OBJECT;
	case '[':
		return JSON_ARRAY;
	case '"':
		return JSON_STRING;
	case 't':
		return JSON_TRUE;
	case 'f':
		return JSON_FALSE;
	case 'n':
		return JSON_NULL;
	default:
		return c == '-' || is_digit(c) ? JSON_NUMBER : JSON_NONE;
	}
}

/* The value that begins at p, or NONE. Field by field into *v: -Os copies and
 * clears whole structs in a way that is slow for so few bytes. */
static void
take_value(struct json_value *v, const char *p, const char *end)
{
	const char *q = p;

	v->type = p < end ? type_of(*p) : JSON_NONE;
	v->text.p = NULL;
	v->text.n = 0;
	v->escaped = false;
	switch (v->type) {
	case JSON_NONE:
		p = NULL;
		q = NULL;
		break;
	case JSON_OBJECT:
	case JSON_ARRAY:
		q = bracket_end(p, end);
		break;
	case JSON_STRING:
		q = string_end(p + 1, end);
		v->text.p = p + 1;
		v->text.n = (size_t)(q - p) - 1;
		v->escaped = memchr(p + 1, '\\', v->text.n) != NULL;
		q += q < end;
		break;
	default:
		while (q < end && (unsigned char)*q > ' ' && *q != ',' &&
		    (*q | 0x20) != '}')
			q++;
		break;
	}
	v->raw.p = p;
	v->raw.n = (size_t)(q - p);
	if (v->type == JSON_NUMBER)
		v->text = v->raw;
}

struct json_value
json_root(struct str doc)
{
	struct json_value v = { .type = JSON_NONE };
	const char *p, *end;

	if (doc.n == 0)
		return v;
	end = doc.p + doc.n;
	p = skip_space(doc.p, end);
	while (end > p && is_space(end[-1]))
		end--;
	if (p == end || (*p != '{' && *p != '[')) {
		take_value(&v, p, end);
		return v;
	}
	v.type = type_of(*p);
	v.raw = (struct str){ p, (size_t)(end - p) };
	return v;
}

void
json_walk(struct json_walk *w, struct json_value v)
{
	*w = (struct json_walk){ .index = SIZE_MAX };
	if ((v.type != JSON_OBJECT && v.type != JSON_ARRAY) || v.raw.n < 2)
		return;
	w->object = v.type == JSON_OBJECT;
	w->p = v.raw.p + 1;
	w->end = v.raw.p + v.raw.n - 1;
}

bool
json_step(struct json_walk *w)
{
	const char *p = w->p;
	bool found = true;

	while (p < w->end && (is_space(*p) || *p == ','))
		p++;
	if (w->object) {
		take_value(&w->key, p, w->end);
		found = w->key.type == JSON_STRING;
		w->key.type = JSON_KEY;
		p += w->key.raw.n;
		while (p < w->end && (is_space(*p) || *p == ':'))
			p++;
	}
	take_value(&w->value, found ? p : w->end, w->end);
	if (w->value.type == JSON_NONE) {
		w->key.type = JSON_NONE;
		w->p = w->end;
		return false;
	}
	w->p = w->value.raw.p + w->value.raw.n;
	w->index++;
	return true;
}

static struct json_value
get(struct json_value v, struct str name)
{
	struct json_walk w;

	json_walk(&w, v);
	while (w.object && json_step(&w))
		if (json_is(w.key, name))
			return w.value;
	return (struct json_value){ .type = JSON_NONE };
}

struct json_value
json_get(struct json_value v, const char *name)
{
	return get(v, str_of(name));
}

struct json_value
json_at(struct json_value v, const char *path)
{
	struct str rest = str_of(path), name;
	struct json_walk w;
	uint64_t n;

	while (rest.n > 0 && str_cut(&rest, '/', &name)) {
		if (v.type != JSON_ARRAY) {
			v = get(v, name);
			continue;
		}
		json_walk(&w, v);
		if (str_u64(name, &n) < 0)
			return (struct json_value){ .type = JSON_NONE };
		while (json_step(&w) && w.index < n)
			;
		v = w.value;
	}
	return v;
}

/* ---- strings and scalars ---- */

static int
hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The number in the escape backslash, u, four digits at p, or -1. */
static long
unicode_escape(const char *p, size_t n)
{
	long code = 0;
	size_t i;

	if (n < 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	for (i = 2; i < 6; i++) {
		if (hex_value(p[i]) < 0)
			return -1;
		code = code * 16 + hex_value(p[i]);
	}
	return code;
}

/* code (not a surrogate) as UTF-8; gives the length. */
static size_t
utf8_put(char out[4], long code)
{
	static const unsigned char mark[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	size_t i;

	for (i = len - 1; i > 0; i--) {
		out[i] = (char)(0x80 | (code & 0x3f));
		code >>= 6;
	}
	out[0] = (char)(len == 1 ? code : mark[len] | code);
	return len;
}

/*
 * What the escape at p, of n > 0 bytes, stands for, as UTF-8 in out, *len
 * bytes. Gives the number of bytes that were read: twelve for a surrogate
 * pair. A lone surrogate is U+FFFD, and so is what is no escape at all.
 */
static size_t
unescape(const char *p, size_t n, char out[4], size_t *len)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	long code = unicode_escape(p, n), low;
	const char *hit;

	if (code < 0) {
		hit = n < 2 ? NULL : memchr(from, p[1], sizeof(from) - 1);
		code = hit == NULL ? 0xfffd : to[hit - from];
		*len = utf8_put(out, code);
		return hit == NULL ? 1 : 2;
	}
	if (code >= 0xd800 && code < 0xdc00) {
		low = unicode_escape(p + 6, n - 6);
		if (low >= 0xdc00 && low < 0xe000) {
			code = 0x10000 + (code - 0xd800) * 0x400 + low - 0xdc00;
			*len = utf8_put(out, code);
			return 12;
		}
	}
	if (code >= 0xd800 && code < 0xe000)
		code = 0xfffd;
	*len = utf8_put(out, code);
	return 6;
}

bool
json_is(struct json_value v, struct str plain)
{
	size_t i = 0, at = 0, len;
	char out[4];

	if (v.type != JSON_STRING && v.type != JSON_KEY)
		return false;
	if (!v.escaped)
		return str_eq(v.text, plain);
	while (i < v.text.n) {
		len = 1;
		out[0] = v.text.p[i];
		if (out[0] == '\\')
			i += unescape(v.text.p + i, v.text.n - i, out, &len);
		else
			i++;
		if (plain.n - at < len || memcmp(plain.p + at, out, len) != 0)
			return false;
		at += len;
	}
	return at == plain.n;
}

void
json_decode(struct str text, struct buf *b)
{
	size_t i = 0, len;
	const char *hit;
	char out[4];

	while (i < text.n) {
		hit = memchr(text.p + i, '\\', text.n - i);
		len = hit == NULL ? text.n - i : (size_t)(hit - text.p) - i;
		buf_add(b, text.p + i, len);
		i += len;
		if (i == text.n)
			break;
		i += unescape(text.p + i, text.n - i, out, &len);
		buf_add(b, out, len);
	}
}

int
json_u64(struct json_value v, uint64_t *n)
{
	uint64_t got;

	if (v.type != JSON_NUMBER || str_u64(v.text, &got) < 0 ||
	    got > INT64_MAX)
		return -1;
	*n = got;
	return 0;
}

bool
json_true(struct json_value v)
{
	return v.type == JSON_TRUE;
}

/* ---- edit lists ---- */

/*
 * Commas. A drop takes the comma before its member; the first member that
 * stays has none before it, so dropping that one takes the comma behind. As
 * the list is looked at to see which members stay, drops may come in any order
 * and together with inserts. An inserted member brings its comma as an edit of
 * its own (that is why such an edit is known by its address), which is taken
 * back when the last old member goes.
 */
static const char comma[] = ",";

static size_t
offset_of(struct str doc, const char *p)
{
	return (size_t)(p - doc.p);
}

/* Can the list take n more? */
static bool
has_room(const struct json_edits *l, size_t n)
{
	return l->max - l->n >= n;
}

/* Puts an edit at its place. Among those at one offset it is the last, or with
 * front the first. (What is removed at an offset stands behind the inserts:
 * only the front of an object can have both.) */
static int
add_edit(struct json_edits *l, struct json_edit e, bool front)
{
	size_t i = l->n;

	while (i > 0 && (l->e[i - 1].off > e.off ||
	    (front && l->e[i - 1].off == e.off)))
		i--;
	if (!has_room(l, 1) ||
	    (i > 0 && l->e[i - 1].off + l->e[i - 1].del > e.off) ||
	    (i < l->n && e.off + e.del > l->e[i].off))
		return -1;
	memmove(l->e + i + 1, l->e + i, (l->n - i) * sizeof(*l->e));
	l->e[i] = e;
	l->n++;
	return 0;
}

/* The drop that covers the byte at off, or NULL. */
static const struct json_edit *
drop_at(const struct json_edits *l, size_t off)
{
	size_t i = l->n;

	while (i > 0 && l->e[i - 1].off > off)
		i--;
	if (i == 0 || l->e[i - 1].ins.n > 0 ||
	    off - l->e[i - 1].off >= l->e[i - 1].del)
		return NULL;
	return &l->e[i - 1];
}

/* From off on over white space and drops: the next byte that stays. */
static size_t
next_staying(const struct json_edits *l, struct str doc, size_t off,
    bool *jumped)
{
	const struct json_edit *drop;

	*jumped = false;
	for (;;) {
		drop = drop_at(l, off);
		if (drop != NULL) {
			off = drop->off + drop->del;
			*jumped = true;
		} else if (off < doc.n && is_space(doc.p[off])) {
			off++;
		} else {
			return off;
		}
	}
}

/* Where members are inserted: behind the opening bracket, and behind the last
 * value. Equal if obj is empty. */
static void
insert_places(struct str doc, struct json_value obj, size_t *front,
    size_t *back)
{
	*front = offset_of(doc, obj.raw.p) + 1;
	*back = *front + obj.raw.n - 2;
	while (*back > *front && is_space(doc.p[*back - 1]))
		--*back;
}

static bool
is_bracketed(struct json_value v)
{
	return (v.type == JSON_OBJECT || v.type == JSON_ARRAY) && v.raw.n >= 2;
}

int
json_edit_replace(struct json_edits *l, struct str doc, struct json_value v,
    struct str with)
{
	if (v.raw.n == 0 || with.n == 0)
		return -1;
	return add_edit(l, (struct json_edit){ offset_of(doc, v.raw.p), v.raw.n,
	    with }, false);
}

int
json_edit_insert(struct json_edits *l, struct str doc, struct json_value obj,
    bool first, struct str member)
{
	struct json_edit new = { .ins = member };
	struct json_edit sep = { .ins = { comma, 1 } };
	size_t front, back, i;
	bool alone, jumped;

	if (!is_bracketed(obj) || member.n == 0)
		return -1;
	insert_places(doc, obj, &front, &back);
	alone = next_staying(l, doc, front, &jumped) ==
	    front + obj.raw.n - 2;
	for (i = 0; i < l->n; i++)
		if (l->e[i].del == 0 &&
		    (l->e[i].off == front || l->e[i].off == back))
			alone = false;
	new.off = sep.off = first ? front : back;
	if (alone)
		return add_edit(l, new, first);
	if (!has_room(l, 2) || add_edit(l, sep, first) < 0)
		return -1;
	return add_edit(l, new, first);
}

/* The last old member of obj went: one of the commas that came with inserts
 * has nothing to separate. */
static void
take_back_comma(struct json_edits *l, struct str doc, struct json_value obj)
{
	size_t front, back, i, found = l->n;

	insert_places(doc, obj, &front, &back);
	for (i = 0; i < l->n; i++) {
		if (l->e[i].ins.p != comma)
			continue;
		if (l->e[i].off == front ||
		    (l->e[i].off == back && found == l->n))
			found = i;
	}
	if (found == l->n)
		return;
	l->n--;
	memmove(l->e + found, l->e + found + 1,
	    (l->n - found) * sizeof(*l->e));
}

int
json_edit_drop(struct json_edits *l, struct str doc, struct json_value obj,
    const struct json_walk *w)
{
	struct json_edit cut = { .off = 0 }, sep = { .del = 1 };
	size_t start, stop, before;
	bool jumped;

	if (!is_bracketed(obj) || w->value.type == JSON_NONE)
		return -1;
	start = offset_of(doc, w->object ? w->key.raw.p : w->value.raw.p);
	stop = offset_of(doc, w->value.raw.p) + w->value.raw.n;
	for (before = start - 1; is_space(doc.p[before]); before--)
		;
	if (doc.p[before] == ',' && drop_at(l, before) == NULL) {
		cut.off = before;
		cut.del = stop - before;
		return add_edit(l, cut, false);
	}
	cut.off = start;
	cut.del = stop - start;
	sep.off = next_staying(l, doc, stop, &jumped);
	if (doc.p[sep.off] != ',') {
		if (add_edit(l, cut, false) < 0)
			return -1;
		take_back_comma(l, doc, obj);
		return 0;
	}
	if (!jumped) {
		cut.del = sep.off + 1 - start;
		return add_edit(l, cut, false);
	}
	if (!has_room(l, 2) || add_edit(l, cut, false) < 0)
		return -1;
	return add_edit(l, sep, false);
}

size_t
json_edits_len(const struct json_edits *l, struct str doc)
{
	size_t i, n = doc.n;

	for (i = 0; i < l->n; i++)
		n += l->e[i].ins.n - l->e[i].del;
	return n;
}

struct str
json_edits_piece(const struct json_edits *l, struct str doc, size_t i)
{
	size_t k = i / 2, from, to;

	if (i % 2 == 1)
		return k < l->n ? l->e[k].ins : (struct str){ NULL, 0 };
	from = k == 0 ? 0 : l->e[k - 1].off + l->e[k - 1].del;
	to = k < l->n ? l->e[k].off : doc.n;
	return str_sub(doc, from, to - from);
}
