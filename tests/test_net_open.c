/* SPDX-License-Identifier: MIT */
/* Tests of net_open.c: names, racing addresses, HTTP and SOCKS5 proxies. */
#include <dirent.h>

#include "net_lab.h"

static size_t
open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static struct net_conn *
open_host(const char *host, unsigned port, int64_t ms, struct err *e)
{
	struct net_target t = { .host = str_of(host), .port = port };

	*e = (struct err){ ERR_NONE, 0, "" };
	return net_open(&t, NULL, due_in(ms), e);
}

/* ---- names ---- */

static void
test_targets(void)
{
	static const struct {
		const char *host;
		unsigned port;
		enum err_kind kind;
		const char *text;
	} rows[] = {
		{ "", 80, ERR_INPUT, "connect: host is missing" },
		{ "a b", 80, ERR_INPUT,
		    "connect: host name with a foreign byte" },
		{ "a\r\nb", 80, ERR_INPUT,
		    "connect: host name with a foreign byte" },
		{ "a\xc3\xa4", 80, ERR_INPUT,
		    "connect: host name with a foreign byte" },
		{ "a.test", 0, ERR_INPUT,
		    "connect: port is not in 1 to 65535" },
		{ "a.test", 65536, ERR_INPUT,
		    "connect: port is not in 1 to 65535" },
		{ "none.test", 80, ERR_SYS, "none.test:80: name does not "
		    "resolve: Name or service not known" },
		{ "again.test", 80, ERR_SYS, "again.test:80: name does not "
		    "resolve: the name server does not answer; look at the "
		    "DNS settings" },
	};
	char long_name[300];
	struct err e;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CHECK_IN(rows[i].host, open_host(rows[i].host, rows[i].port,
		    1000, &e) == NULL);
		CHECK_INT_IN(rows[i].host, e.kind, rows[i].kind);
		CHECK_STR_IN(rows[i].host, str_of(e.text),
		    str_of(rows[i].text));
	}
	memset(long_name, 'a', sizeof(long_name));
	long_name[256] = '\0';
	CHECK(open_host(long_name, 80, 1000, &e) == NULL);
	CHECK_STR(str_of(e.text), STR("connect: host name is over 255 bytes"));
	long_name[255] = '\0';
	CHECK(open_host(long_name, 80, 1000, &e) == NULL);
	CHECK_INT(e.kind, ERR_SYS);
}

/* ---- racing ---- */

/* A listener whose queue is full: SYNs get no answer. */
struct mute {
	int listener, filler[4];
};

static void
mute_start(struct mute *m, const char *addr, unsigned *port)
{
	struct sockaddr_storage sa;
	socklen_t n = sizeof(sa);
	size_t i;

	m->listener = lab_listen(addr, port, 0);
	getsockname(m->listener, (struct sockaddr *)&sa, &n);
	for (i = 0; i < 4; i++) {
		m->filler[i] = socket(sa.ss_family,
		    SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(m->filler[i], (struct sockaddr *)&sa, n);
	}
	lab_sleep(20);
}

static void
mute_end(struct mute *m)
{
	size_t i;

	for (i = 0; i < 4; i++)
		close(m->filler[i]);
	close(m->listener);
}

static void
test_race(void)
{
	struct err e;
	struct mute m;
	unsigned port = 0;
	int live = lab_listen("127.0.0.1", &port, 64);
	size_t files;
	struct net_conn *c;
	int64_t t;

	/* Literals ask no name server. */
	lab_lookups = 0;
	c = open_host("127.0.0.1", port, 1000, &e);
	CHECK(c != NULL && lab_lookups == 0);
	net_close(c);
	c = open_host("localhost", port, 1000, &e);
	CHECK(c != NULL && lab_lookups == 1);
	net_close(c);

	/* Refused, in either family: the next one at once. */
	t = now_ms();
	files = open_files();
	c = open_host("closed-first.test", port, 1000, &e);
	CHECK(c != NULL && !c->reused && c->sent == 0);
	CHECK_INT(open_files(), files + 1);
	net_close(c);
	c = open_host("six-first.test", port, 1000, &e);
	CHECK(c != NULL && now_ms() - t < 200);
	net_close(c);

	/* No answer: the next one after 250 ms, and the first is closed. */
	mute_start(&m, "127.0.0.2", &port);
	files = open_files();
	t = now_ms();
	c = open_host("closed-first.test", port, 2000, &e);
	CHECK(c != NULL && now_ms() - t >= 245 && now_ms() - t < 900);
	CHECK_INT(open_files(), files + 1);
	net_close(c);
	/* Not before the due time. */
	t = now_ms();
	CHECK(open_host("closed-first.test", port, 100, &e) == NULL);
	CHECK(e.kind == ERR_TIME && now_ms() - t >= 100 && now_ms() - t < 240);
	CHECK_INT(open_files(), files);
	mute_end(&m);

	/* Both families by turns: IPv4 is second, though listed third. */
	mute_start(&m, "::1", &port);
	t = now_ms();
	c = open_host("two-six.test", port, 2000, &e);
	CHECK(c != NULL && now_ms() - t >= 245 && now_ms() - t < 480);
	net_close(c);
	mute_end(&m);
	close(live);
}

static void *
close_later(void *arg)
{
	lab_sleep(80);
	close(*(int *)arg);
	return NULL;
}

static void
test_race_lost(void)
{
	struct err e;
	struct mute m;
	unsigned port = 0;
	int l = lab_listen("127.0.0.1", &port, 4), fd;
	struct net_target t = { .host = STR("127.0.0.2") };
	struct net_conn *watch;
	pthread_t thread;
	char want[100];
	int64_t now;

	close(l);
	CHECK(open_host("six-first.test", port, 1000, &e) == NULL);
	CHECK(e.kind == ERR_SYS && e.sys == ECONNREFUSED);
	fmt_to(want, sizeof(want),
	    "six-first.test:%u: connect: Connection refused", port);
	CHECK_STR(str_of(e.text), str_of(want));
	CHECK(open_host("::1", port, 1000, &e) == NULL);
	fmt_to(want, sizeof(want), "[::1]:%u: connect: Connection refused",
	    port);
	CHECK_STR(str_of(e.text), str_of(want));

	mute_start(&m, "127.0.0.2", &port);
	now = now_ms();
	CHECK(open_host("127.0.0.2", port, 100, &e) == NULL);
	CHECK(e.kind == ERR_TIME && now_ms() - now >= 100 &&
	    now_ms() - now < 1000);
	fmt_to(want, sizeof(want), "127.0.0.2:%u: connect: timed out", port);
	CHECK_STR(str_of(e.text), str_of(want));

	/* The client leaves meanwhile. */
	watch = lab_pair(&fd);
	t.port = port;
	if (pthread_create(&thread, NULL, close_later, &fd) != 0)
		lab_die("pthread_create");
	now = now_ms();
	CHECK(net_open(&t, watch, due_in(LAB_MS), &e) == NULL);
	CHECK(e.kind == ERR_GONE && now_ms() - now < 1000);
	pthread_join(thread, NULL);
	net_close(watch);
	mute_end(&m);
}

/* ---- proxies ---- */

struct step {
	const char *want;
	size_t n_want;
	const char *give; /* NULL: close, the second time: mute */
	size_t n_give;
};
#define STEP(want, give) { want, sizeof(want) - 1, give, sizeof(give) - 1 }
#define STEP_CLOSE(want) { want, sizeof(want) - 1, NULL, 0 }
#define STEP_MUTE(want) { want, sizeof(want) - 1, NULL, 1 }

struct proxy_row {
	const char *name;
	enum net_proxy_kind kind;
	const char *host, *user, *password;
	struct step steps[4];
	const char *error; /* behind "proxy 127.0.0.1:PORT: "; NULL: works */
	size_t pad;        /* bytes "x" behind the last reply */
};

#define HELLO "CONNECT up.test:443 HTTP/1.1\r\nHost: up.test:443\r\n"
#define AGENT "User-Agent: llmux/" LLMUX_VERSION "\r\n\r\n"
#define SOCKS_UP "\5\1\0\3\7up.test\1\273"

static const struct proxy_row proxy_rows[] = {
	{ "connect", NET_PROXY_HTTP, "up.test", "", "",
	    { STEP(HELLO AGENT, "HTTP/1.1 200 Connection established\r\n"
	    "Via: x\r\n\r\n") }, NULL, 0 },
	{ "connect, no reason", NET_PROXY_HTTP, "up.test", "", "",
	    { STEP(HELLO AGENT, "HTTP/1.0 200\r\n\r\n") }, NULL, 0 },
	{ "connect, LF ends", NET_PROXY_HTTP, "up.test", "", "",
	    { STEP(HELLO AGENT, "HTTP/1.0 201 x\nA: b\n\n") }, NULL, 0 },
	{ "connect, 100 first", NET_PROXY_HTTP, "up.test", "", "",
	    { STEP(HELLO AGENT, "HTTP/1.1 100 Continue\r\n\r\n"
	    "HTTP/1.1 200 ok\r\n\r\n") }, NULL, 0 },
	{ "connect, IPv6", NET_PROXY_HTTP, "2001:db8::7", "", "",
	    { STEP("CONNECT [2001:db8::7]:443 HTTP/1.1\r\n"
	    "Host: [2001:db8::7]:443\r\n" AGENT,
	    "HTTP/1.1 200 ok\r\n\r\n") }, NULL, 0 },
	{ "basic", NET_PROXY_HTTP, "up.test", "u", "p",
	    { STEP(HELLO "Proxy-Authorization: Basic dTpw\r\n" AGENT,
	    "HTTP/1.1 200 ok\r\n\r\n") }, NULL, 0 },
	{ "basic, padding", NET_PROXY_HTTP, "up.test", "user", "pass~?>",
	    { STEP(HELLO "Proxy-Authorization: Basic dXNlcjpwYXNzfj8+\r\n"
	    AGENT, "HTTP/1.1 200 ok\r\n\r\n") }, NULL, 0 },
	{ "basic, two pads", NET_PROXY_HTTP, "up.test", "us", "p",
	    { STEP(HELLO "Proxy-Authorization: Basic dXM6cA==\r\n" AGENT,
	    "HTTP/1.1 200 ok\r\n\r\n") }, NULL, 0 },
	{ "basic, one pad", NET_PROXY_HTTP, "up.test", "us", "pw",
	    { STEP(HELLO "Proxy-Authorization: Basic dXM6cHc=\r\n" AGENT,
	    "HTTP/1.1 200 ok\r\n\r\n") }, NULL, 0 },
	{ "connect refused", NET_PROXY_HTTP, "up.test", "", "",
	    { STEP(HELLO AGENT, "HTTP/1.1 403 Not\x1bhere\r\n\r\n") },
	    "refused CONNECT to up.test:443: 403 Not?here", 0 },
	{ "wants a login", NET_PROXY_HTTP, "up.test", "", "",
	    { STEP(HELLO AGENT, "HTTP/1.1 407 Login\r\n\r\n") },
	    "refused CONNECT to up.test:443: 407 Login; give user and "
	    "password in the proxy setting", 0 },
	{ "redirect", NET_PROXY_HTTP, "up.test", "", "",
	    { STEP(HELLO AGENT, "HTTP/1.1 302 Found\r\n\r\n") },
	    "refused CONNECT to up.test:443: 302 Found", 0 },
	{ "no HTTP", NET_PROXY_HTTP, "up.test", "", "",
	    { STEP(HELLO AGENT, "SSH-2.0-x\r\n\r\n") },
	    "reply to CONNECT is not HTTP; is it an HTTP proxy?", 0 },
	{ "status of 4 digits", NET_PROXY_HTTP, "up.test", "", "",
	    { STEP(HELLO AGENT, "HTTP/1.1 2000 ok\r\n\r\n") },
	    "reply to CONNECT is not HTTP; is it an HTTP proxy?", 0 },
	{ "status is a word", NET_PROXY_HTTP, "up.test", "", "",
	    { STEP(HELLO AGENT, "HTTP/1.1 +20 ok\r\n\r\n") },
	    "reply to CONNECT is not HTTP; is it an HTTP proxy?", 0 },
	{ "endless reply", NET_PROXY_HTTP, "up.test", "", "",
	    { STEP(HELLO AGENT, "HTTP/1.1 200 ok\r\nX: ") },
	    "reply to CONNECT is over 8192 bytes", 9000 },
	{ "proxy closes", NET_PROXY_HTTP, "up.test", "", "",
	    { STEP_CLOSE(HELLO AGENT) }, "closed the connection", 0 },
	{ "half a reply", NET_PROXY_HTTP, "up.test", "", "",
	    { STEP(HELLO AGENT, "HTTP/1.1 200 ok\r\n"), STEP_CLOSE("") },
	    "closed the connection", 0 },
	{ "mute proxy", NET_PROXY_HTTP, "up.test", "", "",
	    { STEP_MUTE(HELLO AGENT) },
	    "timed out while waiting for the peer", 0 },

	{ "socks", NET_PROXY_SOCKS5, "up.test", "", "",
	    { STEP("\5\1\0", "\5\0"),
	    STEP(SOCKS_UP, "\5\0\0\1\177\0\0\1\4\70") }, NULL, 0 },
	{ "socks, name in the reply", NET_PROXY_SOCKS5, "up.test", "", "",
	    { STEP("\5\1\0", "\5\0"),
	    STEP(SOCKS_UP, "\5\0\0\3\5a.b.c\4\70") }, NULL, 0 },
	{ "socks, empty name in the reply", NET_PROXY_SOCKS5, "up.test", "",
	    "", { STEP("\5\1\0", "\5\0"),
	    STEP(SOCKS_UP, "\5\0\0\3\0\4\70") }, NULL, 0 },
	{ "socks, IPv4", NET_PROXY_SOCKS5, "10.1.2.3", "", "",
	    { STEP("\5\1\0", "\5\0"), STEP("\5\1\0\1\12\1\2\3\1\273",
	    "\5\0\0\4" "0123456789abcdef" "\4\70") }, NULL, 0 },
	{ "socks, IPv6", NET_PROXY_SOCKS5, "2001:db8::7", "", "",
	    { STEP("\5\1\0", "\5\0"),
	    STEP("\5\1\0\4\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\7\1\273",
	    "\5\0\0\1\0\0\0\0\0\0") }, NULL, 0 },
	{ "socks, password", NET_PROXY_SOCKS5, "up.test", "me", "pw",
	    { STEP("\5\2\0\2", "\5\2"), STEP("\1\2me\2pw", "\1\0"),
	    STEP(SOCKS_UP, "\5\0\0\1\0\0\0\0\0\0") }, NULL, 0 },
	{ "socks, password not wanted", NET_PROXY_SOCKS5, "up.test", "me",
	    "pw", { STEP("\5\2\0\2", "\5\0"),
	    STEP(SOCKS_UP, "\5\0\0\1\0\0\0\0\0\0") }, NULL, 0 },
	{ "socks, bad password", NET_PROXY_SOCKS5, "up.test", "me", "pw",
	    { STEP("\5\2\0\2", "\5\2"), STEP("\1\2me\2pw", "\1\1") },
	    "SOCKS5: refused the user and password", 0 },
	{ "socks, wants a login", NET_PROXY_SOCKS5, "up.test", "", "",
	    { STEP("\5\1\0", "\5\377") }, "SOCKS5: wants user and password; "
	    "give them in the proxy setting", 0 },
	{ "socks, asks what we did not offer", NET_PROXY_SOCKS5, "up.test",
	    "", "", { STEP("\5\1\0", "\5\2") }, "SOCKS5: wants user and "
	    "password; give them in the proxy setting", 0 },
	{ "socks, other method", NET_PROXY_SOCKS5, "up.test", "me", "pw",
	    { STEP("\5\2\0\2", "\5\1") },
	    "SOCKS5: takes no user and password", 0 },
	{ "no socks", NET_PROXY_SOCKS5, "up.test", "", "",
	    { STEP("\5\1\0", "HTTP/1.1 400 x\r\n\r\n") },
	    "is no SOCKS5 proxy", 0 },
	{ "socks4 reply", NET_PROXY_SOCKS5, "up.test", "", "",
	    { STEP("\5\1\0", "\5\0"), STEP(SOCKS_UP, "\4\0\0\1") },
	    "is no SOCKS5 proxy", 0 },
	{ "socks, refused", NET_PROXY_SOCKS5, "up.test", "", "",
	    { STEP("\5\1\0", "\5\0"),
	    STEP(SOCKS_UP, "\5\5\0\1\0\0\0\0\0\0") },
	    "SOCKS5: no connection to up.test:443: connection refused", 0 },
	{ "socks, last known code", NET_PROXY_SOCKS5, "up.test", "", "",
	    { STEP("\5\1\0", "\5\0"),
	    STEP(SOCKS_UP, "\5\10\0\1\0\0\0\0\0\0") }, "SOCKS5: no connection "
	    "to up.test:443: address type not supported", 0 },
	{ "socks, unknown code", NET_PROXY_SOCKS5, "up.test", "", "",
	    { STEP("\5\1\0", "\5\0"),
	    STEP(SOCKS_UP, "\5\11\0\1\0\0\0\0\0\0") },
	    "SOCKS5: no connection to up.test:443: unknown reply", 0 },
	{ "socks, unknown address", NET_PROXY_SOCKS5, "up.test", "", "",
	    { STEP("\5\1\0", "\5\0"), STEP(SOCKS_UP, "\5\0\0\2") },
	    "SOCKS5: reply with an unknown address type", 0 },
	{ "socks, cut", NET_PROXY_SOCKS5, "up.test", "", "",
	    { STEP("\5\1\0", "\5\0"), STEP(SOCKS_UP, "\5\0\0\1\0"),
	    STEP_CLOSE("") }, "closed the connection", 0 },
	{ "socks, mute", NET_PROXY_SOCKS5, "up.test", "", "",
	    { STEP("\5\1\0", "\5\0"), STEP_MUTE(SOCKS_UP) },
	    "timed out while waiting for the peer", 0 },
};

struct proxy_play {
	const struct proxy_row *row;
	bool bytewise;
};

/* The script; then the tunnel: what the target says first, in one write with
 * the end of the reply, and an echo. */
static void
proxy_main(int fd, void *arg)
{
	const struct proxy_play *p = arg;
	const struct proxy_row *row = p->row;
	char got[512], out[12000];
	size_t i, k, n;

	for (i = 0; i < 4 && row->steps[i].want != NULL; i++) {
		const struct step *s = &row->steps[i];
		bool last = i == 3 || row->steps[i + 1].want == NULL;

		k = lab_read(fd, got, s->n_want);
		PEER_CHECK(row->name, k == s->n_want &&
		    memcmp(got, s->want, k) == 0);
		if (s->give == NULL) {
			if (s->n_give == 1)
				lab_wait_end(fd, 2000);
			close(fd);
			return;
		}
		n = s->n_give;
		memcpy(out, s->give, n);
		if (last && row->pad > 0) {
			memset(out + n, 'x', row->pad);
			n += row->pad;
		}
		if (last && row->error == NULL) {
			memcpy(out + n, "first", 5);
			n += 5;
		}
		if (!p->bytewise)
			lab_write(fd, out, n);
		for (k = 0; p->bytewise && k < n; k++) {
			if (lab_write(fd, out + k, 1) == 0)
				break;
			if (k < 100)
				lab_sleep(1);
		}
	}
	k = lab_read(fd, got, 4);
	lab_write(fd, got, k);
	lab_read(fd, got, 1);
	close(fd);
}

static void
proxy_case(const struct proxy_row *row, bool bytewise, unsigned seed)
{
	struct err e = { ERR_NONE, 0, "" };
	struct proxy_play play = { row, bytewise };
	struct net_proxy via = { .kind = row->kind, .host = "127.0.0.1" };
	struct net_target t = { .host = str_of(row->host), .port = 443,
		.proxy = &via };
	struct net_conn *c;
	struct peer p;
	char want[300];
	bool mute = row->error != NULL && str_starts(str_of(row->error),
	    STR("timed out"));

	memcpy(via.user, row->user, strlen(row->user));
	memcpy(via.password, row->password, strlen(row->password));
	peer_start(&p, proxy_main, &play);
	via.port = p.port;
	lab_lookups = 0;
	lies = seed;
	c = net_open(&t, NULL, due_in(mute ? 80 : LAB_MS), &e);
	lies = 0;
	CHECK_INT_IN(row->name, lab_lookups, 0);
	if (row->error != NULL) {
		CHECK_IN(row->name, c == NULL);
		fmt_to(want, sizeof(want), "proxy 127.0.0.1:%u: %s", p.port,
		    row->error);
		CHECK_STR_IN(row->name, str_of(e.text), str_of(want));
		CHECK_INT_IN(row->name, e.kind, mute ? ERR_TIME : ERR_PEER);
	} else {
		CHECK_STR_IN(row->name, str_of(e.text), STR(""));
		CHECK_IN(row->name, c != NULL);
	}
	if (c != NULL) {
		CHECK_IN(row->name, c->sent == 0 && c->received == 0);
		while (net_peek(c).n < 5 &&
		    net_fill(c, due_in(LAB_MS), &e) > 0)
			;
		CHECK_STR_IN(row->name, net_peek(c), STR("first"));
		net_take(c, 5);
		CHECK_INT_IN(row->name, net_send_str(c, STR("echo"), 1000,
		    &e), 0);
		CHECK_INT_IN(row->name, net_fill(c, due_in(LAB_MS), &e), 4);
	}
	net_close(c);
	peer_end(&p);
}

static void
test_proxy_itself(void)
{
	struct err e;
	struct net_proxy via = { .kind = NET_PROXY_SOCKS5,
		.host = "127.0.0.1" };
	struct net_target t = { .host = STR("up.test"), .port = 443,
		.proxy = &via };
	char want[100];
	int l = lab_listen("127.0.0.1", &via.port, 4);

	close(l);
	CHECK(net_open(&t, NULL, due_in(1000), &e) == NULL);
	fmt_to(want, sizeof(want),
	    "proxy 127.0.0.1:%u: connect: Connection refused", via.port);
	CHECK_STR(str_of(e.text), str_of(want));
	memcpy(via.host, "none.test", 10);
	CHECK(net_open(&t, NULL, due_in(1000), &e) == NULL);
	fmt_to(want, sizeof(want), "proxy none.test:%u: name does not "
	    "resolve: Name or service not known", via.port);
	CHECK_STR(str_of(e.text), str_of(want));
	/* NONE is direct. */
	via.kind = NET_PROXY_NONE;
	t.host = STR("none.test");
	CHECK(net_open(&t, NULL, due_in(1000), &e) == NULL);
	CHECK_STR(str_of(e.text), STR("none.test:443: name does not resolve: "
	    "Name or service not known"));
}

/* A proxy that never answers, and no memory at one step after the other. */
static void
test_memory(void)
{
	static const enum net_proxy_kind kinds[] = { NET_PROXY_HTTP,
		NET_PROXY_SOCKS5 };
	uint64_t before = mem_reserved();
	struct net_proxy via = { .host = "127.0.0.1", .user = "me" };
	struct net_target t = { .host = STR("up.test"), .port = 443,
		.proxy = &via };
	int l = lab_listen("127.0.0.1", &via.port, 64);
	struct err e = { ERR_NONE, 0, "" };
	size_t i;
	long n;

	for (i = 0; i < 2; i++) {
		via.kind = kinds[i];
		e.kind = ERR_MEM;
		for (n = 0; e.kind == ERR_MEM && n < 20; n++) {
			mem_fail_after(n);
			CHECK(net_open(&t, NULL, due_in(50), &e) == NULL);
			mem_fail_after(-1);
			CHECK_INT(mem_reserved(), before);
		}
		CHECK_INT(e.kind, ERR_TIME);
		CHECK(n >= (kinds[i] == NET_PROXY_HTTP ? 4 : 2));
	}
	close(l);
}

int
main(void)
{
	size_t i, files;
	unsigned seed;

	alarm(100);
	files = open_files();
	test_targets();
	test_race();
	test_race_lost();
	for (i = 0; i < sizeof(proxy_rows) / sizeof(proxy_rows[0]); i++) {
		proxy_case(&proxy_rows[i], false, 0);
		proxy_case(&proxy_rows[i], true, 0);
		for (seed = 1; seed < 4; seed++)
			proxy_case(&proxy_rows[i], false, seed);
	}
	test_proxy_itself();
	test_memory();
	CHECK_INT(open_files(), files);
	return lab_done();
}
