/* SPDX-License-Identifier: MIT */
/*
 * net: a connection, plain or TLS. The only file that touches sockets.
 * Descriptors are O_NONBLOCK; calls block until an absolute due time (ms,
 * monotonic, DUE_NEVER = none) and then fail with ERR_TIME. SIGPIPE never
 * happens (MSG_NOSIGNAL).
 *
 * A connection reads through its own input buffer (in[pos..len)), so that
 * parsers work on slices of it: net_fill adds bytes, net_take uses them up.
 */
#ifndef LLMUX_NET_H
#define LLMUX_NET_H

#include <sys/uio.h>

#include "base.h"
#include "tls.h"

#define NET_IN_MAX 16384 /* input buffer; one full TLS record */

struct net_conn {
	int fd;
	struct tls *tls;        /* NULL: plain */
	struct net_conn *watch; /* while this one waits: fail if that leaves */
	char *in;
	size_t pos, len, cap;
	bool eof;         /* the peer sent FIN or close_notify */
	bool clean;       /* eof, and (TLS) with close_notify */
	bool write_dead;  /* EPIPE or reset on a write; reading may go on */
	bool reused;      /* came from the pool */
	size_t reserved;  /* bytes of it in max_memory */
	uint64_t sent, received; /* payload (TLS: without records), for the log */
	/* net.c's own: most that in[] ever held; TLS records read ahead */
	size_t top;
	unsigned char *raw;
	size_t raw_pos, raw_len;
};

/* ---- making connections ---- */

/* A proxy between us and the upstream. kind NONE: direct. */
enum net_proxy_kind { NET_PROXY_NONE, NET_PROXY_HTTP, NET_PROXY_SOCKS5 };
struct net_proxy {
	enum net_proxy_kind kind;
	char host[256];
	unsigned port;
	char user[128], password[256]; /* empty: none */
};

/* "socks5://[user:pw@]host:port", "socks5h://", "http://...". A bare
 * host:port is HTTP. -1: ERR_INPUT with what was expected; the password is
 * never quoted. */
int net_proxy_parse(struct str s, struct net_proxy *p, struct err *e);
/* NO_PROXY list: names, .suffixes, IPs, CIDR blocks, "*", optional :port. A
 * name stands for its subdomains too, a .suffix for subdomains only. */
bool net_no_proxy(struct str list, struct str host, unsigned port);

struct net_target {
	struct str host; /* name or IP literal, without brackets */
	unsigned port;
	const struct tls_trust *trust; /* NULL: plain */
	const struct net_proxy *proxy; /* NULL or NONE: direct */
};

/*
 * Connect, through the proxy if there is one, with the TLS handshake; all
 * within due. All addresses are tried, IPv6 and IPv4 by turns, a new attempt
 * every 250 ms while earlier ones are pending (RFC 8305 in short). watch (may
 * be NULL) is the client on whose behalf this happens; it stays the watch of
 * the new connection. NULL: ERR_INPUT, ERR_SYS, ERR_TIME, ERR_PEER (TLS,
 * proxy), ERR_GONE, ERR_MEM; the text names host and port.
 */
struct net_conn *net_open(const struct net_target *t, struct net_conn *watch,
    int64_t due, struct err *e);
/* Take over an accepted descriptor (made O_NONBLOCK, TCP_NODELAY); it is closed
 * on failure too. id: LAN TLS, the handshake is done by the first read or by
 * net_handshake. */
struct net_conn *net_accepted(int fd, const struct tls_identity *id,
    struct err *e);
int net_handshake(struct net_conn *c, int64_t due, struct err *e);
/* Send close_notify if TLS (one try, no waiting), close, free. NULL is fine. */
void net_close(struct net_conn *c);
/* Close with a TCP reset: tells a peer without framing that the body was
 * cut. */
void net_abort(struct net_conn *c);
/* After an early refusal: stop sending, read and drop up to max bytes or until
 * due, close. Without this the answer can be lost in a reset. */
void net_linger_close(struct net_conn *c, size_t max, int64_t due);

/* ---- listening ---- */

struct net_addr {
	bool is_unix, is_tls;
	char host[108]; /* IP literal, or path of the unix socket */
	unsigned port;
	unsigned mode; /* unix only */
};

/* "127.0.0.1:8081", "[::1]:8081", "8081", "unix:/path", "tls:IP:port". */
int net_addr_parse(struct str s, struct net_addr *a, struct err *e);
bool net_addr_loopback(const struct net_addr *a); /* unix counts as such */
/* The address bytes of an IP literal: 4, 16, or 0 when s is none. The zone of
 * an IPv6 literal ("%eth0") is not looked at. */
size_t net_literal(struct str s, unsigned char ip[16]);
bool net_loopback(struct str s); /* is s an IP literal of this machine? */
/* A listening descriptor, or -1 (e names the address and what to do). port 0:
 * the kernel chooses, a->port is filled. A stale unix socket is replaced, a
 * living one is not. */
int net_listen(struct net_addr *a, struct err *e);
void net_unlisten(int fd, const struct net_addr *a);
/* "http://127.0.0.1:8081" into dst. */
void net_addr_url(const struct net_addr *a, struct buf *dst);

/* ---- bytes ---- */

/* More bytes into c's input buffer: count > 0; 0 = end (c->eof, c->clean);
 * -1. The buffer is compacted first, so slices of it are void after this.
 * Gives ERR_LIMIT when it is full. */
ssize_t net_fill(struct net_conn *c, int64_t due, struct err *e);
/* Unread bytes, and using up n of them. */
struct str net_peek(const struct net_conn *c);
void net_take(struct net_conn *c, size_t n);
/* Read into p, first what is buffered, then from the wire directly: count,
 * 0 = end, -1. */
ssize_t net_read(struct net_conn *c, void *p, size_t n, int64_t due,
    struct err *e);
/*
 * Send all pieces, in one system call when the kernel takes them. idle_ms: the
 * longest time without progress (0 = none). When early is not NULL, and the
 * peer sends bytes or closes while ours are going out, stops and sets *early:
 * the answer came first, go and read it. A write error with an answer already
 * readable is also given as *early.
 */
int net_send(struct net_conn *c, const struct iovec *iov, size_t n,
    int64_t idle_ms, bool *early, struct err *e);
int net_send_str(struct net_conn *c, struct str s, int64_t idle_ms,
    struct err *e);

/* Is this idle connection still good: no byte waiting, no FIN, no TLS alert? */
bool net_idle_ok(struct net_conn *c);
/* Has the peer of c hung up (FIN or reset), without reading? */
bool net_gone(const struct net_conn *c);

#endif
