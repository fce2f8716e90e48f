/* SPDX-License-Identifier: MIT */
/*
 * ops: what each dialect file offers to dialect.c, and what they share. Only
 * the files of this folder include it.
 */
#ifndef LLMUX_DIALECT_OPS_H
#define LLMUX_DIALECT_OPS_H

#include "dialect.h"

struct dialect_ops {
	const char *name;
	struct str ping;
	const char *(*error_type)(int status);
	void (*error)(const struct failure *f, struct buf *out);
	void (*stream_error)(const struct failure *f, uint64_t seq,
	    struct str response_id, struct buf *out);
	enum tap_kind (*tap)(struct tap *t, struct str name, struct str data);
	void (*usage)(struct tap *t, struct json_value answer);
	/* ev fits the order; a->usage and a->text are up to date */
	void (*event)(struct answer *a, const struct event *ev);
};

extern const struct dialect_ops chat_ops, responses_ops, messages_ops;

/* OpenAI's error object, the value of "error". */
void put_openai_error(struct json_out *o, const struct failure *f);
const char *openai_error_type(int status);
/* Keep status, message and code of an upstream's error object in t. code and
 * message may be of type NONE. */
enum tap_kind tap_failed(struct tap *t, struct json_value code,
    struct json_value type, struct json_value message);
/* Number at path, 0 when absent. */
uint64_t number_at(struct json_value v, const char *path);
/* Append a finished block to a->blocks: comma first, if one is needed. */
void block_begin(struct answer *a, struct json_out *o);
/* Escaped text from outside, with lone surrogates made U+FFFD. */
void add_text(struct buf *b, struct str text);
/* A string member whose value is escaped already. */
void put_member(struct json_out *o, const char *key, struct str text);

#endif
