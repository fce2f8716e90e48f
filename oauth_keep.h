/* SPDX-License-Identifier: MIT */
/* oauth_keep: the table of accounts, shared by oauth_keep.c (credentials and
 * refreshes) and oauth_idle.c (what happens while nobody asks). */
#ifndef LLMUX_OAUTH_KEEP_H
#define LLMUX_OAUTH_KEEP_H

#include <pthread.h>
#include <sys/stat.h>
#include <time.h>

#include "oauth.h"

#define KEEP_EARLY_S 300 /* refresh from here on */
#define KEEP_SAVE_AGAIN_MS 30000

/* What a file was when it was read. */
struct mark {
	bool there;
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec time;
};

struct account {
	struct account *next;
	char name[40];
	char path[LOGIN_PATH_MAX];
	struct login l;
	bool have;          /* l is a login */
	bool unsaved;       /* l is newer than the file */
	unsigned char spent[32]; /* unsaved: SHA-256 of the refresh token that
	                          * the file still has */
	bool refreshing;
	struct mark mark;
	int64_t looked_ms;  /* 0: never */
	uint32_t turn;
	int64_t not_before_ms, save_ms;
	unsigned failures;  /* transient ones in a row */
	enum err_kind last_kind;
	char last[200];     /* why the last refresh failed */
	uint64_t refreshes, refresh_failures;
};

/* All accounts, for the life of the process; leaf lock. */
extern struct keep_table {
	pthread_mutex_t lock;
	pthread_cond_t turned; /* a refresh has ended; monotonic clock */
	bool ready, stopping;
	struct account *first;
} keep_table;

void keep_lock(void);
void keep_unlock(void);
/* With the lock: wait for the end of a refresh, at most until due. */
void keep_wait(int64_t due);
/* The account of p, its file looked at (force: in any case; else once a second
 * at most). NULL: none, or no memory. */
struct account *keep_account(const struct conf *c, const struct provider *p,
    bool force, struct err *e);
struct mark keep_mark(const char *path);
/* A credential that the configuration gives and that comes first. */
bool keep_from_conf(const struct provider *p, struct credential *out);
/* With the lock: can it be called with; can it be refreshed; seconds that the
 * token lives, INT64_MAX when nobody knows. */
bool keep_alive(const struct account *a);
bool keep_refreshable(const struct login *l);
int64_t keep_left(const struct login *l);
/* With the lock: refresh in a thread of its own, if none is under way and none
 * is held back. */
void keep_errand(struct account *a, const struct conf *c,
    const struct provider *p);

#endif
