/* SPDX-License-Identifier: MIT */
/*
 * net_open: outgoing connections: names to addresses, racing them, through a
 * proxy if need be, and the TLS handshake. All within one due time.
 *
 * Speaks: a short form of RFC 8305 (addresses of both families by turns, a new
 * attempt every 250 ms, the first that connects wins; all addresses are asked
 * for at once, by getaddrinfo); HTTP CONNECT (RFC 9110 section 9.3.6) with
 * Basic credentials (RFC 7617); SOCKS5 (RFC 1928) with user and password
 * (RFC 1929). Names go to the proxy unresolved.
 * Does not: cache addresses, speak TLS to a proxy, SOCKS4, other SOCKS5
 * methods or commands.
 *
 * The reply of a proxy is read byte-exactly: what follows it belongs to the
 * tunnel. getaddrinfo has no due time (5 to 10 s with a mute name server);
 * the due time is looked at when it is back.
 * Limits: NET_TRY_MAX addresses, PROXY_HEAD_MAX bytes of a CONNECT reply.
 */
#include "net_priv.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NET_TRY_MAX 16
#define NET_STAGGER_MS 250 /* RFC 8305 section 8, the recommended value */
#define PROXY_HEAD_MAX 8192
#define PROXY_LINE_MAX 96 /* of the status line, for the message */

/* ---- names ---- */

static int
resolve_failed(int rc, struct err *e)
{
	if (rc == EAI_SYSTEM)
		return err_sys(e, "name does not resolve");
	if (rc == EAI_MEMORY)
		return err_set(e, ERR_MEM, "name does not resolve: no memory");
	if (rc == EAI_AGAIN)
		return err_set(e, ERR_SYS, "name does not resolve: the name "
		    "server does not answer; look at the DNS settings");
	return err_set(e, ERR_SYS, "name does not resolve: %s",
	    gai_strerror(rc));
}

/* Literals never go to the DNS. The list is freed with freeaddrinfo. */
static struct addrinfo *
resolve(struct str host, unsigned port, struct err *e)
{
	struct addrinfo hint = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	char z[NET_HOST_MAX + 1], service[8];
	int rc;

	memcpy(z, host.p, host.n);
	z[host.n] = '\0';
	fmt_to(service, sizeof(service), "%u", port);
	rc = getaddrinfo(z, service, &hint, &list);
	if (rc == EAI_NONAME) {
		hint.ai_flags = AI_NUMERICSERV;
		rc = getaddrinfo(z, service, &hint, &list);
	}
	/* This name means this machine (RFC 6761), also without /etc/hosts. */
	if (rc != 0 && str_ieq(host, STR("localhost"))) {
		hint.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
		rc = getaddrinfo("127.0.0.1", service, &hint, &list);
	}
	if (rc == 0)
		return list;
	resolve_failed(rc, e);
	return NULL;
}

/* ---- racing ---- */

struct race {
	const struct addrinfo *addr[NET_TRY_MAX];
	int fd[NET_TRY_MAX]; /* of pending attempts, else -1 */
	size_t n, next, live;
	int64_t again; /* ms: when the next attempt starts */
	int why;       /* errno of the most telling failure */
};

/* Both families by turns, beginning with that of the first address: the
 * resolver has sorted them (RFC 6724). */
static void
race_order(struct race *r, const struct addrinfo *list)
{
	const struct addrinfo *a = list, *b = list, **take;
	int first = list->ai_family;
	bool turn = true;

	while (r->n < NET_TRY_MAX) {
		while (a != NULL && a->ai_family != first)
			a = a->ai_next;
		while (b != NULL && b->ai_family == first)
			b = b->ai_next;
		if (a == NULL && b == NULL)
			return;
		take = (turn && a != NULL) || b == NULL ? &a : &b;
		r->fd[r->n] = -1;
		r->addr[r->n++] = *take;
		*take = (*take)->ai_next;
		turn = !turn;
	}
}

/* A lacking route says less than a refusal: the host without IPv6 is usual. */
static void
race_lost(struct race *r, int sys)
{
	bool dull = r->why == 0 || r->why == ENETUNREACH ||
	    r->why == EHOSTUNREACH || r->why == EADDRNOTAVAIL ||
	    r->why == EAFNOSUPPORT;

	if (dull)
		r->why = sys;
	r->again = 0;
}

/* Start the next attempt; its descriptor when it is connected at once. */
static int
race_start(struct race *r)
{
	const struct addrinfo *a = r->addr[r->next++];
	int fd;

	fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (fd < 0) {
		race_lost(r, errno);
		return -1;
	}
	if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
		return fd;
	if (errno != EINPROGRESS && errno != EINTR) {
		race_lost(r, errno);
		close(fd);
		return -1;
	}
	r->fd[r->next - 1] = fd;
	r->live++;
	r->again = due_in(NET_STAGGER_MS);
	return -1;
}

/* Wait for the pending attempts, until the next one is to start at most. 1 =
 * *won is connected, 0 = go on, -1. */
static int
race_wait(struct race *r, const struct net_conn *watch, int64_t due, int *won,
    struct err *e)
{
	struct pollfd p[NET_TRY_MAX + 1];
	int64_t until = r->next < r->n && r->again < due ? r->again : due;
	size_t i;

	for (i = 0; i < r->next; i++)
		p[i] = (struct pollfd){ r->fd[i], POLLOUT, 0 };
	p[i].fd = watch == NULL ? -1 : watch->fd;
	p[i].events = POLLRDHUP | POLLERR | POLLHUP;
	p[i].revents = 0;
	if (poll(p, (nfds_t)i + 1, net_wait_ms(until)) < 0)
		return errno == EINTR ? 0 : err_sys(e, "poll");
	if (p[i].revents != 0)
		return err_set(e, ERR_GONE, "the client has left");
	for (i = 0; i < r->next; i++) {
		int sys = 0;
		socklen_t n = sizeof(sys);

		if (r->fd[i] < 0 || p[i].revents == 0)
			continue;
		getsockopt(r->fd[i], SOL_SOCKET, SO_ERROR, &sys, &n);
		r->live--;
		if (sys == 0) {
			*won = r->fd[i];
			r->fd[i] = -1;
			return 1;
		}
		close(r->fd[i]);
		r->fd[i] = -1;
		race_lost(r, sys);
	}
	return 0;
}

/* A connected descriptor, or -1. */
static int
race_run(struct race *r, const struct net_conn *watch, int64_t due,
    struct err *e)
{
	int64_t now;
	int fd, k;

	for (;;) {
		now = now_ms();
		if (r->next < r->n && (r->live == 0 || now >= r->again)) {
			fd = race_start(r);
			if (fd >= 0)
				return fd;
			continue;
		}
		if (r->live == 0) {
			errno = r->why;
			return err_sys(e, "connect");
		}
		k = race_wait(r, watch, due, &fd, e);
		if (k != 0)
			return k > 0 ? fd : -1;
		if (due != DUE_NEVER && now_ms() >= due && r->live > 0)
			return err_set(e, ERR_TIME, "connect: timed out");
	}
}

/* Resolve and race; -1: e names neither host nor port. */
static int
dial(struct str host, unsigned port, const struct net_conn *watch,
    int64_t due, struct err *e)
{
	struct addrinfo *list = resolve(host, port, e);
	struct race r = { .n = 0 };
	size_t i;
	int fd;

	if (list == NULL)
		return -1;
	race_order(&r, list);
	fd = race_run(&r, watch, due, e);
	for (i = 0; i < r.next; i++)
		if (r.fd[i] >= 0)
			close(r.fd[i]);
	freeaddrinfo(list);
	if (fd >= 0)
		net_tune(fd);
	return fd;
}

/* ---- talking to a proxy ---- */

static int
proxy_send(struct net_conn *c, const void *p, size_t n, int64_t due,
    struct err *e)
{
	int64_t left = 0; /* none */

	if (due != DUE_NEVER) {
		left = due - now_ms();
		if (left < 1)
			left = 1;
	}
	return net_send_str(c, (struct str){ p, n }, left, e);
}

/* Exactly n bytes, or up to n of those that are here when flags is MSG_PEEK:
 * the count, or -1. */
static ssize_t
proxy_recv(struct net_conn *c, void *p, size_t n, int flags, int64_t due,
    struct err *e)
{
	size_t got = 0;
	ssize_t k;

	while (got < n && (flags == 0 || got == 0)) {
		if (net_wait(c, POLLIN, due, e) < 0)
			return -1;
		k = recv(c->fd, (char *)p + got, n - got, flags);
		if (k == 0)
			return err_set(e, ERR_PEER, "closed the connection");
		if (k < 0 && errno != EAGAIN && errno != EINTR)
			return err_sys(e, "receive");
		if (k > 0)
			got += (size_t)k;
	}
	return (ssize_t)got;
}

static int
connect_send(struct net_conn *c, const struct net_target *t,
    const char *name, int64_t due, struct err *e)
{
	struct buf head, plain;
	int rc = -1;

	buf_init(&head, 2048);
	buf_init(&plain, 512);
	buf_fmt(&head, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", name, name);
	if (t->proxy->user[0] != '\0') {
		buf_fmt(&plain, "%s:%s", t->proxy->user, t->proxy->password);
		buf_addz(&head, "Proxy-Authorization: Basic ");
		buf_add_b64(&head, buf_str(&plain).p, plain.len);
		buf_addz(&head, "\r\n");
	}
	buf_addz(&head, "User-Agent: llmux/" LLMUX_VERSION "\r\n\r\n");
	if (head.bad || plain.bad)
		err_set(e, ERR_MEM, "no memory");
	else
		rc = proxy_send(c, head.p, head.len, due, e);
	buf_wipe(&plain);
	buf_wipe(&head);
	return rc;
}

/* Where a reply head stands: its first line, and whether the current line is
 * empty so far. */
struct reply {
	char line[PROXY_LINE_MAX];
	size_t len, sum;
	bool first_done, at_start, done;
};

/* Eat p[0..n) up to the end of the head; the bytes that were of it. */
static size_t
reply_eat(struct reply *r, const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n && !r->done; i++) {
		char c = p[i];

		if (c == '\n') {
			r->done = r->at_start && r->first_done;
			r->first_done = true;
			r->at_start = true;
		} else if (c != '\r') {
			r->at_start = false;
			if (!r->first_done && r->len + 1 < sizeof(r->line))
				r->line[r->len++] =
				    c < 0x20 || c > 0x7e ? '?' : c;
		}
	}
	r->line[r->len] = '\0';
	r->sum += i;
	return i;
}

/* The status of the reply head to CONNECT, whose line is then in r; -1. Peeks
 * first, so that no byte behind the head is taken. */
static int
reply_read(struct net_conn *c, struct reply *r, int64_t due, struct err *e)
{
	char piece[512];
	struct str line;
	uint64_t status;
	ssize_t k;

	*r = (struct reply){ .at_start = true };
	while (!r->done) {
		k = proxy_recv(c, piece, sizeof(piece), MSG_PEEK, due, e);
		if (k < 0)
			return -1;
		k = (ssize_t)reply_eat(r, piece, (size_t)k);
		if (proxy_recv(c, piece, (size_t)k, 0, due, e) < 0)
			return -1;
		if (r->sum > PROXY_HEAD_MAX)
			return err_set(e, ERR_PEER, "reply to CONNECT is over "
			    "%u bytes", (unsigned)PROXY_HEAD_MAX);
	}
	/* "HTTP/1.1 200 ..." */
	line = str_of(r->line);
	if (!str_starts(line, STR("HTTP/1.")) || line.n < 12 ||
	    line.p[8] != ' ' || str_u64(str_sub(line, 9, 3), &status) < 0 ||
	    status < 100 || (line.n > 12 && line.p[12] != ' '))
		return err_set(e, ERR_PEER, "reply to CONNECT is not HTTP; is "
		    "it an HTTP proxy?");
	return (int)status;
}

static int
tunnel_http(struct net_conn *c, const struct net_target *t, const char *name,
    int64_t due, struct err *e)
{
	struct reply r;
	int status;

	if (connect_send(c, t, name, due, e) < 0)
		return -1;
	do {
		status = reply_read(c, &r, due, e);
	} while (status >= 100 && status < 200);
	if (status < 0)
		return -1;
	if (status < 300)
		return 0;
	return err_set(e, ERR_PEER, "refused CONNECT to %s: %s%s", name,
	    r.line + 9, status == 407 ?
	    "; give user and password in the proxy setting" : "");
}

/* ---- SOCKS5 ---- */

/* Method negotiation and, if the proxy wants it, user and password. RFC 1928
 * section 3, RFC 1929 section 2. */
static int
socks_login(struct net_conn *c, const struct net_proxy *p, int64_t due,
    struct err *e)
{
	size_t u = strlen(p->user), w = strlen(p->password);
	unsigned char b[3 + sizeof(p->user) + sizeof(p->password)];
	unsigned char hello[4] = { 5, 1, 0, 2 };
	int rc;

	if (u > 0)
		hello[1] = 2;
	if (proxy_send(c, hello, 2u + hello[1], due, e) < 0 ||
	    proxy_recv(c, b, 2, 0, due, e) < 0)
		return -1;
	if (b[0] != 5)
		return err_set(e, ERR_PEER, "is no SOCKS5 proxy");
	if (b[1] == 0)
		return 0;
	if (b[1] != 2 || u == 0)
		return err_set(e, ERR_PEER, u == 0 ? "SOCKS5: wants user and "
		    "password; give them in the proxy setting" :
		    "SOCKS5: takes no user and password");
	b[0] = 1;
	b[1] = (unsigned char)u;
	memcpy(b + 2, p->user, u);
	b[2 + u] = (unsigned char)w;
	memcpy(b + 3 + u, p->password, w);
	rc = proxy_send(c, b, 3 + u + w, due, e);
	mem_wipe(b, sizeof(b));
	if (rc < 0 || proxy_recv(c, b, 2, 0, due, e) < 0)
		return -1;
	if (b[1] != 0)
		return err_set(e, ERR_PEER,
		    "SOCKS5: refused the user and password");
	return 0;
}

/* The target as SOCKS5 writes it: type, address or name, port. */
static size_t
socks_address(const struct net_target *t, unsigned char *b)
{
	unsigned char ip[16];
	size_t n = net_literal(t->host, ip), at;

	b[0] = n == 4 ? 1 : n == 16 ? 4 : 3;
	at = 1;
	if (n > 0) {
		memcpy(b + at, ip, n);
		at += n;
	} else {
		b[at++] = (unsigned char)t->host.n;
		memcpy(b + at, t->host.p, t->host.n);
		at += t->host.n;
	}
	b[at++] = (unsigned char)(t->port >> 8);
	b[at++] = (unsigned char)(t->port & 255);
	return at;
}

/* RFC 1928 section 6 */
static const char *const socks_reply[] = { "done", "general failure",
	"its rules do not allow it", "network unreachable",
	"host unreachable", "connection refused", "TTL expired",
	"command not supported", "address type not supported" };

static int
tunnel_socks(struct net_conn *c, const struct net_target *t,
    const char *name, int64_t due, struct err *e)
{
	unsigned char b[3 + 2 + NET_HOST_MAX + 2] = { 5, 1, 0 };
	size_t n, rest;

	if (socks_login(c, t->proxy, due, e) < 0)
		return -1;
	n = 3 + socks_address(t, b + 3);
	/* The reply: version, code, 0, then an address that nobody needs. */
	if (proxy_send(c, b, n, due, e) < 0 ||
	    proxy_recv(c, b, 4, 0, due, e) < 0)
		return -1;
	if (b[0] != 5)
		return err_set(e, ERR_PEER, "is no SOCKS5 proxy");
	if (b[1] != 0) {
		n = sizeof(socks_reply) / sizeof(socks_reply[0]);
		return err_set(e, ERR_PEER, "SOCKS5: no connection to %s: %s",
		    name, b[1] < n ? socks_reply[b[1]] : "unknown reply");
	}
	if (b[3] == 3) {
		if (proxy_recv(c, b, 1, 0, due, e) < 0)
			return -1;
		rest = b[0];
	} else if (b[3] == 1 || b[3] == 4) {
		rest = b[3] == 1 ? 4 : 16;
	} else {
		return err_set(e, ERR_PEER,
		    "SOCKS5: reply with an unknown address type");
	}
	return proxy_recv(c, b, rest + 2, 0, due, e) < 0 ? -1 : 0;
}

/* ---- all of it ---- */

/* The one door for host names: they end up in a CONNECT line, in SNI and in
 * getaddrinfo. */
static int
check_target(struct str host, unsigned port, struct err *e)
{
	size_t i;

	if (host.n == 0)
		return err_set(e, ERR_INPUT, "connect: host is missing");
	if (host.n > NET_HOST_MAX)
		return err_set(e, ERR_INPUT,
		    "connect: host name is over 255 bytes");
	for (i = 0; i < host.n; i++)
		if (host.p[i] <= 0x20 || host.p[i] > 0x7e)
			return err_set(e, ERR_INPUT,
			    "connect: host name with a foreign byte");
	if (port == 0 || port > 65535)
		return err_set(e, ERR_INPUT,
		    "connect: port is not in 1 to 65535");
	return 0;
}

static int
start_tls(struct net_conn *c, const struct net_target *t, int64_t due,
    struct err *e)
{
	if (net_room_tls(c, e) < 0)
		return -1;
	c->tls = tls_client(t->trust, t->host, t->port,
	    (struct str){ NULL, 0 }, e);
	if (c->tls == NULL)
		return -1;
	return net_handshake(c, due, e);
}

struct net_conn *
net_open(const struct net_target *t, struct net_conn *watch, int64_t due,
    struct err *e)
{
	const struct net_proxy *via = t->proxy;
	char name[NET_NAME_MAX], proxy[NET_NAME_MAX];
	struct net_conn *c;
	int fd;

	if (via != NULL && via->kind == NET_PROXY_NONE)
		via = NULL;
	if (check_target(t->host, t->port, e) < 0 || (via != NULL &&
	    check_target(str_of(via->host), via->port, e) < 0))
		return NULL;
	net_name(t->host, t->port, name);
	if (via != NULL)
		net_name(str_of(via->host), via->port, proxy);
	fd = via == NULL ? dial(t->host, t->port, watch, due, e) :
	    dial(str_of(via->host), via->port, watch, due, e);
	if (fd < 0) {
		err_prefix(e, via == NULL ? "%s" : "proxy %s",
		    via == NULL ? name : proxy);
		return NULL;
	}
	c = net_wrap(fd, e);
	if (c == NULL) {
		close(fd);
		return NULL;
	}
	c->watch = watch;
	if (via != NULL && (via->kind == NET_PROXY_HTTP ?
	    tunnel_http(c, t, name, due, e) :
	    tunnel_socks(c, t, name, due, e)) < 0) {
		err_prefix(e, "proxy %s", proxy);
		net_close(c);
		return NULL;
	}
	if (t->trust != NULL && start_tls(c, t, due, e) < 0) {
		err_prefix(e, "%s", name);
		net_close(c);
		return NULL;
	}
	c->sent = c->received = 0;
	return c;
}
