/* SPDX-License-Identifier: MIT */
/*
 * keys: local API keys. They guard the owner's accounts from other users of
 * the machine and of the LAN; they are never sent upstream and never written
 * to a log.
 *
 * Two sources: `api_key =` lines, and api_keys.json in the format of the
 * Python LLMux, so that the file moves over in both directions:
 *   {"api_keys":{ID:{"name":..,"key_hash":..,"salt":..,"key_prefix":..,
 *   "created_at":..,"last_used_at":..,"usage_count":..}}}
 * key_hash is the SHA-256 of salt and key in hex, salt is base64, times are
 * ISO 8601. Members that are not known here survive. That program writes the
 * file in place, so half a file may be met: the keys known before stay good
 * until a whole one is there.
 *
 * Counters are kept in memory and written seldom, for the flash's sake.
 * Limits: the file has 256 KiB at most, a key 1,024 bytes.
 */
#include "keys.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "../tls.h"

#define SALT 16     /* bytes that are made here */
#define SALT_MAX 32 /* bytes that are taken from a file */
#define LOOK_MS 1000
#define LOCK_MS 2000

struct key {
	struct key_id who;
	unsigned char salt[SALT_MAX], hash[32];
	size_t n_salt;
	int64_t used_at; /* Unix seconds; not in the file yet, like uses */
	uint64_t uses;
};

/* The lock is held while the file is read: it is small and local, and nobody
 * can be let in meanwhile. */
static struct {
	pthread_mutex_t lock;
	bool ready; /* salt and path are there */
	unsigned char salt[SALT];
	char path[LOGIN_PATH_MAX];
	bool looked;
	int64_t looked_ms;
	struct stat seen; /* zeroed: no file */
	struct key *key;
	size_t n;
	bool stored; /* the file has entries, or cannot be read */
} state = { .lock = PTHREAD_MUTEX_INITIALIZER };

void
key_hash(const void *salt, size_t n, struct str key, unsigned char out[32])
{
	unsigned char b[SALT_MAX + KEY_MAX];

	memcpy(b, salt, n);
	memcpy(b + n, key.p, key.n);
	tls_sha256(b, n + key.n, out);
	mem_wipe(b, n + key.n);
}

void
key_clean(char *p, size_t n, char blank)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] == ' ')
			p[i] = blank;
		else if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
			p[i] = '?';
}

struct str
key_text(const struct json_value *v, const char *name, struct buf *b)
{
	struct json_value m = json_get(*v, name);

	buf_clear(b);
	if (m.type == JSON_STRING)
		json_decode(m.text, b);
	return buf_str(b);
}

void
key_time(int64_t s, char dst[32])
{
	char z[21];

	time_rfc3339(s, z);
	fmt_to(dst, 32, "\"%.*s+00:00\"", 19, z);
}

/* ---- the file ---- */

static int
file_path(const struct conf *c, char path[LOGIN_PATH_MAX], struct err *e)
{
	bool own = c->api_keys_file.n > 0;
	struct str dir = own ? c->api_keys_file : c->state_dir;

	if (dir.n == 0)
		return err_set(e, ERR_INPUT, "keys: there is no state_dir");
	if (fmt_to(path, LOGIN_PATH_MAX, "%.*s%s", STR_ARG(dir),
	    own ? "" : "/api_keys.json") + 1 >= LOGIN_PATH_MAX)
		return err_set(e, ERR_INPUT, "keys: the path is too long");
	return 0;
}

/* Check the text and find the keys in it. */
static int
find_keys(struct key_file *f, struct err *e)
{
	struct str doc = buf_str(&f->text);

	if (json_check(doc, e) < 0)
		return err_prefix(e, "%s", f->path);
	f->keys = json_get(json_root(doc), "api_keys");
	if (f->keys.type == JSON_OBJECT)
		return 0;
	return err_set(e, ERR_INPUT, "%s: expected an object \"api_keys\"",
	    f->path);
}

static int
read_text(struct key_file *f, struct err *e)
{
	struct err why;

	if (file_read(f->path, &f->text, &why) < 0 &&
	    (why.kind != ERR_SYS || why.sys != ENOENT)) {
		if (e != NULL)
			*e = why;
		return -1;
	}
	if (f->text.len == 0)
		buf_addz(&f->text, "{\"api_keys\": {}}\n");
	return f->text.bad ? err_set(e, ERR_MEM, "no memory") :
	    find_keys(f, e);
}

/* Room for four edits an entry, and those of f->keys. */
static int
make_edits(struct key_file *f, struct err *e)
{
	struct json_walk w;
	size_t n = 4;

	json_walk(&w, f->keys);
	while (json_step(&w))
		n += 4;
	f->edits.e = mem_alloc(n * sizeof(*f->edits.e));
	f->edits.max = n;
	return f->edits.e == NULL ? err_set(e, ERR_MEM, "no memory") : 0;
}

int
key_file_open(struct key_file *f, const struct conf *c, int64_t due,
    struct err *e)
{
	memset(f, 0, sizeof(*f));
	f->lock = -1;
	arena_init(&f->a, CONF_FILE_MAX);
	buf_init(&f->text, CONF_FILE_MAX);
	if (file_path(c, f->path, e) < 0)
		return -1;
	if (due != 0) {
		f->lock = login_lock(f->path, due, e);
		if (f->lock < 0)
			return -1;
	}
	if (read_text(f, e) < 0 || (due != 0 && make_edits(f, e) < 0)) {
		key_file_close(f);
		return -1;
	}
	return 0;
}

int
key_file_set(struct key_file *f, struct json_value obj, const char *name,
    struct str value, struct err *e)
{
	struct str doc = buf_str(&f->text), text;
	struct json_value old = json_get(obj, name);
	struct buf b;
	int rc;

	buf_init(&b, CONF_FILE_MAX);
	if (old.type == JSON_NONE)
		buf_fmt(&b, "\"%s\": ", name);
	buf_adds(&b, value);
	text = arena_dup(&f->a, buf_str(&b));
	rc = b.bad || text.p == NULL ? -1 : old.type == JSON_NONE ?
	    json_edit_insert(&f->edits, doc, obj, false, text) :
	    json_edit_replace(&f->edits, doc, old, text);
	buf_free(&b);
	return rc < 0 ? err_set(e, ERR_MEM, "no memory") : 0;
}

int
key_file_write(struct key_file *f, struct err *e)
{
	struct str doc = buf_str(&f->text);
	struct buf b;
	size_t i;
	int rc;

	buf_init(&b, CONF_FILE_MAX);
	for (i = 0; i <= 2 * f->edits.n; i++)
		buf_adds(&b, json_edits_piece(&f->edits, doc, i));
	rc = b.bad ? err_set(e, ERR_LIMIT, "%s: no memory, or more than %u "
	    "bytes", f->path, CONF_FILE_MAX) :
	    file_replace(f->path, buf_str(&b), 0600, e);
	buf_free(&b);
	return rc;
}

void
key_file_close(struct key_file *f)
{
	mem_free(f->edits.e);
	buf_free(&f->text);
	arena_free(&f->a);
	if (f->lock >= 0)
		login_unlock(f->lock);
}

/* ---- the table ---- */

/* 32 bytes from 64 hex digits. */
static int
unhex(struct str s, unsigned char out[32])
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < 64 && s.n == 64; i++) {
		const char *d = memchr(digits, s.p[i], 16);

		if (d == NULL)
			return -1;
		out[i / 2] = (unsigned char)(out[i / 2] << 4 | (d - digits));
	}
	return s.n == 64 ? 0 : -1;
}

/* 1: k is the entry; 0: it can never be good; -1: no memory. */
static int
read_key(struct str id, const struct json_value *v, struct key *k)
{
	struct buf b, salt;
	int rc = 0;

	memset(k, 0, sizeof(*k));
	buf_init(&b, CONF_FILE_MAX);
	buf_init(&salt, CONF_FILE_MAX);
	json_decode(id, &b);
	fmt_to(k->who.id, sizeof(k->who.id), "%.*s", STR_ARG(buf_str(&b)));
	if (b.bad || b.len >= sizeof(k->who.id))
		goto out;
	fmt_to(k->who.name, sizeof(k->who.name), "%.*s",
	    STR_ARG(key_text(v, "name", &b)));
	key_clean(k->who.name, strlen(k->who.name), '_');
	if (b.bad || buf_add_unb64(&salt, key_text(v, "salt", &b)) < 0 ||
	    salt.bad || salt.len > SALT_MAX ||
	    unhex(key_text(v, "key_hash", &b), k->hash) < 0)
		goto out;
	if (salt.len > 0)
		memcpy(k->salt, salt.p, salt.len);
	k->n_salt = salt.len;
	rc = 1;
out:
	if (b.bad || salt.bad)
		rc = -1;
	buf_free(&b);
	buf_free(&salt);
	return rc;
}

/* What was counted for k and is in no file yet goes to its successor. */
static void
keep_count(const struct key *k, struct key *now, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(now[i].who.id, k->who.id) == 0) {
			now[i].uses = k->uses;
			now[i].used_at = k->used_at;
		}
}

/* Make a new table from the open file. -1: no memory; the old one stays. */
static int
take_table(struct key_file *f)
{
	struct json_walk w;
	struct key *now;
	size_t all = 0, n = 0, i;
	int rc = 0;

	json_walk(&w, f->keys);
	while (json_step(&w))
		all++;
	now = mem_alloc(all * sizeof(*now));
	json_walk(&w, f->keys);
	while (now != NULL && rc >= 0 && json_step(&w)) {
		rc = read_key(w.key.text, &w.value, &now[n]);
		if (rc > 0)
			n++;
	}
	if (now == NULL || rc < 0) {
		mem_free(now);
		return -1;
	}
	for (i = 0; i < state.n; i++)
		keep_count(&state.key[i], now, n);
	mem_free(state.key);
	state.key = now;
	state.n = n;
	state.stored = all > 0;
	return 0;
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
	    a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Bring the table up to date, with the lock held. e: what to log, without the
 * lock. */
static void
look(const struct conf *c, struct err *e)
{
	char path[LOGIN_PATH_MAX] = "";
	int64_t now = now_ms();
	struct key_file f;
	struct stat st;

	if (!state.ready)
		random_fill(state.salt, sizeof(state.salt));
	file_path(c, path, NULL);
	if (!state.ready || strcmp(path, state.path) != 0) {
		state.looked = false;
		state.n = 0; /* keys of another file */
	}
	state.ready = true;
	if (state.looked && now - state.looked_ms < LOOK_MS)
		return;
	memset(&st, 0, sizeof(st));
	if (path[0] != '\0' && stat(path, &st) < 0)
		memset(&st, 0, sizeof(st)); /* key_file_open says why */
	state.looked_ms = now;
	if (state.looked && same_file(&st, &state.seen))
		return;
	fmt_to(state.path, sizeof(state.path), "%s", path);
	if (path[0] == '\0') {
		state.stored = false;
		state.n = 0;
	} else if (key_file_open(&f, c, 0, e) < 0) {
		state.stored = true;
	} else {
		if (take_table(&f) < 0) {
			err_set(e, ERR_MEM, "%s: no memory", path);
			state.stored = true;
		}
		key_file_close(&f);
	}
	state.seen = st;
	/* Want of memory passes; what is in the file does not. */
	state.looked = e->kind != ERR_MEM;
}

static void
enter(const struct conf *c, struct err *e)
{
	e->kind = ERR_NONE;
	pthread_mutex_lock(&state.lock);
	look(c, e);
}

static void
leave(const struct err *e)
{
	pthread_mutex_unlock(&state.lock);
	if (e->kind != ERR_NONE)
		log_put(LOG_ERROR, "keys: %s; keys known before stay good",
		    e->text);
}

bool
keys_needed(const struct conf *c)
{
	struct err e;
	bool stored;

	enter(c, &e);
	stored = state.stored;
	leave(&e);
	return conf_needs_key(c, stored);
}

/* Is it an `api_key =` line? */
static bool
good_in_config(const struct conf *c, struct str presented)
{
	unsigned char want[32], got[32];
	bool good = false;
	size_t i;

	key_hash(state.salt, SALT, presented, got);
	for (i = 0; i < c->api_keys.n; i++) {
		if (c->api_keys.v[i].n > KEY_MAX)
			continue;
		key_hash(state.salt, SALT, c->api_keys.v[i], want);
		good |= mem_same((struct str){ (char *)want, 32 },
		    (struct str){ (char *)got, 32 });
	}
	return good;
}

bool
keys_good(const struct conf *c, struct str presented, struct key_id *who)
{
	struct key_id found = { "", "config" };
	unsigned char got[32];
	struct key *hit = NULL;
	struct err e;
	bool good;
	size_t i;

	if (presented.n == 0 || presented.n > KEY_MAX)
		return false;
	enter(c, &e);
	for (i = 0; i < state.n; i++) {
		struct key *k = &state.key[i];

		key_hash(k->salt, k->n_salt, presented, got);
		if (mem_same((struct str){ (char *)k->hash, 32 },
		    (struct str){ (char *)got, 32 }))
			hit = k;
	}
	if (hit != NULL) {
		hit->uses++;
		hit->used_at = wall_s();
		found = hit->who;
	}
	leave(&e);
	good = good_in_config(c, presented) || hit != NULL;
	if (good && who != NULL)
		*who = found;
	return good;
}

/* ---- counters ---- */

/* The keys that were used, copied: *n of them; NULL: none, or no memory. */
static struct key *
used_keys(size_t *n)
{
	struct key *k;
	size_t i;

	*n = 0;
	pthread_mutex_lock(&state.lock);
	for (i = 0; i < state.n; i++)
		*n += state.key[i].uses > 0;
	k = *n == 0 ? NULL : mem_alloc(*n * sizeof(*k));
	for (i = *n = 0; k != NULL && i < state.n; i++)
		if (state.key[i].uses > 0)
			k[(*n)++] = state.key[i];
	pthread_mutex_unlock(&state.lock);
	return k;
}

static int
set_counters(struct key_file *f, const struct key *k, struct err *e)
{
	struct json_value entry = json_get(f->keys, k->who.id);
	uint64_t old = 0;
	char z[32];

	if (entry.type != JSON_OBJECT)
		return 0; /* deleted */
	json_u64(json_get(entry, "usage_count"), &old);
	fmt_to(z, sizeof(z), "%llu", (unsigned long long)(old + k->uses));
	if (key_file_set(f, entry, "usage_count", str_of(z), e) < 0)
		return -1;
	if (!oauth_clock_ok())
		return 0;
	key_time(k->used_at, z);
	return key_file_set(f, entry, "last_used_at", str_of(z), e);
}

/* These uses are in the file now. */
static void
forget_uses(const struct key *k, size_t n)
{
	size_t i, m;

	pthread_mutex_lock(&state.lock);
	for (i = 0; i < state.n; i++)
		for (m = 0; m < n; m++)
			if (strcmp(state.key[i].who.id, k[m].who.id) == 0 &&
			    state.key[i].uses >= k[m].uses)
				state.key[i].uses -= k[m].uses;
	pthread_mutex_unlock(&state.lock);
}

void
keys_save(const struct conf *c)
{
	struct err e = { .kind = ERR_NONE };
	struct key_file f;
	size_t n, i;
	struct key *k = used_keys(&n);
	int rc;

	if (k == NULL)
		return;
	rc = key_file_open(&f, c, now_ms() + LOCK_MS, &e);
	if (rc == 0) {
		for (i = 0; i < n && rc == 0; i++)
			rc = set_counters(&f, &k[i], &e);
		if (rc == 0 && f.edits.n > 0)
			rc = key_file_write(&f, &e);
		key_file_close(&f);
	}
	if (rc == 0)
		forget_uses(k, n);
	else
		log_put(LOG_WARN, "keys: counters are not written: %s",
		    e.text);
	mem_free(k);
}
