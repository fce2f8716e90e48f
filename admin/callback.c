/* SPDX-License-Identifier: MIT */
/*
 * callback: the loopback listener to which a browser comes back at the end of
 * a ChatGPT sign-in. One thread serves it beside the terminal: an epoll
 * descriptor stands for all its sockets, so that one wait watches both, and a
 * mute connection holds nobody up.
 *
 * Speaks HTTP/1.1: GET /auth/callback?..., GET /cancel, 404 for all else; each
 * answer closes. Does not: exchange the code (login.c), redirect, put any
 * token into a URL, keep alive. Who has no state of this login gets 400 and
 * changes nothing. /cancel needs none: the Codex CLI sends it to whoever has
 * its port. Limits: 8 connections (the oldest goes), heads of 16 kB, 2 s for
 * one that has begun.
 * Source: docs/authentication.md (the Codex CLI, login/src/server.rs).
 */
#include "callback.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "term.h"

#define HEAD_MAX (16u << 10)
#define HEAD_MS 2000
#define SEND_MS 2000
#define PAGE_MAX 8192

/* ---- pages ---- */

static void
add_escaped(struct buf *b, const char *z)
{
	for (; *z != '\0'; z++)
		switch (*z) {
		case '&': buf_addz(b, "&amp;"); break;
		case '<': buf_addz(b, "&lt;"); break;
		case '>': buf_addz(b, "&gt;"); break;
		case '"': buf_addz(b, "&quot;"); break;
		case '\'': buf_addz(b, "&#39;"); break;
		default: buf_addc(b, *z);
		}
}

void
callback_page(struct buf *b, int status, const char *title, const char *text)
{
	struct buf page;

	buf_init(&page, PAGE_MAX);
	buf_fmt(&page, "<!doctype html><meta charset=utf-8><title>llmux"
	    "</title><h1>%s</h1><p>", title);
	add_escaped(&page, text);
	buf_addz(&page, "</p>\n");
	if (page.bad)
		buf_clear(&page);
	buf_fmt(b, "HTTP/1.1 %d %s\r\nContent-Type: text/html; charset=utf-8"
	    "\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n"
	    "Connection: close\r\n\r\n", status, http_reason(status),
	    page.len);
	buf_adds(b, buf_str(&page));
	buf_free(&page);
}

static void
answer(struct net_conn *conn, int status, const char *title, const char *text)
{
	struct buf b;

	buf_init(&b, 2 * PAGE_MAX);
	callback_page(&b, status, title, text);
	if (!b.bad) /* a browser that has left misses only the page */
		net_send_str(conn, buf_str(&b), SEND_MS, NULL);
	buf_free(&b);
	net_close(conn);
}

void
callback_answer(struct callback *cb, const char *why)
{
	if (cb->guest == NULL)
		return;
	if (why == NULL)
		answer(cb->guest, 200, "Logged in", "You may close this page.");
	else
		answer(cb->guest, 400, "Not logged in", why);
	cb->guest = NULL;
}

bool
callback_state(struct str query, const char *state)
{
	struct str part;

	while (str_cut(&query, '&', &part))
		if (str_starts(part, STR("state=")))
			return mem_same(str_sub(part, 6, part.n),
			    str_of(state));
	return false;
}

/* ---- listening ---- */

static void
callback_ports(const struct conf *c, unsigned port[2])
{
	port[0] = 1455;
	port[1] = 1457;
#ifdef LLMUX_TEST
	struct str rest = conf_getenv(c, "LLMUX_CALLBACK_PORTS"), part;
	uint64_t n;
	size_t i;

	for (i = 0; i < 2 && str_cut(&rest, ',', &part); i++)
		if (str_u64(part, &n) == 0)
			port[i] = (unsigned)n;
#else
	(void)c;
#endif
}

static int
watch(struct callback *cb, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data = { .fd = fd } };

	return epoll_ctl(cb->wake, EPOLL_CTL_ADD, fd, &ev);
}

/* Both addresses of one port. A machine without IPv6 is no failure. */
static int
listen_both(struct callback *cb, unsigned port, struct err *e)
{
	static const char *const host[2] = { "127.0.0.1", "::1" };
	struct net_addr a;
	size_t i;

	for (i = 0; i < 2; i++) {
		a = (struct net_addr){ .port = port };
		fmt_to(a.host, sizeof(a.host), "%s", host[i]);
		cb->listen[i] = net_listen(&a, e);
		if (cb->listen[i] >= 0) {
			port = a.port;
			if (watch(cb, cb->listen[i]) == 0)
				continue;
			err_sys(e, "epoll_ctl");
		} else if (i == 1 && e->sys != EADDRINUSE) {
			continue;
		}
		for (i = 0; i < 2; i++) {
			if (cb->listen[i] >= 0)
				close(cb->listen[i]);
			cb->listen[i] = -1;
		}
		return -1;
	}
	cb->port = port;
	return 0;
}

int
callback_open(struct callback *cb, const struct conf *c, struct err *e)
{
	unsigned port[2];
	size_t i;

	memset(cb, 0, sizeof(*cb));
	cb->listen[0] = cb->listen[1] = -1;
	callback_ports(c, port);
	cb->wake = epoll_create1(EPOLL_CLOEXEC);
	if (cb->wake < 0) {
		cb->port = port[0];
		return err_sys(e, "epoll_create1");
	}
	cb->on = true;
	for (i = 0; i < 2; i++) {
		*e = (struct err){ .kind = ERR_NONE };
		if (listen_both(cb, port[i], e) == 0)
			return 0;
		if (e->sys == EADDRINUSE)
			term_note("port %u is taken: another login, perhaps "
			    "of the Codex CLI, waits there\n", port[i]);
		else
			term_note("port %u: %s\n", port[i], e->text);
	}
	callback_close(cb);
	cb->port = port[0];
	return -1;
}

void
callback_close(struct callback *cb)
{
	size_t i;

	if (!cb->on)
		return;
	for (i = 0; i < CALLBACK_CONNS; i++)
		net_close(cb->conn[i]);
	net_close(cb->guest);
	for (i = 0; i < 2; i++)
		if (cb->listen[i] >= 0)
			close(cb->listen[i]);
	close(cb->wake);
	memset(cb, 0, sizeof(*cb));
}

/* ---- guests ---- */

static void
accept_guest(struct callback *cb, int listener)
{
	struct net_conn **slot = &cb->conn[cb->oldest];
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		return;
	net_close(*slot);
	*slot = net_accepted(fd, NULL, NULL);
	if (*slot == NULL)
		return;
	if (watch(cb, fd) < 0) {
		net_close(*slot);
		*slot = NULL;
		return;
	}
	cb->oldest = (cb->oldest + 1) % CALLBACK_CONNS;
}

/* conn has sent something, or left. It is closed here, but for the one that
 * brings the query. */
static enum callback_event
serve_guest(struct callback *cb, struct net_conn *conn, const char *state,
    struct buf *query)
{
	struct str rest, path;
	struct http_bad bad;
	struct buf copy;
	enum callback_event event = CALLBACK_NONE;

	buf_init(&copy, HEAD_MAX);
	if (http_read_request(conn, &copy, &cb->head, due_in(HEAD_MS), HEAD_MS,
	    &bad, NULL) < 0) {
		if (bad.status != 0)
			answer(conn, bad.status, "Not understood", bad.why);
		else
			net_close(conn);
		buf_wipe(&copy);
		return event;
	}
	rest = cb->head.target;
	str_cut(&rest, '?', &path);
	if (!str_eq(cb->head.method, STR("GET"))) {
		answer(conn, 404, "Not found", "");
	} else if (str_eq(path, STR("/cancel"))) {
		answer(conn, 200, "Cancelled", "");
		event = CALLBACK_CANCELLED;
	} else if (!str_eq(path, STR("/auth/callback"))) {
		answer(conn, 404, "Not found", "");
	} else if (!callback_state(rest, state)) {
		answer(conn, 400, "Not this login",
		    "The state is that of another login.");
	} else {
		buf_adds(query, rest);
		cb->guest = conn;
		event = CALLBACK_QUERY;
	}
	buf_wipe(&copy); /* the code is in it */
	return event;
}

enum callback_event
callback_step(struct callback *cb, const char *state, struct buf *query)
{
	struct epoll_event ev;
	struct net_conn *conn;
	size_t i;

	if (!cb->on || epoll_wait(cb->wake, &ev, 1, 0) != 1)
		return CALLBACK_NONE;
	for (i = 0; i < 2; i++)
		if (ev.data.fd == cb->listen[i]) {
			accept_guest(cb, cb->listen[i]);
			return CALLBACK_NONE;
		}
	for (i = 0; i < CALLBACK_CONNS; i++) {
		conn = cb->conn[i];
		if (conn == NULL || conn->fd != ev.data.fd)
			continue;
		cb->conn[i] = NULL;
		return serve_guest(cb, conn, state, query);
	}
	return CALLBACK_NONE;
}
