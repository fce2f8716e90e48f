/* SPDX-License-Identifier: MIT */
/*
 * quota: what providers said last about their windows, in answer headers
 * (anthropic-ratelimit-unified-*, x-codex-*). One locked table of fixed size;
 * values keep their age and expire at their reset.
 */
#ifndef LLMUX_QUOTA_H
#define LLMUX_QUOTA_H

#include "../conf.h"
#include "../http.h"

#define QUOTA_WINDOWS 6

struct quota_window {
	char name[24];      /* "5h", "7d", "7d_opus", "primary", ... */
	unsigned permille;  /* used, 0..1000 and above when over */
	int64_t resets_at;  /* Unix seconds, 0: not known */
	int64_t seen_at;    /* Unix seconds */
};

/* Look at the answer head of provider p. now: Unix seconds. */
void quota_note(const struct provider *p, const struct http_head *h,
    int64_t now);
/* The windows of a provider that have not been reset since: how many. */
size_t quota_get(struct str provider, int64_t now,
    struct quota_window w[QUOTA_WINDOWS]);

#endif
