/* SPDX-License-Identifier: MIT */
/*
 * callback: the loopback listener to which a browser comes back at the end of
 * a ChatGPT sign-in.
 */
#ifndef LLMUX_CALLBACK_H
#define LLMUX_CALLBACK_H

#include "../http.h"
#include "../oauth.h"

/* Browsers open connections ahead and leave some of them mute. */
#define CALLBACK_CONNS 8

enum callback_event {
	CALLBACK_NONE,     /* nothing that matters came; wait on */
	CALLBACK_QUERY,    /* the browser is back: it waits for an answer */
	CALLBACK_CANCELLED /* GET /cancel: another program wants the port */
};

/* Large: keep it in the heap. Zeroed it is closed. */
struct callback {
	bool on;       /* listens */
	int wake;      /* epoll(7): readable when callback_step has work */
	unsigned port; /* that the browser must be sent to */
	int listen[2]; /* 127.0.0.1 and [::1], -1: none */
	struct net_conn *conn[CALLBACK_CONNS]; /* that have said nothing yet */
	size_t oldest; /* the slot that is used next */
	struct net_conn *guest; /* the one that waits for callback_answer */
	struct http_head head;
};

/*
 * Listen on the first of ports 1455 and 1457 that is free on both addresses
 * (the provider accepts no others); where there is no IPv6, on IPv4 alone.
 * What is taken is said on stderr. -1: none is free; cb->port is then 1455.
 * Test builds take LLMUX_CALLBACK_PORTS="P1,P2", 0: the kernel chooses.
 */
int callback_open(struct callback *cb, const struct conf *c, struct err *e);
/*
 * One piece of work after wake became readable. Answers by itself what is not
 * the end of this login: 404, and 400 for a state that is not state (chatgpt.md
 * 1.3: keep waiting). CALLBACK_QUERY: the query is appended to query (it holds
 * the code, or the provider's error), and callback_answer must follow.
 */
enum callback_event callback_step(struct callback *cb, const char *state,
    struct buf *query);
/* Tell the browser how it ended; why NULL: well. Text of any kind. */
void callback_answer(struct callback *cb, const char *why);
void callback_close(struct callback *cb); /* a zeroed one is fine */

/* An answer with all its fields, appended; for callback.c and its test. */
void callback_page(struct buf *b, int status, const char *title,
    const char *text);
/* Does the query bring exactly this state? */
bool callback_state(struct str query, const char *state);

#endif
