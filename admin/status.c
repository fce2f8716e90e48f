/* SPDX-License-Identifier: MIT */
/*
 * status: `llmux status`, and what HTTP and the control socket say of
 * accounts. One writer of JSON; the text is made from that JSON, so that it is
 * the same whether a server answered or the files were read here.
 *
 * Speaks: GET /api/oauth/usage of api.anthropic.com (not documented by the
 * vendor; seen 2026-11; utilization is a percentage there). Limits: an answer
 * of 64 KiB; text has 79 columns, times are UTC.
 */
#include "status.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "../clients.h"
#include "../fetch.h"
#include "../json.h"
#include "../oauth.h"
#include "commands.h"
#include "control.h"
#include "keys.h"
#include "quota.h"
#include "term.h"
#include "usage.h"

#define STATUS_MAX (256u << 10)
#define ACCOUNT_MAX 16384 /* bytes of strings of one account */
#define COLUMNS 79

static atomic_bool running;
static int64_t started_ms; /* constant once running is set */

void
status_started(void)
{
	started_ms = now_ms();
	running = true;
}

/* ---- JSON ---- */

static void
put_str(struct json_out *o, const char *name, struct str s)
{
	json_key(o, name);
	json_str(o, s);
}

static void
put_text(struct json_out *o, const char *name, struct str s)
{
	if (s.n > 0)
		put_str(o, name, s);
}

static void
put_bool(struct json_out *o, const char *name, bool v)
{
	json_key(o, name);
	json_bool(o, v);
}

static void
put_num(struct json_out *o, const char *name, int64_t n)
{
	json_key(o, name);
	json_num(o, n);
}

static void
put_when(struct json_out *o, const char *name, int64_t s)
{
	json_key(o, name);
	if (s > 0)
		json_num(o, s);
	else
		json_null(o);
}

static void
put_permille(struct json_out *o, const char *name, unsigned permille)
{
	char z[16];

	fmt_to(z, sizeof(z), "%u.%u", permille / 10, permille % 10);
	json_key(o, name);
	json_raw(o, str_of(z));
}

static void
put_server(struct json_out *o, const struct conf *c)
{
	struct buf url;
	size_t i;

	put_bool(o, "running", running);
	put_str(o, "version", STR(LLMUX_VERSION));
	if (!running)
		return;
	put_num(o, "pid", getpid());
	put_num(o, "uptime_s", (now_ms() - started_ms) / 1000);
	put_num(o, "connections", (int64_t)clients_count());
	put_num(o, "streams", usage_streams());
	json_key(o, "listeners");
	json_open(o, '[');
	buf_init(&url, 300);
	for (i = 0; i < c->n_listen; i++) {
		buf_clear(&url);
		net_addr_url(&c->listen[i], &url);
		json_str(o, buf_str(&url));
	}
	buf_free(&url);
	json_close(o, ']');
}

static void
put_quota(struct json_out *o, const struct provider *p, int64_t now)
{
	struct quota_window w[QUOTA_WINDOWS];
	size_t n = quota_get(p->name, now, w), i;

	json_key(o, "quota");
	json_open(o, '[');
	for (i = 0; i < n; i++) {
		json_open(o, '{');
		put_str(o, "window", str_of(w[i].name));
		put_permille(o, "used_percent", w[i].permille);
		put_when(o, "resets_at", w[i].resets_at);
		put_when(o, "seen_at", w[i].seen_at);
		json_close(o, '}');
	}
	json_close(o, ']');
}

static void
put_provider(struct json_out *o, const struct conf *c,
    const struct provider *p)
{
	static const char *const types[] = { "anthropic", "chatgpt",
		"openai" };
	struct oauth_state s;
	struct arena a;
	struct err e;

	memset(&s, 0, sizeof(s));
	arena_init(&a, ACCOUNT_MAX);
	json_open(o, '{');
	put_str(o, "name", p->name);
	put_str(o, "type", str_of(types[p->type]));
	if (oauth_state(c, p, &a, &s, &e) < 0) {
		s = (struct oauth_state){ .kind = "none", .source = "",
			.trouble = str_of(e.text) };
	}
	put_str(o, "kind", str_of(s.kind));
	put_text(o, "source", str_of(s.source));
	put_bool(o, "usable", s.usable);
	put_text(o, "email", s.email);
	put_text(o, "organization", s.organization);
	put_text(o, "plan", s.plan);
	put_when(o, "expires_at", s.expires_at);
	put_when(o, "login_needed_by", s.refresh_expires_at);
	put_when(o, "last_refresh", s.last_refresh);
	put_num(o, "refreshes", (int64_t)s.refreshes);
	put_num(o, "refresh_failures", (int64_t)s.refresh_failures);
	put_text(o, "trouble", s.trouble);
	put_bool(o, "moved", s.moved);
	put_bool(o, "unsaved", s.unsaved);
	put_quota(o, p, wall_s());
	json_close(o, '}');
	arena_free(&a);
}

static void
put_providers(struct json_out *o, const char *name, const struct conf *c)
{
	size_t i;

	json_key(o, name);
	json_open(o, '[');
	for (i = 0; i < c->n_providers; i++)
		if (c->providers[i].enabled)
			put_provider(o, c, &c->providers[i]);
	json_close(o, ']');
}

static void
end_json(struct json_out *o, struct buf *out)
{
	json_close(o, '}');
	json_out_flush(o);
	out->bad |= o->bad;
}

void
status_json(const struct conf *c, struct buf *out)
{
	struct json_out o;

	json_out_buf(&o, out);
	json_open(&o, '{');
	json_key(&o, "server");
	json_open(&o, '{');
	put_server(&o, c);
	json_close(&o, '}');
	put_providers(&o, "providers", c);
	end_json(&o, out);
}

/* ---- /auth/status ---- */

static const struct provider *
first_anthropic(const struct conf *c)
{
	size_t i;

	for (i = 0; i < c->n_providers; i++)
		if (c->providers[i].enabled &&
		    c->providers[i].type == PROVIDER_ANTHROPIC)
			return &c->providers[i];
	return NULL;
}

/* "3h 5m", "5m ago", "364d 3h": as the Python LLMux words it. */
static void
until_text(int64_t left, char dst[40])
{
	int64_t s = left < 0 ? -left : left;
	const char *ago = left <= 0 ? " ago" : "";
	long long d = s / 86400, h = s / 3600, m = s / 60 % 60;

	if (d > 1)
		fmt_to(dst, 40, "%lldd %lldh%s", d, h % 24, ago);
	else if (h > 0)
		fmt_to(dst, 40, "%lldh %lldm%s", h, m, ago);
	else
		fmt_to(dst, 40, "%lldm%s", m, ago);
}

static void
put_tokens(struct json_out *o, const struct conf *c)
{
	const struct provider *p = first_anthropic(c);
	struct oauth_state s;
	struct arena a;
	char z[40] = "No tokens";
	bool has, expired;

	memset(&s, 0, sizeof(s));
	arena_init(&a, ACCOUNT_MAX);
	has = p != NULL && oauth_state(c, p, &a, &s, NULL) == 0 &&
	    strcmp(s.kind, "none") != 0 && strcmp(s.kind, "api key") != 0;
	expired = !has || (s.expires_at > 0 && s.expires_at <= wall_s());
	put_bool(o, "has_tokens", has);
	put_bool(o, "is_expired", expired);
	json_key(o, "expires_at");
	if (has && s.expires_at > 0) {
		time_rfc3339(s.expires_at, z);
		json_str(o, str_of(z));
		until_text(s.expires_at - wall_s(), z);
	} else {
		json_null(o);
	}
	json_key(o, "time_until_expiry");
	if (has && s.expires_at <= 0)
		json_null(o);
	else
		json_str(o, str_of(z));
	json_key(o, "token_type");
	if (has)
		json_str(o, strcmp(s.kind, "login") == 0 ? STR("oauth_flow") :
		    STR("long_term"));
	else
		json_null(o);
	arena_free(&a);
}

void
auth_status_json(const struct conf *c, struct buf *out)
{
	struct json_out o;

	json_out_buf(&o, out);
	json_open(&o, '{');
	put_tokens(&o, c);
	put_providers(&o, "accounts", c);
	end_json(&o, out);
}

/* ---- /api/oauth/usage ---- */

#define USAGE_MAX 65536
#define USAGE_MS 15000      /* for the whole exchange */
#define USAGE_KEEP_MS 60000 /* between two calls */
#define USAGE_REST_S 3600   /* most that a retry-after is obeyed */

#define USAGE_ACCOUNTS 4    /* beyond: called more often */

static pthread_mutex_t usage_lock = PTHREAD_MUTEX_INITIALIZER;
static struct usage_slot {
	char name[33];   /* of the provider */
	int64_t next_ms; /* no call before */
	struct buf body; /* the last answer; empty: it was none */
} usage_table[USAGE_ACCOUNTS]; /* behind usage_lock */

/* With the lock held: the slot of p, else the one that was used first. */
static struct usage_slot *
usage_slot(const struct provider *p)
{
	struct usage_slot *u = usage_table;
	size_t i;

	for (i = 0; i < USAGE_ACCOUNTS; i++) {
		if (str_eq(str_of(usage_table[i].name), p->name))
			return &usage_table[i];
		if (usage_table[i].next_ms < u->next_ms)
			u = &usage_table[i];
	}
	fmt_to(u->name, sizeof(u->name), "%.*s", STR_ARG(p->name));
	u->next_ms = 0;
	return u;
}

/* May p be asked now? If not, the last answer is appended, if there is one. */
static bool
usage_turn(const struct provider *p, struct buf *out)
{
	int64_t now = now_ms();
	struct usage_slot *u;
	bool turn;

	pthread_mutex_lock(&usage_lock);
	u = usage_slot(p);
	turn = now >= u->next_ms;
	if (turn) {
		u->next_ms = now + USAGE_KEEP_MS;
		buf_free(&u->body);
	} else {
		buf_adds(out, buf_str(&u->body));
	}
	pthread_mutex_unlock(&usage_lock);
	return turn;
}

/* Keep body (absent: nothing) until the next turn, rest_s from now at
 * least. */
static void
usage_keep(const struct provider *p, struct str body, int64_t rest_s)
{
	int64_t next = now_ms() + rest_s * 1000;
	struct usage_slot *u;

	pthread_mutex_lock(&usage_lock);
	u = usage_slot(p);
	buf_free(&u->body);
	buf_init(&u->body, USAGE_MAX);
	buf_adds(&u->body, body);
	if (u->body.bad)
		buf_free(&u->body);
	if (next > u->next_ms)
		u->next_ms = next;
	pthread_mutex_unlock(&usage_lock);
}

/* Ask the vendor; an answer that is of use is appended to out. */
static void
usage_fetch(const struct conf *c, const struct provider *p, struct str token,
    struct fetched *got, struct buf *out)
{
	struct str path = p->path;
	struct fetch f = { .conf = c, .proxy = &p->proxy, .method = "GET",
		.due = now_ms() + USAGE_MS, .max = USAGE_MAX };
	struct buf url, fields;
	uint64_t rest = 0;
	struct err e;

	if (str_ends(path, STR("/v1")))
		path.n -= 3;
	buf_init(&url, 2048);
	buf_init(&fields, LOGIN_FILE_MAX);
	buf_fmt(&url, "http%s://%.*s%.*s/api/oauth/usage", p->tls ? "s" : "",
	    STR_ARG(p->host_field), STR_ARG(path));
	buf_fmt(&fields, "authorization: Bearer %.*s\r\n"
	    "anthropic-beta: oauth-2025-04-20\r\n", STR_ARG(token));
	f.url = buf_str(&url);
	f.fields = buf_str(&fields);
	if (!url.bad && !fields.bad) {
		if (fetch(&f, got, &e) < 0) {
			log_put(LOG_INFO, "usage of %.*s: %s",
			    STR_ARG(p->name), e.text);
		} else if (got->status == 200 &&
		    json_check(buf_str(&got->body), NULL) == 0) {
			buf_adds(out, buf_str(&got->body));
			usage_keep(p, buf_str(&got->body), 0);
		} else {
			str_u64(http_get(&got->head, "retry-after"), &rest);
			usage_keep(p, STR(""), rest > USAGE_REST_S ?
			    USAGE_REST_S : (int64_t)rest);
		}
		fetched_free(got);
	}
	buf_free(&url);
	buf_wipe(&fields);
}

/* The windows of answer heads, in the vendor's shape. */
static void
usage_headers(const struct provider *p, struct buf *out)
{
	static const char *const names[][2] = { { "5h", "five_hour" },
		{ "7d", "seven_day" }, { "7d_opus", "seven_day_opus" },
		{ "7d_sonnet", "seven_day_sonnet" },
		{ "7d_oi", "seven_day_oi" } };
	struct quota_window w[QUOTA_WINDOWS];
	size_t n = quota_get(p->name, wall_s(), w), i, k;
	struct json_out o;
	char z[21];

	json_out_buf(&o, out);
	json_open(&o, '{');
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		json_key(&o, names[i][1]);
		for (k = 0; k < n; k++)
			if (strcmp(w[k].name, names[i][0]) == 0)
				break;
		if (k == n) {
			json_null(&o);
			continue;
		}
		json_open(&o, '{');
		put_permille(&o, "utilization", w[k].permille);
		json_key(&o, "resets_at");
		time_rfc3339(w[k].resets_at, z);
		if (w[k].resets_at > 0)
			json_str(&o, str_of(z));
		else
			json_null(&o);
		put_num(&o, "llmux_seen_at", w[k].seen_at);
		json_close(&o, '}');
	}
	put_str(&o, "llmux_source", STR("headers"));
	end_json(&o, out);
}

int
oauth_usage_json(const struct conf *c, const struct provider *p,
    struct buf *out, struct err *e)
{
	struct credential cred = { .oauth = false };
	size_t before = out->len;
	struct fetched *got;
	struct arena a;
	int rc = -1;

	arena_init(&a, LOGIN_FILE_MAX);
	got = mem_alloc(sizeof(*got));
	if (got == NULL) {
		err_set(e, ERR_MEM, "no memory");
		goto out;
	}
	if (oauth_credential(c, p, &a, NULL, now_ms() + USAGE_MS, &cred,
	    e) < 0)
		goto out;
	if (!cred.oauth) {
		err_set(e, ERR_AUTH, "provider \"%.*s\" is called with an API "
		    "key, which has no windows", STR_ARG(p->name));
		goto out;
	}
	if (usage_turn(p, out))
		usage_fetch(c, p, cred.secret, got, out);
	if (out->len == before)
		usage_headers(p, out);
	rc = out->bad ? err_set(e, ERR_MEM, "no memory") : 0;
out:
	mem_free(got);
	arena_wipe(&a);
	return rc;
}

/* ---- text ---- */

/* Seconds as "2 d 3 h", "1 h 10 min", "4 min", "30 s". */
static void
put_span(struct buf *b, int64_t s)
{
	long long d = s / 86400, h = s / 3600 % 24, m = s / 60 % 60;

	if (d > 0)
		buf_fmt(b, h > 0 ? "%lld d %lld h" : "%lld d", d, h);
	else if (h > 0)
		buf_fmt(b, m > 0 ? "%lld h %lld min" : "%lld h", h, m);
	else if (m > 0)
		buf_fmt(b, "%lld min", m);
	else
		buf_fmt(b, "%lld s", (long long)(s < 0 ? 0 : s));
}

/* line, broken at blanks, further lines indented; at the end LF. */
static void
put_lines(struct buf *out, struct str line)
{
	size_t col = 0;
	bool first = true;
	struct str word;

	while (str_cut(&line, ' ', &word)) {
		if (!first && col > 4 && col + 1 + word.n > COLUMNS) {
			buf_addz(out, "\n    ");
			col = 4;
		} else if (!first) {
			buf_addc(out, ' ');
			col++;
		}
		first = false;
		buf_adds(out, word);
		col += word.n;
	}
	buf_addc(out, '\n');
}

/* The string member name behind sep, if it is there; safe for a terminal. */
static void
say(struct buf *line, const char *sep, const struct json_value *v,
    const char *name)
{
	struct json_value m = json_get(*v, name);
	size_t begin;

	if (m.type != JSON_STRING || m.text.n == 0)
		return;
	buf_addz(line, sep);
	begin = line->len;
	json_decode(m.text, line);
	if (!line->bad)
		key_clean(line->p + begin, line->len - begin, ' ');
}

static int64_t
number(const struct json_value *v, const char *name)
{
	uint64_t n = 0;

	json_u64(json_get(*v, name), &n);
	return (int64_t)n;
}

static bool
is_true(const struct json_value *v, const char *name)
{
	return json_true(json_get(*v, name));
}

static void
say_server(const struct json_value *v, struct buf *line)
{
	struct json_walk w;

	if (!is_true(v, "running")) {
		buf_addz(line, "server: not running");
		return;
	}
	say(line, "server: llmux ", v, "version");
	buf_fmt(line, ", pid %lld, up ", (long long)number(v, "pid"));
	put_span(line, number(v, "uptime_s"));
	buf_fmt(line, ", %lld connections, %lld streams",
	    (long long)number(v, "connections"),
	    (long long)number(v, "streams"));
	json_walk(&w, json_get(*v, "listeners"));
	while (json_step(&w)) {
		buf_addz(line, ", ");
		json_decode(w.value.text, line);
	}
}

/* "14:10 UTC", with the day before it unless it is today. */
static void
say_time(struct buf *line, int64_t s, int64_t now)
{
	char z[21];

	time_rfc3339(s, z);
	if (s / 86400 != now / 86400)
		buf_fmt(line, "%.*s ", 10, z);
	buf_fmt(line, "%.*s UTC", 5, z + 11);
}

static void
say_token(const struct json_value *v, int64_t now, struct buf *line)
{
	int64_t expires = number(v, "expires_at");
	int64_t login = number(v, "login_needed_by");
	char z[21];

	if (expires > now) {
		buf_addz(line, "  token until ");
		say_time(line, expires, now);
		buf_addz(line, " (in ");
		put_span(line, expires - now);
		buf_addc(line, ')');
	} else if (expires > 0) {
		buf_addz(line, "  token expired ");
		put_span(line, now - expires);
		buf_addz(line, " ago");
	}
	time_rfc3339(login, z);
	if (login > 0)
		buf_fmt(line, "%s login needed by %.*s",
		    expires > 0 ? "," : " ", 10, z);
}

static void
say_account(const struct json_value *v, int64_t now, struct buf *line)
{
	struct json_value kind = json_get(*v, "kind");
	struct str name = json_get(*v, "name").text;

	buf_fmt(line, "%-8.*s ", STR_ARG(name));
	if (!json_is(kind, STR("none")))
		say(line, "", v, "kind");
	else
		buf_addz(line, is_true(v, "usable") ?
		    "needs no key" : "no credential");
	if (json_get(*v, "source").type == JSON_STRING) {
		say(line, " (", v, "source");
		buf_addc(line, ')');
	}
	say(line, "  ", v, json_get(*v, "email").type == JSON_STRING ?
	    "email" : "organization");
	say(line, "  ", v, "plan");
	say_token(v, now, line);
	if (is_true(v, "moved"))
		buf_addz(line, "; exported: not refreshed here");
	if (is_true(v, "unsaved"))
		buf_addz(line, "; new tokens could not be written yet");
	say(line, "; ", v, "trouble");
}

static void
say_window(const struct json_value *v, int64_t now, struct buf *line)
{
	struct str percent = json_get(*v, "used_percent").text, whole;
	int64_t resets = number(v, "resets_at");

	str_cut(&percent, '.', &whole);
	say(line, "  ", v, "window");
	buf_fmt(line, " %.*s%%", STR_ARG(whole));
	if (resets > 0) {
		buf_addz(line, " resets in ");
		put_span(line, resets - now);
	}
	buf_addz(line, " (seen ");
	put_span(line, now - number(v, "seen_at"));
	buf_addz(line, " ago)");
}

/* The text of a status answer. */
static void
put_status(struct str json, int64_t now, struct buf *out)
{
	struct json_value root = json_root(json);
	struct json_value server = json_get(root, "server");
	struct json_walk w, q;
	struct buf line;

	buf_init(&line, ACCOUNT_MAX);
	say_server(&server, &line);
	put_lines(out, buf_str(&line));
	json_walk(&w, json_get(root, "providers"));
	while (json_step(&w)) {
		buf_clear(&line);
		say_account(&w.value, now, &line);
		put_lines(out, buf_str(&line));
		json_walk(&q, json_get(w.value, "quota"));
		while (json_step(&q)) {
			buf_clear(&line);
			say_window(&q.value, now, &line);
			put_lines(out, buf_str(&line));
		}
	}
	out->bad |= line.bad;
	buf_free(&line);
}

/* ---- the command ---- */

static int
show(struct str json, bool as_json, struct err *e)
{
	struct buf out;
	int rc;

	buf_init(&out, STATUS_MAX);
	if (as_json) {
		buf_adds(&out, json);
		buf_addc(&out, '\n');
	} else {
		put_status(json, wall_s(), &out);
	}
	rc = out.bad ? err_set(e, ERR_MEM, "no memory") :
	    term_put(1, buf_str(&out), e);
	buf_free(&out);
	return rc;
}

int
status_command(struct conf *c, int argc, char **argv)
{
	bool as_json = argc == 2 && strcmp(argv[1], "--json") == 0;
	bool check = argc == 2 && strcmp(argv[1], "--check") == 0;
	struct err e = { .kind = ERR_NONE };
	struct buf json;
	int rc;

	if (argc > 1 && !as_json && !check) {
		term_fail("status: expected --json or --check; see "
		    "`llmux help status`");
		return 2;
	}
	buf_init(&json, STATUS_MAX);
	rc = control_ask(c, "status", &json, &e);
	if (check)
		goto out;
	/* A server that is there and does not answer is worth a word. */
	if (rc < 0 && e.kind != ERR_SYS)
		term_note("llmux: status: %s\n", e.text);
	if (rc < 0 || json_check(buf_str(&json), &e) < 0) {
		buf_clear(&json);
		status_json(c, &json);
	}
	rc = json.bad ? err_set(&e, ERR_MEM, "no memory") :
	    show(buf_str(&json), as_json, &e);
out:
	if (rc < 0)
		term_fail("status: %s", e.text);
	buf_free(&json);
	return rc < 0;
}
