/* SPDX-License-Identifier: MIT */
/*
 * clients: who is connected. A thread is woken by shutdown(2) of its
 * descriptor's read side, which every poll(2) reports: so no wake-up pipe is
 * needed in any poll set. A slot is left before its descriptor is closed, so a
 * descriptor number that was given out again is never shut down by mistake.
 */
#include "clients.h"

#include <pthread.h>
#include <sys/socket.h>

struct client {
	int fd; /* -1: free */
	bool idle;
	bool dying; /* shut down; does not count any more */
	int64_t since; /* ms, when it became idle */
};

static struct {
	pthread_mutex_t lock;
	struct client *v;
	size_t size;  /* slots, with spare ones for the dying */
	size_t max;   /* living connections allowed */
	size_t count; /* living */
	size_t used;  /* living and dying */
	bool stopping;
} table = { .lock = PTHREAD_MUTEX_INITIALIZER };

#define SPARE 32

int
clients_setup(size_t max, struct err *e)
{
	size_t size = max + SPARE, i;
	struct client *v;

	pthread_mutex_lock(&table.lock);
	if (size > table.size) {
		v = mem_realloc(table.v, size * sizeof(*v));
		if (v == NULL) {
			pthread_mutex_unlock(&table.lock);
			return err_set(e, ERR_MEM, "max_clients %zu: no memory",
			    max);
		}
		for (i = table.size; i < size; i++)
			v[i] = (struct client){ .fd = -1 };
		table.v = v;
		table.size = size;
	}
	table.max = max;
	pthread_mutex_unlock(&table.lock);
	return 0;
}

/* Shut the longest idle connection down; false when none is idle. Called with
 * the lock held; shutdown(2) does not wait. */
static bool
drop_longest_idle(void)
{
	struct client *oldest = NULL;
	size_t i;

	for (i = 0; i < table.size; i++) {
		struct client *c = &table.v[i];

		if (c->fd >= 0 && c->idle && !c->dying &&
		    (oldest == NULL || c->since < oldest->since))
			oldest = c;
	}
	if (oldest == NULL)
		return false;
	oldest->dying = true;
	table.count--;
	shutdown(oldest->fd, SHUT_RD);
	return true;
}

int
clients_enter(int fd)
{
	int slot = -1;
	size_t i;

	pthread_mutex_lock(&table.lock);
	if (!table.stopping &&
	    (table.count < table.max || drop_longest_idle())) {
		for (i = 0; i < table.size && slot < 0; i++)
			if (table.v[i].fd < 0)
				slot = (int)i;
	}
	if (slot >= 0) {
		table.v[slot] = (struct client){ .fd = fd };
		table.count++;
		table.used++;
	}
	pthread_mutex_unlock(&table.lock);
	return slot;
}

void
clients_busy(int slot)
{
	pthread_mutex_lock(&table.lock);
	table.v[slot].idle = false;
	pthread_mutex_unlock(&table.lock);
}

bool
clients_idle(int slot)
{
	struct client *c;
	bool stay;

	pthread_mutex_lock(&table.lock);
	c = &table.v[slot];
	stay = !table.stopping && !c->dying;
	c->idle = true;
	c->since = now_ms();
	pthread_mutex_unlock(&table.lock);
	return stay;
}

void
clients_leave(int slot)
{
	pthread_mutex_lock(&table.lock);
	if (!table.v[slot].dying)
		table.count--;
	table.used--;
	table.v[slot] = (struct client){ .fd = -1 };
	pthread_mutex_unlock(&table.lock);
}

size_t
clients_count(void)
{
	size_t n;

	pthread_mutex_lock(&table.lock);
	n = table.used;
	pthread_mutex_unlock(&table.lock);
	return n;
}

static void
shut(bool busy_too)
{
	size_t i;

	pthread_mutex_lock(&table.lock);
	table.stopping = true;
	for (i = 0; i < table.size; i++) {
		struct client *c = &table.v[i];

		if (c->fd >= 0 && (c->idle || busy_too))
			shutdown(c->fd, SHUT_RD);
	}
	pthread_mutex_unlock(&table.lock);
}

void
clients_stop(void)
{
	shut(false);
}

void
clients_abort(void)
{
	shut(true);
}

bool
clients_stopping(void)
{
	bool stopping;

	pthread_mutex_lock(&table.lock);
	stopping = table.stopping;
	pthread_mutex_unlock(&table.lock);
	return stopping;
}
