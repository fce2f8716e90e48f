/* SPDX-License-Identifier: MIT */
/*
 * neutral: a request and an answer between two dialects. A request is read
 * once by its client's dialect, made to fit by the target's, and written by
 * it, twice with the same bytes: once counted, once sent. An answer is read as
 * events by its provider's dialect and written by the client's (struct answer
 * of dialect.h).
 *
 * Strings are slices of the client's body, escaped as received ("text"
 * below), or JSON values as received ("raw"); nothing large is copied. What is
 * made on the way lives in the arena. Pure: no socket, file, clock, chance.
 */
#ifndef LLMUX_NEUTRAL_H
#define LLMUX_NEUTRAL_H

#include "dialect.h"

/* ---- reasoning that travels between turns ---- */

/*
 * Opaque reasoning (Anthropic's signature, OpenAI's encrypted_content) goes to
 * the client in whatever field its dialect has for it, and comes back with the
 * next turn. Where the field is the maker's own dialect's the text is left as
 * it is; elsewhere it is wrapped: "llmux-r1.MAKER.TAG.CHECK.TEXT", MAKER a or
 * o, TAG 8 hex digits of provider and model, CHECK 16 hex digits over the
 * rest, so that what is foreign or altered is seen and left out.
 */
struct seal {
	enum seal_maker maker; /* NONE: there is no opaque text */
	bool wrapped;          /* it came wrapped by llmux */
	struct str tag;        /* wrapped: its TAG */
	struct str text;       /* without the wrapping, escaped */
};

/* text as it stands in a field of dialect d. False: it begins like a wrapped
 * one but is not whole or was altered; *s has maker NONE then. */
bool seal_open(enum dialect d, struct str text, struct seal *s);
/* Append maker's text as it has to stand in a field of d: plain in the
 * maker's own dialect, else wrapped. */
void seal_put(enum dialect d, enum seal_maker maker, struct str tag,
    struct str text, struct buf *out);
/* 8 hex digits of provider and model, for TAG; dst holds 9. */
void seal_tag(struct str provider, struct str model, char dst[9]);

/* ---- the request ---- */

enum role { ROLE_SYSTEM, ROLE_DEVELOPER, ROLE_USER, ROLE_ASSISTANT };
enum tri { TRI_UNSET, TRI_NO, TRI_YES };

enum part_kind {
	PART_TEXT,
	PART_REFUSAL,
	PART_IMAGE,
	PART_DOCUMENT,
	PART_CALL,      /* assistant: a tool is called */
	PART_RESULT,    /* user: what it gave */
	PART_REASONING  /* assistant */
};

/* Where something stands in the client's body, for the loss report: numbers
 * that the dialect's pointer() turns into "/messages/3/content/1". */
#define AT_NONE 0xffffffffu
struct at {
	unsigned item, part, sub;
};

struct part {
	struct part *next;
	enum part_kind kind;
	struct at at;
	bool dropped;     /* set by fit: the writer passes over it */
	/* TEXT, REFUSAL; REASONING: its readable text; CALL: arguments that
	 * came as a string, or the input of a custom call */
	struct str text;
	struct str raw;   /* CALL: arguments that came as a JSON value */
	struct str id;    /* CALL, RESULT: the call's id, as the client has it */
	struct str wire_id;             /* the same as the target takes it */
	struct str name, namespace;     /* CALL */
	struct str wire_name;           /* CALL: as the target takes it */
	bool custom;      /* CALL, RESULT: of a custom tool */
	bool error;       /* RESULT: the tool failed */
	bool orphan;      /* RESULT: no such call came before it */
	struct part *parts; /* RESULT: TEXT, IMAGE, DOCUMENT in order */
	/* IMAGE, DOCUMENT: one of url, data (base64, or text when plain),
	 * file_id is there */
	struct str url, data, file_id;
	struct str media; /* "image/png" */
	bool plain;
	struct str filename; /* DOCUMENT: filename or title */
	struct str detail;   /* IMAGE: low, high, auto */
	struct seal seal;    /* REASONING */
	bool redacted;       /* REASONING: Anthropic's redacted_thinking */
	struct str phase;    /* TEXT: Responses' phase of its message */
};

struct turn {
	struct turn *next;
	enum role role;
	struct part *parts;
	struct at at;
};

struct tool {
	struct tool *next;
	struct at at;           /* item: index in "tools" */
	struct str name, namespace;
	struct str wire_name;   /* as the target takes it; unique */
	struct str description; /* text */
	struct str schema;      /* raw; absent: none given */
	bool custom;            /* free-form input */
	struct str format;      /* custom: raw */
	enum tri strict;
	struct str hosted;      /* raw: a tool that the provider itself runs */
	bool web_search;        /* hosted, and of that kind */
	bool dropped;
};

enum choice { CHOICE_UNSET, CHOICE_AUTO, CHOICE_NONE, CHOICE_ANY, CHOICE_TOOL };
enum output { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_SCHEMA };
/* In this order: a table of levels is indexed with them. */
enum effort {
	EFFORT_UNSET,
	EFFORT_NONE,
	EFFORT_MINIMAL,
	EFFORT_LOW,
	EFFORT_MEDIUM,
	EFFORT_HIGH,
	EFFORT_XHIGH,
	EFFORT_MAX,
	EFFORT_ULTRA
};
const char *effort_name(enum effort e);          /* "" for UNSET */
enum effort effort_of(struct str plain);         /* UNSET: not a level */
/* Budgets of thinking tokens and levels (docs/dialects.md). */
uint64_t effort_budget(enum effort e);
enum effort budget_effort(uint64_t budget);

/* What a model can do; from the table in models.c, or a cautious guess. */
struct model_caps {
	const char *id;     /* without date; matched as a prefix */
	uint64_t context, max_output;
	unsigned efforts;   /* bit 1 << EFFORT_x for each level it takes */
	bool adaptive;      /* anthropic: thinking.type adaptive */
	bool sampling;      /* temperature and top_p are taken */
	bool vision, native_1m;
};
/* Never NULL. d: MESSAGES for an anthropic provider, RESPONSES for chatgpt,
 * CHAT for others. */
const struct model_caps *models_caps(enum dialect d, struct str id);
/* The level nearest to e that caps take: the highest one not above it, else
 * the lowest one. */
enum effort caps_effort(const struct model_caps *caps, enum effort e);

/* Where a request goes. */
struct target {
	enum dialect d;
	bool chatgpt;           /* Responses as the ChatGPT backend takes it */
	struct str model;       /* plain */
	const struct model_caps *caps;
	struct str tag;         /* of seal_tag */
	enum effort effort;     /* from the model's suffix or its alias;
	                         * UNSET: the client's stands */
	bool cache;             /* anthropic: put ephemeral marks */
	struct str cache_ttl;   /* "5m", "1h" or absent */
	struct str effort_default, summary_default; /* chatgpt: of the config */
};

/* What could not be carried: JSON Pointers, comma separated, at most 1 kB. */
struct loss {
	struct buf list;
	size_t n;
};

struct text_list {
	struct text_list *next;
	struct str text;
};

struct neutral {
	/* given by the caller */
	enum dialect from;
	struct str body;
	struct json_value root;
	struct arena *a;

	/* filled by read */
	bool stream, include_usage;
	struct turn *turns;  /* system and developer turns stand in place */
	struct tool *tools;
	enum choice choice;
	struct str choice_name, choice_namespace;
	enum tri parallel;   /* may the model call several tools at once? */
	enum output output;
	struct str schema_name, schema_description, schema; /* schema: raw */
	enum tri schema_strict;
	enum effort effort;
	uint64_t budget;     /* thinking tokens; 0: none given */
	bool adaptive;       /* the client asked for adaptive thinking */
	struct str summary;  /* Responses: reasoning.summary */
	struct str verbosity;
	uint64_t max_tokens; /* 0: none given */
	struct str temperature, top_p, top_k; /* raw numbers */
	struct text_list *stop;
	struct str user;     /* a stable id of the end user */
	struct str cache_key, service_tier;
	bool wants_sealed;   /* Responses: include reasoning.encrypted_content */

	/* filled by fit */
	struct target to;
	struct str wire_model;    /* escaped */
	uint64_t wire_max;        /* the limit that is sent; 0: none */
	enum effort wire_effort;  /* UNSET: send none */
	uint64_t wire_budget;
	struct str wire_choice;   /* CHOICE_TOOL: wire_name of the tool */
	struct str wire_cache_key;
	struct loss loss;
	bool bad; /* no memory, or over the arena's max */
	/* private */
	struct turn *last_turn;
	struct tool *last_tool;
};

/*
 * Read the client's body (checked JSON, an object) into q. 0; -1 with *f: a
 * 400 that names the field and its place; 503 when there is no memory.
 */
int neutral_read(struct neutral *q, struct failure *f);
/*
 * Decide all that writing needs: names and ids in the target's alphabet and
 * length, limits, effort, what is left out (and reported in q->loss). -1: *f
 * names what changes the meaning and cannot be carried (400). The texts of *f
 * live in q->a. To go to another target, read again.
 */
int neutral_fit(struct neutral *q, const struct target *to,
    struct failure *f);
/* Write the request. The same q gives the same bytes each time; whether o
 * counts or sends makes no difference. */
void neutral_write(const struct neutral *q, struct json_out *o);
/* The wire name of a called tool back to the client's name, namespace and
 * kind; a name that nobody gave stays as it is. */
void neutral_name_back(const struct neutral *q, struct str wire,
    struct event *ev);
/* A cautious count of input tokens (docs/dialects.md says how). */
uint64_t neutral_estimate(const struct neutral *q);
/* The whole list, for x-llmux-dropped; absent when nothing was lost. */
struct str neutral_lost(const struct neutral *q);
void neutral_free(struct neutral *q); /* the loss list; the rest is in a */

/* ---- helpers for the dialect files ---- */

/* 400 with code and param, for `return neutral_refuse(...)`; always -1. */
int neutral_refuse(struct neutral *q, struct failure *f, const char *code,
    const char *param, const char *fmt, ...) FMT_LIKE(5, 6);
/* No memory: -1 with 503. */
int neutral_no_memory(struct neutral *q, struct failure *f);
/* A pointer that could not be carried, plain ("/temperature"). */
void loss_add(struct neutral *q, const char *pointer);
/* The same for a part, turn or tool: text from its place in dialect from. */
void loss_at(struct neutral *q, struct at at);
void loss_tool(struct neutral *q, const struct tool *t);
/* Appended at the end of the list; NULL: no memory (q->bad is set). */
struct turn *neutral_turn(struct neutral *q, enum role role, unsigned item);
struct part *neutral_part(struct neutral *q, struct part **list,
    enum part_kind kind, struct at at);
struct tool *neutral_tool(struct neutral *q, unsigned index);
/* A string member's escaped text; absent when it is none. */
struct str text_of(struct json_value v);
/* Split "data:image/png;base64,AAAA" (escaped text) into media and data. False:
 * it is no data URL. */
bool data_url(struct str text, struct str *media, struct str *data);
/* text decoded (NUL-free or not) into the arena; absent: no memory. */
struct str text_decoded(struct neutral *q, struct str text);
/* plain escaped into the arena. */
struct str text_escaped(struct neutral *q, struct str plain);
/* Is this text (escaped JSON) a whole JSON object once decoded? Gives it,
 * decoded, in the arena: absent if not. For arguments as a JSON value. */
struct str text_object(struct neutral *q, struct str text);
/* Is it empty, or only white space? */
bool text_blank(struct str text);
/*
 * Fill wire_name of all tools and calls, and wire_choice: only [A-Za-z0-9_-],
 * at most max bytes, unique, the same for the same name; a namespace is joined
 * with "__". custom tools keep their kind (q's tool list has it). Likewise
 * wire_id of calls and results (max 64 for OpenAI's, no limit for others).
 */
int neutral_names(struct neutral *q, size_t max);
int neutral_ids(struct neutral *q, size_t max);
/* Marks orphans: results without a call of that id before them. */
void neutral_orphans(struct neutral *q);

/* ---- reading an answer ---- */

/*
 * A provider's answer, read into neutral events in their strict order: blocks
 * of the upstream that interleave are put one behind the other (the later one
 * is buffered, at most max bytes). Texts of events are good until the next
 * call.
 */
struct reader {
	enum dialect d;
	const struct neutral *q; /* for names; NULL: none are mapped */
	int (*emit)(void *arg, const struct event *ev); /* 0, or -1 to stop */
	void *arg;
	size_t max;
	bool ended;   /* the dialect's proper end was seen */
	bool failed;  /* an error event was seen and emitted as EV_ERROR */
	bool done;    /* nothing more may come: [DONE], message_stop */
	bool content; /* a block was opened */
	bool bad;     /* no memory, or over max */
	struct usage usage;
	void *own;    /* the dialect's state, allocated by reader_init */
};
/* -1: no memory. */
int reader_init(struct reader *r, enum dialect d, const struct neutral *q,
    size_t max, int (*emit)(void *, const struct event *), void *arg);
/* One SSE event. 0; -1: emit stopped it, or r->bad. Unknown events and
 * unknown fields are passed over. A finish that lacks its usage is emitted
 * by reader_end or by the event that brings it. */
int reader_event(struct reader *r, struct str name, struct str data);
/* The body is at its end. 0 and r->ended: it was a whole answer; 0 and not
 * ended: it was cut. */
int reader_end(struct reader *r);
/* A whole answer (JSON document, checked). -1 as above, or it is none of the
 * dialect (r->failed is off then). */
int reader_answer(struct reader *r, struct str body);
void reader_free(struct reader *r);

/* A provider's error body (any dialect, HTML, text) as a failure for the
 * client: message at most 4 KiB, in a; code and status of the tables in
 * docs/dialects.md. retry_s: seconds until it makes sense to ask again, 0 =
 * not known. */
void neutral_error(enum dialect d, bool chatgpt, int status, struct str body,
    struct arena *a, struct failure *f, int64_t now_s, int64_t *retry_s);

#endif
