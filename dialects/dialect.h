/* SPDX-License-Identifier: MIT */
/*
 * dialect: what the three wire formats offer to the relay. Pure functions:
 * slices and events in, bytes out; no socket, no file, no clock (ids and times
 * are given). Each dialect is one file: chat.c (OpenAI Chat Completions),
 * responses.c (OpenAI Responses), anthropic.c (Anthropic Messages).
 */
#ifndef LLMUX_DIALECT_H
#define LLMUX_DIALECT_H

#include "../base.h"
#include "../json.h"

enum dialect {
	DIALECT_CHAT,
	DIALECT_RESPONSES,
	DIALECT_MESSAGES
};

const char *dialect_name(enum dialect d); /* "chat", "responses", "messages" */

/* ---- failures ---- */

/* One failure, before it has a shape. status is the HTTP status that an
 * OpenAI client should see (Messages clients get 529 for 503 `overloaded`). */
struct failure {
	int status;
	const char *code; /* OpenAI's `code`, NULL = null */
	struct str type;  /* absent: chosen from the status */
	struct str message;
	struct str param; /* absent = null */
	struct str request_id;
};

/* The error type of a status in that dialect. */
const char *dialect_error_type(enum dialect d, int status);
/* The whole JSON body of an error answer. */
void dialect_error(enum dialect d, const struct failure *f, struct buf *out);
/*
 * The bytes that end a broken stream: the dialect's own error record, never
 * its proper end. seq and response_id matter for Responses only (the next
 * sequence_number; the id that the stream has used, absent = invent none and
 * use an `error` event).
 */
void dialect_stream_error(enum dialect d, const struct failure *f,
    uint64_t seq, struct str response_id, struct buf *out);
/* The bytes that keep a silent stream alive. */
struct str dialect_ping(enum dialect d);

/* ---- looking at what passes ---- */

struct usage {
	bool known;
	uint64_t input;   /* all input, cached parts included */
	uint64_t cached;  /* read from a cache */
	uint64_t written; /* written to a cache */
	uint64_t output;  /* reasoning included */
	uint64_t reasoning;
};

/* What one stream event means for the relay. */
enum tap_kind {
	TAP_PREAMBLE, /* nothing to show yet: may be held back */
	TAP_CONTENT,
	TAP_END,   /* the dialect's proper end (also of a refusal or a cap) */
	TAP_ERROR, /* the upstream's own in-stream error or failed response */
	TAP_NONE   /* comment or ping */
};

struct tap {
	enum dialect d;
	struct usage usage;
	bool finished; /* a proper end was seen; chat: also a finish_reason */
	bool begun;    /* content was seen: chat chunks need no closer look */
	bool done;     /* the very last event was seen: [DONE], message_stop */
	uint64_t next_seq;    /* Responses: sequence_number to go on with */
	char response_id[80]; /* Responses: id of response.created */
	int status;           /* after TAP_ERROR: a fitting HTTP status */
	char message[256];    /* after TAP_ERROR: its text, cut */
	char code[64];        /* after TAP_ERROR: its code or type */
};

void tap_init(struct tap *t, enum dialect d);
/* Look at one event (name may be absent, data joined; no data is TAP_NONE).
 * Reads JSON only where the kind of event calls for it: a delta costs a few
 * comparisons. */
enum tap_kind tap_event(struct tap *t, struct str name, struct str data);
/* The usage of a whole (not streamed) answer body; broken JSON is no error. */
void tap_answer(struct tap *t, struct str body);

/* ---- writing an answer from neutral events ---- */

/* BLOCK_TOOL: the text is JSON, the arguments of a function. BLOCK_CUSTOM: a
 * call whose input is plain text; Messages has no such call. */
enum block_kind {
	BLOCK_TEXT,
	BLOCK_TOOL,
	BLOCK_CUSTOM,
	BLOCK_REASONING,
	BLOCK_REFUSAL
};
enum stop_kind {
	STOP_END,
	STOP_LENGTH,
	STOP_TOOL,
	STOP_FILTER,
	STOP_SEQUENCE
};

/* Whose opaque reasoning it is (neutral.h, "reasoning that travels"). */
enum seal_maker { SEAL_NONE, SEAL_ANTHROPIC, SEAL_OPENAI };

/* Strictest discipline of the three: start, then blocks one at a time (open,
 * deltas, close), usage at any time, then stop or error. text slices are JSON
 * string contents, escaped already; none may end inside of an escape or of a
 * UTF-8 sequence, but a surrogate pair may be cut between its escapes. */
enum event_type {
	EV_START,
	EV_OPEN,  /* kind; calls: id, name, namespace */
	EV_DELTA, /* text: a piece of the block (calls: of their arguments) */
	EV_CLOSE, /* reasoning: maker, sealed, redacted */
	EV_USAGE,
	EV_STOP,
	EV_ERROR
};

struct event {
	enum event_type type;
	enum block_kind kind;
	struct str id, name;  /* escaped already */
	struct str namespace; /* the same; only Responses shows it */
	struct str text;
	enum seal_maker maker; /* NONE: no opaque text came */
	struct str sealed;     /* the maker's own text, escaped */
	bool redacted;         /* Anthropic's redacted_thinking: sealed only */
	struct usage usage;
	enum stop_kind stop;
	struct str stop_sequence;
	struct failure failure;
};

/* One answer being written, streamed or whole. */
struct answer {
	enum dialect d;
	bool stream;
	bool include_usage; /* chat: stream_options.include_usage */
	struct str id;      /* stem of every id, e.g. 24 hex digits */
	struct str model;   /* as the client wrote it, escaped */
	int64_t created;    /* Unix seconds */
	struct buf *out;    /* where bytes go */
	struct str seal_tag; /* of provider and model; absent: nothing opaque
	                      * goes into a foreign field */
	const char *reasoning_field; /* chat: "reasoning_content" unless set;
	                              * NULL: reasoning is not shown */
	bool bad; /* events out of order, or a buffer was too small */
	/* private */
	struct buf blocks; /* finished blocks as JSON, comma separated */
	struct buf text;   /* the open block's contents, or one delta's */
	struct buf content, reasoning, refusal; /* chat, whole: joined texts */
	struct buf tool_id, tool_name, tool_namespace; /* of the open block */
	struct usage usage;
	enum block_kind kind;
	unsigned index; /* of the open or next block */
	unsigned tools; /* tool calls so far */
	uint64_t seq;   /* Responses: next sequence_number */
	char half[7];   /* escape of a high surrogate that waits, or "" */
	bool started, open, ended;
	bool filled; /* the open block has text */
};

/* max: cap of collected text in bytes; streams of chat and Messages collect
 * one delta at a time. id and model must live on. */
void answer_init(struct answer *a, enum dialect d, bool stream, size_t max);
/* Append to a->out what this event means. Streamed: events at once. Whole: the
 * JSON document at EV_STOP. */
void answer_event(struct answer *a, const struct event *ev);
void answer_free(struct answer *a);

/* ---- the built-in model `echo` ---- */

/*
 * Answer a request of dialect d (a checked document): repeats the last user
 * text word by word; calls the first function (in Responses else the first
 * custom tool) if that text holds "use the tool" and the conversation does not
 * end in a tool result already (then it says what the tool gave). emit is called for each
 * event in order; it gives 0, or -1 to stop. Usage: one token for four bytes
 * of text, at least 1. 0 or -1; before the first event: ERR_INPUT, the request
 * has no message (the text names the field); ERR_LIMIT, the tool's schema is
 * too large or there is no memory. Stopped by emit: *e stays as it was.
 */
int echo_answer(enum dialect d, struct str body,
    int (*emit)(void *arg, const struct event *ev), void *arg,
    struct err *e);
/* Token estimate of a request for count_tokens: text bytes / 4, at least 1. */
uint64_t echo_count(enum dialect d, struct str body);

/* ---- models ---- */

struct model_entry {
	struct str id, owner;
};

/* `GET /v1/models`: OpenAI's list, or Anthropic's shape. */
void models_list(bool anthropic, const struct model_entry *m, size_t n,
    struct buf *out);
void models_one(bool anthropic, const struct model_entry *m, struct buf *out);

#endif
