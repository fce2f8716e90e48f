/* SPDX-License-Identifier: MIT */
/*
 * anthropic: what the files of the Messages dialect offer to the table of
 * operations in anthropic.c: anthropic_request.c reads a client's request,
 * anthropic_fit.c and anthropic_write.c make one for a provider,
 * anthropic_reader.c reads what the provider answers. Only these files include
 * it.
 */
#ifndef LLMUX_DIALECT_ANTHROPIC_H
#define LLMUX_DIALECT_ANTHROPIC_H

#include "ops.h"

/* The hooks of ops.h. */
int messages_read(struct neutral *q, struct failure *f);
int messages_fit(struct neutral *q, struct failure *f);
void messages_write(const struct neutral *q, struct json_out *o);
void messages_pointer(struct at at, struct buf *out);
int messages_feed(struct reader *r, struct str name, struct str data);
int messages_finish(struct reader *r);
int messages_whole(struct reader *r, struct json_value root);
void messages_drop(struct reader *r);

/* r->own. */
struct messages_reader {
	bool started, open;
	bool skip;   /* the open block is none that goes on */
	bool filled; /* a delta of it went on */
	bool calls;  /* a tool was called */
	struct event block; /* EV_OPEN of the open block; kind, redacted */
	struct buf input;   /* its arguments, kept until its end */
	struct buf sealed;  /* its signature */
	struct buf sequence; /* stop_sequence */
	bool stopped;        /* a stop_reason came */
	enum stop_kind stop;
	struct tap tap;      /* the texts of a failure */
};

/*
 * Usage as Anthropic counts it, merged into to: input counts come in
 * message_start, the final output in message_delta, newer servers repeat all
 * there. Each later value replaces the earlier one, they are never added.
 */
void messages_usage(struct usage *to, struct json_value u);

/* The escaped text of a string member; absent if there is none. */
struct str text_in(struct json_value v, const char *name);

/* Stands before a sealed text that came as redacted_thinking, wherever it
 * goes: elsewhere nothing else tells it from a signature. No base64 text
 * begins so. */
#define REDACTED "redacted:"

#endif
