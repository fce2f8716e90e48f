/* SPDX-License-Identifier: MIT */
/*
 * conf: the text of a config file into a struct conf, what follows from it
 * (types, URLs, proxies, aliases), opening what it names, and the life of the
 * struct. The format: a `key = value` a line, `[provider NAME]` and
 * `[model NAME]` open sections, `#` begins a comment at the start of a line
 * or behind a blank; CRLF is fine. Nothing is guessed: an unknown key or
 * section, a value of the wrong form, a second value for a single key or a
 * NUL is an error with file, line and what was expected.
 *
 * Not here: the keys and their values (conf_keys.c), where files, environment
 * and credentials come from (conf_env.c, conf_creds.c), printing (conf_print.c).
 *
 * Limits: 256 KiB a file, 64 providers, 256 aliases, 1024 entries a list.
 */
#include "conf_priv.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tls.h"

#define ARENA_MAX (4u << 20) /* a whole file of short list entries */
#define FILES_SPARE 32       /* descriptors that are no connections */

/* ---- building ---- */

int
conf_copy(struct conf *c, struct str v, struct str *to, struct err *e)
{
	const char *p = arena_z(&c->a, v);

	if (p == NULL)
		return err_set(e, ERR_MEM, "no memory");
	*to = (struct str){ p, v.n };
	return 0;
}

/* Room for one more behind n entries of size bytes: the same array or a larger
 * copy. The room is 4, then doubles, so n alone tells when it is full. */
static void *
grow(struct conf *c, void *v, size_t n, size_t size, struct err *e)
{
	char *p;

	if (n > 0 && (n < 4 || (n & (n - 1)) != 0))
		return v;
	p = arena_alloc(&c->a, (n == 0 ? 4 : 2 * n) * size);
	if (p == NULL)
		err_set(e, ERR_MEM, "no memory");
	else if (n > 0)
		memcpy(p, v, n * size);
	return p;
}

int
conf_list_add(struct conf *c, struct conf_list *l, struct str v,
    struct err *e)
{
	struct str *room;

	if (l->n == CONF_LIST_MAX)
		return err_set(e, ERR_INPUT, "expected at most %d of them",
		    CONF_LIST_MAX);
	room = grow(c, l->v, l->n, sizeof(*room), e);
	if (room == NULL)
		return -1;
	l->v = room;
	if (conf_copy(c, v, &room[l->n], e) < 0)
		return -1;
	l->n++;
	return 0;
}

static int
set_defaults(struct conf *c, enum conf_section section, void *base,
    struct err *e)
{
	size_t i;

	for (i = 0; i < conf_n_keys; i++) {
		const struct conf_key *k = &conf_keys[i];

		/* Listeners add up; conf_finish sets theirs. */
		if (k->section != section || k->def == NULL ||
		    k->kind == KIND_ADDR)
			continue;
		if (conf_set(c, k, base, str_of(k->def), e) < 0)
			return -1;
	}
	return 0;
}

struct provider *
conf_find_provider(struct conf *c, struct str name)
{
	size_t i;

	for (i = 0; i < c->n_providers; i++)
		if (str_eq(c->providers[i].name, name))
			return &c->providers[i];
	return NULL;
}

struct provider *
conf_add_provider(struct conf *c, struct str name, struct err *e)
{
	struct provider *p;

	if (c->n_providers == CONF_PROVIDERS_MAX) {
		err_set(e, ERR_INPUT, "expected at most %d providers",
		    CONF_PROVIDERS_MAX);
		return NULL;
	}
	p = grow(c, c->providers, c->n_providers, sizeof(*p), e);
	if (p == NULL)
		return NULL;
	c->providers = p;
	p += c->n_providers;
	*p = (struct provider){ .line = 0 };
	if (conf_copy(c, name, &p->name, e) < 0 ||
	    set_defaults(c, CONF_PROVIDER, p, e) < 0)
		return NULL;
	c->n_providers++;
	return p;
}

struct conf *
conf_new(struct err *e)
{
	struct conf *c = mem_calloc(sizeof(*c));
	struct provider *p;

	if (c == NULL) {
		err_set(e, ERR_MEM, "no memory");
		return NULL;
	}
	atomic_init(&c->refs, 1);
	arena_init(&c->a, ARENA_MAX);
	c->chatgpt_variants = true;
	if (set_defaults(c, CONF_MAIN, c, e) < 0)
		goto fail;
	p = conf_add_provider(c, STR("claude"), e);
	if (p == NULL)
		goto fail;
	p->type = PROVIDER_ANTHROPIC;
	p = conf_add_provider(c, STR("chatgpt"), e);
	if (p == NULL)
		goto fail;
	p->type = PROVIDER_CHATGPT;
	return c;
fail:
	conf_unref(c);
	return NULL;
}

/* ---- the lines of a file ---- */

struct parser {
	struct conf *c;
	unsigned line;
	enum conf_section section;
	size_t index; /* of the provider or alias */
	unsigned seen[CONF_KEYS_MAX]; /* line of each key in this section */
};

int
conf_at_line(const char *name, unsigned line, struct err *e)
{
	size_t n = strlen(name);

	if (line == 0)
		return -1;
	/* The end of a long path says more than its beginning. */
	return err_prefix(e, "%s%s: line %u", n > 64 ? "..." : "",
	    n > 64 ? name + n - 61 : name, line);
}

static int
open_provider(struct parser *p, struct str name, struct err *e)
{
	struct provider *v;

	if (!conf_name_ok(name)) {
		conf_expected(e, "1 to 32 of a-z, 0-9, - and _, "
		    "first a letter or digit, not echo");
		return conf_bad_named("provider name", name.n == 0, name, e);
	}
	v = conf_find_provider(p->c, name);
	if (v == NULL)
		v = conf_add_provider(p->c, name, e);
	if (v == NULL)
		return -1;
	if (v->line != 0)
		return err_set(e, ERR_INPUT, "[provider %.*s] is there twice, "
		    "first on line %u", STR_ARG(name), v->line);
	v->line = p->line;
	p->section = CONF_PROVIDER;
	p->index = (size_t)(v - p->c->providers);
	return 0;
}

static bool
alias_ok(struct str name)
{
	size_t i;

	for (i = 0; i < name.n; i++)
		if (name.p[i] < 0x21 || name.p[i] > 0x7e ||
		    name.p[i] == '"' || name.p[i] == '\\')
			return false;
	return name.n > 0 && name.n <= 256 && !str_eq(name, STR("echo")) &&
	    !str_eq(name, STR("*"));
}

static int
open_alias(struct parser *p, struct str name, struct err *e)
{
	struct conf *c = p->c;
	struct model_alias *v;
	size_t i;

	if (!alias_ok(name)) {
		conf_expected(e, "visible ASCII characters "
		    "without blanks and quotes, not echo");
		return conf_bad_named("model name", name.n == 0, name, e);
	}
	for (i = 0; i < c->n_aliases; i++)
		if (str_eq(c->aliases[i].name, name))
			return err_set(e, ERR_INPUT, "[model %.*s] is there "
			    "twice, first on line %u", STR_ARG(name),
			    c->aliases[i].line);
	if (c->n_aliases == CONF_ALIASES_MAX)
		return err_set(e, ERR_INPUT, "expected at most %d models",
		    CONF_ALIASES_MAX);
	v = grow(c, c->aliases, c->n_aliases, sizeof(*v), e);
	if (v == NULL)
		return -1;
	c->aliases = v;
	v += c->n_aliases;
	*v = (struct model_alias){ .line = p->line };
	if (conf_copy(c, name, &v->name, e) < 0)
		return -1;
	p->section = CONF_MODEL;
	p->index = c->n_aliases++;
	return 0;
}

static int
parse_section(struct parser *p, struct str line, struct err *e)
{
	struct str word = line, name;
	size_t n = 0;

	if (line.p[line.n - 1] != ']') {
		conf_expected(e, "] at the end");
		return conf_bad_named("section", false, line, e);
	}
	word = str_trim(str_sub(line, 1, line.n - 2));
	while (n < word.n && word.p[n] != ' ' && word.p[n] != '\t')
		n++;
	name = str_trim(str_sub(word, n, word.n));
	word.n = n;
	memset(p->seen, 0, sizeof(p->seen));
	if (str_eq(word, STR("provider")))
		return open_provider(p, name, e);
	if (str_eq(word, STR("model")))
		return open_alias(p, name, e);
	conf_expected(e, "[provider NAME] or [model NAME]");
	return conf_bad_named("unknown section", false, line, e);
}

static int
unknown_key(const struct parser *p, struct str name, struct err *e)
{
	static const char *const where[] = { "above all sections",
		"under [provider NAME]", "under [model NAME]" };
	const char *meant = conf_meant(p->section, name);
	enum conf_section s;

	for (s = CONF_MAIN; s <= CONF_MODEL; s++)
		if (conf_key_find(s, name) != NULL)
			return err_set(e, ERR_INPUT, "key \"%.*s\" belongs %s",
			    STR_ARG(name), where[s]);
	if (meant != NULL)
		err_set(e, ERR_INPUT, "did you mean %s?", meant);
	else
		err_set(e, ERR_INPUT, "no such key %s", p->section ==
		    CONF_MAIN ? "above the sections" :
		    where[p->section]);
	return conf_bad_named("unknown key", false, name, e);
}

static int
parse_key(struct parser *p, struct str line, struct err *e)
{
	ssize_t eq = str_chr(line, '=');
	const struct conf_key *k;
	struct str name, value;
	void *base = p->c;
	unsigned *seen;

	if (eq < 0) {
		conf_expected(e, "key = value");
		return conf_bad_named("line", false, line, e);
	}
	name = str_trim(str_sub(line, 0, (size_t)eq));
	value = str_trim(str_sub(line, (size_t)eq + 1, line.n));
	k = conf_key_find(p->section, name);
	if (k == NULL)
		return unknown_key(p, name, e);
	seen = &p->seen[k - conf_keys];
	if (*seen != 0 && k->kind != KIND_LIST && k->kind != KIND_ADDR)
		return err_set(e, ERR_INPUT, "%s is there twice, first on "
		    "line %u", k->name, *seen);
	*seen = p->line;
	if (p->section == CONF_PROVIDER)
		base = &p->c->providers[p->index];
	else if (p->section == CONF_MODEL)
		base = &p->c->aliases[p->index];
	if (conf_set(p->c, k, base, value, e) < 0)
		return conf_bad_value(k, value, e);
	return 0;
}

static int
parse_line(struct parser *p, struct str line, struct err *e)
{
	size_t i;

	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	for (i = 0; i < line.n; i++)
		if ((unsigned char)line.p[i] < 0x20 && line.p[i] != '\t')
			return err_set(e, ERR_INPUT, "expected text, not byte "
			    "0x%02x", (unsigned)(unsigned char)line.p[i]);
	for (i = 0; i < line.n; i++)
		if (line.p[i] == '#' && (i == 0 || line.p[i - 1] == ' ' ||
		    line.p[i - 1] == '\t'))
			line.n = i;
	line = str_trim(line);
	if (line.n == 0)
		return 0;
	return line.p[0] == '[' ? parse_section(p, line, e) :
	    parse_key(p, line, e);
}

int
conf_text(struct conf *c, struct str text, const char *name, struct err *e)
{
	struct parser p = { .c = c };
	struct str line;

	if (str_starts(text, STR("\xef\xbb\xbf")))
		text = str_sub(text, 3, text.n);
	while (str_cut(&text, '\n', &line)) {
		p.line++;
		if (parse_line(&p, line, e) < 0)
			return conf_at_line(name, p.line, e);
	}
	return 0;
}

/* ---- what follows from it ---- */

static const char *
default_url(enum provider_type type)
{
	return type == PROVIDER_ANTHROPIC ? "https://api.anthropic.com" :
	    type == PROVIDER_CHATGPT ? "https://chatgpt.com" : NULL;
}

/*
 * May the credential of p go to a plain http base_url? To this machine always.
 * A login's bearer nowhere else. An API key to the own network, with a warning
 * from conf_finish; not over the internet.
 */
static int
check_clear(const struct provider *p, struct err *e)
{
	bool key = p->api_key.n > 0 || p->api_key_file.n > 0 ||
	    p->api_key_env.n > 0;

	if (p->tls || !p->enabled || conf_loopback(p->host))
		return 0;
	if (!key && p->type != PROVIDER_OPENAI)
		return conf_expected(e, "https, or http to this "
		    "machine: the login's token goes there");
	if (key && !conf_private(p->host))
		return conf_expected(e, "https, or http to the "
		    "own network: the API key goes there");
	return 0;
}

static int
resolve_url(struct conf *c, struct provider *p, struct err *e)
{
	struct conf_url u;
	char field[300];
	struct str host = { field, 0 };

	if (conf_url_split(p->base_url, &u, e) < 0)
		return -1;
	p->tls = u.tls;
	p->port = u.port;
	host.n = fmt_to(field, sizeof(field), str_chr(u.host, ':') >= 0 ?
	    "[%.*s]" : "%.*s", STR_ARG(u.host));
	if (u.port != (u.tls ? 443u : 80u))
		host.n += fmt_to(field + host.n, sizeof(field) - host.n,
		    ":%u", u.port);
	if (conf_copy(c, u.host, &p->host, e) < 0 ||
	    conf_copy(c, u.path, &p->path, e) < 0)
		return -1;
	return conf_copy(c, host, &p->host_field, e);
}

int
conf_resolve(struct conf *c, struct provider *p, struct err *e)
{
	const char *url = default_url(p->type);
	int keys = (p->api_key.n > 0) + (p->api_key_file.n > 0) +
	    (p->api_key_env.n > 0);

	if (keys > 1)
		return conf_expected(e, "only one of api_key, "
		    "api_key_file and api_key_env");
	if (p->api_key.n > 0 && p->key_source == NULL)
		p->key_source = "api_key";
	if (p->base_url.n == 0 && url != NULL &&
	    conf_copy(c, str_of(url), &p->base_url, e) < 0)
		return -1;
	if (p->type == PROVIDER_ANTHROPIC && p->oauth_hosts.n == 0)
		p->oauth_hosts = STR("seed");
	if (p->type == PROVIDER_CHATGPT && p->auth_url.n == 0)
		p->auth_url = STR("https://auth.openai.com");
	if (p->base_url.n == 0)
		return p->enabled ? err_set(e, ERR_INPUT,
		    "base_url is missing") : 0;
	if (resolve_url(c, p, e) < 0 || check_clear(p, e) < 0)
		return conf_bad_named("base_url", false, p->base_url, e);
	return 0;
}

int
conf_resolve_all(struct conf *c, const char *name, struct err *e)
{
	size_t i;

	for (i = 0; i < c->n_providers; i++) {
		struct provider *p = &c->providers[i];

		if (conf_resolve(c, p, e) == 0)
			continue;
		err_prefix(e, "[provider %.*s]", STR_ARG(p->name));
		return conf_at_line(name, p->line, e);
	}
	return 0;
}

static int
finish_alias(const struct conf *c, const struct model_alias *m, struct err *e)
{
	size_t i;

	if (m->use.n == 0)
		return err_set(e, ERR_INPUT, "use is missing");
	for (i = 0; i < m->use.n; i++) {
		struct str rest = m->use.v[i], provider;

		str_cut(&rest, '/', &provider);
		if (conf_provider(c, provider) == NULL)
			return err_set(e, ERR_INPUT, "use \"%.*s/...\": there "
			    "is no [provider %.*s]", STR_ARG(provider),
			    STR_ARG(provider));
	}
	return 0;
}

/* The proxy in force for p: its own, else the global one unless no_proxy or
 * loopback says otherwise. */
static int
finish_proxy(const struct conf *c, struct provider *p, struct err *e)
{
	struct str text = p->proxy_text;

	if (text.n == 0 && c->proxy.n > 0 && p->host.n > 0 &&
	    !conf_loopback(p->host) &&
	    !net_no_proxy(c->no_proxy, p->host, p->port))
		text = c->proxy;
	p->proxy = (struct net_proxy){ .kind = NET_PROXY_NONE };
	if (text.n == 0 || str_eq(text, STR("none")))
		return 0;
	if (net_proxy_parse(text, &p->proxy, e) < 0)
		return err_prefix(e, "proxy");
	return 0;
}

static void
warn_clear(const struct provider *p)
{
	if (p->enabled && p->api_key.n > 0 && !p->tls && p->host.n > 0 &&
	    !conf_loopback(p->host))
		log_put(LOG_WARN, "conf: provider %.*s: the API key goes over "
		    "plain http to %.*s; anybody on the way can read it",
		    STR_ARG(p->name), STR_ARG(p->host));
}

static bool
same_addr(const struct net_addr *a, const struct net_addr *b)
{
	return a->is_unix == b->is_unix && strcmp(a->host, b->host) == 0 &&
	    (a->is_unix || (a->port == b->port && a->port != 0));
}

static int
finish_listen(struct conf *c, struct err *e)
{
	char addr[CONF_ADDR_MAX];
	bool tls = false;
	size_t i, k;

	if (c->n_listen == 0 && conf_set(c, conf_key_find(CONF_MAIN,
	    STR("listen")), c, STR("127.0.0.1:8081"), e) < 0)
		return -1;
	for (i = 0; i < c->n_listen; i++) {
		if (c->listen[i].is_unix)
			c->listen[i].mode = c->unix_mode;
		tls = tls || c->listen[i].is_tls;
		for (k = 0; k < i; k++) {
			if (!same_addr(&c->listen[k], &c->listen[i]))
				continue;
			conf_fmt_addr(addr, &c->listen[i]);
			return err_set(e, ERR_INPUT, "listen \"%s\": is there "
			    "twice", addr);
		}
	}
	if (tls && (c->tls_cert.n == 0 || c->tls_key.n == 0))
		return err_set(e, ERR_INPUT, "%s is missing; a tls: listener "
		    "needs it", c->tls_cert.n == 0 ? "tls_cert" : "tls_key");
	return 0;
}

int
conf_finish(struct conf *c, const char *name, struct err *e)
{
	/* Names of transports for pool.c; 0 means all there, so from 1. */
	static _Atomic uint32_t last_key;
	size_t i;

	for (i = 0; i < c->n_providers; i++) {
		struct provider *p = &c->providers[i];

		if (finish_proxy(c, p, e) < 0) {
			err_prefix(e, "[provider %.*s]", STR_ARG(p->name));
			return conf_at_line(name, p->line, e);
		}
		warn_clear(p);
		p->pool_key = atomic_fetch_add(&last_key, 1) + 1;
	}
	for (i = 0; i < c->n_aliases; i++)
		if (finish_alias(c, &c->aliases[i], e) < 0) {
			err_prefix(e, "[model %.*s]",
			    STR_ARG(c->aliases[i].name));
			return conf_at_line(name, c->aliases[i].line, e);
		}
	if (finish_listen(c, e) < 0)
		return err_prefix(e, "%s", name);
	return 0;
}

struct conf *
conf_parse(struct str text, const char *name, struct err *e)
{
	struct conf *c = conf_new(e);

	if (c == NULL)
		return NULL;
	if (conf_text(c, text, name, e) < 0 ||
	    conf_resolve_all(c, name, e) < 0 || conf_finish(c, name, e) < 0) {
		conf_unref(c);
		return NULL;
	}
	return c;
}

/* ---- opening ---- */

static void
clamp_limits(struct conf *c)
{
	uint64_t memory, most;
	struct rlimit r;
	char was[24], is[24];

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 &&
	    r.rlim_cur != RLIM_INFINITY) {
		most = r.rlim_cur > FILES_SPARE + 2 ?
		    (r.rlim_cur - FILES_SPARE) / 2 : 1;
		if (c->max_clients > most) {
			log_put(LOG_INFO, "conf: max_clients %llu: %llu is "
			    "what %llu open files allow",
			    (unsigned long long)c->max_clients,
			    (unsigned long long)most,
			    (unsigned long long)r.rlim_cur);
			c->max_clients = most;
		}
	}
	if (c->max_memory == 0 && c->found_memory == 0)
		c->found_memory = conf_find_memory("");
	memory = conf_memory(c);
	/* An eighth stays for stacks, heads and TLS of that one request: a
	 * body that can never be held must be a 413, not a 503. */
	most = memory - memory / 8;
	if (c->max_body > most) {
		conf_fmt_size(was, c->max_body);
		conf_fmt_size(is, most);
		log_put(LOG_INFO, "conf: max_body %s: %s is what max_memory "
		    "allows", was, is);
		c->max_body = most;
	}
}

/* A listener on the network needs a local key, and no short one. */
static int
check_keys(const struct conf *c, struct err *e)
{
	char addr[CONF_ADDR_MAX];
	const char *why = NULL;
	size_t i;

	for (i = 0; i < c->n_listen && net_addr_loopback(&c->listen[i]); i++)
		continue;
	if (i == c->n_listen)
		return 0;
	if (c->api_keys.n == 0 && !conf_stored_keys(c))
		why = "is open to the network and there is no local key; make "
		    "one with `llmux key add NAME`";
	else if (c->require_key == CONF_NO)
		why = "require_key = no is possible with loopback and unix "
		    "listeners only";
	if (why != NULL) {
		conf_fmt_addr(addr, &c->listen[i]);
		return err_set(e, ERR_INPUT, "listen \"%s\": %s", addr, why);
	}
	for (i = 0; i < c->api_keys.n; i++)
		if (c->api_keys.v[i].n < CONF_KEY_MIN)
			return err_set(e, ERR_INPUT, "api_key: expected at "
			    "least %d characters, as a listener is open to "
			    "the network", CONF_KEY_MIN);
	return 0;
}

static int
open_identity(struct conf *c, struct err *e)
{
	size_t i;

	for (i = 0; i < c->n_listen && !c->listen[i].is_tls; i++)
		continue;
	if (i == c->n_listen || c->identity != NULL)
		return 0;
	c->identity = tls_identity_open(c->tls_cert.p, c->tls_key.p, e);
	return c->identity == NULL ? -1 : 0;
}

static int
open_trust(struct conf *c, struct err *e)
{
	const struct provider *needs = NULL, *p;

	/* One that has no credential yet is not called, and needs no roots. */
	for (p = c->providers; p < c->providers + c->n_providers; p++)
		if (p->enabled && p->tls && (needs == NULL ||
		    (needs->api_key.n == 0 && p->api_key.n > 0)))
			needs = p;
	if (needs == NULL || c->trust != NULL)
		return 0;
	c->trust = tls_trust_open(c->ca_file.p, e);
	if (c->trust != NULL)
		return 0;
	err_prefix(e, "provider %.*s needs ca_file", STR_ARG(needs->name));
	if (needs->api_key.n > 0 || e->kind == ERR_MEM)
		return -1;
	log_put(LOG_WARN, "%s", e->text);
	return 0;
}

int
conf_open_client(struct conf *c, struct err *e)
{
	return open_trust(c, e) < 0 ? err_prefix(e, "conf") : 0;
}

int
conf_open(struct conf *c, struct err *e)
{
	clamp_limits(c);
	if (check_keys(c, e) < 0 || open_identity(c, e) < 0 ||
	    open_trust(c, e) < 0)
		return err_prefix(e, "conf");
	return 0;
}

/* ---- life and questions ---- */

struct conf *
conf_ref(struct conf *c)
{
	atomic_fetch_add(&c->refs, 1);
	return c;
}

void
conf_unref(struct conf *c)
{
	if (c == NULL || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	tls_trust_free(c->trust);
	tls_identity_free(c->identity);
	arena_wipe(&c->a);
	mem_free(c);
}

/* A leaf lock: the count is atomic, and freeing happens outside. */
static struct {
	pthread_mutex_t lock;
	struct conf *now;
} current = { PTHREAD_MUTEX_INITIALIZER, NULL };

void
conf_publish(struct conf *c)
{
	struct conf *old;

	pthread_mutex_lock(&current.lock);
	old = current.now;
	current.now = c;
	pthread_mutex_unlock(&current.lock);
	conf_unref(old);
}

struct conf *
conf_current(void)
{
	struct conf *c;

	/* Counted under the lock, so that it cannot be freed in between. */
	pthread_mutex_lock(&current.lock);
	c = current.now;
	if (c != NULL)
		conf_ref(c);
	pthread_mutex_unlock(&current.lock);
	return c;
}

const struct provider *
conf_provider(const struct conf *c, struct str name)
{
	size_t i;

	for (i = 0; i < c->n_providers; i++)
		if (str_eq(c->providers[i].name, name))
			return &c->providers[i];
	return NULL;
}

const struct model_alias *
conf_alias(const struct conf *c, struct str name)
{
	size_t i;

	for (i = 0; i < c->n_aliases; i++)
		if (str_eq(c->aliases[i].name, name))
			return &c->aliases[i];
	return NULL;
}

bool
conf_has_pool_key(const struct conf *c, uint32_t key)
{
	size_t i;

	for (i = 0; i < c->n_providers; i++)
		if (c->providers[i].pool_key == key)
			return true;
	return false;
}

bool
conf_needs_key(const struct conf *c, bool stored_keys)
{
	size_t i;

	if (c->require_key != CONF_AUTO)
		return c->require_key == CONF_YES;
	for (i = 0; i < c->n_listen; i++)
		if (!net_addr_loopback(&c->listen[i]))
			return true;
	return stored_keys || c->api_keys.n > 0;
}

static bool
same_transport(const struct provider *a, const struct provider *b)
{
	/* The struct has no padding, and behind its strings zeros only. */
	return str_eq(a->base_url, b->base_url) &&
	    memcmp(&a->proxy, &b->proxy, sizeof(a->proxy)) == 0;
}

void
conf_inherit(struct conf *c, const struct conf *old)
{
	size_t i;

	c->found_memory = old->found_memory;
	if (!str_eq(c->ca_file, old->ca_file))
		return;
	for (i = 0; i < c->n_providers; i++) {
		struct provider *p = &c->providers[i];
		const struct provider *was = conf_provider(old, p->name);

		if (was != NULL && same_transport(p, was))
			p->pool_key = was->pool_key;
	}
}

/* The directory of a file's path. */
static struct str
dir_of(struct str path)
{
	while (path.n > 0 && path.p[path.n - 1] != '/')
		path.n--;
	if (path.n == 0)
		return STR(".");
	return path.n == 1 ? path : str_sub(path, 0, path.n - 1);
}

/* Those of the table's keys: all that ends in _dir is written. */
static void
each_key(enum conf_section section, const void *base,
    void (*fn)(void *arg, struct str path, bool write), void *arg)
{
	size_t i;

	for (i = 0; i < conf_n_keys; i++) {
		const struct conf_key *k = &conf_keys[i];
		const struct str *path = (const void *)((const char *)base +
		    k->offset);

		if (k->section == section && k->kind == KIND_PATH &&
		    path->n > 0)
			fn(arg, *path, str_ends(str_of(k->name), STR("_dir")));
	}
}

void
conf_each_path(const struct conf *c,
    void (*fn)(void *arg, struct str path, bool write), void *arg)
{
	size_t i;

	if (c->path.n > 0)
		fn(arg, c->path, false);
	for (i = 0; i < c->files.n; i++)
		fn(arg, c->files.v[i], false);
	each_key(CONF_MAIN, c, fn, arg);
	if (c->api_keys_file.n > 0)
		fn(arg, dir_of(c->api_keys_file), true);
	for (i = 0; i < c->n_listen; i++)
		if (c->listen[i].is_unix)
			fn(arg, dir_of(str_of(c->listen[i].host)), true);
	for (i = 0; i < c->n_providers; i++) {
		each_key(CONF_PROVIDER, &c->providers[i], fn, arg);
		if (c->providers[i].token_file.n > 0)
			fn(arg, dir_of(c->providers[i].token_file), true);
	}
}

/* One directory with all above it; what is there already is fine. */
static int
make_dir(struct str dir, struct err *e)
{
	char path[CONF_PATH_MAX];
	struct stat st;
	size_t i;

	if (fmt_to(path, sizeof(path), "%.*s", STR_ARG(dir)) < dir.n)
		return err_set(e, ERR_LIMIT, "the path is too long");
	for (i = 1; i <= dir.n; i++) {
		if (i < dir.n && path[i] != '/')
			continue;
		path[i] = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST &&
		    (i == dir.n || errno != EROFS))
			return err_sys(e, "%s", path);
		if (i < dir.n)
			path[i] = '/';
	}
	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return err_sys(e, "%s", path);
	}
	return 0;
}

int
conf_make_dirs(const struct conf *c, struct err *e)
{
	if (c->state_dir.n > 0 && make_dir(c->state_dir, e) < 0)
		return err_prefix(e, "state_dir");
	if (c->counters_dir.n > 0 && make_dir(c->counters_dir, e) < 0)
		return err_prefix(e, "counters_dir");
	return 0;
}
