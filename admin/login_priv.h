/* SPDX-License-Identifier: MIT */
/*
 * login_priv: what login.c (commands, exchange, files) and login_code.c (the
 * ways by which a code comes) share. Nobody else includes this.
 */
#ifndef LLMUX_LOGIN_PRIV_H
#define LLMUX_LOGIN_PRIV_H

#include "../oauth.h"
#include "callback.h"

#define PERSON_MS (15 * 60 * 1000) /* to sign in; flow files live as long */
#define EXCHANGE_MS 60000
#define TEXT_MAX (64u << 10) /* of a pasted line */

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_LATER = 75 };

/* How the code comes. The usual way is the callback for chatgpt, else paste. */
enum way { WAY_USUAL, WAY_PASTE, WAY_DEVICE, WAY_URL, WAY_CODE };

/* One sign-in. Large: in the heap. */
struct signin {
	struct conf *c;
	const struct provider *p;
	struct provider own; /* what p points to where NAME is not in c */
	const char *command; /* for messages: "login", "setup-token" */
	enum way way;
	bool setup;          /* asks for the 365-day token */
	struct oauth_flow flow;
	struct buf code;
	struct login l;
	struct oauth_result r;
	struct err e;
	struct callback cb;
	char path[LOGIN_PATH_MAX]; /* of the login */
};

/* ---- login_code.c ---- */

/* Fill s->flow and s->code by s->way. A callback that brought the code still
 * waits for callback_answer. -1: s->e. */
int signin_code(struct signin *s);
/* WAY_URL, the first of two processes: the address on stdout, the flow in its
 * file. */
int signin_begin(struct signin *s);
/* Forget the flow file, if there is one. */
void signin_end(const struct signin *s);

#endif
