/* SPDX-License-Identifier: MIT */
/*
 * oauth_priv: what oauth.c, oauth_device.c and oauth_wire.c share: one call to
 * an address of a provider, its answer, and how it failed. Nobody else
 * includes it.
 */
#ifndef LLMUX_OAUTH_PRIV_H
#define LLMUX_OAUTH_PRIV_H

#include "fetch.h"
#include "json.h"
#include "oauth.h"

#define OAUTH_REQUEST_MS 30000
#define OAUTH_BODY_MAX (128u << 10)  /* of an answer; a JWT has several kB */
#define OAUTH_TOKEN_MAX (32u << 10)  /* one token or code */

#define OAUTH_CHATGPT_CLIENT "app_EMoamEEZ73f0CkXaXp7hrann"

/* What a call is for decides what its failures mean. */
enum oauth_for { OAUTH_FOR_LOGIN, OAUTH_FOR_SETUP, OAUTH_FOR_REFRESH,
	OAUTH_FOR_OTHER };

/* One call and its answer. Large: always in the heap. Wiped when freed. */
struct oauth_call {
	const struct conf *conf;
	const struct provider *p;
	enum oauth_for what;
	int64_t due;
	struct buf url, fields;
	struct buf body;      /* empty: GET. JSON begins with '{' */
	struct str secret[4]; /* what no message may hold; absent ones end it */
	struct fetched got;
	struct json_value root; /* of the answer; type JSON_NONE: no JSON */
	bool html;      /* a page came, not an answer of the API */
	bool challenge; /* the page is a test for people */
	bool elsewhere; /* failed so that another host may do better */
};

/* due: of all requests that are made with it. NULL: ERR_MEM. */
struct oauth_call *oauth_call_new(const struct conf *c,
    const struct provider *p, enum oauth_for what, int64_t due,
    struct err *e);
void oauth_call_free(struct oauth_call *k); /* NULL is fine */
/* One request. 0: an answer came, whatever its status; -1 as fetch. */
int oauth_call_send(struct oauth_call *k, struct err *e);
/* One request that must be answered by 2xx and a JSON object. -1: r and e
 * say how it failed, k->elsewhere whether another host may do better. */
int oauth_call_json(struct oauth_call *k, struct oauth_result *r,
    struct err *e);
/* The same at the token hosts in their order, beginning with last if that is
 * one of the built-in ones; k->url is then the one that answered. A 5xx is
 * repeated twice, after 0.5 s and 1 s, while k->due allows. */
int oauth_call_tokens(struct oauth_call *k, struct str last,
    struct oauth_result *r, struct err *e);
/* The failure that the answer of k is; always -1. */
int oauth_call_failed(struct oauth_call *k, struct oauth_result *r,
    struct err *e);
/* An answer of 2xx that is none for us: what says why. Always -1. */
int oauth_call_reject(const struct oauth_call *k, enum oauth_failure f,
    const char *what, struct oauth_result *r, struct err *e);
/* host[:port] of the call, for messages. */
struct str oauth_call_host(const struct oauth_call *k);
/* Does s hold what tokens begin with? */
bool oauth_telltale(struct str s);
/* The provider's word for the error ("invalid_grant"), or "". */
void oauth_call_code(const struct oauth_call *k, char code[64]);
/* What the answer says of itself, quoted, cut, without secrets; appended. */
void oauth_call_said(const struct oauth_call *k, struct buf *out);

/* The i-th token URL for p; absent behind the last one. */
struct str oauth_token_url(const struct provider *p, size_t i);

/* name=v of a query or form, behind what b has. Percent-encoded: all but the
 * unreserved bytes of RFC 3986, so that a blank is %20. */
void oauth_put_form(struct buf *b, const char *name, struct str v);
/* "name":"v" of a JSON object that fills b; the caller closes it. */
void oauth_put_json(struct buf *b, const char *name, struct str v);
/* The provider's auth_url and path behind it. */
void oauth_put_issuer(struct buf *b, const struct provider *p,
    const char *path);

/* Only visible ASCII, so that it may go into a header line, and not empty. */
bool oauth_word(struct str s);
/* The decoded string of v in l's arena; absent: no string, empty, or control
 * bytes in it (word: anything but visible ASCII). */
struct str oauth_json_str(struct login *l, struct json_value v, bool word,
    bool *bad);
/* Seconds, as a number or a string of digits, ten years at most: 0, else -1. */
int oauth_json_seconds(struct json_value v, int64_t *s);
/* Decoded text of v, with a NUL, into dst if it fits and is a word: 0. */
int oauth_json_word(struct json_value v, char *dst, size_t cap);

#endif
