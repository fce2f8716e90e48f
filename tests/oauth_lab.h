/* SPDX-License-Identifier: MIT */
/*
 * oauth_lab: a provider in a thread: a plain HTTP server on the loopback that
 * keeps what it was asked and answers from a script, one answer a connection,
 * in order; the last one again and again. It knows no OAuth.
 */
#ifndef LLMUX_TESTS_OAUTH_LAB_H
#define LLMUX_TESTS_OAUTH_LAB_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "../json.h"
#include "../oauth.h"
#include "check.h"

#define LAB_ASKED_MAX 32
#define LAB_REQUEST_MAX 65536

/* status 0: the connection is closed without an answer. */
struct lab_answer {
	int status;
	const char *fields; /* with their CRLF; NULL: JSON */
	const char *body;
};

static struct {
	pthread_t thread;
	pthread_mutex_t lock;
	int listener, stop[2];
	unsigned port;
	const struct lab_answer *script;
	size_t n, at;
	size_t asked;
	char request[LAB_ASKED_MAX][LAB_REQUEST_MAX];
} lab = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void
lab_die(const char *what)
{
	perror(what);
	exit(1);
}

/* A socket with a port of the kernel's choice; without listening connections
 * to it are refused. */
static int
lab_bind(unsigned *port, int backlog)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t n = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, "127.0.0.1", &sa.sin_addr);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, n) < 0 ||
	    (backlog > 0 && listen(fd, backlog) < 0) ||
	    getsockname(fd, (struct sockaddr *)&sa, &n) < 0)
		lab_die("lab_bind");
	*port = ntohs(sa.sin_port);
	return fd;
}

/* A whole request with its body, NUL-terminated. */
static void
lab_read(int fd, char *to)
{
	size_t n = 0, want = SIZE_MAX;

	while (n < want && n < LAB_REQUEST_MAX - 1) {
		ssize_t k = recv(fd, to + n, LAB_REQUEST_MAX - 1 - n, 0);
		char *end, *length;

		if (k <= 0)
			break;
		n += (size_t)k;
		to[n] = '\0';
		end = strstr(to, "\r\n\r\n");
		if (end == NULL || want != SIZE_MAX)
			continue;
		length = strstr(to, "content-length: ");
		want = (size_t)(end - to) + 4 + (length == NULL ? 0 :
		    (size_t)strtoul(length + 16, NULL, 10));
	}
	to[n] = '\0';
}

static void
lab_write(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

		if (k <= 0)
			return;
		p += k;
		n -= (size_t)k;
	}
}

static void
lab_serve(int fd)
{
	struct timeval limit = { 5, 0 };
	const struct lab_answer *a;
	char head[2048];
	int n;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	pthread_mutex_lock(&lab.lock);
	if (lab.asked == LAB_ASKED_MAX)
		lab.asked--;
	lab_read(fd, lab.request[lab.asked++]);
	a = &lab.script[lab.at];
	if (lab.at + 1 < lab.n)
		lab.at++;
	if (a->status > 0) {
		n = snprintf(head, sizeof(head), "HTTP/1.1 %d X\r\n%s"
		    "Content-Length: %zu\r\n\r\n", a->status, a->fields ==
		    NULL ? "Content-Type: application/json\r\n" : a->fields,
		    strlen(a->body));
		lab_write(fd, head, (size_t)n);
		lab_write(fd, a->body, strlen(a->body));
	}
	close(fd);
	pthread_mutex_unlock(&lab.lock); /* the script may change now */
}

static void *
lab_main(void *arg)
{
	(void)arg;
	for (;;) {
		struct pollfd p[2] = { { lab.listener, POLLIN, 0 },
			{ lab.stop[0], POLLIN, 0 } };
		int fd;

		if (poll(p, 2, -1) < 0 || p[1].revents != 0)
			return NULL;
		fd = accept(lab.listener, NULL, NULL);
		if (fd >= 0)
			lab_serve(fd);
	}
}

static void
lab_start(void)
{
	lab.listener = lab_bind(&lab.port, 16);
	if (pipe(lab.stop) < 0 || pthread_create(&lab.thread, NULL, lab_main,
	    NULL) != 0)
		lab_die("lab_start");
}

static void
lab_end(void)
{
	close(lab.stop[1]);
	pthread_join(lab.thread, NULL);
	close(lab.stop[0]);
	close(lab.listener);
}

/* What comes next, and nothing was asked yet. */
static inline void
lab_play(const struct lab_answer *script, size_t n)
{
	pthread_mutex_lock(&lab.lock);
	lab.script = script;
	lab.n = n;
	lab.at = lab.asked = 0;
	pthread_mutex_unlock(&lab.lock);
}

static inline size_t
lab_asked(void)
{
	size_t n;

	pthread_mutex_lock(&lab.lock);
	n = lab.asked;
	pthread_mutex_unlock(&lab.lock);
	return n;
}

/* The request line of the i-th request, its field, its body; "" if none. */
static inline struct str
lab_line(size_t i)
{
	struct str s = str_of(i < lab_asked() ? lab.request[i] : ""), line;

	str_cut(&s, '\r', &line);
	return line;
}

static inline struct str
lab_field(size_t i, const char *name)
{
	struct str s = str_of(i < lab_asked() ? lab.request[i] : ""), line,
	    key;

	while (str_cut(&s, '\n', &line) && line.n > 1) {
		if (line.p[line.n - 1] == '\r')
			line.n--;
		str_cut(&line, ':', &key);
		if (str_ieq(key, str_of(name)))
			return str_trim(line);
	}
	return STR("");
}

static inline struct str
lab_body(size_t i)
{
	struct str s = str_of(i < lab_asked() ? lab.request[i] : "");
	ssize_t at = str_find(s, STR("\r\n\r\n"));

	return at < 0 ? STR("") : str_sub(s, (size_t)at + 4, s.n);
}

/* ---- what the tests of oauth share ---- */

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))
#define DUE (now_ms() + 10000)
#define ACCESS "sk-ant-oat01-AAAA"
#define REFRESH "sk-ant-ort01-BBBB"
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URbuGJSstw-cM"
#define STATE "state-0123456789012345678901234567890123456"
#define CLAUDE_ID "9d1c250a-e61b-44d9-88ed-5944d1962f5e"
#define CODEX_ID "app_EMoamEEZ73f0CkXaXp7hrann"

static unsigned closed_port; /* refuses connections */
static int closed_listener;

/* A configuration from text in which @ is the mock's port and ! one that
 * nobody listens at. */
static inline struct conf *
conf_of(const char *text)
{
	struct err e = { .kind = ERR_NONE };
	struct conf *c;
	struct buf b;

	buf_init(&b, 65536);
	for (; *text != '\0'; text++)
		if (*text == '@')
			buf_fmt(&b, "http://127.0.0.1:%u", lab.port);
		else if (*text == '!')
			buf_fmt(&b, "http://127.0.0.1:%u", closed_port);
		else
			buf_addc(&b, *text);
	c = conf_parse(buf_str(&b), "test", &e);
	CHECK_STR(str_of(e.text), STR(""));
	buf_free(&b);
	if (c == NULL)
		exit(1);
	return c;
}

static inline const struct provider *
provider(const struct conf *c, const char *name)
{
	const struct provider *p = conf_provider(c, str_of(name));

	if (p == NULL)
		exit(1);
	return p;
}

/* Values of RFC 7636 appendix B. */
static const struct oauth_flow flow = {
	.verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
	.challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URbuGJSstw-cM",
	.state = "state-0123456789012345678901234567890123456",
	.redirect = "https://console.anthropic.com/oauth/code/callback",
};

static inline struct oauth_flow
flow_for(const char *redirect, bool setup)
{
	struct oauth_flow f = flow;

	f.setup = setup;
	if (redirect != NULL)
		fmt_to(f.redirect, sizeof(f.redirect), "%s", redirect);
	return f;
}

/* text with the mock's address as @, in a buffer of its own. */
static inline struct str
at(const char *text)
{
	static char room[4][512];
	static unsigned turn;
	char *to = room[turn++ % 4];
	struct buf b;

	buf_init(&b, 511);
	for (; *text != '\0'; text++)
		if (*text == '@')
			buf_fmt(&b, "127.0.0.1:%u", lab.port);
		else
			buf_addc(&b, *text);
	fmt_to(to, 512, "%.*s", STR_ARG(buf_str(&b)));
	buf_free(&b);
	return str_of(to);
}

/* A JWT with this payload, good until the next but three. */
static inline const char *
jwt(const char *payload)
{
	static char room[4][1024];
	static unsigned turn;
	char *to = room[turn++ % 4];
	struct buf b;

	buf_init(&b, 1023);
	buf_addz(&b, "eyJh.");
	buf_add_b64url(&b, payload, strlen(payload));
	buf_addz(&b, ".sig");
	fmt_to(to, 1024, "%s", b.p);
	buf_free(&b);
	return to;
}

static inline bool
near(int64_t got, int64_t want)
{
	return got >= want - 20 && got <= want + 1;
}

static const char claude_ok[] = "{\"token_type\":\"bearer\","
    "\"access_token\":\"" ACCESS "\",\"expires_in\":28800,"
    "\"refresh_token\":\"" REFRESH "\",\"refresh_token_expires_in\":2592000,"
    "\"scope\":\"x\",\"account\":{\"uuid\":\"0f\",\"email_address\":"
    "\"ana@example.org\"},\"organization\":{\"name\":\"Ana's \\u00e9\"}}";

static const char codex_id[] = "{\"exp\":5,\"email\":\"me@example.org\","
    "\"https://api.openai.com/auth\":{\"chatgpt_account_id\":\"acc-1\","
    "\"chatgpt_plan_type\":\"plus\",\"chatgpt_account_is_fedramp\":true}}";

static inline struct login
old_login(enum provider_type type)
{
	bool bad = false;
	struct login l;

	login_init(&l);
	l.type = type;
	l.access = login_str(&l, STR("old-access"), &bad);
	l.refresh = login_str(&l, STR("old-refresh-0123456789"), &bad);
	l.id_token = login_str(&l, STR("old-id"), &bad);
	l.account_id = login_str(&l, STR("acc-0"), &bad);
	l.email = login_str(&l, STR("old@example.org"), &bad);
	l.plan = login_str(&l, STR("plus"), &bad);
	l.trouble = login_str(&l, STR("was bad"), &bad);
	l.expires_at = 1000;
	l.refresh_expires_at = 2000;
	CHECK(!bad);
	return l;
}

static inline void
lab_begin(void)
{
	closed_listener = lab_bind(&closed_port, 0);
	lab_start();
	log_setup(LOG_ERROR, false);
}

static inline int
lab_done(void)
{
	lab_end();
	close(closed_listener);
	return check_done();
}

#endif
