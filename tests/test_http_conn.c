/* SPDX-License-Identifier: MIT */
/*
 * Tests of what http.c reads from a connection, over a socket pair: split at
 * every position, cut at every position, too large, too slow, starving.
 */
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "http.h"

#define IN(lit) { lit, sizeof(lit) - 1 }
#define N(a) (sizeof(a) / sizeof((a)[0]))
#define GET "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST "POST /p HTTP/1.1\r\nHost: a\r\n"
#define OK "HTTP/1.1 200 OK\r\n"

/* Sends the first bytes, and after a pause the rest; then a FIN if asked. */
struct sender {
	int fd;
	struct str s;
	size_t first;
	bool fin;
	pthread_t thread;
};

static void
send_all(int fd, struct str s)
{
	while (s.n > 0) {
		ssize_t k = send(fd, s.p, s.n, MSG_NOSIGNAL);

		if (k < 0)
			return;
		s = str_sub(s, (size_t)k, s.n);
	}
}

static void *
sender_run(void *arg)
{
	const struct timespec pause = { 0, 300000 };
	struct sender *s = arg;

	send_all(s->fd, str_sub(s->s, 0, s->first));
	if (s->first < s->s.n)
		nanosleep(&pause, NULL);
	send_all(s->fd, str_sub(s->s, s->first, s->s.n));
	if (s->fin)
		shutdown(s->fd, SHUT_WR);
	return NULL;
}

/* A connection that receives this. */
static struct net_conn *
sender_open(struct sender *s, struct str in, size_t first, bool fin)
{
	struct net_conn *c;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0 ||
	    (c = net_accepted(fds[0], NULL, NULL)) == NULL) {
		perror("socketpair");
		exit(1);
	}
	*s = (struct sender){ .fd = fds[1], .s = in, .first = first,
		.fin = fin };
	if (pthread_create(&s->thread, NULL, sender_run, s) != 0)
		exit(1);
	return c;
}

static void
sender_close(struct sender *s, struct net_conn *c)
{
	net_close(c);
	pthread_join(s->thread, NULL);
	close(s->fd);
}

/* Two requests with a body between them, split at every position. */
static void
test_read_requests(void)
{
	struct str in = STR("\r\n" POST "Content-Length: 4\r\n\r\nbody"
			    "\r\n" GET "A: b\r\n\r\nrest");
	struct http_head *h = malloc(sizeof(*h));
	struct buf copy, got;
	size_t split;

	buf_init(&copy, 4096);
	buf_init(&got, 4096);
	for (split = 0; split <= in.n; split++) {
		struct sender s;
		struct net_conn *c = sender_open(&s, in, split, false);
		struct http_body b;
		struct http_bad bad;
		struct str piece;
		struct err e;
		int r;

		CHECK_INT(http_read_request(c, &copy, h, due_in(5000), 5000,
		    &bad, &e), 0);
		CHECK_STR(h->target, STR("/p"));
		CHECK(h->framing == HTTP_LENGTH && h->length == 4);
		http_body_init(&b, h);
		buf_clear(&got);
		while ((r = http_body_next(c, &b, &piece, due_in(5000), &e)) >
		    0)
			buf_adds(&got, piece);
		CHECK_INT(r, 0);
		CHECK_STR(buf_str(&got), STR("body"));
		CHECK_STR(h->method, STR("POST"));
		CHECK_INT(http_read_request(c, &copy, h, due_in(5000), 5000,
		    &bad, &e), 0);
		CHECK_STR(h->method, STR("GET"));
		CHECK_STR(http_get(h, "a"), STR("b"));
		CHECK(str_starts(STR("rest"), net_peek(c)));
		sender_close(&s, c);
	}
	buf_free(&copy);
	buf_free(&got);
	free(h);
}

/* What goes wrong before a head is whole. */
static void
test_read_request_bad(void)
{
	static const struct {
		const char *name;
		struct str input;
		bool fin;
		enum err_kind kind;
		int status;
	} rows[] = {
		{ "closed", IN(""), true, ERR_PEER, 0 },
		{ "closed, CR", IN("\r"), true, ERR_PEER, 0 },
		{ "closed, CRLF", IN("\r\n"), true, ERR_PEER, 0 },
		{ "idle", IN(""), false, ERR_TIME, 0 },
		{ "idle, CRLF", IN("\r\n"), false, ERR_TIME, 0 },
		{ "cut", IN("G"), true, ERR_PEER, 400 },
		{ "cut late", IN(GET "\r"), true, ERR_PEER, 400 },
		{ "slow", IN("G"), false, ERR_TIME, 408 },
		{ "slow, CRLF", IN("\r\nG"), false, ERR_TIME, 408 },
		{ "slow late", IN(GET "\r"), false, ERR_TIME, 408 },
		{ "bad", IN("GET / HTTP/2.0\r\n\r\n"), false, ERR_INPUT, 505 },
		{ "bad early", IN("\x16\x03"), false, ERR_INPUT, 400 },
		{ "too large", IN(GET "A: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
				      "bbbbbbbbbbbbbb\r\n\r\n"), false,
		    ERR_LIMIT, 431 },
		{ "too large, no end", IN(GET "A: bbbbbbbbbbbbbbbbbbbbbbbbbbb"
				      "bbbbbbbbbbbbbb"), false, ERR_LIMIT,
		    431 },
	};
	struct http_head *h = malloc(sizeof(*h));
	struct buf copy;
	size_t i;

	buf_init(&copy, 64);
	for (i = 0; i < N(rows); i++) {
		struct sender s;
		struct net_conn *c = sender_open(&s, rows[i].input,
		    rows[i].input.n, rows[i].fin);
		struct http_bad bad;
		struct err e;

		/* Only who says nothing may be late by the idle time. */
		CHECK_INT_IN(rows[i].name, http_read_request(c, &copy, h,
		    due_in(rows[i].kind == ERR_TIME && rows[i].status == 0 ?
		    20 : 20000), 30, &bad, &e), -1);
		CHECK_INT_IN(rows[i].name, e.kind, rows[i].kind);
		CHECK_INT_IN(rows[i].name, bad.status, rows[i].status);
		sender_close(&s, c);
	}
	buf_free(&copy);
	free(h);
}

/* n times c; one growth, however small the step. */
static void
fill(struct buf *b, char c, size_t n)
{
	char *p = buf_room(b, n);

	CHECK(p != NULL);
	memset(p, c, n);
	b->len += n;
}

/* Heads around the size of the input buffer and over it, and over max. */
static void
test_read_large(void)
{
	static const size_t sizes[] = { 9000, 16300, 16383, 16384, 16385,
		20000, 32767, 32768, 32769, 40000 };
	struct http_head *h = malloc(sizeof(*h));
	struct buf copy, in;
	size_t i;

	buf_init(&copy, 32768);
	buf_init(&in, 1 << 17);
	for (i = 0; i < N(sizes); i++) {
		struct sender s;
		struct net_conn *c;
		struct http_bad bad;
		struct err e;
		int r;

		buf_clear(&in);
		buf_addz(&in, GET "A: ");
		fill(&in, 'b', sizes[i] - in.len - 4);
		buf_addz(&in, "\r\n\r\n");
		CHECK_INT(in.len, sizes[i]);
		buf_addz(&in, "behind it");
		c = sender_open(&s, buf_str(&in), sizes[i] / 2, true);
		r = http_read_request(c, &copy, h, due_in(5000), 5000, &bad,
		    &e);
		CHECK_INT(r, sizes[i] <= 32768 ? 0 : -1);
		if (r == 0) {
			CHECK_INT(http_get(h, "a").n,
			    sizes[i] - strlen(GET "A: \r\n\r\n"));
			while (net_fill(c, due_in(5000), &e) > 0)
				;
			CHECK_STR(net_peek(c), STR("behind it"));
		} else
			CHECK_INT(bad.status, 431);
		sender_close(&s, c);
	}
	/* A request line without end is not waited for. */
	buf_clear(&in);
	fill(&in, 'G', HTTP_LINE_MAX + 2);
	{
		struct sender s;
		struct net_conn *c = sender_open(&s, buf_str(&in), 100, false);
		struct http_bad bad;

		CHECK_INT(http_read_request(c, &copy, h, due_in(5000), 5000,
		    &bad, NULL), -1);
		CHECK_INT(bad.status, 414);
		sender_close(&s, c);
	}
	buf_free(&copy);
	buf_free(&in);
	free(h);
}

static void
test_read_starving(void)
{
	struct str in = STR(GET "\r\nleft");
	struct http_head *h = malloc(sizeof(*h));
	int r = -1;
	long n;

	for (n = 0; r < 0 && n < 99; n++) {
		struct sender s;
		struct net_conn *c = sender_open(&s, in, in.n, false);
		struct buf copy;
		struct http_bad bad;
		struct err e;

		buf_init(&copy, 4096);
		mem_fail_after(n);
		r = http_read_request(c, &copy, h, due_in(5000), 5000, &bad,
		    &e);
		mem_fail_after(-1);
		if (r < 0) {
			CHECK_INT(e.kind, ERR_MEM);
			CHECK_INT(bad.status, 503);
		}
		buf_free(&copy);
		sender_close(&s, c);
	}
	CHECK_INT(r, 0);
	CHECK(n > 1);
	free(h);
}

static void
test_read_answers(void)
{
	static const struct {
		const char *name;
		struct str input;
		enum err_kind kind; /* ERR_NONE: 200 */
	} rows[] = {
		{ "plain", IN(OK "\r\nleft"), ERR_NONE },
		{ "100", IN("HTTP/1.1 100 Continue\r\n\r\n" OK "\r\nleft"),
		    ERR_NONE },
		{ "100, 103", IN("HTTP/1.1 100\r\n\r\nHTTP/1.1 103 Early Hints"
				 "\r\nLink: x\r\n\r\n" OK "\r\nleft"),
		    ERR_NONE },
		{ "101", IN("HTTP/1.1 101 Switching Protocols\r\n\r\n"
			    OK "\r\n"), ERR_PEER },
		{ "closed", IN(""), ERR_PEER },
		{ "cut", IN("HTTP/1.1 20"), ERR_PEER },
		{ "cut behind 100", IN("HTTP/1.1 100 x\r\n\r\n"), ERR_PEER },
		{ "no HTTP", IN("220 mail\r\n"), ERR_PEER },
		{ "bad", IN(OK "Content-Length: x\r\n\r\n"), ERR_PEER },
		{ "too large", IN(OK "A: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
				     "bbbbbbbbbbbbbbbbbbb\r\n\r\n"),
		    ERR_LIMIT },
	};
	struct http_head *h = malloc(sizeof(*h));
	struct buf copy;
	size_t i, split;

	buf_init(&copy, 64);
	for (i = 0; i < N(rows); i++)
		for (split = 0; split <= rows[i].input.n; split++) {
			struct sender s;
			struct net_conn *c = sender_open(&s, rows[i].input,
			    split, true);
			struct err e = { .kind = ERR_NONE };
			int r;

			buf_clear(&copy);
			r = http_read_answer(c, &copy, h, false, due_in(5000),
			    &e);
			CHECK_INT_IN(rows[i].name, r,
			    rows[i].kind == ERR_NONE ? 0 : -1);
			CHECK_INT_IN(rows[i].name, e.kind, rows[i].kind);
			if (r == 0) {
				CHECK_INT(h->status, 200);
				CHECK(str_starts(STR("left"), net_peek(c)));
			}
			sender_close(&s, c);
		}
	buf_free(&copy);
	free(h);
}

/* 1xx heads without end, and a silent upstream. */
static void
test_read_answer_never(void)
{
	struct http_head *h = malloc(sizeof(*h));
	struct buf copy, in;
	struct sender s;
	struct net_conn *c;
	struct err e;
	size_t i;

	buf_init(&copy, 64);
	buf_init(&in, 1 << 16);
	for (i = 0; i < 100; i++)
		buf_addz(&in, "HTTP/1.1 103 x\r\n\r\n");
	c = sender_open(&s, buf_str(&in), in.len, false);
	CHECK_INT(http_read_answer(c, &copy, h, false, due_in(5000), &e), -1);
	CHECK_INT(e.kind, ERR_PEER);
	sender_close(&s, c);
	c = sender_open(&s, STR("HTTP/1.1 "), 99, false);
	CHECK_INT(http_read_answer(c, &copy, h, false, due_in(20), &e), -1);
	CHECK_INT(e.kind, ERR_TIME);
	sender_close(&s, c);
	buf_free(&copy);
	buf_free(&in);
	free(h);
}

static const struct {
	const char *name;
	enum http_framing framing;
	uint64_t length;
	struct str input;
	const char *want; /* NULL: malformed */
	const char *left; /* what stays in the connection */
} bodies[] = {
	{ "none", HTTP_NONE, 5, IN("GET"), "", "GET" },
	{ "length 0", HTTP_LENGTH, 0, IN("GET"), "", "GET" },
	{ "length", HTTP_LENGTH, 5, IN("helloGET"), "hello", "GET" },
	{ "chunked", HTTP_CHUNKED, 0,
	    IN("5;x\r\nhello\r\n1\r\n!\r\n0\r\na: b\r\n\r\nGET"), "hello!",
	    "GET" },
	{ "chunked, empty", HTTP_CHUNKED, 0, IN("0\r\n\r\nGET"), "", "GET" },
	{ "chunked, bad", HTTP_CHUNKED, 0, IN("5\nhello"), NULL, "" },
	{ "close", HTTP_CLOSE, 0, IN("hello"), "hello", "" },
	{ "close, empty", HTTP_CLOSE, 0, IN(""), "", "" },
};

/* Each body split, and cut, at every position. */
static void
test_bodies(void)
{
	struct buf got;
	size_t i, k;

	buf_init(&got, 99);
	for (i = 0; i < N(bodies); i++)
		for (k = 0; k <= 2 * bodies[i].input.n + 1; k++) {
			bool cut = k > bodies[i].input.n;
			size_t n = cut ? k - bodies[i].input.n - 1 :
			    bodies[i].input.n;
			size_t whole = n == bodies[i].input.n ? n :
			    bodies[i].input.n - strlen(bodies[i].left);
			struct http_head h = { .framing = bodies[i].framing,
				.length = bodies[i].length };
			struct http_body b;
			struct str piece;
			struct sender s;
			struct net_conn *c = sender_open(&s,
			    str_sub(bodies[i].input, 0, n), cut ? n : k, true);
			struct err e;
			int r;

			http_body_init(&b, &h);
			buf_clear(&got);
			while ((r = http_body_next(c, &b, &piece,
			    due_in(5000), &e)) > 0) {
				CHECK(piece.n > 0);
				buf_adds(&got, piece);
			}
			if (bodies[i].want == NULL || (n < whole &&
			    bodies[i].framing != HTTP_CLOSE)) {
				CHECK_INT_IN(bodies[i].name, r, -1);
				CHECK_INT_IN(bodies[i].name, e.kind,
				    ERR_PEER);
			} else {
				CHECK_INT_IN(bodies[i].name, r, 0);
				CHECK(b.done);
				CHECK_STR_IN(bodies[i].name, buf_str(&got),
				    str_sub(str_of(bodies[i].want), 0, n));
				/* Over and over: whole is whole. */
				CHECK_INT(http_body_next(c, &b, &piece, 0,
				    &e), 0);
				while (net_fill(c, due_in(5000), &e) > 0)
					;
				CHECK(str_starts(str_of(bodies[i].left),
				    net_peek(c)));
				if (n == bodies[i].input.n)
					CHECK_STR_IN(bodies[i].name,
					    net_peek(c),
					    str_of(bodies[i].left));
			}
			sender_close(&s, c);
		}
	buf_free(&got);
}

/* More than the input buffer holds, and a silent sender. */
static void
test_body_large(void)
{
	struct http_head h = { .framing = HTTP_CHUNKED };
	struct buf in;
	size_t i, sum = 0;
	struct http_body b;
	struct net_conn *c;
	struct sender s;
	struct str piece;
	struct err e;
	int r;

	buf_init(&in, 1 << 20);
	for (i = 1; i < 600; i++) {
		buf_fmt(&in, "%x\r\n", (unsigned)i);
		fill(&in, 'x', i);
		buf_addz(&in, "\r\n");
	}
	buf_addz(&in, "0\r\n\r\n");
	c = sender_open(&s, buf_str(&in), 1000, true);
	http_body_init(&b, &h);
	while ((r = http_body_next(c, &b, &piece, due_in(5000), &e)) > 0)
		for (i = 0; i < piece.n; i++) {
			CHECK(piece.p[i] == 'x');
			sum++;
		}
	CHECK_INT(r, 0);
	CHECK_INT(sum, 599 * 600 / 2);
	sender_close(&s, c);
	c = sender_open(&s, STR("5\r\nhel"), 99, false);
	http_body_init(&b, &h);
	CHECK_INT(http_body_next(c, &b, &piece, due_in(5000), &e), 1);
	CHECK_STR(piece, STR("hel"));
	CHECK_INT(http_body_next(c, &b, &piece, due_in(20), &e), -1);
	CHECK_INT(e.kind, ERR_TIME);
	sender_close(&s, c);
	buf_free(&in);
}

int
main(void)
{
	alarm(120);
	test_read_requests();
	test_read_request_bad();
	test_read_large();
	test_read_starving();
	test_read_answers();
	test_read_answer_never();
	test_bodies();
	test_body_large();
	return check_done();
}
