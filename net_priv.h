/* SPDX-License-Identifier: MIT */
/*
 * net_priv: what net.c (connections and bytes) lends to net_open.c (names,
 * racing, proxies) and net_listen.c (addresses to listen on). Nobody else
 * includes this.
 */
#ifndef LLMUX_NET_PRIV_H
#define LLMUX_NET_PRIV_H

#include "net.h"

#define NET_HOST_MAX 255 /* bytes of a host name, RFC 1035 section 2.3.4 */
#define NET_NAME_MAX (NET_HOST_MAX + 10) /* "[host]:65535" with its NUL */

/* Hidden by _POSIX_C_SOURCE; the value of Linux on every architecture. */
#ifndef POLLRDHUP
#define POLLRDHUP 0x2000
#endif

/* A zeroed connection around fd, counted in max_memory. NULL: ERR_MEM; fd
 * stays open then. */
struct net_conn *net_wrap(int fd, struct err *e);
/* Count n more bytes for c, given back when it is closed. */
int net_reserve(struct net_conn *c, size_t n, struct err *e);
/* Count the cost of TLS and make the read-ahead buffer; c->tls is set by the
 * caller afterwards. */
int net_room_tls(struct net_conn *c, struct err *e);
/* TCP_NODELAY and keep-alive probes; what does not apply is ignored. */
void net_tune(int fd);

/* Wait until c is ready for one of events, or has failed: the revents of
 * poll, > 0. Also waits for the hang-up of c->watch. -1: ERR_TIME, ERR_GONE,
 * ERR_SYS. A due time in the past still takes what is ready. */
int net_wait(struct net_conn *c, short events, int64_t due, struct err *e);
/* Milliseconds until due for poll: -1 = for good, 0 = it has passed. */
int net_wait_ms(int64_t due);

/* "host:port", "[v6]:port", or without port (then *port is absent). */
int net_split(struct str s, struct str *host, struct str *port,
    struct err *e);
/* 0 to 65535; the error says what is wrong without quoting s. */
int net_port(struct str s, unsigned *port, struct err *e);
/* "host:port", with brackets around an IPv6 literal. Cut when too long. */
void net_name(struct str host, unsigned port, char dst[NET_NAME_MAX]);

#endif
