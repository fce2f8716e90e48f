/* SPDX-License-Identifier: MIT */
/*
 * conf_priv: what the conf files share: conf.c (parsing, finishing, life
 * time), conf_keys.c (the table of keys and the checks of values), conf_env.c
 * (finding files, environment, flags), conf_creds.c (keys, models.json,
 * proxies) and conf_print.c (check, keys, budget). Nobody else includes this.
 */
#ifndef LLMUX_CONF_PRIV_H
#define LLMUX_CONF_PRIV_H

#include "conf.h"

#define CONF_PATH_MAX 768
#define CONF_CA_FILE "/etc/ssl/certs/ca-certificates.crt"

/* ---- the table of keys ---- */

enum conf_section { CONF_MAIN, CONF_PROVIDER, CONF_MODEL };

enum conf_kind {
	KIND_TEXT,  /* struct str */
	KIND_LIST,  /* struct conf_list; the key may be repeated */
	KIND_PATH,  /* struct str; conf_load replaces a leading "~/" */
	KIND_SIZE,  /* uint64_t, bytes; K, M, G */
	KIND_COUNT, /* uint64_t */
	KIND_TIME,  /* int64_t, ms; ms, s, m, h, seconds when bare */
	KIND_MODE,  /* unsigned, octal */
	KIND_WORD,  /* an enum, whose value is the place in range */
	KIND_FLAG,  /* bool: the first of range is false, the second true */
	KIND_ADDR   /* one more of listen; the key may be repeated */
};

/* How `check` hides a value. */
enum conf_mask {
	MASK_NONE,
	MASK_KEY,   /* all but the last 4 characters */
	MASK_FIELD, /* "Name: value": the value */
	MASK_PROXY  /* the password of a URL */
};

enum conf_check {
	CHECK_NONE, /* any text */
	CHECK_WORD,
	CHECK_MODEL,
	CHECK_USE,
	CHECK_HOST,
	CHECK_ORIGIN,
	CHECK_PROXY,
	CHECK_URL,
	CHECK_TOKEN_URL,
	CHECK_SECRET,
	CHECK_LOCAL_KEY,
	CHECK_ENV_NAME,
	CHECK_HEADER
};

struct conf_key {
	const char *name;
	const char *range;   /* "a|b|c": the only values; "1K..1M"; or NULL */
	const char *def;     /* as in a file; NULL: absent, or by type */
	const char *meaning;
	uint16_t offset;     /* in struct conf, provider or model_alias */
	uint8_t section;     /* enum conf_section; bytes: there are 60 rows */
	uint8_t kind;        /* enum conf_kind */
	uint8_t mask;        /* enum conf_mask */
	uint8_t check;       /* enum conf_check */
	bool may_be_empty;   /* an empty value means absent */
};

#define CONF_KEYS_MAX 64
extern const struct conf_key conf_keys[];
extern const size_t conf_n_keys;

/* NULL when section has no such key. */
const struct conf_key *conf_key_find(enum conf_section section,
    struct str name);
/* The key or section that name may have been meant for, or NULL. */
const char *conf_meant(enum conf_section section, struct str name);

/*
 * Check v and put it into the field that k describes in base (a struct conf,
 * provider or model_alias of c). v is copied. -1: ERR_INPUT with what was
 * expected, without key and value; ERR_MEM.
 */
int conf_set(struct conf *c, const struct conf_key *k, void *base,
    struct str v, struct err *e);
/* Put `key "value": ` before e; the value only if it cannot hold a secret. */
int conf_bad_value(const struct conf_key *k, struct str v, struct err *e);
/* The same for any name (a variable of the environment). */
int conf_bad_named(const char *name, bool secret, struct str v,
    struct err *e);
/* May v be or hold a secret that no message should show? */
bool conf_secretive(struct str v);

/* ---- values ---- */

bool conf_private(struct str host);     /* most likely on the own network */
/* Only the form of a text. -1: ERR_INPUT with what was expected. */
int conf_check(enum conf_check check, struct str v, struct err *e);
/* "expected WHAT": always -1. */
int conf_expected(struct err *e, const char *what);
/* The form that a file takes: "32M", "500ms", "0600". */
void conf_fmt_size(char dst[24], uint64_t v);
void conf_fmt_time(char dst[24], int64_t ms);
void conf_fmt_mode(char dst[24], unsigned mode);
#define CONF_ADDR_MAX 128
void conf_fmt_addr(char dst[CONF_ADDR_MAX], const struct net_addr *a);
/* The word at place i of "a|b|c". */
struct str conf_word(const char *words, size_t i);

/* ---- building ---- */

/* Defaults and the two providers that exist without being named. NULL: no
 * memory. */
struct conf *conf_new(struct err *e);
/* A copy in c's arena; ERR_MEM. */
int conf_copy(struct conf *c, struct str v, struct str *to, struct err *e);
int conf_list_add(struct conf *c, struct conf_list *l, struct str v,
    struct err *e);
/* A new provider with the defaults of the table; the pointer is good until
 * the next one is added. NULL: ERR_INPUT too many, ERR_MEM. */
struct provider *conf_add_provider(struct conf *c, struct str name,
    struct err *e);
struct provider *conf_find_provider(struct conf *c, struct str name);
/* Read the text of a file into c. */
int conf_text(struct conf *c, struct str text, const char *name,
    struct err *e);
/* Fill what follows from the type and split base_url, for one provider; check
 * where its credential would go. */
int conf_resolve(struct conf *c, struct provider *p, struct err *e);
/* The same for all, then everything that needs the whole file. name: of the
 * file, for messages. */
int conf_resolve_all(struct conf *c, const char *name, struct err *e);
int conf_finish(struct conf *c, const char *name, struct err *e);
/* "NAME: line N: " before e (nothing when line is 0); always -1. */
int conf_at_line(const char *name, unsigned line, struct err *e);

/* ---- the world around ---- */

/* "~/x" becomes "$HOME/x"; other paths stay as they are. */
int conf_expand(struct conf *c, struct str *path, struct err *e);
/* A quarter of min(RAM, cgroup limit); root is "" but in tests. */
uint64_t conf_find_memory(const char *root);
/* Does the key file (api_keys.json) hold a key? */
bool conf_stored_keys(const struct conf *c);
/*
 * After conf_resolve_all: keys from files and variables, models.json of the
 * Python LLMux, and proxies of the environment. What is wrong with a provider's
 * credential is a warning: the server starts with what there is. -1: ERR_MEM,
 * ERR_INPUT for a proxy that cannot be used.
 */
int conf_credentials(struct conf *c, const struct conf_flags *f,
    struct err *e);

#endif
