/* SPDX-License-Identifier: MIT */
/*
 * oauth_keep: logins while llmux works with them. One locked table of accounts:
 * what the file says, newer tokens than the file has (when a write failed),
 * who is refreshing. Hands out credentials and sees to it that a refresh token
 * is spent once:
 *   - one refresh at a time for an account, across threads (waiters share the
 *     result) and across processes (lock file, read again behind the lock);
 *   - the new pair is written before it is used; between the reply and the
 *     rename nothing is done but parse, write, fsync;
 *   - a pair that cannot be written stays in memory, is used, and is written
 *     again and again;
 *   - a refusal for good is kept with the login, with the remedy; anything
 *     else backs off and leaves the old token in use while it lives.
 * Expiry never refuses anything by itself: it only calls for a refresh, since
 * the clock may be wrong. Rules: docs/authentication.md.
 * Not here: the wire (oauth.c), the files' shape (oauth_file.c).
 */
#include "oauth_keep.h"

#include <errno.h>
#include <string.h>

#define LOOK_MS 1000          /* between two looks at a file */
#define BLOCK_S 30            /* below this the request waits for it */
#define REFRESH_MS 60000      /* a refresh with all its hosts */
#define BACKOFF_MS 5000       /* after a transient failure, doubled */
#define BACKOFF_MAX_MS 300000
#define TURN_MS 250           /* looks at the client while waiting */

#ifndef LLMUX_BUILD_TIME
#define LLMUX_BUILD_TIME 1795478400 /* 2026-11-24 */
#endif

struct keep_table keep_table = { .lock = PTHREAD_MUTEX_INITIALIZER };

bool
oauth_clock_ok(void)
{
	return wall_s() >= LLMUX_BUILD_TIME - 86400;
}

void
keep_lock(void)
{
	pthread_condattr_t attr;

	pthread_mutex_lock(&keep_table.lock);
	if (keep_table.ready)
		return;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&keep_table.turned, &attr);
	pthread_condattr_destroy(&attr);
	keep_table.ready = true;
}

void
keep_unlock(void)
{
	pthread_mutex_unlock(&keep_table.lock);
}

/* Wait, with the lock, for the end of a refresh, at most until due. */
void
keep_wait(int64_t due)
{
	struct timespec t = { (time_t)(due / 1000),
		(long)(due % 1000) * 1000000 };

	pthread_cond_timedwait(&keep_table.turned, &keep_table.lock, &t);
}

/* ---- the table ---- */

/* The account of p with this file: made when it is not there. Called with the
 * lock. NULL: no memory. */
static struct account *
account_of(const struct provider *p, const char *path)
{
	struct account *a;

	for (a = keep_table.first; a != NULL; a = a->next)
		if (str_eq(str_of(a->name), p->name) &&
		    strcmp(a->path, path) == 0)
			return a;
	a = mem_calloc(sizeof(*a));
	if (a == NULL)
		return NULL;
	fmt_to(a->name, sizeof(a->name), "%.*s", STR_ARG(p->name));
	fmt_to(a->path, sizeof(a->path), "%s", path);
	login_init(&a->l);
	a->next = keep_table.first;
	keep_table.first = a;
	return a;
}

struct mark
keep_mark(const char *path)
{
	struct stat st;
	struct mark m = { .there = false };

	if (stat(path, &st) < 0)
		return m;
	m.there = true;
	m.dev = st.st_dev;
	m.ino = st.st_ino;
	m.size = st.st_size;
	m.time = st.st_mtim;
	return m;
}

static bool
mark_same(const struct mark *x, const struct mark *y)
{
	if (!x->there || !y->there)
		return x->there == y->there;
	return x->dev == y->dev && x->ino == y->ino && x->size == y->size &&
	    x->time.tv_sec == y->time.tv_sec &&
	    x->time.tv_nsec == y->time.tv_nsec;
}

static void
refresh_hash(const struct login *l, unsigned char out[32])
{
	tls_sha256(l->refresh.p, l->refresh.n, out);
}

/* Is f, just read, still the login whose refresh token was spent? With the
 * lock. */
static bool
is_spent(const struct account *a, const struct login *f)
{
	unsigned char hash[32];

	if (!a->unsaved)
		return false;
	refresh_hash(f, hash);
	return memcmp(hash, a->spent, sizeof(hash)) == 0;
}

/* *fresh becomes a's login; what was there is in *fresh afterwards. With the
 * lock. */
static void
take(struct account *a, struct login *fresh)
{
	struct login old = a->l;

	if (!a->have || !str_eq(old.access, fresh->access))
		a->turn++;
	a->l = *fresh;
	*fresh = old;
	a->have = true;
}

/* Look at the file, at most once in LOOK_MS (force: in any case), and take
 * over what another process wrote. */
static void
look(struct account *a, bool force)
{
	struct login fresh = { .long_term = false };
	struct err e = { .kind = ERR_NONE };
	struct mark m;
	bool changed;
	int rc = -1;

	keep_lock();
	if (a->refreshing || (!force && a->looked_ms != 0 &&
	    now_ms() - a->looked_ms < LOOK_MS)) {
		keep_unlock();
		return;
	}
	a->looked_ms = now_ms();
	keep_unlock();
	m = keep_mark(a->path);
	keep_lock();
	changed = !mark_same(&m, &a->mark);
	keep_unlock();
	if (!changed)
		return;
	if (m.there) {
		rc = login_load(a->path, &fresh, &e);
		if (rc < 0 && e.kind != ERR_SYS)
			log_put(LOG_WARN, "login: %s", e.text);
	}
	keep_lock();
	if (!a->refreshing) {
		a->mark = m;
		if (rc == 0 && !is_spent(a, &fresh)) {
			take(a, &fresh);
			a->unsaved = false;
			a->failures = 0;
			a->not_before_ms = 0;
		} else if (!m.there) {
			a->have = a->unsaved = false; /* logged out */
		}
	}
	keep_unlock();
	login_free(&fresh);
}

/* ---- the refresh ---- */

/* Keep next, in the file if that is possible. Called while refreshing. */
static void
keep(struct account *a, struct login *next, const struct login *old)
{
	struct err e = { .kind = ERR_NONE };
	int rc = login_save(a->path, next, &e);
	struct mark m = keep_mark(a->path);

	keep_lock();
	a->unsaved = rc < 0;
	if (rc < 0) {
		refresh_hash(old, a->spent);
		a->save_ms = now_ms() + KEEP_SAVE_AGAIN_MS;
	}
	a->mark = m;
	take(a, next);
	keep_unlock();
	if (rc < 0)
		log_put(LOG_ERROR, "login %s: the new tokens could not be "
		    "written (%s); they are used from memory and written "
		    "again every %d s: do not stop llmux before that works",
		    a->name, e.text, KEEP_SAVE_AGAIN_MS / 1000);
}

/* The file's login in *f, what memory has (*mine) if the file is not newer. 0,
 * or -1: there is no login. */
static int
newest(struct account *a, struct login *f, bool *mine, struct err *e)
{
	int rc = login_load(a->path, f, e);

	*mine = false;
	if (rc < 0 && e->kind == ERR_MEM)
		return -1;
	keep_lock();
	*mine = a->have && (a->unsaved ? rc < 0 || is_spent(a, f) :
	    rc < 0 && !(e->kind == ERR_SYS && e->sys == ENOENT));
	if (*mine) {
		login_free(f);
		rc = login_copy(f, &a->l, e);
	}
	keep_unlock();
	return rc;
}

/* The refusal stays with the login, so that nobody asks again. */
static void
keep_trouble(struct account *a, struct login *f, const struct err *why)
{
	bool bad = false;
	struct mark m;
	struct err e;

	f->trouble = login_str(f, str_of(why->text), &bad);
	if (login_save(a->path, f, &e) < 0)
		log_put(LOG_WARN, "login %s: %s", a->name, e.text);
	m = keep_mark(a->path);
	keep_lock();
	a->mark = m;
	take(a, f);
	keep_unlock();
}

static const char *
remedy(const struct provider *p, const struct login *l)
{
	if (p->type == PROVIDER_CHATGPT)
		return "llmux login chatgpt";
	return l != NULL && l->long_term ? "llmux setup-token" :
	    "llmux login claude";
}

static int
login_over(const struct provider *p, const struct login *l, struct str why,
    struct err *e)
{
	const char *command = remedy(p, l);
	bool usual = str_eq(p->name, STR("claude")) ||
	    str_eq(p->name, STR("chatgpt"));

	return err_set(e, ERR_AUTH, "provider \"%.*s\": %.*s; run: %s%s%.*s",
	    STR_ARG(p->name), STR_ARG(str_sub(why, 0, 100)), command,
	    usual ? "" : " --as ", STR_ARG(usual ? STR("") : p->name));
}

/* One exchange with the provider for f, the newest login. */
static int
spend(struct account *a, const struct conf *c, const struct provider *p,
    struct login *f, struct err *e)
{
	struct oauth_result r = { .failure = OAUTH_OK };
	struct login next = { .long_term = false }, again = next;
	int rc;

	fault_point();
	rc = oauth_refresh(c, p, f, now_ms() + REFRESH_MS, &next, &r, e);
	if (rc == 0) {
		fault_point();
		keep(a, &next, f);
		login_free(&next);
		log_put(LOG_INFO, "login %s: refreshed", a->name);
		return 0;
	}
	login_free(&next);
	if (r.failure == OAUTH_PERMANENT) {
		/* A sibling that does not lock may have been quicker. */
		if (login_load(a->path, &again, NULL) == 0 &&
		    again.access.n > 0 && !str_eq(again.refresh, f->refresh)) {
			keep_lock();
			a->mark.there = false; /* looked at again soon */
			take(a, &again);
			keep_unlock();
			rc = 0;
		} else {
			keep_trouble(a, f, e);
		}
		login_free(&again);
	}
	keep_lock();
	if (rc < 0) {
		int64_t wait = BACKOFF_MS << (a->failures < 6 ? a->failures :
		    6);

		if (r.retry_s > 0 && r.retry_s < 3600)
			wait = r.retry_s * 1000;
		a->failures++;
		a->not_before_ms = now_ms() + (wait > BACKOFF_MAX_MS &&
		    r.retry_s == 0 ? BACKOFF_MAX_MS : wait);
	}
	keep_unlock();
	return rc;
}

/* Does f still want a refresh, given that seen (may be absent) is the access
 * token that the caller found wanting? */
static bool
wants_refresh(const struct login *f, struct str seen, bool force)
{
	if (force)
		return str_eq(f->access, seen);
	return f->access.n == 0 || (f->expires_at > 0 &&
	    f->expires_at - wall_s() < KEEP_EARLY_S);
}

bool
keep_refreshable(const struct login *l)
{
	return !l->long_term && l->refresh.n > 0 && !l->moved &&
	    l->trouble.n == 0;
}

/*
 * Refresh a's login. The caller has set a->refreshing; it is taken back here.
 * seen: the access token that an API refused (force), or absent.
 */
static int
refresh(struct account *a, const struct conf *c, const struct provider *p,
    struct str seen, bool force, struct err *e)
{
	struct login f = { .long_term = false };
	struct mark m;
	bool mine;
	int fd, rc;

	fault_point();
	fd = login_lock(a->path, now_ms() + REFRESH_MS / 2, e);
	/* A directory that cannot be written must not end a login that is in
	 * memory: then there is nobody to share it with either. */
	if (fd < 0 && e->kind == ERR_TIME) {
		rc = -1;
		goto out;
	}
	fault_point();
	m = keep_mark(a->path);
	rc = newest(a, &f, &mine, e);
	if (rc == 0 && wants_refresh(&f, seen, force)) {
		if (keep_refreshable(&f))
			rc = spend(a, c, p, &f, e);
		else
			rc = login_over(p, &f, f.moved ? STR("the login was "
			    "exported to another machine") : f.trouble.n > 0 ?
			    f.trouble : STR("the token cannot be refreshed"),
			    e);
	} else if (rc == 0 && !mine) {
		keep_lock(); /* another process has done it */
		a->mark = m;
		take(a, &f);
		a->unsaved = false;
		keep_unlock();
	}
	login_unlock(fd);
out:
	login_free(&f);
	keep_lock();
	a->refreshing = false;
	a->looked_ms = now_ms();
	if (rc == 0) {
		a->refreshes++;
		a->failures = 0;
		a->not_before_ms = 0;
		a->last[0] = '\0';
	} else {
		a->refresh_failures++;
		a->last_kind = e->kind;
		fmt_to(a->last, sizeof(a->last), "%s", e->text);
	}
	pthread_cond_broadcast(&keep_table.turned);
	keep_unlock();
	if (rc < 0)
		log_put(LOG_WARN, "login %s: not refreshed: %s", a->name,
		    e->text);
	return rc;
}

/* A refresh in a thread of its own, for nobody in particular. */
struct errand {
	struct account *a;
	struct conf *c;
	const struct provider *p;
};

static void *
run_errand(void *arg)
{
	struct errand g = *(struct errand *)arg;
	struct err e = { .kind = ERR_NONE };

	mem_free(arg);
	refresh(g.a, g.c, g.p, (struct str){ NULL, 0 }, false, &e);
	conf_unref(g.c);
	return NULL;
}

/* With the lock: start one if none is under way and none is held back. */
void
keep_errand(struct account *a, const struct conf *c,
    const struct provider *p)
{
	struct errand *g;

	if (a->refreshing || keep_table.stopping || now_ms() < a->not_before_ms)
		return;
	g = mem_alloc(sizeof(*g));
	if (g == NULL)
		return;
	*g = (struct errand){ a, conf_ref((struct conf *)(uintptr_t)c), p };
	a->refreshing = true;
	if (thread_start(run_errand, g, NULL) == 0)
		return;
	a->refreshing = false;
	conf_unref(g->c);
	mem_free(g);
}

/* ---- credentials ---- */

/* Where p's login is kept: a chain that began with CHATGPT_REFRESH_TOKEN has a
 * file of its own, so that it never overwrites a login. */
static int
path_of(const struct conf *c, const struct provider *p,
    char path[LOGIN_PATH_MAX], struct err *e)
{
	if (p->env_refresh.n == 0)
		return login_path(c, p, path, e);
	if (c->state_dir.n == 0)
		return err_set(e, ERR_INPUT, "there is no state_dir");
	if (fmt_to(path, LOGIN_PATH_MAX, "%.*s/chatgpt/%.*s.env.json",
	    STR_ARG(c->state_dir), STR_ARG(p->name)) + 1 >= LOGIN_PATH_MAX)
		return err_set(e, ERR_LIMIT, "state_dir is too long");
	return 0;
}

/* The chain of CHATGPT_REFRESH_TOKEN: goes on if it began with the same value,
 * else begins anew. */
static void
begin_chain(struct account *a, const struct provider *p)
{
	unsigned char hash[32];
	struct login l;
	struct buf hex;
	bool bad = false;

	tls_sha256(p->env_refresh.p, p->env_refresh.n, hash);
	buf_init(&hex, 100);
	buf_add_hex(&hex, hash, sizeof(hash));
	keep_lock();
	if (!hex.bad && (!a->have ||
	    !str_eq(a->l.env_hash, buf_str(&hex)))) {
		login_init(&l);
		l.type = PROVIDER_CHATGPT;
		l.refresh = login_str(&l, p->env_refresh, &bad);
		l.account_id = login_str(&l, p->account_id, &bad);
		l.env_hash = login_str(&l, buf_str(&hex), &bad);
		if (!bad) { /* the file, if there is one, is older */
			if (a->have)
				refresh_hash(&a->l, a->spent);
			take(a, &l);
			a->unsaved = true;
		}
		login_free(&l);
	}
	keep_unlock();
	buf_free(&hex);
}

/* The account of p, looked at. NULL: none, or no memory. */
struct account *
keep_account(const struct conf *c, const struct provider *p, bool force,
    struct err *e)
{
	char path[LOGIN_PATH_MAX];
	struct account *a;

	if (p->type == PROVIDER_OPENAI) {
		err_set(e, ERR_AUTH, "provider \"%.*s\" has no login",
		    STR_ARG(p->name));
		return NULL;
	}
	if (path_of(c, p, path, e) < 0)
		return NULL;
	keep_lock();
	a = account_of(p, path);
	keep_unlock();
	if (a == NULL) {
		err_set(e, ERR_MEM, "no memory");
		return NULL;
	}
	look(a, force);
	if (p->env_refresh.n > 0)
		begin_chain(a, p);
	return a;
}

/* A credential that the configuration gives and that comes first. */
bool
keep_from_conf(const struct provider *p, struct credential *out)
{
	*out = (struct credential){ .oauth = false };
	if (p->oauth_token.n > 0) {
		out->oauth = true;
		out->secret = p->oauth_token;
		out->account_id = p->account_id;
		out->source = p->oauth_source;
		return true;
	}
	if (p->env_refresh.n > 0 || p->type == PROVIDER_CHATGPT)
		return false;
	out->secret = p->api_key;
	out->source = p->key_source == NULL ? "none" : p->key_source;
	return p->type == PROVIDER_OPENAI ||
	    (p->api_key.n > 0 && !p->key_ambient);
}

/* Can a's login be called with? With the lock. */
bool
keep_alive(const struct account *a)
{
	if (!a->have || (a->l.access.n == 0 && !keep_refreshable(&a->l)))
		return false;
	/* Refused for good, and at its end: only a new login helps. */
	return keep_refreshable(&a->l) || a->l.long_term || a->l.expires_at == 0 ||
	    !oauth_clock_ok() || a->l.expires_at > wall_s();
}

bool
oauth_usable(const struct conf *c, const struct provider *p)
{
	struct credential out;
	struct account *a;
	struct err e;
	bool good;

	if (!p->enabled)
		return false;
	if (keep_from_conf(p, &out) || (p->key_ambient && p->api_key.n > 0))
		return true;
	a = keep_account(c, p, false, &e);
	if (a == NULL)
		return false;
	keep_lock();
	good = keep_alive(a);
	keep_unlock();
	return good;
}

/* Seconds that a's token lives, INT64_MAX when nobody knows. */
int64_t
keep_left(const struct login *l)
{
	return l->expires_at == 0 || !oauth_clock_ok() ? INT64_MAX :
	    l->expires_at - wall_s();
}

/* What a's login gives, copied into the request's arena. With the lock. */
static int
hand_out(const struct account *a, struct arena *to, struct credential *out,
    struct err *e)
{
	*out = (struct credential){ .oauth = true, .turn = a->turn,
		.fedramp = a->l.fedramp, .source = a->l.long_term ?
		"setup token" : "login" };
	out->secret = arena_dup(to, a->l.access);
	if (a->l.account_id.n > 0)
		out->account_id = arena_dup(to, a->l.account_id);
	if (out->secret.p == NULL ||
	    (a->l.account_id.n > 0 && out->account_id.p == NULL))
		return err_set(e, ERR_MEM, "no memory for the credential");
	return 0;
}

/* With the lock: nothing is left to try. */
static int
nothing_left(const struct account *a, const struct provider *p, struct err *e)
{
	if (!a->have)
		return login_over(p, NULL, STR("it has no login"), e);
	if (!keep_refreshable(&a->l))
		return login_over(p, &a->l, a->l.trouble.n > 0 ?
		    a->l.trouble : a->l.moved ? STR("the login was exported "
		    "to another machine") : STR("the login is over"), e);
	return err_set(e, a->last_kind == ERR_MEM ? ERR_MEM : ERR_PEER,
	    "provider \"%.*s\": its login could not be refreshed: %s",
	    STR_ARG(p->name), a->last);
}

/*
 * The life of a request's wait. want: the turn that will not do (refused by
 * the API), or 0. Called and left with the lock, which is let go of in
 * between.
 */
static int
await_token(struct account *a, const struct conf *c,
    const struct provider *p, uint32_t refused, struct net_conn *client,
    int64_t due, struct err *e)
{
	bool tried = false;

	for (;;) {
		bool wrong = refused != 0 && a->turn == refused;
		int64_t life = a->have && a->l.access.n > 0 && !wrong ?
		    keep_left(&a->l) : 0;
		int64_t now = now_ms();

		if (!a->have || !keep_refreshable(&a->l)) {
			/* No expiry is believed where nothing can be done
			 * about it, but behind a refusal. */
			return !wrong && keep_alive(a) && a->l.access.n > 0 ? 0 :
			    nothing_left(a, p, e);
		}
		if (life >= KEEP_EARLY_S)
			return 0;
		if (life >= BLOCK_S) {
			keep_errand(a, c, p);
			return 0;
		}
		if (a->refreshing) {
			int64_t turn = now + TURN_MS;

			if (now >= due)
				return err_set(e, ERR_TIME, "waited too long "
				    "for the refresh of provider \"%.*s\"",
				    STR_ARG(p->name));
			if (client != NULL && net_gone(client))
				return err_set(e, ERR_GONE,
				    "the client left");
			keep_wait(turn < due ? turn : due);
			tried = tried || !a->refreshing;
			continue;
		}
		/* Failed just now, by us or by whom we waited for. */
		if (tried || keep_table.stopping || now < a->not_before_ms)
			return life > 0 ? 0 : nothing_left(a, p, e);
		a->refreshing = true;
		{
			struct login seen = { .long_term = false };
			int rc = wrong ? login_copy(&seen, &a->l, e) : 0;

			keep_unlock();
			if (rc == 0)
				refresh(a, c, p, seen.access, wrong, e);
			login_free(&seen);
			keep_lock();
			if (rc < 0) {
				a->refreshing = false;
				pthread_cond_broadcast(&keep_table.turned);
				return -1;
			}
		}
		tried = true;
	}
}

static bool
bearer_may_go(const struct provider *p, struct err *e)
{
	if (p->tls || conf_loopback(p->host))
		return true;
	err_set(e, ERR_INPUT, "provider \"%.*s\": an access token goes to "
	    "https or this machine only; correct base_url", STR_ARG(p->name));
	return false;
}

/* CHATGPT_ACCESS_TOKEN without CHATGPT_ACCOUNT_ID: the token says whose it
 * is. */
static int
claimed(const struct provider *p, struct arena *to, struct credential *out,
    struct err *e)
{
	struct login l;
	bool bad = false;
	int rc;

	login_init(&l);
	l.type = PROVIDER_CHATGPT;
	l.access = login_str(&l, p->oauth_token, &bad);
	rc = bad ? err_set(e, ERR_MEM, "no memory") : oauth_claims(&l, e);
	if (rc == 0) {
		out->account_id = arena_dup(to, l.account_id);
		out->fedramp = l.fedramp;
	} else if (e->kind == ERR_INPUT) {
		err_set(e, ERR_AUTH, "provider \"%.*s\": the token of %s "
		    "names no account; set CHATGPT_ACCOUNT_ID",
		    STR_ARG(p->name), p->oauth_source);
	}
	login_free(&l);
	return rc;
}

static int
credential(const struct conf *c, const struct provider *p, uint32_t refused,
    struct arena *to, struct net_conn *client, int64_t due,
    struct credential *out, struct err *e)
{
	struct account *a;
	int rc;

	if (keep_from_conf(p, out)) {
		if (p->type == PROVIDER_CHATGPT && out->account_id.n == 0 &&
		    claimed(p, to, out, e) < 0)
			return -1;
		if (refused != 0)
			return err_set(e, ERR_AUTH, "provider \"%.*s\" "
			    "refused the token of %s; give a new one",
			    STR_ARG(p->name), out->source);
		return out->oauth && !bearer_may_go(p, e) ? -1 : 0;
	}
	if (!bearer_may_go(p, e))
		return -1;
	a = keep_account(c, p, false, e);
	if (a == NULL)
		return -1;
	keep_lock();
	if (!keep_alive(a) && refused == 0 && p->key_ambient && p->api_key.n > 0) {
		keep_unlock();
		return 0; /* from_conf has filled it with the ambient key */
	}
	rc = await_token(a, c, p, refused, client, due, e);
	if (rc == 0)
		rc = hand_out(a, to, out, e);
	keep_unlock();
	return rc;
}

int
oauth_credential(const struct conf *c, const struct provider *p,
    struct arena *a, struct net_conn *client, int64_t due,
    struct credential *out, struct err *e)
{
	return credential(c, p, 0, a, client, due, out, e);
}

int
oauth_refused(const struct conf *c, const struct provider *p,
    const struct credential *used, struct arena *a, struct net_conn *client,
    int64_t due, struct credential *out, struct err *e)
{
	return credential(c, p, used->turn == 0 ? 1 : used->turn, a, client,
	    due, out, e);
}

void
oauth_mark(const struct conf *c, const struct provider *p,
    const struct credential *used, const char *why)
{
	struct login f = { .long_term = false };
	struct err e = { .kind = ERR_NONE }, said;
	struct account *a;
	bool mine;
	int fd;

	if (p->oauth_token.n > 0)
		return;
	a = keep_account(c, p, true, &e);
	if (a == NULL)
		return;
	err_set(&said, ERR_AUTH, "%s", why);
	fd = login_lock(a->path, now_ms() + 5000, &e);
	if (newest(a, &f, &mine, &e) == 0 && str_eq(f.access, used->secret))
		keep_trouble(a, &f, &said);
	login_unlock(fd);
	login_free(&f);
}

int
oauth_refresh_now(const struct conf *c, const struct provider *p,
    int64_t due, struct err *e)
{
	struct login seen = { .long_term = false };
	struct account *a = keep_account(c, p, true, e);
	int rc;

	if (a == NULL)
		return -1;
	keep_lock();
	while (a->refreshing && now_ms() < due)
		keep_wait(due);
	rc = a->have ? login_copy(&seen, &a->l, e) :
	    nothing_left(a, p, e);
	if (rc == 0)
		a->refreshing = true;
	keep_unlock();
	if (rc == 0)
		rc = refresh(a, c, p, seen.access, true, e);
	login_free(&seen);
	return rc;
}
