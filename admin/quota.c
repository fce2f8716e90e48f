/* SPDX-License-Identifier: MIT */
/*
 * quota: windows of subscriptions, from answer heads. Nothing is asked for
 * here and nothing is refused because of it: 100 per cent in a header is no
 * refusal, only a status is.
 *
 * Speaks: anthropic-ratelimit-unified-NAME-utilization (a fraction, may be
 * over 1) with -NAME-reset (Unix seconds); x-FAMILY-primary-used-percent and
 * x-FAMILY-secondary-used-percent (0 to 100, decimals possible) with
 * -window-minutes, -reset-at (Unix seconds) and -reset-after-seconds. Both
 * sets are not documented by the vendors; seen 2026-11. A window that has not
 * come again keeps its age, so that a reading of a model that nobody calls any
 * more ends at its reset.
 *
 * Limits: 16 providers, 6 windows each; the longest not seen goes.
 */
#include "quota.h"

#include <pthread.h>
#include <string.h>

#define PROVIDERS 16
#define STALE_S (8 * 86400) /* a window of which no reset is known */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct row {
	char name[33];
	struct quota_window w[QUOTA_WINDOWS]; /* name "": free */
} table[PROVIDERS]; /* behind lock; name "": free */

/* "0.425" with shift 3 is 425, "42.5" with shift 1 too. Digits beyond are
 * cut: nothing is full before it is. -1: no such number. */
static int
scaled(struct str s, unsigned shift, unsigned *v)
{
	struct str whole;
	uint64_t n = 0;
	size_t i;

	s = str_trim(s);
	if (!str_cut(&s, '.', &whole) || str_u64(whole, &n) < 0 || n > 100000)
		return -1;
	for (i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return -1;
	for (i = 0; i < shift; i++)
		n = n * 10 + (i < s.n ? (unsigned)(s.p[i] - '0') : 0);
	*v = (unsigned)n;
	return 0;
}

/* The number in field STEM SUFFIX, 0 if there is none. */
static int64_t
number(const struct http_head *h, struct str stem, const char *suffix)
{
	char name[100];
	uint64_t v = 0;

	fmt_to(name, sizeof(name), "%.*s%s", STR_ARG(stem), suffix);
	if (str_u64(str_trim(http_get(h, name)), &v) < 0 ||
	    v > INT32_MAX * 4ull)
		return 0;
	return (int64_t)v;
}

/* f is "anthropic-ratelimit-unified-5h-utilization". */
static int
anthropic(const struct http_head *h, const struct http_field *f,
    struct quota_window *w)
{
	const struct str begin = STR("anthropic-ratelimit-unified-");
	const struct str end = STR("-utilization");
	struct str stem;

	if (f->name.n <= begin.n + end.n || !str_ieq(str_sub(f->name, 0,
	    begin.n), begin) || !str_ieq(str_sub(f->name, f->name.n - end.n,
	    end.n), end) || scaled(f->value, 3, &w->permille) < 0)
		return -1;
	stem = str_sub(f->name, 0, f->name.n - end.n);
	fmt_to(w->name, sizeof(w->name), "%.*s",
	    STR_ARG(str_sub(stem, begin.n, stem.n)));
	w->resets_at = number(h, stem, "-reset");
	return 0;
}

/* "5h" and "7d" say more than "primary" does. */
static void
name_window(struct quota_window *w, struct str family, struct str which,
    int64_t minutes)
{
	size_t n = 0;

	if (!str_ieq(family, STR("codex")))
		n = fmt_to(w->name, sizeof(w->name), "%.*s_",
		    STR_ARG(family));
	if (minutes > 0 && minutes % 1440 == 0)
		fmt_to(w->name + n, sizeof(w->name) - n, "%lldd",
		    (long long)(minutes / 1440));
	else if (minutes > 0 && minutes % 60 == 0)
		fmt_to(w->name + n, sizeof(w->name) - n, "%lldh",
		    (long long)(minutes / 60));
	else
		fmt_to(w->name + n, sizeof(w->name) - n, "%.*s",
		    STR_ARG(which));
}

/* f is "x-codex-primary-used-percent". */
static int
chatgpt(const struct http_head *h, const struct http_field *f,
    struct quota_window *w)
{
	const struct str end = STR("-used-percent");
	struct str stem, family;
	size_t at;
	int64_t after;

	if (f->name.n <= end.n + 2 ||
	    !str_ieq(str_sub(f->name, 0, 2), STR("x-")) ||
	    !str_ieq(str_sub(f->name, f->name.n - end.n, end.n), end) ||
	    scaled(f->value, 1, &w->permille) < 0)
		return -1;
	stem = str_sub(f->name, 0, f->name.n - end.n);
	for (at = stem.n; at > 2 && stem.p[at - 1] != '-'; at--)
		;
	if (at <= 3)
		return -1;
	family = str_sub(stem, 2, at - 3);
	name_window(w, family, str_sub(stem, at, stem.n),
	    number(h, stem, "-window-minutes"));
	w->resets_at = number(h, stem, "-reset-at");
	after = number(h, stem, "-reset-after-seconds");
	if (w->resets_at == 0 && after > 0)
		w->resets_at = w->seen_at + after;
	return 0;
}

static bool
is_over(const struct quota_window *w, int64_t now)
{
	return w->name[0] == '\0' || now >= (w->resets_at > 0 ?
	    w->resets_at : w->seen_at + STALE_S);
}

/* With the lock held: w into its place in the row of that provider. */
static void
put(struct str provider, const struct quota_window *w, int64_t now)
{
	struct row *r = table, *end = table + PROVIDERS;
	struct quota_window *to;
	size_t i;

	while (r < end && r->name[0] != '\0' &&
	    !str_eq(str_of(r->name), provider))
		r++;
	if (r == end || provider.n >= sizeof(r->name))
		return;
	fmt_to(r->name, sizeof(r->name), "%.*s", STR_ARG(provider));
	to = &r->w[0];
	for (i = 0; i < QUOTA_WINDOWS; i++) {
		if (strcmp(r->w[i].name, w->name) == 0) {
			to = &r->w[i];
			break;
		}
		if (!is_over(to, now) && (is_over(&r->w[i], now) ||
		    r->w[i].seen_at < to->seen_at))
			to = &r->w[i];
	}
	*to = *w;
}

void
quota_note(const struct provider *p, const struct http_head *h, int64_t now)
{
	size_t i;

	if (p->type == PROVIDER_OPENAI)
		return;
	for (i = 0; i < h->n; i++) {
		struct quota_window w = { .seen_at = now };

		if ((p->type == PROVIDER_ANTHROPIC ?
		    anthropic(h, &h->f[i], &w) : chatgpt(h, &h->f[i], &w)) < 0)
			continue;
		pthread_mutex_lock(&lock);
		put(p->name, &w, now);
		pthread_mutex_unlock(&lock);
	}
}

size_t
quota_get(struct str provider, int64_t now,
    struct quota_window w[QUOTA_WINDOWS])
{
	size_t i, k, n = 0;

	pthread_mutex_lock(&lock);
	for (i = 0; i < PROVIDERS; i++)
		for (k = 0; k < QUOTA_WINDOWS &&
		    str_eq(str_of(table[i].name), provider); k++)
			if (!is_over(&table[i].w[k], now))
				w[n++] = table[i].w[k];
	pthread_mutex_unlock(&lock);
	return n;
}
