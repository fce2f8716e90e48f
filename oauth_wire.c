/* SPDX-License-Identifier: MIT */
/*
 * oauth_wire: one call to a provider's token endpoint or account API: the
 * body, the request, and what an answer that is no success means. Nothing
 * here knows what a login is for.
 *
 * Speaks: token requests in JSON and in application/x-www-form-urlencoded
 * (RFC 6749 sections 4.1.3, 5 and 6); error bodies in the shapes
 *   {"error":"CODE","error_description":"..","error_uri":".."}
 *   {"type":"error","error":{"type":"CODE","message":".."}}
 *   {"error":{"code":"CODE","message":".."}}
 *   {"code":"CODE","message":".."}
 * and pages of a content network (HTML, cf-mitigated).
 *
 * Token hosts: the configured ones, else those below; the next one is asked
 * only when there was no connection, or a redirect, a 404 or a page came: an
 * answer that was lost behind the request may have spent the token.
 * Messages hold what the provider calls error, description or URI, never
 * another part of an answer, and none of it when it looks like a secret.
 */
#include "oauth_priv.h"

#include <time.h>

#define PAUSE_MAX 2 /* repeats after a 5xx */
#ifndef OAUTH_PAUSE_MS /* before the first of them; doubled (tests: short) */
#define OAUTH_PAUSE_MS 500
#endif
#define SAID_MAX 200        /* bytes of a description */
#define SECRET_PART 12      /* so much of a secret gives it away */
#define RETRY_MAX_S 86400
#define SECONDS_MAX (10 * 366 * (int64_t)86400)

/* docs/authentication.md: hosts of seed and of platform, in order. */
#define CONSOLE "https://console.anthropic.com/v1/oauth/token"
#define API "https://api.anthropic.com/v1/oauth/token"
#define PLATFORM "https://platform.claude.com/v1/oauth/token"
static const struct str token_hosts[2][3] = {
	{ STR_INIT(CONSOLE), STR_INIT(API), STR_INIT(PLATFORM) },
	{ STR_INIT(PLATFORM), STR_INIT(API), STR_INIT(CONSOLE) },
};

/* Codes that end a login, and those that blame the request or its settings. */
static const char over[] = "invalid_grant|refresh_token_expired|"
    "refresh_token_reused|refresh_token_invalidated|invalid_refresh_token|"
    "token_expired|token_invalidated|app_session_expired";
static const char refused[] = "invalid_scope|invalid_request|"
    "invalid_request_error|invalid_client|unauthorized_client|"
    "unsupported_grant_type|access_denied|permission_error";

/* ---- bodies ---- */

void
oauth_put_form(struct buf *b, const char *name, struct str v)
{
	size_t i;

	if (b->len > 0 && b->p[b->len - 1] != '?')
		buf_addc(b, '&');
	buf_fmt(b, "%s=", name);
	for (i = 0; i < v.n; i++) {
		char c = v.p[i];

		if ((c >= '0' && c <= '9') ||
		    ((c | 32) >= 'a' && (c | 32) <= 'z') ||
		    str_chr(STR("-._~"), c) >= 0)
			buf_addc(b, c);
		else
			buf_fmt(b, "%%%c%c",
			    "0123456789ABCDEF"[(unsigned char)c >> 4],
			    "0123456789ABCDEF"[c & 15]);
	}
}

void
oauth_put_json(struct buf *b, const char *name, struct str v)
{
	buf_fmt(b, "%c\"%s\":\"", b->len == 0 ? '{' : ',', name);
	json_escape(b, v);
	buf_addc(b, '"');
}

void
oauth_put_issuer(struct buf *b, const struct provider *p, const char *path)
{
	struct str s = p->auth_url.n > 0 ? p->auth_url :
	    STR("https://auth.openai.com");

	while (s.n > 0 && s.p[s.n - 1] == '/')
		s.n--;
	buf_fmt(b, "%.*s%s", STR_ARG(s), path);
}

/* ---- values of answers ---- */

bool
oauth_word(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return s.n > 0;
}

/* No control bytes: it may go to a terminal. */
static bool
plain(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return s.n > 0;
}

struct str
oauth_json_str(struct login *l, struct json_value v, bool word, bool *bad)
{
	struct str s = { NULL, 0 };
	struct buf b;

	if (v.type != JSON_STRING)
		return s;
	buf_init(&b, OAUTH_TOKEN_MAX);
	json_decode(v.text, &b);
	if (b.bad && v.text.n < OAUTH_TOKEN_MAX)
		*bad = true;
	else if (!b.bad && (word ? oauth_word : plain)(buf_str(&b)))
		s = login_str(l, buf_str(&b), bad);
	buf_wipe(&b);
	return s;
}

int
oauth_json_seconds(struct json_value v, int64_t *s)
{
	uint64_t n;

	if ((v.type != JSON_NUMBER && v.type != JSON_STRING) ||
	    str_u64(v.text, &n) < 0)
		return -1;
	*s = n < SECONDS_MAX ? (int64_t)n : SECONDS_MAX;
	return 0;
}

int
oauth_json_word(struct json_value v, char *dst, size_t cap)
{
	struct buf b;
	int rc = -1;

	dst[0] = '\0';
	if (v.type != JSON_STRING)
		return -1;
	buf_init(&b, cap - 1);
	json_decode(v.text, &b);
	if (!b.bad && oauth_word(buf_str(&b))) {
		fmt_to(dst, cap, "%s", b.p);
		rc = 0;
	}
	buf_wipe(&b);
	return rc;
}

/* ---- one call ---- */

struct oauth_call *
oauth_call_new(const struct conf *c, const struct provider *p,
    enum oauth_for what, int64_t due, struct err *e)
{
	struct oauth_call *k = mem_calloc(sizeof(*k));

	if (k == NULL) {
		err_set(e, ERR_MEM, "no memory");
		return NULL;
	}
	k->conf = c;
	k->p = p;
	k->what = what;
	k->due = due;
	buf_init(&k->url, 4096);
	buf_init(&k->body, OAUTH_BODY_MAX);
	buf_init(&k->fields, OAUTH_BODY_MAX);
	return k;
}

void
oauth_call_free(struct oauth_call *k)
{
	if (k == NULL)
		return;
	buf_wipe(&k->url);
	buf_wipe(&k->body);
	buf_wipe(&k->fields);
	fetched_free(&k->got);
	mem_free(k);
}

struct str
oauth_call_host(const struct oauth_call *k)
{
	struct str rest = buf_str(&k->url), host;
	ssize_t at = str_find(rest, STR("://"));

	rest = str_sub(rest, at < 0 ? 0 : (size_t)at + 3, rest.n);
	str_cut(&rest, '/', &host);
	return str_sub(host, 0, 60);
}

/*
 * The proxy to url: p's is that of its base_url. Nothing of this machine goes
 * through one, nor what no_proxy names, unless p has one of its own; and the
 * global one is for a login host even if base_url is near.
 */
static const struct net_proxy *
proxy_for(const struct oauth_call *k, struct net_proxy *room)
{
	const struct provider *p = k->p;
	struct str rest = buf_str(&k->url), url;
	struct conf_url u;

	str_cut(&rest, '?', &url);
	if (conf_url_split(url, &u, NULL) < 0 || conf_loopback(u.host))
		return NULL;
	if (p->proxy_text.n > 0)
		return &p->proxy;
	if (k->conf->proxy.n == 0 ||
	    net_no_proxy(k->conf->no_proxy, u.host, u.port) ||
	    net_proxy_parse(k->conf->proxy, room, NULL) < 0)
		return NULL;
	return room;
}

/* Is the answer a page and not the API's? */
static void
look_for_page(struct oauth_call *k)
{
	struct str type = http_get(&k->got.head, "content-type");
	struct str body = buf_str(&k->got.body);

	while (body.n > 0 && (unsigned char)body.p[0] <= ' ')
		body = str_sub(body, 1, body.n);
	k->challenge = str_ieq(http_get(&k->got.head, "cf-mitigated"),
	    STR("challenge"));
	k->html = k->challenge || (body.n > 0 && body.p[0] == '<') ||
	    str_ieq(str_sub(type, 0, 9), STR("text/html"));
}

int
oauth_call_send(struct oauth_call *k, struct err *e)
{
	int64_t due = due_in(OAUTH_REQUEST_MS);
	struct net_proxy room = { .kind = NET_PROXY_NONE };
	struct fetch f = { .conf = k->conf, .proxy = proxy_for(k, &room),
		.method = "GET", .url = buf_str(&k->url),
		.body = buf_str(&k->body), .fields = buf_str(&k->fields),
		.max = OAUTH_BODY_MAX };
	int rc;

	fetched_free(&k->got);
	k->got = (struct fetched){ .status = 0 };
	k->root = (struct json_value){ .type = JSON_NONE };
	k->html = k->challenge = false;
	if (k->url.bad || k->body.bad || k->fields.bad)
		return err_set(e, ERR_MEM, "no memory for the request");
	f.due = due < k->due ? due : k->due;
	if (f.body.n > 0) {
		f.method = "POST";
		f.type = f.body.p[0] == '{' ? STR("application/json") :
		    STR("application/x-www-form-urlencoded");
	}
	rc = fetch(&f, &k->got, e);
	mem_wipe(&room, sizeof(room));
	/* The head of a long page says enough. */
	if (rc < 0 && (e->kind != ERR_LIMIT || k->got.status == 0))
		return -1;
	look_for_page(k);
	if (rc == 0 && !k->html && json_check(buf_str(&k->got.body),
	    NULL) == 0)
		k->root = json_root(buf_str(&k->got.body));
	return 0;
}

/* ---- what an answer says ---- */

void
oauth_call_code(const struct oauth_call *k, char code[64])
{
	static const char *const at[] = { "error", "error/code", "error/type",
		"code" };
	size_t i;

	code[0] = '\0';
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		if (oauth_json_word(json_at(k->root, at[i]), code, 64) == 0)
			return;
}

bool
oauth_telltale(struct str s)
{
	return str_find(s, STR("sk-ant-")) >= 0 ||
	    str_find(s, STR("eyJ")) >= 0;
}

/* Does s hold a secret of k, a telling part of one, or the like? */
static bool
holds_secret(const struct oauth_call *k, struct str s)
{
	size_t i;

	for (i = 0; i < sizeof(k->secret) / sizeof(k->secret[0]); i++)
		if (k->secret[i].n > 3 &&
		    str_find(s, str_sub(k->secret[i], 0, SECRET_PART)) >= 0)
			return true;
	return oauth_telltale(s);
}

void
oauth_call_said(const struct oauth_call *k, struct buf *out)
{
	static const char *const at[] = { "error_description",
		"error/message", "message", "detail", "detail/message",
		"error_uri" };
	char code[64];
	struct buf b;
	size_t i;

	if (k->html) {
		buf_addz(out, k->challenge ? "a challenge page: the edge "
		    "refused this connection, not the token" :
		    "an HTML page");
		return;
	}
	oauth_call_code(k, code);
	if (holds_secret(k, str_of(code)))
		fmt_to(code, sizeof(code), "(not shown)");
	buf_add_quoted(out, str_of(code), sizeof(code));
	buf_init(&b, OAUTH_BODY_MAX);
	for (i = 0; i < sizeof(at) / sizeof(at[0]) && b.len == 0; i++)
		json_decode(json_at(k->root, at[i]).text, &b);
	if (b.len > 0) {
		buf_addz(out, code[0] != '\0' ? ": " : "");
		if (holds_secret(k, buf_str(&b))) {
			buf_addz(out, "(not shown: it holds a token)");
		} else {
			buf_addc(out, '"');
			buf_add_quoted(out, buf_str(&b), SAID_MAX);
			buf_addc(out, '"');
		}
	}
	buf_wipe(&b);
}

/* The request's number at the provider, for the log. */
static void
log_failure(const struct oauth_call *k, const char *code)
{
	static const char *const names[] = { "request-id", "x-request-id",
		"x-openai-request-id", "cf-ray" };
	struct str id = { NULL, 0 };
	char quoted[200];
	struct buf b;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]) && id.n == 0; i++)
		id = http_get(&k->got.head, names[i]);
	buf_init(&b, sizeof(quoted) - 1);
	buf_add_quoted(&b, id, 40);
	log_put(LOG_DEBUG, "oauth: %.*s: status %d %s request %.*s",
	    STR_ARG(oauth_call_host(k)), k->got.status,
	    holds_secret(k, str_of(code)) ? "" : code, STR_ARG(buf_str(&b)));
	buf_free(&b);
}

/* ---- what a failure means ---- */

static enum oauth_failure
classify(const struct oauth_call *k, const char *code)
{
	int status = k->got.status;

	if (status == 408 || status == 429 || status >= 500 ||
	    (status >= 200 && status < 300 && !k->html))
		return OAUTH_TRANSIENT;
	if (k->html)
		return OAUTH_REFUSED;
	if (status >= 400 && str_place(str_of(code), over) >= 0)
		return OAUTH_PERMANENT;
	if (str_place(str_of(code), refused) >= 0)
		return OAUTH_REFUSED;
	if (status == 401)
		return OAUTH_PERMANENT;
	/* Unknown words: the old token may still live, ask again later. */
	if (k->what == OAUTH_FOR_REFRESH && status >= 400 && status != 403 &&
	    status != 404)
		return OAUTH_TRANSIENT;
	return OAUTH_REFUSED;
}

/* What to do, behind the sentence. */
static const char *
advice(const struct oauth_call *k, enum oauth_failure f)
{
	if (k->what == OAUTH_FOR_OTHER)
		return "";
	if (k->elsewhere && k->p->type == PROVIDER_CHATGPT)
		return k->challenge ? "" : "; set auth_url or token_url";
	if (k->elsewhere)
		return str_eq(k->p->oauth_hosts, STR("platform")) ?
		    "; set token_url" :
		    "; set oauth_hosts = platform or token_url";
	if (k->what == OAUTH_FOR_SETUP && f == OAUTH_REFUSED)
		return "; use llmux login claude";
	if (k->what != OAUTH_FOR_REFRESH && f == OAUTH_PERMANENT)
		return "; start the login again";
	return "";
}

static void
put_location(const struct oauth_call *k, struct buf *b)
{
	struct str to = http_get(&k->got.head, "location"), where;

	if (!str_cut(&to, '?', &where) || where.n == 0)
		return;
	buf_addz(b, " to ");
	if (holds_secret(k, where))
		buf_addz(b, "(not shown)");
	else
		buf_add_quoted(b, where, 80);
}

static int64_t
retry_after(const struct http_head *h)
{
	uint64_t n;

	if (str_u64(http_get(h, "retry-after"), &n) < 0)
		return 0;
	return n < RETRY_MAX_S ? (int64_t)n : RETRY_MAX_S;
}

int
oauth_call_failed(struct oauth_call *k, struct oauth_result *r, struct err *e)
{
	static const enum err_kind kinds[] = { ERR_NONE, ERR_AUTH, ERR_PEER,
		ERR_INPUT };
	int status = k->got.status;
	struct str host = oauth_call_host(k);
	const char *next;
	struct buf said;
	size_t room;

	oauth_call_code(k, r->code);
	r->status = status;
	r->retry_s = retry_after(&k->got.head);
	r->failure = classify(k, r->code);
	k->elsewhere = r->failure != OAUTH_PERMANENT && (k->html ||
	    status / 100 == 3 || status == 404);
	log_failure(k, r->code);
	buf_init(&said, 2048);
	if (status / 100 == 2 && !k->html) {
		buf_addz(&said, "with no JSON object");
	} else if (status / 100 == 3) {
		put_location(k, &said);
	} else {
		buf_addz(&said, k->html ? "with " : "");
		oauth_call_said(k, &said);
	}
	if (holds_secret(k, str_of(r->code)))
		r->code[0] = '\0';
	next = advice(k, r->failure);
	room = sizeof(e->text) - 16 - host.n - str_of(next).n;
	err_set(e, kinds[r->failure], "%.*s answered %d%s%.*s%s",
	    STR_ARG(host), status, said.len > 0 && said.p[0] != ' ' ? " " : "",
	    STR_ARG(str_sub(buf_str(&said), 0, room)), next);
	buf_free(&said);
	return -1;
}

int
oauth_call_reject(const struct oauth_call *k, enum oauth_failure f,
    const char *what, struct oauth_result *r, struct err *e)
{
	r->failure = f;
	return err_set(e, f == OAUTH_TRANSIENT ? ERR_PEER : ERR_INPUT,
	    "%.*s answered %d %s", STR_ARG(oauth_call_host(k)),
	    k->got.status, what);
}

int
oauth_call_json(struct oauth_call *k, struct oauth_result *r, struct err *e)
{
	*r = (struct oauth_result){ .failure = OAUTH_OK };
	k->elsewhere = false;
	if (oauth_call_send(k, e) < 0) {
		r->failure = e->kind == ERR_INPUT ? OAUTH_REFUSED :
		    OAUTH_TRANSIENT;
		k->elsewhere = !k->got.sent && (e->kind == ERR_SYS ||
		    e->kind == ERR_PEER || e->kind == ERR_TIME);
		return -1;
	}
	r->status = k->got.status;
	if (k->got.status / 100 == 2 && k->root.type == JSON_OBJECT)
		return 0;
	return oauth_call_failed(k, r, e);
}

/* ---- token hosts ---- */

struct str
oauth_token_url(const struct provider *p, size_t i)
{
	bool platform = str_eq(p->oauth_hosts, STR("platform"));

	if (p->token_url.n > 0)
		return i < p->token_url.n ? p->token_url.v[i] :
		    (struct str){ NULL, 0 };
	return p->type == PROVIDER_ANTHROPIC && i < 3 ?
	    token_hosts[platform][i] : (struct str){ NULL, 0 };
}

/* The i-th to try, when last, if it is one of the defaults, goes first. The
 * order of the user stays as it is. */
static struct str
host_in_turn(const struct provider *p, struct str last, size_t i)
{
	struct str url;
	size_t at = 0;

	if (p->token_url.n > 0)
		return oauth_token_url(p, i);
	while ((url = oauth_token_url(p, at)).n > 0 && !str_eq(url, last))
		at++;
	if (url.n == 0 || i > at)
		return oauth_token_url(p, i);
	return oauth_token_url(p, i == 0 ? at : i - 1);
}

/* All hosts by turns. The failure of one that answered says more than that of
 * one that cannot be reached. */
static int
try_hosts(struct oauth_call *k, struct str last, struct oauth_result *r,
    struct err *e)
{
	struct oauth_result one;
	struct err why;
	struct str url;
	size_t i;

	*r = (struct oauth_result){ .failure = OAUTH_REFUSED };
	for (i = 0; i == 0 || k->elsewhere; i++) {
		url = host_in_turn(k->p, last, i);
		if (url.n == 0 && (i > 0 || k->p->type != PROVIDER_CHATGPT))
			break;
		buf_clear(&k->url);
		if (url.n > 0)
			buf_adds(&k->url, url);
		else
			oauth_put_issuer(&k->url, k->p, "/oauth/token");
		if (oauth_call_json(k, &one, &why) == 0) {
			*r = one;
			return 0;
		}
		if (i == 0 || !k->elsewhere || one.status > 0 ||
		    r->status == 0) {
			*r = one;
			*e = why;
		}
	}
	return -1;
}

int
oauth_call_tokens(struct oauth_call *k, struct str last,
    struct oauth_result *r, struct err *e)
{
	int64_t pause = OAUTH_PAUSE_MS;
	struct timespec t;
	unsigned i;

	for (i = 0;; i++, pause *= 2) {
		if (try_hosts(k, last, r, e) == 0)
			return 0;
		if (i == PAUSE_MAX || r->status < 500 || r->retry_s > 0 ||
		    pause >= k->due - now_ms())
			return -1;
		t = (struct timespec){ pause / 1000,
			pause % 1000 * 1000000 };
		nanosleep(&t, NULL);
	}
}
