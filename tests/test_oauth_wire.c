/* SPDX-License-Identifier: MIT */
/*
 * Tests of oauth_wire.c, oauth_device.c, fetch.c and the small requests of
 * oauth.c against a mock provider: every shape of a failure, the order of the
 * hosts, device codes, starvation.
 */
#define OAUTH_PAUSE_MS 2
#include "../oauth_wire.c"
#include "oauth_lab.h"

/* ---- how it fails ---- */

#define ERR_DESC(code, d) "{\"error\":\"" code "\",\"error_description\":\"" \
	d "\"}"
#define HINT "; set oauth_hosts = platform or token_url"
#define LONG "0123456789012345678901234567890123456789"

static const struct fail {
	const char *name;
	struct lab_answer a;
	enum oauth_failure failure; /* of a refresh */
	enum err_kind kind;
	const char *code, *text;
} fails[] = {
	{ "flat", { 400, NULL, ERR_DESC("invalid_grant", "not found") },
	    OAUTH_PERMANENT, ERR_AUTH, "invalid_grant",
	    "@ answered 400 invalid_grant: \"not found\"" },
	{ "typed", { 400, NULL, "{\"type\":\"error\",\"error\":{\"type\":"
	    "\"invalid_request_error\",\"message\":\"Invalid format\"},"
	    "\"request_id\":\"req_1\"}" }, OAUTH_REFUSED, ERR_INPUT,
	    "invalid_request_error", "@ answered 400 invalid_request_error: "
	    "\"Invalid format\"" },
	{ "code within", { 401, NULL, "{\"error\":{\"code\":"
	    "\"refresh_token_reused\",\"message\":\"used\"}}" },
	    OAUTH_PERMANENT, ERR_AUTH, "refresh_token_reused",
	    "@ answered 401 refresh_token_reused: \"used\"" },
	{ "null code", { 401, NULL, "{\"error\":{\"code\":null,\"type\":"
	    "\"authentication_error\"}}" }, OAUTH_PERMANENT, ERR_AUTH,
	    "authentication_error", "@ answered 401 authentication_error" },
	{ "code outside", { 400, NULL, "{\"code\":\"app_session_expired\","
	    "\"message\":\"over\"}" }, OAUTH_PERMANENT, ERR_AUTH,
	    "app_session_expired", "@ answered 400 app_session_expired: "
	    "\"over\"" },
	{ "detail", { 400, NULL, "{\"detail\":\"no\"}" }, OAUTH_TRANSIENT,
	    ERR_PEER, "", "@ answered 400 \"no\"" },
	{ "URI", { 400, NULL, "{\"error\":\"invalid_scope\",\"error_uri\":"
	    "\"https://e.example/1\"}" }, OAUTH_REFUSED, ERR_INPUT,
	    "invalid_scope", "@ answered 400 invalid_scope: "
	    "\"https://e.example/1\"" },
	{ "unknown word", { 400, NULL, "{\"error\":\"odd\"}" },
	    OAUTH_TRANSIENT, ERR_PEER, "odd", "@ answered 400 odd" },
	{ "401 without words", { 401, "", "" }, OAUTH_PERMANENT, ERR_AUTH, "",
	    "@ answered 401" },
	{ "401 invalid_client", { 401, NULL, "{\"error\":\"invalid_client\"}"
	    }, OAUTH_REFUSED, ERR_INPUT, "invalid_client",
	    "@ answered 401 invalid_client" },
	{ "403", { 403, NULL, "{\"error\":\"nope\"}" }, OAUTH_REFUSED,
	    ERR_INPUT, "nope", "@ answered 403 nope" },
	{ "429", { 429, "Retry-After: 17\r\n", "{\"error\":{\"type\":"
	    "\"rate_limit_error\",\"message\":\"slow\"}}" }, OAUTH_TRANSIENT,
	    ERR_PEER, "rate_limit_error", "@ answered 429 rate_limit_error: "
	    "\"slow\"" },
	{ "503", { 503, "Retry-After: 17\r\n", "{\"error\":\"invalid_grant\"}"
	    }, OAUTH_TRANSIENT, ERR_PEER, "invalid_grant",
	    "@ answered 503 invalid_grant" },
	{ "500, plain", { 500, "", "oops " ACCESS }, OAUTH_TRANSIENT,
	    ERR_PEER, "", "@ answered 500" },
	{ "broken JSON", { 200, NULL, "{\"access_token\":\"" ACCESS "\",\"" },
	    OAUTH_TRANSIENT, ERR_PEER, "",
	    "@ answered 200 with no JSON object" },
	{ "JSON, no object", { 200, NULL, "[\"" ACCESS "\"]" },
	    OAUTH_TRANSIENT, ERR_PEER, "",
	    "@ answered 200 with no JSON object" },
	{ "empty", { 200, NULL, "" }, OAUTH_TRANSIENT, ERR_PEER, "",
	    "@ answered 200 with no JSON object" },
	{ "no token", { 200, NULL, "{\"refresh_token\":\"x\"}" },
	    OAUTH_TRANSIENT, ERR_PEER, "",
	    "@ answered 200 without an access_token" },
	{ "empty token", { 200, NULL, "{\"access_token\":\"\"}" },
	    OAUTH_TRANSIENT, ERR_PEER, "",
	    "@ answered 200 without an access_token" },
	{ "token with line end", { 200, NULL, "{\"access_token\":"
	    "\"a\\r\\nx: y\"}" }, OAUTH_TRANSIENT, ERR_PEER, "",
	    "@ answered 200 without an access_token" },
	{ "token type", { 200, NULL, "{\"access_token\":\"" ACCESS "\","
	    "\"token_type\":\"mac\"}" }, OAUTH_REFUSED, ERR_INPUT, "",
	    "@ answered 200 with a token_type that is not Bearer" },
	{ "redirect", { 307, "Location: https://new.example/t?x=" ACCESS
	    "\r\n", "" }, OAUTH_REFUSED, ERR_INPUT, "",
	    "@ answered 307 to https://new.example/t" HINT },
	{ "redirect without", { 301, "", "" }, OAUTH_REFUSED, ERR_INPUT, "",
	    "@ answered 301" HINT },
	{ "redirect with token", { 302, "Location: /" ACCESS "\r\n", "" },
	    OAUTH_REFUSED, ERR_INPUT, "",
	    "@ answered 302 to (not shown)" HINT },
	{ "404", { 404, NULL, "{\"error\":{\"type\":\"not_found_error\"}}" },
	    OAUTH_REFUSED, ERR_INPUT, "not_found_error",
	    "@ answered 404 not_found_error" HINT },
	{ "404 with a word", { 404, NULL, "{\"error\":\"invalid_grant\"}" },
	    OAUTH_PERMANENT, ERR_AUTH, "invalid_grant",
	    "@ answered 404 invalid_grant" },
	{ "page", { 403, "Content-Type: text/html; charset=UTF-8\r\n",
	    "<html>" ACCESS }, OAUTH_REFUSED, ERR_INPUT, "",
	    "@ answered 403 with an HTML page" HINT },
	{ "page that says 200", { 200, "", " \n<!DOCTYPE html>" },
	    OAUTH_REFUSED, ERR_INPUT, "",
	    "@ answered 200 with an HTML page" HINT },
	{ "page that says 401", { 401, "Content-Type: text/html\r\n", "" },
	    OAUTH_REFUSED, ERR_INPUT, "",
	    "@ answered 401 with an HTML page" HINT },
	{ "page of a gateway", { 504, "Content-Type: text/html\r\n", "<h1>" },
	    OAUTH_TRANSIENT, ERR_PEER, "", "@ answered 504 with an HTML page"
	    HINT },
	{ "challenge", { 403, "cf-mitigated: challenge\r\n", "{}" },
	    OAUTH_REFUSED, ERR_INPUT, "",
	    "@ answered 403 with a challenge page: the edge refused this "
	    "connection, not the token" HINT },
	{ "refresh token", { 400, NULL, ERR_DESC("invalid_grant",
	    "old-refresh-0123456789 is odd") }, OAUTH_PERMANENT, ERR_AUTH,
	    "invalid_grant", "@ answered 400 invalid_grant: (not shown: it "
	    "holds a token)" },
	{ "part of it", { 400, NULL, ERR_DESC("invalid_grant",
	    "old-refresh-...") }, OAUTH_PERMANENT, ERR_AUTH,
	    "invalid_grant", "@ answered 400 invalid_grant: (not shown: it "
	    "holds a token)" },
	{ "another token", { 400, NULL, ERR_DESC("invalid_grant",
	    "sk-\\u0061nt-x") }, OAUTH_PERMANENT, ERR_AUTH,
	    "invalid_grant", "@ answered 400 invalid_grant: (not shown: it "
	    "holds a token)" },
	{ "JWT", { 400, NULL, ERR_DESC("invalid_grant", "eyJx.y.z") },
	    OAUTH_PERMANENT, ERR_AUTH, "invalid_grant",
	    "@ answered 400 invalid_grant: (not shown: it holds a token)" },
	{ "token as word", { 400, NULL, ERR_DESC(ACCESS, "x") },
	    OAUTH_TRANSIENT, ERR_PEER, "",
	    "@ answered 400 (not shown): \"x\"" },
	{ "escape bytes", { 400, NULL, ERR_DESC("invalid_scope",
	    "a\\u001b[2J\\n\\\"\\u00e9") }, OAUTH_REFUSED, ERR_INPUT,
	    "invalid_scope", "@ answered 400 invalid_scope: "
	    "\"a\\x1b[2J\\x0a\\x22\\xc3\\xa9\"" },
	{ "blank in the word", { 400, NULL, ERR_DESC("a b", "x") },
	    OAUTH_TRANSIENT, ERR_PEER, "", "@ answered 400 \"x\"" },
	{ "cut", { 0, NULL, NULL }, OAUTH_TRANSIENT, ERR_PEER, "", NULL },
};

static void
test_fails(void)
{
	struct conf *c = conf_of("[provider claude]\ntoken_url = @/t\n");
	const struct provider *p = provider(c, "claude");
	struct login l = old_login(PROVIDER_ANTHROPIC);
	size_t i;

	for (i = 0; i < N(fails); i++) {
		const struct fail *f = &fails[i];
		struct err e = { .kind = ERR_NONE };
		struct oauth_result r;
		struct login next;

		lab_play(&f->a, 1);
		CHECK_IN(f->name, oauth_refresh(c, p, &l, DUE, &next, &r,
		    &e) < 0);
		CHECK_IN(f->name, next.access.p == NULL);
		CHECK_INT_IN(f->name, r.failure, f->failure);
		CHECK_INT_IN(f->name, e.kind, f->kind);
		CHECK_INT_IN(f->name, r.status, f->a.status);
		CHECK_STR_IN(f->name, str_of(r.code), str_of(f->code));
		if (f->text != NULL)
			CHECK_STR_IN(f->name, str_of(e.text), at(f->text));
		CHECK_INT_IN(f->name, r.retry_s, f->a.fields != NULL &&
		    str_starts(str_of(f->a.fields), STR("Retry")) ? 17 : 0);
		/* A 5xx is asked for again, twice. */
		CHECK_INT_IN(f->name, lab_asked(), f->a.status >= 500 &&
		    r.retry_s == 0 ? 3 : 1);
		CHECK_IN(f->name, str_find(str_of(e.text), STR(ACCESS)) < 0);
		login_free(&next);
	}
	login_free(&l);
	conf_unref(c);
}

/* Long words of the provider leave room for what to do. */
static void
test_long_words(void)
{
	const struct lab_answer a = { 400, NULL, ERR_DESC("invalid_scope",
	    LONG LONG LONG LONG LONG LONG) };
	struct conf *c = conf_of("[provider claude]\ntoken_url = @/t\n");
	struct oauth_flow f = flow_for(NULL, true);
	struct err e = { .kind = ERR_NONE };
	struct oauth_result r;
	struct login l;

	lab_play(&a, 1);
	login_init(&l);
	CHECK(oauth_exchange(c, provider(c, "claude"), &f, STR("code-1"), DUE,
	    &l, &r, &e) < 0);
	CHECK(str_ends(str_of(e.text), STR("; use llmux login claude")));
	CHECK(str_find(str_of(e.text), STR(LONG)) > 0);
	login_free(&l);
	conf_unref(c);
}

/* Nothing that was sent comes back in a message of an exchange. */
static void
test_secrets(void)
{
	static const char *const said[] = { "the code-0123456 is used",
		"verifier dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
		"code-0123456789ABCDEF" };
	struct conf *c = conf_of("[provider claude]\ntoken_url = @/t\n");
	struct oauth_flow f = flow_for(NULL, false);
	size_t i;

	for (i = 0; i < N(said); i++) {
		char body[300];
		struct lab_answer a = { 400, NULL, body };
		struct err e = { .kind = ERR_NONE };
		struct oauth_result r;
		struct login l;

		fmt_to(body, sizeof(body), ERR_DESC("invalid_grant", "%s"),
		    said[i]);
		lab_play(&a, 1);
		login_init(&l);
		CHECK_IN(said[i], oauth_exchange(c, provider(c, "claude"), &f,
		    STR("code-0123456789ABCDEF"), DUE, &l, &r, &e) < 0);
		CHECK_STR_IN(said[i], str_of(e.text), at("@ answered 400 "
		    "invalid_grant: (not shown: it holds a token); start the "
		    "login again"));
		CHECK_INT_IN(said[i], lab_asked(), 1);
		login_free(&l);
	}
	conf_unref(c);
}

/* ---- token hosts ---- */

static const struct {
	const char *name, *conf;
	struct lab_answer a[3];
	const char *asked; /* paths, each with a blank behind it */
	int rc;
	enum oauth_failure failure;
	const char *text;
} turns[] = {
	{ "refused connection", "token_url = !/a\ntoken_url = @/b\n",
	    { { 200, NULL, claude_ok } }, "/b ", 0, OAUTH_OK, "" },
	{ "redirect, page, good", "token_url = @/a\ntoken_url = @/b\n"
	    "token_url = @/c\n", { { 308, "", "" }, { 403, "Content-Type: "
	    "text/html\r\n", "<x>" }, { 200, NULL, claude_ok } },
	    "/a /b /c ", 0, OAUTH_OK, "" },
	{ "404, good", "token_url = @/a\ntoken_url = @/b\n",
	    { { 404, "", "" }, { 200, NULL, claude_ok } }, "/a /b ", 0,
	    OAUTH_OK, "" },
	{ "JSON error stops", "token_url = @/a\ntoken_url = @/b\n",
	    { { 400, NULL, "{\"error\":\"invalid_grant\"}" } }, "/a ", -1,
	    OAUTH_PERMANENT, "@ answered 400 invalid_grant" },
	{ "JSON error behind", "token_url = !/a\ntoken_url = @/b\n"
	    "token_url = @/c\n", { { 401, NULL, "{}" } }, "/b ", -1,
	    OAUTH_PERMANENT, "@ answered 401" },
	{ "429 stops", "token_url = @/a\ntoken_url = @/b\n",
	    { { 429, NULL, "{}" } }, "/a ", -1, OAUTH_TRANSIENT,
	    "@ answered 429" },
	{ "lost answer stops", "token_url = @/a\ntoken_url = @/b\n",
	    { { 0, NULL, NULL }, { 200, NULL, claude_ok } }, "/a ", -1,
	    OAUTH_TRANSIENT, NULL },
	{ "all bad", "token_url = @/a\ntoken_url = !/b\n",
	    { { 404, "", "" } }, "/a ", -1, OAUTH_REFUSED,
	    "@ answered 404" HINT },
	{ "all bad, the other way round", "token_url = !/a\n"
	    "token_url = @/b\n", { { 404, "", "" } }, "/b ", -1,
	    OAUTH_REFUSED, "@ answered 404" HINT },
	{ "platform", "oauth_hosts = platform\ntoken_url = @/a\n",
	    { { 404, "", "" } }, "/a ", -1, OAUTH_REFUSED,
	    "@ answered 404; set token_url" },
	{ "none there", "token_url = !/a\ntoken_url = !/b\n",
	    { { 404, "", "" } }, "", -1, OAUTH_TRANSIENT, NULL },
};

static void
test_hosts(void)
{
	struct login l = old_login(PROVIDER_ANTHROPIC);
	char text[1000], asked[100];
	size_t i, k;

	for (i = 0; i < N(turns); i++) {
		struct err e = { .kind = ERR_NONE };
		struct oauth_result r;
		struct login next;
		struct conf *c;

		fmt_to(text, sizeof(text), "[provider claude]\n%s",
		    turns[i].conf);
		c = conf_of(text);
		lab_play(turns[i].a, 3);
		CHECK_INT_IN(turns[i].name, oauth_refresh(c, provider(c,
		    "claude"), &l, DUE, &next, &r, &e), turns[i].rc);
		for (asked[0] = '\0', k = 0; k < lab_asked(); k++) {
			struct str line = lab_line(k), path;

			str_cut(&line, ' ', &path);
			str_cut(&line, ' ', &path);
			fmt_to(asked + strlen(asked), sizeof(asked) -
			    strlen(asked), "%.*s ", STR_ARG(path));
		}
		CHECK_STR_IN(turns[i].name, str_of(asked),
		    str_of(turns[i].asked));
		CHECK_INT_IN(turns[i].name, r.failure, turns[i].failure);
		if (turns[i].rc < 0 && turns[i].text != NULL)
			CHECK_STR_IN(turns[i].name, str_of(e.text),
			    at(turns[i].text));
		if (turns[i].rc == 0 && asked[0] != '\0')
			CHECK_IN(turns[i].name, str_ends(next.token_url,
			    (struct str){ asked + strlen(asked) - 3, 2 }));
		login_free(&next);
		conf_unref(c);
	}
	login_free(&l);
}

/* The built-in order, with and without one that worked. */
static void
test_order(void)
{
	static const struct {
		const char *conf, *last, *want[4];
	} rows[] = {
		{ "", "", { CONSOLE, API, PLATFORM, NULL } },
		{ "", CONSOLE, { CONSOLE, API, PLATFORM, NULL } },
		{ "", API, { API, CONSOLE, PLATFORM, NULL } },
		{ "", PLATFORM, { PLATFORM, CONSOLE, API, NULL } },
		{ "", "https://odd.example/", { CONSOLE, API, PLATFORM,
		    NULL } },
		{ "[provider claude]\noauth_hosts = platform", "", { PLATFORM,
		    API, CONSOLE, NULL } },
		{ "[provider claude]\ntoken_url = https://a.example/\n"
		    "token_url = " API, API, { "https://a.example/", API, NULL,
		    NULL } },
	};
	size_t i, k;

	for (i = 0; i < N(rows); i++) {
		struct conf *c = conf_of(rows[i].conf);

		for (k = 0; k < 4; k++)
			CHECK_STR_IN(rows[i].last, host_in_turn(provider(c,
			    "claude"), str_of(rows[i].last), k),
			    str_of(rows[i].want[k]));
		conf_unref(c);
	}
}

/* ---- fetch ---- */

static void
test_fetch(void)
{
	static const struct {
		const char *url;
		enum err_kind kind;
		const char *text;
	} rows[] = {
		{ "", ERR_INPUT, "no address to ask" },
		{ "ftp://x/", ERR_INPUT, "address: expected a URL that begins "
		    "with https:// or http://" },
		{ "http://a.example/?x", ERR_INPUT, "a.example: neither https "
		    "nor this machine: nothing is sent there" },
		{ "http://10.0.0.1/", ERR_INPUT, "10.0.0.1: neither https "
		    "nor this machine: nothing is sent there" },
		{ "https://a.example:1/", ERR_INPUT, "a.example:1: no CA file "
		    "could be read; set ca_file" },
		{ "http://127.0.0.1/a b", ERR_INPUT,
		    "address with a foreign byte" },
		{ "http://127.0.0.1/a\r\nx: y", ERR_INPUT,
		    "address with a foreign byte" },
		{ "http://127.0.0.1/#f", ERR_INPUT,
		    "address with a foreign byte" },
	};
	static const struct lab_answer a = { 418, NULL, "0123456789" };
	struct conf *c = conf_of("");
	struct fetch f = { .conf = c, .method = "GET", .max = 10 };
	struct fetched *got = malloc(sizeof(*got));
	struct err e;
	char url[100];
	size_t i;

	for (i = 0; i < N(rows); i++) {
		f.url = str_of(rows[i].url);
		f.due = DUE;
		CHECK_IN(rows[i].url, fetch(&f, got, &e) < 0);
		CHECK_INT_IN(rows[i].url, e.kind, rows[i].kind);
		CHECK_STR_IN(rows[i].url, str_of(e.text),
		    str_of(rows[i].text));
		CHECK_IN(rows[i].url, !got->sent && got->status == 0);
		fetched_free(got);
	}
	lab_play(&a, 1);
	fmt_to(url, sizeof(url), "http://127.0.0.1:%u?a=b%%20/", lab.port);
	f.url = str_of(url);
	f.fields = STR("x-a: b\r\n");
	CHECK_INT(fetch(&f, got, &e), 0);
	CHECK_INT(got->status, 418);
	CHECK_STR(buf_str(&got->body), STR("0123456789"));
	CHECK_STR(lab_line(0), STR("GET /?a=b%20/ HTTP/1.1"));
	CHECK_STR(lab_field(0, "x-a"), STR("b"));
	CHECK_STR(lab_field(0, "content-type"), STR(""));
	fetched_free(got);
	f.max = 9;
	CHECK(fetch(&f, got, &e) < 0);
	CHECK_INT(e.kind, ERR_LIMIT);
	CHECK_STR(str_of(e.text), at("@: the answer is over 9 bytes"));
	fetched_free(got);
	fmt_to(url, sizeof(url), "http://127.0.0.1:%u", closed_port);
	f.url = str_of(url);
	CHECK(fetch(&f, got, NULL) < 0);
	CHECK(!got->sent);
	fetched_free(got);
	free(got);
	conf_unref(c);
}

/* ---- device code ---- */

static void
test_device_start(void)
{
	static const struct {
		struct lab_answer a;
		const char *code, *text; /* code NULL: it fails */
		int64_t interval_ms;
	} rows[] = {
		{ { 200, NULL, "{\"device_auth_id\":\"dauth_1\",\"user_code\":"
		    "\"ABCD-12345\",\"interval\":\"7\"}" }, "ABCD-12345", "",
		    7000 },
		{ { 200, NULL, "{\"device_auth_id\":\"dauth_1\",\"usercode\":"
		    "\"ABCD\",\"interval\":0}" }, "ABCD", "", 1000 },
		{ { 200, NULL, "{\"device_auth_id\":\"dauth_1\",\"user_code\":"
		    "\"ABCD\"}" }, "ABCD", "", 5000 },
		{ { 200, NULL, "{\"device_auth_id\":\"dauth_1\",\"user_code\":"
		    "\"ABCD\",\"interval\":99999999999}" }, "ABCD", "", 60000
		    },
		{ { 404, NULL, "{}" }, NULL, "@: device login is not switched "
		    "on there; use --paste", 0 },
		{ { 500, NULL, "{\"code\":\"odd\",\"message\":\"m\"}" }, NULL,
		    "@ answered 500 odd: \"m\"", 0 },
		{ { 200, NULL, "{\"device_auth_id\":\"dauth_1\"}" }, NULL,
		    "@ answered 200 without a code", 0 },
		{ { 200, NULL, "{\"device_auth_id\":\"d\",\"user_code\":"
		    "\"\\u001b[2J\"}" }, NULL, "@ answered 200 without a code",
		    0 },
		{ { 200, NULL, "{\"device_auth_id\":\"d\",\"user_code\":\""
		    LONG LONG "\"}" }, NULL, "@ answered 200 without a code",
		    0 },
	};
	struct conf *c = conf_of("[provider chatgpt]\nauth_url = @\n");
	const struct provider *p = provider(c, "chatgpt");
	size_t i;

	for (i = 0; i < N(rows); i++) {
		struct err e = { .kind = ERR_NONE };
		struct oauth_result r;
		struct oauth_device d;
		const char *row = rows[i].a.body;
		int rc;

		lab_play(&rows[i].a, 1);
		rc = oauth_device_start(c, p, DUE, &d, &r, &e);
		CHECK_INT_IN(row, rc, rows[i].code == NULL ? -1 : 0);
		CHECK_STR_IN(row, str_of(e.text), at(rows[i].text));
		CHECK_STR_IN(row, lab_line(0),
		    STR("POST /api/accounts/deviceauth/usercode HTTP/1.1"));
		CHECK_STR_IN(row, lab_body(0), STR("{\"client_id\":\"" CODEX_ID
		    "\"}"));
		if (rc < 0)
			continue;
		CHECK_STR_IN(row, str_of(d.id), STR("dauth_1"));
		CHECK_STR_IN(row, str_of(d.user_code), str_of(rows[i].code));
		CHECK_INT_IN(row, d.interval_ms, rows[i].interval_ms);
		CHECK_STR_IN(row, str_of(d.page), at("http://@/codex/device"));
		CHECK_IN(row, d.expires_ms - now_ms() > 890000 &&
		    d.expires_ms - now_ms() <= 900000);
	}
	conf_unref(c);
}

static void
test_device_poll(void)
{
	static const struct {
		const char *name;
		struct lab_answer a;
		int rc;
		int64_t interval_ms;
		const char *text;
	} rows[] = {
		{ "403", { 403, NULL, "{}" }, 0, 5000, "" },
		{ "404", { 404, NULL, "" }, 0, 5000, "" },
		{ "word", { 400, NULL, "{\"error\":{\"code\":"
		    "\"deviceauth_authorization_pending\"}}" }, 0, 5000, "" },
		{ "slow_down", { 400, NULL, "{\"error\":\"slow_down\"}" }, 0,
		    10000, "" },
		{ "slow_down in 403", { 403, NULL, "{\"code\":\"slow_down\"}"
		    }, 0, 10000, "" },
		{ "429", { 429, NULL, "{}" }, 0, 10000, "" },
		{ "no answer", { 0, NULL, NULL }, 0, 5000, NULL },
		{ "denied", { 400, NULL, "{\"error\":\"access_denied\","
		    "\"error_description\":\"dauth_1 no\"}" }, -1, 5000,
		    "@ answered 400 access_denied: (not shown: it holds a "
		    "token)" },
		{ "500", { 500, NULL, "{}" }, -1, 5000, "@ answered 500" },
		{ "challenge", { 403, "cf-mitigated: challenge\r\n", "" }, -1,
		    5000, "@ answered 403 with a challenge page: the edge "
		    "refused this connection, not the token" },
		{ "broken", { 200, NULL, "{" }, -1, 5000,
		    "@ answered 200 with no JSON object" },
		{ "half", { 200, NULL, "{\"authorization_code\":\"ac_1\"}" },
		    -1, 5000, "@ answered 200 without a code and its verifier"
		    },
		{ "good", { 200, NULL, "{\"authorization_code\":\"ac_1\","
		    "\"code_challenge\":\"ch\",\"code_verifier\":\"" LONG LONG
		    LONG "01234567\"}" }, 1, 5000, "" },
	};
	struct conf *c = conf_of("[provider chatgpt]\nauth_url = @\n");
	const struct provider *p = provider(c, "chatgpt");
	struct oauth_device d = { .id = "dauth_1", .user_code = "AB-1" };
	struct err e;
	struct oauth_flow f;
	struct buf code;
	size_t i;

	buf_init(&code, 4096);
	for (i = 0; i < N(rows); i++) {
		e = (struct err){ .kind = ERR_NONE };
		d.interval_ms = 5000;
		d.expires_ms = DUE;
		buf_clear(&code);
		lab_play(&rows[i].a, 1);
		CHECK_INT_IN(rows[i].name, oauth_device_poll(c, p, &d, &f,
		    &code, &e), rows[i].rc);
		CHECK_INT_IN(rows[i].name, d.interval_ms,
		    rows[i].interval_ms);
		if (rows[i].text != NULL)
			CHECK_STR_IN(rows[i].name, str_of(e.text),
			    at(rows[i].text));
		CHECK_STR_IN(rows[i].name, lab_line(0),
		    STR("POST /api/accounts/deviceauth/token HTTP/1.1"));
		CHECK_STR_IN(rows[i].name, lab_body(0), STR(
		    "{\"device_auth_id\":\"dauth_1\",\"user_code\":\"AB-1\"}"
		    ));
	}
	CHECK_STR(buf_str(&code), STR("ac_1"));
	CHECK_STR(str_of(f.verifier), STR(LONG LONG LONG "01234567"));
	CHECK_STR(str_of(f.challenge), STR("ch"));
	CHECK_STR(str_of(f.redirect), at("http://@/deviceauth/callback"));
	lab_play(&rows[0].a, 1);
	d.expires_ms = now_ms();
	CHECK(oauth_device_poll(c, p, &d, &f, &code, &e) < 0);
	CHECK_INT(e.kind, ERR_TIME);
	CHECK_INT(lab_asked(), 0);
	buf_wipe(&code);
	conf_unref(c);
}

/* ---- the account API ---- */

static void
test_probe(void)
{
	static const struct lab_answer a[] = {
		{ 200, NULL, "{\"data\":[]}" },
		{ 403, NULL, "{\"type\":\"error\",\"error\":{\"type\":"
		    "\"permission_error\",\"message\":\"no\\nscope\"}}" },
		{ 401, NULL, "{\"detail\":\"old-access-0 is odd\"}" },
		{ 503, "Content-Type: text/html\r\n", "<p>" },
		{ 0, NULL, NULL },
	};
	static const char *const said[] = { "",
		"permission_error: \"no\\x0ascope\"",
		"(not shown: it holds a token)", "an HTML page", "" };
	struct conf *c = conf_of("[provider claude]\nbase_url = @/up/\n"
	    "[provider chatgpt]\nbase_url = @\n");
	struct login l = old_login(PROVIDER_ANTHROPIC);
	struct err e;
	struct buf b;
	size_t i;
	int status;

	buf_init(&b, 1000);
	lab_play(a, N(a));
	l.account_id = (struct str){ NULL, 0 };
	for (i = 0; i < N(a); i++) {
		buf_clear(&b);
		CHECK_INT(oauth_probe(c, provider(c, "claude"), &l, DUE,
		    &status, &b, &e), a[i].status == 0 ? -1 : 0);
		CHECK_INT(status, a[i].status);
		CHECK_STR(buf_str(&b), str_of(said[i]));
	}
	CHECK_STR(lab_line(0), STR("GET /up/v1/models?limit=1 HTTP/1.1"));
	CHECK_STR(lab_field(0, "authorization"), STR("Bearer old-access"));
	CHECK_STR(lab_field(0, "anthropic-version"), STR("2023-06-01"));
	CHECK_STR(lab_field(0, "anthropic-beta"), STR("oauth-2025-04-20"));
	CHECK_STR(lab_field(0, "chatgpt-account-id"), STR(""));
	CHECK_STR(lab_field(0, "content-length"), STR(""));

	lab_play(a, 1);
	l.account_id = STR("acc-1");
	l.fedramp = true;
	CHECK_INT(oauth_probe(c, provider(c, "chatgpt"), &l, DUE, &status, &b,
	    &e), 0);
	CHECK_STR(lab_line(0), STR("GET /backend-api/codex/models"
	    "?client_version=1.0.0 HTTP/1.1"));
	CHECK_STR(lab_field(0, "chatgpt-account-id"), STR("acc-1"));
	CHECK_STR(lab_field(0, "originator"), STR("llmux"));
	CHECK_STR(lab_field(0, "x-openai-fedramp"), STR("true"));
	CHECK_STR(lab_field(0, "anthropic-version"), STR(""));

	/* Nothing that would end a header line. */
	l.account_id = STR("a\r\nb: c");
	CHECK(oauth_probe(c, provider(c, "chatgpt"), &l, DUE, &status, &b,
	    &e) < 0);
	CHECK_INT(e.kind, ERR_AUTH);
	l.account_id = STR("a");
	l.access = STR("");
	CHECK(oauth_probe(c, provider(c, "chatgpt"), &l, DUE, &status, &b,
	    &e) < 0);
	CHECK_INT(lab_asked(), 1);
	buf_free(&b);
	login_free(&l);
	conf_unref(c);
}

static void
test_identity(void)
{
	static const struct lab_answer a[] = {
		{ 200, NULL, "{\"account\":{\"email\":\"ana@example.org\"},"
		    "\"organization\":{\"name\":\"Org\",\"organization_type\":"
		    "\"claude_max\"}}" },
		{ 403, NULL, "{\"error\":{\"type\":\"permission_error\"}}" },
	};
	struct conf *c = conf_of("[provider claude]\nbase_url = @\n");
	const struct provider *p = provider(c, "claude");
	struct login l;
	struct err e = { .kind = ERR_NONE };
	bool bad = false;

	login_init(&l);
	l.access = login_str(&l, STR(ACCESS), &bad);
	lab_play(a, N(a));
	CHECK_INT(oauth_identity(c, p, &l, DUE, &e), 0);
	CHECK_STR(lab_line(0), STR("GET /api/oauth/profile HTTP/1.1"));
	CHECK_STR(l.email, STR("ana@example.org"));
	CHECK_STR(l.organization, STR("Org"));
	CHECK_STR(l.plan, STR("max"));
	CHECK(oauth_identity(c, p, &l, DUE, &e) < 0);
	CHECK_STR(str_of(e.text), at("@ answered 403 permission_error"));
	login_free(&l);

	login_init(&l);
	l.id_token = str_of(jwt(codex_id));
	CHECK_INT(oauth_identity(c, provider(c, "chatgpt"), &l, DUE, &e), 0);
	CHECK_STR(l.account_id, STR("acc-1"));
	login_free(&l);
	conf_unref(c);
}

static void
test_revoke(void)
{
	static const struct lab_answer a[] = { { 200, "", "" },
		{ 200, NULL, "{}" }, { 400, NULL, "{\"error\":\"odd\"}" } };
	struct conf *c = conf_of("[provider chatgpt]\nauth_url = @\n");
	const struct provider *p = provider(c, "chatgpt");
	struct login l = old_login(PROVIDER_CHATGPT);
	struct err e;

	lab_play(a, N(a));
	CHECK_INT(oauth_revoke(c, p, &l, DUE, &e), 0);
	CHECK_STR(lab_line(0), STR("POST /oauth/revoke HTTP/1.1"));
	CHECK_STR(lab_body(0), STR("{\"token\":\"old-refresh-0123456789\","
	    "\"token_type_hint\":\"refresh_token\",\"client_id\":\"" CODEX_ID
	    "\"}"));
	l.refresh = (struct str){ NULL, 0 };
	CHECK_INT(oauth_revoke(c, p, &l, DUE, &e), 0);
	CHECK_STR(lab_body(1), STR("{\"token\":\"old-access\","
	    "\"token_type_hint\":\"access_token\"}"));
	CHECK(oauth_revoke(c, p, &l, DUE, &e) < 0);
	CHECK_STR(str_of(e.text), at("@ answered 400 odd"));
	CHECK(oauth_revoke(c, provider(c, "claude"), &l, DUE, &e) < 0);
	CHECK_INT(lab_asked(), 3);
	login_free(&l);
	conf_unref(c);
}

/* ---- starving ---- */

/* Each allocation fails once: no crash, no leak, and it says what it was.
 * The mock's thread allocates nothing of ours. */
static void
test_starving(void)
{
	static const struct lab_answer good = { 200, NULL, claude_ok },
	    bad = { 400, NULL, ERR_DESC("invalid_scope", "x") },
	    code = { 200, NULL, "{\"device_auth_id\":\"d\",\"user_code\":"
		"\"U\"}" },
	    granted = { 200, NULL, "{\"authorization_code\":\"ac_1\","
		"\"code_verifier\":\"v\"}" };
	struct conf *c = conf_of("[provider claude]\ntoken_url = @/t\n"
	    "base_url = @\n[provider chatgpt]\nauth_url = @\n");
	const struct provider *p = provider(c, "claude"),
	    *gpt = provider(c, "chatgpt");
	struct oauth_flow f = flow_for(NULL, false), g;
	struct oauth_device d = { .id = "d" };
	struct login l = old_login(PROVIDER_ANTHROPIC), next;
	struct oauth_result r;
	struct err e;
	struct buf b;
	unsigned kind;
	long n;
	int rc, status;

	for (kind = 0; kind < 7; kind++) {
		for (n = 0, rc = -1; rc < 0 || (kind > 3 && rc == 0 &&
		    n < 30); n++) {
			e = (struct err){ .kind = ERR_NONE };
			r = (struct oauth_result){ .failure = OAUTH_OK };
			lab_play(kind == 2 ? &bad : kind == 5 ? &code :
			    kind == 6 ? &granted : &good, 1);
			login_init(&next);
			buf_init(&b, 1000);
			d.expires_ms = DUE;
			mem_fail_after(n);
			if (kind == 0)
				rc = oauth_exchange(c, p, &f, STR("co-1"), DUE,
				    &next, &r, &e);
			else if (kind == 1)
				rc = oauth_refresh(c, p, &l, DUE, &next, &r,
				    &e);
			else if (kind == 2)
				rc = oauth_refresh(c, p, &l, DUE, &next, &r,
				    &e);
			else if (kind == 3)
				rc = oauth_identity(c, p, &l, DUE, &e);
			else if (kind == 4)
				rc = oauth_probe(c, p, &l, DUE, &status, &b,
				    &e);
			else if (kind == 5)
				rc = oauth_device_start(c, gpt, DUE, &d, &r,
				    &e);
			else
				rc = oauth_device_poll(c, gpt, &d, &g, &b, &e);
			mem_fail_after(-1);
			CHECK(rc >= 0 || e.kind == ERR_MEM || kind == 2 ||
			    e.kind == ERR_PEER);
			CHECK(rc >= 0 || e.text[0] != '\0');
			if (kind < 3 && rc < 0)
				CHECK(r.failure == OAUTH_TRANSIENT ||
				    r.failure == OAUTH_REFUSED);
			login_free(&next);
			buf_wipe(&b);
			if (kind == 2 && n > 40)
				break;
			CHECK(n < 400);
		}
	}
	login_free(&l);
	conf_unref(c);
}

int
main(void)
{
	lab_begin();
	test_fails();
	test_long_words();
	test_secrets();
	test_hosts();
	test_order();
	test_fetch();
	test_device_start();
	test_device_poll();
	test_probe();
	test_identity();
	test_revoke();
	test_starving();
	return lab_done();
}
