/* SPDX-License-Identifier: MIT */
/*
 * pool: idle upstream connections in one array under one lock, the oldest
 * first. The lock is a leaf: connections are looked at and closed outside it,
 * since a close sends a close_notify.
 *
 * Does not: know providers (a key is a number), wait, or start connections.
 * Limits: POOL_MAX entries, each idle for POOL_IDLE_MS at most.
 */
#include "pool.h"

#include <pthread.h>
#include <string.h>

struct entry {
	struct net_conn *c;
	int64_t due; /* ms: too old from then on */
	uint32_t key;
};

static struct {
	pthread_mutex_t lock;
	struct entry v[POOL_MAX]; /* by age, the oldest first */
	size_t n;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Take entry i out; the lock is held. */
static struct entry
take(size_t i)
{
	struct entry v = pool.v[i];

	pool.n--;
	memmove(pool.v + i, pool.v + i + 1, (pool.n - i) * sizeof(*pool.v));
	return v;
}

/* The youngest of key; its c is NULL when there is none. */
static struct entry
take_youngest(uint32_t key)
{
	struct entry v = { NULL, 0, 0 };
	size_t i;

	pthread_mutex_lock(&pool.lock);
	for (i = pool.n; i > 0; i--)
		if (pool.v[i - 1].key == key) {
			v = take(i - 1);
			break;
		}
	pthread_mutex_unlock(&pool.lock);
	return v;
}

struct net_conn *
pool_get(uint32_t key)
{
	struct entry v;

	while ((v = take_youngest(key)).c != NULL) {
		/* The reaper may be late. */
		if (now_ms() < v.due && net_idle_ok(v.c)) {
			v.c->reused = true;
			return v.c;
		}
		net_close(v.c);
	}
	return NULL;
}

void
pool_put(uint32_t key, struct net_conn *c)
{
	int64_t due = due_in(POOL_IDLE_MS);
	struct net_conn *old = NULL;

	c->watch = NULL;
	c->sent = c->received = 0;
	if (c->eof || c->write_dead || net_peek(c).n > 0) {
		net_close(c);
		return;
	}
	pthread_mutex_lock(&pool.lock);
	if (pool.n == POOL_MAX)
		old = take(0).c;
	pool.v[pool.n++] = (struct entry){ c, due, key };
	pthread_mutex_unlock(&pool.lock);
	net_close(old);
}

/* Close what is due by now, or what has key (of any key when it is 0); gives
 * when the oldest that stays is due. */
static int64_t
sweep(int64_t now, bool by_key, uint32_t key)
{
	struct net_conn *gone[POOL_MAX];
	size_t i = 0, n = 0;
	int64_t next;

	pthread_mutex_lock(&pool.lock);
	while (i < pool.n) {
		const struct entry *v = &pool.v[i];

		if (by_key ? key == 0 || v->key == key : v->due <= now)
			gone[n++] = take(i).c;
		else
			i++;
	}
	next = pool.n > 0 ? pool.v[0].due : DUE_NEVER;
	pthread_mutex_unlock(&pool.lock);
	for (i = 0; i < n; i++)
		net_close(gone[i]);
	return next;
}

int64_t
pool_reap(int64_t now)
{
	return sweep(now, false, 0);
}

void
pool_drop(uint32_t key)
{
	sweep(0, true, key);
}

unsigned
pool_count(void)
{
	size_t n;

	pthread_mutex_lock(&pool.lock);
	n = pool.n;
	pthread_mutex_unlock(&pool.lock);
	return (unsigned)n;
}
