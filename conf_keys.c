/* SPDX-License-Identifier: MIT */
/*
 * conf_keys: the one table of configuration keys, and how a value of each kind
 * is checked, stored and formatted. What a file may say is here; where it
 * comes from is not (conf.c, conf_env.c).
 *
 * Values: text without control characters; sizes in bytes with K, M or G
 * (powers of 1024); times with ms, s, m or h, seconds when bare; yes, no,
 * true, false, on, off, 1, 0 for switches. URLs are the http and https forms
 * of RFC 3986 without user, query and fragment; field names are tokens of RFC
 * 9110 section 5.6.2.
 */
#include "conf_priv.h"

#include <string.h>

#define WORD_LEN_MAX 256 /* bytes of a model id, a provider/id or a key */
#define EFFORTS "none|minimal|low|medium|high|xhigh|max|ultrathink"

/* ---- checks of texts ---- */

int
conf_expected(struct err *e, const char *what)
{
	return err_set(e, ERR_INPUT, "expected %s", what);
}

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9');
}

/* All of s alphanumeric or one of extra? */
static bool
only(struct str s, const char *extra)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) &&
		    str_chr(str_of(extra), s.p[i]) < 0)
			return false;
	return true;
}

static bool
visible(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] < 0x21 || s.p[i] > 0x7e)
			return false;
	return true;
}

bool
conf_name_ok(struct str name)
{
	size_t i;

	if (name.n == 0 || name.n > 32 || name.p[0] == '_' ||
	    name.p[0] == '-' || !only(name, "_-"))
		return false;
	for (i = 0; i < name.n; i++)
		if (name.p[i] >= 'A' && name.p[i] <= 'Z')
			return false;
	return !str_eq(name, STR("echo"));
}

static int
check_word(struct str v, struct err *e)
{
	if (!visible(v) || v.n > WORD_LEN_MAX)
		return err_set(e, ERR_INPUT, "expected at most %d visible "
		    "ASCII characters without blanks", WORD_LEN_MAX);
	return 0;
}

static int
check_secret(struct str v, struct err *e)
{
	size_t i;

	for (i = 0; i < v.n && v.p[i] > 0x20 && v.p[i] < 0x7f; i++)
		continue;
	if (v.n == 0 || i < v.n)
		return conf_expected(e, "a key: visible ASCII "
		    "characters without blanks");
	return 0;
}

static int
check_local_key(struct str v, struct err *e)
{
	if (str_starts(v, STR("sk-")))
		return err_set(e, ERR_INPUT, "this looks like the key of a "
		    "provider; it belongs under [provider NAME], a local key "
		    "is made with `llmux key add`");
	return check_secret(v, e);
}

static int
check_model(struct str v, struct err *e)
{
	if (str_chr(v, '"') >= 0 || str_chr(v, '\\') >= 0)
		return conf_expected(e, "a model id without "
		    "quotes");
	return check_word(v, e);
}

static int
check_use(struct str v, struct err *e)
{
	ssize_t slash = str_chr(v, '/');

	if (slash < 0 || (size_t)slash + 1 == v.n ||
	    !conf_name_ok(str_sub(v, 0, (size_t)slash)))
		return conf_expected(e, "PROVIDER/MODEL");
	return check_model(v, e);
}

static int
check_host(struct str v, struct err *e)
{
	if (!only(v, ".-_") || v.n > 253)
		return conf_expected(e, "a host name without "
		    "scheme and port");
	return 0;
}

/* Any scheme: desktop programs send app://, tauri:// and the like. */
static int
check_origin(struct str v, struct err *e)
{
	ssize_t at = str_find(v, STR("://"));
	struct str host;

	if (at > 0) {
		host = str_sub(v, (size_t)at + 3, v.n);
		if (only(str_sub(v, 0, (size_t)at), "+-.") && host.n > 0 &&
		    only(host, ".-_:[]"))
			return 0;
	}
	return conf_expected(e, "an origin such as "
	    "https://app.lan, without a path");
}

static int
check_proxy(struct str v, struct err *e)
{
	struct net_proxy p;

	if (str_eq(v, STR("none")))
		return 0;
	return net_proxy_parse(v, &p, e);
}

/* secret: codes and refresh tokens go there, so never in the clear. */
static int
check_url(struct str v, bool secret, struct err *e)
{
	struct conf_url u;

	if (conf_url_split(v, &u, e) < 0)
		return -1;
	if (secret && !u.tls && !conf_loopback(u.host))
		return conf_expected(e, "https, or http to this machine: "
		    "tokens go there");
	return 0;
}

static int
check_env_name(struct str v, struct err *e)
{
	if (!only(v, "_") || (v.p[0] >= '0' && v.p[0] <= '9'))
		return conf_expected(e, "the name of an "
		    "environment variable, not the key itself");
	return 0;
}

/* Fields of RFC 9110 that llmux itself decides about. */
static const char own_fields[] = "host|content-length|transfer-encoding|"
    "connection|keep-alive|proxy-connection|te|trailer|upgrade|expect|"
    "accept-encoding|user-agent";

static int
check_header(struct str v, struct err *e)
{
	struct str value = v, name;
	ssize_t own;

	str_cut(&value, ':', &name);
	if (name.n == 0 || !only(name, "!#$%&'*+-.^_`|~") ||
	    str_trim(value).n == 0)
		return conf_expected(e, "NAME: VALUE");
	own = str_place(name, own_fields);
	if (own < 0)
		return 0;
	name = conf_word(own_fields, (size_t)own);
	return err_set(e, ERR_INPUT, "%.*s is set by llmux itself",
	    STR_ARG(name));
}

/* ---- URLs and hosts ---- */

static int
split_port(struct str s, struct conf_url *u, struct err *e)
{
	uint64_t port;

	if (str_u64(s, &port) < 0 || port == 0 || port > 65535)
		return conf_expected(e, "a port from 1 to "
		    "65535");
	u->port = (unsigned)port;
	return 0;
}

static int
split_authority(struct str a, struct conf_url *u, struct err *e)
{
	unsigned char ip[16];

	if (str_chr(a, '@') >= 0)
		return conf_expected(e, "no user and password; use api_key");
	if (str_starts(a, STR("["))) {
		a = str_sub(a, 1, a.n);
		str_cut(&a, ']', &u->host);
		if (a.p == NULL || str_chr(u->host, '%') >= 0 ||
		    net_literal(u->host, ip) != 16)
			return conf_expected(e, "an IPv6 address in brackets");
		if (a.n > 0 && a.p[0] != ':')
			return conf_expected(e, "a port behind the bracket");
		a = a.n > 0 ? str_sub(a, 1, a.n) : (struct str){ NULL, 0 };
	} else {
		str_cut(&a, ':', &u->host);
		if (u->host.n == 0 || u->host.n > 253 ||
		    !only(u->host, ".-_"))
			return conf_expected(e, "a host name or IP address");
	}
	if (u->tls && net_literal(u->host, ip) > 0)
		return conf_expected(e, "a host name: certificates are not "
		    "checked for IP addresses");
	u->port = u->tls ? 443 : 80;
	return a.p == NULL ? 0 : split_port(a, u, e);
}

int
conf_url_split(struct str s, struct conf_url *u, struct err *e)
{
	size_t n;

	*u = (struct conf_url){ .tls = false };
	if (str_ieq(str_sub(s, 0, 8), STR("https://"))) {
		u->tls = true;
		s = str_sub(s, 8, s.n);
	} else if (str_ieq(str_sub(s, 0, 7), STR("http://"))) {
		s = str_sub(s, 7, s.n);
	} else {
		return conf_expected(e, "a URL that begins with "
		    "https:// or http://");
	}
	for (n = 0; n < s.n && s.p[n] != '/' && s.p[n] != '?' &&
	    s.p[n] != '#'; n++)
		continue;
	u->path = str_sub(s, n, s.n);
	if (split_authority(str_sub(s, 0, n), u, e) < 0)
		return -1;
	if (!only(u->path, "/-._~!$&'()*+,;=:@%"))
		return conf_expected(e, "a path without blanks, "
		    "query and fragment");
	while (u->path.n > 0 && u->path.p[u->path.n - 1] == '/')
		u->path.n--;
	return 0;
}

/* Does host end so, and not begin there? */
static bool
ends_in(struct str host, struct str end)
{
	return host.n > end.n &&
	    str_ieq(str_sub(host, host.n - end.n, end.n), end);
}

bool
conf_loopback(struct str host)
{
	return net_loopback(host) || str_ieq(host, STR("localhost")) ||
	    ends_in(host, STR(".localhost"));
}

/* RFC 1918, 3927, 4193, 4291, 6598 for addresses; names without a dot or with
 * an ending that no public zone has (RFC 6762, 8375, and what routers use). */
bool
conf_private(struct str host)
{
	struct str ends = STR(".lan|.local|.home.arpa|.internal|.home|"
	    ".localdomain|.ts.net"), end;
	unsigned char ip[16];
	size_t n = net_literal(host, ip);

	if (conf_loopback(host))
		return true;
	if (n == 4)
		return ip[0] == 10 || (ip[0] == 192 && ip[1] == 168) ||
		    (ip[0] == 172 && (ip[1] & 0xf0) == 16) ||
		    (ip[0] == 169 && ip[1] == 254) ||
		    (ip[0] == 100 && (ip[1] & 0xc0) == 64);
	if (n == 16)
		return (ip[0] & 0xfe) == 0xfc ||
		    (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80);
	while (str_cut(&ends, '|', &end))
		if (ends_in(host, end))
			return true;
	return str_chr(host, '.') < 0;
}

int
conf_check(enum conf_check check, struct str v, struct err *e)
{
	switch (check) {
	case CHECK_NONE:
		return 0;
	case CHECK_WORD:
		return check_word(v, e);
	case CHECK_MODEL:
		return check_model(v, e);
	case CHECK_USE:
		return check_use(v, e);
	case CHECK_HOST:
		return check_host(v, e);
	case CHECK_ORIGIN:
		return check_origin(v, e);
	case CHECK_PROXY:
		return check_proxy(v, e);
	case CHECK_URL:
	case CHECK_TOKEN_URL:
		return check_url(v, check == CHECK_TOKEN_URL, e);
	case CHECK_SECRET:
		return check_secret(v, e);
	case CHECK_LOCAL_KEY:
		return check_local_key(v, e);
	case CHECK_ENV_NAME:
		return check_env_name(v, e);
	case CHECK_HEADER:
		return check_header(v, e);
	}
	return -1;
}

/* ---- the table ---- */

#define MAIN(key, kind_, field) .name = key, .section = CONF_MAIN, \
	.kind = KIND_##kind_, .offset = offsetof(struct conf, field)
#define PROVIDER(key, kind_, field) .name = key, .section = CONF_PROVIDER, \
	.kind = KIND_##kind_, .offset = offsetof(struct provider, field)
#define MODEL(key, kind_, field) .name = key, .section = CONF_MODEL, \
	.kind = KIND_##kind_, .offset = offsetof(struct model_alias, field)
#define TIME(key, field, low) MAIN(key, TIME, field), \
	.range = low "..604800s" /* a week */

const struct conf_key conf_keys[] = {
	{ MAIN("listen", ADDR, listen), .def = "127.0.0.1:8081",
	    .meaning = "IP:PORT, unix:PATH or tls:IP:PORT; repeat" },
	{ MAIN("unix_mode", MODE, unix_mode), .def = "0600",
	    .meaning = "mode of unix sockets" },
	{ MAIN("tls_cert", PATH, tls_cert),
	    .meaning = "certificate chain for tls: (PEM)" },
	{ MAIN("tls_key", PATH, tls_key),
	    .meaning = "its private key (PEM)" },
	{ MAIN("state_dir", PATH, state_dir),
	    .meaning = "logins and keys; default by system" },
	{ MAIN("api_key", LIST, api_keys), .mask = MASK_KEY,
	    .check = CHECK_LOCAL_KEY,
	    .meaning = "a local key for clients; repeat" },
	{ MAIN("require_key", WORD, require_key), .def = "auto",
	    .range = "auto|yes|no",
	    .meaning = "must clients bring a key" },
	{ MAIN("allowed_host", LIST, allowed_hosts), .check = CHECK_HOST,
	    .meaning = "further Host name to accept; repeat" },
	{ MAIN("cors_origin", LIST, cors_origins), .check = CHECK_ORIGIN,
	    .meaning = "web page origin to accept; repeat" },
	{ MAIN("ca_file", PATH, ca_file), .def = CONF_CA_FILE,
	    .meaning = "roots to trust (PEM)" },
	{ MAIN("proxy", TEXT, proxy), .mask = MASK_PROXY,
	    .check = CHECK_PROXY,
	    .meaning = "socks5://HOST:PORT, http://HOST:PORT, none" },
	{ MAIN("no_proxy", TEXT, no_proxy), .may_be_empty = true,
	    .meaning = "hosts to reach without proxy" },
	{ MAIN("log_level", WORD, log_level), .def = "info",
	    .range = "error|warn|info|debug",
	    .meaning = "error, warn, info or debug" },
	{ MAIN("default_model", TEXT, default_model), .may_be_empty = true,
	    .check = CHECK_MODEL,
	    .meaning = "for requests that name none" },
	{ MAIN("prompt_cache", FLAG, prompt_cache), .def = "auto",
	    .range = "off|auto",
	    .meaning = "mark prompts for caching; auto or off" },
	{ MAIN("cache_ttl", TEXT, cache_ttl), .may_be_empty = true,
	    .range = "5m|1h", .meaning = "life of such marks: 5m or 1h" },
	{ MAIN("reasoning_field", WORD, reasoning_field),
	    .def = "reasoning_content",
	    .range = "reasoning_content|reasoning|none",
	    .meaning = "chat field for reasoning; or none" },
	{ MAIN("counters_dir", PATH, counters_dir), .may_be_empty = true,
	    .meaning = "usage counters; default state_dir" },
	{ MAIN("max_clients", COUNT, max_clients), .def = "64",
	    .range = "1..65535", .meaning = "connections at a time" },
	{ MAIN("max_body", SIZE, max_body), .def = "32M",
	    .range = "1..1G", .meaning = "bytes of a request body" },
	{ MAIN("max_memory", SIZE, max_memory), .def = "0",
	    .range = "0..1024G", .meaning = "0: a quarter of the RAM" },
	{ MAIN("max_head", SIZE, max_head), .def = "32K",
	    .range = "1K..1M", .meaning = "bytes of a request head" },
	{ TIME("header_timeout", header_ms, "0s"), .def = "10s",
	    .meaning = "for a whole request head" },
	{ TIME("body_timeout", body_ms, "0s"), .def = "20s",
	    .meaning = "for a body, before 1 KiB/s is asked" },
	{ TIME("idle_timeout", idle_ms, "0s"), .def = "30s",
	    .meaning = "of kept-alive clients" },
	{ TIME("send_timeout", send_ms, "0s"), .def = "60s",
	    .meaning = "for a client that does not read" },
	{ TIME("connect_timeout", connect_ms, "0s"), .def = "10s",
	    .meaning = "to the upstream, with handshake" },
	{ TIME("response_timeout", response_ms, "0s"), .def = "600s",
	    .meaning = "to the upstream's answer head" },
	{ TIME("stream_timeout", stream_ms, "0s"), .def = "300s",
	    .meaning = "without an upstream byte" },
	{ TIME("ping_interval", ping_ms, "0s"), .def = "15s",
	    .meaning = "signs of life to clients; 0: none" },
	{ TIME("stop_timeout", stop_ms, "1ms"), .def = "10s",
	    .meaning = "for open streams at the end" },

	{ PROVIDER("type", WORD, type), .def = "openai",
	    .range = "anthropic|chatgpt|openai",
	    .meaning = "anthropic, chatgpt or openai" },
	{ PROVIDER("enabled", FLAG, enabled), .def = "yes",
	    .range = "no|yes", .meaning = "no: as if it were not there" },
	{ PROVIDER("base_url", TEXT, base_url), .check = CHECK_URL,
	    .meaning = "default by type; openai: with /v1" },
	{ PROVIDER("api_key", TEXT, api_key), .mask = MASK_KEY,
	    .check = CHECK_SECRET, .meaning = "the provider's key" },
	{ PROVIDER("api_key_file", PATH, api_key_file),
	    .meaning = "file with the key" },
	{ PROVIDER("api_key_env", TEXT, api_key_env),
	    .check = CHECK_ENV_NAME,
	    .meaning = "variable with the key" },
	{ PROVIDER("oauth_token_file", PATH, oauth_token_file),
	    .meaning = "file with a setup token" },
	{ PROVIDER("oauth_hosts", TEXT, oauth_hosts),
	    .range = "seed|platform", .meaning = "set of login addresses" },
	{ PROVIDER("authorize_url", LIST, authorize_url),
	    .check = CHECK_TOKEN_URL,
	    .meaning = "login page; repeat, in order" },
	{ PROVIDER("token_url", LIST, token_url), .check = CHECK_TOKEN_URL,
	    .meaning = "token endpoint; repeat, in order" },
	{ PROVIDER("redirect_uri", TEXT, redirect_uri), .check = CHECK_URL,
	    .meaning = "of the login" },
	{ PROVIDER("client_id", TEXT, client_id), .check = CHECK_WORD,
	    .meaning = "of the login" },
	{ PROVIDER("scope", TEXT, scope), .meaning = "of the login" },
	{ PROVIDER("auth_url", TEXT, auth_url), .check = CHECK_TOKEN_URL,
	    .meaning = "login server of type chatgpt" },
	{ PROVIDER("wire", WORD, wire), .def = "chat",
	    .range = "chat|responses",
	    .meaning = "what type openai speaks" },
	{ PROVIDER("model", LIST, models), .check = CHECK_MODEL,
	    .meaning = "an id that it serves; *: any; repeat" },
	{ PROVIDER("header", LIST, headers), .mask = MASK_FIELD,
	    .check = CHECK_HEADER, .meaning = "NAME: VALUE to add; repeat" },
	{ PROVIDER("proxy", TEXT, proxy_text), .mask = MASK_PROXY,
	    .check = CHECK_PROXY, .meaning = "instead of the global one" },

	{ MODEL("use", LIST, use), .check = CHECK_USE,
	    .meaning = "PROVIDER/MODEL; repeat, in order" },
	{ MODEL("reasoning", TEXT, reasoning), .range = EFFORTS,
	    .meaning = "effort, unless the request says" },
};
const size_t conf_n_keys = sizeof(conf_keys) / sizeof(conf_keys[0]);

_Static_assert(sizeof(conf_keys) / sizeof(conf_keys[0]) <= CONF_KEYS_MAX,
    "conf.c keeps a line number for each key");
_Static_assert(sizeof(enum conf_auto) == sizeof(unsigned) &&
    sizeof(enum log_level) == sizeof(unsigned) &&
    sizeof(enum provider_type) == sizeof(unsigned) &&
    sizeof(enum conf_wire) == sizeof(unsigned) &&
    sizeof(enum conf_reasoning) == sizeof(unsigned),
    "KIND_WORD writes an unsigned");

const struct conf_key *
conf_key_find(enum conf_section section, struct str name)
{
	size_t i;

	for (i = 0; i < conf_n_keys; i++)
		if (conf_keys[i].section == section &&
		    str_eq(name, str_of(conf_keys[i].name)))
			return &conf_keys[i];
	return NULL;
}

/* Insertions, deletions and changes between two names (Levenshtein); names
 * over 31 bytes are far from everything. */
static unsigned
distance(struct str a, struct str b)
{
	unsigned row[32], corner, above, cost;
	size_t i, k;

	if (a.n >= 32 || b.n >= 32)
		return 99;
	for (k = 0; k <= b.n; k++)
		row[k] = (unsigned)k;
	for (i = 1; i <= a.n; i++) {
		corner = row[0];
		row[0] = (unsigned)i;
		for (k = 1; k <= b.n; k++) {
			above = row[k];
			cost = corner + (a.p[i - 1] == b.p[k - 1] ? 0 : 1);
			if (above + 1 < cost)
				cost = above + 1;
			if (row[k - 1] + 1 < cost)
				cost = row[k - 1] + 1;
			corner = above;
			row[k] = cost;
		}
	}
	return row[b.n];
}

const char *
conf_meant(enum conf_section section, struct str name)
{
	const char *best = NULL;
	unsigned least = name.n <= 4 ? 2 : 3, d;
	size_t i;

	for (i = 0; i < conf_n_keys; i++) {
		if (conf_keys[i].section != section)
			continue;
		d = distance(name, str_of(conf_keys[i].name));
		if (d < least) {
			least = d;
			best = conf_keys[i].name;
		}
	}
	return best;
}

/* ---- numbers and words ---- */

/* digits and a unit: the number in *v, the rest in *unit. */
static int
split_unit(struct str s, uint64_t *v, struct str *unit)
{
	size_t n = 0;

	while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	*unit = str_sub(s, n, s.n);
	return str_u64(str_sub(s, 0, n), v);
}

struct unit {
	char name[4];
	uint32_t factor; /* 0: the end */
};

static const struct unit sizes[] = { { "G", 1u << 30 }, { "M", 1u << 20 },
	{ "K", 1u << 10 }, { "", 1 }, { "", 0 } };
static const struct unit times[] = { { "h", 3600000 }, { "m", 60000 },
	{ "s", 1000 }, { "ms", 1 }, { "", 1000 }, { "", 0 } };
static const struct unit *const bare = &sizes[3];

static int
parse_units(struct str s, const struct unit *u, uint64_t *v)
{
	struct str unit;

	if (split_unit(s, v, &unit) < 0)
		return -1;
	while (u->factor != 0 && !str_ieq(unit, str_of(u->name)))
		u++;
	if (u->factor == 0 || *v > UINT64_MAX / u->factor)
		return -1;
	*v *= u->factor;
	return 0;
}

void
conf_fmt_size(char dst[24], uint64_t v)
{
	const struct unit *u = sizes;

	while (u->factor > 1 && (v == 0 || v % u->factor != 0))
		u++;
	fmt_to(dst, 24, "%llu%s", (unsigned long long)(v / u->factor),
	    u->name);
}

void
conf_fmt_time(char dst[24], int64_t ms)
{
	bool whole = ms % 1000 == 0;

	fmt_to(dst, 24, "%lld%s", (long long)(whole ? ms / 1000 : ms),
	    whole ? "s" : "ms");
}

void
conf_fmt_mode(char dst[24], unsigned mode)
{
	fmt_to(dst, 24, "0%u%u%u", mode >> 6 & 7, mode >> 3 & 7, mode & 7);
}

void
conf_fmt_addr(char dst[CONF_ADDR_MAX], const struct net_addr *a)
{
	bool v6 = str_chr(str_of(a->host), ':') >= 0;

	if (a->is_unix)
		fmt_to(dst, CONF_ADDR_MAX, "unix:%s", a->host);
	else
		fmt_to(dst, CONF_ADDR_MAX, v6 ? "%s[%s]:%u" : "%s%s:%u",
		    a->is_tls ? "tls:" : "", a->host, a->port);
}

static int
parse_mode(struct str s, unsigned *mode)
{
	size_t i;

	*mode = 0;
	for (i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '7' || i > 4)
			return -1;
		*mode = *mode * 8 + (unsigned)(s.p[i] - '0');
	}
	return s.n < 3 || *mode > 0777 ? -1 : 0;
}

struct str
conf_word(const char *words, size_t i)
{
	struct str rest = str_of(words), w;

	while (str_cut(&rest, '|', &w) && i-- > 0)
		continue;
	return w;
}

/* Other spellings of yes and no, as UCI and people write them. */
static struct str
yes_no(struct str v)
{
	ssize_t i = str_place(v, "yes|true|on|1|no|false|off|0");

	return i < 0 ? v : i < 4 ? STR("yes") : STR("no");
}

/* The place of v in words, -1 when it is not there: then e lists them. */
static ssize_t
word_index(const char *words, struct str v, struct err *e)
{
	struct str rest = str_of(words), w;
	char list[120];
	size_t n = 0;
	ssize_t i;

	if (str_ends(rest, STR("yes")) || str_ends(rest, STR("yes|no")))
		v = yes_no(v);
	i = str_place(v, words);
	if (i >= 0)
		return i;
	while (str_cut(&rest, '|', &w))
		n += fmt_to(list + n, sizeof(list) - n, "%s%.*s", n == 0 ? "" :
		    rest.p == NULL ? " or " : ", ", STR_ARG(w));
	return conf_expected(e, list);
}

/* ---- storing ---- */

static int
set_text(struct conf *c, const struct conf_key *k, void *field, struct str v,
    struct err *e)
{
	ssize_t i;

	if (k->range != NULL) {
		i = word_index(k->range, v, e);
		if (i < 0)
			return -1;
		v = conf_word(k->range, (size_t)i); /* in this spelling */
	}
	if (conf_check((enum conf_check)k->check, v, e) < 0)
		return -1;
	if (k->kind == KIND_LIST)
		return conf_list_add(c, field, v, e);
	return conf_copy(c, v, field, e);
}

/* int64_t and uint64_t fields alike. */
static int
set_number(const struct conf_key *k, uint64_t *field, struct str v,
    struct err *e)
{
	const struct unit *u = k->kind == KIND_SIZE ? sizes :
	    k->kind == KIND_TIME ? times : bare;
	struct str range = str_of(k->range), low, high;
	ssize_t dots = str_find(range, STR(".."));
	uint64_t n, min, max;
	bool number;

	low = str_sub(range, 0, (size_t)dots);
	high = str_sub(range, (size_t)dots + 2, range.n);
	number = parse_units(v, u, &n) == 0;
	if (!number && u != bare)
		return conf_expected(e, u == sizes ?
		    "a size such as 64K, 32M or 1G" :
		    "a time such as 500ms, 10s, 5m or 1h");
	if (number && parse_units(low, u, &min) == 0 && n >= min &&
	    parse_units(high, u, &max) == 0 && n <= max) {
		*field = n;
		return 0;
	}
	return err_set(e, ERR_INPUT, "expected %s%.*s to %.*s", u == bare ?
	    "a number from " : "", STR_ARG(low), STR_ARG(high));
}

static int
set_word(const struct conf_key *k, void *field, struct str v, struct err *e)
{
	ssize_t i = word_index(k->range, v, e);

	if (i < 0)
		return -1;
	if (k->kind == KIND_FLAG)
		*(bool *)field = i == 1;
	else
		*(unsigned *)field = (unsigned)i;
	return 0;
}

static int
set_addr(struct conf *c, struct str v, struct err *e)
{
	if (c->n_listen == CONF_LISTEN_MAX)
		return err_set(e, ERR_INPUT, "expected at most %d listeners",
		    CONF_LISTEN_MAX);
	c->listen[c->n_listen] = (struct net_addr){ .port = 0 };
	if (net_addr_parse(v, &c->listen[c->n_listen], e) < 0)
		return -1;
	c->n_listen++;
	return 0;
}

/* Texts that no line of a file could hold would make `check` print something
 * else than what is in force. */
static int
check_line(struct str v, struct err *e)
{
	size_t i;

	for (i = 0; i < v.n; i++) {
		unsigned char b = (unsigned char)v.p[i];

		if ((b < 0x20 && b != '\t') || b == 0x7f)
			return conf_expected(e, "no control "
			    "characters");
		if (b == '#' && (i == 0 || v.p[i - 1] == ' ' ||
		    v.p[i - 1] == '\t'))
			return conf_expected(e, "no # behind a "
			    "blank");
	}
	if (v.n > 1 && v.p[0] == v.p[v.n - 1] &&
	    (v.p[0] == '"' || v.p[0] == '\''))
		return conf_expected(e, "a value without "
		    "quotes");
	return 0;
}

int
conf_set(struct conf *c, const struct conf_key *k, void *base, struct str v,
    struct err *e)
{
	void *field = (char *)base + k->offset;
	unsigned mode;

	v = str_trim(v);
	if (v.n == 0 && k->may_be_empty) {
		*(struct str *)field = (struct str){ NULL, 0 };
		return 0;
	}
	if (v.n == 0)
		return err_set(e, ERR_INPUT, "a value is missing");
	if (check_line(v, e) < 0)
		return -1;
	switch ((enum conf_kind)k->kind) {
	case KIND_TEXT:
	case KIND_LIST:
	case KIND_PATH:
		return set_text(c, k, field, v, e);
	case KIND_SIZE:
	case KIND_COUNT:
	case KIND_TIME:
		return set_number(k, field, v, e);
	case KIND_WORD:
	case KIND_FLAG:
		return set_word(k, field, v, e);
	case KIND_MODE:
		if (parse_mode(v, &mode) < 0)
			return conf_expected(e, "an octal mode "
			    "such as 0600");
		*(unsigned *)field = mode;
		return 0;
	case KIND_ADDR:
		return set_addr(c, v, e);
	}
	return -1;
}

/* ---- messages ---- */

bool
conf_secretive(struct str v)
{
	return str_find(v, STR("sk-")) >= 0 ||
	    str_find(v, STR("llmux-")) >= 0 ||
	    str_find(v, STR("eyJ")) >= 0 || str_find(v, STR("rt_")) >= 0 ||
	    str_chr(v, '@') >= 0;
}

int
conf_bad_named(const char *name, bool secret, struct str v, struct err *e)
{
	struct buf b;

	if (secret || v.n == 0 || conf_secretive(v))
		return err_prefix(e, "%s", name);
	buf_init(&b, 256);
	buf_add_quoted(&b, v, 40);
	if (b.bad)
		err_prefix(e, "%s", name);
	else
		err_prefix(e, "%s \"%.*s\"", name, STR_ARG(buf_str(&b)));
	buf_free(&b);
	return -1;
}

int
conf_bad_value(const struct conf_key *k, struct str v, struct err *e)
{
	return conf_bad_named(k->name, k->mask != MASK_NONE ||
	    k->check == CHECK_ENV_NAME, v, e);
}
