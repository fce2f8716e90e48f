/* SPDX-License-Identifier: MIT */
/*
 * conf: flags, environment, config file, defaults, in this order, into one
 * immutable struct that requests hold by a counted reference. One table of
 * keys (docs/design.md section 4 gives the names); it also prints `check` and
 * the key list of the man page.
 *
 * All strings of a struct conf live in its arena or are constants, and end in
 * a NUL that n does not count, so .p can be given to system calls.
 */
#ifndef LLMUX_CONF_H
#define LLMUX_CONF_H

#include "base.h"
#include "net.h"

#define CONF_LISTEN_MAX 8
#define CONF_PROVIDERS_MAX 64
#define CONF_ALIASES_MAX 256
#define CONF_LIST_MAX 1024
#define CONF_FILE_MAX (256u << 10) /* bytes of a file that is read here */
/* A local key that is shorter is refused beside a listener on the network. */
#define CONF_KEY_MIN 16

enum provider_type { PROVIDER_ANTHROPIC, PROVIDER_CHATGPT, PROVIDER_OPENAI };
enum conf_wire { WIRE_CHAT, WIRE_RESPONSES };
enum conf_auto { CONF_AUTO, CONF_YES, CONF_NO };
enum conf_reasoning { REASONING_CONTENT, REASONING_PLAIN, REASONING_NONE };

/* A list of strings in the order of the file. */
struct conf_list {
	struct str *v;
	size_t n;
};

/* "http://host[:port][/path]" or https, split: slices of the text. */
struct conf_url {
	bool tls;
	struct str host; /* without brackets */
	unsigned port;
	struct str path; /* without slashes at the end */
};
int conf_url_split(struct str s, struct conf_url *u, struct err *e);
bool conf_loopback(struct str host); /* a name or IP of this machine */
/* May a provider (or a further account) be called so: [a-z0-9][a-z0-9_-]{0,31},
 * not echo? */
bool conf_name_ok(struct str name);

struct provider {
	struct str name;
	unsigned line; /* of its section in the file; 0: not from there */
	enum provider_type type;
	enum conf_wire wire;
	bool enabled;
	struct str base_url; /* as given, for messages */
	bool tls;
	struct str host; /* without brackets */
	unsigned port;
	struct str host_field; /* value of Host: with the port if not usual */
	struct str path;       /* prefix, "" or "/v1", never a slash at the end */
	struct str api_key;    /* resolved: api_key, _file, _env, environment */
	const char *key_source; /* "api_key", "ANTHROPIC_API_KEY", NULL = none */
	struct str api_key_file, api_key_env, oauth_token_file;
	bool key_ambient; /* from ANTHROPIC_API_KEY or OPENAI_API_KEY: comes
	                   * behind a stored login */
	struct str token_file; /* TOKEN_FILE, CHATGPT_TOKEN_FILE: its login */
	/* an access token from --token, a variable or oauth_token_file: goes
	 * before api_key and a stored login, is never written to disk */
	struct str oauth_token;
	const char *oauth_source; /* name of flag, variable or key; NULL: none */
	struct str account_id;    /* CHATGPT_ACCOUNT_ID */
	struct str env_refresh;   /* CHATGPT_REFRESH_TOKEN */
	struct str oauth_hosts, redirect_uri, client_id, scope, auth_url;
	struct conf_list authorize_url, token_url;
	struct conf_list models; /* ids that it serves; "*" = the rest */
	struct conf_list headers; /* "Name: value" */
	struct net_proxy proxy;   /* effective one, after NO_PROXY */
	struct str proxy_text;    /* its own setting; "none": direct */
	uint32_t pool_key; /* changes when the transport changes */
};

struct model_alias {
	struct str name;
	unsigned line;        /* of its section in the file */
	struct conf_list use; /* "provider/id" in order */
	struct str reasoning;
};

struct conf {
	_Atomic unsigned refs;
	struct arena a;
	struct str path; /* of the file, absent: none was found */
	struct conf_list env;   /* "NAME=value" of the --env-file */
	struct conf_list files; /* further files that a reload reads */

	struct net_addr listen[CONF_LISTEN_MAX];
	size_t n_listen;
	struct str tls_cert, tls_key, state_dir, counters_dir, ca_file;
	struct str api_keys_file; /* API_KEYS_FILE; absent: in state_dir */
	unsigned unix_mode;
	struct conf_list api_keys, allowed_hosts, cors_origins;
	enum conf_auto require_key;
	struct str proxy, no_proxy;
	enum log_level log_level;
	struct str default_model, cache_ttl;
	bool prompt_cache;
	enum conf_reasoning reasoning_field;
	/* CHATGPT_DEFAULT_REASONING_EFFORT and _SUMMARY; absent: not given */
	struct str chatgpt_effort, chatgpt_summary;
	bool chatgpt_variants; /* CHATGPT_EXPOSE_REASONING_VARIANTS */

	uint64_t max_clients, max_body, max_memory, max_head;
	int64_t header_ms, body_ms, idle_ms, send_ms, connect_ms, response_ms,
	    stream_ms, ping_ms, stop_ms;
	uint64_t found_memory; /* what conf_open found for max_memory = 0 */

	struct provider *providers;
	size_t n_providers;
	struct model_alias *aliases;
	size_t n_aliases;

	/* opened by conf_open */
	struct tls_trust *trust;
	struct tls_identity *identity;
};

/* What the command line said; absent = not given. */
struct conf_flags {
	struct str file;     /* -c */
	struct str env_file; /* --env-file */
	struct conf_list listen;
	struct str bind, port;
	struct str token; /* --token: an access token or API key */
	bool debug;
	bool headless;   /* do not start without a credential */
	bool only_check; /* --no-auto-start: say whether there is one */
};

/*
 * Read and validate everything: flags, environment, file, defaults. Warnings
 * go to the log. NULL: e has "FILE: line N: key \"value\": what was expected"
 * or the like. The caller owns one reference.
 *
 * The file is f->file, LLMUX_CONFIG (both must exist), else the first of
 * /var/run/llmux/llmux.conf (root only), ~/.llmux/llmux.conf and
 * /etc/llmux/llmux.conf; none of them is fine. listen of the flags replaces
 * all listeners; bind (or LLMUX_BIND, BIND_ADDRESS) replaces the plain TCP
 * ones by one; port alone moves the plain TCP ones.
 *
 * The environment itself is never changed, so that a reload is safe beside
 * running threads: lines of env_file are kept in c->env and looked up behind
 * the real environment by conf_getenv.
 */
struct conf *conf_load(const struct conf_flags *f, struct err *e);
/* Parse one file's text (for tests and the fuzzer): no environment, no files
 * opened. name is used in messages. */
struct conf *conf_parse(struct str text, const char *name, struct err *e);
/* A variable of the environment or, failing that, of --env-file; an empty one
 * counts as absent. */
struct str conf_getenv(const struct conf *c, const char *name);
/*
 * To be called at a reload between conf_load and conf_open: providers whose
 * base_url, proxy and ca_file are as in old keep its pool_key, so that their
 * idle connections stay in use; what old found out about the machine's memory
 * is taken over (the sandbox may hide it now).
 */
void conf_inherit(struct conf *c, const struct conf *old);
/* Open what the config names: CA bundle, certificate and key. A missing CA
 * file is an error only if a provider with a credential needs TLS, else a
 * warning (trust stays NULL). Clamps max_clients to the
 * open files and max_body to the memory, with a line each. Refuses a listener
 * outside loopback when there is no local key (neither api_key nor one in the
 * key file), or a short one. */
int conf_open(struct conf *c, struct err *e);
/* Only the CA bundle: enough for a command that calls a provider. */
int conf_open_client(struct conf *c, struct err *e);
struct conf *conf_ref(struct conf *c);
void conf_unref(struct conf *c); /* the last one wipes and frees; NULL is fine */

/*
 * The configuration in force: one locked pointer for all threads.
 * conf_publish takes over the caller's reference and drops the one before
 * (NULL: none from now on). conf_current gives a reference to unref, or NULL.
 */
void conf_publish(struct conf *c);
struct conf *conf_current(void);

/* Must a request bring a local key? stored_keys: the key file holds one. */
bool conf_needs_key(const struct conf *c, bool stored_keys);

/* Every path that the server reads (write false: files) or writes (the
 * directories) with c, a call each. For the sandbox, and to ask it at a
 * reload. */
void conf_each_path(const struct conf *c,
    void (*fn)(void *arg, struct str path, bool write), void *arg);

/* Make state_dir and counters_dir, 0700, with what is above them, where they
 * are missing. ERR_SYS. For serve, before the sandbox: later it is too late. */
int conf_make_dirs(const struct conf *c, struct err *e);

/* The effective configuration as a config file, secrets masked ("sk-...abcd"
 * with the last 4 characters): what `check` prints. conf_parse accepts it. */
void conf_print(const struct conf *c, struct buf *b);
/* One line a key: section, name, default, meaning; for --help and the man
 * page. */
void conf_print_keys(struct buf *b);

/* NULL when there is none of that name; one with enabled = no is given. */
const struct provider *conf_provider(const struct conf *c, struct str name);
const struct model_alias *conf_alias(const struct conf *c, struct str name);
/* Pool keys that old has and new has not: for dropping at reload. */
bool conf_has_pool_key(const struct conf *c, uint32_t key);

/* Worst-case bytes of this configuration, printed a line a part; gives the
 * sum: `llmux budget`. */
uint64_t conf_budget(const struct conf *c, struct buf *b);
/* max_memory in force: the configured one, or a quarter of min(RAM, cgroup
 * limit). */
uint64_t conf_memory(const struct conf *c);

#endif
