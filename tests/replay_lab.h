/* SPDX-License-Identifier: MIT */
/*
 * replay_lab: what replay.c is made of: a play and its connections, the text of
 * a section to bytes, sending bytes and comparing what comes. Knows no HTTP
 * but for the frame of a chunk and the length of a body that it writes itself.
 */
#ifndef LLMUX_TESTS_REPLAY_LAB_H
#define LLMUX_TESTS_REPLAY_LAB_H

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef WAIT_MS
#define WAIT_MS 8000 /* the longest that anything expected may take */
#endif
#define QUIET_MS 60  /* how long "nothing more comes" is watched */
#define LINES 9      /* connections on each side, chosen by a digit */
#define ANY_BYTE 1   /* in what is expected: one byte of any value */

struct bytes {
	char *p;
	size_t n, cap;
};

/* One connection, and what it sent that nobody looked at yet. */
struct conn {
	int fd; /* -1: none */
	struct bytes in;
};

struct play {
	const char *file;
	int line; /* of the section that runs, for messages */
	char dir[64];
	char host[64]; /* llmux's address */
	char up[64];   /* the mock's address */
	char dead[64]; /* an address that refuses connections */
	int listener, mute; /* mute: bound to dead, never listens */
	struct conn clients[LINES], upstreams[LINES];
	struct conn *client, *upstream; /* the ones in use */
	pid_t pid;
	int out; /* llmux's stdout */
	struct bytes log;
	bool failed;
};

static void
add(struct bytes *b, const char *p, size_t n)
{
	if (b->n + n + 1 > b->cap) {
		b->cap = (b->n + n + 1) * 2;
		b->p = realloc(b->p, b->cap);
		if (b->p == NULL)
			abort();
	}
	if (n > 0)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	b->p[b->n] = '\0';
}

static void
drop(struct bytes *b, size_t n)
{
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
	b->p[b->n] = '\0';
}

static long
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
show(const char *what, const char *p, size_t n)
{
	size_t i;

	fprintf(stdout, "  %s: \"", what);
	for (i = 0; i < n && i < 600; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c == '\n')
			fputs("\\n\n    ", stdout);
		else if (c == '\r')
			fputs("\\r", stdout);
		else if (c == ANY_BYTE)
			fputc('?', stdout);
		else if (c < 0x20 || c > 0x7e)
			fprintf(stdout, "\\x%02x", c);
		else
			fputc(c, stdout);
	}
	fprintf(stdout, "%s\"\n", i < n ? "..." : "");
}

__attribute__((format(printf, 2, 3))) static bool
fail(struct play *p, const char *fmt, ...)
{
	va_list ap;

	if (!p->failed)
		printf("FAIL %s\n", p->file);
	p->failed = true;
	printf("  line %d: ", p->line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	return false;
}

/* ---- text of a section to bytes ---- */

static int
hex(char c)
{
	return isdigit((unsigned char)c) ? c - '0' :
	    (tolower((unsigned char)c) - 'a' + 10);
}

static void
add_escaped(struct bytes *b, const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		char c = s[i];

		if (c == '\\' && i + 1 < n) {
			c = s[++i];
			if (c == 'r')
				c = '\r';
			else if (c == 'n')
				c = '\n';
			else if (c == 't')
				c = '\t';
			else if (c == '0')
				c = '\0';
			else if (c == 'x' && i + 2 < n) {
				c = (char)(hex(s[i + 1]) * 16 + hex(s[i + 2]));
				i += 2;
			}
		}
		add(b, &c, 1);
	}
}

static void
add_any(struct bytes *b, size_t n)
{
	while (n-- > 0)
		add(b, (const char[]){ ANY_BYTE }, 1);
}

/* One line with its $WORDs put in; $LEN waits for the body, $ANY for the
 * comparison. */
static void
add_line(struct bytes *b, const struct play *p, const char *s, size_t n)
{
	const struct {
		const char *word, *text;
		size_t any; /* bytes of any value behind text */
	} words[] = { { "$HOST", p->host, 0 }, { "$UP", p->up, 0 },
		{ "$DEAD", p->dead, 0 }, { "$DIR", p->dir, 0 },
		{ "$RID", "req_", 18 }, { "$DATE", "", 29 },
		{ "$TIME", "", 20 }, { "$STEM", "", 18 },
		{ "$SECS", "", 10 } };
	size_t i, k, count = sizeof(words) / sizeof(words[0]);

	for (i = 0; i < n; i++) {
		for (k = 0; k < count; k++)
			if (strncmp(s + i, words[k].word,
			    strlen(words[k].word)) == 0)
				break;
		if (k == count) {
			add(b, s + i, 1);
			continue;
		}
		add(b, words[k].text, strlen(words[k].text));
		add_any(b, words[k].any);
		i += strlen(words[k].word) - 1;
	}
}

struct text {
	struct bytes out;
	size_t body; /* where the body begins, 0: still in the head */
	size_t blank; /* empty lines in the body that may be its last */
	bool in_chunk;
	struct bytes chunk;
};

static void
end_chunk(struct text *t)
{
	char size[32];

	if (!t->in_chunk)
		return;
	snprintf(size, sizeof(size), "%zx\r\n", t->chunk.n);
	add(&t->out, size, strlen(size));
	add(&t->out, t->chunk.p, t->chunk.n);
	add(&t->out, "\r\n", 2);
	t->chunk.n = 0;
	t->in_chunk = false;
}

static void
fill_length(struct text *t)
{
	char *at = t->out.n == 0 ? NULL : strstr(t->out.p, "$LEN"), len[32];
	struct bytes whole = { NULL, 0, 0 };

	if (at == NULL)
		return;
	snprintf(len, sizeof(len), "%zu", t->body == 0 ? 0 :
	    t->out.n - t->body);
	add(&whole, t->out.p, (size_t)(at - t->out.p));
	add(&whole, len, strlen(len));
	add(&whole, at + 4, t->out.n - (size_t)(at + 4 - t->out.p));
	if (t->body != 0)
		t->body = t->body + strlen(len) - 4;
	free(t->out.p);
	t->out = whole;
}

/* One line of a section that makes bytes. */
static void
text_line(struct play *p, struct text *t, const char *s, size_t n)
{
	if (n >= 5 && memcmp(s, "@raw ", 5) == 0) {
		end_chunk(t);
		add_escaped(&t->out, s + 5, n - 5);
	} else if (n >= 8 && memcmp(s, "@repeat ", 8) == 0) {
		char *rest;
		long times = strtol(s + 8, &rest, 10);
		struct bytes one = { NULL, 0, 0 };

		add_escaped(&one, rest + 1, n - (size_t)(rest + 1 - s));
		while (times-- > 0)
			add(t->in_chunk ? &t->chunk : &t->out, one.p, one.n);
		free(one.p);
	} else if (n == 6 && memcmp(s, "@chunk", 6) == 0) {
		end_chunk(t);
		t->in_chunk = true;
	} else if (n == 5 && memcmp(s, "@last", 5) == 0) {
		end_chunk(t);
		add(&t->out, "0\r\n\r\n", 5);
	} else if (n == 5 && memcmp(s, "@head", 5) == 0) {
		end_chunk(t);
		fill_length(t);
		t->body = t->blank = 0;
	} else if (t->in_chunk) {
		add_line(&t->chunk, p, s, n);
		add(&t->chunk, "\n", 1);
	} else if (t->body == 0) {
		add_line(&t->out, p, s, n);
		add(&t->out, "\r\n", 2);
		if (n == 0)
			t->body = t->out.n;
	} else if (n == 0) {
		t->blank++; /* at the section's end it is only for the eye */
	} else {
		if (t->out.n > t->body)
			t->blank++;
		for (; t->blank > 0; t->blank--)
			add(&t->out, "\n", 1);
		add_line(&t->out, p, s, n);
	}
}

/* ---- the wire ---- */

static bool
wait_fd(int fd, short events, int ms)
{
	struct pollfd f = { .fd = fd, .events = events };

	return poll(&f, 1, ms) > 0;
}

static int
dial(const char *host)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	const char *colon = strchr(host, ':');

	a.sin_port = htons((unsigned short)strtol(colon + 1, NULL, 10));
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		close(fd);
		return -1;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static bool
send_all(struct play *p, const struct conn *c, const struct bytes *b)
{
	size_t done = 0;
	long due = now() + WAIT_MS;

	if (c->fd < 0)
		return fail(p, "there is no connection to send on");
	while (done < b->n) {
		ssize_t n = send(c->fd, b->p + done, b->n - done,
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
			done += (size_t)n;
		else if (errno != EAGAIN)
			return fail(p, "sending %zu bytes: %s after %zu", b->n,
			    strerror(errno), done);
		else if (now() > due)
			return fail(p, "sending: not taken in time");
		else
			wait_fd(c->fd, POLLOUT, 100);
	}
	return true;
}

/* $MORE: any bytes, up to what stands behind it in want (at i). Gives where
 * that begins in got from k on, or -1: not there yet. */
static long
behind_more(const struct bytes *want, size_t i, const struct bytes *got,
    size_t k)
{
	size_t n = 0;

	while (i + n < want->n && want->p[i + n] != '$' &&
	    want->p[i + n] != ANY_BYTE)
		n++;
	for (; k + n <= got->n; k++)
		if (memcmp(got->p + k, want->p + i, n) == 0)
			return (long)k;
	return -1;
}

/* Match want (where $ANY stands for anything up to the line's end, $MORE for
 * anything) with the beginning of got: bytes matched, -1 no match, -2 more is
 * needed. */
static long
match(const struct bytes *want, const struct bytes *got, size_t *where)
{
	size_t i = 0, k = 0;

	while (i < want->n) {
		if (want->n - i >= 4 && memcmp(want->p + i, "$ANY", 4) == 0) {
			i += 4;
			while (k < got->n && got->p[k] != '\r' &&
			    got->p[k] != '\n' &&
			    (i >= want->n || got->p[k] != want->p[i] ||
			    want->p[i] == '\r'))
				k++;
			if (k == got->n)
				return -2;
			continue;
		}
		if (want->n - i >= 5 && memcmp(want->p + i, "$MORE", 5) == 0) {
			long at = behind_more(want, i + 5, got, k);

			if (at < 0)
				return -2;
			i += 5;
			k = (size_t)at;
			continue;
		}
		*where = k;
		if (k == got->n)
			return -2;
		if (got->p[k] != want->p[i] && (want->p[i] != ANY_BYTE ||
		    got->p[k] < ' '))
			return -1;
		i++;
		k++;
	}
	return (long)k;
}

/* Read what is there; false at the end or on reset (*why: 0 or ECONNRESET). */
static bool
take(struct conn *c, int *why)
{
	char tmp[65536];
	ssize_t n = recv(c->fd, tmp, sizeof(tmp), MSG_DONTWAIT);

	if (n > 0)
		add(&c->in, tmp, (size_t)n);
	*why = n < 0 ? errno : 0;
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool
expect(struct play *p, struct conn *c, const struct bytes *want)
{
	long due = now() + WAIT_MS;
	bool open = true;
	size_t where = 0;
	int why = 0;

	for (;;) {
		long n = match(want, &c->in, &where);

		if (n >= 0) {
			drop(&c->in, (size_t)n);
			return true;
		}
		if (n == -1 || !open || now() > due) {
			fail(p, n == -1 ? "differs at byte %zu" : open ?
			    "did not come in time (got %zu bytes)" :
			    "closed after %zu bytes", n == -1 ? where :
			    c->in.n);
			show("want", want->p, want->n);
			show("got ", c->in.p == NULL ? "" : c->in.p, c->in.n);
			if (n == -1 && where > 400)
				show("there", c->in.p + where - 20,
				    c->in.n - where + 20);
			return false;
		}
		if (c->fd < 0)
			return fail(p, "there is no connection to read from");
		if (wait_fd(c->fd, POLLIN, 100))
			open = take(c, &why);
	}
}

/* how: 'f' a FIN, 'r' a reset, 'e' either. */
static bool
expect_closed(struct play *p, struct conn *c, char how)
{
	long due = now() + WAIT_MS;
	int why;

	while (now() < due) {
		if (!wait_fd(c->fd, POLLIN, 100) || take(c, &why))
			continue;
		if (c->in.n > 0) {
			show("rest", c->in.p, c->in.n);
			return fail(p, "bytes before the close");
		}
		if (how == 'f' && why != 0)
			return fail(p, "reset, not closed");
		return how != 'r' || why != 0 || fail(p, "closed, not reset");
	}
	return fail(p, "was not closed in time");
}

static bool
expect_quiet(struct play *p, struct conn *c, int ms)
{
	long due = now() + ms;
	int why;

	do {
		if (wait_fd(c->fd, POLLIN, ms > 0 ? 5 : 0) && !take(c, &why))
			return fail(p, "closed, but should be quiet");
	} while (c->in.n == 0 && now() < due);
	if (c->in.n == 0)
		return true;
	show("got ", c->in.p, c->in.n);
	return fail(p, "should be quiet");
}

#endif
