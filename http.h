/* SPDX-License-Identifier: MIT */
/*
 * http: HTTP/1.1 heads and bodies for both sides (RFC 9110, RFC 9112). Parsers
 * work on slices and do no I/O; the http_read_* functions put net.h below
 * them. Strict framing: what is doubtful is refused, never guessed.
 */
#ifndef LLMUX_HTTP_H
#define LLMUX_HTTP_H

#include "base.h"
#include "net.h"

#define HTTP_FIELDS_MAX 100
#define HTTP_LINE_MAX 8192   /* request line */
#define HTTP_CHUNK_LINE_MAX 256

/* ---- heads ---- */

struct http_field {
	struct str name, value; /* value without surrounding blanks */
};

enum http_framing {
	HTTP_NONE,    /* no body */
	HTTP_LENGTH,  /* length bytes */
	HTTP_CHUNKED,
	HTTP_CLOSE    /* until the peer closes (answers only) */
};

struct http_head {
	struct str method, target; /* requests */
	bool absolute; /* target came in absolute-form; it is the path now */
	int status;                /* answers */
	struct str reason;
	int minor; /* HTTP/1.minor */
	enum http_framing framing;
	uint64_t length;
	bool keep_alive;
	bool expect_continue;
	size_t n;
	struct http_field f[HTTP_FIELDS_MAX];
};

/* Why a head was refused: the status to answer with (400, 414, 431, 417, 501,
 * 505; 502 for an upstream's head) and a sentence. */
struct http_bad {
	int status;
	const char *why;
};

/*
 * The head at the beginning of s. PARSE_OK: *used = its bytes with the blank
 * line; h's slices point into s. PARSE_MORE: not whole yet. PARSE_BAD: *bad.
 * One empty line before a request is skipped. Refused: bare CR or LF, NUL,
 * obs-fold, blank before the colon, no or several Host (HTTP/1.1), CL with TE,
 * several or odd lengths, TE other than one "chunked", TE in HTTP/1.0,
 * names that are no token, request line over HTTP_LINE_MAX, more than
 * HTTP_FIELDS_MAX fields. RFC 9112 sections 2-6.
 */
enum parse http_parse_request(struct http_head *h, struct str s, size_t *used,
    struct http_bad *bad);
/* The same for answers; head_only: the request was HEAD (no body). 1xx, 204
 * and 304 have no body. Lone LF ends are refused here too. */
enum parse http_parse_answer(struct http_head *h, struct str s, bool head_only,
    size_t *used, struct http_bad *bad);
/* Offset behind the blank line, or 0; from = where an earlier look ended, so
 * that a slow sender costs no quadratic scan. */
size_t http_head_end(struct str s, size_t from);

/* First field of that name, absent if there is none. */
struct str http_get(const struct http_head *h, const char *name);
size_t http_count(const struct http_head *h, const char *name);
/* Does the comma-separated field hold this token (letters fold)? */
bool http_has_token(const struct http_head *h, const char *name,
    const char *token);

/*
 * Read a request head from c into copy (cleared first; its max is max_head),
 * so that the slices of h stay good while c goes on. 0; -1 with bad->status 0
 * when the peer closed between requests (ERR_PEER, nothing to answer), on
 * ERR_TIME without any byte, and when the connection broke (ERR_SYS); else bad
 * says what to answer (408 for ERR_TIME, 431 for ERR_LIMIT, 503 for ERR_MEM).
 * An empty line before the request does not start head_ms.
 */
int http_read_request(struct net_conn *c, struct buf *copy,
    struct http_head *h, int64_t idle_due, int64_t head_ms,
    struct http_bad *bad, struct err *e);
/* Read an answer head likewise; 1xx heads are skipped (101 is ERR_PEER). copy
 * must be empty, but for a call that goes on after ERR_TIME. */
int http_read_answer(struct net_conn *c, struct buf *copy,
    struct http_head *h, bool head_only, int64_t due, struct err *e);

/* ---- bodies ---- */

/* Chunk decoder, as a value: decodes in place. */
struct http_chunks {
	unsigned char state;
	uint64_t left;   /* of the current chunk */
	size_t line;     /* bytes of the current size line or trailer line */
	size_t trailers; /* bytes of trailers so far */
};
/* Decode p[0..*n) in place: *n becomes the count of data bytes, now at the
 * beginning of p; *used = input bytes eaten. PARSE_OK = last chunk and
 * trailers read, PARSE_MORE, PARSE_BAD. RFC 9112 section 7.1. */
enum parse http_dechunk(struct http_chunks *d, char *p, size_t *n,
    size_t *used);

struct http_body {
	enum http_framing framing;
	uint64_t left;
	struct http_chunks chunks;
	bool done;
};
void http_body_init(struct http_body *b, const struct http_head *h);
/*
 * The next piece of the body as a slice of c's input buffer, good until the
 * next call on c. 1 = *piece (not empty), 0 = the body is whole, -1: ERR_PEER
 * "cut" when the peer closed too early (TLS without close_notify counts for
 * HTTP_CLOSE bodies), ERR_TIME, ERR_GONE, ERR_SYS.
 */
int http_body_next(struct net_conn *c, struct http_body *b,
    struct str *piece, int64_t due, struct err *e);

/* ---- writing ---- */

const char *http_reason(int status);
/* Is this field one of the hop-by-hop kind, or named by Connection? */
bool http_hop_field(const struct http_head *h, struct str name);

#endif
