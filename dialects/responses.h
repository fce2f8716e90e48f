/* SPDX-License-Identifier: MIT */
/*
 * responses: what responses.c, responses_request.c, responses_write.c,
 * responses_reader.c and chatgpt.c share. Nobody else includes it.
 */
#ifndef LLMUX_DIALECT_RESPONSES_H
#define LLMUX_DIALECT_RESPONSES_H

#include "ops.h"

/* The hooks of ops.h. */
int responses_read(struct neutral *q, struct failure *f);
int responses_fit(struct neutral *q, struct failure *f);
void responses_write(const struct neutral *q, struct json_out *o);
void responses_pointer(struct at at, struct buf *out);
int responses_feed(struct reader *r, struct str name, struct str data);
int responses_finish(struct reader *r);
int responses_whole(struct reader *r, struct json_value root);
void responses_drop(struct reader *r);

/* One block of an answer that is read; those behind `now` wait. */
struct responses_block;
struct responses_reader {
	struct responses_block *first, *last, *now;
	size_t held;  /* bytes in all blocks */
	bool started; /* EV_START is out */
	bool calls;   /* a call was opened */
	bool refused; /* a refusal was opened */
	bool items;   /* an item was streamed */
};

/* text_of a member, and its place among words (str_place). */
struct str text_at(const struct json_value *v, const char *name);
ssize_t word_at(const struct json_value *v, const char *name,
    const char *words);
/* A plain member. */
void put_word(struct json_out *o, const char *key, const char *value);
/* Over a member. */
void walk_at(struct json_walk *w, const struct json_value *v,
    const char *name);

/* ---- requests to the ChatGPT backend, by either way ---- */

/* The backend's limit of call ids, names and prompt_cache_key, in bytes. */
#define CHATGPT_ID_MAX 64

#define HASH_SEED 0xcbf29ce484222325u
/* FNV-1a over s, going on from h. Not for secrets. */
uint64_t text_hash(uint64_t h, struct str s);
/* 16 hex digits and NUL. */
void text_hash_hex(uint64_t h, char dst[17]);
/* "/name" of a member, for a loss report: at most 64 bytes of the name, what
 * a header field or a list cannot hold as '?'. */
void member_pointer(struct json_value key, char dst[144]);
/* Does an item of that id stand in the request itself? */
bool is_own_item(struct json_value root, struct str id);
/* Which members the backend cannot do without (chatgpt.md 2.2): the text that
 * refuses them, or NULL. */
const char *needs_state(struct str name, struct json_value v);

#endif
