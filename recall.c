/* SPDX-License-Identifier: MIT */
/*
 * recall: a list in order of age, looked through from its end; some hundred
 * entries at most. One lock, a leaf: no call leaves it but for memory.
 *
 * Limits: RECALL_MAX bytes in all, a quarter of it for one entry, RECALL_MS.
 */
#include "recall.h"

#include <pthread.h>
#include <string.h>

struct entry {
	struct entry *next; /* younger */
	size_t size;        /* of the allocation */
	int64_t born;
	size_t who_n, id_n, data_n;
	char bytes[]; /* who, id, data */
};

static struct {
	pthread_mutex_t lock;
	struct entry *oldest, **last;
	uint64_t bytes;
} table = { PTHREAD_MUTEX_INITIALIZER, NULL, NULL, 0 };

static struct str
who_of(const struct entry *e)
{
	return (struct str){ e->bytes, e->who_n };
}

static struct str
id_of(const struct entry *e)
{
	return (struct str){ e->bytes + e->who_n, e->id_n };
}

/* Take *at out of the list. */
static void
drop(struct entry **at)
{
	struct entry *e = *at;

	*at = e->next;
	if (table.last == &e->next)
		table.last = at;
	table.bytes -= e->size;
	mem_release(e->size);
	mem_free(e);
}

static struct entry **
find(struct str who, struct str id)
{
	struct entry **at;

	for (at = &table.oldest; *at != NULL; at = &(*at)->next)
		if (str_eq(id_of(*at), id) && str_eq(who_of(*at), who))
			return at;
	return NULL;
}

static struct entry *
entry_new(struct str who, struct str id, struct str data, int64_t now)
{
	size_t size = sizeof(struct entry) + who.n + id.n + data.n;
	struct entry *e;

	if (size > RECALL_MAX / 4 || !mem_reserve(size))
		return NULL;
	e = mem_alloc(size);
	if (e == NULL) {
		mem_release(size);
		return NULL;
	}
	*e = (struct entry){ .size = size, .born = now, .who_n = who.n,
		.id_n = id.n, .data_n = data.n };
	memcpy(e->bytes, who.p, who.n);
	memcpy(e->bytes + who.n, id.p, id.n);
	memcpy(e->bytes + who.n + id.n, data.p, data.n);
	return e;
}

void
recall_put(struct str who, struct str id, struct str data, int64_t now)
{
	struct entry *e, **same;

	if (who.n == 0 || id.n == 0 || data.n == 0)
		return;
	pthread_mutex_lock(&table.lock);
	if (table.last == NULL)
		table.last = &table.oldest;
	same = find(who, id);
	if (same != NULL)
		drop(same);
	e = entry_new(who, id, data, now);
	if (e != NULL) {
		*table.last = e;
		table.last = &e->next;
		table.bytes += e->size;
	}
	while (table.oldest != NULL && (table.bytes > RECALL_MAX ||
	    now - table.oldest->born > RECALL_MS))
		drop(&table.oldest);
	pthread_mutex_unlock(&table.lock);
}

struct str
recall_get(struct str who, struct str id, struct arena *a, int64_t now)
{
	struct str found = { NULL, 0 };
	struct entry **at;

	pthread_mutex_lock(&table.lock);
	at = find(who, id);
	if (at != NULL && now - (*at)->born <= RECALL_MS)
		found = arena_dup(a, (struct str){ (*at)->bytes +
		    (*at)->who_n + (*at)->id_n, (*at)->data_n });
	pthread_mutex_unlock(&table.lock);
	return found;
}

uint64_t
recall_bytes(void)
{
	uint64_t n;

	pthread_mutex_lock(&table.lock);
	n = table.bytes;
	pthread_mutex_unlock(&table.lock);
	return n;
}

void
recall_clear(void)
{
	pthread_mutex_lock(&table.lock);
	while (table.oldest != NULL)
		drop(&table.oldest);
	pthread_mutex_unlock(&table.lock);
}
