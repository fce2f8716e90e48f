/* SPDX-License-Identifier: MIT */
/*
 * Small helpers shared by upstream.c and load.c: the clock, byte search, decimal numbers,
 * header field look-up in a complete head, and socket options.
 *
 * They are not llmux's own: a bench built on the code it measures would share its mistakes.
 * Sources: RFC 9110 (field names, Content-Length), RFC 9112 (message heads).
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#define NS_PER_S 1000000000ull

static inline uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* First place of the word w in p[0..n), NULL if it is not there. wn is at least 1. */
static inline const char *
find(const char *p, size_t n, const char *w, size_t wn)
{
	while (n >= wn) {
		const char *q = memchr(p, w[0], n - wn + 1);

		if (q == NULL)
			return NULL;
		if (memcmp(q, w, wn) == 0)
			return q;
		n -= (size_t)(q + 1 - p);
		p = q + 1;
	}
	return NULL;
}

/* Read decimal digits; returns how many were eaten, 0 if none or over 19 digits. */
static inline size_t
get_u64(const char *p, size_t n, uint64_t *value)
{
	uint64_t v = 0;
	size_t i = 0;

	while (i < n && p[i] >= '0' && p[i] <= '9' && i < 20)
		v = v * 10 + (uint64_t)(p[i++] - '0');
	if (i == 0 || i > 19)
		return 0;
	*value = v;
	return i;
}

/*
 * The value of the field called name in a complete head (up to its empty line), without
 * blanks around it; NULL if it is absent. *vn gets its length. The first of several wins.
 */
static inline const char *
head_field(const char *head, size_t n, const char *name, size_t *vn)
{
	const char *end = head + n, *p = head;
	size_t nn = strlen(name);

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = nl == NULL ? (size_t)(end - p) : (size_t)(nl - p);

		if (len > nn && p[nn] == ':' && strncasecmp(p, name, nn) == 0) {
			const char *v = p + nn + 1, *e = p + len;

			while (v < e && (*v == ' ' || *v == '\t'))
				v++;
			while (e > v && (e[-1] == '\r' || e[-1] == ' '))
				e--;
			*vn = (size_t)(e - v);
			return v;
		}
		if (nl == NULL)
			return NULL;
		p = nl + 1;
	}
	return NULL;
}

/* Non-blocking, no Nagle; 0, or -1 with errno. */
static inline int
socket_ready(int fd)
{
	int one = 1, flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -1;
	return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static inline struct sockaddr_in
loopback(uint16_t port)
{
	struct sockaddr_in a;

	memset(&a, 0, sizeof a);
	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.sin_port = htons(port);
	return a;
}

#endif
