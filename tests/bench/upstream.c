/* SPDX-License-Identifier: MIT */
/*
 * A fast mock upstream for measurements: one process, epoll, plain HTTP on 127.0.0.1.
 *
 *   upstream [--port N] [--events N] [--rate N] [--pad N] [--size N] [--seconds N]
 *
 * It prints "port=N" and serves until SIGTERM, until stdin (a pipe) ends, or for --seconds.
 * POST /v1/chat/completions, /v1/messages and /v1/responses (with or without /v1):
 *   - a body with "stream":true gets a chunked event stream of `events` content events at
 *     `rate` events a second (fewer if the machine is too slow); rate 0 sends them batched, as
 *     fast as the peer reads. The text of content event s is "[m=MARK,s=S,t=NS]" and `pad`
 *     further bytes, NS being CLOCK_MONOTONIC in the moment of sending;
 *   - else one JSON answer of `size` bytes, its text "[m=MARK,bytes=B,sum=S]": the marker, the
 *     length of the body and the sum of its bytes.
 * The shape of an answer is set, weakest first, by the flags; by the fields x-bench-events,
 * -rate, -pad, -size, -mark; and, as proxies drop fields that they do not know, by a mark
 * anywhere in the body, as in the user's text "bench:events=50,rate=50,mark=a1".
 * GET /bench/stats: counters as key=value lines; active= is the number of streams with a rate
 * that run now. GET /bench/end: the same, and those streams end with their next event.
 *
 * It does not: speak TLS (put a TLS server before it), read chunked request bodies (411),
 * parse JSON (it searches for bytes), answer pipelined requests, check keys.
 * Sources: RFC 9112 (heads, chunks); the WHATWG event stream format; the public API references
 * of both vendors for the events' fields (November 2026).
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "shapes.h"
#include "wire.h"

enum {
	HEAD_MAX = 32768,   /* a request head */
	CARRY_MAX = 256,    /* body bytes kept between two reads: longer than any mark */
	READ_MAX = 262144,
	TEXT_MAX = 131072,  /* the largest answer or chunk */
	BATCH_MAX = 16384,  /* bytes of events in one chunk of a burst: a full TLS record */
	BATCHES = 8,        /* chunks sent before other connections get their turn */
	PAD_MAX = 8192,
	SIZE_MAX_ = 65536,
	MARK_MAX = 16,
	CONNS_MAX = 16384,
	READY_MAX = 256
};

#define LATE_NS 5000000ull /* an event sent this long after its time is counted as late */

struct plan {
	uint64_t events, rate, pad, size;
	char mark[MARK_MAX + 1];
};

enum step { STEP_HEAD, STEP_BODY, STEP_STREAM, STEP_DRAIN };

struct conn {
	int fd;
	enum step step;
	bool wants_stream, wants_usage, writing, last;
	const struct shape *shape;
	struct plan plan;
	char *head;
	size_t head_len;
	uint64_t body_left, body_len, body_sum;
	char carry[CARRY_MAX];
	size_t carry_len;
	uint64_t next, number;     /* content events sent, Responses events sent */
	uint64_t due, period;      /* ns */
	size_t slot;               /* place in the heap + 1, 0 when not there */
	char *out;                 /* what the socket did not take */
	size_t out_len, out_pos, out_cap;
};

struct text {
	char *p;
	size_t n, cap;
};

static struct plan defaults = {.events = 20, .rate = 0, .pad = 0, .size = 1024, .mark = "none"};
static struct conn *heap[CONNS_MAX];
static size_t heap_len, open_conns;
static int poller, timer;
static uint64_t timer_due;
static char input[CARRY_MAX + READ_MAX];
static char output[TEXT_MAX];
static char padding[SIZE_MAX_];
static struct {
	uint64_t requests, streams, events, conns, gone, late, bad;
} count;

static void
die(const char *what)
{
	fprintf(stderr, "upstream: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The heap of streams by their next due time: a stream's parent is never due later. */

static void
heap_put(size_t i, struct conn *c)
{
	heap[i] = c;
	c->slot = i + 1;
}

static void
heap_settle(size_t i)
{
	struct conn *c = heap[i];

	while (i > 0 && heap[(i - 1) / 2]->due > c->due) {
		heap_put(i, heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	for (;;) {
		size_t k = 2 * i + 1;

		if (k + 1 < heap_len && heap[k + 1]->due < heap[k]->due)
			k++;
		if (k >= heap_len || heap[k]->due >= c->due)
			break;
		heap_put(i, heap[k]);
		i = k;
	}
	heap_put(i, c);
}

static void
heap_add(struct conn *c)
{
	heap_put(heap_len++, c);
	heap_settle(heap_len - 1);
}

static void
heap_remove(struct conn *c)
{
	size_t i = c->slot - 1;

	if (c->slot == 0)
		return;
	c->slot = 0;
	if (i == --heap_len)
		return;
	heap_put(i, heap[heap_len]);
	heap_settle(i);
}

static void
timer_set(void)
{
	struct itimerspec t = {{0, 0}, {0, 0}};
	uint64_t due = heap_len > 0 ? heap[0]->due : 0;

	if (due == timer_due)
		return;
	timer_due = due;
	t.it_value.tv_sec = (time_t)(due / NS_PER_S);
	t.it_value.tv_nsec = (long)(due % NS_PER_S);
	if (timerfd_settime(timer, TFD_TIMER_ABSTIME, &t, NULL) < 0)
		die("timerfd_settime");
}

static void
conn_free(struct conn *c)
{
	heap_remove(c);
	close(c->fd);
	free(c->head);
	free(c->out);
	free(c);
	open_conns--;
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

/* Send p[0..n), keep what the socket does not take. -1: the peer is gone. */
static int
conn_send(struct conn *c, const char *p, size_t n)
{
	if (c->out_len == 0) {
		ssize_t k = send(c->fd, p, n, MSG_NOSIGNAL);

		if (k < 0 && errno != EAGAIN)
			return -1;
		if (k > 0) {
			p += k;
			n -= (size_t)k;
		}
	}
	if (n == 0)
		return 0;
	if (c->out_len + n > c->out_cap) {
		c->out_cap = c->out_len + n + TEXT_MAX;
		c->out = realloc(c->out, c->out_cap);
		if (c->out == NULL)
			die("realloc");
	}
	memcpy(c->out + c->out_len, p, n);
	c->out_len += n;
	conn_watch(c, true);
	return 0;
}

static int
conn_flush(struct conn *c)
{
	while (c->out_pos < c->out_len) {
		ssize_t k = send(c->fd, c->out + c->out_pos, c->out_len - c->out_pos, MSG_NOSIGNAL);

		if (k < 0)
			return errno == EAGAIN ? 0 : -1;
		c->out_pos += (size_t)k;
	}
	c->out_pos = c->out_len = 0;
	conn_watch(c, false);
	return 0;
}

/* Bytes beyond the end are dropped: every caller's text is far below the cap. */
static void
put(struct text *t, const char *p, size_t n)
{
	if (n > t->cap - t->n)
		n = t->cap - t->n;
	memcpy(t->p + t->n, p, n);
	t->n += n;
}

static void
put_str(struct text *t, const char *s)
{
	put(t, s, strlen(s));
}

static void
put_u64(struct text *t, uint64_t v)
{
	char b[24];
	size_t i = sizeof b;

	do
		b[--i] = (char)('0' + v % 10);
	while ((v /= 10) > 0);
	put(t, b + i, sizeof b - i);
}

static void
put_shape(struct text *t, struct conn *c, const char *s, const struct text *what, uint64_t pad)
{
	const char *at;

	while ((at = strchr(s, '@')) != NULL) {
		put(t, s, (size_t)(at - s));
		switch (at[1]) {
		case 'm': put_str(t, c->plan.mark); break;
		case 't': put(t, what->p, what->n); break;
		case 'p': put(t, padding, (size_t)pad); break;
		case 'q': put_u64(t, c->number++); break;
		}
		s = at + 2;
	}
	put_str(t, s);
}

static void
put_event(struct text *t, struct conn *c, uint64_t now)
{
	static char b[PAD_MAX + 96];
	struct text what = {b, 0, sizeof b};

	put_str(&what, "[m=");
	put_str(&what, c->plan.mark);
	put_str(&what, ",s=");
	put_u64(&what, c->next++);
	put_str(&what, ",t=");
	put_u64(&what, now);
	put_str(&what, "]");
	put(&what, padding, (size_t)c->plan.pad);
	put_shape(t, c, c->shape->delta, &what, 0);
	count.events++;
}

/* A chunk is written behind room for its size line, so that one send takes it whole. */
enum { CHUNK_ROOM = 10 };

static int
send_chunk(struct conn *c, struct text *t, bool last)
{
	char line[CHUNK_ROOM + 1];
	size_t k = (size_t)snprintf(line, sizeof line, "%zx\r\n", t->n - CHUNK_ROOM);

	memcpy(output + CHUNK_ROOM - k, line, k);
	put_str(t, last ? "\r\n0\r\n\r\n" : "\r\n");
	return conn_send(c, output + CHUNK_ROOM - k, t->n - (CHUNK_ROOM - k));
}

static int
request_done(struct conn *c)
{
	if (c->last)
		return -1;
	c->step = STEP_HEAD;
	c->head_len = 0;
	return 0;
}

static int
stream_end(struct conn *c)
{
	struct text t = {output, CHUNK_ROOM, sizeof output};

	heap_remove(c);
	put_shape(&t, c, c->shape->close, NULL, 0);
	if (c->wants_usage)
		put_shape(&t, c, c->shape->usage, NULL, 0);
	put_shape(&t, c, c->shape->done, NULL, 0);
	if (send_chunk(c, &t, true) < 0)
		return -1;
	c->step = STEP_DRAIN;
	return c->out_len == 0 ? request_done(c) : 0;
}

/* One event whose time has come, or the end of its stream. */
static int
stream_tick(struct conn *c, uint64_t now)
{
	struct text t = {output, CHUNK_ROOM, sizeof output};

	if (c->next == c->plan.events)
		return stream_end(c);
	if (now > c->due + LATE_NS)
		count.late++;
	put_event(&t, c, now_ns());
	/* What could not be sent in time is left out: to make up for it would take the time of
	 * what is due now, and the streams that are to begin would never. */
	c->due += c->period;
	if (c->due <= now)
		c->due = now + c->period;
	heap_settle(c->slot - 1);
	return send_chunk(c, &t, false);
}

static int
stream_burst(struct conn *c)
{
	for (int i = 0; i < BATCHES && c->out_len == 0; i++) {
		struct text t = {output, CHUNK_ROOM, sizeof output};
		uint64_t now = now_ns();

		if (c->next == c->plan.events)
			return stream_end(c);
		while (c->next < c->plan.events && t.n < BATCH_MAX - 512 - c->plan.pad)
			put_event(&t, c, now);
		if (send_chunk(c, &t, false) < 0)
			return -1;
	}
	conn_watch(c, true);
	return 0;
}

static int
stream_start(struct conn *c)
{
	static const char head[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
	    "cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";
	struct text t = {output, CHUNK_ROOM, sizeof output};
	uint64_t spread = 0;

	count.streams++;
	c->next = c->number = 0;
	c->step = STEP_STREAM;
	put_shape(&t, c, c->shape->open, NULL, 0);
	if (conn_send(c, head, sizeof head - 1) < 0 || send_chunk(c, &t, false) < 0)
		return -1;
	if (c->plan.rate == 0)
		return stream_burst(c);
	/* Streams that start together shall not tick together. */
	for (const char *p = c->plan.mark; *p != '\0'; p++)
		spread = (spread ^ (unsigned char)*p) * 0x9e3779b97f4a7c15ull;
	c->period = NS_PER_S / c->plan.rate;
	c->due = now_ns() + (spread >> 16) % c->period;
	heap_add(c);
	return 0;
}

static int
send_answer(struct conn *c, const char *status, const char *type, const struct text *body)
{
	struct text t = {output, 0, sizeof output};

	put_str(&t, "HTTP/1.1 ");
	put_str(&t, status);
	put_str(&t, "\r\ncontent-type: ");
	put_str(&t, type);
	put_str(&t, c->last ? "\r\nconnection: close" : "");
	put_str(&t, "\r\ncontent-length: ");
	put_u64(&t, body->n);
	put_str(&t, "\r\n\r\n");
	put(&t, body->p, body->n);
	if (conn_send(c, t.p, t.n) < 0)
		return -1;
	c->step = STEP_DRAIN;
	return c->out_len == 0 ? request_done(c) : 0;
}

static int
send_refusal(struct conn *c, const char *status)
{
	struct text body = {(char *)"{\"error\":{\"message\":\"bench upstream\"}}", 38, 0};

	count.bad++;
	c->last = true;
	return send_answer(c, status, "application/json", &body);
}

static int
send_stats(struct conn *c, bool end)
{
	char b[512];
	int n = snprintf(b, sizeof b, "requests=%llu\nstreams=%llu\nevents=%llu\nconns=%llu\n"
	    "open=%zu\ngone=%llu\nlate=%llu\nbad=%llu\nactive=%zu\n",
	    (unsigned long long)count.requests, (unsigned long long)count.streams,
	    (unsigned long long)count.events, (unsigned long long)count.conns, open_conns,
	    (unsigned long long)count.gone, (unsigned long long)count.late,
	    (unsigned long long)count.bad, heap_len);
	struct text body = {b, (size_t)n, sizeof b};

	for (size_t i = 0; end && i < heap_len; i++)
		heap[i]->plan.events = heap[i]->next;
	return send_answer(c, "200 OK", "text/plain", &body);
}

static int
request_answer(struct conn *c)
{
	static char answer[SIZE_MAX_ + 2048];
	char b[128];
	struct text what = {b, 0, sizeof b}, t = {answer, 0, sizeof answer};

	count.requests++;
	if (c->wants_stream)
		return stream_start(c);
	put_str(&what, "[m=");
	put_str(&what, c->plan.mark);
	put_str(&what, ",bytes=");
	put_u64(&what, c->body_len);
	put_str(&what, ",sum=");
	put_u64(&what, c->body_sum);
	put_str(&what, "]");
	put_shape(&t, c, c->shape->answer, &what, 0);
	if (c->plan.size > t.n) {
		uint64_t pad = c->plan.size - t.n;

		t.n = 0;
		put_shape(&t, c, c->shape->answer, &what, pad);
	}
	return send_answer(c, "200 OK", "application/json", &t);
}

static void
plan_set(struct plan *plan, const char *key, size_t kn, const char *v, size_t vn)
{
	const struct {
		const char *name;
		uint64_t *value, max;
	} keys[] = {
		{"events", &plan->events, 100000000}, {"rate", &plan->rate, 1000000},
		{"pad", &plan->pad, PAD_MAX}, {"size", &plan->size, SIZE_MAX_},
	};
	uint64_t n = 0;

	if (kn == 4 && memcmp(key, "mark", 4) == 0 && vn > 0 && vn <= MARK_MAX) {
		memcpy(plan->mark, v, vn);
		plan->mark[vn] = '\0';
	}
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		if (strlen(keys[i].name) != kn || memcmp(key, keys[i].name, kn) != 0)
			continue;
		if (get_u64(v, vn, &n) == vn)
			*keys[i].value = n < keys[i].max ? n : keys[i].max;
	}
}

static bool
is_word(char ch)
{
	return (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
}

/* Read "events=50,rate=50,mark=a1" at p; stops at the first byte that does not belong. */
static void
plan_read(struct plan *plan, const char *p, const char *end)
{
	while (p < end) {
		const char *key = p, *v;

		while (p < end && is_word(*p))
			p++;
		if (p == end || p == key || *p != '=')
			return;
		v = ++p;
		while (p < end && is_word(*p))
			p++;
		plan_set(plan, key, (size_t)(v - 1 - key), v, (size_t)(p - v));
		if (p == end || *p != ',')
			return;
		p++;
	}
}

/* Look at the body bytes input[CARRY_MAX..+n) together with the end of those before. */
static void
body_scan(struct conn *c, size_t n)
{
	const char *p = input + CARRY_MAX - c->carry_len, *end = input + CARRY_MAX + n, *q;
	size_t len = (size_t)(end - p), keep = len < CARRY_MAX ? len : CARRY_MAX;

	memcpy(input + CARRY_MAX - c->carry_len, c->carry, c->carry_len);
	q = find(p, len, "bench:", 6);
	if (q != NULL)
		plan_read(&c->plan, q + 6, end);
	q = c->wants_stream ? NULL : find(p, len, "\"stream\":", 9);
	if (q != NULL) {
		for (q += 9; q < end && *q == ' '; q++)
			;
		c->wants_stream = end - q >= 4 && memcmp(q, "true", 4) == 0;
	}
	if (!c->wants_usage)
		c->wants_usage = find(p, len, "\"include_usage\":true", 20) != NULL;
	for (size_t i = 0; i < n; i++)
		c->body_sum += (unsigned char)input[CARRY_MAX + i];
	memcpy(c->carry, end - keep, keep);
	c->carry_len = keep;
}

/* n body bytes are at input + CARRY_MAX. */
static int
body_take(struct conn *c, size_t n)
{
	if (n > c->body_left)
		return send_refusal(c, "400 Bad Request");
	c->body_left -= n;
	c->body_len += n;
	body_scan(c, n);
	return c->body_left == 0 ? request_answer(c) : 0;
}

static const struct shape *
shape_of(const char *path, size_t n)
{
	while (n >= 4 && memcmp(path, "/v1/", 4) == 0) {
		path += 3;
		n -= 3;
	}
	for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
		size_t k = strlen(shapes[i].path);

		if (n > k && path[0] == '/' && memcmp(path + 1, shapes[i].path, k) == 0 &&
		    (n == k + 1 || path[k + 1] == '?'))
			return &shapes[i];
	}
	return NULL;
}

static void
head_plan(struct conn *c, size_t n)
{
	static const char *const keys[] = {"events", "rate", "pad", "size", "mark"};
	char name[32];
	size_t vn;

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		const char *v;

		snprintf(name, sizeof name, "x-bench-%s", keys[i]);
		v = head_field(c->head, n, name, &vn);
		if (v != NULL)
			plan_set(&c->plan, keys[i], strlen(keys[i]), v, vn);
	}
}

/* The head ends at n; body bytes may follow it in c->head. */
static int
head_take(struct conn *c, size_t n)
{
	const char *path, *sp, *v;
	size_t vn, rest = c->head_len - n;
	bool post;

	c->plan = defaults;
	c->wants_stream = c->wants_usage = false;
	c->body_left = c->body_len = c->body_sum = 0;
	c->carry_len = 0;
	c->shape = NULL;
	v = head_field(c->head, n, "connection", &vn);
	c->last = v != NULL && vn == 5 && strncasecmp(v, "close", 5) == 0;
	post = n > 5 && memcmp(c->head, "POST ", 5) == 0;
	path = memchr(c->head, ' ', n);
	sp = path == NULL ? NULL : memchr(path + 1, ' ', n - (size_t)(path + 1 - c->head));
	if (sp == NULL)
		return send_refusal(c, "400 Bad Request");
	path++;
	if (!post && sp - path == 12 && memcmp(path, "/bench/stats", 12) == 0)
		return send_stats(c, false);
	if (!post && sp - path == 10 && memcmp(path, "/bench/end", 10) == 0)
		return send_stats(c, true);
	c->shape = shape_of(path, (size_t)(sp - path));
	if (!post || c->shape == NULL)
		return send_refusal(c, "404 Not Found");
	v = head_field(c->head, n, "content-length", &vn);
	if (v == NULL || get_u64(v, vn, &c->body_left) != vn)
		return send_refusal(c, "411 Length Required");
	head_plan(c, n);
	c->step = STEP_BODY;
	memcpy(input + CARRY_MAX, c->head + n, rest);
	return body_take(c, rest);
}

static int
read_head(struct conn *c)
{
	size_t from = c->head_len > 3 ? c->head_len - 3 : 0;
	ssize_t k;
	const char *end;

	k = recv(c->fd, c->head + c->head_len, HEAD_MAX - c->head_len, 0);
	if (k < 0)
		return errno == EAGAIN ? 0 : -1;
	if (k == 0)
		return -1;
	c->head_len += (size_t)k;
	end = find(c->head + from, c->head_len - from, "\r\n\r\n", 4);
	if (end != NULL)
		return head_take(c, (size_t)(end + 4 - c->head));
	return c->head_len < HEAD_MAX ? 0 : -1;
}

static int
read_body(struct conn *c)
{
	ssize_t k = recv(c->fd, input + CARRY_MAX, READ_MAX, 0);

	if (k < 0)
		return errno == EAGAIN ? 0 : -1;
	if (k == 0) {
		count.gone++;
		return -1;
	}
	return body_take(c, (size_t)k);
}

/* Readable while answering: the peer left, or it pipelines, which is refused. */
static int
read_unasked(struct conn *c)
{
	char b[64];
	ssize_t k = recv(c->fd, b, sizeof b, 0);

	if (k < 0 && errno == EAGAIN)
		return 0;
	if (k > 0)
		count.bad++;
	else
		count.gone++;
	return -1;
}

static int
conn_write(struct conn *c)
{
	if (conn_flush(c) < 0)
		return -1;
	if (c->out_len > 0)
		return 0;
	if (c->step == STEP_DRAIN)
		return request_done(c);
	if (c->step == STEP_STREAM && c->plan.rate == 0)
		return stream_burst(c);
	return 0;
}

static void
conn_event(struct conn *c, uint32_t events)
{
	int r = 0;

	if ((events & EPOLLOUT) != 0)
		r = conn_write(c);
	if (r == 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
		if (c->step == STEP_HEAD)
			r = read_head(c);
		else if (c->step == STEP_BODY)
			r = read_body(c);
		else
			r = read_unasked(c);
	}
	if (r < 0)
		conn_free(c);
}

static void
accept_all(int listener)
{
	int fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		struct conn *c = calloc(1, sizeof *c);
		struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};

		if (c == NULL || open_conns == CONNS_MAX || socket_ready(fd) < 0) {
			count.bad++;
			free(c);
			close(fd);
			continue;
		}
		open_conns++;
		count.conns++;
		c->fd = fd;
		c->head = malloc(HEAD_MAX);
		if (c->head == NULL || epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e) < 0)
			die("accept");
	}
}

static void
timer_event(void)
{
	uint64_t ticks, now = now_ns();

	if (read(timer, &ticks, sizeof ticks) < 0 && errno != EAGAIN)
		die("timerfd");
	timer_due = 0;
	while (heap_len > 0 && heap[0]->due <= now) {
		struct conn *c = heap[0];

		if (stream_tick(c, now) < 0)
			conn_free(c);
	}
}

static int
listen_on(uint16_t port)
{
	struct sockaddr_in a = loopback(port);
	socklen_t n = sizeof a;
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
	    bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 4096) < 0 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		die("listen");
	printf("port=%u\n", ntohs(a.sin_port));
	fflush(stdout);
	return fd;
}

static void
serve(int listener, uint64_t end_ns)
{
	static struct epoll_event ready[READY_MAX];
	struct epoll_event e = {.events = EPOLLIN};

	poller = epoll_create1(0);
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	e.data.ptr = &listener;
	if (poller < 0 || timer < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e) < 0)
		die("epoll");
	e.data.ptr = &timer;
	if (epoll_ctl(poller, EPOLL_CTL_ADD, timer, &e) < 0)
		die("epoll");
	e.data.ptr = NULL;
	epoll_ctl(poller, EPOLL_CTL_ADD, 0, &e); /* refused for a file: then stdin says nothing */
	while (now_ns() < end_ns) {
		bool ticked = false;
		int n = epoll_wait(poller, ready, READY_MAX, 1000);

		for (int i = 0; i < n; i++) {
			char b[64];

			if (ready[i].data.ptr == &timer)
				ticked = true;
			else if (ready[i].data.ptr == &listener)
				accept_all(listener);
			else if (ready[i].data.ptr != NULL)
				conn_event(ready[i].data.ptr, ready[i].events);
			else if (read(0, b, sizeof b) <= 0)
				return;
		}
		if (ticked)
			timer_event();
		timer_set();
	}
}

int
main(int argc, char **argv)
{
	uint64_t port = 0, seconds = 3600, n;

	for (int i = 1; i < argc; i += 2) {
		const char *key = argv[i], *v = i + 1 < argc ? argv[i + 1] : "";
		size_t vn = strlen(v);

		if (strncmp(key, "--", 2) != 0 || vn == 0 || get_u64(v, vn, &n) != vn) {
			fprintf(stderr, "usage: upstream [--port N] [--events N] [--rate N]"
			    " [--pad N] [--size N] [--seconds N]\n");
			return 2;
		}
		if (strcmp(key, "--port") == 0)
			port = n;
		else if (strcmp(key, "--seconds") == 0)
			seconds = n;
		else
			plan_set(&defaults, key + 2, strlen(key + 2), v, vn);
	}
	signal(SIGPIPE, SIG_IGN);
	memset(padding, 'x', sizeof padding);
	for (size_t i = 6; i < sizeof padding; i += 7)
		padding[i] = ' ';
	serve(listen_on((uint16_t)port), now_ns() + seconds * NS_PER_S);
	return 0;
}
