/* SPDX-License-Identifier: MIT */
/*
 * fetch: one request with its whole answer, on a connection of its own that is
 * closed behind it. For token endpoints, lists of models and usage: seldom and
 * small, so nothing is pooled.
 *
 * Speaks: HTTP/1.1 (RFC 9110, RFC 9112) over net.h and http.h, with
 * Connection: close. Does not: follow redirects, decode content codings,
 * repeat anything, send over plain http except to this machine.
 * Limits: 64 kB of an answer's head, the caller's max of its body.
 */
#include "fetch.h"

#define FETCH_HEAD_MAX 65536

/* One exchange that is going on. */
struct trip {
	const struct fetch *f;
	struct fetched *got;
	struct str authority; /* host[:port] as the URL has it */
	struct str target;    /* path and query */
	struct conf_url u;
	struct net_conn *c;
};

/* Behind the authority anything visible goes; '#' would begin a fragment. */
static bool
visible(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '#')
			return false;
	return true;
}

static int
split(struct trip *t, struct err *e)
{
	struct str url = t->f->url, rest = url, front;
	const char *from;

	if (url.n == 0)
		return err_set(e, ERR_INPUT, "no address to ask");
	str_cut(&rest, '?', &front);
	if (!visible(url))
		return err_set(e, ERR_INPUT, "address with a foreign byte");
	if (conf_url_split(front, &t->u, e) < 0)
		return err_prefix(e, "address");
	from = url.p + (t->u.tls ? 8 : 7);
	t->authority = (struct str){ from, (size_t)(t->u.path.p - from) };
	t->target = (struct str){ t->u.path.p,
		url.n - (size_t)(t->u.path.p - url.p) };
	if (!t->u.tls && !conf_loopback(t->u.host))
		return err_set(e, ERR_INPUT, "%.*s: neither https nor this "
		    "machine: nothing is sent there",
		    STR_ARG(str_sub(t->authority, 0, 100)));
	/* Never in the clear because the roots are missing. */
	if (t->u.tls && t->f->conf->trust == NULL)
		return err_set(e, ERR_INPUT, "%.*s: no CA file could be "
		    "read; set ca_file", STR_ARG(t->authority));
	return 0;
}

static int
send_request(struct trip *t, struct err *e)
{
	const struct fetch *f = t->f;
	bool early, body = f->type.n > 0;
	struct iovec iov[2];
	struct buf head;
	int64_t left = f->due == DUE_NEVER ? 0 : f->due - now_ms();
	int rc;

	buf_init(&head, FETCH_HEAD_MAX);
	buf_fmt(&head, "%s %s%.*s HTTP/1.1\r\nhost: %.*s\r\n"
	    "user-agent: llmux/" LLMUX_VERSION "\r\n"
	    "accept: application/json\r\naccept-encoding: identity\r\n"
	    "connection: close\r\n", f->method, t->target.n == 0 ||
	    t->target.p[0] == '?' ? "/" : "", STR_ARG(t->target),
	    STR_ARG(t->authority));
	if (body)
		buf_fmt(&head, "content-type: %.*s\r\ncontent-length: %zu\r\n",
		    STR_ARG(f->type), f->body.n);
	buf_adds(&head, f->fields);
	buf_addz(&head, "\r\n");
	if (head.bad) {
		buf_wipe(&head);
		return err_set(e, ERR_MEM, "no room for the request head");
	}
	iov[0] = (struct iovec){ head.p, head.len };
	iov[1] = (struct iovec){ (char *)(uintptr_t)f->body.p, f->body.n };
	t->got->sent = true;
	rc = net_send(t->c, iov, body && f->body.n > 0 ? 2 : 1,
	    f->due == DUE_NEVER || left > 0 ? left : 1, &early, e);
	buf_wipe(&head);
	return rc;
}

static int
read_answer(struct trip *t, struct err *e)
{
	struct fetched *got = t->got;
	struct http_body body;
	struct str piece;
	int rc;

	if (http_read_answer(t->c, &got->copy, &got->head, false, t->f->due,
	    e) < 0)
		return -1;
	got->status = got->head.status;
	http_body_init(&body, &got->head);
	while ((rc = http_body_next(t->c, &body, &piece, t->f->due, e)) > 0) {
		buf_adds(&got->body, piece);
		if (got->body.bad && piece.n > got->body.max - got->body.len)
			return err_set(e, ERR_LIMIT, "the answer is over "
			    "%zu bytes", t->f->max);
		if (got->body.bad)
			return err_set(e, ERR_MEM, "no memory");
	}
	return rc;
}

int
fetch(const struct fetch *f, struct fetched *got, struct err *e)
{
	struct trip t = { .f = f, .got = got };
	struct net_target to = { .proxy = f->proxy };
	struct err own;
	int64_t due;
	int rc = -1;

	if (e == NULL)
		e = &own;
	*got = (struct fetched){ .status = 0 };
	buf_init(&got->copy, FETCH_HEAD_MAX);
	buf_init(&got->body, f->max);
	if (split(&t, e) < 0)
		return -1;
	to.host = t.u.host;
	to.port = t.u.port;
	to.trust = t.u.tls ? f->conf->trust : NULL;
	due = due_in(f->conf->connect_ms);
	t.c = net_open(&to, NULL, due < f->due ? due : f->due, e);
	if (t.c == NULL)
		return -1;
	if (send_request(&t, e) == 0)
		rc = read_answer(&t, e);
	if (rc < 0)
		err_prefix(e, "%.*s", STR_ARG(t.authority));
	if (t.c->in != NULL)
		mem_wipe(t.c->in, t.c->cap);
	net_close(t.c);
	return rc;
}

void
fetched_free(struct fetched *got)
{
	buf_wipe(&got->copy);
	buf_wipe(&got->body);
	mem_wipe(&got->head, sizeof(got->head));
}
