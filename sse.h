/* SPDX-License-Identifier: MIT */
/*
 * sse: server-sent events (WHATWG HTML, section 9.2). Reader over slices and
 * small writers. A byte order mark, LF, CRLF and CR ends, comments, several
 * data lines and events of any size up to a cap are read.
 */
#ifndef LLMUX_SSE_H
#define LLMUX_SSE_H

#include "base.h"

struct sse_event {
	struct str name; /* absent: none given */
	struct str data; /* lines joined with LF; absent: no data line */
	bool comment;    /* held comments only */
};

struct sse {
	struct buf joined; /* only for events of several data lines */
	size_t reserved;   /* of it in max_memory */
	size_t max;
	bool begun;        /* the byte order mark was looked for */
	/* The event being read; offsets, since its bytes may move. */
	size_t scan, line; /* looked at so far; begin of its last line */
	size_t name, name_n, data, data_n;
	size_t datas; /* data lines so far */
	bool named, fields, comments;
};

void sse_init(struct sse *s, size_t max); /* max: largest event in bytes */
void sse_free(struct sse *s);
/*
 * The event at the beginning of in. PARSE_OK: *used bytes make it (with the
 * blank line), its slices point into in or into s and are good until the next
 * call. An event without fields (lone blank lines, comments) is given with
 * both absent. PARSE_MORE: not whole; with final, a last event that lacks its
 * blank line is given. PARSE_BAD: over max, or no memory for several data lines
 * (s->joined.bad); s is of no use then. Bytes may move between calls, but must
 * begin at the same event and stay as they are.
 */
enum parse sse_next(struct sse *s, struct str in, bool final,
    struct sse_event *ev, size_t *used);

/* "event: NAME\n" (name absent: left out) "data: DATA\n\n"; data must have no
 * line end. */
void sse_put(struct buf *b, const char *name, struct str data);

#endif
