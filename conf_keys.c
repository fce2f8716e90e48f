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

#include <arpa/inet.h>
#include <string.h>

#define HOUR_MS 3600000u
#define TIME_MAX_MS (168u * HOUR_MS)
#define WORD_LEN_MAX 256 /* bytes of a model id, a provider/id or a key */
#define EFFORTS "none|minimal|low|medium|high|xhigh|max|ultrathink"

/* ---- checks of texts ---- */

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

int
conf_check_secret(struct str v, struct err *e)
{
	size_t i;

	for (i = 0; i < v.n && v.p[i] > 0x20 && v.p[i] < 0x7f; i++)
		continue;
	if (v.n == 0 || i < v.n)
		return err_set(e, ERR_INPUT, "expected a key: visible ASCII "
		    "characters without blanks");
	return 0;
}

int
conf_check_local_key(struct str v, struct err *e)
{
	if (str_starts(v, STR("sk-")))
		return err_set(e, ERR_INPUT, "this looks like the key of a "
		    "provider; it belongs under [provider NAME], a local key "
		    "is made with `llmux key add`");
	return conf_check_secret(v, e);
}

static int
check_model(struct str v, struct err *e)
{
	if (str_chr(v, '"') >= 0 || str_chr(v, '\\') >= 0)
		return err_set(e, ERR_INPUT, "expected a model id without "
		    "quotes");
	return check_word(v, e);
}

static int
check_use(struct str v, struct err *e)
{
	ssize_t slash = str_chr(v, '/');

	if (slash < 0 || (size_t)slash + 1 == v.n ||
	    !conf_name_ok(str_sub(v, 0, (size_t)slash)))
		return err_set(e, ERR_INPUT, "expected PROVIDER/MODEL");
	return check_model(v, e);
}

static int
check_host(struct str v, struct err *e)
{
	if (!only(v, ".-_") || v.n > 253)
		return err_set(e, ERR_INPUT, "expected a host name without "
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
	return err_set(e, ERR_INPUT, "expected an origin such as "
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

static int
check_url(struct str v, struct err *e)
{
	struct conf_url u;

	return conf_url_split(v, &u, e);
}

/* Where codes and refresh tokens go: never in the clear. */
static int
check_token_url(struct str v, struct err *e)
{
	struct conf_url u;

	if (conf_url_split(v, &u, e) < 0)
		return -1;
	if (!u.tls && !conf_loopback(u.host))
		return err_set(e, ERR_INPUT, "expected https, or http to this "
		    "machine: tokens go there");
	return 0;
}

static int
check_env_name(struct str v, struct err *e)
{
	if (!only(v, "_") || (v.p[0] >= '0' && v.p[0] <= '9'))
		return err_set(e, ERR_INPUT, "expected the name of an "
		    "environment variable, not the key itself");
	return 0;
}

/* Fields of RFC 9110 that llmux itself decides about. */
static const char *const own_fields[] = { "host", "content-length",
	"transfer-encoding", "connection", "keep-alive", "proxy-connection",
	"te", "trailer", "upgrade", "expect", "accept-encoding",
	"user-agent" };

static int
check_header(struct str v, struct err *e)
{
	struct str name = v;
	ssize_t colon = str_chr(v, ':');
	size_t i;

	name.n = colon < 0 ? 0 : (size_t)colon;
	if (name.n == 0 || !only(name, "!#$%&'*+-.^_`|~") ||
	    str_trim(str_sub(v, name.n + 1, v.n)).n == 0)
		return err_set(e, ERR_INPUT, "expected NAME: VALUE");
	for (i = 0; i < sizeof(own_fields) / sizeof(own_fields[0]); i++)
		if (str_ieq(name, str_of(own_fields[i])))
			return err_set(e, ERR_INPUT, "%s is set by llmux "
			    "itself", own_fields[i]);
	return 0;
}

/* ---- URLs and hosts ---- */

static int
split_port(struct str s, struct conf_url *u, struct err *e)
{
	uint64_t port;

	if (str_u64(s, &port) < 0 || port == 0 || port > 65535)
		return err_set(e, ERR_INPUT, "expected a port from 1 to "
		    "65535");
	u->port = (unsigned)port;
	return 0;
}

static size_t
ip_bytes(struct str host, unsigned char ip[16])
{
	char z[64];

	if (host.n == 0 || host.n >= sizeof(z))
		return 0;
	fmt_to(z, sizeof(z), "%.*s", STR_ARG(host));
	if (inet_pton(AF_INET, z, ip) == 1)
		return 4;
	return inet_pton(AF_INET6, z, ip) == 1 ? 16 : 0;
}

static int
split_authority(struct str a, struct conf_url *u, struct err *e)
{
	unsigned char ip[16];
	ssize_t at;

	if (str_chr(a, '@') >= 0)
		return err_set(e, ERR_INPUT, "expected no user and password; "
		    "use api_key");
	if (a.n > 0 && a.p[0] == '[') {
		at = str_chr(a, ']');
		if (at < 0 || ip_bytes(str_sub(a, 1, (size_t)at - 1), ip) !=
		    16)
			return err_set(e, ERR_INPUT, "expected an IPv6 "
			    "address in brackets");
		u->host = str_sub(a, 1, (size_t)at - 1);
		a = str_sub(a, (size_t)at + 1, a.n);
		if (a.n > 0 && a.p[0] != ':')
			return err_set(e, ERR_INPUT, "expected a port behind "
			    "the bracket");
		at = a.n > 0 ? 0 : -1;
	} else {
		at = str_chr(a, ':');
		u->host = at < 0 ? a : str_sub(a, 0, (size_t)at);
		if (u->host.n == 0 || u->host.n > 253 ||
		    !only(u->host, ".-_"))
			return err_set(e, ERR_INPUT, "expected a host name "
			    "or IP address");
	}
	if (u->tls && ip_bytes(u->host, ip) > 0)
		return err_set(e, ERR_INPUT, "expected a host name: "
		    "certificates are not checked for IP addresses");
	u->port = u->tls ? 443 : 80;
	return at < 0 ? 0 : split_port(str_sub(a, (size_t)at + 1, a.n), u, e);
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
		return err_set(e, ERR_INPUT, "expected a URL that begins with "
		    "https:// or http://");
	}
	for (n = 0; n < s.n && s.p[n] != '/' && s.p[n] != '?' &&
	    s.p[n] != '#'; n++)
		continue;
	u->path = str_sub(s, n, s.n);
	if (split_authority(str_sub(s, 0, n), u, e) < 0)
		return -1;
	if (!only(u->path, "/-._~!$&'()*+,;=:@%"))
		return err_set(e, ERR_INPUT, "expected a path without blanks, "
		    "query and fragment");
	while (u->path.n > 0 && u->path.p[u->path.n - 1] == '/')
		u->path.n--;
	return 0;
}

bool
conf_loopback(struct str host)
{
	static const unsigned char one[16] = { [15] = 1 };
	unsigned char ip[16];
	size_t n = ip_bytes(host, ip);

	if (n == 4)
		return ip[0] == 127;
	if (n == 16)
		return memcmp(ip, one, 16) == 0;
	return str_ieq(host, STR("localhost")) || (host.n > 10 &&
	    str_ieq(str_sub(host, host.n - 10, 10), STR(".localhost")));
}

/* RFC 1918, 3927, 4193, 4291, 6598 for addresses; names without a dot or with
 * an ending that no public zone has (RFC 6762, 8375, and what routers use). */
bool
conf_private(struct str host)
{
	static const char *const ends[] = { ".lan", ".local", ".home.arpa",
		".internal", ".home", ".localdomain", ".ts.net" };
	unsigned char ip[16];
	size_t n = ip_bytes(host, ip), i, len;

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
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		len = strlen(ends[i]);
		if (host.n > len && str_ieq(str_sub(host, host.n - len, len),
		    str_of(ends[i])))
			return true;
	}
	return str_chr(host, '.') < 0;
}

/* ---- the table ---- */

#define MAIN(key, kind_, field) .name = key, .section = CONF_MAIN, \
	.kind = KIND_##kind_, .offset = offsetof(struct conf, field)
#define PROVIDER(key, kind_, field) .name = key, .section = CONF_PROVIDER, \
	.kind = KIND_##kind_, .offset = offsetof(struct provider, field)
#define MODEL(key, kind_, field) .name = key, .section = CONF_MODEL, \
	.kind = KIND_##kind_, .offset = offsetof(struct model_alias, field)
#define TIME(key, field, low) MAIN(key, TIME, field), .min = low, \
	.max = TIME_MAX_MS

const struct conf_key conf_keys[] = {
	{ MAIN("listen", ADDR, listen), .def = "127.0.0.1:8081",
	    .meaning = "IP:PORT, unix:PATH or tls:IP:PORT; repeat" },
	{ MAIN("unix_mode", MODE, unix_mode), .def = "0600", .max = 0777,
	    .meaning = "mode of unix sockets" },
	{ MAIN("tls_cert", PATH, tls_cert),
	    .meaning = "certificate chain for tls: (PEM)" },
	{ MAIN("tls_key", PATH, tls_key),
	    .meaning = "its private key (PEM)" },
	{ MAIN("state_dir", PATH, state_dir),
	    .meaning = "logins and keys; default by system" },
	{ MAIN("api_key", LIST, api_keys), .mask = MASK_KEY,
	    .check = conf_check_local_key,
	    .meaning = "a local key for clients; repeat" },
	{ MAIN("require_key", WORD, require_key), .def = "auto",
	    .words = "auto|yes|no",
	    .meaning = "must clients bring a key" },
	{ MAIN("allowed_host", LIST, allowed_hosts), .check = check_host,
	    .meaning = "further Host name to accept; repeat" },
	{ MAIN("cors_origin", LIST, cors_origins), .check = check_origin,
	    .meaning = "web page origin to accept; repeat" },
	{ MAIN("ca_file", PATH, ca_file), .def = CONF_CA_FILE,
	    .meaning = "roots to trust (PEM)" },
	{ MAIN("proxy", TEXT, proxy), .mask = MASK_PROXY,
	    .check = check_proxy,
	    .meaning = "socks5://HOST:PORT, http://HOST:PORT, none" },
	{ MAIN("no_proxy", TEXT, no_proxy), .may_be_empty = true,
	    .meaning = "hosts to reach without proxy" },
	{ MAIN("log_level", WORD, log_level), .def = "info",
	    .words = "error|warn|info|debug",
	    .meaning = "error, warn, info or debug" },
	{ MAIN("default_model", TEXT, default_model), .may_be_empty = true,
	    .check = check_model,
	    .meaning = "for requests that name none" },
	{ MAIN("prompt_cache", FLAG, prompt_cache), .def = "auto",
	    .words = "off|auto",
	    .meaning = "mark prompts for caching; auto or off" },
	{ MAIN("cache_ttl", TEXT, cache_ttl), .may_be_empty = true,
	    .words = "5m|1h", .meaning = "life of such marks: 5m or 1h" },
	{ MAIN("reasoning_field", WORD, reasoning_field),
	    .def = "reasoning_content",
	    .words = "reasoning_content|reasoning|none",
	    .meaning = "chat field for reasoning; or none" },
	{ MAIN("counters_dir", PATH, counters_dir), .may_be_empty = true,
	    .meaning = "usage counters; default state_dir" },
	{ MAIN("max_clients", COUNT, max_clients), .def = "64", .min = 1,
	    .max = 65535, .meaning = "connections at a time" },
	{ MAIN("max_body", SIZE, max_body), .def = "32M", .min = 1,
	    .max = 1u << 30, .meaning = "bytes of a request body" },
	{ MAIN("max_memory", SIZE, max_memory), .def = "0",
	    .max = 1ull << 40, .meaning = "0: a quarter of the RAM" },
	{ MAIN("max_head", SIZE, max_head), .def = "32K", .min = 1024,
	    .max = 1u << 20, .meaning = "bytes of a request head" },
	{ TIME("header_timeout", header_ms, 0), .def = "10s",
	    .meaning = "for a whole request head" },
	{ TIME("body_timeout", body_ms, 0), .def = "20s",
	    .meaning = "for a body, before 1 KiB/s is asked" },
	{ TIME("idle_timeout", idle_ms, 0), .def = "30s",
	    .meaning = "of kept-alive clients" },
	{ TIME("send_timeout", send_ms, 0), .def = "60s",
	    .meaning = "for a client that does not read" },
	{ TIME("connect_timeout", connect_ms, 0), .def = "10s",
	    .meaning = "to the upstream, with handshake" },
	{ TIME("response_timeout", response_ms, 0), .def = "600s",
	    .meaning = "to the upstream's answer head" },
	{ TIME("stream_timeout", stream_ms, 0), .def = "300s",
	    .meaning = "without an upstream byte" },
	{ TIME("ping_interval", ping_ms, 0), .def = "15s",
	    .meaning = "signs of life to clients; 0: none" },
	{ TIME("stop_timeout", stop_ms, 1), .def = "10s",
	    .meaning = "for open streams at the end" },

	{ PROVIDER("type", WORD, type), .def = "openai",
	    .words = "anthropic|chatgpt|openai",
	    .meaning = "anthropic, chatgpt or openai" },
	{ PROVIDER("enabled", FLAG, enabled), .def = "yes",
	    .words = "no|yes", .meaning = "no: as if it were not there" },
	{ PROVIDER("base_url", TEXT, base_url), .check = check_url,
	    .meaning = "default by type; openai: with /v1" },
	{ PROVIDER("api_key", TEXT, api_key), .mask = MASK_KEY,
	    .check = conf_check_secret, .meaning = "the provider's key" },
	{ PROVIDER("api_key_file", PATH, api_key_file),
	    .meaning = "file with the key" },
	{ PROVIDER("api_key_env", TEXT, api_key_env),
	    .check = check_env_name,
	    .meaning = "variable with the key" },
	{ PROVIDER("oauth_token_file", PATH, oauth_token_file),
	    .meaning = "file with a setup token" },
	{ PROVIDER("oauth_hosts", TEXT, oauth_hosts),
	    .words = "seed|platform", .meaning = "set of login addresses" },
	{ PROVIDER("authorize_url", LIST, authorize_url),
	    .check = check_token_url,
	    .meaning = "login page; repeat, in order" },
	{ PROVIDER("token_url", LIST, token_url), .check = check_token_url,
	    .meaning = "token endpoint; repeat, in order" },
	{ PROVIDER("redirect_uri", TEXT, redirect_uri), .check = check_url,
	    .meaning = "of the login" },
	{ PROVIDER("client_id", TEXT, client_id), .check = check_word,
	    .meaning = "of the login" },
	{ PROVIDER("scope", TEXT, scope), .meaning = "of the login" },
	{ PROVIDER("auth_url", TEXT, auth_url), .check = check_token_url,
	    .meaning = "login server of type chatgpt" },
	{ PROVIDER("wire", WORD, wire), .def = "chat",
	    .words = "chat|responses",
	    .meaning = "what type openai speaks" },
	{ PROVIDER("model", LIST, models), .check = check_model,
	    .meaning = "an id that it serves; *: any; repeat" },
	{ PROVIDER("header", LIST, headers), .mask = MASK_FIELD,
	    .check = check_header, .meaning = "NAME: VALUE to add; repeat" },
	{ PROVIDER("proxy", TEXT, proxy_text), .mask = MASK_PROXY,
	    .check = check_proxy, .meaning = "instead of the global one" },

	{ MODEL("use", LIST, use), .check = check_use,
	    .meaning = "PROVIDER/MODEL; repeat, in order" },
	{ MODEL("reasoning", TEXT, reasoning), .words = EFFORTS,
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
	const char *name;
	uint64_t factor;
};

static const struct unit sizes[] = { { "G", 1u << 30 }, { "M", 1u << 20 },
	{ "K", 1u << 10 }, { "", 1 }, { NULL, 0 } };
static const struct unit times[] = { { "h", HOUR_MS }, { "m", 60000 },
	{ "s", 1000 }, { "ms", 1 }, { "", 1000 }, { NULL, 0 } };

static int
parse_units(struct str s, const struct unit *u, uint64_t *v)
{
	struct str unit;

	if (split_unit(s, v, &unit) < 0)
		return -1;
	while (u->name != NULL && !str_ieq(unit, str_of(u->name)))
		u++;
	if (u->name == NULL || *v > UINT64_MAX / u->factor)
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
conf_fmt_addr(const struct net_addr *a, struct buf *b)
{
	bool v6 = str_chr(str_of(a->host), ':') >= 0;

	if (a->is_unix)
		buf_fmt(b, "unix:%s", a->host);
	else
		buf_fmt(b, "%s%s%s%s:%u", a->is_tls ? "tls:" : "",
		    v6 ? "[" : "", a->host, v6 ? "]" : "", a->port);
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

/* Other spellings of yes and no, as UCI and people write them. */
static struct str
yes_no(struct str v)
{
	static const char *const same[] = { "yes", "true", "on", "1" };
	static const char *const not[] = { "no", "false", "off", "0" };
	size_t i;

	for (i = 0; i < 4; i++) {
		if (str_ieq(v, str_of(same[i])))
			return STR("yes");
		if (str_ieq(v, str_of(not[i])))
			return STR("no");
	}
	return v;
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
	for (i = 0; str_cut(&rest, '|', &w); i++)
		if (str_ieq(w, v))
			return i;
	rest = str_of(words);
	list[0] = '\0';
	while (str_cut(&rest, '|', &w))
		n += fmt_to(list + n, sizeof(list) - n, "%s%.*s", n == 0 ? "" :
		    rest.p == NULL ? " or " : ", ", STR_ARG(w));
	return err_set(e, ERR_INPUT, "expected %s", list);
}

/* ---- storing ---- */

static int
set_text(struct conf *c, const struct conf_key *k, void *field, struct str v,
    struct err *e)
{
	struct str words = str_of(k->words), w;

	if (k->words != NULL) {
		if (word_index(k->words, v, e) < 0)
			return -1;
		/* Stored as the table spells it. */
		while (str_cut(&words, '|', &w))
			if (str_ieq(w, v))
				v = w;
	}
	if (k->check != NULL && k->check(v, e) < 0)
		return -1;
	if (k->kind == KIND_LIST)
		return conf_list_add(c, field, v, e);
	return conf_copy(c, v, field, e);
}

static void
fmt_number(bool size, char dst[24], uint64_t v)
{
	if (size)
		conf_fmt_size(dst, v);
	else
		conf_fmt_time(dst, (int64_t)v);
}

static int
set_number(const struct conf_key *k, void *field, struct str v, struct err *e)
{
	bool size = k->kind == KIND_SIZE;
	char low[24], high[24];
	uint64_t n;

	if (k->kind == KIND_COUNT) {
		if (str_u64(v, &n) < 0 || n < k->min || n > k->max)
			return err_set(e, ERR_INPUT, "expected a number from "
			    "%llu to %llu", (unsigned long long)k->min,
			    (unsigned long long)k->max);
	} else if (parse_units(v, size ? sizes : times, &n) < 0) {
		return err_set(e, ERR_INPUT, size ?
		    "expected a size such as 64K, 32M or 1G" :
		    "expected a time such as 500ms, 10s, 5m or 1h");
	} else if (n < k->min || n > k->max) {
		fmt_number(size, low, k->min);
		fmt_number(size, high, k->max);
		return err_set(e, ERR_INPUT, "expected %s to %s", low, high);
	}
	if (k->kind == KIND_TIME)
		*(int64_t *)field = (int64_t)n;
	else
		*(uint64_t *)field = n;
	return 0;
}

static int
set_word(const struct conf_key *k, void *field, struct str v, struct err *e)
{
	ssize_t i = word_index(k->words, v, e);

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
			return err_set(e, ERR_INPUT, "expected no control "
			    "characters");
		if (b == '#' && (i == 0 || v.p[i - 1] == ' ' ||
		    v.p[i - 1] == '\t'))
			return err_set(e, ERR_INPUT, "expected no # behind a "
			    "blank");
	}
	if (v.n > 1 && v.p[0] == v.p[v.n - 1] &&
	    (v.p[0] == '"' || v.p[0] == '\''))
		return err_set(e, ERR_INPUT, "expected a value without "
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
	switch (k->kind) {
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
			return err_set(e, ERR_INPUT, "expected an octal mode "
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

	if (secret || v.n == 0 || conf_secretive(v)) {
		err_prefix(e, "%s", name);
		return -1;
	}
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
	    k->check == check_env_name, v, e);
}
