/* SPDX-License-Identifier: MIT */
/*
 * recall: opaque reasoning for clients whose dialect has no field for it (Chat
 * Completions). It is kept under the id of the tool call that came behind it,
 * and found again when the client sends that call back with its result.
 * One table for all threads, in memory only; the oldest goes first.
 */
#ifndef LLMUX_RECALL_H
#define LLMUX_RECALL_H

#include "base.h"

#define RECALL_MAX (256 * 1024) /* bytes of the table */
#define RECALL_MS (3600 * 1000) /* older ones are not given */

/* Keep data under who (the local key's name) and id; replaces what was there.
 * What does not fit is not kept: it is a help, no promise. */
void recall_put(struct str who, struct str id, struct str data, int64_t now);
/* A copy in a; absent: there is none (or no memory). */
struct str recall_get(struct str who, struct str id, struct arena *a,
    int64_t now);
/* Bytes in use, for metrics and tests. */
uint64_t recall_bytes(void);
void recall_clear(void);

#endif
