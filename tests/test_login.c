/* SPDX-License-Identifier: MIT */
/*
 * login: names, options, flow files, the pages of the callback, and the
 * callback itself over loopback: what ends a login, what does not, mute and
 * broken guests, ports that are taken, and memory that is not there.
 */
#include "check.h"

#include "../admin/callback.c"
#include "../admin/login.c"
#include "../admin/login_code.c"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>

static struct conf *conf;
static char dir[64];

/* ---- pure ---- */

static void
names(void)
{
	static const struct {
		const char *name;
		bool ok;
	} rows[] = {
		{ "work", true }, { "a", true }, { "0", true },
		{ "claude-setup", true }, { "a_b-1", true },
		{ "abcdefghijklmnopqrstuvwxyz012345", true },
		{ "abcdefghijklmnopqrstuvwxyz0123456", false },
		{ "", false }, { "echo", false }, { "Work", false },
		{ "-a", false }, { "_a", false }, { "a/b", false },
		{ "../x", false }, { "a.b", false }, { "a b", false },
		{ "\xc3\xa4", false },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK_INT_IN(rows[i].name, conf_name_ok(str_of(rows[i].name)),
		    rows[i].ok);
}

static void
states(void)
{
	static const struct {
		const char *query;
		bool ok;
	} rows[] = {
		{ "code=c&state=S1", true }, { "state=S1&code=c", true },
		{ "state=S1", true }, { "error=x&state=S1", true },
		{ "code=c", false }, { "", false }, { "state=", false },
		{ "state", false }, { "code=c&state=S", false },
		{ "code=c&state=S12", false }, { "xstate=S1", false },
		{ "code=state=S1", false },
		{ "state=S2&state=S1", false }, /* the first one counts */
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK_INT_IN(rows[i].query, callback_state(str_of(
		    rows[i].query), "S1"), rows[i].ok);
}

static void
pages(void)
{
	static const char *const want =
	    "HTTP/1.1 400 Bad Request\r\n"
	    "Content-Type: text/html; charset=utf-8\r\n"
	    "Content-Length: 111\r\n"
	    "Cache-Control: no-store\r\n"
	    "Connection: close\r\n\r\n"
	    "<!doctype html><meta charset=utf-8><title>llmux</title>"
	    "<h1>T</h1><p>&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt; ok</p>\n";
	struct buf b;

	buf_init(&b, 4096);
	callback_page(&b, 400, "T", "<b>&\"'</b> ok");
	CHECK_STR(buf_str(&b), str_of(want));
	CHECK_INT(strlen(strstr(want, "<!doctype")), 111);
	buf_free(&b);
}

static void
flows(void)
{
	struct signin *s = signin_new(conf, "login");
	char path[LOGIN_PATH_MAX], text[300];
	struct stat st;
	struct buf b;
	size_t i;
	long n;

	const struct {
		const char *name, *format; /* %lld: now, moved by age */
		int age;
		const char *why; /* NULL: good */
	} rows[] = {
		{ "good", "{\"type\":\"claude\",\"verifier\":\"v\","
		    "\"state\":\"s\",\"redirect\":\"r\",\"time\":%lld}", 0,
		    NULL },
		{ "14 minutes", "{\"type\":\"claude\",\"verifier\":\"v\","
		    "\"state\":\"s\",\"redirect\":\"r\",\"time\":%lld}", -840,
		    NULL },
		{ "16 minutes", "{\"type\":\"claude\",\"verifier\":\"v\","
		    "\"state\":\"s\",\"redirect\":\"r\",\"time\":%lld}", -960,
		    "15 minutes" },
		{ "tomorrow", "{\"type\":\"claude\",\"verifier\":\"v\","
		    "\"state\":\"s\",\"redirect\":\"r\",\"time\":%lld}", 86400,
		    "15 minutes" },
		{ "other type", "{\"type\":\"chatgpt\",\"verifier\":\"v\","
		    "\"state\":\"s\",\"redirect\":\"r\",\"time\":%lld}", 0,
		    "damaged" },
		{ "no verifier", "{\"type\":\"claude\","
		    "\"state\":\"s\",\"redirect\":\"r\",\"time\":%lld}", 0,
		    "damaged" },
		{ "empty state", "{\"type\":\"claude\",\"verifier\":\"v\","
		    "\"state\":\"\",\"redirect\":\"r\",\"time\":%lld}", 0,
		    "damaged" },
		{ "state too long", "{\"type\":\"claude\",\"verifier\":\"v\","
		    "\"state\":\"01234567890123456789012345678901234567890123"
		    "\",\"redirect\":\"r\",\"time\":%lld}", 0, "damaged" },
		{ "cut", "{\"type\":\"claude\",\"verifier\":\"v", 0,
		    "damaged" },
		{ "empty", "", 0, "damaged" },
		{ "array", "[]", 0, "damaged" },
	};

	s->p = conf_provider(conf, STR("claude"));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fmt_to(text, sizeof(text), "%s", rows[i].format);
		if (strstr(text, "%lld") != NULL) {
			buf_init(&b, 300);
			buf_fmt(&b, "%.*s%lld}", (int)(strstr(text, "%lld") -
			    text), text, (long long)(wall_s() + rows[i].age));
			fmt_to(text, sizeof(text), "%s", b.p);
			buf_free(&b);
		}
		CHECK_INT_IN(rows[i].name, flow_parse(s, str_of(text)),
		    rows[i].why == NULL ? 0 : -1);
		CHECK_IN(rows[i].name, rows[i].why == NULL ||
		    strstr(s->e.text, rows[i].why) != NULL);
	}

	/* What is written is read back; nobody else may read it. */
	memset(&s->flow, 0, sizeof(s->flow));
	memset(s->flow.verifier, 'v', 86);
	memset(s->flow.state, 's', 43);
	fmt_to(s->flow.redirect, 256, "http://localhost:1455/auth/callback");
	flow_path(s, path);
	for (n = 0;; n++) { /* until there is memory enough */
		mem_fail_after(n);
		if (flow_save(s, path) == 0)
			break;
		CHECK_INT(s->e.kind, ERR_MEM);
	}
	mem_fail_after(-1);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	memset(&s->flow, 0, sizeof(s->flow));
	CHECK_INT(flow_load(s, path), 0);
	CHECK_INT(strlen(s->flow.verifier), 86);
	CHECK_INT(strlen(s->flow.state), 43);
	CHECK_STR(str_of(s->flow.redirect),
	    STR("http://localhost:1455/auth/callback"));
	signin_end(s);
	CHECK_INT(flow_load(s, path), -1);
	CHECK(strstr(s->e.text, "no login is under way") != NULL);
	signin_free(s);
}

/* ---- options ---- */

/* Misuse speaks on stderr: that goes to /dev/null meanwhile. */
static void
options(void)
{
	static const struct {
		const char *line;
		int code;
		enum way way;
		const char *name;
	} rows[] = {
		{ "login claude", 0, WAY_USUAL, "claude" },
		{ "login chatgpt --device", 0, WAY_DEVICE, "chatgpt" },
		{ "login --paste chatgpt", 0, WAY_PASTE, "chatgpt" },
		{ "login claude --url --as work", 0, WAY_URL, "work" },
		{ "login claude --as=work --code -", 0, WAY_CODE, "work" },
		{ "login claude --code=-", 0, WAY_CODE, "claude" },
		{ "login claude --as claude", 0, WAY_USUAL, "claude" },
		{ "login", 2, 0, "" },
		{ "login claude --device", 2, 0, "" },
		{ "login claude --code abc#def", 2, 0, "" },
		{ "login claude --code", 2, 0, "" },
		{ "login claude --as", 2, 0, "" },
		{ "login claude --as echo", 2, 0, "" },
		{ "login claude --as ../x", 2, 0, "" },
		{ "login claude --as chatgpt", 2, 0, "" },
		{ "login claude --as local", 2, 0, "" },
		{ "login local", 2, 0, "" },
		{ "login nobody", 2, 0, "" },
		{ "login claude chatgpt", 2, 0, "" },
		{ "login claude --frob", 2, 0, "" },
	};
	int saved = dup(2), null = open("/dev/null", O_WRONLY);
	size_t i;

	dup2(null, 2);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct signin *s = signin_new(conf, "login");
		struct str rest = str_of(rows[i].line), part;
		char words[8][32], *argv[9] = { NULL };
		int n = 0, code;

		while (n < 8 && str_cut(&rest, ' ', &part)) {
			fmt_to(words[n], 32, "%.*s", STR_ARG(part));
			argv[n] = words[n];
			n++;
		}
		code = login_options(s, n, argv);
		fflush(stderr);
		dup2(saved, 2);
		CHECK_INT_IN(rows[i].line, code, rows[i].code);
		if (code == 0) {
			CHECK_INT_IN(rows[i].line, s->way, rows[i].way);
			CHECK_STR_IN(rows[i].line, s->p->name,
			    str_of(rows[i].name));
			CHECK_IN(rows[i].line, s->p->api_key.n == 0 ||
			    str_eq(s->p->name, STR("claude")));
		}
		dup2(null, 2);
		signin_free(s);
	}
	dup2(saved, 2);
	close(saved);
	close(null);
}

/* ---- the callback ---- */

static int
connect_to(unsigned port, bool v6)
{
	struct sockaddr_in a4 = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)port),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct timeval t = { 5, 0 };
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	if (connect(fd, v6 ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4,
	    v6 ? sizeof(a6) : sizeof(a4)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Steps until something happens or nothing has come for a while. */
static enum callback_event
step_all(struct callback *cb, struct buf *query)
{
	struct pollfd p = { .fd = cb->wake, .events = POLLIN };
	enum callback_event ev = CALLBACK_NONE;

	while (ev == CALLBACK_NONE && poll(&p, 1, 50) == 1)
		ev = callback_step(cb, "S1", query);
	return ev;
}

static void
read_answer(int fd, char *dst, size_t cap)
{
	size_t n = 0;
	ssize_t got;

	while (n + 1 < cap && (got = read(fd, dst + n, cap - 1 - n)) > 0)
		n += (size_t)got;
	dst[n] = '\0';
	close(fd);
}

static void
guests(void)
{
	static const struct {
		const char *request, *answer, *query;
		enum callback_event event;
	} rows[] = {
		{ "GET /favicon.ico HTTP/1.1\r\nHost: x\r\n\r\n", " 404 ", "",
		    CALLBACK_NONE },
		{ "GET / HTTP/1.1\r\nHost: x\r\n\r\n", " 404 ", "",
		    CALLBACK_NONE },
		{ "GET /auth/callback2?code=c&state=S1 HTTP/1.1\r\nHost: x"
		    "\r\n\r\n", " 404 ", "", CALLBACK_NONE },
		{ "POST /auth/callback?code=c&state=S1 HTTP/1.1\r\nHost: x\r\n"
		    "Content-Length: 0\r\n\r\n", " 404 ", "", CALLBACK_NONE },
		{ "GET /auth/callback?code=c&state=S2 HTTP/1.1\r\nHost: x\r\n"
		    "\r\n", " 400 ", "", CALLBACK_NONE },
		{ "GET /auth/callback?code=c HTTP/1.1\r\nHost: x\r\n\r\n",
		    " 400 ", "", CALLBACK_NONE },
		{ "GET /auth/callback HTTP/1.1\r\nHost: x\r\n\r\n", " 400 ",
		    "", CALLBACK_NONE },
		{ "rubbish\r\n\r\n", " 400 ", "", CALLBACK_NONE },
		{ "", "", "", CALLBACK_NONE }, /* opened ahead, and closed */
		{ "GET /cancel HTTP/1.1\r\nHost: x\r\n\r\n", " 200 ", "",
		    CALLBACK_CANCELLED },
		{ "GET /auth/callback?code=c&state=S1 HTTP/1.1\r\nHost: x\r\n"
		    "\r\n", " 200 ", "code=c&state=S1", CALLBACK_QUERY },
		{ "GET /auth/callback?error=no&state=S1 HTTP/1.1\r\nHost: x"
		    "\r\n\r\n", " 200 ", "error=no&state=S1", CALLBACK_QUERY },
	};
	struct callback *cb = mem_calloc(sizeof(*cb));
	struct err e = { .kind = ERR_NONE };
	char got[4096];
	struct buf query;
	size_t i, v6;

	setenv("LLMUX_CALLBACK_PORTS", "0,0", 1);
	CHECK_INT(callback_open(cb, conf, &e), 0);
	buf_init(&query, 4096);
	for (i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		const char *row = rows[i / 2].request;
		int fd;

		v6 = i % 2;
		fd = connect_to(cb->port, v6 == 1);
		if (fd < 0 && v6 == 1)
			continue; /* no IPv6 here */
		CHECK_IN(row, write(fd, row, strlen(row)) ==
		    (ssize_t)strlen(row));
		if (row[0] == '\0')
			shutdown(fd, SHUT_WR);
		buf_clear(&query);
		CHECK_INT_IN(row, step_all(cb, &query), rows[i / 2].event);
		CHECK_STR_IN(row, buf_str(&query), str_of(rows[i / 2].query));
		if (rows[i / 2].event == CALLBACK_QUERY)
			callback_answer(cb, NULL);
		read_answer(fd, got, sizeof(got));
		CHECK_IN(row, strstr(got, rows[i / 2].answer) != NULL);
		CHECK_IN(row, got[0] == '\0' ||
		    strstr(got, "\r\nConnection: close\r\n") != NULL);
		CHECK_IN(row, got[0] == '\0' ||
		    strstr(got, "\r\nContent-Length: ") != NULL);
	}
	callback_close(cb);
	CHECK(!cb->on);

	/* Mute guests hold nobody up, however many there are; the oldest go. */
	CHECK_INT(callback_open(cb, conf, &e), 0);
	{
		int mute[3 * CALLBACK_CONNS], fd;

		for (i = 0; i < 3 * CALLBACK_CONNS; i++) {
			mute[i] = connect_to(cb->port, false);
			step_all(cb, &query);
		}
		CHECK(recv(mute[0], got, 1, 0) == 0);
		fd = connect_to(cb->port, false);
		CHECK(write(fd, rows[10].request, strlen(rows[10].request)) >
		    0);
		buf_clear(&query);
		CHECK_INT(step_all(cb, &query), CALLBACK_QUERY);
		callback_answer(cb, "<why>");
		read_answer(fd, got, sizeof(got));
		CHECK(strstr(got, " 400 ") != NULL);
		CHECK(strstr(got, "&lt;why&gt;") != NULL);
		for (i = 0; i < 3 * CALLBACK_CONNS; i++)
			close(mute[i]);
	}
	callback_close(cb);
	buf_free(&query);
	mem_free(cb);
}

/* Taken ports speak on stderr. */
static void
ports(void)
{
	struct callback *cb = mem_calloc(sizeof(*cb));
	struct err e = { .kind = ERR_NONE };
	struct net_addr a = { .port = 0 };
	int saved = dup(2), null = open("/dev/null", O_WRONLY), fd, rc;
	char text[32];

	fmt_to(a.host, sizeof(a.host), "127.0.0.1");
	fd = net_listen(&a, &e);
	dup2(null, 2);
	fmt_to(text, sizeof(text), "%u,0", a.port);
	setenv("LLMUX_CALLBACK_PORTS", text, 1);
	rc = callback_open(cb, conf, &e);
	dup2(saved, 2);
	CHECK_INT(rc, 0);
	CHECK(cb->port != a.port && cb->port != 0);
	callback_close(cb);
	dup2(null, 2);
	fmt_to(text, sizeof(text), "%u,%u", a.port, a.port);
	setenv("LLMUX_CALLBACK_PORTS", text, 1);
	rc = callback_open(cb, conf, &e);
	dup2(saved, 2);
	CHECK_INT(rc, -1);
	CHECK_INT(cb->port, a.port);
	CHECK(!cb->on);
	callback_close(cb);
	close(fd);
	close(saved);
	close(null);
	mem_free(cb);
}

/* A guest while each allocation in turn fails: he gets his answer or is hung
 * up on, nothing is left open, and the next one is served. */
static void
starving(void)
{
	struct callback *cb = mem_calloc(sizeof(*cb));
	static const char request[] = "GET /auth/callback?code=c&state=S1 "
	    "HTTP/1.1\r\nHost: x\r\n\r\n";
	struct err e = { .kind = ERR_NONE };
	enum callback_event ev = CALLBACK_NONE;
	struct buf query;
	char got[2000];
	long n;

	setenv("LLMUX_CALLBACK_PORTS", "0,0", 1);
	CHECK_INT(callback_open(cb, conf, &e), 0);
	for (n = 0; ev != CALLBACK_QUERY && n < 100; n++) {
		int fd = connect_to(cb->port, false);

		CHECK(write(fd, request, sizeof(request) - 1) > 0);
		buf_init(&query, 4096);
		mem_fail_after(n);
		ev = step_all(cb, &query);
		if (ev == CALLBACK_QUERY && query.bad)
			ev = CALLBACK_NONE;
		callback_answer(cb, NULL);
		mem_fail_after(-1);
		buf_free(&query);
		read_answer(fd, got, sizeof(got));
	}
	CHECK(n > 1 && n < 100);
	callback_close(cb);
	mem_free(cb);
}

int
main(void)
{
	struct err e = { .kind = ERR_NONE };
	char text[300];

	signal(SIGPIPE, SIG_IGN);
	fmt_to(dir, sizeof(dir), "/tmp/llmux-login-XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	fmt_to(text, sizeof(text), "state_dir = %s\n[provider claude]\n"
	    "api_key = sk-ant-api-invented-0001\n"
	    "[provider local]\ntype = openai\n"
	    "base_url = http://127.0.0.1:9/v1\n", dir);
	conf = conf_parse(str_of(text), "test", &e);
	CHECK(conf != NULL);
	if (conf == NULL)
		return check_done();
	names();
	states();
	pages();
	flows();
	options();
	guests();
	ports();
	starving();
	conf_unref(conf);
	CHECK(rmdir(dir) == 0);
	return check_done();
}
