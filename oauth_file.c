/* SPDX-License-Identifier: MIT */
/*
 * oauth_file: logins in files. Reads the shapes of several programs, writes
 * the two of the Python LLMux, locks, and takes over that program's old files.
 * Not here: what a login is good for (oauth_keep.c), the wire (oauth.c).
 *
 * Shapes that are read, told apart by their members and not by a name:
 *   llmux, Python LLMux  {"token_type","access_token","refresh_token",
 *                        "expires_at"}, or {"tokens":{..},"last_refresh"}
 *   Codex, ChatMock      the latter with "auth_mode"
 *   Claude Code          {"claudeAiOauth":{"accessToken",..}}, milliseconds
 *   CLIProxyAPI          flat, "type" is claude or codex, "expired" RFC 3339
 *   LiteLLM              flat, "expires_at"
 *   opencode             {"type":"oauth","refresh","access","expires"}, bare
 *                        or as member "anthropic" or "openai"
 *   one line             sk-ant-oat01-...: a setup token
 * Times come as seconds, as milliseconds (over 10^11), with a fraction, or as
 * RFC 3339; they are kept in seconds. Sources: docs/authentication.md.
 * Limits: LOGIN_FILE_MAX bytes a file, LOGIN_PATH_MAX a path, 512 bytes a text
 * for people.
 */
#include "oauth.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "json.h"

#define TEXT_MAX 512
#define POLL_MS 50
#define MIGRATE_LOCK_MS 2000
#define YEAR_S (365 * (int64_t)86400)
#define YEAR_9999 253402300799 /* its last second */

/* ---- members ---- */

enum kind { TOKEN, TEXT, TIME, FLAG };

/* Where a member is written. Those of IN_TOKENS are read from one object only,
 * so that no pair is ever made of two logins. */
enum place {
	IN_TOKENS = 1, /* chatgpt: in "tokens"; else at the top */
	ON_TOP = 2,
	OF_STATE = 4,  /* at the top; not exported */
	SECRET = 8,    /* read only, like IN_TOKENS: names of other programs */
	FOREIGN = 16   /* read only */
};

#define AT(kind, place, field) kind, place, offsetof(struct login, field)

static const struct member {
	const char *name;
	uint8_t kind, place;
	uint16_t offset;
} members[] = {
	{ "id_token", AT(TOKEN, IN_TOKENS, id_token) },
	{ "access_token", AT(TOKEN, IN_TOKENS, access) },
	{ "refresh_token", AT(TOKEN, IN_TOKENS, refresh) },
	{ "account_id", AT(TOKEN, IN_TOKENS, account_id) },
	{ "expires_at", AT(TIME, ON_TOP, expires_at) },
	{ "refresh_token_expires_at", AT(TIME, ON_TOP, refresh_expires_at) },
	{ "last_refresh", AT(TIME, ON_TOP, last_refresh) },
	{ "email", AT(TEXT, ON_TOP, email) },
	{ "organization", AT(TEXT, ON_TOP, organization) },
	{ "plan", AT(TEXT, ON_TOP, plan) },
	{ "moved", AT(FLAG, OF_STATE, moved) },
	{ "login_needed", AT(TEXT, OF_STATE, trouble) },
	{ "token_url", AT(TEXT, OF_STATE, token_url) },
	{ "env_sha256", AT(TEXT, OF_STATE, env_hash) },
	{ "accessToken", AT(TOKEN, SECRET, access) },
	{ "access", AT(TOKEN, SECRET, access) },
	{ "refreshToken", AT(TOKEN, SECRET, refresh) },
	{ "refresh", AT(TOKEN, SECRET, refresh) },
	{ "accountId", AT(TOKEN, SECRET, account_id) },
	{ "expiresAt", AT(TIME, FOREIGN, expires_at) },
	{ "expired", AT(TIME, FOREIGN, expires_at) },
	{ "expires", AT(TIME, FOREIGN, expires_at) },
	{ "refreshTokenExpiresAt", AT(TIME, FOREIGN, refresh_expires_at) },
	{ "subscriptionType", AT(TEXT, FOREIGN, plan) },
};

#define N_MEMBERS (sizeof(members) / sizeof(members[0]))

/* What else tells a shape; it goes when a login is written over it, so that
 * nothing of the old one is found beside the new. */
#define SHAPES "token_type|tokens|type|claudeAiOauth|anthropic|openai"

static const struct member *
member_find(struct json_value key)
{
	size_t i;

	for (i = 0; i < N_MEMBERS; i++)
		if (json_is(key, str_of(members[i].name)))
			return &members[i];
	return NULL;
}

/* ---- times ---- */

/* Days from 1970 to a date, counted in years that begin in March. */
static int64_t
days_of(int64_t year, int64_t month, int64_t day)
{
	year -= month <= 2;
	return year * 365 + year / 4 - year / 100 + year / 400 +
	    (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1 - 719468;
}

/* The first n bytes of *s, all digits, go into *v. */
static int
digits(struct str *s, unsigned n, int64_t *v)
{
	uint64_t got;

	if (s->n < n || str_u64(str_sub(*s, 0, n), &got) < 0)
		return -1;
	*v = (int64_t)got;
	*s = str_sub(*s, n, s->n);
	return 0;
}

/* Skip the first byte if it is one of those. */
static bool
skip_one(struct str *s, const char *of)
{
	if (s->n == 0 || str_chr(str_of(of), s->p[0]) < 0)
		return false;
	*s = str_sub(*s, 1, s->n);
	return true;
}

/* Unix seconds of an RFC 3339 time; one without an offset is taken as UTC.
 * 0: it is none. */
static int64_t
time_parse(struct str s)
{
	static const char *const before[] = { "", "-", "-", "Tt ", ":", ":" };
	static const uint8_t width[] = { 4, 2, 2, 2, 2, 2 };
	static const uint8_t most[] = { 0, 12, 31, 23, 59, 60 };
	int64_t v[6], hours = 0, minutes = 0, shift = 0;
	bool minus;
	size_t i;

	for (i = 0; i < 6; i++)
		if ((i > 0 && !skip_one(&s, before[i])) ||
		    digits(&s, width[i], &v[i]) < 0 ||
		    (i > 0 && v[i] > most[i]))
			return 0;
	if (v[0] < 1970 || v[1] == 0 || v[2] == 0)
		return 0;
	if (skip_one(&s, "."))
		while (skip_one(&s, "0123456789"))
			;
	if (s.n > 0 && !skip_one(&s, "Zz")) {
		minus = s.p[0] == '-';
		if (!skip_one(&s, "+-") || digits(&s, 2, &hours) < 0)
			return 0;
		skip_one(&s, ":");
		if (digits(&s, 2, &minutes) < 0 || hours > 23 || minutes > 59)
			return 0;
		shift = (hours * 60 + minutes) * (minus ? -60 : 60);
	}
	if (s.n > 0)
		return 0;
	return days_of(v[0], v[1], v[2]) * 86400 + v[3] * 3600 + v[4] * 60 +
	    v[5] - shift;
}

/* A number or a string of any known form; 0: not known. */
static int64_t
time_of(struct str s)
{
	ssize_t dot = str_chr(s, '.');
	uint64_t n, rest;
	int64_t t;

	if (str_u64(dot < 0 ? s : str_sub(s, 0, (size_t)dot), &n) == 0 &&
	    (dot < 0 || (size_t)dot + 1 == s.n ||
	    str_u64(str_sub(s, (size_t)dot + 1, s.n), &rest) == 0)) {
		if (n > 100000000000)
			n /= 1000;
		return n > YEAR_9999 ? 0 : (int64_t)n;
	}
	t = time_parse(s);
	return t < 0 ? 0 : t;
}

/* ---- reading ---- */

/* Visible ASCII: tokens go into fields of HTTP. */
static bool
token_ok(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] < 0x21 || s.p[i] > 0x7e)
			return false;
	return true;
}

/* For terminals: no control characters. */
static bool
text_ok(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	return s.n <= TEXT_MAX;
}

static int
no_memory(struct err *e)
{
	return err_set(e, ERR_MEM, "no memory");
}

/* s, decoded, into the field of m, if nothing is in it yet. */
static int
take_plain(struct login *l, const struct member *m, struct str s,
    struct err *e)
{
	char *field = (char *)l + m->offset;
	bool bad = false;

	if (m->kind == TIME) {
		int64_t *t = (int64_t *)(void *)field;

		if (*t == 0)
			*t = time_of(s);
	} else if (m->kind == TOKEN || m->kind == TEXT) {
		struct str *to = (struct str *)(void *)field;

		if (m->kind == TOKEN && !token_ok(s))
			return err_set(e, ERR_INPUT, "%s: there are "
			    "characters in it that no token has", m->name);
		if (to->n == 0 && s.n > 0 && (m->kind == TOKEN || text_ok(s)))
			*to = login_str(l, s, &bad);
	}
	return bad ? no_memory(e) : 0;
}

static int
take_value(struct login *l, const struct member *m, struct json_value v,
    struct err *e)
{
	struct buf plain;
	int rc;

	if (m->kind == FLAG) {
		*(bool *)((char *)l + m->offset) |= json_true(v);
		return 0;
	}
	if (v.type != JSON_STRING && (v.type != JSON_NUMBER ||
	    m->kind != TIME))
		return 0;
	if (!v.escaped)
		return take_plain(l, m, v.text, e);
	buf_init(&plain, LOGIN_FILE_MAX);
	buf_room(&plain, v.text.n);
	json_decode(v.text, &plain);
	rc = plain.bad ? no_memory(e) : take_plain(l, m, buf_str(&plain), e);
	buf_wipe(&plain);
	return rc;
}

/* All members of from that are known; without tokens: only the others. */
static int
take_members(struct login *l, struct json_value from, bool tokens,
    struct err *e)
{
	const struct member *m;
	struct json_walk w;

	json_walk(&w, from);
	while (json_step(&w)) {
		m = member_find(w.key);
		if (m != NULL &&
		    (tokens || (m->place & (IN_TOKENS | SECRET)) == 0) &&
		    take_value(l, m, w.value, e) < 0)
			return -1;
	}
	return 0;
}

static bool
is_word(struct json_value v, const char *name, const char *word)
{
	return json_is(json_get(v, name), str_of(word));
}

/*
 * The object of root that holds the tokens, in *v; *type: of what its place
 * says, -1: nothing. ERR_INPUT: it is no login, or not of one account.
 */
static int
find_tokens(struct json_value root, struct json_value *v, int *type,
    struct err *e)
{
	static const struct {
		const char *name;
		enum provider_type type;
	} places[] = {
		{ "tokens", PROVIDER_CHATGPT },
		{ "claudeAiOauth", PROVIDER_ANTHROPIC },
		{ "anthropic", PROVIDER_ANTHROPIC },
		{ "openai", PROVIDER_CHATGPT },
	};
	struct json_value at;
	size_t i;

	if (json_get(root, "auth_mode").type == JSON_STRING &&
	    !is_word(root, "auth_mode", "chatgpt"))
		return err_set(e, ERR_INPUT, "auth_mode is not chatgpt: this "
		    "is no login of an account");
	*v = root;
	*type = -1;
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		at = json_get(root, places[i].name);
		if (at.type != JSON_OBJECT ||
		    (i >= 2 && !is_word(at, "type", "oauth")))
			continue;
		if (*type >= 0)
			return err_set(e, ERR_INPUT, "there are two logins in "
			    "it; give the object of one");
		*v = at;
		*type = (int)places[i].type;
	}
	if (*type >= 0 || json_get(root, "type").type != JSON_STRING)
		return 0;
	if (is_word(root, "type", "claude"))
		*type = PROVIDER_ANTHROPIC;
	else if (is_word(root, "type", "codex"))
		*type = PROVIDER_CHATGPT;
	else if (!is_word(root, "type", "oauth"))
		return err_set(e, ERR_INPUT, "its type is none of claude, "
		    "codex and oauth");
	return 0;
}

static int
expected(struct err *e)
{
	return err_set(e, ERR_INPUT, "no login in it; expected a file of "
	    "llmux, Claude Code, Codex, ChatMock, CLIProxyAPI, LiteLLM or "
	    "opencode, or one line sk-ant-oat01-...");
}

/* What the tokens look like, when nothing else says whose they are. */
static enum provider_type
guess(const struct login *l)
{
	return l->id_token.n > 0 || l->account_id.n > 0 ||
	    str_starts(l->access, STR("eyJ")) ||
	    str_starts(l->refresh, STR("rt_")) ? PROVIDER_CHATGPT :
	    PROVIDER_ANTHROPIC;
}

/* The expiry in the token itself is right even if another program changed the
 * token and left our member as it was. */
static int
add_claims(struct login *l, struct err *e)
{
	int64_t stored = l->expires_at;
	struct err own = { .kind = ERR_NONE };

	l->expires_at = 0;
	if (oauth_claims(l, &own) < 0 && own.kind == ERR_MEM) {
		if (e != NULL)
			*e = own;
		return -1;
	}
	if (l->expires_at == 0)
		l->expires_at = stored;
	return 0;
}

static int
parse_json(struct str text, struct login *l, struct err *e)
{
	struct json_value root, at;
	int type = -1;

	if (json_check(text, e) < 0)
		return -1;
	root = json_root(text);
	if (root.type != JSON_OBJECT)
		return expected(e);
	if (find_tokens(root, &at, &type, e) < 0 ||
	    take_members(l, at, true, e) < 0 ||
	    (at.raw.p != root.raw.p && take_members(l, root, false, e) < 0))
		return -1;
	l->long_term = is_word(at, "token_type", "long_term");
	if (l->access.n == 0 && (l->refresh.n == 0 || l->long_term))
		return expected(e);
	l->type = type >= 0 ? (enum provider_type)type :
	    json_get(at, "token_type").type == JSON_STRING ?
	    PROVIDER_ANTHROPIC : guess(l);
	return l->type == PROVIDER_CHATGPT ? add_claims(l, e) : 0;
}

/* A setup token. How long it has lived already nobody knows. */
static int
parse_line(struct str s, struct login *l, struct err *e)
{
	bool bad = false;
	size_t i;

	for (i = 0; i < s.n; i++)
		if (str_chr(STR("-_"), s.p[i]) < 0 &&
		    !(s.p[i] >= '0' && s.p[i] <= '9') &&
		    !((s.p[i] | 0x20) >= 'a' && (s.p[i] | 0x20) <= 'z'))
			return expected(e);
	if (!str_starts(s, STR("sk-ant-oat01-")) || s.n <= 20)
		return expected(e);
	l->type = PROVIDER_ANTHROPIC;
	l->long_term = true;
	l->access = login_str(l, s, &bad);
	if (oauth_clock_ok())
		l->expires_at = wall_s() + YEAR_S;
	return bad ? no_memory(e) : 0;
}

int
login_parse(struct str text, struct login *l, struct err *e)
{
	int rc;

	login_init(l);
	while (text.n > 0 && str_chr(STR(" \t\r\n"), text.p[0]) >= 0)
		text = str_sub(text, 1, text.n);
	while (text.n > 0 && str_chr(STR(" \t\r\n"), text.p[text.n - 1]) >= 0)
		text.n--;
	if (text.n == 0)
		return err_set(e, ERR_INPUT, "it is empty");
	rc = text.p[0] == '{' || text.p[0] == '[' ? parse_json(text, l, e) :
	    parse_line(text, l, e);
	if (rc < 0) {
		login_free(l);
		login_init(l);
	}
	return rc;
}

/* ---- writing ---- */

static void
write_members(struct json_out *o, const struct login *l, unsigned places)
{
	const char *field;
	struct str s;
	char date[21];
	int64_t t;
	size_t i;

	for (i = 0; i < N_MEMBERS; i++) {
		if ((members[i].place & places) == 0)
			continue;
		field = (const char *)l + members[i].offset;
		s = (struct str){ NULL, 0 };
		t = 0;
		if (members[i].kind == TIME)
			t = *(const int64_t *)(const void *)field;
		else if (members[i].kind != FLAG)
			s = *(const struct str *)(const void *)field;
		else if (*(const bool *)field) {
			json_key(o, members[i].name);
			json_bool(o, true);
		}
		if (t > 0 && members[i].offset ==
		    offsetof(struct login, last_refresh)) {
			time_rfc3339(t, date);
			s = str_of(date);
		} else if (t > 0) {
			json_key(o, members[i].name);
			json_num(o, t);
		}
		if (s.n > 0) {
			json_key(o, members[i].name);
			json_str(o, s);
		}
	}
}

/* Members of old that this program does not know, as they are. */
static void
copy_unknown(struct json_out *o, struct json_value old)
{
	struct json_walk w;
	struct buf name;

	if (old.type != JSON_OBJECT)
		return;
	buf_init(&name, LOGIN_FILE_MAX);
	json_walk(&w, old);
	while (json_step(&w)) {
		buf_clear(&name);
		json_decode(w.key.text, &name);
		if (name.bad)
			o->bad = true;
		if (member_find(w.key) != NULL ||
		    str_place(buf_str(&name), SHAPES) >= 0)
			continue;
		json_key_str(o, buf_str(&name));
		json_raw(o, w.value.raw);
	}
	buf_free(&name);
}

/* l as a line of JSON; old: what the file held, or type NONE. */
static void
write_login(const struct login *l, struct json_value old, unsigned places,
    struct buf *out)
{
	struct json_out o;

	json_out_buf(&o, out);
	json_open(&o, '{');
	if (l->type == PROVIDER_CHATGPT) {
		json_key(&o, "tokens");
		json_open(&o, '{');
		write_members(&o, l, IN_TOKENS);
		copy_unknown(&o, json_get(old, "tokens"));
		json_close(&o, '}');
	} else {
		json_key(&o, "token_type");
		json_str(&o, l->long_term ? STR("long_term") :
		    STR("oauth_flow"));
		places |= IN_TOKENS;
	}
	write_members(&o, l, places);
	copy_unknown(&o, old);
	json_close(&o, '}');
	json_out_flush(&o);
	buf_addc(out, '\n');
	if (o.bad)
		out->bad = true;
}

void
login_text(const struct login *l, struct buf *out)
{
	write_login(l, (struct json_value){ .type = JSON_NONE }, ON_TOP, out);
}

/* ---- files ---- */

/* The directories above path, 0700; what is there already is fine. */
static int
make_above(const char *path, struct err *e)
{
	char dir[LOGIN_PATH_MAX];
	size_t i, n = fmt_to(dir, sizeof(dir), "%s", path);
	struct stat st;

	if (path[n] != '\0')
		return err_set(e, ERR_INPUT, "the path is too long");
	for (i = 1; i < n; i++) {
		if (dir[i] != '/')
			continue;
		dir[i] = '\0';
		/* Nobody may make what is there already, on a file system that
		 * cannot be written, say. */
		if (mkdir(dir, 0700) < 0 && errno != EEXIST &&
		    stat(dir, &st) < 0)
			return err_sys(e, "%s", dir);
		dir[i] = '/';
	}
	return 0;
}

int
login_path(const struct conf *c, const struct provider *p,
    char path[LOGIN_PATH_MAX], struct err *e)
{
	struct str file = STR("accounts/"), name = p->name;
	size_t n;

	if (p->token_file.n > 0) {
		n = fmt_to(path, LOGIN_PATH_MAX, "%.*s",
		    STR_ARG(p->token_file));
	} else if (c->state_dir.n == 0) {
		return err_set(e, ERR_INPUT, "there is no state_dir to keep "
		    "logins in");
	} else {
		if (str_eq(name, STR("claude")))
			file = STR("tokens.json");
		else if (str_eq(name, STR("chatgpt")))
			file = STR("chatgpt/tokens.json");
		if (file.p[file.n - 1] != '/')
			name.n = 0;
		n = fmt_to(path, LOGIN_PATH_MAX, "%.*s/%.*s%.*s%s",
		    STR_ARG(c->state_dir), STR_ARG(file), STR_ARG(name),
		    name.n > 0 ? ".json" : "");
	}
	/* Room for what file_replace and login_lock put behind it. */
	return n + 8 >= LOGIN_PATH_MAX ? err_set(e, ERR_INPUT,
	    "the path of the login file is too long") : 0;
}

/* Is the owner of an open file one who may change our logins? Root may anyway;
 * and for root whoever owns the directory. */
static bool
owner_ok(const char *path, const struct stat *st)
{
	char dir[LOGIN_PATH_MAX];
	struct stat above;
	size_t n;

	if (st->st_uid == geteuid() || st->st_uid == 0)
		return true;
	n = fmt_to(dir, sizeof(dir), "%s", path);
	while (n > 0 && dir[n - 1] != '/')
		n--;
	dir[n] = '\0';
	return geteuid() == 0 && stat(n == 0 ? "." : dir, &above) == 0 &&
	    above.st_uid == st->st_uid;
}

/* Kind, owner and mode of path, its size in *size. */
static int
look_at(const char *path, size_t *size, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	int rc = 0;

	if (fd < 0 || fstat(fd, &st) < 0) {
		rc = err_sys(e, "%s", path);
	} else if (!S_ISREG(st.st_mode)) {
		rc = err_set(e, ERR_INPUT, "%s: not a regular file", path);
	} else if (!owner_ok(path, &st)) {
		rc = err_set(e, ERR_AUTH, "%s: belongs to another user "
		    "(uid %u); it is not used", path, (unsigned)st.st_uid);
	} else if (st.st_size > LOGIN_FILE_MAX) {
		rc = err_set(e, ERR_INPUT, "%s: larger than %u bytes", path,
		    LOGIN_FILE_MAX);
	} else if ((st.st_mode & 077) != 0) {
		if (fchmod(fd, 0600) < 0)
			log_put(LOG_WARN, "%s: others may read it, and the "
			    "mode cannot be changed: %s", path,
			    strerror(errno));
		else
			log_put(LOG_WARN, "%s: others could read it; the mode "
			    "is 0600 now", path);
	}
	if (fd >= 0)
		close(fd);
	*size = rc < 0 ? 0 : (size_t)st.st_size;
	return rc;
}

/* The text of a login file. In one piece from the start: growing would leave
 * copies of it in freed memory. */
static int
read_text(const char *path, struct buf *text, struct err *e)
{
	size_t size;

	buf_init(text, LOGIN_FILE_MAX);
	if (look_at(path, &size, e) < 0)
		return -1;
	size += 8192;
	buf_room(text, size < text->max ? size : text->max);
	return text->bad ? no_memory(e) : file_read(path, text, e);
}

int
login_load(const char *path, struct login *l, struct err *e)
{
	struct err own;
	struct buf text;
	int rc;

	if (e == NULL)
		e = &own;
	login_init(l);
	rc = read_text(path, &text, e);
	if (rc < 0 && e->kind == ERR_LIMIT)
		e->kind = ERR_INPUT;
	if (rc == 0) {
		rc = login_parse(buf_str(&text), l, e);
		if (rc < 0)
			err_prefix(e, "%s", path);
	}
	buf_wipe(&text);
	return rc;
}

int
login_save(const char *path, const struct login *l, struct err *e)
{
	struct json_value old = { .type = JSON_NONE };
	struct err why = { .kind = ERR_NONE };
	struct buf text, out;
	int rc = -1;

	if (make_above(path, e) < 0)
		return -1;
	if (read_text(path, &text, &why) == 0 &&
	    json_check(buf_str(&text), &why) == 0)
		old = json_root(buf_str(&text));
	if (why.kind != ERR_NONE && !(why.kind == ERR_SYS &&
	    why.sys == ENOENT))
		log_put(LOG_WARN, "login: %s cannot be read and is written "
		    "anew: %s", path, why.text);
	/* In one piece as well; texts with escapes may yet make it grow. */
	buf_init(&out, LOGIN_FILE_MAX);
	buf_room(&out, l->access.n + l->refresh.n + l->id_token.n + 2048);
	write_login(l, old, ON_TOP | OF_STATE, &out);
	if (out.bad && old.type != JSON_NONE) {
		/* The tokens count, whatever else there was. */
		buf_clear(&out);
		old.type = JSON_NONE;
		write_login(l, old, ON_TOP | OF_STATE, &out);
	}
	if (out.bad)
		no_memory(e);
	else
		rc = file_replace(path, buf_str(&out), 0600, e);
	buf_wipe(&out);
	buf_wipe(&text);
	return rc;
}

int
login_remove(const char *path, struct err *e)
{
	return unlink(path) < 0 && errno != ENOENT ? err_sys(e, "%s", path) :
	    0;
}

/* ---- the lock ---- */

/* Never removed: between two who hold locks on different files of one name
 * there would be no lock at all. */
int
login_lock(const char *path, int64_t due, struct err *e)
{
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
	char name[LOGIN_PATH_MAX];
	struct flock want;
	int fd;

	if (fmt_to(name, sizeof(name), "%s.lock", path) < strlen(path) + 5)
		return err_set(e, ERR_INPUT, "the path is too long");
	if (make_above(path, e) < 0)
		return -1;
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(e, "%s", name);
	for (;;) {
		want = (struct flock){ .l_type = F_WRLCK,
			.l_whence = SEEK_SET };
		if (fcntl(fd, F_SETLK, &want) == 0)
			return fd;
		if (errno != EAGAIN && errno != EACCES) {
			err_sys(e, "%s", name);
			break;
		}
		if (now_ms() >= due) {
			fcntl(fd, F_GETLK, &want);
			err_set(e, ERR_TIME, "%s: held by process %d", name,
			    (int)want.l_pid);
			break;
		}
		nanosleep(&pause, NULL);
	}
	close(fd);
	return -1;
}

void
login_unlock(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* ---- the Python LLMux's older places ---- */

static bool
is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* from to path, under the lock that says from now on that this was done. */
static void
move_login(const char *from, const char *path, enum provider_type type)
{
	struct login l = { .moved = false };
	struct err e = { .kind = ERR_NONE };
	int fd = -1, rc = login_load(from, &l, &e);

	if (rc == 0 && l.type != type)
		rc = err_set(&e, ERR_INPUT, "%s: the login of another "
		    "provider", from);
	if (rc == 0)
		rc = fd = login_lock(path, now_ms() + MIGRATE_LOCK_MS, &e);
	if (fd >= 0 && !is_there(path))
		rc = login_save(path, &l, &e);
	if (rc < 0)
		log_put(LOG_WARN, "login: %s was not taken over: %s; see "
		    "\"llmux help import\"", from, e.text);
	else
		log_put(LOG_WARN, "login: %s moved to %s; the Python LLMux "
		    "must not run any more (a refresh token works once)",
		    from, path);
	login_unlock(fd);
	login_free(&l);
}

/* The login in file below home, if p has none. A lock file tells that it had
 * one: somebody who logged out does not want a spent one back. */
static void
migrate(const struct conf *c, const struct provider *p, const char *file)
{
	char from[LOGIN_PATH_MAX], path[LOGIN_PATH_MAX];
	struct str home = conf_getenv(c, "HOME");

	if (p == NULL || p->token_file.n > 0 || home.n == 0 ||
	    login_path(c, p, path, NULL) < 0)
		return;
	fmt_to(from, sizeof(from), "%s.lock", path);
	if (is_there(path) || is_there(from))
		return;
	fmt_to(from, sizeof(from), "%.*s/%s/tokens.json", STR_ARG(home), file);
	if (is_there(from))
		move_login(from, path, p->type);
}

void
login_migrate(const struct conf *c)
{
	migrate(c, conf_provider(c, STR("claude")),
	    ".anthropic-claude-max-proxy");
	migrate(c, conf_provider(c, STR("chatgpt")), ".chatgpt-local");
}
