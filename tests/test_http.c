/* SPDX-License-Identifier: MIT */
/*
 * Tests of the parsers of http.c. Heads: each row whole, with bytes behind it,
 * and as every prefix. Chunks: whole, byte by byte, split at every position.
 * All from copies that end at a page without access.
 */
#include <unistd.h>

#include "check.h"
#include "guard.h"
#include "http.h"

#define IN(lit) { lit, sizeof(lit) - 1 }
#define N(a) (sizeof(a) / sizeof((a)[0]))
#define HOST "Host: a\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST
#define POST "POST /p HTTP/1.1\r\n" HOST
#define OK "HTTP/1.1 200 OK\r\n"

struct row {
	const char *name;
	struct str input;
	int status;       /* 0 = good, else of http_bad */
	const char *want; /* what show() gives; NULL = not looked at */
};

/* ---- heads ---- */

static const struct row requests[] = {
	{ "plain", IN("GET /v1/models?x=1 HTTP/1.1\r\nHost: localhost:8081\r\n"
		      "A:b\r\nC: \t d e \t\r\nD:\r\n\r\n"), 0,
	    "GET /v1/models?x=1 1.1 none keep"
	    " [Host=localhost:8081][A=b][C=d e][D=]" },
	{ "empty line before", IN("\r\n" GET "\r\n"), 0,
	    "GET / 1.1 none keep [Host=a]" },
	{ "two empty lines before", IN("\r\n\r\n" GET "\r\n"), 400, NULL },
	{ "bare LF before", IN("\n" GET "\r\n"), 400, NULL },
	{ "token name", IN("GET / HTTP/1.1\r\nHost:a\r\n"
			   "!#$%&'*+-.^_`|~09azAZ: x\r\n\r\n"), 0,
	    "GET / 1.1 none keep [Host=a][!#$%&'*+-.^_`|~09azAZ=x]" },
	{ "obs-text, tab", IN(GET "A: \xc3\xa4\tb\r\n\r\n"), 0,
	    "GET / 1.1 none keep [Host=a][A=\xc3\xa4\tb]" },
	{ "odd method", IN("M-SEARCH / HTTP/1.1\r\n" HOST "\r\n"), 0,
	    "M-SEARCH / 1.1 none keep [Host=a]" },
	{ "TRACE", IN("TRACE /x HTTP/1.1\r\n" HOST "\r\n"), 0,
	    "TRACE /x 1.1 none keep [Host=a]" },
	{ "length", IN(POST "Content-Length: 5\r\n\r\n"), 0,
	    "POST /p 1.1 length 5 keep [Host=a][Content-Length=5]" },
	{ "length 0", IN(POST "content-length: 0\r\n\r\n"), 0,
	    "POST /p 1.1 length 0 keep [Host=a][content-length=0]" },
	{ "length 007", IN(POST "Content-Length:007\r\n\r\n"), 0,
	    "POST /p 1.1 length 7 keep [Host=a][Content-Length=007]" },
	{ "length 2^64-1", IN(POST "Content-Length: 18446744073709551615"
				   "\r\n\r\n"), 0,
	    "POST /p 1.1 length 18446744073709551615 keep"
	    " [Host=a][Content-Length=18446744073709551615]" },
	{ "chunked", IN(POST "TRANSFER-encoding: Chunked \r\n\r\n"), 0,
	    "POST /p 1.1 chunked keep [Host=a][TRANSFER-encoding=Chunked]" },
	/* How a connection lives on: RFC 9112 section 9.3. */
	{ "close", IN(GET "Connection: close\r\n\r\n"), 0,
	    "GET / 1.1 none end [Host=a][Connection=close]" },
	{ "close in a list", IN(GET "Connection: x ,\tClose,\r\n\r\n"), 0,
	    "GET / 1.1 none end [Host=a][Connection=x ,\tClose,]" },
	{ "close in the second", IN(GET "Connection: keep-alive\r\n"
					"Connection: close\r\n\r\n"), 0,
	    "GET / 1.1 none end"
	    " [Host=a][Connection=keep-alive][Connection=close]" },
	{ "nearly close", IN(GET "Connection: closed, xclose\r\n\r\n"), 0,
	    "GET / 1.1 none keep [Host=a][Connection=closed, xclose]" },
	{ "1.0", IN("GET / HTTP/1.0\r\n\r\n"), 0, "GET / 1.0 none end" },
	{ "1.0 keep-alive", IN("GET / HTTP/1.0\r\n"
			       "Connection: Keep-Alive\r\n\r\n"), 0,
	    "GET / 1.0 none keep [Connection=Keep-Alive]" },
	{ "1.0 both", IN("GET / HTTP/1.0\r\nConnection: keep-alive\r\n"
			 "Connection: close\r\n\r\n"), 0,
	    "GET / 1.0 none end"
	    " [Connection=keep-alive][Connection=close]" },
	{ "1.9", IN("GET / HTTP/1.9\r\n" HOST "\r\n"), 0,
	    "GET / 1.1 none keep [Host=a]" },
	/* Expect: RFC 9110 section 10.1.1. */
	{ "expect", IN(POST "Content-Length: 5\r\n"
			    "Expect: 100-Continue\r\n\r\n"), 0,
	    "POST /p 1.1 length 5 keep expect"
	    " [Host=a][Content-Length=5][Expect=100-Continue]" },
	{ "expect, no body", IN(GET "Expect: 100-continue\r\n\r\n"), 0,
	    "GET / 1.1 none keep [Host=a][Expect=100-continue]" },
	{ "expect, length 0", IN(POST "Content-Length: 0\r\n"
				      "Expect: 100-continue\r\n\r\n"), 0,
	    "POST /p 1.1 length 0 keep"
	    " [Host=a][Content-Length=0][Expect=100-continue]" },
	{ "expect, chunked", IN(POST "Transfer-Encoding: chunked\r\n"
				     "Expect: 100-continue\r\n\r\n"), 0,
	    "POST /p 1.1 chunked keep expect"
	    " [Host=a][Transfer-Encoding=chunked][Expect=100-continue]" },
	{ "expect in 1.0", IN("POST / HTTP/1.0\r\nContent-Length: 5\r\n"
			      "Expect: 100-continue\r\n\r\n"), 0,
	    "POST / 1.0 length 5 end"
	    " [Content-Length=5][Expect=100-continue]" },
	{ "expect other", IN(POST "Expect: 200-ok\r\n\r\n"), 417, NULL },
	{ "expect list", IN(POST "Expect: 100-continue, x\r\n\r\n"), 417,
	    NULL },
	{ "expect empty", IN(POST "Expect:\r\n\r\n"), 417, NULL },
	{ "expect twice", IN(POST "Expect: 100-continue\r\n"
				  "Expect: 100-continue\r\n\r\n"), 417, NULL },
	/* Targets: RFC 9112 section 3.2. */
	{ "absolute", IN("GET http://a:1/x?y HTTP/1.1\r\nHost: A:1\r\n\r\n"),
	    0, "GET /x?y 1.1 none keep absolute [Host=A:1]" },
	{ "absolute https", IN("GET HTTPS://a/ HTTP/1.1\r\n" HOST "\r\n"), 0,
	    "GET / 1.1 none keep absolute [Host=a]" },
	{ "absolute, no path", IN("GET http://a HTTP/1.1\r\n" HOST "\r\n"), 0,
	    "GET / 1.1 none keep absolute [Host=a]" },
	{ "absolute OPTIONS", IN("OPTIONS http://a HTTP/1.1\r\n" HOST "\r\n"),
	    0, "OPTIONS * 1.1 none keep absolute [Host=a]" },
	{ "absolute, query only", IN("GET http://a?x HTTP/1.1\r\n" HOST
				     "\r\n"), 400, NULL },
	{ "absolute, another host", IN("GET http://b/ HTTP/1.1\r\n" HOST
				       "\r\n"), 400, NULL },
	{ "absolute, another port", IN("GET http://a:1/ HTTP/1.1\r\n" HOST
				       "\r\n"), 400, NULL },
	{ "absolute with user", IN("GET http://u@a/ HTTP/1.1\r\n" HOST
				   "\r\n"), 400, NULL },
	{ "absolute, longer host", IN("GET http://ab/ HTTP/1.1\r\n" HOST
				      "\r\n"), 400, NULL },
	{ "absolute, no Host", IN("GET http://a/ HTTP/1.0\r\n\r\n"), 400,
	    NULL },
	{ "absolute, no authority", IN("GET http:///x HTTP/1.1\r\n" HOST
				       "\r\n"), 400, NULL },
	{ "absolute, nothing", IN("GET http:///x HTTP/1.0\r\n\r\n"), 400,
	    NULL },
	{ "other scheme", IN("GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n"), 400,
	    NULL },
	{ "asterisk", IN("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), 0,
	    "OPTIONS * 1.1 none keep [Host=a]" },
	{ "asterisk of GET", IN("GET * HTTP/1.1\r\n" HOST "\r\n"), 400, NULL },
	{ "asterisk of options", IN("options * HTTP/1.1\r\n" HOST "\r\n"), 400,
	    NULL },
	{ "CONNECT", IN("CONNECT b:443 HTTP/1.1\r\n" HOST "\r\n"), 0,
	    "CONNECT b:443 1.1 none keep [Host=a]" },
	{ "CONNECT path", IN("CONNECT / HTTP/1.1\r\n" HOST "\r\n"), 400,
	    NULL },
	{ "CONNECT, no port", IN("CONNECT b HTTP/1.1\r\n" HOST "\r\n"), 400,
	    NULL },
	{ "CONNECT, URL", IN("CONNECT http://b:1/ HTTP/1.1\r\n" HOST "\r\n"),
	    400, NULL },
	{ "authority of GET", IN("GET a:80 HTTP/1.1\r\n" HOST "\r\n"), 400,
	    NULL },
	{ "relative", IN("GET x HTTP/1.1\r\n" HOST "\r\n"), 400, NULL },
	{ "no target", IN("GET  HTTP/1.1\r\n" HOST "\r\n"), 400, NULL },
	{ "two blanks", IN("GET  / HTTP/1.1\r\n" HOST "\r\n"), 400, NULL },
	{ "tab for blank", IN("GET\t/ HTTP/1.1\r\n" HOST "\r\n"), 400, NULL },
	{ "blank in target", IN("GET /a b HTTP/1.1\r\n" HOST "\r\n"), 400,
	    NULL },
	{ "NUL in target", IN("GET /a\0b HTTP/1.1\r\n" HOST "\r\n"), 400,
	    NULL },
	{ "DEL in target", IN("GET /\x7f HTTP/1.1\r\n" HOST "\r\n"), 400,
	    NULL },
	{ "UTF-8 in target", IN("GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n"), 400,
	    NULL },
	{ "CR in target", IN("GET /\rx HTTP/1.1\r\n" HOST "\r\n"), 400, NULL },
	/* Versions. */
	{ "2.0", IN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505, NULL },
	{ "0.9", IN("GET / HTTP/0.9\r\n" HOST "\r\n"), 505, NULL },
	{ "3.1", IN("GET / HTTP/3.1\r\n" HOST "\r\n"), 505, NULL },
	{ "no version", IN("GET /\r\n" HOST "\r\n"), 400, NULL },
	{ "blank, no version", IN("GET / \r\n" HOST "\r\n"), 400, NULL },
	{ "lower case", IN("GET / http/1.1\r\n" HOST "\r\n"), 400, NULL },
	{ "1.10", IN("GET / HTTP/1.10\r\n" HOST "\r\n"), 400, NULL },
	{ "1.", IN("GET / HTTP/1.\r\n" HOST "\r\n"), 400, NULL },
	{ "11", IN("GET / HTTP/11\r\n" HOST "\r\n"), 400, NULL },
	{ "1,1", IN("GET / HTTP/1,1\r\n" HOST "\r\n"), 400, NULL },
	{ "1.x", IN("GET / HTTP/1.x\r\n" HOST "\r\n"), 400, NULL },
	{ "blank behind", IN("GET / HTTP/1.1 \r\n" HOST "\r\n"), 400, NULL },
	{ "one more and bare LF", IN("GET / HTTP/1.1x\n" HOST "\r\n"), 400,
	    NULL },
	{ "blank before", IN(" GET / HTTP/1.1\r\n" HOST "\r\n"), 400, NULL },
	{ "no method", IN("/ HTTP/1.1\r\n" HOST "\r\n"), 400, NULL },
	{ "empty method", IN(" / HTTP/1.1\r\n" HOST "\r\n"), 400, NULL },
	{ "odd method", IN("G[T / HTTP/1.1\r\n" HOST "\r\n"), 400, NULL },
	{ "TLS", IN("\x16\x03\x01\x02\x00\x01\x00\x01"), 400, NULL },
	/* Host. */
	{ "no Host", IN("GET / HTTP/1.1\r\nA: b\r\n\r\n"), 400, NULL },
	{ "two Hosts", IN(GET HOST "\r\n"), 400, NULL },
	{ "two Hosts in 1.0", IN("GET / HTTP/1.0\r\n" HOST HOST "\r\n"), 400,
	    NULL },
	{ "empty Host", IN("GET / HTTP/1.1\r\nHost: \r\n\r\n"), 400, NULL },
	{ "Host list", IN("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"), 400, NULL },
	{ "Host with path", IN("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400,
	    NULL },
	{ "Host with user", IN("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), 400,
	    NULL },
	{ "Host IPv6", IN("GET / HTTP/1.1\r\nHost: [::1%25e0]:81\r\n\r\n"), 0,
	    "GET / 1.1 none keep [Host=[::1%25e0]:81]" },
	/* Lengths and codings. */
	{ "CL and TE", IN(POST "Content-Length: 6\r\n"
			       "Transfer-Encoding: chunked\r\n\r\n"), 400,
	    NULL },
	{ "TE and CL", IN(POST "Transfer-Encoding: chunked\r\n"
			       "Content-Length: 6\r\n\r\n"), 400, NULL },
	{ "TE gzip and CL", IN(POST "Transfer-Encoding: gzip\r\n"
				    "Content-Length: 6\r\n\r\n"), 400, NULL },
	{ "two CL", IN(POST "Content-Length: 5\r\n"
			    "Content-Length: 5\r\n\r\n"), 400, NULL },
	{ "CL list", IN(POST "Content-Length: 5, 5\r\n\r\n"), 400, NULL },
	{ "CL 5,", IN(POST "Content-Length: 5,\r\n\r\n"), 400, NULL },
	{ "CL +5", IN(POST "Content-Length: +5\r\n\r\n"), 400, NULL },
	{ "CL -5", IN(POST "Content-Length: -5\r\n\r\n"), 400, NULL },
	{ "CL 0x5", IN(POST "Content-Length: 0x5\r\n\r\n"), 400, NULL },
	{ "CL 5 5", IN(POST "Content-Length: 5 5\r\n\r\n"), 400, NULL },
	{ "CL 5.0", IN(POST "Content-Length: 5.0\r\n\r\n"), 400, NULL },
	{ "CL empty", IN(POST "Content-Length:\r\n\r\n"), 400, NULL },
	{ "CL 2^64", IN(POST "Content-Length: 18446744073709551616\r\n\r\n"),
	    400, NULL },
	{ "CL 2^64+5", IN(POST "Content-Length: 18446744073709551621"
			       "\r\n\r\n"), 400, NULL },
	{ "CL NUL", IN(POST "Content-Length: 5\0\r\n\r\n"), 400, NULL },
	{ "two TE", IN(POST "Transfer-Encoding: chunked\r\n"
			    "Transfer-Encoding: chunked\r\n\r\n"), 400, NULL },
	{ "TE twice", IN(POST "Transfer-Encoding: chunked, chunked\r\n\r\n"),
	    400, NULL },
	{ "TE not last", IN(POST "Transfer-Encoding: chunked, gzip\r\n\r\n"),
	    400, NULL },
	{ "TE empty", IN(POST "Transfer-Encoding:\r\n\r\n"), 400, NULL },
	{ "TE ,", IN(POST "Transfer-Encoding: ,chunked\r\n\r\n"), 400, NULL },
	{ "TE chunked,", IN(POST "Transfer-Encoding: chunked,\r\n\r\n"), 400,
	    NULL },
	{ "TE parameter", IN(POST "Transfer-Encoding: chunked;a=b\r\n\r\n"),
	    400, NULL },
	{ "TE quoted", IN(POST "Transfer-Encoding: \"chunked\"\r\n\r\n"), 400,
	    NULL },
	{ "TE VT", IN(POST "Transfer-Encoding: \x0b" "chunked\r\n\r\n"), 400,
	    NULL },
	{ "TE gzip", IN(POST "Transfer-Encoding: gzip\r\n\r\n"), 501, NULL },
	{ "TE gzip, chunked", IN(POST "Transfer-Encoding: gzip, chunked"
				      "\r\n\r\n"), 501, NULL },
	{ "TE identity", IN(POST "Transfer-Encoding: identity\r\n\r\n"), 501,
	    NULL },
	{ "TE xchunked", IN(POST "Transfer-Encoding: xchunked\r\n\r\n"), 501,
	    NULL },
	{ "TE in 1.0", IN("POST / HTTP/1.0\r\n" HOST
			  "Transfer-Encoding: chunked\r\n\r\n"), 400, NULL },
	/* Field lines. */
	{ "blank before colon", IN(GET "A : b\r\n\r\n"), 400, NULL },
	{ "tab before colon", IN(GET "A\t: b\r\n\r\n"), 400, NULL },
	{ "folded", IN(GET "A: b\r\n c\r\n\r\n"), 400, NULL },
	{ "folded with tab", IN(GET "A: b\r\n\tc\r\n\r\n"), 400, NULL },
	{ "folded first", IN("GET / HTTP/1.1\r\n " HOST "\r\n"), 400, NULL },
	{ "no colon", IN(GET "A\r\n\r\n"), 400, NULL },
	{ "no name", IN(GET ": b\r\n\r\n"), 400, NULL },
	{ "no token", IN(GET "A(: b\r\n\r\n"), 400, NULL },
	{ "NUL in a name", IN(GET "A\0: b\r\n\r\n"), 400, NULL },
	{ "obs-text in a name", IN(GET "\xe4: b\r\n\r\n"), 400, NULL },
	{ "NUL in a value", IN(GET "A: b\0c\r\n\r\n"), 400, NULL },
	{ "control", IN(GET "A: b\x01" "c\r\n\r\n"), 400, NULL },
	{ "DEL", IN(GET "A: b\x7f" "c\r\n\r\n"), 400, NULL },
	{ "DEL among text", IN(GET "A: 0123456789012345\x7f"
				   "0123456789012345\r\n\r\n"), 400, NULL },
	{ "control among text", IN(GET "A: 0123456789012345\x1f"
				       "0123456789012345\r\n\r\n"), 400,
	    NULL },
	{ "bare CR", IN(GET "A: b\rc: d\r\n\r\n"), 400, NULL },
	{ "bare CR, then a field", IN(GET "A: b\rcd: e\r\n\r\n"), 400, NULL },
	{ "NUL for CR", IN(GET "A: b\0\nC: d\r\n\r\n"), 400, NULL },
	{ "bare CR at the end", IN(GET "A: b\r\r\n\r\n"), 400, NULL },
	{ "bare LF", IN(GET "A: b\nC: d\r\n\r\n"), 400, NULL },
	{ "bare LF everywhere", IN("GET / HTTP/1.1\nHost: a\n\n"), 400, NULL },
	{ "bare LF in line one", IN("GET / HTTP/1.1\n" HOST "\r\n"), 400,
	    NULL },
	{ "bare LF at the end", IN(GET "A: b\r\n\n"), 400, NULL },
	{ "LF before the end", IN(GET "A: b\n\r\n"), 400, NULL },
	{ "CR CR LF", IN(GET "\r\r\n\r\n"), 400, NULL },
};

static const struct row answers[] = {
	{ "plain", IN(OK "Content-Length: 5\r\n\r\n"), 0,
	    "200 (OK) 1.1 length 5 keep [Content-Length=5]" },
	{ "chunked", IN(OK "Transfer-Encoding: chunked\r\n\r\n"), 0,
	    "200 (OK) 1.1 chunked keep [Transfer-Encoding=chunked]" },
	{ "until closed", IN(OK "\r\n"), 0, "200 (OK) 1.1 close end" },
	{ "until closed, keep-alive", IN(OK "Connection: keep-alive\r\n\r\n"),
	    0, "200 (OK) 1.1 close end [Connection=keep-alive]" },
	{ "close", IN(OK "Content-Length: 0\r\nConnection: close\r\n\r\n"), 0,
	    "200 (OK) 1.1 length 0 end"
	    " [Content-Length=0][Connection=close]" },
	{ "no reason", IN("HTTP/1.1 529\r\nContent-Length: 0\r\n\r\n"), 0,
	    "529 () 1.1 length 0 keep [Content-Length=0]" },
	{ "empty reason", IN("HTTP/1.1 529 \r\nContent-Length: 0\r\n\r\n"), 0,
	    "529 () 1.1 length 0 keep [Content-Length=0]" },
	{ "long reason", IN("HTTP/1.1 404 Not \xe4t all\r\n"
			    "Content-Length: 0\r\n\r\n"), 0,
	    "404 (Not \xe4t all) 1.1 length 0 keep [Content-Length=0]" },
	{ "1.0", IN("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n"), 0,
	    "200 (OK) 1.0 length 1 end [Content-Length=1]" },
	{ "1.0 keep-alive", IN("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n"
			       "Connection: Keep-Alive\r\n\r\n"), 0,
	    "200 (OK) 1.0 length 1 keep"
	    " [Content-Length=1][Connection=Keep-Alive]" },
	{ "204", IN("HTTP/1.1 204 No Content\r\n\r\n"), 0,
	    "204 (No Content) 1.1 none keep" },
	{ "304 with length", IN("HTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n"),
	    0, "304 (x) 1.1 none keep [Content-Length=9]" },
	{ "100", IN("HTTP/1.1 100 Continue\r\n\r\n"), 0,
	    "100 (Continue) 1.1 none keep" },
	{ "same length twice", IN(OK "Content-Length: 5\r\n"
				     "Content-Length: 5, 5\r\n\r\n"), 0,
	    "200 (OK) 1.1 length 5 keep"
	    " [Content-Length=5][Content-Length=5, 5]" },
	{ "two lengths", IN(OK "Content-Length: 5\r\n"
			       "Content-Length: 6\r\n\r\n"), 502, NULL },
	{ "length list", IN(OK "Content-Length: 5,6\r\n\r\n"), 502, NULL },
	{ "CL and TE", IN(OK "Content-Length: 5\r\n"
			     "Transfer-Encoding: chunked\r\n\r\n"), 502, NULL },
	{ "TE gzip", IN(OK "Transfer-Encoding: gzip\r\n\r\n"), 502, NULL },
	{ "TE in 1.0", IN("HTTP/1.0 200 OK\r\n"
			  "Transfer-Encoding: chunked\r\n\r\n"), 502, NULL },
	{ "2", IN("HTTP/2 200\r\n\r\n"), 502, NULL },
	{ "2.0", IN("HTTP/2.0 200 OK\r\n\r\n"), 502, NULL },
	{ "two digits", IN("HTTP/1.1 20 OK\r\n\r\n"), 502, NULL },
	{ "four digits", IN("HTTP/1.1 2000 OK\r\n\r\n"), 502, NULL },
	{ "099", IN("HTTP/1.1 099 OK\r\n\r\n"), 502, NULL },
	{ "no digits", IN("HTTP/1.1 2x0 OK\r\n\r\n"), 502, NULL },
	{ "two blanks", IN("HTTP/1.1  200 OK\r\n\r\n"), 502, NULL },
	{ "no blank", IN("HTTP/1.1x200 OK\r\n\r\n"), 502, NULL },
	{ "short", IN("HTTP/1.1\r\n\r\n"), 502, NULL },
	{ "NUL in reason", IN("HTTP/1.1 200 O\0K\r\n\r\n"), 502, NULL },
	{ "CR in reason", IN("HTTP/1.1 200 O\rK\r\n\r\n"), 502, NULL },
	{ "bare LF", IN("HTTP/1.1 200 OK\n\n"), 502, NULL },
	{ "folded", IN(OK "A: b\r\n c\r\n\r\n"), 502, NULL },
	{ "empty line before", IN("\r\n" OK "\r\n"), 502, NULL },
	{ "another protocol", IN("SSH-2.0-x\r\n"), 502, NULL },
	{ "another one", IN("HTTx"), 502, NULL },
};

static void
show(struct buf *b, const struct http_head *h, bool answer)
{
	static const char *const framing[] = { "none", "length", "chunked",
		"close" };
	size_t i;

	buf_clear(b);
	if (answer)
		buf_fmt(b, "%d (%.*s)", h->status, STR_ARG(h->reason));
	else
		buf_fmt(b, "%.*s %.*s", STR_ARG(h->method),
		    STR_ARG(h->target));
	buf_fmt(b, " 1.%d %s ", h->minor, framing[h->framing]);
	if (h->framing == HTTP_LENGTH) {
		buf_addu(b, h->length);
		buf_addc(b, ' ');
	}
	buf_fmt(b, "%s%s%s%s", h->keep_alive ? "keep" : "end",
	    h->expect_continue ? " expect" : "",
	    h->absolute ? " absolute" : "", h->n > 0 ? " " : "");
	for (i = 0; i < h->n; i++)
		buf_fmt(b, "[%.*s=%.*s]", STR_ARG(h->f[i].name),
		    STR_ARG(h->f[i].value));
}

static enum parse
parse_head(struct http_head *h, struct str s, bool answer, size_t *used,
    struct http_bad *bad)
{
	return answer ? http_parse_answer(h, s, false, used, bad)
		      : http_parse_request(h, s, used, bad);
}

/* r as it is, and each beginning of it, which must promise nothing that the
 * whole does not keep. */
static void
check_head(const struct row *r, bool answer)
{
	struct http_head h;
	struct http_bad bad;
	struct buf got;
	size_t n, used;

	buf_init(&got, 1 << 16);
	for (n = 0; n <= r->input.n; n++) {
		struct str s = guard_copy(str_sub(r->input, 0, n));
		enum parse p = parse_head(&h, s, answer, &used, &bad);

		if (p == PARSE_BAD)
			CHECK_INT_IN(r->name, bad.status, r->status);
		if (p == PARSE_BAD)
			CHECK(bad.why != NULL && bad.why[0] != '\0');
		if (n == r->input.n)
			CHECK_INT_IN(r->name, p,
			    r->status == 0 ? PARSE_OK : PARSE_BAD);
		else
			CHECK_IN(r->name, p != PARSE_OK);
		if (p == PARSE_MORE)
			CHECK_INT_IN(r->name, http_head_end(s, 0), 0);
		if (p == PARSE_OK) {
			CHECK_INT_IN(r->name, used, n);
			show(&got, &h, answer);
			CHECK_STR_IN(r->name, buf_str(&got), str_of(r->want));
		}
		guard_free(s);
	}
	if (r->status == 0) {
		buf_clear(&got);
		buf_adds(&got, r->input);
		buf_addz(&got, "GET /other\n\n");
		CHECK(parse_head(&h, buf_str(&got), answer, &used, &bad) ==
		    PARSE_OK);
		CHECK_INT_IN(r->name, used, r->input.n);
	}
	buf_free(&got);
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

/* GET with a target of this many bytes behind the slash. */
static void
make_long_line(struct buf *b, size_t n)
{
	buf_clear(b);
	buf_addz(b, "GET /");
	fill(b, 'x', n);
	buf_addz(b, " HTTP/1.1\r\n" HOST "\r\n");
}

static void
test_head_limits(void)
{
	const size_t most = HTTP_LINE_MAX - strlen("GET / HTTP/1.1");
	struct http_head h;
	struct http_bad bad;
	struct buf b;
	size_t used, i, n;

	buf_init(&b, 1 << 16);
	make_long_line(&b, most);
	CHECK(http_parse_request(&h, buf_str(&b), &used, &bad) == PARSE_OK);
	CHECK_INT(h.target.n, most + 1);
	make_long_line(&b, most + 1);
	for (i = HTTP_LINE_MAX; i <= b.len; i++) {
		enum parse p = http_parse_request(&h,
		    str_sub(buf_str(&b), 0, i), &used, &bad);

		CHECK(p == (i < HTTP_LINE_MAX + 2 ? PARSE_MORE : PARSE_BAD));
		if (p == PARSE_BAD)
			CHECK_INT(bad.status, 414);
	}
	for (n = HTTP_FIELDS_MAX - 1; n <= HTTP_FIELDS_MAX; n++) {
		buf_clear(&b);
		buf_addz(&b, GET);
		for (i = 0; i < n; i++)
			buf_fmt(&b, "X-%u: y\r\n", (unsigned)i);
		buf_addz(&b, "\r\n");
		CHECK(http_parse_request(&h, buf_str(&b), &used, &bad) ==
		    (n < HTTP_FIELDS_MAX ? PARSE_OK : PARSE_BAD));
	}
	CHECK_INT(bad.status, 431);
	buf_free(&b);
}

static void
test_heads(void)
{
	size_t i;

	for (i = 0; i < N(requests); i++)
		check_head(&requests[i], false);
	for (i = 0; i < N(answers); i++)
		check_head(&answers[i], true);
}

/* An answer to HEAD has no body, but its framing must still be sound. */
static void
test_head_only(void)
{
	static const struct row rows[] = {
		{ "length", IN(OK "Content-Length: 5\r\n\r\n"), 0, NULL },
		{ "chunked", IN(OK "Transfer-Encoding: chunked\r\n\r\n"), 0,
		    NULL },
		{ "none", IN(OK "\r\n"), 0, NULL },
		{ "both", IN(OK "Content-Length: 5\r\n"
				"Transfer-Encoding: chunked\r\n\r\n"), 502,
		    NULL },
	};
	struct http_head h;
	struct http_bad bad;
	size_t i, used;

	for (i = 0; i < N(rows); i++) {
		CHECK(http_parse_answer(&h, rows[i].input, true, &used,
		    &bad) == (rows[i].status == 0 ? PARSE_OK : PARSE_BAD));
		if (rows[i].status == 0)
			CHECK(h.framing == HTTP_NONE && h.keep_alive);
	}
}

/* The end is found from any earlier look. */
static void
test_head_end(void)
{
	static const struct str heads[] = { IN(GET "A: b\r\n\r\nmore\r\n\r\n"),
		IN("GET / HTTP/1.1\nA: b\n\nmore"),
		IN("GET / HTTP/1.1\nA: b\n\r\nmore") };
	size_t i, n, from;

	for (i = 0; i < N(heads); i++) {
		struct str s = heads[i];
		size_t end = (size_t)str_find(s, STR("more"));

		for (n = 0; n <= s.n; n++)
			for (from = 0; from <= n && from < end; from++)
				CHECK_INT(http_head_end(str_sub(s, 0, n),
				    from), n < end ? 0 : end);
	}
	CHECK_INT(http_head_end((struct str){ NULL, 0 }, 0), 0);
}

static void
test_fields(void)
{
	struct str in = STR(GET "Accept: x\r\nCONNECTION: X-Own , close\r\n"
				"Vary: a, b\r\nx-own: 1\r\nVARY: c\r\n"
				"Connection: x-two\r\n\r\n");
	static const char *const hop[] = { "connection", "Keep-Alive",
		"proxy-authenticate", "Proxy-Authorization",
		"proxy-connection", "TE", "trailer", "transfer-encoding",
		"UPGRADE", "X-OWN", "x-two" };
	static const char *const through[] = { "accept", "host", "vary", "x",
		"content-length", "content-type", "authorization", "" };
	struct http_head h;
	struct http_bad bad;
	size_t used, i;

	CHECK(http_parse_request(&h, in, &used, &bad) == PARSE_OK);
	CHECK_STR(http_get(&h, "accept"), STR("x"));
	CHECK_STR(http_get(&h, "Vary"), STR("a, b"));
	CHECK(http_get(&h, "absent").p == NULL);
	CHECK_INT(http_count(&h, "vary"), 2);
	CHECK_INT(http_count(&h, "absent"), 0);
	CHECK(http_has_token(&h, "vary", "B"));
	CHECK(http_has_token(&h, "vary", "c"));
	CHECK(!http_has_token(&h, "vary", "a, b"));
	CHECK(!http_has_token(&h, "absent", "a"));
	for (i = 0; i < N(hop); i++)
		CHECK_IN(hop[i], http_hop_field(&h, str_of(hop[i])));
	for (i = 0; i < N(through); i++)
		CHECK_IN(through[i], !http_hop_field(&h, str_of(through[i])));
	CHECK_STR(str_of(http_reason(100)), STR("Continue"));
	CHECK_STR(str_of(http_reason(404)), STR("Not Found"));
	CHECK_STR(str_of(http_reason(529)), STR("Overloaded"));
	CHECK_STR(str_of(http_reason(599)), STR(""));
	CHECK_STR(str_of(http_reason(0)), STR(""));
}

/* ---- chunks ---- */

static const struct {
	const char *name;
	struct str input;
	const char *data; /* NULL: bad */
	size_t rest;      /* bytes behind the end */
} chunks[] = {
	{ "one", IN("5\r\nhello\r\n0\r\n\r\n"), "hello", 0 },
	{ "three", IN("1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n"), "abcdef",
	    0 },
	{ "none", IN("0\r\n\r\n"), "", 0 },
	{ "hex", IN("a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n"),
	    "01234567890123456789a", 0 },
	{ "zeros", IN("0000000000000000000000000002\r\nab\r\n000\r\n\r\n"),
	    "ab", 0 },
	{ "extensions", IN("2;x=y\r\nab\r\n1 ;\t\"q;\xe4:\" \r\nc\r\n"
			   "0;\r\n\r\n"), "abc", 0 },
	{ "trailers", IN("1\r\na\r\n0\r\nX-T: 1\r\nb:\t\xe4;\r\n\r\n"), "a",
	    0 },
	{ "bytes behind", IN("1\r\na\r\n0\r\n\r\nHTTP/1.1 200"), "a", 12 },
	{ "data like framing", IN("7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n"),
	    "\r\n0\r\n\r\n", 0 },
	{ "no size", IN("\r\na\r\n"), NULL, 0 },
	{ "extension, no size", IN(";x\r\n"), NULL, 0 },
	{ "sign", IN("+5\r\nhello\r\n"), NULL, 0 },
	{ "minus", IN("-5\r\nhello\r\n"), NULL, 0 },
	{ "0x", IN("0x5\r\nhello\r\n"), NULL, 0 },
	{ "h", IN("5h\r\nhello\r\n"), NULL, 0 },
	{ "underscore", IN("1_0\r\nhello\r\n"), NULL, 0 },
	{ "blank before", IN(" 5\r\nhello\r\n"), NULL, 0 },
	{ "blank behind", IN("5 \r\nhello\r\n"), NULL, 0 },
	{ "blank between", IN("5 5\r\nhello\r\n"), NULL, 0 },
	{ "17 digits", IN("10000000000000000\r\n"), NULL, 0 },
	{ "17 digits more", IN("fffffffffffffffff\r\n"), NULL, 0 },
	{ "bare LF", IN("5\nhello\r\n0\r\n\r\n"), NULL, 0 },
	{ "bare LF in extension", IN("5;a\nhello\r\n0\r\n\r\n"), NULL, 0 },
	{ "CR in extension", IN("5;a\rb\r\nhello\r\n"), NULL, 0 },
	{ "NUL in extension", IN("5;a\0\r\nhello\r\n"), NULL, 0 },
	{ "bare CR", IN("5\rhello\r\n0\r\n\r\n"), NULL, 0 },
	{ "no end of data", IN("5\r\nhello0\r\n\r\n"), NULL, 0 },
	{ "LF behind data", IN("5\r\nhello\n0\r\n\r\n"), NULL, 0 },
	{ "CR behind data", IN("5\r\nhello\r0\r\n\r\n"), NULL, 0 },
	{ "data too long", IN("5\r\nhello!\r\n0\r\n\r\n"), NULL, 0 },
	{ "bare LF at the end", IN("0\r\n\n"), NULL, 0 },
	{ "bare LF at the last size", IN("0\n\r\n"), NULL, 0 },
	{ "bare CR at the end", IN("0\r\n\rx"), NULL, 0 },
	{ "trailer, bare LF", IN("0\r\na: b\n\r\n"), NULL, 0 },
	{ "trailer, bare CR", IN("0\r\na: b\rc\r\n\r\n"), NULL, 0 },
	{ "trailer, no colon", IN("0\r\nGET / HTTP/1.1\r\n\r\n"), NULL, 0 },
	{ "trailer, no name", IN("0\r\n: x\r\n\r\n"), NULL, 0 },
	{ "trailer, folded", IN("0\r\na: b\r\n c\r\n\r\n"), NULL, 0 },
	{ "trailer, blank", IN("0\r\na : b\r\n\r\n"), NULL, 0 },
	{ "trailer, NUL", IN("0\r\na: \0\r\n\r\n"), NULL, 0 },
};

/* Decode in: first its first bytes, then step more each time. */
static enum parse
dechunk_all(struct str in, size_t first, size_t step, struct buf *got,
    size_t *rest)
{
	struct http_chunks d = { .state = 0 };
	size_t at = 0, next = first < in.n ? first : in.n;
	enum parse r;

	buf_clear(got);
	for (;;) {
		struct str s = guard_copy(str_sub(in, at, next - at));
		size_t n = s.n, used;

		r = http_dechunk(&d, (char *)(uintptr_t)s.p, &n, &used);
		CHECK(used <= s.n && n <= used);
		CHECK(r != PARSE_MORE || used == s.n);
		buf_add(got, s.p, n);
		CHECK(memcmp(s.p + used, in.p + at + used, s.n - used) == 0);
		guard_free(s);
		at += used;
		if (r != PARSE_MORE || next == in.n)
			break;
		next = step < in.n - next ? next + step : in.n;
	}
	*rest = in.n - at;
	return r;
}

static void
test_chunks(void)
{
	size_t i, split, rest;
	struct buf got;

	buf_init(&got, 1 << 16);
	for (i = 0; i < N(chunks); i++) {
		struct str in = chunks[i].input;

		for (split = 0; split <= in.n + 1; split++) {
			bool bytes = split > in.n;
			enum parse r = dechunk_all(in, bytes ? 1 : split,
			    bytes ? 1 : in.n, &got, &rest);

			CHECK_INT_IN(chunks[i].name, r,
			    chunks[i].data == NULL ? PARSE_BAD : PARSE_OK);
			if (chunks[i].data == NULL)
				continue;
			CHECK_STR_IN(chunks[i].name, buf_str(&got),
			    str_of(chunks[i].data));
			/* What came after the end in a later piece was not
			 * shown to the decoder. */
			if (split == 0 || split == in.n)
				CHECK_INT_IN(chunks[i].name, rest,
				    chunks[i].rest);
		}
	}
	buf_free(&got);
}

/* Good beginnings are PARSE_MORE, however they end. */
static void
test_chunks_cut(void)
{
	struct str in = STR("5;x\r\nhello\r\n0\r\na: b\r\n\r\n");
	size_t n, rest;
	struct buf got;

	buf_init(&got, 99);
	for (n = 0; n < in.n; n++)
		CHECK(dechunk_all(str_sub(in, 0, n), n, n, &got, &rest) ==
		    PARSE_MORE);
	CHECK(dechunk_all(in, n, n, &got, &rest) == PARSE_OK);
	CHECK(dechunk_all(STR("fffffffffffffffe\r\nabc"), 99, 99, &got,
	    &rest) == PARSE_MORE);
	CHECK_STR(buf_str(&got), STR("abc"));
	CHECK(dechunk_all(STR("100000001\r\nabc"), 99, 99, &got, &rest) ==
	    PARSE_MORE);
	CHECK_STR(buf_str(&got), STR("abc"));
	buf_free(&got);
}

/* n bytes c between before and behind: good, and bad with one more. */
static void
chunk_limit(const char *before, size_t n, char c, const char *behind)
{
	size_t more, rest;
	struct buf b, got;

	buf_init(&b, 1 << 16);
	buf_init(&got, 1 << 16);
	for (more = 0; more < 2; more++) {
		buf_clear(&b);
		buf_addz(&b, before);
		fill(&b, c, n + more);
		buf_addz(&b, behind);
		CHECK_INT(dechunk_all(buf_str(&b), b.len, b.len, &got, &rest),
		    more == 0 ? PARSE_OK : PARSE_BAD);
		CHECK_INT(dechunk_all(buf_str(&b), 100, 100, &got, &rest),
		    more == 0 ? PARSE_OK : PARSE_BAD);
	}
	buf_free(&b);
	buf_free(&got);
}

static void
test_chunk_limits(void)
{
	chunk_limit("", HTTP_CHUNK_LINE_MAX - 1, '0', "1\r\na\r\n0\r\n\r\n");
	chunk_limit("1;", HTTP_CHUNK_LINE_MAX - 2, 'x',
	    "\r\na\r\n0\r\n\r\n");
	chunk_limit("1\r\na\r\n0;", HTTP_CHUNK_LINE_MAX - 2, 'x',
	    "\r\n\r\n");
	chunk_limit("0\r\na:", 8192 - 6, 'x', "\r\n\r\n");
	chunk_limit("0\r\n", 8192 - 5, 'x', ":\r\n\r\n");
}

int
main(void)
{
	alarm(120);
	test_heads();
	test_head_limits();
	test_head_only();
	test_head_end();
	test_fields();
	test_chunks();
	test_chunks_cut();
	test_chunk_limits();
	return check_done();
}
