/* SPDX-License-Identifier: MIT */
/*
 * oauth_idle: accounts while nobody asks for them: refreshes ahead of time,
 * tokens that could not be written, the stop; and what people are shown.
 */
#include "oauth_keep.h"

/* ---- while nobody asks ---- */

/* Write again what could not be written. */
static void
save_again(struct account *a)
{
	struct login copy = { .long_term = false };
	struct err e = { .kind = ERR_NONE };
	int fd = login_lock(a->path, now_ms() + 1000, &e);
	struct mark m;
	int rc = -1;

	keep_lock();
	if (fd >= 0 && a->unsaved && !a->refreshing && a->l.access.n > 0)
		rc = login_copy(&copy, &a->l, &e);
	keep_unlock();
	if (rc == 0)
		rc = login_save(a->path, &copy, &e);
	m = keep_mark(a->path);
	keep_lock();
	if (rc == 0 && str_eq(copy.access, a->l.access)) {
		a->unsaved = false;
		a->mark = m;
	}
	keep_unlock();
	login_unlock(fd);
	login_free(&copy);
	if (rc == 0)
		log_put(LOG_INFO, "login %s: the tokens are written now",
		    a->name);
}

static void *
run_save(void *arg)
{
	save_again(arg);
	return NULL;
}

/* What there is to do for one account; gives when to look again. */
static int64_t
tend(struct account *a, const struct conf *c, const struct provider *p,
    int64_t now)
{
	int64_t due = DUE_NEVER, life;
	bool save = false;

	keep_lock();
	if (a->unsaved && a->l.access.n > 0) {
		save = now >= a->save_ms;
		if (save)
			a->save_ms = now + KEEP_SAVE_AGAIN_MS;
		due = a->save_ms;
	}
	if (a->have && keep_refreshable(&a->l)) {
		life = a->l.access.n == 0 ? 0 : keep_left(&a->l);
		/* An idle account a minute earlier than requests would. */
		if (life < KEEP_EARLY_S + 60) {
			keep_errand(a, c, p);
			life = a->not_before_ms > now ?
			    (a->not_before_ms - now) / 1000 + 1 : 60;
		} else {
			life -= KEEP_EARLY_S + 59;
		}
		/* The clock may jump: look once an hour in any case. */
		if (life > 3600)
			life = 3600;
		if (now + life * 1000 < due)
			due = now + life * 1000;
	}
	keep_unlock();
	if (save)
		thread_start(run_save, a, NULL);
	return due;
}

int64_t
oauth_tick(int64_t now)
{
	struct conf *c = conf_current();
	struct credential out;
	struct account *a;
	int64_t due = DUE_NEVER, t;
	struct err e;
	size_t i;

	for (i = 0; c != NULL && i < c->n_providers; i++) {
		const struct provider *p = &c->providers[i];

		if (!p->enabled || keep_from_conf(p, &out))
			continue;
		a = keep_account(c, p, false, &e);
		if (a == NULL)
			continue;
		t = tend(a, c, p, now);
		if (t < due)
			due = t;
	}
	conf_unref(c);
	return due;
}

void
oauth_stop(int64_t due)
{
	struct account *a;
	bool busy;

	keep_lock();
	keep_table.stopping = true;
	do {
		busy = false;
		for (a = keep_table.first; a != NULL; a = a->next)
			busy = busy || a->refreshing;
		if (busy && now_ms() < due)
			keep_wait(due);
	} while (busy && now_ms() < due);
	/* Tokens go; accounts stay, a late thread may hold one. */
	for (a = keep_table.first; !busy && a != NULL; a = a->next) {
		if (a->unsaved && a->l.access.n > 0)
			log_put(LOG_ERROR, "login %s: its newest tokens were "
			    "never written; log in again", a->name);
		login_free(&a->l);
		login_init(&a->l);
		a->have = false;
	}
	keep_unlock();
}

/* ---- for people ---- */

static void
copy_text(struct arena *to, struct str from, struct str *s)
{
	*s = from.n > 0 ? arena_dup(to, from) : (struct str){ NULL, 0 };
}

int
oauth_state(const struct conf *c, const struct provider *p, struct arena *to,
    struct oauth_state *s, struct err *e)
{
	struct credential out;
	struct account *a;

	*s = (struct oauth_state){ .kind = "none", .source = "" };
	if (!p->enabled)
		return 0;
	if (keep_from_conf(p, &out)) {
		s->usable = true;
		s->kind = out.oauth ? "token" : out.secret.n > 0 ?
		    "api key" : "no key";
		s->source = out.source;
		return 0;
	}
	a = keep_account(c, p, true, e);
	if (a == NULL)
		return -1;
	keep_lock();
	s->usable = keep_alive(a);
	if (a->have) {
		s->kind = a->l.long_term ? "setup token" : "login";
		s->source = p->env_refresh.n > 0 ? "CHATGPT_REFRESH_TOKEN" :
		    "";
		copy_text(to, a->l.email, &s->email);
		copy_text(to, a->l.organization, &s->organization);
		copy_text(to, a->l.plan, &s->plan);
		copy_text(to, a->l.trouble, &s->trouble);
		s->expires_at = a->l.expires_at;
		s->refresh_expires_at = a->l.refresh_expires_at;
		s->last_refresh = a->l.last_refresh;
		s->moved = a->l.moved;
	}
	s->unsaved = a->unsaved && a->l.access.n > 0;
	s->refreshing = a->refreshing;
	s->refreshes = a->refreshes;
	s->refresh_failures = a->refresh_failures;
	if (!s->usable && p->key_ambient && p->api_key.n > 0) {
		s->usable = true;
		s->kind = "api key";
		s->source = p->key_source;
	}
	keep_unlock();
	return 0;
}
