/* SPDX-License-Identifier: MIT */
/*
 * oauth: accounts of Anthropic and ChatGPT. oauth.c speaks the providers'
 * protocol (authorize URL, PKCE, exchange, device code, refresh, revoke),
 * oauth_file.c keeps logins in files, oauth_keep.c keeps them fresh while
 * llmux serves and hands out credentials for requests.
 *
 * No token, code or verifier ever goes into a message or a log line.
 * Sources: docs/authentication.md.
 */
#ifndef LLMUX_OAUTH_H
#define LLMUX_OAUTH_H

#include "conf.h"

/* ---- a login ---- */

/* Strings live in a; absent ones are {NULL, 0}. Times are Unix seconds, 0 =
 * not known. */
struct login {
	struct arena a; /* wiped by login_free */
	enum provider_type type; /* PROVIDER_ANTHROPIC or PROVIDER_CHATGPT */
	bool long_term;   /* a setup token: lives a year, is never refreshed */
	struct str access, refresh;
	struct str id_token, account_id; /* chatgpt */
	bool fedramp;                    /* chatgpt: a claim of the token */
	int64_t expires_at;         /* of access */
	int64_t refresh_expires_at; /* of refresh: a new login is needed then */
	int64_t last_refresh;
	struct str email, organization, plan; /* for people */
	bool moved;           /* exported: never refreshed here again */
	struct str trouble;   /* why it cannot be refreshed any more; absent:
	                       * it can. Ended by a new login only. */
	struct str token_url; /* the token host that worked last */
	struct str env_hash;  /* hex SHA-256 of the CHATGPT_REFRESH_TOKEN that
	                       * this chain began with */
};

void login_init(struct login *l);
void login_free(struct login *l); /* a zeroed one is fine */
/* A copy with an arena of its own. -1: ERR_MEM. */
int login_copy(struct login *to, const struct login *from, struct err *e);
/* s copied into l's arena; absent when there is no memory (*bad is set). */
struct str login_str(struct login *l, struct str s, bool *bad);

/* ---- oauth_file.c: logins in files ---- */

#define LOGIN_FILE_MAX (128u << 10)
#define LOGIN_PATH_MAX 512

/*
 * Where the login of provider p is kept: p's token_file; for `claude`
 * STATE/tokens.json, for `chatgpt` STATE/chatgpt/tokens.json, else
 * STATE/accounts/NAME.json. -1: no state_dir, or the path is too long.
 */
int login_path(const struct conf *c, const struct provider *p,
    char path[LOGIN_PATH_MAX], struct err *e);
/*
 * Any of the known shapes (docs/authentication.md, "Files"): the Python
 * LLMux, Claude Code, Codex, ChatMock, CLIProxyAPI, LiteLLM, llmux export, or
 * one bare token line. -1: ERR_INPUT with what was expected, never with any
 * of the text.
 */
int login_parse(struct str text, struct login *l, struct err *e);
/* The login in path. -1: ERR_SYS (sys = ENOENT when there is none), ERR_INPUT
 * (names the path: empty, truncated, unknown shape), ERR_MEM. A file that
 * others may read is given mode 0600 with a warning; one of another owner is
 * refused (ERR_AUTH). */
int login_load(const char *path, struct login *l, struct err *e);
/*
 * Write l to path: directories are made (0700), members of the file that
 * llmux does not know survive, shape and names are those of the Python LLMux;
 * file_replace does the writing (0600). The caller holds the lock.
 */
int login_save(const char *path, const struct login *l, struct err *e);
/* l as the text of `llmux export`: the same shape on few lines, appended. */
void login_text(const struct login *l, struct buf *out);
/* Lock PATH.lock against other processes until due (F_SETLK, polled); makes
 * the directories. A descriptor, or -1 (ERR_TIME: who holds it). Threads of
 * one process are not kept apart by it. */
int login_lock(const char *path, int64_t due, struct err *e);
void login_unlock(int fd);
/* Forget the login: the file goes, the lock file stays. */
int login_remove(const char *path, struct err *e);
/* Copy what the Python LLMux kept in its older places, if state_dir has none:
 * ~/.chatgpt-local/tokens.json, ~/.anthropic-claude-max-proxy/tokens.json.
 * One log line for each that moved. Called once at start. */
void login_migrate(const struct conf *c);

/* ---- oauth.c: the providers' protocol ---- */

/* One login that is going on. Kept in a 0600 file when it spans processes. */
struct oauth_flow {
	/* ended by NUL; a verifier has 128 bytes at most (RFC 7636) */
	char verifier[132], challenge[44], state[44];
	bool setup;         /* asks for the 365-day token */
	char redirect[256]; /* exactly as in the authorize URL */
};

/* Fill f: PKCE S256 from fresh random bytes, a separate state, the redirect
 * URI (chatgpt: of port, 1455 or 1457; anthropic: port is not looked at). */
void oauth_flow_new(const struct provider *p, bool setup, unsigned port,
    struct oauth_flow *f);
/* The address to open in a browser, appended. */
void oauth_authorize_url(const struct provider *p,
    const struct oauth_flow *f, struct buf *url);
/*
 * What the user pasted, or a callback's query: `code#state`, a bare code, a
 * whole URL, `code=..&state=..`. The decoded code goes into code (wipe it).
 * -1: ERR_INPUT: empty, no code in it, state differs ("start the login
 * again"), or the provider's own error and its description.
 */
int oauth_pasted(const struct oauth_flow *f, struct str text,
    struct buf *code, struct err *e);

/*
 * How an exchange with a token endpoint failed, beside the sentence in err.
 * code is the provider's word for it ("invalid_grant"), or "".
 */
enum oauth_failure {
	OAUTH_OK,
	OAUTH_PERMANENT, /* the login is over: a new one is needed */
	OAUTH_TRANSIENT, /* try again later */
	OAUTH_REFUSED    /* the request or its address: settings, not token */
};
struct oauth_result {
	enum oauth_failure failure;
	int status;         /* HTTP, 0: no answer came */
	char code[64];
	int64_t retry_s;    /* retry-after, 0: none given */
};

/* Exchange code for tokens. l is initialised by the caller and filled;
 * identity, too, where the answer has it. A setup flow that is answered with
 * a short-lived token is a failure (OAUTH_REFUSED): it is never taken for a
 * long one. */
int oauth_exchange(const struct conf *c, const struct provider *p,
    const struct oauth_flow *f, struct str code, int64_t due,
    struct login *l, struct oauth_result *r, struct err *e);
/* New tokens for old, old ones kept where the answer has none. next is
 * initialised here: a copy of l with what came. Token hosts are tried in
 * order on no connection, 3xx, 404 or HTML, never on a JSON error. */
int oauth_refresh(const struct conf *c, const struct provider *p,
    const struct login *l, int64_t due, struct login *next,
    struct oauth_result *r, struct err *e);
/* Tell the provider to forget the login; best effort. */
int oauth_revoke(const struct conf *c, const struct provider *p,
    const struct login *l, int64_t due, struct err *e);
/* A request that generates nothing (list of models): *status and what the
 * provider said, cut, as one line. -1: no answer came. */
int oauth_probe(const struct conf *c, const struct provider *p,
    const struct login *l, int64_t due, int *status, struct buf *said,
    struct err *e);
/* Identity and plan into l where they lack: anthropic by its profile
 * endpoint, chatgpt from the JWT claims. -1 is no failure of the login. */
int oauth_identity(const struct conf *c, const struct provider *p,
    struct login *l, int64_t due, struct err *e);
/* account_id, email, plan, fedramp and expires_at from the JWTs of a chatgpt
 * login, where they are not known. -1: ERR_INPUT "account id missing from
 * token". */
int oauth_claims(struct login *l, struct err *e);

/* Device code (chatgpt). */
struct oauth_device {
	char id[256], user_code[64];
	int64_t interval_ms;
	int64_t expires_ms; /* monotonic */
	char page[256];     /* where the code is entered */
};
int oauth_device_start(const struct conf *c, const struct provider *p,
    int64_t due, struct oauth_device *d, struct oauth_result *r,
    struct err *e);
/* One poll. 1: code and f's verifier and redirect are filled, exchange now; 0:
 * still pending (a lost connection is that, too; interval_ms may have grown);
 * -1: it failed for good. */
int oauth_device_poll(const struct conf *c, const struct provider *p,
    struct oauth_device *d, struct oauth_flow *f, struct buf *code,
    struct err *e);

/* ---- oauth_keep.c: credentials for requests ---- */

struct credential {
	bool oauth;             /* an access token, else an API key or none */
	struct str secret;      /* absent: the provider wants none */
	struct str account_id;  /* chatgpt */
	bool fedramp;
	const char *source;     /* for people: "login", "api_key", ... */
	uint32_t turn;          /* which token of the login it is */
};

/* Is there something to call p with? At most one stat a second. */
bool oauth_usable(const struct conf *c, const struct provider *p);
/*
 * The credential for a request to p, copied into a: refreshed if it is due
 * (threads that need the same one wait for one refresh). client (may be NULL)
 * is looked at while waiting. -1: ERR_AUTH (text names the remedy), ERR_GONE,
 * ERR_TIME, ERR_MEM.
 */
int oauth_credential(const struct conf *c, const struct provider *p,
    struct arena *a, struct net_conn *client, int64_t due,
    struct credential *out, struct err *e);
/* The API answered 401 to used: the next one, by one refresh if nobody had
 * one meanwhile. -1 as above; ERR_AUTH also when there is no other. */
int oauth_refused(const struct conf *c, const struct provider *p,
    const struct credential *used, struct arena *a, struct net_conn *client,
    int64_t due, struct credential *out, struct err *e);
/* The provider says that the login is over (token_invalidated). */
void oauth_mark(const struct conf *c, const struct provider *p,
    const struct credential *used, const char *why);
/* Refresh now, whatever the expiry says (menu, `llmux login` tests). */
int oauth_refresh_now(const struct conf *c, const struct provider *p,
    int64_t due, struct err *e);

/* Work for the accept loop: start refreshes of idle accounts that are due in
 * threads of their own, and write again what could not be written. Gives the
 * due time of the next look, DUE_NEVER when there is none. */
int64_t oauth_tick(int64_t now);
/* At stop: forget everything, wipe. Waits for refreshes that are under way. */
void oauth_stop(int64_t due);

/* One account as people see it; strings live in a. */
struct oauth_state {
	const char *kind;   /* "none", "login", "setup token", "api key",
	                     * "environment", "token file" */
	const char *source; /* name of key or variable, "" */
	bool usable, moved, unsaved, refreshing;
	struct str email, organization, plan, trouble;
	int64_t expires_at, refresh_expires_at, last_refresh;
	uint64_t refreshes, refresh_failures;
};
int oauth_state(const struct conf *c, const struct provider *p,
    struct arena *a, struct oauth_state *s, struct err *e);
/* False before the build date: the clock is not set yet, nothing expires. */
bool oauth_clock_ok(void);

#endif
