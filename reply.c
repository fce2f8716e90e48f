/* SPDX-License-Identifier: MIT */
/*
 * reply: everything that is said to the client. Heads, whole bodies, bodies in
 * pieces, errors in the client's dialect.
 *
 * HTTP/1.1 clients get a length or chunks (RFC 9112 section 7.1), HTTP/1.0
 * clients a length or a body that ends with the connection; a cut body ends
 * in a reset for them, since nothing else tells.
 */
#include "request.h"

#include <string.h>

#include "clients.h"

#define HEAD_MAX 16384

/* IMF-fixdate of RFC 9110 section 5.6.7, from an RFC 3339 time. */
static void
put_date(struct buf *b)
{
	static const char days[] = "ThuFriSatSunMonTueWed";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int64_t now = wall_s();
	char t[21];
	int month;

	time_rfc3339(now, t);
	month = (t[5] - '0') * 10 + t[6] - '0' - 1;
	buf_fmt(b, "date: %.*s, %.*s %.*s %.*s %.*s GMT\r\n", 3,
	    days + now / 86400 % 7 * 3, 2, t + 8, 3, months + month * 3, 4, t,
	    8, t + 11);
}

static void
put_head(struct request *r, int status, struct str type, int64_t length)
{
	bool old = r->head.minor == 0;

	buf_clear(&r->out);
	buf_fmt(&r->out, "HTTP/1.1 %d %s\r\nx-request-id: %s\r\n", status,
	    http_reason(status), r->id);
	put_date(&r->out);
	if (type.n > 0)
		buf_fmt(&r->out, "content-type: %.*s\r\n", STR_ARG(type));
	if (r->origin.n > 0)
		buf_fmt(&r->out, "access-control-allow-origin: %.*s\r\n"
		    "access-control-expose-headers: *\r\nvary: origin\r\n",
		    STR_ARG(r->origin));
	buf_adds(&r->out, buf_str(&r->fields));
	r->out.bad |= r->fields.bad;
	r->chunked = length < 0 && !old;
	if (length < 0 && old)
		r->keep = false;
	if (r->body_unread || clients_stopping())
		r->keep = false;
	if (length >= 0)
		buf_fmt(&r->out, "content-length: %lld\r\n",
		    (long long)length);
	else if (r->chunked)
		buf_addz(&r->out, "transfer-encoding: chunked\r\n");
	if (!r->keep)
		buf_addz(&r->out, "connection: close\r\n");
	else if (old)
		buf_addz(&r->out, "connection: keep-alive\r\n");
	buf_addz(&r->out, "\r\n");
	r->committed = true;
	r->status = status;
}

/* Send and account; a client that is lost ends the request. */
static int
send_all(struct request *r, const struct iovec *iov, size_t n)
{
	struct err e = { .kind = ERR_NONE };

	if (net_send(r->client, iov, n, r->conf->send_ms, NULL, &e) == 0)
		return 0;
	r->keep = false;
	r->why = e.kind == ERR_TIME ? WHY_CLIENT_SLOW : WHY_CLIENT_LEFT;
	fmt_to(r->detail, sizeof(r->detail), "%s", e.text);
	return -1;
}

/* What would go out is not whole, for want of memory: nothing may. */
static int
lose(struct request *r)
{
	r->keep = false;
	if (r->why == NULL) {
		r->why = WHY_LIMIT;
		fmt_to(r->detail, sizeof(r->detail), "no memory for the answer");
	}
	return -1;
}

static struct iovec
piece_of(struct str s)
{
	return (struct iovec){ (void *)(uintptr_t)s.p, s.n };
}

int
reply_whole(struct request *r, int status, const char *type, struct str body)
{
	struct iovec iov[2];
	bool head_only = str_eq(r->head.method, STR("HEAD"));

	put_head(r, status, str_of(type), (int64_t)body.n);
	if (r->out.bad)
		return lose(r);
	iov[0] = piece_of(buf_str(&r->out));
	iov[1] = piece_of(body);
	r->bytes_out += body.n;
	return send_all(r, iov, head_only || body.n == 0 ? 1 : 2);
}

void
reply_begin(struct request *r, int status, struct str type, int64_t length)
{
	put_head(r, status, type, length);
}

int
reply_piece(struct request *r, struct str a, struct str b)
{
	struct iovec iov[5];
	char line[20];
	size_t n = 0;

	if (a.n + b.n == 0 && r->out.len == 0)
		return 0;
	if (r->out.bad)
		return lose(r);
	if (r->out.len > 0)
		iov[n++] = piece_of(buf_str(&r->out));
	if (r->chunked && a.n + b.n > 0)
		iov[n++] = (struct iovec){ line,
			fmt_to(line, sizeof(line), "%zx\r\n", a.n + b.n) };
	if (a.n > 0)
		iov[n++] = piece_of(a);
	if (b.n > 0)
		iov[n++] = piece_of(b);
	if (r->chunked && a.n + b.n > 0)
		iov[n++] = piece_of(STR("\r\n"));
	r->bytes_out += a.n + b.n;
	if (send_all(r, iov, n) < 0)
		return -1;
	buf_clear(&r->out);
	return 0;
}

int
reply_end(struct request *r)
{
	struct iovec iov[2];
	size_t n = 0;

	if (r->out.bad)
		return lose(r);
	if (r->out.len > 0)
		iov[n++] = piece_of(buf_str(&r->out));
	if (r->chunked)
		iov[n++] = piece_of(STR("0\r\n\r\n"));
	return n == 0 ? 0 : send_all(r, iov, n);
}

void
reply_abort(struct request *r)
{
	r->keep = false;
	r->abort = true;
}

/* The failure as the next bytes of a stream that has begun. */
static int
fail_in_stream(struct request *r, const struct failure *f)
{
	struct buf b;
	int rc;

	buf_init(&b, HEAD_MAX);
	dialect_stream_error(r->dialect, f, r->tap.next_seq,
	    str_of(r->tap.response_id), &b);
	if (b.bad) {
		buf_free(&b);
		reply_abort(r);
		return -1;
	}
	rc = reply_piece(r, buf_str(&b), (struct str){ NULL, 0 });
	buf_free(&b);
	if (rc < 0)
		return -1;
	if (!r->chunked) {
		reply_abort(r);
		return 0;
	}
	return reply_end(r);
}

int
reply_failure(struct request *r, const struct failure *f, const char *why)
{
	struct failure mine = *f;
	struct buf b;
	int rc;

	r->why = why;
	if (mine.message.n == 0)
		mine.message = STR("no memory for the reason");
	fmt_to(r->detail, sizeof(r->detail), "%.*s", STR_ARG(mine.message));
	if (mine.request_id.n == 0)
		mine.request_id = str_of(r->id);
	if (r->committed)
		return fail_in_stream(r, &mine);
	/* What a repeat cannot cure must not be repeated (clients.md 7.4). */
	if (mine.status == 401 || mine.status == 403)
		buf_addz(&r->fields, "x-should-retry: false\r\n");
	buf_init(&b, HEAD_MAX);
	dialect_error(r->dialect, &mine, &b);
	if (b.bad) {
		buf_free(&b);
		r->status = mine.status;
		return lose(r);
	}
	rc = reply_whole(r, mine.status == 503 && mine.code != NULL &&
	    strcmp(mine.code, "overloaded") == 0 &&
	    r->dialect == DIALECT_MESSAGES ? 529 : mine.status,
	    "application/json", buf_str(&b));
	buf_free(&b);
	return rc;
}

int
reply_deny(struct request *r, int status, const char *why, const char *code,
    const char *fmt, ...)
{
	struct failure f = { .status = status, .code = code };
	char text[512];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = vfmt_to(text, sizeof(text), fmt, ap);
	va_end(ap);
	f.message = (struct str){ text, n };
	reply_failure(r, &f, why);
	return -1;
}

int
reply_deny_memory(struct request *r)
{
	return reply_deny(r, 503, WHY_LIMIT, "overloaded", "no memory is free");
}
