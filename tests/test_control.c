/* SPDX-License-Identifier: MIT */
/*
 * Tests of admin/control.c and admin/status.c: the control socket from both
 * sides, status as JSON and text, usage. Accounts and the exchange with the
 * vendor are played by this file.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../admin/commands.h"
#include "../admin/control.h"
#include "../admin/keys.h"
#include "../admin/quota.h"
#include "../admin/status.h"
#include "../fetch.h"
#include "../json.h"
#include "../route.h"
#include "check.h"

static char lab[64];
static int listener = -1;
static char said_out[65536], said_err[8192];

/* ---- what is played ---- */

static struct oauth_state account; /* of every provider */
static int fetches, fetch_status;
static const char *fetch_body, *fetch_retry;
static char fetch_url[256], fetch_fields[512];
static bool has_login, has_key;

int
oauth_state(const struct conf *c, const struct provider *p, struct arena *a,
    struct oauth_state *s, struct err *e)
{
	(void)c;
	(void)a;
	if (p->type == PROVIDER_OPENAI)
		return err_set(e, ERR_SYS, "cannot be read");
	*s = account;
	return 0;
}

int
oauth_credential(const struct conf *c, const struct provider *p,
    struct arena *a, struct net_conn *client, int64_t due,
    struct credential *out, struct err *e)
{
	(void)c;
	(void)p;
	(void)client;
	(void)due;
	if (!has_login && !has_key)
		return err_set(e, ERR_AUTH, "there is no login");
	*out = (struct credential){ .oauth = has_login,
		.secret = arena_dup(a, STR("sk-ant-oat01-made-up")) };
	return 0;
}

int
fetch(const struct fetch *f, struct fetched *got, struct err *e)
{
	static struct http_head head;

	memset(got, 0, sizeof(*got));
	buf_init(&got->body, f->max);
	snprintf(fetch_url, sizeof(fetch_url), "%s %.*s", f->method,
	    STR_ARG(f->url));
	snprintf(fetch_fields, sizeof(fetch_fields), "%.*s",
	    STR_ARG(f->fields));
	fetches++;
	if (fetch_status == 0)
		return err_set(e, ERR_TIME, "nobody is there");
	got->status = fetch_status;
	head.n = fetch_retry != NULL;
	head.f[0] = (struct http_field){ STR_INIT("retry-after"),
		str_of(fetch_retry) };
	got->head = head;
	buf_addz(&got->body, fetch_body);
	return 0;
}

void
fetched_free(struct fetched *got)
{
	buf_wipe(&got->body);
}

/* The key file is not of this test. */
int
login_lock(const char *path, int64_t due, struct err *e)
{
	(void)path;
	(void)due;
	return err_set(e, ERR_SYS, "no lock");
}

void
login_unlock(int fd)
{
	(void)fd;
}

bool
oauth_clock_ok(void)
{
	return true;
}

struct model_entry *
route_models(const struct conf *c, struct arena *a, size_t *n)
{
	struct model_entry *m = arena_alloc(a, sizeof(*m));

	(void)c;
	memset(m, 0, sizeof(*m));
	m->id = m->owner = STR("echo");
	*n = 1;
	return m;
}

/* ---- the laboratory ---- */

static struct conf *
setup(const char *name, const char *more)
{
	char text[1024], dir[128];
	struct err e;
	struct conf *c;

	snprintf(dir, sizeof(dir), "%s/%s", lab, name);
	mkdir(dir, 0700);
	snprintf(text, sizeof(text), "state_dir = %s\n"
	    "listen = 127.0.0.1:8081\n%s", dir, more);
	c = conf_parse(str_of(text), "test", &e);
	if (c == NULL) {
		fprintf(stderr, "%s\n", e.text);
		exit(1);
	}
	return c;
}

static bool
has(struct str s, const char *part)
{
	return str_find(s, str_of(part)) >= 0;
}

static void
take(int fd, char *into, size_t size)
{
	ssize_t n = pread(fd, into, size - 1, 0);

	into[n < 0 ? 0 : n] = '\0';
}

/* Run `llmux status ARG`; what it wrote goes to said_out and said_err. */
static int
run(struct conf *c, const char *arg)
{
	const char *argv[] = { "status", arg, NULL };
	char path[128];
	int saved[2] = { dup(1), dup(2) }, fd[2], code, i;

	fflush(NULL);
	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/out%d", lab, i);
		fd[i] = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
		dup2(fd[i], 1 + i);
	}
	code = status_command(c, arg == NULL ? 1 : 2,
	    (char **)(uintptr_t)argv);
	for (i = 0; i < 2; i++) {
		dup2(saved[i], 1 + i);
		close(saved[i]);
	}
	take(fd[0], said_out, sizeof(said_out));
	take(fd[1], said_err, sizeof(said_err));
	close(fd[0]);
	close(fd[1]);
	return code;
}

static void
check_columns(void)
{
	struct str rest = str_of(said_out), line;

	while (str_cut(&rest, '\n', &line))
		CHECK(line.n < 80);
}

/* said_out with its lines put together again. */
static struct str
unwrapped(void)
{
	static char text[sizeof(said_out)];
	const char *from = said_out;
	size_t n = 0;

	while (*from != '\0')
		if (strncmp(from, "\n    ", 5) == 0) {
			text[n++] = ' ';
			from += 5;
		} else {
			text[n++] = *from++;
		}
	return (struct str){ text, n };
}

static int stop_pipe[2];

/* The accept loop of a server. */
static void *
serve_thread(void *arg)
{
	for (;;) {
		struct pollfd p[2] = { { .fd = listener, .events = POLLIN },
			{ .fd = stop_pipe[0], .events = POLLIN } };

		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents != 0)
			return arg;
		control_accept(listener);
	}
}

static volatile sig_atomic_t hangups;

static void
on_hangup(int sig)
{
	(void)sig;
	hangups++;
}

/* ---- tests ---- */

#define DAY 86400

static void
set_account(void)
{
	int64_t now = wall_s();

	account = (struct oauth_state){ .kind = "login", .source = "",
		.usable = true, .email = STR_INIT("ana@example.org"),
		.plan = STR_INIT("max"), .expires_at = now + 3 * 3600 + 30,
		.refresh_expires_at = 1797724800, .last_refresh = now - 10,
		.refreshes = 2 };
}

static void
note_quota(const char *name)
{
	struct provider p;
	static struct http_head h;
	static char reset[32];

	memset(&p, 0, sizeof(p));
	p.name = str_of(name);
	p.type = PROVIDER_ANTHROPIC;
	snprintf(reset, sizeof(reset), "%lld", (long long)wall_s() + 4210);
	h.n = 2;
	h.f[0] = (struct http_field){
		STR_INIT("anthropic-ratelimit-unified-5h-utilization"),
		STR_INIT("0.625") };
	h.f[1] = (struct http_field){
		STR_INIT("anthropic-ratelimit-unified-5h-reset"),
		str_of(reset) };
	quota_note(&p, &h, wall_s() - 250);
}

/* Without a server: from what is known here. */
static void
test_alone(void)
{
	struct conf *c = setup("alone", "[provider local]\ntype = openai\n"
	    "base_url = http://127.0.0.1:1/v1\n[provider off]\n"
	    "type = openai\nbase_url = http://127.0.0.1:1/v1\n"
	    "enabled = no\n");
	struct str rest;
	struct buf b;
	struct err e;

	set_account();
	note_quota("claude");
	buf_init(&b, 65536);
	CHECK(control_ask(c, "status", &b, &e) < 0 && e.kind == ERR_SYS);
	CHECK_INT(run(c, "--check"), 1);
	CHECK_STR(str_of(said_out), STR(""));
	CHECK(str_starts(str_of(said_err), STR("llmux: status: ")));
	CHECK_INT(run(c, "--bad"), 2);
	CHECK_INT(run(c, NULL), 0);
	CHECK_STR(str_of(said_err), STR(""));
	check_columns();
	rest = unwrapped();
	CHECK(str_starts(rest, STR("server: not running\n")));
	CHECK(has(rest, "\nclaude   login  ana@example.org  max  token until "));
	CHECK(has(rest, "(in 3 h)"));
	CHECK(has(rest, "login needed by 2026-12-20\n"));
	CHECK(has(rest, "\n  5h 62% resets in 1 h 10 min (seen 4 min ago)\n"));
	CHECK(has(rest, "\nlocal    no credential; cannot be read\n"));
	CHECK(!has(rest, "off"));

	account.email = STR("a\033[1mb");
	account.organization = STR("");
	account.trouble = STR("the refresh token was refused; run "
	    "`llmux login claude` and log in again, please, at once");
	account.moved = account.unsaved = true;
	account.expires_at = wall_s() - 90061;
	account.source = "CLAUDE_CODE_OAUTH_TOKEN";
	CHECK_INT(run(c, NULL), 0);
	check_columns();
	rest = unwrapped();
	CHECK(!has(rest, "\033") && has(rest, "a?[1mb"));
	CHECK(has(rest, "login (CLAUDE_CODE_OAUTH_TOKEN)"));
	CHECK(has(rest, "expired 1 d 1 h ago"));

	CHECK_INT(run(c, "--json"), 0);
	CHECK_INT(json_check(str_of(said_out), NULL), 0);
	CHECK(has(str_of(said_out), "{\"server\":{\"running\":false,"));
	CHECK(has(str_of(said_out), "\"used_percent\":62.5,"));
	CHECK(has(str_of(said_out), "\"login_needed_by\":1797724800,"));
	buf_free(&b);
	conf_unref(c);
}

static void
test_auth_status(void)
{
	struct conf *c = setup("auth", "");
	struct buf b;

	buf_init(&b, 65536);
	set_account();
	auth_status_json(c, &b);
	CHECK_INT(json_check(buf_str(&b), NULL), 0);
	CHECK(str_starts(buf_str(&b), STR("{\"has_tokens\":true,"
	    "\"is_expired\":false,\"expires_at\":\"20")));
	CHECK(has(buf_str(&b), "Z\",\"time_until_expiry\":\"3h 0m\","
	    "\"token_type\":\"oauth_flow\",\"accounts\":[{\"name\":"));
	account.kind = "setup token";
	account.expires_at = wall_s() + 3 * DAY + 2 * 3600 + 30;
	buf_clear(&b);
	auth_status_json(c, &b);
	CHECK(has(buf_str(&b), "\"3d 2h\",\"token_type\":\"long_term\""));
	account.expires_at = wall_s() - 65;
	buf_clear(&b);
	auth_status_json(c, &b);
	CHECK(has(buf_str(&b), "\"is_expired\":true"));
	CHECK(has(buf_str(&b), "\"1m ago\""));
	account.kind = "api key";
	buf_clear(&b);
	auth_status_json(c, &b);
	CHECK(str_starts(buf_str(&b), STR("{\"has_tokens\":false,"
	    "\"is_expired\":true,\"expires_at\":null,"
	    "\"time_until_expiry\":\"No tokens\",\"token_type\":null,")));
	buf_free(&b);
	conf_unref(c);
}

/* Ask for usage: gives the document in b. */
static int
usage(struct conf *c, const char *name, struct buf *b)
{
	struct err e;
	int rc;

	buf_clear(b);
	rc = oauth_usage_json(c, conf_provider(c, str_of(name)), b, &e);
	if (rc == 0)
		CHECK_IN(name, json_check(buf_str(b), NULL) == 0);
	return rc < 0 ? -(int)e.kind : 0;
}

static void
test_usage(void)
{
	/* One name a case: within a minute nobody is asked twice. */
	struct conf *c = setup("usage", "[provider two]\ntype = anthropic\n"
	    "[provider three]\ntype = anthropic\n"
	    "[provider four]\ntype = anthropic\n");
	struct buf b;

	buf_init(&b, 65536);
	CHECK_INT(usage(c, "claude", &b), -ERR_AUTH);
	has_key = true;
	CHECK_INT(usage(c, "claude", &b), -ERR_AUTH);
	CHECK_INT(fetches, 0);
	has_login = true;
	fetch_status = 200;
	fetch_body = "{\"five_hour\":null,\"x\":1}";
	CHECK_INT(usage(c, "claude", &b), 0);
	CHECK_STR(buf_str(&b), str_of(fetch_body));
	CHECK_STR(str_of(fetch_url),
	    STR("GET https://api.anthropic.com/api/oauth/usage"));
	CHECK(has(str_of(fetch_fields),
	    "authorization: Bearer sk-ant-oat01-made-up\r\n"));
	CHECK(has(str_of(fetch_fields),
	    "anthropic-beta: oauth-2025-04-20\r\n"));
	fetch_body = "{}";
	CHECK_INT(usage(c, "claude", &b), 0);
	CHECK_STR(buf_str(&b), STR("{\"five_hour\":null,\"x\":1}"));
	CHECK_INT(fetches, 1);

	/* Refused: from the headers, and no second call. */
	fetch_status = 429;
	fetch_retry = "3600";
	CHECK_INT(usage(c, "two", &b), 0);
	CHECK_STR(buf_str(&b), STR("{\"five_hour\":null,\"seven_day\":null,"
	    "\"seven_day_opus\":null,\"seven_day_sonnet\":null,"
	    "\"seven_day_oi\":null,\"llmux_source\":\"headers\"}"));
	CHECK_INT(usage(c, "two", &b), 0);
	CHECK_INT(fetches, 2);
	fetch_status = 0;
	note_quota("four");
	CHECK_INT(usage(c, "four", &b), 0);
	CHECK(str_starts(buf_str(&b),
	    STR("{\"five_hour\":{\"utilization\":62.5,\"resets_at\":\"20")));
	fetch_status = 200;
	fetch_body = "<html>";
	CHECK_INT(usage(c, "three", &b), 0);
	CHECK(has(buf_str(&b), "\"llmux_source\":\"headers\""));
	CHECK_INT(fetches, 4);
	CHECK_INT(usage(c, "claude", &b), 0);
	CHECK_STR(buf_str(&b), STR("{\"five_hour\":null,\"x\":1}"));
	CHECK_INT(fetches, 4);
	buf_free(&b);
	conf_unref(c);
}

/* With a server, which is another thread. */
static void
test_served(void)
{
	struct conf *c = setup("served", ""), *other = setup("other", "");
	struct sigaction sa;
	struct stat st;
	struct err e;
	struct buf b;
	pthread_t t;
	char path[128];
	int i;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_hangup;
	sigaction(SIGHUP, &sa, NULL);
	buf_init(&b, 65536);
	set_account();
	listener = control_listen(c, &e);
	CHECK(listener >= 0);
	snprintf(path, sizeof(path), "%s/served/control.sock", lab);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	CHECK(control_listen(c, &e) < 0 && e.kind == ERR_INPUT &&
	    has(str_of(e.text), path));
	conf_publish(conf_ref(c));
	CHECK(pipe(stop_pipe) == 0);
	CHECK(pthread_create(&t, NULL, serve_thread, NULL) == 0);

	CHECK_INT(run(c, "--check"), 0);
	CHECK_STR(str_of(said_err), STR(""));
	CHECK_INT(run(c, NULL), 0);
	CHECK(str_starts(str_of(said_out), STR("server: llmux "
	    LLMUX_VERSION ", pid ")));
	CHECK(has(str_of(said_out), "http://127.0.0.1:8081"));
	CHECK_INT(run(c, "--json"), 0);
	CHECK(has(str_of(said_out), "\"running\":true"));

	CHECK(control_ask(c, "models", &b, &e) == 0);
	CHECK(has(buf_str(&b), "\"id\":\"echo\""));
	CHECK(control_ask(c, "nonsense", &b, &e) == 0);
	CHECK_STR(buf_str(&b), STR("{\"error\":\"unknown question\"}"));
	control_reload(c);
	CHECK_INT(hangups, 1);

	/* The socket of another state_dir's server: not meant. */
	snprintf(path, sizeof(path), "%s/other/control.sock", lab);
	CHECK(symlink("../served/control.sock", path) == 0);
	CHECK(control_ask(other, "status", &b, &e) < 0 &&
	    e.kind == ERR_PEER);
	control_reload(other);
	CHECK_INT(hangups, 1);

	/* Many askers in a row: threads come and go. */
	for (i = 0; i < 50; i++)
		CHECK(control_ask(c, "models", &b, &e) == 0 ||
		    e.kind != ERR_SYS);
	CHECK(write(stop_pipe[1], "x", 1) == 1);
	CHECK(pthread_join(t, NULL) == 0);
	control_close(listener, c);
	snprintf(path, sizeof(path), "%s/served/control.sock", lab);
	CHECK(lstat(path, &st) < 0);
	nanosleep(&(struct timespec){ 0, 100000000 }, NULL);
	conf_publish(NULL);
	buf_free(&b);
	conf_unref(other);
	conf_unref(c);
}

/* A server that says nothing, and one that stops in the middle. */
static void
test_silent(void)
{
	struct conf *c = setup("silent", "");
	struct net_addr a = { .is_unix = true, .mode = 0600 };
	int64_t begin = now_ms();
	struct err e;
	struct buf b;
	int fd;

	buf_init(&b, 65536);
	snprintf(a.host, sizeof(a.host), "%s/silent/control.sock", lab);
	fd = net_listen(&a, &e);
	CHECK(fd >= 0);
	CHECK(control_ask(c, "status", &b, &e) < 0 && e.kind == ERR_TIME);
	CHECK(now_ms() - begin < 6000);
	net_unlisten(fd, &a);
	buf_free(&b);
	conf_unref(c);
}

static void
test_long_path(void)
{
	char name[128];
	struct conf *c;
	struct err e;

	memset(name, 'd', 100);
	name[100] = '\0';
	c = setup(name, "");
	CHECK(control_listen(c, &e) < 0 && e.kind == ERR_LIMIT);
	CHECK(has(str_of(e.text), "over 107 bytes"));
	CHECK(control_ask(c, "status", NULL, &e) < 0 && e.kind == ERR_SYS);
	conf_unref(c);
}

static void
test_memory(void)
{
	struct conf *c = setup("memory", "");
	struct buf b;
	int n, good = 0;

	set_account();
	for (n = 0; n < 100000 && good == 0;
	    n += 1 + n / 10) {
		mem_fail_after(n);
		buf_init(&b, 65536);
		status_json(c, &b);
		mem_fail_after(-1);
		CHECK(b.bad || json_check(buf_str(&b), NULL) == 0);
		buf_free(&b);
		mem_fail_after(n);
		good = run(c, NULL) == 0;
		mem_fail_after(-1);
		buf_init(&b, 65536);
		mem_fail_after(n);
		auth_status_json(c, &b);
		oauth_usage_json(c, conf_provider(c, STR("claude")), &b,
		    NULL);
		mem_fail_after(-1);
		buf_free(&b);
	}
	CHECK(good);
	conf_unref(c);
}

int
main(void)
{
	char cmd[128];

	snprintf(lab, sizeof(lab), "/tmp/llmux-control.XXXXXX");
	if (mkdtemp(lab) == NULL) {
		perror(lab);
		return 1;
	}
	log_setup(LOG_WARN, false);
	test_alone();
	test_auth_status();
	test_usage();
	test_memory();
	test_long_path();
	test_silent();
	test_served();
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", lab);
	if (system(cmd) != 0)
		perror(cmd);
	return check_done();
}
