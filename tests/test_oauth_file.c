/* SPDX-License-Identifier: MIT */
/*
 * Tests of logins in files: every shape that is read, whole and cut at every
 * byte; what is refused, and how; what a save keeps and what it throws away;
 * modes, owners, links, locks; starvation; the old places of the Python LLMux.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../oauth.h"
#include "conf_lab.h"
#include "guard.h"

/* ---- shapes ---- */

/* {"exp":1795000000,"email":"me@example.org",
 * "https://api.openai.com/auth":{"chatgpt_account_id":"acc-9",
 * "chatgpt_plan_type":"plus"}} */
#define JWT "eyJhbGciOiJub25lIn0.eyJleHAiOjE3OTUwMDAwMDAsImVtYWlsIjoibWVAZXhh" \
	"bXBsZS5vcmciLCJodHRwczovL2FwaS5vcGVuYWkuY29tL2F1dGgiOnsiY2hhdGdwdF9h" \
	"Y2NvdW50X2lkIjoiYWNjLTkiLCJjaGF0Z3B0X3BsYW5fdHlwZSI6InBsdXMifX0.s"
#define OAT "sk-ant-oat01-aaaa_bbbb-cccc"
#define ORT "sk-ant-ort01-dddd"

struct shape {
	const char *name, *text, *access, *refresh, *account, *email, *plan;
	int type;
	int64_t expires, refresh_expires, last;
	bool long_term, moved;
};

static const struct shape shapes[] = {
	{ .name = "python claude", .text = "{\"token_type\":\"oauth_flow\","
	    "\"access_token\":\"" OAT "\",\"refresh_token\":\"" ORT "\","
	    "\"expires_at\":1795000000}",
	    .access = OAT, .refresh = ORT, .expires = 1795000000 },
	{ .name = "python claude, fraction", .text = "{\"access_token\":"
	    "\"at\",\"refresh_token\":\"rt\",\"expires_at\":1795000000.5}",
	    .access = "at", .refresh = "rt", .expires = 1795000000 },
	{ .name = "python claude, string", .text = "{\"access_token\":\"at\","
	    "\"refresh_token\":\"rt\",\"expires_at\":\"1795000000.5\"}",
	    .access = "at", .refresh = "rt", .expires = 1795000000 },
	{ .name = "python claude, milliseconds", .text = "{\"access_token\":"
	    "\"at\",\"refresh_token\":\"rt\",\"expires_at\":1795000000999}",
	    .access = "at", .refresh = "rt", .expires = 1795000000 },
	{ .name = "python setup token", .text = "{\"token_type\":"
	    "\"long_term\",\"access_token\":\"" OAT "\",\"refresh_token\":"
	    "null,\"expires_at\":1826000000}",
	    .access = OAT, .expires = 1826000000, .long_term = true },
	{ .name = "python chatgpt", .text = "{\n  \"tokens\": {\n    "
	    "\"id_token\": \"h.p.s\",\n    \"access_token\": \"at-1\",\n    "
	    "\"refresh_token\": \"rt_1\",\n    \"account_id\": \"acc-1\"\n  },"
	    "\n  \"last_refresh\": \"2026-11-20T08:00:00Z\"\n}\n",
	    .access = "at-1", .refresh = "rt_1", .account = "acc-1",
	    .type = PROVIDER_CHATGPT, .last = 1795161600 },
	{ .name = "codex", .text = "{\"auth_mode\":\"chatgpt\","
	    "\"OPENAI_API_KEY\":null,\"tokens\":{\"id_token\":\"" JWT "\","
	    "\"access_token\":\"" JWT "\",\"refresh_token\":\"rt_1\","
	    "\"account_id\":null},\"last_refresh\":"
	    "\"2026-11-20T08:00:00.123456Z\"}",
	    .access = JWT, .refresh = "rt_1", .account = "acc-9",
	    .email = "me@example.org", .plan = "plus",
	    .type = PROVIDER_CHATGPT, .last = 1795161600,
	    .expires = 1795000000 },
	{ .name = "claims go before a stored expiry", .text = "{\"tokens\":{"
	    "\"access_token\":\"" JWT "\"},\"expires_at\":5}",
	    .access = JWT, .account = "acc-9", .email = "me@example.org",
	    .plan = "plus", .type = PROVIDER_CHATGPT,
	    .expires = 1795000000 },
	{ .name = "claude code", .text = "{\"claudeAiOauth\":{\"accessToken\":"
	    "\"" OAT "\",\"refreshToken\":\"" ORT "\",\"expiresAt\":"
	    "1795000000000,\"refreshTokenExpiresAt\":1797000000000,"
	    "\"scopes\":[\"user:inference\"],\"subscriptionType\":\"max\"}}",
	    .access = OAT, .refresh = ORT, .expires = 1795000000,
	    .refresh_expires = 1797000000, .plan = "max" },
	{ .name = "cliproxyapi claude", .text = "{\"access_token\":\"at\","
	    "\"refresh_token\":\"rt_x\",\"expired\":"
	    "\"2026-11-20T16:00:00+08:00\",\"email\":\"ana@example.org\","
	    "\"type\":\"claude\"}",
	    .access = "at", .refresh = "rt_x", .email = "ana@example.org",
	    .expires = 1795161600 },
	{ .name = "cliproxyapi codex", .text = "{\"id_token\":\"h.p.s\","
	    "\"access_token\":\"at\",\"refresh_token\":\"rt\",\"account_id\":"
	    "\"acc\",\"last_refresh\":\"2026-11-20T03:30:00-04:30\","
	    "\"email\":\"ana@example.org\",\"expired\":"
	    "\"2026-11-20T08:00:00Z\",\"type\":\"codex\"}",
	    .access = "at", .refresh = "rt", .account = "acc",
	    .email = "ana@example.org", .type = PROVIDER_CHATGPT,
	    .expires = 1795161600, .last = 1795161600 },
	{ .name = "litellm", .text = "{\"access_token\":\"" JWT "\","
	    "\"refresh_token\":\"rt_2\",\"id_token\":\"" JWT "\","
	    "\"expires_at\":1795000000,\"account_id\":\"acc-2\"}",
	    .access = JWT, .refresh = "rt_2", .account = "acc-2",
	    .email = "me@example.org", .plan = "plus",
	    .type = PROVIDER_CHATGPT, .expires = 1795000000 },
	{ .name = "opencode, bare", .text = "{\"type\":\"oauth\",\"refresh\":"
	    "\"" ORT "\",\"access\":\"" OAT "\",\"expires\":1795000000000}",
	    .access = OAT, .refresh = ORT, .expires = 1795000000 },
	{ .name = "opencode, bare chatgpt", .text = "{\"type\":\"oauth\","
	    "\"refresh\":\"r\",\"access\":\"a\",\"expires\":1795000000000,"
	    "\"accountId\":\"acc\"}",
	    .access = "a", .refresh = "r", .account = "acc",
	    .type = PROVIDER_CHATGPT, .expires = 1795000000 },
	{ .name = "opencode, member", .text = "{\"groq\":{\"type\":\"api\","
	    "\"key\":\"k\"},\"anthropic\":{\"type\":\"oauth\",\"refresh\":"
	    "\"r\",\"access\":\"a\",\"expires\":1795000000000},"
	    "\"openai\":{\"type\":\"api\",\"key\":\"k\"}}",
	    .access = "a", .refresh = "r", .expires = 1795000000 },
	{ .name = "opencode, openai", .text = "{\"openai\":{\"type\":"
	    "\"oauth\",\"refresh\":\"r\",\"access\":\"a\",\"expires\":0}}",
	    .access = "a", .refresh = "r", .type = PROVIDER_CHATGPT },
	{ .name = "ours", .text = "{\"token_type\":\"oauth_flow\","
	    "\"access_token\":\"a\",\"refresh_token\":\"r\",\"moved\":true,"
	    "\"plan\":\"max\",\"refresh_token_expires_at\":1797000000}",
	    .access = "a", .refresh = "r", .plan = "max", .moved = true,
	    .refresh_expires = 1797000000 },
	{ .name = "only a refresh token", .text = "{\"tokens\":{"
	    "\"refresh_token\":\"rt_1\"},\"last_refresh\":null}",
	    .refresh = "rt_1", .type = PROVIDER_CHATGPT },
	{ .name = "escapes", .text = "{\"acc\\u0065ss_token\":"
	    "\"\\u0061\\/b\",\"email\":\"\\u00e4@example.org\"}",
	    .access = "a/b", .email = "\xc3\xa4@example.org" },
	{ .name = "no pair of two logins", .text = "{\"access_token\":\"old\","
	    "\"refresh_token\":\"old\",\"tokens\":{\"access_token\":"
	    "\"new\"}}", .access = "new", .type = PROVIDER_CHATGPT },
	{ .name = "foreign types", .text = "{\"access_token\":\"a\","
	    "\"refresh_token\":7,\"expires_at\":{},\"moved\":\"true\","
	    "\"email\":[],\"plan\":\"a\\u001bb\"}", .access = "a" },
};

#define N_SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static struct str
z(const char *s)
{
	return s == NULL ? STR("") : str_of(s);
}

static void
check_login(const char *row, const struct login *l, const struct shape *s)
{
	CHECK_STR_IN(row, l->access, z(s->access));
	CHECK_STR_IN(row, l->refresh, z(s->refresh));
	CHECK_STR_IN(row, l->account_id, z(s->account));
	CHECK_STR_IN(row, l->email, z(s->email));
	CHECK_STR_IN(row, l->plan, z(s->plan));
	CHECK_INT_IN(row, l->type, s->type);
	CHECK_INT_IN(row, l->expires_at, s->expires);
	CHECK_INT_IN(row, l->refresh_expires_at, s->refresh_expires);
	CHECK_INT_IN(row, l->last_refresh, s->last);
	CHECK_INT_IN(row, l->long_term, s->long_term);
	CHECK_INT_IN(row, l->moved, s->moved);
}

/* Whole at a page's end, again as export writes it, and cut at every byte. */
static void
test_shapes(void)
{
	struct login l, back;
	struct err e;
	struct buf out;
	size_t i, n;

	for (i = 0; i < N_SHAPES; i++) {
		struct str text = guard_copy(str_of(shapes[i].text));
		struct shape s = shapes[i];

		CHECK_INT_IN(s.name, login_parse(text, &l, &e), 0);
		check_login(s.name, &l, &s);
		buf_init(&out, LOGIN_FILE_MAX);
		login_text(&l, &out);
		CHECK_IN(s.name, !out.bad && out.p[out.len - 1] == '\n');
		CHECK_INT_IN(s.name, login_parse(buf_str(&out), &back, &e), 0);
		s.moved = false;
		check_login(s.name, &back, &s);
		login_free(&back);
		login_free(&l);
		buf_free(&out);
		guard_free(text);
	}
	for (i = 0; i < N_SHAPES; i++) {
		struct str whole = str_of(shapes[i].text);
		struct str room = guard_copy(whole);

		for (n = 0; n < whole.n; n++) {
			struct str text = str_sub(room, whole.n - n, n);

			memcpy((char *)(uintptr_t)text.p, whole.p, n);
			/* A line end may stand behind the brace. */
			if (login_parse(text, &l, &e) == 0)
				check_login(shapes[i].name, &l, &shapes[i]);
			else
				CHECK_INT_IN(shapes[i].name, e.kind,
				    ERR_INPUT);
			login_free(&l);
		}
		guard_free(room);
	}
}

static void
test_line(void)
{
	struct login l;
	struct err e;

	CHECK_INT(login_parse(STR(" \r\n" OAT "\r\n\n"), &l, &e), 0);
	CHECK_STR(l.access, STR(OAT));
	CHECK(l.long_term && l.type == PROVIDER_ANTHROPIC && l.refresh.n == 0);
	CHECK(l.expires_at > wall_s() + 364 * 86400 &&
	    l.expires_at <= wall_s() + 365 * 86400);
	login_free(&l);
#ifdef LLMUX_TEST
	setenv("LLMUX_TEST_CLOCK", "-800000000", 1); /* a clock not set yet */
	CHECK_INT(login_parse(STR(OAT), &l, &e), 0);
	CHECK_INT(l.expires_at, 0);
	login_free(&l);
	unsetenv("LLMUX_TEST_CLOCK");
#endif
}

static void
test_times(void)
{
	static const struct {
		const char *text;
		int64_t want;
	} rows[] = {
		{ "\"1970-01-01T00:00:01Z\"", 1 },
		{ "\"2000-02-29T12:34:56Z\"", 951827696 },
		{ "\"2024-03-01T00:00:00Z\"", 1709251200 },
		{ "\"2026-12-31T23:59:59.999999999+00:00\"", 1798761599 },
		{ "\"2026-11-20T08:00:00\"", 1795161600 },
		{ "\"2026-11-20 08:00:00z\"", 1795161600 },
		{ "\"2026-11-20T08:00:00+0130\"", 1795156200 },
		{ "\"2026-11-20T08:00:00-01:30\"", 1795167000 },
		{ "\"2100-03-01T00:00:00Z\"", 4107542400 },
		{ "\"2026-13-20T08:00:00Z\"", 0 },
		{ "\"2026-11-20T24:00:00Z\"", 0 },
		{ "\"2026-11-20T08:00:00Zx\"", 0 },
		{ "\"2026-11-20T08:00:00+1\"", 0 },
		{ "\"2026-11-20T08:00:00+01:99\"", 0 },
		{ "\"2026-11-20\"", 0 },
		{ "\"1969-11-20T08:00:00Z\"", 0 },
		{ "\"1970-01-01T00:00:00+01:00\"", 0 },
		{ "\"\"", 0 },
		{ "\"soon\"", 0 },
		{ "-5", 0 },
		{ "1.795e9", 0 },
		{ "99999999999", 99999999999 },
		{ "100000000001", 100000000 },
		{ "18446744073709551615", 0 },
		{ "99999999999999999999999", 0 },
		{ "\"1795000000.\"", 1795000000 },
		{ "\"1795000000.x\"", 0 },
	};
	struct login l;
	struct buf b;
	struct err e;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_init(&b, 4096);
		buf_fmt(&b, "{\"access_token\":\"a\",\"expires_at\":%s}",
		    rows[i].text);
		CHECK_INT_IN(rows[i].text, login_parse(buf_str(&b), &l, &e),
		    0);
		CHECK_INT_IN(rows[i].text, l.expires_at, rows[i].want);
		login_free(&l);
		buf_free(&b);
	}
}

#define EXPECTED "no login in it; expected a file of llmux, Claude Code, " \
	"Codex, ChatMock, CLIProxyAPI, LiteLLM or opencode, or one line " \
	"sk-ant-oat01-..."

static void
test_refused(void)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "it is empty" },
		{ " \n", "it is empty" },
		{ "{}", EXPECTED },
		{ "[]", EXPECTED },
		{ "{\"access_token\":\"\"}", EXPECTED },
		{ "{\"token_type\":\"long_term\",\"refresh_token\":\"r\"}",
		    EXPECTED },
		{ "{\"tokens\":{}}", EXPECTED },
		{ "{\"access_token\":\"a\"", "not JSON: byte 19: expected "
		    "',' or '}'" },
		{ "sk-ant-oat01-", EXPECTED },
		{ "sk-ant-oat01-aaaaaaaaaaaa bbbbbbbb", EXPECTED },
		{ "sk-ant-oat01-aaaaaaaaaaaa$bbbbbbbb", EXPECTED },
		{ "sk-ant-api03-aaaaaaaaaaaaaaaaaaaa", EXPECTED },
		{ "hello, this is no login at all", EXPECTED },
		{ "{\"auth_mode\":\"apikey\",\"OPENAI_API_KEY\":\"k\"}",
		    "auth_mode is not chatgpt: this is no login of an "
		    "account" },
		{ "{\"auth_mode\":\"apikey\",\"tokens\":{\"access_token\":"
		    "\"a\"}}", "auth_mode is not chatgpt: this is no login of "
		    "an account" },
		{ "{\"type\":\"gemini\",\"access_token\":\"a\"}", "its type "
		    "is none of claude, codex and oauth" },
		{ "{\"anthropic\":{\"type\":\"oauth\",\"access\":\"a\"},"
		    "\"openai\":{\"type\":\"oauth\",\"access\":\"b\"}}",
		    "there are two logins in it; give the object of one" },
		{ "{\"access_token\":\"a\\r\\nx: y\"}", "access_token: there "
		    "are characters in it that no token has" },
		{ "{\"access_token\":\"a\",\"account_id\":\"a b\"}",
		    "account_id: there are characters in it that no token "
		    "has" },
	};
	struct login l;
	struct err e;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct str text = guard_copy(str_of(rows[i].text));

		CHECK_INT_IN(rows[i].text, login_parse(text, &l, &e), -1);
		CHECK_INT_IN(rows[i].text, e.kind, ERR_INPUT);
		CHECK_STR_IN(rows[i].text, str_of(e.text),
		    str_of(rows[i].want));
		CHECK_INT_IN(rows[i].text, login_parse(text, &l, NULL), -1);
		login_free(&l);
		guard_free(text);
	}
}

/* ---- saving ---- */

static struct str
slurp(const char *path)
{
	static char text[8192];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));

	close(fd);
	return (struct str){ text, n < 0 ? 0 : (size_t)n };
}

static void
test_save(void)
{
	static const struct {
		const char *name, *old, *login, *want;
	} rows[] = {
		{ "new claude", NULL, "{\"access_token\":\"a\","
		    "\"refresh_token\":\"r\",\"expires_at\":5,\"moved\":true,"
		    "\"token_url\":\"https://x.example/t\"}",
		    "{\"token_type\":\"oauth_flow\",\"access_token\":\"a\","
		    "\"refresh_token\":\"r\",\"expires_at\":5,\"moved\":true,"
		    "\"token_url\":\"https://x.example/t\"}\n" },
		{ "new chatgpt", NULL, "{\"tokens\":{\"id_token\":\"i\","
		    "\"access_token\":\"a\",\"refresh_token\":\"r\","
		    "\"account_id\":\"c\"},\"last_refresh\":"
		    "\"2026-11-20T08:00:00.5Z\",\"login_needed\":\"why \\\"\"}",
		    "{\"tokens\":{\"id_token\":\"i\",\"access_token\":\"a\","
		    "\"refresh_token\":\"r\",\"account_id\":\"c\"},"
		    "\"last_refresh\":\"2026-11-20T08:00:00Z\","
		    "\"login_needed\":\"why \\\"\"}\n" },
		{ "unknown members stay", "{\"note\":[1, {\"a\":\"\\u00e4\"}],"
		    "\"access_token\":\"old\",\"email\":\"old@example.org\","
		    "\"k\\n\":1e3,\"login_needed\":\"x\"}",
		    "{\"access_token\":\"a\"}",
		    "{\"token_type\":\"oauth_flow\",\"access_token\":\"a\","
		    "\"note\":[1, {\"a\":\"\\u00e4\"}],\"k\\n\":1e3}\n" },
		{ "codex keeps its own", "{\"auth_mode\":\"chatgpt\","
		    "\"OPENAI_API_KEY\":null,\"tokens\":{\"id_token\":\"o\","
		    "\"access_token\":\"o\",\"extra\":{}},\"last_refresh\":"
		    "\"2020-01-01T00:00:00Z\"}",
		    "{\"tokens\":{\"access_token\":\"a\",\"account_id\":"
		    "\"c\"}}", "{\"tokens\":{\"access_token\":\"a\","
		    "\"account_id\":\"c\",\"extra\":{}},\"auth_mode\":"
		    "\"chatgpt\",\"OPENAI_API_KEY\":null}\n" },
		{ "over another shape", "{\"claudeAiOauth\":{\"accessToken\":"
		    "\"old\"},\"x\":1}", "{\"access_token\":\"a\"}",
		    "{\"token_type\":\"oauth_flow\",\"access_token\":\"a\","
		    "\"x\":1}\n" },
		{ "over another type", "{\"tokens\":{\"access_token\":\"o\","
		    "\"y\":2}}", "{\"token_type\":\"long_term\","
		    "\"access_token\":\"a\"}", "{\"token_type\":"
		    "\"long_term\",\"access_token\":\"a\"}\n" },
		{ "over no object", "[1,2]", "{\"access_token\":\"a\"}",
		    "{\"token_type\":\"oauth_flow\",\"access_token\":"
		    "\"a\"}\n" },
		{ "tokens is no object", "{\"tokens\":\"x\"}",
		    "{\"tokens\":{\"access_token\":\"a\"}}",
		    "{\"tokens\":{\"access_token\":\"a\"}}\n" },
	};
	struct login l;
	struct err e;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unlink("f");
		if (rows[i].old != NULL)
			put_file("f", rows[i].old);
		CHECK_INT_IN(rows[i].name, login_parse(str_of(rows[i].login),
		    &l, &e), 0);
		CHECK_INT_IN(rows[i].name, login_save("f", &l, &e), 0);
		CHECK_STR_IN(rows[i].name, slurp("f"), str_of(rows[i].want));
		login_free(&l);
		CHECK_INT_IN(rows[i].name, login_load("f", &l, &e), 0);
		login_free(&l);
	}
	/* Over a broken one: one line, and none of its text in it. */
	put_file("f", "{\"access_token\":\"secret-old");
	CHECK_INT(login_parse(str_of(rows[0].login), &l, &e), 0);
	log_catch();
	i = (size_t)login_save("f", &l, &e);
	CHECK_STR(log_said(), STR("llmux: login: f cannot be read and is "
	    "written anew: not JSON: byte 27: expected a quote\n"));
	CHECK_INT(i, 0);
	CHECK_STR(slurp("f"), str_of(rows[0].want));
	login_free(&l);
}

/* What cannot be kept beside the tokens goes, the tokens do not. */
static void
test_save_full(void)
{
	struct login l;
	struct err e;
	struct buf old;
	size_t i;

	buf_init(&old, LOGIN_FILE_MAX);
	buf_room(&old, LOGIN_FILE_MAX); /* else it grows by the byte */
	buf_addz(&old, "{\"x\":\"");
	for (i = 0; i < LOGIN_FILE_MAX - 16; i++)
		buf_addc(&old, 'x');
	buf_addz(&old, "\"}");
	CHECK(!old.bad);
	CHECK_INT(file_replace("f", buf_str(&old), 0600, &e), 0);
	buf_free(&old);
	CHECK_INT(login_parse(STR("{\"access_token\":\"a\"}"), &l, &e), 0);
	CHECK_INT(login_save("f", &l, &e), 0);
	CHECK_STR(slurp("f"), STR("{\"token_type\":\"oauth_flow\","
	    "\"access_token\":\"a\"}\n"));
	login_free(&l);
}

static unsigned
mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 ? 0 : (unsigned)st.st_mode & 07777;
}

static void
test_modes(void)
{
	static const mode_t masks[] = { 000, 002, 022, 077 };
	struct login l;
	struct stat st;
	struct err e;
	size_t i;
	int fd;

	CHECK_INT(login_parse(STR("{\"access_token\":\"a\"}"), &l, &e), 0);
	for (i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		umask(masks[i]);
		CHECK_INT(login_save("new/dir/f", &l, &e), 0);
		fd = login_lock("new/dir/f", now_ms(), &e);
		CHECK(fd >= 0);
		login_unlock(fd);
		CHECK_INT(mode_of("new"), 0700);
		CHECK_INT(mode_of("new/dir"), 0700);
		CHECK_INT(mode_of("new/dir/f"), 0600);
		CHECK_INT(mode_of("new/dir/f.lock"), 0600);
		CHECK_INT(login_remove("new/dir/f", &e), 0);
		CHECK_INT(login_remove("new/dir/f", &e), 0);
		CHECK_INT(mode_of("new/dir/f.lock"), 0600);
		unlink("new/dir/f.lock");
		rmdir("new/dir");
		rmdir("new");
	}
	umask(022);
	/* A link is read, and replaced. */
	put_file("target", "{\"access_token\":\"t\"}");
	unlink("f");
	CHECK_INT(symlink("target", "f"), 0);
	CHECK_INT(login_save("f", &l, &e), 0);
	CHECK(lstat("f", &st) == 0 && S_ISREG(st.st_mode));
	CHECK_STR(slurp("target"), STR("{\"access_token\":\"t\"}"));
	/* One for the lock is not followed. */
	CHECK_INT(symlink("target", "f.lock"), 0);
	CHECK_INT(login_lock("f", now_ms(), &e), -1);
	CHECK_INT(e.kind, ERR_SYS);
	unlink("f.lock");
	login_free(&l);
}

static void
test_load(void)
{
	static const char good[] = "{\"access_token\":\"secret-a\"}";
	struct login l;
	struct err e;
	int rc;

	CHECK_INT(login_load("nothing", &l, &e), -1);
	CHECK(e.kind == ERR_SYS && e.sys == ENOENT);
	CHECK_INT(login_load("nothing", &l, NULL), -1);
	put_file("g", "");
	CHECK_INT(login_load("g", &l, &e), -1);
	CHECK_INT(e.kind, ERR_INPUT);
	CHECK_STR(str_of(e.text), STR("g: it is empty"));
	put_file("g", "{\"access_token\":\"secret-a\"");
	CHECK_INT(login_load("g", &l, &e), -1);
	CHECK_INT(e.kind, ERR_INPUT);
	CHECK(has(str_of(e.text), "g: not JSON: ") &&
	    !has(str_of(e.text), "secret"));
	CHECK_INT(login_load(".", &l, &e), -1);
	CHECK_STR(str_of(e.text), STR(".: not a regular file"));
	CHECK(mkfifo("pipe", 0600) == 0);
	CHECK_INT(login_load("pipe", &l, &e), -1);
	CHECK_STR(str_of(e.text), STR("pipe: not a regular file"));
	CHECK(truncate("g", LOGIN_FILE_MAX + 1) == 0);
	CHECK_INT(login_load("g", &l, &e), -1);
	CHECK_INT(e.kind, ERR_INPUT);
	/* Others may read it: tightened, with a line. */
	put_file("g", good);
	CHECK(chmod("g", 0644) == 0);
	log_catch();
	rc = login_load("g", &l, &e);
	CHECK_STR(log_said(), STR("llmux: g: others could read it; the mode "
	    "is 0600 now\n"));
	CHECK_INT(rc, 0);
	CHECK_STR(l.access, STR("secret-a"));
	CHECK_INT(mode_of("g"), 0600);
	login_free(&l);
	if (geteuid() != 0 || chown("g", 4321, 4321) < 0)
		return;
	CHECK_INT(login_load("g", &l, &e), -1);
	CHECK_INT(e.kind, ERR_AUTH);
	CHECK_STR(str_of(e.text), STR("g: belongs to another user (uid "
	    "4321); it is not used"));
	/* The owner of the directory may. */
	CHECK(mkdir("his", 0700) == 0 && chown("his", 4321, 4321) == 0 &&
	    rename("g", "his/g") == 0);
	CHECK_INT(login_load("his/g", &l, &e), 0);
	login_free(&l);
}

/* ---- locks ---- */

static void
test_lock(void)
{
	char want[200], c = 'x';
	int up[2], down[2], fd, status;
	struct err e;
	int64_t start;
	pid_t pid;

	CHECK(pipe(up) == 0 && pipe(down) == 0);
	pid = fork();
	if (pid == 0) {
		fd = login_lock("f", now_ms(), NULL);
		c = fd < 0 ? 'n' : 'y';
		if (write(up[1], &c, 1) != 1 || read(down[0], &c, 1) != 1)
			_exit(1);
		login_unlock(fd);
		_exit(0);
	}
	CHECK(read(up[0], &c, 1) == 1 && c == 'y');
	start = now_ms();
	CHECK_INT(login_lock("f", start + 120, &e), -1);
	CHECK(now_ms() - start >= 120 && now_ms() - start < 2000);
	CHECK_INT(e.kind, ERR_TIME);
	fmt_to(want, sizeof(want), "f.lock: held by process %d", (int)pid);
	CHECK_STR(str_of(e.text), str_of(want));
	CHECK(write(down[1], &c, 1) == 1);
	fd = login_lock("f", now_ms() + 5000, &e);
	CHECK(fd >= 0);
	CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	login_unlock(fd);
	login_unlock(-1);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	close(up[0]);
	close(up[1]);
	close(down[0]);
	close(down[1]);
	unlink("f.lock");
}

/* ---- starvation ---- */

/* Every n-th allocation fails: ERR_MEM, or what fits without that one; the
 * file holds the old login or the new one. */
static void
test_memory(void)
{
#ifdef LLMUX_TEST
	static const char old[] = "{\"token_type\":\"oauth_flow\","
	    "\"access_token\":\"old\",\"k\\u0065y\":1}";
	struct login l, got;
	struct err e;
	size_t i;
	long n;
	int rc = -1;

	for (i = 0; i < N_SHAPES; i++) {
		rc = -1;
		for (n = 0; rc < 0 && n < 1000; n++) {
			mem_fail_after(n);
			rc = login_parse(str_of(shapes[i].text), &l, &e);
			mem_fail_after(-1);
			if (rc < 0)
				CHECK_INT_IN(shapes[i].name, e.kind, ERR_MEM);
			else
				check_login(shapes[i].name, &l, &shapes[i]);
			login_free(&l);
		}
		CHECK_INT_IN(shapes[i].name, rc, 0);
	}
	CHECK_INT(login_parse(str_of(shapes[0].text), &l, &e), 0);
	rc = -1;
	for (n = 0; n < 40; n++) {
		put_file("m", old);
		log_catch();
		mem_fail_after(n);
		rc = login_save("m", &l, &e);
		mem_fail_after(-1);
		log_said();
		if (rc < 0)
			CHECK_INT(e.kind, ERR_MEM);
		CHECK_INT(login_load("m", &got, &e), 0);
		CHECK_STR(got.access, rc < 0 ? STR("old") : STR(OAT));
		login_free(&got);
		mem_fail_after(n);
		rc = login_load("m", &got, &e);
		mem_fail_after(-1);
		CHECK(rc == 0 || e.kind == ERR_MEM);
		login_free(&got);
	}
	CHECK_INT(rc, 0);
	login_free(&l);
#endif
}

/* ---- places ---- */

static struct conf
conf_of(struct provider *p, size_t n)
{
	struct conf c = { .state_dir = STR("state"), .providers = p,
		.n_providers = n };

	return c;
}

static void
test_path(void)
{
	static const struct {
		const char *name, *file, *want;
	} rows[] = {
		{ "claude", NULL, "state/tokens.json" },
		{ "chatgpt", NULL, "state/chatgpt/tokens.json" },
		{ "claude-setup", NULL, "state/accounts/claude-setup.json" },
		{ "work", NULL, "state/accounts/work.json" },
		{ "claude", "/x/y.json", "/x/y.json" },
	};
	char path[LOGIN_PATH_MAX], longer[LOGIN_PATH_MAX];
	struct provider p = { .enabled = true };
	struct conf c = conf_of(&p, 1);
	struct err e;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		p.name = str_of(rows[i].name);
		p.token_file = str_of(rows[i].file);
		CHECK_INT_IN(rows[i].name, login_path(&c, &p, path, &e), 0);
		CHECK_STR_IN(rows[i].name, str_of(path), str_of(rows[i].want));
	}
	memset(longer, 'x', sizeof(longer));
	p.token_file = (struct str){ longer, LOGIN_PATH_MAX - 9 };
	CHECK_INT(login_path(&c, &p, path, &e), 0);
	p.token_file.n++;
	CHECK_INT(login_path(&c, &p, path, &e), -1);
	p.token_file.n = 0;
	c.state_dir.n = 0;
	CHECK_INT(login_path(&c, &p, path, &e), -1);
	CHECK_INT(e.kind, ERR_INPUT);
}

static void
test_migrate(void)
{
	struct provider p[2] = {
		{ .name = STR("claude"), .type = PROVIDER_ANTHROPIC },
		{ .name = STR("chatgpt"), .type = PROVIDER_CHATGPT },
	};
	struct conf c = conf_of(p, 2);
	struct login l;
	struct str said;
	struct err e;

	CHECK(mkdir(".chatgpt-local", 0700) == 0);
	CHECK(mkdir(".anthropic-claude-max-proxy", 0700) == 0);
	put_file(".chatgpt-local/tokens.json", "{\"tokens\":{\"access_token\":"
	    "\"a\",\"account_id\":\"c\"}}");
	put_file(".anthropic-claude-max-proxy/tokens.json",
	    "{\"access_token\":\"secret");
	log_catch();
	login_migrate(&c);
	said = log_said();
	CHECK(has(said, "/.chatgpt-local/tokens.json moved to "
	    "state/chatgpt/tokens.json; the Python LLMux must not run any "
	    "more"));
	CHECK(has(said, "/.anthropic-claude-max-proxy/tokens.json was not "
	    "taken over: ") && !has(said, "secret"));
	CHECK_INT(login_load("state/chatgpt/tokens.json", &l, &e), 0);
	CHECK_STR(l.account_id, STR("c"));
	login_free(&l);
	CHECK_INT(login_load("state/tokens.json", &l, &e), -1);
	/* Nothing comes back after a logout. */
	CHECK_INT(login_remove("state/chatgpt/tokens.json", &e), 0);
	unlink(".anthropic-claude-max-proxy/tokens.json");
	log_catch();
	login_migrate(&c);
	CHECK_STR(log_said(), STR(""));
	CHECK_INT(login_load("state/chatgpt/tokens.json", &l, &e), -1);
}

int
main(void)
{
	lab_enter();
	log_setup(LOG_INFO, false);
	test_shapes();
	test_line();
	test_times();
	test_refused();
	test_save();
	test_save_full();
	test_modes();
	test_load();
	test_lock();
	test_memory();
	test_path();
	test_migrate();
	lab_leave();
	return check_done();
}
