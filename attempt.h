/* SPDX-License-Identifier: MIT */
/* attempt: one attempt at one provider, shared by forward.c and pass.c. */
#ifndef LLMUX_ATTEMPT_H
#define LLMUX_ATTEMPT_H

#include "oauth.h"
#include "request.h"

struct translation;

struct attempt {
	struct request *r;
	const struct provider *p;
	struct str model;
	bool last;            /* no other provider comes after this one */
	struct credential cred;
	struct translation *tr; /* translate.c; NULL: the bytes pass */
	struct net_conn *up;  /* NULL: none, or it went to the pool */
	struct http_body body;
	bool early;           /* the answer came before our body was out */
	int64_t head_due;     /* response_timeout */
	int64_t stream_due;   /* stream_timeout, renewed by each byte */
	int64_t ping_due;     /* when the client must hear something */
};

/* ---- pass.c ---- */

/* Fields of the upstream's head that the client may want, into r->fields. */
void attempt_fields(struct attempt *a);
/* Is the next provider of a chain asked after this status? */
bool attempt_may_switch(int status);

/* Bring the answer whose head is in r->up_head to the client. */
enum outcome pass_answer(struct attempt *a);
/* When a wait until due must end to let a ping out. */
int64_t attempt_due(const struct attempt *a, int64_t due);
/* ping_interval passed in silence: commit to a 200 if that was not done, and
 * send a ping. 0, or -1: the client is lost. */
int attempt_ping(struct attempt *a);
/* This attempt failed before any content: the next provider, or the failure
 * goes out. why: WHY_*; code: as in struct failure. */
enum outcome attempt_fail(struct attempt *a, int status, const char *why,
    const char *code, const char *fmt, ...) FMT_LIKE(5, 6);
/* The same from an error of net.h or http.h. */
enum outcome attempt_fail_err(struct attempt *a, const struct err *e);

#endif
