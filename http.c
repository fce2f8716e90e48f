/* SPDX-License-Identifier: MIT */
/*
 * http: HTTP/1.1 heads and bodies, for the client's side and the upstream's.
 *
 * Does: reads heads into slices of what was received, tells how a body is
 * framed and whether the connection lives on, undoes the chunked coding in
 * place. Each head is looked over once; a slow sender causes no second scan.
 * Does not: judge methods, paths or who asks (relay.c), undo any other coding
 * (none is asked for), keep or forward trailers, repair anything. A message
 * whose end two readers could see in different places is refused.
 *
 * Speaks: request line with origin-form, absolute-form (reduced to its path),
 * asterisk-form for OPTIONS and authority-form for CONNECT, status line, field
 * lines, Host, Content-Length, Transfer-Encoding: chunked with extensions and
 * trailers, Connection (RFC 9112 sections 2, 3, 4, 5, 6, 7.1, 9.3); Expect:
 * 100-continue and token lists (RFC 9110 sections 5.6, 7.6.1, 10.1.1).
 * HTTP/1.0 is read; other major versions, obs-fold, bare CR or LF, and
 * Transfer-Encoding in HTTP/1.0 are refused.
 *
 * Limits: http.h, and max of the caller's buf for a whole head.
 */
#include "http.h"

#include <string.h>

#define TRAILERS_MAX 8192    /* bytes, all trailer lines together */
#define CHUNK_SIZE_BITS 60   /* a size that still takes one hex digit */
#define INFORMATIONAL_MAX 16 /* 1xx heads before the real one */

static int
refuse(struct http_bad *bad, int status, const char *why)
{
	bad->status = status;
	bad->why = why;
	return -1;
}

/* ---- characters ---- */

/* tchar of RFC 9110 section 5.6.2, one bit each. */
static const uint32_t token_set[8] = { 0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff };

static inline bool
is_token(char c)
{
	unsigned char u = (unsigned char)c;

	return (token_set[u >> 5] >> (u & 31) & 1) != 0;
}

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z');
}

/* May not stand in a field value: RFC 9110 section 5.5. */
static inline bool
is_control(char c)
{
	unsigned char u = (unsigned char)c;

	return (u < 0x20 && u != '\t') || u == 0x7f;
}

/* Offset of the first byte at or behind i that is no token character. */
static size_t
token_end(struct str s, size_t i)
{
	while (i < s.n && is_token(s.p[i]))
		i++;
	return i;
}

/* Offset of the first control byte at or behind i, or s.n. A word at a time:
 * the test says "some byte is under 32 or is 127". */
static size_t
text_end(struct str s, size_t i)
{
	const size_t ones = (size_t)-1 / 255, highs = ones << 7;
	size_t w, del, stop;

	for (;;) {
		for (; s.n - i >= sizeof(w); i += sizeof(w)) {
			memcpy(&w, s.p + i, sizeof(w));
			del = w ^ ones * 0x7f;
			if ((((w - ones * 0x20) & ~w) | ((del - ones) & ~del)) &
			    highs)
				break;
		}
		stop = s.n - i < sizeof(w) ? s.n : i + sizeof(w);
		for (; i < stop; i++)
			if (is_control(s.p[i]))
				return i;
		if (i == s.n)
			return i;
	}
}

/* Does a comma-separated list hold the token (letters fold)? */
static bool
list_has(struct str list, struct str token)
{
	struct str part;

	while (str_cut(&list, ',', &part))
		if (str_ieq(str_trim(part), token))
			return true;
	return false;
}

/* ---- fields ---- */

/* The fields that framing and routing ask for, noted as they are read. */
enum { HOST, EXPECT, LENGTH, CODING, CONNECTION, NOTES };
static const struct str note_names[NOTES] = {
	[HOST] = { "host", 4 },
	[EXPECT] = { "expect", 6 },
	[LENGTH] = { "content-length", 14 },
	[CODING] = { "transfer-encoding", 17 },
	[CONNECTION] = { "connection", 10 },
};

struct note {
	struct str value; /* of the last one */
	unsigned count;
};

static void
note_field(struct note *notes, const struct http_field *f)
{
	size_t i;

	for (i = 0; i < NOTES; i++) {
		if (f->name.n != note_names[i].n ||
		    !str_ieq(f->name, note_names[i]))
			continue;
		notes[i].value = f->value;
		notes[i].count++;
	}
}

/* Why a field line is none: what stands in place of its name's first byte, or
 * of the colon. */
static int
refuse_name(char c, bool first, struct http_bad *bad)
{
	if (c == '\n' || c == '\r')
		return refuse(bad, 400, "a line ends without CRLF, or is no field");
	if (c == ' ' || c == '\t')
		return refuse(bad, 400,
		    first ? "a folded field line" : "a blank before a colon");
	return refuse(bad, 400, "a field name is no token");
}

/* The field lines from offset at; s ends with the blank line. */
static int
read_fields(struct http_head *h, struct str s, size_t at, struct note *notes,
    struct http_bad *bad)
{
	while (s.n - at > 2 || s.p[at] != '\r' || s.p[at + 1] != '\n') {
		struct http_field *f = &h->f[h->n];
		size_t colon = token_end(s, at), end;

		if (colon == s.n || s.p[colon] != ':' || colon == at)
			return refuse_name(s.p[colon < s.n ? colon : at],
			    colon == at, bad);
		end = text_end(s, colon + 1);
		if (end + 1 >= s.n || s.p[end] != '\r' || s.p[end + 1] != '\n')
			return refuse(bad, 400,
			    "a control character in a field, or a bare CR or LF");
		if (h->n == HTTP_FIELDS_MAX)
			return refuse(bad, 431, "over 100 fields");
		f->name = (struct str){ s.p + at, colon - at };
		f->value = str_trim(
		    (struct str){ s.p + colon + 1, end - colon - 1 });
		note_field(notes, f);
		h->n++;
		at = end + 2;
	}
	return 0;
}

/* Number of the first field of that name at or behind i, or h->n. */
static size_t
find_field(const struct http_head *h, struct str name, size_t i)
{
	while (i < h->n && !str_ieq(h->f[i].name, name))
		i++;
	return i;
}

/* Does one of the list fields of that name hold the token? */
static bool
find_token(const struct http_head *h, struct str name, struct str token)
{
	size_t i = 0;

	while ((i = find_field(h, name, i)) < h->n)
		if (list_has(h->f[i++].value, token))
			return true;
	return false;
}

struct str
http_get(const struct http_head *h, const char *name)
{
	size_t i = find_field(h, str_of(name), 0);

	return i < h->n ? h->f[i].value : (struct str){ NULL, 0 };
}

size_t
http_count(const struct http_head *h, const char *name)
{
	struct str want = str_of(name);
	size_t i, count = 0;

	for (i = 0; (i = find_field(h, want, i)) < h->n; i++)
		count++;
	return count;
}

bool
http_has_token(const struct http_head *h, const char *name, const char *token)
{
	return find_token(h, str_of(name), str_of(token));
}

bool
http_hop_field(const struct http_head *h, struct str name)
{
	static const char *const hop[] = { "connection", "keep-alive",
		"proxy-authenticate", "proxy-authorization",
		"proxy-connection", "te", "trailer", "transfer-encoding",
		"upgrade" };
	size_t i;

	for (i = 0; i < sizeof(hop) / sizeof(hop[0]); i++)
		if (str_ieq(name, str_of(hop[i])))
			return true;
	return find_token(h, note_names[CONNECTION], name);
}

/* ---- framing ---- */

/* The coding must be one "chunked", alone. Others that are well formed are
 * 501, anything else 400. */
static int
read_coding(const struct http_head *h, const struct note *notes,
    struct http_bad *bad)
{
	struct str rest = notes[CODING].value, part;
	bool chunked = false, other = false;

	if (notes[LENGTH].count > 0)
		return refuse(bad, 400,
		    "Content-Length and Transfer-Encoding in one message");
	if (h->minor == 0)
		return refuse(bad, 400, "Transfer-Encoding in HTTP/1.0");
	if (notes[CODING].count > 1)
		return refuse(bad, 400, "several Transfer-Encoding fields");
	while (str_cut(&rest, ',', &part)) {
		part = str_trim(part);
		if (chunked)
			return refuse(bad, 400,
			    "chunked is not the last transfer coding");
		if (part.n == 0 || token_end(part, 0) < part.n)
			return refuse(bad, 400,
			    "Transfer-Encoding is malformed");
		chunked = str_ieq(part, STR("chunked"));
		other |= !chunked;
	}
	return other ?
	    refuse(bad, 501, "a transfer coding other than chunked") : 0;
}

/* One length, in digits. An answer may repeat it as long as all say the same
 * (RFC 9110 section 8.6); a request may not. */
static int
read_length(struct http_head *h, bool request, struct http_bad *bad)
{
	bool first = true;
	size_t i;

	for (i = 0; (i = find_field(h, note_names[LENGTH], i)) < h->n; i++) {
		struct str rest = h->f[i].value, part;

		while (str_cut(&rest, ',', &part)) {
			uint64_t v;

			if (str_u64(str_trim(part), &v) < 0)
				return refuse(bad, 400,
				    "Content-Length is no number");
			if (!first && (request || v != h->length))
				return refuse(bad, 400,
				    "several lengths in Content-Length");
			h->length = v;
			first = false;
		}
	}
	return 0;
}

/* RFC 9112 section 6.3, and 9.3 for the life of the connection. no_body: an
 * answer that has none, whatever its fields say. */
static int
read_framing(struct http_head *h, const struct note *notes, bool request,
    bool no_body, struct http_bad *bad)
{
	if (notes[CODING].count > 0 && read_coding(h, notes, bad) < 0)
		return -1;
	if (notes[LENGTH].count > 0 && read_length(h, request, bad) < 0)
		return -1;
	if (no_body)
		h->framing = HTTP_NONE;
	else if (notes[CODING].count > 0)
		h->framing = HTTP_CHUNKED;
	else if (notes[LENGTH].count > 0)
		h->framing = HTTP_LENGTH;
	else
		h->framing = request ? HTTP_NONE : HTTP_CLOSE;
	h->keep_alive = h->framing != HTTP_CLOSE && h->minor > 0;
	if (notes[CONNECTION].count == 0)
		return 0;
	if (find_token(h, note_names[CONNECTION], STR("close")))
		h->keep_alive = false;
	else if (find_token(h, note_names[CONNECTION], STR("keep-alive")))
		h->keep_alive = h->framing != HTTP_CLOSE;
	return 0;
}

/* ---- start lines ---- */

/* "HTTP/1.1": the eight bytes of v. A higher minor version is read as 1. */
static int
read_version(struct http_head *h, struct str v, struct http_bad *bad)
{
	if (v.n != 8 || !str_starts(v, STR("HTTP/")) || v.p[6] != '.' ||
	    v.p[5] < '0' || v.p[5] > '9' || v.p[7] < '0' || v.p[7] > '9')
		return refuse(bad, 400, "the start line has no HTTP version");
	if (v.p[5] != '1')
		return refuse(bad, 505, "a version other than HTTP/1.0 and 1.1");
	h->minor = v.p[7] != '0';
	return 0;
}

/* The line at offset at without its CRLF; *next is the offset behind it. */
static int
first_line(struct str s, size_t at, struct str *line, size_t *next,
    struct http_bad *bad)
{
	const char *lf = memchr(s.p + at, '\n', s.n - at);
	size_t n = (size_t)(lf - (s.p + at)); /* the head's end was found */

	if (n == 0 || lf[-1] != '\r')
		return refuse(bad, 400, "a line ends without CRLF");
	*line = (struct str){ s.p + at, n - 1 };
	*next = at + n + 1;
	return 0;
}

static int
read_request_line(struct http_head *h, struct str line, struct http_bad *bad)
{
	size_t i = token_end(line, 0), at;

	if (i == 0 || i == line.n || line.p[i] != ' ')
		return refuse(bad, 400, "the request line has no method");
	h->method = str_sub(line, 0, i);
	for (at = ++i; i < line.n && line.p[i] > ' ' && line.p[i] < 0x7f; i++)
		;
	if (i == at || i == line.n || line.p[i] != ' ')
		return refuse(bad, 400, "the request target is malformed");
	h->target = str_sub(line, at, i - at);
	return read_version(h, str_sub(line, i + 1, line.n - i - 1), bad);
}

/* The reason may be empty, and its blank may be missing: real servers do
 * both. */
static int
read_status_line(struct http_head *h, struct str line, struct http_bad *bad)
{
	uint64_t status;

	if (line.n < 12 || line.p[8] != ' ' ||
	    (line.n > 12 && line.p[12] != ' ') ||
	    str_u64(str_sub(line, 9, 3), &status) < 0 || status < 100)
		return refuse(bad, 400, "the status line is malformed");
	if (text_end(line, 12) < line.n)
		return refuse(bad, 400, "a control character in the reason");
	h->status = (int)status;
	h->reason = str_sub(line, line.n > 12 ? 13 : 12, line.n);
	return read_version(h, str_sub(line, 0, 8), bad);
}

/* Host: exactly one in HTTP/1.1, of characters that names, addresses and ports
 * are made of. Whether we serve it is relay's question. */
static int
check_host(const struct http_head *h, const struct note *notes,
    struct http_bad *bad)
{
	size_t i;

	if (notes[HOST].count > 1)
		return refuse(bad, 400, "several Host fields");
	if (notes[HOST].count == 0 && h->minor > 0)
		return refuse(bad, 400, "no Host field");
	for (i = 0; i < notes[HOST].value.n; i++) {
		char c = notes[HOST].value.p[i];

		if (!is_alnum(c) && (c == '\0' || strchr("-._~%:[]", c) == NULL))
			return refuse(bad, 400, "Host is malformed");
	}
	if (notes[HOST].count > 0 && i == 0)
		return refuse(bad, 400, "Host is empty");
	return 0;
}

/* "http://authority/path": the authority must be that of Host, since that is
 * what is checked later; the target becomes the path. */
static int
read_absolute(struct http_head *h, const struct note *notes,
    struct http_bad *bad)
{
	struct str rest = h->target, authority;
	size_t i = 0;

	if (str_ieq(str_sub(rest, 0, 7), STR("http://")))
		rest = str_sub(rest, 7, rest.n);
	else if (str_ieq(str_sub(rest, 0, 8), STR("https://")))
		rest = str_sub(rest, 8, rest.n);
	else
		return refuse(bad, 400, "the request target is no path");
	while (i < rest.n && rest.p[i] != '/' && rest.p[i] != '?')
		i++;
	authority = str_sub(rest, 0, i);
	if (notes[HOST].count == 0 || !str_ieq(authority, notes[HOST].value))
		return refuse(bad, 400, "the request target names another host");
	h->absolute = true;
	if (i == rest.n)
		h->target = str_eq(h->method, STR("OPTIONS")) ? STR("*") :
		    STR("/");
	else if (rest.p[i] == '/')
		h->target = str_sub(rest, i, rest.n);
	else
		return refuse(bad, 400, "the request target has no path");
	return 0;
}

/* RFC 9112 section 3.2. */
static int
check_target(struct http_head *h, const struct note *notes,
    struct http_bad *bad)
{
	if (str_eq(h->method, STR("CONNECT"))) {
		if (str_chr(h->target, '/') >= 0 || str_chr(h->target, ':') < 1)
			return refuse(bad, 400, "CONNECT wants host:port");
		return 0;
	}
	if (h->target.p[0] == '/')
		return 0;
	if (str_eq(h->target, STR("*"))) {
		if (!str_eq(h->method, STR("OPTIONS")))
			return refuse(bad, 400, "the target * is for OPTIONS");
		return 0;
	}
	return read_absolute(h, notes, bad);
}

static int
check_expect(struct http_head *h, const struct note *notes,
    struct http_bad *bad)
{
	if (notes[EXPECT].count == 0)
		return 0;
	if (notes[EXPECT].count > 1 || !str_ieq(notes[EXPECT].value, STR("100-continue")))
		return refuse(bad, 417, "Expect is other than 100-continue");
	/* HTTP/1.0 does not know 100; without a body nothing is waited for. */
	h->expect_continue = h->minor > 0 && (h->framing == HTTP_CHUNKED ||
	    (h->framing == HTTP_LENGTH && h->length > 0));
	return 0;
}

/* ---- heads ---- */

size_t
http_head_end(struct str s, size_t from)
{
	const char *p, *end;

	if (from >= s.n)
		return 0;
	p = s.p + from;
	end = s.p + s.n;
	/* An LF that ends an empty line, with or without its CRs: a head with
	 * bare LFs is found here, so that it can be refused at once. */
	while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		size_t i = (size_t)(p++ - s.p);

		if (i >= 1 && s.p[i - 1] == '\r')
			i--;
		if (i >= 1 && s.p[i - 1] == '\n')
			return (size_t)(p - s.p);
	}
	return 0;
}

/* Bytes of the one empty line that may stand before a request (some clients
 * send one behind a body: RFC 9112 section 2.2). */
static size_t
empty_line(struct str s)
{
	return str_starts(s, STR("\r\n")) ? 2 : 0;
}

/* What can be said of a request before its end is there. 0 = nothing bad. */
static int
check_request_begin(struct str s, struct http_bad *bad)
{
	size_t skip = empty_line(s), longest = HTTP_LINE_MAX + 2;

	if (s.n - skip >= longest &&
	    memchr(s.p + skip, '\n', longest) == NULL)
		return refuse(bad, 414, "the request line is over 8 KiB");
	/* A likely mistake, which would else wait for header_timeout: 22 is
	 * the content type of a TLS handshake (RFC 8446 section 5.1). */
	if (s.n > skip && s.p[skip] == 22)
		return refuse(bad, 400, "TLS where plain HTTP is spoken");
	return 0;
}

static int
check_answer_begin(struct str s, struct http_bad *bad)
{
	if (s.n < 5 ? !str_starts(STR("HTTP/"), s)
		    : !str_starts(s, STR("HTTP/")))
		return refuse(bad, 502, "the answer is no HTTP/1");
	return 0;
}

/* s is exactly one head. */
static int
read_request_head(struct http_head *h, struct str s, struct http_bad *bad)
{
	struct note notes[NOTES] = { { .count = 0 } };
	struct str line;
	size_t at;

	memset(h, 0, offsetof(struct http_head, f));
	if (first_line(s, empty_line(s), &line, &at, bad) < 0 ||
	    read_request_line(h, line, bad) < 0 ||
	    read_fields(h, s, at, notes, bad) < 0 ||
	    check_host(h, notes, bad) < 0 ||
	    check_target(h, notes, bad) < 0 ||
	    read_framing(h, notes, true, false, bad) < 0)
		return -1;
	return check_expect(h, notes, bad);
}

static int
read_answer_head(struct http_head *h, struct str s, bool head_only,
    struct http_bad *bad)
{
	struct note notes[NOTES] = { { .count = 0 } };
	struct str line;
	bool no_body;
	size_t at;

	memset(h, 0, offsetof(struct http_head, f));
	if (first_line(s, 0, &line, &at, bad) < 0 ||
	    read_status_line(h, line, bad) < 0 ||
	    read_fields(h, s, at, notes, bad) < 0)
		goto bad;
	no_body = head_only || h->status < 200 || h->status == 204 ||
	    h->status == 304;
	if (read_framing(h, notes, false, no_body, bad) < 0)
		goto bad;
	return 0;
bad:
	bad->status = 502;
	return -1;
}

enum parse
http_parse_request(struct http_head *h, struct str s, size_t *used,
    struct http_bad *bad)
{
	if (check_request_begin(s, bad) < 0)
		return PARSE_BAD;
	if ((*used = http_head_end(s, 0)) == 0)
		return PARSE_MORE;
	if (read_request_head(h, str_sub(s, 0, *used), bad) < 0)
		return PARSE_BAD;
	return PARSE_OK;
}

enum parse
http_parse_answer(struct http_head *h, struct str s, bool head_only,
    size_t *used, struct http_bad *bad)
{
	if (check_answer_begin(s, bad) < 0)
		return PARSE_BAD;
	if ((*used = http_head_end(s, 0)) == 0)
		return PARSE_MORE;
	if (read_answer_head(h, str_sub(s, 0, *used), head_only, bad) < 0)
		return PARSE_BAD;
	return PARSE_OK;
}

/* ---- heads from a connection ---- */

/*
 * The bytes of one head from c into copy, which is empty. They are looked for
 * where they lie and copied once; only a head that fills c's input buffer is
 * moved to copy piece by piece. What lies behind the head stays in c.
 * Fails: as net_fill; ERR_LIMIT over copy->max, ERR_PEER closed, ERR_MEM,
 * ERR_INPUT a bad begin (then *bad).
 */
static int
gather(struct net_conn *c, struct buf *copy,
    int (*check_begin)(struct str, struct http_bad *), int64_t due,
    struct http_bad *bad, struct err *e)
{
	size_t from = copy->len; /* of an earlier call that ran out of time */
	bool moving = from > 0;

	for (;;) {
		size_t old = copy->len, end;
		struct str in = str_sub(net_peek(c), 0, copy->max - old), seen;
		ssize_t got;

		if (moving)
			buf_adds(copy, in);
		seen = moving ? buf_str(copy) : in;
		end = http_head_end(seen, from);
		if (end > 0 && !moving)
			buf_add(copy, in.p, end);
		if (copy->bad)
			return err_set(e, ERR_MEM, "no memory for a head");
		if (end > 0) {
			copy->len = end;
			copy->p[end] = '\0';
			net_take(c, end - old);
			return 0;
		}
		if (check_begin(seen, bad) < 0)
			return err_set(e, ERR_INPUT, "%s", bad->why);
		if (seen.n == copy->max)
			return err_set(e, ERR_LIMIT, "head over %zu bytes",
			    copy->max);
		from = seen.n;
		if (moving)
			net_take(c, in.n);
		got = net_fill(c, due, e);
		if (got == 0)
			return err_set(e, ERR_PEER, seen.n == 0 ?
			    "closed before the first byte of a head" :
			    "closed in the middle of a head");
		if (got < 0 && (moving || e->kind != ERR_LIMIT))
			return -1;
		moving |= got < 0;
	}
}

/* Wait until more is there than an empty line between requests. */
static int
wait_request(struct net_conn *c, int64_t due, struct err *e)
{
	for (;;) {
		struct str in = net_peek(c);
		ssize_t got;

		if (in.n > 2 || !str_starts(STR("\r\n"), in))
			return 0;
		if ((got = net_fill(c, due, e)) < 0)
			return -1;
		if (got == 0)
			return err_set(e, ERR_PEER, "closed between requests");
	}
}

/* What to answer when a head did not come whole. Status 0: nobody is there to
 * read it. */
static int
refuse_unread(const struct err *e, struct http_bad *bad)
{
	switch (e->kind) {
	case ERR_INPUT:
		return -1; /* *bad is filled */
	case ERR_LIMIT:
		return refuse(bad, 431, "the request head is too large");
	case ERR_TIME:
		return refuse(bad, 408, "the request head took too long");
	case ERR_PEER:
		return refuse(bad, 400, "the request head was cut");
	case ERR_MEM:
		return refuse(bad, 503, "no memory for the request head");
	default:
		return refuse(bad, 0, "");
	}
}

int
http_read_request(struct net_conn *c, struct buf *copy, struct http_head *h,
    int64_t idle_due, int64_t head_ms, struct http_bad *bad, struct err *e)
{
	struct err own;

	if (e == NULL)
		e = &own;
	buf_clear(copy);
	*bad = (struct http_bad){ 0, "" };
	if (wait_request(c, idle_due, e) < 0)
		return e->kind == ERR_MEM ? refuse_unread(e, bad) : -1;
	if (gather(c, copy, check_request_begin, due_in(head_ms), bad, e) < 0)
		return refuse_unread(e, bad);
	if (check_request_begin(buf_str(copy), bad) < 0 ||
	    read_request_head(h, buf_str(copy), bad) < 0)
		return err_set(e, ERR_INPUT, "%s", bad->why);
	return 0;
}

int
http_read_answer(struct net_conn *c, struct buf *copy, struct http_head *h,
    bool head_only, int64_t due, struct err *e)
{
	struct http_bad bad;
	struct err own;
	unsigned i;

	if (e == NULL)
		e = &own;
	for (i = 0; i < INFORMATIONAL_MAX; i++) {
		if (gather(c, copy, check_answer_begin, due, &bad, e) < 0) {
			if (e->kind == ERR_INPUT)
				e->kind = ERR_PEER;
			return -1;
		}
		if (check_answer_begin(buf_str(copy), &bad) < 0 ||
		    read_answer_head(h, buf_str(copy), head_only, &bad) < 0)
			return err_set(e, ERR_PEER, "answer head: %s", bad.why);
		if (h->status >= 200)
			return 0;
		if (h->status == 101)
			break;
		buf_clear(copy);
	}
	return err_set(e, ERR_PEER, "answer head: unwanted status %d",
	    h->status);
}

/* ---- chunks ---- */

enum chunk_state {
	START,    /* of a size line */
	SIZE,     /* behind a digit */
	PAD,      /* blanks behind the size; ";" must follow */
	EXT,      /* extension, skipped */
	SIZE_LF,  /* the LF of a size line comes next */
	DATA,     /* left bytes, not looked at */
	DATA_CR,
	DATA_LF,
	FIELD,    /* begin of a trailer line or of the last, empty line */
	NAME,
	VALUE,
	FIELD_LF,
	LAST_LF,
	DONE,
	BAD
};

enum byte_class { C_HEX, C_TOKEN, C_BLANK, C_SEMI, C_COLON, C_TEXT, C_CR,
	C_LF, C_CONTROL, C_COUNT };

/* RFC 9112 section 7.1: state before, class of the byte, state behind. The
 * zero size goes from SIZE_LF to FIELD instead. */
static const unsigned char chunk_next[][C_COUNT] = {
	/*             hex   token blank  ;    :      text   CR       LF */
	[START]    = { SIZE, BAD,  BAD,   BAD, BAD,   BAD,   BAD,     BAD, BAD },
	[SIZE]     = { SIZE, BAD,  PAD,   EXT, BAD,   BAD,   SIZE_LF, BAD, BAD },
	[PAD]      = { BAD,  BAD,  PAD,   EXT, BAD,   BAD,   BAD,     BAD, BAD },
	[EXT]      = { EXT,  EXT,  EXT,   EXT, EXT,   EXT,   SIZE_LF, BAD, BAD },
	[SIZE_LF]  = { BAD,  BAD,  BAD,   BAD, BAD,   BAD,   BAD,    DATA, BAD },
	[DATA]     = { BAD,  BAD,  BAD,   BAD, BAD,   BAD,   BAD,     BAD, BAD },
	[DATA_CR]  = { BAD,  BAD,  BAD,   BAD, BAD,   BAD,   DATA_LF, BAD, BAD },
	[DATA_LF]  = { BAD,  BAD,  BAD,   BAD, BAD,   BAD,   BAD,   START, BAD },
	[FIELD]    = { NAME, NAME, BAD,   BAD, BAD,   BAD,   LAST_LF, BAD, BAD },
	[NAME]     = { NAME, NAME, BAD,   BAD, VALUE, BAD,   BAD,     BAD, BAD },
	[VALUE]    = { VALUE, VALUE, VALUE, VALUE, VALUE, VALUE, FIELD_LF, BAD,
	    BAD },
	[FIELD_LF] = { BAD,  BAD,  BAD,   BAD, BAD,   BAD,   BAD,   FIELD, BAD },
	[LAST_LF]  = { BAD,  BAD,  BAD,   BAD, BAD,   BAD,   BAD,    DONE, BAD },
};

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum byte_class
class_of(char c)
{
	switch (c) {
	case ' ':
	case '\t':
		return C_BLANK;
	case ';':
		return C_SEMI;
	case ':':
		return C_COLON;
	case '\r':
		return C_CR;
	case '\n':
		return C_LF;
	default:
		if (hex_value(c) >= 0)
			return C_HEX;
		if (is_token(c))
			return C_TOKEN;
		return is_control(c) ? C_CONTROL : C_TEXT;
	}
}

/* The state behind byte c, which is no data. Over a limit it is BAD. */
static unsigned char
chunk_step(struct http_chunks *d, char c)
{
	unsigned char next = chunk_next[d->state][class_of(c)];

	if (d->state >= FIELD)
		return ++d->trailers > TRAILERS_MAX ? BAD : next;
	if (d->state <= SIZE_LF && ++d->line > HTTP_CHUNK_LINE_MAX + 2)
		return BAD; /* 2: CR and LF */
	if (next == SIZE) {
		if (d->left >> CHUNK_SIZE_BITS != 0)
			return BAD;
		d->left = d->left << 4 | (unsigned)hex_value(c);
	} else if (next == DATA) {
		d->line = 0;
		if (d->left == 0)
			return FIELD;
	}
	return next;
}

enum parse
http_dechunk(struct http_chunks *d, char *p, size_t *n, size_t *used)
{
	size_t in = 0, out = 0;

	while (in < *n && d->state < DONE) {
		size_t run = *n - in;

		if (d->state != DATA) {
			d->state = chunk_step(d, p[in++]);
			continue;
		}
		if (run > d->left)
			run = (size_t)d->left;
		memmove(p + out, p + in, run);
		in += run;
		out += run;
		d->left -= run;
		if (d->left == 0)
			d->state = DATA_CR;
	}
	*n = out;
	*used = in;
	return d->state == DONE ? PARSE_OK :
	    d->state == BAD ? PARSE_BAD : PARSE_MORE;
}

/* ---- bodies ---- */

void
http_body_init(struct http_body *b, const struct http_head *h)
{
	*b = (struct http_body){ .framing = h->framing, .left = h->length };
	b->done = h->framing == HTTP_NONE ||
	    (h->framing == HTTP_LENGTH && h->length == 0);
}

/* Take what is buffered in c into *piece; 0, or -1 when the chunks are bad.
 * *piece is empty when only framing was there. */
static int
take_piece(struct net_conn *c, struct http_body *b, struct str *piece,
    struct err *e)
{
	char *p = c->in + c->pos; /* decoded where it lies */
	size_t used = net_peek(c).n, n = used;

	if (b->framing == HTTP_CHUNKED) {
		enum parse r = http_dechunk(&b->chunks, p, &n, &used);

		if (r == PARSE_BAD)
			return err_set(e, ERR_PEER, "body: malformed chunk");
		b->done = r == PARSE_OK;
	} else if (b->framing == HTTP_LENGTH) {
		if (used > b->left)
			n = used = (size_t)b->left;
		b->left -= n;
		b->done = b->left == 0;
	}
	net_take(c, used);
	*piece = (struct str){ p, n };
	return 0;
}

int
http_body_next(struct net_conn *c, struct http_body *b, struct str *piece,
    int64_t due, struct err *e)
{
	*piece = (struct str){ NULL, 0 };
	while (!b->done) {
		ssize_t got;

		if (net_peek(c).n > 0) {
			if (take_piece(c, b, piece, e) < 0)
				return -1;
			if (piece->n > 0)
				return 1;
			continue;
		}
		if ((got = net_fill(c, due, e)) < 0)
			return -1;
		if (got > 0)
			continue;
		/* A TLS peer says that it is done; a mere FIN may be forged. */
		if (b->framing != HTTP_CLOSE || (c->tls != NULL && !c->clean))
			return err_set(e, ERR_PEER, "body: cut");
		b->done = true;
	}
	return 0;
}

/* ---- writing ---- */

const char *
http_reason(int status)
{
	/* One string: a table of pointers would be half relocations. */
	static const char reasons[] =
	    "100Continue\0" "200OK\0" "201Created\0" "202Accepted\0"
	    "204No Content\0" "301Moved Permanently\0" "302Found\0"
	    "303See Other\0" "304Not Modified\0" "307Temporary Redirect\0"
	    "308Permanent Redirect\0" "400Bad Request\0" "401Unauthorized\0"
	    "402Payment Required\0" "403Forbidden\0" "404Not Found\0"
	    "405Method Not Allowed\0" "406Not Acceptable\0"
	    "408Request Timeout\0" "409Conflict\0" "410Gone\0"
	    "411Length Required\0" "412Precondition Failed\0"
	    "413Content Too Large\0" "414URI Too Long\0"
	    "415Unsupported Media Type\0" "417Expectation Failed\0"
	    "421Misdirected Request\0" "422Unprocessable Content\0"
	    "424Failed Dependency\0" "426Upgrade Required\0"
	    "429Too Many Requests\0" "431Request Header Fields Too Large\0"
	    "500Internal Server Error\0" "501Not Implemented\0"
	    "502Bad Gateway\0" "503Service Unavailable\0"
	    "504Gateway Timeout\0" "505HTTP Version Not Supported\0"
	    "529Overloaded\0";
	const char *p;

	for (p = reasons; *p != '\0'; p += strlen(p) + 1)
		if ((p[0] - '0') * 100 + (p[1] - '0') * 10 + p[2] - '0' ==
		    status)
			return p + 3;
	return "";
}
