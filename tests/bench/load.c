/* SPDX-License-Identifier: MIT */
/*
 * Load generator for measurements: one process, epoll, plain HTTP to 127.0.0.1.
 *
 *   load req|sse|upload --port N [--path P] [--model M] [--conns C] [--count N] [--body B]
 *        [--events N] [--rate R] [--pad N] [--seconds S] [--ramp N] [--key K] [--bytes 1]
 *        [--early 1]
 *   load start --port N -- COMMAND [ARG ...]
 *
 * req, upload: C keep-alive connections send N requests of B body bytes, each as soon as its
 * connection is free, and read the answers whole. sse: the same with "stream":true; every event
 * is looked at. Each request carries its own marker, which the mock upstream (upstream.c)
 * repeats: an answer that went to the wrong client is seen. start: run COMMAND, knock at the
 * port until a connection is accepted, print how long that took, end COMMAND.
 *
 * It prints key=value lines; times are in ns. sse prints "started=1" as soon as each of the C
 * first streams has had its first event. errors= counts requests that failed in any way (the
 * first is described on stderr); lost=, reordered= and unended= count faults inside streams.
 * With --early a stream may end, in due form, before --events. With --bytes the upstream must
 * have got as many body bytes as were sent.
 * Exit status: 0 whatever was measured, 1 if it could not run, 2 usage.
 *
 * It does not: speak TLS, resolve names, parse JSON, check an event's other fields.
 * At most --ramp (64) connections are in their beginning at a time, so that no backlog decides
 * the result. After --seconds (60) it stops and counts what is open as errors.
 * Sources: RFC 9112 (heads, chunks); the WHATWG event stream format.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wire.h"

enum {
	READ_MAX = 262144,
	HEAD_MAX = 32768,
	LINE_MAX_ = 131072,   /* one line of a stream, or a whole answer */
	FRONT_MAX = 2048,     /* request head and the changing front of the body */
	CONNS_MAX = 16384,
	READY_MAX = 256,
	SAMPLES_MAX = 8000000,
	FRAMING_MAX = 256,    /* one line of chunk framing */
	ERRORS_MAX = 1000     /* after so many failed requests the run ends */
};

enum mode { MODE_REQ, MODE_SSE };
enum step { STEP_CLOSED, STEP_CONNECT, STEP_SEND, STEP_HEAD, STEP_BODY, STEP_IDLE };
enum frame { FRAME_LENGTH, FRAME_SIZE, FRAME_DATA, FRAME_DATA_END, FRAME_TRAILER, FRAME_CLOSE };

struct conn {
	int fd;
	enum step step;
	enum frame frame;
	bool writing, close, ended;
	bool opening;               /* nothing was received on it yet */
	char front[FRONT_MAX];
	size_t front_len, body_len, sent;
	char framing[FRAMING_MAX];
	size_t framing_len;
	char mark[16];
	uint64_t start, left;       /* ns; body or chunk bytes to come */
	uint64_t next;              /* expected number of the next event */
	char *line;                 /* HEAD_MAX for heads, then up to LINE_MAX_ */
	size_t line_len;
};

static const struct dialect {
	const char *path, *user, *tail, *end;
} dialects[] = {
	{"/v1/chat/completions", "\"messages\":[{\"role\":\"user\",\"content\":\"", "\"}]}",
	    "data: [DONE]"},
	{"/v1/messages", "\"max_tokens\":1024,\"messages\":[{\"role\":\"user\",\"content\":\"",
	    "\"}]}", "event: message_stop"},
	{"/v1/responses", "\"input\":\"", "\"}", "event: response.completed"},
};

static struct {
	uint64_t port, conns, count, body, events, rate, pad, seconds, ramp, bytes, early;
} opt = {.conns = 1, .count = 1, .body = 1024, .events = 20, .seconds = 60, .ramp = 64};

static enum mode mode;
static const char *path = "/v1/chat/completions", *model = "bench", *key;
static const struct dialect *dialect;
static char *filler;        /* the body's unchanging rest, shared by all requests */
static size_t filler_len;
static char input[READ_MAX];
static struct conn *conns, **closed; /* all; a stack of those that wait to be opened */
static size_t n_closed, n_opening;
static int poller;
static uint64_t begun, done, opened, streaming; /* requests, requests, connections, streams */
static uint32_t *samples;
static size_t n_samples, max_samples;
static struct {
	uint64_t errors, lost, reordered, unended, events, bytes_in;
} count;

static void
die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
tell(const struct conn *c, const char *what)
{
	static bool told;

	if (told)
		return;
	told = true;
	fprintf(stderr, "load: request %s, event %llu: %s; last bytes: \"%.*s\"\n", c->mark,
	    (unsigned long long)c->next, what,
	    (int)(c->line_len < 300 ? c->line_len : 300), c->line);
}

static void
sample(uint64_t ns)
{
	if (n_samples < max_samples)
		samples[n_samples++] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

static void
conn_watch(struct conn *c, bool writing)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};

	if (c->writing == writing)
		return;
	c->writing = writing;
	if (writing)
		e.events |= EPOLLOUT;
	if (epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e) < 0)
		die("epoll_ctl");
}

static void
conn_close(struct conn *c)
{
	close(c->fd);
	if (c->opening)
		n_opening--;
	c->opening = false;
	c->step = STEP_CLOSED;
	closed[n_closed++] = c;
}

/* The request failed; its connection is of no more use. */
static void
conn_fail(struct conn *c, const char *what)
{
	tell(c, what);
	count.errors++;
	done++;
	conn_close(c);
}

static void
conn_open(struct conn *c)
{
	struct sockaddr_in a = loopback((uint16_t)opt.port);
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};

	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd < 0 || socket_ready(c->fd) < 0)
		die("socket");
	c->step = STEP_CONNECT;
	c->writing = c->opening = true;
	n_opening++;
	opened++;
	if (connect(c->fd, (struct sockaddr *)&a, sizeof a) < 0 && errno != EINPROGRESS) {
		begun++;
		conn_fail(c, strerror(errno));
	} else if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &e) < 0) {
		die("epoll_ctl");
	}
}

/* The front of the next request; the filler follows it. */
static void
request_make(struct conn *c)
{
	static unsigned serial;
	char body[FRONT_MAX / 2];
	int n, k;

	snprintf(c->mark, sizeof c->mark, "r%07x", serial++ & 0xfffffff);
	n = snprintf(body, sizeof body, "{\"model\":\"%s\",\"stream\":%s,%s"
	    "bench:mark=%s,events=%llu,rate=%llu,pad=%llu ", model,
	    mode == MODE_SSE ? "true" : "false", dialect->user, c->mark,
	    (unsigned long long)opt.events, (unsigned long long)opt.rate,
	    (unsigned long long)opt.pad);
	k = snprintf(c->front, sizeof c->front, "POST %s HTTP/1.1\r\nhost: 127.0.0.1:%llu\r\n"
	    "content-type: application/json\r\naccept: %s\r\n%s%s%s%s"
	    "content-length: %zu\r\n\r\n%s", path, (unsigned long long)opt.port,
	    mode == MODE_SSE ? "text/event-stream" : "application/json",
	    key != NULL ? "authorization: Bearer " : "", key != NULL ? key : "",
	    key != NULL ? "\r\n" : "",
	    dialect == &dialects[1] ? "anthropic-version: 2023-06-01\r\n" : "",
	    (size_t)n + filler_len, body);
	if (n < 0 || k < 0 || (size_t)n >= sizeof body || (size_t)k >= sizeof c->front) {
		errno = EMSGSIZE;
		die("request");
	}
	c->front_len = (size_t)k;
	c->body_len = (size_t)n + filler_len;
}

/* After this a body has opt.body bytes, or the fewest that are possible. */
static void
filler_make(void)
{
	size_t tail = strlen(dialect->tail), n = tail;

	request_make(&conns[0]);
	if (opt.body > conns[0].body_len + tail)
		n = (size_t)opt.body - conns[0].body_len;
	filler = malloc(n);
	if (filler == NULL)
		die("malloc");
	memset(filler, 'x', n - tail);
	for (size_t i = 9; i < n - tail; i += 10)
		filler[i] = ' ';
	memcpy(filler + n - tail, dialect->tail, tail);
	filler_len = n;
}

/* Send what is left of the request. -1: the peer is gone. */
static int
request_send(struct conn *c)
{
	size_t total = c->front_len + filler_len;

	while (c->sent < total) {
		struct iovec v[2];
		struct msghdr m;
		ssize_t k;
		size_t i = 0;

		memset(&m, 0, sizeof m);
		if (c->sent < c->front_len) {
			v[i].iov_base = c->front + c->sent;
			v[i++].iov_len = c->front_len - c->sent;
			v[i].iov_base = filler;
			v[i++].iov_len = filler_len;
		} else {
			v[i].iov_base = filler + (c->sent - c->front_len);
			v[i++].iov_len = total - c->sent;
		}
		m.msg_iov = v;
		m.msg_iovlen = i;
		k = sendmsg(c->fd, &m, MSG_NOSIGNAL);
		if (k < 0 && errno != EAGAIN)
			return -1;
		if (k < 0) {
			conn_watch(c, true);
			return 0;
		}
		c->sent += (size_t)k;
	}
	conn_watch(c, false);
	c->step = STEP_HEAD;
	return 0;
}

static int
request_start(struct conn *c)
{
	begun++;
	request_make(c);
	c->sent = c->line_len = 0;
	c->next = 0;
	c->ended = c->close = false;
	c->step = STEP_SEND;
	c->start = now_ns();
	return request_send(c);
}

static void
line_add(struct conn *c, const char *p, size_t n)
{
	if (n > LINE_MAX_ - c->line_len)
		n = LINE_MAX_ - c->line_len;
	memcpy(c->line + c->line_len, p, n);
	c->line_len += n;
}

/* The number behind name in p[0..n); 0 if it is not there. */
static uint64_t
number_of(const char *p, size_t n, const char *name)
{
	const char *q = find(p, n, name, strlen(name));
	uint64_t v = 0;

	if (q != NULL) {
		q += strlen(name);
		get_u64(q, (size_t)(p + n - q), &v);
	}
	return v;
}

static bool
mark_fits(const struct conn *c, const char *at, const char *end)
{
	size_t n = strlen(c->mark);

	return (size_t)(end - at) > n + 3 && memcmp(at + 3, c->mark, n) == 0 && at[3 + n] == ',';
}

/* A complete answer that is no stream is in c->line. */
static const char *
answer_check(struct conn *c)
{
	const char *at = find(c->line, c->line_len, "[m=", 3), *end = c->line + c->line_len;

	if (at == NULL || !mark_fits(c, at, end))
		return "the answer has not the marker of its request";
	if (opt.bytes == 0)
		return NULL;
	if (number_of(at, (size_t)(end - at), ",bytes=") != c->body_len)
		return "the upstream did not get every byte of the body";
	return NULL;
}

/* One line of a stream, without its line end. now: ns, when it was read. */
static const char *
line_check(struct conn *c, const char *p, size_t n, uint64_t now)
{
	const char *at = find(p, n, "[m=", 3);
	uint64_t s;

	if (n >= strlen(dialect->end) && memcmp(p, dialect->end, strlen(dialect->end)) == 0)
		c->ended = true;
	if (at == NULL)
		return NULL;
	if (n < 8 || memcmp(p, "data: {", 7) != 0 || p[n - 1] != '}')
		return "an event is cut";
	if (!mark_fits(c, at, p + n))
		return "an event has the marker of another stream";
	s = number_of(at, (size_t)(p + n - at), ",s=");
	if (s > c->next)
		count.lost += s - c->next;
	if (s < c->next)
		count.reordered++;
	else
		c->next = s + 1;
	count.events++;
	sample(now - number_of(at, (size_t)(p + n - at), ",t="));
	if (s == 0 && ++streaming == opt.conns) {
		printf("started=1\n");
		fflush(stdout);
	}
	return NULL;
}

/* Body bytes without framing. */
static const char *
body_take(struct conn *c, const char *p, size_t n, uint64_t now)
{
	const char *end = p + n, *nl, *why;

	count.bytes_in += n;
	if (mode != MODE_SSE) {
		line_add(c, p, n);
		return NULL;
	}
	while ((nl = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		if (c->line_len == 0) {
			why = line_check(c, p, (size_t)(nl - p), now);
		} else {
			line_add(c, p, (size_t)(nl - p));
			why = line_check(c, c->line, c->line_len, now);
		}
		if (why != NULL)
			return why;
		c->line_len = 0;
		p = nl + 1;
	}
	line_add(c, p, (size_t)(end - p));
	return NULL;
}

static const char *
answer_end(struct conn *c, uint64_t now)
{
	const char *why = NULL;

	c->step = STEP_IDLE;
	if (mode != MODE_SSE) {
		why = answer_check(c);
		sample(now - c->start);
	} else {
		if (!c->ended)
			count.unended++;
		if (c->next < opt.events && opt.early == 0)
			count.lost += opt.events - c->next;
	}
	if (why == NULL)
		done++;
	return why;
}

/* One line of chunk framing, from p to its line feed at nl. */
static const char *
chunk_line(struct conn *c, const char *p, const char *nl, uint64_t now)
{
	uint64_t v = 0;
	const char *q;

	switch (c->frame) {
	case FRAME_SIZE:
		for (q = p; q < nl && strchr("0123456789abcdefABCDEF", *q) != NULL; q++)
			v = v * 16 + (uint64_t)(*q <= '9' ? *q - '0' : (*q | 32) - 'a' + 10);
		if (q == p || q - p > 15)
			return "bad chunk size";
		c->left = v;
		c->frame = v > 0 ? FRAME_DATA : FRAME_TRAILER;
		return NULL;
	case FRAME_DATA_END:
		c->frame = FRAME_SIZE;
		return nl - p <= 1 ? NULL : "no line end behind a chunk";
	default:
		return nl - p <= 1 ? answer_end(c, now) : NULL;
	}
}

/* Take framed body bytes. A line of framing that a read cuts is kept in framing[]. */
static const char *
frame_take(struct conn *c, const char *p, size_t n, uint64_t now)
{
	const char *end = p + n, *nl, *why = NULL;

	while (p < end && why == NULL && c->step == STEP_BODY) {
		size_t k = (size_t)(end - p);

		if (c->frame == FRAME_LENGTH || c->frame == FRAME_DATA || c->frame == FRAME_CLOSE) {
			if (c->frame != FRAME_CLOSE && k > c->left)
				k = (size_t)c->left;
			why = body_take(c, p, k, now);
			p += k;
			c->left -= k;
			if (why != NULL || c->frame == FRAME_CLOSE || c->left > 0)
				continue;
			if (c->frame == FRAME_LENGTH)
				why = answer_end(c, now);
			c->frame = FRAME_DATA_END;
			continue;
		}
		nl = memchr(p, '\n', k);
		k = nl == NULL ? k : (size_t)(nl + 1 - p);
		if (k > FRAMING_MAX - c->framing_len)
			return "a line of chunk framing is too long";
		memcpy(c->framing + c->framing_len, p, k);
		c->framing_len += k;
		p += k;
		if (nl == NULL)
			continue;
		nl = c->framing + c->framing_len - 1;
		c->framing_len = 0;
		why = chunk_line(c, c->framing, nl, now);
	}
	if (why == NULL && p < end) {
		done--;
		why = "bytes behind the answer";
	}
	return why;
}

/* The head is complete at n in c->line; what follows it is body. */
static const char *
head_take(struct conn *c, size_t n, uint64_t now)
{
	static char rest[HEAD_MAX];
	size_t vn, k = c->line_len - n;
	const char *v;

	if (n < 12 || memcmp(c->line, "HTTP/1.1 200", 12) != 0)
		return "status is not 200";
	if (c->step == STEP_SEND)
		return "the answer came before the request was sent";
	v = head_field(c->line, n, "connection", &vn);
	c->close = v != NULL && vn == 5 && strncasecmp(v, "close", 5) == 0;
	c->step = STEP_BODY;
	c->framing_len = 0;
	c->frame = FRAME_CLOSE;
	v = head_field(c->line, n, "content-length", &vn);
	if (v != NULL && get_u64(v, vn, &c->left) == vn)
		c->frame = FRAME_LENGTH;
	v = head_field(c->line, n, "transfer-encoding", &vn);
	if (v != NULL && vn == 7 && strncasecmp(v, "chunked", 7) == 0)
		c->frame = FRAME_SIZE;
	memcpy(rest, c->line + n, k);
	c->line_len = 0;
	if (c->frame == FRAME_LENGTH && c->left == 0)
		return "the answer is empty";
	return frame_take(c, rest, k, now);
}

static const char *
conn_read(struct conn *c)
{
	ssize_t k;
	uint64_t now;
	const char *end;

	if (c->step == STEP_HEAD || c->step == STEP_SEND)
		k = recv(c->fd, c->line + c->line_len, HEAD_MAX - c->line_len, 0);
	else
		k = recv(c->fd, input, sizeof input, 0);
	if (k < 0)
		return errno == EAGAIN ? NULL : strerror(errno);
	now = now_ns();
	if (k == 0 && c->step == STEP_BODY && c->frame == FRAME_CLOSE) {
		c->close = true;
		return answer_end(c, now);
	}
	if (k == 0)
		return "the connection was closed";
	if (c->step == STEP_BODY)
		return frame_take(c, input, (size_t)k, now);
	c->line_len += (size_t)k;
	if (c->opening)
		n_opening--;
	c->opening = false;
	end = find(c->line, c->line_len, "\r\n\r\n", 4);
	if (end != NULL)
		return head_take(c, (size_t)(end + 4 - c->line), now);
	return c->line_len < HEAD_MAX ? NULL : "the head is too long";
}

static const char *
conn_write(struct conn *c)
{
	int e = 0;
	socklen_t n = sizeof e;

	if (c->step == STEP_CONNECT) {
		if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &n) < 0 || e != 0) {
			begun++;
			return strerror(e);
		}
		conn_watch(c, false);
		c->step = STEP_IDLE;
		return NULL;
	}
	return request_send(c) < 0 ? "the connection was closed" : NULL;
}

static void
conn_event(struct conn *c, uint32_t events)
{
	const char *why = NULL;

	if (c->step == STEP_IDLE) {
		conn_close(c); /* the server closed an idle connection, as it may */
		return;
	}
	if ((events & EPOLLOUT) != 0)
		why = conn_write(c);
	else
		why = conn_read(c);
	if (why != NULL) {
		conn_fail(c, why);
		return;
	}
	if (c->step != STEP_IDLE)
		return;
	if (c->close)
		conn_close(c);
	else if (begun < opt.count && request_start(c) < 0)
		conn_fail(c, "the connection was closed");
}

static void
run(void)
{
	static struct epoll_event ready[READY_MAX];
	uint64_t end = now_ns() + opt.seconds * NS_PER_S;

	while (done < opt.count && now_ns() < end && count.errors < ERRORS_MAX) {
		int n;

		while (n_closed > 0 && n_opening < opt.ramp && begun < opt.count &&
		    count.errors < ERRORS_MAX)
			conn_open(closed[--n_closed]);
		n = epoll_wait(poller, ready, READY_MAX, 100);
		for (int i = 0; i < n; i++)
			conn_event(ready[i].data.ptr, ready[i].events);
	}
	if (done < begun)
		fprintf(stderr, "load: %llu requests had no end\n",
		    (unsigned long long)(begun - done));
	count.errors += opt.count - done;
}

static int
by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void
print(const char *name, uint64_t v)
{
	printf("%s=%llu\n", name, (unsigned long long)v);
}

static void
report(uint64_t took)
{
	qsort(samples, n_samples, sizeof *samples, by_value);
	print("done", done);
	print("errors", count.errors);
	print("lost", count.lost);
	print("reordered", count.reordered);
	print("unended", count.unended);
	print("events", count.events);
	print("connections", opened);
	print("body", conns[0].body_len);
	print("bytes_in", count.bytes_in);
	print("wall_ns", took);
	print("p50_ns", n_samples > 0 ? samples[n_samples / 2] : 0);
	print("p99_ns", n_samples > 0 ? samples[n_samples * 99 / 100] : 0);
	print("max_ns", n_samples > 0 ? samples[n_samples - 1] : 0);
}

static int
load(void)
{
	uint64_t start = now_ns(), want;

	for (size_t i = 0; i < sizeof dialects / sizeof dialects[0]; i++) {
		if (strcmp(path, dialects[i].path) == 0)
			dialect = &dialects[i];
	}
	if (dialect == NULL || opt.conns == 0 || opt.conns > CONNS_MAX || opt.count < opt.conns)
		return -1;
	if (mode == MODE_SSE && opt.events == 0)
		return -1;
	want = mode == MODE_SSE ? opt.count * opt.events : opt.count;
	poller = epoll_create1(0);
	conns = calloc(opt.conns, sizeof *conns);
	closed = calloc(opt.conns, sizeof *closed);
	max_samples = want < SAMPLES_MAX ? (size_t)want : SAMPLES_MAX;
	samples = malloc(max_samples * sizeof *samples);
	if (poller < 0 || conns == NULL || closed == NULL || samples == NULL)
		die("memory");
	for (size_t i = 0; i < opt.conns; i++) {
		conns[i].line = malloc(LINE_MAX_);
		if (conns[i].line == NULL)
			die("memory");
		closed[n_closed++] = &conns[i];
	}
	filler_make();
	run();
	report(now_ns() - start);
	return 0;
}

static void
child_end(pid_t pid)
{
	const struct timespec pause = {0, 10000000};

	kill(pid, SIGTERM);
	for (int i = 0; i < 500; i++) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return;
		nanosleep(&pause, NULL);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Run argv until its port accepts a connection; prints the time it took. */
static int
start(char **argv)
{
	const struct timespec pause = {0, 20000};
	struct sockaddr_in a = loopback((uint16_t)opt.port);
	uint64_t t = now_ns(), took = 0;
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		execv(argv[0], argv);
		_exit(127);
	}
	while (took == 0 && now_ns() < t + opt.seconds * NS_PER_S) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (fd < 0)
			die("socket");
		if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
			took = now_ns() - t;
		else if (waitpid(pid, NULL, WNOHANG) == pid)
			break;
		else
			nanosleep(&pause, NULL);
		close(fd);
	}
	if (took > 0)
		child_end(pid);
	print("errors", took == 0);
	print("start_ns", took);
	return 0;
}

static int
set(const char *name, const char *v)
{
	const struct {
		const char *name;
		uint64_t *value;
	} numbers[] = {
		{"--port", &opt.port}, {"--conns", &opt.conns}, {"--count", &opt.count},
		{"--body", &opt.body}, {"--events", &opt.events}, {"--rate", &opt.rate},
		{"--pad", &opt.pad}, {"--seconds", &opt.seconds}, {"--ramp", &opt.ramp},
		{"--bytes", &opt.bytes}, {"--early", &opt.early},
	};
	const struct {
		const char *name, **value;
	} texts[] = {{"--path", &path}, {"--model", &model}, {"--key", &key}};

	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		if (strcmp(name, numbers[i].name) == 0)
			return get_u64(v, strlen(v), numbers[i].value) == strlen(v) ? 0 : -1;
	}
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		if (strcmp(name, texts[i].name) == 0) {
			*texts[i].value = v;
			return 0;
		}
	}
	return -1;
}

int
main(int argc, char **argv)
{
	int i = 2, r = -1;

	while (i + 1 < argc && strcmp(argv[i], "--") != 0 && set(argv[i], argv[i + 1]) == 0)
		i += 2;
	signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && strcmp(argv[1], "start") == 0 && i + 1 < argc && opt.port != 0) {
		r = start(argv + i + 1);
	} else if (argc > 1 && i == argc && opt.port != 0) {
		mode = strcmp(argv[1], "sse") == 0 ? MODE_SSE : MODE_REQ;
		if (mode == MODE_SSE || strcmp(argv[1], "req") == 0 ||
		    strcmp(argv[1], "upload") == 0)
			r = load();
	}
	if (r < 0) {
		fprintf(stderr, "usage: load req|sse|upload --port N [--path P] [--model M]\n"
		    "            [--conns C] [--count N] [--body B] [--events N] [--rate R]\n"
		    "            [--pad N] [--seconds S] [--ramp N] [--key K] [--bytes 1]\n"
		    "            [--early 1]\n"
		    "       load start --port N -- COMMAND [ARG ...]\n");
		return 2;
	}
	return 0;
}
