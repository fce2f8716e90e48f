/* SPDX-License-Identifier: MIT */
/*
 * net_lab: net.c and net_open.c with their system calls behind counters and
 * lies, and peers for them: a thread that accepts one connection and plays a
 * script on it with plain blocking calls.
 *
 * Names under "test" come from lab_hosts; nothing here leaves the loopback.
 */
#ifndef LLMUX_TESTS_NET_LAB_H
#define LLMUX_TESTS_NET_LAB_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"

#define LAB_MS 10000 /* no wait of a test is longer */

/* ---- system calls of the thread that looks, and lies to all ---- */

static _Thread_local struct {
	unsigned poll, recv, send;
} calls;
static _Atomic unsigned lies; /* 0: none, else a seed that moves on */

static unsigned
lab_dice(unsigned sides)
{
	unsigned v = lies;

	if (v == 0)
		return 1;
	v = v * 1664525u + 1013904223u;
	lies = v == 0 ? 1 : v;
	return (v >> 16) % sides;
}

static inline int
lab_poll(struct pollfd *p, nfds_t n, int ms)
{
	calls.poll++;
	if (lab_dice(7) == 0) {
		errno = EINTR;
		return -1;
	}
	return poll(p, n, ms);
}

/* How much of n a lying kernel takes; 0 = an interrupt. */
static size_t
lab_cut(size_t n)
{
	unsigned d = lab_dice(6);

	if (d == 0)
		return 0;
	return lies == 0 || d > 3 || n < 2 ? n : 1 + lab_dice((unsigned)n);
}

static inline ssize_t
lab_recv(int fd, void *p, size_t n, int flags)
{
	size_t cut = lab_cut(n);

	calls.recv++;
	if (cut == 0) {
		errno = EINTR;
		return -1;
	}
	return recv(fd, p, cut < n ? cut : n, flags);
}

static inline ssize_t
lab_readv(int fd, const struct iovec *v, int n)
{
	size_t cut = lab_cut(v[0].iov_len);

	calls.recv++;
	if (cut == 0) {
		errno = EINTR;
		return -1;
	}
	return cut < v[0].iov_len ? read(fd, v[0].iov_base, cut) :
	    readv(fd, v, n);
}

static inline ssize_t
lab_send(int fd, const void *p, size_t n, int flags)
{
	size_t cut = lab_cut(n);

	calls.send++;
	if (cut == 0) {
		errno = EINTR;
		return -1;
	}
	return send(fd, p, cut < n ? cut : n, flags);
}

static inline ssize_t
lab_sendmsg(int fd, const struct msghdr *m, int flags)
{
	struct msghdr one = *m;
	struct iovec v;
	size_t cut;

	calls.send++;
	if (lies == 0 || m->msg_iovlen == 0)
		return sendmsg(fd, m, flags);
	v = m->msg_iov[0];
	cut = lab_cut(v.iov_len);
	if (cut == 0) {
		errno = EINTR;
		return -1;
	}
	if (cut >= v.iov_len)
		return sendmsg(fd, m, flags);
	v.iov_len = cut;
	one.msg_iov = &v;
	one.msg_iovlen = 1;
	return sendmsg(fd, &one, flags);
}

/* ---- names ---- */

struct lab_host {
	const char *name;
	const char *addr[4]; /* in the resolver's order */
};
static const struct lab_host lab_hosts[] = {
	{ "up.test", { "127.0.0.1" } },
	{ "closed-first.test", { "127.0.0.2", "127.0.0.1" } },
	{ "six-first.test", { "::1", "127.0.0.1" } },
	{ "two-six.test", { "::1", "::1", "127.0.0.1" } },
	{ "slow-dns.test", { "127.0.0.1" } },
};
static _Atomic unsigned lab_lookups; /* of names, not of literals */

static int
lab_getaddrinfo(const char *host, const char *port,
    const struct addrinfo *hint, struct addrinfo **list)
{
	struct addrinfo numeric = *hint, **end = list;
	size_t i, k;
	int rc;

	rc = (hint->ai_flags & AI_NUMERICHOST) != 0 ?
	    getaddrinfo(host, port, hint, list) : EAI_NONAME;
	if ((hint->ai_flags & AI_NUMERICHOST) != 0)
		return rc;
	lab_lookups++;
	if (strcmp(host, "localhost") == 0)
		return getaddrinfo(host, port, hint, list);
	if (strcmp(host, "again.test") == 0)
		return EAI_AGAIN;
	numeric.ai_flags |= AI_NUMERICHOST;
	*list = NULL;
	for (i = 0; i < sizeof(lab_hosts) / sizeof(lab_hosts[0]); i++) {
		if (strcmp(host, lab_hosts[i].name) != 0)
			continue;
		for (k = 0; k < 4 && lab_hosts[i].addr[k] != NULL; k++) {
			rc = getaddrinfo(lab_hosts[i].addr[k], port, &numeric,
			    end);
			if (rc != 0)
				return rc;
			end = &(*end)->ai_next;
		}
		return 0;
	}
	return EAI_NONAME;
}

#define poll(p, n, ms) lab_poll(p, n, ms)
#define recv(fd, p, n, flags) lab_recv(fd, p, n, flags)
#define readv(fd, v, n) lab_readv(fd, v, n)
#define send(fd, p, n, flags) lab_send(fd, p, n, flags)
#define sendmsg(fd, m, flags) lab_sendmsg(fd, m, flags)
#define getaddrinfo(h, p, hint, l) lab_getaddrinfo(h, p, hint, l)
#include "../net.c"
#include "../net_open.c"
#undef poll
#undef recv
#undef readv
#undef send
#undef sendmsg
#undef getaddrinfo

/* ---- peers ---- */

/* CHECK counts without a lock and belongs to main; peers report here, and
 * lab_done() adds it up. */
static _Atomic unsigned lab_failed;

#define PEER_CHECK(row, cond) lab_note((cond) != 0, #cond, row, __LINE__)

static inline void
lab_note(int ok, const char *what, const char *row, int line)
{
	if (ok)
		return;
	lab_failed++;
	fprintf(stderr, "peer, line %d: %s: failed: %s\n", line, row, what);
}

static inline int
lab_done(void)
{
	CHECK_INT(lab_failed, 0);
	return check_done();
}

struct peer {
	pthread_t thread;
	int listener;
	unsigned port;
	void (*play)(int fd, void *arg);
	void *arg;
};

static void
lab_die(const char *what)
{
	perror(what);
	exit(1);
}

/* A listener on addr with a port of the kernel's choice (or *port). */
static int
lab_listen(const char *addr, unsigned *port, int backlog)
{
	struct sockaddr_storage sa;
	struct sockaddr_in *v4 = (struct sockaddr_in *)&sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&sa;
	bool six = strchr(addr, ':') != NULL;
	socklen_t n = six ? sizeof(*v6) : sizeof(*v4);
	int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM, 0), on = 1;

	memset(&sa, 0, sizeof(sa));
	if (six) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)*port);
		inet_pton(AF_INET6, addr, &v6->sin6_addr);
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	} else {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)*port);
		inet_pton(AF_INET, addr, &v4->sin_addr);
	}
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, n) < 0 ||
	    listen(fd, backlog) < 0 ||
	    getsockname(fd, (struct sockaddr *)&sa, &n) < 0)
		lab_die("lab_listen");
	*port = ntohs(six ? v6->sin6_port : v4->sin_port);
	return fd;
}

static int
lab_accept(int listener)
{
	struct pollfd p = { listener, POLLIN, 0 };
	struct timeval limit = { LAB_MS / 1000, 0 };
	int fd, on = 1;

	if (poll(&p, 1, LAB_MS) <= 0)
		return -1;
	fd = accept(listener, NULL, NULL);
	if (fd >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	}
	return fd;
}

static void *
lab_peer_main(void *arg)
{
	struct peer *p = arg;
	int fd = lab_accept(p->listener);

	if (fd >= 0)
		p->play(fd, p->arg);
	return NULL;
}

/* play owns the descriptor and closes it. */
static void
peer_start(struct peer *p, void (*play)(int, void *), void *arg)
{
	*p = (struct peer){ .play = play, .arg = arg };
	p->listener = lab_listen("127.0.0.1", &p->port, 16);
	if (pthread_create(&p->thread, NULL, lab_peer_main, p) != 0)
		lab_die("pthread_create");
}

static void
peer_end(struct peer *p)
{
	pthread_join(p->thread, NULL);
	close(p->listener);
}

static void
lab_sleep(int ms)
{
	poll(NULL, 0, ms);
}

/* Until the other side has closed, without reading, or ms have passed. */
static inline void
lab_wait_end(int fd, int ms)
{
	struct pollfd p = { fd, POLLRDHUP, 0 };

	poll(&p, 1, ms);
}

/* All of p, or as far as the other side takes it. */
static size_t
lab_write(int fd, const void *p, size_t n)
{
	size_t done = 0;
	ssize_t k;

	while (done < n) {
		k = send(fd, (const char *)p + done, n - done, MSG_NOSIGNAL);
		if (k <= 0)
			break;
		done += (size_t)k;
	}
	return done;
}

static size_t
lab_read(int fd, void *p, size_t n)
{
	size_t done = 0;
	ssize_t k;

	while (done < n) {
		k = recv(fd, (char *)p + done, n - done, 0);
		if (k <= 0)
			break;
		done += (size_t)k;
	}
	return done;
}

/* A connection to port of the loopback, which must work. */
static struct net_conn *
lab_open(unsigned port)
{
	struct net_target t = { .host = STR("127.0.0.1"), .port = port };
	struct err e = { ERR_NONE, 0, "" };
	struct net_conn *c = net_open(&t, NULL, due_in(LAB_MS), &e);

	CHECK_STR(str_of(e.text), STR(""));
	if (c == NULL)
		exit(1);
	return c;
}

/* Both ends of a loopback connection: ours wrapped, the other's descriptor. */
static struct net_conn *
lab_pair(int *other)
{
	unsigned port = 0;
	int l = lab_listen("127.0.0.1", &port, 4);
	struct net_conn *c = lab_open(port);

	*other = lab_accept(l);
	close(l);
	if (*other < 0)
		lab_die("lab_pair");
	return c;
}

#endif
