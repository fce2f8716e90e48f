/* SPDX-License-Identifier: MIT */
/*
 * net: the bytes of a connection, plain or TLS: wait, read, write, close.
 * net_open.c makes outgoing connections, net_addr.c reads addresses and listens.
 *
 * Descriptors are O_NONBLOCK, calls block in poll until a due time. A plain
 * read that has to wait for its peer polls first and reads once: trying first
 * would only cost a useless read. A plain write tries first: there is nearly
 * always room. The hang-up of another connection (watch) is part of every
 * poll, but not its bytes: a client that sends its next request early costs no
 * wake-up.
 *
 * TLS: the engine of tls.h has no socket; tls_step moves its records. Rules:
 * application bytes go up before anything else; both directions are polled
 * together; a failed write is remembered and reading goes on, since the answer
 * may have come before the reset (an early 413). One receive takes what the
 * engine wants and up to NET_RAW_MAX bytes more, so that a small record costs
 * one system call instead of two (its header, its body).
 *
 * Speaks TCP and Unix stream sockets; TLS through tls.h (close_notify: RFC 5246
 * section 7.2.1).
 * Does not: know HTTP, retry, keep idle connections (pool.c).
 */
#include "net_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NET_RAW_MAX 2048  /* an event or a small answer with its record */
#define NET_IOV_MAX 64    /* pieces of one sendmsg; 1 kB of stack */
#define NET_PROBE_S 60    /* idle seconds before keep-alive probes: routers
			   * forget silent connections after some minutes, and
			   * a model can think longer than that */

/* ---- life ---- */

struct net_conn *
net_wrap(int fd, struct err *e)
{
	struct net_conn *c = NULL;

	if (mem_reserve(sizeof(*c))) {
		c = mem_calloc(sizeof(*c));
		if (c == NULL)
			mem_release(sizeof(*c));
	}
	if (c == NULL) {
		err_set(e, ERR_MEM, "no memory for a connection");
		return NULL;
	}
	c->fd = fd;
	c->reserved = sizeof(*c);
	return c;
}

int
net_reserve(struct net_conn *c, size_t n, struct err *e)
{
	if (!mem_reserve(n))
		return err_set(e, ERR_MEM, "no memory for a connection: "
		    "max_memory is reached");
	c->reserved += n;
	return 0;
}

int
net_room_tls(struct net_conn *c, struct err *e)
{
	if (net_reserve(c, NET_RAW_MAX, e) < 0)
		return -1;
	c->raw = mem_alloc(NET_RAW_MAX);
	if (c->raw == NULL)
		return err_set(e, ERR_MEM, "no memory for a TLS connection");
	return 0;
}

void
net_tune(int fd)
{
	int on = 1, probe = NET_PROBE_S;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &probe, sizeof(probe));
}

struct net_conn *
net_accepted(int fd, const struct tls_identity *id, struct err *e)
{
	struct net_conn *c = net_wrap(fd, e);

	if (c == NULL) {
		close(fd);
		return NULL;
	}
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		err_sys(e, "accepted connection: O_NONBLOCK");
		goto fail;
	}
	net_tune(fd);
	if (id == NULL)
		return c;
	if (net_room_tls(c, e) < 0)
		goto fail;
	c->tls = tls_server(id, e);
	if (c->tls == NULL)
		goto fail;
	return c;
fail:
	net_close(c);
	return NULL;
}

/* The end of every connection. What it read is wiped: keys and tokens pass
 * through here. */
static void
net_free(struct net_conn *c)
{
	size_t reserved = c->reserved;

	if (c->fd >= 0)
		close(c->fd);
	tls_free(c->tls);
	mem_free(c->raw);
	if (c->in != NULL)
		mem_wipe(c->in, c->top);
	mem_free(c->in);
	mem_free(c);
	mem_release(reserved);
}

static int wire_out(struct net_conn *c, struct err *e);

/* One close_notify, one try. Before the end of the handshake there is nothing
 * to close, and after a failed write nobody to tell. */
static void
say_close(struct net_conn *c)
{
	if (c->tls == NULL || c->write_dead)
		return;
	if ((tls_state(c->tls) & (TLS_SEND_APP | TLS_RECV_APP)) != 0)
		tls_close(c->tls);
	if ((tls_state(c->tls) & TLS_SEND_REC) != 0)
		wire_out(c, NULL);
}

void
net_close(struct net_conn *c)
{
	if (c == NULL)
		return;
	say_close(c);
	net_free(c);
}

void
net_abort(struct net_conn *c)
{
	struct linger hard = { 1, 0 };

	if (c == NULL)
		return;
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	net_free(c);
}

/* ---- waiting ---- */

int
net_wait_ms(int64_t due)
{
	int64_t left;

	if (due == DUE_NEVER)
		return -1;
	left = due - now_ms();
	if (left <= 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

int
net_wait(struct net_conn *c, short events, int64_t due, struct err *e)
{
	struct pollfd p[2] = { { c->fd, events, 0 }, { -1, 0, 0 } };
	nfds_t n = 1;
	int ms, k;

	if (c->watch != NULL) {
		p[1].fd = c->watch->fd;
		p[1].events = POLLRDHUP | POLLERR | POLLHUP;
		n = 2;
	}
	do {
		ms = net_wait_ms(due);
		k = poll(p, n, ms);
		if (k < 0 && errno != EINTR)
			return err_sys(e, "poll");
		if (k == 0 && ms == 0)
			return err_set(e, ERR_TIME,
			    "timed out while waiting for the peer");
	} while (k <= 0);
	if (p[1].revents != 0)
		return err_set(e, ERR_GONE, "the client has left");
	return p[0].revents;
}

bool
net_gone(const struct net_conn *c)
{
	struct pollfd p = { c->fd, POLLRDHUP | POLLERR | POLLHUP, 0 };

	return poll(&p, 1, 0) > 0;
}

static bool
would_block(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* ---- TLS records ---- */

/*
 * Records of the engine to the wire: 1 = some bytes went, 0 = no room now,
 * -1 = the write failed (this once, with e). After that the engine's output is
 * thrown away (1), so that it can go on reading.
 */
static int
wire_out(struct net_conn *c, struct err *e)
{
	size_t n;
	unsigned char *p = tls_buf(c->tls, TLS_SEND_REC, &n);
	ssize_t k;

	if (c->write_dead) {
		tls_done(c->tls, TLS_SEND_REC, n);
		return 1;
	}
	k = send(c->fd, p, n, MSG_NOSIGNAL);
	if (k >= 0) {
		tls_done(c->tls, TLS_SEND_REC, (size_t)k);
		return 1;
	}
	if (would_block())
		return 0;
	c->write_dead = true;
	return err_sys(e, "send");
}

/* Bytes read ahead into the engine, as many as it wants now; false: there are
 * none, or it wants none. */
static bool
feed_raw(struct net_conn *c)
{
	size_t n, have = c->raw_len - c->raw_pos;
	unsigned char *p;

	if (have == 0)
		return false;
	p = tls_buf(c->tls, TLS_RECV_REC, &n);
	if (p == NULL)
		return false;
	if (n > have)
		n = have;
	memcpy(p, c->raw + c->raw_pos, n);
	c->raw_pos += n;
	tls_done(c->tls, TLS_RECV_REC, n);
	return true;
}

/* One receive: first what the engine wants, the rest into raw, which must be
 * used up. 0 (also when nothing came after all), or -1. */
static int
wire_in(struct net_conn *c, struct err *e)
{
	struct iovec v[2];
	ssize_t k;
	size_t n;

	v[0].iov_base = tls_buf(c->tls, TLS_RECV_REC, &n);
	v[0].iov_len = n;
	v[1].iov_base = c->raw;
	v[1].iov_len = NET_RAW_MAX;
	k = readv(c->fd, v, 2);
	if (k < 0) {
		if (would_block())
			return 0;
		c->write_dead = true;
		return err_sys(e, "receive");
	}
	if (k == 0) {
		c->eof = true;
		return 0;
	}
	if ((size_t)k < n)
		n = (size_t)k;
	c->raw_pos = 0;
	c->raw_len = (size_t)k - n;
	tls_done(c->tls, TLS_RECV_REC, n);
	return 0;
}

/*
 * One step of the engine, whose state is st: feed it what was read ahead, or
 * send what it has, or wait for the wire in both directions together and then
 * receive. 1 = records went out, 0 = something else moved: look at the state
 * again; -1 with e. A failed write leaves e filled but is no failure of the
 * step: whoever writes looks at write_dead, whoever reads goes on.
 */
static int
tls_step(struct net_conn *c, unsigned st, int64_t due, struct err *e)
{
	short events = 0;
	int got;

	if (feed_raw(c))
		return 0;
	if ((st & TLS_SEND_REC) != 0) {
		if (wire_out(c, e) != 0)
			return 1;
		events |= POLLOUT;
	}
	/* After a FIN the wire is always readable: do not spin on it. */
	if ((st & TLS_RECV_REC) != 0 && !c->eof)
		events |= POLLIN;
	if (events == 0)
		return err_set(e, ERR_PEER, "TLS: closed");
	got = net_wait(c, events, due, e);
	if (got < 0)
		return -1;
	if ((events & POLLIN) != 0 && (got & ~POLLOUT) != 0)
		return wire_in(c, e);
	return 0;
}

int
net_handshake(struct net_conn *c, int64_t due, struct err *e)
{
	unsigned st;

	if (c->tls == NULL)
		return 0;
	for (;;) {
		st = tls_state(c->tls);
		if ((st & TLS_CLOSED) != 0)
			return tls_fail(c->tls, e);
		if ((st & TLS_RECV_APP) != 0 ||
		    ((st & TLS_SEND_APP) != 0 && (st & TLS_SEND_REC) == 0))
			return 0;
		if (c->eof)
			return err_set(e, ERR_PEER,
			    "TLS: the peer closed during the handshake");
		if (tls_step(c, st, due, e) < 0)
			return -1;
	}
}

/* ---- reading ---- */

static ssize_t
plain_read(struct net_conn *c, char *p, size_t n, int64_t due, struct err *e)
{
	ssize_t k;

	do {
		if (net_wait(c, POLLIN, due, e) < 0)
			return -1;
		k = recv(c->fd, p, n, 0);
	} while (k < 0 && would_block());
	if (k < 0) {
		c->write_dead = true;
		return err_sys(e, "receive");
	}
	if (k == 0) {
		c->eof = true;
		/* A write may have been told of the reset; then this is no
		 * end of the peer's making. */
		c->clean = !c->write_dead;
	}
	return k;
}

/* Application bytes of the engine, and of further records that are here
 * already. Costs no system call. */
static size_t
tls_take(struct net_conn *c, char *p, size_t n)
{
	size_t got = 0, k;
	unsigned char *from;

	do {
		from = tls_buf(c->tls, TLS_RECV_APP, &k);
		if (from == NULL)
			continue;
		if (k > n - got)
			k = n - got;
		memcpy(p + got, from, k);
		tls_done(c->tls, TLS_RECV_APP, k);
		got += k;
	} while (got < n && ((tls_state(c->tls) & TLS_RECV_APP) != 0 ||
	    feed_raw(c)));
	return got;
}

static ssize_t
tls_read(struct net_conn *c, char *p, size_t n, int64_t due, struct err *e)
{
	struct err why; /* may be filled by a write that failed */
	unsigned st;

	for (;;) {
		st = tls_state(c->tls);
		if ((st & TLS_RECV_APP) != 0)
			return (ssize_t)tls_take(c, p, n);
		if ((st & TLS_CLOSED) != 0) {
			if (!tls_closed_clean(c->tls))
				return tls_fail(c->tls, e);
			c->eof = c->clean = true;
			return 0;
		}
		if (c->eof)
			return 0; /* a FIN without close_notify */
		if (tls_step(c, st, due, &why) < 0) {
			if (e != NULL)
				*e = why;
			return -1;
		}
	}
}

static ssize_t
wire_read(struct net_conn *c, char *p, size_t n, int64_t due, struct err *e)
{
	ssize_t k;

	if (c->tls != NULL)
		k = tls_read(c, p, n, due, e);
	else if (c->eof)
		k = 0;
	else
		k = plain_read(c, p, n, due, e);
	if (k > 0)
		c->received += (uint64_t)k;
	return k;
}

/* A heap slot of this size and its bookkeeping lie in one page. */
#define IN_MIN 4000

/*
 * The input buffer is made with the first read (a connection that only waits
 * has none), small, and grows once a read has filled it: a stream of small
 * events never needs more than one page. The account has all of it from the
 * beginning, so that growing cannot fail there.
 */
static int
make_in(struct net_conn *c, struct err *e)
{
	bool first = c->in == NULL;
	char *in;

	if (!first && (c->cap == NET_IN_MAX || c->len < c->cap))
		return 0;
	if (first && net_reserve(c, NET_IN_MAX, e) < 0)
		return -1;
	in = mem_alloc(first ? IN_MIN : NET_IN_MAX);
	if (in == NULL && !first && c->pos > 0)
		return 0; /* the small one will do */
	if (in == NULL) {
		if (first) {
			mem_release(NET_IN_MAX);
			c->reserved -= NET_IN_MAX;
		}
		return err_set(e, ERR_MEM, "no memory for an input buffer");
	}
	if (!first) {
		memcpy(in, c->in, c->len);
		mem_wipe(c->in, c->top); /* it may have held a credential */
		mem_free(c->in);
	}
	c->in = in;
	c->cap = first ? IN_MIN : NET_IN_MAX;
	return 0;
}

ssize_t
net_fill(struct net_conn *c, int64_t due, struct err *e)
{
	size_t left = c->len - c->pos;
	ssize_t k;

	if (make_in(c, e) < 0)
		return -1;
	if (left == NET_IN_MAX)
		return err_set(e, ERR_LIMIT, "input buffer of %u bytes is full",
		    (unsigned)NET_IN_MAX);
	if (c->pos > 0 && left > 0)
		memmove(c->in, c->in + c->pos, left);
	c->pos = 0;
	c->len = left;
	k = wire_read(c, c->in + left, c->cap - left, due, e);
	if (k > 0)
		c->len += (size_t)k;
	if (c->len > c->top)
		c->top = c->len;
	return k;
}

struct str
net_peek(const struct net_conn *c)
{
	return (struct str){ c->in == NULL ? NULL : c->in + c->pos,
		c->len - c->pos };
}

void
net_take(struct net_conn *c, size_t n)
{
	size_t left = c->len - c->pos;

	c->pos += n > left ? left : n;
}

ssize_t
net_read(struct net_conn *c, void *p, size_t n, int64_t due, struct err *e)
{
	size_t left = c->len - c->pos;

	if (left == 0)
		return n == 0 ? 0 : wire_read(c, p, n, due, e);
	if (n > left)
		n = left;
	memcpy(p, c->in + c->pos, n);
	c->pos += n;
	return (ssize_t)n;
}

/* ---- writing ---- */

/* Pieces to send, and how far they are. */
struct out {
	const struct iovec *iov;
	size_t n, i, off; /* pieces; current one; bytes of it that are gone */
	int64_t idle_ms;
	int64_t due; /* of the current wait; 0: there was progress since */
};

static void
out_skip_empty(struct out *o)
{
	while (o->i < o->n && o->off == o->iov[o->i].iov_len) {
		o->i++;
		o->off = 0;
	}
}

/* When the wait that begins now must end: idle_ms from the last progress. */
static int64_t
out_due(struct out *o)
{
	if (o->due == 0)
		o->due = due_in(o->idle_ms);
	return o->due;
}

static void
out_advance(struct out *o, size_t k)
{
	o->due = 0;
	while (k > 0) {
		size_t left = o->iov[o->i].iov_len - o->off;

		if (left > k) {
			o->off += k;
			return;
		}
		k -= left;
		o->i++;
		o->off = 0;
	}
}

/* One sendmsg of what is left: 1 = all that was offered went, 0 = the kernel
 * is full, -1 with e and write_dead. */
static int
plain_out(struct net_conn *c, struct out *o, struct err *e)
{
	struct iovec v[NET_IOV_MAX];
	struct msghdr m = { .msg_iov = v };
	size_t sum = 0, i, n = 0;
	ssize_t k;

	for (i = o->i; i < o->n && n < NET_IOV_MAX; i++) {
		size_t off = i == o->i ? o->off : 0;

		if (o->iov[i].iov_len == off)
			continue;
		v[n].iov_base = (char *)o->iov[i].iov_base + off;
		v[n].iov_len = o->iov[i].iov_len - off;
		sum += v[n++].iov_len;
	}
	while (i < o->n && o->iov[i].iov_len == 0)
		i++;
	m.msg_iovlen = n;
	k = sendmsg(c->fd, &m, MSG_NOSIGNAL | (i < o->n ? MSG_MORE : 0));
	if (k < 0) {
		if (would_block())
			return 0;
		c->write_dead = true;
		return err_sys(e, "send");
	}
	c->sent += (uint64_t)k;
	out_advance(o, (size_t)k);
	return (size_t)k == sum;
}

/* After a failed write: is there an answer to read, whole records included?
 * Takes no byte from a plain connection. */
static bool
answer_waits(struct net_conn *c)
{
	struct pollfd p = { c->fd, POLLIN, 0 };
	unsigned st;
	char b;

	if (c->tls == NULL)
		return recv(c->fd, &b, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
	for (;;) {
		st = tls_state(c->tls);
		if ((st & TLS_RECV_APP) != 0)
			return true;
		if ((st & TLS_RECV_REC) == 0 || c->eof)
			return false;
		if (!feed_raw(c) &&
		    (poll(&p, 1, 0) <= 0 || wire_in(c, NULL) < 0))
			return false;
	}
}

static int
plain_send(struct net_conn *c, struct out *o, bool *early, struct err *e)
{
	int k;

	for (;;) {
		out_skip_empty(o);
		if (o->i == o->n)
			return 0;
		k = plain_out(c, o, e);
		if (k < 0)
			break;
		if (k == 1)
			continue;
		k = net_wait(c, early == NULL ? POLLOUT : POLLOUT | POLLIN,
		    out_due(o), e);
		if (k < 0)
			return -1;
		if (early != NULL && (k & POLLIN) != 0) {
			*early = true;
			return 0;
		}
	}
	if (early != NULL && answer_waits(c)) {
		*early = true;
		return 0;
	}
	return -1;
}

/* Copy pieces into the engine as long as it takes them; when all are in, make
 * a record of the rest. Many small pieces become one record. */
static void
tls_put(struct net_conn *c, struct out *o)
{
	unsigned char *p;
	size_t n, left;

	for (;;) {
		out_skip_empty(o);
		if (o->i == o->n) {
			tls_flush(c->tls);
			return;
		}
		p = tls_buf(c->tls, TLS_SEND_APP, &n);
		if (p == NULL)
			return;
		left = o->iov[o->i].iov_len - o->off;
		if (n > left)
			n = left;
		memcpy(p, (const char *)o->iov[o->i].iov_base + o->off, n);
		tls_done(c->tls, TLS_SEND_APP, n);
		c->sent += n;
		o->off += n;
	}
}

static int
tls_send(struct net_conn *c, struct out *o, bool *early, struct err *e)
{
	unsigned st;
	int k;

	do {
		out_skip_empty(o);
		st = tls_state(c->tls);
		if (early != NULL && (c->eof ||
		    (st & (TLS_RECV_APP | TLS_CLOSED)) != 0)) {
			*early = true;
			return 0;
		}
		if ((st & TLS_CLOSED) != 0)
			return tls_fail(c->tls, e);
		if ((st & TLS_SEND_APP) != 0 && o->i < o->n) {
			tls_put(c, o);
			continue;
		}
		if (o->i == o->n && (st & TLS_SEND_REC) == 0)
			return 0;
		k = tls_step(c, st, out_due(o), e);
		if (k < 0)
			return -1;
		if (k == 1)
			o->due = 0;
	} while (!c->write_dead);
	if (early != NULL && answer_waits(c)) {
		*early = true;
		return 0;
	}
	return -1;
}

int
net_send(struct net_conn *c, const struct iovec *iov, size_t n,
    int64_t idle_ms, bool *early, struct err *e)
{
	struct out o = { .iov = iov, .n = n, .idle_ms = idle_ms };
	struct err why; /* no failure when the answer came first */
	int rc;

	if (early != NULL)
		*early = false;
	if (c->write_dead) {
		rc = err_set(&why, ERR_SYS, "send: the connection is closed");
		why.sys = EPIPE;
	} else if (c->tls == NULL) {
		rc = plain_send(c, &o, early, &why);
	} else {
		rc = tls_send(c, &o, early, &why);
	}
	if (rc < 0 && e != NULL)
		*e = why;
	return rc;
}

int
net_send_str(struct net_conn *c, struct str s, int64_t idle_ms,
    struct err *e)
{
	struct iovec v = { (char *)(uintptr_t)s.p, s.n };

	return net_send(c, &v, 1, idle_ms, NULL, e);
}

/* ---- idle, and the slow end ---- */

bool
net_idle_ok(struct net_conn *c)
{
	ssize_t k;
	char b;

	if (c->eof || c->write_dead || c->pos < c->len ||
	    c->raw_pos < c->raw_len)
		return false;
	if (c->tls != NULL &&
	    tls_state(c->tls) != (TLS_SEND_APP | TLS_RECV_REC))
		return false;
	do {
		k = recv(c->fd, &b, 1, MSG_PEEK | MSG_DONTWAIT);
	} while (k < 0 && errno == EINTR);
	return k < 0 && would_block();
}

void
net_linger_close(struct net_conn *c, size_t max, int64_t due)
{
	size_t sum = 0;
	ssize_t k = 1;

	if (c == NULL)
		return;
	c->watch = NULL;
	say_close(c);
	if (c->eof || shutdown(c->fd, SHUT_WR) < 0 || make_in(c, NULL) < 0)
		max = 0;
	c->top = c->cap;
	while (sum < max && k != 0 && net_wait(c, POLLIN, due, NULL) >= 0) {
		k = recv(c->fd, c->in, c->cap, 0);
		if (k < 0 && !would_block())
			break;
		if (k > 0)
			sum += (size_t)k;
	}
	net_free(c);
}
