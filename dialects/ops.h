/* SPDX-License-Identifier: MIT */
/*
 * ops: what each dialect file offers to dialect.c, and what they share. Only
 * the files of this folder include it.
 */
#ifndef LLMUX_DIALECT_OPS_H
#define LLMUX_DIALECT_OPS_H

#include "neutral.h"

struct dialect_ops {
	const char *name;
	struct str ping;
	const char *(*error_type)(int status);
	void (*error)(const struct failure *f, struct buf *out);
	void (*stream_error)(const struct failure *f, uint64_t seq,
	    struct str response_id, struct buf *out);
	enum tap_kind (*tap)(struct tap *t, struct str name, struct str data);
	void (*usage)(struct tap *t, struct json_value answer);
	/* ev fits the order; a->usage, a->text and what EV_OPEN gave are up to
	 * date; a delta is never empty and has no lone surrogate */
	void (*event)(struct answer *a, const struct event *ev);

	/* translation (neutral.h): what neutral_* and reader_* call */
	int (*read)(struct neutral *q, struct failure *f);
	int (*fit)(struct neutral *q, struct failure *f);
	void (*write)(const struct neutral *q, struct json_out *o);
	/* the JSON Pointer of a place in a request of this dialect */
	void (*pointer)(struct at at, struct buf *out);
	size_t reader_size; /* of r->own, zeroed by reader_init */
	int (*feed)(struct reader *r, struct str name, struct str data);
	int (*finish)(struct reader *r);
	int (*whole)(struct reader *r, struct json_value root);
	void (*drop)(struct reader *r); /* what own holds, not own itself */
};

extern const struct dialect_ops chat_ops, responses_ops, messages_ops;
const struct dialect_ops *ops_of(enum dialect d);

/* ---- reading ---- */

/*
 * The next member name in JSON text, at any depth: *name ends with it (what
 * stands before it in *name does not count, see is_name) and *rest begins
 * behind its colon. False when there is none.
 * A cheap scan from colon to colon that does not check the text. What stands
 * in a string is never taken for a name, since quotes are escaped there; names
 * that hold a colon are not seen whole.
 */
bool next_name(struct str *rest, struct str *name);
bool is_name(struct str name, struct str want);
/* rest without leading JSON white space. */
struct str skip_space(struct str rest);
/* "type" of an event's data; if it does not stand first there, the event's
 * name; without one JSON is read. */
struct str event_type(struct str name, struct str data);
/* Number at path, 0 when absent. */
uint64_t number_at(struct json_value v, const char *path);
/* The status that a failure's code or type stands for, 0 if it is not known.
 * Some servers give the status itself as code. */
int named_status(struct json_value v);
/* Keep status, message and code of an upstream's error object in t. All three
 * may be of type NONE. */
enum tap_kind tap_failed(struct tap *t, struct json_value code,
    struct json_value type, struct json_value message);
/* The same of an error object, or of an error that is a string only. */
enum tap_kind tap_error(struct tap *t, struct json_value error);

/* ---- writing ---- */

/* OpenAI's error object, the value of "error". */
void put_openai_error(struct json_out *o, const struct failure *f);
const char *openai_error_type(int status);
/* A function or custom tool is called. */
bool is_call(enum block_kind kind);
/* Append a finished block to a->blocks: comma first, if one is needed. */
void block_begin(struct answer *a, struct json_out *o);
/* A string member whose value is escaped already. */
void put_member(struct json_out *o, const char *key, struct str text);
/* The same from prefix and the answer's id. */
void put_id(struct json_out *o, const char *key, const char *prefix,
    struct str id);
/* A number as it was received; nothing when it is absent. */
void put_number(struct json_out *o, const char *key, struct str raw);
void put_count(struct json_out *o, const char *key, uint64_t n);
/* "event: TYPE", and the begin of its data, up to behind "type". */
void sse_open(struct json_out *o, struct buf *out, const char *type);
void sse_close(struct json_out *o, struct buf *out);

#endif
