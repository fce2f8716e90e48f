/* SPDX-License-Identifier: MIT */
/* Tests of net_addr.c: addresses as text, NO_PROXY, listening. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../net.h"
#include "../net_priv.h"
#include "check.h"
#include "guard.h"

#define EXPECTED "expected IP:port, [IPv6]:port, a port, unix:/path or " \
	"tls:IP:port"
#define PATH_107 "/123456789012345678901234567890123456789012345678901234567" \
	"890123456789012345678901234567890123456789012345x"

/* ---- listen addresses ---- */

static const struct {
	const char *text, *url, *error;
	bool loopback;
} addrs[] = {
	{ "127.0.0.1:8081", "http://127.0.0.1:8081", NULL, true },
	{ "8081", "http://127.0.0.1:8081", NULL, true },
	{ "0", "http://127.0.0.1:0", NULL, true },
	{ "localhost:1", "http://127.0.0.1:1", NULL, true },
	{ "[::1]:8081", "http://[::1]:8081", NULL, true },
	{ "[::]:65535", "http://[::]:65535", NULL, false },
	{ "0.0.0.0:80", "http://0.0.0.0:80", NULL, false },
	{ "127.255.0.9:80", "http://127.255.0.9:80", NULL, true },
	{ "128.0.0.1:80", "http://128.0.0.1:80", NULL, false },
	{ "[::ffff:127.0.0.1]:9", "http://[::ffff:127.0.0.1]:9", NULL, true },
	{ "[::ffff:10.0.0.1]:9", "http://[::ffff:10.0.0.1]:9", NULL, false },
	{ "[fe80::1%lan0]:9", "http://[fe80::1%lan0]:9", NULL, false },
	{ "tls:192.168.1.1:8443", "https://192.168.1.1:8443", NULL, false },
	{ "tls:[::1]:8443", "https://[::1]:8443", NULL, true },
	{ "unix:/run/x.sock", "unix:/run/x.sock", NULL, true },
	{ "unix:" PATH_107, "unix:" PATH_107, NULL, true },
	{ "unix:" PATH_107 "y", NULL,
	    "path of a unix socket is over 107 bytes", false },
	{ "unix:x.sock", NULL,
	    "a unix socket needs an absolute path: unix:/path", false },
	{ "unix:", NULL,
	    "a unix socket needs an absolute path: unix:/path", false },
	{ "0.0.0.0:99999", NULL, "port is over 65535", false },
	{ "65536", NULL, "port is over 65535", false },
	{ "127.0.0.1:", NULL, "port is missing", false },
	{ "127.0.0.1", NULL, "port is missing", false },
	{ "[::1]", NULL, "port is missing", false },
	{ "127.0.0.1:80x", NULL, "port is no number", false },
	{ "127.0.0.1:-1", NULL, "port is no number", false },
	{ "127.0.0.1:99999999999999999999", NULL, "port is no number", false },
	{ "::1:8081", NULL,
	    "an IPv6 address needs brackets: [::1]:8081", false },
	{ "[::1:8081", NULL, "\"]\" is missing", false },
	{ "[::1]8081", NULL, "expected \":port\" after \"]\"", false },
	{ "", NULL, EXPECTED, false },
	{ ":80", NULL, EXPECTED, false },
	{ "lan.test:80", NULL, EXPECTED, false },
	{ "127.0.0.1.1:80", NULL, EXPECTED, false },
	{ "[zz]:80", NULL, EXPECTED, false },
	{ "[127.0.0.1%x]:80", NULL, EXPECTED, false },
	{ "tls:unix:/x", NULL, EXPECTED, false },
	{ "tls:", NULL, EXPECTED, false },
};

static void
test_addrs(void)
{
	struct net_addr a;
	struct str s;
	struct buf b;
	size_t i;

	buf_init(&b, 400);
	for (i = 0; i < sizeof(addrs) / sizeof(addrs[0]); i++) {
		const char *row = addrs[i].text;
		struct err e = { ERR_NONE, 0, "" };
		int rc;

		s = guard_copy(str_of(row));
		rc = net_addr_parse(s, &a, &e);
		guard_free(s);
		if (addrs[i].error != NULL) {
			CHECK_INT_IN(row, rc, -1);
			CHECK_INT_IN(row, e.kind, ERR_INPUT);
			CHECK_STR_IN(row, str_of(e.text),
			    str_of(addrs[i].error));
			continue;
		}
		CHECK_STR_IN(row, str_of(e.text), STR(""));
		CHECK_INT_IN(row, rc, 0);
		buf_clear(&b);
		net_addr_url(&a, &b);
		CHECK_STR_IN(row, buf_str(&b), str_of(addrs[i].url));
		CHECK_IN(row, net_addr_loopback(&a) == addrs[i].loopback);
		CHECK_IN(row, a.mode == (a.is_unix ? 0600 : 0));
	}
	buf_free(&b);
}

/* ---- proxies ---- */

#define PROXY_KINDS "unknown kind of proxy; expected " \
	"http://[user:password@]host:port or " \
	"socks5://[user:password@]host:port"
#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A127 A32 A32 A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char *text, *error;
	enum net_proxy_kind kind;
	const char *host;
	unsigned port;
	const char *user, *password;
} proxies[] = {
	{ "socks5://10.0.0.2:1080", NULL, NET_PROXY_SOCKS5, "10.0.0.2", 1080,
	    "", "" },
	{ "SOCKS5H://p.test:1/", NULL, NET_PROXY_SOCKS5, "p.test", 1, "", "" },
	{ "http://u:p@p.test:3128", NULL, NET_PROXY_HTTP, "p.test", 3128, "u",
	    "p" },
	{ " p.test:3128 ", NULL, NET_PROXY_HTTP, "p.test", 3128, "", "" },
	{ "http://u@[::1]:8", NULL, NET_PROXY_HTTP, "::1", 8, "u", "" },
	{ "http://a%40b:c%3a%2F%25@h:8", NULL, NET_PROXY_HTTP, "h", 8, "a@b",
	    "c:/%" },
	{ "http://u:p@w:o@h:8", NULL, NET_PROXY_HTTP, "h", 8, "u", "p@w:o" },
	{ "http://" A127 ":" A127 A127 "a@h:8", NULL, NET_PROXY_HTTP, "h", 8,
	    A127, A127 A127 "a" },
	{ "http://" A127 "a:p@h:8", "user of the proxy is over 127 bytes", 0,
	    NULL, 0, NULL, NULL },
	{ "http://u:" A127 A127 "aa@h:8",
	    "password of the proxy is over 255 bytes", 0, NULL, 0, NULL,
	    NULL },
	{ "http://u:sec%zzret@h:8", "password of the proxy has a bad %XX; a "
	    "percent sign is written %25", 0, NULL, 0, NULL, NULL },
	{ "http://u:p%0@h:8", "password of the proxy has a bad %XX; a "
	    "percent sign is written %25", 0, NULL, 0, NULL, NULL },
	{ "http://u:p%00@h:8", "password of the proxy has a bad %XX; a "
	    "percent sign is written %25", 0, NULL, 0, NULL, NULL },
	{ "https://secret:secret@h:8", PROXY_KINDS, 0, NULL, 0, NULL, NULL },
	{ "socks4://h:8", PROXY_KINDS, 0, NULL, 0, NULL, NULL },
	{ "http://u:p@h", "port is missing", 0, NULL, 0, NULL, NULL },
	{ "http://u:p@h:x", "port is no number", 0, NULL, 0, NULL, NULL },
	{ "http://h:0", "port of the proxy is 0", 0, NULL, 0, NULL, NULL },
	{ "http://h:70000", "port is over 65535", 0, NULL, 0, NULL, NULL },
	{ "http://u:p@:8", "expected host:port", 0, NULL, 0, NULL, NULL },
	{ "http://h/x:8", "expected host:port", 0, NULL, 0, NULL, NULL },
	{ "", "expected host:port", 0, NULL, 0, NULL, NULL },
	{ "http://::1:8", "an IPv6 address needs brackets: [::1]:8081", 0,
	    NULL, 0, NULL, NULL },
};

static void
test_proxies(void)
{
	struct net_proxy p;
	struct str s;
	size_t i, k;

	for (i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++) {
		const char *row = proxies[i].text;
		struct err e = { ERR_NONE, 0, "" };
		int rc;

		s = guard_copy(str_of(row));
		rc = net_proxy_parse(s, &p, &e);
		guard_free(s);
		if (proxies[i].error != NULL) {
			CHECK_INT_IN(row, rc, -1);
			CHECK_STR_IN(row, str_of(e.text),
			    str_of(proxies[i].error));
			/* nothing of a password stays behind */
			if (e.kind == ERR_INPUT)
				for (k = 0; k < sizeof(p.password); k++)
					CHECK_IN(row, p.password[k] == '\0');
			continue;
		}
		CHECK_STR_IN(row, str_of(e.text), STR(""));
		CHECK_IN(row, rc == 0 && p.kind == proxies[i].kind);
		CHECK_STR_IN(row, str_of(p.host), str_of(proxies[i].host));
		CHECK_INT_IN(row, p.port, proxies[i].port);
		CHECK_STR_IN(row, str_of(p.user), str_of(proxies[i].user));
		CHECK_STR_IN(row, str_of(p.password),
		    str_of(proxies[i].password));
	}
}

/* ---- NO_PROXY ---- */

static const struct {
	const char *list, *host;
	unsigned port;
	bool hit;
} no_proxies[] = {
	{ "", "a.test", 80, false },
	{ "*", "a.test", 80, true },
	{ "b.test,*", "::1", 80, true },
	{ "a.test", "a.test", 80, true },
	{ "a.test", "A.TEST.", 80, true },
	{ "a.test.", "a.test", 80, true },
	{ "a.test", "x.a.test", 80, true },
	{ "a.test", "xa.test", 80, false },
	{ "a.test", "test", 80, false },
	{ ".a.test", "x.a.test", 80, true },
	{ ".a.test", "a.test", 80, false },
	{ "*.a.test", "y.x.a.test", 80, true },
	{ "*.a.test", "a.test", 80, false },
	{ "a.test:443", "a.test", 443, true },
	{ "a.test:443", "a.test", 80, false },
	{ "a.test:x", "a.test", 80, false },
	{ ".a.test:443", "x.a.test", 443, true },
	{ " b.test , a.test ", "a.test", 80, true },
	{ "b.test a.test", "a.test", 80, true },
	{ "b.test\ta.test", "a.test", 80, false },
	{ ",,", "a.test", 80, false },
	{ ".", "a.test", 80, false },
	{ "10.0.0.1", "10.0.0.1", 80, true },
	{ "10.0.0.1", "10.0.0.11", 80, false },
	{ "0.0.1", "10.0.0.1", 80, false },
	{ "10.0.0.1:81", "10.0.0.1", 80, false },
	{ "10.0.0.1:80", "10.0.0.1", 80, true },
	{ "10.0.0.0/8", "10.200.1.1", 80, true },
	{ "10.0.0.0/8", "11.0.0.1", 80, false },
	{ "192.168.4.0/22", "192.168.7.255", 80, true },
	{ "192.168.4.0/22", "192.168.8.0", 80, false },
	{ "10.0.0.1/32", "10.0.0.1", 80, true },
	{ "10.0.0.1/31", "10.0.0.0", 80, true },
	{ "10.0.0.1/33", "10.0.0.1", 80, false },
	{ "10.0.0.1/", "10.0.0.1", 80, false },
	{ "0.0.0.0/0", "8.8.8.8", 80, true },
	{ "0.0.0.0/0", "::1", 80, false },
	{ "0.0.0.0/0", "a.test", 80, false },
	{ "::1", "::1", 80, true },
	{ "::1", "0:0::0:1", 80, true },
	{ "[::1]", "::1", 80, true },
	{ "[::1]:80", "::1", 80, true },
	{ "[::1]:81", "::1", 80, false },
	{ "fd00::/8", "fd12::1", 80, true },
	{ "fd00::/8", "fe80::1", 80, false },
	{ "2001:db8::/33", "2001:db8:7fff::1", 80, true },
	{ "2001:db8::/33", "2001:db8:8000::1", 80, false },
	{ "::/0", "1::", 80, true },
	{ "::1/129", "::1", 80, false },
};

static void
test_no_proxy(void)
{
	size_t i;

	for (i = 0; i < sizeof(no_proxies) / sizeof(no_proxies[0]); i++) {
		struct str list = guard_copy(str_of(no_proxies[i].list)),
		    host = guard_copy(str_of(no_proxies[i].host));
		char row[100];

		fmt_to(row, sizeof(row), "\"%s\" %s", no_proxies[i].list,
		    no_proxies[i].host);
		CHECK_INT_IN(row, net_no_proxy(list, host, no_proxies[i].port),
		    no_proxies[i].hit);
		guard_free(list);
		guard_free(host);
	}
}

/* ---- listening ---- */

static int
listen_text(const char *text, struct net_addr *a, struct err *e)
{
	e->text[0] = '\0';
	CHECK_INT(net_addr_parse(str_of(text), a, e), 0);
	return net_listen(a, e);
}

static void
test_listen_ip(const char *text, const char *name)
{
	struct err e = { ERR_NONE, 0, "" };
	struct net_addr a, b;
	char want[200], same[64];
	int fd, twice;

	fd = listen_text(text, &a, &e);
	CHECK_STR(str_of(e.text), STR(""));
	CHECK(fd >= 0 && a.port > 0);
	CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	fmt_to(same, sizeof(same), "%s:%u", name, a.port);
	twice = listen_text(same, &b, &e);
	CHECK_INT(twice, -1);
	CHECK(e.kind == ERR_SYS && e.sys == EADDRINUSE);
	fmt_to(want, sizeof(want), "listen %s: address in use; another llmux "
	    "or another program has the port: choose one with --port", same);
	CHECK_STR(str_of(e.text), str_of(want));
	net_unlisten(fd, &a);
	/* and again at once */
	fd = listen_text(same, &b, &e);
	CHECK(fd >= 0);
	net_unlisten(fd, &b);
}

static void
test_listen_failures(void)
{
	struct err e;
	struct net_addr a;

	/* RFC 5737: an address that no machine has. */
	CHECK_INT(listen_text("192.0.2.77:0", &a, &e), -1);
	CHECK_STR(str_of(e.text), STR("listen 192.0.2.77:0: no interface of "
	    "this machine has this address"));
	CHECK_INT(listen_text("unix:/nonexistent/x.sock", &a, &e), -1);
	CHECK(e.kind == ERR_SYS && e.sys == ENOENT);
}

static void
test_listen_unix(void)
{
	char dir[] = "/tmp/test_net_addr.XXXXXX", text[64], want[200];
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct err e = { ERR_NONE, 0, "" };
	struct net_addr a, b;
	struct stat st;
	int fd, twice, client;
	mode_t mask = umask(0);

	if (mkdtemp(dir) == NULL)
		exit(1);
	fmt_to(text, sizeof(text), "unix:%s/s", dir);
	CHECK_INT(net_addr_parse(str_of(text), &a, &e), 0);
	a.mode = 0660;
	fd = net_listen(&a, &e);
	CHECK(fd >= 0 && stat(a.host, &st) == 0);
	CHECK(S_ISSOCK(st.st_mode) && (st.st_mode & 0777) == 0660);
	/* A living one is not replaced. */
	twice = listen_text(text, &b, &e);
	fmt_to(want, sizeof(want), "listen %s: in use; another llmux listens "
	    "there, or the file is no socket: stop it or remove the file",
	    text);
	CHECK_INT(twice, -1);
	CHECK_STR(str_of(e.text), str_of(want));
	memcpy(sa.sun_path, a.host, strlen(a.host));
	client = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_INT(connect(client, (struct sockaddr *)&sa, sizeof(sa)), 0);
	close(client);
	/* A stale one is: as after kill -9. */
	close(fd);
	CHECK_INT(stat(a.host, &st), 0);
	umask(0777);
	fd = listen_text(text, &b, &e);
	umask(0);
	CHECK(fd >= 0 && stat(b.host, &st) == 0);
	CHECK_INT(st.st_mode & 0777, 0600);
	/* An end of the old owner does not take the new one's file away. */
	net_unlisten(-1, &a);
	CHECK_INT(stat(b.host, &st), 0);
	net_unlisten(fd, &b);
	CHECK(stat(b.host, &st) < 0 && errno == ENOENT);
	/* Other files are left alone. */
	close(open(a.host, O_CREAT | O_WRONLY, 0600));
	CHECK_INT(listen_text(text, &b, &e), -1);
	CHECK(stat(a.host, &st) == 0 && S_ISREG(st.st_mode));
	unlink(a.host);
	rmdir(dir);
	umask(mask);
}

int
main(void)
{
	alarm(30);
	test_addrs();
	test_proxies();
	test_no_proxy();
	test_listen_ip("127.0.0.1:0", "127.0.0.1");
	test_listen_ip("[::1]:0", "[::1]");
	test_listen_ip("tls:127.0.0.1:0", "127.0.0.1");
	test_listen_failures();
	test_listen_unix();
	return check_done();
}
