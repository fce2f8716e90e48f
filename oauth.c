/* SPDX-License-Identifier: MIT */
/*
 * oauth: the providers' login protocol: the authorize URL, what the user
 * pastes, tokens for a code, new tokens for old ones, identity. Logins as
 * values, too. Not here: files (oauth_file.c), threads and locks
 * (oauth_keep.c), device codes (oauth_device.c), requests (oauth_wire.c).
 *
 * Speaks: authorization code with PKCE S256 (RFC 6749 section 4.1, RFC 7636),
 * refresh (RFC 6749 section 6), JWT payloads as hints (RFC 7519, no signature
 * is checked: they came over TLS from their issuer), RFC 7009 as far as
 * ChatGPT has it; Anthropic's /api/oauth/profile. Facts and their sources:
 * docs/authentication.md (2026-11-24).
 * llmux names itself (User-Agent, originator) and never another program.
 */
#include "oauth_priv.h"

#include <string.h>

#define LOGIN_MAX (256u << 10)  /* all strings of a login */
#define PASTE_MAX 16384
#define CODE_MAX 4096
#define SETUP_S "31536000"      /* 365 days, as it is asked for */
#define SETUP_MIN_S (300 * (int64_t)86400)
#define REVOKE_MS 10000

/* ---- what the providers want; one row a set of hosts ---- */

static const struct set {
	const char *authorize, *redirect, *client_id, *scope, *setup_scope;
	size_t verifier; /* random bytes of it */
} sets[] = {
	{ "https://claude.ai/oauth/authorize",
	    "https://console.anthropic.com/oauth/code/callback",
	    "9d1c250a-e61b-44d9-88ed-5944d1962f5e",
	    "org:create_api_key user:profile user:inference",
	    "user:inference", 32 },
	{ "https://claude.com/cai/oauth/authorize",
	    "https://platform.claude.com/oauth/code/callback",
	    "9d1c250a-e61b-44d9-88ed-5944d1962f5e",
	    "org:create_api_key user:profile user:inference",
	    "user:inference", 32 },
	{ NULL, NULL, OAUTH_CHATGPT_CLIENT,
	    "openid profile email offline_access", NULL, 64 },
};

static const struct set *
set_of(const struct provider *p)
{
	return &sets[p->type == PROVIDER_CHATGPT ? 2 :
	    str_eq(p->oauth_hosts, STR("platform"))];
}

static struct str
or_default(struct str given, const char *usual)
{
	return given.n > 0 ? given : str_of(usual);
}

static struct str
client_id(const struct provider *p)
{
	return or_default(p->client_id, set_of(p)->client_id);
}

/* ---- logins as values ---- */

static const size_t login_strings[] = {
	offsetof(struct login, access), offsetof(struct login, refresh),
	offsetof(struct login, id_token), offsetof(struct login, account_id),
	offsetof(struct login, email), offsetof(struct login, organization),
	offsetof(struct login, plan), offsetof(struct login, trouble),
	offsetof(struct login, token_url), offsetof(struct login, env_hash),
};

void
login_init(struct login *l)
{
	*l = (struct login){ .type = PROVIDER_ANTHROPIC };
	arena_init(&l->a, LOGIN_MAX);
}

void
login_free(struct login *l)
{
	arena_wipe(&l->a);
	*l = (struct login){ .type = PROVIDER_ANTHROPIC };
}

struct str
login_str(struct login *l, struct str s, bool *bad)
{
	struct str copy;

	if (s.p == NULL)
		return s;
	copy = arena_dup(&l->a, s);
	if (copy.p == NULL)
		*bad = true;
	return copy;
}

int
login_copy(struct login *to, const struct login *from, struct err *e)
{
	bool bad = false;
	size_t i;

	*to = *from;
	arena_init(&to->a, LOGIN_MAX);
	for (i = 0; i < sizeof(login_strings) / sizeof(login_strings[0]);
	    i++) {
		struct str *s = (struct str *)(void *)((char *)to +
		    login_strings[i]);

		*s = login_str(to, *s, &bad);
	}
	if (!bad)
		return 0;
	login_free(to);
	return err_set(e, ERR_MEM, "no memory for the login");
}

/* ---- the way to the browser ---- */

/* base64url without padding; dst holds (4 * n + 2) / 3 + 1 bytes. */
static void
b64url(char *dst, const unsigned char *p, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t i, k;

	for (i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16;

		if (i + 1 < n)
			v |= (uint32_t)p[i + 1] << 8;
		if (i + 2 < n)
			v |= p[i + 2];
		for (k = 0; k < 4 && i + k <= n; k++)
			*dst++ = digits[v >> (18 - 6 * k) & 63];
	}
	*dst = '\0';
}

void
oauth_flow_new(const struct provider *p, bool setup, unsigned port,
    struct oauth_flow *f)
{
	const struct set *s = set_of(p);
	unsigned char bytes[64];

	*f = (struct oauth_flow){ .setup = setup && s->setup_scope != NULL };
	random_fill(bytes, sizeof(bytes));
	b64url(f->verifier, bytes, s->verifier);
	tls_sha256(f->verifier, strlen(f->verifier), bytes);
	b64url(f->challenge, bytes, 32);
	random_fill(bytes, 32);
	b64url(f->state, bytes, 32);
	mem_wipe(bytes, sizeof(bytes));
	if (p->redirect_uri.n == 0 && s->redirect == NULL)
		fmt_to(f->redirect, sizeof(f->redirect),
		    "http://localhost:%u/auth/callback", port);
	else
		fmt_to(f->redirect, sizeof(f->redirect), "%.*s",
		    STR_ARG(or_default(p->redirect_uri, s->redirect)));
}

void
oauth_authorize_url(const struct provider *p, const struct oauth_flow *f,
    struct buf *url)
{
	const struct set *s = set_of(p);
	bool claude = s->authorize != NULL;

	if (p->authorize_url.n > 0)
		buf_adds(url, p->authorize_url.v[0]);
	else if (claude)
		buf_addz(url, s->authorize);
	else
		oauth_put_issuer(url, p, "/oauth/authorize");
	buf_addc(url, '?');
	if (claude) /* the page that shows the code to paste */
		oauth_put_form(url, "code", STR("true"));
	oauth_put_form(url, "client_id", client_id(p));
	oauth_put_form(url, "response_type", STR("code"));
	oauth_put_form(url, "redirect_uri", str_of(f->redirect));
	oauth_put_form(url, "scope", or_default(p->scope, f->setup ?
	    s->setup_scope : s->scope));
	oauth_put_form(url, "code_challenge", str_of(f->challenge));
	oauth_put_form(url, "code_challenge_method", STR("S256"));
	oauth_put_form(url, "state", str_of(f->state));
	if (!claude)
		buf_addz(url, "&id_token_add_organizations=true"
		    "&codex_cli_simplified_flow=true&originator=llmux");
}

/* ---- the way back ---- */

/* White space of any kind around what was pasted. */
static struct str
trim(struct str s)
{
	while (s.n > 0 && (unsigned char)s.p[0] <= ' ')
		s = str_sub(s, 1, s.n);
	while (s.n > 0 && (unsigned char)s.p[s.n - 1] <= ' ')
		s.n--;
	return s;
}

static bool
param(struct str query, const char *name, struct str *value)
{
	struct str key;

	while (str_cut(&query, '&', value))
		if (str_cut(value, '=', &key) && str_eq(key, str_of(name)))
			return true;
	*value = (struct str){ NULL, 0 };
	return false;
}

static int
hex_digit(char c)
{
	ssize_t at = str_chr(STR("0123456789abcdef"),
	    c >= 'A' && c <= 'F' ? (char)(c + ('a' - 'A')) : c);

	return (int)at;
}

/* Percent-decoded; a stray % stands for itself. blanks: + is one. */
static void
unpercent(struct str s, bool blanks, struct buf *out)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		int high = s.p[i] == '%' && i + 2 < s.n ?
		    hex_digit(s.p[i + 1]) : -1;
		int low = high < 0 ? -1 : hex_digit(s.p[i + 2]);

		if (low < 0) {
			buf_addc(out, blanks && s.p[i] == '+' ? ' ' :
			    s.p[i]);
			continue;
		}
		buf_addc(out, (char)(high << 4 | low));
		i += 2;
	}
}

/* error=..&error_description=.. of a callback, as a sentence. */
static int
callback_error(struct str query, struct str error, struct err *e)
{
	struct str said;
	struct buf plain, text;

	buf_init(&plain, PASTE_MAX);
	buf_init(&text, 4 * PASTE_MAX);
	param(query, "error_description", &said);
	unpercent(error, true, &plain);
	if (said.n > 0)
		buf_addz(&plain, ": ");
	unpercent(said, true, &plain);
	if (oauth_telltale(buf_str(&plain)))
		buf_addz(&text, "(not shown: it holds a token)");
	else
		buf_add_quoted(&text, buf_str(&plain), 100);
	err_set(e, ERR_INPUT, "the provider refused: %.*s%s",
	    STR_ARG(buf_str(&text)), str_find(buf_str(&plain),
	    STR("missing_codex_entitlement")) < 0 ? "" :
	    "; this workspace has no Codex access");
	buf_wipe(&plain);
	buf_wipe(&text);
	return -1;
}

/*
 * The code and the state in what was pasted, still encoded. An address must
 * have both, so that a page that calls a callback cannot push in a code of
 * its own; of what a person copied from a page the state may be missing.
 */
static int
find_code(struct str s, struct str *code, struct str *state, struct err *e)
{
	struct str query, rest, v;
	ssize_t at = str_chr(s, '?');
	bool address = at >= 0 || str_find(s, STR("://")) >= 0;

	if (at < 0 && address)
		at = str_chr(s, '#');
	query = rest = str_sub(s, (size_t)(at + 1), s.n);
	if (address)
		str_cut(&rest, '#', &query);
	if (param(query, "error", &v))
		return callback_error(query, v, e);
	if (param(query, "client_id", &v))
		return err_set(e, ERR_INPUT, "that is the address to open; "
		    "paste what the browser shows at the end");
	if (param(query, "code", code)) {
		if (!param(query, "state", state))
			return err_set(e, ERR_INPUT, "state is missing; paste "
			    "the whole address");
		return 0;
	}
	if (address || param(query, "state", &v))
		return err_set(e, ERR_INPUT, "no code in it; paste the whole "
		    "address, or the code");
	*state = s;
	str_cut(state, '#', code);
	return 0;
}

int
oauth_pasted(const struct oauth_flow *f, struct str text, struct buf *code,
    struct err *e)
{
	struct str s = trim(text), found, state;
	struct buf plain;
	int rc = -1;

	if (s.n == 0)
		return err_set(e, ERR_INPUT, "nothing was pasted");
	if (s.n > PASTE_MAX)
		return err_set(e, ERR_INPUT, "too long for a code");
	if (str_starts(s, STR("sk-ant-")))
		return err_set(e, ERR_INPUT, "that is a token, not a code");
	if (find_code(s, &found, &state, e) < 0)
		return -1;
	buf_init(&plain, PASTE_MAX);
	unpercent(state, false, &plain);
	if (!plain.bad && state.p != NULL &&
	    !mem_same(buf_str(&plain), str_of(f->state))) {
		err_set(e, ERR_INPUT, "state differs: this code is of another "
		    "login; start the login again");
		goto out;
	}
	buf_clear(&plain);
	unpercent(found, false, &plain);
	buf_adds(code, buf_str(&plain));
	if (plain.bad || code->bad)
		err_set(e, ERR_MEM, "no memory");
	else if (plain.len > CODE_MAX || !oauth_word(buf_str(&plain)))
		err_set(e, ERR_INPUT, "that is no code");
	else
		rc = 0;
out:
	buf_wipe(&plain);
	return rc;
}

/* ---- tokens ---- */

/* The times that came with the tokens; of a JWT its own expiry (later, by
 * oauth_claims). */
static void
take_times(struct login *l, struct json_value root)
{
	int64_t s;

	l->last_refresh = wall_s();
	l->expires_at = 0;
	if (oauth_json_seconds(json_get(root, "expires_in"), &s) == 0)
		l->expires_at = l->last_refresh + s;
	if (oauth_json_seconds(json_get(root, "refresh_token_expires_in"),
	    &s) == 0)
		l->refresh_expires_at = l->last_refresh + s;
}

static void
fill(struct login *l, struct str *at, struct json_value v, bool *bad)
{
	struct str s = oauth_json_str(l, v, false, bad);

	if (at->n == 0 && s.n > 0)
		*at = s;
}

static void
take_names(struct login *l, struct json_value root, bool *bad)
{
	fill(l, &l->email, json_at(root, "account/email_address"), bad);
	fill(l, &l->email, json_at(root, "account/email"), bad);
	fill(l, &l->organization, json_at(root, "organization/name"), bad);
}

/* A success that is none. */
static int
check_tokens(const struct oauth_call *k, struct str access, bool refresh,
    struct oauth_result *r, struct err *e)
{
	struct json_value kind = json_get(k->root, "token_type");
	bool chatgpt = k->p->type == PROVIDER_CHATGPT;
	int64_t s = 0;

	if (kind.type == JSON_STRING && !str_ieq(kind.text, STR("bearer")))
		return oauth_call_reject(k, OAUTH_REFUSED, "with a token_type "
		    "that is not Bearer", r, e);
	if (access.n == 0 && !(chatgpt && k->what == OAUTH_FOR_REFRESH))
		return oauth_call_reject(k, OAUTH_TRANSIENT,
		    "without an access_token", r, e);
	if (chatgpt && !refresh && k->what == OAUTH_FOR_LOGIN)
		return oauth_call_reject(k, OAUTH_REFUSED,
		    "without a refresh_token; see scope", r, e);
	if (k->what != OAUTH_FOR_SETUP)
		return 0;
	oauth_json_seconds(json_get(k->root, "expires_in"), &s);
	if (s < SETUP_MIN_S)
		return oauth_call_reject(k, OAUTH_REFUSED, "with a token of "
		    "hours, not of a year; use llmux login claude", r, e);
	return 0;
}

/*
 * The tokens of the answer of k into l, old ones kept where it has none.
 * Nothing of l has changed when the answer is refused.
 */
static int
take_tokens(struct oauth_call *k, struct login *l, struct oauth_result *r,
    struct err *e)
{
	bool bad = false;
	struct str access, refresh, id, plan = l->plan;

	access = oauth_json_str(l, json_get(k->root, "access_token"), true,
	    &bad);
	refresh = oauth_json_str(l, json_get(k->root, "refresh_token"), true,
	    &bad);
	id = oauth_json_str(l, json_get(k->root, "id_token"), true, &bad);
	if (!bad && check_tokens(k, access, refresh.n > 0, r, e) < 0)
		return -1;
	l->long_term = k->what == OAUTH_FOR_SETUP;
	if (access.n > 0)
		l->access = access;
	if (refresh.n > 0 && !l->long_term)
		l->refresh = refresh;
	if (id.n > 0)
		l->id_token = id;
	if (access.n > 0)
		take_times(l, k->root);
	l->token_url = login_str(l, buf_str(&k->url), &bad);
	l->trouble = (struct str){ NULL, 0 };
	take_names(l, k->root, &bad);
	if (k->p->type == PROVIDER_CHATGPT) { /* a plan may have changed */
		l->plan = (struct str){ NULL, 0 };
		l->fedramp = false;
		if (oauth_claims(l, e) < 0)
			bad = bad || e->kind == ERR_MEM;
		if (l->plan.n == 0)
			l->plan = plan;
	} else if (!str_starts(l->access, STR("sk-ant-oat"))) {
		log_put(LOG_WARN, "login: the access token does not begin "
		    "with sk-ant-oat");
	}
	if (!bad)
		return 0;
	r->failure = OAUTH_TRANSIENT;
	return err_set(e, ERR_MEM, "no memory for the tokens");
}

static void
put_exchange(struct oauth_call *k, const struct oauth_flow *f,
    struct str code)
{
	bool claude = k->p->type == PROVIDER_ANTHROPIC;
	void (*put)(struct buf *, const char *, struct str) = claude ?
	    oauth_put_json : oauth_put_form;

	put(&k->body, "grant_type", STR("authorization_code"));
	put(&k->body, "code", code);
	if (claude)
		put(&k->body, "state", str_of(f->state));
	put(&k->body, "client_id", client_id(k->p));
	put(&k->body, "redirect_uri", str_of(f->redirect));
	put(&k->body, "code_verifier", str_of(f->verifier));
	if (claude)
		buf_addz(&k->body, f->setup ? ",\"expires_in\":" SETUP_S "}" :
		    "}");
}

int
oauth_exchange(const struct conf *c, const struct provider *p,
    const struct oauth_flow *f, struct str code, int64_t due,
    struct login *l, struct oauth_result *r, struct err *e)
{
	struct err own;
	struct oauth_call *k;
	int rc;

	e = e == NULL ? &own : e;
	*r = (struct oauth_result){ .failure = OAUTH_TRANSIENT };
	k = oauth_call_new(c, p, f->setup ? OAUTH_FOR_SETUP :
	    OAUTH_FOR_LOGIN, due, e);
	if (k == NULL)
		return -1;
	k->secret[0] = code;
	k->secret[1] = str_of(f->verifier);
	l->type = p->type;
	put_exchange(k, f, code);
	rc = oauth_call_tokens(k, (struct str){ NULL, 0 }, r, e);
	if (rc == 0)
		rc = take_tokens(k, l, r, e);
	if (rc == 0 && p->type == PROVIDER_CHATGPT && l->account_id.n == 0) {
		bool bad = false;

		l->account_id = login_str(l, p->account_id, &bad);
		if (l->account_id.n == 0) {
			r->failure = OAUTH_REFUSED;
			rc = err_set(e, ERR_INPUT, "account id missing from "
			    "token");
		}
	}
	oauth_call_free(k);
	return rc;
}

int
oauth_refresh(const struct conf *c, const struct provider *p,
    const struct login *l, int64_t due, struct login *next,
    struct oauth_result *r, struct err *e)
{
	struct oauth_call *k = NULL;
	struct err own;
	int rc;

	e = e == NULL ? &own : e;
	*r = (struct oauth_result){ .failure = OAUTH_TRANSIENT };
	*next = (struct login){ .type = p->type };
	if (l->long_term || l->refresh.n == 0) {
		r->failure = OAUTH_PERMANENT;
		return err_set(e, ERR_AUTH, "there is no refresh token");
	}
	/* Before the token is spent: what can fail for lack of memory. */
	rc = login_copy(next, l, e);
	if (rc == 0)
		k = oauth_call_new(c, p, OAUTH_FOR_REFRESH, due, e);
	if (k == NULL)
		goto out;
	k->secret[0] = l->refresh;
	k->secret[1] = l->access;
	oauth_put_json(&k->body, "grant_type", STR("refresh_token"));
	oauth_put_json(&k->body, "refresh_token", l->refresh);
	oauth_put_json(&k->body, "client_id", client_id(p));
	buf_addc(&k->body, '}');
	if (p->type == PROVIDER_ANTHROPIC)
		buf_addz(&k->fields, "anthropic-beta: oauth-2025-04-20\r\n");
	rc = oauth_call_tokens(k, l->token_url, r, e);
	if (rc == 0)
		rc = take_tokens(k, next, r, e);
out:
	rc = k == NULL ? -1 : rc;
	oauth_call_free(k);
	if (rc < 0)
		login_free(next);
	return rc;
}

int
oauth_revoke(const struct conf *c, const struct provider *p,
    const struct login *l, int64_t due, struct err *e)
{
	bool whole = l->refresh.n > 0;
	int64_t limit = due_in(REVOKE_MS);
	struct oauth_result r;
	struct oauth_call *k;
	struct err own;
	int rc;

	e = e == NULL ? &own : e;
	if (p->type != PROVIDER_CHATGPT)
		return err_set(e, ERR_INPUT, "the provider has no way to "
		    "revoke a login; do it in its account settings");
	k = oauth_call_new(c, p, OAUTH_FOR_OTHER, due < limit ? due : limit,
	    e);
	if (k == NULL)
		return -1;
	k->secret[0] = l->refresh;
	k->secret[1] = l->access;
	oauth_put_issuer(&k->url, p, "/oauth/revoke");
	oauth_put_json(&k->body, "token", whole ? l->refresh : l->access);
	oauth_put_json(&k->body, "token_type_hint", whole ?
	    STR("refresh_token") : STR("access_token"));
	if (whole)
		oauth_put_json(&k->body, "client_id", client_id(p));
	buf_addc(&k->body, '}');
	rc = oauth_call_send(k, e);
	if (rc == 0 && k->got.status / 100 != 2)
		rc = oauth_call_failed(k, &r, e);
	oauth_call_free(k);
	return rc;
}

/* ---- the account ---- */

/* A call to p's API with the token of l. */
static struct oauth_call *
api_call(const struct conf *c, const struct provider *p,
    const struct login *l, const char *path, int64_t due, struct err *e)
{
	struct oauth_call *k = oauth_call_new(c, p, OAUTH_FOR_OTHER, due, e);

	if (k == NULL)
		return NULL;
	k->secret[0] = l->access;
	buf_fmt(&k->url, "http%s://%.*s%.*s%s", p->tls ? "s" : "",
	    STR_ARG(p->host_field), STR_ARG(p->path), path);
	buf_fmt(&k->fields, "authorization: Bearer %.*s\r\n",
	    STR_ARG(l->access));
	if (p->type == PROVIDER_ANTHROPIC)
		buf_addz(&k->fields, "anthropic-version: 2023-06-01\r\n"
		    "anthropic-beta: oauth-2025-04-20\r\n");
	else
		buf_addz(&k->fields, "originator: llmux\r\n");
	if (l->account_id.n > 0)
		buf_fmt(&k->fields, "chatgpt-account-id: %.*s\r\n",
		    STR_ARG(l->account_id));
	if (l->fedramp)
		buf_addz(&k->fields, "x-openai-fedramp: true\r\n");
	if (oauth_word(l->access) &&
	    (l->account_id.n == 0 || oauth_word(l->account_id)))
		return k;
	err_set(e, ERR_AUTH, "the login has no usable access token");
	oauth_call_free(k);
	return NULL;
}

int
oauth_probe(const struct conf *c, const struct provider *p,
    const struct login *l, int64_t due, int *status, struct buf *said,
    struct err *e)
{
	struct err own;
	struct oauth_call *k;
	int rc;

	e = e == NULL ? &own : e;
	*status = 0;
	k = api_call(c, p, l, p->type == PROVIDER_ANTHROPIC ?
	    "/v1/models?limit=1" :
	    "/backend-api/codex/models?client_version=1.0.0", due, e);
	if (k == NULL)
		return -1;
	rc = oauth_call_send(k, e);
	if (rc == 0) {
		*status = k->got.status;
		oauth_call_said(k, said);
	}
	oauth_call_free(k);
	return rc;
}

int
oauth_identity(const struct conf *c, const struct provider *p,
    struct login *l, int64_t due, struct err *e)
{
	struct oauth_result r;
	struct oauth_call *k;
	struct err own;
	bool bad = false;
	int rc;

	e = e == NULL ? &own : e;
	if (p->type == PROVIDER_CHATGPT)
		return oauth_claims(l, e);
	k = api_call(c, p, l, "/api/oauth/profile", due, e);
	if (k == NULL)
		return -1;
	rc = oauth_call_json(k, &r, e);
	if (rc == 0) {
		take_names(l, k->root, &bad);
		fill(l, &l->plan, json_at(k->root,
		    "organization/organization_type"), &bad);
		if (str_starts(l->plan, STR("claude_")))
			l->plan = str_sub(l->plan, 7, l->plan.n);
		if (bad)
			rc = err_set(e, ERR_MEM, "no memory");
	}
	oauth_call_free(k);
	return rc;
}

/* ---- JWT claims ---- */

struct claims {
	struct buf text;
	struct json_value root, auth; /* type NONE: there is no such token */
};

/* The payload of a JWT; -1: no memory. One that cannot be read has none. */
static int
read_claims(struct str token, struct claims *t)
{
	struct str part;

	*t = (struct claims){ .root = { .type = JSON_NONE } };
	buf_init(&t->text, OAUTH_TOKEN_MAX);
	if (token.n > OAUTH_TOKEN_MAX || !str_cut(&token, '.', &part) ||
	    !str_cut(&token, '.', &part) ||
	    buf_add_unb64(&t->text, part) < 0)
		return t->text.bad ? -1 : 0;
	if (t->text.bad)
		return -1;
	if (json_check(buf_str(&t->text), NULL) < 0)
		return 0;
	t->root = json_root(buf_str(&t->text));
	t->auth = json_get(t->root, "https://api.openai.com/auth");
	return 0;
}

/* The account id where the clients look for it, in this order; the ID token
 * goes first. */
static void
find_account(struct login *l, const struct claims t[2], bool *bad)
{
	static const struct {
		bool auth;
		const char *path;
	} rows[] = {
		{ true, "chatgpt_account_id" },
		{ false, "chatgpt_account_id" },
		{ true, "organizations/0/id" },
		{ false, "organizations/0/id" },
	};
	size_t i;

	for (i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]) &&
	    l->account_id.n == 0; i++)
		l->account_id = oauth_json_str(l, json_at(rows[i / 2].auth ?
		    t[i % 2].auth : t[i % 2].root, rows[i / 2].path), true,
		    bad);
}

int
oauth_claims(struct login *l, struct err *e)
{
	struct claims t[2];
	bool bad = false;
	uint64_t exp;
	size_t i;

	bad = read_claims(l->id_token, &t[0]) < 0;
	bad = read_claims(l->access, &t[1]) < 0 || bad;
	find_account(l, t, &bad);
	for (i = 0; i < 2; i++) {
		fill(l, &l->plan, json_get(t[i].auth, "chatgpt_plan_type"),
		    &bad);
		fill(l, &l->email, json_get(t[i].root, "email"), &bad);
		fill(l, &l->email, json_get(json_get(t[i].root,
		    "https://api.openai.com/profile"), "email"), &bad);
		l->fedramp = l->fedramp || json_true(json_get(t[i].auth,
		    "chatgpt_account_is_fedramp"));
	}
	if (l->expires_at == 0 && json_u64(json_get(t[1].root, "exp"),
	    &exp) == 0)
		l->expires_at = (int64_t)exp;
	buf_wipe(&t[0].text);
	buf_wipe(&t[1].text);
	if (bad)
		return err_set(e, ERR_MEM, "no memory for the claims");
	if (l->account_id.n > 0)
		return 0;
	return err_set(e, ERR_INPUT, "account id missing from token");
}
