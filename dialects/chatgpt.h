/* SPDX-License-Identifier: MIT */
/*
 * chatgpt: a Responses client at the ChatGPT backend, without the neutral
 * middle: the body rewritten on the way there (chatgpt.md 2.2 to 2.4), the
 * events filtered on the way back (2.5). Items, parts and tools keep all that
 * the backend takes, known or not. Other dialects go by neutral.h. Pure, as
 * all of dialects.
 */
#ifndef LLMUX_DIALECT_CHATGPT_H
#define LLMUX_DIALECT_CHATGPT_H

#include "neutral.h"

/* What the client's body does not say. All may be zero. */
struct chatgpt_opts {
	const struct model_caps *caps; /* NULL: any effort goes as it is */
	enum effort effort; /* of the model's suffix or alias; UNSET: the
	                     * client's stands */
	struct str effort_default, summary_default; /* plain; of the config */
};

/*
 * Can the backend take this body (checked JSON)? -1 with *f, 400: it needs
 * state (previous_response_id, conversation, prompt, background,
 * item_reference) or has no usable input; the texts of *f are constant or
 * slices of the body. What will be left out is given to lost (which may be
 * NULL) as a JSON Pointer, printable ASCII, good for the time of the call.
 */
int chatgpt_check(struct json_value root,
    void (*lost)(void *arg, const char *pointer), void *arg,
    struct failure *f);
/*
 * Write the body the backend takes: only the members that it knows, with
 * stream, store and include as it demands them; a string as input becomes a
 * message; no ids of items; system becomes developer; names of tools and ids
 * of calls over 64 bytes are cut, with a hash. model is plain. The same bytes
 * each time.
 */
void chatgpt_write(struct json_value root, struct str model,
    const struct chatgpt_opts *opts, struct json_out *o);
/* The id of the conversation, a UUID in text: the client's prompt_cache_key if
 * it is one; else made from account and that key, or from account, model,
 * instructions and the texts up to the first of the user. */
void chatgpt_session(struct json_value root, struct str account,
    struct str model, char dst[37]);

/*
 * The way back. Events that only the backend knows are dropped, the others
 * numbered without gaps; response.done gets its public name; the output of the
 * last event is filled from the items that were streamed, if it came empty;
 * names that chatgpt_write cut are whole again. All else passes byte for byte,
 * line ends in the data excepted.
 */
struct chatgpt_item;
struct chatgpt_back {
	struct json_value request; /* the client's body */
	bool stream;
	size_t max;    /* bytes of items that are kept */
	bool ended;    /* response.completed or incomplete came */
	bool bad;      /* no memory, over max, or an event is not JSON */
	uint64_t seq;  /* the next sequence_number */
	/* private */
	struct chatgpt_item *items; /* by output_index */
	size_t held;
	bool renamed;
	struct buf whole;
};
/* stream off: the events are collected for a client that asked for none. */
void chatgpt_back_init(struct chatgpt_back *b, struct json_value request,
    bool stream, size_t max);
/* One SSE event; what the client gets is appended to out (of a collector:
 * nothing). -1: b->bad, the stream is of no use any more. */
int chatgpt_back_event(struct chatgpt_back *b, struct str name,
    struct str data, struct buf *out);
/* The whole Response of a collector. -1: its end did not come (also after
 * response.failed or an error: tap_event says what it was), or no memory. */
int chatgpt_back_whole(struct chatgpt_back *b, struct buf *out);
void chatgpt_back_free(struct chatgpt_back *b);

#endif
