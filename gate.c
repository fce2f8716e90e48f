/* SPDX-License-Identifier: MIT */
/*
 * gate: who may come in, and where to. Everything here happens before the body
 * is read, and before anything is routed.
 *
 * Host is checked against DNS rebinding: IP literals, loopback names, the
 * system's own name (plain, .lan, .local, .home.arpa), allowed_host. Origin is
 * checked against other sites' pages (CSRF): none but cors_origin, or the very
 * page that llmux itself served. Forms and text/plain need a key, since a
 * browser sends those without asking first.
 */
#include "request.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

#include "admin/keys.h"

enum { GET = 1, POST = 2 };

static const struct {
	const char *path; /* without /v1 */
	enum endpoint ep;
	enum dialect dialect;
	int methods;
} endpoints[] = {
	{ "/messages", EP_MESSAGES, DIALECT_MESSAGES, POST },
	{ "/messages/count_tokens", EP_COUNT, DIALECT_MESSAGES, POST },
	{ "/chat/completions", EP_CHAT, DIALECT_CHAT, POST },
	{ "/responses", EP_RESPONSES, DIALECT_RESPONSES, POST },
	{ "/completions", EP_COMPLETIONS, DIALECT_CHAT, POST },
	{ "/embeddings", EP_EMBEDDINGS, DIALECT_CHAT, POST },
	{ "/models", EP_MODELS, DIALECT_CHAT, GET },
	{ "/api/hello", EP_HELLO, DIALECT_CHAT, GET },
	{ "/healthz", EP_HEALTHZ, DIALECT_CHAT, GET },
	{ "/health", EP_HEALTH, DIALECT_CHAT, GET },
	{ "/metrics", EP_METRICS, DIALECT_CHAT, GET },
	{ "/auth/status", EP_AUTH_STATUS, DIALECT_CHAT, GET },
	{ "/api/oauth/usage", EP_OAUTH_USAGE, DIALECT_MESSAGES, GET },
};

/* A failure with a sentence that lives in the request's arena. */
static int
refuse(struct request *r, struct failure *f, int status, const char *code,
    const char *fmt, ...)
{
	char text[512];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = vfmt_to(text, sizeof(text), fmt, ap);
	va_end(ap);
	*f = (struct failure){ .status = status, .code = code,
		.message = arena_dup(&r->arena, (struct str){ text, n }) };
	return -1;
}

/* Text from outside, made safe for a sentence. */
static const char *
quoted(struct request *r, struct str s)
{
	struct buf b;
	char *z;

	buf_init(&b, 1000);
	buf_add_quoted(&b, s, 100);
	z = arena_z(&r->arena, buf_str(&b));
	buf_free(&b);
	return z == NULL ? "" : z;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* %XX decoded into the arena; a broken escape stays as it is. Absent: no
 * memory. */
static struct str
unescape(struct request *r, struct str s)
{
	char *p = arena_z(&r->arena, s);
	size_t i, n = 0;

	for (i = 0; p != NULL && i < s.n; i++) {
		int hi = i + 2 < s.n && s.p[i] == '%' ?
		    hex_value(s.p[i + 1]) : -1;
		int lo = hi < 0 ? -1 : hex_value(s.p[i + 2]);

		if (lo >= 0) {
			p[n++] = (char)(hi << 4 | lo);
			i += 2;
		} else {
			p[n++] = s.p[i];
		}
	}
	return (struct str){ p, n };
}

/* Users type base URLs with /v1, without it, and twice. */
static struct str
without_v1(struct str path)
{
	int times;

	for (times = 0; times < 2; times++)
		if (str_starts(path, STR("/v1/")))
			path = str_sub(path, 3, path.n);
	return path;
}

static int
not_found(struct request *r, struct failure *f)
{
	return refuse(r, f, 404, "not_found", "path \"%s\" is not served; "
	    "served: /v1/messages, /v1/messages/count_tokens, "
	    "/v1/chat/completions, /v1/responses, /v1/completions, "
	    "/v1/embeddings, /v1/models, /healthz, /metrics",
	    quoted(r, r->path));
}

/* POST, GET or HEAD as the endpoint has it; OPTIONS is for everything. */
static int
check_method(struct request *r, int methods, struct failure *f)
{
	struct str m = r->head.method;

	if (str_eq(m, STR("OPTIONS")) || str_eq(m, STR("HEAD")))
		return 0;
	if ((methods & GET) != 0 && str_eq(m, STR("GET")))
		return 0;
	if ((methods & POST) != 0 && str_eq(m, STR("POST")))
		return 0;
	buf_fmt(&r->fields, "allow: %s, HEAD, OPTIONS\r\n",
	    methods == POST ? "POST" : "GET");
	return refuse(r, f, 405, "method_not_allowed",
	    "method %s is not allowed on %s; use %s", quoted(r, m),
	    quoted(r, r->path), methods == POST ? "POST" : "GET");
}

int
gate_endpoint(struct request *r, struct failure *f)
{
	struct str rest = r->head.target, path;
	bool anthropic = http_count(&r->head, "anthropic-version") > 0;
	size_t i, n = sizeof(endpoints) / sizeof(endpoints[0]);

	r->dialect = anthropic ? DIALECT_MESSAGES : DIALECT_CHAT;
	str_cut(&rest, '?', &r->path);
	path = without_v1(r->path);
	for (i = 0; i < n; i++)
		if (str_eq(path, str_of(endpoints[i].path)))
			break;
	if (i < n) {
		r->ep = endpoints[i].ep;
		if (r->ep != EP_MODELS)
			r->dialect = endpoints[i].dialect;
	} else if (str_starts(path, STR("/models/")) && path.n > 8) {
		r->ep = EP_MODEL;
		r->item = unescape(r, str_sub(path, 8, path.n));
		if (r->item.p == NULL)
			return refuse(r, f, 503, "overloaded",
			    "no memory is free");
	} else if (str_eq(r->head.target, STR("*")) &&
	    str_eq(r->head.method, STR("OPTIONS"))) {
		r->ep = EP_HELLO;
		return 0;
	} else {
		return not_found(r, f);
	}
	/* Codex tries a WebSocket first and falls back at once on 426. */
	if (r->ep == EP_RESPONSES && http_has_token(&r->head, "upgrade",
	    "websocket")) {
		r->keep = false;
		buf_addz(&r->fields, "upgrade: HTTP/1.1\r\n");
		return refuse(r, f, 426, "upgrade_required",
		    "WebSocket is not served here; use POST");
	}
	return check_method(r, i < n ? endpoints[i].methods : GET, f);
}

/* ---- Host and Origin ---- */

static bool
is_ip(struct str host)
{
	char z[64];
	unsigned char addr[16];

	if (host.n == 0 || host.n >= sizeof(z))
		return false;
	fmt_to(z, sizeof(z), "%.*s", STR_ARG(host));
	return inet_pton(AF_INET, z, addr) == 1 ||
	    inet_pton(AF_INET6, z, addr) == 1;
}

/* Host without port and brackets; absent when it is malformed. */
static struct str
host_name(struct str host)
{
	ssize_t end;

	if (host.n > 0 && host.p[0] == '[') {
		end = str_chr(host, ']');
		return end < 0 ? (struct str){ NULL, 0 } :
		    str_sub(host, 1, (size_t)end - 1);
	}
	end = str_chr(host, ':');
	return end < 0 ? host : str_sub(host, 0, (size_t)end);
}

static bool
is_own_name(struct str host)
{
	static const char *const ends[] = { "", ".lan", ".local",
		".home.arpa" };
	char own[256] = "", full[280];
	size_t i;

	if (gethostname(own, sizeof(own) - 1) < 0 || own[0] == '\0')
		return false;
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		fmt_to(full, sizeof(full), "%s%s", own, ends[i]);
		if (str_ieq(host, str_of(full)))
			return true;
	}
	return false;
}

static bool
host_allowed(const struct conf *c, struct str host)
{
	size_t i;

	if (is_ip(host) || str_ieq(host, STR("localhost")) ||
	    (host.n > 10 && str_ieq(str_sub(host, host.n - 10, 10),
	    STR(".localhost"))))
		return true;
	for (i = 0; i < c->allowed_hosts.n; i++)
		if (str_ieq(host, c->allowed_hosts.v[i]))
			return true;
	return is_own_name(host);
}

static int
check_host(struct request *r, struct failure *f)
{
	struct str host = http_get(&r->head, "host");
	struct str name = host_name(host);

	/* HTTP/1.0 needs none, and no browser speaks it. */
	if (host.p == NULL && r->head.minor == 0)
		return 0;
	if (name.n > 0 && host_allowed(r->conf, name))
		return 0;
	return refuse(r, f, 421, "host_not_allowed", "host \"%s\" is not "
	    "known here; if it is meant to reach llmux, add the line "
	    "\"allowed_host = %s\" to its configuration",
	    quoted(r, host), quoted(r, name));
}

/* An Origin is fine if it is configured, or this very server. */
static int
check_origin(struct request *r, struct failure *f)
{
	struct str origin = http_get(&r->head, "origin");
	struct str host = http_get(&r->head, "host"), rest;
	size_t i;

	if (origin.p == NULL)
		return 0;
	for (i = 0; i < r->conf->cors_origins.n; i++)
		if (str_ieq(origin, r->conf->cors_origins.v[i])) {
			r->origin = origin;
			return 0;
		}
	rest = str_sub(origin, str_starts(origin, STR("https://")) ? 8 : 7,
	    origin.n);
	if (str_starts(origin, STR("http")) && host.n > 0 &&
	    str_ieq(rest, host))
		return 0;
	return refuse(r, f, 403, "origin_not_allowed", "origin \"%s\" is not "
	    "allowed; if this page is yours, add the line "
	    "\"cors_origin = %s\" to llmux's configuration",
	    quoted(r, origin), quoted(r, origin));
}

/* ---- the key ---- */

/* Does one of the two credential fields hold a good key? Then r->key is its
 * name. */
static bool
has_good_key(struct request *r, bool *any)
{
	struct str bearer = http_get(&r->head, "authorization");
	struct str key = http_get(&r->head, "x-api-key");
	bool good = false;

	*any = bearer.n > 0 || key.n > 0;
	if (bearer.n > 7 && str_ieq(str_sub(bearer, 0, 7), STR("Bearer ")))
		good = keys_good(r->conf,
		    str_trim(str_sub(bearer, 7, bearer.n)), &r->key);
	return good || keys_good(r->conf, key, &r->key);
}

static bool
is_open(const struct request *r)
{
	return r->ep == EP_HEALTHZ || r->ep == EP_HEALTH ||
	    r->ep == EP_HELLO || str_eq(r->head.method, STR("HEAD")) ||
	    str_eq(r->head.method, STR("OPTIONS")) ||
	    ((r->ep == EP_METRICS || r->ep == EP_AUTH_STATUS ||
	    r->ep == EP_OAUTH_USAGE) && r->local);
}

static int
check_key(struct request *r, struct failure *f)
{
	bool any;

	r->good_key = has_good_key(r, &any);
	if (r->good_key || is_open(r) || !keys_needed(r->conf))
		return 0;
	buf_addz(&r->fields, "www-authenticate: Bearer\r\n");
	if (any)
		return refuse(r, f, 401, "invalid_api_key",
		    "the key is not one of llmux's local keys; use one from "
		    "an \"api_key =\" line of its configuration");
	return refuse(r, f, 401, "invalid_api_key",
	    "a local key is needed: send it as \"Authorization: Bearer KEY\" "
	    "or \"x-api-key: KEY\"; it is set by \"api_key =\" in llmux's "
	    "configuration");
}

int
gate_who(struct request *r, struct failure *f)
{
	if (check_host(r, f) < 0 || check_origin(r, f) < 0)
		return -1;
	return check_key(r, f);
}

/* ---- what the body claims to be ---- */

static bool
is_json_type(struct str type)
{
	struct str media;

	str_cut(&type, ';', &media);
	media = str_trim(media);
	return str_ieq(media, STR("application/json")) || (media.n > 5 &&
	    str_ieq(str_sub(media, media.n - 5, 5), STR("+json")));
}

int
gate_body(struct request *r, struct failure *f)
{
	struct str type = http_get(&r->head, "content-type");
	struct str coding = http_get(&r->head, "content-encoding");
	uint64_t max = r->conf->max_body;

	if (coding.n > 0 && !str_ieq(coding, STR("identity")))
		return refuse(r, f, 415, "unsupported_content_encoding",
		    "content-encoding \"%s\" is not taken; send the body "
		    "uncompressed", quoted(r, coding));
	if (type.n > 10 && str_ieq(str_sub(type, 0, 10), STR("multipart/")))
		return refuse(r, f, 415, "unsupported_media_type",
		    "multipart bodies are not taken; send application/json");
	if (type.n > 0 && !is_json_type(type) && !r->good_key)
		return refuse(r, f, 415, "unsupported_media_type",
		    "content-type \"%s\" is not taken; send application/json",
		    quoted(r, type));
	if (r->head.framing == HTTP_NONE ||
	    (r->head.framing == HTTP_LENGTH && r->head.length == 0))
		return refuse(r, f, 400, "empty_body",
		    "the body is empty; send a JSON object");
	if (r->head.framing == HTTP_LENGTH && r->head.length > max)
		return refuse(r, f, 413, "request_too_large",
		    "the body has %llu bytes, max_body is %llu",
		    (unsigned long long)r->head.length,
		    (unsigned long long)max);
	return 0;
}
