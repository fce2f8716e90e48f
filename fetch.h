/* SPDX-License-Identifier: MIT */
/*
 * fetch: one whole HTTP exchange with a provider on llmux's own behalf: token
 * endpoints, model lists, usage. A client's request never goes this way.
 * Redirects are never followed (credentials would go along).
 */
#ifndef LLMUX_FETCH_H
#define LLMUX_FETCH_H

#include "conf.h"
#include "http.h"

struct fetch {
	const struct conf *conf;       /* trust, connect_timeout */
	const struct net_proxy *proxy; /* NULL: direct */
	const char *method;            /* "GET", "POST" */
	struct str url;                /* http or https, with path and query */
	struct str type;               /* Content-Type of body; absent: none */
	struct str body;
	struct str fields; /* further header lines, each with its CRLF */
	int64_t due;       /* of all of it */
	size_t max;        /* bytes of the answer's body */
};

/* Large: keep it in the heap. */
struct fetched {
	int status;
	bool sent; /* bytes of the request may have left */
	struct buf copy; /* of the head; head's slices point into it */
	struct http_head head;
	struct buf body;
};

/*
 * 0: an answer came, whatever its status. -1: none did: ERR_INPUT (no URL, or
 * one that is neither https nor loopback), ERR_SYS, ERR_PEER, ERR_TIME,
 * ERR_LIMIT (body over max), ERR_MEM; the text names host and port and holds
 * nothing of body or fields. User-Agent, Accept and Host are set here. got is
 * initialised here and must be given to fetched_free in either case.
 */
int fetch(const struct fetch *f, struct fetched *got, struct err *e);
void fetched_free(struct fetched *got); /* wipes: answers hold tokens */

#endif
