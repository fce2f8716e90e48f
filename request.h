/* SPDX-License-Identifier: MIT */
/*
 * request: all that is known of one request. relay.c tells the story, gate.c
 * decides who may come in, forward.c goes to the provider, reply.c speaks to
 * the client; they share this struct and nothing else. It lives in the heap,
 * one a connection, and is used again for each request.
 */
#ifndef LLMUX_REQUEST_H
#define LLMUX_REQUEST_H

#include "admin/keys.h"
#include "conf.h"
#include "dialects/dialect.h"
#include "http.h"
#include "route.h"
#include "sse.h"

enum endpoint {
	EP_NONE,
	EP_MESSAGES,
	EP_COUNT,
	EP_CHAT,
	EP_RESPONSES,
	EP_COMPLETIONS,
	EP_EMBEDDINGS,
	EP_MODELS,
	EP_MODEL,
	EP_HELLO,
	EP_HEALTHZ,
	EP_HEALTH,
	EP_METRICS,
	EP_AUTH_STATUS,
	EP_OAUTH_USAGE
};

/* Why a request failed, for log and metrics; constants, in one place so that
 * their number stays small. */
#define WHY_REFUSED "refused"             /* by the gate */
#define WHY_BAD_REQUEST "bad_request"     /* framing, JSON, fields */
#define WHY_NO_ROUTE "no_route"           /* model or credential */
#define WHY_LIMIT "limit"                 /* body, memory */
#define WHY_CLIENT_LEFT "client_left"
#define WHY_CLIENT_SLOW "client_slow"     /* send_timeout, body_timeout */
#define WHY_CONNECT "upstream_connect"
#define WHY_UPSTREAM "upstream_error"     /* it answered with an error */
#define WHY_CUT "upstream_cut"            /* it ended too early */
#define WHY_SILENT "upstream_silent"      /* a due time passed */
#define WHY_STOPPING "stopping"

struct request {
	struct net_conn *client;
	int slot;
	bool local; /* by a loopback or unix listener */
	struct conf *conf;
	struct arena arena;

	/* what came */
	struct buf copy; /* of the head; head's slices point into it */
	unsigned id_seed[2], id_count;
	char id[24]; /* "req_" and 18 hex digits */
	int64_t start_ms;
	enum endpoint ep;
	enum dialect dialect;
	struct str path; /* without query */
	struct str item; /* EP_MODEL: the id, decoded */
	bool good_key;
	struct key_id key; /* whose, when good_key is set */
	struct str origin; /* allowed one: CORS fields go out */

	struct str body;
	char *body_mem;       /* owned, when body is not in the input buffer */
	size_t body_size;     /* of body_mem, as mem_block gave it */
	size_t body_take;     /* bytes of the input buffer to use up at the end */
	bool body_unread;     /* refused before it was read: close after */
	struct json_value root, model_value;
	struct str model; /* plain; absent: none given */
	bool stream;

	/* where it goes */
	struct route route;
	const struct provider *provider; /* NULL: echo, or answered here */
	struct str upstream_model;

	/* the upstream's answer */
	struct buf up_copy;
	struct tap tap;
	struct sse sse;
	struct buf part; /* begin of an event that is not whole yet */
	struct buf hold; /* preamble, held back until the first content */
	size_t part_reserved;

	/* what went out */
	bool keep;       /* the client's connection may go on */
	bool abort;      /* end it with a reset */
	bool committed;  /* a status line went out */
	bool streaming;  /* counted as an open stream */
	bool content;    /* some of the answer's content went out */
	bool chunked;
	int status;
	struct buf fields; /* additional header lines of the answer */
	struct buf out;    /* scratch for heads and bodies */
	const char *why;   /* WHY_*, NULL: it went well */
	char detail[160];  /* for the log line; never a secret */
	int64_t first_ms;  /* to the upstream's answer head, -1: none */
	uint64_t bytes_out;
	size_t dropped;

	/* large, and used in part only: at the end, and not zeroed */
	struct http_head head;
	struct http_head up_head;
};

/* ---- reply.c: to the client ---- */

/* All give 0, or -1 when the client is lost (why is set, keep is off). */

/* One whole answer with these bytes; adds x-request-id, date, r->fields. */
int reply_whole(struct request *r, int status, const char *type,
    struct str body);
/* An error in the client's dialect; in a stream that has begun, its record.
 * why: WHY_*; the sentence is kept for the log. */
int reply_failure(struct request *r, const struct failure *f, const char *why);
/* The head of a streamed answer, body to follow in pieces; length < 0: not
 * known (chunked, or until close for HTTP/1.0). The head is only put into
 * r->out: the next reply_piece sends it along. */
void reply_begin(struct request *r, int status, struct str type,
    int64_t length);
/* Pieces of the body, framed and sent in one call. */
int reply_piece(struct request *r, struct str a, struct str b);
/* The proper end of the body. */
int reply_end(struct request *r);
/* The body was cut: close in a way that the client notices. */
void reply_abort(struct request *r);

/* A refusal with a sentence; -1, so that a caller can return it. */
int reply_deny(struct request *r, int status, const char *why,
    const char *code, const char *fmt, ...) FMT_LIKE(5, 6);
int reply_deny_memory(struct request *r);

/* ---- body.c ---- */

/* The body, whole and checked: body, root, model_value and stream are set. -1:
 * it was said what is wrong, or the client is lost. */
int body_read(struct request *r);

/* ---- builtin.c: without a provider ---- */

/* Everything that needs no body. False: the request is for a model. */
bool builtin_answer(struct request *r);

/* ---- gate.c: before the body ---- */

/* Path and method to endpoint and dialect; sets r->dialect also on failure.
 * -1: f (404, 405, 426), with r->fields where one is due. */
int gate_endpoint(struct request *r, struct failure *f);
/* Host, Origin, key. -1: f (400, 401, 403, 421). */
int gate_who(struct request *r, struct failure *f);
/* Content type and coding, declared length. -1: f (411, 413, 415). */
int gate_body(struct request *r, struct failure *f);

/* ---- forward.c: to a provider ---- */

enum outcome {
	FORWARD_DONE, /* an answer or a failure went out, or the client left */
	FORWARD_NEXT  /* nothing of an answer went out; try the next one */
};

/* The model `echo` of builtin.c. */
enum outcome builtin_echo(struct request *r, const struct candidate *c);
/* Try candidate c. last: no other comes after it, so failures go out. */
enum outcome forward(struct request *r, const struct candidate *c, bool last);

#endif
