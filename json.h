/* SPDX-License-Identifier: MIT */
/*
 * json: RFC 8259 exactly, over slices. A pull tokenizer, a cursor for
 * documents that were checked, a writer, and edit lists. Knows nothing of
 * LLMs. No recursion, no allocation in the reader, numbers stay text, strings
 * stay escaped.
 */
#ifndef LLMUX_JSON_H
#define LLMUX_JSON_H

#include "base.h"

#define JSON_DEPTH_MAX 128

/* ---- pull tokenizer ---- */

enum json_type {
	JSON_NONE,
	JSON_OBJECT,     /* { */
	JSON_OBJECT_END, /* } */
	JSON_ARRAY,      /* [ */
	JSON_ARRAY_END,  /* ] */
	JSON_KEY,        /* a member's name; its value is the next token */
	JSON_STRING,
	JSON_NUMBER,
	JSON_TRUE,
	JSON_FALSE,
	JSON_NULL,
	JSON_END /* the document is whole and only white space follows */
};

/*
 * State is offsets only, so the bytes may move between calls. After PARSE_OK:
 * type; start..end = the token's bytes with quotes; text = for keys and
 * strings the bytes between the quotes, still escaped, for numbers the digits;
 * escaped = text holds a backslash; depth = open arrays and objects (an
 * opening bracket is counted already, a closing one no more).
 */
struct json {
	size_t pos; /* next unread byte; after PARSE_BAD the offending byte */
	size_t start, end;
	struct str text;
	enum json_type type;
	bool escaped;
	unsigned depth;
	const char *why; /* after PARSE_BAD: what was expected, a constant */
	/* private */
	size_t scan;
	unsigned char state, number;
	bool bad;
	uint32_t is_object[JSON_DEPTH_MAX / 32];
};

void json_init(struct json *j);
/*
 * The next token of doc. PARSE_MORE: call again with the same bytes and more
 * behind them (final says that no more will come; then MORE is never given).
 * PARSE_BAD is sticky. Strings are checked: UTF-8 well-formed and shortest
 * form, no control bytes, escapes valid. A \u escape of a lone surrogate is
 * accepted (RFC 8259 section 8.2 leaves it open; clients send them); encoded
 * surrogates in UTF-8 are refused. A byte order mark is refused. Nesting over
 * JSON_DEPTH_MAX is refused. RFC 8259.
 */
enum parse json_next(struct json *j, struct str doc, bool final);

/* ---- documents that json_check has passed ---- */

/* Checks a whole document in one pass. -1: e names the byte offset and what
 * was expected there. */
int json_check(struct str doc, struct err *e);

struct json_value {
	enum json_type type; /* OBJECT, ARRAY, STRING ... or NONE if absent */
	struct str raw;      /* its bytes, from the first to the last */
	struct str text;     /* STRING: between the quotes; NUMBER: digits */
	bool escaped;        /* STRING: text holds a backslash */
};

/* The top value of a checked document. */
struct json_value json_root(struct str doc);
/* The first member of that name (compared decoded), or type NONE. v may be of
 * any type: not an object gives NONE. */
struct json_value json_get(struct json_value v, const char *name);
/* Steps "a/b/0/c"; names have no slash, digits step into arrays. */
struct json_value json_at(struct json_value v, const char *path);

/* Walk over members or elements: json_walk starts, json_step moves on and is
 * false at the end. For members key holds the name (type JSON_KEY). */
struct json_walk {
	struct json_value key; /* members only */
	struct json_value value;
	size_t index;
	/* private */
	const char *p, *end;
	bool object;
};
void json_walk(struct json_walk *w, struct json_value v);
bool json_step(struct json_walk *w);

/* Is the string (or key) equal to plain, once decoded? */
bool json_is(struct json_value v, struct str plain);
/* Decoded text appended to b; a lone surrogate becomes U+FFFD. For values
 * that are no strings nothing is added. */
void json_decode(struct str text, struct buf *b);
/* A NUMBER that is a non-negative integer below 2^63 in plain digits: 0. */
int json_u64(struct json_value v, uint64_t *n);
bool json_true(struct json_value v);

/* ---- writer ---- */

/*
 * Writes compact JSON through a small buffer into a sink. Commas and colons
 * are placed by the writer. With sink NULL it only counts (total), which gives
 * Content-Length; the same calls with a sink then give the same bytes. The
 * sink gives 0 or -1; failure is sticky (bad). Calls that cannot lead to JSON
 * (a value without a name in an object, the wrong bracket, a second value at
 * the top, an absent raw value) are bad as well. At the top one
 * name and value may stand without braces: the member of json_edit_insert.
 */
struct json_out {
	uint64_t total;
	bool bad;
	int (*sink)(void *arg, const char *p, size_t n);
	void *arg;
	/* private */
	char *p;
	size_t len, cap;
	unsigned depth;
	bool first, after_key;
	uint32_t is_object[JSON_DEPTH_MAX / 32];
};

/* p: cap bytes of buffer that the caller owns (NULL, 0 when only counting). */
void json_out_init(struct json_out *o, char *p, size_t cap,
    int (*sink)(void *, const char *, size_t), void *arg);
/* A writer that appends to b (whose max and bad apply). */
void json_out_buf(struct json_out *o, struct buf *b);
void json_out_flush(struct json_out *o);
void json_open(struct json_out *o, char bracket);  /* '{' or '[' */
void json_close(struct json_out *o, char bracket); /* '}' or ']' */
void json_key(struct json_out *o, const char *plain);
void json_key_str(struct json_out *o, struct str plain);
void json_str(struct json_out *o, struct str plain); /* escaped as needed */
/* A string from pieces: begin, any number of parts, end. text parts are
 * already escaped and are copied; plain parts are escaped. Plain text that is
 * not well-formed UTF-8 becomes U+FFFD, so no part may end within a
 * character. */
void json_str_begin(struct json_out *o);
void json_str_text(struct json_out *o, struct str text);
void json_str_plain(struct json_out *o, struct str plain);
void json_str_end(struct json_out *o);
void json_text(struct json_out *o, struct str text); /* escaped, no quotes */
void json_raw(struct json_out *o, struct str raw);   /* any JSON value */
void json_num(struct json_out *o, int64_t n);
void json_bool(struct json_out *o, bool v);
void json_null(struct json_out *o);

/* plain as JSON string contents (without quotes) appended to b. */
void json_escape(struct buf *b, struct str plain);

/* ---- edit lists ---- */

/* At off, remove del bytes of the original and put ins there. */
struct json_edit {
	size_t off, del;
	struct str ins;
};

/* Sorted by offset, not overlapping; the array belongs to the caller. A drop or
 * an insert takes up to two edits. */
struct json_edits {
	struct json_edit *e;
	size_t n, max;
};

/* All give 0, or -1 when the array is full or the places overlap. doc is the
 * original document; v, obj and member come from a walk over it. */
int json_edit_replace(struct json_edits *l, struct str doc,
    struct json_value v, struct str with);
/* Insert `"name":value` as last member (first = as first); member is that
 * text, without commas. obj may be empty. */
int json_edit_insert(struct json_edits *l, struct str doc,
    struct json_value obj, bool first, struct str member);
/* Drop the member (or element) that w stands at, with the one comma that
 * belongs to it. Drops and inserts may be made in any order; a member whose
 * inside has edits already cannot be dropped (-1). */
int json_edit_drop(struct json_edits *l, struct str doc,
    struct json_value obj, const struct json_walk *w);
/* Length of doc after the edits. */
size_t json_edits_len(const struct json_edits *l, struct str doc);
/* Piece i (0 .. 2n) of the edited document; may be empty. */
struct str json_edits_piece(const struct json_edits *l, struct str doc,
    size_t i);

#endif
