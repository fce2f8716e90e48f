/* SPDX-License-Identifier: MIT */
/*
 * net_addr: addresses as text (what to listen on, proxies, NO_PROXY), and
 * listening.
 *
 * Reads: "IP:port", "[IPv6]:port" (RFC 3986 section 3.2.2), proxy URLs with
 * percent-encoded user and password (RFC 3986 section 2.1), CIDR blocks
 * (RFC 4632, RFC 4291 section 2.3).
 * Does not: resolve names (net_open.c), accept (llmux.c), know which listener
 * needs a key (conf.c).
 * Limits: a Unix socket's path 107 bytes, a proxy's host 255, user 127,
 * password 255.
 */
#include "net_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define NET_BACKLOG 128
#define NET_UNIX_MODE 0600 /* until unix_mode says otherwise */

/* ---- the parts of an address ---- */

size_t
net_literal(struct str s, unsigned char ip[16])
{
	ssize_t zone = str_chr(s, '%');
	char z[INET6_ADDRSTRLEN];

	if (zone > 0 && str_chr(s, ':') >= 0)
		s = str_sub(s, 0, (size_t)zone);
	if (s.n == 0 || s.n >= sizeof(z))
		return 0;
	memcpy(z, s.p, s.n);
	z[s.n] = '\0';
	if (strlen(z) != s.n)
		return 0;
	if (inet_pton(AF_INET, z, ip) == 1)
		return 4;
	return inet_pton(AF_INET6, z, ip) == 1 ? 16 : 0;
}

int
net_port(struct str s, unsigned *port, struct err *e)
{
	uint64_t v;

	if (s.n == 0)
		return err_set(e, ERR_INPUT, "port is missing");
	if (str_u64(s, &v) < 0)
		return err_set(e, ERR_INPUT, "port is no number");
	if (v > 65535)
		return err_set(e, ERR_INPUT, "port is over 65535");
	*port = (unsigned)v;
	return 0;
}

int
net_split(struct str s, struct str *host, struct str *port, struct err *e)
{
	ssize_t at;

	*port = (struct str){ NULL, 0 };
	if (s.n > 0 && s.p[0] == '[') {
		at = str_chr(s, ']');
		if (at < 0)
			return err_set(e, ERR_INPUT, "\"]\" is missing");
		*host = str_sub(s, 1, (size_t)at - 1);
		s = str_sub(s, (size_t)at + 1, s.n);
		if (s.n == 0)
			return 0;
		if (s.p[0] != ':')
			return err_set(e, ERR_INPUT,
			    "expected \":port\" after \"]\"");
		*port = str_sub(s, 1, s.n);
		return 0;
	}
	if (!str_cut(&s, ':', host))
		*host = s;
	if (str_chr(s, ':') >= 0)
		return err_set(e, ERR_INPUT,
		    "an IPv6 address needs brackets: [::1]:8081");
	*port = s;
	return 0;
}

void
net_name(struct str host, unsigned port, char dst[NET_NAME_MAX])
{
	fmt_to(dst, NET_NAME_MAX,
	    str_chr(host, ':') >= 0 ? "[%.*s]:%u" : "%.*s:%u", STR_ARG(host),
	    port);
}

/* ---- addresses to listen on ---- */

static bool
all_digits(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0;
}

static int
parse_unix(struct str path, struct net_addr *a, struct err *e)
{
	if (path.n == 0 || path.p[0] != '/')
		return err_set(e, ERR_INPUT,
		    "a unix socket needs an absolute path: unix:/path");
	if (path.n >= sizeof(a->host) || memchr(path.p, '\0', path.n) != NULL)
		return err_set(e, ERR_INPUT,
		    "path of a unix socket is over %u bytes",
		    (unsigned)sizeof(a->host) - 1);
	a->is_unix = true;
	a->mode = NET_UNIX_MODE;
	memcpy(a->host, path.p, path.n);
	return 0;
}

int
net_addr_parse(struct str s, struct net_addr *a, struct err *e)
{
	unsigned char ip[16];
	struct str host, port;

	memset(a, 0, sizeof(*a));
	if (str_starts(s, STR("unix:")))
		return parse_unix(str_sub(s, 5, s.n), a, e);
	if (str_starts(s, STR("tls:"))) {
		a->is_tls = true;
		s = str_sub(s, 4, s.n);
	}
	if (all_digits(s)) {
		host = STR("127.0.0.1");
		port = s;
	} else if (net_split(s, &host, &port, e) < 0) {
		return -1;
	}
	if (str_ieq(host, STR("localhost")))
		host = STR("127.0.0.1");
	if (net_literal(host, ip) == 0 || host.n >= sizeof(a->host))
		return err_set(e, ERR_INPUT, "expected IP:port, [IPv6]:port, "
		    "a port, unix:/path or tls:IP:port");
	if (net_port(port, &a->port, e) < 0)
		return -1;
	memcpy(a->host, host.p, host.n);
	return 0;
}

bool
net_loopback(struct str s)
{
	static const unsigned char mapped[13] = { [10] = 0xff, [11] = 0xff,
		[12] = 127 };
	unsigned char ip[16];
	size_t n = net_literal(s, ip);

	if (n == 16)
		return memcmp(ip, &in6addr_loopback, 16) == 0 ||
		    memcmp(ip, mapped, sizeof(mapped)) == 0;
	return n == 4 && ip[0] == 127;
}

bool
net_addr_loopback(const struct net_addr *a)
{
	return a->is_unix || net_loopback(str_of(a->host));
}

void
net_addr_url(const struct net_addr *a, struct buf *dst)
{
	char name[NET_NAME_MAX];

	if (a->is_unix) {
		buf_fmt(dst, "unix:%s", a->host);
		return;
	}
	net_name(str_of(a->host), a->port, name);
	buf_fmt(dst, "%s://%s", a->is_tls ? "https" : "http", name);
}

/* ---- listening ---- */

/* Why bind failed, in words: e is filled from errno. */
static int
bind_failed(const char *name, struct err *e)
{
	int sys = errno;

	if (sys == EADDRINUSE)
		err_set(e, ERR_SYS, "listen %s: address in use; another llmux "
		    "or another program has the port: choose one with --port",
		    name);
	else if (sys == EADDRNOTAVAIL)
		err_set(e, ERR_SYS, "listen %s: no interface of this machine "
		    "has this address", name);
	else if (sys == EACCES)
		err_set(e, ERR_SYS, "listen %s: not permitted; ports below "
		    "1024 need root: choose one with --port", name);
	else
		return err_sys(e, "listen %s", name);
	if (e != NULL)
		e->sys = sys;
	return -1;
}

/* The port that the kernel chose. */
static int
bound_port(int fd, unsigned *port)
{
	struct sockaddr_storage sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	socklen_t n = sizeof(sa);

	if (getsockname(fd, (struct sockaddr *)&sa, &n) < 0)
		return -1;
	if (sa.ss_family == AF_INET6) {
		memcpy(&v6, &sa, sizeof(v6));
		*port = ntohs(v6.sin6_port);
	} else {
		memcpy(&v4, &sa, sizeof(v4));
		*port = ntohs(v4.sin_port);
	}
	return 0;
}

static int
listen_ip(struct net_addr *a, struct err *e)
{
	struct addrinfo hint = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM };
	struct addrinfo *ai = NULL;
	char name[NET_NAME_MAX], port[8];
	int fd = -1, on = 1, rc;

	net_name(str_of(a->host), a->port, name);
	fmt_to(port, sizeof(port), "%u", a->port);
	rc = getaddrinfo(a->host, port, &hint, &ai);
	if (rc != 0)
		return err_set(e, rc == EAI_MEMORY ? ERR_MEM : ERR_INPUT,
		    "listen %s: %s", name, gai_strerror(rc));
	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (fd < 0) {
		err_sys(e, "listen %s: socket", name);
		goto out;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* "[::]" means IPv6 alone on every system; 0.0.0.0 is its own line. */
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 ||
	    listen(fd, NET_BACKLOG) < 0 ||
	    (a->port == 0 && bound_port(fd, &a->port) < 0)) {
		bind_failed(name, e);
		close(fd);
		fd = -1;
	}
out:
	freeaddrinfo(ai);
	return fd;
}

static struct sockaddr_un
unix_addr(const struct net_addr *a)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	memcpy(sa.sun_path, a->host, sizeof(sa.sun_path) - 1);
	return sa;
}

/* Does a socket file without listener lie there? */
static bool
unix_stale(const struct net_addr *a)
{
	struct sockaddr_un sa = unix_addr(a);
	struct stat st;
	bool stale;
	int fd;

	if (lstat(a->host, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	/* A listener with a full backlog answers EAGAIN: it lives. */
	stale = connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 &&
	    errno == ECONNREFUSED;
	close(fd);
	return stale;
}

/*
 * The socket file gets its mode between bind and listen, while nobody can
 * connect; the umask belongs to the process and is not touched, since threads
 * may be running (reload).
 */
static int
listen_unix(const struct net_addr *a, struct err *e)
{
	struct sockaddr_un sa = unix_addr(a);
	int fd, rc;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(e, "listen unix:%s: socket", a->host);
	rc = bind(fd, (struct sockaddr *)&sa, sizeof(sa));
	if (rc < 0 && errno == EADDRINUSE && unix_stale(a)) {
		unlink(a->host);
		rc = bind(fd, (struct sockaddr *)&sa, sizeof(sa));
	}
	if (rc < 0) {
		if (errno == EADDRINUSE) {
			err_set(e, ERR_SYS, "listen unix:%s: in use; another "
			    "llmux listens there, or the file is no socket: "
			    "stop it or remove the file", a->host);
			if (e != NULL)
				e->sys = EADDRINUSE;
		} else {
			err_sys(e, "listen unix:%s", a->host);
		}
		close(fd);
		return -1;
	}
	if (chmod(a->host, (mode_t)a->mode) < 0 ||
	    listen(fd, NET_BACKLOG) < 0) {
		err_sys(e, "listen unix:%s", a->host);
		unlink(a->host);
		close(fd);
		return -1;
	}
	return fd;
}

int
net_listen(struct net_addr *a, struct err *e)
{
	return a->is_unix ? listen_unix(a, e) : listen_ip(a, e);
}

void
net_unlisten(int fd, const struct net_addr *a)
{
	if (fd >= 0)
		close(fd);
	/* Not when another process has taken the path over meanwhile. */
	if (a->is_unix && unix_stale(a))
		unlink(a->host);
}

/* ---- proxies ---- */

/* s with %XX decoded into dst of cap bytes, NUL-terminated. */
static int
decode_userinfo(struct str s, char *dst, size_t cap, const char *what,
    struct err *e)
{
	static const char digits[] = "0123456789abcdef";
	size_t i, n = 0;

	for (i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '%') {
			const char *hi, *lo;

			if (s.n - i < 3)
				goto bad;
			hi = memchr(digits, s.p[i + 1] | 0x20, 16);
			lo = memchr(digits, s.p[i + 2] | 0x20, 16);
			if (hi == NULL || lo == NULL)
				goto bad;
			c = (char)((hi - digits) << 4 | (lo - digits));
			i += 2;
		}
		if (c == '\0')
			goto bad;
		if (n + 1 == cap)
			return err_set(e, ERR_INPUT, "%s is over %u bytes",
			    what, (unsigned)cap - 1);
		dst[n++] = c;
	}
	dst[n] = '\0';
	return 0;
bad:
	return err_set(e, ERR_INPUT, "%s has a bad %%XX; a percent sign is "
	    "written %%25", what);
}

/* "scheme://", or nothing: HTTP. s moves behind it. */
static int
proxy_scheme(struct str *s, enum net_proxy_kind *kind, struct err *e)
{
	static const struct {
		const char *name;
		enum net_proxy_kind kind;
	} schemes[] = { { "http", NET_PROXY_HTTP },
		{ "socks5", NET_PROXY_SOCKS5 },
		{ "socks5h", NET_PROXY_SOCKS5 } };
	ssize_t at = str_find(*s, STR("://"));
	struct str name;
	size_t i;

	*kind = NET_PROXY_HTTP;
	if (at < 0)
		return 0;
	name = str_sub(*s, 0, (size_t)at);
	*s = str_sub(*s, (size_t)at + 3, s->n);
	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (str_ieq(name, str_of(schemes[i].name))) {
			*kind = schemes[i].kind;
			return 0;
		}
	return err_set(e, ERR_INPUT, "unknown kind of proxy; expected "
	    "http://[user:password@]host:port or "
	    "socks5://[user:password@]host:port");
}

int
net_proxy_parse(struct str s, struct net_proxy *p, struct err *e)
{
	struct str info, user, host, port;
	size_t at;

	memset(p, 0, sizeof(*p));
	s = str_trim(s);
	if (proxy_scheme(&s, &p->kind, e) < 0)
		return -1;
	if (s.n > 0 && s.p[s.n - 1] == '/')
		s.n--;
	/* The last "@" divides: passwords hold all sorts of things. */
	for (at = s.n; at > 0 && s.p[at - 1] != '@'; at--)
		;
	if (at > 0) {
		info = str_sub(s, 0, at - 1);
		if (!str_cut(&info, ':', &user))
			user = info;
		if (decode_userinfo(user, p->user, sizeof(p->user),
		    "user of the proxy", e) < 0 ||
		    decode_userinfo(info, p->password, sizeof(p->password),
		    "password of the proxy", e) < 0)
			goto fail;
		s = str_sub(s, at, s.n);
	}
	if (net_split(s, &host, &port, e) < 0)
		goto fail;
	if (host.n == 0 || host.n >= sizeof(p->host) ||
	    str_chr(host, '/') >= 0) {
		err_set(e, ERR_INPUT, "expected host:port");
		goto fail;
	}
	if (net_port(port, &p->port, e) < 0)
		goto fail;
	if (p->port == 0) {
		err_set(e, ERR_INPUT, "port of the proxy is 0");
		goto fail;
	}
	memcpy(p->host, host.p, host.n);
	return 0;
fail:
	mem_wipe(p, sizeof(*p));
	return -1;
}

/* ---- NO_PROXY ---- */

static bool
same_bits(const unsigned char *a, const unsigned char *b, size_t bits)
{
	size_t bytes = bits / 8;
	unsigned char mask = (unsigned char)(0xff00 >> (bits % 8));

	if (memcmp(a, b, bytes) != 0)
		return false;
	return bits % 8 == 0 || ((a[bytes] ^ b[bytes]) & mask) == 0;
}

/* "192.168.0.0/16", "fd00::/8", or one address. */
static bool
match_block(struct str entry, struct str host)
{
	unsigned char block[16], ip[16];
	struct str net;
	uint64_t bits = 0;
	size_t n;
	bool whole = str_chr(entry, '/') < 0;

	if (!str_cut(&entry, '/', &net))
		return false;
	n = net_literal(net, block);
	if (n == 0 || net_literal(host, ip) != n)
		return false;
	if (whole)
		bits = n * 8;
	else if (str_u64(entry, &bits) < 0 || bits > n * 8)
		return false;
	return same_bits(block, ip, (size_t)bits);
}

static struct str
no_dot_at_end(struct str s)
{
	if (s.n > 0 && s.p[s.n - 1] == '.')
		s.n--;
	return s;
}

/* A name stands for itself and its subdomains, ".name" and "*.name" for the
 * subdomains only. */
static bool
match_name(struct str entry, struct str host)
{
	struct str tail;
	bool sub_only;

	entry = no_dot_at_end(entry);
	host = no_dot_at_end(host);
	if (str_starts(entry, STR("*.")))
		entry = str_sub(entry, 1, entry.n);
	sub_only = str_starts(entry, STR("."));
	if (sub_only)
		entry = str_sub(entry, 1, entry.n);
	if (entry.n == 0 || host.n < entry.n)
		return false;
	tail = str_sub(host, host.n - entry.n, entry.n);
	if (!str_ieq(tail, entry))
		return false;
	if (host.n == entry.n)
		return !sub_only;
	return host.p[host.n - entry.n - 1] == '.';
}

/* Take ":port" off the entry. False: the entry is for another port. */
static bool
entry_port(struct str *entry, unsigned port)
{
	struct str host, digits;
	unsigned want;
	unsigned char ip[16];

	if (str_chr(*entry, ':') < 0 || str_chr(*entry, '/') >= 0 ||
	    net_literal(*entry, ip) > 0)
		return true;
	if (net_split(*entry, &host, &digits, NULL) < 0)
		return false;
	*entry = host;
	return digits.p == NULL ||
	    (net_port(digits, &want, NULL) == 0 && want == port);
}

bool
net_no_proxy(struct str list, struct str host, unsigned port)
{
	struct str part, entry;
	unsigned char ip[16];
	bool literal = net_literal(host, ip) > 0;

	while (str_cut(&list, ',', &part))
		while (str_cut(&part, ' ', &entry)) {
			entry = str_trim(entry);
			if (entry.n == 0)
				continue;
			if (str_eq(entry, STR("*")))
				return true;
			if (!entry_port(&entry, port))
				continue;
			if (literal ? match_block(entry, host) :
			    match_name(entry, host))
				return true;
		}
	return false;
}
