/* SPDX-License-Identifier: MIT */
/*
 * Tests of oauth.c against a mock provider on the loopback: what it is asked
 * is compared as bytes, what it answers comes from tables. Tokens and names
 * are invented. Failures, hosts and devices: test_oauth_wire.c.
 */
#include "oauth_lab.h"

/* ---- logins as values ---- */

static void
test_login(void)
{
	struct login l, copy, none = { .long_term = false };
	bool bad = false;
	long n;

	login_free(&none);
	login_init(&l);
	CHECK(login_str(&l, (struct str){ NULL, 0 }, &bad).p == NULL && !bad);
	l.type = PROVIDER_CHATGPT;
	l.access = login_str(&l, STR(ACCESS), &bad);
	l.env_hash = login_str(&l, STR("00ff"), &bad);
	l.expires_at = 7;
	l.moved = true;
	CHECK(!bad);
	for (n = 0;; n++) {
		struct err e = { .kind = ERR_NONE };
		int rc;

		mem_fail_after(n);
		rc = login_copy(&copy, &l, &e);
		mem_fail_after(-1);
		if (rc == 0)
			break;
		CHECK_INT(e.kind, ERR_MEM);
		CHECK(copy.access.p == NULL);
	}
	CHECK(n > 0);
	login_free(&l);
	CHECK_STR(copy.access, STR(ACCESS));
	CHECK_STR(copy.env_hash, STR("00ff"));
	CHECK(copy.refresh.p == NULL && copy.moved && copy.expires_at == 7);
	CHECK_INT(copy.type, PROVIDER_CHATGPT);
	login_free(&copy);
}

/* ---- the authorize URL ---- */

#define CLAUDE_TAIL "&code_challenge=" CHALLENGE \
	"&code_challenge_method=S256&state=" STATE
#define SEED_REDIRECT "https%3A%2F%2Fconsole.anthropic.com%2Foauth%2Fcode" \
	"%2Fcallback"

static const struct {
	const char *name, *conf, *provider, *redirect;
	bool setup;
	const char *want;
} urls[] = {
	{ "seed", "", "claude", NULL, false,
	    "https://claude.ai/oauth/authorize?code=true&client_id=" CLAUDE_ID
	    "&response_type=code&redirect_uri=" SEED_REDIRECT
	    "&scope=org%3Acreate_api_key%20user%3Aprofile%20user%3Ainference"
	    CLAUDE_TAIL },
	{ "setup", "", "claude", NULL, true,
	    "https://claude.ai/oauth/authorize?code=true&client_id=" CLAUDE_ID
	    "&response_type=code&redirect_uri=" SEED_REDIRECT
	    "&scope=user%3Ainference" CLAUDE_TAIL },
	{ "platform", "[provider claude]\noauth_hosts = platform", "claude",
	    "https://platform.claude.com/oauth/code/callback", false,
	    "https://claude.com/cai/oauth/authorize?code=true&client_id="
	    CLAUDE_ID "&response_type=code&redirect_uri=https%3A%2F%2F"
	    "platform.claude.com%2Foauth%2Fcode%2Fcallback"
	    "&scope=org%3Acreate_api_key%20user%3Aprofile%20user%3Ainference"
	    CLAUDE_TAIL },
	{ "own", "[provider claude]\nauthorize_url = https://a.example/x\n"
	    "client_id = me\nscope = a:b c\nredirect_uri = https://r.example/",
	    "claude", "https://r.example/", false,
	    "https://a.example/x?code=true&client_id=me&response_type=code"
	    "&redirect_uri=https%3A%2F%2Fr.example%2F&scope=a%3Ab%20c"
	    CLAUDE_TAIL },
	{ "chatgpt", "", "chatgpt", "http://localhost:1455/auth/callback",
	    false,
	    "https://auth.openai.com/oauth/authorize?client_id=" CODEX_ID
	    "&response_type=code&redirect_uri=http%3A%2F%2Flocalhost%3A"
	    "1455%2Fauth%2Fcallback&scope=openid%20profile%20email%20"
	    "offline_access&code_challenge=" CHALLENGE
	    "&code_challenge_method=S256&state=" STATE
	    "&id_token_add_organizations=true"
	    "&codex_cli_simplified_flow=true&originator=llmux" },
	{ "chatgpt, own issuer", "[provider chatgpt]\n"
	    "auth_url = https://id.example/\n", "chatgpt",
	    "http://localhost:1457/auth/callback", true,
	    "https://id.example/oauth/authorize?client_id=" CODEX_ID
	    "&response_type=code&redirect_uri=http%3A%2F%2Flocalhost%3A"
	    "1457%2Fauth%2Fcallback&scope=openid%20profile%20email%20"
	    "offline_access&code_challenge=" CHALLENGE
	    "&code_challenge_method=S256&state=" STATE
	    "&id_token_add_organizations=true"
	    "&codex_cli_simplified_flow=true&originator=llmux" },
};

static void
check_pkce(const char *row, const struct oauth_flow *f, size_t verifier)
{
	unsigned char hash[32];
	struct buf b;

	CHECK_INT_IN(row, strlen(f->verifier), verifier);
	CHECK_INT_IN(row, strlen(f->state), 43);
	CHECK_IN(row, strcmp(f->state, f->verifier) != 0);
	tls_sha256(f->verifier, strlen(f->verifier), hash);
	buf_init(&b, 100);
	buf_add_b64url(&b, hash, sizeof(hash));
	CHECK_STR_IN(row, str_of(f->challenge), buf_str(&b));
	buf_free(&b);
}

static void
test_authorize(void)
{
	size_t i;

	for (i = 0; i < N(urls); i++) {
		struct conf *c = conf_of(urls[i].conf);
		const struct provider *p = provider(c, urls[i].provider);
		struct oauth_flow f, g = flow_for(urls[i].redirect,
		    urls[i].setup);
		bool chatgpt = p->type == PROVIDER_CHATGPT;
		unsigned port = str_find(str_of(g.redirect), STR("1457")) < 0 ?
		    1455 : 1457;
		struct buf url;

		if (chatgpt)
			g.setup = false;
		buf_init(&url, 4096);
		oauth_authorize_url(p, &g, &url);
		CHECK_STR_IN(urls[i].name, buf_str(&url),
		    str_of(urls[i].want));
		buf_free(&url);

		oauth_flow_new(p, urls[i].setup, port, &f);
		check_pkce(urls[i].name, &f, chatgpt ? 86 : 43);
		CHECK_INT_IN(urls[i].name, f.setup, g.setup);
		CHECK_STR_IN(urls[i].name, str_of(f.redirect),
		    str_of(g.redirect));
		conf_unref(c);
	}
}

/* ---- what users paste ---- */

#define CALLBACK "http://localhost:1455/auth/callback"
#define NO_CODE "no code in it; paste the whole address, or the code"
#define DIFFERS "state differs: this code is of another login; start the " \
	"login again"

static const struct {
	const char *text, *code; /* code NULL: why */
	const char *why;
} pastes[] = {
	{ "ac_1#" STATE, "ac_1", NULL },
	{ " \t\r\n ac_1#" STATE "\r\n", "ac_1", NULL },
	{ "ac_1", "ac_1", NULL },
	{ "a%2Fc%5f1#" STATE, "a/c_1", NULL },
	{ "50%", "50%", NULL },
	{ "a%4", "a%4", NULL },
	{ "a%zz+b", "a%zz+b", NULL },
	{ "abc==", "abc==", NULL },
	{ CALLBACK "?code=ac_1&state=" STATE, "ac_1", NULL },
	{ CALLBACK "?state=" STATE "&scope=a+b&code=ac%5F1", "ac_1", NULL },
	{ CALLBACK "?code=ac_1&state=" STATE "#", "ac_1", NULL },
	{ CALLBACK "#code=ac_1&state=" STATE, "ac_1", NULL },
	{ "/auth/callback?code=ac_1&state=" STATE, "ac_1", NULL },
	{ "code=ac_1&state=" STATE, "ac_1", NULL },
	{ "?code=ac_1&state=" STATE, "ac_1", NULL },
	{ "", NULL, "nothing was pasted" },
	{ " \r\n\t", NULL, "nothing was pasted" },
	{ "ac_1#other", NULL, DIFFERS },
	{ "ac_1#", NULL, DIFFERS },
	{ "ac_1#" STATE "x", NULL, DIFFERS },
	{ "code=ac_1&state=x", NULL, DIFFERS },
	{ "code=ac_1&state=", NULL, DIFFERS },
	{ CALLBACK "?code=ac_1", NULL, "state is missing; paste the whole "
	    "address" },
	{ "code=ac_1", NULL, "state is missing; paste the whole address" },
	{ CALLBACK "?state=" STATE, NULL, NO_CODE },
	{ "state=" STATE, NULL, NO_CODE },
	{ CALLBACK, NULL, NO_CODE },
	{ "code=&state=" STATE, NULL, "that is no code" },
	{ "#" STATE, NULL, "that is no code" },
	{ "two words", NULL, "that is no code" },
	{ "a%0d%0ab", NULL, "that is no code" },
	{ "a%00b", NULL, "that is no code" },
	{ "\xc3\xa4", NULL, "that is no code" },
	{ ACCESS, NULL, "that is a token, not a code" },
	{ "https://claude.ai/oauth/authorize?code=true&client_id=x&state="
	    STATE, NULL, "that is the address to open; paste what the browser "
	    "shows at the end" },
	{ CALLBACK "?error=access_denied&error_description=no+thanks%21",
	    NULL, "the provider refused: access_denied: no thanks!" },
	{ "error=x", NULL, "the provider refused: x" },
	{ "error=a%0a%22", NULL, "the provider refused: a\\x0a\\x22" },
	{ "error=x&error_description=" ACCESS, NULL, "the provider refused: "
	    "(not shown: it holds a token)" },
	{ "error=access_denied&error_description="
	    "missing_codex_entitlement", NULL, "the provider refused: "
	    "access_denied: missing_codex_entitlement; this workspace has no "
	    "Codex access" },
};

static void
test_pasted(void)
{
	struct err e;
	struct buf code;
	char *big;
	size_t i;
	long n;

	buf_init(&code, 65536);
	for (i = 0; i < N(pastes); i++) {
		const char *row = pastes[i].text;
		int rc;

		e = (struct err){ .kind = ERR_NONE };
		buf_clear(&code);
		rc = oauth_pasted(&flow, str_of(row), &code, &e);
		CHECK_INT_IN(row, rc, pastes[i].code == NULL ? -1 : 0);
		if (pastes[i].code != NULL) {
			CHECK_STR_IN(row, buf_str(&code),
			    str_of(pastes[i].code));
			continue;
		}
		CHECK_INT_IN(row, e.kind, ERR_INPUT);
		CHECK_STR_IN(row, str_of(e.text), str_of(pastes[i].why));
	}
	big = malloc(20000);
	memset(big, 'a', 20000);
	CHECK(oauth_pasted(&flow, (struct str){ big, 16385 }, &code, &e) < 0);
	CHECK_STR(str_of(e.text), STR("too long for a code"));
	CHECK(oauth_pasted(&flow, (struct str){ big, 4097 }, &code, &e) < 0);
	CHECK_STR(str_of(e.text), STR("that is no code"));
	free(big);
	buf_wipe(&code);
	for (n = 0;; n++) {
		int rc;

		buf_init(&code, 1000);
		mem_fail_after(n);
		rc = oauth_pasted(&flow, STR("ac_1#" STATE), &code, &e);
		mem_fail_after(-1);
		CHECK(rc == 0 || e.kind == ERR_MEM);
		buf_wipe(&code);
		if (rc == 0)
			break;
	}
	CHECK(n > 0);
}

/* ---- exchange ---- */

static void
test_exchange_claude(void)
{
	const struct lab_answer ok = { 200, NULL, claude_ok };
	struct conf *c = conf_of("[provider claude]\ntoken_url = @/t/\n");
	const struct provider *p = provider(c, "claude");
	struct oauth_flow f = flow_for(NULL, false);
	struct oauth_result r;
	struct login l;
	struct err e = { .kind = ERR_NONE };

	lab_play(&ok, 1);
	login_init(&l);
	CHECK_INT(oauth_exchange(c, p, &f, STR("co\"de\x7f/1"), DUE, &l, &r,
	    &e), 0);
	CHECK_STR(str_of(e.text), STR(""));
	CHECK_STR(lab_line(0), STR("POST /t/ HTTP/1.1"));
	CHECK_STR(lab_field(0, "host"), at("@"));
	CHECK_STR(lab_field(0, "user-agent"), STR("llmux/" LLMUX_VERSION));
	CHECK_STR(lab_field(0, "accept"), STR("application/json"));
	CHECK_STR(lab_field(0, "content-type"), STR("application/json"));
	CHECK_STR(lab_field(0, "anthropic-beta"), STR(""));
	CHECK_STR(lab_field(0, "authorization"), STR(""));
	CHECK_STR(lab_body(0), STR("{\"grant_type\":\"authorization_code\","
	    "\"code\":\"co\\\"de\x7f/1\",\"state\":\"" STATE "\","
	    "\"client_id\":\"" CLAUDE_ID "\",\"redirect_uri\":"
	    "\"https://console.anthropic.com/oauth/code/callback\","
	    "\"code_verifier\":\"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	    "\"}"));
	CHECK_INT(r.failure, OAUTH_OK);
	CHECK_INT(r.status, 200);
	CHECK_INT(l.type, PROVIDER_ANTHROPIC);
	CHECK(!l.long_term);
	CHECK_STR(l.access, STR(ACCESS));
	CHECK_STR(l.refresh, STR(REFRESH));
	CHECK_STR(l.email, STR("ana@example.org"));
	CHECK_STR(l.organization, STR("Ana's \xc3\xa9"));
	CHECK_STR(str_sub(l.token_url, 7, 500), at("@/t/"));
	CHECK(near(l.expires_at, wall_s() + 28800));
	CHECK(near(l.refresh_expires_at, wall_s() + 2592000));
	CHECK(near(l.last_refresh, wall_s()));
	login_free(&l);
	conf_unref(c);
}

/* A year is asked for, and nothing less is taken for it. */
static void
test_setup(void)
{
	static const struct {
		const char *name;
		struct lab_answer a;
		enum oauth_failure failure;
		const char *why;
	} rows[] = {
		{ "a year", { 200, NULL, "{\"access_token\":\"" ACCESS "\","
		    "\"expires_in\":31536000,\"refresh_token\":\"r\"}" },
		    OAUTH_OK, "" },
		{ "300 days", { 200, NULL, "{\"access_token\":\"" ACCESS "\","
		    "\"expires_in\":25920000}" }, OAUTH_OK, "" },
		{ "8 hours", { 200, NULL, claude_ok }, OAUTH_REFUSED,
		    "@ answered 200 with a token of hours, not of a year; use "
		    "llmux login claude" },
		{ "a second less", { 200, NULL, "{\"access_token\":\"" ACCESS
		    "\",\"expires_in\":25919999}" }, OAUTH_REFUSED,
		    "@ answered 200 with a token of hours, not of a year; use "
		    "llmux login claude" },
		{ "not said", { 200, NULL, "{\"access_token\":\"" ACCESS
		    "\"}" }, OAUTH_REFUSED, "@ answered 200 with a token of "
		    "hours, not of a year; use llmux login claude" },
		{ "refused", { 400, NULL, "{\"error\":\"invalid_request\","
		    "\"error_description\":\"scope forbids it\"}" },
		    OAUTH_REFUSED, "@ answered 400 invalid_request: \"scope "
		    "forbids it\"; use llmux login claude" },
		{ "refused otherwise", { 400, NULL, "{\"error\":\"odd\"}" },
		    OAUTH_REFUSED, "@ answered 400 odd; use llmux login "
		    "claude" },
		{ "code is old", { 400, NULL, "{\"error\":\"invalid_grant\"}"
		    }, OAUTH_PERMANENT, "@ answered 400 invalid_grant; start "
		    "the login again" },
	};
	struct conf *c = conf_of("[provider claude]\ntoken_url = @/t\n");
	const struct provider *p = provider(c, "claude");
	struct oauth_flow f = flow_for(NULL, true);
	size_t i;

	for (i = 0; i < N(rows); i++) {
		struct err e = { .kind = ERR_NONE };
		struct oauth_result r;
		struct login l;
		int rc;

		lab_play(&rows[i].a, 1);
		login_init(&l);
		rc = oauth_exchange(c, p, &f, STR("code-1"), DUE, &l, &r, &e);
		CHECK_INT_IN(rows[i].name, r.failure, rows[i].failure);
		CHECK_STR_IN(rows[i].name, str_of(e.text), at(rows[i].why));
		CHECK_IN(rows[i].name, str_ends(lab_body(0),
		    STR("\",\"expires_in\":31536000}")));
		CHECK_INT_IN(rows[i].name, lab_asked(), 1);
		CHECK_INT_IN(rows[i].name, l.long_term, rc == 0);
		CHECK_INT_IN(rows[i].name, l.access.n > 0, rc == 0);
		CHECK_IN(rows[i].name, l.refresh.n == 0);
		login_free(&l);
	}
	conf_unref(c);
}

static void
test_exchange_chatgpt(void)
{
	char body[4096];
	struct lab_answer a = { 200, NULL, body };
	struct conf *c = conf_of("[provider chatgpt]\nauth_url = @/\n");
	const struct provider *p = provider(c, "chatgpt");
	struct oauth_flow f = flow_for("http://localhost:1455/auth/callback",
	    false);
	struct oauth_result r;
	struct login l;
	struct err e = { .kind = ERR_NONE };

	fmt_to(body, sizeof(body), "{\"id_token\":\"%s\",\"access_token\":"
	    "\"%s\",\"refresh_token\":\"rt_1\"}", jwt(codex_id),
	    jwt("{\"exp\":1795000000}"));
	lab_play(&a, 1);
	login_init(&l);
	CHECK_INT(oauth_exchange(c, p, &f, STR("ac+1&x=\xc3\xa9~"), DUE, &l,
	    &r, &e), 0);
	CHECK_STR(str_of(e.text), STR(""));
	CHECK_STR(lab_line(0), STR("POST /oauth/token HTTP/1.1"));
	CHECK_STR(lab_field(0, "content-type"),
	    STR("application/x-www-form-urlencoded"));
	CHECK_STR(lab_body(0), STR("grant_type=authorization_code"
	    "&code=ac%2B1%26x%3D%C3%A9~&client_id=" CODEX_ID
	    "&redirect_uri=http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback"
	    "&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
	CHECK_STR(l.refresh, STR("rt_1"));
	CHECK_STR(l.account_id, STR("acc-1"));
	CHECK_STR(l.email, STR("me@example.org"));
	CHECK_STR(l.plan, STR("plus"));
	CHECK(l.fedramp && l.expires_at == 1795000000);
	CHECK_INT(l.type, PROVIDER_CHATGPT);
	login_free(&l);

	fmt_to(body, sizeof(body), "{\"access_token\":\"%s\","
	    "\"refresh_token\":\"rt_1\",\"expires_in\":\"60\"}",
	    jwt("{\"exp\":1}"));
	login_init(&l);
	CHECK(oauth_exchange(c, p, &f, STR("ac_1"), DUE, &l, &r, &e) < 0);
	CHECK_INT(r.failure, OAUTH_REFUSED);
	CHECK_STR(str_of(e.text), STR("account id missing from token"));
	CHECK(near(l.expires_at, wall_s() + 60));
	CHECK_INT(lab_asked(), 2);
	login_free(&l);

	fmt_to(body, sizeof(body), "{\"access_token\":\"%s\"}",
	    jwt(codex_id));
	login_init(&l);
	CHECK(oauth_exchange(c, p, &f, STR("ac_1"), DUE, &l, &r, &e) < 0);
	CHECK_STR(str_of(e.text), at("@ answered 200 without a "
	    "refresh_token; see scope"));
	login_free(&l);
	conf_unref(c);
}

/* ---- refresh ---- */

static void
test_refresh_claude(void)
{
	const struct lab_answer a[] = {
		{ 200, NULL, claude_ok },
		{ 200, NULL, "{\"access_token\":\"" ACCESS "\","
		    "\"refresh_token\":null,\"expires_in\":\"3600\"}" },
		{ 200, NULL, "{\"access_token\":\"" ACCESS "\","
		    "\"expires_in\":99999999999999999}" },
		{ 200, NULL, "{\"access_token\":\"" ACCESS "\"}" },
	};
	struct conf *c = conf_of("[provider claude]\ntoken_url = @/t\n");
	const struct provider *p = provider(c, "claude");
	struct login l = old_login(PROVIDER_ANTHROPIC), next;
	struct oauth_result r;
	struct err e = { .kind = ERR_NONE };

	lab_play(a, N(a));
	CHECK_INT(oauth_refresh(c, p, &l, DUE, &next, &r, &e), 0);
	CHECK_STR(lab_body(0), STR("{\"grant_type\":\"refresh_token\","
	    "\"refresh_token\":\"old-refresh-0123456789\",\"client_id\":\""
	    CLAUDE_ID "\"}"));
	CHECK_STR(lab_field(0, "anthropic-beta"), STR("oauth-2025-04-20"));
	CHECK_STR(lab_field(0, "content-type"), STR("application/json"));
	CHECK_STR(next.access, STR(ACCESS));
	CHECK_STR(next.refresh, STR(REFRESH));
	CHECK_STR(next.email, STR("old@example.org"));
	CHECK_STR(next.plan, STR("plus"));
	CHECK_STR(next.organization, STR("Ana's \xc3\xa9"));
	CHECK(next.trouble.n == 0);
	CHECK(near(next.expires_at, wall_s() + 28800));
	login_free(&next);

	CHECK_INT(oauth_refresh(c, p, &l, DUE, &next, &r, &e), 0);
	CHECK_STR(next.refresh, STR("old-refresh-0123456789"));
	CHECK(near(next.expires_at, wall_s() + 3600));
	CHECK_INT(next.refresh_expires_at, 2000);
	login_free(&next);

	CHECK_INT(oauth_refresh(c, p, &l, DUE, &next, &r, &e), 0);
	CHECK(near(next.expires_at, wall_s() + (int64_t)86400 * 3660));
	login_free(&next);

	CHECK_INT(oauth_refresh(c, p, &l, DUE, &next, &r, &e), 0);
	CHECK_INT(next.expires_at, 0);
	login_free(&next);

	/* Never without a refresh token, and never a setup token. */
	lab_play(a, N(a));
	l.long_term = true;
	CHECK(oauth_refresh(c, p, &l, DUE, &next, &r, &e) < 0);
	CHECK_INT(r.failure, OAUTH_PERMANENT);
	login_free(&next);
	l.long_term = false;
	l.refresh = STR("");
	CHECK(oauth_refresh(c, p, &l, DUE, &next, &r, &e) < 0);
	CHECK_STR(str_of(e.text), STR("there is no refresh token"));
	login_free(&next);
	CHECK_INT(lab_asked(), 0);
	login_free(&l);
	conf_unref(c);
}

static void
test_refresh_chatgpt(void)
{
	char body[2048];
	const struct lab_answer a[] = { { 200, NULL, body },
		{ 200, NULL, "{\"refresh_token\":\"rt_2\"}" } };
	struct conf *c = conf_of("[provider chatgpt]\nauth_url = @\n");
	const struct provider *p = provider(c, "chatgpt");
	struct login l = old_login(PROVIDER_CHATGPT), next;
	struct oauth_result r;
	struct err e = { .kind = ERR_NONE };

	fmt_to(body, sizeof(body), "{\"access_token\":\"%s\"}",
	    jwt("{\"exp\":1795000001,\"https://api.openai.com/auth\":"
	    "{\"chatgpt_account_id\":\"acc-9\",\"chatgpt_plan_type\":"
	    "\"pro\"}}"));
	lab_play(a, N(a));
	l.fedramp = true;
	CHECK_INT(oauth_refresh(c, p, &l, DUE, &next, &r, &e), 0);
	CHECK_STR(lab_line(0), STR("POST /oauth/token HTTP/1.1"));
	CHECK_STR(lab_body(0), STR("{\"grant_type\":\"refresh_token\","
	    "\"refresh_token\":\"old-refresh-0123456789\",\"client_id\":\""
	    CODEX_ID "\"}"));
	CHECK_STR(lab_field(0, "anthropic-beta"), STR(""));
	CHECK_STR(next.refresh, STR("old-refresh-0123456789"));
	CHECK_STR(next.id_token, STR("old-id"));
	CHECK_STR(next.account_id, STR("acc-0"));
	CHECK_STR(next.plan, STR("pro"));
	CHECK(!next.fedramp && next.expires_at == 1795000001);
	login_free(&next);

	/* Each member is optional here. */
	CHECK_INT(oauth_refresh(c, p, &l, DUE, &next, &r, &e), 0);
	CHECK_STR(next.access, STR("old-access"));
	CHECK_STR(next.refresh, STR("rt_2"));
	CHECK_STR(next.plan, STR("plus"));
	CHECK_INT(next.expires_at, 1000);
	login_free(&next);
	login_free(&l);
	conf_unref(c);
}

/* ---- claims ---- */

#define AUTH "\"https://api.openai.com/auth\":"
#define MISSING "account id missing from token"

static const struct {
	const char *name, *id, *access; /* payloads; NULL: none */
	const char *account, *plan, *email, *why;
	bool fedramp;
	int64_t expires_at;
} tokens[] = {
	{ "both", "{\"exp\":1,\"email\":\"a@example.org\"," AUTH
	    "{\"chatgpt_account_id\":\"one\",\"chatgpt_plan_type\":\"pro\"}}",
	    "{\"exp\":1795000000," AUTH "{\"chatgpt_account_id\":\"two\"}}",
	    "one", "pro", "a@example.org", "", false, 1795000000 },
	{ "access only", NULL, "{\"exp\":7," AUTH "{\"chatgpt_account_id\":"
	    "\"two\",\"chatgpt_account_is_fedramp\":true}}", "two", "", "",
	    "", true, 7 },
	{ "profile", "{\"https://api.openai.com/profile\":{\"email\":"
	    "\"b@example.org\"},\"chatgpt_account_id\":\"top\"}", NULL,
	    "top", "", "b@example.org", "", false, 0 },
	{ "organization", "{" AUTH "{\"organizations\":[{\"id\":\"org-1\"},"
	    "{\"id\":\"org-2\"}]}}", "{}", "org-1", "", "", "", false, 0 },
	{ "organization at the top", "{\"organizations\":[{\"id\":"
	    "\"org-3\"}]}", NULL, "org-3", "", "", "", false, 0 },
	{ "account before organization", "{" AUTH "{\"organizations\":[{"
	    "\"id\":\"org-1\"}]}}", "{" AUTH "{\"chatgpt_account_id\":"
	    "\"two\"}}", "two", "", "", "", false, 0 },
	{ "none", "{}", "{\"exp\":\"7\"}", "", "", "", MISSING, false, 0 },
	{ "no tokens", NULL, NULL, "", "", "", MISSING, false, 0 },
	{ "no JSON", "{", "[]", "", "", "", MISSING, false, 0 },
	{ "wrong types", "{" AUTH "{\"chatgpt_account_id\":5,"
	    "\"chatgpt_plan_type\":{}},\"email\":[]}", "{\"exp\":-1}", "", "",
	    "", MISSING, false, 0 },
	{ "line end in it", "{" AUTH "{\"chatgpt_account_id\":\"a\\r\\nb\","
	    "\"chatgpt_plan_type\":\"x\\u001b\"}}", NULL, "", "", "",
	    MISSING, false, 0 },
};

static void
test_claims(void)
{
	static const char *const odd[] = { "opaque", "a.b", "a..c", ".", "",
		"a.!!.c", "a.A.c" };
	struct err e;
	struct login l;
	char *big;
	bool bad = false;
	size_t i;

	for (i = 0; i < N(tokens); i++) {
		const char *row = tokens[i].name;
		int rc;

		e = (struct err){ .kind = ERR_NONE };
		login_init(&l);
		if (tokens[i].id != NULL)
			l.id_token = str_of(jwt(tokens[i].id));
		if (tokens[i].access != NULL)
			l.access = str_of(jwt(tokens[i].access));
		rc = oauth_claims(&l, &e);
		CHECK_INT_IN(row, rc, tokens[i].why[0] == '\0' ? 0 : -1);
		CHECK_STR_IN(row, str_of(e.text), str_of(tokens[i].why));
		CHECK_STR_IN(row, l.account_id, str_of(tokens[i].account));
		CHECK_STR_IN(row, l.plan, str_of(tokens[i].plan));
		CHECK_STR_IN(row, l.email, str_of(tokens[i].email));
		CHECK_INT_IN(row, l.fedramp, tokens[i].fedramp);
		CHECK_INT_IN(row, l.expires_at, tokens[i].expires_at);
		/* What is known stays. */
		l.account_id = login_str(&l, STR("kept"), &bad);
		l.plan = l.email = l.account_id;
		l.expires_at = 9;
		CHECK_INT_IN(row, oauth_claims(&l, &e), 0);
		CHECK_STR_IN(row, l.account_id, STR("kept"));
		CHECK_STR_IN(row, l.plan, STR("kept"));
		CHECK_STR_IN(row, l.email, STR("kept"));
		CHECK_INT_IN(row, l.expires_at, 9);
		login_free(&l);
	}
	for (i = 0; i < N(odd); i++) {
		login_init(&l);
		l.access = l.id_token = str_of(odd[i]);
		CHECK_IN(odd[i], oauth_claims(&l, &e) < 0);
		CHECK_INT_IN(odd[i], e.kind, ERR_INPUT);
		login_free(&l);
	}
	big = malloc(40000);
	memset(big, 'A', 40000);
	big[1] = '.';
	login_init(&l);
	l.access = (struct str){ big, 40000 };
	CHECK(oauth_claims(&l, &e) < 0);
	CHECK_STR(str_of(e.text), STR(MISSING));
	login_free(&l);
	free(big);
}

int
main(void)
{
	lab_begin();
	test_login();
	test_authorize();
	test_pasted();
	test_exchange_claude();
	test_setup();
	test_exchange_chatgpt();
	test_refresh_claude();
	test_refresh_chatgpt();
	test_claims();
	return lab_done();
}
