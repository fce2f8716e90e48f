/* SPDX-License-Identifier: MIT */
/*
 * conf_env: where a configuration comes from: finding the file, --env-file,
 * LLMUX_* and the names of the Python LLMux, flags, and the order of them.
 * Keys and proxies are in conf_creds.c.
 *
 * The names of the Python LLMux are those of its settings: PORT, BIND_ADDRESS,
 * LOG_LEVEL, DEFAULT_MODEL, CACHE_TTL, CONNECT_TIMEOUT, READ_TIMEOUT (its gap
 * between chunks, our stream_timeout), REQUEST_TIMEOUT (response_timeout),
 * TOKEN_FILE, CHATGPT_TOKEN_FILE, API_KEYS_FILE, USAGE_DB_FILE (its directory:
 * counters_dir), CHATGPT_DEFAULT_REASONING_EFFORT and _SUMMARY and
 * CHATGPT_EXPOSE_REASONING_VARIANTS. A bad value of these is a warning, since
 * other programs use such names too. Not read: STREAM_TIMEOUT (there is no
 * limit on a whole stream), STREAM_TRACE_*, TAILSCALE_* and TS_*, THINKING_*.
 * The environment is never written, only read.
 */
#include "conf_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPENWRT_MARK "/etc/openwrt_release"

/* ---- variables ---- */

struct str
conf_getenv(const struct conf *c, const char *name)
{
	struct str v = str_trim(str_of(getenv(name))), rest, key;
	size_t i;

	for (i = 0; i < c->env.n && v.n == 0; i++) {
		rest = c->env.v[i];
		if (str_cut(&rest, '=', &key) && str_eq(key, str_of(name)))
			v = rest;
	}
	return v.n == 0 ? (struct str){ NULL, 0 } : v;
}

/* `NAME=value`, `export NAME="value"`; the value without its quotes. */
static int
env_line(struct conf *c, struct str line, struct err *e)
{
	struct str name, value, pair;
	struct buf b;
	size_t i;
	int rc;

	line = str_trim(line);
	if (line.n == 0 || line.p[0] == '#')
		return 0;
	if (str_starts(line, STR("export ")))
		line = str_trim(str_sub(line, 7, line.n));
	value = line;
	str_cut(&value, '=', &name);
	name = str_trim(name);
	for (i = 0; i < name.n && (name.p[i] == '_' ||
	    (name.p[i] >= 'A' && name.p[i] <= 'Z') ||
	    (name.p[i] >= 'a' && name.p[i] <= 'z') ||
	    (i > 0 && name.p[i] >= '0' && name.p[i] <= '9')); i++)
		continue;
	if (value.p == NULL || name.n == 0 || i < name.n)
		return conf_expected(e, "NAME=VALUE");
	value = str_trim(value);
	if (value.n > 1 && value.p[0] == value.p[value.n - 1] &&
	    (value.p[0] == '"' || value.p[0] == '\''))
		value = str_sub(value, 1, value.n - 2);
	buf_init(&b, CONF_FILE_MAX + 1);
	buf_fmt(&b, "%.*s=%.*s", STR_ARG(name), STR_ARG(value));
	pair = buf_str(&b);
	rc = b.bad ? err_set(e, ERR_MEM, "no memory") :
	    conf_list_add(c, &c->env, pair, e);
	buf_wipe(&b);
	return rc;
}

static int
read_env_file(struct conf *c, struct str path, struct err *e)
{
	struct str rest, line;
	struct buf text;
	unsigned n = 0;
	int rc = 0;

	if (conf_list_add(c, &c->files, path, e) < 0)
		return -1;
	path = c->files.v[c->files.n - 1];
	buf_init(&text, CONF_FILE_MAX);
	if (file_read(path.p, &text, e) < 0) {
		buf_wipe(&text);
		return -1;
	}
	rest = buf_str(&text);
	while (rc == 0 && str_cut(&rest, '\n', &line)) {
		n++;
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (str_chr(line, '\0') >= 0)
			rc = conf_expected(e, "text, not NUL");
		else
			rc = env_line(c, line, e);
		if (rc < 0)
			conf_at_line(path.p, n, e);
	}
	buf_wipe(&text);
	return rc;
}

/* ---- paths ---- */

int
conf_expand(struct conf *c, struct str *path, struct err *e)
{
	struct str home = conf_getenv(c, "HOME");
	char full[CONF_PATH_MAX];
	size_t n;

	if (!str_starts(*path, STR("~/")))
		return 0;
	if (home.n == 0)
		return err_set(e, ERR_INPUT, "HOME is not set; give the whole "
		    "path");
	if (home.n + path->n > sizeof(full))
		return err_set(e, ERR_LIMIT, "the path is too long");
	n = fmt_to(full, sizeof(full), "%.*s%.*s", STR_ARG(home),
	    STR_ARG(str_sub(*path, 1, path->n)));
	return conf_copy(c, (struct str){ full, n }, path, e);
}

static int
expand_section(struct conf *c, enum conf_section section, void *base,
    struct err *e)
{
	size_t i;

	for (i = 0; i < conf_n_keys; i++) {
		const struct conf_key *k = &conf_keys[i];
		struct str *path = (void *)((char *)base + k->offset);

		if (k->section != section || k->kind != KIND_PATH)
			continue;
		if (conf_expand(c, path, e) < 0)
			return conf_bad_value(k, *path, e);
	}
	return 0;
}

static int
expand_all(struct conf *c, struct err *e)
{
	size_t i;

	if (expand_section(c, CONF_MAIN, c, e) < 0)
		return -1;
	for (i = 0; i < c->n_providers; i++)
		if (expand_section(c, CONF_PROVIDER, &c->providers[i], e) < 0)
			return -1;
	return 0;
}

/* Where logins live when nobody says so. A service user without HOME gets the
 * place that root would have. */
static int
default_dirs(struct conf *c, struct err *e)
{
	bool openwrt = access(OPENWRT_MARK, F_OK) == 0;
	bool home = geteuid() != 0 && conf_getenv(c, "HOME").n > 0;

	if (c->state_dir.n == 0)
		c->state_dir = home ? STR("~/.llmux") : openwrt ?
		    STR("/etc/llmux") : STR("/var/lib/llmux");
	if (c->counters_dir.n == 0 && openwrt && !home)
		c->counters_dir = STR("/tmp/llmux");
	if (expand_all(c, e) < 0)
		return -1;
	if (c->counters_dir.n == 0)
		c->counters_dir = c->state_dir;
	return 0;
}

/* Other places of the bundle, when the default one is not there: Alpine and
 * OpenWrt, Fedora. A path from the file is never replaced. */
static void
default_ca(struct conf *c)
{
	static const char *const others[] = { "/etc/ssl/cert.pem",
		"/etc/pki/tls/certs/ca-bundle.crt" };
	size_t i;

	if (!str_eq(c->ca_file, STR(CONF_CA_FILE)) ||
	    access(CONF_CA_FILE, F_OK) == 0)
		return;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (access(others[i], F_OK) == 0) {
			c->ca_file = str_of(others[i]);
			return;
		}
}

/* ---- the file ---- */

/* Can somebody else read this file, directory included? */
static bool
readable_by_others(const char *path)
{
	char dir[CONF_PATH_MAX];
	size_t n = fmt_to(dir, sizeof(dir), "%s", path);
	struct stat st;

	if (stat(path, &st) < 0 || (st.st_mode & 044) == 0)
		return false;
	while (n > 0 && dir[n - 1] != '/')
		n--;
	dir[n] = '\0';
	return stat(n == 0 ? "." : dir, &st) < 0 || (st.st_mode & 011) != 0;
}

static void
warn_readable(const struct conf *c, const char *path)
{
	bool secret = c->api_keys.n > 0;
	size_t i;

	for (i = 0; i < c->n_providers; i++)
		secret = secret || c->providers[i].api_key.n > 0;
	if (secret && readable_by_others(path))
		log_put(LOG_WARN, "conf: %s holds keys and others can read "
		    "it; chmod 600 %s", path, path);
}

static int
read_conf(struct conf *c, struct buf *text, struct err *e)
{
	if (conf_text(c, buf_str(text), c->path.p, e) < 0)
		return -1;
	warn_readable(c, c->path.p);
	return 0;
}

/* The first place that has a file. One that may not be read belongs to a
 * service of somebody else and is passed over with a line. */
static int
search_conf(struct conf *c, struct buf *text, struct err *e)
{
	static const char *const places[] = { "/var/run/llmux/llmux.conf",
		"~/.llmux/llmux.conf", "/etc/llmux/llmux.conf" };
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct str path = str_of(places[i]);
		struct err why;

		if ((i == 0 && geteuid() != 0) ||
		    (i == 1 && conf_getenv(c, "HOME").n == 0))
			continue;
		if (conf_copy(c, path, &path, e) < 0 ||
		    conf_expand(c, &path, e) < 0)
			return -1;
		buf_clear(text);
		if (file_read(path.p, text, &why) == 0) {
			c->path = path;
			return read_conf(c, text, e);
		}
		if (why.kind != ERR_SYS) {
			*e = why;
			return -1;
		}
		if (why.sys == EACCES || why.sys == EPERM)
			log_put(LOG_INFO, "conf: %s; it is not used",
			    why.text);
		else if (why.sys != ENOENT && why.sys != ENOTDIR) {
			*e = why;
			return -1;
		}
	}
	return 0;
}

static int
find_conf(struct conf *c, const struct conf_flags *f, struct err *e)
{
	struct str path = f->file;
	struct buf text;
	int rc = -1;

	buf_init(&text, CONF_FILE_MAX);
	if (path.n == 0)
		path = conf_getenv(c, "LLMUX_CONFIG");
	if (path.n == 0)
		rc = search_conf(c, &text, e);
	else if (conf_copy(c, path, &c->path, e) == 0 &&
	    conf_expand(c, &c->path, e) == 0 &&
	    file_read(c->path.p, &text, e) == 0)
		rc = read_conf(c, &text, e);
	buf_wipe(&text);
	return rc;
}

/* ---- environment ---- */

struct var {
	const char *name, *key;
	bool python;
};

/* Later ones win. */
static const struct var vars[] = {
	{ "LOG_LEVEL", "log_level", true },
	{ "DEFAULT_MODEL", "default_model", true },
	{ "CACHE_TTL", "cache_ttl", true },
	{ "CONNECT_TIMEOUT", "connect_timeout", true },
	{ "READ_TIMEOUT", "stream_timeout", true },
	{ "REQUEST_TIMEOUT", "response_timeout", true },
	{ "LLMUX_LOG_LEVEL", "log_level", false },
};

/* Seconds as Python writes them ("10", "10.0", ".5") in the form of our file.
 * What is no such number is left as it is. */
static struct str
python_time(struct str v, char dst[24])
{
	struct str rest = v, whole, part = { NULL, 0 };
	uint64_t s = 0, ms = 0;
	size_t i;

	str_cut(&rest, '.', &whole);
	part = rest;
	if (part.p == NULL || whole.n + part.n == 0)
		return v;
	if ((whole.n > 0 && str_u64(whole, &s) < 0) || s > 1000000)
		return v;
	for (i = 0; i < part.n; i++)
		if (part.p[i] < '0' || part.p[i] > '9')
			return v;
	for (i = 0; i < 3; i++)
		ms = ms * 10 + (i < part.n ? (uint64_t)(part.p[i] - '0') : 0);
	return (struct str){ dst, fmt_to(dst, 24, "%llums",
	    (unsigned long long)(s * 1000 + ms)) };
}

static struct str
python_level(struct str v)
{
	if (str_ieq(v, STR("warning")))
		return STR("warn");
	if (str_ieq(v, STR("critical")))
		return STR("error");
	return v;
}

/* A bad value of a name that other programs use too. */
static int
shrug(const char *name, struct str v, struct err *e)
{
	if (e->kind == ERR_MEM)
		return -1;
	conf_bad_named(name, false, v, e);
	log_put(LOG_WARN, "conf: %s; it is not used", e->text);
	return 0;
}

static int
read_var(struct conf *c, const struct var *r, struct err *e)
{
	const struct conf_key *k = conf_key_find(CONF_MAIN, str_of(r->key));
	struct str v = conf_getenv(c, r->name), given = v;
	char tmp[24];

	if (v.n == 0)
		return 0;
	if (k->kind == KIND_TIME)
		v = python_time(v, tmp);
	else if (k->kind == KIND_WORD)
		v = python_level(v);
	if (conf_set(c, k, c, v, e) == 0)
		return 0;
	return r->python ? shrug(r->name, given, e) :
	    conf_bad_named(r->name, false, given, e);
}

/* A path of the Python LLMux, for something that has no key of its own. */
static int
read_path(struct conf *c, const char *name, struct str *to, struct err *e)
{
	struct str v = conf_getenv(c, name);

	if (v.n == 0)
		return 0;
	if (str_chr(v, '\n') >= 0)
		conf_expected(e, "a path");
	else if (conf_copy(c, v, to, e) == 0 && conf_expand(c, to, e) == 0)
		return 0;
	*to = (struct str){ NULL, 0 };
	return shrug(name, v, e);
}

/* One of words, for something that has no key of its own. */
static int
read_word(struct conf *c, const char *name, const char *words,
    struct str *to, struct err *e)
{
	const struct conf_key k = { .name = name, .kind = KIND_TEXT,
		.range = words };
	struct str v = conf_getenv(c, name);

	if (v.n == 0 || conf_set(c, &k, to, v, e) == 0)
		return 0;
	return shrug(name, v, e);
}

static int
python_files(struct conf *c, struct err *e)
{
	struct provider *claude = conf_find_provider(c, STR("claude"));
	struct provider *chatgpt = conf_find_provider(c, STR("chatgpt"));
	struct str db = { NULL, 0 };

	if (read_path(c, "TOKEN_FILE", &claude->token_file, e) < 0 ||
	    read_path(c, "CHATGPT_TOKEN_FILE", &chatgpt->token_file, e) < 0 ||
	    read_path(c, "API_KEYS_FILE", &c->api_keys_file, e) < 0 ||
	    read_path(c, "USAGE_DB_FILE", &db, e) < 0)
		return -1;
	while (db.n > 0 && db.p[db.n - 1] != '/')
		db.n--;
	return db.n < 2 ? 0 :
	    conf_copy(c, str_sub(db, 0, db.n - 1), &c->counters_dir, e);
}

static int
read_vars(struct conf *c, struct err *e)
{
	struct str v;
	size_t i;

	for (i = 0; i < sizeof(vars) / sizeof(vars[0]); i++)
		if (read_var(c, &vars[i], e) < 0)
			return -1;
	if (python_files(c, e) < 0 ||
	    read_word(c, "CHATGPT_DEFAULT_REASONING_EFFORT",
	    "none|minimal|low|medium|high|xhigh|max", &c->chatgpt_effort,
	    e) < 0 ||
	    read_word(c, "CHATGPT_DEFAULT_REASONING_SUMMARY",
	    "auto|concise|detailed|none", &c->chatgpt_summary, e) < 0)
		return -1;
	v = conf_getenv(c, "CHATGPT_EXPOSE_REASONING_VARIANTS");
	if (v.n > 0)
		c->chatgpt_variants = str_place(v, "true|yes|1") >= 0;
	return 0;
}

/* ---- listeners ---- */

/* What was said about the address, from the most to the least important. */
struct place {
	const char *name;
	struct str value;
	bool python;
};

static bool
plain(const struct net_addr *a)
{
	return !a->is_unix && !a->is_tls;
}

static int
parse_place(struct str host, struct str port, struct net_addr *a,
    struct err *e)
{
	bool v6 = str_chr(host, ':') >= 0 && host.p[0] != '[';
	char text[160];

	fmt_to(text, sizeof(text), "%s%.*s%s:%.*s", v6 ? "[" : "",
	    STR_ARG(host), v6 ? "]" : "", STR_ARG(port));
	if (net_addr_parse(str_of(text), a, e) < 0)
		return -1;
	return plain(a) ? 0 : conf_expected(e, "an IP address");
}

/* The first usable of n places into *v (absent: none). */
static int
pick_place(const struct place *p, size_t n, bool port, struct str *v,
    struct err *e)
{
	struct net_addr a;
	size_t i;

	*v = (struct str){ NULL, 0 };
	for (i = 0; i < n; i++) {
		if (p[i].value.n == 0)
			continue;
		/* A cluster names its services so: LLMUX_PORT=tcp://... */
		if (port && str_starts(p[i].value, STR("tcp://")))
			continue;
		if (parse_place(port ? STR("127.0.0.1") : p[i].value,
		    port ? p[i].value : STR("1"), &a, e) == 0) {
			*v = p[i].value;
			return 0;
		}
		if (!p[i].python)
			return conf_bad_named(p[i].name, false, p[i].value,
			    e);
		if (shrug(p[i].name, p[i].value, e) < 0)
			return -1;
	}
	return 0;
}

/* bind replaces the plain TCP listeners by one, port alone moves them; those
 * that become equal by that are one. */
static int
move_listeners(struct conf *c, struct str bind, struct str port,
    struct err *e)
{
	struct net_addr a, keep[CONF_LISTEN_MAX + 1];
	char num[16] = "8081";
	size_t i, k, n = 0;

	for (i = c->n_listen; i-- > 0;)
		if (plain(&c->listen[i]))
			fmt_to(num, sizeof(num), "%u", c->listen[i].port);
	if (port.n == 0)
		port = str_of(num);
	if (bind.n > 0 || c->n_listen == 0) {
		if (parse_place(bind.n > 0 ? bind : STR("127.0.0.1"), port,
		    &keep[n++], e) < 0)
			return -1;
	}
	for (i = 0; i < c->n_listen; i++) {
		a = c->listen[i];
		if (plain(&a)) {
			if (bind.n > 0)
				continue;
			if (parse_place(str_of(c->listen[i].host), port, &a,
			    e) < 0)
				return -1;
		}
		for (k = 0; k < n; k++)
			if (plain(&a) && plain(&keep[k]) &&
			    str_eq(str_of(a.host), str_of(keep[k].host)))
				break;
		if (k == n)
			keep[n++] = a;
	}
	if (n > CONF_LISTEN_MAX)
		return err_set(e, ERR_INPUT, "listen: expected at most %d "
		    "listeners", CONF_LISTEN_MAX);
	for (i = 0; i < n; i++)
		c->listen[i] = keep[i];
	c->n_listen = n;
	return 0;
}

static int
read_listen(struct conf *c, const struct conf_flags *f, struct err *e)
{
	const struct conf_key *k = conf_key_find(CONF_MAIN, STR("listen"));
	const struct place binds[] = { { "--bind", f->bind, false },
		{ "LLMUX_BIND", conf_getenv(c, "LLMUX_BIND"), false },
		{ "BIND_ADDRESS", conf_getenv(c, "BIND_ADDRESS"), true } };
	const struct place ports[] = { { "--port", f->port, false },
		{ "LLMUX_PORT", conf_getenv(c, "LLMUX_PORT"), false },
		{ "PORT", conf_getenv(c, "PORT"), true } };
	struct str bind, port;
	size_t i;

	if (f->listen.n > 0 && (f->bind.n > 0 || f->port.n > 0))
		return err_set(e, ERR_INPUT, "--listen does not go together "
		    "with --bind or --port");
	if (f->listen.n > 0) {
		c->n_listen = 0;
		for (i = 0; i < f->listen.n; i++)
			if (conf_set(c, k, c, f->listen.v[i], e) < 0)
				return conf_bad_named("--listen", false,
				    f->listen.v[i], e);
		return 0;
	}
	if (pick_place(binds, 3, false, &bind, e) < 0 ||
	    pick_place(ports, 3, true, &port, e) < 0)
		return -1;
	return bind.n == 0 && port.n == 0 ? 0 :
	    move_listeners(c, bind, port, e);
}

/* ---- all of it ---- */

static int
load(struct conf *c, const struct conf_flags *f, struct err *e)
{
	const struct conf_key *dir = conf_key_find(CONF_MAIN,
	    STR("state_dir"));
	const char *name;
	struct str v;

	if (f->env_file.n > 0 && read_env_file(c, f->env_file, e) < 0)
		return -1;
	if (find_conf(c, f, e) < 0)
		return -1;
	name = c->path.n > 0 ? c->path.p : "conf";
	v = conf_getenv(c, "LLMUX_STATE_DIR");
	if (v.n > 0 && conf_set(c, dir, c, v, e) < 0)
		return conf_bad_named("LLMUX_STATE_DIR", false, v, e);
	if (read_vars(c, e) < 0 || read_listen(c, f, e) < 0 ||
	    default_dirs(c, e) < 0)
		return -1;
	default_ca(c);
	if (f->debug)
		c->log_level = LOG_DEBUG;
	if (conf_resolve_all(c, name, e) < 0 || conf_credentials(c, f, e) < 0)
		return -1;
	return conf_finish(c, name, e);
}

struct conf *
conf_load(const struct conf_flags *f, struct err *e)
{
	struct err none;
	struct conf *c;

	if (e == NULL)
		e = &none;
	c = conf_new(e);
	if (c != NULL && load(c, f, e) < 0) {
		conf_unref(c);
		return NULL;
	}
	return c;
}
