/* SPDX-License-Identifier: MIT */
/*
 * conf_creds: the keys that a configuration works with (local ones, those of
 * providers from files and variables), models.json of the Python LLMux, and
 * the proxies of the environment.
 *
 * Read: LLMUX_API_KEY, ANTHROPIC_API_KEY, OPENAI_API_KEY,
 * ANTHROPIC_OAUTH_TOKEN, CLAUDE_CODE_OAUTH_TOKEN, CHATGPT_ACCESS_TOKEN,
 * CHATGPT_REFRESH_TOKEN, each also as NAME_FILE and as a file of that name (or
 * in lower case) in systemd's $CREDENTIALS_DIRECTORY; CHATGPT_ACCOUNT_ID;
 * ALL_PROXY, HTTPS_PROXY, NO_PROXY, also in lower case. Not read: HTTP_PROXY.
 * A key never goes into a message, and what is copied on the way is wiped.
 */
#include "conf_priv.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "json.h"

#define KEY_FILE_MAX 65536

/* ---- credentials ---- */

/* The first line of a file that is neither empty nor a comment; the rest of
 * text in *rest. */
static struct str
secret_line(struct str *rest)
{
	struct str line;

	while (str_cut(rest, '\n', &line)) {
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		line = str_trim(line);
		if (line.n > 0 && line.p[0] != '#')
			return line;
	}
	return (struct str){ NULL, 0 };
}

static int
secret_file(struct conf *c, struct str path, struct buf *text, struct err *e)
{
	struct str full;

	if (conf_copy(c, path, &full, e) < 0 || conf_expand(c, &full, e) < 0 ||
	    conf_list_add(c, &c->files, full, e) < 0)
		return -1;
	return file_read(full.p, text, e);
}

/* A credential that systemd passes (LoadCredential=). */
static int
systemd_file(struct conf *c, const char *name, struct buf *text,
    struct err *e)
{
	struct str dir = conf_getenv(c, "CREDENTIALS_DIRECTORY");
	char path[CONF_PATH_MAX];
	size_t n, i;
	int k;

	for (k = 0; dir.n > 0 && k < 2; k++) {
		n = fmt_to(path, sizeof(path), "%.*s/%s", STR_ARG(dir), name);
		for (i = dir.n; k == 1 && i < n; i++)
			if (path[i] >= 'A' && path[i] <= 'Z')
				path[i] += 'a' - 'A';
		if (access(path, F_OK) < 0)
			continue;
		if (secret_file(c, str_of(path), text, e) < 0)
			return err_prefix(e, "%s", name);
		break;
	}
	return 0;
}

/* NAME, else what is in the file that NAME_FILE names, else what systemd gives
 * under that name, into text. */
static int
secret_var(struct conf *c, const char *name, struct buf *text, struct err *e)
{
	struct str v = conf_getenv(c, name);
	char file[64];

	if (v.n > 0) {
		buf_adds(text, v);
		return text->bad ? err_set(e, ERR_MEM, "no memory") : 0;
	}
	fmt_to(file, sizeof(file), "%s_FILE", name);
	v = conf_getenv(c, file);
	if (v.n > 0 && secret_file(c, v, text, e) < 0)
		return err_prefix(e, "%s", file);
	return v.n > 0 ? 0 : systemd_file(c, name, text, e);
}

/* LLMUX_API_KEY: a failure ends the start, since without the key the door
 * might be open. */
static int
local_key(struct conf *c, struct err *e)
{
	struct buf text;
	struct str rest, v;
	int rc;

	buf_init(&text, KEY_FILE_MAX);
	rc = secret_var(c, "LLMUX_API_KEY", &text, e);
	rest = buf_str(&text);
	for (v = secret_line(&rest); rc == 0 && v.n > 0;
	    v = secret_line(&rest)) {
		rc = conf_check(CHECK_LOCAL_KEY, v, e);
		if (rc < 0)
			conf_bad_named("LLMUX_API_KEY", true, v, e);
		else
			rc = conf_list_add(c, &c->api_keys, v, e);
	}
	buf_wipe(&text);
	return rc;
}

/* Clients' shells export the names of providers' keys with our own keys. */
static bool
ours(const struct conf *c, struct str v)
{
	size_t i;

	for (i = 0; i < c->api_keys.n; i++)
		if (mem_same(c->api_keys.v[i], v))
			return true;
	return str_starts(v, STR("llmux-")) || str_ieq(v, STR("dummy"));
}

/* v as the key of p, from source (a constant). */
static int
take_key(struct conf *c, struct provider *p, struct str v, const char *source,
    struct err *e)
{
	if (conf_check(CHECK_SECRET, v, e) < 0 ||
	    conf_copy(c, v, &p->api_key, e) < 0)
		return -1;
	p->key_source = source;
	return 0;
}

/* api_key_file and api_key_env of p. */
static int
provider_key(struct conf *c, struct provider *p, struct err *e)
{
	struct buf text;
	struct str v, rest;
	int rc = 0;

	buf_init(&text, KEY_FILE_MAX);
	if (p->api_key_file.n > 0) {
		rc = secret_file(c, p->api_key_file, &text, e);
		rest = buf_str(&text);
		if (rc == 0)
			rc = take_key(c, p, secret_line(&rest),
			    "api_key_file", e);
	} else if (p->api_key_env.n > 0) {
		v = conf_getenv(c, p->api_key_env.p);
		if (v.n == 0)
			rc = err_set(e, ERR_INPUT, "%.*s is not set",
			    STR_ARG(p->api_key_env));
		else if ((str_eq(p->api_key_env, STR("OPENAI_API_KEY")) ||
		    str_eq(p->api_key_env, STR("ANTHROPIC_API_KEY"))) &&
		    ours(c, v))
			rc = err_set(e, ERR_INPUT, "%.*s is a key of this "
			    "proxy, not of the provider",
			    STR_ARG(p->api_key_env));
		else
			rc = take_key(c, p, v, "api_key_env", e);
	}
	buf_wipe(&text);
	if (rc == 0 || e->kind == ERR_MEM)
		return rc;
	log_put(LOG_WARN, "conf: provider %.*s: %s: %s; it has no key now",
	    STR_ARG(p->name), p->api_key_file.n > 0 ? "api_key_file" :
	    "api_key_env", e->text);
	return 0;
}

static bool
keyless(const struct provider *p, enum provider_type type)
{
	return p->enabled && p->type == type && p->api_key.n == 0 &&
	    p->api_key_file.n == 0 && p->api_key_env.n == 0;
}

static struct provider *
openai_provider(struct conf *c, struct err *e)
{
	struct provider *p = conf_find_provider(c, STR("openai"));

	if (p != NULL)
		return p;
	p = conf_add_provider(c, STR("openai"), e);
	if (p == NULL)
		return NULL;
	p->base_url = STR("https://api.openai.com/v1");
	return conf_resolve(c, p, e) < 0 ? NULL : p;
}

/* ANTHROPIC_API_KEY and OPENAI_API_KEY, where the file gives no key. */
static int
ambient_key(struct conf *c, const char *name, struct err *e)
{
	bool openai = str_starts(str_of(name), STR("OPENAI"));
	struct provider *p = conf_find_provider(c, STR("claude"));
	struct buf text;
	struct str v, rest;
	int rc;

	buf_init(&text, KEY_FILE_MAX);
	rc = secret_var(c, name, &text, e);
	rest = buf_str(&text);
	v = secret_line(&rest);
	if (rc == 0 && v.n > 0 && ours(c, v)) {
		log_put(LOG_INFO, "conf: %s is a key of this proxy, not of a "
		    "provider; it is not used", name);
	} else if (rc == 0 && v.n > 0) {
		if (openai)
			p = openai_provider(c, e);
		if (p == NULL)
			rc = -1;
		else if (!p->tls && !conf_loopback(p->host))
			log_put(LOG_INFO, "conf: %s does not go to provider "
			    "%.*s over plain http; it is not used", name,
			    STR_ARG(p->name));
		else if (keyless(p, openai ? PROVIDER_OPENAI :
		    PROVIDER_ANTHROPIC)) {
			rc = take_key(c, p, v, name, e);
			p->key_ambient = rc == 0;
		}
	}
	buf_wipe(&text);
	if (rc == 0 || e->kind == ERR_MEM)
		return rc;
	log_put(LOG_WARN, "conf: %s: %s; it is not used", name, e->text);
	return 0;
}

/* ---- access tokens ---- */

/* v as access token (or, refresh, as refresh token) of p. */
static int
take_token(struct conf *c, struct provider *p, struct str v, bool refresh,
    const char *source, struct err *e)
{
	if (conf_check(CHECK_SECRET, v, e) < 0 ||
	    conf_copy(c, v, refresh ? &p->env_refresh : &p->oauth_token,
	    e) < 0)
		return -1;
	if (!refresh)
		p->oauth_source = source;
	return 0;
}

/* A variable that holds a token for the provider of that name. */
static int
token_var(struct conf *c, const char *name, const char *provider,
    struct err *e)
{
	struct provider *p = conf_find_provider(c, str_of(provider));
	bool refresh = str_ends(str_of(name), STR("REFRESH_TOKEN"));
	struct str want = str_eq(str_of(provider), STR("claude")) ?
	    STR("sk-ant-oat") : STR("");
	struct buf text;
	struct str v, rest;
	int rc;

	if (p == NULL || !p->enabled || p->oauth_token.n > 0)
		return 0;
	buf_init(&text, KEY_FILE_MAX);
	rc = secret_var(c, name, &text, e);
	rest = buf_str(&text);
	v = secret_line(&rest);
	if (rc == 0 && v.n > 0 && ours(c, v))
		log_put(LOG_INFO, "conf: %s is a key of this proxy, not a "
		    "token; it is not used", name);
	else if (rc == 0 && v.n > 0 && !str_starts(v, want))
		rc = err_set(e, ERR_INPUT, "expected %.*s01-...",
		    STR_ARG(want));
	else if (rc == 0 && v.n > 0)
		rc = take_token(c, p, v, refresh, name, e);
	buf_wipe(&text);
	if (rc == 0 || e->kind == ERR_MEM)
		return rc;
	log_put(LOG_WARN, "conf: %s: %s; it is not used", name, e->text);
	return 0;
}

/* oauth_token_file of p: a setup token, one line. */
static int
token_file(struct conf *c, struct provider *p, struct err *e)
{
	struct buf text;
	struct str rest;
	int rc;

	if (p->oauth_token_file.n == 0 || p->oauth_token.n > 0)
		return 0;
	buf_init(&text, KEY_FILE_MAX);
	rc = secret_file(c, p->oauth_token_file, &text, e);
	rest = buf_str(&text);
	if (rc == 0)
		rc = take_token(c, p, secret_line(&rest), false,
		    "oauth_token_file", e);
	buf_wipe(&text);
	if (rc == 0 || e->kind == ERR_MEM)
		return rc;
	log_put(LOG_WARN, "conf: provider %.*s: oauth_token_file: %s; it is "
	    "not used", STR_ARG(p->name), e->text);
	return 0;
}

/* --token: what it is its beginning says. */
static int
flag_token(struct conf *c, struct str v, struct err *e)
{
	bool claude = str_starts(v, STR("sk-ant-"));
	struct provider *p = conf_find_provider(c, claude ? STR("claude") :
	    STR("chatgpt"));

	if (v.n == 0)
		return 0;
	if (p == NULL || (!claude && !str_starts(v, STR("eyJ"))))
		return err_set(e, ERR_INPUT, "--token: expected sk-ant-oat..., "
		    "sk-ant-api... or a ChatGPT token (eyJ...)");
	log_put(LOG_WARN, "--token can be seen by other users of this machine "
	    "(ps); better: ANTHROPIC_OAUTH_TOKEN_FILE, CHATGPT_ACCESS_TOKEN_FILE "
	    "or llmux import -");
	if (str_starts(v, STR("sk-ant-api")))
		return take_key(c, p, v, "--token", e);
	return take_token(c, p, v, false, "--token", e);
}

static int
tokens(struct conf *c, const struct conf_flags *f, struct err *e)
{
	struct provider *p;
	struct str account = conf_getenv(c, "CHATGPT_ACCOUNT_ID");
	size_t i;

	if (flag_token(c, f == NULL ? (struct str){ NULL, 0 } : f->token,
	    e) < 0 ||
	    token_var(c, "ANTHROPIC_OAUTH_TOKEN", "claude", e) < 0 ||
	    token_var(c, "CLAUDE_CODE_OAUTH_TOKEN", "claude", e) < 0 ||
	    token_var(c, "CHATGPT_ACCESS_TOKEN", "chatgpt", e) < 0 ||
	    token_var(c, "CHATGPT_REFRESH_TOKEN", "chatgpt", e) < 0)
		return -1;
	p = conf_find_provider(c, STR("chatgpt"));
	if (p != NULL && account.n > 0 && (conf_check(CHECK_SECRET, account,
	    e) < 0 || conf_copy(c, account, &p->account_id, e) < 0))
		return err_prefix(e, "CHATGPT_ACCOUNT_ID");
	for (i = 0; i < c->n_providers; i++)
		if (c->providers[i].enabled &&
		    token_file(c, &c->providers[i], e) < 0)
			return -1;
	return 0;
}

/* ---- further accounts: STATE/accounts/NAME.json ---- */

/* A further account goes the same way as the first one: settings of the usual
 * provider, without its credentials and models. */
static void
like_usual(struct conf *c, struct provider *p, struct str usual)
{
	const struct provider *u = conf_provider(c, usual);
	struct str name = p->name;

	p->type = str_eq(usual, STR("chatgpt")) ? PROVIDER_CHATGPT :
	    PROVIDER_ANTHROPIC;
	if (u == NULL || u->type != p->type)
		return;
	*p = *u;
	p->name = name;
	p->line = 0;
	p->enabled = true;
	p->api_key = p->api_key_file = p->api_key_env = p->oauth_token_file =
	    p->token_file = (struct str){ NULL, 0 };
	p->key_source = NULL;
	p->models = (struct conf_list){ NULL, 0 };
}

/* The provider NAME for a login file, if the configuration has none. */
static int
stored_account(struct conf *c, const char *file, struct str name,
    struct err *e)
{
	struct provider *p;
	struct buf text;
	bool chatgpt = false;
	int rc;

	if (!conf_name_ok(name) || conf_provider(c, name) != NULL)
		return 0;
	buf_init(&text, CONF_FILE_MAX);
	rc = file_read(file, &text, e);
	if (rc == 0)
		rc = json_check(buf_str(&text), e);
	if (rc == 0)
		chatgpt = json_get(json_root(buf_str(&text)),
		    "tokens").type == JSON_OBJECT;
	buf_wipe(&text);
	if (rc < 0 && e->kind != ERR_MEM) {
		log_put(LOG_WARN, "conf: %s: %s; it is not used", file,
		    e->text);
		return 0;
	}
	p = rc < 0 ? NULL : conf_add_provider(c, name, e);
	if (p == NULL)
		return -1;
	like_usual(c, p, chatgpt ? STR("chatgpt") : STR("claude"));
	return conf_resolve(c, p, e);
}

/* The first file name behind last in the order of bytes; "" at the end. */
static void
next_file(const char *dir, const char *last, char found[64])
{
	struct dirent *d;
	DIR *open_dir = opendir(dir);
	char best[64] = "";

	while (open_dir != NULL && (d = readdir(open_dir)) != NULL) {
		if (strlen(d->d_name) < sizeof(best) &&
		    str_ends(str_of(d->d_name), STR(".json")) &&
		    strcmp(d->d_name, last) > 0 &&
		    (best[0] == '\0' || strcmp(d->d_name, best) < 0))
			fmt_to(best, sizeof(best), "%s", d->d_name);
	}
	if (open_dir != NULL)
		closedir(open_dir);
	memcpy(found, best, sizeof(best));
}

static int
stored_accounts(struct conf *c, struct err *e)
{
	char dir[CONF_PATH_MAX], path[CONF_PATH_MAX], file[64] = "";
	int rc = 0;

	if (c->state_dir.n == 0)
		return 0;
	fmt_to(dir, sizeof(dir), "%.*s/accounts", STR_ARG(c->state_dir));
	for (next_file(dir, "", file); rc == 0 && file[0] != '\0';
	    next_file(dir, file, file)) {
		struct str name = str_of(file);

		fmt_to(path, sizeof(path), "%.*s/accounts/%s",
		    STR_ARG(c->state_dir), file);
		rc = stored_account(c, path, str_sub(name, 0, name.n - 5), e);
	}
	return rc;
}

/* ---- files of the Python LLMux ---- */

static int
state_file(const struct conf *c, const char *name, struct buf *text,
    struct err *e)
{
	char path[CONF_PATH_MAX];

	fmt_to(path, sizeof(path), "%.*s/%s", STR_ARG(c->state_dir), name);
	return file_read(path, text, e);
}

bool
conf_stored_keys(const struct conf *c)
{
	struct json_walk w;
	struct buf text;
	bool found = false;
	int rc;

	buf_init(&text, CONF_FILE_MAX);
	rc = c->api_keys_file.n > 0 ?
	    file_read(c->api_keys_file.p, &text, NULL) :
	    c->state_dir.n > 0 ?
	    state_file(c, "api_keys.json", &text, NULL) : -1;
	if (rc == 0 && json_check(buf_str(&text), NULL) == 0) {
		json_walk(&w, json_get(json_root(buf_str(&text)),
		    "api_keys"));
		found = json_step(&w);
	}
	buf_wipe(&text);
	return found;
}

/* The string member name of v, decoded into b (cleared first). */
static struct str
member(struct json_value v, const char *name, struct buf *b)
{
	struct json_value m = json_get(v, name);

	buf_clear(b);
	if (m.type == JSON_STRING)
		json_decode(m.text, b);
	return str_trim(buf_str(b));
}

/* The provider that already has this address and key, or a new one. */
static struct provider *
custom_provider(struct conf *c, struct str url, struct str key,
    struct err *e)
{
	char name[16] = "custom";
	struct provider *p;
	unsigned n = 1;
	size_t i;

	for (i = 0; i < c->n_providers; i++) {
		p = &c->providers[i];
		if (str_eq(p->base_url, url) && str_eq(p->api_key, key) &&
		    p->type == PROVIDER_OPENAI)
			return p;
	}
	while (conf_provider(c, str_of(name)) != NULL)
		fmt_to(name, sizeof(name), "custom%u", ++n);
	p = conf_add_provider(c, str_of(name), e);
	if (p == NULL)
		return NULL;
	if (conf_set(c, conf_key_find(CONF_PROVIDER, STR("base_url")), p, url,
	    e) == 0 && (key.n == 0 ||
	    take_key(c, p, key, "models.json", e) == 0) &&
	    conf_resolve(c, p, e) == 0)
		return p;
	c->n_providers--;
	return NULL;
}

/* One of custom_models: id, base_url, api_key. */
static int
custom_model(struct conf *c, struct json_value v, struct err *e)
{
	const struct conf_key *k = conf_key_find(CONF_PROVIDER, STR("model"));
	const struct str tail = STR("/chat/completions");
	struct buf id, base, key;
	struct provider *p;
	struct str url, name, secret;
	int rc = -1;

	/* No string of the file is longer: bad means no memory. */
	buf_init(&id, CONF_FILE_MAX);
	buf_init(&base, CONF_FILE_MAX);
	buf_init(&key, CONF_FILE_MAX);
	url = member(v, "base_url", &base);
	while (url.n > 0 && url.p[url.n - 1] == '/')
		url.n--;
	if (str_ends(url, tail))
		url.n -= tail.n;
	name = member(v, "id", &id);
	secret = member(v, "api_key", &key);
	if (id.bad || base.bad || key.bad) {
		err_set(e, ERR_MEM, "no memory");
	} else if (name.n == 0 || url.n == 0) {
		conf_expected(e, "id and base_url");
	} else if (conf_check(CHECK_MODEL, name, e) == 0) {
		p = custom_provider(c, url, secret, e);
		if (p != NULL)
			rc = conf_set(c, k, p, name, e);
	}
	buf_free(&id);
	buf_free(&base);
	buf_wipe(&key);
	return rc;
}

/* models.json in the state directory. What is wrong in it is said and passed
 * over. */
static int
custom_models(struct conf *c, struct err *e)
{
	struct json_walk w;
	struct buf text;
	int rc = 0;

	buf_init(&text, CONF_FILE_MAX);
	if (state_file(c, "models.json", &text, e) < 0) {
		if (e->kind == ERR_MEM)
			rc = -1;
		else if (e->kind != ERR_SYS || (e->sys != ENOENT &&
		    e->sys != ENOTDIR))
			log_put(LOG_WARN, "conf: %s; it is not used",
			    e->text);
		goto out;
	}
	if (json_check(buf_str(&text), e) < 0) {
		log_put(LOG_WARN, "conf: models.json: %s; it is not used",
		    e->text);
		goto out;
	}
	json_walk(&w, json_get(json_root(buf_str(&text)), "custom_models"));
	while (rc == 0 && json_step(&w)) {
		if (custom_model(c, w.value, e) == 0)
			continue;
		if (e->kind == ERR_MEM)
			rc = -1;
		else
			log_put(LOG_WARN, "conf: models.json: "
			    "custom_models[%zu]: %s; it is not used",
			    w.index, e->text);
	}
out:
	buf_wipe(&text);
	return rc;
}

/* ---- proxies ---- */

/* upper or lower: the name that is set, or NULL. */
static const char *
either(const struct conf *c, const char *upper, const char *lower)
{
	return conf_getenv(c, upper).n > 0 ? upper :
	    conf_getenv(c, lower).n > 0 ? lower : NULL;
}

/* ALL_PROXY is `proxy`, NO_PROXY is `no_proxy`; HTTPS_PROXY goes to the https
 * providers that have none of their own. A proxy that cannot be used is an
 * error: going direct may be what the user wanted to avoid. HTTP_PROXY is not
 * read: it may come from a header of a CGI request. */
static int
env_proxies(struct conf *c, struct err *e)
{
	const struct conf_key *own = conf_key_find(CONF_PROVIDER,
	    STR("proxy"));
	const char *name = either(c, "NO_PROXY", "no_proxy");
	size_t i;

	if (name != NULL && conf_set(c, conf_key_find(CONF_MAIN,
	    STR("no_proxy")), c, conf_getenv(c, name), e) < 0)
		goto fail;
	name = either(c, "ALL_PROXY", "all_proxy");
	if (name != NULL && conf_set(c, conf_key_find(CONF_MAIN,
	    STR("proxy")), c, conf_getenv(c, name), e) < 0)
		goto fail;
	name = either(c, "HTTPS_PROXY", "https_proxy");
	for (i = 0; name != NULL && i < c->n_providers; i++) {
		struct provider *p = &c->providers[i];

		if (!p->tls || p->proxy_text.n > 0 || conf_loopback(p->host) ||
		    net_no_proxy(c->no_proxy, p->host, p->port))
			continue;
		if (conf_set(c, own, p, conf_getenv(c, name), e) < 0)
			goto fail;
	}
	return 0;
fail:
	return conf_bad_named(name, true, STR(""), e);
}

int
conf_credentials(struct conf *c, const struct conf_flags *f, struct err *e)
{
	size_t i;

	if (local_key(c, e) < 0 || stored_accounts(c, e) < 0 ||
	    tokens(c, f, e) < 0)
		return -1;
	for (i = 0; i < c->n_providers; i++)
		if (c->providers[i].enabled &&
		    provider_key(c, &c->providers[i], e) < 0)
			return -1;
	if (ambient_key(c, "ANTHROPIC_API_KEY", e) < 0 ||
	    ambient_key(c, "OPENAI_API_KEY", e) < 0 ||
	    custom_models(c, e) < 0)
		return -1;
	return env_proxies(c, e);
}
