/* SPDX-License-Identifier: MIT */
/*
 * translate: the way of a request whose provider does not speak its client's
 * dialect. forward.c goes this way instead of sending the client's bytes, and
 * pass.c sends what the functions here make of the provider's events; all
 * rules of time, holding back and failure are theirs.
 */
#ifndef LLMUX_TRANSLATE_H
#define LLMUX_TRANSLATE_H

#include "attempt.h"

/*
 * Read the client's request and make it fit for a->p and a->model. 0: a->tr is
 * there, and the request is counted. -1: *done says how it ended (refused,
 * answered here, or the next provider's turn), a->tr is NULL.
 */
int translate_begin(struct attempt *a, enum outcome *done);
void translate_free(struct attempt *a); /* without a->tr nothing happens */

/* The endpoint of the provider, and the length of the request's body. */
enum endpoint translate_endpoint(const struct attempt *a);
size_t translate_length(const struct attempt *a);
/* chatgpt: the conversation's id, a UUID in text. */
const char *translate_session(struct attempt *a);
/* Does the provider get a request for a stream? */
bool translate_streams(const struct attempt *a);
/* Send head and body on a->up; -1 as net_send, and when the body came out
 * otherwise than it was counted. May be called again for another a->up. */
int translate_send(struct attempt *a, struct str head, struct err *e);

/* One SSE event of the provider: what it means for the relay. r->tap is kept
 * up to date. */
enum tap_kind translate_event(struct attempt *a, struct str name,
    struct str data);
/* The provider's body is at its end; sets r->tap.finished if it was whole. */
enum tap_kind translate_end(struct attempt *a);
/* A whole answer of the provider. TAP_END, or TAP_ERROR. */
enum tap_kind translate_whole(struct attempt *a, struct str body);
/* The client's bytes that came out so far, until translate_sent. */
struct str translate_out(const struct attempt *a);
void translate_sent(struct attempt *a);

/* Behind TAP_ERROR: the failure goes out, or the next provider is asked. */
enum outcome translate_failed(struct attempt *a);
/* Behind TAP_ERROR in a stream that has begun: its record, into the bytes
 * that come out. */
void translate_put_error(struct attempt *a);
/* The provider's error answer, in the client's dialect. */
enum outcome translate_error(struct attempt *a, struct str body);
/* The fields that a translated answer has (once), into r->fields. */
void translate_fields(struct attempt *a);

#endif
