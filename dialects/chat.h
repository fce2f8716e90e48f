/* SPDX-License-Identifier: MIT */
/*
 * chat: what the other files of the Chat Completions dialect offer to
 * chat.c's table of operations: chat_request.c reads requests, chat_write.c
 * fits and writes them, chat_reader.c reads the answers of providers. Only
 * these files include it.
 */
#ifndef LLMUX_CHAT_H
#define LLMUX_CHAT_H

#include "ops.h"

/* Operations of the same names in struct dialect_ops. */
int chat_read(struct neutral *q, struct failure *f);
int chat_fit(struct neutral *q, struct failure *f);
void chat_write(const struct neutral *q, struct json_out *o);
void chat_pointer(struct at at, struct buf *out);

int chat_feed(struct reader *r, struct str name, struct str data);
int chat_finish(struct reader *r);
int chat_whole(struct reader *r, struct json_value root);
void chat_drop(struct reader *r);

/* text_of a member. */
struct str chat_text(const struct json_value *v, const char *name);

struct chat_lane;

/* r->own. Zeroed is a good beginning. */
struct chat_reader {
	/* Calls that are done, the one block that is at work, and what waits
	 * behind it. */
	struct chat_lane *first, *live;
	unsigned lanes; /* in the list */
	unsigned calls; /* tools called so far */
	size_t held;    /* bytes that wait, at most r->max */
	char id[25];    /* of the answer, for calls without an id */
	struct tap tap; /* usage, and the texts of a failure */
	bool started;
	bool finished;  /* a finish_reason was seen */
	enum stop_kind stop;
};

#endif
